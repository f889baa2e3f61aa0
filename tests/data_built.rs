//! Built data sets: read as they are, streamed as the reference's loader samples them, and refused with file, row and
//! reason where they are broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use totc::data::built::{Layout, SplitWriter, TotalPuzzles, identifiers};
use totc::data::maze::build as maze;
use totc::data::npy::{Header, NpyType};
use totc::data::{DataSpec, Dataset, NO_LABEL, Rows, open};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(name)
}

fn read(base: &Path, settings: &str) -> Result<Box<dyn Dataset>, String> {
    let spec: DataSpec = ron::from_str(&format!("built({settings})")).expect("good settings");
    open(&spec, base).map_err(|error| error.to_string().replace(&format!("{}/", base.display()), ""))
}

fn error_of(base: &Path, settings: &str) -> String {
    read(base, settings).map(|_| ()).expect_err("a refusal")
}

/// A copy that may be broken.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).expect("a file")).expect("a file");
        }
    }
}

fn sudoku() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    copy(&golden("sudoku-tiny"), &folder.path().join("set"));
    folder
}

/// A set of `groups[g]` puzzles of `groups[g][p]` examples; example e of the split has inputs full of e + 1.
fn grouped(out: &Path, dtype: NpyType, groups: &[&[usize]]) {
    for split in ["train", "test"] {
        let layout = Layout { seq_len: 4, vocab_size: 200, dtype, ignore_label_id: Some(0) };
        let mut writer = SplitWriter::create(out, split, layout).expect("a writer");
        let (mut example, mut puzzle) = (0, 0);
        for group in groups {
            for size in *group {
                for _ in 0..*size {
                    example += 1;
                    writer.example(&[example; 4], &[0, example, example, 0]).expect("an example");
                }
                puzzle += 1;
                writer.end_puzzle(puzzle).expect("a puzzle");
            }
            writer.end_group().expect("a group");
        }
        writer.finish(puzzle as usize + 1, TotalPuzzles::Puzzles).expect("a split");
    }
    let count: usize = groups.iter().map(|group| group.len()).sum();
    let names: Vec<String> =
        (0..=count).map(|id| if id == 0 { "<blank>".to_owned() } else { format!("p{id}") }).collect();
    identifiers(out, &names).expect("names");
}

/// Values taken from the arrays with NumPy: rows 0 and 7 of the training inputs, and the first test row.
#[test]
fn the_reference_scripts_sets_are_read_as_they_are() {
    let data = read(&golden(""), "paths: [\"sudoku-tiny\"]").expect("a data set");
    let sizes = data.sizes();
    assert_eq!((sizes.cell, sizes.symbol, sizes.task), (81, 11, 1));
    assert_eq!((data.train_len(), data.test_len()), (10, 10));
    let csv = fs::read_to_string(golden("sudoku-tiny-src/test.csv")).expect("a file");
    let tokens = |text: &str| -> Vec<i64> {
        text.chars()
            .map(|c| if c == '.' { 1 } else { i64::from(c.to_digit(10).expect("a digit")) + 1 })
            .collect()
    };
    for (i, line) in csv.lines().skip(1).enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        let example = data.test_example(i).expect("an example");
        assert_eq!(example.inputs, tokens(fields[1]));
        assert_eq!(example.labels, tokens(fields[2]));
        assert_eq!(example.puzzle, 0);
        assert!(data.validate(&example.inputs, &example.labels).solved());
    }
    assert!(data.test_example(10).is_none());
}

/// Every type that a set may have gives the same rows.
#[test]
fn all_types_give_the_same_rows() {
    let rows = |dtype| {
        let folder = TempDir::new().expect("a folder");
        grouped(folder.path(), dtype, &[&[2, 2], &[1]]);
        let data = read(folder.path(), "paths: [\"\"]").expect("a data set");
        (data.train_rows(3, 0, 20), data.test_rows(0, 5))
    };
    let bytes = rows(NpyType::U8);
    assert_eq!(bytes.1.puzzle, [1, 1, 2, 2, 3]);
    assert_eq!(bytes.1.labels[..8], [NO_LABEL, 1, 1, NO_LABEL, NO_LABEL, 2, 2, NO_LABEL]);
    for dtype in [NpyType::U16, NpyType::I16, NpyType::U32, NpyType::I32, NpyType::I64] {
        assert_eq!(rows(dtype), bytes);
    }
}

