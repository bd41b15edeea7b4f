"""Data stores: values that outlive instances and that all of them share, read and written by associations of tasks.

A task that has a data store as input finds its value under the id of the store in its data while it runs; one that has
it as output leaves there what is to be written. What is written is kept in the instance until whoever runs it saves
it, together with the instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from SpiffWorkflow.bpmn.serializer.helpers import BpmnConverter
from SpiffWorkflow.bpmn.specs.data_spec import BpmnDataStoreSpecification
from SpiffWorkflow.task import Task

from spiffcli.errors import InputError


class StoredData(Struct, frozen=True):
    """A data store as it is stored.

    Attributes:
        id: What models call it.
        location: Folder of the model repository that describes it.
        content: Its value as JSON, or None where nothing has been written.
        revision: Of what is stored; 0 where nothing has been written.
        schema: JSON Schema that its values meet; empty where all will do.
    """

    id: str
    kind: str
    location: str
    content: bytes | None
    revision: int
    schema: Mapping[str, Any]

    @property
    def place(self) -> str:
        """The same for all that mean the same store."""
        return f"{self.kind} {self.location} {self.id}"


class KeyedValues(dict[str, Any]):
    """What a script gets of a keyed store: `prices("2026", "apple")` is a value or None, `prices("2026")` a dict."""

    def __call__(self, first: str, second: str | None = None) -> Any:
        """The value under two keys, None where there is none; or all that stand under one."""
        values = self.get(first) or {}
        return dict(values) if second is None else values.get(second)


class DataStoreUnit:
    """What one instance has written to data stores since it was saved.

    Attributes:
        guard: Called with a store that the step under way reads and may write, to keep others from it until `let_go`.
    """

    def __init__(
        self,
        find: Callable[[str, str, str], StoredData],
        decode: Callable[[bytes], Any],
        encode: Callable[[Any], bytes],
    ) -> None:
        """Begin with nothing written.

        Args:
            find: Gives the store that a definition calls by an id, of a kind.
            decode, encode: Turn stored bytes into values, and back.
        """
        self.guard: Callable[[StoredData], None] = lambda _store: None
        self._find = find
        self._decode = decode
        self._encode = encode
        self._held: dict[str, StoredData] = {}
        self._written: dict[str, StoredData] = {}

    @property
    def has_changes(self) -> bool:
        """Whether something is to be stored."""
        return bool(self._written)

    def mark(self) -> Any:
        """What `go_back` takes."""
        return dict(self._written)

    def go_back(self, mark: Any) -> None:
        """Forget what was written since `mark`."""
        self._written = mark

    def changes(self) -> Iterator[StoredData]:
        """What is to be stored, each with the revision of what it replaces."""
        yield from self._written.values()

    def stored(self) -> None:
        """Note that all was stored, and is held still."""
        for place, written in self._written.items():
            self._held[place] = replace(written, revision=written.revision + 1)
        self._written = {}

    def let_go(self) -> None:
        """Note that others may write again. What has not been stored is forgotten."""
        self._held, self._written = {}, {}

    def get(self, definition: str, id: str, kind: str) -> Any:
        """The value of a store now.

        Raises:
            InputError: Nothing says where it is.
        """
        found = self._find(definition, id, kind)
        content = self._written.get(found.place, found).content
        if content is not None:
            value = self._decode(content)
        else:
            value = [] if kind == "typeahead" else {}
        return KeyedValues(value) if kind == "kkv" else value

    def hold(self, definition: str, id: str, kind: str) -> StoredData:
        """A store that nobody else writes to before `let_go`.

        Raises:
            InputError: Nothing says where it is.
            BusyError: A step of another instance works on it for too long.
        """
        found = self._find(definition, id, kind)
        if found.place not in self._held:
            self.guard(found)
            self._held[found.place] = self._find(definition, id, kind)  # as it is since nobody else can write to it
        return self._held[found.place]

    def set(self, definition: str, id: str, kind: str, value: Any) -> None:
        """Write a value; of a keyed store the keys that it has, of which None takes away.

        Raises:
            InputError: Nothing says where the store is, or it takes no such value.
            BusyError: A step of another instance works on it for too long.
        """
        found = self.hold(definition, id, kind)
        if kind == "kkv":
            value = self._merged(found, dict(self.get(definition, id, kind)), value)
        else:
            _check(found, value)
        self._written[found.place] = replace(found, content=self._encode(value))

    def _merged(self, found: StoredData, values: dict[str, Any], change: Any) -> dict[str, Any]:
        for first, inner in _entries(found, change, found.id).items():
            if inner is None:
                values.pop(first, None)
                continue
            kept = dict(values.get(first) or {})
            for second, value in _entries(found, inner, f"{found.id}['{first}']").items():
                if value is None:
                    kept.pop(second, None)
                else:
                    _check(found, value)
                    kept[second] = value
            values[first] = kept
        return values


def _entries(found: StoredData, value: Any, label: str) -> dict[Any, Any]:
    if isinstance(value, dict):
        return value
    raise InputError(
        f"the data store '{found.id}' takes an object of objects, and '{label}' is a {type(value).__name__}.",
        hint='Write it as {"first key": {"second key": value}}; None takes a key away.',
    )


def _check(found: StoredData, value: Any) -> None:
    if not found.schema:
        return
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    schema = dict(found.schema)
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        # An empty registry knows no other document and fetches none.
        error = best_match(kind(schema, registry=Registry()).iter_errors(value))
    except SchemaError as fault:
        raise InputError(f"the schema of the data store '{found.id}' is wrong: {fault.message}.") from fault
    except Unresolvable as fault:
        raise InputError(
            f"the schema of the data store '{found.id}' refers to {fault.ref}, which is not in it.",
            hint="Nothing is fetched: write it into the schema itself, under $defs.",
        ) from fault
    if error is not None:
        raise InputError(
            f"the data store '{found.id}' takes no such value: {error.message}.",
            hint="Its schema is in the process_group.json that describes it.",
        )


class _DataStore(BpmnDataStoreSpecification):
    """A data store of the model; where its values are is found out when it is used."""

    kind = ""

    def get(self, my_task: Task) -> None:
        """Put the value into the data of the task."""
        my_task.data[self.bpmn_id] = _unit(my_task).get(_definition(my_task), self.bpmn_id, self.kind)

    def set(self, my_task: Task) -> None:
        """Take the value out of the data of the task, and write it."""
        if self.bpmn_id not in my_task.data:
            raise InputError(
                f"it writes to the data store '{self.bpmn_id}', and left nothing under this name.",
                hint=f"Give {self.bpmn_id} a value, in its script or form.",
            )
        _unit(my_task).set(_definition(my_task), self.bpmn_id, self.kind, my_task.data[self.bpmn_id])
        del my_task.data[self.bpmn_id]


class JSONDataStore(_DataStore):
    """One JSON value."""

    kind = "json"


class JSONFileDataStore(_DataStore):
    """One JSON value, which a file of the repository begins with."""

    kind = "json_file"


class KKVDataStore(_DataStore):
    """Values under two keys each."""

    kind = "kkv"


class TypeaheadDataStore(_DataStore):
    """What forms offer while somebody types."""

    kind = "typeahead"


#: By what a `dataStore` element has as its name.
DATA_STORE_CLASSES: dict[str, type] = {
    each.__name__: each for each in (JSONDataStore, JSONFileDataStore, KKVDataStore, TypeaheadDataStore)
}


class DataStoreConverter(BpmnConverter):
    """Writes a data store as part of a spec."""

    def to_dict(self, spec: Any) -> dict[str, Any]:
        """Its id and its name."""
        return {"bpmn_id": spec.bpmn_id, "bpmn_name": spec.bpmn_name}

    def from_dict(self, dct: dict[str, Any]) -> Any:
        """What `to_dict` was given."""
        return self.target_class(**dct)


def refresh(my_task: Task) -> None:
    """Read the inputs of a task anew before it runs: others may have written since it became due."""
    spec = my_task.task_spec
    if not getattr(spec, "prescript", None):  # it has seen them, and may have changed them
        for each in getattr(spec, "data_input_associations", ()):
            if isinstance(each, _DataStore):
                _unit(my_task).hold(_definition(my_task), each.bpmn_id, each.kind)
                each.get(my_task)


def _unit(my_task: Task) -> DataStoreUnit:
    unit: DataStoreUnit = my_task.workflow.top_workflow.data_stores
    return unit


def _definition(my_task: Task) -> str:
    """The definition of the process that the task belongs to."""
    definition: str = my_task.workflow.definition
    return definition
