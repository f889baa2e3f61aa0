//! What the author is told about statements of the schedule: takes names, sizes and places, gives diagnostics; decides
//! nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::words::{counted, meant, one, quoted};
use crate::source::Span;
use crate::syntax::ast::Ident;

/// What a statement made of a state's axes.
pub(super) struct Changed<'a> {
    /// Where the statement names the state.
    pub state: &'a Ident,
    /// Its type before.
    pub before: String,
    /// Its type now.
    pub now: String,
}

impl Changed<'_> {
    fn told(&self, code: Code, message: String, place: Span) -> Diagnostic {
        Diagnostic::new(code, message, place, format!("this is {}", self.now))
            .related(self.state.span, format!("`{}` was {}", self.state.name, self.before))
    }
}

pub(super) fn branch_into_none(state: &Ident, number: Span) -> Diagnostic {
    let message = format!("`branch {} into 0` leaves nothing", state.name);
    Diagnostic::new(Code::Number, message, number, "this is 0").help("a thought goes on in 1 way or more")
}

/// `added`: the new axes, None where there is none.
pub(super) fn not_one_way(changed: &Changed, added: Option<String>, place: Span) -> Diagnostic {
    let code = if added.is_none() { Code::AxisMissing } else { Code::AxisUnexpected };
    let found = added.map_or("adds none".to_owned(), |added| format!("adds {added}"));
    let name = &changed.state.name;
    changed
        .told(code, format!("`branch {name}` needs exactly one new axis, and this {found}"), place)
        .help("the new axis counts the ways a thought may go on, e.g. the result of `FiLM` has `way`")
}

pub(super) fn branch_loses(changed: &Changed, names: &str, place: Span) -> Diagnostic {
    let message = format!("this branching of `{}` loses {names}", changed.state.name);
    changed
        .told(Code::AxisMissing, message, place)
        .help("a thought that goes on keeps its axes and gets one more")
}

pub(super) fn uneven_groups(state: &Ident, width: usize, size: usize, place: Span) -> Diagnostic {
    let message = format!("{width} thoughts do not make groups of {size}");
    Diagnostic::new(Code::Number, message, place, format!("this is {size}"))
        .related(state.span, format!("`{}` has {width} here", state.name))
        .help(format!("groups share the thoughts evenly: choose a divisor of {width}"))
}

pub(super) fn merge_keeps(changed: &Changed, axis: &str, place: Span) -> Diagnostic {
    let name = &changed.state.name;
    let message = format!("this merge of `{name}` keeps the axis `{axis}`, which it should reduce");
    Diagnostic::new(Code::AxisUnexpected, message, place, format!("this is {}", changed.now))
        .help(format!("for example `merge {name} with mean({name}, over {axis})`"))
}

pub(super) fn merge_adds(changed: &Changed, names: &str, place: Span) -> Diagnostic {
    let message = format!("this merge of `{}` adds {names}", changed.state.name);
    changed.told(Code::AxisUnexpected, message, place).help(MERGE_REDUCES)
}

/// `names`: the axes that are gone, None where it is the groups.
pub(super) fn merge_loses(changed: &Changed, names: Option<String>, place: Span) -> Diagnostic {
    let name = &changed.state.name;
    let message = match names {
        None => format!("this merge does not read the groups of `{name}`"),
        Some(names) => format!("this merge of `{name}` loses {names}"),
    };
    changed.told(Code::AxisMissing, message, place).help(MERGE_REDUCES)
}

const MERGE_REDUCES: &str = "a merge reduces the branch axis and keeps the others as they were";

pub(super) fn one_result(name: Span, with: Span) -> Diagnostic {
    let message = "this merge gives one result, and `giving` names a second";
    Diagnostic::new(Code::Arguments, message, name, "nothing to name")
        .related(with, "gives one result")
        .help("a net such as `Scorer` gives two: the merged thoughts, and their scores")
}

pub(super) fn pruned_to_none(number: Span) -> Diagnostic {
    Diagnostic::new(Code::Number, "pruning to 0 leaves no thought", number, "this is 0")
        .help("keep 1 or more")
}

/// The score that thoughts are pruned by.
pub(super) struct Score {
    /// Its type.
    pub axes: String,
    /// Where it stands.
    pub span: Span,
}

impl Score {
    fn told(&self, code: Code, message: String) -> Diagnostic {
        Diagnostic::new(code, message, self.span, format!("this is {}", self.axes))
    }

    pub(super) fn of_another_width(&self, state: &Ident, axis: &str, own: usize, width: usize) -> Diagnostic {
        let message = format!("`{}` has {own} along `{axis}`, and its score has {width}", state.name);
        self.told(Code::AxisSize, message)
            .related(state.span, format!("has {own}"))
            .help("give every thought a score: reduce the other axes and keep this one")
    }

    pub(super) fn of_more(&self, state: &Ident, names: &str) -> Diagnostic {
        let message = format!("this score has {names}, which `{}` has not", state.name);
        self.told(Code::AxisUnexpected, message)
            .related(state.span, "pruned by it")
            .help("reduce the score to a number per thought")
    }
}

