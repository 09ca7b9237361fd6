"""An agent with a bit of everything, what it tells of itself, and files that were forged."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import memgpt

from tests.conftest import CheckedLLM


@memgpt.tool
def ship(where: str) -> str:
    """Ship a parcel.

    Args:
        where: to.
    """
    return f"shipped to {where}"


def lived(kit: Any, name: str = "sam", **options: Any) -> memgpt.Agent:
    """An agent with a bit of everything: edits, evictions, a tool, passages, tags, undone lines."""
    options = {"context_window": 3584, "tools": [ship], **options}
    agent = kit.agent([], name=name, **options)
    script = iter(
        [
            kit.call("core_memory_append", name="human", content="Lives in Turin."),
            kit.say("Turin, noted."),
            kit.call("ship", where="Oslo"),
            kit.say("It is on its way."),
            kit.call("archival_memory_insert", content="The bridge was built in 1903."),
            kit.say("Filed."),
        ]
    )
    kit.llm.script = lambda context: next(script, kit.say("Well, that is " + "so " * 40))
    agent.send("I live in Turin.", name="Ann")
    agent.save("early")
    agent.send("Ship it to Oslo, please.")
    agent.send("Keep the year of the bridge.")
    for i in range(12):
        agent.send(f"Story {i} of the lantern and the goose: " + "it went on and on " * 20)
    first = agent.archival.insert("A goose walked over the bridge.", tags=["goose"], source="book")
    agent.archival.insert("The lantern was green.", metadata={"page": 7})
    gone = agent.archival.insert("To be deleted.")
    agent.archival.update(first.id, text="A goose flew over the bridge.")
    agent.archival.delete(gone.id)
    agent.recall.import_transcript(
        [{"speaker": "Ben", "text": "The orchard is old.", "time": "2023-05-08T13:56", "id": "1"}]
    )
    agent.send("Forget this one.")
    agent.undo()
    agent.send("Rather this one.")
    agent.pin(agent.window[-1])
    agent.send("And this, which is undone.")
    agent.undo()
    return agent


QUERIES = ["bridge", "goose", "lantern green", "Turin", '"on and on"', "orchard", "story 7"]


def answers(agent: memgpt.Agent) -> dict[str, Any]:
    """What an agent tells of itself, without the ids that a home gives."""
    return {
        "context": agent.context().to_request(),
        "spans": [(span.kind, span.text, span.tokens) for span in agent.context().spans],
        "past": [agent.context(step.seq).to_request() for step in agent.steps() if step.digest],
        "recall": [
            [(h.message.text, h.score, h.snippet) for h in agent.recall.search(q)] for q in QUERIES
        ],
        "archival": [
            [
                (h.passage.id, h.passage.text, h.score, h.passage.tags, h.passage.metadata)
                for h in agent.archival.search(q)
            ]
            for q in ["", *QUERIES]
        ],
        "log": [
            (m.role, m.name, m.text, m.time, m.position, m.tool_call_id, m.source_id)
            for m in agent.recall.messages(0, 10_000)
        ],
        "blocks": {label: agent.memory[label].value for label in agent.memory},
        "tags": [(tag.name, tag.head.seq) for tag in agent.tags()],
        "branches": len(agent.branches()),
        "summaries": [(s.text, s.author) for s in agent.summaries()],
        "steps": [(s.seq, s.kind, s.author, s.digest, s.time_us) for s in agent.steps()],
        "pins": agent.pinned,
        "config": agent.config,
    }


def taken_in(home: memgpt.Home, file: Path, name: str | None = None) -> memgpt.Agent:
    """Imported, with its model and its tool bound as in :func:`lived`: no step is made for that."""
    agent = home.import_agent(file, name)
    steps = len(agent.steps())
    agent = home.agent(agent.name, model=CheckedLLM([]), tools=[ship])
    assert agent.unbound == [] and len(agent.steps()) == steps
    return agent


def changed(file: Path, sql: str, reseal: bool = False) -> Path:
    """A copy that was edited by hand; ``reseal``: by somebody who knows about the digest."""
    copy = file.with_name("edited.memgpt")
    shutil.copyfile(file, copy)
    with closing(sqlite3.connect(copy)) as db, db:
        assert db.executescript(sql) is not None
        if reseal:
            db.execute("UPDATE manifest SET digest = ?", (digest(db),))
    return copy


def digest(db: sqlite3.Connection) -> str:
    """The manifest's digest, as cpp/store/export_file.h describes it."""
    (schema,) = db.execute("PRAGMA user_version").fetchone()
    out = hashlib.sha256(f"schema {schema}\n".encode())
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    for (table,) in db.execute(names).fetchall():
        if table == "manifest" or table.startswith("sqlite_"):
            continue
        info = db.execute(f"PRAGMA table_info({table})").fetchall()
        columns = ",".join(row[1] for row in info)
        key = ",".join(row[1] for row in sorted(info, key=lambda row: row[5]) if row[5])
        out.update(f"{table}({columns})\n".encode())
        for row in db.execute(f"SELECT {columns} FROM {table} ORDER BY {key}"):
            for value in row:
                if value is None:
                    out.update(b"n")
                elif isinstance(value, int):
                    out.update(f"i{value};".encode())
                else:
                    data = value.encode() if isinstance(value, str) else value
                    kind = "t" if isinstance(value, str) else "b"
                    out.update(f"{kind}{len(data)}:".encode() + data)
            out.update(b"\n")
    return out.hexdigest()