/// An epoch visits each group once, one puzzle of it, and each of the puzzle's examples once, one after another.
#[test]
fn an_epoch_is_the_loaders() {
    for groups in [&[&[3_usize, 3][..], &[1], &[2, 2, 2]][..], &[&[3, 1], &[1, 5], &[2, 2, 2]]] {
        let folder = TempDir::new().expect("a folder");
        grouped(folder.path(), NpyType::U8, groups);
        let data = read(folder.path(), "paths: [\"\"]").expect("a data set");
        let mut puzzles = Vec::new();
        let mut size = BTreeMap::new();
        for (g, group) in groups.iter().enumerate() {
            for examples in *group {
                puzzles.push(g);
                size.insert(puzzles.len() as i64, *examples);
            }
        }
        let mut drawn: BTreeMap<i64, usize> = BTreeMap::new();
        let mut orders = BTreeSet::new();
        let mut k = 0;
        for _ in 0..200 {
            let (mut open, mut order): (BTreeSet<usize>, Vec<i64>) =
                ((0..groups.len()).collect(), Vec::new());
            while !open.is_empty() {
                let puzzle = data.train_example(9, k).puzzle;
                assert!(open.remove(&puzzles[puzzle as usize - 1]), "a group came twice in an epoch");
                let mut seen = BTreeSet::new();
                for example in k..k + size[&puzzle] as u64 {
                    let example = data.train_example(9, example);
                    assert_eq!(example.puzzle, puzzle);
                    assert!(seen.insert(example.inputs[0]), "an example came twice");
                }
                k += size[&puzzle] as u64;
                *drawn.entry(puzzle).or_default() += 1;
                order.push(puzzle);
            }
            orders.insert(order);
        }
        assert!(orders.len() > 10, "epochs have the same order");
        // Each puzzle of a group of n is drawn 200 / n times, within five standard deviations.
        for (puzzle, times) in drawn {
            let n = groups[puzzles[puzzle as usize - 1]].len() as f64;
            let spread = (200.0 * (1.0 / n) * (1.0 - 1.0 / n)).sqrt();
            assert!(
                (times as f64 - 200.0 / n).abs() <= 5.0 * spread,
                "puzzle {puzzle} was drawn {times} times"
            );
        }
    }
}

#[test]
fn positions_are_independent_of_what_was_read_before() {
    let folder = TempDir::new().expect("a folder");
    grouped(folder.path(), NpyType::U8, &[&[3, 1], &[1, 5], &[2, 2, 2]]);
    let all = read(folder.path(), "paths: [\"\"]").expect("a data set").train_rows(5, 0, 100);
    let late = read(folder.path(), "paths: [\"\"]").expect("a data set");
    let mut parts = Rows::with_room(100, 4);
    for (from, count) in [(93, 7), (40, 53), (0, 40)] {
        let rows = late.train_rows(5, from, count);
        let mut joined = rows.clone();
        joined.inputs.extend(&parts.inputs);
        joined.labels.extend(&parts.labels);
        joined.puzzle.extend(&parts.puzzle);
        joined.n += parts.n;
        parts = joined;
    }
    assert_eq!(parts, all);
    assert_ne!(late.train_rows(6, 0, 100), all);
}

#[test]
fn folders_are_joined_and_their_identifiers_kept_apart() {
    let folder = TempDir::new().expect("a folder");
    grouped(&folder.path().join("a"), NpyType::U8, &[&[1], &[1]]);
    grouped(&folder.path().join("b"), NpyType::I32, &[&[1], &[1]]);
    let joined = read(folder.path(), "paths: [\"a\", \"b\"]").expect("equal names are no clash");
    assert_eq!((joined.sizes().task, joined.train_len(), joined.test_len()), (6, 4, 4));
    assert_eq!(joined.test_rows(0, 4).puzzle, [1, 2, 1, 2]);
    let names = ["<blank>", "p1", "other"].map(str::to_owned);
    identifiers(&folder.path().join("b"), &names).expect("names");
    let error = error_of(folder.path(), "paths: [\"a\", \"b\"]");
    assert!(error.contains("identifier 2 is `p2` in `a` and `other` in `b`"), "{error}");
    let kept =
        read(folder.path(), "paths: [\"a\", \"b\"], identifiers: as_written").expect("as the reference");
    assert_eq!(kept.test_rows(0, 4).puzzle, [1, 2, 1, 2]);
    let apart = read(folder.path(), "paths: [\"a\", \"b\"], identifiers: apart").expect("a data set");
    assert_eq!(apart.test_rows(0, 4).puzzle, [1, 2, 4, 5]);
    assert_eq!(apart.sizes().task, 6);
    let other = read(folder.path(), "paths: [\"a\"], test_paths: [\"b\"], identifiers: as_written")
        .expect("a data set");
    assert_eq!((other.train_len(), other.test_len(), other.sizes().task), (2, 2, 3));
}

