"""Where an instance stands, as bytes that are the same for all that stand there.

What moving an instance to another version does, and what forbids it, follows from its situation alone, as long as no
data are looked at. So everything belongs here that a move reads: the tree with nodes, states and triggers; the specs
in use, those that running or an earlier move changed among them; the progress of loops; armed events; failures; in
which order tokens came to a join. Ids, times and data do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from SpiffWorkflow.bpmn.specs.mixins import ParallelGatewayMixin
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.registry import Registry, dumps
from spiffcli.engine.state import spec_hashes
from spiffcli.engine.views import definitions, tasks
from spiffcli.engine.workflow import RunnerWorkflow

#: Changes whenever what belongs to a situation does: situations of another layout equal none.
LAYOUT = 2


def situation(workflow: RunnerWorkflow, registry: Registry) -> bytes:
    """The situation of an instance."""
    every = list(tasks(workflow))
    numbers = {task.id: number for number, task in enumerate(every)}
    ranks = dict(_arrivals(every))
    document = [
        LAYOUT,
        workflow.definition,
        sorted(spec_hashes(workflow, registry).items()),
        [_whole(child, numbers) for child in _in_tree_order(workflow, every)],
        [_shape(task, numbers, ranks) for task in every],
    ]
    return dumps(document)


def _in_tree_order(workflow: RunnerWorkflow, every: list[Task]) -> Iterator[Any]:
    yield workflow
    yield from (workflow.subprocesses[task.id] for task in every if task.id in workflow.subprocesses)


def _whole(workflow: Any, numbers: Mapping[Any, int]) -> list[Any]:
    """What a process or sub-process as a whole adds."""
    return [
        getattr(workflow, "spec_key", ""),
        numbers.get(workflow.parent_task_id, -1),
        bool(workflow.completed),
        sorted(workflow.data.get("data_objects", ())),
    ]


def _shape(task: Task, numbers: Mapping[Any, int], ranks: Mapping[Any, int]) -> list[Any]:
    return [
        task.task_spec.name,
        task.state,
        numbers.get(task._parent, -1),
        task.triggered,
        numbers.get(task.workflow.parent_task_id, -1),
        _progress(task),
        _armed(task),
        ranks.get(task.id),
    ]


def _progress(task: Task) -> list[Any] | None:
    """What the engine has noted about a task, without what is data of the instance."""
    internal = task.internal_data
    if not internal:
        return None
    # What a boundary event without a name caught stands under None.
    names = sorted(internal, key=lambda name: name or "")
    noted: list[Any] = [*names, *(name for name in names if internal[name] is True)]
    if isinstance(task.task_spec, LoopTask):
        remaining = internal.get("remaining")
        noted += [
            len(internal.get("merged", [])),
            len(remaining) if remaining is not None else None,
            internal.get("current"),
            internal.get("cardinality"),
        ]
    if "incident" in internal:
        noted.append(internal["incident"].get("phase"))
    return noted


def _armed(task: Task) -> Any:
    if task.state != TaskState.WAITING or not hasattr(task.task_spec, "event_definition"):
        return None
    value = task.internal_data.get("event_value")
    cycles = value.get("cycles") if isinstance(value, dict) else None
    return [[type(d).__name__, getattr(d, "name", None)] for d in definitions(task.task_spec.event_definition)] + [
        cycles
    ]


def _arrivals(every: list[Task]) -> Iterator[tuple[Any, int]]:
    """In which order the tasks of a join changed, where it has gone on before: later arrivals are another pass."""
    joins: dict[tuple[Any, Any], list[Task]] = {}
    for task in every:
        if isinstance(task.task_spec, ParallelGatewayMixin):
            joins.setdefault((task.workflow, task.task_spec), []).append(task)
    for tokens in joins.values():
        if any(task.state == TaskState.COMPLETED for task in tokens) and len(tokens) > 1:
            times = sorted({task.last_state_change for task in tokens})
            yield from ((task.id, times.index(task.last_state_change)) for task in tokens)
