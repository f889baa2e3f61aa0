//! The intermediate representation, on the ground floor: operations on typed values with named axes, the graph that
//! holds them (a loop is a node with a body graph), the builder, inference, the verifier and the printer. Knows no
//! author, no libtorch and no memory; spans only to hand them on.

mod builder;
mod frame;
mod graph;
pub mod infer;
mod interface;
pub mod op;
mod output;
mod print;
mod show;
mod values;
mod verify;

pub use builder::{Builder, Label, Val};
pub use frame::{Called, Frame, Name};
pub use graph::{Body, Flow, Graph, Node, Recompute, Yield};
pub use infer::infer;
pub use interface::{
    Gradient, HaltInfo, InputInfo, InputRole, Mode, State, StateInfo, Weight, WeightInfo, WeightRole,
};
pub use output::{OutputKind, OutputName};
pub use print::print;
pub use show::show_op;
pub use values::Values;
pub use verify::verify;
