#!/bin/sh
# Makes a Python environment of tests in a folder, unless it is there already.
#
#   make_environment.sh FOLDER [REQUIREMENTS]    without REQUIREMENTS: those of tests/python
set -eu
environment=$1
requirements=${2:-$(dirname "$0")/requirements.txt}
if cmp -s "$requirements" "$environment/installed.txt"; then
  exit 0
fi
python3 -m venv --clear "$environment"
"$environment/bin/pip" install --quiet --requirement "$requirements"
cp "$requirements" "$environment/installed.txt"
