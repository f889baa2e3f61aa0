//! Mazes as a data set: takes pairs of question and answer, gives examples in tokens; leaves making pairs to others.
//!
//! The label covers every cell. All mazes are one task, with identifier 0.

pub mod build;
pub mod csv;
mod files;
mod generated;
pub mod generator;
pub mod grid;

pub use files::CsvSpec;
pub use generated::GeneratedSpec;

use super::dihedral::Dihedral;
use super::{
    DataError, Dataset, Example, Fault, Mark, NO_LABEL, Picture, PictureCell, Sizes, Stream, Verdict, View,
};
use grid::{FREE, GOAL, Maze, WALL};

/// What the answer of a turned or mirrored maze is.
#[derive(
    schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// The answer turned along, as the reference does: training then sees eight rules of choosing among the shortest
    /// paths, and testing asks for one of them.
    #[default]
    Turned,
    /// The answer that the published rule gives for the turned maze: one rule throughout.
    Solved,
}

/// A maze and its answer.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The question.
    pub maze: Maze,
    /// Tokens of the answer.
    pub answer: Vec<u8>,
}

/// A set of mazes.
#[derive(Debug)]
pub struct Mazes {
    side: usize,
    train: Vec<Pair>,
    test: Vec<Pair>,
    answers: Answers,
    stream: Stream,
    about: String,
}

/// Symmetries of a square besides the identity.
const COPIES: usize = 7;

impl Mazes {
    /// A data set of these pairs, all of `side`, whose training mazes are also shown turned and mirrored if `symmetries`.
    pub fn new(
        side: usize,
        train: Vec<Pair>,
        test: Vec<Pair>,
        symmetries: bool,
        answers: Answers,
        about: String,
    ) -> Mazes {
        let how = match (symmetries, answers) {
            (false, _) => "no augmentation",
            (true, Answers::Turned) => "training mazes in all 8 orientations, answers turned along",
            (true, Answers::Solved) => "training mazes in all 8 orientations, answers by one rule",
        };
        let stream = Stream::new(train.len(), if symmetries { COPIES } else { 0 });
        Mazes { side, train, test, answers, stream, about: format!("{about}; {how}") }
    }

    /// Sizes of the axes for mazes of `side` by `side` cells.
    pub fn sizes_of(side: usize) -> Sizes {
        Sizes { cell: side * side, symbol: grid::CHARACTERS.len() + 1, task: 1 }
    }

    /// Training maze `number` in the orientation `turn`.
    fn turned(&self, number: usize, turn: usize) -> Example {
        let Some(pair) = self.train.get(number) else { return self.blank() };
        let Some(turn) = Dihedral::new(turn).filter(|turn| turn.number() > 0) else {
            return example(pair.maze.cells(), &pair.answer);
        };
        let question = turn.apply(pair.maze.cells(), self.side, self.side);
        let solved = match self.answers {
            Answers::Turned => None,
            Answers::Solved => Maze::new(self.side, question.clone()).ok().and_then(|maze| maze.answer()),
        };
        let answer = solved.unwrap_or_else(|| turn.apply(&pair.answer, self.side, self.side));
        example(&question, &answer)
    }

    fn blank(&self) -> Example {
        let blank = vec![FREE; self.side * self.side];
        example(&blank, &blank)
    }
}

/// A square of cells in all eight orientations.
fn symmetries(side: usize, cells: &[u8]) -> Vec<Vec<u8>> {
    (0..).map_while(Dihedral::new).map(|turn| turn.apply(cells, side, side)).collect()
}

fn example(question: &[u8], answer: &[u8]) -> Example {
    let wide = |tokens: &[u8]| tokens.iter().map(|&token| i64::from(token)).collect();
    Example { inputs: wide(question), labels: wide(answer), puzzle: 0 }
}

/// A question in tokens `[cell]`.
fn maze_of(side: usize, tokens: &[i64]) -> Result<Maze, String> {
    Maze::new(side, tokens.iter().map(|&token| u8::try_from(token).unwrap_or(0)).collect())
}

impl Dataset for Mazes {
    fn sizes(&self) -> Sizes {
        Mazes::sizes_of(self.side)
    }

    fn train_len(&self) -> usize {
        self.train.len()
    }

    fn test_len(&self) -> usize {
        self.test.len()
    }

    fn train_example(&self, seed: u64, k: u64) -> Example {
        let visit = self.stream.visit(seed, k);
        self.turned(visit.puzzle, visit.copy)
    }

    fn test_example(&self, i: usize) -> Option<Example> {
        self.test.get(i).map(|pair| example(pair.maze.cells(), &pair.answer))
    }

    fn describe(&self) -> String {
        self.about.clone()
    }

