"""The line that binds what an agent's journal only knows by name."""

from __future__ import annotations

import json
import keyword
from collections.abc import Sequence

_PLACEHOLDER = "..."


def _name(value: str) -> str:
    """A name as it can be typed, or the placeholder."""
    last = value.rsplit(".", 1)[-1]
    return last if last.isidentifier() and not keyword.iskeyword(last) else _PLACEHOLDER


def binding_line(agent_name: str, unbound: Sequence[str]) -> str:
    """What to type, for example ``home.agent("sam", model=..., tools=[roll_dice])``.

    Args:
        agent_name: the agent.
        unbound: ``agent.unbound``: entries like ``tools=[roll_dice]``, ``model=... (was "m")`` or
            ``memory=module.Class (tool "task_add")``.
    """
    given: dict[str, list[str]] = {}
    for entry in unbound:
        key, _, value = entry.split(" (", 1)[0].partition("=")
        name = _name(value[1:-1] if value.startswith("[") else value)
        names = given.setdefault(key, [])
        if name not in names:
            names.append(name)
    arguments = [json.dumps(agent_name, ensure_ascii=False)]
    for key, names in given.items():
        tools = [name for name in names if name != _PLACEHOLDER]
        tools += [_PLACEHOLDER] if len(tools) < len(names) else []
        arguments.append(f"tools=[{', '.join(tools)}]" if key == "tools" else f"{key}={names[0]}")
    return f"home.agent({', '.join(arguments)})"
