//! Built data sets, the folders that the scripts of HRM, TRM and ToTRM write: `identifiers.json`, and for each split
//! `dataset.json` and `all__*.npy`.

mod metadata;
mod write;

pub use metadata::Metadata;
pub use write::{Counts, Layout, SplitWriter, TotalPuzzles, identifiers, json};
