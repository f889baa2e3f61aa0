//! What a model or net declares between its braces.

use super::expression::Expr;
use super::name::Ident;
use super::statement::Block;
use super::ty::Type;
use crate::source::Span;

/// A declaration inside a model or net.
#[derive(Clone, Debug)]
pub struct Member {
    /// The `///` lines above it.
    pub doc: String,
    /// What is declared.
    pub kind: MemberKind,
    /// The whole declaration.
    pub span: Span,
}

/// What a model or net declares.
#[derive(Clone, Debug)]
pub enum MemberKind {
    /// `config T: int = 3 in 1..16`: a setting that is known when the model is compiled.
    Config {
        /// What it is called.
        name: Ident,
        /// One name of a kind, or the choices of `a | b`; empty where nothing is stated.
        ty: Vec<Ident>,
        /// What it is unless the run file says otherwise.
        value: Expr,
        /// Lower and upper bound, both included; `at least n` has no upper one.
        range: Option<(Expr, Option<Expr>)>,
    },
    /// `axis a = size`, or `axis a, b`.
    Axis {
        /// What they are called; one where a size is given.
        names: Vec<Ident>,
        /// The number of entries; None where data or arguments bind it.
        size: Option<Expr>,
    },
    /// `input x: ty` or `target x: ty`.
    Data {
        /// Whether it is a target, which losses and metrics alone may read.
        target: bool,
        /// What it is called, here and in the data set.
        name: Ident,
        /// Its kind and axes.
        ty: Type,
    },
    /// `param`, `buffer` or `table`, by declared type and initial value.
    Weight {
        /// The keyword.
        role: WeightRole,
        /// The last part of its path in a checkpoint.
        name: Ident,
        /// Its kind and axes.
        ty: Type,
        /// The value before training.
        init: Expr,
    },
    /// `net f = Recipe(…)`.
    Net {
        /// What the instance is called, a part of the paths of its weights.
        name: Ident,
        /// The recipe with its arguments.
        value: Expr,
    },
    /// `net f.layers.mlp = Recipe(…)`: another net in the place of one inside a net.
    Part {
        /// The net of the model, then names of members, at least two in all; numbers of families are left out.
        path: Vec<Ident>,
        /// The recipe with its arguments.
        value: Expr,
    },
    /// `state y: ty = init`, carried from one supervision step to the next.
    State {
        /// What it is called.
        name: Ident,
        /// Its kind and axes, the same after every step.
        ty: Type,
        /// The value of a sample that begins.
        init: Expr,
    },
    /// `encode { … }`, `think { … }` or `decode { … }`.
    Section {
        /// Which of the three.
        section: Section,
        /// What it does.
        body: Block,
    },
    /// `block name(args) { … }`, statements that `do` runs.
    Block {
        /// What `do` calls it by.
        name: Ident,
        /// Names of the parameters, in order; empty where the brackets are missing.
        args: Vec<Ident>,
        /// What it does.
        body: Block,
    },
    /// What the model answers, with names where there are several.
    Predict(Vec<(Option<Ident>, Expr)>),
    /// `metric name = value`: a measure of evaluation.
    Metric {
        /// What logs and reports call it.
        name: Ident,
        /// The measure of each sample, over `batch`.
        value: Expr,
    },
    /// `loss name = value`: a term of what training lowers.
    Loss {
        /// What logs and reports call it.
        name: Ident,
        /// The term.
        value: Expr,
    },
    /// `halt when …, at most n steps, explore p`: when a sample ends.
    Halt {
        /// The condition on a sample; None of `halt never`.
        when: Option<Expr>,
        /// Supervision steps after which a sample ends in any case.
        at_most: Option<Expr>,
        /// The probability, from 0 to 1, that a sample in training goes on beyond the condition.
        explore: Option<Expr>,
    },
    /// `carry grad n`: supervision steps in a row that gradient flows through in training.
    CarryGrad(Expr),
    /// Inherited declarations that are left out: keyword and name.
    Drop(Vec<(Ident, Ident)>),
}

/// The keyword of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightRole {
    /// Learned by the main optimiser.
    Param,
    /// A constant of the checkpoint.
    Buffer,
    /// Embedding rows with updates of their own.
    Table,
}

/// The parts of a supervision step, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Data to values, before the thinking.
    Encode,
    /// New states.
    Think,
    /// States to predictions.
    Decode,
}

impl Section {
    /// The keyword.
    pub fn word(self) -> &'static str {
        match self {
            Section::Encode => "encode",
            Section::Think => "think",
            Section::Decode => "decode",
        }
    }
}
