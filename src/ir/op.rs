//! The operations of the graph: a closed set of structural operations, and `Prim`, an entry of the table of tensor
//! primitives (`crate::primitive`). Axes are named by id, never by position. Operations are compared and hashed whole,
//! numbers by their bits.

pub use crate::primitive::{Attrs, PrimId, Real};
use crate::types::{AxisId, Kind};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A tensor of the data (`question`), by name.
    Input(String),
    /// A carried state as it comes in, `ago` supervision steps back (1 = the last).
    State {
        name: String,
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
        axis: AxisId,
        at: usize,
    },
    /// `x[axis in start..start + len]`; `to` is the axis it has afterwards (itself, or a part).
    Slice {
        axis: AxisId,
        start: usize,
        len: usize,
        to: AxisId,
    },
    /// `x[axis = i]` with an index: operands `x`, `i`. Axes that both have are matched.
    Gather {
        axis: AxisId,
    },
    Rename {
        from: AxisId,
        to: AxisId,
    },
    /// `(a, b)` → `to`, the first outermost.
    Flatten {
        from: Vec<AxisId>,
        to: AxisId,
    },
    /// `from` → `(a size, b size)`, the first outermost.
    Unflatten {
        from: AxisId,
        to: Vec<(AxisId, usize)>,
    },
    /// Broadcasts to the result's axes and their order.
    Expand,
    /// Joins operands along `to`; operand k has the axis `parts[k]`.
    Concat {
        parts: Vec<AxisId>,
        to: AxisId,
    },
    /// Zeros at the end of `axis` up to `size`; the axis is `to` afterwards.
    Pad {
        axis: AxisId,
        size: usize,
        to: AxisId,
    },
    Cast(Kind),
    /// The value without its gradient.
    Detach,
    /// A loop; its body is held beside the operation. Operands: the starts of the carried values, then what the body
    /// captures. Results: the carried values after the last iteration, then what the body yields.
    Repeat {
        times: usize,
    },
    /// Result `k` of a `Repeat`.
    LoopResult(usize),
    /// In a loop's body: its block argument `k`, which is the carried value or the captured operand `k` of the `Repeat`.
    Argument(usize),
    /// In a loop's body: the induction value, an int that counts the iterations 0, 1, 2, …
    Iteration,
}

/// How a weight or state begins.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    Constant(f64),
    Normal {
        std: f64,
    },
    /// Cut at ±2 of the parent normal, rescaled so that the std is exactly `std` (factor 1.13685).
    TruncatedNormal {
        std: f64,
    },
    Uniform {
        low: f64,
        high: f64,
    },
}
