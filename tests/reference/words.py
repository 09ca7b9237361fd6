"""cpp/memory/words.cpp again: words of Latin text, its stop words, Porter's stemmer."""

import re
from functools import lru_cache
from pathlib import Path

_src = (Path(__file__).parents[2] / "cpp/memory/words.cpp").read_text()
STOP = frozenset(
    re.findall(
        r'"([a-z]+)"',
        _src[_src.index("kStopWords = ") : _src.index("static_assert(std::is_sorted")],
    )
)
_WORD = re.compile(r"[^\W_]+")


def words(text):
    return [w.lower() for w in _WORD.findall(text)]


def _cons(w, i):
    c = w[i]
    if c in "aeiou":
        return False
    if c == "y":
        return i == 0 or not _cons(w, i - 1)
    return True


def _m(w):
    return sum(1 for i in range(1, len(w)) if _cons(w, i) and not _cons(w, i - 1))


def _vowel(w):
    return any(not _cons(w, i) for i in range(len(w)))


def _dbl(w):
    return len(w) >= 2 and w[-1] == w[-2] and _cons(w, len(w) - 1)


def _short(w):
    n = len(w)
    return (
        n >= 3
        and _cons(w, n - 3)
        and not _cons(w, n - 2)
        and _cons(w, n - 1)
        and w[-1] not in "wxy"
    )


S2 = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("logi", "log"),
]
S3 = [
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
]
S4 = [
    (s, "")
    for s in [
        "al",
        "ance",
        "ence",
        "er",
        "ic",
        "able",
        "ible",
        "ant",
        "ement",
        "ment",
        "ent",
        "ion",
        "ou",
        "ism",
        "ate",
        "iti",
        "ous",
        "ive",
        "ize",
    ]
]


def _rep(w, sufs, more):
    for s, r in sufs:
        if not w.endswith(s):
            continue
        root = w[: -len(s)]
        if (s != "ion" or root.endswith(("s", "t"))) and _m(root) > more:
            return root + r
        return w
    return w


@lru_cache(None)
def stem(w):
    if len(w) < 3 or len(w) > 64 or not re.fullmatch("[a-z]+", w):
        return w
    if w.endswith(("sses", "ies")):
        w = w[:-2]
    elif w.endswith("s") and not w.endswith("ss"):
        w = w[:-1]
    if w.endswith("eed"):
        if _m(w[:-3]) > 0:
            w = w[:-1]
    else:
        cut = 2 if w.endswith("ed") else 3 if w.endswith("ing") else 0
        if cut and _vowel(w[:-cut]):
            w = w[:-cut]
            if w.endswith(("at", "bl", "iz")):
                w += "e"
            elif _dbl(w):
                if w[-1] not in "lsz":
                    w = w[:-1]
            elif _m(w) == 1 and _short(w):
                w += "e"
    if w.endswith("y") and _vowel(w[:-1]):
        w = w[:-1] + "i"
    w = _rep(w, S2, 0)
    w = _rep(w, S3, 0)
    w = _rep(w, S4, 1)
    if w.endswith("e"):
        root = w[:-1]
        m = _m(root)
        if m > 1 or (m == 1 and not _short(root)):
            w = root
    if w.endswith("ll") and _m(w[:-1]) > 1:
        w = w[:-1]
    return w
