//! The results of a sweep: takes what its runs have left behind, gives one table, as text, CSV, Markdown and picture;
//! starts no run. `saved` is what is kept of a sweep in one file, and what documents say of it.

mod picture;
mod results;
mod saved;
mod table;

pub use picture::picture;
pub use results::{CAUSE, Line, RunResult, State, read_run};
pub use saved::{
    Account, FailedRun, FirstRecord, Saved, SavedMachine, SavedRun, SavedTests, SavedVariant, gather,
};
pub use table::{as_csv, as_json, as_lines, as_markdown, as_text, runs_as_csv};
