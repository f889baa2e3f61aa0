//! What the author is told about calls: takes names and places, gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::complaints::told;
use crate::model::evaluate::value::Value;
use crate::model::words::{article, counted, meant, quoted};
use crate::primitive::{Complaint, Primitive};
use crate::source::Span;
use crate::syntax::ast::{Clause, Ident, Param};

/// What is called, and where it is declared.
#[derive(Clone, Copy)]
pub(in crate::model) struct Callee<'a> {
    /// The name in the call.
    pub label: &'a str,
    /// Its signature.
    pub declared: Span,
}

impl Callee<'_> {
    fn told(&self, message: String, place: Span, label: &str) -> Diagnostic {
        self.declares(Diagnostic::new(Code::Arguments, message, place, label))
    }

    /// The same, with the place of the signature.
    pub(in crate::model) fn declares(&self, told: Diagnostic) -> Diagnostic {
        told.related(self.declared, "declared here")
    }

    pub(in crate::model) fn without_end(&self, call: Span) -> Diagnostic {
        let message = format!("`{}` calls itself without end", self.label);
        Diagnostic::new(Code::Misplaced, message, call, "called here")
            .help("functions are expanded where they are called; use `repeat`")
    }

    pub(in crate::model) fn without_value(&self) -> Diagnostic {
        let message = format!("`{}` gives no value", self.label);
        Diagnostic::new(Code::Incomplete, message, self.declared, "this function")
            .help("end it with `return …`")
    }

    pub(in crate::model) fn no_clause(&self, clause: Clause, place: Span) -> Diagnostic {
        self.declares(takes_no_clause(self.label, clause, place))
    }

    pub(in crate::model) fn too_many(&self, takes: usize, given: usize, place: Span) -> Diagnostic {
        let message = format!("`{}` takes {}, not {given}", self.label, counted(takes, "value"));
        self.told(message, place, "too many")
    }

    pub(in crate::model) fn given_twice(&self, name: &Ident, place: Span) -> Diagnostic {
        given_twice(self.label, name, name.span.to(place), self.declared)
    }
}

pub(in crate::model) fn given_twice(
    label: &str,
    parameter: &Ident,
    place: Span,
    declared: Span,
) -> Diagnostic {
    let message = format!("`{}` of `{label}` is given twice", parameter.name);
    Callee { label, declared }.told(message, place, "again here")
}

/// An argument that names no parameter.
pub(in crate::model) fn no_parameter(
    label: &str,
    name: &Ident,
    place: Span,
    known: &[impl AsRef<str>],
    declared: Span,
) -> Diagnostic {
    let told = has_no_parameter(label, name, place).related(declared, "declared here");
    told.help(meant(&name.name, known).unwrap_or_else(|| format!("its parameters are {}", quoted(known))))
}

pub(in crate::model) fn missing(label: &str, param: &Param, call: Span) -> Diagnostic {
    let message = format!("`{label}` needs `{}`", param.name.name);
    Callee { label, declared: param.name.span }.told(message, call, "missing here")
}

pub(in crate::model) fn missing_clause(label: &str, word: &str, param: &Param, call: Span) -> Diagnostic {
    let message = format!("`{label}` needs `{word} …`");
    Callee { label, declared: param.name.span }
        .told(message, call, "missing here")
        .help(format!("say which axis: `{word} dim`"))
}

pub(in crate::model) fn several_axes(word: &str, place: Span) -> Diagnostic {
    Diagnostic::new(Code::Arguments, format!("`{word}` takes one axis here"), place, "several axes")
}

/// `shown`: the value, which is not of the parameter's type `ty`.
pub(in crate::model) fn of_another_type(
    label: &str,
    param: &Param,
    ty: &str,
    shown: &str,
    place: Span,
) -> Diagnostic {
    let message = format!("`{}` of `{label}` must be {}, and this is {shown}", param.name.name, article(ty));
    Callee { label, declared: param.name.span }.told(message, place, &format!("this is {shown}"))
}

/// `shown`: the type of the value, which lacks an axis of the parameter.
pub(in crate::model) fn needs_axis(
    complaint: Complaint,
    shown: &str,
    place: Span,
    param: &Param,
) -> Diagnostic {
    told(complaint, place, format!("this is {shown}")).related(param.name.span, "needed here")
}

