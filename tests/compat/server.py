"""The server as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMAND = [sys.executable, "-m", "memgpt", "server"]
_READY = re.compile(r"memgpt server is listening on (http://127\.0\.0\.1:\d+)\n")
_TIMEOUT_S = 30
# Nothing of the outside may decide which models there are: no key, no configuration of a user.
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR")


class Server:
    """A memgpt server on a free port, with a database of its own.

    Args:
        folder: where its database and its log are.
        options: further ones of the command line.
        environment: beside what any process needs.
    """

    def __init__(
        self, folder: Path, *options: str, environment: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True)
        self._log = folder / "log.txt"
        self._ended = False
        command = [*COMMAND, "--host", "127.0.0.1", "--port", "0"]
        command += ["--db", str(folder / "agents.db"), *options]
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                env={**kept, "HOME": str(folder), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def url(self) -> str:
        """Its address, once it is ready."""
        assert self.process.stdout is not None
        alarm = threading.Timer(_TIMEOUT_S, self.process.kill)
        alarm.start()
        line = self.process.stdout.readline()
        alarm.cancel()
        found = _READY.fullmatch(line)
        if found is None:
            self._ended = True
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"the server did not start; it printed {line!r}\n{self.log()}")
        return found[1]

    def log(self) -> str:
        return self._log.read_text()[-10_000:]

    def stop(self) -> None:
        """End it as a service manager does; it has to leave in order."""
        if self._ended:
            return
        self._ended = True
        self.process.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"the server did not end upon SIGTERM\n{self.log()}") from None
        assert self.process.returncode == 0, f"exit {self.process.returncode}\n{self.log()}"
        assert rest == "", f"one line is printed, not also {rest!r}"


@dataclass
class Servers:
    """Three servers, and where they are."""

    main: Server
    plain: Server
    local: Server
    environment: dict[str, str]

    def logs(self) -> str:
        parts = (("main", self.main), ("plain", self.plain), ("local", self.local))
        return "\n".join(f"--- log of the {name} server\n{part.log()}" for name, part in parts)
