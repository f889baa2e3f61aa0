//! Products of matrices against naive sums in float64, in every form that this machine runs.
//!
//! A sum of k products in float32, in any order, is within `(k + 1) · ε · Σ |a b|` of the exact one (Higham, section 3.1);
//! epilogues add a few roundings more, the storage one of its own.

mod common;

use common::{Draw, EPS, FromFloat, near};
use totc_kernels::fused::Kind;
use totc_kernels::untyped::{Operand, gate_into, gemm_into};
use totc_kernels::{
    Element, Epilogue, Form, Matrix, MatrixMut, Packed, Precision, Then, bf16, gemm, product, weight_gradient,
};

const SHAPES: &[(usize, usize, usize)] = &[
    (1, 1, 1),
    (7, 5, 3),
    (97, 33, 31),
    (16, 32, 64),
    (33, 48, 17),
    (13, 70, 600),
    (40, 31, 1030),
    (128, 64, 32),
    (5, 0, 7),
    (0, 5, 7),
    (5, 7, 0),
];

/// What a product multiplies: its operands, rounded if it multiplies bfloat16.
fn seen(value: f64, precision: Precision) -> f64 {
    match precision {
        Precision::Float32 => value,
        // Not `from_f64`, which reads only the upper half of its argument and takes some numbers for ties.
        Precision::Bfloat16 => bf16::from_f32(value as f32).to_f64(),
    }
}

/// The exact product and the sum of absolute values, each `[rows, n]`.
fn exact<A: FromFloat + Copy, B: FromFloat + Copy>(
    precision: Precision,
    (rows, n, k): (usize, usize, usize),
    a: impl Fn(usize, usize) -> A,
    b: impl Fn(usize, usize) -> B,
) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for row in 0..rows {
        for col in 0..n {
            let terms =
                (0..k).map(|k| seen(a(row, k).value(), precision) * seen(b(col, k).value(), precision));
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
            out.push((sum, size));
        }
    }
    out
}

fn everywhere(mut check: impl FnMut(Form, Precision, (usize, usize, usize))) {
    for form in Form::available() {
        for precision in [Precision::Float32, Precision::Bfloat16] {
            for shape in SHAPES {
                check(form, precision, *shape);
            }
        }
    }
}

fn stored<A: Element + FromFloat, O: Element + FromFloat>() {
    everywhere(|form, precision, (rows, n, k)| {
        let mut draw = Draw((rows * 31 + n * 7 + k) as u64);
        let lda = k + 3;
        let a: Vec<A> = draw.numbers(rows * lda);
        let w: Vec<f32> = draw.numbers(n * k);
        let bias: Vec<f32> = draw.numbers(n);
        let sums = exact(precision, (rows, n, k), |row, k| a[row * lda + k], |col, at| w[col * k + at]);
        let ldc = n + 5;
        let left = Matrix::new(&a, rows, k, lda).unwrap();
        let mut packed = Packed::new(form, precision, n, k);
        packed.pack(Matrix::dense(&w, n, k).unwrap()).unwrap();
        let before: Vec<O> = draw.numbers(rows * ldc);
        for mode in 0..4 {
            let mut out = before.clone();
            let residual: Vec<O> = draw.numbers(rows * n);
            let then = match mode {
                0 | 1 => Then::Store,
                2 => Then::Accumulate,
                _ => Then::Add(Matrix::dense(&residual, rows, n).unwrap()),
            };
            let epilogue = Epilogue { bias: (mode == 1).then_some(&bias[..]), then };
            gemm(left, &packed, MatrixMut::new(&mut out, rows, n, ldc).unwrap(), epilogue).unwrap();
            for row in 0..rows {
                for col in 0..n {
                    let (sum, size) = sums[row * n + col];
                    let added = match mode {
                        0 => 0.0,
                        1 => f64::from(bias[col]),
                        2 => before[row * ldc + col].value(),
                        _ => residual[row * n + col].value(),
                    };
                    let wanted = sum + added;
                    let bound =
                        (k + 3) as f64 * EPS * (size + added.abs()) + O::ROUNDING * wanted.abs() * 1.01;
                    let what = format!("{form:?} {precision:?} {rows} {n} {k} mode {mode} at {row} {col}");
                    near(out[row * ldc + col].value(), wanted, bound, what);
                }
                for col in n..ldc.min(before.len() - row * ldc) {
                    assert_eq!(out[row * ldc + col], before[row * ldc + col], "between rows");
                }
            }
        }
    });
}

#[test]
fn packed_products_of_float32() {
    stored::<f32, f32>();
}

#[test]
fn packed_products_of_bfloat16() {
    stored::<bf16, bf16>();
}

#[test]
fn packed_products_of_bfloat16_into_float32() {
    stored::<bf16, f32>();
}

