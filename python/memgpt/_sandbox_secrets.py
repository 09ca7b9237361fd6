"""Keeps the values of a tool's environment out of what it gives back.

What a tool returns, prints or raises goes into the journal and to the model; secrets do not.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping

from memgpt._sandbox import SandboxResult
from memgpt._sandbox_runner import ERROR_LIMIT

LEAST = 4  # characters; shorter values are part of many a text
MASK = "***"
_CUT = "... [NOTE: the "


def _forms(values: Iterable[str]) -> list[str]:
    """The values as they are, and inside of lists and JSON; the longest first, for one may be part
    of another one."""
    forms: set[str] = set()
    for value in values:
        if len(value) >= LEAST:
            written = (repr(value), json.dumps(value), json.dumps(value, ensure_ascii=False))
            forms |= {value, *(text[1:-1] for text in written)}
    return sorted(forms, key=len, reverse=True)


def _without(text: str, forms: list[str]) -> str:
    for form in forms:
        text = text.replace(form, MASK)
    kept, cut, note = text.rpartition(_CUT)
    kept, note = (kept, cut + note) if cut else (text, "")
    if not cut and len(text) < ERROR_LIMIT:
        return text
    for form in forms:  # where the text was cut, the beginning of one may be its end
        for length in range(min(len(form) - 1, len(kept)), LEAST - 1, -1):
            if kept.endswith(form[:length]):
                return kept[:-length] + MASK + note
    return kept + note


def hide(result: SandboxResult, environment: Mapping[str, str]) -> SandboxResult:
    """The result with ``***`` in the place of what the environment holds."""
    forms = _forms(environment.values())
    if not forms:
        return result
    hidden = _without(result.json, forms)
    return dataclasses.replace(
        result,
        value=_without(result.value, forms),
        stdout=[_without(text, forms) for text in result.stdout],
        stderr=[_without(text, forms) for text in result.stderr],
        json=hidden if _is_json(hidden) else "",  # a number may have been hidden
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
