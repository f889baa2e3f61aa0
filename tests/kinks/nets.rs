//! Nets and functions of `std::nets`, `std::branching` and `std::merging` at zeros and ties, and the conventions of the
//! primitives that they rely on.

use tch::Kind;

use crate::at::{EXACT, Point, Slope, near};

fn at(members: &str, weights: &[(&str, &[f64])]) -> Slope {
    Point::new(members, weights, Kind::Double).slope()
}

/// x / sqrt(mean x² + 1e-5): at zeros the slope is one over the square root of the floor.
#[test]
fn rms_norm_of_zeros() {
    let members = "param x: float [dim] = 0\nbuffer u: float [dim] = 0\nloss it = sum(u * rms_norm(x, over dim), over dim)";
    let slope = at(members, &[("u", &[1.0, 2.0, -3.0])]);
    near("value", &[slope.losses["it"]], &[0.0], EXACT);
    let steep = 1.0 / 1e-5_f64.sqrt();
    near("slope", &slope.gradients["x"], &[steep, 2.0 * steep, -3.0 * steep], EXACT);
}

/// (1 + scale - mean scale) z + |z| shift, |z| the mean length of the rows, whose slope at a row of zeros is 0. Codes
/// are 0, so scale is 0 and shift is its bias, 1.
#[test]
fn film_of_zeros() {
    let members = "param z0: float [leaf, dim] = 0\nnet differ = FiLM(leaf, dim, ways = 2, places = 4, bias = true)\n\
                   loss it = { let t = differ(z0)  return sum(t, over not batch) }";
    let shift = ("differ.shift_of.bias", &[1.0; 3][..]);
    let slope = at(members, &[shift]);
    near("value at zeros", &[slope.losses["it"]], &[0.0], EXACT);
    // Each element goes to two siblings.
    near("slope at zeros", &slope.gradients["z0"], &[2.0; 6], EXACT);
    near("slope in the shift", &slope.gradients["differ.shift_of.bias"], &[0.0; 3], EXACT);

    // Twelve elements are shifted by |z| = (0 + 5) / 2.
    let slope = at(members, &[shift, ("z0", &[0.0, 0.0, 0.0, 3.0, 0.0, 4.0])]);
    near("value beside a row of zeros", &[slope.losses["it"]], &[14.0 + 12.0 * 2.5], EXACT);
    let closed = [2.0, 2.0, 2.0, 2.0 + 6.0 * 0.6, 2.0, 2.0 + 6.0 * 0.8];
    near("slope beside a row of zeros", &slope.gradients["z0"], &closed, EXACT);
    near("slope in the shift", &slope.gradients["differ.shift_of.bias"], &[10.0; 3], EXACT);
}

const FLOOR: f64 = 1e-8;

/// exp(mean log(|z| + 1e-8)) · sign(Σ z) of two numbers, and its slopes: 0 in a number that is 0, where |z| has none,
/// and all of it 0 where the numbers cancel.
fn geometric(a: f64, b: f64) -> (f64, [f64; 2]) {
    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    let value = ((a.abs() + FLOOR) * (b.abs() + FLOOR)).sqrt() * sign(a + b);
    (value, [a, b].map(|x| value * sign(x) / (2.0 * (x.abs() + FLOOR))))
}

/// Thoughts with a zero, that cancel, that are zeros; of one sign, of two, and equal.
const THOUGHTS: [[f64; 6]; 2] = [[0.0, -2.0, 0.0, 4.0, 2.0, 0.0], [1.0, 3.0, 2.0, 4.0, -5.0, 2.0]];

#[test]
fn geometric_mean_at_zeros_and_where_thoughts_cancel() {
    let members = "param z0: float [leaf, dim] = 0\nnet combiner = GeometricMean(leaf)\n\
                   loss it = sum(combiner(z0), over dim)";
    for z in THOUGHTS {
        let slope = at(members, &[("z0", &z)]);
        let closed = [0, 1, 2].map(|at| geometric(z[at], z[at + 3]));
        near(&format!("value at {z:?}"), &[slope.losses["it"]], &[closed.iter().map(|c| c.0).sum()], EXACT);
        let slopes: Vec<f64> = (0..6).map(|at| closed[at % 3].1[at / 3]).collect();
        near(&format!("slope at {z:?}"), &slope.gradients["z0"], &slopes, EXACT);
    }
}

