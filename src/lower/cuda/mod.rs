//! CUDA C++ of fused groups (`totc dump --stage cuda`): a kernel for each group of a program that can be one, as text with
//! what it takes to launch it. Nothing is compiled here, and nothing is known of a GPU but how its threads are numbered.

mod expression;
pub mod nvrtc;
mod places;
mod rows;

use super::chain::{Planned, plan};
use super::program::{Instr, InstrOp, Program};
use std::fmt::Write;
use totc_kernels::fused::{Kind, Op, Width};

/// What stands before the kernels of a module.
pub const PRELUDE: &str = include_str!("prelude.cu");

/// Blocks of a launch, at most; threads go on to further places and rows themselves.
const MOST_BLOCKS: usize = 1 << 20;

/// A kernel in source.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The function's name.
    pub name: String,
    /// Its arguments and the function. Arguments are one structure of 8-byte words: for each input its address, then its
    /// strides in elements along [`Kernel::strides`]; then the address of each output, contiguous.
    pub source: String,
    /// For each input, the axes of the space (by place, the outermost first) whose stride is an argument.
    pub strides: Vec<Vec<usize>>,
    /// Blocks in the grid.
    pub blocks: usize,
    /// Threads in a block.
    pub threads: usize,
}

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

impl Kernel {
    /// Whether another has the same text but for its name.
    pub fn computes_what(&self, other: &Kernel) -> bool {
        self.source == other.source.replace(&other.name, &self.name)
    }
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

/// The type of elements in memory.
fn element(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::BFloat16 => "bfloat16",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
    }
}

/// The structure of arguments, and for each input the axes whose strides are in it.
fn arguments(group: &Planned, name: &str) -> (String, Vec<Vec<usize>>) {
    let sizes = &group.chain().space().0;
    let mut text = format!("struct {name}_arguments {{\n");
    let mut strides = Vec::new();
    for (at, source) in group.inputs().iter().enumerate() {
        let axes: Vec<usize> =
            (0..sizes.len()).filter(|axis| source.axes[*axis].is_some() && sizes[*axis] > 1).collect();
        let _ = write!(text, "    const {} *x{at};", element(source.kind));
        let names: Vec<String> = axes.iter().map(|axis| format!("x{at}_{axis}")).collect();
        if !names.is_empty() {
            let _ = write!(text, " long long {};", names.join(", "));
        }
        text += "\n";
        strides.push(axes);
    }
    for (at, kind) in output_kinds(group).into_iter().enumerate() {
        let _ = writeln!(text, "    {} *y{at};", element(kind));
    }
    (text + "};\n", strides)
}

fn output_kinds(group: &Planned) -> Vec<Kind> {
    group.outputs().iter().filter_map(|ty| super::chain::held(ty.kind)).collect()
}

/// Where the row of an input begins, in elements, by the number of the row; and the stride along a row.
struct Place {
    row: String,
    column: Option<String>,
}

/// The offset of each input, given the name of the row's number.
fn place(sizes: &[usize], input: usize, axes: &[usize]) -> Place {
    let last = sizes.len() - 1;
    let mut terms = Vec::new();
    for axis in axes.iter().filter(|axis| **axis != last) {
        let below: usize = sizes[axis + 1..last].iter().product();
        let above = sizes[..*axis].iter().any(|size| *size > 1);
        let quotient = if below > 1 { format!("row / {below}") } else { "row".to_owned() };
        let entry = if above { format!("{quotient} % {}", sizes[*axis]) } else { quotient };
        terms.push(format!("(long long)({entry}) * given.x{input}_{axis}"));
    }
    let row = if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") };
    let column = axes.contains(&last).then(|| format!("given.x{input}_{last}"));
    Place { row, column }
}
