//! Operands of products in the order in which products read them. A *unit* is what one multiplication takes from each
//! side: a float32, or a pair of bfloat16 that are neighbours in the contracted dimension. Sixteen units of one row lie in
//! one [`Line`] of 64 bytes; sixteen lines of units are a *step*.
//!
//! Left operand: chunks of 16 steps; in a chunk, blocks of rows; in a block, steps; in a step, one line a row.
//! Right operand: panels of 32 columns; in a panel, steps; in a step, two halves of 16 columns; in a half, one line for
//! each of 16 units, which is also the order that tiles want ("VNNI").
//! Whatever lies beyond an edge is zero.

use std::marker::PhantomData;

use half::bf16;

use crate::element::Stored;
use crate::lanes::{Lanes, Line, WIDTH, always};
use crate::matrix::Matrix;

/// Steps of a chunk: a panel's part of it, 32 KiB, stays in the nearest cache.
pub(crate) const CHUNK: usize = 16;

/// Columns of a panel.
pub(crate) const PANEL: usize = 32;

/// What one multiplication takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// One float32.
    Float,
    /// One float32 whose value bfloat16 can hold: what pairs are where no instruction multiplies them.
    Rounded,
    /// Two bfloat16.
    Pair,
}

impl Unit {
    /// Elements of the contracted dimension in one unit.
    pub(crate) fn size(self) -> usize {
        if self == Unit::Pair { 2 } else { 1 }
    }

    /// Steps that `k` elements take.
    pub(crate) fn steps(self, k: usize) -> usize {
        k.div_ceil(WIDTH * self.size())
    }
}

/// Which columns of the right operand a panel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// 32 neighbours.
    Plain,
    /// 16 of the first half of all columns, and those that they are paired with, of the second half.
    Paired,
}

impl Order {
    /// Panels that `n` columns take.
    pub(crate) fn panels(self, n: usize) -> usize {
        match self {
            Order::Plain => n.div_ceil(PANEL),
            Order::Paired => (n / 2).div_ceil(WIDTH),
        }
    }

    /// First column and number of columns of one half of a panel.
    fn half(self, n: usize, panel: usize, half: usize) -> (usize, usize) {
        let (start, end) = match self {
            Order::Plain => (panel * PANEL + half * WIDTH, n),
            Order::Paired => (half * (n / 2) + panel * WIDTH, (half + 1) * (n / 2)),
        };
        (start.min(end), end.saturating_sub(start).min(WIDTH))
    }
}

/// Where the lines of a left operand lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub rows: usize,
    /// Rows of a block.
    pub block: usize,
    /// Steps of all that is contracted.
    pub steps: usize,
}

impl Blocks {
    pub(crate) fn lines(self) -> usize {
        self.padded() * self.steps
    }

    fn padded(self) -> usize {
        self.rows.div_ceil(self.block) * self.block
    }

    /// Line where a block's part of a chunk begins.
    #[inline(always)]
    pub(crate) fn start(self, chunk: usize, block: usize) -> usize {
        chunk * CHUNK * self.padded() + block * self.block * self.steps_of(chunk)
    }

    /// Steps of a chunk.
    #[inline(always)]
    pub(crate) fn steps_of(self, chunk: usize) -> usize {
        (self.steps - chunk * CHUNK).min(CHUNK)
    }
}

