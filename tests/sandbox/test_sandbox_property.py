"""Whatever expression of plain operators: it has the value in the sandbox that Python gives it, or none."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spiffcli.engine.script_engine import ScriptFailure, make_script_engine
from spiffcli.sandbox import ScriptMode

DATA = {"n": 3, "m": -2, "x": 2.5, "s": "ab", "items": [1, 2, 3], "order": {"total": 10, "name": "tea"}, "none": None}
ATOMS = [
    *("n", "m", "x", "s", "items", "order", "none", "True", "0", "7", "'%s-%d'", "'{:>5}'", "[]", "(1, 'a')"),
    *("order['total']", "order['name']", "items[0]", "items[-1:]", "s[0]", "order.get('none')", "s.upper()"),
]
BINARY = [
    *("+", "-", "*", "/", "//", "%", "**", "<<", ">>", "|", "&", "^"),
    *("==", "!=", "<", ">=", "in", "not in", "is", "and", "or"),
]
TEMPLATES = [
    *("({0} {op} {1})", "({0} {op} {1})", "(not {0})", "(-{0})", "({0} if {1} else {0})", "[{0}, {1}]", "{0}[{1}]"),
    *("f'{{{0}}}|{{{1}!r:>8}}'", "'{{}} {{!r:<4}}'.format({0}, {1})", "[i for i in {0} if i != {1}]", "len({0})"),
    *("sorted({0})", "sum({0})", "str({0})", "(lambda a, b=1: [a, b])({0}, {1})", "isinstance({0}, (int, str))"),
]


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def fill(template: str, left: str, right: str, op: str) -> str:
        if template.startswith("f'") and ("'" in left + right or "{" in left + right):
            left, right = "n", "x"  # no quotes and braces inside an f-string before Python 3.12
        return template.format(left, right, op=op)

    return st.builds(fill, st.sampled_from(TEMPLATES), inner, inner, st.sampled_from(BINARY))


EXPRESSIONS = st.recursive(st.sampled_from(ATOMS), nested, max_leaves=6)


def outcome(mode: ScriptMode, expression: str) -> tuple[str, str] | None:
    """Type and text of the value; None where there is none."""
    try:
        value: Any = make_script_engine(mode, time_limit_s=5).environment.evaluate(expression, DATA)
    except ScriptFailure:
        return None
    return type(value).__name__, repr(value)


@given(EXPRESSIONS)
def test_an_expression_has_the_same_value_in_both_modes(expression: str) -> None:
    sandboxed = outcome(ScriptMode.SANDBOX, expression)
    if sandboxed is not None:
        assert sandboxed == outcome(ScriptMode.TRUSTED, expression)