/// A mixture of geometric and arithmetic mean, half and half at a gate of 0.
#[test]
fn gated_product_at_zeros_and_where_thoughts_cancel() {
    let members = "param z0: float [leaf, dim] = 0\nnet combiner = GatedProduct(leaf)\n\
                   loss it = sum(combiner(z0), over dim)";
    for z in THOUGHTS {
        let slope = at(members, &[("z0", &z), ("combiner.gate", &[0.0])]);
        let closed = [0, 1, 2].map(|at| geometric(z[at], z[at + 3]));
        let product: f64 = closed.iter().map(|c| c.0).sum();
        let mean = z.iter().sum::<f64>() / 2.0;
        near(&format!("value at {z:?}"), &[slope.losses["it"]], &[(product + mean) / 2.0], EXACT);
        let slopes: Vec<f64> = (0..6).map(|at| closed[at % 3].1[at / 3] / 2.0 + 0.25).collect();
        near(&format!("slope at {z:?}"), &slope.gradients["z0"], &slopes, EXACT);
        near("slope in the gate", &slope.gradients["combiner.gate"], &[(product - mean) / 4.0], EXACT);
    }
}

/// Gradient goes to one of the largest thoughts, as in the published code, and is not lost where several are.
#[test]
fn max_with_ties() {
    let members =
        "param z0: float [leaf, dim] = 0\nnet combiner = Max(leaf)\nloss it = sum(combiner(z0), over dim)";
    let slope = at(members, &[("z0", &[2.0, 1.0, 0.0, 2.0, 3.0, 0.0])]);
    near("value", &[slope.losses["it"]], &[5.0], EXACT);
    let own = &slope.gradients["z0"];
    near("slope of the only largest", &[own[1], own[4]], &[0.0, 1.0], EXACT);
    for at in [0, 2] {
        let mut pair = [own[at], own[at + 3]];
        pair.sort_by(f64::total_cmp);
        near("slopes of equals", &pair, &[0.0, 1.0], EXACT);
    }
}

/// Scores that are equal weigh equally, and thoughts of zeros give every score the gradient of nothing.
#[test]
fn scorer_of_zeros() {
    let members = "axis wide = 8\nparam z0: float [leaf, cell, wide] = 0\nnet combiner = Scorer(leaf, cell, wide)\n\
                   loss it = { let merged, score = combiner(z0)  return sum(merged, over (cell, wide)) + sum(score, over leaf) }";
    let slope = at(members, &[]);
    near("value", &[slope.losses["it"]], &[0.0], EXACT);
    near("slope", &slope.gradients["z0"], &[0.5; 48], EXACT);
    near(
        "slope in the bias of the score",
        &slope.gradients["combiner.branch_score.last.bias"],
        &[2.0],
        EXACT,
    );
}

/// The slopes that primitives have at their kinks, as PyTorch has them: the library's formulas count on these.
#[test]
fn primitives_at_their_kinks() {
    // At (0, 0, 0): of the sum of the three.
    let cases: [(&str, [f64; 3]); 8] = [
        ("sum(relu(x), over dim)", [0.0; 3]),
        ("sum(abs(x), over dim)", [0.0; 3]),
        ("sum(x * sign(x), over dim)", [0.0; 3]),
        ("norm(x, over dim)", [0.0; 3]),
        ("sum(x ^ 2, over dim)", [0.0; 3]),
        ("sum(max(x, 0), over dim)", [0.5; 3]),
        ("sum(min(x, 0), over dim)", [0.5; 3]),
        ("sum(where(x < 0, 2 * x, 3 * x), over dim)", [3.0; 3]),
    ];
    for (formula, closed) in cases {
        let slope = at(&format!("param x: float [dim] = 0\nloss it = {formula}"), &[]);
        near(formula, &slope.gradients["x"], &closed, EXACT);
    }
}
