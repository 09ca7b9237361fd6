"""Recall and archival memory, homes, and what is still there after a restart or a kill."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

import memgpt
import pytest

LOG = [
    ("2023-05-08T13:56:00", "Carla", "I moved to Turin in spring with my cat"),
    ("2023-05-09T10:00:00", "Chad", "The old mill was sold to a baker"),
    ("2023-06-01T00:00:00", "Carla", "My cat caught a goose near the old bridge"),
    ("2023-07-01T12:00:00", "Chad", "To be or not to be"),
]


@pytest.fixture
def agent(kit) -> memgpt.Agent:
    """An agent that was told LOG."""
    agent = kit.agent(lambda context: kit.say("Understood."))
    for time, name, text in LOG:
        agent.send(text, name=name, time=time)
    return agent


def found(agent: memgpt.Agent, query: str, **options) -> list[int]:
    """Which lines of LOG a search finds, best first."""
    texts = [text for _, _, text in LOG]
    options = {"roles": ["user"], "ranking": memgpt.Ranking.plain(), **options}
    hits = agent.recall.search(query, **options)
    return [texts.index(hit.message.text) for hit in hits]


def test_recall_finds_words_phrases_and_speakers(agent):
    assert found(agent, "Turin") == [0]
    assert found(agent, "cats") == found(agent, "CAT")
    assert sorted(found(agent, "cat mill")) == [0, 1, 2]
    assert sorted(found(agent, "old")) == [1, 2]
    assert found(agent, '"old mill"') == [1]
    assert sorted(found(agent, '"mill old"')) == [1, 2], "nobody said so: by its words"
    assert found(agent, '"old bridge" Turin')[0] in (0, 2)
    no_window = memgpt.Ranking(window=(), reply=None)
    assert sorted(found(agent, "Carla", ranking=no_window)) == [0, 2]
    assert found(agent, "zebra") == []


def test_a_hit_has_a_score_a_snippet_and_its_message(agent):
    agent.send("geese " * 200 + "a lighthouse stood there " + "geese " * 200)
    hit = agent.recall.search("lighthouse")[0]
    assert hit.score > 0 and "lighthouse" in hit.snippet and len(hit.snippet) < 300
    assert (hit.message.role, hit.message.type) == ("user", "user_message")
    best = agent.recall.search("old mill")
    assert best[0].score >= best[-1].score and "mill" in best[0].message.text


@pytest.mark.parametrize(
    "query",
    [
        'Turin"', '"Turin', '"""Turin', "Turin AND", "NOT Turin", "Turin OR", "NEAR(Turin, 2)",
        "text:Turin", "Turin*", "^Turin", "-Turin", "(Turin", "Turin)", "Turin'; DROP TABLE step",
        "{text}: Turin", "Turin + +", "Turin\0", "%Turin_", "🦢 Turin 漢字",
    ],
)  # fmt: skip
def test_operators_and_unbalanced_quotes_are_harmless(agent, query):
    assert 0 in found(agent, query)


@pytest.mark.parametrize("query", ['"', '""', "***", "()", "🦢", ":", "-", "\0"])
def test_a_query_without_a_word_finds_nothing_or_no_error(agent, query):
    assert agent.recall.search(query) == []


def test_stop_words_are_searched_where_there_is_nothing_else(agent):
    assert found(agent, "to be or not to be")[0] == 3
    assert found(agent, "not")[0] == 3


def test_an_empty_query_gives_the_newest_first(agent):
    assert found(agent, "") == [3, 2, 1, 0]
    assert found(agent, "  ", limit=2) == [3, 2]


def test_a_huge_query_is_answered(agent):
    assert 0 in found(agent, "Turin " + "word " * 50_000)


def test_start_is_included_and_end_is_not(agent):
    assert found(agent, "", start="2023-05-09T10:00:00") == [3, 2, 1]
    assert found(agent, "", end="2023-06-01T00:00:00") == [1, 0]
    assert found(agent, "cat", start="2023-05-09", end="2023-06-02T00:00:00+00:00") == [2]
    assert found(agent, "", start="2023-06-01T02:00:00+02:00") == [3, 2]
    assert found(agent, "", start="2024-01-01") == []


def test_roles_choose_what_is_searched(agent):
    assert {hit.message.role for hit in agent.recall.search("", limit=100)} == {"user", "assistant"}
    assert len(agent.recall.search("understood", roles=["assistant"], limit=100)) == len(LOG)
    assert agent.recall.search("delivered") == []
    assert len(agent.recall.search("delivered", roles=["tool"])) == len(LOG)
    assert agent.recall.search("Turin", roles=[]) == []


def test_limit_and_offset_page_through(agent):
    whole = found(agent, "", limit=100)
    assert [found(agent, "", limit=1, offset=i) for i in range(4)] == [[i] for i in whole]
    assert found(agent, "", limit=0) == [] and found(agent, "", offset=100) == []


