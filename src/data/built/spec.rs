//! The data set `built`: takes settings that name folders, gives their examples as the reference's loader would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::dataset::Built;
use super::metadata::Metadata;
use super::part::{Part, Split};
use crate::data::arc::TestSet;
use crate::data::{DataError, Dataset, Source};

const NAME: &str = "built";

/// Settings of data sets that the scripts of HRM, TRM or ToTRM, or `totc data build`, wrote.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "built")]
pub struct BuiltSpec {
    /// The folders; each holds `train` and `test`.
    #[schemars(extend("x-unit" = "path", "x-example" = "[\"data/sudoku-extreme-1k-aug-1000\"]"))]
    pub paths: Vec<PathBuf>,
    /// Folders whose `test` is tested on; none: those of `paths`.
    #[serde(default)]
    #[schemars(extend("x-unit" = "path", "x-example" = "[\"data/other\"]"))]
    pub test_paths: Vec<PathBuf>,
    /// What puzzle identifiers of several folders mean.
    #[serde(default)]
    #[schemars(extend("x-example" = "apart"))]
    pub identifiers: Identifiers,
}

/// What puzzle identifiers of several folders mean. The reference adds up the numbers of identifiers but leaves the
/// identifiers themselves as they are written.
#[derive(
    schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Identifiers {
    /// As they are written; refused if one number has different names in two folders.
    #[default]
    Checked,
    /// As they are written, whatever their names.
    AsWritten,
    /// Those of each further folder are moved behind those of the folders before; the blank one stays.
    Apart,
}

/// What one folder adds to its identifiers, and where it begins.
struct Folder {
    path: PathBuf,
    shown: PathBuf,
    split: Split,
    metadata: Metadata,
    names: Vec<String>,
}

impl Source for BuiltSpec {
    fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DataError> {
        Ok(Box::new(self.read(base)?))
    }
}

impl BuiltSpec {
    /// Reads and checks all folders.
    pub fn read(&self, base: &Path) -> Result<Built, DataError> {
        if self.paths.is_empty() {
            return Err(DataError::Setting {
                data_set: NAME,
                setting: "paths",
                what: "no folder is given".to_owned(),
                fix: "name one, as in `built(paths: [\"data/sudoku\"])`".to_owned(),
            });
        }
        let tested = if self.test_paths.is_empty() { &self.paths } else { &self.test_paths };
        let train = folders(base, &self.paths, Split::Train)?;
        let test = folders(base, tested, Split::Test)?;
        let first = &train[0];
        for other in train.iter().chain(&test).skip(1) {
            agree(first, other)?;
        }
        let names = self.names(&train, &test)?;
        let shift = |folder: &Path| match self.identifiers {
            Identifiers::Checked | Identifiers::AsWritten => 0,
            Identifiers::Apart => {
                let before = train.iter().take_while(|other| other.path != folder);
                before.map(|other| other.metadata.num_puzzle_identifiers as i64).sum()
            }
        };
        let open = |folders: &[Folder], split| -> Result<(Vec<Part>, Vec<i64>), DataError> {
            let (mut parts, mut shifts) = (Vec::new(), Vec::new());
            // As in the loader: all folders of the first set, then of the next.
            for set in &first.metadata.sets {
                for folder in folders {
                    parts.push(Part::open(&folder.path, split, set, &folder.metadata)?);
                    shifts.push(shift(&folder.path));
                }
            }
            Ok((parts, shifts))
        };
        let (train_parts, test_parts) = (open(&train, Split::Train)?, open(&test, Split::Test)?);
        if train_parts.0.iter().all(|part| part.groups() == 0) {
            return Err(DataError::Empty {
                path: first.path.join(Split::Train.name()),
                what: "holds no group".to_owned(),
                fix: "build it from puzzles".to_owned(),
            });
        }
        let mut metadata = merged(&train);
        if self.identifiers == Identifiers::Apart {
            for folder in test.iter().filter(|folder| !train.iter().any(|other| other.path == folder.path)) {
                metadata.num_puzzle_identifiers += folder.metadata.num_puzzle_identifiers;
            }
        }
        let mut arc: Option<TestSet> = None;
        for folder in &test {
            let parts = test_parts.0.iter().zip(&test_parts.1);
            let here = parts.filter(|(part, _)| part.paths()[0].starts_with(&folder.path));
            let tested = here.flat_map(|(part, shift)| {
                (0..part.puzzles()).map(move |puzzle| match part.identifier(puzzle) {
                    blank if blank == folder.metadata.blank_identifier_id => blank,
                    identifier => identifier + shift,
                })
            });
            match (TestSet::of_folder(&folder.path, &names, tested)?, &mut arc) {
                (Some(more), Some(set)) => set.tasks.extend(more.tasks),
                (more, _) => arc = more.or(arc.take()),
            }
        }
        let shown: Vec<String> = train.iter().map(|folder| format!("`{}`", folder.shown.display())).collect();
        Ok(Built::new(metadata, train_parts, test_parts, names, shown.join(", ")).with_arc(arc))
    }

