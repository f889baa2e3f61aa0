//! The same kernels on memory whose kind is known only when they run: by pointers, as an executor has them. Every
//! combination of float32 and bfloat16 is compiled here, with this crate's optimisations.

use std::cell::RefCell;

use half::bf16;

use crate::attention::{Attention, AttentionGradients, AttentionRoom};
use crate::element::Element;
use crate::epilogue::{Epilogue, Then};
use crate::error::{Mismatch, same};
use crate::form::Form;
use crate::fused::Kind;
use crate::gemm::{Packed, Part, Precision, gemm_part, product, weight_gradient};
use crate::matrix::{Matrix, MatrixMut};

/// A matrix in memory that another owns. What is written has its columns side by side.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// Address of the first element.
    pub address: usize,
    /// float32 or bfloat16.
    pub kind: Kind,
    /// Rows and columns.
    pub shape: (usize, usize),
    /// From row to row and from column to column, in elements.
    pub strides: (usize, usize),
}

impl Operand {
    /// # Safety
    /// As [`Matrix::raw`].
    unsafe fn read<'a, T>(self) -> Matrix<'a, T> {
        // SAFETY: the caller's promise.
        unsafe { Matrix::raw(self.address as *const T, self.shape, self.strides) }
    }

    /// # Safety
    /// As [`MatrixMut::raw`].
    unsafe fn write<'a, T>(self) -> Result<MatrixMut<'a, T>, Mismatch> {
        // SAFETY: the caller's promise.
        unsafe { MatrixMut::raw(self.address as *mut T, self.shape, self.strides.0) }
    }

    /// `count` columns from `first` on, of `all`.
    fn columns(self, all: usize, first: usize, count: usize) -> Result<Operand, Mismatch> {
        same("columns of the product's output", self.shape.1, all)?;
        let size = if self.narrow()? { 2 } else { 4 };
        Ok(Operand { address: self.address + first * size, shape: (self.shape.0, count), ..self })
    }

    fn narrow(self) -> Result<bool, Mismatch> {
        match self.kind {
            Kind::BFloat16 => Ok(true),
            Kind::Float32 => Ok(false),
            other => Err(Mismatch {
                what: "kind of a matrix",
                given: format!("{other:?}"),
                needed: "Float32 or BFloat16".to_owned(),
            }),
        }
    }
}

/// Calls a function with the element types of two operands.
macro_rules! typed {
    ($a:expr, $b:expr, $call:ident ( $($arg:expr),* )) => {
        match ($a.narrow()?, $b.narrow()?) {
            // SAFETY: the caller's promise.
            (true, true) => unsafe { $call::<bf16, bf16>($($arg),*) },
            // SAFETY: likewise.
            (true, false) => unsafe { $call::<bf16, f32>($($arg),*) },
            // SAFETY: likewise.
            (false, true) => unsafe { $call::<f32, bf16>($($arg),*) },
            // SAFETY: likewise.
            (false, false) => unsafe { $call::<f32, f32>($($arg),*) },
        }
    };
}

/// As [`Packed::pack`].
///
/// # Errors
/// A shape that is not the weight's.
///
/// # Safety
/// The weight can be read.
pub unsafe fn pack(packed: &mut Packed, weight: Operand) -> Result<(), Mismatch> {
    // SAFETY: the caller's promise.
    unsafe {
        if weight.narrow()? { packed.pack(weight.read::<bf16>()) } else { packed.pack(weight.read::<f32>()) }
    }
}

/// As [`crate::gemm`], stored: part `at` of `of` parts of the outputs; `out` is the whole. Several threads may do a part each.
///
/// # Errors
/// Shapes that do not fit.
///
/// # Safety
/// `a` can be read and `out` written; they do not overlap.
pub unsafe fn gemm_into(
    a: Operand,
    weight: &Packed,
    out: Operand,
    (at, of): (usize, usize),
) -> Result<(), Mismatch> {
    unsafe fn typed<A: Element, O: Element>(
        a: Operand,
        part: Part<'_>,
        out: Operand,
    ) -> Result<(), Mismatch> {
        // SAFETY: the caller's promise.
        unsafe { gemm_part(a.read::<A>(), part, out.write::<O>()?, Epilogue::STORE) }
    }
    let (part, first) = weight.part((at, of));
    let out = out.columns(weight.n(), first, part.columns())?;
    typed!(a, out, typed(a, part, out))
}

/// As [`crate::gemm`] with a gate ([`crate::Then::Gate`]), `out` half as wide as the product; `kept` receives the
/// product itself, and is for the whole alone: parts are as those of [`gemm_into`].
///
/// # Errors
/// Shapes that do not fit; a weight that is not paired.
///
/// # Safety
/// `a` can be read and the others written; nothing overlaps.
pub unsafe fn gate_into(
    a: Operand,
    weight: &Packed,
    out: Operand,
    kept: Option<Operand>,
    (at, of): (usize, usize),
) -> Result<(), Mismatch> {
    unsafe fn typed<A: Element, O: Element>(
        a: Operand,
        part: Part<'_>,
        out: Operand,
        kept: Option<Operand>,
    ) -> Result<(), Mismatch> {
        // SAFETY: the caller's promise.
        unsafe {
            let kept = kept.map(|kept| kept.write::<O>()).transpose()?;
            let epilogue = Epilogue { bias: None, then: Then::Gate(kept) };
            gemm_part(a.read::<A>(), part, out.write::<O>()?, epilogue)
        }
    }
    same("parts of a gate that keeps its product", of, if kept.is_some() { 1 } else { of })?;
    let (part, first) = weight.part((at, of));
    let out = out.columns(weight.n() / 2, first, part.columns())?;
    typed!(a, out, typed(a, part, out, kept))
}

