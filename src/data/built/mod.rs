//! Built data sets, the folders that the scripts of HRM, TRM and ToTRM write: `identifiers.json`, and for each split
//! `dataset.json` and `all__*.npy`. They are read mapped into memory, and written row by row.

mod dataset;
mod metadata;
mod part;
mod spec;
mod stream;
mod write;

pub use dataset::Built;
pub use metadata::Metadata;
pub use part::{Part, Split};
pub use spec::{BuiltSpec, Identifiers};
pub use write::{Counts, Layout, SplitWriter, TotalPuzzles, identifiers};
