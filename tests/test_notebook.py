"""Notebooks: the shipped one is executed, and real kernels are interrupted and restarted."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebook_kernel import BEGIN, TIMEOUT, Kernel, Output, kernel_environment

QUICKSTART = Path(__file__).parent.parent / "notebooks" / "quickstart.ipynb"


ARCHIVAL_STORE = QUICKSTART.parent / "archival_store.ipynb"
MEMORY_POLICY = QUICKSTART.parent / "memory_policy.ipynb"


def executed(cells: list[Any], folder: Path) -> Any:
    notebook = nbformat.read(QUICKSTART, as_version=4)
    notebook.cells = cells
    client = NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3")
    return client.execute(env=kernel_environment(folder), cwd=str(folder))


def quickstart_cells() -> list[Any]:
    return nbformat.read(QUICKSTART, as_version=4).cells


def test_the_quickstart_runs(tmp_path: Path) -> None:
    done = executed(quickstart_cells(), tmp_path)
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    html = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    text = "".join(output.get("text", "") for output in outputs)
    for part in ("sam", "messages went into the summary", "the boiler code is 4417", "Unbound"):
        assert part in html, part
    assert 'home.agent("sam", tools=[roll_dice])' in unescape(html)
    assert "the boiler code is 4417" in text and "I moved to Turin" in text


def test_every_cell_of_the_quickstart_can_be_run_again(tmp_path: Path) -> None:
    code = [cell for cell in quickstart_cells() if cell.cell_type == "code"]
    again = [cell for cell in code for _ in range(2)]
    executed([nbformat.from_dict(dict(cell, id=f"c{i}")) for i, cell in enumerate(again + code)],
             tmp_path)  # fmt: skip


def test_the_policy_of_the_notebook_beats_the_sliding_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On seeds that it was not written with, by the figures that the notebook prints."""
    monkeypatch.delenv("MEMGPT_DATA", raising=False)
    done = executed(nbformat.read(MEMORY_POLICY, as_version=4).cells, tmp_path)
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in outputs)
    table = text.split("evidence in window, by tokens")[1].split("\n\n")[0].splitlines()
    shares = {line[:20].strip(): [float(cell) for cell in line[20:].split()] for line in table[2:]}
    own, sliding, best = shares["Telling"], shares["FIFO (SlidingWindow)"], shares["oracle"]
    assert len(own) == 4 and best == [1.0] * 4
    assert all(one > other for one, other in zip(own, sliding, strict=True)), shares
    lows = [float(low) for low in re.findall(r"over SlidingWindow, 95 % in (\S+) to", text)]
    assert len(lows) == 4 and min(lows) > 0, lows
    counts = re.findall(r"(\w+) - (\d+) of \d+ facts stand in the window", text)
    assert [name for name, _ in counts] == ["SlidingWindow", "Telling"]
    assert int(counts[1][1]) > int(counts[0][1])
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert "MEMGPT_DATA is not set" in text


def test_the_notebook_about_stores_runs(tmp_path: Path) -> None:
    done = executed(nbformat.read(ARCHIVAL_STORE, as_version=4).cells, tmp_path)
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in outputs)
    for part in (
        "class FlatFile(ArchivalStore):",
        "the same hits: True",
        "words alone are searched until it is to be had",
        "ArchivalStoreError from ConnectionError('nobody answers')",
        "4 rows in the store",
        "['The boiler code is ****.']",
    ):
        assert part in text, (part, text)


def test_notebooks_are_committed_without_outputs() -> None:
    for path in QUICKSTART.parent.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs") and not cell.get("execution_count"), path


