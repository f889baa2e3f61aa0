#!/usr/bin/env python3
"""Hurts totc while it works, and looks whether what it leaves behind is what an undisturbed run leaves.

Takes a totc binary and minutes; prints a table of trials and what came out of them (`./x torture`). Ends with 1 if a
trial came out wrong, and keeps that trial's folder. Needs Linux and a C compiler. Never touches anything outside the
folder that it makes for itself (below TMPDIR; where that is memory, as /dev/shm, trials are much faster).
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

RUN = """Run(
    model: "trm.tot",
    name: "Trm",
    set: {{ "hidden": 8, "heads": 2, "layers": 1, "T": 1, "n": 1, "puzzle_tokens": 1, "max_steps": 3, "explore": 0.1 }},
    data: sudoku(side: 4, train: 60, test: 6, givens: (5, 8), augmentations: 5),
    batch: 8,
    length: steps(30),
    optimiser: (name: "adamw", lr: 2e-3, weight_decay: 0.1),
    tables: (lr: 1e-3, weight_decay: 0.1),
    schedule: (warmup: 2, floor: 1.0),
    ema: 0.9,
    evaluation: (every: 9),
    checkpoints: (every: {every}, keep: (best: 2)),
    {more}
    out: "run",
)
"""

# What is trained: each ends bit by bit as if it had never been hurt.
RUNS = {
    "plain": RUN.format(every=2, more=""),
    "phases and accumulation": RUN.format(every=3, more='accumulate: 4, phases: [(from: 11, set: { "n": 2 })],'),
    "parts of a batch": RUN.format(every=2, more="micro_batch: 2, accumulate: 3,"),
}

SWEEP = """Sweep(
    run: "r.ron",
    seeds: [1, 2],
    grid: { "optimiser.lr": [1e-3, 2e-3] },
    out: "sweep",
)
"""


class Wrong(Exception):
    """A trial that came out otherwise than it must; the text says how."""


def tensors(path):
    """The tensors of a safetensors file by name, in bytes."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    return {
        name: (entry["dtype"], tuple(entry["shape"]), body[slice(*entry["data_offsets"])])
        for name, entry in head.items()
        if name != "__metadata__"
    }


def left(folder):
    """What a run has left behind, without what a clock says."""
    found = {}
    for name in ("weights.safetensors", "ema.safetensors", "state.safetensors"):
        for tensor, value in tensors(folder / "checkpoint" / name).items():
            found[f"{name} {tensor}"] = value
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        # What a clock and the machine say, which no run repeats.
        for name in ("seconds", "time", "samples_per_second", "memory_bytes"):
            record.pop(name, None)
        found[f"log {len(found)}"] = json.dumps(record)
    return found


