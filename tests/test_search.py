"""Search: the core's ranking beside its reference, pages, explanations, bad queries."""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import Ranking, lab

from tests.languages import TALKS
from tests.reference.ranking import DEFAULTS, rank

NOON = dt.datetime(2023, 5, 8, 12, 0, tzinfo=dt.timezone.utc)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[memgpt.Home]:
    with memgpt.open(tmp_path / "agents.db") as home:
        yield home


def talk(*texts: str, speakers: tuple[str, ...] = ("Ann", "Ben"), **more: Any) -> list[dict]:
    return [
        {
            "text": text,
            "speaker": speakers[n % len(speakers)],
            "time": NOON + dt.timedelta(minutes=n),
            "id": str(n),
        }
        | more
        for n, text in enumerate(texts)
    ]


def ids(hits: list[memgpt.RecallHit]) -> list[str]:
    return [hit.message.source_id for hit in hits]


# --- The reference ---


@pytest.fixture(scope="module")
def recorded() -> Iterator[tuple[memgpt.Agent, list[dict], list[str]]]:
    """A conversation, half of it the assistant's, with the reference's rows and questions."""
    conversation = lab.generate(5)
    with memgpt.open(":memory:", durability="process") as home:
        agent = home.create_agent("reader", embedding=None)
        speakers = sorted({turn.speaker for turn in conversation.turns})
        messages = agent.recall.import_transcript(
            [
                {"text": t.text, "speaker": t.speaker, "time": t.time, "id": t.id}
                for t in conversation.turns
            ],
            roles={speakers[0]: "assistant"},
        )
        rows = [
            {"text": m.text, "speaker": m.name, "time": m.time, "session": m.session,
             "role": m.role}
            for m in messages
        ]  # fmt: skip
        asked = [question.text for question in conversation.questions[:12]]
        asked += [
            f"When did {speakers[0]} go there?", "name of the city", "did you say so?",
            "the of and", 'what about "the house"?', "sugestion",
        ]  # fmt: skip
        yield agent, rows, asked


SWITCHES: dict[str, Any] = {
    "k1": 0.5, "b": 0.9, "stop": False, "stem": False, "irregular": False, "speaker_text": False,
    "related": 0, "classes": False, "frame": 1, "spelling": 0, "window": (), "power": 1,
    "reply": None, "session": False, "own_side": False, "question": 1, "speaker": 1,
    "assistant": 1, "when": 1, "name_cue": 1, "date": 1, "phrase": 1, "session_prior": 0,
    "spread_max_df": 0.05,
}  # fmt: skip


def assert_as_the_reference(agent: memgpt.Agent, rows: list[dict], query: str, **options) -> None:
    hits = agent.recall.search(query, limit=25, ranking=replace(Ranking(), **options))
    expected = rank(query, rows, {"date": 1} | options, limit=25)
    assert [hit.score for hit in hits] == pytest.approx(
        [hit.score for hit in expected], rel=1e-9, abs=2e-6
    )
    for hit, other in zip(hits, expected, strict=True):
        if not math.isclose(hit.score, other.score, abs_tol=1e-7):
            continue  # two rows of one score to six places may stand either way
        assert hit.message.position == other.row
        assert hit.terms == pytest.approx(other.terms, abs=1e-9)
        in_force = {name: factor for name, factor in other.factors.items() if factor != 1}
        assert hit.factors == pytest.approx(in_force, abs=1e-9)
        assert sum(hit.terms.values()) * math.prod(hit.factors.values()) == pytest.approx(
            hit.score, abs=2e-6
        )


def test_the_core_ranks_as_the_reference_does(recorded: Any) -> None:
    agent, rows, asked = recorded
    for query in asked:
        assert_as_the_reference(agent, rows, query)


@pytest.mark.parametrize("option", sorted(SWITCHES))
def test_every_factor_is_an_option(recorded: Any, option: str) -> None:
    agent, rows, asked = recorded
    for query in asked:
        assert_as_the_reference(agent, rows, query, **{option: SWITCHES[option]})


def test_options_are_the_references_and_have_its_defaults() -> None:
    own = {name: getattr(Ranking(), name) for name in Ranking.__dataclass_fields__}
    assert {name: own[name] for name in SWITCHES} == {name: DEFAULTS[name] for name in SWITCHES}
    assert set(own) - set(SWITCHES) == {"dense"}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"k1": -1}, "k1 must be from 0"),
        ({"b": 2}, "b must be from 0"),
        ({"date": float("nan")}, "date must be"),
        ({"window": [0.1] * 17}, "window takes 16 weights"),
        ({"power": 0}, "power must be from 1"),
        ({"speaker": "much"}, "speaker must be like 1.3"),
        ({"window": 3}, "window must be like"),
    ],
)
def test_a_bad_ranking_is_refused(home: memgpt.Home, options: Any, what: str) -> None:
    agent = home.create_agent("sam")
    with pytest.raises(memgpt.ConfigError, match=what):
        agent.recall.search("x", ranking=Ranking(**options))
    with pytest.raises(memgpt.ConfigError, match=r"must be a memgpt\.Ranking"):
        agent.recall.search("x", ranking=options)


