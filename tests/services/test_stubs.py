"""Skeletons are Python, whatever a model calls its tasks, and serve the model they are made of."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from spiffcli.config import Settings
from spiffcli.runner import Runner
from spiffcli.testing import WorkflowEnvironment
from spiffcli.wiring.check import write_stubs

from .models import call, process, service, user, write


def skeleton(model: Path) -> str:
    with Runner(Settings(store="memory:", user="test", folder=model.parent)) as runner:
        return write_stubs(runner, str(model))


def test_whatever_tasks_are_called_their_methods_have_names_of_python(tmp_path: Path) -> None:
    named = service("Named").replace("<serviceTask", '<serviceTask name="Say &quot;&quot;&quot; aloud\\"')
    tasks = [
        *(service(f"T{n}", text) for n, text in enumerate(["class", "SEND MAIL", "send-mail", "1st", "a&quot;b", "é"])),
        service("import"),
        named,
        '<sendTask id="Say"/>',
        '<businessRuleTask id="Rule"/>',
        call("C", "none"),
    ]
    model = write(tmp_path / "m.bpmn", process("p-1", *tasks), process("none", service("X", "pack parcel"), user("U")))
    text = skeleton(model)
    module = sys.modules["skeleton"] = ModuleType("skeleton")
    exec(text, vars(module))
    env = WorkflowEnvironment(model, services=module)
    env.run_until_idle()  # everything fits
    assert env.runner.services is not None
    (entry,) = env.runner.services.registry.entries
    assert [method.name for method in entry.methods] == [
        "task_class", "send_mail", "send_mail_", "task_1st", "a_b", "é", "task_import", "say_aloud", "say", "rule",
        "pack_parcel",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["none", "p-1", "7"])
def test_classes_have_names_of_python_too(tmp_path: Path, key: str) -> None:
    text = skeleton(write(tmp_path / "m.bpmn", process(key, user("U"))))
    compile(text, "skeleton.py", "exec")
    assert f'process_id="{key}"' in text
