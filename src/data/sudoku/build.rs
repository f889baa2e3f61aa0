//! Building a Sudoku data set: takes CSV files, writes the folder that `build_sudoku_dataset.py` of the TRM and HRM code
//! writes, byte for byte if its script starts with `np.random.seed(seed)`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::csv::{Row, read};
use super::grid::{Grid, Side, token};
use super::symmetry::Symmetry;
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
    /// Rows rated lower are left out, of both files.
    pub min_difficulty: Option<i64>,
    /// Augmented copies of each training row; test rows are never augmented.
    pub num_aug: usize,
    /// Seed of NumPy's generator.
    pub seed: u32,
    /// Type of the training tokens; none: int64 with copies and uint8 without, as the script happens to do.
    pub dtype: Option<NpyType>,
}

/// Builds both splits; `progress` is told the number of training examples written so far.
pub fn build(spec: &BuildSpec, progress: &dyn Fn(usize)) -> Result<(Counts, Counts), DataError> {
    let mut random = NumpyRandom::new(spec.seed);
    let dtype = spec.dtype.unwrap_or(if spec.num_aug > 0 { NpyType::I64 } else { NpyType::U8 });
    let mut train = Split::new(spec, "train", dtype, spec.num_aug, progress);
    match spec.subsample_size {
        None => each(&spec.train, spec.min_difficulty, |_, row| train.add(&row, &mut random))?,
        Some(wanted) => {
            let mut rows = 0;
            each(&spec.train, spec.min_difficulty, |_, _| {
                rows += 1;
                Ok(())
            })?;
            // The script draws only where there is a choice.
            let order = if wanted < rows { random.choice(rows, wanted) } else { (0..rows).collect() };
            let mut places: HashMap<usize, Option<Row>> = order.iter().map(|row| (*row, None)).collect();
            each(&spec.train, spec.min_difficulty, |number, row| {
                if let Some(place) = places.get_mut(&number) {
                    *place = Some(row);
                }
                Ok(())
            })?;
            for row in order.iter().filter_map(|row| places.get(row)?.as_ref()) {
                train.add(row, &mut random)?;
            }
        }
    }
    let train = train.finish(&spec.train)?;
    let mut test = Split::new(spec, "test", NpyType::U8, 0, &|_| ());
    each(&spec.test, spec.min_difficulty, |_, row| test.add(&row, &mut random))?;
    let test = test.finish(&spec.test)?;
    identifiers(&spec.out, &["<blank>".to_owned()])?;
    Ok((train, test))
}

/// Passes the rows that are rated high enough on, with their numbers among these; refuses a row without a rating where one is
/// asked for, as the script does.
fn each(
    path: &Path,
    min_difficulty: Option<i64>,
    mut take: impl FnMut(usize, Row) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut number = 0;
    let mut failed = Ok(());
    read(path, |row| {
        let hard = match (min_difficulty, row.rating) {
            _ if failed.is_err() => false,
            (None, _) => true,
            (Some(least), Some(rating)) => rating.trunc() >= least as f64,
            (Some(_), None) => {
                failed = Err(unrated(path, row.line));
                false
            }
        };
        if hard {
            failed = take(number, row);
            number += 1;
        }
    })?;
    failed
}

fn unrated(path: &Path, line: u64) -> DataError {
    let what = "the row has no rating, so that `--min-difficulty` cannot choose".to_owned();
    let fix = "leave `--min-difficulty` out, or rate the puzzles by `totc data rate`".to_owned();
    DataError::Row { path: path.to_owned(), line, what, fix }
}

/// A split that is being written; its folder appears with the first row, which tells the side.
struct Split<'a> {
    spec: &'a BuildSpec,
    name: &'static str,
    dtype: NpyType,
    copies: usize,
    writer: Option<SplitWriter>,
    progress: &'a dyn Fn(usize),
}

impl<'a> Split<'a> {
    fn new(
        spec: &'a BuildSpec,
        name: &'static str,
        dtype: NpyType,
        copies: usize,
        progress: &'a dyn Fn(usize),
    ) -> Split<'a> {
        Split { spec, name, dtype, copies, writer: None, progress }
    }

    /// Appends a row and its copies as one group.
    fn add(&mut self, row: &Row, random: &mut NumpyRandom) -> Result<(), DataError> {
        let side = row.question.side();
        let layout = self.layout(side);
        let writer = match &mut self.writer {
            Some(open) => open,
            none => none.insert(SplitWriter::create(&self.spec.out, self.name, layout)?),
        };
        for copy in 0..=self.copies {
            let symmetry =
                if copy == 0 { Symmetry::identity(side) } else { Symmetry::from_numpy(side, random) };
            let tokens = |grid: &Grid| -> Vec<u8> {
                symmetry.apply(grid).cells().iter().map(|&digit| token(digit) as u8).collect()
            };
            writer.example(&tokens(&row.question), &tokens(&row.answer))?;
            writer.end_puzzle(0)?;
        }
        writer.end_group()?;
        (self.progress)(writer.counts().examples);
        Ok(())
    }

    fn layout(&self, side: Side) -> Layout {
        Layout {
            seq_len: side.cells(),
            vocab_size: side.digits() + 2,
            dtype: self.dtype,
            ignore_label_id: Some(0),
        }
    }

    fn finish(self, path: &Path) -> Result<Counts, DataError> {
        match self.writer {
            Some(writer) => writer.finish(1, TotalPuzzles::Groups),
            None => Err(DataError::Empty {
                path: path.to_owned(),
                what: match self.spec.min_difficulty {
                    Some(least) => format!("holds no row rated {least} or more"),
                    None => "holds no rows".to_owned(),
                },
                fix: "give a file with such puzzles".to_owned(),
            }),
        }
    }
}
