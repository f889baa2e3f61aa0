//! Grids and people: takes typed text, gives a question; takes tokens, gives them printed and checked.

use super::files::Pair;
use super::grid::{END, FIRST_COLOUR, Grid, PAD};
use super::test_set::TestSet;
use crate::data::{DataError, Example, Fault, Mark, NO_LABEL, Picture, PictureCell, Verdict};

/// Reads a question as people write it: `00d62c1b` or `00d62c1b#2` for a test input of a tested task, or
/// `00d62c1b: 010|101` for a grid of one's own under the identifier of a task or copy. The grid may also be JSON. Tokens
/// are `[side * side]`.
pub fn parse(text: &str, set: &TestSet, side: usize) -> Result<Example, DataError> {
    let refuse = |what: String, fix: &str| DataError::Puzzle { what, fix: fix.to_owned() };
    let form = "write TASK, TASK#2 for its second test input, or TASK: 012|345 with a digit per cell and a bar between rows";
    let text = text.trim();
    let (name, grid) = match text.split_once(':') {
        Some((name, grid)) => (name.trim(), Some(grid.trim())),
        None => (text, None),
    };
    let (name, number) = match name.split_once('#') {
        Some((name, number)) => match number.parse::<usize>() {
            Ok(number) if number > 0 => (name, number),
            _ => return Err(refuse(format!("`#{number}` is no number of a test input"), form)),
        },
        None => (name, 1),
    };
    let identifier = set.identifiers.find(name).ok_or_else(|| {
        let what = format!("the data set has no task `{name}`, and an answer depends on the task");
        refuse(what, form)
    })?;
    let input = match grid {
        Some(text) => read(text).map_err(|what| refuse(what, form))?,
        None => {
            let task = set.tasks.iter().find(|task| task.name == name).ok_or_else(|| {
                refuse(format!("`{name}` is not a tested task, so it has no test input of its own"), form)
            })?;
            let pair = task.tests.get(number - 1).ok_or_else(|| {
                refuse(format!("`{name}` has {} test inputs, not {number}", task.tests.len()), form)
            })?;
            pair.input.clone()
        }
    };
    if input.rows().max(input.columns()) > side {
        let what = format!("a grid of {}x{} cells", input.rows(), input.columns());
        return Err(refuse(what, &format!("this data set has room for {side}x{side}")));
    }
    let mut tokens = vec![PAD; side * side];
    input.write(0, 0, &mut tokens);
    let inputs = tokens.into_iter().map(i64::from).collect();
    Ok(Example { inputs, labels: vec![NO_LABEL; side * side], puzzle: identifier })
}

/// Reads digits with bars or line ends between rows, or JSON.
fn read(text: &str) -> Result<Grid, String> {
    if text.starts_with('[') {
        let lines: Vec<Vec<u8>> =
            serde_json::from_str(text).map_err(|error| format!("the grid is no list of rows: {error}"))?;
        return Grid::from_lines(&lines);
    }
    let digit = |letter: char| match letter.to_digit(10) {
        Some(digit) => Ok(digit as u8),
        None => Err(format!("`{letter}` is no colour from 0 to 9")),
    };
    let rows = text.split(['|', '\n']).map(str::trim).filter(|row| !row.is_empty());
    let lines = rows.map(|row| row.chars().filter(|letter| !letter.is_whitespace()).map(digit).collect());
    Grid::from_lines(&lines.collect::<Result<Vec<Vec<u8>>, String>>()?)
}