/// `shown`: the type of the value, whose kind is not the `wanted` one.
pub(in crate::model) fn of_another_kind(
    label: &str,
    param: &Param,
    wanted: &str,
    shown: &str,
    place: Span,
) -> Diagnostic {
    let message = format!("`{}` of `{label}` must be {wanted}", param.name.name);
    Diagnostic::new(Code::Kind, message, place, format!("this is {shown}"))
        .related(param.name.span, "declared here")
}

/// `lacks`: the axis that the value has not, else `further` are more than the parameter of type `ty` takes.
pub(in crate::model) fn other_axes(
    label: &str,
    lacks: Option<&Ident>,
    further: &str,
    (shown, place): (&str, Span),
    ty: Span,
) -> Diagnostic {
    let (code, message) = match lacks {
        Some(name) => {
            (Code::AxisMissing, format!("`{label}` needs an axis `{}` that the value lacks", name.name))
        }
        None => (Code::AxisUnexpected, format!("`{label}` does not expect {further}")),
    };
    Diagnostic::new(code, message, place, format!("this is {shown}"))
        .related(ty, "the parameter is declared like this")
        .help("reduce or select the further axes before the call")
}

pub(in crate::model) fn index_may_be_absent(label: &str, shown: &str, place: Span, ty: Span) -> Diagnostic {
    let message = format!("`{label}` does not know what to do where the index is absent");
    Diagnostic::new(Code::Kind, message, place, format!("this is {shown}"))
        .related(ty, "declared without `?`")
        .help("ask `present(x)` first, or declare the parameter with `?`")
}

pub(in crate::model) fn index_of_another_axis(
    label: &str,
    wanted: &str,
    found: &str,
    place: Span,
    ty: Span,
) -> Diagnostic {
    let message = format!("`{label}` needs an index of {wanted}, and this indexes `{found}`");
    Diagnostic::new(Code::IndexAxis, message, place, format!("indexes `{found}`"))
        .related(ty, "declared here")
        .help("an index counts along its own axis only")
}

/// A primitive with too few or too many values; `found` is what it was given instead.
pub(in crate::model) fn values_of(primitive: &Primitive, found: &str, call: Span) -> Diagnostic {
    let (least, most) = primitive.operands;
    let wanted = if least == most { counted(least, "value") } else { format!("{least} to {most} values") };
    let message = format!("`{}` takes {wanted}, not {found}", primitive.name);
    Diagnostic::new(Code::Arguments, message, call, format!("given {found}")).help(about(primitive))
}

pub(in crate::model) fn no_clause_of(primitive: &Primitive, clause: Clause, place: Span) -> Diagnostic {
    takes_no_clause(primitive.name, clause, place).help(about(primitive))
}

pub(in crate::model) fn clause_of(primitive: &Primitive, clause: Clause, call: Span) -> Diagnostic {
    let (name, word) = (primitive.name, clause.word());
    Diagnostic::new(Code::Arguments, format!("`{name}` needs `{word} …`"), call, "missing here")
        .help(format!("say which axis: `{name}(…, {word} dim)`"))
}

pub(in crate::model) fn several_axes_of(
    primitive: &Primitive,
    clause: Clause,
    count: usize,
    place: Span,
) -> Diagnostic {
    let message = one_axis_not(primitive.name, clause, count);
    Diagnostic::new(Code::Arguments, message, place, counted(count, "axis").replace("axiss", "axes"))
}

pub(in crate::model) fn no_parameter_of(primitive: &Primitive, name: &Ident, place: Span) -> Diagnostic {
    let known: Vec<&str> = primitive.constants.iter().map(|(known, _)| *known).collect();
    let help = meant(&name.name, &known).unwrap_or_else(|| match known.is_empty() {
        true => about(primitive),
        false => format!("it has {}", quoted(&known)),
    });
    has_no_parameter(primitive.name, name, place).help(help)
}

fn about(primitive: &Primitive) -> String {
    format!("`{}`: {}", primitive.name, primitive.about)
}

fn one_axis_not(name: &str, clause: Clause, count: usize) -> String {
    format!("`{name}` takes one axis after `{}`, not {count}", clause.word())
}

/// A built-in form that needs one axis after a word; `given`: how many axes it got there, None without the word.
pub(in crate::model) fn one_axis_needed(
    name: &str,
    clause: Clause,
    given: Option<usize>,
    example: &str,
    place: Span,
) -> Diagnostic {
    let message = match given {
        Some(count) => one_axis_not(name, clause, count),
        None => format!("`{name}` needs `{} …`", clause.word()),
    };
    Diagnostic::new(Code::Arguments, message, place, "one axis is needed").help(format!("`{example}`"))
}

