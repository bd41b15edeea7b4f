"""What an instance in memory has to do with business code: its aggregate, and who could not be told."""

from __future__ import annotations

from spiffcli.engine.open_tasks import OpenTasks, Untold
from spiffcli.engine.ports import CASE, CaseKey, Unit
from spiffcli.engine.workflow import RunnerWorkflow


class Cased:
    """An instance that may work on an aggregate."""

    workflow: RunnerWorkflow
    _open: OpenTasks

    @property
    def unit(self) -> Unit | None:
        """The aggregates the instance works on; None where there is no business code."""
        return self.workflow.unit

    @property
    def case(self) -> CaseKey | None:
        """The aggregate of the instance, or None."""
        noted = self.workflow.data.get(CASE)
        return None if noted is None else CaseKey.from_json(noted)

    @property
    def needs_methods(self) -> bool:
        """Whether tasks of the process were left to methods when it was parsed."""
        return any(getattr(spec, "operation_name", None) == "" for spec in self.workflow.spec.task_specs.values())

    def begin_case(self, case: CaseKey) -> None:
        """Note which aggregate the new instance works on."""
        self.workflow.data[CASE] = case.to_json()

    def untold(self) -> list[Untold]:
        """Methods that could not be told of a cancellation, since the last call."""
        return self._open.untold()
