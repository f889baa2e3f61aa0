//! What a file declares: imports, models, nets, functions, axes.

use super::expression::Expr;
use super::member::Member;
use super::name::Ident;
use super::operator::Clause;
use super::statement::Block;
use super::ty::Type;
use crate::source::Span;

/// A file as a whole.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The `//!` lines it begins with.
    pub doc: String,
    /// In the order of the text.
    pub items: Vec<Item>,
}

/// A declaration of a file.
#[derive(Clone, Debug)]
pub struct Item {
    /// The `///` lines above it.
    pub doc: String,
    /// What is declared.
    pub kind: ItemKind,
    /// The whole declaration.
    pub span: Span,
}

impl Item {
    /// The name with its place; None of an import, which has many names.
    pub fn ident(&self) -> Option<&Ident> {
        match &self.kind {
            ItemKind::Model(model) => Some(&model.name),
            ItemKind::Net(net) => Some(&net.name),
            ItemKind::Fn(function) => function.name.as_ref(),
            ItemKind::Axis { name, .. } => Some(name),
            ItemKind::Use(_) => None,
        }
    }

    /// What it is called; None of an import, which has many names.
    pub fn name(&self) -> Option<&str> {
        self.ident().map(|name| name.name.as_str())
    }
}

/// What a file declares.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// Names of other modules.
    Use(Use),
    /// A model, possibly an heir of another.
    Model(Model),
    /// A net that models instantiate.
    Net(NetDef),
    /// A function of tensors and sizes.
    Fn(FnDef),
    /// An axis that the functions and models of the file share; one declaration of several becomes several.
    Axis {
        /// What it is called.
        name: Ident,
        /// The number after `=`; None where whoever uses the axis gives it a size.
        size: Option<Expr>,
    },
}

/// `use std::nets::{Block, Stack}`.
#[derive(Clone, Debug)]
pub struct Use {
    /// Path segments: `std`, `nets`.
    pub module: Vec<String>,
    /// The names that are taken; each keeps its place.
    pub names: Vec<Ident>,
}

/// `model NAME extends OTHER with CHANGES { … }`, or `mixin NAME { … }`.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is called.
    pub name: Ident,
    /// Whether it is changes to whatever model takes it in, and no model by itself.
    pub mixin: bool,
    /// The model it inherits from.
    pub extends: Option<Ident>,
    /// Mix-ins, and models whose changes are taken in; the first is nearest to the base.
    pub with: Vec<Ident>,
    /// Declarations in the order of the text, inherited ones not included.
    pub members: Vec<Member>,
}

/// `net Name(params) { members, fn }`.
#[derive(Clone, Debug)]
pub struct NetDef {
    /// What it is called.
    pub name: Ident,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// Weights, nets and sizes, in the order of the text.
    pub members: Vec<Member>,
    /// None where the net has weights alone.
    pub body: Option<FnDef>,
}

/// A function, of a file or of a net (then without a name).
#[derive(Clone, Debug)]
pub struct FnDef {
    /// What stands above the `fn` of a net; that of an item is the item's.
    pub doc: String,
    /// None of the `fn` of a net.
    pub name: Option<Ident>,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// Types of the results, in order; empty where none is stated.
    pub result: Vec<Type>,
    /// What it does.
    pub body: Block,
    /// From `fn` to the end of the body.
    pub span: Span,
}

impl FnDef {
    /// Name, parameters and result: where the function is shown without its body.
    pub fn signature(&self) -> Span {
        let last = self.result.last().map(|ty| ty.span);
        let last = last.or(self.params.last().and_then(|param| param.ty.as_ref()).map(|ty| ty.span));
        let last =
            last.or(self.name.as_ref().map(|name| name.span)).filter(|last| last.file == self.span.file);
        Span { end: last.map_or(self.span.start + 2, |last| last.end), ..self.span }
    }
}

/// `over dim: axis`, `ways: int`, `z: float [.., dim]`.
#[derive(Clone, Debug)]
pub struct Param {
    /// The clause that gives it (`over`, `into`), of axes alone.
    pub clause: Option<Clause>,
    /// What it is called.
    pub name: Ident,
    /// None of a parameter that takes anything.
    pub ty: Option<Type>,
    /// What it is where the call says nothing.
    pub default: Option<Expr>,
}
