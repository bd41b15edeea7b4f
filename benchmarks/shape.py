"""The shape of the code: its size, and what one command runs through.

`python -m benchmarks.shape` prints, for this checkout, files and lines of the package, the longest file, imports inside
functions, and for a few commands on the tutorial models how many files and functions of the package are really run, in
how many packages, and how often one package calls into another. What runs while a module is imported does not count.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "spiffcli"
TUTORIAL = ROOT / "bpmn" / "tutorial"

#: Code that is no function of its own: it belongs to the function around it.
_PARTS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"})


@dataclass
class Run:
    """What one command ran through."""

    files: set[str] = field(default_factory=set)
    functions: set[tuple[str, int]] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    crossings: int = 0


class Recorder:
    """A profile function that notes every call of a function of the package, imports left out."""

    def __init__(self) -> None:
        self.run = Run()
        self._prefix = f"{PACKAGE}{os.sep}"
        self._importing = 0

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Take note of an event of `sys.setprofile`."""
        code = frame.f_code
        if code.co_filename == "<frozen importlib._bootstrap>" and code.co_name == "_find_and_load":
            self._importing += {"call": 1, "return": -1}.get(event, 0)
        elif event == "call" and not self._importing and code.co_filename.startswith(self._prefix):
            self._note(frame)

    def _note(self, frame: FrameType) -> None:
        code = frame.f_code
        package = self._package(code.co_filename)
        self.run.files.add(code.co_filename)
        self.run.packages.add(package)
        if code.co_name not in _PARTS:
            self.run.functions.add((code.co_filename, code.co_firstlineno))
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(self._prefix):
            caller = caller.f_back  # through click, the engine or the standard library
        if caller is not None:
            self.run.crossings += package != self._package(caller.f_code.co_filename)

    def _package(self, filename: str) -> str:
        folder, separator, _ = filename[len(self._prefix) :].partition(os.sep)
        return folder if separator else ""  # files beside the packages are one


def recorded(arguments: Sequence[str]) -> Run:
    """What `runner ARGUMENTS` runs through, in this process and the current folder."""
    from spiffcli.cli.main import main

    recorder = Recorder()
    before = sys.argv
    sys.argv = ["runner", *arguments]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            sys.setprofile(recorder)
            try:
                main()
            except SystemExit as ended:
                code = ended.code
            else:
                code = 0
            finally:
                sys.setprofile(None)
    finally:
        sys.argv = before
    if code not in (0, None):
        raise RuntimeError(f"runner {' '.join(arguments)}: exit {code}\n{out.getvalue()}")
    return recorder.run


def stories() -> Iterator[tuple[str, Run]]:
    """The commands that are measured, each in the state the ones before it left."""
    recorded(_add("top_level", "call_activity"))
    yield "add, 4 models and forms", recorded(_add("top_level_script", "call_activity_script"))
    yield "list_specs", recorded(["list_specs"])
    yield "diff_spec", recorded(["diff_spec", "-o", "order_product@1", "-n", "order_product@2"])
    yield "run to the first person", recorded(["run", "-s", "order_product@1", "-a", "--id", "measured"])
    yield "migrate, 1 instance", recorded(["migrate", "-s", "order_product@2", "-w", "measured"])


def _add(*models: str) -> list[str]:
    files = [f"-b{TUTORIAL / name}.bpmn" for name in models]
    tables = [f"-d{TUTORIAL / name}.dmn" for name in ("product_prices", "shipping_costs")]
    return ["add", "-p", "order_product", *files, *tables]


def sources() -> list[Path]:
    """The files of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def imports_in_functions(tree: ast.AST) -> int:
    """Imports that stand inside of functions, without those for the type checker."""
    return sum(
        isinstance(inner, ast.Import | ast.ImportFrom)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
    )


def show(print_line: Callable[[str], object]) -> None:
    """Measure and tell everything."""
    texts = {file: file.read_text(encoding="utf-8") for file in sources()}
    lines = {file: text.count("\n") for file, text in texts.items()}
    longest = max(lines, key=lambda file: lines[file])
    inside = sum(imports_in_functions(ast.parse(text)) for text in texts.values())
    print_line(
        f"{len(lines)} files, {sum(lines.values()):,} lines; longest {longest.relative_to(ROOT)} ({lines[longest]})"
    )
    print_line(f"{inside} imports inside functions")
    print_line(f"{'command':28}{'files':>7}{'functions':>11}{'packages':>10}{'crossings':>11}")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, run in stories():
            print_line(
                f"{name:28}{len(run.files):>7}{len(run.functions):>11}{len(run.packages):>10}{run.crossings:>11,}"
            )


if __name__ == "__main__":
    show(print)
