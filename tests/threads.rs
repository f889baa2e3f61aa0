//! The number of threads changes no bit of a run: slices of the batch and the order of sums depend on the program alone.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::Command;

/// The environment of a run.
type Environment<'a> = &'a [(&'a str, &'a str)];

/// The weights after some steps of a small ToTRM, with clipping, a moving average and updates of its tables.
fn weights(
    precision: &str,
    (batch, threads): (usize, usize),
    more: &[&str],
    environment: Environment,
    folder: &Path,
) -> Vec<u8> {
    let out = folder.join(format!("{precision}-{batch}-{threads}"));
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tot-sudoku4.ron");
    let done = Command::new(env!("CARGO_BIN_EXE_totc"))
        .args(["run", run, "--threads", &threads.to_string(), "--out", &out.to_string_lossy()])
        .args(["--set", "length=steps(4)", "--set", &format!("batch={batch}"), "--set", "data.test=4"])
        .args(["--set", "evaluation.every=1_000", "--set", &format!("precision={precision}")])
        .args(more)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(out.join("checkpoint/weights.safetensors")).unwrap()
}

fn hold(precisions: &[&str], batch: usize, more: &[&str], environment: Environment) {
    let folder = tempfile::tempdir().unwrap();
    for precision in precisions {
        let of = |threads| weights(precision, (batch, threads), more, environment, folder.path());
        let one = of(1);
        for threads in [2, 3] {
            let same = one == of(threads);
            assert!(same, "{precision}, batch {batch}, {threads} threads");
        }
    }
}

#[test]
fn threads_change_no_bit_of_a_run() {
    hold(&["float32", "bfloat16"], 12, &[], &[]);
}

/// One sample is one slice, whose products are large enough here for several threads to share.
#[test]
fn threads_that_share_a_product_change_no_bit() {
    hold(&["float32", "bfloat16"], 1, &["--set", "hidden=512", "--set", "T=1", "--set", "n=2"], &[]);
}

/// MKL's AVX2 products split a sum by its own threads, of which the threads that compute slices must have one each.
#[test]
fn threads_of_libtorch_change_no_bit_either() {
    let avx2 = [("ATEN_CPU_CAPABILITY", "avx2"), ("MKL_ENABLE_INSTRUCTIONS", "AVX2")];
    let environment = [avx2[0], avx2[1], ("ONEDNN_MAX_CPU_ISA", "AVX2"), ("OMP_NUM_THREADS", "3")];
    hold(&["float32"], 12, &[], &environment);
}
