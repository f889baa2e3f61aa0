//! What chains do in a second: elements, by kernel and form, on one thread. Take the largest of several; the machine may be
//! busy.
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::time::Instant;
use totc_kernels::{Chain, Element, Form, Input, Op, Output, Register, Space, Step, Width, set_threads};

fn step(op: Op, operands: &[usize], width: Width) -> Step {
    Step { op, operands: operands.iter().map(|at| Register(*at)).collect(), width }
}

fn main() {
    set_threads(1);
    use Width::{Full, One, Row};
    let norm = vec![
        step(Op::Input(0), &[], Full),
        step(Op::Input(1), &[], Full),
        step(Op::Add, &[0, 1], Full),
        step(Op::Mul, &[2, 2], Full),
        step(Op::Sum, &[3], Row),
        step(Op::Number(512.0), &[], One),
        step(Op::Div, &[4, 5], Row),
        step(Op::Number(1e-5), &[], One),
        step(Op::Add, &[6, 7], Row),
        step(Op::Rsqrt, &[8], Row),
        step(Op::Mul, &[2, 9], Full),
    ];
    let gate = vec![
        step(Op::Input(0), &[], Full),
        step(Op::Input(1), &[], Full),
        step(Op::Silu, &[0], Full),
        step(Op::Mul, &[2, 1], Full),
    ];
    let add =
        vec![step(Op::Input(0), &[], Full), step(Op::Input(1), &[], Full), step(Op::Add, &[0, 1], Full)];
    println!("{:<28} {:>10} {:>12}", "kernel", "form", "ns/element");
    for (name, steps) in [("add", add), ("residual add and norm", norm), ("silu(a)·b", gate)] {
        for (rows, width) in [(388, 512), (2048, 128)] {
            let count = rows * width;
            let (a, b, mut out) = (vec![0.5f32; count], vec![0.25f32; count], vec![0.0f32; count]);
            let input = |memory: &Vec<f32>| Input {
                pointer: memory.as_ptr().cast(),
                element: Element::Float32,
                strides: vec![width as isize, 1],
            };
            let result = Register(steps.len() - 1);
            let Ok(chain) = Chain::new(Space(vec![rows, width]), false, steps.clone(), vec![result]) else {
                return;
            };
            for form in Form::available() {
                let mut best = f64::INFINITY;
                for _ in 0..50 {
                    let output = Output { pointer: out.as_mut_ptr().cast(), element: Element::Float32 };
                    let start = Instant::now();
                    // SAFETY: all three are as long as the space has places.
                    let _ = unsafe { chain.run(form, &[input(&a), input(&b)], &[output]) };
                    best = best.min(start.elapsed().as_secs_f64());
                }
                println!("{name:<22} {rows}×{width:<4} {form:>10?} {:>10.3}", best / count as f64 * 1e9);
            }
        }
    }
}
