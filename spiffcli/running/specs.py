"""The engine's view of the catalog: specs by definition, called processes by what they are bound to."""

from __future__ import annotations

from spiffcli.catalog import Catalog
from spiffcli.engine.workflow import DefinitionSpecs
from spiffcli.errors import StateError
from spiffcli.values import Definition


class CatalogSpecs:
    """A spec source on the catalog. Definitions never change, so each is read once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._definitions: dict[str, Definition] = {}

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
        return self._catalog.resolve(self.definition(caller), element, "process", key).definition.id