def test_calls_work_inside_the_running_event_loop(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    output = kernel.run(
        "asyncio.get_running_loop()\n"
        "def shout(text: str) -> str:\n"
        "    'Shouts.'\n"
        "    asyncio.get_running_loop()\n"
        "    return text.upper()\n"
        "script = [{'tool': 'shout', 'args': {'text': 'a'}, 'heartbeat': True}, say('done')]\n"
        "agent = home.create_agent('sam', model=ScriptedLLM(script), tools=[shout])\n"
        "response = agent.send('hi')\n"
        "assert response.messages[1].text == 'A'\n"
        "other = home.create_agent('pat', model='offline')\n"
        "async def talk():\n"
        "    agent.memory.add('notes', 'x')\n"
        "    agent.archival.insert('a passage')\n"
        "    assert agent.archival.search('passage') and agent.recall.search('hi')\n"
        "    return other.send('My name is Chad.').text\n"
        "print(await talk())\n"
        "response"
    )
    assert "Chad" in output.text and "<div" in output.html and "shout(text='a')" in output.text


def test_calls_work_inside_asyncio_run(kit: Any) -> None:
    assert "Chad" in kit.run(
        "import asyncio, memgpt\n"
        "async def talk():\n"
        "    agent = memgpt.open(':memory:').create_agent('sam')\n"
        "    return agent.send('My name is Chad.').text, agent.context().tokens\n"
        "print(asyncio.run(talk()))\n"
    )


def test_interrupting_leaves_the_agent_as_it_was_or_a_whole_step_further(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    kernel.run(
        "def slow(seconds: int) -> str:\n"
        "    'Waits.'\n"
        "    running()\n"
        "    time.sleep(seconds)\n"
        "    return 'waited'\n"
        "script = [{'tool': 'slow', 'args': {'seconds': 60}, 'heartbeat': True}, say('here')]\n"
        "tooled = home.create_agent('tooled', model=ScriptedLLM(script), tools=[slow])\n"
        "class Slow(memgpt.LLMProvider):\n"
        "    wait = True\n"
        "    def complete(self, context):\n"
        "        if self.wait:\n"
        "            running()\n"
        "            time.sleep(60)\n"
        "        return memgpt.Reply(tool_calls=[memgpt.ToolCall('send_message',\n"
        '                                        \'{"message": "here"}\')])\n'
        "slow_model = Slow()\n"
        "waiting = home.create_agent('waiting', model=slow_model)\n"
        "offline = home.create_agent('offline', context_window=4096)\n"
        "sent = []\n"
    )
    kernel.interrupted("tooled.send('wait')")
    kernel.run(
        "check(tooled, ['wait'])\n"
        "returned = [m for m in tooled.recall.messages() if m.name == 'slow']\n"
        "assert returned[0].failed and 'nterrupt' in returned[0].text, returned[0].text\n"
    )
    kernel.interrupted("waiting.send('think')")
    kernel.run("slow_model.wait = False\ncheck(waiting, ['think'])\n")
    loop = (
        "for i in range(1_000_000):\n"
        "    sent.append(f'My name is Chad number {i}. I like tea. ' * 5)\n"
        "    response = offline.send(sent[-1])\n"
        "    if i == 3:\n"
        "        running()\n"
    )
    for delay in (0.0, 0.013, 0.05, 0.1):
        kernel.interrupted(loop, delay)
        kernel.run(
            "kept = [m.text for m in offline.recall.messages(0, 100_000) if m.role == 'user']\n"
            "assert kept in (sent, sent[:-1])\n"
            "check(offline, kept)\n"
            "sent = [*kept, 'Are you there?']\n"
        )


CODE = """
@memgpt.tool
def roll_dice() -> int:
    "Roll a die."
    return 4

class TaskMemory(ChatMemory):
    def __init__(self):
        super().__init__()
        self.memory["tasks"] = MemoryModule("tasks", "")

    def task_add(self, task: str) -> None:
        "Put a task on the list."
        self.memory["tasks"].value += task
"""


def line_of(output: Output) -> str:
    """The line that a card tells to type."""
    found = re.search(r">(home\.agent\(.*?\))<", output.html)
    assert found, output.html
    return unescape(found[1])


def test_after_a_restart_the_card_says_how_to_bind(kernel: Kernel) -> None:
    kernel.run(BEGIN + CODE)
    kernel.run(
        "home.create_agent('sam', memory=TaskMemory, tools=[roll_dice]).send('I am Chad.')\n"
        "home.create_agent('pat', model=ScriptedLLM([say('hi')])).send('hello')"
    )
    kernel.kernel.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=TIMEOUT)
    kernel.run(BEGIN)
    shown = kernel.run("agent = home.agent('sam')\nagent")
    assert "Unbound" in shown.html and "unbound: memory=__main__.TaskMemory" in shown.text
    line = line_of(shown)
    assert line == 'home.agent("sam", memory=TaskMemory, tools=[roll_dice])'
    assert "I am Chad." in shown.html
    kernel.run("assert agent.send('Still here?').text")  # the unbound tools are not offered
    after = kernel.run(f"{CODE}\n{line}\nassert agent.unbound == []\nagent")
    assert "Unbound" not in after.html
    kernel.run("assert agent.send('And now?').text")

    shown = kernel.run("pat = home.agent('pat')\npat")
    assert line_of(shown) == 'home.agent("pat", model=...)'
    assert "was &quot;scripted&quot;" in shown.html
    kernel.run(
        "try:\n    pat.send('hi')\n    raise AssertionError\n"
        "except memgpt.errors.Unbound as error:\n    assert 'model=...' in str(error)\n"
        "home.agent('pat', model=ScriptedLLM([say('hi again')]))\n"
        "assert pat.unbound == [] and pat.send('hi').text == 'hi again'"
    )
