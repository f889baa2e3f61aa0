//! Takes numbers of thoughts and heights, draws the tree: one line per thought that goes on, forks, meets others
//! or ends. More lines than can be counted by eye become a band with a number. Never places a box.

use super::canvas::{Canvas, Layer, Rect, px};
use super::columns::{Columns, MOST_LINES};
use super::style::{sans, thought};

/// How one number of thoughts becomes another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// One becomes several.
    Branch,
    /// Several become fewer by combining.
    Merge,
    /// Several become fewer by leaving some out.
    Prune,
}

/// Whether the lines end at a box, with arrow heads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Without arrow heads.
    Open,
    /// With arrow heads.
    Arrow,
}

/// The thoughts run straight down.
pub fn run(canvas: &mut Canvas, columns: &Columns, count: usize, (top, bottom): (f64, f64), end: End) {
    if bottom - top < 0.5 {
        return;
    }
    if count > MOST_LINES {
        return band(canvas, columns, count, (top, bottom));
    }
    for at in 0..count {
        let (x, colour) = (columns.lane(at, count), thought(at, count));
        let stop = if end == End::Arrow { bottom - 5.0 } else { bottom };
        canvas.coloured(
            Layer::Lines,
            "lane",
            "stroke",
            &colour,
            &format!("M{} {}V{}", px(x), px(top), px(stop)),
        );
        if end == End::Arrow {
            let head = format!("M{} {}h7l-3.5 6z", px(x - 3.5), px(bottom - 6.5));
            canvas.coloured(Layer::Lines, "head", "fill", &colour, &head);
        }
    }
}

/// The thoughts change their number between `top` and `bottom`.
pub fn turn(
    canvas: &mut Canvas,
    columns: &Columns,
    turn: Turn,
    (from, to): (usize, usize),
    (top, bottom): (f64, f64),
) {
    if from == to {
        return run(canvas, columns, from, (top, bottom), End::Open);
    }
    if from > MOST_LINES || to > MOST_LINES {
        return fans(canvas, columns, (from, to), (top, bottom));
    }
    match turn {
        Turn::Branch => fork(canvas, columns, (from, to), (top, bottom)),
        Turn::Merge => meet(canvas, columns, (from, to), (top, bottom)),
        Turn::Prune => end_some(canvas, columns, (from, to), (top, bottom)),
    }
}

/// Where `turn` happens: the height, and the number of thoughts there.
pub fn knot(turn: Turn, (from, to): (usize, usize), (top, bottom): (f64, f64)) -> (f64, usize) {
    match turn {
        Turn::Branch => (top + KNOT, from),
        Turn::Merge => (bottom - KNOT, to),
        Turn::Prune => (top + KNOT, from),
    }
}

/// How far the fork or the meeting point lies inside its stretch.
const KNOT: f64 = 9.0;

fn fork(canvas: &mut Canvas, columns: &Columns, (from, to): (usize, usize), (top, bottom): (f64, f64)) {
    run(canvas, columns, from, (top, top + KNOT), End::Open);
    for child in 0..to {
        let start = columns.lane(child * from / to, from);
        curve(canvas, &thought(child, to), (start, top + KNOT), (columns.lane(child, to), bottom));
    }
    for parent in 0..from {
        canvas.dot(Layer::Lines, &thought(parent, from), (columns.lane(parent, from), top + KNOT), 4.0);
    }
}

fn meet(canvas: &mut Canvas, columns: &Columns, (from, to): (usize, usize), (top, bottom): (f64, f64)) {
    for at in 0..from {
        let end = columns.lane(at * to / from, to);
        curve(canvas, &thought(at, from), (columns.lane(at, from), top), (end, bottom - KNOT));
    }
    for group in 0..to {
        canvas.dot(Layer::Lines, &thought(group, to), (columns.lane(group, to), bottom - KNOT), 4.0);
    }
    run(canvas, columns, to, (bottom - KNOT, bottom), End::Open);
}

