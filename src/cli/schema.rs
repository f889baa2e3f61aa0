//! `totc schema`

use super::{Failure, Outcome};
use crate::run_file;

/// Prints every field of run files with its type, default, unit, meaning and an example (the page docs/run-files.md).
#[derive(clap::Args)]
pub struct Args {
    /// Print a JSON schema instead
    #[arg(long)]
    json: bool,
}

/// Prints the reference.
pub fn main(args: &Args) -> Outcome {
    if !args.json {
        print!("{}", run_file::reference());
        return Ok(());
    }
    let text = serde_json::to_string_pretty(&run_file::schema());
    println!(
        "{}",
        text.map_err(|error| Failure::Internal(format!("the schema cannot be written: {error}")))?
    );
    Ok(())
}
