"""What is shown in notebooks: all text escaped, nothing cut silently, nothing raised."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import memgpt
import pytest
from memgpt._views.binding import binding_line
from memgpt._views.style import STYLE
from memgpt.memory import ChatMemory, MemoryModule
from memgpt.testing import ScriptedLLM

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\u202e\x00\x1b[31m\r"
ELEMENTS = {
    "mark",
    "style",
    "div",
    "span",
    "bdi",
    "details",
    "summary",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}
ATTRIBUTES = {
    "class",
    "style",
    "title",
    "role",
    "dir",
    "scope",
    "colspan",
    "tabindex",
    "aria-label",
    "aria-hidden",
}


class Page(HTMLParser):
    """A view as a browser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.labels: list[str] = []
        self.elements: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"
        self.text = "".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS, f"an element out of nowhere: {tag}"
        self.open.append(tag)
        self.elements.append(tag)
        for name, value in attrs:
            assert name in ATTRIBUTES, f"an attribute out of nowhere: {name}={value}"
            if name == "class":
                assert re.fullmatch(r"(memgpt-[a-z_-]+ ?)+", value or ""), value
            if name == "style":
                assert re.fullmatch(r"width:[\d.]+%", value or ""), value
            if name in ("title", "aria-label"):
                self.labels.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)


def page(shown: Any) -> Page:
    html = shown._repr_html_()
    html.encode()
    assert not {"\x00", "\x1b", "\u202e"} & set(html)
    return Page(html)


def evil_agent(kit: Any) -> tuple[memgpt.Agent, memgpt.Response]:
    """An agent with markup in every field that a person or a model can fill."""

    class Evil(ChatMemory):
        def __init__(self) -> None:
            super().__init__(EVIL, EVIL)
            self.memory["notes"] = MemoryModule("notes", EVIL, 500, EVIL)

    def bad(text: str) -> str:
        """Fails."""
        raise ValueError(text)

    def good(text: str) -> str:
        """Works."""
        return text

    script = [
        memgpt.Reply(
            EVIL,
            [memgpt.ToolCall("good", '{"text": "x", "request_heartbeat": true}', EVIL)],
            thinking=EVIL,
        ),
        {"tool": "good", "args": {"text": EVIL}, "heartbeat": True, "thinking": EVIL},
        kit.call("bad", text=EVIL),
        kit.call(EVIL, **{EVIL: EVIL}),
        memgpt.Reply("", [memgpt.ToolCall("good", EVIL)]),
        [kit.say(EVIL), kit.call("good", text=EVIL)],
        kit.say("done"),
    ]
    llm = ScriptedLLM(script)
    llm.model = EVIL.replace("\x00", "")
    tools = [good, bad]
    name = EVIL.translate({0: None, 13: None, 27: None})[:60]
    agent = kit.home.create_agent(name, memory=Evil, model=llm, tools=tools, system=EVIL)
    response = agent.send(EVIL, name=EVIL[:40])
    agent.archival.insert(EVIL, tags=[EVIL], metadata={EVIL: EVIL})
    return agent, response


def everything(agent: memgpt.Agent, response: memgpt.Response) -> Iterator[Any]:
    recall = agent.recall.search("script", roles=["user", "assistant", "tool", "system"])
    archival = agent.archival.search(EVIL)
    assert recall and archival
    yield from (agent, agent.memory, agent.memory["notes"], agent.context(), response)
    yield from (recall, archival, recall[0], archival[0], archival[0].passage)
    yield from (agent.recall.search(EVIL + "zebra"), agent.recall.search(""))
    yield from agent.recall.messages()


def test_no_text_gets_out_of_its_place(kit: Any) -> None:
    agent, response = evil_agent(kit)
    views = list(everything(agent, response))
    for shown in views:
        assert "alert(1)" in page(shown).text or isinstance(shown, memgpt.Message)
        assert repr(shown) and str(shown)
    for shown in (agent, response, agent.recall.search("script")):
        plain = str(shown) if shown is not response else repr(shown)
        assert "\x1b" not in plain and "\\x1b[31m" in plain and "\u202e" not in plain
    for shown in views[:6]:
        assert "<script>alert(1)</script>" in page(shown).text
    kit.home.delete_agent(agent.name)
    page(agent)


def test_no_text_of_an_unbound_agent_gets_out(kit: Any) -> None:
    agent, _ = evil_agent(kit)
    name, path = agent.name, kit.home.path
    notes = agent.memory["notes"]
    kit.home.close()
    assert "closed" in page(agent).text and "closed" in repr(agent) and "closed" in str(agent)
    assert "closed" in page(agent.memory).text and "closed" in repr(notes)
    assert "closed" in repr(agent.memory)
    with memgpt.open(path) as home:
        again = home.agent(name)
        shown = page(again)
        assert "alert(1)" in shown.text and "Unbound" in shown.text
        line = binding_line(name, again.unbound)
        assert line in shown.text and line in str(again)
        assert "memory=Evil, tools=[good, bad]" in line


