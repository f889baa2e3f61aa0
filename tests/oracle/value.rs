//! What an expression of a model file can be: exact numbers, words, tensors with named axes, axes, nets. Takes and
//! gives plain float64 data; knows nothing of syntax trees except the definitions that a recipe remembers.

use std::collections::HashMap;
use std::rc::Rc;

use totc::syntax::ast::NetDef;

use super::nets::Instance;

/// A failure in words: the oracle cannot evaluate this, or the program has no meaning.
pub type Res<T> = Result<T, String>;

/// An axis as an entry of the oracle's list; two axes of one name are two entries.
pub type AxisId = usize;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Bool,
    Int,
    /// An integer that indexes an axis; absent ones are NaN.
    Index(AxisId),
    Float,
}

/// Elements in the order of `axes`, the first outermost.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub kind: Kind,
    pub axes: Vec<(AxisId, usize)>,
    pub data: Vec<f64>,
}

/// A number known when the model is compiled: exact as long as it is a fraction of reasonable length.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    Ratio(i128, i128),
    Float(f64),
}

/// A net that has not been made yet: its definition and what it is to be made with.
#[derive(Debug)]
pub enum Recipe<'a> {
    Linear { from: Vec<AxisId>, to: Vec<AxisId>, bias: bool },
    Declared { module: String, def: &'a NetDef, args: HashMap<String, Value<'a>> },
    Family(Rc<Recipe<'a>>, usize),
}

