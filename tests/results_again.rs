//! A saved result is trained again, up to the first record of its log, by the settings of its sweep file, and must come to the
//! losses that are saved: to the same bits on a processor of the same kind, elsewhere as near as other kernels round.
#![cfg(feature = "torch")]

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use totc::run_file::load_sweep;
use totc::sweep::{FirstRecord, Saved, SavedRun, SavedVariant};
use totc::train::run::{LIBTORCH, Machine, RunOptions, run};
use totc::train::{MetricsLog, processor};

/// Roundings along the longest chain of a loss of `examples/trm-sudoku4.ron`: 4 supervision steps of 8 calls of a net of 2
/// layers with 6 products each, of 64 terms.
const ROUNDINGS: f64 = (4 * 8 * 2 * 6 * 64) as f64;

/// By how much a loss may differ where other kernels add in another order, as a share of it: roundings of 2⁻²⁴ go either way, so
/// the root of their number, and an order of magnitude of room for what 50 steps make of it. The kernels for AVX2 and those
/// without AVX differ from those for AVX-512 by 3.5e-8 and 2.2e-7.
fn bound() -> f64 {
    10.0 * ROUNDINGS.sqrt() / f64::from(1 << 24)
}

/// Of all saved runs on a CPU the one that takes the fewest operations, with the sweep file beside it.
fn cheapest(saved: &[(PathBuf, Saved)]) -> (&Path, &Saved, &SavedVariant, &SavedRun) {
    let runs = saved.iter().flat_map(|(path, saved)| {
        let of_variant = move |variant: &'_ SavedVariant| variant.flops;
        saved.variants.iter().flat_map(move |variant| {
            let on_cpu =
                |run: &&SavedRun| run.machines.iter().all(|place| saved.machines[*place].device == "cpu");
            let cost = move |run: &SavedRun| of_variant(variant) as f64 * run.first.step as f64;
            variant
                .runs
                .iter()
                .filter(on_cpu)
                .map(move |run| (cost(run), (path.as_path(), saved, variant, run)))
        })
    });
    runs.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a run on a CPU").1
}

fn difference(found: f64, wanted: f64) -> f64 {
    (found - wanted).abs() / wanted.abs()
}

#[test]
fn a_saved_run_comes_to_the_same_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let entries = std::fs::read_dir(folder).expect("results").flatten().map(|entry| entry.path());
    let json = entries.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    let saved: Vec<(PathBuf, Saved)> =
        json.map(|path| (path.with_extension("ron"), Saved::read(&path).expect("saved results"))).collect();
    let (sweep, saved, variant, before) = cheapest(&saved);
    let file = load_sweep(sweep).unwrap_or_else(|error| panic!("{error}"));
    let of_file = file.variants.iter().find(|known| known.label == variant.label).expect("its variant");
    let out = tempfile::tempdir().expect("a folder");
    let out = out.path().join("run");
    let more = [format!("seed={}", before.seed), format!("out={out:?}")];
    let again = file.open(of_file, &more).unwrap_or_else(|error| panic!("{error}"));
    let options = RunOptions {
        machine: Machine { device: "cpu".to_owned(), threads: None },
        stop_after: Some(before.first.step),
        ..RunOptions::default()
    };
    run(&again, &options, &mut (), &AtomicBool::new(false)).unwrap_or_else(|error| panic!("{error}"));
    let records = MetricsLog::read(&out).expect("a log");
    let first = records.first().expect("a record");
    let found =
        FirstRecord { step: first.step, losses: first.losses.clone(), gradient_norm: first.gradient_norm };

    let kind = processor::kind();
    let alike =
        |place: &usize| saved.machines[*place].kind == kind && saved.machines[*place].libtorch == LIBTORCH;
    let same_kind = !kind.is_empty() && !before.machines.is_empty() && before.machines.iter().all(alike);
    let what =
        format!("{} of {}, seed {}, step {}", variant.label, saved.title, before.seed, before.first.step);
    let names = |record: &FirstRecord| record.losses.keys().cloned().collect::<Vec<_>>();
    assert_eq!((found.step, names(&found)), (before.first.step, names(&before.first)), "{what}");
    let largest = found
        .losses
        .iter()
        .map(|(name, loss)| (difference(*loss, before.first.losses[name]), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .expect("a loss");
    if same_kind {
        eprintln!("{what}: compared BIT FOR BIT, this processor is of the saved kind ({kind})");
        assert_eq!(found, before.first, "{what}: the processor is of the same kind, and the bits are others");
    } else {
        eprintln!(
            "{what}: compared WITHIN ROUNDING, not bit for bit: this processor is `{kind}`, the saved one another; the largest \
             difference is {:.1e} of {}, allowed are {:.1e}",
            largest.0,
            largest.1,
            bound()
        );
        assert!(largest.0 < bound(), "{what}: {found:?}, {:?} are saved", before.first);
    }

    // Were it another seed, it would be seen.
    for other in variant.runs.iter().filter(|other| other.seed != before.seed) {
        let total = other.first.losses["total"];
        assert!(
            difference(total, before.first.losses["total"]) > 2.0 * bound(),
            "seed {}: {total}",
            other.seed
        );
    }
}