    /// The name of each identifier, where the folders tell.
    fn names(&self, train: &[Folder], test: &[Folder]) -> Result<Vec<String>, DataError> {
        let mut names: Vec<String> = Vec::new();
        let mut from: BTreeMap<usize, &Path> = BTreeMap::new();
        let mut seen: Vec<&Path> = Vec::new();
        for folder in train.iter().chain(test) {
            if seen.contains(&folder.path.as_path()) {
                continue;
            }
            seen.push(&folder.path);
            if self.identifiers == Identifiers::Apart {
                names.resize(names.len() + folder.metadata.num_puzzle_identifiers, "<blank>".to_owned());
                let start = names.len() - folder.metadata.num_puzzle_identifiers;
                for (place, name) in names[start..].iter_mut().zip(&folder.names) {
                    place.clone_from(name);
                }
                continue;
            }
            for (id, name) in folder.names.iter().enumerate().filter(|(_, name)| *name != "<blank>") {
                if names.len() <= id {
                    names.resize(id + 1, "<blank>".to_owned());
                }
                match from.get(&id) {
                    Some(other) if names[id] != *name && self.identifiers == Identifiers::Checked => {
                        return Err(DataError::Setting {
                            data_set: NAME,
                            setting: "identifiers",
                            what: format!(
                                "puzzle identifier {id} is `{}` in `{}` and `{name}` in `{}`, so two puzzles would \
                                 share an embedding",
                                names[id],
                                other.display(),
                                folder.shown.display()
                            ),
                            fix: "write `identifiers: apart` to keep them apart, or `identifiers: as_written` to have \
                                   it so, as the reference does"
                                .to_owned(),
                        });
                    }
                    Some(_) => {}
                    None => {
                        names[id].clone_from(name);
                        from.insert(id, &folder.shown);
                    }
                }
            }
        }
        Ok(names)
    }
}

fn folders(base: &Path, paths: &[PathBuf], split: Split) -> Result<Vec<Folder>, DataError> {
    let read = |shown: &PathBuf| {
        let path = base.join(shown);
        let metadata = Metadata::read(&path.join(split.name()))?;
        let names = names(&path)?;
        Ok(Folder { path, shown: shown.clone(), split, metadata, names })
    };
    paths.iter().map(read).collect()
}

/// `identifiers.json`, which a data set may lack: only people and scorers read it.
fn names(folder: &Path) -> Result<Vec<String>, DataError> {
    let path = folder.join("identifiers.json");
    let Ok(text) = std::fs::read(&path) else { return Ok(Vec::new()) };
    serde_json::from_slice(&text).map_err(|error| DataError::Array {
        path,
        row: None,
        what: format!("it is no list of names: {error}"),
        fix: "build the data set again, or remove the file".to_owned(),
    })
}

fn agree(first: &Folder, other: &Folder) -> Result<(), DataError> {
    let (a, b) = (&first.metadata, &other.metadata);
    let shown = |id: Option<i64>| id.map_or("null".to_owned(), |id| id.to_string());
    let fields = [
        ("seq_len", a.seq_len.to_string(), b.seq_len.to_string()),
        ("vocab_size", a.vocab_size.to_string(), b.vocab_size.to_string()),
        ("pad_id", a.pad_id.to_string(), b.pad_id.to_string()),
        ("ignore_label_id", shown(a.ignore_label_id), shown(b.ignore_label_id)),
        ("blank_identifier_id", a.blank_identifier_id.to_string(), b.blank_identifier_id.to_string()),
        ("sets", a.sets.join(", "), b.sets.join(", ")),
        (
            "num_puzzle_identifiers",
            a.num_puzzle_identifiers.to_string(),
            b.num_puzzle_identifiers.to_string(),
        ),
    ];
    match fields.into_iter().find(|(_, a, b)| a != b) {
        Some((field, a, b)) => Err(DataError::Setting {
            data_set: NAME,
            setting: "paths",
            what: format!(
                "`{field}` is {a} in `{}` and {b} in `{}`",
                first.shown.join(first.split.name()).display(),
                other.shown.join(other.split.name()).display()
            ),
            fix: "train on data sets that were built alike".to_owned(),
        }),
        None => Ok(()),
    }
}

/// The metadata of all folders together, as the loader adds them up.
fn merged(folders: &[Folder]) -> Metadata {
    let mut sum = folders[0].metadata.clone();
    let puzzles = |metadata: &Metadata| metadata.total_puzzles.unwrap_or(metadata.total_groups).max(1) as f64;
    let (mut examples, mut all) = (0.0, 0.0);
    (sum.total_groups, sum.num_puzzle_identifiers) = (0, 0);
    for folder in folders {
        let metadata = &folder.metadata;
        examples += metadata.mean_puzzle_examples * puzzles(metadata);
        all += puzzles(metadata);
        sum.total_groups += metadata.total_groups;
        sum.num_puzzle_identifiers += metadata.num_puzzle_identifiers;
    }
    sum.mean_puzzle_examples = if folders.len() > 1 { examples / all } else { sum.mean_puzzle_examples };
    sum
}
