"""Rules about documents that are the same for every back-end: fields, conditions, revisions, formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from spiffcli.errors import ConflictError, CorruptStoreError, DataError, NoStoreError, StoreFormatError
from spiffcli.store.protocol import (
    FORMAT,
    INDEXES,
    AtMost,
    Condition,
    Document,
    Fields,
    OneOf,
    Scalar,
    Transaction,
)

#: Integers a row can hold: 64 bits with sign, the least that JSON readers and databases agree on.
_INTEGERS = range(-(2**63), 2**63)

Test: TypeAlias = Callable[[Any], bool]
Step: TypeAlias = Callable[[Transaction], None]

#: What brings a store from a format to the next one, by the format it starts from.
STEPS: dict[int, Step] = {}


def plain(kind: str, id: str, fields: Fields) -> dict[str, Any]:
    """A copy of `fields` as plain JSON values, in the same order.

    A field that is never searched may also hold nested lists and objects; tuples become lists.

    Raises:
        DataError: A value is not JSON, or a searched field is neither a scalar nor a list of scalars.
        KeyError: There is no such kind.
    """
    check_id(kind, id)
    copy = {
        _key(name, kind, id): value if _is_plain(value) else _plain(value, name, kind, id)
        for name, value in fields.items()
    }
    for name in INDEXES[kind]:
        if isinstance(copy.get(name), dict | list) and any(isinstance(item, dict | list) for item in terms(copy, name)):
            raise DataError(f"Field {name} of {kind} '{id}' is searched, so it takes a scalar or a list of scalars")
    return copy


def _is_plain(value: Any) -> bool:
    """Whether a value is of the sort that nearly all are, which needs neither check nor copy."""
    return value is None or (value.__class__ is str and value.isascii())


def _plain(value: Any, name: str, kind: str, id: str) -> Any:
    if isinstance(value, str):
        if not value.isascii():
            check_text(value, f"{kind} '{id}'")
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value in _INTEGERS:
        return value
    if isinstance(value, float) and value - value == 0:  # false for NaN and the infinities
        return value
    if isinstance(value, list | tuple):
        if all(map(_is_plain, value)):
            return list(value)
        return [_plain(item, name, kind, id) for item in value]
    if isinstance(value, Mapping):
        return {_key(key, kind, id): _plain(item, name, kind, id) for key, item in value.items()}
    what = f"{value!r}, a {type(value).__name__}"
    raise DataError(f"Field {name} of {kind} '{id}' is {what} that a row cannot hold")


def _key(key: Any, kind: str, id: str) -> str:
    where = f"{kind} '{id}'"
    if not isinstance(key, str):
        raise DataError(f"A key in {where} is {key!r}; only text can be a key")
    if not key.isascii():
        check_text(key, where)
    return key


def check_id(kind: str, id: str) -> None:
    """Refuse what cannot name a document.

    Raises:
        DataError: The id is not text that UTF-8 can write.
        KeyError: There is no such kind.
    """
    if kind not in INDEXES:
        raise KeyError(kind)
    check_text(id, f"the id of a {kind}")


def check_text(value: str, where: str) -> None:
    """Refuse half characters (lone surrogates), which no file and no database can keep.

    Raises:
        DataError: One is in `value`.
    """
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise DataError(f"A text in {where} holds half a character: {value!r}")


def terms(fields: Fields, name: str) -> list[Any]:
    """The values by which a document is found under `name`; a field it lacks counts as None."""
    value = fields.get(name)
    return value if isinstance(value, list) else [value]


def matcher(kind: str, where: Mapping[str, Condition] | None) -> Callable[[Fields], bool]:
    """A function that tells whether a document of `kind` with these fields meets every condition.

    Raises:
        KeyError: There is no such kind, or it cannot be searched by one of the fields.
    """
    texts: list[tuple[str, frozenset[Any]]] = []
    tests: list[tuple[str, Test]] = []
    for name, condition in conditions(kind, where):
        wanted = _texts(condition)
        if wanted is None:
            tests.append((name, _test(condition)))
        else:
            texts.append((name, wanted))

    def meets(fields: Fields) -> bool:
        for name, wanted in texts:  # nearly all there are, for thousands of rows, so this is spelt out
            value = fields.get(name)
            if value.__class__ is list:
                if wanted.isdisjoint(value):
                    return False
            elif value not in wanted:
                return False
        for name, test in tests:
            value = fields.get(name)
            if not (any(map(test, value)) if isinstance(value, list) else test(value)):
                return False
        return True

    return meets


def conditions(kind: str, where: Mapping[str, Condition] | None) -> Iterator[tuple[str, Condition]]:
    """The conditions of `where`, checked.

    Raises:
        KeyError: There is no such kind, or it cannot be searched by one of the fields.
    """
    searchable = INDEXES[kind]
    for name in where or ():
        if name not in searchable:
            raise KeyError(f"{kind} cannot be searched by {name!r}, only by {', '.join(searchable) or 'id'}")
    return iter((where or {}).items())


def _test(condition: Condition) -> Test:
    if isinstance(condition, AtMost):
        limit = condition.value
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value <= limit
    wanted = frozenset(map(typed, _values(condition)))
    return lambda value: typed(value) in wanted


def _texts(condition: Condition) -> frozenset[Any] | None:
    """The values that meet a condition where all of them are texts."""
    if isinstance(condition, AtMost) or not all(isinstance(value, str) for value in _values(condition)):
        return None
    return frozenset(_values(condition))


def _values(condition: Scalar | OneOf) -> tuple[Scalar, ...]:
    return condition.values if isinstance(condition, OneOf) else (condition,)


def typed(value: Any) -> tuple[bool, Any]:
    """`value` so that it equals what JSON calls equal: 1 equals 1.0, and neither equals true."""
    return isinstance(value, bool), value


def selected(documents: Iterable[Document], names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Id, revision and the fields of these names of each document; None where it lacks one."""
    return [(each.id, each.revision, *map(each.fields.get, names)) for each in documents]


