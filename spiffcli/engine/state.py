"""Instance state as bytes: the task trees without any spec, and back.

Format `runner/state/1`. Specs stay outside, by hash. Task data are deltas against the parent task and are restored
in the order of the `tasks` object, so key order is part of the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct, field
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.registry import Registry, dumps, loads
from spiffcli.engine.workflow import RunnerWorkflow, SpecCache, adopt, copy_data, spec_shape
from spiffcli.errors import CorruptStoreError, DataError, StoreFormatError
from spiffcli.values import digest

FORMAT = "runner/state/1"


class Snapshot(Struct, frozen=True):
    """An instance at rest.

    Attributes:
        state: The bytes to store.
        specs: Specs the store may not have yet, by hash: those that running changed.
    """

    state: bytes
    specs: Mapping[str, bytes] = field(default_factory=dict)


def dump(workflow: RunnerWorkflow, registry: Registry) -> Snapshot:
    """The state of a workflow.

    Raises:
        DataError: Task data hold a value that cannot be stored; the message names the task.
    """
    changed: dict[str, bytes] = {}
    specs = spec_hashes(workflow, registry, changed)
    document = {
        "format": FORMAT,
        "definition": workflow.definition,
        "specs": specs,
        "process": _dump_process(workflow, registry),
        "children": {
            str(task_id): {"spec": child.spec_key, **_dump_process(child, registry)}
            for task_id, child in workflow.subprocesses.items()
        },
        "events": registry.encode(workflow.bpmn_events, "events"),
    }
    return Snapshot(dumps(document), changed)


def spec_hashes(
    workflow: RunnerWorkflow, registry: Registry, changed: dict[str, bytes] | None = None
) -> dict[str, str]:
    """Hashes of the specs in use as they are now, by key.

    Args:
        changed: Takes the specs that running changed, by hash.
    """
    changes = {} if changed is None else changed
    return {key: _current_hash(workflow, key, registry, changes) for key in _specs_in_use(workflow)}


def _specs_in_use(workflow: RunnerWorkflow) -> list[str]:
    keys = dict.fromkeys([workflow.definition])
    keys.update(dict.fromkeys(child.spec_key for child in workflow.subprocesses.values()))
    return list(keys)


def _current_hash(workflow: RunnerWorkflow, key: str, registry: Registry, changed: dict[str, bytes]) -> str:
    loaded = workflow.loaded[key]
    shape = spec_shape(loaded.spec)
    if shape != loaded.shape:
        loaded.changed = registry.spec_to_bytes(loaded.spec)
        loaded.hash, loaded.shape = digest(loaded.changed), shape
    if loaded.changed is not None:
        changed[loaded.hash] = loaded.changed
    return loaded.hash


def _dump_process(workflow: Any, registry: Registry) -> dict[str, Any]:
    return {
        "root": str(workflow.task_tree.id),
        "last": str(workflow.last_task.id) if workflow.last_task is not None else None,
        "success": workflow.success,
        "completed": workflow.completed,
        "data": registry.encode(workflow.data),
        "correlations": registry.encode(workflow.correlations, "correlations"),
        "tasks": {str(task.id): _dump_task(task, registry) for task in workflow.tasks.values()},
    }


def _dump_task(task: Task, registry: Registry) -> dict[str, Any]:
    parent = task.parent
    document: dict[str, Any] = {
        "spec": task.task_spec.name,
        "state": task._state,
        "parent": str(task._parent) if parent is not None else None,
        "children": [str(child) for child in task._children],
        "changed": task.last_state_change,
    }
    if task.triggered:
        document["triggered"] = True
    if task.internal_data:
        document["internal"] = registry.encode(task.internal_data, "internal data")
    try:
        put_data(document, parent.data if parent is not None else {}, task.data, registry)
    except DataError as error:
        name = task.task_spec.bpmn_name or task.task_spec.name
        raise DataError(
            f"Task '{name}': {error.message}", hint=error.hint, element=task.task_spec.name, **error.data
        ) from error
    return document


def put_data(
    document: dict[str, Any], inherited: Mapping[Any, Any], data: Mapping[Any, Any], registry: Registry
) -> None:
    """Write the data of a task into its document, as what differs from those of its parent.

    Raises:
        DataError: A value cannot be stored.
    """
    if not data:
        # Tasks that were not reached yet; listing all inherited keys as removed would only cost space.
        if inherited:
            document["empty"] = True
        return
    # In the order they will have once loaded, so that saving what was loaded gives the same bytes.
    keys = [key for key in inherited if key in data] + [key for key in data if key not in inherited]
    updates = {key: data[key] for key in keys if not _same(inherited, key, data[key])}
    removed = [key for key in inherited if key not in data]
    if updates:
        document["set"] = registry.encode(updates)
    if removed:
        document["unset"] = registry.encode(removed)


def _same(inherited: Mapping[Any, Any], key: Any, value: Any) -> bool:
    if key not in inherited:
        return False
    other = inherited[key]
    # 1 == True == 1.0: equal values of different types must not turn into each other.
    return other is value or (_deep_type_equal(other, value))


def _deep_type_equal(one: Any, two: Any) -> bool:
    if type(one) is not type(two):
        return False
    if type(one) is dict:
        return list(one) == list(two) and all(_deep_type_equal(one[key], two[key]) for key in one)
    if type(one) in (list, tuple):
        return len(one) == len(two) and all(map(_deep_type_equal, one, two))
    return bool(one == two)


def load(state: bytes, cache: SpecCache, registry: Registry, script_engine: Any) -> RunnerWorkflow:
    """The workflow that `dump` was given.

    Raises:
        StoreFormatError: The state was written by another version of the program.
        CorruptStoreError: The state and its specs do not fit together.
    """
    document = loads(state)
    if document.get("format") != FORMAT:
        raise StoreFormatError(
            f"The instance state has the format {document.get('format')!r}; this program reads {FORMAT!r}.",
            hint="Use the version of runner that wrote it, or a newer one.",
        )
    specs = document["specs"]
    definition = document["definition"]
    workflow = RunnerWorkflow(definition, cache, script_engine, restoring=True, spec_hash=specs[definition])
    called = {child["spec"] for child in document["children"].values()}
    for key, hash in specs.items():
        if key != definition or key in called:
            workflow.use_spec(key, hash)
    _load_process(workflow, document["process"], registry)
    children = dict(document["children"])
    _load_children(workflow, workflow, children, registry)
    if children:
        raise CorruptStoreError(f"The instance state has {len(children)} sub-processes without a task.")
    workflow.bpmn_events = registry.decode(document["events"])
    return workflow


def _load_process(workflow: Any, document: dict[str, Any], registry: Registry) -> None:
    tasks: dict[UUID, Task] = {}
    workflow.tasks = tasks
    for task_id, raw in document["tasks"].items():
        _load_task(workflow, UUID(task_id), raw, registry)
    workflow.task_tree = tasks[UUID(document["root"])]
    workflow.last_task = tasks.get(UUID(document["last"])) if document["last"] else None
    workflow.success = document["success"]
    workflow.completed = document["completed"]
    workflow.data = registry.decode(document["data"])
    workflow.correlations = registry.decode(document["correlations"])


def _load_task(workflow: Any, task_id: UUID, raw: dict[str, Any], registry: Registry) -> None:
    task_spec = workflow.spec.task_specs.get(raw["spec"])
    if task_spec is None:
        raise CorruptStoreError(f"The instance state has a task '{raw['spec']}' that its spec lacks.")
    task = Task(workflow, task_spec, state=raw["state"], id=task_id)
    task._parent = UUID(raw["parent"]) if raw["parent"] else None
    task._children = [UUID(child) for child in raw["children"]]
    task.last_state_change = raw["changed"]
    task.triggered = raw.get("triggered", False)
    task.internal_data = registry.decode(raw["internal"]) if "internal" in raw else {}
    parent = task.parent
    data = copy_data(parent.data) if parent is not None and "empty" not in raw else {}
    if "set" in raw:
        data.update(registry.decode(raw["set"]))
    for key in registry.decode(raw["unset"]) if "unset" in raw else ():
        data.pop(key, None)
    task.data = data
    if isinstance(task_spec, CatchingEvent) and task.has_state(TaskState.WAITING):
        workflow.top_workflow.event_manager.add_task(task)


def _load_children(top: RunnerWorkflow, workflow: Any, children: dict[str, Any], registry: Registry) -> None:
    # Parents first: a child needs the task that started it.
    pending = [workflow]
    while pending:
        current = pending.pop(0)
        for task in current.tasks.values():
            raw = children.pop(str(task.id), None) if isinstance(task.task_spec, SubWorkflowTask) else None
            if raw is None:
                continue
            child = BpmnSubWorkflow(top.subprocess_specs[raw["spec"]], task.id, top, deserializing=True)
            adopt(child, raw["spec"])
            top.subprocesses[task.id] = child
            _load_process(child, raw, registry)
            child.completed_event.connect(task.task_spec._on_subworkflow_completed, task)
            pending.append(child)
