//! Chains against the same formulas written out in float64, in every form that this machine can run.

use totc_kernels::Form;
use totc_kernels::fused::{Chain, Input, Kind, Op, Output, Register, Space, Step, Width};

/// Rounding of float32, and how many of them a formula here has at most: values near 1, some twenty operations, functions
/// of at most 3 ulp. With an order of magnitude of room.
const CLOSE: f64 = 2e-5;

/// Numbers between -1 and 1.
fn spread(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn step(op: Op, operands: &[usize], width: Width) -> Step {
    Step { op, operands: operands.iter().map(|at| Register(*at)).collect(), width }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

fn rows_of(values: &[f32], sizes: &[usize]) -> Input {
    let mut strides = vec![1isize; sizes.len()];
    for at in (0..sizes.len().saturating_sub(1)).rev() {
        strides[at] = strides[at + 1] * sizes[at + 1] as isize;
    }
    Input { pointer: values.as_ptr().cast(), kind: Kind::Float32, strides }
}

/// One float32 output of a chain on inputs.
fn run(chain: &std::sync::Arc<Chain>, form: Form, inputs: &[Input], count: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; count];
    let output = Output { pointer: out.as_mut_ptr().cast(), kind: Kind::Float32 };
    // SAFETY: the tests give memory of the sizes that their chains have.
    unsafe { chain.run(form, inputs, &[output]).unwrap() };
    out
}

fn close(what: &str, form: Form, found: &[f32], expected: impl Iterator<Item = f64>) {
    let mut count = 0;
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let apart = (f64::from(*found) - expected).abs() / expected.abs().max(1.0);
        assert!(apart <= CLOSE, "{what} in {form:?} at {at}: {found} in place of {expected}");
        count += 1;
    }
    assert_eq!(count, found.len(), "{what}");
}

/// rms norm of x + r: reductions, what has one value a row, numbers.
#[test]
fn a_norm_is_what_its_formula_says() {
    for (rows, width) in [(1, 1), (3, 7), (97, 128), (5, 513), (2, 3000), (1000, 3)] {
        let (x, r) = (spread(rows * width, 1), spread(rows * width, 2));
        let steps = vec![
            step(Op::Input(0), &[], Width::Full),
            step(Op::Input(1), &[], Width::Full),
            step(Op::Add, &[0, 1], Width::Full),
            step(Op::Mul, &[2, 2], Width::Full),
            step(Op::Sum, &[3], Width::Row),
            step(Op::Number(width as f64), &[], Width::One),
            step(Op::Div, &[4, 5], Width::Row),
            step(Op::Number(1e-5), &[], Width::One),
            step(Op::Add, &[6, 7], Width::Row),
            step(Op::Rsqrt, &[8], Width::Row),
            step(Op::Mul, &[2, 9], Width::Full),
        ];
        let chain = Chain::new(Space(vec![rows, width]), false, steps, vec![Register(10)]).unwrap();
        let (x32, r32) = (narrow(&x), narrow(&r));
        let mut expected = Vec::new();
        for row in 0..rows {
            let sums: Vec<f64> = (0..width)
                .map(|at| f64::from(x32[row * width + at]) + f64::from(r32[row * width + at]))
                .collect();
            let mean = sums.iter().map(|value| value * value).sum::<f64>() / width as f64;
            expected.extend(sums.iter().map(|value| value / (mean + 1e-5).sqrt()));
        }
        let sizes = [rows, width];
        let inputs = [rows_of(&x32, &sizes), rows_of(&r32, &sizes)];
        let first = run(&chain, Form::Portable, &inputs, rows * width);
        for form in Form::available() {
            let found = run(&chain, form, &inputs, rows * width);
            close("norm", form, &found, expected.iter().copied());
            assert_eq!(found, first, "{form:?} gives other bits than the portable form");
        }
    }
}

