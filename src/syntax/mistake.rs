//! What is said about a text that does not follow the grammar, and which piece of it is left out so that the
//! rest can be read. Takes the text and pest's furthest position; knows only words, brackets and lines, since
//! there is no tree of a text that cannot be parsed.

use super::grammar::Rule;
use super::habits::{Habit, habit, in_word};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::source::{FileId, Span};
use pest::error::{ErrorVariant, InputLocation};
use std::ops::Range;

/// Words that begin an item or a member of a model.
const MEMBERS: [&str; 22] = [
    "use", "model", "mixin", "net", "fn", "config", "axis", "input", "target", "param", "buffer", "table",
    "state", "encode", "think", "decode", "block", "predict", "metric", "loss", "halt", "drop",
];
const STATEMENTS: [&str; 13] = [
    "let",
    "var",
    "record",
    "collect",
    "emit",
    "repeat",
    "branch",
    "merge",
    "prune",
    "do",
    "inherited",
    "return",
    "if",
];
const ITEMS: &str = "expected `use`, `model`, `net`, `fn` or `axis`";
/// Names that no declaration may take.
pub const RESERVED: [&str; 10] =
    ["if", "else", "match", "lookahead", "true", "false", "not", "and", "or", "return"];
const OPERATORS: [&str; 15] =
    ["<-", "=>", "->", "==", "!=", "<=", ">=", "=", "+", "-", "*", "/", "^", "<", ">"];

/// Brackets inside brackets, at most; the parser recurses, and nobody reads more.
pub(super) const DEEPEST: usize = 64;

/// The complaint about the first mistake of `text`, and the stretch to leave out.
pub(super) fn mistake(
    file: FileId,
    text: &str,
    error: &pest::error::Error<Rule>,
) -> (Diagnostic, Range<usize>) {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at.min(text.len()),
    };
    let view = View::new(file, text);
    let positives = positives(error);
    let diagnostic = view.complaint(at, &positives);
    // What is shown first is what is broken; what was swallowed after it may be whole.
    let related = diagnostic.related.iter().map(|(span, _)| span.start);
    let shown = related.chain([diagnostic.primary.0.start]).min().unwrap_or(0) as usize;
    let stray = shown == at && at < text.len() && expects_member(&positives);
    let piece = view.piece_around(shown.min(at), stray);
    let token = at..(at + view.word_at(at).len()).min(text.len());
    if piece.is_empty() { (diagnostic, token) } else { (diagnostic, piece) }
}

/// `else if`s of one text, at most: each is a step deeper.
const MOST_ELSE_IF: usize = 100;

/// The complaint about brackets inside brackets, or `else if` after `else if`, beyond reason.
pub(super) fn too_deep(file: FileId, text: &str) -> Option<Diagnostic> {
    let (mut depth, mut chain) = (0usize, 0usize);
    for (at, c) in significant(text) {
        let rest = &text[at..];
        if c == 'e' && rest.strip_prefix("else").is_some_and(|rest| rest.trim_start().starts_with("if ")) {
            chain += 1;
            if chain > MOST_ELSE_IF {
                let message = format!("there are more than {MOST_ELSE_IF} `else if`s in this file");
                let told =
                    Diagnostic::new(Code::Syntax, message, Span::new(file, at..at + 4), "one too many");
                return Some(told.help("choose with `match` on a config, or compute with numbers"));
            }
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            let message = format!("brackets are nested more than {DEEPEST} deep");
            let span = Span::new(file, at..at + 1);
            return Some(
                Diagnostic::new(Code::Syntax, message, span, "one too many")
                    .help("name the inner parts: `let part = …`"),
            );
        }
    }
    None
}

fn positives(error: &pest::error::Error<Rule>) -> Vec<Rule> {
    match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.clone(),
        ErrorVariant::CustomError { .. } => Vec::new(),
    }
}

fn expects_item(positives: &[Rule]) -> bool {
    positives.iter().any(|rule| matches!(rule, Rule::kw_model | Rule::model | Rule::use_item))
}

fn expects_member(positives: &[Rule]) -> bool {
    positives.iter().any(|rule| matches!(rule, Rule::kw_config | Rule::config_member))
}

/// Characters outside comments, with their places.
fn significant(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut comment = false;
    text.char_indices().filter(move |(at, c)| {
        if *c == '\n' {
            comment = false;
        } else if text[*at..].starts_with("//") {
            comment = true;
        }
        !comment
    })
}

