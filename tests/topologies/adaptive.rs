//! `repeat … while`: each sample gets as many iterations as it asks for, and those that no sample at hand asks for are not computed.

use crate::lab::{Lab, SIZES, Step, near};
use tch::Tensor;
use totc::exec::Kernels;
use totc::ir::{Mode, Recompute};

/// With a body of the think section; a sample asks for as many iterations as its first token says.
fn text(think: &str) -> String {
    format!(
        "use std::nets::Embedding
        model Case {{
            axis batch, cell, symbol
            axis dim = 3
            input question: symbol [batch, cell]
            state z: float [batch, cell, dim] = 1
            net embed = Embedding(symbol, dim)
            net f = Linear(dim -> dim, bias = 0)
            net g = Linear(dim -> dim)
            encode {{
                let x = embed(question)
                let want = float32(question[cell = 0])
            }}
            think {{
                var done = 0 * want
                {think}
            }}
            loss size = mean(z ^ 2, over (cell, dim))
            halt never, at most 4 steps
        }}"
    )
}

fn lab(think: &str, asked: [i64; 2], mode: Mode) -> Lab {
    asking(Lab::of(&text(think), &[], mode), asked)
}

fn asking(mut lab: Lab, asked: [i64; 2]) -> Lab {
    let question = lab.inputs.data["question"].copy();
    question.select(1, 0).copy_(&Tensor::from_slice(&asked));
    lab.inputs.data.insert("question".to_owned(), question);
    lab
}

const WHILE: &str = "repeat 4 while done < want {
    z <- tanh(f(z + x))
    repeat 2 { z <- z + g(z) / 4 }
    done <- done + 1
}";

/// What `while` means, written out with the samples kept by hand.
const BY_HAND: &str = "repeat 4 {
    var next = tanh(f(z + x))
    repeat 2 { next <- next + g(next) / 4 }
    z <- where(done < want, next, z)
    done <- done + where(done < want, 1.0, 0.0)
}";

const NESTED: &str = "repeat 3 while done < want {
    z <- tanh(f(z + x))
    var inner = 0 * want
    repeat 3 while inner < want - done { z <- z + g(z) / 4  inner <- inner + 1 }
    done <- done + 1
}";

const NESTED_BY_HAND: &str = "repeat 3 {
    let more = done < want
    var next = tanh(f(z + x))
    var inner = 0 * want
    repeat 3 {
        next <- where(inner < want - done, next + g(next) / 4, next)
        inner <- inner + 1
    }
    z <- where(more, next, z)
    done <- done + where(more, 1.0, 0.0)
}";

/// A loop that is written out, as it reads its counter; gradient through its last iterations alone.
const COUNTED: &str = "repeat i in 0 .. 4, grad last 2 while done < want {
    z <- tanh(f(z + x) * (i + 1) / 4)
    done <- done + 1
}";

const COUNTED_BY_HAND: &str = "repeat i in 0 .. 4, grad last 2 {
    let more = done < want
    z <- where(more, tanh(f(z + x) * (i + 1) / 4), z)
    done <- done + where(more, 1.0, 0.0)
}";

fn same(found: &Step, wanted: &Step) {
    for name in ["state.z", "loss.size"] {
        near(name, found.get(name), wanted.get(name));
    }
    assert_eq!(found.gradients.keys().collect::<Vec<_>>(), wanted.gradients.keys().collect::<Vec<_>>());
    for (path, gradient) in &wanted.gradients {
        near(path, found.gradient(path), gradient);
    }
}

/// None of them, some of both, one sample long before the other, all: states, losses and every gradient.
#[test]
fn a_sample_gets_as_many_iterations_as_it_asks_for() {
    for (own, by_hand) in [(WHILE, BY_HAND), (NESTED, NESTED_BY_HAND), (COUNTED, COUNTED_BY_HAND)] {
        for asked in [[0, 0], [0, 3], [1, 2], [4, 1], [4, 4]] {
            for mode in [Mode::Training, Mode::Evaluation] {
                let wanted = lab(by_hand, asked, mode).run();
                let found = lab(own, asked, mode);
                assert!(found.is_compiled());
                // The second step finds what the first has left in memory.
                found.run();
                same(&found.run(), &wanted);
                same(&lab(own, asked, mode).with(Kernels::Libtorch).run(), &wanted);
            }
        }
    }
}

/// What the backward pass computes again it computes for the samples that asked for it.
#[test]
fn computing_again_changes_nothing() {
    for own in [WHILE, NESTED, COUNTED] {
        for asked in [[0, 0], [0, 3], [4, 1]] {
            let wanted = lab(own, asked, Mode::Training).run();
            for recompute in Recompute::ALL {
                let again = || {
                    let lab = Lab::recomputing(&text(own), &[], Mode::Training, &SIZES, recompute);
                    asking(lab, asked)
                };
                same(&again().run(), &wanted);
                same(&again().with(Kernels::Libtorch).run(), &wanted);
            }
        }
    }
}

/// z becomes z wᵏ for a sample that asks for k: the slope of the loss z² w²ᵏ by w is 2 k z² w²ᵏ⁻¹.
#[test]
fn gradient_is_that_of_the_iterations_that_ran() {
    let text = "model Case {
        axis batch, cell, symbol
        axis dim = 3
        input question: symbol [batch, cell]
        state z: float [batch, cell, dim] = 1
        param w: float [dim] = 1
        think {
            let want = float32(question[cell = 0])
            var done = 0 * want
            repeat 4 while done < want { z <- z * w  done <- done + 1 }
        }
        loss size = mean(z ^ 2, over (cell, dim))
        halt never, at most 4 steps
    }";
    for asked in [[0, 0], [1, 3], [4, 0], [2, 4]] {
        let lab = asking(Lab::of(text, &[], Mode::Training), asked);
        let step = lab.run();
        let start = lab.inputs.states["z"].copy();
        let _ = start.get(0).fill_(1.0);
        let w = lab.weight("w");
        let mut slope = w.zeros_like();
        for (row, k) in asked.iter().enumerate() {
            let power = |k: i64| w.pow_tensor_scalar(k as f64);
            near("state.z", &step.get("state.z").get(row as i64), &(start.get(row as i64) * power(*k)));
            let own = start.get(row as i64).square() * power(2 * k - 1) * (2 * k) as f64;
            slope += own.sum_dim_intlist([0].as_slice(), false, None) / 12.0;
        }
        near("w", step.gradient("w"), &slope);
    }
}

/// The root has no slope at 0: times the gradient 0 of a frozen sample that is no number, unless nobody computes it.
#[test]
fn what_no_sample_asks_for_is_not_computed() {
    let own = "repeat 4 while done < want { z <- z + sqrt(f(z) - f(z))  done <- done + 1 }";
    let by_hand = "repeat 4 { z <- where(done < want, z + sqrt(f(z) - f(z)), z) }";
    let spoilt = |lab: Lab| lab.run().gradient("f.weight").isnan().any().int64_value(&[]) != 0;
    for asked in [[0, 0], [0, 1]] {
        assert!(spoilt(lab(by_hand, asked, Mode::Training)));
        let any = asked != [0, 0];
        assert_eq!(spoilt(lab(own, asked, Mode::Training)), any);
        assert_eq!(spoilt(lab(own, asked, Mode::Training).with(Kernels::Libtorch)), any);
    }
}
