//! The primitives of the reference, one element at a time. Take tensors and axes that are there; give a new tensor.
//! `Margins` keeps how near a value came to a place where a result jumps or a slope breaks.

use std::f64::consts::FRAC_1_SQRT_2;

use super::value::{AxisId, Kind, Res, Tensor, joined, walk};

/// How near the run came to a jump (comparisons, choices) and to a kink (|x|, max, relu, a norm at 0).
#[derive(Clone, Copy, Debug)]
pub struct Margins {
    pub jump: f64,
    pub kink: f64,
}

impl Default for Margins {
    fn default() -> Margins {
        Margins { jump: f64::INFINITY, kink: f64::INFINITY }
    }
}

impl Margins {
    pub fn jumps_at(&mut self, distance: f64) {
        self.jump = self.jump.min(distance.abs());
    }

    pub fn bends_at(&mut self, distance: f64) {
        self.kink = self.kink.min(distance.abs());
    }
}

/// Elements of several values where they meet.
pub fn elementwise(kind: Kind, operands: &[&Tensor], mut each: impl FnMut(&[f64]) -> f64) -> Res<Tensor> {
    let axes = joined(operands)?;
    let mut data = Vec::new();
    let mut values = vec![0.0; operands.len()];
    walk(&axes, operands, |at| {
        for ((value, operand), offset) in values.iter_mut().zip(operands).zip(at) {
            *value = operand.data[*offset];
        }
        data.push(each(&values));
    });
    Ok(Tensor { kind, axes, data })
}

/// Functions of one number; `None` for another name.
pub fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "exp" => f64::exp,
        "log" => f64::ln,
        "sqrt" => f64::sqrt,
        "rsqrt" => |x| 1.0 / x.sqrt(),
        "abs" => f64::abs,
        "sign" => |x| {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                0.0
            }
        },
        "floor" => f64::floor,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
        "tanh" => f64::tanh,
        "silu" => |x| x / (1.0 + (-x).exp()),
        "gelu" => |x| x * 0.5 * erfc(-x * FRAC_1_SQRT_2),
        "relu" => |x| if x > 0.0 { x } else { 0.0 },
        _ => return None,
    })
}

/// The complementary error function: its power series near 0, its continued fraction (Lentz) further out; both to
/// the last digits of float64.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let scale = (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI;
    if x < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= 2.0 * x * x / (2.0 * f64::from(n) + 1.0);
            sum += term;
        }
        return 1.0 - scale * sum;
    }
    let mut tail = x;
    for n in (1..200).rev() {
        tail = x + f64::from(n) / 2.0 / tail;
    }
    scale / 2.0 / tail
}

/// The axes that a reduction leaves, and those it is over.
type Split = (Vec<(AxisId, usize)>, Vec<(AxisId, usize)>);

fn split(x: &Tensor, over: &[AxisId]) -> Split {
    x.axes.iter().copied().partition(|(axis, _)| !over.contains(axis))
}

/// Where `reduced` runs at each place of what is left: offsets into `x`.
fn lanes(x: &Tensor, over: &[AxisId]) -> (Vec<(AxisId, usize)>, Vec<usize>, Vec<usize>) {
    let (left, reduced) = split(x, over);
    let (mut starts, mut steps) = (Vec::new(), Vec::new());
    walk(&left, &[x], |at| starts.push(at[0]));
    walk(&reduced, &[x], |at| steps.push(at[0]));
    (left, starts, steps)
}

/// Each lane along `over` becomes one number.
pub fn reduced(kind: Kind, x: &Tensor, over: &[AxisId], mut each: impl FnMut(&[f64]) -> f64) -> Tensor {
    let (axes, starts, steps) = lanes(x, over);
    let mut lane = vec![0.0; steps.len()];
    let mut data = Vec::with_capacity(starts.len());
    for start in starts {
        for (value, step) in lane.iter_mut().zip(&steps) {
            *value = x.data[start + step];
        }
        data.push(each(&lane));
    }
    Tensor { kind, axes, data }
}

/// Each lane along `over` becomes one of the same length.
pub fn along(x: &Tensor, over: &[AxisId], mut each: impl FnMut(&mut [f64])) -> Tensor {
    let (_, starts, steps) = lanes(x, over);
    let mut data = x.data.clone();
    let mut lane = vec![0.0; steps.len()];
    for start in starts {
        for (value, step) in lane.iter_mut().zip(&steps) {
            *value = x.data[start + step];
        }
        each(&mut lane);
        for (value, step) in lane.iter().zip(&steps) {
            data[start + step] = *value;
        }
    }
    Tensor { kind: Kind::Float, data, axes: x.axes.clone() }
}

