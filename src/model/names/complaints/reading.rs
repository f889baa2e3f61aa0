//! What the author is told about names that are read or updated: takes names and places, gives diagnostics; decides
//! nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::words::{meant, quoted};
use crate::source::Span;
use crate::syntax::ast::Ident;

const AXES_ARE_DECLARED: &str = "axes are declared: `axis way = 2`";

fn unknown_name(name: &str, place: Span, label: &str) -> Diagnostic {
    Diagnostic::new(Code::UnknownName, format!("nothing here is called `{name}`"), place, label)
}

/// `library`: the module of the library that has the name; `habit`: what stands here in the place of PyTorch's name;
/// `known`: the names that could stand here.
pub(in crate::model) fn unknown(
    name: &str,
    place: Span,
    library: Option<&str>,
    habit: Option<&str>,
    known: &[String],
) -> Diagnostic {
    let help = match (library, habit) {
        (Some(path), _) => format!("import it: `use {path}::{name}`"),
        _ if name == "inherited" => {
            "an heir's loss, metric or prediction reads the one it replaces; nothing is replaced here"
                .to_owned()
        }
        (None, Some(mend)) => mend.to_owned(),
        (None, None) => {
            meant(name, known).unwrap_or_else(|| "declare it, or import it with `use`".to_owned())
        }
    };
    unknown_name(name, place, "unknown name").help(help)
}

/// `known`: the names that are bound anywhere in the model.
pub(in crate::model) fn unknown_where_not_taken(name: &str, place: Span, known: &[&str]) -> Diagnostic {
    let told = unknown_name(name, place, "unknown name, in a branch that is not taken now");
    Diagnostic { help: meant(name, known), ..told }
}

/// `near`: the axis or kind that was probably meant.
pub(in crate::model) fn unknown_but_near(name: &Ident, near: &str) -> Diagnostic {
    unknown_name(&name.name, name.span, "unknown name").help(format!("did you mean `{near}`?"))
}

/// `axes`: those that could be named here.
pub(in crate::model) fn unknown_axis(name: &Ident, axes: &[String]) -> Diagnostic {
    let message = format!("there is no axis `{}` here", name.name);
    let help = match axes {
        [] => AXES_ARE_DECLARED.to_owned(),
        axes => format!("declare it, or take one of {}", quoted(axes)),
    };
    Diagnostic::new(Code::UnknownName, message, name.span, "unknown axis").help(help)
}

pub(in crate::model) fn not_an_axis(name: &Ident, what: &str) -> Diagnostic {
    let message = format!("an axis is needed here, and `{}` is {what}", name.name);
    Diagnostic::new(Code::Kind, message, name.span, "not an axis").help(AXES_ARE_DECLARED)
}

pub(in crate::model) fn not_one_axis(name: &Ident) -> Diagnostic {
    let message = format!("one axis is needed, and `{}` is several", name.name);
    Diagnostic::new(Code::Kind, message, name.span, "several axes")
}

pub(in crate::model) fn axis_named_twice(axis: &str, place: Span) -> Diagnostic {
    let message = format!("the axis `{axis}` is named twice");
    Diagnostic::new(Code::Arguments, message, place, "again here").help("name it once")
}

/// What a form of the language is called now, with an example of it.
pub(in crate::model) fn renamed(name: &str, now: &str, example: &str, place: Span) -> Diagnostic {
    Diagnostic::new(Code::UnknownName, format!("`{name}` is called `{now}`"), place, "an old name")
        .help(format!("`{example}`"))
}

/// A model where a value is needed; `item`: where it is declared or imported from, with the word for that.
pub(in crate::model) fn a_model(name: &str, place: Span, (item, how): (Span, &str)) -> Diagnostic {
    Diagnostic::new(Code::Kind, format!("`{name}` is a model, which has no value"), place, "a model")
        .related(item, format!("{how} here"))
        .help(format!("a model is built upon: `model Mine extends {name} {{ … }}`"))
}

pub(in crate::model) fn not_called(name: &str, place: Span) -> Diagnostic {
    let message = format!("`{name}` is a function, and a value is needed here");
    Diagnostic::new(Code::Kind, message, place, "not called").help(format!("call it: `{name}(…)`"))
}

pub(in crate::model) fn target_out_of_reach(name: &str, place: Span) -> Diagnostic {
    let message = format!("the target `{name}` cannot be read here");
    Diagnostic::new(Code::Misplaced, message, place, "a target")
        .help("targets are readable in `loss`, `metric` and `if training { … }`")
}

