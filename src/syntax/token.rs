//! The tokens of a text that follows the grammar, comments among them, each with the part it plays there: what a
//! formatter and an editor need beside the tree. Takes a text, gives tokens in its order; what stands between them is
//! blank. Knows no widths and no style.

use super::grammar::{Grammar, Rule};
use pest::Parser as _;
use pest::iterators::Pair;
use std::ops::Range;

/// A word, sign or comment of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it does there.
    pub role: Role,
    /// Its bytes.
    pub range: Range<usize>,
    /// What it is the first token of.
    pub begins: Option<Begins>,
}

/// What a token does where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `// …` up to the end of the line.
    Comment,
    /// A keyword.
    Word,
    /// A name, or `..` in place of one.
    Name,
    /// A number.
    Number,
    /// A sign between two things: operators, `=`, `<-`, `->`, `=>`, `|`, and `..` of a range.
    Operator,
    /// The minus of a negative value.
    Prefix,
    /// `.`, `::` and `@`, which join what stands on both sides.
    Joint,
    /// `:`, `?` and the dots of `at..`, which belong to what stands before.
    Suffix,
    /// A comma.
    Comma,
    /// An opening bracket.
    Open(Bracket),
    /// Its closing one.
    Close(Bracket),
}

/// A pair of brackets by what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracket {
    /// `f(…)`, `x[…]`, `net F(…)`: a list of what stands before.
    Arguments,
    /// The same of `do` and `block`, where no comma may end the list.
    PlainArguments,
    /// Axes, the parameters of a net's `fn`, lists of numbers: a list by itself.
    List,
    /// The results of a function, where no comma may end the list.
    PlainList,
    /// Parentheses around one value, or several.
    Tuple,
    /// Names of a `use`.
    Imports,
    /// `lookahead { … }`.
    Fields,
    /// Arms of a `match`.
    Arms,
    /// Members of a model or net.
    Members,
    /// Statements.
    Statements,
}

/// What a token is the first of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// An import or a declaration of the file.
    Item,
    /// A declaration of a model or net.
    Member,
    /// A statement, or the value that ends a block.
    Statement,
    /// An arm of a `match`.
    Arm,
}

/// The tokens of a text; None if it does not follow the grammar.
pub fn tokens(text: &str) -> Option<Vec<Token>> {
    let file = Grammar::parse(Rule::file, text).ok()?.next()?;
    let raw = lex(text);
    let mut marks = vec![Mark { rule: Rule::file, begins: None }; raw.len()];
    mark(&file, &raw, &mut marks);
    let token = |(range, mark): (Range<usize>, Mark)| Token {
        role: role(&text[range.clone()], mark.rule),
        begins: mark.begins,
        range,
    };
    Some(raw.into_iter().zip(marks).map(token).collect())
}

/// The smallest rule that a token lies in, and what begins with it.
#[derive(Clone, Copy)]
struct Mark {
    rule: Rule,
    begins: Option<Begins>,
}

fn mark(pair: &Pair<Rule>, raw: &[Range<usize>], marks: &mut [Mark]) {
    let span = pair.as_span();
    let first = raw.partition_point(|token| token.start < span.start());
    let end = raw.partition_point(|token| token.start < span.end());
    for mark in &mut marks[first..end] {
        mark.rule = pair.as_rule();
    }
    for child in pair.clone().into_inner() {
        let at = raw.partition_point(|token| token.start < child.as_span().start());
        // An `if` that follows `else` goes on.
        let begins = begins(pair.as_rule(), child.as_rule());
        if let (Some(mark), true) = (marks.get_mut(at), begins.is_some()) {
            mark.begins = begins;
        }
        mark(&child, raw, marks);
    }
}

fn begins(parent: Rule, rule: Rule) -> Option<Begins> {
    match (parent, rule) {
        (Rule::file, Rule::EOI) => None,
        (Rule::file, _) => Some(Begins::Item),
        (Rule::model | Rule::net_def, rule) if is_member(rule) => Some(Begins::Member),
        (Rule::braces, _) => Some(Begins::Statement),
        (Rule::match_expr, Rule::arm) => Some(Begins::Arm),
        _ => None,
    }
}

fn is_member(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::config_member
            | Rule::axis_member
            | Rule::data_member
            | Rule::weight_member
            | Rule::net_member
            | Rule::state_member
            | Rule::section_member
            | Rule::block_member
            | Rule::predict_member
            | Rule::metric_member
            | Rule::loss_member
            | Rule::halt_member
            | Rule::carry_member
            | Rule::drop_member
            | Rule::net_fn
    )
}

fn role(text: &str, rule: Rule) -> Role {
    match text {
        _ if text.starts_with("//") => Role::Comment,
        "," => Role::Comma,
        ":" | "?" => Role::Suffix,
        "." | "::" | "@" => Role::Joint,
        ".." if rule == Rule::anonymous_pack => Role::Name,
        ".." if rule == Rule::named_pack => Role::Suffix,
        "-" if matches!(rule, Rule::neg | Rule::arm_number) => Role::Prefix,
        "(" | "[" | "{" => Role::Open(bracket(rule)),
        ")" | "]" | "}" => Role::Close(bracket(rule)),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => Role::Number,
        "and" | "or" => Role::Operator,
        _ if rule == Rule::ident => Role::Name,
        _ if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => Role::Word,
        _ => Role::Operator,
    }
}

fn bracket(rule: Rule) -> Bracket {
    match rule {
        Rule::call | Rule::index | Rule::parameters => Bracket::Arguments,
        Rule::do_stmt | Rule::block_member => Bracket::PlainArguments,
        Rule::result => Bracket::PlainList,
        Rule::tuple => Bracket::Tuple,
        Rule::use_item | Rule::use_close => Bracket::Imports,
        Rule::lookahead => Bracket::Fields,
        Rule::match_expr => Bracket::Arms,
        Rule::model | Rule::net_def => Bracket::Members,
        Rule::braces => Bracket::Statements,
        _ => Bracket::List,
    }
}

/// Signs of more than one letter, which are read as one.
const SIGNS: [&str; 9] = ["::", "..", "->", "<-", "<=", ">=", "==", "!=", "=>"];

/// Where words, numbers, signs and comments of any text stand; what the language does not know is a sign of one letter.
pub fn lex(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let len = match first {
            ' ' | '\t' | '\r' | '\n' => {
                at += 1;
                continue;
            }
            _ if rest.starts_with("//") => rest.find('\n').map_or(rest, |end| &rest[..end]).trim_end().len(),
            'a'..='z' | 'A'..='Z' | '_' => word(rest),
            '0'..='9' => number(rest),
            _ => {
                SIGNS.iter().find(|sign| rest.starts_with(**sign)).map_or(first.len_utf8(), |sign| sign.len())
            }
        };
        found.push(at..at + len);
        at += len;
    }
    found
}

fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// `1_000`, `0.5`, `1e-6`; the dots of `0..n` belong to the range.
fn number(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let mut len = digits(text);
    if let Some(rest) =
        text[len..].strip_prefix('.').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        len += 1 + digits(rest);
    }
    if let Some(rest) = text[len..].strip_prefix(['e', 'E']) {
        let sign = usize::from(rest.starts_with(['+', '-']));
        if rest[sign..].starts_with(|c: char| c.is_ascii_digit()) {
            len += 1 + sign + digits(&rest[sign..]);
        }
    }
    len
}