def test_agents_do_not_find_each_others_messages(kit, agent):
    other = kit.agent(lambda context: kit.say("so"), name="other")
    other.send("Turin is mine")
    assert found(agent, "Turin") == [0]
    assert other.recall.search("Turin")[0].message.text == "Turin is mine"
    assert {hit.message.text for hit in other.recall.search("Turin")} == {"Turin is mine", "so"}


def test_the_agents_own_search_does_not_find_the_question(kit, agent):
    kit.llm.calls = 0
    kit.llm.script = [kit.call("conversation_search", query="Turin"), kit.say("in Turin")]
    agent.send("When did I move to Turin?")
    assert "I moved to Turin in spring" in kit.llm.returned()
    assert "When did I move" not in kit.llm.returned() and "2023-05-08" in kit.llm.returned()


@pytest.mark.parametrize("date", ["2023-13-01", "someday", "", "2023-05-08 25:00"])
def test_search_by_date_feeds_a_bad_date_back(kit, agent, date):
    kit.llm.calls = 0
    kit.llm.script = [
        kit.call("conversation_search_date", start_date="2023-05-09", end_date="2023-06-01"),
        kit.call("conversation_search_date", start_date=date, end_date="2023-06-01"),
        kit.say("so"),
    ]
    reply = agent.send("what happened in May?")
    good, bad = [m for m in reply.messages if m.role == "tool"][:2]
    assert "old mill" in good.text and "goose" in good.text and "Turin" not in good.text
    assert bad.failed and "start_date" in bad.text


PASSAGES = [
    ("Carla keeps a grey cat named Tempo.", ["pets"]),
    ("The mill in Turin burned down in 1912.", ["history", "places"]),
    ("Recipe: chestnut cake with honey.", ["food"]),
]


def test_archival_memory_inserts_searches_and_reopens(kit):
    agent = kit.agent()
    for text, tags in PASSAGES:
        passage = agent.archival.insert(text, tags=tags, metadata={"source": text[:5]})
        assert passage.text == text and passage.tags == tags and passage.id
    path = kit.home.path
    for again in (False, True):
        if again:
            kit.home.close()
            agent = memgpt.open(path, durability="process").agent("sam", model=kit.llm)
        assert len(agent.archival) == 3
        hit = agent.archival.search("a cat named Tempo")[0]
        assert hit.passage.text == PASSAGES[0][0] and hit.passage.tags == ["pets"]
        assert hit.passage.metadata == {"source": "Carla"} and 0 < hit.score <= 1.0001
        tagged = agent.archival.search("anything", tags=["food", "history"])
        assert {hit.passage.tags[0] for hit in tagged} == {"food", "history"}
        newest = agent.archival.search("")
        assert [hit.passage.text for hit in newest] == [text for text, _ in reversed(PASSAGES)]
        assert len(agent.archival.search("cat", limit=2)) == 2
        assert len(agent.archival.search("cat", limit=10, offset=2)) == 1
        assert agent.archival.search("cat", start="2099-01-01") == []
        assert len(agent.archival.search("cat", end="2099-01-01")) == 3
    kit.still_answers(agent)
    memgpt.open(path, durability="process").close()


def test_archival_memory_refuses_an_empty_text(kit):
    agent = kit.agent()
    with pytest.raises(memgpt.errors.InvalidInput, match="empty"):
        agent.archival.insert(" ")
    assert len(agent.archival) == 0


def test_metadata_comes_back_as_it_was_or_is_refused(kit):
    agent = kit.agent()
    for value in ({"a": [1, None, "é\0"]}, {"a": "\ud800"}, {"a": float("nan")}, {"a": {1}}):
        try:
            passage = agent.archival.insert("text", metadata=value)
        except memgpt.errors.InvalidInput:
            continue
        assert str(passage.metadata) == str(value)


def test_the_agent_files_and_finds_passages(kit):
    agent = kit.agent(
        [
            kit.call("archival_memory_insert", content="It lies under the fern.", tags=["key"]),
            kit.call("archival_memory_search", query="where does it lie?"),
            kit.say("under the fern"),
        ]
    )
    agent.send("The key lies under the fern.")
    assert "under the fern" in agent.archival.search("key", tags=["key"])[0].passage.text
    assert "It lies under the fern." in kit.llm.returned()


def test_a_private_home_leaves_nothing_behind(kit):
    with memgpt.open(":memory:") as home, memgpt.open(":memory:") as other:
        assert home is not other
        path = Path(home.path)
        kit.still_answers(home.create_agent("sam", model=kit.llm))
        assert path.exists() and other.agents() == []
    assert not list(path.parent.glob(path.name + "*"))


