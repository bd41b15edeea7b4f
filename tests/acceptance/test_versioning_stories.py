"""The scenarios W1 to W21 of versioning, as a user meets them on the command line."""

from __future__ import annotations

import itertools
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..catalog.models import bpmn, dmn, form, process
from .commands import Cli

MESSAGE_START = '<startEvent id="{key}_start"><messageEventDefinition messageRef="m_{key}"/></startEvent>'


def write(cli: Cli, name: str, *processes: str) -> Path:
    return cli.write(name, bpmn(name, *processes).content)


def add(cli: Cli, key: str = "order", number: int = 1, *options: str, **parts: Any) -> dict[str, Any]:
    """Add a process whose script says which edition it is, alone in its file; the document of `add`."""
    write(cli, f"{key}.bpmn", process(key, script=f"{key} = {number}", **parts))
    return cli.document("add", "-b", f"{key}.bpmn", *options)


def versions(cli: Cli, *options: str) -> list[str]:
    return [f"{each['key']}@{each['version']}" for each in cli.document(*options, "list_specs")["specs"]]


def start(cli: Cli, ref: str, *options: str) -> dict[str, Any]:
    """Start an instance that may stop at a human task; the document of `run`."""
    return cli.document(*options, "run", "-s", ref, "-a")


def ran(document: dict[str, Any]) -> str:
    return f"{document['key']}@{document['version']}"


def notes(added: dict[str, Any], rule: str) -> list[str]:
    return [note["text"] for note in added["notes"] if note["rule"] == rule]


def answer(cli: Cli, instance: str, task: str = "order_asks_ask") -> dict[str, Any]:
    return cli.document("complete", "-w", instance, "-t", task, "--data", '{"a": "x"}')


def test_w1_versions_are_numbered_per_key_and_tenant(cli: Cli) -> None:
    for number in (1, 2, 3):
        add(cli, number=number)
    add(cli, "tax")
    cli.ok("--tenant", "acme", "add", "-b", "order.bpmn")
    assert versions(cli) == ["order@1", "order@2", "order@3", "tax@1"]
    assert versions(cli, "--tenant", "acme") == ["order@1"]
    cli.check()


def test_w2_the_same_again_is_no_version_unless_forced(cli: Cli) -> None:
    add(cli)
    again = cli.ok("add", "-b", "order.bpmn")
    assert again.lines()[0].endswith("order@1  process  unchanged since version 1")
    assert notes(add(cli, "order", 1, "--force-new"), "same-as") == ["order@2 has the same content as version 1."]
    assert versions(cli) == ["order@1", "order@2"]
    assert cli.document("why", "order@2")["forced"] is True
    assert "by force (--force-new): its content is that of order@1." in " ".join(
        cli.ok("why", "order@2").stdout.split()
    )


def test_w3_a_shape_that_moves_and_white_space_make_no_version(cli: Cli) -> None:
    add(cli)
    moved = add(cli, x=500)
    assert notes(moved, "layout-only") == [
        "Process 'order' differs from version 1 only in its drawing: no new version is made."
    ]
    content = bpmn("order.bpmn", process("order", script="order = 1")).content
    cli.write("order.bpmn", content.replace(b"><", b">\r\n\t<").replace(b'" ', b'"   '))
    assert [each["new"] for each in cli.document("add", "-b", "order.bpmn")["specs"]] == [False]
    assert versions(cli) == ["order@1"]


def test_w4_back_to_an_earlier_content_says_which(cli: Cli) -> None:
    for number in (1, 2):
        add(cli, number=number)
    assert notes(add(cli), "same-as") == ["order@3 has the same content as version 1."]
    first, second, third = (each["hash"] for each in cli.specs())
    assert first == third != second


def test_w5_only_what_changed_of_a_file_is_new(cli: Cli) -> None:
    for script in ("t = 1", "t = 2"):
        write(cli, "both.bpmn", process("order"), process("tax", script=script))
        added = cli.document("add", "-b", "both.bpmn")
    assert [(each["key"], each["version"], each["new"]) for each in added["specs"]] == [
        ("order", 1, False),
        ("tax", 2, True),
    ]


