#!/bin/sh
# tools/make_stubs.sh PYTHON OUT: write the stub of the built memgpt._core to OUT.
set -eu
python=$1
out=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m pybind11_stubgen memgpt._core --output-dir "$folder" >/dev/null
mv "$folder/memgpt/_core.pyi" "$out"
