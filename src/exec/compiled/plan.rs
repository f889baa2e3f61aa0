//! What a program becomes before memory and kernels are given to it: a flat list of steps on buffers, loops written out,
//! one list for what depends on the weights alone and one for each sample's own work.

use super::array::Array;
use super::product::{Application, Product};
use crate::exec::chain::Planned;
use crate::lower::Instr;
use crate::source::Span;
use crate::types::Kind;

/// Where a buffer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Once for all slices: what depends on weights and numbers alone.
    Shared,
    /// Once for each slice of the batch.
    Slice,
}

/// Memory that a step writes.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    /// Elements.
    pub count: usize,
    pub kind: Kind,
    pub room: Room,
}

/// What a step does.
pub(super) enum What {
    /// Rows of an input of the data, by place among [`Plan::inputs`].
    Input(usize),
    /// Rows of a carried state, likewise.
    State(usize),
    Fresh,
    Steps,
    /// A whole weight, by place among [`Plan::weights`].
    Weight(usize),
    /// Rows of a table, by place among [`Plan::weights`], by the indices it reads.
    Rows(usize),
    /// libtorch's kernel of an operation; what it gives is copied to where it belongs.
    Torch(Box<Instr>),
    Chain(Planned),
    /// The same numbers as another kind.
    Convert(Planned),
    /// The same elements elsewhere.
    Copy,
    /// The same number everywhere.
    Fill(f64),
    /// The right operand, if it was packed: by place among [`Plan::packs`].
    Product(Product, Option<usize>),
    /// A product by the pack of that place, and `silu(a) · b` of both halves of its columns; also writes the product itself
    /// where somebody reads it.
    Gated(Product, usize),
    /// One product by libtorch's own kernel, which is the fastest in float32.
    Matmul(Product),
    /// Rotary positions: theta, whether backwards, place of the axis of positions.
    Rotate {
        theta: f64,
        back: bool,
        axis: usize,
    },
    /// Attention of queries, keys and values, or the three gradients of it.
    Attention(Attention),
    /// Where no entry of the bools that it reads is true, the steps up to the [`What::Behind`] of the same number are left out.
    Unless(usize),
    /// Here what that number left out ends.
    Behind(usize),
    /// By the bools that it reads first: its second operand where none is true, else its third.
    Settle,
}

/// Heads of an attention.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    pub causal: bool,
    /// Of each operand, then of each result: offsets of the heads.
    pub heads: Vec<Vec<usize>>,
    /// Rows and features, and for each array the strides of both.
    pub sizes: (usize, usize),
    pub strides: Vec<(usize, usize)>,
    /// Operands are the adjoint, queries, keys and values; results the gradients by the latter.
    pub backward: bool,
}

impl What {
    /// Whether it says which steps run, and so is needed though it writes nothing.
    pub fn steers(&self) -> bool {
        matches!(self, What::Unless(_) | What::Behind(_))
    }
}

/// One entry of a list.
pub(super) struct Step {
    pub what: What,
    pub reads: Vec<Array>,
    pub writes: Vec<Array>,
    /// By place among [`Plan::notes`].
    pub note: usize,
}

/// A weight in the order in which products read it.
#[derive(Clone, Debug)]
pub(super) struct Pack {
    pub from: Array,
    pub n: usize,
    pub k: usize,
    /// From output to output, and along k.
    pub strides: (usize, usize),
    pub bfloat16: bool,
    /// Whether columns of the first half lie beside those of the second, for a gate.
    pub paired: bool,
}

/// A result of the step.
pub(super) struct Result {
    /// By place among the program's outputs.
    pub output: usize,
    pub from: Array,
}

/// The gradient by a weight: products over all slices, and what each slice has summed by itself.
pub(super) struct WeightGradient {
    /// By place among the program's gradients.
    pub gradient: usize,
    pub applications: Vec<Application>,
    pub arrays: Vec<Array>,
    pub n: usize,
    pub k: usize,
}

/// The gradient by rows of a table.
pub(super) struct RowGradient {
    /// By place among the program's gradients.
    pub gradient: usize,
    pub ids: Array,
    pub from: Array,
}

/// What messages and profiles say of an instruction.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub operation: String,
    pub name: String,
    pub span: Span,
}

/// Where the slices wait for each other, and what is summed over all of them then.
pub(super) struct Meeting {
    /// After how many steps of a slice.
    pub after: usize,
    /// (place among `Plan::gradients`, applications from .. to).
    pub sums: Vec<(usize, std::ops::Range<usize>)>,
}

/// A program as steps for slices of `rows` samples.
pub(super) struct Plan {
    pub rows: usize,
    pub inputs: Vec<String>,
    pub states: Vec<String>,
    pub weights: Vec<String>,
    pub buffers: Vec<Buffer>,
    pub shared: Vec<Step>,
    pub slice: Vec<Step>,
    pub packs: Vec<Pack>,
    /// Of each pack, the weight whose numbers it has as they stand outside.
    pub pack_weights: Vec<Option<usize>>,
    pub results: Vec<Result>,
    pub gradients: Vec<WeightGradient>,
    pub row_gradients: Vec<RowGradient>,
    pub meetings: Vec<Meeting>,
    pub notes: Vec<Note>,
}
