//! What becomes of the sums of a product: stored, added to what is there, to a residual, or made into a gate. Everything
//! happens in float32 and is rounded once, when it is stored.

use crate::element::{Element, load, store};
use crate::error::{Mismatch, same};
use crate::lanes::{Lanes, WIDTH};
use crate::math::silu;
use crate::matrix::{Matrix, MatrixMut};
use crate::units::{Order, PANEL};

/// What is done with a product before it is stored.
#[derive(Debug)]
pub struct Epilogue<'a, O> {
    /// Added to every row, `[n]`.
    pub bias: Option<&'a [f32]>,
    /// Then this.
    pub then: Then<'a, O>,
}

/// What is done with a product and its bias.
#[derive(Debug)]
pub enum Then<'a, O> {
    /// `out = product`
    Store,
    /// `out = out + product`
    Accumulate,
    /// `out = residual + product`, of the same shape.
    Add(Matrix<'a, O>),
    /// `out = silu(a) · b`, with a the first half of the product's columns and b the second; `out` is half as wide.
    /// Only of weights packed with [`crate::Packed::paired`].
    /// Both are kept for the gate's gradient where a matrix is given, a's columns before b's: the product itself.
    Gate(Option<MatrixMut<'a, O>>),
}

impl<O> Epilogue<'_, O> {
    /// `out = product`
    pub const STORE: Self = Epilogue { bias: None, then: Then::Store };
    /// `out = out + product`
    pub const ACCUMULATE: Self = Epilogue { bias: None, then: Then::Accumulate };
}

/// Where rows of sums go.
pub(crate) struct Finish<'a, 'b, O> {
    pub out: MatrixMut<'a, O>,
    pub epilogue: Epilogue<'b, O>,
    pub order: Order,
}

impl<O: Element> Finish<'_, '_, O> {
    /// Refuses what does not fit a product of `rows × n`.
    pub fn check(&self, rows: usize, n: usize) -> Result<(), Mismatch> {
        let gated = matches!(self.epilogue.then, Then::Gate(_));
        let wanted = if gated { Order::Paired } else { Order::Plain };
        same("order of the weight's columns", self.order, wanted)?;
        let shape = (rows, if gated { n / 2 } else { n });
        same("shape of the product's output", (self.out.rows(), self.out.cols()), shape)?;
        if let Some(bias) = self.epilogue.bias {
            same("length of the bias", bias.len(), n)?;
        }
        match &self.epilogue.then {
            Then::Add(residual) => {
                same("shape of the residual", (residual.rows(), residual.cols()), shape)?;
                same("strides of the residual's columns", residual.has_rows(), true)
            }
            Then::Gate(Some(kept)) => {
                same("shape of what a gate keeps", (kept.rows(), kept.cols()), (rows, n))
            }
            _ => Ok(()),
        }
    }

    /// One row of one panel.
    #[inline(always)]
    pub fn row<L: Lanes>(&mut self, row: usize, panel: usize, sums: &[f32; PANEL]) {
        let (first, second) = sums.split_at(WIDTH);
        let (mut first, mut second): (L, L) = (load(first), load(second));
        let start = if self.order == Order::Paired { panel * WIDTH } else { panel * PANEL };
        let width = self.out.cols();
        if let Some(bias) = self.epilogue.bias {
            let other = if self.order == Order::Paired { width + start } else { (start + WIDTH).min(width) };
            first = first.add(load(&bias[start..]));
            second = second.add(load(&bias[other..]));
        }
        let out = &mut self.out.row(row)[start..];
        match &mut self.epilogue.then {
            Then::Store => both(first, second, out),
            Then::Accumulate => {
                let (there, more): (L, L) = halves(out);
                both(there.add(first), more.add(second), out);
            }
            Then::Add(residual) => {
                let (there, more): (L, L) = halves(&residual.row(row)[start..]);
                both(there.add(first), more.add(second), out);
            }
            Then::Gate(kept) => {
                if let Some(kept) = kept {
                    let (a, b) = kept.row(row).split_at_mut(width);
                    store(first, &mut a[start..]);
                    store(second, &mut b[start..]);
                }
                store(silu(first).mul(second), out);
            }
        }
    }
}

/// Rows of a panel whose epilogue stores, adds or closes a gate: addresses that were checked once for all of them, so that a
/// row takes no longer than the tile instructions that it stands between.
pub(crate) struct Whole<O> {
    out: *mut O,
    stride: usize,
    then: WholeThen<O>,
}

