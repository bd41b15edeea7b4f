from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from spiffcli.cli.params import ManyCommand, grouped, many_option


@click.command(cls=ManyCommand)
@many_option("-b", "--bpmn", "bpmn", metavar="FILE", type=click.Path(), help="Models.")
@many_option("-d", "--dmn", "dmn", shell_complete=lambda ctx, param, text: [f"{text}1.dmn", f"{text}2.dmn"])
@click.option("-p", "--process")
@click.option("--pair", nargs=2)
@click.option("-v", "--verbose", is_flag=True)
@click.option("-q", count=True)
@click.option("--on/--off")
@click.argument("rest", nargs=-1)
@click.pass_context
def add(ctx: click.Context, **values: Any) -> None:
    ctx.obj.update(values)


def parse(*args: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    result = CliRunner().invoke(add, list(args), obj=values)
    assert result.exit_code == 0, result.output
    return {name: value for name, value in values.items() if value not in (None, (), False, 0)}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("-b A", {"bpmn": ("A",)}),
        ("-b A B C", {"bpmn": ("A", "B", "C")}),
        ("-b A B -d X Y", {"bpmn": ("A", "B"), "dmn": ("X", "Y")}),
        ("-p order -b A B -d X Y", {"process": "order", "bpmn": ("A", "B"), "dmn": ("X", "Y")}),
        ("-b A B -p order", {"process": "order", "bpmn": ("A", "B")}),
        ("-b A -b B", {"bpmn": ("A", "B")}),
        ("-b A B -b C D", {"bpmn": ("A", "B", "C", "D")}),
        ("-bA", {"bpmn": ("A",)}),
        ("-bA B C", {"bpmn": ("A", "B", "C")}),
        ("--bpmn A B", {"bpmn": ("A", "B")}),
        ("--bpmn=A B", {"bpmn": ("A", "B")}),
        ("--bpmn=A --dmn=X Y", {"bpmn": ("A",), "dmn": ("X", "Y")}),
        ("--bpmn= B", {"bpmn": ("", "B")}),
        ("-vb A B", {"verbose": True, "bpmn": ("A", "B")}),
        ("-vqqbA B", {"verbose": True, "q": 2, "bpmn": ("A", "B")}),
        ("-b A B -v C", {"bpmn": ("A", "B"), "verbose": True, "rest": ("C",)}),
        ("-b A B -- C D", {"bpmn": ("A", "B"), "rest": ("C", "D")}),
        ("-b A B -- -b C", {"bpmn": ("A", "B"), "rest": ("-b", "C")}),
        ("C D -b A", {"bpmn": ("A",), "rest": ("C", "D")}),
        ("-b A - B", {"bpmn": ("A", "-", "B")}),
        ("-b -strange B", {"bpmn": ("-strange", "B")}),
        ("-p -b -b A B", {"process": "-b", "bpmn": ("A", "B")}),
        ("--process=-b -b A B", {"process": "-b", "bpmn": ("A", "B")}),
        ("-p-b A B", {"process": "-b", "rest": ("A", "B")}),
        ("-vp -b -b A", {"verbose": True, "process": "-b", "bpmn": ("A",)}),
        ("--pair -b -d -b A", {"pair": ("-b", "-d"), "bpmn": ("A",)}),
        ("--pair=1 2 -b A", {"pair": ("1", "2"), "bpmn": ("A",)}),
        ("--on -b A B --off", {"bpmn": ("A", "B")}),
        ("-b A=1 B=2", {"bpmn": ("A=1", "B=2")}),
        ("", {}),
    ],
)
def test_values_after_one_flag_belong_to_it_up_to_the_next_option(line: str, values: dict[str, Any]) -> None:
    assert parse(*line.split()) == values


def test_values_may_hold_blanks_and_any_character() -> None:
    assert parse("-b", "my model.bpmn", "größe.bpmn", "") == {"bpmn": ("my model.bpmn", "größe.bpmn", "")}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-b", "requires an argument"),
        ("-b A -d", "requires an argument"),
        ("-b A --nope B", "No such option"),
        ("-b A -x B", "No such option"),
    ],
)
def test_wrong_usage_is_still_click_s_to_report(line: str, message: str) -> None:
    result = CliRunner().invoke(add, line.split(), obj={})
    assert result.exit_code == 2
    assert message in result.output


words = st.text("abc.=", min_size=1, max_size=4)


@given(st.lists(st.tuples(st.sampled_from(["-b", "-d"]), st.lists(words, min_size=1, max_size=4)), max_size=4))
def test_grouping_never_changes_which_values_an_option_gets(groups: list[tuple[str, list[str]]]) -> None:
    together = [arg for flag, values in groups for arg in (flag, *values)]
    apart = [arg for flag, values in groups for value in values for arg in (flag, value)]
    assert parse(*together) == parse(*apart)


def test_help_shows_that_several_values_are_possible() -> None:
    assert "--bpmn FILE..." in CliRunner().invoke(add, ["--help"]).output


def complete(line: str, incomplete: str) -> list[tuple[str, str]]:
    items = ShellComplete(add, {"obj": {}}, "add", "_ADD_COMPLETE").get_completions(line.split(), incomplete)
    return [(item.value, item.type) for item in items]


@pytest.mark.parametrize("line", ["-b", "-b A", "-b A B", "-bA", "--bpmn=A", "-v -b A", "-vb A", "-d X -b A"])
def test_every_further_value_completes_like_the_first(line: str) -> None:
    assert complete(line, "mod") == [("mod", "file")]


def test_each_option_completes_its_own_values() -> None:
    assert complete("-b A -d", "x") == [("x1.dmn", "plain"), ("x2.dmn", "plain")]
    assert complete("-b A -d X", "x") == [("x1.dmn", "plain"), ("x2.dmn", "plain")]


def test_after_another_option_values_are_not_completed_as_before() -> None:
    assert complete("-b A -v", "x") == []
    assert complete("-b A --", "x") == []


def test_options_complete_after_values_too() -> None:
    assert ("--process", "plain") in complete("-b A B", "--p")


def test_the_line_of_the_documents_is_understood_as_the_shell_hands_it_over(tutorial: Path) -> None:
    models, tables = ["top_level.bpmn", "call_activity.bpmn"], ["product_prices.dmn", "shipping_costs.dmn"]
    given_models = [str(tutorial / name) for name in models]
    given_tables = [str(tutorial / name) for name in tables]
    values = parse("-p", "order_product", "-b", *given_models, "-d", *given_tables)
    assert values == {"process": "order_product", "bpmn": tuple(given_models), "dmn": tuple(given_tables)}


def test_options_of_a_group_arrive_as_one_value() -> None:
    class Size(Struct, frozen=True):
        width: int = 1
        height: int | None = None

    seen: list[object] = []

    @click.command()
    @click.option("--width", type=int, default=1)
    @grouped("size", Size, click.option("--height", type=int))
    @click.option("--name")
    def draw(size: Size, name: str | None) -> None:
        seen.append((size, name))

    draw.main(["--height", "3", "--name", "x"], standalone_mode=False)
    assert seen == [(Size(1, 3), "x")]
    assert [param.name for param in draw.params] == ["width", "height", "name"]
