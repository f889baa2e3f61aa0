//! What the primitives' lines of PyTorch are made of, for those who leave totc (`totc export --to pytorch`). A line is Python
//! in which `{0}`, `{1}` stand for the operands `{f}` for a tensor `[batch]`, which knows how large the batch is and
//! where it lies, and `{d}` for the type of floats, which is that of the weights. Axes are counted from the end wherever that can be said, so that the same line serves a value with further
//! axes in front.

use super::{Call, View};
use crate::types::{AxisId, Dim, Kind};

/// How a primitive is said in PyTorch.
pub enum PyTorch {
    /// A line for a call.
    Line(fn(&Call) -> String),
    /// Only derivatives compute it, and PyTorch has its own.
    Never,
}

/// The shape of `dims` as a tuple; the batch is asked for its size.
pub fn shape(dims: &[Dim], batch: Option<AxisId>) -> String {
    let sizes: Vec<String> = dims.iter().map(|dim| size(dim, batch)).collect();
    if sizes.len() == 1 { format!("({},)", sizes[0]) } else { format!("({})", sizes.join(", ")) }
}

/// The size of an axis; the batch is asked for it.
pub fn size(dim: &Dim, batch: Option<AxisId>) -> String {
    if Some(dim.axis) == batch { "{f}.shape[0]".to_owned() } else { dim.size.to_string() }
}

/// A number as Python writes it: with a point where it is to be a float.
pub fn literal(value: f64, kind: Kind) -> String {
    match value {
        value if value.is_nan() => "float(\"nan\")".to_owned(),
        value if value.is_infinite() && value < 0.0 => "-float(\"inf\")".to_owned(),
        value if value.is_infinite() => "float(\"inf\")".to_owned(),
        value if kind == Kind::Bool => if value == 0.0 { "False" } else { "True" }.to_owned(),
        value if kind.is_float() => format!("{value:?}"),
        value => format!("{value}"),
    }
}

/// The type of tensors of a kind; floats have that of the weights, so that `.double()` reaches every number of a module.
pub fn dtype(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "torch.bool",
        Kind::Int | Kind::Index { .. } => "torch.int64",
        Kind::BFloat16 => "torch.bfloat16",
        Kind::Float | Kind::Float32 => "{d}",
        Kind::Float64 => "torch.float64",
    }
}

/// A tensor of one number.
fn number(value: f64, kind: Kind) -> String {
    let as_floats = if kind.is_float() { format!("dtype={}, ", dtype(kind)) } else { String::new() };
    format!("torch.tensor({}, {as_floats}device={{f}}.device)", literal(value, kind))
}

impl View {
    /// The view of what `x` says, which has `rank` axes.
    pub fn python(&self, x: &str, rank: usize) -> String {
        let mut text = x.to_owned();
        let moved: Vec<usize> = (0..self.order.len()).filter(|at| self.order[*at] != *at as i64).collect();
        match moved[..] {
            [] => {}
            [a, b] => {
                let from_end = |at: usize| at as i64 - self.order.len() as i64;
                text = format!("{text}.transpose({}, {})", from_end(a), from_end(b));
            }
            _ => {
                let order: Vec<String> = self.order.iter().map(i64::to_string).collect();
                text = format!("{text}.permute({})", order.join(", "));
            }
        }
        for (done, at) in self.insert.iter().enumerate() {
            text = format!("{text}.unsqueeze({})", at - (rank + done + 1) as i64);
        }
        text
    }
}

impl Call {
    /// Operand `at` in the result's axis order.
    pub fn py_seen(&self, at: usize) -> String {
        self.view(at).python(&self.py_tensor(at), self.args[at].dims.len())
    }

    /// Operand `at` as a tensor, also where it is a number.
    pub fn py_tensor(&self, at: usize) -> String {
        match self.numbers[at] {
            Some(value) => number(value, self.args[at].kind),
            None => format!("{{{at}}}"),
        }
    }

    /// Operand `at` as a tensor of the result's type.
    pub fn py_as_result(&self, at: usize) -> String {
        let (own, result) = (dtype(self.args[at].kind), dtype(self.ty.kind));
        if own == result { self.py_tensor(at) } else { format!("{}.to({result})", self.py_tensor(at)) }
    }

