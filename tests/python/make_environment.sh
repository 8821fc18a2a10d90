#!/bin/sh
# Makes the Python environment of these tests in a folder, unless it is there already.
#
#   make_environment.sh FOLDER
set -eu
environment=$1
requirements=$(dirname "$0")/requirements.txt
if cmp -s "$requirements" "$environment/installed.txt"; then
  exit 0
fi
python3 -m venv --clear "$environment"
"$environment/bin/pip" install --quiet --requirement "$requirements"
cp "$requirements" "$environment/installed.txt"
