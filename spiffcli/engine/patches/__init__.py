"""Overrides that make SpiffWorkflow right and fast for long processes.

| module | group | what |
|---|---|---|
| `overrides` | | replacing attributes and taking it back |
| `trees` | fixes | walks over deep task trees |
| `parsing` | fixes | parsing of long models |
| `prediction` | fixes, speed | prediction without recursion; and with a horizon |
| `joins`, `flows` | fixes | gateways that wait for what may still come, and for nothing else |
| `steps` | fixes | a step runs nothing that is over |
| `timing` | fixes | time comes from `engine.clock` |
| `live`, `order`, `nesting` | speed | an index of unfinished tasks and sub-processes |
| `queries` | speed | the engine's questions answered from that index |
| `instances` | speed | multi-instance tasks |
| `quiet` | speed | logging that costs nothing when nobody listens |

Each override says which fault of the engine it mends. They rest on internals of SpiffWorkflow 3.2.
"""

from __future__ import annotations

from spiffcli.engine.patches import (
    instances,
    joins,
    live,
    nesting,
    order,
    parsing,
    prediction,
    queries,
    quiet,
    steps,
    timing,
    trees,
)

_FIXES = (trees.FIXES, timing.FIXES, parsing.FIXES, prediction.FIXES, joins.FIXES, steps.FIXES)
_SPEED = (
    prediction.SPEED,
    order.SPEED,
    nesting.SPEED,
    live.SPEED,
    queries.SPEED,
    instances.SPEED,
    quiet.SPEED,
)


def install(*, enabled: bool = True) -> None:
    """Install what makes the engine right and, where `enabled`, what makes it fast.

    Calling it again is harmless; calling it with another `enabled` changes over, also while instances are in memory.
    """
    install_fixes()
    if enabled:
        install_speed()
    else:
        uninstall_speed()


def install_fixes() -> None:
    """Install the overrides without which processes go wrong."""
    for group in _FIXES:
        group.apply()


def install_speed() -> None:
    """Install the overrides that change how long things take, and nothing else."""
    install_fixes()
    for group in _SPEED:
        group.apply()


def uninstall() -> None:
    """Take everything back; for tests that compare with the engine as it is."""
    uninstall_speed()
    for group in reversed(_FIXES):
        group.revert()


def uninstall_speed() -> None:
    """Take back what `install_speed` did and leave the fixes."""
    for group in reversed(_SPEED):
        group.revert()
