"""Tools that loop, fork, allocate, fill the disk or print without end: each is contained."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import pytest
from memgpt import _sandbox_limits

from tests.sandbox_calls import Run, call, everyone, left, sandboxed


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert left() == []


@everyone
@pytest.mark.parametrize(
    "body", ["while True: pass", "sum(iter(int, 1))", "time.sleep(1000)"], ids=str.split
)
def test_a_tool_that_loops_is_stopped(run: Run, body: str) -> None:
    source = f"""
        import signal, time
        def f():
            print("begun", flush=True)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
            {body}
    """
    result = run(source, seconds=1.0)
    assert result.status == "error" and result.stdout == ["begun\n"]
    assert result.value == "Error executing function f: TimeoutError: stopped after 1 seconds"


@everyone
def test_a_tool_that_forks_is_held_to_a_few_processes(run: Run) -> None:
    source = """
        import os, time
        def f():
            for number in range(1000):
                try:
                    if os.fork() == 0:
                        time.sleep(1000)
                except BlockingIOError:
                    return number
    """
    assert 8 <= int(run(source, processes=10).value) <= 11


@everyone
def test_a_fork_bomb_ends_with_its_time(run: Run) -> None:
    source = """
        import os
        def f():
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
    """
    assert "TimeoutError" in run(source, seconds=1.0, processes=10).value


@everyone
def test_daemons_end_with_the_call(run: Run) -> None:
    source = """
        import os, signal, time
        def f():
            for _ in range(5):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
                        os.closerange(0, 256)
                        time.sleep(1000)
                    os._exit(0)
                os.wait()
            return "done"
    """
    before = time.monotonic()
    assert run(source).value == "done"
    assert time.monotonic() - before < 15
    assert left() == []


def test_threads_are_not_waited_for() -> None:
    source = "import threading, time\ndef f():\n"
    source += "    threading.Thread(target=time.sleep, args=[1000]).start()\n    return 'done'"
    assert call(source).value == "done"


@everyone
@pytest.mark.parametrize(
    "body", ["bytearray(2**40)", "['x' * 2**20 for _ in range(10**6)]", "mmap.mmap(-1, 2**33)"]
)
def test_a_tool_that_allocates_runs_out_of_memory(run: Run, body: str) -> None:
    result = run(f"import mmap\ndef f(): return len({body})", memory=128 * 2**20)
    assert result.status == "error"
    assert "MemoryError" in result.value or "Cannot allocate memory" in result.value


@everyone
def test_processes_share_one_limit_of_memory(run: Run) -> None:
    source = """
        import os, time
        def f():
            for _ in range(8):
                if os.fork() == 0:
                    kept = os.urandom(2**20) * 60
                    time.sleep(1000)
            time.sleep(1000)
    """
    result = run(source, memory=128 * 2**20)
    assert "MemoryError: more than 128 MB in all processes" in result.value


def test_the_kernel_takes_the_tool_first_where_memory_runs_out() -> None:
    thread = threading.Thread(target=call, args=["import time\ndef f(): time.sleep(0.5)"])
    thread.start()
    seen: set[str] = set()
    while thread.is_alive():
        for pid, words in sandboxed().items():
            if "bwrap" not in words:
                with contextlib.suppress(OSError):
                    seen.add(Path(f"/proc/{pid}/oom_score_adj").read_text())
        time.sleep(0.02)
    assert seen == {"1000\n"}


@everyone
def test_a_tool_that_fills_the_disk_fills_its_own_folder(run: Run) -> None:
    source = """
        import errno, os
        def f():
            written = 0
            try:
                for number in range(1000):
                    with open(f"file{number}", "wb", buffering=0) as file:
                        while (more := file.write(bytes(2**18))) == 2**18 and file.tell() < 2**21:
                            written += more
            except OSError as error:
                return [written, errno.errorcode[error.errno]]
    """
    written, error = literal_eval(run(source, disk=8 * 2**20).value)
    assert error == "ENOSPC" and 2**22 < written <= 8 * 2**20


@everyone
def test_a_tool_that_makes_files_without_end_is_stopped(run: Run) -> None:
    source = """
        def f():
            for number in range(10**8):
                open(str(number), "w").close()
    """
    assert "OSError: more than 2000 files" in run(source, files=2000).value


def test_the_host_s_files_are_not_the_tool_s_while_the_sandbox_is_set_up() -> None:
    assert _sandbox_limits.files(os.getpid(), "/tmp") == 0


@everyone
def test_printed_megabytes_are_read_and_dropped(run: Run) -> None:
    source = """
        import sys
        def f():
            for _ in range(4):
                print("x" * (2**20 - 1))
            print("words", file=sys.stderr)
            return "done"
    """
    result = run(source)
    assert (result.value, result.stderr) == ("done", ["words\n"])
    kept, note = result.stdout[0].split("... ")
    assert kept == "x" * 2**16 and note == f"[NOTE: the output was cut: {2**16} of {2**22} bytes]"


@pytest.mark.parametrize("what", ["1", "2", "os.dup(9)"])
def test_output_without_end_is_stopped(what: str) -> None:
    """The result's pipe, too, which a tool could only find by searching for it."""
    source = f"""
        import os
        def f():
            for fd in range(3, 256):
                try:
                    os.dup2(fd, 9)
                    break
                except OSError:
                    continue
            target = {what}
            while True:
                os.write(target, b"x" * 65536)
    """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = call(source, seconds=20.0)
    assert (result.status, result.value[-33:]) == ("error", "OSError: more than 4 MB of output")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert sum(map(len, result.stdout + result.stderr)) < 2**17
