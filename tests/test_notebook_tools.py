"""Tools in notebooks, whose cells are run again in whatever order."""

from __future__ import annotations

import re

from tests.notebook_kernel import BEGIN, Kernel


def test_cells_can_be_run_again(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    cell = (
        "home = memgpt.open('agents.db', durability='process')\n"
        "def answer(context):\n"
        "    if context.to_request()['messages'][-1]['role'] == 'tool':\n"
        "        return say('done')\n"
        "    return {'tool': 'lucky', 'args': {}, 'heartbeat': True}\n"
        "agent = home.create_agent('sam', model=ScriptedLLM(answer), tools=[lucky],\n"
        "                          exist_ok=True)\n"
        "homes.append(home)\n"
        "agent.send('hi').messages[1].text\n"
    )
    tool = "{mark}def lucky({arguments}) -> str:\n    'Says a number.'\n    return {result!r}\n"
    decorated = {"mark": "@memgpt.tool(effects='none')\n", "arguments": ""}
    kernel.run("homes = []\n" + tool.format(**decorated, result="one"))
    assert "'one'" in kernel.run(cell).text
    assert "'one'" in kernel.run(cell).text
    kernel.run("assert homes[0] is homes[1] and home.agents() == ['sam']")
    # The tool's cell alone: what it says now counts from the next message on.
    kernel.run(tool.format(**decorated, result="two"))
    assert "'two'" in kernel.run("agent.send('hi').messages[1].text").text
    sided = {"mark": "@memgpt.tool\n", "arguments": "side: str = 'left'"}
    kernel.run(tool.format(**sided, result="three"))
    assert "'three'" in kernel.run("agent.send('hi').messages[1].text").text
    # A coroutine, from a plain call inside of the running loop and from one that is awaited.
    awaited = {"mark": "@memgpt.tool\nasync ", "arguments": "side: str = 'left'"}
    kernel.run(tool.format(**awaited, result="four"))
    assert "'four'" in kernel.run("agent.send('hi').messages[1].text").text
    kernel.run(tool.format(**awaited, result="five"))
    assert "'five'" in kernel.run("(await agent.send_async('hi')).messages[1].text").text
    kernel.run(
        "schema = [t for t in agent.config['tools'] if t['name'] == 'lucky'][0]\n"
        "assert 'side' in schema['parameters'] and agent.tools.count('lucky') == 1\n"
        "steps = len(agent.steps())\n"
        "agent.send('hi')\n"
        "assert [s.kind for s in agent.steps()[steps:]].count('config') == 0\n"
        "agent.remove_tool('lucky')\n"
    )
    kernel.run(tool.format(mark="", arguments="", result="six"))
    kernel.run("agent.send('hi')\nassert 'lucky' not in agent.tools")


TOOLED = """
def answer(context):
    if context.to_request()["messages"][-1]["role"] == "tool":
        return say("done")
    return {"tool": "lucky", "args": {}, "heartbeat": True}

def heard(agent):
    [returned] = [m for m in agent.send("hi").messages if m.name == "lucky"]
    return returned.text
"""
LUCKY = "def lucky({}) -> str:\n    return {!r}\n"


def test_a_helper_does_not_take_the_place_of_a_decorated_tool(kernel: Kernel) -> None:
    kernel.run(BEGIN + TOOLED + "@memgpt.tool\n" + LUCKY.format("", "one"))
    kernel.run("agent = home.create_agent('sam', model=ScriptedLLM(answer), tools=[lucky])")
    for helper in (LUCKY.format("", "helper"), LUCKY.format("*args", "helper"), "lucky = 7",
                   "@memgpt.tool(name='other')\n" + LUCKY.format("", "other")):  # fmt: skip
        assert "'one'" in kernel.run(helper + "\nheard(agent)").text
    kernel.run("@memgpt.tool(effects='none')\n" + LUCKY.format("", "two"))
    assert "'two'" in kernel.run("heard(agent)").text
    kernel.run(
        "[schema] = [t for t in agent.config['tools'] if t['name'] == 'lucky']\n"
        "assert schema['effects'] == 'none', schema\n"
    )


def test_a_function_that_is_no_tool_any_more_is_named(kernel: Kernel) -> None:
    kernel.run(BEGIN + TOOLED + LUCKY.format("", "one"))
    kernel.run("agent = home.create_agent('sam', model=ScriptedLLM(answer), tools=[lucky])")
    assert "'two'" in kernel.run(LUCKY.format("", "two") + "\nheard(agent)").text
    for _ in range(2):
        output = kernel.finish(kernel.start(LUCKY.format("*args", "x") + "\nheard(agent)"))
        assert output.error == "ToolError"
        for part in ('"lucky" was defined again and is no tool any more', '"*args"',
                     'agent.remove_tool("lucky")'):  # fmt: skip
            assert part in re.sub(r"\x1b\[[\d;]*m", "", output.text), output.text
    assert "'three'" in kernel.run(LUCKY.format("", "three") + "\nheard(agent)").text
    kernel.run(LUCKY.format("*args", "x") + "agent.remove_tool('lucky')")
    kernel.run("agent.send('hi')\nassert 'lucky' not in agent.tools")
    kernel.run("@memgpt.tool\n" + LUCKY.format("", "four"))
    assert "'four'" in kernel.run("agent.add_tool(lucky)\nheard(agent)").text


def test_a_tool_class_that_is_defined_again(kernel: Kernel) -> None:
    cell = (
        "class Lucky(memgpt.Tool):\n    name = 'lucky'\n    made = 0\n"
        "    def __init__(self{}):\n        Lucky.made += 1\n"
        "    def run(self) -> str:\n        return {!r}\n"
    )
    kernel.run(BEGIN + TOOLED + cell.format("", "one"))
    kernel.run(
        "one = home.create_agent('one', model=ScriptedLLM(answer), tools=[Lucky])\n"
        "two = home.create_agent('two', model=ScriptedLLM(answer))\n"
        "two.add_tool(Lucky())\n"
    )
    assert "'one', 'one'" in kernel.run("heard(one), heard(two)").text
    kernel.run(cell.format("", "two"))
    assert "'two', 'one', 'two', 1" in kernel.run(
        "heard(one), heard(two), heard(one), Lucky.made"
    ).text  # fmt: skip
    output = kernel.finish(kernel.start(cell.format(", sides", "three") + "heard(one)"))
    assert output.error == "ToolError" and "sides" in output.text
    assert "'four'" in kernel.run(cell.format("", "four") + "heard(one)").text


def test_a_tool_made_in_a_loop_is_not_taken_for_one_that_was_redefined(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    kernel.run(
        "agents = []\n"
        "for number in range(2):\n"
        "    def lucky(text: str = str(number)) -> str:\n"
        "        return text\n"
        "    script = [{'tool': 'lucky', 'args': {}, 'heartbeat': True}, say('done')]\n"
        "    agents.append(home.create_agent(f'sam{number}', model=ScriptedLLM(script),\n"
        "                                    tools=[lucky]))\n"
        "texts = [agent.send('hi').messages[1].text for agent in agents]\n"
        "assert texts == ['0', '1'], texts\n"
    )
