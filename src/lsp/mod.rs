//! The language server (`totc lsp`): what an editor asks about model files and run files. Takes messages of the Language
//! Server Protocol 3.17, gives diagnostics with mends, what names are, where they lead and edits that rename, candidates,
//! outline and form; announces nothing that it does not do. Texts are those of the editor, half-typed as they are; nothing
//! is written, and no tensor computed.

mod completion;
mod declarations;
mod diagnostics;
mod documents;
mod gradient;
mod known;
mod mends;
mod navigation;
mod place;
mod places;
mod rename;
mod run_completion;
mod run_diagnostics;
mod run_names;
mod run_things;
mod symbols;

pub use completion::WORDS;
pub use lsp_server::Message;

use crate::syntax::{Disk, Reader};
use documents::Documents;
use lsp_server::{Connection, ErrorCode, Notification, ProtocolError, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Notification as _, PublishDiagnostics,
};
use lsp_types::request::{
    CodeActionRequest, Completion, DocumentSymbolRequest, Formatting, GotoDefinition, HoverRequest,
    InlayHintRequest, PrepareRenameRequest, References, Rename, Request as _,
};
use lsp_types::{
    CodeActionParams, CompletionParams, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DocumentFormattingParams, DocumentSymbolParams, GotoDefinitionParams,
    HoverParams, InlayHintParams, PublishDiagnosticsParams, ReferenceParams, RenameParams,
    TextDocumentPositionParams, Uri,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Answers until the client says to exit, or closes the connection.
///
/// # Errors
/// A client that does not keep to the protocol's order.
pub fn serve(connection: &Connection) -> Result<(), ProtocolError> {
    let (id, _) = connection.initialize_start()?;
    let about = json!({
        "capabilities": capabilities(),
        "serverInfo": { "name": "totc", "version": env!("CARGO_PKG_VERSION") },
    });
    connection.initialize_finish(id, about)?;
    let mut server = Server::over(Box::new(Disk));
    for message in &connection.receiver {
        if let Message::Request(request) = &message
            && connection.handle_shutdown(request)?
        {
            return Ok(());
        }
        // Whoever types fast is told of the last state only.
        let waiting = || !connection.receiver.is_empty();
        // To a client that is gone nothing is said.
        let say =
            |said: Vec<Message>| said.into_iter().for_each(|message| drop(connection.sender.send(message)));
        say(server.take(message, waiting()));
        while !waiting() && server.is_behind() {
            say(server.catch_up(&waiting));
        }
    }
    Ok(())
}

/// The server between two messages, for whoever brings them: a connection, or a page that holds it.
pub struct Server {
    documents: Documents,
    changed: BTreeSet<String>,
    /// Texts that use what has changed, and are still to be checked.
    behind: BTreeSet<String>,
}

impl Server {
    /// Without open documents; what is not open is read by `files`.
    pub fn over(files: Box<dyn Reader>) -> Server {
        Server { documents: Documents::over(files), changed: BTreeSet::new(), behind: BTreeSet::new() }
    }

    /// What is to be said after a message: the answer of a request, and what is wrong with texts that have changed, unless
    /// more messages are `waiting`. Texts that use them come when there is time, by [`Server::catch_up`].
    pub fn take(&mut self, message: Message, waiting: bool) -> Vec<Message> {
        let mut said = Vec::new();
        match message {
            Message::Request(request) => {
                if reads_names(&self.documents, &request) {
                    self.tell(&mut said);
                }
                said.push(Message::Response(answer(&self.documents, request)));
            }
            Message::Notification(note) => self.changed.extend(noted(&mut self.documents, note, &mut said)),
            Message::Response(_) => {}
        }
        if !waiting {
            self.tell(&mut said);
        }
        said
    }

    /// Whether a text that uses what has changed is still to be checked.
    pub fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Checks one of the texts that use what has changed; gives that up where something `interrupts` it, to begin anew later.
    pub fn catch_up(&mut self, interrupts: &dyn Fn() -> bool) -> Vec<Message> {
        let Some(uri) = self.behind.pop_first() else { return Vec::new() };
        let mut said = Vec::new();
        if !self.check(&uri, interrupts, &mut said) {
            self.behind.insert(uri);
        }
        said
    }

    /// Checks what has changed.
    fn tell(&mut self, said: &mut Vec<Message>) {
        let changed = std::mem::take(&mut self.changed);
        for uri in &changed {
            self.behind.remove(uri);
            self.check(uri, &|| false, said);
        }
        self.behind.extend(self.documents.users_of(&changed));
    }

    /// Checks a text; false where it was interrupted.
    fn check(&mut self, uri: &str, interrupted: &dyn Fn() -> bool, said: &mut Vec<Message>) -> bool {
        let Some(document) = self.documents.at(uri) else { return true };
        let found = match document.is_run_file() {
            true => run_diagnostics::of(document, &self.documents, interrupted),
            false => Some(diagnostics::of(document, &self.documents)),
        };
        let Some(found) = found else { return false };
        self.documents.checked(uri, found.uses, found.known);
        said.extend(published(uri, found.diagnostics));
        true
    }
}

/// Whether the answer follows from what names are in the text as it stands now. Candidates are those of the last whole text
/// where there was one, and all else reads the text alone.
fn reads_names(documents: &Documents, request: &Request) -> bool {
    match request.method.as_str() {
        GotoDefinition::METHOD | References::METHOD | HoverRequest::METHOD | InlayHintRequest::METHOD => true,
        PrepareRenameRequest::METHOD | Rename::METHOD => true,
        Completion::METHOD => {
            let asked = read::<CompletionParams>(request.params.clone());
            let of = asked.and_then(|params| documents.get(&params.text_document_position.text_document.uri));
            of.is_some_and(|document| document.last_known().is_none())
        }
        _ => false,
    }
}

fn capabilities() -> Value {
    json!({
        "textDocumentSync": { "openClose": true, "change": 1 },
        "documentFormattingProvider": true,
        "documentSymbolProvider": true,
        "codeActionProvider": { "codeActionKinds": ["quickfix"] },
        "definitionProvider": true,
        "referencesProvider": true,
        "renameProvider": { "prepareProvider": true },
        "hoverProvider": true,
        "inlayHintProvider": true,
        "completionProvider": { "triggerCharacters": [".", ":", "\""] },
    })
}

/// Takes note of what the editor holds; gives the document that has changed.
fn noted(documents: &mut Documents, note: Notification, said: &mut Vec<Message>) -> Option<String> {
    match note.method.as_str() {
        DidOpenTextDocument::METHOD => {
            let DidOpenTextDocumentParams { text_document: opened } = read(note.params)?;
            documents.set(&opened.uri, opened.text)
        }
        DidChangeTextDocument::METHOD => {
            let DidChangeTextDocumentParams { text_document, content_changes } = read(note.params)?;
            documents.set(&text_document.uri, content_changes.into_iter().next_back()?.text)
        }
        DidCloseTextDocument::METHOD => {
            let DidCloseTextDocumentParams { text_document: closed } = read(note.params)?;
            documents.close(&closed.uri);
            said.extend(published(closed.uri.as_str(), Vec::new()));
            None
        }
        _ => None,
    }
}

fn answer(documents: &Documents, request: Request) -> Response {
    let id = request.id;
    let params = request.params;
    match request.method.as_str() {
        Formatting::METHOD => replied(id, params, |params: DocumentFormattingParams| {
            documents.get(&params.text_document.uri).and_then(documents::Document::formatted)
        }),
        DocumentSymbolRequest::METHOD => replied(id, params, |params: DocumentSymbolParams| {
            documents.get(&params.text_document.uri).map(symbols::outline)
        }),
        CodeActionRequest::METHOD => replied(id, params, |params: CodeActionParams| {
            let document = documents.get(&params.text_document.uri)?;
            Some(mends::actions(document, &params.text_document.uri, &params.context.diagnostics))
        }),
        GotoDefinition::METHOD => replied(id, params, |params: GotoDefinitionParams| {
            let asked = params.text_document_position_params;
            let document = documents.get(&asked.text_document.uri)?;
            navigation::definition(document, asked.position, documents)
        }),
        References::METHOD => replied(id, params, |params: ReferenceParams| {
            let asked = params.text_document_position;
            let document = documents.get(&asked.text_document.uri)?;
            navigation::references(document, asked.position, params.context.include_declaration, documents)
        }),
        PrepareRenameRequest::METHOD => tried(id, params, |asked: TextDocumentPositionParams| {
            let Some(document) = documents.get(&asked.text_document.uri) else { return Ok(None) };
            rename::prepare(document, asked.position, documents).map(Some)
        }),
        Rename::METHOD => tried(id, params, |params: RenameParams| {
            let asked = params.text_document_position;
            let Some(document) = documents.get(&asked.text_document.uri) else { return Ok(None) };
            rename::edits(document, asked.position, &params.new_name, documents).map(Some)
        }),
        HoverRequest::METHOD => replied(id, params, |params: HoverParams| {
            let asked = params.text_document_position_params;
            navigation::hover(documents.get(&asked.text_document.uri)?, asked.position, documents)
        }),
        InlayHintRequest::METHOD => replied(id, params, |params: InlayHintParams| {
            navigation::hints(documents.get(&params.text_document.uri)?, params.range)
        }),
        Completion::METHOD => replied(id, params, |params: CompletionParams| {
            let asked = params.text_document_position;
            let document = documents.get(&asked.text_document.uri)?;
            Some(completion::candidates(document, asked.position, documents))
        }),
        method => {
            Response::new_err(id, ErrorCode::MethodNotFound as i32, format!("totc does not answer {method}"))
        }
    }
}

/// The answer to a request, or why its parameters cannot be read.
fn replied<P: DeserializeOwned, R: Serialize>(
    id: lsp_server::RequestId,
    params: Value,
    reply: impl FnOnce(P) -> Option<R>,
) -> Response {
    tried(id, params, |params| Ok(reply(params)))
}

/// The same where a request may be refused, with a sentence for who asked.
fn tried<P: DeserializeOwned, R: Serialize>(
    id: lsp_server::RequestId,
    params: Value,
    reply: impl FnOnce(P) -> Result<R, String>,
) -> Response {
    match serde_json::from_value(params).map(reply) {
        Ok(Ok(answer)) => Response::new_ok(id, answer),
        Ok(Err(refused)) => Response::new_err(id, ErrorCode::RequestFailed as i32, refused),
        Err(error) => Response::new_err(id, ErrorCode::InvalidParams as i32, error.to_string()),
    }
}

fn read<P: DeserializeOwned>(params: Value) -> Option<P> {
    serde_json::from_value(params).ok()
}

fn published(uri: &str, diagnostics: Vec<lsp_types::Diagnostic>) -> Option<Message> {
    let params = PublishDiagnosticsParams { uri: uri.parse::<Uri>().ok()?, diagnostics, version: None };
    Some(Message::Notification(Notification::new(PublishDiagnostics::METHOD.to_owned(), params)))
}
