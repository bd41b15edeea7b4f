"""What a reference means when its element is entered."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog.definitions import STARTABLE, get_definition
from spiffcli.catalog.keys import KeyRecord, read_key
from spiffcli.catalog.scope import Scope, where_sought
from spiffcli.deployments.request import DEPLOYMENT
from spiffcli.errors import NotFoundError, StateError
from spiffcli.store.protocol import Reader
from spiffcli.values import Definition, DefinitionKind, JsonObject, Reference

#: How `add` is given the file of a definition.
_OPTIONS: Mapping[DefinitionKind, str] = {"process": "-b", "collaboration": "-b", "decision": "-d", "form": "-f"}


class Resolution(Struct, frozen=True):
    """What a reference was found to mean, to be recorded where it was entered.

    Attributes:
        definition: What it means now.
        reference: The reference, with its binding.
        fallback: Whether the tenant does not have it and the default tenant does.
    """

    definition: Definition
    reference: Reference
    fallback: bool = False

    def to_json(self) -> JsonObject:
        """How a history entry shows it."""
        return {
            "element": self.reference.element,
            "kind": self.definition.kind,
            "key": self.definition.key,
            "version": self.definition.version,
            "definition": self.definition.id,
            "tenant": self.definition.tenant,
            "binding": self.reference.binding,
            "pinned": self.reference.pinned,
            "fallback": self.fallback,
        }


def resolve(
    reader: Reader, scope: Scope, caller: Definition, element: str, kind: DefinitionKind, key: str
) -> Resolution:
    """The definition that `element` of `caller` refers to.

    Args:
        scope: Tenant of the instance, which may differ from the caller's; looked in first.

    Raises:
        NotFoundError: It is not there; the message names the reference.
        StateError: It is suspended.
    """
    reference = reference_of(caller, element, kind, key)
    if reference.target is not None:
        found = get_definition(reader, reference.target)
    else:
        found = _look_up(reader, scope.narrowed(reference.fallback), reference)
    if found is None:
        raise _missing(scope, caller, reference)
    if found.suspended and kind in STARTABLE:
        raise StateError(
            f"'{element}' of {caller.label} calls {found.label}, which is suspended.",
            hint=f"Activate it: runner activate {found.label}",
            element=element,
            definition=found.id,
        )
    # What was bound at `add` is the caller's business; only what is looked up now falls back.
    fallback = reference.target is None and found.tenant != scope.tenant
    return Resolution(found, reference, fallback)


def reference_of(caller: Definition, element: str, kind: DefinitionKind, key: str) -> Reference:
    """The reference at `element`; one that only shows at run time, such as a computed key, is bound to the latest."""
    same = [each for each in caller.references if each.kind == kind and each.key == key]
    at_element = [each for each in same if each.element == element]
    for reference in (*at_element, *same):
        return replace(reference, element=element)
    return Reference(element, kind, key, "latest", None)


def _look_up(reader: Reader, scope: Scope, reference: Reference) -> Definition | None:
    for tenant in scope.tenants(reference.key):
        record = read_key(reader, tenant, reference.kind, reference.key)
        if record.latest:
            id = _bound_id(record, reference.binding)
            return None if id is None else get_definition(reader, id)
    return None


def _bound_id(record: KeyRecord, binding: str) -> str | None:
    how, _, which = binding.partition(":")
    if how == "version":
        return record.versions.get(int(which))
    if how == "tag":
        return record.versions.get(record.tags.get(which, 0))
    # `latest`; and a form that was missing at `add` and has been added since.
    return record.latest_id


def _missing(scope: Scope, caller: Definition, reference: Reference) -> NotFoundError:
    how = "" if reference.binding == DEPLOYMENT else f" ({reference.binding})"
    return NotFoundError(
        f"'{reference.element}' of {caller.label} needs {reference.kind} '{reference.key}'{how}, "
        f"which is not {where_sought(scope.tenant)}.",
        hint=_way_out(reference),
        element=reference.element,
        key=reference.key,
        binding=reference.binding,
        candidates=[],
    )


def _way_out(reference: Reference) -> str:
    how, _, which = reference.binding.partition(":")
    if how == "tag":
        return f"Give a version of it the tag: runner tag {reference.key}@VERSION {which}"
    add = f"runner add {_OPTIONS[reference.kind]} FILE"
    if how == "version":
        there = f"runner show_spec {reference.key}"
        return f"Add it ({add}), or bind it to a version there is ({there}) and migrate the instance."
    return f"Add it: {add}"
