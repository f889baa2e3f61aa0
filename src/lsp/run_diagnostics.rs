//! What is wrong with a run or sweep file: the messages of `totc check`, but for what only the data's files could tell. Takes
//! a document and the texts beside it, gives diagnostics and the files that were read. What its model says by itself is told
//! at the model's name; of a sweep every variant is looked at, the first hundred.

use super::diagnostics::{Found, help};
use super::documents::{Document, Documents};
use super::place;
use crate::diagnostic::{Severity, suggestion};
use crate::model_file::side_by_side;
use crate::run_check::{self, Place, Subject, Told};
use crate::run_file::{self, RunFile, RunFileError, Slug, SweepFile, Variant, plain};
use crate::source::{Sources, Span};
use crate::syntax::Reader;
use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// How many variants of a sweep are looked at.
const MOST: usize = 100;

/// How many of them between two looks at what the editor says.
const AT_ONCE: usize = 4;

/// All that is found in a run or sweep file; None where `interrupted` says that something else has to come first.
pub(super) fn of(document: &Document, texts: &Documents, interrupted: &dyn Fn() -> bool) -> Option<Found> {
    let mut check =
        Check { document, texts, uses: BTreeSet::from([document.path.clone()]), found: Vec::new() };
    if !run_file::is_other(&document.text) {
        match run_file::is_sweep(&document.text) {
            true => check.sweep(interrupted)?,
            false => check.run(),
        }
    }
    texts.memo.tidy();
    Some(Found { diagnostics: check.found, uses: check.uses, known: None })
}

struct Check<'a> {
    document: &'a Document,
    texts: &'a Documents,
    uses: BTreeSet<PathBuf>,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    fn run(&mut self) {
        let run = match run_file::parse(&self.document.path, &self.document.text, &[] as &[&str]) {
            Ok(run) => run,
            Err(refused) => return self.refused(&refused, 0..0),
        };
        let model = run.place("model", Slug::Conflict).map_or(0..0, Span::range);
        match self.subject(run) {
            Err(told) => self.add(model, &told, None),
            Ok(subject) => {
                let found = run_check::check(subject, &self.texts.memo);
                for told in found.told() {
                    match &told.place {
                        Place::Run(span) => self.add(span.range(), &told, None),
                        Place::Model(_, place) => self.add(model.clone(), &told, Some(place)),
                    }
                }
            }
        }
    }

    fn sweep(&mut self, interrupted: &dyn Fn() -> bool) -> Option<()> {
        let sweep = match run_file::parse_sweep(&self.document.path, &self.document.text) {
            Ok(sweep) => sweep,
            Err(refused) => {
                self.refused(&refused, 0..0);
                return Some(());
            }
        };
        let variants = sweep.variants.get(..MOST).unwrap_or(&sweep.variants);
        for variants in variants.chunks(AT_ONCE) {
            if interrupted() {
                return None;
            }
            let open = |variant| Some((variant, Mutex::new(Some(self.variant(&sweep, variant)?))));
            let subjects: Vec<_> = variants.iter().filter_map(open).collect();
            let memo = &self.texts.memo;
            let checked = side_by_side(&subjects, |(_, subject)| {
                let subject = subject.lock().ok()?.take()?;
                let found = run_check::check(subject, memo);
                Some((found.told(), found.subject.run))
            });
            for ((variant, _), (told, run)) in
                subjects.iter().zip(checked).filter_map(|(of, all)| Some((of, all?)))
            {
                for told in told {
                    self.add_of_variant(&sweep, variant, &told, run.sources());
                }
            }
        }
        Some(())
    }

    /// A variant bound to its model; None where that cannot be, which is then told.
    fn variant(&mut self, sweep: &SweepFile, variant: &Variant) -> Option<Subject> {
        let base = plain(&variant.run);
        self.uses.insert(base.clone());
        let read = |path: &Path| self.texts.read(&plain(path));
        let at = sweep.place_of_variant(variant).range();
        let run = match sweep.open_from(variant, &[], &read) {
            Ok(run) => run,
            Err(refused) => {
                self.refused(&refused, at);
                return None;
            }
        };
        let given = run.place("model", Slug::Conflict).and_then(|span| sweep.place_of(variant, span));
        match self.subject(run) {
            Ok(subject) => Some(subject),
            Err(told) => {
                let place = given.is_none().then(|| base.display().to_string());
                self.add(given.map_or(at, Span::range), &told, place.as_deref());
                None
            }
        }
    }

    /// A run bound to its model.
    fn subject(&mut self, run: RunFile) -> Result<Subject, Box<Told>> {
        let path = plain(&run.model_path());
        self.uses.insert(path.clone());
        match self.texts.memo.model(&path, run.run.name.clone(), self.texts) {
            Ok(model) => {
                self.uses.extend(model.sources.files().iter().map(|file| PathBuf::from(&file.name)));
                Ok(Subject::without_reading(run, model))
            }
            Err(cause) => Err(Box::new(Told {
                severity: Severity::Error,
                code: "model".to_owned(),
                message: format!("the model file `{}` cannot be read: {cause}", run.run.model.display()),
                label: String::new(),
                help: self.another(&run.run.model, &path),
                place: Place::Run(Span::NONE),
            })),
        }
    }

    /// The model file beside the missing one that was most likely meant, written as the other was.
    fn another(&self, written: &Path, path: &Path) -> Option<String> {
        let names = self.texts.siblings(path.parent()?);
        let paths: Vec<String> = names
            .iter()
            .map(|name| written.with_file_name(format!("{name}.tot")).display().to_string())
            .collect();
        suggestion(&written.display().to_string(), paths.iter().map(String::as_str))
    }

    /// Mistakes of reading: those of this text at their places, others at `elsewhere`.
    fn refused(&mut self, refused: &RunFileError, elsewhere: Range<usize>) {
        for told in run_check::of_run_file(refused) {
            let (Place::Run(span), RunFileError::Refused(refusal)) = (&told.place, refused) else {
                self.add(elsewhere.clone(), &told, None);
                continue;
            };
            match span.file {
                0 => self.add(span.range(), &told, None),
                _ => self.add(elsewhere.clone(), &told, Some(&refusal.sources.place(*span))),
            }
        }
    }

    fn add_of_variant(&mut self, sweep: &SweepFile, variant: &Variant, told: &Told, run: &Sources) {
        let at = sweep.place_of_variant(variant).range();
        match &told.place {
            Place::Model(_, place) => self.add(at, told, Some(place)),
            Place::Run(Span::NONE) => self.add(at, told, None),
            Place::Run(span) => match sweep.place_of(variant, *span) {
                Some(own) => self.add(own.range(), told, None),
                None => self.add(at, told, Some(&run.place(*span))),
            },
        }
    }

    /// Adds what is told, once. `elsewhere`: the place in another file that it is about, in words; warnings are told there.
    fn add(&mut self, bytes: Range<usize>, told: &Told, elsewhere: Option<&str>) {
        if elsewhere.is_some() && told.severity == Severity::Warning {
            return;
        }
        let within = elsewhere.map_or(String::new(), |place| format!("in {place}: "));
        let label = if told.label.is_empty() { String::new() } else { format!(" ({})", told.label) };
        let diagnostic = Diagnostic {
            range: place::range(&self.document.text, bytes),
            severity: Some(match told.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
            }),
            code: Some(NumberOrString::String(told.code.clone())),
            source: Some("totc".to_owned()),
            message: format!("{within}{}{label}{}", told.message, help(told.help.as_deref())),
            ..Diagnostic::default()
        };
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }
}
