//! `totc lsp` as an editor meets it: a scripted client over standard input and output. Every shipped file is deleted and
//! typed again in pieces, and whatever half of it stands there, the server answers.

#[path = "lsp/editor.rs"]
mod editor;
#[path = "lsp/rename.rs"]
mod rename;
#[path = "lsp/run_files.rs"]
mod run_files;

use editor::{BASE, CHILD, Editor, ROOT, asked, document, errors, family, place_of, shipped, uri};
use serde_json::{Value, json};
use std::path::Path;
use totc::diagnostic::Sink;
use totc::format::format;
use totc::source::FileId;
use totc::syntax::lex;

#[test]
fn what_is_announced_is_done_and_nothing_else() {
    let mut editor = Editor::start();
    let mut announced: Vec<_> = editor.capabilities.as_object().expect("an object").keys().cloned().collect();
    announced.sort();
    let done = [
        "codeActionProvider",
        "completionProvider",
        "definitionProvider",
        "documentFormattingProvider",
        "documentSymbolProvider",
        "hoverProvider",
        "inlayHintProvider",
        "referencesProvider",
        "renameProvider",
        "textDocumentSync",
    ];
    assert_eq!(announced, done);
    let answer = editor.ask("textDocument/foldingRange", json!({}));
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

#[test]
fn files_of_other_programs_are_left_alone() {
    let mut editor = Editor::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.ron");
    let named = std::fs::read_to_string(Path::new(ROOT).join("models/names/trm.ron")).expect("a file");
    for text in [&named, "Scene(entities: [])", "(window: (width: 3))", "[1, 2]", "{ \"model\": 3 }"] {
        assert_eq!(editor.open(&path, text), Vec::<Value>::new(), "{text}");
    }
    for text in ["", "Rum(model: \"a.tot\")", "Run(windw: 1)", "(model: 3)"] {
        assert!(!editor.change(&path, text).is_empty(), "{text}");
    }
    editor.stop();
}

#[test]
fn names_lead_to_their_declarations_through_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = Editor::start();
    let (base, child) = family(&mut editor, folder.path());
    // Name as it stands in the child, file and place where it leads.
    let leads = [
        ("[room, dim]", 1, &base, BASE, "room = extra", 0),
        ("Base {", 0, &base, BASE, "Base extends", 0),
        ("base::Base", 6, &base, BASE, "Base extends", 0),
        ("moved + z", 0, &child, CHILD, "moved = y", 0),
        ("sum(shift", 4, &child, CHILD, "shift: float", 0),
    ];
    for (name, skip, file, text, target, at) in leads {
        let params = asked(&child, &place_of(CHILD, name, skip));
        let found = editor.ask("textDocument/definition", params)["result"].clone();
        assert_eq!(found["uri"], uri(file), "{name}: {found}");
        assert_eq!(found["range"]["start"], place_of(text, target, at), "{name}");
    }
    // The library's texts have no address: what stands there leads to the `use`, if the file has one.
    let found = editor.ask("textDocument/definition", asked(&base, &place_of(BASE, "Trm {", 0)));
    assert_eq!(found["result"]["range"]["start"], place_of(BASE, "::Trm", 2), "{found}");
    let found = editor.ask("textDocument/definition", asked(&base, &place_of(BASE, "f(bonus)", 0)));
    assert_eq!(found["result"]["range"]["start"]["line"], 0, "{found}");
    let found = editor.ask("textDocument/definition", asked(&child, &place_of(CHILD, "{", 0)));
    assert_eq!(found["result"], Value::Null);

    let found = editor.ask("textDocument/references", asked(&base, &place_of(BASE, "room", 0)));
    let mut places: Vec<(String, u64, u64)> = found["result"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|place| {
            let start = &place["range"]["start"];
            let file = place["uri"].as_str().expect("an address").to_owned();
            (file, start["line"].as_u64().expect("a line"), start["character"].as_u64().expect("a column"))
        })
        .collect();
    places.sort();
    let place =
        |path: &Path, line: u64, column: u64| (uri(path).as_str().expect("text").to_owned(), line, column);
    assert_eq!(places, [place(&base, 6, 9), place(&child, 3, 24), place(&child, 6, 40)]);
    editor.stop();
}

