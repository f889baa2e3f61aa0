//! `metrics.jsonl`: takes records, appends one line of JSON for each; on resume drops what lies beyond the resumed
//! step; never rounds a number.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::appending::Appending;

/// What a record measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsKind {
    /// Means over the training steps since the record before.
    #[default]
    Train,
    /// A test on held-out examples.
    Test,
}

/// One line of the log. Numbers that are not finite are written as `null`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsRecord {
    /// What it measured.
    pub kind: MetricsKind,
    /// Steps done, from 1.
    pub step: u64,
    /// Wall-clock seconds of training and tests, over all sessions of the run.
    pub seconds: f64,
    /// Base learning rate.
    pub lr: f64,
    /// Losses by name; `total` is their sum.
    #[serde(serialize_with = "by_name", deserialize_with = "with_gaps")]
    pub losses: IndexMap<String, f64>,
    /// Metrics by name.
    #[serde(serialize_with = "by_name", deserialize_with = "with_gaps")]
    pub metrics: IndexMap<String, f64>,
    /// Supervision steps per example.
    pub steps_used: Option<f64>,
    /// Joint norm of the gradients before clipping; none of a test.
    pub gradient_norm: Option<f64>,
    /// Of a test: how it was tested, as `all steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Of a test: labelled test examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<usize>,
    /// When it was written, as RFC 3339 in UTC. Absent in logs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Rows of the batch per second of training steps since the record before; of a test, examples per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_per_second: Option<f64>,
    /// Memory of the process that is in use (resident); that of a GPU is not in it. Absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

fn by_name<S: Serializer>(values: &IndexMap<String, f64>, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(values.len()))?;
    for (name, value) in values {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// The other way round: `null` was a number that is not finite.
fn with_gaps<'de, D: Deserializer<'de>>(from: D) -> Result<IndexMap<String, f64>, D::Error> {
    let values = IndexMap::<String, Option<f64>>::deserialize(from)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

/// What can go wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system says no.
    #[error("cannot {doing} `{}`: {cause}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// A line that totc did not write.
    #[error("`{}`, line {line} is no record of metrics; move the file away to go on without it", path.display())]
    Foreign { path: PathBuf, line: usize },
    /// A number or name that JSON cannot hold.
    #[error("a record cannot be written as JSON: {cause}")]
    Json {
        #[from]
        cause: serde_json::Error,
    },
}

/// An open log.
#[derive(Debug)]
pub struct MetricsLog {
    file: Appending,
}

impl MetricsLog {
    /// The name of the file in a run's folder.
    pub const NAME: &'static str = "metrics.jsonl";

    /// An empty log in `folder`, for a run that starts anew.
    pub fn create(folder: &Path) -> Result<MetricsLog, LogError> {
        let path = folder.join(Self::NAME);
        let file = File::create(&path).map_err(|cause| LogError::File {
            doing: "create",
            path: path.clone(),
            cause,
        })?;
        Ok(MetricsLog { file: Appending::to(path, file) })
    }

    /// The log in `folder`, cut after the records of step `step`; a line that was cut off by a crash goes too. A
    /// missing file is made anew.
    pub fn resume(folder: &Path, step: u64) -> Result<MetricsLog, LogError> {
        let path = folder.join(Self::NAME);
        let failed = |doing: &'static str| {
            let path = path.clone();
            move |cause| LogError::File { doing, path, cause }
        };
        if !path.exists() {
            return Self::create(folder);
        }
        let bytes = std::fs::read(&path).map_err(failed("read"))?;
        let keep =
            length_up_to(&bytes, step).map_err(|line| LogError::Foreign { path: path.clone(), line })?;
        let file = OpenOptions::new().append(true).open(&path).map_err(failed("open"))?;
        file.set_len(keep as u64).map_err(failed("shorten"))?;
        Ok(MetricsLog { file: Appending::to(path, file) })
    }

    /// All whole records in `folder`, in order; none if it has no log. A last line that a crash cut off is left out.
    pub fn read(folder: &Path) -> Result<Vec<MetricsRecord>, LogError> {
        let path = folder.join(Self::NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(LogError::File { doing: "read", path, cause }),
        };
        // A last line that is still being written is left out.
        let whole = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let read = |(number, line): (usize, &[u8])| {
            serde_json::from_slice(line)
                .map_err(|_| LogError::Foreign { path: path.clone(), line: number + 1 })
        };
        whole.enumerate().map(read).collect()
    }

    /// Adds a record; it is in the file when this returns. What could not be written before is written first; what cannot
    /// be written now waits for the next call.
    pub fn append(&mut self, record: &MetricsRecord) -> Result<(), LogError> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let result = self.file.append(&line);
        result.map_err(|cause| LogError::File { doing: "write", path: self.file.path().to_owned(), cause })
    }

    /// Brings what was written to the disk, so that a loss of power leaves the lines of the checkpoint that follows.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn sync(&self) -> Result<(), LogError> {
        let path = self.file.path();
        self.file.sync().map_err(|cause| LogError::File { doing: "write", path: path.to_owned(), cause })
    }

    /// Whether records are still to be written.
    pub fn waits(&self) -> bool {
        self.file.waits()
    }
}

