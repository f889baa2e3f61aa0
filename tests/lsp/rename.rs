//! Another name for a thing, as an editor asks for it: the files check, the name has as many places as before, the model
//! computes what it did, and what the author does not own keeps its name.

use super::editor::{BASE, CHILD, Editor, ROOT, asked, errors, family, place_of, uri};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use totc::ir::Mode;
use totc::model_file::ModelFile;

type Texts = BTreeMap<PathBuf, String>;

/// Files of a folder by path, all open.
fn opened(editor: &mut Editor, folder: &Path, files: &[(&str, String)]) -> Texts {
    let texts: Texts = files.iter().map(|(name, text)| (folder.join(name), text.clone())).collect();
    texts.iter().for_each(|(path, text)| std::fs::write(path, text).expect("a file"));
    for (path, text) in &texts {
        let told = editor.open(path, text);
        assert_eq!(errors(&told), Vec::<&Value>::new(), "{}", path.display());
    }
    texts
}

fn rename(editor: &mut Editor, path: &Path, place: &Value, new: &str) -> Value {
    let mut params = asked(path, place);
    params["newName"] = json!(new);
    editor.ask("textDocument/rename", params)
}

/// The texts after the edits of an answer.
fn edited(texts: &Texts, answer: &Value) -> Texts {
    let mut after = texts.clone();
    for (path, text) in &mut after {
        let edits = &answer["result"]["changes"][uri(path).as_str().expect("an address")];
        // From the end, so that the places before stay where they are.
        for edit in edits.as_array().into_iter().flatten().rev() {
            let byte = |end: &str| {
                let place = &edit["range"][end];
                let line = place["line"].as_u64().expect("a line") as usize;
                let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
                start + place["character"].as_u64().expect("a column") as usize
            };
            let (from, to) = (byte("start"), byte("end"));
            text.replace_range(from..to, edit["newText"].as_str().expect("a text"));
        }
    }
    after
}

fn references(editor: &mut Editor, path: &Path, place: &Value) -> usize {
    let found = editor.ask("textDocument/references", asked(path, place));
    found["result"].as_array().map_or(0, Vec::len)
}

/// What the models of a file compute, whatever things are called: operations and parameters of the step.
fn computed(path: &Path) -> Vec<(usize, Vec<usize>)> {
    let names = ModelFile::load(path, None).expect("a file").models();
    let of = |name: String| {
        let mut file = ModelFile::load(path, Some(name)).expect("a file");
        let model = file.check(Mode::Training).expect("it checks");
        (
            model.graph.flow.nodes.node_count(),
            model.graph.weights.iter().map(|weight| weight.count()).collect(),
        )
    };
    names.into_iter().map(of).collect()
}

/// A tree of models in three files, all the author's.
#[test]
fn whatever_the_author_declares_can_be_renamed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = Editor::start();
    let file =
        |name: &str| std::fs::read_to_string(Path::new(ROOT).join("models").join(name)).expect("a file");
    let (mut files, closed) = (["trm.tot", "totrm.tot"].map(|name| (name, file(name))), file("cgar.tot"));
    // An arm that is not taken names things too; a file beside them that nobody has opened counts.
    files[0].1 =
        files[0].1.replace("decode {", "decode {\n        if max_steps > 99 { let unread = f(y + x) }");
    std::fs::write(folder.path().join("cgar.tot"), &closed).expect("a file");
    let mut texts = opened(&mut editor, folder.path(), &files);
    texts.insert(folder.path().join("cgar.tot"), closed);
    let before: Vec<_> = texts.keys().map(|path| computed(path)).collect();
    let names = [
        ("trm.tot", "config max_steps"),
        ("trm.tot", "axis dim"),
        ("trm.tot", "net f "),
        ("trm.tot", "buffer z0"),
        ("trm.tot", "state  z"),
        ("trm.tot", "block refine"),
        ("trm.tot", "let x"),
        ("trm.tot", "let logits"),
        ("trm.tot", "metric exact"),
        ("trm.tot", "loss halting"),
        ("totrm.tot", "config combine"),
        ("totrm.tot", "net differ"),
    ];
    for (name, declaration) in names {
        let (path, declaration) = (folder.path().join(name), declaration.trim_end());
        let name = declaration.split(' ').next_back().unwrap_or_default();
        let place = place_of(&texts[&path], declaration, declaration.len() - name.len());
        let count = references(&mut editor, &path, &place);
        let asked = editor.ask("textDocument/prepareRename", asked(&path, &place));
        assert_eq!(asked["result"]["placeholder"], name, "{asked}");
        let answer = rename(&mut editor, &path, &place, &format!("{name}_anew"));
        assert!(answer["error"].is_null(), "{answer}");
        let after = edited(&texts, &answer);
        for (path, text) in &after {
            std::fs::write(path, text).expect("a file");
        }
        let now: Vec<_> = texts.keys().map(|path| computed(path)).collect();
        assert_eq!(now, before, "{name}");
        for (path, text) in after.iter().filter(|(path, _)| !path.ends_with("cgar.tot")) {
            editor.change(path, text);
        }
        assert_eq!(references(&mut editor, &path, &place), count, "{name}");
        texts = after;
    }
    // Who reads the answers calls them what they were called before.
    assert!(texts[&folder.path().join("trm.tot")].contains("predict logits = logits_anew, confidence"));
    let cgar = &texts[&folder.path().join("cgar.tot")];
    assert!(cgar.contains("= max_steps_anew"), "{cgar}");
    editor.stop();
}