struct Bracket {
    at: usize,
    c: char,
}

struct View<'a> {
    file: FileId,
    text: &'a str,
}

impl<'a> View<'a> {
    fn new(file: FileId, text: &'a str) -> View<'a> {
        View { file, text }
    }

    fn complaint(&self, at: usize, positives: &[Rule]) -> Diagnostic {
        let found = self.word_at(at);
        let open = self.open_brackets(at);
        if let Some(bracket) = open.iter().rev().find(|bracket| bracket.c != '{' && !self.is_closed(bracket))
        {
            let close = if bracket.c == '(' { ')' } else { ']' };
            return self
                .told(
                    bracket.at..bracket.at + 1,
                    format!("this `{}` is never closed", bracket.c),
                    "opened here",
                )
                .help(format!("add the `{close}`"));
        }
        if let Some(place) = self.foreign_name(at) {
            let message = format!("`{}` is no name", &self.text[place.clone()]);
            let told = self.told(place, message, "not of the language's letters");
            return told.help("names are made of the letters a to z, digits and `_`");
        }
        let bracket = open.last().filter(|bracket| bracket.c != '{').map(|bracket| (bracket.at, bracket.c));
        if let Some(Habit { place, message, label, help }) = habit(self.text, at, bracket) {
            return self.told(place, message, label).help(help);
        }
        let start = self.line_start(at);
        let first = self.text[start..at].trim();
        let lone = !first.is_empty() && first.chars().all(in_word);
        let word_at = start + self.text[start..at].len() - self.text[start..at].trim_start().len();
        let word = self.word_at(word_at);
        let begins = word != "if" && (MEMBERS.contains(&word) || STATEMENTS.contains(&word));
        if word_at < at
            && (begins || (lone && found == "<"))
            && let Some(missing) = self.missing_value(word_at)
        {
            return missing;
        }
        if lone && MEMBERS.contains(&first) {
            let top = ["use", "model", "mixin", "fn"].contains(&first);
            let deepest = if top { 0 } else { 1 };
            let braces: Vec<&Bracket> = open.iter().filter(|bracket| bracket.c == '{').collect();
            if braces.len() > deepest {
                let told = self.told(
                    word_at..word_at + first.len(),
                    format!("a `}}` is missing before `{first}`"),
                    "still inside the braces before it",
                );
                return self.with_unclosed(told, word_at);
            }
        }
        if found.is_empty() {
            let end = self.text.len();
            let message = "the text ends too early".to_owned();
            let told = match open.iter().rev().find(|bracket| bracket.c == '{') {
                Some(_) => {
                    self.told(end..end, "a `}` is missing at the end".to_owned(), "the text ends here")
                }
                None => match self.missing_value(end) {
                    Some(missing) => return missing,
                    None => return self.with_expected(self.told(end..end, message, "here"), positives),
                },
            };
            return self.with_unclosed(told, end);
        }
        if matches!(found, "}" | ")" | "]" | ",")
            && let Some(missing) = self.missing_value(at)
        {
            return missing;
        }
        let place = at..at + found.len();
        if found == "}" && open.is_empty() {
            return self
                .told(place, "this `}` closes nothing".to_owned(), "no `{` is open here")
                .help("remove it");
        }
        if found == "=" && lone && !MEMBERS.contains(&first) {
            return self.told(place, format!("`{first}` is not updated with `=`"), "not an assignment").help(
                format!("`{first} <- …` updates a state or `var`, `let {first} = …` binds a new name"),
            );
        }
        let told = self.told(place, format!("`{found}` does not belong here"), "not expected");
        match self.advice(at, found, first, lone, &open, positives) {
            Some(help) => told.help(help),
            None if open.is_empty() && first.is_empty() => told.help(ITEMS),
            None => self.with_expected(told, positives),
        }
    }

    fn told(&self, place: Range<usize>, message: String, label: &str) -> Diagnostic {
        Diagnostic::new(Code::Syntax, message, Span::new(self.file, place), label)
    }

    /// What an author who wrote this probably meant.
    fn advice(
        &self,
        at: usize,
        found: &str,
        first: &str,
        lone: bool,
        open: &[Bracket],
        positives: &[Rule],
    ) -> Option<String> {
        let rest = &self.text[at..];
        let c = rest.chars().next()?;
        let before = self.text[..at].trim_end();
        let spelled = [
            (";", "statements end by themselves: remove it"),
            ("\"", "there are no texts in the language: choices and names are bare words"),
            ("'", "there are no texts in the language: choices and names are bare words"),
            ("#", "comments begin with `//`"),
            ("&", "say `and`"),
            ("|", "say `or`; choices of a config are `config name: a | b = a`"),
            ("!", "say `not`"),
            ("%", "there is no remainder: `x - floor(x / n) * n`"),
            ("@", "`@` follows the name of a state: `y@2`"),
        ];
        if let Some((_, help)) = spelled.iter().find(|(start, _)| rest.starts_with(start)) {
            return Some((*help).to_owned());
        }
        if c == '*' && before.ends_with('*') {
            return Some("powers are written `x ^ 2`".to_owned());
        }
        if RESERVED.contains(&found) && positives.contains(&Rule::ident) {
            return Some(format!("`{found}` is a word of the language: choose another name"));
        }
        let listed = open.last().is_some_and(|bracket| bracket.c != '{');
        let ended = before.ends_with(|c| in_word(c) || matches!(c, ')' | ']'));
        if listed && ended && c.is_ascii_alphanumeric() && !RESERVED.contains(&found) {
            return Some(format!("a `,` is missing before `{found}`"));
        }
        let near = |word: &str, known: &[&'static str]| {
            did_you_mean(word, known.iter().copied().filter(|known| *known != word))
                .map(|near| format!("did you mean `{near}`?"))
        };
        if expects_member(positives) || expects_item(positives) {
            return near(found, &MEMBERS);
        }
        if lone && !STATEMENTS.contains(&first) {
            return near(first, &STATEMENTS);
        }
        None
    }

    fn with_expected(&self, told: Diagnostic, positives: &[Rule]) -> Diagnostic {
        if expects_item(positives) {
            return told.help(ITEMS);
        }
        if expects_member(positives) {
            return told.help(
                "expected a declaration: `config`, `axis`, `input`, `net`, `state`, `think { … }`, `loss`, …",
            );
        }
        let mut words: Vec<&str> = positives.iter().filter_map(|rule| in_words(*rule)).collect();
        words.sort_unstable();
        words.dedup();
        match &words[..] {
            [] => told,
            [one] => told.help(format!("expected {one}")),
            [most @ .., last] => told.help(format!("expected {} or {last}", most.join(", "))),
        }
    }

    /// The word with letters of another alphabet that the line holds from `at` on; there are no texts that might have any.
    fn foreign_name(&self, at: usize) -> Option<Range<usize>> {
        let line = self.text[at..].lines().next()?;
        let foreign = |(_, c): &(usize, char)| c.is_alphanumeric() && !c.is_ascii();
        let (offset, _) = significant(line).find(foreign)?;
        let start =
            self.text[..at + offset].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        let word = &self.text[start..];
        Some(start..start + word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len()))
    }

