"""What scripts see, and what they leave behind."""

from __future__ import annotations

import datetime
import io
import math
from types import ModuleType
from typing import Any

import pytest

from spiffcli.engine.script_engine import ScriptFailure, check_script, make_script_engine
from spiffcli.sandbox import ScriptMode

RUNNING = [ScriptMode.SANDBOX, ScriptMode.TRUSTED]


def execute(mode: ScriptMode, script: str, data: dict[str, Any] | None = None, **functions: Any) -> dict[str, Any]:
    data = {} if data is None else data
    make_script_engine(mode, functions=functions).environment.execute(script, data)
    return data


def failure(mode: ScriptMode, script: str, data: dict[str, Any] | None = None, **functions: Any) -> ScriptFailure:
    with pytest.raises(ScriptFailure) as caught:
        execute(mode, script, data, **functions)
    return caught.value


# What stays


@pytest.mark.parametrize("mode", RUNNING)
@pytest.mark.parametrize(
    "script",
    [
        "import math\nr = math.floor(2.5)",
        "import math as m, json\nr = m.floor(2.5)",
        "from math import floor\nr = floor(2.5)",
        "def f(): return 2\nr = f()",
        "f = lambda: 2\nr = f()",
        "import re\np = re.compile('a')\nm = p.match('a')\nr = len(m.group()) + 1",
        "g = (x for x in [2])\nr = next(g)",
        "t = int\nr = t(2)",
        "from collections import namedtuple\nP = namedtuple('P', 'x')\nr = P(2).x",
        "e = ValueError('x')\nr = 2",
        "import functools\np = functools.partial(round, 2.4)\nr = p()",
        "from __future__ import annotations\nfrom typing import Any\nx: Any\nr: int = 2",
    ],
)
def test_only_data_stays_after_a_script(mode: ScriptMode, script: str) -> None:
    assert execute(mode, script, {"kept": 1}) == {"kept": 1, "r": 2}


@pytest.mark.parametrize("mode", RUNNING)
def test_a_name_that_held_data_and_now_holds_a_module_is_gone(mode: ScriptMode) -> None:
    assert execute(mode, "import math\nx = math", {"x": 1, "y": 2}) == {"y": 2}


@pytest.mark.parametrize("mode", RUNNING)
def test_names_keep_their_order(mode: ScriptMode) -> None:
    data = execute(mode, "c = 3\na = 9\nb2 = 1\ndel b\nb = 4", {"a": 1, "b": 2})
    assert list(data) == ["a", "b", "c", "b2"]


@pytest.mark.parametrize("mode", RUNNING)
def test_a_script_that_fails_changes_no_name(mode: ScriptMode) -> None:
    data = {"a": 1, "b": 2}
    failure(mode, "a = 5\ndel b\nc = 3\n1 / 0", data)
    assert data == {"a": 1, "b": 2}


@pytest.mark.parametrize("mode", RUNNING)
def test_the_next_script_is_told_where_a_name_went(mode: ScriptMode) -> None:
    environment = make_script_engine(mode).environment
    data: dict[str, Any] = {}
    environment.execute("import math\ndef helper(): pass\npairs = iter([1])", data)
    hints = {}
    for name in ("math", "helper", "pairs"):
        with pytest.raises(ScriptFailure) as caught:
            environment.execute(f"x = {name}", data)
        hints[name] = caught.value.hint or ""
    assert "import it in this script too" in hints["math"]
    assert "Functions are not kept" in hints["helper"]
    assert "Make it a list there" in hints["pairs"]


@pytest.mark.parametrize("mode", RUNNING)
def test_names_in_data_that_look_like_ours_are_left_alone(mode: ScriptMode) -> None:
    data = {"_getattr_": 1, "_x": 2, "__builtins__": {"len": 3}, "_checkpoint_": 4, "not a name": 5}
    assert execute(mode, "r = len('ab')", dict(data)) == {**data, "r": 2}


# Functions of the engine module


@pytest.mark.parametrize("mode", RUNNING)
def test_functions_do_not_become_data(mode: ScriptMode) -> None:
    assert execute(mode, "r = double(2)", double=lambda x: 2 * x) == {"r": 4}


@pytest.mark.parametrize("mode", RUNNING)
def test_data_hides_a_function_of_the_same_name(mode: ScriptMode) -> None:
    data = execute(mode, "r = datetime + '!'", {"datetime": "2024"}, datetime=datetime.datetime)
    assert data == {"datetime": "2024", "r": "2024!"}
    engine = make_script_engine(mode, functions={"datetime": datetime.datetime})
    assert engine.environment.evaluate("datetime", {"datetime": "2024"}) == "2024"


@pytest.mark.parametrize("mode", RUNNING)
def test_data_that_hides_a_function_does_not_block_scripts_that_do_not_use_it(mode: ScriptMode) -> None:
    assert execute(mode, "r = 1", {"double": 5}, double=lambda x: 2 * x) == {"double": 5, "r": 1}


