//! `totc explain FILE`: what is known of a model before a tensor exists. `totc explain CODE`: the page on a kind of mistake.

use super::subject::{Choice, Subject};
use super::{Failure, Outcome};
use crate::diagnostic::{Code, page, suggestion};
use crate::explain::explain;
use std::path::Path;

/// Explains a model: axes, parameters by net, FLOPs and activation memory of a step, the tree of thoughts. In place of a
/// file, the code of a mistake (`axis-missing`) prints what it means and how to mend it.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Option<Choice>,
    /// List the codes of all mistakes
    #[arg(long, exclusive = true)]
    codes: bool,
    /// Samples of one step
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints sizes, schedule and cost of a model.
pub fn main(args: &Args) -> Outcome {
    if args.codes {
        print!("{}", codes());
        return Ok(());
    }
    let Some(choice) = &args.choice else {
        return Err(Failure::Usage(
            "name a model file, a run file or a code; `--codes` lists the codes".to_owned(),
        ));
    };
    if let Some(word) = code_like(&choice.file) {
        print!("{}", explained(word)?);
        return Ok(());
    }
    let mut subject = Subject::load(choice)?;
    if let Some(batch) = args.batch {
        subject.model_file.bind_size("batch", batch);
    }
    let explained = explain(&mut subject.model_file)?;
    match args.json {
        true => println!("{:#}", explained.json()),
        false => print!("{}", explained.text()),
    }
    Ok(())
}

/// The argument, if it has the form of a code: lower-case letters and hyphens, and no file or folder is called so.
fn code_like(file: &Path) -> Option<&str> {
    let word = file.to_str()?;
    let letters = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    (letters && !file.exists()).then_some(word)
}

/// Code, sentence and page.
fn explained(word: &str) -> Result<String, Failure> {
    let Some(code) = Code::from_slug(word) else {
        let near = suggestion(word, Code::ALL.iter().map(|code| code.slug()));
        let near = near.unwrap_or_else(|| "`totc explain --codes` lists the codes".to_owned());
        return Err(Failure::Usage(format!("there is no file and no code `{word}`; {near}")));
    };
    Ok(format!("{}: {}\n\n{}", code.slug(), code.about(), page(code)))
}

fn codes() -> String {
    let width = Code::ALL.iter().map(|code| code.slug().len()).max().unwrap_or(0);
    Code::ALL.iter().map(|code| format!("{:width$}  {}\n", code.slug(), code.about())).collect()
}
