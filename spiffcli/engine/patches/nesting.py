"""Which sub-processes of an instance may still be open.

The engine looks at every sub-process there ever was: in each round of steps, for every task it searches by id, and
whenever it asks for the parent of a sub-process.
"""

from __future__ import annotations

from typing import Any

from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow

from spiffcli.engine.patches.overrides import Note, Overrides

SPEED = Overrides()


class Nest(Note):
    """The sub-processes of an instance that were not seen to be over, in the order in which they began.

    Attributes:
        open: All of them.
        inside: Those directly inside a workflow, for each workflow.
    """

    __slots__ = ("epoch", "inside", "open")

    def __init__(self, top: Any) -> None:
        self.epoch = SPEED.epoch
        self.open: dict[Any, None] = {}
        self.inside: dict[Any, dict[Any, None]] = {}
        subs = top.subprocesses
        for workflow in (top, *subs.values()):
            for task_id in workflow.tasks.keys() & subs.keys():
                vars(subs[task_id])["_parent_workflow"] = workflow
        for sub in subs.values():
            if "_parent_workflow" in vars(sub):
                self.add(sub)

    def add(self, sub: Any) -> None:
        """Note that a sub-process is open."""
        self.open[sub] = None
        self.inside.setdefault(sub.parent_workflow, {})[sub] = None

    def discard(self, sub: Any) -> None:
        """Note that a sub-process is over or gone."""
        self.open.pop(sub, None)
        self.inside.get(sub.parent_workflow, {}).pop(sub, None)


def nest(top: Any) -> Nest:
    """The open sub-processes of an instance."""
    known: Nest | None = vars(top).get("_nest")
    if known is None or known.epoch is not SPEED.epoch:
        known = top._nest = Nest(top)
    return known


def reopen(workflow: Any) -> None:
    """Note that a workflow has an unfinished task again."""
    if isinstance(workflow, BpmnSubWorkflow) and workflow.completed:
        nest(workflow.top_workflow).add(workflow)


_engine_init = BpmnSubWorkflow.__init__
_engine_parent = BpmnSubWorkflow.parent_workflow.fget


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    _engine_init(self, *args, **kwargs)
    nest(self.top_workflow).add(self)


def _parent_workflow(self: Any) -> Any:
    """Fault: all sub-processes were searched for the task this one belongs to, which never moves."""
    fields = vars(self)
    if "_parent_workflow" not in fields:
        fields["_parent_workflow"] = _engine_parent(self)
    return fields["_parent_workflow"]


SPEED.set(BpmnSubWorkflow, "__init__", _init)
SPEED.set(BpmnSubWorkflow, "parent_workflow", property(_parent_workflow))
