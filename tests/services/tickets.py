"""Tickets: an aggregate of a type that nothing knows how to store, and the code of its process."""

from __future__ import annotations

from typing import Annotated

from spiffcli.services import NaturalId, workflow_service, workflow_task

from .models import process, service, user


class Ticket:
    """Neither a dataclass nor a pydantic model."""

    number: Annotated[int, NaturalId()]
    title: str

    def __init__(self, number: int, title: str = "") -> None:
        self.number, self.title = number, title

    @property
    def urgent(self) -> bool:
        return self.title.isupper()


@workflow_service(aggregate=Ticket, process_id="p")
class Tickets:
    @workflow_task
    def shout(self, ticket: Ticket) -> None:
        ticket.title = ticket.title.upper()
        if ticket.title == "BAD":
            raise ValueError("no")

    @workflow_task
    def urgent_mail(self, ticket: Ticket) -> None:
        ticket.title += "!"


TICKETS = process("p", user("U"), service("A", "shout"), user("V"))
