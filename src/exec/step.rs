//! What goes into one supervision step and what comes out of it, and how it can fail: what both executors agree on.

use indexmap::IndexMap;
use std::collections::HashMap;
use tch::Tensor;

/// What goes into one supervision step.
#[derive(Debug)]
pub struct Inputs {
    /// By the model's names; int64, absent labels -100.
    pub data: HashMap<String, Tensor>,
    /// Carried states, `y`, and `y@2` for what lies further back.
    pub states: HashMap<String, Tensor>,
    /// bool `[batch]`: rows that start anew.
    pub fresh: Tensor,
    /// int64 `[batch]`: steps done, this one included.
    pub steps: Tensor,
}

/// What comes out: values by output name, in their declared axis order, and gradients where the program has them.
#[derive(Debug)]
pub struct Outputs {
    /// By output name, axes in memory order of [`Program::outputs`].
    pub values: IndexMap<String, Tensor>,
    /// By path, of each `param` that a loss depends on: of the mean over the batch of the sum of all losses, in the shape of
    /// the weight. The caller's own.
    pub gradients: IndexMap<String, Tensor>,
    /// One for each lookup in a table.
    pub rows: Vec<TableRows>,
}

/// The gradient of rows of a table that were looked up.
#[derive(Debug)]
pub struct TableRows {
    /// The table's declared path.
    pub table: String,
    /// int64, any axes.
    pub ids: Tensor,
    /// The ids' axes, then the table's others: the gradient as in [`Outputs::gradients`].
    pub gradient: Tensor,
}

/// totc is wrong, or memory has run out: the node, the author's line if known, and what libtorch said.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// libtorch could not allocate.
    #[error("memory has run out while computing `{node}`; a smaller `batch` or `hidden` needs less")]
    Memory {
        /// The author's name for the value, with the line if known.
        node: String,
    },
    /// libtorch refused what the compiler had checked.
    #[error(
        "internal error while computing `{node}` ({op}): {cause}; please report this with the model file"
    )]
    Kernel {
        /// The author's name for the value, with the line if known.
        node: String,
        /// The operation.
        op: String,
        /// What libtorch said.
        cause: String,
    },
    /// An input, state or weight by name is not among those given.
    #[error("the program needs {what}, which it was not given")]
    Input {
        /// What is lacking, by name.
        what: String,
    },
    /// An index of the data lies outside its axis.
    #[error(
        "the lookup {node} found the index {found}, and `{axis}` has {size} entries there: 0 to {}", *size as i64 - 1
    )]
    Index {
        /// The author's name for the value.
        node: String,
        /// The axis that was looked up.
        axis: String,
        /// Its entries.
        size: usize,
        /// The first index outside `0..size`.
        found: i64,
    },
}
