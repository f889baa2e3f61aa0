//! The number of threads changes no bit of a run: slices of the batch and the order of sums depend on the program alone.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::Command;

/// The weights after some steps of a small ToTRM, with clipping, a moving average and updates of its tables.
fn weights(precision: &str, batch: usize, threads: usize, more: &[&str], folder: &Path) -> Vec<u8> {
    let out = folder.join(format!("{precision}-{batch}-{threads}"));
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tot-sudoku4.ron");
    let done = Command::new(env!("CARGO_BIN_EXE_totc"))
        .args(["run", run, "--threads", &threads.to_string(), "--out", &out.to_string_lossy()])
        .args(["--set", "length=steps(4)", "--set", &format!("batch={batch}"), "--set", "data.test=4"])
        .args(["--set", "evaluation.every=1_000", "--set", &format!("precision={precision}")])
        .args(more)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(out.join("checkpoint/weights.safetensors")).unwrap()
}

fn hold(batch: usize, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    for precision in ["float32", "bfloat16"] {
        let one = weights(precision, batch, 1, more, folder.path());
        for threads in [2, 3] {
            let same = one == weights(precision, batch, threads, more, folder.path());
            assert!(same, "{precision}, batch {batch}, {threads} threads");
        }
    }
}

#[test]
fn threads_change_no_bit_of_a_run() {
    hold(12, &[]);
}

/// One sample is one slice, whose products are large enough here for several threads to share.
#[test]
fn threads_that_share_a_product_change_no_bit() {
    hold(1, &["--set", "hidden=512", "--set", "T=1", "--set", "n=2"]);
}
