#!/usr/bin/env bash
# Builds the libFuzzer programs and runs each of them for a while, four at a time, from the kept seeds on.
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]      60 seconds and all targets unless said otherwise
#
# New inputs gather in build/fuzz/corpus/<target>. An input that ends a program is written to
# build/fuzz/artifacts/<target>-*: once mended, it belongs into tests/fuzz/seeds/<target>.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds="${1:-60}"
shift || true
targets=("$@")
if ((${#targets[@]} == 0)); then
  for folder in tests/fuzz/seeds/*/; do targets+=("$(basename "$folder")"); done
fi

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz

work=build/fuzz
mkdir -p "$work/artifacts" "$work/logs"

run_one() {
  local target="$1" log="$work/logs/$1.log" status=0
  mkdir -p "$work/corpus/$target"
  "$work/bin/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -seed=1 \
    -print_final_stats=1 -verbosity=1 -artifact_prefix="$work/artifacts/$target-" \
    "$work/corpus/$target" "tests/fuzz/seeds/$target" >"$log" 2>&1 || status=$?
  local inputs coverage
  inputs="$(awk '/stat::number_of_executed_units/ { print $2 }' "$log")"
  coverage="$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)"
  printf 'fuzz: %-16s %3s s  %10s inputs  %6s edges  %s\n' "$target" "$seconds" "${inputs:-0}" \
    "${coverage:-0}" "$([[ $status == 0 ]] && echo "0 failures" || echo "FAILED, see $log")"
  return "$status"
}

failed=0
for ((i = 0; i < ${#targets[@]}; i += 4)); do
  pids=()
  for target in "${targets[@]:i:4}"; do
    run_one "$target" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
done
exit "$failed"
