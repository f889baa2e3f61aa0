//! What may stand at a place of a run or sweep file: fields, configs of the model, words, files beside it. Takes a document, half-
//! typed as it is, and a place; gives candidates, among which the editor chooses by what has been typed.

use super::documents::{Document, Documents};
use super::place;
use super::run_things::{configs, line_of, of_field, trained};
use crate::run_check::OPTIMISERS;
use crate::run_file::{self, FieldAbout, Gap, Optimiser, Part};
use crate::syntax::Reader;
use crate::syntax::ast::MemberKind;
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, MarkupContent, MarkupKind,
    Position, Range, TextEdit,
};
use std::path::Path;

/// What may stand at a place.
pub(super) fn candidates(document: &Document, at: Position, texts: &Documents) -> Vec<CompletionItem> {
    let byte = place::byte(&document.text, at);
    let Some(gap) = run_file::gap_at(&document.text, byte) else { return Vec::new() };
    // The model is told by the rest of the text.
    let whole = document.with_text(gap.text.clone());
    let found = match gap.part {
        Part::Name => names(&whole, &gap, texts),
        Part::Value => values(&whole, &gap, texts),
    };
    let range = place::range(&document.text, gap.bytes.clone());
    found.into_iter().map(|candidate| candidate.item(range, gap.goes_on)).collect()
}

/// Something that may stand there.
struct Candidate {
    name: String,
    kind: CompletionItemKind,
    detail: String,
    about: String,
    /// Whether it stands in quotes.
    quoted: bool,
    /// What follows a name that has nothing behind it yet.
    after: &'static str,
}

impl Candidate {
    fn item(self, range: Range, goes_on: bool) -> CompletionItem {
        let quote = if self.quoted { "\"" } else { "" };
        let after = if goes_on { "" } else { self.after };
        CompletionItem {
            filter_text: Some(format!("{quote}{}{quote}", self.name)),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit {
                range,
                new_text: format!("{quote}{}{quote}{after}", self.name),
            })),
            label: self.name,
            kind: Some(self.kind),
            detail: Some(self.detail).filter(|detail| !detail.is_empty()),
            documentation: Some(self.about).filter(|about| !about.is_empty()).map(|value| {
                Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })
            }),
            ..CompletionItem::default()
        }
    }
}

fn names(document: &Document, gap: &Gap, texts: &Documents) -> Vec<Candidate> {
    let is_new = |candidate: &Candidate| !gap.present.contains(&candidate.name);
    let field = |field: &FieldAbout, quoted: bool| Candidate {
        name: field.name.clone(),
        kind: CompletionItemKind::FIELD,
        detail: field.kind.replace('`', ""),
        about: of_field(field),
        quoted,
        after: ": ",
    };
    let found: Vec<Candidate> = match gap.path.last().map(String::as_str) {
        Some(holder) if run_file::is_set(holder) => {
            let settings =
                if run_file::is_sweep(&document.text) { run_file::settings(None) } else { Vec::new() };
            let configs = config_names(document, texts).into_iter();
            let settings = settings.iter().filter(|about| !run_file::is_of_the_sweep(&about.name));
            configs.chain(settings.map(|about| field(about, true))).collect()
        }
        Some("options") if gap.path == ["optimiser", "options"] => numbers(&document.text),
        _ => run_file::fields_at(&document.text, &gap.path).iter().map(|about| field(about, false)).collect(),
    };
    found.into_iter().filter(is_new).collect()
}

/// Each config once, those of the model itself first.
fn config_names(document: &Document, texts: &Documents) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for (known, model) in trained(document, texts) {
        for (config, _) in configs(&line_of(&known, model.as_deref())) {
            if found.iter().any(|candidate| candidate.name == config.name) {
                continue;
            }
            let (line, above) = known.declaration(config.span).unwrap_or_default();
            found.push(Candidate {
                name: config.name.clone(),
                kind: CompletionItemKind::VARIABLE,
                detail: line.trim_start_matches("config ").to_owned(),
                about: above,
                quoted: true,
                after: ": ",
            });
        }
    }
    found
}

