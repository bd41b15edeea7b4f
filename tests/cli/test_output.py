from __future__ import annotations

import datetime
import io
import json
import sys
import uuid
from decimal import Decimal
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiffcli.cli.invocation import Invocation
from spiffcli.cli.output import (
    emit_json,
    emit_lines,
    emit_text,
    json_text,
    lines_text,
    paint,
    talk,
    warn,
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_json_is_one_object_with_a_line_end_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"schema": "runner/x/1", "name": "Größe", "list": [1, None, True]})
    out, err = capsys.readouterr()
    assert out.endswith("}\n")
    assert "Größe" in out
    assert json.loads(out) == {"schema": "runner/x/1", "name": "Größe", "list": [1, None, True]}
    assert err == ""


def test_keys_keep_their_order() -> None:
    assert list(json.loads(json_text({"z": 1, "a": 2, "m": 3}))) == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (datetime.datetime(2024, 2, 29, 10, tzinfo=datetime.UTC), "2024-02-29T10:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", "AP8="),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, (2,)), [1, [2]]),
        ({1: "a", (1, 2): "b"}, {"1": "a", "(1, 2)": "b"}),
        (float("nan"), None),
        (float("inf"), None),
        (1.5, 1.5),
        (10**30, 10**30),
    ],
)
def test_values_json_does_not_have_are_written_as_the_nearest_thing(value: Any, written: Any) -> None:
    assert json.loads(json_text({"value": value})) == {"value": written}


@given(st.text())
def test_any_text_survives_json_and_cannot_harm_a_terminal(text: str) -> None:
    written = json_text({"text": text})
    assert json.loads(written) == {"text": text}
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066" for c in written)
    written.encode()


def test_text_is_written_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    emit_text("\x1b[31mred\x1b[0m\nline two\n\n")
    assert capsys.readouterr().out == "red\nline two\n"


def test_lines_are_aligned_without_tabs_or_trailing_blanks() -> None:
    assert lines_text([["a1", "Order", 7], ["b22", "", 1000], ["c", "x", ""]]) == (
        "a1   Order  7\nb22         1000\nc    x\n"
    )


def test_wide_and_combining_characters_keep_columns_aligned() -> None:
    lines = lines_text([["日本", 1], ["ab", 2], ["e\u0301", 3]]).splitlines()
    assert lines == ["日本  1", "ab    2", "e\u0301     3"]


def test_cells_cannot_break_out_of_their_line() -> None:
    assert lines_text([["x\ny\t\x1b[2Jz"]]) == "x y z\n"


def test_nothing_is_cut_off_where_no_terminal_is() -> None:
    assert "x" * 500 in lines_text([["x" * 500, "end"]])


def test_lines_on_a_terminal_show_markup_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    emit_lines([["[red]a[/red]", ":smile:", 1]])
    assert terminal.getvalue() == "[red]a[/red]  :smile:  1\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint("x", "red", terminal) == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv(name, value)
    assert paint("x", "red", terminal) == "x"


def test_a_file_gets_no_colours() -> None:
    assert paint("x", "red", io.StringIO()) == "x"


@pytest.mark.parametrize(
    ("verbosity", "said"),
    [(-1, ["Warning: w"]), (0, ["news", "Warning: w"]), (1, ["news", "more", "Warning: w"])],
)
def test_talk_goes_to_standard_error_as_much_as_is_wanted(
    verbosity: int, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    invocation = Invocation()
    invocation.verbosity = verbosity
    with click.Context(click.Command("x"), obj=invocation):
        talk("news")
        talk("more\x1b[2J", level=1)
        talk("most", level=2)
        warn("w")
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", said)


def test_talk_works_outside_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    talk("news")
    assert capsys.readouterr().err == "news\n"


def test_a_stream_that_cannot_show_a_character_gets_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    emit_text("Größe")
    emit_json({"name": "Größe"})
    sys.stdout.flush()
    written = raw.getvalue().decode()
    assert written.startswith("Gr\\xf6\\xdfe\n")
