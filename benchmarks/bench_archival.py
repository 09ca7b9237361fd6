"""Archival memory beside vector stores: inserts, searches, deletions, opening, bytes.

    python benchmarks/bench_archival.py [--passages 10000 100000] [--queries 500] [--only ours ...]
                                        [--minutes 10] [--json FILE] [--picture FILE]

Every system runs in a process of its own, on one thread, for at most ``--minutes``; searches go
round by round through all of them, each round with fresh queries. Vectors are made up: 384
dimensions, the root of n centres in a space of 64, weights by Zipf's law (0.7), noise 0.7,
projected at random, noise 0.15, normalised; queries are of the same kind. What has a knob between
speed and recall is set to the fastest value with a recall@10 of at least .95 on 200 other queries;
ours has its defaults. Times include each system's Python client, as its users see them.

``single`` is one passage that survives a kill; the raw indexes (faiss, hnswlib) keep nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["ANONYMIZED_TELEMETRY"] = "False"

import numpy as np  # noqa: E402

WIDTH, LATENT, BEST = 384, 64, 10
SHARES = (0.5, 0.1, 0.01, 0.001)
SINGLE, DELETED, TUNING = 200, 50, 200
RECALL = 0.95
Vectors = Any  # float32, (n, 384)


class Mixture:
    """Vectors of one kind, however many are asked for."""

    def __init__(self, count: int, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        centres = max(2, int(count**0.5))
        self.centres = generator.normal(size=(centres, LATENT))
        self.weights = np.arange(1, centres + 1) ** -0.7
        self.weights /= self.weights.sum()
        self.projection = generator.normal(size=(LATENT, WIDTH)) / LATENT**0.5

    def __call__(self, count: int, seed: int) -> Vectors:
        generator = np.random.default_rng(seed)
        rows = []
        for begin in range(0, count, 50_000):
            size = min(50_000, count - begin)
            chosen = generator.choice(len(self.centres), size, p=self.weights)
            latent = self.centres[chosen] + 0.7 * generator.normal(size=(size, LATENT))
            made = latent @ self.projection + 0.15 * generator.normal(size=(size, WIDTH))
            made /= np.linalg.norm(made, axis=1, keepdims=True)
            rows.append(made.astype(np.float32))
        return np.concatenate(rows)


def bucket(number: int) -> int:
    """0 to 999, spread evenly: a filter lets through those below a share of 1,000."""
    return number * 617 % 1000


def text_of(number: int) -> str:
    return f"passage {number} of bucket {bucket(number)}, filed by a benchmark that knows no words"


def truth(base: Vectors, queries: Vectors, share: float) -> list[set[int]]:
    kept = np.flatnonzero(np.array([bucket(i) < share * 1000 for i in range(len(base))]))
    found = []
    for begin in range(0, len(queries), 100):
        scores = queries[begin : begin + 100] @ base[kept].T
        best = np.argpartition(-scores, min(BEST, len(kept)) - 1, axis=1)[:, :BEST]
        found += [set(kept[row].tolist()) for row in best]
    return found


class System:
    """A store in a folder. ``knobs`` are tried in order until the recall suffices."""

    keeps = True  # what it is given survives the process
    knobs: Sequence[Any] = ()
    filters = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def turn(self, knob: Any) -> None: ...
    def fill(self, vectors: Vectors) -> None: ...
    def settle(self) -> None: ...
    def add(self, number: int, vector: Vectors) -> None: ...
    def delete(self, number: int) -> None: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def search(self, vector: Vectors, share: float) -> Iterable[int]:
        raise NotImplementedError


class Ours(System):
    durability = "process"

    def open(self) -> None:
        import memgpt

        known = self.known = getattr(self, "known", {})

        class Known(memgpt.Embedder):
            name, dimension = "known", WIDTH

            def embed(self, texts: Sequence[str]) -> Any:
                return np.stack([known[text] for text in texts])

        self.home = memgpt.open(self.folder / "agents.db", durability=self.durability)
        self.agent = self.home.create_agent("sam", embedding=Known(), exist_ok=True)
        self.ids: dict[int, str] = getattr(self, "ids", {})

    def item(self, number: int) -> dict[str, Any]:
        tags = [str(share) for share in SHARES if bucket(number) < share * 1000]
        return {"text": text_of(number), "tags": tags}

    def fill(self, vectors: Vectors) -> None:
        for begin in range(0, len(vectors), 10_000):
            numbers = range(begin, min(begin + 10_000, len(vectors)))
            self.known.update({text_of(i): vectors[i] for i in numbers})
            made = self.agent.archival.insert_many([self.item(i) for i in numbers], progress=False)
            self.ids.update(zip(numbers, (p.id for p in made), strict=True))
            self.known.clear()

    def settle(self) -> None:
        list(self.search(np.ones(WIDTH, np.float32), 1))
        self.home._core.wait_for_background()

    def add(self, number: int, vector: Vectors) -> None:
        self.known[text_of(number)] = vector
        item = self.item(number)
        self.ids[number] = self.agent.archival.insert(item["text"], tags=item["tags"]).id

    def delete(self, number: int) -> None:
        self.agent.archival.delete(self.ids[number])

    def search(self, vector: Vectors, share: float) -> Iterable[int]:
        hits = self.agent.archival.search(
            "", vector=vector, limit=BEST, tags=[] if share == 1 else [str(share)]
        )
        return [int(hit.passage.text.split()[1]) for hit in hits]

    def close(self) -> None:
        self.home.close()


class OursFull(Ours):
    """Survives a power cut, too."""

    durability = "full"


class Faiss(System):
    keeps = False
    key = "Flat"

    def open(self) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self.faiss = faiss

    def fill(self, vectors: Vectors) -> None:
        lists = int(4 * len(vectors) ** 0.5)
        index = self.faiss.index_factory(
            WIDTH, self.key.format(lists=lists), self.faiss.METRIC_INNER_PRODUCT
        )
        if not index.is_trained:
            index.train(vectors[:: max(1, len(vectors) // (40 * lists))])
        index.add(vectors)
        self.index = index
        self.kept = {
            share: np.packbits(
                [bucket(i) < share * 1000 for i in range(len(vectors))], bitorder="little"
            )
            for share in SHARES
        }

    def search(self, vector: Vectors, share: float) -> Iterable[int]:
        parameters = None
        if share < 1:
            selector = self.faiss.IDSelectorBitmap(self.kept[share])
            parameters = self.parameters(sel=selector)
        return self.index.search(vector[None], BEST, params=parameters)[1][0].tolist()

    def parameters(self, **given: Any) -> Any:
        return self.faiss.SearchParameters(**given)


class FaissHNSW(Faiss):
    key = "HNSW32,SQ8"
    knobs = (16, 24, 32, 48, 64, 96, 128, 256)

    def turn(self, knob: Any) -> None:
        self.knob = knob
        self.index.hnsw.efSearch = knob

    def parameters(self, **given: Any) -> Any:
        return self.faiss.SearchParametersHNSW(efSearch=self.knob, **given)


class FaissIVF(Faiss):
    key = "IVF{lists},SQ8"
    knobs = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128)

    def turn(self, knob: Any) -> None:
        self.knob = knob
        self.index.nprobe = knob

    def parameters(self, **given: Any) -> Any:
        return self.faiss.SearchParametersIVF(nprobe=self.knob, **given)


class Hnswlib(System):
    keeps = False
    knobs = (16, 24, 32, 48, 64, 96, 128, 256)

    def fill(self, vectors: Vectors) -> None:
        import hnswlib

        self.index = hnswlib.Index("ip", WIDTH)
        self.index.init_index(len(vectors) + 1000, ef_construction=100, M=16)
        self.index.set_num_threads(1)
        self.index.add_items(vectors, np.arange(len(vectors)))

    def turn(self, knob: Any) -> None:
        self.index.set_ef(knob)

    def search(self, vector: Vectors, share: float) -> Iterable[int]:
        chosen = None if share == 1 else lambda label: bucket(label) < share * 1000
        try:
            return self.index.knn_query(vector, BEST, filter=chosen)[0][0].tolist()
        except RuntimeError:  # it found fewer than were asked for
            return []


class SqliteVec(System):
    def open(self) -> None:
        import apsw  # not every Python's sqlite3 may load extensions
        import sqlite_vec

        self.db = apsw.Connection(str(self.folder / "vec.db"))
        self.db.enable_load_extension(True)
        self.db.load_extension(sqlite_vec.loadable_path())
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS passage USING vec0(id INTEGER PRIMARY KEY, "
            f"vector float[{WIDTH}] distance_metric=cosine, bucket INTEGER, +text TEXT)"
        )

    def fill(self, vectors: Vectors) -> None:
        self.db.execute("BEGIN")
        self.db.executemany(
            "INSERT INTO passage VALUES(?, ?, ?, ?)",
            ((i, v.tobytes(), bucket(i), text_of(i)) for i, v in enumerate(vectors)),
        )
        self.db.execute("COMMIT")

    def add(self, number: int, vector: Vectors) -> None:
        row = (number, vector.tobytes(), bucket(number), text_of(number))
        self.db.execute("INSERT INTO passage VALUES(?, ?, ?, ?)", row)

    def delete(self, number: int) -> None:
        self.db.execute("DELETE FROM passage WHERE id = ?", (number,))

    def search(self, vector: Vectors, share: float) -> Iterable[int]:
        where = "" if share == 1 else f" AND bucket < {int(share * 1000)}"
        sql = f"SELECT id FROM passage WHERE vector MATCH ? AND k = {BEST}{where}"
        return [row[0] for row in self.db.execute(sql, (vector.tobytes(),))]

    def close(self) -> None:
        self.db.close()


class Chroma(System):
    knobs = (16, 32, 64, 100, 200)

    def open(self) -> None:
        import chromadb

        settings = chromadb.Settings(anonymized_telemetry=False)
        self.client = chromadb.PersistentClient(str(self.folder), settings=settings)
        space = {"hnsw": {"space": "ip", "num_threads": 1, "ef_search": 100}}
        self.passages = self.client.get_or_create_collection(
            "passages", configuration=space, embedding_function=None
        )

    def fill(self, vectors: Vectors) -> None:
        for begin in range(0, len(vectors), 5000):
            numbers = range(begin, min(begin + 5000, len(vectors)))
            self.passages.add(
                ids=[str(i) for i in numbers],
                embeddings=vectors[begin : begin + 5000],
                documents=[text_of(i) for i in numbers],
                metadatas=[{"bucket": bucket(i)} for i in numbers],
            )

    def turn(self, knob: Any) -> None:
        self.passages.modify(configuration={"hnsw": {"ef_search": knob}})

    def add(self, number: int, vector: Vectors) -> None:
        self.passages.add(
            ids=[str(number)],
            embeddings=[vector],
            documents=[text_of(number)],
            metadatas=[{"bucket": bucket(number)}],
        )

    def delete(self, number: int) -> None:
        self.passages.delete(ids=[str(number)])

    def search(self, vector: Vectors, share: float) -> Iterable[int]:
        where = None if share == 1 else {"bucket": {"$lt": int(share * 1000)}}
        found = self.passages.query(
            query_embeddings=[vector], n_results=BEST, where=where, include=["documents"]
        )
        return [int(i) for i in found["ids"][0]]


class LanceDB(System):
    """Exact: it makes no index unless it is told to."""

    def open(self) -> None:
        import lancedb

        self.db = lancedb.connect(self.folder)
        if "passages" in self.db.list_tables().tables:
            self.table = self.db.open_table("passages")

    def rows(self, numbers: Iterable[int], vectors: Vectors) -> Any:
        import pyarrow as pa

        numbers = list(numbers)
        flat = pa.array(np.ascontiguousarray(vectors).reshape(-1), pa.float32())
        return pa.table(
            {
                "id": numbers,
                "bucket": [bucket(i) for i in numbers],
                "text": [text_of(i) for i in numbers],
                "vector": pa.FixedSizeListArray.from_arrays(flat, WIDTH),
            }
        )

    def fill(self, vectors: Vectors) -> None:
        self.table = self.db.create_table("passages", self.rows(range(len(vectors)), vectors))

    def add(self, number: int, vector: Vectors) -> None:
        self.table.add(self.rows([number], vector[None]))

    def delete(self, number: int) -> None:
        self.table.delete(f"id = {number}")

    def search(self, vector: Vectors, share: float) -> Iterable[int]:
        query = (
            self.table.search(vector).distance_type("dot").limit(BEST).select(["id", "_distance"])
        )
        if share < 1:
            query = query.where(f"bucket < {int(share * 1000)}", prefilter=True)
        return query.to_arrow()["id"].to_pylist()


SYSTEMS: dict[str, type[System]] = {
    "ours": Ours,
    "ours, full": OursFull,
    "faiss-cpu Flat": Faiss,
    "faiss-cpu HNSW32,SQ8": FaissHNSW,
    "faiss-cpu IVF,SQ8": FaissIVF,
    "hnswlib": Hnswlib,
    "sqlite-vec": SqliteVec,
    "chromadb": Chroma,
    "lancedb": LanceDB,
}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def timed(function: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def work(name: str, folder: str, count: int, pipe: Any) -> None:
    """A system's process: does what it is told, and says how long it took."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    mixture = Mixture(count)
    system = SYSTEMS[name](Path(folder))

    def measured(queries: Vectors, share: float) -> tuple[list[float], list[list[int]]]:
        times, found = [], []
        for query in queries:
            begin = time.perf_counter()
            ids = list(system.search(query, share))
            times.append(time.perf_counter() - begin)
            found.append(ids)
        return times, found

    def build() -> dict[str, Any]:
        base = mixture(count, 1)
        system.open()
        before = resident()
        figures: dict[str, Any] = {"batched_s": timed(lambda: system.fill(base[:count]))}
        figures["settle_s"] = timed(system.settle)
        base.resize(0, refcheck=False)  # not the system's
        figures["memory"] = resident() - before
        return figures

    def tune(queries: Vectors, wanted: list[set[int]]) -> Any:
        for knob in system.knobs:
            system.turn(knob)
            found = measured(queries, 1)[1]
            if np.mean([len(w & set(f)) / BEST for w, f in zip(wanted, found, strict=True)]) >= (
                RECALL
            ):
                return knob
        return system.knobs[-1] if system.knobs else None

    def change() -> dict[str, Any]:
        if not system.keeps:
            return {}
        fresh = mixture(SINGLE, 2)
        singles = [timed(lambda i=i: system.add(count + i, fresh[i])) for i in range(SINGLE)]
        deletes = [timed(lambda i=i: system.delete(count + i)) for i in range(DELETED)]
        return {"single_s": statistics.median(singles), "delete_s": statistics.median(deletes)}

    def close() -> dict[str, Any]:
        system.close()
        return {"disk": on_disk(Path(folder))}

    def reopen(query: Vectors) -> dict[str, Any]:
        before = resident()
        figures: dict[str, Any] = {"open_s": timed(system.open)}
        figures["first_s"] = timed(lambda: list(system.search(query, 1)))
        figures["memory"] = resident() - before
        return figures

    tasks: dict[str, Callable[..., Any]] = {
        "build": build,
        "tune": tune,
        "search": measured,
        "change": change,
        "close": close,
        "reopen": reopen,
    }
    while True:
        task, arguments = pipe.recv()
        if task == "end":
            return
        try:
            pipe.send((True, tasks[task](*arguments)))
        except Exception:
            pipe.send((False, traceback.format_exc()))
            return


