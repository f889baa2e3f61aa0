//! Puzzles of any kind, read from files: takes settings that name two files of questions and answers, gives their examples;
//! knows no rules, so that only the answer of the file is right.
//!
//! Token 0 pads and is a blank that no symbol stands for; the symbols are numbered from 1 on. Every puzzle stands in the upper
//! left corner of one frame, as large as the largest needs.

mod board;
mod symbols;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use board::{Board, Frame, board, sized};
use symbols::Symbols;

use super::choice::Drawn;
use super::hub::locate;
use super::table::{ANSWER, Cause, QUESTION, RATING, Record, SIZES, number, read_table};
use super::{
    DataError, Dataset, Example, Fault, Mark, NO_LABEL, Picture, Purpose, Sizes, Source, Stream, Verdict,
    settings,
};

const NAME: &str = "puzzles";

/// Settings of puzzles of any kind, read from JSON lines, CSV or Parquet files (docs/data.md).
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "puzzles")]
pub struct PuzzlesSpec {
    /// The training file.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"data/train.jsonl\""))]
    pub train: PathBuf,
    /// The test file.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"data/test.jsonl\""))]
    pub test: PathBuf,
    /// The symbols in the order of their tokens, from 1 on; left out, all that occur in either file: whole numbers first,
    /// ascending, then the others in the order of Unicode. Name them where weights go from one set of files to another.
    #[serde(default)]
    #[schemars(extend("x-unit" = "symbols", "x-example" = "[\".\", \"#\", \"o\"]"))]
    pub symbols: Vec<String>,
    /// Most training puzzles; if there are more, they are drawn from at random.
    #[serde(default, deserialize_with = "settings::limit")]
    #[schemars(extend("x-unit" = "puzzles", "x-example" = "1000"))]
    pub limit: Option<usize>,
    /// Most test puzzles; if there are more, they are drawn from at random.
    #[serde(default, deserialize_with = "settings::limit")]
    #[schemars(extend("x-unit" = "puzzles", "x-example" = "1000"))]
    pub test_limit: Option<usize>,
    /// Seed of the drawn puzzles.
    #[serde(default)]
    #[schemars(extend("x-example" = "1"))]
    pub seed: u64,
}

/// One puzzle as its file has it.
struct Row {
    line: u64,
    question: Board,
    answer: Board,
    rating: Option<f64>,
}

impl Source for PuzzlesSpec {
    fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DataError> {
        let (train_path, test_path) = (locate(base, &self.train)?, locate(base, &self.test)?);
        let mut symbols = Symbols::named(&self.symbols).map_err(|(what, fix)| DataError::Setting {
            data_set: NAME,
            setting: "symbols",
            what,
            fix,
        })?;
        let train = self.choose(&train_path, self.limit, Purpose::ChooseTrain, &mut symbols)?;
        let test = self.choose(&test_path, self.test_limit, Purpose::ChooseTest, &mut symbols)?;
        self.apart((&train_path, &train), (&test_path, &test))?;
        let order = symbols.order();
        let frame = Frame::around(train.iter().chain(&test).flat_map(|row| [&row.question, &row.answer]));
        if frame.cells() > MOST_CELLS {
            let what = format!(
                "needs, with the test file, a frame of {frame} for all puzzles, more than {MOST_CELLS} cells"
            );
            let fix = "leave the largest puzzles out, or write long ones in several rows".to_owned();
            return Err(DataError::Empty { path: train_path, what, fix });
        }
        let laid = |rows: &[Row]| -> Vec<Laid> {
            rows.iter()
                .map(|row| Laid {
                    inputs: frame.lay(&row.question, &order, BLANK),
                    labels: frame.lay(&row.answer, &order, UNSCORED),
                })
                .collect()
        };
        let about = format!(
            "puzzles: training on {} of `{}`, testing on {} of `{}`, {}, {} symbols",
            train.len(),
            self.train.display(),
            test.len(),
            self.test.display(),
            frame,
            symbols.len(),
        );
        let ratings = test.iter().map(|row| row.rating).collect();
        let (train, test) = (laid(&train), laid(&test));
        let symbols = symbols.settled();
        let known = (0..).zip(&test).map(|(number, laid)| (laid.inputs.clone(), number)).collect();
        let stream = Stream::new(train.len(), 0);
        Ok(Box::new(Puzzles { frame, symbols, train, test, ratings, known, stream, about }))
    }
}

