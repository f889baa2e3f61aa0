//! What the author is told about axes in expressions: sizes, entries, joining and parting, attention. Takes names, sizes,
//! shown types and places, gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::Number;
use crate::model::complaints::told;
use crate::model::evaluate::complaints::calls::has_no_parameter;
use crate::model::words::{counted, entries};
use crate::primitive::Complaint;
use crate::source::Span;
use crate::syntax::ast::Ident;
use crate::types::Axis;

fn arguments(message: impl Into<String>, place: Span, label: &str) -> Diagnostic {
    Diagnostic::new(Code::Arguments, message, place, label)
}

pub(in crate::model) fn size_of_what(call: Span) -> Diagnostic {
    arguments("`size` takes an axis, a value and an axis, or a list", call, "size of what?")
        .help("`size(dim)`, `size(z, branch)`, `size(ways)`")
}

pub(in crate::model) fn index_along_what(call: Span) -> Diagnostic {
    arguments("`index` takes an axis, or a value and an axis", call, "along which axis?")
        .help("`index(pos)` counts 0, 1, 2, … along `pos`, `index(z, branch)` as far as `z` goes")
}

pub(in crate::model) fn draws_over_what(name: &str, call: Span) -> Diagnostic {
    arguments(format!("`{name}` needs to know over which axes"), call, "over which axes?")
        .help(format!("`{name}(over (batch, pos, dim))`"))
}

pub(in crate::model) fn broadcast_over_what(call: Span) -> Diagnostic {
    arguments("`broadcast` needs `over …`", call, "missing here")
        .help("say over which new axes: `broadcast(x, over way)`")
}

pub(in crate::model) fn top_k_of_what(call: Span) -> Diagnostic {
    arguments("`top_k` needs an axis, a count and a new axis", call, "something is missing")
        .help("`top_k(score, over branch, count = 4, into kept)`")
}

pub(in crate::model) fn count_not_whole(count: Number, call: Span) -> Diagnostic {
    let message = format!("`count` must be a whole number, and this is {count}");
    Diagnostic::new(Code::Number, message, call, "of which count?")
}

/// `parts`: how many parts `axis` has, and their names; `values`: how many are joined.
pub(in crate::model) fn other_parts(
    axis: &Axis,
    (parts, names): (usize, &str),
    values: usize,
    place: Span,
) -> Diagnostic {
    let joined = if values == 1 { "1 value is".to_owned() } else { format!("{values} values are") };
    let message = format!("`{}` has {}, and {joined} joined", axis.name, counted(parts, "part"));
    arguments(message, place, "along this axis").related(axis.span, "declared here").help(match parts {
        0 => "declare its parts: `axis pos = prefix + cell`".to_owned(),
        _ => format!("its parts are {names}"),
    })
}

pub(in crate::model) fn stack_of_none(call: Span) -> Diagnostic {
    arguments("`stack` needs values", call, "given none").help("`stack(a, b, into way)`")
}

const ANOTHER_SIZE: &str = "use an axis of that size, or one without a size of its own";

/// `size`: that of the axis; `count`: the values to be stacked along it.
pub(in crate::model) fn stacks_another_size(
    axis: &Axis,
    size: usize,
    count: usize,
    place: Span,
) -> Diagnostic {
    let stacked = if count == 1 { "1 value is".to_owned() } else { format!("{count} values are") };
    let message = format!("`{}` is {size}, and {stacked} stacked along it", axis.name);
    Diagnostic::new(Code::AxisSize, message, place, "into this axis")
        .related(axis.span, format!("`{}` is {size}: {}", axis.name, axis.origin))
        .help(ANOTHER_SIZE)
}

/// `size`: that of the axis; `given`: what the value of type `shown` would make it.
pub(in crate::model) fn gives_another_size(
    axis: &Axis,
    (size, given): (usize, usize),
    shown: &str,
    place: Span,
) -> Diagnostic {
    let message = format!("`{}` is {size}, and this gives it {given}", axis.name);
    Diagnostic::new(Code::AxisSize, message, place, format!("this is {shown}"))
        .related(axis.span, format!("`{}` is {size}: {}", axis.name, axis.origin))
        .help(ANOTHER_SIZE)
}

pub(in crate::model) fn stacked_already(axis: &str, shown: &str, place: Span) -> Diagnostic {
    let message = format!("this value has the axis `{axis}` already");
    Diagnostic::new(Code::AxisUnexpected, message, place, format!("this is {shown}"))
        .help("stack into another axis")
}

/// A form that takes `from -> to`, with an example.
pub(in crate::model) fn without_map(name: &str, example: &str, call: Span) -> Diagnostic {
    arguments(format!("`{name}` needs `from -> to`"), call, "missing here").help(format!("`{example}`"))
}

