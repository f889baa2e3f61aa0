//! What the author is told about nets: takes names and places, gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::evaluate::complaints::{no_parameter, one_too_many, takes_no_clause, takes_no_map};
use crate::model::words::{meant, quoted};
use crate::source::Span;
use crate::syntax::ast::{Arg, ArgKind, Ident, NetDef};

fn net_needed(what: &str, place: Span) -> Diagnostic {
    Diagnostic::new(Code::Kind, format!("a net is needed here, and {what}"), place, "not a net")
}

pub(in crate::model) fn function_as_net(name: &str, place: Span) -> Diagnostic {
    net_needed(&format!("`{name}` is a function"), place)
        .help("a function needs no declaration: call it in the schedule")
}

pub(in crate::model) fn not_a_net(what: &str, place: Span) -> Diagnostic {
    net_needed(&format!("this is {what}"), place)
        .help("for example `Linear(dim -> symbol)` or `Stack(2, Block(pos, dim, heads, 4))`")
}

pub(in crate::model) fn made_of_itself(net: &Ident, place: Span) -> Diagnostic {
    let message = format!("the net `{}` is made of itself without end", net.name);
    Diagnostic::new(Code::Misplaced, message, place, "one more inside")
        .help("a number that decides how deep it goes ends it: `if depth > 0 { … } else { … }`")
}

pub(in crate::model) fn not_in_a_net(member: Span) -> Diagnostic {
    Diagnostic::new(Code::Misplaced, "a net has no such declaration", member, "does not belong in a net")
        .help("a net has `axis`, `param`, `buffer`, `table`, `net` and one `fn`")
}

pub(in crate::model) fn without_fn(net: &Ident, call: Span) -> Diagnostic {
    let message = format!("the net `{}` has no `fn`", net.name);
    Diagnostic::new(Code::Incomplete, message, call, "called here")
        .related(net.span, "declared here")
        .help("say what it computes: `fn (x) { return … }`")
}

/// A `Linear` map that is called with `given` values; `others`: with something that is no value.
pub(in crate::model) fn linear_takes_one(path: &str, given: usize, others: bool, call: Span) -> Diagnostic {
    let (message, label) = match others {
        true => (format!("`{path}` takes one value and nothing else"), "more than one value"),
        false => (format!("`{path}` takes 1 value, not {given}"), "a `Linear` map"),
    };
    Diagnostic::new(Code::Arguments, message, call, label)
}

/// A distribution that a weight may begin as.
pub(in crate::model) fn without_its_numbers(name: &str, call: Span) -> Diagnostic {
    let wanted = if name == "uniform" { "low = 0, high = 1" } else { "std = 1" };
    let message = format!("`{name}` needs its numbers");
    Diagnostic::new(Code::Arguments, message, call, "without its numbers").help(format!("`{name}({wanted})`"))
}

pub(in crate::model) fn linear_has_no_parameter(place: Span) -> Diagnostic {
    let message = "`Linear` takes `bias` and `weight` besides its axes";
    Diagnostic::new(Code::Arguments, message, place, "not expected")
        .help("`Linear(dim -> symbol, bias = true, weight = normal(std = 0.02))`")
}

pub(in crate::model) fn linear_without_axes(place: Span) -> Diagnostic {
    let message = "`Linear` needs to know from which axes to which";
    Diagnostic::new(Code::Arguments, message, place, "no `from -> to`")
        .help("`Linear(dim -> symbol)`; `-> 1` gives a single number")
}

/// `shown`: the type of the input, which has the axis.
pub(in crate::model) fn linear_makes_again(axis: &str, shown: &str, call: Span) -> Diagnostic {
    let message = format!("this `Linear` makes the axis `{axis}`, which its input has already");
    Diagnostic::new(Code::AxisUnexpected, message, call, format!("this is given {shown}"))
        .help("rename or reduce that axis first")
}

/// An argument for which the net has no parameter.
pub(in crate::model) fn no_parameter_for(net: &NetDef, arg: &Arg) -> Diagnostic {
    let (name, place, declared) = (net.name.name.as_str(), arg.span, net.name.span);
    let known: Vec<&str> = net.params.iter().map(|param| param.name.name.as_str()).collect();
    let told = match &arg.kind {
        ArgKind::Named(own, value) => return no_parameter(name, own, value.span, &known, declared),
        ArgKind::Positional(_) => one_too_many(name, known.len(), place),
        ArgKind::Clause(clause, _) => takes_no_clause(name, *clause, place),
        ArgKind::Map(..) => takes_no_map(name, false, place),
    };
    told.related(declared, "declared here").help(format!("its parameters are {}", quoted(&known)))
}

/// `known`: the paths of the nets inside the net that the path begins with.
pub(in crate::model) fn no_such_part(path: &str, known: &[String], place: Span) -> Diagnostic {
    let net = path.split('.').next().unwrap_or_default();
    let help = meant(path, known).unwrap_or_else(|| match known {
        [] => format!("`{net}` has no nets inside"),
        known => format!("`{net}` has {}", quoted(known)),
    });
    let message = format!("there is no net at `{path}`");
    Diagnostic::new(Code::UnknownName, message, place, "no such part").help(help)
}
