#!/usr/bin/env python3
"""Puts libtorch into .libtorch: the one already on this machine, or one fetched with pip.

Order of preference: the folder in $LIBTORCH, the torch of this Python, a download. A download
takes the torch wheel apart, since that is the one form of libtorch every package mirror carries:

  cpu   headers and CPU libraries only. The wheel is built against CUDA, so its CPU library still
        wants the small CUDA runtime and profiler libraries, which come from their own wheels, and
        its libtorch.so wants all of CUDA, so an empty one takes its place.
  cuda  every library of the wheel, and the CUDA libraries it is built against.

Whatever its source, .libtorch ends up with

  include/    the headers
  lib/        links to the three libraries a program is linked with, and no others: tch's build
              script remembers whether it saw CUDA there and would not look again after a change.
              build.rs follows the links to the real folder, for the rpath and for CUDA.

Needs Python 3.8 or newer with pip, and nothing else.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

VERSION = "2.13.0"
GB = 1000**3
# Free space a fresh setup needs: the wheels, pip's own copies of them, and what is unpacked.
NEEDS = {"cpu": 2.5 * GB, "cuda": 10 * GB}
# CUDA 13 does not start on an older driver.
MIN_DRIVER = 580
STAMP = "totc-setup.json"
# What tch links a program with.
LINKED = ("libtorch.so", "libtorch_cpu.so", "libc10.so")

# The wheel's own name carries its platform tags, so a pin is one (requirement, file name, sha256).
# The tag of torch is fixed to Python 3.11 whatever runs this script: nothing here imports it.
PINS = {
    "x86_64": [
        ("torch===2.13.0", "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl",
         "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7"),
        ("nvidia-cublas===13.1.1.3", "nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl",
         "37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436"),
        ("nvidia-cuda-cupti===13.0.85", "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
         "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
        ("nvidia-cuda-nvrtc===13.0.88", "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
         "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575"),
        ("nvidia-cuda-runtime===13.0.96", "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
         "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
        ("nvidia-cudnn-cu13===9.20.0.48", "nvidia_cudnn_cu13-9.20.0.48-py3-none-manylinux_2_27_x86_64.whl",
         "0c45dd8eeb50b603f07995b1b300c62ffe6a1980482b82b3bcf94a4ca9d49304"),
        ("nvidia-cufft===12.0.0.61", "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
         "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3"),
        ("nvidia-cufile===1.15.1.6", "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
         "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44"),
        ("nvidia-curand===10.4.0.35", "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
         "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc"),
        ("nvidia-cusolver===12.0.4.66", "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
         "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112"),
        ("nvidia-cusparse===12.6.3.3", "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
         "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b"),
        ("nvidia-cusparselt-cu13===0.8.1", "nvidia_cusparselt_cu13-0.8.1-py3-none-manylinux2014_x86_64.whl",
         "786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0"),
        ("nvidia-nccl-cu13===2.29.7", "nvidia_nccl_cu13-2.29.7-py3-none-manylinux_2_18_x86_64.whl",
         "edd81538446786ec3b73972543e53bb43bcaf0bfc8ef76cb679fcc390ffe136d"),
        ("nvidia-nvjitlink===13.5.37", "nvidia_nvjitlink-13.5.37-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
         "280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb"),
        ("nvidia-nvshmem-cu13===3.4.5", "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
         "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80"),
        ("nvidia-nvtx===13.0.85", "nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
         "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4"),
    ],
    "aarch64": [
        ("torch===2.13.0", "torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl",
         "092790c696a760c729fd5722835f50b9d81fd7c8f141571f3f3cf4081a8f664c"),
        ("nvidia-cublas===13.1.1.3", "nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_aarch64.whl",
         "b7a210458267ac818974c53038fbec2e969d5c99f305ab15c72522fa9f001dd5"),
        ("nvidia-cuda-cupti===13.0.85", "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_aarch64.whl",
         "796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151"),
        ("nvidia-cuda-nvrtc===13.0.88", "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
         "d27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b"),
        ("nvidia-cuda-runtime===13.0.96", "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
         "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55"),
        ("nvidia-cudnn-cu13===9.20.0.48", "nvidia_cudnn_cu13-9.20.0.48-py3-none-manylinux_2_27_aarch64.whl",
         "e31454ae00094b0c55319d9d15b6fa2fc50a9e1c0f5c8c80fb75258234e731e1"),
        ("nvidia-cufft===12.0.0.61", "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
         "2708c852ef8cd89d1d2068bdbece0aa188813a0c934db3779b9b1faa8442e5f5"),
        ("nvidia-cufile===1.15.1.6", "nvidia_cufile-1.15.1.6-py3-none-manylinux_2_27_aarch64.whl",
         "bdc0deedc61f548bddf7733bdc216456c2fdb101d020e1ab4b88d232d5e2f6d1"),
        ("nvidia-curand===10.4.0.35", "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_aarch64.whl",
         "133df5a7509c3e292aaa2b477afd0194f06ce4ea24d714d616ff36439cee349a"),
        ("nvidia-cusolver===12.0.4.66", "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_aarch64.whl",
         "02c2457eaa9e39de20f880f4bd8820e6a1cfb9f9a34f820eb12a155aa5bc92d2"),
        ("nvidia-cusparse===12.6.3.3", "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
         "80bcc4662f23f1054ee334a15c72b8940402975e0eab63178fc7e670aa59472c"),
        ("nvidia-cusparselt-cu13===0.8.1", "nvidia_cusparselt_cu13-0.8.1-py3-none-manylinux2014_aarch64.whl",
         "4dca476c50bf4780d46cd0bfbd82e2bc10a08e4fef7950917ce8d7578d22a23f"),
        ("nvidia-nccl-cu13===2.29.7", "nvidia_nccl_cu13-2.29.7-py3-none-manylinux_2_18_aarch64.whl",
         "674a12383e3c38a1bcccae7d4f3633b37852230b6047883cb2f4c2d1b36d9bf5"),
        ("nvidia-nvjitlink===13.5.37", "nvidia_nvjitlink-13.5.37-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
         "893f6f9a55b2720ed94913b5ba3332e972da8c78dfa2863d0244403dbd528ffc"),
        ("nvidia-nvshmem-cu13===3.4.5", "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
         "6dc2a197f38e5d0376ad52cd1a2a3617d3cdc150fd5966f4aee9bcebb1d68fe9"),
        ("nvidia-nvtx===13.0.85", "nvidia_nvtx-13.0.85-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
         "cb7780edb6b14107373c835bf8b72e7a178bac7367e23da7acb108f973f157a6"),
    ],
}
CPU_WHEELS = {"torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti"}
CPU_CUDA_LIBS = {"libcudart.so.13", "libcupti.so.13"}
# Libraries of the torch wheel that serve a GPU or Python only.
GPU_ONLY = re.compile(r"lib(torch_cuda.*|c10_cuda|caffe2_nvrtc|torch_nvshmem|torch_global_deps|torch)\.so")
PYTHON_ONLY = re.compile(r"lib(torch_python|shm)\.so")


class Problem(Exception):
    """What went wrong and how to mend it, in one sentence."""


def say(text):
    print(f"libtorch: {text}", flush=True)


def gigabytes(n):
    return f"{n / GB:.1f} GB"


# ---------------------------------------------------------------- what is on this machine


def version_of(folder):
    """The libtorch version in a folder laid out as lib/ and include/, or None."""
    for name in ("build-version", "version.py"):
        file = folder / name
        if file.is_file():
            found = re.search(r"(?:__version__ = ['\"])?(\d+\.\d+\.\d+)", file.read_text(errors="replace"))
            if found:
                return found.group(1)
    for name in ("torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"):
        header = folder / "include" / name
        if header.is_file():
            text = header.read_text(errors="replace")
            parts = [re.search(rf"#define TORCH_VERSION_{p} (\d+)", text) for p in ("MAJOR", "MINOR", "PATCH")]
            if all(parts):
                return ".".join(p.group(1) for p in parts)
    return None


def is_complete(folder):
    return (folder / "include/torch/csrc/api/include/torch/torch.h").is_file() and all(
        (folder / "lib" / name).is_file() for name in LINKED
    )


def real_lib(folder):
    """Where the libraries are, whatever lib/ links to; the programs get it as their rpath."""
    return (folder / "lib/libtorch_cpu.so").resolve().parent


def has_cuda(folder):
    return (real_lib(folder) / "libtorch_cuda.so").is_file()


def load_error(folder):
    """Why the libraries do not load in a process without LD_LIBRARY_PATH; None if they do."""
    names = ["libtorch_cpu.so", "libtorch_cuda.so"] if has_cuda(folder) else ["libtorch_cpu.so"]
    code = "import ctypes, sys\ntry:\n for p in sys.argv[1:]: ctypes.CDLL(p, 0x102)\nexcept OSError as e: sys.exit(str(e))"
    env = {k: v for k, v in os.environ.items() if k not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}
    # $ORIGIN in the libraries' rpath follows from the folder they are named by.
    lib = real_lib(folder)
    done = subprocess.run(
        [sys.executable, "-c", code, *(str(lib / n) for n in [*names, "libtorch.so"])],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True,
    )  # fmt: skip
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"the loader ended with status {done.returncode}"


def python_torch():
    """The folder of this Python's torch package, found without importing it."""
    try:
        spec = importlib.util.find_spec("torch")
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec and spec.origin else None


