"""Looking definitions up: by reference, key, tag; with their resources and models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeVar

from msgspec import Struct, field

from spiffcli.catalog.documents import definition_from, deployment_from, with_tags
from spiffcli.catalog.keys import KeyRecord, key_records, read_key, write_key
from spiffcli.catalog.refs import (
    LATEST,
    ByName,
    ByTag,
    ByVersion,
    Ref,
    check_tag,
    looks_like_path,
    parse_ref,
    split_path,
)
from spiffcli.catalog.scope import Scope, in_tenant
from spiffcli.catalog.words import begins_an_id, some
from spiffcli.errors import AmbiguousError, CorruptStoreError, DuplicateError, NotFoundError, StateError
from spiffcli.store.protocol import Condition, Document, Reader, Transaction, one_of
from spiffcli.values import Definition, DefinitionKind, Deployment, Resource, ResourceEntry

if TYPE_CHECKING:
    from spiffcli.model import Model

T = TypeVar("T")

#: Kinds in the order in which a bare key is looked up.
KINDS: tuple[DefinitionKind, ...] = ("process", "collaboration", "decision", "form")

#: Kinds that can be started, and suspended.
STARTABLE: tuple[DefinitionKind, ...] = ("process", "collaboration")


class Counts(Struct, frozen=True):
    """How many instances a definition has.

    Attributes:
        states: By state of the instance.
        waiting_at: By BPMN id of the tasks they wait at.
    """

    states: Mapping[str, int] = field(default_factory=dict)
    waiting_at: Mapping[str, int] = field(default_factory=dict)


def consistently(read: Callable[[], T]) -> T:
    """What `read` finds, which goes from a key to a definition and can be overtaken by a deletion in between.

    Raises:
        CorruptStoreError: The second attempt, too, finds a key that names a definition that is not there.
    """
    try:
        return read()
    except CorruptStoreError:
        return read()


def definition(reader: Reader, scope: Scope, id: str) -> Definition:
    """The definition with exactly this id, with its specs and references.

    Definitions of the default tenant can be read whether or not they are looked up there: what runs on one, or is
    bound to one, goes on when falling back is switched off.

    Raises:
        NotFoundError: There is none, or it belongs to another tenant.
    """
    found = get_definition(reader, id)
    if found is None or not scope.with_fallback(True).sees(found):
        raise NotFoundError(f"There is no definition with the id '{id}'.", candidates=[])
    return found


def get_definition(reader: Reader, id: str) -> Definition | None:
    """The definition with this id, of whatever tenant, or None.

    One that was deleted is there as long as an ended instance has it.
    """
    document = reader.get("definition", id) or reader.get("retired", id)
    return None if document is None else definition_from(document)


def find(reader: Reader, scope: Scope, text: str, kinds: Sequence[DefinitionKind] = KINDS) -> Definition:
    """The definition a reference names, suspended or not.

    `KEY` is the latest version of the key. The tenant's own definitions come first; the default tenant is
    asked only for keys the tenant does not have.

    Raises:
        NotFoundError: None; `data["candidates"]` has near matches.
        AmbiguousError: An id prefix of several; `data["candidates"]` has their ids.
        InputError: `text` is not a reference.
    """
    ref = parse_ref(text)
    return consistently(lambda: _find(reader, scope, text, ref, kinds))


def startable(reader: Reader, scope: Scope, text: str, kinds: Sequence[DefinitionKind] = STARTABLE) -> Definition:
    """The definition a reference names, if instances of it can be started.

    Raises:
        StateError: It is suspended; the message names the newest version that is not.
        NotFoundError: As `find`.
        AmbiguousError: As `find`.
        InputError: As `find`.
    """
    found = find(reader, scope, text, kinds)
    refuse_suspended(reader, found)
    return found


def latest(reader: Reader, scope: Scope, key: str, kind: DefinitionKind = "process") -> Definition:
    """The latest version of a key, for starting.

    Raises:
        StateError: It is suspended; the message names the newest version that is not.
        NotFoundError: The key has no versions.
    """
    found = consistently(lambda: _latest(reader, scope, key, kind))
    refuse_suspended(reader, found)
    return found


def refuse_suspended(reader: Reader, definition: Definition) -> None:
    """Nothing, if `definition` is active.

    Raises:
        StateError: It is suspended; the message names the newest version that is not.
    """
    if not definition.suspended:
        return
    others = definitions(reader, Scope(definition.tenant, False), definition.key, (definition.kind,))
    active = max((other.version for other in others if not other.suspended), default=None)
    if active is None:
        way_out = f"No version of it is active: runner activate {definition.label}"
    else:
        way_out = f"Start {definition.key}@{active}, the newest active one, or: runner activate {definition.label}"
    raise StateError(
        f"{definition.label} is suspended, so it cannot be started.",
        hint=way_out,
        definition=definition.id,
        newest_active=active,
    )


def definitions(
    reader: Reader,
    scope: Scope,
    key: str | None = None,
    kinds: Sequence[DefinitionKind] | None = None,
    *,
    latest: bool = False,
) -> list[Definition]:
    """Definitions of the tenant as their rows show them, without specs and references, by kind, key, version.

    Args:
        key: Only those of this key.
        kinds: Only those of these kinds.
        latest: Only the highest version of every key.
    """
    where: dict[str, Condition] = {"tenant": scope.tenant}
    if key is not None:
        where["key"] = key
    if kinds is not None:
        where["kind"] = one_of(*kinds)
    found = [definition_from(document) for document in reader.find("definition", where)]
    found.sort(key=lambda each: (KINDS.index(each.kind), each.key, each.version))
    return list({(each.kind, each.key): each for each in found}.values()) if latest else found


def counts(reader: Reader, scope: Scope) -> dict[str, Counts]:
    """How many instances of the tenant each definition has, by definition id; one pass over their rows."""
    states: dict[str, Counter[str]] = {}
    waiting: dict[str, Counter[str]] = {}
    for row in reader.find("instance", {"tenant": scope.tenant}):
        id = row.fields["definition"]
        states.setdefault(id, Counter())[row.fields["state"]] += 1
        waiting.setdefault(id, Counter()).update(row.fields["waiting_at"])
    return {id: Counts(dict(states[id]), dict(waiting[id])) for id in states}


def tag(tx: Transaction, definition: Definition, name: str, *, move: bool = False) -> Definition:
    """Give a version a name by which `KEY@NAME` finds it.

    Args:
        move: Take the tag from the version that has it.

    Raises:
        DuplicateError: Another version has it, and `move` is off.
        InputError: It cannot be a tag.
    """
    record = read_key(tx, definition.tenant, definition.kind, definition.key)
    holder = record.tags.get(check_tag(name))
    if holder == definition.version:
        return _get(tx, definition.id)
    if holder is not None:
        if not move:
            raise DuplicateError(
                f"Tag '{name}' is on {definition.key}@{holder}.", hint="Move it with --move.", holder=holder
            )
        _change_tags(tx, record.versions[holder], remove=name)
    _change_tags(tx, definition.id, add=name)
    write_key(tx, record.with_tag(name, definition.version))
    return _get(tx, definition.id)


def untag(tx: Transaction, definition: Definition, name: str) -> Definition:
    """Take a tag off a version.

    Raises:
        NotFoundError: The version does not have it.
    """
    record = read_key(tx, definition.tenant, definition.kind, definition.key)
    if record.tags.get(name) != definition.version:
        raise NotFoundError(f"{definition.label} has no tag '{name}'.", candidates=list(definition.tags))
    _change_tags(tx, definition.id, remove=name)
    write_key(tx, record.with_tag(name, None))
    return _get(tx, definition.id)


def resources(reader: Reader, definition: Definition, *, own: bool = False) -> tuple[Resource, ...]:
    """Resources of the deployment that made the definition, byte for byte as added.

    Args:
        own: Only those that may say something about it without what it calls.
    """
    entries = resource_entries(reader, definition, own=own)
    return tuple(Resource(entry.name, entry.kind, reader.blob(entry.hash)) for entry in entries)


def resource_entries(reader: Reader, definition: Definition, *, own: bool = False) -> tuple[ResourceEntry, ...]:
    """Names, kinds and hashes of what `resources` gives."""
    entries = _deployment_of(reader, definition).resources
    return tuple(entry for entry in entries if not own or definition.written_in(entry.name, entry.kind))


def _deployment_of(reader: Reader, definition: Definition) -> Deployment:
    document = reader.get("deployment", definition.deployment)
    if document is None:
        raise CorruptStoreError(
            f"The deployment {definition.deployment} of {definition.label} is missing.",
            hint="runner store check lists everything that is damaged.",
        )
    return deployment_from(document)


def model(reader: Reader, definition: Definition) -> Model:
    """The model of everything in the deployment that made the definition."""
    from spiffcli.model import load

    return load(resources(reader, definition))


def dependencies(reader: Reader, definition: Definition) -> tuple[Definition, ...]:
    """Everything the definition is bound to, directly or further away, each once, nearest first."""
    found: dict[str, Definition] = {}
    waiting = [definition]
    for current in waiting:
        for reference in current.references:
            if reference.target is None or reference.target in found or reference.target == definition.id:
                continue
            target = get_definition(reader, reference.target)
            if target is not None:
                found[target.id] = target
                waiting.append(target)
    return tuple(found.values())


def _find(reader: Reader, scope: Scope, text: str, ref: Ref, kinds: Sequence[DefinitionKind]) -> Definition:
    if not isinstance(ref, ByName):
        record = _find_key(reader, scope, ref.key, kinds)
        if record is not None:
            return _get(reader, _version_id(reader, record, ref))
    found = reader.get("definition", text)
    if found is not None and found.fields["kind"] in kinds and scope.sees(definition_from(found)):
        return definition_from(found)
    record = _find_key(reader, scope, text, kinds)
    if record is not None:
        return _get(reader, record.latest_id)
    return _get(reader, _by_prefix(reader, scope, text, kinds))


def _latest(reader: Reader, scope: Scope, key: str, kind: DefinitionKind) -> Definition:
    record = _find_key(reader, scope, key, (kind,))
    if record is None:
        _not_found(reader, scope, key, (kind,))
    return _get(reader, record.latest_id)


def _find_key(reader: Reader, scope: Scope, key: str, kinds: Sequence[DefinitionKind]) -> KeyRecord | None:
    for tenant in scope.tenants(key):
        for kind in kinds:
            record = read_key(reader, tenant, kind, key, whole=False)
            if record.latest:
                return record
    return None


def _version_id(reader: Reader, record: KeyRecord, ref: ByVersion | ByTag) -> str | None:
    if isinstance(ref, ByTag) and ref.tag == LATEST:
        return record.latest_id
    whole = read_key(reader, record.tenant, record.kind, record.key)
    version = ref.version if isinstance(ref, ByVersion) else whole.tags.get(ref.tag)
    if version is not None and version in whole.versions:
        return whole.versions[version]
    if isinstance(ref, ByVersion):
        there = [str(each) for each in sorted(whole.versions)]
        message = f"There is no version {ref.version} of '{ref.key}'{in_tenant(record.tenant)}."
        if 0 < ref.version <= whole.highest:
            message = f"Version {ref.version} of '{ref.key}' was deleted."
    else:
        there = sorted(whole.tags)
        message = f"No version of '{ref.key}' has the tag '{ref.tag}'."
    candidates = [f"{ref.key}@{each}" for each in there]
    raise NotFoundError(message, hint=_list_hint("There are", candidates), candidates=candidates)


def _by_prefix(reader: Reader, scope: Scope, text: str, kinds: Sequence[DefinitionKind]) -> str:
    if not begins_an_id(text):
        _not_found(reader, scope, text, kinds)
    rows = [row for row in _visible(reader, scope, kinds) if row.id.startswith(text)]
    if not rows:
        _not_found(reader, scope, text, kinds)
    if len(rows) > 1:
        labels = [f"{row.id} ({row.fields['key']}@{row.fields['version']})" for row in rows]
        raise AmbiguousError(
            f"'{text}' begins the ids of {len(rows)} definitions.",
            hint=_list_hint("They are", labels),
            candidates=[row.id for row in rows],
        )
    return rows[0].id


def _visible(reader: Reader, scope: Scope, kinds: Sequence[DefinitionKind]) -> Iterator[Document]:
    where = {"tenant": one_of(*scope.all_tenants()), "kind": one_of(*kinds)}
    return (row for row in reader.find("definition", where) if scope.sees(definition_from(row)))


def _not_found(reader: Reader, scope: Scope, text: str, kinds: Sequence[DefinitionKind]) -> NoReturn:
    from difflib import get_close_matches

    keys = {
        record.key: record
        for tenant in scope.all_tenants()
        for record in key_records(reader, tenant)
        if record.latest and record.kind in kinds
    }
    lower = {key.lower(): key for key in keys}
    near = [lower[each] for each in get_close_matches(text.lower(), lower, n=5, cutoff=0.6)]
    if looks_like_path(text):
        hint: str | None = f"A file has to be added first: runner add -b {split_path(text)[0]}"
    elif near:
        hint = _list_hint("Did you mean", near)
    elif keys:
        hint = _list_hint("There are", sorted(keys))
    else:
        hint = "Nothing has been added yet: runner add -p PROCESS -b FILE"
    raise NotFoundError(
        f"There is no {_kinds_in_words(kinds)} '{text}'{in_tenant(scope.tenant)}.",
        hint=hint,
        candidates=near,
    )


def _kinds_in_words(kinds: Sequence[DefinitionKind]) -> str:
    return kinds[0] if len(kinds) == 1 else "definition"


def _list_hint(words: str, names: Sequence[str]) -> str | None:
    return f"{words}: {some(names)}" if names else None


def _get(reader: Reader, id: str | None) -> Definition:
    found = None if id is None else get_definition(reader, id)
    if found is None:
        raise CorruptStoreError(
            f"The definition {id} is listed under its key but missing.",
            hint="runner store check --repair mends that.",
        )
    return found


def _change_tags(tx: Transaction, id: str, *, add: str | None = None, remove: str | None = None) -> None:
    document = tx.get("definition", id, body=False)
    if document is not None:
        tags = {*document.fields.get("tags", ()), *([add] if add else [])} - {remove}
        tx.put("definition", id, with_tags(document, tags), expected=document.revision)
