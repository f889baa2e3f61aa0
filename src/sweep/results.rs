//! What one run of a sweep came to: takes its folder, gives its state and its numbers.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use crate::compare::latency;
use crate::statistics;
use crate::train::{Identity, MetricsKind, MetricsLog, tested_at, total_seconds};

/// The file that says why a run failed.
pub const CAUSE: &str = "failed.txt";

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "about")]
pub enum State {
    /// Nothing is there yet.
    NotStarted,
    /// Steps done and in all; none saved yet is 0.
    Begun(u64, u64),
    /// All its steps are done, or it has ended early.
    Finished,
    /// Why.
    Failed(String),
}

/// One variant with one seed.
#[derive(Clone, Debug, Serialize)]
pub struct RunResult {
    /// Seed of the run.
    pub seed: u64,
    /// Its folder.
    pub folder: PathBuf,
    /// How far it has come.
    #[serde(flatten)]
    pub state: State,
    /// Of the last test of a finished run.
    pub metrics: IndexMap<String, f64>,
    /// Supervision steps per puzzle at that test.
    pub steps_used: Option<f64>,
    /// Training steps done.
    pub steps: u64,
    /// Wall-clock seconds of training and tests, over all resumes.
    pub seconds: f64,
    /// Numbers that the main optimiser learns.
    pub parameters: Option<u64>,
    /// `latency.json`.
    pub latency: Option<Value>,
}

/// One variant: a line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What the variant is called.
    pub label: String,
    /// One per seed.
    pub runs: Vec<RunResult>,
    /// Why the variant cannot be run at all.
    pub problem: Option<String>,
}

/// Reads the folder of a run.
///
/// # Errors
/// A sentence for files that totc did not write.
pub fn read_run(folder: &Path, seed: u64) -> Result<RunResult, String> {
    let records = MetricsLog::read(folder).map_err(|error| error.to_string())?;
    let run_state = std::fs::read_to_string(folder.join("checkpoint/state.json")).ok();
    let run_state: Option<Value> = run_state.and_then(|text| serde_json::from_str(&text).ok());
    let counted = |name: &str| run_state.as_ref()?.get(name)?.as_u64();
    let identity = Identity::read(folder)?;
    let failed = std::fs::read_to_string(folder.join(CAUSE)).ok();
    let ended = tested_at(folder);
    let state = match (counted("step"), counted("total"), failed) {
        (_, _, Some(cause)) => State::Failed(cause.trim().to_owned()),
        (Some(step), Some(total), None) if step >= total || ended == Some(step) => State::Finished,
        (Some(step), Some(total), None) => State::Begun(step, total),
        _ if identity.is_some() => State::Begun(0, 0),
        _ => State::NotStarted,
    };
    let last = records.iter().rev().find(|record| record.kind == MetricsKind::Test);
    let last = last.filter(|record| state == State::Finished && Some(record.step) == counted("step"));
    Ok(RunResult {
        seed,
        folder: folder.to_owned(),
        metrics: last.map(|record| record.metrics.clone()).unwrap_or_default(),
        steps_used: last.and_then(|record| record.steps_used),
        steps: counted("step").unwrap_or(0),
        seconds: total_seconds(&records),
        parameters: identity.and_then(|identity| identity.about).map(|about| about.parameters),
        latency: latency(folder),
        state,
    })
}

impl RunResult {
    /// A number of `latency.json`, such as `all_steps`, `mean_ms`.
    pub fn measured(&self, part: &str, name: &str) -> Option<f64> {
        self.latency.as_ref()?.get(part)?.get(name)?.as_f64()
    }

    /// The most memory of the process that measured latency, in MiB.
    pub fn memory(&self) -> Option<f64> {
        self.latency.as_ref()?.get("peak_memory_mib")?.as_f64()
    }
}

/// Mean over the finished runs of a line, and their sample standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean over seeds.
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1); none of a single seed.
    pub deviation: Option<f64>,
}

impl Line {
    /// Its runs that are done.
    pub fn finished(&self) -> impl Iterator<Item = &RunResult> {
        self.runs.iter().filter(|run| run.state == State::Finished)
    }

    /// Of what each finished run gives, if any gives it.
    pub fn spread(&self, of: impl Fn(&RunResult) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.finished().filter_map(of).collect();
        (!values.is_empty())
            .then(|| Spread { mean: statistics::mean(&values), deviation: statistics::deviation(&values) })
    }

    /// What is not as it should be, in a few words; nothing where all runs are finished.
    pub fn remark(&self) -> String {
        if let Some(problem) = &self.problem {
            return format!("failed: {problem}");
        }
        let causes: Vec<&State> = self.runs.iter().map(|run| &run.state).collect();
        if let [State::Failed(cause), others @ ..] = causes.as_slice()
            && others.iter().all(|other| matches!(other, State::Failed(same) if same == cause))
        {
            return format!("failed: {cause}");
        }
        let mut remarks: Vec<String> = Vec::new();
        for run in &self.runs {
            let remark = match &run.state {
                State::Finished => continue,
                State::NotStarted => "not started".to_owned(),
                State::Begun(0, _) => "begun".to_owned(),
                State::Begun(step, total) => format!("step {step} of {total}"),
                State::Failed(cause) => format!("failed: {cause}"),
            };
            let remark = if self.runs.len() > 1 { format!("seed {} {remark}", run.seed) } else { remark };
            remarks.push(remark);
        }
        remarks.join("; ")
    }
}
