//! What a person sees of a run: takes plain numbers, gives lines, a bar, a table and a log file; measures nothing
//! itself and knows no tensor.

mod evaluation;
mod pace;
pub mod page;
mod progress;
mod run_status;
mod table;
mod weights;

pub use crate::numbers::{count, duration, fixed, fixed_signed, number, rough_duration, table};
pub use evaluation::{Named, evaluation_text, final_test_text};
pub use pace::{Forecast, Pace, tests_left};
pub use progress::{Extent, Progress, Screen};
pub use run_status::{RunStatus, record_line, seconds_left, standing, status_lines};
pub use table::{Summary, TestResult, summary_table};
pub use weights::weights_text;
