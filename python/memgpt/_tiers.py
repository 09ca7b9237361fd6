"""The three tiers of an agent's memory, as they hang on its handle."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from memgpt import _core
from memgpt._calls import CoreHandle
from memgpt._core import ArchivalHit, Message, Passage, RecallHit
from memgpt._filing import new_passages, shown_progress
from memgpt._hits import Hits
from memgpt._text import checked_number, checked_text, checked_texts
from memgpt._vectors import flat_row
from memgpt._zones import zone_named
from memgpt.errors import ConfigError, Error, InvalidInput
from memgpt.memory import MemoryModule, Sections, SharedBlock, make_block
from memgpt.ranking import Ranking, to_core_ranking
from memgpt.transcript import microseconds, read_transcript

__all__ = ["Archival", "CoreMemory", "Recall"]


def _json(metadata: Any) -> str:
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the metadata must be what JSON can hold: {error}") from error
    return checked_text(text, "the metadata")


def _between(
    core: _core.CoreAgent,
    start: dt.datetime | dt.date | str | None,
    end: dt.datetime | dt.date | str | None,
) -> tuple[int | None, int | None]:
    first, last = _bound(core, start, end=False), _bound(core, end, end=True)
    if first is not None and last is not None and first > last:
        raise InvalidInput(f"start lies after end: turn them round ({start} and {end})")
    return first, last


def _object(metadata: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(metadata, Mapping):
        raise InvalidInput(f"the metadata must be a dict, not {metadata!r}")
    return dict(metadata)


def _id_of(passage: Passage | str) -> str:
    return passage.id if isinstance(passage, Passage) else checked_text(passage, "the passage's id")


def _numbers(vector: Any) -> Any:
    if vector is None:
        return []
    try:
        return flat_row(vector)
    except Exception as error:
        raise InvalidInput(
            f"the vector must be one row of numbers, e.g. embedder.embed([text])[0]: {error}"
        ) from error


def _size(tier: str, core: _core.CoreAgent, which: int, what: str) -> str:
    try:
        count = core.counts()[which]
        size = f"{count:,} {what}{'' if count == 1 else 's'}"
    except Error as error:  # a repr never raises: the home may be closed
        size = str(error)
    return f"<{tier} of {core.name!r}: {size}>"


def _bound(
    core: _core.CoreAgent, time: dt.datetime | dt.date | str | None, *, end: bool
) -> int | None:
    """Microseconds since the epoch; of a text that names a span its begin or its end."""
    if isinstance(time, dt.date) and not isinstance(time, dt.datetime):
        time = time.isoformat()
    if isinstance(time, str):
        first, last, moment = core.date_span(checked_text(time, "a time"))
        return last if end and not moment else first
    if time is None:
        return None
    return microseconds(time, zone_named(json.loads(core.config()).get("timezone", "UTC")))


class CoreMemory(CoreHandle, Mapping[str, MemoryModule]):
    """An agent's memory blocks by label; assigning to a block's ``value`` is a step."""

    def __init__(self, core: _core.CoreAgent, home: _core.CoreHome) -> None:
        super().__init__(core)
        self._home = home

    def __getitem__(self, label: str) -> MemoryModule:
        blocks = Sections(
            (b.label, MemoryModule._bound(self._home, self._own, b.label))
            for b in self._core.blocks()
        )
        return blocks[label]

    def __iter__(self) -> Iterator[str]:
        return iter([block.label for block in self._core.blocks()])

    def __len__(self) -> int:
        return len(self._core.blocks())

    @property
    def summary(self) -> str:
        """The recursive summary of what has left the window; empty while nothing has."""
        return self._core.summary()

    def add(
        self,
        label: str,
        value: str = "",
        limit: int = 2000,
        description: str = "",
        read_only: bool = False,
    ) -> MemoryModule:
        """Attach a new block.

        Raises:
            AlreadyExists: where the label is taken.
            WindowTooSmall: where the context has no room for it.
        """
        self._writer.create_block(make_block(label, value, limit, description, read_only))
        return self[label]

    def attach(self, block: SharedBlock) -> MemoryModule:
        """Attach a block of ``home.create_block()``, which other agents may have, too.

        The agent sees at once what others write into it, and they see what it writes. ``undo()``
        takes the attaching back, but no edits of it.

        Raises:
            AlreadyExists: where the agent has a block of this label.
            BlockNotFound: where the block is of another home.
            WindowTooSmall: where the context has no room for it.
        """
        if not isinstance(block, SharedBlock):
            raise ConfigError(
                f"{block!r} is no shared block: home.create_block() makes one, and "
                "agent.memory.add() one of the agent's own"
            )
        self._writer.attach_block(block.id)
        return self[block.label]

    def remove(self, label: str) -> None:
        """Detach a block; its history stays in the journal, and other agents keep it.

        Raises:
            BlockNotFound: where there is none.
        """
        self._writer.detach_block(checked_text(label, "the label"))

    def __str__(self) -> str:
        return "\n\n".join(
            f"{b.label} ({len(b.value)}/{b.limit} characters"
            f"{', read-only' if b.read_only else ''})\n{b.value}"
            for b in self._core.blocks()
        )

    def __repr__(self) -> str:
        try:
            sizes = (f"{b.label} {len(b.value):,}/{b.limit:,}" for b in self._core.blocks())
            return f"<CoreMemory {', '.join(sizes)}>"
        except Error as error:  # a repr never raises: the home may be closed
            return f"<CoreMemory: {error}>"

    def _repr_html_(self) -> str:
        from memgpt import _views

        return _views.memory_html(self)


class Recall(CoreHandle):
    """Every message that was ever exchanged."""

    def search(
        self,
        query: str = "",
        *,
        start: dt.datetime | dt.date | str | None = None,
        end: dt.datetime | dt.date | str | None = None,
        roles: Sequence[str] = ("user", "assistant"),
        limit: int = 10,
        offset: int = 0,
        neighbours: int = 0,
        ranking: Ranking | None = None,
    ) -> Hits[RecallHit]:
        """Messages that match, best first; ties newest first.

        Args:
            query: words or a question; ``"..."`` is a phrase. Empty gives the newest messages.
            start: not older than this: a datetime, a date, or a text such as ``"2023-05-08
                13:56"``, ``"8 May 2023"``, ``"last week"`` or ``"3 days ago"`` (then: than its
                begin). In the agent's time zone where it names none. Dates in figures are
                ``8.5.2023`` (day, month) and ``05/08/2023`` (month, day); ``"a month ago"`` is the
                month around that day, ``"the past month"`` begins with it.
            end: older than this. Of a text that names a span (a day, ``"May 2023"``) or a date its
                end counts, so that the span is included; of a time of day the time itself.
            roles: user, assistant, tool, system.
            limit: hits at most.
            offset: hits to skip.
            neighbours: messages before and after each hit to give with it (``hit.before``,
                ``hit.after``), of its session; 20 at most.
            ranking: the factors; None for the defaults.

        Returns:
            The hits; ``.total`` is how many there are on all pages.

        Raises:
            InvalidInput: for a role that does not exist, or a time that cannot be read.
            ConfigError: for a ranking with a value out of its range.
        """
        found, total = self._core.search_recall(
            checked_text(query, "the query"),
            *_between(self._core, start, end),
            checked_texts(roles, "a role"),
            checked_number(limit, "limit", InvalidInput),
            checked_number(offset, "offset", InvalidInput),
            checked_number(neighbours, "neighbours", InvalidInput, high=20),
            to_core_ranking(ranking),
        )
        return Hits(found, query, "recall", total)

    def import_transcript(
        self, items: Iterable[Mapping[str, Any]], *, roles: Mapping[str, str] | None = None
    ) -> list[Message]:
        """Put a conversation that was recorded elsewhere into recall memory, in one commit.

        The messages are found by search at once; the context window stays as it is. An item with an
        ``id`` that was imported before, with the same words, is not stored again. Warns
        (``UserWarning``) of items without a time or a text, and of speakers in ``roles`` that do
        not occur: they are stored all the same.

        Args:
            items: what was said, in order. An item needs ``text``; it may have ``speaker``,
                ``time`` (datetime or ISO text; UTC where it names no zone; an item without one
                gets the time of the item before it), ``session`` (where it changes, a new session
                begins; without it, after a gap of more than 60 minutes) and ``id`` (kept as the
                message's ``source_id``).
            roles: speakers whose words are not the user's, e.g. ``{"Sam": "assistant"}``; also
                ``system``.

        Returns:
            The stored messages, one per item, in order.

        Raises:
            InvalidInput: for an item that cannot be read; says which. Nothing is stored then.
        """
        return self._writer.import_transcript(read_transcript(items, roles or {}))

    def messages(self, start: int = 0, limit: int = 100) -> list[Message]:
        """The log from position ``start`` on, oldest first."""
        return self._core.messages(
            checked_number(start, "start", InvalidInput),
            checked_number(limit, "limit", InvalidInput),
        )

    def __len__(self) -> int:
        return self._core.counts()[0]

    def __repr__(self) -> str:
        return _size("Recall", self._core, 0, "message")


class Archival(CoreHandle):
    """What was filed for ever, found by meaning."""

    def insert(
        self,
        text: str,
        *,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        time: dt.datetime | dt.date | str | None = None,
    ) -> Passage:
        """File a text; it is on disk when this returns (in a tool: with the tool's step) and found
        by the next search.

        Args:
            text: what is filed.
            tags: what searches can choose it by.
            metadata: a dict that JSON can hold; searches can choose by its values.
            source: the document that it is a piece of, as ``metadata["source"]``. Pieces of one
                source that were filed one after the other are neighbours for the ranking.
            time: when it was written, as in :meth:`Recall.search`; now, where it is None.

        Raises:
            InvalidInput: for an empty text.
            Unbound: where the agent's embedder is not bound.
        """
        return self._writer.insert_passage(*self._new_passage(text, tags, metadata, source, time))

    def insert_many(
        self,
        items: Iterable[str | Mapping[str, Any]],
        *,
        progress: bool | Callable[[int, int], Any] | None = None,
    ) -> list[Passage]:
        """File many texts in one commit: all of them are on disk when this returns, or none is
        filed. Where it is broken off (Ctrl-C, a kill, an embedder that fails), call it again:
        vectors that took long to make are not made again.

        Args:
            items: texts, or dicts with ``text`` and what :meth:`insert` takes besides: ``tags``,
                ``metadata``, ``source``, ``time``.
            progress: a function that is told (done, total) of the vectors, which are the long part;
                True for a bar on stderr, False for none. By default a bar for a thousand or more,
                on a terminal or in a notebook.

        Returns:
            The passages, one per item, in order.

        Raises:
            InvalidInput: for an item that cannot be read; says which.
            Unbound: where the agent's embedder is not bound.
        """
        read = new_passages(items, self._new_passage)
        with shown_progress("vectors", len(read), progress) as report:
            return self._writer.insert_passages(read, report)

    def _new_passage(
        self,
        text: str,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        time: dt.datetime | dt.date | str | None = None,
    ) -> tuple[str, list[str], str, int | None]:
        named = {} if source is None else {"source": checked_text(source, "the source")}
        return (
            checked_text(text, "the passage"),
            checked_texts(tags, "a tag"),
            _json(_object(metadata or {}) | named),
            _bound(self._core, time, end=False),
        )

    def get(self, id: str) -> Passage:
        """The passage of this id, as the agent sees it now.

        Raises:
            PassageNotFound: where it sees none: there never was one, or it was deleted or undone.
        """
        return self._core.passage(checked_text(id, "the passage's id"))

    def update(
        self,
        passage: Passage | str,
        *,
        text: str | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Passage:
        """Change a passage; what is None stays as it is. It keeps its id and the time when it was
        filed. A step of its own (in a tool: part of the tool's), which ``undo()`` takes back; forks
        and ``agent.at()`` see the passage as it was.

        Args:
            passage: it, or its id.
            text: another text; its vector is made anew.
            tags: all its tags from now on; ``()`` for none.
            metadata: all its metadata from now on; ``{}`` for none.

        Returns:
            The passage as it is now.

        Raises:
            PassageNotFound: where the agent does not see it.
            InvalidInput: for an empty text, or where nothing is given.
            Unbound: where the agent's embedder is needed and not bound.
        """
        return self._writer.update_passage(
            _id_of(passage),
            None if text is None else checked_text(text, "the passage"),
            None if tags is None else checked_texts(tags, "a tag"),
            None if metadata is None else _json(_object(metadata)),
        )

    def delete(self, passage: Passage | str) -> None:
        """Delete a passage: no search finds it from here on. A step of its own (in a tool: part of
        the tool's), which ``undo()`` takes back; forks and ``agent.at()`` keep what they saw. The
        file keeps it, too: ``home.purge()`` alone destroys.

        Args:
            passage: it, or its id.

        Raises:
            PassageNotFound: where the agent does not see it.
        """
        self._writer.delete_passage(_id_of(passage))

    def search(
        self,
        query: str = "",
        *,
        limit: int = 10,
        tags: Sequence[str] = (),
        match: str = "any",
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        start: dt.datetime | dt.date | str | None = None,
        end: dt.datetime | dt.date | str | None = None,
        offset: int = 0,
        ranking: Ranking | None = None,
        vector: Any = None,
    ) -> Hits[ArchivalHit]:
        """Passages by words and, where the agent has an embedder, by meaning, best first; an empty
        query gives the newest.

        Args:
            query: a text; ``"..."`` is a phrase.
            limit: hits at most.
            tags: passages that have them.
            match: "any" of the tags or "all".
            metadata: keys and the values that passages must have there.
            source: passages of this source, see :meth:`insert`.
            start, end: as in :meth:`Recall.search`.
            offset: hits to skip.
            ranking: the factors; None for the defaults.
            vector: what to search by in place of the query's own vector: numbers as the agent's
                embedder returns them for one text, of any length but 0. With ``query=""`` by it
                alone, and ``hit.score`` is the cosine.

        Returns:
            The hits; ``.total`` is how many passages pass the filters. The nearest vectors are
            found for certain among up to ``exact_search`` passages (:func:`memgpt.open`); among
            more one in some twenty of them may be missed, once inverted lists are made.

        Raises:
            InvalidInput: for a filter that cannot be read.
            ConfigError: for a ranking with a value out of its range.
        """
        if match not in ("any", "all"):
            raise InvalidInput(f'match must be "any" or "all", not {match!r}')
        wanted = _object(metadata or {})
        if source is not None:
            wanted["source"] = checked_text(source, "the source")
        found, total = self._core.search_archival(
            checked_text(query, "the query"),
            checked_number(limit, "limit", InvalidInput),
            checked_number(offset, "offset", InvalidInput),
            checked_texts(tags, "a tag"),
            match == "all",
            [(checked_text(key, "a key"), _json(value)) for key, value in wanted.items()],
            *_between(self._core, start, end),
            to_core_ranking(ranking),
            _numbers(vector),
        )
        return Hits(found, query, "archival", total)

    def catch_up(self) -> bool:
        """Tell the agent's archival store now what it has not acknowledged yet: all passages, for a
        store that is new. Searches do so by themselves, and warn where the store fails.

        Returns:
            False where the agent has none.

        Raises:
            ArchivalStoreError: where the store fails; ArchivalStoreTimeout where it is too slow.
            Unbound: where the store or the embedder is only known by name.
        """
        return self._core.catch_up_store()

    def __len__(self) -> int:
        return self._core.counts()[1]

    def __repr__(self) -> str:
        return _size("Archival", self._core, 1, "passage")
