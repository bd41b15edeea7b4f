"""Data stores and messages that groups describe, as models use them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from spiffcli.errors import IncidentError, ModelError
from spiffcli.repo.deploy import add_model, sync
from spiffcli.runner import Runner
from spiffcli.values import Definition

from ..catalog.models import bpmn, form
from .backends import over_http
from .places import Desk, Place

NUMBERS = {"type": "array", "items": {"type": "integer"}}


@pytest.fixture(autouse=True)
def _here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.folder)


def storing(
    key: str,
    script: str,
    *,
    store: str = "items",
    kind: str = "JSONDataStore",
    reads: bool = False,
    writes: bool = False,
    calls: str = "",
    ask: bool = False,
) -> str:
    """A process whose only script reads from a data store, or writes to it."""
    read = f'<dataInputAssociation id="i"><sourceRef>{key}_ref</sourceRef></dataInputAssociation>' if reads else ""
    write = f'<dataOutputAssociation id="o"><targetRef>{key}_ref</targetRef></dataOutputAssociation>' if writes else ""
    nodes = [f'<startEvent id="{key}_start"/>']
    nodes += [f'<userTask id="{key}_ask"/>'] if ask else []
    nodes += [f'<scriptTask id="{key}_script">{read}{write}<script>{script}</script></scriptTask>'] if script else []
    nodes += [f'<callActivity id="{key}_call" calledElement="{calls}"/>'] if calls else []
    nodes.append(f'<endEvent id="{key}_end"/>')
    ids = [node.partition('id="')[2].partition('"')[0] for node in nodes]
    flows = [
        f'<sequenceFlow id="{key}_f{n}" sourceRef="{a}" targetRef="{b}"/>'
        for n, (a, b) in enumerate(zip(ids, ids[1:], strict=False))
    ]
    declared = f'<dataStore id="{store}" name="{kind}"/>'
    reference = f'<dataStoreReference id="{key}_ref" name="s" dataStoreRef="{store}"/>'
    return f'{declared}<process id="{key}" isExecutable="true">{reference}{"".join(nodes)}{"".join(flows)}</process>'


def write_model(desk: Desk, id: str, **about: Any) -> None:
    key = id.rpartition("/")[2]
    desk.write(f"{id}/{key}.bpmn", bpmn("m", storing(key, **about)).content)
    desk.write(f"{id}/process_model.json", json.dumps({"primary_process_id": key, "display_name": key}))


def describe(desk: Desk, group: str, kind: str = "json", id: str = "items", schema: Any = None, **more: Any) -> None:
    spec = {"name": id, "identifier": id, "location": group, "schema": schema or {}, "description": ""}
    path = f"{group}/process_group.json" if group else "process_group.json"
    said = {"display_name": group, "data_store_specifications": {kind: {id: spec}}, **more}
    desk.write(path, json.dumps(said))


def ran(runner: Runner, ref: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    with runner.start(ref, data) as session:
        session.advance()
        assert session.instance.state == "completed"
        return dict(session.running.data)


def added(runner: Runner, id: str) -> Definition:
    add_model(runner.workspace, id)
    return runner.catalog.find(id.rpartition("/")[2])


def stored(runner: Runner) -> dict[tuple[str, str], Any]:
    catalog = runner.catalog
    found = [catalog.data_store(each.kind, each.location, each.id) for each in catalog.data_stores()]
    return {(each.location, each.id): json.loads(each.content or b"null") for each in found}


WRITE = {"script": "items = [number]", "writes": True}
READ = {"script": "seen = list(items)", "reads": True}


@pytest.mark.parametrize("group", ["finance/invoice", "finance", ""])
def test_g10_a_data_store_is_found_here_above_and_at_the_root(desk: Desk, group: str) -> None:
    write_model(desk, "finance/invoice/pay", **WRITE)
    write_model(desk, "finance/invoice/look", **READ)
    describe(desk, group)
    desk.commit()
    with desk.runner() as runner:
        for model in ("pay", "look"):
            added(runner, f"finance/invoice/{model}")
        ran(runner, "pay", {"number": 7})
        assert ran(runner, "look")["seen"] == [7]
        assert stored(runner) == {(group or ".", "items"): [7]}
    assert desk.clean  # nothing is written to the work tree


def test_g10_a_data_store_of_a_sibling_is_not_found(desk: Desk) -> None:
    write_model(desk, "finance/invoice/pay", **WRITE)
    describe(desk, "finance/other")
    desk.commit()
    with desk.runner() as runner, pytest.raises(ModelError, match="no group around the model describes it") as caught:
        added(runner, "finance/invoice/pay")
    assert caught.value.file == "finance/invoice/pay/pay.bpmn"
    assert "process_group.json above the model" in str(caught.value.hint)


def test_g10_the_deepest_description_is_right_and_that_of_the_caller_goes_before(desk: Desk) -> None:
    write_model(desk, "finance/pay", **WRITE)
    write_model(desk, "sales/bill", script="", calls="pay")
    for group in ("", "finance", "sales"):
        describe(desk, group)
    desk.commit()
    with desk.runner() as runner:
        added(runner, "finance/pay")
        assert added(runner, "sales/bill").version == 1
        assert len(runner.specs("pay")) == 1  # it is the same whoever calls it
        ran(runner, "pay", {"number": 1})
        ran(runner, "bill", {"number": 2})
        assert stored(runner) == {("finance", "items"): [1], ("sales", "items"): [2]}


def test_a_data_store_that_is_drawn_only_is_in_nobodys_way(desk: Desk) -> None:
    write_model(desk, "finance/pay", script="x = 1", kind="Invoices of the year")
    write_model(desk, "finance/get", script="items = 1", kind="Invoices of the year", writes=True)
    desk.commit()
    with desk.runner() as runner:
        added(runner, "finance/pay")
        assert ran(runner, "pay") == {"x": 1}
        with pytest.raises(ModelError, match="a name that no kind has: JSONDataStore"):
            added(runner, "finance/get")


def test_what_is_called_keeps_its_own_data_store_where_the_caller_has_none(desk: Desk) -> None:
    write_model(desk, "finance/pay", **WRITE)
    write_model(desk, "sales/bill", script="", calls="pay")
    describe(desk, "finance")
    desk.commit()
    with desk.runner() as runner:
        added(runner, "sales/bill")
        ran(runner, "bill", {"number": 2})
        assert stored(runner) == {("finance", "items"): [2]}


def test_a_description_that_changes_makes_new_versions_of_what_it_counts_for(desk: Desk) -> None:
    write_model(desk, "finance/pay", **WRITE)
    write_model(desk, "sales/bill", script="", calls="pay")
    describe(desk, "", schema={})
    desk.commit()
    with desk.runner() as runner:
        sync(runner.workspace, repository=desk.repository())
        ran(runner, "pay", {"number": "seven"})
        describe(desk, "", schema=NUMBERS)
        desk.commit()
        following = sync(runner.workspace, repository=desk.repository()).following
        assert following is not None
        assert sorted(each.model for each in following.deployed) == ["finance/pay", "sales/bill"]
        assert [each.rule for each in runner.diff_spec("pay@1", "pay@2").changes] == ["data-object-changed"]
        with runner.start("pay", {"number": "seven"}) as session:
            with pytest.raises(IncidentError, match="takes no such value: 'seven' is not of type 'integer'"):
                session.advance()
            assert session.instance.state == "error"
        assert stored(runner) == {(".", "items"): ["seven"]}  # and what was there is there
        for same in ("HEAD:finance/pay", "HEAD:finance/pay/pay.bpmn", "finance/pay", "finance/pay/pay.bpmn"):
            for dependencies in (False, True):
                assert not runner.diff_spec("pay@2", same, dependencies=dependencies).changes
                assert runner.diff_spec("pay@1", same, dependencies=dependencies).changes
        describe(desk, "", schema=NUMBERS, description="other words")
        desk.commit()
        again = sync(runner.workspace, repository=desk.repository()).following
        assert again is not None
        assert again.deployed == ()


def test_w05_w13_a_broken_or_missing_description_takes_no_data_away(desk: Desk) -> None:
    write_model(desk, "finance/pay", **WRITE)
    describe(desk, "finance")
    desk.commit()
    with desk.runner() as runner:
        sync(runner.workspace, repository=desk.repository())
        ran(runner, "pay", {"number": 1})
        for broken in ("<<<<<<< HEAD\n{}", json.dumps({"display_name": "no data stores"})):
            desk.write("finance/process_group.json", broken)
            desk.commit()
            following = sync(runner.workspace, repository=desk.repository()).following
            assert following is not None
            assert list(following.broken) == ["finance/pay"]
            assert stored(runner) == {("finance", "items"): [1]}
            ran(runner, "pay", {"number": 1})  # the version before is in force
    assert desk.clean


def test_keyed_values_are_read_by_two_keys_and_merged(desk: Desk) -> None:
    kkv = {"kind": "KKVDataStore", "store": "prices"}
    write_model(desk, "shop/put", script="prices = {year: {'apple': price}}", writes=True, **kkv)
    write_model(desk, "shop/drop", script="prices = {year: {'apple': None}}", writes=True, **kkv)
    look = "price = prices(year, 'apple'); none = prices(year, 'pear'); all = prices(year)"
    write_model(desk, "shop/look", script=look, reads=True, **kkv)
    describe(desk, "shop", "kkv", "prices", schema={"type": "number"})
    desk.commit()
    with desk.runner() as runner:
        for model in ("put", "drop", "look"):
            added(runner, f"shop/{model}")
        ran(runner, "put", {"year": "2025", "price": 1})
        ran(runner, "put", {"year": "2026", "price": 2})
        found = ran(runner, "look", {"year": "2026"})
        assert (found["price"], found["none"], found["all"]) == (2, None, {"apple": 2})
        assert "prices" not in found
        ran(runner, "drop", {"year": "2025"})
        assert stored(runner) == {("shop", "prices"): {"2025": {}, "2026": {"apple": 2}}}
        with (
            runner.start("put", {"year": "2026", "price": "dear"}) as session,
            pytest.raises(IncidentError, match="number"),
        ):
            session.advance()


def test_a_file_is_what_its_data_store_begins_with_and_is_never_written(desk: Desk) -> None:
    write_model(desk, "shop/count", script="items['n'] += 1", reads=True, writes=True, kind="JSONFileDataStore")
    desk.write("shop/items.json", '{"n": 40}')
    desk.commit()
    with desk.runner() as runner:
        added(runner, "shop/count")
        ran(runner, "count")
        ran(runner, "count")
        assert stored(runner) == {("shop", "items"): {"n": 42}}
    assert desk.clean
    write_model(desk, "other/count", script="items['n'] += 1", reads=True, writes=True, kind="JSONFileDataStore")
    desk.commit()
    with desk.runner() as runner, pytest.raises(ModelError, match="'items' is read or written") as caught:
        added(runner, "other/count")
    assert "a file items.json" in str(caught.value.hint)


def test_what_a_failed_step_wrote_is_not_stored(desk: Desk) -> None:
    """The script runs and the second output fails: neither is stored, and the instance stands before the step."""
    text = storing("pay", "items = [1]; more = [2]", writes=True)
    text = text.replace('<dataStore id="items"', '<dataStore id="more" name="JSONDataStore"/><dataStore id="items"')
    text = text.replace(
        "<dataStoreReference", '<dataStoreReference id="more_ref" dataStoreRef="more"/><dataStoreReference', 1
    )
    text = text.replace(
        "<script>", '<dataOutputAssociation id="o2"><targetRef>more_ref</targetRef></dataOutputAssociation><script>'
    )
    desk.write("finance/pay/pay.bpmn", bpmn("m", text).content)
    desk.write("finance/pay/process_model.json", json.dumps({"primary_process_id": "pay"}))
    describe(desk, "finance")
    describe(desk, "", id="more", schema={"type": "object"})
    desk.commit()
    with desk.runner() as runner:
        added(runner, "finance/pay")
        with runner.start("pay") as session, pytest.raises(IncidentError, match="'more' takes no such value"):
            session.advance()
        assert stored(runner) == {}


def test_a_schema_fetches_nothing(place: Place, desk: Desk) -> None:
    write_model(desk, "finance/pay", **WRITE)
    with over_http(place.origin) as web:
        describe(desk, "finance", schema={"$ref": f"{web.url}/schema.json"})
        desk.commit()
        seen = len(web.seen)
        with desk.runner() as runner:
            added(runner, "finance/pay")
            with runner.start("pay", {"number": 1}) as session, pytest.raises(IncidentError, match="refers to"):
                session.advance()
        assert len(web.seen) == seen


def test_an_instance_that_sees_a_data_store_can_be_moved_and_taken_back(desk: Desk) -> None:
    kkv = {"kind": "KKVDataStore", "store": "prices"}
    look = '<userTask id="look"><dataInputAssociation id="i"><sourceRef>look_ref</sourceRef></dataInputAssociation></userTask>'

    def write_look(name: str) -> None:
        text = storing("look", "", **kkv).replace('<sequenceFlow id="look_f0"', f'{look}<sequenceFlow id="look_f0"')
        text = text.replace(
            'targetRef="look_end"/>', 'targetRef="look"/><sequenceFlow id="g" sourceRef="look" targetRef="look_end"/>'
        )
        desk.write(
            "shop/look/look.bpmn",
            bpmn("m", text.replace('id="look" isExec', f'id="look" name="{name}" isExec')).content,
        )

    write_model(desk, "shop/put", script="prices = {'2026': {'apple': price}}", writes=True, **kkv)
    write_look("One")
    desk.write("shop/look/process_model.json", json.dumps({"primary_process_id": "look"}))
    describe(desk, "shop", "kkv", "prices")
    desk.commit()
    with desk.runner() as runner:
        for model in ("put", "look"):
            added(runner, f"shop/{model}")
        ran(runner, "put", {"price": 2})
        with runner.start("look") as session:
            session.advance()
            instance = session.instance.id
            (view,) = session.running.human_tasks()
            assert view.data["prices"]("2026", "apple") == 2
        write_look("Two")
        describe(desk, "shop", "kkv", "prices", schema={"type": "number"})
        desk.commit()
        assert added(runner, "shop/look").version == 2
        (plan,) = runner.diff_workflow(runner.target("look@2"), [instance])
        assert (plan.verdict, plan.blockers) == ("migratable", ())
        assert runner.migrate(runner.target("look@2"), instance).outcome == "migrated"
        assert runner.rollback(instance).outcome == "rolled-back"
        assert runner.migrate(runner.target("look@2"), instance).outcome == "migrated"
        with runner.session(instance, "complete") as session:
            (view,) = session.running.human_tasks()
            assert view.data["prices"] == {"2026": {"apple": 2}}
            session.complete(view.task, {})
            session.advance()
            assert session.instance.state == "completed"
            assert "prices" not in session.running.data


@pytest.mark.parametrize("back_end", ["tinydb", "sqlite"])
def test_many_at_once_lose_nothing(desk: Desk, back_end: str) -> None:
    url = f"{back_end}:{desk.folder.parent / 'counts'}"
    write_model(desk, "shop/count", script="items['n'] = items.get('n', 0) + 1", reads=True, writes=True)
    describe(desk, "shop")
    desk.commit()
    with desk.runner(store=url) as runner:
        added(runner, "shop/count")

    def count(_: int) -> None:
        with desk.runner(store=url) as own:
            for _ in range(5):
                ran(own, "count")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with desk.runner(store=url) as runner:
        assert stored(runner) == {("shop", "items"): {"n": 20}}


def test_tenants_have_their_own(desk: Desk) -> None:
    write_model(desk, "shop/pay", **WRITE)
    describe(desk, "shop")
    desk.commit()
    with desk.runner() as runner:
        added(runner, "shop/pay")
        ran(runner, "pay", {"number": 1})
    with desk.runner(tenant="acme") as runner:
        ran(runner, "pay", {"number": 2})  # the model of the default tenant, with data of its own
        assert stored(runner) == {("shop", "items"): [2]}
    with desk.runner() as runner:
        assert stored(runner) == {("shop", "items"): [1]}


ASKING = """
<message id="asked" name="question"/><message id="told" name="answer"/>
<process id="ask" isExecutable="true">
<startEvent id="s"/>
<sendTask id="send" messageRef="asked"><extensionElements>
<spiffworkflow:messagePayload>{"customer": customer}</spiffworkflow:messagePayload></extensionElements></sendTask>
<receiveTask id="wait" messageRef="told"><extensionElements>
<spiffworkflow:messageVariable>reply</spiffworkflow:messageVariable></extensionElements></receiveTask>
<endEvent id="e"/>
<sequenceFlow id="f1" sourceRef="s" targetRef="send"/><sequenceFlow id="f2" sourceRef="send" targetRef="wait"/>
<sequenceFlow id="f3" sourceRef="wait" targetRef="e"/></process>
"""

PROPERTY = {"customer": {"retrieval_expression": "customer"}}


@pytest.mark.parametrize(
    "said",
    [
        {"messages": {name: {"correlation_properties": PROPERTY, "schema": {}} for name in ("question", "answer")}},
        {"messages": [
            {"id": name, "correlation_properties": [{"id": "customer", "retrieval_expression": "customer"}]}
            for name in ("question", "answer")
        ]},
        {"messages": [{"id": "question"}, {"id": "answer"}], "correlation_properties": [
            {"id": "customer", "retrieval_expressions": [
                {"message_ref": name, "formal_expression": "customer"} for name in ("question", "answer")
            ]}
        ]},
    ],
    ids=["by name", "as a list", "the older form"],
)  # fmt: skip
def test_messages_are_correlated_as_the_group_says(desk: Desk, said: dict[str, Any]) -> None:
    desk.write("shop/ask/ask.bpmn", bpmn("m", ASKING).content)
    desk.write("shop/ask/process_model.json", json.dumps({"primary_process_id": "ask"}))
    desk.write("shop/process_group.json", json.dumps({"display_name": "shop", **said}))
    desk.commit()
    with desk.runner() as runner:
        added(runner, "shop/ask")
        waiting = {}
        for customer in ("ada", "bob"):
            with runner.start("ask", {"customer": customer}) as session:
                session.advance()
                waiting[customer] = session.instance.id
        delivered = runner.send("message", "answer", {"customer": "bob", "text": "yes"})
        assert [each.id for each in delivered.instances] == [waiting["bob"]]
        assert runner.catalog.instance(waiting["bob"]).state == "completed"
        assert runner.catalog.instance(waiting["ada"]).state == "running"


def test_a_model_that_says_itself_how_its_messages_are_correlated_is_left_alone(desk: Desk) -> None:
    own = (
        '<correlationProperty id="number" name="number"><correlationPropertyRetrievalExpression messageRef="told">'
        "<messagePath>number</messagePath></correlationPropertyRetrievalExpression></correlationProperty>"
    )
    desk.write("shop/ask/ask.bpmn", bpmn("m", own + ASKING).content)
    desk.write("shop/ask/process_model.json", json.dumps({"primary_process_id": "ask"}))
    said = {"messages": {"answer": {"correlation_properties": PROPERTY}}}
    desk.write("shop/process_group.json", json.dumps(said))
    desk.commit()
    with desk.runner() as runner:
        found = added(runner, "shop/ask")
        node = runner.catalog.model(found).processes["ask"].nodes["wait"]
        assert [each.property_id for event in node.events for each in event.correlations] == ["number"]


def test_forms_lie_beside_what_groups_describe(desk: Desk) -> None:
    """A form and a file of a data store are told apart, although both are JSON."""
    write_model(
        desk, "shop/count", script="items['n'] = 1", reads=True, writes=True, kind="JSONFileDataStore", ask=True
    )
    desk.write("shop/count/items.json", "{}")
    desk.write("shop/count/other.json", form("f").content)
    desk.commit()
    with desk.runner() as runner:
        found = added(runner, "shop/count")
        assert {each.name: each.kind for each in runner.catalog.resource_entries(found)} == {
            "shop/count/count.bpmn": "bpmn", "shop/count/items.json": "other",
        }  # fmt: skip
