//! What lies beside `model.py`: the script that compares it with a trace of totc, and a page that says how to use both.

use crate::ir::Graph;

/// Runs the steps of a trace file on the exported model and tells the largest difference; needs PyTorch alone.
pub const COMPARE: &str = include_str!("compare.py");

/// The page beside the files.
pub fn readme(graph: &Graph) -> String {
    let model = &graph.model;
    format!(
        r#"# {model} in PyTorch

Written by `totc export --to pytorch`. `model.py` is the evaluation step of {model} and needs PyTorch alone; `weights.pt`
holds its weights in float32. `load().double()` computes in float64, `load().to("cuda")` on a GPU.

    from model import load

    model, carry = load(), None
    while carry is None or not carry["halted"].all():
        outputs, carry = model.step(carry, data)   # data: a dict of the inputs, int64 tensors

`outputs` has the predictions (`predict.…`), the next states (`state.…`) and whether the model is sure (`halt`). Samples
that have halted are replaced by those of `data` at the next step.

To compare with totc, on inputs of your own (safetensors, named as in the model):

    totc trace MODEL --weights WEIGHTS --inputs inputs.safetensors --steps 4 --precision float64 --out exact.safetensors
    totc trace MODEL --weights WEIGHTS --inputs inputs.safetensors --steps 4 --precision float32 --out trace.safetensors
    python compare.py exact.safetensors trace.safetensors --export

Rounding grows from step to step, so the trace in float64 is what tells whether both compute the same.

Left out: losses, metrics, dropout and the scopes of gradient, which belong to training; weights that only these read.
Random draws (noise, random starts) are those of PyTorch's generator: after `torch.manual_seed`, the same again. `totc
trace` seeds it with the number of the step before each step, and so does `compare.py`.
"#
    )
}
