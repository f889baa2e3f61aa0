//! A picture as SVG: takes cells, how sure each is and which are wrong, gives markup that is as short as it can be,
//! for a page holds hundreds of them. What all answers to a question share is drawn once and used by reference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::escape;
use crate::data::{Mark, Picture, PictureCell};

/// A cell is so many units wide.
const CELL: usize = 10;
/// Columns up to which letters can be read in small drawings.
pub const MOST_LETTERED: usize = 12;
/// Probabilities from which a cell is in the next of five shades.
pub const SHADES: [f64; 4] = [0.5, 0.75, 0.9, 0.99];

/// What the answers to one question share.
pub struct Board {
    /// Prefix of the ids of the shared drawings.
    pub id: String,
    columns: usize,
    cells: Vec<usize>,
    /// Tokens that are part of the question in every picture.
    fixed: BTreeSet<usize>,
    /// Heavy lines every so many rows and columns.
    blocks: (usize, usize),
    /// The class of its drawings, where it is not told by their size.
    class: Option<&'static str>,
}

/// What is told of each cell.
#[derive(Default)]
pub struct Told<'a> {
    /// The probability of each token, by its place in the example.
    pub sure: Option<&'a [f64]>,
    pub wrong: Option<&'a BTreeSet<usize>>,
    /// Cells that differ from the step before.
    pub changed: Option<&'a BTreeSet<usize>>,
}

fn columns_of(picture: &Picture) -> usize {
    match picture.columns {
        0 => picture.cells.len().max(1),
        columns => columns,
    }
}

impl Board {
    /// Compares all pictures of one puzzle; the first is the question.
    pub fn new(id: String, pictures: &[&Picture]) -> Board {
        let question = pictures.first().copied();
        let places = |picture: &Picture| picture.cells.iter().map(|cell| cell.at).collect::<Vec<_>>();
        let cells = question.map(places).unwrap_or_default();
        let columns = question.map_or(1, columns_of);
        let alike = pictures.iter().all(|picture| columns_of(picture) == columns && places(picture) == cells);
        let given = |picture: &Picture| -> BTreeSet<usize> {
            picture.cells.iter().filter(|cell| cell.mark == Mark::Given).map(|cell| cell.at).collect()
        };
        let fixed = match alike {
            true => pictures
                .iter()
                .map(|picture| given(picture))
                .reduce(|one, other| one.intersection(&other).copied().collect())
                .unwrap_or_default(),
            false => BTreeSet::new(),
        };
        Board {
            id,
            columns,
            cells,
            fixed,
            blocks: question.map_or((0, 0), |picture| picture.blocks),
            class: None,
        }
    }

    /// For drawings of one class that share nothing.
    pub fn alone(class: &'static str) -> Board {
        Board { class: Some(class), ..Board::new(String::new(), &[]) }
    }

