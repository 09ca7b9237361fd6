"""What the suites of both Python generations say to the server."""

from __future__ import annotations

import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

# Three servers: one with a token and a model behind it, one as it is by default, and one that may
# run tools without a token.
URL = os.environ["MEMGPT_URL"]
TOKEN = os.environ["MEMGPT_TOKEN"]
OPEN_URL = os.environ["MEMGPT_OPEN_URL"]
LOCAL_URL = os.environ["MEMGPT_LOCAL_URL"]

MODEL = "openai/gpt-4.1"
EMBEDDING = "openai/text-embedding-3-small"
HUMAN = "The human's name is Chad. They like vibe coding."
PERSONA = "My name is Sam, the all-knowing sentient AI."
OFFLINE = {"model": "offline", "embedding": "offline"}
UNKNOWN = "agent-00000000-0000-4000-8000-000000000000"

# The full object that the clients model, of an OpenAI model that was named by its handle.
MODEL_SETTINGS = {
    "provider_type": "openai",
    "max_output_tokens": 16384,
    "parallel_tool_calls": True,
    "strict": False,
    "temperature": 1.0,
    "reasoning": {"reasoning_effort": "minimal"},
    "response_format": None,
}


def unique(name: str) -> str:
    """A name that no other test uses."""
    return f"{name}_{uuid.uuid4().hex[:8]}"


def blocks() -> list[dict[str, Any]]:
    """As in the documents."""
    return [{"label": "human", "value": HUMAN}, {"label": "persona", "value": PERSONA}]


def tool_source(name: str) -> str:
    """A tool that says something, shows its environment's COLOUR and can fail."""
    return f'''
import os


def {name}(sides: int, label: str = "die") -> str:
    """Roll a die.

    Args:
        sides (int): how many sides it has.
        label (str): what to call it.
    """
    print("rolling")
    if sides < 1:
        raise ValueError("a die has sides")
    return f"{{label}} of {{sides}}, {{os.environ.get('COLOUR', 'plain')}}"
'''


def calling(tool: str, arguments: str) -> str:
    """A message upon which the model calls a tool and then says what it returned."""
    return f"call {tool} {arguments}"


def kinds(messages: Iterable[Any]) -> list[str]:
    return [message.message_type for message in messages]


def of_kind(messages: Iterable[Any], kind: str) -> list[Any]:
    return [message for message in messages if message.message_type == kind]


def spoken(messages: Iterable[Any]) -> str:
    """What the agent said to the user."""
    return "".join(text(message) for message in of_kind(messages, "assistant_message"))


def text(message: Any) -> str:
    """The content of a message, which may be a string or a list of parts."""
    content = message.content
    return content if isinstance(content, str) else "".join(part.text for part in content)


def joined(chunks: Iterable[Any], kind: str, piece: Callable[[Any], str]) -> dict[str, str]:
    """The pieces of a stream put together, by the otid that the parts of one message share."""
    whole: dict[str, str] = defaultdict(str)
    for chunk in of_kind(chunks, kind):
        whole[chunk.otid] += piece(chunk)
    return dict(whole)


def keys(messages: Iterable[Any]) -> list[str]:
    """What tells the parts of messages apart."""
    return [message.otid for message in messages]
