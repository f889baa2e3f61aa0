//! `totc diff`: one small pair for each thing that models and runs can differ in, as people read it, and what the exit code
//! says.

use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Exit code and what is told, by relative paths.
fn diff(folder: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
    let output = command.current_dir(folder).arg("diff").args(args).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(told).unwrap())
}

/// The model that the others are held against.
const BASE: &str = "use models::trm::Trm

model Base extends Trm {
    config hidden = 8
    config heads = 2
    config layers = 1
    config T = 2
    config n = 2
}
";

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/diff");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn what_models_differ_in_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("base.tot"), BASE).unwrap();
    let changed = |from: &str, to: &str| BASE.replace(from, to);
    let cases = [
        ("configs", changed("config n = 2", "config n = 3")),
        ("nets", changed("}\n", "    net answer_head = Linear(dim -> symbol, bias = 0)\n}\n")),
        ("schedule", changed("}\n", "    block answer { y <- f(y + z) + y }\n}\n")),
        ("losses", changed("}\n", "    loss halting = 2 * inherited\n    drop metric exact\n}\n")),
        (
            "states",
            changed(
                "}\n",
                "    state w: float [batch, pos, dim] = z0\n    block update { z <- f(z + y + x + w) }\n}\n",
            ),
        ),
        ("drawn", changed("}\n", "    block refine { repeat n, grad last 1 { do update } }\n}\n")),
    ];
    for (name, text) in cases {
        std::fs::write(folder.path().join("other.tot"), text).unwrap();
        let (code, told) = diff(folder.path(), &["base.tot", "other.tot"]);
        assert_eq!(code, 1, "{name}: {told}");
        snapshot(name, &told);
    }
}

#[test]
fn two_models_of_a_file_can_be_chosen() {
    let (code, told) = diff(root(), &["models/trm.tot", "models/trm.tot", "--other-model", "TrmTwoNets"]);
    assert_eq!(code, 1, "{told}");
    snapshot("two_nets", &told);
}

#[test]
fn settings_of_runs_are_told_and_data_need_not_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &str| {
        format!(
            "Run(\n    model: \"base.tot\",\n    data: sudoku(side: 4, train: 8, test: 8),\n    batch: 2,\n    \
             length: steps(4),\n    {more}\n)\n"
        )
    };
    std::fs::write(folder.path().join("base.tot"), BASE).unwrap();
    std::fs::write(folder.path().join("one.ron"), run("optimiser: (lr: 1e-3),")).unwrap();
    std::fs::write(folder.path().join("two.ron"), run("optimiser: (lr: 2e-3), seed: 3, set: { \"T\": 3 },"))
        .unwrap();
    let (code, told) = diff(folder.path(), &["one.ron", "two.ron"]);
    assert_eq!(code, 1, "{told}");
    snapshot("runs", &told);
    let (_, told) = diff(folder.path(), &["base.tot", "one.ron"]);
    assert!(!told.contains("Settings"), "{told}");
}

#[test]
fn the_exit_code_is_that_of_diff() {
    let folder = tempfile::tempdir().unwrap();
    let other = "// The same, written in another way.\nuse models::trm::Trm\n\n".to_owned()
        + &BASE[BASE.find("\nmodel").unwrap()..].replace("config n = 2", "config   n = 2  // few");
    std::fs::write(folder.path().join("base.tot"), BASE).unwrap();
    std::fs::write(folder.path().join("other.tot"), other).unwrap();
    assert_eq!(diff(folder.path(), &["base.tot", "other.tot"]), (0, "no difference\n".to_owned()));
    let (code, told) = diff(folder.path(), &["base.tot", "absent.tot"]);
    assert!(code == 2 && told.contains("absent.tot"), "{code}: {told}");
    std::fs::write(folder.path().join("other.tot"), BASE.replace("extends Trm", "extends Trn")).unwrap();
    let (code, told) = diff(folder.path(), &["base.tot", "other.tot"]);
    assert!(code == 2 && told.contains("Trn"), "{code}: {told}");
    let (code, told) = diff(folder.path(), &["base.tot", "base.tot", "--model", "Absent"]);
    assert!(code == 2 && told.contains("Absent"), "{code}: {told}");
}
