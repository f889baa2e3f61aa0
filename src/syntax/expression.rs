//! Expressions: pairs of the grammar to trees, by precedence.

use super::ast::*;
use super::grammar::*;
use super::parser::*;
use crate::diagnostic::{Code, Diagnostic};
use pest::iterators::Pair;

/// How far back `y@k` may look: each step back is a copy of the state.
const MOST_AGO: u32 = 64;

/// Terms and operators of one expression, at most: its tree is walked by recursion.
const LONGEST: usize = 400;

impl Builder<'_> {
    pub(super) fn expr(&self, pair: Pair<Rule>) -> Expr {
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

    pub(super) fn postfix(&self, base: Expr, op: Pair<Rule>) -> Expr {
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

    pub(super) fn argument(&self, pair: Pair<Rule>) -> Option<Arg> {
        let span = self.span(&pair);
        let inner = pair.parts().next()?;
        let rule = inner.as_rule();
        let mut parts = inner.parts();
        let kind = match rule {
            Rule::clause => {
                let word = Clause::of(parts.next()?.as_str());
                ArgKind::Clause(word, self.axis_set(parts.next()?))
            }
            Rule::map_arg => ArgKind::Map(self.map_side(parts.next()?), self.map_side(parts.next()?)),
            Rule::named_arg => ArgKind::Named(self.name(&mut parts), self.expr(parts.next()?)),
            _ => ArgKind::Positional(self.expr(parts.next()?)),
        };
        Some(Arg { kind, span })
    }

    pub(super) fn map_side(&self, pair: Pair<Rule>) -> MapSide {
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

    pub(super) fn axis_set(&self, pair: Pair<Rule>) -> AxisSet {
        let inner: Vec<_> = pair.parts().collect();
        match inner.first().map(|pair| pair.as_rule()) {
            Some(Rule::all_axes) => AxisSet::All,
            Some(Rule::not_axes) => AxisSet::Not(
                inner.into_iter().flat_map(|pair| pair.parts()).map(|pair| self.ident(pair)).collect(),
            ),
            _ => AxisSet::Names(inner.into_iter().map(|pair| self.ident(pair)).collect()),
        }
    }

    pub(super) fn index_item(&self, pair: Pair<Rule>) -> Option<IndexItem> {
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

    pub(super) fn primary(&self, pair: Pair<Rule>) -> Expr {
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
            Rule::list => ExprKind::List(inner.map(|pair| self.expr(pair)).collect()),
            Rule::block_expr => ExprKind::Block(giving(self.block_or_empty(inner.next(), span))),
            Rule::if_expr => {
                let cond = inner.next().map(|pair| self.expr(pair));
                let then = giving(self.block_or_empty(inner.next(), span));
                let otherwise = match inner.next() {
                    Some(pair) => giving(self.else_branch(pair)),
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

/// A block in the place of a value: `inherited` at its end is the value that is inherited, not statements.
fn giving(mut block: Block) -> Block {
    let last = block.statements.last().filter(|_| block.value.is_none());
    if let Some(Stmt { kind: StmtKind::Inherited(_), span }) = last {
        block.value = Some(Box::new(Expr { kind: ExprKind::Name("inherited".to_owned()), span: *span }));
        block.statements.pop();
    }
    block
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
