//! What stands below each other on lines that follow one another: `=` of nets, axes, metrics and losses, names of data and
//! of weights, `=>` of arms, comments at the ends of lines. Takes lines, gives further blanks; the lines stay as they are.

use super::layout::{Line, head};
use crate::syntax::{Begins, Role, Token};

/// What may stand below each other: lines of one kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alike {
    Arms,
    Nets,
    Axes,
    Metrics,
    Losses,
    Data,
    Weights,
}

/// Blanks to add before each token.
pub(super) fn signs(lines: &[Line], text: &str, tokens: &[Token]) -> Vec<usize> {
    let mut pads = vec![0; tokens.len()];
    let columns: Vec<_> = lines.iter().map(|line| column(line, text, tokens)).collect();
    let same = |at: usize, next: usize| match (columns[at], columns[next]) {
        (Some((one, _)), Some((other, _))) => one == other && follows(&lines[at], &lines[next]),
        _ => false,
    };
    for run in runs(lines.len(), same) {
        let places: Vec<_> = run.filter_map(|at| columns[at].map(|(_, piece)| (&lines[at], piece))).collect();
        let widest = places.iter().map(|(line, piece)| line.width(*piece)).max().unwrap_or(0);
        for (line, piece) in places {
            pads[line.pieces[piece].token] = widest - line.width(piece);
        }
    }
    pads
}

/// Blanks to add before the comment that ends each line.
pub(super) fn comments(lines: &[Line], tokens: &[Token]) -> Vec<usize> {
    let mut pads = vec![0; lines.len()];
    let ends_so = |line: &Line| {
        line.pieces.len() > 1
            && line.pieces.last().is_some_and(|piece| tokens[piece.token].role == Role::Comment)
    };
    let same = |at: usize, next: usize| {
        ends_so(&lines[at]) && ends_so(&lines[next]) && follows(&lines[at], &lines[next])
    };
    let width = |at: usize| lines[at].width(lines[at].pieces.len() - 1);
    for run in runs(lines.len(), same).into_iter().filter(|run| ends_so(&lines[run.start])) {
        let widest = run.clone().map(width).max().unwrap_or(0);
        for at in run {
            pads[at] = widest - width(at);
        }
    }
    pads
}

/// Whether a line stands right below another, equally far indented.
fn follows(line: &Line, next: &Line) -> bool {
    line.indent == next.indent && !next.apart
}

/// The stretches in which every place goes with the next.
fn runs(len: usize, same: impl Fn(usize, usize) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for at in 0..len {
        if at + 1 == len || !same(at, at + 1) {
            found.push(start..at + 1);
            start = at + 1;
        }
    }
    found
}

/// What a line is, and the piece that stands below others of its kind.
fn column(line: &Line, text: &str, tokens: &[Token]) -> Option<(Alike, usize)> {
    let (begins, word) = head(line, text, tokens)?;
    let alike = match word {
        _ if begins == Begins::Arm => Alike::Arms,
        "net" => Alike::Nets,
        "axis" => Alike::Axes,
        "metric" => Alike::Metrics,
        "loss" => Alike::Losses,
        "input" | "target" => return (line.pieces.len() > 1).then_some((Alike::Data, 1)),
        "param" | "buffer" | "table" | "state" => {
            return (line.pieces.len() > 1).then_some((Alike::Weights, 1));
        }
        _ => return None,
    };
    let wanted = if alike == Alike::Arms { "=>" } else { "=" };
    let mut depth = 0_usize;
    for (at, piece) in line.pieces.iter().enumerate() {
        let token = &tokens[piece.token];
        match token.role {
            Role::Open(_) => depth += 1,
            Role::Close(_) => depth = depth.saturating_sub(1),
            _ if depth == 0 && &text[token.range.clone()] == wanted => return Some((alike, at)),
            _ => {}
        }
    }
    None
}
