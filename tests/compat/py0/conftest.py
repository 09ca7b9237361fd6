"""A client of generation 0.1, and agents to talk to."""

from __future__ import annotations

import pytest
from cases import EMBEDDING, LOCAL_URL, MODEL, OFFLINE, OPEN_URL, TOKEN, URL, blocks, unique
from letta_client import AgentState, Letta


@pytest.fixture(scope="session")
def client() -> Letta:
    return Letta(token=TOKEN, base_url=URL, timeout=30)


@pytest.fixture
def local() -> Letta:
    """Of the server that runs tools without a token."""
    return Letta(base_url=LOCAL_URL, timeout=30)


@pytest.fixture
def stranger() -> Letta:
    """Of the server as it is by default; without a token."""
    return Letta(base_url=OPEN_URL, timeout=30)


@pytest.fixture
def agent(client: Letta) -> AgentState:
    """Says what it is told; calls a tool where it is asked to."""
    return client.agents.create(
        name=unique("sam"),
        agent_type="memgpt_v2_agent",
        model=MODEL,
        embedding=EMBEDDING,
        memory_blocks=blocks(),
    )


@pytest.fixture
def offline(client: Letta) -> AgentState:
    """Of the model that needs no key."""
    return client.agents.create(name=unique("off"), memory_blocks=blocks(), **OFFLINE)
