#!/bin/sh
# Runs a libFuzzer target of tests/fuzz/: tools/fuzz.sh decoder 600
# It begins with what it found before (build/fuzz/NAME-corpus) and with the texts of
# tests/bad_outputs or tests/fuzz/NAME-seeds; what fails is kept in build/fuzz.
set -eu
cd "$(dirname "$0")/.."
name=$1
seconds=$2
build=build/fuzz
corpus=$build/$name-corpus
mkdir -p "$build" "$corpus"
python=.venv/bin/python
[ -x "$python" ] || python=python3

# What a target needs of each room; all of it but what it never calls is left out by the linker.
case $name in
  decoder)
    sources="cpp/agent/tool_call_decoder.cpp cpp/agent/call_text.cpp cpp/agent/mend_call.cpp
      cpp/agent/call_marks.cpp cpp/agent/call_objects.cpp cpp/agent/marked_calls.cpp
      cpp/agent/react.cpp cpp/agent/harmony.cpp cpp/agent/value_schema.cpp
      cpp/agent/mend_json.cpp cpp/agent/near_name.cpp cpp/agent/fit_arguments.cpp
      cpp/agent/reply_text.cpp cpp/agent/reply_record.cpp cpp/agent/strict_json.cpp
      cpp/agent/argument_schema.cpp cpp/agent/tool.cpp cpp/memory/text.cpp cpp/memory/json.cpp" ;;
  sse)
    sources="cpp/llm/sse.cpp cpp/llm/chat_completion.cpp cpp/llm/ollama_stream.cpp
      cpp/llm/json_call.cpp cpp/llm/wire_error.cpp cpp/llm/raw_arguments.cpp cpp/agent/json_strings.cpp
      cpp/agent/turn_events.cpp cpp/memory/text.cpp cpp/memory/json.cpp" ;;
  server)
    sources="cpp/server/router.cpp cpp/server/openapi.cpp cpp/server/call.cpp cpp/server/refusal.cpp
      cpp/server/guard.cpp cpp/server/wire_ids.cpp cpp/server/wire_message.cpp
      cpp/server/arguments_text.cpp cpp/server/multipart.cpp
      cpp/llm/model_parameters.cpp cpp/memory/message.cpp cpp/memory/text.cpp
      cpp/memory/json.cpp" ;;
  *)
    echo "no target $name: give its sources in $0" >&2
    exit 2 ;;
esac

clang=${CLANGXX:-$(command -v clang++-14 || command -v clang++)}
ccache=$(command -v ccache || true)
flags="-std=c++20 -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
  -fno-sanitize-recover=undefined -Icpp"
objects=
for source in $sources "tests/fuzz/fuzz_$name.cpp"; do
  object=$build/$(echo "$source" | tr / _).o
  objects="$objects $object"
  # shellcheck disable=SC2086
  $ccache "$clang" $flags -c "$source" -o "$object"
done
# shellcheck disable=SC2086
"$clang" -fsanitize=fuzzer,address,undefined $objects -lsimdjson -lcrypto -o "$build/fuzz_$name"

seeds=$build/$name-seeds
rm -rf "$seeds" && mkdir -p "$seeds"
if [ -d "tests/fuzz/$name-seeds" ]; then
  cp "tests/fuzz/$name-seeds/"* "$seeds/"
elif [ "$name" = decoder ]; then
  "$python" tests/fuzz/seeds.py "$seeds"
fi
dictionary=tests/fuzz/json.dict
[ -f "tests/fuzz/$name.dict" ] && dictionary=tests/fuzz/$name.dict
exec "$build/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
  -dict="$dictionary" -artifact_prefix="$build/$name-" -print_final_stats=1 "$corpus" "$seeds"
