//! Where lines end: the author's breaks as far as they carry meaning, one statement a line, blank lines at most one, and
//! the comma that ends a list which stands below its bracket. Takes tokens, says of each what stands before it; knows no
//! columns.

use super::blanks::between;
use crate::syntax::{Begins, Bracket, Role, Token};

/// What is written where.
pub(super) struct Plan {
    /// Line ends before each token: none, one, or two for a blank line.
    pub(super) ends: Vec<usize>,
    /// The closing bracket of each opening one.
    pub(super) partner: Vec<Option<usize>>,
    /// Tokens after which a comma is added.
    pub(super) comma_after: Vec<bool>,
    /// Commas that are left out.
    pub(super) left_out: Vec<bool>,
}

impl Plan {
    /// Whether what a bracket holds begins on a line of its own.
    pub(super) fn hangs(&self, open: usize, tokens: &[Token]) -> bool {
        let first = (open + 1..tokens.len()).find(|at| !trails(tokens, &self.ends, *at));
        first.is_some_and(|first| self.ends[first] > 0 && Some(first) != self.partner[open])
    }
}

pub(super) fn plan(text: &str, tokens: &[Token]) -> Plan {
    let written = line_ends(text, tokens);
    let partner = partners(tokens);
    let ends = (0..tokens.len()).map(|at| kept(text, tokens, &written, at)).collect();
    let nothing = vec![false; tokens.len()];
    let mut plan = Plan { ends, partner, comma_after: nothing.clone(), left_out: nothing };
    // From the inside out: what breaks inside breaks the braces around it.
    for open in (0..tokens.len()).rev() {
        let (Role::Open(bracket), Some(close)) = (tokens[open].role, plan.partner[open]) else { continue };
        bracketed(&mut plan, tokens, &written, bracket, open, close);
    }
    for (ends, token) in plan.ends.iter_mut().zip(tokens).skip(1) {
        if token.begins == Some(Begins::Item) {
            *ends = (*ends).max(1);
        }
    }
    apart(&mut plan, tokens);
    plan
}

/// Line ends in the text before each token.
fn line_ends(text: &str, tokens: &[Token]) -> Vec<usize> {
    let mut from = 0;
    let count = |token: &Token| {
        let ends = text[from..token.range.start].matches('\n').count();
        from = token.range.end;
        ends
    };
    tokens.iter().map(count).collect()
}

fn partners(tokens: &[Token]) -> Vec<Option<usize>> {
    let mut partner = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.role {
            Role::Open(_) => open.push(at),
            Role::Close(_) => {
                if let Some(open) = open.pop() {
                    partner[open] = Some(at);
                }
            }
            _ => {}
        }
    }
    partner
}

/// Whether a token is a comment behind others on their line.
fn trails(tokens: &[Token], ends: &[usize], at: usize) -> bool {
    tokens[at].role == Role::Comment && ends[at] == 0
}

/// The line ends before a token by itself, whatever brackets it stands in.
fn kept(text: &str, tokens: &[Token], written: &[usize], at: usize) -> usize {
    let token = &tokens[at];
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else { return 0 };
    let forced = usize::from(before.role == Role::Comment);
    let author = written[at].min(2);
    if author == 2 && may_stand_apart(tokens, at) && !matches!(before.role, Role::Open(_)) {
        return 2;
    }
    let author = author.min(1);
    if token.role == Role::Comment {
        return author.max(forced);
    }
    if matches!(token.role, Role::Close(_)) || author == 0 {
        return forced;
    }
    let opens_block = matches!(
        token.role,
        Role::Open(Bracket::Statements | Bracket::Members | Bracket::Arms | Bracket::Fields)
    );
    let declares = matches!(&text[token.range.clone()], "=" | "<-" | "->" | "=>" | "else");
    let after_head = before.role == Role::Word && before.begins.is_some();
    let joined = between(before, token) == 0 && !matches!(before.role, Role::Open(_));
    if opens_block || declares || after_head || joined { forced } else { 1 }
}

/// Whether a blank line may stand before a token: where something begins, and before comments that belong to it.
fn may_stand_apart(tokens: &[Token], at: usize) -> bool {
    let next = tokens[at..].iter().find(|token| token.role != Role::Comment);
    let comment = tokens[at].role == Role::Comment;
    match next {
        None => true,
        Some(token) => {
            matches!(token.begins, Some(Begins::Item | Begins::Member | Begins::Statement))
                || comment && matches!(token.role, Role::Close(Bracket::Members | Bracket::Statements))
        }
    }
}