pub(super) fn collected_once(name: &Ident) -> Diagnostic {
    let message = "`collect` keeps the iterations of a `repeat`, and this stands in none";
    Diagnostic::new(Code::Misplaced, message, name.span, "done once")
        .help(format!("for a single value there is `let {} = …`", name.name))
}

pub(super) fn collected_over_its_own(name: &Ident, axis: &str, shown: &str, over: Span) -> Diagnostic {
    let message = format!("`{}` has the axis `{axis}` already, over which it is to be collected", name.name);
    Diagnostic::new(Code::AxisUnexpected, message, over, format!("this is {shown}"))
        .help("collect over an axis of its own: `axis cycle`")
}

/// Each axis with the place that names it.
pub(super) fn collected_over_two(name: &Ident, first: (&str, Span), second: (&str, Span)) -> Diagnostic {
    let message = format!("`{}` is collected over `{}` and over `{}`", name.name, first.0, second.0);
    Diagnostic::new(Code::AxisUnexpected, message, second.1, "another axis here")
        .related(first.1, format!("over `{}` here", first.0))
        .help("give one of them another name")
}

/// `first`: the type of the first entry, and its place.
pub(super) fn iterations_differ(name: &Ident, shown: &str, first: (&str, Span)) -> Diagnostic {
    let message = format!("the iterations of `{}` do not fit together", name.name);
    Diagnostic::new(Code::AxisSize, message, name.span, format!("this is {shown}"))
        .related(first.1, format!("the first was {}", first.0))
        .help("collect what has the same axes in every iteration: merge or reduce those that grow")
}

pub(super) fn emitted_outside(name: &Ident, in_function: bool) -> Diagnostic {
    let (place, help) = match in_function {
        true => ("in a function", "a function has no calls to tell apart: return the value"),
        false => ("in the schedule", "in the schedule there are `let`, `record` and `collect`"),
    };
    Diagnostic::new(Code::Misplaced, "`emit` belongs in the `fn` of a net", name.span, place).help(help)
}

/// `one`: the type at one call and its place; `first`: the type at another.
pub(super) fn calls_differ(name: &Ident, one: (&str, Span), first: &str) -> Diagnostic {
    let message = format!("the calls that emit `{}` do not fit together", name.name);
    Diagnostic::new(Code::AxisSize, message, one.1, format!("{} at one call, {first} at another", one.0))
        .related(name.span, "their mean is read here")
        .help("emit what has the same axes at every call: reduce it, `mean(…, over not batch)`")
}

pub(super) fn not_a_count(number: &str, place: Span) -> Diagnostic {
    let message = format!("a loop cannot run {number} times");
    Diagnostic::new(Code::Number, message, place, format!("this is {number}"))
        .help("give a whole number, 0 or more; `floor(…)`, `ceil(…)` and `round(…)` make one")
}

pub(super) fn backwards((low, high): (i64, i64), bounds: Span) -> Diagnostic {
    let message = format!("the loop over {low} .. {high} runs backwards");
    Diagnostic::new(Code::Number, message, bounds, format!("this is {low} .. {high}")).help(
        "loops count upwards, and the second number is left out: `0 .. 3` is 0, 1, 2, and `0 .. 0` nothing",
    )
}

pub(super) fn bounds_not_whole(shown: &str, bounds: Span) -> Diagnostic {
    let message = "the bounds of a loop must be whole numbers";
    Diagnostic::new(Code::Number, message, bounds, format!("this is {shown}"))
        .help("`floor(…)`, `ceil(…)` and `round(…)` make whole numbers")
}

pub(super) fn returned(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Misplaced, "a loop is not left by `return`", place, "inside a loop")
        .help("update a `var` in the loop and return it after the loop")
}

pub(super) fn not_a_condition(shown: &str, place: Span) -> Diagnostic {
    Diagnostic::new(Code::Kind, "`while` needs a bool per sample", place, format!("this is {shown}"))
        .help("for example `while residual > 0.01` with `residual` reduced `over not batch`")
}

/// The type before and after an iteration, each with its place.
pub(super) fn axes_change_while(name: &str, then: (&str, Span), now: (&str, Span)) -> Diagnostic {
    let message = format!("`{name}` changes its axes in a loop with `while`");
    Diagnostic::new(Code::AxisSize, message, now.1, format!("it is {} after an iteration", now.0))
        .related(then.1, format!("it was {}", then.0))
        .help(
            "a sample that has stopped keeps its value: branch and merge outside, or as often as each other",
        )
}

/// `grad last` of more iterations than there are.
pub(super) fn more_than_all(last: usize, times: usize, place: Span) -> Diagnostic {
    let message = format!("gradient through the last {last} of {}", counted(times, "iteration"));
    let label = format!("there are {times}, and all of them have gradient");
    Diagnostic::warning(Code::NoGradient, message, place, label)
        .help("write no more than there are, or leave `grad last` out")
}