@pytest.mark.parametrize("mode", RUNNING)
def test_calling_a_hidden_function_says_that_it_is_hidden(mode: ScriptMode) -> None:
    error = failure(mode, "r = double(2)", {"double": 5, "len": 1}, double=lambda x: 2 * x)
    assert error.kind == "TypeError"
    assert error.hint == "The data of the task hides these functions: double, len."


@pytest.mark.parametrize("mode", RUNNING)
def test_a_name_of_a_function_can_become_data(mode: ScriptMode) -> None:
    assert execute(mode, "double = double(2)", double=lambda x: 2 * x) == {"double": 4}


@pytest.mark.parametrize("mode", RUNNING)
def test_every_script_gets_lists_and_dictionaries_of_the_engine_module_fresh(mode: ScriptMode) -> None:
    config = {"limits": [1]}
    environment = make_script_engine(mode, functions={"config": config}).environment
    data: dict[str, Any] = {}
    environment.execute("config['limits'].append(2)\nr = config['limits']", data)
    environment.execute("s = config['limits']", data)
    assert data == {"r": [1, 2], "s": [1]}
    environment.execute("config = {'mine': True}", data)
    assert data["config"] == {"mine": True}


def test_a_module_given_by_the_engine_module_is_offered_without_what_it_imports() -> None:
    assert execute(ScriptMode.SANDBOX, "r = datetime.date(2024, 1, 2).year", datetime=datetime) == {"r": 2024}
    assert failure(ScriptMode.SANDBOX, "datetime.sys", datetime=datetime).kind == "AttributeError"


def test_of_a_module_given_by_the_engine_module_only_its_own_names_are_offered() -> None:
    tools = ModuleType("tools")
    exec("from os import system\nimport os\nRATE = 3\ndef own(): return RATE\n_hidden = 1", vars(tools))
    assert execute(ScriptMode.SANDBOX, "r = tools.own() + tools.RATE", tools=tools) == {"r": 6}
    for name in ("system", "os", "_hidden"):
        assert failure(ScriptMode.SANDBOX, f"tools.{name}", tools=tools).kind in ("AttributeError", "ScriptRefused")
    tools.__all__ = ["system"]  # type: ignore[attr-defined]
    assert execute(ScriptMode.SANDBOX, "r = tools.system('exit 3') != 0", tools=tools) == {"r": True}


@pytest.mark.parametrize("mode", RUNNING)
def test_objects_of_an_engine_module_stay_data(mode: ScriptMode) -> None:
    class Rule:
        def decide(self) -> int:
            return 2

    data = execute(mode, "rule = make()\nr = rule.decide()", make=Rule)
    assert data["r"] == 2
    assert isinstance(data["rule"], Rule)


@pytest.mark.parametrize("mode", RUNNING)
def test_print_goes_to_standard_error_without_control_characters(mode: ScriptMode) -> None:
    stream = io.StringIO()
    environment = make_script_engine(mode, stderr=stream).environment
    environment.execute("print('a', 1, sep='-')\nprint('b\\x1b[31m', end='!', flush=True)", {})
    assert stream.getvalue() == "a-1\nb!"


def test_print_goes_to_the_standard_error_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    execute(ScriptMode.SANDBOX, "print('hello')")
    assert capsys.readouterr() == ("", "hello\n")


def test_a_trusted_script_cannot_poison_the_built_ins_of_the_next() -> None:
    environment = make_script_engine(ScriptMode.TRUSTED).environment
    data: dict[str, Any] = {}
    environment.execute("__builtins__['len'] = None", data)
    environment.execute("r = len('ab')", data)
    assert data == {"r": 2}


# Expressions


@pytest.mark.parametrize("mode", list(ScriptMode))
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("n > 2 and order['total'] < 100", True),
        ("not n or n == 3", True),
        ("'PT1H'", "PT1H"),
        ("1 < n <= 3", True),
        ("n * 2 + 1 - 7 // 2 % 3 / 1", 7.0),
        ("items[0] if n else items[1:]", "a"),
        ("n in (1, 2, 3) and None is not n", True),
        ("[n, {'a': -n}, {1}]", [3, {"a": -3}, {1}]),
        ("  n\n", 3),
    ],
)
def test_plain_expressions_have_a_value_in_every_mode(mode: ScriptMode, expression: str, value: Any) -> None:
    data = {"n": 3, "order": {"total": 10}, "items": ["a", "b"]}
    assert make_script_engine(mode).environment.evaluate(expression, data) == value
    assert check_script(expression, expression=True, mode=mode) == []


@pytest.mark.parametrize("mode", RUNNING)
def test_expressions_see_data_objects_and_data_first(mode: ScriptMode) -> None:
    environment = make_script_engine(mode, functions={"a": 1, "b": 1, "c": 1}).environment
    assert environment.evaluate("[a, b, c]", {"c": 3}, {"b": 2, "c": 2}) == [1, 2, 3]


@pytest.mark.parametrize("mode", RUNNING)
def test_an_expression_leaves_no_name_behind(mode: ScriptMode) -> None:
    data = {"n": 1}
    assert make_script_engine(mode).environment.evaluate("(m := n + 1)", data) == 2
    assert data == {"n": 1}