/// Writes an array with NumPy's header and these numbers.
fn array(path: &Path, dtype: NpyType, width: Option<usize>, numbers: &[i64]) {
    let mut bytes = Header::written(dtype, numbers.len() / width.unwrap_or(1), width);
    for number in numbers {
        bytes.extend(&number.to_le_bytes()[..dtype.bytes()]);
    }
    fs::write(path, bytes).expect("a file");
}

#[test]
fn broken_sets_are_refused_with_file_row_and_reason() {
    type Damage = fn(&Path);
    fn json(set: &Path, from: &str, to: &str) {
        let path = set.join("train/dataset.json");
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).expect("a file");
    }
    fn cut(path: PathBuf, keep: usize) {
        let bytes = fs::read(&path).expect("a file");
        fs::write(path, &bytes[..keep]).expect("a file");
    }
    fn poke(path: PathBuf, at: usize, byte: u8) {
        let mut bytes = fs::read(&path).expect("a file");
        bytes[at] = byte;
        fs::write(path, bytes).expect("a file");
    }
    let cases: &[(Damage, &str)] = &[
        (
            |set| cut(set.join("train/all__inputs.npy"), 128 + 17 * 648 + 5),
            "`set/train/all__inputs.npy`: the file has 11149 bytes where its shape [60, 81] of int64 needs 39008: it ends in row 17;",
        ),
        (
            |set| cut(set.join("train/all__labels.npy"), 60),
            "`set/train/all__labels.npy`: the file ends in its header;",
        ),
        (|set| cut(set.join("test/all__labels.npy"), 0), "`set/test/all__labels.npy`: the file is empty;"),
        (
            |set| poke(set.join("train/all__inputs.npy"), 128 + 648 * 3 + 8 * 4, 11),
            "`set/train/all__inputs.npy`, row 3: token 11 at place 4 is none of 0 to 10;",
        ),
        (
            |set| poke(set.join("test/all__labels.npy"), 128 + 81 * 2, 200),
            "`set/test/all__labels.npy`, row 2: token 200 at place 0 is none of 0 to 10;",
        ),
        (
            |set| array(&set.join("train/all__labels.npy"), NpyType::U8, Some(81), &[1; 59 * 81]),
            "`set/train/all__labels.npy`, row 59: row 59 of the inputs and those after it have no labels",
        ),
        (
            |set| {
                let mut labels = vec![2; 60 * 81];
                labels[81 * 20..81 * 21].fill(0);
                array(&set.join("train/all__labels.npy"), NpyType::I32, Some(81), &labels);
            },
            "`set/train/all__labels.npy`, row 20: it has no label",
        ),
        (
            |set| array(&set.join("train/all__inputs.npy"), NpyType::U8, Some(80), &[1; 60 * 80]),
            "`set/train/all__inputs.npy`: its rows have 80 tokens, dataset.json says `seq_len` 81;",
        ),
        (
            |set| array(&set.join("train/all__inputs.npy"), NpyType::U8, None, &[1; 60 * 81]),
            "`set/train/all__inputs.npy`: it has 1 axes instead of 2;",
        ),
        (
            |set| {
                let path = set.join("train/all__inputs.npy");
                let bytes = fs::read(&path).expect("a file");
                let head = String::from_utf8_lossy(&bytes[..128]).replace("<i8", "<f8");
                fs::write(&path, [&[0x93], &head.as_bytes()[3..], &bytes[128..]].concat()).expect("a file");
            },
            "`set/train/all__inputs.npy`: its numbers are of type `<f8`; save it as one of uint8,",
        ),
        (
            |set| array(&set.join("train/all__group_indices.npy"), NpyType::I32, None, &[0, 6, 5, 60]),
            "`set/train/all__group_indices.npy`, row 2: 5 comes after 6",
        ),
        (
            |set| array(&set.join("train/all__group_indices.npy"), NpyType::I32, None, &[0, 6, 6, 60]),
            "`set/train/all__group_indices.npy`, row 2: piece 1 holds none of the puzzles;",
        ),
        (
            |set| array(&set.join("train/all__group_indices.npy"), NpyType::I32, None, &[0, 60]),
            "`set/train/all__group_indices.npy`: it has 1 groups, dataset.json says `total_groups` 10;",
        ),
        (
            |set| array(&set.join("train/all__puzzle_indices.npy"), NpyType::I64, None, &[0, 61]),
            "`set/train/all__puzzle_indices.npy`, row 1: it ends with 61, but there are 60 examples;",
        ),
        (
            |set| array(&set.join("train/all__puzzle_indices.npy"), NpyType::I64, None, &[1, 60]),
            "`set/train/all__puzzle_indices.npy`, row 0: it starts with 1 instead of 0;",
        ),
        (
            |set| array(&set.join("train/all__puzzle_indices.npy"), NpyType::I64, None, &[]),
            "`set/train/all__puzzle_indices.npy`, row 0: it is empty",
        ),
        (
            |set| poke(set.join("train/all__puzzle_identifiers.npy"), 128 + 4 * 7, 1),
            "`set/train/all__puzzle_identifiers.npy`, row 7: identifier 1 is none of the 1 that",
        ),
        (
            |set| array(&set.join("train/all__puzzle_identifiers.npy"), NpyType::I32, None, &[0; 59]),
            "`set/train/all__puzzle_identifiers.npy`, row 59: it has 59 identifiers for 60 puzzles;",
        ),
        (
            |set| json(set, "\"vocab_size\": 11", "\"vocab_size\": 0"),
            "`set/train/dataset.json`: `vocab_size` is 0;",
        ),
        (
            |set| json(set, "\"sets\": [\"all\"]", "\"sets\": [\"some\"]"),
            "`sets` is some in `set/train` and all in `set/test`;",
        ),
        (
            |set| json(set, "\"seq_len\": 81, ", ""),
            "`set/train/dataset.json`: it is no description of a data set: missing field `seq_len`",
        ),
        (
            |set| json(set, "\"pad_id\": 0", "\"pad_id\": 11"),
            "`set/train/dataset.json`: `pad_id` is 11, beyond the 11 tokens;",
        ),
        (
            |set| json(set, "\"blank_identifier_id\": 0", "\"blank_identifier_id\": -1"),
            "`blank_identifier_id` is -1",
        ),
        (
            |set| json(set, "\"ignore_label_id\": 0", "\"ignore_label_id\": 1"),
            "setting `paths`: `ignore_label_id` is 1 in `set/train` and 0 in `set/test`;",
        ),
        (
            |set| fs::write(set.join("identifiers.json"), "[1]").expect("a file"),
            "`set/identifiers.json`: it is no list of names",
        ),
        (
            |set| fs::remove_file(set.join("test/dataset.json")).expect("a file"),
            "cannot read `set/test/dataset.json`",
        ),
    ];
    for (damage, expected) in cases {
        let folder = sudoku();
        damage(&folder.path().join("set"));
        let error = error_of(folder.path(), "paths: [\"set\"]");
        assert!(error.contains(expected), "expected {expected:?}, got {error:?}");
        assert!(error.contains(';'), "no mend: {error}");
    }
}

