"""Models written so that the engine accepts them: what other engines write elsewhere, and tasks that methods do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from spiffcli.model.draft import PREFIXES
from spiffcli.text import unwrapped

_BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_ZEEBE = "http://camunda.org/schema/zeebe/1.0"
_SPIFF = "http://spiffworkflow.org/bpmn/schema/1.0/core"


def leave_to_methods(tree: Any, is_served: Callable[[str], bool]) -> None:
    """Let the engine accept tasks that say nothing it could execute, where methods do them.

    A service task gets an operator without a name. A business rule task without a decision becomes a service task. A
    collection that is iterated over is written as BPMN has it, wherever the engine that a model is from writes it.
    """
    for process in tree.iterfind(f"{{{_BPMN}}}process"):
        if not is_served(process.get("id", "")):
            continue
        for node in list(process.iter(f"{{{_BPMN}}}businessRuleTask")):
            if not _decides(node):
                node.tag = f"{{{_BPMN}}}serviceTask"
        ids = {node.get("id") for node in process.iter(f"{{{_BPMN}}}*")}
        for node in process.iter(f"{{{_BPMN}}}serviceTask"):
            operator = node.find(f".//{{{_SPIFF}}}serviceTaskOperator")
            if operator is None:
                _add_operator(node)
            elif operator.get("id") in ids:
                operator.set("id", "")  # the engine would take it for the node of this id
        for loop in process.iter(f"{{{_BPMN}}}multiInstanceLoopCharacteristics"):
            _write_collection(loop)


def write_called_elements(tree: Any) -> None:
    """Write what call activities call where BPMN has it, wherever the engine that a model is from writes it."""
    for node in tree.iter(f"{{{_BPMN}}}callActivity"):
        called = node.find(f"{{{_BPMN}}}extensionElements/{{{_ZEEBE}}}calledElement")
        if called is not None and called.get("processId") and not node.get("calledElement"):
            node.set("calledElement", called.get("processId"))


def _decides(node: Any) -> bool:
    if node.find(f".//{{{_SPIFF}}}calledDecisionId") is not None:
        return True
    return any(name.endswith("}decisionRef") for name in node.attrib)


def _add_operator(node: Any) -> None:
    extensions = node.find(f"{{{_BPMN}}}extensionElements")
    if extensions is None:
        extensions = node.makeelement(f"{{{_BPMN}}}extensionElements")
        node.insert(0, extensions)
    extensions.append(node.makeelement(f"{{{_SPIFF}}}serviceTaskOperator", id=""))


def _write_collection(loop: Any) -> None:
    """Write the collection of a multi-instance activity, and the name of its elements, as BPMN does."""
    said = dict(_said_elsewhere(loop))
    collection = loop.find(f"{{{_BPMN}}}loopDataInputRef")
    if collection is None and "collection" in said:
        collection = _added(loop, "loopDataInputRef")
        collection.text = said["collection"]
    if collection is None:
        return
    collection.text = unwrapped(collection.text or "").strip()
    if "element" in said and loop.find(f"{{{_BPMN}}}inputDataItem") is None:
        _added(loop, "inputDataItem", id=said["element"], name=said["element"])


#: What attributes of other engines say, by their names.
_SAID = {
    "collection": "collection",
    "elementVariable": "element",
    "inputCollection": "collection",
    "inputElement": "element",
}


def _said_elsewhere(loop: Any) -> Iterator[tuple[str, str]]:
    for name, value in loop.attrib.items():
        space, _, local = name.removeprefix("{").rpartition("}")
        if space in PREFIXES and local in _SAID:
            yield _SAID[local], value
    for extension in loop.iterfind(f"{{{_BPMN}}}extensionElements/{{*}}loopCharacteristics"):
        yield from ((_SAID[name], value) for name, value in extension.attrib.items() if name in _SAID)


def _added(parent: Any, tag: str, **attributes: str) -> Any:
    child = parent.makeelement(f"{{{_BPMN}}}{tag}", **attributes)
    parent.append(child)
    return child
