//! What the author is told about declarations: configs, axes, data, weights and states. Takes names, numbers and places,
//! gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic, Setting as Set, did_you_mean};
use crate::model::words::{PLAIN, meant, quoted};
use crate::model::{Number, Setting};
use crate::source::Span;
use crate::syntax::ast::{Ident, Type};
use crate::types::Axis;

/// Where a config has its value from.
#[derive(Clone, Copy)]
pub(in crate::model) enum Given {
    Here(Span),
    /// A run file or the command line.
    FromOutside,
}

impl Given {
    fn told(self, name: &Ident, shown: &str, wanted: &str, label: &str) -> Diagnostic {
        let (how, span, label) = match self {
            Given::Here(span) => ("is", span, label),
            Given::FromOutside => ("is set to", name.span, "set in the run file or by `--set`"),
        };
        let message = format!("`{}` {how} {shown}, but it must be {wanted}", name.name);
        let told = Diagnostic::new(Code::Config, message, span, label);
        match self {
            Given::Here(_) => told,
            Given::FromOutside => told.of_setting(Set::Value(name.name.clone())),
        }
    }

    /// `bounds`: what the range of the config says.
    pub(in crate::model) fn out_of_range(self, name: &Ident, shown: &str, bounds: &str) -> Diagnostic {
        self.told(name, shown, bounds, "out of range")
    }

    /// `ty`: the type, or the choices.
    pub(in crate::model) fn does_not_fit(self, name: &Ident, shown: &str, ty: &[Ident]) -> Diagnostic {
        let types: Vec<&str> = ty.iter().map(|ty| ty.name.as_str()).collect();
        let told = self.told(name, shown, &wanted(&types), "does not fit");
        let told = told.related(ty.first().map_or(Span::NONE, |ty| ty.span), "declared as this");
        match did_you_mean(shown.trim_matches('`'), types) {
            Some(near) if !PLAIN.contains(&near) => told.help(format!("did you mean `{near}`?")),
            _ => told,
        }
    }
}

fn wanted(types: &[&str]) -> String {
    match types {
        ["int"] => "a whole number".to_owned(),
        ["float"] => "a number".to_owned(),
        ["ints"] => "a list of whole numbers".to_owned(),
        ["floats"] => "a list of numbers".to_owned(),
        ["bool"] => "true or false".to_owned(),
        [] => "a number, a list of numbers, true or false".to_owned(),
        [one] => format!("`{one}`"),
        choices => format!("one of {}", quoted(choices)),
    }
}

pub(in crate::model) fn not_a_config_type(ty: &Ident) -> Diagnostic {
    let message = format!("`{}` is no type of a config", ty.name);
    let help = meant(&ty.name, &PLAIN).unwrap_or_else(|| {
        "a config is `int`, `float`, `bool`, `ints`, `floats`, or choices `a | b`".to_owned()
    });
    Diagnostic::new(Code::Config, message, ty.span, "not a type").help(help)
}

/// `known`: the configs of the model.
pub(in crate::model) fn no_config(model: &Ident, set: &str, value: &Setting, known: &[String]) -> Diagnostic {
    let message = format!("`{}` has no config `{set}`, which was set to {value}", model.name);
    let help = meant(set, known).unwrap_or_else(|| match known {
        [] => "it has no configs at all".to_owned(),
        known => format!("its configs are {}", quoted(known)),
    });
    Diagnostic::new(Code::Config, message, model.span, "this model")
        .help(help)
        .of_setting(Set::Name(set.to_owned()))
}

/// A config that was set and decides nothing; `read`: where the model reads it, out of reach.
pub(in crate::model) fn set_in_vain(
    model: &Ident,
    (name, declared): (&str, Span),
    value: &Setting,
    read: Option<Span>,
) -> Diagnostic {
    let model = &model.name;
    let nothing = match read {
        Some(_) => format!("nothing that `{model}` does under these settings reads it"),
        None => format!("nothing in `{model}` reads it"),
    };
    let message = format!("`{name}` is set to {value}, and {nothing}");
    let told = Diagnostic::new(Code::Config, message, declared, "set by `--set` or a row of a sweep");
    let told = told.of_setting(Set::Name(name.to_owned()));
    match read {
        Some(read) => told
            .related(read, "read here, which these settings do not reach")
            .help("it would change nothing: leave it out, or set what decides whether it is read"),
        None => told.help("it would change nothing: leave it out"),
    }
}

pub(in crate::model) fn no_batch(model: &Ident) -> Diagnostic {
    let message = format!("`{}` declares no axis `batch`", model.name);
    Diagnostic::new(Code::Incomplete, message, model.span, "this model")
        .help("every model computes on batches: `axis batch, cell, symbol`")
}

fn not_a_size(message: String, number: Number, place: Span) -> Diagnostic {
    Diagnostic::new(Code::Number, message, place, format!("this is {number}"))
}

