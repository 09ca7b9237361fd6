"""Core memory: classes of one's own, limits, read-only blocks, edits that fail, reopening."""

from __future__ import annotations

from typing import Any, Optional

import memgpt
import pytest
from memgpt.memory import BaseMemory, ChatMemory, MemoryModule

# The class of the MemGPT documents, as printed there.
PRINTED = '''
from typing import Optional
from memgpt.memory import MemoryModule
from memgpt.memory import BaseMemory
class ChatMemory(BaseMemory):

    def __init__(self, persona: str, human: str, limit: int = 2000):
        self.memory = {
            "persona": MemoryModule(name="persona", value=persona, limit=limit),
            "human": MemoryModule(name="human", value=human, limit=limit),
        }

    def core_memory_append(self, name: str, content: str) -> Optional[str]:
        """
Append to the contents of core memory.

Args:
name (str): Section of the memory to be edited (persona or human).
content (str): Content to write to the memory. All unicode (including emojis) are supported.

Returns:
Optional[str]: None is always returned as this function does not produce a response.
"""
        self.memory[name].value += "\\n" + content
        return None

    def core_memory_replace(self, name: str, old_content: str, new_content: str) -> Optional[str]:
        """
Replace the contents of core memory. To delete memories, use an empty string for new_content.

Args:
name (str): Section of the memory to be edited (persona or human).
old_content (str): String to replace. Must be an exact match.
new_content (str): Content to write to the memory. All unicode (including emojis) are supported.

Returns:
Optional[str]: None is always returned as this function does not produce a response.
"""
        self.memory[name].value = self.memory[name].value.replace(old_content, new_content)
        return None
'''


class PrintedMemory(BaseMemory):
    def __init__(self, persona: str, human: str, limit: int = 2000):
        self.memory = {
            "persona": MemoryModule(name="persona", value=persona, limit=limit),
            "human": MemoryModule(name="human", value=human, limit=limit),
        }

    def core_memory_append(self, name: str, content: str) -> Optional[str]:  # noqa: UP045
        """
        Append to the contents of core memory.

        Args:
            name (str): Section of the memory to be edited (persona or human).
            content (str): Content to write to the memory. All unicode (including emojis) are
                supported.

        Returns:
            Optional[str]: None is always returned as this function does not produce a response.
        """
        self.memory[name].value += "\n" + content
        return None

    def core_memory_replace(self, name: str, old_content: str, new_content: str) -> Optional[str]:  # noqa: UP045
        """
        Replace the contents of core memory. To delete memories, use an empty string for
        new_content.

        Args:
            name (str): Section of the memory to be edited (persona or human).
            old_content (str): String to replace. Must be an exact match.
            new_content (str): Content to write to the memory. All unicode (including emojis) are
                supported.

        Returns:
            Optional[str]: None is always returned as this function does not produce a response.
        """
        self.memory[name].value = self.memory[name].value.replace(old_content, new_content)
        return None


def made_by_exec() -> type[BaseMemory]:
    namespace: dict[str, Any] = {}
    exec(PRINTED, namespace)
    return namespace["ChatMemory"]


class TaskMemory(PrintedMemory):
    """The documents' next step: a section and a tool of one's own."""

    def __init__(self, persona: str, human: str, limit: int = 2000):
        super().__init__(persona, human, limit)
        self.memory["tasks"] = MemoryModule(name="tasks", value="", limit=limit)

    def task_add(self, task: str) -> str:
        """Add a task.

        Args:
            task: what is to be done.
        """
        self.memory["tasks"].value += f"- {task}\n"
        return f"added {task}"


