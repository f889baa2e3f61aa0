//! Building data sets: what is written equals, byte for byte, what the reference scripts wrote (`golden/data/`).

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use totc::data::npy::{Array, Header, NpyType};
use totc::data::sudoku::build::{BuildSpec, build};
use totc::data::sudoku::rate;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(name)
}

fn plan(out: &Path) -> BuildSpec {
    BuildSpec {
        train: golden("sudoku-tiny-src/train.csv"),
        test: golden("sudoku-tiny-src/test.csv"),
        out: out.to_owned(),
        subsample_size: None,
        min_difficulty: None,
        num_aug: 5,
        seed: 42,
        dtype: None,
    }
}

/// Every file below a folder, by relative path.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path => {
                    let name = path.strip_prefix(folder).expect("below").to_owned();
                    found.push((name, fs::read(&path).expect("a file")));
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn sudoku_equals_the_reference_script_byte_for_byte() {
    let out = TempDir::new().expect("a folder");
    let (train, test) = build(&plan(out.path()), &|_| ()).expect("a data set");
    assert_eq!((train.groups, train.puzzles, train.examples), (10, 60, 60));
    assert_eq!((test.groups, test.puzzles, test.examples), (10, 10, 10));
    let (ours, theirs) = (files(out.path()), files(&golden("sudoku-tiny")));
    assert_eq!(
        ours.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        theirs.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    for ((name, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        assert!(ours == theirs, "{} differs", name.display());
    }
}

/// `np.random.seed(7); np.random.choice(10, 4, replace=False)` gives 8, 5, 0, 2 with NumPy 2.4.6.
#[test]
fn a_subsample_is_drawn_as_numpy_draws_it() {
    let out = TempDir::new().expect("a folder");
    let all = Array::open(&golden("sudoku-tiny/train/all__inputs.npy"), 2).expect("an array");
    build(&BuildSpec { subsample_size: Some(4), num_aug: 0, seed: 7, ..plan(out.path()) }, &|_| ())
        .expect("a data set");
    let drawn = Array::open(&out.path().join("train/all__inputs.npy"), 2).expect("an array");
    assert_eq!(drawn.header.dtype, NpyType::U8);
    for (row, source) in [8, 5, 0, 2].into_iter().enumerate() {
        // The golden set holds each row with five copies.
        assert_eq!(drawn.row(row), all.row(6 * source), "row {row}");
    }
}

#[test]
fn min_difficulty_holds_for_both_files() {
    let out = TempDir::new().expect("a folder");
    let hard = |name: &str| {
        let text = fs::read_to_string(golden(name)).expect("a file");
        let rating =
            |line: &str| line.rsplit(',').next().and_then(|rating| rating.trim().parse::<i64>().ok());
        text.lines().filter_map(rating).filter(|rating| *rating >= 40).count()
    };
    let (train, test) =
        build(&BuildSpec { min_difficulty: Some(40), num_aug: 0, ..plan(out.path()) }, &|_| ())
            .expect("a data set");
    assert_eq!(train.groups, hard("sudoku-tiny-src/train.csv"));
    assert_eq!(test.groups, hard("sudoku-tiny-src/test.csv"));
    assert!(train.groups < 10);
}

/// The script stops there too: it reads a number from every row.
#[test]
fn min_difficulty_refuses_a_row_without_a_rating() {
    let place = TempDir::new().expect("a folder");
    let unrated = place.path().join("unrated.jsonl");
    let text = fs::read_to_string(golden("sudoku-tiny-src/test.csv")).expect("a file");
    let line = |(number, row): (usize, &str)| {
        let fields: Vec<&str> = row.split(',').collect();
        let rating = if number == 3 { "null" } else { fields[3] };
        format!("{{\"question\": \"{}\", \"answer\": \"{}\", \"rating\": {rating}}}\n", fields[1], fields[2])
    };
    fs::write(&unrated, text.lines().skip(1).enumerate().map(line).collect::<String>()).expect("a file");
    for subsample_size in [None, Some(2)] {
        let plan = BuildSpec { num_aug: 0, subsample_size, ..plan(&place.path().join("out")) };
        let as_test = BuildSpec { test: unrated.clone(), ..plan.clone() };
        let as_train = BuildSpec { train: unrated.clone(), ..plan };
        for plan in [as_test, as_train] {
            let error = build(&BuildSpec { min_difficulty: Some(1), ..plan.clone() }, &|_| ()).map(|_| ());
            assert_eq!(
                error.expect_err("no rating").to_string(),
                format!(
                    "`{}`, line 4: the row has no rating, so that `--min-difficulty` cannot choose; leave \
                     `--min-difficulty` out, or rate the puzzles by `totc data rate`",
                    unrated.display()
                )
            );
            build(&plan, &|_| ()).expect("ratings are not asked for");
        }
    }
}

/// The headers of NumPy 2.4.6, taken from `numpy.lib.format.write_array_header_1_0`.
#[test]
fn headers_are_numpys() {
    let long = 1_234_567_890_123;
    for (rows, width, length) in
        [(0, None, 128), (5, Some(81), 128), (long, Some(900), 128), (7, Some(usize::MAX), 128)]
    {
        let head = Header::written(NpyType::I64, rows, width);
        assert_eq!(head.len(), length);
        let read = Header::read(&head).expect("a header");
        assert_eq!((read.dtype, read.start), (NpyType::I64, length));
        assert_eq!(read.shape, [Some(rows), width].into_iter().flatten().collect::<Vec<_>>());
    }
}

/// The ratings of these files are the counts of an independent program (`sudoku_rate.cpp`, of the same definition).
#[test]
fn puzzles_get_the_rating_of_the_independent_solver() {
    for name in ["sudoku-tiny-src/train.csv", "sudoku-tiny-src/test.csv"] {
        let mut rows = 0;
        rate::each(&golden(name), |puzzle| {
            rows += 1;
            assert_eq!(puzzle.given, Some(puzzle.rating as f64), "row {rows} of {name}");
        })
        .expect("ratings");
        assert_eq!(rows, 10);
    }
    let folder = TempDir::new().expect("a folder");
    let lines = |text: &str| {
        fs::write(folder.path().join("mine.txt"), text).expect("a file");
        let mut ratings = Vec::new();
        let done = rate::each(&folder.path().join("mine.txt"), |puzzle| ratings.push(puzzle.rating));
        done.map(|()| ratings).map_err(|error| error.to_string())
    };
    // A comment, an empty line, a puzzle that singles solve.
    assert_eq!(lines("# mine\n\n1...3.12.1.34..1 easy\n"), Ok(vec![0]));
    for (text, expected) in [
        ("1...3.12.1.34..1\n11..............\n", "line 2: the puzzle has no answer; correct its givens"),
        ("................\n", "line 1: the puzzle has more than one answer; add givens, or remove it"),
        ("1234\n", "line 1: it has 4 cells; write 16, 36, 64, 81, 100, 144 or 256"),
        ("1...3.12.1.34..x\n", "line 1: `x` is no digit"),
    ] {
        let error = lines(text).expect_err("a refusal");
        assert!(error.contains(expected), "expected {expected:?}, got {error:?}");
    }
}
