//! Mends as actions of the editor: of a diagnostic that asks whether another name was meant, the name in its place. Takes
//! the diagnostics that the editor asks about, gives edits; changes nothing itself.

use super::documents::Document;
use super::place;
use lsp_types::{CodeAction, CodeActionKind, Diagnostic, TextEdit, Uri, WorkspaceEdit};

/// The mends of some diagnostics of a document.
pub(super) fn actions(document: &Document, uri: &Uri, diagnostics: &[Diagnostic]) -> Vec<CodeAction> {
    let action = |diagnostic: &Diagnostic| {
        let meant = meant(&diagnostic.message)?;
        let bytes = place::byte(&document.text, diagnostic.range.start)
            ..place::byte(&document.text, diagnostic.range.end);
        // Only a name gives way to a name: what is marked may be a whole call. In run files names stand in quotes too.
        let written = document.text.get(bytes)?;
        let unquoted = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let of_name = |c: char| {
            c.is_ascii_alphanumeric()
                || matches!(c, '_' | ':')
                || unquoted.is_some() && matches!(c, '.' | '/' | '*' | '-')
        };
        let name = unquoted.unwrap_or(written);
        if name.is_empty() || !name.chars().all(of_name) {
            return None;
        }
        let new_text = if unquoted.is_some() { format!("\"{meant}\"") } else { meant.to_owned() };
        #[expect(clippy::mutable_key_type, reason = "the protocol's type; its addresses do not change")]
        let changes = [(uri.clone(), vec![TextEdit { range: diagnostic.range, new_text }])].into();
        Some(CodeAction {
            title: format!("Write `{meant}`"),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![diagnostic.clone()]),
            edit: Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }),
            is_preferred: Some(true),
            ..CodeAction::default()
        })
    };
    diagnostics.iter().filter_map(action).collect()
}

/// The name that a message asks for: ``did you mean `cell`?``
fn meant(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("did you mean `")?;
    rest.split_once("`?").map(|(name, _)| name)
}
