#!/usr/bin/env python3
"""Feeds every reader of totc with files that a fuzzer makes up from those of the repository.

Builds tools/fuzz (libFuzzer, coverage-guided, without libtorch), runs each target for its share of the minutes, and prints a
table (`./x fuzz`). An input that panics, overflows, hangs for more than a minute or takes more memory than its size is worth
is kept below OUT/found, and the exit code is 1. What has been learned is kept below OUT/corpus, for the next time.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# A stable compiler's way to what libFuzzer needs.
FLAGS = (
    "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
    " -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
    " -Cllvm-args=-sanitizer-coverage-trace-compares"
)

# The files that each target begins from, and the longest input.
SEEDS = {
    "model": (["models/**/*.tot", "tests/**/*.tot", "examples/**/*.tot"], 20_000),
    "format": (["models/**/*.tot", "tests/**/*.tot", "examples/**/*.tot"], 20_000),
    "run-file": (["models/*.ron", "examples/*.ron", "tests/**/*.ron"], 10_000),
    "weights": (["tests/**/*.safetensors", "tests/**/*.pt", "tests/**/*.pth", "tests/**/*.bin"], 60_000),
    "settings": (["tests/**/*.yaml"], 20_000),
    "puzzles": (["tests/golden/data/**/*.csv", "tests/golden/data/**/*.parquet", "tests/**/*.jsonl"], 30_000),
    "arc": (["examples/data/*.json", "tests/golden/data/**/*.json"], 60_000),
    "text": (["docs/*.md"], 20_000),
    "npy": (["tests/**/*.npy"], 20_000),
}


# What stands beside published checkpoints; there is no such file in the repository.
SETTINGS = """arch:
  H_cycles: 3
  H_layers: 0
  L_cycles: 6
  L_layers: 2
  expansion: 4
  halt_exploration_prob: 0.1
  halt_max_steps: 16
  hidden_size: 512
  loss: {loss_type: stablemax_cross_entropy, name: losses@ACTLossHead}
  name: recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1
  num_heads: 8
  pos_encodings: rope
  puzzle_emb_len: 16
data_paths: [data/sudoku-extreme-1k-aug-1000]
ema: true
global_batch_size: 768
lr: 0.0001
"""


def build(target):
    environment = dict(os.environ, RUSTFLAGS=FLAGS, CARGO_TARGET_DIR=str(target))
    host = re.search(r"host: (\S+)", subprocess.check_output(["rustc", "-vV"], text=True)).group(1)
    # With a target named, build scripts and macros are built without the flags.
    subprocess.run(["cargo", "build", "--release", "--target", host], cwd=HERE, env=environment, check=True)
    return target / host / "release/totc-fuzz"


def seeds(out, target):
    """Copies what a target begins from to a folder."""
    patterns, longest = SEEDS[target]
    folder = out / "seeds" / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = 0
    if target == "settings":
        (folder / "all_config.yaml").write_text(SETTINGS)
        count = 1
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and path.stat().st_size <= longest:
                shutil.copy(path, folder / f"{count:04}-{path.name}")
                count += 1
    return folder, count, longest


def fuzz(binary, out, target, seconds):
    begun, count, longest = seeds(out, target)
    corpus, found = out / "corpus" / target, out / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    executions, coverage, ended, clean = 0, 0, 0, False
    until = time.monotonic() + seconds
    # libFuzzer ends at what it finds; the next begins from what it has learned.
    while (left := int(until - time.monotonic())) > 0 and ended < 5:
        ended += 1
        done = subprocess.run(
            [
                binary,
                corpus,
                begun,
                f"-max_total_time={left}",
                f"-max_len={longest}",
                "-timeout=60",
                "-report_slow_units=60",
                "-rss_limit_mb=6144",
                f"-artifact_prefix={found}/{target}-",
                "-print_final_stats=1",
            ],
            env=dict(os.environ, TOTC_FUZZ=target, RUST_BACKTRACE="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            errors="replace",
        )
        (out / f"{target}.log").write_text(done.stdout)
        executions += sum(int(n) for n in re.findall(r"stat::number_of_executed_units: (\d+)", done.stdout))
        coverage = max([coverage] + [int(n) for n in re.findall(r"cov: (\d+)", done.stdout)])
        clean = done.returncode == 0
        if clean:
            break
        said = [line for line in done.stdout.splitlines() if "panicked" in line or "totc-fuzz" in line or "ERROR" in line]
        print(f"{target}: {' / '.join(said[:2])}", flush=True)
    new = sorted(set(found.iterdir()) - before)
    for path in new:
        print(f"FOUND: {path}", flush=True)
    # What was found before is found again under its old name, and a program that cannot start finds nothing.
    return count, executions, coverage, max(len(new), 0 if clean else 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9, help="for all targets together")
    parser.add_argument("--only", choices=sorted(SEEDS), action="append", help="this target (may be given several times)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/fuzz", help="where what is learned and found is kept")
    options = parser.parse_args()
    out = options.out.resolve()
    binary = build(out / "build")
    targets = options.only or list(SEEDS)
    rows = []
    for target in targets:
        rows.append((target, *fuzz(binary, out, target, 60 * options.minutes / len(targets))))
    print("\n| target | files to begin from | inputs | places reached | found |\n|---|---|---|---|---|")
    for target, count, executions, coverage, found in rows:
        print(f"| {target} | {count} | {executions:,} | {coverage:,} | {found} |")
    return 1 if any(row[-1] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
