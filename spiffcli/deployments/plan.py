"""What a deployment would do: what is new, what equals which version, what every reference is bound to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from msgspec.structs import replace

from spiffcli.catalog.definitions import definitions, get_definition
from spiffcli.catalog.documents import definition_from, deployment_from, layout_of
from spiffcli.catalog.keys import KeyRecord, key_id, read_key
from spiffcli.catalog.scope import Scope
from spiffcli.catalog.words import some
from spiffcli.deployments.bindings import Binder
from spiffcli.deployments.closures import Closures
from spiffcli.deployments.request import (
    Call,
    Candidate,
    Contents,
    DeploymentPlan,
    Name,
    Note,
    PlannedDefinition,
)
from spiffcli.errors import DuplicateError
from spiffcli.store.protocol import Reader
from spiffcli.values import Definition, DefinitionKind, Deployment, Reference


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
        self._binder = Binder(contents, scope, self._look_up, self._pinned)
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

    def _bind(self, candidate: Candidate) -> tuple[Reference, ...]:
        references, notes = self._binder.bind(candidate)
        self._notes.extend(notes)
        return references

    def _look_up(self, call: Call) -> KeyRecord | None:
        for tenant in self._scope.narrowed(call.fallback).tenants(call.key):
            record = self._record(tenant, call.kind, call.key)
            if record.latest:
                return record
        return None

    def _pinned(self, id: str) -> Definition | None:
        found = get_definition(self._reader, id)
        if found is not None:
            self._record(found.tenant, found.kind, found.key)  # noted, so that its deletion is noticed
        return found

    def _record(self, tenant: str, kind: DefinitionKind, key: str) -> KeyRecord:
        # Each key is read once: the plan must rest on one state of it, the one noted down in `seen`.
        id = key_id(tenant, kind, key)
        if id not in self._records:
            self._records[id] = read_key(self._reader, tenant, kind, key)
        return self._records[id]

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
        kind, key = self._contents.main
        record = self._record(self._scope.tenant, kind, key)
        document = self._reader.get("deployment", record.deployment) if record.deployment else None
        if document is None or self._contents.request.only:
            return ()
        before = deployment_from(document)
        removed = self._missing_files(before)
        if removed:
            text = (
                f"The last deployment of '{key}' ({before.created}) had files that this one has not: {some(removed)}."
            )
            self._notes.append(Note("file-removed", text, warning=True, element=key))
        return tuple(removed)

    def _missing_files(self, before: Deployment) -> list[str]:
        """Files of a deployment that are missing now, by what they define, or else by their name.

        A model that moves to another file is no loss, nor is a file given from another folder.
        """
        defined: dict[str, list[Name]] = {}
        for entry in before.definitions:
            row = self._reader.get("definition", entry.id, body=False)
            if row is not None:
                defined.setdefault(_base(definition_from(row).file), []).append((entry.kind, entry.key))
        names = {_base(resource.name) for resource in self._contents.request.resources}
        missing = []
        for resource in before.resources:
            held = defined.get(_base(resource.name))
            there = _base(resource.name) in names if held is None else set(held) <= set(self._candidates)
            if not there:
                missing.append(resource.name)
        return missing


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


def _base(name: str) -> str:
    return PurePosixPath(name).name
