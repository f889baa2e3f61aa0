//! What kernels work with: one call's operands as libtorch tensors, brought to the result's axis order. Knows
//! positions so that nobody else has to.

use crate::ir::Mode;
use crate::ir::op::Attrs;
use crate::types::{AxisId, Dim, Kind, Ty};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use tch::{Device, TchError, Tensor};

type Result<T> = std::result::Result<T, TchError>;

/// Tables that depend on sizes alone (rotary positions), made once.
#[derive(Default)]
pub struct Constants {
    /// Cosines and sines by rows, width, the bits of theta and their kind.
    rotations: RefCell<HashMap<(i64, i64, u64, tch::Kind), Rotation>>,
}

type Rotation = (Tensor, Tensor);

/// Random draws of which each row of the batch has its own: what a row draws depends on its seed alone, neither on its
/// place in the batch nor on the rows beside it.
#[derive(Debug)]
pub struct Draws {
    /// The axis of the rows; draws without it are shared by all rows.
    pub batch: Option<AxisId>,
    /// One seed per row, for this step.
    pub seeds: Vec<u64>,
    /// Draws made so far in this step.
    pub made: Cell<u64>,
}

impl Draws {
    /// A draw of type `ty`, of pieces that `draw` makes for a shape.
    fn fill(&self, ty: &Ty, draw: impl Fn(&[i64]) -> Result<Tensor>) -> Result<Tensor> {
        let number = self.made.get() + 1;
        self.made.set(number);
        // SplitMix64's step from one stream to the next.
        let seed = |row: u64| (row.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 1) as i64;
        let mut shape = ty.shape();
        let place = self.batch.and_then(|batch| ty.position(batch));
        let Some(place) = place.filter(|place| shape[*place] == self.seeds.len() as i64) else {
            tch::manual_seed(seed(self.seeds.first().copied().unwrap_or(0)));
            return draw(&shape);
        };
        shape.remove(place);
        let rows = self.seeds.iter().map(|row| {
            tch::manual_seed(seed(*row));
            draw(&shape)
        });
        Tensor::f_stack(&rows.collect::<Result<Vec<_>>>()?, place as i64)
    }
}

pub enum Arg {
    Tensor(Tensor),
    Number(f64),
}

/// One execution of a primitive.
pub struct Call<'a> {
    pub attrs: &'a Attrs,
    pub args: &'a mut [Arg],
    pub arg_tys: &'a [Ty],
    pub ty: &'a Ty,
    /// The first operand dies here and the result may take its memory.
    pub in_place: bool,
    pub mode: Mode,
    pub precision: tch::Kind,
    pub device: Device,
    pub constants: &'a Constants,
    /// Seeds of single rows, where they have any; else libtorch's generator goes on as it stands.
    pub draws: Option<&'a Draws>,
}

/// The libtorch kind of a language kind.
pub fn torch_kind(kind: Kind, precision: tch::Kind) -> tch::Kind {
    match kind {
        Kind::Bool => tch::Kind::Bool,
        Kind::Int | Kind::Index { .. } => tch::Kind::Int64,
        Kind::Float => precision,
        // What must be wide is no narrower than the rest.
        Kind::Float32 if precision == tch::Kind::Double => tch::Kind::Double,
        Kind::Float32 => tch::Kind::Float,
        Kind::Float64 => tch::Kind::Double,
    }
}

/// A view of `x`, whose axes are `own`, in the axis order of `wanted`; axes it lacks have size 1.
pub fn align(x: &Tensor, own: &[Dim], wanted: &[Dim]) -> Result<Tensor> {
    if own.len() == wanted.len() && own.iter().zip(wanted).all(|(a, b)| a.axis == b.axis) {
        return Ok(x.shallow_clone());
    }
    let order: Vec<i64> = wanted
        .iter()
        .filter_map(|dim| own.iter().position(|known| known.axis == dim.axis).map(|at| at as i64))
        .collect();
    let mut view = if order.iter().enumerate().all(|(at, from)| at as i64 == *from) {
        x.shallow_clone()
    } else {
        x.f_permute(&order[..])?
    };
    // Leading axes broadcast by themselves.
    let first =
        wanted.iter().position(|dim| own.iter().any(|known| known.axis == dim.axis)).unwrap_or(wanted.len());
    for (at, dim) in wanted.iter().enumerate().skip(first) {
        if !own.iter().any(|known| known.axis == dim.axis) {
            view = view.f_unsqueeze((at - first) as i64)?;
        }
    }
    Ok(view)
}

