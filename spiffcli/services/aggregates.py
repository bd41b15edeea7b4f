"""Types of aggregates: what identifies one, what expressions may read of it, how it is stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from spiffcli.errors import DataError, InputError
from spiffcli.services.codecs import AggregateCodec, codec_of, set_field
from spiffcli.services.errors import ServiceError
from spiffcli.services.markers import DefinitionId, NaturalId, Origin, ProcessId, ProcessVersion, RootId
from spiffcli.services.repositories import AggregateRepository, require_repository

A = TypeVar("A")


@dataclass(kw_only=True)
class WorkflowAggregate:
    """Base for dataclasses that want to know where they come from. It is optional: the store knows it all the same.

    Attributes:
        process_id: Id of the process.
        process_version: Version of the process the workflow was started with; it never changes.
        definition_id: Id of the definition it was started with.
        root_id: Natural id of the workflow at the top; None for that one itself.
    """

    process_id: Annotated[str | None, ProcessId()] = None
    process_version: Annotated[int | None, ProcessVersion()] = None
    definition_id: Annotated[str | None, DefinitionId()] = None
    root_id: Annotated[str | None, RootId()] = None


@dataclass(frozen=True)
class AggregateType(Generic[A]):
    """A type of aggregates.

    Attributes:
        cls: The class.
        natural_id: Name of the field that identifies one.
        origins: What is set when a workflow starts, by field.
        codec: How it is stored as JSON; None with a repository.
        repository: Where it lives; None for the document store.
        reader: How JSON that somebody gives becomes one, or fields of one; None where nothing knows.
    """

    cls: type[A]
    natural_id: str
    origins: Mapping[str, str] = field(default_factory=dict)
    codec: AggregateCodec[A] | None = None
    repository: AggregateRepository[A] | None = None
    reader: AggregateCodec[A] | None = None

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.cls.__name__

    def id_of(self, aggregate: A) -> str:
        """The natural id of an aggregate, as text.

        Raises:
            InputError: It has none.
        """
        value = getattr(aggregate, self.natural_id)
        if not isinstance(value, str | int | UUID) or isinstance(value, bool) or str(value) == "":
            raise InputError(
                f"The natural id {self.name}.{self.natural_id} is {value!r}.",
                hint="It is a text, a whole number or a UUID that the application gives, and is never empty.",
            )
        return str(value)

    @cached_property
    def fields(self) -> frozenset[str]:
        """Names of the fields."""
        if dataclasses.is_dataclass(self.cls):
            return frozenset(each.name for each in dataclasses.fields(self.cls))
        return frozenset(name for name in _hints(self.cls) if not name.startswith("_"))

    @cached_property
    def offered(self) -> frozenset[str]:
        """Names that expressions may read: fields and properties, no methods, nothing private."""
        properties = {
            name for name in dir(self.cls) if isinstance(getattr(self.cls, name, None), property | cached_property)
        }
        return frozenset(name for name in self.fields | properties if not name.startswith(("_", "model_")))


def aggregate_type(
    cls: type[A], *, codec: AggregateCodec[A] | None = None, repository: AggregateRepository[A] | None = None
) -> AggregateType[A]:
    """What has to be known of a type of aggregates.

    Raises:
        ServiceError: It has no natural id, or nothing knows how to store it.
    """
    if repository is not None:
        require_repository(cls, repository)
    markers = {name: _markers(hint) for name, hint in _hints(cls).items()}
    ids = [name for name, found in markers.items() if any(isinstance(each, NaturalId) for each in found)]
    if len(ids) != 1:
        what = "no natural id" if not ids else f"{len(ids)} natural ids ({', '.join(ids)})"
        raise ServiceError(
            f"The aggregate {cls.__name__} has {what}.",
            hint="Mark one field: order_id: Annotated[str, NaturalId()]",
        )
    origins = {name: each.what for name, found in markers.items() for each in found if isinstance(each, Origin)}
    reader = codec or _codec_if_any(cls, required=repository is None)
    if repository is None and reader is None:
        raise ServiceError(
            f"Nothing knows how to store the aggregate {cls.__name__}: it is no dataclass and no pydantic model.",
            hint=f"Register a codec or a repository: Registry().aggregate({cls.__name__}, repository=...)",
        )
    stored = reader if repository is None else None
    return AggregateType(cls, ids[0], origins, stored, repository, reader)


def _codec_if_any(cls: type[A], *, required: bool) -> AggregateCodec[A] | None:
    try:
        return codec_of(cls)
    except ServiceError:
        if required:
            raise
        return None  # a field has a type that only its repository knows


def _hints(cls: type[Any]) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise ServiceError(
            f"The annotations of {cls.__name__} cannot be read: {error}.",
            hint="What they name has to be importable from its module.",
        ) from error


def _markers(hint: Any) -> list[Any]:
    found = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    markers = (NaturalId, Origin)
    return [each() if isinstance(each, type) and issubclass(each, markers) else each for each in found]


def from_data(type: AggregateType[A], data: Mapping[str, Any], natural_id: str | None) -> A:
    """A new aggregate from what a command line or a message says.

    Raises:
        InputError: That does not make one.
    """
    given = dict(data)
    if natural_id is not None:
        given.setdefault(type.natural_id, natural_id)
    unknown = sorted(set(given) - type.fields)
    if unknown:
        raise InputError(
            f"{type.name} has no field {unknown[0]!r}.", hint=f"Its fields are {', '.join(sorted(type.fields))}."
        )
    if type.reader is None:
        raise InputError(
            f"Nothing knows how to make a {type.name} of data.",
            hint=f"Start it from code, or say how: Registry().aggregate({type.name}, repository=..., codec=...)",
        )
    try:
        return type.reader.from_json(given)
    except DataError as error:
        raise InputError(
            f"That makes no {type.name}: {error.message}",
            hint=f"""Say all of it with --data '{{"{type.natural_id}": ...}}'.""",
        ) from error


def with_values(aggregate: Any, values: Mapping[str, Any]) -> Any:
    """An aggregate with these values in its fields."""
    for name, value in values.items():
        set_field(aggregate, name, value)
    return aggregate
