//! The tensor primitives: everything else of the language is library code. A primitive is one file here and
//! one line in `TABLE`; it then has a spelling, inference, a cost and a kernel. Knows no spans and no author.

mod attend;
mod attrs;
mod call;
pub mod chained;
mod convolve;
mod derivative;
mod dot;
mod elementwise;
mod iota;
#[cfg(feature = "torch")]
pub mod kernel;
mod noise;
pub mod pytorch;
mod reduce;
mod rope;
mod softmax;
mod top_k;

use crate::diagnostic::Code;
pub use attrs::{Attrs, Real};
pub use call::{Call, View};
pub use chained::Chained;
pub use derivative::{Backward, Derivative, Val};
pub use pytorch::PyTorch;

use crate::types::{Axes, AxisId, Dim, Kind, Ty};

/// Position in `TABLE`, and behind it in `BACKWARD`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrimId(u16);

impl std::fmt::Debug for PrimId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.get().name)
    }
}

impl PrimId {
    /// The primitive's row in the table.
    pub fn get(self) -> &'static Primitive {
        let at = self.0 as usize;
        TABLE.get(at).copied().unwrap_or_else(|| BACKWARD[at - TABLE.len()])
    }
}

/// How many axes a clause of a call may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// Exactly one.
    One,
    /// One or more.
    Many,
}

/// A row of the table: everything that the compiler and the runtime know of one tensor operation.
pub struct Primitive {
    /// As model files call it.
    pub name: &'static str,
    /// One sentence for the reference.
    pub about: &'static str,
    /// Number of tensor operands, at least and at most.
    pub operands: (usize, usize),
    /// How many axes its `over` clause names.
    pub over: Takes,
    /// How many axes its `along` clause names.
    pub along: Takes,
    /// How many axes its `into` clause makes.
    pub into: Takes,
    /// Named constants after the operands, with their defaults (`causal = false`).
    pub constants: &'static [(&'static str, f64)],
    /// How gradient goes through it.
    pub derivative: Derivative,
    /// How it is computed as part of a chain, if it can be.
    pub chained: Chained,
    /// How it is said in PyTorch.
    pub pytorch: PyTorch,
    /// Draws random numbers: never shared, moved or folded.
    pub random: bool,
    /// The result's type from the operands', its axes in memory order; a complaint where they do not fit.
    pub infer: fn(&Attrs, &[&Ty], &Axes) -> Result<Ty, Complaint>,
    /// Floating-point operations of one execution.
    pub flops: fn(&Attrs, &[&Ty], &Ty) -> u64,
    /// Plans the libtorch kernel of one call.
    #[cfg(feature = "torch")]
    pub kernel: fn(&Call, &kernel::Planner) -> kernel::TchResult<kernel::Kernel>,
}

/// What inference objects to, in the author's terms; the checker adds the places.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    /// The diagnostic's code.
    pub code: Code,
    /// What is wrong, in the author's terms.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Operands to point at, with a label each.
    pub operands: Vec<(usize, String)>,
}

impl Complaint {
    /// A complaint without help that points at no operand.
    pub fn new(code: Code, message: impl Into<String>) -> Complaint {
        Complaint { code, message: message.into(), help: None, operands: Vec::new() }
    }

    /// The same with a suggestion how to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Complaint {
        self.help = Some(help.into());
        self
    }

    /// The same, pointing at operand `index` (from 0) with a label.
    pub fn operand(mut self, index: usize, label: impl Into<String>) -> Complaint {
        self.operands.push((index, label.into()));
        self
    }
}

static TABLE: &[&Primitive] = &[
    &elementwise::ADD,
    &elementwise::SUB,
    &elementwise::MUL,
    &elementwise::DIV,
    &elementwise::POW,
    &elementwise::MAXIMUM,
    &elementwise::MINIMUM,
    &elementwise::LT,
    &elementwise::LE,
    &elementwise::GT,
    &elementwise::GE,
    &elementwise::EQ,
    &elementwise::NE,
    &elementwise::AND,
    &elementwise::OR,
    &elementwise::NOT,
    &elementwise::NEG,
    &elementwise::EXP,
    &elementwise::LOG,
    &elementwise::SQRT,
    &elementwise::RSQRT,
    &elementwise::ABS,
    &elementwise::SIGN,
    &elementwise::FLOOR,
    &elementwise::SIN,
    &elementwise::COS,
    &elementwise::SIGMOID,
    &elementwise::TANH,
    &elementwise::SILU,
    &elementwise::GELU,
    &elementwise::RELU,
    &elementwise::WHERE,
    &elementwise::PRESENT,
    &reduce::SUM,
    &reduce::MEAN,
    &reduce::MAX,
    &reduce::MIN,
    &reduce::NORM,
    &reduce::LOGSUMEXP,
    &reduce::ARGMAX,
    &softmax::SOFTMAX,
    &dot::DOT,
    &attend::ATTEND,
    &convolve::CONVOLVE,
    &rope::ROPE,
    &top_k::TOP_K,
    &iota::IOTA,
    &noise::NOISE,
    &noise::UNIFORM,
    &noise::DROPOUT,
];

/// What only derivatives compute: no model file can name them, and gradient stops at them.
static BACKWARD: &[&Primitive] = &[
    &elementwise::SIGMOID_BACKWARD,
    &elementwise::TANH_BACKWARD,
    &elementwise::SILU_BACKWARD,
    &elementwise::GELU_BACKWARD,
    &softmax::SOFTMAX_BACKWARD,
    &attend::ATTEND_BACKWARD,
];

