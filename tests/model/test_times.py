"""Times that are written as they are, and expressions that give one."""

from __future__ import annotations

import pytest

from spiffcli.model.details import is_time


@pytest.mark.parametrize(
    "text",
    [
        "PT1H", " P1Y2M3DT4H5M6.5S\n", "P2W", "PT0S", "2031-01-01", "2031-01-01T00:00:00Z", "2031-01-01T00:00+02:00",
        "2031-W05-1", "20310101T0000Z", "r3/pt1h", "R-1/PT5M", "R3/PT1H", "R/PT10S", "R5/2031-01-01T00:00:00Z/P1D",
    ],
)  # fmt: skip
def test_a_time_needs_no_quotes(text: str) -> None:
    assert is_time(text)


@pytest.mark.parametrize(
    "text", ['"PT1H"', "P", "PT", "P1", "PT1D", "patience", "R3", "R", "2031", "2031 - 1", "x/y", ""]
)
def test_anything_else_is_an_expression(text: str) -> None:
    assert not is_time(text)
