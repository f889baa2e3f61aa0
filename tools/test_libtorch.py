"""Tests of tools/libtorch.py that need neither network nor libtorch."""

import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))
import libtorch  # noqa: E402

SCRIPT = Path(libtorch.__file__)


def make_libtorch(folder, version=libtorch.VERSION, cuda=False):
    """A folder that looks like libtorch; nothing in it loads."""
    api = folder / "include/torch/csrc/api/include/torch"
    api.mkdir(parents=True)
    (api / "torch.h").touch()
    (folder / "lib").mkdir()
    for name in ["libtorch.so", "libtorch_cpu.so", "libc10.so"] + ["libtorch_cuda.so"] * cuda:
        (folder / "lib" / name).touch()
    (folder / "build-version").write_text(version + "+cpu\n")
    return folder


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name).resolve()
        self.root = self.dir / "root"
        self.root.mkdir()
        self.target = self.root / ".libtorch"
        # What the caller has in its environment must not decide a test.
        patches = [
            mock.patch.dict(os.environ),
            mock.patch.object(libtorch, "load_error", return_value=None),
            mock.patch.object(libtorch, "python_torch", return_value=None),
            mock.patch.object(libtorch, "gpu_driver", return_value=(False, None)),
            mock.patch.object(libtorch, "say"),
        ]
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)
        os.environ.pop("LIBTORCH", None)

    def problem(self, *args, **kwargs):
        with self.assertRaises(libtorch.Problem) as caught:
            libtorch.setup(self.root, *args, **kwargs)
        return str(caught.exception)


class Versions(Case):
    def test_build_version_wins(self):
        self.assertEqual(libtorch.version_of(make_libtorch(self.dir / "a", "2.5.1")), "2.5.1")

    def test_python_package(self):
        (self.dir / "version.py").write_text("from typing import Optional\n__version__ = '2.13.0+cu130'\n")
        self.assertEqual(libtorch.version_of(self.dir), "2.13.0")

    def test_header(self):
        header = self.dir / "include/torch/headeronly/version.h"
        header.parent.mkdir(parents=True)
        header.write_text("".join(f"#define TORCH_VERSION_{p} {n}\n" for p, n in (("MAJOR", 2), ("MINOR", 4), ("PATCH", 1))))
        self.assertEqual(libtorch.version_of(self.dir), "2.4.1")

    def test_nothing(self):
        self.assertIsNone(libtorch.version_of(self.dir))


