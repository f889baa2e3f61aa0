//! A run that starts from another's weights (`init`), through the program itself.
#![cfg(feature = "torch")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use totc::weights::{Arrays, read};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let puzzles = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data/rated.csv");
        let puzzles = std::fs::read_to_string(puzzles).unwrap();
        let (head, rows) = puzzles.split_once('\n').unwrap();
        let rows: Vec<&str> = rows.lines().collect();
        for (file, rows) in [("train.csv", &rows[..8]), ("test.csv", &rows[8..10])] {
            std::fs::write(place.path(file), format!("{head}\n{}\n", rows.join("\n"))).unwrap();
        }
        place.write("trm.ron", "trm.tot", "Trm", "", "set: { TINY }, groups: [], ema: None,");
        place
    }

    /// A run file of two steps; `TINY` stands for the sizes of a small model.
    fn write(&self, file: &str, model: &str, name: &str, init: &str, more: &str) {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(model);
        let tiny = r#""hidden": 8, "heads": 2, "T": 1, "n": 1, "puzzle_tokens": 1, "max_steps": 2"#;
        let text = format!(
            "Run(\n    model: {model:?},\n    name: \"{name}\",\n{init}    data: sudoku_csv(train: \"train.csv\", \
             test: \"test.csv\"),\n    batch: 2,\n    length: steps(2),\n    optimiser: (name: \"adamw\", lr: 1e-2, \
             weight_decay: 0.1),\n    schedule: (warmup: 0, floor: 1.0),\n    {}\n    out: \"OUT\",\n)\n",
            more.replace("TINY", tiny)
        );
        let out = file.replace(".ron", "");
        std::fs::write(self.0.path().join(file), text.replace("OUT", &out)).unwrap();
    }

    fn totc(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_totc")).args(args).current_dir(self.0.path()).output().unwrap()
    }

    /// What it prints on standard error, if it ends with `code`.
    fn said(&self, args: &[&str], code: i32) -> String {
        let output = self.totc(args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn weights(&self, name: &str) -> Arrays {
        read(&self.path(name), None).unwrap_or_else(|error| panic!("{error}")).tensors
    }
}

/// The command line of a run.
fn run<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", file, "--device", "cpu", "--threads", "1"], more].concat()
}

#[test]
fn a_tree_starts_from_a_trained_trm() {
    let place = Place::new();
    place.write(
        "tree.ron",
        "totrm.tot",
        "ToTrm",
        "    init: (from: \"trm\", frozen: true),\n",
        "set: { TINY, \"branchings\": 1 }, groups: [(weights: \"embed.*\", lr: 1e-3)], ema: None,",
    );
    // The source is still to be made: nothing to check, and nothing to run from.
    assert!(place.said(&["check", "tree.ron"], 0).contains("`init` is not checked, as there is no trm yet"));
    let error = place.said(&run("tree.ron", &[]), 1);
    assert!(error.contains("error[weights]") && error.contains("tree.ron:4:"), "{error}");
    place.said(&run("trm.ron", &[]), 0);
    place.said(&["check", "tree.ron"], 0);

    let said = place.said(&run("tree.ron", &["--stop-after", "1"]), 0);
    assert!(said.contains("from it: embed (88), prompt (8), f ("), "{said}");
    assert!(said.contains("fresh: differ (144), combiner ("), "{said}");
    let (trm, tree) = (place.weights("trm"), place.weights("tree"));
    for (path, array) in &trm {
        // Frozen, but for the group that the run file itself names, and for the table.
        let learns = path.starts_with("embed.") || path == "prompt.rows";
        assert_eq!(tree[path] != *array, learns, "{path}");
    }
    let fresh = tree.keys().filter(|path| !trm.contains_key(*path)).count();
    assert_eq!((fresh, tree.len()), (9, trm.len() + 9));

    // A source that is gone is no hindrance to go on; another one is.
    let file = place.path("trm/checkpoint/weights.safetensors");
    let kept = std::fs::read(&file).unwrap();
    std::fs::copy(place.path("tree/checkpoint/weights.safetensors"), &file).unwrap();
    let error = place.said(&run("tree.ron", &["--resume"]), 3);
    assert!(error.contains("the weights at trm changed since this run began"), "{error}");
    std::fs::write(&file, kept).unwrap();
    let error = place.said(&run("tree.ron", &["--resume", "--set", "init.frozen=false"]), 3);
    assert!(error.contains("`init.frozen` was true"), "{error}");
    std::fs::remove_dir_all(place.path("trm")).unwrap();
    place.said(&run("tree.ron", &["--resume"]), 0);
    let after = place.weights("tree");
    assert_eq!(after["f.layers.0.mlp.down.weight"], trm["f.layers.0.mlp.down.weight"]);
    assert_ne!(after["differ.code"], tree["differ.code"]);
}

#[test]
fn a_start_that_does_not_fit_points_at_the_run_file() {
    let place = Place::new();
    place.said(&run("trm.ron", &[]), 0);
    place.write(
        "wide.ron",
        "trm.tot",
        "Trm",
        "    init: (from: \"trm\"),\n",
        "set: { TINY, \"expansion\": 64.0 },",
    );
    for command in [vec!["check", "wide.ron"], run("wide.ron", &[])] {
        let error = place.said(&command, 1);
        assert!(error.contains("wide.ron:4:18"), "{error}");
        assert!(error.contains("`f.layers.0.mlp.gate_up.weight` needs [2, 512, 8]"), "{error}");
        assert!(error.contains("is [2, 256, 8]"), "{error}");
    }
}
