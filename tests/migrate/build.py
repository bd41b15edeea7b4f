"""Models as text: nodes by short functions, flows written `a>b`."""

from __future__ import annotations

import itertools
import re

_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:s="http://spiffworkflow.org/bpmn/schema/1.0/core" id="d" targetNamespace="urn:test">'
)


#: Nodes that are no part of a path.
_APART = ("<boundaryEvent", "<dataObject", "<endEvent")


def definitions(*parts: str) -> str:
    """A file of processes, messages, signals and the like."""
    return "\n".join([_HEAD, *parts, "</definitions>"])


def process(*nodes: str, flows: str = "", key: str = "p", lanes: str = "") -> str:
    """A process; without `flows` its nodes follow each other from `start` to `end`."""
    return f'<process id="{key}" isExecutable="true">{lanes}{body(*nodes, flows=flows)}</process>'


def body(*nodes: str, flows: str = "", start: str = "start", end: str = "end") -> str:
    """Start, nodes and end of a process or sub-process, with its flows.

    Flows are written `a>b`, with `a>b:condition` where one decides; boundary events and other nodes that nothing
    leads to stand apart and need flows of their own.
    """
    path = [n for n in nodes if not n.startswith(_APART) and "triggeredByEvent" not in n.partition(">")[0]]
    if not flows:
        ids = [start, *map(_id, path), end]
        flows = " ".join(f"{one}>{two}" for one, two in itertools.pairwise(ids))
    extra = [node for node in nodes if node.startswith("<boundaryEvent")]
    for event in extra:
        if not re.search(rf"(^|\s){_id(event)}>", flows):
            flows += f" {_id(event)}>{end}_{_id(event)}"
    ends = "".join(f'<endEvent id="{end}_{_id(event)}"/>' for event in extra)
    drawn = "".join(map(_flow, flows.split()))
    return f'<startEvent id="{start}"/>{"".join(nodes)}<endEvent id="{end}"/>{ends}{drawn}'


def _flow(text: str) -> str:
    path, _, condition = text.partition(":")
    source, target = path.split(">")
    inside = f"<conditionExpression>{condition}</conditionExpression>" if condition else ""
    return f'<sequenceFlow id="{source}_to_{target}" sourceRef="{source}" targetRef="{target}">{inside}</sequenceFlow>'


def _id(node: str) -> str:
    return node.partition('id="')[2].partition('"')[0]


def _extensions(**texts: str) -> str:
    inside = "".join(f"<s:{name}>{text}</s:{name}>" for name, text in texts.items() if text)
    return f"<extensionElements>{inside}</extensionElements>" if inside else ""


def user(
    id: str, *, name: str = "", pre: str = "", post: str = "", form: str = "", loop: str = "", tag: str = "userTask"
) -> str:
    properties = f'<s:property name="formJsonSchemaFilename" value="{form}"/>' if form else ""
    return (
        f'<{tag} id="{id}" name="{name or id}">'
        f"{_extensions(preScript=pre, postScript=post, properties=properties)}{loop}</{tag}>"
    )


def manual(id: str) -> str:
    return user(id, tag="manualTask")


def script(id: str, code: str = "", *, name: str = "", loop: str = "") -> str:
    """A script task; without `code` it logs its id."""
    code = code or f"log('{id}')"
    return f'<scriptTask id="{id}" name="{name or id}">{loop}<script>{code}</script></scriptTask>'


def call(id: str, key: str, *, loop: str = "") -> str:
    return f'<callActivity id="{id}" name="{id}" calledElement="{key}">{loop}</callActivity>'


def sub(
    id: str, *nodes: str, flows: str = "", name: str = "", loop: str = "", tag: str = "subProcess", own: str = ""
) -> str:
    """A sub-process; the start and end inside are called `ID_start` and `ID_end`, or begin with `own`."""
    own = own or id
    inside = body(*nodes, flows=flows, start=f"{own}_start", end=f"{own}_end")
    return f'<{tag} id="{id}" name="{name or id}">{loop}{inside}</{tag}>'


def event_sub(id: str, trigger: str, *nodes: str, interrupting: bool = True) -> str:
    """An event sub-process: starts by `trigger`, an event definition."""
    inside = body(*nodes, start=f"{id}_start", end=f"{id}_end")
    start = f'<startEvent id="{id}_start" isInterrupting="{str(interrupting).lower()}">{trigger}</startEvent>'
    inside = inside.replace(f'<startEvent id="{id}_start"/>', start)
    return f'<subProcess id="{id}" name="{id}" triggeredByEvent="true">{inside}</subProcess>'


def gateway(kind: str, id: str, default: str = "") -> str:
    """`parallel`, `exclusive`, `inclusive` or `eventBased`; `default` is the node the default flow leads to."""
    chosen = f' default="{id}_to_{default}"' if default else ""
    return f'<{kind}Gateway id="{id}"{chosen}/>'


# Events


def duration(text: str) -> str:
    return f"<timerEventDefinition><timeDuration>'{text}'</timeDuration></timerEventDefinition>"


def date(text: str) -> str:
    return f"<timerEventDefinition><timeDate>'{text}'</timeDate></timerEventDefinition>"


def cycle(text: str) -> str:
    return f"<timerEventDefinition><timeCycle>'{text}'</timeCycle></timerEventDefinition>"


def by_message(ref: str) -> str:
    return f'<messageEventDefinition messageRef="{ref}"/>'


def by_signal(ref: str) -> str:
    return f'<signalEventDefinition signalRef="{ref}"/>'


def by_error(ref: str) -> str:
    return f'<errorEventDefinition errorRef="{ref}"/>'


def on_condition(expression: str) -> str:
    return f"<conditionalEventDefinition><condition>{expression}</condition></conditionalEventDefinition>"


def message(id: str, name: str = "") -> str:
    return f'<message id="{id}" name="{name or id}"/>'


def signal(id: str, name: str = "") -> str:
    return f'<signal id="{id}" name="{name or id}"/>'


def error(id: str, code: str = "") -> str:
    return f'<error id="{id}" name="{id}" errorCode="{code or id}"/>'


def catch(id: str, definition: str) -> str:
    return f'<intermediateCatchEvent id="{id}" name="{id}">{definition}</intermediateCatchEvent>'


def boundary(id: str, host: str, definition: str, *, interrupting: bool = True) -> str:
    cancel = str(interrupting).lower()
    return f'<boundaryEvent id="{id}" attachedToRef="{host}" cancelActivity="{cancel}">{definition}</boundaryEvent>'


def end(id: str, definition: str) -> str:
    return f'<endEvent id="{id}">{definition}</endEvent>'


# Repetition


def repeated(
    items: str = "items", item: str = "item", output: str = "", *, sequential: bool = False, until: str = ""
) -> str:
    """Multi-instance over a list; `output` collects `out` of each item."""
    collected = f"<loopDataOutputRef>{output}</loopDataOutputRef>" if output else ""
    produced = '<outputDataItem id="out" name="out"/>' if output else ""
    done = f"<completionCondition>{until}</completionCondition>" if until else ""
    return (
        f'<multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}">'
        f"<loopDataInputRef>{items}</loopDataInputRef>{collected}"
        f'<inputDataItem id="{item}" name="{item}"/>{produced}{done}</multiInstanceLoopCharacteristics>'
    )


def times(count: int, *, sequential: bool = False) -> str:
    """Multi-instance by a number."""
    return (
        f'<multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}">'
        f"<loopCardinality>{count}</loopCardinality></multiInstanceLoopCharacteristics>"
    )
