//! The library's functions at their kinks: where a piecewise formula changes pieces, a norm or a product vanishes, the
//! largest is not the only one, or logits are huge. Value and gradient are held against closed forms written here;
//! finite differences (`gradients.rs`) only ever look beside such points.
//!
//! Everything runs in float64, where equality is meant: a bound of 1e-12 leaves room for some thousand roundings.
//! What has to stay stable in float32 is run in that too.
#![cfg(feature = "torch")]

#[path = "kinks/at.rs"]
mod at;
#[path = "compile/mod.rs"]
mod compile;
#[path = "kinks/losses.rs"]
mod losses;
#[path = "kinks/nets.rs"]
mod nets;
