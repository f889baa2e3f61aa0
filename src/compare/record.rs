//! What a run has left behind: takes its folder, gives settings, tests, curves and answers puzzle by puzzle; judges
//! nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value;

use crate::run_file;
use crate::train::evaluation_folder::EVALUATIONS;
use crate::train::{
    About, FinalTest, Identity, MetricsKind, MetricsLog, MetricsRecord, PUZZLES, total_seconds,
};

/// One run, as its folder tells it.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// The folder as the user named it.
    pub name: String,
    /// The folder itself.
    pub folder: PathBuf,
    /// Every setting that can change a result, by dotted name.
    pub settings: BTreeMap<String, String>,
    /// What `run.json` tells of it.
    pub about: Option<About>,
    /// Tests on held-out puzzles, in order.
    pub tests: Vec<MetricsRecord>,
    /// Means over stretches of training, in order.
    pub training: Vec<MetricsRecord>,
    /// Wall-clock seconds, over all resumes.
    pub seconds: f64,
    /// The last test, puzzle by puzzle.
    pub puzzles: Option<Puzzles>,
    /// What `totc eval --latency` measured.
    pub latency: Option<Value>,
    /// How the results were found: the protocol of the last test, or of the evaluation that was chosen, with settings and
    /// weights that are not the run's.
    pub protocol: String,
    /// The evaluation in place of the run's last test, if one was chosen.
    pub evaluation: Option<MetricsRecord>,
}

/// `puzzles.csv`: one line per labelled test example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Puzzles {
    /// Place in the test set, ascending.
    pub index: Vec<u64>,
    /// Numbers by column: the metrics, and `steps`.
    pub columns: IndexMap<String, Vec<f64>>,
}

/// Columns of `puzzles.csv` that are no results.
const DESCRIPTIVE: &[&str] = &["index", "rating", "halted"];
/// The file of measured latencies.
pub const LATENCY: &str = "latency.json";

/// What stands in the way of reading a run.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No log lies in the folder.
    #[error("`{}` is not the folder of a run: it holds no {}; give the folder that `totc run` wrote", .0.display(), MetricsLog::NAME)]
    NoRun(PathBuf),
    /// The log holds no test.
    #[error("`{}` has not been tested yet: its {} holds no test; let the run end, or set `evaluation.every`", .0.display(), MetricsLog::NAME)]
    NoTest(PathBuf),
    /// A file that totc did not write, in a sentence.
    #[error("{0}")]
    Broken(String),
}

impl RunRecord {
    /// Reads the folder of a run, with the evaluation called `name` (`all-steps,8-views-by-vote`) in place of its last test;
    /// or the folder of such an evaluation.
    ///
    /// # Errors
    /// As [`RunRecord::read`], and a run without such an evaluation.
    pub fn read_evaluation(folder: &Path, name: Option<&str>) -> Result<RunRecord, RecordError> {
        let parent = folder.parent().filter(|parent| parent.ends_with(EVALUATIONS));
        if let (Some(run), None) = (parent.and_then(Path::parent), name) {
            let record = RunRecord::read(run)?.at(folder)?;
            return Ok(RunRecord {
                name: folder.display().to_string().trim_end_matches('/').to_owned(),
                ..record
            });
        }
        match name {
            Some(name) => RunRecord::read(folder)?.at(&folder.join(EVALUATIONS).join(name)),
            None => RunRecord::read(folder),
        }
    }

    /// The same run with the results of the evaluation in `folder`.
    fn at(self, folder: &Path) -> Result<RunRecord, RecordError> {
        let path = folder.join(FinalTest::NAME);
        let text = std::fs::read_to_string(&path).map_err(|_| self.no_evaluation(folder))?;
        let broken = |what: String| RecordError::Broken(format!("{}: {what}", path.display()));
        let found: Value = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        let means = |name: &str| -> IndexMap<String, f64> {
            let means = found[name].as_object().into_iter().flatten();
            means.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
        };
        let evaluation = MetricsRecord {
            kind: MetricsKind::Test,
            step: found["step"].as_u64().or_else(|| self.tests.last().map(|test| test.step)).unwrap_or(0),
            metrics: means("metrics"),
            losses: means("losses"),
            steps_used: found["steps_used"].as_f64(),
            ..MetricsRecord::default()
        };
        // The name of the folder says settings and weights too.
        let protocol = match folder.file_name() {
            Some(name) => name.to_string_lossy().replace(',', ", "),
            None => found["protocol"].as_str().unwrap_or_default().to_owned(),
        };
        let puzzles = Puzzles::read(&folder.join(PUZZLES)).map_err(RecordError::Broken)?;
        Ok(RunRecord { puzzles, protocol, evaluation: Some(evaluation), ..self })
    }

    fn no_evaluation(&self, folder: &Path) -> RecordError {
        let there = std::fs::read_dir(self.folder.join(EVALUATIONS)).into_iter().flatten().flatten();
        let mut there: Vec<String> =
            there.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        there.sort();
        let there = match there.is_empty() {
            true => "it has none".to_owned(),
            false => format!("it has {}", there.join(" and ")),
        };
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        RecordError::Broken(format!(
            "`{}` has no evaluation `{name}`: {there}; `totc eval` makes them",
            self.name
        ))
    }