def test_w6_one_key_twice_stores_nothing(cli: Cli) -> None:
    write(cli, "one.bpmn", process("order"))
    write(cli, "two.bpmn", process("order", script="x = 2"))
    refused = cli.fails(2, "add", "-b", "one.bpmn", "two.bpmn").stderr
    assert "one.bpmn" in refused
    assert "two.bpmn" in refused
    assert not (cli.folder / ".runner").exists()
    assert not (cli.folder / "store.db").exists()


def test_w7_a_process_that_cannot_be_run_is_told(cli: Cli) -> None:
    write(cli, "both.bpmn", process("order"), process("sketch", executable=False))
    added = cli.document("add", "-b", "both.bpmn")
    assert notes(added, "not-executable") == ["Process 'sketch' is not executable, so it becomes no definition."]
    assert versions(cli) == ["order@1"]


def test_w8_instances_start_by_key_version_tag_and_id(cli: Cli) -> None:
    for number in (1, 2, 3):
        add(cli, number=number)
    cli.ok("tag", "order@2", "stable")
    first = cli.specs()[0]["id"]
    refs = ("order", "order@1", "order@stable", "order@latest", first, first[:18])
    assert [ran(start(cli, ref)) for ref in refs] == [
        "order@3",
        "order@1",
        "order@2",
        "order@3",
        "order@1",
        "order@1",
    ]


def test_w9_a_suspended_latest_version_is_a_clear_error(cli: Cli) -> None:
    for number in (1, 2, 3):
        add(cli, number=number)
    for ref in ("order@3", "order@2"):
        cli.ok("suspend", ref)
    refused = cli.fails(1, "run", "-s", "order").stderr
    assert "order@3 is suspended, so it cannot be started." in refused
    assert "Start order@1, the newest active one, or: runner activate order@3" in refused
    assert ran(start(cli, "order@1")) == "order@1"


def test_w10_old_instances_stay_where_they_started(cli: Cli) -> None:
    cli.write("ask.json", form("ask.json").content)
    add(cli, forms=("ask.json",))
    old = start(cli, "order")["instance"]
    add(cli, number=2, forms=("ask.json",))
    new = start(cli, "order")["instance"]
    rows = {each["id"]: each["version"] for each in cli.document("list_instances")["instances"]}
    assert rows == {old: 1, new: 2}
    assert answer(cli, old)["data"]["order"] == 1
    outdated = cli.document("list_specs", "--outdated")["specs"]
    assert outdated == []
    assert "run on the latest version" in cli.ok("list_specs", "--outdated").stderr


def test_w10_versions_that_still_have_instances_are_listed(cli: Cli) -> None:
    cli.write("ask.json", form("ask.json").content)
    for number in (1, 2, 3):
        add(cli, number=number, forms=("ask.json",))
        start(cli, "order")
    cli.ok("tag", "order@1", "first")
    cli.ok("suspend", "order@2")
    (first, second) = cli.document("list_specs", "--outdated")["specs"]
    assert [(each["version"], each["instances"]["running"]) for each in (first, second)] == [(1, 1), (2, 1)]
    assert first["waiting_at"] == {"order_asks_ask": 1}
    line = cli.ok("list_specs", "--counts").lines()[1]
    assert line.endswith("order.bpmn  suspended; 1 running; 1 at order_asks_ask; bound to ask.json@1")
    (reference,) = cli.document("list_specs", "--counts")["specs"][0]["references"]
    assert reference == {
        "element": "order_asks_ask",
        "kind": "form",
        "key": "ask.json",
        "binding": "deployment",
        "means": "ask.json@1",
    }


def test_w10_a_version_that_a_call_has_entered_is_still_needed(cli: Cli) -> None:
    cli.write("ask.json", form("ask.json").content)
    add(cli, "tax", 1, forms=("ask.json",))
    write(cli, "order.bpmn", process("order", calls=("tax",)))
    cli.ok("add", "-b", "order.bpmn", "--binding", "latest")
    id = start(cli, "order")["instance"]
    assert cli.document("list_specs", "--outdated")["specs"] == []
    add(cli, "tax", 2, forms=("ask.json",))
    (needed,) = cli.document("list_specs", "--outdated")["specs"]
    assert (needed["key"], needed["version"], needed["entered"], needed["instances"]["running"]) == ("tax", 1, 1, 0)
    assert "entered by 1" in cli.ok("list_specs", "tax", "--counts").lines()[0]
    assert answer(cli, id, "tax_asks_ask")["state"] == "completed"
    assert cli.document("list_specs", "--outdated")["specs"] == []


