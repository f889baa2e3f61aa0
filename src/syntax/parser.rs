//! Text to `ast::File`. pest does the recognising; this file turns its pairs into the tree and its failures
//! into diagnostics. pest stops at the first error, so the piece that holds it is blanked out and the text is
//! parsed again: several errors come out of one run, and spans stay true.

use super::ast::*;
use super::grammar::*;
use super::mistake;
use crate::diagnostic::{Code, Diagnostic, Sink};
use crate::source::{FileId, Span};
use pest::Parser as _;
use pest::iterators::Pair;
use std::cell::RefCell;

/// How many syntax errors of one file are shown; after these, guessing where to go on misleads.
const MOST_ERRORS: usize = 8;

/// Parses one text. Items with syntax errors are left out of the tree and reported to `sink`.
pub fn parse(file: FileId, text: &str, sink: &mut Sink) -> File {
    if let Some(diagnostic) = mistake::too_deep(file, text) {
        sink.push(diagnostic);
        return File::default();
    }
    let mut rest = text.to_owned();
    for _ in 0..MOST_ERRORS {
        match Grammar::parse(Rule::file, &rest) {
            Ok(mut pairs) => {
                let build = Builder { file, text, sink: RefCell::new(sink) };
                return match pairs.next() {
                    Some(pair) => File { doc: build.doc_of_file(), items: build.items(pair) },
                    None => File::default(),
                };
            }
            Err(error) => {
                let (diagnostic, piece) = mistake::mistake(file, &rest, &error);
                sink.push(diagnostic);
                if piece.is_empty() {
                    break;
                }
                let blank: String = rest[piece.clone()]
                    .chars()
                    .map(|c| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) })
                    .collect();
                rest.replace_range(piece, &blank);
            }
        }
    }
    File::default()
}

pub(super) struct Builder<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    /// For mistakes that the grammar lets pass.
    pub(super) sink: RefCell<&'a mut Sink>,
}

