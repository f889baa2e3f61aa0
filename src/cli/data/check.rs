//! `totc data check FOLDER…`

use super::world;
use crate::cli::Outcome;
use crate::data::Dataset;
use crate::data::built::{BuiltSpec, Identifiers};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Checks built data sets, as `built(paths: […])` of a run file reads them: lengths, shapes and types of the arrays,
/// order and ends of the indices, identifiers, every token, and that every training example has a label. Several folders
/// are also checked for fitting together.
#[derive(clap::Args)]
pub struct Args {
    /// Folders that hold `train` and `test`
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Check each folder by itself
    #[arg(long)]
    apart: bool,
    /// Print the first test examples
    #[arg(long, value_name = "N", default_value_t = 0)]
    show: usize,
}

/// Checks a data set and prints what it found.
pub fn main(args: &Args) -> Outcome {
    let sets: Vec<Vec<PathBuf>> = if args.apart {
        args.folders.iter().map(|folder| vec![folder.clone()]).collect()
    } else {
        vec![args.folders.clone()]
    };
    for paths in sets {
        let began = Instant::now();
        let spec = BuiltSpec { paths, test_paths: Vec::new(), identifiers: Identifiers::Checked };
        let data = spec.read(Path::new("")).map_err(world)?;
        println!("{}; checked in {:.1} s", data.describe(), began.elapsed().as_secs_f64());
        for example in (0..args.show).map_while(|i| data.test_example(i)) {
            let name = usize::try_from(example.puzzle).ok().and_then(|id| data.names().get(id));
            println!("\n{}", name.map_or("", String::as_str));
            println!(
                "{}\n{}",
                data.render(&example.inputs, &example.inputs),
                data.render(&example.labels, &example.inputs)
            );
        }
    }
    Ok(())
}
