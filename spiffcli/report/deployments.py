"""Deployments and the history of versions, as JSON documents and as the cells of aligned lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from spiffcli.report.instances import commit_in_words, moment, source_in_words, when
from spiffcli.text import one_line
from spiffcli.values import Definition, Deployment, JsonObject, Source

if TYPE_CHECKING:
    from spiffcli.catalog.suspension import Scheduled
    from spiffcli.deployments.rebinding import Rebound

#: Labels in one line.
_MOST = 8


def deployments_json(listed: Sequence[tuple[Deployment, Sequence[Definition]]]) -> JsonObject:
    """A `runner/deployments/1` document of deployments with the versions they made."""
    return {
        "schema": "runner/deployments/1",
        "deployments": [
            {**deployment_entry(deployment), "specs": [_short(each) for each in made]} for deployment, made in listed
        ],
    }


def deployment_json(deployment: Deployment) -> JsonObject:
    """A `runner/deployment/1` document of a deployment that was read whole."""
    return {
        "schema": "runner/deployment/1",
        "deployment": deployment_entry(deployment),
        "specs": [
            {"id": each.id, "kind": each.kind, "key": each.key, "version": each.version, "new": each.new}
            for each in deployment.definitions
        ],
        "files": [{"name": each.name, "kind": each.kind, "hash": each.hash} for each in deployment.resources],
    }


def deployment_entry(deployment: Deployment) -> JsonObject:
    """What is known of a deployment without its files."""
    return {
        "id": deployment.id,
        "name": deployment.name,
        "tenant": deployment.tenant,
        "created": deployment.created,
        "user": deployment.user,
        "source": _source_json(deployment.source),
    }


def _source_json(source: Source) -> JsonObject:
    return {
        "files": list(source.files),
        "commit": source.commit,
        "branch": source.branch,
        "dirty": source.dirty,
        "path": source.path,
    }


def _short(definition: Definition) -> JsonObject:
    return {"id": definition.id, "kind": definition.kind, "key": definition.key, "version": definition.version}


def deployment_cells(listed: Iterable[tuple[Deployment, Sequence[Definition]]]) -> list[list[str]]:
    """Id, time, user, name, what was made, and the commit of each deployment."""
    return [
        [
            deployment.id,
            when(deployment.created),
            deployment.user,
            one_line(deployment.name or ""),
            _made(made),
            commit_in_words(deployment.source),
        ]
        for deployment, made in listed
    ]


def _made(made: Sequence[Definition]) -> str:
    labels = [each.label for each in made]
    if not labels:
        return "nothing new"
    more = f" and {len(labels) - _MOST} more" if len(labels) > _MOST else ""
    return ", ".join(labels[:_MOST]) + more


def deployment_facts(deployment: Deployment) -> Iterator[list[str]]:
    """What is known of a deployment without its files, fact by fact."""
    yield ["id", deployment.id]
    if deployment.name:
        yield ["name", one_line(deployment.name)]
    yield ["added", f"{when(deployment.created)} by {deployment.user or 'unknown'}"]
    if deployment.tenant:
        yield ["tenant", one_line(deployment.tenant)]
    if deployment.source.commit is not None:
        yield ["commit", source_in_words(deployment.source)]


def definition_cells(deployment: Deployment) -> list[list[str]]:
    """The definitions a deployment lists: id, label, kind, whether it made them."""
    return [
        [each.id, f"{each.key}@{each.version}", each.kind, "new" if each.new else "unchanged"]
        for each in deployment.definitions
    ]


def why_json(
    definition: Definition, previous: Definition | None, diff: JsonObject | None, rebound: Sequence[Rebound]
) -> JsonObject:
    """A `runner/why/1` document.

    Args:
        diff: What changed, as a `runner/diff/1` document.
    """
    return {
        "schema": "runner/why/1",
        "spec": _short(definition),
        "previous": None if previous is None else _short(previous),
        "forced": is_forced(definition, previous),
        "created": definition.created,
        "user": definition.user,
        "source": _source_json(definition.source),
        "summary": None if diff is None else diff["summary"],
        "changed": [] if diff is None else _changed(definition, diff),
        "rebound": [each.to_json() for each in rebound],
    }


def _changed(definition: Definition, diff: JsonObject) -> list[str]:
    """What changed, as `kind:key`: the definition itself, and what it calls."""
    own = [f"{definition.kind}:{definition.key}"] if diff["changes"] else []
    return [*own, *(key for key, each in diff["dependencies"].items() if each["status"] != "unchanged")]


def why_title(definition: Definition, previous: Definition | None) -> str:
    """Who made a version when, in one sentence."""
    commit = commit_in_words(definition.source)
    whence = f" from commit {commit}" if commit else ""
    who = f"{definition.label} was added at {when(definition.created)} by {definition.user or 'unknown'}{whence}"
    if previous is None:
        return f"{who}; it is the first version there is."
    if not is_forced(definition, previous):
        return f"{who}."
    return f"{who}, by force (--force-new): its content is that of {previous.label}."


def is_forced(definition: Definition, previous: Definition | None) -> bool:
    """Whether a version was made although nothing had changed since the one before."""
    return previous is not None and previous.version == definition.version - 1 and previous.hash == definition.hash


def rebound_cells(rebound: Iterable[Rebound]) -> list[list[str]]:
    """What references mean now and meant before."""
    return [[each.element, each.kind, f"{each.after} (was {each.before})"] for each in rebound]


def scheduled_in_words(plan: Scheduled, definition: Definition) -> str:
    """What is going to happen: `order@2 and its instances will be suspended`."""
    what = f"every version of {definition.key}" if plan.whole_key else definition.label
    whose = "their" if plan.whole_key else "its"
    who = f"{what} and {whose} instances" if plan.instances else what
    return f"{who} will be {'suspended' if plan.action == 'suspend' else 'activated'}"


def scheduled_json(plan: Scheduled) -> JsonObject:
    """A suspension or activation that waits for its date, as documents have it."""
    return {
        "id": plan.id,
        "action": plan.action,
        "spec": plan.definition,
        "all_versions": plan.whole_key,
        "with_instances": plan.instances,
        "at": moment(plan.at),
        "user": plan.user,
    }
