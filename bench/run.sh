#!/usr/bin/env bash
# Times one supervision step of totc and of plain PyTorch side by side and prints the ratios.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bench/setup.sh
exec bench/.venv/bin/python bench/compare.py "$@"