/// Softmax, by steps; and largest and smallest.
#[test]
fn rows_are_reduced() {
    let (rows, width) = (13, 37);
    let x = narrow(&spread(rows * width, 3));
    let steps = vec![
        step(Op::Input(0), &[], Width::Full),
        step(Op::Max, &[0], Width::Row),
        step(Op::Sub, &[0, 1], Width::Full),
        step(Op::Exp, &[2], Width::Full),
        step(Op::Sum, &[3], Width::Row),
        step(Op::Div, &[3, 4], Width::Full),
        step(Op::Min, &[5], Width::Row),
    ];
    let sizes = [rows, width];
    let row = |at: usize| x[at * width..(at + 1) * width].iter().map(|value| f64::from(*value));
    let softmax = |at: usize| {
        let sum: f64 = row(at).map(f64::exp).sum();
        row(at).map(move |value| value.exp() / sum)
    };
    for form in Form::available() {
        let chain = Chain::new(Space(sizes.to_vec()), false, steps[..6].to_vec(), vec![Register(5)]).unwrap();
        let found = run(&chain, form, &[rows_of(&x, &sizes)], rows * width);
        close("softmax", form, &found, (0..rows).flat_map(softmax));
        let chain = Chain::new(Space(sizes.to_vec()), false, steps.clone(), vec![Register(6)]).unwrap();
        let found = run(&chain, form, &[rows_of(&x, &sizes)], rows);
        close("least", form, &found, (0..rows).map(|at| softmax(at).fold(f64::INFINITY, f64::min)));
    }
}

/// An operand without the outer axis, one without the inner one, one in another order.
#[test]
fn strides_say_where_operands_lie() {
    let sizes = [4, 5, 6];
    let (a, b, c) = (narrow(&spread(30, 4)), narrow(&spread(4, 5)), narrow(&spread(120, 6)));
    let input = |values: &[f32], strides: [isize; 3]| Input {
        pointer: values.as_ptr().cast(),
        kind: Kind::Float32,
        strides: strides.to_vec(),
    };
    let inputs = [input(&a, [0, 6, 1]), input(&b, [1, 0, 0]), input(&c, [1, 4, 20])];
    let steps = vec![
        step(Op::Input(0), &[], Width::Full),
        step(Op::Input(1), &[], Width::Row),
        step(Op::Input(2), &[], Width::Full),
        step(Op::Sub, &[0, 1], Width::Full),
        step(Op::Gt, &[3, 2], Width::Full),
        step(Op::Where, &[4, 1, 2], Width::Full),
    ];
    let chain = Chain::new(Space(sizes.to_vec()), false, steps, vec![Register(5)]).unwrap();
    for form in Form::available() {
        let found = run(&chain, form, &inputs, 120);
        for i in 0..4 {
            for j in 0..5 {
                for k in 0..6 {
                    let third = c[i + 4 * j + 20 * k];
                    let expected = if a[6 * j + k] - b[i] > third { b[i] } else { third };
                    assert_eq!(found[(i * 5 + j) * 6 + k], expected, "{form:?}");
                }
            }
        }
    }
}

/// bfloat16 is widened, computed with in float32, and rounded to nearest once.
#[test]
fn bfloat16_is_rounded_once() {
    let x: Vec<half::bf16> = spread(1000, 7).into_iter().map(half::bf16::from_f64).collect();
    let steps = vec![
        step(Op::Input(0), &[], Width::Full),
        step(Op::Silu, &[0], Width::Full),
        step(Op::Mul, &[1, 0], Width::Full),
        step(Op::Exp, &[2], Width::Full),
    ];
    let chain = Chain::new(Space(vec![10, 100]), false, steps, vec![Register(3)]).unwrap();
    for form in Form::available() {
        let mut out = vec![half::bf16::NAN; 1000];
        let input = Input { pointer: x.as_ptr().cast(), kind: Kind::BFloat16, strides: vec![100, 1] };
        let output = Output { pointer: out.as_mut_ptr().cast(), kind: Kind::BFloat16 };
        // SAFETY: as many elements as the space has places.
        unsafe { chain.run(form, &[input], &[output]).unwrap() };
        for (x, found) in x.iter().zip(&out) {
            let x = x.to_f64();
            let exact = (x * x / (1.0 + (-x).exp())).exp();
            // Half a unit of bfloat16 (2⁻⁸), and what float32 adds.
            assert!(
                (found.to_f64() - exact).abs() <= exact * (1.0 / 256.0 + CLOSE),
                "{form:?}: {found} for {exact}"
            );
        }
    }
}

