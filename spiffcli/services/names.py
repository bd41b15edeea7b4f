"""Names: those that models use for methods and fields, and those that expressions use."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from keyword import iskeyword
from typing import Literal

from spiffcli.model.elements import Node
from spiffcli.text import unwrapped

#: `camel`: a method `send_mail` also goes by `sendMail` in models, and a field `due_date` by `dueDate`.
Naming = Literal["exact", "camel"]


def camel(name: str) -> str:
    """A name in Python style as models in other styles write it: `send_mail` -> `sendMail`."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def spellings(name: str, naming: Naming) -> tuple[str, ...]:
    """Every name that something goes by in models."""
    return tuple(dict.fromkeys((name, camel(name)))) if naming == "camel" else (name,)


def by_spelling(names: Iterable[str], naming: Naming) -> dict[str, str]:
    """The names by what they go by in models."""
    return {spelling: name for name in names for spelling in spellings(name, naming)}


def task_definition(node: Node) -> str | None:
    """The name that a model gives what a task does; None where it gives none."""
    if node.service is None or not node.service.operator:
        return None
    return unwrapped(node.service.operator) or None


def free_names(expression: str) -> list[str]:
    """The names that an expression reads and does not bind itself, in order.

    Raises:
        SyntaxError: It is not Python.
    """
    tree = ast.parse(unwrapped(expression).strip(), mode="eval")
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {each.arg for each in ast.walk(tree) if isinstance(each, ast.arg)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    ordered = sorted(names, key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in ordered if node.id not in bound))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at a name that is meant, or the empty string."""
    near = get_close_matches(name, sorted(known), 1, 0.6)
    return f"Did you mean '{near[0]}'? " if near else ""


#: How messages name the types of nodes.
_WORDS: Mapping[str, str] = {
    "serviceTask": "service task",
    "sendTask": "send task",
    "businessRuleTask": "business rule task",
    "userTask": "user task",
    "manualTask": "manual task",
    "scriptTask": "script task",
    "receiveTask": "receive task",
    "callActivity": "call activity",
    "subProcess": "sub-process",
    "adHocSubProcess": "ad-hoc sub-process",
    "startEvent": "start event",
    "boundaryEvent": "boundary event",
    "intermediateCatchEvent": "event",
    "intermediateThrowEvent": "event",
    "endEvent": "end event",
}


def node_label(node: Node) -> str:
    """A node as messages name it: `service task 'T2' (task definition 'SEND')`."""
    definition = task_definition(node)
    named = f" (task definition '{definition}')" if definition else ""
    word = _WORDS.get(node.type) or ("gateway" if node.type.endswith("Gateway") else node.type)
    return f"{word} '{node.id}'{named}"


def function_name(text: str) -> str:
    """A name for a method that does what a model calls `text`."""
    if text.isidentifier() and not text.isupper() and not iskeyword(text):
        return text
    return _in_python_style(text)


def method_name(node: Node) -> str:
    """A name for a method that does what a node does, where the model gives that no name."""
    name = node.name or node.id
    return _in_python_style(name if name.isascii() else node.id)


def parameter_name(cls: str) -> str:
    """A name for a parameter of a type: `ClearanceRequest` -> `clearance_request`."""
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in cls)
    return _in_python_style(words)


def _in_python_style(text: str) -> str:
    words = "".join(letter.lower() if letter.isalnum() else "_" for letter in text).strip("_")
    name = "_".join(filter(None, words.split("_")))
    return name if name.isidentifier() and not iskeyword(name) else f"task_{name}"
