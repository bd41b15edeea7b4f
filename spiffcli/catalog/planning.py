"""What a deployment would do: what is new, what equals which version, what every reference is bound to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from spiffcli.catalog.closures import Closures
from spiffcli.catalog.definitions import definitions
from spiffcli.catalog.documents import definition_from, deployment_from, layout_of
from spiffcli.catalog.keys import KeyRecord, key_id, read_key
from spiffcli.catalog.plans import (
    DEPLOYMENT,
    Call,
    Candidate,
    Contents,
    DeploymentPlan,
    Name,
    Note,
    PlannedDefinition,
)
from spiffcli.catalog.scope import Scope, tenant_name
from spiffcli.errors import DuplicateError, ModelError
from spiffcli.store.protocol import Reader
from spiffcli.values import Definition, DefinitionKind, Reference


def plan_deployment(reader: Reader, scope: Scope, contents: Contents, created: float) -> DeploymentPlan:
    """What deploying `contents` would do now. Nothing is written.

    Args:
        created: Seconds since the epoch.

    Raises:
        ModelError: A called process or decision is neither in the files nor in the catalog.
        DuplicateError: The tag is on another version.
    """
    return _Planner(reader, scope, contents, created).plan()


class _Planner:
    def __init__(self, reader: Reader, scope: Scope, contents: Contents, created: float) -> None:
        self._reader = reader
        self._scope = scope
        self._contents = contents
        self._created = created
        self._candidates = contents.candidates
        self._records: dict[str, KeyRecord] = {}
        self._notes = list(contents.notes)
        self._closures = Closures(reader, _own_algorithm(contents))

    def plan(self) -> DeploymentPlan:
        references = {name: self._bind(each) for name, each in self._candidates.items()}
        hashes = self._closures.of_candidates(self._candidates, references)
        planned = {name: self._compare(each, hashes[name]) for name, each in self._candidates.items()}
        # A reference to a definition that turned out to be unchanged is bound to the stored one.
        ids = {self._candidates[name].id: each.id for name, each in planned.items()}
        done = tuple(
            _with_references(each, references[name], ids) if each.new else each for name, each in planned.items()
        )
        for each in done:
            self._tell(each)
        self._check_tag(planned)
        removed = self._removed()
        return DeploymentPlan(
            contents=self._contents,
            tenant=self._scope.tenant,
            created=self._created,
            definitions=done,
            notes=tuple(self._notes),
            removed=removed,
            seen={id: record.revision for id, record in self._records.items()},
        )

    # References

    def _bind(self, candidate: Candidate) -> tuple[Reference, ...]:
        told: set[Name] = set()
        bound = []
        for call in candidate.calls:
            first = (call.kind, call.key) not in told
            told.add((call.kind, call.key))
            bound.append(self._bind_call(candidate, call, tell=first))
        return tuple(bound)

    def _bind_call(self, candidate: Candidate, call: Call, *, tell: bool) -> Reference:
        inside = self._candidates.get((call.kind, call.key))
        found = None if inside is not None and call.binding == DEPLOYMENT else self._look_up(call.kind, call.key)
        if call.binding != DEPLOYMENT:
            if tell and found is None and inside is None:
                self._note("resolved-later", candidate, call, _missing_later(call), warning=True)
            return Reference(call.element, call.kind, call.key, call.binding, None)
        if inside is not None:
            return Reference(call.element, call.kind, call.key, DEPLOYMENT, inside.id)
        if found is not None:
            if tell:
                self._note("pinned", candidate, call, self._pinned(call, found))
            return Reference(call.element, call.kind, call.key, DEPLOYMENT, found.latest_id, pinned=True)
        if call.kind != "form":
            raise self._missing(candidate, call)
        if tell:
            self._note("form-missing", candidate, call, _missing_form(candidate, call), warning=True)
        return Reference(call.element, call.kind, call.key, DEPLOYMENT, None)

    def _look_up(self, kind: DefinitionKind, key: str) -> KeyRecord | None:
        for tenant in self._scope.tenants(key):
            record = self._record(tenant, kind, key)
            if record.latest:
                return record
        return None

    def _record(self, tenant: str, kind: DefinitionKind, key: str) -> KeyRecord:
        # Each key is read once: the plan must rest on one state of it, the one noted down in `seen`.
        id = key_id(tenant, kind, key)
        if id not in self._records:
            self._records[id] = read_key(self._reader, tenant, kind, key)
        return self._records[id]

    def _pinned(self, call: Call, found: KeyRecord) -> str:
        where = "" if found.tenant == self._scope.tenant else f" of {tenant_name(found.tenant)}"
        return (
            f"{call.kind.capitalize()} '{call.key}' is not among the files: "
            f"bound to {call.key}@{found.latest}{where}, the latest version there is."
        )

    def _missing(self, candidate: Candidate, call: Call) -> ModelError:
        there = self._contents.model.processes.get(call.key) if call.kind == "process" else None
        if there is not None:
            problem, hint = f"is in {there.file} but not executable", 'Set isExecutable="true" on it.'
        else:
            problem = f"is neither among the files nor in {tenant_name(self._scope.tenant)}"
            option = "-d" if call.kind == "decision" else "-b"
            hint = f"Give its file too ({option} FILE), add it first, or bind it later (--binding latest)."
        return ModelError(
            f"'{call.element}' of {candidate.kind} '{candidate.key}' needs {call.kind} '{call.key}', which {problem}.",
            hint=hint,
            file=candidate.file,
            line=call.line,
            element=call.element,
        )

    def _note(self, rule: str, candidate: Candidate, call: Call, text: str, *, warning: bool = False) -> None:
        self._notes.append(Note(rule, text, warning, candidate.file, call.element, call.line))

    # Versions

    def _compare(self, candidate: Candidate, hash: str) -> PlannedDefinition:
        record = self._record(self._scope.tenant, candidate.kind, candidate.key)
        row = self._reader.get("definition", record.latest_id, body=False) if record.latest_id else None
        if row is not None and not self._contents.request.force_new:
            latest = definition_from(row)
            if self._closures.of_stored(latest) == hash:
                layout_only = layout_of(row) != candidate.layout
                return PlannedDefinition(latest.id, candidate, latest.version, False, hash, layout_only=layout_only)
        same_as = self._same_as(candidate, hash) if row is not None else None
        return PlannedDefinition(candidate.id, candidate, record.highest + 1, True, hash, same_as=same_as)

    def _same_as(self, candidate: Candidate, hash: str) -> int | None:
        versions = self._versions(candidate)
        same = (each.version for each in versions if self._closures.of_stored(each) == hash)
        return next(same, None)

    def _versions(self, candidate: Candidate) -> list[Definition]:
        own = Scope(self._scope.tenant, fallback=False)
        return definitions(self._reader, own, candidate.key, (candidate.kind,))[::-1]

    def _tell(self, planned: PlannedDefinition) -> None:
        candidate, text = planned.candidate, ""
        what = f"{candidate.kind.capitalize()} '{candidate.key}'"
        if not planned.new and planned.layout_only:
            rule = "layout-only"
            text = f"{what} differs from version {planned.version} only in its drawing: no new version is made."
        elif not planned.new:
            rule, text = "unchanged", f"{what} is unchanged since version {planned.version}."
        elif planned.same_as is not None:
            rule, text = "same-as", f"{planned.label} has the same content as version {planned.same_as}."
        if text:
            self._notes.append(Note(rule, text, file=candidate.file))

    # Around it

    def _check_tag(self, planned: Mapping[Name, PlannedDefinition]) -> None:
        tag = self._contents.request.tag
        if tag is None or self._contents.request.move_tag:
            return
        for kind, key in self._contents.tagged:
            holder = self._record(self._scope.tenant, kind, key).tags.get(tag)
            if holder is not None and holder != planned[kind, key].version:
                raise DuplicateError(f"Tag '{tag}' is on {key}@{holder}.", hint="Move it with --move.", holder=holder)

    def _removed(self) -> tuple[str, ...]:
        main = self._contents.main
        record = self._record(self._scope.tenant, *main)
        document = self._reader.get("deployment", record.deployment) if record.deployment else None
        if document is None:
            return ()
        before = deployment_from(document)
        removed = _missing_files(
            (entry.name for entry in before.resources),
            (resource.name for resource in self._contents.request.resources),
        )
        for name in removed:
            text = f"{name} belonged to the last deployment of '{main[1]}' ({before.created}) and is not in this one."
            self._notes.append(Note("file-removed", text, warning=True, file=name))
        return removed


def _own_algorithm(contents: Contents) -> str:
    return contents.candidates[contents.main].own_hash.partition(":")[0]


def _with_references(
    planned: PlannedDefinition, references: Iterable[Reference], ids: Mapping[str, str]
) -> PlannedDefinition:
    bound = tuple(
        replace(each, target=ids.get(each.target, each.target)) if each.target is not None else each
        for each in references
    )
    return replace(planned, references=bound)


def _missing_files(before: Iterable[str], now: Iterable[str]) -> tuple[str, ...]:
    # By file name alone: the same files are often given from another folder.
    there = {PurePosixPath(name).name for name in now}
    return tuple(sorted(name for name in before if PurePosixPath(name).name not in there))


def _missing_later(call: Call) -> str:
    return (
        f"{call.kind.capitalize()} '{call.key}' is not there yet; '{call.element}' looks for it "
        f"({call.binding}) when it is entered."
    )


def _missing_form(candidate: Candidate, call: Call) -> str:
    return f"Form '{call.key}', which '{call.element}' of '{candidate.key}' shows, is missing."
