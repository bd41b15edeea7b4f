"""The aggregates that one instance works on, from one save to the next.

A method gets an aggregate that is made anew from what was kept last, so that what it did to it is gone if it fails, and
kept if it does not. Expressions read a copy of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, Protocol

import orjson
from msgspec import Struct
from msgspec.structs import replace

from spiffcli.engine.ports import BusinessError, CaseKey, Level, Outcome, Place, Start, TaskHappening
from spiffcli.errors import DataError, InputError
from spiffcli.services import repositories
from spiffcli.services.aggregates import AggregateType, from_data, with_values
from spiffcli.services.codecs import set_field
from spiffcli.services.errors import DuplicateStart
from spiffcli.services.invocation import Call, invoke, told
from spiffcli.services.registry import Entry, Method
from spiffcli.services.repositories import AggregateKey, AggregateRepository
from spiffcli.services.wiring import Wiring
from spiffcli.values import AggregateRecord


class UnitServices(Protocol):
    """What a unit asks the services of a runner for; see `Services`."""

    def serves(self, definition: str) -> bool: ...
    def wiring(self, definition: str) -> Wiring | None: ...
    def aggregate_of(self, process: str) -> AggregateType[Any]: ...
    def find(self, case: CaseKey) -> AggregateRecord | None: ...
    def record(self, case: CaseKey) -> AggregateRecord: ...
    def key(self, case: CaseKey) -> AggregateKey: ...
    def object_of(self, entry: Entry) -> Any: ...
    def resolver(self, cls: type[Any]) -> Any: ...


class StoredCase(Struct, frozen=True):
    """An aggregate as it is kept now.

    Attributes:
        record: Its record; the revision is that of the store, 0 for one that is new.
        document: It as JSON; None with a repository of its own.
        object: It itself, with such a repository; never handed out.
        changed: Whether the store does not have this yet.
    """

    record: AggregateRecord
    document: Mapping[str, Any] | None = None
    object: Any = None
    changed: bool = False


class AggregateUnit:
    """The unit of one instance; see `spiffcli.engine.ports.Unit`."""

    def __init__(self, services: UnitServices) -> None:
        self._services = services
        self._kept: dict[CaseKey, StoredCase] = {}
        self._read: dict[CaseKey, tuple[StoredCase, Any]] = {}

    # What the engine asks

    def serves(self, definition: str) -> bool:
        """Whether a definition is served."""
        return self._services.serves(definition)

    def is_wired(self, definition: str, element: str) -> bool:
        """Whether a method is wired to a node."""
        wiring = self._services.wiring(definition)
        return wiring is not None and element in wiring.tasks

    def perform(
        self, place: Place, happening: TaskHappening = "created", given: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Call the method of a task."""
        method = self._wiring(place).tasks.get(place.element)
        if happening == "cancelled" and (method is None or not method.signature.wants("event")):
            return Outcome()
        if method is None and not given:
            return Outcome()
        case = self._case(place)
        kind = self._type(case)
        aggregate = self._fresh(case)
        if given and (method is None or not method.signature.wants("payload")):
            aggregate = self._filled(kind, aggregate, given)
        error = None
        if method is not None:
            try:
                self._invoke(method, place, aggregate, happening, given)
            except BusinessError as raised:
                error = raised
        kept = self._changed(case, aggregate)
        open = method is not None and method.signature.wants("task-id") and happening == "created" and error is None
        return Outcome(error, open, lambda: self._keep(case, kept))

    def take(self, place: Place, given: Mapping[str, Any]) -> None:
        """Put what somebody gave into the fields of the aggregate."""
        case = self._case(place)
        self._keep(case, self._changed(case, self._filled(self._type(case), self._fresh(case), given)))

    def change(self, case: CaseKey, change: Callable[[Any], object]) -> None:
        """Let a function change an aggregate.

        Raises:
            NotFoundError: There is none.
            Exception: Whatever the function raises; nothing is kept then.
        """
        aggregate = self._fresh(case)
        change(aggregate)
        self._keep(case, self._changed(case, aggregate))

    def called(self, place: Place, definition: str) -> Outcome | None:
        """Have the aggregate of its own made that a called process is to have."""
        own, child = self._wiring(place), self._services.wiring(definition)
        if child is None or child.aggregate.cls is own.aggregate.cls:
            return None
        creator = own.tasks.get(place.element)
        if creator is None:
            raise InputError(
                f"'{child.process}' has an aggregate of its own, and no method makes its {child.aggregate.name}",
                hint="See all that is missing with: runner check",
            )
        case = self._case(place)
        aggregate = self._fresh(case)
        try:
            made = self._made(creator, child, self._invoke(creator, place, aggregate, "created", None))
        except BusinessError as error:
            kept = self._changed(case, aggregate)
            return Outcome(error, keep=lambda: self._keep(case, kept))
        key = CaseKey(child.process, child.aggregate.id_of(made))
        new = self._new(key, child, definition, made, root=self._root(case))
        kept = self._changed(case, aggregate)
        return Outcome(keep=lambda: self._kept.update({key: new, case: kept}), made=key)

    def mark(self) -> object:
        """What is kept now."""
        return dict(self._kept)

    def go_back(self, mark: object) -> None:
        """Give up what was kept since."""
        assert isinstance(mark, dict)
        self._kept = dict(mark)

    def values(self, place: Place, names: Iterable[str]) -> Mapping[str, Any]:
        """The values of names in an expression."""
        if place.case is None:
            return {}
        wiring, found = self._wiring(place), {}
        for name in names:
            if name in wiring.values:
                found[name] = self._calculated(name, wiring.values[name], place)
            elif name in wiring.fields:
                found[name] = getattr(self.reading(place.case), wiring.fields[name])
            else:
                level = next((each for each in reversed(place.levels) if each.item == name), None)
                if level is not None:
                    found[name] = self._element(level, place.case, self.reading(place.case))
        return found

    def keys(self, place: Place, collection: str) -> Sequence[Any]:
        """Where the elements of a collection stand."""
        found = self.values(place, [collection])
        if collection not in found:
            raise InputError(
                f"its collection '{collection}' is no field or property of {self._wiring(place).aggregate.name}"
            )
        value = found[collection]
        if isinstance(value, Mapping):
            return list(value)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return range(len(value))
        raise InputError(
            f"its collection '{collection}' is a {type(value).__name__}, whose elements have no place",
            hint="Use a list or a dictionary.",
        )

    # What the application asks

    def begin(self, definition: str, given: Any, natural_id: str | None = None, start: Start | None = None) -> CaseKey:
        """Keep the aggregate of a new workflow.

        Args:
            given: The aggregate, or data that make one.
            start: What starts it, where that is no person and no program.

        Raises:
            InputError: Nothing makes an aggregate of it.
        """
        wiring = self._services.wiring(definition)
        assert wiring is not None
        kind = wiring.aggregate
        element = wiring.starts.get((start.kind, start.name), "") if start is not None else ""
        creator = wiring.tasks.get(element)
        if isinstance(given, kind.cls):
            aggregate = given
        elif creator is not None:
            place = Place(definition, element, "", None)
            with told(f"{creator.label} could not make the {kind.name} of '{wiring.process}'"):
                aggregate = self._made(creator, wiring, self._invoke(creator, place, None, "created", given or {}))
        else:
            aggregate = from_data(kind, given or {}, natural_id)
        id = kind.id_of(aggregate)
        if natural_id is not None and natural_id != id:
            raise InputError(f"The natural id is '{natural_id}', and {kind.name}.{kind.natural_id} is '{id}'.")
        key = CaseKey(wiring.process, id)
        self._keep(key, self._new(key, wiring, definition, aggregate, root=None, check=start is not None))
        return key

    def reading(self, case: CaseKey) -> Any:
        """An aggregate to be read, as it is kept now."""
        kept = self._lookup(case)
        cached = self._read.get(case)
        if cached is None or cached[0] is not kept:
            cached = self._read[case] = (kept, self._object(case, kept))
        return cached[1]

    @property
    def has_changes(self) -> bool:
        """Whether something is kept that the store does not have."""
        return any(kept.changed for kept in self._kept.values())

    def save(
        self,
        instance: str,
        put: Callable[[AggregateRecord], AggregateRecord],
        after_commit: Callable[[Callable[[], None]], None],
    ) -> None:
        """Store what changed; see `spiffcli.engine.ports.Unit`.

        Raises:
            DuplicateError: The natural id of a new one is taken.
            ConflictError: Somebody else changed one.
            StoreError: A repository could not keep one.
        """
        for case, kept in list(self._kept.items()):
            if not kept.changed:
                continue
            repository = self._type(case).repository
            kept_as = None if repository is None else repositories.next_revision(kept.record.kept_as)
            body = b"" if kept.document is None else orjson.dumps(kept.document)
            # First here: whoever comes second with a natural id, or with an old revision, never gets to the repository.
            record = put(replace(kept.record, instance=instance, body=body, kept_as=kept_as))
            if repository is not None and kept_as is not None:
                key = self._services.key(case)
                repositories.save(repository, key, kept_as, deepcopy(kept.object))
                after_commit(partial(repositories.settle, repository, key, kept_as))
            self._kept[case] = replace(kept, record=record, changed=False)

    # Steps

    def _wiring(self, place: Place) -> Wiring:
        wiring = self._services.wiring(place.definition)
        assert wiring is not None  # the engine asks about what is served only
        return wiring

    def _case(self, place: Place) -> CaseKey:
        assert place.case is not None
        return place.case

    def _type(self, case: CaseKey) -> AggregateType[Any]:
        return self._services.aggregate_of(case.process)

    def _root(self, case: CaseKey) -> str:
        return self._lookup(case).record.root or case.id

    def _lookup(self, case: CaseKey) -> StoredCase:
        kept = self._kept.get(case)
        if kept is None:
            record = self._services.record(case)
            repository = self._type(case).repository
            if (repository is None) is not (record.kept_as is None):
                raise repositories.kept_otherwise(record)
            document = orjson.loads(record.body) if record.body else None
            kept = StoredCase(record, document) if repository is None else self._elsewhere(case, repository, record)
            self._kept[case] = kept
        return kept

    def _elsewhere(self, case: CaseKey, repository: AggregateRepository[Any], record: AggregateRecord) -> StoredCase:
        """An aggregate that lives elsewhere. Somebody who only reads may meet one who settles the next revision."""
        while True:
            try:
                found = repositories.load(repository, self._services.key(case), record.kept_as or 0)
                return StoredCase(record, object=found)
            except DataError:
                before, record = record, self._services.record(case)
                if record.kept_as == before.kept_as:
                    raise

    def _object(self, case: CaseKey, kept: StoredCase) -> Any:
        kind = self._type(case)
        if kind.codec is None:
            return deepcopy(kept.object)
        try:
            return kind.codec.from_json({k: v for k, v in (kept.document or {}).items() if k in kind.fields})
        except DataError as error:
            raise DataError(
                f"The stored {kind.name} '{case.id}' does not fit its class any more: {error.message}",
                hint="Give new fields a default, or write a codec that reads the older form.",
                **error.data,
            ) from error

    def _fresh(self, case: CaseKey) -> Any:
        return self._object(case, self._lookup(case))

    def _changed(self, case: CaseKey, aggregate: Any) -> StoredCase:
        """The aggregate as it would be kept.

        Raises:
            InputError: Its natural id was changed.
            DataError: A value does not fit its field.
        """
        kind, before = self._type(case), self._lookup(case)
        if kind.id_of(aggregate) != case.id:
            raise InputError(f"the natural id of {kind.name} '{case.id}' was changed to '{kind.id_of(aggregate)}'")
        if kind.codec is None:
            return replace(before, object=deepcopy(aggregate), changed=True)
        known = before.document or {}
        # What an older class wrote and this one does not know stays.
        document = {**{k: v for k, v in known.items() if k not in kind.fields}, **kind.codec.to_json(aggregate)}
        return before if document == known else replace(before, document=document, changed=True)

    def _keep(self, case: CaseKey, kept: StoredCase) -> None:
        self._kept[case] = kept

    def _new(
        self, key: CaseKey, wiring: Wiring, definition: str, aggregate: Any, *, root: str | None, check: bool = True
    ) -> StoredCase:
        """A new aggregate, as it would be kept."""
        kind = wiring.aggregate
        taken = self._services.find(key) if check else None
        if key in self._kept or taken is not None:
            raise DuplicateStart(key.process, key.id, taken.instance if taken is not None else "this very one")
        origin = {"process": key.process, "version": wiring.version, "definition": definition, "root": root}
        for name, what in kind.origins.items():
            set_field(aggregate, name, origin[what])
        record = AggregateRecord(key.process, key.id, kind.name, wiring.version, definition, "", root)
        document = None if kind.codec is None else kind.codec.to_json(aggregate)
        return StoredCase(record, document, deepcopy(aggregate) if kind.codec is None else None, changed=True)

    def _calculated(self, name: str, method: Method, place: Place) -> Any:
        assert place.case is not None
        with told(f"the value '{name}' ({method.label}) cannot be calculated"):
            # Its own copy: a value must not change anything, and does not.
            return self._invoke(method, place, self._fresh(place.case), "created", None)

    def _made(self, creator: Method, child: Wiring, result: Any) -> Any:
        if not isinstance(result, child.aggregate.cls):
            raise InputError(f"{creator.label} returned {result!r}, and a {child.aggregate.name} was needed")
        return result

    def _invoke(
        self, method: Method, place: Place, aggregate: Any, happening: TaskHappening, given: Mapping[str, Any] | None
    ) -> Any:
        def element(level: Level) -> Any:
            return self._element(level, place.case, aggregate)

        call = Call(place, aggregate, element, self._services.resolver, happening, given)
        return invoke(method, self._services.object_of(method.owner), call)

    def _element(self, level: Level, case: CaseKey | None, aggregate: Any) -> Any:
        """The element of an iteration: of the very aggregate that a method gets, so that it can change it."""
        assert level.case is not None
        owner = aggregate if level.case == case else self.reading(level.case)
        wiring = self._services.wiring(level.definition)
        assert wiring is not None
        name = level.collection or ""
        if name in wiring.values:
            outer = Place(level.definition, level.element, "", level.case)
            collection = self._invoke(wiring.values[name], outer, owner, "created", None)
        else:
            collection = getattr(owner, wiring.fields[name])
        try:
            return collection[level.key]
        except LookupError:
            raise InputError(
                f"'{name}' has no element {level.key!r} any more; '{level.element}' began when it had {level.total}",
                hint="Let a collection that is iterated over only grow at its end.",
            ) from None

    def _filled(self, kind: AggregateType[Any], aggregate: Any, given: Mapping[str, Any]) -> Any:
        """The aggregate with what was given in the fields of the same names."""
        unknown = [name for name in given if name not in kind.fields or name == kind.natural_id]
        if unknown:
            names = ", ".join(sorted(kind.fields - {kind.natural_id}))
            raise InputError(
                f"{kind.name} has no field '{unknown[0]}' for what was given; its fields are {names}",
                hint="Add the field, or wire a method that takes it with a parameter marked Payload().",
            )
        if kind.reader is None:
            return with_values(aggregate, given)
        try:
            filled = kind.reader.from_json({**kind.reader.to_json(aggregate), **given})
        except DataError as error:
            raise InputError(f"what was given does not fit: {error.message}") from error
        # A repository may know more of an aggregate than its JSON says.
        return (
            filled
            if kind.repository is None
            else with_values(aggregate, {name: getattr(filled, name) for name in given})
        )
