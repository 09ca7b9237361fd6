"""MemGPT as a kernel: language-model agents with memory without end, in process.

>>> import memgpt
>>> home = memgpt.open(":memory:")
>>> agent = home.create_agent("sam")
>>> print(agent.send("My name is Chad and I live in Turin."))  # doctest: +SKIP
"""

from memgpt import errors, stores
from memgpt._archives import Archive, Attached
from memgpt._branches import BlockVersion, Branch
from memgpt._core import (
    ArchivalHit,
    Context,
    Divergence,
    Head,
    Message,
    Moved,
    Passage,
    Purged,
    RecallHit,
    Replay,
    Span,
    Step,
    Summary,
    Tag,
    ToolCall,
)
from memgpt._embedders import OpenAICompatibleEmbedder
from memgpt._recompile import Recompilation
from memgpt._server import Server, ServerLimits
from memgpt._stream import Event
from memgpt._transport import letta_transport
from memgpt.agent import Agent, Response
from memgpt.errors import *  # noqa: F403
from memgpt.home import Home, Purge, open
from memgpt.llm import Delta, Embedder, LLMProvider, OpenAICompatible, Reply
from memgpt.memory import BaseMemory, ChatMemory, MemoryModule, SharedBlock
from memgpt.minilm import MiniLM
from memgpt.policy import (
    Fit,
    Importance,
    MemoryPolicy,
    NoEviction,
    PolicyWindow,
    RecursiveSummary,
    SlidingWindow,
    importance,
)
from memgpt.ranking import Ranking
from memgpt.store import ArchivalStore
from memgpt.tokens import TokenCounter
from memgpt.tools import Tool, tool

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "ArchivalHit",
    "ArchivalStore",
    "Archive",
    "Attached",
    "BaseMemory",
    "BlockVersion",
    "Branch",
    "ChatMemory",
    "Context",
    "Delta",
    "Divergence",
    "Embedder",
    "Event",
    "Fit",
    "Head",
    "Home",
    "Importance",
    "LLMProvider",
    "MemoryModule",
    "MemoryPolicy",
    "Message",
    "MiniLM",
    "Moved",
    "NoEviction",
    "OpenAICompatible",
    "OpenAICompatibleEmbedder",
    "Passage",
    "PolicyWindow",
    "Purge",
    "Purged",
    "Ranking",
    "RecallHit",
    "Recompilation",
    "RecursiveSummary",
    "Replay",
    "Reply",
    "Response",
    "Server",
    "ServerLimits",
    "SharedBlock",
    "SlidingWindow",
    "Span",
    "Step",
    "Summary",
    "Tag",
    "TokenCounter",
    "Tool",
    "ToolCall",
    "errors",
    "importance",
    "letta_transport",
    "open",
    "stores",
    "tool",
]
__all__ += errors.__all__
