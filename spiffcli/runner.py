"""`Runner`: everything the command line can do, as a Python API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from spiffcli.config import Settings, load_settings
from spiffcli.errors import InputError
from spiffcli.values import Definition, DefinitionKind, Deployment, HistoryEntry, Instance, Resource, TaskView
from spiffcli.workspace import Wiring, Workspace, WorkspaceParts

if TYPE_CHECKING:
    from spiffcli.catalog import Catalog, Filter
    from spiffcli.catalog.definitions import Counts
    from spiffcli.catalog.suspension import Scheduled, Suspended
    from spiffcli.deployments.add import Added
    from spiffcli.deployments.export import Exported
    from spiffcli.deployments.request import Deploy
    from spiffcli.deployments.versions import Why
    from spiffcli.diff.changes import Diff
    from spiffcli.engine import Engine, EngineConfig
    from spiffcli.engine.clock import Clock
    from spiffcli.engine.retarget import Policies
    from spiffcli.forms import AnswerSource, Form
    from spiffcli.instances import Dispatcher, Session
    from spiffcli.instances.dispatcher import SendResult
    from spiffcli.instances.session import StepHook
    from spiffcli.instances.start_events import TickResult
    from spiffcli.instances.view import InstanceView
    from spiffcli.migrate.target import Target
    from spiffcli.migrate.values import MigrationResult, Plan
    from spiffcli.model import Problem
    from spiffcli.services import ProcessService
    from spiffcli.services.runtime import Services
    from spiffcli.specs.revisions import Taken
    from spiffcli.store import DocumentStore

A = TypeVar("A")


class Runner:
    """A store and an engine, opened when they are first needed.

    Example:
        ```python
        with Runner.open(store="sqlite:shop.db") as runner:
            runner.add(["order.bpmn", "prices.dmn"], process="order")
            with runner.start("order", {"customer": 7}) as session:
                session.advance()
        ```
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: DocumentStore | None = None,
        engine: EngineConfig | None = None,
        clock: Clock | None = None,
        max_steps: int = 100_000,
        wait: float = 2.0,
    ) -> None:
        """Compose a runner from settings.

        Args:
            store: An open store instead of the one the settings name.
            engine: An engine instead of the module the settings name.
            clock: What timers ask instead of the machine.
            max_steps: Steps one run may take.
            wait: Seconds to wait for an instance that another command holds.
        """
        self.workspace = Workspace(
            settings, PARTS, store=store, engine=engine, clock=clock, max_steps=max_steps, wait=wait
        )

    @classmethod
    def open(cls, *, cwd: Path | None = None, **flags: Any) -> Runner:
        """A runner with the settings of the environment and the project; `flags` go before both.

        Raises:
            ConfigError: A setting cannot be used.
        """
        return cls(load_settings(flags, cwd=cwd).for_running())

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the store."""
        self.workspace.close()

    # Parts

    @property
    def settings(self) -> Settings:
        """The settings in use."""
        return self.workspace.settings

    @property
    def store(self) -> DocumentStore:
        """The document store; see `Workspace.store`."""
        return self.workspace.store

    @property
    def catalog(self) -> Catalog:
        """Deployments, definitions and instances of the tenant."""
        return self.workspace.catalog

    @property
    def engine(self) -> Engine:
        """The engine; see `Workspace.engine`."""
        return self.workspace.engine

    @property
    def config(self) -> EngineConfig:
        """The engine module; see `Workspace.config`."""
        return self.workspace.config

    @property
    def services(self) -> Services | None:
        """Business code that serves processes, or None; see `Workspace.services`."""
        return self.workspace.services

    def service(self, aggregate: type[A]) -> ProcessService[A]:
        """What starts workflows of a type of aggregate, and talks to them."""
        from spiffcli.wiring.process_service import RunnerProcessService

        return RunnerProcessService(self.workspace, aggregate)

    def require_wired(self) -> None:
        """Raise WiringError unless services and the models in use fit together; looked at once."""
        self.workspace.require_wired()

    @property
    def dispatcher(self) -> Dispatcher:
        """What opens sessions, and delivers what their instances send."""
        from spiffcli.instances import dispatcher_of

        return dispatcher_of(self.workspace)

    # Definitions

    def init(self) -> str:
        """Create the store unless it is there; return its URL.

        Raises:
            StoreError: The place cannot be written, or holds something else.
        """
        return self.workspace.init()

    def add(
        self,
        files: Iterable[str | Path],
        *,
        process: str | None = None,
        collaboration: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        move_tag: bool = False,
        binding: str = "deployment",
        bindings: str | Path | None = None,
        force_new: bool = False,
        dry_run: bool = False,
    ) -> Added:
        """Deploy files, in the work tree or at a revision (`HEAD~1:order.bpmn`): BPMN models, decisions and forms.

        Forms that the models name and that are not among `files` are taken from beside them, or from a folder
        `forms` beside them. The store is created if it is not there, but not before all is known to be well.

        Args:
            process: Id of the process the user means; the others are registered too.
            collaboration: Id of a collaboration instead.
            tag: Tag for the new version.
            move_tag: Take the tag from the version that has it.
            binding: How calls are bound that do not say so themselves.
            bindings: File that says so for single elements, whatever the models say; see `read_bindings`.
            force_new: Make new versions of what has not changed, too.
            dry_run: Look, and store nothing.

        Raises:
            InputError: A file cannot be read, or the options contradict each other.
            ModelError: A model cannot be read or executed; nothing was stored.
        """
        from spiffcli.deployments.binding_file import Bindings, read_bindings
        from spiffcli.deployments.request import Deploy
        from spiffcli.specs.inputs import files_to_add

        if process is not None and collaboration is not None:
            raise InputError("Give a process or a collaboration, not both.")
        resources, source = files_to_add([str(file) for file in files])
        _refuse_others(resources)
        said = Bindings() if bindings is None else read_bindings(bindings)
        request = Deploy(
            resources,
            user=self.settings.user,
            main=collaboration or process,
            main_kind="collaboration" if collaboration is not None else "process",
            name=name,
            tag=tag,
            move_tag=move_tag,
            binding=binding,
            bindings=said.bindings,
            fallbacks=said.fallbacks,
            force_new=force_new,
            source=source,
        )
        return self.deploy(request, dry_run=dry_run)

    def add_again(
        self,
        ref: str,
        *,
        name: str | None = None,
        tag: str | None = None,
        move_tag: bool = False,
        force_new: bool = False,
        dry_run: bool = False,
    ) -> Added:
        """Deploy a stored version again, as the newest of its key: the way back to an earlier model.

        It is bound to what it was bound to then, and nothing else of its deployment gets a new version.

        Raises:
            NotFoundError: The tenant has no such version.
        """
        from msgspec.structs import replace

        request = self.catalog.deploy_again(ref)
        wish = replace(
            request,
            user=self.settings.user,
            name=name,
            tag=tag,
            move_tag=move_tag,
            force_new=force_new,
        )
        return self.deploy(wish, dry_run=dry_run)

    def deploy(self, request: Deploy, *, dry_run: bool = False) -> Added:
        """Deploy what `request` names; see `add` for files.

        Raises:
            InputError: The request contradicts itself.
            ModelError: A model cannot be read or executed; nothing was stored.
        """
        from spiffcli.deployments.add import deploy

        return deploy(self.workspace, request, dry_run=dry_run)

    def take(self, ref: str) -> Taken:
        """The stored process or collaboration that `ref` names; one at a revision is added if nobody did so yet.

        Raises:
            NotFoundError: The repository has no such model, file or revision.
            AmbiguousError: The file or model holds several.
            ModelError: It cannot be read or executed; nothing was stored.
            ReadOnlyError: It would have to be added.
        """
        from spiffcli.catalog.definitions import STARTABLE
        from spiffcli.specs.revisions import take

        return take(self.workspace, ref, STARTABLE)

    def catalog_or_empty(self) -> Catalog:
        """The catalog; one in memory where there is no store yet."""
        return self.workspace.catalog_or_empty()

    def created_catalog(self) -> Catalog:
        """The catalog; its store is made where there is none yet.

        Raises:
            ReadOnlyError: The installation is read-only.
        """
        return self.workspace.created_catalog()

    def specs(self, key: str | None = None, *, latest: bool = False) -> list[Definition]:
        """Processes and collaborations by key and version."""
        return self.catalog.definitions(key, ("process", "collaboration"), latest=latest)

    def why(self, ref: str) -> Why:
        """What changed from the version before: why there is a new one.

        Raises:
            NotFoundError: There is no such version.
        """
        from spiffcli.deployments.versions import why

        return why(self.catalog, ref)

    def deployment(self, ref: str) -> Deployment:
        """A deployment by id, beginning of its id or name; or, by an instance, the one that what it runs came from.

        Raises:
            NotFoundError: There is neither.
            AmbiguousError: Several ids begin so.
        """
        from spiffcli.deployments.versions import deployment_of

        return deployment_of(self.catalog, ref)

    def export(self, deployment: str, folder: str | Path, *, force: bool = False) -> list[Exported]:
        """Write the files of a deployment out again, byte for byte, and never outside of `folder`.

        Args:
            deployment: As of `deployment`.

        Raises:
            NotFoundError: There is no such deployment.
            InputError: They cannot be written, or other files are there and `force` is off.
        """
        from spiffcli.deployments.export import export

        found = self.deployment(deployment)
        return export(self.catalog.deployment_resources(found), Path(folder), force=force)

    def counts(self) -> dict[str, Counts]:
        """How many instances each definition has, by definition id."""
        return self.catalog.counts()

    # Running

    @contextmanager
    def start(
        self, ref: str, data: Mapping[str, Any] | None = None, *, natural_id: str | None = None
    ) -> Iterator[Session]:
        """A new instance of a definition, locked and stored, before its first step.

        Args:
            ref: A definition; what it names at a revision (`HEAD~1:shop/order`) is added if nobody did so yet.

        Raises:
            NotFoundError: There is no such definition.
            StateError: It is suspended.
            DuplicateError: The natural id is taken.
        """
        ref = self.take(ref).ref
        definition = self.catalog.startable(ref)
        self.require_wired()
        with self.dispatcher.start(definition, data, natural_id=natural_id) as session:
            yield session

    @contextmanager
    def session(self, ref: str, doing: str) -> Iterator[Session]:
        """An instance, locked and loaded.

        Raises:
            NotFoundError: There is no such instance.
            AmbiguousError: There are several.
            BusyError: Another command holds it.
        """
        instance = self.catalog.instance(ref)
        if doing != "cancel":  # whatever is wrong, an instance can be ended
            self.require_wired()
        with self.dispatcher.open(instance.id, doing) as session:
            yield session

    def look(self, ref: str) -> InstanceView:
        """An instance with all its tasks and its data, read without a lock.

        Raises:
            NotFoundError: There is no such instance.
        """
        from spiffcli.instances.view import view_instance

        return view_instance(self.workspace, self.catalog.instance(ref).id)

    def form(self, view: TaskView) -> Form | None:
        """The form of a human task, by what its definition is bound to; None where it has none.

        Raises:
            ModelError: The form is missing or broken.
        """
        from spiffcli.instances.forms import form_of

        return form_of(self.workspace, view)

    def secrets(self, instance: Instance) -> frozenset[str]:
        """Names of fields whose values may not be shown, by the forms of what the instance runs or has called."""
        from spiffcli.instances.forms import secrets_of

        return secrets_of(self.workspace, instance)

    def answer(
        self, session: Session, answers: AnswerSource, *, partial: bool = False, on_step: StepHook | None = None
    ) -> None:
        """Complete the open human tasks of an instance from a file of answers, until none is open.

        Args:
            partial: Leave tasks open that the file has no answers for.

        Raises:
            AnswerError: Answers are missing or do not fit; the task and those after it are open as before.
            IncidentError: What followed failed.
        """
        from spiffcli.instances.forms import answer

        answer(self.workspace, session, answers, partial=partial, on_step=on_step)

    def delete_instance(self, ref: str) -> Instance:
        """Forget an instance and its history; returns what it was.

        Raises:
            NotFoundError: There is no such instance.
            BusyError: Another command holds it.
        """
        return self.dispatcher.delete(self.catalog.instance(ref).id)

    def send(self, kind: str | None, name: str, payload: Any = None, *, instance: str | None = None) -> SendResult:
        """Deliver a message or signal from outside.

        Args:
            kind: `message` or `signal`; None takes what somebody waits for under this name.

        Raises:
            NotFoundError: Nobody waits for it.
            AmbiguousError: Several instances wait for the message.
        """
        self.require_wired()
        target = None if instance is None else self.catalog.instance(instance)
        return self.dispatcher.send_named(kind, name, payload, target)

    def tick(self, on_change: Callable[[Scheduled, Suspended], object] | None = None) -> list[TickResult]:
        """Fire the timers that are due, over all instances, and carry out what was scheduled.

        Args:
            on_change: Called with every suspension or activation whose date has come, and with what it changed.
        """
        from spiffcli.instances.start_events import tick

        self.require_wired()
        for plan, changed in self.catalog.run_scheduled():
            if on_change is not None:
                on_change(plan, changed)
        return tick(self.workspace)

    def instances(self, filter: Filter | None = None) -> list[Instance]:
        """Instances, oldest first."""
        return self.catalog.instances(filter)

    def history(self, ref: str) -> tuple[HistoryEntry, ...]:
        """What happened to an instance.

        Raises:
            NotFoundError: There is no such instance.
        """
        return self.catalog.history(self.catalog.instance(ref).id)

    # Comparing and migrating

    def diff_spec(
        self,
        old: str | Sequence[str],
        new: str | Sequence[str],
        *,
        dependencies: bool = False,
        on_problem: Callable[[Problem], None] | None = None,
    ) -> Diff:
        """What changed between two definitions or files.

        Args:
            old, new: A definition, a file (`order.bpmn`, `order.bpmn#order`, `HEAD~1:order.bpmn`, `-`), a folder of
                models, or several files that belong together.
            dependencies: Also compare what the processes call.
            on_problem: Is told what is wrong in the files and was read past.

        Raises:
            NotFoundError: One of them does not exist.
            InputError: A file cannot be read.
            ModelError: One of them cannot be understood.
        """
        from spiffcli.specs.compare import compare_refs

        compared = compare_refs(self.catalog_if_any, old, new, dependencies=dependencies)
        if on_problem is not None:
            for problem in compared.problems:
                on_problem(problem)
        return compared.diff

    def catalog_if_any(self) -> Catalog | None:
        """The catalog; None where there is no store."""
        return self.workspace.catalog_if_any()

    def diff_between(self, old: Definition, new: Definition) -> Diff:
        """What changed between two stored definitions, what they call included."""
        from spiffcli.deployments.versions import compare_versions

        return compare_versions(self.catalog, old, new)

    def target(
        self,
        ref: str,
        *,
        policies: Policies | None = None,
        allow: Iterable[str] = (),
        force: bool = False,
    ) -> Target:
        """Where instances are to be moved, and how.

        Args:
            policies: Mappings, and what becomes of timers, armed events and data.
            allow: `RULE` or `RULE:ELEMENT` that may be overridden.
            force: Everything that may be overridden is.

        Raises:
            NotFoundError: There is no such definition.
        """
        from spiffcli.migrate.target import target_of

        return target_of(self.workspace, ref, policies=policies, allow=allow, force=force)

    def diff_workflow(self, target: Target, refs: Iterable[str]) -> list[Plan]:
        """What moving instances would do: verdict and reasons. Nothing is stored.

        Raises:
            NotFoundError: There is no such instance.
            StateError: One has ended, or runs another process.
        """
        from spiffcli.migrate.fleet import judge_each

        return [group.plan for group in judge_each(self.workspace, target, refs).groups]

    def migrate(self, target: Target, ref: str, *, expected: str | None = None) -> MigrationResult:
        """Move one instance; its id stays, the state before is kept.

        Args:
            expected: Hash of the plan that was looked at; anything else is refused.

        Raises:
            StateError: It has ended, or runs another process.
            ConflictError: It is not as it was when the plan was made.
            BusyError: Another command holds it.
        """
        from spiffcli.migrate.apply import migrate_one

        return migrate_one(self.workspace, self.catalog.instance(ref), target, expected=expected)

    def rollback(self, ref: str) -> MigrationResult:
        """Take the last migration of an instance back.

        Raises:
            StateError: It was never migrated, or has moved on since.
        """
        from spiffcli.migrate.apply import rollback

        return rollback(self.workspace, self.catalog.instance(ref))


def _wiring(workspace: Workspace) -> Wiring:
    from spiffcli.wiring.load import ModelWiring

    return ModelWiring(workspace)


def _locate(settings: Settings, catalog: Catalog, ref: str, kinds: Sequence[DefinitionKind]) -> Definition:
    from spiffcli.specs.revisions import locate

    return locate(settings, catalog, ref, kinds)


def _refuse_others(resources: Sequence[Resource]) -> None:
    """Refuse what nothing can be made of.

    Raises:
        InputError: There are no files, or one that is neither a model nor a form.
    """
    if not resources:
        raise InputError("There is nothing to add.", hint="Name the files of the model: -b FILE")
    for resource in resources:
        if resource.kind == "other":
            raise InputError(
                f"{resource.name} is neither a model nor a form.",
                hint="Files of BPMN end in .bpmn, of DMN in .dmn (both also in .xml), forms in .json or .form.",
                file=resource.name,
            )


#: What every workspace of a runner is made with.
PARTS = WorkspaceParts(wiring=_wiring, locate=_locate)
