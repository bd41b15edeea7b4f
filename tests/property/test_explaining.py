"""Every difference between two engine specs is explained by a change of the models, and only by one about it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings

from spiffcli.diff import Diff, compare
from spiffcli.engine import DefinitionSpecs, Engine, EngineConfig
from spiffcli.engine.patches import install
from spiffcli.engine.script_engine import make_script_engine
from spiffcli.engine.specdiff import Difference, spec_differences
from spiffcli.migrate.coverage import renamed_nodes, unexplained
from spiffcli.model import load
from spiffcli.sandbox import ScriptMode
from spiffcli.values import Resource, digest

from .models import Document, edited

install()


class Specs:
    """Definitions in memory."""

    def __init__(self) -> None:
        self.engine = Engine(EngineConfig.spiff(), make_script_engine(ScriptMode.TRUSTED))
        self._specs: dict[str, DefinitionSpecs] = {}
        self._content: dict[str, bytes] = {}

    def add(self, name: str, resources: list[Resource], process: str) -> None:
        parsed = self.engine.parser(resources).process(process)
        self._content.update({digest(content): content for content in parsed.specs.values()})
        self._specs[name] = DefinitionSpecs(parsed.key, {key: digest(content) for key, content in parsed.specs.items()})

    def specs(self, definition: str) -> DefinitionSpecs:
        return self._specs[definition]

    def content(self, hash: str) -> bytes:
        return self._content[hash]

    def resolve(self, caller: str, element: str, key: str) -> str:
        raise AssertionError("nothing is called while specs are compared")


def compared(old: list[Resource], new: list[Resource], process: str, other: str) -> tuple[list[Difference], Diff]:
    """What the engine sees, and what the comparison of models sees."""
    specs = Specs()
    specs.add("old", old, process)
    specs.add("new", new, other)
    diff = compare(load(old), load(new), old_process=process, new_process=other, dependencies=True)
    return spec_differences(specs, "old", "new", renamed_nodes(diff.all_changes)), diff


def of(document: Document) -> list[Resource]:
    return [Resource("random.bpmn", "bpmn", document.render().encode())]


@settings(max_examples=150, deadline=None)
@given(edited(most=3))
def test_what_the_engine_sees_of_random_edits_is_explained(pair: tuple[Document, Document]) -> None:
    differences, diff = compared(of(pair[0]), of(pair[1]), "proc", "proc")
    assert list(unexplained(differences, diff.all_changes)) == []


@settings(max_examples=150, deadline=None)
@given(edited(most=3))
def test_without_the_changes_of_an_element_its_differences_are_not_explained(pair: tuple[Document, Document]) -> None:
    differences, diff = compared(of(pair[0]), of(pair[1]), "proc", "proc")
    assert list(unexplained(differences, ())) == differences
    of_flows = ("outputs", "cond_task_specs", "default_task_spec", "choice", "lane")
    own = {each.element for each in differences if each.element and each.key not in of_flows}
    for element in own:
        others = [c for c in diff.all_changes if element not in (c.element.id, c.before.id)]
        left = {each.element for each in unexplained(differences, others)}
        assert element in left, (element, differences, others)


def test_what_the_engine_sees_of_any_two_tutorial_models_is_explained(tutorial: Path) -> None:
    shared = [Resource(path.name, "dmn", path.read_bytes()) for path in sorted(tutorial.glob("*.dmn"))]
    models = []
    for path in sorted(tutorial.glob("*.bpmn")):
        called = [tutorial / "call_activity.bpmn"] if path.name.startswith("top_level") else []
        files = [Resource(each.name, "bpmn", each.read_bytes()) for each in (path, *called)] + shared
        own = load([files[0], *shared]).processes.values()
        models += [(files, process.id) for process in own if process.executable]

    escaped = {}
    for (old, process), (new, other) in itertools.permutations(models, 2):
        differences, diff = compared(old, new, process, other)
        left = list(unexplained(differences, diff.all_changes))
        if left:
            escaped[old[0].name, process, new[0].name, other] = left

    assert escaped == {}
    assert len(models) > 10


def _pairs() -> list[str]:
    folder = Path(__file__).parent.parent / "models" / "migration"
    return sorted(path.name.removesuffix(".v2.bpmn") for path in folder.glob("*.v2.bpmn"))


@pytest.mark.parametrize("case", _pairs())
def test_what_the_engine_sees_of_the_migration_models_is_explained(root: Path, case: str) -> None:
    folder = root / "tests" / "models" / "migration"
    old, new = ([Resource("m.bpmn", "bpmn", (folder / f"{case}.{v}.bpmn").read_bytes())] for v in ("v1", "v2"))
    for one, two in ((old, new), (new, old)):
        differences, diff = compared(one, two, "proc", "proc")
        assert list(unexplained(differences, diff.all_changes)) == []
