"""Tests of the models together with the business code, in memory: `python -m pytest` in this folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from vacation import Approval, services

from spiffcli.services import DuplicateStart
from spiffcli.testing import WorkflowEnvironment

HERE = Path(__file__).parent


def test_an_accepted_request() -> None:
    env = WorkflowEnvironment(HERE / "software_first.bpmn", services=services)
    approval = env.start(Approval("V-1", "Ada", 3))
    env.assert_waiting_at("decide")
    env.complete("decide", {"approved": True})
    assert approval.state == "completed"
    assert approval.aggregate.mails == ["To Ada: we have your request for 3 days.", "To Ada: enjoy your vacation!"]


def test_a_request_nobody_decides_about_is_escalated() -> None:
    env = WorkflowEnvironment(HERE / "software_first.bpmn", services=services)
    approval = env.start(Approval("V-1", "Ada", 12))
    env.skip(timedelta(days=1, hours=1))
    assert approval.aggregate.escalations == 0
    env.skip(timedelta(days=1))
    assert approval.aggregate.escalations == 1
    env.assert_waiting_at("decide")
    env.complete("decide", {"approved": False})
    assert env.trace[-3:] == ["approved", "reject", "done"]


def test_one_request_is_started_once() -> None:
    env = WorkflowEnvironment(HERE / "software_first.bpmn", services=services)
    first = env.start(Approval("V-1", "Ada", 3))
    with pytest.raises(DuplicateStart) as duplicate:
        env.start(Approval("V-1", "Ada", 3))
    assert duplicate.value.instance == first.id


def test_two_versions_are_served_side_by_side() -> None:
    env = WorkflowEnvironment(HERE / "version_1.bpmn", HERE / "version_2.bpmn", services=services)
    request = {"request_id": "V-2", "employee": "Ada", "number_of_days": 9}
    with env.runner.start("Process_ApprovalOfVacation@2", request):
        pass
    env.run_until_idle()
    new = env.workflow("V-2")
    new.complete("Activity_Decide", {"approved": True})
    assert (new.aggregate.substitute, new.aggregate.process_version) == ("Grace", 2)


def test_a_running_request_moves_to_the_new_version() -> None:
    env = WorkflowEnvironment(HERE / "version_1.bpmn", services=services)
    approval = env.start(Approval("V-1", "Ada", 9))
    env.add(HERE / "version_2.bpmn")
    env.runner.migrate(env.runner.target("Process_ApprovalOfVacation@2"), approval.id)
    approval.complete("Activity_Decide", {"approved": True})
    assert approval.aggregate.substitute == "Grace"
    assert "fill in" in approval.aggregate.mails[-1]
    # What it was started with stays on record.
    assert (approval.instance.version, approval.aggregate.process_version) == (2, 1)
