"""`./x learn` on a machine where nothing has been learned yet, and again: what it calls, with stand-ins for the tools."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# As totc does: `--resume` needs a checkpoint, and a new run wants none.
TOTC = """#!/usr/bin/env bash
echo "totc $*" >>called
saved=runs/grid-sudoku9/checkpoint
case "$*" in
run*--resume) [ -d $saved ] || exit 2 ;;
run*) [ ! -d $saved ] || exit 2; mkdir -p $saved ;;
esac
"""
TOOL = '#!/usr/bin/env bash\n[ "$1" != --version ] || echo "rustc 1.95.0"\n'


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class Learn(unittest.TestCase):
    def test_trains_once_and_then_goes_on(self):
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder)
            shutil.copy(ROOT / "x", place / "x")
            script(place / "target/release/totc", TOTC)
            for tool in ["cargo", "rustc", "cc", "c++", "python3"]:
                script(place / "tools-of-the-machine" / tool, TOOL)
            path = f"{place / 'tools-of-the-machine'}:{os.environ['PATH']}"
            environment = dict(os.environ, PATH=path, CXX="c++")
            for _ in range(2):
                done = subprocess.run(
                    ["bash", "x", "learn"], cwd=place, env=environment, capture_output=True, text=True
                )
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            called = [line.split()[1:] for line in (place / "called").read_text().splitlines()]
            verbs = [(call[0], "--resume" in call) for call in called]
            once = lambda again: [("run", again), ("solve", False), ("report", False)]
            self.assertEqual(verbs, once(False) + once(True))


if __name__ == "__main__":
    unittest.main()
