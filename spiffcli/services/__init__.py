"""Business code wired to BPMN models: classes do the work, an aggregate carries the state, models carry names only.

See docs/services.md.
"""

from __future__ import annotations

from spiffcli.services.aggregates import WorkflowAggregate
from spiffcli.services.codecs import AggregateCodec
from spiffcli.services.decorators import Service, WorkflowService, workflow_service, workflow_task, workflow_value
from spiffcli.services.errors import DuplicateStart, ServiceError, TaskException
from spiffcli.services.faults import WiringError
from spiffcli.services.markers import (
    Around,
    DefinitionId,
    Element,
    ElementResolver,
    Index,
    MultiInstance,
    NaturalId,
    Payload,
    ProcessId,
    ProcessVersion,
    RootId,
    TaskEvent,
    TaskId,
    Total,
)
from spiffcli.services.process_service import ProcessService
from spiffcli.services.registry import Registry
from spiffcli.services.repositories import AggregateKey, AggregateRepository

__all__ = [
    "AggregateCodec",
    "AggregateKey",
    "AggregateRepository",
    "Around",
    "DefinitionId",
    "DuplicateStart",
    "Element",
    "ElementResolver",
    "Index",
    "MultiInstance",
    "NaturalId",
    "Payload",
    "ProcessId",
    "ProcessService",
    "ProcessVersion",
    "Registry",
    "RootId",
    "Service",
    "ServiceError",
    "TaskEvent",
    "TaskException",
    "TaskId",
    "Total",
    "WiringError",
    "WorkflowAggregate",
    "WorkflowService",
    "workflow_service",
    "workflow_task",
    "workflow_value",
]
