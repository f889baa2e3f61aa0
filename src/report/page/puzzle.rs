//! One example as the template shows it: takes what a model thought, gives drawings and captions in order; draws
//! nothing itself.

use std::collections::BTreeSet;

use serde::Serialize;

use super::grid::{Board, Told};
use super::results::plain;
use super::thinking::{Guess, Moment, Thinking};
use crate::data::{Dataset, Mark, Picture};

#[derive(Serialize)]
pub struct View {
    id: String,
    index: usize,
    rating: Option<String>,
    rating_name: String,
    solved: bool,
    unknown: bool,
    verdict: String,
    halted: String,
    /// Whether the cells are coloured tiles.
    coloured: bool,
    shared: String,
    question: String,
    label: Option<String>,
    steps: Vec<StepView>,
}

#[derive(Serialize)]
struct StepView {
    number: usize,
    drawing: String,
    caption: String,
    /// Nothing is wrong.
    right: bool,
    /// The model would have stopped here.
    halts: bool,
    thoughts: Vec<ThoughtView>,
}

#[derive(Serialize)]
struct ThoughtView {
    number: usize,
    drawing: String,
    caption: String,
    right: bool,
    weight: Option<String>,
    /// Width of the bar, in percent.
    bar: String,
}

/// What stands on the page for one example; `at` tells its ids from others.
/// `halts`: the model learns when to stop.
pub fn view(at: usize, thinking: &Thinking, data: &dyn Dataset, rating_name: &str, halts: bool) -> View {
    let picture = |tokens: &[i64]| data.picture(tokens, &thinking.given);
    let question = picture(&thinking.given);
    let label = thinking.has_label().then(|| picture(&labels(thinking)));
    let answers: Vec<Picture> = thinking.steps.iter().map(|moment| picture(&moment.answer.tokens)).collect();
    let thoughts = |moment: &Moment| -> Vec<Picture> {
        moment.thoughts.iter().map(|thought| picture(&thought.answer.tokens)).collect()
    };
    let thoughts: Vec<Vec<Picture>> = thinking.steps.iter().map(thoughts).collect();
    let all: Vec<&Picture> =
        std::iter::once(&question).chain(&label).chain(&answers).chain(thoughts.iter().flatten()).collect();
    let board = Board::new(format!("p{at}"), &all);

    let judged = thinking.can_be_judged(data);
    let mut before: Option<&[i64]> = None;
    let mut steps = Vec::new();
    for (number, ((moment, drawn), drawn_thoughts)) in
        thinking.steps.iter().zip(&answers).zip(&thoughts).enumerate()
    {
        let tokens = moment.answer.tokens.as_slice();
        let changed = before.map(|before| differing(before, tokens));
        let (drawing, wrong) = answer(&board, drawn, &moment.answer, changed, thinking, data);
        let views =
            moment.thoughts.iter().zip(drawn_thoughts).enumerate().map(|(number, (thought, drawn))| {
                let (drawing, wrong) = answer(&board, drawn, &thought.answer, None, thinking, data);
                ThoughtView {
                    number: number + 1,
                    drawing,
                    caption: if judged { errors(wrong) } else { "unknown".to_owned() },
                    right: judged && wrong == 0,
                    weight: thought.weight.map(percent),
                    bar: format!("{:.1}", 100.0 * thought.weight.unwrap_or(0.0).clamp(0.0, 1.0)),
                }
            });
        let sure = moment.confidence.map(|sure| format!(" · {} sure", percent(sure))).unwrap_or_default();
        steps.push(StepView {
            number: number + 1,
            drawing,
            caption: format!("{}{sure}", if judged { errors(wrong) } else { "unknown".to_owned() }),
            right: judged && wrong == 0,
            halts: thinking.halted_at == Some(number + 1),
            thoughts: views.collect(),
        });
        before = Some(tokens);
    }
    View {
        id: board.id.clone(),
        index: thinking.index,
        rating: thinking.rating.map(plain),
        rating_name: rating_name.to_owned(),
        solved: thinking.solved(data),
        unknown: !judged,
        verdict: verdict(thinking, data),
        halted: match thinking.halted_at {
            _ if !halts => String::new(),
            Some(step) => format!("stops when sure: step {step} of {}", thinking.steps.len()),
            None => format!("never sure in {} steps", thinking.steps.len()),
        },
        coloured: question.is_coloured(),
        shared: board.shared(&question),
        question: board.draw(&question, &Told::default(), "the question"),
        label: label.map(|label| board.draw(&label, &Told::default(), "the label")),
        steps,
    }
}

/// The label, with the question where a cell has none.
fn labels(thinking: &Thinking) -> Vec<i64> {
    let pairs = thinking.label.iter().zip(&thinking.given);
    pairs.map(|(label, given)| if *label == crate::data::NO_LABEL { *given } else { *label }).collect()
}

/// The drawing of an answer, and how many cells of it are wrong.
fn answer(
    board: &Board,
    picture: &Picture,
    guess: &Guess,
    changed: Option<BTreeSet<usize>>,
    thinking: &Thinking,
    data: &dyn Dataset,
) -> (String, usize) {
    let wrong = thinking.wrong(&guess.tokens, data);
    let told = Told { sure: Some(&guess.probabilities), wrong: Some(&wrong), changed: changed.as_ref() };
    let rows: Vec<String> = match picture.columns {
        0 => Vec::new(),
        columns => picture.cells.chunks(columns).map(read_out).collect(),
    };
    // Rows read out help for small grids only.
    let spoken =
        if picture.cells.len() <= 81 && !picture.is_coloured() { rows.join("; ") } else { String::new() };
    let told_wrong = if thinking.can_be_judged(data) { errors(wrong.len()) } else { "unknown".to_owned() };
    let label = format!("{told_wrong}. {spoken}");
    (board.draw(picture, &told, label.trim()), wrong.len())
}

fn read_out(row: &[crate::data::PictureCell]) -> String {
    let cell = |cell: &crate::data::PictureCell| match cell.mark {
        Mark::Blank => "blank".to_owned(),
        _ => cell.text.clone(),
    };
    row.iter().map(cell).collect::<Vec<_>>().join(" ")
}

fn errors(wrong: usize) -> String {
    match wrong {
        0 => "all right".to_owned(),
        1 => "1 cell wrong".to_owned(),
        n => format!("{n} cells wrong"),
    }
}

fn differing(before: &[i64], now: &[i64]) -> BTreeSet<usize> {
    before.iter().zip(now).enumerate().filter(|(_, (before, now))| before != now).map(|(at, _)| at).collect()
}

/// `97 %`; tenths where they matter.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p > 0.0 && p < 0.05 => "< 0.1 %".to_owned(),
        p if p < 1.0 || (99.0..99.95).contains(&p) => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

fn verdict(thinking: &Thinking, data: &dyn Dataset) -> String {
    let Some(last) = thinking.steps.last() else { return "no answer".to_owned() };
    if !thinking.can_be_judged(data) {
        return "unknown: the right answer is not known".to_owned();
    }
    if let Some(step) = thinking.right_since(data) {
        return format!("solved at step {step} of {}", thinking.steps.len());
    }
    if thinking.has_label() && data.validate(&thinking.given, &last.answer.tokens).solved() {
        return "solved, by another answer than the label".to_owned();
    }
    let wrong = thinking.wrong(&last.answer.tokens, data).len();
    format!("not solved: {wrong} of {} cells wrong", thinking.asked())
}
