from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiffcli.report.lines import Span, count, fold, fold_code, indented, line, listed, painted, plain


def test_control_characters_never_reach_a_report() -> None:
    assert plain([line("a\x1b[31mb\x07c\u202ed")]) == "abcd\n"
    assert list(fold("x\x1b]0;title\x07y\nz", 80)) == [line("xy z")]


def test_spans_keep_their_styles_and_trailing_blanks_go() -> None:
    spans = (Span("a ", "title"), Span("b  "), Span("  ", "dim"))
    assert painted([spans], lambda text, style: f"<{style}:{text}>") == "<title:a >b\n"


def test_an_empty_line_is_empty_even_when_indented() -> None:
    assert plain(indented([(), line("x")], 2)) == "\n  x\n"


@given(st.text(st.sampled_from("ab  \nü"), max_size=200), st.integers(30, 90))
def test_folding_keeps_every_word_and_the_width(text: str, width: int) -> None:
    lines = plain(fold(text, width, "    ", "- ")).splitlines()
    assert all(len(each) <= width or len(each.removeprefix("- ").split()) == 1 for each in lines)
    assert "".join(lines).replace(" ", "").removeprefix("-") == "".join(text.split())


@given(st.text(st.sampled_from("xy  (),"), max_size=200), st.integers(30, 90))
def test_code_keeps_every_character_but_the_blanks_at_a_cut(text: str, width: int) -> None:
    lines = plain(fold_code(text, width, "+ ")).splitlines()
    assert all(len(each) <= width for each in lines)
    assert "".join(lines).replace(" ", "") == ("+" + text).replace(" ", "")


def test_short_code_is_left_as_it_is() -> None:
    assert plain(fold_code("    if x:", 80, "+ ")) == "+     if x:\n"


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed_as_people_write_them(words: list[str], text: str) -> None:
    assert listed(words) == text


def test_counts_agree_with_their_nouns() -> None:
    assert (count(1, "change"), count(2, "change"), count(0, "entry", "entries")) == (
        "1 change",
        "2 changes",
        "0 entries",
    )
