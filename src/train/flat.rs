//! Updates of whole weights in one pass over memory, by totc's own kernels: takes tensors whose elements do not meet, gives
//! them piece by piece to all threads. Where tensors lie elsewhere than in dense float32 memory of the CPU it does nothing and
//! says so, and libtorch's operations do the same one after the other.

use std::sync::atomic::{AtomicBool, Ordering};

use tch::{Device, Kind, Tensor};
use totc_kernels::Pool;

/// Elements of one piece: a few arrays of them fit into the nearest caches.
const PIECE: usize = 1 << 13;

/// Calls `work` with the same piece of every tensor, all pieces in any order on any thread; false if it has done nothing,
/// for which `work` answers false too: at lengths that differ, which pieces have not. Tensors are of one length and apart from one another.
#[expect(unsafe_code, reason = "kernels read and write memory of tensors")]
pub(super) fn pieces<const N: usize>(
    tensors: [&Tensor; N],
    work: impl Fn([&mut [f32]; N]) -> bool + Sync,
) -> bool {
    let count = tensors.first().map_or(0, |first| first.numel());
    let fits = |tensor: &&Tensor| {
        tensor.device() == Device::Cpu
            && tensor.kind() == Kind::Float
            && tensor.is_contiguous()
            && tensor.numel() == count
    };
    let starts = tensors.map(|tensor| tensor.data_ptr() as usize);
    let bytes = count * size_of::<f32>();
    let apart = starts
        .iter()
        .enumerate()
        .all(|(at, start)| starts[..at].iter().all(|other| start.abs_diff(*other) >= bytes));
    if !tensors.iter().all(fits) || !apart {
        return false;
    }
    let done = AtomicBool::new(true);
    Pool::shared().run(count.div_ceil(PIECE), |piece| {
        let from = piece * PIECE;
        let length = PIECE.min(count - from);
        // SAFETY: dense float32 of `count` elements each, which lie apart and live as long as `tensors`; pieces are apart
        // too, and nobody else touches the tensors while a weight is moved.
        let parts = starts
            .map(|start| unsafe { std::slice::from_raw_parts_mut((start as *mut f32).add(from), length) });
        if !work(parts) {
            done.store(false, Ordering::Relaxed);
        }
    });
    done.into_inner()
}
