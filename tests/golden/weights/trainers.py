"""Makes the fixtures of tests/weights_trainers.rs with PyTorch (2.13.0 made those here):

    python trainers.py [FOLDER]

Files as trainers save them: the PyTorch tutorial's, Lightning's, URM's, with an average beside the weights, and with
tensors beside them. The weights are 0, 1, 2 …; those of an average half of it.
"""
import sys
from pathlib import Path

import torch

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
weights = {"net.weight": torch.arange(6.0).reshape(2, 3), "net.bias": torch.arange(2.0)}
average = {name: tensor / 2 for name, tensor in weights.items()}
module = torch.nn.Linear(2, 2)
optimiser = torch.optim.AdamW(module.parameters())
module(torch.ones(1, 2)).sum().backward()
optimiser.step()
state = optimiser.state_dict()

files = {
    "tutorial": {"epoch": 5, "model_state_dict": weights, "optimizer_state_dict": state, "loss": torch.tensor(0.5)},
    "lightning": {
        "epoch": 1, "global_step": 10, "pytorch-lightning_version": "2.5.0", "state_dict": weights, "loops": {},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5)}}, "optimizer_states": [state],
        "lr_schedulers": [{"last_epoch": 1}], "hyper_parameters": {"lr": 1e-4},
    },
    "urm": {
        "step": 12345, "model_state_dict": weights, "optimizer_states": [state],
        "rng_state": {"torch": torch.get_rng_state()},
    },
    "shadow": {"model": weights, "ema": {"decay": 0.999, "shadow": average}},
    "step_tensor": {"step": torch.tensor(7), "lr": torch.tensor([1e-4]), "model": weights},
    "mean_std": {"mean": torch.zeros(3), "state_dict": weights},
    "remaining": {"remaining": weights, "optimizer": state},
}
for name, content in files.items():
    torch.save(content, folder / f"trainer_{name}.pt")
