//! Statements of a schedule or function, and the blocks that hold them.

use super::expression::Expr;
use super::name::Ident;
use crate::source::Span;

/// Statements, and the value of a block that ends in a bare expression.
#[derive(Clone, Debug)]
pub struct Block {
    /// In order.
    pub statements: Vec<Stmt>,
    /// The bare expression at the end.
    pub value: Option<Box<Expr>>,
    /// With the braces.
    pub span: Span,
}

/// A statement of a schedule or function.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// The whole statement.
    pub span: Span,
}

/// The statements; names are resolved by the checker.
#[expect(
    clippy::large_enum_variant,
    reason = "trees are small and live briefly: boxes would only be in the way"
)]
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `let a, b = value`.
    Let {
        /// One, or as many as the value has results.
        names: Vec<Ident>,
        /// What they are.
        value: Expr,
    },
    /// `axis name = size`: an axis of this body.
    Axis {
        /// What it is called.
        name: Ident,
        /// The number of entries; None where each value brings its own.
        size: Option<Expr>,
    },
    /// `var name = value`: may be updated.
    Var {
        /// What it is called.
        name: Ident,
        /// What it is at first.
        value: Expr,
    },
    /// `name <- value`.
    Update {
        /// A state or `var`.
        name: Ident,
        /// What it is from here on.
        value: Expr,
    },
    /// `record name = value`: kept under a name, without a use in the model.
    Record {
        /// What logs, losses and metrics call it.
        name: Ident,
        /// What is kept.
        value: Expr,
    },
    /// `collect name = value over counter`: the values of all iterations on an axis.
    Collect {
        /// What the whole is called behind the loop.
        name: Ident,
        /// The value of one iteration.
        value: Expr,
        /// The counter of the loop, which becomes the axis.
        over: Ident,
    },
    /// `emit name = value`, read by the caller as `x.name`.
    Emit {
        /// What the caller reads.
        name: Ident,
        /// What it is.
        value: Expr,
    },
    /// `repeat count, grad last k while condition { … }`.
    Repeat {
        /// How often.
        count: LoopCount,
        /// Iterations at the end that have gradients; None of all.
        grad_last: Option<Expr>,
        /// A condition on each sample; one whose condition has failed keeps what it has.
        while_: Option<Expr>,
        /// What one iteration does.
        body: Block,
    },
    /// `branch state …`: the state gets or widens a growing axis.
    Branch {
        /// The state or `var` that becomes several.
        state: Ident,
        /// The axis after `along`; None of `branch`.
        axis: Option<Ident>,
        /// By a method or by copies.
        how: Branching,
    },
    /// `merge state with combiner`: the growing axis is reduced, to groups if any.
    Merge {
        /// The state or `var` whose entries become fewer.
        state: Ident,
        /// The axis after `along`; None of `branch`.
        axis: Option<Ident>,
        /// Entries of one group, after `in groups of`; None where all are one.
        groups: Option<Expr>,
        /// What makes one entry of a group.
        with: Expr,
        /// The name of the combiner's second result.
        giving: Option<Ident>,
    },
    /// `prune states to k by score`: the best entries of a growing axis stay.
    Prune {
        /// The states or `var`s that keep the same entries.
        states: Vec<Ident>,
        /// The axis after `along`; None of `branch`.
        axis: Option<Ident>,
        /// Entries that stay.
        to: Expr,
        /// A score of each entry; the highest stay.
        by: Expr,
    },
    /// A block of the model is run.
    Do {
        /// The block.
        name: Ident,
        /// What its parameters are, in order.
        args: Vec<Expr>,
    },
    /// `inherited`: what the section or block of the parent model does; None until `extends` is resolved.
    Inherited(Option<Box<InheritedBlock>>),
    /// `return value`, from a function or net.
    Return(Expr),
    /// `if cond { … } else { … }`, decided at compile time.
    If {
        /// A condition on configs and counters.
        cond: Expr,
        /// What happens where it holds.
        then: Block,
        /// What happens where it does not; `else if` is a block of one `if`.
        otherwise: Option<Block>,
    },
}

/// The body of a parent model's section or block where an heir goes on from it.
#[derive(Clone, Debug)]
pub struct InheritedBlock {
    /// Module path of the file that holds it, whose names it sees.
    pub module: String,
    /// What it does.
    pub body: Block,
}

/// How often a loop runs.
#[derive(Clone, Debug)]
pub enum LoopCount {
    /// `repeat n`: a number of times.
    Times(Expr),
    /// `repeat index in from..to`.
    Range {
        /// What the counter is called.
        index: Ident,
        /// Its first value.
        from: Expr,
        /// The value that it does not reach.
        to: Expr,
    },
}

/// What a branch is made of.
#[derive(Clone, Debug)]
pub enum Branching {
    /// `with method(…)`.
    With(Expr),
    /// `into number`.
    Into(Expr),
}
