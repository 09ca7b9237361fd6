"""Replay: it finds every value that was changed by hand, and nothing where none was."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import Reply
from memgpt.errors import StoreError
from memgpt.testing import ScriptedLLM

# Columns that replay does not compare, each with its reason. A column that is not here has to be
# found where it was changed.
UNCHECKED = {
    "agent": "a name that points at a place in the history, not history",
    "branch": "where a line of history begins",
    "tag": "a name for a place in the history",
    "message.id": "a row's number",
    "passage.id": "a row's number",
    "embedding": "what a search found by them stands in the log; they can be made again",
    "purge": "what was destroyed, in words",
    "store_progress": "what a program's own store was told, which it can be told again",
    "store_changed": "what such a store is to forget",
    "shared_block": "an agent's rows repeat the versions that it saw; check() compares them",
    "archive_commit": "what was filed stands in the archive's commit; check() follows it",
    "tool_source": "to be read, and never run",
    "card": "what clients say of things; no part of a history",
    "staged_vector": "made before the commit that is to have them",
    "vector_epoch": "which of the vectors an index in memory has",
    "manifest": "of a file that an agent was exported to; import_agent() compares it",
}
WORDS = "the river ran past the old mill and the miller counted seven white geese on its bank "


def tables(db: sqlite3.Connection) -> list[str]:
    names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return [name for (name,) in names if not name.startswith("sqlite_")]


def schema() -> list[tuple[str, str]]:
    """Tables and columns of a new file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        memgpt.open(path, durability="process").close()
        with contextlib.closing(sqlite3.connect(path)) as db:
            return [
                (table, column)
                for table in tables(db)
                for (column,) in db.execute(f"SELECT name FROM pragma_table_info('{table}')")
            ]


@memgpt.tool
def launch(where: str) -> str:
    """Launch a rocket."""
    if where == "nowhere":
        raise ValueError("there is no nowhere")
    return f"launched to {where}"


@memgpt.tool
def land() -> str:
    """Land it."""
    return "landed"


class Rich(ScriptedLLM):
    """Its replies use everything that a reply has, and it counts more tokens than there are."""

    def complete(self, context: memgpt.Context) -> Reply:
        reply = super().complete(context)
        reply.content, reply.thinking = f"aside {self.calls}", f"I think of {self.calls}."
        reply.prompt_tokens, reply.completion_tokens = context.tokens * 11 // 10, 20 + self.calls
        return reply


def live(kit: Any, path: Path) -> None:
    """A life with everything that a journal can hold."""
    script: list[Any] = []
    llm = Rich(lambda context: script.pop(0) if script else kit.say("so"))

    def play(*items: Any) -> None:
        script[:] = items

    with memgpt.open(path, durability="process") as home:
        agent = home.create_agent("sam", model=llm, tools=[launch, land], context_window=4096)
        play(kit.call("launch", where="the moon"), kit.call("launch", where="nowhere"))
        agent.send("Fly me to the moon.", name="Ann", time="2023-05-08T13:56:00")
        play(kit.call("core_memory_append", name="human", content="brave"), [kit.say("a")] * 2)
        agent.send("I am brave.")
        agent.recall.import_transcript(
            [
                {"speaker": "Bob", "text": f"{WORDS}{i}", "id": f"b{i}", "time": "2023-05-08"}
                for i in range(3)
            ]
        )
        key = agent.archival.insert("The key lies there.", tags=["key"], metadata={"a": 1})
        agent.archival.update(key, text="The key lies under the fern.")
        agent.memory["human"].value = "Ann, brave"
        agent.memory.add("notes", "Of geese.", 500, "What geese do", read_only=True)
        agent.memory.add("gone", "soon")
        agent.memory.remove("gone")
        agent.send("A goose was seen.", role="system")
        agent.pin(agent.window[0])
        agent.pin(agent.window[1])
        agent.unpin(agent.window[1])
        agent.remove_tool("land")
        evictions = 0
        while evictions < 3:
            play(kit.call("archival_memory_insert", content=WORDS, tags=["mill"]))
            evictions += bool(agent.send(WORDS * 3).evicted)
    with memgpt.open(path, durability="process") as home:
        home.agent("sam", model=llm).send("And now without tools.")
        agent = home.agent("sam", model=llm, tools=[launch], context_window=5000)
        play(kit.call("launch", where="mars"))
        agent.send("Once more.")
        agent.archival.insert("The end.")
        agent.archival.delete(agent.archival.search("", limit=2)[-1].passage)


@pytest.fixture(scope="module")
def life(tmp_path_factory) -> Path:
    from tests.conftest import Kit

    path = tmp_path_factory.mktemp("life") / "life.db"
    live(Kit, path)
    return path


@pytest.fixture
def copy(life, tmp_path) -> Path:
    return shutil.copy(life, tmp_path / "copy.db")


def replay_of(path: Path) -> Any:
    with memgpt.open(path, durability="process") as home:
        return home.agent("sam").replay()


def change(path: Path, sql: str, *values: Any) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        assert db.execute(sql, values).rowcount > 0


