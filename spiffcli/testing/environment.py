"""Models and services in memory, with a clock that stands still until it is set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spiffcli.config import Settings
from spiffcli.engine import EngineConfig
from spiffcli.engine.clock import ManualClock
from spiffcli.runner import Runner
from spiffcli.setting import ScriptMode
from spiffcli.store import open_store
from spiffcli.testing.workflow import Workflow
from spiffcli.values import TaskView

if TYPE_CHECKING:
    from spiffcli.deployments.add import Added
    from spiffcli.store import DocumentStore

#: When tests begin, unless they say otherwise.
BEGIN = datetime(2030, 1, 1, 9, tzinfo=UTC)


class WorkflowEnvironment:
    """Models and services, ready to start workflows.

    Example:
        ```python
        env = WorkflowEnvironment("order.bpmn", services=Orders)
        env.stub("SEND_PARCEL", lambda order: None)
        order = env.start(Order("A-1"))
        env.assert_waiting_at("Activity_Pay")
        env.skip(timedelta(days=3))
        assert order.aggregate.reminded
        ```
    """

    def __init__(
        self,
        *models: str | Path | Iterable[str | Path],
        services: Any = None,
        engine: EngineConfig | None = None,
        now: datetime = BEGIN,
        scripts: ScriptMode = "sandbox",
        store: DocumentStore | None = None,
    ) -> None:
        """Add models, one deployment for each argument; an argument may be several files.

        Args:
            services: A registry, a service or a list of them.
            store: An open store instead of an empty one in memory: that of another environment, say, to see what new
                code makes of what runs already.
            engine: The engine; by default that of SpiffWorkflow's own dialect.
            now: The time, which stands still until `skip` or `set_time`.

        Raises:
            WiringError: Services and models do not fit together.
            ModelError: A model cannot be executed.
        """
        self._clock = ManualClock(now.timestamp())
        config = engine or EngineConfig.spiff()
        if services is not None:
            config = config.extended(services=services)
        settings = Settings(store="memory:", user="test", folder=Path.cwd(), scripts=scripts)
        self._runner = Runner(settings, store=store or open_store("memory:"), engine=config, clock=self._clock)
        self._traces: dict[str, list[str]] = {}
        self._traced: set[str] = set()
        self._last: Workflow | None = None
        self._runner.dispatcher.on_run = self._ran
        self._models = models
        self._added = False

    @property
    def runner(self) -> Runner:
        """The runner underneath, for everything that is not here."""
        self._require_added()
        return self._runner

    def _ran(self, instance: str, view: TaskView) -> None:
        if view.task not in self._traced:  # one that was left open runs when it begins, and when it is completed
            self._traced.add(view.task)
            self._traces.setdefault(instance, []).append(view.id)

    def _require_added(self) -> None:
        # Not before the first use: a test may stub tasks that no method does.
        if not self._added:
            self._added = True
            for each in self._models:
                self.add(*([each] if isinstance(each, str | Path) else each))

    # Models and services

    def add(self, *files: str | Path) -> Added:
        """Deploy files together, as `runner add` does.

        Raises:
            WiringError: Services and models do not fit together.
            ModelError: A model cannot be executed.
        """
        self._added = True
        return self._runner.add(files)

    def stub(self, name: str, function: Callable[..., Any]) -> None:
        """Let a function do a task instead of its method; a task that has none needs none then.

        Args:
            name: Task definition, BPMN id, or name of the method.
            function: Its parameters are read as those of methods are.
        """
        services = self._runner.services
        if services is None:
            raise ValueError("There are no services whose tasks could be stubbed.")
        services.stub(name, function)

    # Time

    @property
    def now(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def set_time(self, now: datetime) -> None:
        """Set the clock, and let happen what is due then."""
        self._clock.set(now.timestamp())
        self.run_until_idle()

    def skip(self, time: timedelta) -> None:
        """Let time pass, and let happen what becomes due meanwhile."""
        self.set_time(self.now + time)

    def run_until_idle(self) -> None:
        """Let everything happen that can happen now.

        Raises:
            AssertionError: A workflow cannot go on; the message says why.
        """
        self._require_added()
        failed = [each for each in self._runner.tick() if each.reason is not None]
        if failed:
            raise AssertionError("\n".join(f"{each.instance}: {each.reason}" for each in failed))

    # Workflows

    def start(self, aggregate: Any, *, process_id: str | None = None) -> Workflow:
        """Start a workflow, and let it run until it has to wait.

        Raises:
            DuplicateStart: The natural id is taken.
            IncidentError: A task failed.
        """
        self._require_added()
        service = self._runner.service(type(aggregate))
        return self._opened(service.start(aggregate, process_id=process_id).id)

    def start_by_message(self, aggregate: Any, name: str, *, process_id: str | None = None) -> Workflow:
        """Start a workflow at the start event that waits for a message."""
        self._require_added()
        service = self._runner.service(type(aggregate))
        return self._opened(service.start_by_message(aggregate, name, process_id=process_id).id)

    def workflow(self, ref: str) -> Workflow:
        """A workflow by its natural id or the id of its instance.

        Raises:
            NotFoundError: There is none.
        """
        return self._opened(self._runner.catalog.instance(ref).id)

    def _opened(self, instance: str) -> Workflow:
        self._last = Workflow(self._runner, instance, self._traces.setdefault(instance, []))
        return self._last

    # The workflow that was opened last

    @property
    def current(self) -> Workflow:
        """The workflow that was started or asked for last.

        Raises:
            ValueError: There is none.
        """
        if self._last is None:
            raise ValueError("No workflow was started yet.")
        return self._last

    @property
    def trace(self) -> list[str]:
        """BPMN ids of what ran in the current workflow, in order.

        A multi-instance activity is in it once for each instance, and once more for the whole.
        """
        return self.current.trace

    def complete(self, task: str, answers: Mapping[str, Any] | None = None) -> None:
        """Complete an open task of the current workflow; see `Workflow.complete`."""
        self.current.complete(task, answers)

    def fail(self, task: str, code: str) -> None:
        """Let an open task of the current workflow take its error path; see `Workflow.fail`."""
        self.current.fail(task, code)

    def assert_waiting_at(self, *tasks: str) -> None:
        """The current workflow waits at these tasks and no others; see `Workflow.assert_waiting_at`."""
        self.current.assert_waiting_at(*tasks)
