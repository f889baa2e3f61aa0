//! What the author is told about the names that files and models declare: takes names and places, gives diagnostics;
//! decides nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::words::{meant, one, quoted};
use crate::source::Span;
use crate::syntax::ast::Ident;

const ANOTHER_NAME: &str = "remove one, or give it another name";

/// A declared name, with the word for what declares it.
pub(in crate::model) type Named<'a> = (&'a str, &'a Ident);

/// A parameter or member that hides what the file declares or imports.
pub(in crate::model) fn hides((what, name): Named, (other, before): Named) -> Diagnostic {
    let message = format!("`{}` is {} already, which this would hide", name.name, one(other));
    Diagnostic::new(Code::Duplicate, message, name.span, format!("declared anew as {what}"))
        .related(before.span, "declared here")
        .help("choose another name")
}

/// Two declarations of one name in a file, net or function.
pub(in crate::model) fn named_twice((what, name): Named, (other, before): Named) -> Diagnostic {
    let message = match other == what {
        true => format!("{what} `{}` is declared twice", name.name),
        false => as_both((what, name), other),
    };
    again(message, name.span, before.span).help(ANOTHER_NAME)
}

/// Two declarations of one kind and name in a model; `key`: kind and name, `named`: it has a name that could change.
pub(in crate::model) fn declared_twice(
    key: &str,
    model: &Ident,
    named: bool,
    place: Span,
    before: Span,
) -> Diagnostic {
    let message = format!("{key} is declared twice in `{}`", model.name);
    again(message, place, before).help(if named { ANOTHER_NAME } else { "remove one" })
}

fn again(message: String, place: Span, before: Span) -> Diagnostic {
    Diagnostic::new(Code::Duplicate, message, place, "again here").related(before, "first here")
}

/// Two declarations of one name, of different kinds, in a model with what it inherits.
pub(in crate::model) fn of_two_kinds((kind, name): Named, (other, before): Named) -> Diagnostic {
    Diagnostic::new(Code::Duplicate, as_both((kind, name), other), name.span, format!("{kind} here"))
        .related(before.span, format!("{other} here"))
        .help(format!("give one of them another name, or `drop {other} {}` first", name.name))
}

fn as_both((what, name): Named, other: &str) -> String {
    format!("`{}` is declared as {other} and as {what}", name.name)
}

pub(in crate::model) fn with_its_own_meaning((kind, name): Named) -> Diagnostic {
    let message = format!("`{}` has a meaning of its own in every model", name.name);
    Diagnostic::new(Code::Duplicate, message, name.span, format!("declared as {kind} here"))
        .help("choose another name")
}

pub(in crate::model) fn size_reads_itself(axis: &str, place: Span) -> Diagnostic {
    read_too_early(format!("the size of the axis `{axis}` reads itself"), place)
        .help("give it a number, or read another axis")
}

/// `below`: the axis that the size of `axis` reads.
pub(in crate::model) fn size_reads_below(axis: &Ident, below: &Ident, place: Span) -> Diagnostic {
    let read = &below.name;
    let message = format!("the size of the axis `{}` reads `{read}`, which is declared below it", axis.name);
    read_too_early(message, place)
        .related(below.span, "declared here")
        .help(format!("move `axis {read}` above it"))
}

fn read_too_early(message: String, place: Span) -> Diagnostic {
    Diagnostic::new(Code::Misplaced, message, place, "read too early")
}

/// `passed_on`: the module that the imported one has the name from; `known`: what the imported one declares.
pub(in crate::model) fn no_import(
    path: &str,
    name: &Ident,
    passed_on: Option<&str>,
    known: &[&str],
) -> Diagnostic {
    let message = format!("`{path}` has nothing called `{}`", name.name);
    let help = match (passed_on, meant(&name.name, known)) {
        (Some(from), _) => format!("it imports it itself: `use {from}::{}`", name.name),
        (_, Some(near)) => near,
        _ if known.is_empty() => format!("`{path}` declares nothing"),
        _ => format!("it has {}", quoted(known)),
    };
    Diagnostic::new(Code::UnknownImport, message, name.span, "not found").help(help)
}
