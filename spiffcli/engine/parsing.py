"""From resources to engine specs.

The engine gets trees that we read (no entities, no DTD, any encoding) with the diagram removed: it orders the flows
that leave a node by the y of their targets, so that two shapes moved in a drawing could switch a gateway. Without
a diagram flows leave in document order. A parser is used once and thrown away, since a failed parse leaves a
half-built spec behind that even runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from msgspec import Struct, field
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException
from SpiffWorkflow.bpmn.specs.mixins import CallActivityMixin
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.dmn.engine.DMNEngine import DMNEngine
from SpiffWorkflow.dmn.parser.BpmnDmnParser import BpmnDmnParser
from SpiffWorkflow.dmn.specs.model import DecisionTable, HitPolicy

from spiffcli.engine.config import EngineConfig
from spiffcli.engine.data_stores import DATA_STORE_CLASSES
from spiffcli.engine.preparing import leave_to_methods, write_called_elements
from spiffcli.engine.registry import Registry
from spiffcli.engine.workflow import INTERRUPTING, begins_by_event
from spiffcli.errors import ModelError
from spiffcli.model.groups import Groups, complete, leave_out_drawn_stores
from spiffcli.model.xml import read_xml
from spiffcli.values import Resource

_BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_DI = "http://www.omg.org/spec/BPMN/20100524/DI"

#: Ids the engine gives to nodes of its own; a model that uses one loses nodes without a word.
RESERVED_IDS = frozenset({"Start", "End", "Root", "StartEventSplit", "StartEventJoin"})


class ParsedProcess(Struct, frozen=True):
    """The engine form of one process or collaboration.

    Attributes:
        key: Process or collaboration id.
        specs: Serialized specs by name: the process itself and its embedded sub-processes.
        called: Process ids of its call activities (or participants), by element id.
    """

    key: str
    specs: dict[str, bytes]
    called: dict[str, str] = field(default_factory=dict)


class Parser:
    """Parses the processes of one set of resources with one engine."""

    def __init__(
        self,
        config: EngineConfig,
        registry: Registry,
        resources: Sequence[Resource],
        is_served: Callable[[str], bool] | None = None,
    ) -> None:
        """A parser.

        Args:
            is_served: Whether business code does the tasks of a process, by its id.
        """
        self._config = config
        self._registry = registry
        self._resources = resources
        self._is_served = is_served

    def process(self, key: str, *, late: Collection[str] = ()) -> ParsedProcess:
        """The engine form of a process.

        Args:
            late: Ids of tasks whose decision is looked up when they are entered: its table is no part of the spec,
                and need not be among the resources.

        Raises:
            ModelError: The engine cannot execute it; the error names file, line and element.
        """
        return self._parsed(key, lambda parser: parser.get_spec(key), lambda task: task in late)

    def collaboration(self, key: str) -> ParsedProcess:
        """The engine form of a collaboration, which runs its executable participants together.

        Raises:
            ModelError: One of its participants cannot be executed.
        """
        # Decisions belong to its participants, which are parsed one by one.
        return self._parsed(key, lambda parser: parser.get_collaboration(key)[0], lambda _task: True)

    def _parsed(self, key: str, get: Callable[[Any], Any], is_late: Callable[[str], bool]) -> ParsedProcess:
        trees = _Trees(self._resources)
        parser = self._config.parser()
        parser.errors_start_event_sub_processes = True
        parser.DATA_STORE_CLASSES = {**DATA_STORE_CLASSES, **parser.DATA_STORE_CLASSES}
        if self._is_served is not None:
            for _, tree in trees.bpmn:
                leave_to_methods(tree, self._is_served)
        with trees.explained():
            for name, tree in trees.bpmn:
                leave_out_drawn_stores(tree, parser.DATA_STORE_CLASSES)
                parser.add_bpmn_xml(tree, filename=name)
            if hasattr(parser, "add_dmn_xml"):
                for name, tree in trees.dmn:
                    parser.add_dmn_xml(tree, filename=name)
                _leave_out_late_tables(parser, is_late)
            main = get(parser)
            specs = {key: main, **dict(_embedded(parser, main))}
            for spec in specs.values():
                _mark_interrupting(spec, trees)
            content = {name: self._serialized(spec) for name, spec in specs.items()}
        return ParsedProcess(key, content, dict(_called(specs.values())))

    def _serialized(self, spec: Any) -> bytes:
        # What was parsed and what was restored serialize a little differently; instances run on restored
        # specs, and their hashes are compared with these. It also proves that the spec can be restored.
        return self._registry.spec_to_bytes(self._registry.spec_from_bytes(self._registry.spec_to_bytes(spec)))


def _leave_out_late_tables(parser: Any, is_late: Callable[[str], bool]) -> None:
    own = parser.get_engine

    def get_engine(decision: str, node: Any) -> Any:
        if is_late(node.get("id")):
            return DMNEngine(DecisionTable(decision, "", HitPolicy.UNIQUE.value))
        return own(decision, node)

    parser.get_engine = get_engine


def decision_engine(resource: Resource, key: str) -> Any:
    """What evaluates the decision `key` of a DMN file.

    Raises:
        ModelError: The engine cannot execute it.
    """
    trees = _Trees([resource])
    parser = BpmnDmnParser()
    with trees.explained():
        for name, tree in trees.dmn:
            parser.add_dmn_xml(tree, filename=name)
        return parser.get_engine(key, None)


def _embedded(parser: Any, main: Any) -> Iterator[tuple[str, Any]]:
    pending = [main]
    while pending:
        for task_spec in pending.pop().task_specs.values():
            if isinstance(task_spec, SubWorkflowTask) and not isinstance(task_spec, CallActivityMixin):
                spec = parser.get_spec(task_spec.spec)
                yield task_spec.spec, spec
                pending.append(spec)


def _mark_interrupting(spec: Any, trees: _Trees) -> None:
    """Fault: the engine does not read `isInterrupting`, and never interrupts. `InstanceEvents` does, by this mark."""
    timed = [each.name for each in spec.start.outputs if begins_by_event(each)]
    for name in (*spec.start.trigger_specs, *timed):
        task_spec = spec.task_specs[name]
        if not isinstance(task_spec, CallActivityMixin) and trees.is_interrupting(name):
            task_spec.extensions = {**(getattr(task_spec, "extensions", None) or {}), INTERRUPTING: True}


def _called(specs: Any) -> Iterator[tuple[str, str]]:
    for spec in specs:
        for task_spec in spec.task_specs.values():
            if isinstance(task_spec, CallActivityMixin):
                yield task_spec.bpmn_id or task_spec.name, task_spec.spec


class _Trees:
    """The trees of the resources, and where every element of them stands."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self.bpmn: list[tuple[str, Any]] = []
        self.dmn: list[tuple[str, Any]] = []
        for resource in resources:
            if resource.kind == "bpmn":
                self.bpmn.append((resource.name, _prepared(resource)))
            elif resource.kind == "dmn":
                self.dmn.append((resource.name, read_xml(resource.content, resource.name)))
        complete(self.bpmn, Groups(resources))

    def explained(self) -> _Explained:
        """A context in which the engine's parse errors become ours."""
        return _Explained(self)

    def is_interrupting(self, sub_process: str) -> bool:
        """Whether the start event of an event sub-process interrupts the process around it: BPMN's default."""
        for _, tree in self.bpmn:
            for node in tree.iterfind(f".//{{{_BPMN}}}subProcess"):
                if node.get("id") == sub_process:
                    start = node.find(f"{{{_BPMN}}}startEvent")
                    return start is not None and start.get("isInterrupting", "true") in ("true", "1")
        return False

    def find(self, element: str) -> tuple[str, int] | None:
        """File and line of the element with this id."""
        for name, tree in (*self.bpmn, *self.dmn):
            for node in tree.iter():
                if node.get("id") == element:
                    return name, node.sourceline
        return None