def test_w11_a_callee_is_of_the_deployment_the_latest_a_version_or_not_there(cli: Cli) -> None:
    write(cli, "tax.bpmn", process("tax", script="tax = 1"))
    bindings = ("deployment", "latest", "version:1", "tag:stable")
    for number, binding in enumerate(bindings, 1):
        script = f"order = {number}"
        write(cli, "order.bpmn", process("order", script=script, calls=("tax",), binding=binding))
        cli.ok("add", "-b", "order.bpmn", "tax.bpmn")
    add(cli, "tax", 2)
    cli.ok("tag", "tax@2", "stable")
    assert [start(cli, f"order@{number}")["data"]["tax"] for number in (1, 2, 3, 4)] == [1, 2, 1, 2]
    write(cli, "other.bpmn", process("other", calls=("freight",)))
    refused = cli.fails(2, "add", "-b", "other.bpmn").stderr
    assert "other.bpmn:1: 'other_calls_freight' of process 'other' needs process 'freight'" in refused
    assert "--binding latest" in refused


def test_w11_bindings_can_stand_beside_a_model_that_nobody_may_edit(cli: Cli) -> None:
    cli.write("bindings.json", json.dumps({"order#order_calls_tax": "latest"}))
    write(cli, "order.bpmn", process("order", calls=("tax", "toll")))
    write(cli, "taxes.bpmn", process("tax", script="tax = 1"), process("toll", script="toll = 1"))
    cli.ok("add", "-b", "order.bpmn", "taxes.bpmn", "--bindings", "bindings.json")
    write(cli, "taxes.bpmn", process("tax", script="tax = 2"), process("toll", script="toll = 2"))
    cli.ok("add", "-b", "taxes.bpmn")
    data = start(cli, "order")["data"]
    assert (data["tax"], data["toll"]) == (2, 1)
    for wrong, why in (
        ({"order_calls_tax": "newest"}, "bindings.json, 'order_calls_tax': 'newest' is no binding."),
        ({"nothing": "latest"}, "A binding is given for 'nothing', but no such element refers to anything."),
        ({"order_calls_tax": {"bind": "latest"}}, "must be a binding, or an object with 'binding' or 'fallback'"),
        (["latest"], "The file of bindings bindings.json holds no JSON object."),
    ):
        cli.write("bindings.json", json.dumps(wrong))
        refused = cli.fails(2, "add", "-b", "order.bpmn", "taxes.bpmn", "--bindings", "bindings.json").stderr
        assert why in refused


def test_w12_a_hotfix_reaches_those_bound_to_the_latest_and_no_others(cli: Cli) -> None:
    cli.write("ask.json", form("ask.json").content)
    write(cli, "tax.bpmn", process("tax", script="tax = 1"))
    for key, binding in (("bound", None), ("free", "latest")):
        write(cli, f"{key}.bpmn", _asks_then_calls(key, binding))
        cli.ok("add", "-b", f"{key}.bpmn", "tax.bpmn")
    ids = {key: start(cli, key)["instance"] for key in ("bound", "free")}
    add(cli, "tax", 2)
    for key, tax in (("bound", 1), ("free", 2)):
        assert answer(cli, ids[key], f"{key}_ask")["data"]["tax"] == tax
        entry = next(e for e in cli.document("history", "-w", ids[key])["entries"] if e["what"] == "resolved")
        assert (entry["details"]["version"], entry["details"]["fallback"]) == (tax, False)
    assert "free_calls_tax: process tax@2 (latest)" in cli.ok("history", "-w", ids["free"]).stdout


def _asks_then_calls(key: str, binding: str | None) -> str:
    """A process that asks before it calls `tax`."""
    attribute = f' spiffworkflow:binding="{binding}"' if binding else ""
    nodes = (
        f'<startEvent id="{key}_start"/>',
        f'<manualTask id="{key}_ask"/>',
        f'<callActivity id="{key}_calls_tax" calledElement="tax"{attribute}/>',
        f'<endEvent id="{key}_end"/>',
    )
    ids = [node.partition('id="')[2].partition('"')[0] for node in nodes]
    flows = [
        f'<sequenceFlow id="{key}_f{n}" sourceRef="{a}" targetRef="{b}"/>'
        for n, (a, b) in enumerate(itertools.pairwise(ids))
    ]
    return f'<process id="{key}" isExecutable="true">{"".join([*nodes, *flows])}</process>'


