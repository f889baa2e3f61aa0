//! One example as the template shows it: takes what a model thought, gives drawings and captions in order; draws
//! nothing itself. Running text is set as text.

use std::collections::BTreeSet;

use serde::Serialize;

use super::grid::{Board, MOST_LETTERED, Told};
use super::results::{percent, plain};
use super::thinking::{Guess, Moment, Thinking};
use super::{running, tree};
use crate::data::{Dataset, Mark, Picture};

#[derive(Serialize)]
pub struct View {
    id: String,
    /// `Puzzle 17`, or the task that it asks under.
    name: String,
    /// Whether it is shown at once, or folded under its name.
    open: bool,
    rating: Option<String>,
    rating_name: String,
    solved: bool,
    unknown: bool,
    verdict: String,
    halted: String,
    /// Whether the cells are coloured tiles.
    coloured: bool,
    /// Whether it is running text.
    running: bool,
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
    /// The drawings above and below the thoughts, and what the merge prefers.
    fork: String,
    merge: String,
    preference: String,
    /// Width of the tree in pixels.
    width: usize,
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

/// What all examples of a page share.
pub struct Shared<'a> {
    pub data: &'a dyn Dataset,
    pub rating_name: &'a str,
    /// Whether the model learns when to stop.
    pub halts: bool,
    /// How many thoughts there are after each branch.
    pub tree: &'a [usize],
}

/// Pixels between two answers.
const GAP: usize = 16;
/// Pixels that the style sheet gives an answer, as text and as a fine grid; and to a cell of another.
const TEXT_WIDTH: usize = 334;
const FINE_WIDTH: usize = 150;
const CELL_WIDTH: usize = 16;
/// Pixels that a caption needs.
const LEAST_WIDTH: usize = 100;
/// Cells of a grid that is read out row by row, at most: a Sudoku.
const MOST_SPOKEN: usize = 81;

/// What stands on the page for one example; `at` tells its ids from others, `open` shows it at once.
pub fn view(at: usize, thinking: &Thinking, shared: &Shared, open: bool) -> View {
    let Shared { data, rating_name, halts, tree: levels } = *shared;
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

    let running = question.columns == 0;
    let drawn_on = Ground { board: &board, right: label.as_ref(), running };
    let column = GAP
        + match (running, question.columns) {
            (true, _) => TEXT_WIDTH,
            (false, columns) if columns > MOST_LETTERED => FINE_WIDTH,
            (false, columns) => (CELL_WIDTH * columns).max(LEAST_WIDTH),
        };
    let unit = drawn_on.unit();
    let judged = thinking.can_be_judged(data);
    let mut before: Option<&[i64]> = None;
    let mut steps = Vec::new();
    for (number, ((moment, drawn), drawn_thoughts)) in
        thinking.steps.iter().zip(&answers).zip(&thoughts).enumerate()
    {
        let tokens = moment.answer.tokens.as_slice();
        let changed = before.map(|before| differing(before, tokens));
        let (drawing, wrong) = answer(&drawn_on, drawn, &moment.answer, changed, thinking, data);
        let views: Vec<ThoughtView> = moment
            .thoughts
            .iter()
            .zip(drawn_thoughts)
            .enumerate()
            .map(|(number, (thought, drawn))| {
                let (drawing, wrong) = answer(&drawn_on, drawn, &thought.answer, None, thinking, data);
                ThoughtView {
                    number: number + 1,
                    drawing,
                    caption: if judged { errors(wrong, unit) } else { "unknown".to_owned() },
                    right: judged && wrong == 0,
                    weight: thought.weight.map(percent),
                    bar: format!("{:.1}", 100.0 * thought.weight.unwrap_or(0.0).clamp(0.0, 1.0)),
                }
            })
            .collect();
        let weights: Vec<Option<f64>> = moment.thoughts.iter().map(|thought| thought.weight).collect();
        let right: Vec<bool> = views.iter().map(|view| view.right).collect();
        let sure = moment.confidence.map(|sure| format!(" · {} sure", percent(sure))).unwrap_or_default();
        steps.push(StepView {
            number: number + 1,
            drawing,
            caption: format!("{}{sure}", if judged { errors(wrong, unit) } else { "unknown".to_owned() }),
            right: judged && wrong == 0,
            halts: thinking.halted_at == Some(number + 1),
            fork: tree::branches(levels, views.len().max(1), column),
            merge: tree::merge(&weights, column),
            preference: tree::preference(&weights, judged.then_some(right.as_slice())),
            width: views.len() * column,
            thoughts: views,
        });
        before = Some(tokens);
    }
    View {
        id: board.id.clone(),
        name: name(thinking, data, running),
        open,
        rating: thinking.rating.map(plain),
        rating_name: rating_name.to_owned(),
        solved: thinking.solved(data),
        unknown: !judged,
        verdict: verdict(thinking, data, unit),
        halted: match thinking.halted_at {
            _ if !halts => String::new(),
            Some(step) => format!("stops when sure: step {step} of {}", thinking.steps.len()),
            None => format!("never sure in {} steps", thinking.steps.len()),
        },
        coloured: question.is_coloured(),
        running,
        shared: if running { String::new() } else { board.shared(&question) },
        question: match running {
            true => running::plain(&question, "the question"),
            false => board.draw(&question, &Told::default(), "the question"),
        },
        // Running text has what is right above each guess.
        label: label.filter(|_| !running).map(|label| board.draw(&label, &Told::default(), "the label")),
        steps,
    }
}