fn not_expected(message: String, place: Span) -> Diagnostic {
    Diagnostic::new(Code::Arguments, message, place, "not expected")
}

pub(in crate::model) fn takes_no_clause(name: &str, clause: Clause, place: Span) -> Diagnostic {
    not_expected(format!("`{name}` takes no `{}`", clause.word()), place)
}

/// `further`: the one `from -> to` that it takes is there.
pub(in crate::model) fn takes_no_map(name: &str, further: bool, place: Span) -> Diagnostic {
    let further = if further { "further " } else { "" };
    not_expected(format!("`{name}` takes no {further}`from -> to`"), place)
}

pub(in crate::model) fn one_too_many(name: &str, takes: usize, place: Span) -> Diagnostic {
    let takes = counted(takes, "value");
    not_expected(format!("`{name}` takes {takes}, and this is one more"), place)
}

/// `place`: the value given for the parameter.
pub(in crate::model) fn has_no_parameter(name: &str, parameter: &Ident, place: Span) -> Diagnostic {
    let message = format!("`{name}` has no parameter `{}`", parameter.name);
    not_expected(message, parameter.span.to(place))
}

pub(in crate::model) fn needs_a_value(name: &str, call: Span) -> Diagnostic {
    Diagnostic::new(Code::Arguments, format!("`{name}` needs a value"), call, "given none")
}

pub(in crate::model) fn needs_an_axis(name: &str, call: Span) -> Diagnostic {
    Diagnostic::new(Code::Arguments, format!("`{name}` needs at least one axis"), call, "over no axis")
}

pub(in crate::model) fn constant_is_no_number(constant: &str, what: &str, place: Span) -> Diagnostic {
    let message = format!("`{constant}` must be a number known at compile time, and this is {what}");
    Diagnostic::new(Code::Arguments, message, place, "not a number")
}

/// `text`: the author's words for the value.
pub(in crate::model) fn cannot_be_called(text: &str, value: &Value, place: Span) -> Diagnostic {
    let message = format!("`{text}` is {} and cannot be called", value.what());
    let told = Diagnostic::new(Code::Kind, message, place, "not a net or function");
    match value {
        Value::Family(_) => told.help(format!("choose one of them: `{text}[0](…)`")),
        _ => told,
    }
}

pub(in crate::model) fn net_not_made(name: &str, place: Span) -> Diagnostic {
    let message = format!("`{name}` makes a net; its weights must be declared first");
    Diagnostic::new(Code::Misplaced, message, place, "used as a function")
        .help(format!("declare `net mine = {name}(…)`, then call `mine(x)`"))
}

pub(in crate::model) fn beyond_integers(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Number, "this number is beyond the integers", place, "no `int` can hold it")
        .help("integers known at compile time reach to 2 ^ 53: leave it a float")
}

pub(in crate::model) fn rounds_numbers(name: &str, call: Span) -> Diagnostic {
    let message = format!("`{name}` rounds numbers known at compile time");
    Diagnostic::new(Code::Number, message, call, "given a tensor").help("for tensors there is `floor`")
}

/// `found`: what a function of `count` declared results returns.
pub(in crate::model) fn other_results(label: &str, count: usize, found: &str, signature: Span) -> Diagnostic {
    let message = format!("`{label}` declares {count} results and returns {found}");
    Diagnostic::new(Code::Arguments, message, signature, "this function")
        .help("return a tuple: `return (a, b)`")
}

/// A result, and the type that the function declares for it.
pub(in crate::model) struct Returned<'a> {
    /// The function as it is called.
    pub label: &'a str,
    /// The type of the result.
    pub shown: &'a str,
    /// Where its type is declared.
    pub declared: Span,
    pub call: Span,
}

impl Returned<'_> {
    fn told(&self, code: Code, what: &str) -> Diagnostic {
        let (message, label) =
            (format!("`{}` {what}", self.label), format!("what it returns is {}", self.shown));
        Diagnostic::new(code, message, self.declared, label).related(self.call, "called here")
    }

    pub(in crate::model) fn with_more_axes(&self, names: &str) -> Diagnostic {
        self.told(Code::AxisUnexpected, &format!("returns {names} besides what it declares"))
    }

    pub(in crate::model) fn without_axes(&self, names: &str) -> Diagnostic {
        self.told(Code::AxisMissing, &format!("declares {names} and does not return it"))
    }

    pub(in crate::model) fn of_another_kind(&self, declared: &str) -> Diagnostic {
        self.told(Code::Kind, &format!("declares `{declared}` and returns another kind"))
    }
}
