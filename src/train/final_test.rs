//! The test of a finished model: takes reports under one or both protocols, gives the files of a run's folder
//! (`evaluation.json`, `puzzles.csv`, and ARC's) and the same as JSON; tests nothing itself.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::arc_test::ArcTest;
use super::by_rating::by_rating;
use super::files::{FileError, write_whole};
use super::puzzles::write_puzzles;
use super::results::EvaluationReport;

/// The name under which all steps are run.
pub const ALL_STEPS: &str = "all steps";
/// The name under which each example stops as soon as it is sure.
pub const WHEN_SURE: &str = "stop when sure";

/// The evaluations of one model: the one that counts, then the other protocol where it was wanted.
#[derive(Clone, Debug, Default)]
pub struct FinalTest {
    /// Each report with the way it stops, [`ALL_STEPS`] or [`WHEN_SURE`].
    pub reports: Vec<(&'static str, EvaluationReport)>,
    /// Of each report, its whole protocol in words.
    pub names: Vec<String>,
    /// What else is to be known: the training steps, the weights, settings that are not the run's.
    pub facts: Map<String, Value>,
    /// Of each report, where the data are tasks of ARC; else empty.
    pub arc: Vec<ArcTest>,
    /// What the data set calls its ratings.
    pub rating: String,
}

/// Steps done before the final test that a run's folder holds; `None` without one, and of an earlier totc.
pub fn tested_at(folder: &Path) -> Option<u64> {
    let text = std::fs::read(folder.join(FinalTest::NAME)).ok()?;
    serde_json::from_slice::<Value>(&text).ok()?.get("step")?.as_u64()
}

impl FinalTest {
    /// The file's name in a run's folder.
    pub const NAME: &'static str = "evaluation.json";

    /// The evaluation that counts.
    pub fn first(&self) -> Option<&EvaluationReport> {
        self.reports.first().map(|(_, report)| report)
    }

    /// Writes `puzzles.csv` and `evaluation.json` of the evaluation that counts; gives the path of the former.
    ///
    /// # Errors
    /// A file that cannot be written; one that is there stays whole.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, FileError> {
        let none = EvaluationReport::default();
        let puzzles = write_puzzles(folder, self.first().unwrap_or(&none))?;
        let path = folder.join(Self::NAME);
        write_whole(&path, format!("{:#}\n", self.json()).as_bytes())?;
        Ok(puzzles)
    }

    /// Writes ARC's score, and the submission to `file` or else into `folder`; gives the path of the latter, if the data
    /// are ARC's.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_arc(&self, folder: &Path, file: Option<&Path>) -> Result<Option<PathBuf>, FileError> {
        self.arc.first().map(|test| test.write(folder, file)).transpose()
    }

    /// Each evaluation by itself.
    pub fn apart(&self) -> Vec<FinalTest> {
        let alone = |(at, report): (usize, &(&'static str, EvaluationReport))| FinalTest {
            reports: vec![report.clone()],
            names: self.names.get(at).cloned().into_iter().collect(),
            facts: self.facts.clone(),
            arc: self.arc.get(at).cloned().into_iter().collect(),
            rating: self.rating.clone(),
        };
        self.reports.iter().enumerate().map(alone).collect()
    }

    /// The evaluation that counts, with the other beside it (`all_steps` or `stop_when_sure`) and what stopping early
    /// gains (`speed_up`).
    pub fn json(&self) -> Value {
        let Some((name, first)) = self.reports.first() else { return json!({}) };
        let mut all = first.json(&self.rating);
        all["protocol"] = self.names.first().map_or(*name, String::as_str).into();
        for (name, fact) in &self.facts {
            all[name] = fact.clone();
        }
        for (name, report) in self.reports.iter().skip(1) {
            all[name.replace(' ', "_")] = report.json(&self.rating);
        }
        for (test, (name, _)) in self.arc.iter().zip(&self.reports) {
            let key = name.replace(' ', "_");
            match all.get_mut(&key) {
                Some(other) => other["arc"] = test.json(),
                None => all["arc"] = test.json(),
            }
        }
        let called = |wanted: &str| self.reports.iter().find(|(name, _)| *name == wanted).map(|(_, r)| r);
        if let (Some(every), Some(sure)) = (called(ALL_STEPS), called(WHEN_SURE)) {
            all["speed_up"] = speed_up(every, sure);
        }
        all
    }
}

impl EvaluationReport {
    /// Supervision steps computed per example, those of empty rows and unlabelled examples included.
    pub fn steps_computed(&self) -> f64 {
        self.row_steps as f64 / self.examples.max(1) as f64
    }

    /// Everything but the single puzzles; `rating` is what the data set calls its ratings.
    pub fn json(&self, rating: &str) -> Value {
        json!({
            "examples": self.examples,
            "metrics": self.metrics,
            "losses": self.losses,
            "by_step": self.by_step,
            "steps_used": self.steps,
            "steps_computed": self.steps_computed(),
            "steps_histogram": self.steps_histogram,
            "halted": self.halted,
            "halting_accuracy": self.halting_accuracy,
            "rating": rating,
            "by_rating": by_rating(self),
            "thinking": self.scaling,
            "seconds": self.seconds,
        })
    }
}

/// What stopping when sure gains over all steps: factors of steps and time, differences of metrics.
fn speed_up(all: &EvaluationReport, sure: &EvaluationReport) -> Value {
    let ratio = |one: f64, other: f64| if other > 0.0 { one / other } else { 1.0 };
    let change = |(name, value): (&String, &f64)| Some((name.clone(), sure.metrics.get(name)? - value));
    let changes: IndexMap<String, f64> = all.metrics.iter().filter_map(change).collect();
    json!({
        "fewer_steps": ratio(all.steps_computed(), sure.steps_computed()),
        "faster": ratio(all.seconds, sure.seconds),
        "change": changes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::results::{EXACT, PuzzleResult};

    fn report(steps: [usize; 4], seconds: f64) -> EvaluationReport {
        let puzzle = |index: usize| PuzzleResult {
            index,
            steps: steps[index],
            metrics: vec![1.0],
            ..PuzzleResult::default()
        };
        let report = EvaluationReport::over((0..4).map(puzzle).collect(), &[EXACT.to_owned()], &[], true);
        EvaluationReport { row_steps: steps.iter().sum::<usize>() as u64, seconds, ..report }
    }

    #[test]
    fn the_other_protocol_stands_beside_the_one_that_counts() {
        let reports = vec![(ALL_STEPS, report([4; 4], 2.0)), (WHEN_SURE, report([1, 1, 2, 4], 1.0))];
        let test = FinalTest { reports, rating: "guesses".to_owned(), ..FinalTest::default() };
        let json = test.json();
        assert_eq!((&json["protocol"], &json["steps_used"]), (&json!("all steps"), &json!(4.0)));
        assert_eq!(json["stop_when_sure"]["steps_used"], json!(2.0));
        assert_eq!(
            json["speed_up"],
            json!({ "fewer_steps": 2.0, "faster": 2.0, "change": { "exact": 0.0 } })
        );
    }
}