class Worker:
    """A system's process, as the benchmark sees it. It is ended once its time is up."""

    def __init__(self, name: str, count: int, seconds: float) -> None:
        self.name = name
        self.count = count
        self.left = seconds
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.start()

    def start(self) -> None:
        self.pipe, other = mp.get_context("spawn").Pipe()
        self.process = mp.get_context("spawn").Process(
            target=work, args=(self.name, self.folder.name, self.count, other), daemon=True
        )
        self.process.start()
        self.alive = True

    def ask(self, task: str, *arguments: Any) -> Any:
        if not self.alive:
            return None
        begin = time.monotonic()
        self.pipe.send((task, arguments))
        if not self.pipe.poll(self.left):
            print(f"{self.name}: no time left while at {task}", file=sys.stderr)
        else:
            done, answer = self.pipe.recv()
            self.left -= time.monotonic() - begin
            if done:
                return answer
            print(f"{self.name}: {answer}", file=sys.stderr)
        self.alive = False
        self.process.kill()
        return None

    def stop(self) -> None:
        if self.alive:
            self.pipe.send(("end", ()))
        self.process.join(30)
        self.process.kill()


def run(count: int, names: Sequence[str], queries: int, minutes: float) -> list[dict[str, Any]]:
    mixture = Mixture(count)
    base = mixture(count, 1)
    workers = [Worker(name, count, minutes * 60) for name in names]
    rows: dict[str, dict[str, Any]] = {name: {"system": name, "passages": count} for name in names}
    tuning = mixture(TUNING, 3)
    wanted = truth(base, tuning, 1)
    # One after the other: a build on one core is not to disturb another's.
    for worker in workers:
        rows[worker.name] |= worker.ask("build") or {}
        rows[worker.name]["knob"] = worker.ask("tune", tuning, wanted)
    for share in (1.0, *SHARES):
        times: dict[str, list[float]] = {name: [] for name in names}
        recalls: dict[str, list[float]] = {name: [] for name in names}
        rounds = 5
        for turn in range(rounds):
            asked = mixture(queries // rounds, 100 + turn)
            best = truth(base, asked, share)
            for worker in workers:
                answer = worker.ask("search", asked, share)
                if answer is None:
                    continue
                times[worker.name] += answer[0]
                recalls[worker.name] += [
                    len(w & set(found)) / len(w)
                    for w, found in zip(best, answer[1], strict=True)
                    if w
                ]
        for name in names:
            if times[name]:
                ordered = sorted(times[name])
                rows[name][f"search {share:g}"] = {
                    "p50_ms": 1000 * statistics.median(ordered),
                    "p95_ms": 1000 * ordered[int(0.95 * len(ordered))],
                    "recall": float(np.mean(recalls[name])),
                }
    for worker in workers:
        row = rows[worker.name]
        row |= worker.ask("change") or {}
        if worker.alive and SYSTEMS[worker.name].keeps:
            row |= worker.ask("close") or {}
            worker.stop()
            worker.start()
            # Another process, which has not filled it: open, first search, memory.
            row |= worker.ask("reopen", tuning[0]) or {}
        worker.stop()
        worker.folder.cleanup()
    return list(rows.values())


def cell(row: dict[str, Any], key: str, form: str, scale: float = 1) -> str:
    return form.format(row[key] * scale) if row.get(key) is not None else "-"


def table(rows: Sequence[dict[str, Any]]) -> str:
    count = rows[0]["passages"]
    lines = [
        f"{count:,} passages",
        f"{'':22}{'search p50':>11}{'p95':>8}{'recall':>8}"
        + "".join(f"{f'at {share:g}':>9}{'recall':>7}" for share in SHARES)
        + f"{'single':>9}{'batched':>9}{'delete':>8}{'open':>8}{'first':>8}"
        + f"{'disk':>7}{'memory':>8}",
    ]
    for row in rows:
        searches = [row.get(f"search {share:g}") for share in (1.0, *SHARES)]
        line = f"{row['system']:22}"
        plain, *filtered = searches
        line += (
            f"{plain['p50_ms']:8.2f} ms{plain['p95_ms']:8.2f}{plain['recall']:8.3f}"
            if plain
            else f"{'-':>27}"
        )
        for found in filtered:
            line += f"{found['p50_ms']:9.2f}{found['recall']:7.3f}" if found else f"{'-':>16}"
        line += f"{cell(row, 'single_s', '{:.2f} ms', 1000):>9}"
        built = row.get("batched_s", 0) + row.get("settle_s", 0)
        line += f"{built / count * 1e6:>6.0f} us" if built else f"{'-':>9}"
        line += f"{cell(row, 'delete_s', '{:.2f}', 1000):>8}{cell(row, 'open_s', '{:.3f}'):>8}"
        line += f"{cell(row, 'first_s', '{:.3f}'):>8}{cell(row, 'disk', '{:.0f}', 1 / count):>7}"
        line += f"{cell(row, 'memory', '{:.0f}', 1 / count):>8}"
        lines.append(line)
    return "\n".join(lines)


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (recall, latency) = pyplot.subplots(1, 2, figsize=(10, 4))
    for name in dict.fromkeys(row["system"] for row in rows):
        own = [row for row in rows if row["system"] == name and "search 1" in row]
        sizes = [row["passages"] for row in own]
        style = {"marker": "o", "label": name, "linewidth": 2.5 if name == "ours" else 1}
        recall.plot(sizes, [row["search 1"]["recall"] for row in own], **style)
        latency.plot(sizes, [row["search 1"]["p50_ms"] for row in own], **style)
    for axes, label in ((recall, "recall@10"), (latency, "search p50 (ms)")):
        axes.set_xscale("log")
        axes.set_xlabel("passages")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    latency.set_yscale("log")
    latency.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--only", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--minutes", type=float, default=10, help="for each system and size")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path, help="recall and latency over the size")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for count in options.passages:
        made = run(count, options.only, options.queries, options.minutes)
        rows += made
        print(table(made), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.picture:
        draw(rows, options.picture)
    print(json.dumps({"bench": "archival", "rows": rows}))


if __name__ == "__main__":
    main()
