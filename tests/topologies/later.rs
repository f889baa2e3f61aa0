//! What 2026 added.

use tch::{Kind, Tensor};
use totc::ir::Mode;

use crate::lab::{Lab, ROUNDING, differ, near, small};

const SHORT: &[(&str, &str)] = &[("n", "3"), ("T", "2")];

/// Weights of a trained TRM are PTRM's, and without noise it is TRM.
#[test]
fn ptrm_without_noise_is_trm() {
    let (ptrm, trm) = (Lab::shipped("ptrm", "Ptrm", SHORT), Lab::shipped("trm", "Trm", SHORT));
    assert!(ptrm.weights.tensors.keys().eq(trm.weights.tensors.keys()));
    let (ptrm, trm) = (ptrm.run(), trm.run());
    for (name, value) in &trm.outputs {
        near(name, ptrm.get(name), value);
    }
}

/// With noise each rollout goes its own way, at evaluation too.
#[test]
fn ptrm_rolls_out() {
    let text = "use models::ptrm::Ptrm\nmodel Case extends Ptrm {}";
    let sets = small(&[("n", "3"), ("T", "2"), ("sigma", "0.5")]);
    let lab = Lab::of(text, &sets, Mode::Evaluation);
    let (one, other) = (lab.run(), lab.run());
    differ("two rollouts", one.get("predict.logits"), other.get("predict.logits"));
}

/// The noise is added once per supervision step, is standard normal, and is as large as sigma says: a net that hands on
/// what it is given shows it, where question and answer are zero.
#[test]
fn ptrm_shakes_the_latent_by_sigma() {
    let text = "use models::ptrm::Ptrm
        net Same() { fn (x) { return x } }
        model Case extends Ptrm { net f = Same() }";
    let sets = small(&[("n", "1"), ("T", "1"), ("sigma", "0.25"), ("hidden", "256")]);
    let mut lab = Lab::of(text, &sets, Mode::Evaluation);
    lab.inputs.fresh = Tensor::from_slice(&[false, false]);
    lab.zero("embed.weight");
    lab.zero("prompt.rows");
    let silent = lab.inputs.states["y"].zeros_like();
    lab.inputs.states.insert("y".to_owned(), silent);
    let moved = lab.run().get("state.z") - &lab.inputs.states["z"];
    // Of 2 · 6 · 256 draws, mean and deviation stray by 0.0045 and 0.0032: six times that, whatever the generator.
    let (mean, std) = (moved.mean(Kind::Double).double_value(&[]), moved.std(true).double_value(&[]));
    assert!(mean.abs() < 0.03 && (std - 0.25).abs() < 0.02, "mean {mean}, deviation {std}");
}

/// The loss of the answer alone is weighted: λ^(t-1) / Σ λ^(s-1) at step t; and `decay = 1` weighs all steps alike.
#[test]
fn cgar_weighs_supervision_steps() {
    let plain = Lab::shipped("trm", "Trm", SHORT).run();
    let sets = |decay| [("n", "3"), ("T", "2"), ("decay", decay), ("max_steps", "4")];
    // The two rows are at steps 1 and 3 of 4.
    for (decay, weights) in
        [("1", [0.25, 0.25]), ("0.5", [1.0 / 1.875, 0.25 / 1.875]), ("0.7", [1.0 / 2.533, 0.49 / 2.533])]
    {
        let cgar = Lab::shipped("cgar", "Cgar", &sets(decay)).run();
        let weights = Tensor::from_slice(&weights);
        near(decay, cgar.get("loss.answering"), &(plain.get("loss.answering") * weights));
        near(decay, cgar.get("loss.halting"), plain.get("loss.halting"));
    }
}

/// Every cycle's answer is held against the labels: the losses of TRMs with one, two and three cycles, weighted.
#[test]
fn dense_supervision_is_that_of_every_cycle() {
    let cycles = ["1", "2", "3"].map(|cycles| Lab::shipped("trm", "Trm", &[("n", "3"), ("T", cycles)]).run());
    for (growth, weights) in [("1", [1.0, 1.0, 1.0]), ("2", [1.0, 2.0, 4.0])] {
        let sets = [("n", "3"), ("T", "3"), ("growth", growth)];
        let dense = Lab::shipped("dense", "DenseTrm", &sets).run();
        near("logits", dense.get("predict.logits"), cycles[2].get("predict.logits"));
        let parts = cycles.iter().zip(weights).map(|(cycle, weight)| cycle.get("loss.answering") * weight);
        let sum: f64 = weights.iter().sum();
        let wanted = parts.reduce(|sum, part| sum + part).unwrap() / sum;
        near(growth, dense.get("loss.answering"), &wanted);
    }
}

/// The first cycles learn too, which TRM's do not: from a question that only they see.
#[test]
fn dense_supervision_has_gradient_in_all_cycles() {
    let dense = Lab::shipped("dense", "DenseTrm", &[("n", "1"), ("T", "2")]).run();
    let trm = Lab::shipped("trm", "Trm", &[("n", "1"), ("T", "2")]).run();
    differ("f", dense.gradient("f.layers.0.mlp.down.weight"), trm.gradient("f.layers.0.mlp.down.weight"));
}

