//! Many examples at once: takes what a model thought about all that it was watched on, gives how right the answers
//! and the single thoughts were step by step, and how alike the thoughts were.

use serde::Serialize;

use super::results::percent;
use super::thinking::{Guess, Thinking};
use super::tree;
use crate::chart::{Chart, Curve, Plot};
use crate::data::{Dataset, NO_LABEL};

/// More thoughts than this have no numbers in their matrix: they would not be legible.
const MOST_NUMBERS: usize = 16;

#[derive(Serialize)]
pub struct Likeness {
    /// Mean matrix after each step.
    steps: Vec<Heat>,
    over_time: Option<Chart>,
    thoughts: usize,
}

#[derive(Serialize)]
struct Heat {
    step: usize,
    /// Mean over the pairs of different thoughts.
    mean: String,
    rows: Vec<Vec<HeatCell>>,
    numbers: bool,
    size: usize,
    /// Pixels on the page; size of letters and room for the numbers of thoughts, in units of the drawing.
    width: usize,
    letters: String,
    margin: usize,
    /// Every so many thoughts have their number written.
    every: usize,
    summary: String,
}

#[derive(Serialize)]
struct HeatCell {
    x: usize,
    y: usize,
    fill: String,
    /// Whether light letters are needed.
    dark: bool,
    text: String,
    exact: String,
}

/// None where no similarity was recorded.
pub fn likeness(watched: &[Thinking]) -> Option<Likeness> {
    let steps = watched.iter().map(|thinking| thinking.steps.len()).max()?;
    let matrices: Vec<Vec<Vec<f64>>> = (0..steps).filter_map(|step| mean_matrix(watched, step)).collect();
    let thoughts = matrices.first()?.len();
    let curve = |name: &str, class: &str, value: fn(&[f64]) -> f64| Curve {
        name: name.to_owned(),
        class: class.to_owned(),
        dots: true,
        points: matrices
            .iter()
            .enumerate()
            .map(|(at, matrix)| ((at + 1) as f64, value(&pairs(matrix))))
            .collect(),
        ..Curve::default()
    };
    let over_time = Plot {
        title: "similarity of thoughts after each step".to_owned(),
        across: "supervision step".to_owned(),
        curves: vec![
            curve("mean over pairs", "c0", mean),
            curve("most alike pair", "c2", |pairs| pairs.iter().copied().fold(f64::MIN, f64::max)),
            curve("least alike pair", "c1", |pairs| pairs.iter().copied().fold(f64::MAX, f64::min)),
        ],
        ..Plot::default()
    };
    Some(Likeness {
        steps: matrices.iter().enumerate().map(|(at, matrix)| heat(at + 1, matrix)).collect(),
        over_time: over_time.lay_out(),
        thoughts,
    })
}

fn mean_matrix(watched: &[Thinking], step: usize) -> Option<Vec<Vec<f64>>> {
    let of_step = |thinking: &Thinking| thinking.steps.get(step).map(|moment| moment.similarity.clone());
    let all: Vec<Vec<Vec<f64>>> = watched.iter().filter_map(of_step).collect();
    let size = all.first().map(Vec::len).filter(|size| *size > 1)?;
    let all: Vec<_> = all.into_iter().filter(|matrix| matrix.len() == size).collect();
    let cell = |row: usize, column: usize| {
        mean(&all.iter().filter_map(|matrix| matrix.get(row)?.get(column).copied()).collect::<Vec<_>>())
    };
    Some((0..size).map(|row| (0..size).map(|column| cell(row, column)).collect()).collect())
}

