//! Speed of the kernels on one thread, in every form, or in those whose names are given: GFLOP/s of products, GB/s of everything else. The least time of
//! many is printed, since a machine that is used by others only ever makes it longer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use totc_kernels::fused::{Chain, Input, Kind, Op, Output, Register, Space, Step, Width};
use totc_kernels::optimiser::{Adam, Quotient};
use totc_kernels::rows::{RmsNorm, gate};
use totc_kernels::{
    Attention, AttentionRoom, Element, Epilogue, Form, Matrix, MatrixMut, Packed, Precision, Then, bf16,
    gemm, weight_gradient,
};

/// GB/s of what is not a product: bytes read and written by each, from the second cache.
fn streams<T: Element>(form: Form, data: &[T], out: &mut [T]) {
    let (rows, cols) = (388, 512);
    let count = rows * cols;
    let bytes = |arrays: usize| (arrays * count * size_of::<T>()) as f64 * 1e-9;
    let x = Matrix::dense(data, rows, cols).unwrap();
    let norm = RmsNorm { x, residual: Some(x), scale: None, eps: 1e-5 };
    let seconds = fastest(30, || {
        norm.forward(form, MatrixMut::dense(&mut *out, rows, cols).unwrap(), None, None).unwrap();
    });
    print!("  norm: {:.0}", bytes(3) / seconds);
    let seconds = fastest(30, || {
        gate(form, &data[..count], &data[count..2 * count], &mut out[..count]).unwrap();
    });
    print!("  gate: {:.0}", bytes(3) / seconds);
    let head = Matrix::dense(data, 97, 64).unwrap();
    let attention = Attention { q: head, k: head, v: head, scale: 0.125, causal: false };
    let mut room = AttentionRoom::default();
    let seconds = fastest(30, || {
        attention.forward(form, &mut room, MatrixMut::dense(&mut *out, 97, 64).unwrap(), None).unwrap();
    });
    println!("  attention of a head 97x64: {:.1} us", seconds * 1e6);
}

/// GB/s of a chain `tanh(a + b) · a` and of Adam, in float32.
fn steps(form: Form, data: &[f32], out: &mut [f32]) {
    let count = 200_000;
    let step = |op: Op, operands: &[usize]| Step {
        op,
        operands: operands.iter().map(|at| Register(*at)).collect(),
        width: Width::Full,
    };
    let program = vec![
        step(Op::Input(0), &[]),
        step(Op::Input(1), &[]),
        step(Op::Add, &[0, 1]),
        step(Op::Tanh, &[2]),
        step(Op::Mul, &[3, 0]),
    ];
    let chain = Chain::new(Space(vec![count]), false, program, vec![Register(4)]).unwrap();
    let input =
        |from: usize| Input { pointer: data[from..].as_ptr().cast(), kind: Kind::Float32, strides: vec![1] };
    let seconds = fastest(30, || {
        let output = Output { pointer: out.as_mut_ptr().cast(), kind: Kind::Float32 };
        // SAFETY: both halves of `data`, and `out`, hold `count` numbers.
        unsafe { chain.run(form, &[input(0), input(count)], &[output]).unwrap() };
    });
    print!("  chain: {:.0}", (12 * count) as f64 * 1e-9 / seconds);
    let (mut m, mut v) = (vec![0.1_f32; count], vec![0.1_f32; count]);
    for (name, quotient) in [("adamw", Quotient::Eps(1e-8)), ("adam-atan2", Quotient::Atan2)] {
        let rule = Adam {
            beta1: 0.9,
            beta2: 0.95,
            count: 1,
            lr: 0.0,
            weight_decay: 0.0,
            quotient,
            gradient_scale: 1.0,
        };
        let seconds = fastest(30, || {
            rule.step(form, &mut out[..count], &data[..count], &mut m, &mut v).unwrap();
        });
        print!("  {name}: {:.0}", (28 * count) as f64 * 1e-9 / seconds);
    }
    println!();
}

