//! Models of 2026 that go on from TRM and HRM: each step against its formula, computed by hand.

use tch::Tensor;
use totc::ir::Mode;

use crate::by_hand::{
    attend, attention, block, f, going_on, heads, linear, normed, number, numbers, rope, rows, state, swiglu,
    trm_question,
};
use crate::lab::{Lab, PRECISION, ROUNDING, differ, near, small};

const SHORT: &[(&str, &str)] = &[("n", "2"), ("T", "2")];
/// Tokens of TRM here: two of the task, four cells.
const PREFIX: i64 = 2;
const CELLS: i64 = 4;

fn answered(lab: &Lab, y: &Tensor) -> Tensor {
    linear(lab, "answer_head", &y.narrow(1, PREFIX, CELLS))
}

/// z <- f(z + y + n_l x), y <- f(y + z + n_h x), all with the weights of one network.
#[test]
fn air_adds_the_question_as_often_as_told() {
    for (n_l, n_h) in [("1", "0"), ("1", "1"), ("0", "1"), ("2", "1")] {
        let sets = [SHORT, &[("n_l", n_l), ("n_h", n_h)]].concat();
        let lab = going_on(Lab::shipped("air", "Air", &sets));
        let times = |count: &str| trm_question(&lab) * count.parse::<f64>().unwrap();
        let (mut y, mut z) = (state(&lab, "y"), state(&lab, "z"));
        for _ in 0..2 {
            for _ in 0..2 {
                z = f(&lab, &(&z + &y + times(n_l)));
            }
            y = f(&lab, &(&y + &z + times(n_h)));
        }
        near("logits", lab.run().get("predict.logits"), &answered(&lab, &y));
    }
}

/// As published, AIR is HRM whose two networks are one: in its values, and in what its one-step gradient reaches.
#[test]
fn air_is_hrm_with_one_network() {
    let text = "use models::hrm::Hrm
        model Case extends Hrm { drop net high  block answer { y <- f(y + z) } }";
    let (air, hrm) = (Lab::shipped("air", "Air", SHORT).run(), Lab::trm(text, SHORT).run());
    for (name, value) in &hrm.outputs {
        near(name, air.get(name), value);
    }
    for (path, gradient) in hrm.gradients.iter().filter(|(_, gradient)| gradient.defined()) {
        near(path, air.gradient(path), gradient);
    }
}

/// The token is one more place of the sequence, which is read and then dropped.
#[test]
fn the_level_token_tells_the_updates_apart() {
    let lab = going_on(Lab::shipped("air", "AirLevelToken", SHORT));
    let x = trm_question(&lab);
    let with = |token: &str, rest: Tensor| {
        let token = lab.weight(token).expand([2, 1, rest.size()[2]], false);
        f(&lab, &Tensor::cat(&[token, rest.shallow_clone()], 1)).narrow(1, 1, PREFIX + CELLS)
    };
    let (mut y, mut z) = (state(&lab, "y"), state(&lab, "z"));
    for _ in 0..2 {
        for _ in 0..2 {
            z = with("level_l", &z + &y + &x);
        }
        y = with("level_h", &y + &z + &x);
    }
    near("logits", lab.run().get("predict.logits"), &answered(&lab, &y));
}

/// y <- f(y + Σ softmax(score(z_i)) z_i) over the latents of the cycle; with a score of 0 that is their mean.
#[test]
fn the_answer_reads_a_weighted_mean_of_the_trail() {
    for scored in [true, false] {
        let mut lab = going_on(Lab::shipped("history", "HistoryTrm", &[("n", "3"), ("T", "2")]));
        if !scored {
            lab.zero("score.weight");
        }
        let (x, mut y, mut z) = (trm_question(&lab), state(&lab, "y"), state(&lab, "z"));
        for _ in 0..2 {
            let mut trail = Vec::new();
            for _ in 0..3 {
                z = f(&lab, &(&z + &y + &x));
                trail.push(z.shallow_clone());
            }
            let trail = Tensor::stack(&trail, 0);
            let recalled = if scored {
                let weight = linear(&lab, "score", &trail).exp();
                let total = weight.sum_dim_intlist(0, true, PRECISION);
                (weight / total * trail).sum_dim_intlist(0, false, PRECISION)
            } else {
                trail.mean_dim(0, false, PRECISION)
            };
            y = f(&lab, &(&y + recalled));
        }
        near("logits", lab.run().get("predict.logits"), &answered(&lab, &y));
    }
}

/// Before update i the place attends to what it held before updates 0 to i, and the read is added to what f is given.
#[test]
fn an_update_attends_along_depth() {
    let lab = going_on(Lab::shipped("history", "DepthAttentionTrm", &[("n", "3"), ("T", "2")]));
    let (x, mut y, mut z) = (trm_question(&lab), state(&lab, "y"), state(&lab, "z"));
    for _ in 0..2 {
        let mut trail = Vec::new();
        for _ in 0..3 {
            trail.push(z.shallow_clone());
            let past = Tensor::stack(&trail, -2); // [batch, pos, past, dim]
            let q = heads(&linear(&lab, "query", &z.unsqueeze(-2)));
            let (k, v) = (heads(&linear(&lab, "key", &past)), heads(&linear(&lab, "value", &past)));
            let found = attend(&q, &k, &v).transpose(-2, -3).flatten(-2, -1).squeeze_dim(-2);
            z = f(&lab, &(&z + &y + &x + linear(&lab, "read", &found)));
        }
        y = f(&lab, &(&y + &z));
    }
    near("logits", lab.run().get("predict.logits"), &answered(&lab, &y));
}

