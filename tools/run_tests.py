"""Builds tests as `cargo test ARGUMENTS` does, then runs their programs beside each other, as many as there are cores.

cargo runs one program of tests after the other, and most end with one long test: on two cores it keeps one of them busy.
What a program prints is shown when it fails; at the end stand the slowest and the failed ones.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import time


def programs(arguments):
    """The programs that cargo builds for these arguments, each with the folder it runs in: (name, path, folder)."""
    build = subprocess.Popen(
        ["cargo", "test", *arguments, "--no-run", "--message-format=json-render-diagnostics"],
        stdout=subprocess.PIPE, text=True)
    found = []
    for line in build.stdout:
        message = json.loads(line) if line.startswith("{") else {}
        if message.get("reason") == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
            folder = os.path.dirname(message["manifest_path"])
            found.append((message["target"]["name"], message["executable"], folder, message["target"]["kind"][0]))
    if build.wait() != 0:
        sys.exit(build.returncode)
    return found


def run(program):
    """(name, seconds, exit code, what it printed)"""
    name, path, folder, kind = program
    environment = dict(os.environ, CARGO_MANIFEST_DIR=folder)
    # As .cargo/config.toml has it: threads that wait for each other sleep soon.
    environment.setdefault("GOMP_SPINCOUNT", "10000")
    start = time.monotonic()
    # Each may have its own group of processes: what it starts is its own to end.
    done = subprocess.run([path, "--quiet"], cwd=folder, env=environment, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return (name if kind == "test" else f"{name} ({kind})", time.monotonic() - start, done.returncode, done.stdout)


def main(arguments):
    first = []
    if "--first" in arguments:
        at = arguments.index("--first")
        first = arguments[at + 1].split()
        arguments = arguments[:at] + arguments[at + 2:]
    found = programs(arguments)
    # The longest begin first, so that none of them is left alone at the end.
    found.sort(key=lambda program: first.index(program[0]) if program[0] in first else len(first))
    start, results = time.monotonic(), []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, seconds, code, printed in pool.map(run, found):
            results.append((seconds, name, code))
            print(f"{'ok    ' if code == 0 else 'FAILED'} {seconds:6.1f} s  {name}", flush=True)
            if code != 0:
                print(printed, flush=True)
    failed = sorted(name for _, name, code in results if code != 0)
    print(f"{len(results)} programs of tests in {time.monotonic() - start:.0f} s: "
          + (f"{len(failed)} failed: {', '.join(failed)}" if failed else "all passed"))
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
