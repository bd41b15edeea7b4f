"""The text of a script: what it reads and binds, what the sandbox cannot run of it, and its form for the sandbox."""

from __future__ import annotations

import ast
import re
import symtable
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache
from types import CodeType
from typing import Final, Literal, TypeVar

from msgspec import Struct

Kind = Literal["exec", "eval"]
T = TypeVar("T")

#: File name in the code objects of scripts, by which their frames are known.
SCRIPT_FILE: Final = "<script>"

#: Scripts and expressions kept parsed per process run.
_CACHED: Final = 4096

#: Frames that a syntax tree may need above its caller.
_DEPTH: Final = 1000

#: What an expression may consist of that can neither loop, call nor grow: it is evaluated without a sandbox.
_PLAIN: Final = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop),
    *(ast.UnaryOp, ast.unaryop, ast.Subscript, ast.Slice, ast.IfExp, ast.Tuple, ast.List, ast.Set, ast.Dict),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Div),
)

#: What remains of expressions when scripts are off.
_ARITHMETIC: Final = (*_PLAIN, ast.Mult, ast.FloorDiv, ast.Mod)

#: The question mark that stands for the input of a cell, outside of quotes.
_INPUT_MARK: Final = re.compile(r"""("[^"]*"|'[^']*')|\?""")

_OFF_HINT: Final = "Run with --scripts sandbox, or write the expression with names, items, comparisons and arithmetic."

#: What a name holds after `del` in the sandbox, which has no such statement; by it the name is found and dropped.
DELETED: Final = "this name was deleted"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Modules that scripts may import.
MODULES: Final = _words(
    "base64 calendar collections copy csv dataclasses datetime decimal functools hashlib itertools json math "
    "random re string sys textwrap time typing unicodedata uuid"
)

#: Built-in functions that scripts do not get, and what to use instead.
REFUSED_BUILTINS: Final = {
    "__import__": "Use an import statement.",
    "breakpoint": None,
    "bytearray": "Use bytes or a list of numbers.",
    "compile": None,
    "exit": "To end a script early, put the rest into an if block; to fail, raise an exception.",
    "globals": "Test a variable with `try: name ... except NameError`.",
    "help": None,
    "input": "Use a user task to ask somebody.",
    "memoryview": None,
    "open": "Offer a function that reads or writes the file in an engine module.",
    "quit": "To end a script early, put the rest into an if block; to fail, raise an exception.",
    "vars": None,
}

#: Names that every script has, whatever the data.
BUILTINS: Final = _words(
    "ArithmeticError AssertionError AttributeError BaseException Exception False IndexError KeyError LookupError "
    "NameError None NotImplementedError OverflowError RuntimeError StopIteration TimeoutError True TypeError "
    "ValueError ZeroDivisionError abs all any bin bool bytes callable chr dict dir divmod enumerate eval exec "
    "filter float format frozenset getattr hasattr hash hex id int isinstance iter len list locals map max "
    "min next object oct ord pow print range repr reversed round set setattr slice sorted str sum tuple type zip"
)


_EXCEPTIONS: Final = frozenset(name for name in BUILTINS if name.endswith(("Error", "Exception"))) | {
    "KeyboardInterrupt",
    "StopIteration",
    "SystemExit",
}


class ScriptMode(StrEnum):
    """How the scripts and expressions of a model run.

    `sandbox` runs them in an interpreter of their own, `trusted` as plain Python in this process, and `off` evaluates
    nothing but comparisons and arithmetic.
    """

    SANDBOX = "sandbox"
    TRUSTED = "trusted"
    OFF = "off"

    @classmethod
    def _missing_(cls, value: object) -> ScriptMode | None:
        return cls.SANDBOX if value == "restricted" else None  # the name it had before


class ScriptProblem(Struct, frozen=True):
    """Something in a script that will not run.

    Attributes:
        line: Line in the script, counted from 1.
        message: What is wrong, as a sentence without a full stop.
        hint: The way out, or None where the message says it all.
    """

    line: int
    message: str
    hint: str | None = None


class ScriptRefusedError(Exception):
    """A script that is not even started.

    Attributes:
        problems: Why, in the order of the script.
        kind: `SyntaxError`, `ScriptRefused` or `ScriptsOff`.
    """

    def __init__(self, problems: list[ScriptProblem], kind: str = "ScriptRefused") -> None:
        super().__init__(problems[0].message)
        self.problems = problems
        self.kind = kind


class Source(Struct, frozen=True):
    """A script or expression, parsed.

    Attributes:
        original: As it was written.
        text: What the sandbox gets; its lines are those of the original.
        tree: Its syntax tree.
        plain: Whether it can neither loop, call nor grow, so that it needs no sandbox.
        reads: Names that it reads and does not only bind.
        binds: Names that it can bind outside of functions.
        sets_attributes: Whether it assigns to attributes.
        typing: Names that it imports for annotations only.
        refused: What it says that the sandbox does not run.
    """

    original: str
    text: str
    tree: ast.Module | ast.Expression
    plain: bool
    reads: frozenset[str]
    binds: frozenset[str]
    sets_attributes: bool
    typing: frozenset[str] = frozenset()
    refused: tuple[ScriptProblem, ...] = ()

    def line_of(self, name: str) -> int | None:
        """Return the last line that binds a name."""
        lines = [
            node.lineno
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        ]
        return max(lines, default=None)


