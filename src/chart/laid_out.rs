//! A chart with all places known: what `plot` makes, `markup` draws and a template reads. Computes nothing.

use serde::Serialize;

use super::scale::Tick;

/// A plot laid out.
#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    pub(super) title: String,
    pub(super) across: String,
    pub(super) log: bool,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    pub(super) curves: Vec<Drawn>,
    /// `[[[x, y, pixel x, pixel y], ..], ..]`, one list per curve, as JSON.
    pub(super) points: String,
    /// The chart in words.
    pub(super) summary: String,
    /// The elements inside its `svg`.
    pub(super) body: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Drawn {
    pub(super) name: String,
    pub(super) class: String,
    /// `points` of a polyline each; several where there are gaps.
    pub(super) lines: Vec<String>,
    /// `points` of a polygon; empty where there is no band.
    pub(super) area: String,
    pub(super) dots: Vec<(f64, f64)>,
    pub(super) last: String,
}