class Existing(Case):
    def test_named_folder_is_linked_and_remembered(self):
        named = make_libtorch(self.dir / "named")
        os.environ["LIBTORCH"] = str(named)
        stamp = libtorch.setup(self.root)
        self.assertEqual(libtorch.real_lib(self.target), named / "lib")
        self.assertEqual(stamp["source"], str(named))
        self.assertFalse((self.root / ".libtorch-work").exists())
        # Without the variable the choice stands; with it, nothing is done again.
        before = (self.target / "build-version").stat().st_mtime_ns
        libtorch.setup(self.root)
        del os.environ["LIBTORCH"]
        self.assertEqual(libtorch.setup(self.root), stamp)
        self.assertEqual((self.target / "build-version").stat().st_mtime_ns, before)

    def test_another_named_folder_replaces_the_link(self):
        for name in ("one", "two"):
            os.environ["LIBTORCH"] = str(make_libtorch(self.dir / name))
            libtorch.setup(self.root)
        self.assertEqual(libtorch.real_lib(self.target), self.dir / "two/lib")

    def test_own_folder_in_the_variable_is_no_choice(self):
        os.environ["LIBTORCH"] = str(self.target)
        with mock.patch.object(libtorch, "python_torch", return_value=make_libtorch(self.dir / "py")):
            self.assertEqual(libtorch.setup(self.root)["origin"], "python")

    def test_wrong_version(self):
        os.environ["LIBTORCH"] = str(make_libtorch(self.dir / "old", "2.5.1"))
        self.assertRegex(self.problem(), r"holds libtorch 2\.5\.1, and totc needs 2\.13\.0: .*unset")
        self.assertFalse(self.target.exists())

    def test_missing_folder(self):
        os.environ["LIBTORCH"] = str(self.dir / "none")
        self.assertIn("is no folder", self.problem())

    def test_half_a_folder(self):
        (make_libtorch(self.dir / "half") / "lib/libtorch_cpu.so").unlink()
        os.environ["LIBTORCH"] = str(self.dir / "half")
        self.assertIn("lacks headers or libraries", self.problem())

    def test_folder_that_does_not_load(self):
        os.environ["LIBTORCH"] = str(make_libtorch(self.dir / "named"))
        with mock.patch.object(libtorch, "load_error", return_value="libx.so: not found"):
            self.assertIn("do not load: libx.so: not found", self.problem())

    def test_python_torch_goes_away(self):
        make_libtorch(self.dir / "py")
        with mock.patch.object(libtorch, "python_torch", return_value=self.dir / "py"):
            libtorch.setup(self.root)
        (self.dir / "py").rename(self.dir / "gone")
        with mock.patch.object(libtorch, "download", side_effect=libtorch.Problem("fetch")):
            self.assertEqual(self.problem(), "fetch")

    def test_python_torch_of_another_kind_is_passed_over(self):
        for folder in (make_libtorch(self.dir / "old", "2.12.0"), make_libtorch(self.dir / "nocuda")):
            with mock.patch.object(libtorch, "python_torch", return_value=folder):
                with mock.patch.object(libtorch, "download", side_effect=libtorch.Problem("fetch")):
                    self.assertEqual(self.problem("cuda"), "fetch")


class Device(Case):
    def test_auto(self):
        for gpu, kind in (((False, None), "cpu"), ((True, None), "cuda"), ((True, 580), "cuda"), ((True, 570), "cpu")):
            with mock.patch.object(libtorch, "gpu_driver", return_value=gpu):
                self.assertEqual(libtorch.wanted_kind("auto"), kind)

    def test_an_asked_device_is_kept(self):
        make_libtorch(self.dir / "py")
        with mock.patch.object(libtorch, "python_torch", return_value=self.dir / "py"):
            libtorch.setup(self.root, "cpu")
        with mock.patch.object(libtorch, "gpu_driver", return_value=(True, 600)):
            self.assertEqual(libtorch.setup(self.root)["wanted"], "cpu")

    def test_an_asked_device_ends_the_choice_of_a_folder(self):
        os.environ["LIBTORCH"] = str(make_libtorch(self.dir / "named"))
        libtorch.setup(self.root)
        del os.environ["LIBTORCH"]
        with mock.patch.object(libtorch, "python_torch", return_value=make_libtorch(self.dir / "py")):
            self.assertEqual(libtorch.setup(self.root)["origin"], "LIBTORCH")
            self.assertEqual(libtorch.setup(self.root, "auto")["origin"], "python")

    def test_asking_for_what_is_there_only_notes_it(self):
        with mock.patch.object(libtorch, "python_torch", return_value=make_libtorch(self.dir / "py")):
            libtorch.setup(self.root)
        self.assertEqual(libtorch.setup(self.root, "cpu")["device"], "cpu")
        with mock.patch.object(libtorch, "gpu_driver", return_value=(True, 600)):
            self.assertEqual(libtorch.setup(self.root)["wanted"], "cpu")

    def test_unknown_machine(self):
        self.assertRegex(self.problem(machine="riscv64"), "no libtorch .* for riscv64.*LIBTORCH=")