/// Which only adds: without the read it is TRM.
#[test]
fn attention_along_depth_begins_as_trm() {
    let mut depth = Lab::shipped("history", "DepthAttentionTrm", SHORT);
    depth.zero("read.weight");
    let (depth, trm) = (depth.run(), Lab::shipped("trm", "Trm", SHORT).run());
    for (name, value) in &trm.outputs {
        near(name, depth.get(name), value);
    }
}

const MEMORY: i64 = 3;

fn universal(sets: &[(&str, &str)]) -> Lab {
    let text = "use models::ut::UniversalTransformer\nmodel Case extends UniversalTransformer {}\n";
    let fixed = [("hidden", "16"), ("heads", "4"), ("memory_tokens", "3"), ("ponder", "4")];
    Lab::of(text, &[&fixed, sets].concat(), Mode::Training)
}

/// Positions are counted in memory and cells anew; queries and keys are normalised before they are turned.
fn memory_block(lab: &Lab, x: &Tensor) -> Tensor {
    let scaled = |path: &str, x: &Tensor| normed(x, 1e-6) * lab.weight(&format!("block.{path}_norm.scale"));
    let turn = |part: &Tensor, which: &str| {
        let part = scaled(&format!("attention.{which}"), part);
        Tensor::cat(&[rope(&part.narrow(-2, 0, MEMORY)), rope(&part.narrow(-2, MEMORY, CELLS))], -2)
    };
    let h = x + attention(lab, "block.attention", &scaled("attention", x), turn);
    &h + swiglu(lab, "block.mlp", &scaled("mlp", &h))
}

/// Graves' rule, token by token: the state of every update counts by the probability of halting there, of the last by what
/// is left of 1; a token that has halted keeps its state, and others still read it.
#[test]
fn every_token_halts_by_itself() {
    const STEPS: usize = 4;
    let mut lab = universal(&[("epsilon", "0.1")]);
    lab.set("router.bias", &Tensor::from(-0.2f64));
    let count = (2 * (MEMORY + CELLS)) as usize;
    let typed = |name: &str, part: Tensor| part + lab.weight(name);
    let scratch = lab.weight("scratch").expand([2, MEMORY, 16], false);
    let cells = rows(&lab, "embed.weight", "question");
    let mut h = Tensor::cat(&[typed("memory_type", scratch), typed("cell_type", cells)], 1);
    let (mut halted, mut spent, mut left) = (vec![false; count], vec![0.0; count], vec![0.0; count]);
    let (mut updates, mut weights) = (vec![0.0; count], vec![0.0; count]);
    let mut thought = h.zeros_like();
    for step in 0..STEPS {
        let next = memory_block(&lab, &(&h + lab.weight("tick_code").get(step as i64)));
        let chance = numbers(&number(&lab, "router", &next).sigmoid());
        let mut weight = vec![0.0; count];
        for token in (0..count).filter(|token| !halted[*token]).collect::<Vec<_>>() {
            let stops = step == STEPS - 1 || spent[token] + chance[token] >= 0.9;
            weight[token] = if stops { 1.0 - spent[token] } else { chance[token] };
            left[token] = if stops { 1.0 - spent[token] } else { 0.0 };
            spent[token] += chance[token];
            updates[token] += 1.0;
            halted[token] = stops;
            weights[token] += weight[token];
        }
        let shaped = |values: &[f64]| Tensor::from_slice(values).reshape([2, MEMORY + CELLS, 1]);
        thought += shaped(&weight) * &next;
        let running: Vec<f64> = halted.iter().map(|halted| f64::from(u8::from(!halted))).collect();
        h = shaped(&running) * &next + (1.0 - shaped(&running)) * &h;
    }
    assert!(weights.iter().all(|sum| (sum - 1.0).abs() < ROUNDING), "{weights:?}");
    assert!(updates.iter().any(|count| *count != updates[0]), "all halt alike: {updates:?}");
    let step = lab.run();
    near(
        "logits",
        step.get("predict.logits"),
        &linear(&lab, "answer_head", &thought.narrow(1, MEMORY, CELLS)),
    );
    let cost = (Tensor::from_slice(&updates) + Tensor::from_slice(&left)).reshape([2, MEMORY + CELLS]);
    near("pondering", step.get("loss.pondering"), &(cost.mean_dim(1, false, PRECISION) * 0.01));
    differ("the router learns", step.gradient("router.weight"), &lab.weight("router.weight").zeros_like());
}

