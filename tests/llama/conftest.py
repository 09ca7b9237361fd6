"""A real llama-server, with a model of random weights that is made here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


class LlamaServer:
    """``url`` is its base URL, ``log`` what it wrote.

    Args:
        folder: for its log.
        flags: beside those that all have.
    """

    def __init__(self, binary: Path, model: Path, folder: Path, *flags: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.host = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.host}/v1"
        self.log = folder / f"llama-server-{self.port}.log"
        command = [binary, "-m", model, "--host", "127.0.0.1", "--port", self.port, *flags]
        # Any token may come, by its weights: a model of noise favours none by much.
        command += ["--temp", 1, "--top-k", 0, "--top-p", 1, "--min-p", 0]
        command += ["-np", 1, "-t", 1, "--no-webui", "--no-warmup", "--alias", "tiny"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)

    def wait(self) -> LlamaServer:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.host}/health", timeout=5):
                    return self
            except (urllib.error.URLError, OSError):
                dead = self.process.poll() is not None
                assert not dead and time.monotonic() < end, self.log.read_text()[-4000:]
                time.sleep(0.02)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


Start = Callable[..., LlamaServer]


@pytest.fixture(scope="session")
def llama_binary() -> Path:
    """What tools/build_llama.sh built. That it is not there is a failure: nothing else was to be
    tested."""
    where = os.environ.get("LLAMA_SERVER", "")
    assert where and shutil.which(where), "run `make test-llama`, which builds llama-server"
    return Path(where)


@pytest.fixture(scope="session")
def llama(llama_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """``llama("-c", 4096)`` starts a server for chats; ``chat=False`` leaves the template away."""
    from tests.llama.make_gguf import write  # its libraries come with `make test-llama`

    folder = tmp_path_factory.mktemp("llama")
    model = folder / "tiny.gguf"
    write(model)
    servers: list[LlamaServer] = []

    def start(*flags: object, chat: bool = True) -> LlamaServer:
        template = llama_binary.with_name("llama-3.1.jinja")
        if chat:
            flags += ("--jinja", "--chat-template-file", template)
        servers.append(LlamaServer(llama_binary, model, folder, *map(str, flags)))
        return servers[-1].wait()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def server(llama: Start) -> LlamaServer:
    """One with a large window, for all tests that only talk to it."""
    return llama("-c", 32_768)
