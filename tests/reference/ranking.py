"""Ranking of the turns of a conversation by words: what the core's ranking will be compared with.

rank(query, docs, options) gives [Hit(row, score, terms, factors)], best first; rows that match
nothing are not in it. docs: dicts with text, speaker, time (datetime or None) and session, in order
of time. Every factor is an option in DEFAULTS; None, 0, 1 or False switches it off, as noted there.
"""

from __future__ import annotations

import datetime as dt
import heapq
import math
import re
from collections import defaultdict, namedtuple
from pathlib import Path

from tests.reference.words import STOP, stem, words

# General English, a line an entry, stemmed when read: a word and its irregular forms; a word and
# those related to it, both ways; a class and its members.
IRREGULAR, RELATED, CLASSES = (
    (Path(__file__).parents[2] / "cpp/memory/english" / f"{name}.inc")
    .read_text()
    .removeprefix('R"words(')
    .removesuffix(')words"\n')
    for name in ("irregular", "related", "classes")
)

DEFAULTS = dict(
    k1=1.2,
    b=0.3,  # BM25
    stop=True,  # stop words out of the query                          (False: off)
    stem=True,  # Porter                                               (False: off)
    irregular=True,  # went -> go, children -> child, colour -> color      (False: off)
    speaker_text=True,  # a row's speaker's name counts among its words        (False: off)
    related=0.6,  # weight of related words and members of classes       (0: off)
    related_max_df=1.0,  # related words in more than this share of rows are left out (1: off)
    spread_max_df=1.0,  # query words in more than this share of rows: no spreading  (1: off)
    classes=True,  # ... CLASSES too (False: only RELATED)
    frame=0.5,  # weight of words that only frame a question           (1: off)
    spelling=0.8,  # weight of words one slip away, for a query word in no row   (0: off)
    phrase=1.5,  # turn with a phrase that the query quotes             (1: off)
    window=(0.6, 0.4, 0.2),  # weights of the neighbours at distance 1, 2, 3        ((): off)
    power=2,  # how a word's neighbours are added: p-norm            (1: plain sum)
    reply=0.85,  # weight of a question turn for the turn right after it (None: off)
    session=True,  # the window ends at the session's edge                (False: off)
    own_side=True,  # neighbours are counted among one's own role, too      (False: off)
    question=0.8,  # turn that ends in "?"                                (1: off)
    speaker=1.3,  # turn by the one speaker that the query names         (1: off)
    assistant=0.8,  # the assistant's turn, and the query does not say "you" (1: off)
    when=1.25,  # query says "when", turn has a word of time           (1: off)
    name_cue=1.2,  # query asks who/where/which/name, turn has a name     (1: off)
    date=2.0,  # turn's time is in the query's year/month/range       (1: off)
    session_prior=0.5,  # x (1 + this * best of the session / best of all)     (0: off)
    now=None,  # the time of asking, for "yesterday", "last week" in the query
)
BARE = dict(speaker_text=False, speaker=1, date=1, session=False, session_prior=0)
PLAIN = dict(
    spelling=0,
    stop=True,
    stem=True,
    irregular=False,
    speaker_text=False,
    related=0,
    frame=1,
    window=(),
    power=1,
    reply=None,
    question=1,
    speaker=1,
    assistant=1,
    when=1,
    name_cue=1,
    date=1,
    phrase=1,
    session_prior=0,
)
Hit = namedtuple("Hit", "row score terms factors")

