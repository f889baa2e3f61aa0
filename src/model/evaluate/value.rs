//! What names mean while a model is checked: numbers, choices, axes, nets, recipes, tensors.

use crate::ir::op::Init;
use crate::model::Val;
use crate::model::evaluate::number::Number;
use crate::source::Span;
use crate::syntax::ast;
use crate::types::AxisId;
use imbl::HashMap;
use std::rc::Rc;

/// What an expression gives while a model is checked.
#[derive(Clone)]
pub enum Value {
    /// A number, exact while it can be.
    Number(Number),
    /// A list of numbers, of a config or as written.
    Numbers(Vec<Number>),
    /// A truth value known at compile time.
    Bool(bool),
    /// A choice of a config.
    Choice(String),
    /// One axis.
    Axis(AxisId),
    /// Several axes, in order.
    Axes(Vec<AxisId>),
    /// How a weight or state begins.
    Init(Init),
    /// A value of the graph, computed at run time.
    Tensor(Val),
    /// Several values, in order.
    Tuple(Vec<Value>),
    /// Named values (`lookahead`).
    Record(Vec<(String, Value)>),
    /// A net with its weights.
    Net(Rc<NetInstance>),
    /// `Scorer(…) * 3`
    Family(Vec<Rc<NetInstance>>),
    /// A net not yet made: each use makes its own.
    Recipe(Rc<Recipe>),
    /// A function by its definition.
    Function(Rc<Function>),
    /// A net's definition, before it has weights.
    NetDef(Rc<NetDefinition>),
    /// An embedding table, by its place among the weights: only rows can be taken.
    Table(usize),
    /// Stands for a value whose error has been reported: silences what follows from it.
    Broken,
}

impl Value {
    /// Whether nothing has changed: the same tensor, the same number.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Tensor(a), Value::Tensor(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a.compare(*b).is_eq(),
            (Value::Numbers(a), Value::Numbers(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.compare(*b).is_eq())
            }
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Choice(a), Value::Choice(b)) => a == b,
            (Value::Axis(a), Value::Axis(b)) => a == b,
            (Value::Tuple(a), Value::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b))
            }
            (Value::Broken, _) | (_, Value::Broken) => true,
            _ => false,
        }
    }

    /// What it is, for messages.
    pub fn what(&self) -> &'static str {
        match self {
            Value::Number(_) => "a number",
            Value::Numbers(_) => "a list of numbers",
            Value::Bool(_) => "a bool known at compile time",
            Value::Choice(_) => "a choice",
            Value::Axis(_) => "an axis",
            Value::Axes(_) => "axes",
            Value::Init(_) => "an initial distribution",
            Value::Tensor(_) => "a tensor",
            Value::Tuple(_) => "several values",
            Value::Record(_) => "several named values",
            Value::Net(_) => "a net",
            Value::Family(_) => "a family of nets",
            Value::Recipe(_) => "a recipe of a net",
            Value::Function(_) => "a function",
            Value::NetDef(_) => "a net definition",
            Value::Table(_) => "a table",
            Value::Broken => "a value with an error",
        }
    }

    /// A constant as the author would write it, anything else by what it is.
    pub fn shown(&self) -> String {
        match self {
            Value::Number(number) => number.to_string(),
            Value::Numbers(numbers) => Number::list(numbers),
            Value::Bool(value) => value.to_string(),
            Value::Choice(word) => word.clone(),
            other => other.what().to_owned(),
        }
    }
}

/// A net with its weights.
pub struct NetInstance {
    /// The declared path, with which the paths of its weights begin.
    pub path: String,
    /// What it computes.
    pub kind: NetKind,
}

/// What a net computes.
pub enum NetKind {
    /// The one that is no library code.
    Linear(Linear),
    /// The body of its definition, which sees the scope of its weights.
    Defined { def: Rc<NetDefinition>, scope: Scope },
}

/// `x · Wᵀ + b`; `weight` is (to…, from…).
pub struct Linear {
    /// The axes that go, as the value names them.
    pub from: Vec<AxisId>,
    /// The axes that come, outermost first.
    pub to: Vec<AxisId>,
    /// The input axes as the weight names them: other names than the output's.
    pub inner: Vec<AxisId>,
    /// Its matrix.
    pub weight: Val,
    /// Its bias over `to`, if it has one.
    pub bias: Option<Val>,
}

/// A net not yet made.
pub struct Recipe {
    /// What makes it.
    pub expr: ast::Expr,
    /// The names that were visible where it was written.
    pub scope: Scope,
}

/// A function of a file.
pub struct Function {
    /// Its text as a tree.
    pub def: ast::FnDef,
    /// The file's module path, whose names its body sees.
    pub module: String,
}

/// A definition of a net.
pub struct NetDefinition {
    /// Its text as a tree.
    pub def: ast::NetDef,
    /// The file's module path, whose names its body sees.
    pub module: String,
}

/// How a name may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingRole {
    /// Bound once.
    Constant,
    /// May be updated where it is visible.
    Var,
    /// Carried to the next supervision step.
    State,
    /// The counter of a loop: known at compile time, different in each iteration.
    Counter,
}

/// What a name stands for.
#[derive(Clone)]
pub struct Binding {
    /// The present value.
    pub value: Value,
    /// How the name may be used.
    pub role: BindingRole,
    /// Where it was bound.
    pub span: Span,
}

/// Nested name spaces, innermost last.
#[derive(Clone)]
pub struct Scope {
    frames: Vec<HashMap<String, Binding>>,
    /// Module whose items are visible below all frames.
    pub module: String,
    /// The names of the model itself, not of a net or function.
    pub of_model: bool,
    /// No names at all: the size of an axis that a file declares.
    pub of_file: bool,
}

impl Scope {
    /// An empty scope with one frame, above a module's items.
    pub fn new(module: &str) -> Scope {
        Scope { frames: vec![HashMap::new()], module: module.to_owned(), of_model: false, of_file: false }
    }

    /// The scope of what a file itself declares: nothing but the module's items.
    pub fn of_file(module: &str) -> Scope {
        Scope { of_file: true, ..Scope::new(module) }
    }

    /// Opens a frame.
    pub fn push(&mut self) {
        self.frames.push(HashMap::new());
    }

    /// Closes the innermost frame and drops its names.
    pub fn pop(&mut self) {
        self.frames.pop();
    }

    /// Hides all frames above `depth`; give the result to `restore`.
    pub fn hide(&mut self, depth: usize) -> Vec<HashMap<String, Binding>> {
        self.frames.split_off(depth)
    }

    /// Puts back the frames that [`Scope::hide`] took.
    pub fn restore(&mut self, hidden: Vec<HashMap<String, Binding>>) {
        self.frames.extend(hidden);
    }

    /// What a name stands for, the innermost frame first.
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.frames.iter().rev().find_map(|frame| frame.get(name))
    }

    /// The same, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Binding> {
        self.frames.iter_mut().rev().find_map(|frame| frame.get_mut(name))
    }

    /// Binds in the innermost frame; an older binding there is replaced.
    pub fn bind(&mut self, name: &str, value: Value, role: BindingRole, span: Span) {
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name.to_owned(), Binding { value, role, span });
        }
    }

    /// Binds in the outermost frame: visible to everything that follows.
    pub fn bind_global(&mut self, name: &str, value: Value, role: BindingRole, span: Span) {
        if let Some(frame) = self.frames.first_mut() {
            frame.insert(name.to_owned(), Binding { value, role, span });
        }
    }

    /// All visible names, sorted, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.frames.iter().flat_map(|frame| frame.keys().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
