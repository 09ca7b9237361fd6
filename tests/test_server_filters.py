"""What a list was asked for and was silently ignored."""

from __future__ import annotations

import pytest

from tests.server_client import Client


def test_messages_of_a_conversation_or_group_that_there_is_not(client: Client) -> None:
    agent = client.agent()["id"]
    client.say(agent, "Hello.")
    path = f"/v1/agents/{agent}/messages"
    everything = client.ok("GET", path)
    assert everything and client.ok("GET", f"{path}?conversation_id=default") == everything
    refused = client.get(f"{path}?conversation_id=conv-00000000-0000-4000-8000-000000000001")
    assert refused.status == 404 and "default" in refused.detail
    assert client.ok("GET", f"{path}?group_id=group-00000000-0000-4000-8000-000000000001") == []


@pytest.mark.parametrize("kind", ["", "embedding"])
def test_models_of_a_kind_of_provider(client: Client, kind: str) -> None:
    path = f"/v1/models/{kind}"
    everything = client.ok("GET", path)
    assert everything and client.ok("GET", f"{path}?provider_category=base") == everything
    assert client.ok("GET", f"{path}?provider_category=byok") == []
    both = f"{path}?provider_category=byok&provider_category=base"
    assert client.ok("GET", both) == everything
    assert client.get(f"{path}?provider_category=mine").status == 422
