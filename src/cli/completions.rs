//! `totc completions SHELL`

use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

use super::{Cli, Failure, Outcome};

/// Prints the completions of a shell, to be read by it: `source <(totc completions bash)`, or saved where it looks for them.
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints them.
pub fn main(args: &Args) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "totc", &mut text);
    let written = std::io::stdout().write_all(&text);
    written.map_err(|error| Failure::World(format!("standard output cannot be written: {error}")))
}