#[test]
fn both_orientations_of_a_weight_are_one() {
    everywhere(|form, precision, (rows, n, k)| {
        let mut draw = Draw((rows + n + k) as u64);
        let a: Vec<bf16> = draw.numbers(rows * k);
        let w: Vec<bf16> = draw.numbers(n * k);
        let turned: Vec<bf16> = (0..k * n).map(|at| w[at % n * k + at / n]).collect();
        let run = |weight: Matrix<'_, bf16>| {
            let mut packed = Packed::new(form, precision, n, k);
            // Twice: what was there before does not show.
            packed.pack(Matrix::dense(&vec![1.0_f32; n * k], n, k).unwrap()).unwrap();
            packed.pack(weight).unwrap();
            let mut out = vec![0.0_f32; rows * n];
            let left = Matrix::dense(&a, rows, k).unwrap();
            gemm(left, &packed, MatrixMut::dense(&mut out, rows, n).unwrap(), Epilogue::STORE).unwrap();
            out
        };
        let straight = run(Matrix::dense(&w, n, k).unwrap());
        assert_eq!(straight, run(Matrix::dense(&turned, k, n).unwrap().transposed()));
        // A product of two new operands sums in the same order.
        let mut out = vec![0.0_f32; rows * n];
        product(
            form,
            precision,
            Matrix::dense(&a, rows, k).unwrap(),
            Matrix::dense(&turned, k, n).unwrap().transposed(),
            MatrixMut::dense(&mut out, rows, n).unwrap(),
            Epilogue::STORE,
        )
        .unwrap();
        assert_eq!(straight, out);
    });
}

#[test]
fn rows_do_not_know_of_each_other() {
    // Whatever slice a row is computed in, its bits are the same: so threads cannot change a result.
    everywhere(|form, precision, (rows, n, k)| {
        let mut draw = Draw(k as u64);
        let a: Vec<f32> = draw.numbers(rows * k);
        let w: Vec<f32> = draw.numbers(n * k);
        let mut packed = Packed::new(form, precision, n, k);
        packed.pack(Matrix::dense(&w, n, k).unwrap()).unwrap();
        let whole_a = Matrix::dense(&a, rows, k).unwrap();
        let mut whole = vec![0.0_f32; rows * n];
        gemm(whole_a, &packed, MatrixMut::dense(&mut whole, rows, n).unwrap(), Epilogue::STORE).unwrap();
        let mut start = 0;
        while start < rows {
            let count = (1 + draw.below(40)).min(rows - start);
            let mut part = vec![0.0_f32; count * n];
            let out = MatrixMut::dense(&mut part, count, n).unwrap();
            gemm(whole_a.some_rows(start, count), &packed, out, Epilogue::STORE).unwrap();
            assert_eq!(part, whole[start * n..(start + count) * n], "{form:?} {precision:?} {rows} {n} {k}");
            start += count;
        }
    });
}

#[test]
fn parts_are_the_whole() {
    // However many threads share a product, its bits are the same.
    everywhere(|form, precision, (rows, n, k)| {
        let mut draw = Draw(n as u64);
        let a: Vec<f32> = draw.numbers(rows * k);
        let w: Vec<f32> = draw.numbers(2 * n * k);
        let raw = |address: *const f32, shape: (usize, usize)| Operand {
            address: address as usize,
            kind: Kind::Float32,
            shape,
            strides: (shape.1, 1),
        };
        let a = raw(a.as_ptr(), (rows, k));
        let mut plain = Packed::new(form, precision, n, k);
        plain.pack(Matrix::dense(&w[..n * k], n, k).unwrap()).unwrap();
        let mut paired = Packed::paired(form, precision, 2 * n, k).unwrap();
        paired.pack(Matrix::dense(&w, 2 * n, k).unwrap()).unwrap();
        let by = |parts: usize| {
            let (mut product, mut gate) = (vec![f32::NAN; rows * n], vec![f32::NAN; rows * n]);
            for at in 0..parts {
                let (to, gated) = (product.as_mut_ptr(), gate.as_mut_ptr());
                // SAFETY: matrices of these shapes, each whole.
                unsafe {
                    gemm_into(a, &plain, raw(to, (rows, n)), (at, parts)).unwrap();
                    gate_into(a, &paired, raw(gated, (rows, n)), None, (at, parts)).unwrap();
                }
            }
            (product, gate)
        };
        let whole = by(1);
        for parts in [2, 3, 5] {
            assert!(by(parts) == whole, "{form:?} {precision:?} {rows} {n} {k} in {parts}");
        }
    });
}

