//! What the author is told about calls: takes names and places, gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::model::words::{article, counted, quoted};
use crate::primitive::Primitive;
use crate::source::Span;
use crate::syntax::ast::{Clause, Ident, Param};

/// What is called, and where it is declared.
#[derive(Clone, Copy)]
pub(super) struct Callee<'a> {
    /// The name in the call.
    pub label: &'a str,
    /// Its signature.
    pub declared: Span,
}

impl Callee<'_> {
    fn told(&self, message: String, place: Span, label: &str) -> Diagnostic {
        Diagnostic::new(Code::Arguments, message, place, label).related(self.declared, "declared here")
    }

    pub(super) fn without_end(&self, call: Span) -> Diagnostic {
        let message = format!("`{}` calls itself without end", self.label);
        Diagnostic::new(Code::Misplaced, message, call, "called here")
            .help("functions are expanded where they are called; use `repeat`")
    }

    pub(super) fn without_value(&self) -> Diagnostic {
        let message = format!("`{}` gives no value", self.label);
        Diagnostic::new(Code::Incomplete, message, self.declared, "this function")
            .help("end it with `return …`")
    }

    pub(super) fn no_clause(&self, clause: Clause, place: Span) -> Diagnostic {
        self.told(format!("`{}` takes no `{}`", self.label, clause.word()), place, "not expected")
    }

    pub(super) fn too_many(&self, takes: usize, given: usize, place: Span) -> Diagnostic {
        let message = format!("`{}` takes {}, not {given}", self.label, counted(takes, "value"));
        self.told(message, place, "too many")
    }

    pub(super) fn given_twice(&self, name: &Ident, place: Span) -> Diagnostic {
        let message = format!("`{}` of `{}` is given twice", name.name, self.label);
        self.told(message, name.span.to(place), "again here")
    }
}

/// An argument that names no parameter.
pub(in crate::model) fn no_parameter(
    label: &str,
    name: &Ident,
    place: Span,
    known: &[String],
    declared: Span,
) -> Diagnostic {
    let message = format!("`{label}` has no parameter `{}`", name.name);
    let diagnostic = Callee { label, declared }.told(message, name.span.to(place), "not expected");
    match did_you_mean(&name.name, known.iter().map(String::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("its parameters are {}", quoted(known))),
    }
}

pub(super) fn missing(label: &str, param: &Param, call: Span) -> Diagnostic {
    let message = format!("`{label}` needs `{}`", param.name.name);
    Callee { label, declared: param.name.span }.told(message, call, "missing here")
}

pub(super) fn missing_clause(label: &str, word: &str, param: &Param, call: Span) -> Diagnostic {
    let message = format!("`{label}` needs `{word} …`");
    Callee { label, declared: param.name.span }
        .told(message, call, "missing here")
        .help(format!("say which axis: `{word} dim`"))
}

pub(super) fn several_axes(word: &str, place: Span) -> Diagnostic {
    Diagnostic::new(Code::Arguments, format!("`{word}` takes one axis here"), place, "several axes")
}

/// `shown`: the value, which is not of the parameter's type `ty`.
pub(super) fn of_another_type(label: &str, param: &Param, ty: &str, shown: &str, place: Span) -> Diagnostic {
    let message = format!("`{}` of `{label}` must be {}, and this is {shown}", param.name.name, article(ty));
    Callee { label, declared: param.name.span }.told(message, place, &format!("this is {shown}"))
}

/// `shown`: the type of the value, whose kind is not the `wanted` one.
pub(super) fn of_another_kind(
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
pub(super) fn other_axes(
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

pub(super) fn index_may_be_absent(label: &str, shown: &str, place: Span, ty: Span) -> Diagnostic {
    let message = format!("`{label}` does not know what to do where the index is absent");
    Diagnostic::new(Code::Kind, message, place, format!("this is {shown}"))
        .related(ty, "declared without `?`")
        .help("ask `present(x)` first, or declare the parameter with `?`")
}

pub(super) fn index_of_another_axis(
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
pub(super) fn values_of(primitive: &Primitive, found: &str, call: Span) -> Diagnostic {
    let (least, most) = primitive.operands;
    let wanted = if least == most { counted(least, "value") } else { format!("{least} to {most} values") };
    let message = format!("`{}` takes {wanted}, not {found}", primitive.name);
    Diagnostic::new(Code::Arguments, message, call, format!("given {found}")).help(about(primitive))
}

pub(super) fn no_clause_of(primitive: &Primitive, clause: Clause, place: Span) -> Diagnostic {
    let message = format!("`{}` takes no `{}`", primitive.name, clause.word());
    Diagnostic::new(Code::Arguments, message, place, "not expected").help(about(primitive))
}

pub(super) fn clause_of(primitive: &Primitive, clause: Clause, call: Span) -> Diagnostic {
    let (name, word) = (primitive.name, clause.word());
    Diagnostic::new(Code::Arguments, format!("`{name}` needs `{word} …`"), call, "missing here")
        .help(format!("say which axis: `{name}(…, {word} dim)`"))
}

pub(super) fn several_axes_of(
    primitive: &Primitive,
    clause: Clause,
    count: usize,
    place: Span,
) -> Diagnostic {
    let message = format!("`{}` takes one axis after `{}`, not {count}", primitive.name, clause.word());
    Diagnostic::new(Code::Arguments, message, place, counted(count, "axis").replace("axiss", "axes"))
}

pub(super) fn no_parameter_of(primitive: &Primitive, name: &Ident, place: Span) -> Diagnostic {
    let known: Vec<&str> = primitive.constants.iter().map(|(known, _)| *known).collect();
    let message = format!("`{}` has no parameter `{}`", primitive.name, name.name);
    let diagnostic = Diagnostic::new(Code::Arguments, message, name.span.to(place), "not expected");
    match (did_you_mean(&name.name, known.iter().copied()), known.is_empty()) {
        (Some(near), _) => diagnostic.help(format!("did you mean `{near}`?")),
        (None, true) => diagnostic.help(about(primitive)),
        (None, false) => diagnostic.help(format!("it has `{}`", known.join("`, `"))),
    }
}

fn about(primitive: &Primitive) -> String {
    format!("`{}`: {}", primitive.name, primitive.about)
}
