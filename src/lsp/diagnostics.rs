//! What is wrong with a model file, as the protocol says it: the messages of `totc check`, each at its place. Takes a document
//! and the texts beside it, gives diagnostics and the files that were read. A mistake of a file that it uses is told where
//! it is used.

use super::documents::Document;
use super::known::Known;
use super::place;
use crate::diagnostic::{self, Severity};
use crate::ir::Mode;
use crate::model::notes::Table;
use crate::model_file::ModelFile;
use crate::source::Span;
use crate::syntax::Reader;
use crate::syntax::ast::ItemKind;
use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Range,
};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What a check of a document gives.
pub(super) struct Found {
    /// All that is wrong with it.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The files that it was made of.
    pub(super) uses: BTreeSet<PathBuf>,
    /// What is known of its names; None of a text with syntax errors.
    pub(super) known: Option<Known>,
}

/// All that is found in a model file.
pub(super) fn of(document: &Document, texts: &dyn Reader) -> Found {
    let own = BTreeSet::from([document.path.clone()]);
    let Ok(mut model) = ModelFile::read(&document.path, None, texts) else {
        return Found { diagnostics: Vec::new(), uses: own, known: None };
    };
    let notes = Table::default();
    model.bindings.notes = Some(notes.clone());
    let whole = model.sink.sorted().iter().all(|told| told.code != diagnostic::Code::Syntax);
    let checked = model.check_all().into_iter().filter(|(mode, _)| *mode == Mode::Training);
    let graphs = checked.map(|(_, model)| model.graph).collect();
    let uses = model.sources.files().iter().map(|file| PathBuf::from(&file.name)).collect();
    let diagnostics = model.sink.sorted().into_iter().map(|found| told(document, &model, found)).collect();
    let notes = notes.lock().map(|mut notes| std::mem::take(&mut *notes)).unwrap_or_default();
    let known = whole.then_some(Known { sources: model.sources, modules: model.modules, notes, graphs });
    Found { diagnostics, uses, known }
}

fn told(document: &Document, model: &ModelFile, found: &diagnostic::Diagnostic) -> Diagnostic {
    let (span, label) = &found.primary;
    let here = |span: Span| (span.file == 0).then(|| place::range(&document.text, span.range()));
    let mut message = found.message.clone();
    let range = here(*span).unwrap_or_else(|| {
        if *span != Span::NONE {
            message = format!("in {}: {message}", model.sources.place(*span));
        }
        where_used(document, model, *span)
    });
    if !label.is_empty() {
        message += &format!(" ({label})");
    }
    message += &help(found.help.as_deref());
    // Places of other files are words: the library's have no address.
    let mut related = Vec::new();
    for (span, label) in &found.related {
        match (here(*span), address(document)) {
            (Some(range), Some(uri)) => related.push(DiagnosticRelatedInformation {
                location: Location { uri, range },
                message: label.clone(),
            }),
            _ => message += &format!("\n{}: {label}", model.sources.place(*span)),
        }
    }
    Diagnostic {
        range,
        severity: Some(match found.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(found.code.slug().to_owned())),
        source: Some("totc".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        ..Diagnostic::default()
    }
}

/// The line of help under a message.
pub(super) fn help(help: Option<&str>) -> String {
    help.map_or(String::new(), |help| format!("\nhelp: {help}"))
}

fn address(document: &Document) -> Option<lsp_types::Uri> {
    document.uri.parse().ok()
}

/// The `use` that leads to the file of a mistake; the beginning of the text where none does so by itself.
fn where_used(document: &Document, model: &ModelFile, span: Span) -> Range {
    let module = model.modules.path_of.get(&span.file);
    let root = model.modules.by_path.get("");
    let uses = root.into_iter().flat_map(|root| &root.tree.items).find(|item| match &item.kind {
        ItemKind::Use(used) => Some(&used.module.join("::")) == module,
        _ => false,
    });
    let bytes = uses.map_or(0..0, |item| item.span.range());
    place::range(&document.text, bytes)
}
