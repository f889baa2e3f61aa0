"""Tests of tools/wandb_follow.py. What W&B keeps of an offline run is read again from its own file; that test is skipped, and
says so, where the package wandb is not installed."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import wandb_follow  # noqa: E402

try:
    import wandb
except ImportError:
    wandb = None
    print("SKIPPED: the package wandb is not installed, so no offline run of W&B is made", file=sys.stderr)


def record(step, kind="train", total=2.5):
    """A line as totc writes it."""
    return {
        "kind": kind,
        "step": step,
        "seconds": 1.5,
        "lr": 0.001,
        "losses": {"total": total},
        "metrics": {"exact": 0.25, "undefined": None},
        "steps_used": None,
        "gradient_norm": 3.0,
    }


def write(folder, *records):
    log = folder / "metrics.jsonl"
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    return log


class Follow(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_names(self):
        self.assertEqual(
            wandb_follow.flat(record(7)),
            {
                "step": 7,
                "train/loss/total": 2.5,
                "train/exact": 0.25,
                "train/lr": 0.001,
                "train/gradient_norm": 3.0,
                "train/seconds": 1.5,
            },
        )

    def test_a_log_is_followed_through_half_lines_and_cuts(self):
        log = write(self.folder, record(1))
        whole = log.read_bytes()
        second = (json.dumps(record(2)) + "\n").encode()
        # What the run does between two looks.
        acts = [
            lambda: log.write_bytes(whole + second[:9]),
            lambda: log.write_bytes(whole + second),
            lambda: log.write_bytes(whole),
            lambda: log.write_bytes(whole + (json.dumps(record(2, total=9.0)) + "\n").encode()),
        ]

        def go_on():
            if not acts:
                return False
            acts.pop(0)()
            return True

        got = [(one["step"], one["losses"]["total"]) for one in wandb_follow.records(log, go_on, pause=0)]
        self.assertEqual(got, [(1, 2.5), (2, 2.5), (2, 9.0)])

    def test_a_folder_without_a_run_is_told(self):
        command = [sys.executable, wandb_follow.__file__, str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is missing", done.stderr)

    @unittest.skipIf(wandb is None, "SKIPPED: the package wandb is not installed, so no offline run is made")
    def test_an_offline_run_holds_the_records(self):
        write(self.folder, record(50), record(100, kind="test"))
        (self.folder / "run.json").write_text('{"format": 2}')
        into = self.folder / "wandb-files"
        into.mkdir()
        env = os.environ | {"WANDB_MODE": "offline", "WANDB_DIR": str(into), "WANDB_SILENT": "true"}
        subprocess.run([sys.executable, wandb_follow.__file__, str(self.folder)], env=env, check=True)
        [kept] = into.glob("wandb/offline-run-*/run-*.wandb")
        history, configs = read(kept)
        self.assertEqual([row["step"] for row in history], [50, 100])
        self.assertEqual(history[0]["train/loss/total"], 2.5)
        self.assertEqual(history[1]["test/exact"], 0.25)
        self.assertEqual(configs.get("format"), 2)


def records_of(kept):
    """The records of a file of W&B: after 7 bytes, those of LevelDB's log (blocks of 32 kB; a record's pieces have a checksum of
    4 bytes, a length of 2 and a kind: 1 whole, 2 first, 3 middle, 4 last)."""
    data, place, whole = kept.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        whole = (whole if kind in (3, 4) else b"") + data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield whole


def read(kept):
    """History and settings in a file of W&B."""
    from wandb.proto import wandb_internal_pb2

    history, configs = [], {}
    for data in records_of(kept):
        one = wandb_internal_pb2.Record()
        one.ParseFromString(data)
        name = lambda item: item.key or "/".join(item.nested_key)  # noqa: E731
        if one.WhichOneof("record_type") == "history":
            history.append({name(item): json.loads(item.value_json) for item in one.history.item})
        elif one.WhichOneof("record_type") == "run":
            configs |= {name(item): json.loads(item.value_json) for item in one.run.config.update}
    return history, configs


if __name__ == "__main__":
    unittest.main()
