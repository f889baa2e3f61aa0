//! Models of 2026 with states of their own kind: a fixed point, a noisy guess, a lattice of candidates, a latent for every
//! symbol; and the energy of a Sudoku. Each is held against its formula or its rules, computed by hand.

use tch::Tensor;
use totc::ir::Mode;

use crate::by_hand::{
    attention, going_on, linear, number, numbers, rms_norm, rope, rope_at, rows, state, swiglu, trm_question,
};
use crate::lab::{Lab, PRECISION, ROUNDING, apart, differ, near, small};

const CELLS: usize = 4;
const SYMBOLS: usize = 5;

/// A model that takes no puzzle tokens, in sizes of the lab.
fn alone(file: &str, model: &str, sets: &[(&str, &str)], mode: Mode) -> Lab {
    let text = format!("use models::{file}::{model}\nmodel Case extends {model} {{}}\n");
    let mut all = small(sets);
    all.retain(|(name, _)| *name != "puzzle_tokens");
    going_on(Lab::of(&text, &all, mode))
}

fn given(lab: &mut Lab, state: &str, values: &[f64]) {
    let shape = lab.inputs.states[state].size();
    lab.inputs.states.insert(state.to_owned(), Tensor::from_slice(values).reshape(shape));
}

/// A step of `updates` = 2: the scales mix, the step is damped where the residual stalls, and only when it is used.
#[test]
fn a_fixed_point_is_approached_in_damped_steps() {
    for mode in [Mode::Training, Mode::Evaluation] {
        let text = "use models::fprm::Fprm\nmodel Case extends Fprm {}";
        let sets = small(&[("updates", "2"), ("layers", "2"), ("threshold", "0.001"), ("taps", "3")]);
        let mut lab = going_on(Lab::of(text, &sets, mode));
        // The first sample has no best yet, the second has long stalled.
        let (mut best, mut left, mut stepsize) = (vec![1e3, 1e-6], vec![5.0, 1.0], vec![1.0, 0.5]);
        for (name, values) in [("best", &best), ("left", &left), ("stepsize", &stepsize)] {
            given(&mut lab, name, values);
        }
        let sigmoid = |name: &str| lab.weight(name).sigmoid();
        let (a1, a2) = (sigmoid("layer_scale"), sigmoid("loop_scale"));
        let kept = a1.pow_tensor_scalar(4); // two residuals in each of two layers
        let b2 = 1.0 - &a2 * &kept;
        let b1 = &b2 * (1.0 - &a1) / (1.0 - &kept + 1e-5);
        let (x, mut y) = (trm_question(&lab), state(&lab, "y"));
        let (kernel, bias) = (lab.weight("convolution.weight"), lab.weight("convolution.bias"));
        let mut residual = Vec::new();
        for _ in 0..2 {
            // Each cell sees itself and the two before it.
            let cells = (0..4i64).map(|cell| {
                let taps = (0..3i64).filter(|tap| cell + tap >= 2);
                let seen = taps.map(|tap| y.select(1, 2 + cell + tap - 2) * kernel.select(1, tap));
                seen.reduce(|sum, part| sum + part).unwrap() + bias
            });
            let mixed = Tensor::cat(&[y.narrow(1, 0, 2), Tensor::stack(&cells.collect::<Vec<_>>(), 1)], 1);
            let mut h = &a2 * mixed + &b2 * &x;
            for layer in 0..2 {
                let path = format!("blocks.{layer}");
                let met = attention(&lab, &format!("{path}.attention"), &rms_norm(&h), |part, _| rope(part));
                h = &a1 * &h + &b1 * met;
                h = &a1 * &h + &b1 * swiglu(&lab, &format!("{path}.mlp"), &rms_norm(&h));
            }
            let moved = (&y - &h).abs().amax([-1i64].as_slice(), false)
                / (h.abs().amax([-1i64].as_slice(), false) + 1e-8);
            residual = numbers(&moved.amax([-1i64].as_slice(), false));
            let step = Tensor::from_slice(&stepsize).reshape([2, 1, 1]);
            y = &step * &h + (1.0 - &step) * &y;
            for sample in 0..2 {
                left[sample] = if residual[sample] < best[sample] { 5.0 } else { left[sample] - 1.0 };
                best[sample] = best[sample].min(residual[sample]);
                if left[sample] <= 0.0 {
                    left[sample] = 5.0;
                    if mode == Mode::Evaluation && residual[sample] >= 0.001 {
                        stepsize[sample] *= 0.9;
                    }
                }
            }
        }
        assert!(mode == Mode::Training || stepsize == [1.0, 0.45], "{stepsize:?}");
        let step = lab.run();
        near("y", step.get("state.y"), &y);
        let all = [("residual", &residual), ("best", &best), ("left", &left), ("stepsize", &stepsize)];
        for (name, values) in all {
            near(name, step.get(&format!("state.{name}")), &Tensor::from_slice(values));
        }
        near("logits", step.get("predict.logits"), &linear(&lab, "answer_head", &y.narrow(1, 2, 4)));
    }
}

