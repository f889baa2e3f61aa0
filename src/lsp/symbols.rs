//! The outline of a model file: its declarations, and the members of its models and nets. Takes a document, gives symbols;
//! of a text with syntax errors what can be read.

use super::documents::Document;
use super::place;
use crate::diagnostic::Sink;
use crate::source::{FileId, Span};
use crate::syntax::ast::{Ident, Item, ItemKind, Member, MemberKind, WeightRole};
use crate::syntax::parse;
use lsp_types::{DocumentSymbol, SymbolKind};

/// The declarations of a document.
pub(super) fn outline(document: &Document) -> Vec<DocumentSymbol> {
    if document.is_run_file() {
        return Vec::new();
    }
    let tree = parse(FileId(0), &document.text, &mut Sink::default());
    tree.items.iter().filter_map(|item| of_item(document, item)).collect()
}

fn of_item(document: &Document, item: &Item) -> Option<DocumentSymbol> {
    let (name, kind, word, members) = match &item.kind {
        ItemKind::Use(_) => return None,
        ItemKind::Model(model) if model.mixin => {
            (&model.name, SymbolKind::INTERFACE, "mixin", &model.members[..])
        }
        ItemKind::Model(model) => (&model.name, SymbolKind::CLASS, "model", &model.members[..]),
        ItemKind::Net(net) => (&net.name, SymbolKind::STRUCT, "net", &net.members[..]),
        ItemKind::Fn(function) => (function.name.as_ref()?, SymbolKind::FUNCTION, "fn", &[][..]),
        ItemKind::Axis { name, .. } => (name, SymbolKind::CONSTANT, "axis", &[][..]),
    };
    let children = members.iter().flat_map(|member| of_member(document, member)).collect();
    Some(symbol(document, (&name.name, name.span), item.span, (kind, word), children))
}

fn of_member(document: &Document, member: &Member) -> Vec<DocumentSymbol> {
    let of = |name: &Ident, kind: SymbolKind, word: &str| {
        vec![symbol(document, (&name.name, name.span), member.span, (kind, word), Vec::new())]
    };
    let unnamed = |name: &str, kind: SymbolKind| {
        let start = member.span.start as usize;
        let word = Span::new(FileId(member.span.file), start..start + name.len());
        vec![symbol(document, (name, word), member.span, (kind, ""), Vec::new())]
    };
    match &member.kind {
        MemberKind::Config { name, .. } => of(name, SymbolKind::PROPERTY, "config"),
        MemberKind::Axis { names, .. } => {
            names.iter().flat_map(|name| of(name, SymbolKind::CONSTANT, "axis")).collect()
        }
        MemberKind::Data { name, target, .. } => {
            of(name, SymbolKind::FIELD, if *target { "target" } else { "input" })
        }
        MemberKind::Weight { name, role, .. } => {
            let word = match role {
                WeightRole::Param => "param",
                WeightRole::Buffer => "buffer",
                WeightRole::Table => "table",
            };
            of(name, SymbolKind::ARRAY, word)
        }
        MemberKind::Net { name, .. } => of(name, SymbolKind::STRUCT, "net"),
        MemberKind::Part { path, .. } => {
            let name = path.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".");
            let place = path.iter().map(|part| part.span).reduce(Span::to).unwrap_or(member.span);
            vec![symbol(document, (&name, place), member.span, (SymbolKind::STRUCT, "net"), Vec::new())]
        }
        MemberKind::State { name, .. } => of(name, SymbolKind::VARIABLE, "state"),
        MemberKind::Section { section, .. } => unnamed(section.word(), SymbolKind::METHOD),
        MemberKind::Block { name, .. } => of(name, SymbolKind::METHOD, "block"),
        MemberKind::Predict(_) => unnamed("predict", SymbolKind::EVENT),
        MemberKind::Metric { name, .. } => of(name, SymbolKind::NUMBER, "metric"),
        MemberKind::Loss { name, .. } => of(name, SymbolKind::NUMBER, "loss"),
        MemberKind::Halt { .. } => unnamed("halt", SymbolKind::EVENT),
        MemberKind::CarryGrad(_) => unnamed("carry grad", SymbolKind::EVENT),
        MemberKind::Drop(_) => Vec::new(),
    }
}

fn symbol(
    document: &Document,
    (name, place): (&str, Span),
    whole: Span,
    (kind, word): (SymbolKind, &str),
    children: Vec<DocumentSymbol>,
) -> DocumentSymbol {
    #[expect(deprecated, reason = "the field is in the type, and left empty")]
    DocumentSymbol {
        name: name.to_owned(),
        detail: (!word.is_empty()).then(|| word.to_owned()),
        kind,
        tags: None,
        deprecated: None,
        // Several axes of one declaration have it in common.
        range: place::range(&document.text, whole.to(place).range()),
        selection_range: place::range(&document.text, place.range()),
        children: (!children.is_empty()).then_some(children),
    }
}
