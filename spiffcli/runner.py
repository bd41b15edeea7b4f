"""`Runner`: everything the command line can do, as a Python API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from spiffcli.config import Settings, load_settings, load_surroundings
from spiffcli.errors import InputError, NoStoreError, ReadOnlyError
from spiffcli.values import Definition, DefinitionKind, Deployment, HistoryEntry, Instance, Resource, TaskView

if TYPE_CHECKING:
    from spiffcli.catalog import Catalog, Deploy, DeploymentPlan, Filter
    from spiffcli.catalog.definitions import Counts
    from spiffcli.catalog.suspension import Scheduled, Suspended
    from spiffcli.deployments.add import Added
    from spiffcli.deployments.export import Exported
    from spiffcli.deployments.rebinding import Rebound
    from spiffcli.deployments.versions import Why
    from spiffcli.diff.changes import Diff
    from spiffcli.engine import Engine, EngineConfig
    from spiffcli.engine.clock import Clock
    from spiffcli.engine.retarget import Policies
    from spiffcli.forms import AnswerSource, Form
    from spiffcli.instances import Context, Session
    from spiffcli.instances.delivery import Delivered
    from spiffcli.instances.session import StepHook
    from spiffcli.instances.ticking import Ticked
    from spiffcli.instances.view import Look
    from spiffcli.migrate.apply import Result, Target
    from spiffcli.migrate.values import Blocker, Plan
    from spiffcli.model import Problem
    from spiffcli.services import ProcessService
    from spiffcli.services.faults import Fault
    from spiffcli.services.runtime import Services
    from spiffcli.specs.kept import KeptDiffs
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
        self.settings = settings
        self._given_store = store
        self._given_engine = engine
        self._clock = clock
        self._max_steps = max_steps
        self._wait = wait
        self._wired = False

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
        if "store" in self.__dict__ and self._given_store is None:
            self.store.close()

    # Parts

    @cached_property
    def store(self) -> DocumentStore:
        """The document store, opened.

        Raises:
            StoreError: There is none, or it cannot be opened.
        """
        return self._given_store or self._open_store(create=False)

    def _open_store(self, *, create: bool) -> DocumentStore:
        from spiffcli.store.opening import open_store

        return open_store(self.settings.store, create=create)

    @cached_property
    def catalog(self) -> Catalog:
        """Deployments, definitions and instances of the tenant."""
        from spiffcli.catalog import Catalog

        options: dict[str, Any] = {} if self._clock is None else {"clock": self._clock.now}
        return Catalog(
            self.store,
            tenant=self.settings.tenant,
            fallback=self.settings.fallback_default_tenant,
            default_tenant=self.settings.default_tenant,
            default_tenants=self.settings.default_tenants,
            read_only=self.settings.read_only,
            locate=self._locate,
            **options,
        )

    def _locate(self, catalog: Catalog, ref: str, kinds: Sequence[DefinitionKind]) -> Definition:
        from spiffcli.specs.revisions import locate

        return locate(self.settings, catalog, ref, kinds)

    @cached_property
    def engine(self) -> Engine:
        """The engine, with the module, script mode and tuning of the settings.

        Raises:
            ConfigError: The engine module cannot be used.
        """
        from spiffcli.engine import Engine
        from spiffcli.engine.clock import SystemClock
        from spiffcli.engine.patches import install
        from spiffcli.sandbox import ScriptMode, make_script_engine

        install(enabled=self.settings.tuning)
        config = self.config
        mode = ScriptMode(self.settings.scripts)
        scripts = make_script_engine(mode, functions=config.functions, service=config.service)
        return Engine(config, scripts, self._clock or SystemClock(), self.services)

    @cached_property
    def config(self) -> EngineConfig:
        """The engine module of the settings.

        Raises:
            ConfigError: It cannot be used.
        """
        from spiffcli.plugins import load_engine

        return self._given_engine or load_engine(self.settings.engine, self.settings.folder)

    @cached_property
    def services(self) -> Services | None:
        """Business code that serves processes, or None.

        Raises:
            ConfigError: A module of services cannot be used.
        """
        from spiffcli.plugins import offered_services

        if self.config.services is None and not self.settings.services and not offered_services():
            return None
        from spiffcli.wiring.load import load_services

        return load_services(self)

    def service(self, aggregate: type[A]) -> ProcessService[A]:
        """What starts workflows of a type of aggregate, and talks to them."""
        from spiffcli.wiring.process_service import RunnerProcessService

        return RunnerProcessService(self, aggregate)

    def require_wired(self) -> None:
        """Nothing, if services and the models in use fit together; looked at once.

        Raises:
            WiringError: They do not; `faults` says how.
        """
        if not self._wired and self.services is not None:
            from spiffcli.wiring.load import require_wired

            require_wired(self)
        self._wired = True

    @cached_property
    def context(self) -> Context:
        """What sessions need."""
        from spiffcli.instances import Context

        return Context(self.catalog, self.engine, self.settings.user, self._wait, self._max_steps)

    # Definitions

    def init(self) -> str:
        """Create the store if it is not there, and say where it is.

        Raises:
            StoreError: The place cannot be written, or holds something else.
        """
        self.__dict__.setdefault("store", self._given_store or self._open_store(create=True))
        return self.store.url

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
        from spiffcli.catalog import Deploy
        from spiffcli.deployments.binding_file import Bindings, read_bindings
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
        from dataclasses import replace

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
        from spiffcli.deployments.add import add
        from spiffcli.sandbox import ScriptMode

        into = None if dry_run else self.created_catalog
        mode = ScriptMode(self.settings.scripts)
        added = add(self.catalog_or_empty(), self.engine, mode, request, into=into, faults=self._planned_faults)
        if added.deployment is not None:
            self._compare_with_before(added)
        return added

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

        return take(self, ref, STARTABLE)

    def _compare_with_before(self, added: Added) -> None:
        """Compare what is new with the version before it now, when nobody waits: that is what is asked next."""
        from contextlib import suppress

        from spiffcli.specs.compare import compare_new

        with suppress(Exception):  # the deployment is stored; a fault shows when the comparison is asked for
            compare_new(self.catalog.with_scope(tenant=added.plan.tenant), added.plan, self._kept_diffs())

    def _planned_faults(self, plan: DeploymentPlan) -> list[Fault]:
        if self.services is None:
            return []
        from spiffcli.wiring.load import planned_faults

        return planned_faults(self, plan)

    def catalog_or_empty(self) -> Catalog:
        """The catalog; one in memory where there is no store yet."""
        from spiffcli.catalog import Catalog
        from spiffcli.store import open_store

        try:
            return self.catalog
        except NoStoreError:
            return Catalog(open_store("memory:"), tenant=self.settings.tenant)

    def created_catalog(self) -> Catalog:
        """The catalog; its store is made where there is none yet.

        Raises:
            ReadOnlyError: The installation is read-only, so nothing is to be made.
        """
        if self.settings.read_only:
            raise ReadOnlyError
        self.init()
        return self.catalog

    def specs(self, key: str | None = None, *, latest: bool = False) -> list[Definition]:
        """Processes and collaborations by key and version."""
        return self.catalog.definitions(key, ("process", "collaboration"), latest=latest)

    def why(self, ref: str) -> Why:
        """What changed from the version before: why there is a new one.

        Raises:
            NotFoundError: There is no such version.
        """
        from spiffcli.deployments.versions import why

        return why(self.catalog, ref, self.diff_between)

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
        from spiffcli.instances import Session

        ref = self.take(ref).ref
        definition = self.catalog.startable(ref)
        self.require_wired()
        with Session.begin(self.context, definition, data, natural_id=natural_id) as session:
            yield session

    @contextmanager
    def session(self, ref: str, doing: str) -> Iterator[Session]:
        """An instance, locked and loaded.

        Raises:
            NotFoundError: There is no such instance.
            AmbiguousError: There are several.
            BusyError: Another command holds it.
        """
        from spiffcli.instances import Session

        instance = self.catalog.instance(ref)
        if doing != "cancel":  # whatever is wrong, an instance can be ended
            self.require_wired()
        with Session.open(self.context, instance.id, doing) as session:
            yield session

    def look(self, ref: str) -> Look:
        """An instance with all its tasks and its data, read without a lock.

        Raises:
            NotFoundError: There is no such instance.
        """
        from spiffcli.instances.view import look

        return look(self.context, self.catalog.instance(ref).id)

    def form(self, view: TaskView) -> Form | None:
        """The form of a human task, by what its definition is bound to; None where it has none.

        Raises:
            ModelError: The form is missing or broken.
        """
        from spiffcli.instances.forms import form_of

        definition = self.context.specs.definition(view.definition)
        return form_of(self.catalog, definition, self.engine.config.forms, view)

    def secrets(self, instance: Instance) -> frozenset[str]:
        """Names of fields whose values may not be shown, by the forms of what the instance runs or has called."""
        from spiffcli.instances.forms import secret_fields

        definitions = [self.context.specs.definition(id) for id in (instance.definition, *instance.calls)]
        return secret_fields([resource for each in definitions for resource in self.catalog.resources(each)])

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
        from spiffcli.instances.answering import answer

        answer(self.form, session, answers, partial=partial, on_step=on_step)

    def delete_instance(self, ref: str) -> Instance:
        """Forget an instance and its history; returns what it was.

        Raises:
            NotFoundError: There is no such instance.
            BusyError: Another command holds it.
        """
        from spiffcli.instances.session import delete

        return delete(self.context, self.catalog.instance(ref).id)

    def send(self, kind: str | None, name: str, payload: Any = None, *, instance: str | None = None) -> Delivered:
        """Deliver a message or signal from outside.

        Args:
            kind: `message` or `signal`; None takes what somebody waits for under this name.

        Raises:
            NotFoundError: Nobody waits for it.
            AmbiguousError: Several instances wait for the message.
        """
        from spiffcli.instances.sending import send_named

        self.require_wired()
        target = None if instance is None else self.catalog.instance(instance)
        return send_named(self.context, kind, name, payload, target)

    def tick(self, on_change: Callable[[Scheduled, Suspended], object] | None = None) -> list[Ticked]:
        """Fire the timers that are due, over all instances, and carry out what was scheduled.

        Args:
            on_change: Called with every suspension or activation whose date has come, and with what it changed.
        """
        from spiffcli.instances.ticking import tick

        self.require_wired()
        for plan, changed in self.catalog.run_scheduled():
            if on_change is not None:
                on_change(plan, changed)
        return tick(self.context)

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

        compared = compare_refs(self.catalog_if_any, old, new, dependencies=dependencies, kept=self._kept_diffs())
        if on_problem is not None:
            for problem in compared.problems:
                on_problem(problem)
        return compared.diff

    def _kept_diffs(self) -> KeptDiffs:
        from spiffcli.specs.kept import KeptDiffs

        return KeptDiffs(load_surroundings().cache)

    def catalog_if_any(self) -> Catalog | None:
        """The catalog; None where there is no store."""
        try:
            return self.catalog
        except NoStoreError:
            return None

    def diff_between(self, old: Definition, new: Definition) -> Diff:
        """What changed between two stored definitions, what they call included."""
        from spiffcli.specs.compare import compare_with_dependencies

        return compare_with_dependencies(self.catalog, old, new)

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
        from functools import cache

        from spiffcli.engine.retarget import Policies
        from spiffcli.migrate.apply import Target
        from spiffcli.migrate.values import Waivers

        definition = self.catalog.find(ref, ("process", "collaboration"))
        policies = policies or Policies()
        diffs: Callable[[str], Diff] = cache(
            lambda id: self.diff_between(self.context.specs.definition(id), definition)
        )
        rebound: Callable[[str], tuple[Rebound, ...]] = cache(
            lambda id: self.catalog.rebound(self.context.specs.definition(id), definition, policies.mapping)
        )
        waivers = Waivers.of(allow, force=force)
        return Target(
            definition,
            lambda old: diffs(old.id),
            policies,
            waivers,
            lambda old: rebound(old.id),
            self._unserved(definition),
        )

    def _unserved(self, definition: Definition) -> tuple[Blocker, ...]:
        if self.services is None:
            return ()
        from spiffcli.wiring.load import unserved

        return unserved(self, definition)

    def diff_workflow(self, target: Target, refs: Iterable[str]) -> list[Plan]:
        """What moving instances would do: verdict and reasons. Nothing is stored.

        Raises:
            NotFoundError: There is no such instance.
            StateError: One has ended, or runs another process.
        """
        from spiffcli.migrate.check import Prover

        prover = Prover(self.context, target)
        return [prover.told(*self.catalog.load(self.catalog.instance(ref).id)) for ref in refs]

    def migrate(self, target: Target, ref: str, *, expected: str | None = None) -> Result:
        """Move one instance; its id stays, the state before is kept.

        Args:
            expected: Hash of the plan that was looked at; anything else is refused.

        Raises:
            StateError: It has ended, or runs another process.
            ConflictError: It is not as it was when the plan was made.
            BusyError: Another command holds it.
        """
        from spiffcli.migrate.apply import migrate_one

        return migrate_one(self.context, self.catalog.instance(ref), target, expected=expected)

    def rollback(self, ref: str) -> Result:
        """Take the last migration of an instance back.

        Raises:
            StateError: It was never migrated, or has moved on since.
        """
        from spiffcli.migrate.apply import rollback

        return rollback(self.context, self.catalog.instance(ref))


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
