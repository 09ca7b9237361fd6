"""An exported agent that shares archives with others: they go along, and find their place."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.errors import ConfigError, InvalidInput, ReadOnlyArchive

from tests.conftest import CheckedLLM, check_replay
from tests.export_checks import answers, changed
from tests.test_archives import FERN, GEESE, OVEN, Letters, filing, found, texts, uses


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sam.memgpt"


def taken_in(home: memgpt.Home, file: Path, name: str | None = None) -> memgpt.Agent:
    agent = home.import_agent(file, name)
    return home.agent(agent.name, model=CheckedLLM([]), tools=[filing(OVEN)])


def sharing(kit: Any) -> memgpt.Agent:
    """An agent that files in an archive of several agents, and reads another one."""
    team = kit.home.create_archive("team", "What the team knows.")
    rules = kit.home.create_archive("rules")
    other = kit.agent(uses(kit, "file"), name="ben", tools=[filing(FERN)])
    other.archival.attach(team)
    other.send("File it.")
    agent = kit.agent(uses(kit, "file"), tools=[filing(OVEN)])
    agent.archival.attach(team)
    agent.archival.attach(rules, read_only=True)
    agent.archival.insert(GEESE)
    agent.send("File it.")
    agent.save("filed")
    gone = team.insert("To be deleted.")
    team.update(team.insert("The bakery opens at six."), text="The bakery opens at seven.")
    team.delete(gone)
    rules.insert("Nobody runs in the mill.", tags=["rule"], metadata={"n": 1})
    return agent


def archives(agent: memgpt.Agent) -> dict[str, Any]:
    """What an agent tells of its archives."""
    return {
        str(entry): (
            entry.archive.description,
            entry.archive.embedding,
            len(entry.archive),
            found(entry.archive.search("the oven of the bakery", limit=50)),
            [
                (p.id, p.text, p.time, p.tags, p.metadata, p.author)
                for p in (hit.passage for hit in entry.archive.search("", limit=50))
            ],
        )
        for entry in agent.archival.attached
    }


def test_they_go_along(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = sharing(kit)
    before, shared = answers(agent), archives(agent)
    hits = found(agent.archival.search("bakery oven geese"))
    assert len(shared) == 2 and len(hits) > 2
    agent.export(file)
    there = taken_in(other, file)
    assert archives(there) == shared and answers(there) == before
    assert found(there.archival.search("bakery oven geese")) == hits
    past = agent.tags()[0].head.seq
    for query in ("oven", "bakery"):
        assert found(there.at(past).archival.search(query)) == found(
            agent.at(past).archival.search(query)
        )
    with pytest.raises(ReadOnlyArchive):
        there.archival.insert("x", archive="rules")
    there.archival.insert("The oven is mended.", archive="team")
    assert len(agent.archival.attached[0].archive) == 3  # another home's
    # What it did to them is told of when it is undone, as before.
    assert agent.undo().shared == there.undo().shared
    assert len(there.archival.attached) == 2
    kit.still_answers(other.agent("sam", model=kit.llm))
    check_replay(other)
    # And from there once more.
    there.export(file, overwrite=True)
    again = taken_in(kit.home, file, "again")
    assert archives(again).keys() == {"team 2", "rules (read-only)"}
    check_replay(kit.home)


def test_the_same_archive_is_shared_again(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = sharing(kit)
    agent.export(file)
    ben = kit.home.agent("ben", model=CheckedLLM([]), tools=[filing(FERN)])
    there = taken_in(other, file)
    late = file.with_name("ben.memgpt")
    ben.export(late)
    again = taken_in(other, late)
    assert [a.name for a in other.archives()] == ["team", "rules"]
    again.archival.insert("From Ben.", archive="team")
    assert "From Ben." in texts(there.archival, archive="team")
    # The home's goes on behind what the file has of it.
    third = taken_in(other, file, "third")
    assert "From Ben." in texts(third.archival, archive="team") and len(other.archives()) == 2
    # Here it went on otherwise than there: a copy, with what was in the file.
    back = taken_in(kit.home, file, "back")
    assert len(kit.home.archives()) == 2  # nothing was done to it since
    kit.home.archive("team").insert("Only here.")
    there.export(file, overwrite=True)
    forked = taken_in(kit.home, file, "forked")
    assert [str(entry) for entry in forked.archival.attached] == ["team 2", "rules (read-only)"]
    assert "Only here." in texts(back.archival) and "Only here." not in texts(forked.archival)
    assert "From Ben." in texts(forked.archival) and "From Ben." not in texts(back.archival)
    fifth = taken_in(kit.home, file, "fifth")
    assert (
        next(str(entry) for entry in fifth.archival.attached) == "team 3"
    )  # its id is another one
    check_replay(kit.home)
    check_replay(other)


def test_only_those_that_are_attached_now(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = sharing(kit)
    team = kit.home.archive("team")
    agent.archival.detach(team)
    before = answers(agent)
    agent.export(file)
    assert FERN.encode() not in file.read_bytes()
    there = taken_in(other, file)
    assert [str(entry) for entry in there.archival.attached] == ["rules (read-only)"]
    assert answers(there) == before
    # In a home that has it, one that did not come along is none of the agent's.
    here = taken_in(kit.home, file, "here")
    assert [str(entry) for entry in here.archival.attached] == ["rules (read-only)"]
    past = agent.tags()[0].head.seq
    assert FERN in texts(agent.at(past).archival) and FERN not in texts(here.at(past).archival)
    check_replay(kit.home)


def test_forged_to_reach_an_archive_of_the_home(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = kit.agent(lambda context: kit.say("yes"))
    own = kit.home.create_archive("own")
    agent.archival.attach(own)
    agent.export(file)
    private = other.create_archive("private")
    private.insert("The safe is behind the fern.")
    # Its id alone is no key to it.
    forged = changed(
        file, f"UPDATE config SET json = replace(json, '{own.id}', '{private.id}')", reseal=True
    )
    try:
        there = other.import_agent(forged)
    except memgpt.StoreError:
        return
    assert "The safe is behind the fern." not in texts(there.archival)
    assert private.agents == []


FORGED = [
    "UPDATE agent SET kind = 'agent' WHERE kind = 'archive'",
    "UPDATE agent SET kind = 'archive'",
    "UPDATE agent SET deleted_us = 1 WHERE kind = 'archive'",
    "DELETE FROM agent WHERE kind = 'archive'",
    "UPDATE agent SET head_branch = 1, line_branch = 1 WHERE kind = 'archive'",
    "UPDATE agent SET head_seq = 0, line_seq = 0 WHERE kind = 'archive'",
    "UPDATE agent SET archive = 'agent-nobody' WHERE kind = 'archive'",
    "UPDATE agent SET id = 'archive-x' WHERE name = 'team'",
    "UPDATE archive_commit SET archive_seq = 99",
    "UPDATE archive_commit SET archive_branch = 99",
    "UPDATE archive_commit SET archive_branch = branch",
    "DELETE FROM archive_commit",
    "UPDATE config SET json = replace(json, '\"archives\":[', '\"archives\":[7,')",
    'UPDATE config SET json = replace(json, \'"archives":[\', \'"archives":[{"id":3},\')',
    "UPDATE passage SET archive = (SELECT id FROM agent WHERE name = 'rules')",
    "UPDATE step SET content = NULL",
]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("sql", FORGED)
def test_what_was_forged_is_refused_or_does_no_harm(
    kit: Any, other: memgpt.Home, file: Path, sql: str, known: bool
) -> None:
    sharing(kit).export(file)
    if known:
        taken_in(other, file, "resident")
    resident = other.create_agent("resident", model=CheckedLLM([]), exist_ok=True)
    before, held = archives(resident), {a.name: texts(a) for a in other.archives()}
    try:
        there = other.import_agent(changed(file, sql, reseal=True))
    except (memgpt.StoreError, ConfigError):
        assert other.agents() == ["resident"]
    else:
        archives(there), str(there), there.archival.search("oven")
        other.agent(there.name, model=kit.llm, tools=[filing(OVEN)])
        kit.still_answers(there)
    assert archives(resident) == before
    assert {name: texts(other.archive(name)) for name in held} == held
    check_replay(other)


@pytest.mark.parametrize("name", ["a\nb", "", "x" * 201])
def test_a_forged_name(kit: Any, other: memgpt.Home, file: Path, name: str) -> None:
    sharing(kit).export(file)
    forged = changed(
        file, f"UPDATE agent SET name = '{name}' WHERE kind = 'archive' AND name = 'team'", True
    )
    with pytest.raises(ConfigError, match="1 to 200 characters"):
        other.import_agent(forged)
    assert other.agents() == [] and other.archives() == []


def test_names_are_only_names(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = kit.agent([])
    for name in ("../../etc/passwd", "<script>alert(1)</script>", "papers", "papers 2"):
        agent.archival.attach(kit.home.create_archive(name))
    other.create_archive("papers")
    agent.export(file)
    there = other.import_agent(file)
    assert [str(entry) for entry in there.archival.attached] == [
        "../../etc/passwd", "<script>alert(1)</script>", "papers 2", "papers 2 2",
    ]  # fmt: skip
    assert "<script>" not in there.archival.attached[1].archive._repr_html_()


def test_one_with_an_embedder_of_ones_own(kit: Any, other: memgpt.Home, file: Path) -> None:
    team = kit.home.create_archive("team", embedding=Letters())
    team.insert_many([FERN, OVEN, GEESE])
    agent = kit.agent([])
    agent.archival.attach(team)
    hits = found(team.search("geese"))
    agent.export(file)
    other.import_agent(file)
    opened = other.archive("team", embedding=Letters())
    assert found(opened.search("geese")) == hits
    opened.insert("Filed since.")
    assert len(opened) == 4


def test_a_purge_finds_what_came_along(kit: Any, other: memgpt.Home, file: Path) -> None:
    sharing(kit).export(file)
    there = taken_in(other, file)
    assert other.purge(text="fern").passages == 1
    assert FERN not in texts(there.archival)
    there.export(file, overwrite=True)
    assert b"fern" not in file.read_bytes()
    again = taken_in(kit.home, file, "again")
    assert next(str(entry) for entry in again.archival.attached) == "team 2"
    assert FERN in texts(kit.home.archive("team"))
    check_replay(kit.home)


def test_letters_format_does_not_hold_them(kit: Any, tmp_path: Path) -> None:
    agent = sharing(kit)
    with pytest.warns(UserWarning, match='the shared archives "team", "rules"'):
        agent.export(tmp_path / "sam.af")


def test_nothing_of_others_goes_along(kit: Any, file: Path) -> None:
    sharing(kit).export(file)
    with closing(sqlite3.connect(file)) as db:
        kinds = dict(db.execute("SELECT name, kind FROM agent").fetchall())
        assert kinds == {"sam": "agent", "team": "archive", "rules": "archive"}
        owners = db.execute(
            "SELECT a.name FROM archive_commit c JOIN branch b ON b.id = c.branch "
            "JOIN agent a ON a.id = b.agent_id"
        ).fetchall()
    assert owners == [("sam",)]


def test_many_are_filed_by_an_agent(kit: Any) -> None:
    team = kit.home.create_archive("team")
    agent = kit.agent([])
    agent.archival.attach(team)
    told: list[tuple[int, int]] = []
    made = agent.archival.insert_many(
        [FERN, {"text": OVEN, "tags": ["a"]}],
        archive=team,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(2, 2)] and [p.text for p in made] == [FERN, OVEN]
    assert found(team.search("oven"))[0] == (OVEN, "team", "user")
    assert len(agent.archival) == 0 and len(agent.archival.search("fern")) >= 1
    with pytest.raises(InvalidInput, match="item 2"):
        agent.archival.insert_many(["fine", ""], archive="team")
    agent.archival.attach(team, read_only=True)
    with pytest.raises(ReadOnlyArchive):
        agent.archival.insert_many(["x"], archive="team")
    assert len(team) == 2

    @memgpt.tool(effects="none")
    def file_all(agent: memgpt.Agent) -> str:
        """File what there is."""
        agent.archival.insert_many([GEESE, "One more."], archive="team")
        raise ValueError("no")

    agent.archival.attach(team)
    agent.add_tool(file_all)
    kit.llm.script = uses(kit, "file_all")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agent.send("File them.")
    assert len(team) == 2  # all or nothing, with its step
