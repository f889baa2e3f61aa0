//! Nets of the library computed by hand, with plain operations of libtorch, on the weights of a lab in float64.

use tch::{Device, Tensor};

use crate::lab::{Lab, PRECISION};

/// Heads of every attention here, as `lab::small` sets them.
pub const HEADS: i64 = 4;

/// A lab whose two samples go on from their states.
pub fn going_on(mut lab: Lab) -> Lab {
    lab.inputs.fresh = Tensor::from_slice(&[false, false]);
    lab
}

pub fn state(lab: &Lab, name: &str) -> Tensor {
    lab.inputs.states[name].shallow_clone()
}

pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.detach().to_kind(PRECISION).flatten(0, -1)).unwrap()
}

/// Rows of a table of weights, one for each entry of an input: [batch, at.., dim].
pub fn rows(lab: &Lab, table: &str, input: &str) -> Tensor {
    let (weight, index) = (lab.weight(table), &lab.inputs.data[input]);
    let size = [index.size(), weight.size()[1..].to_vec()].concat();
    weight.index_select(0, &index.flatten(0, -1)).reshape(size)
}

/// TRM's x: a vector of the task, padded with zeros to two tokens, before the cells.
pub fn trm_question(lab: &Lab) -> Tensor {
    let (cells, task) = (rows(lab, "embed.weight", "question"), rows(lab, "prompt.rows", "puzzle"));
    let prompt = Tensor::stack(&[&task, &task.zeros_like()], 1);
    let width = cells.size()[2] as f64;
    Tensor::cat(&[prompt, cells], 1) * width.sqrt()
}

/// x / sqrt(mean(x^2) + eps) over the last axis.
pub fn normed(x: &Tensor, eps: f64) -> Tensor {
    x / (x.square().mean_dim(-1, true, PRECISION) + eps).sqrt()
}

pub fn rms_norm(x: &Tensor) -> Tensor {
    normed(x, 1e-5)
}

/// A linear map of the last axis, with its bias if it has one.
pub fn linear(lab: &Lab, path: &str, x: &Tensor) -> Tensor {
    let width = *x.size().last().unwrap();
    let out = x.matmul(&lab.weight(&format!("{path}.weight")).reshape([-1, width]).tr());
    match lab.weights.tensors.get(&format!("{path}.bias")) {
        Some(bias) => out + bias.reshape([-1]),
        None => out,
    }
}

/// Of a map to a single number: [.., 1] to [..].
pub fn number(lab: &Lab, path: &str, x: &Tensor) -> Tensor {
    linear(lab, path, x).squeeze_dim(-1)
}

pub fn swiglu(lab: &Lab, path: &str, x: &Tensor) -> Tensor {
    let halves = linear(lab, &format!("{path}.gate_up"), x).chunk(2, -1);
    linear(lab, &format!("{path}.down"), &(halves[0].silu() * &halves[1]))
}

/// [.., at, head · feature] to [.., head, at, feature].
pub fn heads(x: &Tensor) -> Tensor {
    let size = x.size();
    let (width, outer) = size.split_last().unwrap();
    x.reshape([outer, &[HEADS, width / HEADS]].concat()).transpose(-2, -3)
}

/// Rotary positions, as the published code turns them: feature i with feature i + half.
pub fn rope_at(x: &Tensor, positions: &[f64]) -> Tensor {
    let width = *x.size().last().unwrap();
    let speed = Tensor::arange(width / 2, (PRECISION, Device::Cpu)) * (-2.0 / width as f64 * 10000f64.ln());
    let angle = Tensor::from_slice(positions).unsqueeze(1) * speed.exp();
    let halves = x.chunk(2, -1);
    let (one, other) = (&halves[0], &halves[1]);
    Tensor::cat(&[one * angle.cos() - other * angle.sin(), other * angle.cos() + one * angle.sin()], -1)
}

pub fn rope(x: &Tensor) -> Tensor {
    let count = x.size()[x.dim() - 2];
    rope_at(x, &(0..count).map(|at| at as f64).collect::<Vec<_>>())
}

/// softmax(q·k / √d)·v of the last two axes.
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    let width = *q.size().last().unwrap() as f64;
    (q.matmul(&k.transpose(-2, -1)) / width.sqrt()).softmax(-1, PRECISION).matmul(v)
}

/// `Attention`, queries and keys ([.., head, at, feature]) turned as told.
pub fn attention(lab: &Lab, path: &str, x: &Tensor, turn: impl Fn(&Tensor, &str) -> Tensor) -> Tensor {
    let parts = linear(lab, &format!("{path}.qkv"), x).chunk(3, -1);
    let (q, k) = (turn(&heads(&parts[0]), "query"), turn(&heads(&parts[1]), "key"));
    let met = attend(&q, &k, &heads(&parts[2]));
    linear(lab, &format!("{path}.out"), &met.transpose(-2, -3).flatten(-2, -1))
}

/// `Block`, the one layer of TRM's `f` here.
pub fn block(lab: &Lab, path: &str, x: &Tensor) -> Tensor {
    let met = attention(lab, &format!("{path}.attention"), x, |part, _| rope(part));
    let h = rms_norm(&(x + met));
    rms_norm(&(&h + swiglu(lab, &format!("{path}.mlp"), &h)))
}

pub fn f(lab: &Lab, x: &Tensor) -> Tensor {
    block(lab, "f.layers.0", x)
}
