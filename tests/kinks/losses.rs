//! Losses of `std::losses` at their kinks, against their closed forms.

use std::f64::consts::LN_2;

use tch::{Device, Kind, Tensor};

use crate::at::{EXACT, Point, near};

/// float32: some ten roundings of a number of the size of the logit.
const SINGLE: f64 = 1e-6;

/// Value and slope of one loss, `it`, in the weight `x`.
fn at(members: &str, weights: &[(&str, &[f64])], precision: Kind) -> (f64, Vec<f64>) {
    let slope = Point::new(members, weights, precision).slope();
    (slope.losses["it"], slope.gradients["x"].clone())
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// max(x, 0) - x t + log(1 + exp(-|x|)), whose slope is sigmoid(x) - t everywhere.
#[test]
fn binary_cross_entropy_has_a_slope_at_zero_and_at_huge_logits() {
    let members = "param x: float [cell] = 0\nbuffer t: float [cell] = 0\n\
                   loss it = sum(binary_cross_entropy(x, t), over cell)";
    let points = [0.0, -0.0, 1e-300, -1e-300, 3.0, -3.0, 700.0, -700.0, 1e4, -1e4, 1e30, -1e30];
    for (precision, most) in [(Kind::Double, EXACT), (Kind::Float, SINGLE)] {
        for x in points {
            let targets = [0.0, 0.3, 1.0];
            let (value, slope) = at(members, &[("x", &[x; 3]), ("t", &targets)], precision);
            let loss = |t: f64| x.max(0.0) - x * t + (-x.abs()).exp().ln_1p();
            near(&format!("{precision:?}, loss at {x}"), &[value], &[targets.map(loss).iter().sum()], most);
            let closed = targets.map(|t| sigmoid(x) - t);
            near(&format!("{precision:?}, slope at {x}"), &slope, &closed, most);
        }
    }
    let (value, slope) = at(members, &[("t", &[0.0, 0.5, 1.0])], Kind::Double);
    near("loss at 0", &[value], &[3.0 * LN_2], EXACT);
    near("slope at 0", &slope, &[0.5, 0.0, -0.5], EXACT);
}

/// x + 1 from 0 on, 1 / (1 - x) below: both pieces have the slope 1 at 0, and the piece that is not chosen divides by
/// nearly nothing at 1.
#[test]
fn stable_exponential_is_smooth_at_zero_and_finite_at_one() {
    let members = "param x: float [cell] = 0\nloss it = sum(stable_exponential(float64(x)), over cell)";
    let value = |x: f64| if x < 0.0 { 1.0 / (1.0 - x) } else { x + 1.0 };
    let slope = |x: f64| if x < 0.0 { (1.0 - x).powi(-2) } else { 1.0 };
    for points in [[0.0, -0.0, 1.0], [-1.0, -1e-300, 1e-300], [-1e150, 1e150, 1.0 + f64::EPSILON]] {
        let (ours, slopes) = at(members, &[("x", &points)], Kind::Double);
        near(&format!("at {points:?}"), &[ours], &[points.map(value).iter().sum()], EXACT);
        near(&format!("slope at {points:?}"), &slopes, &points.map(slope), EXACT);
    }
}

/// Labels 2 and 0 in the first and last cell of the first sample, none elsewhere: the mean over two cells.
const LABELLED: [Option<usize>; 3] = [Some(2), None, Some(0)];

/// Gradient in the logits of the mean over labelled cells, where `share` gives that of one cell.
fn over_labelled(logits: &[[f64; 4]; 3], share: impl Fn(&[f64; 4], usize) -> [f64; 4]) -> Vec<f64> {
    let cell = |(logits, label): (&[f64; 4], &Option<usize>)| match label {
        Some(label) => share(logits, *label).map(|slope| slope / 2.0),
        None => [0.0; 4],
    };
    logits.iter().zip(&LABELLED).flat_map(cell).collect()
}

/// Ties, zeros, ones and huge logits; the unlabelled cell holds what would be worst.
const LOGITS: [[[f64; 4]; 3]; 4] = [
    [[0.0; 4]; 3],
    [[1.0; 4]; 3],
    [[0.0, -0.0, 1.0, -1.0], [1.0, 1e30, -1e30, 0.0], [1.0, 1.0, 0.0, 0.0]],
    [[1e4, -1e4, 3e4, 0.0], [1e30; 4], [-1e4, 2e4, 1e4, 1.0]],
];

/// log Σ s - log s(label), with the slope s'(j) / Σ s - [j = label] s'(j) / s(j).
#[test]
fn stablemax_cross_entropy_at_ties_and_huge_logits() {
    let members = "param x: float [cell, symbol] = 0\nloss it = stablemax_cross_entropy(x, answer)";
    let s = |x: f64| if x < 0.0 { 1.0 / (1.0 - x) } else { x + 1.0 };
    let slope = |x: f64| if x < 0.0 { (1.0 - x).powi(-2) } else { 1.0 };
    for logits in LOGITS {
        let sum = |cell: &[f64; 4]| cell.iter().map(|x| s(*x)).sum::<f64>();
        let losses = logits
            .iter()
            .zip(&LABELLED)
            .filter_map(|(cell, label)| label.map(|label| (sum(cell).ln() - s(cell[label]).ln()) / 2.0));
        let closed = over_labelled(&logits, |cell, label| {
            let share = |at: usize| {
                let own = if at == label { slope(cell[at]) / s(cell[at]) } else { 0.0 };
                slope(cell[at]) / sum(cell) - own
            };
            [0, 1, 2, 3].map(share)
        });
        let (value, slopes) = at(members, &[("x", logits.as_flattened())], Kind::Double);
        near(&format!("loss at {logits:?}"), &[value], &[losses.sum()], EXACT);
        near(&format!("slope at {logits:?}"), &slopes, &closed, EXACT);
    }
}

/// The ordinary cross entropy, with the slope softmax - [j = label].
#[test]
fn softmax_cross_entropy_at_ties_and_huge_logits() {
    let members = "param x: float [cell, symbol] = 0\nloss it = softmax_cross_entropy(x, answer)";
    for (precision, most) in [(Kind::Double, EXACT), (Kind::Float, SINGLE)] {
        for logits in LOGITS {
            let losses = logits
                .iter()
                .zip(&LABELLED)
                .filter_map(|(cell, label)| label.map(|label| (log_sum(cell) - cell[label]) / 2.0));
            let closed = over_labelled(&logits, |cell, label| {
                [0, 1, 2, 3].map(|at| (cell[at] - log_sum(cell)).exp() - f64::from(u8::from(at == label)))
            });
            let (value, slopes) = at(members, &[("x", logits.as_flattened())], precision);
            near(&format!("{precision:?}, loss at {logits:?}"), &[value], &[losses.sum()], most);
            near(&format!("{precision:?}, slope at {logits:?}"), &slopes, &closed, most);
        }
    }
}

fn log_sum(logits: &[f64; 4]) -> f64 {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + logits.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
}

/// Against a distribution that is 0 where logits are huge: softmax - target.
#[test]
fn cross_entropy_against_a_certain_target() {
    let members = "param x: float [symbol] = 0\nbuffer t: float [symbol] = 0\n\
                   loss it = cross_entropy(x, t, over symbol)";
    for logits in [[0.0; 4], [1e4, -1e4, 0.0, 1e4], [-1e30, 0.0, 1.0, -1e30]] {
        for target in [[0.0, 0.0, 1.0, 0.0], [0.25; 4], [0.0; 4]] {
            let mass: f64 = target.iter().sum();
            let closed = [0, 1, 2, 3].map(|at| mass * (logits[at] - log_sum(&logits)).exp() - target[at]);
            let loss = (0..4).map(|at| target[at] * (log_sum(&logits) - logits[at])).sum();
            let (value, slope) = at(members, &[("x", &logits), ("t", &target)], Kind::Double);
            near(&format!("loss at {logits:?}, {target:?}"), &[value], &[loss], EXACT);
            near(&format!("slope at {logits:?}, {target:?}"), &slope, &closed, EXACT);
        }
    }
}

/// The second sample has no labels: nothing, and no gradient, in place of 0 / 0.
#[test]
fn labelled_mean_of_no_labels_is_nothing() {
    let members = "param x: float [cell] = 0\nloss it = labelled_mean(x, answer)";
    let (value, slope) = at(members, &[("x", &[3.0, 1e300, 5.0])], Kind::Double);
    near("mean", &[value], &[4.0], EXACT);
    near("slope", &slope, &[0.5, 0.0, 0.5], EXACT);

    let none = "param x: float [cell] = 0\nloss it = labelled_mean(x, answer) + 0 * sum(x, over cell)";
    let mut point = Point::new(none, &[("x", &[3.0, 7.0, 5.0])], Kind::Double);
    point.inputs.data.insert("answer".to_owned(), Tensor::full([2, 3], -100, (Kind::Int64, Device::Cpu)));
    let slope = point.slope();
    near("mean of nothing", &[slope.losses["it"]], &[0.0], EXACT);
    near("slope of nothing", &slope.gradients["x"], &[0.0; 3], EXACT);
}

/// Both ordered pairs: 2 cos, whose slope in one vector is 2 (v / |v| - cos u / |u|) / |u|; 0 at a vector of zeros.
#[test]
fn cosine_of_zeros_is_zero_and_of_equals_flat() {
    let members = "param x: float [leaf, dim] = 0\n\
                   loss it = sum(cosine(x, between leaf, over dim), over pairs)";
    for (precision, most) in [(Kind::Double, EXACT), (Kind::Float, SINGLE)] {
        let cases: [([f64; 6], f64, [f64; 6]); 6] = [
            ([0.0; 6], 0.0, [0.0; 6]),
            ([0.0, 0.0, 0.0, 3.0, 4.0, 0.0], 0.0, [0.0; 6]),
            ([3.0, 4.0, 0.0, 0.0, 0.0, 0.0], 0.0, [0.0; 6]),
            ([3.0, 4.0, 0.0, 6.0, 8.0, 0.0], 2.0, [0.0; 6]),
            ([3.0, 4.0, 0.0, -3.0, -4.0, 0.0], -2.0, [0.0; 6]),
            ([2.0, 0.0, 0.0, 0.0, 0.0, 5.0], 0.0, [0.0, 0.0, 1.0, 0.4, 0.0, 0.0]),
        ];
        for (x, value, slope) in cases {
            let (ours, slopes) = at(members, &[("x", &x)], precision);
            near(&format!("{precision:?}, cosine at {x:?}"), &[ours], &[value], most);
            near(&format!("{precision:?}, slope at {x:?}"), &slopes, &slope, most);
        }
    }
}

/// The diversity loss of equal thoughts whose similarity sits on the margin: 0, without gradient.
#[test]
fn hinge_of_a_similarity_on_the_margin_is_flat() {
    let members = "param x: float [leaf, dim] = 0\n\
                   loss it = mean(relu(cosine(x, between leaf, over dim) - 1) ^ 2, over pairs)";
    let (value, slope) = at(members, &[("x", &[1.0, 0.0, 0.0, 2.0, 0.0, 0.0])], Kind::Double);
    near("hinge", &[value], &[0.0], EXACT);
    near("slope", &slope, &[0.0; 6], EXACT);
}

/// One thought has no pairs: their mean is 0, without gradient.
#[test]
fn cosine_of_one_entry_is_nothing() {
    let members = "axis one = 1\nparam x: float [one, dim] = 0\n\
                   loss it = mean(cosine(x, between one, over dim), over pairs) + 0 * sum(x, over (one, dim))";
    let (value, slope) = at(members, &[("x", &[1.0, 2.0, 3.0])], Kind::Double);
    near("mean", &[value], &[0.0], EXACT);
    near("slope", &slope, &[0.0; 3], EXACT);
}

/// TRM whose halting head starts from zero, without bias: every logit is exactly 0. Two samples ask the same and want
/// different answers, so that at most one is ever right and a head that learns says no at least half of the time.
#[test]
fn a_halting_head_that_starts_from_zero_learns() {
    let text = "use models::trm::Trm\n\
                model Zero extends Trm { net halt_head = Linear(dim -> verdict, weight = 0) }\n";
    let sets =
        [("hidden", "8"), ("heads", "2"), ("layers", "1"), ("T", "1"), ("n", "2"), ("puzzle_tokens", "1")];
    let mut point = Point::whole(text, &sets, Kind::Double, |path, shape| {
        let count: i64 = shape.iter().product();
        let at = Tensor::arange(count, (Kind::Double, Device::Cpu)) + path.len() as f64;
        let scale = if path.starts_with("halt_head") { 0.0 } else { 0.5 };
        ((at * 12.9898).sin() * scale).reshape(shape)
    });
    let rows = |values: &[i64]| Tensor::from_slice(values).reshape([2, 3]);
    point.inputs.data.insert("question".to_owned(), rows(&[0, 1, 2, 0, 1, 2]));
    point.inputs.data.insert("puzzle".to_owned(), Tensor::from_slice(&[0_i64, 0]));
    point.inputs.data.insert("answer".to_owned(), rows(&[0, 1, 2, 3, 3, 3]));
    let first = point.descend(0.1);
    near("the halting loss of two samples at first", &[first.losses["halting"]], &[LN_2], EXACT);
    let steepest = first.gradients["halt_head.weight"].iter().fold(0.0_f64, |most, g| most.max(g.abs()));
    assert!(steepest > 0.1, "no gradient reaches the halting head: {steepest}");
    let last = (1..50).map(|_| point.descend(0.1).losses["halting"]).last().unwrap();
    assert!(last < LN_2 / 2.0, "after 50 steps the halting loss is still {last}");
}
