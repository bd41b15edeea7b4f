"""What references of a definition mean in one version and in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from spiffcli.catalog.definitions import get_definition
from spiffcli.deployments.request import Place
from spiffcli.store.protocol import Reader
from spiffcli.values import Definition, DefinitionKind, JsonObject, Reference


class Rebound(Struct, frozen=True):
    """A reference that means something else than before.

    Attributes:
        element: Id of the referring element, as the new version calls it.
        before, after: What it means, in words: `tax@1`, `the latest tax` ...
    """

    element: str
    kind: DefinitionKind
    key: str
    before: str
    after: str

    def to_json(self) -> JsonObject:
        """As documents have it."""
        return {
            "element": self.element,
            "kind": self.kind,
            "key": self.key,
            "before": self.before,
            "after": self.after,
        }


def rebound(
    reader: Reader, old: Definition, new: Definition, mapping: Mapping[str, str] | None = None
) -> tuple[Rebound, ...]:
    """References that both versions have and that mean something else in the new one.

    Args:
        old, new: Read whole.
        mapping: New element id by old one, for elements that were renamed.
    """
    return tuple(_rebound(reader, old, new, dict(mapping or {})))


def _rebound(reader: Reader, old: Definition, new: Definition, mapping: Mapping[str, str]) -> Iterator[Rebound]:
    before = {_place(each, mapping): each for each in old.references}
    for reference in new.references:
        was = before.get(_place(reference, {}))
        if was is None or _meaning(was) == _meaning(reference):
            continue
        yield Rebound(reference.element, reference.kind, reference.key, meant(reader, was), meant(reader, reference))


def _place(reference: Reference, mapping: Mapping[str, str]) -> Place:
    return mapping.get(reference.element, reference.element), reference.kind, reference.key


def _meaning(reference: Reference) -> tuple[str | None, str, bool]:
    if reference.target is not None:
        return reference.target, "", True
    return None, reference.binding, reference.fallback is not False


def meant(reader: Reader, reference: Reference) -> str:
    """What a reference means, in words."""
    if reference.target is not None:
        found = get_definition(reader, reference.target)
        return found.label if found is not None else f"a {reference.kind} that was deleted"
    how, _, which = reference.binding.partition(":")
    words = {
        "latest": f"the latest {reference.key}",
        "version": f"{reference.key}@{which}",
        "tag": f"{reference.key}@{which}",
    }.get(how, f"{reference.key}, which is missing")
    return f"{words} of the own tenant" if reference.fallback is False else words
