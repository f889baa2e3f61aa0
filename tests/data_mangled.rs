//! Puzzle files whose bytes are changed, cut or lengthened at random, packed or not: read or refused in words, never more.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use totc::data::sudoku::rate;
use totc::data::{DataSpec, open};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(name)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("memory");
    out.finish().expect("memory")
}

/// Numbers below `n`, by xorshift64: any fixed sequence will do.
fn draws(mut state: u64) -> impl FnMut(usize) -> usize {
    move |n| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n.max(1) as u64) as usize
    }
}

fn mangled(whole: &[u8], below: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    match below(5) {
        0 => bytes.truncate(below(whole.len())),
        1 => bytes.extend((0..below(60)).map(|byte| byte as u8)),
        2 => {
            let from = below(whole.len());
            bytes.drain(from..(from + 1 + below(200)).min(whole.len()));
        }
        3 => (0..=below(4)).for_each(|_| bytes[below(whole.len())] = b",\"\n.019\xff"[below(8)]),
        _ => (0..=below(4)).for_each(|_| bytes[below(whole.len())] = below(256) as u8),
    }
    bytes
}

#[test]
fn mangled_puzzle_files_never_end_the_program() {
    let folder = TempDir::new().expect("a folder");
    let (train, test) = (golden("sudoku-tiny-src/train.csv"), golden("sudoku-tiny-src/test.csv"));
    fs::write(folder.path().join("test.csv"), fs::read(test).expect("a file")).expect("a file");
    let plain = fs::read(train).expect("a file");
    let spec: DataSpec =
        ron::from_str("sudoku_csv(train: \"train.csv\", test: \"test.csv\", augmentations: 3)")
            .expect("settings");
    let mut below = draws(7);
    let (mut refused, mut rated) = (0, 0);
    for round in 0..200 {
        let whole = if round % 2 == 0 { plain.clone() } else { packed(&plain) };
        let path = folder.path().join("train.csv");
        fs::write(&path, mangled(&whole, &mut below)).expect("a file");
        match open(&spec, folder.path()) {
            Ok(data) => assert_eq!(data.train_rows(1, 0, 5).n, 5),
            Err(error) => {
                refused += 1;
                let error = error.to_string();
                assert!(error.contains("train.csv") && error.len() < 2_000, "{error}");
            }
        }
        rated += usize::from(rate::each(&path, |_| ()).is_ok());
    }
    assert!(refused > 100 && rated > 3, "{refused} refused, {rated} rated");
}

#[test]
fn mangled_parquet_files_never_end_the_program() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("test"), "question,answer\n1234341221434...,1234341221434321\n")
        .expect("a file");
    let spec: DataSpec = ron::from_str("sudoku_csv(train: \"train\", test: \"test\")").expect("settings");
    let mut below = draws(13);
    let mut refused = 0;
    for round in 0..400 {
        let whole =
            fs::read(golden(["parquet/snappy.parquet", "parquet/zstd.parquet"][round % 2])).expect("a file");
        fs::write(folder.path().join("train"), mangled(&whole, &mut below)).expect("a file");
        if let Err(error) = open(&spec, folder.path()) {
            refused += 1;
            let error = error.to_string();
            assert!(error.contains("train") && error.len() < 2_000, "{error}");
        }
    }
    assert!(refused > 100, "{refused} refused");
}

#[test]
fn mangled_texts_never_end_the_program() {
    let folder = TempDir::new().expect("a folder");
    let whole = "Jede Zahl ist gerade oder ungerade; größer als null.\n".repeat(8).into_bytes();
    let spec: DataSpec =
        ron::from_str("text(path: \"t.txt\", unit: characters, length: 16)").expect("settings");
    let mut below = draws(11);
    let mut refused = 0;
    for _ in 0..300 {
        fs::write(folder.path().join("t.txt"), mangled(&whole, &mut below)).expect("a file");
        match open(&spec, folder.path()) {
            Ok(data) => {
                let symbols = data.sizes().symbol as i64;
                let rows = data.train_rows(1, 0, 50);
                assert!(rows.inputs.iter().chain(&rows.labels).all(|token| (1..symbols).contains(token)));
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("t.txt"), "{error}");
            }
        }
    }
    assert!(refused > 30, "{refused} refused");
}
