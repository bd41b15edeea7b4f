"""From source text to code, once per text."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import lru_cache
from types import CodeType
from typing import Final, Literal, TypeVar

from msgspec import Struct

from spiffcli.sandbox.limits import SCRIPT_FILE, bounded_recursion, deep_recursion
from spiffcli.sandbox.modes import ScriptMode, ScriptProblem
from spiffcli.sandbox.policy import ScriptPolicy

Kind = Literal["exec", "eval"]
T = TypeVar("T")

#: Scripts and expressions kept compiled per process run.
_CACHED: Final = 4096

#: What an expression may consist of that needs neither guards nor limits.
_PLAIN: Final = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop),
    *(ast.UnaryOp, ast.unaryop, ast.Subscript, ast.Slice, ast.IfExp, ast.Tuple, ast.List, ast.Set, ast.Dict),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Div),
)
#: What remains of expressions when scripts are off.
_ARITHMETIC: Final = (*_PLAIN, ast.Mult, ast.FloorDiv, ast.Mod)

#: The question mark that stands for the input of a cell, outside of quotes.
_INPUT_MARK: Final = re.compile(r"""("[^"]*"|'[^']*')|\?""")

_OFF_HINT: Final = (
    "Run with --scripts restricted, or write the expression with names, items, comparisons and arithmetic."
)


class ScriptRefusedError(Exception):
    """A script that does not compile.

    Attributes:
        problems: Why, in the order of the script.
        kind: `SyntaxError` or `ScriptRefused`.
    """

    def __init__(self, problems: list[ScriptProblem], kind: str = "ScriptRefused") -> None:
        super().__init__(problems[0].message)
        self.problems = problems
        self.kind = kind


class Compiled(Struct, frozen=True):
    """A script or expression ready to run.

    Attributes:
        code: Runs in a namespace that holds the guards (unless the mode is trusted).
        plain: Whether it can neither loop nor call, so that it needs no limits.
        names: Every name it says.
    """

    code: CodeType
    plain: bool
    names: frozenset[str]


@lru_cache(maxsize=_CACHED)
def compiled(source: str, kind: Kind, mode: ScriptMode) -> Compiled:
    """Check and compile a script or expression.

    Raises:
        ScriptRefusedError: It is not Python, or the mode does not allow it.
    """
    tree = parsed(source, kind)
    nodes = list(ast.walk(tree))
    plain = kind == "eval" and all(isinstance(node, _PLAIN) for node in nodes)
    names = frozenset(node.id for node in nodes if isinstance(node, ast.Name))
    if mode is ScriptMode.OFF:
        _check_off(tree, kind)
    if mode is not ScriptMode.TRUSTED:
        policy = ScriptPolicy()
        tree = _rewritten(policy, tree)
        if policy.problems:
            raise ScriptRefusedError(sorted(policy.problems, key=lambda problem: problem.line))
    return Compiled(_code(tree, kind), plain, names)


def check(
    source: str, kind: Kind, mode: ScriptMode = ScriptMode.RESTRICTED, functions: Iterable[str] = ()
) -> list[ScriptProblem]:
    """What of a script or expression would not run, in the order of its lines; empty where everything would."""
    try:
        tree = parsed(source, kind)
        if mode is ScriptMode.OFF:
            _check_off(tree, kind)
        if mode is ScriptMode.TRUSTED:
            _code(tree, kind)
            return []
        policy = ScriptPolicy()
        rewritten = _rewritten(policy, tree)
        problems = policy.problems + policy.forecasts(functions)
        if not problems:
            _code(rewritten, kind)
    except ScriptRefusedError as error:
        return error.problems
    return sorted(problems, key=lambda problem: problem.line)


def check_cell(source: str, mode: ScriptMode, functions: Iterable[str]) -> list[ScriptProblem]:
    """Like `check` for an input cell of a decision table: a value to compare with, or the rest of a comparison."""
    text = _INPUT_MARK.sub(lambda found: found[1] or "value", source)
    return check(text if syntax_error(text) is None else f"value {text}", "eval", mode, functions)


def parsed(source: str, kind: Kind) -> ast.AST:
    """The syntax tree of a script or expression.

    Raises:
        ScriptRefusedError: It is not Python.
    """
    if kind == "exec":
        return _careful(lambda: ast.parse(source, SCRIPT_FILE, "exec"))
    text = source.strip()
    if not text:
        raise _not_python(1, "the expression is empty")
    before = source[: len(source) - len(source.lstrip())].count("\n")
    return _careful(lambda: ast.parse("\n" * before + text, SCRIPT_FILE, "eval"))


@lru_cache(maxsize=_CACHED)
def syntax_error(source: str) -> str | None:
    """Why a text is not Python, or None where it is."""
    try:
        _careful(lambda: ast.parse(source))
    except ScriptRefusedError as error:
        return str(error)
    return None


def _code(tree: ast.AST, kind: Kind) -> CodeType:
    # Assertions stay also where the interpreter runs with -O.
    return _careful(lambda: compile(tree, SCRIPT_FILE, kind, dont_inherit=True, optimize=0))  # type: ignore[call-overload]


def _careful(step: Callable[[], T], room: Callable[[], AbstractContextManager[None]] = bounded_recursion) -> T:
    """`step()` with its errors as ours, and without warnings."""
    try:
        with room(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return step()
    except SyntaxError as error:
        raise _not_python(error.lineno or 1, error.msg) from error
    except (RecursionError, MemoryError) as error:
        raise _not_python(1, "the code is nested too deeply") from error
    except ValueError as error:  # null characters
        raise _not_python(1, str(error)) from error


def _not_python(line: int, message: str) -> ScriptRefusedError:
    return ScriptRefusedError([ScriptProblem(line, f"{message[:1].lower()}{message[1:]}")], "SyntaxError")


def _rewritten(policy: ScriptPolicy, tree: ast.AST) -> ast.AST:
    return _careful(lambda: ast.fix_missing_locations(policy.visit(tree)), deep_recursion)


def _check_off(tree: ast.AST, kind: Kind) -> None:
    if kind == "exec":
        raise ScriptRefusedError([ScriptProblem(1, "scripts are off", "Run with --scripts restricted.")], "ScriptsOff")
    for node in ast.walk(tree):
        if not isinstance(node, _ARITHMETIC):
            line = getattr(node, "lineno", 1)
            message = f"scripts are off, and this expression uses {_word(node)}"
            raise ScriptRefusedError([ScriptProblem(line, message, _OFF_HINT)], "ScriptsOff")


def _word(node: ast.AST) -> str:
    """A kind of node in words: `a call`, `a list comp` ..."""
    name = "".join(" " + c.lower() if c.isupper() else c for c in type(node).__name__).strip()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
