"""Any sequence of deployments, deletions, suspensions, tags and starts, against the rules written down small."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from spiffcli.catalog import Catalog, Filter
from spiffcli.catalog.integrity import check
from spiffcli.deployments.request import Deploy
from spiffcli.errors import DuplicateError, ModelError, NotFoundError, StateError
from spiffcli.store import open_store
from spiffcli.values import Instance, Resource

HEAD = '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:test">'

CALLERS = ("order", "claim")
KEYS = (*CALLERS, "tax")

#: Contents with a start event for the message that is called like the key.
STARTED = (0, 1)

keys = st.sampled_from(KEYS)
tenants = st.sampled_from(["", "acme"])
contents = st.integers(0, 2)


def model(key: str, content: int) -> Resource:
    """A process with one script; `order` and `claim` call `tax`. All but those with the last content wait for a message."""
    event = '<messageEventDefinition messageRef="m"/>' if content in STARTED else ""
    nodes = [
        f'<startEvent id="s">{event}</startEvent>',
        f'<scriptTask id="t"><script>x = {content}</script></scriptTask>',
    ]
    if key in CALLERS:
        nodes.append('<callActivity id="call" calledElement="tax"/>')
    nodes.append('<endEvent id="e"/>')
    ids = [node.partition('id="')[2].partition('"')[0] for node in nodes]
    flows = [
        f'<sequenceFlow id="f{n}" sourceRef="{a}" targetRef="{b}"/>' for n, (a, b) in enumerate(itertools.pairwise(ids))
    ]
    text = f'{HEAD}<message id="m" name="{key}"/><process id="{key}" isExecutable="true">{"".join(nodes + flows)}</process></definitions>'
    return Resource(f"{key}.bpmn", "bpmn", text.encode())


class Version:
    """A version as the rules see it; `meaning` is its content and that of what it is bound to."""

    def __init__(self, number: int, content: int, bound: Version | None, binding: str) -> None:
        self.number = number
        self.content = content
        self.bound = bound
        self.binding = binding
        self.suspended = False

    @property
    def meaning(self) -> object:
        return self.content, self.binding, self.bound.content if self.bound else None


class Key:
    """A key as the rules see it."""

    def __init__(self) -> None:
        self.versions: dict[int, Version] = {}
        self.highest = 0
        self.tags: dict[str, int] = {}

    @property
    def latest(self) -> Version | None:
        return self.versions[max(self.versions)] if self.versions else None


class Rules(RuleBasedStateMachine):
    """The catalog beside a dictionary that knows the rules."""

    url = "memory:"

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = open_store(self.url.format(self.folder))
        self.time = 1_800_000_000.0
        self.catalogs = {tenant: self.make_catalog(tenant) for tenant in ("", "acme")}
        self.rules: dict[tuple[str, str], Key] = {(t, k): Key() for t in ("", "acme") for k in KEYS}
        #: Where each instance runs: tenant of the instance, tenant of the definition, key, version, natural id.
        self.instances: dict[str, tuple[str, str, str, int, str | None]] = {}

        for number in range(2):
            self.deploy_files("", dict.fromkeys(KEYS, number), "deployment", False)
        self.deploy_files("acme", {"order": 0}, "deployment", False)

    def make_catalog(self, tenant: str) -> Catalog:
        return Catalog(self.store, tenant=tenant, clock=lambda: self.time)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert [problem.what for problem in check(self.store)] == []
            assert self.store.check() == []
            self.store.close()
            shutil.rmtree(self.folder)

    def visible(self, tenant: str, key: str) -> tuple[str, Key] | None:
        for where in (tenant, ""):
            if self.rules[where, key].versions:
                return where, self.rules[where, key]
        return None

    # Deployments

    @rule(
        tenant=tenants,
        files=st.dictionaries(keys, contents, min_size=1),
        binding=st.sampled_from(["deployment", "latest"]),
        force=st.booleans(),
    )
    def deploy(self, tenant: str, files: dict[str, int], binding: str, force: bool) -> None:
        self.deploy_files(tenant, files, binding, force)

    def deploy_files(self, tenant: str, files: dict[str, int], binding: str, force: bool) -> None:
        self.time += 1
        request = Deploy(tuple(model(key, content) for key, content in files.items()), binding=binding, force_new=force)
        catalog = self.catalogs[tenant]
        pinned = self.visible(tenant, "tax")
        calls = any(key in CALLERS for key in files)
        if calls and binding == "deployment" and "tax" not in files and pinned is None:
            with pytest.raises(ModelError):
                catalog.plan_deployment(request)
            return
        expected = self.expect(tenant, files, binding, force)
        made = catalog.deploy(catalog.plan_deployment(request), lambda plan: self.specs(plan))
        assert {each.key: (each.version, each.new) for each in made.definitions} == expected

    def specs(self, plan: Any) -> Any:
        return {each.name: {each.candidate.key: str(each.candidate.own_hash).encode()} for each in plan.new}

    def expect(self, tenant: str, files: dict[str, int], binding: str, force: bool) -> dict[str, tuple[int, bool]]:
        expected = {}
        bound: Version | None = None
        # The callee first: its version is what callers are bound to.
        for key in sorted(files, key=lambda key: key in CALLERS):
            how = binding if key in CALLERS else ""
            if key in CALLERS and binding == "deployment" and bound is None:
                found = self.visible(tenant, "tax")
                bound = found[1].latest if found else None
            target = bound if how == "deployment" else None
            expected[key] = self.expect_version(self.rules[tenant, key], files[key], target, how, force)
            if key == "tax":
                bound = self.rules[tenant, key].latest
        return expected

    def expect_version(
        self, key: Key, content: int, bound: Version | None, binding: str, force: bool
    ) -> tuple[int, bool]:
        version = Version(key.highest + 1, content, bound, binding)
        if key.latest is not None and key.latest.meaning == version.meaning and not force:
            return key.latest.number, False
        key.highest += 1
        key.versions[version.number] = version
        return version.number, True

    # Instances

    @rule(tenant=tenants, key=keys, natural_id=st.none() | st.sampled_from(["1", "2"]), data=st.data())
    def start(self, tenant: str, key: str, natural_id: str | None, data: st.DataObject) -> None:
        self.time += 1
        catalog, found = self.catalogs[tenant], self.visible(tenant, key)
        if found is None:
            with pytest.raises(NotFoundError):
                catalog.startable(key)
            return
        where, rules = found
        number = data.draw(st.sampled_from(sorted({0, *rules.versions, rules.highest})))
        ref = f"{key}@{number}" if number else key
        version = rules.versions.get(number) if number else rules.latest
        if version is None or version.suspended:
            with pytest.raises(NotFoundError if version is None else StateError) as caught:
                catalog.startable(ref)
            if version is not None:
                active = [each.number for each in rules.versions.values() if not each.suspended]
                assert caught.value.data["newest_active"] == max(active, default=None)
            return
        definition = catalog.startable(ref)
        assert (definition.tenant, definition.key, definition.version) == (where, key, version.number)
        row = self.row(tenant, definition.id, key, version.number, natural_id)
        taken = natural_id is not None and any(
            (each[0], each[2], each[4]) == (tenant, key, natural_id) for each in self.instances.values()
        )
        if taken:
            with pytest.raises(DuplicateError):
                catalog.create(row, b"state")
            return
        catalog.create(row, b"state")
        self.instances[row.id] = (tenant, where, key, version.number, natural_id)

    def row(self, tenant: str, definition: str, key: str, version: int, natural_id: str | None) -> Instance:
        now = self.catalogs[tenant].now()
        id = str(uuid.uuid4())
        return Instance(id, tenant, definition, key, version, "running", now, now, natural_id=natural_id)

    @precondition(lambda self: self.instances)
    @rule(data=st.data())
    def end_instance(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(list(self.instances)))
        self.catalogs[self.instances.pop(id)[0]].delete_instance(id)

    # Definitions

    @rule(tenant=tenants, key=keys, suspended=st.booleans(), whole=st.booleans())
    def suspend(self, tenant: str, key: str, suspended: bool, whole: bool) -> None:
        catalog, rules = self.catalogs[tenant], self.rules[tenant, key]
        action = catalog.suspend if suspended else catalog.activate
        if rules.latest is None:
            with pytest.raises(NotFoundError):
                action(key, whole_key=whole)
            return
        action(key, whole_key=whole)
        for version in rules.versions.values() if whole else [rules.latest]:
            version.suspended = suspended

    @rule(tenant=tenants, key=keys, name=st.sampled_from(["stable", "beta"]), move=st.booleans(), data=st.data())
    def tag(self, tenant: str, key: str, name: str, move: bool, data: st.DataObject) -> None:
        rules = self.rules[tenant, key]
        if not rules.versions:
            return
        number = data.draw(st.sampled_from(sorted(rules.versions)))
        if rules.tags.get(name, number) != number and not move:
            with pytest.raises(DuplicateError):
                self.catalogs[tenant].tag(f"{key}@{number}", name)
            return
        self.catalogs[tenant].tag(f"{key}@{number}", name, move=move)
        rules.tags[name] = number

    @rule(tenant=tenants, key=keys, cascade=st.booleans(), data=st.data())
    def delete(self, tenant: str, key: str, cascade: bool, data: st.DataObject) -> None:
        catalog, rules = self.catalogs[tenant], self.rules[tenant, key]
        if not rules.versions:
            with pytest.raises(NotFoundError):
                catalog.plan_deletion(key)
            return
        number = data.draw(st.sampled_from(sorted(rules.versions)))
        version = rules.versions[number]
        users = [id for id, each in self.instances.items() if each[1:4] == (tenant, key, number)]
        others = [id for id in users if self.instances[id][0] != tenant]
        callers = [
            caller for each in self.rules.values() for caller in each.versions.values() if caller.bound is version
        ]
        plan = catalog.plan_deletion(f"{key}@{number}")
        assert (len(plan.callers), len(plan.running), plan.others) == (
            len(callers),
            len(users) - len(others),
            len(others),
        )
        if callers or others or (users and not cascade):
            with pytest.raises(StateError):
                catalog.delete(plan, cascade=cascade)
            return
        catalog.delete(plan, cascade=cascade)
        del rules.versions[number]
        rules.tags = {name: each for name, each in rules.tags.items() if each != number}
        for id in users:
            del self.instances[id]

    # What must hold after every step

    @invariant()
    def lists_agree(self) -> None:
        if not hasattr(self, "rules"):
            return
        for tenant, catalog in self.catalogs.items():
            listed = [(each.key, each.version, each.suspended, each.tags) for each in catalog.definitions()]
            assert listed == [
                (key, number, version.suspended, tuple(sorted(t for t, n in rules.tags.items() if n == number)))
                for key in sorted(KEYS)
                for rules in [self.rules[tenant, key]]
                for number, version in sorted(rules.versions.items())
            ]
            rows = {each.id: (each.key, each.version) for each in catalog.instances(Filter())}
            assert rows == {id: each[2:4] for id, each in self.instances.items() if each[0] == tenant}

    @invariant()
    def messages_start_the_newest_active_version(self) -> None:
        if not hasattr(self, "rules"):
            return
        for tenant, catalog in self.catalogs.items():
            for key in KEYS:
                found = self.visible(tenant, key)
                active = [each for each in found[1].versions.values() if not each.suspended] if found else []
                newest = max(active, key=lambda each: each.number, default=None)
                expected = [(found[0], newest.number)] if found and newest and newest.content in STARTED else []
                assert [(each.tenant, each.version) for each in catalog.started_by("message", key)] == expected

    @invariant()
    def references_lead_where_they_were_bound(self) -> None:
        if not hasattr(self, "rules"):
            return
        for (tenant, key), rules in self.rules.items():
            for number, version in rules.versions.items() if key in CALLERS else ():
                if version.bound is not None:
                    catalog = self.catalogs[tenant]
                    caller = catalog.find(f"{key}@{number}")
                    target = catalog.definition(caller.references[0].target or "")
                    assert target.version == version.bound.number


def machine(name: str, address: str) -> type[Rules]:
    return type(name, (Rules,), {"url": address})


SETTINGS = {
    "stateful_step_count": 40,
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much],
}


@pytest.mark.parametrize(
    ("address", "examples"),
    [("memory:", 100), ("sqlite:{}/store.db", 20), ("tinydb:{}/store", 10)],
    ids=["memory", "sqlite", "tinydb"],
)
def test_the_catalog_keeps_its_rules_whatever_is_done_in_whatever_order(address: str, examples: int) -> None:
    run_state_machine_as_test(machine("CatalogRules", address), settings=settings(max_examples=examples, **SETTINGS))  # type: ignore[arg-type]
