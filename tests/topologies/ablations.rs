//! The ablations of the TRM paper that no fixture covers.

use tch::Tensor;

use crate::lab::{Lab, PRECISION, differ, near};

const SHORT: &[(&str, &str)] = &[("n", "3"), ("T", "2")];

/// One expert that is always chosen is an ordinary feed-forward net.
#[test]
fn a_mixture_of_one_is_none() {
    let sets = [("n", "3"), ("T", "2"), ("experts", "1"), ("active", "1")];
    let mut mixture = Lab::shipped("ablations", "TrmMixture", &sets);
    let trm = Lab::shipped("trm", "Trm", SHORT);
    for part in ["gate_up", "down"] {
        let (path, weight) = (format!("f.layers.0.mlp.{part}"), format!("f.layers.0.mlp.{part}.weight"));
        let own = mixture.weights.tensors.keys().find(|known| known.starts_with(&path)).unwrap().clone();
        mixture.set(&own, &trm.weight(&weight).copy());
    }
    let (mixture, trm) = (mixture.run(), trm.run());
    near("logits", mixture.get("predict.logits"), trm.get("predict.logits"));
    near("embedding", mixture.gradient("embed.weight"), trm.gradient("embed.weight"));
}

/// All experts chosen is not the same as the two that the gate likes.
#[test]
fn the_gate_chooses() {
    let mixture = |active| {
        let sets = [("n", "2"), ("T", "1"), ("experts", "4"), ("active", active)];
        Lab::shipped("ablations", "TrmMixture", &sets).run()
    };
    let (two, four) = (mixture("2"), mixture("4"));
    differ("logits", two.get("predict.logits"), four.get("predict.logits"));
}

/// The head is the embedding: logits are products with it, and its gradient comes from both ends.
#[test]
fn a_tied_head_is_the_embedding() {
    let lab = Lab::shipped("ablations", "TrmTied", SHORT);
    let names: Vec<&str> = lab.weights.tensors.keys().map(String::as_str).collect();
    assert!(!names.iter().any(|name| name.starts_with("answer_head")), "{names:?}");
    let tokens = names.iter().find(|name| lab.weight(name).size() == [5, 16]).unwrap().to_string();
    let step = lab.run();
    let cells = step.get("state.y").narrow(1, 2, 4);
    near("logits", step.get("predict.logits"), &cells.matmul(&lab.weight(&tokens).transpose(0, 1)));
    // No cell asks with the symbol 4, so only the head moves it.
    assert!(lab.inputs.data["question"].eq(4).any().int64_value(&[]) == 0);
    let moved = step.gradient(&tokens).abs().sum_dim_intlist(1i64, false, PRECISION);
    assert_eq!(moved.gt(0.0).all().int64_value(&[]), 1);
}

/// A tolerance of nothing is never reached, so that all iterations run; gradient passes through the last update only.
#[test]
fn iteration_without_tolerance_is_one_step_gradient() {
    let fixed =
        Lab::shipped("ablations", "TrmFixedPoint", &[("n", "3"), ("T", "2"), ("tolerance", "0")]).run();
    let unrolled = Lab::shipped("trm", "TrmOneStepGradient", &[("n", "4"), ("T", "2")]).run();
    for name in ["predict.logits", "state.y", "state.z"] {
        near(name, fixed.get(name), unrolled.get(name));
    }
    for (path, gradient) in &unrolled.gradients {
        if gradient.defined() {
            near(path, fixed.gradient(path), gradient);
        }
    }
}

/// Where everything is within the tolerance, the first iteration is the last.
#[test]
fn iteration_stops_at_the_tolerance() {
    let sets = [("n", "8"), ("T", "1"), ("tolerance", "1")];
    let fixed = Lab::shipped("ablations", "TrmFixedPoint", &sets).run();
    // The latent itself is how much has moved before the first: just not more than its own size.
    let once = Lab::shipped("trm", "Trm", &[("n", "1"), ("T", "1")]).run();
    near("logits", fixed.get("predict.logits"), once.get("predict.logits"));
}

/// Four layers are two pairs of two.
#[test]
fn four_layers_are_deeper() {
    let deep = Lab::shipped("ablations", "TrmFourLayers", &[("layers", "4"), ("T", "1")]);
    assert!(deep.weights.tensors.contains_key("f.layers.3.mlp.down.weight"));
    let flat = Lab::shipped("trm", "Trm", &[("layers", "4"), ("n", "3"), ("T", "1")]).run();
    near("logits", deep.run().get("predict.logits"), flat.get("predict.logits"));
}

/// No puzzle tokens: the cells alone, the first of which is read for halting.
#[test]
fn without_puzzle_tokens_there_are_only_cells() {
    let lab = Lab::shipped("trm", "Trm", &[("puzzle_tokens", "0"), ("n", "2"), ("T", "1")]);
    assert_eq!(lab.inputs.states["y"].size(), [2, 4, 16]);
    let step = lab.run();
    let first = step.get("state.y").select(1, 0);
    let weight = lab.weight("halt_head.weight").select(0, 0);
    let halt = first.matmul(&weight) + lab.weight("halt_head.bias").get(0);
    near("halt logit", step.get("value.halt_logit"), &halt);
    // Another task changes nothing.
    let mut other = Lab::shipped("trm", "Trm", &[("puzzle_tokens", "0"), ("n", "2"), ("T", "1")]);
    other.inputs.data.insert("puzzle".to_owned(), Tensor::from_slice(&[2i64, 0]));
    near("logits", other.run().get("predict.logits"), step.get("predict.logits"));
}

/// Two networks that are equal are one.
#[test]
fn two_equal_networks_are_one() {
    let mut two = Lab::shipped("trm", "TrmTwoNets", SHORT);
    let one = Lab::shipped("trm", "Trm", SHORT).run();
    differ("logits", two.run().get("predict.logits"), one.get("predict.logits"));
    let paths: Vec<String> =
        two.weights.tensors.keys().filter(|path| path.starts_with("g.")).cloned().collect();
    assert_eq!(paths.len(), 4);
    for path in paths {
        let twin = two.weight(&path.replacen("g.", "f.", 1)).copy();
        two.set(&path, &twin);
    }
    let two = two.run();
    near("logits", two.get("predict.logits"), one.get("predict.logits"));
    // What the one learns, the two learn together.
    let parts = two.gradient("f.layers.0.mlp.down.weight") + two.gradient("g.layers.0.mlp.down.weight");
    near("gradient", &parts, one.gradient("f.layers.0.mlp.down.weight"));
}
