//! Optimisers and learning-rate curves against PyTorch 2.13.0 over ten steps, in float64. The numbers are what its classes
//! gave for the same weights, gradients and steps; `tests/golden.rs` holds AdamW and Adam-atan2 on whole models.
#![cfg(feature = "torch")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use tch::{Kind, Tensor};
use totc::train::optimiser::{MainOptimiser, Treatment};
use totc::train::schedule::factor;
use totc::train::{Curve, Optimiser, Schedule};

fn optimiser(name: &str, options: &[(&str, f64)]) -> MainOptimiser {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let config = Optimiser { name: name.to_owned(), options, ..Optimiser::default() };
    MainOptimiser::new(&config).unwrap_or_else(|error| panic!("{error}"))
}

/// Three weights after ten steps at 0.05 with a weight decay of 0.1; the gradient at step t is 0.5 w + cos(i + t).
fn after_ten_steps(name: &str, options: &[(&str, f64)]) -> Vec<f64> {
    let mut optimiser = optimiser(name, options);
    let weight = Tensor::from_slice(&[1.0, -2.0, 0.5]);
    assert_eq!(weight.kind(), Kind::Double);
    let treatment = Treatment { lr: 0.1, weight_decay: 0.1, frozen: false, outputs: 0 };
    for step in 1..=10 {
        let places: Vec<f64> = (0..3).map(|place| f64::from(place + step).cos()).collect();
        let gradient = &weight * 0.5 + Tensor::from_slice(&places);
        optimiser.update("w", &weight, &gradient, treatment, 0.5).unwrap_or_else(|error| panic!("{error}"));
    }
    Vec::try_from(&weight).expect("three numbers")
}

/// A few dozen float64 operations on numbers of size 1, each rounded by 1.1e-16: below 1e-14, and a decade of room.
const TOLERANCE: f64 = 1e-13;

fn assert_near(found: &[f64], wanted: &[f64], what: &str) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() < TOLERANCE, "{what}: {found} in place of {wanted}");
    }
}

/// `torch.optim.SGD`.
#[test]
fn sgd_is_pytorchs() {
    type Options = &'static [(&'static str, f64)];
    let cases: &[(Options, [f64; 3])] = &[
        (&[], [0.16077057172674658, 0.13721718626644608, 0.17526545295908338]),
        (&[("nesterov", 1.0)], [0.17024363440753598, 0.19876366200662346, 0.13655059226626023]),
        (
            &[("momentum", 0.8), ("dampening", 0.3)],
            [0.4488697765280509, -0.6466284802285521, 0.34279023679485227],
        ),
        (&[("momentum", 0.0)], [0.8043162232916357, -1.3902626073762465, 0.39322360665199807]),
    ];
    for (options, wanted) in cases {
        assert_near(&after_ten_steps("sgd", options), wanted, &format!("{options:?}"));
    }
    let refused = Optimiser {
        name: "sgd".to_owned(),
        options: BTreeMap::from([("nesterov".to_owned(), 1.0), ("momentum".to_owned(), 0.0)]),
        ..Optimiser::default()
    };
    assert!(MainOptimiser::new(&refused).is_err_and(|error| error.to_string().contains("needs a momentum")));
}

/// `torch.optim.AdamW`; Muon moves what is no matrix by the same rule.
#[test]
fn adamw_is_pytorchs() {
    let wanted = [0.7108775157338983, -1.4806811964490305, 0.475866958958501];
    assert_near(&after_ten_steps("adamw", &[]), &wanted, "adamw");
    assert_near(&after_ten_steps("muon", &[]), &wanted, "muon");
}

/// A matrix `sin(1 + 3 i + j)` after ten steps at 0.05 with a weight decay of 0.1; the gradient at step t is
/// 0.5 w + cos(2 i + j² + t). `shape` may have several axes that are rows.
fn matrix_after_ten_steps(shape: &[i64], outputs: usize, options: &[(&str, f64)]) -> Vec<f64> {
    let mut optimiser = optimiser("muon", options);
    let columns: i64 = shape[outputs..].iter().product();
    let count: i64 = shape.iter().product();
    let tensor = |entry: &dyn Fn(f64, f64) -> f64| {
        let entries: Vec<f64> =
            (0..count).map(|at| entry((at / columns) as f64, (at % columns) as f64)).collect();
        Tensor::from_slice(&entries).reshape(shape)
    };
    let weight = tensor(&|i, j| (1.0 + 3.0 * i + j).sin());
    let treatment = Treatment { lr: 0.1, weight_decay: 0.1, frozen: false, outputs };
    for step in 1..=10 {
        let gradient = &weight * 0.5 + tensor(&|i, j| (2.0 * i + j * j + f64::from(step)).cos());
        optimiser.update("w", &weight, &gradient, treatment, 0.5).unwrap_or_else(|error| panic!("{error}"));
    }
    Vec::try_from(&weight.reshape([-1])).expect("numbers")
}

/// `torch.optim.Muon`, whose iteration was given float64 in place of bfloat16; what it gives in bfloat16 is within 4e-3 of
/// these. Ten steps of five iterations, each a cubic of the one before: the quintic's slope of 3.4 lets roundings grow to
/// 3.4⁵ · 1.1e-16 = 5e-14 a step at most, 5e-13 of ten, times the step of 0.02.
#[test]
fn muon_is_pytorchs() {
    let matched = [
        0.7473417402525833,
        0.8593272912908793,
        -0.6540499779464429,
        -0.8975398737325664,
        0.5905880293118823,
        0.8519782638762784,
    ];
    assert_near(&matrix_after_ten_steps(&[3, 2], 1, &[]), &matched, "tall");
    assert_near(&matrix_after_ten_steps(&[3, 1, 2], 2, &[]), &matched, "two axes of rows");
    let original = [
        0.6190189196470985,
        0.8232309708125768,
        -0.4935613235359675,
        -0.8586263809415875,
        0.517286966168207,
        0.6234512332967616,
    ];
    assert_near(&matrix_after_ten_steps(&[3, 2], 1, &[("match_rms", 0.0)]), &original, "original");
    let plain = [
        0.7623564901437567,
        0.8473768834934925,
        0.06811558562290954,
        -0.6523211245743846,
        -0.8544977041952514,
        -0.24468689491838977,
    ];
    let options = [("nesterov", 0.0), ("momentum", 0.8), ("ns_steps", 3.0)];
    assert_near(&matrix_after_ten_steps(&[2, 3], 1, &options), &plain, "wide, without Nesterov");
}