fn urm(loops: &str, backward: &str) -> Lab {
    let mut lab = Lab::shipped("urm", "Urm", &[("loops", loops), ("backward", backward)]);
    lab.inputs.fresh = Tensor::from_slice(&[false, false]);
    lab
}

/// How many loops have gradient changes no value.
#[test]
fn urm_computes_the_same_with_any_gradient() {
    let all = urm("3", "3").run();
    for backward in ["0", "1", "2"] {
        let some = urm("3", backward).run();
        near(backward, some.get("predict.logits"), all.get("predict.logits"));
    }
    let (one, all) = (urm("3", "1").run(), all);
    differ("f", one.gradient("f.layers.0.mlp.down.weight"), all.gradient("f.layers.0.mlp.down.weight"));
}

/// Gradient through the last loops only: that of a step which starts where the others have led to.
#[test]
fn urm_learns_through_its_last_loops() {
    for (before, last, all) in [("2", "1", "3"), ("1", "2", "3")] {
        let led = urm(before, before).run();
        let mut from_there = urm(last, last);
        from_there.inputs.states.insert("y".to_owned(), led.get("state.y").detach());
        let (whole, part) = (urm(all, last).run(), from_there.run());
        near("logits", whole.get("predict.logits"), part.get("predict.logits"));
        for (path, gradient) in &part.gradients {
            if gradient.defined() {
                near(path, whole.gradient(path), gradient);
            }
        }
    }
}

/// The question is injected at every loop: y <- f(y + x).
#[test]
fn urm_injects_the_question_at_every_loop() {
    let (one, mut two) = (urm("1", "1").run(), urm("1", "1"));
    two.inputs.states.insert("y".to_owned(), one.get("state.y").detach());
    near("y", two.run().get("state.y"), urm("2", "2").run().get("state.y"));
    let trm = "use models::trm::Trm
        use std::nets::{BlockAround, ConvSwiGLU, Stack}
        model Case extends Trm {
            net f = Stack(layers, BlockAround(pos, dim, heads, ConvSwiGLU(pos, dim, expansion, taps = 2)))
            think { z <- z  y <- f(f(y + x) + x) }
        }";
    let mut written_out = Lab::trm(trm, &[]);
    written_out.inputs.fresh = Tensor::from_slice(&[false, false]);
    near("y", written_out.run().get("state.y"), urm("2", "2").run().get("state.y"));
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// down(silu(convolution(silu(gate) * up))), as the published `ConvSwiGLU`: each feature's kernel sees the token before
/// and this one (PyTorch's `Conv1d` with two taps, padding 1, cut to the length), and adds a bias.
#[test]
fn conv_swiglu_is_its_formula() {
    const CELLS: usize = 3;
    const DIM: usize = 4;
    const INNER: usize = 256;
    let text = format!(
        "use std::nets::ConvSwiGLU
        model Case {{
            axis batch
            axis cell = {CELLS}
            axis dim = {DIM}
            state z: float [batch, cell, dim] = 0
            net g = ConvSwiGLU(cell, dim, expansion = 1)
            think {{ let out = g(z)  z <- z }}
            loss size = sum(out ^ 2, over (cell, dim))
        }}"
    );
    let mut lab = Lab::of(&text, &[], Mode::Training);
    lab.inputs.fresh = Tensor::from_slice(&[false, false]);
    let ours = numbers(lab.run().get("value.out"));
    let z = numbers(&lab.inputs.states["z"]);
    let part = |name: &str| numbers(lab.weight(&format!("g.{name}")));
    let (gate_up, down) = (part("gate_up.weight"), part("down.weight"));
    let (kernel, bias) = (part("convolution.weight"), part("convolution.bias"));
    assert_eq!((gate_up.len(), kernel.len(), bias.len()), (2 * INNER * DIM, 2 * INNER, INNER));
    for batch in 0..2 {
        let mut inner = vec![[0.0; INNER]; CELLS];
        for (cell, row) in inner.iter_mut().enumerate() {
            let token = &z[(batch * CELLS + cell) * DIM..][..DIM];
            let product = |row: usize| -> f64 {
                gate_up[row * DIM..][..DIM].iter().zip(token).map(|(weight, z)| weight * z).sum()
            };
            for (feature, value) in row.iter_mut().enumerate() {
                *value = silu(product(feature)) * product(INNER + feature);
            }
        }
        for cell in 0..CELLS {
            for out in 0..DIM {
                let sum: f64 = (0..INNER)
                    .map(|feature| {
                        let before = if cell > 0 { inner[cell - 1][feature] } else { 0.0 };
                        let taps =
                            kernel[2 * feature] * before + kernel[2 * feature + 1] * inner[cell][feature];
                        down[out * INNER + feature] * silu(taps + bias[feature])
                    })
                    .sum();
                let ours = ours[(batch * CELLS + cell) * DIM + out];
                assert!((ours - sum).abs() < ROUNDING, "cell {cell}: {ours} instead of {sum}");
            }
        }
    }
}
