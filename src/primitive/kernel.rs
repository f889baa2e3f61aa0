//! What the primitives' libtorch kernels are made of. A kernel is planned once for each call of a program: positions,
//! views, number tensors and tables are found then, and what runs per step is one closure on tensors.

use super::{Call, View};
use crate::random::SPLITMIX_STEP;
use crate::types::Kind;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use tch::{Device, TchError, Tensor};

/// What libtorch's fallible operations give.
pub type TchResult<T> = std::result::Result<T, TchError>;

/// A planned call: takes the operands of one execution, gives the result.
pub type Kernel = Box<dyn Fn(&mut Run, &mut [Arg]) -> TchResult<Tensor> + Send>;

/// An operand of one execution.
#[derive(Debug)]
pub enum Arg {
    /// A value that was computed before.
    Tensor(Tensor),
    /// Known when the program was made; the plan has it.
    Number,
}

impl Arg {
    /// The tensor; of a number, which the plan reads by itself, an empty one.
    fn tensor(&self) -> Tensor {
        match self {
            Arg::Tensor(tensor) => tensor.shallow_clone(),
            Arg::Number => Tensor::new(),
        }
    }
}

/// What one step brings with it.
#[derive(Debug, Default)]
pub struct Run {
    /// Seeds of single rows, where they have any; else libtorch's generator goes on as it stands.
    pub draws: Option<Draws>,
}

/// Random draws of which each row of the batch has its own: what a row draws depends on its seed alone, neither on its
/// place in the batch nor on the rows beside it.
#[derive(Debug)]
pub struct Draws {
    /// One seed per row, for this step.
    pub seeds: Vec<u64>,
    /// Draws made so far in this step.
    pub made: Cell<u64>,
}

/// Where kernels are planned: the device, and tables that several share.
#[derive(Debug)]
pub struct Planner {
    /// Where tables and number tensors are made; all kernels run there.
    pub device: Device,
    pub(super) rotations: RefCell<HashMap<RotationKey, (Tensor, Tensor)>>,
}

/// What a table of cosines and sines of rotary positions depends on: rows, width, the bits of theta, kind.
pub(super) type RotationKey = (i64, i64, u64, tch::Kind);

impl Planner {
    /// A planner for a device.
    pub fn new(device: Device) -> Planner {
        Planner { device, rotations: RefCell::default() }
    }
}

/// The libtorch kind of a kind; `float`, which a program no longer has, is float32.
pub fn torch_kind(kind: Kind) -> tch::Kind {
    match kind {
        Kind::Bool => tch::Kind::Bool,
        Kind::Int | Kind::Index { .. } => tch::Kind::Int64,
        Kind::BFloat16 => tch::Kind::BFloat16,
        Kind::Float | Kind::Float32 => tch::Kind::Float,
        Kind::Float64 => tch::Kind::Double,
    }
}

impl View {
    /// The view of a tensor.
    pub fn of(&self, x: &Tensor) -> TchResult<Tensor> {
        let mut view = if self.order.is_empty() { x.shallow_clone() } else { x.f_permute(&self.order[..])? };
        for at in &self.insert {
            view = view.f_unsqueeze(*at)?;
        }
        Ok(view)
    }
}

/// A number as an operand. libtorch's own operations on numbers cannot fail: `tch` panics when memory runs out in one.
/// It stays in float64 on the CPU and without axes, so it neither widens the other operand nor loses digits to it.
fn number(value: f64) -> TchResult<Tensor> {
    Tensor::f_from_slice(&[value])?.f_reshape([0i64; 0])
}

/// What a number can be divided by without losing digits first.
pub fn widened(x: &Tensor) -> TchResult<Tensor> {
    if x.kind() == tch::Kind::BFloat16 { x.f_to_kind(tch::Kind::Float) } else { Ok(x.shallow_clone()) }
}

/// How a kernel reads one operand: its number or its tensor, in the result's axis order, in a kind it can compute with.
pub struct Operand {
    at: usize,
    number: Option<Tensor>,
    view: View,
    kind: Option<tch::Kind>,
}

impl Operand {
    /// The operand of one execution.
    pub fn of(&self, args: &[Arg]) -> TchResult<Tensor> {
        if let Some(number) = &self.number {
            return Ok(number.shallow_clone());
        }
        let x = args[self.at].tensor();
        let x = if self.view.is_identity() { x } else { self.view.of(&x)? };
        match self.kind {
            Some(kind) if x.kind() != kind => x.f_to_kind(kind),
            _ => Ok(x),
        }
    }
}

