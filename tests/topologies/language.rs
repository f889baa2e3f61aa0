//! What the language's own forms compute, held against closed forms: maps from and to no axis, infinities as masks,
//! integers as indices, axes of files and their parts, one thought however it came about, loops that do nothing.

use tch::{Kind, Tensor};
use totc::ir::Mode;

use crate::lab::{Lab, near};

/// One step of a model whose `think` these statements are; every name bound there can be read.
fn lab(items: &str, members: &str, statements: &str) -> Lab {
    let text = format!(
        "{items}
        model Case {{
            axis batch, cell, symbol
            axis dim = 3
            axis branch
            input question: symbol [batch, cell]
            state z: float [batch, cell, dim] = 0
            state at: float [batch] = 1
            {members}
            param w: float [dim] = 1
            think {{
                at <- at
                {statements}
                z <- z * w
            }}
            loss size = mean(z ^ 2, over (cell, dim))
            halt never, at most 4 steps
        }}"
    );
    Lab::of(&text, &[], Mode::Training)
}

/// The state as the step begins: its initial value in the fresh row.
fn entering(lab: &Lab, state: &str, start: f64) -> Tensor {
    let carried = lab.inputs.states[state].copy();
    let _ = carried.get(0).fill_(start);
    carried
}

#[test]
fn maps_from_and_to_no_axis() {
    let members = "
        axis a = 2
        axis b = 4
        net level = Linear(1 -> dim)
        net sure  = Linear(1 -> dim, bias = true)
        net pair  = Linear(1 -> (a, b))
        net one   = Linear(1 -> 1, bias = true)
        net sum   = Linear((cell, dim) -> 1)";
    let lab = lab(
        "",
        members,
        "let by_level = level(at)
         let by_sure = sure(at)
         let by_pair = pair(z)
         let by_one = one(z)
         let by_sum = sum(z)
         z <- z + by_level + by_sure + mean(by_pair, over (a, b)) + by_one + by_sum",
    );
    let step = lab.run();
    let (at, z) = (entering(&lab, "at", 1.0), entering(&lab, "z", 0.0));
    let level = at.unsqueeze(-1) * lab.weight("level.weight");
    near("1 -> dim", step.get("value.by_level"), &level);
    let sure = at.unsqueeze(-1) * lab.weight("sure.weight") + lab.weight("sure.bias");
    near("1 -> dim with a bias", step.get("value.by_sure"), &sure);
    let pair = z.unsqueeze(-1).unsqueeze(-1) * lab.weight("pair.weight");
    near("1 -> (a, b)", step.get("value.by_pair"), &pair);
    near("1 -> 1", step.get("value.by_one"), &(&z * lab.weight("one.weight") + lab.weight("one.bias")));
    let sum = (&z * lab.weight("sum.weight")).sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Double);
    near("(cell, dim) -> 1", step.get("value.by_sum"), &sum);
    // d loss / d weight of `level`: every number is multiplied by `w`, squared and averaged over cells and features.
    let new = step.get("state.z").detach();
    let w = lab.weight("w").detach();
    let expected =
        (new * w * 2.0 / 12.0).sum_dim_intlist([1i64].as_slice(), false, Kind::Double) * at.unsqueeze(-1);
    let expected = expected.sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
    near("gradient of 1 -> dim", step.gradient("level.weight"), &expected);
}

#[test]
fn infinities_mask() {
    let lab = lab(
        "",
        "state best: float [batch] = -inf",
        "let score = mean(z, over dim)
         let endless = softmax(where(index(cell) > 1, score, -inf), over cell)
         let large = softmax(where(index(cell) > 1, score, -1e30), over cell)
         let beyond = where(index(cell) > 1, 1, 2 ^ 60) + 0
         best <- max(best, max(score, over cell))
         z <- z + endless + large / inf",
    );
    let step = lab.run();
    let score = entering(&lab, "z", 0.0).mean_dim([2i64].as_slice(), false, Kind::Double);
    let seen = score.narrow(1, 2, 2).softmax(1, Kind::Double);
    let expected = Tensor::cat(&[seen.zeros_like(), seen], 1);
    near("softmax with -inf", step.get("value.endless"), &expected);
    near("softmax with -1e30", step.get("value.large"), &expected);
    let beyond = Tensor::from_slice(&[2f64.powi(60), 2f64.powi(60), 1.0, 1.0]);
    near("a whole number beyond the integers", step.get("value.beyond"), &beyond);
    let best = entering(&lab, "best", f64::NEG_INFINITY).maximum(&score.amax([1i64].as_slice(), false));
    near("a maximum that begins at -inf", step.get("state.best"), &best);
    assert!(f64::try_from(step.gradient("w").isfinite().all()).unwrap() == 1.0, "a gradient of masks");
}