def test_the_same_path_is_the_same_home(tmp_path):
    path = tmp_path / "agents.db"
    (tmp_path / "link.db").symlink_to(path)
    with memgpt.open(path) as home:
        assert memgpt.open(str(path)) is home
        assert memgpt.open(tmp_path / ".." / tmp_path.name / "agents.db") is home
        assert memgpt.open(tmp_path / "link.db") is home
        with pytest.raises(memgpt.errors.ConfigError, match="durability"):
            memgpt.open(path, durability="process")
    with memgpt.open(path) as again:
        assert again is not home and again.agents() == []


@pytest.mark.parametrize("durability", ["full", "process"])
def test_durability_options(tmp_path, kit, durability):
    path = tmp_path / "other.db"
    with memgpt.open(path, durability=durability) as home:
        kit.still_answers(home.create_agent("sam", model=kit.llm))
        db = sqlite3.connect(path)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        db.close()


def test_a_deleted_agents_name_is_free(kit, agent):
    kit.home.delete_agent("sam")
    assert kit.home.agents() == []
    with pytest.raises(memgpt.errors.AgentNotFound, match="none"):
        kit.home.agent("sam")
    fresh = kit.agent()
    assert fresh.id != agent.id and len(fresh.recall) == 0
    assert fresh.recall.search("Turin") == []
    kit.still_answers(fresh)


def test_everything_is_there_in_a_new_process(kit, agent):
    agent.memory["human"].value = "Carla 🦢"
    agent.archival.insert("The key lies under the fern.")
    shown = agent.context().digest()
    code = (
        "import sys, memgpt\n"
        "assert not {'faiss', 'numpy'} & set(sys.modules)\n"
        "agent = memgpt.open(sys.argv[1]).agent('sam')\n"
        "print(agent.memory['human'].value, len(agent.recall), len(agent.archival))\n"
        "print(agent.recall.search('Turin')[0].message.time.isoformat())\n"
        "print(agent.archival.search('key')[0].passage.text)\n"
        "print(agent.unbound)\n"
    )
    lines = kit.run(code, kit.home.path).splitlines()
    assert lines[0] == f"Carla 🦢 {3 * len(LOG)} 1"
    assert lines[1] == "2023-05-08T13:56:00+00:00"
    assert lines[2] == "The key lies under the fern."
    assert "model" in lines[3] and "scripted" in lines[3]
    path = kit.home.path
    kit.home.close()
    with memgpt.open(path, durability="process") as home:
        again = home.agent("sam")
        with pytest.raises(memgpt.errors.Unbound, match="model"):
            again.send("hello")
        assert len(again.recall) == 3 * len(LOG)
        again = home.agent("sam", model=kit.llm)
        assert again.context().digest() == shown
        kit.still_answers(again)


KILLED = """
import sys, time
import memgpt
from memgpt.testing import ScriptedLLM

def launch(where: str) -> str:
    print("launched", flush=True)
    time.sleep(60)

llm = ScriptedLLM([
    {"tool": "core_memory_append", "args": {"name": "human", "content": "brave"},
     "heartbeat": True},
    {"tool": "launch", "args": {"where": "the moon"}},
])
memgpt.open(sys.argv[1]).create_agent("sam", model=llm, tools=[launch]).send("fly me to the moon")
"""


def test_kill_9_in_the_middle_of_a_tool(kit, tmp_path):
    path = tmp_path / "killed.db"
    child = kit.start(KILLED, path)
    assert child.stdout.readline() == "launched\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=20)
    with memgpt.open(path) as home:
        llm = kit.LLM([])
        agent = home.agent("sam", model=llm)
        assert [step.kind for step in agent.steps()] == ["create", "input", "step", "intent"]
        log = agent.recall.messages()
        assert [m.role for m in log] == ["user", "assistant", "tool", "assistant"]
        assert log[0].text == "fly me to the moon" and "the moon" in log[3].tool_calls[0].arguments
        assert agent.memory["human"].value == "brave"
        assert any("launch" in line for line in agent.unbound)
        kit.still_answers(agent, llm)
        returned = agent.recall.messages()[4]
        assert (returned.role, returned.name, returned.failed) == ("tool", "launch", True)
        assert "Interrupted" in returned.text and returned.tool_call_id == log[3].tool_calls[0].id
        assert "Interrupted" in llm.seen()


def test_numbers_among_the_symbols_are_words(home):
    agent = home.create_agent("sam")
    for text in (
        "The flat has 60m² of floor",
        "Drink H₂O please",
        "Add ½ cup",
        "Chapter Ⅷ",
        "Rule ①",
    ):
        agent.send(text)
    for query in ("60m²", "H₂O", "½", "Ⅷ", "①", "ⅷ"):
        assert len(agent.recall.search(query, ranking=memgpt.Ranking.plain())) == 1, query
