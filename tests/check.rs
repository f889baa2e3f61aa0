//! What `totc check` finds in run files, and `totc run` with the same words before its first step: one small file per
//! mistake, one snapshot each; and what is fine.

use std::path::Path;
use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check");

/// Standard output, standard error, exit code.
fn totc(args: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
    let output = command.current_dir(FOLDER).args(args).output().expect("totc runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn mistakes_are_told_before_the_first_step() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/check"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.bind(|| {
        insta::glob!("check/*.ron", |path| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let text = std::fs::read_to_string(path).expect("a fixture");
            let (said, told, code) = totc(&["check", name]);
            assert_eq!(code, Some(1), "{name}: {said}{told}");
            insta::assert_snapshot!(format!("{text}\n────────\n\n{told}"));
            #[cfg(feature = "torch")]
            if !text.starts_with("Sweep(") {
                let out = tempfile::tempdir().expect("a folder");
                let to = out.path().join("run");
                let (_, of_run, code) =
                    totc(&["run", name, "--device", "cpu", "--out", to.to_str().expect("a path")]);
                assert_eq!((of_run.as_str(), code), (told.as_str(), Some(1)), "{name}");
                assert!(!to.exists(), "{name} has left a folder");
            }
        });
    });
}

#[test]
fn what_is_fine_is_said() {
    let cases = [
        ("fine/phases.ron", "fine/phases.ron: Trm is fine\n", ""),
        (
            "fine/absent_data.ron",
            "fine/absent_data.ron: Trm is fine\n",
            "fine/absent_data.ron: the data are not checked, as there is no fine/none.csv (their sizes are stand-ins)\n",
        ),
        ("fine/sweep.ron", "fine/sweep.ron: 2 variants are fine\n", ""),
        (
            "fine/library.tot",
            "fine/library.tot: a library of 1 declaration, without a model; it reads well, and is checked where a model \
             uses it\n",
            "",
        ),
    ];
    for (file, said, told) in cases {
        assert_eq!(totc(&["check", file]), (said.to_owned(), told.to_owned(), Some(0)), "{file}");
    }
}

/// Without data, what does not depend on them is still found.
#[test]
fn the_rest_is_checked_without_data() {
    let (_, told, code) = totc(&["check", "fine/absent_data.ron", "--set", "micro_batch=3"]);
    assert!(told.contains("a batch of 4 cannot be computed in parts of 3 rows"), "{told}");
    assert_eq!(code, Some(1));
}

/// Shipped run files have nothing that would end them later; their data need not be there.
#[test]
fn shipped_run_files_are_fine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["models", "examples"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder").flatten() {
            let path = entry.path();
            // Sweeps are of the same models, many times.
            let run =
                std::fs::read_to_string(&path).is_ok_and(|text| text.lines().any(|line| line == "Run("));
            if path.extension().is_some_and(|extension| extension == "ron") && run {
                files.push(path);
            }
        }
    }
    assert!(files.len() >= 12, "{files:?}");
    let paths: Vec<&str> = files.iter().filter_map(|path| path.to_str()).collect();
    let (_, told, code) = totc(&[&["check"], &paths[..]].concat());
    assert_eq!(code, Some(0), "{told}");
}