    /// A value that should stand between an operator and `at`.
    fn missing_value(&self, at: usize) -> Option<Diagnostic> {
        let end = significant(&self.text[..at]).filter(|(_, c)| !c.is_whitespace()).last()?;
        let end = end.0 + end.1.len_utf8();
        let operator = OPERATORS.iter().find(|operator| self.text[..end].ends_with(*operator))?;
        let place = end - operator.len()..end;
        let message = format!("a value is missing after `{operator}`");
        Some(self.told(place, message, "nothing follows"))
    }

    /// Names the brace that was probably meant to be closed.
    fn with_unclosed(&self, told: Diagnostic, at: usize) -> Diagnostic {
        let Some(open) = self.unclosed_brace(at) else { return told };
        told.related(Span::new(self.file, open..open + 1), "this `{` is not closed")
    }

    /// A `{` whose `}` stands at another indentation than its line; else the innermost one that is open.
    fn unclosed_brace(&self, at: usize) -> Option<usize> {
        let mut open: Vec<usize> = Vec::new();
        let mut suspect = None;
        for (place, c) in significant(&self.text[..at]) {
            if c == '{' {
                open.push(place);
            } else if c == '}' {
                let opened = open.pop()?;
                let begins_line = self.text[self.line_start(place)..place].trim().is_empty();
                if begins_line && self.indent(opened) != self.indent(place) {
                    suspect = Some(opened);
                }
            }
        }
        suspect.or(open.last().copied())
    }

