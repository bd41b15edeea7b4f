"""What the groups around a model say about its data stores and messages.

A model repository describes data stores and messages in the `process_group.json` of a folder, for all models below it;
the deepest folder that describes one is right. What is said there is written into the trees of the models before
anybody reads them, so that it counts wherever the model counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from lxml import etree
from msgspec import Struct

from spiffcli.errors import ModelError
from spiffcli.model.xml import line_of
from spiffcli.values import GROUP_FILE, Resource

#: Kinds of data stores by what a `dataStore` element has as its name.
STORE_KINDS: Mapping[str, str] = {
    "JSONDataStore": "json",
    "JSONFileDataStore": "json_file",
    "KKVDataStore": "kkv",
    "TypeaheadDataStore": "typeahead",
}

_BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_OURS = "urn:runner:groups"
_ROOT = "."


class StoreSpec(Struct, frozen=True):
    """What is said about a data store.

    Attributes:
        kind: `json`, `json_file`, `kkv` or `typeahead`.
        location: Folder that it belongs to, `.` for the topmost.
        schema: JSON Schema that its values meet; empty where all will do.
        content: Of a `json_file`, what the file holds.
    """

    id: str
    kind: str
    location: str
    schema: Mapping[str, Any]
    content: bytes | None = None

    def text(self) -> str:
        """All that counts of it, as one text."""
        said = {"kind": self.kind, "location": self.location, "schema": self.schema}
        return json.dumps(said, sort_keys=True, ensure_ascii=False)


class StoreUse(Struct, frozen=True):
    """A data store that something in a file reads or writes.

    Attributes:
        name: What says of which kind it is.
    """

    id: str
    name: str
    file: str
    line: int


class Groups:
    """The groups among some resources."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        others = [each for each in resources if each.kind == "other"]
        self._files = {each.name: each for each in others}
        self._read: dict[str, Mapping[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._files)

    def store(self, file: str, id: str, kind: str) -> StoreSpec | None:
        """What is said about a data store for the model file at `file`; None where nothing is.

        Raises:
            ModelError: The description of a group cannot be read.
        """
        for folder in folders_above(file):
            content = self._files.get(_in(folder, f"{id}.json")) if kind == "json_file" else None
            if content is not None:
                return StoreSpec(id, kind, _location(folder), {}, content.content)
            found = _mapping(_mapping(self._group(folder).get("data_store_specifications")).get(kind)).get(id)
            if found is not None:
                return StoreSpec(id, kind, _location(folder), _mapping(_mapping(found).get("schema")))
        # Whoever types ahead asks for terms of all models.
        return StoreSpec(id, kind, _ROOT, {}) if kind == "typeahead" else None

    def correlations(self, file: str, message: str) -> Mapping[str, str]:
        """Where properties that correlate a message are in its payload, by property; empty where nothing is said.

        Raises:
            ModelError: The description of a group cannot be read.
        """
        for folder in folders_above(file):
            found = _correlations(self._group(folder), message)
            if found:
                return found
        return {}

    def _group(self, folder: str) -> Mapping[str, Any]:
        path = _in(folder, GROUP_FILE)
        if folder not in self._read:
            file = self._files.get(path)
            self._read[folder] = {} if file is None else read_group(path, file.content)
        return self._read[folder]


def folders_above(file: str) -> Iterator[str]:
    """The folders a file lies in, the deepest first and `.` last."""
    return map(str, PurePosixPath(file).parents)


def read_group(path: str, content: bytes) -> Mapping[str, Any]:
    """What the description of a group says.

    Raises:
        ModelError: It cannot be read.
    """
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}.", file=path) from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} is not a JSON object.", file=path)
    return found


def describes(group: Mapping[str, Any], stores: Mapping[str, str], messages: Sequence[str]) -> bool:
    """Whether a group says something about one of these data stores (kind by id) or messages."""
    said = _mapping(group.get("data_store_specifications"))
    return any(id in _mapping(said.get(kind)) for id, kind in stores.items()) or any(
        _correlations(group, message) for message in messages
    )


def uses(file: str, root: etree._Element) -> Iterator[StoreUse]:
    """The data stores of known kinds that something in a file reads or writes."""
    names = {each.get("id"): each.get("name", "") for each in root.iter(f"{{{_BPMN}}}dataStore")}
    for id, line in _connected(root) if names else ():
        if names.get(id) in STORE_KINDS:
            yield StoreUse(id, names[id], file, line)


def leave_out_drawn_stores(root: etree._Element, known: Collection[str]) -> None:
    """Take data stores out of a tree that nothing reads or writes and that are of none of the `known` kinds."""
    connected = {id for id, _ in _connected(root)}
    for store in list(root.iter(f"{{{_BPMN}}}dataStore")):
        parent = store.getparent()
        if store.get("name") not in known and store.get("id") not in connected and parent is not None:
            parent.remove(store)


