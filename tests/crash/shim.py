"""The disk that fails (faults.cpp): built here, preloaded into children, told there what to do."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Literal

import memgpt

ROOT = Path(__file__).parent.parent.parent
OPEN, WRITE, SYNC, TRUNCATE, UNLINK, MAP, READ = 1, 2, 4, 8, 16, 32, 64
CHANGES = OPEN | WRITE | SYNC | TRUNCATE | UNLINK
When = Literal["before", "half", "after"]


@cache
def built() -> Path:
    """The library, from the build directory of the last `make build`."""
    folders = sorted(ROOT.glob("build/cp*"), key=lambda path: path.stat().st_mtime)
    assert folders, "nothing is built yet: run make build first"
    command = ["cmake", "--build", str(folders[-1]), "--target", "faults"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folders[-1] / "libfaults.so"


def start(
    module: str, *args: object, folder: Path, record: Path | None = None
) -> subprocess.Popen[str]:
    """Run a module of tests/crash in a child whose files in `folder` are on a disk that fails."""
    preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(built())]))
    environment = {**os.environ, "LD_PRELOAD": preload, "FAULTS_FOLDER": str(folder)}
    if record is not None:
        environment["FAULTS_RECORD"] = str(record)
    package = Path(memgpt.__file__).parent.parent
    path = [str(ROOT), str(package), os.environ.get("PYTHONPATH")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.crash.{module}", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


class Faults:
    """What a child tells the disk that it runs on."""

    def __init__(self) -> None:
        # Preloaded already: this gives the same library.
        self._library = ctypes.CDLL(os.environ["LD_PRELOAD"].split()[-1])
        self._library.faults_calls.restype = ctypes.c_int64
        self._library.faults_failed.restype = ctypes.c_int64
        self._library.faults_syncs.restype = ctypes.c_int64

    def fail(
        self, kinds: int, error: int, *, suffix: str = "", after: int = 0, times: int = -1
    ) -> None:
        """Calls of these kinds fail after the next `after`, so often; -1: from then on."""
        self._library.faults_fail(
            ctypes.c_uint(kinds),
            suffix.encode(),
            ctypes.c_int64(after),
            ctypes.c_int64(times),
            error,
        )

    def mend(self) -> None:
        self.fail(0, 0, times=0)
        self.free(-1)

    def kill(self, at: int, when: When = "before", kinds: int = CHANGES, suffix: str = "") -> None:
        """The process dies at the `at`-th of these calls from now on."""
        place = ("before", "half", "after").index(when)
        self._library.faults_kill(ctypes.c_uint(kinds), suffix.encode(), ctypes.c_int64(at), place)

    def free(self, size: int) -> None:
        """So many bytes are free on the disk; -1: as many as there are."""
        self._library.faults_free(ctypes.c_int64(size))

    def clock(self, offset_s: int) -> None:
        """The clock of the wall goes wrong by so much."""
        self._library.faults_clock(ctypes.c_int64(offset_s))

    def sync_time(self, seconds: float) -> None:
        """Every sync takes so long."""
        self._library.faults_sync_time(ctypes.c_int64(int(seconds * 1e6)))

    def mark(self, text: str) -> None:
        """Something for the record, between the calls."""
        self._library.faults_mark(text.encode())

    @property
    def calls(self) -> int:
        """Calls so far that change something."""
        return self._library.faults_calls()

    @property
    def failed(self) -> int:
        """Calls that were made to fail so far."""
        return self._library.faults_failed()

    @property
    def syncs(self) -> int:
        """Syncs so far, those that failed, too."""
        return self._library.faults_syncs()
