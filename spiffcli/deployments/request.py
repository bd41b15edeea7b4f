"""What is asked for in a deployment, and what it would do: values between planning, engine and storing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

from spiffcli.errors import InputError
from spiffcli.values import DefinitionKind, Reference, Resource, Source

if TYPE_CHECKING:
    from spiffcli.model import Model

#: A definition inside one deployment, where every key comes once per kind.
Name: TypeAlias = tuple[DefinitionKind, str]

#: A reference inside one definition: element, kind and key of what it refers to.
Place: TypeAlias = tuple[str, DefinitionKind, str]

_LATE_BINDING = re.compile(r"latest|version:[1-9][0-9]*|tag:.+")

#: References bound when the deployment is made.
DEPLOYMENT = "deployment"


class Deploy(Struct, frozen=True):
    """The wish to deploy some resources.

    Attributes:
        now: Seconds since the epoch; None asks the catalog's clock.
        tenant: Who it is for; by default whom the catalog works for.
        main: Key of the process (`-p`) or collaboration (`-c`) the user means, or None for all the files
            hold. Decisions and forms can be meant where a version is deployed again.
        name: Name of the deployment.
        tag: Tag for the version of `main`, or of every process where that is None.
        move_tag: Take the tag from the version that has it.
        binding: How references are bound that do not say so themselves: `deployment`, `latest`.
        bindings: Bindings that go before what the model says, by `ELEMENT` or `PROCESS#ELEMENT`.
        fallbacks: Whether the default tenant may be looked in, where that goes before what the model says, by
            `ELEMENT` or `PROCESS#ELEMENT`.
        force_new: Make a new version of everything, changed or not.
        only: Make a definition of `main` alone; what else the files hold stays as it is.
        pins: Ids of the definitions that references of `main` are bound to, whatever the latest ones are.
    """

    resources: tuple[Resource, ...]
    user: str = ""
    now: float | None = None
    tenant: str | None = None
    main: str | None = None
    main_kind: DefinitionKind = "process"
    name: str | None = None
    tag: str | None = None
    move_tag: bool = False
    binding: str = DEPLOYMENT
    bindings: Mapping[str, str] = field(default_factory=dict)
    fallbacks: Mapping[str, bool] = field(default_factory=dict)
    force_new: bool = False
    only: bool = False
    pins: Mapping[Place, str] = field(default_factory=dict)
    source: Source = field(default_factory=Source)


class Note(Struct, frozen=True):
    """Something to tell whoever deploys.

    Attributes:
        rule: Stable name: `not-executable`, `order-of-flows`, `form-missing`, `pinned`, `resolved-later`,
            `layout-only`, `same-as`, `unchanged`, `file-removed`, `suspended`, `script-refused`, `model-problem`,
            `listener`, `mapping`, `implementation`, `service-missing`.
        warning: Whether it may be a mistake.
        file: Name of the resource, or None.
        element: Id of the element, or None.
        line: Line in `file`, counted from 1, or None.
    """

    rule: str
    text: str
    warning: bool = False
    file: str | None = None
    element: str | None = None
    line: int | None = None

    def where(self) -> str:
        """`file:line`, `file` or the empty string."""
        if self.file is None:
            return ""
        return f"{self.file}:{self.line}" if self.line else self.file


class Call(Struct, frozen=True):
    """A reference as the files have it, with the binding it will get.

    Attributes:
        fallback: Whether the default tenant may be looked in; None where nothing was said.
        pin: Id of the definition it is bound to whatever the latest one is, or None.
    """

    element: str
    kind: DefinitionKind
    key: str
    binding: str
    line: int | None = None
    fallback: bool | None = None
    pin: str | None = None


class Candidate(Struct, frozen=True):
    """A definition the files hold, before it is compared with what is stored.

    Attributes:
        id: Id it gets if it turns out to be new.
        layout: Hash of its drawing.
        calls: What it refers to.
        starts: Events that start it, as `message:NAME`, `signal:NAME`, `timer:ELEMENT`.
    """

    id: str
    kind: DefinitionKind
    key: str
    label: str
    file: str
    own_hash: str
    layout: str
    calls: tuple[Call, ...]
    starts: tuple[str, ...]

    @property
    def name(self) -> Name:
        """Kind and key."""
        return self.kind, self.key


class Contents(Struct, frozen=True):
    """What the files of a deployment hold, read once however often it is planned.

    Attributes:
        deployment: Id of the deployment.
        main: The definition the user means; where nothing was said, the first one of the files.
        notes: What can be said without looking into the store.
        tagged: Definitions that get the tag.
    """

    request: Deploy
    deployment: str
    main: Name
    model: Model
    candidates: Mapping[Name, Candidate]
    notes: tuple[Note, ...]
    tagged: tuple[Name, ...]


class PlannedDefinition(Struct, frozen=True):
    """A definition as the deployment will list it.

    Attributes:
        id: Of the new definition, or of the one it equals.
        version: Number it will get, or has.
        new: Whether it becomes a new version.
        hash: Closure hash.
        references: What it is bound to; only for new ones.
        same_as: For new ones: the newest earlier version with the same hash, or None.
        layout_only: For unchanged ones: whether the drawing differs.
    """

    id: str
    candidate: Candidate
    version: int
    new: bool
    hash: str
    references: tuple[Reference, ...] = ()
    same_as: int | None = None
    layout_only: bool = False

    @property
    def name(self) -> Name:
        """Kind and key."""
        return self.candidate.name

    @property
    def label(self) -> str:
        """`key@version`."""
        return f"{self.candidate.key}@{self.version}"


class DeploymentPlan(Struct, frozen=True):
    """What a deployment would do, as long as nobody else deploys one of its keys.

    Attributes:
        created: Seconds since the epoch.
        definitions: Every definition of the files, in their order.
        removed: Files the last deployment had and this one has not.
        seen: Revision of each key document the plan rests on, by id.
    """

    contents: Contents
    tenant: str
    created: float
    definitions: tuple[PlannedDefinition, ...]
    notes: tuple[Note, ...]
    removed: tuple[str, ...]
    seen: Mapping[str, int]

    @property
    def new(self) -> tuple[PlannedDefinition, ...]:
        """The definitions that become new versions: what an engine has to parse."""
        return tuple(each for each in self.definitions if each.new)

    @property
    def model(self) -> Model:
        """The model of all files."""
        return self.contents.model


#: Engine specs of new definitions: by definition, then by name of the spec.
SpecBytes: TypeAlias = Mapping[Name, Mapping[str, bytes]]

#: Makes the engine specs of the new definitions of a plan.
SpecSource: TypeAlias = Callable[[DeploymentPlan], SpecBytes]


def check_binding(binding: str) -> str:
    """`binding`, if it is one.

    Raises:
        InputError: It is none of `deployment`, `latest`, `version:N`, `tag:T`.
    """
    if binding == DEPLOYMENT or _LATE_BINDING.fullmatch(binding):
        return binding
    raise InputError(f"'{binding}' is no binding.", hint="A binding is one of: deployment, latest, version:N, tag:T.")
