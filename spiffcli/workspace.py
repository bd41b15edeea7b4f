"""`Workspace`: settings, store, catalog, engine and services, each opened on first use; what every use case takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from spiffcli.catalog import Catalog
from spiffcli.config import Settings
from spiffcli.errors import NoStoreError, ReadOnlyError
from spiffcli.store.opening import open_store
from spiffcli.values import Definition, DefinitionKind

if TYPE_CHECKING:
    from spiffcli.deployments.request import DeploymentPlan
    from spiffcli.engine import Engine, EngineConfig
    from spiffcli.engine.clock import Clock
    from spiffcli.instances import Context
    from spiffcli.migrate.values import Blocker
    from spiffcli.services.faults import Fault
    from spiffcli.services.runtime import Services
    from spiffcli.store import DocumentStore


class Wiring(Protocol):
    """How services and models fit together."""

    def services(self) -> Services | None:
        """Load the business code that serves processes; None where there is none."""

    def require(self) -> None:
        """Raise WiringError unless everything in use is served."""

    def planned_faults(self, plan: DeploymentPlan) -> list[Fault]:
        """Return what would be wrong once a deployment is stored."""

    def unserved(self, definition: Definition) -> tuple[Blocker, ...]:
        """Return the reasons why no instance should be moved to a version: its tasks that no service covers."""


class Workspace:
    """Settings and what they name, opened when it is first needed.

    A use case takes a workspace; it never takes the `Runner`, which offers the use cases.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: DocumentStore | None = None,
        engine: EngineConfig | None = None,
        clock: Clock | None = None,
        max_steps: int = 100_000,
        wait: float = 2.0,
        wiring: Callable[[Workspace], Wiring] | None = None,
        locate: Callable[[Settings, Catalog, str, Sequence[DefinitionKind]], Definition] | None = None,
    ) -> None:
        """Compose a workspace.

        Args:
            store: An open store instead of the one the settings name.
            engine: An engine instead of the module the settings name.
            clock: What timers ask instead of the machine.
            max_steps: Steps one run may take.
            wait: Seconds to wait for an instance that another command holds.
            wiring: Makes what knows how services and models fit together.
            locate: Finds the definition that a reference to a revision names.
        """
        self.settings = settings
        self._given_store = store
        self._given_engine = engine
        self._clock = clock
        self._max_steps = max_steps
        self._wait = wait
        self._make_wiring = wiring
        self._wiring = None if wiring is None else wiring(self)
        self._wired = False
        self._locate = locate

    def rehearsal(self, store: DocumentStore) -> Workspace:
        """Return a workspace on a copy of the store that nobody keeps: everything may be written there."""
        settings = replace(self.settings, read_only=False)
        return Workspace(settings, store=store, wiring=self._make_wiring, locate=self._locate)

    def close(self) -> None:
        """Release the store."""
        if "store" in self.__dict__ and self._given_store is None:
            self.store.close()

    def init(self) -> str:
        """Create the store unless it is there; return its URL.

        Raises:
            StoreError: The place cannot be written, or holds something else.
        """
        self.__dict__.setdefault("store", self._given_store or open_store(self.settings.store, create=True))
        return self.store.url

    @cached_property
    def store(self) -> DocumentStore:
        """The document store.

        Raises:
            StoreError: There is none, or it cannot be opened.
        """
        return self._given_store or open_store(self.settings.store, create=False)

    @cached_property
    def catalog(self) -> Catalog:
        """Deployments, definitions and instances of the tenant."""
        options: dict[str, Any] = {} if self._clock is None else {"clock": self._clock.now}
        settings, locate = self.settings, self._locate
        return Catalog(
            self.store,
            tenant=settings.tenant,
            fallback=settings.fallback_default_tenant,
            default_tenant=settings.default_tenant,
            default_tenants=settings.default_tenants,
            read_only=settings.read_only,
            locate=None if locate is None else lambda catalog, ref, kinds: locate(settings, catalog, ref, kinds),
            **options,
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
        from spiffcli.plugins import load_engine

        return self._given_engine or load_engine(self.settings.engine, self.settings.folder)

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

    def planned_faults(self, plan: DeploymentPlan) -> list[Fault]:
        """Return what would be wrong between a deployment and the services once it is stored."""
        if self._wiring is None or self.services is None:
            return []
        return self._wiring.planned_faults(plan)

    def unserved(self, definition: Definition) -> tuple[Blocker, ...]:
        """Return the reasons why no instance should be moved to a version: its tasks that no service covers."""
        if self._wiring is None or self.services is None:
            return ()
        return self._wiring.unserved(definition)

    @cached_property
    def engine(self) -> Engine:
        """The engine, with the module, script mode and tuning of the settings.

        Raises:
            ConfigError: The engine module cannot be used.
        """
        from spiffcli.engine import Engine
        from spiffcli.engine.clock import SystemClock
        from spiffcli.engine.patches import install
        from spiffcli.sandbox import ScriptMode, make_script_engine

        install(enabled=self.settings.tuning)
        mode = ScriptMode(self.settings.scripts)
        scripts = make_script_engine(mode, functions=self.config.functions, service=self.config.service)
        return Engine(self.config, scripts, self._clock or SystemClock(), self.services)

    @cached_property
    def context(self) -> Context:
        """What sessions need."""
        from spiffcli.instances import Context

        return Context(self.catalog, self.engine, self.settings.user, self._wait, self._max_steps)
