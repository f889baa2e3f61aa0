//! Expressions, and the arguments and indices inside them.

use super::name::Ident;
use super::operator::{BinaryOp, Clause, UnaryOp};
use super::statement::Block;
use crate::source::Span;

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What is computed.
    pub kind: ExprKind,
    /// The whole expression.
    pub span: Span,
}

/// The expressions; kinds and axes are the checker's.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// The author's digits, kept exact.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// A name, of anything.
    Name(String),
    /// `callee(args)`.
    Call {
        /// A function, net, recipe or primitive.
        callee: Box<Expr>,
        /// In the order of the text.
        args: Vec<Arg>,
    },
    /// `base[items]`.
    Index {
        /// What entries are taken of.
        base: Box<Expr>,
        /// In the order of the text.
        items: Vec<IndexItem>,
    },
    /// `base.name`.
    Field {
        /// A net, or the result of one.
        base: Box<Expr>,
        /// A weight or what the net emits.
        name: Ident,
    },
    /// `y@2`: a state, `steps` supervision steps back.
    Ago {
        /// The name of the state.
        base: Box<Expr>,
        /// At least 1, at most what the parser allows.
        steps: u32,
    },
    /// An operator before a value.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// What it stands before.
        value: Box<Expr>,
    },
    /// An operator between values.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// What it stands behind.
        left: Box<Expr>,
        /// What it stands before.
        right: Box<Expr>,
    },
    /// `if cond { … } else { … }` as a value.
    If {
        /// A condition on configs and counters.
        cond: Box<Expr>,
        /// The value where it holds.
        then: Block,
        /// The value where it does not.
        otherwise: Block,
    },
    /// `match subject { choice => value }`, of a choice or number known at compile time.
    Match {
        /// The config, or what is computed of configs and counters.
        subject: Box<Expr>,
        /// A choice, the digits of a number or `_` for all others, and the value, in the order of the text.
        arms: Vec<(Ident, Expr)>,
    },
    /// `lookahead { names }`: values of one more supervision step from the new states.
    Lookahead(Vec<Ident>),
    /// `(a, b)`.
    Tuple(Vec<Expr>),
    /// `[3, 2, 2]`.
    List(Vec<Expr>),
    /// Statements that end in a value.
    Block(Block),
    /// What the parent model has in this place, where an heir builds on it; made where `extends` is resolved.
    Inherited {
        /// Module path of the file that holds it, whose names it sees.
        module: String,
        /// As the parent has it.
        value: Box<Expr>,
    },
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub struct Arg {
    /// Its form and content.
    pub kind: ArgKind,
    /// The whole argument.
    pub span: Span,
}

/// The forms of arguments.
#[derive(Clone, Debug)]
pub enum ArgKind {
    /// By place.
    Positional(Expr),
    /// By name.
    Named(Ident, Expr),
    /// `over dim` and its like.
    Clause(Clause, AxisSet),
    /// `dim -> (head, feature)`
    Map(MapSide, MapSide),
}

/// A side of `a -> b`.
#[derive(Clone, Debug)]
pub enum MapSide {
    /// Axes by name, outermost first.
    Axes(Vec<Ident>),
    /// `-> 1`: no axis.
    One(Span),
}

/// Axes after a clause.
#[derive(Clone, Debug)]
pub enum AxisSet {
    /// Axes by name.
    Names(Vec<Ident>),
    /// All axes but these.
    Not(Vec<Ident>),
    /// Every axis.
    All,
}

/// An entry in the brackets of `x[…]`.
#[derive(Clone, Debug)]
pub enum IndexItem {
    /// `y[cell]`, `layers[i]`
    Plain(Expr),
    /// `y[pos = 0]`, `weight[symbol = question]`
    Equal(Ident, Expr),
    /// `code[place in a..b]`
    In(Ident, Expr, Expr),
}
