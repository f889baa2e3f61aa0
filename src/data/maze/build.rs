//! Building a maze data set: takes CSV files, writes the folder that `build_maze_dataset.py` of the TRM and HRM code
//! writes.

use std::path::{Path, PathBuf};

use super::csv::{Row, read};
use super::{grid, symmetries};
use crate::data::DataError;
use crate::data::built::{Counts, Layout, SplitWriter, TotalPuzzles, identifiers};
use crate::data::npy::NpyType;
use crate::random::numpy::NumpyRandom;

/// What to build.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildSpec {
    /// The training file.
    pub train: PathBuf,
    /// The test file.
    pub test: PathBuf,
    /// The folder to write.
    pub out: PathBuf,
    /// So many training rows, drawn without replacement; all of them where there are no more.
    pub subsample_size: Option<usize>,
    /// Whether training mazes are written in all eight orientations, in the order of `Dihedral`; test mazes never are.
    pub aug: bool,
    /// Seed of NumPy's generator, which the subsample alone needs.
    pub seed: u32,
}

/// Builds both splits.
pub fn build(spec: &BuildSpec) -> Result<(Counts, Counts), DataError> {
    let mut train = rows(&spec.train)?;
    if let Some(wanted) = spec.subsample_size.filter(|wanted| *wanted < train.len()) {
        let drawn = NumpyRandom::new(spec.seed).choice(train.len(), wanted);
        train = drawn.into_iter().filter_map(|at| train.get(at).cloned()).collect();
    }
    let test = rows(&spec.test)?;
    let counts = (split(spec, "train", &train, spec.aug)?, split(spec, "test", &test, false)?);
    identifiers(&spec.out, &["<blank>".to_owned()])?;
    Ok(counts)
}

/// The rows of a file, at least one.
fn rows(path: &Path) -> Result<Vec<Row>, DataError> {
    let mut rows = Vec::new();
    read(path, |row| rows.push(row))?;
    if rows.is_empty() {
        let (what, fix) = ("holds no rows".to_owned(), "give a file with mazes".to_owned());
        return Err(DataError::Empty { path: path.to_owned(), what, fix });
    }
    Ok(rows)
}

fn split(spec: &BuildSpec, name: &str, rows: &[Row], aug: bool) -> Result<Counts, DataError> {
    let side = rows.first().map_or(0, |row| row.maze.side());
    let layout = Layout {
        seq_len: side * side,
        vocab_size: grid::CHARACTERS.len() + 1,
        dtype: NpyType::U8,
        ignore_label_id: Some(0),
    };
    let mut writer = SplitWriter::create(&spec.out, name, layout)?;
    for row in rows {
        let orientations = |cells: &[u8]| if aug { symmetries(side, cells) } else { vec![cells.to_vec()] };
        for (question, answer) in orientations(row.maze.cells()).iter().zip(orientations(&row.answer)) {
            writer.example(question, &answer)?;
            writer.end_puzzle(0)?;
        }
        writer.end_group()?;
    }
    writer.finish(1, TotalPuzzles::Groups)
}
