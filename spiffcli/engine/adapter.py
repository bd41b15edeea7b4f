"""The one door to the engine: parse, start, advance, complete, send, tick, snapshot, restore.

Everyone else sees our values. All time comes from the clock the engine was made with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn.specs.control import BoundaryEventSplit
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine import events, situations, start_events, state, views, wired
from spiffcli.engine.cases import Cased
from spiffcli.engine.catching import UncaughtError
from spiffcli.engine.clock import Clock, ManualClock, SystemClock, use_clock
from spiffcli.engine.config import EngineConfig
from spiffcli.engine.data_stores import DataStoreUnit, refresh
from spiffcli.engine.events import Event
from spiffcli.engine.failures import IncidentDetails, endless, explain, incident_of
from spiffcli.engine.open_tasks import OpenTasks
from spiffcli.engine.parsing import ParsedProcess, Parser
from spiffcli.engine.patches import install_fixes
from spiffcli.engine.patches.joins import end_failed_events
from spiffcli.engine.places import is_served, place_of
from spiffcli.engine.ports import Business, BusinessError, Outcome
from spiffcli.engine.registry import loads
from spiffcli.engine.start_events import StartTimer
from spiffcli.engine.state import Snapshot
from spiffcli.engine.tokens import stuck
from spiffcli.engine.workflow import Failure, Followed, RunnerWorkflow, SpecCache, SpecSource, copy_data
from spiffcli.errors import IncidentError, NotFoundError, StateError
from spiffcli.values import InstanceState, Resource, Subscription, TaskView

# Whoever uses the engine at all gets it without its faults; speed is `tuning.install`'s and has a switch.
install_fixes()

#: Steps one `advance` may take before it is taken for an endless loop.
STEP_BUDGET = 1_000_000


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine with one configuration.

    Attributes:
        config: The engine module in use.
        script_engine: Runs scripts and expressions under the chosen mode.
        clock: What timers and time stamps ask.
        business: Business code that serves processes, or None.
    """

    config: EngineConfig
    script_engine: Any = field(repr=False)
    clock: Clock = field(default_factory=SystemClock)
    business: Business | None = field(default=None, repr=False)
    registry: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "registry", self.config.registry())

    def parser(self, resources: Sequence[Resource]) -> Parser:
        """A parser for the processes of these resources."""
        is_served = self.business.is_served if self.business is not None else None
        return Parser(self.config, self.registry, resources, is_served)

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
            workflow.business = self.business
            workflow.task_tree.data.update(data or {})
            return Running(self, workflow)

    def restore(self, content: bytes, cache: SpecCache) -> Running:
        """The instance whose state these bytes are.

        Raises:
            CorruptStoreError: State and specs do not fit together.
            StoreFormatError: Another version of the program wrote the state.
        """
        workflow = state.load(content, cache, self.registry, self.script_engine)
        workflow.business = self.business
        return Running(self, workflow)

    def value(self, content: bytes) -> Any:
        """A stored value as a reader of JSON wants it."""
        return self.registry.plain(self.registry.decode(loads(content)))

    def at(self, now: float) -> Engine:
        """The same engine at a time that stands still, in seconds since the epoch."""
        return replace(self, clock=ManualClock(now))

    def time(self) -> AbstractContextManager[None]:
        """A context in which the engine's timers ask this engine's clock."""
        return use_clock(self.clock)


