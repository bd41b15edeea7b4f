from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from spiffcli.deployments.request import Deploy, DeploymentPlan
from spiffcli.errors import (
    AmbiguousError,
    ConflictError,
    CorruptStoreError,
    DuplicateError,
    InputError,
    ModelError,
    NotFoundError,
)
from spiffcli.store import Document, DocumentStore
from spiffcli.values import Resource, Source

from .bench import Bench, specs_of
from .models import bpmn, dmn, form, process

ORDER = bpmn("order.bpmn", process("order"))


def refused(bench: Bench, *resources: Resource, **request: Any) -> ModelError | InputError | DuplicateError:
    """The error of planning this; nothing may have been stored."""
    before = bench.catalog.deployments()
    with pytest.raises((ModelError, InputError, DuplicateError)) as caught:
        bench.add(*resources, **request)
    assert bench.catalog.deployments() == before
    return caught.value


def test_a_deployment_keeps_what_it_was_given(bench: Bench) -> None:
    source = Source(files=("order.bpmn",), commit="c" * 40, branch="main", dirty=True)
    notes = Resource("notes.txt", "other", b"\xff\x00 bytes")
    made = bench.add(ORDER, notes, user="ann", name="first", source=source)
    found = bench.catalog.deployment(made.id)
    assert found == made
    assert (found.name, found.user, found.source) == ("first", "ann", source)
    assert bench.catalog.deployment_resources(found) == (ORDER, notes)
    definition = bench.catalog.find("order")
    assert (definition.deployment, definition.user, definition.source) == (made.id, "ann", source)


def test_planning_writes_nothing(bench: Bench) -> None:
    plan = bench.catalog.plan_deployment(Deploy((ORDER,)))
    assert [each.label for each in plan.new] == ["order@1"]
    assert bench.catalog.deployments() == []
    assert list(bench.store.blobs()) == []


def test_deployments_are_found_by_id_prefix_and_name(bench: Bench) -> None:
    first = bench.add(ORDER, name="release")
    second = bench.add(ORDER, name="release", user="bob")
    assert bench.catalog.deployment(first.id) == first
    assert bench.catalog.deployment("release") == second
    assert bench.catalog.deployment(first.id[:20]) == first
    assert [each.id for each in bench.catalog.deployments()] == [first.id, second.id]
    assert [each.id for each in bench.catalog.deployments(user="bob")] == [second.id]
    assert [each.id for each in bench.catalog.deployments(since=second.created)] == [second.id]
    with pytest.raises(NotFoundError) as caught:
        bench.catalog.deployment("nothing")
    assert caught.value.data["candidates"] == ["release"]


def test_a_deployment_prefix_of_several_is_refused(bench: Bench) -> None:
    ids = [bench.add(ORDER).id for _ in range(17)]
    prefix = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    with pytest.raises(AmbiguousError):
        bench.catalog.deployment(prefix)


def test_an_unknown_process_is_answered_with_what_the_files_hold(bench: Bench) -> None:
    error = refused(bench, ORDER, main="ordr")
    assert error.message == "No file holds a process 'ordr'."
    assert error.hint == "In the files: 'order'."
    error = refused(bench, ORDER, main="order", main_kind="collaboration")
    assert error.hint == "In the files: none."


def test_files_without_an_executable_process_are_refused(bench: Bench) -> None:
    error = refused(bench, bpmn("sketch.bpmn", process("sketch", executable=False)))
    assert "there is only 'sketch'" in error.message
    assert (error.file, error.element) == ("sketch.bpmn", "sketch")
    error = refused(bench, ORDER, bpmn("s.bpmn", process("sketch", executable=False)), main="sketch")
    assert error.message == "Process 'sketch' is not executable."


def test_a_called_process_that_is_not_executable_is_named(bench: Bench) -> None:
    both = bpmn("both.bpmn", process("order", calls=("tax",)), process("tax", executable=False))
    error = refused(bench, both)
    assert "needs process 'tax', which is in both.bpmn but not executable" in error.message
    assert (error.file, error.element) == ("both.bpmn", "order_calls_tax")
    assert error.line is not None


def test_a_missing_decision_is_an_error_and_a_missing_form_a_warning(bench: Bench) -> None:
    error = refused(bench, bpmn("order.bpmn", process("order", decisions=("price",))))
    assert "needs decision 'price'" in error.message
    assert error.hint is not None
    assert "-d FILE" in error.hint
    bench.add(bpmn("order.bpmn", process("order", forms=("ask.json",))))
    (note,) = [note for note in bench.plan.notes if note.rule == "form-missing"]
    assert note.warning
    assert note.element == "order_asks_ask"


