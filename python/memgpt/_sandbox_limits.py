"""What a call in a sandbox may use, and what it holds as seen from outside."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What one call may use.

    Attributes:
        seconds: from start to end; also of processor time, for each process.
        memory: bytes that all of its processes together may hold, and address space of each.
        disk: bytes of files in its folder.
        files: how many files it may hold there.
        processes: processes and threads.
        descriptors: open files of each process.
        output: bytes that are kept of each of standard output and standard error.
        printed: bytes that may be written to each of them; more ends the call.
        value: characters of what the function returned.
    """

    seconds: float = 60.0
    memory: int = 512 * 2**20
    disk: int = 64 * 2**20
    files: int = 10_000
    processes: int = 32
    descriptors: int = 256
    output: int = 64 * 2**10
    printed: int = 4 * 2**20
    value: int = 50_000

    def of_process(self) -> dict[str, int]:
        """What the kernel enforces in each process, by the names of rlimits."""
        return {
            "CPU": math.ceil(self.seconds) + 1,
            "AS": self.memory,
            "FSIZE": self.disk,
            "NPROC": self.processes + 2,  # bubblewrap's own, and the first
            "NOFILE": self.descriptors,
            "MSGQUEUE": 0,
            "MEMLOCK": 0,
            "CORE": 0,
        }


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, file.read_text().split())
    return found


def processes(root: int) -> list[int]:
    """The ids of a process and of all that descend from it."""
    found, new = [root], [root]
    while new:
        new = [child for pid in new for child in _children(pid)]
        found += new
    return found


def memory(pid: int) -> int:
    """Bytes that a process has written to: what others have, too, is in it, files are not."""
    total = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) * 1024
    return total


def files(root: int, folder: str) -> int:
    """How many files a folder with a file system of its own holds, as a process sees it."""
    seen = f"/proc/{root}/root{folder}"
    try:
        if os.stat(seen).st_dev == os.stat(folder).st_dev:
            return 0  # it still sees ours: its own is not mounted yet
        found = os.statvfs(seen)
    except OSError:  # it has ended
        return 0
    return found.f_files - found.f_ffree
