"""For your tests and ours: models that say what you wrote, in process and over the wire, parts that
misbehave by a seed, and checks of what holds for every agent."""

from memgpt.errors import ScriptExhausted
from memgpt.testing._chaos import FAULTS, ChaosLLM, Event
from memgpt.testing._chaotic import (
    EMBEDDER_FAULTS,
    POLICY_FAULTS,
    STORE_FAULTS,
    TOOL_FAULTS,
    chaotic,
)
from memgpt.testing._checks import check_context, check_request
from memgpt.testing._fake_openai import FakeOpenAI
from memgpt.testing._promises import check_agent
from memgpt.testing._scripted import ScriptedLLM
from memgpt.testing._wire_answers import Answer, Stream

__all__ = [
    "EMBEDDER_FAULTS",
    "FAULTS",
    "POLICY_FAULTS",
    "STORE_FAULTS",
    "TOOL_FAULTS",
    "Answer",
    "ChaosLLM",
    "Event",
    "FakeOpenAI",
    "ScriptExhausted",
    "ScriptedLLM",
    "Stream",
    "chaotic",
    "check_agent",
    "check_context",
    "check_request",
]
