//! Charts with one look: takes named points or values, gives places, ticks and labels, and SVG that needs nothing else;
//! never looks at what a number means. The page of a run and the pictures of `compare` and `sweep` are drawn by the same
//! code in the same colours.

mod canvas;
mod laid_out;
mod markup;
mod panels;
mod plot;
mod scale;
mod style;

pub use canvas::{Align, Canvas, Letters};
pub use laid_out::Chart;
pub use panels::panels;
pub use plot::{Curve, Plot};
pub use scale::{Scale, axis_number};
pub use style::{class, sheet, variables};
