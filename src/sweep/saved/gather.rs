//! What of a sweep is saved: takes the folders of its runs, gives the finished ones and says which are left out.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{FORMAT, FailedRun, FirstRecord, Saved, SavedMachine, SavedRun, SavedTests, SavedVariant};
use crate::compare::{Puzzles, RunRecord};
use crate::sweep::{Line, RunResult, State};
use crate::train::{Identity, TrainingSession, processor};

/// A run and what its folder tells.
struct Read<'a> {
    result: &'a RunResult,
    record: RunRecord,
    sessions: Vec<TrainingSession>,
}

/// Gathers the finished runs of a sweep. `flops`: of a training step of each line. The second list says what is left out,
/// and why.
///
/// # Errors
/// A sentence: no run is finished, or a folder holds what totc did not write.
pub fn gather(title: &str, lines: &[Line], flops: &[u64]) -> Result<(Saved, Vec<String>), String> {
    let mut left_out = Vec::new();
    let mut read: Vec<(&Line, u64, Vec<Read>)> = Vec::new();
    for (line, flops) in lines.iter().zip(flops) {
        if !line.remark().is_empty() {
            left_out.push(format!("{}: {}", line.label, line.remark()));
        }
        if line.problem.is_some() {
            continue;
        }
        let runs = line.finished().map(one).collect::<Result<Vec<Read>, String>>()?;
        if !runs.is_empty() {
            read.push((line, *flops, runs));
        }
    }
    let binary = right_or_wrong(read.iter().flat_map(|(_, _, runs)| runs));
    let mut machines = Vec::new();
    let mut variants = Vec::new();
    for (line, flops, runs) in &read {
        let Some(first) = runs.first().map(|run| &run.record) else { continue };
        let Some(about) = first.about.clone() else {
            return Err(format!(
                "{}: its {} does not say what the run is about; train it again",
                first.name,
                Identity::NAME
            ));
        };
        let mut settings = first.settings.clone();
        settings.remove("seed");
        let runs = runs.iter().map(|run| run.saved(&binary, &mut machines)).collect::<Result<_, String>>()?;
        let (label, protocol) = (line.label.clone(), first.protocol.clone());
        variants.push(SavedVariant { label, flops: *flops, settings, protocol, about, runs });
    }
    if variants.is_empty() {
        return Err(
            "no run is finished, so there is nothing to save; `totc sweep FILE` trains them".to_owned()
        );
    }
    let settings = shared(&mut variants);
    let failed = lines.iter().flat_map(|line| {
        let failed = line.runs.iter().filter(|run| matches!(run.state, State::Failed(_)));
        failed.map(|run| FailedRun { label: line.label.clone(), seed: run.seed })
    });
    let (title, failed) = (title.to_owned(), failed.collect());
    Ok((Saved { format: FORMAT, title, machines, settings, variants, failed }, left_out))
}

fn one(result: &RunResult) -> Result<Read<'_>, String> {
    let record = RunRecord::read(&result.folder).map_err(|error| error.to_string())?;
    let sessions = Identity::read(&result.folder)?.map(|identity| identity.sessions).unwrap_or_default();
    Ok(Read { result, record, sessions })
}

/// Metrics that are 0 or 1 on every puzzle of every run.
fn right_or_wrong<'a>(runs: impl Iterator<Item = &'a Read<'a>>) -> Vec<String> {
    let mut binary: IndexMap<&String, bool> = IndexMap::new();
    for puzzles in runs.filter_map(|run| run.record.puzzles.as_ref()) {
        for (name, values) in &puzzles.columns {
            let so_far = binary.entry(name).or_insert(true);
            *so_far &= values.iter().all(|value| *value == 0.0 || *value == 1.0);
        }
    }
    binary.into_iter().filter(|(_, binary)| *binary).map(|(name, _)| name.clone()).collect()
}

impl Read<'_> {
    fn saved(&self, binary: &[String], machines: &mut Vec<SavedMachine>) -> Result<SavedRun, String> {
        let broken = |what: &str| format!("{}: {what}; train the run again", self.record.name);
        let first = self.record.training.first().ok_or_else(|| broken("its log holds no training step"))?;
        let bits = |puzzles: &Puzzles, name: &String| -> Option<String> {
            Some(
                puzzles
                    .columns
                    .get(name)?
                    .iter()
                    .map(|value| if *value == 1.0 { '1' } else { '0' })
                    .collect(),
            )
        };
        let right =
            self.record.puzzles.iter().flat_map(|puzzles| {
                binary.iter().filter_map(|name| Some((name.clone(), bits(puzzles, name)?)))
            });
        let mut places = Vec::new();
        for session in &self.sessions {
            let machine = machine(session);
            let place = machines.iter().position(|known| *known == machine).unwrap_or_else(|| {
                machines.push(machine);
                machines.len() - 1
            });
            if !places.contains(&place) {
                places.push(place);
            }
        }
        Ok(SavedRun {
            seed: self.result.seed,
            steps: self.result.steps,
            seconds: self.record.seconds,
            machines: places,
            first: FirstRecord {
                step: first.step,
                losses: first.losses.clone(),
                gradient_norm: first.gradient_norm,
            },
            tests: SavedTests::of(&self.record.tests),
            right: right.collect(),
        })
    }
}

fn machine(session: &TrainingSession) -> SavedMachine {
    // Earlier versions did not note the kind. A machine described as this one is taken for one like it.
    let kind = match session.kind.is_empty() && session.machine == processor::name() {
        true => processor::kind(),
        false => session.kind.clone(),
    };
    let TrainingSession { machine, device, threads, totc, libtorch, .. } = session.clone();
    SavedMachine { machine, kind, device, threads, totc, libtorch }
}

/// Takes the settings that all variants share out of theirs.
fn shared(variants: &mut [SavedVariant]) -> BTreeMap<String, String> {
    let Some((first, others)) = variants.split_first() else { return BTreeMap::new() };
    let mut shared = first.settings.clone();
    shared.retain(|name, value| others.iter().all(|other| other.settings.get(name) == Some(value)));
    for variant in variants {
        variant.settings.retain(|name, _| !shared.contains_key(name));
    }
    shared
}
