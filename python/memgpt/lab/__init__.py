"""For people who compare memory policies: conversations, and what policies leave of them.

>>> from memgpt import lab
>>> results = lab.evaluate([memgpt.Importance()], lab.generate_many(5))  # doctest: +SKIP
>>> print(results.table())  # doctest: +SKIP

No model is needed, and none is judged: what is measured is evidence in the context.
"""

from memgpt.lab.baselines import RandomEviction, ranges
from memgpt.lab.conversations import Conversation, Question, Turn
from memgpt.lab.evaluate import FIFO, ORACLE, RANDOM, evaluate
from memgpt.lab.generate import generate, generate_many
from memgpt.lab.locomo import BadData, read_conversations
from memgpt.lab.results import METRICS, Results

__all__ = [
    "FIFO",
    "METRICS",
    "ORACLE",
    "RANDOM",
    "BadData",
    "Conversation",
    "Question",
    "RandomEviction",
    "Results",
    "Turn",
    "evaluate",
    "generate",
    "generate_many",
    "ranges",
    "read_conversations",
]
