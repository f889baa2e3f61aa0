//! What the author is told of any part of a model: what primitives complain of, values that are no tensors, models too
//! large. Takes names, numbers and places, gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::evaluate::value::Value;
use crate::primitive::Complaint;
use crate::source::Span;
use crate::syntax::ast::Ident;

/// A complaint of a primitive about what stands at `place`.
pub(in crate::model) fn told(complaint: Complaint, place: Span, label: impl Into<String>) -> Diagnostic {
    Diagnostic { help: complaint.help, ..Diagnostic::new(complaint.code, complaint.message, place, label) }
}

/// A complaint about an operation at `place`, with the places of its operands.
pub(in crate::model) fn of_operation(
    mut complaint: Complaint,
    operands: impl Fn(usize) -> Option<Span>,
    place: Span,
) -> Diagnostic {
    let labels = std::mem::take(&mut complaint.operands);
    let mut diagnostic = told(complaint, place, "in this operation");
    for (index, label) in labels {
        match operands(index) {
            Some(operand) if operand == place => diagnostic.primary.1 = label,
            Some(operand) => diagnostic = diagnostic.related(operand, label),
            None => {}
        }
    }
    diagnostic
}

/// `text`: the author's words for the value.
pub(in crate::model) fn not_a_tensor(value: &Value, text: &str, place: Span) -> Diagnostic {
    let message = format!("a tensor is needed here, and this is {}", value.what());
    let help = match value {
        Value::Net(_) => format!("call it: `{text}(x)`"),
        Value::Family(_) => format!("choose one and call it: `{text}[0](x)`"),
        Value::Function(_) => format!("call it: `{text}(…)`"),
        Value::Axis(_) => format!("its size is `size({text})`"),
        Value::Tuple(_) => "take them apart: `let a, b = …`".to_owned(),
        Value::Table(_) => format!("read rows of it: `{text}[axis = index]`"),
        _ => String::new(),
    };
    let help = Some(help).filter(|help| !help.is_empty());
    Diagnostic { help, ..Diagnostic::new(Code::Kind, message, place, "not a tensor") }
}

/// What went wrong inside the library, told at the author's `call`; `own`: the places of the author's text.
pub(in crate::model) fn in_a_call(
    mut diagnostic: Diagnostic,
    call: Span,
    own: impl Fn(Span) -> bool,
) -> Diagnostic {
    let inner = std::mem::replace(&mut diagnostic.primary, (call, "in this call".to_owned()));
    diagnostic.related.retain(|(span, _)| own(*span) && *span != call);
    diagnostic.related.push(inner);
    diagnostic
}

/// Names that the text at the diagnostic's place reads and an heir declared anew.
pub(in crate::model) fn beside_overrides(diagnostic: Diagnostic, overrides: &[(String, Span)]) -> Diagnostic {
    overrides.iter().fold(diagnostic, |diagnostic, (name, declared)| {
        diagnostic.related(*declared, format!("`{name}` is declared anew here"))
    })
}

/// What follows from a branch that was not merged before `state` took its axis over.
pub(in crate::model) fn beside_unmerged(mut diagnostic: Diagnostic, state: &Ident, axis: &str) -> Diagnostic {
    if diagnostic.code == Code::Number {
        diagnostic.message = format!("this branches again before `{axis}` is merged: {}", diagnostic.message);
    }
    diagnostic
        .related(state.span, format!("`{}` gets the axis `{axis}` here", state.name))
        .help(format!("merge first what has branched, `merge … with …`; then update `{}`", state.name))
}

pub(in crate::model) fn too_deep(most: usize, place: Span) -> Diagnostic {
    let message = format!("this is more than {most} levels deep when written out");
    Diagnostic::new(Code::Misplaced, message, place, "this deep inside")
        .help("name inner parts, `let part = …`, or call fewer functions inside one another")
}

pub(in crate::model) fn too_many_operations(most: usize, place: Span) -> Diagnostic {
    let message = format!("the model is too large: more than {most} operations when written out");
    Diagnostic::new(Code::Number, message, place, "got this far").help(
        "a loop is written out if it reads its counter or changes axes, a function wherever it is called",
    )
}

/// `sizes`: each axis with its size.
pub(in crate::model) fn too_large(sizes: &[String], place: Span) -> Diagnostic {
    let label = format!("this would be [{}]", sizes.join(", "));
    Diagnostic::new(Code::Number, "this is too large for any memory", place, label)
        .help("make an axis smaller")
}

pub(in crate::model) fn without_think(model: &Ident) -> Diagnostic {
    let message = format!("`{}` has no `think`", model.name);
    Diagnostic::new(Code::Incomplete, message, model.span, "this model")
        .help("say what one supervision step does: `think { y <- f(y + x) }`")
}