    /// Reads the folder of a run.
    ///
    /// # Errors
    /// For a folder without a run or without a test, and for files that totc did not write.
    pub fn read(folder: &Path) -> Result<RunRecord, RecordError> {
        if !folder.join(MetricsLog::NAME).exists() {
            return Err(RecordError::NoRun(folder.to_owned()));
        }
        let broken = |error: &dyn std::fmt::Display| RecordError::Broken(error.to_string());
        let records = MetricsLog::read(folder).map_err(|error| broken(&error))?;
        let seconds = total_seconds(&records);
        let (tests, training): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.kind == MetricsKind::Test);
        if tests.is_empty() {
            return Err(RecordError::NoTest(folder.to_owned()));
        }
        let identity = Identity::read(folder).map_err(RecordError::Broken)?;
        let protocol = tests.last().map(protocol).unwrap_or_default();
        Ok(RunRecord {
            protocol,
            evaluation: None,
            name: folder.display().to_string().trim_end_matches('/').to_owned(),
            folder: folder.to_owned(),
            settings: settings(folder, identity.as_ref()),
            about: identity.and_then(|identity| identity.about),
            tests,
            training,
            seconds,
            puzzles: Puzzles::read(&folder.join(PUZZLES)).map_err(RecordError::Broken)?,
            latency: latency(folder),
        })
    }

    /// The last test, or the evaluation that was chosen.
    pub fn last_test(&self) -> Option<&MetricsRecord> {
        self.evaluation.as_ref().or(self.tests.last())
    }

    /// Which test puzzles: equal texts for equal puzzles.
    pub fn test_set(&self) -> String {
        match &self.about {
            Some(about) => format!("{} puzzles, {}", about.test.examples, about.test.hash),
            None => self.settings.get("data").cloned().unwrap_or_default(),
        }
    }
}

/// How a test was done, as it is compared with others. Earlier versions did not note it.
fn protocol(test: &MetricsRecord) -> String {
    match (&test.protocol, test.examples) {
        (Some(protocol), Some(examples)) => format!("{protocol}, {examples} examples"),
        (Some(protocol), None) => protocol.clone(),
        (None, _) => "not noted".to_owned(),
    }
}

/// What `totc eval --latency` has left in a run's folder.
pub fn latency(folder: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder.join(LATENCY)).ok()?).ok()
}

/// The settings of the run file in effect, or what `run.json` keeps of them.
fn settings(folder: &Path, identity: Option<&Identity>) -> BTreeMap<String, String> {
    let path = folder.join("run.ron");
    let mut settings = match run_file::load(&path) {
        Ok(file) => file.all_settings(),
        Err(_) => identity.map(|identity| identity.settings.values().clone()).unwrap_or_default(),
    };
    if let Some(about) = identity.and_then(|identity| identity.about.as_ref()) {
        settings.insert("model".to_owned(), about.model.clone());
        settings.remove("name");
    }
    settings
}

impl Puzzles {
    /// Reads the file; `None` if there is none.
    ///
    /// # Errors
    /// A sentence with file and line.
    pub fn read(path: &Path) -> Result<Option<Puzzles>, String> {
        if !path.exists() {
            return Ok(None);
        }
        let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let mut reader = csv::Reader::from_path(path).map_err(|error| failed(&error))?;
        let header = reader.headers().map_err(|error| failed(&error))?.clone();
        let mut puzzles = Puzzles::default();
        for name in header.iter().filter(|name| !DESCRIPTIVE.contains(name)) {
            puzzles.columns.insert(name.to_owned(), Vec::new());
        }
        for (number, line) in reader.records().enumerate() {
            let line = line.map_err(|error| failed(&error))?;
            for (name, text) in header.iter().zip(&line) {
                let wrong = || failed(&format!("line {}: `{name}` is `{text}`, no number", number + 2));
                if name == "index" {
                    puzzles.index.push(text.parse().map_err(|_| wrong())?);
                } else if let Some(column) = puzzles.columns.get_mut(name) {
                    column.push(text.parse().map_err(|_| wrong())?);
                }
            }
        }
        if puzzles.index.is_empty() {
            return Err(failed(&"it names no puzzle; test the run again"));
        }
        if !puzzles.index.is_sorted() {
            let mut order: Vec<usize> = (0..puzzles.index.len()).collect();
            order.sort_by_key(|at| puzzles.index[*at]);
            puzzles = puzzles.at(&order);
        }
        Ok(Some(puzzles))
    }

    /// Only the puzzles at these places, which must be ascending.
    pub fn only(&self, wanted: &[u64]) -> Puzzles {
        let keep: Vec<usize> =
            wanted.iter().filter_map(|index| self.index.binary_search(index).ok()).collect();
        self.at(&keep)
    }

    fn at(&self, places: &[usize]) -> Puzzles {
        let column = |values: &Vec<f64>| places.iter().filter_map(|at| values.get(*at)).copied().collect();
        Puzzles {
            index: places.iter().filter_map(|at| self.index.get(*at)).copied().collect(),
            columns: self.columns.iter().map(|(name, values)| (name.clone(), column(values))).collect(),
        }
    }
}
