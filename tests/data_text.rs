//! Text as a data set: labels are the next tokens, training never sees the test part, files that cannot be used are refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use totc::data::{DataSpec, Dataset, NO_LABEL, open};

fn text(bytes: &[u8], settings: &str) -> Result<Box<dyn Dataset>, String> {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("t.txt"), bytes).expect("a file");
    read(folder.path(), settings)
}

fn read(folder: &Path, settings: &str) -> Result<Box<dyn Dataset>, String> {
    let spec: DataSpec = ron::from_str(&format!("text(path: \"t.txt\"{settings})")).expect("good settings");
    open(&spec, folder).map_err(|error| error.to_string().replace(&format!("{}/", folder.display()), ""))
}

#[test]
fn labels_are_the_next_tokens() {
    let data =
        text("banana! ".repeat(5).as_bytes(), ", unit: characters, length: 4, test: 0.25").expect("a text");
    // In the order of Unicode: space, !, a, b, n are tokens 1 to 5.
    assert_eq!(data.sizes().axes(), [("cell", 4), ("symbol", 6), ("task", 1)]);
    assert_eq!((data.train_len(), data.test_len()), (6, 2));
    let first = data.test_example(0).expect("a window");
    // Of 40 characters the last 10 are tested on: "! banana! ".
    assert_eq!((first.inputs, first.labels), (vec![2, 1, 4, 3], vec![1, 4, 3, 5]));
    let second = data.test_example(1).expect("a window");
    assert_eq!((second.inputs, second.labels), (vec![5, 3, 5, 3], vec![3, 5, 3, 2]));
    assert!(data.test_example(2).is_none());
    let bytes = text(b"banana! banana! banana! ", ", length: 4, test: 0.25").expect("a text");
    assert_eq!(bytes.sizes().symbol, 257);
    assert_eq!(
        bytes.test_example(0).expect("a window").inputs,
        [b'n', b'a', b'n', b'a'].map(|b| i64::from(b) + 1)
    );
}

/// A file without a byte twice in the training part: each label tells where its window stood.
#[test]
fn an_epoch_cuts_the_training_part_into_windows_side_by_side() {
    let bytes: Vec<u8> = (0..=255).collect();
    let data = text(&bytes, ", length: 10, test: 0.2").expect("a text");
    // 205 bytes to train on: 19 windows of 10 and the one after them, wherever the first begins.
    assert_eq!((data.train_len(), data.test_len()), (19, 5));
    let mut starts = BTreeSet::new();
    for epoch in 0..200 {
        let mut windows = BTreeSet::new();
        for k in 0..19 {
            let example = data.train_example(3, epoch * 19 + k);
            let first = example.inputs[0];
            assert_eq!(example.inputs, (first..first + 10).collect::<Vec<_>>());
            assert_eq!(example.labels, (first + 1..first + 11).collect::<Vec<_>>());
            assert!(example.labels[9] <= 205, "the test part was trained on");
            windows.insert(first);
        }
        let all: Vec<i64> = windows.into_iter().collect();
        assert_eq!(all.len(), 19, "a window came twice");
        assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 10), "a window is missing");
        starts.insert(all[0]);
    }
    assert_eq!(starts, (1..=10).collect(), "epochs begin at every place of a window");
    assert_eq!(data.train_example(3, 77), data.train_example(3, 77));
    assert_ne!(data.train_rows(3, 0, 19), data.train_rows(4, 0, 19));
}

#[test]
fn texts_that_cannot_be_used_are_refused() {
    for (bytes, settings, expected) in [
        (&b""[..], "", "leaves 0 bytes for the test part"),
        (b"short", ", length: 10", "`t.txt` leaves 1 bytes for the test part, which is no window of 10"),
        (
            b"a text that has but few windows",
            ", length: 10, test: 0.9",
            "leaves 3 bytes for the training part",
        ),
        (
            b"one\ntwo\xff",
            ", unit: characters",
            "`t.txt`, line 2: byte 7 of the file is not UTF-8 text; save",
        ),
        (b"text", ", length: 0", "setting `length`: an example of 0 tokens holds nothing;"),
        (b"text", ", test: 1.0", "setting `test`: 1 of the text cannot be set apart;"),
        (b"text", ", test: -0.5", "setting `test`: -0.5"),
    ] {
        let error = text(bytes, settings).map(|_| ()).expect_err("a refusal");
        assert!(error.contains(expected), "expected {expected:?}, got {error:?}");
    }
    let error = read(TempDir::new().expect("a folder").path(), "").map(|_| ()).expect_err("a refusal");
    assert!(error.starts_with("cannot read `t.txt`"), "{error}");
}

#[test]
fn what_a_person_types_is_read_and_printed() {
    let data =
        text("never odd or even. ".repeat(9).as_bytes(), ", unit: characters, length: 8").expect("a text");
    let typed = data.parse_puzzle("even").expect("a text");
    assert_eq!(
        (typed.inputs.len(), &typed.inputs[4..], &typed.labels[..]),
        (8, &[0; 4][..], &[NO_LABEL; 8][..])
    );
    assert_eq!(data.render(&typed.inputs, &typed.inputs), "even");
    assert!(data.parse_puzzle("evén").is_err() && data.parse_puzzle("never odd").is_err());
    let next = data.parse_puzzle("ven.").expect("a text").inputs;
    assert!(data.validate(&typed.inputs, &next).solved());
    assert_eq!(
        data.validate(&typed.inputs, &typed.inputs).to_string(),
        "not solved: 3 of the 3 characters that follow are not foretold"
    );
}
