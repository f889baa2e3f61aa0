//! Products as callers see them: weights packed once and used often, products of two operands that are both new, and
//! gradients of weights that add up over many calls.

use crate::element::Element;
use crate::epilogue::{Epilogue, Finish};
use crate::error::{Mismatch, same};
use crate::form::Form;
use crate::lanes::{Line, WIDTH, forms};
use crate::matrix::{Matrix, MatrixMut};
use crate::product::{Shape, bf16_unit, block, multiply};
use crate::scratch::{self, Scratch, grown};
use crate::units::{Blocks, Order, PANEL, Unit, pack_left, pack_right};

/// Lines of the left operand that are packed at once: 1 MiB, so that it stays in the second cache.
const LEFT_LINES: usize = 1 << 14;

/// Steps of a gradient that are packed at once.
const GRADIENT_STEPS: usize = 64;

/// What a product multiplies. Sums are float32 in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// float32; operands in bfloat16 are widened.
    Float32,
    /// bfloat16; operands in float32 are rounded.
    Bfloat16,
}

impl Precision {
    fn unit(self, form: Form) -> Unit {
        match self {
            Precision::Float32 => Unit::Float,
            Precision::Bfloat16 => bf16_unit(form),
        }
    }
}

/// A weight `[n, k]` in the order in which products read it.
#[derive(Clone, Debug)]
pub struct Packed {
    form: Form,
    unit: Unit,
    order: Order,
    n: usize,
    k: usize,
    lines: Vec<Line>,
}

impl Packed {
    /// Room for a weight of `n` outputs and `k` inputs; zero until [`Packed::pack`].
    pub fn new(form: Form, precision: Precision, n: usize, k: usize) -> Packed {
        Packed::ordered(form, precision, Order::Plain, n, k)
    }

    /// As [`Packed::new`], for [`crate::Then::Gate`]: output i of the first half lies beside output i of the second.
    pub fn paired(form: Form, precision: Precision, n: usize, k: usize) -> Result<Packed, Mismatch> {
        same("outputs of a gate's weight, modulo 2", n % 2, 0)?;
        Ok(Packed::ordered(form, precision, Order::Paired, n, k))
    }

    fn ordered(form: Form, precision: Precision, order: Order, n: usize, k: usize) -> Packed {
        let unit = precision.unit(form);
        let lines = vec![Line::default(); right_lines(order, n, unit.steps(k))];
        Packed { form: form.usable(), unit, order, n, k, lines }
    }

    /// Packs `weight`, `[n, k]`: rows of inputs for the forward product, [`Matrix::transposed`] for the one backwards.
    /// Allocates nothing.
    pub fn pack<T: Element>(&mut self, weight: Matrix<'_, T>) -> Result<(), Mismatch> {
        same("shape of the weight", (weight.rows(), weight.cols()), (self.n, self.k))?;
        let steps = (0, self.unit.steps(self.k));
        right(self.form, weight, self.unit, self.order, steps, &mut self.lines);
        Ok(())
    }

    /// Outputs.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Inputs.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Part `at` of `of` parts of its outputs, whole panels, and the first of the product's (or gate's) columns that it
    /// computes. Parts compute the same numbers as the whole.
    pub(crate) fn part(&self, (at, of): (usize, usize)) -> (Part<'_>, usize) {
        let panels = self.order.panels(self.n);
        let (from, to) = (at * panels / of, (at + 1) * panels / of);
        let (width, halves) = match self.order {
            Order::Plain => (PANEL, 1),
            Order::Paired => (WIDTH, 2),
        };
        let columns = |panel: usize| (panel * width).min(self.n / halves);
        let steps = self.unit.steps(self.k) * PANEL;
        let part = Part {
            form: self.form,
            unit: self.unit,
            order: self.order,
            n: (columns(to) - columns(from)) * halves,
            k: self.k,
            lines: &self.lines[from * steps..to * steps],
        };
        (part, columns(from))
    }

    /// Memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(self.lines.as_slice())
    }
}

/// Some outputs of a packed weight.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    form: Form,
    unit: Unit,
    order: Order,
    n: usize,
    k: usize,
    lines: &'a [Line],
}

impl Part<'_> {
    /// Columns of the product, or of the gate.
    pub fn columns(&self) -> usize {
        if self.order == Order::Paired { self.n / 2 } else { self.n }
    }
}

/// `out[r, n] = Σ_k a[r, k] · weight[n, k]`, then the epilogue. The form is the one that the weight was packed for.
pub fn gemm<A: Element, O: Element>(
    a: Matrix<'_, A>,
    weight: &Packed,
    out: MatrixMut<'_, O>,
    epilogue: Epilogue<'_, O>,
) -> Result<(), Mismatch> {
    gemm_part(a, weight.part((0, 1)).0, out, epilogue)
}

/// As [`gemm`], of some outputs alone.
pub(crate) fn gemm_part<A: Element, O: Element>(
    a: Matrix<'_, A>,
    weight: Part<'_>,
    out: MatrixMut<'_, O>,
    epilogue: Epilogue<'_, O>,
) -> Result<(), Mismatch> {
    same("inputs of the product", a.cols(), weight.k)?;
    let mut finish = Finish { out, epilogue, order: weight.order };
    finish.check(a.rows(), weight.n)?;
    scratch::with(|scratch| {
        let Scratch { left, sums, .. } = scratch;
        rows(weight.form, weight.unit, (a, weight.n), weight.lines, left, sums, &mut finish);
    });
    Ok(())
}

