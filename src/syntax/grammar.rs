//! What pest makes of `grammar/tot.pest`: its rules, how tightly operators bind, and the parts of a pair without its
//! keywords. Knows no tree.

use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};
use std::sync::LazyLock;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/tot.pest"]
pub(super) struct Grammar;

pub(super) static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
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

pub(super) type Inner<'a> = std::iter::Filter<pest::iterators::Pairs<'a, Rule>, fn(&Pair<'a, Rule>) -> bool>;

/// The children of a pair without its keywords, which only the grammar needs.
pub(super) trait Parts<'a> {
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
            | Rule::kw_carry
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
            | Rule::kw_inherited
            | Rule::kw_return
            | Rule::kw_if
            | Rule::kw_else
            | Rule::kw_match
            | Rule::kw_lookahead
            | Rule::kw_not
    )
}
