//! What a run has left behind: takes its folder, gives settings, tests, curves and answers puzzle by puzzle; judges
//! nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value;

use crate::run_file;
use crate::train::{About, Identity, MetricsKind, MetricsLog, MetricsRecord, PUZZLES, total_seconds};

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
        Ok(RunRecord {
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

    /// The last test.
    pub fn last_test(&self) -> Option<&MetricsRecord> {
        self.tests.last()
    }

    /// Which test puzzles: equal texts for equal puzzles.
    pub fn test_set(&self) -> String {
        match &self.about {
            Some(about) => format!("{} puzzles, {}", about.test.examples, about.test.hash),
            None => self.settings.get("data").cloned().unwrap_or_default(),
        }
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