/// As [`crate::product`], stored; `right` is given with its columns as rows.
///
/// # Errors
/// Shapes that do not fit.
///
/// # Safety
/// Operands can be read and `out` written, which overlaps neither.
pub unsafe fn product_into(
    form: Form,
    precision: Precision,
    left: Operand,
    right: Operand,
    out: Operand,
) -> Result<(), Mismatch> {
    unsafe fn of<A: Element, B: Element>(
        form: Form,
        precision: Precision,
        left: Operand,
        right: Operand,
        out: Operand,
    ) -> Result<(), Mismatch> {
        // SAFETY: the caller's promise.
        unsafe {
            let (left, right) = (left.read::<A>(), right.read::<B>());
            if out.narrow()? {
                product(form, precision, left, right, out.write::<bf16>()?, Epilogue::STORE)
            } else {
                product(form, precision, left, right, out.write::<f32>()?, Epilogue::STORE)
            }
        }
    }
    typed!(left, right, of(form, precision, left, right, out))
}

/// As [`crate::weight_gradient`]; all applications are of the kinds of the first.
///
/// # Errors
/// Shapes that do not fit.
///
/// # Safety
/// Operands can be read and `out`, float32, written, which overlaps none.
pub unsafe fn weight_gradient_into(
    form: Form,
    precision: Precision,
    applications: &[(Operand, Operand)],
    out: Operand,
) -> Result<(), Mismatch> {
    unsafe fn of<A: Element, B: Element>(
        form: Form,
        precision: Precision,
        applications: &[(Operand, Operand)],
        out: Operand,
    ) -> Result<(), Mismatch> {
        // SAFETY: the caller's promise.
        unsafe {
            let typed: Vec<(Matrix<'_, A>, Matrix<'_, B>)> =
                applications.iter().map(|(dy, x)| (dy.read(), x.read())).collect();
            weight_gradient(form, precision, &typed, out.write()?)
        }
    }
    let Some((dy, x)) = applications.first() else { return Ok(()) };
    typed!(dy, x, of(form, precision, applications, out))
}

/// One head of an attention; all of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// `[queries, dim]`.
    pub q: Operand,
    /// `[keys, dim]`.
    pub k: Operand,
    /// `[keys, values]`.
    pub v: Operand,
    /// Multiplies the scores.
    pub scale: f32,
    /// As in [`Attention`].
    pub causal: bool,
}

thread_local! {
    static NARROW: RefCell<AttentionRoom<bf16>> = RefCell::default();
    static WIDE: RefCell<AttentionRoom<f32>> = RefCell::default();
}

impl Head {
    /// # Safety
    /// Operands can be read.
    unsafe fn typed<'a, T: Element>(self) -> Attention<'a, T> {
        // SAFETY: the caller's promise.
        unsafe {
            Attention {
                q: self.q.read(),
                k: self.k.read(),
                v: self.v.read(),
                scale: self.scale,
                causal: self.causal,
            }
        }
    }

    /// As [`Attention::forward`].
    ///
    /// # Errors
    /// Shapes that do not fit.
    ///
    /// # Safety
    /// Operands can be read and `out` written, which overlaps none.
    pub unsafe fn forward(self, form: Form, out: Operand) -> Result<(), Mismatch> {
        // SAFETY: the caller's promise.
        unsafe {
            if self.q.narrow()? {
                NARROW.with_borrow_mut(|room| self.typed::<bf16>().forward(form, room, out.write()?, None))
            } else {
                WIDE.with_borrow_mut(|room| self.typed::<f32>().forward(form, room, out.write()?, None))
            }
        }
    }

    /// As [`Attention::backward`], from the operands alone; gradients of queries, keys and values.
    ///
    /// # Errors
    /// Shapes that do not fit.
    ///
    /// # Safety
    /// Operands can be read and gradients written, which overlap nothing.
    pub unsafe fn backward(self, form: Form, dout: Operand, gradients: [Operand; 3]) -> Result<(), Mismatch> {
        unsafe fn of<T: Element>(
            head: Head,
            form: Form,
            room: &mut AttentionRoom<T>,
            dout: Operand,
            [dq, dk, dv]: [Operand; 3],
        ) -> Result<(), Mismatch> {
            // SAFETY: the caller's promise.
            unsafe {
                let gradients = AttentionGradients { dq: dq.write()?, dk: dk.write()?, dv: dv.write()? };
                head.typed::<T>().backward(form, room, dout.read(), None, gradients)
            }
        }
        // SAFETY: the caller's promise.
        unsafe {
            if self.q.narrow()? {
                NARROW.with_borrow_mut(|room| of(self, form, room, dout, gradients))
            } else {
                WIDE.with_borrow_mut(|room| of(self, form, room, dout, gradients))
            }
        }
    }
}