/// The numbers of the optimiser that the text names.
fn numbers(text: &str) -> Vec<Candidate> {
    let name = run_file::value_of(text, &["optimiser", "name"]).unwrap_or_else(|| Optimiser::default().name);
    let numbers = OPTIMISERS.iter().find(|about| about.name == name).map(|about| about.numbers);
    let candidate = |number: &crate::run_check::NumberAbout| Candidate {
        name: number.name.to_owned(),
        kind: CompletionItemKind::FIELD,
        detail: format!("{}; by default {}", number.must, number.default),
        about: String::new(),
        quoted: true,
        after: ": ",
    };
    numbers.into_iter().flatten().map(candidate).collect()
}

fn values(document: &Document, gap: &Gap, texts: &Documents) -> Vec<Candidate> {
    let text = &document.text;
    let folder = document.path.parent().unwrap_or(Path::new(""));
    let word = |name: String, kind, detail: &str, quoted| Candidate {
        name,
        kind,
        detail: detail.to_owned(),
        about: String::new(),
        quoted,
        after: "",
    };
    let file =
        |name: &String, ending: &str| word(format!("{name}.{ending}"), CompletionItemKind::FILE, "", true);
    let path: Vec<&str> = gap.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["model"] => texts.siblings(folder).iter().map(|name| file(name, "tot")).collect(),
        ["run"] | ["rows", _, "run"] => {
            let own = document.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let others = texts.run_names(folder).into_iter().filter(|name| Some(name) != own.as_ref());
            others.map(|name| file(&name, "ron")).collect()
        }
        ["name"] => {
            let all = trained(document, texts);
            let names = all.iter().flat_map(|(known, _)| known.models());
            names.map(|name| word(name, CompletionItemKind::CLASS, "model", true)).collect()
        }
        ["optimiser", "name"] => {
            let of = |about: &crate::run_check::OptimiserAbout| Candidate {
                about: about.about.to_owned(),
                ..word(about.name.to_owned(), CompletionItemKind::ENUM_MEMBER, "optimiser", true)
            };
            OPTIMISERS.iter().map(of).collect()
        }
        [.., holder, name] | [.., holder, name, _] if run_file::is_set(holder) => {
            let name = name.strip_prefix("set.").unwrap_or(name);
            let of_field = run_file::settings(Some(name)).pop().filter(|_| run_file::is_sweep(text));
            match of_field {
                Some(field) if field.name == "optimiser.name" => {
                    let names = OPTIMISERS.iter().map(|about| about.name.to_owned());
                    names.map(|name| word(name, CompletionItemKind::ENUM_MEMBER, "optimiser", true)).collect()
                }
                Some(_) => words(run_file::choices_of_setting(name)),
                None => of_config(document, name, texts),
            }
        }
        _ => words(run_file::choices(text, &gap.path)),
    }
}

fn words(choices: Vec<run_file::ChoiceAbout>) -> Vec<Candidate> {
    let candidate = |choice: run_file::ChoiceAbout| Candidate {
        name: choice.word().to_owned(),
        kind: CompletionItemKind::ENUM_MEMBER,
        detail: choice.written.clone(),
        after: if choice.written.contains('(') { "()" } else { "" },
        about: choice.meaning,
        quoted: false,
    };
    choices.into_iter().map(candidate).collect()
}

/// The values of a config that is one of several words, or a yes and no.
fn of_config(document: &Document, name: &str, texts: &Documents) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for (known, model) in trained(document, texts) {
        let line = line_of(&known, model.as_deref());
        let Some((_, MemberKind::Config { ty, value, .. })) =
            configs(&line).find(|(config, _)| config.name == name)
        else {
            continue;
        };
        let written = known.sources.text(value.span).trim();
        let choices: Vec<(String, bool)> = match ty.as_slice() {
            [] if ["true", "false"].contains(&written) => bools(),
            [only] if only.name == "bool" => bools(),
            several if several.len() > 1 => several.iter().map(|word| (word.name.clone(), true)).collect(),
            _ => Vec::new(),
        };
        for (name, quoted) in choices {
            if !found.iter().any(|candidate| candidate.name == name) {
                let detail = if name == written { "the model's own" } else { "" };
                found.push(Candidate {
                    name,
                    kind: CompletionItemKind::ENUM_MEMBER,
                    detail: detail.to_owned(),
                    about: String::new(),
                    quoted,
                    after: "",
                });
            }
        }
    }
    found
}

fn bools() -> Vec<(String, bool)> {
    ["false", "true"].map(|word| (word.to_owned(), false)).into()
}
