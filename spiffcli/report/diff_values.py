"""Old and new value of a change, as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from spiffcli.diff import Change
from spiffcli.report.lines import Line, count, fold, fold_code, line, listed
from spiffcli.text import one_line

#: Lines that one change may take; JSON has the rest.
MOST_LINES = 60

#: Lines of an added or removed text that are shown.
_MOST_OF_NEW = 12

#: What the head of a block, its flows or its place says already.
_SAID = frozenset({"type", "name", "order", "source", "target", "node"})

#: Last steps of paths whose values are sentences or code, and read best one below the other.
_TEXTS = frozenset({"body", "script", "pre_script", "post_script", "condition", "expression", "instructions",
                    "documentation", "text", "description"})  # fmt: skip


def value_lines(change: Change, width: int) -> Iterator[Line]:
    """What was and what is, in lines of at most `width` columns, no more than `MOST_LINES` of them."""
    lines = _lines(change, width)
    yield from islice(lines, MOST_LINES)
    left = sum(1 for _ in lines)
    if left:
        yield line(f"... and {count(left, 'more line')}; --format json has them all", "dim")


def _lines(change: Change, width: int) -> Iterator[Line]:
    if change.kind == "layout":
        yield from fold(_drawing(change), width)
    elif change.rule == "script-variables-changed":
        yield from fold(variables(change), width, "  ", "")
    elif change.path in ("", "id"):
        facts = change.new if change.kind == "added" else change.old
        yield from _connection(facts, width)
        yield from _facts(facts, width, change.kind == "added")
    elif isinstance(change.old, dict) or isinstance(change.new, dict):
        yield from _part(_label(change), change.old, change.new, width)
    else:
        yield from _pair(_label(change), change.path, change.old, change.new, width)


def _label(change: Change) -> str:
    """The path, unless the name of the rule says it."""
    head = change.path.partition(".")[0].partition("[")[0].replace("_", "-")
    told = head and f"-{head}-" in f"-{change.rule}-" and "[" not in change.path
    return "" if told else change.path


def _pair(label: str, path: str, old: Any, new: Any, width: int) -> Iterator[Line]:
    """One value before and now."""
    before, after = shown(old), shown(new)
    prefix = f"{label}: " if label else ""
    if "\n" in f"{before}{after}":
        if label:
            yield line(f"{label}:")
        yield from _text_diff(old, new, width)
        return
    on_one_line = f"{prefix}{_quoted(old)} -> {_quoted(new)}"
    if len(on_one_line) <= width and path.rpartition(".")[2].partition("[")[0] not in _TEXTS:
        yield line(on_one_line)
        return
    if label:
        yield line(f"{label}:")
    if old is not None:
        yield from fold(before, width, "  ", "- ", "removed")
    if new is not None:
        yield from fold(after, width, "  ", "+ ", "added")


def _text_diff(old: Any, new: Any, width: int) -> Iterator[Line]:
    from difflib import unified_diff  # most diffs need none

    before = [] if old is None else shown(old).splitlines()
    after = [] if new is None else shown(new).splitlines()
    hunks = list(unified_diff(before, after, n=2, lineterm=""))[2:]
    several = sum(text.startswith("@@") for text in hunks) > 1
    for text in hunks:
        mark, content = text[0], text[1:]
        if mark == "@":
            if several:
                yield line(f"@@ line {_line_of(text)}", "dim")
        elif mark == "-":
            yield from fold_code(content, width, "- ", "removed")
        elif mark == "+":
            yield from fold_code(content, width, "+ ", "added")
        else:
            yield from fold_code(content, width, "  ", "dim")
    if not hunks:  # they differ in what is no line of its own, such as a line end
        yield line("only blank characters at the end differ", "dim")


def _line_of(header: str) -> str:
    return header.split("+")[1].split(" ")[0].split(",")[0]


def _part(label: str, old: Any, new: Any, width: int) -> Iterator[Line]:
    """Something with facts of its own that came, went, or became something else."""
    if label:
        yield line(f"{label}:")
    before, after = _mapping(old), _mapping(new)
    for path in dict.fromkeys((*before, *after)):
        if path in before and path in after and before[path] == after[path]:
            continue
        if path in before:
            yield from _signed("- ", path, before[path], width, "removed")
        if path in after:
            yield from _signed("+ ", path, after[path], width, "added")


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"": value}


def _signed(mark: str, path: str, value: Any, width: int, style: Any) -> Iterator[Line]:
    text = shown(value)
    head = f"{mark}{path}: " if path else mark
    if "\n" not in text:
        yield from fold(text, width, "    ", head, style)
        return
    yield line(head.rstrip(), style)
    for each in text.splitlines():
        yield from fold_code(each, width, "    ", style)


def _connection(facts: Any, width: int) -> Iterator[Line]:
    """From where to where a flow or a data association leads."""
    said = _mapping(facts)
    if "source" in said or "target" in said or "node" in said:
        source, target = (said.get(end) or said.get("node") or "nowhere" for end in ("source", "target"))
        yield from fold(f"{one_line(source)} -> {one_line(target)}", width, "  ", "")


def _facts(facts: Any, width: int, added: bool) -> Iterator[Line]:
    """What an element says that came or went."""
    for path, value in _mapping(facts).items():
        if path in _SAID or not path or path.startswith("extensions["):
            continue
        text = shown(value)
        if "\n" not in text:
            yield from fold(text, width, "  ", f"{path}: ")
            continue
        yield line(f"{path}:")
        lines = text.strip("\n").splitlines()
        for each in lines[:_MOST_OF_NEW]:
            yield from fold_code(each, width, "  ", "added" if added else "removed")
        if len(lines) > _MOST_OF_NEW:
            yield line(f"  ... and {count(len(lines) - _MOST_OF_NEW, 'more line')}", "dim")


def variables(change: Change) -> str:
    """What a `script-variables-changed` says."""
    name = change.path.removeprefix("reads[").removesuffix("]")
    setters = [listed(list(value)) if value else "" for value in (change.old, change.new)]
    if setters[1]:
        return f"reads {name}, which {setters[1]} now sets; before, nothing in the process set it"
    return f"reads {name}, which {setters[0]} set; now nothing in the process sets it"


def _drawing(change: Change) -> str:
    before, after = (_place(value) for value in (change.old, change.new))
    return f"drawn at {before}, now at {after}" if before and after and before != after else "drawn differently"


def _place(value: Any) -> str:
    shape = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}
    bounds = shape.get("bounds")
    return f"({_number(bounds[0])}, {_number(bounds[1])})" if bounds else ""


def _number(value: float) -> str:
    return f"{value:g}"


def shown(value: Any) -> str:
    """A value as text, without quotation marks."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(shown(each) for each in value) or "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(each)}" for key, each in value.items())
    return str(value)


def _quoted(value: Any) -> str:
    return f'"{one_line(value)}"' if isinstance(value, str) else one_line(shown(value))


def values_text(change: Change, width: int) -> Iterable[str]:
    """The same as plain text, one entry per line."""
    from spiffcli.report.lines import plain

    return plain(value_lines(change, width)).splitlines()