/// Without halting, the last of all updates is the thought.
#[test]
fn a_fixed_depth_is_the_block_again_and_again() {
    let lab = universal(&[("act", "false")]);
    let part = |table: &str, part: Tensor| part + lab.weight(table);
    let scratch = lab.weight("scratch").expand([2, MEMORY, 16], false);
    let mut h = Tensor::cat(
        &[part("memory_type", scratch), part("cell_type", rows(&lab, "embed.weight", "question"))],
        1,
    );
    for step in 0..4 {
        h = memory_block(&lab, &(&h + lab.weight("tick_code").get(step)));
    }
    let logits = linear(&lab, "answer_head", &h.narrow(1, MEMORY, CELLS));
    near("logits", lab.run().get("predict.logits"), &logits);
}

/// Directions are proposed by the slow state every `period` fast updates, counted over cycles, and held in between; what
/// the fast state has moved since then is held against the direction.
#[test]
fn a_subgoal_holds_for_its_period() {
    for period in [1, 2, 3, 4] {
        let sets = [("n", "3"), ("T", "2"), ("period", &*period.to_string())];
        let lab = going_on(Lab::shipped("subgoals", "SubgoalHrm", &sets));
        let (x, mut y, mut z) = (trm_question(&lab), state(&lab, "y"), state(&lab, "z"));
        let (mut goal, mut origin) = (y.zeros_like(), z.shallow_clone());
        let length = |x: &Tensor| x.square().sum_dim_intlist(-1, true, PRECISION).sqrt() + 1e-6;
        for update in 0..6 {
            if update % period == 0 {
                let direction = linear(&lab, "propose", &y);
                goal = &direction / length(&direction);
                origin = z.shallow_clone();
            }
            z = f(&lab, &(&z + &y + &x + linear(&lab, "inject", &goal)));
            if update % 3 == 2 {
                y = block(&lab, "high.layers.0", &(&y + &z));
            }
        }
        let step = lab.run();
        near("logits", step.get("predict.logits"), &answered(&lab, &y));
        let moved = &z - origin;
        let along = (&moved / length(&moved) * goal).sum_dim_intlist(-1, false, PRECISION);
        near("aligning", step.get("loss.aligning"), &((1.0 - along.mean_dim(1, false, PRECISION)) * 0.05));
    }
}

/// Without what the subgoal injects it is HRM, but for the scope of gradient.
#[test]
fn a_subgoal_that_injects_nothing_leaves_hrm() {
    let mut subgoals = Lab::shipped("subgoals", "SubgoalHrm", SHORT);
    subgoals.zero("inject.weight");
    let (subgoals, hrm) = (subgoals.run(), Lab::shipped("hrm", "Hrm", SHORT).run());
    for name in ["predict.logits", "state.y", "state.z", "loss.answering", "loss.continuing"] {
        near(name, subgoals.get(name), hrm.get(name));
    }
}

/// Each update goes a share of the way, and the residual is what the answer has moved in the step.
#[test]
fn equilibrium_reasoners_damp_every_update() {
    let sets = [SHORT, &[("sigma", "0"), ("share", "0.7"), ("mixing", "attention")]].concat();
    let lab = going_on(Lab::shipped("eqr", "EqR", &sets));
    let (x, mut y, mut z) = (trm_question(&lab), state(&lab, "y"), state(&lab, "z"));
    for _ in 0..2 {
        for _ in 0..2 {
            z = 0.3 * &z + 0.7 * f(&lab, &(&z + &y + &x));
        }
        y = 0.3 * &y + 0.7 * f(&lab, &(&y + &z));
    }
    let step = lab.run();
    near("logits", step.get("predict.logits"), &answered(&lab, &y));
    let moved =
        (y - state(&lab, "y")).square().sum_dim_intlist([1i64, 2].as_slice(), false, PRECISION).sqrt();
    near("residual", step.get("metric.residual"), &moved);
}

/// A whole update without noise is TRM's, and noise leads elsewhere each time.
#[test]
fn equilibrium_reasoners_are_trm_shaken() {
    let run = |sigma| {
        let sets = [SHORT, &[("sigma", sigma), ("share", "1"), ("mixing", "attention")]].concat();
        going_on(Lab::shipped("eqr", "EqR", &sets)).run()
    };
    let (still, trm) = (run("0"), going_on(Lab::shipped("trm", "Trm", SHORT)).run());
    near("logits", still.get("predict.logits"), trm.get("predict.logits"));
    differ("logits", run("0.1").get("predict.logits"), still.get("predict.logits"));
}

/// The state of a sample that begins is noise of size 1 at every token.
#[test]
fn equilibrium_reasoners_start_anywhere() {
    let sets = small(&[("sigma", "0"), ("share", "0"), ("n", "1"), ("T", "1"), ("hidden", "256")]);
    let text = "use models::eqr::EqR\nmodel Case extends EqR {}";
    let lab = Lab::of(text, &sets, Mode::Training);
    // 6 · 256 draws: mean and deviation stray by 0.026 and 0.018; six times that.
    let begun = lab.run().get("state.y").get(0);
    let (mean, std) = (begun.mean(PRECISION).double_value(&[]), begun.std(true).double_value(&[]));
    assert!(mean.abs() < 0.16 && (std - 1.0).abs() < 0.11, "mean {mean}, deviation {std}");
    differ("tokens", &begun.get(0), &begun.get(1));
}
