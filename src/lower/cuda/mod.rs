//! CUDA C++ of fused groups (`totc dump --stage cuda`): a kernel for each group of a program that can be one, as text with
//! what it takes to launch it. Nothing is compiled here, and nothing is known of a GPU but how its threads are numbered.

mod expression;
mod kernel;
mod places;
mod rows;

pub use kernel::Kernel;

use super::chain::{Planned, plan};
use super::program::{Instr, InstrOp, Program};
use std::fmt::Write;
use totc_kernels::fused::{Op, Width};

/// What stands before the kernels of a module.
pub const PRELUDE: &str = include_str!("prelude.cu");

/// The kernel of a group; None where a row is longer than a block of threads can hold in registers, or where it computes
/// something else than one value a place or a row.
pub fn kernel(group: &Planned, name: &str) -> Option<Kernel> {
    let chain = group.chain();
    let steps = chain.steps();
    let only_numbers =
        |step: &totc_kernels::fused::Step| !matches!(step.op, Op::Number(_)) && step.width == Width::One;
    if steps.iter().any(only_numbers)
        || chain.outputs().iter().any(|output| steps[output.0].width == Width::One)
        || chain.space().0.contains(&0)
        || chain.inputs() != group.inputs().len()
    {
        return None;
    }
    let reduces = steps.iter().any(|step| matches!(step.op, Op::Sum | Op::Max | Op::Min));
    if reduces { rows::kernel(group, name) } else { Some(places::kernel(group, name)) }
}

/// The kernels of a program's groups, in its order and each once; groups that compute the same share one.
pub fn kernels(program: &Program) -> Vec<Kernel> {
    let mut found: Vec<Kernel> = Vec::new();
    each_group(&program.body, &mut |instr| {
        let name = format!("fused_{}", found.len());
        if let Some(kernel) = of(instr, &name)
            && !found.iter().any(|known| known.computes_what(&kernel))
        {
            found.push(kernel);
        }
    });
    found
}

/// The kernel of a fused instruction.
pub fn of(instr: &Instr, name: &str) -> Option<Kernel> {
    let InstrOp::Fused { body, yields, result_tys } = &instr.op else { return None };
    kernel(&plan(body, yields, result_tys)?, name)
}

/// Visits the fused instructions of a program, those of loops too.
pub fn each_group<'a>(body: &'a [Instr], visit: &mut impl FnMut(&'a Instr)) {
    for instr in body {
        match &instr.op {
            InstrOp::Fused { .. } => visit(instr),
            InstrOp::Repeat { body, .. } => each_group(body, visit),
            InstrOp::Op(_) => {}
        }
    }
}

/// A module: what all kernels share, then the kernels.
pub fn module(kernels: &[Kernel]) -> String {
    let mut text = PRELUDE.to_owned();
    kernels.iter().for_each(|kernel| text += &format!("\n{}", kernel.source));
    text
}

/// The kernels as text, without what they share.
pub fn print(program: &Program) -> String {
    let mut text = String::new();
    for kernel in kernels(program) {
        let Kernel { name, source, blocks, threads, .. } = &kernel;
        let _ = writeln!(text, "// {name}: {blocks} blocks of {threads} threads\n{source}");
    }
    text
}