LEMMA = {
    form: line.split(":")[0]
    for line in IRREGULAR.split("\n")
    if line
    for form in line.split(": ")[1].split()
}
FRAME_WORDS = [
    "kind",
    "type",
    "sort",
    "name",
    "many",
    "much",
    "long",
    "often",
    "describe",
    "mention",
    "say",
    "said",
    "tell",
    "told",
    "share",
    "shared",
    "discuss",
    "express",
    "explain",
    "according",
    "recent",
    "recently",
    "currently",
    "current",
    "date",
    "time",
    "year",
    "month",
    "day",
    "did",
    "specific",
    "particular",
    "certain",
    "various",
    "thing",
    "things",
    "something",
    "someone",
    "way",
    "ways",
    "plan",
    "considered",
    "consider",
    "likely",
    "would",
    "might",
]
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
MONTH = (
    {m: i + 1 for i, m in enumerate(MONTHS)}
    | {m[:3]: i + 1 for i, m in enumerate(MONTHS)}
    | {"sept": 9}
)
TIME_WORDS = frozenset(MONTHS) | frozenset(
    [
        "yesterday",
        "today",
        "tomorrow",
        "tonight",
        "ago",
        "last",
        "next",
        "week",
        "weeks",
        "weekend",
        "month",
        "months",
        "year",
        "years",
        "day",
        "days",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "recently",
        "soon",
        "morning",
        "evening",
        "night",
        "summer",
        "winter",
        "spring",
        "fall",
        "autumn",
        "since",
    ]
)
NAME_CUE = re.compile(
    r"^\s*(who|where|which)\b|\bname\b|\bcalled\b|\bwhat (book|movie|game|city|country|band|song)",
    re.I,
)
# A capitalised word inside a sentence, "I" aside.
NAME = re.compile(r"(?<=[a-z,;'] )[A-Z][a-z]+")
SHARED = re.compile(r"\s*\[[^\[]*\]\s*$")


def lemma_stem(word, o):
    word = LEMMA.get(word, word) if o["irregular"] else word
    return stem(word) if o["stem"] else word


def _relations():
    plain = {"irregular": True, "stem": True}
    stops = {stem(w) for w in STOP}
    related, classes = defaultdict(set), defaultdict(set)
    for table, out, both in ((RELATED, related, True), (CLASSES, classes, False)):
        for line in table.strip().split("\n"):
            a, bs = line.split(": ")
            for b in bs.split():
                x, y = lemma_stem(a, plain), lemma_stem(b, plain)
                if x != y:
                    if y not in stops:
                        out[x].add(y)
                    if both and x not in stops:
                        out[y].add(x)
    return related, classes


RELATIONS = _relations()


class Index:
    """Postings and what is known of each row; built once per conversation (incremental in C++)."""

    def __init__(self, docs, o):
        self.docs, self.n = docs, len(docs)
        self.post, self.length, self.words = defaultdict(dict), [], []
        self.by, self.question, self.flags = [], [], []
        for i, d in enumerate(docs):
            body = SHARED.sub("", d["text"])
            tokens = [lemma_stem(w, o) for w in words(d["text"])]
            self.words.append(words(d["text"]))
            name = words(d.get("speaker") or "")
            if o["speaker_text"]:
                tokens += [lemma_stem(w, o) for w in name]
            for t in tokens:
                self.post[t][i] = self.post[t].get(i, 0) + 1
            self.length.append(len(tokens))
            self.by.append(" ".join(name))
            self.question.append(body.rstrip().endswith("?"))
            ws = set(words(d["text"]))
            self.flags.append((bool(ws & TIME_WORDS), bool(NAME.search(body))))
        self.average = sum(self.length) / max(1, self.n)
        self.names = {s: set(s.split()) for s in set(self.by) if s}

    def idf(self, df):
        return math.log(1 + (self.n - df + 0.5) / (df + 0.5))


