//! The kernels of totc's CPU backend: products of matrices with what follows them, rows, attention, chains of elementwise
//! operations, steps of optimisers, and a pool of threads. They take slices with shapes, compute in float32 and round once,
//! when they store; they know neither libtorch nor anything of totc, allocate nothing once they have run at a size, start no
//! thread (but for [`Pool`]) and never panic on operands that do not fit: those are a [`Mismatch`].
//!
//! | to compute | open |
//! |---|---|
//! | `x · Wᵀ` of a weight, with bias, residual or gate | [`Packed`] once per step, then [`gemm`] with an [`Epilogue`] |
//! | a product of two new operands | [`product`] |
//! | `dW += dyᵀ · x` over all applications of a weight | [`weight_gradient`] |
//! | one head of attention, forward and backward | [`Attention`] |
//! | norm, softmax, rotary positions, gate, sums over rows | [`rows`] |
//! | anything elementwise, and what is reduced along rows, wherever it lies | [`fused::Chain`] |
//! | Adam, sign descent, moving average, squares for clipping | [`optimiser`] |
//! | all of these on memory whose kind is known only at run time | [`untyped`] |
//! | the same over slices on several threads | [`Pool`] |
//!
//! ```
//! use totc_kernels::{Epilogue, Form, Matrix, MatrixMut, Packed, Precision, gemm};
//! let weight = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]; // [2, 3]
//! let mut packed = Packed::new(Form::best(), Precision::Float32, 2, 3);
//! packed.pack(Matrix::dense(&weight, 2, 3)?)?;
//! let mut out = [0.0_f32; 2];
//! gemm(Matrix::dense(&[1.0_f32, 0.0, 1.0], 1, 3)?, &packed, MatrixMut::dense(&mut out, 1, 2)?, Epilogue::STORE)?;
//! assert_eq!(out, [4.0, 10.0]);
//! # Ok::<(), totc_kernels::Mismatch>(())
//! ```
//!
//! # Which kernel runs when
//!
//! Every function takes a [`Form`] (a packed weight remembers its own) and runs the best that the processor has of that form
//! or below. `Form::best()` is the default of a caller, `Form::named` what an option forces.
//!
//! | | [`Precision::Bfloat16`] | [`Precision::Float32`] | everything else |
//! |---|---|---|---|
//! | [`Form::AmxBf16`] | tiles, 32 × 32 sums | as AVX-512 | as AVX-512 |
//! | [`Form::Avx512`] | as float32, of rounded operands | 12 × 32 sums in registers | 16 lanes |
//! | [`Form::Avx2`] | as float32, of rounded operands | 6 × 16 sums | 2 × 8 lanes |
//! | [`Form::Portable`] | as float32, of rounded operands | 4 × 16 sums | 16 lanes of an array |
//!
//! Storage and precision are independent: a product in bfloat16 may read float32 and the other way round.
//!
//! # Sums
//!
//! A sum of a product is taken in the order of k (tiles add pairs), a sum along a row in sixteen parts which are added as a
//! tree, a gradient of a weight in the order of its applications. None depends on the other rows or on where a slice begins, so
//! results do not depend on the number of threads. Between forms they differ by rounding.
//!
//! # To add a form
//!
//! A type that implements `lanes::Lanes` (sixteen floats), a line in [`Form`] and its detection, an arm in the macro `forms!`,
//! which compiles every generic kernel with the form's target features; then rows, attention, chains and optimisers have it.
//! Products have it too, with the block that `product::block` says; a unit of another kind (as tiles) is one more driver like
//! `tiles::multiply`. The tests run every form that [`Form::available`] names.
//!
//! `unsafe` stands where a processor's instructions are called (`lanes`, `tiles`), where a form is entered (`forms!`), where the
//! pool lends a job to its threads, and in one load of packing.

#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "what only the forms of x86-64 use"))]

mod attention;
#[cfg(target_arch = "x86_64")]
mod attention_tiles;
mod element;
mod epilogue;
mod error;
mod form;
pub mod fused;
mod gemm;
mod lanes;
mod math;
mod matrix;
pub mod optimiser;
mod pool;
mod product;
pub mod rows;
mod scratch;
#[cfg(target_arch = "x86_64")]
mod tiles;
mod units;
pub mod untyped;

pub use attention::{Attention, AttentionGradients, AttentionRoom};
pub use element::Element;
pub use epilogue::{Epilogue, Then};
pub use error::Mismatch;
pub use form::{Form, by_intel};
pub use gemm::{Packed, Precision, gemm, product, weight_gradient};
pub use half::bf16;
pub use matrix::{Matrix, MatrixMut};
pub use pool::Pool;
