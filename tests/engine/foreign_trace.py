"""What a program that uses the engine for itself sees; with `runner` beside it, if asked. Prints JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.argv[1] == "beside":
    from spiffcli.engine import patches

    patches.install()

from lxml import etree
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.util.task import TaskState

#: Steps after which a process that does not end is left.
STEPS = 25


def main(files: list[str]) -> None:
    print(json.dumps({Path(file).name: list(_traces(Path(file))) for file in files}))


def _traces(file: Path) -> Iterator[list[Any]]:
    tree = etree.parse(file)
    for process in tree.iter("{http://www.omg.org/spec/BPMN/20100524/MODEL}process"):
        try:
            parser = SpiffBpmnParser()
            parser.add_bpmn_xml(tree.getroot(), filename=file.name)
            key = process.get("id")
            workflow = BpmnWorkflow(parser.get_spec(key), parser.get_subprocess_specs(key))
        except Exception as error:
            yield [type(error).__name__]
        else:
            yield list(_played(workflow))


def _played(workflow: BpmnWorkflow) -> Iterator[Any]:
    try:
        for _ in range(STEPS):
            workflow.do_engine_steps()
            yield sorted(_states(workflow))
            task = workflow.get_next_task(state=TaskState.READY, manual=True)
            if task is None:
                break
            task.run()
        yield [workflow.completed, workflow.success, sorted(map(str, workflow.data))]
    except Exception as error:
        yield type(error).__name__


def _states(workflow: BpmnWorkflow) -> Iterator[tuple[str, str, list[str]]]:
    for each in (workflow, *workflow.subprocesses.values()):
        for task in each.tasks.values():
            if not task.has_state(TaskState.PREDICTED_MASK | TaskState.FUTURE):
                yield task.task_spec.name, TaskState.get_name(task.state), sorted(map(str, task.data))


if __name__ == "__main__":
    main(sys.argv[2:])
