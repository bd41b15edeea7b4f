"""Storing a deployment: everything or nothing, and no version number twice."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from spiffcli.catalog.clock import iso
from spiffcli.catalog.definitions import STARTABLE, get_definition, tag
from spiffcli.catalog.documents import (
    definition_body,
    definition_fields,
    deployment_body,
    deployment_fields,
)
from spiffcli.catalog.keys import read_key, write_key
from spiffcli.catalog.scope import Scope
from spiffcli.deployments.plan import plan_deployment
from spiffcli.deployments.request import DeploymentPlan, Name, PlannedDefinition, SpecBytes, SpecSource
from spiffcli.errors import ConflictError
from spiffcli.store.protocol import Transaction
from spiffcli.values import Definition, DeployedDefinition, Deployment, ResourceEntry


def deploy(
    tx: Transaction, scope: Scope, plan: DeploymentPlan, specs: SpecBytes, more: SpecSource | None = None
) -> tuple[Deployment, DeploymentPlan]:
    """Store what `plan` says; returns the plan that was carried out, too.

    If somebody else deployed one of its keys in the meantime, the plan is made anew inside the transaction,
    where nobody can come in between: numbers are never given twice, and content that has become known is not
    stored again.

    Args:
        specs: Engine specs of the new definitions; those without any are stored without.
        more: Makes the specs of a plan; asked when the new plan has new definitions that the old one had not.

    Raises:
        ConflictError: There are such definitions, and nobody to ask.
        ModelError: As `plan_deployment`.
        DuplicateError: As `plan_deployment`.
    """
    if not _holds(tx, plan):
        before = {each.name for each in plan.new}
        plan = plan_deployment(tx, scope, plan.contents, plan.created)
        specs = _with_missing(plan, before, specs, more)
    deployment = _deployment(plan)
    for planned in plan.new:
        _store_definition(tx, plan, deployment, planned, specs.get(planned.name, {}))
        _store_key(tx, plan, planned)
    for resource in plan.contents.request.resources:
        tx.put_blob(resource.content)
    fields, body = deployment_fields(deployment), deployment_body(deployment)
    tx.put("deployment", deployment.id, fields, body, expected=0)
    _remember_last(tx, plan)
    _put_tags(tx, plan)
    return deployment, plan


def _holds(tx: Transaction, plan: DeploymentPlan) -> bool:
    """Whether everything the plan rests on is as it was."""
    for id, revision in plan.seen.items():
        document = tx.get("key", id, body=False)
        if (0 if document is None else document.revision) != revision:
            return False
    return True


def _with_missing(plan: DeploymentPlan, before: set[Name], specs: SpecBytes, more: SpecSource | None) -> SpecBytes:
    added = [each for each in plan.new if each.name not in before and each.candidate.kind in STARTABLE]
    if not added:
        return specs
    if more is None:
        labels = ", ".join(each.candidate.key for each in added)
        raise ConflictError(
            f"Somebody else deployed {labels} at the same time; nothing was stored.", hint="Add it again."
        )
    return {**specs, **more(plan)}


def _deployment(plan: DeploymentPlan) -> Deployment:
    request = plan.contents.request
    return Deployment(
        id=plan.contents.deployment,
        tenant=plan.tenant,
        name=request.name,
        created=iso(plan.created),
        user=request.user,
        source=request.source,
        resources=tuple(dict.fromkeys(ResourceEntry(each.name, each.kind, each.hash) for each in request.resources)),
        definitions=tuple(
            DeployedDefinition(each.id, each.candidate.kind, each.candidate.key, each.version, each.new)
            for each in plan.definitions
        ),
    )


def _store_definition(
    tx: Transaction,
    plan: DeploymentPlan,
    deployment: Deployment,
    planned: PlannedDefinition,
    specs: Mapping[str, bytes],
) -> None:
    candidate = planned.candidate
    definition = Definition(
        id=planned.id,
        tenant=plan.tenant,
        kind=candidate.kind,
        key=candidate.key,
        version=planned.version,
        name=candidate.label,
        hash=planned.hash,
        own_hash=candidate.own_hash,
        deployment=deployment.id,
        file=candidate.file,
        created=deployment.created,
        user=deployment.user,
        source=deployment.source,
        specs={name: tx.put_blob(content) for name, content in specs.items()},
        references=planned.references,
    )
    fields = definition_fields(definition, candidate.layout)
    tx.put("definition", definition.id, fields, definition_body(definition, candidate.starts), expected=0)


def _store_key(tx: Transaction, plan: DeploymentPlan, planned: PlannedDefinition) -> None:
    candidate = planned.candidate
    record = read_key(tx, plan.tenant, candidate.kind, candidate.key)
    record = record.with_version(planned.version, planned.id)
    write_key(tx, replace(record, starts=candidate.starts, starts_id=planned.id))


def _remember_last(tx: Transaction, plan: DeploymentPlan) -> None:
    """Note the deployment under its main key: the next one for it is compared with this one's files."""
    record = read_key(tx, plan.tenant, *plan.contents.main)
    write_key(tx, replace(record, deployment=plan.contents.deployment))


def _put_tags(tx: Transaction, plan: DeploymentPlan) -> None:
    request, planned = plan.contents.request, {each.name: each for each in plan.definitions}
    for name in plan.contents.tagged if request.tag is not None else ():
        definition = get_definition(tx, planned[name].id)
        if definition is not None and request.tag is not None:
            tag(tx, definition, request.tag, move=request.move_tag)
