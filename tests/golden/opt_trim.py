"""Makes opt_*.safetensors of this folder from those full fixtures that a folder has: python3 opt_trim.py FOLDER"""
import json, struct, sys
from pathlib import Path

LARGE = ("gate_up_proj", "down_proj")


def keep(name):
    if name.startswith(("batch", "puzzle.", "loss.", "w0.")):
        return True
    if not name.startswith(("grad1.", "w1.", "w10.", "m10.", "v10.", "ema10.")):
        return False
    large = any(part in name for part in LARGE)
    return not large or name == "w10.inner.L_level.layers.1.mlp.down_proj.weight"


def trim(source, target):
    data = source.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    new, chunks, at = {}, [], 0
    for name, info in header.items():
        if keep(name):
            begin, end = info["data_offsets"]
            new[name] = {**info, "data_offsets": [at, at + end - begin]}
            chunks.append(body[begin:end])
            at += end - begin
    text = json.dumps(new, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


NAMES = (
    "opt_trm_att_adamw",
    "opt_trm_att_adam_atan2",
    "opt_trm_schedule",
    "opt_trm_no_puzzle",
    "opt_totrm_film",
    "opt_totrm_gated_product",
    "opt_totrm_mlp_t",
)
for name in NAMES:
    full = Path(sys.argv[1])
    if not (full / f"{name}.safetensors").exists():
        continue
    trim(full / f"{name}.safetensors", Path(__file__).parent / f"{name}.safetensors")
    info = json.loads((full / f"{name}.json").read_text())
    for key in ("tensors", "ema_names", "class", "seed", "num_parameters"):
        info.pop(key, None)
    for step in info["steps"]:
        step.pop("margin", None)
    (Path(__file__).parent / f"{name}.json").write_text(json.dumps(info) + "\n")
