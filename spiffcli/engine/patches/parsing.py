"""Correctness: parsing follows the flows of a model with a stack of its own.

The engine's parser calls itself once per flow it follows, so a chain of 488 tasks ends in a RecursionError, which it
reports as a fault of the model. Nodes are visited, and specs made and connected, in the engine's order.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias

from SpiffWorkflow.bpmn.parser.event_parsers import ERROR_EVENT_XPATH, ESCALATION_EVENT_XPATH, StartEventParser
from SpiffWorkflow.bpmn.parser.ProcessParser import ProcessParser
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException
from SpiffWorkflow.bpmn.specs.control import BoundaryEventJoin, BoundaryEventSplit
from SpiffWorkflow.bpmn.specs.event_definitions.simple import CancelEventDefinition
from SpiffWorkflow.bpmn.specs.mixins.exclusive_gateway import ExclusiveGateway
from SpiffWorkflow.bpmn.specs.mixins.inclusive_gateway import InclusiveGateway
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import TransactionSubprocess

from spiffcli.engine.patches.overrides import Overrides

FIXES = Overrides()

#: The parsing of one node: yields nodes whose specs it needs, is sent those specs, and returns its own.
_Steps: TypeAlias = Generator[Any, Any, Any]


@FIXES.method(TaskParser)
def parse_node(self: Any) -> Any:
    """Fault: one call per flow."""
    running = [_steps(self)]
    answer: Any = None
    while True:
        try:
            node = running[-1].send(answer)
        except StopIteration as finished:
            running.pop()
            if not running:
                return finished.value
            answer = finished.value
        else:
            parser = _parser_of(self.process_parser, node)
            if parser is None:
                answer = self.process_parser.parse_node(node)
            else:
                running.append(_steps(parser))
                answer = None


_engine_definition = StartEventParser.get_event_definition


@FIXES.method(StartEventParser)
def get_event_definition(self: Any, xpaths: list[str]) -> Any:
    """Fault: the error or escalation with which an event sub-process begins is not read, so that it always runs."""
    if getattr(self.process_parser.parser, "errors_start_event_sub_processes", False):
        xpaths = [*xpaths, ERROR_EVENT_XPATH, ESCALATION_EVENT_XPATH]
    return _engine_definition(self, xpaths)


def _parser_of(process: Any, node: Any) -> Any:
    """The parser of a node that has to be parsed here, or None where the process parser answers at once."""
    if node.get("id") in process.spec.task_specs or type(process).parse_node is not ProcessParser.parse_node:
        return None
    parser_class, spec_class = process.parser._get_parser_class(node.tag)
    if not parser_class or not spec_class or parser_class.parse_node is not TaskParser.parse_node:
        return None
    return parser_class(process, spec_class, node, process.nsmap, lane=process.lane)


def _steps(parser: Any) -> _Steps:
    try:
        entry = yield from _make_spec(parser)
        yield from _connect(parser)
    except ValidationException:
        raise
    except Exception as error:
        raise ValidationException(repr(error), node=parser.node, file_name=parser.filename) from error
    return entry


def _make_spec(parser: Any) -> _Steps:
    """Make the spec of the node itself, with the loop and the boundary events around it; returns the outermost."""
    parser.task = parser.create_task()
    parser.task.extensions = parser.parse_extensions()
    if parser.xpath("./bpmn:ioSpecification"):
        parser.task.io_specification = parser.parse_io_spec()
    for kind, wrap in (
        ("standardLoopCharacteristics", parser._add_loop_task),
        ("multiInstanceLoopCharacteristics", parser._add_multiinstance_task),
    ):
        characteristics = parser.xpath(f"./bpmn:{kind}")
        if characteristics:
            wrap(characteristics[0])
    events = parser.process_parser.get_boundary_events(parser.bpmn_id)
    if not events:
        return parser.task
    return (yield from _attach(parser, events))


def _attach(parser: Any, events: list[Any]) -> _Steps:
    """Put the task between a split, from which its boundary events leave too, and a join."""
    task, spec = parser.task, parser.spec
    split = BoundaryEventSplit(spec, f"{parser.bpmn_id}.BoundaryEventSplit", lane=task.lane)
    join = BoundaryEventJoin(
        spec, f"{parser.bpmn_id}.BoundaryEventJoin", lane=task.lane, split_task=split.name, cancel=True
    )
    split.connect(task)
    task.connect(join)
    for node in events:
        event = yield node
        if isinstance(event.event_definition, CancelEventDefinition) and not isinstance(task, TransactionSubprocess):
            parser.raise_validation_exception("Cancel Events may only be used with transactions")
        split.connect(event)
        event.connect(join)
    return split


def _connect(parser: Any) -> _Steps:
    """Parse what the node's flows lead to, and connect it in the order of the engine."""
    process = parser.process_parser
    flows = process.get_outgoing_sequence_flows(parser.bpmn_id)
    if len(flows) > 1 and not parser.handles_multiple_outgoing():
        parser.raise_validation_exception("Multiple outgoing flows are not supported for tasks of type")
    targets = []
    for flow in flows:
        node = process.get_node_by_id(flow.get("targetRef"))
        if node is None:
            parser.raise_validation_exception(
                "When looking for a task spec, we found two items, perhaps a form has the same ID? "
                f"({flow.get('targetRef')})"
            )
        # A node with boundary events is entered by way of its split.
        target = parser.spec.task_specs.get(f"{flow.get('targetRef')}.BoundaryEventSplit")
        if target is None:
            target = yield node
        targets.append((float(parser.get_position(node)["y"]), target, flow))
    targets.sort(key=lambda item: item[0])
    default = _default_flow(parser, [flow for _, _, flow in targets])
    for _, target, flow in targets:
        parser.connect_outgoing(target, flow, flow.get("id") == default)


def _default_flow(parser: Any, flows: list[Any]) -> Any:
    gateway = isinstance(parser.task, (ExclusiveGateway, InclusiveGateway))
    if gateway and len(flows) == 1 and parser.parse_condition(flows[0]) is None:
        return flows[0].get("id")
    return parser.node.get("default")
