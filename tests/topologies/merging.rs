//! The gated product and the scorer, for which no published numbers exist, against their formulas in plain double
//! precision, and the gradients against differences of those.

use tch::{Kind, Tensor};
use totc::ir::Mode;

use crate::lab::{Lab, ROUNDING};

const BATCH: usize = 2;
const THOUGHTS: usize = 4;
const CELLS: usize = 3;
const DIM: usize = 8;

/// A model that merges its state, moved by a parameter per thought and feature.
fn merging(combiner: &str, giving: &str) -> Lab {
    let text = format!(
        "use std::merging::{{{name}}}
        model Case {{
            axis batch
            axis branch = {THOUGHTS}
            axis cell = {CELLS}
            axis dim = {DIM}
            state z: float [batch, branch, cell, dim] = 0
            param shift: float [branch, dim] = 0
            net combiner = {combiner}
            think {{
                let merged{giving} = combiner(z + shift)
                z <- z
            }}
            loss size = sum(merged ^ 2, over (cell, dim))
        }}",
        name = combiner.split('(').next().unwrap(),
    );
    let mut lab = Lab::of(&text, &[], Mode::Training);
    lab.inputs.fresh = Tensor::from_slice(&[false; BATCH]);
    lab
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// Entries of a value [batch, thought, cell, feature].
fn at(batch: usize, thought: usize, cell: usize, feature: usize) -> usize {
    ((batch * THOUGHTS + thought) * CELLS + cell) * DIM + feature
}

/// The state moved by the parameter.
fn moved(lab: &Lab, shift: &[f64]) -> Vec<f64> {
    let mut z = numbers(&lab.inputs.states["z"]);
    for batch in 0..BATCH {
        for thought in 0..THOUGHTS {
            for cell in 0..CELLS {
                for feature in 0..DIM {
                    z[at(batch, thought, cell, feature)] += shift[thought * DIM + feature];
                }
            }
        }
    }
    z
}

/// The merged value [batch, cell, feature] of a rule for one place of one sample.
fn merged(rule: impl Fn(&[f64]) -> f64, z: &[f64]) -> Vec<f64> {
    let mut all = Vec::new();
    for batch in 0..BATCH {
        for cell in 0..CELLS {
            for feature in 0..DIM {
                let thoughts: Vec<f64> =
                    (0..THOUGHTS).map(|thought| z[at(batch, thought, cell, feature)]).collect();
                all.push(rule(&thoughts));
            }
        }
    }
    all
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// α · geometric mean + (1 - α) · mean.
fn gated_product(gate: f64, z: &[f64]) -> Vec<f64> {
    let alpha = sigmoid(gate);
    merged(
        |thoughts| {
            let count = thoughts.len() as f64;
            let logs: f64 = thoughts.iter().map(|z| (z.abs() + 1e-8).ln()).sum();
            let sum: f64 = thoughts.iter().sum();
            alpha * (logs / count).exp() * sum.signum() + (1.0 - alpha) * sum / count
        },
        z,
    )
}

fn softmax(x: &[f64]) -> Vec<f64> {
    let most = x.iter().copied().fold(f64::MIN, f64::max);
    let parts: Vec<f64> = x.iter().map(|x| (x - most).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.iter().map(|part| part / sum).collect()
}

/// Two linear maps with SiLU between them.
struct Mlp {
    first: Vec<f64>,
    last: Vec<f64>,
    bias: f64,
}

impl Mlp {
    fn of(lab: &Lab, path: &str) -> Mlp {
        let part = |name: &str| numbers(lab.weight(&format!("combiner.{path}.{name}")));
        Mlp { first: part("first.weight"), last: part("last.weight"), bias: part("last.bias")[0] }
    }

    fn of_vector(&self, x: &[f64]) -> f64 {
        let hidden = self.first.chunks(x.len()).map(|row| {
            let sum: f64 = row.iter().zip(x).map(|(weight, x)| weight * x).sum();
            sum * sigmoid(sum)
        });
        hidden.zip(&self.last).map(|(hidden, weight)| hidden * weight).sum::<f64>() + self.bias
    }
}

/// The merged value and the scores [batch, thought].
fn scorer(token: &Mlp, branch: &Mlp, z: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut all, mut scores) = (Vec::new(), Vec::new());
    for batch in 0..BATCH {
        let vector = |thought, cell| {
            let start = at(batch, thought, cell, 0);
            &z[start..start + DIM]
        };
        let own: Vec<f64> = (0..THOUGHTS)
            .map(|thought| {
                let marks: Vec<f64> = (0..CELLS).map(|cell| token.of_vector(vector(thought, cell))).collect();
                let mut summary = vec![0.0; DIM];
                for (cell, share) in softmax(&marks).into_iter().enumerate() {
                    summary.iter_mut().zip(vector(thought, cell)).for_each(|(sum, z)| *sum += share * z);
                }
                branch.of_vector(&summary)
            })
            .collect();
        let shares = softmax(&own);
        for cell in 0..CELLS {
            for feature in 0..DIM {
                let parts = shares.iter().enumerate();
                all.push(parts.map(|(thought, share)| share * z[at(batch, thought, cell, feature)]).sum());
            }
        }
        scores.extend(own);
    }
    (all, scores)
}

/// Asserts that a value is its formula's: both are float64, and sum in another order.
#[track_caller]
fn same(what: &str, ours: &Tensor, formula: &[f64]) {
    within(what, ours, formula, ROUNDING);
}

/// Asserts that a gradient is what differences say.
#[track_caller]
fn same_slopes(what: &str, ours: &Tensor, slopes: &[f64]) {
    within(what, ours, slopes, SLOPES);
}

#[track_caller]
fn within(what: &str, ours: &Tensor, formula: &[f64], relative: f64) {
    let ours = numbers(ours);
    assert_eq!(ours.len(), formula.len(), "{what}");
    let scale = formula.iter().fold(1e-12f64, |most, value| most.max(value.abs()));
    let apart = ours.iter().zip(formula).map(|(ours, formula)| (ours - formula).abs() / scale);
    let apart = apart.fold(0.0, |most: f64, apart| if apart.is_nan() { apart } else { most.max(apart) });
    assert!(apart <= relative, "{what}: {apart:.1e} apart, at most {relative:.0e}");
}

/// Half the distance of a central difference.
const STEP: f64 = 1e-6;

/// What a difference may be off by, relative to the steepest slope: the size, below 100, is rounded by 100 · 2⁻⁵³ = 1e-14,
/// which divided by the step is 1e-8, and the steepest slopes are 0.1 and more: 1e-7, with room.
const SLOPES: f64 = 1e-6;

/// The slopes of a function of several numbers.
fn slopes(point: &[f64], of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let along = |at: usize, by: f64| {
        let mut moved = point.to_vec();
        moved[at] += by;
        of(&moved)
    };
    (0..point.len()).map(|at| (along(at, STEP) - along(at, -STEP)) / (2.0 * STEP)).collect()
}

fn size(merged: &[f64]) -> f64 {
    merged.iter().map(|value| value * value).sum()
}

#[test]
fn the_gated_product_is_its_formula() {
    let mut lab = merging("GatedProduct(branch)", "");
    for gate in [-2.0, 0.7] {
        lab.set("combiner.gate", &Tensor::from(gate));
        let step = lab.run();
        let shift = numbers(lab.weight("shift"));
        let z = moved(&lab, &shift);
        same("merged", step.get("value.merged"), &gated_product(gate, &z));
        let slope = slopes(&[gate], |gate| size(&gated_product(gate[0], &z)));
        same_slopes("gate", step.gradient("combiner.gate"), &slope);
        let slope = slopes(&shift, |shift| size(&gated_product(gate, &moved(&lab, shift))));
        same_slopes("shift", step.gradient("shift"), &slope);
    }
}

#[test]
fn the_geometric_mean_is_its_formula() {
    let lab = merging("GeometricMean(branch)", "");
    let step = lab.run();
    let shift = numbers(lab.weight("shift"));
    // A gate that is wide open.
    same("merged", step.get("value.merged"), &gated_product(60.0, &moved(&lab, &shift)));
}

#[test]
fn the_scorer_is_its_formula() {
    let lab = merging("Scorer(branch, cell, dim)", ", score");
    let step = lab.run();
    let (token, branch) = (Mlp::of(&lab, "token_score"), Mlp::of(&lab, "branch_score"));
    assert_eq!((token.last.len(), branch.last.len()), (DIM / 4, DIM / 2));
    let shift = numbers(lab.weight("shift"));
    let (merged, scores) = scorer(&token, &branch, &moved(&lab, &shift));
    same("merged", step.get("value.merged"), &merged);
    same("scores", step.get("value.score"), &scores);

    let along_shift = slopes(&shift, |shift| size(&scorer(&token, &branch, &moved(&lab, shift)).0));
    same_slopes("shift", step.gradient("shift"), &along_shift);
    let z = moved(&lab, &shift);
    let along_last = slopes(&branch.last, |last| {
        let branch = Mlp { first: branch.first.clone(), last: last.to_vec(), bias: branch.bias };
        size(&scorer(&token, &branch, &z).0)
    });
    same_slopes("last", step.gradient("combiner.branch_score.last.weight"), &along_last);
    let along_first = slopes(&token.first, |first| {
        let token = Mlp { first: first.to_vec(), last: token.last.clone(), bias: token.bias };
        size(&scorer(&token, &branch, &z).0)
    });
    same_slopes("first", step.gradient("combiner.token_score.first.weight"), &along_first);
}
