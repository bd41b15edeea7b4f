"""What is kept of comparisons: the same as comparing anew, and nothing where anything it rests on is different."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spiffcli.diff import Diff, compare
from spiffcli.model import Problem
from spiffcli.runner import Runner, kept
from spiffcli.specs.compare import Compared, compare_versions
from spiffcli.specs.kept import KeptDiffs
from spiffcli.specs.sides import stored_side

DANGLING = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">
<process id="order" isExecutable="true"><startEvent id="s"/><userTask id="t" name="{name}"/><endEvent id="e"/>
<sequenceFlow id="f" sourceRef="s" targetRef="t"/><sequenceFlow id="g" sourceRef="t" targetRef="e"/>
<laneSet id="l"><lane id="m"><flowNodeRef>nothing</flowNodeRef></lane></laneSet></process></definitions>"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that comparisons are kept in."""
    monkeypatch.setenv("RUNNER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def runner(tmp_path: Path, cache: Path, tutorial: Path) -> Runner:
    """A store with two versions of the tutorial's order."""
    runner = Runner.open(cwd=tmp_path, store="memory:")
    prices, shipping = tutorial / "product_prices.dmn", tutorial / "shipping_costs.dmn"
    runner.add([tutorial / "task_types.bpmn", prices])
    runner.add([tutorial / "gateway_types.bpmn", prices, shipping])
    return runner


def comparisons(cache: Path) -> list[Path]:
    """The files of the cache, sorted."""
    return sorted(cache.glob("diffs/*"))


def test_add_compares_with_the_version_before(runner: Runner, cache: Path) -> None:
    (file,) = comparisons(cache)
    before = file.stat().st_mtime_ns
    assert runner.diff_spec("order_product@1", "order_product@2").changes
    assert [each.stat().st_mtime_ns for each in comparisons(cache)] == [before]


def test_what_was_kept_is_what_is_found_anew(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    for refs in (("order_product@1", "order_product@2"), ("order_product@2", "order_product@1")):
        first, second = runner.diff_spec(*refs), runner.diff_spec(*refs)
        with monkeypatch.context() as without:
            without.setenv("RUNNER_CACHE", "off")
            assert first == second == runner.diff_spec(*refs)


def test_problems_of_the_files_are_kept_too(tmp_path: Path, cache: Path) -> None:
    model = tmp_path / "order.bpmn"
    runner = Runner.open(cwd=tmp_path, store="memory:")
    for name in ("Ask", "Tell"):
        model.write_text(DANGLING.format(name=name))
        runner.add([model])
    told: list[list[Problem]] = [[], []]
    for problems in told:
        runner.diff_spec("order@1", "order@2", on_problem=problems.append)
    assert len(comparisons(cache)) == 1
    assert [problem.rule for problem in told[0]] == ["reference-dangling"]
    assert told[0] == told[1]


def test_only_what_says_something_of_a_definition_is_read(runner: Runner) -> None:
    alone, with_all = (
        stored_side(runner.catalog, runner.catalog.find("order_product@2"), dependencies=dependencies).model
        for dependencies in (False, True)
    )
    assert (list(alone.processes), list(alone.decisions), list(alone.forms)) == (["order_product"], [], [])
    assert with_all.decisions.keys() == {"product_prices", "shipping_costs"}
    assert compare(alone, with_all, old_process="order_product").changes == ()

    decision = stored_side(runner.catalog, runner.catalog.find("product_prices"), dependencies=False).model
    assert (list(decision.processes), "product_prices" in decision.decisions) == ([], True)


def test_another_program_finds_nothing_of_it(runner: Runner, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = comparisons(cache)
    monkeypatch.setattr(kept, "code_hash", lambda: "of other code")
    runner.diff_spec("order_product@1", "order_product@2")
    assert len(comparisons(cache)) == 2 > len(known)


def test_the_hash_of_the_code_covers_rules_and_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(*packages: str) -> str:
        monkeypatch.setattr(kept, "_CODE", packages)
        kept.code_hash.cache_clear()
        return kept.code_hash()

    whole = of("model", "diff", "diff/catalogue")
    assert len({whole, of("diff", "diff/catalogue"), of("model", "diff/catalogue"), of("model", "diff")}) == 4
    monkeypatch.undo()
    kept.code_hash.cache_clear()
    assert kept.code_hash() == whole


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"diff": {}}', b'{"problems": [], "diff": {"old": 1}}']
)
def test_a_damaged_file_is_not_believed(runner: Runner, cache: Path, content: bytes) -> None:
    expected = runner.diff_spec("order_product@1", "order_product@2")
    (file,) = comparisons(cache)
    file.write_bytes(content)
    assert runner.diff_spec("order_product@1", "order_product@2") == expected
    assert file.read_bytes() != content


def test_a_cache_that_cannot_be_written_costs_nothing(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    old, new = runner.catalog.find("order_product@1"), runner.catalog.find("order_product@2")
    for folder in (None, tmp_path / "file"):
        assert compare_versions(runner.catalog, old, new, KeptDiffs(folder)).diff.changes


def test_the_oldest_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 3)
    diffs = KeptDiffs(tmp_path)
    for number in range(5):
        diffs.put(f"{number}", Compared(Diff("a", f"b{number}")))
    assert len(comparisons(tmp_path)) == 3
    assert diffs.get("4") == Compared(Diff("a", "b4"))


def test_a_large_comparison_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LARGEST", 10)
    KeptDiffs(tmp_path).put("key", Compared(Diff("a", "b")))
    assert comparisons(tmp_path) == []


def test_what_is_kept_is_shown_without_models_and_engine(tmp_path: Path, cache: Path, tutorial: Path) -> None:
    with Runner.open(cwd=tmp_path, store=f"tinydb:{tmp_path / 'store'}") as runner:
        runner.add([tutorial / "top_level.bpmn", tutorial / "call_activity.bpmn", *tutorial.glob("*.dmn")])
        runner.add(
            [tutorial / "top_level_script.bpmn", tutorial / "call_activity_script.bpmn", *tutorial.glob("*.dmn")]
        )
    code = (
        "import sys; from spiffcli.cli.main import run; code = run(sys.argv[1:]); "
        "print(*sys.modules, sep='\\n', file=sys.stderr); sys.exit(code)"
    )
    arguments = [
        "--store",
        f"tinydb:{tmp_path / 'store'}",
        "diff_spec",
        "-o",
        "order_product@1",
        "-n",
        "order_product@2",
    ]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "RUNNER_CACHE": str(cache)}
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "node-type-changed" in result.stdout
    heavy = {"SpiffWorkflow", "lxml", "jinja2", "jsonschema", "rich", "tinydb", "spiffcli.model", "spiffcli.engine"}
    assert heavy.isdisjoint(result.stderr.splitlines())
