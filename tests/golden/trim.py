"""Makes models/*.safetensors and .json from those full fixtures that a folder has: python3 trim.py FOLDER

Leaves out tensors that tests/golden.rs does not compare and, for their size, some that would only be compared once
more: the states of steps 2 to 5 and the gradients of feed-forward matrices. No number is changed."""
import json, re, struct, sys
from pathlib import Path

WHOLE = ("totrm_mean",)
# Without the gradients of feed-forward matrices at step 2.
NEARLY_WHOLE = ("trm_att_rope", "trm_mlp_t", "hrm", "totrm_mlp_t")
# Without those at all, without the gradients of any block at step 2, and without the states of steps 2 to 5.
OTHERS = (
    "trm_att_learned",
    "totrm_max",
    "totrm_learned_weighted",
    "totrm_geometric_mean",
    "totrm_hierarchical_attention",
    "totrm_hierarchical_attention_margin0",
    "trm_singlez",
    "trm_hier6",
    "trm_att_rope_qcontinue",
    "trm_att_rope_softmax",
    "transformers_baseline",
    "totrm_gated_product",
    "trm_no_puzzle",
)
WITHOUT_GRADIENTS = ("trm_att_rope_bf16",)

# Scalars are in the json, in full precision.
DROPPED = (
    r"rope\.|.*\.trace\.|.*\.branch\.|.*\.merge\.|.*\.z_L_branches$|.*\.input_embeddings$|.*\.metric\.|.*\.loss$"
    r"|.*\.puzzle_emb\.local_weights$|.*\.puzzle_emb\.local_ids$|step\d\.carry\.(halted|steps)$"
)
WIDE = r"step2\.grad\..*\.mlp\.(gate_up|down)_proj\.weight$"
WIDE_OR_LATE = r"step1\.grad\..*\.mlp\.(gate_up|down)_proj\.weight$|step2\.grad\..*\.layers\."
LATE_STATE = r"step[2345]\.carry\.z_"
INFO = (
    "name source torch seed config loss_type halt_rule_training puzzle_rows_P changes_to_the_original "
    "training_steps eval_steps kernel_noise_max_abs"
).split()
STEP = "step loss metrics halted steps".split()


def keep(name, fixture):
    if fixture in WITHOUT_GRADIENTS and re.match(r"step1\.(trace\.00\.|input_embeddings)", name):
        return True
    if ".grad." in name and fixture in WITHOUT_GRADIENTS:
        return False
    if ".grad." in name and fixture not in WHOLE:
        return not re.match(WIDE if fixture in NEARLY_WHOLE else WIDE_OR_LATE, name)
    if ".grad." in name:
        return True
    if fixture not in WHOLE + NEARLY_WHOLE and re.match(LATE_STATE, name):
        return False
    return not re.match(DROPPED, name)


def trim(source, target, fixture):
    data = source.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    halves = {name: body[slice(*info["data_offsets"])] for name, info in header.items()}
    new, chunks, at = {}, [], 0
    for name, info in header.items():
        # ToTRM's z is y after each step: stored once.
        twin = name.replace("carry.z_L", "carry.z_H")
        if not keep(name, fixture) or (twin != name and halves[name] == halves.get(twin)):
            continue
        chunk = halves[name]
        new[name] = {**info, "data_offsets": [at, at + len(chunk)]}
        chunks.append(chunk)
        at += len(chunk)
    text = json.dumps(new, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def describe(source, target):
    info = json.loads(source.read_text())
    short = {key: info[key] for key in INFO}
    for steps in ("training_steps", "eval_steps"):
        short[steps] = [{key: step[key] for key in STEP if key in step} for step in info[steps]]
    target.write_text(json.dumps(short, indent=1) + "\n")


full, here = Path(sys.argv[1]), Path(__file__).parent / "models"
here.mkdir(exist_ok=True)
for name in (*WHOLE, *NEARLY_WHOLE, *OTHERS, *WITHOUT_GRADIENTS):
    if not (full / f"{name}.safetensors").exists():
        continue
    trim(full / f"{name}.safetensors", here / f"{name}.safetensors", name)
    describe(full / f"{name}.json", here / f"{name}.json")
