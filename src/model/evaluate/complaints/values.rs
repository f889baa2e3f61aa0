//! What the author is told about values known at compile time, about choices and about parts of values: takes names,
//! numbers and places, gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::Number;
use crate::model::words::{entries, meant, quoted};
use crate::source::Span;
use crate::syntax::ast::Ident;

fn number(message: impl Into<String>, place: Span, label: &str) -> Diagnostic {
    Diagnostic::new(Code::Number, message, place, label)
}

pub(in crate::model) fn beyond_numbers(text: &str, place: Span) -> Diagnostic {
    number(format!("{text} is beyond the numbers that can be kept"), place, "out of range")
}

pub(in crate::model) fn beyond_tensors(value: Number, place: Span) -> Diagnostic {
    number(format!("{value} is beyond what a tensor can hold"), place, "meets a tensor here")
        .help("float32 reaches to 3.4e38: take a smaller number, or `inf` and `-inf`")
}

pub(in crate::model) fn divided_by_zero(place: Span) -> Diagnostic {
    number("this divides by zero", place, "the divisor is 0")
}

pub(in crate::model) fn no_number(place: Span) -> Diagnostic {
    number("this is no number", place, "undefined, or too large to keep")
}

pub(in crate::model) fn not_known_yet(place: Span) -> Diagnostic {
    let message = "this must be known at compile time, and it is a tensor";
    number(message, place, "known when the model runs").help("use configs, sizes and numbers only")
}

pub(in crate::model) fn not_a_number(what: &str, place: Span) -> Diagnostic {
    number(format!("a number is needed here, and this is {what}"), place, "not a number")
}

pub(in crate::model) fn not_a_condition(what: &str, place: Span) -> Diagnostic {
    let message = format!("a condition must be known at compile time, and this is {what}");
    number(message, place, "not a condition").help(
        "conditions read configs, loop counters and `training`; for tensors use `where(condition, a, b)`",
    )
}

pub(in crate::model) fn bools_needed(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Kind, "`and` and `or` need bools", place, "these are numbers")
}

pub(in crate::model) fn chained_comparisons(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Misplaced, "comparisons cannot be chained", place, "two comparisons in one")
        .help("join them: `a < b and b < c`")
}

pub(in crate::model) fn block_without_value(block: Span) -> Diagnostic {
    Diagnostic::new(Code::Incomplete, "this block gives no value", block, "nothing is returned")
        .help("end it with `return …`")
}

/// `text` before an `@` is no state; `of_model`: it stands in the model itself.
pub(in crate::model) fn not_a_state(text: &str, of_model: bool, place: Span) -> Diagnostic {
    let message = format!("`@` goes back in time for a state, and `{text}` is none");
    Diagnostic::new(Code::Misplaced, message, place, "not a state").help(match of_model {
        true => "carry it from step to step: `state NAME: float [batch, …] = 0`",
        false => "a function sees only its parameters: read the state where it is called",
    })
}

/// `known`: the config's choices.
pub(in crate::model) fn no_choice(config: &str, word: &str, known: &[String], place: Span) -> Diagnostic {
    let message = format!("`{config}` has no choice `{word}`");
    let help = meant(word, known).unwrap_or_else(|| format!("its choices are {}", quoted(known)));
    Diagnostic::new(Code::Config, message, place, "not a choice").help(help)
}

pub(in crate::model) fn not_a_subject(what: &str, place: Span) -> Diagnostic {
    let message = format!("`match` chooses by a choice or a number, and this is {what}");
    Diagnostic::new(Code::Kind, message, place, "neither of them")
        .help("match on a config with choices: `config fork: film | copies = film`")
}

fn never_reached(message: String, arm: Span, before: (Span, &str)) -> Diagnostic {
    Diagnostic::new(Code::Duplicate, message, arm, "never reached").related(before.0, before.1)
}

/// `shown`: the choice or number of both arms.
pub(in crate::model) fn two_arms(shown: &str, arm: Span, before: Span) -> Diagnostic {
    never_reached(format!("{shown} has two arms"), arm, (before, "first here")).help("remove one")
}

pub(in crate::model) fn arm_behind_others(arm: Span, others: Span) -> Diagnostic {
    let message = "`_` takes all that is left, and an arm stands behind it".to_owned();
    never_reached(message, arm, (others, "all others")).help("let `_` be the last arm")
}

/// `subject`: the author's words for what is matched, and `first` among the choices that have no arm.
pub(in crate::model) fn no_arm_for_choices(subject: &str, without: &[String], place: Span) -> Diagnostic {
    let message = format!("`match {subject}` has no arm for {}", quoted(without));
    let first = without.first().map_or("", String::as_str);
    Diagnostic::new(Code::Incomplete, message, place, "of these choices").help(format!("add `{first} => …`"))
}

/// `subject`: the author's words for what is matched.
pub(in crate::model) fn no_arm_for_number(subject: &str, number: Number, place: Span) -> Diagnostic {
    let message = format!("`match {subject}` has no arm for {number}");
    Diagnostic::new(Code::Incomplete, message, place, format!("this is {number}"))
        .help(format!("add `{number} => …`, or `_ => …` for all others"))
}

/// `subject`: the number that is matched, and its place.
pub(in crate::model) fn arm_is_no_number(arm: &Ident, (number, subject): (Number, Span)) -> Diagnostic {
    let message = format!("`match` on a number has arms of numbers, and `{}` is none", arm.name);
    Diagnostic::new(Code::Kind, message, arm.span, "not a number")
        .related(subject, format!("this is {number}"))
        .help("`0 => …`, and `_ => …` for all others")
}

pub(in crate::model) fn which_entry(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Arguments, "a list takes one number", place, "which of its entries?")
        .help("`ways[0]` is its first entry, `ways[i]` one by the counter of a loop")
}

pub(in crate::model) fn no_entry(at: usize, list: &[Number], place: Span) -> Diagnostic {
    let message = format!("there is no entry {at} in this list of {}", entries(list.len()));
    number(message, place, &format!("this is {at}"))
        .help(format!("it is {}, and entries are counted from 0", Number::list(list)))
}

pub(in crate::model) fn which_net(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Arguments, "a family of nets takes one number", place, "which of them?")
        .help("`nets[0](x)`")
}

pub(in crate::model) fn no_net(at: usize, count: usize, place: Span) -> Diagnostic {
    let message = format!("there is no net {at} in this family of {count}");
    number(message, place, &format!("this is {at}")).help("nets are counted from 0")
}

/// `known`: the names that the value has.
pub(in crate::model) fn no_field(name: &Ident, known: &[&str]) -> Diagnostic {
    let message = format!("there is no `{}` in it", name.name);
    let help = meant(&name.name, known).unwrap_or_else(|| format!("it has `{}`", known.join("`, `")));
    Diagnostic::new(Code::UnknownName, message, name.span, "not there").help(help)
}

/// `habit`: what stands here in the place of an attribute of PyTorch.
pub(in crate::model) fn has_no_fields(name: &Ident, what: &str, habit: Option<&str>) -> Diagnostic {
    let message = format!("`.{}` reads a named value, and this is {what}", name.name);
    let told = Diagnostic::new(Code::Kind, message, name.span, "nothing to read it from");
    Diagnostic { help: habit.map(str::to_owned), ..told }
}
