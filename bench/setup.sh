#!/usr/bin/env bash
# Makes bench/.venv with PyTorch 2.13.0 for the CPU, torch.compile included.
# Idempotent. Needs python3 with its headers and venv, and g++.
#
# The Linux wheel of torch is a CUDA build that depends on gigabytes of NVIDIA
# libraries which are never called on a CPU. Only the CUDA runtime and CUPTI
# (13 MB) do anything while it loads; for the others the dynamic loader merely
# wants to see their names and symbols, so they are replaced by empty libraries.
# The environment is therefore of no use on a GPU.
set -euo pipefail
cd "$(dirname "$0")"

venv=.venv
python=$venv/bin/python
make_venv() { rm -rf "$venv" && "${PYTHON:-python3}" -m venv "$venv"; }
pip_install() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }
loads() {
    "$python" -c 'import torch, safetensors.torch; assert torch.__version__.startswith("2.13.0")'
}

install_small() {
    # What torch depends on, less CUDA and Triton: torch.compile generates C++
    # for the CPU. Before torch, because pip would complain about what is left out.
    pip_install filelock 'typing-extensions>=4.10' 'setuptools>=77.0.3' 'sympy>=1.13.3' \
        'networkx>=2.5.1' jinja2 'fsspec>=0.8.5' numpy safetensors
    pip_install --no-deps torch==2.13.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85

    local lib names cxx=${CXX:-g++} source=$venv/absent.c name
    lib=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/torch/lib
    names=$(ldd "$lib/libtorch_python.so" | awk '/=> not found/ { print $1 }' | sort -u)
    for name in $names; do
        "$cxx" -shared -o "$lib/$name" -Wl,-soname,"$name" -x c /dev/null
    done
    # Python imports modules with RTLD_NOW, so every symbol must exist. They are
    # defined in a library of their own: one that is asked for symbol versions
    # and has none is an error, one that is not asked is searched all the same.
    {
        printf '#include <stdlib.h>\nstatic void absent(void) { abort(); }\n'
        ldd -r "$lib/libtorch_python.so" 2>&1 |
            sed -nE 's/.*undefined symbol: *((cu|nccl|nvrtc|nvshmem)[A-Za-z0-9_]*).*/\1/p' | sort -u |
            sed 's/.*/void &(void) __attribute__((alias("absent")));/'
    } >"$source"
    "$cxx" -shared -fPIC -o "$lib/libabsent.so" -Wl,-soname,libabsent.so -x c "$source"
    for name in $names; do
        "$cxx" -shared -o "$lib/$name" -Wl,-soname,"$name" -Wl,--no-as-needed -Wl,-rpath,'$ORIGIN' \
            -x c /dev/null -x none -L"$lib" -labsent
    done
}

if [ -x "$python" ] && loads 2>/dev/null; then
    echo "bench/.venv is ready"
    exit 0
fi
make_venv
if ! (install_small && loads); then
    echo "the small installation failed; installing torch with every dependency (several GB)" >&2
    make_venv
    pip_install torch==2.13.0 numpy safetensors
    loads
fi
echo "bench/.venv is ready"
