//! Run and sweep files as an editor shows them: mistakes as `totc check` tells them, those of other files named with their
//! place; what a field or config is, where it leads, what may stand at a place.

use super::editor::{Editor, ROOT, asked, document, errors, place_of, uri};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const RUN: &str = r#"Run(
    model: "trm.tot",
    data: sudoku(side: 4, train: 16, test: 4),
    batch: 4,
    length: steps(8),
    set: { "hidden": 32, "heads": 4 },
    optimiser: (name: "adamw", lr: 1e-3),
)
"#;

const SWEEP: &str = r#"Sweep(
    run: "run.ron",
    rows: [
        (label: "narrow", set: { "hidden": 16 }),
        (label: "short", set: { "T": 1, "optimiser.lr": 1e-4 }),
    ],
)
"#;

/// A folder with TRM, a run file and a sweep; and its paths.
fn folder() -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::copy(Path::new(ROOT).join("models/trm.tot"), path("trm.tot")).expect("a copy");
    std::fs::write(path("run.ron"), RUN).expect("a file");
    std::fs::write(path("sweep.ron"), SWEEP).expect("a file");
    let paths = (path("trm.tot"), path("run.ron"), path("sweep.ron"));
    (folder, paths.0, paths.1, paths.2)
}

/// The words of what is told, all of it at one place.
fn words_at(told: &[Value], text: &str, wanted: &str) -> String {
    assert!(!told.is_empty(), "nothing is told");
    let at = place_of(text, wanted, 0);
    assert!(told.iter().all(|told| told["range"]["start"] == at), "{told:#?}, not at {at}");
    told.iter().map(|told| told["message"].as_str().expect("words").to_owned() + "\n").collect()
}

#[test]
fn what_is_shipped_has_no_mistakes() {
    let mut editor = Editor::start();
    for folder in ["models", "results", "examples/text", "examples/extensions"] {
        for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder").flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "ron") {
                let text = std::fs::read_to_string(&path).expect("a file");
                let told = editor.open(&path, &text);
                assert_eq!(errors(&told), Vec::<&Value>::new(), "{}", path.display());
            }
        }
    }
    editor.stop();
}

#[test]
fn a_mistake_of_a_run_is_told_where_it_stands() {
    let (_folder, _, run, _) = folder();
    let mut editor = Editor::start();
    assert_eq!(editor.open(&run, RUN), Vec::<Value>::new());
    let mut wrong = |old: &str, new: &str, at: &str, words: &str| {
        let text = RUN.replace(old, new);
        assert_ne!(text, RUN, "{old}");
        let told = words_at(&editor.change(&run, &text), &text, at);
        assert!(told.contains(words), "{told}");
    };
    // Of the text, of the model, of its settings, of the optimiser, of the parts of a batch, of the data.
    wrong("batch: 4", "bach: 4", "bach", "did you mean `batch`?");
    wrong("\"hidden\"", "\"hiden\"", "\"hiden\"", "did you mean `hidden`?");
    wrong("\"heads\": 4", "\"heads\": \"many\"", "\"many\"", "`heads` is set to");
    wrong("\"heads\": 4", "\"heads\": 32", "\"trm.tot\"", "1 is odd");
    wrong("adamw", "adam", "\"adam\"", "there is no optimiser `adam`");
    wrong("1e-3)", "1e-3, options: { \"beta3\": 0.5 })", "\"beta3\"", "has no such number");
    wrong("batch: 4", "batch: 4, micro_batch: 3", "3,\n", "one of 1, 2, 4");
    wrong("side: 4", "side: 5", "5, train", "");
    wrong("set: {", "groups: [(weights: \"g.*\", lr: 1e-5)],\n    set: {", "\"g.*\"", "did you mean `f.*`?");
    wrong("length: ", "evaluation: (rollouts: 4),\n    length: ", "4),\n    length", "draws no noise");
    wrong("trm.tot", "trn.tot", "\"trn.tot\"", "did you mean `trm.tot`?");
    editor.stop();
}

