//! `totc man [--out DIR]`

use clap::CommandFactory;
use clap_mangen::Man;
use std::io::Write;
use std::path::PathBuf;

use super::{Cli, Failure, Outcome};

/// Writes the manual page of totc to standard output, or that of every command into a folder (totc-run.1, …), for `man`.
#[derive(clap::Args)]
pub struct Args {
    /// The folder to write to, such as ~/.local/share/man/man1
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes the pages.
pub fn main(args: &Args) -> Outcome {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        let drawn =
            Man::new(Cli::command()).render(&mut page).and_then(|()| std::io::stdout().write_all(&page));
        return drawn.map_err(|error| Failure::World(format!("standard output cannot be written: {error}")));
    };
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|error| Failure::World(format!("{}: {error}", folder.display())))?;
    println!("{}: open it with `man -l {}`", folder.display(), folder.join("totc.1").display());
    Ok(())
}
