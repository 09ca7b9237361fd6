"""``memgpt benchmark``: can this model drive MemGPT?"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import memgpt
from memgpt._text import message_of
from memgpt.cli import ModelFlags
from memgpt.cli._tasks import TASKS, Task

__all__ = ["BenchmarkOptions", "Outcome", "benchmark", "verdict"]

_NO_CALL = "(no call)"
# Where one of these comes, so it will each time.
_HOPELESS = (
    memgpt.AuthenticationFailed,
    memgpt.MissingKey,
    memgpt.ProviderUnreachable,
    memgpt.ConfigError,
)
_PATIENCE = 2  # tries without any reply, after which the model is not asked again


@dataclass(frozen=True)
class BenchmarkOptions(ModelFlags):
    """The flags of ``memgpt benchmark``."""

    n_tries: int = 1
    json: bool = False


@dataclass
class Outcome:
    """What came of one try of one task.

    Attributes:
        task: its name.
        calls: tool and ``"valid"``, ``"repaired"`` or ``"failed"`` of each model call.
        repairs: what was mended, by kind.
        done: the wanted tool was called, and not in vain.
        error: what came out of ``send()``, if anything did.
        seconds: of the whole try.
    """

    task: str
    calls: list[tuple[str, str]] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    done: bool = False
    error: str = ""
    seconds: float = 0.0


def _calls(agent: memgpt.Agent, messages: Iterable[memgpt.Message]) -> Iterator[tuple[Any, ...]]:
    """Tool, verdict and repairs of each model call of a turn."""
    messages = list(messages)
    returns = {m.tool_call_id: m for m in messages if m.role == "tool"}
    replies = [m for m in messages if m.role == "assistant"]
    steps = [step for step in agent.steps() if step.digest][-len(replies) :]
    for reply, step in zip(replies, steps, strict=False):
        repairs = [repair.kind for repair in getattr(step, "repairs", ())]
        if not reply.tool_calls:
            yield _NO_CALL, "failed", repairs
            continue
        call = reply.tool_calls[0]
        answer = returns.get(call.id)
        failed = answer is None or answer.failed
        yield call.name, "failed" if failed else "repaired" if repairs else "valid", repairs


def _try(home: memgpt.Home, name: str, task: Task, model: Any, window: int | None) -> Outcome:
    agent = home.create_agent(name, model=model, context_window=window, max_steps=4)
    task.prepare(agent)
    outcome = Outcome(task.name)
    before = len(agent.recall)
    began = time.perf_counter()
    spoken = ""
    try:
        spoken = agent.send(task.message).text.lower()
    except _HOPELESS:
        raise
    except memgpt.Error as error:
        outcome.error = " ".join(message_of(error).split())
    outcome.seconds = time.perf_counter() - began
    for tool, result, repairs in _calls(agent, agent.recall.messages(before, 1000)):
        outcome.calls.append((tool, result))
        outcome.repairs += repairs
    called = any(tool in task.wanted and result != "failed" for tool, result in outcome.calls)
    said = not task.said or any(word in spoken for word in task.said)
    outcome.done = called and said and not outcome.error
    return outcome


def verdict(outcomes: Iterable[Outcome]) -> tuple[str, str]:
    """``"can"``, ``"needs repairs"`` or ``"cannot"``, and a sentence that says so; ``"unknown"``
    where the model was never heard."""
    outcomes = list(outcomes)
    results = Counter(result for outcome in outcomes for _, result in outcome.calls)
    if not results:
        return "unknown", "has answered nothing: whether it can drive MemGPT is not known."
    calls = results.total() + sum(bool(outcome.error) for outcome in outcomes)
    done = sum(outcome.done for outcome in outcomes)
    figures = (
        f"{results['valid']} of {calls} calls were valid, {results['repaired']} repaired; "
        f"{done} of {len(outcomes)} tasks done"
    )
    share = (results["valid"] + results["repaired"]) / max(1, calls)
    if share >= 0.9 and results["repaired"] <= 0.1 * calls and done >= 0.75 * len(outcomes):
        return "can", f"can drive MemGPT: {figures}."
    if share >= 0.7 and done >= 0.5 * len(outcomes):
        return "needs repairs", f"can drive MemGPT, but needs repairs: {figures}."
    return "cannot", f"cannot drive MemGPT: {figures}."


def _rows(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Per tool: calls that were valid, repaired, failed, and seconds of one."""
    tools: dict[str, Counter[str]] = {}
    seconds: dict[str, float] = {}
    for outcome in outcomes:
        for tool, result in outcome.calls:
            tools.setdefault(tool, Counter())[result] += 1
            seconds[tool] = seconds.get(tool, 0.0) + outcome.seconds / len(outcome.calls)
    return [
        {
            "tool": tool,
            **{result: counts[result] for result in ("valid", "repaired", "failed")},
            "seconds_per_call": round(seconds[tool] / counts.total(), 3),
        }
        for tool, counts in sorted(tools.items())
    ]


