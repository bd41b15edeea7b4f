"""Services and models: what is wired to what, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from spiffcli.report.lines import EMPTY, WIDTH, Line, Span, count, fold, line

if TYPE_CHECKING:
    from spiffcli.services.faults import Fault
    from spiffcli.services.registry import Method
    from spiffcli.services.wiring import Described, WiredTask


def faults_document(checked: Sequence[str], faults: Sequence[Fault]) -> dict[str, Any]:
    """A `runner/faults/1` document.

    Args:
        checked: The versions that were looked at, as `key@version`.
    """
    return {
        "schema": "runner/faults/1",
        "checked": list(checked),
        "faults": [fault.to_json() for fault in faults],
        "ok": all(fault.warning for fault in faults),
    }


def fault_lines(checked: Sequence[str], faults: Sequence[Fault], width: int = WIDTH) -> Iterator[Line]:
    """Every fault with its place, its methods and the fix."""
    for fault in faults:
        where = f"{fault.file}:{fault.line}: " if fault.file and fault.line else ""
        place = f"{fault.place}: " if fault.place else ""
        yield from fold(
            f"{where}{place}{fault.message}", width, "  ", "warning  " if fault.warning else "error  ",
            "warn" if fault.warning else "error",
        )  # fmt: skip
        yield from fold(f"Fix: {fault.fix}", width, "    ", "  ")
        yield EMPTY
    errors = sum(not fault.warning for fault in faults)
    warnings = len(faults) - errors
    said = [count(errors, "error")] if errors else []
    said += [count(warnings, "warning")] if warnings else []
    yield line(f"Checked {', '.join(checked) or 'nothing'}: {' and '.join(said) or 'everything is wired'}.")


def wiring_document(described: Sequence[Described]) -> dict[str, Any]:
    """A `runner/wiring/1` document."""
    return {"schema": "runner/wiring/1", "processes": [_process_json(each) for each in described]}


def _process_json(each: Described) -> dict[str, Any]:
    return {
        "process": each.subject.key,
        "version": each.subject.version,
        "definition": each.subject.definition,
        "aggregate": each.aggregate,
        "running": each.subject.instances,
        "tasks": [_task_json(task) for task in each.tasks],
        "expressions": [
            {"element": found.element, "expression": found.text, "names": found.names} for found in each.expressions
        ],
    }


def _task_json(task: WiredTask) -> dict[str, Any]:
    return {
        "element": task.node.id,
        "type": task.node.type,
        "name": task.node.name,
        "task_definition": task.definition,
        "needed": task.needed,
        "asynchronous": task.asynchronous,
        "method": None if task.method is None else _method_json(task.method),
    }


def _method_json(method: Method) -> dict[str, Any]:
    from spiffcli.services.wiring import parameter_text

    return {
        "name": method.label,
        "file": method.file or None,
        "line": method.line or None,
        "parameters": {wanted.name: parameter_text(wanted) for wanted in method.signature.parameters},
    }


def wiring_lines(described: Sequence[Described]) -> Iterator[Line]:
    """A table for each version of a process: tasks with their methods, then expressions with their names."""
    for place, each in enumerate(described):
        if place:
            yield EMPTY
        running = f", {count(each.subject.instances, 'open instance')}" if each.subject.instances else ""
        yield (
            Span(f"{each.subject.key}@{each.subject.version}", "title"),
            Span(f"  works on {each.aggregate}{running}"),
        )
        yield from _table([_cells(task) for task in each.tasks])
        rows = [
            [found.element, found.text, ", ".join(f"{name}: {who}" for name, who in found.names.items())]
            for found in each.expressions
        ]
        yield from _table(rows)


def _cells(task: WiredTask) -> list[str]:
    from spiffcli.services.wiring import parameter_text

    method = task.method
    if method is None:
        return [task.node.id, task.definition or "", "no method", ""]
    wanted = ", ".join(parameter_text(each) for each in method.signature.parameters)
    return [task.node.id, task.definition or "", str(method), f"({wanted})"]


def _table(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        yield line("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
