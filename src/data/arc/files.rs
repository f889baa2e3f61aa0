//! ARC's files: takes a folder and the name of a subset, gives its tasks in the order of the files, each pair checked.
//!
//! Two forms are read, packed by gzip or not: Kaggle's (`<prefix>_<subset>_challenges.json`, all tasks of a subset in
//! one file, beside `..._solutions.json`) and that of the repositories of ARC-AGI, ARC-AGI-2 and ConceptARC (a folder
//! with one JSON file per task, subfolders included).

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::grid::Grid;
use crate::data::DataError;
use crate::data::table::UNPACKED;

/// A question and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The question.
    pub input: Grid,
    /// The answer, where it is known.
    pub output: Option<Grid>,
}

/// A task: pairs that show it and pairs that ask for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name, such as `00d62c1b`.
    pub name: String,
    /// Demonstrations.
    pub train: Vec<Pair>,
    /// Tests.
    pub test: Vec<Pair>,
    /// Whether its file names the tests before the demonstrations. Examples keep this order.
    pub test_first: bool,
}

impl Task {
    /// Its pairs of `train` or `test`, in the order of its file.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair> {
        let (first, second) =
            if self.test_first { (&self.test, &self.train) } else { (&self.train, &self.test) };
        first.iter().chain(second)
    }
}

/// Reads the tasks of `subset` below the folder `from`.
pub fn read(from: &Path, subset: &str) -> Result<Vec<Task>, DataError> {
    let tasks = match find(from, subset)? {
        Found::Challenges { challenges, solutions } => read_kaggle(&challenges, solutions.as_deref())?,
        Found::Folder(folder) => read_folder(&folder)?,
    };
    if tasks.is_empty() {
        return Err(DataError::Empty {
            path: from.to_owned(),
            what: format!("has no task in the subset `{subset}`"),
            fix: "give a subset with tasks".to_owned(),
        });
    }
    Ok(tasks)
}

enum Found {
    Challenges { challenges: PathBuf, solutions: Option<PathBuf> },
    Folder(PathBuf),
}

/// Looks for the file or folder of a subset.
fn find(from: &Path, subset: &str) -> Result<Found, DataError> {
    let mut names: Vec<String> =
        listing(from)?.into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    names.sort();
    let endings = ["_challenges.json", "_challenges.json.gz"];
    let stem = |name: &str| {
        let stem = endings.iter().find_map(|ending| name.strip_suffix(ending))?;
        let prefix = stem.strip_suffix(subset)?;
        (prefix.is_empty() || prefix.ends_with(['_', '-'])).then(|| stem.to_owned())
    };
    let fitting: Vec<(&String, String)> = names.iter().filter_map(|name| Some((name, stem(name)?))).collect();
    let folder = [from.join(subset), from.join("data").join(subset)].into_iter().find(|path| path.is_dir());
    match (&fitting[..], folder) {
        ([(file, stem)], None) => {
            let solutions = names.iter().find(|name| {
                let rest = name.strip_prefix(stem.as_str());
                rest.is_some_and(|rest| ["_solutions.json", "_solutions.json.gz"].contains(&rest))
            });
            Ok(Found::Challenges {
                challenges: from.join(file),
                solutions: solutions.map(|name| from.join(name)),
            })
        }
        ([], Some(folder)) => Ok(Found::Folder(folder)),
        ([], None) => {
            let known: Vec<&str> = names
                .iter()
                .filter_map(|name| endings.iter().find_map(|ending| name.strip_suffix(ending)))
                .collect();
            let known = match &known[..] {
                [] => String::new(),
                some => format!(" (there: {})", some.join(", ")),
            };
            Err(DataError::Empty {
                path: from.to_owned(),
                what: format!("holds no subset `{subset}`{known}"),
                fix: format!(
                    "it is looked for as *_{subset}_challenges.json, with or without .gz, or as the folder \
                     {subset} or data/{subset} with one JSON file per task"
                ),
            })
        }
        (files, folder) => {
            let mut all: Vec<String> = files.iter().map(|(name, _)| (*name).clone()).collect();
            all.extend(folder.map(|folder| folder.display().to_string()));
            Err(DataError::Empty {
                path: from.to_owned(),
                what: format!("holds the subset `{subset}` more than once: {}", all.join(", ")),
                fix: "leave one of them there".to_owned(),
            })
        }
    }
}

