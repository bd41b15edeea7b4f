"""Vacation requests: what is known about one, and what is done with it. Of the models this knows only names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from spiffcli.services import (
    NaturalId,
    ProcessVersion,
    Registry,
    workflow_service,
    workflow_task,
    workflow_value,
)


@dataclass
class Approval:
    """A vacation request on its way."""

    request_id: Annotated[str, NaturalId()]
    employee: str
    number_of_days: int
    approved: bool = False
    escalations: int = 0
    substitute: str | None = None
    mails: list[str] = field(default_factory=list)
    process_version: Annotated[int | None, ProcessVersion()] = None


class Mailer:
    """Stands for a mail server: it keeps what was sent in the request itself."""

    def send(self, approval: Approval, text: str) -> None:
        """Send a mail to the employee."""
        approval.mails.append(f"To {approval.employee}: {text}")


@workflow_service(aggregate=Approval)
class ApprovalOfVacationRequests:
    """Software first: the class and its methods give the model its names."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    @workflow_task
    def registerRequest(self, approval: Approval) -> None:  # noqa: N802 - the name in the model
        """Confirm that the request has come."""
        self._mailer.send(approval, f"we have your request for {approval.number_of_days} days.")

    @workflow_task
    def sendAcceptedMail(self, approval: Approval) -> None:  # noqa: N802
        """Tell the good news."""
        self._mailer.send(approval, "enjoy your vacation!")

    @workflow_task
    def sendRejectedMail(self, approval: Approval) -> None:  # noqa: N802
        """Tell the bad news."""
        self._mailer.send(approval, "not this time.")

    @workflow_task
    def escalateRequest(self, approval: Approval) -> None:  # noqa: N802
        """Ask somebody else."""
        approval.escalations += 1

    @workflow_value
    def patience(self, approval: Approval) -> str:
        """How long somebody may take to decide: longer, the more is asked for."""
        return f"P{1 + approval.number_of_days // 10}D"


@workflow_service(aggregate=Approval, process_id="Process_ApprovalOfVacation", naming="camel")
class ApprovalOfVacation:
    """BPMN first: the model was there, and methods are wired to its names and ids."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    @workflow_task(task_definition="SEND_ACCEPTED", version="1")
    def send_accepted(self, approval: Approval) -> None:
        """Version 1 has no substitutes yet."""
        self._mailer.send(approval, "your vacation was accepted.")

    @workflow_task(task_definition="SEND_ACCEPTED", version=">=2")
    def send_accepted_with_hint(self, approval: Approval) -> None:
        """From version 2 on somebody fills in, if it is long."""
        self._mailer.send(approval, "your vacation was accepted; we look for somebody to fill in if it is long.")

    @workflow_task(id="Activity_SendRejectedMail")
    def send_rejected(self, approval: Approval) -> None:
        """The model has no name for this task, so it is wired by its id."""
        self._mailer.send(approval, "your vacation was rejected.")

    @workflow_task(task_definition="FIND_SUBSTITUTE", version=">=2")
    def find_substitute(self, approval: Approval) -> None:
        """Find somebody who fills in."""
        approval.substitute = "Grace"


services = Registry(ApprovalOfVacationRequests, ApprovalOfVacation).provide(Mailer, Mailer)
