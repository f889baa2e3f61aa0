//! Kernels along rows and attention against the same formulas in float64, gradients against central differences of those,
//! in every form that this machine runs.
//!
//! A row of n has sums of n + 16 roundings and functions of at most 4 ulp; what is made of them is held to
//! `(n + 32) · ε` times the size of what is added up, and storage rounds once more.

mod common;

use common::{Draw, EPS, FromFloat, near};
use totc_kernels::rows::{
    Normed, RmsNorm, RmsNormGradient, add_up_rows, gate, gate_gradient, rope, softmax, softmax_gradient,
};
use totc_kernels::{Attention, AttentionGradients, AttentionRoom, Element, Form, Matrix, MatrixMut, bf16};

const SHAPES: &[(usize, usize)] = &[(1, 1), (7, 5), (3, 16), (97, 33), (4, 512), (2, 700), (0, 4), (3, 0)];

fn wide<T: FromFloat + Copy>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.value()).collect()
}

fn close<T: Element + FromFloat>(got: &[T], wanted: &[f64], bound: f64, what: &str) {
    assert_eq!(got.len(), wanted.len());
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        near(got.value(), *wanted, bound + 1.01 * T::ROUNDING * wanted.abs(), format!("{what} at {at}"));
    }
}

/// The gradient of `Σ function(x) · dy` by central differences in float64, h = 1e-5: its error is about h² and 1e-16 / h.
fn differences(x: &[f64], dy: &[f64], function: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let loss = |x: &[f64]| function(x).iter().zip(dy).map(|(y, dy)| y * dy).sum::<f64>();
    (0..x.len())
        .map(|at| {
            let mut moved = x.to_vec();
            moved[at] = x[at] + 1e-5;
            let above = loss(&moved);
            moved[at] = x[at] - 1e-5;
            (above - loss(&moved)) / 2e-5
        })
        .collect()
}

fn norm(s: &[f64], cols: usize, scale: &[f64]) -> Vec<f64> {
    let row = |row: &[f64]| {
        let factor = 1.0 / (row.iter().map(|x| x * x).sum::<f64>() / cols as f64 + 1e-5).sqrt();
        row.iter().zip(scale).map(|(x, scale)| x * factor * scale).collect::<Vec<_>>()
    };
    s.chunks(cols.max(1)).flat_map(row).collect()
}

