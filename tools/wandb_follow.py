"""Hands the log of a run on to Weights & Biases: takes the folder of a run, logs each record of its metrics.jsonl while it is
written, and ends when nobody trains the run any more. Writes nothing into the folder; WANDB_MODE=offline needs no account.

    python3 tools/wandb_follow.py runs/r --project sudoku
"""

import argparse
import json
import sys
import time
from pathlib import Path


def flat(record):
    """A record as W&B names it: `train/loss/total`, `test/exact`; the step is a number of its own. Gaps (null) are left out."""
    kind = record["kind"]
    values = {f"{kind}/loss/{name}": value for name, value in record["losses"].items()}
    values |= {f"{kind}/{name}": value for name, value in record["metrics"].items()}
    for name in ["lr", "steps_used", "gradient_norm", "samples_per_second", "memory_bytes", "seconds"]:
        values[f"{kind}/{name}"] = record.get(name)
    return {"step": record["step"]} | {name: value for name, value in values.items() if value is not None}


def records(log, go_on, pause=1.0):
    """The records of a log as they are completed, until `go_on` says no. A resumed run cuts its log: what it writes again then
    comes again. The start of a line that is still being written waits for its end."""
    place = 0
    while True:
        last = not go_on()
        if log.exists():
            if log.stat().st_size < place:
                place = log.stat().st_size
            with log.open("rb") as file:
                file.seek(place)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    place += len(line)
                    yield json.loads(line)
        if last:
            return
        time.sleep(pause)


def is_trained(folder):
    """Whether somebody trains the run: totc keeps its process in `run.lock` as long as it does."""
    lock = folder / "run.lock"
    return lock.exists() and lock.read_text().strip() != ""


def main():
    parser = argparse.ArgumentParser(description="Follow a run of totc in Weights & Biases.")
    parser.add_argument("folder", type=Path, help="the folder of the run, such as runs/r")
    parser.add_argument("--project", default="totc", help="the project of W&B (default: totc)")
    parser.add_argument("--name", help="the name of the run there (default: the folder's)")
    parser.add_argument("--wait", action="store_true", help="wait for a run that has not begun")
    given = parser.parse_args()
    try:
        import wandb
    except ImportError:
        sys.exit("the Python package wandb is missing: python3 -m pip install wandb")
    log = given.folder / "metrics.jsonl"
    while given.wait and not log.exists():
        time.sleep(1)
    if not log.exists():
        sys.exit(f"{log} is missing: give the folder of a run, or --wait for it to begin")
    about = given.folder / "run.json"
    run = wandb.init(
        project=given.project,
        name=given.name or given.folder.resolve().name,
        config=json.loads(about.read_text()) if about.exists() else {},
    )
    # Curves are drawn over totc's steps; W&B's own count only rises, and a resumed run goes back.
    run.define_metric("step")
    run.define_metric("*", step_metric="step")
    for record in records(log, lambda: is_trained(given.folder)):
        run.log(flat(record))
    run.finish()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
