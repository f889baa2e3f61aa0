#!/usr/bin/env bash
# Puts NVRTC, NVIDIA's compiler of CUDA C++, into .nvrtc for `cargo test --test cuda`: about 90 MB, no GPU needed. The
# release is that of libtorch's CUDA (tools/libtorch.py).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

RELEASE=13.0.88
if [ "$(cat .nvrtc/release 2>/dev/null || true)" = "$RELEASE" ]; then
  echo "nvrtc: $RELEASE is in .nvrtc"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$folder" "nvidia-cuda-nvrtc==$RELEASE"
python3 -m zipfile -e "$folder"/nvidia_cuda_nvrtc-*.whl "$folder/wheel"
rm -rf .nvrtc
mkdir .nvrtc
find "$folder/wheel" -name 'libnvrtc*.so*' -exec mv {} .nvrtc/ \;
echo "$RELEASE" >.nvrtc/release
echo "nvrtc: $RELEASE is in .nvrtc now"