def found_after(life: Path, path: Path, sql: str, *values: Any) -> Any:
    """The divergence after a change by hand, under an agent that is open, and once opened again;
    one whose present state cannot be read any more is not opened."""
    shutil.copy(life, path)
    with memgpt.open(path, durability="process") as home:
        agent = home.agent("sam")
        change(path, sql, *values)
        found = agent.replay().first_divergence
    try:
        again = replay_of(path).first_divergence
    except StoreError as error:
        assert str(error)
        return found
    assert (found is None) == (again is None), "replay and reopening disagree"
    assert found is None or (found.seq, found.what, found.diff) == (
        again.seq,
        again.what,
        again.diff,
    )
    return found


def test_a_life_as_it_was_written_has_no_divergence(life):
    replay = replay_of(life)
    assert replay.first_divergence is None and replay.unchecked == []
    with contextlib.closing(sqlite3.connect(life)) as db:
        for table in tables(db):
            if table not in UNCHECKED:
                assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0], table
        assert db.execute("SELECT count(*) FROM summary WHERE replaces IS NOT NULL").fetchone()[0]
        steps = db.execute("SELECT count(*) FROM step WHERE digest IS NOT NULL").fetchone()[0]
        corrected = db.execute("SELECT count(*) FROM step WHERE correction > 1000").fetchone()[0]
        unbound = db.execute("SELECT count(*) FROM step WHERE unbound_tools <> ''").fetchone()[0]
    assert replay.steps == steps > 10 and corrected and unbound


def altered_leaf(value: Any) -> Any:
    """JSON with one value changed, of the same form."""
    if isinstance(value, dict) and value:
        key = next((key for key in value if value[key]), next(iter(value)))
        return {**value, key: altered_leaf(value[key])}
    if isinstance(value, list):
        return [*value[:-1], altered_leaf(value[-1])] if value else ["PLANTED"]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value or ''}PLANTED"