# --- What is found ---


def test_forms_related_words_and_slips(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(
        talk(
            "I bought two canoes last week.", "The kid went to the beach.", "My colour is green.",
            "She plays the guitar at night.", "Nothing else.", "A quiet day with the neighbours.",
            session="a",
        )
    )  # fmt: skip
    for query, first in {
        "buying a canoe": "0", "the child goes": "1", "color": "2", "which instrument": "3",
        "neigbours": "5", "guitr": "3",
    }.items():  # fmt: skip
        assert ids(agent.recall.search(query))[0] == first, query
    assert ids(agent.recall.search("guitr", ranking=Ranking(spelling=0))) == []


def test_a_message_is_found_by_what_stands_around_it(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(
        [
            *talk("What did the vet say?", "Only a scratch.", "Good.", session="a"),
            {"text": "Green tea for me.", "time": NOON + dt.timedelta(days=1), "id": "x",
             "session": "b"},
        ]
    )  # fmt: skip
    assert ids(agent.recall.search("vet")) == ["1", "0", "2"], "the reply before the question"
    assert ids(agent.recall.search("vet", ranking=Ranking.plain())) == ["0"]
    assert "x" not in ids(agent.recall.search("good")), "the window ends with the session"


def test_neighbours(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(talk("one", "two", "three", "four", "five", session="a"))
    agent.recall.import_transcript(
        [{"text": "six", "time": NOON + dt.timedelta(days=2), "session": "b"}]
    )
    hit = agent.recall.search("three", limit=1, neighbours=1)[0]
    assert [m.text for m in hit.before] == ["two"] and [m.text for m in hit.after] == ["four"]
    hit = agent.recall.search("five", limit=1, neighbours=20)[0]
    assert [m.text for m in hit.before] == ["one", "two", "three", "four"] and hit.after == []
    assert agent.recall.search("five")[0].before == []
    with pytest.raises(memgpt.InvalidInput, match="neighbours must be"):
        agent.recall.search("five", neighbours=21)


def test_neighbours_go_on_across_a_fork(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(talk("one", "two", session="a"))
    fork = agent.fork("branch")
    later = [
        {"text": text, "time": NOON + dt.timedelta(minutes=5 + n)}
        for n, text in enumerate(("three", "four"))
    ]
    fork.recall.import_transcript(later)
    hit = fork.recall.search("three", limit=1, neighbours=2)[0]
    assert [m.text for m in hit.before] == ["one", "two"] and hit.after[0].text == "four"
    assert agent.recall.search("three") == []


def test_phrases(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(
        talk("The house is green.", "A green, old house.", "Green house plants.", session="a")
    )
    assert ids(agent.recall.search('"green house"')) == ["2"]
    hits = agent.recall.search('old "green house"')
    assert (len(hits) == 3 and hits[0].factors.get("phrase", 1) == 1.5) or ids(hits)[0] == "1"
    assert {h.message.source_id for h in hits if "phrase" in h.factors} == {"2"}
    assert len(agent.recall.search('"house green"')) == 3, "nobody said so: the words then"


def test_snippets_have_marks(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    long = "Ärger. " * 60 + "Then the canoes arrived, été compris. " + "Nothing more. " * 60
    agent.recall.import_transcript(talk(long, "Canoe?"))
    hits = {h.message.source_id: h for h in agent.recall.search("a canoe in summer (été)")}
    snippet = hits["0"].snippet
    assert len(snippet.encode()) < 230 and snippet.startswith("...") and snippet.endswith("...")
    assert [snippet[a:b] for a, b in hits["0"].marks] == ["canoes", "été"]
    assert hits["1"].snippet == "Canoe?" and hits["1"].marks == [(0, 5)]


def test_pages_hold_every_hit_once(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(
        [
            {"text": f"heron {n % 7} by the lake {n}", "time": NOON + dt.timedelta(hours=2 * n)}
            for n in range(120)
        ]
    )
    whole = agent.recall.search("heron 3", limit=1000)
    assert whole.total == len(whole) == 120
    paged = [
        hit for page in range(13) for hit in agent.recall.search("heron 3", limit=10,
                                                                  offset=10 * page)
    ]  # fmt: skip
    assert [h.message.id for h in paged] == [h.message.id for h in whole]
    assert [h.score for h in whole] == sorted((h.score for h in whole), reverse=True)
    some = agent.recall.search("heron", start=NOON + dt.timedelta(hours=100), limit=7)
    assert some.total == 70 and len(some) == 7


def test_who_speaks_is_known_without_a_name(kit: Any) -> None:
    agent = kit.agent([kit.say("I recommend the blue kayak."), kit.say("Fine.")])
    agent.send("I bought a red kayak.")
    agent.send("It is raining.")
    hits = agent.recall.search("kayak")
    assert hits[0].message.role == "user", "what others said is what is looked for"
    hits = agent.recall.search("which kayak did you recommend")
    assert hits[0].message.role == "assistant" and "assistant" not in hits[0].factors
    assert next(h.message.role for h in agent.recall.search("kayak", roles=["assistant"])) == (
        "assistant"
    )


def test_others_never_count(home: memgpt.Home) -> None:
    agent, other = home.create_agent("sam"), home.create_agent("kim")
    agent.recall.import_transcript(talk("a green canoe", "a green lake", "tea", session="a"))
    before = [(h.message.id, h.score) for h in agent.recall.search("green canoe")]
    other.recall.import_transcript(talk(*["canoe canoe canoe"] * 50))
    fork = agent.fork("fork")
    fork.recall.import_transcript(
        [{"text": "canoe", "time": NOON + dt.timedelta(days=n)} for n in range(1, 30)]
    )
    assert [(h.message.id, h.score) for h in agent.recall.search("green canoe")] == before
    assert fork.recall.search("canoe").total > 29


def test_the_order_is_the_same_after_reopening_and_rebuilding(tmp_path: Path) -> None:
    conversation = lab.generate(8)
    found = []
    queries = [question.text for question in conversation.questions[:10]]

    def search(agent: memgpt.Agent) -> list:
        return [
            [(h.message.position, h.score, h.terms) for h in agent.recall.search(q, limit=40)]
            for q in queries
        ]

    with memgpt.open(tmp_path / "a.db") as home:
        agent = home.create_agent("sam", embedding=None)
        for turn in conversation.turns:  # one at a time: the index grows between the searches
            agent.recall.import_transcript(
                [{"text": turn.text, "speaker": turn.speaker, "time": turn.time}]
            )
            agent.recall.search("anything")
        found.append(search(agent))
        home.rebuild()
        found.append(search(agent))
        found.append(search(agent.fork("fork")))
    with memgpt.open(tmp_path / "a.db") as home:
        found.append(search(home.agent("sam")))
    assert found[0][0] and all(other == found[0] for other in found[1:])


def test_an_undone_message_is_not_found_and_comes_back(kit: Any) -> None:
    agent = kit.agent([kit.say("Noted."), kit.say("Yes.")])
    agent.send("The heron is grey.")
    agent.send("The canoe is green.")
    assert agent.recall.search("canoe")
    agent.undo()
    assert not agent.recall.search("canoe") and agent.recall.search("heron")
    agent.redo()
    assert agent.recall.search("canoe")


# --- Languages ---


@pytest.mark.parametrize("language", TALKS)
def test_other_languages(home: memgpt.Home, language: str) -> None:
    texts, queries = TALKS[language]
    agent = home.create_agent("sam", embedding=None)
    agent.recall.import_transcript(
        [
            {"text": text, "time": NOON + dt.timedelta(days=n), "id": str(n)}
            for n, text in enumerate(texts)
        ]
    )
    for text in texts:
        agent.archival.insert(text)
    for query, answer in queries:
        assert ids(agent.recall.search(query))[0] == str(answer), query
        assert agent.archival.search(query)[0].passage.text == texts[answer], query


def test_what_is_not_english_is_not_stemmed(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(
        [
            {"text": text, "time": NOON + dt.timedelta(days=n), "id": str(n)}
            for n, text in enumerate(("la casa de mi tia", "las casas del pueblo"))
        ]
    )
    assert ids(agent.recall.search("¿dónde está la casa de mi tía?", limit=1)) == ["0"]
    hits = agent.recall.search("¿cuántas casas hay en el pueblo?")
    assert ids(hits) == ["1"] and "casas" in hits[0].terms
    assert len(agent.recall.search("casas")) == 2, "a word alone may be English"


def test_emoji_and_symbols(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(
        [
            {"text": text, "time": NOON + dt.timedelta(days=n), "id": str(n)}
            for n, text in enumerate(("I won 🎉", "good 👍🏽 work", "I ❤️ tea", "plain words"))
        ]
    )
    for query, first in (("🎉", "0"), ("👍", "1"), ("👍🏿", "1"), ("❤", "2"), ("❤️", "2")):
        assert ids(agent.recall.search(query)) == [first], query


# --- Bad queries ---

BAD = [
    "x", "the of and", "a" * 100_000, "word " * 20_000, '"', '""', '"one', 'NEAR(a b) AND NOT "x',
    "* ^ : - + ( ) { }", "a\x00b", "\x01\x02\x1b[31m", "\u202eright to left\u202c", "עברית",
    "' OR 1=1 --", "%s%n", "\ufeff", "\U0010ffff", "é" * 5000, "漢" * 20_000, "😀" * 20_000,
    "?" * 100_000, '"a" ' * 5000, "\n\n\t",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD, ids=range(len(BAD)))
def test_any_query_is_answered(home: memgpt.Home, query: str) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(talk("x marks the spot", "of and the", "עברית", "one word"))
    agent.archival.insert("x marks the spot")
    hits = agent.recall.search(query)
    assert all(math.isfinite(hit.score) for hit in hits)
    agent.archival.search(query)


def test_stop_words_are_looked_for_where_there_is_nothing_else(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(talk("Who are they?", "Tea.", session="a"))
    assert "0" in ids(agent.recall.search("who are they"))


def test_an_empty_branch(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    for query in ("", "x", '"a b"'):
        hits = agent.recall.search(query)
        assert hits == [] and hits.total == 0
        assert agent.archival.search(query).total == 0


def test_many_messages_that_are_the_same(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(
        [{"text": "the same heron", "time": NOON, "id": str(n)} for n in range(30_000)]
    )
    hits = agent.recall.search("heron", limit=5)
    assert hits.total == 30_000 and len({hit.score for hit in hits}) == 1
    assert ids(hits) == [str(n) for n in range(29_999 - 3, 29_999 - 8, -1)] or ids(hits)[0] > "29"


def test_searches_run_in_parallel_with_writers(home: memgpt.Home) -> None:
    agents = [home.create_agent(f"agent {n}") for n in range(3)]
    done = threading.Event()
    wrong: list[str] = []

    def search(agent: memgpt.Agent) -> None:
        while not done.is_set():
            for hit in agent.recall.search("heron", limit=5, neighbours=2):
                if agent.name not in hit.message.text:
                    wrong.append(hit.message.text)
            agent.archival.search("heron", limit=5)

    def write(agent: memgpt.Agent) -> None:
        for n in range(40):
            agent.recall.import_transcript(
                [{"text": f"heron {n} of {agent.name}", "time": NOON + dt.timedelta(hours=n)}]
            )
            agent.archival.insert(f"heron {n}")

    searching = [threading.Thread(target=search, args=(agent,)) for agent in agents * 2]
    writing = [threading.Thread(target=write, args=(agent,)) for agent in agents]
    for thread in searching + writing:
        thread.start()
    for thread in writing:
        thread.join()
    home.rebuild()
    done.set()
    for thread in searching:
        thread.join()
    assert not wrong
    assert [agent.recall.search("heron").total for agent in agents] == [40] * 3
    assert [agent.archival.search("heron").total for agent in agents] == [40] * 3


def test_common_words_count_in_long_histories_too(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    items = [
        {"text": "the guitar lesson" if n % 8 == 0 else "nothing much", "time": NOON}
        for n in range(21_000)
    ]
    agent.recall.import_transcript([*items, {"text": "Turin", "time": "2024-01-01"}])
    assert agent.recall.search("guitar", end="2023").total > 2600
    assert agent.recall.search("guitar Turin", end="2023").total >= 2625
    assert agent.recall.search("guitar Turin")[0].message.text == "Turin"
    plain = agent.recall.search("guitar Turin", ranking=Ranking.plain())
    assert plain.total == 2626


def test_an_old_phrase_is_found_behind_many_that_are_like_it(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    like = [{"text": "apple or red?", "time": NOON} for _ in range(3000)]
    agent.recall.import_transcript([{"text": "The red apple seven.", "time": "2020-01-01"}, *like])
    for query in ('"red apple"', "“red apple”"):
        assert [h.message.text for h in agent.recall.search(query)] == ["The red apple seven."]


def test_a_query_of_nothing_but_a_time(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(
        [{"text": f"event {n}", "time": NOON + dt.timedelta(days=20 * n)} for n in range(5)]
    )
    hits = agent.recall.search("What happened in May 2023?")
    assert [h.message.text for h in hits] == ["event 1", "event 0"] and hits.total == 2
    assert agent.recall.search("May 2023", end="2023-05-10").total == 1
    assert agent.recall.search("What happened in May 2024?") == []


def test_one_text_is_no_list_of_texts(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    for call in (
        lambda: agent.archival.insert("x", tags="food"),
        lambda: agent.archival.search("x", tags="food"),
        lambda: agent.recall.search("x", roles="user"),
        lambda: agent.recall.search("x", roles=None),  # type: ignore[arg-type]
    ):
        with pytest.raises(memgpt.InvalidInput, match="give a list"):
            call()
