"""Everything on the playground, tried in Chromium (`./x playground --test`): what it says of every shipped model is what the commands
say, mistakes come and go, links restore, nothing is asked of a network, and what takes too long is stopped.
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import chromium

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Parameters of two models as their papers count them, with what stays constant (docs/golden.md).
PUBLISHED = {"trm.ron": 6_829_058, "totrm.ron": 7_554_436}
IDLE = "document.body.dataset.state === 'idle'"


def built():
    """The command line of this tree, without libtorch."""
    command = ["cargo", "build", "--no-default-features", "--features", "system"]
    print(f"+ {' '.join(command)}", flush=True)
    subprocess.run(command, cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / "debug/totc"


def together(text):
    return " ".join(text.split())


class Try:
    def __init__(self, page, place, totc, folder):
        self.page, self.place, self.totc, self.folder = page, place, totc, folder
        self.done = []

    def says(self, *arguments, **options):
        """What a command prints, in a folder with the shipped models; mistakes too."""
        done = subprocess.run([self.totc, *arguments], cwd=self.folder, capture_output=True, text=True, **options)
        return done.stdout + done.stderr

    def settle(self):
        self.page.wait(IDLE)

    def start(self, name):
        assert self.page.evaluate(f"start({json.dumps(name)})"), name
        self.settle()

    def type(self, text, settle=True):
        """As if it had been typed."""
        self.page.evaluate(
            f"editor.area.value = {json.dumps(text)}; editor.area.dispatchEvent(new InputEvent('input')); 0"
        )
        if settle:
            self.settle()

    def set(self, name, text):
        self.page.evaluate(f"byId('{name}').value = {json.dumps(text)}; byId('{name}').dispatchEvent(new Event('input')); 0")
        self.settle()

    def text(self):
        return self.page.evaluate("editor.text")

    def messages(self):
        return self.page.evaluate("[...document.querySelectorAll('#panel-errors .message')].map((message) => message.textContent)")

    def told(self, name):
        return self.page.evaluate(f"panel('{name}').textContent")

    def same_as_explained(self, *arguments):
        """Every row and sentence of the page is one of `totc explain`, and the numbers of lines agree."""
        text = self.says("explain", *arguments)
        lines = {together(line) for line in text.splitlines()}
        rows = self.page.evaluate(
            "['parameters', 'cost'].flatMap((name) => [...panel(name).querySelectorAll('h2, tr, .note')])"
            ".map((row) => [...row.children].length ? [...row.children].map((cell) => cell.textContent).join(' ') : row.textContent)"
        )
        # The command has other words for data that are not there, or none.
        rows = [row for row in rows if not row.startswith("The data ")]
        missing = [row for row in rows if together(row) not in lines]
        assert not missing, (arguments, missing, text)
        schedule = self.page.evaluate("panel('schedule').querySelector('pre').textContent")
        assert schedule in text, (arguments, schedule, text)
        said = len([line for line in text.splitlines() if line.strip()])
        # The name of the model and the title of the schedule stand in neither.
        assert len(rows) + len(schedule.splitlines()) + 2 == said, (arguments, rows, text)

    # ---- what is tried ----

    def every_shipped_model(self):
        about = self.page.evaluate("({ models: about.models.map((m) => m.name), runs: about.runs.map((m) => m.name) })")
        shipped = sorted(path.name for path in (ROOT / "models").glob("*.tot"))
        assert about["models"] == shipped, about
        assert set(PUBLISHED) <= set(about["runs"]), about
        for name in about["models"] + about["runs"]:
            self.start(name)
            assert self.messages() == [], (name, self.messages())
            self.same_as_explained(name)
            if name in PUBLISHED:
                said = re.search(r"([\d,]+) trainable, \S+ in tables, ([\d,]+) constant", self.told("parameters"))
                counted = sum(int(number.replace(",", "")) for number in said.groups())
                assert counted == PUBLISHED[name], self.told("parameters")
            drawn = self.page.evaluate("decodeURIComponent(panel('drawing').querySelector('img').src.split(',')[1])")
            assert drawn.strip() == self.says("graph", name).strip(), name
        print(f"  {len(about['models'])} models and {len(about['runs'])} runs: as the commands say")

    def every_model_of_a_file(self):
        self.start("ablations.tot")
        names = self.page.evaluate("[...byId('model').options].map((option) => option.value)")
        assert len(names) > 3, names
        for name in [names[1], names[-1]]:
            self.page.evaluate(f"byId('model').value = '{name}'; byId('model').dispatchEvent(new Event('change')); 0")
            self.settle()
            self.same_as_explained("ablations.tot", "--model", name)

    def settings(self):
        self.start("trm.tot")
        self.set("sets", "n=2\n  hidden = 128\n")
        self.set("sizes", "cell=81\nsymbol=11")
        given = ["--set", "n=2", "--set", "hidden = 128", "--size", "cell=81", "--size", "symbol=11"]
        self.same_as_explained("trm.tot", *given)
        self.set("sets", "hiden=128")
        said = self.says("explain", "trm.tot", "--set", "hiden=128", "--size", "cell=81", "--size", "symbol=11")
        assert [together(message) for message in self.messages()] == [together(said)], (self.messages(), said)
        self.set("sets", "")
        self.set("sizes", "cell=many")
        assert "is no size" in self.messages()[0], self.messages()
        self.start("trm.ron")
        self.set("sets", "batch=64\nT=2")
        self.same_as_explained("trm.ron", "--set", "batch=64", "--set", "T=2")

    def mistakes(self):
        """Messages are those of `totc check`, and go when the mistake goes, also by the button of a mend."""
        self.start("trm.tot")
        whole = self.text()
        wrong = [
            whole.replace("f(z", "g(z", 1),
            whole.replace("hidden", "hiden", 1),
            whole.replace("}", "", 1),
            whole.replace("think {", "think {\n        let q = zz + 1", 1),
            whole.replace("use std", "use sdt", 1),
        ]
        mended = 0
        for text in wrong:
            assert text != whole
            self.type(text)
            (self.folder / "trm.tot").write_text(text)
            rows = json.loads(self.says("check", "--json", "trm.tot"))
            (self.folder / "trm.tot").write_text(whole)
            said = self.messages()
            # While there are mistakes, the language server also tells what the command keeps for later.
            assert len(said) >= len(rows) > 0, (said, rows)
            for row in rows:
                help = f"help: {row['help']}" if row["help"] else ""
                assert any(row["message"] in message and help in message for message in said), (row, said)
                place = f"trm.tot:{row['line']}:{row['column']}"
                assert place in self.told("errors"), (place, self.told("errors"))
            assert self.page.evaluate("document.querySelectorAll('#shown .wrong').length") > 0, said
            if self.page.evaluate("document.querySelectorAll('.mends button').length"):
                self.page.evaluate("document.querySelector('.mends button').click()")
                self.settle()
                mended += len(self.messages()) < len(said)
            self.type(whole)
            assert self.messages() == [], self.messages()
        assert mended, "no mend was offered that mends"

    def a_run_file_has_mistakes_too(self):
        self.start("trm.ron")
        self.page.evaluate("files.select('run'); 0")
        text = self.text().replace("batch: 128", "bach: 128")
        self.type(text)
        assert any("bach" in message for message in self.messages()), self.messages()
        assert "trm.ron:" in self.told("errors")

    def formatting(self):
        self.start("trm.tot")
        crooked = self.text().replace("    ", "  ").replace(" = ", "  =   ")
        self.type(crooked)
        self.page.evaluate("byId('format').click(); 0")
        wanted = self.says("fmt", "-", input=crooked)
        self.page.wait(f"editor.text === {json.dumps(wanted)}")
        self.settle()
        assert self.messages() == []

    def links(self):
        self.start("totrm.ron")
        assert self.page.evaluate("location.hash") == "#totrm.ron"
        self.set("sets", "branchings=2")
        text = self.text() + "\n// größe ∂𝄞\n"
        self.type(text)
        link = self.page.evaluate("location.href")
        assert "#1." in link and len(link) < 8000, len(link)
        parameters = self.told("parameters")
        for damaged, restored in [(link, True), (link[:-40], False)]:
            self.page.open("about:blank")
            self.page.open(damaged)
            self.page.wait("typeof about !== 'undefined' && document.readyState === 'complete'")
            self.settle()
            assert (self.text() == text) == restored
        self.page.open("about:blank")
        self.page.open(link)
        self.page.wait("typeof about !== 'undefined' && about && " + IDLE)
        assert self.told("parameters") == parameters
        assert self.page.evaluate("byId('sets').value") == "branchings=2"
        # A link in the same page, as when it is pasted into the address.
        self.page.evaluate("location.hash = '#hrm.tot'; 0")
        self.page.wait("byId('pick').value === 'hrm.tot' && " + IDLE)

    def names_and_candidates(self):
        self.start("trm.tot")
        names = self.page.evaluate("state.names.map(({ name, is }) => `${name}: ${is}`)")
        assert any("dim 512" in name for name in names), names
        assert self.page.evaluate("document.querySelectorAll('#shown .hint').length") > 0
        place = self.page.evaluate("state.names[0].range.start")
        hover = self.page.evaluate(f"texts.ask('textDocument/hover', 'trm.tot', {{ position: {json.dumps(place)} }})")
        assert hover and "**" in hover["contents"]["value"], hover
        # The tooltip itself, under the mouse.
        point = self.page.evaluate(
            f"editor.select(state.names[0].range), editor.scrolled(), (({{letter, left, top, line}}) => "
            f"[left + ({place['character']} + 0.5) * letter, top + ({place['line']} + 0.5) * line])(editor.measure())"
        )
        self.page.send("Input.dispatchMouseEvent", type="mouseMoved", x=point[0], y=point[1])
        self.page.wait("!byId('hover').hidden", 5)
        self.page.send("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
        self.page.evaluate("editor.area.focus(); const end = editor.text.lastIndexOf('}'); editor.area.setSelectionRange(end, end); 0")
        self.page.send("Input.insertText", text="bl")
        self.page.evaluate("candidates.fetch()")
        offered = self.page.evaluate("[...byId('candidates').children].map((item) => item.firstChild.textContent)")
        assert "block" in offered, offered
        self.page.evaluate("candidates.take(candidates.items.findIndex((item) => item.label === 'block')); 0")
        assert "block}" in self.text(), self.text()[-80:]
        self.page.evaluate("document.execCommand('undo'); 0")
        self.settle()

    def what_takes_too_long_is_stopped(self):
        self.start("got.tot")
        whole = self.text()
        self.page.evaluate("compiler.patience = 1; 0")
        self.type(whole + "\n", settle=False)
        self.page.wait("document.body.dataset.state === 'stopped'")
        assert "was stopped" in self.messages()[0], self.messages()
        self.page.evaluate("compiler.patience = PATIENCE; 0")
        self.type(whole)
        assert self.messages() == [], self.messages()

    def a_panic_is_told_and_survived(self):
        """Without a panic at hand: the worker is told that it has happened, as it tells itself."""
        self.start("trm.tot")
        whole = self.text()
        self.page.evaluate("compiler.worker.postMessage = () => compiler.worker.onmessage({ data: { id: compiler.next - 1, broken: 'panicked at x' } }); 0")
        self.type(whole + "\n", settle=False)
        self.page.wait("document.body.dataset.state === 'broken'")
        assert "internal error: panicked at x" in self.messages()[0], self.messages()
        self.type(whole)
        assert self.messages() == [], self.messages()

    def deep_and_hostile_texts(self):
        """Expressions too deep for a stack and sizes too large for 32 bits end with a sentence, and the page goes on."""
        self.start("trm.tot")
        whole = self.text()
        said = {}
        for name, text in {
            "300 brackets": whole.replace("f(z", "f(" + "(" * 300 + "z" + ")" * 300, 1),
            "100,000 brackets": whole + "(" * 100_000,
            "long names": whole.replace("hidden", "h" * 100_000),
            "half": whole[: len(whole) // 2],
            "nothing": "",
        }.items():
            self.type(text, settle=False)
            self.page.wait("document.body.dataset.state !== 'busy'")
            said[name] = (self.page.evaluate("document.body.dataset.state"), len(self.messages()))
            assert said[name][0] == "idle", (name, self.messages()[0][:400])
        self.type(whole)
        for sizes in ["cell=4000000000", "cell=1000000\nsymbol=1000000", "batch=65536\ncell=65536"]:
            self.set("sizes", sizes)
            assert self.page.evaluate("document.body.dataset.state") == "idle", (sizes, self.messages())
            assert self.messages(), sizes
            assert "internal error" not in self.messages()[0], self.messages()
        self.set("sizes", "")
        assert self.messages() == []

    def waits(self):
        """What a person waits after the last key, beyond the pause: the median of ten."""
        found = {}
        for name in ["trm.tot", "got.tot", "ablations.tot", "trm.ron", "totrm.ron"]:
            self.start(name)
            whole = self.text()
            taken = []
            for at in range(10):
                self.type(f"{whole}\n// {at}\n")
                taken.append(int(re.search(r"(\d+) ms", self.page.evaluate("byId('standing').textContent"))[1]))
            found[name] = f"{statistics.median(taken):.0f} ms"
        print("  compiled again in", ", ".join(f"{name} {taken}" for name, taken in found.items()))

    def nothing_lies_outside(self):
        for width, height in [(1400, 900), (1000, 700), (390, 844)]:
            self.page.shape(width, height)
            for name in ["totrm.ron", "ablations.tot"]:
                self.start(name)
                for tab in ["errors", "names", "parameters", "cost", "schedule", "drawing"]:
                    self.page.evaluate(f"tabs.select('{tab}'); 0")
                    wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    assert wide <= 0, (width, name, tab, wide)
        self.page.shape(1400, 900)

    def everything(self):
        begun = time.monotonic()
        self.page.shape(1400, 900)
        self.page.open(self.place.as_uri())
        self.page.wait("typeof about !== 'undefined' && !!about && " + IDLE)
        print(f"  opened in {time.monotonic() - begun:.1f} s")
        for step in [
            self.every_shipped_model, self.every_model_of_a_file, self.settings, self.mistakes, self.a_run_file_has_mistakes_too,
            self.formatting, self.links, self.names_and_candidates, self.what_takes_too_long_is_stopped,
            self.a_panic_is_told_and_survived, self.deep_and_hostile_texts, self.nothing_lies_outside, self.waits,
        ]:
            begun = time.monotonic()
            step()
            print(f"  {step.__name__.replace('_', ' ')}: {time.monotonic() - begun:.1f} s", flush=True)
        foreign = [url for url in self.page.requests if not url.startswith(("file:", "data:", "blob:", "about:"))]
        assert not foreign, foreign
        files = {url.split("#")[0] for url in self.page.requests if url.startswith("file:")}
        assert files == {self.place.as_uri()}, files
        assert not self.page.errors, self.page.errors

    def pictures(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, width, height, dark in [("wide-light", 1400, 900, False), ("wide-dark", 1400, 900, True),
                                          ("narrow-light", 390, 1500, False), ("narrow-dark", 390, 1500, True)]:
            for tab in ["parameters", "drawing", "cost", "names", "schedule"]:
                self.page.shape(width, height, dark)
                self.start("totrm.ron")
                self.page.evaluate(f"tabs.select('{tab}'); 0")
                self.page.picture(folder / f"{name}-{tab}.png", width, height, dark)
            self.start("trm.tot")
            self.type(self.text().replace("hidden", "hiden", 1).replace("f(z", "g(z", 1))
            self.page.evaluate("tabs.select('errors'); 0")
            self.page.picture(folder / f"{name}-errors.png", width, height, dark)
        print(f"  pictures in {folder}")


def run(place, pictures=None, totc=None):
    browser = chromium.found()
    if browser is None:
        raise SystemExit("playground: NOT TESTED: there is no Chromium here (Debian: apt install chromium; or CHROMIUM=/path/to/chrome)")
    totc = pathlib.Path(totc).absolute() if totc else built()
    with tempfile.TemporaryDirectory() as folder, chromium.Page(browser) as page:
        folder = pathlib.Path(folder)
        for path in (ROOT / "models").iterdir():
            if path.suffix in [".tot", ".ron"]:
                shutil.copy(path, folder)
        tried = Try(page, place, totc, folder)
        tried.everything()
        if pictures:
            tried.pictures(pictures)
    print("playground: all is well")