class Bench:
    """The binary, the failing disk, a folder, random numbers and the time that is left."""

    def __init__(self, totc, seed, minutes, only):
        self.totc = str(pathlib.Path(totc).resolve())
        self.random = random.Random(seed)
        self.until = time.monotonic() + 60 * minutes
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="torture-"))
        self.shim = self.folder / "faults.so"
        compiler = os.environ.get("CC", "cc")
        source = HERE / "faults.c"
        subprocess.run(
            [compiler, "-O1", "-shared", "-fPIC", "-o", self.shim, source, "-ldl", "-lpthread"], check=True
        )
        self.only = only
        self.known = {}
        self.trials = 0

    def place(self, name):
        """A new folder with the files of a run."""
        self.trials += 1
        place = self.folder / f"{self.trials}"
        place.mkdir()
        shutil.copy(ROOT / "models/trm.tot", place)
        (place / "r.ron").write_text(RUNS[name])
        return place

    def run(self, place, *args, what=None, at=0, lasting=1, clock=0, memory=None, seconds=None, folder=None):
        """Runs totc; gives its exit code (negative: the signal) and what it said. With `seconds`, kills it then."""
        environment = dict(os.environ, OMP_NUM_THREADS="1", GOMP_SPINCOUNT="10000", TERM="dumb")
        if what or clock:
            count = place / "count"
            count.unlink(missing_ok=True)
            environment.update(
                LD_PRELOAD=str(self.shim),
                TORTURE_FOLDER=str(folder or place / "run"),
                TORTURE_WHAT=what or "count",
                TORTURE_AT=str(at),
                TORTURE_FOR=str(lasting),
                TORTURE_CLOCK=str(clock),
                TORTURE_COUNT=str(count),
            )

        def limit():
            if memory:
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        child = subprocess.Popen(
            [self.totc, *args],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
            start_new_session=True,
        )
        try:
            said, _ = child.communicate(timeout=seconds or 600)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            said, _ = child.communicate()
            if not seconds:
                raise Wrong("it did not end within ten minutes")
        text = said.decode(errors="replace")
        with open(place / "said", "a") as log:
            log.write(f"$ totc {' '.join(args)} ({what} at {at}) -> {child.returncode}\n{text}")
        if "panicked" in text or "internal error" in text:
            raise Wrong(f"it panicked: {text[-300:]}")
        return child.returncode, text

    def whole(self, name):
        """What an undisturbed run of that kind leaves, its calls to the disk and its seconds."""
        if name not in self.known:
            place = self.place(name)
            began = time.monotonic()
            code, text = self.run(place, "run", "r.ron", what="count")
            seconds = time.monotonic() - began
            if code != 0:
                raise Wrong(f"the undisturbed run ends with {code}: {text}")
            calls = int((place / "count").read_text().split()[-1])
            self.known[name] = (left(place / "run"), calls, seconds)
            shutil.rmtree(place)
        return self.known[name]

    def finish(self, place, name, *more):
        """Goes on with a run until it ends, and compares what it leaves."""
        args = ["run", "r.ron", "--resume"] if (place / "run/checkpoint").exists() else None
        if args is None and (place / "run/checkpoint.before").exists():
            args = ["run", "r.ron", "--resume"]
        if args is None:
            args = ["run", "r.ron"]
        code, text = self.run(place, *args, *more)
        if code != 0 and "--resume" not in args:
            # A folder in which no step was saved yet holds nothing that could be lost.
            shutil.rmtree(place / "run", ignore_errors=True)
            code, text = self.run(place, "run", "r.ron")
        if code != 0:
            raise Wrong(f"it does not go on: {code}: {text[-400:]}")
        wanted, _, _ = self.whole(name)
        found = left(place / "run")
        if found != wanted:
            other = [key for key in sorted(set(found) | set(wanted)) if found.get(key) != wanted.get(key)]
            raise Wrong(f"other bits in {len(other)} of {len(wanted)} places, the first {other[0]}")


def kill_any_time(bench):
    name = bench.random.choice(list(RUNS))
    _, _, seconds = bench.whole(name)
    place = bench.place(name)
    bench.run(place, "run", "r.ron", seconds=bench.random.uniform(0.02, seconds))
    while bench.random.random() < 0.4 and (place / "run/checkpoint").exists():
        bench.run(place, "run", "r.ron", "--resume", seconds=bench.random.uniform(0.02, seconds))
    bench.finish(place, name)
    return place, "the same bits"


def harmed(bench, what, lasting=1):
    """A run that is harmed at a random call to the disk."""
    name = bench.random.choice(list(RUNS))
    _, calls, _ = bench.whole(name)
    place = bench.place(name)
    code, text = bench.run(
        place, "run", "r.ron", what=what, at=bench.random.randint(1, calls), lasting=lasting
    )
    return name, place, code, text


def kill_while_writing(bench):
    name, place, _, _ = harmed(bench, "kill")
    bench.finish(place, name)
    return place, "the same bits"


def power_loss(bench):
    name, place, _, _ = harmed(bench, "power")
    bench.finish(place, name)
    return place, "the same bits"


def faulty(what):
    def trial(bench):
        lasting = bench.random.choice([1, 1, 3, 20, 1000000])
        name, place, code, text = harmed(bench, what, lasting)
        if code == 0:
            result = "went on, the same bits"
        elif code in (2, 3) and "error: " in text:
            result = "ended with a sentence, the same bits after --resume"
        else:
            raise Wrong(f"it ended with {code}: {text[-300:]}")
        bench.finish(place, name)
        return place, result

    return trial


