"""Texts for bench_tokens.py, made anew from a seed: of what every Python has, and of our own."""

from __future__ import annotations

import json
import random
import re
import string
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path

SENTENCES = """
记忆管理系统将对话历史保存在数据库中。当上下文窗口快要满时，较早的消息会被总结成摘要，需要的时候可以再次检索。
今天下午我们去了河边的旧书店，老板推荐了一本关于航海史的书，价格是三十五元。
东边的山上下着雪，火车晚点了两个小时，车站里的人们喝着热茶聊天。
東京の春は桜が美しく、多くの観光客が訪れます。カタカナもひらがなもあります。会議は午後三時に始まる予定です。
祖母の家の庭には古い柿の木があり、秋になると近所の子どもたちが集まってくる。
한국어 문장도 시험해 봅니다. 회의는 오후 세 시에 시작하고, 자료는 내일까지 보내 주세요.
바닷가 마을에서 자란 그는 매일 아침 등대까지 걸어갔다.
Съешь ещё этих мягких французских булок, да выпей чаю.
Поезд опоздал на два часа, и мы долго ждали на вокзале.
Память устроена так: старые сообщения сохраняются в журнале,
а в окне остаётся только краткое изложение.
Завтра утром она позвонит соседке и спросит, когда откроется библиотека на Садовой улице.
Вітер з моря приніс дощ, і рибалки повернулися до гавані раніше, ніж зазвичай.
"""
EMOJI = "😀😂🥰🎉👍🔥🚀🌍🐧🍕🏔️❤️👨‍👩‍👧👍🏽🇫🇷✅"
TOOLS = ("send_message", "archival_memory_insert", "conversation_search", "core_memory_replace")


@cache
def prose_words() -> list[str]:
    """Python's own manual, as pydoc has it."""
    from pydoc_data import topics

    texts = (text for _, text in sorted(topics.topics.items()))
    return [word for text in texts for word in re.findall(r"\S+\s*", text) if word.isascii()]


@cache
def source_lines() -> list[str]:
    """Of modules of the standard library."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    lines: list[str] = []
    for path in sorted(
        [*folder.glob("*.py"), *folder.glob("json/*.py"), *folder.glob("email/*.py")]
    ):
        lines += path.read_text("utf-8", "replace").splitlines(keepends=True)
    return lines


def mutated(chance: random.Random, word: str) -> str:
    """One letter is another one."""
    places = [i for i, char in enumerate(word) if char.isalpha()]
    if not places:
        return word
    at = chance.choice(places)
    return word[:at] + chance.choice(string.ascii_lowercase) + word[at + 1 :]


def from_runs(
    chance: random.Random, size: int, source: list[str], run: tuple[int, int], share: float
) -> str:
    """Runs of the source in random order, with a share of mutated entries."""
    parts: list[str] = []
    made = 0
    while made < size:
        begin = chance.randrange(len(source))
        for part in source[begin : begin + chance.randint(*run)]:
            parts.append(mutated(chance, part) if chance.random() < share else part)
            made += len(parts[-1])
    return "".join(parts)


def prose(chance: random.Random, size: int) -> str:
    return from_runs(chance, size, prose_words(), (3, 12), 0.02)


def source_code(chance: random.Random, size: int) -> str:
    return from_runs(chance, size, source_lines(), (5, 30), 0.1)


def tool_traffic(chance: random.Random, size: int) -> str:
    """Requests as an agent's model sees them: calls and returns, dense and indented."""
    words = prose_words()
    parts: list[str] = []
    made = 0
    while made < size:
        begin = chance.randrange(len(words))
        said = "".join(words[begin : begin + chance.randint(4, 40)])
        arguments = {
            "thinking": said[: chance.randint(0, 80)],
            "message": said,
            "page": chance.randrange(50),
            "score": round(chance.random(), 6),
            "request_heartbeat": chance.random() < 0.5,
        }
        call = {
            "id": f"call_{chance.randbytes(12).hex()}",
            "type": "function",
            "function": {"name": chance.choice(TOOLS), "arguments": json.dumps(arguments)},
        }
        result = {
            "status": "OK",
            "time": f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02} "
            f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}",
            "results": [
                {"id": chance.randbytes(8).hex(), "text": said[i : i + 60]} for i in (0, 60)
            ],
        }
        messages = [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)},
        ]
        parts.append(json.dumps(messages, indent=chance.choice((None, 2))))
        made += len(parts[-1])
    return "\n".join(parts)


def scripts(chance: random.Random, size: int) -> str:
    """Pieces of sentences in five languages, emoji, rare characters."""
    sentences = SENTENCES.strip().splitlines()
    parts: list[str] = []
    made = 0
    while made < size:
        sentence = chance.choice(sentences)
        begin = chance.randrange(len(sentence))
        part = sentence[begin : begin + chance.randint(2, 12)]
        roll = chance.random()
        if roll < 0.05:
            part += chance.choice(EMOJI)
        elif roll < 0.10:
            part += chr(chance.randint(0x4E00, 0x9FFF))
        elif roll < 0.15:
            part += chance.choice((" ", "\n", "，", ". ", " 2024", " GPT"))
        parts.append(part)
        made += len(part.encode())
    return "".join(parts)


CORPORA: dict[str, Callable[[random.Random, int], str]] = {
    "prose": prose,
    "JSON": tool_traffic,
    "source code": source_code,
    "CJK, emoji": scripts,
}

# 1 MB, and a few bytes less each time.
ADVERSARIAL: dict[str, Callable[[int], str]] = {
    "one letter": lambda number: "abcdefghij"[number % 10] * (1_000_000 - number),
    "spaces": lambda number: " " * (1_000_000 - number),
    "blank lines": lambda number: ("\n" + " " * (7 + number % 5)) * (125_000 - number),
}

ALPHABETS = [
    list("aAbBsStTdDmMlLrReEvV'’\u017f\u212a"),
    list(" \n\r\t\u00a0\u2028\x85\u3000"),
    list("0123٣४Ⅷ½²"),
    list("\u0301\u0308\u093f\u20dd\ufe0f\u200d"),
    list("ǅǈᾈʰºª"),
    list("中文日本語ひらカ한국彩票"),
    list("абвАБВпомθλΔ"),
    list("العربחדש"),
    list("हिन्दीไทย"),
    list("😀🎉👍🏽–—“”£©»"),
    [*string.punctuation, *map(chr, range(32)), "\x7f"],
    ["'s", "'LL", "'vE", " the", " A", "\r\n", "    ", "//", "://", "=" * 40, "ab" * 20],
    ["<|endoftext|>", "<|endofprompt|>", "<|fim_prefix|>", "http", "JSON", "_"],
]


def random_string(seed: int) -> str:
    """Of one to four alphabets, or of any characters at all."""
    chance = random.Random(seed)
    length = chance.choice((1, 3, 8, 20, 60, 200))
    if chance.random() < 0.1:
        codes = (chance.choice((0x80, 0x800, 0x10000, 0x110000)) for _ in range(length))
        points = [chance.randrange(code) for code in codes]
        return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)
    chosen = chance.sample(ALPHABETS, chance.randint(1, 4))
    return "".join(chance.choice(chance.choice(chosen)) for _ in range(length))
