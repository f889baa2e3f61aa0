//! What a person sees of a run: takes plain numbers, gives lines, a bar, a table and a log file; measures nothing
//! itself and knows no tensor.

mod charts;
mod evaluation;
mod identity;
mod log;
mod numbers;
mod pace;
pub mod page;
mod progress;
mod puzzles;
mod step;
mod table;

pub use charts::{COLOURS, axis_number, printable};
pub use evaluation::{Named, evaluation_json, evaluation_text, speed_up_json};
pub use identity::{About, Identity, TestSet, hash};
pub use log::{Kind, LogError, MetricsLog, Record};
pub use numbers::{count, duration, number, rough_duration};
pub use pace::{Forecast, Pace};
pub use progress::{Plan, Progress, Screen};
pub use puzzles::{PUZZLES, PuzzlesError, puzzles_text, write_puzzles};
pub use step::{Reading, Step, Window};
pub use table::{Outcome, Summary, summary_table, table};
