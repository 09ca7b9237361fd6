"""What an embedder returned, as the core takes it: float32 without gaps, row after row."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterable, Mapping, Set
from typing import Any

from memgpt._text import error_text
from memgpt.errors import ConfigError

__all__ = ["flat_row", "flat_rows"]

# They can be iterated over, and what comes is no numbers, or in no order.
_NO_NUMBERS = (str, bytes, bytearray, Mapping, Set)


def _array(value: Any) -> memoryview | None:
    """An array's numbers as float32 without gaps, where they lie if they are that already.

    None for what is no array of numbers. Only an array that needs to be converted imports numpy.
    """
    with contextlib.suppress(TypeError, ValueError, BufferError):
        view = memoryview(value)
        if view.format == "f" and view.c_contiguous:
            return view
    if not hasattr(value, "__array__"):
        return None
    try:
        import numpy

        numbers = numpy.asarray(value)
    except Exception:  # a tensor that is not in main memory, or that numpy does not understand
        return None
    if numbers.dtype.kind not in "fiub":
        return None
    with numpy.errstate(over="ignore"):  # infinity is refused later
        return numpy.ascontiguousarray(numbers, numpy.float32).data


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, _NO_NUMBERS):
        raise TypeError(f"a {type(value).__name__}")
    return value.tolist() if hasattr(value, "tolist") else value


def _joined(rows: Any) -> tuple[array[float], list[int]]:
    """The rows behind each other, and how long each is."""
    flat, widths = array("f"), []
    for row in _items(rows):
        before = len(flat)
        numbers = _array(row)
        if numbers is None:
            flat.extend(_items(row))
        elif numbers.ndim == 1:
            flat.frombytes(numbers.tobytes())
        else:
            raise TypeError(f"a row of shape {numbers.shape}")
        widths.append(len(flat) - before)
    return flat, widths


def flat_row(row: Any) -> memoryview | array[float]:
    """One row of numbers.

    Raises:
        TypeError: for what is none.
    """
    view = _array(row)
    if view is not None and view.ndim != 1:
        raise TypeError(f"an array of shape {view.shape}")
    return _joined([row])[0] if view is None else view


def flat_rows(rows: Any, texts: int, dimension: int, whose: str) -> memoryview | array[float]:
    """The numbers of a 2-D array, or of a list of rows, checked for their shape.

    Raises:
        ConfigError: naming the embedder, where there is not one row of ``dimension`` numbers for
            each of the texts.
    """
    wanted = (
        f"{whose}.embed() must return one row of {dimension} numbers for each of {texts} texts, "
        "as a 2-D array or a list of lists; it returned "
    )
    view = _array(rows)
    flat: memoryview | array[float]
    if view is not None:
        shape = view.shape or ()
        if len(shape) != 2:
            raise ConfigError(f"{wanted}an array of shape {shape}: one text, too, is a row")
        flat, count, widths = view, shape[0], {shape[1]}
    else:
        try:
            flat, lengths = _joined(rows)
        except Exception as error:  # what it returned is somebody's own object
            raise ConfigError(
                f"{wanted}a {type(rows).__name__} that is none ({error_text(error)})"
            ) from error
        count, widths = len(lengths), set(lengths)
    if count != texts:
        raise ConfigError(f"{wanted}{count} rows")
    if widths - {dimension}:
        found = " and ".join(map(str, sorted(widths)))
        raise ConfigError(
            f"{wanted}rows of {found}. If its model has changed, give it another `name` and "
            "`dimension`, and each agent the changed one with agent.reembed(...), which makes its "
            "vectors anew: an archive has vectors of one embedder"
        )
    return flat
