//! A scripted editor for the tests of `totc lsp`: it speaks over standard input and output, and holds what it is told.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An editor and its server.
pub struct Editor {
    server: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    requests: u64,
    pub capabilities: Value,
}

impl Editor {
    pub fn start() -> Editor {
        let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
        command.args(["lsp", "--stdio"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().expect("totc starts");
        let input = server.stdin.take();
        let output = BufReader::new(server.stdout.take().expect("a pipe"));
        let mut editor = Editor { server, input, output, requests: 0, capabilities: Value::Null };
        let about =
            editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }));
        editor.capabilities = about["result"]["capabilities"].clone();
        editor.note("initialized", json!({}));
        editor
    }

    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let input = self.input.as_mut().expect("it is open");
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("the server reads");
        input.flush().expect("the server reads");
    }

    pub fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("the server writes") > 0, "the server has ended");
            match line.trim_end().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().expect("a number"),
                None if line == "\r\n" => break,
                None => {}
            }
        }
        let mut bytes = vec![0; length];
        self.output.read_exact(&mut bytes).expect("the server writes");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    pub fn note(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The answer to a request; what is published meanwhile is not kept.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == json!(id) {
                return message;
            }
        }
    }

    /// The diagnostics that are published next of a file.
    pub fn published(&mut self, path: &Path) -> Vec<Value> {
        loop {
            let message = self.receive();
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri(path)
            {
                return message["params"]["diagnostics"].as_array().expect("a list").clone();
            }
        }
    }

    pub fn open(&mut self, path: &Path, text: &str) -> Vec<Value> {
        let document = json!({ "uri": uri(path), "languageId": "totc", "version": 1, "text": text });
        self.note("textDocument/didOpen", json!({ "textDocument": document }));
        self.published(path)
    }

    pub fn change(&mut self, path: &Path, text: &str) -> Vec<Value> {
        let params = json!({
            "textDocument": { "uri": uri(path), "version": 2 }, "contentChanges": [{ "text": text }],
        });
        self.note("textDocument/didChange", params);
        self.published(path)
    }

    pub fn stop(mut self) {
        let answer = self.ask("shutdown", Value::Null);
        assert_eq!(answer["result"], Value::Null);
        self.note("exit", Value::Null);
        self.input = None;
        assert!(self.server.wait().expect("it ends").success());
    }
}

pub fn uri(path: &Path) -> Value {
    json!(format!("file://{}", path.display().to_string().replace(' ', "%20")))
}

pub fn document(path: &Path) -> Value {
    json!({ "uri": uri(path) })
}

pub fn shipped() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["models", "models/std", "examples/extensions", "examples/text"] {
        for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder").flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "tot") {
                found.push((entry.path(), std::fs::read_to_string(entry.path()).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

/// Diagnostics that are no warnings, which a shipped model may have for those who run it.
pub fn errors(told: &[Value]) -> Vec<&Value> {
    told.iter().filter(|told| told["severity"] == 1).collect()
}

/// The place of the first `wanted` of a text, and of what stands `skip` bytes behind its beginning.
pub fn place_of(text: &str, wanted: &str, skip: usize) -> Value {
    let byte = text.find(wanted).unwrap_or_else(|| panic!("no {wanted:?}")) + skip;
    let line = text[..byte].matches('\n').count();
    json!({ "line": line, "character": byte - text[..byte].rfind('\n').map_or(0, |end| end + 1) })
}

pub fn asked(path: &Path, place: &Value) -> Value {
    json!({ "textDocument": document(path), "position": place, "context": { "includeDeclaration": true, "triggerKind": 1 } })
}

pub const BASE: &str = "use models::trm::Trm

model Base extends Trm {
    config extra: int = 2 at least 1

    /// As wide as said.
    axis room = extra + 1

    block answer {
        let bonus = y + z
        y <- f(bonus)
    }
}
";

pub const CHILD: &str = "use base::Base

model Child extends Base {
    param shift: float [room, dim] = 0

    block answer {
        let moved = y + sum(shift, over room)
        y <- f(moved + z)
    }
}
";

/// Base and child lie beside each other; both are open.
pub fn family(editor: &mut Editor, folder: &Path) -> (PathBuf, PathBuf) {
    let (base, child) = (folder.join("base.tot"), folder.join("child.tot"));
    for (path, text) in [(&base, BASE), (&child, CHILD)] {
        std::fs::write(path, text).expect("a file");
        let told = editor.open(path, text);
        assert_eq!(errors(&told), Vec::<&Value>::new(), "{}", path.display());
    }
    (base, child)
}
