"""The house: which room includes which, how long files are, what the core never does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "memory": set(),
    "store": {"memory"},
    "llm": {"memory"},
    "agent": {"memory", "store", "llm"},
    "server": {"memory", "store", "llm", "agent"},
    "bindings": {"memory", "store", "llm", "agent", "server"},
}
SEES_BEAST = {
    *("cpp/llm/http_socket.h", "cpp/llm/http_socket.cpp", "cpp/llm/http_connection.cpp"),
    *("cpp/llm/polled_stream.h", "cpp/llm/polled_stream.cpp"),
    *("cpp/server/http_session.h", "cpp/server/http_session.cpp", "cpp/server/http_server.cpp"),
}
INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.M)
CPP = sorted(p for suffix in ("*.h", "*.cpp") for p in (ROOT / "cpp").rglob(suffix))
PYTHON = sorted((ROOT / "python").rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_files_to_check() -> None:
    assert len(CPP) > 30 and len(PYTHON) > 8


@pytest.mark.parametrize("path", CPP, ids=name_of)
def test_rooms_include_only_what_they_may(path: Path) -> None:
    room = path.relative_to(ROOT / "cpp").parts[0]
    if room == "error.h":
        return
    for include in INCLUDE.findall(path.read_text()):
        other = include.split("/")[0]
        if other in ROOMS and "/" in include:
            assert other == room or other in ROOMS[room], f"{name_of(path)} includes {include}"


@pytest.mark.parametrize("path", CPP, ids=name_of)
def test_what_each_room_never_touches(path: Path) -> None:
    room = path.relative_to(ROOT / "cpp").parts[0]
    text = path.read_text()
    includes = INCLUDE.findall(text)
    if room != "bindings":
        assert not any(i.startswith(("pybind11", "Python")) for i in includes)
    if room != "store":
        assert not any(i.startswith(("sqlite3", "faiss", "Eigen")) for i in includes)
    if name_of(path) not in SEES_BEAST:
        assert not any(i.startswith(("boost/beast", "boost/asio", "openssl/ssl")) for i in includes)
    if room == "memory":
        banned = ("fstream", "filesystem", "sys/", "unistd", "random", "boost/asio", "thread")
        assert not any(i.startswith(banned) for i in includes)
        assert "system_clock" not in text
    assert not re.search(r"std::cout|std::cerr|\bprintf\(|\babort\(|\bexit\(", text)


@pytest.mark.parametrize("path", CPP + PYTHON, ids=name_of)
def test_files_have_one_subject(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 600, f"{name_of(path)} has {lines} lines: split it"


def test_most_files_are_short() -> None:
    long = [p for p in CPP + PYTHON if len(p.read_text().splitlines()) > 400]
    assert len(long) <= len(CPP + PYTHON) // 20, [name_of(p) for p in long]


def test_every_room_is_a_library_linked_only_to_what_it_may_include() -> None:
    cmake = (ROOT / "CMakeLists.txt").read_text()
    for room, links in re.findall(r"^add_room\((\w+) (.*)\)$", cmake, re.M):
        linked = set(links.split()) & ROOMS.keys()
        assert linked <= ROOMS[room], f"{room} links {linked}"
    assert {"memory", "store", "llm", "agent"} <= set(re.findall(r"^add_room\((\w+)", cmake, re.M))


def test_python_has_an_error_for_every_error_of_the_core() -> None:
    from memgpt import errors

    header = (ROOT / "cpp" / "error.h").read_text()
    pairs = re.findall(r"^MEMGPT_ERROR\((\w+), (\w+)\);", header, re.M)
    assert len(pairs) > 20
    for name, parent in pairs:
        assert issubclass(getattr(errors, name), getattr(errors, parent))


def test_readme_and_architecture_are_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 120
