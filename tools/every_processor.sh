#!/usr/bin/env bash
# Runs the tests as on other processors: with the kernels that libtorch, MKL and oneDNN choose on one without AVX
# (default), on one with AVX2 (avx2) and on this one (own), each with 1 and 2 threads. Prints a table. What is given is
# passed on to `cargo test`; COMBINATIONS="default:1 own:2" chooses some of the six.
#
#   tools/every_processor.sh                      # everything
#   tools/every_processor.sh --test topologies    # one of the test binaries
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ALL="default:1 default:2 avx2:1 avx2:2 own:1 own:2"

# The environment of a capability: of the kernels of libtorch itself, of MKL and of oneDNN.
kernels() {
  case $1 in
  default) echo "ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=SSE41" ;;
  avx2) echo "ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2" ;;
  own) ;;
  *)
    echo "every_processor: there is no capability '$1'; known are default, avx2 and own" >&2
    exit 1
    ;;
  esac
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
table="" failed=0
row() {
  local line
  printf -v line '%-12s %8s %8s %8s %8s   %s\n' "$@"
  table+=$line
}
row capability threads passed failed seconds verdict
for combination in ${COMBINATIONS:-$ALL}; do
  capability=${combination%:*} threads=${combination#*:}
  settings=$(kernels "$capability")
  if [ "$capability" = avx2 ] && [ -r /proc/cpuinfo ] && ! grep -qw avx2 /proc/cpuinfo; then
    row "$capability" "$threads" - - - "NOT run: this processor has no AVX2"
    continue
  fi
  echo "every_processor: $capability, $threads thread(s)"
  start=$SECONDS verdict=passed
  # shellcheck disable=SC2086
  env -u ATEN_CPU_CAPABILITY -u MKL_ENABLE_INSTRUCTIONS -u ONEDNN_MAX_CPU_ISA $settings \
    OMP_NUM_THREADS="$threads" MKL_NUM_THREADS="$threads" cargo test --no-fail-fast "$@" >"$log" 2>&1 ||
    verdict=FAILED failed=1
  # A line per test that failed, with what it said, and the sums of cargo's own.
  if [ "$verdict" = FAILED ]; then grep -vE '^(test .* \.\.\. (ok|ignored)|running [0-9]+ tests?|)$' "$log" || true; fi
  counts=$(awk '/^test result:/ { passed += $4; failed += $6 } END { print passed + 0, failed + 0 }' "$log")
  # shellcheck disable=SC2086
  row "$capability" "$threads" $counts $((SECONDS - start)) "$verdict"
done

printf '\n%s' "$table"
exit "$failed"