    fn open_brackets(&self, at: usize) -> Vec<Bracket> {
        let mut open: Vec<Bracket> = Vec::new();
        for (at, c) in significant(&self.text[..at]) {
            match c {
                '(' | '[' | '{' => open.push(Bracket { at, c }),
                // A closing brace ends whatever was forgotten inside it.
                '}' => while open.pop().is_some_and(|last| last.c != '{') {},
                ')' | ']' if open.last().is_some_and(|last| last.c != '{') => {
                    open.pop();
                }
                _ => {}
            }
        }
        open
    }

    /// Whether a `(` or `[` is closed before a declaration or the brace around it ends.
    fn is_closed(&self, bracket: &Bracket) -> bool {
        let mut depth = 0usize;
        let mut braces = 0usize;
        for (offset, c) in significant(&self.text[bracket.at..]) {
            let at = bracket.at + offset;
            match c {
                '{' => braces += 1,
                '}' if braces == 0 => return false,
                '}' => braces -= 1,
                '(' | '[' => depth += 1,
                ')' | ']' => {
                    depth -= 1;
                    if depth == 0 {
                        return true;
                    }
                }
                _ => {
                    let begins_line = self.text[self.line_start(at)..at].trim().is_empty();
                    if begins_line && in_word(c) && MEMBERS.contains(&self.word_at(at)) {
                        return false;
                    }
                }
            }
        }
        false
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn indent(&self, at: usize) -> usize {
        let line = &self.text[self.line_start(at)..];
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    /// The word or character that stands at `at`; empty at the end.
    fn word_at(&self, at: usize) -> &'a str {
        let rest = &self.text[at..];
        match rest.chars().next() {
            None => "",
            Some(c) if in_word(c) => &rest[..rest.find(|c| !in_word(c)).unwrap_or(rest.len())],
            Some(c) => &rest[..c.len_utf8()],
        }
    }

    /// The smallest stretch of whole lines around `at` that starts like an item or member and reaches to the
    /// next start of the same depth; of a stray word between members, the lines up to the next start.
    fn piece_around(&self, at: usize, stray: bool) -> Range<usize> {
        let mut starts = Vec::new();
        let mut offset = 0;
        for line in self.text.split_inclusive('\n') {
            let body = line.trim_start();
            let indent = line.len() - body.len();
            let word = body.split(|c: char| c.is_whitespace() || c == '{' || c == '(').next().unwrap_or("");
            if indent <= 4 && (MEMBERS.contains(&word) || ["}", "///", "//!"].contains(&word)) {
                starts.push((offset, indent, word));
            }
            offset += line.len();
        }
        if stray {
            let end = starts.iter().find(|(start, _, _)| *start > at).map_or(self.text.len(), |next| next.0);
            return self.line_start(at)..end;
        }
        let Some(here) = starts.iter().rposition(|(start, _, word)| *start <= at && *word != "}") else {
            return 0..self.text.len();
        };
        let (start, indent, _) = starts[here];
        let end = starts[here + 1..].iter().find(|(_, depth, _)| *depth <= indent).map_or(
            self.text.len(),
            |(offset, depth, word)| {
                if *word == "}" && *depth == indent {
                    self.text[*offset..].find('\n').map_or(self.text.len(), |newline| offset + newline)
                } else {
                    *offset
                }
            },
        );
        if (start..end).contains(&at) { start..end } else { 0..0 }
    }
}

fn in_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::ident => "a name",
        Rule::number => "a number",
        Rule::expr | Rule::primary | Rule::value | Rule::positional => "an expression",
        Rule::ty => "a type such as `float [batch, dim]`",
        Rule::braces => "`{`",
        Rule::axis_list => "`[axes]`",
        Rule::axis_entry => "an axis",
        Rule::parameters => "`(parameters)`",
        Rule::config_ty => "a type (`int`, `float`, `bool`, or choices `a | b`)",
        Rule::add | Rule::sub | Rule::mul | Rule::div | Rule::pow => "an operator",
        Rule::arm => "an arm `name => value`",
        Rule::copies => "`into k`",
        Rule::let_stmt | Rule::update_stmt => "a statement",
        Rule::EOI => "the end of the file",
        Rule::in_groups => "`in groups of k`",
        Rule::loop_range => "`i in a..b`",
        Rule::loop_count => "a number of iterations",
        Rule::map_side => "an axis",
        _ => return None,
    })
}
