"""What is said about scripts before they run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from spiffcli.engine.script_engine import check_script
from spiffcli.sandbox import ScriptMode, ScriptProblem


def test_every_problem_is_told_with_its_line() -> None:
    script = "import os\nx = 1\nclass A(B):\n    pass\ndef f():\n    yield x\n"
    assert [(problem.line, problem.message) for problem in check_script(script)] == [
        (1, "the module 'os' is not available to scripts"),
        (3, "a class of a script cannot inherit"),
        (6, "yield is not available to scripts"),
    ]


@pytest.mark.parametrize(
    ("script", "message", "hint"),
    [
        ("import os", "the module 'os' is not available to scripts", "Available are base64, calendar,"),
        ("from math import *", "import * is not available to scripts", "Name what you need from math."),
        ("from math import nix", "cannot import name 'nix' from 'math'", "Write it in another way"),
        ("class A(dict): pass", "a class of a script cannot inherit", "Write the class without a base"),
        ("async def f(): pass", "async functions are not available to scripts", ""),
        ("open('x')", "open() is not available to scripts", "Offer a function"),
        ("del x.y", "a script cannot delete attributes", "Set it to None"),
        ("def f():\n    yield 1", "yield is not available to scripts", "Collect the values"),
        ("r = " + "-" * 400 + "1", "Source is too deeply nested", "Write it in another way"),
    ],
)
def test_a_problem_comes_with_a_way_out(script: str, message: str, hint: str) -> None:
    problem = check_script(script)[0]
    assert problem.message.startswith(message)
    assert (problem.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("source", "expression", "problem"),
    [
        ("a = (", False, ScriptProblem(1, "'(' was never closed")),
        ("a = 1\nreturn a", False, ScriptProblem(2, "'return' outside function")),
        ("a = 1", True, ScriptProblem(1, "invalid syntax")),
        ("", True, ScriptProblem(1, "the expression is empty")),
        ("PT1H", True, None),
        ("\n  n >\n", True, ScriptProblem(2, "invalid syntax")),
        ("", False, None),
    ],
)
@pytest.mark.parametrize("mode", [ScriptMode.SANDBOX, ScriptMode.TRUSTED])
def test_what_is_no_python_is_a_problem_in_every_mode(
    mode: ScriptMode, source: str, expression: bool, problem: ScriptProblem | None
) -> None:
    found = check_script(source, expression=expression, mode=mode)
    if problem is None:
        assert found == []
    else:
        assert found[0].line == problem.line
        assert found[0].message.startswith(problem.message)


def test_a_built_in_is_no_problem_where_something_else_has_its_name() -> None:
    assert check_script("def open(x): return x\nr = open(1)") == []
    assert check_script("def f(input): return input(1)") == []
    assert check_script("r = open(1)", functions=["open"]) == []
    assert check_script("r = type + input") == []


def test_trusted_scripts_may_do_anything() -> None:
    assert check_script("import os\nclass A: pass\nopen('x').__class__", mode=ScriptMode.TRUSTED) == []


def test_every_script_is_a_problem_when_scripts_are_off() -> None:
    assert check_script("a = 1", mode=ScriptMode.OFF)[0].message == "scripts are off"
    assert check_script("f(1)", expression=True, mode=ScriptMode.OFF)[0].message.endswith("uses a call")


@pytest.mark.parametrize(
    "cell", ["> 3", "5", "'red'", "4 < ? < 6", "in ('a', '?')", "not in x", "== len(y)", "? == '?'"]
)
def test_cells_of_decision_tables_may_be_half_a_comparison(cell: str) -> None:
    assert check_script(cell, cell=True) == []


def test_a_cell_that_is_neither_is_a_problem() -> None:
    assert check_script("]1 to 10[", cell=True) != []
    assert check_script("> open('x')", cell=True) != []


def test_the_modes_are_cheap_to_import() -> None:
    code = "import sys; import spiffcli.sandbox.source as m; print(*m.ScriptMode)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["sandbox", "trusted", "off"]