    /// The shared drawings: what is given, and the lines.
    pub fn shared(&self, question: &Picture) -> String {
        let mut given = String::new();
        let cells: Vec<_> = question
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| self.fixed.contains(&cell.at))
            .map(|(place, cell)| (self.corner(place), cell))
            .collect();
        if question.is_coloured() {
            tiles(&mut given, cells.iter().map(|(corner, cell)| (*corner, *cell, 4)));
        } else {
            squares(&mut given, "qg", cells.iter().map(|(corner, _)| *corner));
        }
        letters(&mut given, "qt", cells.iter().map(|(corner, cell)| (*corner, cell.text.as_str())));
        let lines = lines(self.columns, self.cells.len().div_ceil(self.columns), self.blocks);
        format!("<g id=\"{0}g\">{given}</g><g id=\"{0}l\">{lines}</g>", self.id)
    }

    fn corner(&self, place: usize) -> (usize, usize) {
        (place % self.columns * CELL, place / self.columns * CELL)
    }

    /// One picture; `label` is read out in its place.
    pub fn draw(&self, picture: &Picture, told: &Told, label: &str) -> String {
        let columns = columns_of(picture);
        let rows = picture.cells.len().div_ceil(columns);
        let own = self.class.is_some() || columns != self.columns || picture.cells.len() != self.cells.len();
        let corner = |place: usize| (place % columns * CELL, place / columns * CELL);
        let cells: Vec<_> = picture
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| !self.fixed.contains(&cell.at))
            .map(|(place, cell)| (corner(place), cell))
            .collect();
        let has = |set: Option<&BTreeSet<usize>>, at: usize| set.is_some_and(|set| set.contains(&at));
        let wrong = |cell: &PictureCell| has(told.wrong, cell.at);
        let mut body = String::new();
        if picture.is_coloured() {
            let level = |cell: &PictureCell| told.sure.map_or(4, |sure| shade(sure.get(cell.at)));
            tiles(&mut body, cells.iter().map(|(corner, cell)| (*corner, *cell, level(cell))));
            let crossed = || cells.iter().filter(|(_, cell)| wrong(cell)).map(|(corner, _)| *corner);
            crosses(&mut body, "halo", crossed());
            crosses(&mut body, "cross", crossed());
        } else {
            shaded(&mut body, &cells, told, &wrong);
        }
        for (class, is_wrong) in [("tf", false), ("tw", true)] {
            let of = cells.iter().filter(|(_, cell)| wrong(cell) == is_wrong && cell.mark != Mark::Blank);
            letters(&mut body, class, of.map(|(corner, cell)| (*corner, cell.text.as_str())));
        }
        let changed = cells.iter().filter(|(_, cell)| has(told.changed, cell.at));
        dashes(&mut body, changed.map(|(corner, _)| *corner));
        let lines =
            if own { lines(columns, rows, picture.blocks) } else { format!("<use href=\"#{}l\"/>", self.id) };
        let given =
            if self.fixed.is_empty() { String::new() } else { format!("<use href=\"#{}g\"/>", self.id) };
        let widest = picture.cells.iter().map(|cell| cell.text.chars().count()).max().unwrap_or(1).max(1);
        let size =
            if widest == 1 { String::new() } else { format!(";font-size:{:.1}px", 13.0 / widest as f64) };
        format!(
            "<svg class=\"grid{}\" viewBox=\"-1 -1 {} {}\" style=\"--c:{columns}{size}\" role=\"img\" \
             aria-label=\"{}\">{given}{body}{lines}</svg>",
            match (self.class, columns > MOST_LETTERED, picture.is_coloured()) {
                (Some(class), ..) => class,
                (None, false, _) => "",
                (None, true, false) => " fine",
                (None, true, true) => " fine tiles",
            },
            columns * CELL + 2,
            rows * CELL + 2,
            escape(label)
        )
    }
}

pub fn shade(probability: Option<&f64>) -> usize {
    let probability = probability.copied().unwrap_or(0.0);
    SHADES.iter().filter(|from| probability >= **from).count()
}

/// Backgrounds by how sure a cell is, wrong ones in another hue and with a corner turned.
fn shaded(
    body: &mut String,
    cells: &[((usize, usize), &PictureCell)],
    told: &Told,
    wrong: &dyn Fn(&PictureCell) -> bool,
) {
    for level in 0..=SHADES.len() {
        for (class, is_wrong) in [('s', false), ('w', true)] {
            let of = cells.iter().filter(|(_, cell)| {
                let level_of = match told.sure {
                    Some(sure) => shade(sure.get(cell.at)),
                    None if is_wrong => 2,
                    None => return false,
                };
                level_of == level && wrong(cell) == is_wrong
            });
            squares(body, &format!("{class}{level}"), of.map(|(corner, _)| *corner));
        }
    }
    let mut path = String::new();
    for ((x, y), _) in cells.iter().filter(|(_, cell)| wrong(cell)) {
        let _ = write!(path, "M{} {y}v4l-4-4z", x + CELL);
    }
    named(body, "x", &path);
}

/// A path with a class, if there is anything of it.
fn named(body: &mut String, class: &str, path: &str) {
    if !path.is_empty() {
        let _ = write!(body, "<path class=\"{class}\" d=\"{path}\"/>");
    }
}