#[test]
fn what_a_name_is_stands_at_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = Editor::start();
    let (base, child) = family(&mut editor, folder.path());
    let mut words = |path: &Path, place: Value| {
        let answer = editor.ask("textDocument/hover", asked(path, &place));
        answer["result"]["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    let told = words(&child, place_of(CHILD, "moved + z", 0));
    assert!(told.contains("float [batch 2, pos 32, dim 512]") && told.contains("`dim` 512"), "{told}");
    let told = words(&child, place_of(CHILD, "[room", 1));
    for part in ["axis room = extra + 1", "`room` 3", "As wide as said.", "base.tot:7"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = words(&base, place_of(BASE, "extra + 1", 0));
    assert!(told.contains("config extra: int = 2 at least 1") && told.contains("**2**"), "{told}");
    // Two layers of attention (qkv and out: 4 · 512 · 512) and SwiGLU of width 1536 (3 · 512 · 1536), as published.
    let told = words(&base, place_of(BASE, "f(bonus)", 0));
    let count = 2 * (4 * 512 * 512 + 3 * 512 * 1536);
    let digits: String = told.chars().filter(char::is_ascii_digit).collect();
    assert!(digits.contains(&count.to_string()), "{count}: {told}");

    let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let params = json!({ "textDocument": document(&child), "range": whole });
    let hints = editor.ask("textDocument/inlayHint", params)["result"].clone();
    assert_eq!(hints.as_array().map(Vec::len), Some(1), "{hints}");
    assert_eq!(hints[0]["label"], ": float [batch 2, pos 32, dim 512]");
    assert_eq!(hints[0]["position"], place_of(CHILD, "moved = y", 5));
    editor.stop();
}

#[test]
fn what_may_be_typed_is_offered() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = Editor::start();
    let (_, child) = family(&mut editor, folder.path());
    let mut offered = |text: &str, before: &str| -> Vec<String> {
        editor.change(&child, text);
        let answer =
            editor.ask("textDocument/completion", asked(&child, &place_of(text, before, before.len())));
        let labels = answer["result"].as_array().expect("a list").iter();
        labels.filter_map(|item| item["label"].as_str().map(str::to_owned)).collect()
    };
    let has = |offered: &[String], wanted: &[&str]| {
        for name in wanted {
            assert!(offered.iter().any(|own| own == name), "{name}: {offered:?}");
        }
    };
    // An expression without an end: names of the model, its ancestors and the language are those of the last whole text.
    let half = CHILD.replace("f(moved + z)", "f(moved + ");
    has(
        &offered(&half, "f(moved + "),
        &["y", "hidden", "room", "dim", "f", "update", "moved", "sum", "let", "Base"],
    );
    has(&offered(&CHILD.replace("f(moved", "f.(moved"), "y <- f."), &["layers"]);
    has(&offered("use std::nets::{Bl", "{Bl"), &["Block", "Stack"]);
    has(&offered("use std::", "std::"), &["nets", "losses"]);
    has(&offered("use base::", "base::"), &["Base"]);
    has(&offered("use ", "use "), &["std", "models", "base"]);
    let grammar = std::fs::read_to_string(Path::new(ROOT).join("grammar/tot.pest")).expect("the grammar");
    let words = grammar.lines().filter(|line| line.starts_with("kw_"));
    let words: Vec<&str> = words.filter_map(|line| line.split('"').nth(1)).collect();
    has(&offered("\n", "\n"), &words.iter().copied().filter(|word| *word != "step").collect::<Vec<_>>());
    editor.stop();
}

#[test]
fn whether_gradient_goes_through_a_name_is_told() {
    let text = "use models::trm::Trm

model Mine extends Trm {
    state w: float [batch, pos, dim] = y0

    block answer {
        let sum = y + z
        let still = stop_gradient(sum)
        w <- y
        y <- f(sum + still + w)
    }

    decode {
        inherited
        let steady = stop_gradient(logits)
        let place = puzzle
        let both = logits + steady
    }

    loss more = sum(both * float(place), over (cell, symbol))
}
";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.tot");
    let mut editor = Editor::start();
    let told = editor.open(&path, text);
    assert_eq!(errors(&told), Vec::<&Value>::new());
    let last = "carries gradient, but none in iterations before `grad last`";
    let stopped = "no gradient: it comes from what `stop_gradient` gives alone";
    let told = [
        ("w: float", "no gradient: it comes from `w` as the step before left it and the buffer `y0` alone"),
        ("sum = ", last),
        ("sum + still", last),
        ("still = ", stopped),
        ("still + w", stopped),
        ("w <- y", "no gradient: iterations before `grad last`"),
        ("y <- f", last),
        ("steady = ", stopped),
        ("place = ", "no gradient: it comes from the data (`puzzle`) alone"),
        ("both = ", "carries gradient"),
        ("both * ", "carries gradient"),
    ];
    for (place, gradient) in told {
        let answer = editor.ask("textDocument/hover", asked(&path, &place_of(text, place, 0)));
        let words = answer["result"]["contents"]["value"].as_str().unwrap_or_default();
        assert!(words.lines().any(|line| line == gradient), "{place}: {words}");
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
            let place = json!({ "line": text[..from].matches('\n').count(), "character": 7 });
            for method in ["completion", "hover", "definition", "references"] {
                let answer = editor.ask(&format!("textDocument/{method}"), asked(&path, &place));
                assert!(answer["error"].is_null(), "{method} in {}: {answer}", path.display());
            }
        }
        let told = editor.change(&path, &text);
        assert_eq!(errors(&told), Vec::<&Value>::new(), "{}", path.display());
        editor.note("textDocument/didClose", json!({ "textDocument": document(&path) }));
    }
    editor.stop();
}