/// Like `align`, with every axis of `wanted` there, leading ones of size 1 too.
pub fn align_all(x: &Tensor, own: &[Dim], wanted: &[Dim]) -> Result<Tensor> {
    let mut view = align(x, own, wanted)?;
    while view.dim() < wanted.len() {
        view = view.f_unsqueeze(0)?;
    }
    Ok(view)
}

/// A number as an operand. libtorch's own operations on numbers cannot fail: `tch` panics when memory runs out in one.
/// It stays in float64 on the CPU and without axes, so it neither widens the other operand nor loses digits to it.
fn number(value: f64) -> Result<Tensor> {
    Tensor::f_from_slice(&[value])?.f_reshape([0i64; 0])
}

/// What a number can be divided by without losing digits first.
pub fn widened(x: &Tensor) -> Result<Tensor> {
    if x.kind() == tch::Kind::BFloat16 { x.f_to_kind(tch::Kind::Float) } else { Ok(x.shallow_clone()) }
}

impl Call<'_> {
    pub fn result_kind(&self) -> tch::Kind {
        torch_kind(self.ty.kind, self.precision)
    }

    pub fn kind_of(&self, ty: &Ty) -> tch::Kind {
        torch_kind(ty.kind, self.precision)
    }

    pub fn device(&self) -> Device {
        self.device
    }

    /// Random numbers in the shape of the result, which `draw` makes for a shape.
    pub fn drawn(&self, draw: impl Fn(&[i64]) -> Result<Tensor>) -> Result<Tensor> {
        match self.draws {
            Some(draws) => draws.fill(self.ty, draw),
            None => draw(&self.ty.shape()),
        }
    }

    /// Operand as a tensor; a number becomes one without axes.
    pub fn tensor(&self, at: usize) -> Result<Tensor> {
        match &self.args[at] {
            Arg::Tensor(tensor) => Ok(tensor.shallow_clone()),
            Arg::Number(value) => Tensor::f_full(
                [0i64; 0],
                *value,
                (torch_kind(self.arg_tys[at].kind, self.precision), self.device),
            ),
        }
    }

    fn position(&self, at: usize, axis: AxisId) -> i64 {
        self.arg_tys[at].position(axis).unwrap_or(0) as i64
    }

    /// Positions of the `over` axes in operand `at`.
    pub fn over(&self, at: usize) -> Vec<i64> {
        self.attrs.over.iter().map(|axis| self.position(at, *axis)).collect()
    }

    pub fn reduces_nothing(&self, at: usize) -> bool {
        self.attrs.over.iter().any(|axis| self.arg_tys[at].size(*axis) == Some(0))
    }

    pub fn zeros(&self) -> Result<Tensor> {
        Tensor::f_zeros(self.ty.shape(), (self.result_kind(), self.device))
    }

    fn aligned(&self, at: usize) -> Result<Tensor> {
        align(&self.tensor(at)?, &self.arg_tys[at].dims, &self.ty.dims)
    }

    /// Both operands in the result's order; bools widened, as libtorch does not compute with them.
    pub fn pair_of_tensors(&self) -> Result<(Tensor, Tensor)> {
        let mut pair = (self.aligned(0)?, self.aligned(1)?);
        if self.ty.kind != Kind::Bool {
            pair = (pair.0.f_to_kind(self.result_kind())?, pair.1.f_to_kind(self.result_kind())?);
        }
        Ok(pair)
    }

    fn computable(&self, x: Tensor) -> Result<Tensor> {
        if x.kind() == tch::Kind::Bool { x.f_to_kind(self.result_kind()) } else { Ok(x) }
    }

    pub fn unary(
        &mut self,
        f: impl Fn(&Tensor) -> Result<Tensor>,
        in_place: impl Fn(&mut Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut x = self.tensor(0)?;
        if x.kind() == tch::Kind::Bool || (x.kind() == tch::Kind::Int64 && self.ty.kind.is_float()) {
            x = x.f_to_kind(self.result_kind())?;
        }
        if self.in_place { in_place(&mut x) } else { f(&x) }
    }

    /// `number_first` takes what `f` cannot: a number before a tensor, which must come second to keep its digits.
    pub fn binary(
        &mut self,
        f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
        in_place: impl Fn(&mut Tensor, &Tensor) -> Result<Tensor>,
        number_first: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        if let Arg::Number(value) = self.args[0] {
            return number_first(&number(value)?, &self.computable(self.aligned(1)?)?);
        }
        let mut a = self.computable(self.aligned(0)?)?;
        let b = match self.args[1] {
            Arg::Number(value) => number(value)?,
            Arg::Tensor(_) => self.computable(self.aligned(1)?)?,
        };
        if self.in_place && self.arg_tys[0].dims == self.ty.dims { in_place(&mut a, &b) } else { f(&a, &b) }
    }

    pub fn compare(&mut self, f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        match self.args[1] {
            Arg::Number(value) => f(&self.aligned(0)?, &number(value)?),
            Arg::Tensor(_) => f(&self.aligned(0)?, &self.aligned(1)?),
        }
    }

    pub fn power(&mut self) -> Result<Tensor> {
        match self.args[1] {
            Arg::Number(2.0) => {
                let x = self.computable(self.aligned(0)?)?;
                x.f_mul(&x)
            }
            Arg::Number(number) => self.computable(self.aligned(0)?)?.f_pow_tensor_scalar(number),
            Arg::Tensor(_) => {
                let (a, b) = self.pair_of_tensors()?;
                a.f_pow(&b)
            }
        }
    }

    pub fn choose(&mut self) -> Result<Tensor> {
        let kind = self.result_kind();
        let condition = self.aligned(0)?;
        let (a, b) = (self.aligned(1)?.f_to_kind(kind)?, self.aligned(2)?.f_to_kind(kind)?);
        a.f_where_self(&condition, &b)
    }

    /// One axis after the other, so that gradient goes to the first extreme element.
    pub fn first_extreme(&mut self, f: impl Fn(&Tensor, i64) -> Result<(Tensor, Tensor)>) -> Result<Tensor> {
        let mut x = self.tensor(0)?;
        let mut dims = self.over(0);
        dims.sort_unstable();
        for dim in dims.into_iter().rev() {
            x = f(&x, dim)?.0;
        }
        Ok(x)
    }

    /// Matrix products where the second operand is a weight, einsum in general.
    pub fn contract(&mut self) -> Result<Tensor> {
        let (a, b) = (self.tensor(0)?, self.tensor(1)?);
        let kind = self.result_kind();
        let (a, b) = (a.f_to_kind(kind)?, b.f_to_kind(kind)?);
        let (a_dims, b_dims) = (&self.arg_tys[0].dims, &self.arg_tys[1].dims);
        let over = &self.attrs.over;
        let is_over = |dim: &Dim| over.contains(&dim.axis);
        let inner: i64 = a_dims.iter().filter(|dim| is_over(dim)).map(|dim| dim.size as i64).product();
        let own: Vec<&Dim> = b_dims.iter().filter(|dim| !is_over(dim)).collect();
        let outer: i64 = own.iter().map(|dim| dim.size as i64).product();
        let shares = own.iter().any(|dim| self.arg_tys[0].has(dim.axis));
        // The weight is (own…, over…), and the contracted axes stand together in the same order.
        let split = b_dims.len() - over.len();
        let tail: Vec<AxisId> = b_dims[split..].iter().map(|dim| dim.axis).collect();
        let start = a_dims.iter().position(|dim| dim.axis == tail[0]);
        let together = start.is_some_and(|start| {
            a_dims.len() >= start + tail.len()
                && a_dims[start..start + tail.len()].iter().map(|dim| dim.axis).eq(tail.iter().copied())
        });
        if shares || !together || !b_dims[split..].iter().all(is_over) {
            return self.einsum(&a, &b);
        }
        let start = start.unwrap_or(0);
        let weight = b.f_reshape([outer, inner])?;
        let result = if start + tail.len() == a_dims.len() {
            let mut shape: Vec<i64> = a_dims[..start].iter().map(|dim| dim.size as i64).collect();
            shape.push(inner);
            a.f_reshape(&shape[..])?.f_linear::<&Tensor>(&weight, None)?
        } else {
            let before: i64 = a_dims[..start].iter().map(|dim| dim.size as i64).product();
            let after: i64 = a_dims[start + tail.len()..].iter().map(|dim| dim.size as i64).product();
            weight
                .f_unsqueeze(0)?
                .f_expand([before, outer, inner], false)?
                .f_bmm(&a.f_reshape([before, inner, after])?)?
        };
        result.f_reshape(self.ty.shape())
    }

    fn einsum(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let mut letters: HashMap<AxisId, char> = HashMap::new();
        let mut spell = |dims: &[Dim]| -> String {
            dims.iter()
                .map(|dim| {
                    let next = (b'a' + letters.len() as u8) as char;
                    *letters.entry(dim.axis).or_insert(next)
                })
                .collect()
        };
        let equation = format!(
            "{},{}->{}",
            spell(&self.arg_tys[0].dims),
            spell(&self.arg_tys[1].dims),
            spell(&self.ty.dims)
        );
        Tensor::f_einsum(&equation, &[a, b], None::<i64>)
    }

    /// Scaled dot-product attention on (batch, head, row, feature) views.
    pub fn attention(&mut self) -> Result<Tensor> {
        let (over, along) = (self.attrs.over[0], self.attrs.along.unwrap_or(self.attrs.over[0]));
        let causal = self.attrs.numbers.first().is_some_and(|value| *value != 0.0);
        let dims = self.ty.dims.clone();
        let others: Vec<Dim> =
            dims.iter().filter(|dim| dim.axis != over && dim.axis != along).copied().collect();
        let mut order = others.clone();
        order.extend(dims.iter().filter(|dim| dim.axis == over));
        order.extend(dims.iter().filter(|dim| dim.axis == along));
        let (rows, features) = (order[order.len() - 2].size as i64, order[order.len() - 1].size as i64);
        // The innermost further axis plays the heads; the rest is batch.
        let heads = others.last().map_or(1, |dim| dim.size as i64);
        let batch: i64 = others.iter().rev().skip(1).map(|dim| dim.size as i64).product();
        let mut parts = Vec::new();
        for at in 0..3 {
            let x = align_all(&self.tensor(at)?, &self.arg_tys[at].dims, &order)?;
            parts.push(x.f_reshape([batch, heads, rows, features])?);
        }
        let result = Tensor::f_scaled_dot_product_attention::<&Tensor>(
            &parts[0], &parts[1], &parts[2], None, 0.0, causal, None, false,
        )?;
        let shape: Vec<i64> = order.iter().map(|dim| dim.size as i64).collect();
        let result = result.f_reshape(&shape[..])?;
        align_all(&result, &order, &dims)
    }

    /// Sum over the taps of shifted values times weights, zeros beyond the ends; bfloat16 is summed in float32.
    pub fn convolution(&mut self) -> Result<Tensor> {
        let over = self.attrs.over[0];
        let tap = self.attrs.along.unwrap_or(over);
        let causal = self.attrs.numbers.first().is_some_and(|value| *value != 0.0);
        let kind = match self.result_kind() {
            tch::Kind::BFloat16 => tch::Kind::Float,
            kind => kind,
        };
        let (x, kernel) = (self.tensor(0)?.f_to_kind(kind)?, self.tensor(1)?.f_to_kind(kind)?);
        let (at, tap_at) = (self.position(0, over), self.position(1, tap));
        let (length, taps) = (x.size()[at as usize], kernel.size()[tap_at as usize]);
        let before = if causal { taps - 1 } else { (taps - 1) / 2 };
        // Pairs from the last axis on.
        let mut padding = vec![0i64; 2 * (x.dim() - at as usize)];
        if let [.., left, right] = &mut padding[..] {
            (*left, *right) = (before, taps - 1 - before);
        }
        let padded = x.f_constant_pad_nd(&padding[..])?;
        let own: Vec<Dim> = self.arg_tys[1].dims.iter().filter(|dim| dim.axis != tap).copied().collect();
        let mut sum: Option<Tensor> = None;
        for k in 0..taps {
            let shifted = align(&padded.f_narrow(at, k, length)?, &self.arg_tys[0].dims, &self.ty.dims)?;
            let weight = align(&kernel.f_select(tap_at, k)?, &own, &self.ty.dims)?;
            sum = Some(match sum {
                Some(sum) => sum.f_addcmul(&shifted, &weight)?,
                None => shifted.f_mul(&weight)?,
            });
        }
        match sum {
            Some(sum) => sum.f_to_kind(self.result_kind()),
            None => self.zeros(),
        }
    }

    /// x·cos + rot(x)·sin in float32, or in float64 where the run is.
    pub fn rotate(&mut self) -> Result<Tensor> {
        let x = self.tensor(0)?;
        let narrow = x.kind();
        let wide = if narrow == tch::Kind::Double { narrow } else { tch::Kind::Float };
        let x = x.f_to_kind(wide)?;
        let row = self.position(0, self.attrs.over[0]);
        let feature = self.position(0, self.attrs.along.unwrap_or(self.attrs.over[0]));
        let theta = self.attrs.numbers.first().copied().unwrap_or(10000.0);
        let size = x.size();
        let (rows, width) = (size[row as usize], size[feature as usize]);
        let (cos, sin) = self.rotation(rows, width, theta, wide)?;
        let mut shape = vec![1i64; size.len()];
        shape[row as usize] = rows;
        shape[feature as usize] = width;
        let (cos, sin) =
            if row < feature { (cos, sin) } else { (cos.f_transpose(0, 1)?, sin.f_transpose(0, 1)?) };
        let (cos, sin) = (cos.f_reshape(&shape[..])?, sin.f_reshape(&shape[..])?);
        let first = x.f_narrow(feature, 0, width / 2)?;
        let second = x.f_narrow(feature, width / 2, width / 2)?;
        let turned = Tensor::f_cat(&[second.f_neg()?, first], feature)?;
        x.f_mul(&cos)?.f_addcmul(&turned, &sin)?.f_to_kind(narrow)
    }

    fn rotation(&self, rows: i64, width: i64, theta: f64, kind: tch::Kind) -> Result<(Tensor, Tensor)> {
        let key = (rows, width, theta.to_bits(), kind);
        if let Some((cos, sin)) = self.constants.rotations.borrow().get(&key) {
            return Ok((cos.shallow_clone(), sin.shallow_clone()));
        }
        let options = (kind, self.device);
        let exponent = Tensor::f_arange_start_step(0, width, 2, options)?.f_div_scalar(width as f64)?;
        let frequency = Tensor::f_full([0i64; 0], theta, options)?.f_pow(&exponent)?.f_reciprocal()?;
        let angle = Tensor::f_arange(rows, options)?.f_outer(&frequency)?;
        let both = Tensor::f_cat(&[&angle, &angle], -1)?;
        let table = (both.f_cos()?, both.f_sin()?);
        let shared = (table.0.shallow_clone(), table.1.shallow_clone());
        self.constants.rotations.borrow_mut().insert(key, table);
        Ok(shared)
    }
}