/// A valid 9 × 9 grid by the usual shifts.
fn solved(side: usize, band: usize) -> Vec<usize> {
    let value = |row: usize, column: usize| (row * band + row / (side / band) + column) % side;
    (0..side * side).map(|cell| value(cell / side, cell % side)).collect()
}

/// The energy of choices is the sum of (count - 1)^2 over the digits of all rows, columns and blocks, counted by loops.
#[test]
fn the_energy_counts_what_is_broken() {
    for (side, wide) in [(4usize, 2usize), (6, 3), (9, 3)] {
        let text = "use models::energy::sudoku_energy
            model Case {
                axis batch, cell, symbol
                state p: float [batch, cell, symbol] = 0
                param one: float = 1
                think { let energy = sudoku_energy(p, over cell, along symbol)  p <- p }
                loss size = one * energy
            }";
        let sizes = [("batch", 2), ("cell", side * side), ("symbol", side + 2)];
        let mut lab = going_on(Lab::sized(text, &[], Mode::Training, &sizes));
        let mut broken = solved(side, wide);
        broken.swap(0, side + 1);
        broken[2] = broken[3];
        let grids = [solved(side, wide), broken];
        let mut chosen = Vec::new();
        for digit in grids.iter().flatten() {
            chosen.extend((0..side + 2).map(|symbol| f64::from(u8::from(symbol == digit + 2))));
        }
        given(&mut lab, "p", &chosen);
        let tall = side / wide; // rows of a block
        let energy = grids.map(|grid| {
            let unit = |of: &dyn Fn(usize) -> bool, digit| {
                let count = (0..side * side).filter(|cell| of(*cell) && grid[*cell] == digit).count();
                (count as f64 - 1.0).powi(2)
            };
            let mut sum = 0.0;
            for (at, digit) in (0..side * side).map(|both| (both / side, both % side)) {
                sum += unit(&|cell| cell / side == at, digit) + unit(&|cell| cell % side == at, digit);
                let block = |cell: usize| cell / side / tall * (side / wide) + cell % side / wide;
                sum += unit(&|cell| block(cell) == at, digit);
            }
            sum
        });
        assert!(energy[0] == 0.0 && energy[1] > 0.0, "{energy:?}");
        near("energy", lab.run().get("value.energy"), &Tensor::from_slice(&energy));
    }
}

/// TRM with another confidence: its logits, and exp(-energy) of their probabilities.
#[test]
fn energy_is_trm_believed_otherwise() {
    let sets = &[("n", "2"), ("T", "2")];
    let (energy, trm) =
        (Lab::shipped("energy", "EnergyTrm", sets).run(), Lab::shipped("trm", "Trm", sets).run());
    near("logits", energy.get("predict.logits"), trm.get("predict.logits"));
    near("confidence", energy.get("predict.confidence"), &(-energy.get("value.energy")).exp());
    differ("confidence", energy.get("predict.confidence"), trm.get("predict.confidence"));
}

fn hot(lab: &Lab, input: &str) -> Tensor {
    lab.inputs.data[input].one_hot(SYMBOLS as i64).to_kind(PRECISION)
}

/// A sample that begins is the answer mixed with noise at its level; one that goes on shows its last guess, a step nearer.
#[test]
fn noise_is_undone_step_by_step() {
    for mode in [Mode::Training, Mode::Evaluation] {
        let mut lab = alone("denoise", "Denoise", &[("n", "2")], mode);
        given(&mut lab, "level", &[0.3, 0.5]);
        let step = lab.run();
        let level = step.get("state.level").shallow_clone();
        let drawn = numbers(&level);
        match mode {
            Mode::Training => assert!((0.0..1.0).contains(&drawn[0])),
            _ => assert!(drawn[0] == 0.0),
        }
        assert!((drawn[1] - 0.75).abs() < ROUNDING);
        let guess = state(&lab, "guess");
        let shown = match mode {
            Mode::Training => {
                let mixed = drawn[0] * hot(&lab, "answer").get(0) + (1.0 - drawn[0]) * guess.get(0);
                Tensor::stack(&[mixed, guess.get(1)], 0)
            }
            _ => guess,
        };
        let shown = linear(&lab, "read", &shown) * 4.0 + level.reshape([2, 1, 1]) * lab.weight("level_code");
        let x = rows(&lab, "embed.weight", "question") * 4.0 + shown;
        let mut h = x.shallow_clone();
        for _ in 0..2 {
            h = crate::by_hand::f(&lab, &(&h + &x));
        }
        let logits = linear(&lab, "answer_head", &h);
        near("logits", step.get("predict.logits"), &logits);
        near("guess", step.get("state.guess"), &logits.softmax(-1, PRECISION));
    }
}

