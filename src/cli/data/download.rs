//! `totc data download`

use super::world;
use crate::cli::{Failure, Outcome};
use crate::data::hub::{Address, Entry, Hub};
use crate::report::table;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use std::path::PathBuf;

/// Fetches data sets of the Hugging Face hub into the cache and prints where their files lie. Run files may name them
/// as hf://datasets/OWNER/NAME/FILE. HF_TOKEN, HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE are followed.
#[derive(clap::Args)]
pub struct Args {
    /// The data set (OWNER/NAME, such as sapientinc/sudoku-extreme; with @REVISION and /FILE if wanted)
    #[arg(value_name = "DATASET")]
    address: String,
    /// Only list its files
    #[arg(long)]
    list: bool,
    /// Only use what is in the cache
    #[arg(long)]
    offline: bool,
    /// The folder of the cache (default: $HF_HOME/totc, or totc in the user's cache folder)
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// Fetches files of a data set.
pub fn main(args: &Args) -> Outcome {
    let address: Address = args.address.parse().map_err(world)?;
    let mut hub = Hub::from_environment();
    if let Some(cache) = &args.cache {
        hub = hub.cached_in(cache);
    }
    if args.offline {
        hub = hub.offline();
    }
    let below = |entry: &Entry| {
        address.path.is_empty()
            || entry.path == address.path
            || entry.path.strip_prefix(&address.path).is_some_and(|rest| rest.starts_with('/'))
    };
    let entries: Vec<Entry> = hub.files(&address).map_err(world)?.into_iter().filter(below).collect();
    if entries.is_empty() {
        return Err(Failure::World(format!(
            "{address}: the data set has no such file; `--list` without it shows all"
        )));
    }
    if args.list {
        let lines: Vec<Vec<String>> = entries
            .iter()
            .map(|entry| vec![entry.path.clone(), HumanBytes(entry.size).to_string()])
            .collect();
        print!("{}", table(&lines));
        return Ok(());
    }
    for entry in &entries {
        let bar = ProgressBar::new(entry.size);
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message(entry.path.clone());
        let file = hub.refresh(&address, entry, &mut |done, _| bar.set_position(done)).map_err(world)?;
        bar.finish_and_clear();
        println!("{}", file.display());
    }
    Ok(())
}
