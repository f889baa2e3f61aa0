//! Charts with one look: takes named points or values, gives places, ticks and labels, and SVG that needs nothing else;
//! never looks at what a number means. `report` puts the places into its page; `compare` and `sweep` write pictures.

mod canvas;
mod panels;
mod plot;
mod scale;

pub use canvas::{Align, Canvas};
pub use panels::panels;
pub use plot::{Chart, Curve, Plot};
pub use scale::{Scale, axis_number};

/// Colours of what is compared; they stay apart for most eyes (Okabe and Ito, 2008; black and yellow left out).
pub const COLOURS: [&str; 7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#6E6E6E"];
/// Colour of what is read first.
pub const INK: &str = "#222B3A";
/// Colour of what explains.
pub const PALE: &str = "#6B7688";
/// Colour of lines that help the eye.
pub const RULE: &str = "#E2E6ED";
/// Colour of every other row.
pub const BAND: &str = "#F6F7FA";
