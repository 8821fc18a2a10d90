#!/usr/bin/env bash
# Installs the Debian 12 packages Gramian is built from: exactly those that are missing, and nothing else.
#
#   tools/setup.sh          what building and the demo need
#   tools/setup.sh --tests  also what tools/test.sh needs (clang)
#   tools/setup.sh --ci     also what .ci/run needs (clang-format, node for buf, venv for the peers of the
#                           benchmarks)
#   tools/setup.sh --operations
#                         also what the tests of the labels monitoring, deploy, checkov and image need
#                         (prometheus, openssl, systemd-analyze, debootstrap)
set -euo pipefail

packages=(
  # tools
  cmake ninja-build g++ pkgconf ccache git curl ca-certificates python3
  # RPC and messages
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev
  # numerics
  libeigen3-dev libopenblas-pthread-dev libopenblas0-pthread liblapacke-dev libtbb-dev libxxhash-dev libisal-dev libhnswlib-dev libspectra-dev
  # metadata of the store
  libsqlite3-dev
  # server and command line
  prometheus-cpp-dev libspdlog-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libssl-dev
  # tests and benchmarks
  libgtest-dev libgmock-dev libbenchmark-dev libgudhi-dev
)
commands=()
case "${1:-}" in
  "") ;;
  --tests)
    packages+=(clang-14 libclang-rt-14-dev llvm-14)
    ;;
  --ci)
    packages+=(clang-14 libclang-rt-14-dev llvm-14 clang-format-14 clang-tidy-14 python3-venv)
    # node may come from elsewhere than Debian, so the programs are asked for instead of the packages.
    commands=(node:nodejs npm:npm)
    ;;
  --operations)
    packages+=(python3-venv debootstrap prometheus openssl)
    commands=(systemd-analyze:systemd)
    ;;
  *)
    echo "usage: tools/setup.sh [--tests | --ci | --operations]" >&2
    exit 2
    ;;
esac

is_installed() {
  [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

as_root() {
  if [[ "$(id -u)" == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "setup: needs root for: $*" >&2
    exit 1
  fi
}

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
for entry in "${commands[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done

if ((${#missing[@]} == 0)); then
  echo "setup: all ${#packages[@]} packages are installed"
else
  echo "setup: installing ${#missing[@]} missing packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

# The serial flavour of OpenBLAS is not thread-safe; Debian's alternatives decide which flavour a program gets.
multiarch="$(gcc -print-multiarch)"
for name in libopenblas.so.0 libopenblas.so libblas.so.3 liblapack.so.3; do
  link="$name-$multiarch"
  target="$(readlink -f "/etc/alternatives/$link" || true)"
  if [[ "$target" != */openblas-pthread/* ]]; then
    pthread="/usr/lib/$multiarch/openblas-pthread/$name"
    echo "setup: selecting $pthread (was ${target:-nothing})"
    as_root update-alternatives --set "$link" "$pthread"
  fi
done
echo "setup: OpenBLAS is the pthread flavour"
