"""The catalog as the rest of the program uses it: one object, one tenant, one clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from spiffcli.catalog import aggregates, definitions, deployments, instances
from spiffcli.catalog.clock import Clock, iso, system_clock
from spiffcli.catalog.definitions import KINDS, Counts
from spiffcli.catalog.instances import Filter, Situation, Standing
from spiffcli.catalog.refs import looks_like_revision
from spiffcli.catalog.scope import Scope
from spiffcli.errors import InputError, NotFoundError, ReadOnlyError
from spiffcli.store.protocol import DocumentStore, Reader, Transaction
from spiffcli.values import (
    DEFAULT_TENANT,
    AggregateRecord,
    Definition,
    DefinitionKind,
    Deployment,
    HistoryEntry,
    Instance,
    Resource,
    ResourceEntry,
)

if TYPE_CHECKING:
    from spiffcli.catalog.data_stores import DataStore
    from spiffcli.catalog.deletion import Deletion
    from spiffcli.catalog.following import Followed
    from spiffcli.catalog.resolving import Resolution
    from spiffcli.catalog.suspension import Action, Scheduled, Suspended
    from spiffcli.catalog.timers import TimerStart
    from spiffcli.deployments.rebinding import Rebound
    from spiffcli.deployments.request import Deploy, DeploymentPlan, SpecBytes, SpecSource
    from spiffcli.model import Model


#: Finds the stored definition that has what a reference to a revision names; see `Catalog.find` for what it raises.
Locate: TypeAlias = Callable[["Catalog", str, Sequence[DefinitionKind]], Definition]


class Catalog:
    """Deployments, definitions and instances of one tenant.

    Every method that writes does so in a transaction of its own, unless the catalog was made by
    `transaction`: then all of them succeed together or not at all.
    """

    def __init__(
        self,
        store: DocumentStore,
        *,
        tenant: str = DEFAULT_TENANT,
        fallback: bool = True,
        default_tenant: str = DEFAULT_TENANT,
        default_tenants: Mapping[str, str] | None = None,
        clock: Clock = system_clock,
        read_only: bool = False,
        locate: Locate | None = None,
    ) -> None:
        """Look at `store` as `tenant`.

        Args:
            fallback: Look definitions up in the default tenant where the tenant has none of the key.
            default_tenant: That tenant.
            default_tenants: Default tenants of single keys, where they differ.
            clock: Time of everything that is written, in seconds since the epoch.
            read_only: Refuse every change of definitions; instances can be written all the same.
            locate: Finds the definition that has what `REV:PATH` names in a model repository.
        """
        self.store = store
        self.clock = clock
        self.read_only = read_only
        self.locate = locate
        self.scope = Scope(tenant, fallback, default_tenant, dict(default_tenants or {}))
        self._tx: Transaction | None = None
        self._committed: list[Callable[[], None]] = []

    @property
    def tenant(self) -> str:
        """Whom the catalog works for."""
        return self.scope.tenant

    @property
    def reader(self) -> Reader:
        """Where it reads: the store, or the transaction it belongs to."""
        return self.store if self._tx is None else self._tx

    def now(self) -> str:
        """The time of the catalog's clock as it is stored."""
        return iso(self.clock())

    def with_scope(self, *, tenant: str | None = None, fallback: bool | None = None) -> Catalog:
        """The same catalog for another tenant, or with fallback on or off."""
        scope = self.scope if tenant is None else self.scope.for_tenant(tenant)
        return self._copy(scope.with_fallback(fallback), self._tx)

    @contextmanager
    def transaction(self) -> Iterator[Catalog]:
        """A catalog whose writes happen together when the block ends, or not at all if it fails.

        Raises:
            BusyError: Another process has been writing for too long.
        """
        with self._write() as tx:
            catalog = self._copy(self.scope, tx)
            yield catalog
        if self._tx is None:
            for each in catalog._committed:
                each()

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have something called once the transaction that the catalog belongs to is durable, and never if it fails."""
        if self._tx is None:
            call()
        else:
            self._committed.append(call)

    # Deployments

    def plan_deployment(self, request: Deploy) -> DeploymentPlan:
        """What deploying these files would do. Nothing is written.

        Raises:
            ModelError: A file cannot be read or executed, or something it calls is nowhere.
            InputError: The request contradicts itself.
            DuplicateError: The tag is on another version.
        """
        from spiffcli.deployments.contents import examine
        from spiffcli.deployments.plan import plan_deployment

        scope = self.scope if request.tenant is None else self.scope.for_tenant(request.tenant)
        created = self.clock() if request.now is None else request.now
        contents = examine(request)
        return definitions.consistently(lambda: plan_deployment(self.reader, scope, contents, created))

    def deploy(self, plan: DeploymentPlan, specs: SpecBytes | SpecSource | None = None) -> Deployment:
        """As `carry_out`, for whoever need not know how the plan turned out.

        Raises:
            ConflictError: As `carry_out`.
            ModelError: As `plan_deployment`.
            DuplicateError: As `plan_deployment`.
        """
        return self.carry_out(plan, specs)[0]

    def carry_out(
        self, plan: DeploymentPlan, specs: SpecBytes | SpecSource | None = None
    ) -> tuple[Deployment, DeploymentPlan]:
        """Store what was planned, in one transaction; planned anew there if somebody else came first.

        Returns the plan that was carried out, too: its version numbers are the ones that were given.

        Args:
            specs: Engine specs of the new definitions, or a function that makes them for a plan. It is called
                outside the transaction, and once more inside it where the plan had to change.

        Raises:
            ConflictError: The plan had to change and needs specs that are not at hand.
            ModelError: As `plan_deployment`.
            DuplicateError: As `plan_deployment`.
        """
        from spiffcli.deployments.apply import deploy

        more = specs if callable(specs) else None
        ready = specs(plan) if callable(specs) else specs or {}
        with self._write_models() as tx:
            return deploy(tx, self.scope.for_tenant(plan.tenant), plan, ready, more)

    def deploy_again(self, ref: str) -> Deploy:
        """The wish to deploy a version again as it was, to be planned: its files, bound as they were bound.

        Raises:
            NotFoundError: The tenant itself has no such definition.
            CorruptStoreError: Its files are missing.
        """
        from spiffcli.deployments.redeploy import as_it_was

        return as_it_was(self.reader, self._own(self.reader, self._own_id_of(ref)))

    def deployment(self, ref: str) -> Deployment:
        """A deployment by id, unique beginning of its id, or name (the last of that name).

        Raises:
            NotFoundError: There is none.
            AmbiguousError: Several ids begin so.
        """
        return deployments.find(self.reader, self.tenant, ref)

    def deployments(self, *, user: str | None = None, since: str | None = None) -> list[Deployment]:
        """Deployments as their rows show them, without resources and definitions, oldest first.

        Args:
            user: Only those by this user.
            since: Only those at or after this time (ISO 8601, UTC).
        """
        return deployments.listed(self.reader, self.tenant, user=user, since=since)

    def deployment_resources(self, deployment: Deployment) -> tuple[Resource, ...]:
        """The files of a deployment, byte for byte."""
        return deployments.resources(self.reader, deployment)

    # Definitions

    def definition(self, id: str) -> Definition:
        """The definition with exactly this id.

        Raises:
            NotFoundError: There is none that the tenant sees.
        """
        return definitions.definition(self.reader, self.scope, id)

    def find(self, ref: str, kinds: Sequence[DefinitionKind] = KINDS) -> Definition:
        """The definition a reference names, suspended or not.

        It is `KEY`, `KEY@VERSION`, `KEY@TAG`, an id or prefix; or `REV:PATH` and `REV:GROUP/MODEL`, where it can be
        located.

        Raises:
            NotFoundError: None; `data["candidates"]` has near matches.
            AmbiguousError: An id prefix of several.
            InputError: `ref` is not a reference.
        """
        return definitions.find(self.reader, self.scope, self._id_of(ref, kinds), kinds)

    def knows(self, ref: str, kinds: Sequence[DefinitionKind] = KINDS) -> bool:
        """Whether a reference names something that is stored, by key, version, tag or id.

        Raises:
            AmbiguousError: An id prefix of several.
            InputError: `ref` is not a reference.
        """
        try:
            definitions.find(self.reader, self.scope, ref, kinds)
        except NotFoundError:
            return False
        return True

    def startable(self, ref: str) -> Definition:
        """The definition a reference names, if instances of it can be started.

        Raises:
            StateError: It is suspended; the message names the newest version that is not.
            NotFoundError: As `find`.
            AmbiguousError: As `find`.
            InputError: As `find`.
        """
        return definitions.startable(self.reader, self.scope, self._id_of(ref, definitions.STARTABLE))

    def latest(self, key: str, kind: DefinitionKind = "process") -> Definition:
        """The latest version of a key, for starting; its cost depends neither on versions nor on instances.

        Raises:
            StateError: It is suspended; the message names the newest version that is not.
            NotFoundError: The key has no versions.
        """
        return definitions.latest(self.reader, self.scope, key, kind)

    def definitions(
        self, key: str | None = None, kinds: Sequence[DefinitionKind] | None = None, *, latest: bool = False
    ) -> list[Definition]:
        """Definitions of the tenant as their rows show them, without specs and references."""
        return definitions.definitions(self.reader, self.scope, key, kinds, latest=latest)

    def counts(self) -> dict[str, Counts]:
        """How many instances each definition has, by definition id."""
        return definitions.counts(self.reader, self.scope)

    def resources(self, definition: Definition, *, own: bool = False) -> tuple[Resource, ...]:
        """The files of the deployment that made a definition, byte for byte.

        Args:
            own: Only those that may say something about it without what it calls.
        """
        return definitions.resources(self.reader, definition, own=own)

    def resource_entries(self, definition: Definition, *, own: bool = False) -> tuple[ResourceEntry, ...]:
        """Names, kinds and hashes of what `resources` gives."""
        return definitions.resource_entries(self.reader, definition, own=own)

    def model(self, definition: Definition) -> Model:
        """The model of everything in the deployment that made a definition."""
        return definitions.model(self.reader, definition)

    def dependencies(self, definition: Definition) -> tuple[Definition, ...]:
        """Everything a definition is bound to, directly or further away, nearest first."""
        return definitions.dependencies(self.reader, definition)

    def tag(self, ref: str, name: str, *, move: bool = False) -> Definition:
        """Give a version a name by which `KEY@NAME` finds it.

        Raises:
            DuplicateError: Another version has it, and `move` is off.
            InputError: It cannot be a tag.
            NotFoundError: The tenant itself has no such definition.
        """
        ref = self._own_id_of(ref)
        with self._write_models() as tx:
            return definitions.tag(tx, self._own(tx, ref), name, move=move)

    def untag(self, ref: str, name: str) -> Definition:
        """Take a tag off a version.

        Raises:
            NotFoundError: The tenant itself has no such definition, or it has no such tag.
        """
        ref = self._own_id_of(ref)
        with self._write_models() as tx:
            return definitions.untag(tx, self._own(tx, ref), name)

    def suspend(self, ref: str, *, whole_key: bool = False, instances: bool = False, user: str = "") -> Suspended:
        """Suspend a version, or all of its key: it starts nothing and is not entered by calls.

        Args:
            instances: Suspend the instances that run on it too.

        Raises:
            NotFoundError: The tenant itself has no such definition.
            InputError: It is a decision or form.
        """
        return self._set_suspended("suspend", ref, whole_key, instances, user)

    def activate(self, ref: str, *, whole_key: bool = False, instances: bool = False, user: str = "") -> Suspended:
        """Undo `suspend`.

        Raises:
            NotFoundError: The tenant itself has no such definition.
            InputError: It is a decision or form.
        """
        return self._set_suspended("activate", ref, whole_key, instances, user)

    def schedule(
        self,
        action: Action,
        ref: str,
        at: float,
        *,
        whole_key: bool = False,
        instances: bool = False,
        user: str = "",
    ) -> Scheduled:
        """Suspend or activate at a date (seconds since the epoch): `run_scheduled` does it then.

        Raises:
            NotFoundError: The tenant itself has no such definition.
        """
        import uuid

        from spiffcli.catalog.suspension import Scheduled, schedule

        ref = self._own_id_of(ref)
        with self._write() as tx:
            definition = self._own(tx, ref)
            plan = Scheduled(str(uuid.uuid4()), action, definition.id, whole_key, instances, at, user)
            schedule(tx, self.tenant, plan)
        return plan

    def unschedule(self, ref: str, action: Action) -> list[Scheduled]:
        """Forget what was scheduled for a version, or for all versions of its key; returns that.

        Raises:
            NotFoundError: The tenant itself has no such definition.
        """
        from spiffcli.catalog.suspension import unschedule

        ref = self._own_id_of(ref)
        with self._write() as tx:
            return unschedule(tx, self.tenant, self._own(tx, ref), action)

    def scheduled(self) -> list[Scheduled]:
        """Suspensions and activations that wait for their date, the earliest first."""
        from spiffcli.catalog.suspension import scheduled

        return scheduled(self.reader, self.tenant)

    def run_scheduled(self) -> list[tuple[Scheduled, Suspended]]:
        """Do what is due by the catalog's clock, and say what changed."""
        from spiffcli.catalog.suspension import run_scheduled

        done = []
        for plan in self.scheduled():
            if plan.at <= self.clock():
                with self._write() as tx:
                    entry = self._suspension_entry(plan.action, plan.user)
                    done.append((plan, run_scheduled(tx, self.tenant, plan, entry)))
        return done

    def plan_deletion(self, *refs: str) -> Deletion:
        """What deleting these definitions would take away.

        Raises:
            NotFoundError: The tenant itself has no such definition.
        """
        from spiffcli.catalog.deletion import plan_deletion

        chosen = {each.id: each for each in (self._own(self.reader, self._own_id_of(ref)) for ref in refs)}
        return plan_deletion(self.reader, self.tenant, list(chosen.values()))

    def plan_deployment_deletion(self, ref: str) -> Deletion:
        """What deleting a deployment would take away: the versions it made.

        Raises:
            NotFoundError: There is none.
        """
        from spiffcli.catalog.deletion import plan_deployment_deletion

        return plan_deployment_deletion(self.reader, self.deployment(ref))

    def delete(self, deletion: Deletion, *, cascade: bool = False) -> Deletion:
        """Delete what was planned, looked at again in the transaction; returns what went.

        Raises:
            StateError: Instances run (without `cascade`), or other definitions are bound to it.
        """
        from spiffcli.catalog.deletion import delete

        with self._write_models() as tx:
            return delete(tx, self.tenant, deletion, cascade=cascade)

    # References

    def resolve(
        self, caller: Definition, element: str, kind: DefinitionKind, key: str, *, fallback: bool | None = None
    ) -> Resolution:
        """The definition that `element` of `caller` refers to when it is entered.

        Args:
            fallback: Whether the default tenant is looked in; None asks the catalog's own setting.

        Raises:
            NotFoundError: It is not there; the message names the reference.
            StateError: It is suspended.
        """
        from spiffcli.catalog.resolving import resolve

        return resolve(self.reader, self.scope.with_fallback(fallback), caller, element, kind, key)

    def rebound(
        self, old: Definition, new: Definition, mapping: Mapping[str, str] | None = None
    ) -> tuple[Rebound, ...]:
        """References that two versions have and that mean something else in the new one.

        Args:
            mapping: New element id by old one, for elements that were renamed.
        """
        from spiffcli.deployments.rebinding import rebound

        return rebound(self.reader, old, new, mapping)

    def started_by(self, kind: str, name: str) -> tuple[Definition, ...]:
        """The definitions a message, signal or timer starts: the newest active version of each key."""
        from spiffcli.catalog.start_events import started_by

        return tuple(self.definition(id) for id in started_by(self.reader, self.scope, kind, name))

    def suspended_starts(self, kind: str, name: str) -> tuple[Definition, ...]:
        """The definitions a message or signal would start if they were not suspended."""
        from spiffcli.catalog.start_events import suspended_starts

        return tuple(self.definition(id) for id in suspended_starts(self.reader, self.scope, kind, name))

    def start_names(self, kind: str) -> tuple[str, ...]:
        """Names of the messages or signals that start something, in order."""
        from spiffcli.catalog.start_events import start_names

        return start_names(self.reader, self.scope, kind)

    def timers(self) -> tuple[list[TimerStart], list[TimerStart]]:
        """Timers that start instances, and those that have lost their place to another version."""
        from spiffcli.catalog.timers import timers

        return timers(self.reader, self.tenant)

    def put_timer(self, timer: TimerStart) -> None:
        """Store what has become of a timer that starts instances.

        Raises:
            ConflictError: Somebody else did so since it was read.
        """
        from spiffcli.catalog.timers import put_timer

        with self._write() as tx:
            put_timer(tx, self.tenant, timer)

    # Models in Git

    def followed(self) -> Followed:
        """What was taken over last from a model repository."""
        from spiffcli.catalog.following import followed

        return followed(self.reader, self.tenant)

    def put_followed(self, found: Followed) -> None:
        """Store what was taken over from a model repository.

        Raises:
            ConflictError: Somebody else did so since it was read.
        """
        from spiffcli.catalog.following import put_followed

        with self._write_models() as tx:
            put_followed(tx, self.tenant, found)

    # Instances

    def create(
        self,
        instance: Instance,
        state: bytes,
        entries: Sequence[HistoryEntry] = (),
        *,
        situation: Situation | None = None,
        keep: Iterable[bytes] = (),
    ) -> Instance:
        """Store a new instance; see `instances.create`.

        Raises:
            DuplicateError: The natural id is taken.
            NotFoundError: The definition was deleted in between.
            StateError: The definition was suspended in between.
        """
        with self._write() as tx:
            return instances.create(tx, instance, state, entries, situation=situation, keep=keep)

    def save(
        self,
        instance: Instance,
        state: bytes | None,
        entries: Sequence[HistoryEntry] = (),
        *,
        expected: int | None = None,
        situation: Situation | None = None,
        keep: Iterable[bytes] = (),
    ) -> Instance:
        """Store a new revision of an instance; see `instances.save`.

        Raises:
            ConflictError: Somebody else saved it in between.
            NotFoundError: Somebody else deleted it in between.
        """
        with self._write() as tx:
            return instances.save(tx, instance, state, entries, expected=expected, situation=situation, keep=keep)

    def aggregate(self, process: str, natural_id: str) -> AggregateRecord | None:
        """The aggregate of a process with this natural id, or None."""
        return aggregates.aggregate(self.reader, self.tenant, process, natural_id)

    def aggregates_of(self, instance: str) -> list[AggregateRecord]:
        """The aggregates that an instance works on, its own first."""
        return aggregates.aggregates_of(self.reader, instance)

    def put_aggregate(self, record: AggregateRecord) -> AggregateRecord:
        """Store an aggregate; see `aggregates.put_aggregate`.

        Raises:
            DuplicateError: A new one whose natural id is taken.
            ConflictError: Somebody else changed it in between.
        """
        with self._write() as tx:
            return aggregates.put_aggregate(tx, self.tenant, record)

    def data_store(self, kind: str, location: str, id: str) -> DataStore:
        """A data store with its value, written to yet or not."""
        from spiffcli.catalog.data_stores import data_store

        return data_store(self.reader, self.tenant, kind, location, id)

    def data_stores(self) -> list[DataStore]:
        """The data stores that have been written to, without their values, by location and id."""
        from spiffcli.catalog.data_stores import data_stores

        return list(data_stores(self.reader, self.tenant))

    def put_data_store(self, found: DataStore) -> None:
        """Store a value; the revision is that of what it replaces.

        Raises:
            ConflictError: Somebody else wrote to it in between.
        """
        from spiffcli.catalog.data_stores import put_data_store

        with self._write() as tx:
            put_data_store(tx, self.tenant, found)

    def load(self, id: str) -> tuple[Instance, bytes]:
        """An instance and its state.

        Raises:
            NotFoundError: There is none with this id.
        """
        return instances.load(self.reader, self.tenant, id)

    def instance(self, ref: str) -> Instance:
        """The instance a user means: by id, natural id, or a unique beginning of its id.

        Raises:
            NotFoundError: There is none.
            AmbiguousError: There are several.
        """
        return instances.resolve(self.reader, self.scope, ref)

    def instances(self, filter: Filter | None = None) -> list[Instance]:
        """Instances, oldest first."""
        return instances.find(self.reader, self.tenant, filter)

    def standings(self, filter: Filter | None = None) -> list[Standing]:
        """Where instances stand, oldest first; much cheaper than `instances`."""
        return instances.standings(self.reader, self.tenant, filter)

    def due(self, now: float | None = None) -> list[Instance]:
        """Instances with a timer that is due, by the catalog's clock unless `now` is given."""
        return instances.due(self.reader, self.tenant, self.clock() if now is None else now)

    def waiting_for(self, kind: str, name: str) -> list[Instance]:
        """Instances that wait for a message or signal of this name, oldest first."""
        return instances.waiting_for(self.reader, self.tenant, kind, name)

    def history(self, id: str) -> tuple[HistoryEntry, ...]:
        """Everything that happened to an instance, in order.

        Raises:
            NotFoundError: There is none with this id.
        """
        return instances.history(self.reader, self.tenant, id)

    def situation(self, hash: str) -> Situation | None:
        """The situation with this hash, or None where no instance ever stood there."""
        return instances.situation(self.reader, hash)

    def blob(self, hash: str) -> bytes:
        """Bytes kept for a definition (specs) or an instance (the state before a migration).

        Raises:
            CorruptStoreError: They are missing or damaged.
        """
        return self.reader.blob(hash)

    def delete_instance(self, id: str) -> Instance:
        """Forget an instance with everything that is kept for it alone.

        Raises:
            NotFoundError: There is none with this id.
        """
        with self._write() as tx:
            return instances.delete(tx, self.tenant, id)

    # Inside

    @contextmanager
    def _write(self) -> Iterator[Transaction]:
        if self._tx is not None:
            yield self._tx
        else:
            with self.store.transaction() as tx:
                yield tx

    @contextmanager
    def _write_models(self) -> Iterator[Transaction]:
        if self.read_only:
            raise ReadOnlyError
        with self._write() as tx:
            yield tx

    def _copy(self, scope: Scope, tx: Transaction | None) -> Catalog:
        copy = Catalog(self.store, clock=self.clock, read_only=self.read_only, locate=self.locate)
        copy.scope, copy._tx = scope, tx
        if tx is not None and tx is self._tx:
            copy._committed = self._committed
        return copy

    def _id_of(self, ref: str, kinds: Sequence[DefinitionKind] = KINDS) -> str:
        """`ref`, or the id of what it names where that is something at a revision.

        Git is asked before a transaction begins, and never in one.
        """
        if self.locate is None or ":" not in ref:
            return ref
        if looks_like_revision(ref):
            return self.locate(self, ref, kinds).id
        with suppress(NotFoundError, InputError):  # a model at the root, where nothing stored has such a key
            if not self.knows(ref, kinds):
                return self.locate(self, ref, kinds).id
        return ref

    def _own_id_of(self, ref: str) -> str:
        return self.with_scope(fallback=False)._id_of(ref)

    def _own(self, reader: Reader, ref: str) -> Definition:
        # What the tenant only sees by falling back belongs to somebody else.
        return definitions.find(reader, self.scope.with_fallback(False), ref)

    def _set_suspended(self, action: Action, ref: str, whole: bool, with_instances: bool, user: str) -> Suspended:
        from spiffcli.catalog.suspension import set_suspended, whole_key

        ref = self._own_id_of(ref)
        with self._write() as tx:
            definition = self._own(tx, ref)
            chosen = whole_key(tx, definition) if whole else [definition]
            entry = self._suspension_entry(action, user)
            return set_suspended(tx, self.tenant, chosen, action, instances=with_instances, entry=entry)

    def _suspension_entry(self, action: Action, user: str) -> HistoryEntry:
        return HistoryEntry(self.now(), "suspended" if action == "suspend" else "activated", user)