def gpu_driver():
    """(a GPU is there, its driver's major version or None if it cannot be asked)."""
    if not shutil.which("nvidia-smi"):
        return Path("/dev/nvidia0").exists(), None
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return Path("/dev/nvidia0").exists(), None
    found = re.match(r"(\d+)\.", done.stdout.strip())
    if done.returncode or not found:
        return Path("/dev/nvidia0").exists(), None
    return True, int(found.group(1))


def wanted_kind(device):
    if device != "auto":
        return device
    gpu, driver = gpu_driver()
    if gpu and driver is not None and driver < MIN_DRIVER:
        say(f"the GPU's driver {driver} is older than {MIN_DRIVER}, which CUDA 13 needs: taking the CPU build")
        return "cpu"
    return "cuda" if gpu else "cpu"


# ---------------------------------------------------------------- the .libtorch folder


def read_stamp(target):
    try:
        stamp = json.loads((target / STAMP).read_text())
    except (OSError, ValueError):
        return None
    good = isinstance(stamp, dict) and stamp.get("version") == VERSION and is_complete(target)
    return stamp if good else None


def finish(folder, target, stamp):
    """Swaps the finished folder in; up to here `target` is untouched."""
    kind = "cuda" if has_cuda(folder) else "cpu"
    # tch's build script reads this file and compares the version.
    (folder / "build-version").write_text(f"{VERSION}+{kind}\n")
    (folder / STAMP).write_text(json.dumps({"version": VERSION, "kind": kind, **stamp}) + "\n")
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.exists():
        old = folder.parent / "old"
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
        folder.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return
    folder.rename(target)