def test_a_process_with_much_to_tell_tells_it_in_one_note(bench: Bench) -> None:
    bench.add(*(dmn(f"d{n}.dmn", f"d{n}") for n in range(12)))
    names = tuple(f"f{n}.json" for n in range(3))
    bench.add(bpmn("order.bpmn", process("order", decisions=tuple(f"d{n}" for n in range(12)), forms=names)))
    (pinned,) = bench.notes("pinned")
    assert "d0@1, d1@1" in pinned
    assert "d9@1 and 2 more, the latest there are" in pinned
    assert bench.notes("form-missing") == ["Process 'order' shows forms that are missing: f0.json, f1.json, f2.json."]


def test_a_form_added_later_is_found(bench: Bench) -> None:
    bench.add(bpmn("order.bpmn", process("order", forms=("ask.json",))))
    caller = bench.catalog.find("order")
    with pytest.raises(NotFoundError, match=r"needs form 'ask.json'"):
        bench.catalog.resolve(caller, "order_asks_ask", "form", "ask.json")
    bench.add(form("ask.json"))
    assert bench.catalog.resolve(caller, "order_asks_ask", "form", "ask.json").definition.label == "ask.json@1"


def test_what_is_bound_late_may_be_missing_when_it_is_added(bench: Bench) -> None:
    bench.add(bpmn("order.bpmn", process("order", calls=("tax",))), binding="latest")
    (note,) = [note for note in bench.plan.notes if note.rule == "resolved-later"]
    assert note.warning
    assert bench.catalog.find("order").references[0].target is None


def test_versions_and_tags_that_are_not_there_yet_are_told(bench: Bench) -> None:
    taxes = bpmn("tax.bpmn", process("tax"))
    bench.add(taxes, tag="stable")

    def told(binding: str, *more: Resource, **request: Any) -> bool:
        bench.add(bpmn("order.bpmn", process("order", calls=("tax",))), *more, binding=binding, **request)
        return bool(bench.notes("resolved-later"))

    assert [told(binding) for binding in ("version:1", "tag:stable", "latest")] == [False, False, False]
    assert [told(binding) for binding in ("version:2", "tag:beta")] == [True, True]
    assert "process 'tax' (tag:beta)" in bench.notes("resolved-later")[0]
    newer = bpmn("tax.bpmn", process("tax", script="x = 2"))
    assert [told(binding, newer) for binding in ("version:9", "tag:beta")] == [True, True]
    assert told("version:3", bpmn("tax.bpmn", process("tax", script="x = 3"))) is False
    assert told("tag:beta", newer, main="tax", tag="beta") is False


