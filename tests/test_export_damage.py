"""Exports that were edited, forged, damaged, or are none: refused, or they do no harm."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import memgpt
import numpy as np
import pytest
from memgpt.errors import ConfigError, NewerVersion, NotADatabase, StoreError

from tests.conftest import CheckedLLM, check_replay
from tests.export_checks import answers, changed, lived, ship, taken_in


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sam.memgpt"


EDITS = [
    "UPDATE message SET text = text || '!' WHERE position = 3",
    "UPDATE embedding SET vector = zeroblob(length(vector))",
    "UPDATE agent SET head_seq = head_seq - 1",
    "UPDATE agent SET archive = 'agent-nobody'",
    "UPDATE config SET json = replace(json, 'max_steps', 'min_steps')",
    "UPDATE tool_source SET source = 'import os'",
    "UPDATE tag SET seq = seq + 1",
    "DELETE FROM pin",
    "DELETE FROM passage WHERE id = 1",
    "DELETE FROM step WHERE seq = 4",
    "INSERT INTO purge(id, time_us, what) VALUES(9, 9, 'x')",
    "UPDATE window SET summary = 99 WHERE summary IS NOT NULL",
    "PRAGMA user_version = 7",
    "DELETE FROM manifest",
    "UPDATE manifest SET agent_id = 'agent-nobody'",
    "INSERT INTO manifest VALUES('agent-2', 1, 'x')",
    "CREATE VIEW v AS SELECT 1",
    "DROP INDEX message_time",
    "CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM step; END",
    "UPDATE message SET text = x'ff00'",
    "UPDATE message SET tokens = 'many'",
    "UPDATE message SET text = CAST(x'c328' AS TEXT)",
]  # fmt: skip


@pytest.mark.parametrize("sql", EDITS)
def test_what_was_edited_is_refused(kit: Any, other: memgpt.Home, file: Path, sql: str) -> None:
    lived(kit).export(file)
    with pytest.raises(StoreError) as caught:
        other.import_agent(changed(file, sql))
    assert str(file.with_name("edited.memgpt")) in str(caught.value) and ";" in str(caught.value)
    assert other.agents() == [] and other.check() == []


RESEALED = [
    "UPDATE message SET text = text || '!' WHERE position = 3",
    "UPDATE message SET position = position + 1000",
    "UPDATE agent SET head_seq = head_seq + 1",
    "UPDATE agent SET head_branch = 99",
    "UPDATE branch SET parent = id",
    "UPDATE branch SET parent = NULL, parent_seq = NULL",
    "UPDATE branch SET first_position = 4611686018427387904",
    "UPDATE config SET json = '{'",
    "UPDATE config SET agent_id = 'agent-nobody'",
    "DELETE FROM agent",
    "UPDATE agent SET deleted_us = 1",
    "INSERT INTO agent SELECT 'agent-2', 'second', created_us, NULL, head_branch, head_seq, "
    "line_branch, line_seq, archive, kind FROM agent",
    "UPDATE agent SET name = ''",
    "UPDATE agent SET kind = 'archive'",
    "UPDATE window SET summary = 99 WHERE summary IS NOT NULL",
    "UPDATE window SET ranges = '[[0,'",
    "UPDATE summary SET replaces = 99",
    "UPDATE passage SET branch = 77",
    "UPDATE passage SET archive = 'agent-nobody'",
    "UPDATE embedding SET passage = passage + 1000",
    "UPDATE embedding SET dimension = 3",
    "UPDATE retirement SET target = 999",
    "UPDATE retirement SET kind = 'message'",
    "UPDATE tag SET branch = 99",
    "UPDATE pin SET position = 9999",
    "UPDATE step SET purged = 5",
    "UPDATE step SET content = NULL",
    "DELETE FROM message WHERE role = 'tool'",
    "UPDATE message SET tool_calls = 'x'",
    "UPDATE message SET role = 'emperor'",
    "UPDATE block SET shared = 3",
    "UPDATE message SET id = id + 9223372036854700000",
    "UPDATE tool_source SET source = '<script>alert(1)</script>'",
    "UPDATE tag SET name = '<script>'",
    "UPDATE agent SET created_us = -9223372036854775807",
    "INSERT INTO staged_vector VALUES('x', x'00', x'00')",
]  # fmt: skip


@pytest.mark.parametrize("sql", RESEALED)
def test_what_was_forged_is_refused_or_does_no_harm(
    kit: Any, other: memgpt.Home, file: Path, sql: str
) -> None:
    """By somebody who made the digest anew: what is imported keeps all promises, or nothing is."""
    resident = other.create_agent("resident", model=CheckedLLM(lambda context: kit.say("Mine.")))
    resident.send("Are you there?")
    resident.archival.insert("A resident's passage.")
    before = answers(resident)
    lived(kit).export(file)
    try:
        there = other.import_agent(changed(file, sql, reseal=True))
    except memgpt.Error as error:
        assert ";" in str(error) or isinstance(error, ConfigError), error
        assert other.agents() == ["resident"]
    else:
        llm = CheckedLLM([])
        there = other.agent(there.name, model=llm, tools=[ship])
        answers(there)
        str(there), repr(there), there._repr_html_()
        kit.still_answers(there, llm)
    assert answers(resident) == before
    check_replay(other)


def test_from_the_future(kit: Any, other: memgpt.Home, file: Path) -> None:
    kit.agent([]).export(file)
    for reseal in (False, True):
        with pytest.raises(NewerVersion, match="upgrade memgpt"):
            other.import_agent(changed(file, "PRAGMA user_version = 99", reseal))


@pytest.mark.parametrize(
    "content", [b"", b"x", b"SQLite format 3\0", b"\0" * 5000, b"PK\x03\x04" + b"z" * 500, b"{}"]
)
def test_what_is_no_export(other: memgpt.Home, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(NotADatabase):
        other.import_agent(file)


def test_other_files(kit: Any, other: memgpt.Home, file: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        other.import_agent(tmp_path / "not there.memgpt")
    with pytest.raises(StoreError, match="no file"):
        other.import_agent(tmp_path)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE message(id)")
    with pytest.raises(NotADatabase, match="another program"):
        other.import_agent(file)
    kit.agent([])
    kit.home.close()
    with pytest.raises(StoreError, match=r"memgpt.open\(\)"):
        other.import_agent(kit.home.path)
    with pytest.raises(ConfigError):
        other.import_agent(file, name="")
    assert other.agents() == []


def damaged(content: bytes, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    data = bytearray(content)
    if seed % 3 == 0:
        return bytes(data[: int(rng.integers(0, len(data)))])
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(0, len(data)))
        data[at] ^= int(rng.integers(1, 256))
    if seed % 3 == 1:
        at = int(rng.integers(0, len(data) // 4096)) * 4096
        data[at : at + 4096] = rng.bytes(4096)
    return bytes(data)


def damage(kit: Any, other: memgpt.Home, file: Path, seeds: range) -> None:
    agent = lived(kit)
    agent.export(file)
    before = answers(agent)
    content = file.read_bytes()
    refused = 0
    for seed in seeds:
        file.write_bytes(damaged(content, seed))
        try:
            there = taken_in(other, file)
        except StoreError:
            refused += 1
            continue
        # In a page that is free, or a byte that says nothing.
        assert answers(there) == before, seed
        other.delete_agent("sam")
    assert refused > len(seeds) * 3 // 4
    file.write_bytes(content)
    assert answers(taken_in(other, file)) == before
    check_replay(other)


def test_damaged_files(kit: Any, other: memgpt.Home, file: Path) -> None:
    damage(kit, other, file, range(40))


@pytest.mark.slow
def test_a_thousand_damaged_files(kit: Any, other: memgpt.Home, file: Path) -> None:
    damage(kit, other, file, range(100, 1100))