/// Runs the lattice, checks the rules of a step cell by cell, and gives what became of the two samples: open, solved, stuck.
fn deduced(lattice: &[[u8; 3]; 2 * CELLS], strike: &str, doubt: &str) -> [&'static str; 2] {
    let mut lab =
        alone("ldt", "Ldt", &[("loops", "2"), ("strike", strike), ("doubt", doubt)], Mode::Training);
    let question = [2i64, 1, 1, 3, 1, 1, 1, 1];
    lab.inputs.data.insert("question".to_owned(), Tensor::from_slice(&question).reshape([2, 4]));
    let mut alive = Vec::new();
    for cell in lattice {
        alive.extend([0.0, 0.0].into_iter().chain(cell.iter().map(|alive| f64::from(*alive))));
    }
    given(&mut lab, "alive", &alive);
    given(&mut lab, "stuck", &[0.0, 0.0]);
    // The first sample is at its first step: givens have one candidate, blanks have all digits.
    for cell in 0..CELLS {
        for symbol in 0..SYMBOLS {
            let token = question[cell] as usize;
            let may = if token >= 2 { symbol == token } else { symbol >= 2 };
            alive[cell * SYMBOLS + symbol] = f64::from(u8::from(may));
        }
    }
    let step = lab.run();
    near("seen", &step.get("value.seen").transpose(1, 2), &Tensor::from_slice(&alive).reshape([2, 4, 5]));

    let seen = Tensor::from_slice(&alive).reshape([2, 4, 5]);
    let h0 = linear(&lab, "read", &seen) + lab.weight("place");
    let mut h = h0.shallow_clone();
    for _ in 0..2 {
        h += &h0;
        let a = &h + attention(&lab, "blocks.0.attention", &rms_norm(&h), |part, _| part.shallow_clone());
        h = rms_norm(&(&h + &a + swiglu(&lab, "blocks.0.mlp", &rms_norm(&a))));
    }
    let possible = numbers(&linear(&lab, "keep", &h).sigmoid());
    let hopeless = numbers(&number(&lab, "conflict", &h.mean_dim(1, false, PRECISION)).sigmoid());
    let (strike, doubt): (f64, f64) = (strike.parse().unwrap(), doubt.parse().unwrap());
    let (after, stuck, done) =
        (numbers(step.get("state.alive")), numbers(step.get("state.stuck")), numbers(step.get("state.done")));
    [0, 1].map(|sample| {
        let at = |cell: usize, symbol: usize| (sample * CELLS + cell) * SYMBOLS + symbol;
        let given = |cell: usize| question[sample * CELLS + cell] >= 2;
        let left: Vec<Vec<usize>> = (0..CELLS)
            .map(|cell| {
                let stays = |at: usize| alive[at] > 0.0 && (given(cell) || possible[at] >= strike);
                (0..SYMBOLS).filter(|symbol| stays(at(cell, *symbol))).collect()
            })
            .collect();
        let conflict = left.iter().any(Vec::is_empty) || hopeless[sample] > doubt;
        let solved = !conflict && left.iter().all(|candidates| candidates.len() == 1);
        assert_eq!((stuck[sample] > 0.0, done[sample] > 0.0), (conflict, solved));
        let mut guesses = 0;
        for (cell, candidates) in left.iter().enumerate() {
            let now: Vec<usize> = (0..SYMBOLS).filter(|symbol| after[at(cell, *symbol)] > 0.0).collect();
            if now != *candidates {
                guesses += 1;
                assert!(now.len() == 1 && candidates.contains(&now[0]), "{candidates:?} became {now:?}");
            }
        }
        assert_eq!(guesses, usize::from(!conflict && !solved), "cells that were guessed");
        if conflict {
            "stuck"
        } else if solved {
            "solved"
        } else {
            "open"
        }
    })
}

