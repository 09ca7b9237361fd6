"""Files that older versions wrote, each by the last commit that had the schema.

The agent ``old`` (ScriptedLLM, o200k_base, window 3,584) has a tool with outside effects, an edit
by the user, evictions and a passage; since schema 2 an imported message, since schema 4 a pin,
since schema 5 a tag, an undone turn and a fork, since schema 6 a shared block and a purge, since
schema 7 a passage that was updated and one that was deleted, since schema 8 an archive that the
fork has. Up to schema 6 they have full-text
tables.
"""

from __future__ import annotations

import gzip
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import memgpt
import pytest

FILES = Path(__file__).parent / "files"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    return unpack(2, path)


def unpack(schema: int, path: Path) -> Path:
    path.write_bytes(gzip.decompress((FILES / f"schema-{schema}.db.gz").read_bytes()))
    return path


def pay(amount: int) -> str:
    """Pay.

    Args:
        amount: of coins.
    """
    return f"paid {amount}"


def test_its_history_is_made_again(old: Path) -> None:
    """But for the contexts, which another version of the compiler made."""
    with memgpt.open(old) as home:
        agent = home.agent("old")
        replay = agent.replay()
        assert replay.first_divergence is None
        assert (replay.commits, replay.steps) == (38, 19)
        told = "\n".join(replay.unchecked)
        assert len(replay.unchecked) == 2 and "before schema 3" in told
        assert "contexts of compiler version 1" in told
        assert all(step.correction == 0 and step.unbound_tools == [] for step in agent.steps())


def test_it_goes_on(old: Path, kit: Any) -> None:
    with memgpt.open(old) as home:
        agent = home.agent("old", model=(llm := kit.LLM([kit.say("Here.")])), tools=[pay])
        assert agent.send("Are you there?").text == "Here."
        assert "Lives in Turin, walks." in str(llm.last_context)
        assert agent.config["tokenizer"] == "o200k_base"
        assert len(agent.recall) == 59
        kit.still_answers(agent, llm)
        replay = agent.replay()
        assert replay.first_divergence is None and replay.steps == 21


def test_under_another_tokenizer(old: Path, kit: Any) -> None:
    """The window is counted anew, each step by its own."""
    llm = kit.LLM([kit.say("Here.")])
    llm.tokenizer = "cl100k_base"
    counter = memgpt.TokenCounter("cl100k_base")
    with memgpt.open(old) as home:
        agent = home.agent("old", model=llm, tools=[pay])
        agent.send("Are you there?")
        for span in llm.last_context.spans:
            if span.kind in ("message", "tool_return", "tool_schema"):
                assert span.tokens == counter.count(span.text)
        assert agent.replay().first_divergence is None
        names = [step.tokenizer for step in agent.steps() if step.digest]
        assert names == ["o200k_base"] * 19 + ["cl100k_base"]


SCHEMAS = [int(re.findall(r"\d+", path.name)[0]) for path in sorted(FILES.glob("schema-*.db.gz"))]


def test_there_is_a_file_of_every_schema_before_this_one(tmp_path: Path) -> None:
    with memgpt.open(tmp_path / "new.db"), closing(sqlite3.connect(tmp_path / "new.db")) as db:
        (newest,) = db.execute("PRAGMA user_version").fetchone()
    assert list(range(1, newest)) == SCHEMAS


@pytest.mark.parametrize("schema", SCHEMAS)
def test_each_is_migrated_sound_and_goes_on(schema: int, tmp_path: Path, kit: Any) -> None:
    path = unpack(schema, tmp_path / "old.db")
    with closing(sqlite3.connect(path)) as db:
        before = [db.execute("PRAGMA user_version").fetchone()[0], *counted(db)]
    with memgpt.open(path) as home, closing(sqlite3.connect(path)) as db:
        assert [schema, *counted(db)] == before
        assert home.check(replay=True) == []
        agent = home.agent("old", model=(llm := kit.LLM([kit.say("Here.")])), tools=[pay])
        assert len(agent.archival) == 1 and len(agent.archival.search("the")) == 1
        assert agent.recall.search(agent.recall.messages(0, 1)[0].text)
        assert agent.send("Are you there?").text == "Here."
        assert "Lives in Turin, walks." in str(llm.last_context)
        # What came with later schemas works on what was written before.
        agent.recall.import_transcript(
            [{"speaker": "Ann", "text": "New.", "id": "n1", "time": "2023-05-09"}]
        )
        agent.memory.attach(home.create_block("plan", "Shared."))
        agent.save("here")
        fork = agent.fork("other fork", at=5)
        assert fork.memory["human"].value in ("", "Lives in Turin, walks.")
        agent.undo(3)
        agent.redo(3)
        assert max(len(agent.memory[label].history()) for label in agent.memory) > 1
        kit.still_answers(agent, llm)
        assert home.check(replay=True) == []
        if schema >= 5:
            assert [tag.name for tag in agent.tags()] == ["before", "here"]
            assert "I am the fork." in [m.text for m in home.agent("fork").window]
        if schema >= 6:
            assert agent.memory["routes"].value == "By the bridge."
            assert ["only deleted agents" in row.what for row in home.purges()] == [True]
        if schema >= 7:
            kept = agent.archival.search("key")[0].passage
            assert (kept.text, kept.tags) == ("The key is under the fourth stone.", ["key"])
            assert agent.archival.search("gate").total == 1, "what was deleted is not seen"
        if schema >= 8:
            assert home.agent("fork").archival.search("filed")[0].passage.text == "Filed by a fork."
    assert not text_tables(path)


