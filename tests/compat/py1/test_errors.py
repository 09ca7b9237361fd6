"""What is wrong comes as the exception that the client has for it."""

from __future__ import annotations

import letta_client
import pytest
from cases import OFFLINE, UNKNOWN, URL
from letta_client import AuthenticationError, Letta, NotFoundError, UnprocessableEntityError
from letta_client.types import AgentState


def test_an_unknown_agent_is_not_found(client: Letta) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.agents.retrieve(UNKNOWN)
    assert raised.value.status_code == 404
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["detail"] == "Agent not found"
    with pytest.raises(NotFoundError):
        client.agents.messages.create(UNKNOWN, input="Hello")
    with pytest.raises(NotFoundError):
        list(client.agents.messages.list(UNKNOWN))


def test_a_malformed_id_is_told_from_an_unknown_one(client: Letta) -> None:
    with pytest.raises(UnprocessableEntityError) as raised:
        client.agents.retrieve("no-id")
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["detail"]


def test_a_message_without_words_is_refused(client: Letta, agent: AgentState) -> None:
    with pytest.raises(UnprocessableEntityError):
        client.agents.messages.create(agent.id, messages=[])


def test_a_body_of_another_shape_is_refused(client: Letta) -> None:
    with pytest.raises(UnprocessableEntityError):
        client.agents.create(memory_blocks="human", **OFFLINE)


def test_a_wrong_token_is_refused_and_a_missing_one() -> None:
    for wrong in (Letta(api_key="wrong", base_url=URL), Letta(base_url=URL)):
        with wrong, pytest.raises(AuthenticationError) as raised:
            wrong.agents.list()
        assert raised.value.body == {"detail": "Unauthorized"}


def test_an_unknown_field_is_passed_over(client: Letta) -> None:
    made = client.agents.create(**OFFLINE, extra_body={"of_tomorrow": 1})
    assert made.id


def test_a_route_that_there_is_not_is_an_error_with_a_sentence(client: Letta) -> None:
    with pytest.raises(letta_client.APIStatusError) as raised:
        client.with_options(max_retries=0).templates.save(template_name="none")
    assert raised.value.status_code in (404, 501)
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["detail"]
