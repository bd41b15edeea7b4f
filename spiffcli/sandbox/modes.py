"""Script modes, and what is wrong with a script. Cheap to import: the command line reads it for `--scripts`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class ScriptMode(StrEnum):
    """How much the scripts and expressions of a model may do."""

    RESTRICTED = "restricted"
    TRUSTED = "trusted"
    OFF = "off"


class ScriptProblem(Struct, frozen=True):
    """Something in a script that will not run.

    Attributes:
        line: Line in the script, counted from 1.
        message: What is wrong, as a sentence without a full stop.
        hint: The way out, or None where the message says it all.
    """

    line: int
    message: str
    hint: str | None = None