fn bracketed(
    plan: &mut Plan,
    tokens: &[Token],
    written: &[usize],
    bracket: Bracket,
    open: usize,
    close: usize,
) {
    let inside = open + 1..close;
    if inside.is_empty() {
        plan.ends[close] = 0;
        return;
    }
    let block = matches!(bracket, Bracket::Statements | Bracket::Members | Bracket::Arms);
    let hangs = if block {
        let begun: Vec<usize> = direct(tokens, open, close, &plan.partner).collect();
        let arms = bracket == Bracket::Arms;
        let broken = inside.clone().any(|at| plan.ends[at] > 0)
            || written[open + 1] > 0
            || !arms && begun.len() > 1
            || inside.clone().any(|at| tokens[at].role == Role::Comment);
        for at in begun {
            plan.ends[at] = if broken { plan.ends[at].max(1) } else { 0 };
        }
        broken
    } else {
        plan.hangs(open, tokens)
    };
    if let Some(first) = inside.clone().find(|at| !trails(tokens, &plan.ends, *at))
        && hangs
    {
        plan.ends[first] = 1;
    }
    plan.ends[close] = usize::from(hangs || tokens[close - 1].role == Role::Comment);
    end_of_list(plan, tokens, bracket, open, close, hangs);
}

/// Tokens right inside a bracket that begin something.
fn direct<'a>(
    tokens: &'a [Token],
    open: usize,
    close: usize,
    partner: &'a [Option<usize>],
) -> impl Iterator<Item = usize> + 'a {
    let mut at = open + 1;
    std::iter::from_fn(move || {
        while at < close {
            let here = at;
            at = match tokens[here].role {
                Role::Open(_) => partner[here].map_or(close, |end| end + 1),
                _ => here + 1,
            };
            if tokens[here].begins.is_some() {
                return Some(here);
            }
        }
        None
    })
}

/// A comma ends a list whose bracket closes on a line of its own, and no other.
fn end_of_list(plan: &mut Plan, tokens: &[Token], bracket: Bracket, open: usize, close: usize, hangs: bool) {
    if matches!(
        bracket,
        Bracket::Members | Bracket::Statements | Bracket::PlainArguments | Bracket::PlainList
    ) {
        return;
    }
    let last = (open + 1..close).rev().find(|at| tokens[*at].role != Role::Comment);
    let Some(last) = last else { return };
    let ended = tokens[last].role == Role::Comma;
    // Parentheses around one value are no list.
    let one = bracket == Bracket::Tuple && !several(tokens, open, last, &plan.partner);
    if hangs && !one {
        plan.comma_after[last] = !ended;
    } else {
        plan.left_out[last] = ended;
    }
}

/// Whether a comma stands right inside a bracket, before its last token.
fn several(tokens: &[Token], open: usize, last: usize, partner: &[Option<usize>]) -> bool {
    let mut at = open + 1;
    while at < last {
        match tokens[at].role {
            Role::Comma => return true,
            Role::Open(_) => at = partner[at].unwrap_or(last) + 1,
            _ => at += 1,
        }
    }
    false
}

/// A blank line between declarations of the file of which one has several lines.
fn apart(plan: &mut Plan, tokens: &[Token]) {
    let items: Vec<usize> = (0..tokens.len()).filter(|at| tokens[*at].begins == Some(Begins::Item)).collect();
    let several = |from: usize, to: usize| (from + 1..to).any(|at| plan.ends[at] > 0);
    let mut wanted = Vec::new();
    for (number, &start) in items.iter().enumerate().skip(1) {
        let before = items[number - 1];
        let last = (before..start).rev().find(|at| tokens[*at].role != Role::Comment).unwrap_or(before);
        let end = items.get(number + 1).map_or(tokens.len(), |next| *next);
        let last_own = (start..end).rev().find(|at| tokens[*at].role != Role::Comment).unwrap_or(start);
        let gap = (last + 1..=start).find(|at| plan.ends[*at] > 0).unwrap_or(start);
        let blank = (gap..=start).any(|at| plan.ends[at] > 1);
        if !blank && (several(before, last + 1) || several(start, last_own + 1)) {
            wanted.push(gap);
        }
    }
    for at in wanted {
        plan.ends[at] = 2;
    }
}