pub(super) fn nothing_inherited(place: Span) -> Diagnostic {
    let label = "not in an heir's section or block";
    Diagnostic::new(Code::Misplaced, "nothing is inherited here", place, label)
        .help("`inherited` goes on from the same section or block of the model that is extended")
}

/// An expression in the place of a statement.
pub(super) fn unread_value(value: Span) -> Diagnostic {
    Diagnostic::new(Code::Misplaced, "this value is not used", value, "an expression alone")
        .help("bind it, `let name = …`, or update a state, `z <- …`")
}

pub(super) fn return_without_caller(place: Span) -> Diagnostic {
    let message = "`return` gives a value back, and nobody reads it here";
    Diagnostic::new(Code::Misplaced, message, place, "no caller")
        .help("update a state, `z <- …`, or bind a name, `let name = …`")
}

/// What a statement would hide that binds a name.
pub(super) enum Hidden<'a> {
    /// A declaration of the model, by its keyword.
    Declaration(&'a str),
    /// A binding; `var`: it can be updated.
    Binding { var: bool },
}

/// `word`: the statement that binds the name; `before`: where the other stands.
pub(super) fn hides(name: &Ident, word: &str, hidden: &Hidden, before: Span) -> Diagnostic {
    let (what, label) = match hidden {
        Hidden::Declaration(kind) => (format!("{} of the model", one(kind)), "declared here"),
        Hidden::Binding { .. } => ("bound already".to_owned(), "bound here"),
    };
    let (other, update) = ("choose another name", format!("`{} <- …`", name.name));
    let help = match hidden {
        Hidden::Declaration("state") | Hidden::Binding { var: true } if word != "axis" => {
            format!("update it: {update}")
        }
        Hidden::Binding { .. } if word == "let" => {
            format!("{other}, or bind the first by `var` and update it, {update}")
        }
        _ => other.to_owned(),
    };
    let message = format!("`{}` is {what}, which this would hide", name.name);
    Diagnostic::new(Code::Duplicate, message, name.span, format!("bound anew by `{word}`"))
        .related(before, label)
        .help(help)
}

/// `found`: what is bound to so many names.
pub(super) fn other_values(names: usize, found: &str, value: Span) -> Diagnostic {
    let message = format!("{names} names are bound to {found}");
    Diagnostic::new(Code::Arguments, message, value, format!("this gives {found}"))
}

/// `known`: the blocks of the model; `net`: a net has the name.
pub(super) fn no_block(name: &Ident, known: &[&String], net: bool) -> Diagnostic {
    let block = &name.name;
    let help = meant(block, known.iter().copied()).unwrap_or_else(|| match net {
        true => format!("`{block}` is a net: call it, `z <- {block}(z)`"),
        false => format!("declare it: `block {block} {{ … }}`"),
    });
    Diagnostic::new(Code::UnknownName, format!("there is no block `{block}`"), name.span, "not found")
        .help(help)
}

pub(super) fn other_arguments(
    block: &Ident,
    takes: usize,
    given: usize,
    (place, declared): (Span, Span),
) -> Diagnostic {
    let message = format!("the block `{}` takes {}, not {given}", block.name, counted(takes, "argument"));
    Diagnostic::new(Code::Arguments, message, place, format!("given {given}"))
        .related(declared, "declared here")
}

pub(super) fn does_itself(block: &Ident, place: Span) -> Diagnostic {
    let message = format!("the block `{}` does itself without end", block.name);
    Diagnostic::new(Code::Misplaced, message, place, "done again here")
        .help("blocks are written out where they are done; use `repeat`")
}

pub(super) fn no_branch_axis(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Incomplete, "the model declares no axis `branch`", place, "branches need one")
        .help("declare `axis branch`, or name another: `branch z along thought with …`")
}

/// `word`: `record` or `collect`.
pub(super) fn kept_in_a_function(word: &str, name: &Ident) -> Diagnostic {
    let message = format!("`{word}` belongs in the schedule, not in a function");
    Diagnostic::new(Code::Misplaced, message, name.span, "in a function")
        .help(format!("return the value, and {word} it where the function is called"))
}

pub(super) fn mean_too_early(name: &Ident) -> Diagnostic {
    let message = format!("`{}` is a mean over the calls of a step, which is not over yet", name.name);
    Diagnostic::new(Code::Misplaced, message, name.span, "not over yet")
        .help("read it after `think`: in `decode`, `predict`, `metric` or `loss`")
}

/// `path`: the net that has no such name; `known`: the names that it has.
pub(super) fn nothing_of_net(path: &str, name: &Ident, known: &[String]) -> Diagnostic {
    let message =
        format!("`{path}` neither has a weight `{}` nor emits it at a call with gradient", name.name);
    let help = meant(&name.name, known).unwrap_or_else(|| match known {
        [] => format!("emit it in the net's `fn`: `emit {} = …`", name.name),
        known => format!("it has {}", quoted(known)),
    });
    Diagnostic::new(Code::UnknownName, message, name.span, "not found").help(help)
}
