//! Attention along rows, columns and blocks, against attention over all cells with a mask; and the symmetries of a grid.

use tch::{Kind, Tensor};
use totc::ir::Mode;

use crate::lab::{Lab, differ, near, small};

const CELLS: i64 = 16;
const SIDE: i64 = 4;
const HEADS: i64 = 4;

fn grid(sets: &[(&str, &str)]) -> Lab {
    let text = "use models::grid::Grid\nmodel Case extends Grid {}\n";
    let all = small(sets).into_iter().filter(|(name, _)| *name != "puzzle_tokens").collect::<Vec<_>>();
    Lab::sized(text, &all, Mode::Training, &[("batch", 2), ("cell", CELLS as usize), ("symbol", 5)])
}

/// Row, column and block of a cell.
fn groups(cell: i64) -> [i64; 3] {
    let (row, column) = (cell / SIDE, cell % SIDE);
    [row, column, row / 2 * 2 + column / 2]
}

fn rms_norm(x: &Tensor) -> Tensor {
    x / (x.square().mean_dim(-1, true, Kind::Double) + 1e-5).sqrt()
}

/// Of all cells, those that share group `which`; `x` and the result are [batch, cell, dim].
fn masked_attention(lab: &Lab, net: &str, which: usize, x: &Tensor) -> Tensor {
    let (batch, dim) = (x.size()[0], x.size()[2]);
    let allowed: Vec<bool> =
        (0..CELLS * CELLS).map(|pair| groups(pair / CELLS)[which] == groups(pair % CELLS)[which]).collect();
    let allowed = Tensor::from_slice(&allowed).reshape([CELLS, CELLS]);
    let weight = |name: &str| lab.weight(&format!("f.layers.0.{net}.{name}.weight")).reshape([-1, dim]);
    let heads = x.matmul(&weight("qkv").tr()).reshape([batch, CELLS, 3, HEADS, dim / HEADS]);
    let part = |at: i64| heads.select(2, at).transpose(1, 2);
    let scores = part(0).matmul(&part(1).transpose(-2, -1)) / ((dim / HEADS) as f64).sqrt();
    let scores = scores.masked_fill(&allowed.logical_not(), f64::NEG_INFINITY);
    let met = scores.softmax(-1, Kind::Double).matmul(&part(2));
    met.transpose(1, 2).reshape([batch, CELLS, dim]).matmul(&weight("out").tr())
}

fn by_hand(lab: &Lab, x: &Tensor) -> Tensor {
    let mut x = x.shallow_clone();
    for (which, net) in ["along_rows", "along_columns", "in_blocks"].into_iter().enumerate() {
        x = rms_norm(&(&x + masked_attention(lab, net, which, &x)));
    }
    let weight = |name: &str| lab.weight(&format!("f.layers.0.mlp.{name}.weight")).shallow_clone();
    let both = x.matmul(&weight("gate_up").flatten(0, -2).tr());
    let halves = both.chunk(2, -1);
    let mlp = (halves[0].silu() * &halves[1]).matmul(&weight("down").tr());
    rms_norm(&(&x + mlp))
}

#[test]
fn a_step_is_attention_over_all_cells_with_masks() {
    let lab = grid(&[("T", "1"), ("n", "2"), ("hidden", "16")]);
    let step = lab.run();
    let question = &lab.inputs.data["question"];
    let x =
        lab.weight("embed.weight").index_select(0, &question.flatten(0, -1)).reshape([2, CELLS, 16]) * 4.0;
    let start = |name: &str| {
        // The first sample is fresh, the second goes on from its state.
        let fresh = lab.weight(&format!("{name}0")).expand([1, CELLS, 16], false);
        Tensor::cat(&[fresh, lab.inputs.states[name].narrow(0, 1, 1)], 0)
    };
    let (mut y, mut z) = (start("y"), start("z"));
    for _ in 0..2 {
        z = by_hand(&lab, &(&z + &y + &x));
    }
    y = by_hand(&lab, &(&y + &z));
    near("logits", &y.matmul(&lab.weight("answer_head.weight").tr()), step.get("predict.logits"));
}

/// Rows of the upper band change places, and the stacks do: without positions so does the answer, and with them it is another.
#[test]
fn rows_of_a_band_and_stacks_may_change_places() {
    let order = Tensor::from_slice(&[6i64, 7, 4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 14, 15, 12, 13]);
    for rope in ["false", "true"] {
        let mut lab = grid(&[("T", "2"), ("n", "2"), ("rope", rope)]);
        let before = lab.run().get("predict.logits").index_select(1, &order);
        for tensor in lab.inputs.states.values_mut().chain(lab.inputs.data.values_mut()) {
            *tensor = tensor.index_select(1, &order);
        }
        let after = lab.run();
        match rope {
            "false" => near("logits", &before, after.get("predict.logits")),
            _ => differ("logits", &before, after.get("predict.logits")),
        }
    }
}

/// Other exchanges are none of the grid's symmetries.
#[test]
fn rows_of_different_bands_may_not() {
    let order: Vec<i64> =
        [2i64, 1, 0, 3].iter().flat_map(|row| (0..SIDE).map(move |at| row * SIDE + at)).collect();
    let order = Tensor::from_slice(&order);
    let mut lab = grid(&[("T", "2"), ("n", "2")]);
    let before = lab.run().get("predict.logits").index_select(1, &order);
    for tensor in lab.inputs.states.values_mut().chain(lab.inputs.data.values_mut()) {
        *tensor = tensor.index_select(1, &order);
    }
    differ("logits", &before, lab.run().get("predict.logits"));
}