/// The label, with the question where a cell has none.
fn labels(thinking: &Thinking) -> Vec<i64> {
    let pairs = thinking.label.iter().zip(&thinking.given);
    pairs.map(|(label, given)| if *label == crate::data::NO_LABEL { *given } else { *label }).collect()
}

/// `Puzzle 17`, `Text 17`; of ARC the task and what was done to it.
fn name(thinking: &Thinking, data: &dyn Dataset, running: bool) -> String {
    let identifier = data.arc().and_then(|set| {
        let example = data.test_example(thinking.index)?;
        Some(match set.identifiers.get(example.puzzle)?? {
            (task, copy) if *copy == Default::default() => format!("task {task}"),
            (task, _) => format!("task {task}, turned or recoloured"),
        })
    });
    match identifier {
        None if running => format!("Text {}", thinking.index),
        Some(task) => format!("Puzzle {}: {task}", thinking.index),
        None => format!("Puzzle {}", thinking.index),
    }
}

/// What answers are drawn on.
struct Ground<'a> {
    board: &'a Board,
    /// The label.
    right: Option<&'a Picture>,
    running: bool,
}

impl Ground<'_> {
    /// What one token is.
    fn unit(&self) -> &'static str {
        if self.running { "letter" } else { "cell" }
    }
}

/// The drawing of an answer, and how many cells of it are wrong.
fn answer(
    ground: &Ground,
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
    let spoken = if picture.cells.len() <= MOST_SPOKEN && !picture.is_coloured() {
        rows.join("; ")
    } else {
        String::new()
    };
    let told_wrong =
        if thinking.can_be_judged(data) { errors(wrong.len(), ground.unit()) } else { "unknown".to_owned() };
    let label = format!("{told_wrong}. {spoken}");
    let drawing = match ground.running {
        true => running::guess(ground.right, picture, &told, label.trim()),
        false => ground.board.draw(picture, &told, label.trim()),
    };
    (drawing, wrong.len())
}

fn read_out(row: &[crate::data::PictureCell]) -> String {
    let cell = |cell: &crate::data::PictureCell| match cell.mark {
        Mark::Blank => "blank".to_owned(),
        _ => cell.text.clone(),
    };
    row.iter().map(cell).collect::<Vec<_>>().join(" ")
}

fn errors(wrong: usize, unit: &str) -> String {
    match wrong {
        0 => "all right".to_owned(),
        1 => format!("1 {unit} wrong"),
        n => format!("{n} {unit}s wrong"),
    }
}

fn differing(before: &[i64], now: &[i64]) -> BTreeSet<usize> {
    before.iter().zip(now).enumerate().filter(|(_, (before, now))| before != now).map(|(at, _)| at).collect()
}

fn verdict(thinking: &Thinking, data: &dyn Dataset, unit: &str) -> String {
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
    format!("not solved: {wrong} of {} {unit}s wrong", thinking.asked())
}
