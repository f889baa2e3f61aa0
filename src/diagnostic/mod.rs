//! What the author is told: a code, one sentence that stands alone, labels in the author's text, a help line.
//! Takes spans, gives text; never stops a stage by itself (stages ask `Sink::has_errors`).

mod pages;

pub use pages::page;

use crate::source::{Sources, Span};
use crate::text_file::{printable, printable_in_place};
use codespan_reporting::diagnostic as cs;
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term;
use std::collections::HashSet;

/// The families of mistakes, by their slug.
macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $slug:literal,)*) => {
        /// What is wrong, one code per kind of mistake; `slug` is what the author sees of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])* $name,)* }
        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
            /// The code as messages print it, in kebab-case.
            pub fn slug(self) -> &'static str { match self { $(Code::$name => $slug,)* } }
            /// What the mistake is, in a sentence.
            pub fn about(self) -> &'static str { match self { $(Code::$name => concat!($($doc),*).trim_ascii(),)* } }
        }
    };
}

impl Code {
    /// The code that prints as `slug`; None where there is none.
    pub fn from_slug(slug: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.slug() == slug)
    }
}

codes! {
    /// The text does not follow the grammar.
    Syntax = "syntax",
    /// A `use` names a module or item that is not there.
    UnknownImport = "unknown-import",
    /// Nothing of that name is visible here.
    UnknownName = "unknown-name",
    /// Two declarations of the same kind and name in one model.
    Duplicate = "duplicate",
    /// A model extends itself, directly or through others.
    CyclicExtends = "cyclic-extends",
    /// An axis that an operation needs is not there.
    AxisMissing = "axis-missing",
    /// An axis that an operation does not expect is there.
    AxisUnexpected = "axis-unexpected",
    /// One axis name with two different sizes.
    AxisSize = "axis-size",
    /// An axis meets its own part.
    AxisPart = "axis-part",
    /// A state leaves `think` with other axes than it was declared with.
    StateAxes = "state-axes",
    /// A loss from which gradient can reach no weight.
    NoGradient = "no-gradient",
    /// A config of the wrong type or out of range.
    Config = "config",
    /// A typed index used on another axis than it indexes.
    IndexAxis = "index-axis",
    /// Arguments that do not fit the parameters.
    Arguments = "arguments",
    /// A value of another kind than is needed here.
    Kind = "kind",
    /// A number that must be whole, positive or known at compile time and is not.
    Number = "number",
    /// Something that cannot stand here.
    Misplaced = "misplaced",
    /// A model without a part that every model needs.
    Incomplete = "incomplete",
    /// A net, block, weight or config that nobody uses.
    Unused = "unused",
}

/// Whether compilation may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// No model comes of it.
    Error,
    /// The model is made all the same.
    Warning,
}

/// One message to the author: what is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// An error or a warning.
    pub severity: Severity,
    /// The kind of mistake.
    pub code: Code,
    /// One sentence, in the author's terms.
    pub message: String,
    /// The place that is pointed at, with its label.
    pub primary: (Span, String),
    /// Further places that explain the first, each with its label.
    pub related: Vec<(Span, String)>,
    /// How to mend it.
    pub help: Option<String>,
    /// What was set from outside that it is about.
    pub setting: Option<Setting>,
}

/// A config that was set from outside, and what of it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// That there is such a name.
    Name(String),
    /// The value of the name.
    Value(String),
}

impl Diagnostic {
    /// An error with one place.
    pub fn new(code: Code, message: impl Into<String>, span: Span, label: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            primary: (span, label.into()),
            related: Vec::new(),
            help: None,
            setting: None,
        }
    }

    /// A warning with one place.
    pub fn warning(
        code: Code,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::new(code, message, span, label) }
    }

    /// The same with one more place that explains the first.
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        if span != Span::NONE {
            self.related.push((span, label.into()));
        }
        self
    }

    /// The same about a config that was set from outside: whoever knows where it was set may say it there.
    pub fn of_setting(mut self, setting: Setting) -> Diagnostic {
        self.setting = Some(setting);
        self
    }

    /// The same with a suggestion how to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

