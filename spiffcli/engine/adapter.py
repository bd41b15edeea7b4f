"""The one door to the engine: parse, start, advance, complete, send, tick, snapshot, restore.

Everyone else sees our values. All time comes from the clock the engine was made with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn.specs.event_definitions.item_aware_event import SignalEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine import state, views
from spiffcli.engine.clock import Clock, SystemClock, use_clock
from spiffcli.engine.config import EngineConfig
from spiffcli.engine.failures import IncidentDetails, explain
from spiffcli.engine.parsing import ParsedProcess, Parser
from spiffcli.engine.state import Snapshot
from spiffcli.engine.workflow import Failure, RunnerWorkflow, SpecCache, SpecSource, copy_data
from spiffcli.errors import IncidentError, NotFoundError, RunnerError, StateError
from spiffcli.values import InstanceState, Resource, Subscription, TaskView

#: Steps one `advance` may take before it is taken for an endless loop.
STEP_BUDGET = 1_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """A message or signal on its way.

    Attributes:
        kind: `message` or `signal`.
        correlations: For messages the engine threw: values by correlation key and property.
        raw: For events the engine threw: its own form of it.
    """

    kind: str
    name: str
    payload: Any = None
    correlations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    raw: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine with one configuration.

    Attributes:
        config: The engine module in use.
        script_engine: Runs scripts and expressions under the chosen mode.
        clock: What timers and time stamps ask.
    """

    config: EngineConfig
    script_engine: Any = field(repr=False)
    clock: Clock = field(default_factory=SystemClock)
    registry: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "registry", self.config.registry())

    def parser(self, resources: Sequence[Resource]) -> Parser:
        """A parser for the processes of these resources."""
        return Parser(self.config, self.registry, resources)

    def cache(self, source: SpecSource) -> SpecCache:
        """Specs restored once for all instances a command touches."""
        return SpecCache(self.registry, source)

    def start(self, definition: str, cache: SpecCache, data: Mapping[str, Any] | None = None) -> Running:
        """A new instance of a definition, with `data` as its first task data, before its first step.

        Raises:
            DataError: `data` hold a value that cannot be stored.
        """
        with self.time():
            self.registry.encode(dict(data or {}))
            workflow = RunnerWorkflow(definition, cache, self.script_engine)
            workflow.task_tree.data.update(data or {})
            return Running(self, workflow)

    def restore(self, content: bytes, cache: SpecCache) -> Running:
        """The instance whose state these bytes are.

        Raises:
            CorruptStoreError: State and specs do not fit together.
            StoreFormatError: Another version of the program wrote the state.
        """
        return Running(self, state.load(content, cache, self.registry, self.script_engine))

    def time(self) -> AbstractContextManager[None]:
        """A context in which the engine's timers ask this engine's clock."""
        return use_clock(self.clock)


