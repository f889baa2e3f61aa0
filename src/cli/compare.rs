//! `totc compare RUN RUN…`

use super::output::{self, Output};
use super::{Failure, Outcome};
use crate::compare::{self, Protocol, RunRecord};
use std::path::PathBuf;

/// Puts runs side by side: settings, results with 95 % intervals (bootstrap over puzzles), whether a difference is
/// more than noise, learning curves. Differences are to the first run.
#[derive(clap::Args)]
pub struct Args {
    /// Folders of runs, or of their evaluations (RUN/evaluations/NAME)
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Take runs that differ only in their seed together
    #[arg(long)]
    group: bool,
    /// Compare runs that were tested on different puzzles too
    #[arg(long)]
    unpaired: bool,
    /// Compare the evaluations of this name, as `totc eval` has called their folders, in place of the runs' own tests
    #[arg(long, value_name = "NAME")]
    protocol: Option<String>,
    /// Compare runs that were tested in different ways too
    #[arg(long)]
    across_protocols: bool,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print CSV: one line per run or group, numbers in full
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    csv: bool,
    /// Print JSON: everything, the curves included
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown tables
    #[arg(long)]
    markdown: bool,
    /// Draw the learning curves into a file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Compares runs by what they left behind, and prints it.
pub fn main(args: &Args) -> Outcome {
    let read = |folder: &PathBuf| {
        RunRecord::read_evaluation(folder, args.protocol.as_deref())
            .map_err(|error| Failure::World(error.to_string()))
    };
    let runs = args.runs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let protocol = Protocol {
        group: args.group,
        unpaired: args.unpaired,
        across_protocols: args.across_protocols,
        seed: args.seed,
    };
    let comparison = compare::compare(&runs, protocol).map_err(Failure::World)?;
    if let Some(path) = &args.svg {
        let svg = compare::curves(&comparison).map_err(Failure::World)?;
        output::write(path, Output::Text("<svg"), &[], svg.as_bytes())?;
    }
    if args.json {
        let text = serde_json::to_string_pretty(&comparison).map_err(|error| {
            Failure::Internal(format!("the comparison cannot be written as JSON: {error}"))
        })?;
        println!("{text}");
    } else if args.csv {
        print!("{}", compare::as_csv(&comparison));
    } else if args.markdown {
        print!("{}", compare::as_markdown(&comparison));
    } else {
        print!("{}", compare::as_text(&comparison));
    }
    Ok(())
}
