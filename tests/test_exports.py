"""What the package exports, and what importing it does not pull in."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import memgpt
import memgpt._core


def test_exported_names_are_there() -> None:
    for name in memgpt.__all__:
        assert getattr(memgpt, name) is not None
    public = {n for n in vars(memgpt) if not n.startswith("_")}
    modules = {"agent", "errors", "home", "llm", "memory", "tokens", "tools"}
    modules |= {"testing", "cli", "lab", "minilm", "policy", "ranking", "store", "transcript"}
    assert public - set(memgpt.__all__) <= modules


def test_import_pulls_in_no_heavy_package() -> None:
    heavy = "numpy", "matplotlib", "rich", "prompt_toolkit", "safetensors", "tokenizers"
    heavy += "lancedb", "chromadb", "psycopg", "concurrent", "asyncio"
    code = f"import sys, memgpt.lab; print(sorted({{*{heavy}}} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_version_and_typing_marker() -> None:
    assert importlib.metadata.version("memgpt-cpp") == memgpt.__version__
    folder = Path(memgpt.__file__).parent
    assert (folder / "py.typed").exists() and (folder / "_core.pyi").exists()


def test_the_stub_is_the_one_that_the_module_gives(tmp_path: Path) -> None:
    """Regenerate it with `make stubs`."""
    root = Path(__file__).parent.parent
    out = tmp_path / "_core.pyi"
    subprocess.run(
        ["sh", str(root / "tools" / "make_stubs.sh"), sys.executable, str(out)],
        check=True,
        capture_output=True,
    )
    assert out.read_text() == (root / "python" / "memgpt" / "_core.pyi").read_text()