fn pairs(matrix: &[Vec<f64>]) -> Vec<f64> {
    let rows = matrix.iter().enumerate();
    rows.flat_map(|(row, values)| {
        values.iter().enumerate().filter(move |(column, _)| *column != row).map(|(_, value)| *value)
    })
    .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn heat(step: usize, matrix: &[Vec<f64>]) -> Heat {
    let numbers = matrix.len() <= MOST_NUMBERS;
    let cell = |row: usize, column: usize, value: f64| {
        let (fill, dark) = colour(value);
        let text = match numbers {
            true => format!("{value:.2}").replacen("0.", ".", 1).replace("1.00", "1"),
            false => String::new(),
        };
        HeatCell { x: column, y: row, fill, dark, text, exact: format!("{value:.4}") }
    };
    let mean = format!("{:.3}", mean(&pairs(matrix)));
    let shown = Shown::of(matrix.len());
    Heat {
        step,
        summary: format!(
            "Cosine similarity of {} thoughts after step {step}: {mean} on average over pairs",
            matrix.len()
        ),
        mean,
        rows: matrix
            .iter()
            .enumerate()
            .map(|(row, values)| {
                values.iter().enumerate().map(|(column, value)| cell(row, column, *value)).collect()
            })
            .collect(),
        numbers,
        size: matrix.len(),
        width: shown.width,
        letters: format!("{:.1}", shown.letters),
        margin: shown.margin,
        every: shown.every,
    }
}

/// How large a matrix is shown.
struct Shown {
    width: usize,
    letters: f64,
    margin: usize,
    every: usize,
}

/// Width of a cell in units of the drawing.
const CELL: usize = 22;
/// The smallest letters on the page, in pixels.
const SMALLEST: f64 = 12.0;

impl Shown {
    /// Cells of a small matrix are as wide as their number needs; a large one has the width of a telephone.
    fn of(size: usize) -> Shown {
        let width = if size <= MOST_NUMBERS { (size * 34).max(150) } else { 360 };
        // Room for two or three digits at the edge takes part in what is scaled.
        let mut margin = 14;
        let mut letters = SMALLEST;
        for _ in 0..3 {
            letters = SMALLEST * (size * CELL + margin + 2) as f64 / width as f64;
            margin = (1.7 * letters).ceil() as usize;
        }
        let every = (1.6 * letters / CELL as f64).ceil().max(1.0) as usize;
        Shown { width, letters, margin, every }
    }
}

/// From pale at 0 to deep blue at 1; towards orange below 0. And whether letters on it must be light.
fn colour(value: f64) -> (String, bool) {
    const PALE: [f64; 3] = [244.0, 246.0, 250.0];
    const ALIKE: [f64; 3] = [20.0, 62.0, 128.0];
    const OPPOSED: [f64; 3] = [166.0, 66.0, 8.0];
    let end = if value < 0.0 { OPPOSED } else { ALIKE };
    let share = value.abs().min(1.0);
    let [red, green, blue] =
        [0, 1, 2].map(|part| (PALE[part] * (1.0 - share) + end[part] * share).round() as u8);
    (format!("#{red:02x}{green:02x}{blue:02x}"), share > 0.55)
}

/// Right cells and solved examples after each step, over everything watched.
pub fn by_step(watched: &[Thinking], data: &dyn Dataset) -> Option<Chart> {
    let labelled: Vec<&Thinking> = watched.iter().filter(|thinking| thinking.has_label()).collect();
    let steps = labelled.iter().map(|thinking| thinking.steps.len()).max().filter(|steps| *steps > 1)?;
    let curve = |name: &str, class: &str, value: &dyn Fn(&Thinking, &Guess) -> f64| Curve {
        name: name.to_owned(),
        class: class.to_owned(),
        dots: true,
        points: (0..steps)
            .map(|step| {
                let values: Vec<f64> = labelled
                    .iter()
                    .filter_map(|thinking| Some(value(thinking, &thinking.steps.get(step)?.answer)))
                    .collect();
                ((step + 1) as f64, mean(&values))
            })
            .collect(),
        ..Curve::default()
    };
    let exact = |thinking: &Thinking, guess: &Guess| f64::from(thinking.solves(&guess.tokens, data));
    let plot = Plot {
        title: format!("{} test puzzles after each step", labelled.len()),
        across: "supervision step".to_owned(),
        curves: vec![
            curve("cells right", "c0", &|thinking, guess| accuracy(thinking, guess)),
            curve("whole answers right", "c1", &exact),
        ],
        range: Some((0.0, 1.0)),
        may_be_log: false,
    };
    plot.lay_out()
}

/// Share of the labelled cells that are right, as the metric `accuracy` counts them.
fn accuracy(thinking: &Thinking, guess: &Guess) -> f64 {
    let labelled = thinking.label.iter().zip(&guess.tokens).filter(|(label, _)| **label != NO_LABEL);
    let (right, all) = labelled.fold((0usize, 0usize), |(right, all), (label, token)| {
        (right + usize::from(label == token), all + 1)
    });
    right as f64 / all.max(1) as f64
}

#[derive(Serialize)]
pub struct ThoughtRow {
    name: String,
    accuracy: String,
    exact: String,
    weight: String,
    /// Widths of the bars, in percent.
    accuracy_bar: String,
    weight_bar: String,
}

/// How right each thought alone is after the last step, beside the merged answer; empty where there are no thoughts.
pub fn thoughts(watched: &[Thinking], data: &dyn Dataset) -> Vec<ThoughtRow> {
    let last: Vec<_> = watched
        .iter()
        .filter(|thinking| thinking.has_label())
        .filter_map(|thinking| Some((thinking, thinking.steps.last()?)))
        .collect();
    let count = last.iter().map(|(_, moment)| moment.thoughts.len()).min().unwrap_or(0);
    if count == 0 {
        return Vec::new();
    }
    let row = |name: String, guesses: Vec<(&Thinking, &Guess)>, weights: Option<Vec<f64>>| {
        let accuracy =
            mean(&guesses.iter().map(|(thinking, guess)| accuracy(thinking, guess)).collect::<Vec<_>>());
        let exact = guesses.iter().map(|(thinking, guess)| f64::from(thinking.solves(&guess.tokens, data)));
        let weight = weights.filter(|weights| !weights.is_empty()).map(|weights| mean(&weights));
        ThoughtRow {
            name,
            accuracy: format!("{accuracy:.4}"),
            exact: format!("{:.4}", mean(&exact.collect::<Vec<_>>())),
            weight: weight.map_or(String::new(), |weight| format!("{weight:.3}")),
            accuracy_bar: format!("{:.1}", 100.0 * accuracy),
            weight_bar: format!("{:.1}", 100.0 * weight.unwrap_or(0.0).clamp(0.0, 1.0)),
        }
    };
    let of_thought = |at: usize| {
        let found =
            || last.iter().filter_map(move |(thinking, moment)| Some((*thinking, moment.thoughts.get(at)?)));
        let guesses = found().map(|(thinking, thought)| (thinking, &thought.answer)).collect();
        row(
            format!("thought {}", at + 1),
            guesses,
            Some(found().filter_map(|(_, thought)| thought.weight).collect()),
        )
    };
    let merged = last.iter().map(|(thinking, moment)| (*thinking, &moment.answer)).collect();
    (0..count).map(of_thought).chain([row("merged".to_owned(), merged, None)]).collect()
}

/// What the merge prefers over everything watched, after the last step, in a sentence or two; none where the weights are
/// not known.
pub fn preference(watched: &[Thinking]) -> Option<String> {
    let mut spread = Vec::new();
    let mut heaviest = Vec::new();
    let mut preferring = 0usize;
    let (mut hits, mut blind) = (Vec::new(), Vec::new());
    let mut thoughts = 0;
    for thinking in watched {
        let Some(moment) = thinking.steps.last() else { continue };
        let weights: Vec<f64> = moment.thoughts.iter().filter_map(|thought| thought.weight).collect();
        if weights.len() < 2 || weights.len() != moment.thoughts.len() {
            continue;
        }
        thoughts = weights.len();
        spread.push(tree::effective(&weights));
        preferring += usize::from(tree::favourite(&weights).is_some());
        let most = weights.iter().copied().fold(f64::MIN, f64::max);
        heaviest.push(most);
        if thinking.has_label() {
            let right: Vec<f64> =
                moment.thoughts.iter().map(|thought| accuracy(thinking, &thought.answer)).collect();
            let best = right.iter().copied().fold(f64::MIN, f64::max);
            let is_best: Vec<f64> = right.iter().map(|right| f64::from(*right == best)).collect();
            blind.push(mean(&is_best));
            // Of thoughts with one weight none is liked better: they share the hit.
            let liked = weights.iter().zip(&is_best).filter(|(weight, _)| **weight == most);
            hits.push(mean(&liked.map(|(_, is_best)| *is_best).collect::<Vec<_>>()));
        }
    }
    if spread.is_empty() {
        return None;
    }
    let count = spread.len();
    let mut told = match preferring {
        0 => format!("The merge prefers no thought in any of {count} puzzles"),
        n => format!("The merge prefers a thought in {n} of {count} puzzles"),
    };
    told += &format!(
        ": the heaviest weighs {:.3} on average where even would be {:.3}, and the weights amount to {:.2} of {thoughts} \
         thoughts.",
        mean(&heaviest),
        1.0 / thoughts as f64,
        mean(&spread)
    );
    if !hits.is_empty() {
        told += &format!(
            " The heaviest is among the most right thoughts in {} of puzzles; one picked blindly would be in {}.",
            percent(mean(&hits)),
            percent(mean(&blind))
        );
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::thinking::Moment;

    #[test]
    fn matrices_are_averaged_over_examples() {
        let thinking = |value: f64| Thinking {
            steps: vec![Moment { similarity: vec![vec![1.0, value], vec![value, 1.0]], ..Moment::default() }],
            ..Thinking::default()
        };
        let matrix = mean_matrix(&[thinking(0.25), thinking(0.75)], 0).unwrap();
        assert_eq!(matrix, [[1.0, 0.5], [0.5, 1.0]]);
        assert_eq!(pairs(&matrix), [0.5, 0.5]);
        assert!(likeness(&[Thinking::default()]).is_none());
    }

    #[test]
    fn a_merge_that_likes_the_best_thought_is_told_from_one_that_likes_none() {
        use crate::report::page::thinking::Thought;
        let thinking = |weights: [f64; 2]| Thinking {
            label: vec![2, 3],
            steps: vec![Moment {
                thoughts: [([2, 3], weights[0]), ([2, 4], weights[1])]
                    .map(|(tokens, weight)| Thought {
                        answer: Guess { tokens: tokens.to_vec(), probabilities: vec![1.0; 2] },
                        weight: Some(weight),
                    })
                    .to_vec(),
                ..Moment::default()
            }],
            ..Thinking::default()
        };
        let told = preference(&[thinking([0.8, 0.2]), thinking([0.9, 0.1])]).unwrap();
        assert!(
            told.starts_with("The merge prefers a thought in 2 of 2 puzzles: the heaviest weighs 0.850"),
            "{told}"
        );
        assert!(told.contains("in 100 % of puzzles; one picked blindly would be in 50 %"), "{told}");
        let even = preference(&[thinking([0.5, 0.5])]).unwrap();
        assert!(even.starts_with("The merge prefers no thought") && even.contains("2.00 of 2"), "{even}");
        assert!(even.contains("in 50 % of puzzles; one picked blindly would be in 50 %"), "{even}");
        assert!(preference(&[Thinking::default()]).is_none());
    }

    #[test]
    fn letters_beside_a_matrix_can_be_read_and_do_not_touch() {
        for size in 2..=64 {
            let Shown { width, letters, margin, every } = Shown::of(size);
            let scale = width as f64 / (size * CELL + margin + 2) as f64;
            assert!(letters * scale >= 11.0, "{size}: {letters} at {scale}");
            assert!((every * CELL) as f64 >= 1.2 * letters, "{size}: {letters} every {every}");
        }
    }

    #[test]
    fn colours_go_from_pale_to_deep() {
        assert_eq!(colour(0.0), ("#f4f6fa".to_owned(), false));
        assert_eq!(colour(1.0), ("#143e80".to_owned(), true));
        assert_eq!(colour(-2.0).0, "#a64208");
    }
}