/// A mistake in a phase says which part of the run it is of.
#[test]
fn a_mistake_of_a_later_part_is_told_with_it() {
    let (_folder, _, run, _) = folder();
    let mut editor = Editor::start();
    let text = RUN.replace("batch: 4", "phases: [(from: 4, set: { \"hidden\": 64 })],\n    batch: 4");
    let message = words_at(&editor.open(&run, &text), &text, "64 }");
    assert!(message.contains("`hidden` cannot change here"), "{message}");
    editor.stop();
}

#[test]
fn a_run_follows_its_model() {
    let (_folder, model, run, sweep) = folder();
    let mut editor = Editor::start();
    assert_eq!(editor.open(&run, RUN), Vec::<Value>::new());
    assert_eq!(editor.open(&sweep, SWEEP), Vec::<Value>::new());
    let text = std::fs::read_to_string(&model).expect("a file");
    assert_eq!(editor.open(&model, &text), Vec::<Value>::new());
    // A config gets another name in the editor alone.
    let renamed = text.replace("hidden", "wide");
    assert_eq!(editor.change(&model, &renamed), Vec::<Value>::new());
    let message = words_at(&editor.published(&run), RUN, "\"hidden\"");
    assert!(message.contains("`hidden`"), "{message}");
    assert_eq!(errors(&editor.published(&sweep)).len(), 2);
    // A mistake of the model itself is told at its name.
    let broken = text.replace("config hidden", "config config hidden");
    assert_ne!(editor.change(&model, &broken), Vec::<Value>::new());
    let told = editor.published(&run);
    assert_eq!(told[0]["range"]["start"], place_of(RUN, "\"trm.tot\"", 0), "{told:#?}");
    assert!(told[0]["message"].as_str().expect("words").contains("trm.tot:"), "{told:#?}");
    assert_ne!(editor.published(&sweep), Vec::<Value>::new());
    editor.change(&model, &text);
    assert_eq!(editor.published(&run), Vec::<Value>::new());
    assert_eq!(editor.published(&sweep), Vec::<Value>::new());
    editor.stop();
}

#[test]
fn a_sweep_is_told_by_variant() {
    let (_folder, _, run, sweep) = folder();
    let mut editor = Editor::start();
    assert_eq!(editor.open(&sweep, SWEEP), Vec::<Value>::new());
    let text = SWEEP.replace("\"T\"", "\"TT\"");
    let message = words_at(&editor.change(&sweep, &text), &text, "\"TT\"");
    assert!(message.contains("`TT`"), "{message}");
    let text = SWEEP.replace("\"optimiser.lr\": 1e-4", "\"optimiser.lr\": -1.0");
    let message = words_at(&editor.change(&sweep, &text), &text, "-1.0");
    assert!(message.contains("must be"), "{message}");
    let text = SWEEP.replace("run.ron", "rum.ron");
    let told = editor.change(&sweep, &text);
    assert!(errors(&told).iter().all(|told| told["message"].as_str().expect("words").contains("rum.ron")));
    assert!(!told.is_empty());
    // What the run file itself says wrong is told at the variants.
    assert_eq!(editor.change(&sweep, SWEEP), Vec::<Value>::new());
    let wrong = RUN.replace("heads\": 4", "heads\": \"many\"");
    editor.open(&run, &wrong);
    let told = editor.published(&sweep);
    assert_eq!(told[0]["range"]["start"], place_of(SWEEP, "\"narrow\"", 0), "{told:#?}");
    assert!(told[0]["message"].as_str().expect("words").contains("run.ron:6"), "{told:#?}");
    editor.stop();
}