/// Run files beside the models name configs and models; after a rename each trains what it trained before.
#[test]
fn run_files_go_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = Editor::start();
    let file = |name: &str| {
        let path = Path::new(ROOT).join("models").join(name);
        (folder.path().join(name), std::fs::read_to_string(path).expect("a file"))
    };
    let sweep = r#"Sweep(
    run: "trm.ron",
    rows: [
        (label: "a", set: { "max_steps": 4, "batch": 8 }),
        (label: "b", set: { "set.max_steps": 5, "model": "urm.tot", "name": "Urm" }),
        (label: "c", run: "urm.ron", grid: { "max_steps": [2, 3], "name": ["Urm"] }),
    ],
)
"#;
    // `Trm` is chosen by its file's name alone, and `Urm` has the config from a file that is not its own.
    let other = ("other.ron", "Other(set: { \"max_steps\": 1 })");
    let mut texts: Texts = ["trm.tot", "urm.tot", "urm.ron"].map(file).into_iter().collect();
    let trm = folder.path().join("trm.tot");
    texts
        .insert(trm.clone(), texts[&trm].replace("model Trm {", "model First extends Trm {}\n\nmodel Trm {"));
    let run = "Run(model: \"trm.tot\", data: sudoku(side: 4, train: 8, test: 8),\n    set: { \"max_steps\": 2 }, \
               phases: [(from: 1, set: { \"max_steps\": 3 })])\n";
    for (name, text) in [("trm.ron", run), ("s.ron", sweep), other] {
        texts.insert(folder.path().join(name), text.to_owned());
    }
    let write =
        |texts: &Texts| texts.iter().for_each(|(path, text)| std::fs::write(path, text).expect("a file"));
    write(&texts);
    editor.open(&trm, &texts[&trm]);
    let occurrences =
        |texts: &Texts, name: &str, word: &str| texts[&folder.path().join(name)].matches(word).count();

    let place = place_of(&texts[&trm], "config max_steps", "config ".len());
    let answer = rename(&mut editor, &trm, &place, "most_steps");
    assert!(answer["error"].is_null(), "{answer}");
    let after = edited(&texts, &answer);
    for (name, times) in [("trm.ron", 2), ("urm.ron", 1), ("s.ron", 3), ("other.ron", 0)] {
        assert_eq!(occurrences(&after, name, "most_steps"), times, "{name}");
        assert_eq!(occurrences(&after, name, "max_steps"), usize::from(name == "other.ron"), "{name}");
    }
    assert!(after[&folder.path().join("s.ron")].contains("\"set.most_steps\": 5"));
    write(&after);
    editor.change(&trm, &after[&trm]);

    // Where the name of the file chose the model, the run file has to say it from now on.
    let place = place_of(&after[&trm], "model TrmTwoNets", "model ".len());
    let answer = rename(&mut editor, &trm, &place, "TwoNets");
    assert_eq!(
        edited(&after, &answer)[&folder.path().join("trm.ron")],
        after[&folder.path().join("trm.ron")]
    );
    let place = place_of(&after[&trm], "model Trm ", "model ".len());
    let answer = rename(&mut editor, &trm, &place, "Tiny");
    let last = edited(&after, &answer);
    assert_eq!(occurrences(&last, "trm.ron", "model: \"trm.tot\", name: \"Tiny\","), 1, "{answer}");
    write(&last);
    for (run, model) in [("trm.ron", "Tiny"), ("urm.ron", "Urm")] {
        let run = totc::run_file::load(&folder.path().join(run)).expect("a run file");
        let mut file = ModelFile::of_run(&run, None).expect("a file");
        file.bind_start(&run);
        assert_eq!(file.check(Mode::Training).expect("it checks").graph.model, model);
    }
    editor.stop();
}

#[test]
fn what_is_not_the_authors_or_not_free_keeps_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = Editor::start();
    let (base, child) = family(&mut editor, folder.path());
    // File, place, new name, and what the refusal says.
    let refusals = [
        (&child, place_of(CHILD, "moved + z", 8), "latent", "is declared in the library (models/trm.tot:"),
        (&child, place_of(CHILD, "block answer", 6), "reply", "the library has `answer` under this name too"),
        (&base, place_of(BASE, "Trm {", 0), "Tiny", "is declared in the library (models/trm.tot:"),
        (&base, place_of(BASE, "let bonus", 0), "bonus", "`let` is a word"),
        (&base, place_of(BASE, "let bonus", 4), "match", "`match` is a word of the language"),
        (&base, place_of(BASE, "let bonus", 4), "2nd", "`2nd` is no name"),
        (&base, place_of(BASE, "let bonus", 4), "y", "`y`"),
        (&base, place_of(BASE, "let bonus", 4), "f", "`f`"),
        (&base, place_of(BASE, "room = ", 0), "dim", "`dim`"),
        (&base, place_of(BASE, "config extra", 7), "room", "`room`"),
        (&base, place_of(BASE, "config extra", 7), "shift", "child.tot would not check (line "),
        (&base, json!({ "line": 1, "character": 0 }), "anew", "no name stands here"),
    ];
    for (path, place, new, why) in refusals {
        let answer = rename(&mut editor, path, &place, new);
        let told = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(told.contains(why) && answer["error"]["code"] == -32803, "{new}: {answer}");
    }
    let place = place_of(CHILD, "block answer", 6);
    let answer = editor.ask("textDocument/prepareRename", asked(&child, &place));
    assert_eq!(answer["error"]["code"], -32803, "{answer}");
    editor.change(&base, &BASE.replace("block answer", "block"));
    let answer = rename(&mut editor, &base, &place_of(BASE, "config extra", 7), "more");
    assert!(answer["error"]["message"].as_str().is_some_and(|told| told.contains("syntax")), "{answer}");
    editor.stop();
}
