//! Trees and graphs of thought.

use tch::Tensor;

use crate::lab::{Lab, PRECISION, differ, equal, near};

const MERGES: [&str; 7] =
    ["mean", "max", "learned_weights", "geometric_mean", "gated_product", "hierarchical_attention", "scorer"];

const FOUR: &[(&str, &str)] = &[("n", "4"), ("T", "2"), ("branchings", "2")];

fn with<'s>(sets: &[(&'s str, &'s str)], more: &[(&'s str, &'s str)]) -> Vec<(&'s str, &'s str)> {
    let mut all: Vec<_> =
        sets.iter().filter(|(name, _)| !more.iter().any(|(own, _)| own == name)).copied().collect();
    all.extend_from_slice(more);
    all
}

fn grid(sets: &[(&str, &str)]) -> Lab {
    Lab::shipped("totrm", "ToTrmGrid", &with(FOUR, sets))
}

/// Whatever way of merging: copies of one thought merge to that thought, so that a tree of copies is no tree.
#[test]
fn merging_copies_is_the_identity() {
    for merging in MERGES {
        let tree = grid(&[("merging", merging), ("fork", "copies")]);
        let plain = grid(&[("merging", merging), ("fork", "copies"), ("branchings", "0")]);
        let mut plain = plain;
        if merging == "learned_weights" {
            // One thought has one place: whatever its weight, its share is all.
            plain.zero("combiner.weight");
        }
        let (tree, plain) = (tree.run(), plain.run());
        near(merging, tree.get("predict.logits"), plain.get("predict.logits"));
        near(merging, tree.get("loss.answering"), plain.get("loss.answering"));
        // Copies are as alike as can be.
        near(merging, tree.get("metric.similarity"), &Tensor::from_slice(&[1f32, 1.0]));
    }
}

/// One branching makes two siblings; which of them stands first matters to no way of merging but the learned weights,
/// which are by place.
#[test]
fn the_order_of_siblings_does_not_matter() {
    for merging in MERGES {
        let sets = [("merging", merging), ("branchings", "1"), ("fork_strength", "2")];
        let mut lab = grid(&sets);
        let before = lab.run();
        let swapped = lab.weight("differ.code").flip([0]);
        lab.set("differ.code", &swapped);
        let after = lab.run();
        let name = "predict.logits";
        if merging == "learned_weights" {
            differ(merging, before.get(name), after.get(name));
        } else {
            near(merging, before.get(name), after.get(name));
            near(merging, &before.get("value.thoughts").flip([1]), after.get("value.thoughts"));
        }
        differ("the siblings", before.get("value.thoughts"), after.get("value.thoughts"));
    }
}

/// Thoughts that read one another do so without regard to their order.
#[test]
fn exchange_does_not_know_an_order() {
    let sets = with(FOUR, &[("branchings", "1"), ("exchange_heads", "2")]);
    let mut lab = Lab::shipped("got", "ExchangeTrm", &sets);
    let before = lab.run();
    let swapped = lab.weight("differ.code").flip([0]);
    lab.set("differ.code", &swapped);
    let after = lab.run();
    near("logits", before.get("predict.logits"), after.get("predict.logits"));
    near("scores", &before.get("value.scores").flip([1]), after.get("value.scores"));
}

#[test]
fn exchange_that_says_nothing_is_none() {
    let mut exchange = Lab::shipped("got", "ExchangeTrm", &with(FOUR, &[("exchange_heads", "2")]));
    let plain = Lab::shipped("totrm", "ToTrm", FOUR).run();
    differ("exchange", exchange.run().get("predict.logits"), plain.get("predict.logits"));
    exchange.zero("exchange.out.weight");
    let silent = exchange.run();
    for (name, value) in &plain.outputs {
        near(name, silent.get(name), value);
    }
    for (path, gradient) in &plain.gradients {
        if gradient.defined() {
            near(path, silent.gradient(path), gradient);
        }
    }
}

/// A beam that takes the exchange in as a mix-in is the beam where the exchange says nothing.
#[test]
fn a_mixin_that_says_nothing_is_none() {
    let sets = [("n", "3"), ("T", "2"), ("beam", "2")];
    let mut exchange = Lab::shipped("got", "BeamExchangeTrm", &with(&sets, &[("exchange_heads", "2")]));
    let plain = Lab::shipped("got", "BeamTrm", &sets).run();
    differ("exchange", exchange.run().get("predict.logits"), plain.get("predict.logits"));
    exchange.zero("exchange.out.weight");
    let silent = exchange.run();
    for (name, value) in &plain.outputs {
        near(name, silent.get(name), value);
    }
}

