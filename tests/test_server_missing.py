"""What is not served says so."""

from __future__ import annotations

import pytest

from tests.server_client import Client

ID = "00000000-0000-4000-8000-000000000000"
MISSING = [
    ("POST", "/v1/folders/", "folders"),
    ("GET", "/v1/folders", "folders"),
    ("GET", "/v1/sources/count", "folders"),
    ("DELETE", f"/v1/folders/source-{ID}/file-{ID}", "folders"),
    ("PATCH", f"/v1/agents/agent-{ID}/folders/attach/source-{ID}", "folders"),
    ("GET", f"/v1/agents/agent-{ID}/sources", "folders"),
    ("PATCH", f"/v1/agents/agent-{ID}/files/file-{ID}/open", "files"),
    ("GET", "/v1/jobs/", "jobs"),
    ("PATCH", f"/v1/jobs/job-{ID}/cancel", "jobs"),
    ("POST", f"/v1/runs/run-{ID}/stream", "background"),
    ("GET", f"/v1/steps/step-{ID}/trace", "traces"),
    ("POST", "/v1/conversations/?agent_id=x", "conversations"),
    ("POST", f"/v1/conversations/conv-{ID}/messages", "conversations"),
    ("POST", f"/v1/agents/agent-{ID}/messages/async", "background"),
    ("GET", "/v1/identities/", "identities"),
    ("GET", f"/v1/agents/agent-{ID}/groups", "groups"),
    ("POST", "/v1/groups/", "groups"),
    ("GET", "/v1/templates/", "templates"),
    ("POST", f"/v1/agents/agent-{ID}/migrate", "templates"),
    ("GET", f"/v1/agents/agent-{ID}/core-memory/variables", "templates"),
    ("GET", f"/v1/agents/agent-{ID}/schedule", "scheduled"),
    ("GET", "/v1/providers/", "providers"),
    ("GET", "/v1/tools/mcp/servers", "MCP"),
    ("POST", "/v1/mcp-servers/", "MCP"),
    ("GET", "/v1/tools/composio/apps", "Composio"),
    ("POST", "/v1/messages/batches", "batches"),
    ("GET", "/v1/projects", "projects"),
    ("POST", "/v1/voice-beta/agent/chat/completions", "voice"),
    ("GET", "/v1/telemetry/x", "traces"),
    ("POST", "/v1/agents/search", "search"),
]


@pytest.mark.parametrize(("method", "path", "word"), MISSING)
def test_what_is_not_served_says_so(method: str, path: str, word: str, client: Client) -> None:
    for spelled in (path, path.replace("?", "/?") if "?" in path else path.rstrip("/") + "/"):
        answered = client.ask(method, spelled)
        assert answered.status == 501, answered.body
        assert word in answered.detail and "served" in answered.detail + "traces are not served"
        assert answered.headers["x-should-retry"] == "false", "clients would send it three times"


def test_messages_are_not_changed(client: Client) -> None:
    answered = client.patch(f"/v1/agents/agent-{ID}/messages/message-{ID}", {"content": "x"})
    assert answered.status == 405 and "not changed" in answered.detail


def test_the_document_tells_of_nothing_that_is_not_served(client: Client) -> None:
    paths = client.ok("GET", "/openapi.json")["paths"]
    assert "/v1/runs/{run_id}" in paths and set(paths["/v1/runs/{run_id}"]) == {"get"}
    missing = ("/v1/folders", "/v1/jobs", "/v1/groups")
    assert not [path for path in paths if path.startswith(missing) or "*" in path]


def test_what_nobody_knows_is_not_found(client: Client) -> None:
    assert client.get("/v1/nonsense").status == 404
    assert client.ask("PUT", "/v1/agents/").status == 405
