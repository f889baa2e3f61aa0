//! `carry grad`: several supervision steps are one step of training, with gradient from the later into the earlier.

use totc::ir::Mode;

use crate::lab::{Lab, differ, equal, near};

fn text(steps: &str, more: &str) -> String {
    format!(
        "model Case {{
            axis batch, cell, symbol
            axis dim = 3
            input question: symbol [batch, cell]
            state z: float [batch, cell, dim] = 1
            param w: float [dim] = 1
            think {{ z <- z * w }}
            metric age = steps
            loss size = mean(z ^ 2, over (cell, dim))
            {more}
            halt never, at most 4 steps
            {steps}
        }}"
    )
}

/// z becomes z w and then z w²: the loss is (z² w² + z² w⁴) / 2, its slope z² (w + 2 w³), in the mean over cells and axes.
#[test]
fn gradient_of_two_steps_is_that_by_hand() {
    let lab = Lab::of(&text("carry grad 2", ""), &[], Mode::Training);
    let step = lab.run();
    let start = lab.inputs.states["z"].copy();
    let _ = start.get(0).fill_(1.0);
    let w = lab.weight("w");
    near("state.z", step.get("state.z"), &(&start * w * w));
    let loss =
        (start.square() * w.square() * (w.square() + 1.0) / 2.0).mean_dim([1, 2].as_slice(), false, None);
    near("loss.size", step.get("loss.size"), &loss);
    let slope = start.square() * (w + w.pow_tensor_scalar(3) * 2.0);
    // Of the sum over the batch, the mean over 4 cells and 3 entries.
    near("w", step.gradient("w"), &(slope.sum_dim_intlist([0, 1].as_slice(), false, None) / 12.0));
    // The rows have done 1 and 3 steps when it begins; the metric is that of the last.
    near("metric.age", step.get("metric.age"), &(&lab.inputs.steps + 1).to_kind(tch::Kind::Double));
}

/// What lies two steps back is handed on as one step after the other hands it on.
#[test]
fn earlier_values_move_back_by_each_step() {
    let more = "predict before = z@2";
    let lab = |steps| {
        let mut lab = Lab::of(&text(steps, more), &[], Mode::Training);
        let earlier = lab.inputs.states["z"].square();
        lab.inputs.states.insert("z@2".to_owned(), earlier);
        lab
    };
    let (one, mut second) = (lab(""), lab(""));
    let (first, both) = (one.run(), lab("carry grad 2").run());
    let entering = one.inputs.states["z"].copy();
    let _ = entering.get(0).fill_(1.0);
    second.inputs.states.insert("z".to_owned(), first.get("state.z").copy());
    second.inputs.states.insert("z@2".to_owned(), entering);
    second.inputs.fresh = second.inputs.fresh.zeros_like();
    second.inputs.steps = &second.inputs.steps + 1;
    let second = second.run();
    equal("state.z", both.get("state.z"), second.get("state.z"));
    equal("before", both.get("predict.before"), second.get("predict.before"));
    equal("state.z@2", both.get("state.z@2"), first.get("state.z"));
}

/// A memory that is written at the end of a step is read in the next one alone: without gradient from there nothing teaches
/// what to write.
#[test]
fn what_is_written_is_taught_by_the_step_after() {
    let memory = |steps: &str| {
        let text = format!(
            "use models::trm::Trm
            model Case extends Trm {{
                state memory: float [batch, pos, dim] = 0
                net write = Linear(dim -> dim)
                think {{
                    z <- z + memory
                    inherited
                    memory <- write(z)
                }}
                {steps}
            }}"
        );
        Lab::trm(&text, &[("n", "2"), ("T", "1")])
    };
    assert!(!memory("").run().gradients.contains_key("write.weight"));
    let two = memory("carry grad 2").run();
    differ("write", two.gradient("write.weight"), &two.gradient("write.weight").zeros_like());
}

/// In evaluation each step is a step.
#[test]
fn evaluation_does_one_step() {
    let one = Lab::of(&text("", ""), &[], Mode::Evaluation).run();
    let two = Lab::of(&text("carry grad 2", ""), &[], Mode::Evaluation).run();
    equal("state.z", two.get("state.z"), one.get("state.z"));
}
