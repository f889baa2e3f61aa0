//! `totc graph FILE --format FORMAT`

use super::Outcome;
use super::output::{self, Output};
use super::subject::{Choice, Subject};
use crate::draw;
use crate::ir::Mode;
use clap::ValueEnum;
use std::path::PathBuf;

/// Draws one supervision step of a model.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    #[arg(long, value_enum, default_value = "svg")]
    format: Format,
    /// List the nets with their parameters, so many parts of their names deep: 1 for each net, 2 for its parts
    #[arg(long, value_name = "N", default_value_t = 0)]
    depth: usize,
    /// Write to a file instead of the terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Dot,
    Mermaid,
    Svg,
}

/// Prints or writes a drawing of the schedule.
pub fn main(args: &Args) -> Outcome {
    let mut subject = Subject::load(&args.choice)?;
    let model = subject.model_file.model(Mode::Training)?;
    let format = match args.format {
        Format::Dot => draw::Format::Dot,
        Format::Mermaid => draw::Format::Mermaid,
        Format::Svg => draw::Format::Svg,
    };
    let picture = draw::draw(&model.outline, format, args.depth);
    match &args.out {
        Some(path) => {
            let first = match args.format {
                Format::Dot => "digraph",
                Format::Mermaid => "---",
                Format::Svg => "<svg",
            };
            output::write(path, Output::Text(first), &[&args.choice.file], picture.as_bytes())?;
        }
        None => println!("{}", picture.trim_end()),
    }
    Ok(())
}
