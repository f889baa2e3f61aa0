"""`./x editors`: what editors know of `.tot` by themselves, held against the language and against each other. Needs node with npm
and the program tree-sitter, says so where they are missing, and looks at the Vim syntax where there is a Vim."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREE_SITTER = ROOT / "editors/tree-sitter-tot"
VSCODE = ROOT / "editors/vscode"
VIM = ROOT / "editors/vim"

NEEDED = {
    "node": "install Node.js 20 or newer",
    "npm": "install npm, which comes with Node.js",
    "tree-sitter": "cargo install tree-sitter-cli --no-default-features",
}
# What these files do wrong is no matter of form: too many of something.
BEYOND_A_BOUND = {"syntax_else_if.tot", "syntax_too_long.tot"}
# What the extension holds; all else in the file comes from the packer.
PACKED = {
    "package.json", "readme.md", "LICENSE.txt", "language-configuration.json", "syntaxes/tot.tmLanguage.json",
    "dist/extension.js", "dist/NOTICES.txt",
}  # fmt: skip
PACKED_BYTES = 200_000


def fail(what):
    sys.exit(f"x: {what}")


def run(*command, cwd=ROOT, quiet=False):
    """What a command prints; ends everything where it fails."""
    print("+", *command[:4], *(["…"] if len(command) > 4 else []), flush=True)
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0 and not quiet:
        fail(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def texts():
    """Model files that follow the grammar, and those that do not: what totc said of each stands in the snapshots."""
    refused = set()
    for snapshot in (ROOT / "snapshots/diagnostics").glob("*.snap"):
        for place in re.findall(r"^error\[syntax\].*\n\s*┌─ (.*?):\d", snapshot.read_text(), re.MULTILINE):
            refused.add(ROOT / "tests/diagnostics" / place)
    every = {file for folder in ["models", "examples", "tests", "src"] for file in (ROOT / folder).rglob("*.tot")}
    # Pieces that a test puts together.
    every -= set((ROOT / "tests/oracle/drawn").glob("*.tot"))
    return sorted(every - refused), sorted(refused)


def examples(folder):
    """The examples of docs/language.md as files in a folder."""
    found = []
    blocks = re.findall(r"^```tot(| members| statements)\n(.*?)^```", (ROOT / "docs/language.md").read_text(), re.M | re.S)
    for number, (kind, text) in enumerate(blocks):
        lines = text.splitlines()
        uses = [line for line in lines if line.strip().startswith("use ")] if kind else []
        body = "\n".join(line for line in lines if line not in uses)
        body = {"": body, " members": f"model A {{\n{body}\n}}", " statements": f"model A {{ think {{\n{body}\n}} }}"}[kind]
        file = pathlib.Path(folder) / f"language_{number}.tot"
        file.write_text("\n".join(uses + [body, ""]))
        found.append(file)
    return found


def refused_by_tree_sitter(files, folder):
    names = pathlib.Path(folder) / "paths"
    names.write_text("".join(f"{file}\n" for file in files))
    # Exit code 1 where one file has a mistake; which one it says line by line.
    said = run("tree-sitter", "parse", "--quiet", "--paths", names, cwd=TREE_SITTER, quiet=True)
    return {pathlib.Path(line.split("\t")[0].strip()): line for line in said.splitlines() if "\t" in line}


def captures(files, folder):
    """What the highlights say: name and text by file, line and column (bytes), all from 1."""
    names = pathlib.Path(folder) / "paths"
    names.write_text("".join(f"{file}\n" for file in files))
    said = run("tree-sitter", "query", "--captures", "--paths", names, "queries/highlights.scm", cwd=TREE_SITTER)
    found, file = {}, None
    for line in said.splitlines():
        match = re.match(r"\s+pattern: .*? - ([\w.]+), start: \((\d+), (\d+)\), end: .*?(?:text: `(.*)`)?$", line)
        if match is None:
            file = line.strip() or file
            continue
        place = (file, int(match[2]) + 1, int(match[3]) + 1)
        if place in found:
            fail(f"{file}:{place[1]}:{place[2]}: two patterns of highlights.scm meet, {found[place][0]} and {match[1]}")
        found[place] = (match[1], match[4])
    return found


def keywords(said, in_letters=False):
    """`FILE:LINE:COLUMN WORD` as places; columns in letters become those in bytes."""
    found, lines = {}, {}
    for file, line, column, word in re.findall(r"^(.*):(\d+):(\d+) (\w+)$", said, re.MULTILINE):
        line, column = int(line), int(column)
        if in_letters:
            text = lines.setdefault(file, pathlib.Path(file).read_text().split("\n"))[line - 1]
            column = len(text[: column - 1].encode()) + 1
        found[file, line, column] = word
    return found


def compare(who, found, tree):
    wrong = []
    for file, line, column in tree.keys() ^ found.keys():
        place = (file, line, column)
        kinds = ("keyword", "name") if place in tree else ("name", "keyword")
        word = tree.get(place) or found[place]
        wrong.append(f"{file}:{line}:{column}: `{word}` is a {kinds[0]}, and {who} takes it for a {kinds[1]}")
    if wrong:
        fail(f"{who} and the tree disagree:\n" + "\n".join(sorted(wrong)))
    print(f"{who}: {len(tree)} keywords, each where the tree has one, and no other")


def vscode():
    lock, installed = VSCODE / "package-lock.json", VSCODE / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run("npm", "ci", "--no-audit", "--no-fund", cwd=VSCODE)
    said = run("npm", "test", cwd=VSCODE)
    print("\n".join(line for line in said.splitlines() if re.match(r"# (pass|skipped)|.*# SKIP", line)))
    run("npm", "run", "package", cwd=VSCODE)
    packed = VSCODE / "tot.vsix"
    names = zipfile.ZipFile(packed).namelist()
    inside = {name[len("extension/") :] for name in names if name.startswith("extension/")}
    if inside != PACKED:
        fail(f"tot.vsix holds other files than tools/editors.py says: {sorted(inside ^ PACKED)}")
    if packed.stat().st_size > PACKED_BYTES:
        fail(f"tot.vsix has {packed.stat().st_size} bytes, more than {PACKED_BYTES}: what has come into it?")
    print(f"tot.vsix: {len(inside)} files, {packed.stat().st_size} bytes")


def tree_sitter(folder):
    """The files of the language, and where the tree has keywords in them."""
    run("tree-sitter", "generate", "--output", folder, cwd=TREE_SITTER)
    for name in ["grammar.json", "node-types.json"]:
        if (pathlib.Path(folder) / name).read_text() != (TREE_SITTER / "src" / name).read_text():
            fail("editors/tree-sitter-tot/src is not what grammar.js says: run `tree-sitter generate` there")
    run("tree-sitter", "test", cwd=TREE_SITTER)
    good, bad = texts()
    files = good + examples(folder)
    wrong = refused_by_tree_sitter(files, folder)
    if wrong:
        fail("tree-sitter refuses what totc takes:\n" + "\n".join(wrong.values()))
    bad = [file for file in bad if file.name not in BEYOND_A_BOUND]
    taken = set(bad) - refused_by_tree_sitter(bad, folder).keys()
    if taken:
        fail("tree-sitter takes what totc refuses:\n" + "\n".join(map(str, sorted(taken))))
    print(f"tree-sitter: {len(files)} files taken, {len(bad)} refused, as totc does")
    found = captures(files, folder)
    words = {place: text for place, (name, text) in found.items() if re.match(r"keyword|constant\.builtin", name)}
    return files, words


def main():
    missing = [f"{tool} is missing: {mend}" for tool, mend in NEEDED.items() if not shutil.which(tool)]
    if missing:
        fail("\n   ".join(missing))
    vscode()
    with tempfile.TemporaryDirectory() as folder:
        files, tree = tree_sitter(folder)
        compare("the extension", keywords(run("node", "test/words.js", *files, cwd=VSCODE), in_letters=True), tree)
        if not shutil.which("vim"):
            print("x: the Vim syntax NOT checked: vim is missing")
            return
        said = run("vim", "-es", "-u", "NONE", "-S", VIM / "test/words.vim", *files).splitlines()
    told = {kind: [line[len(kind) :] for line in said if line.startswith(kind)] for kind in ["word ", "indent "]}
    compare("Vim", keywords("\n".join(told["word "])), tree)
    # The shipped models are in the form of `totc fmt`.
    moved = [line for line in told["indent "] if line.startswith(str(ROOT / "models"))]
    if moved:
        fail("Vim indents shipped models in another way than totc does:\n" + "\n".join(moved))


if __name__ == "__main__":
    main()
