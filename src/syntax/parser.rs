//! Text to `ast::File`. pest does the recognising; this file turns its pairs into the tree and its failures
//! into diagnostics. pest stops at the first error, so the piece that holds it is blanked out and the text is
//! parsed again: several errors come out of one run, and spans stay true.

use super::ast::*;
use super::mistake;
use crate::diagnostic::{Code, Diagnostic, Sink};
use crate::source::{FileId, Span};
use pest::Parser as _;
use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};
use std::cell::RefCell;
use std::sync::LazyLock;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/tot.pest"]
struct Grammar;

static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    PrattParser::new()
        .op(Op::infix(Rule::or, Assoc::Left))
        .op(Op::infix(Rule::and, Assoc::Left))
        .op(Op::prefix(Rule::not))
        .op(Op::infix(Rule::le, Assoc::Left)
            | Op::infix(Rule::ge, Assoc::Left)
            | Op::infix(Rule::eq, Assoc::Left)
            | Op::infix(Rule::ne, Assoc::Left)
            | Op::infix(Rule::lt, Assoc::Left)
            | Op::infix(Rule::gt, Assoc::Left))
        .op(Op::infix(Rule::add, Assoc::Left) | Op::infix(Rule::sub, Assoc::Left))
        .op(Op::infix(Rule::mul, Assoc::Left) | Op::infix(Rule::div, Assoc::Left))
        .op(Op::prefix(Rule::neg))
        .op(Op::infix(Rule::pow, Assoc::Right))
        .op(Op::postfix(Rule::call)
            | Op::postfix(Rule::index)
            | Op::postfix(Rule::field)
            | Op::postfix(Rule::ago))
});

/// How many syntax errors of one file are shown; after these, guessing where to go on misleads.
const MOST_ERRORS: usize = 8;

/// How far back `y@k` may look: each step back is a copy of the state.
const MOST_AGO: u32 = 64;

/// Terms and operators of one expression, at most: its tree is walked by recursion.
const LONGEST: usize = 400;

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

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    /// For mistakes that the grammar lets pass.
    sink: RefCell<&'a mut Sink>,
}

type Inner<'a> = std::iter::Filter<pest::iterators::Pairs<'a, Rule>, fn(&Pair<'a, Rule>) -> bool>;

/// The children of a pair without its keywords, which only the grammar needs.
trait Parts<'a> {
    fn parts(self) -> Inner<'a>;
}

impl<'a> Parts<'a> for Pair<'a, Rule> {
    fn parts(self) -> Inner<'a> {
        self.into_inner().filter(|pair| !is_keyword(pair.as_rule()))
    }
}

fn is_keyword(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::kw_use
            | Rule::kw_model
            | Rule::kw_extends
            | Rule::kw_net
            | Rule::kw_fn
            | Rule::kw_config
            | Rule::kw_axis
            | Rule::kw_state
            | Rule::kw_block
            | Rule::kw_predict
            | Rule::kw_metric
            | Rule::kw_loss
            | Rule::kw_halt
            | Rule::kw_never
            | Rule::kw_when
            | Rule::kw_at
            | Rule::kw_least
            | Rule::kw_steps
            | Rule::kw_drop
            | Rule::kw_let
            | Rule::kw_var
            | Rule::kw_record
            | Rule::kw_collect
            | Rule::kw_emit
            | Rule::kw_repeat
            | Rule::kw_in
            | Rule::kw_grad
            | Rule::kw_last
            | Rule::kw_while
            | Rule::kw_branch
            | Rule::kw_with
            | Rule::kw_into
            | Rule::kw_along
            | Rule::kw_merge
            | Rule::kw_groups
            | Rule::kw_of
            | Rule::kw_giving
            | Rule::kw_prune
            | Rule::kw_to
            | Rule::kw_by
            | Rule::kw_do
            | Rule::kw_over
            | Rule::kw_return
            | Rule::kw_if
            | Rule::kw_else
            | Rule::kw_match
            | Rule::kw_lookahead
            | Rule::kw_not
    )
}