def test_w13_decisions_and_forms_are_versioned_and_bound_the_same_way(cli: Cli) -> None:
    parts: dict[str, Any] = {"script": "x = 1", "decisions": ("price",), "forms": ("ask.json",)}
    for key, binding in (("bound", None), ("free", "latest")):
        cli.write("ask.json", form("ask.json", "Old").content)
        cli.write("price.dmn", dmn("price.dmn", "price", "1").content)
        write(cli, f"{key}.bpmn", process(key, binding=binding, **parts))
        # The form is named by a property, which says nothing about the version.
        cli.write("bindings.json", json.dumps({f"{key}_asks_ask": binding or "deployment"}))
        cli.ok("add", "-b", f"{key}.bpmn", "-d", "price.dmn", "-f", "ask.json", "--bindings", "bindings.json")
    cli.write("price.dmn", dmn("price.dmn", "price", "2").content)
    newer = json.loads(form("ask.json", "New").content)
    newer["properties"] = {"b": {"type": "integer"}}
    cli.write("ask.json", json.dumps(newer))
    cli.ok("add", "-d", "price.dmn", "-f", "ask.json")
    for key, price, field in (("bound", 1, '{"a": "x"}'), ("free", 2, '{"b": 7}')):
        started = start(cli, key)
        assert started["data"]["y"] == price
        done = cli.document("complete", "-w", started["instance"], "-t", f"{key}_asks_ask", "--data", field)
        assert done["state"] == "completed"
    assert cli.document("show_spec", "price@2")["spec"]["kind"] == "decision"


def test_w14_the_default_tenant_is_looked_in_last_and_only_if_it_may(cli: Cli) -> None:
    add(cli, "tax", 1)
    write(cli, "order.bpmn", process("order", calls=("tax",)))
    acme = ("--tenant", "acme")
    added = cli.document(*acme, "add", "-b", "order.bpmn", "--binding", "latest")
    assert added["tenant"] == "acme"
    first = start(cli, "order", *acme)
    assert first["data"]["tax"] == 1
    entries = cli.document(*acme, "history", "-w", first["instance"])["entries"]
    assert next(e["details"]["fallback"] for e in entries if e["what"] == "resolved") is True
    failed = cli.fails(1, *acme, "--no-fallback-default-tenant", "run", "-s", "order").stderr
    assert "needs process 'tax' (latest), which is not in tenant 'acme'." in failed
    cli.write("bindings.json", '{"order_calls_tax": {"binding": "latest", "fallback": false}}')
    cli.ok(*acme, "add", "-b", "order.bpmn", "--bindings", "bindings.json")
    assert "which is not in tenant 'acme'" in cli.fails(1, *acme, "run", "-s", "order").stderr
    cli.write("runner.toml", "fallback_default_tenant = false")
    assert "There is no definition 'tax' in tenant 'acme'" in cli.fails(2, *acme, "show_spec", "tax").stderr
    cli.write("runner.toml", 'default_tenant = "base"\n[default_tenants]\ntoll = "special"')
    assert "There is no definition 'tax'" in cli.fails(2, *acme, "show_spec", "tax").stderr
    write(cli, "tax.bpmn", process("tax", script="tax = 5"))
    cli.ok("--tenant", "base", "add", "-b", "tax.bpmn")
    assert start(cli, "order@1", *acme)["data"]["tax"] == 5
    write(cli, "toll.bpmn", process("toll"))
    cli.ok("--tenant", "special", "add", "-b", "toll.bpmn")
    assert cli.document(*acme, "show_spec", "toll")["spec"]["tenant"] == "special"
    assert "There is no definition 'tax'" in cli.fails(2, "--tenant", "special", "show_spec", "order").stderr.replace(
        "'order'", "'tax'"
    )


