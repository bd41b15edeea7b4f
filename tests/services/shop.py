"""An order and what is done for it: the aggregate most tests of services work on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from spiffcli.services import NaturalId, ProcessVersion


@dataclass
class Item:
    name: str
    quantity: int = 1
    done: bool = False


@dataclass
class Order:
    order_id: Annotated[str, NaturalId()]
    days: int = 0
    items: list[Item] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    version: Annotated[int | None, ProcessVersion()] = None
    paid: bool = False

    @property
    def long(self) -> bool:
        return self.days > 5


@dataclass
class Parcel:
    parcel_id: Annotated[str, NaturalId()]
    order_id: str = ""
    log: list[str] = field(default_factory=list)
    version: Annotated[int | None, ProcessVersion()] = None
