#!/usr/bin/env bash
# The main job in a minute, on real activations: a server on loopback, three trained networks streamed into it at the
# same time in shuffled row chunks, compared layer by layer, fused, and compared network by network.
#
#   examples/demo.sh BUILD_DIR      BUILD_DIR holds gramiand and gramian, or has them in bin/
#
# Figures and numbers go to gramian-demo/ in the current folder. Exits with 1 if anything is off: a command that fails, a
# value that differs from examples/digits/expected.json, a cache that was not used, a server that does not stop cleanly.
set -euo pipefail

if (($# != 1)); then
  echo "usage: examples/demo.sh BUILD_DIR" >&2
  exit 2
fi
examples="$(cd "$(dirname "$0")" && pwd)"
bin="$1"
[[ -x "$bin/gramiand" ]] || bin="$1/bin"
for program in gramiand gramian; do
  if [[ ! -x "$bin/$program" ]]; then
    echo "demo: no $program in $1 or $1/bin: build the targets gramiand and gramian_cli first" >&2
    exit 2
  fi
done
gramian="$bin/gramian"
out="gramian-demo"
mkdir -p "$out"
scratch="$(mktemp -d)"
server_pid=""
begin=$SECONDS

bold="" plain=""
if [[ -t 1 && -z "${NO_COLOR:-}" ]]; then
  bold=$'\e[1m' plain=$'\e[0m'
fi
heading() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
fail() {
  echo "demo: $1" >&2
  exit 1
}

clean_up() {
  local status=$?
  if [[ -n "$server_pid" ]]; then
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
  fi
  if ((status != 0)) && [[ -s "$scratch/gramiand.log" ]]; then
    echo "demo: the server's last words:" >&2
    tail -n 20 "$scratch/gramiand.log" >&2
  fi
  rm -rf "$scratch"
}
trap clean_up EXIT

heading "A server on loopback, its ports chosen by the system"
"$bin/gramiand" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --port-file "$scratch/ports" \
  >"$scratch/gramiand.out" 2>"$scratch/gramiand.log" &
server_pid=$!
for ((i = 0; i < 200; ++i)); do
  [[ -s "$scratch/ports" ]] && break
  kill -0 "$server_pid" 2>/dev/null || fail "gramiand did not start"
  sleep 0.05
done
[[ -s "$scratch/ports" ]] || fail "gramiand did not say its ports within 10 s"
cat "$scratch/ports"
GRAMIAN_SERVER="$(sed -n 's/.*grpc=\([^ ]*\).*/\1/p' "$scratch/ports")"
metrics="$(sed -n 's/.*metrics=\([^ ]*\).*/\1/p' "$scratch/ports")"
export GRAMIAN_SERVER

heading "Three networks, pushed at the same time, rows in shuffled chunks"
pushes=()
for k in 0 1 2; do
  "$gramian" push "$examples/digits/net$k" --network "net$k" --step 100 --probe-set digits-500 \
    --order relu1,relu2,relu3,logits --chunk-rows 37 --shuffle-chunks "$((k + 1))" >"$scratch/push$k" 2>&1 &
  pushes+=($!)
done
for k in 0 1 2; do
  wait "${pushes[$k]}" || { cat "$scratch/push$k" >&2 && fail "pushing net$k failed"; }
  cat "$scratch/push$k"
done
"$gramian" ls

# show NAME ARGUMENT...: runs the command and keeps its answer as NAME.json and NAME.svg.
show() {
  local name="$1"
  shift
  "$gramian" --view heatmap "$@" --output "$out/$name.json" --output "$out/$name.svg" || fail "gramian $* failed"
}

heading "Layer by layer: CKA of net0 (rows) and net1 (columns)"
show layers-cka compare net0@100 net1@100 --measure cka

heading "The same at diffusion time 4: MS-CKA"
show layers-ms-cka-t4 compare net0@100 net1@100 --measure ms-cka-t=4

heading "Whole networks, their layers fused by alternating diffusion: MS-CKA at t = 4"
show networks-ms-cka-t4 networks net0@100 net1@100 net2@100 --measure ms-cka-t=4

heading "Whole networks: MS-DistCorr at t = 4"
show networks-ms-distcorr-t4 networks net0@100 net1@100 net2@100 --measure ms-distcorr-t=4

heading "All of it again: the scores are known now"
again() {
  local name="$1"
  shift
  printf '%-26s' "$name"
  "$gramian" --view table "$@" --output "$scratch/$name.json" 2>&1 >"$scratch/table" | tail -n 1
}
again layers-cka compare net0@100 net1@100 --measure cka
again layers-ms-cka-t4 compare net0@100 net1@100 --measure ms-cka-t=4
again networks-ms-cka-t4 networks net0@100 net1@100 net2@100 --measure ms-cka-t=4
again networks-ms-distcorr-t4 networks net0@100 net1@100 net2@100 --measure ms-distcorr-t=4
python3 "$examples/check_demo.py" "$examples/digits/expected.json" "$out" "$scratch" || fail "the answers are not right"

heading "What Prometheus sees"
curl --silent --show-error --fail --max-time 10 "http://$metrics/metrics" >"$out/metrics.txt" || fail "no metrics at $metrics"
grep -E '^(gramian_(ingest_bytes_total|store_bytes|store_layers|cache_requests_total|cache_bytes)|grpc_server_handled_total)' \
  "$out/metrics.txt" | grep -v ' 0$' || fail "the metrics lack what was done"
grep -q '^gramian_store_layers 12$' "$out/metrics.txt" || fail "the server does not count 12 layers"
grep -Eq '^gramian_cache_requests_total\{cache="score",result="hit"\} [1-9]' "$out/metrics.txt" ||
  fail "the server counted no cache hits"

heading "SIGTERM: the server finishes its work and leaves"
kill -TERM "$server_pid"
status=0
wait "$server_pid" || status=$?
server_pid=""
tail -n 2 "$scratch/gramiand.log"
((status == 0)) || fail "gramiand ended with status $status"

heading "Done in $((SECONDS - begin)) s; figures and numbers in $out/"
ls "$out"