impl Builder<'_> {
    fn span(&self, pair: &Pair<Rule>) -> Span {
        // pest's spans take in the blanks that follow; the author's text does not.
        let start = pair.as_span().start();
        let len = pair.as_str().trim_end().len();
        Span::new(self.file, start..start + len)
    }

    fn items(&self, pair: Pair<Rule>) -> Vec<Item> {
        let mut items = Vec::new();
        for pair in pair.parts() {
            let span = self.span(&pair);
            let doc = self.doc_above(span);
            let kind = match pair.as_rule() {
                Rule::use_item => ItemKind::Use(self.use_item(pair)),
                Rule::model => ItemKind::Model(self.model(pair)),
                Rule::net_def => ItemKind::Net(self.net_def(pair)),
                Rule::fn_def => ItemKind::Fn(self.fn_def(pair, true)),
                Rule::axis_member => match self.next_ident(&mut pair.parts()) {
                    Some(name) => ItemKind::Axis(name),
                    None => continue,
                },
                _ => continue,
            };
            items.push(Item { doc, kind, span });
        }
        items
    }

    /// The `//!` lines at the top.
    fn doc_of_file(&self) -> String {
        let lines = self.text.lines().map(|line| line.trim_start().strip_prefix("//!"));
        lines.map_while(|line| line.map(str::trim)).collect::<Vec<_>>().join("\n")
    }

    /// The `///` lines right above a declaration.
    fn doc_above(&self, span: Span) -> String {
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

    fn ident(&self, pair: Pair<Rule>) -> Ident {
        let span = self.span(&pair);
        Ident { name: pair.as_str().trim_end().to_owned(), span }
    }

    fn next_ident(&self, inner: &mut Inner) -> Option<Ident> {
        inner.next().map(|pair| self.ident(pair))
    }

    /// The next pair, which the grammar guarantees; a name that cannot exist stands in where it does not.
    fn name(&self, inner: &mut Inner) -> Ident {
        self.next_ident(inner).unwrap_or(Ident { name: String::new(), span: Span::NONE })
    }

    fn use_item(&self, pair: Pair<Rule>) -> Use {
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

    fn model(&self, pair: Pair<Rule>) -> Model {
        let mut inner = pair.parts().peekable();
        let name = inner
            .next()
            .map(|pair| self.ident(pair))
            .unwrap_or(Ident { name: String::new(), span: Span::NONE });
        let extends = inner.next_if(|pair| pair.as_rule() == Rule::ident).map(|pair| self.ident(pair));
        Model { name, extends, members: inner.filter_map(|pair| self.member(pair)).collect() }
    }

    fn net_def(&self, pair: Pair<Rule>) -> NetDef {
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

    fn fn_def(&self, pair: Pair<Rule>, named: bool) -> FnDef {
        let span = self.span(&pair);
        let mut inner = pair.parts().peekable();
        let name = if named { inner.next().map(|pair| self.ident(pair)) } else { None };
        let params = inner.next().map(|pair| self.parameters(pair)).unwrap_or_default();
        let result = inner
            .next_if(|pair| pair.as_rule() == Rule::result)
            .map(|pair| pair.parts().map(|ty| self.ty(ty)).collect())
            .unwrap_or_default();
        let body = self.block_or_empty(inner.next(), span);
        FnDef { name, params, result, body, span }
    }

    fn block_or_empty(&self, pair: Option<Pair<Rule>>, span: Span) -> Block {
        match pair {
            Some(pair) => self.block(pair),
            None => Block { statements: Vec::new(), value: None, span },
        }
    }

    fn parameters(&self, pair: Pair<Rule>) -> Vec<Param> {
        pair.parts()
            .map(|pair| {
                let mut inner = pair.parts().peekable();
                let clause = inner
                    .next_if(|pair| pair.as_rule() == Rule::clause_word)
                    .map(|pair| clause(pair.as_str()));
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

    fn ty(&self, pair: Pair<Rule>) -> Type {
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

    fn axis_entry(&self, pair: Pair<Rule>) -> AxisEntry {
        match pair.parts().next() {
            Some(pair) if pair.as_rule() == Rule::anonymous_pack => AxisEntry::Rest,
            Some(pair) if pair.as_rule() == Rule::named_pack => AxisEntry::Pack(self.name(&mut pair.parts())),
            Some(pair) => AxisEntry::Name(self.ident(pair)),
            None => AxisEntry::Rest,
        }
    }

    fn member(&self, pair: Pair<Rule>) -> Option<Member> {
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
                let mut names = Vec::new();
                let mut size = None;
                for pair in inner {
                    match pair.as_rule() {
                        Rule::ident => names.push(self.ident(pair)),
                        _ => size = Some(self.expr(pair)),
                    }
                }
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
                MemberKind::Net { name: self.name(&mut inner), value: self.expr(inner.next()?) }
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

    fn block(&self, pair: Pair<Rule>) -> Block {
        let span = self.span(&pair);
        let mut statements = Vec::new();
        let mut value = None;
        for pair in pair.parts() {
            match pair.as_rule() {
                Rule::value => value = pair.parts().next().map(|pair| Box::new(self.expr(pair))),
                _ => statements.extend(self.statement(pair)),
            }
        }
        with_tail_value(Block { statements, value, span })
    }

    fn statement(&self, pair: Pair<Rule>) -> Option<Stmt> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut inner = pair.parts();
        let kind = match rule {
            Rule::let_stmt => {
                let mut names = Vec::new();
                let mut value = None;
                for pair in inner {
                    match pair.as_rule() {
                        Rule::ident => names.push(self.ident(pair)),
                        _ => value = Some(self.expr(pair)),
                    }
                }
                StmtKind::Let { names, value: value? }
            }
            Rule::axis_stmt => {
                StmtKind::Axis { name: self.name(&mut inner), size: inner.next().map(|pair| self.expr(pair)) }
            }
            Rule::var_stmt => StmtKind::Var { name: self.name(&mut inner), value: self.expr(inner.next()?) },
            Rule::update_stmt => {
                StmtKind::Update { name: self.name(&mut inner), value: self.expr(inner.next()?) }
            }
            Rule::record_stmt => {
                StmtKind::Record { name: self.name(&mut inner), value: self.expr(inner.next()?) }
            }
            Rule::emit_stmt => {
                StmtKind::Emit { name: self.name(&mut inner), value: self.expr(inner.next()?) }
            }
            Rule::collect_stmt => StmtKind::Collect {
                name: self.name(&mut inner),
                value: self.expr(inner.next()?),
                over: self.name(&mut inner),
            },
            Rule::repeat_stmt => self.repeat(inner, span)?,
            Rule::branch_stmt => {
                let state = self.name(&mut inner);
                let (mut axis, mut how) = (None, None);
                for pair in inner {
                    match pair.as_rule() {
                        Rule::on_axis => axis = self.next_ident(&mut pair.parts()),
                        Rule::copies => how = Some(Branching::Into(self.expr(pair.parts().next()?))),
                        _ => how = Some(Branching::With(self.expr(pair))),
                    }
                }
                StmtKind::Branch { state, axis, how: how? }
            }
            Rule::merge_stmt => {
                let state = self.name(&mut inner);
                let (mut axis, mut groups, mut with, mut giving) = (None, None, None, None);
                for pair in inner {
                    match pair.as_rule() {
                        Rule::on_axis => axis = self.next_ident(&mut pair.parts()),
                        Rule::in_groups => groups = Some(self.expr(pair.parts().next()?)),
                        Rule::ident => giving = Some(self.ident(pair)),
                        _ => with = Some(self.expr(pair)),
                    }
                }
                StmtKind::Merge { state, axis, groups, with: with?, giving }
            }
            Rule::prune_stmt => {
                let mut states = Vec::new();
                let (mut axis, mut numbers) = (None, Vec::new());
                for pair in inner {
                    match pair.as_rule() {
                        Rule::ident => states.push(self.ident(pair)),
                        Rule::on_axis => axis = self.next_ident(&mut pair.parts()),
                        _ => numbers.push(self.expr(pair)),
                    }
                }
                let by = numbers.pop()?;
                StmtKind::Prune { states, axis, to: numbers.pop()?, by }
            }
            Rule::do_stmt => StmtKind::Do {
                name: self.name(&mut inner),
                args: inner.map(|pair| self.expr(pair)).collect(),
            },
            Rule::return_stmt => StmtKind::Return(self.expr(inner.next()?)),
            Rule::if_stmt => {
                let cond = self.expr(inner.next()?);
                let then = self.block(inner.next()?);
                let otherwise = inner.next().map(|pair| self.else_branch(pair));
                StmtKind::If { cond, then, otherwise }
            }
            _ => return None,
        };
        Some(Stmt { kind, span })
    }

    /// `else { … }` or `else if …`, the latter as a block of one statement or value.
    fn else_branch(&self, pair: Pair<Rule>) -> Block {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::if_stmt => with_tail_value(Block {
                statements: self.statement(pair).into_iter().collect(),
                value: None,
                span,
            }),
            Rule::if_expr => {
                Block { statements: Vec::new(), value: Some(Box::new(self.primary(pair))), span }
            }
            _ => self.block(pair),
        }
    }

    fn repeat(&self, inner: Inner, span: Span) -> Option<StmtKind> {
        let (mut count, mut grad_last, mut while_) = (None, None, None);
        let mut body = Block { statements: Vec::new(), value: None, span };
        for pair in inner {
            match pair.as_rule() {
                Rule::loop_range => {
                    let mut inner = pair.parts();
                    let index = self.name(&mut inner);
                    count = Some(LoopCount::Range {
                        index,
                        from: self.expr(inner.next()?),
                        to: self.expr(inner.next()?),
                    });
                }
                Rule::loop_count => count = Some(LoopCount::Times(self.expr(pair.parts().next()?))),
                Rule::grad_last => grad_last = Some(self.expr(pair.parts().next()?)),
                Rule::while_cond => while_ = Some(self.expr(pair.parts().next()?)),
                _ => body = self.block(pair),
            }
        }
        Some(StmtKind::Repeat { count: count?, grad_last, while_, body })
    }

    fn expr(&self, pair: Pair<Rule>) -> Expr {
        let span = self.span(&pair);
        if let Some(beyond) = pair.clone().into_inner().nth(LONGEST) {
            let place = self.span(&beyond);
            self.sink.borrow_mut().push(
                Diagnostic::new(
                    Code::Syntax,
                    "this expression is too long",
                    place,
                    "too many terms up to here",
                )
                .help("name its parts: `let part = …`"),
            );
            return Expr { kind: ExprKind::Bool(false), span };
        }
        PRATT
            .map_primary(|pair| self.primary(pair))
            .map_prefix(|op, value| {
                let span = self.span(&op).to(value.span);
                let op = if op.as_rule() == Rule::neg { UnaryOp::Neg } else { UnaryOp::Not };
                Expr { kind: ExprKind::Unary { op, value: Box::new(value) }, span }
            })
            .map_infix(|left, op, right| {
                let span = left.span.to(right.span);
                let op = binary(op.as_rule());
                Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span }
            })
            .map_postfix(|base, op| self.postfix(base, op))
            .parse(pair.into_inner())
    }

    fn postfix(&self, base: Expr, op: Pair<Rule>) -> Expr {
        let span = base.span.to(self.span(&op));
        let base = Box::new(base);
        let kind = match op.as_rule() {
            Rule::call => ExprKind::Call {
                callee: base,
                args: op.parts().filter_map(|pair| self.argument(pair)).collect(),
            },
            Rule::index => {
                ExprKind::Index { base, items: op.parts().filter_map(|pair| self.index_item(pair)).collect() }
            }
            Rule::field => ExprKind::Field { base, name: self.name(&mut op.parts()) },
            _ => {
                let steps = op.clone().parts().next().and_then(|pair| pair.as_str().trim().parse().ok());
                if !steps.is_some_and(|steps| (1..=MOST_AGO).contains(&steps)) {
                    self.sink.borrow_mut().push(
                        Diagnostic::new(
                            Code::Number,
                            format!("`@` takes a whole number from 1 to {MOST_AGO}"),
                            self.span(&op),
                            "supervision steps back",
                        )
                        .help("`y@1` is the value that comes into this step, `y@2` the one before"),
                    );
                }
                ExprKind::Ago { base, steps: steps.unwrap_or(1).clamp(1, MOST_AGO) }
            }
        };
        Expr { kind, span }
    }

    fn argument(&self, pair: Pair<Rule>) -> Option<Arg> {
        let span = self.span(&pair);
        let inner = pair.parts().next()?;
        let rule = inner.as_rule();
        let mut parts = inner.parts();
        let kind = match rule {
            Rule::clause => {
                let word = clause(parts.next()?.as_str());
                ArgKind::Clause(word, self.axis_set(parts.next()?))
            }
            Rule::map_arg => ArgKind::Map(self.map_side(parts.next()?), self.map_side(parts.next()?)),
            Rule::named_arg => ArgKind::Named(self.name(&mut parts), self.expr(parts.next()?)),
            _ => ArgKind::Positional(self.expr(parts.next()?)),
        };
        Some(Arg { kind, span })
    }

    fn map_side(&self, pair: Pair<Rule>) -> MapSide {
        let span = self.span(&pair);
        let inner: Vec<_> = pair.parts().collect();
        match inner.first() {
            Some(first) if first.as_rule() == Rule::number => {
                if first.as_str().trim() != "1" {
                    self.sink.borrow_mut().push(
                        Diagnostic::new(
                            Code::Arguments,
                            "axes are named, and only `1` stands for no axis",
                            span,
                            "not an axis",
                        )
                        .help("declare an axis of that size: `axis way = 2`, then `dim -> way`"),
                    );
                }
                MapSide::One(span)
            }
            _ => MapSide::Axes(inner.into_iter().map(|pair| self.ident(pair)).collect()),
        }
    }

    fn axis_set(&self, pair: Pair<Rule>) -> AxisSet {
        let inner: Vec<_> = pair.parts().collect();
        match inner.first().map(|pair| pair.as_rule()) {
            Some(Rule::all_axes) => AxisSet::All,
            Some(Rule::not_axes) => AxisSet::Not(
                inner.into_iter().flat_map(|pair| pair.parts()).map(|pair| self.ident(pair)).collect(),
            ),
            _ => AxisSet::Names(inner.into_iter().map(|pair| self.ident(pair)).collect()),
        }
    }

    fn index_item(&self, pair: Pair<Rule>) -> Option<IndexItem> {
        let inner = pair.parts().next()?;
        Some(match inner.as_rule() {
            Rule::index_equal => {
                let mut parts = inner.parts();
                IndexItem::Equal(self.name(&mut parts), self.expr(parts.next()?))
            }
            Rule::index_in => {
                let mut parts = inner.parts();
                IndexItem::In(self.name(&mut parts), self.expr(parts.next()?), self.expr(parts.next()?))
            }
            _ => IndexItem::Plain(self.expr(inner)),
        })
    }

    fn primary(&self, pair: Pair<Rule>) -> Expr {
        let span = self.span(&pair);
        let text = pair.as_str().trim().to_owned();
        let rule = pair.as_rule();
        let mut inner = pair.parts();
        let kind = match rule {
            Rule::number => ExprKind::Number(text.replace('_', "")),
            Rule::boolean => ExprKind::Bool(text == "true"),
            Rule::tuple => {
                let mut values: Vec<Expr> = inner.map(|pair| self.expr(pair)).collect();
                if values.len() == 1 {
                    // Parentheses only group; the span keeps them so that labels cover what is read.
                    return Expr { span, ..values.remove(0) };
                }
                ExprKind::Tuple(values)
            }
            Rule::block_expr => ExprKind::Block(self.block_or_empty(inner.next(), span)),
            Rule::if_expr => {
                let cond = inner.next().map(|pair| self.expr(pair));
                let then = self.block_or_empty(inner.next(), span);
                let otherwise = match inner.next() {
                    Some(pair) => self.else_branch(pair),
                    None => Block { statements: Vec::new(), value: None, span },
                };
                match cond {
                    Some(cond) => ExprKind::If { cond: Box::new(cond), then, otherwise },
                    None => ExprKind::Bool(false),
                }
            }
            Rule::match_expr => {
                let subject = inner.next().map(|pair| self.expr(pair));
                let arms = inner
                    .filter_map(|arm| {
                        let mut parts = arm.parts();
                        Some((self.name(&mut parts), self.expr(parts.next()?)))
                    })
                    .collect();
                match subject {
                    Some(subject) => ExprKind::Match { subject: Box::new(subject), arms },
                    None => ExprKind::Bool(false),
                }
            }
            Rule::lookahead => ExprKind::Lookahead(inner.map(|pair| self.ident(pair)).collect()),
            _ => ExprKind::Name(text),
        };
        Expr { kind, span }
    }
}

/// A block that ends in `if … { a } else { b }` has the value of that `if`.
fn with_tail_value(mut block: Block) -> Block {
    let gives = |statement: &Stmt| match &statement.kind {
        StmtKind::If { then, otherwise: Some(_), .. } => then.value.is_some(),
        _ => false,
    };
    if block.value.is_some() || !block.statements.last().is_some_and(gives) {
        return block;
    }
    if let Some(Stmt { kind: StmtKind::If { cond, then, otherwise: Some(otherwise) }, span }) =
        block.statements.pop()
    {
        let kind = ExprKind::If { cond: Box::new(cond), then, otherwise };
        block.value = Some(Box::new(Expr { kind, span }));
    }
    block
}

fn clause(word: &str) -> Clause {
    match word.trim() {
        "between" => Clause::Between,
        "along" => Clause::Along,
        "into" => Clause::Into,
        _ => Clause::Over,
    }
}

fn binary(rule: Rule) -> BinaryOp {
    match rule {
        Rule::or => BinaryOp::Or,
        Rule::and => BinaryOp::And,
        Rule::le => BinaryOp::Le,
        Rule::ge => BinaryOp::Ge,
        Rule::eq => BinaryOp::Eq,
        Rule::ne => BinaryOp::Ne,
        Rule::lt => BinaryOp::Lt,
        Rule::gt => BinaryOp::Gt,
        Rule::sub => BinaryOp::Sub,
        Rule::mul => BinaryOp::Mul,
        Rule::div => BinaryOp::Div,
        Rule::pow => BinaryOp::Pow,
        _ => BinaryOp::Add,
    }
}
