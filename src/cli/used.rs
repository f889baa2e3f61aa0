//! Options of commands that use the weights of a run; and what is told of settings that are not the run's.

use super::Failure;
use crate::train::evaluation_folder::SetApart;
use crate::train::run::{Session, UsedWeights};
use crate::train::run_folder::home;
use crate::train::used_run::{UsedRun, Wish};
use crate::train::{TestSetHash, checkpoint, tested_at};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use tch::Device;

/// Which run, which weights, which settings.
#[derive(clap::Args, Clone)]
pub struct UsedArgs {
    /// The folder of a run, or its run file (.ron)
    #[arg(value_name = "RUN")]
    pub file: PathBuf,
    /// Weights (safetensors), a run's folder, or `best`: those of the run's best test (default: the run's last checkpoint)
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Give a field of the run file, or a config of its model, another value than in training
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub sets: Vec<String>,
    /// Use --weights although they were trained with other settings
    #[arg(long)]
    pub other_settings: bool,
}

impl UsedArgs {
    /// The same for the library.
    pub fn wish(&self) -> Wish<'_> {
        Wish {
            file: &self.file,
            weights: self.weights.as_deref(),
            sets: &self.sets,
            other_settings: self.other_settings,
        }
    }

    /// The run made ready to compute; says what the user has to know of its settings.
    pub fn open(&self, device: Device) -> Result<(Session, UsedRun), Failure> {
        let (session, used) = Session::to_use(&self.wish(), device)?;
        for note in &used.notes {
            eprintln!("note: {note}");
        }
        Ok((session, used))
    }
}

/// Names settings that are not those with which the weights were trained.
pub fn tell_other(used: &UsedRun) {
    if used.other.is_empty() {
        return;
    }
    eprintln!("note: with other settings than the weights were trained with:");
    for other in &used.other {
        let shown = |value: &Option<String>| value.clone().unwrap_or("not set".to_owned());
        eprintln!("  {}: {}, and {} in training", other.setting, shown(&other.now), shown(&other.before));
    }
}

/// What sets an evaluation apart from the test of the finished run.
pub fn set_apart(used: &UsedRun, found: &UsedWeights) -> SetApart {
    let state = checkpoint::peek(&used.folder.join(checkpoint::FOLDER)).ok();
    let done = state.as_ref().map(|state| state.step);
    // A run that has ended early says so in its test.
    let finished = state.is_some_and(|state| state.step >= state.total)
        || done.is_some() && tested_at(&used.folder) == done;
    let here =
        home(&found.path).is_some_and(|home| home.canonicalize().ok() == used.folder.canonicalize().ok());
    let weights = match (found.own, here, found.step) {
        (true, ..) if finished => None,
        (_, true, Some(step)) => Some(format!("step {step}")),
        (true, ..) => done.map(|step| format!("step {step}")),
        _ => Some(format!("weights {}", found.sha256.get(..8).unwrap_or_default())),
    };
    SetApart { weights, settings: used.other.clone() }
}

/// What is to be known of an evaluation beside its results.
pub fn facts(session: &Session, found: &UsedWeights, apart: &SetApart) -> Map<String, Value> {
    let device = format!("{:?}", session.device).to_lowercase();
    let facts = [
        ("weights", json!(found.path)),
        ("sha256", json!(found.sha256)),
        ("step", json!(found.step)),
        ("settings", apart.json()),
        ("test_set", json!(TestSetHash::of(session.data.as_ref()))),
        ("seed", json!(session.run.run.seed)),
        ("totc", json!(env!("CARGO_PKG_VERSION"))),
        ("device", json!(device)),
        ("threads", json!(tch::get_num_threads())),
    ];
    facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect()
}
