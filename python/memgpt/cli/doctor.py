"""``memgpt doctor``: says whether a file is sound."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import memgpt
from memgpt import _core
from memgpt.cli.run import folder

__all__ = ["DoctorOptions", "doctor"]


@dataclass(frozen=True)
class DoctorOptions:
    """The flags of ``memgpt doctor``."""

    file: str | None = None
    rebuild: bool = False
    replay: bool = False


def _examine(home: memgpt.Home, options: DoctorOptions) -> int:
    if options.rebuild:
        home.rebuild()
        print("What is derived was dropped: the next searches make it anew.")
    problems = home.check(replay=options.replay)
    if not problems:
        replayed = ", and every agent replays" if options.replay else ""
        print(f"{home.path} is sound{replayed}.")
        return 0
    print(f"{home.path}: {len(problems)} problem{'' if len(problems) == 1 else 's'}")
    for problem in problems:
        print(f"- {' '.join(problem.split())}")
    print(
        "The history cannot be made again: keep this file as it is, and restore one from a copy "
        "that `memgpt doctor` finds sound."
    )
    return 1


def _read_only(path: Path) -> sqlite3.Connection:
    # Where nobody has a log beside it, SQLite need not make one to read.
    quiet = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{quiet}", uri=True)


def _older_schema(path: Path) -> int:
    """The schema of a file that an older memgpt wrote; 0 for any other file."""
    try:
        with closing(_read_only(path)) as db:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (schema,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return 0  # opening it says why
    return schema if application == _core.application_id and schema < _core.newest_schema else 0


def _copy(path: Path, copy: Path) -> None:
    with closing(_read_only(path)) as db, closing(sqlite3.connect(copy)) as target:
        db.backup(target)


def doctor(options: DoctorOptions) -> int:
    """``memgpt doctor``.

    Returns:
        The exit code: 0 where the file is sound, 1 where there are problems, 2 where it cannot be
        opened.
    """
    home: memgpt.Home | None = None
    try:
        path = Path(options.file) if options.file is not None else folder() / "agents.db"
        # Opening makes a file where there is none, or where it is empty.
        if not path.is_file() or path.stat().st_size == 0:
            raise memgpt.StoreError(f'there is no database "{path}"; give the path of one')
        if not options.rebuild and (schema := _older_schema(path)):
            # Opening would bring it to the newest schema: a copy is examined.
            with tempfile.TemporaryDirectory() as scratch:
                copy = Path(scratch) / path.name
                _copy(path, copy)
                home = memgpt.open(copy)
                with home:
                    print(f"{path} has schema {schema} of an older memgpt; a copy is examined.")
                    return _examine(home, options)
        home = memgpt.open(path)
        with home:
            return _examine(home, options)
    except memgpt.Error as error:
        print(f"memgpt: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if home is None else 1
    except (OSError, RuntimeError, ValueError, sqlite3.Error) as error:
        # Of the path: a folder that may not be read, a user without a home.
        print(f"memgpt: {error}; give the path of a database", file=sys.stderr)
        return 2
