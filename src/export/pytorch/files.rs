//! What lies beside `model.py`: the script that compares it with a trace of totc, and a page that says how to use both.

use crate::ir::Graph;

/// Runs the steps of a trace file on the exported model and tells the largest difference; needs PyTorch alone.
pub const COMPARE: &str = r#""""Compares model.py with what `totc trace` wrote: python compare.py TRACE.safetensors [--within 1e-5] [--export]

Prints the largest difference of every output over all steps, relative to the output's largest number where that is above
one; ends with 1 where one is above that or a whole number differs. --export also hands the step to torch.export.
"""

import json
import struct
import sys

import torch

from model import load

KINDS = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "BOOL": torch.bool, "BF16": torch.bfloat16}


def read(path):
    """The tensors of a safetensors file."""
    with open(path, "rb") as file:
        raw = file.read()
    length = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        start, end = (8 + length + at for at in entry["data_offsets"])
        kind = KINDS[entry["dtype"]]
        if start == end:
            tensors[name] = torch.zeros(entry["shape"], dtype=kind)
            continue
        tensors[name] = torch.frombuffer(bytearray(raw[start:end]), dtype=kind).reshape(entry["shape"])
    return tensors


def difference(ours, theirs):
    if tuple(ours.shape) != tuple(theirs.shape):
        sys.exit(f"shapes differ: {tuple(ours.shape)} here, {tuple(theirs.shape)} in the trace")
    if not ours.numel():
        return 0.0
    if not ours.dtype.is_floating_point:
        return float((ours.to(torch.int64) != theirs.to(torch.int64)).sum())
    ours, theirs = ours.double(), theirs.double()
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    apart = torch.where(same, 0.0, (ours - theirs).abs())
    return float(apart.max() / max(1.0, float(theirs[theirs.isfinite()].abs().max()) if theirs.isfinite().any() else 1.0))


def main():
    trace, model, carry, worst, step = read(sys.argv[1]), load(), None, {}, 1
    while f"step{step}.halted" in trace:
        prefix = f"step{step}.input."
        data = {name[len(prefix) :]: value for name, value in trace.items() if name.startswith(prefix)}
        torch.manual_seed(step)
        with torch.no_grad():
            outputs, carry = model.step(carry, data)
        for name, value in outputs.items():
            apart = difference(value, trace[f"step{step}.{name}"])
            worst[name] = apart if apart != apart else max(worst.get(name, 0.0), apart)
        # The next step begins with the trace's states, so that rounding does not grow from step to step.
        for name in carry["states"]:
            if f"step{step}.state.{name}" in trace:
                carry["states"][name] = trace[f"step{step}.state.{name}"]
        step += 1
    for name, apart in worst.items():
        print(f"{name}: {apart:.3g}")
    largest = max(worst.values(), default=float("nan"))
    if any(apart != apart for apart in worst.values()):
        largest = float("nan")
    print(f"largest difference over {step - 1} steps: {largest:.3g}")
    if "--export" in sys.argv:
        args = model.arguments(model.start(len(carry["steps"])), carry["data"])
        program = torch.export.export(model, args)
        print(f"torch.export: {len(list(program.graph.nodes))} nodes")
    within = float(sys.argv[sys.argv.index("--within") + 1]) if "--within" in sys.argv else 1e-5
    sys.exit(0 if largest <= within else 1)


if __name__ == "__main__":
    main()
"#;

/// The page beside the files.
pub fn readme(graph: &Graph) -> String {
    let model = &graph.model;
    format!(
        r#"# {model} in PyTorch

Written by `totc export --to pytorch`. `model.py` is the evaluation step of {model} in float32 and needs PyTorch alone;
`weights.pt` holds its weights under the paths of the model file.

    from model import load

    model, carry = load(), None
    while carry is None or not carry["halted"].all():
        outputs, carry = model.step(carry, data)   # data: a dict of the inputs, int64 tensors

`outputs` has the predictions (`predict.…`), the next states (`state.…`) and whether the model is sure (`halt`). Samples
that have halted are replaced by those of `data` at the next step.

To compare with totc, on inputs of your own (safetensors, named as in the model):

    totc trace MODEL --weights weights.safetensors --inputs inputs.safetensors --steps 4 --out trace.safetensors
    python compare.py trace.safetensors --export

Left out: losses, metrics, dropout and the scopes of gradient, which belong to training; weights that only these read.
Random draws (noise, random starts) are those of PyTorch's generator: after `torch.manual_seed`, the same again.
"#
    )
}
