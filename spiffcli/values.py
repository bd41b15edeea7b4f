"""The values that layers hand to each other: frozen, engine-free, store-free."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

JsonObject: TypeAlias = dict[str, Any]

ResourceKind = Literal["bpmn", "dmn", "form", "other"]
DefinitionKind = Literal["process", "collaboration", "decision", "form"]
InstanceState = Literal["running", "completed", "error", "cancelled"]

#: The file that makes a folder of a model repository into a group, and describes it.
GROUP_FILE = "process_group.json"

#: Tenant of everything that was added without `--tenant`.
DEFAULT_TENANT = ""


def digest(content: bytes) -> str:
    """SHA-256 of `content` as 64 hex digits: the address of every blob."""
    return hashlib.sha256(content).hexdigest()


class Resource(Struct, frozen=True):
    """One file of a deployment, with its bytes.

    Attributes:
        name: Path as the user gave it, with forward slashes.
        kind: What the file is, decided by its ending (and, for `.xml`, by its root element).
        content: The exact bytes.
    """

    name: str
    kind: ResourceKind
    content: bytes

    @property
    def hash(self) -> str:
        """Content hash of the bytes."""
        return digest(self.content)


class Source(Struct, frozen=True):
    """Where a deployment came from.

    Attributes:
        files: Names of the files as given.
        commit: Full id of the Git commit the files belong to, or None outside a repository.
        branch: Branch that was checked out, or None (detached, no repository).
        dirty: Whether one of the files differed from the commit; None outside a repository.
        path: Folder that holds them all, from the root of the repository (`.` for the root), or None.
    """

    files: tuple[str, ...] = ()
    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    path: str | None = None

    def without_files(self) -> Source:
        """What instances carry of it: the names of files, often many, stand with the definition."""
        return replace(self, files=()) if self.files else self


class ResourceEntry(Struct, frozen=True):
    """A resource of a stored deployment: its bytes are the blob `hash`."""

    name: str
    kind: ResourceKind
    hash: str


class DeployedDefinition(Struct, frozen=True):
    """One line of a deployment: a definition it contains, new in it or carried over unchanged."""

    id: str
    kind: DefinitionKind
    key: str
    version: int
    new: bool


class Deployment(Struct, frozen=True):
    """One `add`: resources stored together.

    Attributes:
        created: When, as UTC in ISO 8601 with microseconds and `Z`.
        user: Who, as the operating system or Git names them.
        definitions: Every definition of the files, new or unchanged; references bound to the
            deployment resolve through this list.
    """

    id: str
    tenant: str
    name: str | None
    created: str
    user: str
    source: Source
    resources: tuple[ResourceEntry, ...]
    definitions: tuple[DeployedDefinition, ...]


class Reference(Struct, frozen=True):
    """A call activity, decision or form of a process, and what it was bound to.

    Attributes:
        element: Id of the referring element.
        kind: Kind of definition referred to.
        key: Key of the definition referred to.
        binding: `deployment`, `latest`, `version:N` or `tag:T`.
        target: Id of the definition it is bound to; None where the binding is resolved on entry.
        pinned: Whether `target` was chosen at `add` because the deployment lacks the key.
        fallback: Whether the default tenant may be looked in; None where nothing was said, which means it may.
    """

    element: str
    kind: DefinitionKind
    key: str
    binding: str
    target: str | None
    pinned: bool = False
    fallback: bool | None = None


class Definition(Struct, frozen=True):
    """One executable process, collaboration, decision or form at one version.

    Attributes:
        id: Random id (UUID text); what `list_specs` prints first.
        key: Process, decision or form id.
        version: 1, 2, 3 ... per (tenant, kind, key); never reused.
        name: Display name from the model, or the key.
        hash: Closure hash with its algorithm prefix (see `docs/versions.md`).
        own_hash: Semantic hash of this definition alone.
        file: Name of the resource that holds it.
        specs: Engine specs by name: the process under its key, embedded sub-processes under their ids;
            values are blob hashes. Empty for decisions and forms.
        references: What it calls.
        tags: Names given by `tag`.
    """

    id: str
    tenant: str
    kind: DefinitionKind
    key: str
    version: int
    name: str
    hash: str
    own_hash: str
    deployment: str
    file: str
    created: str
    user: str
    source: Source
    specs: Mapping[str, str] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    tags: tuple[str, ...] = ()
    suspended: bool = False
    revision: int = 0

    @property
    def written_as(self) -> ResourceKind:
        """The kind of files that definitions of this kind stand in."""
        if self.kind == "decision":
            return "dmn"
        return "form" if self.kind == "form" else "bpmn"

    @property
    def label(self) -> str:
        """`key@version`, as references are written."""
        return f"{self.key}@{self.version}"

    def written_in(self, name: str, kind: ResourceKind) -> bool:
        """Whether a file may say something about it without what it calls: of its kind, or about a group."""
        return kind == self.written_as or (kind == "other" and name.rpartition("/")[2] == GROUP_FILE)


class ActiveTask(Struct, frozen=True):
    """A task an instance waits at, as its row in the index shows it."""

    task: str
    id: str
    name: str | None
    state: str


class Subscription(Struct, frozen=True):
    """An event an armed task of an instance waits for.

    Attributes:
        kind: `message`, `signal` or `timer`.
        name: Message or signal name; empty for timers.
        task: Id of the waiting task inside the instance.
        element: BPMN id of the element.
        correlation: Values a message must carry, by property name; empty when any will do.
        due: For timers: when, in seconds since the epoch; else None.
    """

    kind: Literal["message", "signal", "timer"]
    name: str
    task: str
    element: str
    correlation: Mapping[str, Any] = field(default_factory=dict)
    due: float | None = None


class Instance(Struct, frozen=True):
    """One running or finished workflow: what its row in the index shows.

    Attributes:
        id: Never changes, not even when the instance migrates.
        definition: Id of the definition it runs on now.
        natural_id: Business id given at start, unique per (tenant, key); or None.
        source: Where its definition came from, without the names of files.
        active: Tasks that are READY, WAITING or STARTED and mean something to a reader.
        subscriptions: Events it waits for.
        due: Earliest timer, seconds since the epoch, or None.
        situation: Hash of definition, tree of nodes and states, progress and armed events.
        revision: Grows with every save.
        incident: Message of the error that stopped it, or None.
        stuck: Why nothing that may still happen moves it on, though it is running; or None.
        suspended: Whether it rests because its definition was suspended together with its instances.
        calls: Ids of the other definitions it has entered (called processes), in the order of entering.
    """

    id: str
    tenant: str
    definition: str
    key: str
    version: int
    state: InstanceState
    created: str
    updated: str
    ended: str | None = None
    natural_id: str | None = None
    user: str = ""
    source: Source = field(default_factory=Source)
    active: tuple[ActiveTask, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    due: float | None = None
    situation: str = ""
    incident: str | None = None
    suspended: bool = False
    calls: tuple[str, ...] = ()
    revision: int = 0
    stuck: str | None = None

    @property
    def ending(self) -> str:
        """How and when it ended, in words that follow its name: `was completed at 2026-05-01 09:00:00Z`."""
        at = self.ended or self.updated
        return f"was {self.state} at {at[:10]} {at[11:19]}Z"


class AggregateRecord(Struct, frozen=True):
    """A stored aggregate: the domain object that carries the state of a workflow.

    Attributes:
        process: Id of the process it belongs to.
        natural_id: What identifies it there.
        type: Name of its class.
        version: Version of the process it was started with; it never changes.
        definition: Id of the definition it was started with.
        instance: Id of the instance that works on it.
        root: Natural id of the workflow at the top; None for that one itself.
        body: The aggregate as JSON; empty where a repository of its own keeps it.
        kept_as: The revision under which that repository keeps it; None for the document store.
    """

    process: str
    natural_id: str
    type: str
    version: int
    definition: str
    instance: str
    root: str | None = None
    revision: int = 0
    body: bytes = b""
    kept_as: int | None = None


class TaskView(Struct, frozen=True):
    """A node occurrence inside an instance, with everything a reader or a form needs.

    Attributes:
        task: Id of the task inside the instance (UUID text).
        id: BPMN id of the node.
        name: BPMN name of the node, or None.
        type: BPMN element name in camel case (`userTask`, `exclusiveGateway` ...); engine helpers
            such as joins of boundary events have the type `internal`.
        state: Engine state: MAYBE, LIKELY, FUTURE, WAITING, READY, STARTED, COMPLETED, ERROR, CANCELLED.
        lane: Name of the lane, or None.
        form: Name of the JSON-schema form resource, or None.
        ui_form: Name of the ui-schema resource, or None.
        instructions: Jinja template shown to the person doing the task, or None.
        data: Task data as the engine holds it. Do not modify.
        process: Key of the process or sub-process the node belongs to.
        parent: Id of the task one level up (call activity, sub-process) this runs under, or None.
        depth: 0 in the top process, 1 inside its sub-processes ...
        changed: When the state last changed, seconds since the epoch.
        manual: Whether a person completes it.
        loop: Progress of a loop or multi-instance task in words (`2 of 5`), or None.
        definition: Id of the definition the node belongs to; for a called process that of the called one.
        open: Whether a method has begun it, and somebody is to complete it.
    """

    task: str
    id: str
    name: str | None
    type: str
    state: str
    lane: str | None = None
    form: str | None = None
    ui_form: str | None = None
    instructions: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    process: str = ""
    parent: str | None = None
    depth: int = 0
    changed: float = 0.0
    manual: bool = False
    loop: str | None = None
    definition: str = ""
    open: bool = False


class HistoryEntry(Struct, frozen=True):
    """One thing that happened to an instance from outside.

    Attributes:
        at: When, UTC in ISO 8601.
        what: `started`, `completed-task`, `sent`, `timer`, `error`, `retried`, `migrated`,
            `rolled-back`, `cancelled`, `completed` ...
        user: Who.
        details: JSON values particular to `what` (task, definition from and to, plan hash ...).
    """

    at: str
    what: str
    user: str
    details: Mapping[str, Any] = field(default_factory=dict)