class Sections(BaseMemory):
    """Sections that come, go and are replaced."""

    def __init__(self) -> None:
        self.memory = {
            "notes": MemoryModule("notes", "one"),
            "rules": MemoryModule("rules", "Be kind.", read_only=True),
        }

    def add(self, name: str, text: str) -> None:
        self.memory[name] = MemoryModule(name, text)

    def drop(self, name: str) -> None:
        del self.memory[name]

    def write(self, name: str, text: str) -> None:
        self.memory[name].value = text

    def spoil(self, name: str, text: str) -> None:
        self.memory["notes"].value = "spoiled"
        self.memory[name] = MemoryModule(name, text)
        raise RuntimeError("the disk of the tool is full")

    def look(self) -> None:
        """Change nothing."""


def values(agent: memgpt.Agent) -> dict[str, str]:
    return {label: block.value for label, block in agent.memory.items()}


@pytest.mark.parametrize("printed", [PrintedMemory, made_by_exec()])
def test_the_printed_class_works_as_printed(kit, printed):
    agent = kit.agent(
        [
            kit.call("core_memory_append", name="human", content="Lives in Turin 🏔️."),
            kit.call("core_memory_replace", name="human", old_content="Chad", new_content="Carla"),
            kit.say("noted"),
        ],
        memory=printed(persona="I am Sam.", human="The human's name is Chad."),
    )
    assert agent.send("I am Carla and live in Turin").text == "noted"
    assert agent.memory["human"].value == "The human's name is Carla.\nLives in Turin 🏔️."
    assert agent.memory["persona"].value == "I am Sam."
    tools = {t["function"]["name"]: t["function"] for t in agent.context().to_request()["tools"]}
    append = tools["core_memory_append"]
    assert append["description"] == "Append to the contents of core memory."
    content = append["parameters"]["properties"]["content"]
    assert content["type"] == "string"
    assert content["description"].startswith("Content to write to the memory.")


@pytest.mark.parametrize("printed", [PrintedMemory, made_by_exec()])
def test_the_printed_class_keeps_its_limit_and_says_when_nothing_changed(kit, printed):
    agent = kit.agent(
        [
            kit.call("core_memory_replace", name="human", old_content="Bob", new_content="Al"),
            kit.call("core_memory_append", name="human", content="x" * 30),
            kit.call("core_memory_append", name="animals", content="x"),
            kit.say("done"),
        ],
        memory=printed(persona="I am Sam.", human="Chad", limit=20),
    )
    reply = agent.send("hello")
    returns = [message for message in reply.messages if message.role == "tool"]
    assert returns[0].text == "No memory was changed."
    assert [message.failed for message in returns] == [False, True, True, False]
    assert "20" in returns[1].text and "35" in returns[1].text
    assert "persona" in returns[2].text and "human" in returns[2].text
    assert agent.memory["human"].value == "Chad"


def test_a_subclass_adds_a_section_and_a_tool(kit):
    agent = kit.agent(
        [kit.call("task_add", task="water the fig"), kit.say("on the list")],
        memory=TaskMemory(persona="I am Sam.", human="Chad"),
    )
    assert agent.send("Remind me to water the fig").text == "on the list"
    assert agent.memory["tasks"].value == "- water the fig\n"
    assert "- water the fig" in kit.llm.seen()
    assert "added water the fig" in kit.llm.returned()


def test_module_over_its_limit_unbound():
    with pytest.raises(memgpt.errors.LimitExceeded, match=r"(?s)11.*10"):
        MemoryModule("human", "x" * 11, limit=10)
    module = MemoryModule("human", "x" * 10, limit=10)
    with pytest.raises(memgpt.errors.LimitExceeded, match=r"(?s)12.*10"):
        module.value = "y" * 12
    assert module.value == "x" * 10


def test_module_over_its_limit_bound(kit):
    own = ChatMemory(persona="Sam", human="Chad", limit=10)
    agent = kit.agent(memory=own)
    with pytest.raises(memgpt.errors.LimitExceeded, match=r"(?s)13.*10"):
        own.memory["human"].value = "y" * 13
    with pytest.raises(memgpt.errors.LimitExceeded):
        agent.memory["human"].value = "y" * 11
    assert own.memory["human"].value == agent.memory["human"].value == "Chad"
    own.memory["human"].value = "Carla"
    assert agent.memory["human"].value == "Carla"
    assert agent.steps()[-1].author == "user"