#[test]
fn integers_index() {
    let members = "axis stage = 2\nparam code: float [stage, dim] = 1";
    let inside = lab(
        "",
        members,
        "let known = code[stage = min(steps, 2) - 1]
         let checked = code[stage = int(floor(abs(at) - abs(at))) + 1]
         z <- z + known + checked",
    );
    let step = inside.run();
    // The rows are at their steps 1 and 3.
    near("an index that is known to lie inside", step.get("value.known"), inside.weight("code"));
    let second = inside.weight("code").narrow(0, 1, 1).expand([2, 3], false);
    near("an index that is looked at", step.get("value.checked"), &second);

    for (index, found) in [("int(at * 0) + 2", 2), ("int(at * 0) - 1", -1)] {
        let outside = lab("", members, &format!("z <- z + code[stage = {index}]")).refusal();
        let expected = format!(
            "the lookup `code[stage = {index}]` (case.tot:14) found the index {found}, \
             and `stage` has 2 entries there: 0 to 1"
        );
        assert_eq!(outside, expected);
    }
}

#[test]
fn axes_of_files_have_sizes_and_parts() {
    let items = "
        axis copy = 2
        axis head = 1
        axis tail = 3
        axis ring = head + tail
        fn turned(x: float [..], over cell: axis) {
            let last = rename(x[cell in 3 .. 4], cell -> head)
            let rest = rename(x[cell in 0 .. 3], cell -> tail)
            return rename(concat(last, rest, along ring), ring -> cell)
        }
        net Turned(cell: axis) {
            axis first = 1
            axis others = 3
            axis whole = first + others
            fn (x: float [.., cell]) -> float [.., cell] {
                let last = rename(x[cell in 3 .. 4], cell -> first)
                let rest = rename(x[cell in 0 .. 3], cell -> others)
                return rename(concat(last, rest, along whole), whole -> cell)
            }
        }";
    let lab = lab(
        items,
        "net turn_by_net = Turned(cell)",
        "let by_function = turned(z, over cell)
         let by_net = turn_by_net(z)
         let copies = broadcast(z, over copy)
         z <- by_function + by_net + sum(copies, over copy)",
    );
    let step = lab.run();
    let z = entering(&lab, "z", 0.0);
    near("turned by a function", step.get("value.by_function"), &z.roll(1, 1));
    near("turned by a net", step.get("value.by_net"), &z.roll(1, 1));
    near("two copies", step.get("state.z"), &((z.roll(1, 1) + &z) * 2.0 * lab.weight("w")));
}

/// The index of the best of four thoughts, three by construction, is none of the two that a merge leaves.
#[test]
fn an_index_is_checked_where_its_axis_has_shrunk() {
    let lab = lab(
        "",
        "axis way = 4",
        "branch z with z + index(way)
         let best = argmax(mean(z, over (cell, dim)), over branch)
         merge z in groups of 2 with mean(z, over branch)
         let chosen = z[branch = best]
         merge z with mean(z, over branch)
         z <- z + chosen",
    );
    let refused = lab.refusal();
    assert!(refused.contains("found the index 3, and `branch` has 2 entries there: 0 to 1"), "{refused}");
}

