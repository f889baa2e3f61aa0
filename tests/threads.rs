//! The number of threads changes no bit of a run: slices of the batch and the order of sums depend on the program alone.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::Command;

/// The weights after some steps of a small ToTRM, with clipping, a moving average and updates of its tables.
fn weights(precision: &str, threads: usize, folder: &Path) -> Vec<u8> {
    let out = folder.join(format!("{precision}-{threads}"));
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tot-sudoku4.ron");
    let done = Command::new(env!("CARGO_BIN_EXE_totc"))
        .args(["run", run, "--threads", &threads.to_string(), "--out", &out.to_string_lossy()])
        .args(["--set", "length=steps(4)", "--set", "batch=12", "--set", "data.test=4"])
        .args(["--set", "evaluation.every=1_000", "--set", &format!("precision={precision}")])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(out.join("checkpoint/weights.safetensors")).unwrap()
}

#[test]
fn threads_change_no_bit_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    for precision in ["float32", "bfloat16"] {
        let one = weights(precision, 1, folder.path());
        for threads in [2, 3] {
            assert!(one == weights(precision, threads, folder.path()), "{precision}, {threads} threads");
        }
    }
}
