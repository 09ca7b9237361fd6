"""A client of generation 1, and agents to talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from cases import (
    EMBEDDING,
    LOCAL_URL,
    MODEL,
    OFFLINE,
    OPEN_URL,
    TOKEN,
    URL,
    blocks,
    tool_source,
    unique,
)
from letta_client import Letta
from letta_client.types import AgentState, Tool


@pytest.fixture(scope="session")
def client() -> Iterator[Letta]:
    with Letta(api_key=TOKEN, base_url=URL, timeout=30) as client:
        yield client


@pytest.fixture
def local() -> Iterator[Letta]:
    """Of the server that runs tools without a token."""
    with Letta(base_url=LOCAL_URL, timeout=30) as client:
        yield client


@pytest.fixture
def stranger() -> Iterator[Letta]:
    """Of the server as it is by default; without a token."""
    with Letta(base_url=OPEN_URL, timeout=30) as client:
        yield client


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


@pytest.fixture
def tool(client: Letta) -> Callable[[str], Tool]:
    """Makes a tool from source."""
    return lambda name: client.tools.create(source_code=tool_source(name))