    /// Rows are separated by line breaks, `|` or `/`, or follow each other without anything between them.
    fn parse_puzzle(&self, text: &str) -> Result<Example, DataError> {
        let refuse = |what: String, fix: String| Err(DataError::Puzzle { what, fix });
        let legend = || "write `#` wall, space or `.` free, `S` start, `G` goal".to_owned();
        let mut tokens = Vec::new();
        for character in text.chars().filter(|character| !"\r\n|/".contains(*character)) {
            match grid::token(character).filter(|token| (WALL..=GOAL).contains(token)) {
                Some(token) => tokens.push(token),
                None => return refuse(format!("`{character}` stands in no maze"), legend()),
            }
        }
        let found = tokens.len();
        let wanted = self.side * self.side;
        if found != wanted {
            let fix = format!("this data set's mazes have {wanted}, {} rows of {}", self.side, self.side);
            return refuse(format!("it has {found} cells"), fix);
        }
        let maze = match Maze::new(self.side, tokens) {
            Ok(maze) => maze,
            Err(what) => return refuse(what, legend()),
        };
        if maze.path_cells().is_none() {
            let what = "no path leads from start to goal".to_owned();
            return refuse(what, "open a way between them".to_owned());
        }
        let mut read = example(maze.cells(), maze.cells());
        read.labels.fill(NO_LABEL);
        Ok(read)
    }

    fn render_styled(&self, tokens: &[i64], given: &[i64], style: &dyn Fn(Mark, &str) -> String) -> String {
        let mut out = String::with_capacity(tokens.len() * 2);
        for (at, &token) in tokens.iter().enumerate() {
            let asked = given.get(at).copied().unwrap_or(i64::from(FREE));
            let mark = match token {
                _ if token == asked && token == i64::from(FREE) => Mark::Blank,
                _ if token == asked => Mark::Given,
                _ if asked == i64::from(FREE) && token == i64::from(grid::PATH) => Mark::Filled,
                _ => Mark::Changed,
            };
            let shown = match grid::character(token) {
                ' ' => '.',
                other => other,
            };
            out.push_str(&style(mark, shown.encode_utf8(&mut [0; 4])));
            out.push(if (at + 1).is_multiple_of(self.side) { '\n' } else { ' ' });
        }
        out
    }

    fn has_rules(&self) -> bool {
        true
    }

    fn rating(&self, i: usize) -> Option<f64> {
        self.test.get(i)?.maze.path_cells().map(f64::from)
    }

    fn rating_name(&self) -> &str {
        "path cells"
    }

    /// The eight orientations, the maze as it is first.
    fn view(&self, example: &Example, k: u64) -> Option<View> {
        let turn = Dihedral::new(usize::try_from(k).ok()?)?;
        let side = self.side;
        let turned = Example {
            inputs: turn.apply(&example.inputs, side, side),
            labels: turn.apply(&example.labels, side, side),
            ..*example
        };
        let back = turn.inverse();
        Some(View { example: turned, undo: Box::new(move |answer| back.apply(answer, side, side)) })
    }

    fn picture(&self, tokens: &[i64], given: &[i64]) -> Picture {
        let picture = Picture::of_print(tokens.len(), |style| self.render_styled(tokens, given, style));
        let cells = picture.cells.into_iter().zip(tokens).map(|(cell, &token)| {
            let colour = u8::try_from(token).ok().and_then(grid::colour);
            let text = if matches!(token, 3 | 4) || colour.is_none() { cell.text } else { String::new() };
            PictureCell { colour, text, ..cell }
        });
        Picture { columns: self.side, cells: cells.collect(), ..picture }
    }

    fn validate(&self, given: &[i64], answer: &[i64]) -> Verdict {
        match maze_of(self.side, given) {
            Ok(maze) => maze.check(answer),
            Err(what) => Verdict { faults: vec![Fault { cells: Vec::new(), what }] },
        }
    }
}

/// What both sources of mazes say about path lengths: `11 to 24 path cells`.
fn lengths<'a>(pairs: impl Iterator<Item = &'a Pair>) -> String {
    let cells: Vec<u32> = pairs.filter_map(|pair| pair.maze.path_cells()).collect();
    match (cells.iter().min(), cells.iter().max()) {
        (Some(low), Some(high)) if low == high => format!("{low} path cells"),
        (Some(low), Some(high)) => format!("{low} to {high} path cells"),
        _ => "no mazes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_walls_and_a_path_in_colours() {
        let set = Mazes::new(2, Vec::new(), Vec::new(), false, Answers::Solved, String::new());
        let picture = set.picture(&[3, 5, 1, 4], &[3, 2, 1, 4]);
        assert_eq!((picture.columns, picture.rows()), (2, 2));
        let shown: Vec<_> =
            picture.cells.iter().map(|cell| (cell.text.as_str(), cell.mark, cell.colour)).collect();
        let [start, path, wall, goal] = [3, 5, 1, 4].map(grid::colour);
        assert_eq!(
            shown,
            [
                ("S", Mark::Given, start),
                ("", Mark::Filled, path),
                ("", Mark::Given, wall),
                ("G", Mark::Given, goal)
            ]
        );
    }
}