/// Writes the rows of a left operand, `rows × k`, from step `first` on. Lines of rows beyond the edge are written too.
#[inline(always)]
pub(crate) fn pack_left<L: Lanes, T: Stored>(
    lanes: PhantomData<L>,
    from: Matrix<'_, T>,
    unit: Unit,
    blocks: Blocks,
    first: usize,
    to: &mut [Line],
) {
    let steps = unit.steps(from.cols());
    #[cfg(target_endian = "little")]
    if T::NARROW && unit == Unit::Pair && from.has_rows() && from.cols() == steps * 2 * WIDTH {
        return copy_left(from, blocks, (first, steps), to);
    }
    let mut tile = [Line::default(); WIDTH];
    let mut place = always(
        #[inline(always)]
        |block: usize, inside: usize, step: usize| {
            let row = block * blocks.block + inside;
            let kept = (blocks.block - inside).min(WIDTH);
            let count = from.rows().saturating_sub(row).min(kept);
            fetch(lanes, from, (row.min(from.rows()), count), step, unit, Side::Left, &mut tile);
            let chunk = (first + step) / CHUNK;
            let line = blocks.start(chunk, block) + ((first + step) % CHUNK) * blocks.block + inside;
            to[line..line + kept].copy_from_slice(&tile[..kept]);
        },
    );
    let count = blocks.rows.div_ceil(blocks.block);
    // Memory is read in the order in which it lies.
    if from.has_columns() {
        for step in 0..steps {
            for block in 0..count {
                soon(from, unit, step + 1, block * blocks.block);
                for inside in (0..blocks.block).step_by(WIDTH) {
                    place(block, inside, step);
                }
            }
        }
        return;
    }
    for block in 0..count {
        for inside in (0..blocks.block).step_by(WIDTH) {
            for step in 0..steps {
                place(block, inside, step);
            }
        }
    }
}

/// As [`pack_left`] where rows of bfloat16 are whole lines already.
#[cfg(target_endian = "little")]
#[inline(always)]
fn copy_left<T: Stored>(
    from: Matrix<'_, T>,
    blocks: Blocks,
    (first, steps): (usize, usize),
    to: &mut [Line],
) {
    for block in 0..blocks.rows.div_ceil(blocks.block) {
        let rows = blocks.block.min(from.rows().saturating_sub(block * blocks.block));
        for step in 0..steps {
            let at = first + step;
            let start = blocks.start(at / CHUNK, block) + at % CHUNK * blocks.block;
            let (lines, rest) = to[start..start + blocks.block].split_at_mut(rows);
            for (row, line) in lines.iter_mut().enumerate() {
                let row = &from.row(block * blocks.block + row)[step * 2 * WIDTH..][..2 * WIDTH];
                // SAFETY: 32 elements of 2 bytes are the 64 bytes of a line, any bits are a line, and pairs lie as they
                // are read.
                *line = unsafe { row.as_ptr().cast::<Line>().read_unaligned() };
            }
            rest.fill(Line::default());
        }
    }
}

/// Writes a right operand, given with its columns as rows (`n × k`), from step `first` of `steps` on.
#[inline(always)]
pub(crate) fn pack_right<L: Lanes, T: Stored>(
    lanes: PhantomData<L>,
    from: Matrix<'_, T>,
    unit: Unit,
    order: Order,
    (first, steps): (usize, usize),
    to: &mut [Line],
) {
    let (n, own) = (from.rows(), unit.steps(from.cols()));
    let panels = order.panels(n);
    let mut place = always(
        #[inline(always)]
        |panel: usize, step: usize, half: usize| {
            let start = ((panel * steps + first + step) * 2 + half) * WIDTH;
            if let Some(tile) = to[start..].first_chunk_mut::<WIDTH>() {
                fetch(lanes, from, order.half(n, panel, half), step, unit, Side::Right, tile);
            }
        },
    );
    // Memory is read in the order in which it lies.
    if from.has_columns() {
        for step in 0..own {
            for panel in 0..panels {
                soon(from, unit, step + 1, order.half(n, panel, 0).0);
                place(panel, step, 0);
                place(panel, step, 1);
            }
        }
        return;
    }
    for panel in 0..panels {
        for half in 0..2 {
            for step in 0..own {
                place(panel, step, half);
            }
        }
    }
}

/// Tells the caches that the columns of a step will be read from a row on: they lie too far apart for them to guess.
#[inline(always)]
fn soon<T: Stored>(from: Matrix<'_, T>, unit: Unit, step: usize, row: usize) {
    let first = step * WIDTH * unit.size();
    for k in first..(first + WIDTH * unit.size()).min(from.cols()) {
        if let Some(element) = from.column(k).get(row) {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            // SAFETY: a hint; it reads nothing.
            unsafe {
                use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(element).cast());
            }
            #[cfg(not(all(target_arch = "x86_64", not(miri))))]
            let _ = element;
        }
    }
}