def test_limits_count_characters_not_bytes(kit):
    module = MemoryModule("human", "🏔️é漢" * 2, limit=8)
    assert len(module.value) == 8
    agent = kit.agent(
        [kit.call("core_memory_append", name="human", content="漢" * 5), kit.say("ok")],
        memory=ChatMemory(human="é漢🏔", persona="", limit=9),
    )
    agent.send("hello")
    assert agent.memory["human"].value == "é漢🏔\n" + "漢" * 5
    with pytest.raises(memgpt.errors.LimitExceeded, match="10 characters"):
        agent.memory["human"].value = "漢" * 10


def test_read_only_block_refuses_tools_and_lets_the_user(kit):
    agent = kit.agent(
        [kit.call("write", name="rules", text="Be rude."), kit.say("I may not")],
        memory=Sections(),
    )
    assert agent.send("Be rude from now on").text == "I may not"
    assert "Failed" in kit.llm.returned() and "read-only" in kit.llm.returned()
    assert agent.memory["rules"].value == "Be kind."
    agent.memory["rules"].value = "Be very kind."
    assert agent.memory["rules"].value == "Be very kind."


@pytest.mark.parametrize("tool", ["drop", "add"])
def test_read_only_block_cannot_be_detached_or_replaced_by_a_tool(kit, tool):
    args = {"name": "rules"} | ({"text": "Be rude."} if tool == "add" else {})
    agent = kit.agent([kit.call(tool, **args), kit.say("I may not")], memory=Sections())
    agent.send("Forget your rules")
    assert values(agent)["rules"] == "Be kind."
    assert "read-only" in kit.llm.returned()


def test_unknown_section_is_answered_with_those_that_exist(kit):
    agent = kit.agent([kit.call("core_memory_append", name="pets", content="a cat"), kit.say("ok")])
    agent.send("I have a cat")
    assert "Failed" in kit.llm.returned()
    for label in ("pets", "persona", "human"):
        assert label in kit.llm.returned()
    with pytest.raises(memgpt.errors.BlockNotFound, match="persona, human"):
        agent.memory["pets"]


def test_unchanged_memory_and_none_is_said(kit):
    agent = kit.agent([kit.call("look"), kit.say("ok")], memory=Sections())
    agent.send("look")
    assert "No memory was changed" in kit.llm.returned()


def test_new_key_creates_missing_key_detaches_replaced_module_sets(kit):
    own = Sections()
    agent = kit.agent(
        [
            kit.call("add", name="plans", text="sail"),
            kit.call("add", name="notes", text="two"),
            kit.say("so"),
            kit.call("drop", name="plans"),
            kit.say("gone"),
        ],
        memory=own,
    )
    agent.send("plan")
    assert values(agent) == {"notes": "two", "rules": "Be kind.", "plans": "sail"}
    assert own.memory["plans"].value == "sail" and "sail" in kit.llm.seen()
    agent.send("drop it")
    assert values(agent) == {"notes": "two", "rules": "Be kind."}
    assert set(own.memory) == {"notes", "rules"} and "sail" not in kit.llm.seen()


@pytest.mark.parametrize("name", ["plans", "notes"])
def test_a_failing_method_drops_its_own_part(kit, name):
    own = Sections()
    agent = kit.agent([kit.call("spoil", name=name, text="x"), kit.say("sorry")], memory=own)
    before = values(agent)
    assert agent.send("spoil it").text == "sorry"
    assert "RuntimeError: the disk of the tool is full" in kit.llm.returned()
    assert values(agent) == before
    assert {label: module.value for label, module in own.memory.items()} == before


def test_one_object_for_two_agents_is_an_error(kit):
    own = ChatMemory()
    kit.agent(memory=own)
    with pytest.raises(memgpt.errors.ConfigError, match="another agent"):
        kit.agent(name="second", memory=own)
    assert kit.home.agents() == ["sam"]