def plants(column: str, value: Any) -> list[Any]:
    """Other values for a column that holds `value`."""
    if isinstance(value, int):
        if column in ("id", "seq", "branch", "position", "version"):
            return [value + 10_000]
        return [1 - value if value in (0, 1) else value + 1]
    if not value:
        return ["[1]" if column in ("tool_calls", "unbound_tools") else "7"]
    others = [value + "PLANTED", value[:-1], value[: len(value) // 2], "", b"\xff\xfe\x80"]
    if value == "[]":  # an empty column is an empty list, too
        others = ["[7]", "["]
    with contextlib.suppress(ValueError):
        others.append(json.dumps(altered_leaf(json.loads(value))))
    return others


def rows_of(path: Path, table: str, column: str) -> list[dict[str, Any]]:
    """The first, a middle and the last row, those first that have something in the column."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        rows = [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY branch, seq")]
    filled = [row for row in rows if row[column] not in (None, "")] or rows
    return [filled[i] for i in sorted({0, len(filled) // 2, len(filled) - 1})]


def keys_of(path: Path, table: str) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        info = db.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE pk > 0")
        return [name for (name,) in info]


# What a divergence may be called where a row of the table was changed.
WHATS = {
    "step": {
        "passages",
        "step",
        "reply",
        "context",
        "tokens",
        "correction",
        "prefix",
        "window",
        "config",
    },
    "config": {"config", "context", "tokens"},
    "message": {"messages", "tokens", "reply", "context"},
    "block": {"blocks", "context"},
    "passage": {"passages", "retired"},
    "retirement": {"passages", "retired"},
    "summary": {"summary", "window", "context"},
    "window": {"window", "summary"},
    "tool_run": {"tool_runs"},
    "pin": {"pins"},
}
COLUMNS = [
    (table, column)
    for table, column in schema()
    if table not in UNCHECKED and f"{table}.{column}" not in UNCHECKED
]


@pytest.mark.no_replay
@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_changed_value_is_found_at_its_commit(life, tmp_path, table, column):
    keys = keys_of(life, table)
    where = " AND ".join(f"{key} = ?" for key in keys)
    for row in rows_of(life, table, column):
        for value in plants(column, row[column]):
            if (column, row["seq"], value) == ("content", 1, ""):
                continue  # looks as if it were from before schema 3; replay says so
            sql = f"UPDATE {table} SET {column} = ? WHERE {where}"
            found = found_after(life, tmp_path / "x.db", sql, value, *[row[key] for key in keys])
            case = f"{table}.{column} of commit {row['seq']}: {row[column]!r} -> {value!r}: {found}"
            assert found is not None, case
            assert found.seq == row["seq"], case
            if column != "content":  # digests of all kinds of rows: what they do not fit is named
                assert found.what in WHATS[table] | {"unreadable"}, case
            assert 20 < len(found.diff) < 20_000, case
            assert found.diff.replace("\n", "").isprintable(), case


@pytest.mark.no_replay
@pytest.mark.parametrize("table", sorted(WHATS))
def test_a_row_that_is_gone_or_doubled_is_found_at_its_commit(life, tmp_path, table):
    keys = keys_of(life, table)
    where = " AND ".join(f"{key} = ?" for key in keys)
    for row in rows_of(life, table, "seq"):
        values = [row[key] for key in keys]
        found = found_after(life, tmp_path / "x.db", f"DELETE FROM {table} WHERE {where}", *values)
        assert found is not None and found.seq == row["seq"], f"{row}: {found}"
        again = {**row, **{key: f"{row[key]}x" for key in ("uid", "call_id") if key in row}}
        again |= {key: row[key] + 10_000 for key in ("position", "version", "target") if key in row}
        if table in ("message", "passage", "summary"):
            again["id"] = row["id"] + 10_000
        if table == "block":
            again["id"] += "x"
        if table in ("step", "window"):
            continue  # one a commit: the file's own keys see to it
        marks = ", ".join("?" * len(again))
        sql = f"INSERT INTO {table}({', '.join(again)}) VALUES({marks})"
        found = found_after(life, tmp_path / "x.db", sql, *again.values())
        assert found is not None and found.seq == row["seq"], f"{row}: {found}"


@pytest.mark.no_replay
def test_a_reply_that_was_changed_by_hand_is_named_with_its_step(copy):
    with contextlib.closing(sqlite3.connect(copy)) as db:
        seq, reply = db.execute(
            "SELECT seq, reply FROM step WHERE reply LIKE '%the moon%' ORDER BY seq LIMIT 1"
        ).fetchone()
    sql = "UPDATE step SET reply = ? WHERE seq = ?"
    change(copy, sql, reply.replace("the moon", "the sun"), seq)
    replay = replay_of(copy)
    found = replay.first_divergence
    assert (found.seq, found.what, found.kind) == (seq, "reply", "intent")
    assert "the sun" in found.diff and "the moon" in found.diff
    assert replay.commits == seq and replay.steps == 1
    assert str(seq) in str(found) and "the sun" in str(found) and str(seq) in repr(replay)


@pytest.mark.no_replay
def test_what_a_person_needs_stands_in_the_diff(life, tmp_path):
    def diff(sql: str, *values: Any) -> str:
        return found_after(life, tmp_path / "x.db", sql, *values).diff

    assert "PLANTED" in diff("UPDATE message SET text = 'PLANTED' WHERE position = 0")
    assert "PLANTED" in diff("UPDATE block SET value = 'PLANTED' WHERE label = 'notes'")
    assert "PLANTED" in diff("UPDATE summary SET text = 'PLANTED' WHERE id = 2")
    assert "PLANTED" in diff("UPDATE passage SET text = 'PLANTED' WHERE id = 1")
    assert "PLANTED" in diff("UPDATE window SET outside = 'PLANTED' WHERE seq = 1")
    assert "PLANTED" in diff("UPDATE tool_run SET arguments = 'PLANTED' WHERE seq = 3")
    assert "commit" in diff("UPDATE agent SET head_seq = head_seq + 7")
    assert "first commit" in diff("UPDATE agent SET head_seq = 0")
    assert "commits up to" in diff(
        "UPDATE agent SET head_seq = head_seq - 2, line_seq = line_seq - 2"
    )
    shutil.copy(life, tmp_path / "many.db")
    with memgpt.open(tmp_path / "many.db", durability="process") as home:
        items = [{"speaker": "Bob", "text": WORDS * 9, "time": "2023-05-08"}] * 2000
        last = home.agent("sam").recall.import_transcript(items)[-1].position
        change(tmp_path / "many.db", "UPDATE message SET text = 'x' WHERE position = ?", last)
        assert len(str(home.agent("sam").replay().first_divergence)) < 20_000


@pytest.mark.no_replay
def test_two_messages_that_changed_places_are_found(life, copy):
    for a, b in ((0, 5), (1, 4), (6, 30)):
        shutil.copy(life, copy)
        with contextlib.closing(sqlite3.connect(copy)) as db, db:
            (first, one), (_, two) = (
                db.execute("SELECT seq, text FROM message WHERE position = ?", (at,)).fetchone()
                for at in (a, b)
            )
            for at, text in ((a, two), (b, one)):
                db.execute("UPDATE message SET text = ? WHERE position = ?", (text, at))
        found = replay_of(copy).first_divergence
        assert one != two and found.seq == first and found.what in WHATS["message"]


@pytest.mark.no_replay
def test_a_tokenizer_that_is_not_to_be_had_is_named_and_the_rest_is_compared(life, copy):
    """As written by a kernel with a counter of its own, before schema 3."""
    for table, column in (
        ("step", "tokenizer"),
        ("message", "tokenizer"),
        ("summary", "tokenizer"),
    ):
        change(copy, f"UPDATE {table} SET {column} = 'own' WHERE {column} = 'o200k_base'")
    change(copy, "UPDATE config SET json = replace(json, 'o200k_base', 'own')")
    change(copy, "UPDATE step SET content = NULL")
    replay = replay_of(copy)
    assert replay.first_divergence is None, str(replay.first_divergence)
    assert replay.steps == replay_of(life).steps
    assert len(replay.unchecked) == 2 and any('"own"' in line for line in replay.unchecked)
    change(copy, "UPDATE message SET text = 'PLANTED' WHERE position = 0")
    assert "PLANTED" in replay_of(copy).first_divergence.diff