fn hover(editor: &mut Editor, path: &Path, place: &Value) -> String {
    let answer = editor.ask("textDocument/hover", asked(path, place))["result"].clone();
    answer["contents"]["value"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn fields_words_and_configs_say_what_they_are() {
    let (_folder, _, run, sweep) = folder();
    let mut editor = Editor::start();
    editor.open(&run, RUN);
    for (wanted, words) in [
        ("batch", "**`batch`**: whole number"),
        ("sudoku", "**`sudoku("),
        ("side", "cells per row"),
        ("lr:", "Base learning rate"),
        ("adamw", "decoupled weight decay"),
        ("steps(", "When training is over"),
        ("hidden", "config hidden"),
        ("32,", "config hidden"),
        ("model:", "The file of the model"),
    ] {
        let told = hover(&mut editor, &run, &place_of(RUN, wanted, 1));
        assert!(told.to_lowercase().contains(&words.to_lowercase()), "{wanted}: {told:?}");
    }
    assert!(hover(&mut editor, &run, &place_of(RUN, "hidden", 0)).contains("trm.tot:"));
    assert_eq!(hover(&mut editor, &run, &place_of(RUN, "Run", 1)), "");
    editor.open(&sweep, SWEEP);
    for (wanted, words) in [
        ("rows", "Named variants"),
        ("optimiser.lr", "Base learning rate"),
        ("hidden", "config hidden"),
        ("run.ron", "run file"),
    ] {
        let told = hover(&mut editor, &sweep, &place_of(SWEEP, wanted, 1));
        assert!(told.contains(words), "{wanted}: {told:?}");
    }
    editor.stop();
}

#[test]
fn names_lead_to_their_declarations_and_back() {
    let (_folder, model, run, sweep) = folder();
    let text = std::fs::read_to_string(&model).expect("a file");
    let mut editor = Editor::start();
    editor.open(&run, RUN);
    editor.open(&sweep, SWEEP);
    let leads = |editor: &mut Editor, path: &Path, text: &str, wanted: &str| {
        let found = editor.ask("textDocument/definition", asked(path, &place_of(text, wanted, 1)));
        (found["result"]["uri"].clone(), found["result"]["range"]["start"].clone())
    };
    let declared = place_of(&text, "config hidden", "config ".len());
    assert_eq!(leads(&mut editor, &run, RUN, "hidden"), (uri(&model), declared.clone()));
    assert_eq!(leads(&mut editor, &sweep, SWEEP, "hidden"), (uri(&model), declared.clone()));
    assert_eq!(leads(&mut editor, &run, RUN, "trm.tot").0, uri(&model));
    assert_eq!(leads(&mut editor, &sweep, SWEEP, "run.ron").0, uri(&run));
    assert_eq!(leads(&mut editor, &run, RUN, "batch").0, Value::Null);
    // All places of the config, asked for in the model, the run and the sweep.
    editor.open(&model, &text);
    let mut references = |path: &Path, place: Value| {
        let mut params = asked(path, &place);
        params["context"] = json!({ "includeDeclaration": true });
        let found = editor.ask("textDocument/references", params)["result"].clone();
        let mut found: Vec<String> = found.as_array().expect("a list").iter().map(Value::to_string).collect();
        found.sort();
        found
    };
    let all = references(&model, declared);
    for path in [&model, &run, &sweep] {
        let own = uri(path).as_str().expect("an address").to_owned();
        assert!(all.iter().any(|place| place.contains(&own)), "{own}: {all:#?}");
    }
    assert_eq!(references(&run, place_of(RUN, "hidden", 2)), all);
    assert_eq!(references(&sweep, place_of(SWEEP, "hidden", 2)), all);
    editor.stop();
}

#[test]
fn a_config_is_renamed_from_a_run_file() {
    let (_folder, model, run, _) = folder();
    let mut editor = Editor::start();
    editor.open(&run, RUN);
    let mut params = asked(&run, &place_of(RUN, "hidden", 2));
    params["newName"] = json!("wide");
    let answer = editor.ask("textDocument/rename", params);
    let changes = answer["result"]["changes"].as_object().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(changes.len(), 3, "{changes:#?}");
    assert!(
        changes[uri(&model).as_str().expect("an address")].as_array().is_some_and(|edits| edits.len() > 1)
    );
    // A field keeps its name.
    let mut params = asked(&run, &place_of(RUN, "batch", 2));
    params["newName"] = json!("rows");
    let answer = editor.ask("textDocument/rename", params);
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("configs")), "{answer}");
    editor.stop();
}

