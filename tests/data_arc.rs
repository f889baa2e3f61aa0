//! ARC's files, the folder built from them and the data set: equal to the reference's, and broken files refused.

mod arc_sources;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use arc_sources::{FOLDER, golden};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use totc::data::arc::plan::Wanted;
use totc::data::arc::{Grid, build};
use totc::data::{DataSpec, Dataset, NO_LABEL, open};

fn tiny(augmentations: usize) -> Wanted {
    Wanted {
        from: Path::new(FOLDER).join("arc-tiny-src"),
        subsets: vec!["training".to_owned(), "evaluation".to_owned()],
        test_sets: vec!["evaluation".to_owned()],
        augmentations,
        seed: 42,
        first_identifier: 1,
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn data(settings: &str, base: &Path) -> Result<Box<dyn Dataset>, String> {
    let spec: DataSpec = ron::from_str(&format!("arc({settings})")).expect("good settings");
    open(&spec, base).map_err(|error| error.to_string().replace(&format!("{}/", base.display()), ""))
}

/// `tests/golden/data/arc-tiny.sha256` holds the digest of every file that the reference's script wrote.
#[test]
fn the_built_folder_equals_the_reference_byte_for_byte() {
    let expected = fs::read_to_string(Path::new(FOLDER).join("arc-tiny.sha256")).expect("digests");
    for threads in [1, 3] {
        let out = TempDir::new().expect("a folder");
        let built = build(&tiny(3), out.path(), threads).expect("a folder is built");
        assert_eq!((built.identifiers, built.short, built.unanswered), (41, 0, 0));
        let mut files = 0;
        for line in expected.lines() {
            let (digest, name) = line.split_once("  ").expect("a digest and a name");
            let bytes = fs::read(out.path().join(name)).expect(name);
            assert_eq!(hex(&bytes), digest, "{name} with {threads} threads");
            files += 1;
        }
        let mut written = 0;
        for folder in ["", "train", "test"] {
            let entries = fs::read_dir(out.path().join(folder)).expect("a folder");
            written +=
                entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file())).count();
        }
        assert_eq!((files, written), (14, 14));
    }
}

/// Identifiers and test rows of the data set are those of the built folder.
#[test]
fn the_data_set_is_the_built_folder_unwritten() {
    let base = Path::new(FOLDER);
    let settings =
        r#"from: "arc-tiny-src", subsets: ["training", "evaluation"], test: "evaluation", augmentations: 3"#;
    let data = data(settings, base).expect("a data set");
    let sizes = data.sizes();
    assert_eq!((sizes.cell, sizes.symbol, sizes.task), (900, 12, 41));
    // 160 training examples of 40 copies are 40 pairs of ten tasks.
    assert_eq!((data.train_len(), data.test_len()), (40, 20));
    let names: Vec<String> = serde_json::from_slice(&{
        let out = TempDir::new().expect("a folder");
        build(&tiny(3), out.path(), 1).expect("a folder is built");
        let rows = |name: &str| fs::read(out.path().join("test").join(name)).expect(name);
        let (inputs, labels) = (rows("all__inputs.npy"), rows("all__labels.npy"));
        let identifiers = rows("all__puzzle_identifiers.npy");
        for i in 0..data.test_len() {
            let example = data.test_example(i).expect("an example");
            let row = |bytes: &[u8]| -> Vec<i64> {
                bytes[128 + i * 900..128 + (i + 1) * 900].iter().map(|token| i64::from(*token)).collect()
            };
            assert_eq!(example.inputs, row(&inputs), "inputs of row {i}");
            let expected: Vec<i64> =
                row(&labels).into_iter().map(|label| if label == 0 { NO_LABEL } else { label }).collect();
            assert_eq!(example.labels, expected, "labels of row {i}");
            assert_eq!(example.puzzle, i64::from(identifiers[128 + i * 4]), "identifier of row {i}");
        }
        fs::read(out.path().join("identifiers.json")).expect("identifiers")
    })
    .expect("names");
    let set = data.arc().expect("a test set");
    for (identifier, name) in names.iter().enumerate() {
        assert_eq!(set.identifiers.name(identifier as i64), *name);
    }
    assert_eq!(data.test_example(20), None);
    // The size of the answer is what results are grouped by.
    let cells = |i: usize| {
        let labels = data.test_example(i).map(|example| example.labels).unwrap_or_default();
        labels.into_iter().filter(|label| *label > 1).count() as f64
    };
    assert!((0..20).all(|i| data.rating(i) == Some(cells(i))));
}

