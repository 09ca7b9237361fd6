#!/bin/sh
# Builds llama.cpp's own server once, for `make test-llama`, from the source that a package on PyPI
# carries: 17 CPU minutes and 1 GB of disk, of which 15 MB stay. It prints where the server is.
#   LLAMA_DIR    where to keep it (default: a folder of the user's cache)
#   LLAMA_JOBS   how many compilers at once (default: all processors)
# Broken off, it goes on where it was; done, it does nothing.
set -eu

version=0.3.36
sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
python=${1:-python3}
name=llama_cpp_python-$version
dir=${LLAMA_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/memgpt/llama-$version}
server=$dir/llama-server
template=$dir/llama-3.1.jinja

mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9 # a second run waits for the first and finds its work done

if [ ! -x "$server" ] || [ ! -s "$template" ]; then
  sdist=$dir/$name.tar.gz
  if [ ! -s "$sdist" ]; then
    echo "build_llama: downloading $name" >&2
    # Without isolation pip asks the package for its metadata with what is installed here, which
    # may not do; with it, it first installs what the package is built with. Both leave the file.
    "$python" -m pip download -q --no-deps --no-binary llama-cpp-python \
      "llama-cpp-python==$version" -d "$dir" >&2
  fi
  if ! echo "$sha256  $sdist" | sha256sum --check --status; then
    rm -f "$sdist"
    echo "build_llama: $sdist was not the file that was expected (SHA-256) and is deleted" >&2
    exit 1
  fi

  source=$dir/$name/vendor/llama.cpp
  if [ ! -e "$dir/$name/.unpacked" ]; then
    rm -rf "${dir:?}/$name"
    tar -xzf "$sdist" -C "$dir" "$name/vendor/llama.cpp"
    touch "$dir/$name/.unpacked"
  fi
  # Its page for the browser would be downloaded; of what else it can do nothing is needed here.
  cmake -S "$source" -B "$dir/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_FLAGS_RELEASE="-O1 -DNDEBUG" -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" \
    -DBUILD_SHARED_LIBS=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_UI=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF \
    -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_CCACHE=OFF >&2
  cmake --build "$dir/build" --target llama-server -j "${LLAMA_JOBS:-$(nproc)}" >&2

  cp "$source/models/templates/meta-llama-Llama-3.1-8B-Instruct.jinja" "$template.new"
  mv "$template.new" "$template"
  strip -o "$server.new" "$dir/build/bin/llama-server"
  "$server.new" --version >/dev/null 2>&1
  mv "$server.new" "$server" # whole, or not there
  rm -rf "${dir:?}/$name" "$dir/build" "$sdist"
fi
echo "$server"
