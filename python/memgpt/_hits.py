"""What a search found: a list that shows itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from memgpt._core import ArchivalHit, RecallHit

T = TypeVar("T", RecallHit, ArchivalHit)


class Hits(list[T]):
    """A list of search hits, best first; ``print`` it, or look at it in a notebook.

    Attributes:
        total: hits on all pages.
    """

    def __init__(self, hits: Iterable[T], query: str, where: str, total: int) -> None:
        super().__init__(hits)
        self._query = query
        self._where = where
        self.total = total

    def _repr_html_(self) -> str:
        from memgpt import _views

        return _views.hits_html(self, self._query, self._where)

    def __str__(self) -> str:
        from memgpt import _views

        return _views.hits_text(self, self._query)