fn squares(body: &mut String, class: &str, corners: impl Iterator<Item = (usize, usize)>) {
    let mut path = String::new();
    for (x, y) in corners {
        let _ = write!(path, "M{x} {y}h{CELL}v{CELL}h-{CELL}z");
    }
    named(body, class, &path);
}

fn crosses(body: &mut String, class: &str, corners: impl Iterator<Item = (usize, usize)>) {
    let mut path = String::new();
    for (x, y) in corners {
        let _ = write!(path, "M{0} {1}l6 6m0-6l-6 6", x + 2, y + 2);
    }
    named(body, class, &path);
}

fn dashes(body: &mut String, corners: impl Iterator<Item = (usize, usize)>) {
    let mut path = String::new();
    for (x, y) in corners {
        let _ = write!(path, "M{} {}h4", x + 3, y + CELL - 1);
    }
    named(body, "c", &path);
}

/// Squares in the colours of their tokens: the surer, the larger.
fn tiles<'a>(body: &mut String, cells: impl Iterator<Item = ((usize, usize), &'a PictureCell, usize)>) {
    /// From the edge of a cell, by shade.
    const INSET: [f64; 5] = [3.2, 2.4, 1.6, 0.8, 0.0];
    let mut boxes: Vec<([u8; 3], [f64; 2], [f64; 2])> = Vec::new();
    for ((x, y), cell, level) in cells {
        let Some(colour) = cell.colour else { continue };
        let inset = INSET.get(level).copied().unwrap_or(0.0);
        let (x, y, side) = (x as f64 + inset, y as f64 + inset, CELL as f64 - 2.0 * inset);
        match boxes.last_mut() {
            // Tiles that touch are one: that halves a page of ARC.
            Some((same, [left, top], [width, _])) if *same == colour && *top == y && *left + *width == x => {
                *width += side;
            }
            _ => boxes.push((colour, [x, y], [side, side])),
        }
    }
    let mut paths: BTreeMap<[u8; 3], String> = BTreeMap::new();
    for (colour, [x, y], [width, height]) in boxes {
        let _ = write!(paths.entry(colour).or_default(), "M{x} {y}h{width}v{height}h-{width}z");
    }
    for ([red, green, blue], path) in paths {
        let _ = write!(body, "<path fill=\"#{red:02x}{green:02x}{blue:02x}\" d=\"{path}\"/>");
    }
}

/// One element per row where every cell holds one letter, else one per cell.
fn letters<'a>(body: &mut String, class: &str, cells: impl Iterator<Item = ((usize, usize), &'a str)>) {
    let mut rows: BTreeMap<usize, (Vec<String>, String)> = BTreeMap::new();
    for ((x, y), text) in cells.filter(|(_, text)| !text.trim().is_empty()) {
        if text.chars().count() == 1 {
            let (places, letters) = rows.entry(y).or_default();
            places.push((x + CELL / 2).to_string());
            letters.push_str(text);
        } else {
            let (x, y) = (x + CELL / 2, y as f64 + 7.0);
            let _ = write!(body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(text));
        }
    }
    for (y, (places, letters)) in rows {
        let (y, places) = (y as f64 + 7.6, places.join(" "));
        let _ = write!(body, "<text class=\"{class}\" x=\"{places}\" y=\"{y}\">{}</text>", escape(&letters));
    }
}

fn lines(columns: usize, rows: usize, blocks: (usize, usize)) -> String {
    let (width, height) = (columns * CELL, rows * CELL);
    let (mut thin, mut heavy) = (String::new(), String::new());
    for row in 1..rows {
        let is_heavy = blocks.0 > 0 && row % blocks.0 == 0;
        let path = if is_heavy { &mut heavy } else { &mut thin };
        let _ = write!(path, "M0 {}h{width}", row * CELL);
    }
    for column in 1..columns {
        let is_heavy = blocks.1 > 0 && column % blocks.1 == 0;
        let path = if is_heavy { &mut heavy } else { &mut thin };
        let _ = write!(path, "M{} 0v{height}", column * CELL);
    }
    let _ = write!(heavy, "M0 0h{width}v{height}h-{width}z");
    let mut body = String::new();
    named(&mut body, "qn", &thin);
    named(&mut body, "qh", &heavy);
    body
}
