"""Each server says in its own words that a prompt is too long; the agent lets something go, and
asks again."""

from __future__ import annotations

from typing import Any

import memgpt
import pytest
from memgpt.testing import FakeOpenAI
from memgpt.testing._wire_errors import SERVERS, overflows

SAY = {"tool": "send_message", "args": {"message": "Here I am"}}
WAYS = [(like, way) for like in SERVERS[1:] for way in range(len(overflows(like, 2, 1)))]


@pytest.mark.parametrize(("like", "way"), WAYS)
def test_a_server_that_says_that_it_is_too_long(home: memgpt.Home, like: str, way: int) -> None:
    answer = overflows(like, 9000, 8192, 1000)[way]
    refuse: list[Any] = []

    def script(request: Any) -> Any:
        if not request.get("tools"):
            return "Of geese."
        return refuse.pop() if refuse else SAY

    with FakeOpenAI(script) as server:
        model = memgpt.OpenAICompatible(
            "any", base_url=server.url, max_retries=0, context_window=32_768
        )
        agent = home.create_agent("sam", model=model)
        for number in range(3):
            agent.send(f"message {number}")
        refuse = [answer]
        response = agent.send("one more")
        assert (response.text, refuse) == ("Here I am", []) and response.evicted > 0
        first, *_, last = [len(r["messages"]) for r in server.requests if r.get("tools")][3:]
        assert last < first
        refuse = [answer] * 9
        with pytest.raises(memgpt.ContextOverflow, match="smaller context_window"):
            agent.send("and another")
        refuse.clear()
        assert agent.send("And now?").text == "Here I am"


def test_a_window_of_its_own(home: memgpt.Home) -> None:
    """The fake counts, and refuses what is longer than it was told to take."""
    with FakeOpenAI(lambda request: SAY, like="vllm", context_window=3000) as server:
        model = memgpt.OpenAICompatible(
            "any", base_url=server.url, context_window=8192, max_retries=0
        )
        agent = home.create_agent("sam", model=model)
        with pytest.raises(memgpt.ContextOverflow, match="only 3000 tokens"):
            agent.send("geese and swans " * 800)
        assert server.calls == 0