#[test]
fn a_lattice_is_struck_guessed_solved_or_given_up() {
    let all = [[1, 1, 1]; 2 * CELLS];
    let one = [[1, 0, 0]; 2 * CELLS];
    let mut none = all;
    none[2 * CELLS - 1] = [0, 0, 0];
    assert_eq!(deduced(&all, "0", "1"), ["open", "open"]);
    assert_eq!(deduced(&one, "0", "1"), ["open", "solved"]);
    assert_eq!(deduced(&none, "0", "1"), ["open", "stuck"]);
    assert_eq!(deduced(&all, "0", "0"), ["stuck", "stuck"]);
    assert_eq!(deduced(&all, "1", "1"), ["stuck", "stuck"]);
    for strike in ["0.35", "0.45", "0.5", "0.55"] {
        deduced(&all, strike, "1");
    }
}

/// After a conflict the deduction begins anew.
#[test]
fn a_lattice_that_is_stuck_begins_anew() {
    let mut lab = alone("ldt", "Ldt", &[("loops", "1")], Mode::Training);
    let alive = vec![1.0; 2 * CELLS * SYMBOLS];
    given(&mut lab, "alive", &alive);
    given(&mut lab, "stuck", &[0.0, 1.0]);
    let question = Tensor::from_slice(&[1i64, 2, 3, 4, 4, 3, 2, 1]).reshape([2, 4]);
    lab.inputs.data.insert("question".to_owned(), question);
    let may = |token: i64, symbol: i64| if token >= 2 { symbol == token } else { symbol >= 2 };
    let wanted = |token: i64| (0..5i64).map(move |symbol| f64::from(u8::from(may(token, symbol))));
    let begun: Vec<f64> = [1, 2, 3, 4, 4, 3, 2, 1].into_iter().flat_map(wanted).collect();
    near(
        "seen",
        &lab.run().get("value.seen").transpose(1, 2),
        &Tensor::from_slice(&begun).reshape([2, 4, 5]),
    );
}

fn equivariant() -> Lab {
    let mut lab = alone("serrm", "SeRrm", &[("n", "2"), ("T", "2"), ("symbol_heads", "4")], Mode::Training);
    let question = Tensor::from_slice(&[1i64, 2, 3, 4, 4, 0, 2, 1]).reshape([2, 4]);
    lab.inputs.data.insert("question".to_owned(), question);
    lab
}

/// [batch, symbol, cell, dim]: attention over cells, turned by rows and columns; over symbols; and the feed-forward net.
#[test]
fn every_symbol_has_a_latent() {
    let lab = equivariant();
    let marks = lab.weight("marks");
    let digit = lab.weight("digit").unsqueeze(0).expand([3, 16], false);
    let code = Tensor::cat(&[marks, &digit], 0).reshape([1, 5, 1, 16]);
    let x = hot(&lab, "question").transpose(1, 2).unsqueeze(-1) * code * (SYMBOLS as f64).sqrt();
    let mut z = state(&lab, "z");
    let grid = |part: &Tensor, _: &str| {
        let halves = part.chunk(2, -1);
        let (row, column) = ([0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]);
        Tensor::cat(&[rope_at(&halves[0], &row), rope_at(&halves[1], &column)], -1)
    };
    for _ in 0..4 {
        let path = "f.layers.0";
        let h = &z + &x;
        let a = rms_norm(&(&h + attention(&lab, &format!("{path}.over_cells"), &h, grid)));
        let turned = a.transpose(1, 2);
        let met = attention(&lab, &format!("{path}.over_symbols"), &turned, |part, _| part.shallow_clone());
        let b = rms_norm(&(&a + met.transpose(1, 2)));
        z = rms_norm(&(&b + swiglu(&lab, &format!("{path}.mlp"), &b)));
    }
    let step = lab.run();
    near("z", step.get("state.z"), &z);
    near("logits", step.get("predict.logits"), &number(&lab, "answer_head", &z));
}

/// Digits that change their names change the names of the answer, and nothing else.
#[test]
fn other_names_of_digits_give_the_same_answer() {
    let mut lab = equivariant();
    let before = lab.run();
    let names = [0i64, 1, 4, 2, 3];
    let order = Tensor::from_slice(&[0i64, 1, 3, 4, 2]); // which symbol has become each
    for tensor in lab.inputs.data.iter_mut().filter(|(name, _)| *name != "puzzle").map(|(_, tensor)| tensor) {
        *tensor = Tensor::from_slice(&names).take(tensor);
    }
    let z = state(&lab, "z").index_select(1, &order);
    lab.inputs.states.insert("z".to_owned(), z);
    let after = lab.run();
    let renamed = before.get("predict.logits").index_select(1, &order);
    assert!(apart(after.get("predict.logits"), &renamed) < ROUNDING);
    near("loss", after.get("loss.answering"), before.get("loss.answering"));
}