/// The labels that are offered at `|`, after the text was opened so.
fn offered(editor: &mut Editor, path: &Path, text: &str) -> Vec<Value> {
    let at = place_of(text, "|", 0);
    editor.open(path, &text.replacen('|', "", 1));
    let found = editor.ask("textDocument/completion", asked(path, &at))["result"].clone();
    found.as_array().expect("a list").clone()
}

#[test]
fn what_may_stand_at_a_place_is_offered() {
    let (_folder, _, run, sweep) = folder();
    let mut editor = Editor::start();
    let mut has = |path: &Path, text: &str, wanted: &[&str], not: &[&str]| {
        let found = offered(&mut editor, path, text);
        let labels: Vec<&str> = found.iter().filter_map(|item| item["label"].as_str()).collect();
        assert!(wanted.iter().all(|name| labels.contains(name)), "{wanted:?} at {text}: {labels:?}");
        assert!(!not.iter().any(|name| labels.contains(name)), "{not:?} at {text}: {labels:?}");
    };
    // Fields, half a text behind them or none.
    has(&run, &RUN.replace("batch: 4,", "|\n"), &["batch", "ema", "phases"], &["model", "side", "hidden"]);
    has(&run, "Run(\n    model: \"trm.tot\",\n    da|", &["data", "batch"], &["model"]);
    has(&run, &RUN.replace("side: 4", "side: 4, te|"), &["augmentations", "givens"], &["side", "batch"]);
    has(&run, &RUN.replace("lr: 1e-3", "|"), &["lr", "weight_decay", "options"], &["name"]);
    has(&run, &RUN.replace("1e-3)", "1e-3, options: { \"|\" })"), &["beta1", "eps"], &["momentum", "hidden"]);
    // Configs of the model, and what they may be.
    has(&run, &RUN.replace("\"heads\": 4", "|"), &["heads", "layers", "T", "n"], &["hidden", "batch"]);
    has(&run, &RUN.replace("\"heads\": 4", "\"he|"), &["heads", "layers"], &["hidden"]);
    has(&run, &RUN.replace("\"heads\": 4", "\"mixing\": |"), &["attention", "mlp"], &["hidden"]);
    // Words, files, models.
    has(&run, &RUN.replace("sudoku(", "|("), &["sudoku", "maze", "arc"], &["batch"]);
    has(&run, &RUN.replace("steps(8)", "|"), &["steps", "epochs"], &["batch"]);
    has(&run, &RUN.replace("\"adamw\"", "\"|\""), &["adamw", "muon", "sgd"], &[]);
    has(&run, &RUN.replace("trm.tot", "|"), &["trm.tot"], &["run.ron"]);
    has(&run, &RUN.replace("batch: 4", "name: |"), &["Trm"], &[]);
    // Sweeps have fields of the run file beside configs.
    has(
        &sweep,
        &SWEEP.replace("\"T\": 1", "\"|\": 1"),
        &["T", "hidden", "optimiser.name", "batch"],
        &["rows", "seed", "optimiser.lr"],
    );
    has(&sweep, &SWEEP.replace("label: \"narrow\",", "|,"), &["label", "grid", "run"], &["set", "rows"]);
    has(&sweep, &SWEEP.replace("run.ron", "|"), &["run.ron"], &["trm.tot"]);
    // Nothing in a comment.
    has(&run, &RUN.replace("    batch", "    // ba|\n    batch"), &[], &["batch", "ema"]);
    editor.stop();
}

/// A candidate takes the place of what was typed, its quotes among it, and leaves what follows.
#[test]
fn a_candidate_is_written_whole() {
    let (_folder, _, run, _) = folder();
    let mut editor = Editor::start();
    for (typed, label, whole) in [
        ("\"he|\": 4", "heads", "\"heads\": 4"),
        ("he|", "heads", "\"heads\": "),
        ("\"mixing\": \"m|\"", "mlp", "\"mixing\": \"mlp\""),
    ] {
        let text = RUN.replace("\"heads\": 4", typed);
        let found = offered(&mut editor, &run, &text);
        let item =
            found.iter().find(|item| item["label"] == label).unwrap_or_else(|| panic!("{label}: {found:?}"));
        let edit = &item["textEdit"];
        let line = text.replacen('|', "", 1).lines().nth(5).expect("a line").to_owned();
        let at = |end: &str| edit["range"][end]["character"].as_u64().expect("a column") as usize;
        let mut after = line.clone();
        after.replace_range(at("start")..at("end"), edit["newText"].as_str().expect("a text"));
        assert_eq!(after, RUN.lines().nth(5).expect("a line").replace("\"heads\": 4", whole), "{typed}");
    }
    editor.stop();
}