type Rows = Vec<Vec<f64>>;

fn product(a: &Rows, b: &Rows) -> Rows {
    let entry = |row: &Vec<f64>, j: usize| row.iter().zip(b).map(|(x, other)| x * other[j]).sum();
    a.iter().map(|row| (0..b[0].len()).map(|j| entry(row, j)).collect()).collect()
}

/// One step by hand: the first momentum is a twentieth of the gradient, and its scale does not count.
#[test]
fn a_step_of_muon_is_the_iteration_by_hand() {
    let gradient: Rows = (0..4).map(|i| (0..3).map(|j| f64::from(i * i + 2 * j).sin()).collect()).collect();
    let norm = gradient.concat().iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut x: Rows = gradient.iter().map(|row| row.iter().map(|x| x / norm).collect()).collect();
    for _ in 0..5 {
        let turned: Rows = (0..3).map(|j| x.iter().map(|row| row[j]).collect()).collect();
        // (x xᵀ) x, and that once more from the left.
        let third = product(&x, &product(&turned, &x));
        let fifth = product(&third, &product(&turned, &x));
        let entry = |i: usize, j: usize| 3.4445 * x[i][j] - 4.7750 * third[i][j] + 2.0315 * fifth[i][j];
        x = (0..4).map(|i| (0..3).map(|j| entry(i, j)).collect()).collect();
    }
    let weight = Tensor::zeros([4, 3], (Kind::Double, tch::Device::Cpu));
    let treatment = Treatment { lr: 0.1, weight_decay: 0.0, frozen: false, outputs: 1 };
    let gradient = Tensor::from_slice(&gradient.concat()).reshape([4, 3]);
    optimiser("muon", &[]).update("w", &weight, &gradient, treatment, 1.0).expect("a step");
    let wanted: Vec<f64> = x.concat().iter().map(|x| -0.1 * 0.2 * 2.0 * x).collect();
    assert_near(&Vec::try_from(&weight.reshape([-1])).expect("numbers"), &wanted, "one step");
}

/// Its memory of matrices and of other weights is saved and read again: a resumed run has the bits of one without a stop.
#[test]
fn a_run_by_muon_is_resumed_to_the_same_bits() {
    let place = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let command = Command::new(env!("CARGO_BIN_EXE_totc"))
            .current_dir(place.path())
            .args(["run", "r.ron", "--device", "cpu", "--threads", "1"])
            .args(args)
            .output()
            .expect("totc starts");
        assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
    };
    let text = "Run(model: \"mine.tot\", name: \"Mine\", set: { \"hidden\": 16, \"heads\": 2, \"layers\": 1, \"n\": 1, \"T\": 1 }, \
                data: sudoku(side: 4, train: 8, test: 4), batch: 4, length: steps(4), optimiser: (name: \"muon\", lr: 1e-3))";
    std::fs::write(place.path().join("r.ron"), text).expect("a file");
    std::fs::write(place.path().join("mine.tot"), "use models::trm::Trm\n\nmodel Mine extends Trm {\n}\n")
        .expect("a file");
    run(&["--out", "whole"]);
    run(&["--out", "parts", "--stop-after", "2"]);
    run(&["--out", "parts", "--resume"]);
    let weights = |folder: &str| {
        let path = Path::new(folder).join("checkpoint/weights.safetensors");
        std::fs::read(place.path().join(path)).expect("weights")
    };
    assert!(weights("whole") == weights("parts"));
}

/// `SequentialLR` of `LinearLR` over 4 steps of warm-up, and `ConstantLR`, `LinearLR` or `CosineAnnealingLR` over 10 more, down
/// to a tenth; of warmup-stable-decay 5 steps each.
#[test]
fn curves_are_pytorchs() {
    let cases = [
        (Curve::Constant, [1.0; 10]),
        (Curve::Linear, [1.0, 0.91, 0.82, 0.73, 0.64, 0.55, 0.46, 0.37, 0.28, 0.19]),
        (
            Curve::Cosine,
            [
                1.0,
                0.9779754323328191,
                0.9140576474687263,
                0.8145033635316129,
                0.6890576474687263,
                0.55,
                0.41094235253127376,
                0.2854966364683872,
                0.18594235253127372,
                0.12202456766718092,
            ],
        ),
        (Curve::WarmupStableDecay, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.82, 0.64, 0.46, 0.28]),
    ];
    for (curve, falling) in cases {
        let schedule = Schedule { warmup: 4, floor: 0.1, curve, decay: 5.0 / 14.0 };
        let found: Vec<f64> = (0..14).map(|step| factor(&schedule, step, 14)).collect();
        assert_near(&found, &[&[0.0, 0.25, 0.5, 0.75], &falling[..]].concat(), &format!("{curve:?}"));
        let last = if curve == Curve::Constant { 1.0 } else { 0.1 };
        assert_near(
            &[factor(&schedule, 14, 14), factor(&schedule, 20, 14)],
            &[last; 2],
            &format!("{curve:?}"),
        );
    }
}
