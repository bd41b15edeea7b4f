"""The whole model, and what stands in it beside processes, decisions and forms."""

from __future__ import annotations

from collections.abc import Mapping

from spiffcli.model.elements import Collaboration, Process
from spiffcli.model.fields import Derived, Element, Line
from spiffcli.model.tables import Decision, Form


class Problem(Element, frozen=True):
    """Something in a resource that a tool can read past and a person should know.

    Attributes:
        rule: Id of the rule in the catalogue (`id-duplicated`, `reference-dangling` ...).
        message: What is wrong, in a sentence.
        line: Line in `file`, counted from 1; None where it concerns the whole file.
        element: Id of the element, or None.
    """

    rule: str
    message: str
    file: str
    line: int | None = None
    element: str | None = None


class RootElement(Element, frozen=True):
    """A message, signal, error, data store, item definition ... that stands beside the processes of a file.

    Attributes:
        type: Element name (`message`, `signal`, `error`, `escalation`, `dataStore`, `itemDefinition` ...).
        code: Error or escalation code, or None.
        details: Everything else, as canonical text by attribute or child.
        used: Whether an event, message flow or data reference of the file refers to it.
    """

    id: str
    type: str
    name: str | None = None
    code: str | None = None
    details: Mapping[str, str] = {}
    extensions: Mapping[str, str] = {}
    used: Derived[bool] = False
    file: Derived[str] = ""
    line: Line = 0


class Model(Element, frozen=True):
    """Everything a set of resources says.

    Attributes:
        processes, collaborations, decisions: By id, in the order of the resources.
        forms: By file name without folders; by the whole path where different ones have that name.
        roots: Messages, signals, errors and the like by (type, id).
        resources: Names of the resources, in order.
        problems: What is wrong and can be read past.
    """

    processes: Mapping[str, Process] = {}
    collaborations: Mapping[str, Collaboration] = {}
    decisions: Mapping[str, Decision] = {}
    forms: Mapping[str, Form] = {}
    roots: Mapping[tuple[str, str], RootElement] = {}
    resources: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def of_type(self, type: str) -> Mapping[str, RootElement]:
        """Root elements of one type by id: `message`, `signal`, `error`, `escalation`, `dataStore` ..."""
        return {id: root for (kind, id), root in self.roots.items() if kind == type}
