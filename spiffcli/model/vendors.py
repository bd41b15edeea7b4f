"""Extension elements and attributes of the engines we know, sorted into the fields of a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lxml import etree

from spiffcli.model.details import Correlation, Listener, Parameter, VariableMapping
from spiffcli.model.draft import PREFIXES, Draft, put, shown
from spiffcli.model.xml import attributes_of, canonical, line_of, one_line, prose, split_tag, text_of, verbatim

#: Attributes that mean nothing else when they are absent.
_DEFAULTS = {
    "asyncBefore": "false",
    "asyncAfter": "false",
    "async": "false",
    "exclusive": "true",
    "isStartableInTasklist": "true",
    "scriptsOnInstances": "false",
}

_ASSIGNMENT = frozenset(
    {
        "assignee",
        "candidateUsers",
        "candidateGroups",
        "candidateStarterUsers",
        "candidateStarterGroups",
        "dueDate",
        "followUpDate",
        "priority",
        "owner",
        "businessCalendarName",
        "skipExpression",
    }
)
_SERVICE_KINDS = ("class", "expression", "delegateExpression", "topic", "type")
_FILES = {"formJsonSchemaFilename": "schema", "formUiSchemaFilename": "ui"}


def read_attributes(element: etree._Element, draft: Draft) -> None:
    """Sort the attributes of other namespaces than BPMN's into `draft`."""
    for key, value in attributes_of(element):
        if key[0] == "{":
            _attribute(key, value, draft)


def _attribute(key: str, value: str, draft: Draft) -> None:
    namespace, name = split_tag(key)
    if namespace not in PREFIXES:
        if not namespace.startswith("http://www.w3.org/"):
            put(draft.extensions, key, value.strip())
        return
    if _DEFAULTS.get(name) == value:
        return
    if name in _ASSIGNMENT:
        draft.assignment[name] = value
    elif name == "binding":
        draft.binding = value
    elif name in _ATTRIBUTES:
        group, target = _ATTRIBUTES[name]
        getattr(draft, group)[target] = value
    elif name in _SERVICE_KINDS:
        _service_kind(name, value, draft)
    elif name in ("resultVariable", "resultVariableName"):
        _result(value, draft)
    else:
        put(draft.settings, f"{PREFIXES[namespace]}:{name}", value)


#: Attribute -> (kind of value, name within it).
_ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "formKey": ("form", "key"),
    "formRef": ("form", "key"),
    "formRefBinding": ("form", "binding"),
    "formRefVersion": ("form", "version"),
    "formId": ("form", "key"),
    "decisionRef": ("decision", "key"),
    "decisionRefBinding": ("decision", "binding"),
    "decisionRefVersion": ("decision", "version"),
    "decisionRefVersionTag": ("decision", "tag"),
    "decisionRefTenantId": ("decision", "tenant"),
    "mapDecisionResult": ("decision", "map"),
    "calledElementBinding": ("call", "binding"),
    "calledElementVersion": ("call", "version"),
    "calledElementVersionTag": ("call", "tag"),
    "calledElementTenantId": ("call", "tenant"),
    "variableMappingClass": ("call", "variableMappingClass"),
    "variableMappingDelegateExpression": ("call", "variableMappingDelegateExpression"),
    "inheritVariables": ("call", "inheritVariables"),
    "inheritBusinessKey": ("call", "inheritBusinessKey"),
    "businessKey": ("call", "businessKey"),
    "sameDeployment": ("call", "sameDeployment"),
    "resource": ("script", "resource"),
    "collection": ("loop", "input"),
    "elementVariable": ("loop", "input_item"),
    "errorCodeVariable": ("event", "codeVariable"),
    "errorMessageVariable": ("event", "messageVariable"),
    "escalationCodeVariable": ("event", "codeVariable"),
    "variableName": ("event", "conditionVariable"),
    "variableEvents": ("event", "conditionEvents"),
}


def _service_kind(kind: str, value: str, draft: Draft) -> None:
    # An external task has a topic beside its type; the topic is what names the worker.
    if kind == "topic" or "operator" not in draft.service:
        draft.service.update(kind=kind, operator=value)
    else:
        draft.service.setdefault("also", {})[kind] = value


def _result(value: str, draft: Draft) -> None:
    group = draft.decision if draft.asks_decision else draft.script if _scripted(draft) else draft.service
    group["result"] = value


def _scripted(draft: Draft) -> bool:
    return draft.type == "scriptTask"