/// Prints tokens, a square of cells: a digit per colour, `·` for an end mark, nothing for padding; only the part that is not
/// padding. The cells of the question are given, those of an answer filled.
pub fn render(tokens: &[i64], given: &[i64], style: &dyn Fn(Mark, &str) -> String) -> String {
    let side = tokens.len().isqrt().max(1);
    let drawn = |at: &usize| {
        let token = tokens.get(*at).copied().unwrap_or(i64::from(PAD));
        token != i64::from(PAD) && token != NO_LABEL
    };
    let cells = || (0..tokens.len()).filter(drawn);
    let (Some(top), Some(bottom)) = (cells().map(|at| at / side).min(), cells().map(|at| at / side).max())
    else {
        return "(no grid)\n".to_owned();
    };
    let left = cells().map(|at| at % side).min().unwrap_or(0);
    let right = cells().map(|at| at % side).max().unwrap_or(0);
    let mark = if tokens == given { Mark::Given } else { Mark::Filled };
    let mut text = String::new();
    for row in top..=bottom {
        let mut line = String::new();
        for column in left..=right {
            let token = tokens.get(row * side + column).copied().unwrap_or(i64::from(PAD));
            let first = i64::from(FIRST_COLOUR);
            line += &match token {
                token if (first..first + 10).contains(&token) => style(mark, &(token - first).to_string()),
                token if token == i64::from(END) => style(Mark::Blank, "·"),
                _ => " ".to_owned(),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// The ten colours as ARC's own testing interface shows them, from 0 to 9.
pub const COLOURS: [[u8; 3]; 10] = [
    [0, 0, 0],
    [0, 116, 217],
    [255, 65, 54],
    [46, 204, 64],
    [255, 220, 0],
    [170, 170, 170],
    [240, 18, 190],
    [255, 133, 27],
    [127, 219, 255],
    [135, 12, 37],
];

/// The part of a square of tokens that is not padding, as coloured tiles; end marks are dots.
pub fn picture(tokens: &[i64]) -> Picture {
    let side = tokens.len().isqrt().max(1);
    let token = |at: usize| tokens.get(at).copied().unwrap_or(i64::from(PAD));
    let drawn = |at: &usize| ![i64::from(PAD), NO_LABEL].contains(&token(*at));
    let cells = || (0..tokens.len()).filter(drawn);
    let rows = || cells().map(|at| at / side);
    let columns = || cells().map(|at| at % side);
    let ends = (rows().min(), rows().max(), columns().min(), columns().max());
    let (Some(top), Some(bottom), Some(left), Some(right)) = ends else { return Picture::default() };
    let cell = |at: usize| {
        let colour = usize::try_from(token(at) - i64::from(FIRST_COLOUR)).ok();
        let colour = colour.and_then(|colour| COLOURS.get(colour)).copied();
        let text = if token(at) == i64::from(END) { "·" } else { "" };
        PictureCell { at, text: text.to_owned(), colour, mark: Mark::Filled }
    };
    let places = (top..=bottom).flat_map(|row| (left..=right).map(move |column| row * side + column));
    Picture { columns: right - left + 1, blocks: (0, 0), cells: places.map(cell).collect() }
}

/// Checks an answer: its tokens must be one grid with its end marks, and equal the output of the pair whose input the
/// question is, where `pairs` has it unaugmented.
pub fn validate<'a>(given: &[i64], answer: &[i64], mut pairs: impl Iterator<Item = &'a Pair>) -> Verdict {
    let fault = |cells, what| Fault { cells, what };
    let side = given.len().isqrt();
    if answer.len() != given.len() {
        let what = format!("there are {} cells instead of {}", answer.len(), given.len());
        return Verdict { faults: vec![fault(Vec::new(), what)] };
    }
    let grid = Grid::crop(answer);
    if grid.is_empty() {
        let what = "the answer does not begin with a colour, so it holds no grid".to_owned();
        return Verdict { faults: vec![fault(vec![0], what)] };
    }
    let asked = Grid::crop(given);
    let Some(right) = pairs.find(|pair| pair.input == asked).and_then(|pair| pair.output.as_ref()) else {
        return Verdict::default();
    };
    if (grid.rows(), grid.columns()) != (right.rows(), right.columns()) {
        let what = format!(
            "the answer has {}x{} cells where {}x{} are right",
            grid.rows(),
            grid.columns(),
            right.rows(),
            right.columns()
        );
        return Verdict { faults: vec![fault(Vec::new(), what)] };
    }
    let wrong: Vec<usize> =
        (0..grid.cells().len()).filter(|at| grid.cells()[*at] != right.cells()[*at]).collect();
    if wrong.is_empty() {
        return Verdict::default();
    }
    let what = format!("{} of {} cells are wrong", wrong.len(), grid.cells().len());
    let places = wrong.iter().map(|at| at / grid.columns() * side + at % grid.columns()).collect();
    Verdict { faults: vec![fault(places, what)] }
}

#[cfg(test)]
mod tests {
    use super::super::grid::{CELLS, SIDE};
    use super::*;

    #[test]
    fn a_picture_is_cropped_and_coloured() {
        // Two rows of two colours in the corner of row 3, column 4, with an end mark.
        let mut tokens = vec![i64::from(PAD); CELLS];
        for (at, token) in [(3 * SIDE + 4, 2), (3 * SIDE + 5, 4), (4 * SIDE + 4, 11), (4 * SIDE + 5, 1)] {
            tokens[at] = token;
        }
        let picture = picture(&tokens);
        assert_eq!((picture.columns, picture.rows()), (2, 2));
        let colours: Vec<_> = picture.cells.iter().map(|cell| cell.colour).collect();
        assert_eq!(colours, [Some([0, 0, 0]), Some([255, 65, 54]), Some([135, 12, 37]), None]);
        assert_eq!(picture.cells[3].at, 4 * SIDE + 5);
        assert!(super::picture(&vec![NO_LABEL; CELLS]).cells.is_empty());
    }
}
