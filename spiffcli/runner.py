"""`Runner`: everything the command line can do, as a Python API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Never, TypeVar

from spiffcli.config import Settings, load_settings
from spiffcli.errors import InputError
from spiffcli.setting import ScriptMode, Severity
from spiffcli.values import Definition, DefinitionKind
from spiffcli.verbs import DeploymentVerbs, InstanceVerbs, MigrationVerbs, RepoVerbs, SpecVerbs
from spiffcli.workspace import Wiring, Workspace, WorkspaceParts

if TYPE_CHECKING:
    from spiffcli.catalog import Catalog
    from spiffcli.engine import Engine, EngineConfig
    from spiffcli.engine.clock import Clock
    from spiffcli.instances.dispatcher import Dispatcher
    from spiffcli.services import ProcessService
    from spiffcli.services.runtime import Services
    from spiffcli.store import DocumentStore

A = TypeVar("A")


class Runner:
    """A store and an engine, opened when they are first needed, and what can be done with them.

    The verbs that are used most need no group: `runner.start` is `runner.instances.start`.

    Attributes:
        workspace: What use cases take: settings, store, catalog, engine and services.
        specs: Processes and collaborations: list, compare.
        deployments: Adding files, exporting them.
        instances: Starting and moving instances.
        migrations: Moving instances to another version.
        repo: The model repository in Git.

    Example:
        ```python
        with Runner.open(store="sqlite:shop.db") as runner:
            runner.add(["order.bpmn", "prices.dmn"], process="order")
            with runner.start("order", {"customer": 7}) as session:
                session.advance()
        ```
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
    ) -> None:
        """Compose a runner from settings.

        Args:
            store: An open store instead of the one the settings name.
            engine: An engine instead of the module the settings name.
            clock: What timers ask instead of the machine.
            max_steps: Steps one run may take.
            wait: Seconds to wait for an instance that another command holds.
        """
        workspace = Workspace(settings, PARTS, store=store, engine=engine, clock=clock, max_steps=max_steps, wait=wait)
        self.workspace = workspace
        self.specs = SpecVerbs(workspace)
        self.deployments = DeploymentVerbs(workspace)
        self.instances = InstanceVerbs(workspace)
        self.migrations = MigrationVerbs(workspace)
        self.repo = RepoVerbs(workspace)

        # The same verbs without their group.
        self.init = workspace.init
        self.catalog_if_any = workspace.catalog_if_any
        self.require_wired = workspace.require_wired
        self.counts, self.why, self.take = self.specs.counts, self.specs.why, self.specs.resolve_or_add
        self.diff_spec = self.specs.diff
        self.add, self.add_again, self.deploy = (
            self.deployments.add,
            self.deployments.add_again,
            self.deployments.deploy,
        )
        self.deployment, self.export = self.deployments.find, self.deployments.export
        self.start, self.session, self.look = self.instances.start, self.instances.session, self.instances.view
        self.form, self.secrets, self.answer = self.instances.form, self.instances.secrets, self.instances.answer
        self.send, self.tick, self.history = self.instances.send, self.instances.tick, self.instances.history
        self.delete_instance = self.instances.delete
        self.target, self.diff_workflow = self.migrations.target, self.migrations.plans
        self.migrate, self.rollback = self.migrations.migrate, self.migrations.rollback

    @classmethod
    def open(
        cls,
        *,
        cwd: Path | None = None,
        store: str | None = None,
        engine: str | None = None,
        tenant: str | None = None,
        scripts: ScriptMode | None = None,
        services: str | Sequence[str] | None = None,
        user: str | None = None,
        tuning: bool | None = None,
        fallback_default_tenant: bool | None = None,
        default_tenant: str | None = None,
        default_tenants: Mapping[str, str] | None = None,
        answers: str | None = None,
        severity: Mapping[str, Severity] | None = None,
        read_only: bool | None = None,
        **unknown: Never,
    ) -> Runner:
        """Open a runner with the settings of the environment and the project; what is given goes before both.

        Args:
            cwd: Folder from which the project is looked for; by default the current one.
            store, engine, tenant, scripts, services, user, tuning, fallback_default_tenant, default_tenant,
                default_tenants, answers, severity, read_only: Settings; see `spiffcli.config.Settings`.

        Raises:
            ConfigError: A setting cannot be used.
            InputError: There is no such setting.
        """
        given: dict[str, object] = {
            "store": store,
            "engine": engine,
            "tenant": tenant,
            "scripts": scripts,
            "services": services if services is None or isinstance(services, str) else tuple(services),
            "user": user,
            "tuning": tuning,
            "fallback_default_tenant": fallback_default_tenant,
            "default_tenant": default_tenant,
            "default_tenants": default_tenants,
            "answers": answers,
            "severity": severity,
            "read_only": read_only,
        }
        for name in unknown:
            raise InputError(f"There is no setting '{name}'.", hint=f"The settings are {', '.join(sorted(given))}.")
        return cls(load_settings(given, cwd=cwd).for_running())

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the store."""
        self.workspace.close()

    @property
    def settings(self) -> Settings:
        """The settings in use."""
        return self.workspace.settings

    @property
    def store(self) -> DocumentStore:
        """The document store; see `Workspace.store`."""
        return self.workspace.store

    @property
    def catalog(self) -> Catalog:
        """Deployments, definitions and instances of the tenant."""
        return self.workspace.catalog

    @property
    def engine(self) -> Engine:
        """The engine; see `Workspace.engine`."""
        return self.workspace.engine

    @property
    def config(self) -> EngineConfig:
        """The engine module; see `Workspace.config`."""
        return self.workspace.config

    @property
    def services(self) -> Services | None:
        """Business code that serves processes, or None; see `Workspace.services`."""
        return self.workspace.services

    @property
    def dispatcher(self) -> Dispatcher:
        """What opens sessions, and delivers what their instances send."""
        from spiffcli.instances.dispatcher import dispatcher_of

        return dispatcher_of(self.workspace)

    def service(self, aggregate: type[A]) -> ProcessService[A]:
        """Return what starts workflows of a type of aggregate, and talks to them."""
        from spiffcli.wiring.process_service import RunnerProcessService

        return RunnerProcessService(self.workspace, aggregate)


def _wiring(workspace: Workspace) -> Wiring:
    from spiffcli.wiring.load import ModelWiring

    return ModelWiring(workspace)


def _locate(settings: Settings, catalog: Catalog, ref: str, kinds: Sequence[DefinitionKind]) -> Definition:
    from spiffcli.specs.revisions import locate

    return locate(settings, catalog, ref, kinds)


#: What every workspace of a runner is made with.
PARTS = WorkspaceParts(wiring=_wiring, locate=_locate)