def test_a_closed_or_detached_thing_is_shown_as_such(kit: Any) -> None:
    agent = kit.agent()
    notes = agent.memory.add("notes", "x")
    agent.memory.remove("notes")
    assert "no longer attached" in page(notes).text and "no longer attached" in repr(notes)
    context = agent.context()
    kit.home.close()
    assert "Agent sam" in page(agent).text and "this home is closed" in page(agent).text
    assert "Context" in page(context).text
    folder = kit.home.path
    assert folder in page(agent).text


@pytest.mark.parametrize(
    ("unbound", "line"),
    [
        ([], 'home.agent("sam")'),
        (['model=... (was "llama")', "tools=[roll]"], 'home.agent("sam", model=..., tools=[roll])'),
        (
            ['memory=__main__.Tasks (tool "a")', 'memory=__main__.Tasks (tool "b")', "tools=[x]"],
            'home.agent("sam", memory=Tasks, tools=[x])',
        ),
        (["tools=[a]", "tools=[my-tool]", "tools=[class]"], 'home.agent("sam", tools=[a, ...])'),
        (['memory=m.f.<locals>.Tasks (tool "a")'], 'home.agent("sam", memory=Tasks)'),
        (['policy=... (was "P")', 'embedding=... (was "E")'],
         'home.agent("sam", policy=..., embedding=...)'),
    ],
)  # fmt: skip
def test_the_line_to_type(unbound: list[str], line: str) -> None:
    assert binding_line("sam", unbound) == line


def test_the_line_to_type_is_python_whatever_the_name() -> None:
    for name in ('a"b', "a\\", "a\nb", "Zoë", "\u2028", "\x7f", "🤖"):
        seen: list[str] = []
        home = type("Home", (), {"agent": staticmethod(seen.append)})
        exec(binding_line(name, []), {"home": home})
        assert seen == [name]


def test_a_card_says_what_there_is(kit: Any) -> None:
    memory = ChatMemory(persona="I am Sam.", human="Likes tea.", limit=100)
    agent = kit.agent([kit.call("nothing"), kit.say("hello, Chad")], memory=memory)
    agent.send("hi there")
    agent.memory.add("facts", "", 50, "What is known.", read_only=True)
    agent.archival.insert("x")
    shown = page(agent)
    for text in (
        "sam", "model scripted · 5 messages in recall", "1 passage in", "I am Sam.",
        "9 of 100 characters", "What is known.", "read-only", "(empty)", "hello, Chad", "hi there",
        "✗ failed", "core memory", "tools", "free", "kept for the reply",
    ):  # fmt: skip
        assert text in shown.text, text
    assert "Unbound" not in shown.text and "details" not in shown.elements
    context = agent.context()
    used = f"{context.tokens:,} of {context.budget.limit:,} tokens"
    assert used in shown.text
    assert any(used in label for label in shown.labels)
    assert "persona: 9 of 100 characters" in shown.labels
    assert agent.id in shown.labels
    plain = str(agent)
    for text in (
        "5 messages in recall, 1 passage in archival memory",
        "9 of 100 characters",
        used,
        "hello, Chad",
        "hi there",
        "failed",
        "facts",
    ):
        assert text in plain, text
    assert "Likes tea." in page(agent.memory).text
    assert "Likes tea." in page(agent.memory["human"]).text


def test_a_response_shows_thoughts_calls_results_and_the_reply(kit: Any) -> None:
    agent = kit.agent(
        [
            {"tool": "core_memory_append", "args": {"name": "human", "content": "Likes tea"},
             "heartbeat": True, "thinking": "worth keeping"},
            kit.call("core_memory_append", name="nowhere", content="x"),
            kit.say("two\nlines"),
        ]
    )  # fmt: skip
    response = agent.send("hi")
    for text in (page(response).text, repr(response)):
        for part in ("thought", "worth keeping", "core_memory_append", "Likes tea",
                     "Memory updated.", "failed", "nowhere", "said", "two", "3 steps",
                     "end_turn"):  # fmt: skip
            assert part in text, part
        assert " tokens in, 0 out" in text
    assert "core_memory_append and goes on" in page(response).text
    assert str(response) == "two\nlines"


def test_a_summary_is_shown_folded(kit: Any) -> None:
    agent = kit.home.create_agent("sam", model="offline", context_window=4096)
    responses = [agent.send(f"In {1900 + i} it rained. " * 20) for i in range(20)]
    evicted = next(response for response in responses if response.evicted)
    assert "went into the summary" in page(evicted).text
    shown = page(agent)
    assert "Summary of what has left the window" in shown.text and "details" in shown.elements
    assert agent.memory.summary[:200].splitlines()[0] in shown.text
    plain = str(agent)
    assert "summary of what has left the window" in plain
    assert all(len(line) <= 200 for line in plain.splitlines())