class Fetching(Case):
    def setUp(self):
        super().setUp()
        self.store = self.dir / "store"
        self.store.mkdir()
        self.calls = self.dir / "calls"
        self.calls.touch()
        # Stands in for pip: copies the wheel of the store, or fails with the text in `stderr`.
        fake = self.dir / "pip.py"
        fake.write_text(
            "import pathlib, shutil, sys\n"
            f"store, calls = pathlib.Path({str(self.store)!r}), pathlib.Path({str(self.calls)!r})\n"
            "calls.write_text(calls.read_text() + sys.argv[-1] + '\\n')\n"
            "text = store / 'stderr'\n"
            "if text.exists(): sys.exit(text.read_text())\n"
            "wheel = next(store.glob(sys.argv[-1].split('=')[0] + '-*.whl'))\n"
            "shutil.copy(wheel, sys.argv[sys.argv.index('--dest') + 1])\n"
        )
        self.pip = [sys.executable, str(fake)]
        self.torch = self.wheel(
            "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl",
            [f"torch/lib/{n}" for n in ("libc10.so", "libtorch_cpu.so", "libtorch.so", "libtorch_cuda.so", "libtorch_python.so")]
            + ["torch/include/torch/csrc/api/include/torch/torch.h", "torch/nn/functional.py"],
        )
        self.cuda = self.wheel(
            "cudart-13.0-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            ["nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/lib/libother.so.1", "nvidia/cu13/include/cuda.h"],
        )
        patches = [
            mock.patch.dict(libtorch.PINS, {"x86_64": [self.torch, self.cuda]}),
            mock.patch.object(libtorch, "CPU_WHEELS", {"torch", "cudart"}),
            mock.patch.object(libtorch, "pip_command", return_value=self.pip),
            mock.patch.object(libtorch, "make_stub", side_effect=lambda lib: (lib / "libtorch.so").touch()),
            mock.patch("libtorch.platform.libc_ver", return_value=("glibc", "2.36")),
            mock.patch.dict(libtorch.NEEDS, {"cpu": 1, "cuda": 1}),
        ]
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)

    def wheel(self, name, entries):
        with zipfile.ZipFile(self.store / name, "w") as wheel:
            for entry in entries:
                wheel.writestr(entry, entry)
        return name.split("-")[0], name, hashlib.sha256((self.store / name).read_bytes()).hexdigest()

    def fetched(self):
        return self.calls.read_text().split()

    def test_cpu_layout(self):
        libtorch.setup(self.root, machine="x86_64")
        names = ["libc10.so", "libtorch.so", "libtorch_cpu.so"]
        self.assertEqual(sorted(p.name for p in (self.target / "lib").iterdir()), names)
        real = libtorch.real_lib(self.target)
        self.assertEqual(sorted(p.name for p in real.iterdir()), sorted([*names, "libcudart.so.13"]))
        self.assertTrue(libtorch.is_complete(self.target))
        self.assertFalse((self.target / "torch/nn").exists())
        self.assertEqual((self.target / "build-version").read_text(), "2.13.0+cpu\n")
        self.assertFalse((self.root / ".libtorch-work").exists())

    def test_cuda_layout(self):
        libtorch.setup(self.root, "cuda", machine="x86_64")
        real = libtorch.real_lib(self.target)
        self.assertTrue((real / "libtorch_cuda.so").is_file())
        self.assertTrue((real / "../../nvidia/cu13/lib/libcudart.so.13").is_file())
        # tch's build script must not see CUDA, or it would go on linking it after a change to cpu.
        self.assertFalse((self.target / "lib/libtorch_cuda.so").exists())
        self.assertEqual((self.target / "build-version").read_text(), "2.13.0+cuda\n")

    def test_second_time_fetches_nothing(self):
        libtorch.setup(self.root, machine="x86_64")
        libtorch.setup(self.root, machine="x86_64")
        self.assertEqual(self.fetched(), ["torch", "cudart"])

    def test_interrupted_keeps_what_is_whole(self):
        with mock.patch.object(libtorch, "unpack", side_effect=KeyboardInterrupt):
            with self.assertRaises(KeyboardInterrupt):
                libtorch.setup(self.root, machine="x86_64")
        self.assertFalse(self.target.exists())
        wheels = self.root / ".libtorch-work/wheels"
        (wheels / self.cuda[1]).write_bytes(b"half")
        libtorch.setup(self.root, machine="x86_64")
        self.assertEqual(self.fetched(), ["torch", "cudart", "cudart"])
        self.assertTrue(libtorch.is_complete(self.target))

    def test_failure_leaves_the_old_one(self):
        libtorch.setup(self.root, "cpu", machine="x86_64")
        with mock.patch.object(libtorch, "load_error", return_value="libstdc++.so.6: too old"):
            self.assertIn("does not load here: libstdc++.so.6", self.problem("cuda", machine="x86_64"))
        self.assertEqual(libtorch.setup(self.root)["wanted"], "cpu")

    def test_wrong_hash(self):
        self.wheel(self.torch[1], ["torch/evil"])
        self.assertRegex(self.problem(machine="x86_64"), "should have sha256 .*thrown away")
        self.assertEqual(list((self.root / ".libtorch-work").rglob("*.whl")), [])

    def test_no_network(self):
        (self.store / "stderr").write_text("WARNING: Retrying after connection broken\nERROR: No matching distribution found\n")
        self.assertIn("pip cannot reach its package registry", self.problem(machine="x86_64"))

    def test_other_pip_error(self):
        (self.store / "stderr").write_text("ERROR: No matching distribution found for torch\n")
        self.assertIn("says: No matching distribution found for torch", self.problem(machine="x86_64"))

    def test_disk_full_while_fetching(self):
        (self.store / "stderr").write_text("ERROR: Could not install: [Errno 28] No space left on device\n")
        self.assertIn("the disk filled up", self.problem(machine="x86_64"))

    def test_too_little_disk(self):
        with mock.patch.dict(libtorch.NEEDS, {"cpu": 10**18}):
            self.assertRegex(self.problem(machine="x86_64"), "GB free and the cpu build needs .* GB: free some space")
        self.assertEqual(self.fetched(), [])

    def test_old_glibc(self):
        with mock.patch("libtorch.platform.libc_ver", return_value=("glibc", "2.17")):
            self.assertIn("needs glibc 2.28", self.problem(machine="x86_64"))

    def test_no_compiler(self):
        with mock.patch("libtorch.shutil.which", return_value=None), self.assertRaises(libtorch.Problem) as caught:
            REAL_STUB(self.dir)
        self.assertIn("no C compiler", str(caught.exception))


