//! The abstract syntax: the author's text as a tree, with a span on everything. Made by `syntax::parser`;
//! means nothing yet.

use crate::source::Span;

#[derive(Clone, Debug)]
pub struct Ident {
    pub name: String,
    pub span: Span,
}

#[derive(Clone, Debug, Default)]
pub struct File {
    /// The `//!` lines it begins with.
    pub doc: String,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub doc: String,
    pub kind: ItemKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ItemKind {
    Use(Use),
    Model(Model),
    Net(NetDef),
    Fn(FnDef),
    /// An axis that the functions and models of the file share; one declaration of several becomes several.
    Axis {
        name: Ident,
        size: Option<Expr>,
    },
}

/// `use std::nets::{Block, Stack}`.
#[derive(Clone, Debug)]
pub struct Use {
    pub module: Vec<String>,
    pub names: Vec<Ident>,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub name: Ident,
    pub extends: Option<Ident>,
    pub members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub doc: String,
    pub kind: MemberKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum MemberKind {
    /// `range`: both bounds belong to it; no upper bound is no bound.
    Config {
        name: Ident,
        ty: Vec<Ident>,
        value: Expr,
        range: Option<(Expr, Option<Expr>)>,
    },
    Axis {
        names: Vec<Ident>,
        size: Option<Expr>,
    },
    Data {
        target: bool,
        name: Ident,
        ty: Type,
    },
    Weight {
        role: WeightRole,
        name: Ident,
        ty: Type,
        init: Expr,
    },
    Net {
        name: Ident,
        value: Expr,
    },
    State {
        name: Ident,
        ty: Type,
        init: Expr,
    },
    Section {
        section: Section,
        body: Block,
    },
    Block {
        name: Ident,
        args: Vec<Ident>,
        body: Block,
    },
    Predict(Vec<(Option<Ident>, Expr)>),
    Metric {
        name: Ident,
        value: Expr,
    },
    Loss {
        name: Ident,
        value: Expr,
    },
    Halt {
        when: Option<Expr>,
        at_most: Option<Expr>,
        explore: Option<Expr>,
    },
    Drop(Vec<(Ident, Ident)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightRole {
    Param,
    Buffer,
    Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Encode,
    Think,
    Decode,
}

#[derive(Clone, Debug)]
pub struct NetDef {
    pub name: Ident,
    pub params: Vec<Param>,
    pub members: Vec<Member>,
    pub body: Option<FnDef>,
}

#[derive(Clone, Debug)]
pub struct FnDef {
    /// What stands above the `fn` of a net; that of an item is the item's.
    pub doc: String,
    pub name: Option<Ident>,
    pub params: Vec<Param>,
    pub result: Vec<Type>,
    pub body: Block,
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
    pub clause: Option<Clause>,
    pub name: Ident,
    pub ty: Option<Type>,
    pub default: Option<Expr>,
}

#[derive(Clone, Debug)]
pub struct Type {
    pub name: Ident,
    pub optional: bool,
    pub axes: Option<Vec<AxisEntry>>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum AxisEntry {
    /// `..`
    Rest,
    /// `at..`
    Pack(Ident),
    Name(Ident),
}

/// Statements, and the value of a block that ends in a bare expression.
#[derive(Clone, Debug)]
pub struct Block {
    pub statements: Vec<Stmt>,
    pub value: Option<Box<Expr>>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[expect(
    clippy::large_enum_variant,
    reason = "trees are small and live briefly: boxes would only be in the way"
)]
#[derive(Clone, Debug)]
pub enum StmtKind {
    Let {
        names: Vec<Ident>,
        value: Expr,
    },
    /// A local axis; without a size, each value brings its own.
    Axis {
        name: Ident,
        size: Option<Expr>,
    },
    Var {
        name: Ident,
        value: Expr,
    },
    Update {
        name: Ident,
        value: Expr,
    },
    Record {
        name: Ident,
        value: Expr,
    },
    Collect {
        name: Ident,
        value: Expr,
        over: Ident,
    },
    Emit {
        name: Ident,
        value: Expr,
    },
    Repeat {
        count: LoopCount,
        grad_last: Option<Expr>,
        while_: Option<Expr>,
        body: Block,
    },
    Branch {
        state: Ident,
        axis: Option<Ident>,
        how: Branching,
    },
    Merge {
        state: Ident,
        axis: Option<Ident>,
        groups: Option<Expr>,
        with: Expr,
        giving: Option<Ident>,
    },
    Prune {
        states: Vec<Ident>,
        axis: Option<Ident>,
        to: Expr,
        by: Expr,
    },
    Do {
        name: Ident,
        args: Vec<Expr>,
    },
    Return(Expr),
    If {
        cond: Expr,
        then: Block,
        otherwise: Option<Block>,
    },
}

#[derive(Clone, Debug)]
pub enum LoopCount {
    Times(Expr),
    Range { index: Ident, from: Expr, to: Expr },
}

#[derive(Clone, Debug)]
pub enum Branching {
    With(Expr),
    Into(Expr),
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    /// The author's digits, kept exact.
    Number(String),
    Bool(bool),
    Name(String),
    Call {
        callee: Box<Expr>,
        args: Vec<Arg>,
    },
    Index {
        base: Box<Expr>,
        items: Vec<IndexItem>,
    },
    Field {
        base: Box<Expr>,
        name: Ident,
    },
    Ago {
        base: Box<Expr>,
        steps: u32,
    },
    Unary {
        op: UnaryOp,
        value: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    If {
        cond: Box<Expr>,
        then: Block,
        otherwise: Block,
    },
    Match {
        subject: Box<Expr>,
        arms: Vec<(Ident, Expr)>,
    },
    Lookahead(Vec<Ident>),
    Tuple(Vec<Expr>),
    Block(Block),
}

#[derive(Clone, Debug)]
pub struct Arg {
    pub kind: ArgKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ArgKind {
    Positional(Expr),
    Named(Ident, Expr),
    Clause(Clause, AxisSet),
    /// `dim -> (head, feature)`
    Map(MapSide, MapSide),
}

#[derive(Clone, Debug)]
pub enum MapSide {
    Axes(Vec<Ident>),
    /// `-> 1`: no axis.
    One(Span),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    Over,
    Between,
    Along,
    Into,
}

impl Clause {
    pub fn word(self) -> &'static str {
        match self {
            Clause::Over => "over",
            Clause::Between => "between",
            Clause::Along => "along",
            Clause::Into => "into",
        }
    }
}

#[derive(Clone, Debug)]
pub enum AxisSet {
    Names(Vec<Ident>),
    Not(Vec<Ident>),
    All,
}

#[derive(Clone, Debug)]
pub enum IndexItem {
    /// `y[cell]`, `layers[i]`
    Plain(Expr),
    /// `y[pos = 0]`, `weight[symbol = question]`
    Equal(Ident, Expr),
    /// `code[place in a..b]`
    In(Ident, Expr, Expr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Neg,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Or,
    And,
    Le,
    Ge,
    Eq,
    Ne,
    Lt,
    Gt,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
}

impl BinaryOp {
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Le => "<=",
            BinaryOp::Ge => ">=",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Gt => ">",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Pow => "^",
        }
    }
}
