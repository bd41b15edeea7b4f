"""Our form of the engine's workflow: specs by definition, failures kept, data not shared between branches.

`RunnerWorkflow` replaces the engine's workflow. Inside it a called spec is known by the id of its definition and
an embedded one by `definition#sub-process`, not by process id, so that two versions of one called process run side
by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol
from uuid import UUID

from msgspec import Struct
from SpiffWorkflow.bpmn.specs.mixins import CallActivityMixin
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.bpmn.util.event import EventManager
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.dmn.specs.business_rule_task_mixin import BusinessRuleTaskMixin
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.deep_merge import DeepMerge
from SpiffWorkflow.util.task import TaskState

from spiffcli.engine.data_stores import DataStoreUnit, StoredData
from spiffcli.engine.ports import Business, Place, Unit
from spiffcli.engine.registry import Registry, dumps, loads
from spiffcli.errors import InputError
from spiffcli.values import Resource

#: Extension that marks event sub-processes which interrupt the process around them.
INTERRUPTING = "runner:interrupting"

#: Levels of called processes and sub-processes inside each other, after which a process calls itself without end.
MAX_CALL_DEPTH = 200


#: What an instance follows references to while it runs.
FollowedKind = Literal["process", "decision"]


class DefinitionSpecs(Struct, frozen=True):
    """The engine specs of one definition.

    Attributes:
        main: Name of the process itself among `hashes`.
        hashes: Blob hashes by name: the process and its embedded sub-processes.
    """

    main: str
    hashes: Mapping[str, str]


class LateDecision(Struct, frozen=True):
    """A decision that is no part of the spec that asks it.

    Attributes:
        definition: Id of its definition.
        resource: The file that holds it.
    """

    definition: str
    key: str
    resource: Resource


class Followed(Struct, frozen=True):
    """A reference that an instance followed.

    Attributes:
        caller: Id of the definition that `element` belongs to.
        target: Id of the definition that was found.
    """

    caller: str
    element: str
    kind: FollowedKind
    target: str


class SpecSource(Protocol):
    """Where an instance gets the specs it runs on. The catalog is behind it; the engine never sees the store."""

    def specs(self, definition: str) -> DefinitionSpecs:
        """The specs of a definition by its id."""
        ...

    def content(self, hash: str) -> bytes:
        """The serialized spec under a hash."""
        ...

    def resolve(self, caller: str, element: str, key: str) -> str:
        """Id of the definition that `element` of the definition `caller` calls under the process id `key`.

        Raises:
            NotFoundError: There is none, now.
        """
        ...

    def decision(self, caller: str, element: str) -> LateDecision | None:
        """What `element` of the definition `caller` asks now; None where that is part of the spec.

        Raises:
            NotFoundError: There is none, now.
        """
        ...

    def data_store(self, top: str, definition: str, id: str, kind: str) -> StoredData:
        """The data store that `definition`, running under the definition `top`, calls `id`.

        Raises:
            InputError: Nothing says where it is.
        """
        ...


class SpecCache:
    """Specs of the engine, restored once per hash and process run.

    Specs that change while they run (event sub-processes and collaborations connect paths at run time) are
    restored anew for every instance.
    """

    def __init__(self, registry: Registry, source: SpecSource) -> None:
        self.registry = registry
        self.source = source
        self._shared: dict[str, Any] = {}
        self._tables: dict[str, Any] = {}

    def over(self, source: SpecSource) -> SpecCache:
        """A cache on another source, which shares what this one has restored: a hash means one spec everywhere."""
        cache = SpecCache(self.registry, source)
        cache._shared = self._shared
        return cache

    def spec(self, hash: str) -> Any:
        """The spec under `hash`."""
        shared = self._shared.get(hash)
        if shared is not None:
            return shared
        spec = self.registry.spec_from_bytes(self.source.content(hash))
        if not changes_at_run_time(spec):
            self._shared[hash] = spec
        return spec

    def table(self, decision: LateDecision) -> Any:
        """What evaluates a decision that is no part of a spec.

        Raises:
            ModelError: The engine cannot execute it.
        """
        if decision.definition not in self._tables:
            from spiffcli.engine.parsing import decision_engine  # it needs this module

            self._tables[decision.definition] = decision_engine(decision.resource, decision.key)
        return self._tables[decision.definition]


def changes_at_run_time(spec: Any) -> bool:
    """Whether running an instance can change its spec."""
    return bool(spec.start.trigger_specs) or hasattr(spec, "conditional_paths")


def spec_shape(spec: Any) -> tuple[Any, ...]:
    """Everything of a spec that running can change; equal shapes mean an unchanged spec."""
    return (len(spec.task_specs), tuple(spec.start._outputs), tuple(spec.end._inputs))


class Failure(Struct):
    """A task that could not run, and why."""

    task: Task
    error: BaseException
    phase: str = "run"


class _Loaded(Struct):
    """A spec in use by an instance: its hash, its shape under that hash, its bytes where no definition has them."""

    spec: Any
    hash: str
    shape: tuple[Any, ...]
    changed: bytes | None = None


class RunnerWorkflow(BpmnWorkflow):
    """A workflow whose specs come from definitions.

    Attributes:
        definition: Id of the definition the top process runs on.
        failures: Tasks that failed since the caller last looked.
        followed: References that were followed since the caller last looked.
        business: Business code, or None where there is none.
        given: What the form of the task that runs next gave; for processes that business code serves.
        raised: Events that are still to be given to who catches them.
        throwing: The task that throws events right now.
        opened: Tasks that were left open since the caller last looked, and where they are.
        data_stores: What it read from data stores and wrote to them since it was saved.
    """

    business: Business | None = None

    def __init__(
        self,
        definition: str,
        cache: SpecCache,
        script_engine: Any,
        *,
        restoring: bool = False,
        spec_hash: str | None = None,
    ) -> None:
        self.definition = definition
        self.cache = cache
        self.failures: list[Failure] = []
        self.followed: list[Followed] = []
        self.given: Mapping[str, Any] | None = None
        self.raised: list[Any] = []
        self.throwing: Task | None = None
        self.opened: dict[UUID, Place] = {}
        self._unit: Unit | None = None
        self.data_stores = self._no_data_read()
        self.loaded: dict[str, _Loaded] = {}
        if spec_hash is None:
            own = cache.source.specs(definition)
            spec_hash = own.hashes[own.main]
        spec = cache.spec(spec_hash)
        self.loaded[definition] = _Loaded(spec, spec_hash, spec_shape(spec))
        super().__init__(spec, {}, script_engine, deserializing=restoring)
        self.event_manager = _InstanceEvents(self)

    @property
    def unit(self) -> Unit | None:
        """The aggregates the instance works on; None where there is no business code."""
        if self._unit is None and self.business is not None:
            self._unit = self.business.unit()
        return self._unit

    def _no_data_read(self) -> DataStoreUnit:
        """What the instance reads from data stores and writes to them: nothing yet."""
        registry = self.cache.registry
        return DataStoreUnit(
            lambda definition, id, kind: self.cache.source.data_store(self.definition, definition, id, kind),
            lambda content: registry.decode(loads(content)),
            lambda value: dumps(registry.encode(value)),
        )

    def use_spec(self, key: str, hash: str | None = None) -> Any:
        """The spec under a key (`definition` or `definition#sub-process`), loaded on first use."""
        loaded = self.loaded.get(key)
        if loaded is None:
            if hash is None:
                definition, _, name = key.partition("#")
                specs = self.cache.source.specs(definition)
                hash = specs.hashes[name or specs.main]
            spec = self.cache.spec(hash)
            loaded = self.loaded[key] = _Loaded(spec, hash, spec_shape(spec))
        self.subprocess_specs[key] = loaded.spec
        return loaded.spec

    def key_of_called(self, workflow: Any, task_spec: Any) -> str:
        """Under which key the spec stands that a call activity or sub-process of `workflow` runs."""
        if isinstance(task_spec, CallActivityMixin):
            return self.cache.source.resolve(workflow.definition, _element(task_spec), task_spec.spec)
        return f"{workflow.definition}#{task_spec.spec}"

    def late_table(self, my_task: Task) -> Any:
        """What evaluates the decision of a business rule task; None where that is part of its spec."""
        caller, element = my_task.workflow.definition, _element(my_task.task_spec)
        found = self.cache.source.decision(caller, element)
        if found is None:
            return None
        self.followed.append(Followed(caller, element, "decision", found.definition))
        return self.cache.table(found)

    def create_subprocess(self, my_task: Task, spec_name: str) -> Any:
        """Start the called process or sub-process under `spec_name`, which is a key here.

        Raises:
            InputError: Calls are nested too deeply: a process calls itself without end.
        """
        if my_task.workflow.depth >= MAX_CALL_DEPTH:
            raise InputError(
                f"calls are nested {MAX_CALL_DEPTH} levels deep; the process calls itself without end.",
                hint="Mend the condition that decides about the call.",
            )
        self.use_spec(spec_name)
        subprocess = super().create_subprocess(my_task, spec_name)
        adopt(subprocess, spec_name)
        if isinstance(my_task.task_spec, CallActivityMixin):
            caller, element = my_task.workflow.definition, _element(my_task.task_spec)
            self.followed.append(Followed(caller, element, "process", subprocess.definition))
        return subprocess

    def all_workflows(self) -> list[Any]:
        """The top process and everything that runs or ran under it."""
        return [self, *self.subprocesses.values()]

    def task(self, task_id: UUID) -> Task | None:
        """The task with this id at any level."""
        for workflow in self.all_workflows():
            if task_id in workflow.tasks:
                return workflow.tasks[task_id]
        return None


def _element(task_spec: Any) -> str:
    id: str = task_spec.bpmn_id or task_spec.name
    return id


def adopt(subprocess: Any, key: str) -> None:
    """Note under which key the spec of a running sub-workflow stands, and whose definition it belongs to."""
    subprocess.spec_key = key
    subprocess.definition = key.partition("#")[0]


class _InstanceEvents(EventManager):
    """The engine's event manager, which looks up specs by process id; ours looks them up by definition."""

    def update_collaboration(self, event: Any) -> None:
        top = self.workflow
        if top.completed:
            # The engine starts event sub-processes of finished processes too, and then says both
            # "completed" and "has open tasks".
            return
        for name in list(top.spec.start.trigger_specs):
            key = top.key_of_called(top, top.spec.task_specs[name])
            spec = top.use_spec(key)
            for start in spec.bpmn_start_events:
                if start.event_definition == event.event_definition:
                    subprocess = self._waiting_at(start.name) or self._begin(name)
                    subprocess.correlations.update(event.correlations)
                    self._interrupt(name, subprocess.parent_task_id)

    def begin(self, name: str, event: Any) -> None:
        """Let the event sub-process `name` have an event that was found to be its own."""
        subprocess = self._begin(name)
        for task in list(self.tasks.values()):
            if task.workflow is subprocess and task.task_spec.catches(task, event):
                task.task_spec.catch(task, event)
                task.task_spec._update(task)
        self._interrupt(name, subprocess.parent_task_id)

    def _waiting_at(self, start_event: str) -> Any:
        for subprocess in self.workflow.subprocesses.values():
            if subprocess.get_next_task(state=TaskState.WAITING, spec_name=start_event) is not None:
                return subprocess
        return None

    def _begin(self, name: str) -> Any:
        top = self.workflow
        child = top.spec.start.trigger_wf(top.task_tree, name)
        # Fault: nothing is predicted behind what is triggered, so that its data never reach the process.
        task = top.tasks[child]
        task.task_spec._predict(task, mask=TaskState.NOT_FINISHED_MASK)
        return top.subprocesses[child]

    def _interrupt(self, name: str, started: UUID) -> None:
        """Cancel everything in the process but what the interrupting event sub-process `name` has started."""
        top = self.workflow
        if interrupts(top.spec.task_specs[name]):
            cancel_others(top, started)


