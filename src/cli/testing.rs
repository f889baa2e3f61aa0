//! What `run` and `eval` share when a model is tested for good: both protocols, their files, their text and JSON.

use super::Failure;
use super::arc::ArcTest;
use crate::data::Dataset;
use crate::exec::Weights;
use crate::ir::WeightInfo;
use crate::report::{Named, evaluation_json, evaluation_text, speed_up_json, write_puzzles};
use crate::train::{ArcWitness, EvaluationReport, Protocol, Stop, TrainError, Witness};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The evaluations of one model: the one that counts, then the other protocol where it was wanted.
pub struct Tests {
    reports: Vec<(&'static str, EvaluationReport)>,
    /// Of each report, where the data are tasks of ARC.
    arc: Vec<ArcTest>,
    rating: String,
}

/// Which protocols to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one that the run file names, and the other beside it.
    Both,
    /// The one that the run file names.
    One,
}

/// The file beside a run's checkpoints.
pub(super) const FILE: &str = "evaluation.json";

impl Tests {
    /// Tests by `protocol`, and by the other way of stopping if both are wanted and the model can stop early.
    pub fn run(
        protocol: &Protocol,
        which: Which,
        data: &dyn Dataset,
        stops: bool,
        test: impl Fn(&Protocol, Option<&mut dyn Witness>) -> Result<EvaluationReport, TrainError>,
    ) -> Result<Tests, Failure> {
        let other = match protocol.stop {
            Stop::AllSteps => Stop::Halting,
            Stop::Halting => Stop::AllSteps,
        };
        let stops: Vec<Stop> = match which == Which::Both && (stops || protocol.threshold.is_some()) {
            true => vec![protocol.stop, other],
            false => vec![protocol.stop],
        };
        let (mut reports, mut arc) = (Vec::new(), Vec::new());
        for stop in stops {
            let name = match stop {
                Stop::AllSteps => "all steps",
                Stop::Halting => "stop when sure",
            };
            let mut votes = data.arc().map(ArcWitness::new);
            let witness = votes.as_mut().map(|votes| votes as &mut dyn Witness);
            let report = test(&Protocol { stop, ..*protocol }, witness);
            reports.push((name, report.map_err(|error| Failure::World(error.to_string()))?));
            arc.extend(votes.map(|votes| ArcTest::new(votes.finish(), protocol.examples)));
        }
        Ok(Tests { reports, arc, rating: data.rating_name().to_owned() })
    }

    /// Looks in the weights for reasons not to trust ARC's score; `warning` is one that is known already.
    pub fn doubt(
        &mut self,
        data: &dyn Dataset,
        weights: &Weights,
        infos: &[WeightInfo],
        warning: Option<String>,
    ) -> Result<(), Failure> {
        if let (Some(test), Some(set)) = (self.arc.first_mut(), data.arc()) {
            test.look_at(set, weights, infos)?;
            test.warnings.extend(warning);
        }
        Ok(())
    }

    /// Writes ARC's score, and the submission to `file` or else into `folder`; gives the path of the latter, if the data
    /// are ARC's.
    pub fn write_arc(&self, folder: &Path, file: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
        self.arc.first().map(|test| test.write(folder, file)).transpose()
    }

    /// The evaluation that counts.
    pub fn first(&self) -> Option<&EvaluationReport> {
        self.reports.first().map(|(_, report)| report)
    }

    /// Writes `puzzles.csv` and `evaluation.json` of the evaluation that counts; gives the path of the former.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let world = |error: &dyn std::fmt::Display| {
            Failure::World(format!("cannot write `{}`: {error}", folder.join(FILE).display()))
        };
        let none = EvaluationReport::default();
        let puzzles = write_puzzles(folder, self.first().unwrap_or(&none))
            .map_err(|error| Failure::World(error.to_string()))?;
        let text = serde_json::to_string_pretty(&self.json()).map_err(|error| world(&error))?;
        let mut aside = tempfile::Builder::new()
            .prefix(".totc-evaluation-")
            .tempfile_in(folder)
            .map_err(|error| world(&error))?;
        aside.write_all(text.as_bytes()).map_err(|error| world(&error))?;
        aside.persist(folder.join(FILE)).map_err(|error| world(&error))?;
        Ok(puzzles)
    }

    /// The evaluation that counts, with the other beside it (`all_steps` or `stop_when_sure`) and what stopping early
    /// gains (`speed_up`).
    pub fn json(&self) -> serde_json::Value {
        let Some((name, first)) = self.reports.first() else { return serde_json::json!({}) };
        let mut all = evaluation_json(first, &self.rating);
        all["protocol"] = (*name).into();
        for (name, report) in self.reports.iter().skip(1) {
            all[name.replace(' ', "_")] = evaluation_json(report, &self.rating);
        }
        for (test, (name, _)) in self.arc.iter().zip(&self.reports) {
            let key = name.replace(' ', "_");
            match all.get_mut(&key) {
                Some(other) => other["arc"] = test.json(),
                None => all["arc"] = test.json(),
            }
        }
        let called = |wanted: &str| self.reports.iter().find(|(name, _)| *name == wanted).map(|(_, r)| r);
        if let (Some(every), Some(sure)) = (called("all steps"), called("stop when sure")) {
            all["speed_up"] = speed_up_json(every, sure);
        }
        all
    }

    /// What a person reads.
    pub fn text(&self) -> String {
        let named: Vec<Named> = self.reports.iter().map(|(name, report)| Named { name, report }).collect();
        let arc: Vec<(&str, &ArcTest)> = self.reports.iter().map(|(name, _)| *name).zip(&self.arc).collect();
        evaluation_text(&named, &self.rating) + &ArcTest::text(&arc)
    }
}

/// More thinking at test time, as options of a command; what is not given stands in the run file.
#[derive(clap::Args, Clone, Default)]
pub struct Thinking {
    /// Answer each example (or each view of it) so many times; the model must draw noise (models/ptrm.tot)
    #[arg(long, value_name = "K")]
    pub rollouts: Option<usize>,
    /// Answer so many symmetric views of each example
    #[arg(long, value_name = "K")]
    pub views: Option<usize>,
    /// Which of the answers counts: confidence, residual or vote
    #[arg(long, value_name = "WAY", value_parser = way)]
    pub choose: Option<crate::train::Choose>,
}

fn way(text: &str) -> Result<crate::train::Choose, String> {
    use crate::train::Choose;
    match text {
        "confidence" => Ok(Choose::Confidence),
        "residual" => Ok(Choose::Residual),
        "vote" => Ok(Choose::Vote),
        _ => Err("choose by confidence, residual or vote".to_owned()),
    }
}

impl Thinking {
    /// The protocol with these options.
    pub fn on(&self, protocol: Protocol) -> Result<Protocol, Failure> {
        for (name, number) in [("rollouts", self.rollouts), ("views", self.views)] {
            if number == Some(0) {
                return Err(Failure::Usage(format!("--{name} takes 1 or more")));
            }
        }
        Ok(Protocol {
            rollouts: self.rollouts.unwrap_or(protocol.rollouts),
            views: self.views.unwrap_or(protocol.views),
            choose: self.choose.unwrap_or(protocol.choose),
            ..protocol
        })
    }
}
