"""Times the same supervision step in totc and in PyTorch, in turns, and prints ratios.

The turns (totc, eager, compiled, totc, ...) share whatever else the machine is doing. Of each
engine's medians the smallest counts: interference only adds time.
"""

import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOTC = os.path.join(ROOT, "target", "release", "totc")

# name: (run file, configs of the model, flags of pytorch_step.py, batch)
CASES = {
    "trm small": (
        "examples/trm-sudoku4.ron",
        {"hidden": 128, "heads": 4, "T": 3, "n": 4, "puzzle_tokens": 0, "max_steps": 16},
        ["--model", "trm", "--hidden", "128", "--heads", "4", "--T", "3", "--n", "4", "--cells", "16", "--symbols", "6",
         "--puzzle-tokens", "0"],
        64,
    ),
    "totrm small": (
        "examples/tot-sudoku4.ron",
        {"hidden": 128, "heads": 4, "T": 2, "n": 3, "branchings": 3, "puzzle_tokens": 0, "max_steps": 16},
        ["--model", "totrm", "--hidden", "128", "--heads", "4", "--T", "2", "--n", "3", "--cells", "16", "--symbols", "6",
         "--puzzle-tokens", "0"],
        32,
    ),
    "trm published": ("models/trm.ron", {}, ["--model", "trm"], 8),
    "totrm published": ("models/totrm.ron", {}, ["--model", "totrm"], 2),
}


def totc(case, mode, seconds, threads, dtype):
    run_file, configs, _, batch = CASES[case]
    command = [TOTC, "bench", run_file, "--mode", mode, "--batch", str(batch), "--seconds", str(seconds), "--json",
               "--threads", str(threads), "--dtype", dtype]
    # The alternative keeps no moving average and uses AdamW, so neither does this.
    for setting in ["ema=None", 'optimiser=(name: "adamw", lr: 1e-4, weight_decay: 0.1)', "clip=None", "groups=[]"]:
        command += ["--set", setting]
    for name, value in configs.items():
        command += ["--set", f"{name}={value}"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
    return result["seconds_median"], result["share_of_ceiling"], result["peak_memory_mib"]


def pytorch(case, mode, seconds, threads, dtype, engine):
    _, _, flags, batch = CASES[case]
    command = [sys.executable, os.path.join(ROOT, "bench", "pytorch_step.py"), *flags, "--mode", mode, "--batch", str(batch),
               "--seconds", str(seconds), "--threads", str(threads), "--dtype", dtype, "--engine", engine, "--json"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
    return result["median_s"], result["share_of_ceiling"], result["peak_memory_mib"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--modes", nargs="*", default=["infer", "train"])
    parser.add_argument("--engines", nargs="*", default=["eager", "compile"], choices=["eager", "compile"])
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    print(f"{'case':16} {'mode':6} {'engine':8} {'s/step':>9} {'of ceiling':>10} {'MiB':>6} {'totc is faster by':>18}")
    for case in args.cases:
        for mode in args.modes:
            engines = {"totc": lambda: totc(case, mode, args.seconds, args.threads, args.dtype)}
            for engine in args.engines:
                engines[engine] = lambda engine=engine: pytorch(case, mode, args.seconds, args.threads, args.dtype, engine)
            best = {}
            for _ in range(args.turns):
                for name, measure in engines.items():
                    best[name] = min(best.get(name, (float("inf"),)), measure())
            for name, (seconds, share, memory) in best.items():
                ratio = "" if name == "totc" else f"{seconds / best['totc'][0]:.2f} x"
                print(f"{case:16} {mode:6} {name:8} {seconds:9.4f} {share:10.2f} {memory:6.0f} {ratio:>18}", flush=True)


if __name__ == "__main__":
    main()
