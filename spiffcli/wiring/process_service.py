"""Starting workflows of one type of aggregate, and talking to them: what `Runner.service` gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from spiffcli.engine import Event
from spiffcli.engine.ports import BusinessError, CaseKey, Start
from spiffcli.errors import InputError, NotFoundError
from spiffcli.instances.dispatcher import dispatcher_of
from spiffcli.instances.session import Session
from spiffcli.instances.spec_source import specs_of
from spiffcli.services import DuplicateStart, ProcessService
from spiffcli.services.process_service import OnDuplicate
from spiffcli.values import AggregateRecord, Definition, Instance
from spiffcli.wiring.subjects import newest
from spiffcli.workspace import Workspace

A = TypeVar("A")


class RunnerProcessService(ProcessService[A]):
    """See `ProcessService`."""

    def __init__(self, workspace: Workspace, aggregate: type[A]) -> None:
        self._workspace = workspace
        self._aggregate = aggregate

    def start(self, aggregate: A, *, process_id: str | None = None, on_duplicate: OnDuplicate = "reject") -> Instance:
        """Start a workflow."""
        self._workspace.require_wired()
        definition = self._workspace.catalog.startable(self._process(process_id))
        return self._begin(definition, aggregate, None, on_duplicate)

    def start_by_message(
        self, aggregate: A, name: str, *, process_id: str | None = None, on_duplicate: OnDuplicate = "reject"
    ) -> Instance:
        """Start a workflow at a message start event."""
        self._workspace.require_wired()
        keys = self._processes() if process_id is None else [process_id]
        found = [each for each in self._workspace.catalog.started_by("message", name) if each.key in keys]
        if len(found) != 1:
            raise NotFoundError(
                f"{len(found) or 'No'} start event{'s' if len(found) > 1 else ''} of {', '.join(keys)} "
                f"wait{'' if len(found) > 1 else 's'} for the message '{name}'.",
                hint="Name the process with process_id." if found else None,
                candidates=[each.key for each in found],
            )
        return self._begin(found[0], aggregate, name, on_duplicate)

    def _begin(self, definition: Definition, aggregate: A, message: str | None, on_duplicate: OnDuplicate) -> Instance:
        event = None if message is None else Event("message", message, {})
        start = None if message is None else Start("message", message)
        try:
            with dispatcher_of(self._workspace).prepare(definition, aggregate, start=start) as session:
                if event is not None:
                    session.running.begin_with(event)
                session.note(
                    "started", definition=definition.label, **({} if message is None else {"message": message})
                )
                session.save()
                session.advance()
                return session.instance
        except DuplicateStart as duplicate:
            if on_duplicate == "existing" and duplicate.process == definition.key:
                return self._workspace.catalog.instance(duplicate.instance)
            raise

    def correlate_message(self, natural_id: str, name: str, *, change: Callable[[A], object] | None = None) -> Instance:
        """Deliver a message to one workflow."""
        self._workspace.require_wired()
        record = self._record(natural_id)
        with dispatcher_of(self._workspace).open(record.instance, f"send {name}") as session:
            session.require_open()
            self._change(session, record, change)
            if not session.receive(Event("message", name, {})):
                waited = [each.name for each in session.instance.subscriptions if each.kind == "message"]
                raise NotFoundError(
                    f"The workflow '{natural_id}' does not wait for the message '{name}'.",
                    hint=f"It waits for {', '.join(waited)}." if waited else "It waits for no message now.",
                    candidates=waited,
                )
            session.save()
            session.advance()
            return session.instance

    def send_signal(self, name: str) -> list[Instance]:
        """Broadcast a signal."""
        self._workspace.require_wired()
        return list(dispatcher_of(self._workspace).send(Event("signal", name, {})).instances)

    def complete_task(self, natural_id: str, task_id: str, *, change: Callable[[A], object] | None = None) -> Instance:
        """Complete a task."""
        return self._with_task(natural_id, task_id, change, lambda session: session.complete(task_id, {}))

    def cancel_task(
        self,
        natural_id: str,
        task_id: str,
        code: str,
        name: str | None = None,
        *,
        change: Callable[[A], object] | None = None,
    ) -> Instance:
        """Let a task take its error path."""
        error = BusinessError(code, name)
        return self._with_task(natural_id, task_id, change, lambda session: session.raise_error(task_id, error))

    def _with_task(
        self,
        natural_id: str,
        task_id: str,
        change: Callable[[A], object] | None,
        act: Callable[[Session], object],
    ) -> Instance:
        self._workspace.require_wired()
        record = self._record(natural_id)
        with dispatcher_of(self._workspace).open(record.instance, f"complete {task_id}") as session:
            session.require_open()
            self._change(session, record, change)
            act(session)
            session.advance()
            return session.instance

    def change(self, natural_id: str, change: Callable[[A], object]) -> Instance:
        """Change an aggregate."""
        self._workspace.require_wired()
        record = self._record(natural_id)
        with dispatcher_of(self._workspace).open(record.instance, f"change {natural_id}") as session:
            session.require_open()
            self._change(session, record, change)
            session.note("changed", aggregate=record.type, natural_id=natural_id)
            session.save()
            if session.instance.state != "error":
                session.advance()
            return session.instance

    def load(self, natural_id: str) -> A:
        """An aggregate to be read."""
        record = self._record(natural_id)
        services = self._workspace.services
        assert services is not None
        aggregate: A = services.unit().reading(CaseKey(record.process, record.natural_id))
        return aggregate

    def instance(self, natural_id: str) -> Instance:
        """The workflow that works on an aggregate."""
        return self._workspace.catalog.instance(self._record(natural_id).instance)

    def _change(self, session: Session, record: AggregateRecord, change: Callable[[A], object] | None) -> None:
        unit = session.running.unit
        if change is not None and unit is not None:
            unit.change(CaseKey(record.process, record.natural_id), change)

    def _record(self, natural_id: str) -> AggregateRecord:
        for key in self._processes():
            record = self._workspace.catalog.aggregate(key, natural_id)
            if record is not None:
                return record
        raise NotFoundError(
            f"There is no {self._aggregate.__name__} '{natural_id}'.",
            hint=f"Its processes are {', '.join(self._processes())}; runner list_instances shows their instances.",
            candidates=[],
        )

    def _processes(self) -> list[str]:
        """Ids of the processes that work on this type of aggregate."""
        services = self._workspace.services
        entries: list[Any] = [] if services is None else services.registry.entries
        keys = [mark.process for entry in entries for mark in entry.marks if mark.aggregate is self._aggregate]
        if not keys:
            raise InputError(
                f"No service works on {self._aggregate.__name__}.",
                hint="Name its module with --services, or offer it in the engine module.",
            )
        return sorted(set(keys))

    def _process(self, process_id: str | None) -> str:
        """The process that is started: the one that is named, or the one that no other of the same type calls."""
        keys = self._processes()
        if process_id is not None:
            if process_id not in keys:
                raise InputError(f"No service of '{process_id}' works on {self._aggregate.__name__}.",
                                 hint=f"Its processes are {', '.join(keys)}.")  # fmt: skip
            return process_id
        stored = newest(self._workspace)
        called = {
            reference.key
            for key in keys
            if key in stored
            for reference in specs_of(self._workspace).definition(stored[key].id).references
        }
        free = [key for key in keys if key not in called and key in stored] or keys
        if len(free) > 1:
            raise InputError(
                f"Several processes work on {self._aggregate.__name__}: {', '.join(free)}.",
                hint="Say which one: start(..., process_id=...).",
            )
        return free[0]