/// Four thoughts that are copies, merged in pairs, are two copies; what they then tell one another is what each thinks.
#[test]
fn merging_half_way_keeps_copies() {
    let sets = with(FOUR, &[("fork", "copies"), ("exchange_heads", "2")]);
    let mut half_way = Lab::shipped("got", "GoTrm", &sets);
    half_way.zero("exchange.out.weight");
    let plain = Lab::shipped("totrm", "ToTrm", &with(FOUR, &[("fork", "copies")])).run();
    let half_way = half_way.run();
    near("logits", half_way.get("predict.logits"), plain.get("predict.logits"));
    assert_eq!(half_way.get("value.thoughts").size()[1], 2);
    assert_eq!(plain.get("value.thoughts").size()[1], 4);
}

/// Eight thoughts merge in pairs: the first of the four is the merge of the first two, and only of those.
#[test]
fn groups_are_of_neighbours() {
    let text = "use models::got::GoTrm
        use std::merging::Mean
        model Case extends GoTrm {
            config n = 2
            config T = 1
            axis eighth = 8
            drop net exchange
            net pair_scorer = Mean(branch)
            block grow(step) {
                if step == 0 {
                    branch z into 8
                    z <- z * rename(1 + index(eighth), eighth -> branch)
                }
                if step == 1 {
                    record eight = z
                    merge z in groups of 2 with pair_scorer(z)
                    record four = z
                }
            }
        }";
    let step = Lab::trm(text, &[]).run();
    let (eight, four) = (step.get("value.eight"), step.get("value.four"));
    assert_eq!((eight.size()[1], four.size()[1]), (8, 4));
    for group in 0..4 {
        let pair = eight.narrow(1, 2 * group, 2).mean_dim(1i64, false, None);
        near("pair", &four.select(1, group), &pair);
    }
}

/// A beam as wide as the tree prunes nothing.
#[test]
fn a_beam_of_all_thoughts_is_no_beam() {
    let sets = [("n", "3"), ("T", "2"), ("beam", "8")];
    let beam = Lab::shipped("got", "BeamTrm", &sets).run();
    let whole = "use models::totrm::ToTrm
        model Case extends ToTrm { block grow(step) { branch z with differ(z) } }";
    let whole = Lab::trm(whole, &with(FOUR, &[("n", "3"), ("branchings", "3")])).run();
    for (name, value) in &whole.outputs {
        near(name, beam.get(name), value);
    }
}

/// What a beam keeps are the thoughts that the scorer likes best, in their order.
#[test]
fn a_beam_keeps_the_best() {
    let text = "use models::got::BeamTrm
        model Case extends BeamTrm {
            block grow(step) {
                branch z with differ(z)
                let _, score = combiner(z)
                record all = z
                record score_of_all = score
                prune z to beam by score
                record kept = z
            }
        }";
    let lab = Lab::trm(text, &[("n", "3"), ("T", "2"), ("beam", "3")]);
    let step = lab.run();
    let (all, kept) = (step.get("value.all"), step.get("value.kept"));
    // Of three thoughts that were kept, each has branched.
    assert_eq!((all.size()[1], kept.size()[1]), (6, 3));
    let score = step.get("value.score_of_all");
    for sample in 0..2 {
        let row: Vec<f64> = Vec::try_from(score.get(sample).to_kind(tch::Kind::Double)).unwrap();
        let mut best: Vec<usize> = (0..6).collect();
        best.sort_by(|one, other| row[*other].total_cmp(&row[*one]));
        let mut best = best[..3].to_vec();
        best.sort_unstable();
        for (at, from) in best.into_iter().enumerate() {
            let (now, then) = (kept.get(sample).get(at as i64), all.get(sample).get(from as i64));
            equal("kept", &now, &then);
        }
    }
}

/// Branching again after a merge, with codes that change nothing, is what copies would be.
#[test]
fn regrowth_without_difference_is_copying() {
    let sets = with(FOUR, &[("n", "5"), ("regrowths", "2")]);
    let mut regrown = Lab::shipped("got", "RegrowTrm", &sets);
    assert_eq!(regrown.run().get("value.thoughts").size()[1], 8);
    regrown.zero("again.code");
    let cut = Lab::shipped("got", "RegrowTrm", &with(FOUR, &[("n", "5"), ("regrowths", "0")])).run();
    let regrown = regrown.run();
    assert_eq!(cut.get("value.thoughts").size()[1], 2);
    near("logits", regrown.get("predict.logits"), cut.get("predict.logits"));
}

