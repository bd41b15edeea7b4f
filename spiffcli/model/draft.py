"""A node while it is being read, and the values that come of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from spiffcli.model.details import (
    Call,
    Correlation,
    DecisionCall,
    FormUse,
    Listener,
    Loop,
    Parameter,
    Script,
    Service,
    VariableMapping,
)
from spiffcli.model.xml import split_tag

#: Prefix under which names of each known namespace are shown, whatever prefix a file uses.
PREFIXES: Mapping[str, str] = {
    "http://spiffworkflow.org/bpmn/schema/1.0/core": "spiffworkflow",
    "http://camunda.org/schema/1.0/bpmn": "camunda",
    "http://camunda.org/schema/zeebe/1.0": "zeebe",
    "http://flowable.org/bpmn": "flowable",
    "http://activiti.org/bpmn": "activiti",
}


class Draft(Struct):
    """A node while it is being read: values found so far, by kind."""

    type: str
    line: int
    service: dict[str, Any] = {}
    parameters: list[Parameter] = []
    headers: dict[str, str] = {}
    call: dict[str, Any] = {}
    decision: dict[str, Any] = {}
    form: dict[str, Any] = {}
    script: dict[str, Any] = {}
    loop: dict[str, Any] = {}
    texts: dict[str, str | None] = {}
    assignment: dict[str, str] = {}
    mappings: list[VariableMapping] = []
    listeners: list[Listener] = []
    properties: dict[str, str] = {}
    settings: dict[str, str] = {}
    extensions: dict[str, str] = {}
    event: dict[str, Any] = {}
    correlations: list[Correlation] = []
    binding: str | None = None

    @property
    def asks_decision(self) -> bool:
        """Whether settings that several kinds of task share belong to a decision."""
        return self.type == "businessRuleTask"


def put(target: dict[str, str], key: str, value: str) -> None:
    """Add under `key`, or under `key#2`, `key#3` ... where that is taken."""
    name, n = key, 1
    while name in target:
        n += 1
        name = f"{key}#{n}"
    target[name] = value


def shown(tag: str) -> str:
    """A tag or attribute with the usual prefix of its namespace, or `{namespace}name`."""
    namespace, name = split_tag(tag)
    prefix = PREFIXES.get(namespace)
    return f"{prefix}:{name}" if prefix else tag


def service_of(draft: Draft) -> Service | None:
    """The service a draft names, or None."""
    found = draft.service
    if not (found or draft.parameters or draft.headers):
        return None
    headers = dict(draft.headers)
    headers.update({f"({key})": value for key, value in found.get("also", {}).items()})
    return Service(
        kind=found.get("kind", "none"),
        operator=found.get("operator"),
        result=found.get("result"),
        retries=found.get("retries"),
        backoff=found.get("backoff"),
        parameters=tuple(draft.parameters),
        headers=headers,
        line=found.get("line", draft.line),
    )


def call_of(draft: Draft, called: str | None) -> Call | None:
    """The target of a call activity, or None where `draft` calls nothing."""
    found = dict(draft.call)
    key = found.pop("key", None) or called
    binding = bound(found, draft.binding)
    if draft.type != "callActivity" and key is None and not found:
        return None
    return Call(key, binding, found, draft.line)


def decision_of(draft: Draft) -> DecisionCall | None:
    """The decision a draft asks, or None."""
    found = dict(draft.decision)
    if not found:
        return None
    key, result = found.pop("key", None), found.pop("result", None)
    binding = bound(found, draft.binding)
    return DecisionCall(key, binding, result, found, draft.line)


def form_of(draft: Draft) -> FormUse | None:
    """The form a draft shows, or None."""
    found = dict(draft.form)
    if not found:
        return None
    binding = bound(found, draft.binding)
    key, fields = found.pop("key", None), found.pop("fields", {})
    return FormUse(found.pop("schema", None), found.pop("ui", None), key, binding, fields, draft.line)


def script_of(draft: Draft) -> Script | None:
    """The code of a script task, or None where there is none."""
    return Script(**{"line": draft.line, **draft.script}) if draft.script else None


def bound(found: dict[str, Any], general: str | None) -> str | None:
    """Take a binding out of `found` and write it as `deployment`, `latest`, `version:N` or `tag:T`."""
    binding, version, tag = found.pop("binding", None), found.pop("version", None), found.pop("tag", None)
    if binding == "version" or (version and not binding):
        return f"version:{version}"
    if binding == "versionTag" or (tag and not binding):
        return f"tag:{tag}"
    return binding or general


def extend_loop(loop: Loop | None, draft: Draft) -> Loop | None:
    """`loop` with what extensions say about it."""
    if loop is None or not draft.loop:
        return loop
    known = ("input", "input_item", "output", "output_item")
    options = {**loop.options, **{k: v for k, v in draft.loop.items() if k not in known}}
    return replace(loop, options=options, **{k: draft.loop[k] for k in known if k in draft.loop})
