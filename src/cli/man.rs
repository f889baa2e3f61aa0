//! `totc man [--out DIR]`

use clap::CommandFactory;
use clap_mangen::Man;
use std::io::Write;
use std::path::PathBuf;

use super::output::{Output, write};
use super::{Cli, Failure, Outcome};

/// Writes the manual page of totc to standard output, or that of every command into a folder (totc-run.1, …), for `man`.
#[derive(clap::Args)]
pub struct Args {
    /// The folder to write to, such as ~/.local/share/man/man1
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// How every page begins.
const PAGE: Output = Output::Text(".ie");

/// Writes the pages.
pub fn main(args: &Args) -> Outcome {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        let drawn =
            Man::new(Cli::command()).render(&mut page).and_then(|()| std::io::stdout().write_all(&page));
        return drawn.map_err(|error| Failure::World(format!("standard output cannot be written: {error}")));
    };
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    let world = |error: std::io::Error| Failure::World(format!("{}: {error}", folder.display()));
    draw(command, &mut pages).map_err(world)?;
    std::fs::create_dir_all(folder).map_err(world)?;
    for (name, page) in &pages {
        write(&folder.join(name), PAGE, &[], page)?;
    }
    println!(
        "{}: {} pages; read one by `man -l {}`",
        folder.display(),
        pages.len(),
        folder.join("totc.1").display()
    );
    Ok(())
}

/// The pages of a command and of those below it, with the names of their files.
fn draw(command: clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        draw(inner.clone(), pages)?;
    }
    let page = Man::new(command);
    let mut text = Vec::new();
    page.render(&mut text)?;
    pages.push((page.get_filename(), text));
    Ok(())
}
