"""Tables about an agent that can be printed, looked at in a notebook, and taken elsewhere."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

__all__ = ["Report"]


class Report(ABC):
    """What explanations, differences, budgets and other reports have in common."""

    _view = ""  # of memgpt._views: its functions with _text and _html behind the name

    @abstractmethod
    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as dicts, of values that JSON knows."""

    def to_dict(self) -> dict[str, Any]:
        """The rows, and the figures that belong to all of them."""
        return {"rows": self.to_dicts()}

    def to_json(self, indent: int | None = None) -> str:
        """``to_dict()`` as JSON text.

        Args:
            indent: spaces for each level; without it the text is one line.
        """
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    def to_pandas(self) -> Any:
        """The rows as a ``pandas.DataFrame``.

        Raises:
            ImportError: where pandas is not installed.
        """
        try:
            import pandas  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ImportError(
                "to_pandas() needs pandas, which is not installed: pip install pandas; "
                "to_dicts() gives the same rows without it"
            ) from error
        return pandas.DataFrame(self.to_dicts())

    def __str__(self) -> str:
        from memgpt import _views

        return getattr(_views, f"{self._view}_text")(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from memgpt import _views

        return getattr(_views, f"{self._view}_html")(self)