def begins_by_event(task_spec: Any) -> bool:
    """Whether a node is an event sub-process that the engine enters at the start, to wait inside for its timer."""
    embedded = isinstance(task_spec, SubWorkflowTask) and not isinstance(task_spec, CallActivityMixin)
    return embedded and task_spec._wf_spec.start in task_spec.inputs


def interrupts(task_spec: Any) -> bool:
    """Whether an event sub-process ends the process around it when it begins."""
    return bool((getattr(task_spec, "extensions", None) or {}).get(INTERRUPTING))


def cancel_others(workflow: Any, started: UUID) -> None:
    """Cancel everything in a process but one branch that begins at its start."""
    for task in list(workflow.task_tree.children):
        if task.id != started and task.id in workflow.tasks:
            cancel_unfinished(task)


def cancel_unfinished(task: Task) -> None:
    """Cancel a task, or what followed it where it is over."""
    stack = [task]
    while stack:
        current = stack.pop()
        if current.has_state(TaskState.FINISHED_MASK):
            stack.extend(current.children)
        else:
            current.cancel()


def copy_data(value: Any) -> Any:
    """A copy of task data that shares no list, dict or set with it; other values are shared."""
    kind = type(value)
    if kind is dict:
        return {key: copy_data(item) for key, item in value.items()}
    if kind is list:
        return [copy_data(item) for item in value]
    if kind is set:
        return set(value)
    return value


