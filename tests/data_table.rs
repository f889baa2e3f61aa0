//! Tests of puzzles in files of every form: CSV with any delimiter, Kaggle's names of columns, JSON lines, and Parquet files that
//! PyArrow wrote give the same examples; what is wrong is told with the line that an editor shows.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use totc::data::{DataSpec, Dataset, Example, open};

const QUESTIONS: [&str; 2] = ["1...3.12.1.34..1", "12343412214343.."];
const ANSWER: &str = "1234341221434321";

fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/parquet").join(name);
    fs::read(path).expect("a golden file")
}

fn opened(train: &[u8], settings: &str) -> Result<Box<dyn Dataset>, String> {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("train"), train).expect("a file");
    fs::write(folder.path().join("test"), "question,answer\n1234341221434...,1234341221434321\n")
        .expect("a file");
    let text = format!("sudoku_csv(train: \"train\", test: \"test\"{settings})");
    let spec: DataSpec = ron::from_str(&text).expect("good settings");
    let place = format!("{}/", folder.path().display());
    open(&spec, folder.path()).map_err(|error| error.to_string().replace(&place, ""))
}

/// The two training examples, by their questions.
fn examples(train: &[u8]) -> Vec<Example> {
    let data = opened(train, "").expect("a good file");
    assert_eq!(data.train_len(), 2);
    let mut all: Vec<Example> = (0..2).map(|k| data.train_example(0, k)).collect();
    all.sort_by(|a, b| b.inputs.cmp(&a.inputs));
    all
}

/// Written by hand from the tokens' definition: 1 is a blank, `d + 1` is digit `d`.
fn expected() -> Vec<Example> {
    let tokens = |text: &str| text.chars().map(|c| c.to_digit(10).map_or(1, |d| i64::from(d) + 1)).collect();
    let mut all: Vec<Example> = QUESTIONS
        .map(|question| Example { inputs: tokens(question), labels: tokens(ANSWER), puzzle: 0 })
        .into();
    all.sort_by(|a, b| b.inputs.cmp(&a.inputs));
    all
}

#[test]
fn every_form_gives_the_same_puzzles() {
    let [one, two] = QUESTIONS;
    for between in [",", ";", "\t", "|"] {
        for end in ["\n", "\r\n"] {
            for [question, answer] in
                [["question", "answer"], ["quizzes", "solutions"], ["puzzle", "solution"]]
            {
                let rows = [["id", question, answer], ["7", one, ANSWER], ["8", two, ANSWER]];
                let text = rows.map(|row| row.join(between) + end).concat();
                assert_eq!(examples(text.as_bytes()), expected(), "{text}");
            }
        }
    }
    let lines = format!(
        "{{\"question\": \"{one}\", \"answer\": \"{ANSWER}\", \"rating\": 3}}\n\n{{\"solution\": \"{ANSWER}\", \
         \"puzzle\": \"{two}\"}}\r\n"
    );
    assert_eq!(examples(lines.as_bytes()), expected());
    assert_eq!(examples(format!("\u{feff}{lines}").as_bytes()), expected());
    for form in ["snappy", "zstd", "gzip", "none"] {
        assert_eq!(examples(&golden(&format!("{form}.parquet"))), expected(), "{form}");
    }
}

/// Parquet's ratings go with their puzzles; files without any cannot be chosen from by rating.
#[test]
fn ratings_choose_where_there_are_any() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("train"), "question,answer\n1234341221434...,1234341221434321\n")
        .expect("a file");
    fs::write(folder.path().join("test"), golden("zstd.parquet")).expect("a file");
    let read = |settings: &str| {
        let text = format!("sudoku_csv(train: \"train\", test: \"test\"{settings})");
        let spec: DataSpec = ron::from_str(&text).expect("good settings");
        open(&spec, folder.path()).map_err(|error| error.to_string())
    };
    let data = read("").expect("good files");
    assert_eq!((data.rating(0), data.rating(1), data.rating_name()), (Some(2.0), Some(1.5), "rating"));
    let refused = read(", min_rating: 1.8").map(|_| ()).expect_err("no ratings");
    assert!(
        refused.ends_with(
            "/train` has no rating on line 2, so that `min_rating` cannot choose; leave `min_rating` out, or rate the puzzles \
             by `totc data rate`"
        ),
        "{refused}"
    );
}

#[test]
fn an_unrated_puzzle_is_rated_by_guesses() {
    let data =
        opened(format!("question,answer\n{},{ANSWER}\n", QUESTIONS[0]).as_bytes(), "").expect("a good file");
    assert_eq!((data.rating(0), data.rating_name()), (Some(0.0), "guesses"));
}

/// The wrong row is the last in every file, on the line that an editor shows.
#[test]
fn what_is_wrong_is_told_with_its_line() {
    let [one, _] = QUESTIONS;
    let error = |text: String| opened(text.as_bytes(), "").map(|_| ()).expect_err("a wrong file");
    let short = "the question has 1 characters instead of 16; write one character per cell; all puzzles of a file have one \
                 side";
    for end in ["\n", "\r\n"] {
        let csv = [
            "question;answer",
            &format!("{one};{ANSWER}"),
            &format!("{one};{ANSWER}"),
            &format!("1;{ANSWER}"),
        ];
        assert_eq!(
            error(csv.map(|line| line.to_owned() + end).concat()),
            format!("`train`, line 4: {short}")
        );
        let fields = ["question;answer", &format!("{one};{ANSWER}"), one];
        assert_eq!(
            error(fields.map(|line| line.to_owned() + end).concat()),
            "`train`, line 3: the row has 1 fields where the header has 2; write every column, with a semicolon between \
             each two"
        );
    }
    let good = format!("{{\"question\": \"{one}\", \"answer\": \"{ANSWER}\"}}\n");
    for (line, wrong) in [
        (
            r#"{"question": "1"}"#,
            "the object has no `answer`; write it (also understood: `solutions`, `solution`, `answers`)",
        ),
        (
            r#"{"question": "1""#,
            "the line is no JSON object: EOF while parsing an object (column 16); write one object a line, such as \
             {\"question\": \"12..\", \"answer\": \"1234\"}",
        ),
        (r#"{"question": true, "answer": 1}"#, "the question is `true`; write text, or a list of cells"),
    ] {
        assert_eq!(error(format!("{good}\n{line}\n")), format!("`train`, line 3: {wrong}"));
    }
}

#[test]
fn parquet_that_cannot_be_read_is_told() {
    let error = |bytes: &[u8]| opened(bytes, "").map(|_| ()).expect_err("a wrong file");
    let brotli = error(&golden("brotli.parquet"));
    assert_eq!(
        brotli,
        "`train`, row 0: it uses what is not read here (brotli); write it anew, packed with Snappy, Zstandard, gzip or \
         not at all"
    );
    let whole = golden("snappy.parquet");
    let cut = error(&whole[..whole.len() / 2]);
    assert!(cut.starts_with("`train`: the Parquet file is damaged: "), "{cut}");
    assert!(cut.ends_with("; fetch or write it again"), "{cut}");
}
