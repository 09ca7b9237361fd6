"""Real IPython kernels, as Jupyter starts them, and the cell that the tests begin with."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

TIMEOUT = 120


class Output:
    """What a cell gave."""

    def __init__(self) -> None:
        self.text = ""
        self.html = ""
        self.error = ""


class Kernel:
    """A real IPython kernel, as Jupyter starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kernel = KernelManager(kernel_name="python3")
        self.kernel.start_kernel(env=kernel_environment(folder), cwd=str(folder))
        self.client: Any = self.kernel.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)

    def stop(self) -> None:
        self.client.stop_channels()
        self.kernel.shutdown_kernel(now=True)

    def start(self, code: str) -> str:
        return self.client.execute(code)

    def finish(self, cell: str) -> Output:
        """Wait for the end of a cell."""
        output = Output()
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") != cell:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                output.text += content["text"]
            elif message["msg_type"] in ("execute_result", "display_data"):
                output.text += content["data"]["text/plain"]
                output.html += content["data"].get("text/html", "")
            elif message["msg_type"] == "error":
                output.error = content["ename"]
                output.text += "\n".join(content["traceback"])
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return output

    def run(self, code: str) -> Output:
        """Run a cell that works."""
        output = self.finish(self.start(code))
        assert not output.error, output.text
        return output

    def interrupted(self, code: str, delay: float = 0) -> Output:
        """Run a cell and press the stop button after it has made the file "running"."""
        running = self.folder / "running"
        running.unlink(missing_ok=True)
        cell = self.start(code)
        end = time.monotonic() + TIMEOUT
        while not running.exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(delay)
        self.kernel.interrupt_kernel()
        output = self.finish(cell)
        # IPython fails over the traceback of one that came between two lines; it shows both errors.
        shown = output.error == "AssertionError" and "KeyboardInterrupt" in output.text
        assert output.error == "KeyboardInterrupt" or shown, output.text
        return output


def kernel_environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "TMPDIR": str(folder)}


BEGIN = """
import asyncio, pathlib, time
import memgpt
from memgpt.memory import ChatMemory, MemoryModule
from memgpt.testing import ScriptedLLM
home = memgpt.open("agents.db", durability="process")

def say(text):
    return {"tool": "send_message", "args": {"message": text}}

def running():
    pathlib.Path("running").touch()

def check(agent, sent):
    'Nothing of the log is lost, the next message is answered, and every call has its return.'
    before = agent.recall.messages(0, 100_000)
    assert [m.text for m in before if m.role == "user"] == sent
    assert "cannot be shown" not in agent._repr_html_()
    assert agent.send("Are you there?").text
    log = agent.recall.messages(0, 100_000)
    assert [m.id for m in log[: len(before)]] == [m.id for m in before]
    assert [m.position for m in log] == list(range(len(log)))
    for at, message in enumerate(log):
        ids = [call.id for call in message.tool_calls]
        assert [m.tool_call_id for m in log[at + 1 : at + 1 + len(ids)]] == ids
    calls = sum(len(m.tool_calls) for m in log)
    assert calls == sum(m.role == "tool" for m in log)
    assert agent.context().tokens <= agent.context().budget.limit
"""
