//! Tests of puzzles of any kind: what a file says of cells, rows and symbols is what the model gets, and what is shown is what
//! was written.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use totc::data::{DataSpec, Dataset, NO_LABEL, Purpose, open};

fn opened(train: &str, test: &str, settings: &str) -> Result<Box<dyn Dataset>, String> {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("train"), train).expect("a file");
    fs::write(folder.path().join("test"), test).expect("a file");
    let text = format!("puzzles(train: \"train\", test: \"test\"{settings})");
    let spec: DataSpec = ron::from_str(&text).expect("good settings");
    let place = format!("{}/", folder.path().display());
    open(&spec, folder.path()).map_err(|error| error.to_string().replace(&place, ""))
}

fn error(train: &str, test: &str, settings: &str) -> String {
    opened(train, test, settings).map(|_| ()).expect_err("refused")
}

/// Symbols `. a b`, so tokens 1 2 3; 0 fills up the frame of 2 rows and 3 columns.
#[test]
fn a_grid_is_laid_out_as_it_is_written() {
    let train = r#"{"question": "a.b\nb..", "answer": "aab\nbab"}"#;
    let data = opened(train, r#"{"question": ".a", "answer": "ba", "rating": 2.5}"#, "").expect("good files");
    let sizes = data.sizes();
    assert_eq!((sizes.cell, sizes.symbol, sizes.task), (6, 4, 1));
    let example = data.train_example(0, 0);
    assert_eq!(example.inputs, [2, 1, 3, 3, 1, 1]);
    assert_eq!(example.labels, [2, 2, 3, 3, 2, 3]);
    let test = data.test_example(0).expect("a test puzzle");
    assert_eq!(test.inputs, [1, 2, 0, 0, 0, 0]);
    assert_eq!(test.labels, [3, 2, NO_LABEL, NO_LABEL, NO_LABEL, NO_LABEL]);
    assert_eq!((data.rating(0), data.rating(1)), (Some(2.5), None));
    assert_eq!(data.render(&example.inputs, &example.inputs), "a.b\nb..\n");
    assert_eq!(
        data.describe(),
        "puzzles: training on 1 of `train`, testing on 1 of `test`, 2 rows of 3 cells, 3 symbols"
    );
    let again = data.parse_puzzle("a.b\nb..").expect("a puzzle");
    assert_eq!((again.inputs, again.labels), (example.inputs, vec![NO_LABEL; 6]));
    assert_eq!(
        data.parse_puzzle("abba").expect_err("too long").to_string(),
        "this is no puzzle: it is 4 cells in a row; this data set's puzzles have at most 2 rows of 3 cells"
    );
}

/// Numbers are in the order of their values, before words; null is not scored.
#[test]
fn lists_hold_symbols_of_any_length() {
    let train = r#"{"question": ["add", 10, 9, "add"], "answer": [null, 10, 19, null]}"#;
    let data =
        opened(train, r#"{"question": [9, 9, 9, 9], "answer": [9, 9, 9, 9]}"#, "").expect("good files");
    assert_eq!((data.sizes().cell, data.sizes().symbol), (4, 5));
    let example = data.train_example(0, 0);
    assert_eq!(example.inputs, [4, 2, 1, 4]);
    assert_eq!(example.labels, [NO_LABEL, 2, 3, NO_LABEL]);
    assert_eq!(data.parse_puzzle("add 10 9 add").expect("a puzzle").inputs, example.inputs);
    assert_eq!(data.parse_puzzle(r#"["add", 10, 9, "add"]"#).expect("a puzzle").inputs, example.inputs);
}

#[test]
fn sizes_lay_out_a_line_and_named_symbols_keep_their_order() {
    let train = r#"{"question": "1.2.", "answer": "1122", "sizes": [2, 2]}"#;
    let test = "question;answer;sizes\n..11;2211;[2, 2]\n";
    let data = opened(train, test, ", symbols: [\"2\", \"1\", \".\"]").expect("good files");
    let example = data.train_example(0, 0);
    assert_eq!(
        (example.inputs.as_slice(), example.labels.as_slice()),
        (&[2, 3, 1, 3][..], &[2, 2, 1, 1][..])
    );
    assert_eq!(data.render(&example.inputs, &example.inputs), "1.\n2.\n");
    assert_eq!(
        error(train, test, ", symbols: [\"1\", \"2\"]"),
        "`train`, line 1: `.` is none of the symbols; there are 1 2"
    );
}

/// PyArrow wrote it: lists of rows of whole numbers, of which one is null.
#[test]
fn lists_in_parquet_files_are_grids() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/parquet/lists.parquet");
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("test"), r#"{"question": [[2, 2], [2, 2]], "answer": [[1, 1], [1, 1]]}"#)
        .expect("a file");
    let text = format!("puzzles(train: {:?}, test: \"test\")", path.display().to_string());
    let data = open(&ron::from_str(&text).expect("settings"), folder.path()).expect("good files");
    let mut all: Vec<_> =
        (0..2).map(|k| data.train_example(0, k)).map(|row| (row.inputs, row.labels)).collect();
    all.sort();
    let unscored = NO_LABEL;
    assert_eq!(all, [(vec![1, 2, 2, 3], vec![2, 3, unscored, 2]), (vec![2, 3, 3, 1], vec![3, 2, 2, 3])]);
}

#[test]
fn answers_are_held_against_the_test_set() {
    let data = opened(
        r#"{"question": "12", "answer": "21"}"#,
        r#"{"question": ["1", "1"], "answer": ["2", null]}"#,
        "",
    )
    .expect("good files");
    let test = data.test_example(0).expect("a test puzzle");
    assert!(data.validate(&test.inputs, &[2, 1]).faults.is_empty());
    let wrong = data.validate(&test.inputs, &[1, 1]);
    assert_eq!(wrong.faults[0].cells, [0]);
    assert_eq!(wrong.faults[0].what, "1 cell differs from the answer of test puzzle 0");
    assert!(!data.validate(&[2, 2], &[1, 1]).faults.is_empty());
}

#[test]
fn what_is_wrong_is_told() {
    let test = r#"{"question": "1", "answer": "2"}"#;
    for (train, wrong) in [
        (test, "`train`, line 1: its question is that of `test`, line 1; remove one of the two"),
        (
            "{}",
            "`train`, line 1: the object has no `question`; write it (also understood: `quizzes`, `puzzle`, `quiz`, \
                `puzzles`, `questions`)",
        ),
        ("question,answer\n", "`train` holds no puzzles; give a file with some"),
        (
            r#"{"question": "", "answer": "1"}"#,
            "`train`, line 1: the question has no cells; write at least one, or remove \
                                                the puzzle",
        ),
        (
            r#"{"question": "123", "answer": "1", "sizes": [2, 2]}"#,
            "`train`, line 1: the question has 3 cells, which is not 2 times 2; correct `sizes`, or leave it out for a sequence",
        ),
        (
            r#"{"question": [[1], 2], "answer": "1"}"#,
            "`train`, line 1: the question mixes rows and single cells; write a list of cells, or a list of rows that are lists",
        ),
        (
            r#"{"question": [1.5], "answer": "1"}"#,
            "`train`, line 1: the question holds `1.5` as a cell; write text, a whole number, or null for a cell without a symbol",
        ),
        (
            r#"{"question": "3", "answer": "1", "rating": "hard"}"#,
            "`train`, line 1: the rating `hard` is no number; write a number, such as 0 for an unrated puzzle",
        ),
    ] {
        assert_eq!(error(train, test, ""), wrong);
    }
    assert_eq!(
        error("question,answer\n1,2\n", test, ", symbols: [\"1\", \"1\"]"),
        "`puzzles`, setting `symbols`: `1` is named twice; name each symbol once"
    );
    assert_eq!(
        error("question,answer\n3,2\n", test, ", limit: 0"),
        "`train` would give no puzzle; set its limit to at least 1, or to None for all"
    );
    let rows = "1\\n".repeat(300);
    let large = format!("{{\"question\": \"{rows}\", \"answer\": \"{}\"}}", "1".repeat(300));
    assert_eq!(
        error(&large, test, ""),
        "`train` needs, with the test file, a frame of 300 rows of 300 cells for all puzzles, more than 65536 cells; leave \
         the largest puzzles out, or write long ones in several rows"
    );
}

/// By a sort of all rows, as they were drawn before no more than the limit were held; symbols of the others count all the same.
#[test]
fn the_rows_with_the_least_numbers_are_drawn() {
    let rows = |range: std::ops::Range<usize>| -> String {
        range.map(|number| format!("{{\"question\": [{number}], \"answer\": [{number}]}}\n")).collect()
    };
    for limit in [1, 7, 49, 50, 51] {
        let settings = format!(", limit: {limit}, seed: 3");
        let data = opened(&rows(0..50), &rows(50..52), &settings).expect("good files");
        assert_eq!(data.sizes().symbol, 53);
        let mut lines: Vec<u64> = (1..=50).collect();
        lines.sort_by_key(|line| Purpose::ChooseTrain.draws(3, *line, 0).bits());
        lines.truncate(limit);
        lines.sort_unstable();
        let mut found: Vec<i64> =
            (0..data.train_len() as u64).map(|k| data.train_example(0, k).inputs[0]).collect();
        found.sort_unstable();
        // Symbols are numbers in their order: that of line 1 is 0, token 1.
        assert_eq!(found, lines.iter().map(|line| *line as i64).collect::<Vec<_>>());
        for (token, shown) in [(0, ""), (1, "0"), (52, "51"), (53, "")] {
            assert_eq!(data.render(&[token], &[token]).trim(), shown);
        }
    }
}