fn norms<T: Element + FromFloat>() {
    for form in Form::available() {
        for (rows, cols) in SHAPES.iter().copied() {
            let mut draw = Draw((rows * 100 + cols) as u64);
            let (x, r, dy, more): (Vec<T>, Vec<T>, Vec<T>, Vec<T>) = (
                draw.numbers(rows * cols),
                draw.numbers(rows * cols),
                draw.numbers(rows * cols),
                draw.numbers(rows * cols),
            );
            let scale: Vec<f32> = draw.numbers(cols);
            let matrix = |data| Matrix::dense(data, rows, cols).unwrap();
            let mut y = vec![T::of(9.0); rows * cols];
            let (mut sum, mut factors) = (y.clone(), vec![0.0_f32; rows]);
            let call = RmsNorm { x: matrix(&x), residual: Some(matrix(&r)), scale: Some(&scale), eps: 1e-5 };
            let out = MatrixMut::dense(&mut y, rows, cols).unwrap();
            let kept = MatrixMut::dense(&mut sum, rows, cols).unwrap();
            call.forward(form, out, Some(kept), Some(&mut factors)).unwrap();
            let s: Vec<f64> = wide(&x).iter().zip(wide(&r)).map(|(x, r)| x + r).collect();
            close(&sum, &s, EPS * 2.0, "sum");
            // The mean of squares is at least eps: a normalised value is at most √cols.
            let bound = (cols + 32) as f64 * EPS * (cols as f64).sqrt();
            close(&y, &norm(&s, cols, &wide(&scale)), bound, &format!("{form:?} norm {rows} {cols}"));

            // The gradient, at the sum as it was kept.
            let (mut ds, mut dscale) = (vec![T::of(9.0); rows * cols], vec![1.0_f32; cols]);
            let kept = wide(&sum);
            let sizes: Vec<f32> = kept
                .chunks(cols.max(1))
                .map(|row| {
                    (1.0 / (row.iter().map(|x| x * x).sum::<f64>() / cols as f64 + 1e-5).sqrt()) as f32
                })
                .collect();
            let factors = if cols == 0 { factors } else { sizes };
            let back = RmsNormGradient {
                dy: matrix(&dy),
                normed: Normed::Input(matrix(&sum)),
                factors: &factors,
                scale: Some(&scale),
                more: Some(matrix(&more)),
            };
            back.run(form, MatrixMut::dense(&mut ds, rows, cols).unwrap(), Some(&mut dscale)).unwrap();
            if rows * cols > 1000 {
                continue;
            }
            let slope = differences(&kept, &wide(&dy), |s| norm(s, cols, &wide(&scale)));
            let wanted: Vec<f64> = slope.iter().zip(wide(&more)).map(|(slope, more)| slope + more).collect();
            let largest = factors.iter().copied().fold(1.0, f32::max);
            let bound = bound * f64::from(largest) * 4.0 + 1e-7 * f64::from(largest).powi(3);
            close(&ds, &wanted, bound, &format!("{form:?} norm's gradient {rows} {cols}"));
            let wanted = differences(&wide(&scale), &wide(&dy), |scale| norm(&kept, cols, scale));
            let wanted: Vec<f64> = wanted.iter().map(|slope| slope + 1.0).collect();
            close(
                &dscale,
                &wanted,
                (rows + cols + 32) as f64 * EPS * (rows + 1) as f64 * 9.0 + 1e-8,
                "scale's gradient",
            );
        }
    }
}

#[test]
fn norms_of_float32() {
    norms::<f32>();
}

#[test]
fn norms_of_bfloat16() {
    norms::<bf16>();
}

fn shares(x: &[f64], cols: usize, scale: f64, first: usize) -> Vec<f64> {
    let mut out = Vec::new();
    for (row, x) in x.chunks(cols.max(1)).enumerate() {
        let seen = (first + row).min(cols);
        let top = x[..seen].iter().copied().fold(f64::MIN, f64::max);
        let powers: Vec<f64> = x[..seen].iter().map(|x| (scale * (x - top)).exp()).collect();
        let sum: f64 = powers.iter().sum();
        out.extend(powers.iter().map(|power| power / sum));
        out.extend(vec![0.0; cols - seen]);
    }
    out
}

