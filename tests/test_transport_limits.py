"""What a process has only so much of: file descriptors, and time for answers that are none."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress

import memgpt
import pytest

from tests.wire_server import Wire, WireServer, answer, probe, serving

FEW = """
import asyncio, os, resource, sys
import memgpt

async def main(home):
    agents = [home.create_agent(f"a{i}", model={"model": "m", "endpoint": sys.argv[1]})
              for i in range(64)]
    before = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + int(sys.argv[2]), 4096))
    return await asyncio.gather(
        *(agent.send_async("Hi") for agent in agents), return_exceptions=True)

with memgpt.open(":memory:", durability="process") as home:
    done = asyncio.run(main(home))
    for error in done:
        if isinstance(error, BaseException):
            assert isinstance(error, memgpt.ProviderUnreachable), repr(error)
            assert "ulimit -n" in str(error), error
    print(sum(isinstance(one, memgpt.Response) for one in done))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
    assert home.agent("a0").send("And now?").text == "ok"
"""

SAYS = (
    b'{"choices": [{"message": {"content": null, "tool_calls": [{"id": "c", "type": "function", '
    b'"function": {"name": "send_message", "arguments": "{\\"message\\": \\"ok\\"}"}}]}}]}'
)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts what is open")
@pytest.mark.parametrize(("limit", "answered"), [(40, range(1, 64)), (100, range(64, 65))])
def test_no_file_descriptor_left(limit: int, answered: range) -> None:
    """64 turns at once need one for each, and a few."""

    def slowly(request: object) -> bytes:
        time.sleep(0.3)
        return answer(SAYS)

    with serving(slowly) as server:
        out = subprocess.run(
            [sys.executable, "-c", FEW, server.url, str(limit)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert out.returncode == 0, out.stderr
    assert int(out.stdout) in answered


@pytest.mark.parametrize("interim", ["100 Continue", "103 Early Hints"])
def test_answers_before_the_answer_without_end(interim: str) -> None:
    def script(wire: Wire) -> None:
        wire.read()
        with suppress(OSError):
            while True:
                wire.send(f"HTTP/1.1 {interim}\r\n\r\n".encode() * 1000)

    with WireServer(script) as server:
        begin = time.monotonic()
        with pytest.raises(memgpt.ProviderTimeout, match=r"did not answer in 0\.5 s"):
            probe(server.url, timeout_s=0.5).get("")
        assert time.monotonic() - begin < 5


def test_a_stream_without_end_that_never_pauses() -> None:
    def script(wire: Wire) -> None:
        wire.read()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            while True:
                wire.send(b"data: x\n\n" * 10)

    with WireServer(script) as server:
        begin = time.monotonic()
        with pytest.raises(memgpt.ProviderTimeout, match=r"did not answer in 0\.5 s"):
            probe(server.url, timeout_s=0.5).stream("", "", lambda piece: True)
        assert time.monotonic() - begin < 5