/// Collects diagnostics; the same one twice (training and evaluation, several instances of a net) counts once.
#[derive(Clone, Debug, Default)]
pub struct Sink {
    all: Vec<Diagnostic>,
    /// Code, place and sentence of each.
    known: HashSet<(Code, Span, String)>,
}

impl Sink {
    /// Adds a message, unless one of the same code, place and sentence is there.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.known.insert((diagnostic.code, diagnostic.primary.0, diagnostic.message.clone())) {
            self.all.push(diagnostic);
        }
    }

    /// Whether an error is among the messages; warnings are none.
    pub fn has_errors(&self) -> bool {
        self.all.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is no message at all.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// In the order of the text.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.all.iter().collect();
        all.sort_by_key(|diagnostic| diagnostic.primary.0);
        all
    }

    /// How many messages of a severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.all.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }
}

/// The name in `known` that `name` was most likely meant to be.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        // Within a third of its letters, and less than half of them: `y` is not a slip for `f`.
        .filter(|(distance, candidate)| {
            let longest = name.len().max(candidate.len());
            *distance <= 1.max(longest / 3) && 2 * *distance < longest && name != *candidate
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// The same as a question: ``did you mean `cell`?``
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    did_you_mean(name, known).map(|near| format!("did you mean `{near}`?"))
}

/// Whether text for a person may carry colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Plain text, for files and pipes.
    Never,
    /// With ANSI escapes.
    Always,
}

/// All diagnostics with the lines they point at.
pub fn render(sink: &Sink, sources: &Sources, colours: Colours) -> String {
    emit(sink.sorted().into_iter().map(to_codespan), sources, colours)
}

/// Diagnostics of codespan with the lines of `sources` they point at: all that totc tells an author looks alike.
pub fn emit(
    diagnostics: impl IntoIterator<Item = cs::Diagnostic<usize>>,
    sources: &Sources,
    colours: Colours,
) -> String {
    let mut files = SimpleFiles::new();
    for file in sources.files() {
        files.add(printable(&file.name).into_owned(), printable_in_place(&file.text).into_owned());
    }
    let config = term::Config::default();
    let mut text = String::new();
    for mut shown in diagnostics {
        shown.message = printable(&shown.message).into_owned();
        for label in &mut shown.labels {
            label.message = printable(&label.message).into_owned();
        }
        for note in &mut shown.notes {
            *note = printable(note).into_owned();
        }
        let written = match colours {
            Colours::Never => term::emit_to_string(&mut text, &config, &files, &shown),
            Colours::Always => {
                let mut out = term::termcolor::Ansi::new(Vec::new());
                let result = term::emit_to_write_style(&mut out, &config, &files, &shown);
                text.push_str(&String::from_utf8_lossy(out.get_ref()));
                result
            }
        };
        if written.is_err() {
            text.push_str(&format!("{}: {}\n", shown.code.unwrap_or_default(), shown.message));
        }
    }
    text
}

fn to_codespan(diagnostic: &Diagnostic) -> cs::Diagnostic<usize> {
    let severity = match diagnostic.severity {
        Severity::Error => cs::Severity::Error,
        Severity::Warning => cs::Severity::Warning,
    };
    let mut labels = Vec::new();
    if diagnostic.primary.0 != Span::NONE {
        let (span, text) = &diagnostic.primary;
        labels.push(cs::Label::primary(span.file as usize, span.range()).with_message(text));
    }
    for (span, text) in &diagnostic.related {
        labels.push(cs::Label::secondary(span.file as usize, span.range()).with_message(text));
    }
    let notes = diagnostic.help.iter().map(|help| format!("help: {help}")).collect();
    cs::Diagnostic::new(severity)
        .with_code(diagnostic.code.slug())
        .with_message(&diagnostic.message)
        .with_labels(labels)
        .with_notes(notes)
}