def text_tables(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT name FROM sqlite_schema WHERE name GLOB '*_fts*'")
        return sorted(name for (name,) in rows)


def rows_of(path: Path) -> dict[str, Any]:
    """Every row of the history, by table, and of passages the number of each."""
    with closing(sqlite3.connect(path)) as db:
        names = ("step", "message", "block", "passage", "embedding", "summary", "tool_run")
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def scribble(path: Path, table: str) -> None:
    """Nonsense on the first page of a table."""
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        root = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        (page,) = db.execute(root, (table,)).fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(content)


OTHER = "(SELECT rootpage FROM sqlite_schema WHERE name = 'message')"
TEXT_DAMAGES = {
    "no rows": "INSERT INTO message_fts(message_fts) VALUES('delete-all')",
    "index": "DELETE FROM message_fts_data WHERE id > 10",
    "version": "UPDATE message_fts_config SET v = 99 WHERE k = 'version'",
    "structure": "UPDATE message_fts_data SET block = x'00' WHERE id = 10",
    "half of it": "DROP TABLE passage_fts_docsize",
    "gone": "DROP TABLE message_fts",
    "others' pages": f"UPDATE sqlite_schema SET rootpage = {OTHER} WHERE name = 'passage_fts_idx'",
}


@pytest.mark.parametrize("schema", [1, 6])
@pytest.mark.parametrize("damage", [*TEXT_DAMAGES, "message_fts_data", "passage_fts_idx"])
def test_damaged_full_text_tables_are_dropped_all_the_same(
    damage: str, schema: int, tmp_path: Path
) -> None:
    path = unpack(schema, tmp_path / "old.db")
    memgpt.open(Path(shutil.copy(path, tmp_path / "sound.db"))).close()
    if damage in TEXT_DAMAGES:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA writable_schema = ON")
            assert db.execute(TEXT_DAMAGES[damage]).rowcount != 0
            db.commit()
    else:
        scribble(path, damage)
    assert text_tables(path)
    with memgpt.open(path) as home:
        assert home.check(replay=True) == []
        assert home.agent("old").recall.search("geese")
    assert not text_tables(path)
    assert rows_of(path) == rows_of(tmp_path / "sound.db")


@pytest.mark.parametrize("schema", [1, 6])
def test_a_file_that_cannot_be_migrated_is_as_it_was(schema: int, tmp_path: Path) -> None:
    """Where its history is damaged, and where the last migration fails."""
    path = unpack(schema, tmp_path / "old.db")
    scribble(path, "block")
    before = path.read_bytes()
    with pytest.raises(memgpt.NotADatabase, match="restore it from a copy"):
        memgpt.open(path)
    assert path.read_bytes() == before
    unpack(schema, path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE store_progress(id)")
    before = path.read_bytes()
    with pytest.raises(memgpt.StoreError, match="store_progress"):
        memgpt.open(path)
    assert path.read_bytes() == before and len(text_tables(path)) == 10


def test_passages_keep_their_rows(tmp_path: Path) -> None:
    """Embeddings name them; their ids need not be unique any more."""
    path = unpack(6, tmp_path / "old.db")
    before = rows_of(path)
    memgpt.open(path).close()
    assert rows_of(path) == before
    with closing(sqlite3.connect(path)) as db:
        columns = "uid, archive, branch, seq, text, tags, metadata, time_us, author, trust"
        db.execute(f"INSERT INTO passage({columns}) SELECT {columns} FROM passage")
        indexes = db.execute("SELECT name FROM pragma_index_list('passage')").fetchall()
    assert {name for (name,) in indexes} == {
        "passage_uid",
        "passage_archive",
        "passage_commit",
        "passage_time",
    }


def counted(db: sqlite3.Connection) -> list[int]:
    names = ("step", "message", "block", "passage", "summary", "tool_run")
    return [db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names]