@pytest.mark.parametrize(
    "request_",
    [
        {"binding": "newest"},
        {"binding": "version:x"},
        {"binding": "version:0"},
        {"tag": "7"},
        {"bindings": {"x": "latest"}},
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(bench: Bench, request_: dict[str, Any]) -> None:
    assert isinstance(refused(bench, ORDER, **request_), InputError)


def test_a_binding_the_model_gets_wrong_names_its_element(bench: Bench) -> None:
    error = refused(bench, bpmn("o.bpmn", process("order", calls=("tax",), binding="sometimes"), process("tax")))
    assert (error.file, error.element) == ("o.bpmn", "order_calls_tax")
    assert "'sometimes' is no binding" in error.message


def test_nothing_to_add_is_refused(bench: Bench) -> None:
    assert isinstance(refused(bench), InputError)
    assert isinstance(refused(bench, Resource("notes.txt", "other", b"")), ModelError)


def test_one_file_given_twice_counts_once_and_two_of_one_name_are_refused(bench: Bench) -> None:
    made = bench.add(ORDER, ORDER)
    assert [each.name for each in made.resources] == ["order.bpmn"]
    error = refused(bench, ORDER, bpmn("order.bpmn", process("other")))
    assert error.file == "order.bpmn"


def test_bindings_beside_the_model_go_before_those_in_it(bench: Bench) -> None:
    files = (bpmn("o.bpmn", process("order", calls=("tax",), binding="latest")), bpmn("t.bpmn", process("tax")))
    bench.add(*files, bindings={"order_calls_tax": "deployment"})
    assert bench.catalog.find("order").references[0].binding == "deployment"
    bench.add(*files, bindings={"order#order_calls_tax": "version:1"})
    assert bench.catalog.find("order").references[0].binding == "version:1"
    assert bench.versions("order") == [1, 2]


def test_another_default_binding_makes_a_version(bench: Bench) -> None:
    files = (bpmn("o.bpmn", process("order", calls=("tax",))), bpmn("t.bpmn", process("tax")))
    bench.add(*files)
    bench.add(*files, binding="latest")
    assert bench.versions("order") == [1, 2]
    assert bench.versions("tax") == [1]


def test_a_changed_callee_in_the_deployment_makes_a_version_of_its_callers(bench: Bench) -> None:
    def files(script: str) -> tuple[Resource, ...]:
        return (
            bpmn("a.bpmn", process("a", calls=("b",))),
            bpmn("b.bpmn", process("b", calls=("c",))),
            bpmn("c.bpmn", process("c", script=script)),
            bpmn("other.bpmn", process("other")),
        )

    bench.add(*files("x = 1"))
    made = bench.add(*files("x = 2"))
    assert [(each.key, each.new) for each in made.definitions] == [
        ("a", True),
        ("b", True),
        ("c", True),
        ("other", False),
    ]


def test_the_same_content_elsewhere_is_still_unchanged(bench: Bench) -> None:
    bench.add(bpmn("a.bpmn", process("a", calls=("b",)), process("b")))
    bench.add(bpmn("x/y.bpmn", process("b")), bpmn("z.bpmn", process("a", calls=("b",))))
    assert bench.versions("a") == [1]
    bench.add(bpmn("a.bpmn", process("a", calls=("b",))))
    assert bench.versions("a") == [1]


def test_processes_that_call_each_other_are_versioned_together(bench: Bench) -> None:
    def files(script: str) -> Resource:
        return bpmn("ab.bpmn", process("a", calls=("b",)), process("b", calls=("a",), script=script))

    bench.add(files("x = 1"))
    bench.add(files("x = 1"))
    bench.add(files("x = 2"))
    assert bench.versions("a") == [1, 2]
    assert bench.versions("b") == [1, 2]
    a, b = bench.catalog.find("a"), bench.catalog.find("b")
    assert (a.references[0].target, b.references[0].target) == (b.id, a.id)


def test_a_tenant_pins_to_the_default_tenant_where_it_has_nothing_itself(bench: Bench, store: DocumentStore) -> None:
    bench.add(bpmn("tax.bpmn", process("tax")))
    acme = Bench(store, tenant="acme")
    acme.add(bpmn("order.bpmn", process("order", calls=("tax",))))
    assert "tax@1 of the default tenant" in acme.notes("pinned")[0]
    assert acme.catalog.find("order").references[0].target == bench.catalog.find("tax").id
    strict = Bench(store, tenant="strict", fallback=False)
    assert "nor in tenant 'strict'" in refused(strict, bpmn("order.bpmn", process("order", calls=("tax",)))).message


def test_a_request_may_name_another_tenant(bench: Bench, store: DocumentStore) -> None:
    made = bench.add(ORDER, tenant="acme")
    assert made.tenant == "acme"
    assert bench.catalog.definitions() == []
    assert Bench(store, tenant="acme").versions("order") == [1]


def test_the_tag_goes_to_the_main_process_or_to_all(bench: Bench) -> None:
    files = (bpmn("o.bpmn", process("order", calls=("tax",))), bpmn("t.bpmn", process("tax")))
    bench.add(*files, main="order", tag="v1")
    assert bench.catalog.find("order").tags == ("v1",)
    assert bench.catalog.find("tax").tags == ()
    bench.add(*files, tag="all")
    assert bench.catalog.find("order").tags == ("all", "v1")
    assert bench.catalog.find("tax").tags == ("all",)
    bench.assert_sound()


def test_a_tag_that_is_taken_stops_the_deployment_unless_it_moves(bench: Bench) -> None:
    bench.add(ORDER, tag="stable")
    changed = bpmn("order.bpmn", process("order", script="y = 1"))
    assert isinstance(refused(bench, changed, tag="stable"), DuplicateError)
    bench.add(changed, tag="stable", move_tag=True)
    assert bench.catalog.find("order@stable").version == 2
    bench.add(changed, tag="stable")
    bench.assert_sound()


def test_specs_are_made_for_new_definitions_only(bench: Bench) -> None:
    asked: list[list[str]] = []

    def specs(plan: DeploymentPlan) -> Any:
        asked.append([each.label for each in plan.new])
        return specs_of(plan)

    bench.add(bpmn("two.bpmn", process("a"), process("b")))
    plan = bench.catalog.plan_deployment(Deploy((bpmn("two.bpmn", process("a"), process("b", script="y = 1")),)))
    bench.catalog.deploy(plan, specs)
    assert asked == [["b@2"]]


def test_an_overtaken_plan_asks_for_the_specs_it_then_needs(bench: Bench) -> None:
    other = bpmn("order.bpmn", process("order", script="y = 1"))
    bench.add(ORDER)
    plans = [bench.catalog.plan_deployment(Deploy((ORDER,))) for _ in range(2)]
    assert plans[0].new == ()
    bench.add(other)
    with pytest.raises(ConflictError, match="Somebody else deployed order"):
        bench.catalog.deploy(plans[0], {})
    made = bench.catalog.deploy(plans[1], specs_of)
    assert [(each.version, each.new) for each in made.definitions] == [(3, True)]
    assert bench.catalog.find("order").specs != {}
    bench.assert_sound()


def test_a_plan_is_made_anew_when_what_it_pins_to_is_gone(bench: Bench) -> None:
    bench.add(bpmn("tax.bpmn", process("tax")))
    plan = bench.catalog.plan_deployment(Deploy((bpmn("order.bpmn", process("order", calls=("tax",))),)))
    bench.catalog.delete(bench.catalog.plan_deletion("tax"))
    with pytest.raises(ModelError, match="needs process 'tax'"):
        bench.catalog.deploy(plan)
    assert [each.id for each in bench.catalog.deployments()] == []


def test_a_failure_while_storing_leaves_nothing(bench: Bench) -> None:
    plan = bench.catalog.plan_deployment(Deploy((ORDER,)))

    def deploy_then_fail() -> None:
        with bench.catalog.transaction() as together:
            together.deploy(plan)
            together.tag("order", "7")

    with pytest.raises(InputError):
        deploy_then_fail()
    assert bench.catalog.definitions() == []
    assert list(bench.store.blobs()) == []


def test_a_hash_of_an_older_algorithm_is_computed_anew_and_makes_no_version(bench: Bench, store: DocumentStore) -> None:
    from spiffcli.catalog.documents import definition_body, definition_fields

    files = (bpmn("o.bpmn", process("order", calls=("tax",))), bpmn("t.bpmn", process("tax")))
    bench.add(*files)
    with store.transaction() as tx:
        for key in ("order", "tax"):
            stored = bench.catalog.find(key)
            old = replace(stored, hash="c0:" + stored.hash[3:], own_hash="m0:" + stored.own_hash[3:])
            tx.put("definition", old.id, definition_fields(old), definition_body(old), expected=old.revision)
    bench.add(*files)
    bench.add(files[0])
    assert bench.versions("order") == [1]
    assert bench.versions("tax") == [1]
    bench.add(bpmn("t.bpmn", process("tax", script="y = 1")))
    bench.add(bpmn("t.bpmn", process("tax")))
    assert bench.notes("same-as") == ["tax@3 has the same content as version 1."]


def test_hashes_of_every_kind_can_be_computed_anew(bench: Bench, store: DocumentStore) -> None:
    from spiffcli.catalog.documents import definition_body, definition_fields

    trade = bpmn(
        "trade.bpmn",
        '<collaboration id="trade"><participant id="pool" processRef="buyer"/></collaboration>',
        process("buyer", decisions=("price",), forms=("ask.json",)),
    )
    files = (trade, dmn("price.dmn", "price"), form("ask.json"))
    bench.add(*files, main="trade", main_kind="collaboration")
    with store.transaction() as tx:
        for stored in map(bench.catalog.find, ("trade", "buyer", "price", "ask.json")):
            old = replace(stored, hash="c0:", own_hash="m0:")
            tx.put("definition", old.id, definition_fields(old), definition_body(old), expected=old.revision)
    made = bench.add(*files, main="trade", main_kind="collaboration")
    assert not any(each.new for each in made.definitions)


def test_what_a_stored_definition_is_bound_to_may_not_be_missing(bench: Bench, store: DocumentStore) -> None:
    bench.add(bpmn("o.bpmn", process("order", calls=("tax",)), process("tax")))
    tax = bench.catalog.find("tax")
    with store.transaction() as tx:
        tx.delete("definition", tax.id, expected=tax.revision)
    with pytest.raises(CorruptStoreError, match=f"{tax.id} is referred to but missing"):
        bench.add(bpmn("shop.bpmn", process("shop", calls=("order",))))


def test_a_missing_deployment_is_damage(bench: Bench, store: DocumentStore) -> None:
    made = bench.add(ORDER)
    with store.transaction() as tx:
        tx.delete("deployment", made.id, expected=1)
    with pytest.raises(CorruptStoreError, match=made.id):
        bench.catalog.model(bench.catalog.find("order"))
    bench.add(bpmn("order.bpmn", process("order", script="y = 1")))
    assert bench.versions("order") == [1, 2]


def test_a_drawing_in_another_order_than_the_flows_is_told(bench: Bench) -> None:
    shape = (
        '<bpmndi:BPMNShape id="{0}_s" bpmnElement="{0}"><dc:Bounds x="1" y="{1}" width="1" height="1"/>'
        "</bpmndi:BPMNShape>"
    )
    gateway = (
        '<process id="order" isExecutable="true"><startEvent id="s"/><exclusiveGateway id="g"/><endEvent id="a"/>'
        '<endEvent id="b"/><sequenceFlow id="f0" sourceRef="s" targetRef="g"/><sequenceFlow id="f1" sourceRef="g" '
        'targetRef="a"/><sequenceFlow id="f2" sourceRef="g" targetRef="b"/></process><bpmndi:BPMNDiagram id="d1">'
        f'<bpmndi:BPMNPlane id="p1" bpmnElement="order">{shape.format("a", 90)}{shape.format("b", 10)}'
        "</bpmndi:BPMNPlane></bpmndi:BPMNDiagram>"
    )
    bench.add(bpmn("order.bpmn", gateway))
    assert len(bench.notes("order-of-flows")) == 1


def test_a_collaboration_becomes_a_definition_when_it_is_asked_for(bench: Bench) -> None:
    participants = "".join(f'<participant id="pool_{key}" processRef="{key}"/>' for key in ("buyer", "seller"))
    file = bpmn(
        "trade.bpmn",
        f'<collaboration id="trade">{participants}</collaboration>',
        process("buyer"),
        process("seller", executable=False),
    )
    bench.add(file)
    assert [each.key for each in bench.catalog.definitions()] == ["buyer"]
    made = bench.add(file, main="trade", main_kind="collaboration")
    assert [(each.kind, each.key, each.new) for each in made.definitions] == [
        ("process", "buyer", False),
        ("process", "seller", True),
        ("collaboration", "trade", True),
    ]
    trade = bench.catalog.find("trade")
    assert [(each.element, each.key) for each in trade.references] == [
        ("pool_buyer", "buyer"),
        ("pool_seller", "seller"),
    ]
    assert bench.start("trade").key == "trade"


def test_a_decision_alone_can_be_deployed(bench: Bench) -> None:
    made = bench.add(dmn("price.dmn", "price"))
    assert [(each.kind, each.key) for each in made.definitions] == [("decision", "price")]


class Overtaken:
    """The store, in which something happens as soon as the first definition is read."""

    def __init__(self, store: DocumentStore, happens: Callable[[], object]) -> None:
        self._store = store
        self._happens: Callable[[], object] | None = happens

    def get(self, kind: str, id: str, *, body: bool = True) -> Document | None:
        if kind == "definition" and self._happens is not None:
            happens, self._happens = self._happens, None
            happens()
        return self._store.get(kind, id, body=body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_a_deployment_in_the_middle_of_planning_is_noticed(bench: Bench, store: DocumentStore) -> None:
    others = bpmn("order.bpmn", process("order", script="b = 1"))
    bench.add(ORDER)
    slow = Bench(Overtaken(store, lambda: bench.add(others)))  # type: ignore[arg-type]
    made = slow.add(bpmn("order.bpmn", process("order", script="c = 1")))
    assert [(each.version, each.new) for each in made.definitions] == [(3, True)]
    bench.assert_sound()


def test_a_deletion_in_the_middle_of_a_lookup_is_not_taken_for_damage(bench: Bench, store: DocumentStore) -> None:
    for script in ("a = 1", "b = 1"):
        bench.add(bpmn("order.bpmn", process("order", script=script)))
    plan = bench.catalog.plan_deletion("order@2")
    slow = Bench(Overtaken(store, lambda: bench.catalog.delete(plan)))  # type: ignore[arg-type]
    assert slow.catalog.latest("order").version == 1
