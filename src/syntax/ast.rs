//! The abstract syntax: the author's text as a tree, with a span on everything. Made by `syntax::parser`;
//! means nothing yet.

use crate::source::Span;

/// A name where it is written.
#[derive(Clone, Debug)]
pub struct Ident {
    /// As written.
    pub name: String,
    /// Where.
    pub span: Span,
}

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
    Axis { name: Ident, size: Option<Expr> },
}

/// `use std::nets::{Block, Stack}`.
#[derive(Clone, Debug)]
pub struct Use {
    /// Path segments: `std`, `nets`.
    pub module: Vec<String>,
    /// The names that are taken; each keeps its place.
    pub names: Vec<Ident>,
}

/// `model NAME extends OTHER { … }`.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is called.
    pub name: Ident,
    /// The model it inherits from.
    pub extends: Option<Ident>,
    /// Declarations in the order of the text, inherited ones not included.
    pub members: Vec<Member>,
}

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
    /// `range`: both bounds belong to it; no upper bound is no bound.
    Config { name: Ident, ty: Vec<Ident>, value: Expr, range: Option<(Expr, Option<Expr>)> },
    /// `axis a, b = size`; without a size the data bind it.
    Axis { names: Vec<Ident>, size: Option<Expr> },
    /// `input x: ty` or `target x: ty`.
    Data { target: bool, name: Ident, ty: Type },
    /// `param`, `buffer` or `table`, by declared type and initial value.
    Weight { role: WeightRole, name: Ident, ty: Type, init: Expr },
    /// `net f = Recipe(…)`.
    Net { name: Ident, value: Expr },
    /// `state y: ty = init`, carried from one supervision step to the next.
    State { name: Ident, ty: Type, init: Expr },
    /// The body of a section.
    Section { section: Section, body: Block },
    /// `block name(args) { … }`, statements that `do` runs.
    Block { name: Ident, args: Vec<Ident>, body: Block },
    /// What the model answers, with names where there are several.
    Predict(Vec<(Option<Ident>, Expr)>),
    /// A measure of evaluation.
    Metric { name: Ident, value: Expr },
    /// A loss of training.
    Loss { name: Ident, value: Expr },
    /// When a sample ends; nothing in it means `halt never`.
    Halt { when: Option<Expr>, at_most: Option<Expr>, explore: Option<Expr> },
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

/// `float [batch, dim]`, `symbol? [cell]`.
#[derive(Clone, Debug)]
pub struct Type {
    /// The kind (`float`, `int`, `bool`) or the axis that an index is of.
    pub name: Ident,
    /// Whether a `?` stands behind the name: absent values allowed.
    pub optional: bool,
    /// None where the brackets are missing: any axes.
    pub axes: Option<Vec<AxisEntry>>,
    /// The whole type.
    pub span: Span,
}

/// An entry in the brackets of a type.
#[derive(Clone, Debug)]
pub enum AxisEntry {
    /// `..`
    Rest,
    /// `at..`
    Pack(Ident),
    /// An axis by name.
    Name(Ident),
}

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
    Let { names: Vec<Ident>, value: Expr },
    /// A local axis; without a size, each value brings its own.
    Axis { name: Ident, size: Option<Expr> },
    /// `var name = value`: may be updated.
    Var { name: Ident, value: Expr },
    /// `name <- value`.
    Update { name: Ident, value: Expr },
    /// `record name = value`: kept under a name, without a use in the model.
    Record { name: Ident, value: Expr },
    /// `collect name = value over counter`: the values of all iterations on an axis.
    Collect { name: Ident, value: Expr, over: Ident },
    /// `emit name = value`, read by the caller as `x.name`.
    Emit { name: Ident, value: Expr },
    /// `repeat count { … }`, with `grad last k` and `while`.
    Repeat { count: LoopCount, grad_last: Option<Expr>, while_: Option<Expr>, body: Block },
    /// `branch state …`: the state gets or widens a growing axis.
    Branch { state: Ident, axis: Option<Ident>, how: Branching },
    /// `merge state with combiner`: the growing axis is reduced, to groups if any.
    Merge { state: Ident, axis: Option<Ident>, groups: Option<Expr>, with: Expr, giving: Option<Ident> },
    /// `prune states to k by score`: the best entries of a growing axis stay.
    Prune { states: Vec<Ident>, axis: Option<Ident>, to: Expr, by: Expr },
    /// A block of the model is run.
    Do { name: Ident, args: Vec<Expr> },
    /// `return value`, from a function or net.
    Return(Expr),
    /// `if cond { … } else { … }`, decided at compile time.
    If { cond: Expr, then: Block, otherwise: Option<Block> },
}

/// How often a loop runs.
#[derive(Clone, Debug)]
pub enum LoopCount {
    /// `repeat n`: a number of times.
    Times(Expr),
    /// `repeat index in from..to`; `to` is not reached.
    Range { index: Ident, from: Expr, to: Expr },
}

/// What a branch is made of.
#[derive(Clone, Debug)]
pub enum Branching {
    /// `with method(…)`.
    With(Expr),
    /// `into number`.
    Into(Expr),
}

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
    Call { callee: Box<Expr>, args: Vec<Arg> },
    /// `base[items]`.
    Index { base: Box<Expr>, items: Vec<IndexItem> },
    /// `base.name`.
    Field { base: Box<Expr>, name: Ident },
    /// `y@2`: a state, `steps` supervision steps back.
    Ago { base: Box<Expr>, steps: u32 },
    /// An operator before a value.
    Unary { op: UnaryOp, value: Box<Expr> },
    /// An operator between values.
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr> },
    /// `if cond { … } else { … }` as a value.
    If { cond: Box<Expr>, then: Block, otherwise: Block },
    /// `match subject { choice => value }`, of a config.
    Match { subject: Box<Expr>, arms: Vec<(Ident, Expr)> },
    /// `lookahead(names)`: values of one more supervision step from the new states.
    Lookahead(Vec<Ident>),
    /// `(a, b)`.
    Tuple(Vec<Expr>),
    /// Statements that end in a value.
    Block(Block),
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

/// The words that name axes in calls and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// What is reduced or run over.
    Over,
    /// What is set against each other.
    Between,
    /// A further axis that is worked along.
    Along,
    /// The axis that is made.
    Into,
}

impl Clause {
    /// The word as written.
    pub fn word(self) -> &'static str {
        match self {
            Clause::Over => "over",
            Clause::Between => "between",
            Clause::Along => "along",
            Clause::Into => "into",
        }
    }
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

/// Operators before an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-x`
    Neg,
    /// `not x`
    Not,
}

/// Operators between two expressions, weakest binding first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `<=`
    Le,
    /// `>=`
    Ge,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `>`
    Gt,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `^`
    Pow,
}

impl BinaryOp {
    /// The operator as written.
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