class Running(Cased):
    """An instance in memory."""

    def __init__(self, engine: Engine, workflow: RunnerWorkflow) -> None:
        self.engine = engine
        self.workflow = workflow
        self._failed: list[IncidentDetails] = []
        self._open = OpenTasks(workflow)

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

    @property
    def latest_data(self) -> Mapping[str, Any]:
        """Data of the process once it has ended; until then what the first task that is due sees."""
        if self.workflow.completed:
            return self.data
        active = self.active_tasks()
        if not active:  # between two nodes of the model: a command broke off here
            data: Mapping[str, Any] = (self.workflow.last_task or self.workflow.task_tree).data
            return data
        return next((view for view in active if view.state in ("READY", "ERROR")), active[-1]).data

    @property
    def data_objects(self) -> Mapping[str, Any]:
        """The data objects of the process that have a value."""
        objects: Mapping[str, Any] = self.workflow.data.get("data_objects", {})
        return {name: value for name, value in objects.items() if value is not None}

    @property
    def definitions(self) -> tuple[str, ...]:
        """Ids of the other definitions the instance has entered, in the order of entering."""
        entered = dict.fromkeys(child.definition for child in self.workflow.subprocesses.values())
        return tuple(id for id in entered if id != self.workflow.definition)

    @property
    def data_stores(self) -> DataStoreUnit:
        """What it read from data stores and wrote to them since it was saved."""
        return self.workflow.data_stores

    def incidents(self) -> list[IncidentDetails]:
        """Why tasks failed, of every task in ERROR."""
        return [incident_of(task) for task in self._failed_tasks()]

    def _failed_tasks(self) -> list[Task]:
        return [task for task in views.tasks(self.workflow) if task.state == TaskState.ERROR]

    def stuck(self) -> str | None:
        """Why nothing that may still happen moves the instance on, in words; None while something can."""
        return stuck(self.workflow) if self.state == "running" and not self.has_work() else None

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
        return views.subscriptions(self.workflow, self.engine.registry)

    def situation(self) -> bytes:
        """Where the instance stands, the same bytes for all that stand there."""
        return situations.situation(self.workflow, self.engine.registry)

    def snapshot(self) -> Snapshot:
        """The state to store.

        Raises:
            DataError: Task data hold a value that cannot be stored.
        """
        return state.dump(self.workflow, self.engine.registry)

    def followed(self) -> list[Followed]:
        """References that were followed since the last call."""
        followed, self.workflow.followed = self.workflow.followed, []
        return followed

    # Moving

    def advance(self, *, budget: int = STEP_BUDGET) -> Iterator[TaskView]:
        """Run what needs no person, and yield each task after it ran; stop where people or events are due.

        Raises:
            IncidentError: A task failed, or `budget` steps were not enough; the task is in state ERROR now.
        """
        self._raise_failures()
        steps = 0
        while True:
            moved = False
            for task in self._runnable():
                if steps == budget:
                    self._stop(task, budget)
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
        self._open.before_step()
        with self.engine.time():
            self.workflow.refresh_timers()
            wired.refresh_conditions(self.workflow)
        self._after_step()
        return self._has_ready()

    def has_work(self) -> bool:
        """Whether something could run, or be delivered, without a person and without waiting.

        An instance that has completed may still have events that wait for delivery.
        """
        state = self.state
        if state == "running" and self._has_ready():
            return True
        return state in ("running", "completed") and bool(self.workflow.bpmn_events)

    def _has_ready(self) -> bool:
        return any(
            not task.task_spec.manual
            for workflow in self.workflow.all_workflows()
            if workflow is self.workflow or not workflow.completed
            for task in workflow.get_tasks(state=TaskState.READY, skip_subprocesses=True)
        )

    def _run(self, task: Task) -> None:
        self._do(task, task.run)

    def _do(self, task: Task, step: Callable[[], object]) -> None:
        before, unit = copy_data(task.data), self.workflow.unit
        kept = unit.mark() if unit is not None else None
        stores = self.workflow.data_stores
        written = stores.mark()
        self._open.before_step()
        try:
            with self.engine.time():
                if not task.task_spec.manual:  # what a person has seen stays
                    refresh(task)
                step()
        except (Exception, SystemExit, GeneratorExit) as error:
            # A script that failed half way must not leave its half behind: `retry` starts from here.
            task.data = before
            task._set_state(TaskState.ERROR)
            if unit is not None:
                unit.go_back(kept)
            stores.go_back(written)
            self.workflow.failures.append(Failure(task, error))
        self._after_step()

    def _after_step(self) -> None:
        with self.engine.time():
            self._open.after_step()
        self._raise_failures()

    def _raise_failures(self) -> None:
        self._explain_failures()
        failed, self._failed = self._failed, []
        if failed:
            raise _incident(failed[0])

    def _explain_failures(self) -> None:
        failures, self.workflow.failures = self.workflow.failures, []
        for failure in failures:
            self._fail(failure.task, explain(failure))

    def _fail(self, task: Task, details: IncidentDetails) -> None:
        task.internal_data["incident"] = details.to_json()
        self._failed.append(details)

    def _stop(self, task: Task, budget: int) -> None:
        task._set_state(TaskState.ERROR)
        self._fail(task, endless(task, budget))
        self._raise_failures()

    def complete(self, task_id: str, answers: Mapping[str, Any] | None = None) -> TaskView:
        """Complete a task a person does, with their answers. What follows runs in `advance`.

        Raises:
            NotFoundError: No such task.
            StateError: The task is not READY, or no person completes it.
            DataError: An answer cannot be stored.
            IncidentError: Completing it failed; nothing has changed that is worth saving.
        """
        task = self._task(task_id)
        if task.state != TaskState.READY and not wired.is_open(task):
            raise _not_open(task)
        self.engine.registry.encode(dict(answers or {}), "answers")
        if wired.is_open(task):
            self._do(task, lambda: self._complete_open(task, answers))
        elif is_served(task):
            self.workflow.given = dict(answers or {})
            self._run(task)
        else:
            if answers:
                _answer(task, dict(answers))
            self._run(task)
        return views.view(task)

    def _complete_open(self, task: Task, given: Mapping[str, Any] | None) -> None:
        unit = self.workflow.unit
        if given and unit is not None:
            unit.take(place_of(task), given)
        self._open.close(task.id)
        task.complete()

    def raise_error(self, task_id: str, error: BusinessError) -> TaskView:
        """Let a task that was left open end with a business error: its error path runs in `advance`.

        Raises:
            NotFoundError: No such task.
            StateError: It is not open, or nothing in the model catches the error.
        """
        task = self._task(task_id)
        if not wired.is_open(task):
            raise _not_open(task)
        try:
            wired.raise_error(task, Outcome(error))
        except UncaughtError as uncaught:
            label = task.task_spec.bpmn_name or views.bpmn_id(task.task_spec)
            raise StateError(
                f"Nothing in the model catches the error '{error.code}' at '{label}'.", hint=uncaught.hint, task=task_id
            ) from None
        self._open.close(task.id)
        self._after_step()
        return views.view(task)

    def begin_with(self, event: Event) -> bool:
        """Let a message or signal start a new instance; False where no start event waits for it.

        What else could have started it is given up. What follows runs in `advance`.

        Raises:
            InputError: The payload of a message lacks what it is correlated by.
        """
        self._reach_start_events()
        with self.engine.time():
            return start_events.begin_with(self.workflow, event)

    def begin_at(self, element: str) -> bool:
        """Start a new instance at the timer start event `element`; False where it has none. See `begin_with`."""
        self._reach_start_events()
        with self.engine.time():
            return start_events.begin_at(self.workflow, element)

    def start_timers(self) -> list[StartTimer]:
        """When timers would start an instance like this new one, counted from now.

        Raises:
            IncidentError: The expression of one fails.
        """
        self._reach_start_events()
        return start_events.start_timers(self.workflow)

    def _reach_start_events(self) -> None:
        for task in start_events.reach_start_events(self.workflow):
            self._run(task)

    def send(self, event: Event, *, task_id: str | None = None) -> int:
        """Deliver a message or signal; how many tasks (or event sub-processes) it reached.

        A message reaches one task: the one named, or the first whose correlation fits. What it sets off and what
        fails then shows in `advance`.

        Raises:
            InputError: The payload of a message lacks what it is correlated by.
        """
        definition = events.find_definition(self.workflow, event, task_id)
        if definition is None:
            return 0
        event = replace(event, correlations=events.correlations(definition, event, self.engine.script_engine))
        self._open.before_step()
        with self.engine.time():
            reached = events.catch(self.workflow, definition, event, task_id)
            self._open.after_step()
        self._explain_failures()
        return reached

    def correlation(self, event: Event) -> Mapping[str, Any]:
        """By which values the instance would tell whether a message is for it, by property, as JSON types.

        Raises:
            InputError: The payload lacks them.
        """
        definition = events.find_definition(self.workflow, event)
        values = events.correlations(definition, event, self.engine.script_engine)
        return views.flat_correlations(values, self.engine.registry)

    def thrown(self) -> list[Event]:
        """Events that left the instance since the last call."""
        return events.thrown(self.workflow)

    def put_back(self, event: Event) -> None:
        """Keep an event that `thrown` returned, to be delivered later."""
        self.workflow.bpmn_events.append(event.raw)

    def cancel(self) -> None:
        """Cancel everything that has not finished, failed tasks included."""
        with self.engine.time():
            self._open.before_step()
            for workflow in self.workflow.all_workflows():
                if not workflow.completed:
                    self.workflow.cancel(workflow)
        for task in views.tasks(self.workflow):
            if task.state == TaskState.ERROR:
                task._set_state(TaskState.CANCELLED)
        self._after_step()

    def retry(self, data: Mapping[str, Any] | None = None) -> list[TaskView]:
        """Make failed tasks runnable again, with `data` merged into theirs, or put into the fields of their aggregate.

        Call `advance` next.

        Raises:
            StateError: No task is in ERROR.
            InputError: The aggregate has no such fields.
        """
        failed = self._failed_tasks()
        if not failed:
            raise StateError("No task of the instance has failed; there is nothing to retry.")
        for task in failed:
            if task.parent is not None and isinstance(task.parent.task_spec, BoundaryEventSplit):
                end_failed_events(task.parent)
        failed = self._failed_tasks()
        self._open.before_step()
        for task in failed:
            self._rearm(task, data or {})
        self._after_step()
        return [views.view(task) for task in failed]

    def _rearm(self, task: Task, data: Mapping[str, Any]) -> None:
        incident = task.internal_data.pop("incident", {})
        unit = self.workflow.unit
        if unit is None or not is_served(task):
            task.data.update(data)
        elif data:
            unit.take(place_of(task), data)
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


def _incident(details: IncidentDetails) -> IncidentError:
    return IncidentError(
        details.message,
        hint=details.hint,
        file=details.file,
        element=details.element,
        task=details.task,
    )


def _not_open(task: Task) -> StateError:
    return StateError(
        f"Task '{task.task_spec.bpmn_name or task.task_spec.name}' is {TaskState.get_name(task.state)}, "
        "not READY; it cannot be completed.",
        hint="See `runner tasks -w INSTANCE` for the tasks that can.",
        task=str(task.id),
    )


def _answer(task: Task, answers: dict[str, Any]) -> None:
    add = getattr(task.task_spec, "add_data_from_form", None)
    if add is not None:
        add(task, answers)
    else:
        task.data.update(answers)


__all__ = ["STEP_BUDGET", "Engine", "Event", "ParsedProcess", "Running"]