impl Builder<'_> {
    pub(super) fn span(&self, pair: &Pair<Rule>) -> Span {
        // pest's spans take in the blanks that follow; the author's text does not.
        let start = pair.as_span().start();
        let len = pair.as_str().trim_end().len();
        Span::new(self.file, start..start + len)
    }

    pub(super) fn items(&self, pair: Pair<Rule>) -> Vec<Item> {
        let mut items = Vec::new();
        for pair in pair.parts() {
            let span = self.span(&pair);
            let doc = self.doc_above(span);
            let kind = match pair.as_rule() {
                Rule::use_item => ItemKind::Use(self.use_item(pair)),
                Rule::model => ItemKind::Model(self.model(pair)),
                Rule::net_def => ItemKind::Net(self.net_def(pair)),
                Rule::fn_def => ItemKind::Fn(self.fn_def(pair, true)),
                Rule::axis_member => {
                    let (names, size) = self.axis_declaration(pair.parts());
                    let alone = names.len() == 1;
                    items.extend(names.into_iter().map(|name| Item {
                        doc: doc.clone(),
                        span: if alone { span } else { name.span },
                        kind: ItemKind::Axis { name, size: size.clone() },
                    }));
                    continue;
                }
                _ => continue,
            };
            items.push(Item { doc, kind, span });
        }
        items
    }

    /// `axis a, b` or `axis a = size`.
    fn axis_declaration<'p>(
        &self,
        parts: impl Iterator<Item = Pair<'p, Rule>>,
    ) -> (Vec<Ident>, Option<Expr>) {
        let mut names = Vec::new();
        let mut size = None;
        for pair in parts {
            match pair.as_rule() {
                Rule::ident => names.push(self.ident(pair)),
                _ => size = Some(self.expr(pair)),
            }
        }
        (names, size)
    }

    /// The `//!` lines at the top.
    pub(super) fn doc_of_file(&self) -> String {
        let lines = self.text.trim_start().lines().map(|line| line.trim_start().strip_prefix("//!"));
        lines.map_while(|line| line.map(str::trim)).collect::<Vec<_>>().join("\n")
    }

    /// The `///` lines right above a declaration.
    pub(super) fn doc_above(&self, span: Span) -> String {
        let before = &self.text[..span.start as usize];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        if !before[line_start..].trim().is_empty() {
            // What stands above belongs to what begins the line.
            return String::new();
        }
        let mut lines: Vec<&str> = Vec::new();
        for line in self.text[..line_start].lines().rev() {
            match line.trim_start().strip_prefix("///") {
                Some(doc) => lines.push(doc.trim()),
                None => break,
            }
        }
        lines.reverse();
        lines.join("\n")
    }

    pub(super) fn ident(&self, pair: Pair<Rule>) -> Ident {
        let span = self.span(&pair);
        Ident { name: pair.as_str().trim_end().to_owned(), span }
    }

    pub(super) fn next_ident(&self, inner: &mut Inner) -> Option<Ident> {
        inner.next().map(|pair| self.ident(pair))
    }

    /// The next pair, which the grammar guarantees; a name that cannot exist stands in where it does not.
    pub(super) fn name(&self, inner: &mut Inner) -> Ident {
        self.next_ident(inner).unwrap_or(Ident { name: String::new(), span: Span::NONE })
    }

    pub(super) fn use_item(&self, pair: Pair<Rule>) -> Use {
        let span_of_list = pair.as_str().find('{').map(|at| pair.as_span().start() + at);
        let mut module = Vec::new();
        let mut names = Vec::new();
        for inner in pair.parts().filter(|inner| inner.as_rule() == Rule::ident) {
            let ident = self.ident(inner);
            match span_of_list {
                Some(list) if ident.span.start as usize > list => names.push(ident),
                _ => module.push(ident),
            }
        }
        if span_of_list.is_none() {
            names.extend(module.pop());
        }
        Use { module: module.into_iter().map(|ident| ident.name).collect(), names }
    }

    pub(super) fn model(&self, pair: Pair<Rule>) -> Model {
        let mut inner = pair.parts().peekable();
        let mixin = inner.next_if(|pair| pair.as_rule() == Rule::mixin_word).is_some();
        let name = inner
            .next()
            .map(|pair| self.ident(pair))
            .unwrap_or(Ident { name: String::new(), span: Span::NONE });
        let extends = inner.next_if(|pair| pair.as_rule() == Rule::ident).map(|pair| self.ident(pair));
        let with = inner
            .next_if(|pair| pair.as_rule() == Rule::with_mixins)
            .map(|pair| pair.parts().map(|pair| self.ident(pair)).collect())
            .unwrap_or_default();
        Model { name, mixin, extends, with, members: inner.filter_map(|pair| self.member(pair)).collect() }
    }

    pub(super) fn net_def(&self, pair: Pair<Rule>) -> NetDef {
        let mut inner = pair.parts();
        let name = self.name(&mut inner);
        let params = inner.next().map(|pair| self.parameters(pair)).unwrap_or_default();
        let mut members = Vec::new();
        let mut body: Option<FnDef> = None;
        for pair in inner {
            if pair.as_rule() != Rule::net_fn {
                members.extend(self.member(pair));
                continue;
            }
            let second = self.fn_def(pair, false);
            match &body {
                None => body = Some(second),
                Some(first) => self.sink.borrow_mut().push(
                    Diagnostic::new(
                        Code::Duplicate,
                        format!("the net `{}` has two functions", name.name),
                        second.signature(),
                        "again here",
                    )
                    .related(first.signature(), "first here")
                    .help("a net computes one thing: remove one, or make two nets"),
                ),
            }
        }
        NetDef { name, params, members, body }
    }

    pub(super) fn fn_def(&self, pair: Pair<Rule>, named: bool) -> FnDef {
        let span = self.span(&pair);
        let mut inner = pair.parts().peekable();
        let name = if named { inner.next().map(|pair| self.ident(pair)) } else { None };
        let params = inner.next().map(|pair| self.parameters(pair)).unwrap_or_default();
        let result = inner
            .next_if(|pair| pair.as_rule() == Rule::result)
            .map(|pair| pair.parts().map(|ty| self.ty(ty)).collect())
            .unwrap_or_default();
        let body = self.block_or_empty(inner.next(), span);
        let doc = if named { String::new() } else { self.doc_above(span) };
        FnDef { doc, name, params, result, body, span }
    }

    pub(super) fn block_or_empty(&self, pair: Option<Pair<Rule>>, span: Span) -> Block {
        match pair {
            Some(pair) => self.block(pair),
            None => Block { statements: Vec::new(), value: None, span },
        }
    }

    pub(super) fn parameters(&self, pair: Pair<Rule>) -> Vec<Param> {
        pair.parts()
            .map(|pair| {
                let mut inner = pair.parts().peekable();
                let clause = inner
                    .next_if(|pair| pair.as_rule() == Rule::clause_word)
                    .map(|pair| Clause::of(pair.as_str()));
                let name = inner
                    .next()
                    .map(|pair| self.ident(pair))
                    .unwrap_or(Ident { name: String::new(), span: Span::NONE });
                let ty = inner.next_if(|pair| pair.as_rule() == Rule::ty).map(|pair| self.ty(pair));
                let default = inner.next().map(|pair| self.expr(pair));
                Param { clause, name, ty, default }
            })
            .collect()
    }

    pub(super) fn ty(&self, pair: Pair<Rule>) -> Type {
        let span = self.span(&pair);
        let mut inner = pair.parts();
        let name = self.name(&mut inner);
        let mut ty = Type { name, optional: false, axes: None, span };
        for pair in inner {
            match pair.as_rule() {
                Rule::optional => ty.optional = true,
                _ => ty.axes = Some(pair.parts().map(|entry| self.axis_entry(entry)).collect()),
            }
        }
        ty
    }

    pub(super) fn axis_entry(&self, pair: Pair<Rule>) -> AxisEntry {
        match pair.parts().next() {
            Some(pair) if pair.as_rule() == Rule::anonymous_pack => AxisEntry::Rest,
            Some(pair) if pair.as_rule() == Rule::named_pack => AxisEntry::Pack(self.name(&mut pair.parts())),
            Some(pair) => AxisEntry::Name(self.ident(pair)),
            None => AxisEntry::Rest,
        }
    }

    pub(super) fn member(&self, pair: Pair<Rule>) -> Option<Member> {
        let span = self.span(&pair);
        let doc = self.doc_above(span);
        let rule = pair.as_rule();
        let mut inner = pair.parts();
        let kind = match rule {
            Rule::config_member => {
                let name = self.name(&mut inner);
                let mut ty = Vec::new();
                let mut next = inner.next()?;
                if next.as_rule() == Rule::config_ty {
                    ty = next.parts().map(|pair| self.ident(pair)).collect();
                    next = inner.next()?;
                }
                let value = self.expr(next);
                let range = inner.next().and_then(|pair| {
                    let mut bounds = pair.parts();
                    Some((self.expr(bounds.next()?), bounds.next().map(|pair| self.expr(pair))))
                });
                MemberKind::Config { name, ty, value, range }
            }
            Rule::axis_member => {
                let (names, size) = self.axis_declaration(inner);
                MemberKind::Axis { names, size }
            }
            Rule::data_member => {
                let target = inner.next()?.as_str() == "target";
                MemberKind::Data { target, name: self.name(&mut inner), ty: self.ty(inner.next()?) }
            }
            Rule::weight_member => {
                let role = match inner.next()?.as_str() {
                    "buffer" => WeightRole::Buffer,
                    "table" => WeightRole::Table,
                    _ => WeightRole::Param,
                };
                let name = self.name(&mut inner);
                MemberKind::Weight { role, name, ty: self.ty(inner.next()?), init: self.expr(inner.next()?) }
            }
            Rule::net_member => {
                let mut path = Vec::new();
                let mut value = None;
                for pair in inner {
                    match pair.as_rule() {
                        Rule::ident => path.push(self.ident(pair)),
                        _ => value = Some(self.expr(pair)),
                    }
                }
                match path.len() {
                    1 => MemberKind::Net { name: path.pop()?, value: value? },
                    _ => MemberKind::Part { path, value: value? },
                }
            }
            Rule::state_member => {
                let name = self.name(&mut inner);
                MemberKind::State { name, ty: self.ty(inner.next()?), init: self.expr(inner.next()?) }
            }
            Rule::section_member => {
                let section = match inner.next()?.as_str() {
                    "encode" => Section::Encode,
                    "decode" => Section::Decode,
                    _ => Section::Think,
                };
                MemberKind::Section { section, body: self.block(inner.next()?) }
            }
            Rule::block_member => {
                let name = self.name(&mut inner);
                let mut args = Vec::new();
                let mut body = Block { statements: Vec::new(), value: None, span };
                for pair in inner {
                    match pair.as_rule() {
                        Rule::ident => args.push(self.ident(pair)),
                        _ => body = self.block(pair),
                    }
                }
                MemberKind::Block { name, args, body }
            }
            Rule::predict_member => MemberKind::Predict(
                inner
                    .filter_map(|pair| {
                        let mut inner = pair.parts().peekable();
                        let name =
                            inner.next_if(|pair| pair.as_rule() == Rule::ident).map(|pair| self.ident(pair));
                        inner.next().map(|value| (name, self.expr(value)))
                    })
                    .collect(),
            ),
            Rule::metric_member => {
                MemberKind::Metric { name: self.name(&mut inner), value: self.expr(inner.next()?) }
            }
            Rule::loss_member => {
                MemberKind::Loss { name: self.name(&mut inner), value: self.expr(inner.next()?) }
            }
            Rule::halt_member => {
                let (mut when, mut at_most, mut explore) = (None, None, None);
                let mut part = Rule::EOI;
                for pair in inner {
                    match pair.as_rule() {
                        Rule::expr if part == Rule::kw_most => at_most = Some(self.expr(pair)),
                        Rule::expr if part == Rule::kw_explore => explore = Some(self.expr(pair)),
                        Rule::expr => when = Some(self.expr(pair)),
                        rule => part = rule,
                    }
                }
                MemberKind::Halt { when, at_most, explore }
            }
            Rule::carry_member => {
                MemberKind::CarryGrad(self.expr(inner.find(|pair| pair.as_rule() == Rule::expr)?))
            }
            Rule::drop_member => MemberKind::Drop(
                inner
                    .map(|pair| {
                        let mut inner = pair.parts();
                        (self.name(&mut inner), self.name(&mut inner))
                    })
                    .collect(),
            ),
            _ => return None,
        };
        Some(Member { doc, kind, span })
    }
}
