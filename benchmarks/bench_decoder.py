"""How fast calls are decoded, beside json and jsonschema; and what is mended, beside json-repair.

    python benchmarks/bench_decoder.py [--calls 4000] [--rounds 9]

Straight path: what stands between a model's reply and a tool's arguments as a Python dict. Ours:
the reply is decoded, thoughts and heartbeat are taken out, the arguments are checked. Python's:
json.loads, the same two taken out, a validator of jsonschema that was made before. Both get each
text once: fresh ones each round. One thread, process CPU time, in turns.

Corpus: the texts of tests/bad_outputs. json-repair gets the text of the arguments, or of the
answer, and its result is checked by jsonschema. Needs the group "bench": pip install --group bench
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import json_repair
from jsonschema import Draft202012Validator

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.decoder_cases import decode, decoder, entries, tools

INJECTED = ("thinking", "request_heartbeat")
NAMES = ("name", "function", "tool", "action")
ARGUMENTS = ("arguments", "parameters", "params", "args", "action_input")
WORDS = ["the", "seven", "white", "geese", "walk", "over", "the", "old", "mill's", "bridge"]
TRICKY = [
    "it's", 'say "hi"', "{a: 1}", "[1, 2,]", "```json\n{}\n```", "a // b", "# c", "C:\\docs",
    "True, None", "007", "<tool_call>", "</s>", "\n\t", "漢字 🦢", "{'a': 'b'}",
    '{"a": "b', "", " ",
]  # fmt: skip

Text = tuple[str, str]


def validators() -> dict[str, Draft202012Validator]:
    return {
        tool["name"]: Draft202012Validator({**tool["parameters"], "additionalProperties": False})
        for tool in tools()
    }


def sentence(rng: random.Random, size: int) -> str:
    text = " ".join(rng.choices(WORDS, k=size // 5 + 1))
    return text[:size] + str(rng.randrange(10**9))


def well_formed(rng: random.Random, kind: str) -> Text:
    size = {"short": 60, "1 kB": 1000, "10 kB": 10_000}.get(kind)
    if size is not None:
        arguments: dict[str, Any] = {"message": sentence(rng, size)}
        name = "send_message"
    else:
        name = "set_timer"
        arguments = {
            "minutes": rng.randrange(1000),
            "loud": rng.random() < 0.5,
            "factor": rng.random(),
            "label": sentence(rng, 20),
            "tags": [sentence(rng, 8) for _ in range(10)],
            "options": {f"key {i}": [i, rng.random(), None] for i in range(10)},
        }
    whole = {"thinking": sentence(rng, 60), **arguments, "request_heartbeat": False}
    return name, json.dumps(whole, ensure_ascii=False)


def straight(calls: int, rounds: int) -> None:
    ours, checks = decoder(), validators()

    def by_us(texts: list[Text]) -> list[Any]:
        out = []
        for name, text in texts:
            done = ours.decode("", "", [("", name, text)], "")
            out.append((done.tool, done.arguments, done.request_heartbeat))
        return out

    def by_python(texts: list[Text]) -> list[Any]:
        out = []
        for name, text in texts:
            arguments = json.loads(text)
            arguments.pop("thinking", None)
            heartbeat = arguments.pop("request_heartbeat", False)
            out.append((name if checks[name].is_valid(arguments) else None, arguments, heartbeat))
        return out

    print("| call | memgpt, calls/s | json + jsonschema, calls/s | ratio |\n|---|---|---|---|")
    for kind in ("short", "1 kB", "10 kB", "many arguments"):
        rng = random.Random(kind)
        seconds: dict[Any, list[float]] = {by_us: [], by_python: []}
        for number in range(rounds + 1):
            texts = [well_formed(rng, kind) for _ in range(calls)]
            results = {}
            for run in (by_us, by_python) if number % 2 else (by_python, by_us):
                began = time.process_time()
                results[run] = run(list(texts))
                if number:  # the first round warms up
                    seconds[run].append(time.process_time() - began)
            assert results[by_us] == results[by_python]
        rate = {run: calls / statistics.median(times) for run, times in seconds.items()}
        print(
            f"| {kind} | {rate[by_us]:,.0f} | {rate[by_python]:,.0f} "
            f"| {rate[by_us] / rate[by_python]:.1f} |"
        )


def by_json_repair(entry: dict[str, Any], checks: dict[str, Draft202012Validator]) -> Any:
    """(tool, arguments), or None where there is no call that the schema takes."""
    calls = entry.get("tool_calls")
    found = json_repair.loads(calls[0]["arguments"] if calls else entry["content"])
    name: Any = calls[0]["name"] if calls else None
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        return None
    if not calls:
        name = next((found[key] for key in NAMES if isinstance(found.get(key), str)), None)
        found = next((found[key] for key in ARGUMENTS if isinstance(found.get(key), dict)), None)
    if name not in checks or found is None:
        return None
    arguments = {key: value for key, value in found.items() if key not in INJECTED}
    return (name, arguments) if checks[name].is_valid(arguments) else None


def corpus() -> None:
    ours, checks = decoder(), validators()
    counts = {"memgpt": Counter[str](), "json-repair": Counter[str]()}
    json_only = Counter[str]()
    for _, entry in entries():
        expect = entry["expect"]
        wanted = None if "failure" in expect else (expect["tool"], expect["arguments"])
        if wanted is not None and not expect["repairs"]:
            continue  # sound
        done = decode(ours, entry)
        results = {
            "memgpt": (done.tool, done.arguments) if done.tool else None,
            "json-repair": by_json_repair(entry, checks),
        }
        kind = "to refuse" if wanted is None else "to mend"
        in_json = (
            wanted is not None
            and entry.get("tool_calls")
            and (entry["tool_calls"][0]["name"] == wanted[0])
        )
        json_only["all"] += bool(in_json)
        for who, result in results.items():
            counts[who][kind] += 1
            if wanted is None:
                counts[who]["refused" if result is None else "guessed"] += 1
            elif result is None:
                counts[who]["not mended"] += 1
            else:
                right = json.dumps(result) == json.dumps(wanted)
                counts[who]["mended" if right else "changed"] += 1
                json_only[who] += bool(in_json and right)
    print("\n| corpus | memgpt | json-repair + jsonschema |\n|---|---|---|")
    lines = {
        "mended": ("mended", "to mend"),
        "- not mended": ("not mended", "to mend"),
        "- run with another value": ("changed", "to mend"),
        "refused": ("refused", "to refuse"),
        "- run with a guessed value": ("guessed", "to refuse"),
    }
    for line, (what, of) in lines.items():
        shown = [f"{count[what]} of {count[of]}" for count in counts.values()]
        print(f"| {line} | {' | '.join(shown)} |")
    shown = [f"{json_only[who]} of {json_only['all']}" for who in counts]
    print(f"| mended, arguments of a known tool only | {' | '.join(shown)} |")


def valid_values(count: int) -> None:
    """Values of sound JSON, alone and as models hand it over."""
    ours, rng = decoder(), random.Random("valid")
    forms = {
        "alone": "%s",
        "in a fence": "```json\n%s\n```",
        "behind a text": "Here it is: %s",
        "with a token behind": "%s<|im_end|>",
        "without its last brace": None,
    }
    print("\n| values changed, of sound JSON | memgpt | json-repair |\n|---|---|---|")
    for form, frame in forms.items():
        changed = Counter[str]()
        for _ in range(count):
            value = {"message": " ".join(rng.choices(TRICKY + WORDS, k=rng.randrange(1, 8)))}
            text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
            given = text[:-1] if frame is None else frame.replace("%s", text)
            done = ours.decode("", "", [("", "send_message", given)], "")
            changed["refused"] += done.tool is None
            changed["memgpt"] += done.tool is not None and done.arguments != value
            changed["json-repair"] += json_repair.loads(given) != value
        refused = f" ({changed['refused']} refused)" if changed["refused"] else ""
        print(f"| {form} | {changed['memgpt']}{refused} | {changed['json-repair']} of {count} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    straight(options.calls, options.rounds)
    corpus()
    valid_values(2000)


if __name__ == "__main__":
    main()