def check_revision(kind: str, id: str, expected: int, found: int) -> None:
    """Compare the revision a write replaces with the one that is stored.

    Raises:
        ConflictError: They differ.
    """
    if found == expected:
        return
    if not expected:
        message = f"There is a {kind} '{id}' already"
    elif not found:
        message = f"The {kind} '{id}' is gone"
    else:
        message = f"The {kind} '{id}' was changed by another command"
    raise ConflictError(
        message + ".",
        hint="Look at it again, then repeat the command.",
        kind=kind,
        id=id,
        expected=expected,
        found=found,
    )


def missing_blob(hash: str) -> CorruptStoreError:
    """The error for bytes that something refers to and the store does not have."""
    return CorruptStoreError(
        f"The store has no bytes under the hash {hash}.",
        hint="runner store check tells what else is missing.",
        hash=hash,
    )


def check_format(found: object, place: str) -> int:
    """The format a store is in.

    Raises:
        StoreFormatError: It is newer than ours, or not a format at all.
    """
    if not isinstance(found, int) or isinstance(found, bool):
        raise StoreFormatError(f"{place} does not say which format it is in, so it is not a store of runner.")
    if found > FORMAT:
        raise StoreFormatError(
            f"The store {place} is in format {found}; this version of runner knows formats up to {FORMAT}.",
            hint="Use the version of runner that wrote it, or a newer one.",
            found=found,
            known=FORMAT,
        )
    return found


def upgrade(transaction: Transaction, found: int, place: str) -> None:
    """Bring the documents of a store from format `found` to ours, inside its transaction.

    Raises:
        StoreFormatError: There is no way from that format.
    """
    for number in range(found, FORMAT):
        if number not in STEPS:
            raise StoreFormatError(
                f"The store {place} is in format {found}, which this version of runner cannot read any more."
            )
        STEPS[number](transaction)


def nothing_there(place: str) -> NoStoreError:
    """The error for a store that was expected and is not there."""
    return NoStoreError(f"There is no store at {place}.", hint="'runner init' or the first 'runner add' creates one.")