#[derive(Clone, Debug)]
pub enum Value<'a> {
    Number(Number),
    Bool(bool),
    Word(String),
    Tensor(Rc<Tensor>),
    Tuple(Vec<Value<'a>>),
    Axis(AxisId),
    Axes(Vec<AxisId>),
    Net(Rc<Instance<'a>>),
    Family(Vec<Value<'a>>),
    Recipe(Rc<Recipe<'a>>),
    /// A weight by its place in the list of the declared ones; read when it is named.
    Weight(usize),
    Fields(HashMap<String, Value<'a>>),
}

impl Tensor {
    pub fn scalar(kind: Kind, value: f64) -> Tensor {
        Tensor { kind, axes: Vec::new(), data: vec![value] }
    }

    pub fn size(&self, axis: AxisId) -> Option<usize> {
        self.axes.iter().find(|(own, _)| *own == axis).map(|(_, size)| *size)
    }

    pub fn has(&self, axis: AxisId) -> bool {
        self.size(axis).is_some()
    }

    /// How far the data moves with one step along each of `axes`; 0 for those it lacks.
    pub fn strides(&self, axes: &[(AxisId, usize)]) -> Vec<usize> {
        axes.iter()
            .map(|(axis, _)| {
                let Some(at) = self.axes.iter().position(|(own, _)| own == axis) else { return 0 };
                self.axes[at + 1..].iter().map(|(_, size)| size).product()
            })
            .collect()
    }

    /// The same value with its axes in another order, and those it lacks broadcast.
    pub fn laid_out(&self, axes: &[(AxisId, usize)]) -> Tensor {
        let mut data = Vec::new();
        walk(axes, &[self], |at| data.push(self.data[at[0]]));
        Tensor { kind: self.kind, axes: axes.to_vec(), data }
    }

    /// With one axis called otherwise.
    pub fn renamed(&self, from: AxisId, to: AxisId) -> Tensor {
        let axes = self.axes.iter().map(|(axis, size)| (if *axis == from { to } else { *axis }, *size));
        Tensor { axes: axes.collect(), ..self.clone() }
    }

    pub fn is_exact(&self) -> bool {
        self.kind != Kind::Float
    }
}

/// Visits every place of `axes` in order, with the offset of each operand there.
pub fn walk(axes: &[(AxisId, usize)], operands: &[&Tensor], mut visit: impl FnMut(&[usize])) {
    if axes.iter().any(|(_, size)| *size == 0) {
        return;
    }
    let strides: Vec<Vec<usize>> = operands.iter().map(|operand| operand.strides(axes)).collect();
    let mut place = vec![0usize; axes.len()];
    let mut offsets = vec![0usize; operands.len()];
    loop {
        visit(&offsets);
        let mut axis = axes.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            place[axis] += 1;
            for (offset, strides) in offsets.iter_mut().zip(&strides) {
                *offset += strides[axis];
            }
            if place[axis] < axes[axis].1 {
                break;
            }
            for (offset, strides) in offsets.iter_mut().zip(&strides) {
                *offset -= strides[axis] * axes[axis].1;
            }
            place[axis] = 0;
        }
    }
}

/// All axes of several values, once each; equal axes must have equal sizes.
pub fn joined(operands: &[&Tensor]) -> Res<Vec<(AxisId, usize)>> {
    let mut axes: Vec<(AxisId, usize)> = Vec::new();
    for operand in operands {
        for (axis, size) in &operand.axes {
            match axes.iter().find(|(known, _)| known == axis) {
                None => axes.push((*axis, *size)),
                Some((_, known)) if known == size => {}
                Some((_, known)) => return Err(format!("an axis of {known} meets itself of {size}")),
            }
        }
    }
    Ok(axes)
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

impl Number {
    pub fn whole(value: i128) -> Number {
        Number::Ratio(value, 1)
    }

    fn ratio(above: Option<i128>, below: Option<i128>, rounded: f64) -> Number {
        match (above, below) {
            (Some(above), Some(below)) if below != 0 => {
                let shared = gcd(above, below).max(1) * below.signum();
                Number::Ratio(above / shared, below / shared)
            }
            _ => Number::Float(rounded),
        }
    }

    /// `1_000`, `0.5`, `1e-6`.
    pub fn parse(text: &str) -> Res<Number> {
        let plain: String = text.chars().filter(|c| *c != '_').collect();
        let rounded: f64 = plain.parse().map_err(|_| format!("`{text}` is no number"))?;
        let (digits, exponent) = match plain.to_ascii_lowercase().split_once('e') {
            Some((digits, exponent)) => (digits.to_owned(), exponent.parse::<i32>().unwrap_or(999)),
            None => (plain, 0),
        };
        let (before, after) = digits.split_once('.').unwrap_or((&digits, ""));
        let exponent = exponent - after.len() as i32;
        let Ok(value) = format!("{before}{after}").parse::<i128>() else { return Ok(Number::Float(rounded)) };
        let ten = 10i128.checked_pow(exponent.unsigned_abs());
        Ok(match exponent < 0 {
            true => Number::ratio(Some(value), ten, rounded),
            false => Number::ratio(ten.and_then(|ten| value.checked_mul(ten)), Some(1), rounded),
        })
    }

    pub fn float(self) -> f64 {
        match self {
            Number::Ratio(above, below) => above as f64 / below as f64,
            Number::Float(value) => value,
        }
    }

    pub fn integer(self) -> Res<i128> {
        match self {
            Number::Ratio(above, 1) => Ok(above),
            Number::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => Ok(value as i128),
            _ => Err(format!("a whole number is needed, not {}", self.float())),
        }
    }

    pub fn count(self) -> Res<usize> {
        usize::try_from(self.integer()?).map_err(|_| format!("{} is negative", self.float()))
    }

    pub fn is_whole(self) -> bool {
        self.integer().is_ok()
    }

    pub fn add(self, other: Number) -> Number {
        let rounded = self.float() + other.float();
        match (self, other) {
            (Number::Ratio(a, b), Number::Ratio(c, d)) => {
                let above = a.checked_mul(d).zip(c.checked_mul(b)).and_then(|(x, y)| x.checked_add(y));
                Number::ratio(above, b.checked_mul(d), rounded)
            }
            _ => Number::Float(rounded),
        }
    }

    pub fn neg(self) -> Number {
        match self {
            Number::Ratio(a, b) => Number::Ratio(-a, b),
            Number::Float(value) => Number::Float(-value),
        }
    }

    pub fn mul(self, other: Number) -> Number {
        let rounded = self.float() * other.float();
        match (self, other) {
            (Number::Ratio(a, b), Number::Ratio(c, d)) => {
                Number::ratio(a.checked_mul(c), b.checked_mul(d), rounded)
            }
            _ => Number::Float(rounded),
        }
    }

    pub fn div(self, other: Number) -> Res<Number> {
        if other.float() == 0.0 {
            return Err("division by zero".to_owned());
        }
        let rounded = self.float() / other.float();
        Ok(match (self, other) {
            (Number::Ratio(a, b), Number::Ratio(c, d)) => {
                Number::ratio(a.checked_mul(d), b.checked_mul(c), rounded)
            }
            _ => Number::Float(rounded),
        })
    }

    pub fn pow(self, other: Number) -> Res<Number> {
        let rounded = self.float().powf(other.float());
        let Number::Ratio(above, below) = self else { return Ok(Number::Float(rounded)) };
        let Ok(power) = other.integer() else { return Ok(Number::Float(rounded)) };
        let size = u32::try_from(power.unsigned_abs()).unwrap_or(u32::MAX);
        let (above, below) = (above.checked_pow(size), below.checked_pow(size));
        if power >= 0 {
            return Ok(Number::ratio(above, below, rounded));
        }
        if above == Some(0) {
            return Err("division by zero".to_owned());
        }
        Ok(Number::ratio(below, above, rounded))
    }

    pub fn floor(self) -> Number {
        match self {
            Number::Ratio(a, b) => Number::whole(a.div_euclid(b)),
            Number::Float(value) => Number::Float(value.floor()),
        }
    }

    /// To the nearest whole number, halves to the even one.
    pub fn round(self) -> Number {
        match self {
            Number::Ratio(a, b) => {
                let (below, twice) = (a.div_euclid(b), 2 * a.rem_euclid(b));
                let up = twice > b || (twice == b && below % 2 != 0);
                Number::whole(below + i128::from(up))
            }
            Number::Float(value) => Number::Float(value.round_ties_even()),
        }
    }
}

impl<'a> Value<'a> {
    pub fn tensor(tensor: Tensor) -> Value<'a> {
        Value::Tensor(Rc::new(tensor))
    }

    pub fn whole(value: usize) -> Value<'a> {
        Value::Number(Number::whole(value as i128))
    }

    pub fn number(&self) -> Res<Number> {
        match self {
            Value::Number(number) => Ok(*number),
            Value::Bool(value) => Ok(Number::whole(i128::from(*value))),
            other => Err(format!("a number is needed, not {}", other.what())),
        }
    }

    pub fn truth(&self) -> Res<bool> {
        match self {
            Value::Bool(value) => Ok(*value),
            other => Err(format!("a truth value is needed, not {}", other.what())),
        }
    }

    /// As a tensor; a number has no axes.
    pub fn as_tensor(&self) -> Res<Rc<Tensor>> {
        match self {
            Value::Tensor(tensor) => Ok(tensor.clone()),
            Value::Number(number) => {
                let kind = if number.is_whole() { Kind::Int } else { Kind::Float };
                Ok(Rc::new(Tensor::scalar(kind, number.float())))
            }
            Value::Bool(value) => Ok(Rc::new(Tensor::scalar(Kind::Bool, f64::from(u8::from(*value))))),
            Value::Word(word) => Err(format!("nothing here is called `{word}`")),
            other => Err(format!("a tensor is needed, not {}", other.what())),
        }
    }

    pub fn what(&self) -> &'static str {
        match self {
            Value::Number(_) => "a number",
            Value::Bool(_) => "a truth value",
            Value::Word(_) => "a word",
            Value::Tensor(_) => "a tensor",
            Value::Tuple(_) => "several values",
            Value::Axis(_) | Value::Axes(_) => "an axis",
            Value::Net(_) => "a net",
            Value::Family(_) => "a family of nets",
            Value::Recipe(_) => "a recipe",
            Value::Weight(_) => "a weight",
            Value::Fields(_) => "values of a lookahead",
        }
    }
}
