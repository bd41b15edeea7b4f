"""`Workspace`: settings, store, catalog, engine and services, each opened on first use; what every use case takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.catalog import Catalog
from spiffcli.catalog.clock import system_clock
from spiffcli.config import Settings
from spiffcli.errors import NoStoreError, ReadOnlyError
from spiffcli.plugins import load_engine, make_engine
from spiffcli.store.open import open_store
from spiffcli.values import Definition, DefinitionKind, Reference

if TYPE_CHECKING:
    from spiffcli.engine import Engine, EngineConfig
    from spiffcli.engine.clock import Clock
    from spiffcli.services.faults import Fault
    from spiffcli.services.runtime import Services
    from spiffcli.services.wiring import Subject
    from spiffcli.store import DocumentStore

T = TypeVar("T")


class Wiring(Protocol):
    """How services and models fit together."""

    def services(self) -> Services | None:
        """Load the business code that serves processes; None where there is none."""

    def require(self) -> None:
        """Raise WiringError unless everything in use is served."""

    def planned_faults(self, planned: Sequence[Subject], references: Sequence[Reference]) -> list[Fault]:
        """Return what would be wrong once new versions, with all they refer to, are stored."""

    def unserved(self, definition: Definition) -> list[Fault]:
        """Return the tasks of a version, and of what it calls, that no service covers."""


class WorkspaceParts(Struct, frozen=True):
    """Parts of a workspace that know more than it does; functions of modules, so that other processes find them.

    Attributes:
        wiring: Makes what knows how services and models fit together.
        locate: Finds the definition that a reference to a revision names.
    """

    wiring: Callable[[Workspace], Wiring] | None = None
    locate: Callable[[Settings, Catalog, str, Sequence[DefinitionKind]], Definition] | None = None


class Workspace:
    """Settings and what they name, opened when it is first needed.

    A use case takes a workspace; it never takes the `Runner`, which offers the use cases.

    Attributes:
        max_steps: Steps one run may take before it is taken for an endless loop.
        wait: Seconds to wait for an instance that another command holds.
    """

    def __init__(
        self,
        settings: Settings,
        parts: WorkspaceParts,
        *,
        store: DocumentStore | None = None,
        engine: EngineConfig | None = None,
        clock: Clock | None = None,
        max_steps: int = 100_000,
        wait: float = 2.0,
    ) -> None:
        """Compose a workspace.

        Args:
            store: An open store instead of the one the settings name.
            engine: An engine instead of the module the settings name.
            clock: What timers ask instead of the machine.
        """
        self.settings = settings
        self.parts = parts
        self.max_steps = max_steps
        self.wait = wait
        self._given_store = store
        self._given_engine = engine
        self._clock = clock
        self._wired = False
        self._opened: DocumentStore | None = None
        self._shared: dict[object, Any] = {}

    def rehearsal(self, store: DocumentStore) -> Workspace:
        """Return a workspace on a copy of the store that nobody keeps: everything may be written there."""
        return Workspace(replace(self.settings, read_only=False), self.parts, store=store)

    def close(self) -> None:
        """Release the store."""
        if self._opened is not None:
            self._opened.close()

    def shared(self, make: Callable[[Workspace], T]) -> T:
        """Return what `make` makes of this workspace, made once: all that goes on in the workspace shares it."""
        if make not in self._shared:
            self._shared[make] = make(self)
        found: T = self._shared[make]
        return found

    def init(self) -> str:
        """Create the store unless it is there; return its URL.

        Raises:
            StoreError: The place cannot be written, or holds something else.
        """
        return self._open_store(create=True).url

    @property
    def store(self) -> DocumentStore:
        """The document store.

        Raises:
            StoreError: There is none, or it cannot be opened.
        """
        return self._open_store(create=False)

    def _open_store(self, *, create: bool) -> DocumentStore:
        if self._given_store is not None:
            return self._given_store
        if self._opened is None:
            self._opened = open_store(self.settings.store, create=create)
        return self._opened

    @cached_property
    def _wiring(self) -> Wiring | None:
        return None if self.parts.wiring is None else self.parts.wiring(self)

    @cached_property
    def catalog(self) -> Catalog:
        """Deployments, definitions and instances of the tenant."""
        settings, locate = self.settings, self.parts.locate
        return Catalog(
            self.store,
            tenant=settings.tenant,
            fallback=settings.fallback_default_tenant,
            default_tenant=settings.default_tenant,
            default_tenants=settings.default_tenants,
            clock=system_clock if self._clock is None else self._clock.now,
            read_only=settings.read_only,
            locate=None if locate is None else lambda catalog, ref, kinds: locate(settings, catalog, ref, kinds),
        )

    def catalog_if_any(self) -> Catalog | None:
        """The catalog; None where there is no store."""
        try:
            return self.catalog
        except NoStoreError:
            return None

    def catalog_or_empty(self) -> Catalog:
        """The catalog; one in memory where there is no store yet."""
        return self.catalog_if_any() or Catalog(open_store("memory:"), tenant=self.settings.tenant)

    def created_catalog(self) -> Catalog:
        """The catalog; its store is made where there is none yet.

        Raises:
            ReadOnlyError: The installation is read-only.
        """
        if self.settings.read_only:
            raise ReadOnlyError
        self.init()
        return self.catalog

    @cached_property
    def config(self) -> EngineConfig:
        """The engine module of the settings.

        Raises:
            ConfigError: It cannot be used.
        """
        return self._given_engine or load_engine(self.settings.engine, self.settings.folder)

    @cached_property
    def engine(self) -> Engine:
        """The engine, with the module, script mode and tuning of the settings.

        Raises:
            ConfigError: The engine module cannot be used.
        """
        return make_engine(self.settings, self.config, self._clock, self.services)

    def now(self) -> float:
        """The time the engine goes by, in seconds since the epoch."""
        return self.engine.clock.now()

    @cached_property
    def services(self) -> Services | None:
        """Business code that serves processes, or None.

        Raises:
            ConfigError: A module of services cannot be used.
        """
        return None if self._wiring is None else self._wiring.services()

    def require_wired(self) -> None:
        """Raise WiringError unless services and the models in use fit together; looked at once."""
        if not self._wired and self._wiring is not None and self.services is not None:
            self._wiring.require()
        self._wired = True

    def planned_faults(self, planned: Sequence[Subject], references: Sequence[Reference]) -> list[Fault]:
        """Return what would be wrong once new versions, with all they refer to, are stored."""
        if self._wiring is None or self.services is None:
            return []
        return self._wiring.planned_faults(planned, references)

    def unserved(self, definition: Definition) -> list[Fault]:
        """Return the tasks of a version, and of what it calls, that no service covers."""
        return [] if self._wiring is None or self.services is None else self._wiring.unserved(definition)