pub(in crate::model) fn read_though_dropped(dropped: &Ident, place: Span) -> Diagnostic {
    let message = format!("`{}` was dropped, and is read here", dropped.name);
    Diagnostic::new(Code::UnknownName, message, place, "still read")
        .related(dropped.span, "dropped here")
        .help("declare anew what reads it, or keep it")
}

/// A name of the model that cannot be read here.
pub(in crate::model) struct OutOfReach<'a> {
    /// The keyword of its declaration.
    pub kind: &'a str,
    pub name: &'a str,
    /// Where it is read.
    pub place: Span,
    /// Where it is declared.
    pub declared: Span,
}

impl OutOfReach<'_> {
    fn told(&self, why: &str, label: &str) -> Diagnostic {
        let message = format!("the {} `{}` {why}", self.kind, self.name);
        Diagnostic::new(Code::UnknownName, message, self.place, label)
    }

    pub(in crate::model) fn too_early(&self) -> Diagnostic {
        self.told("is not known yet where this is read", "read too early")
            .related(self.declared, "declared here")
            .help("configs come first, then axes, data, weights and nets, and states, each in their order")
    }

    pub(in crate::model) fn in_a_file(&self) -> Diagnostic {
        self.told("of the model cannot be read outside of it", "an axis of the file")
            .related(self.declared, "declared here")
            .help("an axis of the file reads numbers and other axes of files: declare this one in the model")
    }

    pub(in crate::model) fn in_a_function(&self) -> Diagnostic {
        self.told("of the model cannot be read in a function or net", "not a parameter")
            .help("functions and nets see only their parameters: give it as an argument")
    }
}

/// A name that the schedule binds, and not where it is read.
pub(in crate::model) struct BoundElsewhere<'a> {
    /// Where it is bound.
    pub bound: &'a Ident,
    /// The statement that binds it.
    pub word: &'static str,
    /// Where it is read.
    pub read: Span,
}

impl BoundElsewhere<'_> {
    fn told(&self, how: &str) -> Diagnostic {
        let message = format!("`{}` is {how}", self.bound.name);
        Diagnostic::new(Code::UnknownName, message, self.read, "read here")
            .related(self.bound.span, "bound here")
    }

    /// Bound in `section`, read in `reader`.
    pub(in crate::model) fn in_a_later_section(&self, section: &str, reader: &str) -> Diagnostic {
        self.told(&format!("bound in `{section}`, which runs after `{reader}`")).help(format!(
            "compute it in `{reader}` too; to read that of the step before, carry it: declare a `state` and update it in `think`"
        ))
    }

    pub(in crate::model) fn further_down(&self) -> Diagnostic {
        self.told("bound only further down")
            .help("bind it before it is read; what an iteration hands to the next is a `var` or a `state`")
    }

    /// `place`: the loop, branch or block that binds it.
    pub(in crate::model) fn in_an_iteration(&self, place: &str) -> Diagnostic {
        let name = &self.bound.name;
        let help = match self.word {
            "let" => {
                format!("keep the last one: write `record {name} = …` there in place of `let {name} = …`")
            }
            word => format!(
                "keep the last one under a name of its own, `record last_{name} = {name}`, behind this `{word}`"
            ),
        };
        self.told(&format!("known in {place} alone")).help(help)
    }
}

/// What a name stands for that `<-` cannot change.
pub(in crate::model) enum Lasting {
    /// An item of a file.
    Item,
    /// The counter of a loop.
    Counter,
    /// A net.
    Net,
    /// A value bound by a statement.
    Value,
    /// Anything else.
    Other,
}

/// `bound`: where a statement or declaration binds it.
pub(in crate::model) fn not_updatable(name: &Ident, what: &Lasting, bound: Option<Span>) -> Diagnostic {
    let help = match what {
        Lasting::Item => "declared as an item, not as a state",
        Lasting::Counter => "a loop counts by itself",
        Lasting::Net => "a net keeps its weights, which only training changes",
        Lasting::Value => "bind it with `var` instead of `let`, or declare a `state`",
        Lasting::Other => "only a `state` or a `var` can be updated",
    };
    let message = format!("`{}` cannot be updated", name.name);
    let told = Diagnostic::new(Code::Misplaced, message, name.span, "updated here").help(help);
    told.related(bound.unwrap_or(Span::NONE), "bound here, for good")
}
