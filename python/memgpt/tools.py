"""Tools: functions that the model may call."""

from __future__ import annotations

import inspect
import json
import sys
import types
from collections.abc import Callable
from typing import Any, overload

from memgpt import _core
from memgpt._calls import settled
from memgpt._schema import fingerprint, function_schema
from memgpt._text import clean_text, error_text, message_of
from memgpt.errors import Error, ToolError

__all__ = ["Tool", "tool"]


class Tool:
    """A tool written as a class: subclass it and define a typed ``run``.

    Attributes:
        name: what the model calls; by default the class's name.
        description: by default ``run``'s docstring, or the class's.
        effects: ``"outside"`` (the default): a call is recorded durably before it runs and is
            never repeated by the kernel. ``"none"``: the call changes nothing outside of the agent.
        idempotent: a call with outside effects that was broken off, by a crash for example, may be
            run again: the next message begins with that, in place of a result that says that
            nobody knows what became of it. ``run`` may take a parameter named ``idempotency_key``:
            a text that is the same each time one call is run, for the service behind it.

    ``run`` may be an ``async def``: it is awaited on the loop that called ``send_async``, and after
    a plain ``send`` on a loop of the kernel's own; a thread of it that uses the agent is started
    with ``asyncio.to_thread``. It may take a parameter named ``agent``: it gets the agent, and the
    model does not see it. What it returns goes back to the model: text as it is, anything else as
    JSON. An exception goes back as a failed result, and the model gets another step.
    """

    name: str = ""
    description: str = ""
    effects: str = "outside"
    idempotent: bool = False

    def run(self, *args: Any, **kwargs: Any) -> Any:
        raise ToolError(f'tool "{self.name or type(self).__name__}" defines no run()')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)


class FunctionTool(Tool):
    """What ``@memgpt.tool`` makes of a function; it can still be called like one."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        effects: str = "outside",
        idempotent: bool = False,
    ) -> None:
        self.name = name or function.__name__
        self.effects = effects
        self.idempotent = idempotent
        self.run = function
        self.__doc__ = function.__doc__
        self.__wrapped__ = function


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *, name: str | None = None, effects: str = "outside", idempotent: bool = False
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    effects: str = "outside",
    idempotent: bool = False,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a typed function.

    Args:
        function: its signature and annotations give the schema, its Google-style docstring the
            descriptions.
        name: what the model calls; by default the function's name.
        effects: ``"outside"`` or ``"none"``, see :class:`Tool`.
        idempotent: a call that was broken off may be run again, see :class:`Tool`.

    A tool that is defined again in a notebook replaces the old one from the next message on.

    Raises:
        ToolError: where the signature cannot be turned into a schema.
    """
    if function is None:
        return lambda wrapped: FunctionTool(wrapped, name, effects, idempotent)
    return FunctionTool(function, name, effects, idempotent)


def result_text(value: Any) -> str:
    """What the model reads of a tool's return value.

    Raises:
        ToolError: where the value is neither text nor something that JSON can hold.
    """
    if value is None:
        return "OK, nothing returned"
    if isinstance(value, str):
        return clean_text(value)
    try:
        return clean_text(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError) as error:
        raise ToolError(
            f"the tool returned a {type(value).__name__}, which cannot be turned into text "
            f"({error}); return a str, or something that json.dumps takes"
        ) from error


def failure_text(error: Exception) -> str:
    """What the model reads of an exception."""
    return message_of(error) if isinstance(error, Error) else error_text(error)


def guarded(
    call: Callable[[dict[str, Any], str], Any],
) -> Callable[[dict[str, Any], str], tuple[bool, str]]:
    """The form in which the core calls a tool: (failed, text) of arguments and idempotency key;
    only Ctrl-C and exit pass."""

    def run(arguments: dict[str, Any], key: str) -> tuple[bool, str]:
        try:
            return False, result_text(call(arguments, key))
        except Exception as error:
            return True, failure_text(error)

    return run


def as_tool(value: Any) -> Tool:
    """A Tool from a Tool, a Tool class or a plain function.

    Raises:
        ToolError: for anything else.
    """
    if isinstance(value, Tool):
        return value
    if inspect.isclass(value) and issubclass(value, Tool):
        return value()
    if callable(value) and hasattr(value, "__name__"):
        return FunctionTool(value, None)
    raise ToolError(
        f"{value!r} is no tool; give a function, what @memgpt.tool made of one, or a memgpt.Tool"
    )


