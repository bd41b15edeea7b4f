from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiffcli.text import one_line, quoted, shorten, strip_controls


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdata\x1b\\text", "text"),
        ("\x9b2Jtext", "text"),
        ("\x1b(Btext", "text"),
        ("ends in \x1b", "ends in "),
        ("bell\x07 null\x00 back\x08", "bell null back"),
        ("txt\u202efdp.exe", "txtfdp.exe"),
        ("one\r\ntwo\rthree\tfour", "one\ntwothree\tfour"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("Grüße, 日本 🎉", "Grüße, 日本 🎉"),
    ],
)
def test_control_characters_and_escape_sequences_are_removed_whole(dirty: str, clean: str) -> None:
    assert strip_controls(dirty) == clean


@given(st.text())
def test_whatever_comes_in_can_be_printed_and_is_stable(text: str) -> None:
    clean = strip_controls(text)
    assert "\x1b" not in clean
    assert all(c in "\n\t" or ord(c) >= 0x20 for c in clean)
    clean.encode()
    assert strip_controls(clean) == clean


def test_many_unfinished_sequences_take_no_longer_than_their_length() -> None:
    assert strip_controls("\x1b]" * 200_000) == ""


def test_one_line_joins_lines_and_blanks() -> None:
    assert one_line("  a \n\n b\t c\x1b[0m ") == "a b c"


def test_shorten_marks_that_something_is_missing() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", "'a b'"),
        (3, "3"),
        (None, "None"),
        (True, "True"),
        ({"a": 1}, "{'a': 1}"),
        ("x" * 80, "'" + "x" * 59 + "…'"),
    ],
)
def test_values_in_messages_are_short_and_on_one_line(value: object, text: str) -> None:
    assert quoted(value) == text