def test_w14_an_instance_tells_that_its_model_is_of_the_default_tenant(cli: Cli) -> None:
    write(cli, "order.bpmn", process("order", message="ordered"))
    add(cli, "tax")
    cli.ok("add", "-b", "order.bpmn")
    acme = ("--tenant", "acme")
    ids = [start(cli, "tax", *acme)["instance"], cli.document(*acme, "send", "ordered")["instances"][0]["id"]]
    for id in ids:
        first = cli.document(*acme, "history", "-w", id)["entries"][0]
        assert (first["what"], first["details"]["fallback"], first["details"]["tenant"]) == ("started", True, "")
        assert "of the default tenant" in cli.ok(*acme, "history", "-w", id).lines()[0]
    own = start(cli, "tax")["instance"]
    assert "fallback" not in cli.document("history", "-w", own)["entries"][0]["details"]
    assert "There is no instance" in cli.fails(2, "show", "-w", ids[0]).stderr
    refused = cli.fails(2, *acme, "--no-fallback-default-tenant", "send", "ordered").stderr
    assert "No instance waits for the message 'ordered'." in refused


def test_w15_a_number_is_given_once(cli: Cli) -> None:
    for number in (1, 2):
        add(cli, number=number)
    cli.ok("delete_spec", "order@2", "--yes")
    add(cli, number=2)
    assert versions(cli) == ["order@1", "order@3"]
    assert "Version 2 of 'order' was deleted." in cli.fails(2, "run", "-s", "order@2").stderr


def test_w16_what_instances_run_on_is_deleted_only_with_them(cli: Cli) -> None:
    cli.write("ask.json", form("ask.json").content)
    add(cli, forms=("ask.json",))
    ids = sorted(start(cli, "order")["instance"] for _ in range(3))
    error = cli.fails(1, "delete_spec", "order", "--yes", "--format", "json").error()
    assert (error["count"], sorted(error["instances"])) == (3, ids)
    assert "order@1 cannot be deleted: 3 running instances use it" in error["message"]
    asked = cli.fails(2, "delete_spec", "order", "--cascade").stderr
    assert "This would delete order@1 and 3 instances (3 running)" in asked
    assert sorted(cli.document("delete_spec", "order", "--cascade", "--yes")["instances"]) == ids
    assert versions(cli) == []
    cli.check()


def _started_by_message(number: int) -> str:
    text = process("order", message="ordered", script=f"order = {number}", forms=("ask.json",))
    assert "messageEventDefinition" in text
    return text


def test_w17_deleting_or_suspending_the_latest_gives_its_start_events_back(cli: Cli) -> None:
    cli.write("ask.json", form("ask.json").content)
    for number in (1, 2):
        write(cli, "order.bpmn", _started_by_message(number))
        cli.ok("add", "-b", "order.bpmn")

    def started() -> list[int]:
        (instance,) = cli.document("send", "ordered")["instances"]
        return [instance["version"]]

    assert started() == [2]
    cli.ok("delete_spec", "order@2", "--cascade", "--yes")
    assert started() == [1]
    write(cli, "order.bpmn", _started_by_message(3))
    cli.ok("add", "-b", "order.bpmn")
    cli.ok("suspend", "order@3")
    assert started() == [1]
    cli.ok("activate", "order@3")
    assert started() == [3]
    add(cli, number=4, forms=("ask.json",))
    refused = cli.fails(2, "send", "ordered").stderr
    assert "No instance waits for the message 'ordered'." in refused
    cli.check()


def test_w18_a_file_that_is_gone_is_noticed(cli: Cli) -> None:
    write(cli, "order.bpmn", process("order"))
    write(cli, "tax.bpmn", process("tax"))
    cli.ok("add", "-p", "order", "-b", "order.bpmn", "tax.bpmn")
    added = cli.ok("add", "-p", "order", "-b", "order.bpmn")
    assert "Warning: The last deployment of 'order'" in added.stderr
    assert "had files that this one has not: tax.bpmn." in added.stderr


def test_w19_no_number_twice_and_none_lost_when_eight_add_at_once(cli: Cli) -> None:
    cli.ok("init")
    for number in range(8):
        write(cli, f"{number}/order.bpmn", process("order", script=f"order = {number % 4}"))
    running = [cli.start("add", "-b", f"{number}/order.bpmn", "--format", "json") for number in range(8)]
    outcomes = []
    for each in running:
        stdout, stderr = each.communicate(timeout=120)
        assert each.returncode == 0, stderr.decode()
        outcomes.append(json.loads(stdout)["specs"][0])
    made = sorted(each["version"] for each in outcomes if each["new"])
    assert made == list(range(1, len(made) + 1))
    assert [each["version"] for each in cli.specs()] == made
    assert len({each["hash"] for each in cli.specs()}) == 4, "none of the contents is lost"
    assert len(cli.document("list_deployments")["deployments"]) == 8
    cli.check()