#[test]
fn keys_that_other_scripts_write_or_leave_out_do_no_harm() {
    let folder = sudoku();
    for split in ["train", "test"] {
        let path = folder.path().join("set").join(split).join("dataset.json");
        let text = fs::read_to_string(&path).expect("a file");
        let text = text
            .replace("\"total_puzzles\": 10, ", "")
            .replace("\"ignore_label_id\": 0", "\"ignore_label_id\": null");
        fs::write(&path, text.replace('{', "{\n  \"note\": {\"of\": [1]},")).expect("a file");
    }
    let data = read(folder.path(), "paths: [\"set\"]").expect("a data set");
    assert_eq!(data.train_len(), 10);
}

/// A file whose bytes are changed, cut or lengthened at random is read or refused, never more.
#[test]
fn mangled_files_never_end_the_program() {
    let folder = sudoku();
    let set = folder.path().join("set");
    let names = [
        "train/all__inputs.npy",
        "train/all__puzzle_indices.npy",
        "train/all__group_indices.npy",
        "train/all__puzzle_identifiers.npy",
        "train/dataset.json",
        "identifiers.json",
    ];
    // xorshift64: any fixed sequence will do.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n.max(1) as u64) as usize
    };
    let mut refused = 0;
    for round in 0..600 {
        let path = set.join(names[round % names.len()]);
        let whole = fs::read(&path).expect("a file");
        let mut bytes = whole.clone();
        match below(4) {
            0 => bytes.truncate(below(whole.len())),
            1 => bytes.extend((0..below(50)).map(|byte| byte as u8)),
            // Headers are the likeliest to be misread.
            2 => (0..=below(3)).for_each(|_| bytes[below(whole.len().min(128))] = below(256) as u8),
            _ => (0..=below(8)).for_each(|_| bytes[below(whole.len())] = below(256) as u8),
        }
        fs::write(&path, &bytes).expect("a file");
        match read(folder.path(), "paths: [\"set\"]") {
            Ok(data) => {
                let rows = data.train_rows(1, 0, 30);
                assert_eq!(rows.n, 30);
                let symbols = data.sizes().symbol as i64;
                assert!(rows.inputs.iter().all(|token| (0..symbols).contains(token)));
                data.test_rows(0, 3);
            }
            Err(error) => {
                refused += 1;
                assert!(error.contains(';') && error.len() < 2_000, "{error}");
            }
        }
        fs::write(&path, &whole).expect("a file");
    }
    assert!(refused > 200, "only {refused} were refused");
}