class Running:
    """An instance in memory."""

    def __init__(self, engine: Engine, workflow: RunnerWorkflow) -> None:
        self.engine = engine
        self.workflow = workflow

    # Reading

    @property
    def state(self) -> InstanceState:
        """Where the instance stands as a whole, by its tasks; never by the engine's own word alone."""
        if any(task.state == TaskState.ERROR for wf in self.workflow.all_workflows() for task in wf.tasks.values()):
            return "error"
        if not self.workflow.is_completed():
            return "running"
        return "completed" if self.workflow.success else "cancelled"

    @property
    def data(self) -> Mapping[str, Any]:
        """Data of the process: what the end event left, once the instance has ended."""
        return {key: value for key, value in self.workflow.data.items() if key != "data_objects"}

    def tasks(self) -> Iterator[TaskView]:
        """Every task, parents first."""
        return map(views.view, views.tasks(self.workflow))

    def task(self, task_id: str) -> TaskView:
        """One task.

        Raises:
            NotFoundError: The instance has no such task.
        """
        return views.view(self._task(task_id))

    def human_tasks(self) -> list[TaskView]:
        """Tasks that are READY for a person, in tree order."""
        return [
            views.view(task)
            for task in views.tasks(self.workflow)
            if task.state == TaskState.READY and task.task_spec.manual
        ]

    def active_tasks(self) -> list[TaskView]:
        """Tasks of the model that are READY, WAITING, STARTED or in ERROR."""
        mask = TaskState.READY | TaskState.WAITING | TaskState.STARTED | TaskState.ERROR
        return [
            views.view(task)
            for task in views.tasks(self.workflow)
            if task.has_state(mask) and views.is_model_node(task.task_spec)
        ]

    def subscriptions(self) -> list[Subscription]:
        """Messages, signals and timers the instance waits for."""
        return views.subscriptions(self.workflow)

    def situation(self) -> str:
        """Hash of where the instance stands."""
        return views.situation(self.workflow, self.engine.registry)

    def snapshot(self) -> Snapshot:
        """The state to store.

        Raises:
            DataError: Task data hold a value that cannot be stored.
        """
        return state.dump(self.workflow, self.engine.registry)

    # Moving

    def advance(self, *, budget: int = STEP_BUDGET) -> Iterator[TaskView]:
        """Run what needs no person, and yield each task after it ran; stop where people or events are due.

        Raises:
            IncidentError: A task failed (it is in state ERROR now), or `budget` steps were not enough.
        """
        steps = 0
        while True:
            moved = False
            for task in self._runnable():
                if steps == budget:
                    raise self._endless(task, budget)
                steps += 1
                moved = True
                self._run(task)
                yield views.view(task)
            if not moved and not self._settle():
                return

    def _runnable(self) -> Iterator[Task]:
        """Tasks to run now, innermost processes first, as the engine orders them."""
        active = sorted(self.workflow.get_active_subprocesses(), key=lambda child: child.depth, reverse=True)
        for workflow in (*active, self.workflow):
            while True:
                ready = [
                    task
                    for task in workflow.get_tasks(state=TaskState.READY, skip_subprocesses=True)
                    if not task.task_spec.manual
                ]
                for task in ready:
                    # Another task of this round may have cancelled it; the engine would run it all the same.
                    if task.state == TaskState.READY and task.id in workflow.tasks:
                        yield task
                if not ready or workflow is self.workflow:
                    break
            if workflow is not self.workflow:
                self._update_caller(workflow)

    def _update_caller(self, workflow: Any) -> None:
        caller = self.workflow.task(workflow.parent_task_id)
        if caller is not None and caller.state == TaskState.STARTED:
            with self.engine.time():
                caller.task_spec._update(caller)
            self._raise_failures()

    def _settle(self) -> bool:
        """Let timers that are due fire; whether that made anything runnable."""
        with self.engine.time():
            self.workflow.refresh_timers()
        self._raise_failures()
        return self._has_ready()

    def has_work(self) -> bool:
        """Whether something could run, or be delivered, without a person and without waiting."""
        return self.state == "running" and (bool(self.workflow.bpmn_events) or self._has_ready())

    def _has_ready(self) -> bool:
        return any(
            not task.task_spec.manual
            for workflow in self.workflow.all_workflows()
            if workflow is self.workflow or not workflow.completed
            for task in workflow.get_tasks(state=TaskState.READY, skip_subprocesses=True)
        )

    def _run(self, task: Task) -> None:
        before = copy_data(task.data)
        try:
            with self.engine.time():
                task.run()
        except (Exception, SystemExit, GeneratorExit) as error:
            # A script that failed half way must not leave its half behind: `retry` starts from here.
            task.data = before
            task._set_state(TaskState.ERROR)
            self.workflow.failures.append(Failure(task, error))
        self._raise_failures()

    def _raise_failures(self) -> None:
        failures, self.workflow.failures = self.workflow.failures, []
        if not failures:
            return
        for failure in failures:
            details = explain(failure)
            failure.task.internal_data["incident"] = details.to_json()
        raise self._incident(explain(failures[0]))

    def _incident(self, details: IncidentDetails) -> RunnerError:
        return IncidentError(
            details.message,
            hint=details.hint,
            file=details.file,
            line=details.line,
            element=details.element,
            task=details.task,
        )

    def _endless(self, task: Task, budget: int) -> IncidentError:
        name = task.task_spec.bpmn_name or task.task_spec.name
        return IncidentError(
            f"The instance took {budget:,} steps without stopping, the last one at '{name}': "
            "a loop or a process that calls itself does not end.",
            hint="Mend the loop's condition, or allow more steps with --max-steps.",
            file=task.workflow.spec.file,
            element=views.bpmn_id(task.task_spec),
            task=str(task.id),
        )

    def complete(self, task_id: str, answers: Mapping[str, Any] | None = None) -> TaskView:
        """Complete a task a person does, with their answers. What follows runs in `advance`.

        Raises:
            NotFoundError: No such task.
            StateError: The task is not READY, or no person completes it.
            DataError: An answer cannot be stored.
            IncidentError: Completing it failed; nothing has changed that is worth saving.
        """
        task = self._task(task_id)
        if task.state != TaskState.READY:
            raise StateError(
                f"Task '{task.task_spec.bpmn_name or task.task_spec.name}' is {TaskState.get_name(task.state)}, "
                "not READY; it cannot be completed.",
                hint="See `runner tasks -w INSTANCE` for the tasks that can.",
                task=task_id,
            )
        self.engine.registry.encode(dict(answers or {}), "answers")
        if answers:
            _answer(task, dict(answers))
        self._run(task)
        return views.view(task)

    def send(self, event: Event, *, task_id: str | None = None) -> int:
        """Deliver a message or signal; how many tasks (or event sub-processes) it reached.

        A message reaches one task: the one named, or the first whose correlation fits.

        Raises:
            IncidentError: What it set off failed.
        """
        definition = self._definition(event, task_id)
        if definition is None:
            return 0
        correlations = dict(event.correlations)
        if isinstance(definition, MessageEventDefinition) and not correlations:
            correlations = definition.calculate_correlations(
                self.engine.script_engine, definition.correlation_properties, event.payload or {}
            )
        with self.engine.time():
            reached: int = self.workflow.event_manager.catch(
                BpmnEvent(definition, event.payload or {}, correlations), internal=False
            )
        self._raise_failures()
        return reached

    def _definition(self, event: Event, task_id: str | None) -> Any:
        # The engine compares definitions by class, and each dialect has its own classes; taking the definition
        # from the instance itself always fits.
        wanted: Any = MessageEventDefinition if event.kind == "message" else SignalEventDefinition
        for task in self.workflow.event_manager.tasks.values():
            if task_id is not None and str(task.id) != task_id:
                continue
            for definition in views.definitions(task.task_spec.event_definition):
                if isinstance(definition, wanted) and definition.name == event.name:
                    return definition
        return self._trigger(wanted, event.name) if task_id is None else None

    def _trigger(self, wanted: Any, name: str) -> Any:
        workflow = self.workflow
        for trigger in workflow.spec.start.trigger_specs:
            spec = workflow.use_spec(workflow.key_of_called(workflow, workflow.spec.task_specs[trigger]))
            for start in spec.bpmn_start_events:
                for definition in views.definitions(start.event_definition):
                    if isinstance(definition, wanted) and definition.name == name:
                        return definition
        return None

    def thrown(self) -> list[Event]:
        """Messages and signals that left the instance since the last call."""
        events = []
        for event in self.workflow.get_events():
            for definition in views.definitions(event.event_definition):
                if isinstance(definition, (MessageEventDefinition, SignalEventDefinition)):
                    kind = "message" if isinstance(definition, MessageEventDefinition) else "signal"
                    events.append(Event(kind, definition.name, event.payload, event.correlations or {}, event))
        return events

    def put_back(self, event: Event) -> None:
        """Keep an event that `thrown` returned, to be delivered later."""
        self.workflow.bpmn_events.append(event.raw)

    def cancel(self) -> None:
        """Cancel everything that has not finished."""
        with self.engine.time():
            self.workflow.cancel()

    def retry(self, data: Mapping[str, Any] | None = None) -> list[TaskView]:
        """Make failed tasks runnable again, with `data` merged into theirs; call `advance` next.

        Raises:
            StateError: No task is in ERROR.
        """
        failed = [task for task in views.tasks(self.workflow) if task.state == TaskState.ERROR]
        if not failed:
            raise StateError("No task of the instance has failed; there is nothing to retry.")
        for task in failed:
            self._rearm(task, data or {})
        self._raise_failures()
        return [views.view(task) for task in failed]

    def _rearm(self, task: Task, data: Mapping[str, Any]) -> None:
        incident = task.internal_data.pop("incident", {})
        task.data.update(data)
        for workflow in self._chain(task.workflow):
            workflow.completed = False
        with self.engine.time():
            task._drop_children(force=True)
            task._set_state(TaskState.FUTURE)
            task.task_spec._predict(task, mask=TaskState.PREDICTED_MASK | TaskState.FUTURE)
            if incident.get("phase") == "reach":
                if task.id in self.workflow.subprocesses:
                    self.workflow.delete_subprocess(task)
                task.task_spec._update(task)
            else:
                task._set_state(TaskState.READY)

    def _chain(self, workflow: Any) -> Iterator[Any]:
        while workflow is not None:
            yield workflow
            workflow = workflow.parent_workflow

    def _task(self, task_id: str) -> Task:
        try:
            task = self.workflow.task(UUID(task_id))
        except ValueError:
            task = None
        if task is None:
            raise NotFoundError(
                f"The instance has no task {task_id}.", hint="See `runner tasks -w INSTANCE`.", task=task_id
            )
        return task


def _answer(task: Task, answers: dict[str, Any]) -> None:
    add = getattr(task.task_spec, "add_data_from_form", None)
    if add is not None:
        add(task, answers)
    else:
        task.data.update(answers)


__all__ = ["STEP_BUDGET", "Engine", "Event", "ParsedProcess", "Running"]
