"""Closure hashes of definitions in the files and in the store, over the references between both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from spiffcli.catalog.definitions import get_definition, model
from spiffcli.deployments.hashing import Edge, Node, closure_hash, is_current
from spiffcli.deployments.request import Candidate, Name
from spiffcli.errors import CorruptStoreError
from spiffcli.store.protocol import Reader
from spiffcli.values import Definition, DefinitionKind, Reference

#: A definition of the files by kind and key, or a stored one by id.
Target: TypeAlias = Name | str


class Closures:
    """Closure hashes, each stored definition read once.

    A stored hash of an older algorithm is computed anew from the stored files: that the way of computing
    changed must never make a new version.
    """

    def __init__(self, reader: Reader, algorithm: str) -> None:
        """Read from `reader`.

        Args:
            algorithm: Prefix of today's own hashes, without the colon.
        """
        self._reader = reader
        self._algorithm = algorithm
        self._stored: dict[str, Definition] = {}
        self._own: dict[str, str] = {}
        self._candidates: Mapping[Name, Candidate] = {}
        self._references: Mapping[Name, tuple[Reference, ...]] = {}
        self._names: dict[str, Name] = {}

    def of_candidates(
        self, candidates: Mapping[Name, Candidate], references: Mapping[Name, tuple[Reference, ...]]
    ) -> dict[Name, str]:
        """The hash of every candidate; the target of a reference is the id of a candidate or of a stored one."""
        self._candidates, self._references = candidates, references
        self._names = {candidate.id: name for name, candidate in candidates.items()}
        return {name: self._closure(name) for name in candidates}

    def of_stored(self, stored: Definition) -> str:
        """The hash of a stored definition by today's algorithm; its row is enough."""
        if is_current(stored.hash) and self._is_own_current(stored):
            return stored.hash
        return self._closure(stored.id)

    def _closure(self, start: Target) -> str:
        return closure_hash(start, self._node, self._edges)

    def _node(self, target: Target) -> Node:
        if isinstance(target, str):
            stored = self._definition(target)
            return Node(stored.kind, _key(stored.kind, stored.key), self._own_hash(stored))
        candidate = self._candidates[target]
        return Node(candidate.kind, _key(candidate.kind, candidate.key), candidate.own_hash)

    def _edges(self, target: Target) -> Iterator[Edge[Target]]:
        inside = not isinstance(target, str)
        references = self._definition(target).references if isinstance(target, str) else self._references[target]
        for reference in references:
            end: Target | None = reference.target
            if inside and reference.target is not None:
                end = self._names.get(reference.target, reference.target)
            # Not whether it is pinned: what was found counts, not how.
            key = _key(reference.kind, reference.key)
            yield Edge(reference.element, reference.kind, key, _binding(reference), end)

    def _definition(self, id: str) -> Definition:
        if id not in self._stored:
            found = get_definition(self._reader, id)
            if found is None:
                raise CorruptStoreError(
                    f"The definition {id} is referred to but missing.",
                    hint="runner store check lists everything that is damaged.",
                )
            self._stored[id] = found
        return self._stored[id]

    def _is_own_current(self, stored: Definition) -> bool:
        return stored.own_hash.startswith(f"{self._algorithm}:")

    def _own_hash(self, stored: Definition) -> str:
        if self._is_own_current(stored):
            return stored.own_hash
        if stored.id not in self._own:
            self._own[stored.id] = _compute_own_hash(self._reader, stored)
        return self._own[stored.id]


def _key(kind: DefinitionKind, key: str) -> str:
    """A key without the folder that a form's has where another of the deployment is called alike."""
    from spiffcli.model import form_key

    return form_key(key) if kind == "form" else key


def _binding(reference: Reference) -> str:
    return f"{reference.binding} without fallback" if reference.fallback is False else reference.binding


def _compute_own_hash(reader: Reader, stored: Definition) -> str:
    from spiffcli.model import semantic_hash

    files = model(reader, stored)
    if stored.kind == "process":
        return semantic_hash(files.processes[stored.key], files)
    if stored.kind == "collaboration":
        return semantic_hash(files.collaborations[stored.key], files)
    if stored.kind == "decision":
        return semantic_hash(files.decisions[stored.key], files)
    return semantic_hash(files.forms[stored.key], files)