class _Explained:
    def __init__(self, trees: _Trees) -> None:
        self._trees = trees

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, ModelError):
            return
        raise self._model_error(error) from error

    def _model_error(self, error: Exception) -> ModelError:
        element = getattr(error, "id", "") or None
        name = getattr(error, "name", "") or None
        place = self._trees.find(element) if element else None
        file = (getattr(error, "file_name", "") or None) if place is None else place[0]
        if not isinstance(error, ValidationException):
            message = f"The engine cannot read this model ({type(error).__name__}: {error})."
        else:
            what = f"'{name or element}'" if element else "This model"
            message = f"{what} cannot be executed: {_reason(error)}"
        return ModelError(message, file=file, line=place[1] if place else None, element=element)


#: The engine's words for faults that its users meet often, and ours.
_REASONS = (
    ("When looking for a task spec", "a sequence flow leads to an element that does not exist."),
    ("No start event found", "it has no start event."),
    ("is not executable", 'it is not executable (set isExecutable="true").'),
    ("must have an operator", "it is a service task without a service operator."),
    ("There is no support implemented", "the engine has no support for this kind of element."),
    (
        "has no implementation",
        "a data store has a name that no kind has: JSONDataStore, KKVDataStore, JSONFileDataStore, TypeaheadDataStore.",
    ),
    ("Multiple outgoing flows", "a task may have one outgoing flow only; use a gateway to split."),
    (
        "unexpected keyword argument 'node'",
        "it refers to a message, signal, error or escalation that is not defined.",
    ),
)


def _reason(error: ValidationException) -> str:
    text = error.args[0] if error.args else str(error)
    text = str(text)
    for theirs, ours in _REASONS:
        if theirs in text:
            return ours
    return text.rstrip(". ") + "."


def _prepared(resource: Resource) -> Any:
    root = read_xml(resource.content, resource.name)
    for diagram in root.findall(f"{{{_DI}}}BPMNDiagram"):
        root.remove(diagram)
    _refuse_reserved_ids(root, resource.name)
    write_called_elements(root)
    return root


def _refuse_reserved_ids(root: Any, name: str) -> None:
    for node in root.iterfind(f".//{{{_BPMN}}}*"):
        if node.get("id") in RESERVED_IDS:
            raise ModelError(
                f"The id '{node.get('id')}' is reserved: the engine uses it for a node of its own, "
                "and would silently drop this one.",
                hint="Give the element another id in the model.",
                file=name,
                line=node.sourceline,
                element=node.get("id"),
            )
