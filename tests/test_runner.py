"""The Python API: its groups of verbs, its settings, and what it says of arguments of the wrong kind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spiffcli import Runner
from spiffcli.errors import InputError

TUTORIAL = Path(__file__).parents[1] / "bpmn" / "tutorial"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with Runner.open(cwd=tmp_path, store="memory:", user="ada") as opened:
        yield opened


def test_a_group_and_the_verb_without_it_do_the_same(runner: Runner) -> None:
    added = runner.deployments.add([TUTORIAL / "task_types.bpmn", *TUTORIAL.glob("*.dmn")])
    assert added.deployment is not None
    again = runner.add([TUTORIAL / "task_types.bpmn", *TUTORIAL.glob("*.dmn")])
    assert not again.plan.new
    (spec,) = runner.specs()
    assert runner.specs(spec.key, latest=True) == [spec]
    with runner.instances.start(spec.key) as session:
        session.advance()
    (instance,) = runner.instances()
    assert runner.look(instance.id) == runner.instances.view(instance.id)
    target = runner.migrations.target(spec.id)
    assert [plan.instance for plan in runner.diff_workflow(target, [instance.id])] == [instance.id]
    assert [result.outcome for result in runner.migrations.migrate_all(target, [instance.id])] == ["unchanged"]


def test_a_text_where_a_target_is_wanted_is_refused_with_the_way_out(runner: Runner) -> None:
    with pytest.raises(InputError, match="not as 'order@2'") as caught:
        runner.migrate("order@2", "4af0")  # type: ignore[arg-type]
    assert caught.value.hint == "Make one with runner.target('order@2')."
    with pytest.raises(InputError, match="as a target"):
        runner.diff_workflow(None, ["4af0"])  # type: ignore[arg-type]


def test_a_text_where_a_list_is_wanted_is_refused_with_the_way_out(runner: Runner) -> None:
    with pytest.raises(InputError, match="as a list") as caught:
        runner.add("order.bpmn")
    assert caught.value.hint == "Pass ['order.bpmn']."
    with pytest.raises(InputError, match="as a list"):
        runner.target("order", allow="node-repeated")


def test_a_setting_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no setting 'stroe'") as caught:
        Runner.open(cwd=tmp_path, stroe="memory:")  # type: ignore[arg-type]
    assert "store" in (caught.value.hint or "")


def test_the_package_says_what_type_its_runner_is(tmp_path: Path) -> None:
    file = tmp_path / "use.py"
    file.write_text("import spiffcli\nreveal_type(spiffcli.Runner.open(store='memory:').add)\n")
    command = [sys.executable, "-m", "mypy", "--follow-imports", "silent", str(file)]
    result = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert "-> spiffcli.deployments.add.Added" in result.stdout, result.stdout + result.stderr