pub(in crate::model) fn size_below_zero(number: Number, place: Span) -> Diagnostic {
    not_a_size(format!("{number} is below zero, and a size or count is needed here"), number, place)
}

pub(in crate::model) fn size_not_whole(number: Number, place: Span) -> Diagnostic {
    not_a_size(format!("a whole number is needed here, and this is {number}"), number, place)
        .help("say how to round it: `floor(…)`, `ceil(…)` or `round(…)`")
}

pub(in crate::model) fn size_too_large(number: Number, place: Span) -> Diagnostic {
    not_a_size("this is too large for a size or count".to_owned(), number, place)
}

pub(in crate::model) fn no_size_of_its_own(axis: &Axis, place: Span) -> Diagnostic {
    let name = &axis.name;
    let message = format!("the axis `{name}` has no size of its own: each value has its own");
    let told = Diagnostic::new(Code::Number, message, place, "its size is needed here").help(format!(
        "give it one where it is declared, `axis {name} = 2`, or ask a value: `size(z, {name})`"
    ));
    if axis.span == place { told } else { told.related(axis.span, "declared without a size") }
}

pub(in crate::model) fn rest_outside_a_signature(ty: Span) -> Diagnostic {
    let message = "`..` belongs in the signature of a function";
    Diagnostic::new(Code::Misplaced, message, ty, "in a declaration").help("name the axes")
}

pub(in crate::model) fn axis_twice_in_type(axis: &Ident) -> Diagnostic {
    let message = format!("the axis `{}` stands twice in one type", axis.name);
    Diagnostic::new(Code::AxisUnexpected, message, axis.span, "again here")
        .help("a value has each axis once; a second of the same size needs a name of its own")
}

pub(in crate::model) fn data_without_batch(name: &Ident, ty: &Type) -> Diagnostic {
    let message = format!("`{}` has no axis `batch`", name.name);
    Diagnostic::new(Code::AxisMissing, message, ty.span, "declared here")
        .help("data come sample by sample: `[batch, …]`")
}

pub(in crate::model) fn weight_of_another_kind(name: &Ident, ty: &Type) -> Diagnostic {
    let message = format!("`{}` must be `float`, as all weights are", name.name);
    Diagnostic::new(Code::Kind, message, ty.name.span, "another kind")
        .help("weights are kept in float32 and read in the run's precision")
}

pub(in crate::model) fn weight_with_batch(name: &Ident, ty: &Type) -> Diagnostic {
    let message = format!("the weight `{}` has the axis `batch`", name.name);
    Diagnostic::new(Code::AxisUnexpected, message, ty.span, "declared here").help(
        "weights are shared by all samples: leave `batch` out, it is broadcast where it is needed; what each sample has of its own is a `state`",
    )
}

pub(in crate::model) fn two_weights(path: &str, place: Span, before: Span) -> Diagnostic {
    let message = format!("there are two weights at `{path}`");
    Diagnostic::new(Code::Duplicate, message, place, "this one")
        .related(before, "and this one")
        .help("give one of them another name")
}

pub(in crate::model) fn not_an_initial_value(what: &str, place: Span) -> Diagnostic {
    let message = format!("a weight begins as a distribution or a number, not as {what}");
    Diagnostic::new(Code::Kind, message, place, "not an initial value")
        .help("for example `truncated_normal(std = 1)`, `normal(std = 0.02)` or `0`")
}

pub(in crate::model) fn state_of_another_kind(name: &Ident, ty: &Type) -> Diagnostic {
    let message = format!("the state `{}` must be `float`", name.name);
    Diagnostic::new(Code::Kind, message, ty.name.span, "another kind")
        .help("a state carries numbers that nets compute: `float [batch, …]`")
}

pub(in crate::model) fn state_without_batch(name: &Ident, ty: &Type) -> Diagnostic {
    let message = format!("the state `{}` has no axis `batch`", name.name);
    Diagnostic::new(Code::StateAxes, message, ty.span, "declared here")
        .help("states belong to samples: `float [batch, …]`")
}

/// `shown`: the type of the initial value, which has `size` entries along the axis.
pub(in crate::model) fn starts_with_more(
    (axis, size): (&str, usize),
    shown: &str,
    place: Span,
) -> Diagnostic {
    let message = format!("the initial value has the axis `{axis}` ({size}), and the state has not");
    Diagnostic::new(Code::AxisUnexpected, message, place, format!("this is {shown}"))
        .help("declare the state with that axis, or reduce the initial value")
}

pub(in crate::model) fn starts_truncated(place: Span) -> Diagnostic {
    let message = "a state cannot begin as `truncated_normal`, which only weights do";
    Diagnostic::new(Code::Kind, message, place, "drawn for each sample")
        .help("`normal(std = …)` and `uniform(low = …, high = …)` are drawn anew per sample")
}
