#!/usr/bin/env bash
# Installs the wheel into a clean environment where the system's libraries and headers are hidden,
# and runs the README's session there. Usage: tools/check_wheel.sh PYTHON WHEEL
set -euo pipefail
python=$(readlink -f "$1") wheel=$(readlink -f "$2") root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
size=$(stat -c %s "$wheel")
echo "$(basename "$wheel"): $size bytes"
[ "$size" -le 10485760 ] || { echo "the wheel is larger than 10 MB"; exit 1; }
# What it depends on is fetched first: without its libraries, Python has no TLS.
"$python" -m pip download -q --disable-pip-version-check -d "$folder/wheels" "$wheel"
# For another Python, pip says why it cannot be.
if "$python" -m pip install -q --disable-pip-version-check --no-deps --only-binary=:all: \
  --python-version 3.9 --target "$folder/other" "$wheel" 2> "$folder/refused"; then
  echo "pip took the wheel for another Python"; exit 1
fi
grep "not a supported wheel" "$folder/refused"
cat > "$folder/inside.sh" <<'INSIDE'
set -euo pipefail
names='lib(openblas|blas|lapack|sqlite3|simdjson|gfortran|quadmath|gomp|crypto|ssl|faiss|boost_[a-z_]+)[.-]'
find /usr/lib /lib /usr/local/lib -regextype egrep -regex ".*/$names.*" ! -type d ! -type l 2>/dev/null |
  sort -u | while read -r file; do mount --bind /dev/null "$file"; echo "$file"; done > "$1/hidden"
for headers in boost faiss openssl eigen3; do
  [ ! -d "/usr/include/$headers" ] || mount -t tmpfs none "/usr/include/$headers"
done
echo "hidden: $(wc -l < "$1/hidden") libraries"
"$2" -m venv "$1/venv"
cd "$1"
"$1/venv/bin/pip" install -q --disable-pip-version-check --no-index --find-links "$1/wheels" "$3" 2> "$1/errors" ||
  { cat "$1/errors"; exit 1; }
env -i HOME="$1" PATH="$1/venv/bin:/usr/bin:/bin" python "$4/tools/check_wheel.py" "$4/README.md"
printf 'I live in Turin.\nWhere do I live?\n' | env -i HOME="$1" PATH="$1/venv/bin:/usr/bin:/bin" memgpt run
INSIDE
unshare=(unshare --mount)
[ "$(id -u)" = 0 ] || unshare=(unshare --map-root-user --mount)
"${unshare[@]}" bash "$folder/inside.sh" "$folder" "$python" "$wheel" "$root"