@lru_cache(maxsize=_CACHED)
def read_source(source: str, kind: Kind) -> Source:
    """Parse a script or expression.

    Raises:
        ScriptRefusedError: It is not Python, or says something that cannot be written for the sandbox.
    """
    tree = parsed(source, kind)
    nodes = list(ast.walk(tree))
    names = frozenset(node.id for node in nodes if isinstance(node, ast.Name))
    if kind == "eval":
        plain = all(isinstance(node, _PLAIN) for node in nodes)
        return Source(source, _for_sandbox(source.strip(), nodes), tree, plain, names, frozenset(), False)
    table = _careful(lambda: symtable.symtable(source, SCRIPT_FILE, "exec"))
    binds = frozenset(_bound(table, top=True))
    updated = {
        each.target.id for each in nodes if isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name)
    }
    reads = frozenset(_referenced(table)) | updated | {name for each in nodes for name in _deleted(each)}
    sets = any(isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) for node in nodes)
    typing = {
        alias.asname or alias.name
        for each in nodes
        if isinstance(each, ast.ImportFrom) and each.module == "typing"
        for alias in each.names
    }
    refused = tuple(problem for node in nodes for problem in _refusals(node))
    return Source(source, _for_sandbox(source, nodes), tree, False, reads, binds, sets, frozenset(typing), refused)


