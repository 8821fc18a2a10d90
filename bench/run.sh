#!/bin/sh
# Measures the speed table of docs/performance.md: makes a Python environment for the peers, builds the programs of the
# release preset, runs everything side by side and rewrites the results of the page (about 20 minutes).
#
#   bench/run.sh                 the whole table
#   bench/run.sh --rows 4 7      some rows; the page stays as it is
#   bench/run.sh --quick         small inputs: shows that all of it runs and agrees, in less than a minute
#
# GRAMIAN_BENCH_BUILD names another build folder; with GRAMIAN_BENCH_NO_BUILD set nothing is built there.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${GRAMIAN_BENCH_BUILD:-$root/build/release}
environment=$root/bench/.venv

if ! cmp -s "$root/bench/requirements.txt" "$environment/installed.txt"; then
  echo "making the Python environment of the peers in bench/.venv" >&2
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --requirement "$root/bench/requirements.txt"
  cp "$root/bench/requirements.txt" "$environment/installed.txt"
fi
if [ -z "${GRAMIAN_BENCH_NO_BUILD:-}" ]; then
  (cd "$root" && cmake --preset release >&2 && cmake --build "$build" --target benchmarks >&2)
fi
unset GRAMIAN_BENCH_BUILD GRAMIAN_BENCH_NO_BUILD  # gramiand warns about names that belong to no flag
exec python3 "$root/bench/run.py" --python "$environment/bin/python" --build "$build" "$@"