/// What is done with whole rows.
enum WholeThen<O> {
    Store,
    /// Added: where, and from row to row.
    Add(*const O, usize),
    /// Where the halves of a row are kept: the first, elements to the second, from row to row.
    Gate(Option<(*mut O, usize, usize)>),
}

impl<O: Element> Finish<'_, '_, O> {
    /// Where a row of a panel goes, and elements from row to row.
    pub fn place(&mut self, row: usize, panel: usize) -> (*mut O, usize) {
        let start = if self.order == Order::Paired { panel * WIDTH } else { panel * PANEL };
        (self.out.row(row)[start..].as_mut_ptr(), self.out.stride())
    }

    /// Rows `first .. first + rows` of a panel, where all its columns are there and the epilogue is that simple.
    pub fn whole(&mut self, first: usize, rows: usize, panel: usize) -> Option<Whole<O>> {
        let columns = if self.order == Order::Paired { WIDTH } else { PANEL };
        let (start, width) = (panel * columns, self.out.cols());
        if self.epilogue.bias.is_some() || rows == 0 {
            return None;
        }
        if start + columns > width || first + rows > self.out.rows() {
            return None;
        }
        let then = match &mut self.epilogue.then {
            Then::Store => WholeThen::Store,
            Then::Accumulate => {
                let stride = self.out.stride();
                WholeThen::Add(self.out.row(first)[start..].as_ptr(), stride)
            }
            Then::Add(residual) => {
                let there = start + columns <= residual.cols() && first + rows <= residual.rows();
                let there = there && residual.has_rows();
                WholeThen::Add(there.then(|| residual.row(first)[start..].as_ptr())?, residual.stride())
            }
            Then::Gate(None) => WholeThen::Gate(None),
            Then::Gate(Some(kept)) => {
                let there = first + rows <= kept.rows() && width + start + columns <= kept.cols();
                let stride = kept.stride();
                let first = there.then(|| kept.row(first)[start..].as_mut_ptr())?;
                WholeThen::Gate(Some((first, width, stride)))
            }
        };
        Some(Whole { stride: self.out.stride(), out: self.out.row(first)[start..].as_mut_ptr(), then })
    }
}

impl<O: Element> Whole<O> {
    /// One row.
    ///
    /// # Safety
    /// The row is one of those asked for, and the matrices live.
    #[inline(always)]
    pub unsafe fn row<L: Lanes>(&self, row: usize, sums: &[f32; PANEL]) {
        let (first, second) = sums.split_at(WIDTH);
        let (mut first, mut second): (L, L) = (load(first), load(second));
        // SAFETY: `whole` has seen that a panel's columns of this row lie in the matrices.
        unsafe {
            let out = self.out.add(row * self.stride);
            match self.then {
                WholeThen::Store => {}
                WholeThen::Add(more, stride) => {
                    let there: &[O; PANEL] = &*more.add(row * stride).cast();
                    first = load::<L, O>(&there[..WIDTH]).add(first);
                    second = load::<L, O>(&there[WIDTH..]).add(second);
                }
                WholeThen::Gate(kept) => {
                    if let Some((a, apart, stride)) = kept {
                        let a = a.add(row * stride);
                        store(first, &mut *a.cast::<[O; WIDTH]>());
                        store(second, &mut *a.add(apart).cast::<[O; WIDTH]>());
                    }
                    return store(silu(first).mul(second), &mut *out.cast::<[O; WIDTH]>());
                }
            }
            let out: &mut [O; PANEL] = &mut *out.cast();
            store(first, &mut out[..WIDTH]);
            store(second, &mut out[WIDTH..]);
        }
    }
}

/// Both halves of a panel, or what there is of them.
#[inline(always)]
fn halves<L: Lanes, O: Element>(from: &[O]) -> (L, L) {
    match from.first_chunk::<PANEL>() {
        Some(whole) => (load(&whole[..WIDTH]), load(&whole[WIDTH..])),
        None => (load(from), load(from.get(WIDTH..).unwrap_or(&[]))),
    }
}

/// Stores both halves of a panel, or what there is room for.
#[inline(always)]
fn both<L: Lanes, O: Element>(first: L, second: L, out: &mut [O]) {
    if let Some(whole) = out.first_chunk_mut::<PANEL>() {
        store(first, &mut whole[..WIDTH]);
        store(second, &mut whole[WIDTH..]);
        return;
    }
    store(first, out);
    if let Some(rest) = out.get_mut(WIDTH..) {
        store(second, rest);
    }
}