/// How a tile is wanted: a line for each row (left) or for each unit (right).
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

/// Sixteen units of up to sixteen rows.
#[inline(always)]
fn fetch<L: Lanes, T: Stored>(
    _: PhantomData<L>,
    from: Matrix<'_, T>,
    (start, count): (usize, usize),
    step: usize,
    unit: Unit,
    side: Side,
    tile: &mut [Line; WIDTH],
) {
    let k = step * WIDTH * unit.size();
    let natural = if from.has_rows() {
        for (index, line) in tile.iter_mut().enumerate() {
            *line = if index < count {
                along::<L, T>(&from.row(start + index)[k..], unit)
            } else {
                Line::default()
            };
        }
        Side::Left
    } else if unit == Unit::Pair
        && T::NARROW
        && from.has_columns()
        && count == WIDTH
        && start + WIDTH <= from.rows()
        && k + 2 * WIDTH <= from.cols()
    {
        for (index, line) in tile.iter_mut().enumerate() {
            // SAFETY: sixteen rows and 32 columns are there.
            let (low, high) =
                unsafe { (from.chunk(start, k + 2 * index), from.chunk(start, k + 2 * index + 1)) };
            *line = across::<L, T>(low, high, unit);
        }
        Side::Right
    } else if from.has_columns() {
        for (index, line) in tile.iter_mut().enumerate() {
            let k = k + index * unit.size();
            let column = |k: usize| if k < from.cols() { &from.column(k)[start..start + count] } else { &[] };
            *line = across::<L, T>(column(k), column(k + 1), unit);
        }
        Side::Right
    } else {
        for (index, line) in tile.iter_mut().enumerate() {
            let row: [T; 2 * WIDTH] = std::array::from_fn(|at| {
                if index < count && k + at < from.cols() {
                    *from.at(start + index, k + at)
                } else {
                    T::default()
                }
            });
            *line = along::<L, T>(&row, unit);
        }
        Side::Left
    };
    if natural != side {
        L::transpose(tile);
    }
}

/// Units of one row.
#[inline(always)]
fn along<L: Lanes, T: Stored>(row: &[T], unit: Unit) -> Line {
    if unit != Unit::Pair {
        return floats::<L, T>(row, unit);
    }
    #[cfg(target_endian = "little")]
    if T::NARROW && row.len() >= 2 * WIDTH {
        // SAFETY: 32 elements of 2 bytes are the 64 bytes of a line, any bits are a line, and pairs lie as they are read.
        return unsafe { row.as_ptr().cast::<Line>().read_unaligned() };
    }
    let (low, high) = (T::bits::<L>(row), T::bits::<L>(row.get(WIDTH..).unwrap_or(&[])));
    let all: [u16; 2 * WIDTH] = std::array::from_fn(|at| if at < WIDTH { low[at] } else { high[at - WIDTH] });
    Line(std::array::from_fn(|at| u32::from(all[2 * at]) | u32::from(all[2 * at + 1]) << 16))
}

/// One unit of sixteen rows, from the columns that it takes.
#[inline(always)]
fn across<L: Lanes, T: Stored>(first: &[T], second: &[T], unit: Unit) -> Line {
    if unit != Unit::Pair {
        return floats::<L, T>(first, unit);
    }
    let (low, high) = (T::bits::<L>(first), T::bits::<L>(second));
    let mut line = Line::default();
    for (at, to) in line.0.iter_mut().enumerate() {
        *to = u32::from(low[at]) | u32::from(high[at]) << 16;
    }
    line
}

#[inline(always)]
fn floats<L: Lanes, T: Stored>(from: &[T], unit: Unit) -> Line {
    let mut values = [0.0; WIDTH];
    let loaded = crate::element::load::<L, T>(from);
    if unit == Unit::Rounded && !T::NARROW {
        let mut bits = [bf16::ZERO; WIDTH];
        bf16::store(loaded, &mut bits);
        bf16::load::<L>(&bits).store(&mut values);
    } else {
        loaded.store(&mut values);
    }
    Line(values.map(f32::to_bits))
}
