//! Statements of the schedule: pairs of the grammar to trees.

use super::ast::*;
use super::grammar::*;
use super::parser::*;
use crate::source::Span;
use pest::iterators::Pair;

impl Builder<'_> {
    pub(super) fn block(&self, pair: Pair<Rule>) -> Block {
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

    pub(super) fn statement(&self, pair: Pair<Rule>) -> Option<Stmt> {
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
            Rule::inherited_stmt => StmtKind::Inherited(None),
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
    pub(super) fn else_branch(&self, pair: Pair<Rule>) -> Block {
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

    pub(super) fn repeat(&self, inner: Inner, span: Span) -> Option<StmtKind> {
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
