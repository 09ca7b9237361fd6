"""Values of a tool's environment are not in what comes of its call."""

from __future__ import annotations

import json

import pytest
from memgpt._sandbox import SandboxResult
from memgpt._sandbox_secrets import hide

SECRET = 'it\'s "wörd"\n0123\\'


def hidden(text: str, *values: str) -> str:
    """A text, after it was returned, printed, and written as an error."""
    environment = {f"KEY{number}": value for number, value in enumerate(values)}
    done = hide(SandboxResult("success", text, [text], [text]), environment)
    assert done.stdout == done.stderr == [done.value]
    return done.value


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        str([SECRET])[2:-2],
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ],
)
def test_a_value_is_hidden_however_it_is_written(text: str) -> None:
    assert hidden(f"a {text} b {text}", SECRET) == "a *** b ***"


def test_a_short_value_is_no_secret_and_a_long_one_goes_first() -> None:
    assert hidden("red reddish", "red") == "red reddish"
    assert hidden("12345678", "1234", "12345678") == "***"


def test_the_beginning_of_one_is_hidden_where_a_text_was_cut() -> None:
    note = "... [NOTE: the output was cut: 9 of 20 bytes]"
    assert hidden("x" * 996 + "s3cr", "s3cret-7") == "x" * 996 + "***"
    assert hidden("key: s3cre", "s3cret-7") == "key: s3cre"
    assert hidden(f"key: s3cr{note}", "s3cret-7") == f"key: ***{note}"
    assert hidden(f"key: s3c{note}", "s3cret-7") == f"key: s3c{note}"


def test_json_in_which_a_number_was_hidden_is_none() -> None:
    def left(text: str) -> str:
        return hide(SandboxResult("success", "", [], [], text), {"KEY": "1234"}).json

    assert left('["a 1234"]') == '["a ***"]'
    assert left("[1234]") == ""
