"""Making HTML: text is escaped wherever it goes, and what is cut off is named."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TypeVar

from memgpt._text import clean_text
from memgpt._views.style import STYLE

T = TypeVar("T")

_ATTRIBUTE_LENGTH = 200
# Control characters as Python writes them, for few fonts have their pictures: a NUL is no HTML, an
# escape sequence shall not move a terminal's cursor, and an override shall not turn what stands
# there around. Real right-to-left text uses isolates and marks, which do their work.
_WRITTEN = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0))}
_WRITTEN |= {0x202D: "\\u202d", 0x202E: "\\u202e"}
del _WRITTEN[ord("\t")], _WRITTEN[ord("\n")]


class Html(str):
    """Text that is HTML already. Any other text is escaped where it is put into an element."""


def visible(text: str) -> str:
    """The text with control characters and overrides that are seen and do nothing."""
    return clean_text(text).replace("\r\n", "\n").translate(_WRITTEN)


def escaped(text: str) -> Html:
    """The text as HTML that shows it."""
    return Html(html.escape(visible(text)))


def _part(child: object) -> str:
    return child if isinstance(child, Html) else escaped(str(child))


def element(tag: str, *children: object, **attributes: object) -> Html:
    """An element. ``cls`` holds our class names, without the prefix that keeps them ours; an
    underscore in an attribute's name stands for a hyphen, and one that is None or empty is left
    out."""
    head = tag
    for name, value in attributes.items():
        if value is None or value == "":
            continue
        text = str(value)
        if name == "cls":
            name, text = "class", " ".join(f"memgpt-{part}" for part in text.split())
        if len(text) > _ATTRIBUTE_LENGTH:
            text = text[: _ATTRIBUTE_LENGTH - 1] + "…"
        head += f' {name.replace("_", "-")}="{escaped(text)}"'
    return Html(f"<{head}>{''.join(map(_part, children))}</{tag}>")


def join(parts: Iterable[object]) -> Html:
    """The parts one after the other."""
    return Html("".join(map(_part, parts)))


def div(cls: str, *children: object, **attributes: object) -> Html:
    return element("div", *children, cls=cls, **attributes)


def span(cls: str, *children: object, **attributes: object) -> Html:
    return element("span", *children, cls=cls, **attributes)


def cut(text: str, limit: int) -> Html:
    """The text's first characters, and how many more there are."""
    if len(text) <= limit:
        return escaped(text)
    left = f" … {len(text) - limit:,} more characters"
    return join([text[:limit], span("cut", left)])


def prose(text: str, limit: int, cls: str = "") -> Html:
    """A text as it was written, whatever its direction, length and line breaks."""
    return div(f"text {cls}", cut(text, limit), dir="auto")


def details(summary: object, *children: object) -> Html:
    """Something that is folded away."""
    return element("details", element("summary", summary), *children, cls="details")


def view(label: str, *children: object, cls: str = "") -> Html:
    """A whole view: its style comes with it, for each output of a notebook stands alone."""
    body = div(f"view {cls}", *children, role="group", aria_label=label)
    return join([Html(f"<style>{STYLE}</style>"), body])


def counted(count: int, what: str) -> str:
    """``3 messages``, ``1 message``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def middle_left_out(items: Sequence[T], head: int, tail: int) -> tuple[list[T], int, list[T]]:
    """The first items, how many follow that are left out, and the last ones."""
    left = len(items) - head - tail
    if left <= 0:
        return list(items), 0, []
    return list(items[:head]), left, list(items[len(items) - tail :])
