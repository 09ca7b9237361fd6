"""How search ranks what it finds: every factor with its default, and how to switch it off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from memgpt import _core
from memgpt.errors import ConfigError

__all__ = ["Ranking"]


@dataclass(frozen=True)
class Ranking:
    """The factors of search in recall and archival memory.

    A row's score is the sum over the words of the query (the first 256) of what each brings, times
    the factors that hold; a hit says both (``hit.terms``, by stem, and ``hit.factors``). Words are
    weighted by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) over
    the messages that the agent sees from its head; others never count. What each factor brings is
    measured in ``benchmarks/README.md``.

    ``Ranking.plain()`` is BM25 with stems and without stop words, and nothing else.

    Args:
        k1: saturation of a word that is repeated in a row.
        b: how much a long row loses, 0 to 1.
        stop: leave stop words ("the", "what") out of the query.
        stem: compare words by their stems (Porter, 1980). A query that is not in English is never
            stemmed, whatever this says.
        irregular: "went" counts as "go", "colour" as "color".
        speaker_text: the speaker's name counts among the words of what they said.
        related: weight of words that mean much the same ("kid" for "child"); 0 switches it off.
        classes: a class finds its members, too ("instrument" finds "guitar").
        frame: weight of words that only frame a question ("kind", "mention"); 1 switches it off.
        spelling: weight of words one slip away, for a word that is nowhere; 0 switches it off.
        window: weights that a message lends to those 1, 2, 3 ... before and behind it, of at most
            16; ``()`` switches it off.
        power: neighbours are added as a p-norm; 1 is the plain sum.
        reply: weight that a question lends to the message after it, in place of ``window[0]``; None
            switches it off.
        session: the window ends where the session does.
        own_side: neighbours are also counted among the messages of the same role, up to twice as
            far away: who talks to an assistant says every other message.
        question: factor of messages that end in a question mark; 1 switches it off, as it does for
            all that follow but the last three.
        speaker: factor of messages of the one speaker whom the query names.
        assistant: factor of the assistant's messages, unless the query says "you".
        when: factor of messages with a word of time, if the query asks when.
        name_cue: factor of messages with a name, if the query asks who, where, which.
        date: factor of messages of a time that the query names ("in May 2023", "last week").
        phrase: factor of messages that have a phrase of two words or more that stands in quotation
            marks in the query, of which the first four count. A query that is nothing but such
            phrases finds only these, if there are any.
        session_prior: factor 1 + this x (the session's best / the best of all); 0 switches it off.
        spread_max_df: words in more than this share of all messages count where they are and lend
            nothing to neighbours; 1 switches it off. Above 20,000 messages it is 0.1 at most.
        dense: weight of embeddings beside words in archival memory; None leaves it to the embedder
            (``Embedder.weight``), 0 switches it off.

    Raises:
        ConfigError: when used, for a value out of its range.
    """

    k1: float = 1.2
    b: float = 0.3
    stop: bool = True
    stem: bool = True
    irregular: bool = True
    speaker_text: bool = True
    related: float = 0.6
    classes: bool = True
    frame: float = 0.5
    spelling: float = 0.8
    window: Sequence[float] = (0.6, 0.4, 0.2)
    power: float = 2
    reply: float | None = 0.85
    session: bool = True
    own_side: bool = True
    question: float = 0.8
    speaker: float = 1.3
    assistant: float = 0.8
    when: float = 1.25
    name_cue: float = 1.2
    date: float = 2.0
    phrase: float = 1.5
    session_prior: float = 0.5
    spread_max_df: float = 1.0
    dense: float | None = None

    @classmethod
    def plain(cls) -> Ranking:
        """BM25, stems, no stop words; no vectors, and so no embedder."""
        return cls(
            irregular=False, speaker_text=False, related=0, classes=False, frame=1, spelling=0,
            window=(), reply=None, question=1, speaker=1, assistant=1, when=1, name_cue=1, date=1,
            phrase=1, session_prior=0, dense=0,
        )  # fmt: skip


def to_core_ranking(ranking: Ranking | None) -> _core.RankingOptions:
    """The core's view of it.

    Raises:
        ConfigError: for something else, or a value of the wrong type.
    """
    options = _core.RankingOptions()
    if ranking is None:
        return options
    if not isinstance(ranking, Ranking):
        raise ConfigError(f"ranking must be a memgpt.Ranking, not {ranking!r}")
    for field in fields(Ranking):
        value = getattr(ranking, field.name)
        try:
            setattr(options, field.name, list(value) if field.name == "window" else value)
        except TypeError:
            raise ConfigError(
                f"ranking: {field.name} must be like {field.default!r}, not {value!r}"
            ) from None
    return options