#[test]
fn gates_multiply_both_halves() {
    everywhere(|form, precision, (rows, half, k)| {
        let mut draw = Draw((rows + half * 3 + k) as u64);
        let a: Vec<f32> = draw.numbers(rows * k);
        let w: Vec<f32> = draw.numbers(2 * half * k);
        let bias: Vec<f32> = draw.numbers(2 * half);
        let sums =
            exact(precision, (rows, 2 * half, k), |row, at| a[row * k + at], |col, at| w[col * k + at]);
        let mut packed = Packed::paired(form, precision, 2 * half, k).unwrap();
        packed.pack(Matrix::dense(&w, 2 * half, k).unwrap()).unwrap();
        for biased in [true, false] {
            let (mut out, mut both) = (vec![0.0_f32; rows * half], vec![0.0_f32; rows * half * 2]);
            let kept = MatrixMut::dense(&mut both, rows, 2 * half).unwrap();
            gemm(
                Matrix::dense(&a, rows, k).unwrap(),
                &packed,
                MatrixMut::dense(&mut out, rows, half).unwrap(),
                Epilogue { bias: biased.then_some(&bias[..]), then: Then::Gate(Some(kept)) },
            )
            .unwrap();
            for (at, out) in out.iter().enumerate() {
                let (row, col) = (at / half, at % half);
                let side = |col: usize, got: f32| {
                    let (sum, size) = sums[row * 2 * half + col];
                    let wanted = sum + if biased { f64::from(bias[col]) } else { 0.0 };
                    let bound = (k + 3) as f64 * EPS * (size + 1.0);
                    near(
                        f64::from(got),
                        wanted,
                        bound,
                        format!("{form:?} {precision:?} side at {row} {col}"),
                    );
                };
                let (first, second) = (both[row * 2 * half + col], both[row * 2 * half + half + col]);
                side(col, first);
                side(half + col, second);
                let (a, b) = (f64::from(first), f64::from(second));
                // silu is within 4 ulp, its product with b one rounding more.
                let wanted = a / (1.0 + (-a).exp()) * b;
                near(
                    f64::from(*out),
                    wanted,
                    10.0 * EPS * wanted.abs(),
                    format!("{form:?} gate at {row} {col}"),
                );
            }
        }
    });
}

#[test]
fn gradients_of_weights_add_up() {
    for form in Form::available() {
        for precision in [Precision::Float32, Precision::Bfloat16] {
            for (rows, n, k) in [(1, 1, 1), (97, 33, 31), (388, 20, 40), (7, 64, 16), (0, 3, 3), (700, 5, 7)]
            {
                let mut draw = Draw(rows as u64);
                // Rows of nine applications, each shorter than the one before.
                let counts: Vec<usize> = (0..9).map(|at| rows * (9 - at) / 9).collect();
                let dys: Vec<Vec<bf16>> = counts.iter().map(|rows| draw.numbers(rows * n)).collect();
                let xs: Vec<Vec<f32>> = counts.iter().map(|rows| draw.numbers(rows * k)).collect();
                let before: Vec<f32> = draw.numbers(n * k);
                let mut out = before.clone();
                let applications: Vec<_> = (0..9)
                    .map(|at| {
                        let dy = Matrix::dense(&dys[at], counts[at], n).unwrap();
                        (dy, Matrix::dense(&xs[at], counts[at], k).unwrap())
                    })
                    .collect();
                let whole = MatrixMut::dense(&mut out, n, k).unwrap();
                weight_gradient(form, precision, &applications, whole).unwrap();
                for at in 0..n * k {
                    let (mut wanted, mut size) = (f64::from(before[at]), f64::from(before[at]).abs());
                    for application in 0..9 {
                        for row in 0..counts[application] {
                            let dy = seen(dys[application][row * n + at / k].value(), precision);
                            let term = dy * seen(f64::from(xs[application][row * k + at % k]), precision);
                            wanted += term;
                            size += term.abs();
                        }
                    }
                    let terms = counts.iter().sum::<usize>() + 12;
                    let what = format!("{form:?} {precision:?} {rows} {n} {k} at {at}");
                    near(f64::from(out[at]), wanted, terms as f64 * EPS * size, what);
                }
            }
        }
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let data = [0.0_f32; 12];
    assert!(Matrix::dense(&data, 3, 5).is_err());
    assert!(Matrix::strided(&data, usize::MAX, 2, usize::MAX, 1).is_err());
    let mut out = [0.0_f32; 12];
    assert!(MatrixMut::new(&mut out, 3, 4, 3).is_err());
    let mut packed = Packed::new(Form::best(), Precision::Float32, 3, 4);
    assert!(packed.pack(Matrix::dense(&data, 4, 3).unwrap()).is_err());
    let a = Matrix::dense(&data, 4, 3).unwrap();
    let error = gemm(a, &packed, MatrixMut::dense(&mut out, 4, 3).unwrap(), Epilogue::STORE).unwrap_err();
    assert_eq!(error.to_string(), "inputs of the product: 3 where 4 is needed");
    assert!(Packed::paired(Form::best(), Precision::Float32, 3, 4).is_err());
}