/// `out[r, n] = Σ_k a[r, k] · b[n, k]` of two operands that are both new, then the epilogue. Where b lies as `[k, n]`, give
/// it [`Matrix::transposed`].
pub fn product<A: Element, B: Element, O: Element>(
    form: Form,
    precision: Precision,
    a: Matrix<'_, A>,
    b: Matrix<'_, B>,
    out: MatrixMut<'_, O>,
    epilogue: Epilogue<'_, O>,
) -> Result<(), Mismatch> {
    same("inputs of the product", a.cols(), b.cols())?;
    let mut finish = Finish { out, epilogue, order: Order::Plain };
    finish.check(a.rows(), b.rows())?;
    let unit = precision.unit(form);
    scratch::with(|scratch| {
        let Scratch { left, right: packed, sums, .. } = scratch;
        let steps = unit.steps(b.cols());
        let packed = grown(packed, right_lines(Order::Plain, b.rows(), steps));
        right(form, b, unit, Order::Plain, (0, steps), packed);
        rows(form, unit, (a, b.rows()), packed, left, sums, &mut finish);
    });
    Ok(())
}

/// The gradient of a weight, `out[n, k] += Σ_r dy[r, n] · x[r, k]`, over all applications of the weight, in their order:
/// one `(dy, x)` each. `out` is float32 and keeps its sum from call to call. The rows of an application may be any number.
pub fn weight_gradient<A: Element, B: Element>(
    form: Form,
    precision: Precision,
    applications: &[(Matrix<'_, A>, Matrix<'_, B>)],
    out: MatrixMut<'_, f32>,
) -> Result<(), Mismatch> {
    let (n, k) = (out.rows(), out.cols());
    for (dy, x) in applications {
        same("outputs of a weight's gradient", dy.cols(), n)?;
        same("inputs of a weight's gradient", x.cols(), k)?;
        same("rows of a weight's gradient", dy.rows(), x.rows())?;
    }
    let unit = precision.unit(form);
    let mut finish = Finish { out, epilogue: Epilogue::ACCUMULATE, order: Order::Plain };
    scratch::with(|scratch| {
        let mut rest = applications;
        while !rest.is_empty() {
            // As many applications as one product takes, at least one.
            let mut steps = 0;
            let mut count = 0;
            for (dy, _) in rest {
                let more = unit.steps(dy.rows());
                if count > 0 && steps + more > GRADIENT_STEPS {
                    break;
                }
                steps += more;
                count += 1;
            }
            gradient(form, unit, &rest[..count], steps, scratch, &mut finish);
            rest = &rest[count..];
        }
    });
    Ok(())
}

/// One product over several applications, `steps` in all.
fn gradient<A: Element, B: Element>(
    form: Form,
    unit: Unit,
    applications: &[(Matrix<'_, A>, Matrix<'_, B>)],
    steps: usize,
    scratch: &mut Scratch,
    finish: &mut Finish<'_, '_, f32>,
) {
    let (n, k) = (finish.out.rows(), finish.out.cols());
    let Scratch { left: left_room, right: right_room, sums, .. } = scratch;
    let packed = grown(right_room, right_lines(Order::Plain, k, steps));
    let mut first = 0;
    for (_, x) in applications {
        right(form, x.transposed(), unit, Order::Plain, (first, steps), packed);
        first += unit.steps(x.rows());
    }
    let most = most_rows(form, unit, steps);
    for start in (0..n).step_by(most) {
        let blocks = Blocks { rows: most.min(n - start), block: block(form, unit), steps };
        let lines = grown(left_room, blocks.lines());
        let mut first = 0;
        for (dy, _) in applications {
            left(form, dy.transposed().some_rows(start, blocks.rows), unit, blocks, first, lines);
            first += unit.steps(dy.rows());
        }
        let shape = Shape { rows: blocks.rows, panels: Order::Plain.panels(k), steps };
        multiply(form, unit, shape, start, (lines, packed), sums, finish);
    }
}

/// A product whose right operand is packed: as many rows at once as stay in the second cache.
fn rows<A: Element, O: Element>(
    form: Form,
    unit: Unit,
    (a, n): (Matrix<'_, A>, usize),
    packed: &[Line],
    room: &mut Vec<Line>,
    sums: &mut Vec<crate::scratch::Sums>,
    finish: &mut Finish<'_, '_, O>,
) {
    let steps = unit.steps(a.cols());
    let most = most_rows(form, unit, steps);
    for start in (0..a.rows()).step_by(most) {
        let a = a.some_rows(start, most);
        let blocks = Blocks { rows: a.rows(), block: block(form, unit), steps };
        let lines = grown(room, blocks.lines());
        left(form, a, unit, blocks, 0, lines);
        let shape = Shape { rows: a.rows(), panels: finish.order.panels(n), steps };
        multiply(form, unit, shape, start, (lines, packed), sums, finish);
    }
}

/// Rows of the left operand that are packed at once, whole blocks.
fn most_rows(form: Form, unit: Unit, steps: usize) -> usize {
    let block = block(form, unit);
    (LEFT_LINES / steps.max(1) / block).max(1) * block
}

fn right_lines(order: Order, n: usize, steps: usize) -> usize {
    order.panels(n) * steps * 32
}

forms! {
    fn left[T: Element](from: Matrix<'_, T>, unit: Unit, blocks: Blocks, first: usize, to: &mut [Line]) = pack_left
}

forms! {
    fn right[T: Element](
        from: Matrix<'_, T>, unit: Unit, order: Order, steps: (usize, usize), to: &mut [Line],
    ) = pack_right
}