# The overrides below replace methods of the engine's classes. Each leaves workflows that are not ours alone.

_engine_start_workflow = SubWorkflowTask.start_workflow
_engine_update = TaskSpec._update
_engine_inherit = Task._inherit_data
_engine_decide = BusinessRuleTaskMixin._run_hook


def _start_workflow(self: Any, my_task: Task) -> None:
    """Fault: called specs are looked up by process id, of which one instance can know only one version."""
    top = my_task.workflow.top_workflow
    if not isinstance(top, RunnerWorkflow):
        _engine_start_workflow(self, my_task)
        return
    from spiffcli.engine.wired import begin_call  # it needs this module

    key = top.key_of_called(my_task.workflow, self)
    subworkflow = top.create_subprocess(my_task, key)
    if isinstance(self, CallActivityMixin):
        try:
            begins = begin_call(my_task, subworkflow)
        except BaseException:
            top.delete_subprocess(my_task)
            raise
        if not begins:
            top.delete_subprocess(my_task)
            return
    subworkflow.completed_event.connect(self._on_subworkflow_completed, my_task)
    self.copy_data(my_task, subworkflow)
    subworkflow.get_next_task(spec_name="Start").run()


def _decide(self: Any, my_task: Task) -> Any:
    """Fault: a decision table is part of the spec, so that a newer version of it never reaches anybody."""
    top = my_task.workflow.top_workflow
    late = top.late_table(my_task) if isinstance(top, RunnerWorkflow) else None
    if late is None:
        return _engine_decide(self, my_task)
    own, self.dmnEngine = self.dmnEngine, late
    try:
        return _engine_decide(self, my_task)
    finally:
        self.dmnEngine = own


