//! ARC-AGI: tasks of coloured grids. Takes ARC's files, gives a data set, a built folder and scores of predictions.
//!
//! | room | what |
//! |---|---|
//! | `grid` | grids and token sequences |
//! | `files` | the JSON forms |
//! | `augment` | changes of colours and symmetries, their names, undone |
//! | `plan` | which copies of which tasks there are, and their identifiers |
//! | `test_set` | what identifiers mean and what the answers are |
//! | `score` | votes, pass@K, the submission |
//! | `data_set`, `show` | the data set `arc`, and its grids as people write them |
//! | `build` | the folder that the reference's builder writes |

pub mod augment;
mod build;
mod data_set;
pub mod files;
mod grid;
pub mod plan;
mod score;
mod show;
mod test_set;

pub use build::{Built, build};
pub use data_set::ArcSpec;
pub use files::Pair;
pub use grid::{CELLS, Grid, SIDE, SYMBOLS};
pub use score::{ATTEMPTS, ArcScore, Found, InputScore, PASS_AT, Scorer, Submission};
pub use show::COLOURS;
pub(super) use show::{parse, picture, render, validate};
pub use test_set::{Identifiers, TEST_PUZZLES, TestSet, TestTask};

/// What stands for an identifier without a task.
pub const BLANK: &str = "<blank>";
