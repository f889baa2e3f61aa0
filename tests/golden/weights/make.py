"""Makes the fixtures of tests/weights.rs with PyTorch (2.13.0 made those here):

    python make.py [FOLDER]

`values.safetensors` holds the same numbers as the checkpoints, written by the Python package of safetensors.
"""
import argparse
import os
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

here = Path(__file__).parent
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here
golden = here.parent / "models"
generator = torch.Generator().manual_seed(0)


def numbers(*shape):
    return torch.randn(shape, generator=generator)


# Every data type, and every way for a tensor to look into its storage.
square = numbers(4, 3)
line = numbers(10)
values = OrderedDict(
    plain=numbers(2, 3),
    scalar=torch.tensor(-0.6),
    vector=numbers(5),
    four=numbers(2, 1, 3, 2),
    empty=torch.zeros(0, 4),
    transposed=square.t(),
    part=line[3:7],
    strided=line[1::3],
    shared=square,
    half=numbers(3).half(),
    bfloat=numbers(3).bfloat16(),
    double=numbers(3).double(),
    long=torch.tensor([-(2**40), 300]),
    int=torch.tensor([-70000, 70000], dtype=torch.int32),
    short=torch.tensor([-300, 300], dtype=torch.int16),
    char=torch.tensor([-3, 3], dtype=torch.int8),
    byte=torch.tensor([0, 255], dtype=torch.uint8),
    truth=torch.tensor([True, False]),
)
save_file({name: tensor.contiguous().clone() for name, tensor in values.items()}, folder / "values.safetensors")
torch.save(values, folder / "views.pt")
torch.save(values, folder / "views_legacy.pt", _use_new_zipfile_serialization=False)

# A checkpoint with everything around the weights that training scripts save, under the names of the published TRM.
weights = {
    f"_orig_mod.model.{name.removeprefix('w.')}": tensor
    for name, tensor in load_file(golden / "trm_att_rope.safetensors").items()
    if name.startswith("w.") and "mlp" not in name
}
module = torch.nn.Linear(2, 2)
optimiser = torch.optim.AdamW(module.parameters())
module(torch.ones(1, 2)).sum().backward()
optimiser.step()
average = {name: 0.5 * tensor for name, tensor in weights.items() if "puzzle_emb" not in name and "_init" not in name}
torch.save(
    {
        "model": OrderedDict((name, torch.nn.Parameter(tensor)) for name, tensor in weights.items()),
        "optimizers": [optimiser.state_dict()],
        "step": 1000,
        "ema_helper": average,
        "config": argparse.Namespace(lr=1e-4),
    },
    folder / "checkpoint.pth",
)

# What a whole module looks like, and an optimiser on its own.
torch.save(module, folder / "module.pt")
torch.save({"optimizers": [optimiser.state_dict()], "optimizer_lrs": [1e-4]}, folder / "optimizers.pt")


class Malice:
    def __reduce__(self):
        return os.mkdir, ("malice-was-run",)


torch.save({"model": {"a": torch.ones(2)}, "extra": Malice()}, folder / "malice.pt")

# A plain state dict as PyTorch writes it: totc's own file must have the same pickle.
plain = OrderedDict(
    (f"layer.{number}.weight", numbers(*shape))
    for number, shape in enumerate([(), (3,), (2, 300), (1, 1, 4), (2, 2, 2, 2), (70000,)] + [(1,)] * 40)
)
plain["layer.5.weight"] = torch.zeros(70000)
del plain["layer.5.weight"]
plain["narrow"] = numbers(2).bfloat16()
torch.save(plain, folder / "plain.pt")
