"""Archives that agents share, and what is done with passages wherever they are."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt import _core
from memgpt._core import ArchivalHit, CoreAgent, CoreArchive, Passage
from memgpt._filing import Item, Report, new_passages, shown_progress
from memgpt._hits import Hits
from memgpt._text import checked_number, checked_text, checked_texts
from memgpt._vectors import flat_row
from memgpt._zones import zone_named
from memgpt.errors import Error, InvalidInput
from memgpt.ranking import Ranking, to_core_ranking
from memgpt.transcript import microseconds

__all__ = ["Archive", "Attached", "Passages", "between", "bound"]

# Levels of dicts and lists in metadata, and in a value that it is searched for.
_DEEPEST = 100

Time = dt.datetime | dt.date | str | None


def bound(core: CoreAgent | CoreArchive, time: Time, *, end: bool) -> int | None:
    """Microseconds since the epoch; of a text that names a span its begin or its end."""
    if isinstance(time, dt.date) and not isinstance(time, dt.datetime):
        time = time.isoformat()
    if isinstance(time, str):
        first, last, moment = core.date_span(checked_text(time, "a time"))
        return last if end and not moment else first
    if time is None:
        return None
    # An archive is in no time zone; a stand-in for an agent is an agent.
    config = {} if isinstance(core, CoreArchive) else json.loads(core.config())
    return microseconds(time, zone_named(config.get("timezone", "UTC")))


def between(core: CoreAgent | CoreArchive, start: Time, end: Time) -> tuple[int | None, int | None]:
    """Both ends of a span of time, in microseconds since the epoch.

    Raises:
        InvalidInput: where it ends before it begins.
    """
    first, last = bound(core, start, end=False), bound(core, end, end=True)
    if first is not None and last is not None and first > last:
        raise InvalidInput(f"start lies after end: turn them round ({start} and {end})")
    return first, last


def _check_values(metadata: Any, deepest: int) -> None:
    """What searches can choose by: the core compares greater integers as floats.

    Raises:
        InvalidInput: where it is nested deeper than that, or has an integer over 64 bits.
    """
    level = [metadata]
    for _ in range(deepest + 1):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, (list, tuple)):
                inner += value
            elif isinstance(value, int) and not -(2**63) <= value < 2**64:
                raise InvalidInput(
                    "the metadata has an integer of more than 64 bits; write it as a text"
                )
        if not inner:
            return
        level = inner
    raise InvalidInput(
        f"the metadata is nested deeper than {deepest} levels; give a flatter one, or write what "
        "is inside as a text"
    )


def _json(metadata: Any, deepest: int) -> str:
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the metadata must be what JSON can hold: {error}") from error
    except RecursionError:
        _check_values(metadata, deepest)
        raise
    _check_values(metadata, deepest)
    return checked_text(text, "the metadata")


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
        numbers = flat_row(vector)
    except Exception as error:
        raise InvalidInput(
            f"the vector must be one row of numbers, e.g. embedder.embed([text])[0]: {error}"
        ) from error
    if len(numbers) == 0:
        raise InvalidInput(
            "the vector has no numbers; give one, or None to search by the query's own"
        )
    return numbers


class Passages:
    """What an agent's archival memory and an archive have in common."""

    @property
    def _core(self) -> CoreAgent | CoreArchive:
        raise NotImplementedError

    @property
    def _writer(self) -> CoreAgent | CoreArchive:
        raise NotImplementedError

    def _filed(
        self,
        text: str,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        time: Time = None,
    ) -> tuple[str, list[str], str, int | None]:
        named = {} if source is None else {"source": checked_text(source, "the source")}
        return (
            checked_text(text, "the passage"),
            checked_texts(tags, "a tag"),
            _json(_object(metadata or {}) | named, _DEEPEST),
            bound(self._core, time, end=False),
        )

    def _filed_many(
        self,
        items: Iterable[str | Mapping[str, Any]],
        progress: bool | Report | None,
        file: Callable[[list[Item], Report], list[Passage]],
    ) -> list[Passage]:
        read = new_passages(items, self._filed)
        with shown_progress("vectors", len(read), progress) as report:
            return file(read, report)

    def get(self, id: str) -> Passage:
        """The passage of this id, as it is seen now.

        Raises:
            PassageNotFound: where none is seen: there never was one, or it was deleted or undone.
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
        filed. Of an agent's own it is a step (in a tool: part of the tool's), which ``undo()``
        takes back; forks and ``agent.at()`` see the passage as it was.

        Args:
            passage: it, or its id.
            text: another text; its vector is made anew.
            tags: all its tags from now on; ``()`` for none.
            metadata: all its metadata from now on; ``{}`` for none.

        Returns:
            The passage as it is now.

        Raises:
            PassageNotFound: where it is not seen.
            InvalidInput: for an empty text, or where nothing is given.
            Unbound: where the embedder is needed and not bound.
            ReadOnlyArchive: where it is in an archive that the agent may only read.
        """
        return self._writer.update_passage(
            _id_of(passage),
            None if text is None else checked_text(text, "the passage"),
            None if tags is None else checked_texts(tags, "a tag"),
            None if metadata is None else _json(_object(metadata), _DEEPEST),
        )

    def delete(self, passage: Passage | str) -> None:
        """Delete a passage: no search finds it from here on. Of an agent's own it is a step (in a
        tool: part of the tool's), which ``undo()`` takes back; forks and ``agent.at()`` keep what
        they saw. The file keeps it, too: ``home.purge()`` alone destroys.

        Args:
            passage: it, or its id.

        Raises:
            PassageNotFound: where it is not seen.
            ReadOnlyArchive: where it is in an archive that the agent may only read.
        """
        self._writer.delete_passage(_id_of(passage))

    def _found(
        self,
        query: str,
        limit: int,
        tags: Sequence[str],
        match: str,
        metadata: Mapping[str, Any] | None,
        source: str | None,
        start: Time,
        end: Time,
        offset: int,
        ranking: Ranking | None,
        vector: Any,
        archive: str | None,
    ) -> Hits[ArchivalHit]:
        if match not in ("any", "all"):
            raise InvalidInput(f'match must be "any" or "all", not {match!r}')
        wanted = _object(metadata or {})
        if source is not None:
            wanted["source"] = checked_text(source, "the source")
        first, last = between(self._core, start, end)
        asked = _core.ArchivalQuery(
            limit=checked_number(limit, "limit", InvalidInput),
            offset=checked_number(offset, "offset", InvalidInput),
            tags=checked_texts(tags, "a tag"),
            all_tags=match == "all",
            metadata=[
                (checked_text(key, "a key"), _json(value, _DEEPEST))
                for key, value in wanted.items()
            ],
            start=first,
            end=last,
            ranking=to_core_ranking(ranking),
            vector=_numbers(vector),
            archive=archive,
        )
        found, total = self._core.search_archival(checked_text(query, "the query"), asked)
        return Hits(found, query, "archival", total)