def _update(self: Any, my_task: Task) -> None:
    """Fault: an error while a task is being reached (pre-script, timer, loop) breaks off the update of its
    siblings and leaves a half-updated tree that cannot be continued. The failed task alone goes to ERROR.
    """
    top = getattr(my_task.workflow, "top_workflow", None)  # workflows other than BPMN have none
    if not isinstance(top, RunnerWorkflow):
        _engine_update(self, my_task)
        return
    try:
        _engine_update(self, my_task)
    except Exception as error:
        my_task._set_state(TaskState.ERROR)
        top.failures.append(Failure(my_task, error, "reach"))


def _inherit_data(self: Task) -> None:
    """Fault: a child shares nested lists and dicts with its parent and siblings, so that a script in one branch
    changes the other branch, and history, until the instance is saved and loaded. Copying makes both the same.
    """
    if isinstance(getattr(self.workflow, "top_workflow", None), RunnerWorkflow):
        self.data = DeepMerge.merge(self.data, copy_data(self.parent.data))
    else:
        _engine_inherit(self)


def install() -> None:
    """Put the overrides in place; once is enough, twice is fine."""
    SubWorkflowTask.start_workflow = _start_workflow
    TaskSpec._update = _update
    BusinessRuleTaskMixin._run_hook = _decide
    Task._inherit_data = _inherit_data


install()