def to_core(value: Any, get_agent: Callable[[], Any]) -> _core.PythonTool:
    """The core's view of a tool; ``get_agent`` is asked at each call."""
    own = as_tool(value)
    if own.effects not in ("none", "outside"):
        raise ToolError(f'effects must be "none" or "outside", not {own.effects!r}')
    if own.idempotent and own.effects == "none":
        raise ToolError('idempotent=True is for tools with effects="outside": no other is recorded')
    run = own.run
    kernels = ("agent", "idempotency_key") if own.idempotent else ("agent",)
    filled = [name for name in kernels if name in inspect.signature(run).parameters]
    description, parameters = function_schema(run, filled)

    def for_agent(
        get_agent: Callable[[], Any],
    ) -> Callable[[dict[str, Any], str], tuple[bool, str]]:
        def call(arguments: dict[str, Any], key: str) -> Any:
            if "agent" in filled:
                arguments = {**arguments, "agent": get_agent()}
            if "idempotency_key" in filled:
                arguments = {**arguments, "idempotency_key": key}
            return settled(run(**arguments))

        made = guarded(call)
        vars(made)["given"] = value  # for redefined()
        vars(made)["for_agent"] = for_agent  # for forks
        if "agent" in filled:
            vars(made)["for_one_agent"] = True
        return made

    return _core.PythonTool(
        name=own.name or type(own).__name__,
        description=own.description or description or inspect.cleandoc(own.__doc__ or ""),
        parameters=json.dumps(parameters),
        outside=own.effects == "outside",
        idempotent=bool(own.idempotent),
        memory=False,
        fingerprint=fingerprint(run),
        callable=for_agent(get_agent),
    )


def _codes(value: Any) -> list[types.CodeType]:
    """The code of a function, or of a class's own methods."""
    members = vars(value).values() if inspect.isclass(value) else [value]
    functions = filter(inspect.isfunction, map(inspect.unwrap, filter(callable, members)))
    return [function.__code__ for function in functions]


def _kind(value: Any) -> str:
    """What a tool was given as. A Tool that is an object is left alone: it has a state."""
    if isinstance(value, FunctionTool):
        return "decorated" if inspect.isfunction(value.run) else ""
    if inspect.isclass(value):
        return "class" if issubclass(value, Tool) else ""
    return "function" if inspect.isfunction(value) else ""


def _source(value: Any) -> Any:
    return value.run if isinstance(value, FunctionTool) else value


def _tool_name(value: Any) -> str:
    return (value.name if _kind(value) != "function" else "") or value.__name__


def redefined(core: _core.CoreTool) -> Any:
    """What has taken a tool's place where a notebook's cell was run again; else None.

    Only an interactive ``__main__`` is looked at: in a program a name that is used twice may mean
    two tools. Code that is the same object was not written again, but made twice by one piece of
    source, in a loop for example. A plain function never replaces what ``@memgpt.tool`` made: it
    may be a helper that happens to have the same name.
    """
    main = sys.modules["__main__"]
    given = getattr(core.callable, "given", None) if isinstance(core, _core.PythonTool) else None
    kind = _kind(given)
    if not kind or hasattr(main, "__file__"):
        return None
    old = _source(given)
    value = vars(main).get(getattr(old, "__qualname__", ""))
    if _kind(value) not in ((kind, "decorated") if kind == "function" else (kind,)):
        return None
    new = _source(value)
    if old.__module__ != "__main__" or new.__qualname__ != old.__qualname__:
        return None
    codes = _codes(old)
    again = any(not any(code is other for other in codes) for code in _codes(new))
    return value if again and _tool_name(value) == core.name else None


def renewed(core: _core.CoreTool, get_agent: Callable[[], Any]) -> _core.PythonTool | None:
    """The tool that has taken a tool's place, see :func:`redefined`.

    Raises:
        ToolError: where what was defined again cannot be a tool.
    """
    value = redefined(core)
    if value is None:
        return None
    try:
        return to_core(value, get_agent)
    except Exception as error:
        raise ToolError(
            f'"{core.name}" was defined again and is no tool any more: {failure_text(error)}. If '
            "it is something else now, define it under another name and the tool again, or take "
            f'the tool away: agent.remove_tool("{core.name}")'
        ) from error
