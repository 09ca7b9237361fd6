"""What is shown in a line or two: reprs, beginnings of spans, characters that do something."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import memgpt
import pytest
from memgpt._views.html import visible

RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd \u2067abc\u2069 \u200f!"


def test_control_characters_and_overrides_are_seen_and_do_nothing() -> None:
    assert visible("a\x00b\x1b[31m\r\x7f\x9b") == r"a\x00b\x1b[31m\x0d\x7f\x9b"
    assert visible("\u202eevil\u202d") == r"\u202eevil\u202d"
    assert visible("tab\tand\r\nlines\n") == "tab\tand\nlines\n"
    assert visible(RIGHT_TO_LEFT) == RIGHT_TO_LEFT


def test_a_context_that_is_printed_does_nothing_to_the_terminal(kit: Any) -> None:
    agent = kit.agent([kit.say("\u202eko\x1b[31m")])
    agent.send("\u202eih\x1b[31m")
    agent.memory.add("notes", "\u202e\x1b[31m")
    for shown in (str(agent.context()), str(agent), repr(agent.window)):
        assert "\u202e" not in shown and "\x1b" not in shown
        assert r"\u202e" in shown


def test_reprs_say_what_there_is(kit: Any) -> None:
    agent = kit.agent([kit.call("core_memory_append", name="human", content="x"), kit.say("ho")])
    assert repr(kit.home) == f"<Home {kit.home.path!r}: 'sam'>"
    agent.send("hi")
    agent.archival.insert("x")
    recall, archival = agent.recall, agent.archival
    assert repr(recall) == "<Recall of 'sam': 5 messages>"
    assert repr(archival) == "<Archival of 'sam': 1 passage>"
    assert repr(agent.window[0]) == "<Message 0 user: hi>"
    assert repr(agent.window[1]).startswith("<Message 1 assistant: core_memory_append(name='human'")
    budget = agent.context().budget
    assert repr(budget) == (
        f"<Budget {budget.limit:,} of {budget.context_window:,} tokens, "
        f"{budget.reply_reserve:,} kept for the reply>"
    )
    kit.home.close()
    for closed in (recall, archival, kit.home):
        assert "this home is closed" in repr(closed)


def test_a_home_of_many_agents_has_a_short_repr(kit: Any) -> None:
    assert repr(kit.home).endswith(": no agents>")
    for number in range(22):
        kit.agent(name=f"sam{number}")
    assert repr(kit.home).endswith(", and 2 more>") and "'sam0', " in repr(kit.home)


def beginnings(context: memgpt.Context) -> list[str]:
    """What the table says of each span while it is folded."""
    return re.findall(r"<summary><bdi>(.*?)</bdi></summary>", context._repr_html_())


def test_a_span_begins_with_what_it_says(kit: Any) -> None:
    def fail(text: str) -> str:
        """Fail for a reason."""
        raise ValueError(text)

    script = [kit.call("fail", text="no such day"), kit.say("ho")]
    agent = kit.agent(script, tools=[fail])
    agent.memory.add("notes", "")
    agent.send("hi\nthere")
    shown = beginnings(agent.context())
    for text in ("Say something to the user.", "Fail for a reason.", "hi there",
                 "fail(text=&#x27;no such day&#x27;)", "(empty)"):  # fmt: skip
        assert text in shown, shown
    assert any(text.startswith("failed: ") and "no such day" in text for text in shown)
    assert not any(text.startswith(("{", "[{", "&lt;")) for text in shown), shown


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[1]", "{}", "null", '"x"', '{"function": 1}', "x"]
)
def test_whatever_stands_in_a_span_it_is_shown(kit: Any, text: str) -> None:
    llm = kit.LLM([memgpt.Reply(text), kit.say("ho")])
    agent = kit.home.create_agent("sam", model=llm, context_window=200_000)
    agent.send(text)
    assert "cannot be shown" not in agent.context()._repr_html_()


def test_every_piece_of_the_bar_has_some_width(kit: Any) -> None:
    agent = kit.agent([kit.say("ho")], context_window=1_000_000)
    agent.send("hi")
    html = agent.context()._repr_html_()
    bar = html.partition('<div class="memgpt-bar"')[2].partition("</div>")[0]
    shares = [float(share) for share in re.findall(r"width:([\d.]+)%", bar)]
    assert min(shares) < 0.1 and abs(sum(shares) - 100) < 0.1
    # They shrink to make room, so that the bar is as long as before.
    assert "memgpt-bar>span{flex:0 1 auto;min-width:3px" in html


def test_hits_and_passages_show_control_characters(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript([{"text": "red \x1b[31m fox", "time": "2023-05-08"}])
    passage = agent.archival.insert("red \x1b[31m fox")
    for shown in (passage, agent.recall.search("fox")[0], agent.archival.search("fox")[0]):
        assert "\x1b" not in repr(shown) and "\\x1b[31m fox" in repr(shown)


@pytest.mark.no_replay
def test_a_replay_shows_what_it_found_and_nothing_of_it_acts(kit: Any) -> None:
    agent = kit.agent(lambda context: kit.say("ho"))
    agent.send("hi")
    sound = agent.replay()
    assert (
        repr(sound) == "<Replay: 1 context of 3 commits made again from the journal, no divergence>"
    )
    assert "no divergence" in sound._repr_html_()
    evil = "<script>alert(1)</script>\u202e\x1b[31m"
    with sqlite3.connect(kit.home.path) as file:
        file.execute("UPDATE message SET text = ? WHERE position = 0", (evil,))
    file.close()
    replay = agent.replay()
    first = replay.first_divergence
    assert first is not None and first.seq == 2
    assert repr(first) == "<Divergence tokens in commit 2 (input)>"
    for shown in (repr(replay), str(first)):
        assert "alert(1)" in shown and "\u202e" not in shown and "\x1b" not in shown
    page = replay._repr_html_()
    assert "<script>" not in page and "alert(1)" in page and "\u202e" not in page
    assert "diverges" in page