def query_dates(query, now):
    """[(year|None, month|None)] and [(first day, last day)] that the query names."""
    q, months, ranges = query.lower(), [], []
    for m in re.finditer(r"\b((?:19|20)\d\d)-(\d\d)(?:-\d\d)?\b", q):
        if 1 <= int(m[2]) <= 12:
            months.append((int(m[1]), int(m[2])))
    names = "|".join(MONTHS)
    short = "jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
    for m in re.finditer(
        rf"(?:\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)?,? )?\b({names}|{short})\b\.?"
        r"(?: (\d{1,2})(?:st|nd|rd|th)?(?!\d))?(?:,? (?:of )?((?:19|20)\d\d))?",
        q,
    ):
        number = m[1] or m[3] or m[4]
        if m[2] not in MONTHS and not number:
            continue
        if (
            m[2] == "may"
            and not number
            and not re.search(
                r"\b(in|of|on|during|last|by|since|until|before|after|early|late|mid) may\b", q
            )
        ):
            continue
        year = int(m[4]) if m[4] else None
        if now and not year and re.search(r"\blast $", q[: m.start(2)]):
            # The last one that has begun.
            year = now.year - (MONTH[m[2]] > now.month)
        months.append((year, MONTH[m[2]]))
    if not months:
        months = [(int(m[0]), None) for m in re.finditer(r"\b(?:19|20)\d\d\b", q)]
    if now:
        day, t = dt.timedelta(1), now.date()
        n = {
            "a": 1,
            "one": 1,
            "two": 2,
            "three": 3,
            "four": 4,
            "five": 5,
            "six": 6,
            "few": 3,
            "couple": 2,
        }
        first = t.replace(day=1)
        monday = t - t.weekday() * day
        for pattern, lo, hi in (
            (r"\byesterday\b|\blast night\b", t - day, t - day),
            (r"\btoday\b|\bthis (morning|afternoon|evening)\b|\btonight\b", t, t),
            (r"\blast week\b", monday - 7 * day, monday - day),
            (r"\bthis week\b", monday, monday + 6 * day),
            (r"\blast month\b", (first - day).replace(day=1), first - day),
            (r"\bthis month\b", first, t),
            (r"\blast year\b", dt.date(t.year - 1, 1, 1), dt.date(t.year - 1, 12, 31)),
            (r"\bthis year\b", dt.date(t.year, 1, 1), t),
        ):
            if re.search(pattern, q):
                ranges.append((lo, hi))
        for m in re.finditer(
            r"\b(\d{1,3}|a|one|two|three|four|five|six|few|couple)(?: of)? "
            r"(day|week|month|year)s? ago\b",
            q,
        ):
            k = int(m[1]) if m[1].isdigit() else n[m[1]]
            unit, slack = {"day": (1, 0), "week": (7, 3), "month": (30, 15), "year": (365, 180)}[
                m[2]
            ]
            ranges.append((t - (k * unit + slack) * day, t - max(0, k * unit - slack) * day))
    return months, ranges


def one_slip(a, b):
    """a and b differ by one letter inserted, left out, replaced, or two neighbours swapped."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    if len(a) != len(b):
        return a[i + 1 :] == b[i:] if len(a) > len(b) else a[i:] == b[i + 1 :]
    return a[i + 1 :] == b[i + 1 :] or (
        a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :]
    )


def concepts(query, ix, o):
    """{stem: (weight, [(variant, weight)])}: the distinct words of the query in order."""
    plain = {"irregular": True, "stem": True}
    frame = {lemma_stem(w, plain) for w in FRAME_WORDS}
    out = {}
    asked = [w for w in words(query) if not (o["stop"] and w in STOP)]
    for w in asked or words(query):  # stop words are looked for where there is nothing else
        t = lemma_stem(w, o)
        if t in out:
            continue
        variants = [(t, 1.0)]
        if o["related"]:
            more = set(RELATIONS[0].get(t, ())) | (
                RELATIONS[1].get(t, set()) if o["classes"] else set()
            )
            variants += [(v, o["related"]) for v in sorted(more)]
        if (
            o["spelling"]
            and len(t) >= 5
            and t.isalpha()
            and not any(v in ix.post for v, _ in variants)
        ):
            variants += [
                (v, o["spelling"])
                for v in sorted(ix.post)
                if v[0] == t[0] and v.isalpha() and one_slip(t, v)
            ]
        out[t] = (o["frame"] if lemma_stem(w, plain) in frame else 1.0, variants)
    return out


def spread(x, ix, o):
    """One word's scores over the rows it is in -> over their neighbours too, as a p-norm."""
    p, y = o["power"], defaultdict(float)
    window = o["window"]
    reach = max(len(window), int(o["reply"] is not None))
    for i, s in sorted(x.items()):
        y[i] += s**p
        for step in (-1, 1):
            own = 0  # rows of the same role on the way
            for k in range(1, (2 * reach if o["own_side"] else reach) + 1):
                j = i + step * k
                if not 0 <= j < ix.n or (
                    o["session"] and ix.docs[j].get("session") != ix.docs[i].get("session")
                ):
                    break
                v = window[k - 1] if k <= len(window) else 0
                if o["own_side"] and ix.docs[j].get("role") == ix.docs[i].get("role"):
                    own += 1
                    v = max(v, window[own - 1] if own <= len(window) else 0)
                if j == i + 1 and o["reply"] is not None and ix.question[i]:
                    v = o["reply"]
                if v:
                    y[j] += (v * s) ** p
    return {i: v ** (1 / p) for i, v in y.items()}