/// A quick fix of a name in quotes leaves the quotes.
#[test]
fn a_name_is_mended_in_its_quotes() {
    let (_folder, _, run, _) = folder();
    let mut editor = Editor::start();
    for (old, wrong, title) in [
        ("\"hidden\"", "\"hiden\"", "Write `hidden`"),
        ("trm.tot", "trn.tot", "Write `trm.tot`"),
        ("batch", "bach", "Write `batch`"),
    ] {
        let told = editor.open(&run, &RUN.replacen(old, wrong, 1));
        let params = json!({ "textDocument": document(&run), "range": told[0]["range"], "context": { "diagnostics": told } });
        let action = editor.ask("textDocument/codeAction", params)["result"][0].clone();
        assert_eq!(action["title"], title, "{told:#?}");
        let edit = &action["edit"]["changes"][uri(&run).as_str().expect("an address")][0];
        let quoted = old.starts_with('"') || old.contains('.');
        let name = title.trim_start_matches("Write `").trim_end_matches('`');
        let whole = if quoted { format!("\"{name}\"") } else { name.to_owned() };
        assert_eq!(edit["newText"], whole);
    }
    editor.stop();
}

/// Whatever half of a text stands there, every question is answered.
#[test]
fn half_a_text_is_answered() {
    let (_folder, _, run, sweep) = folder();
    let mut editor = Editor::start();
    for (path, text) in [(&run, RUN), (&sweep, SWEEP)] {
        editor.open(path, text);
        for end in 0..=text.len() {
            let half = &text[..end];
            editor.change(path, half);
            let at = json!({ "line": half.matches('\n').count(), "character": half.len() - half.rfind('\n').map_or(0, |end| end + 1) });
            for question in ["hover", "completion", "definition"] {
                let answer = editor.ask(&format!("textDocument/{question}"), asked(path, &at));
                assert!(answer.get("error").is_none_or(Value::is_null), "{question} at {half}: {answer}");
            }
        }
    }
    editor.stop();
}

/// Texts that use the edited one wait while the editor has more to say, and come then.
#[test]
fn what_uses_an_edited_text_waits_for_the_editor() {
    let (_folder, model, _, sweep) = folder();
    let mut server = totc::lsp::Server::over(Box::new(totc::syntax::Disk));
    let message = |method: &str, params: Value| -> totc::lsp::Message {
        let note = json!({ "jsonrpc": "2.0", "method": format!("textDocument/{method}"), "params": params });
        serde_json::from_value(note).expect("a message")
    };
    let open = |path: &Path, text: &str| {
        let document = json!({ "uri": uri(path), "languageId": "totc", "version": 1, "text": text });
        message("didOpen", json!({ "textDocument": document }))
    };
    let text = std::fs::read_to_string(&model).expect("a file");
    server.take(open(&sweep, SWEEP), false);
    assert_eq!(server.take(open(&model, &text), false).len(), 1);
    while server.is_behind() {
        assert_eq!(server.catch_up(&|| false).len(), 1);
    }
    let params = json!({
        "textDocument": { "uri": uri(&model), "version": 2 },
        "contentChanges": [{ "text": text.replace("hidden", "wide") }],
    });
    let told = |said: &[totc::lsp::Message]| serde_json::to_string(said).expect("messages");
    let said = told(&server.take(message("didChange", params), false));
    assert!(said.contains("trm.tot") && !said.contains("sweep.ron"), "{said}");
    assert!(server.catch_up(&|| true).is_empty());
    assert!(server.is_behind());
    let said = told(&server.catch_up(&|| false));
    assert!(said.contains("sweep.ron") && said.contains("hidden"), "{said}");
    assert!(!server.is_behind());
}