/// Puzzles that totc knows are shown, checked, rated and seen under symmetries as its own data sets do.
#[test]
fn known_puzzles_keep_their_rules() {
    let sudoku = read(&golden(""), "paths: [\"sudoku-tiny\"]").expect("a data set");
    let csv = fs::read_to_string(golden("sudoku-tiny-src/test.csv")).expect("a file");
    let ratings: Vec<Option<f64>> =
        csv.lines().skip(1).map(|line| line.rsplit(',').next()?.parse().ok()).collect();
    assert_eq!((0..10).map(|i| sudoku.rating(i)).collect::<Vec<_>>(), ratings);
    let example = sudoku.test_example(0).expect("an example");
    let view = sudoku.view(&example, 3).expect("a view");
    assert!(view.example != example && sudoku.validate(&view.example.inputs, &view.example.labels).solved());
    assert_eq!((view.undo)(&view.example.labels), example.labels);

    let folder = TempDir::new().expect("a folder");
    let plan = maze::BuildSpec {
        train: golden("maze-tiny-src/train.csv"),
        test: golden("maze-tiny-src/test.csv"),
        out: folder.path().to_owned(),
        subsample_size: None,
        aug: true,
        seed: 0,
    };
    maze::build(&plan).expect("a data set");
    let mazes = read(folder.path(), "paths: [\"\"]").expect("a data set");
    assert_eq!((mazes.sizes().symbol, mazes.train_len(), mazes.test_len()), (6, 5, 5));
    for k in 0..50 {
        let example = mazes.train_example(1, k);
        assert!(mazes.validate(&example.inputs, &example.labels).solved(), "maze {k}");
        assert!(!mazes.validate(&example.inputs, &example.inputs).solved());
    }
}

/// A file that is cut short while it is in use: rows that are still there are read, the others are told in a sentence.
#[test]
fn an_array_that_shrinks_is_told_in_a_sentence() {
    use totc::data::npy::{Array, ArrayWriter};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let mut writer = ArrayWriter::create(&path, NpyType::U8, Some(4)).unwrap();
    writer.push(0..40).unwrap();
    writer.finish().unwrap();
    let array = Array::open(&path, 2).unwrap();
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 10).unwrap();
    assert_eq!(array.row(6), [24, 25, 26, 27]);
    let error = totc::data::prefetch::prepared(|| array.row(9)).unwrap_err().to_string();
    assert!(
        error.contains("a.npy") && error.contains("row 9") && error.contains("become shorter"),
        "{error}"
    );
}
