"""Verbs of the Python API, in groups: each holds a workspace and calls the use case.

Use cases are imported when they are called: whoever lists specs pays for no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from spiffcli.errors import InputError
from spiffcli.values import Definition, Deployment, HistoryEntry, Instance, TaskView
from spiffcli.workspace import Workspace

if TYPE_CHECKING:
    from spiffcli.catalog import Filter
    from spiffcli.catalog.definitions import Counts
    from spiffcli.catalog.suspension import Scheduled, Suspended
    from spiffcli.deployments.add import Added
    from spiffcli.deployments.export import Exported
    from spiffcli.deployments.request import Deploy
    from spiffcli.deployments.versions import Why
    from spiffcli.diff.changes import Diff
    from spiffcli.engine.retarget import Policies
    from spiffcli.forms import AnswerSource, Form
    from spiffcli.instances.dispatcher import SendResult
    from spiffcli.instances.session import Session, StepHook
    from spiffcli.instances.start_events import TickResult
    from spiffcli.instances.view import InstanceView
    from spiffcli.migrate.target import Target
    from spiffcli.migrate.values import MigrationResult, Plan
    from spiffcli.model import Problem
    from spiffcli.repo.repository import Repository
    from spiffcli.specs.revisions import Taken


class _Verbs:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace


class SpecVerbs(_Verbs):
    """Processes and collaborations: `runner.specs("order", latest=True)` lists them, `runner.specs.diff` compares."""

    def __call__(self, key: str | None = None, *, latest: bool = False) -> list[Definition]:
        """Return processes and collaborations by key and version."""
        return self._workspace.catalog.definitions(key, ("process", "collaboration"), latest=latest)

    def counts(self) -> dict[str, Counts]:
        """Return how many instances each definition has, by definition id."""
        return self._workspace.catalog.counts()

    def resolve_or_add(self, ref: str) -> Taken:
        """Return the stored process or collaboration that `ref` names; one at a revision is added if nobody did so yet.

        Raises:
            NotFoundError: The repository has no such model, file or revision.
            AmbiguousError: The file or model holds several.
            ModelError: It cannot be read or executed; nothing was stored.
            ReadOnlyError: It would have to be added.
        """
        from spiffcli.catalog.definitions import STARTABLE
        from spiffcli.specs.revisions import take

        return take(self._workspace, ref, STARTABLE)

    def diff(
        self,
        old: str | Sequence[str],
        new: str | Sequence[str],
        *,
        dependencies: bool = False,
        on_problem: Callable[[Problem], object] | None = None,
    ) -> Diff:
        """Return what changed between two definitions or files.

        Args:
            old, new: A definition, a file (`order.bpmn`, `order.bpmn#order`, `HEAD~1:order.bpmn`, `-`), a folder of
                models, or several files that belong together.
            dependencies: Also compare what the processes call.
            on_problem: Is told what is wrong in the files and was read past.

        Raises:
            NotFoundError: One of them does not exist.
            InputError: A file cannot be read.
            ModelError: One of them cannot be understood.

        Example:
            ```python
            for change in runner.specs.diff("order@1", "order.bpmn").changes:
                print(change.rule, change.element.id)
            ```
        """
        from spiffcli.specs.compare import compare_refs

        compared = compare_refs(self._workspace, old, new, dependencies=dependencies)
        if on_problem is not None:
            for problem in compared.problems:
                on_problem(problem)
        return compared.diff

    def why(self, ref: str) -> Why:
        """Return what changed from the version before: why there is a new one.

        Raises:
            NotFoundError: There is no such version.
        """
        from spiffcli.deployments.versions import why

        return why(self._workspace.catalog, ref)


class DeploymentVerbs(_Verbs):
    """Deployments: adding files, finding and exporting what was added."""

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

        Example:
            ```python
            runner.deployments.add(["order.bpmn", "prices.dmn"], process="order", tag="spring")
            ```
        """
        from spiffcli.deployments.binding_file import Bindings, read_bindings
        from spiffcli.deployments.request import Deploy
        from spiffcli.specs.inputs import files_to_add

        if isinstance(files, str | Path):
            raise InputError(f"Files are given as a list, and not as '{files}'.", hint=f"Pass [{str(files)!r}].")
        if process is not None and collaboration is not None:
            raise InputError("Give a process or a collaboration, not both.")
        resources, source = files_to_add([str(file) for file in files], self._workspace.settings)
        said = Bindings() if bindings is None else read_bindings(bindings)
        request = Deploy(
            resources,
            user=self._workspace.settings.user,
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
        request = self._workspace.catalog.deploy_again(ref)
        user = self._workspace.settings.user
        again = replace(request, user=user, name=name, tag=tag, move_tag=move_tag, force_new=force_new)
        return self.deploy(again, dry_run=dry_run)

    def deploy(self, request: Deploy, *, dry_run: bool = False) -> Added:
        """Deploy what `request` names; see `add` for files.

        Raises:
            InputError: The request contradicts itself.
            ModelError: A model cannot be read or executed; nothing was stored.
        """
        from spiffcli.deployments.add import deploy

        return deploy(self._workspace, request, dry_run=dry_run)

    def find(self, ref: str) -> Deployment:
        """Return a deployment by id, beginning of its id or name; or, by an instance, the one its version came from.

        Raises:
            NotFoundError: There is neither.
            AmbiguousError: Several ids begin so.
        """
        from spiffcli.deployments.versions import deployment_of

        return deployment_of(self._workspace.catalog, ref)

    def export(self, deployment: str, folder: str | Path, *, force: bool = False) -> list[Exported]:
        """Write the files of a deployment out again, byte for byte, and never outside of `folder`.

        Args:
            deployment: As of `find`.

        Raises:
            NotFoundError: There is no such deployment.
            InputError: They cannot be written, or other files are there and `force` is off.
        """
        from spiffcli.deployments.export import export

        found = self.find(deployment)
        return export(self._workspace.catalog.deployment_resources(found), Path(folder), force=force)


class InstanceVerbs(_Verbs):
    """Instances: `runner.instances()` lists them, its verbs start, move, show and delete them."""

    def __call__(self, filter: Filter | None = None) -> list[Instance]:
        """Return instances, oldest first."""
        return self._workspace.catalog.instances(filter)

    @contextmanager
    def start(
        self, ref: str, data: Mapping[str, object] | None = None, *, natural_id: str | None = None
    ) -> Iterator[Session]:
        """Open a new instance of a definition, locked and stored, before its first step.

        Args:
            ref: A definition; what it names at a revision (`HEAD~1:shop/order`) is added if nobody did so yet.

        Raises:
            NotFoundError: There is no such definition.
            StateError: It is suspended.
            DuplicateError: The natural id is taken.

        Example:
            ```python
            with runner.instances.start("order", {"customer": 7}) as session:
                session.advance()
            ```
        """
        from spiffcli.instances.dispatcher import dispatcher_of

        definition = self._workspace.catalog.startable(SpecVerbs(self._workspace).resolve_or_add(ref).ref)
        self._workspace.require_wired()
        with dispatcher_of(self._workspace).start(definition, data, natural_id=natural_id) as session:
            yield session

    @contextmanager
    def session(self, ref: str, doing: str) -> Iterator[Session]:
        """Open an instance, locked and loaded.

        Args:
            doing: What for, shown to whoever waits for the lock.

        Raises:
            NotFoundError: There is no such instance.
            AmbiguousError: There are several.
            BusyError: Another command holds it.
        """
        from spiffcli.instances.dispatcher import dispatcher_of

        instance = self._workspace.catalog.instance(ref)
        if doing != "cancel":  # whatever is wrong, an instance can be ended
            self._workspace.require_wired()
        with dispatcher_of(self._workspace).open(instance.id, doing) as session:
            yield session

    def view(self, ref: str) -> InstanceView:
        """Return an instance with all its tasks and its data, read without a lock.

        Raises:
            NotFoundError: There is no such instance.
        """
        from spiffcli.instances.view import view_instance

        return view_instance(self._workspace, self._workspace.catalog.instance(ref).id)

    def form(self, view: TaskView) -> Form | None:
        """Return the form of a human task, by what its definition is bound to; None where it has none.

        Raises:
            ModelError: The form is missing or broken.
        """
        from spiffcli.instances.forms import form_of

        return form_of(self._workspace, view)

    def secrets(self, instance: Instance) -> frozenset[str]:
        """Return names of fields whose values may not be shown, by the forms of what the instance runs or called."""
        from spiffcli.instances.forms import secrets_of

        return secrets_of(self._workspace, instance)

    def answer(
        self, session: Session, answers: AnswerSource, *, partial: bool = False, on_step: StepHook | None = None
    ) -> None:
        """Complete the open human tasks of an instance from a file of answers, until none is open.

        Args:
            partial: Leave tasks open that the file has no answers for.

        Raises:
            AnswerError: Answers are missing or do not fit; the task and those after it are open as before.
        """
        from spiffcli.instances.forms import answer

        answer(self._workspace, session, answers, partial=partial, on_step=on_step)

    def delete(self, ref: str) -> Instance:
        """Forget an instance and its history; return what it was.

        Raises:
            NotFoundError: There is no such instance.
            BusyError: Another command holds it.
        """
        from spiffcli.instances.dispatcher import dispatcher_of

        return dispatcher_of(self._workspace).delete(self._workspace.catalog.instance(ref).id)

    def send(
        self, kind: str | None, name: str, payload: Mapping[str, object] | None = None, *, instance: str | None = None
    ) -> SendResult:
        """Deliver a message or signal from outside.

        Args:
            kind: `message` or `signal`; None takes what somebody waits for under this name.

        Raises:
            NotFoundError: Nobody waits for it.
            AmbiguousError: Several instances wait for the message.
        """
        from spiffcli.instances.dispatcher import dispatcher_of

        self._workspace.require_wired()
        target = None if instance is None else self._workspace.catalog.instance(instance)
        return dispatcher_of(self._workspace).send_named(kind, name, payload, target)

    def tick(self, on_change: Callable[[Scheduled, Suspended], object] | None = None) -> list[TickResult]:
        """Fire the timers that are due, over all instances, and carry out what was scheduled.

        Args:
            on_change: Called with every suspension or activation whose date has come, and with what it changed.
        """
        from spiffcli.instances.start_events import tick

        self._workspace.require_wired()
        for plan, changed in self._workspace.catalog.run_scheduled():
            if on_change is not None:
                on_change(plan, changed)
        return tick(self._workspace)

    def history(self, ref: str) -> tuple[HistoryEntry, ...]:
        """Return what happened to an instance.

        Raises:
            NotFoundError: There is no such instance.
        """
        return self._workspace.catalog.history(self._workspace.catalog.instance(ref).id)


class MigrationVerbs(_Verbs):
    """Moving instances to another version: what it would mean, doing it, taking it back."""

    def target(
        self, ref: str, *, policies: Policies | None = None, allow: Iterable[str] = (), force: bool = False
    ) -> Target:
        """Return where instances are to be moved, and how.

        Args:
            policies: Mappings, and what becomes of timers, armed events and data.
            allow: `RULE` or `RULE:ELEMENT` that may be overridden.
            force: Everything that may be overridden is.

        Raises:
            NotFoundError: There is no such definition.
        """
        from spiffcli.migrate.target import target_of

        if isinstance(allow, str):
            raise InputError(f"Rules are given as a list, and not as '{allow}'.", hint=f"Pass [{allow!r}].")
        return target_of(self._workspace, ref, policies=policies, allow=allow, force=force)

    def plans(self, target: Target, refs: Iterable[str]) -> list[Plan]:
        """Return what moving instances would do: verdict and reasons. Nothing is stored.

        Raises:
            NotFoundError: There is no such instance.
            StateError: One has ended, or runs another process.
        """
        from spiffcli.migrate.fleet import judge_each

        _require_target(target)
        if isinstance(refs, str):
            raise InputError(f"Instances are given as a list, and not as '{refs}'.", hint=f"Pass [{refs!r}].")
        return [group.plan for group in judge_each(self._workspace, target, refs).groups]

    def migrate(self, target: Target, ref: str, *, expected: str | None = None) -> MigrationResult:
        """Move one instance; its id stays, the state before is kept.

        Args:
            expected: Hash of the plan that was looked at; anything else is refused.

        Raises:
            StateError: It has ended, or runs another process.
            ConflictError: It is not as it was when the plan was made.
            BusyError: Another command holds it.

        Example:
            ```python
            target = runner.migrations.target("order@2", policies=Policies(mapping={"pay": "pay_now"}))
            print(runner.migrations.migrate(target, "4af0").outcome)
            ```
        """
        from spiffcli.migrate.apply import migrate_one

        _require_target(target)
        return migrate_one(self._workspace, self._workspace.catalog.instance(ref), target, expected=expected)

    def migrate_all(self, target: Target, refs: Iterable[str], *, jobs: int = 1) -> Iterator[MigrationResult]:
        """Move instances, in chunks that are durable at once; one that cannot be moved stops no other.

        Args:
            jobs: Processes that share the work.

        Raises:
            StateError: The target is suspended, or one of the processes died.
        """
        from spiffcli.instances.select import Selection, select
        from spiffcli.migrate.batch import migrate_all

        _require_target(target)
        chosen = select(self._workspace.catalog, Selection(named=tuple(refs)), target.definition)
        yield from migrate_all(self._workspace, target, chosen, jobs)

    def rollback(self, ref: str) -> MigrationResult:
        """Take the last migration of an instance back.

        Raises:
            StateError: It was never migrated, or has moved on since.
        """
        from spiffcli.migrate.apply import rollback

        return rollback(self._workspace, self._workspace.catalog.instance(ref))


class RepoVerbs(_Verbs):
    """The model repository in Git."""

    def open(self) -> Repository:
        """Return the model repository that the settings name, or the one around the current folder.

        Raises:
            ConfigError: A setting cannot be used.
            InputError: There is none.
        """
        from spiffcli.repo.repository import open_repository

        return open_repository(self._workspace.settings)


def _require_target(target: object) -> None:
    """Raise InputError unless something is a target of a migration."""
    from spiffcli.migrate.target import Target

    if not isinstance(target, Target):
        raise InputError(
            f"Where instances are to go is given as a target, and not as {target!r}.",
            hint=f"Make one with runner.target({target if isinstance(target, str) else 'order@2'!r}).",
        )
