"""What a guard raises."""

from __future__ import annotations


class ScriptRefusalError(Exception):
    """A script tried at run time what the policy does not allow.

    Attributes:
        hint: The way out, or None where the message says it all.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
