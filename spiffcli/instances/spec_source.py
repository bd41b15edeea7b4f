"""The engine's view of the catalog: specs by definition, what they refer to by how it is bound."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from spiffcli.catalog.resolving import Resolution
from spiffcli.engine.data_stores import StoredData
from spiffcli.engine.workflow import DefinitionSpecs, Followed, FollowedKind, LateDecision, SpecCache
from spiffcli.errors import CorruptStoreError, InputError, NotFoundError, StateError
from spiffcli.model.groups import Groups
from spiffcli.values import Definition, Reference, Resource
from spiffcli.workspace import Workspace


def specs_of(workspace: Workspace) -> CatalogSpecs:
    """Return the spec source of a workspace, the same every time."""
    return workspace.shared(CatalogSpecs)


class CatalogSpecs:
    """Spec source on the catalog of a workspace. Definitions never change, so each is read once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._catalog = workspace.catalog
        self._definitions: dict[str, Definition] = {}
        self._late: dict[str, dict[str, Reference]] = {}
        self._found: dict[Followed, Resolution] = {}
        self._groups: dict[str, Groups] = {}

    @cached_property
    def cache(self) -> SpecCache:
        """Specs that all instances of the workspace share once they are restored."""
        return self._workspace.engine.cache(self)

    def definition(self, id: str) -> Definition:
        """The definition with this id.

        Raises:
            NotFoundError: It was deleted.
        """
        found = self._definitions.get(id)
        if found is None:
            found = self._definitions[id] = self._catalog.definition(id)
        return found

    def specs(self, definition: str) -> DefinitionSpecs:
        """The specs of a definition by its id.

        Raises:
            StateError: It was added for reading only, so that it cannot run.
        """
        found = self.definition(definition)
        if found.key not in found.specs:
            raise StateError(f"{found.label} is a {found.kind}; only processes and collaborations run.")
        return DefinitionSpecs(found.key, found.specs)

    def place(self, definition: str, element: str) -> tuple[str, int] | None:
        """File and line of an element of a process; None where the model has no such element."""
        found = self.definition(definition)
        for process in self._catalog.model(found).processes.values():
            node = process.nodes.get(element)
            if node is not None and (process.id == found.key or found.kind == "collaboration"):
                return process.file, node.line
        return None

    def content(self, hash: str) -> bytes:
        """The serialized spec under a hash, which the store verifies."""
        return self._catalog.blob(hash)

    def resolve(self, caller: str, element: str, key: str) -> str:
        """Id of the definition that an element of `caller` calls.

        Raises:
            NotFoundError: There is none now; the message names the reference.
            StateError: It is suspended.
        """
        return self._resolve(caller, element, "process", key).definition.id

    def decision(self, caller: str, element: str) -> LateDecision | None:
        """The decision that an element of `caller` asks, where that is looked up now and no part of its spec.

        Raises:
            NotFoundError: There is none now; the message names the reference.
            CorruptStoreError: The file that held it is missing.
        """
        reference = self._late_decisions(caller).get(element)
        if reference is None:
            return None
        found = self._resolve(caller, element, "decision", reference.key).definition
        for resource in self._catalog.resources(found):
            if resource.name == found.file:
                return LateDecision(found.id, found.key, resource)
        raise CorruptStoreError(f"The deployment of {found.label} lacks its file {found.file}.")

    def data_store(self, top: str, definition: str, id: str, kind: str) -> StoredData:
        """The data store that `definition`, running under the definition `top`, calls `id`.

        It is the one that the groups around the model at the top describe, else those around the model itself.

        Raises:
            InputError: None of them does.
        """
        for each in dict.fromkeys((top, definition)):
            found = self.definition(each)
            spec = self._described(found).store(found.file, id, kind)
            if spec is not None:
                stored = self._catalog.data_store(kind, spec.location, id)
                content = spec.content if stored.content is None else stored.content
                return StoredData(id, kind, spec.location, content, stored.revision, spec.schema)
        raise InputError(
            f"no group around {self.definition(definition).label} describes the data store '{id}'.",
            hint="Describe it in data_store_specifications of a process_group.json above the model, and add the model.",
        )

    def _described(self, definition: Definition) -> Groups:
        if definition.deployment not in self._groups:
            entries = [each for each in self._catalog.resource_entries(definition) if each.kind == "other"]
            resources = [Resource(each.name, each.kind, self._catalog.blob(each.hash)) for each in entries]
            self._groups[definition.deployment] = Groups(resources)
        return self._groups[definition.deployment]

    def resolution(self, followed: Followed) -> Resolution:
        """What is known of a reference that was followed, as it was found then."""
        return self._found[followed]

    def late_forms(self, definition: str, element: str) -> list[Resolution]:
        """What those forms of an element mean now that are looked up when they are shown, where they are there."""
        caller, found = self.definition(definition), []
        for reference in caller.references:
            if (reference.kind, reference.element, reference.target) == ("form", element, None):
                with suppress(NotFoundError):  # whoever asked did without it
                    found.append(self._catalog.resolve(caller, element, "form", reference.key))
        return found

    def _late_decisions(self, caller: str) -> dict[str, Reference]:
        if caller not in self._late:
            references = self.definition(caller).references
            self._late[caller] = {r.element: r for r in references if r.kind == "decision" and r.target is None}
        return self._late[caller]

    def _resolve(self, caller: str, element: str, kind: FollowedKind, key: str) -> Resolution:
        found = self._catalog.resolve(self.definition(caller), element, kind, key)
        self._found[Followed(caller, element, kind, found.definition.id)] = found
        return found