fn listing(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |cause| DataError::File { path: folder.to_owned(), cause };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    Ok(paths)
}

/// What JSON has where an object is expected; the order of its keys is kept.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Object(IndexMap<String, Value>),
    Other(serde::de::IgnoredAny),
}

/// Reads a file of many tasks.
pub(super) fn read_challenges(path: &Path) -> Result<Vec<Task>, DataError> {
    let entries: IndexMap<String, Entry> = parse(path, "an object with one entry per task")?;
    entries.into_iter().map(|(name, entry)| task(path, &name, entry)).collect()
}

fn read_kaggle(challenges: &Path, solutions: Option<&Path>) -> Result<Vec<Task>, DataError> {
    let mut tasks = read_challenges(challenges)?;
    let Some(solutions) = solutions else { return Ok(tasks) };
    let mut answers: IndexMap<String, Value> = parse(solutions, "an object with one list per task")?;
    for task in &mut tasks {
        let broken = |what: String, fix: &str| DataError::Task {
            path: solutions.to_owned(),
            task: task.name.clone(),
            what,
            fix: fix.to_owned(),
        };
        let one_each = "write one grid per test input, in their order";
        let grids = match answers.swap_remove(&task.name) {
            Some(Value::Array(grids)) => grids,
            Some(_) => return Err(broken("its entry is not a list of grids".to_owned(), one_each)),
            None => return Err(broken("it has no entry here".to_owned(), "add its answers")),
        };
        if grids.len() != task.test.len() {
            let what = format!("{} answers for {} test inputs", grids.len(), task.test.len());
            return Err(broken(what, one_each));
        }
        for (number, (pair, answer)) in task.test.iter_mut().zip(&grids).enumerate() {
            let grid = grid(answer)
                .map_err(|what| broken(format!("answer {}: {what}", number + 1), "correct the grid"))?;
            pair.output = Some(grid);
        }
    }
    Ok(tasks)
}

