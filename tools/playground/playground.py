#!/usr/bin/env python3
"""Builds the playground (`./x playground`): the compiler and the language server as WebAssembly, and the page around them, in one
HTML file that needs no network and no server. `--test` opens it in Chromium, without a window, and tries everything on it.
"""

import argparse
import base64
import gzip
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = "wasm32-unknown-unknown"
# In the order in which they need each other.
SCRIPTS = ["editor.js", "compiler.js", "panels.js", "page.js"]


def fail(text):
    sys.exit(f"playground: {text}")


def target_folder():
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()


def need_target():
    """The standard library for WebAssembly, fetched if it is not there."""
    if shutil.which("cargo") is None:
        fail("cargo is missing: install Rust (with rustup) and open a new shell")
    library = subprocess.run(
        ["rustc", "--print", "target-libdir", "--target", TARGET], cwd=ROOT, capture_output=True, text=True
    )
    if library.returncode == 0 and pathlib.Path(library.stdout.strip()).is_dir():
        return
    if shutil.which("rustup") is None:
        fail(
            f"Rust's standard library for {TARGET} is missing, and there is no rustup to fetch it with: install it with your "
            f"system's packages (Debian: apt install libstd-rust-dev-wasm32), or Rust with rustup"
        )
    print(f"+ rustup target add {TARGET}", flush=True)
    if subprocess.run(["rustup", "target", "add", TARGET], cwd=ROOT).returncode != 0:
        fail(f"Rust's standard library for {TARGET} cannot be fetched: run `rustup target add {TARGET}` where there is a network")


def program():
    """The compiler as WebAssembly."""
    command = ["cargo", "build", "--release", "--locked", "--target", TARGET]
    print(f"+ cd {HERE.relative_to(ROOT)}; {' '.join(command)}", flush=True)
    environment = dict(os.environ, CARGO_TARGET_DIR=str(target_folder()))
    # Flags for this machine's processor are none for WebAssembly.
    environment.pop("RUSTFLAGS", None)
    if subprocess.run(command, cwd=HERE, env=environment).returncode != 0:
        fail("the compiler cannot be built for WebAssembly; cargo says above why")
    return (target_folder() / TARGET / "release/totc_playground.wasm").read_bytes()


def page(wasm):
    """Everything in one text."""
    read = lambda name: (HERE / "page" / name).read_text(encoding="utf-8")
    parts = {
        "STYLE": read("style.css"),
        "WORKER": read("worker.js"),
        "SCRIPT": "\n".join(read(name) for name in SCRIPTS),
        # The same bytes for the same program: no time, no name.
        "PROGRAM": base64.b64encode(gzip.compress(wasm, 9, mtime=0)).decode("ascii"),
    }
    text = read("page.html")
    for name, part in parts.items():
        if "</script" in part or "</style" in part:
            fail(f"{name.lower()} holds the end of its own element")
        text = text.replace(f"/*{name}*/", part)
    return text


def build():
    need_target()
    wasm = program()
    place = target_folder() / "playground/index.html"
    place.parent.mkdir(parents=True, exist_ok=True)
    # Never half a page: another one may be open.
    part = place.with_suffix(".part")
    part.write_text(page(wasm), encoding="utf-8")
    part.replace(place)
    size = place.stat().st_size
    print(f"{place}: {size / 1e6:.2f} MB (the compiler {len(wasm) / 1e6:.2f} MB, packed); open it in a browser, or put it anywhere")
    return place


def main():
    parser = argparse.ArgumentParser(prog="./x playground", description=__doc__.split("\n\n")[0])
    parser.add_argument("--test", action="store_true", help="then try everything on it in Chromium")
    parser.add_argument("--pictures", metavar="DIR", help="with --test: write pictures of the page there")
    parser.add_argument("--totc", metavar="PATH", help="with --test: compare with this totc in place of one built now")
    given = parser.parse_args()
    place = build()
    if given.test:
        import try_page

        try_page.run(place, given.pictures, given.totc)


if __name__ == "__main__":
    main()