    /// Operand `at` in the result's axis order, a number as such; bools are widened where they are computed with, and
    /// integers where no tensor of floats beside them would do it.
    fn py_computable(&self, at: usize) -> String {
        if let (Some(value), false) = (self.numbers[at], self.numbers.iter().all(Option::is_some)) {
            return literal(value, self.args[at].kind);
        }
        let seen = self.py_seen(at);
        if self.widens(at) { format!("{seen}.to({})", dtype(self.ty.kind)) } else { seen }
    }

    fn widens(&self, at: usize) -> bool {
        let beside = (0..self.args.len())
            .any(|other| self.args[other].kind.is_float() && self.numbers[other].is_none());
        let (own, result) = (self.args[at].kind, self.ty.kind);
        own == Kind::Bool && result != Kind::Bool || !own.is_float() && result.is_float() && !beside
    }

    /// `a + b`, `a < b`.
    pub fn py_binary(&self, operator: &str) -> String {
        let bracketed = |text: String| if text.starts_with('-') { format!("({text})") } else { text };
        format!("{} {operator} {}", bracketed(self.py_computable(0)), self.py_computable(1))
    }

    /// The larger or smaller of two, `bound` being what `clamp` calls it.
    pub fn py_extreme(&self, function: &str, bound: &str) -> String {
        match (self.numbers[0], self.numbers[1]) {
            (Some(value), None) => {
                format!("{}.clamp({bound}={})", self.py_computable(1), literal(value, self.ty.kind))
            }
            (None, Some(value)) => {
                format!("{}.clamp({bound}={})", self.py_computable(0), literal(value, self.ty.kind))
            }
            _ => format!("torch.{function}({}, {})", self.py_computable(0), self.py_computable(1)),
        }
    }

    /// `f(x)`, element by element.
    pub fn py_unary(&self, function: &str) -> String {
        let x = self.py_tensor(0);
        match self.widens(0) {
            true => format!("{function}({x}.to({}))", dtype(self.ty.kind)),
            false => format!("{function}({x})"),
        }
    }

    /// `torch.where(condition, a, b)`.
    pub fn py_choose(&self) -> String {
        // Two numbers would be of PyTorch's default type.
        let both = self.numbers[1].is_some() && self.numbers[2].is_some();
        let side = |at: usize| match self.numbers[at] {
            Some(value) if both && at == 1 => number(value, self.ty.kind),
            Some(value) => literal(value, self.ty.kind),
            None if self.ty.kind.is_float() && !self.args[at].kind.is_float() => {
                format!("{}.to({})", self.py_seen(at), dtype(self.ty.kind))
            }
            None => self.py_seen(at),
        };
        format!("torch.where({}, {}, {})", self.py_seen(0), side(1), side(2))
    }

    /// Place of an axis in operand `at`, counted from the end.
    pub fn py_from_end(&self, at: usize, axis: AxisId) -> i64 {
        self.position(at, axis) - self.args[at].dims.len() as i64
    }

    /// The axes that are reduced, counted from the end: a number, or a tuple of several.
    pub fn py_over(&self) -> String {
        let mut over: Vec<i64> = self.attrs.over.iter().map(|axis| self.py_from_end(0, *axis)).collect();
        over.sort_unstable();
        let over: Vec<String> = over.iter().map(i64::to_string).collect();
        if over.len() == 1 { over[0].clone() } else { format!("({})", over.join(", ")) }
    }

    /// A reduction that takes its axes as `dim`; integers and bools become floats first where `floats`.
    pub fn py_reduce(&self, function: &str, floats: bool) -> String {
        let x = self.py_tensor(0);
        let widened = floats && !self.args[0].kind.is_float();
        let x = if widened { format!("{x}.to({})", dtype(self.ty.kind)) } else { x };
        if let Some(method) = function.strip_prefix('.') {
            return format!("{x}.{method}(dim={})", self.py_over());
        }
        format!("{function}({x}, dim={})", self.py_over())
    }

    /// One axis after the other from the innermost, so that gradient goes to the first extreme element.
    pub fn py_first_extreme(&self, method: &str) -> String {
        let mut at: Vec<i64> = self.over(0);
        at.sort_unstable();
        let mut rank = self.args[0].dims.len() as i64;
        let mut text = self.py_tensor(0);
        for position in at.iter().rev() {
            text = format!("{text}.{method}(dim={}).values", position - rank);
            rank -= 1;
        }
        text
    }

    /// The result's shape.
    pub fn py_shape(&self) -> String {
        shape(&self.ty.dims, self.batch)
    }
}
