//! Products on the tile unit (AMX): blocks of 32 × 32 sums in four tiles, bfloat16 pairs in, float32 sums out. The
//! epilogue of a block runs between the instructions of the next one, in the shadow of the tile unit.

use std::arch::asm;

use crate::element::Element;
use crate::epilogue::{Finish, Whole};
use crate::lanes::{Avx512, Line, WIDTH};
use crate::product::Shape;
use crate::scratch::{Sums, grown};
use crate::units::{Blocks, CHUNK};

/// Rows of a block of the left operand.
const BLOCK: usize = 32;

/// What `ldtilecfg` reads: eight tiles of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Configuration {
    const ALL: Configuration = Configuration {
        palette: 1,
        start: 0,
        reserved: [0; 14],
        row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
        rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
    };
}

/// The tile unit while it is configured; nothing of a caller's lies in its tiles between two calls. libtorch and oneDNN
/// load their own configuration before each use and release it after, as this does.
pub(crate) struct Tiles(());

/// Rows of a left operand of one block: 32 of them, a step of each 64 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    lines: &'a [Line],
    /// Lines from row to row, and from step to step.
    row: usize,
    step: usize,
}

impl<'a> Left<'a> {
    /// Steps of 32 lines, one behind the other.
    pub fn packed(lines: &'a [Line]) -> Left<'a> {
        Left { lines, row: 1, step: BLOCK }
    }

    /// Rows of `row` lines, one behind the other.
    pub fn rows(lines: &'a [Line], row: usize) -> Left<'a> {
        Left { lines, row, step: 1 }
    }
}

impl Tiles {
    /// Configures the unit, which the processor has: [`crate::Form::usable`] has said so.
    pub fn configured() -> Tiles {
        assert!(crate::Form::best() == crate::Form::AmxBf16);
        // SAFETY: the processor and the system have tiles; the configuration is 64 bytes as the instruction wants them.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &Configuration::ALL, options(nostack, readonly)) };
        Tiles(())
    }

    /// `rows` (1 to 32) rows of one panel's sums, `panels` panels from row to row of `to`.
    ///
    /// # Safety
    /// `right` holds `steps` steps of a panel.
    #[inline(always)]
    pub unsafe fn block(
        &self,
        left: Left<'_>,
        right: *const Line,
        steps: usize,
        rows: usize,
        to: &mut [f32],
        panels: usize,
    ) {
        let held = BLOCK - if rows > WIDTH { 1 } else { WIDTH + 1 };
        assert!(left.lines.len() > held * left.row + steps.saturating_sub(1) * left.step);
        assert!(to.len() >= held * panels * 32 + 32);
        // SAFETY: so many rows and steps are there: asserted of the left operand and the sums, promised of the right one.
        unsafe {
            if rows > WIDTH {
                sums::<true>(left, right, steps, to.as_mut_ptr(), panels * 128);
            } else {
                sums::<false>(left, right, steps, to.as_mut_ptr(), panels * 128);
            }
        }
    }
}

/// The sums of [`Tiles::block`], rows `ld` bytes apart.
///
/// # Safety
/// Tiles are configured; operands and sums are there.
#[inline(always)]
unsafe fn sums<const TALL: bool>(left: Left<'_>, right: *const Line, steps: usize, to: *mut f32, ld: usize) {
    let from = left.lines.as_ptr();
    // SAFETY: the caller's promise.
    unsafe {
        asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
        for at in 0..steps {
            let from = from.wrapping_add(at * left.step);
            step::<TALL>(
                from,
                from.wrapping_add(WIDTH * left.row),
                left.row * 64,
                right.wrapping_add(at * 2 * WIDTH),
            );
        }
        stored::<TALL>(to, ld);
    }
}

/// Adds one step of 32 terms to the sums in tiles 0 to 3, tiles 2 and 3 only if `TALL`: rows of the left operand lie `row`
/// bytes apart, the lower 16 from `low` on; the right one is packed.
///
/// # Safety
/// Tiles are configured; a step of both operands is there.
#[inline(always)]
unsafe fn step<const TALL: bool>(left: *const Line, low: *const Line, row: usize, right: *const Line) {
    // SAFETY: the caller's promise.
    unsafe {
        if TALL {
            asm!(
                "tileloadd tmm6, [{r} + {s}]",
                "tileloaddt1 tmm4, [{l} + {row}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{r} + {s} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloaddt1 tmm5, [{h} + {row}]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                r = in(reg) right, l = in(reg) left, h = in(reg) low, row = in(reg) row, s = in(reg) 64_usize,
                options(nostack, readonly)
            );
        } else {
            asm!(
                "tileloadd tmm6, [{r} + {s}]",
                "tileloaddt1 tmm4, [{l} + {row}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{r} + {s} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                r = in(reg) right, l = in(reg) left, row = in(reg) row, s = in(reg) 64_usize,
                options(nostack, readonly)
            );
        }
    }
}

/// Writes the sums, rows `ld` bytes apart.
///
/// # Safety
/// Tiles are configured; 32 floats of 16 rows are there, of 32 if `TALL`.
#[inline(always)]
unsafe fn stored<const TALL: bool>(to: *mut f32, ld: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("tilestored [{t} + {ld}], tmm0", "tilestored [{t} + {ld} + 64], tmm1", t = in(reg) to, ld = in(reg) ld,
            options(nostack));
        if TALL {
            asm!("tilestored [{t} + {ld}], tmm2", "tilestored [{t} + {ld} + 64], tmm3",
                t = in(reg) to.wrapping_byte_add(WIDTH * ld), ld = in(reg) ld, options(nostack));
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: gives the tiles back; nothing of ours lies in them.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// A block whose sums wait for their epilogue.
#[derive(Clone, Copy)]
struct Waiting {
    panel: usize,
    row: usize,
    rows: usize,
    /// Where its sums lie.
    at: usize,
}

/// The epilogue of the block before, a few rows at a time.
struct Between<'f, 'a, 'b, O> {
    /// Its sums: rows that nobody writes meanwhile.
    sums: *const Sums,
    next: usize,
    end: usize,
    per_step: usize,
    /// Where its first row goes.
    row: usize,
    panel: usize,
    whole: Option<Whole<O>>,
    ahead: Ahead<O>,
    finish: &'f mut Finish<'a, 'b, O>,
}

/// What is fetched from memory while a block is computed, some lines a step: neither weights nor results of a step fit into
/// the second cache, and a tile that waits for the third one loses more time than its products take.
#[derive(Clone, Copy)]
struct Ahead<O> {
    /// Lines of the right operand that the next panel will want.
    lines: *const Line,
    lines_per_step: usize,
    /// Where the sums of this block will go, and from row to row of it.
    out: *mut O,
    stride: usize,
    rows: usize,
    rows_per_step: usize,
}

/// Whether so many lines take more than a quarter of the second cache, so that they will not lie there.
fn far(lines: usize) -> bool {
    lines > 1 << 13
}

impl<O> Ahead<O> {
    #[inline(always)]
    fn some(&mut self) {
        for _ in 0..self.lines_per_step {
            // SAFETY: a hint; it reads nothing.
            unsafe { asm!("prefetcht1 [{}]", in(reg) self.lines, options(nostack, readonly)) };
            self.lines = self.lines.wrapping_add(1);
        }
        let rows = self.rows_per_step.min(self.rows);
        self.rows -= rows;
        for _ in 0..rows {
            // SAFETY: as above; a row of a panel is one line of bfloat16, two of float32.
            unsafe {
                asm!("prefetchw [{}]", in(reg) self.out, options(nostack, readonly));
                if size_of::<O>() > 2 {
                    asm!("prefetchw [{} + 64]", in(reg) self.out, options(nostack, readonly));
                }
            }
            self.out = self.out.wrapping_add(self.stride);
        }
    }
}

impl<O: Element> Between<'_, '_, '_, O> {
    #[inline(always)]
    fn some(&mut self) {
        if self.next >= self.end {
            return;
        }
        let Some(whole) = &self.whole else {
            // SAFETY: as the caller, this runs only where there are tiles, and with them AVX-512.
            return unsafe { self.slowly() };
        };
        let end = self.turn();
        for row in self.next..end {
            // SAFETY: `end` rows of sums wait there, in another block than the one that is being computed, and `whole`
            // was made for as many.
            unsafe { whole.row::<Avx512>(row, &(*self.sums.add(row)).0) };
        }
        self.next = end;
    }

    /// Where the rows of this step end.
    #[inline(always)]
    fn turn(&self) -> usize {
        (self.next + self.per_step).min(self.end)
    }

    /// Any epilogue, at any edge.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    #[inline(never)]
    fn slowly(&mut self) {
        let end = self.turn();
        for row in self.next..end {
            // SAFETY: as above.
            let sums = unsafe { &*self.sums.add(row) };
            self.finish.row::<Avx512>(self.row + row, self.panel, &sums.0);
        }
        self.next = end;
    }
}

/// All panels. The caller has made sure that the operands hold `shape` and that the form is [`crate::Form::AmxBf16`].
pub(crate) fn multiply<O: Element>(
    shape: Shape,
    blocks: Blocks,
    first: usize,
    left: &[Line],
    right: &[Line],
    sums: &mut Vec<Sums>,
    finish: &mut Finish<'_, '_, O>,
) {
    assert!(crate::Form::best() == crate::Form::AmxBf16 && blocks.block == BLOCK);
    assert!(left.len() >= blocks.lines() && right.len() >= shape.panels * shape.steps * 2 * WIDTH);
    // SAFETY: the processor and the system have tiles, and with them AVX-512; both operands hold what is read.
    unsafe { multiply_in(shape, blocks, first, left, right, sums, finish) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn multiply_in<O: Element>(
    shape: Shape,
    blocks: Blocks,
    first: usize,
    left: &[Line],
    right: &[Line],
    sums: &mut Vec<Sums>,
    finish: &mut Finish<'_, '_, O>,
) {
    let chunks = shape.steps.div_ceil(CHUNK).max(1);
    let row_blocks = shape.rows.div_ceil(BLOCK);
    // Sums of one chunk alternate between two blocks; sums of several stay until the last one, two panels of them, so
    // that a block's epilogue may run while the next panel begins.
    let kept = if chunks > 1 { row_blocks } else { 1 };
    let sums = grown(sums, 2 * kept * BLOCK);
    let mut waiting = Waiting { panel: 0, row: 0, rows: 0, at: 0 };
    let mut turn = 0;
    let tiles = Tiles::configured();
    for panel in 0..shape.panels {
        for chunk in 0..chunks {
            let steps = blocks.steps_of(chunk);
            let right = right[(panel * shape.steps + chunk * CHUNK) * 2 * WIDTH..].as_ptr();
            // What comes after it, a part of it while each block is computed.
            let next = right.wrapping_add(steps * 2 * WIDTH);
            let fetched = if far(shape.panels * shape.steps * 2 * WIDTH) {
                (2 * WIDTH).div_ceil(row_blocks)
            } else {
                0
            };
            for block in 0..row_blocks {
                let left = left[blocks.start(chunk, block)..].as_ptr();
                let rows = (shape.rows - block * BLOCK).min(BLOCK);
                let at = if chunks > 1 { (panel % 2 * kept + block) * BLOCK } else { turn * BLOCK };
                let all: *mut Sums = sums.as_mut_ptr();
                let (out, stride) = finish.place(first + block * BLOCK, panel);
                let results_far = chunk + 1 == chunks && far(shape.rows * stride * size_of::<O>() / 64);
                let mut between = Between {
                    sums: all.wrapping_add(waiting.at),
                    next: 0,
                    end: waiting.rows,
                    per_step: BLOCK.div_ceil(steps.max(1)),
                    row: first + waiting.row,
                    panel: waiting.panel,
                    whole: finish.whole(first + waiting.row, waiting.rows, waiting.panel),
                    ahead: Ahead {
                        lines: next.wrapping_add(block * steps * fetched),
                        lines_per_step: fetched,
                        out,
                        stride,
                        rows_per_step: BLOCK.div_ceil(steps.max(1)),
                        rows: if results_far { rows } else { 0 },
                    },
                    finish,
                };
                // SAFETY: both operands hold `steps` steps from there (asserted by the caller), `at` names 32 of `sums`.
                unsafe {
                    let to = all.add(at).cast::<f32>();
                    match (rows > WIDTH, chunk > 0) {
                        (true, false) => block_of::<O, true, false>(left, right, steps, to, &mut between),
                        (true, true) => block_of::<O, true, true>(left, right, steps, to, &mut between),
                        (false, false) => block_of::<O, false, false>(left, right, steps, to, &mut between),
                        (false, true) => block_of::<O, false, true>(left, right, steps, to, &mut between),
                    }
                }
                // With a step or none, what is left.
                between.some();
                waiting = Waiting { panel, row: block * BLOCK, rows: 0, at };
                if chunk + 1 == chunks {
                    waiting.rows = rows;
                    turn ^= 1;
                }
            }
        }
    }
    drop(tiles);
    for row in 0..waiting.rows {
        finish.row::<Avx512>(first + waiting.row + row, waiting.panel, &sums[waiting.at + row].0);
    }
}

/// Sums of one block, `between` after each step. Rows 16..32 only if `TALL`; on top of what is there if `MORE`.
///
/// # Safety
/// Tiles are configured; `left` and `right` hold `steps` steps of 32 lines, `to` 32 rows of 32 floats.
// Tiles keep their contents between the pieces of assembly: no compiled code touches them, since the compiler uses tile
// registers for nothing of its own.
#[inline(always)]
unsafe fn block_of<O: Element, const TALL: bool, const MORE: bool>(
    left: *const Line,
    right: *const Line,
    steps: usize,
    to: *mut f32,
    between: &mut Between<'_, '_, '_, O>,
) {
    const ROW: usize = 128;
    let low = to.wrapping_add(WIDTH * 32);
    // SAFETY: as the function's; each piece reads and writes no more than it says.
    unsafe {
        if MORE {
            asm!("tileloadd tmm0, [{t} + {s}]", "tileloadd tmm1, [{t} + {s} + 64]", t = in(reg) to, s = in(reg) ROW,
                options(nostack, readonly));
            if TALL {
                asm!("tileloadd tmm2, [{t} + {s}]", "tileloadd tmm3, [{t} + {s} + 64]", t = in(reg) low,
                    s = in(reg) ROW, options(nostack, readonly));
            }
        } else {
            asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
        }
        for at in 0..steps {
            let left = left.wrapping_add(at * BLOCK);
            step::<TALL>(left, left.wrapping_add(WIDTH), 64, right.wrapping_add(at * 2 * WIDTH));
            between.some();
            between.ahead.some();
        }
        stored::<TALL>(to, ROW);
    }
}