REAL_STUB = libtorch.make_stub


class Pins(unittest.TestCase):
    def test_every_pin_is_whole(self):
        for machine, pins in libtorch.PINS.items():
            names = {p[0].split("=")[0] for p in pins}
            self.assertLessEqual(libtorch.CPU_WHEELS, names)
            for requirement, name, digest in pins:
                self.assertRegex(requirement, r"^[a-z0-9-]+===[0-9.]+$")
                self.assertTrue(name.endswith(f"{machine}.whl"), name)
                self.assertRegex(digest, "^[0-9a-f]{64}$")

    def test_version_agrees_with_the_rest(self):
        self.assertTrue(all(pins[0][0] == f"torch==={libtorch.VERSION}" for pins in libtorch.PINS.values()))


class CommandLine(Case):
    def start(self, **env):
        command = [sys.executable, str(SCRIPT), "--root", str(self.root)]
        return subprocess.run(
            command, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True
        )

    def test_one_sentence_and_no_traceback(self):
        done = self.start(LIBTORCH=str(self.dir / "none"))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertTrue(done.stderr.startswith("libtorch: LIBTORCH is"))

    def test_libraries_are_tried(self):
        # The real load_error: empty files are no libraries.
        done = self.start(LIBTORCH=str(make_libtorch(self.dir / "named")))
        self.assertEqual(done.returncode, 1)
        self.assertIn("do not load", done.stderr)


if __name__ == "__main__":
    unittest.main()
