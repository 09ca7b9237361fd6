"""What is wrong comes as the exception that the client has for it."""

from __future__ import annotations

import pytest
from cases import OFFLINE, UNKNOWN, URL
from letta_client import AgentState, Letta, UnprocessableEntityError
from letta_client.core.api_error import ApiError
from talk import send


def test_an_unknown_agent_is_not_found(client: Letta) -> None:
    with pytest.raises(ApiError) as raised:
        client.agents.retrieve(UNKNOWN)
    assert raised.value.status_code == 404
    assert raised.value.body["detail"] == "Agent not found"
    with pytest.raises(ApiError):
        send(client, UNKNOWN, "Hello")


def test_a_malformed_id_is_told_from_an_unknown_one(client: Letta) -> None:
    with pytest.raises(UnprocessableEntityError) as raised:
        client.agents.retrieve("no-id")
    assert raised.value.status_code == 422


def test_a_message_without_words_is_refused(client: Letta, agent: AgentState) -> None:
    with pytest.raises(UnprocessableEntityError):
        client.agents.messages.create(agent.id, messages=[])


def test_a_body_of_another_shape_is_refused(client: Letta) -> None:
    with pytest.raises(UnprocessableEntityError):
        client.agents.create(memory_blocks="human", **OFFLINE)


def test_a_wrong_token_is_refused_and_a_missing_one() -> None:
    for wrong in (Letta(token="wrong", base_url=URL), Letta(base_url=URL)):
        with pytest.raises(ApiError) as raised:
            wrong.agents.list()
        assert raised.value.status_code == 401
        assert raised.value.body == {"detail": "Unauthorized"}