pub(in crate::model) fn maps_other_axes(name: &str, takes: &str, example: &str, place: Span) -> Diagnostic {
    arguments(format!("`{name}` takes {takes}"), place, "these axes").help(format!("`{example}`"))
}

pub(in crate::model) fn several_open(place: Span) -> Diagnostic {
    let message = "the sizes of these axes are not known";
    Diagnostic::new(Code::Number, message, place, "more than one is open")
        .help("declare their sizes: `axis way = 2`")
}

/// `whole`: the entries of `axis`; `value`: the type of the value and where it is made.
pub(in crate::model) fn no_rows_of(
    known: usize,
    (whole, axis): (usize, &str),
    (shown, value): (&str, Span),
    place: Span,
) -> Diagnostic {
    let message = format!("the {whole} entries of `{axis}` cannot be laid out as rows of {known}");
    Diagnostic::new(Code::AxisSize, message, place, "into these axes")
        .related(value, format!("this is {shown}"))
        .help(format!("choose sizes whose product divides {whole}"))
}

pub(in crate::model) fn which_axis(place: Span) -> Diagnostic {
    arguments("say which axis is indexed", place, "of which axis?")
        .help("`x[axis = 0]` takes one entry, `x[axis in a..b]` a range, `x[part]` a named part")
}

pub(in crate::model) fn not_an_entry(number: Number, place: Span) -> Diagnostic {
    let message = format!("{number} is no entry of an axis");
    Diagnostic::new(Code::Number, message, place, "entries are counted 0, 1, 2, …")
}

pub(in crate::model) fn range_backwards((start, end): (usize, usize), place: Span) -> Diagnostic {
    let message = format!("the range {start} .. {end} runs backwards");
    Diagnostic::new(Code::Number, message, place, "this range")
        .help("the second number is the end, itself left out")
}

/// `size`: the entries of the axis; the index is `low`, or goes from there to `high`.
pub(in crate::model) fn index_misses(
    axis: &str,
    size: usize,
    (low, high): (f64, Option<f64>),
    place: Span,
) -> Diagnostic {
    let reach = match high {
        None => format!("is {low}"),
        Some(high) => format!("goes from {low} to {high}"),
    };
    let message = format!("`{axis}` has {} here, and this index {reach}", entries(size));
    Diagnostic::new(Code::Number, message, place, reach)
        .help("entries are counted from 0; `min(…, …)` and `max(…, …)` keep an index inside")
}

/// `whole`: the value of type `shown` has the axis itself.
pub(in crate::model) fn no_part(axis: &str, shown: &str, whole: bool, place: Span) -> Diagnostic {
    let message = format!("`{axis}` is no part of this value");
    Diagnostic::new(Code::AxisMissing, message, place, format!("this is {shown}")).help(match whole {
        true => format!("it has `{axis}` already, whole"),
        false => format!("parts are declared: `axis pos = prefix + {axis}`"),
    })
}

pub(in crate::model) fn which_rows(place: Span) -> Diagnostic {
    arguments("a table is read by rows", place, "which rows?")
        .help("`rows[task = puzzle]` with an index of that axis")
}

pub(in crate::model) fn not_a_row(complaint: Complaint, index: Span, table: Span) -> Diagnostic {
    told(complaint, index, "this index").related(table, "the table")
}

/// `operand`: the type of the operand that lacks an axis, and where it is made.
pub(in crate::model) fn attends_along_what(
    complaint: Complaint,
    (shown, operand): (&str, Span),
    place: Span,
) -> Diagnostic {
    told(complaint, place, "of this attention").related(operand, format!("this is {shown}"))
}

pub(in crate::model) fn mask_of_another_kind(shown: &str, place: Span) -> Diagnostic {
    let message = "the mask of `attend` is of bools or floats";
    Diagnostic::new(Code::Kind, message, place, format!("this is {shown}"))
        .help("bools say which keys are looked at (`edge > 0`); floats are added to the scores")
}

/// Called with a mask, or with queries apart from the keys, `attend` takes no other parameters.
pub(in crate::model) fn attend_has_no_parameter(parameter: &Ident, place: Span) -> Diagnostic {
    has_no_parameter("attend", parameter, place).help("it has `mask` and `causal`")
}

pub(in crate::model) fn causal_not_known(what: &str, place: Span) -> Diagnostic {
    let message = format!("`causal` must be a truth value known at compile time, and this is {what}");
    arguments(message, place, "not known at compile time")
}

/// `queries`: their type, which lacks the axis, and where they are made.
pub(in crate::model) fn earlier_than_what(
    axis: &str,
    (shown, queries): (&str, Span),
    place: Span,
) -> Diagnostic {
    let message = format!("no key along `{axis}` is earlier or later than a query, which lacks this axis");
    arguments(message, place, "earlier than what?")
        .related(queries, format!("the queries are {shown}"))
        .help("leave `causal` out, or say what may be looked at: `mask = …`")
}