impl Call {
    /// The libtorch kind of the result.
    pub fn kind(&self) -> tch::Kind {
        torch_kind(self.ty.kind)
    }

    /// Operand `at` as it is; a number becomes a tensor without axes, of its type's kind.
    pub fn plain(&self, planner: &Planner, at: usize) -> TchResult<Operand> {
        let number = match self.numbers[at] {
            Some(value) => {
                Some(Tensor::f_full([0i64; 0], value, (torch_kind(self.args[at].kind), planner.device))?)
            }
            None => None,
        };
        Ok(Operand { at, number, view: View::default(), kind: None })
    }

    /// Operand `at` in the result's axis order.
    pub fn aligned(&self, planner: &Planner, at: usize) -> TchResult<Operand> {
        Ok(Operand { view: self.view(at), ..self.plain(planner, at)? })
    }

    /// Like `aligned`, in a stated kind.
    pub fn aligned_as(&self, planner: &Planner, at: usize, kind: tch::Kind) -> TchResult<Operand> {
        let operand = self.aligned(planner, at)?;
        let number = match operand.number {
            Some(number) => Some(number.f_to_kind(kind)?),
            None => None,
        };
        Ok(Operand { number, kind: Some(kind), ..operand })
    }

    /// Like `aligned`; a number stays in float64, and bools are widened, as libtorch does not compute with them.
    fn computable(&self, at: usize) -> TchResult<Operand> {
        let number = match self.numbers[at] {
            Some(value) => Some(number(value)?),
            None => None,
        };
        let kind = (self.args[at].kind == Kind::Bool).then(|| self.kind());
        Ok(Operand { at, number, view: self.view(at), kind })
    }

    /// A function of one operand, element by element.
    pub fn unary(
        &self,
        planner: &Planner,
        f: fn(&Tensor) -> TchResult<Tensor>,
        in_place: fn(&mut Tensor) -> TchResult<Tensor>,
    ) -> TchResult<Kernel> {
        let mut x = self.plain(planner, 0)?;
        let widens = match self.args[0].kind {
            Kind::Bool => true,
            kind => kind.is_integer() && self.ty.kind.is_float(),
        };
        if widens {
            x = self.aligned_as(planner, 0, self.kind())?;
        }
        if self.in_place {
            return Ok(Box::new(move |_, args| in_place(&mut x.of(args)?)));
        }
        Ok(Box::new(move |_, args| f(&x.of(args)?)))
    }

    /// A function of two operands that meet by axis. `number_first` takes what `f` cannot: a number before a tensor,
    /// which must come second to keep its digits.
    pub fn binary(
        &self,
        f: fn(&Tensor, &Tensor) -> TchResult<Tensor>,
        in_place: fn(&mut Tensor, &Tensor) -> TchResult<Tensor>,
        number_first: fn(&Tensor, &Tensor) -> TchResult<Tensor>,
    ) -> TchResult<Kernel> {
        let (a, b) = (self.computable(0)?, self.computable(1)?);
        if self.numbers[0].is_some() {
            return Ok(Box::new(move |_, args| number_first(&a.of(args)?, &b.of(args)?)));
        }
        if self.in_place && self.args[0].dims == self.ty.dims {
            return Ok(Box::new(move |_, args| in_place(&mut a.of(args)?, &b.of(args)?)));
        }
        Ok(Box::new(move |_, args| f(&a.of(args)?, &b.of(args)?)))
    }

    /// A function of two operands that meet by axis, both in the result's kind, or as they are if that is bool.
    pub fn pair(&self, planner: &Planner, f: fn(&Tensor, &Tensor) -> TchResult<Tensor>) -> TchResult<Kernel> {
        let (a, b) = match self.ty.kind {
            Kind::Bool => (self.aligned(planner, 0)?, self.aligned(planner, 1)?),
            _ => (self.aligned_as(planner, 0, self.kind())?, self.aligned_as(planner, 1, self.kind())?),
        };
        Ok(Box::new(move |_, args| f(&a.of(args)?, &b.of(args)?)))
    }

