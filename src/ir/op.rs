//! The operations of the graph: a closed set of structural operations, and `Prim`, an entry of the table of tensor
//! primitives (`crate::primitive`). Axes are named by id, never by position. Operations are compared and hashed whole,
//! numbers by their bits.

pub use crate::primitive::{Attrs, PrimId, Real};
use crate::types::{AxisId, Kind};

/// An operation; its operands are held by the node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A tensor of the data (`question`), by name.
    Input(String),
    /// A carried state as it comes in, `ago` supervision steps back (1 = the last).
    State {
        /// As declared.
        name: String,
        /// In supervision steps, at least 1.
        ago: usize,
    },
    /// bool `[batch]`: samples that start anew at this step.
    Fresh,
    /// int `[batch]`: supervision steps done, this one included.
    Steps,
    /// A `param` or `buffer`, by path.
    Weight(String),
    /// Rows of a `table` (path), by index: a leaf of its own for the gradient.
    EmbeddingRows(String),
    /// A number known at compile time: a whole one that float64 holds exactly is an int, any other a float.
    Number(Real),
    /// A tensor primitive.
    Prim(PrimId, Attrs),
    /// `x[axis = at]`: drops the axis.
    Select {
        /// The axis that is dropped.
        axis: AxisId,
        /// Its entry, counted from 0.
        at: usize,
    },
    /// `x[axis in start..start + len]`; `to` is the axis it has afterwards (itself, or a part).
    Slice {
        /// The axis that is cut.
        axis: AxisId,
        /// The first entry that stays, counted from 0.
        start: usize,
        /// How many entries stay.
        len: usize,
        /// The axis of the result.
        to: AxisId,
    },
    /// `x[axis = i]` with an index: operands `x`, `i`. Axes that both have are matched.
    Gather {
        /// The axis of `x` that the index looks up.
        axis: AxisId,
    },
    /// The same elements in the same order under another axis.
    Rename {
        /// The axis of the operand.
        from: AxisId,
        /// The axis of the result, at the same place.
        to: AxisId,
    },
    /// `(a, b)` → `to`, the first outermost.
    Flatten {
        /// Axes of the operand, the outermost first.
        from: Vec<AxisId>,
        /// The axis of the result, at the place of the first of `from`.
        to: AxisId,
    },
    /// `from` → `(a size, b size)`, the first outermost.
    Unflatten {
        /// The axis of the operand.
        from: AxisId,
        /// The axes of the result with their sizes, whose product is the size of `from`.
        to: Vec<(AxisId, usize)>,
    },
    /// Broadcasts to the result's axes and their order.
    Expand,
    /// Joins operands along `to`; operand k has the axis `parts[k]`.
    Concat {
        /// The joined axis of each operand, in order.
        parts: Vec<AxisId>,
        /// The axis of the result; its size is the sum of theirs.
        to: AxisId,
    },
    /// `x[axis = i]` backwards: operands `y`, `i`. Each element of `y` is added where the index found it in a value of the
    /// stated type; zeros elsewhere.
    Scatter {
        /// The axis that the index looks up.
        axis: AxisId,
    },
    /// Zeros around the entries of `axis` up to `size`; the axis is `to` afterwards.
    Pad {
        /// The axis of the operand.
        axis: AxisId,
        /// Where its first entry stands.
        start: usize,
        /// The size afterwards, in entries.
        size: usize,
        /// The axis of the result, at the same place.
        to: AxisId,
    },
    /// The same values as another kind, the axes unchanged.
    Cast(Kind),
    /// The value without its gradient.
    Detach,
    /// A loop; its body is held beside the operation. Operands: the starts of the carried values, then what the body
    /// captures. Results: the carried values after the last iteration, then what the body yields.
    Repeat {
        /// How many iterations.
        times: usize,
    },
    /// Elementwise operations and reductions of rows that are computed in one pass over memory; its body is held beside the
    /// operation, as that of a loop of one iteration that carries nothing. Operands: what the body captures.
    Fused,
    /// Result `k` of a `Repeat` or a `Fused`.
    LoopResult(usize),
    /// In a loop's body: its block argument `k`, which is the carried value or the captured operand `k` of the `Repeat`.
    Argument(usize),
    /// In a loop's body: the induction value, an int that counts the iterations 0, 1, 2, …
    Iteration,
    /// In a loop's body: the entry of a stacked value (`Yield::Stack`) that belongs to the iteration, counted from the end:
    /// the first iteration reads the last. Drops the axis.
    Unstack {
        /// The axis that the value was stacked along, of as many entries as the loop has iterations.
        axis: AxisId,
    },
}

/// How a weight or state begins.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Every element the same.
    Constant(f64),
    /// The normal distribution around 0.
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Cut at ±2 of the parent normal, rescaled so that the std is exactly `std` (factor 1.13685).
    TruncatedNormal {
        /// Standard deviation after the cut.
        std: f64,
    },
    /// Uniform on `low..high`.
    Uniform {
        /// The least value.
        low: f64,
        /// The bound that is not reached.
        high: f64,
    },
}
