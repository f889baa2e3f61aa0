//! What the author is told about the ends of a step: states that leave `think`, halting, predictions, metrics, losses,
//! looking ahead, and what nobody uses. Takes names, types and places, gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Ident;

/// A state that leaves `think` with another type than it was declared with.
pub(in crate::model) struct Leaving<'a> {
    pub state: &'a str,
    /// Its type now.
    pub shown: String,
    /// Its type as declared.
    pub declared: String,
    /// Where it was changed last.
    pub place: Span,
    /// Where it is declared.
    pub declaration: Span,
}

impl Leaving<'_> {
    fn told(&self, how: &str) -> Diagnostic {
        let message = format!("`{}` leaves `think` {how}", self.state);
        Diagnostic::new(Code::StateAxes, message, self.place, format!("from here on it is {}", self.shown))
            .related(self.declaration, format!("declared as {}", self.declared))
    }

    /// `growing`: branching made the axis.
    pub(in crate::model) fn with_more(&self, axis: &str, size: usize, growing: bool) -> Diagnostic {
        let name = self.state;
        self.told(&format!("with the axis `{axis}` ({size}), which it was not declared with")).help(
            match growing {
                true => {
                    format!("merge it before `think` ends: `merge {name} with mean({name}, over {axis})`")
                }
                false => format!("reduce it, or declare the state with `{axis}`"),
            },
        )
    }

    /// `axes`: those that are gone, each in quotes.
    pub(in crate::model) fn with_fewer(&self, axes: &str, count: usize) -> Diagnostic {
        let over = over(axes, count);
        self.told(&format!("without {axes}, which it was declared with")).help(format!(
            "keep it; to repeat one value along it, say so: `{} <- broadcast(…, over {over})`",
            self.state
        ))
    }

    pub(in crate::model) fn with_other_sizes(&self) -> Diagnostic {
        self.told("with other sizes than it was declared with")
            .help("a state keeps its size from step to step")
    }
}

/// Axes in quotes, as they stand behind `over`.
fn over(axes: &str, count: usize) -> String {
    let names = axes.replace('`', "");
    if count == 1 { names } else { format!("({names})") }
}

pub(in crate::model) fn no_step(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Number, "a sample needs at least one step", place, "this is 0")
}

pub(in crate::model) fn no_step_in_a_row(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Number, "gradient flows through one supervision step at least", place, "this is 0")
        .help(
            "`carry grad 1` is what a model without it does; `carry grad 2` lets gradient through two steps",
        )
}

/// `carry grad 2` where a sample takes 3 steps at most.
pub(in crate::model) fn steps_left_over(steps: usize, at_most: usize, place: Span) -> Diagnostic {
    let message = format!(
        "a sample takes at most {}, which are no whole number of {steps} in a row",
        crate::model::words::counted(at_most, "step")
    );
    let halting = format!("give `halt` at most {} steps", at_most.next_multiple_of(steps));
    let divisors: Vec<String> =
        (2..=at_most).filter(|n| at_most.is_multiple_of(*n)).map(|n| format!("`carry grad {n}`")).collect();
    let help = match divisors.is_empty() {
        true => halting,
        false => format!("{halting}, or write {}", divisors.join(" or ")),
    };
    Diagnostic::new(Code::Number, message, place, format!("{steps} steps are one step of training"))
        .help(help)
}

pub(in crate::model) fn not_a_probability(chance: f64, place: Span) -> Diagnostic {
    let message = format!("`explore` is a probability, and {chance} is none");
    Diagnostic::new(Code::Number, message, place, "out of range").help("give it a number between 0 and 1")
}

/// `bool`: it is of bools, but not one per sample.
pub(in crate::model) fn halts_when_what(shown: &str, bool: bool, place: Span) -> Diagnostic {
    let message = "`halt when` needs a bool per sample";
    Diagnostic::new(Code::Kind, message, place, format!("this is {shown}")).help(match bool {
        true => "reduce it before comparing: `min(x, over cell) > 0`",
        false => "compare it: `halt when halt_logit > 0, …`",
    })
}

pub(in crate::model) fn unnamed_prediction(place: Span) -> Diagnostic {
    Diagnostic::new(Code::Misplaced, "this prediction has no name", place, "an expression")
        .help("name it: `predict answer = …`")
}

