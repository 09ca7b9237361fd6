"""What clients say of the messages that they send: they match theirs with ours by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import memgpt
import pytest

from tests.server_client import Client

OTID = "0e8c1d44-1111-4222-8333-444455556666"
SENDER = "identity-00000000-0000-4000-8000-000000000001"


def sent(text: str, **words: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **words}


def users(messages: list[Any]) -> dict[str, tuple[str, str | None]]:
    """Otids and senders of what users said."""
    return {
        message["content"]: (message["otid"], message["sender_id"])
        for message in messages
        if message["message_type"] == "user_message"
    }


@pytest.mark.parametrize("way", ["", "/stream"])
def test_a_message_comes_back_with_its_otid_and_sender(client: Client, way: str) -> None:
    agent = client.agent()["id"]
    path = f"/v1/agents/{agent}/messages"
    messages = [sent("One.", otid=OTID, sender_id=SENDER), sent("Two."), sent("Three.", otid="x")]
    assert client.post(path + way, {"messages": messages}).status == 200
    listed = client.ok("GET", f"{path}?order=asc&limit=100")
    by_text = users(listed)
    assert by_text["One."] == (OTID, SENDER) and by_text["Three."] == ("x", None)
    own = {m["content"]: m["id"].removeprefix("message-") for m in listed if "content" in m}
    assert by_text["Two."][0][:-2] == own["Two."][:-2]
    others = [m for m in listed if m["message_type"] != "user_message"]
    assert others and all(m["sender_id"] is None and m["otid"] != OTID for m in others)
    assert users(client.ok("GET", "/v1/messages/?limit=100")) == by_text
    run = next(m["run_id"] for m in listed if m["run_id"])
    of_run = users(client.ok("GET", f"/v1/runs/{run}/messages"))
    assert of_run == {text: by_text[text] for text in of_run}


def test_words_outlive_the_server_and_stay_behind_where_an_agent_goes(
    home: memgpt.Home, other: memgpt.Home, tmp_path: Path
) -> None:
    with home.serve(port=0) as server:
        client = Client(server.url)
        made = client.agent()
        path = f"/v1/agents/{made['id']}/messages"
        client.ok("POST", path, {"messages": [sent("One.", otid=OTID)]})
    with home.serve(port=0) as server:
        assert users(Client(server.url).ok("GET", path))["One."] == (OTID, None)
    home.agent(made["name"]).export(tmp_path / "one.db")
    other.import_agent(tmp_path / "one.db")
    with other.serve(port=0) as server:
        client = Client(server.url)
        moved = client.ok("GET", "/v1/agents/")[0]["id"]
        assert users(client.ok("GET", f"/v1/agents/{moved}/messages"))["One."][0] != OTID


@pytest.mark.parametrize("words", [{"otid": 7}, {"sender_id": []}, {"otid": "x" * 1001}])
def test_words_that_are_none_are_refused(client: Client, words: dict[str, Any]) -> None:
    path = f"/v1/agents/{client.agent()['id']}/messages"
    before = client.ok("GET", path)
    refused = client.post(path, {"messages": [sent("One.", **words)]})
    assert refused.status == 422 and next(iter(words)) in refused.detail
    assert client.ok("GET", path) == before
