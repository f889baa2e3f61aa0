//! Lines from tokens: how far each is indented, and what stands in it. What follows an opening bracket at the end of a
//! line is indented by a level; what follows one within a line stands below its first thing; what goes on a statement
//! is indented by a level. Takes the plan of breaks and the pads of aligned signs; decides neither.

use super::blanks::between;
use super::breaks::Plan;
use crate::syntax::{Begins, Bracket, Role, Token};

/// Spaces a level.
const INDENT: usize = 4;

/// A line of the form.
pub(super) struct Line {
    /// Blanks before it.
    pub(super) indent: usize,
    /// Whether an empty line stands before it.
    pub(super) apart: bool,
    /// What it holds.
    pub(super) pieces: Vec<Piece>,
}

/// A token as it is written.
pub(super) struct Piece {
    /// Its place among the tokens.
    pub(super) token: usize,
    /// Blanks before it.
    pub(super) gap: usize,
    /// What is written, an added comma included.
    pub(super) text: String,
}

impl Line {
    /// Columns up to the end of a number of pieces.
    pub(super) fn width(&self, pieces: usize) -> usize {
        self.indent + self.pieces[..pieces].iter().map(Piece::width).sum::<usize>()
    }
}

impl Piece {
    fn width(&self) -> usize {
        self.gap + self.text.chars().count()
    }
}

/// What an open bracket does to the lines inside it.
struct Frame {
    kind: Kind,
    /// Of what begins a line inside.
    indent: usize,
    /// Of the closing bracket.
    close: usize,
    /// The statement that is being written is one whose braces are its own.
    owns_braces: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Declarations, statements or arms.
    Block,
    /// A list below its bracket.
    Hanging,
    /// A list that begins right behind its bracket.
    Beside,
}

/// The lines; `pads` are further blanks before tokens, none if empty.
pub(super) fn lines(text: &str, tokens: &[Token], plan: &Plan, pads: &[usize]) -> Vec<Line> {
    let mut frames = vec![Frame { kind: Kind::Block, indent: 0, close: 0, owns_braces: false }];
    let mut lines: Vec<Line> = Vec::new();
    let mut before: Option<usize> = None;
    for (at, token) in tokens.iter().enumerate() {
        if plan.left_out[at] {
            continue;
        }
        let (Some(frame), written) = (frames.last_mut(), &text[token.range.clone()]) else { break };
        if frame.kind == Kind::Block && token.begins.is_some() {
            frame.owns_braces = matches!(written, "if" | "repeat" | "fn" | "block");
        }
        if plan.ends[at] > 0 || lines.is_empty() {
            let indent = indent(text, tokens, frame, at);
            lines.push(Line { indent, apart: plan.ends[at] > 1, pieces: Vec::new() });
        }
        let Some(line) = lines.last_mut() else { break };
        let gap = match before {
            Some(before) if !line.pieces.is_empty() => {
                between(&tokens[before], token) + pads.get(at).copied().unwrap_or(0)
            }
            _ => 0,
        };
        let comma = if plan.comma_after[at] { "," } else { "" };
        line.pieces.push(Piece { token: at, gap, text: format!("{written}{comma}") });
        match token.role {
            Role::Open(bracket) => {
                let frame = opened(bracket, frame, line, plan.hangs(at, tokens));
                frames.push(frame);
            }
            Role::Close(_) if frames.len() > 1 => {
                frames.pop();
            }
            _ => {}
        }
        before = Some(at);
    }
    lines
}

fn opened(bracket: Bracket, around: &Frame, line: &Line, hangs: bool) -> Frame {
    let end = line.width(line.pieces.len());
    let block = matches!(bracket, Bracket::Arms | Bracket::Members | Bracket::Statements);
    let own = bracket == Bracket::Members || bracket == Bracket::Statements && around.owns_braces;
    let close = if block && own && around.kind == Kind::Block { around.indent } else { line.indent };
    let (kind, indent) = match (block, hangs) {
        (true, _) => (Kind::Block, close + INDENT),
        (false, true) => (Kind::Hanging, close + INDENT),
        (false, false) => (Kind::Beside, end + usize::from(bracket == Bracket::Fields)),
    };
    Frame { kind, indent, close, owns_braces: false }
}

/// How far the line that a token begins is indented.
fn indent(text: &str, tokens: &[Token], frame: &Frame, at: usize) -> usize {
    let token = &tokens[at];
    if matches!(token.role, Role::Close(_)) {
        return frame.close;
    }
    let going_on = match frame.kind {
        Kind::Beside => false,
        Kind::Hanging => {
            let last = tokens[..at].iter().rev().find(|token| token.role != Role::Comment);
            token.role != Role::Comment
                && last.is_some_and(|last| !matches!(last.role, Role::Comma | Role::Open(_)))
        }
        Kind::Block => {
            let next = tokens[at..].iter().find(|token| token.role != Role::Comment);
            next.is_some_and(|next| {
                next.begins.is_none()
                    && !matches!(next.role, Role::Close(_))
                    && &text[next.range.clone()] != "else"
            })
        }
    };
    frame.indent + if going_on { INDENT } else { 0 }
}

/// The text of the lines; `comments` are further blanks before the comment that ends each.
pub(super) fn write(lines: &[Line], comments: &[usize]) -> String {
    let mut out = String::new();
    for (line, more) in lines.iter().zip(comments) {
        if line.apart {
            out.push('\n');
        }
        out.push_str(&" ".repeat(line.indent));
        for (at, piece) in line.pieces.iter().enumerate() {
            let last = at + 1 == line.pieces.len();
            out.push_str(&" ".repeat(piece.gap + if last { *more } else { 0 }));
            out.push_str(&piece.text);
        }
        out.push('\n');
    }
    out
}

/// Whether a line begins with the first token of a declaration, statement or arm; which, and its word.
pub(super) fn head<'a>(line: &Line, text: &'a str, tokens: &[Token]) -> Option<(Begins, &'a str)> {
    let token = &tokens[line.pieces.first()?.token];
    Some((token.begins?, &text[token.range.clone()]))
}
