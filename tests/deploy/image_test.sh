#!/usr/bin/env bash
# Executes the Dockerfile in a clean Debian 12 root file system, starts the result there as an engine would (own
# processes, network and mounts, a read-only root, no privileges) and asks it for health and a comparison.
#
#   tests/deploy/image_test.sh                      everything, the build stage included (a quarter of an hour)
#   tests/deploy/image_test.sh --programs FOLDER    FOLDER holds gramiand and gramian, built on Debian 12 already
#
# Needs root, debootstrap and Debian's mirror as this machine has it set up. Leaves the base system in
# ${WORK:-build/image} for the next time.
set -euo pipefail
source="$(cd "$(dirname "$0")/../.." && pwd)"
work="${WORK:-$source/build/image}"
if [[ "$(id -u)" != 0 ]] || ! command -v debootstrap >/dev/null; then
  echo "image_test: needs root and debootstrap (tools/setup.sh --operations installs it)" >&2
  exit 1
fi
mkdir -p "$work"
exec python3 "$source/tests/deploy/image_test.py" --source "$source" --work "$work" "$@"
