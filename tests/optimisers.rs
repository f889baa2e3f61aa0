//! Optimisers and learning-rate curves against PyTorch 2.13.0 over ten steps, in float64. The numbers are what its classes
//! gave for the same weights, gradients and steps; `tests/golden.rs` holds AdamW and Adam-atan2 on whole models.
#![cfg(feature = "torch")]

use std::collections::BTreeMap;

use tch::{Kind, Tensor};
use totc::train::optimiser::{MainOptimiser, Treatment};
use totc::train::schedule::factor;
use totc::train::{Curve, Optimiser, Schedule};

/// Three weights after ten steps at 0.05 with a weight decay of 0.1; the gradient at step t is 0.5 w + cos(i + t).
fn after_ten_steps(name: &str, options: &[(&str, f64)]) -> Vec<f64> {
    let options: BTreeMap<String, f64> =
        options.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let config = Optimiser { name: name.to_owned(), options, ..Optimiser::default() };
    let mut optimiser = MainOptimiser::new(&config).unwrap_or_else(|error| panic!("{error}"));
    let weight = Tensor::from_slice(&[1.0, -2.0, 0.5]);
    assert_eq!(weight.kind(), Kind::Double);
    let treatment = Treatment { lr: 0.1, weight_decay: 0.1, frozen: false };
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
