"""Nothing silently wrong: what a model asks for runs right, is refused when it is added, or is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from msgspec import Struct

from spiffcli.deployments.refusals import RULES, Rule, Scene, Spot, is_python
from spiffcli.deployments.request import Note
from spiffcli.errors import ModelError
from spiffcli.model import Flow, Model, Node, Process, read_xml
from spiffcli.model.xml import line_of
from spiffcli.text import one_line, shorten
from spiffcli.values import Resource


class Executor(Struct, frozen=True):
    """What is to run the models.

    Attributes:
        is_served: Whether business code serves a process, by its id.
        own_parser: Whether its engine module has a parser of its own, which may read more than the ones built in.
        calls_services: Whether its engine module carries out service tasks.
    """

    is_served: Callable[[str], bool] = lambda _process: False
    own_parser: bool = False
    calls_services: bool = False


class ModelFault(Struct, frozen=True):
    """Something in a file that keeps it from being executed.

    Attributes:
        rule: Stable name of the kind of fault.
        element: Id of the element; None where it is about the whole file.
        message: What is wrong, in a sentence.
        way_out: What to do about it.
        line: Line in `file`, counted from 1; 0 where it is unknown.
    """

    rule: str
    element: str | None
    message: str
    way_out: str
    file: str
    line: int

    def to_json(self) -> dict[str, Any]:
        """Return an entry of `faults` in an error document."""
        return {
            "rule": self.rule,
            "element": self.element,
            "message": self.message,
            "hint": self.way_out,
            "file": self.file,
            "line": self.line or None,
        }


def require_executable(
    model: Model, processes: Sequence[Process], resources: Sequence[Resource], executor: Executor
) -> None:
    """Raise ModelError, with all that is wrong, unless some processes of a model can be executed as they say."""
    faults = [each for each in _faults(model, processes, resources, executor) if not _is_told(each.rule, executor)]
    if faults:
        raise _error(faults)


def remarks(model: Model, processes: Sequence[Process], executor: Executor) -> Iterator[Note]:
    """Return what an engine leaves out, and what nobody serves."""
    if executor.own_parser:
        for fault in _faults(model, processes, (), executor):
            if _is_told(fault.rule, executor):
                yield _note(fault.rule, f"{fault.message} {fault.way_out}", fault.file, fault.element, fault.line)
    for process in processes:
        yield from _listeners(process)
        for node in process.nodes.values():
            if node.mappings and executor.is_served(process.id):
                text = f"{label_of(node)} maps variables, which is ignored: methods see the aggregate."
                yield _note("mapping", text, process.file, node.id, node.mappings[0].line or node.line)
            yield from _implementation(process, node)
        if not executor.calls_services and not executor.is_served(process.id):
            yield from _unserved(process)


# Faults


def _faults(
    model: Model, processes: Sequence[Process], resources: Sequence[Resource], executor: Executor
) -> Iterator[ModelFault]:
    twice: dict[str, dict[str, int]] = {}
    for problem in model.problems:
        if problem.rule == "id-duplicated" and problem.element:
            twice.setdefault(problem.file, {})[problem.element] = problem.line or 0
    for process in processes:
        scene = Scene(process, twice.get(process.file, {}), executor.is_served(process.id))
        for rule in RULES:
            for spot in rule.find(scene):
                yield _fault(rule, spot, process)
    served = {each.file for each in processes if executor.is_served(each.id)}
    files = {each.file for each in processes}
    for resource in resources:
        if resource.name in files:
            yield from _demands(resource, expressions=resource.name not in served)


def _fault(rule: Rule, spot: Spot, process: Process) -> ModelFault:
    words = {name: shorten(one_line(text), 80) for name, text in spot.words.items()}
    message = f"{label_of(spot)} {rule.reason.format(**words)}."
    return ModelFault(rule.id, spot.id, message, rule.way_out.format(**words), process.file, spot.line)


def label_of(element: Node | Flow | Spot) -> str:
    """Return an element as messages name it: `Boundary event 'Too late' (b)`."""
    words = re.sub("([A-Z])", r" \1", element.type).lower().strip()
    words = (
        words.replace("sub process", "sub-process").replace("ad hoc", "ad-hoc").replace("event based", "event-based")
    )
    words = f"{words[:1].upper()}{words[1:]}"
    if element.name and element.name != element.id:
        return f"{words} '{shorten(one_line(element.name), 60)}' ({element.id})"
    return f"{words} '{element.id}'"


#: Rules about what BPMN allows and the engines built in leave out.
_VALID = frozenset(rule.id for rule in RULES if rule.valid)


def _is_told(rule: str, executor: Executor) -> bool:
    return executor.own_parser and rule in _VALID


_BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
#: Languages that files name where nobody chose one: BPMN's default, and what modelers write into each file.
_UNCHOSEN = ("http://www.w3.org/", "http://www.omg.org/")
#: What keeps a file from being looked at when it says nothing of all this.
_SAID = (b"mustUnderstand", b"expressionLanguage", b"language")


def _demands(resource: Resource, *, expressions: bool) -> Iterator[ModelFault]:
    """Return what a file demands beside its processes: extensions to be understood, languages of expressions."""
    if not any(word in resource.content for word in _SAID):
        return
    root = read_xml(resource.content, resource.name)
    for element in root.iterfind(f"{_BPMN}extension"):
        if element.get("mustUnderstand", "false").strip() in ("true", "1"):
            name = element.get("definition") or "an extension"
            yield ModelFault(
                "must-understand", None, f"'{name}' must be understood (mustUnderstand), and nothing here does.",
                "Take mustUnderstand away if the model means the same without it.", resource.name,
                line_of(element),
            )  # fmt: skip
    language = root.get("expressionLanguage")
    if expressions and not _is_ours(language):
        yield _language_fault(language, None, resource.name, line_of(root))
    for element in root.iter(f"{_BPMN}*") if expressions else ():
        language = element.get("language")
        if not _is_ours(language) and element.tag != f"{_BPMN}conditionExpression":  # flows have a rule of their own
            yield _language_fault(language, _around(element), resource.name, line_of(element))


def _is_ours(language: str | None) -> bool:
    return is_python(language) or (language or "").startswith(_UNCHOSEN)


def _language_fault(language: str | None, element: str | None, file: str, line: int | None) -> ModelFault:
    who = f"An expression of '{element}'" if element else "The file"
    what = "is" if element else "says that its expressions are"
    message = f"{who} {what} in '{language}', and expressions are evaluated as Python."
    name = "language" if element else "expressionLanguage"
    return ModelFault(
        "expression-language", element, message, f"Write them in Python, and take {name} away.", file, line or 0
    )


def _around(element: Any) -> str | None:
    while element is not None and not element.get("id"):
        element = element.getparent()
    return None if element is None else element.get("id")


def _error(faults: list[ModelFault]) -> ModelError:
    first = faults[0]
    listed = [each.to_json() for each in faults]
    if len(faults) == 1:
        return ModelError(
            first.message, hint=first.way_out, file=first.file, line=first.line or None, element=first.element,
            faults=listed,
        )  # fmt: skip
    lines = [
        f"{each.file}:{each.line}: {each.message}\n  {each.way_out}" if each.line
        else f"{each.file}: {each.message}\n  {each.way_out}"
        for each in faults
    ]  # fmt: skip
    return ModelError(
        f"{len(faults)} things keep this from being executed:\n" + "\n".join(lines),
        hint="Nothing was stored.",
        file=first.file,
        line=first.line or None,
        element=first.element,
        faults=listed,
    )


# Notes


def _note(rule: str, text: str, file: str, element: str | None, line: int) -> Note:
    return Note(rule, text, warning=True, file=file, element=element, line=line or None)


def _listeners(process: Process) -> Iterator[Note]:
    if process.listeners:
        text = f"Process '{process.id}' has listeners, which are ignored."
        yield _note("listener", text, process.file, process.id, process.listeners[0].line or process.line)
    elements: list[Node | Flow] = [*process.nodes.values(), *process.flows.values()]
    for element in elements:
        if element.listeners:
            said = ", ".join(
                dict.fromkeys(f"{each.on} listener {each.event or ''}".strip() for each in element.listeners)
            )
            text = f"{label_of(element)} has listeners, which are ignored: {said}."
            yield _note("listener", text, process.file, element.id, element.listeners[0].line or element.line)


_FOREIGN: Collection[str] = ("class", "expression", "delegateExpression", "topic", "type", "connector", "job")


def _implementation(process: Process, node: Node) -> Iterator[Note]:
    """A send task that sends a message, and names what else would send it."""
    if node.type == "sendTask" and node.events and node.service is not None and node.service.kind in _FOREIGN:
        text = f"{label_of(node)} sends its message; its {node.service.kind} '{node.service.operator}' is ignored."
        yield _note("implementation", text, process.file, node.id, node.line)


def _unserved(process: Process) -> Iterator[Note]:
    operators: dict[str, Node] = {}
    for node in process.nodes.values():
        if node.service is not None and node.service.kind == "operator" and node.service.operator:
            operators.setdefault(node.service.operator, node)
    for operator, node in operators.items():
        text = (
            f"No service carries out '{operator}', which {label_of(node)[:1].lower()}{label_of(node)[1:]} asks for. "
            "Name an engine module that offers it: -e MODULE."
        )
        yield _note("service-missing", text, process.file, node.id, node.service.line if node.service else node.line)
