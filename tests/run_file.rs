//! Run files: what is refused and how it is told (one fixture, one snapshot), and what is accepted.

use std::path::Path;

use totc::diagnostic::Colours;
use totc::run_file::{self, ConfigValue, Precision, RunFile, RunFileError, Slug};
use totc::train::Length;

const SMALL: &str = r#"Run(
    model: "totrm.tot",
    data: sudoku(side: 4, train: 100, test: 10),
    ema: 0.99,
)"#;

fn small() -> RunFile {
    accepted(SMALL, &[])
}

fn read(text: &str, overrides: &[&str]) -> Result<RunFile, RunFileError> {
    run_file::parse(Path::new("models/small.ron"), text, overrides)
}

fn accepted(text: &str, overrides: &[&str]) -> RunFile {
    read(text, overrides).unwrap_or_else(|error| panic!("refused:\n{error}"))
}

fn slugs(error: RunFileError) -> Vec<Slug> {
    match error {
        RunFileError::Refused(refusal) => refusal.problems.iter().map(|problem| problem.slug).collect(),
        RunFileError::Unreadable { path, .. } => panic!("{} is unreadable", path.display()),
    }
}

/// Each fixture may begin with lines `// --set name=value`.
#[test]
fn refused() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/run_file"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.bind(|| {
        insta::glob!("fixtures/run_file/*.ron", |path| {
            let text = std::fs::read_to_string(path).expect("the fixture can be read");
            let name = path.file_name().expect("a fixture has a name");
            let overrides: Vec<&str> =
                text.lines().filter_map(|line| line.strip_prefix("// --set ")).collect();
            let read = run_file::parse(Path::new(name), &text, &overrides);
            let told = match read {
                Ok(_) => panic!("{} was accepted", path.display()),
                Err(error) => error.render(Colours::Never),
            };
            insta::assert_snapshot!(format!("{text}\n────────\n\n{told}"));
        });
    });
}

#[test]
fn shipped_run_files_are_accepted() {
    let mut count = 0;
    for folder in ["models", "examples"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(&folder).expect("the folder is there").flatten() {
            let sweep = std::fs::read_to_string(entry.path()).is_ok_and(|text| run_file::is_sweep(&text));
            if entry.path().extension().is_some_and(|ending| ending == "ron") && !sweep {
                let file = run_file::load(&entry.path()).unwrap_or_else(|error| panic!("{error}"));
                assert!(file.model_path().exists(), "{} names no model", entry.path().display());
                count += 1;
            }
        }
    }
    assert!(count >= 6, "only {count} run files were found");
}

