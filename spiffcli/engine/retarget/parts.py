"""The parts of a state document, and the specs their tasks come from and go to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.registry import Registry, loads
from spiffcli.engine.retarget.names import Names, Spec
from spiffcli.engine.retarget.places import Places, Scope
from spiffcli.engine.retarget.values import Fault, Policies, Retargeted
from spiffcli.engine.workflow import SpecSource


class Part(Struct, frozen=True):
    """One process or sub-process of the document, and the spec its tasks go to.

    Attributes:
        key, new_key: Keys of its old and its new spec.
        outer: What it is put into, where the new version does not have that sub-process around its tokens.
        holder: Id of its task there.
        node: New name of the node of that task.
    """

    key: str
    new_key: str
    scope: Scope
    outer: Part | None = None
    holder: str = ""
    node: str = ""


class Parts:
    """A document that is being rewritten.

    Attributes:
        document: The state document; rewritten in place.
        extra: Specs that no definition has, by hash: those with nodes for history only.
        changed_paths: New names of nodes behind which the path differs.
        cut: Ids of tasks behind which predicted tasks were taken out.
        other_timers: Ids of tasks whose timer the new version sets to another time.
        other_conditions: Ids of tasks that wait for another condition from now on.
    """

    def __init__(
        self, source: SpecSource, registry: Registry, document: dict[str, Any], target: str, policies: Policies
    ) -> None:
        self.source = source
        self.registry = registry
        self.document = document
        self.policies = policies
        self.old = document["definition"]
        self.new = target
        self.result = Retargeted()
        self.extra: dict[str, bytes] = {}
        self.changed_paths: set[str] = set()
        self.cut: set[str] = set()
        self.other_timers: set[str] = set()
        self.other_conditions: set[str] = set()
        specs = source.specs(target)
        self._main, self._hashes = specs.main, specs.hashes
        self._old_specs: dict[str, Spec] = {}
        self._new_specs: dict[str, tuple[Spec, Mapping[str, Spec]]] = {}
        self._names: dict[tuple[str, str], Names] = {}
        self._parts: list[Part] = []
        self._begun: dict[str, tuple[str, str]] = {}
        self._left: dict[str, Part] = {}

    def _inner(self, part: Part) -> Iterator[Part]:
        """The embedded sub-processes that run in a part."""
        for task_id in part.scope["tasks"]:
            child = self.document["children"].get(task_id)
            if task_id in self._left:
                yield self._left[task_id]
            elif task_id in self._begun:
                yield Part(*self._begun[task_id], child)
            elif child is not None and self._is_embedded(child):
                yield Part(child["spec"], self._new_key(child["spec"]), child)

    def _is_embedded(self, child: Scope) -> bool:
        key: str = child["spec"]
        return key.startswith(f"{self.old}#")

    def _new_key(self, key: str) -> str:
        name = key.partition("#")[2]
        return f"{self.new}#{self.policies.mapping.get(name, name)}" if name else self.new

    def _place(self, new_key: str) -> str:
        """Name of a spec in the new version."""
        return new_key.partition("#")[2] or self._main

    @cached_property
    def _places(self) -> Places:
        specs = {name: loads(self.source.content(hash)) for name, hash in self._hashes.items()}
        return Places(specs, self._main)

    def _old_spec(self, key: str) -> Spec:
        if key not in self._old_specs:
            self._old_specs[key] = loads(self.source.content(self.document["specs"][key]))
        return self._old_specs[key]

    def _names_for(self, key: str, new_key: str) -> Names | None:
        """Translates from one spec to another; None where the new version lacks that."""
        if (key, new_key) not in self._names:
            hash = self._hashes.get(self._place(new_key))
            if hash is None:
                return None
            if new_key not in self._new_specs:
                spec = loads(self.source.content(hash))
                self._new_specs[new_key] = spec, dict(spec["task_specs"])
            spec, nodes = self._new_specs[new_key]
            self._names[key, new_key] = Names(self._old_spec(key), spec, self.policies.mapping, nodes)
        return self._names[key, new_key]

    def _fault(self, rule: str, task_id: str, task: dict[str, Any], node: Spec, message: str, fix: str) -> None:
        element = node.get("bpmn_id") or node["name"]
        state = TaskState.get_name(task["state"])
        self.result.faults.append(Fault(rule, task_id, element, node.get("bpmn_name"), state, message, fix))
