//! What must hold of the shipped models for which no published code has been measured: graphs of thought, the
//! ablations, and those of 2026. Each is held against another model that it must equal, or against a formula computed
//! here by hand.
#![cfg(feature = "torch")]

#[path = "topologies/ablations.rs"]
mod ablations;
#[path = "topologies/adaptive.rs"]
mod adaptive;
#[path = "topologies/by_hand.rs"]
mod by_hand;
#[path = "topologies/carry.rs"]
mod carry;
#[path = "compile/mod.rs"]
mod compile;
#[path = "topologies/graphs.rs"]
mod graphs;
#[path = "topologies/grid.rs"]
mod grid;
#[path = "topologies/lab.rs"]
mod lab;
#[path = "topologies/language.rs"]
mod language;
#[path = "topologies/later.rs"]
mod later;
#[path = "topologies/merging.rs"]
mod merging;
#[path = "topologies/of_2026.rs"]
mod of_2026;
#[path = "topologies/standing_alone.rs"]
mod standing_alone;