/// Which thoughts survive depends on the data; the picture spreads them evenly.
fn end_some(canvas: &mut Canvas, columns: &Columns, (from, to): (usize, usize), (top, bottom): (f64, f64)) {
    let middle = top + (bottom - top) * 0.42;
    let survivors: Vec<usize> = (0..to).map(|place| (2 * place + 1) * from / (2 * to)).collect();
    for at in 0..from {
        let (x, colour) = (columns.lane(at, from), thought(at, from));
        match survivors.iter().position(|survivor| *survivor == at) {
            Some(place) => {
                let line = format!("M{} {}V{}", px(x), px(top), px(middle));
                canvas.coloured(Layer::Lines, "lane", "stroke", &colour, &line);
                curve(canvas, &thought(place, to), (x, middle), (columns.lane(place, to), bottom));
            }
            None => {
                let line = format!("M{} {}V{}", px(x), px(top), px(middle - 8.0));
                canvas.coloured(Layer::Lines, "lane", "stroke", &colour, &line);
                cross(canvas, (x, middle - 5.0));
            }
        }
    }
}

fn cross(canvas: &mut Canvas, (x, y): (f64, f64)) {
    let (left, up) = (px(x - 4.0), px(y - 4.0));
    canvas.path(Layer::Lines, "cross", &format!("M{left} {up}l8 8m0 -8l-8 8"));
}

fn curve(canvas: &mut Canvas, colour: &str, (x, y): (f64, f64), (end_x, end_y): (f64, f64)) {
    let middle = (y + end_y) / 2.0;
    let path = format!(
        "M{} {}C{} {m} {} {m} {} {}",
        px(x),
        px(y),
        px(x),
        px(end_x),
        px(end_x),
        px(end_y),
        m = px(middle)
    );
    canvas.coloured(Layer::Lines, "lane", "stroke", colour, &path);
}

fn band(canvas: &mut Canvas, columns: &Columns, count: usize, (top, bottom): (f64, f64)) {
    for at in 0..MOST_LINES {
        let (left, right) = (columns.edge(at as f64, MOST_LINES), columns.edge(at as f64 + 1.0, MOST_LINES));
        let path = format!("M{l} {}H{r}V{}H{l}z", px(top), px(bottom), l = px(left), r = px(right));
        canvas.coloured(Layer::Lines, "bundle", "fill", &thought(at, MOST_LINES), &path);
    }
    if bottom - top >= 20.0 {
        count_chip(canvas, columns, count, (top + bottom) / 2.0);
    }
}

fn count_chip(canvas: &mut Canvas, columns: &Columns, count: usize, y: f64) {
    let label = format!("{count} thoughts");
    let width = sans(&label, 11.0) + 16.0;
    let rect = Rect { x: columns.axis - width / 2.0, y: y - 8.0, width, height: 16.0 };
    canvas.rect(Layer::Lines, "count", rect, 8.0);
    canvas.text(Layer::Lines, "small middle", (columns.axis, y + 4.0), &label);
}

/// Between a band and something narrower, or another band: each line opens to its share of the band.
fn fans(canvas: &mut Canvas, columns: &Columns, (from, to): (usize, usize), (top, bottom): (f64, f64)) {
    let pieces = from.min(to).min(MOST_LINES);
    for at in 0..pieces {
        let side = |count: usize| match count > MOST_LINES {
            true => (columns.edge(at as f64, pieces), columns.edge(at as f64 + 1.0, pieces)),
            false => (columns.lane(at, pieces) - 1.0, columns.lane(at, pieces) + 1.0),
        };
        let ((start, start_right), (end, end_right)) = (side(from), side(to));
        let path = format!(
            "M{sl} {t}C{sl} {m} {el} {m} {el} {b}H{er}C{er} {m} {sr} {m} {sr} {t}z",
            sl = px(start),
            sr = px(start_right),
            el = px(end),
            er = px(end_right),
            t = px(top),
            b = px(bottom),
            m = px((top + bottom) / 2.0)
        );
        canvas.coloured(Layer::Lines, "bundle", "fill", &thought(at, pieces), &path);
    }
}