pub fn largest(lane: &[f64]) -> f64 {
    lane.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

pub fn log_sum_exp(lane: &[f64]) -> f64 {
    let most = largest(lane);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + lane.iter().map(|value| (value - most).exp()).sum::<f64>().ln()
}

pub fn softmax(lane: &mut [f64]) {
    let most = largest(lane);
    lane.iter_mut().for_each(|value| *value = (*value - most).exp());
    let sum: f64 = lane.iter().sum();
    lane.iter_mut().for_each(|value| *value /= sum);
}

/// The distance between the largest and the one after it.
pub fn lead(lane: &[f64]) -> f64 {
    let mut sorted = lane.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    if sorted.len() < 2 { f64::INFINITY } else { sorted[0] - sorted[1] }
}

/// Σ x·y over axes that both have.
pub fn dot(x: &Tensor, y: &Tensor, over: &[AxisId]) -> Res<Tensor> {
    let all = joined(&[x, y])?;
    let (axes, summed): Split = all.into_iter().partition(|(axis, _)| !over.contains(axis));
    let (mut starts, mut steps) = (Vec::new(), Vec::new());
    walk(&axes, &[x, y], |at| starts.push((at[0], at[1])));
    walk(&summed, &[x, y], |at| steps.push((at[0], at[1])));
    let at = |(a, b): &(usize, usize)| steps.iter().map(|(c, d)| x.data[a + c] * y.data[b + d]).sum();
    let data = starts.iter().map(at).collect();
    Ok(Tensor { kind: Kind::Float, axes, data })
}

/// Attention over `pos`: softmax(q·k / √features) v. Queries stand at their own places along the same axis, or have no
/// such axis; `other` names that of the keys. A mask, of keys and queries, says which keys are looked at, or is added to
/// the scores; a query that looks at none gets 0.
pub fn attend(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    (pos, feature): (AxisId, AxisId),
    causal: bool,
    mask: Option<&Tensor>,
    other: AxisId,
) -> Res<Tensor> {
    let features = q.size(feature).ok_or("the queries lack the features' axis")? as f64;
    let places = q.size(pos).unwrap_or(1);
    let (keys, values) = (k.renamed(pos, other), v.renamed(pos, other));
    let mut scores = dot(q, &keys, &[feature])?;
    scores.data.iter_mut().for_each(|score| *score /= features.sqrt());
    let sizes = [(pos, places), (other, places)];
    if causal {
        let index = Tensor {
            kind: Kind::Float,
            axes: sizes.to_vec(),
            data: (0..places * places).map(|at| f64::from(u8::from(at % places > at / places))).collect(),
        };
        scores = elementwise(Kind::Float, &[&scores, &index], |at| {
            if at[1] > 0.0 { f64::NEG_INFINITY } else { at[0] }
        })?;
    }
    if let Some(mask) = mask {
        let (mask, kind) = (mask.renamed(pos, other), mask.kind);
        scores = elementwise(Kind::Float, &[&scores, &mask], |at| match kind {
            Kind::Bool if at[1] == 0.0 => f64::NEG_INFINITY,
            Kind::Bool => at[0],
            _ => at[0] + at[1],
        })?;
    }
    let weights = along(&scores, &[other], |lane| match largest(lane) {
        f64::NEG_INFINITY => lane.fill(0.0),
        _ => softmax(lane),
    });
    dot(&weights, &values, &[other])
}

/// Rotary positions (Su et al., arXiv:2104.09864), the first half of the features turned with the second.
pub fn rope(x: &Tensor, pos: AxisId, feature: AxisId, theta: f64) -> Res<Tensor> {
    let count = x.size(feature).ok_or("rope needs the features' axis")?;
    let stride = |axis| x.strides(&[(axis, 0)])[0];
    let (pos_stride, feature_stride) = (stride(pos), stride(feature));
    let places = x.size(pos).unwrap_or(1);
    let half = count / 2;
    let mut data = x.data.clone();
    for (at, value) in data.iter_mut().enumerate() {
        let place = at.checked_div(pos_stride).unwrap_or(0) % places;
        let f = at / feature_stride % count;
        let angle = place as f64 * theta.powf(-2.0 * (f % half) as f64 / count as f64);
        let partner =
            if f < half { -x.data[at + half * feature_stride] } else { x.data[at - half * feature_stride] };
        *value = x.data[at] * angle.cos() + partner * angle.sin();
    }
    Ok(Tensor { data, ..x.clone() })
}

/// Σ over taps of the kernel, laid so that the last tap (`causal`) or the middle one stands at the place itself.
pub fn convolve(x: &Tensor, kernel: &Tensor, over: AxisId, tap: AxisId, causal: bool) -> Res<Tensor> {
    let taps = kernel.size(tap).ok_or("the kernel lacks the axis of its taps")?;
    let places = x.size(over).ok_or("nothing to convolve over")?;
    let before = if causal { taps - 1 } else { (taps - 1) / 2 };
    let axes = {
        let mut axes = joined(&[x, kernel])?;
        axes.retain(|(axis, _)| *axis != tap);
        axes
    };
    let (x_step, k_step) = (x.strides(&[(over, 0)])[0], kernel.strides(&[(tap, 0)])[0]);
    let index = Tensor {
        kind: Kind::Int,
        axes: vec![(over, places)],
        data: (0..places).map(|at| at as f64).collect(),
    };
    let mut data = Vec::new();
    walk(&axes, &[x, kernel, &index], |at| {
        let place = at[2];
        let mut sum = 0.0;
        for t in 0..taps {
            let from = place + t;
            if from >= before && from - before < places {
                let start = at[0] - place * x_step;
                sum += x.data[start + (from - before) * x_step] * kernel.data[at[1] + t * k_step];
            }
        }
        data.push(sum);
    });
    Ok(Tensor { kind: Kind::Float, axes, data })
}

/// Indices of the `count` largest along `over`, in the order they stand, on the axis `into`; and by how much the
/// last of them was ahead of the first that was left out.
pub fn top_k(x: &Tensor, over: AxisId, count: usize, into: AxisId, margins: &mut Margins) -> Tensor {
    let (mut axes, starts, steps) = lanes(x, &[over]);
    let mut data = Vec::new();
    // Of fewer than `count`, all are the best.
    let count = count.min(steps.len());
    for start in starts {
        let lane: Vec<f64> = steps.iter().map(|step| x.data[start + step]).collect();
        let mut order: Vec<usize> = (0..lane.len()).collect();
        order.sort_by(|a, b| lane[*b].total_cmp(&lane[*a]));
        if count < order.len() && count > 0 {
            margins.jumps_at(lane[order[count - 1]] - lane[order[count]]);
        }
        let mut best: Vec<usize> = order.into_iter().take(count).collect();
        best.sort_unstable();
        data.extend(best.into_iter().map(|at| at as f64));
    }
    axes.push((into, count));
    Tensor { kind: Kind::Index(over), axes, data }
}

/// The entries of `x` along `axis` at the places of `index`; what both have is matched.
pub fn looked_up(x: &Tensor, axis: AxisId, index: &Tensor) -> Res<Tensor> {
    let size = x.size(axis).ok_or("a lookup along an axis that is not there")?;
    let axes = {
        let mut axes = joined(&[x, index])?;
        if !index.has(axis) {
            axes.retain(|(own, _)| *own != axis);
        }
        axes
    };
    let step = x.strides(&[(axis, 0)])[0];
    let rest = Tensor { axes: x.axes.iter().filter(|(own, _)| *own != axis).copied().collect(), ..x.clone() };
    let offsets: Vec<usize> = {
        let mut offsets = Vec::new();
        walk(&rest.axes, &[x], |at| offsets.push(at[0]));
        offsets
    };
    let mut data = Vec::new();
    let mut outside = false;
    walk(&axes, &[&rest, index], |at| {
        let wanted = index.data[at[1]];
        data.push(match wanted.is_nan() {
            true => f64::NAN,
            false if wanted < 0.0 || wanted >= size as f64 => {
                outside = true;
                f64::NAN
            }
            false => x.data[offsets[at[0]] + wanted as usize * step],
        });
    });
    if outside {
        return Err("an index is out of range".to_owned());
    }
    Ok(Tensor { kind: x.kind, axes, data })
}
