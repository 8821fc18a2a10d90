#!/usr/bin/env bash
# Sets up a fresh Debian 12 machine, builds gramiand and gramian, and runs the main job on real activations:
# examples/demo.sh starts a server on loopback, pushes three trained networks and compares them.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
echo "demo: building build/release/bin/gramiand and gramian (a few minutes the first time)"
cmake --preset release
cmake --build --preset release --target gramiand gramian_cli
examples/demo.sh build/release/bin
