"""The servers that the real clients are driven against."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from memgpt.testing import FakeOpenAI, Stream

from tests.compat.model import MODELS, answer
from tests.compat.server import Server, Servers

# These run in the environments of the clients, not in ours.
collect_ignore = ["py0", "py1"]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """One with a token and a model behind it, one as by default, one that may run tools."""
    token = secrets.token_hex(16)
    with ExitStack() as stack:
        fake = stack.enter_context(
            FakeOpenAI(answer, api_key="sk-test", models=MODELS, stream=Stream(piece=4), keep=50)
        )
        provider = {"OPENAI_BASE_URL": fake.url, "OPENAI_API_KEY": "sk-test"}
        main = Server(tmp_path / "main", "--token", token, environment=provider)
        stack.callback(main.stop)
        plain = Server(tmp_path / "plain")
        stack.callback(plain.stop)
        local = Server(tmp_path / "local", "--allow-local-tools")
        stack.callback(local.stop)
        environment = {
            "MEMGPT_URL": main.url(),
            "MEMGPT_TOKEN": token,
            "MEMGPT_OPEN_URL": plain.url(),
            "MEMGPT_LOCAL_URL": local.url(),
        }
        yield Servers(main, plain, local, environment)
