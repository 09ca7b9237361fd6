"""Keys and addresses from the configuration file."""

from __future__ import annotations

import json
from pathlib import Path

import memgpt
import pytest
from memgpt._configuration import setting
from memgpt.testing import FakeOpenAI

KEY = "sk-from-the-file-0123456789"
SAYS = {"tool": "send_message", "args": {"message": "Here I am"}}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MEMGPT_CONFIG_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMGPT_HOME", str(tmp_path))


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_a_key_from_the_file_is_used_and_never_kept(
    home: memgpt.Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeOpenAI(lambda _: SAYS, api_key=KEY) as server:
        write(
            tmp_path / "config",
            f"[defaults]\npersona = sam\n[environment]\nOPENAI_API_KEY = {KEY}\n"
            f"OPENAI_BASE_URL = {server.url}\n",
        )
        agent = home.create_agent("sam", model="openai/gpt-4.1")
        assert agent.send("Hi").text == "Here I am"
        assert KEY not in json.dumps(agent.config) and KEY.encode() not in b"".join(
            path.read_bytes() for path in Path(home.path).parent.glob("*.db*")
        )
        # The environment comes first.
        monkeypatch.setenv("OPENAI_API_KEY", "another")
        with pytest.raises(memgpt.AuthenticationFailed, match="OPENAI_API_KEY"):
            agent.send("Hi")


def test_the_file_is_read_again_when_it_changes(tmp_path: Path, monkeypatch) -> None:
    other = tmp_path / "other"
    write(other, "[environment]\nSOME_URL = a=b%c\n")
    monkeypatch.setenv("MEMGPT_CONFIG_PATH", str(other))
    assert setting("SOME_URL") == "a=b%c" and setting("some_url") == ""
    write(other, "[environment]\nSOME_URL = longer than before\n")
    assert setting("SOME_URL") == "longer than before"
    other.unlink()
    assert setting("SOME_URL") == ""


def test_a_file_that_is_no_configuration_says_so_without_showing_it(
    home: memgpt.Home, tmp_path: Path
) -> None:
    write(tmp_path / "config", f"OPENAI_API_KEY = {KEY}\n")
    with pytest.raises(memgpt.ConfigError, match=r"line 1 .*\[environment\]") as raised:
        setting("OPENAI_API_KEY")
    assert KEY not in str(raised.value) and raised.value.__cause__ is None
    with pytest.raises(memgpt.ConfigError, match="cannot read"):
        home.create_agent("sam", model="openai/gpt-4.1")


def test_keys_that_others_may_read_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"[environment]\nOPENAI_API_KEY = {KEY}\n")
    (tmp_path / "config").chmod(0o644)
    with pytest.warns(UserWarning, match="chmod 600"):
        assert setting("OPENAI_API_KEY") == KEY


def test_forms_that_a_shell_reads(tmp_path: Path) -> None:
    write(tmp_path / "config", """[Environment]\nexport A_URL = "a b"\nB_URL='c'\n""")
    assert (setting("A_URL"), setting("B_URL")) == ("a b", "c")
