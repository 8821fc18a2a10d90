#!/usr/bin/env bash
# Sets up a fresh Debian 12 machine, builds everything and runs every test but the slow ones (see "Presets" in README.md).
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
cmake --workflow --preset dev