impl PuzzlesSpec {
    /// At least one row, in the order of the file: all, or `limit` of them drawn by the seed.
    fn choose(
        &self,
        path: &Path,
        limit: Option<usize>,
        purpose: Purpose,
        symbols: &mut Symbols,
    ) -> Result<Vec<Row>, DataError> {
        let mut all = 0;
        let mut drawn = Drawn::new(limit, purpose, self.seed);
        read_table(path, [&QUESTION, &ANSWER, &SIZES, &RATING], |record| {
            // Of rows that are not drawn too: their symbols count, and they may be wrong.
            let row = row(&record, symbols)?;
            all += 1;
            if let Some(draw) = drawn.draw(record.line) {
                drawn.take(draw, row);
            }
            Ok(())
        })?;
        let rows = drawn.in_order();
        if rows.is_empty() {
            let (what, fix) = match all {
                0 => ("holds no puzzles", "give a file with some"),
                _ => ("would give no puzzle", "set its limit to at least 1, or to None for all"),
            };
            return Err(DataError::Empty {
                path: path.to_owned(),
                what: what.to_owned(),
                fix: fix.to_owned(),
            });
        }
        Ok(rows)
    }

    /// Refuses a training question that is a test question.
    fn apart(&self, train: (&Path, &[Row]), test: (&Path, &[Row])) -> Result<(), DataError> {
        let known: HashMap<&Board, u64> = test.1.iter().map(|row| (&row.question, row.line)).collect();
        for row in train.1 {
            if let Some(line) = known.get(&row.question) {
                let what = format!("its question is that of `{}`, line {line}", test.0.display());
                let fix = "remove one of the two".to_owned();
                return Err(DataError::Row { path: train.0.to_owned(), line: row.line, what, fix });
            }
        }
        Ok(())
    }
}

/// A row as its record has it. The answer takes the sizes of the question where it has as many cells.
fn row(record: &Record<4>, symbols: &mut Symbols) -> Result<Row, Cause> {
    let [question, answer, sizes, rating] = &record.fields;
    let question = board("question", question, symbols)?;
    let cells = question.cells();
    let question = sized("question", question, sizes)?;
    let mut answer = board("answer", answer, symbols)?;
    if answer.cells() == cells {
        answer = sized("answer", answer, sizes)?;
    }
    Ok(Row { line: record.line, question, answer, rating: number("rating", rating)? })
}

/// No model here takes more: its memory would grow with the square.
const MOST_CELLS: usize = 1 << 16;

/// In inputs: the token that pads.
const BLANK: u16 = 0;
/// In labels: a cell that is not scored.
const UNSCORED: u16 = u16::MAX;

/// A puzzle in its frame.
struct Laid {
    inputs: Vec<u16>,
    labels: Vec<u16>,
}

struct Puzzles {
    frame: Frame,
    /// Settled, so that the symbol of token `t` is number `t - 1`.
    symbols: Symbols,
    train: Vec<Laid>,
    test: Vec<Laid>,
    ratings: Vec<Option<f64>>,
    /// The test puzzle of each question.
    known: HashMap<Vec<u16>, usize>,
    stream: Stream,
    about: String,
}

impl Puzzles {
    fn example(&self, laid: &Laid) -> Example {
        let label = |token: &u16| if *token == UNSCORED { NO_LABEL } else { i64::from(*token) };
        Example {
            inputs: laid.inputs.iter().map(|token| i64::from(*token)).collect(),
            labels: laid.labels.iter().map(label).collect(),
            puzzle: 0,
        }
    }
}

impl Dataset for Puzzles {
    fn sizes(&self) -> Sizes {
        Sizes { cell: self.frame.cells(), symbol: self.symbols.len() + 1, task: 1 }
    }

    fn train_len(&self) -> usize {
        self.train.len()
    }

    fn test_len(&self) -> usize {
        self.test.len()
    }

