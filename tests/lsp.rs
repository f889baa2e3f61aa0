//! `totc lsp` as an editor meets it: a scripted client over standard input and output. Every shipped file is deleted and
//! typed again in pieces, and whatever half of it stands there, the server answers.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use totc::diagnostic::Sink;
use totc::format::format;
use totc::source::FileId;
use totc::syntax::lex;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An editor and its server.
struct Editor {
    server: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    requests: u64,
    capabilities: Value,
}

impl Editor {
    fn start() -> Editor {
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

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let input = self.input.as_mut().expect("it is open");
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("the server reads");
        input.flush().expect("the server reads");
    }

    fn receive(&mut self) -> Value {
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

    fn note(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The answer to a request; what is published meanwhile is not kept.
    fn ask(&mut self, method: &str, params: Value) -> Value {
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
    fn published(&mut self, path: &Path) -> Vec<Value> {
        loop {
            let message = self.receive();
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri(path)
            {
                return message["params"]["diagnostics"].as_array().expect("a list").clone();
            }
        }
    }

    fn open(&mut self, path: &Path, text: &str) -> Vec<Value> {
        let document = json!({ "uri": uri(path), "languageId": "totc", "version": 1, "text": text });
        self.note("textDocument/didOpen", json!({ "textDocument": document }));
        self.published(path)
    }

    fn change(&mut self, path: &Path, text: &str) -> Vec<Value> {
        let params = json!({
            "textDocument": { "uri": uri(path), "version": 2 }, "contentChanges": [{ "text": text }],
        });
        self.note("textDocument/didChange", params);
        self.published(path)
    }

    fn stop(mut self) {
        let answer = self.ask("shutdown", Value::Null);
        assert_eq!(answer["result"], Value::Null);
        self.note("exit", Value::Null);
        self.input = None;
        assert!(self.server.wait().expect("it ends").success());
    }
}

fn uri(path: &Path) -> Value {
    json!(format!("file://{}", path.display().to_string().replace(' ', "%20")))
}

fn document(path: &Path) -> Value {
    json!({ "uri": uri(path) })
}

fn shipped() -> Vec<(PathBuf, String)> {
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
fn errors(told: &[Value]) -> Vec<&Value> {
    told.iter().filter(|told| told["severity"] == 1).collect()
}

#[test]
fn what_is_announced_is_done_and_nothing_else() {
    let mut editor = Editor::start();
    let mut announced: Vec<_> = editor.capabilities.as_object().expect("an object").keys().cloned().collect();
    announced.sort();
    let done =
        ["codeActionProvider", "documentFormattingProvider", "documentSymbolProvider", "textDocumentSync"];
    assert_eq!(announced, done);
    let answer = editor.ask("textDocument/hover", json!({}));
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    let answer = editor.ask("textDocument/formatting", json!({ "wrong": true }));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    // Of a file that is not open nothing is known.
    let params = json!({ "textDocument": document(Path::new("/nowhere.tot")) });
    assert_eq!(editor.ask("textDocument/documentSymbol", params)["result"], Value::Null);
    editor.stop();
}

#[test]
fn a_mistake_is_told_and_mended() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("my model.tot");
    let text = "use models::trm::Trm\n\n/* */ // ∂𝄞\nmodel Mine extends Trm {}\n".replace("/* */ ", "");
    let wrong = text.replace("{}", "{\n    block answer { y <- f(y + zz1) }\n    config leyers = 2\n}");
    let mut editor = Editor::start();
    assert_eq!(editor.open(&path, &text), Vec::<Value>::new());
    let told = editor.change(&path, &wrong);
    let codes: Vec<_> = told.iter().map(|told| told["code"].as_str().expect("a code")).collect();
    assert!(codes.contains(&"config") || codes.contains(&"unknown-name"), "{told:#?}");

    let wrong = text.replace("{}", "{\n    block answer { /**/y <- f(y + zz) }\n}").replace("/**/", "");
    let wrong = wrong.replace("extends Trm", "extends Trn");
    let told = editor.change(&path, &wrong);
    let first =
        told.iter().find(|told| told["message"].as_str().is_some_and(|text| text.contains("did you mean")));
    let first = first.unwrap_or_else(|| panic!("{told:#?}")).clone();
    let at = json!({ "start": { "line": 3, "character": 19 }, "end": { "line": 3, "character": 22 } });
    assert_eq!(first["range"], at);
    let params =
        json!({ "textDocument": document(&path), "range": at, "context": { "diagnostics": [first] } });
    let actions = editor.ask("textDocument/codeAction", params)["result"].clone();
    assert_eq!(actions[0]["title"], "Write `Trm`");
    let edit = &actions[0]["edit"]["changes"][uri(&path).as_str().expect("an address")][0];
    assert_eq!((edit["newText"].as_str(), &edit["range"]), (Some("Trm"), &at));
    editor.stop();
}

#[test]
fn a_mistake_of_a_used_file_is_told_where_it_is_used() {
    let place = tempfile::tempdir().expect("a folder");
    let (base, child) = (place.path().join("base.tot"), place.path().join("child.tot"));
    let text = "use models::trm::Trm\n\nmodel Base extends Trm {}\n";
    std::fs::write(&base, text).expect("a file");
    let mut editor = Editor::start();
    assert_eq!(editor.open(&base, text), Vec::<Value>::new());
    assert_eq!(editor.open(&child, "use base::Base\n\nmodel Child extends Base {}\n"), Vec::<Value>::new());
    // The change is not saved, and counts.
    let broken = text.replace("{}", "{ block answer { y <- } }");
    editor.change(&base, &broken);
    let told = editor.published(&child);
    let told = told.iter().find(|told| told["message"].as_str().is_some_and(|text| text.starts_with("in ")));
    assert_eq!(told.unwrap_or_else(|| panic!("nothing is told"))["range"]["start"]["line"], 0);
    editor.change(&base, text);
    assert_eq!(editor.published(&child), Vec::<Value>::new());
    editor.stop();
}

#[test]
fn run_files_are_read_too() {
    let mut editor = Editor::start();
    for name in ["tot-sudoku4.ron", "ablations-sudoku4.ron"] {
        let path = Path::new(ROOT).join("examples").join(name);
        let text = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(editor.open(&path, &text), Vec::<Value>::new(), "{name}");
        for cut in (0..text.len()).step_by(97).filter(|cut| text.is_char_boundary(*cut)) {
            assert!(!editor.change(&path, &text[..cut]).is_empty(), "{name} ends after {cut} bytes");
        }
        let at = text.find("Run(").or(text.find("Sweep(")).expect("it is one of them");
        let head = at + text[at..].find('(').expect("a bracket") + 1;
        let told = editor.change(&path, &format!("{}no_such_field: 1, {}", &text[..head], &text[head..]));
        assert_eq!(told[0]["code"], "unknown-field", "{told:#?}");
        assert_eq!(editor.change(&path, &text), Vec::<Value>::new());
    }
    editor.stop();
}

/// Every declaration that begins a line of the text stands in the outline; the form is that of `totc fmt`.
#[test]
fn outline_and_form_of_the_shipped_files() {
    let mut editor = Editor::start();
    for (path, text) in shipped() {
        let untidy = text.replace("    ", "  ").replace(" = ", "=");
        editor.open(&path, &untidy);
        let outline = editor.ask("textDocument/documentSymbol", json!({ "textDocument": document(&path) }));
        let named = |symbols: &Value| -> Vec<String> {
            let symbols = symbols.as_array().map(Vec::as_slice).unwrap_or_default();
            symbols.iter().filter_map(|symbol| symbol["name"].as_str().map(str::to_owned)).collect()
        };
        let items = ["model ", "mixin ", "net ", "fn ", "axis "];
        let wanted: Vec<&str> = text
            .lines()
            .filter_map(|line| items.iter().find_map(|word| line.strip_prefix(word)))
            .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            .collect();
        assert_eq!(named(&outline["result"]), wanted, "{}", path.display());
        let members: usize = outline["result"]
            .as_array()
            .map(|items| items.iter().map(|item| named(&item["children"]).len()).sum())
            .unwrap_or_default();
        let nets = text.lines().filter(|line| line.starts_with("    net ")).count();
        assert!(members >= nets, "{}: {members} members", path.display());

        let options = json!({ "tabSize": 8, "insertSpaces": false });
        let params = json!({ "textDocument": document(&path), "options": options });
        let edits = editor.ask("textDocument/formatting", params)["result"].clone();
        let formatted = format(FileId(0), &untidy, &mut Sink::default()).expect("it follows the grammar");
        assert_eq!(edits[0]["newText"], formatted, "{}", path.display());
        assert_eq!(edits[0]["range"]["start"], json!({ "line": 0, "character": 0 }));
        assert_eq!(edits[0]["range"]["end"]["line"], json!(untidy.matches('\n').count()));
        let told = editor.change(&path, &text);
        assert_eq!(errors(&told), Vec::<&Value>::new(), "{}", path.display());
        // Every later check would go over all documents that use this one.
        editor.note("textDocument/didClose", json!({ "textDocument": document(&path) }));
    }
    editor.stop();
}

/// Deleted from the end, typed from the beginning, and with a hole of some tokens that moves through the text.
#[test]
fn half_typed_texts_are_answered() {
    let mut editor = Editor::start();
    for (path, text) in shipped() {
        let ends: Vec<usize> = lex(&text).into_iter().map(|token| token.end).collect();
        let some = |step: usize| ends.iter().copied().step_by((ends.len() / step).max(1));
        editor.open(&path, &text);
        for end in some(10).collect::<Vec<_>>().into_iter().rev().chain(some(10)) {
            editor.change(&path, &text[..end]);
        }
        for (from, to) in some(10).zip(some(10).skip(1)) {
            editor.change(&path, &format!("{}{}", &text[..from], &text[to..]));
            let middle = from.midpoint(to);
            if text.is_char_boundary(middle) {
                editor.change(&path, &format!("{}{}", &text[..from], &text[middle..]));
            }
            let outline =
                editor.ask("textDocument/documentSymbol", json!({ "textDocument": document(&path) }));
            assert!(outline["result"].is_array(), "{}: {outline}", path.display());
        }
        let told = editor.change(&path, &text);
        assert_eq!(errors(&told), Vec::<&Value>::new(), "{}", path.display());
        editor.note("textDocument/didClose", json!({ "textDocument": document(&path) }));
    }
    editor.stop();
}
