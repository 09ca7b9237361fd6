"""What a model call costs beside the model: ours and the `openai` package's, to the same server.

    python benchmarks/bench_provider.py [--messages 10 1000] [--rounds 15] [--agents 64]

The server is a process of its own on loopback that answers at once with bytes written before, so
that what is measured is the client: request, connection, parsing. Ours is `provider.complete(
context)`, theirs `client.chat.completions.create(...)` with the same messages and tools; CPU of
this process, user and system, per call: the median of rounds that take turns. Then agents at once
by `send_async`, with a server that takes 50 ms for each answer.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import memgpt
import openai
from memgpt.testing import ScriptedLLM

SAID = "That sounds like a good plan, tell me how it went."
ARGUMENTS = json.dumps(
    {"thinking": "They tell me about their day.", "message": SAID, "request_heartbeat": False}
)
SLOW_S = 0.05


def whole_answer() -> bytes:
    """A completion with one call, as a server sends it."""
    function = {"name": "send_message", "arguments": ARGUMENTS}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": None}
    body = json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE})
    return _http("application/json", body.encode())


HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt-4.1"}
USAGE = {"prompt_tokens": 321, "completion_tokens": 40, "total_tokens": 361}


def streamed_answer() -> bytes:
    """The same in events of a few characters each."""
    pieces = [ARGUMENTS[at : at + 4] for at in range(0, len(ARGUMENTS), 4)]
    calls: list[dict[str, Any]] = [
        {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "send_message", "arguments": ""},
        }
    ]
    calls += [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None} for call in calls
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    events: list[dict[str, Any]] = [{"choices": [choice]} for choice in choices]
    events.append({"choices": [], "usage": USAGE})
    lines = [json.dumps({**HEAD, "object": "chat.completion.chunk", **event}) for event in events]
    body = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])
    return _http("text/event-stream", body.encode())


def _http(content_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Answers(asyncio.Protocol):
    """Reads a request as far as it must, and sends what was written before."""

    whole, streamed = whole_answer(), streamed_answer()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.data = bytearray()

    def data_received(self, data: bytes) -> None:
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.data[:end]).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self.data) < end + 4 + length:
            return
        # Theirs writes it at the end of the body, ours anywhere but in the messages' text.
        stream = b'"stream": true' in self.data or b'"stream":true' in self.data
        self.data.clear()
        answer = self.streamed if stream else self.whole
        if b" /slow/" in head[:40]:
            asyncio.get_running_loop().call_later(SLOW_S, self.transport.write, answer)
        else:
            self.transport.write(answer)


async def serve() -> None:
    """Print the port, and answer until the process ends."""
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def context_of(home: memgpt.Home, messages: int) -> memgpt.Context:
    """A conversation of so many messages, all of them in the window."""
    script = ScriptedLLM(lambda context: {"tool": "send_message", "args": {"message": SAID}})
    agent = home.create_agent(f"with {messages}", model=script, context_window=1_000_000)
    number = 0
    while len(agent.context().to_request()["messages"]) < messages:
        number += 1
        agent.send(f"Today, day {number}, I walked {number * 7919 % 1000} steps by the river.")
    return agent.context()


def theirs_whole(client: openai.OpenAI, request: dict[str, Any]) -> None:
    made = client.chat.completions.create(**request)
    calls = made.choices[0].message.tool_calls
    assert calls and calls[0].function.arguments == ARGUMENTS


def theirs_streamed(client: openai.OpenAI, request: dict[str, Any]) -> float:
    """Seconds until the first piece of the call."""
    began, first, text = time.perf_counter(), 0.0, ""
    for event in client.chat.completions.create(
        **request, stream=True, stream_options={"include_usage": True}
    ):
        for call in (event.choices[0].delta.tool_calls or ()) if event.choices else ():
            first = first or time.perf_counter() - began
            text += call.function.arguments or ""
    assert text == ARGUMENTS
    return first


def ours_whole(provider: memgpt.OpenAICompatible, context: memgpt.Context) -> None:
    assert provider.complete(context).tool_calls[0].arguments == ARGUMENTS


def ours_streamed(provider: memgpt.OpenAICompatible, context: memgpt.Context) -> float:
    began, first, text = time.perf_counter(), 0.0, ""

    def on_delta(delta: memgpt.Delta) -> None:
        nonlocal first, text
        first = first or time.perf_counter() - began
        text += delta.text

    reply = provider.complete(context, on_delta)
    assert text == reply.tool_calls[0].arguments == ARGUMENTS
    return first


Call = Callable[[], "float | None"]


def measure(ways: dict[str, Call], rounds: int, calls: int) -> dict[str, tuple[float, float]]:
    """For each way: CPU of a call and time to the first piece, in ms, medians."""
    cpu: dict[str, list[float]] = {way: [] for way in ways}
    first: dict[str, list[float]] = {way: [] for way in ways}
    for way in ways.values():
        way()  # connections, imports
    for _ in range(rounds):
        for name, way in ways.items():
            burnt = time.process_time()
            for _ in range(calls):
                seen = way()
                if seen is not None:
                    first[name].append(seen * 1e3)
            cpu[name].append((time.process_time() - burnt) / calls * 1e3)
    return {
        name: (statistics.median(cpu[name]), statistics.median(first[name] or [0.0]))
        for name in ways
    }


def compare(port: int, messages: list[int], rounds: int, calls: int) -> None:
    print(
        "messages  request KB  streamed  CPU ms/call: ours  openai  ratio  first piece ms: ours"
        "  openai"
    )
    provider = memgpt.OpenAICompatible("gpt-4.1", base_url=f"http://127.0.0.1:{port}/v1")
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
    with tempfile.TemporaryDirectory() as folder, memgpt.open(Path(folder) / "bench.db") as home:
        for length in messages:
            context = context_of(home, length)
            request = context.to_request("gpt-4.1")
            size = len(json.dumps(request)) / 1024
            for streamed in (False, True):
                ours, theirs = (
                    (ours_streamed, theirs_streamed) if streamed else (ours_whole, theirs_whole)
                )
                ways: dict[str, Call] = {
                    "ours": functools.partial(ours, provider, context),
                    "openai": functools.partial(theirs, client, request),
                }
                found = measure(ways, rounds, calls)
                (mine, my_first), (other, other_first) = found["ours"], found["openai"]
                pieces = f"{my_first:.2f}  {other_first:.2f}" if streamed else "-  -"
                print(
                    f"{len(request['messages']):,}  {size:.0f}  {'yes' if streamed else 'no'}  "
                    f"{mine:.3f}  {other:.3f}  {other / mine:.1f}  {pieces}"
                )
    client.close()


def threads_now() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("Threads:", 1)[1].split(None, 1)[0])


async def all_at_once(agents: list[memgpt.Agent]) -> None:
    await asyncio.gather(*(agent.send_async("How are you?") for agent in agents))


def many_agents(port: int, count: int, rounds: int) -> None:
    model = memgpt.OpenAICompatible("gpt-4.1", base_url=f"http://127.0.0.1:{port}/slow/v1")
    with tempfile.TemporaryDirectory() as folder, memgpt.open(Path(folder) / "bench.db") as home:
        agents = [home.create_agent(f"agent {i}", model=model) for i in range(count)]
        before = threads_now()
        asyncio.run(all_at_once(agents))
        threads = threads_now() - before
        wall, burnt = time.perf_counter(), time.process_time()
        for _ in range(rounds):
            asyncio.run(all_at_once(agents))
        wall = (time.perf_counter() - wall) / rounds * 1e3
        burnt = (time.process_time() - burnt) / rounds / count * 1e3
    print(
        f"{count} agents at once, {SLOW_S * 1e3:.0f} ms an answer: all answered in {wall:.0f} ms, "
        f"{burnt:.2f} ms of CPU each, {threads} threads"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=20, help="of each way in a round")
    parser.add_argument("--agents", type=int, default=64)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            compare(port, options.messages, options.rounds, options.calls)
            many_agents(port, options.agents, 5)
        finally:
            server.kill()


if __name__ == "__main__":
    main()