    fn train_example(&self, seed: u64, k: u64) -> Example {
        match self.train.get(self.stream.visit(seed, k).puzzle) {
            Some(laid) => self.example(laid),
            None => self.padding(),
        }
    }

    fn test_example(&self, i: usize) -> Option<Example> {
        self.test.get(i).map(|laid| self.example(laid))
    }

    fn rating(&self, i: usize) -> Option<f64> {
        self.ratings.get(i).copied().flatten()
    }

    fn describe(&self) -> String {
        self.about.clone()
    }

    /// A question as a JSON value or as plain text: characters, rows parted by line breaks, or symbols parted by spaces where
    /// one is longer than a character.
    fn parse_puzzle(&self, text: &str) -> Result<Example, DataError> {
        let refuse = |(what, fix)| DataError::Puzzle { what, fix };
        let field = match serde_json::from_str::<Value>(text) {
            Ok(value @ Value::Array(_)) => value,
            Ok(Value::Object(mut object)) => object.remove("question").unwrap_or_default(),
            _ if self.symbols.are_long() => text.split_whitespace().collect(),
            _ => Value::from(text.trim_end_matches(['\r', '\n'])),
        };
        let mut symbols = self.symbols.clone();
        let mut puzzle = board("puzzle", &field, &mut symbols).map_err(refuse)?;
        if puzzle.is_line() && puzzle.cells() == self.frame.cells() {
            puzzle = puzzle.in_rows_of(self.frame.columns());
        }
        if !self.frame.holds(&puzzle) {
            let what = format!("it is {puzzle}");
            return Err(refuse((what, format!("this data set's puzzles have at most {}", self.frame))));
        }
        let inputs = self.frame.lay(&puzzle, &symbols.order(), BLANK);
        let labels = vec![NO_LABEL; self.frame.cells()];
        Ok(Example { inputs: inputs.iter().map(|token| i64::from(*token)).collect(), labels, puzzle: 0 })
    }

    fn render_styled(&self, tokens: &[i64], given: &[i64], style: &dyn Fn(Mark, &str) -> String) -> String {
        let width = self.symbols.width();
        let mut out = String::new();
        for (row, cells) in tokens.chunks(self.frame.columns().max(1)).enumerate() {
            let shown = cells.iter().enumerate().map(|(column, token)| {
                let asked = given.get(row * self.frame.columns() + column).copied().unwrap_or(0);
                let mark = match *token {
                    0 if asked == 0 => Mark::Blank,
                    token if token == asked => Mark::Given,
                    _ => Mark::Filled,
                };
                style(mark, &format!("{:>width$}", self.symbols.shown(*token)))
            });
            out.push_str(&shown.collect::<Vec<_>>().join(if width > 1 { " " } else { "" }));
            out.push('\n');
        }
        out
    }

    fn picture(&self, tokens: &[i64], given: &[i64]) -> Picture {
        let picture = Picture::of_print(tokens.len(), |style| self.render_styled(tokens, given, style));
        Picture { columns: self.frame.columns(), ..picture }
    }

    /// The answer is held against that of the test puzzle with the same question.
    fn validate(&self, given: &[i64], answer: &[i64]) -> Verdict {
        let fault = |cells, what: String| Verdict { faults: vec![Fault { cells, what }] };
        let question: Vec<u16> =
            given.iter().map(|token| u16::try_from(*token).unwrap_or(UNSCORED)).collect();
        let Some((number, known)) =
            self.known.get(&question).and_then(|number| Some((number, self.test.get(*number)?)))
        else {
            let what = "the rules of these puzzles are not known, and no test puzzle has this question";
            return fault(Vec::new(), what.to_owned());
        };
        let wrong = |(label, held): (&u16, &i64)| *label != UNSCORED && i64::from(*label) != *held;
        let pairs = known.labels.iter().zip(answer).enumerate();
        let cells: Vec<usize> = pairs.filter(|(_, pair)| wrong(*pair)).map(|(cell, _)| cell).collect();
        match cells.len() {
            0 => Verdict::default(),
            1 => fault(cells, format!("1 cell differs from the answer of test puzzle {number}")),
            n => fault(cells, format!("{n} cells differ from the answer of test puzzle {number}")),
        }
    }
}