/// A built folder is scored like the data set: the same identifiers, tasks and expected predictions.
#[test]
fn a_built_folder_knows_its_tasks() {
    let out = TempDir::new().expect("a folder");
    build(&tiny(3), out.path(), 1).expect("a folder is built");
    let spec: DataSpec = ron::from_str(r#"built(paths: [""])"#).expect("good settings");
    let built = open(&spec, out.path()).expect("a data set");
    let settings =
        r#"from: "arc-tiny-src", subsets: ["training", "evaluation"], test: "evaluation", augmentations: 3"#;
    let data = data(settings, Path::new(FOLDER)).expect("a data set");
    let (one, other) = (built.arc().expect("a test set"), data.arc().expect("a test set"));
    assert_eq!((one.expected(), one.inputs()), (20, 5));
    assert_eq!(one.tasks, other.tasks);
    assert_eq!(one.identifiers.digest(), other.identifiers.digest());
    let asked = built.parse_puzzle(&one.tasks[0].name).expect("a test input");
    assert_eq!(asked.inputs, built.test_example(0).expect("an example").inputs);
}

/// One epoch visits every task once, under one of its copies, with all of its pairs; inputs and labels share the corner
/// and undoing the augmentation gives a pair of the task.
#[test]
fn an_epoch_visits_each_task_under_one_copy() {
    let base = Path::new(FOLDER);
    let settings =
        r#"from: "arc-tiny-src", subsets: ["training", "evaluation"], test: "evaluation", augmentations: 3"#;
    let data = data(settings, base).expect("a data set");
    let set = data.arc().expect("a test set");
    let mut orders = HashSet::new();
    let mut moved = 0;
    for epoch in 0..4 {
        let mut order = Vec::new();
        for place in 0..40 {
            let example = data.train_example(7, epoch * 40 + place);
            assert_eq!(
                example,
                data.train_example(7, epoch * 40 + place),
                "the same position, the same example"
            );
            let (task, augmentation) = set.identifiers.get(example.puzzle).flatten().expect("an identifier");
            if order.last() != Some(&(task, example.puzzle)) {
                order.push((task, example.puzzle));
            }
            let corner = |tokens: &[i64]| {
                let colours = || (0..900).filter(|at| tokens[*at] > 1);
                (colours().map(|at| at / 30).min(), colours().map(|at| at % 30).min())
            };
            assert_eq!(corner(&example.inputs), corner(&example.labels));
            let (Some(top), Some(left)) = corner(&example.inputs) else { panic!("an empty grid") };
            moved += usize::from((top, left) != (0, 0));
            let mut at_corner = vec![0; 900];
            let shift = top * 30 + left;
            at_corner[..900 - shift].copy_from_slice(&example.inputs[shift..]);
            assert!(augmentation.undo(&Grid::crop(&at_corner)).rows() > 0);
        }
        let tasks: HashSet<&str> = order.iter().map(|(task, _)| *task).collect();
        assert_eq!((order.len(), tasks.len()), (10, 10), "each task once, its pairs together");
        orders.insert(order.iter().map(|(_, identifier)| *identifier).collect::<Vec<_>>());
    }
    assert_eq!(orders.len(), 4, "another order and other copies each time");
    assert!((60..130).contains(&moved), "{moved} of 160 moved: all but about one in four");
}

/// Fewer cells hold the same grids; a task that does not fit is refused.
#[test]
fn a_smaller_square_holds_small_grids() {
    let base = Path::new(FOLDER);
    let read = |more: &str| {
        data(&format!(r#"from: "arc-score-src", subsets: "evaluation", test: "evaluation"{more}"#), base)
    };
    let (wide, small) = (read("").expect("a data set"), read(", side: 10").expect("a data set"));
    assert_eq!((wide.sizes().cell, small.sizes().cell), (900, 100));
    for i in 0..wide.test_len() {
        let (one, other) =
            (wide.test_example(i).expect("an example"), small.test_example(i).expect("an example"));
        assert_eq!(Grid::crop(&one.inputs), Grid::crop(&other.inputs));
        assert_eq!(Grid::crop(&one.labels), Grid::crop(&other.labels));
        let shown =
            |data: &dyn Dataset, labels: &[i64]| data.render(labels, &[]).replace('·', "").trim().to_owned();
        assert_eq!(shown(wide.as_ref(), &one.labels), shown(small.as_ref(), &other.labels));
    }
    for k in 0..100 {
        assert!(small.train_example(1, k).labels.iter().any(|label| *label > 1));
    }
    let refused = read(", side: 5").err().expect("a refusal");
    assert!(refused.contains("has a grid with a side of"), "{refused}");
}

/// A text in the form of the repositories: one file per task.
const TASK: &str = r#"{"train": [{"input": [[1, 2]], "output": [[2], [1]]}], "test": [{"input": [[3, 4]], "output": [[4], [3]]}]}"#;

#[test]
fn both_forms_of_files_give_the_same() {
    let folder = TempDir::new().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    put("data/evaluation/b.json", TASK);
    put("data/evaluation/more/a.json", &TASK.replace('1', "5"));
    put(
        "kaggle/x_evaluation_challenges.json",
        &format!(
            r#"{{"b": {}, "a": {}}}"#,
            TASK.replace(r#", "output": [[4], [3]]"#, ""),
            TASK.replace(r#", "output": [[4], [3]]"#, "").replace('1', "5")
        ),
    );
    put("kaggle/x_evaluation_solutions.json", r#"{"a": [[[4], [3]]], "b": [[[4], [3]]]}"#);
    put("kaggle/x_evaluation2_challenges.json", "{}");
    let open = |from: &str| {
        let data =
            data(&format!(r#"from: "{from}", subsets: "evaluation", test: "evaluation""#), folder.path());
        let data = data.expect("a data set");
        let examples = (0..2).filter_map(|i| data.test_example(i));
        let mut all: Vec<(String, Vec<i64>)> = examples
            .map(|example| {
                let name = data.arc().expect("a test set").identifiers.name(example.puzzle);
                (name, [example.inputs, example.labels].concat())
            })
            .collect();
        all.sort();
        all
    };
    let tasks = open("");
    assert_eq!(tasks.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(tasks, open("kaggle"));
}

/// Writes `text` as the only task `t` of a subset and tells why it is refused.
fn refusal(text: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("s")).expect("a folder");
    fs::write(folder.path().join("s/t.json"), text).expect("a file");
    data(r#"from: "", subsets: "s", test: "s""#, folder.path()).err().expect("a refusal")
}

#[test]
fn broken_tasks_are_refused_with_file_task_and_cause() {
    let with = |from: &str, to: &str| refusal(&TASK.replace(from, to));
    for (found, cause) in [
        (
            with("[[1, 2]]", "[[1, 10]]"),
            "`s/t.json`, task `t`: `train` pair 1, input: row 1, column 2 holds 10; colours are 0 to 9; correct the grid",
        ),
        (
            with("[[2], [1]]", "[[2], [1, 1]]"),
            "`s/t.json`, task `t`: `train` pair 1, output: row 2 has 2 cells where row 1 has 1; correct the grid",
        ),
        (
            with("[[1, 2]]", "[]"),
            "`s/t.json`, task `t`: `train` pair 1, input: a grid without cells; correct the grid",
        ),
        (
            with("[[1, 2]]", "[1]"),
            "`s/t.json`, task `t`: `train` pair 1, input: row 1 is not a list; correct the grid",
        ),
        (
            with(r#", "output": [[2], [1]]"#, ""),
            "`s/t.json`, task `t`: `train` pair 1 has no output; add it or remove the pair",
        ),
        (
            with(r#""input": [[3, 4]], "#, ""),
            "`s/t.json`, task `t`: `test` pair 1 has no input; add it or remove the pair",
        ),
        (
            with(r#""test": [{"input": [[3, 4]], "output": [[4], [3]]}]"#, r#""test": []"#),
            "`s/t.json`, task `t`: `test` is empty; add a test input",
        ),
        (with(r#"[{"input": [[1, 2]], "output": [[2], [1]]}]"#, "[]"), "task `t`: it has no demonstration"),
        (with("train", "trian"), "`s/t.json`, task `t`: it has no list `train`; write "),
        (refusal("[1]"), "`s/t.json`, task `t`: it is not an object; write "),
        (refusal(&TASK[..60]), "`s/t.json`, line 1: the file is cut off; the file must hold a task"),
    ] {
        assert!(found.contains(cause), "{found}\n instead of\n{cause}");
    }
    let wide = format!("[[{}]]", vec!["1"; 31].join(","));
    assert!(with("[[1, 2]]", &wide).contains("a grid of 1x31 cells; sides are 1 to 30"));
}

#[test]
fn subsets_that_are_not_there_or_not_what_they_seem_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    let one = format!(r#"{{"t": {TASK}}}"#);
    put("arc-agi_training_challenges.json", &one);
    put("arc-agi_evaluation_challenges.json", &one);
    let open = |settings: &str| data(settings, folder.path()).err().expect("a refusal");
    let leak = open(r#"from: "", subsets: ["training", "evaluation"], test: "evaluation""#);
    assert!(leak.contains("task `t`: it stands in `training` and in `evaluation`"), "{leak}");
    let unknown = open(r#"from: "", subsets: ["concept"], test: "concept""#);
    assert!(
        unknown.contains("holds no subset `concept` (there: arc-agi_evaluation, arc-agi_training)"),
        "{unknown}"
    );
    let other = open(r#"from: "", subsets: ["training"], test: "evaluation""#);
    assert!(other.contains("`evaluation` is none of the subsets (training)"), "{other}");
    put("other_training_challenges.json", &one);
    let twice = open(r#"from: "", subsets: ["training"], test: "training""#);
    assert!(twice.contains("more than once: arc-agi_training_challenges.json, other_training"), "{twice}");
    put("arc-agi_evaluation_solutions.json", r#"{"t": []}"#);
    let few = open(r#"from: "", subsets: ["evaluation"], test: "evaluation""#);
    assert!(
        few.contains("arc-agi_evaluation_solutions.json`, task `t`: 0 answers for 1 test inputs"),
        "{few}"
    );
    put("arc-agi_evaluation_solutions.json", "{}");
    let none = open(r#"from: "", subsets: ["evaluation"], test: "evaluation""#);
    assert!(none.contains("task `t`: it has no entry here; add its answers"), "{none}");
    put("arc-agi_evaluation_challenges.json.gz", "");
    fs::write(folder.path().join("cut_x_challenges.json.gz"), &golden_packed()[..100]).expect("a file");
    let cut = open(r#"from: "", subsets: ["x"], test: "x""#);
    assert!(cut.contains("cut_x_challenges.json.gz` cannot be unpacked"), "{cut}");
}

fn golden_packed() -> Vec<u8> {
    fs::read(Path::new(FOLDER).join("arc-score.json.gz")).expect("a packed file")
}

/// Without solutions, test inputs have no label, and pairs of training tasks without an answer are not trained on.
#[test]
fn unknown_answers_have_no_label() {
    let folder = TempDir::new().expect("a folder");
    let open = TASK.replace(r#", "output": [[4], [3]]"#, "");
    let text = format!(r#"{{"t": {open}, "u": {}}}"#, open.replace('3', "7"));
    for subset in ["training", "test"] {
        let text = if subset == "training" {
            text.replace("\"t\"", "\"v\"").replace("\"u\"", "\"w\"")
        } else {
            text.clone()
        };
        fs::write(folder.path().join(format!("arc-agi_{subset}_challenges.json")), text).expect("a file");
    }
    let data =
        data(r#"from: "", subsets: ["training", "test"], test: "test", augmentations: 2"#, folder.path());
    let data = data.expect("a data set");
    assert_eq!((data.train_len(), data.test_len()), (4, 6));
    assert!(
        (0..6).all(|i| data
            .test_example(i)
            .is_some_and(|one| one.labels.iter().all(|label| *label == NO_LABEL)))
    );
    assert!(
        data.describe().contains("2 pairs without an answer left out of training"),
        "{}",
        data.describe()
    );
}

#[test]
fn grids_are_typed_printed_and_checked() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("e_challenges.json"), format!(r#"{{"t": {TASK}}}"#)).expect("a file");
    let data =
        data(r#"from: "", subsets: "e", test: "e", augmentations: 2"#, folder.path()).expect("a data set");
    let asked = data.parse_puzzle("t").expect("the test input of t");
    assert_eq!(data.render(&asked.inputs, &asked.inputs), "34·\n··\n");
    let typed = data.parse_puzzle("t: 012|345").expect("a grid");
    assert_eq!((typed.puzzle, data.render(&typed.inputs, &[])), (1, "012·\n345·\n···\n".to_owned()));
    assert_eq!(data.parse_puzzle("t: [[0, 1, 2], [3, 4, 5]]").expect("a grid"), typed);
    for (text, cause) in [
        ("u", "the data set has no task `u`"),
        ("t#2", "`t` has 1 test inputs, not 2"),
        ("t: 01|2", "row 2 has 1 cells where row 1 has 2"),
        ("t: 0x", "`x` is no colour"),
    ] {
        let error = data.parse_puzzle(text).expect_err("a refusal").to_string();
        assert!(error.contains(cause), "{error}");
    }
    let answer = |text: &str| data.parse_puzzle(&format!("t: {text}")).expect("a grid").inputs;
    let verdict = |text: &str| data.validate(&asked.inputs, &answer(text)).to_string();
    assert_eq!(verdict("4|3"), "solved");
    assert_eq!(verdict("4|4"), "not solved: 1 of 2 cells are wrong");
    assert_eq!(verdict("43"), "not solved: the answer has 1x2 cells where 2x1 are right");
    assert!(!data.validate(&asked.inputs, &[0; 900]).solved());
    assert_eq!(golden("arc-score.json.gz")[0], b'{');
}