def read_extensions(container: etree._Element, draft: Draft) -> None:
    """Sort the children of `extensionElements` into `draft`."""
    for child in container:
        namespace, name = split_tag(child.tag)
        handler = _ELEMENTS.get(name) if namespace in PREFIXES else None
        if handler is None:
            put(draft.extensions, shown(child.tag), canonical(child))
        else:
            handler(child, draft)


def _text(name: str) -> Callable[[etree._Element, Draft], None]:
    def read(element: etree._Element, draft: Draft) -> None:
        draft.texts[name] = verbatim(text_of(element))

    return read


def _instructions(element: etree._Element, draft: Draft) -> None:
    draft.texts["instructions"] = prose(text_of(element))


def _called_decision(element: etree._Element, draft: Draft) -> None:
    key = (element.get("decisionId") or text_of(element)).strip()
    draft.decision.update(_given(key=key, result=element.get("resultVariable")))
    draft.decision.update(_given(binding=element.get("bindingType"), tag=element.get("versionTag")))


def _called_element(element: etree._Element, draft: Draft) -> None:
    known = {"processId": "key", "bindingType": "binding", "versionTag": "tag"}
    for name, value in attributes_of(element):
        draft.call[known.get(name, name)] = value


def _given(**values: str | None) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


def _operator(element: etree._Element, draft: Draft) -> None:
    draft.service.update(kind="operator", operator=element.get("id"), line=line_of(element))
    draft.service.update(_given(result=element.get("resultVariable")))
    for item in element.iter():
        name = split_tag(item.tag)[1]
        if name == "parameter":
            draft.parameters.append(Parameter(item.get("id", ""), item.get("value"), item.get("type"), line_of(item)))
        elif name == "retry":
            draft.service.update(_given(retries=item.get("retries"), backoff=item.get("backoff_base")))


def _properties(element: etree._Element, draft: Draft) -> None:
    for item in element:
        name, value = item.get("name") or item.get("id") or "", item.get("value") or ""
        if name in _FILES:
            draft.form[_FILES[name]] = value
        elif name == "binding":
            draft.binding = value
        else:
            put(draft.properties, name, value)


def _task_definition(element: etree._Element, draft: Draft) -> None:
    draft.service.update(kind="job", operator=element.get("type"), line=line_of(element))
    draft.service.update(_given(retries=element.get("retries")))


def _headers(element: etree._Element, draft: Draft) -> None:
    for item in element:
        put(draft.headers, item.get("key", ""), item.get("value", ""))


def _input_output(element: etree._Element, draft: Draft) -> None:
    for item in element:
        name = split_tag(item.tag)[1]
        line = line_of(item)
        if name in ("inputParameter", "outputParameter"):
            direction = "in" if name == "inputParameter" else "out"
            value = canonical(item) if len(item) else verbatim(item.text)
            draft.mappings.append(VariableMapping(direction, item.get("name"), value, line=line))
        else:
            direction = "in" if name == "input" else "out"
            draft.mappings.append(VariableMapping(direction, item.get("target"), item.get("source"), line=line))


def _in_out(element: etree._Element, draft: Draft) -> None:
    direction = split_tag(element.tag)[1]
    if "businessKey" in element.attrib:
        draft.call["businessKey"] = element.get("businessKey")
        return
    source = element.get("source") or element.get("sourceExpression") or element.get("variables")
    known = ("source", "sourceExpression", "target", "variables")
    options = {key: value for key, value in attributes_of(element) if key not in known}
    draft.mappings.append(VariableMapping(direction, element.get("target"), source, options, line_of(element)))


def _execution_listener(element: etree._Element, draft: Draft) -> None:
    draft.listeners.append(_listener("execution", element))


def _task_listener(element: etree._Element, draft: Draft) -> None:
    draft.listeners.append(_listener("task", element))


def _listener(on: str, element: etree._Element) -> Listener:
    event = element.get("event") or element.get("eventType")
    line = line_of(element)
    for kind in ("class", "expression", "delegateExpression", "type"):
        if kind in element.attrib and len(element) == 0:
            return Listener(on, event, "job" if kind == "type" else kind, element.get(kind), line)
    return Listener(on, event, "script" if len(element) else None, canonical(element), line)


def _listeners(element: etree._Element, draft: Draft) -> None:
    on = "task" if split_tag(element.tag)[1] == "taskListeners" else "execution"
    draft.listeners += [_listener(on, item) for item in element]


def _assignment(element: etree._Element, draft: Draft) -> None:
    for name, value in attributes_of(element):
        draft.assignment[split_tag(name)[1]] = value


