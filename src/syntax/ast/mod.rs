//! The abstract syntax: the author's text as a tree, with a span on everything. Made by `syntax::parser`; means nothing
//! yet. Names are unresolved, numbers are the author's digits, nothing has a type.

mod expression;
mod item;
mod member;
mod name;
mod operator;
mod statement;
mod ty;

pub use expression::{Arg, ArgKind, AxisSet, Expr, ExprKind, IndexItem, MapSide};
pub use item::{File, FnDef, Item, ItemKind, Model, NetDef, Param, Use};
pub use member::{Member, MemberKind, Section, WeightRole};
pub use name::Ident;
pub use operator::{BinaryOp, Clause, UnaryOp};
pub use statement::{Block, Branching, InheritedBlock, LoopCount, Stmt, StmtKind};
pub use ty::{AxisEntry, Type};