#[test]
fn what_is_left_out_has_the_published_value() {
    let file = accepted(r#"Run(model: "a.tot", data: sudoku(side: 4, train: 1, test: 1))"#, &[]);
    assert_eq!(file.train_config(), totc::train::TrainConfig::default());
    assert_eq!(file.out(), Path::new("runs/small"));
    assert_eq!(file.model_path(), Path::new("models/a.tot"));
}

#[test]
fn numbers_are_read_as_people_write_them() {
    let text = r#"#![enable(implicit_some)]
        Run( /* nested /* comments */ */
            model: r"a.tot", // a comment ) with brackets (
            data: sudoku(side: 4, train: 1_000, test: 10),
            length: steps(1_000_000),
            optimiser: (lr: 1e-4, weight_decay: 1, options: {"beta2": .95}),
            groups: [(weights: "f.*", lr: Some(1E-5)), (weights: "g.*", lr: 1_0.5)],
            ema: None,
            set: {"T": 3, "scale": 1e-3, "flag": true, "fork": "film", "low": -2},
        )"#;
    let run = accepted(text, &[]).run;
    assert_eq!(run.length, Length::Steps(1_000_000));
    assert_eq!((run.optimiser.lr, run.optimiser.weight_decay), (1e-4, 1.0));
    assert_eq!(run.groups.iter().map(|group| group.lr).collect::<Vec<_>>(), [Some(1e-5), Some(10.5)]);
    assert_eq!(run.ema, None);
    let settings: Vec<_> = run.set.into_iter().collect();
    let wanted = [
        ("T", ConfigValue::Int(3)),
        ("flag", ConfigValue::Bool(true)),
        ("fork", ConfigValue::Choice("film".to_owned())),
        ("low", ConfigValue::Int(-2)),
        ("scale", ConfigValue::Float(1e-3)),
    ];
    assert_eq!(settings, wanted.map(|(name, setting)| (name.to_owned(), setting)));
}

#[test]
fn overrides_reach_every_kind_of_field() {
    let run = accepted(
        SMALL,
        &[
            "batch=32",
            "name=Trm",
            "out=runs/a b/c",
            "ema=None",
            "clip=1",
            "optimiser.lr=1e-3",
            "optimiser.name=adamw",
            "optimiser.options.beta1=0.5",
            "schedule.warmup=1_0",
            "length=steps(7)",
            "precision=bfloat16",
            "groups=[(weights: \"f.*\", frozen: true)]",
            "groups.0.lr_factor=0.5",
            "data.train=50",
            "evaluation.stop=halting",
        ],
    )
    .run;
    assert_eq!((run.batch, run.ema, run.clip), (32, None, Some(1.0)));
    assert_eq!((run.name.as_deref(), run.out.as_deref()), (Some("Trm"), Some(Path::new("runs/a b/c"))));
    assert_eq!((run.optimiser.lr, run.optimiser.name.as_str()), (1e-3, "adamw"));
    assert_eq!(run.optimiser.options.get("beta1"), Some(&0.5));
    assert_eq!((run.schedule.warmup, run.length, run.precision), (10, Length::Steps(7), Precision::Bfloat16));
    assert_eq!((run.groups[0].frozen, run.groups[0].lr_factor), (true, Some(0.5)));
    assert!(format!("{:?}", run.data).contains("train: 50"));
}

#[test]
fn a_name_that_is_no_field_is_a_config() {
    let overrides = ["T=4", "set.n=6", "fork=film", "expansion=2.0", "T=5", "set.batch=1", "mixing=\"mlp\""];
    let run = accepted(SMALL, &overrides).run;
    let settings: Vec<String> = run.set.iter().map(|(name, setting)| format!("{name}={setting}")).collect();
    assert_eq!(settings, ["T=5", "batch=1", "expansion=2.0", "fork=film", "mixing=mlp", "n=6"]);
}

#[test]
fn the_last_override_of_a_name_wins_and_the_text_in_effect_reads_the_same() {
    let file = accepted(SMALL, &["batch=1", "T=3", "batch=2", "optimiser.options.eps=1e-6"]);
    assert_eq!(file.run.batch, 2);
    assert_eq!(accepted(file.effective_text(), &[]).run, file.run);
}

#[test]
fn phases_and_evaluation_have_settings_of_their_own() {
    let text = SMALL.replace(
        "ema: 0.99,",
        r#"set: {"T": 2, "n": 3}, phases: [(from: 1_00, set: {"T": 3}), (from: 200, set: {"n": 6})],"#,
    );
    let run = accepted(&text, &["set_in_evaluation.T=9", "phases.1.set.fork=copies"]).run;
    let at = |steps| {
        run.training_configs(steps).values().map(ConfigValue::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([0, 99, 100, 200].map(at), ["2 3", "2 3", "3 3", "3 copies 6"]);
    assert_eq!(run.evaluation_configs(100).get("T"), Some(&ConfigValue::Int(9)));
    assert_eq!([0, 100, 200].map(|steps| run.next_phase(steps)), [Some(100), Some(200), None]);
}

#[test]
fn resuming_minds_what_decides_the_computation() {
    let before = small().fingerprint();
    let free = ["length=steps(9)", "out=elsewhere", "evaluation.every=3", "checkpoints.every=2"];
    let Ok(same) = small().with_overrides(&free) else { panic!("refused") };
    assert_eq!(same.fingerprint(), before);
    let other = accepted(SMALL, &["batch=64", "T=4", "ema=None", "data.train=50"]);
    let changed: Vec<String> =
        other.fingerprint().differences(&before).into_iter().map(|difference| difference.setting).collect();
    assert_eq!(changed, ["batch", "data", "ema", "set.T"]);
    let curved = ["schedule.floor=0.1", "length=steps(9)"];
    let longer = ["schedule.floor=0.1", "length=steps(10)"];
    assert_ne!(accepted(SMALL, &curved).fingerprint(), accepted(SMALL, &longer).fingerprint());
}

#[test]
fn a_setting_refused_later_is_shown_where_it_stands() {
    let file = accepted(SMALL, &["hiden=64"]);
    let error =
        file.refuse("set.hiden", Slug::UnknownField, "no config `hiden`", Some("did you mean `hidden`?"));
    let told = error.render(Colours::Never);
    assert!(told.contains("error[unknown-field]: no config `hiden`"), "{told}");
    assert!(told.contains("--set:1:1") && told.contains("help: did you mean"), "{told}");
}

#[test]
fn colours_appear_only_when_asked_for() {
    let Err(error) = read("Run()", &[]) else { panic!("accepted") };
    assert!(!error.render(Colours::Never).contains('\u{1b}'));
    assert!(error.render(Colours::Always).contains('\u{1b}'));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let Err(error) = run_file::load(Path::new("nowhere/run.ron")) else { panic!("accepted") };
    assert!(error.to_string().contains("`nowhere/run.ron` cannot be read"), "{error}");
}

/// Whatever the text, reading gives settings or problems, and their pictures can be drawn.
#[test]
fn no_text_makes_it_panic() {
    let whole = "Run(\n model: \"ä.tot\", data: sudoku(side: 4, train: 1_0, test: 1), /* ü */ ema: Some(0.5), set: {\"T\": [1]}, é: 'x')";
    for end in (0..=whole.len()).filter(|&end| whole.is_char_boundary(end)) {
        for tail in ["", ")", "\"", "ü", "(((((", "{é: [", "Some(", "r#\"", "//", "/*", "\\", "1.5.5"] {
            for overrides in [&["batch=1"][..], &["set.T=("], &["data.side=\\\"ü"]] {
                let text = format!("{}{tail}", &whole[..end]);
                if let Err(error) = read(&text, overrides) {
                    assert!(!error.render(Colours::Always).is_empty());
                }
            }
        }
    }
    let deep = format!("Run(set: {}", "[".repeat(100_000));
    assert!(!slugs(read(&deep, &[]).expect_err("brackets are open")).is_empty());
}

/// A share of the training begins at the first step at which it is reached.
#[test]
fn phases_begin_after_steps_or_shares_of_the_run() {
    let text = SMALL.replace(
        "ema: 0.99,",
        r#"phases: [(from: 4, set: {"T": 2}), (from: progress(0.3), set: {"T": 3}), (from: progress(0.55), set: {"T": 4})],"#,
    );
    let mut run = accepted(&text, &[]).run;
    let depth = |run: &run_file::Run, steps| run.training_configs(steps).get("T").map(ToString::to_string);
    assert_eq!(depth(&run, 1_000).as_deref(), Some("2"), "the length of the run is not known yet");
    run.steps_in_all = Some(20);
    let expected =
        [(3, None), (4, Some("2")), (5, Some("2")), (6, Some("3")), (10, Some("3")), (11, Some("4"))];
    for (steps, value) in expected {
        assert_eq!(depth(&run, steps).as_deref(), value, "after {steps} steps");
    }
    assert_eq!((run.next_phase(0), run.next_phase(4), run.next_phase(6)), (Some(4), Some(6), Some(11)));
    assert_eq!(run.next_phase(11), None);
}