/// Latents of three topologies side by side: a tree, four trials, a chain.
#[test]
fn trials_have_no_order_and_live_on() {
    let sets = with(FOUR, &[("trials", "4"), ("exchange_heads", "2")]);
    let mut lab = Lab::shipped("got", "CommitteeTrm", &sets);
    // No row is fresh, so that all trials are those given.
    lab.inputs.fresh = Tensor::from_slice(&[false, false]);
    let before = lab.run();
    assert_eq!(before.get("state.w").size(), [2, 4, 6, 16]);
    assert_eq!(before.get("state.z").size(), [2, 6, 16]);
    let turned = lab.inputs.states["w"].roll([1], [1]);
    lab.inputs.states.insert("w".to_owned(), turned);
    let after = lab.run();
    near("logits", before.get("predict.logits"), after.get("predict.logits"));
    near("trials", &before.get("state.w").roll([1], [1]), after.get("state.w"));
    // What a trial was matters: it is not drawn anew.
    lab.inputs.states.insert("w".to_owned(), Tensor::zeros([2, 4, 6, 16], (PRECISION, tch::Device::Cpu)));
    differ("state", lab.run().get("predict.logits"), after.get("predict.logits"));
}

/// One trial has nobody to read, and starts from noise where the row is fresh.
#[test]
fn fresh_trials_are_drawn() {
    let sets = with(FOUR, &[("trials", "2"), ("exchange_heads", "2")]);
    let lab = Lab::shipped("got", "CommitteeTrm", &sets);
    let (one, other) = (lab.run(), lab.run());
    let (one, other) = (one.get("state.w"), other.get("state.w"));
    differ("the fresh row", &one.get(0), &other.get(0));
    near("the row that goes on", &one.get(1), &other.get(1));
}

/// A loss of weight 0 is none at all, and the scorer's is there only where a scorer merges.
#[test]
fn losses_are_switched_by_their_weights() {
    let always = ("diversity_margin", "0");
    // Where no thought has a cell right, there is nothing for the scorer to learn: the answer is what is said.
    let mut lab = grid(&[always]);
    let said = lab.run().get("predict.logits").argmax(-1, false);
    lab.inputs.data.insert("answer".to_owned(), said.copy());
    let all = lab.run();
    let grid = |sets: &[(&str, &str)]| {
        let mut lab = grid(sets);
        lab.inputs.data.insert("answer".to_owned(), said.copy());
        lab
    };
    for (weight, loss) in
        [("diversity_weight", "diversity"), ("branch_weight", "branches"), ("scorer_weight", "scoring")]
    {
        let loss = format!("loss.{loss}");
        assert!(all.get(&loss).abs().max().double_value(&[]) > 1e-6, "{loss}");
        let off = grid(&[always, (weight, "0")]).run();
        assert_eq!(off.get(&loss).abs().max().double_value(&[]), 0.0, "{loss}");
        near("the rest", off.get("loss.answering"), all.get("loss.answering"));
    }
    let mean = grid(&[("merging", "mean")]).run();
    assert_eq!(mean.get("loss.scoring").abs().max().double_value(&[]), 0.0);
    assert!(mean.get("loss.branches").abs().max().double_value(&[]) > 1e-6);
}

/// From one branching to five, every fork with every merge.
#[test]
fn every_cell_of_the_grid_computes() {
    for branchings in ["1", "3", "5"] {
        for fork in ["film", "additive", "copies"] {
            for merging in MERGES {
                let sets = [
                    ("branchings", branchings),
                    ("fork", fork),
                    ("merging", merging),
                    ("n", "5"),
                    ("T", "1"),
                    ("hidden", "8"),
                    ("heads", "2"),
                ];
                let step = grid(&sets).run();
                let logits = step.get("predict.logits");
                let what = format!("{branchings} branchings, {fork}, {merging}");
                assert_eq!(logits.isfinite().all().int64_value(&[]), 1, "{what}");
                assert_eq!(
                    step.get("value.thoughts").size()[1],
                    1 << branchings.parse::<i64>().unwrap(),
                    "{what}"
                );
            }
        }
    }
}
