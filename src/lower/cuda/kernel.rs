//! What the kernels of rows and of places share: how one is described, its structure of arguments, and where an input's
//! elements lie.

use crate::lower::chain::Planned;
use std::fmt::Write;
use totc_kernels::fused::Kind;

/// Blocks of a launch, at most; threads go on to further places and rows themselves.
pub(super) const MOST_BLOCKS: usize = 1 << 20;

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

impl Kernel {
    /// Whether another has the same text but for its name.
    pub fn computes_what(&self, other: &Kernel) -> bool {
        self.source == other.source.replace(&other.name, &self.name)
    }
}

/// The type of elements in memory.
pub(super) fn element(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::BFloat16 => "bfloat16",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
    }
}

/// The structure of arguments, and for each input the axes whose strides are in it.
pub(super) fn arguments(group: &Planned, name: &str) -> (String, Vec<Vec<usize>>) {
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

pub(super) fn output_kinds(group: &Planned) -> Vec<Kind> {
    group.outputs().iter().filter_map(|ty| crate::lower::chain::held(ty.kind)).collect()
}

/// Where the row of an input begins, in elements, by the number of the row; and the stride along a row.
pub(super) struct Place {
    pub(super) row: String,
    pub(super) column: Option<String>,
}

/// The offset of each input, given the name of the row's number.
pub(super) fn place(sizes: &[usize], input: usize, axes: &[usize]) -> Place {
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