/// All primitives of the language, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Primitive> {
    TABLE.iter().copied()
}

/// The primitive that model files call `name`; None where there is none.
pub fn by_name(name: &str) -> Option<PrimId> {
    TABLE.iter().position(|primitive| primitive.name == name).map(|at| PrimId(at as u16))
}

/// The primitive of a name, those of derivatives included.
fn any_by_name(name: &str) -> Option<PrimId> {
    let all = TABLE.iter().chain(BACKWARD);
    all.enumerate().find(|(_, primitive)| primitive.name == name).map(|(at, _)| PrimId(at as u16))
}

/// The axes and their memory order when operands meet: an operand that has all axes decides the order; else
/// the first is extended, further axes as far out as the orders allow but inside `batch`.
pub fn broadcast(operands: &[&Ty], axes: &Axes) -> Result<Vec<Dim>, Complaint> {
    let mut dims: Vec<Dim> = Vec::new();
    let mut owner: Vec<usize> = Vec::new();
    for (index, ty) in operands.iter().enumerate() {
        for dim in &ty.dims {
            match dims.iter().position(|known| known.axis == dim.axis) {
                Some(at) if dims[at].size != dim.size => {
                    let name = axes.name(dim.axis);
                    return Err(Complaint::new(
                        Code::AxisSize,
                        format!("`{name}` is {} on one side and {} on the other", dims[at].size, dim.size),
                    )
                    .operand(owner[at], format!("`{name}` is {} here", dims[at].size))
                    .operand(index, format!("`{name}` is {} here", dim.size))
                    .help("sizes of one axis must agree; slice, merge or rename one side first"));
                }
                Some(_) => {}
                None => {
                    dims.push(*dim);
                    owner.push(index);
                }
            }
        }
    }
    for (at, dim) in dims.iter().enumerate() {
        for (other, part) in dims.iter().enumerate() {
            if is_part(part.axis, dim.axis, axes) {
                let (whole, part) = (axes.name(dim.axis), axes.name(part.axis));
                return Err(Complaint::new(Code::AxisPart, format!("`{whole}` meets its own part `{part}`"))
                    .operand(owner[at], format!("has `{whole}`"))
                    .operand(owner[other], format!("has `{part}`"))
                    .help(format!("take the part of the whole first: `x[{part}]`")));
            }
        }
    }
    let widest = operands.iter().max_by_key(|ty| ty.dims.len()).filter(|ty| ty.dims.len() == dims.len());
    if let Some(widest) = widest {
        let order = operands.iter().find(|ty| ty.dims.len() == dims.len()).unwrap_or(widest);
        return Ok(order.dims.clone());
    }
    let mut order =
        operands.iter().max_by_key(|ty| ty.dims.len()).map(|ty| ty.dims.clone()).unwrap_or_default();
    for ty in operands {
        extend_order(&mut order, &ty.dims, axes);
    }
    Ok(order)
}

fn extend_order(order: &mut Vec<Dim>, extra: &[Dim], axes: &Axes) {
    for (at, dim) in extra.iter().enumerate() {
        if order.iter().any(|known| known.axis == dim.axis) {
            continue;
        }
        let after_own = extra[..at]
            .iter()
            .filter_map(|before| order.iter().position(|known| known.axis == before.axis))
            .max()
            .map(|position| position + 1);
        let after_batch = usize::from(order.first().is_some_and(|first| axes.name(first.axis) == "batch"));
        order.insert(after_own.unwrap_or(0).max(after_batch), *dim);
    }
}

/// Whether `part` is a part of `whole`, directly or through parts.
pub fn is_part(part: AxisId, whole: AxisId, axes: &Axes) -> bool {
    axes.get(whole).parts.iter().any(|inner| *inner == part || is_part(part, *inner, axes))
}

/// The complaint about an axis that `what` needs and the operand lacks.
pub fn missing(axis: AxisId, ty: &Ty, axes: &Axes, what: &str) -> Complaint {
    let name = axes.name(axis);
    let has: Vec<_> = ty.axes().collect();
    let complaint =
        Complaint::new(Code::AxisMissing, format!("{what} needs the axis `{name}`, which is not there"))
            .operand(0, format!("this is {}", ty.show(axes)));
    let whole = has.iter().find(|whole| is_part(axis, **whole, axes));
    match whole {
        Some(whole) => complaint
            .help(format!("`{name}` is a part of `{}`: take it first, `x[{name}]`", axes.name(*whole))),
        None if has.is_empty() => complaint.help("the value has no axes"),
        None => complaint.help(format!("it has {}", axes.names(&has))),
    }
}

fn require_float(ty: &Ty, axes: &Axes, what: &str) -> Result<(), Complaint> {
    if ty.kind.is_float() {
        return Ok(());
    }
    Err(Complaint::new(Code::Kind, format!("{what} needs floats"))
        .operand(0, format!("this is {}", ty.show(axes)))
        .help("widen it with `float(x)`"))
}

/// The elements of a value, as a cost.
fn per_element(cost: u64, ty: &Ty) -> u64 {
    cost.saturating_mul(ty.count() as u64)
}

/// `bool` and integers take part in arithmetic as the run's floats.
fn as_float(kind: Kind) -> Kind {
    if kind.is_float() { kind } else { Kind::Float }
}
