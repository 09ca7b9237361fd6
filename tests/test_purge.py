"""home.purge(): what it destroys is nowhere in the file, and everything else goes on."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import Reply, testing
from memgpt.errors import ConfigError, InvalidInput, StoreError
from memgpt.testing import ScriptedLLM

CARD = "4111 1111 1111 1111"
SECRETS = {
    "plain": CARD,
    "escaped": 'a "pass\\word"\n\tof zwölf, 秘密 and 🔑',
    "digits": "4111111111111111",
    "short": "§7§",
    "wide": "秘密の鍵",
}
WORDS = "the river ran past the old mill and the miller counted seven white geese on its bank "


class Knowing(ScriptedLLM):
    """Writes the secret into every part of its replies, and into summaries."""

    secret = ""

    def complete(self, context: memgpt.Context) -> Reply:
        reply = super().complete(context)
        reply.content, reply.thinking = f"aside {self.secret}", f"I think of {self.secret}."
        return reply

    def summarize(self, text: str, limit: int) -> str:
        return f"They spoke of {self.secret}."


@memgpt.tool
def pay(card: Any, more: dict[str, Any]) -> str:
    """Pay."""
    if more.get("fail"):
        raise ValueError(f"no money on {card}")
    return json.dumps({"paid with": card, "more": [json.dumps(more)]})


def forms(secret: str) -> set[bytes]:
    """As text and as JSON, in JSON and in JSON of JSON."""
    texts = {secret}
    for _ in range(3):
        texts |= {json.dumps(t, ensure_ascii=a)[1:-1] for t in texts for a in (True, False)}
    return {text.encode() for text in texts}


def raw(path: Path | str) -> bytes:
    files = [Path(f"{path}{suffix}") for suffix in ("", "-wal")]
    return b"\n".join(file.read_bytes() for file in files if file.exists())


def assert_gone(path: Path | str, *texts: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        file = Path(f"{path}{suffix}")
        data = file.read_bytes() if file.exists() else b""
        for text in texts:
            for form in forms(text):
                assert form not in data, f"{form!r} is in the file{suffix}"


def holding(path: Path | str, secret: str) -> dict[str, int]:
    """Columns that hold it, in any form, with the number of rows."""
    found: dict[str, int] = {}
    with contextlib.closing(sqlite3.connect(path)) as db:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            rows = db.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    data = str(value).encode() if not isinstance(value, bytes) else value
                    if any(form in data for form in forms(secret)):
                        found[f"{table}.{name}"] = found.get(f"{table}.{name}", 0) + 1
    return found


PLACES = {
    "message.text", "message.content", "message.thinking", "message.tool_calls", "message.name",
    "message.source_id", "block.value", "block.description", "shared_block.value",
    "shared_block.description", "passage.text", "passage.tags", "passage.metadata", "summary.text",
    "step.reply", "tool_run.arguments", "config.json",
}  # fmt: skip


def live(kit: Any, home: memgpt.Home, secret: str) -> tuple[memgpt.Agent, memgpt.Agent, Knowing]:
    """Two agents; the secret is wherever a text can be."""
    script: list[Any] = []
    llm = Knowing(lambda context: script.pop(0) if script else kit.say(f"so, {secret}"))
    llm.secret = secret
    agent = home.create_agent(
        "sam", model=llm, tools=[pay], context_window=4096, system=f"Keep {secret} to yourself."
    )
    block = home.create_block("team", f"we know {secret}", description=f"about {secret}")
    agent.memory.attach(block)
    other = home.create_agent("eva", model=llm, context_window=4096)
    other.memory.attach(block)
    agent.send("Before all that.")
    agent.send(f"It is {secret}, {secret}!", name=secret)
    number = int(secret) if secret.isdigit() else 7
    deep = {"card": secret, "deep": json.dumps({secret: [secret, number]}), "n": number}
    script[:] = [
        kit.call("pay", card=secret, more=deep),
        kit.call("pay", card=number, more={**deep, "fail": True}),
        kit.call("core_memory_append", name="human", content=secret),
        Reply(tool_calls=[memgpt.ToolCall("pay", '{"card": ' + json.dumps(secret))]),
        kit.call("archival_memory_insert", content=f"filed: {secret}", tags=[secret]),
        kit.call("archival_memory_search", query=secret),
    ]
    agent.send("Use it.")
    agent.recall.import_transcript(
        [
            {
                "speaker": secret,
                "text": f"I said {secret}",
                "id": f"id {secret}",
                "time": "2023-05-08",
            }
        ]
    )
    agent.archival.insert(f"Under the fern: {secret}", tags=[secret], metadata={secret: [secret]})
    agent.memory["human"].value = f"has {secret} and {secret}"
    agent.memory.add("notes", f"also {secret}", 500, f"what {secret} is for", read_only=True)
    block.value = f"we all know {secret}"
    other.send("Hello.")
    for _ in range(9):
        agent.send(WORDS * 2)
    return agent, other, llm


@pytest.mark.parametrize("kind", SECRETS)
def test_a_text_is_gone_from_everywhere_and_the_agents_go_on(kit, home, kind):
    secret = SECRETS[kind]
    agent, other, llm = live(kit, home, secret)
    before = {name: home.agent(name).replay() for name in home.agents()}
    assert all(replay.first_divergence is None for replay in before.values())
    planted = holding(home.path, secret)
    assert planted.keys() >= PLACES, PLACES - planted.keys()
    steps = agent.steps()
    length = len(agent.recall)
    past = agent.at(6)
    handle = past.recall.messages(0, 100)
    assert any(secret in message.text for message in handle)

    purged = home.purge(text=secret)
    assert_gone(home.path, secret)
    assert holding(home.path, secret) == {}
    for figure in ("messages", "passages", "blocks", "summaries", "replies", "tool_runs"):
        assert getattr(purged, figure) > 0, figure
    assert purged.configurations == purged.id == 1 and purged.commits >= len(steps) // 2
    assert purged.vectors_lost == purged.names == 0
    told = f"a text of {len(secret)} characters in {purged.messages} messages"
    assert purged.text.startswith(told) and told in repr(purged) and secret not in repr(purged)
    (left,) = home.purges()
    assert left.compacted and left.what == purged.text and left.id == 1
    assert abs(left.time.timestamp() - time.time()) < 600

    assert home.check() == []
    for name in home.agents():
        replay = home.agent(name).replay()
        assert replay.first_divergence is None, f"{replay.first_divergence}"
        assert (replay.commits, replay.steps) == (before[name].commits, before[name].steps)
        assert any(
            line.startswith("contexts that held what purge 1 destroyed (20") and purged.text in line
            for line in replay.unchecked
        )
    # No handle shows it, neither one of now nor one of then.
    assert len(agent.recall) == length
    mark = "[purged]" if len(secret) >= 8 else "*" * len(secret)
    assert agent.memory["human"].value == f"has {mark} and {mark}"
    assert other.memory["team"].value == home.blocks()[0].value == f"we all know {mark}"
    shown = [str(agent.context()), str(other.context()), str(agent.config), repr(agent.summaries())]
    shown += [m.text + m.name for m in agent.recall.messages(0, 1000)]
    shown += [m.text + m.name for m in past.recall.messages(0, 1000)]
    shown += [
        p.text + str(p.tags) + str(p.metadata)
        for p in (h.passage for h in agent.archival.search("", limit=99))
    ]
    shown += [str(past.context()), *(str(agent.context(step=s.seq)) for s in steps if s.digest)]
    shown += [step.reply + step.decision for step in agent.steps()]
    assert not [text for text in shown for form in forms(secret) if form in text.encode()]
    assert not [hit for hit in agent.recall.search(secret) if secret in hit.message.text]
    assert not [hit for hit in agent.archival.search(secret) if secret in hit.passage.text]
    assert agent.archival.search(f"Under the fern: {mark}", limit=1)[0].score > 0.99

    llm.secret = "nothing"
    llm.script = lambda context: kit.say("fine")
    for each in (agent, other, agent.fork("ann"), agent.fork("ben", at=6)):
        assert each.send("And now?").text == "fine"
        assert testing.check_context(llm.last_context) == [] and testing.check_agent(each) == []
        assert not [f for f in forms(secret) if f in str(llm.last_context.to_request()).encode()]
        assert each.replay().first_divergence is None
        assert each.recompile().steps
    agent.undo(4)
    agent.redo()
    assert_gone(home.path, secret)
    again = home.purge(text=secret)
    assert (again.id, again.commits, again.text) == (0, 0, "") and "nothing" in repr(again)
    assert len(home.purges()) == 1


def test_after_reopening_too(kit, home):
    live(kit, home, CARD)
    path = home.path
    home.purge(text=CARD)
    kit.reopen()
    assert_gone(path, CARD)
    agent = kit.home.agent("sam", model=(llm := kit.LLM([kit.say("yes")])), tools=[pay])
    assert agent.send("Still there?").text == "yes"
    assert CARD not in str(llm.last_context) and "[purged]" in str(llm.last_context)
    assert kit.home.purges()[0].what.startswith("a text of 19 characters")


def test_words_that_the_kernel_itself_uses_break_nothing(kit, home):
    agent, other, llm = live(kit, home, "nothing much")
    for word in ("message", "user", "call", "pay", "the", "tool", "content", "name", "human"):
        assert home.purge(text=word).commits > 0, word
        assert home.check() == [], word
        for each in (agent, other):
            replay = each.replay()
            assert replay.first_divergence is None, f"{word}: {replay.first_divergence}"
    llm.script = lambda context: kit.say("fine")
    assert agent.send("Well?").text == "fine"
    assert home.purge(text="sam").names > 0  # the agent is still called so
    assert home.agents() == ["sam", "eva"]


def test_bad_input_changes_nothing(kit, home):
    kit.agent([kit.say("ok")]).send(f"It is {CARD} ab.")
    before = raw(home.path)
    with pytest.raises(ConfigError, match=r"text=.*deleted=True.*undone=True"):
        home.purge()
    for text in ("", "ab", "  \n ", "[purged]", "***", "\ud800abc", "a\udfffb c"):
        with pytest.raises(InvalidInput):
            home.purge(text=text)
    for wrong in ({"text": 7}, {"text": b"abc"}, {"deleted": 1}, {"undone": "yes"}):
        with pytest.raises((ConfigError, InvalidInput)):
            home.purge(**wrong)
    assert home.purge(text=CARD.lower() + "x").id == 0
    assert home.purge(text="IT IS").id == home.purge(deleted=True, undone=True).id == 0
    assert home.purges() == [] and raw(home.path) == before
    with pytest.raises(StoreError):
        home.close()
        home.purge(text=CARD)


def test_a_marker_is_never_longer(home, kit):
    agent = kit.agent([])
    agent.memory.add("full", "秘密鍵" * 10, 30)
    agent.memory.add("stars", "x*a*a*a*x", 9)
    agent.memory.add("self", "aabaabaab", 9)
    home.purge(text="秘密鍵")
    home.purge(text="*a*")
    home.purge(text="aab")
    assert agent.memory["full"].value == "*" * 30
    assert "a*a" not in agent.memory["stars"].value and len(agent.memory["stars"].value) == 9
    assert agent.memory["self"].value == "*" * 9
    assert agent.replay().first_divergence is None


def test_json_stays_json_and_what_is_not_changed_stays_as_it_was(home, kit):
    agent = kit.agent([kit.say("ok")])
    odd = '{ "b" : 1.50, "a" : [ "x\\u00e9", "' + CARD + '" ] }'
    agent.send(odd)
    agent.archival.insert("p", metadata={"n": 4111222, "keep": [1.5, None, True], "s": CARD})
    home.purge(text=CARD)
    assert agent.recall.messages(0, 1)[0].text == odd.replace(CARD, "[purged]")
    home.purge(text="4111222")
    (passage,) = [hit.passage for hit in agent.archival.search("")]
    assert passage.metadata == {"n": "*" * 7, "keep": [1.5, None, True], "s": "[purged]"}
    home.purge(text='"a" : [')
    assert '"b" : 1.50, ' in agent.recall.messages(0, 1)[0].text


def test_a_return_that_was_cut_stays_cut_at_the_edge_of_a_character(home, kit):
    @memgpt.tool
    def read() -> str:
        """Read."""
        return f"é{CARD}" * 4000

    agent = kit.agent([kit.call("read"), kit.say("long")], tools=[read], context_window=4096)
    agent.send("Read it.")
    home.purge(text=CARD)
    text = next(m for m in agent.recall.messages(0, 9) if m.role == "tool").text
    assert text == "é[purged]" * 4000
    (span,) = [s for s in agent.context().spans if s.kind == "tool_return" and s.cut]
    json.loads(span.text)
    assert span.tokens == memgpt.TokenCounter("o200k_base").count(span.text)
    assert agent.replay().first_divergence is None
    kit.still_answers(agent)


def test_a_call_that_was_broken_off_is_not_repeated_with_what_is_left_of_it(home, kit):
    ran = []

    @memgpt.tool(idempotent=True)
    def pay_once(card: str) -> str:
        """Pay."""
        ran.append(card)
        if len(ran) == 1:
            raise KeyboardInterrupt
        return "paid"

    def interrupted(secret: str | None) -> list[str]:
        ran.clear()
        kit.llm.script = lambda context: kit.call("pay_once", card=CARD)
        with pytest.raises(KeyboardInterrupt):
            agent.send("Pay.")
        if secret is not None:
            assert home.purge(text=secret).tool_runs == 1
        kit.llm.script = lambda context: kit.say("ok")
        agent.send("And?")
        return ran

    agent = kit.agent([], tools=[pay_once])
    assert interrupted(None) == [CARD, CARD]
    home.purge(text=CARD)
    assert interrupted(CARD) == [CARD]
    assert [m.failed for m in agent.recall.messages(0, 99) if m.name == "pay_once"][-1]
    assert agent.replay().first_divergence is None


class Letters(memgpt.TokenCounter):
    name = "letters"

    def count(self, text: str) -> int:
        return len(text) // 3


def test_a_counter_of_a_program_counts_anew_what_was_changed(home, kit):
    class Own(kit.LLM):
        tokenizer = Letters()

    llm = Own(lambda context: kit.say(f"so {CARD}"))
    agent = home.create_agent("sam", model=llm, context_window=12_000)
    for i in range(4):
        agent.send(f"{i} {CARD}")
    home.purge(text=CARD)
    spans = [s for s in agent.context().spans if s.kind in ("message", "tool_return")]
    assert spans and all(span.tokens == len(span.text) // 3 for span in spans)
    assert agent.replay().first_divergence is None
    kit.still_answers(agent, llm)
    kit.reopen()
    agent = kit.home.agent("sam", model=llm)
    spans = [s for s in agent.context().spans if s.kind in ("message", "tool_return")]
    assert all(span.tokens == len(span.text) // 3 for span in spans)
    assert agent.replay().first_divergence is None


class Sizes(memgpt.Embedder):
    name, dimension = "sizes", 2
    fails = False

    def embed(self, texts: list[str]) -> list[list[float]]:
        if self.fails:
            raise RuntimeError("no")
        assert not any(CARD in text for text in texts) or not self.strict
        return [[1.0, float(len(text))] for text in texts]

    strict = False


@pytest.mark.parametrize("how", ["bound", "fails", "unbound"])
def test_vectors_are_of_the_new_text_or_gone(home, kit, how):
    embedder = Sizes()
    agent = kit.agent([], embedding=embedder)
    agent.archival.insert(f"about {CARD}")
    agent.archival.insert("about geese")
    vectors = "SELECT passage, vector FROM embedding ORDER BY passage"
    with contextlib.closing(sqlite3.connect(home.path)) as db:
        before = db.execute(vectors).fetchall()
    embedder.strict, embedder.fails = True, how == "fails"
    if how == "unbound":
        kit.reopen()
    purged = kit.home.purge(text=CARD)
    with contextlib.closing(sqlite3.connect(home.path)) as db:
        after = db.execute(vectors).fetchall()
    assert before[1] == after[-1]
    assert purged.vectors_lost == (how != "bound") and len(after) == 2 - purged.vectors_lost
    assert how != "bound" or after[0][1] != before[0][1]
    embedder.strict = embedder.fails = False
    agent = kit.home.agent("sam", embedding=embedder)
    assert len(agent.archival.search("")) == 2
    assert len(agent.archival.search("geese")) == len(after)


# Replay


def tampered(home: memgpt.Home, sql: str, *values: Any) -> Any:
    with contextlib.closing(sqlite3.connect(home.path)) as db, db:
        assert db.execute(sql, values).rowcount > 0
    return home.agent("sam").replay().first_divergence


@pytest.mark.no_replay
def test_changes_by_hand_are_still_found_after_it(home, kit):
    live(kit, home, CARD)
    home.purge(text=CARD)
    agent = home.agent("sam")
    assert agent.replay().first_divergence is None
    first = next(s.seq for s in agent.steps() if "[purged]" in s.reply)
    for sql in (
        "UPDATE message SET text = text || 'x' WHERE id = (SELECT min(id) FROM message "
        "WHERE text LIKE '%[purged]%')",
        f"UPDATE step SET purged = NULL WHERE seq = {first} AND branch = 1",
        f"UPDATE step SET purged = 7 WHERE seq = {first} AND branch = 1",
        "UPDATE block SET value = 'x' WHERE value LIKE '%[purged]%' AND branch = 1",
        "UPDATE step SET purged = 1 WHERE purged IS NULL AND branch = 1",
    ):
        with contextlib.closing(sqlite3.connect(home.path)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.rollback()
            copy = Path(home.path).with_name("copy.db")
            with contextlib.closing(sqlite3.connect(copy)) as target:
                db.backup(target)
        with memgpt.open(copy, durability="process") as other:
            assert tampered(other, sql) is not None, sql
        for suffix in ("", "-wal", "-shm", "-turns"):
            Path(f"{copy}{suffix}").unlink(missing_ok=True)


@pytest.mark.no_replay
def test_what_was_changed_by_hand_before_it_is_still_found(home, kit):
    agent = kit.agent([kit.say("a"), kit.say("b")])
    agent.send(f"It is {CARD}.")
    agent.send("Fine.")
    change = "UPDATE message SET text = text || 'x' WHERE position = 0"
    assert tampered(home, change).seq == 2
    home.purge(text=CARD)
    assert_gone(home.path, CARD)
    assert agent.replay().first_divergence.seq == 2


@pytest.mark.no_replay
def test_contexts_without_it_are_compared_as_before(home, kit):
    agent = kit.agent(lambda context: kit.say("ok"), context_window=4096)
    agent.send("Before.")
    agent.send(f"It is {CARD}.")
    while CARD in str(agent.context()):
        agent.send(WORDS * 4)
    for _ in range(3):
        agent.send("After.")
    held = [s.seq for s in agent.steps() if s.digest and CARD in str(agent.context(step=s.seq))]
    free = [s.seq for s in agent.steps() if s.digest and s.seq not in held]
    assert len(held) > 1 and len(free) > 3
    home.purge(text=CARD)
    replay = agent.replay()
    assert replay.first_divergence is None and len(replay.unchecked) == 2
    figures = {s.seq: s.prefix_tokens for s in agent.steps() if s.digest}
    for seq in (free[0], free[-1], held[0]):
        sql = "UPDATE step SET digest = ? WHERE seq = ?"
        with contextlib.closing(sqlite3.connect(home.path)) as db:
            (digest,) = db.execute("SELECT digest FROM step WHERE seq = ?", (seq,)).fetchone()
        found = tampered(home, sql, "0" * 64, seq)
        # Where it is compared the context itself is named; else what the commit wrote.
        assert (found.seq, found.what) == (seq, "step" if seq in held else "context")
        tampered(home, sql, digest, seq)
    for seq, compared in ((free[-1], True), (held[-1], False)):
        sql = "UPDATE step SET prefix_tokens = ? WHERE seq = ?"
        found = tampered(home, sql, figures[seq] + 1, seq)
        assert (found.seq, found.what) == (seq, "prefix" if compared else "step")
        tampered(home, sql, figures[seq], seq)
    assert agent.replay().first_divergence is None


def test_a_text_that_no_context_shows_leaves_every_context_compared(home, kit):
    llm = Knowing(lambda context: kit.say("ok"))
    agent = home.create_agent("sam", model=llm)
    agent.send("One.")
    agent.recall.import_transcript(
        [{"speaker": "Bob", "text": f"I have {CARD}", "time": "2023-05-08"}]
    )
    agent.archival.insert(CARD)
    agent.send("Two.")
    assert home.purge(text=CARD).messages == 1
    replay = agent.replay()
    assert replay.first_divergence is None and replay.unchecked == []
    agent.send("Three.")
    assert agent.steps()[-1].prefix_tokens > 0


def test_two_purges_are_told_apart(home, kit):
    agent = kit.agent(lambda context: kit.say("ok"))
    agent.send(f"It is {CARD}.")
    home.purge(text=CARD)
    agent.send("The other is 5500 0000 0000 0004.")
    home.purge(text="5500 0000 0000 0004")
    told = "\n".join(agent.replay().unchecked)
    assert "purge 2" in told and "purge 1" in told
    assert [purge.id for purge in home.purges()] == [1, 2]
