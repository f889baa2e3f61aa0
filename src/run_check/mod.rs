//! What can be known of a run before it begins, and what is wrong with it: takes a run file, its model and what is known of its
//! data, gives everything that is to be told of them. Says in one place which parts of a run are checked and how, for
//! `totc check`, `totc run` and editors; holds no tensor, opens no data.

mod answers;
mod check;
mod columns;
mod groups;
mod misfit;
mod optimisers;
mod preflight;
mod steps;
mod told;

pub use answers::{CONFIDENCE, no_confidence, no_views, rollouts_differ};
pub use check::{Data, Found, Subject, bind_data, check};
pub use columns::{Column, pairs};
pub use groups::{Treatment, assign, matches};
pub use misfit::{Misfit, RunMistake};
pub use optimisers::{NumberAbout, Numbers, OPTIMISERS, OptimiserAbout, no_optimiser, numbers_of};
pub use preflight::{other_weight, preflight};
pub use steps::{Configs, Memo, Part, Step, parts};
pub use told::{Place, Told, of_run_file};
