"""How long an editor waits for the mistakes after a keystroke: python3 bench/lsp_latency.py [TOTC] [FILE ...]

A scripted editor opens the models, run and sweep files that take longest, or each of the files, in `totc lsp` and deletes and types again some of its lines, one
letter at a time, as one does while writing: most of the texts in between are half a statement. Measured is the time from
sending `textDocument/didChange` to `textDocument/publishDiagnostics` of that file. Needs nothing but Python; the compiler may
be one without libtorch (cargo build --release --no-default-features --features system).
"""

import json
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Lines are typed again where these words stand first: a declaration, the schedule, a loss.
PLACES = ["net ", "config ", "let ", "repeat ", "loss ", "metric ", "set:", "data:", "optimiser:", "(label:"]
ROUNDS = 3
LONGEST = [
    "models/totrm.tot",
    "models/got.tot",
    "models/ablations.tot",
    "models/totrm.ron",
    "results/sudoku4.ron",
    "models/totrm-ablations.ron",
]


class Editor:
    """A client of the language server."""

    def __init__(self, totc):
        self.server = subprocess.Popen([totc, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self.note("initialized", {})

    def send(self, message):
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(text) + text)
        self.server.stdin.flush()

    def receive(self):
        length = 0
        while True:
            line = self.server.stdout.readline()
            if not line:
                sys.exit("lsp_latency: the server has ended")
            if line == b"\r\n":
                return json.loads(self.server.stdout.read(length))
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])

    def note(self, method, params):
        self.send({"method": method, "params": params})

    def ask(self, method, params):
        self.send({"id": 1, "method": method, "params": params})
        while self.receive().get("id") != 1:
            pass

    def published(self, uri):
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                return message["params"]["diagnostics"]

    def open(self, uri, text):
        document = {"uri": uri, "languageId": "totc", "version": 1, "text": text}
        self.note("textDocument/didOpen", {"textDocument": document})
        return self.published(uri)

    def change(self, uri, text):
        """Seconds until the mistakes of the text are told, and these."""
        params = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": text}]}
        start = time.perf_counter()
        self.note("textDocument/didChange", params)
        told = self.published(uri)
        return time.perf_counter() - start, told


def keystrokes(text):
    """Texts that follow each other by a letter: lines deleted from their end, and typed again."""
    for word in PLACES:
        line = next((line for line in text.splitlines() if line.strip().startswith(word)), None)
        if line is None:
            continue
        at = text.index("\n" + line) + 1 if "\n" + line in text else 0
        begin = at + len(line) - len(line.lstrip())
        end = at + len(line)
        for cut in [*range(end - 1, begin - 1, -1), *range(begin + 1, end + 1)]:
            yield text[:cut] + text[end:], text[begin:cut]


def main():
    totc = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/totc")
    models = [pathlib.Path(name).resolve() for name in sys.argv[2:]]
    for model in models or [ROOT / name for name in LONGEST]:
        measure(totc, model)
    print(f"on {platform.processor() or platform.machine()}, {platform.system()}")


def measure(totc, model):
    text = model.read_text()
    uri = model.as_uri()
    editor = Editor(totc)
    start = time.perf_counter()
    editor.open(uri, text)
    opened = time.perf_counter() - start
    seconds = []
    for _ in range(ROUNDS):
        for typed, line in keystrokes(text):
            took, _ = editor.change(uri, typed)
            seconds.append((took, line))
    _, told = editor.change(uri, text)
    if any(diagnostic["severity"] == 1 for diagnostic in told):
        sys.exit(f"lsp_latency: {model.name} has mistakes after it was typed again: {told}")
    milliseconds = sorted(1000 * second for second, _ in seconds)
    share = lambda part: milliseconds[min(int(part * len(milliseconds)), len(milliseconds) - 1)]
    print(
        f"{model.name} ({len(text.splitlines())} lines), opened in {1000 * opened:.0f} ms, {len(milliseconds)} keystrokes: median "
        f"{statistics.median(milliseconds):.1f} ms, 95 % within {share(0.95):.1f} ms, most {milliseconds[-1]:.1f} ms"
    )
    texts = len(seconds) // ROUNDS
    least = sorted(min(1000 * took for took, _ in seconds[at::texts]) for at in range(texts))
    print(
        f"the shortest of {ROUNDS} times for each, without what else the machine did: median "
        f"{statistics.median(least):.1f} ms, 95 % within {least[int(0.95 * texts)]:.1f} ms, most {least[-1]:.1f} ms"
    )
    above = sum(took > 50 for took in milliseconds)
    print(f"{above} above 50 ms; the longest after typing: {[line for _, line in sorted(seconds)[-3:]]}")
    editor.server.kill()


if __name__ == "__main__":
    main()