def _print_json(model: str, outcomes: list[Outcome], interrupted: bool) -> None:
    word, sentence = verdict(outcomes)
    report = {
        "model": model,
        "verdict": word,
        "interrupted": interrupted,
        "sentence": f"{model} {sentence}",
        "tools": _rows(outcomes),
        "repairs": Counter(kind for outcome in outcomes for kind in outcome.repairs),
        "errors": Counter(outcome.error for outcome in outcomes if outcome.error),
        "tasks": [asdict(outcome) for outcome in outcomes],
    }
    print(json.dumps(report, indent=2, ensure_ascii=False))


def _print_table(model: str, outcomes: list[Outcome], interrupted: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("tool", title=f"memgpt benchmark, {escape(model)}")
    for heading in ("valid", "repaired", "failed", "s/call"):
        table.add_column(heading, justify="right")
    for row in _rows(outcomes):
        figures = [str(row[name]) for name in ("valid", "repaired", "failed")]
        table.add_row(escape(row["tool"][:40]), *figures, f"{row['seconds_per_call']:.2f}")
    console = Console(highlight=False)
    console.print(table)
    missed = Counter(outcome.task for outcome in outcomes if not outcome.done)
    lines = [f"not done: {', '.join(missed)}"] if missed else []
    repairs = Counter(kind for outcome in outcomes for kind in outcome.repairs)
    if repairs:
        lines.append(f"repaired: {', '.join(f'{n} x {kind}' for kind, n in repairs.most_common())}")
    errors = Counter(outcome.error for outcome in outcomes if outcome.error)
    lines += [f"error, {count} x: {text}" for text, count in errors.most_common(5)]
    if interrupted and verdict(outcomes)[0] != "unknown":
        lines.append(f"broken off in task {len(outcomes) + 1}; so far:")
    for line in [*lines, f"{model} {verdict(outcomes)[1]}"]:
        console.print(line, markup=False, soft_wrap=True)


def _play(options: BenchmarkOptions, model: Any, outcomes: list[Outcome]) -> None:
    """Every task, so often as was asked for.

    Raises:
        memgpt.Error: where the model cannot be asked.
    """
    shown = sys.stderr.isatty()
    try:
        with memgpt.open(":memory:") as home:
            for turn, task in itertools.product(range(options.n_tries), TASKS):
                if shown:
                    print(f"\r\033[K{task.name} ...", end="", file=sys.stderr, flush=True)
                name = f"{task.name} {turn + 1}".replace(" ", "-")
                outcomes.append(_try(home, name, task, model, options.context_window))
                if len(outcomes) >= _PATIENCE and not any(tried.calls for tried in outcomes):
                    raise memgpt.ProviderError(outcomes[-1].error)
    finally:
        if shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def benchmark(options: BenchmarkOptions) -> int:
    """``memgpt benchmark``.

    Returns:
        The exit code: 0 where the model can drive MemGPT, with repairs or without, 1 where it
        cannot, 2 where it could not be asked, 130 after Ctrl-C.
    """
    from memgpt.cli.run import default_model, given_model

    outcomes: list[Outcome] = []
    try:
        if options.n_tries < 1:
            raise memgpt.ConfigError("--n-tries is at least 1")
        model = given_model(options) or default_model()
    except memgpt.Error as error:
        print(f"memgpt: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    name = options.model or default_model()
    interrupted = False
    try:
        _play(options, model, outcomes)
    except KeyboardInterrupt:
        interrupted = True
        known = verdict(outcomes)[0] != "unknown"
        what = "this is what there is:" if known else f"nothing is known of {name} yet"
        print(f"stopped; {what}", file=sys.stderr)
    except memgpt.Error as error:
        text = " ".join(message_of(error).split())
        print(f"memgpt: {name} could not be asked: {text}", file=sys.stderr)
        return 2
    (_print_json if options.json else _print_table)(name, outcomes, interrupted)
    return 130 if interrupted else 1 if verdict(outcomes)[0] == "cannot" else 0