def processes(bench):
    """One of several processes is killed or halted; the others name it and end, and any number of them goes on."""
    name = "parts of a batch"
    _, _, seconds = bench.whole(name)
    place = bench.place(name)
    count = bench.random.choice([2, 4])
    lost, what = bench.random.randrange(count), bench.random.choice([signal.SIGKILL, signal.SIGSTOP])
    args = ["run", "r.ron", "--processes", str(count), "--process-timeout", "5"]
    environment = dict(os.environ, OMP_NUM_THREADS="1", GOMP_SPINCOUNT="10000", TERM="dumb")
    with open(place / "said", "ab") as log:
        child = subprocess.Popen(
            [bench.totc, *args], cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    time.sleep(bench.random.uniform(0.1, 3 * seconds))
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            own = f"RANK={lost}".encode() in (process / "environ").read_bytes().split(b"\0")
            if own and int((process / "stat").read_text().rsplit(")", 1)[1].split()[1]) == child.pid:
                os.kill(int(process.name), what)
        except (OSError, ValueError):
            pass
    try:
        code = child.wait(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        raise Wrong(f"the others did not end after {what.name} to {lost} of {count}") from None
    text = (place / "said").read_text(errors="replace")
    told = f"process {lost} is lost" in text or "does not reach the others" in text
    if code == 0:
        result = "it was over before"
    elif told and "panicked" not in text:
        result = "every other ends with a sentence, the same bits after --resume"
    else:
        raise Wrong(f"{what.name} to {lost} of {count} ends with {code}: {text[-400:]}")
    again = bench.random.choice([1, 2, 4])
    bench.finish(place, name, *(["--processes", str(again)] if again > 1 else []))
    return place, result


def clock_jump(bench):
    name = bench.random.choice(list(RUNS))
    bench.whole(name)
    place = bench.place(name)
    code, text = bench.run(place, "run", "r.ron", clock=bench.random.choice([-86400, 86400, 3600, -3, 10**9]))
    if code != 0:
        raise Wrong(f"it ended with {code}: {text[-300:]}")
    bench.finish(place, name)
    return place, "the same bits"


def short_memory(bench):
    name = "plain"
    bench.whole(name)
    place = bench.place(name)
    megabytes = int(2 ** bench.random.uniform(8, 11))
    code, text = bench.run(place, "run", "r.ron", memory=megabytes << 20)
    if code == 0:
        result = "enough memory, the same bits"
    elif code in (2, 3) and "error: " in text:
        result = "ended with a sentence, the same bits after --resume"
    elif code == 127 and "error while loading" in text:
        result = "libtorch did not fit at all"
    elif code == -signal.SIGABRT and "bad_alloc" in text and not (place / "run").exists():
        # Thrown while the loader initialises libtorch's libraries, before totc's first instruction.
        result = "libtorch did not fit at all"
    elif code == -signal.SIGABRT and "memory allocation of" in text:
        result = "ended with Rust's own sentence on memory, the same bits after --resume"
    else:
        raise Wrong(f"with {megabytes} MiB it ended with {code}: {text[-300:]}")
    bench.finish(place, name)
    return place, result


def sweep(bench):
    def results(place):
        return {str(path.relative_to(place)): left(path.parent) for path in place.glob("sweep/**/run.json")}

    def begin():
        place = bench.place("plain")
        (place / "r.ron").write_text(RUNS["plain"].replace("steps(30)", "steps(8)"))
        (place / "s.ron").write_text(SWEEP)
        return place

    if "sweep" not in bench.known:
        place = begin()
        began = time.monotonic()
        code, text = bench.run(place, "sweep", "s.ron")
        if code != 0:
            raise Wrong(f"the undisturbed sweep ends with {code}: {text[-400:]}")
        bench.known["sweep"] = (results(place), time.monotonic() - began)
        shutil.rmtree(place)
    wanted, seconds = bench.known["sweep"]
    place = begin()
    for _ in range(bench.random.choice([1, 1, 2])):
        bench.run(place, "sweep", "s.ron", seconds=bench.random.uniform(0.05, seconds))
    code, text = bench.run(place, "sweep", "s.ron")
    if code != 0:
        raise Wrong(f"the sweep does not go on: {code}: {text[-400:]}")
    if results(place) != wanted:
        raise Wrong("the sweep has other results")
    return place, "the same bits"


def written_whole(bench, kind, make, args, output):
    """A command that writes one file or folder, killed at a call to the disk: whole or not there; done again, the same."""

    def bytes_of(place):
        path = place / output
        if path.is_dir():
            return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
        return path.read_bytes() if path.exists() else None

    if kind not in bench.known:
        place = make()
        code, text = bench.run(place, *args, what="count", folder=place)
        if code != 0:
            raise Wrong(f"undisturbed, it ends with {code}: {text[-300:]}")
        bench.known[kind] = (bytes_of(place), int((place / "count").read_text().split()[-1]))
        shutil.rmtree(place)
    wanted, calls = bench.known[kind]
    place = make()
    what = bench.random.choice(["kill", "enospc", "eio", "short"])
    at = bench.random.randint(1, calls)
    code, _ = bench.run(place, *args, what=what, at=at, folder=place)
    found = bytes_of(place)
    if not isinstance(wanted, dict) and found not in (None, wanted):
        raise Wrong(f"half of {output} was left by {what} at {at}")
    if code == 0 and found != wanted:
        raise Wrong(f"it ended well after {what} at {at}, but {output} is another")
    again = [*args, "--overwrite"] if isinstance(wanted, dict) and (place / output).exists() else args
    code, text = bench.run(place, *again)
    if code != 0 or bytes_of(place) != wanted:
        raise Wrong(f"done again after {what} at {at}, it gives something else: {code}: {text[-300:]}")
    return place, "whole or not there; the same when done again"


def importing(bench):
    # Our own weights, exported, are a published checkpoint.
    source = bench.folder / "published.pt"
    if not source.exists():
        place = bench.place("plain")
        for args in (["run", "r.ron", "--stop-after", "1"], ["export", "run", "--out", str(source)]):
            code, text = bench.run(place, *args)
            if code != 0:
                raise Wrong(f"{args} ends with {code}: {text[-300:]}")
        shutil.copytree(place / "run", bench.folder / "published")
    make = lambda: bench.place("plain")
    args = ["import", str(source), "--model", str(bench.folder / "published"), "--out", "w.safetensors"]
    return written_whole(bench, "import", make, args, "w.safetensors")


def building(bench):
    make = lambda: bench.place("plain")
    source = ROOT / "tests/golden/data/sudoku-tiny-src"
    args = ["data", "build", "sudoku", "--from", str(source), "--out", "built"]
    return written_whole(bench, "build", make, args, "built")


# Each kind of trial, and how often it is drawn.
KINDS = {
    "kill -9 at any time": (kill_any_time, 6),
    "kill -9 at a call to the disk": (kill_while_writing, 8),
    "power loss at a call to the disk": (power_loss, 4),
    "disk full (ENOSPC)": (faulty("enospc"), 2),
    "disk broken (EIO)": (faulty("eio"), 2),
    "short writes": (faulty("short"), 1),
    "wall clock jumps": (clock_jump, 1),
    "memory limit": (short_memory, 1),
    "sweep, kill -9": (sweep, 1),
    "one of 2 or 4 processes killed or halted": (processes, 2),
    "import, killed or disk faulty": (importing, 2),
    "data build, killed or disk faulty": (building, 2),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--totc", default=ROOT / "target/release/totc", help="the binary")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="a part of the name of the kinds to try")
    options = parser.parse_args()
    # Whoever stops it early sees what has been tried so far.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench = Bench(options.totc, options.seed, options.minutes, options.only)
    kinds = {name: kind for name, kind in KINDS.items() if not options.only or options.only in name}
    counts, wrong = {}, 0
    # Each kind once, then as drawn.
    first = list(kinds)
    while time.monotonic() < bench.until:
        name = first.pop(0) if first else bench.random.choices(list(kinds), [kinds[k][1] for k in kinds])[0]
        before = bench.trials
        try:
            place, result = kinds[name][0](bench)
            shutil.rmtree(place, ignore_errors=True)
        except KeyboardInterrupt:
            break
        except Wrong as error:
            wrong += 1
            result = "WRONG"
            print(f"WRONG: {name}, folders {before + 1} to {bench.trials} of {bench.folder}: {error}", flush=True)
        counts[(name, result)] = counts.get((name, result), 0) + 1
    print(f"seed {options.seed}, {options.minutes:g} minutes, {sum(counts.values())} trials, {wrong} wrong\n")
    print("| what happens | what comes out | trials |\n|---|---|---|")
    for name in kinds:
        for (kind, result), count in sorted(counts.items()):
            if kind == name:
                print(f"| {name} | {result} | {count} |")
    if not wrong:
        shutil.rmtree(bench.folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