def test_w20_a_version_a_key_and_their_instances_can_be_suspended(cli: Cli) -> None:
    cli.write("ask.json", form("ask.json").content)
    for number in (1, 2):
        add(cli, number=number, forms=("ask.json",))
    one, two = start(cli, "order@1")["instance"], start(cli, "order@2")["instance"]
    assert cli.document("suspend", "order@2")["instances"] == []
    assert answer(cli, two)["state"] == "completed", "its instances go on"
    both = cli.document("suspend", "order", "--all-versions", "--with-instances")
    assert [f"{each['key']}@{each['version']}" for each in both["specs"]] == ["order@1"]
    assert both["instances"] == [one]
    for words in (("run",), ("complete", "-t", "order_asks_ask", "--data", '{"a": "x"}'), ("cancel",), ("retry",)):
        refused = cli.fails(1, words[0], "-w", one, *words[1:]).stderr
        assert f"Instance {one} is suspended: nothing moves it." in refused
        assert "runner activate order@1 --with-instances" in refused
    assert "running, suspended" in cli.ok("list_instances").lines()[0]
    cli.ok("activate", "order@1")
    assert "is suspended" in cli.fails(1, "run", "-w", one).stderr, "it goes on with its instances only"
    assert cli.document("activate", "order@1", "--with-instances")["instances"] == [one]
    assert answer(cli, one)["state"] == "completed"


