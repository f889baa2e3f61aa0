//! A chain without reductions: a thread computes one place after the other, all of a grid's threads side by side.

use super::expression::{expression, real};
use super::kernel::{Kernel, MOST_BLOCKS, Place, arguments, place};
use crate::lower::chain::Planned;
use std::fmt::Write;
use totc_kernels::fused::{Op, Register, Width};

const THREADS: usize = 256;

pub(super) fn kernel(group: &Planned, name: &str) -> Kernel {
    let chain = group.chain();
    let (sizes, steps, double) = (&chain.space().0, chain.steps(), chain.is_double());
    let count: usize = sizes.iter().product();
    let last = sizes.last().copied().unwrap_or(1);
    let (mut source, strides) = arguments(group, name);
    // 32 bits divide faster; a thread's next place, at most 2²⁸ further, must not wrap around.
    let index = if count < 1 << 31 { "unsigned" } else { "unsigned long long" };
    let _ = write!(
        source,
        "extern \"C\" __global__ void __launch_bounds__({THREADS}) {name}(const {name}_arguments given) {{
    for ({index} at = ({index})blockIdx.x * {THREADS} + threadIdx.x; at < {count}; at += ({index})gridDim.x * {THREADS}) {{
        const {index} row = at / {last}, column = at % {last};
"
    );
    let operand = |register: Register| match steps[register.0].op {
        Op::Number(value) => super::expression::number(value, double),
        _ => format!("v{}", register.0),
    };
    let real = real(double);
    for (at, step) in steps.iter().enumerate() {
        let text = match step.op {
            Op::Number(_) => continue,
            Op::Input(input) => {
                let Place { row, column } = place(sizes, input, &strides[input]);
                let column = column.filter(|_| step.width == Width::Full);
                let column =
                    column.map_or(String::new(), |stride| format!(" + (long long)column * {stride}"));
                format!("widened(given.x{input}[{row}{column}])")
            }
            _ => expression(step, double, |k| operand(step.operands[k])),
        };
        let _ = writeln!(source, "        const {real} v{at} = {text};");
    }
    for (at, output) in chain.outputs().iter().enumerate() {
        let value = operand(*output);
        let _ = match steps[output.0].width {
            Width::Row => writeln!(source, "        if (column == 0) store(given.y{at} + row, {value});"),
            _ => writeln!(source, "        store(given.y{at} + at, {value});"),
        };
    }
    source += "    }\n}\n";
    Kernel {
        name: name.to_owned(),
        source,
        strides,
        blocks: count.div_ceil(THREADS).min(MOST_BLOCKS),
        threads: THREADS,
    }
}
