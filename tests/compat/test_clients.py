"""The four client packages, in their own environments, drive real servers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.compat.server import Servers

HERE = Path(__file__).parent
CLIENTS = HERE.parent.parent / ".venv" / "compat"
_TIMEOUT_S = 240


def run(command: list[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Exit code and all output; -1 where it took too long."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return -1, process.communicate()[0]
    return process.returncode, output


def check(code: int, output: str, counts: dict[str, int], servers: Servers) -> None:
    """All ran and passed: a suite that skips, or finds no tests, has failed."""
    good = code == 0 and counts.get("pass", 0) > 0
    good = good and not any(number for kind, number in counts.items() if kind != "pass")
    if not good:
        pytest.fail(f"exit {code}, {counts}\n{output}\n{servers.logs()}", pytrace=False)


def installed(name: str) -> Path:
    """Where a client is, with all that it needs."""
    assert (CLIENTS / name).is_dir(), f"there is no {CLIENTS / name}; make test installs it"
    return CLIENTS / name


@pytest.mark.parametrize("generation", ["1.12.1", "0.1.324"])
def test_the_python_client(generation: str, servers: Servers) -> None:
    name = f"py{generation[0]}"
    suite = HERE / name
    python = installed(name) / "bin" / "python"
    options = ["-c", str(HERE / "inner.ini"), f"--confcutdir={suite}", str(suite)]
    command = [str(python), "-m", "pytest", *options]
    code, output = run(command, servers.environment, suite)
    counts = {"pass": 0}
    for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped|xfailed)", output):
        kind = "pass" if word == "passed" else word
        counts[kind] = counts.get(kind, 0) + int(number)
    check(code, output, counts, servers)


@pytest.mark.parametrize("generation", ["1.12.1", "0.1.211"])
def test_the_typescript_client(generation: str, servers: Servers, tmp_path: Path) -> None:
    folder = with_client(tmp_path / "suite", generation[0])
    files = sorted(str(path) for path in folder.glob("*.test.mjs"))
    command = ["node", "--test", *files]
    code, output = run(command, servers.environment, folder)
    found = re.findall(r"^(?:#|ℹ) (pass|fail|cancelled|skipped|todo) (\d+)$", output, re.M)
    counts = {kind: int(number) for kind, number in found}
    check(code, output, counts, servers)


def with_client(folder: Path, generation: str) -> Path:
    """The suite beside a package of the name that its users know.

    Both generations have the same name, so they are installed under others.
    """
    shutil.copytree(HERE / f"ts{generation}", folder)
    shutil.copy(HERE / "common.mjs", folder)
    (folder / "node_modules" / "@letta-ai").mkdir(parents=True)
    package = installed("node_modules") / f"letta{generation}"
    (folder / "node_modules" / "@letta-ai" / "letta-client").symlink_to(package)
    return folder
