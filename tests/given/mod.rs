//! Weights and inputs for any program, without a generator that tests running at once would share.

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};
use totc::exec::{Inputs, Weights};
use totc::lower::Program;
use totc::primitive::kernel::torch_kind;

/// Numbers between -1 and 1 without a generator that tests running at once would share.
pub fn spread(shape: &[i64], seed: usize) -> Tensor {
    let count: i64 = shape.iter().product();
    let at = Tensor::arange(count, (Kind::Double, Device::Cpu)) + 0.37 * (seed + 1) as f64;
    let wild = (at * 12.9898).sin() * 43758.5453;
    ((&wild - wild.floor()) * 2.0 - 1.0).reshape(shape)
}

/// The run's floats.
fn kind(program: &Program) -> Kind {
    torch_kind(program.precision.kind())
}

/// Weights whose products neither grow nor vanish.
pub fn weights(program: &Program) -> Weights {
    let mut tensors = IndexMap::new();
    for (at, info) in program.weights.iter().enumerate() {
        let width = info.shape.last().copied().unwrap_or(1) as f64;
        let tensor = (spread(&info.shape, at) * (3.0 / width).sqrt().min(1.0)).to_kind(kind(program));
        tensors.insert(info.path.clone(), tensor);
    }
    Weights { tensors }
}

/// Fresh rows and rows that go on; cells with labels and without.
pub fn inputs(program: &Program) -> Inputs {
    let rows = program.batch_rows() as i64;
    let mut inputs = Inputs {
        data: Default::default(),
        states: Default::default(),
        fresh: Tensor::from_slice(&(0..rows).map(|row| row % 2 == 0).collect::<Vec<_>>()),
        steps: Tensor::from_slice(&(0..rows).map(|row| 1 + 3 * (row % 2)).collect::<Vec<i64>>()),
    };
    for (at, input) in program.inputs.iter().enumerate() {
        let column = ((spread(&input.shape, 100 + at) + 1.0) * 1.49).floor().to_kind(Kind::Int64);
        let absent = spread(&input.shape, 200 + at).gt(0.5);
        let column = match input.name.as_str() {
            "answer" => column.masked_fill(&absent, -100),
            _ => column,
        };
        inputs.data.insert(input.name.clone(), column);
    }
    for (at, state) in program.states.iter().enumerate() {
        for ago in 1..=state.history {
            let name = if ago > 1 { format!("{}@{ago}", state.name) } else { state.name.clone() };
            let state = spread(&state.shape, 300 + 10 * at + ago);
            inputs.states.insert(name, state.to_kind(kind(program)));
        }
    }
    inputs
}

/// The largest distance of two entries, relative to the largest entry where that is above 1.
pub fn apart(one: &Tensor, other: &Tensor) -> f64 {
    let (one, other) = (one.to_kind(Kind::Double), other.to_kind(Kind::Double));
    let scale = other.abs().max().double_value(&[]).max(1.0);
    (one - other).abs().max().double_value(&[]) / scale
}
