#!/usr/bin/env python3
"""Times one supervision step of TRM, TRM-MLP and ToTRM in plain PyTorch.

A supervision step takes a carry and a batch, replaces the finished rows, runs
the whole recursion once and returns the new, detached carry. `infer` stops at
the predictions; `train` goes on to the losses, the backward pass and the
optimizers.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

IGNORE = -100  # label of a cell that is not scored


# ---------------------------------------------------------------- building blocks


def rms_norm(x, eps=1e-5):
    wide = x.float()  # no-op for float32
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def lecun_normal_(weight, fan_in):
    std = fan_in**-0.5
    return nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


class Linear(nn.Module):
    """A float32 weight, cast to the dtype of the input at each use."""

    def __init__(self, inputs, outputs, bias=False):
        super().__init__()
        self.weight = nn.Parameter(lecun_normal_(torch.empty(outputs, inputs), inputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x):
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight.to(x.dtype), bias)


def swiglu_width(width, expansion):
    return -(-round(expansion * width * 2 / 3) // 256) * 256


class SwiGLU(nn.Module):
    def __init__(self, width, expansion):
        super().__init__()
        inner = swiglu_width(width, expansion)
        self.gate_up = Linear(width, 2 * inner)
        self.down = Linear(inner, width)

    def forward(self, x):
        gate, up = self.gate_up(x).chunk(2, -1)
        return self.down(F.silu(gate) * up)


class Rope(nn.Module):
    def __init__(self, positions, head_width, base=10000.0):
        super().__init__()
        frequency = base ** (-torch.arange(0, head_width, 2, dtype=torch.float32) / head_width)
        angle = torch.outer(torch.arange(positions, dtype=torch.float32), frequency)
        angle = torch.cat((angle, angle), -1).unsqueeze(-2)  # position, head, width
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, x):
        wide = x.float()
        first, second = wide.chunk(2, -1)
        turned = torch.cat((-second, first), -1)
        return (wide * self.cos + turned * self.sin).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.qkv = Linear(width, 3 * heads * self.head_width)
        self.out = Linear(heads * self.head_width, width)

    def forward(self, x, rope):
        qkv = self.qkv(x).unflatten(-1, (3 * self.heads, self.head_width))
        # Queries and keys are turned together: half the calls.
        query_key, value = qkv.split((2 * self.heads, self.heads), -2)
        query, key = rope(query_key).chunk(2, -2)
        mixed = F.scaled_dot_product_attention(*(t.transpose(-3, -2) for t in (query, key, value)))
        return self.out(mixed.transpose(-3, -2).flatten(-2))


class Block(nn.Module):
    def __init__(self, positions, width, heads, expansion):
        super().__init__()
        self.attention = Attention(width, heads)
        self.mlp = SwiGLU(width, expansion)

    def forward(self, x, rope):
        x = rms_norm(x + self.attention(x, rope))
        return rms_norm(x + self.mlp(x))


class MixerBlock(nn.Module):
    """SwiGLU over the positions in place of attention; its norm is over positions too."""

    def __init__(self, positions, width, heads, expansion):
        super().__init__()
        self.mixing = SwiGLU(positions, expansion)
        self.mlp = SwiGLU(width, expansion)

    def forward(self, x, rope):
        x = x.transpose(-2, -1)
        x = rms_norm(x + self.mixing(x)).transpose(-2, -1)
        return rms_norm(x + self.mlp(x))


class Stack(nn.Module):
    def __init__(self, block, layers, positions, width, heads, expansion):
        super().__init__()
        self.layers = nn.ModuleList(block(positions, width, heads, expansion) for _ in range(layers))
        self.rope = Rope(positions, width // heads) if block is Block else None

    def forward(self, x, injection):
        x = x + injection
        # Branches join the batch: the fast attention kernel wants four axes.
        leading = x.shape[:-2]
        x = x.flatten(0, -3)
        for layer in self.layers:
            x = layer(x, self.rope)
        return x.unflatten(0, leading)


# ------------------------------------------------------------------------- models


class Trm(nn.Module):
    """Tiny Recursive Model, arXiv:2510.04871: answer y, latent z, question x."""

    def __init__(self, c):
        super().__init__()
        self.config = c
        d, positions = c.hidden, c.puzzle_tokens + c.cells
        self.embed = nn.Parameter(lecun_normal_(torch.empty(c.symbols, d), d))
        # Not a gradient parameter: only the rows of the batch are, see `Trainer`.
        self.register_buffer("puzzle_table", torch.zeros(c.puzzles, c.puzzle_width))
        self.f = Stack(
            MixerBlock if c.model == "trm-mlp" else Block, c.layers, positions, d, c.heads, c.expansion
        )
        self.answer_head = Linear(d, c.symbols)
        self.halt_head = Linear(d, 2, bias=True)  # halt, continue; the second is not read
        nn.init.zeros_(self.halt_head.weight)
        nn.init.constant_(self.halt_head.bias, -5.0)
        self.register_buffer("y0", nn.init.trunc_normal_(torch.empty(d)))
        self.register_buffer("z0", nn.init.trunc_normal_(torch.empty(d)))

    def encode(self, question, puzzle_rows):
        c = self.config
        x = F.embedding(question, self.embed.to(c.dtype))
        if c.puzzle_tokens:
            rows = F.pad(puzzle_rows.to(c.dtype), (0, c.puzzle_tokens * c.hidden - c.puzzle_width))
            x = torch.cat((rows.unflatten(-1, (c.puzzle_tokens, c.hidden)), x), 1)
        return math.sqrt(c.hidden) * x

    def cycle(self, x, y, z):
        for _ in range(self.config.n):
            z = self.f(z, y + x)
        return self.f(y, z), z, {}

    def forward(self, y, z, question, puzzle_rows):
        """The new y and z, the predictions, and what the losses want to see of the last cycle."""
        x = self.encode(question, puzzle_rows)
        with torch.no_grad():
            for _ in range(self.config.T - 1):
                y, z, _ = self.cycle(x, y, z)
        y, z, seen = self.cycle(x, y, z)
        logits = self.answer_head(y[:, self.config.puzzle_tokens :])
        halt_logit = self.halt_head(y[:, 0])[:, 0].float()
        return y, z, {"logits": logits, "halt_logit": halt_logit, **seen}

    def losses(self, out, answer):
        """Sums over the batch."""
        right = exactly_right(out["logits"], answer).float()
        return {
            "answering": stablemax_cross_entropy(out["logits"], answer).sum(),
            "halting": 0.5 * F.binary_cross_entropy_with_logits(out["halt_logit"], right, reduction="sum"),
        }


class FiLM(nn.Module):
    """Doubles the branches: branch k of z grows into 2k and 2k + 1, each scaled and
    shifted by the code of its place."""

    def __init__(self, width, places, strength=1.0):
        super().__init__()
        self.strength = strength
        self.code = nn.Parameter(torch.randn(places, width) * math.sqrt(2 / width))
        self.scale_and_shift = Linear(width, 2 * width)

    def forward(self, z):  # batch, branch, position, width
        code = self.code[: 2 * z.shape[1]].unflatten(0, (-1, 2))
        scale, shift = self.scale_and_shift(code.to(z.dtype)).unsqueeze(-2).chunk(2, -1)
        # One magnitude per sample, so that the rows of a batch stay independent.
        magnitude = z.float().norm(dim=-1).mean((1, 2)).to(z.dtype)[:, None, None, None, None]
        scale = 1 + self.strength * (scale - scale.mean(-1, keepdim=True))
        return (scale * z.unsqueeze(2) + self.strength * magnitude * shift).flatten(1, 2)


class Mlp(nn.Module):
    def __init__(self, width, inner, out):
        super().__init__()
        self.up = Linear(width, inner)
        self.down = Linear(inner, out, bias=True)

    def forward(self, x):
        return self.down(F.silu(self.up(x)))


class Scorer(nn.Module):
    """The mean of the branches weighted by a learned score, and the scores."""

    def __init__(self, width):
        super().__init__()
        self.token_score = Mlp(width, width // 4, 1)
        self.branch_score = Mlp(width, width // 2, 1)

    def forward(self, z):
        weight = self.token_score(z).float().softmax(-2).to(z.dtype)
        score = self.branch_score((weight * z).sum(-2)).float()  # batch, branch, 1
        weight = score.softmax(1).to(z.dtype)
        return (weight.unsqueeze(-1) * z).sum(1), score.squeeze(-1)


class ToTrm(Trm):
    """The latent branches into a tree of thoughts, merged by a learned scorer."""

    def __init__(self, c):
        super().__init__(c)
        self.differ = FiLM(c.hidden, 2**c.branchings)
        self.combiner = Scorer(c.hidden)

    def cycle(self, x, y, z):
        z, injection = z.unsqueeze(1), (y + x).unsqueeze(1)  # batch, branch, position, width
        for step in range(self.config.n):
            z = self.f(z, injection)
            if step < self.config.branchings:
                z = self.differ(z)
        thoughts = z
        z, scores = self.combiner(thoughts)
        y = self.f(y, z)
        return y, y, {"thoughts": thoughts, "scores": scores}

    def losses(self, out, answer):
        thoughts, scores = out["thoughts"], out["scores"]
        each_answer = answer.unsqueeze(1).expand(-1, thoughts.shape[1], -1)
        logits = self.answer_head(thoughts[:, :, self.config.puzzle_tokens :])
        right = token_accuracy(logits.detach(), each_answer)
        share = right / right.sum(1, keepdim=True).clamp(min=1e-6)
        return {
            **super().losses(out, answer),
            "diversity": 10.0 * diversity(thoughts, margin=0.85).sum(),
            "branches": stablemax_cross_entropy(logits, each_answer).mean(1).sum(),
            "scoring": 0.1 * F.cross_entropy(scores, share, reduction="sum"),
        }


MODELS = {"trm": Trm, "trm-mlp": Trm, "totrm": ToTrm}


# ------------------------------------------------------------------------- losses


def counted(answer):
    mask = answer != IGNORE
    return mask, mask.sum(-1)


def stablemax_cross_entropy(logits, answer):
    """Mean over the scored cells of each sequence, in float64."""
    mask, count = counted(answer)
    logits = logits.double()
    s = torch.where(logits < 0, 1 / (1 - logits + 1e-30), logits + 1)
    of_answer = s.gather(-1, answer.where(mask, 0).unsqueeze(-1)).squeeze(-1)
    loss = -torch.log(of_answer / s.sum(-1))
    return loss.where(mask, 0).sum(-1) / count.clamp(min=1)


def token_accuracy(logits, answer):
    mask, count = counted(answer)
    return ((logits.argmax(-1) == answer) & mask).sum(-1) / count.clamp(min=1)


def exactly_right(logits, answer):
    mask, count = counted(answer)
    return ((logits.argmax(-1) == answer) & mask).sum(-1) == count


def diversity(thoughts, margin):
    """Mean over the pairs of branches of the squared excess of their cosine similarity."""
    branches = thoughts.shape[1]
    unit = F.normalize(thoughts.float().flatten(2), dim=-1)
    alike = unit @ unit.transpose(1, 2)
    excess = F.relu(alike - margin).square()
    # Both orders of a pair, without the diagonal.
    total = excess.sum((1, 2)) - excess.diagonal(dim1=1, dim2=2).sum(-1)
    return total / (branches * (branches - 1))


# --------------------------------------------------------------- supervision steps


class Trainer:
    """Carry and optimizers around a model, with one call for each kind of step."""

    def __init__(self, model, lr=1e-4, weight_decay=0.1):
        self.model, self.config = model, model.config
        self.lr, self.weight_decay = lr, weight_decay
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=weight_decay, fused=True
        )
        self.forward, self.losses = model, model.losses
        self.carry = None

    def compile(self, region):
        """`stack` compiles f, which the recursion then calls; `cycle` one cycle of the
        recursion; `step` the whole forward pass. The losses are compiled in each case."""
        options = dict(dynamic=False)
        # One graph for each width of the tree, with and without gradient.
        torch._dynamo.config.recompile_limit = 64
        if region == "step":
            self.forward = torch.compile(self.model, **options)
        elif region == "cycle":
            self.model.cycle = torch.compile(self.model.cycle, **options)
        else:
            self.model.f.compile(**options)
            for name in ("differ", "combiner"):
                if hasattr(self.model, name):
                    getattr(self.model, name).compile(**options)
        self.losses = torch.compile(self.model.losses, **options)

    def load(self, batch):
        """The carry with its finished rows replaced by rows of the batch."""
        m, c = self.model, self.config
        if self.carry is None:
            shape = (len(batch["question"]), c.puzzle_tokens + c.cells, c.hidden)
            return {
                "y": m.y0.to(c.dtype).expand(shape).contiguous(),
                "z": m.z0.to(c.dtype).expand(shape).contiguous(),
                "steps": torch.zeros(shape[0], dtype=torch.long),
                "data": dict(batch),
            }
        old, new = self.carry, self.carry["halted"]

        def pick(fresh, kept):
            return torch.where(new.view(-1, *[1] * (kept.dim() - 1)), fresh, kept)

        return {
            "y": pick(m.y0.to(c.dtype), old["y"]),
            "z": pick(m.z0.to(c.dtype), old["z"]),
            "steps": old["steps"].masked_fill(new, 0),
            "data": {k: pick(batch[k], old["data"][k]) for k in batch},
        }

    def store(self, carry, y, z, halt_logit, training):
        c = self.config
        steps = carry["steps"] + 1
        halted = last = steps >= c.max_steps
        if training:  # in evaluation every row takes all its steps
            explore = torch.rand(len(steps)) < c.explore
            least = torch.randint(2, c.max_steps + 1, steps.shape).where(explore, 0)
            halted = last | ((halt_logit.detach() > 0) & (steps >= least))
        self.carry = {"y": y.detach(), "z": z.detach(), "steps": steps, "halted": halted, "data": carry["data"]}

    @torch.no_grad()
    def infer(self, batch):
        carry = self.load(batch)
        data = carry["data"]
        y, z, out = self.forward(carry["y"], carry["z"], data["question"], self.model.puzzle_table[data["puzzle"]])
        self.store(carry, y, z, out["halt_logit"], training=False)
        return out["logits"].argmax(-1), torch.sigmoid(out["halt_logit"])

    def backward(self, batch, scale=1.0):
        """Losses and gradients; also the leaf that holds the puzzle rows of the batch."""
        carry = self.load(batch)
        data = carry["data"]
        rows = self.model.puzzle_table[data["puzzle"]].requires_grad_()
        y, z, out = self.forward(carry["y"], carry["z"], data["question"], rows)
        losses = self.losses(out, data["answer"])
        (scale * sum(losses.values())).backward()
        self.store(carry, y, z, out["halt_logit"], training=True)
        return out, losses, rows

    def train(self, batch):
        _, losses, rows = self.backward(batch, scale=1 / len(batch["question"]))
        if self.config.puzzle_tokens:
            self.puzzle_sign_descent(rows)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return losses

    @torch.no_grad()
    def puzzle_sign_descent(self, rows):
        table = self.model.puzzle_table
        ids, place = self.carry["data"]["puzzle"].unique(return_inverse=True)
        gradient = rows.new_zeros(len(ids), rows.shape[1]).index_add_(0, place, rows.grad)
        table[ids] = table[ids] * (1 - self.lr * self.weight_decay) - self.lr * gradient.sign()


# ------------------------------------------------------------------------ counting


def matmul_flops(c):
    """Floating-point operations of the matrix products in one supervision step."""
    d, cells, positions = c.hidden, c.cells, c.puzzle_tokens + c.cells
    training = c.mode == "train"

    def stack(branches):
        sequences = c.batch * branches
        rows = sequences * positions
        if c.model == "trm-mlp":
            mixing = 6 * sequences * d * positions * swiglu_width(positions, c.expansion)
        else:
            attended = c.heads * (d // c.heads)
            mixing = 2 * rows * d * 4 * attended + 2 * 2 * rows * positions * attended
        return c.layers * (mixing + 6 * rows * d * swiglu_width(d, c.expansion))

    heads = 2 * c.batch * d * (cells * c.symbols + 2)
    if c.model != "totrm":
        cycle = (c.n + 1) * stack(1)
    else:
        grown = min(c.branchings, c.n)
        leaves = 2**grown
        cycle = sum(stack(2 ** min(step, c.branchings)) for step in range(c.n)) + stack(1)
        cycle += sum(2 * 2 ** (step + 1) * d * 2 * d for step in range(grown))  # FiLM
        cycle += 2 * c.batch * leaves * (positions * (d + 1) * (d // 4) + (d + 1) * (d // 2))  # scorer
        if training:
            heads += 2 * c.batch * leaves * cells * d * c.symbols  # an answer for each thought
            heads += 2 * c.batch * leaves**2 * positions * d  # cosine similarities
    # The backward pass costs two products for each one of the forward pass.
    return (c.T - 1) * cycle + (cycle + heads) * (3 if training else 1)


def matmul_ceiling(c, seconds=1.0):
    """Best GFLOP/s of the product of the query, key and value projection."""
    rows = c.batch * (c.puzzle_tokens + c.cells)
    a, b = torch.randn(rows, c.hidden, dtype=c.dtype), torch.randn(c.hidden, 3 * c.hidden, dtype=c.dtype)
    out = torch.empty(rows, 3 * c.hidden, dtype=c.dtype)
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * rows * c.hidden * 3 * c.hidden / best / 1e9


def memory_mib(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


# ---------------------------------------------------------------------------- main


def arguments(argv=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", choices=MODELS, default="trm")
    p.add_argument("--hidden", type=int, default=512)
    p.add_argument("--heads", type=int, default=8)
    p.add_argument("--layers", type=int, default=2)
    p.add_argument("--T", type=int, default=3, help="cycles that refine the answer y")
    p.add_argument("--n", type=int, default=6, help="updates of the latent z in each cycle")
    p.add_argument("--cells", type=int, default=81)
    p.add_argument("--symbols", type=int, default=11)
    p.add_argument("--puzzle-tokens", type=int, default=16)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--mode", choices=("infer", "train"), default="train")
    p.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    p.add_argument("--threads", type=int, default=torch.get_num_threads())
    p.add_argument("--engine", choices=("eager", "compile"), default="eager")
    p.add_argument("--compile-region", choices=("stack", "cycle", "step"), default="cycle")
    p.add_argument("--seconds", type=float, default=20.0, help="least time to measure for")
    p.add_argument("--json", action="store_true", help="one line of JSON")
    p.add_argument("--seed", type=int, default=0)
    c = p.parse_args(argv)
    c.dtype = getattr(torch, c.dtype)
    c.expansion, c.branchings, c.max_steps, c.explore = 4.0, 3, 16, 0.1
    c.puzzles, c.puzzle_width = c.batch, c.hidden
    return c


def random_batches(c, count=4):
    return [
        {
            "question": torch.randint(c.symbols, (c.batch, c.cells)),
            "answer": torch.randint(c.symbols, (c.batch, c.cells)),
            "puzzle": torch.arange(c.batch),
        }
        for _ in range(count)
    ]


def main():
    c = arguments()
    torch.set_num_threads(c.threads)
    torch.manual_seed(c.seed)
    at_start = memory_mib("VmRSS:")

    model = MODELS[c.model](c)
    trainer = Trainer(model)
    if c.engine == "compile":
        trainer.compile(c.compile_region)
    step = trainer.train if c.mode == "train" else trainer.infer
    batches = random_batches(c)

    start = time.perf_counter()
    for i in range(2):  # the first also compiles; the second has a carry
        step(batches[i])
    warm_up = time.perf_counter() - start

    times = []
    while sum(times) < c.seconds or len(times) < 3:
        batch = batches[len(times) % len(batches)]
        start = time.perf_counter()
        step(batch)
        times.append(time.perf_counter() - start)
    peak = memory_mib("VmHWM:")
    median = statistics.median(times)
    gflop = matmul_flops(c) / 1e9
    ceiling = matmul_ceiling(c)

    report = {
        **{k: str(v).removeprefix("torch.") if k == "dtype" else v for k, v in vars(c).items() if k != "json"},
        "torch": torch.__version__,
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps_timed": len(times),
        "warm_up_s": round(warm_up, 3),
        "median_s": median,
        "min_s": min(times),
        "gflop_per_step": gflop,
        "gflops": gflop / median,
        "matmul_ceiling_gflops": ceiling,
        "share_of_ceiling": gflop / median / ceiling,
        "peak_memory_mib": peak,
        "memory_at_start_mib": at_start,
        "load_average": os.getloadavg()[0],  # well above the threads: timings are worthless
    }
    json.dump(report, sys.stdout, indent=None if c.json else 2)
    print()


if __name__ == "__main__":
    main()
