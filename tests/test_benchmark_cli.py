"""memgpt benchmark: which models can drive MemGPT."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.cli import main
from memgpt.cli._tasks import TASKS
from memgpt.cli.benchmark import Outcome, verdict
from memgpt.testing import Answer, FakeOpenAI


def wanted(request: dict[str, Any]) -> Any:
    """A model that does what each task asks for."""
    packed = [json.loads(m["content"]) for m in request["messages"] if m["role"] == "user"]
    task = next(task for task in TASKS if task.message == packed[0]["message"])
    tool = task.wanted[0]
    if request["messages"][-1]["role"] == "tool" or tool == "send_message":
        return {"tool": "send_message", "args": {"message": f"It is {task.said[:1]}."}}
    args: dict[str, Any] = {
        "core_memory_append": {"name": "human", "content": "Name: Chad"},
        "core_memory_replace": {"name": "human", "old_content": "tea", "new_content": "coffee"},
        "archival_memory_insert": {"content": task.message},
    }.get(tool, {"query": task.message})
    if "persona" in task.name:
        args = {"name": "persona", "old_content": "calm", "new_content": "cheerful"}
    return {"tool": tool, "args": args, "heartbeat": True}


def report(capsys: Any, *flags: str) -> tuple[int, dict[str, Any]]:
    code = main(["benchmark", *flags, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_offline_model_can(capsys) -> None:
    code, found = report(capsys, "--model", "offline")
    assert (code, found["verdict"]) == (0, "can")
    assert {row["tool"] for row in found["tools"]} > {"send_message", "conversation_search"}
    assert main(["benchmark", "--model", "offline"]) == 0
    out = capsys.readouterr().out
    assert "archival_memory_search" in out and "offline can drive MemGPT" in out


def test_a_model_that_does_all_that_is_asked(capsys) -> None:
    with FakeOpenAI(wanted) as server:
        code, found = report(
            capsys, "--model", "good", "--model-endpoint", server.url, "--n-tries", "2"
        )
        assert (code, found["verdict"], found["model"]) == (0, "can", "good")
        assert len(found["tasks"]) == 2 * len(TASKS) and all(t["done"] for t in found["tasks"])
        assert found["tools"][0]["valid"] and not found["errors"]
        assert server.requests[0]["model"] == "good" and server.refused == []


def test_a_model_that_fails(capsys) -> None:
    with FakeOpenAI(lambda request: {"tool": "sned_it"}) as server:
        code, found = report(capsys, "--model", "bad", "--model-endpoint", server.url)
        assert (code, found["verdict"]) == (1, "cannot")
        assert sum(row["failed"] for row in found["tools"]) > 0
        # Once it was heard, errors count against it.
        server.script = [{"tool": "sned_it"}] * 9
        code, found = report(capsys, "--model", "bad", "--model-endpoint", server.url)
        assert (code, found["verdict"]) == (1, "cannot")
        assert len(found["errors"]) >= 9 and all("at its end" in text for text in found["errors"])
        server.script = [{"tool": "sned_it"}] * 9
        assert main(["benchmark", "--model", "bad", "--model-endpoint", server.url]) == 1
        out = capsys.readouterr().out
        assert "at its end" in out and "bad cannot drive MemGPT" in out


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(404, b'{"error": {"message": "no such model"}}'), "no such model"),
        (Answer(400, b'{"error": {"message": "no tools here"}}'), "no tools here"),
        (Answer(500, b'{"error": {"message": "out of order"}}'), "out of order"),
        (Answer(body=b"<html>nginx</html>", content_type="text/html"), "nginx"),
    ],
)
def test_a_model_that_was_never_heard_is_not_judged(
    capsys, monkeypatch, answer: Answer, says: str
) -> None:
    class Once(memgpt.OpenAICompatible):
        """Asks no second time, which would be after a while."""

        def __init__(self, model: str, **options: Any) -> None:
            super().__init__(model, **{**options, "max_retries": 0})

    monkeypatch.setattr("memgpt.llm.OpenAICompatible", Once)
    with FakeOpenAI(lambda request: answer) as server:
        assert main(["benchmark", "--model", "m", "--model-endpoint", server.url]) == 2
        assert server.calls == 2
    out, err = capsys.readouterr()
    assert out == "" and "m could not be asked" in err and says in err


def test_one_failure_at_first_is_no_end(capsys) -> None:
    def script(request: dict[str, Any]) -> Any:
        return Answer(400, b"{}") if server.calls == 1 else wanted(request)

    with FakeOpenAI(script) as server:
        code, found = report(capsys, "--model", "m", "--model-endpoint", server.url)
    assert (code, found["verdict"], len(found["tasks"])) == (0, "can", len(TASKS))


def test_the_model_is_named_as_in_run(capsys) -> None:
    helps = []
    for command in ("run", "benchmark"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        helps.append(capsys.readouterr().out)
    for flag in ("--model ", "--model-endpoint ", "--model-endpoint-type ", "--context-window "):
        assert all(flag in text for text in helps)
    assert "130" in helps[1]
    assert main(["benchmark", "--model-endpoint", "http://127.0.0.1:1/v1"]) == 2
    assert "needs --model" in capsys.readouterr().err


def test_a_verdict() -> None:
    def of(valid: int, repaired: int, failed: int, done: bool = True) -> str:
        calls = (
            [("x", "valid")] * valid + [("x", "repaired")] * repaired + [("x", "failed")] * failed
        )
        return verdict([Outcome("a", [call], done=done) for call in calls])[0]

    assert of(10, 0, 0) == of(9, 1, 0) == of(9, 0, 1) == "can"
    assert of(6, 4, 0) == of(7, 0, 3) == "needs repairs"
    assert of(5, 1, 4) == of(10, 0, 0, done=False) == "cannot"
    assert verdict([])[0] == verdict([Outcome("a", error="no")])[0] == "unknown"


def test_what_cannot_be_asked(capsys, monkeypatch) -> None:
    for flags, text in [
        (["--model", "openai/gpt-4.1"], "OPENAI_API_KEY"),
        (["--model", "nosuch"], "no provider answers"),
        (["--model", "x", "--model-endpoint", "nonsense"], "base_url"),
        (["--model", "x", "--model-endpoint", "http://127.0.0.1:1/v1"], "refused"),
        (["--model", "offline", "--n-tries", "0"], "--n-tries"),
        (
            ["--model", "x", "--model-endpoint", "http://h/v1", "--model-endpoint-type", "smoke"],
            "smoke",
        ),
    ]:
        assert main(["benchmark", *flags]) == 2
        assert text in capsys.readouterr().err
    with FakeOpenAI(wanted, api_key="right") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "wrong")
        assert main(["benchmark", "--model", "openai/gpt-4.1"]) == 2
        assert "key was refused" in capsys.readouterr().err and server.calls == 0


@pytest.mark.parametrize("heard", [0, 3])
def test_ctrl_c_shows_what_there_is(tmp_path: Path, heard: int) -> None:
    def script(request: Any) -> Any:
        return Answer(stall_s=60) if server.calls > heard else wanted(request)

    with FakeOpenAI(script) as server:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "memgpt",
                "benchmark",
                "--model",
                "m",
                "--model-endpoint",
                server.url,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "MEMGPT_HOME": str(tmp_path)},
        )
        end = time.monotonic() + 30
        while server.calls <= heard and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in err
    if heard:
        assert "3 of 3 calls were valid" in out and "this is what there is" in err
        assert "broken off in task 4" in out
    else:
        assert "nothing is known of m yet" in err and "is not known" in out
        assert "drive MemGPT: 0" not in out
    assert not any(tmp_path.iterdir())  # nothing is kept


def test_every_task_has_tools_that_there_are(home) -> None:
    agent = home.create_agent("sam")
    offered = {t["function"]["name"] for t in agent.context().to_request()["tools"]}
    for number, task in enumerate(TASKS):
        assert set(task.wanted) <= offered
        task.prepare(home.create_agent(f"a{number}"))