def add_links(folder, source):
    (folder / "include").symlink_to(source / "include")
    (folder / "lib").mkdir()
    for name in LINKED:
        (folder / "lib" / name).symlink_to(source / "lib" / name if source.is_absolute() else Path("..", source, "lib", name))


def link_to(source, target, work, choice):
    folder = work / "link"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    add_links(folder, source.resolve())
    finish(folder, target, {**choice, "source": str(source)})


# ---------------------------------------------------------------- fetching


def pins_for(kind, machine):
    if machine not in PINS:
        raise Problem(
            f"there is no libtorch {VERSION} to fetch for {machine}: "
            "build or install it yourself and run LIBTORCH=/its/folder ./x setup"
        )
    return [p for p in PINS[machine] if kind == "cuda" or p[0].split("=")[0] in CPU_WHEELS]


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def pip_command():
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        raise Problem(
            f"{sys.executable} has no pip: install it (Debian: apt install python3-pip; "
            f"elsewhere: {sys.executable} -m ensurepip) and run ./x setup again"
        )
    return pip


def fetch(pip, pin, wheels, work):
    """One wheel, checked; a wheel that an earlier run finished is not fetched again."""
    requirement, name, digest = pin
    wheel = wheels / name
    if wheel.is_file() and sha256(wheel) == digest:
        return wheel
    part = work / "part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _, _, python, abi, platforms = name[: -len(".whl")].rsplit("-", 4)
    command = [*pip, "download", "--no-deps", "--only-binary=:all:", "--python-version", "3.11", "--dest", str(part)]
    command += ["--implementation", "cp", "--abi", "cp311" if abi == "none" else abi]
    for tag in platforms.split("."):
        command += ["--platform", tag]
    # pip's temporary files go next to the result: /tmp is often small.
    env = {**os.environ, "TMPDIR": str(part), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_REQUIRE_VIRTUALENV": "0"}
    say(f"fetching {name}")
    done = subprocess.run(
        [*command, requirement], env=env,
        stdout=None if sys.stdout.isatty() else subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True,
    )  # fmt: skip
    if done.returncode:
        raise Problem(pip_trouble(requirement, done.stderr))
    found = list(part.glob("*.whl"))
    got = sha256(found[0]) if found else "nothing"
    if got != digest:
        shutil.rmtree(part, ignore_errors=True)
        raise Problem(
            f"{name} should have sha256 {digest} but what came has {got}; it was thrown away: "
            "run ./x setup again, and if it happens twice ask whoever runs the package mirror that pip uses"
        )
    wheels.mkdir(parents=True, exist_ok=True)
    found[0].rename(wheel)
    shutil.rmtree(part, ignore_errors=True)
    return wheel


def pip_trouble(requirement, stderr):
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["nothing"]
    last = re.sub(r"^ERROR:\s*", "", errors[-1])
    if re.search(r"No space left", stderr):
        return "the disk filled up while fetching: free some space and run ./x setup again"
    if re.search(r"Retrying|[Cc]onnection|[Tt]imed? ?out|resolution|Proxy|SSL|Network is unreachable", stderr):
        return (
            f"pip cannot reach its package registry to fetch {requirement}: "
            "check the network and pip's proxy and index settings, then run ./x setup again, which goes on where it stopped"
        )
    return f"pip could not fetch {requirement} and says: {last} (check `pip config list`, then run ./x setup again)"


def members(wheel, kind):
    """Pairs of (entry of the wheel, path below .libtorch) that are worth unpacking."""
    for entry in wheel.infolist():
        name = entry.filename
        if name.endswith("/"):
            continue
        parts = name.split("/")
        path = name
        if name.startswith("torch/lib/") and ".so" in parts[-1]:
            if PYTHON_ONLY.fullmatch(parts[-1]) or (kind == "cpu" and GPU_ONLY.fullmatch(parts[-1])):
                continue
        elif name.startswith(("torch/include/", "torch.libs/")):
            pass
        elif re.fullmatch(r"torch-[^/]*\.dist-info/(licenses/)?(LICENSE|NOTICE)", name):
            path = f"torch-{parts[-1]}"
        elif parts[0] == "nvidia" and ".so" in parts[-1]:
            # The libraries look for CUDA in $ORIGIN/../../nvidia and in $ORIGIN.
            if kind == "cpu" and parts[-1] not in CPU_CUDA_LIBS:
                continue
            path = name if kind == "cuda" else f"torch/lib/{parts[-1]}"
        else:
            continue
        yield entry, path


def unpack(wheel_path, folder, kind):
    with zipfile.ZipFile(wheel_path) as wheel:
        for entry, path in members(wheel, kind):
            to = folder / path
            to.parent.mkdir(parents=True, exist_ok=True)
            with wheel.open(entry) as src, open(to, "wb") as dst:
                shutil.copyfileobj(src, dst, 1 << 20)
            to.chmod(0o755 if ".so" in to.name else 0o644)


def make_stub(lib):
    """An empty libtorch.so that pulls in the CPU libraries, as the CPU build's own one does."""
    compiler = next((c for c in (os.environ.get("CC"), "cc", "gcc", "clang") if c and shutil.which(c.split()[0])), None)
    if compiler is None:
        raise Problem("there is no C compiler: install gcc and g++ (Debian: apt install g++) and run ./x setup again")
    command = [
        *compiler.split(), "-shared", "-nostdlib", "-x", "c", "/dev/null", "-o", str(lib / "libtorch.so"),
        "-Wl,-soname,libtorch.so", "-Wl,--no-as-needed", f"-L{lib}", "-ltorch_cpu", "-lc10",
        "-Wl,--disable-new-dtags,-rpath,$ORIGIN", "-Wl,--unresolved-symbols=ignore-in-shared-libs",
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing"]
        raise Problem(
            f"{compiler} could not link libtorch.so and says: {lines[-1]} (reinstall gcc and g++, then run ./x setup again)"
        )


def check_disk(work, kind, pins, wheels):
    have = sum((wheels / p[1]).stat().st_size for p in pins if (wheels / p[1]).is_file())
    free, need = shutil.disk_usage(work).free, NEEDS[kind] - have
    if free < need:
        raise Problem(
            f"{work.parent} has {gigabytes(free)} free and the {kind} build needs {gigabytes(need)}: "
            "free some space, or point LIBTORCH at an existing libtorch, and run ./x setup again"
        )


def download(target, work, choice, machine):
    kind = choice["wanted"]
    pins = pins_for(kind, machine)
    libc, version = platform.libc_ver()
    if libc == "glibc" and tuple(map(int, version.split(".")[:2])) < (2, 28) or libc not in ("glibc", ""):
        raise Problem(
            f"libtorch {VERSION} needs glibc 2.28 or newer and this system has {libc} {version}: "
            "use a newer distribution, or point LIBTORCH at a libtorch built for this one"
        )
    wheels = work / "wheels"
    check_disk(work, kind, pins, wheels)
    pip = pip_command()
    fetched = [fetch(pip, pin, wheels, work) for pin in pins]
    folder = work / "unpack"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    say("unpacking")
    for wheel in fetched:
        unpack(wheel, folder, kind)
    if kind == "cpu":
        make_stub(folder / "torch/lib")
    add_links(folder, Path("torch"))
    trouble = load_error(folder)
    if trouble:
        raise Problem(
            f"the fetched libtorch does not load here: {trouble} "
            "(install what is missing, or point LIBTORCH at a libtorch that does)"
        )
    finish(folder, target, {**choice, "source": None, "origin": "download"})
    shutil.rmtree(wheels, ignore_errors=True)


# ---------------------------------------------------------------- the choice


def named_by_user(target):
    """$LIBTORCH, unless it is what .cargo/config.toml sets anyway."""
    value = os.environ.get("LIBTORCH")
    if not value:
        return None
    folder = Path(value).absolute()
    return None if folder == target or folder.resolve() == target.resolve() else folder


def use_named(folder, target, work, choice):
    if not folder.is_dir():
        raise Problem(f"LIBTORCH is {folder}, which is no folder: correct it or unset it and run ./x setup again")
    version = version_of(folder)
    if version != VERSION:
        raise Problem(
            f"LIBTORCH is {folder}, which holds libtorch {version or 'of an unknown version'}, and totc needs {VERSION}: "
            "point it at that version, or unset it to have the right one fetched"
        )
    if not is_complete(folder):
        raise Problem(
            f"LIBTORCH is {folder}, which lacks headers or libraries (lib/libtorch.so, include/torch/...): "
            "point it at a whole libtorch, or unset it to have one fetched"
        )
    trouble = load_error(folder)
    if trouble:
        raise Problem(f"LIBTORCH is {folder}, whose libraries do not load: {trouble} (mend it, or unset LIBTORCH)")
    link_to(folder, target, work, {**choice, "origin": "LIBTORCH"})


def setup(root, device=None, machine=None):
    """Makes root/.libtorch and returns its stamp."""
    target, work = root / ".libtorch", root / ".libtorch-work"
    named = named_by_user(target)
    stamp = read_stamp(target)
    # A choice made by hand stands until another is made: a later plain `./x setup` keeps it.
    chosen = device is None and stamp is not None and stamp["origin"] == "LIBTORCH"
    if device is None:
        device = stamp["device"] if stamp else "auto"
    if named:
        choice = {"wanted": None, "device": device}
        if stamp and stamp["source"] == str(named) and version_of(named) == VERSION:
            return stamp
    elif chosen:
        return stamp
    else:
        choice = {"wanted": wanted_kind(device), "device": device}
        if stamp and stamp["origin"] != "LIBTORCH" and stamp["wanted"] == choice["wanted"]:
            if stamp["device"] != device:
                stamp["device"] = device
                (target / STAMP).write_text(json.dumps(stamp) + "\n")
            return stamp

    work.mkdir(exist_ok=True)
    if named:
        use_named(named, target, work, choice)
    elif not use_python(target, work, choice):
        download(target, work, choice, machine or platform.machine())
    stamp = read_stamp(target)
    if stamp is None:
        raise Problem(f"{target} is not as it was left: remove it and run ./x setup again")
    shutil.rmtree(work, ignore_errors=True)
    return stamp


def use_python(target, work, choice):
    folder = python_torch()
    if folder is None:
        return False
    version = version_of(folder)
    why = None
    if version != VERSION:
        why = f"is version {version}"
    elif not is_complete(folder):
        why = "lacks headers or libraries"
    elif choice["wanted"] == "cuda" and not has_cuda(folder):
        why = "is built without CUDA"
    else:
        trouble = load_error(folder)
        why = f"does not load ({trouble})" if trouble else None
    if why:
        say(f"the torch of this Python ({folder}) {why}: fetching libtorch {VERSION} instead")
        return False
    link_to(folder, target, work, {**choice, "origin": "python"})
    return True


def describe(stamp):
    origin = f"linked to {stamp['source']}" if stamp["source"] else "fetched"
    return f"{stamp['version']} ({stamp['kind']}, {origin}) is ready in .libtorch"


def main():
    parser = argparse.ArgumentParser(prog="./x setup", description="Put libtorch into .libtorch.")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), help="which build; auto, the first time, asks whether there is a GPU"
    )
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent, help=argparse.SUPPRESS)
    args = parser.parse_args()
    root = args.root.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if sys.version_info < (3, 8):
            raise Problem("this Python is older than 3.8: put a newer python3 first on PATH and run ./x setup again")
        if not sys.platform.startswith("linux"):
            raise Problem("totc is built on Linux only: use a Linux machine, a container or WSL")
        # One setup at a time in a checkout; the lock goes with the process.
        lock = os.open(root, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another setup is running here, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        say(describe(setup(root, args.device)))
        return 0
    except Problem as problem:
        text = str(problem)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        text = "interrupted: run ./x setup again, and what is already fetched is kept"
        print(f"libtorch: {text}", file=sys.stderr)
        return 130
    except (OSError, zipfile.BadZipFile) as error:
        text = f"{error} (mend that and run ./x setup again)"
    print(f"libtorch: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
