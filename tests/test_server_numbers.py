"""Numbers that are too large, and what is said of them."""

from __future__ import annotations

import pytest

from tests.server_client import Client


@pytest.mark.parametrize("limit", [0, -1, 1.5, 2**40, 2**70])
def test_a_limit_of_a_block_is_refused_with_its_bounds(client: Client, limit: float) -> None:
    wanted = '"limit" must be a whole number from 1 to 100000000'
    body = {"label": "human", "value": "Chad.", "limit": limit}
    refused = client.post("/v1/blocks/", body)
    assert (refused.status, refused.detail) == (422, wanted)
    block = client.ok("POST", "/v1/blocks/", {**body, "limit": 100})["id"]
    refused = client.patch(f"/v1/blocks/{block}", {"limit": limit})
    assert (refused.status, refused.detail) == (422, wanted)


@pytest.mark.parametrize("number", ["1e999", "-1e999", '[{"a": 1e999}]'])
def test_a_number_that_no_answer_could_hold_is_refused(client: Client, number: str) -> None:
    raw = '{"model": "offline", "metadata": {"big": ' + number + "}}"
    headers = {"Content-Type": "application/json"}
    refused = client.post("/v1/agents/", raw=raw.encode(), headers=headers)
    assert (refused.status, refused.detail) == (422, 'a number in "metadata" is too large')
    assert client.ok("GET", "/v1/agents/") == []
