"""What a rule is. The rules themselves are in `spiffcli.diff.catalogue`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

if TYPE_CHECKING:
    from spiffcli.diff.changes import Severity

#: What a rule is about: how a thing looks or reads, what the process does, what others rely on, or what
#: an instance that stands there cannot survive without being told how.
Class = Literal["cosmetic", "behaviour", "contract", "refuse"]

#: Where an instance stands with regard to an element.
Token = Literal["active", "completed", "future"]

#: The same in the engine's words.
State = str

_ACTIVE = frozenset({"READY", "WAITING", "STARTED", "ERROR"})
_DONE = frozenset({"COMPLETED", "CANCELLED"})

_GENERAL: Mapping[Class, Mapping[Token, str]] = {
    "cosmetic": {
        "active": "Nothing changes for the task; people see the new text.",
        "completed": "Nothing changes; what was done stays as it was done.",
        "future": "Nothing changes but what people see.",
    },
    "behaviour": {
        "active": "The task goes on and follows the new model from here.",
        "completed": "It is done and is not done again; what it left behind stays.",
        "future": "The instance follows the new model when it comes here.",
    },
    "contract": {
        "active": "Somebody outside may still rely on the old form of it.",
        "completed": "It is done; only what others still expect from it can be affected.",
        "future": "The instance offers the new form when it comes here.",
    },
    "refuse": {
        "active": "The task cannot go on as it stands; say with a mapping where it continues.",
        "completed": "It is done and is not done again.",
        "future": "The instance follows the new model when it comes here.",
    },
}


class Rule(Struct, frozen=True):
    """A kind of difference (or fault) with a name of its own.

    Attributes:
        id: Stable name in kebab case.
        title: What happened, in a few words.
        severity: How much it matters for the model alone.
        active, completed, future: How much it matters where an instance stands on the element, has passed
            it, or may still come to it.
        class_: See `Class`; decides the suggested version bump.
        categories: Where the rule belongs, for profiles and listings.
        text: One paragraph on why it matters.
        example: A situation in which it shows.
        consequences: What happens to an instance, where that is special to this rule.
        opposite_id: Rule of the reversed change, or None where that is the same rule.
    """

    id: str
    title: str
    severity: Severity
    active: Severity
    completed: Severity
    future: Severity
    class_: Class
    categories: tuple[str, ...]
    text: str
    example: str
    consequences: Mapping[Token, str] = field(default_factory=dict)
    opposite_id: str | None = None

    @property
    def opposite(self) -> Rule:
        """The rule that a change matches when it is undone."""
        from spiffcli.diff.rules import rule

        return rule(self.opposite_id) if self.opposite_id else self

    def severity_for(self, state: State) -> Severity:
        """Severity where an instance stands in `state` (as of `consequence`)."""
        found: Severity = getattr(self, token_of(state))
        return found

    def consequence(self, state: State) -> str:
        """What the change means for an instance, in a sentence.

        Args:
            state: `active`, `completed` or `future`, or a state of the engine (`READY`, `COMPLETED` ...).
        """
        token = token_of(state)
        return self.consequences.get(token) or _GENERAL[self.class_][token]

    def to_json(self) -> dict[str, Any]:
        """The rule as an entry of a `runner/rules/1` document."""
        return {
            "id": self.id,
            "title": self.title,
            "severity": self.severity,
            "instances": {"active": self.active, "completed": self.completed, "future": self.future},
            "class": self.class_,
            "categories": list(self.categories),
            "text": self.text,
            "example": self.example,
            "consequences": {token: self.consequence(token) for token in ("active", "completed", "future")},
        }


def token_of(state: State) -> Token:
    """Where an instance stands, for a state of the engine or a token name."""
    if state in _ACTIVE or state == "active":
        return "active"
    return "completed" if state in _DONE or state == "completed" else "future"
