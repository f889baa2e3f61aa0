//! The language server (`totc lsp`): what an editor asks about model files and run files. Takes messages of the Language
//! Server Protocol 3.17, gives diagnostics with mends, what names are, where they lead and edits that rename, candidates,
//! outline and form; announces nothing that it does not do. Texts are those of the editor, half-typed as they are; nothing
//! is written, and no tensor computed.

mod completion;
mod diagnostics;
mod documents;
mod gradient;
mod known;
mod mends;
mod navigation;
mod place;
mod places;
mod rename;
mod symbols;

use documents::Documents;
use lsp_server::{Connection, ErrorCode, Message, Notification, ProtocolError, Request, Response};
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
    let mut documents = Documents::default();
    let mut changed = BTreeSet::new();
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request)? {
                    return Ok(());
                }
                if reads_names(&documents, &request) {
                    tell(connection, &mut documents, &mut changed);
                }
                send(connection, Message::Response(answer(&documents, request)));
            }
            Message::Notification(note) => changed.extend(noted(connection, &mut documents, note)),
            Message::Response(_) => {}
        }
        // Whoever types fast is told of the last state only.
        if connection.receiver.is_empty() {
            tell(connection, &mut documents, &mut changed);
        }
    }
    Ok(())
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

/// Checks what has changed and all that uses it.
fn tell(connection: &Connection, documents: &mut Documents, changed: &mut BTreeSet<String>) {
    for uri in documents.concerned(&std::mem::take(changed)) {
        let Some(document) = documents.at(&uri) else { continue };
        let found = diagnostics::of(document, documents);
        documents.checked(&uri, found.uses, found.known);
        publish(connection, &uri, found.diagnostics);
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
        "completionProvider": { "triggerCharacters": [".", ":"] },
    })
}

/// Takes note of what the editor holds; gives the document that has changed.
fn noted(connection: &Connection, documents: &mut Documents, note: Notification) -> Option<String> {
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
            publish(connection, closed.uri.as_str(), Vec::new());
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
            navigation::hover(documents.get(&asked.text_document.uri)?, asked.position)
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

fn publish(connection: &Connection, uri: &str, diagnostics: Vec<lsp_types::Diagnostic>) {
    let Ok(uri) = uri.parse::<Uri>() else { return };
    let params = PublishDiagnosticsParams { uri, diagnostics, version: None };
    let note = Notification::new(PublishDiagnostics::METHOD.to_owned(), params);
    send(connection, Message::Notification(note));
}

/// To a client that is gone nothing is said.
fn send(connection: &Connection, message: Message) {
    let _ = connection.sender.send(message);
}
