#!/usr/bin/env bash
# The long tests, on an optimised gramiand of its own: kills, mixed load, hostile bytes. Ends with the lines that
# docs/reliability.md reports.
#
#   tests/reliability/run.sh [KILLS [SOAK_SECONDS [FUZZ_SECONDS]]]     200, 600 and 60 unless said otherwise
set -euo pipefail
cd "$(dirname "$0")/../.."

kills="${1:-200}" soak_seconds="${2:-600}" fuzz_seconds="${3:-60}"

cmake --preset release >/dev/null
cmake --build --preset release --target gramiand crash_run soak_run

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
report="$folder/report"

build/release/bin/crash_run --kills "$kills" --seed 1 --folder "$folder/crash" | tee -a "$report"
build/release/bin/soak_run --seconds "$soak_seconds" --seed 1 --folder "$folder/soak" | tee -a "$report"
tests/fuzz/run.sh "$fuzz_seconds" | tee -a "$report"

echo
echo "results:"
grep -E '^(crash|soak|fuzz):' "$report"