    /// A comparison.
    pub fn compare(
        &self,
        planner: &Planner,
        f: fn(&Tensor, &Tensor) -> TchResult<Tensor>,
    ) -> TchResult<Kernel> {
        let a = self.aligned(planner, 0)?;
        let b = match self.numbers[1] {
            Some(value) => Operand { number: Some(number(value)?), ..self.aligned(planner, 1)? },
            None => self.aligned(planner, 1)?,
        };
        Ok(Box::new(move |_, args| f(&a.of(args)?, &b.of(args)?)))
    }

    /// A power. Squares are products.
    pub fn power(&self, planner: &Planner) -> TchResult<Kernel> {
        let base = self.computable(0)?;
        let base = Operand { number: self.aligned_as(planner, 0, self.kind())?.number, ..base };
        match self.numbers[1] {
            Some(2.0) => Ok(Box::new(move |_, args| {
                let x = base.of(args)?;
                x.f_mul(&x)
            })),
            Some(power) => Ok(Box::new(move |_, args| base.of(args)?.f_pow_tensor_scalar(power))),
            None => self.pair(planner, |a, b| a.f_pow(b)),
        }
    }

    /// `where(condition, a, b)`.
    pub fn choose(&self, planner: &Planner) -> TchResult<Kernel> {
        let condition = self.aligned_as(planner, 0, tch::Kind::Bool)?;
        let a = self.aligned_as(planner, 1, self.kind())?;
        let b = self.aligned_as(planner, 2, self.kind())?;
        Ok(Box::new(move |_, args| a.of(args)?.f_where_self(&condition.of(args)?, &b.of(args)?)))
    }

    /// A reduction of operand 0 over the positions of `over`.
    pub fn reduce(
        &self,
        planner: &Planner,
        f: impl Fn(&Tensor, &[i64], tch::Kind) -> TchResult<Tensor> + Send + 'static,
    ) -> TchResult<Kernel> {
        let (x, dims, kind) = (self.plain(planner, 0)?, self.over(0), self.kind());
        Ok(Box::new(move |_, args| f(&x.of(args)?, &dims, kind)))
    }

    /// A reduction over one axis after the other, so that gradient goes to the first extreme element.
    pub fn first_extreme(
        &self,
        planner: &Planner,
        f: fn(&Tensor, i64) -> TchResult<(Tensor, Tensor)>,
    ) -> TchResult<Kernel> {
        let (x, mut dims) = (self.plain(planner, 0)?, self.over(0));
        dims.sort_unstable();
        Ok(Box::new(move |_, args| {
            let mut x = x.of(args)?;
            for dim in dims.iter().rev() {
                x = f(&x, *dim)?.0;
            }
            Ok(x)
        }))
    }

    /// Random numbers in the shape of the result, which `draw` makes for a shape.
    pub fn drawn(&self, draw: impl Fn(&[i64]) -> TchResult<Tensor> + Send + 'static) -> TchResult<Kernel> {
        let shape = self.ty.shape();
        let rows = self.batch.and_then(|batch| self.ty.position(batch));
        Ok(Box::new(move |run, _| match &run.draws {
            Some(draws) => draws.fill(&shape, rows, &draw),
            None => draw(&shape),
        }))
    }

    /// Nothing but zeros.
    pub fn zeros(&self, planner: &Planner) -> TchResult<Kernel> {
        let (shape, options) = (self.ty.shape(), (self.kind(), planner.device));
        Ok(Box::new(move |_, _| Tensor::f_zeros(&shape[..], options)))
    }
}

impl Draws {
    /// A draw of a shape whose axis `rows` are the rows of the batch.
    fn fill(
        &self,
        shape: &[i64],
        rows: Option<usize>,
        draw: &dyn Fn(&[i64]) -> TchResult<Tensor>,
    ) -> TchResult<Tensor> {
        let number = self.made.get() + 1;
        self.made.set(number);
        let seed = |row: u64| (row.wrapping_add(number.wrapping_mul(SPLITMIX_STEP)) >> 1) as i64;
        let Some(place) = rows.filter(|place| shape[*place] == self.seeds.len() as i64) else {
            tch::manual_seed(seed(self.seeds.first().copied().unwrap_or(0)));
            return draw(shape);
        };
        let mut shape = shape.to_vec();
        shape.remove(place);
        let rows = self.seeds.iter().map(|row| {
            tch::manual_seed(seed(*row));
            draw(&shape)
        });
        Tensor::f_stack(&rows.collect::<TchResult<Vec<_>>>()?, place as i64)
    }
}
