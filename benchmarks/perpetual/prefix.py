"""How much of what was sent a provider could have in its cache: the prefix of each request that the
request before it had, byte for byte."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import memgpt


@dataclass
class Sent:
    """Text tokens of the requests of a conversation.

    Attributes:
        tokens: of all of them.
        prefix: of what they begin with that the request before began with.
        volatile: the same if clock and live counts stood behind the memory blocks: no prefix goes
            further then than to the first of these counts.
        lost: what is not in the prefix, by what ended it; "appended" where all of the request
            before is there.
    """

    tokens: int = 0
    prefix: int = 0
    volatile: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Sent) -> Sent:
        return Sent(
            self.tokens + other.tokens,
            self.prefix + other.prefix,
            self.volatile + other.volatile,
            self.lost + other.lost,
        )


def sent_by(agent: memgpt.Agent) -> Sent:
    """Look at every request of the agent's history, each made again from the journal."""
    sent = Sent()
    for step in agent.steps():
        if not step.digest:
            continue
        prefix = max(0, step.prefix_tokens)  # nothing is known of a cache at the first call
        sent.tokens += step.context_tokens
        sent.prefix += prefix
        sent.volatile += min(prefix, _tokens_before_counts(agent.context(step=step.seq)))
        if step.prefix_tokens < 0:
            broken = "first call"
        else:
            # Which message it was says nothing.
            broken = step.prefix_broken.split("-")[0] or "appended"
        sent.lost[broken] += step.context_tokens - prefix
    return sent


def _tokens_before_counts(context: memgpt.Context) -> int:
    """As if the line that has the counts stood behind the blocks; what it begins with is shared."""
    fixed = ("tool_schema", "system", "memory_block")
    tokens = sum(span.tokens for span in context.spans if span.kind in fixed)
    line = "".join(span.text for span in context.spans if span.kind == "external_memory")
    return tokens + memgpt.TokenCounter(context.tokenizer).count(re.split(r"\d", line)[0])
