//! What goes into one supervision step and what comes out of it, and how it can fail: what both executors agree on.

use crate::ir::{OutputKind, OutputName};
use crate::lower::{OutputId, Program};
use indexmap::IndexMap;
use std::collections::HashMap;
use std::sync::Arc;
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

/// What is told of the gradients of weights while a step runs.
#[derive(Debug)]
pub enum Told {
    /// By path, the tensors that they will be in: not to be read yet.
    Begins(Vec<(String, Tensor)>),
    /// The one of that place among them is whole. Those that nobody is told of are so when the step has ended.
    Whole(usize),
    /// By path, all of them, from whoever has run the step.
    All(Vec<(String, Tensor)>),
}

/// Who is told, by any thread.
pub type Tell<'a> = dyn Fn(Told) + Sync + 'a;

/// What comes out: values by output name, in their declared axis order, and gradients where the program has them.
#[derive(Debug)]
pub struct Outputs {
    /// What leaves the step.
    pub values: OutputValues,
    /// By path, of each `param` that a loss depends on: of the mean over the batch of the sum of all losses, in the shape of
    /// the weight. The caller's own.
    pub gradients: IndexMap<String, Tensor>,
    /// One for each lookup in a table.
    pub rows: Vec<TableRows>,
}

/// What left a step, in the order of [`Program::outputs`], axes in the memory order given there.
#[derive(Debug)]
pub struct OutputValues {
    names: Arc<[OutputName]>,
    tensors: Vec<Tensor>,
}

impl OutputValues {
    /// One tensor for each of `names`, those of a program.
    pub fn new(names: &Arc<[OutputName]>, tensors: Vec<Tensor>) -> OutputValues {
        OutputValues { names: Arc::clone(names), tensors }
    }

    /// The names of a program's outputs, as many steps share them.
    pub fn names_of(program: &Program) -> Arc<[OutputName]> {
        program.outputs.iter().map(|output| output.name.clone()).collect()
    }

    /// The value of an output of the program.
    pub fn at(&self, id: OutputId) -> Option<&Tensor> {
        self.tensors.get(id.0)
    }

    /// By printed name (`loss.answering`), compared one by one: not for every step.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.iter().find_map(|(own, tensor)| own.reads(name).then_some(tensor))
    }

    /// Those of a kind, by the author's names.
    pub fn of(&self, kind: OutputKind) -> impl Iterator<Item = (&str, &Tensor)> {
        self.iter().filter(move |(own, _)| own.kind == kind).map(|(own, tensor)| (own.name.as_str(), tensor))
    }

    /// All by printed name, which one owns.
    pub fn by_name(self) -> IndexMap<String, Tensor> {
        self.names.iter().map(OutputName::to_string).zip(self.tensors).collect()
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&OutputName, &Tensor)> {
        self.names.iter().zip(&self.tensors)
    }
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
    /// A random draw that was to be given.
    #[error("the draw `{name}` {what}")]
    Draw {
        /// Its name.
        name: String,
        /// What is wrong with it.
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
