"""Runs the README's session with an installed wheel, and looks where its libraries come from.

Usage: python check_wheel.py README.md
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path


def main() -> None:
    readme = Path(sys.argv[1]).read_text()
    blocks = re.findall(r"```(\w+)\n(.*?)```", readme, re.S)
    session = next(code for language, code in blocks if language == "python")
    (expected,) = [code for language, code in blocks if language == "text"]

    import memgpt

    loaded = {"numpy", "rich", "prompt_toolkit", "asyncio"} & set(sys.modules)
    assert not loaded, f"import memgpt imported {loaded}"
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(session, "README.md", "exec"), {})
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TODAY", out.getvalue())
    assert shown == expected, shown
    assert not {"numpy", "rich", "prompt_toolkit"} & set(sys.modules)

    # TLS: the address is refused, but only after the library was loaded and its authorities read.
    with memgpt.open(":memory:") as home:
        model = memgpt.OpenAICompatible("none", base_url="https://127.0.0.1:1/v1")
        try:
            home.create_agent("sam", model=model).send("Hello")
        except memgpt.ProviderUnreachable as error:
            assert "refused" in str(error)

    folder = str(Path(memgpt.__file__).parent.parent)
    maps = Path("/proc/self/maps").read_text()
    files = set(re.findall(r"(/\S+\.so\S*)", maps))
    hidden = re.compile(r"lib(sqlite3|simdjson|crypto|ssl|gomp|openblas|blas|lapack|faiss)")
    for file in files:
        assert not hidden.search(file) or file.startswith(folder), f"{file} is the system's"
    ours = sorted(Path(file).name for file in files if file.startswith(folder))
    print(f"{sys.version.split()[0]}: the README's session ran with {', '.join(ours)}")


main()