def _connected(root: etree._Element) -> Iterator[tuple[str, int]]:
    """Ids of the data stores that an association reads or writes, with the line of the reference to them."""
    ends = (f"{{{_BPMN}}}sourceRef", f"{{{_BPMN}}}targetRef")
    named = {(end.text or "").strip() for end in root.iter(*ends)}
    for reference in root.iter(f"{{{_BPMN}}}dataStoreReference"):
        id = reference.get("dataStoreRef")
        if id is not None and reference.get("id") in named:
            yield id, line_of(reference)


def message_names(root: etree._Element) -> dict[str, str]:
    """Names of the messages of a file, by id, of those that do not say themselves how they are correlated."""
    own = {each.get("messageRef") for each in root.iter(f"{{{_BPMN}}}correlationPropertyRetrievalExpression")}
    messages = ((each.get("id", ""), each.get("name", "")) for each in root.iter(f"{{{_BPMN}}}message"))
    return {id: name for id, name in messages if id and name and id not in own}


def complete(trees: Sequence[tuple[str, etree._Element]], groups: Groups) -> None:
    """Write what the groups say into the trees of models.

    A data store gets its specification. A message that does not say how it is correlated gets the properties of its
    group. A process says which data stores it lends to what it calls, since those of the caller go before.

    Args:
        trees: By file name.
    """
    if not groups:
        return
    told: set[str] = set()
    for file, root in trees:
        for store in root.iter(f"{{{_BPMN}}}dataStore"):
            kind = STORE_KINDS.get(store.get("name", ""))
            spec = groups.store(file, store.get("id", ""), kind) if kind is not None else None
            if spec is not None:
                store.set(f"{{{_OURS}}}specification", spec.text())
        for id, name in message_names(root).items():
            if id not in told:  # files that share a message share what is said about it
                told.add(id)
                _add_correlations(root, id, groups.correlations(file, name))
    for root, lent in _lent(trees, groups):
        for process in root.iterfind(f"{{{_BPMN}}}process"):
            for spec in lent:
                process.set(f"{{{_OURS}}}lends-{spec.id}", spec.text())


def _add_correlations(root: etree._Element, message: str, properties: Mapping[str, str]) -> None:
    for id, expression in properties.items():
        added = etree.SubElement(root, f"{{{_BPMN}}}correlationProperty", id=id, name=id)
        retrieval = etree.SubElement(added, f"{{{_BPMN}}}correlationPropertyRetrievalExpression", messageRef=message)
        etree.SubElement(retrieval, f"{{{_BPMN}}}messagePath").text = expression


def _lent(
    trees: Sequence[tuple[str, etree._Element]], groups: Groups
) -> Iterator[tuple[etree._Element, list[StoreSpec]]]:
    """For each file, the specifications that hold for what is called from it and not for itself."""
    own = {file: {(use.id, STORE_KINDS[use.name]) for use in uses(file, root)} for file, root in trees}
    if not any(own.values()):
        return
    places = {each.get("id"): file for file, root in trees for each in root.iterfind(f"{{{_BPMN}}}process")}
    called = {
        file: {
            places[key]
            for each in root.iter(f"{{{_BPMN}}}callActivity")
            if (key := each.get("calledElement")) in places
        }
        for file, root in trees
    }
    for file, root in trees:
        reached, pending = {file}, [file]
        while pending:
            new = called[pending.pop()] - reached
            reached |= new
            pending += new
        wanted = {use for each in reached for use in own[each]} - own[file]
        specs = (groups.store(file, id, kind) for id, kind in sorted(wanted))
        yield root, [spec for spec in specs if spec is not None]


def _correlations(group: Mapping[str, Any], message: str) -> dict[str, str]:
    messages = group.get("messages")
    if isinstance(messages, list):
        messages = {_id(each): each for each in messages}
    said = _mapping(_mapping(messages).get(message)).get("correlation_properties")
    found = {id: _expression(each) for id, each in _by_id(said).items()}
    # The older form says it the other way round: of a property, where it is in which message.
    for id, each in _by_id(group.get("correlation_properties")).items():
        expressions = _mapping(each).get("retrieval_expressions")
        for expression in expressions if isinstance(expressions, list) else ():
            if _mapping(expression).get("message_ref") == message:
                found.setdefault(id, _expression(expression))
    return {id: expression for id, expression in found.items() if id and expression}


def _by_id(said: Any) -> dict[str, Any]:
    return {_id(each): each for each in said} if isinstance(said, list) else dict(_mapping(said))


def _id(each: Any) -> str:
    found = _mapping(each)
    return str(found.get("id") or found.get("identifier") or found.get("name") or "")


def _expression(each: Any) -> str:
    if isinstance(each, str):
        return each
    found = _mapping(each)
    said = found.get("retrieval_expression") or found.get("formal_expression") or found.get("retrieval_expressions")
    first = said[0] if isinstance(said, list) and said else said
    return first.strip() if isinstance(first, str) else ""


def _location(folder: str) -> str:
    """A folder without the revision that stands before it where files of one are compared."""
    return folder.rpartition(":")[2]


def _in(folder: str, name: str) -> str:
    return name if folder == _ROOT else f"{folder}/{name}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