def test_nothing_is_cut_silently_and_cards_stay_small(kit: Any) -> None:
    agent = kit.agent([kit.call("core_memory_append", name="human", content="y" * 500_000),
                       kit.say("z" * 200_000)], context_window=1_000_000)  # fmt: skip
    big = "x" * 1_000_000
    agent.memory.add("big", "b" * 50_000, limit=60_000)
    response = agent.send(big)
    agent.archival.insert(big, tags=["t" * 1000] * 50)
    hits = agent.archival.search("")
    for shown in (agent, response, agent.context(), hits, hits[0], hits[0].passage,
                  agent.memory, agent.recall.search(""), agent.window[0]):  # fmt: skip
        html = shown._repr_html_()
        assert len(html) < 100_000, (type(shown), len(html))
        text = page(shown).text
        assert "more characters" in text
        for run in re.findall(r"[xyzbt]{100,}", text):
            assert len(run) < 10_000
    assert "999,400 more characters" in page(agent).text or "more characters" in page(agent).text
    assert len(str(agent)) < 100_000 + 50_000
    assert len(repr(response)) < 220_000


def test_a_context_of_many_spans_stays_usable(kit: Any) -> None:
    agent = kit.agent(lambda context: kit.say("ok"), context_window=200_000)
    for i in range(200):
        agent.send(f"message {i}")
    context = agent.context()
    assert len(context.spans) > 500
    shown = page(context)
    assert shown.elements.count("tr") == 1 + 300 + 1
    left = len(context.spans) - 300
    assert f"… {left:,} more spans; context.spans has all {len(context.spans):,}" in shown.text
    assert f"{len(context.spans):,} spans, scroll to see them all" in shown.text
    assert "message 199" in shown.text and "send_message" in shown.text
    assert sum(f"message {i}" in shown.text for i in range(200)) < 150
    assert len(context._repr_html_()) < 1_000_000


def test_what_a_span_lost_is_named(kit: Any) -> None:
    def read(path: str) -> str:
        """Reads."""
        return "long " * 20_000

    agent = kit.agent([kit.call("read", path="x"), kit.say("ok")], tools=[read])
    agent.send("read it")
    cut = [span.cut for span in agent.context().spans if span.cut]
    assert cut and f"cut: {cut[0]}" in page(agent.context()).text


def test_hits_are_a_list(kit: Any) -> None:
    agent = kit.agent([kit.say("ok")])
    agent.send("Turin is nice")
    hits = agent.recall.search("Turin")
    assert isinstance(hits, list) and hits == [hits[0], hits[1]] and len(hits) == hits.total == 2
    assert hits[0].message.text == "Turin is nice"
    assert "**Turin** is nice" in str(hits) and "<mark>Turin</mark> is nice" in hits._repr_html_()
    assert "2 hits in recall memory" in page(hits).text
    none = agent.recall.search("zebra")
    assert none == [] and not none and str(none) == "(no hits)"
    assert agent.archival.search("zebra") == []
    assert 'archival memory for "zebra"' in page(agent.archival.search("zebra")).text
    newest = agent.recall.search()
    assert "the newest of recall memory" in page(newest).text
    for text in (page(newest).text, str(newest)):
        assert "Turin is nice" in text and "score" not in text and "0.000" not in text
    assert "score" in page(hits).text and f"{hits[0].score:.3f}" in str(hits)


def test_a_view_that_fails_is_shown_as_such(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = kit.agent()

    def broken(self: memgpt.Agent) -> None:
        raise RuntimeError("<b>broken</b>")

    monkeypatch.setattr(memgpt.Agent, "context", broken)
    assert "RuntimeError: <b>broken</b>" in page(agent).text
    assert "RuntimeError: <b>broken</b>" in str(agent)


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_have_enough_contrast_in_both_themes() -> None:
    from memgpt._views import style

    for table in (style._LIGHT, style._DARK):
        for back in ("back", "soft", "note", "said"):
            assert _contrast(table["text"], table[back]) >= 7
        for name in ("mute", "bad", "good"):
            assert _contrast(table[name], table["back"]) >= 4.5
            assert _contrast(table[name], table["soft"]) >= 4.5
        for name in list(table)[list(table).index("tool_schema") :]:
            assert _contrast(table[name], table["back"]) >= 3


def test_what_the_notebook_says_of_its_theme_counts_more_than_the_system() -> None:
    system = STYLE.index("@media (prefers-color-scheme:dark)")
    light = STYLE.index('[data-jp-theme-light="true"] .memgpt-view')
    dark = STYLE.index('[data-jp-theme-light="false"] .memgpt-view')
    assert system < light < dark
    assert ".vscode-dark .memgpt-view" in STYLE
    assert "url(" not in STYLE and "@import" not in STYLE and "</" not in STYLE
    # Every rule is ours: none can touch the page around the view.
    for selectors in re.findall(r"(?:^|[}{])([^{}@]+)\{", STYLE):
        assert all(".memgpt-view" in selector for selector in selectors.split(",")), selectors


def test_views_are_imported_when_something_is_shown(kit: Any) -> None:
    code = (
        "import sys, memgpt\n"
        "assert not any(m.startswith('memgpt._views') for m in sys.modules)\n"
        "agent = memgpt.open(':memory:').create_agent('sam')\n"
        "agent._repr_html_(), str(agent), agent.context()._repr_html_()\n"
        "assert not {'numpy', 'rich', 'prompt_toolkit', 'IPython'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
