//! Looking at a model think: takes questions, gives after every step the answer, the answer that each thought alone
//! would give, what each thought weighs, and how alike they are; never looks at a label.
//!
//! What a model lets see of its thoughts are three predictions, each optional: `thought_logits` `[batch, THOUGHT, ..,
//! TOKEN]`, `thought_weights` `[batch, THOUGHT]` and `thought_similarity` `[batch, PAIRS]` (all ordered pairs of
//! different thoughts, row by row).

use tch::{TchError, Tensor};

use super::columns::Columns;
use super::error::{Doing, TrainError};
use super::evaluate::{Request, run_queue, steps_of};
use super::halting::row_seed;
use super::predict::{Answer, Prediction, answers, likeliest, lines};
use super::supervision::SupervisionStep;
use crate::data::{Dataset, Example, NO_LABEL};
use crate::exec::{Outputs, Weights};
use crate::ir::{InputRole, OutputKind};
use crate::lower::Program;

/// One example, step by step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// The answers step by step.
    pub prediction: Prediction,
    /// The thoughts of step 1, 2, and so on, as they were when they were merged last.
    pub thoughts: Vec<Thoughts>,
}

/// The thoughts at the end of one step; everything is empty where the model does not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thoughts {
    /// What each thought would answer.
    pub answers: Vec<Answer>,
    /// What each counts for in the merge; they sum to 1.
    pub weights: Vec<f64>,
    /// Cosine similarity of each pair, `[thought, thought]`, with 1 on the diagonal.
    pub similarity: Vec<Vec<f64>>,
}

/// Answers `examples` as `predict` does and keeps the thoughts too. `model` must be compiled with `Values::Thoughts`;
/// compiled otherwise, it shows none.
pub fn watch(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    examples: &[Example],
    steps: Option<usize>,
    seed: u64,
) -> Result<Vec<Watched>, TrainError> {
    let columns = Columns::pair(model.program(), data)?;
    let mut watched = vec![Watched::default(); examples.len()];
    let mut requests = (0..).zip(examples).map(|(number, example)| Request {
        number,
        example: Example { labels: vec![NO_LABEL; example.labels.len()], ..example.clone() },
        draws: row_seed(seed, 0, number as u64),
    });
    run_queue(model, weights, &columns, &mut requests, steps_of(model, steps) as usize, |moment| {
        let mut answers = answers(moment)?;
        let mut thoughts =
            thoughts(moment.program, moment.outputs, moment.slots.len()).doing("reading the thoughts")?;
        for (row, slot) in moment.occupied() {
            let (Some(place), Some((answer, halts)), Some(thoughts)) =
                (watched.get_mut(slot.number), answers.get_mut(row), thoughts.get_mut(row))
            else {
                continue;
            };
            place.prediction.steps.push(std::mem::take(answer));
            place.prediction.halted_at = place.prediction.halted_at.or(halts.then_some(slot.step));
            place.thoughts.push(std::mem::take(thoughts));
        }
        Ok(vec![false; moment.slots.len()])
    })?;
    Ok(watched)
}

/// The thoughts of each row.
fn thoughts(program: &Program, outputs: &Outputs, rows: usize) -> Result<Vec<Thoughts>, TchError> {
    let mut found = vec![Thoughts::default(); rows];
    // Where a config leaves nothing to tell, a model may predict a mere number.
    let told = |name: &str| {
        let id = program.output(OutputKind::Prediction, name)?;
        outputs.values.at(id).filter(|value| value.dim() > 1)
    };
    let per_row = |name: &str| told(name).map(|value| lines(value, rows)).transpose();
    if let Some((logits, count)) = thought_logits(program, outputs)? {
        let (tokens, probabilities) = likeliest(&logits)?;
        for ((found, tokens), probabilities) in found.iter_mut().zip(tokens).zip(probabilities) {
            let cells = (tokens.len() / count).max(1);
            let each = tokens.chunks(cells).zip(probabilities.chunks(cells));
            found.answers = each
                .map(|(tokens, probabilities)| Answer {
                    tokens: tokens.to_vec(),
                    probabilities: probabilities.to_vec(),
                    ..Answer::default()
                })
                .collect();
        }
    }
    if let Some(weights) = per_row("thought_weights")? {
        for (found, weights) in found.iter_mut().zip(weights) {
            found.weights = weights;
        }
    }
    if let Some(pairs) = per_row("thought_similarity")? {
        for (found, pairs) in found.iter_mut().zip(pairs) {
            found.similarity = square(&pairs);
        }
    }
    Ok(found)
}

/// `[rows, thoughts * cells, tokens]`, and the number of thoughts.
fn thought_logits(program: &Program, outputs: &Outputs) -> Result<Option<(Tensor, usize)>, TchError> {
    let target = program.inputs.iter().find(|input| input.role == InputRole::Target);
    let id = program.output(OutputKind::Prediction, "thought_logits");
    let (Some(target), Some(id)) = (target, id) else { return Ok(None) };
    let (output, Some(value)) = (&program.outputs[id.0], outputs.values.at(id)) else { return Ok(None) };
    let names: Vec<&str> = output.ty.axes().map(|axis| program.axes.name(axis)).collect();
    let place = |name: &str| names.iter().position(|other| *other == name);
    let symbol = target.index_of.as_deref().and_then(place);
    let cells: Option<Vec<usize>> = target.axes.iter().map(|axis| place(axis)).collect();
    let (Some(symbol), Some(cells)) = (symbol, cells) else { return Ok(None) };
    let Some((batch, cells)) = cells.split_first() else { return Ok(None) };
    let own: Vec<usize> = (0..names.len())
        .filter(|place| place != batch && *place != symbol && !cells.contains(place))
        .collect();
    let size = value.size();
    let count = own.iter().filter_map(|place| size.get(*place)).product::<i64>().max(1);
    let order: Vec<i64> =
        [*batch].iter().chain(&own).chain(cells).chain([&symbol]).map(|place| *place as i64).collect();
    Ok(Some((value.f_permute(order)?, count as usize)))
}

/// The matrix of the values of all ordered pairs, row by row; 1 on the diagonal. None where their number fits no
/// matrix.
fn square(pairs: &[f64]) -> Vec<Vec<f64>> {
    let Some(count) = (1..=pairs.len()).map(|n| n + 1).find(|n| n * (n - 1) == pairs.len()) else {
        return Vec::new();
    };
    let value = |row: usize, column: usize| match column {
        _ if column == row => 1.0,
        _ => pairs[row * (count - 1) + column - usize::from(column > row)],
    };
    (0..count).map(|row| (0..count).map(|column| value(row, column)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::square;

    #[test]
    fn pairs_make_a_matrix() {
        let matrix = square(&[0.12, 0.13, 0.21, 0.23, 0.31, 0.32]);
        assert_eq!(matrix, [[1.0, 0.12, 0.13], [0.21, 1.0, 0.23], [0.31, 0.32, 1.0]]);
        assert!(square(&[]).is_empty());
        assert!(square(&[0.1; 5]).is_empty());
        assert_eq!(square(&[0.5, 0.5]).len(), 2);
    }
}