def _bound(table: symtable.SymbolTable, *, top: bool) -> Iterator[str]:
    for symbol in table.get_symbols():
        binds = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
        if binds and (top or symbol.is_declared_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _bound(child, top=False)


def _referenced(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _referenced(child)


def _deleted(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Delete):
        yield from (each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name))


def check_off(source: str, kind: Kind) -> None:
    """Raise ScriptRefusedError unless a text may run when scripts are off."""
    if kind == "exec":
        raise ScriptRefusedError([ScriptProblem(1, "scripts are off", "Run with --scripts sandbox.")], "ScriptsOff")
    for node in ast.walk(parsed(source, kind)):
        if not isinstance(node, _ARITHMETIC):
            message = f"scripts are off, and this expression uses {_word(node)}"
            raise ScriptRefusedError([ScriptProblem(getattr(node, "lineno", 1), message, _OFF_HINT)], "ScriptsOff")


def problems_of(source: str, kind: Kind, functions: Iterable[str] = ()) -> list[ScriptProblem]:
    """Return what of a script the sandbox cannot run, as far as its text tells, in the order of its lines."""
    try:
        read = read_source(source, kind)
    except ScriptRefusedError as error:
        return error.problems
    known = read.binds | set(functions)
    nodes = list(ast.walk(read.tree))
    known |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    called = [problem for node in nodes for problem in _unknown_calls(node, known)]
    return sorted(dict.fromkeys((*read.refused, *called)), key=lambda problem: problem.line)


def _unknown_calls(node: ast.AST, known: Iterable[str]) -> Iterator[ScriptProblem]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = node.func.id
        if name in REFUSED_BUILTINS and name not in known:
            yield ScriptProblem(node.lineno, f"{name}() is not available to scripts", REFUSED_BUILTINS[name])


def _refusals(node: ast.AST) -> Iterator[ScriptProblem]:
    if isinstance(node, ast.Import):
        for name in (alias.name for alias in node.names):
            yield from _import_problems(node.lineno, name)
    elif isinstance(node, ast.ImportFrom):
        yield from _import_problems(node.lineno, node.module or "")
        if any(alias.name == "*" for alias in node.names):
            yield ScriptProblem(
                node.lineno, "import * is not available to scripts", f"Name what you need from {node.module}."
            )
    elif isinstance(node, ast.Yield | ast.YieldFrom):
        hint = "Collect the values in a list and return it."
        yield ScriptProblem(node.lineno, "yield is not available to scripts", hint)
    elif isinstance(node, ast.ClassDef) and (node.bases or node.keywords):
        hint = "Write the class without a base, or offer it in an engine module."
        yield ScriptProblem(node.lineno, "a class of a script cannot inherit", hint)
    elif isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
        yield ScriptProblem(node.lineno, "async functions are not available to scripts")


def _import_problems(line: int, module: str) -> Iterator[ScriptProblem]:
    if module not in MODULES and module != "__future__":
        hint = f"Available are {', '.join(sorted(MODULES))}. Offer others in an engine module."
        yield ScriptProblem(line, f"the module '{module}' is not available to scripts", hint)


def cell_text(source: str) -> str:
    """Return an input cell of a decision table as an expression: cells may be half a comparison (`> 3`)."""
    text = _INPUT_MARK.sub(lambda found: found[1] or "value", source)
    return text if syntax_error(text) is None else f"value {text}"


def parsed(source: str, kind: Kind) -> ast.Module | ast.Expression:
    """Return the syntax tree of a script or expression.

    Raises:
        ScriptRefusedError: It is not Python.
    """
    if kind == "exec":
        tree = _careful(lambda: ast.parse(source, SCRIPT_FILE, "exec"))
        _careful(lambda: compile(tree, SCRIPT_FILE, "exec", dont_inherit=True))  # `return` outside of a function
        return tree
    text = source.strip()
    if not text:
        raise _not_python(1, "the expression is empty")
    before = source[: len(source) - len(source.lstrip())].count("\n")
    return _careful(lambda: ast.parse("\n" * before + text, SCRIPT_FILE, "eval"))


@lru_cache(maxsize=_CACHED)
def compiled(source: str, kind: Kind) -> CodeType:
    """Return a script or expression as Python runs it.

    Raises:
        ScriptRefusedError: It is not Python.
    """
    tree = parsed(source, kind)
    # Assertions stay also where the interpreter runs with -O.
    return _careful(lambda: compile(tree, SCRIPT_FILE, kind, dont_inherit=True, optimize=0))


@lru_cache(maxsize=_CACHED)
def syntax_error(source: str) -> str | None:
    """Return why a text is not Python, or None where it is."""
    try:
        _careful(lambda: ast.parse(source))
    except ScriptRefusedError as error:
        return str(error)
    return None


def _careful(step: Callable[[], T]) -> T:
    """Call `step()`, with its errors as ours, and without warnings."""
    try:
        with _bounded_recursion(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return step()
    except SyntaxError as error:
        raise _not_python(error.lineno or 1, error.msg) from error
    except (RecursionError, MemoryError) as error:
        raise _not_python(1, "the code is nested too deeply") from error
    except ValueError as error:  # null characters
        raise _not_python(1, str(error)) from error


@contextmanager
def _bounded_recursion() -> Iterator[None]:
    """Where the program allows more recursion than usual, code that recurses through C could overflow its stack."""
    before = sys.getrecursionlimit()
    if before > 2 * _DEPTH:
        depth, frame = 0, sys._getframe()
        while (caller := frame.f_back) is not None:
            depth, frame = depth + 1, caller
        sys.setrecursionlimit(min(before, 2 * depth + _DEPTH))  # twice: calls from C count, but leave no frame
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _not_python(line: int, message: str) -> ScriptRefusedError:
    return ScriptRefusedError([ScriptProblem(line, f"{message[:1].lower()}{message[1:]}")], "SyntaxError")


def _word(node: ast.AST) -> str:
    """Name a kind of node in words: `a call`, `a list comp` ..."""
    name = "".join(" " + c.lower() if c.isupper() else c for c in type(node).__name__).strip()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _for_sandbox(source: str, nodes: Iterable[ast.AST]) -> str:
    """Write what the interpreter of the sandbox has not in words that it has, each line where it was.

    `del` pops items, empties slices and marks names; what `next` is to take from a generator is an iterator of a list;
    an exception gets its argument as text.
    """
    edits = [(node, text) for node in nodes if isinstance(node, ast.stmt | ast.expr) and (text := _edit(source, node))]
    lines = source.split("\n")
    done: list[tuple[int, int]] = []
    for node, text in sorted(edits, key=lambda each: (each[0].lineno, each[0].col_offset), reverse=True):
        if any(
            node.lineno <= line and (node.lineno, node.col_offset) <= (line, column) < _end(node)
            for line, column in done
        ):
            continue  # something inside of it was written anew: once is enough
        first, last = node.lineno - 1, _end(node)[0] - 1
        head = lines[first].encode()[: node.col_offset].decode()
        tail = lines[last].encode()[node.end_col_offset :].decode()
        rest = last - first - text.count("\n")
        lines[first : last + 1] = [*f"{head}{text}{tail}".split("\n"), *[""] * rest]
        done.append((node.lineno, node.col_offset))
    return "\n".join(lines)


def _end(node: ast.stmt | ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _edit(source: str, node: ast.AST) -> str | None:
    if isinstance(node, ast.Delete):
        return "; ".join(part for target in node.targets for part in _removed(source, target))
    if isinstance(node, ast.GeneratorExp):
        return f"(iter{ast.get_source_segment(source, node)})"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _EXCEPTIONS:
        single = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if single is not None and not isinstance(single, ast.Starred | ast.JoinedStr) and not _is_text(single):
            return f"{node.func.id}(str({ast.get_source_segment(source, single)}))"
    return None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _removed(source: str, target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _removed(source, part)
    elif isinstance(target, ast.Name):
        yield f"{target.id} = NameError({DELETED!r})"
    elif isinstance(target, ast.Subscript):
        of, item = (
            " ".join((ast.get_source_segment(source, each) or "").split("\n")) for each in (target.value, target.slice)
        )
        if isinstance(target.slice, ast.Slice):
            yield f"{of}[{item}] = []"
        else:
            yield f"{of}.pop(({item}))" if isinstance(target.slice, ast.Tuple) else f"{of}.pop({item})"
    else:
        hint = "Set it to None instead."
        raise ScriptRefusedError([ScriptProblem(target.lineno, "a script cannot delete attributes", hint)])
