"""What a moved instance needs once it is in memory: new predictions, new events, and what the policies ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions.timer import TimerEventDefinition
from SpiffWorkflow.bpmn.specs.mixins import CallActivityMixin
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.specs.MultiChoice import MultiChoice
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.adapter import Running
from spiffcli.engine.places import case_of
from spiffcli.engine.retarget.document import Rewriting
from spiffcli.engine.retarget.places import HISTORY, PREDICTED
from spiffcli.engine.retarget.values import Fault, Policies, Subscribed
from spiffcli.engine.views import bpmn_id, deadline, definitions, is_model_node
from spiffcli.engine.workflow import copy_data
from spiffcli.errors import DataError

_FIXES = {"script-failed": "Mend the script given with --data; nothing was changed."}


def settle(running: Running, rewriting: Rewriting, policies: Policies) -> None:
    """Bring a rewritten instance in line with its new version."""
    with running.engine.time():
        _Settling(running, rewriting, policies).run()


class _Settling:
    def __init__(self, running: Running, rewriting: Rewriting, policies: Policies) -> None:
        self.running = running
        self.rewriting = rewriting
        self.policies = policies
        self.result = rewriting.result

    def run(self) -> None:
        for workflow in self.running.workflow.all_workflows():
            if workflow.definition == self.rewriting.new:
                self._init_data_objects(workflow)
                self._arm_event_subprocesses(workflow)
                self._start_branches(workflow)
                for task in list(workflow.tasks.values()):
                    if task.id in workflow.tasks and not task.has_state(PREDICTED | HISTORY):
                        self._settle_task(task)
        self._reset()
        self._set_data()
        self._note_failures()

    def _init_data_objects(self, workflow: Any) -> None:
        for name in workflow.spec.data_objects:
            objects = workflow.data.setdefault("data_objects", {})
            if name not in objects:
                objects[name] = None
                self.result.data_objects.append(name)

    def _arm_event_subprocesses(self, workflow: Any) -> None:
        """Let event sub-processes that are new wait; those that messages and signals start are armed by the spec."""
        root = workflow.task_tree
        if workflow.completed or root.state != TaskState.COMPLETED or hasattr(workflow.spec, "conditional_paths"):
            return
        present = {child.task_spec for child in root.children}
        for output in root.task_spec.outputs:
            if _is_event_subprocess(output) and output not in present:
                child = root._add_child(output, TaskState.FUTURE)
                output._predict(child, mask=TaskState.NOT_FINISHED_MASK)
                output._update(child)
                self.result.armed.append(output.name)

    def _settle_task(self, task: Task) -> None:
        ahead = [task, *_predicted(task)]
        changed, cut = self.rewriting.changed_paths, self.rewriting.cut
        if any(each.task_spec.name in changed or str(each.id) in cut for each in ahead):
            self._predict_again(task)
        self._arm_boundaries(task)
        if task.state == TaskState.WAITING and hasattr(task.task_spec, "event_definition"):
            self._renew_timers(task)
            self._look_at_condition(task)

    def _predict_again(self, task: Task) -> None:
        workflow = task.workflow
        for child in [c for c in task.children if c.has_state(PREDICTED)]:
            workflow._remove_task(child.id)
        task.task_spec._predict(task, mask=TaskState.NOT_FINISHED_MASK)
        self.result.repredicted.append(task.task_spec.name)

    def _arm_boundaries(self, task: Task) -> None:
        split = task.workflow.spec.task_specs.get(f"{task.task_spec.name}.BoundaryEventSplit")
        if split is None or not is_model_node(task.task_spec):
            return
        parent = task.parent if task.parent.task_spec is split else _insert_split(task, split)
        present = {child.task_spec.name for child in parent.children}
        for event in split.outputs:
            if event.name not in present:
                child = parent._add_child(event, TaskState.WAITING)
                child.data = copy_data(parent.data)
                event._predict(child, mask=TaskState.NOT_FINISHED_MASK)
                event._update(child)
                self.result.armed.append(event.name)

    def _renew_timers(self, task: Task) -> None:
        for definition in definitions(task.task_spec.event_definition):
            if not isinstance(definition, TimerEventDefinition) or task.task_spec.name in self.result.armed:
                continue
            before = deadline(task, definition)
            if self.policies.timers == "restart":
                task.internal_data.pop("event_value", None)
                task.task_spec._update(task)
            elif str(task.id) not in self.rewriting.other_timers:
                continue
            after = deadline(task, definition)
            self.result.subscribed.append(Subscribed(str(task.id), bpmn_id(task.task_spec), "timer", before, after))

    def _look_at_condition(self, task: Task) -> None:
        """Let a condition that is new hold at once: the engine looks again only when another task moves."""
        if str(task.id) in self.rewriting.other_conditions and task.task_spec.event_definition.has_fired(task):
            task._ready()
            self.result.happened.add(str(task.id))

    def _start_branches(self, workflow: Any) -> None:
        for task in list(workflow.tasks.values()):
            if task.state != TaskState.COMPLETED or isinstance(task.task_spec, MultiChoice):
                continue
            present = {child.task_spec for child in task.children}
            if present.isdisjoint(task.task_spec.outputs):
                continue  # its token went on to what follows, and a second one would do all of that again
            for output in task.task_spec.outputs:
                if bpmn_id(output) in self.policies.start and output not in present:
                    child = task._add_child(output, TaskState.FUTURE)
                    output._predict(child, mask=TaskState.NOT_FINISHED_MASK)
                    output._update(child)
                    self.result.started.append(bpmn_id(output))

    def _reset(self) -> None:
        top = self.running.workflow
        named = {id: self.policies.mapping.get(id, id) for id in self.policies.reset}
        found: set[str] = set()
        for workflow in top.all_workflows():
            if workflow.definition != self.rewriting.new:
                continue
            for task in list(workflow.tasks.values()):
                live = not task.has_state(PREDICTED | HISTORY)
                if live and task.id in workflow.tasks and bpmn_id(task.task_spec) in named.values():
                    found.add(bpmn_id(task.task_spec))
                    self._reset_task(top, task)
        for id in sorted(id for id, new in named.items() if new not in found):
            reason = f"--reset {id}: no open task of this instance stands on '{id}' in the new version."
            fix = f"Leave out --reset {id}, or choose instances that wait there with --waiting-at {id}."
            self.result.faults.append(Fault("reset-not-possible", "", id, None, "", reason, fix))

    def _reset_task(self, top: Any, task: Task) -> None:
        if task.triggered and isinstance(task.parent.task_spec, LoopTask):
            self._fault(task, "reset-not-possible", "is one item of a repetition, which would be lost")
            return
        if task.id in top.subprocesses:
            inside = [child for child in top.subprocesses.values() if _is_inside(child, task)]
            self.result.dropped.update(str(id) for child in inside for id in child.tasks)
            top.delete_subprocess(task)
        task.internal_data = {}
        task._drop_children(force=True)
        task.data = {}
        task._set_state(TaskState.FUTURE)
        task.task_spec._predict(task, mask=TaskState.PREDICTED_MASK | TaskState.FUTURE)
        task.task_spec._update(task)
        self.result.reset.append(bpmn_id(task.task_spec))

    def _set_data(self) -> None:
        if not self.policies.data and self.policies.script is None:
            return
        for workflow in self.running.workflow.all_workflows():
            for task in workflow.tasks.values():
                if task.has_state(TaskState.READY | TaskState.WAITING | TaskState.ERROR) and _holds_data(task):
                    if case_of(workflow) is not None:
                        self._fault(task, "script-failed", "reads an aggregate, and no data given with --data",
                                    "Leave --data out, and change the aggregate: ProcessService.change.")  # fmt: skip
                        return
                    task.data.update(copy_data(dict(self.policies.data)))
                    if self.policies.script is not None:
                        self._run_script(task, self.policies.script)

    def _run_script(self, task: Task, script: str) -> None:
        self.running.engine.script_engine.execute(task, script)
        try:
            self.running.engine.registry.encode(task.data)
        except DataError as error:
            self._fault(task, "script-failed", f"would hold a value that cannot be stored: {error.message}")

    def _note_failures(self) -> None:
        failures, self.running.workflow.failures = self.running.workflow.failures, []
        for failure in failures:
            self._fault(failure.task, "event-not-armed", f"cannot be reached in the new version: {failure.error}")

    def _fault(self, task: Task, rule: str, reason: str, fix: str | None = None) -> None:
        spec = task.task_spec
        state = TaskState.get_name(task.state)
        message = f"'{spec.bpmn_name or bpmn_id(spec)}' {reason.rstrip('.')}."
        fix = fix or _FIXES.get(rule, "Mend the new version, or let the instance finish the task first.")
        self.result.faults.append(Fault(rule, str(task.id), bpmn_id(spec), spec.bpmn_name, state, message, fix))


def _is_event_subprocess(spec: Any) -> bool:
    """Whether a node that follows the start of a process is an event sub-process; others are start events."""
    return isinstance(spec, SubWorkflowTask) and not isinstance(spec, CallActivityMixin)


def _is_inside(workflow: Any, task: Task) -> bool:
    """Whether a sub-workflow runs under a task, directly or further down."""
    while workflow.parent_task_id is not None:
        if workflow.parent_task_id == task.id:
            return True
        workflow = workflow.parent_workflow
    return False


def _holds_data(task: Task) -> bool:
    return is_model_node(task.task_spec) and not isinstance(task.task_spec, SubWorkflowTask | LoopTask)


def _insert_split(task: Task, split: Any) -> Task:
    """Put the node that holds boundary events between a live task and its parent, as if it had been there."""
    workflow, old_parent = task.workflow, task.parent
    holder = Task(workflow, split, old_parent, state=TaskState.COMPLETED)
    old_parent._children.remove(holder.id)
    old_parent._children[old_parent._children.index(task.id)] = holder.id
    holder._children = [task.id]
    holder.data = copy_data(old_parent.data)
    task._parent = holder.id
    # Stored data are deltas against the parent, restored in order: the parent has to come first.
    _move_after(workflow.tasks, holder.id, old_parent.id)
    return holder


def _move_after(tasks: dict[Any, Any], moved: Any, anchor: Any) -> None:
    items = [(key, value) for key, value in tasks.items() if key != moved]
    value = tasks[moved]
    tasks.clear()
    for key, item in items:
        tasks[key] = item
        if key == anchor:
            tasks[moved] = value


def _predicted(task: Task) -> Iterator[Task]:
    stack = [child for child in task.children if child.has_state(PREDICTED)]
    while stack:
        child = stack.pop()
        yield child
        stack.extend(child.children)
