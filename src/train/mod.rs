//! Training and evaluation of compiled programs.

mod config;

pub use config::*;