/// Wall-clock seconds of a run by its log. A log of an earlier totc counts every session from 0.
pub fn total_seconds(records: &[MetricsRecord]) -> f64 {
    let mut total = 0.0;
    let mut last = 0.0;
    for record in records {
        if record.seconds < last {
            total += last;
        }
        last = record.seconds;
    }
    total + last
}

/// All that resuming needs to know of a line.
#[derive(Deserialize)]
struct Stamp {
    step: u64,
}

/// Bytes of the whole lines up to and including `step`, or the number of a line that is no record.
fn length_up_to(bytes: &[u8], step: u64) -> Result<usize, usize> {
    let mut length = 0;
    for (number, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        match serde_json::from_slice::<Stamp>(line) {
            Ok(stamp) if stamp.step > step => break,
            Ok(_) => length += line.len(),
            Err(_) => return Err(number + 1),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn record(step: u64) -> MetricsRecord {
        let losses = IndexMap::from([("total".to_owned(), 0.1 + 0.2), ("broken".to_owned(), f64::NAN)]);
        MetricsRecord { step, lr: 1e-4, losses, steps_used: Some(4.5), ..MetricsRecord::default() }
    }

    fn text(folder: &Path) -> String {
        std::fs::read_to_string(folder.join(MetricsLog::NAME)).unwrap_or_default()
    }

    #[test]
    fn resuming_cuts_after_the_step_and_goes_on() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut log = MetricsLog::create(folder.path())?;
        for step in [10, 20, 30] {
            log.append(&record(step))?;
        }
        assert_eq!(text(folder.path()).lines().count(), 3);
        let mut torn = OpenOptions::new().append(true).open(folder.path().join(MetricsLog::NAME))?;
        torn.write_all(b"{\"kind\":\"tra")?;
        let mut log = MetricsLog::resume(folder.path(), 20)?;
        log.append(&MetricsRecord { kind: MetricsKind::Test, ..record(21) })?;
        let kept: Vec<u64> = text(folder.path())
            .lines()
            .map(|line| serde_json::from_str::<Stamp>(line).map(|stamp| stamp.step))
            .collect::<Result<_, _>>()?;
        assert_eq!(kept, [10, 20, 21]);
        Ok(())
    }

    #[test]
    fn what_was_written_is_read() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        assert_eq!(MetricsLog::read(folder.path())?, []);
        let mut log = MetricsLog::create(folder.path())?;
        log.append(&record(10))?;
        log.append(&MetricsRecord { kind: MetricsKind::Test, ..record(20) })?;
        std::fs::write(
            folder.path().join(MetricsLog::NAME),
            text(folder.path()) + "{\"kind\":\"test\",\"st",
        )?;
        let read = MetricsLog::read(folder.path())?;
        assert_eq!(
            read.iter().map(|line| (line.kind, line.step)).collect::<Vec<_>>(),
            [(MetricsKind::Train, 10), (MetricsKind::Test, 20)]
        );
        assert_eq!(read[1].losses["total"], 0.1 + 0.2);
        assert!(read[1].losses["broken"].is_nan());
        Ok(())
    }

    #[test]
    fn a_torn_line_goes_and_a_missing_file_is_made() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        MetricsLog::resume(folder.path(), 5)?.append(&record(1))?;
        let whole = text(folder.path());
        std::fs::write(folder.path().join(MetricsLog::NAME), format!("{whole}{}", whole.trim_end()))?;
        MetricsLog::resume(folder.path(), 5)?;
        assert_eq!(text(folder.path()), whole);
        Ok(())
    }

    #[test]
    fn a_foreign_file_is_left_alone() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let foreign = "step,loss\n1,2\n";
        std::fs::write(folder.path().join(MetricsLog::NAME), foreign)?;
        assert!(matches!(MetricsLog::resume(folder.path(), 5), Err(LogError::Foreign { line: 1, .. })));
        assert_eq!(text(folder.path()), foreign);
        Ok(())
    }

    #[test]
    fn what_could_not_be_written_is_written_once_it_can() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut log = MetricsLog::create(folder.path())?;
        log.append(&record(1))?;
        // A file that is only read from takes nothing, as a full disk.
        let good = log.file.replace(File::open(folder.path().join(MetricsLog::NAME))?);
        assert!(log.append(&record(2)).is_err() && log.append(&record(3)).is_err() && log.waits());
        log.file.replace(good);
        log.append(&record(4))?;
        assert!(!log.waits());
        let steps: Vec<u64> = MetricsLog::read(folder.path())?.iter().map(|record| record.step).collect();
        assert_eq!(steps, [1, 2, 3, 4]);
        Ok(())
    }

    #[test]
    fn numbers_are_written_in_full() -> Result<(), serde_json::Error> {
        let line = serde_json::to_string(&record(7))?;
        insta::assert_snapshot!(line, @r#"{"kind":"train","step":7,"seconds":0.0,"lr":0.0001,"losses":{"total":0.30000000000000004,"broken":null},"metrics":{},"steps_used":4.5,"gradient_norm":null}"#);
        Ok(())
    }
}
