"""Google-style docstrings, read tolerantly.

Imports nothing of memgpt, for a bare interpreter imports it, too.
"""

from __future__ import annotations

import re

_SECTION = re.compile(
    r"^\s*(args|arguments|parameters|returns?|raises|yields|examples?):\s*$", re.I
)
_ARGUMENT = re.compile(r"^\s*\*{0,2}(\w+)\s*(?:\([^)]*\)\s*)?:\s*(.*)$")


def describe(docstring: str | None) -> tuple[str, dict[str, str]]:
    """The description and one text per argument; indentation means nothing here."""
    description: list[str] = []
    arguments: dict[str, str] = {}
    section, current = "", ""
    for line in (docstring or "").splitlines():
        if heading := _SECTION.match(line):
            section, current = heading[1].lower(), ""
        elif not section:
            description.append(line.strip())
        elif section.startswith(("arg", "param")) and line.strip():
            if match := _ARGUMENT.match(line):
                current = match[1]
                arguments[current] = match[2].strip()
            elif current:
                arguments[current] += " " + line.strip()
    return " ".join(filter(None, description)), arguments