#[test]
fn softmax_and_its_gradient() {
    for form in Form::available() {
        for (rows, cols) in SHAPES.iter().copied() {
            for causal in [false, true] {
                if causal && rows > cols {
                    continue;
                }
                let mut draw = Draw((rows + cols) as u64);
                let x: Vec<f32> = draw.numbers::<f32>(rows * cols).iter().map(|x| 20.0 * x).collect();
                let mut y = vec![bf16::ONE; rows * cols];
                let mut whole = vec![9.0_f32; rows * cols];
                let mut logs = vec![0.0_f32; rows];
                let given = Matrix::dense(&x, rows, cols).unwrap();
                softmax(form, given, 0.7, causal, MatrixMut::dense(&mut y, rows, cols).unwrap(), None)
                    .unwrap();
                let out = MatrixMut::dense(&mut whole, rows, cols).unwrap();
                softmax(form, given, 0.7, causal, out, Some(&mut logs)).unwrap();
                let wanted =
                    shares(&wide(&x), cols, f64::from(0.7_f32), if causal { cols + 1 - rows } else { cols });
                // exp's argument is at most 28 large and rounded twice.
                let bound = (cols + 32 + 60) as f64 * EPS;
                close(&whole, &wanted, bound, &format!("{form:?} softmax {rows} {cols} {causal}"));
                close(&y, &wanted, bound, "softmax in bfloat16");
                for row in 0..if cols > 0 { rows } else { 0 } {
                    let place = wanted[row * cols..][..cols].iter().position(|share| *share > 1e-3);
                    let Some(at) = place.map(|at| row * cols + at) else { continue };
                    let wanted = f64::from(0.7_f32) * f64::from(x[at]) - wanted[at].ln();
                    near(
                        f64::from(logs[row]),
                        wanted,
                        (cols + 64) as f64 * EPS * 4.0,
                        "logarithm of the sum",
                    );
                }
                let dy: Vec<f32> = draw.numbers(rows * cols);
                let mut dx = vec![9.0_f32; rows * cols];
                softmax_gradient(
                    form,
                    Matrix::dense(&whole, rows, cols).unwrap(),
                    Matrix::dense(&dy, rows, cols).unwrap(),
                    0.7,
                    MatrixMut::dense(&mut dx, rows, cols).unwrap(),
                )
                .unwrap();
                let mut slopes = Vec::new();
                for (y, dy) in wanted.chunks(cols.max(1)).zip(dy.chunks(cols.max(1))) {
                    let mean: f64 = y.iter().zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum();
                    slopes.extend(
                        y.iter().zip(dy).map(|(y, dy)| f64::from(0.7_f32) * y * (f64::from(*dy) - mean)),
                    );
                }
                close(&dx, &slopes, bound * 4.0, "softmax's gradient");
            }
        }
    }
}

#[test]
fn rotary_positions_turn_and_turn_back() {
    for form in Form::available() {
        for (rows, cols) in [(1, 2), (7, 10), (97, 64), (0, 4), (2, 0)] {
            let mut draw = Draw(cols as u64);
            let x: Vec<bf16> = draw.numbers(rows * cols);
            let angles: Vec<f32> = draw.numbers::<f32>(rows * cols / 2).iter().map(|x| 10.0 * x).collect();
            let cos: Vec<f32> = angles.iter().map(|angle| angle.cos()).collect();
            let sin: Vec<f32> = angles.iter().map(|angle| angle.sin()).collect();
            let tables =
                (Matrix::dense(&cos, rows, cols / 2).unwrap(), Matrix::dense(&sin, rows, cols / 2).unwrap());
            for back in [false, true] {
                let mut y = vec![bf16::ONE; rows * cols];
                let out = MatrixMut::dense(&mut y, rows, cols).unwrap();
                rope(form, Matrix::dense(&x, rows, cols).unwrap(), tables, back, out).unwrap();
                let direction = if back { -1.0 } else { 1.0 };
                let wanted: Vec<f64> = (0..rows * cols)
                    .map(|at| {
                        let (row, col) = (at / cols, at % cols);
                        let (half, place) = (cols / 2, row * cols / 2 + col % (cols / 2));
                        let (cos, sin) = (f64::from(cos[place]), direction * f64::from(sin[place]));
                        let (a, b) =
                            (x[row * cols + col % half].value(), x[row * cols + half + col % half].value());
                        if col < half { a * cos - b * sin } else { b * cos + a * sin }
                    })
                    .collect();
                close(&y, &wanted, 4.0 * EPS, "rotary positions");
            }
        }
    }
}