@dataclass(frozen=True)
class Attached:
    """An archive that an agent has.

    Attributes:
        archive: it.
        agent: the agent's name.
        read_only: the agent cannot write into it.
    """

    archive: Archive
    agent: str
    read_only: bool

    def __str__(self) -> str:
        return f"{self.archive.name}{' (read-only)' if self.read_only else ''}"


class Archive(Passages):
    """Passages that several agents share: ``agent.archival.attach(archive)``.

    It has a history of its own beside those of the agents: what one of them or you file in it is
    found by all. What is done here is done at once, as the author ``"user"``, from any number of
    threads and processes: filing never fails for somebody else's; an update is of what the passage
    is by then, or raises PassageNotFound. Use ``home.create_archive()`` or ``home.archive()``.
    """

    def __init__(self, core: CoreArchive) -> None:
        self._own = core

    @property
    def _core(self) -> CoreArchive:
        return self._own

    @property
    def _writer(self) -> CoreArchive:
        return self._own

    @property
    def id(self) -> str:
        return self._own.id

    @property
    def name(self) -> str:
        """Unique among the archives of its home; :meth:`rename` changes it."""
        return self._own.name()

    @property
    def description(self) -> str:
        """What it is for; an assignment changes it."""
        return self._own.description()

    @description.setter
    def description(self, description: str) -> None:
        self._own.describe(checked_text(description, "the archive's description"))

    @property
    def embedding(self) -> str:
        """The name of the embedder that makes its vectors; empty where it has none."""
        return self._own.embedding()

    @property
    def created(self) -> dt.datetime:
        """When it was made."""
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
        return epoch + dt.timedelta(microseconds=self._own.created_us())

    @property
    def agents(self) -> list[Attached]:
        """The agents that have it, by name."""
        return [Attached(self, name, read_only) for name, read_only in self._own.agents()]

    def rename(self, name: str) -> None:
        """Give it another name; agents that have it keep it.

        Raises:
            AlreadyExists: where another archive has the name.
            ConfigError: for a name that is empty, too long, or not one line.
        """
        self._own.rename(checked_text(name, "the archive's name"))

    def insert(
        self,
        text: str,
        *,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        time: dt.datetime | dt.date | str | None = None,
    ) -> Passage:
        """File a text; it is on disk when this returns, and found by the next search of every agent
        that has the archive.

        Args:
            text, tags, metadata, source: as in ``agent.archival.insert()``.
            time: when it was written, in UTC where it names no zone; now, where it is None.

        Raises:
            InvalidInput: for an empty text.
            Unbound: where its embedder is not bound: ``home.archive(name, embedding=...)``.
            ArchiveNotFound: where the archive was deleted.
        """
        return self._own.insert_passage(self._filed(text, tags, metadata, source, time))

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
            Unbound: where the embedder is not bound.
        """
        return self._filed_many(items, progress, self._own.insert_passages)

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
        """Its passages by words and, where it has an embedder, by meaning, best first; an empty
        query gives the newest.

        Args:
            query, limit, tags, match, metadata, source, offset, ranking, vector: as in
                ``agent.archival.search()``.
            start, end: likewise, in UTC where they name no zone.

        Raises:
            InvalidInput: for a filter that cannot be read, or a vector that the embedder cannot
                have made.
            ConfigError: for a ranking with a value out of its range, or a vector where the archive
                has no embedder.
            Unbound: where its embedder is not bound.
        """
        filters = (limit, tags, match, metadata, source, start, end, offset, ranking, vector)
        return self._found(query, *filters, None)

    def __len__(self) -> int:
        return self._own.size()

    def __bool__(self) -> bool:
        return True  # also without a passage

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Archive):
            return NotImplemented
        return (self._own.path, self.id) == (other._own.path, other.id)

    def __hash__(self) -> int:
        return hash((self._own.path, self.id))

    def __repr__(self) -> str:
        try:
            passages, agents = len(self), len(self._own.agents())
            held = f"{passages:,} passage{'' if passages == 1 else 's'}"
            return f"<Archive {self.name!r}: {held}, {agents} agent{'' if agents == 1 else 's'}>"
        except Error as error:  # a repr never raises: the home may be closed
            return f"<Archive: {error}>"

    def _repr_html_(self) -> str:
        from memgpt import _views

        return _views.archive_html(self)
