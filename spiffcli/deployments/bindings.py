"""What the references of the files are bound to when they are added, and what to tell about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct, field

from spiffcli.catalog.keys import KeyRecord
from spiffcli.catalog.scope import Scope, tenant_name, where_sought
from spiffcli.catalog.words import some
from spiffcli.deployments.request import DEPLOYMENT, Call, Candidate, Contents, Note
from spiffcli.errors import ModelError
from spiffcli.values import Definition, Reference

#: Finds the key a reference means in the tenants that are looked in; None where none has it.
LookUp: TypeAlias = Callable[[Call], KeyRecord | None]

#: Gives the stored definition with an id, or None.
Get: TypeAlias = Callable[[str], Definition | None]


class _Told(Struct):
    """What there is to tell of one process, each key once."""

    pinned: dict[str, Call] = field(default_factory=dict)
    kept: dict[str, Call] = field(default_factory=dict)
    missing: dict[str, Call] = field(default_factory=dict)
    later: dict[str, Call] = field(default_factory=dict)


class Binder:
    """Binds references: to the deployment, else to the latest there is, else not yet."""

    def __init__(self, contents: Contents, scope: Scope, look_up: LookUp, get: Get) -> None:
        self._contents = contents
        self._scope = scope
        self._look_up = look_up
        self._get = get

    def bind(self, candidate: Candidate) -> tuple[tuple[Reference, ...], list[Note]]:
        """The references of a candidate, with the ids of other candidates as targets; and notes.

        Raises:
            ModelError: A process or decision is neither in the files nor in the catalog.
        """
        told = _Told()
        references = tuple(self._bind(candidate, call, told) for call in candidate.calls)
        return references, _notes(candidate, told)

    def _bind(self, candidate: Candidate, call: Call, told: _Told) -> Reference:
        inside = self._contents.candidates.get((call.kind, call.key))
        if call.binding != DEPLOYMENT:
            if not self._is_there(call, inside):
                told.later.setdefault(f"{call.kind} '{call.key}' ({call.binding})", call)
            return _reference(call, None)
        if inside is not None:
            return _reference(call, inside.id)
        kept = self._get(call.pin) if call.pin is not None else None
        if kept is not None:
            told.kept.setdefault(kept.label, call)
            return _reference(call, kept.id, pinned=True)
        found = self._look_up(call)
        if found is not None:
            told.pinned.setdefault(self._pin(found), call)
            return _reference(call, found.latest_id, pinned=True)
        if call.kind != "form":
            raise self._missing(candidate, call)
        told.missing.setdefault(call.key, call)
        return _reference(call, None)

    def _is_there(self, call: Call, inside: Candidate | None) -> bool:
        """Whether a reference that is looked up late would be found, once this deployment is made."""
        found = self._look_up(call)
        if inside is not None and found is not None and found.tenant != self._scope.tenant:
            found = None  # what the deployment brings goes before it
        how, _, which = call.binding.partition(":")
        if how == "version":
            number = int(which)
            known = found is not None and number in found.versions
            return known or (inside is not None and number == (found.highest if found is not None else 0) + 1)
        if how == "tag":
            given = which == self._contents.request.tag and (call.kind, call.key) in self._contents.tagged
            return given or (found is not None and which in found.tags)
        return inside is not None or found is not None

    def _pin(self, found: KeyRecord) -> str:
        where = "" if found.tenant == self._scope.tenant else f" of {tenant_name(found.tenant)}"
        return f"{found.key}@{found.latest}{where}"

    def _missing(self, candidate: Candidate, call: Call) -> ModelError:
        there = self._contents.model.processes.get(call.key) if call.kind == "process" else None
        if there is not None:
            problem, hint = f"is in {there.file} but not executable", 'Set isExecutable="true" on it.'
        else:
            problem = f"is neither among the files nor {where_sought(self._scope.tenant)}"
            option = "-d" if call.kind == "decision" else "-b"
            hint = f"Give its file too ({option} FILE), add it first, or bind it later (--binding latest)."
        return ModelError(
            f"'{call.element}' of {candidate.kind} '{candidate.key}' needs {call.kind} '{call.key}', which {problem}.",
            hint=hint,
            file=candidate.file,
            line=call.line,
            element=call.element,
        )


def _reference(call: Call, target: str | None, *, pinned: bool = False) -> Reference:
    return Reference(call.element, call.kind, call.key, call.binding, target, pinned, call.fallback)


def _notes(candidate: Candidate, told: _Told) -> list[Note]:
    what = f"{candidate.kind.capitalize()} '{candidate.key}'"
    notes = []
    if told.pinned:
        pins = some(list(told.pinned))
        text = f"{what} is bound to {pins}, the latest there is: the files given do not hold it."
        if len(told.pinned) > 1:
            text = f"{what} is bound to {pins}, the latest there are: the files given do not hold them."
        notes.append(_note("pinned", candidate, told.pinned, text))
    if told.kept:
        text = f"{what} stays bound to {some(list(told.kept))}."
        notes.append(_note("pinned", candidate, told.kept, text))
    if told.missing:
        noun = "forms that are missing" if len(told.missing) > 1 else "a form that is missing"
        text = f"{what} shows {noun}: {some(list(told.missing))}."
        notes.append(_note("form-missing", candidate, told.missing, text, warning=True))
    if told.later:
        text = f"{what} looks for what is not there yet when it gets to it: {some(list(told.later))}."
        notes.append(_note("resolved-later", candidate, told.later, text, warning=True))
    return notes


def _note(rule: str, candidate: Candidate, calls: dict[str, Call], text: str, *, warning: bool = False) -> Note:
    only = next(iter(calls.values())) if len(calls) == 1 else None
    return Note(
        rule, text, warning, candidate.file, only.element if only else candidate.key, only.line if only else None
    )