_cache = {}
STATS = defaultdict(int)  # what a query costs: postings read, words


def rank(query, docs, options=None, limit=None):
    o = {**DEFAULTS, **(options or {})}
    key = (id(docs), o["stem"], o["irregular"], o["speaker_text"])
    if key not in _cache:
        _cache[key] = (Index(docs, o), docs)
    ix = _cache[key][0]
    k1, b = o["k1"], o["b"]
    # 1. words -> postings -> spread over the neighbours -> summed
    score, why = defaultdict(float), defaultdict(dict)
    common = []
    for t, (weight, variants) in concepts(query, ix, o).items():
        top = ix.idf(len(ix.post[t])) if t in ix.post else math.inf
        x = {}
        for v, w in variants:
            rows = ix.post.get(v)
            if not rows or (v != t and len(rows) > o["related_max_df"] * ix.n):
                continue
            idf = min(top, ix.idf(len(rows)))
            for i, tf in rows.items():
                s = w * idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * ix.length[i] / ix.average))
                if s > x.get(i, 0):
                    x[i] = s
        if len(ix.post.get(t, ())) > o["spread_max_df"] * ix.n:
            common.append((t, weight, x))
            continue
        STATS["postings"] += len(x)
        for i, s in spread(x, ix, o).items():
            score[i] += weight * s
            why[i][t] = weight * s
    # words that are nearly everywhere count where they are, and lend nothing
    for t, weight, x in common:
        for i, s in x.items():
            score[i] += weight * s
            why[i][t] = weight * s
    # 2. factors, on the rows that have a score
    said = set(words(query))
    named = [s for s, n in ix.names.items() if n & said]
    months, ranges = query_dates(query, o["now"]) if o["date"] != 1 else ([], [])
    asks_name = bool(NAME_CUE.search(query)) and o["name_cue"] != 1
    quoted = [q for q in (words(q) for q in re.findall('"([^"]*)"', query)) if len(q) > 1]
    has_quoted = {
        i for i in score for q in quoted
        if any(ix.words[i][k : k + len(q)] == q for k in range(len(ix.words[i])))
    }  # fmt: skip
    if has_quoted and not words(re.sub('"[^"]*"', " ", query)):
        score = {i: score[i] for i in has_quoted}
    hits = []
    for i in sorted(score):
        f, (timed, has_name), time = {}, ix.flags[i], docs[i].get("time")
        if ix.question[i]:
            f["question"] = o["question"]
        if len(named) == 1 and ix.by[i] == named[0]:
            f["speaker"] = o["speaker"]
        if docs[i].get("role") == "assistant" and not said & {"you", "your", "assistant"}:
            f["assistant"] = o["assistant"]
        if "when" in said and timed:
            f["when"] = o["when"]
        if asks_name and has_name:
            f["name_cue"] = o["name_cue"]
        if time and (
            any((y is None or y == time.year) and (m is None or m == time.month) for y, m in months)
            or any(lo <= time.date() <= hi for lo, hi in ranges)
        ):
            f["date"] = o["date"]
        if o["phrase"] != 1 and i in has_quoted:
            f["phrase"] = o["phrase"]
        s = score[i]
        for v in f.values():
            s *= v
        hits.append([i, s, why[i], f])
    if o["session_prior"] and hits:
        best = defaultdict(float)
        for i, s, *_ in hits:
            best[docs[i]["session"]] = max(best[docs[i]["session"]], s)
        top = max(best.values())
        for h in hits:
            h[3]["session_prior"] = 1 + o["session_prior"] * best[docs[h[0]]["session"]] / top
            h[1] *= h[3]["session_prior"]

    for h in hits:
        h[1] = math.floor(h[1] * 1e6 + 0.5) / 1e6  # so that the order hangs on no last bit

    def order(h):
        return -h[1], -h[0]  # ties: the newer row first

    return [
        Hit(*h)
        for h in (heapq.nsmallest(limit, hits, key=order) if limit else sorted(hits, key=order))
    ]
