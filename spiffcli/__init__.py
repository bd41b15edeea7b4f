"""Run BPMN workflows, see what changed in a model, and move running instances to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spiffcli.runner import Runner

__version__ = "0.1.0"

__all__ = ["Runner", "__version__"]


def __getattr__(name: str) -> object:
    # `import spiffcli` stays cheap: the composition root pulls in the catalog and the store.
    if name == "Runner":
        from spiffcli.runner import Runner

        return Runner
    raise AttributeError(f"module 'spiffcli' has no attribute {name!r}")
