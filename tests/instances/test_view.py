"""What is told about instances: summaries, lists, values."""

from __future__ import annotations

from typing import Any

import pytest

from spiffcli.instances.view import RunResult, run_result
from spiffcli.report.instances import instance_cells, value_text
from spiffcli.report.lines import plain
from spiffcli.report.looks import look_lines
from spiffcli.report.outcomes import run_json, run_lines

from .bench import Bench
from .models import START, process, script, user


def run(bench: Bench, ref: str, data: dict[str, Any] | None = None) -> RunResult:
    with bench.runner().start(ref, data) as session:
        session.advance()
        return run_result(session)


def test_what_ran_often_is_told_once_and_a_long_list_is_cut(bench: Bench) -> None:
    loop = process(
        "loop",
        START,
        script("again", "n = n + 1"),
        '<exclusiveGateway id="enough" default="flow_2"/>',
        '<endEvent id="end"/>',
        flows=("start again", "again enough", "enough again", "enough end n &gt; 4"),
    )
    bench.add("loop", loop)
    assert "Ran\n  Again (x5)\n\nData\n  n  5\n" in plain(run_lines(run(bench, "loop", {"n": 0}), ()))
    bench.add("chain", process("chain", *(script(f"step_{n}", "x = 1") for n in range(40))))
    told = plain(run_lines(run(bench, "chain"), ()))
    assert "  Step 29\n  and 10 more\n" in told
    assert "Step 30" not in told


def test_secrets_are_hidden_at_any_depth_in_text_and_stay_in_documents(bench: Bench) -> None:
    bench.add("shop", process("shop", user("ask")))
    data = {"pin": 1234, "cards": [{"name": "a", "pin": "s3cret"}], "account": {"pin": {"x": 1}}}
    left = run(bench, "shop", data)
    text = plain(run_lines(left, {"pin"}))
    assert "1234" not in text
    assert '  cards    [{"name": "a", "pin": "(not shown)"}]\n' in text
    assert '  account  {"pin": "(not shown)"}\n' in text
    assert run_json(left)["data"] == data
    assert "s3cret" not in plain(look_lines(bench.runner().look(left.instance.id), {"pin"}, everything=True))


def test_instances_that_wait_at_several_tasks_of_one_name_are_counted(bench: Bench) -> None:
    fork = process(
        "fork",
        START,
        '<parallelGateway id="split"/>',
        '<userTask id="a" name="Pack"/>',
        '<userTask id="b" name="Pack"/>',
        '<userTask id="c" name="Ship"/>',
        flows=("start split", "split a", "split b", "split c"),
    )
    bench.add("fork", fork)
    (cells,) = instance_cells([bench.row(bench.start("fork"))])
    assert cells[-2:] == ["Pack (x2), Ship", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("two\nlines\x1b[31m", "two lines"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ("x" * 300, "x" * 199 + "…"),
        (True, "true"),
        ("Grüße", "Grüße"),
    ],
)
def test_values_fit_on_one_safe_line(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_nothing_from_a_model_moves_the_cursor(bench: Bench) -> None:
    bench.add("shop", process("shop", user("ask").replace('name="Ask"', 'name="A\u202ek"'), script("bad", "x = y")))
    id = bench.start("shop", {"k\x1b[2J": "v\x07"})
    text = plain(look_lines(bench.runner().look(id), (), everything=True))
    assert not set(text) & set("\x1b\x07\u202e")