/// Each cycle of the tree leaves the mean of four equal thoughts, and halves it.
#[test]
fn one_thought_has_no_branches() {
    let cycles = "repeat 3 {
            branch z into 4
            merge z in groups of 2 with mean(z, over branch)
            merge z in groups of 2 with mean(z, over branch)
            branch z into 2
            prune z to 1 by mean(z, over (cell, dim))
            branch z into 1
            z <- z / 2
        }
        let left = z
        let width = size(z, branch) + 0 * at";
    let lab = lab("", "", cycles);
    let step = lab.run();
    near("after three cycles", step.get("value.left"), &(entering(&lab, "z", 0.0) / 8.0));
    near("one thought", step.get("value.width"), &Tensor::from_slice(&[1f32, 1.0]));
}

#[test]
fn loops_of_nothing_do_nothing() {
    let lab =
        lab("", "config cycles: int = 0", "repeat cycles { z <- 2 * z }\nrepeat i in 1 .. 1 { z <- i + z }");
    let expected = entering(&lab, "z", 0.0) * lab.weight("w");
    near("nothing happened", lab.run().get("state.z"), &expected);
}

/// Functions of `std::values` are PyTorch's.
#[test]
fn functions_of_values() {
    let lab = lab(
        "use std::values::{clamp, cumsum, largest, one_hot, roll, scatter}",
        "axis kept",
        "let bounded = clamp(z, -0.25, 0.5)
         let code = one_hot(question)
         let running = cumsum(z, over cell)
         let best = largest(z, count = 2, over dim, into kept)
         let spread = scatter(z, question, over cell)
         let turned = roll(z, by = 1, over cell)
         z <- z + bounded + running + turned + mean(code, over symbol) + mean(best, over kept)
            + 0 * mean(spread, over symbol)",
    );
    let step = lab.run();
    let z = entering(&lab, "z", 0.0);
    near("clamp", step.get("value.bounded"), &z.clamp(-0.25, 0.5));
    near("cumsum", step.get("value.running"), &z.cumsum(1, Kind::Double));
    near("roll", step.get("value.turned"), &z.roll([1], [1]));
    // Memory order is the compiler's: an axis that a function makes may lie before the others of a sample.
    let in_order = |value: &Tensor, like: &Tensor| match value.size() == like.size() {
        true => value.copy(),
        false => value.transpose(1, 2),
    };
    let question = lab.inputs.data["question"].to_kind(Kind::Int64);
    let code = step.get("value.code");
    let symbols = code.size().iter().product::<i64>() / question.numel() as i64;
    let expected = question.one_hot(symbols).to_kind(Kind::Double);
    near("one_hot", &in_order(code, &expected), &expected);
    // Each in its place, as `top_k` gives them.
    let (_, at) = z.topk(2, -1, true, true);
    let (at, _) = at.sort(-1, false);
    let expected = z.gather(-1, &at, false);
    near("largest", &in_order(step.get("value.best"), &expected), &expected);
    let size = [z.size()[0], symbols, z.size()[2]];
    let places = question.unsqueeze(-1).expand_as(&z);
    let expected = Tensor::zeros(size, (Kind::Double, tch::Device::Cpu)).scatter_add(1, &places, &z);
    near("scatter", &in_order(step.get("value.spread"), &expected), &expected);
}

/// States that begin as draws: a fresh sample's lie where they must, no two of them are equal, and the others are carried.
#[test]
fn states_begin_as_draws() {
    let lab = lab(
        "",
        "state u: float [batch, cell, dim] = uniform(low = 2, high = 5)
         state n: float [batch, cell, dim] = normal(std = 0.001)",
        "let drawn = u
         let small = n
         z <- z + u + n",
    );
    let step = lab.run();
    let drawn = step.get("value.drawn").get(0);
    let (least, most) = (drawn.min().double_value(&[]), drawn.max().double_value(&[]));
    assert!(2.0 <= least && least < most && most < 5.0, "{least} to {most}");
    // Ten standard deviations: no draw of a normal distribution is seen to lie there.
    let small = step.get("value.small").get(0).abs();
    let (least, most) = (small.min().double_value(&[]), small.max().double_value(&[]));
    assert!(0.0 < least && least < most && most < 0.01, "{least} to {most}");
    near("a carried state", &step.get("value.drawn").get(1), &lab.inputs.states["u"].get(1));
}