@pytest.mark.parametrize("mode", RUNNING)
def test_looking_into_a_message_that_is_no_mapping_says_so(mode: ScriptMode) -> None:
    with pytest.raises(ScriptFailure, match="no names to look up in a str"):
        make_script_engine(mode).environment.evaluate("customer", "text")


@pytest.mark.parametrize("mode", list(ScriptMode))
def test_an_empty_expression_is_an_error(mode: ScriptMode) -> None:
    with pytest.raises(ScriptFailure, match="the expression is empty"):
        make_script_engine(mode).environment.evaluate("  \n", {})


def test_what_is_no_text_is_an_error() -> None:
    with pytest.raises(ScriptFailure, match="is text, not NoneType"):
        make_script_engine(ScriptMode.SANDBOX).environment.execute(None, {})


def test_a_text_that_cannot_be_encoded_is_no_script() -> None:
    assert failure(ScriptMode.SANDBOX, "x = '\ud800'").kind == "SyntaxError"


# Off


@pytest.mark.parametrize("script", ["a = 1", "", "pass"])
def test_no_script_runs_when_scripts_are_off(script: str) -> None:
    assert failure(ScriptMode.OFF, script).kind == "ScriptsOff"


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("len(items)", "a call"),
        ("order.total", "an attribute"),
        ("[x for x in items]", "a list comp"),
        ("lambda: 1", "a lambda"),
        ("f'{n}'", "a joined str"),
        ("2 ** n", "a pow"),
        ("(x := 1)", "a named expr"),
    ],
)
def test_no_expression_that_does_something_runs_when_scripts_are_off(expression: str, word: str) -> None:
    with pytest.raises(ScriptFailure) as caught:
        make_script_engine(ScriptMode.OFF).environment.evaluate(expression, {"n": 1, "items": []})
    assert caught.value.kind == "ScriptsOff"
    assert caught.value.detail == f"scripts are off, and this expression uses {word}"
    assert "--scripts sandbox" in (caught.value.hint or "")


def test_multiplication_is_guarded_when_scripts_are_off() -> None:
    with pytest.raises(ScriptFailure, match="MemoryError"):
        make_script_engine(ScriptMode.OFF).environment.evaluate("'a' * n", {"n": 10**12})


# Failures


@pytest.mark.parametrize("mode", RUNNING)
@pytest.mark.parametrize(
    ("script", "kind", "detail", "line"),
    [
        ("a = 1\nraise KeyError(5)", "KeyError", "5", 2),
        ("{}[1]", "KeyError", "1", 1),
        ("\n\nx = [][3]", "IndexError", "list index out of range", 3),
        ("def f():\n    return 1 / 0\n\nf()", "ZeroDivisionError", "division by zero", 2),
        ("raise ValueError", "ValueError", "", 1),
        ("a = 1\nb = nothing", "NameError", "name 'nothing' is not defined", 2),
        ("assert 1 > 2, 'too small'", "AssertionError", "too small", 1),
        ("a = 1\nb = (\n", "SyntaxError", "'(' was never closed", 2),
        ("a = 1\n  b = 2", "SyntaxError", "unexpected indent", 2),
        ("return 5", "SyntaxError", "'return' outside function", 1),
    ],
)
def test_a_failure_says_what_and_where(mode: ScriptMode, script: str, kind: str, detail: str, line: int) -> None:
    error = failure(mode, script)
    assert (error.kind, error.detail, error.line) == (kind, detail, line)
    assert error.source_line == script.splitlines()[line - 1]
    assert str(error).startswith(kind)


@pytest.mark.parametrize("mode", RUNNING)
def test_a_misspelt_name_gets_a_suggestion(mode: ScriptMode) -> None:
    assert failure(mode, "r = quantty + 1", {"quantity": 1}).hint == "Did you mean quantity?"


def test_a_built_in_that_scripts_do_not_get_comes_with_a_way_out() -> None:
    error = failure(ScriptMode.SANDBOX, "open('x')")
    assert error.kind == "PermissionError"
    assert error.hint == "Offer a function that reads or writes the file in an engine module."


@pytest.mark.parametrize("mode", RUNNING)
def test_the_line_is_that_of_the_script_when_a_function_of_the_engine_module_fails(mode: ScriptMode) -> None:
    error = failure(mode, "a = 1\nb = root(-1)", root=math.sqrt)
    assert (error.kind, error.line) == ("ValueError", 2)


@pytest.mark.parametrize("mode", RUNNING)
def test_an_exception_without_a_message_of_its_own_is_told_anyway(mode: ScriptMode) -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise OddError

    assert failure(mode, "fail()", fail=fail).detail == "(no message: RuntimeError while making it)"


@pytest.mark.parametrize("mode", RUNNING)
def test_assertions_and_warnings_of_scripts_do_not_depend_on_the_interpreter(mode: ScriptMode) -> None:
    assert execute(mode, "r = '\\d'\ns = r is 'x'") == {"r": "\\d", "s": False}