#[test]
fn gates_and_sums_over_rows() {
    for form in Form::available() {
        for count in [0, 1, 15, 16, 97, 1000] {
            let mut draw = Draw(count as u64);
            let scaled =
                |draw: &mut Draw| draw.numbers::<f32>(count).iter().map(|x| 30.0 * x).collect::<Vec<_>>();
            let (a, b, dy): (Vec<f32>, Vec<f32>, Vec<f32>) =
                (scaled(&mut draw), draw.numbers(count), draw.numbers(count));
            let mut y = vec![0.0_f32; count];
            gate(form, &a, &b, &mut y).unwrap();
            let (mut da, mut db) = (y.clone(), y.clone());
            gate_gradient(form, (&a, &b), &dy, (&mut da, &mut db)).unwrap();
            for at in 0..count {
                let (a, b, dy) = (f64::from(a[at]), f64::from(b[at]), f64::from(dy[at]));
                let s = 1.0 / (1.0 + (-a).exp());
                near(f64::from(y[at]), a * s * b, 10.0 * EPS * (a * s * b).abs(), "gate");
                near(f64::from(db[at]), dy * a * s, 10.0 * EPS * (dy * a * s).abs(), "gate's gradient");
                // 1 - s loses up to the digits that s has more than it: an absolute error of |a| ε.
                let wanted = dy * b * s * (1.0 + a * (1.0 - s));
                near(f64::from(da[at]), wanted, 16.0 * EPS * (1.0 + a.abs()) * s, "gate's gradient");
            }
            let x: Vec<bf16> = draw.numbers(7 * count);
            let mut sums = vec![1.0_f32; count];
            add_up_rows(form, Matrix::dense(&x, 7, count).unwrap(), &mut sums).unwrap();
            for at in 0..count {
                let wanted = 1.0 + (0..7).map(|row| x[row * count + at].value()).sum::<f64>();
                near(f64::from(sums[at]), wanted, 8.0 * EPS * 8.0, "sum over rows");
            }
        }
    }
}

/// Attention in float64: output, and probabilities.
fn attend(q: &[f64], k: &[f64], v: &[f64], dim: usize, values: usize, scale: f64, causal: bool) -> Vec<f64> {
    let (queries, keys) = (q.len() / dim, k.len() / dim);
    let scores: Vec<f64> = (0..queries * keys)
        .map(|at| (0..dim).map(|d| q[at / keys * dim + d] * k[at % keys * dim + d]).sum())
        .collect();
    let shares = shares(&scores, keys, scale, if causal { keys + 1 - queries } else { keys });
    (0..queries * values)
        .map(|at| (0..keys).map(|key| shares[at / values * keys + key] * v[key * values + at % values]).sum())
        .collect()
}

fn attention<T: Element + FromFloat>(bound: f64) {
    for form in Form::available() {
        for (queries, keys, dim, values) in [
            (1, 1, 1, 1),
            (7, 7, 5, 3),
            (5, 9, 16, 8),
            (19, 23, 17, 18),
            (9, 35, 32, 64),
            (34, 35, 32, 32),
            (97, 97, 64, 64),
        ] {
            for causal in [false, true] {
                let mut draw = Draw((queries + keys + dim) as u64);
                let (q, k): (Vec<T>, Vec<T>) = (draw.numbers(queries * dim), draw.numbers(keys * dim));
                let (v, dout): (Vec<T>, Vec<T>) =
                    (draw.numbers(keys * values), draw.numbers(queries * values));
                let scale = 1.0 / (dim as f32).sqrt();
                let head = Attention {
                    q: Matrix::dense(&q, queries, dim).unwrap(),
                    k: Matrix::dense(&k, keys, dim).unwrap(),
                    v: Matrix::dense(&v, keys, values).unwrap(),
                    scale,
                    causal,
                };
                let mut room = AttentionRoom::default();
                let stride = values + 3;
                let (mut out, mut logs) = (vec![T::of(9.0); queries * stride], vec![0.0_f32; queries]);
                let place = MatrixMut::new(&mut out, queries, values, stride).unwrap();
                head.forward(form, &mut room, place, Some(&mut logs)).unwrap();
                let (q, k, v, dout_wide) = (wide(&q), wide(&k), wide(&v), wide(&dout));
                let run =
                    |q: &[f64], k: &[f64], v: &[f64]| attend(q, k, v, dim, values, f64::from(scale), causal);
                let wanted = run(&q, &k, &v);
                let got: Vec<T> =
                    (0..queries * values).map(|at| out[at / values * stride + at % values]).collect();
                close(&got, &wanted, bound, &format!("{form:?} attention {queries} {keys}"));
                // Finite differences of many queries take long: only where their gradient has a kernel of its own.
                let several_blocks = form == Form::AmxBf16 && size_of::<T>() == 2 && keys < 40;
                if queries > 20 && !several_blocks {
                    continue;
                }
                for kept in [Some(&logs[..]), None].into_iter().skip(usize::from(queries > 20)) {
                    let mut grads =
                        (vec![T::of(9.0); q.len()], vec![T::of(9.0); k.len()], vec![T::of(9.0); v.len()]);
                    let gradients = AttentionGradients {
                        dq: MatrixMut::dense(&mut grads.0, queries, dim).unwrap(),
                        dk: MatrixMut::dense(&mut grads.1, keys, dim).unwrap(),
                        dv: MatrixMut::dense(&mut grads.2, keys, values).unwrap(),
                    };
                    let dout = Matrix::dense(&dout, queries, values).unwrap();
                    head.backward(form, &mut room, dout, kept, gradients).unwrap();
                    // Sums of up to 40 terms below 4.
                    let bound = bound * 40.0 + 1e-8;
                    close(&grads.0, &differences(&q, &dout_wide, |q| run(q, &k, &v)), bound, "dq");
                    close(&grads.1, &differences(&k, &dout_wide, |k| run(&q, k, &v)), bound, "dk");
                    close(&grads.2, &differences(&v, &dout_wide, |v| run(&q, &k, v)), bound, "dv");
                }
            }
        }
    }
}

