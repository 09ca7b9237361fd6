"""Tools from source in the sandbox: what comes of a call. Bubblewrap has to be there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from memgpt._sandbox import SandboxResult, require_sandbox
from memgpt.errors import ConfigError, InvalidInput, ToolError

from tests.sandbox_calls import Run, call, everyone, left


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert left() == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'grüße\\n'", "grüße\n"),
        ("''", ""),
        ("None", "None"),
        ("True", "True"),
        ("7", "7"),
        ("1.5", "1.5"),
        ("[1, 'a']", "[1, 'a']"),
        ("{'a': [1, None], 'b': 'ü'}", '{"a": [1, null], "b": "ü"}'),
        ("{'a': __import__('datetime').date(2026, 1, 2)}", '{"a": "2026-01-02"}'),
        ("{(1, 2): 3}", "{(1, 2): 3}"),
        ("'\\ud800'", "?"),
        ("b'x'", "b'x'"),
    ],
)
def test_a_value_of_any_kind_comes_back_as_text(value: str, text: str) -> None:
    assert call(f"def f(): return {value}") == SandboxResult("success", text, [], [])


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ("7", "7"),
        ("None", "null"),
        ("[1.5, {'ü': (True,)}]", '[1.5, {"ü": [true]}]'),
        ("'7'", ""),
        ("float('nan')", ""),
        ("{1, 2}", ""),
        ("[0] * 50_000", ""),
    ],
)
def test_a_value_that_json_has_comes_back_as_json(value: str, json: str) -> None:
    assert call(f"def f(): return {value}").json == json


@everyone
def test_a_tool_gets_its_arguments_and_its_environment(run: Run) -> None:
    source = """
        import os
        def f(self, agent_state, words, depth=2):
            return {"all": [self, agent_state, words, depth], "environment": dict(os.environ)}
    """
    arguments = {"words": [{"ä": None}, 1.5, True, "\ud800"]}
    result = run(source, arguments, environment={"KEY": "välue", "TZ": "Asia/Tokyo"})
    assert result.value == (
        '{"all": [null, null, [{"ä": null}, 1.5, true, "?"], 2], '
        '"environment": {"KEY": "välue", "TZ": "Asia/Tokyo"}}'
    )


@everyone
def test_prints_come_beside_the_value(run: Run) -> None:
    source = """
        import os, subprocess, sys
        def f():
            print("one", "\\ud800")
            print("two", file=sys.stderr)
            sys.stdout.flush()
            subprocess.run(["echo", "three"])
            return "four"
    """
    assert run(source) == SandboxResult("success", "four", ["one \\ud800\nthree\n"], ["two\n"])


def test_an_async_function_is_awaited() -> None:
    source = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 'done'"
    assert call(source).value == "done"


@everyone
def test_the_standard_library_is_there(run: Run) -> None:
    source = """
        from __future__ import annotations
        import asyncio, ctypes, csv, dataclasses, datetime, hashlib, json, math, random, re
        import sqlite3, ssl, tempfile, threading, urllib.request, zoneinfo

        @dataclasses.dataclass
        class Point:
            x: int

        def f():
            with tempfile.TemporaryFile("w+") as file:
                file.write("kept")
            db = sqlite3.connect("own.db")
            db.execute("create table t (a)")
            threads = [threading.Thread(target=print) for _ in range(4)]
            for thread in threads:
                thread.start()
            hour = datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Rome"))
            return [Point(1).x, hashlib.sha256(b"").hexdigest()[:4], str(hour)[-6:]]
    """
    assert run(source).value == "[1, 'e3b0', '+02:00']"


def test_a_forked_child_has_no_say_in_the_result() -> None:
    source = """
        import os
        def f():
            if os.fork() == 0:
                raise ValueError("child")
            os.wait()
            return "parent"
    """
    assert call(source).value == "parent"


def test_each_call_begins_in_an_empty_folder() -> None:
    source = "import os\ndef f():\n    found = os.listdir()\n    open('x', 'w')\n    return found"
    assert [call(source).value for _ in range(2)] == ["[]", "[]"]


def test_modules_are_shown_where_that_is_asked_for(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "extra_module.py").write_text("WORD = 'found'")
    source = "def f():\n    import extra_module\n    return extra_module.WORD"
    assert call(source, packages=[str(tmp_path)]).value == "found"
    assert "ModuleNotFoundError" in call(source).value


def test_calls_at_the_same_time_do_not_meet() -> None:
    source = "import time\ndef f(n):\n    open('x', 'w').write(str(n))\n    time.sleep(0.1)\n"
    source += "    return open('x').read()"
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: call(source, {"n": n}).value, range(8)))
    assert results == [str(n) for n in range(8)]


@everyone
def test_an_exception_is_a_result(run: Run) -> None:
    result = run("def g():\n    raise ValueError('no such die')\n\ndef f():\n    g()")
    assert result.status == "error"
    assert result.value == "Error executing function f: ValueError: no such die"
    assert "raise ValueError('no such die')" in result.stderr[0] and "line 5" in result.stderr[0]
    assert "memgpt" not in result.stderr[0]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(: pass", "SyntaxError"),
        ("def g(): pass", 'NameError: the source defines no function "f"'),
        ("def f(a): pass", "TypeError: f() missing 1 required positional argument: 'a'"),
        ("import sys\ndef f(): sys.exit(3)", "SystemExit: 3"),
        ("def f(): f()", "RecursionError"),
        ("import os\ndef f(): os._exit(7)", "ended without a result (status 7)"),
        ("import os\ndef f(): os.kill(os.getpid(), 9)", "ended without a result (status 137)"),
        ("import ctypes\ndef f(): ctypes.string_at(0)", "ended without a result (status 139)"),
        ("import sys\ndef f():\n sys.stderr.close()\n 1 / 0", "ZeroDivisionError"),
        ("class E(Exception):\n def __str__(s): 1 / 0\ndef f(): raise E", "cannot be read"),
    ],
)
def test_whatever_goes_wrong_is_a_result(source: str, words: str) -> None:
    result = call(source)
    assert result.status == "error" and words in result.value
    assert result.value.startswith("Error executing function f: ")


def test_long_texts_are_cut() -> None:
    assert len(call("def f(): raise ValueError('x' * 9999)").value) == 1000
    result = call("def f(): return 'ü' * 300", value=100)
    assert result.value == "ü" * 100 + "... [NOTE: the value was cut: 100 of 300 characters]"


def test_what_cannot_be_handed_over_is_refused() -> None:
    with pytest.raises(ToolError, match="arguments of f"):
        call("def f(a): ...", {"a": object()})
    for environment in ({"A=B": "x"}, {"": "x"}, {"A": "\0"}):
        with pytest.raises(ToolError, match="environment variable"):
            call("def f(): ...", environment=environment)
    with pytest.raises(InvalidInput):
        call("def f(): ...", environment={"A": 1})


def test_without_bubblewrap_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt install bubblewrap"):
        call("def f(): return 1")


def test_a_refused_sandbox_says_what_to_allow(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"No permissions.*unprivileged user namespaces"):
        call("def f(): return 1")
    monkeypatch.undo()
    require_sandbox()


def test_every_processor_that_is_known_has_a_filter() -> None:
    from memgpt import _sandbox_filter

    for machine in ("x86_64", "aarch64"):
        program = _sandbox_filter.program(machine)
        assert len(program) % 8 == 0 and len(program) // 8 < 4096
    with pytest.raises(ConfigError, match="riscv64"):
        _sandbox_filter.program("riscv64")
