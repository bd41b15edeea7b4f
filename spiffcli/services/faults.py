"""What is wrong between services and models: values, and how they read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from spiffcli.errors import ConfigError
from spiffcli.model.elements import Node
from spiffcli.services.names import node_label
from spiffcli.services.registry import Method
from spiffcli.services.wiring import Subject

#: Faults that keep nothing from moving: the code is ahead of the models, or behind them.
CAN_MOVE = frozenset({"method-without-task"})


class Fault(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        rule: Stable name of the kind of fault.
        process: Id of the process; empty where it is about a service alone.
        version: Version of the process, or None.
        element: BPMN id of the element, or None.
        label: How a message names the element: `task 'T2' (task definition 'SEND')`, or empty.
        message: What is wrong, as the rest of a sentence that begins with the place.
        fix: What to do.
        file, line: Where the element stands in its model; else where the service stands.
        methods: The methods concerned.
        warning: Whether everything can move all the same.
        instances: Instances concerned, where the fault is about them.
        definition: Id of the definition; empty where the fault is about no single version.
        tenant: The tenant it belongs to, where that is not the one in use.
    """

    rule: str
    process: str
    version: int | None
    element: str | None
    label: str
    message: str
    fix: str
    file: str = ""
    line: int = 0
    methods: tuple[Method, ...] = ()
    warning: bool = False
    instances: int = 0
    definition: str = ""
    tenant: str | None = None

    @property
    def place(self) -> str:
        """Process, version and element, in words."""
        process = f"process '{self.process}'" if self.process else ""
        version = f" v{self.version}" if self.version is not None else ""
        return ", ".join(filter(None, (f"{process}{version}{of_tenant(self.tenant)}", self.label)))

    @property
    def blocks(self) -> bool:
        """Whether nothing may be added or moved before it is mended."""
        return not self.warning and self.rule not in CAN_MOVE

    def to_json(self) -> dict[str, Any]:
        """An entry of `faults` in a `runner/faults/1` document."""
        return {
            "rule": self.rule,
            "warning": self.warning,
            "process": self.process or None,
            "version": self.version,
            "element": self.element,
            "message": self.message,
            "fix": self.fix,
            "file": self.file or None,
            "line": self.line or None,
            "methods": [
                {"name": method.label, "file": method.file or None, "line": method.line or None}
                for method in self.methods
            ],
            "instances": self.instances,
            "tenant": self.tenant,
        }


def of_tenant(tenant: str | None) -> str:
    """Whose a version is, as words behind its name; nothing for the tenant in use."""
    if tenant is None:
        return ""
    return f" of tenant '{tenant}'" if tenant else " of the default tenant"


def fault_text(fault: Fault) -> str:
    """A fault in two lines: where and what, then the fix."""
    where = f"{fault.file}:{fault.line}: " if fault.file and fault.line else ""
    mild = "(warning) " if fault.warning else ""
    place = f"{fault.place}: " if fault.place else ""
    return f"{where}{mild}{place}{fault.message}\n  Fix: {fault.fix}"


def fault_at(
    rule: str, subject: Subject, node: Node, message: str, fix: str, *methods: Method, warning: bool = False
) -> Fault:
    """A fault at a node."""
    return Fault(
        rule, subject.key, subject.version, node.id, node_label(node), message, fix, subject.process.file, node.line,
        methods, warning,
    )  # fmt: skip


class WiringError(ConfigError):
    """Services and models do not fit together; nothing has moved.

    Attributes:
        faults: All of them.
    """

    def __init__(self, faults: Sequence[Fault], *, planned: bool = False) -> None:
        """An error with these faults.

        Args:
            planned: The models are not stored yet, and are not stored now.
        """
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        listed = "\n".join(fault_text(fault) for fault in faults)
        super().__init__(
            f"Services and models do not fit together: {count}.\n{listed}",
            hint="Nothing was stored." if planned else "Nothing was moved. See all of it again with: runner check",
            faults=[fault.to_json() for fault in faults],
        )
        self.faults = tuple(faults)
