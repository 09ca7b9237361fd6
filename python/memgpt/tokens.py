"""Counting tokens: exactly as tiktoken does, or in your own way."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol

from memgpt import _core
from memgpt._text import checked_text
from memgpt.errors import ConfigError, InvalidInput

__all__ = ["IncrementalCount", "TokenCounter"]

_DEFAULT = "o200k_base"
_KERNELS = (_DEFAULT, "cl100k_base")
_MOST_TOKENS = 1_000_000  # beyond one for each byte: what no tokenizer adds


class IncrementalCount(Protocol):
    """The tokens of a text that grows at its end."""

    @property
    def tokens(self) -> int:
        """Tokens of everything so far: what ``count`` gives for the whole text."""
        ...

    def append(self, text: str) -> int:
        """Append text; returns ``tokens``.

        The core's counters take bytes too, which may end, and go on, inside a character: what is
        still missing counts as U+FFFD.

        Raises:
            InvalidInput: for what is no text, or has a lone surrogate.
        """
        ...


class TokenCounter:
    """Counts the tokens of text, exactly as tiktoken does, or in your own way.

    Subclass it and define :meth:`count` for a model whose tokenizer is another one, and give it to
    the model: ``tokenizer = MyCounter()`` in an :class:`LLMProvider`. Everything else works on top
    of ``count``, but for ``encode`` and ``decode``. The kernel calls ``count`` on the thread of
    ``send()``, and on several at once where agents share a counter.

    Args:
        encoding: ``"o200k_base"`` or ``"cl100k_base"``; its ranks are loaded on first use.

    Attributes:
        name: names the tokenizer: it is stored with the counts, which are made anew where an agent
            is opened with a counter of another name. By default the encoding, or the name of the
            class that defines ``count``. Counters that count differently need different names, for
            counts are kept under them: a counter with a parameter puts it into its ``name``.
        exact: False where the counts are an estimate of the model's; they are shown as such.

    Raises:
        ConfigError: for another encoding; says which there are.
    """

    name: str = _DEFAULT
    exact: bool = True

    def __init__(self, encoding: str = _DEFAULT) -> None:
        self._bpe = _core.BpeCounter(checked_text(encoding, "the encoding"))
        if type(self).name == _DEFAULT:
            self.name = encoding

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for base in cls.__mro__:
            if "name" in vars(base):  # TokenCounter's, at the latest
                return
            if "count" in vars(base):
                cls.name = cls.__name__
                return

    @cached_property
    def _bpe(self) -> _core.BpeCounter:
        """Also there for a subclass that did not call ``super().__init__()``."""
        return _core.BpeCounter(_DEFAULT)

    @property
    def _counts_itself(self) -> bool:
        return self._defines("count")

    def _defines(self, method: str) -> bool:
        """Whether the method is another one than TokenCounter's, be it the instance's only."""
        own = getattr(getattr(self, method), "__func__", None)
        return own is not getattr(TokenCounter, method)

    def count(self, text: str) -> int:
        """Number of tokens of the text.

        Text that looks like a special token counts as text. Takes linear time on any input, and
        other threads run meanwhile. The core's counters take UTF-8 bytes too; what is invalid in
        them counts as U+FFFD.

        Raises:
            InvalidInput: for what is no text, or has a lone surrogate.
        """
        return self._bpe.count(text)

    def count_many(self, texts: Iterable[str]) -> list[int]:
        """Number of tokens of each text.

        Raises:
            InvalidInput: for what is no text, or has a lone surrogate, and for one text.
        """
        if self._counts_itself:
            return [_count_of(self, _text(raw)) for raw in _each_raw(texts)]
        return self._bpe.count_many(texts)

    def count_parts(self, parts: Iterable[str]) -> list[int]:
        """Number of tokens of each part of one text, which is the parts joined.

        Tokens cross the borders of parts: each belongs to the part that its first byte lies in, so
        that the numbers add up to ``count("".join(parts))``. A counter of your own is asked for the
        beginnings of the text that end where a part does.

        Raises:
            InvalidInput: for what is no text, or has a lone surrogate, and for one text.
        """
        if not self._counts_itself:
            return self._bpe.count_parts(parts)
        raws = _each_raw(parts)
        if not raws:
            return []
        whole = b"".join(raws)
        total = _count_of(self, _text(whole))
        counted = end = 0
        owned: list[int] = []
        for raw in raws[:-1]:
            end += len(raw)
            # A longer text can have fewer tokens than its beginning: no part owns less than none.
            here = min(max(_count_of(self, _text(whole[:end])), counted), max(counted, total))
            owned.append(here - counted)
            counted = here
        return [*owned, total - counted]

    def incremental(self, text: str = "") -> IncrementalCount:
        """Count a text that grows.

        ::

            count = counter.incremental()
            for piece in stream:
                if count.append(piece) > limit: ...

        Only what further text can still change is counted again, so that n pieces of ordinary text
        take linear time. A counter of your own counts the whole text at each piece.

        Args:
            text: how it begins.
        """
        if self._counts_itself:
            growing: IncrementalCount = _Recount(self)
        else:
            growing = _core.IncrementalCount(self._bpe)
        growing.append(text)
        return growing

    def encode(self, text: str, special: bool = False) -> list[int]:
        """Token ids.

        Args:
            text: a str, or UTF-8 bytes.
            special: map the text of special tokens, such as ``"<|endoftext|>"``, to their ids.

        Raises:
            InvalidInput: for what is no text, or has a lone surrogate.
            ConfigError: for a counter that counts in its own way and defines no ``encode``.
        """
        return self._known("encode(self, text, special=False)").encode(text, special)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of token ids; half characters become U+FFFD.

        Raises:
            InvalidInput: for an id that the encoding does not have.
            ConfigError: for a counter that counts in its own way and defines no ``decode``.
        """
        return self._known("decode(self, tokens)").decode(tokens)

    def _known(self, wanted: str) -> _core.BpeCounter:
        if self._counts_itself:
            raise ConfigError(
                f"{type(self).__name__} counts in its own way and defines no {wanted}"
            )
        return self._bpe

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def _shown(value: Any) -> str:
    """The value for an error, but for what is long; Python refuses to print ints of many digits."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an int of {value.bit_length()} bits"
    shown = repr(value)
    return shown if len(shown) <= 100 else type(value).__name__


def _checked(tokens: Any, text: str, whose: str) -> int:
    try:
        number = operator.index(tokens)  # numpy's integers too
    except TypeError:
        number = -1
        if inspect.iscoroutine(tokens):
            tokens.close()
    if isinstance(tokens, bool) or number < 0:
        raise ConfigError(
            f"{whose}.count() must return a number of tokens, an int from 0 on, not "
            f"{_shown(tokens)}"
        )
    if number > _MOST_TOKENS:
        size = len(text.encode("utf-8", "surrogatepass"))
        if number > _MOST_TOKENS + size:
            raise ConfigError(
                f"{whose}.count() must return a number of tokens, at most {_MOST_TOKENS:,} + the "
                f"text's {size:,} bytes, not {_shown(number)}"
            )
    return number


def _count_of(counter: TokenCounter, text: str) -> int:
    return _checked(counter.count(text), text, type(counter).__name__)


def _check_name(counter: TokenCounter) -> str:
    """The counter's name, which other counts than the kernel's must not share with them.

    Raises:
        ConfigError: for no name, or one that is the kernel's.
    """
    name = counter.name
    whose = type(counter).__name__
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{whose}.name must name the tokenizer, not {name!r}")
    kernels = name.strip() in _KERNELS or name.strip().startswith("estimate:")
    if kernels and (counter._counts_itself or name != counter._bpe.name):
        raise ConfigError(
            f"{whose} counts in its own way under the name {name!r}, which is the kernel's: "
            "give it a `name` of its own"
        )
    return checked_text(name, "the tokenizer's name")


def _check_methods(counter: TokenCounter) -> None:
    """Ids and counts must not be of two tokenizers."""
    for method in ("encode", "decode"):
        if counter._defines(method) and not counter._counts_itself:
            raise ConfigError(
                f"{type(counter).__name__} defines {method}() but no count(): define count(), too, "
                "so that both are of one tokenizer"
            )


def _raw(text: Any) -> bytes:
    """The text's UTF-8; bytes as they are, as the core's counters take them."""
    return text if isinstance(text, bytes) else checked_text(text, "text").encode()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _each_raw(texts: Any) -> list[bytes]:
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        what = "one text" if isinstance(texts, (str, bytes)) else type(texts).__name__
        raise InvalidInput(f"this takes a list of texts, not {what}")
    return [_raw(text) for text in texts]


class _Recount:
    """For a counter that can only count."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._raw = b""
        self.tokens = 0

    def append(self, text: str) -> int:
        self._raw += _raw(text)
        self.tokens = _count_of(self._counter, _text(self._raw))
        return self.tokens