#[test]
fn attention_of_float32() {
    // Scores of up to 64 terms, shares of up to 97: all in all fewer than 400 roundings of numbers below 2.
    attention::<f32>(400.0 * EPS);
}

#[test]
fn attention_of_bfloat16() {
    // Shares are rounded to bfloat16 before they meet the values, which are below 1: their sum is off by 2⁻⁹ at most.
    attention::<bf16>(1.0 / 256.0);
}

/// Where all scores are far below zero, as rows of fewer keys than a vector has lanes show: weights are equal, and so are their
/// shares of the values' gradient.
#[test]
fn attention_of_low_scores_has_a_gradient() {
    let (queries, keys, dim) = (2, 3, 4);
    let (q, k) = (vec![20.0_f32; queries * dim], vec![-20.0_f32; keys * dim]);
    let (v, dout): (Vec<f32>, Vec<f32>) = (Draw(1).numbers(keys * dim), Draw(2).numbers(queries * dim));
    for form in Form::available() {
        let head = Attention {
            q: Matrix::dense(&q, queries, dim).unwrap(),
            k: Matrix::dense(&k, keys, dim).unwrap(),
            v: Matrix::dense(&v, keys, dim).unwrap(),
            scale: 0.5,
            causal: false,
        };
        let mut grads = (vec![9.0; q.len()], vec![9.0; k.len()], vec![9.0; v.len()]);
        let gradients = AttentionGradients {
            dq: MatrixMut::dense(&mut grads.0, queries, dim).unwrap(),
            dk: MatrixMut::dense(&mut grads.1, keys, dim).unwrap(),
            dv: MatrixMut::dense(&mut grads.2, keys, dim).unwrap(),
        };
        let adjoint = Matrix::dense(&dout, queries, dim).unwrap();
        head.backward(form, &mut AttentionRoom::default(), adjoint, None, gradients).unwrap();
        assert!(grads.0.iter().chain(&grads.1).all(|slope| slope.is_finite()), "{form:?}: {grads:?}");
        let of_value = |at: usize| (0..queries).map(|row| f64::from(dout[row * dim + at % dim])).sum::<f64>();
        let wanted: Vec<f64> = (0..v.len()).map(|at| of_value(at) / keys as f64).collect();
        // The logarithm of the sum is about -800, known to 2⁻¹⁵.
        close(&grads.2, &wanted, 1e-3, &format!("{form:?} dv"));
    }
}
