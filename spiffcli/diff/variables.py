"""Names that scripts and conditions read, and who sets them: finds readers left without a setter."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from spiffcli.diff.collector import Collector
from spiffcli.model import Flow, Node, Process

#: Rules after which a name can have gained or lost a setter.
_TELLING = frozenset(
    {
        "node-added",
        "node-removed",
        "node-type-changed",
        "subprocess-added",
        "subprocess-removed",
        "boundary-added",
        "boundary-removed",
        "script-changed",
        "pre-post-script-changed",
        "service-operator-changed",
        "service-result-changed",
        "decision-ref-changed",
        "variable-mapping-changed",
        "payload-changed",
        "event-definition-type-changed",
        "multi-instance-added",
        "multi-instance-removed",
        "multi-instance-data-changed",
        "form-ref-changed",
        "data-object-added",
        "data-object-removed",
    }
)
_BUILT_IN = frozenset(dir(builtins))


def variable_changes(collector: Collector, old: Process, new: Process, nodes: Mapping[str, str]) -> None:
    """Add changes for what is read on both sides and set by the process on only one.

    Names that neither version sets come from outside (start data, forms, called processes) and say nothing.
    """
    if not any(change.rule in _TELLING for change in collector.changes):
        return
    setters = _setters(old), _setters(new)
    differing = (setters[0].keys() ^ setters[1].keys()) - _maybe_set_unseen(setters, old, new, nodes)
    if not differing:
        return
    for before, after in _readers(old, new, nodes):
        shared = _reads(before, old) & _reads(after, new) & differing
        for name in sorted(shared):
            values = setters[0].get(name), setters[1].get(name)
            collector.note("script-variables-changed", "changed", before, after, f"reads[{name}]", values)


def _maybe_set_unseen(
    setters: tuple[Mapping[str, object], Mapping[str, object]], old: Process, new: Process, nodes: Mapping[str, str]
) -> set[str]:
    """Names without a setter on a side where something stands that may set them without saying so.

    A decision, called process or form that only one side has may be what the other side's setter replaces.
    """
    unseen_before = {nodes.get(id, "") for id in _opaque(old)}
    unseen_after = set(_opaque(new))
    found: set[str] = set()
    if unseen_before - unseen_after:
        found |= setters[1].keys() - setters[0].keys()
    if unseen_after - unseen_before:
        found |= setters[0].keys() - setters[1].keys()
    return found


def _opaque(process: Process) -> Iterator[str]:
    for node in process.nodes.values():
        if (node.decision is not None and not node.decision.result) or node.call is not None or node.form is not None:
            yield node.id


def _readers(old: Process, new: Process, nodes: Mapping[str, str]) -> Iterator[tuple[Node | Flow, Node | Flow]]:
    for before, after in nodes.items():
        yield old.nodes[before], new.nodes[after]
        flows = {new.flows[id].target: new.flows[id] for id in new.nodes[after].outgoing}
        for id in old.nodes[before].outgoing:
            flow = old.flows[id]
            following = flows.get(nodes.get(flow.target or "", ""))
            if following is not None:
                yield flow, following


def _setters(process: Process) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in process.nodes.values():
        for name in sorted(set(_sets(node))):
            found.setdefault(name, []).append(node.id)
    for item in process.data.values():
        if item.type in ("dataObject", "property"):
            found.setdefault(item.id, []).append(item.id)
    return {name: sorted(ids) for name, ids in found.items()}


def _sets(node: Node) -> Iterator[str]:
    for code in _scripts(node):
        yield from _names(code)[0]
    if node.script is not None and node.script.result:
        yield node.script.result
    if node.service is not None and node.service.result:
        yield node.service.result
    if node.decision is not None and node.decision.result:
        yield node.decision.result
    if node.loop is not None:
        yield from (name for name in (node.loop.input_item, node.loop.output) if name)
    yield from (item.target for item in node.mappings if item.target)
    yield from (event.variable for event in node.events if event.variable)
    yield from node.form.fields if node.form is not None else ()


def _scripts(node: Node) -> Iterator[str]:
    code = node.script
    if code is not None and code.body and "python" in (code.format or "python").lower():
        yield code.body
    yield from (text for text in (node.pre_script, node.post_script) if text)


def _reads(element: Node | Flow, process: Process) -> set[str]:
    codes: Iterable[str]
    if isinstance(element, Flow):
        codes = [element.condition] if element.condition else []
    else:
        loop = element.loop
        expressions = [loop.cardinality, loop.condition, loop.input] if loop is not None else []
        expressions += [event.expression for event in element.events]
        codes = [*_scripts(element), *(text for text in expressions if text)]
    return {name for code in codes for name in _names(code)[1]}


@lru_cache(maxsize=4096)
def _names(code: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names that Python code sets, and names it reads without setting them; nothing for other languages."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(), frozenset()
    stored: set[str] = set()
    loaded: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else stored).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            stored.add(node.name)
        elif isinstance(node, ast.arg):
            stored.add(node.arg)
        elif isinstance(node, ast.alias):
            stored.add((node.asname or node.name).partition(".")[0])
    return frozenset(stored), frozenset(loaded - stored - _BUILT_IN)