def _kernel_count(counter: TokenCounter) -> Callable[[str], int]:
    return lambda text: _count_of(counter, text)


def to_core_counter(tokenizer: Any, whose: str) -> _core.CoreCounter | None:
    """The core's view of ``tokenizer``: a name, a TokenCounter or its class; None for ``""``.

    Args:
        tokenizer: what a model says of its tokenizer.
        whose: the model's class, for the error.

    Raises:
        ConfigError: for anything else.
    """
    if isinstance(tokenizer, type) and issubclass(tokenizer, TokenCounter):
        tokenizer = tokenizer()
    if isinstance(tokenizer, TokenCounter):
        _check_methods(tokenizer)
        name = _check_name(tokenizer)
        native = not tokenizer._counts_itself and name == tokenizer._bpe.name and tokenizer.exact
        if native:  # without a way back into Python
            return tokenizer._bpe
        return _core.PythonCounter(
            name=name,
            exact=bool(tokenizer.exact),
            count=_kernel_count(tokenizer),
        )
    if tokenizer is None or tokenizer == "":
        return None
    if isinstance(tokenizer, str):
        try:
            return _core.BpeCounter(checked_text(tokenizer, "the tokenizer's name"))
        except ConfigError as error:
            problem = str(error)
    else:
        problem = f"a {type(tokenizer).__name__} is no tokenizer"
    raise ConfigError(
        f"{whose}.tokenizer: {problem}; give one of their names, a memgpt.TokenCounter, or "
        '"" where the model\'s own is not to be had'
    )
