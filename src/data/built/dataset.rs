//! A built data set as the trainer sees it: takes checked parts, gives examples; knows the rules of a puzzle only where
//! its sizes are those of one that totc knows.

use super::metadata::Metadata;
use super::part::Part;
use super::stream::GroupStream;
use crate::data::arc::{self, TestSet};
use crate::data::maze::grid::{CHARACTERS, Maze};
use crate::data::maze::{Answers, Mazes, Pair};
use crate::data::sudoku::grid::{Grid, Side, value};
use crate::data::sudoku::{Pairs, Sudoku};
use crate::data::{DataError, Dataset, Example, Fault, Mark, NO_LABEL, Picture, Sizes, Verdict, View};

/// Examples of one or several folders.
pub struct Built {
    metadata: Metadata,
    train: Vec<Part>,
    test: Vec<Part>,
    /// What each part adds to its identifiers.
    shifts: (Vec<i64>, Vec<i64>),
    names: Vec<String>,
    /// Where the folders hold tasks of ARC.
    arc: Option<TestSet>,
    stream: GroupStream,
    /// A data set without examples that knows how these puzzles look.
    rules: Option<Box<dyn Dataset>>,
    about: String,
}

impl Built {
    pub(super) fn new(
        metadata: Metadata,
        (train, train_shifts): (Vec<Part>, Vec<i64>),
        (test, test_shifts): (Vec<Part>, Vec<i64>),
        names: Vec<String>,
        folders: String,
    ) -> Built {
        let sum = |parts: &[Part], of: fn(&Part) -> usize| parts.iter().map(of).sum::<usize>();
        let about = format!(
            "built data set {folders}: training on {} examples of {} puzzles in {} groups, testing on {} examples; \
             {} tokens, {} puzzle identifiers, mapped from disk ({:.1} MB)",
            sum(&train, Part::examples),
            sum(&train, Part::puzzles),
            sum(&train, Part::groups),
            sum(&test, Part::examples),
            metadata.vocab_size,
            metadata.num_puzzle_identifiers,
            train.iter().chain(&test).flat_map(Part::paths).map(size).sum::<u64>() as f64 / 1e6
        );
        Built {
            stream: GroupStream::new(&train),
            rules: rules(&metadata, None),
            metadata,
            train,
            test,
            shifts: (train_shifts, test_shifts),
            names,
            arc: None,
            about,
        }
    }

    /// The data set with ARC's tasks that its test split asks for, if `set` has any.
    pub(super) fn with_arc(self, set: Option<TestSet>) -> Built {
        Built { arc: set, ..self }
    }

    /// The merged metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The name of each puzzle identifier; identifiers beyond the list have none.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn example(&self, part: &Part, example: usize, puzzle: usize, shift: i64) -> Example {
        let (inputs, labels) = part.tokens(example);
        let identifier = part.identifier(puzzle);
        let blank = identifier == self.metadata.blank_identifier_id;
        Example { inputs, labels, puzzle: if blank { identifier } else { identifier + shift } }
    }

    /// The test example with these inputs.
    fn known(&self, given: &[i64]) -> Option<(usize, Example)> {
        (0..self.test_len()).find_map(|i| {
            self.test_example(i).filter(|example| example.inputs == given).map(|example| (i, example))
        })
    }
}

fn size(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).map_or(0, |data| data.len())
}

/// A data set whose puzzles have these sizes, of which totc knows the rules; its test set is `test`, if that is such a
/// puzzle.
fn rules(metadata: &Metadata, test: Option<&Example>) -> Option<Box<dyn Dataset>> {
    let (cells, symbols) = (metadata.seq_len, metadata.vocab_size);
    if let Some(side) = Side::of_cells(cells).filter(|side| side.digits() + 2 == symbols) {
        let grid = |tokens: &[i64]| {
            let cells = tokens.iter().map(|token| value(side, *token)).collect::<Option<_>>()?;
            Grid::new(side, cells)
        };
        let mut pairs = Pairs::new(side);
        if let Some((question, answer)) =
            test.and_then(|test| Some((grid(&test.inputs)?, grid(&test.labels)?)))
        {
            pairs.push(&question, &answer);
        }
        return Some(Box::new(Sudoku::new(Pairs::new(side), pairs, 0, 0, String::new())));
    }
    let side = cells.isqrt();
    if side * side == cells && symbols == CHARACTERS.len() + 1 {
        let narrow = |tokens: &[i64]| {
            tokens.iter().map(|token| u8::try_from(*token).ok()).collect::<Option<Vec<u8>>>()
        };
        let pair = |test: &Example| {
            let maze = Maze::new(side, narrow(&test.inputs)?).ok()?;
            Some(Pair { maze, answer: narrow(&test.labels)? })
        };
        let test = test.and_then(pair).into_iter().collect();
        return Some(Box::new(Mazes::new(side, Vec::new(), test, false, Answers::Turned, String::new())));
    }
    None
}

impl Dataset for Built {
    fn sizes(&self) -> Sizes {
        Sizes {
            cell: self.metadata.seq_len,
            symbol: self.metadata.vocab_size,
            task: self.metadata.num_puzzle_identifiers,
        }
    }

    /// Groups times examples per puzzle, by which the reference counts the steps of an epoch.
    fn train_len(&self) -> usize {
        ((self.metadata.total_groups as f64 * self.metadata.mean_puzzle_examples) as usize).max(1)
    }

