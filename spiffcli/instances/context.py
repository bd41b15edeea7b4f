"""What every session needs, made once per command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spiffcli.catalog import Catalog
from spiffcli.instances.spec_source import CatalogSpecs
from spiffcli.values import TaskView

if TYPE_CHECKING:
    from spiffcli.engine import Engine
    from spiffcli.engine.workflow import SpecCache
    from spiffcli.instances.delivery import Post
    from spiffcli.instances.session import Session


@dataclass(slots=True)
class Context:
    """A catalog and an engine, with the specs that instances of this command share.

    Attributes:
        user: Who acts, for histories.
        wait: Seconds to wait for an instance that another command holds.
        max_steps: Steps one run may take before it is taken for an endless loop.
        sessions: The sessions this command has open, by instance.
        post: What this command is delivering just now, or None.
        on_run: Called with the id of the instance and every node of the model that ran, or None.
    """

    catalog: Catalog
    engine: Engine
    user: str = ""
    wait: float = 2.0
    max_steps: int = 100_000
    specs: CatalogSpecs = field(init=False)
    cache: SpecCache = field(init=False)
    sessions: dict[str, Session] = field(default_factory=dict)
    post: Post | None = None
    on_run: Callable[[str, TaskView], object] | None = None

    def __post_init__(self) -> None:
        self.specs = CatalogSpecs(self.catalog)
        self.cache = self.engine.cache(self.specs)

    def now(self) -> float:
        """The time the engine goes by, in seconds since the epoch."""
        return self.engine.clock.now()