pub(in crate::model) fn two_predictions(name: &str, place: Span) -> Diagnostic {
    let message = format!("two predictions are called `{name}`");
    Diagnostic::new(Code::Duplicate, message, place, "again here").help("give one of them another name")
}

/// `what`: the metric or loss; `axes`: how many it has beside `batch`, and their names in quotes.
pub(in crate::model) fn more_than_a_number(
    (what, name): (&str, &Ident),
    (count, axes): (usize, &str),
    shown: &str,
    place: Span,
) -> Diagnostic {
    let word = if count == 1 { "axis" } else { "axes" };
    let message = format!(
        "the {what} `{}` is a number per sample, `[batch]`, and this has the {word} {axes}",
        name.name
    );
    Diagnostic::new(Code::AxisUnexpected, message, place, format!("this is {shown}"))
        .help(format!("reduce it: `mean(…, over {})`", over(axes, count)))
}

pub(in crate::model) fn loss_without_gradient(name: &Ident, shown: &str, place: Span) -> Diagnostic {
    let message = format!("gradient of the loss `{}` can reach no weight", name.name);
    let label = format!("this is {shown}, and nothing in it carries gradient");
    Diagnostic::new(Code::NoGradient, message, place, label).help(
        "it depends only on data, on constants, or on what was computed without gradient: \
         read a value of an iteration with gradient (`repeat …, grad last 1`), and not through `stop_gradient`",
    )
}

pub(in crate::model) fn looks_ahead_too_early(place: Span) -> Diagnostic {
    let message = "`lookahead` is a step after this one, which is not over yet";
    Diagnostic::new(Code::Misplaced, message, place, "not over yet").help("use it in a `loss` or `metric`")
}

pub(in crate::model) fn looks_ahead_in_evaluation(place: Span) -> Diagnostic {
    let message = "`lookahead` exists in training only";
    Diagnostic::new(Code::Misplaced, message, place, "read in evaluation")
        .help("guard it: `if training { … } else { return 0 }`")
}

pub(in crate::model) fn looks_ahead_twice(place: Span) -> Diagnostic {
    let message = "a `lookahead` cannot look ahead itself";
    Diagnostic::new(Code::Misplaced, message, place, "inside a lookahead")
}

/// A declaration of a model that nobody uses.
pub(in crate::model) struct Unused<'a> {
    pub model: &'a Ident,
    /// The keyword of the declaration.
    pub kind: &'a str,
    pub name: &'a Ident,
    /// The model itself declares it, not one that it extends.
    pub own: bool,
    /// It stands in text that the author has not written, and is told of the heir.
    pub library: bool,
    /// A net read it, in a part that was replaced.
    pub replaced: bool,
    /// The name that was probably meant, as a question.
    pub meant: Option<String>,
}

impl Unused<'_> {
    pub(in crate::model) fn told(self) -> Diagnostic {
        let (model, name) = (&self.model.name, &self.name.name);
        let message = match self.kind {
            "config" => format!("nothing in `{model}` reads the config `{name}`"),
            kind => format!("the {kind} `{name}` is never used in `{model}`"),
        };
        let (place, label, related) = match self.library {
            true => (self.model.span, "inherits it", self.name.span),
            false => (self.name.span, "declared here", Span::NONE),
        };
        Diagnostic::warning(Code::Unused, message, place, label)
            .related(related, "declared here")
            .help(format!("{}: {}", self.what_follows(), self.mend()))
    }

    fn what_follows(&self) -> &'static str {
        match self.kind {
            "block" => "it would never run",
            "config" => "it changes nothing, whatever it is set to",
            "buffer" => "it would only take room in checkpoints",
            _ => "its weights would never learn",
        }
    }

    fn mend(self) -> String {
        match (self.own, self.kind, self.meant) {
            (_, "config", _) if self.replaced => "the part of a net that read it was replaced".to_owned(),
            (_, "config", Some(near)) => near,
            (true, "block", _) => "`do` it or remove it".to_owned(),
            (true, "net", _) => "call it or remove it".to_owned(),
            (true, ..) => "read it or remove it".to_owned(),
            (false, kind, _) => format!("`drop {kind} {}`", self.name.name),
        }
    }
}

pub(in crate::model) fn without_loss(model: &Ident) -> Diagnostic {
    let message = format!("`{}` has no `loss`, and cannot be trained", model.name);
    Diagnostic::warning(Code::Incomplete, message, model.span, "this model")
        .help("say what it should learn: `loss answering = …`")
}