/// The products of two layers of a published TRM, one after the other: their weights and results do not fit into the second
/// cache, as in a step.
fn network<T: Element>(form: Form, precision: Precision, data: &[T], rows: usize) {
    let shapes = [(1536, 512), (512, 512), (3072, 512), (512, 1536)];
    let mut layers: Vec<_> = [shapes, shapes]
        .concat()
        .into_iter()
        .map(|(n, k)| {
            let mut packed = Packed::new(form, precision, n, k);
            packed.pack(Matrix::dense(&numbers(n * k), n, k).unwrap()).unwrap();
            (packed, data[..rows * k].to_vec(), vec![T::default(); rows * n])
        })
        .collect();
    let seconds = fastest(60, || {
        for (packed, a, out) in &mut layers {
            let a = Matrix::dense(a, rows, packed.k()).unwrap();
            let out = MatrixMut::dense(out, rows, packed.n()).unwrap();
            gemm(a, packed, out, Epilogue::STORE).unwrap();
        }
    });
    let count: usize = layers.iter().map(|(packed, ..)| packed.n() * packed.k()).sum();
    print!("  2 layers {rows}x512: {:.0}", 2e-9 * (rows * count) as f64 / seconds);
}

/// Seconds of the fastest call within `for_ms` milliseconds.
fn fastest(for_ms: u64, mut call: impl FnMut()) -> f64 {
    let end = Instant::now() + Duration::from_millis(for_ms);
    let mut best = f64::MAX;
    while Instant::now() < end || best == f64::MAX {
        let start = Instant::now();
        call();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 7919 + 13) % 1000) as f32 / 500.0 - 1.0).collect()
}

fn narrow(values: &[f32]) -> Vec<bf16> {
    values.iter().copied().map(bf16::from_f32).collect()
}

fn products<T: Element>(form: Form, precision: Precision, data: &[T], out: &mut [T]) {
    let shapes = [
        (388, 1536, 512),
        (388, 512, 512),
        (388, 3072, 512),
        (388, 512, 1536),
        (128, 384, 128),
        (128, 128, 384),
    ];
    for (rows, n, k) in shapes {
        let mut packed = Packed::new(form, precision, n, k);
        packed.pack(Matrix::dense(&numbers(n * k), n, k).unwrap()).unwrap();
        let a = Matrix::dense(data, rows, k).unwrap();
        let seconds = fastest(60, || {
            let out = MatrixMut::dense(black_box(&mut *out), rows, n).unwrap();
            gemm(a, &packed, out, Epilogue::STORE).unwrap();
        });
        print!("  {rows}x{n}x{k}: {:.0}", 2e-9 * (rows * n * k) as f64 / seconds);
    }
    let (rows, n, k) = (388, 3072, 512);
    let mut packed = Packed::paired(form, precision, n, k).unwrap();
    packed.pack(Matrix::dense(&numbers(n * k), n, k).unwrap()).unwrap();
    let a = Matrix::dense(data, rows, k).unwrap();
    let seconds = fastest(60, || {
        let out = MatrixMut::dense(black_box(&mut *out), rows, n / 2).unwrap();
        gemm(a, &packed, out, Epilogue { bias: None, then: Then::Gate(None) }).unwrap();
    });
    print!("  gate {rows}x{n}x{k}: {:.0}", 2e-9 * (rows * n * k) as f64 / seconds);
    network(form, precision, data, rows);
    let (n, k) = (1536, 512);
    let mut sum = vec![0.0_f32; n * k];
    let applications: Vec<_> = (0..14)
        .map(|_| (Matrix::dense(data, rows, n).unwrap(), Matrix::dense(data, rows, k).unwrap()))
        .collect();
    let seconds = fastest(60, || {
        let sum = MatrixMut::dense(&mut sum, n, k).unwrap();
        weight_gradient(form, precision, &applications, sum).unwrap();
    });
    println!("  gradient 14x{rows}x{n}x{k}: {:.0}", 28e-9 * (rows * n * k) as f64 / seconds);
}

fn main() {
    totc_kernels::Pool::set_shared_threads(1);
    // Small, so that the sums of products are of the size that activations have.
    let wide: Vec<f32> = numbers(388 * 3072).iter().map(|value| value / 16.0).collect();
    let narrowed = narrow(&wide);
    let (mut wide_out, mut narrow_out) = (wide.clone(), narrowed.clone());
    println!("GFLOP/s, one thread, rows x n x k");
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for form in Form::available() {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == form.name()) {
            continue;
        }
        print!("{:9} bf16", form.name());
        products(form, Precision::Bfloat16, &narrowed, &mut narrow_out);
        print!("{:9} bf16, GB/s", form.name());
        streams(form, &narrowed, &mut narrow_out);
        if form == Form::AmxBf16 {
            continue;
        }
        print!("{:9} f32 ", form.name());
        products(form, Precision::Float32, &wide, &mut wide_out);
        print!("{:9} f32,  GB/s", form.name());
        streams(form, &wide, &mut wide_out);
        print!("{:9} f32,  GB/s", form.name());
        steps(form, &wide, &mut wide_out);
    }
}
