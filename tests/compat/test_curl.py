"""cURL, as the documents print it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.compat.server import Servers

SHOWN = Path(__file__).with_name("create_agent.sh").read_text()


def bash(command: str, servers: Servers, **variables: str) -> str:
    """What a command of the documents prints; only the base URL is not theirs."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LETTA_BASE_URL": servers.environment["MEMGPT_URL"],
        "LETTA_API_KEY": servers.environment["MEMGPT_TOKEN"],
        **variables,
    }
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def post(path: str, body: dict[str, Any]) -> str:
    return f"""curl -sN -X POST "$LETTA_BASE_URL{path}" \\
      -H "Authorization: Bearer $LETTA_API_KEY" \\
      -H "Content-Type: application/json" \\
      -d '{json.dumps(body)}'"""


def test_the_command_of_the_documents_makes_an_agent(servers: Servers) -> None:
    made = json.loads(bash(SHOWN, servers))
    assert made["agent_type"] == "memgpt_v2_agent"
    assert made["llm_config"]["handle"] == "openai/gpt-4.1"
    assert [block["label"] for block in made["memory"]["blocks"]] == ["human", "persona"]
    assert {"web_search", "run_code"} <= {tool["name"] for tool in made["tools"]}


def test_a_conversation_is_streamed_as_lines_of_data(servers: Servers) -> None:
    agent = json.loads(bash(SHOWN, servers))["id"]
    message = {"messages": [{"role": "user", "content": "Hello"}]}
    said = json.loads(bash(post(f"/v1/agents/{agent}/messages", message), servers))
    assert said["messages"][-1]["message_type"] in ("assistant_message", "tool_return_message")
    assert said["stop_reason"]["stop_reason"] == "end_turn"
    streamed = bash(post(f"/v1/agents/{agent}/messages/stream", message), servers)
    events = streamed.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    kinds = [json.loads(event.removeprefix("data: "))["message_type"] for event in events[:-2]]
    assert kinds[-2:] == ["stop_reason", "usage_statistics"]
    assert "assistant_message" in kinds


def test_without_the_token_nothing_is_answered(servers: Servers) -> None:
    answered = bash(SHOWN.rstrip() + " -s -w '%{http_code}'", servers, LETTA_API_KEY="wrong")
    assert answered == '{"detail":"Unauthorized"}401'
