"""The ids another differ expects on its own pairs of models, and where ours differ from them, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from spiffcli.diff import Diff, compare
from spiffcli.model import Model, load
from spiffcli.values import Resource

#: Pair -> ids that are added, removed, changed, drawn differently.
_EXPECTED: dict[tuple[str, str], tuple[str, str, str, str]] = {
    ("add/before", "add/after"): ("EndEvent_1 SequenceFlow_2", "", "", ""),
    ("remove/before", "remove/after"): ("", "Task_1 SequenceFlow_1", "", ""),
    ("change/before", "change/after"): ("", "", "Task_1", ""),
    ("change/type-change.before", "change/type-change.after"): ("", "", "TASK", ""),
    ("layout-change/before", "layout-change/after"): ("", "", "", "Task_1 SequenceFlow_1"),
    ("incoming-outgoing/reconnect.before", "incoming-outgoing/reconnect.after"): (
        "",
        "",
        "SEQUENCE_FLOW MESSAGE_FLOW",
        "SEQUENCE_FLOW MESSAGE_FLOW",
    ),
    ("incoming-outgoing/add-task.before", "incoming-outgoing/add-task.after"): (
        "TASK FLOW_2",
        "",
        "FLOW_1",
        "FLOW_1",
    ),
    ("collaboration/before", "collaboration/after"): (
        "Participant_2",
        "Participant_1 Lane_1 Task_1",
        "Lane_2",
        "_Participant_2 Lane_2",
    ),
    ("collaboration/message-flow-before", "collaboration/message-flow-after"): (
        "",
        "Participant_1w6hx42 MessageFlow_1ofxm38",
        "",
        "",
    ),
    ("different-collaboration/before", "different-collaboration/after"): (
        "Collaboration_108r8n7 Participant_1sdnyht",
        "Collaboration_1cidyxu Participant_0px403d",
        "",
        "",
    ),
    ("lanes/create-laneset-before", "lanes/create-laneset-after"): ("", "", "Participant_03hz6qm", ""),
    ("lanes/create-laneset-after", "lanes/create-laneset-before"): ("", "", "Participant_03hz6qm", ""),
    ("extension-elements/c7.before", "extension-elements/c7.after"): ("", "", "usertask", ""),
    ("extension-elements/signavio.before", "extension-elements/signavio.after"): ("", "", "Process_1", ""),
    ("event-definition/before", "event-definition/after"): ("", "", "IntermediateThrowEvent_0mn39ym", ""),
    ("data-objects/before", "data-objects/after"): (
        "DataObjectReference_E DataOutputAssociation_2 DataOutputAssociation_3 DataStoreReference_D",
        "DataInputAssociation_4 DataOutputAssociation_5 DataStoreReference_C",
        "Process_1",
        "DataInputAssociation_1",
    ),
    ("sub-processes/before", "sub-processes/after"): (
        "Task_F SubProcess_4",
        "Task_A Task_B SubProcess_3",
        "",
        "SubProcess_5",
    ),
    ("signavio-collapsed/before.collapsed", "signavio-collapsed/after.expanded"): ("", "", "", "SubProcess_1"),
    ("pizza-collaboration/start-event-old", "pizza-collaboration/start-event-new"): ("", "", "", "_6-61"),
    ("pizza-collaboration/old", "pizza-collaboration/new"): (
        "ManualTask_1 ExclusiveGateway_1",
        "_6-674 _6-691 _6-746 _6-748 _6-74 _6-125 _6-178 _6-642",
        "_6-127 _6-219",
        "_6-61",
    ),
    ("custom/data-object/before", "custom/data-object/after"): (
        "DATA_OBJECT_3",
        "DATA_OBJECT_2",
        "DATA_OBJECT_1 DATA_OBJECT_REFERENCE_2",
        "",
    ),
    ("custom/camunda/before", "custom/camunda/after"): ("", "", "SERVICE_TASK", ""),
}

_NEW_PROCESS = (
    "added:Process_0256wco added:StartEvent_0bhomse added:Task_1durzls added:EndEvent_0yn9n7g "
    "added:SequenceFlow_0v46ced added:SequenceFlow_11olgcr"
)
_OLD_PROCESS = (
    "removed:process1 removed:StartEvent_1 removed:Task_0kdjqv7 removed:EndEvent_0fm1cek removed:Lane_1xzf0d3 "
    "removed:SequenceFlow_0hkqeae removed:SequenceFlow_1qq277f"
)

#: Pair -> (ids we say and it does not, ids it says and we do not), each as `kind:id`; and why.
_OURS: dict[str, tuple[str, str, str]] = {
    "change/after": ("changed:StartEvent_1", "", "an attribute of an engine it does not know: `activiti:initiator`"),
    "collaboration/after": (
        "changed:Participant_2 layout:Participant_2",
        "added:Participant_2 removed:Participant_1",
        "the closed pool is recognized by its name: another id, another place",
    ),
    "different-collaboration/after": (
        f"{_NEW_PROCESS} {_OLD_PROCESS}",
        "",
        "what is in a pool that came or went is listed, too",
    ),
    "lanes/create-laneset-after": ("added:Lane_0h952pf", "changed:Participant_03hz6qm", "the lane itself is new"),
    "lanes/create-laneset-before": ("removed:Lane_0h952pf", "changed:Participant_03hz6qm", "the lane itself is gone"),
    "data-objects/after": ("added:DataObject_E", "changed:Process_1", "the data object itself is new"),
    "sub-processes/after": (
        "added:Task_E removed:Task_C removed:Task_D",
        "",
        "what is in a sub-process that came or went is listed, too",
    ),
    "pizza-collaboration/new": ("", "changed:_6-219", "only the XML type of an empty expression was written out"),
    "custom/data-object/after": (
        "changed:DATA_OBJECT_3",
        "added:DATA_OBJECT_3 removed:DATA_OBJECT_2 changed:DATA_OBJECT_REFERENCE_2",
        "the data object is recognized by the reference to it: another id, and the reference still means it",
    ),
}


def _model(folder: Path, name: str) -> Model:
    return load([Resource(name, "bpmn", (folder / "differ" / f"{name}.bpmn").read_bytes())])


def _said(diff: Diff) -> set[str]:
    kinds = {"added": "added", "removed": "removed", "layout": "layout"}
    return {f"{kinds.get(change.kind, 'changed')}:{change.element.id}" for change in diff.changes}


def _expected(old: str, new: str) -> set[str]:
    kinds = ("added", "removed", "changed", "layout")
    listed = zip(kinds, _EXPECTED[old, new], strict=True)
    said = {f"{kind}:{id}" for kind, ids in listed for id in ids.split()}
    more, less, _why = _OURS.get(new, ("", "", ""))
    assert set(less.split()) <= said
    return said - set(less.split()) | set(more.split())


@pytest.mark.parametrize(("old", "new"), list(_EXPECTED))
def test_the_pair_gives_the_expected_ids(reference_models: Path, old: str, new: str) -> None:
    diff = compare(_model(reference_models, old), _model(reference_models, new))

    assert _said(diff) == _expected(old, new)


@pytest.mark.parametrize(("old", "new"), list(_EXPECTED))
def test_the_pair_gives_the_opposite_from_the_other_side(reference_models: Path, old: str, new: str) -> None:
    before, after = _model(reference_models, old), _model(reference_models, new)

    assert compare(before, after).reversed() == compare(after, before, old_label="new", new_label="old")


def test_values_are_not_exchanged(reference_models: Path) -> None:
    diff = compare(*(_model(reference_models, f"change/type-change.{side}") for side in ("before", "after")))

    (change,) = diff.changes
    assert (change.old, change.new) == ("task", "serviceTask")