def reopen(home: memgpt.Home) -> memgpt.Home:
    path = home.path
    home.close()
    return memgpt.open(path, durability="process")


def test_a_custom_class_is_unbound_until_it_is_given(kit):
    agent = kit.agent(
        [kit.call("task_add", task="sow"), kit.say("ok")], memory=TaskMemory("I am Sam.", "Chad")
    )
    agent.send("sow")
    TaskMemory.__init__, init = None, TaskMemory.__init__  # type: ignore[assignment]
    try:
        with reopen(kit.home) as home:
            agent = home.agent("sam", model=kit.llm)
            assert any("memory=" in line and "TaskMemory" in line for line in agent.unbound)
            offered = {t["function"]["name"] for t in agent.context().to_request()["tools"]}
            assert "task_add" not in offered and "send_message" in offered
            assert agent.memory["tasks"].value == "- sow\n"
            kit.still_answers(agent)

            agent = home.agent("sam", memory=TaskMemory)
            assert agent.unbound == []
            kit.llm.calls, kit.llm.script = 0, [kit.call("task_add", task="reap"), kit.say("ok")]
            agent.send("reap")
            assert agent.memory["tasks"].value == "- sow\n- reap\n"
    finally:
        TaskMemory.__init__ = init  # type: ignore[method-assign]


def test_our_chat_memory_binds_itself(kit):
    kit.agent(memory=ChatMemory(persona="I am Sam.", human="Chad"))
    with reopen(kit.home) as home:
        agent = home.agent("sam", model=kit.llm)
        assert agent.unbound == []
        kit.llm.script = [kit.call("core_memory_append", name="human", content="42"), kit.say("k")]
        agent.send("I am 42")
        assert agent.memory["human"].value == "Chad\n42"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"old_content": "name is Chat", "new_content": "x"}, "The human's name is Chad."),
        ({"old_content": "", "new_content": "x"}, "empty"),
        ({"old_content": "Chad", "new_content": "C" * 80}, "limit of 60"),
        ({"old_content": "Chad", "new_content": "Chad"}, "same"),
    ],
)
def test_a_replacement_that_fails_changes_nothing(kit, args, says):
    memory = ChatMemory(persona="I am Sam.", human="Hello.\nThe human's name is Chad.", limit=60)
    agent = kit.agent(
        [kit.call("core_memory_replace", name="human", **args), kit.say("hm")], memory=memory
    )
    assert agent.send("change it").steps == 2
    assert '"status": "Failed"' in kit.llm.returned() and says in kit.llm.returned()
    assert agent.memory["human"].value == "Hello.\nThe human's name is Chad."


def test_memgpt_agent_gets_the_two_core_memory_tools(kit):
    agent = kit.agent()
    assert agent.tools == [
        "send_message", "conversation_search", "conversation_search_date",
        "archival_memory_insert", "archival_memory_search",
        "core_memory_append", "core_memory_replace",
    ]  # fmt: skip


def test_base_memory_alone_has_no_tools(kit):
    own = BaseMemory()
    own.memory = {"self": MemoryModule("self", "I am.")}
    agent = kit.agent([kit.say("I am")], memory=own)
    assert "I am" in agent.send("who?").text
    assert not [name for name in agent.tools if "memory" in name and "archival" not in name]


def test_blocks_are_added_and_removed_by_the_user(kit):
    agent = kit.agent()
    agent.memory.add("plans", "sail", limit=10, description="What we will do", read_only=True)
    block = agent.memory["plans"]
    assert (block.name, block.label, block.value, block.limit) == ("plans", "plans", "sail", 10)
    assert block.read_only and block.description == "What we will do"
    with pytest.raises(memgpt.errors.AlreadyExists):
        agent.memory.add("plans")
    agent.memory.remove("plans")
    assert "plans" not in agent.memory
    with pytest.raises(memgpt.errors.BlockNotFound):
        agent.memory.remove("plans")
    kit.still_answers(agent)
