"""Compares model.py with traces of totc: python compare.py TRACE... [--export]

A trace is what `totc trace` wrote. All its steps are run, each on the states that the module itself
gave, in the trace's precision. For every output the largest difference is told, relative to the
trace's largest number where that is above one; of whole numbers, how many differ.

Rounding grows as long as the model computes, and in another way in every program, so the bound is
what rounding does to this module, times ten:
float32: the difference between the module in float32 and in float64, with the same random draws.
float64: what becomes of weights that are changed by 2^-40 of themselves, scaled down to the 2^-52
of a rounding. Another formula, or a number of float32, would be far above that.

--export also hands the step to torch.export, and runs what comes out. Ends with 1 where anything
differs by more.
"""

import argparse
import copy
import json
import struct
import sys

import torch

from model import load

KINDS = {
    "F32": torch.float32,
    "F64": torch.float64,
    "I64": torch.int64,
    "BOOL": torch.bool,
    "BF16": torch.bfloat16,
}


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
        kind, shape = KINDS[entry["dtype"]], entry["shape"]
        if start == end:
            tensors[name] = torch.zeros(shape, dtype=kind)
            continue
        tensors[name] = torch.frombuffer(bytearray(raw[start:end]), dtype=kind).reshape(shape)
    return tensors


def difference(ours, theirs):
    """The largest, relative to the largest of `theirs`; of whole numbers, how many differ."""
    if tuple(ours.shape) != tuple(theirs.shape):
        sys.exit(f"shapes differ: {tuple(ours.shape)} here, {tuple(theirs.shape)} there")
    if not ours.numel():
        return 0.0
    if not ours.dtype.is_floating_point:
        return float((ours.to(torch.int64) != theirs.to(torch.int64)).sum())
    ours, theirs = ours.double(), theirs.double()
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    apart = torch.where(same, 0.0, (ours - theirs).abs())
    finite = theirs[theirs.isfinite()].abs()
    largest = float(finite.max()) if finite.numel() else 1.0
    return float(apart.max() / max(1.0, largest))


def of_step(trace, prefix):
    return {name[len(prefix) :]: value for name, value in trace.items() if name.startswith(prefix)}


def run(model, trace):
    """The outputs of every step, and the carry behind the last."""
    carry, steps = None, []
    while f"step{len(steps) + 1}.halted" in trace:
        torch.manual_seed(len(steps) + 1)
        with torch.no_grad():
            outputs, carry = model.step(carry, of_step(trace, f"step{len(steps) + 1}.input."))
        steps.append({**outputs, "halted": carry["halted"], "steps": carry["steps"]})
    return steps, carry


def run_in_float64(model, trace):
    """The same with every number in float64 but for random draws, which stay those of float32."""
    drawn = {name: getattr(torch, name) for name in ("randn", "rand")}

    def narrow(draw):
        return lambda *size, dtype=None, **rest: draw(*size, dtype=torch.float32, **rest).to(dtype)

    for name, draw in drawn.items():
        setattr(torch, name, narrow(draw))
    try:
        return run(copy.deepcopy(model).double(), trace)[0]
    finally:
        for name, draw in drawn.items():
            setattr(torch, name, draw)


def run_with_other_weights(model, trace):
    """The same with every weight changed by 2^-40 of itself."""
    changed = copy.deepcopy(model)
    signs = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in [*changed.parameters(), *changed.buffers()]:
            sign = torch.randint(0, 2, weight.shape, generator=signs) * 2 - 1
            weight.mul_(1 + sign.to(weight.dtype) * 2**-40)
    return run(changed, trace)[0]


def largest(ours, theirs):
    """The largest difference of every output over all steps."""
    worst = {}
    for one, other in zip(ours, theirs):
        for name, value in one.items():
            # What is not a number counts as infinitely far.
            apart = difference(value, other[name])
            worst[name] = max(worst.get(name, 0.0), float("inf") if apart != apart else apart)
    return worst


def compare(model, trace):
    """Tells the differences of a trace; whether all are within their bounds."""
    totc = []
    while f"step{len(totc) + 1}.halted" in trace:
        totc.append(of_step(trace, f"step{len(totc) + 1}."))
    predicted = (name for name in trace if name.startswith(("step1.predict.", "step1.state.")))
    kinds = [trace[name].dtype for name in predicted if trace[name].dtype.is_floating_point]
    exact = torch.float64 in kinds
    if exact:
        model = copy.deepcopy(model).double()
    steps, carry = run(model, trace)
    worst = largest(steps, totc)
    other = run_with_other_weights(model, trace) if exact else run_in_float64(model, trace)
    scale = 2**-12 if exact else 1.0
    rounding = {name: apart * scale for name, apart in largest(steps, other).items()}
    # Ten roundings, where what is rounded happens to need none.
    least = 10 * (2**-52 if exact else 2**-23)
    good = bool(worst)
    for name, apart in worst.items():
        fits = apart <= 10 * rounding[name] + least
        good &= fits
        print(f"{name}: {apart:.3g}, rounding {rounding[name]:.3g}{'' if fits else '  TOO FAR'}")
    kind = "float64" if exact else "float32"
    apart, own = (max(each.values(), default=0.0) for each in (worst, rounding))
    print(f"largest difference in {kind} over {len(steps)} steps: {apart:.3g}, rounding {own:.3g}")
    return good, carry


def export(model, carry):
    """Hands the step to torch.export, and runs what comes out."""
    given = model.arguments(model.start(len(carry["steps"])), carry["data"])
    program = torch.export.export(model, given)
    torch.manual_seed(1)
    with torch.no_grad():
        ours = model(*given)
    torch.manual_seed(1)
    with torch.no_grad():
        apart = max(largest([program.module()(*given)], [ours]).values())
    print(f"torch.export: {len(list(program.graph.nodes))} nodes, difference {apart:.3g}")
    return apart <= 1e-5


def main():
    parser = argparse.ArgumentParser(description="Compares model.py with traces of totc.")
    parser.add_argument("traces", nargs="+", metavar="TRACE", help="what `totc trace` wrote")
    parser.add_argument("--export", action="store_true", help="also try torch.export")
    args = parser.parse_args()
    model, good, carry = load(), True, None
    for path in args.traces:
        fits, carry = compare(model, read(path))
        good &= fits
    if args.export:
        good &= export(model, carry)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
