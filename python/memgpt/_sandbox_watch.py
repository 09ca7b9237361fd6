"""What a running sandbox holds, seen from outside: limits that count all of its processes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


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
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) * 1024
    return total


def files(root: int, folder: str) -> int:
    """How many files a folder with a file system of its own holds, as a process sees it."""
    try:
        found = os.statvfs(f"/proc/{root}/root{folder}")
    except OSError:  # it has ended
        return 0
    return found.f_files - found.f_ffree
