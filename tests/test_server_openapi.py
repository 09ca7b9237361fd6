"""The OpenAPI document is what is served: schemathesis asks for everything that is in it."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path
from typing import Any

import memgpt
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from tests.server_client import Client

_folder = tempfile.TemporaryDirectory()
_home = memgpt.open(Path(_folder.name) / "home.db", durability="process")
_server = _home.serve(port=0, allow_local_tools=False)


@atexit.register
def _end() -> None:
    _server.stop()
    _home.close()
    _folder.cleanup()


client = Client(_server.url)
schema = schemathesis.openapi.from_url(_server.url + "/openapi.json")


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_nothing_that_the_document_allows_breaks_the_server(case: Any) -> None:
    agent = client.agent(name="known", memory_blocks=[{"label": "human", "value": "Ada."}])
    if "agent_id" in (case.path_parameters or {}):
        case.path_parameters["agent_id"] = agent["id"]
    response = case.call(timeout=30)
    if response.status_code == 501:  # a feature that is not served, in words
        assert "not" in response.json()["detail"]
    else:
        case.validate_response(response, checks=(not_a_server_error,))
    client.delete(f"/v1/agents/{agent['id']}")


def test_afterwards_everything_is_sound() -> None:
    assert _home.check(replay=True) == []
    assert client.get("/v1/health").status == 200


def test_every_operation_has_a_name_of_its_own() -> None:
    paths = client.ok("GET", "/openapi.json")["paths"]
    names = [o["operationId"] for path in paths.values() for o in path.values()]
    assert len(names) == len(set(names)) > 25


def test_every_list_has_all_the_parameters_of_a_page() -> None:
    paths = client.ok("GET", "/openapi.json")["paths"]
    asked = {
        path: {one["name"] for one in operations["get"]["parameters"]}
        for path, operations in paths.items()
        if "get" in operations
    }
    lists = {path for path, names in asked.items() if "after" in names}
    assert {"/v1/agents", "/v1/blocks", "/v1/runs", "/v1/tags", "/v1/archives"} <= lists
    for path in lists:
        assert {"before", "after", "limit", "order", "order_by", "ascending"} <= asked[path], path