def _form_definition(element: etree._Element, draft: Draft) -> None:
    key = element.get("formId") or element.get("formKey") or element.get("externalReference")
    draft.form.update(_given(key=key, binding=element.get("bindingType"), tag=element.get("versionTag")))


def _form_data(element: etree._Element, draft: Draft) -> None:
    fields: dict[str, str] = draft.form.setdefault("fields", {})
    items = element if split_tag(element.tag)[1] == "formData" else (element,)
    for item in items:
        put(fields, item.get("id", ""), canonical(item))


def _zeebe_script(element: etree._Element, draft: Draft) -> None:
    draft.script.update(_given(body=element.get("expression"), result=element.get("resultVariable")))


def _zeebe_loop(element: etree._Element, draft: Draft) -> None:
    names = {
        "inputCollection": "input",
        "inputElement": "input_item",
        "outputCollection": "output",
        "outputElement": "output_item",
    }
    for name, value in attributes_of(element):
        draft.loop[names.get(name, name)] = value


def _field(element: etree._Element, draft: Draft) -> None:
    value = canonical(element) if len(element) else element.get("stringValue") or element.get("expression")
    draft.parameters.append(Parameter(element.get("name", ""), value, None, line_of(element)))


def _setting(element: etree._Element, draft: Draft) -> None:
    put(draft.settings, shown(element.tag), _value(element))


def _form_content(element: etree._Element, draft: Draft) -> None:
    """A form kept inside the process, by its id."""
    draft.settings[f"{shown(element.tag)} {element.get('id', '')}"] = text_of(element).strip()


def _value(element: etree._Element) -> str:
    if len(element) or (element.attrib and text_of(element).strip()):
        return canonical(element)
    if element.attrib:
        return ", ".join(f"{key}={value}" for key, value in sorted(attributes_of(element)))
    return text_of(element).strip()


def _retry_cycle(element: etree._Element, draft: Draft) -> None:
    draft.service["retries"] = one_line(text_of(element))


def _connector(element: etree._Element, draft: Draft) -> None:
    for item in element:
        name = split_tag(item.tag)[1]
        if name == "connectorId":
            draft.service.update(kind="connector", operator=one_line(item.text))
        elif name == "inputOutput":
            _input_output(item, draft)


def _event_text(name: str) -> Callable[[etree._Element, Draft], None]:
    def read(element: etree._Element, draft: Draft) -> None:
        draft.event[name] = verbatim(text_of(element))

    return read


def _process_correlation(element: etree._Element, draft: Draft) -> None:
    found = {split_tag(item.tag)[1]: text_of(item) for item in element}
    property_id = (found.get("propertyId") or "").strip()
    draft.correlations.append(
        Correlation(property_id, verbatim(found.get("expression")), of="process", line=line_of(element))
    )


_ELEMENTS: Mapping[str, Callable[[etree._Element, Draft], None]] = {
    "preScript": _text("pre_script"),
    "postScript": _text("post_script"),
    "instructionsForEndUser": _instructions,
    "calledDecisionId": _called_decision,
    "calledDecision": _called_decision,
    "calledElement": _called_element,
    "serviceTaskOperator": _operator,
    "properties": _properties,
    "taskDefinition": _task_definition,
    "taskHeaders": _headers,
    "ioMapping": _input_output,
    "inputOutput": _input_output,
    "in": _in_out,
    "out": _in_out,
    "executionListener": _execution_listener,
    "taskListener": _task_listener,
    "executionListeners": _listeners,
    "taskListeners": _listeners,
    "assignmentDefinition": _assignment,
    "taskSchedule": _assignment,
    "priorityDefinition": _assignment,
    "formDefinition": _form_definition,
    "formData": _form_data,
    "formProperty": _form_data,
    "script": _zeebe_script,
    "loopCharacteristics": _zeebe_loop,
    "field": _field,
    "failedJobRetryTimeCycle": _retry_cycle,
    "connector": _connector,
    "messagePayload": _event_text("payload"),
    "payloadExpression": _event_text("payload"),
    "messageVariable": _event_text("variable"),
    "variableName": _event_text("variable"),
    "processVariableCorrelation": _process_correlation,
    "userTask": _setting,
    "userTaskForm": _form_content,
    "versionTag": _setting,
    "adHoc": _setting,
    "taskMetadataValues": _setting,
    "allowGuest": _setting,
    "guestConfirmation": _setting,
    "errorEventDefinition": _setting,
    "subscription": _setting,
    "conditionalFilter": _setting,
    "potentialStarter": _setting,
    "customResource": _setting,
}