def test_w20_a_suspension_can_wait_for_a_date(cli: Cli) -> None:
    add(cli)
    at = datetime.now(UTC) + timedelta(seconds=2)
    planned = cli.document("suspend", "order", "--at", at.isoformat(), "--all-versions")
    (plan,) = planned["scheduled"]
    assert (plan["action"], plan["all_versions"], plan["with_instances"]) == ("suspend", True, False)
    assert "every version of order will be suspended" in cli.ok("show_spec", "order").stdout
    assert ran(start(cli, "order")) == "order@1"
    deadline = time.monotonic() + 60
    while not (done := cli.document("tick")["scheduled"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert [(each["action"], each["specs"]) for each in done] == [("suspend", [cli.specs()[0]["id"]])]
    assert datetime.now(UTC) >= at
    assert "is suspended" in cli.fails(1, "run", "-s", "order").stderr
    cli.ok("activate", "order", "--at", "2999-01-01")
    assert "Taken back: order@1 will be activated at 2999-01-01" in cli.ok("activate", "order", "--cancel").stdout
    assert "No date was given to activate order." in cli.ok("activate", "order", "--cancel").stderr
    assert cli.document("show_spec", "order")["scheduled"] == []
    assert "2020-01-01T00:00:00+00:00 is past." in cli.fails(2, "suspend", "order", "--at", "2020-01-01").stderr
    assert "is no date" in cli.fails(2, "suspend", "order", "--at", "tomorrow").stderr


def test_w21_a_partial_deployment_is_bound_to_what_is_there_and_stays_so(cli: Cli) -> None:
    add(cli, "tax", 1)
    write(cli, "order.bpmn", process("order", calls=("tax",)))
    added = cli.document("add", "-b", "order.bpmn")
    assert notes(added, "pinned") == [
        "Process 'order' is bound to tax@1, the latest there is: the files given do not hold it."
    ]
    add(cli, "tax", 2)
    assert start(cli, "order")["data"]["tax"] == 1
    again = cli.document("add", "-b", "order.bpmn")
    assert [(each["version"], each["new"]) for each in again["specs"]] == [(2, True)], "what it is bound to differs"
    why = cli.document("why", "order@2")
    assert (why["previous"]["version"], why["changed"], why["forced"]) == (1, ["process:tax"], False)
    assert why["rebound"] == [
        {"element": "order_calls_tax", "kind": "process", "key": "tax", "before": "tax@1", "after": "tax@2"}
    ]
    text = cli.ok("why", "order@2").stdout
    assert "Since order@1" in text
    assert "order_calls_tax  process  tax@2 (was tax@1)" in text
    assert "it is the first version there is." in " ".join(cli.ok("why", "order@1").stdout.split())


def test_two_versions_of_a_callee_run_in_one_instance_and_survive_its_migration(cli: Cli) -> None:
    cli.write("ask.json", form("ask.json").content)
    for number in (1, 2):
        add(cli, "tax", number, forms=("ask.json",))
        if number == 1:
            cli.write("order.bpmn", _calls_twice(1))
            cli.ok("add", "-b", "order.bpmn")
            id = start(cli, "order")["instance"]
    answer(cli, id, "later")  # the second call enters version 2 while version 1 waits
    entered = [e["details"]["version"] for e in _entries(cli, id, "resolved") if e["details"]["key"] == "tax"]
    assert entered == [1, 2]
    cli.write("order.bpmn", _calls_twice(2))
    cli.ok("add", "-b", "order.bpmn")
    assert cli.document("diff_workflow", "-s", "order@2", "-w", id)["instances"][0]["verdict"] == "migratable"
    assert cli.document("migrate", "-s", "order@2", "-w", id)["results"][0]["outcome"] == "migrated"
    waiting = [each["task"] for each in cli.document("tasks", "-w", id)["tasks"]]
    assert len(waiting) == 2
    taxes = [answer(cli, id, task)["data"] for task in waiting]
    assert taxes[-1]["order"] == 2
    assert [taxes[-1]["first"], taxes[-1]["second"]] == [1, 2]
    cli.check()


def _entries(cli: Cli, instance: str, what: str) -> list[dict[str, Any]]:
    return [each for each in cli.document("history", "-w", instance)["entries"] if each["what"] == what]


def _calls_twice(number: int) -> str:
    """A model whose process calls `tax` at once, and again after a task."""
    nodes = "".join(
        (
            '<startEvent id="s"/><parallelGateway id="fork"/><parallelGateway id="join"/><manualTask id="later"/>',
            *(
                f'<callActivity id="{id}" calledElement="tax" spiffworkflow:binding="latest"/>'
                f'<scriptTask id="keep_{id}"><script>{id} = tax</script></scriptTask>'
                for id in ("first", "second")
            ),
            f'<scriptTask id="last"><script>order = {number}</script></scriptTask><endEvent id="e"/>',
        )
    )
    ways = (
        "s fork", "fork first", "fork later", "later second", "first keep_first", "second keep_second",
        "keep_first join", "keep_second join", "join last", "last e",
    )  # fmt: skip
    flows = "".join(
        f'<sequenceFlow id="f{n}" sourceRef="{way.split()[0]}" targetRef="{way.split()[1]}"/>'
        for n, way in enumerate(ways)
    )
    text = f'<process id="order" isExecutable="true">{nodes}{flows}</process>'
    return bpmn("order.bpmn", text).content.decode()


def test_what_is_missing_when_it_is_reached_can_be_added_and_retried(cli: Cli) -> None:
    write(cli, "order.bpmn", process("order", calls=("tax",)))
    cli.ok("add", "-b", "order.bpmn", "--binding", "latest")
    failed = cli.fails(1, "run", "-s", "order", "--format", "json").error()
    assert failed["element"] == "order_calls_tax"
    assert "'order_calls_tax' of order@1 needs process 'tax' (latest), which is not in the store." in failed["message"]
    assert "Add it: runner add -b FILE" in failed["hint"]
    add(cli, "tax", 3)
    assert cli.document("retry", "-w", failed["instance"])["data"]["tax"] == 3
    cli.check()


def test_references_follow_a_migration_and_the_impact_says_so(cli: Cli) -> None:
    for number in (1, 2):
        write(cli, "order.bpmn", _asks_then_calls("order", None))
        write(cli, "tax.bpmn", process("tax", script=f"tax = {number}"))
        cli.ok("add", "-b", "order.bpmn", "tax.bpmn")
        if number == 1:
            id = start(cli, "order")["instance"]
    impact = cli.ok("diff_workflow", "-s", "order@2", "-w", id).stdout
    assert "order_calls_tax means process tax@2 from then on, no longer tax@1." in " ".join(impact.split())
    cli.ok("migrate", "-s", "order@2", "-w", id)
    assert answer(cli, id, "order_ask")["data"]["tax"] == 2
    cli.check()
