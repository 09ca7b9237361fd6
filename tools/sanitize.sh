#!/bin/sh
# Runs the tests on a debug build under ASan and UBSan, then the threaded ones under TSan.
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python

# -s: what a sanitizer says before it ends the process is not to be kept back by pytest.
run() { # name, sanitizers, runtime libraries to preload, tests, names of tests
  build=build/$1
  cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DMEMGPT_SANITIZE="$2" \
    -DPython_EXECUTABLE="$python" -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)" >/dev/null
  cmake --build "$build" >"$build/log" || { cat "$build/log"; exit 1; }
  rm -rf "$build/site" && mkdir -p "$build/site"
  cp -r python/memgpt "$build/site/" && rm -f "$build/site/memgpt/"*.so
  cp "$build"/_core*.so "$build/site/memgpt/"
  LD_PRELOAD="$3" PYTHONPATH="$PWD/$build/site" PYTHONMALLOC=malloc \
    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    TSAN_OPTIONS=suppressions="$PWD/tools/tsan.supp:halt_on_error=1" \
    "$python" -m pytest -s -p no:cacheprovider $4 ${5:+-k "$5"}
}

stdcxx=$(g++ -print-file-name=libstdc++.so.6)
run asan address,undefined "$(g++ -print-file-name=libasan.so) $stdcxx" \
  "tests/test_memory.py tests/test_tools.py tests/test_loop.py tests/test_decoder.py tests/test_bad_input.py tests/test_store.py tests/test_binding.py tests/test_transcript.py tests/test_openai.py tests/test_transport.py tests/test_transport_retries.py tests/test_transport_proxy.py tests/test_transport_tls.py tests/test_transport_sharing.py tests/test_async.py tests/test_async_ends.py tests/test_correction.py tests/test_policy.py tests/test_summariser.py tests/test_prefix.py tests/test_recompile.py tests/test_branches.py tests/test_golden.py tests/test_old_files.py tests/test_replay.py tests/test_context_properties.py tests/test_own_counter.py tests/test_own_counter_checks.py tests/test_incremental_count.py tests/test_faults.py tests/test_group_commit.py tests/test_shared_blocks.py tests/test_conflicts.py tests/test_idempotent.py tests/test_purge.py tests/test_purge_lines.py tests/test_several_processes.py tests/test_dates.py tests/test_query_dates.py tests/test_time_zones.py tests/test_search.py tests/test_archival_search.py tests/test_passages.py tests/test_vectors.py tests/test_filing.py tests/test_archives.py tests/test_export.py tests/test_export_archives.py tests/test_export_damage.py tests/test_archival_store.py tests/test_few_threads.py tests/test_streaming.py tests/test_streams_settled.py tests/test_exact_numbers.py tests/test_transport_limits.py tests/test_services.py tests/test_tool_rules.py tests/test_server_agents.py tests/test_server_stream.py tests/test_server_http.py tests/test_server_passages.py tests/test_server_search.py tests/test_server_runs.py tests/test_server_carry.py tests/test_server_tools.py tests/test_server_agent_lists.py tests/test_server_blocks.py tests/test_server_errors.py tests/test_server_inputs.py tests/test_server_parameters.py tests/test_server_program_tools.py tests/test_server_waiting.py tests/test_server_otids.py tests/test_server_sent_words.py tests/test_server_tool_calls.py tests/test_server_refused_speech.py tests/test_letta_transport.py" \
  "not long_random_history and not thousand_damaged and not for_long"
run tsan thread "$(g++ -print-file-name=libtsan.so) $stdcxx" "tests/test_loop.py tests/test_binding.py tests/test_async_ends.py tests/test_openai.py tests/test_few_threads.py tests/test_streaming.py tests/test_transport_sharing.py tests/test_group_commit.py tests/test_shared_blocks.py tests/test_search.py tests/test_vectors.py tests/test_archives.py tests/test_server_stream.py tests/test_server_http.py tests/test_server_waiting.py tests/test_letta_transport.py" "meanwhile or waits_for_the_step or queue_up or in_parallel or readers or cancelled or takes_nobody or many_writers or go_on_while or few_threads or side_by_side or deletion or stopping or sixteen or goes_away or (threads and not for_the_disk)"