/// One task per file, in the order of their paths.
fn read_folder(folder: &Path) -> Result<Vec<Task>, DataError> {
    let (mut open, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = open.pop() {
        for path in listing(&next)? {
            if path.is_dir() {
                open.push(path);
            } else if name_of(&path).is_some() {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut tasks: Vec<Task> = Vec::with_capacity(files.len());
    let mut places: IndexMap<String, PathBuf> = IndexMap::new();
    for path in files {
        let name = name_of(&path).unwrap_or_default();
        let entry = parse::<Entry>(&path, "a task, an object with `train` and `test`")?;
        tasks.push(task(&path, &name, entry)?);
        if let Some(before) = places.insert(name.clone(), path.clone()) {
            return Err(DataError::Task {
                path,
                task: name,
                what: format!("`{}` has the same name", before.display()),
                fix: "give each task a name of its own".to_owned(),
            });
        }
    }
    Ok(tasks)
}

/// The task that a file is named after.
fn name_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.strip_suffix(".json").filter(|stem| !stem.starts_with('.')).map(str::to_owned)
}

/// Reads JSON, packed or not.
fn parse<T: for<'a> Deserialize<'a>>(path: &Path, wanted: &str) -> Result<T, DataError> {
    let failed = |cause| DataError::File { path: path.to_owned(), cause };
    let mut text = fs::read(path).map_err(failed)?;
    if text.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        let longest = (text.len() as u64).saturating_mul(UNPACKED).saturating_add(1 << 20);
        let broken = |what: String| DataError::Empty {
            path: path.to_owned(),
            what,
            fix: "the file is damaged or cut off; fetch it again".to_owned(),
        };
        let read = MultiGzDecoder::new(text.as_slice()).take(longest + 1).read_to_end(&mut unpacked);
        if read.map_err(|cause| broken(format!("cannot be unpacked: {cause}")))? as u64 > longest {
            return Err(broken(format!("is more than {UNPACKED} times as long unpacked")));
        }
        text = unpacked;
    }
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    serde_json::from_slice(text).map_err(|error| DataError::Row {
        path: path.to_owned(),
        line: error.line() as u64,
        what: match error.classify() {
            serde_json::error::Category::Eof => "the file is cut off".to_owned(),
            _ => error.to_string(),
        },
        fix: format!("the file must hold {wanted}"),
    })
}

/// Checks one task. Keys other than `train` and `test` are left alone.
fn task(path: &Path, name: &str, entry: Entry) -> Result<Task, DataError> {
    let broken = |what: String, fix: &str| DataError::Task {
        path: path.to_owned(),
        task: name.to_owned(),
        what,
        fix: fix.to_owned(),
    };
    if name.contains(super::augment::SEPARATOR) || name.is_empty() {
        return Err(broken("a name that identifiers could not carry".to_owned(), "rename it without `|||`"));
    }
    let shape = "write {\"train\": [{\"input\": …, \"output\": …}, …], \"test\": […]}";
    let entry = match entry {
        Entry::Object(entry) => entry,
        Entry::Other(_) => return Err(broken("it is not an object".to_owned(), shape)),
    };
    let place = |key: &str| entry.get_index_of(key);
    let mut lists = Vec::new();
    for key in ["train", "test"] {
        let Some(Value::Array(list)) = entry.get(key) else {
            return Err(broken(format!("it has no list `{key}`"), shape));
        };
        let mut pairs = Vec::with_capacity(list.len());
        for (number, pair) in list.iter().enumerate() {
            let read = |side: &str| {
                let found = match pair.get(side) {
                    None | Some(Value::Null) => return Ok(None),
                    Some(found) => found,
                };
                let at =
                    |what| broken(format!("`{key}` pair {}, {side}: {what}", number + 1), "correct the grid");
                grid(found).map(Some).map_err(at)
            };
            let missing = |side: &str| {
                broken(format!("`{key}` pair {} has no {side}", number + 1), "add it or remove the pair")
            };
            let input = read("input")?.ok_or_else(|| missing("input"))?;
            let output = read("output")?;
            if key == "train" && output.is_none() {
                return Err(missing("output"));
            }
            pairs.push(Pair { input, output });
        }
        lists.push(pairs);
    }
    let (test, train) = (lists.pop().unwrap_or_default(), lists.pop().unwrap_or_default());
    if test.is_empty() {
        return Err(broken("`test` is empty".to_owned(), "add a test input"));
    }
    Ok(Task { name: name.to_owned(), train, test, test_first: place("test") < place("train") })
}

/// A grid of JSON numbers; what is wrong with it, otherwise.
fn grid(value: &Value) -> Result<Grid, String> {
    let Value::Array(rows) = value else { return Err("it is not a list of rows".to_owned()) };
    let mut lines = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let Value::Array(row) = row else { return Err(format!("row {} is not a list", number + 1)) };
        let mut line = Vec::with_capacity(row.len());
        for (place, cell) in row.iter().enumerate() {
            match cell.as_u64().and_then(|cell| u8::try_from(cell).ok()).filter(|cell| *cell <= 9) {
                Some(cell) => line.push(cell),
                None => {
                    let at = format!("row {}, column {}", number + 1, place + 1);
                    return Err(format!("{at} holds {cell}; colours are 0 to 9"));
                }
            }
        }
        lines.push(line);
    }
    Grid::from_lines(&lines)
}
