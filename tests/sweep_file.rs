//! Sweep files: what is refused and how it is told (one fixture, one snapshot), and which variants they amount to.

use std::path::Path;

use totc::diagnostic::Colours;
use totc::run_file::{self, SweepFile, Variant, is_sweep};

const FOLDER: &str = "tests/fixtures/sweep_file";

fn read(text: &str) -> SweepFile {
    run_file::parse_sweep(&Path::new(FOLDER).join("here.ron"), text)
        .unwrap_or_else(|error| panic!("refused:\n{error}"))
}

fn labels(file: &SweepFile) -> Vec<&str> {
    file.variants.iter().map(|variant| variant.label.as_str()).collect()
}

/// What is wrong with the file itself, or else with each of its variants.
#[test]
fn refused() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/sweep_file"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.bind(|| {
        insta::glob!("fixtures/sweep_file/*.ron", |path| {
            let text = std::fs::read_to_string(path).expect("the fixture can be read");
            let path = Path::new(FOLDER).join(path.file_name().expect("a fixture has a name"));
            let told = match run_file::parse_sweep(&path, &text) {
                Ok(file) => {
                    let tell = |variant: &Variant| match file.open(variant, &[]) {
                        Ok(_) => format!("{} is fine\n", variant.label),
                        Err(error) => error.render(Colours::Never),
                    };
                    file.variants.iter().map(tell).collect::<Vec<_>>().join("\n")
                }
                Err(error) => error.render(Colours::Never),
            };
            insta::assert_snapshot!(format!("{text}\n────────\n\n{told}"));
        });
    });
}

#[test]
fn rows_come_first_then_the_grid() {
    let file = read(
        r#"Sweep(
            run: "base.run",
            set: { "T": 2 },
            rows: [
                (label: "no diversity", set: { "diversity_weight": 0.0, "T": 3 }),
                (label: "{fork} by row", grid: { "fork": ["film", "copies"], "n": [1, 2] }),
                (label: "other", run: "other.run"),
            ],
            grid: { "branchings": [1, 2] },
            seeds: [0, 1],
            steps: 40,
        )"#,
    );
    assert_eq!(
        labels(&file),
        [
            "no diversity",
            "film by row, n 1",
            "film by row, n 2",
            "copies by row, n 1",
            "copies by row, n 2",
            "other",
            "branchings 1",
            "branchings 2"
        ]
    );
    assert_eq!(file.variants[0].overrides(), ["T=2", "diversity_weight=0.0", "T=3", "length=steps(40)"]);
    assert_eq!(file.variants[4].overrides(), ["T=2", "fork=\"copies\"", "n=2", "length=steps(40)"]);
    // The sweep's `set` is of its own run file.
    assert_eq!(file.variants[5].overrides(), ["length=steps(40)"]);
    assert_eq!(file.variants[5].run, Path::new(FOLDER).join("other.run"));
    assert_eq!(file.variants[1].folder, "film-by-row-n-1");
    assert_eq!(file.line_of(&file.variants[0]).1, 5);
    assert_eq!(file.out(), Path::new("runs/here"));
    assert_eq!(file.title(), "here");
}

#[test]
fn a_sweep_without_rows_and_grid_is_its_run_file() {
    let file = read(r#"Sweep(run: "base.run", seeds: [3])"#);
    assert_eq!(labels(&file), ["base"]);
    let run = file.open(&file.variants[0], &["batch=8".to_owned()]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((run.run.batch, run.run.seed), (8, 0));
}

#[test]
fn any_field_of_a_run_file_can_differ() {
    let file = read(
        r#"Sweep(run: "base.run", rows: [
            (label: "a", set: {
                "ema": None, "optimiser.lr": 1e-3, "groups": [(weights: "f.*", lr: 1e-4)],
                "phases": [(from: 3, set: { "T": 2 })], "evaluation.stop": halting,
                "data": sudoku(side: 4, train: 30, test: 9),
                "fork": copies,
            }),
        ])"#,
    );
    let run = file.open(&file.variants[0], &[]).unwrap_or_else(|error| panic!("{error}")).run;
    assert_eq!((run.ema, run.optimiser.lr, run.groups.len(), run.phases.len()), (None, 1e-3, 1, 1));
    assert_eq!(run.set["fork"].to_string(), "copies");
}

#[test]
fn shipped_sweeps_are_accepted_and_so_are_their_variants() {
    let mut count = 0;
    for folder in ["models", "examples"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(&folder).expect("the folder is there").flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            if entry.path().extension().is_none_or(|ending| ending != "ron") || !is_sweep(&text) {
                continue;
            }
            let file = run_file::load_sweep(&entry.path()).unwrap_or_else(|error| panic!("{error}"));
            for variant in &file.variants {
                let run = file.open(variant, &[]).unwrap_or_else(|error| panic!("{error}"));
                assert!(run.model_path().exists(), "{} names no model", variant.label);
            }
            count += 1;
        }
    }
    assert!(count >= 4, "only {count} sweeps were found");
}

/// The grid that the paper's tables need.
#[test]
fn the_shipped_grid_of_totrm_is_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/totrm-ablations.ron");
    let file = run_file::load_sweep(&path).unwrap_or_else(|error| panic!("{error}"));
    let has = |wanted: &str| assert!(labels(&file).contains(&wanted), "no `{wanted}` in {:?}", labels(&file));
    for fork in ["film", "additive", "copies"] {
        for merging in [
            "mean",
            "max",
            "learned_weights",
            "geometric_mean",
            "gated_product",
            "hierarchical_attention",
            "scorer",
        ] {
            has(&format!("{fork}, {merging}"));
        }
    }
    for branchings in [1, 2, 4, 5] {
        has(&format!("{branchings} branchings"));
    }
    for loss in ["no diversity loss", "no branch loss", "no scorer loss", "no added loss"] {
        has(loss);
    }
}

#[test]
fn a_run_file_is_no_sweep() {
    assert!(is_sweep("// a comment\nSweep (run: \"a.ron\")"));
    assert!(!is_sweep("Run(model: \"a.tot\")") && !is_sweep("") && !is_sweep("Sweeps(run: 1)"));
}
