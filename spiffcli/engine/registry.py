"""The JSON serializer registry: how specs and task data become bytes and come back as they were.

Task data keep their types. JSON's own types are written as they are; every other value is an object with the
key `$type`, whose value is an explicit tag with a version (`date/1`). Key order is part of the format: task
data are restored in order, so no encoder here may sort.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from msgspec import Struct
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.mixins import ServiceTaskMixin
from SpiffWorkflow.bpmn.util import BpmnEvent

from spiffcli.engine.data_stores import DATA_STORE_CLASSES, DataStoreConverter, KeyedValues
from spiffcli.errors import ConfigError, CorruptStoreError, DataError

#: Key that marks an encoded value. A dict of the user's with this key is written as a `map/1`.
TAG = "$type"

ToDict = Callable[[Any], dict[str, Any]]
FromDict = Callable[[dict[str, Any]], Any]

_INT64 = 2**63


class _Codec(Struct, frozen=True):
    tag: str
    encode: Callable[[Any], Any]


class Registry:
    """What can be stored in task data, and how.

    Built by an `EngineConfig`; engine modules add their own types with `register`.
    """

    def __init__(self, spec_config: Mapping[type, type]) -> None:
        stores = dict.fromkeys(DATA_STORE_CLASSES.values(), DataStoreConverter)
        self._specs = BpmnWorkflowSerializer.configure(_with_service_tasks({**stores, **spec_config}))
        self._by_type: dict[type, _Codec] = {}
        self._by_tag: dict[str, Callable[[Any], Any]] = {}
        for cls, tag, encode, decode in _BUILT_IN:
            self._add(cls, tag, encode, decode)
        self.register(KeyedValues, dict, KeyedValues, tag="keyed-values")
        # Written by `encode` itself, where only some values of a type need a tag.
        self._claim("int/1", int)
        self._claim("float/1", float)
        self._claim("text/1", lambda raw: bytes.fromhex(raw).decode("utf-16-le", "surrogatepass"))

    def register(
        self, cls: type, to_dict: ToDict, from_dict: FromDict, *, tag: str | None = None, version: int = 1
    ) -> None:
        """Let task data hold values of `cls`.

        Args:
            cls: The exact class; subclasses are registered on their own.
            to_dict: Turns a value into a dict of things that can be stored.
            from_dict: Turns such a dict into a value again.
            tag: Name in stored data, by default the name of the class. Stored data survive a renamed class
                as long as the tag stays.
            version: Version of the layout `to_dict` writes. Use `register_reader` for older ones.

        Raises:
            ConfigError: The class or the tag is registered already.
        """
        full = f"{tag or cls.__name__}/{version}"
        if cls in self._by_type:
            raise ConfigError(f"The type {cls.__name__} is registered twice.", hint="Register each type once.")
        self._add(cls, full, lambda value: self.encode(to_dict(value)), lambda raw: from_dict(self.decode(raw)))

    def register_reader(self, tag: str, version: int, from_dict: FromDict) -> None:
        """Keep reading values that an older version of a type's `to_dict` wrote."""
        self._claim(f"{tag}/{version}", lambda raw: from_dict(self.decode(raw)))

    def _add(self, cls: type, tag: str, encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> None:
        self._claim(tag, decode)
        self._by_type[cls] = _Codec(tag, encode)

    def _claim(self, tag: str, decode: Callable[[Any], Any]) -> None:
        if tag in self._by_tag:
            raise ConfigError(f"The tag {tag} is registered twice.", hint="Choose another tag or version.")
        self._by_tag[tag] = decode

    # Values

    def encode(self, value: Any, path: str = "data") -> Any:
        """Turn a value into JSON types.

        Raises:
            DataError: A value inside cannot be stored; the message names its path and type.
        """
        kind = type(value)
        if kind is str:
            return value if value.isascii() else _encode_text(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if -_INT64 <= value < _INT64 else {TAG: "int/1", "value": str(value)}
        if kind is float:
            return value if math.isfinite(value) else {TAG: "float/1", "value": str(value)}
        if kind is list:
            return [self.encode(item, f"{path}[{i}]") for i, item in enumerate(value)]
        if kind is dict:
            return self._encode_dict(value, path)
        return self._encode_other(value, path)

    def _encode_dict(self, value: dict[Any, Any], path: str) -> Any:
        if TAG not in value and all(type(key) is str for key in value):
            return {
                key if key.isascii() else _require_text(key, path): self.encode(item, f"{path}.{key}")
                for key, item in value.items()
            }
        items = [[self.encode(k, path), self.encode(v, f"{path}[{k!r}]")] for k, v in value.items()]
        return {TAG: "map/1", "items": items}

    def _encode_other(self, value: Any, path: str) -> Any:
        kind = type(value)
        codec = self._by_type.get(kind)
        if codec is not None:
            return {TAG: codec.tag, "value": codec.encode(value)}
        if kind in (tuple, set, frozenset):
            items = sorted(value, key=repr) if kind is not tuple else value
            return {TAG: f"{kind.__name__}/1", "items": [self.encode(item, path) for item in items]}
        if kind is BpmnEvent:
            return self._encode_event(value, path)
        if kind in self._specs.typenames:
            return {TAG: "engine/1", "value": self._specs.convert(value)}
        raise DataError(
            f"{path} is a {kind.__module__}.{kind.__qualname__}, which task data cannot hold.",
            hint="Store plain values, or register the type: registry.register(Type, to_dict, from_dict) "
            "in the engine module given by -e.",
            path=path,
        )

    def _encode_event(self, event: BpmnEvent, path: str) -> dict[str, Any]:
        return {
            TAG: "event/1",
            "definition": self._specs.convert(event.event_definition),
            "payload": self.encode(event.payload, f"{path}.payload"),
            "correlations": self.encode(event.correlations, f"{path}.correlations"),
        }

    def decode(self, raw: Any) -> Any:
        """The value that `encode` was given.

        Raises:
            CorruptStoreError: A tag that nobody registered.
        """
        kind = type(raw)
        if kind is dict:
            if TAG in raw:
                return self._decode_tagged(raw)
            return {key: self.decode(value) for key, value in raw.items()}
        if kind is list:
            return [self.decode(item) for item in raw]
        return raw

    def _decode_tagged(self, raw: dict[str, Any]) -> Any:
        tag = raw[TAG]
        if tag == "map/1":
            return {self.decode(key): self.decode(value) for key, value in raw["items"]}
        if tag in _COLLECTIONS:
            return _COLLECTIONS[tag](self.decode(item) for item in raw["items"])
        if tag == "event/1":
            definition = self._specs.restore(raw["definition"])
            return BpmnEvent(definition, self.decode(raw["payload"]), self.decode(raw["correlations"]))
        if tag == "engine/1":
            return self._specs.restore(raw["value"])
        decode = self._by_tag.get(tag)
        if decode is None:
            raise CorruptStoreError(
                f"Stored data hold a value of the type {tag}, which is not registered.",
                hint="Name the engine module that registers it with -e.",
            )
        return decode(raw["value"])

    def plain(self, value: Any) -> Any:
        """A value as a reader of JSON wants it, without tags: dates as ISO text, decimals as text, sets as lists.

        Raises:
            DataError: A value inside cannot be stored.
        """
        return _untagged(self.encode(value))

    # Specs

    def spec_to_bytes(self, spec: Any) -> bytes:
        """One process or sub-process spec of the engine as JSON, in a form whose hash is stable."""
        return dumps(self._specs.convert(spec))

    def spec_from_bytes(self, content: bytes) -> Any:
        """The spec that `spec_to_bytes` was given."""
        spec = self._specs.restore(orjson.loads(content))
        # Fault: a restored spec keeps the end it was made with, which is not the one its nodes lead to.
        spec.end = spec.task_specs[f"{spec.name}.EndJoin"]
        return spec

    def definition_to_json(self, definition: Any) -> dict[str, Any]:
        """An event definition of the engine as JSON types."""
        converted: dict[str, Any] = self._specs.convert(definition)
        return converted


def dumps(value: Any) -> bytes:
    """JSON bytes with the key order of `value`.

    Raises:
        DataError: Something inside is nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        import json  # nesting beyond 254 levels, which the fast encoder refuses

        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        except RecursionError:
            raise DataError("Task data are nested too deeply to be stored.") from None


def loads(content: bytes) -> Any:
    """What `dumps` was given."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        import json

        return json.loads(content)


def _encode_text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return {TAG: "text/1", "value": value.encode("utf-16-le", "surrogatepass").hex()}
    return value


def _require_text(key: str, path: str) -> str:
    try:
        key.encode()
    except UnicodeEncodeError:
        raise DataError(f"A key in {path} is not valid text: {key!r}.") from None
    return key


def _untagged(raw: Any) -> Any:
    if isinstance(raw, list):
        return [_untagged(item) for item in raw]
    if not isinstance(raw, dict):
        return raw
    tag = raw.get(TAG)
    if tag is None:
        return {key: _untagged(value) for key, value in raw.items()}
    if tag == "map/1":
        return {_key(_untagged(key)): _untagged(value) for key, value in raw["items"]}
    if tag in _PLAIN:
        return _PLAIN[tag](raw["value"])
    return _untagged(raw["items"] if "items" in raw else raw.get("value"))


def _key(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _with_service_tasks(config: dict[type, type]) -> dict[type, type]:
    # The engine's plain and Camunda configurations have no converter for service tasks, so that comparing or
    # saving any process with one fails.
    from SpiffWorkflow.bpmn.serializer.default.task_spec import BpmnTaskSpecConverter
    from SpiffWorkflow.bpmn.specs.defaults import ServiceTask

    if not any(issubclass(cls, ServiceTaskMixin) for cls in config):
        config[ServiceTask] = BpmnTaskSpecConverter
    return config


#: What is not told as it is stored: big numbers are numbers, bytes are Base64.
_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "int/1": int,
    "float/1": float,
    "bytes/1": lambda raw: b64encode(bytes.fromhex(raw)).decode(),
    "text/1": lambda raw: bytes.fromhex(raw).decode("utf-16-le", "replace"),
    "timedelta/1": lambda raw: str(timedelta(days=raw[0], seconds=raw[1], microseconds=raw[2])),
}

_COLLECTIONS: Mapping[str, Callable[[Any], Any]] = {"tuple/1": tuple, "set/1": set, "frozenset/1": frozenset}

_BUILT_IN: tuple[tuple[type, str, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (date, "date/1", date.isoformat, date.fromisoformat),
    (datetime, "datetime/1", datetime.isoformat, datetime.fromisoformat),
    (time, "time/1", time.isoformat, time.fromisoformat),
    (
        timedelta,
        "timedelta/1",
        lambda v: [v.days, v.seconds, v.microseconds],
        lambda raw: timedelta(days=raw[0], seconds=raw[1], microseconds=raw[2]),
    ),
    (Decimal, "decimal/1", str, Decimal),
    (UUID, "uuid/1", str, UUID),
    (bytes, "bytes/1", bytes.hex, bytes.fromhex),
    (complex, "complex/1", lambda v: [v.real, v.imag], lambda raw: complex(*raw)),
)
