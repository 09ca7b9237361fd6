"""The three tiers of an agent's memory, as they hang on its handle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from memgpt import _core
from memgpt._archives import Archive, Attached, Passages, between
from memgpt._calls import CoreHandle
from memgpt._core import ArchivalHit, Message, Passage, RecallHit
from memgpt._hits import Hits
from memgpt._text import checked_flag, checked_number, checked_text, checked_texts
from memgpt.errors import ConfigError, Error, InvalidInput
from memgpt.memory import MemoryModule, Sections, SharedBlock, make_block
from memgpt.ranking import Ranking, to_core_ranking
from memgpt.transcript import read_transcript

__all__ = ["Archival", "CoreMemory", "Recall"]


def _id_of_archive(archive: Archive) -> str:
    if not isinstance(archive, Archive):
        raise ConfigError(f"{archive!r} is no archive: home.create_archive() makes one")
    return archive.id


def _name_of(archive: Archive | str | None) -> str | None:
    if isinstance(archive, Archive):
        return archive.name
    return None if archive is None else checked_text(archive, "the archive's name")


def _size(tier: str, core: _core.CoreAgent, which: int, what: str) -> str:
    try:
        count = core.counts()[which]
        size = f"{count:,} {what}{'' if count == 1 else 's'}"
    except Error as error:  # a repr never raises: the home may be closed
        size = str(error)
    return f"<{tier} of {core.name!r}: {size}>"


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
            *between(self._core, start, end),
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


class Archival(CoreHandle, Passages):
    """What was filed for ever, found by meaning: the agent's own passages, and those of the shared
    archives that are attached to it.

    What a tool of the agent does to a shared archive is committed with the tool's step, all or
    nothing, under the agent's name; ``undo()`` does not take it back, and says so. Outside of a
    tool it is done at once, under the name ``"user"``.
    """

    def attach(self, archive: Archive, read_only: bool = False) -> None:
        """Give the agent an archive of ``home.create_archive()``, which others may have, too: its
        searches go over its own passages and the archive's, ranked together. A configuration step:
        it is not undone, and forks have it. Attached again, the archive is read-only or not, as is
        said now.

        The stock tools search all archives that the agent has, and file into its own passages. A
        tool of your own files into a shared one with ``insert(text, archive=...)``.

        Args:
            archive: of this agent's home.
            read_only: neither the agent nor its handle can write into it.

        Raises:
            ArchiveNotFound: where it is of another home, or was deleted.
        """
        self._writer.attach_archive(_id_of_archive(archive), checked_flag(read_only, "read_only"))

    def detach(self, archive: Archive) -> None:
        """Take a shared archive away from the agent; it stays as it is, and others keep it.

        Raises:
            ArchiveNotFound: where it is not attached.
        """
        self._writer.detach_archive(_id_of_archive(archive))

    @property
    def attached(self) -> list[Attached]:
        """The shared archives that the agent has, in the order in which they were attached."""
        core = self._core
        return [
            Attached(Archive(archive), core.name, read_only)
            for archive, read_only in core.attached_archives()
        ]

    def insert(
        self,
        text: str,
        *,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        time: dt.datetime | dt.date | str | None = None,
        archive: Archive | str | None = None,
    ) -> Passage:
        """File a text; it is on disk when this returns (in a tool: with the tool's step) and found
        by the next search.

        Args:
            text: what is filed.
            tags: what searches can choose it by.
            metadata: a dict that JSON can hold, nested 100 levels deep at most, with integers of
                64 bits at most; searches can choose by its values.
            source: the document that it is a piece of, as ``metadata["source"]``. Pieces of one
                source that were filed one after the other are neighbours for the ranking.
            time: when it was written, as in :meth:`Recall.search`; now, where it is None.
            archive: a shared one that is attached, or its name; None for the agent's own.

        Raises:
            InvalidInput: for an empty text, or metadata that cannot be.
            Unbound: where the agent's embedder is not bound, or the shared archive's.
            ArchiveNotFound: where no such archive is attached.
            ReadOnlyArchive: where it is attached to be read only.
        """
        filed = self._filed(text, tags, metadata, source, time)
        return self._writer.insert_passage(filed, _name_of(archive) or "")

    def insert_many(
        self,
        items: Iterable[str | Mapping[str, Any]],
        *,
        progress: bool | Callable[[int, int], Any] | None = None,
        archive: Archive | str | None = None,
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
            archive: a shared one that is attached, or its name; None for the agent's own.

        Returns:
            The passages, one per item, in order.

        Raises:
            InvalidInput: for an item that cannot be read; says which.
            Unbound: where the agent's embedder is not bound, or the shared archive's.
            ArchiveNotFound: where no such archive is attached.
            ReadOnlyArchive: where it is attached to be read only.
        """
        into = _name_of(archive) or ""
        return self._filed_many(
            items,
            progress,
            lambda read, report: self._writer.insert_passages(read, into, report),
        )

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
        archive: Archive | str | None = None,
    ) -> Hits[ArchivalHit]:
        """Passages by words and, where the agent has an embedder, by meaning, best first; an empty
        query gives the newest. Passages of a shared archive with another embedder than the agent's
        are found by words alone.

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
            archive: a shared one that is attached, or its name, to search it alone; ``""`` for the
                agent's own passages; None for all.

        Returns:
            The hits; ``.total`` is how many passages pass the filters. ``hit.archive`` is the name
            of the shared archive, None for the agent's own; ``hit.passage.author`` tells who filed
            it. The nearest vectors are found for certain among up to ``exact_search`` passages
            (:func:`memgpt.open`); among more, once inverted lists are made, about one in thirty
            of the nearest may be missed: as much is looked at as the vectors themselves call for.

        Raises:
            InvalidInput: for a filter that cannot be read, or a vector that the embedder cannot
                have made.
            ConfigError: for a ranking with a value out of its range, or a vector where the agent
                has no embedder.
            ArchiveNotFound: where no such archive is attached.
        """
        filters = (limit, tags, match, metadata, source, start, end, offset, ranking, vector)
        return self._found(query, *filters, _name_of(archive))

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
        """The agent's own passages; those of shared archives are not among them."""
        return self._core.counts()[1]

    def __repr__(self) -> str:
        return _size("Archival", self._core, 1, "passage")