    fn test_len(&self) -> usize {
        self.test.iter().map(Part::examples).sum()
    }

    fn train_example(&self, seed: u64, k: u64) -> Example {
        let visit = self.stream.visit(&self.train, seed, k);
        let shift = self.shifts.0.get(visit.part).copied().unwrap_or(0);
        self.example(&self.train[visit.part], visit.example, visit.puzzle, shift)
    }

    fn test_example(&self, i: usize) -> Option<Example> {
        let mut left = i;
        for (part, shift) in self.test.iter().zip(&self.shifts.1) {
            if left < part.examples() {
                return Some(self.example(part, left, part.puzzle_of(left), *shift));
            }
            left -= part.examples();
        }
        None
    }

    /// Every example of every group, not only those that one epoch draws.
    fn contents(&self, take: &mut dyn FnMut(&[u8])) {
        self.train.iter().chain(&self.test).for_each(|part| part.contents(take));
    }

    fn padding(&self) -> Example {
        Example {
            inputs: vec![self.metadata.pad_id; self.metadata.seq_len],
            labels: vec![NO_LABEL; self.metadata.seq_len],
            puzzle: self.metadata.blank_identifier_id,
        }
    }

    fn rating(&self, i: usize) -> Option<f64> {
        rules(&self.metadata, Some(&self.test_example(i)?))?.rating(0)
    }

    fn rating_name(&self) -> &str {
        self.rules.as_ref().map_or("rating", |rules| rules.rating_name())
    }

    fn view(&self, example: &Example, k: u64) -> Option<View> {
        self.rules.as_ref()?.view(example, k)
    }

    fn describe(&self) -> String {
        self.about.clone()
    }

    fn arc(&self) -> Option<&TestSet> {
        self.arc.as_ref()
    }

    fn parse_puzzle(&self, text: &str) -> Result<Example, DataError> {
        if let Some(set) = &self.arc {
            return arc::parse(text, set, arc::SIDE);
        }
        if let Some(rules) = &self.rules {
            return rules.parse_puzzle(text);
        }
        let refuse = |what: String, fix: String| DataError::Puzzle { what, fix };
        let vocab = self.metadata.vocab_size as i64;
        let tokens = text.split([' ', ',', '\n', '\t', '\r']).filter(|word| !word.is_empty()).map(|word| {
            word.parse::<i64>().ok().filter(|token| (0..vocab).contains(token)).ok_or_else(|| {
                refuse(format!("`{word}` is no token"), format!("write numbers from 0 to {}", vocab - 1))
            })
        });
        let inputs = tokens.collect::<Result<Vec<i64>, DataError>>()?;
        if inputs.len() != self.metadata.seq_len {
            let what = format!("it has {} tokens", inputs.len());
            return Err(refuse(what, format!("this data set's examples have {}", self.metadata.seq_len)));
        }
        Ok(Example { inputs, ..self.padding() })
    }

    fn picture(&self, tokens: &[i64], given: &[i64]) -> Picture {
        match &self.rules {
            _ if self.arc.is_some() => arc::picture(tokens),
            Some(rules) => rules.picture(tokens, given),
            None => Picture::of_print(tokens.len(), |style| self.render_styled(tokens, given, style)),
        }
    }

    fn render_styled(&self, tokens: &[i64], given: &[i64], style: &dyn Fn(Mark, &str) -> String) -> String {
        if self.arc.is_some() {
            return arc::render(tokens, given, style);
        }
        if let Some(rules) = &self.rules {
            return rules.render_styled(tokens, given, style);
        }
        let side = tokens.len().isqrt();
        let columns = if side * side == tokens.len() { side } else { tokens.len() }.max(1);
        let width = (self.metadata.vocab_size - 1).to_string().len();
        let mut out = String::new();
        for (row, cells) in tokens.chunks(columns).enumerate() {
            let shown = cells.iter().enumerate().map(|(column, token)| {
                let same = given.get(row * columns + column) == Some(token);
                style(if same { Mark::Given } else { Mark::Filled }, &format!("{token:>width$}"))
            });
            out.push_str(&shown.collect::<Vec<_>>().join(" "));
            out.push('\n');
        }
        out
    }

    /// Without known rules, the answer is held against that of the test example with the same inputs.
    fn validate(&self, given: &[i64], answer: &[i64]) -> Verdict {
        if let Some(set) = &self.arc {
            return arc::validate(given, answer, set.tasks.iter().flat_map(|task| &task.tests));
        }
        if let Some(rules) = &self.rules {
            return rules.validate(given, answer);
        }
        let fault = |cells, what: String| Verdict { faults: vec![Fault { cells, what }] };
        let Some((row, known)) = self.known(given) else {
            let what = "the rules of these puzzles are not known, and no test example has these inputs";
            return fault(Vec::new(), what.to_owned());
        };
        let wrong = |(label, held): (&i64, &i64)| *label != NO_LABEL && label != held;
        let pairs = known.labels.iter().zip(answer).enumerate();
        let cells: Vec<usize> = pairs.filter(|(_, pair)| wrong(*pair)).map(|(cell, _)| cell).collect();
        match cells.len() {
            0 => Verdict::default(),
            n => fault(cells, format!("{n} tokens differ from the labels of test example {row}")),
        }
    }
}