/// exp, tanh and what is made of them, over all of their range and at its ends.
#[test]
fn functions_are_within_their_bounds() {
    let mut x: Vec<f32> = (-12_000..12_000).map(|at| at as f32 * 0.01).collect();
    x.extend([0.0, -0.0, 1e-30, -1e-30, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
    let count = x.len();
    let backward = |s: f64, x: f64| s * (1.0 + x * (1.0 - s));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    type Case = (Op, Box<dyn Fn(f64) -> f64>, f64);
    let cases: Vec<Case> = vec![
        (Op::Exp, Box::new(f64::exp), 2.0),
        (Op::Tanh, Box::new(f64::tanh), 3.0),
        (Op::Sigmoid, Box::new(sigmoid), 4.0),
        (Op::Silu, Box::new(move |x| x * sigmoid(x)), 5.0),
        (Op::SiluBackward, Box::new(move |x| backward(sigmoid(x), x)), f64::INFINITY),
    ];
    for (op, formula, ulp) in &cases {
        let steps = match op {
            Op::SiluBackward => vec![
                step(Op::Input(0), &[], Width::Full),
                step(Op::Number(1.0), &[], Width::One),
                step(Op::SiluBackward, &[1, 0], Width::Full),
            ],
            op => vec![step(Op::Input(0), &[], Width::Full), step(*op, &[0], Width::Full)],
        };
        let result = Register(steps.len() - 1);
        let chain = Chain::new(Space(vec![count]), false, steps, vec![result]).unwrap();
        for form in Form::available() {
            let found = run(&chain, form, &[rows_of(&x, &[count])], count);
            for (x, found) in x.iter().zip(&found) {
                let exact = formula(f64::from(*x));
                if exact.is_nan() {
                    assert!(found.is_nan(), "{op:?}({x}) in {form:?} is {found}");
                    continue;
                }
                let rounded = exact as f32;
                if rounded.is_infinite() || rounded.abs() < 1e-36 {
                    let apart = (found - rounded).abs();
                    assert!(
                        *found == rounded || apart < 1e-36,
                        "{op:?}({x}) in {form:?} is {found}, not {rounded}"
                    );
                    continue;
                }
                let unit = f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
                let apart = (f64::from(*found) - exact).abs();
                let most = if ulp.is_finite() { ulp * unit } else { CLOSE * exact.abs().max(1e-3) };
                assert!(apart <= most, "{op:?}({x}) in {form:?} is {found}, not {exact}");
            }
        }
    }
}

/// In float64 a chain is what the formula is, to the rounding of float64.
#[test]
fn double_chains_compute_in_float64() {
    let x = spread(50, 8);
    let steps = vec![
        step(Op::Input(0), &[], Width::Full),
        step(Op::Tanh, &[0], Width::Full),
        step(Op::Sum, &[1], Width::Row),
    ];
    let chain = Chain::new(Space(vec![5, 10]), true, steps, vec![Register(2)]).unwrap();
    let mut out = [0.0f64; 5];
    let input = Input { pointer: x.as_ptr().cast(), kind: Kind::Float64, strides: vec![10, 1] };
    let output = Output { pointer: out.as_mut_ptr().cast(), kind: Kind::Float64 };
    // SAFETY: fifty places, five rows.
    unsafe { chain.run(Form::best(), &[input], &[output]).unwrap() };
    for (row, found) in x.chunks(10).zip(out) {
        let expected: f64 = row.iter().map(|value| value.tanh()).sum();
        assert!((found - expected).abs() < 1e-14, "{found} in place of {expected}");
    }
}

#[test]
fn chains_that_do_not_fit_are_refused() {
    let one = |steps: Vec<Step>| Chain::new(Space(vec![2, 3]), false, steps, vec![Register(0)]).map(|_| ());
    assert!(one(vec![step(Op::Neg, &[0], Width::Full)]).is_err());
    assert!(one(vec![step(Op::Input(0), &[], Width::Full), step(Op::Sum, &[0], Width::Full)]).is_err());
    assert!(one(vec![step(Op::Input(0), &[], Width::Row), step(Op::Neg, &[0], Width::Full)]).is_err());
    assert!(one(vec![step(Op::Input(0), &[], Width::Full), step(Op::Add, &[0], Width::Full)]).is_err());
}
