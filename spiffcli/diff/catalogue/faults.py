"""Rules about faults in a model, and about what only the engine or a plan can see."""

from __future__ import annotations

from spiffcli.diff.catalogue.making import make

RULES = (
    make(
        "call-target-missing",
        "Something that is called does not exist",
        "error error info error",
        "refuse",
        "faults calls",
        (
            "A call activity, business rule task or user task names a process, decision or form that is neither "
            "in the files nor stored."
        ),
        "The call activity names `check_credit`; no file defines it.",
        future="The instance fails when it comes here.",
    ),
    make(
        "id-reserved",
        "An id is one the engine uses itself",
        "error error error error",
        "refuse",
        "faults",
        (
            "The engine adds nodes of its own and names them `Start`, `End`, `<process>.EndJoin`, "
            "`<task>.BoundaryEventSplit` and so on. A node with such an id takes the place of the engine's, and "
            "the graph falls apart without a word."
        ),
        "A start event has the id `Start`: nothing behind it is ever run.",
        active="The process does not run as drawn.",
        completed="The process does not run as drawn.",
        future="The process does not run as drawn.",
    ),
    make(
        "id-duplicated",
        "An id is used twice",
        "error error error error",
        "refuse",
        "faults",
        "Two elements of a file have one id. References to it are ambiguous; engines take one of them.",
        "A copied task kept the id of the original.",
    ),
    make(
        "id-missing",
        "An element has no id",
        "warn warn warn warn",
        "behaviour",
        "faults",
        "Without an id an element cannot be found again; it is shown under a made-up one.",
        "A sequence flow written by hand has no id.",
    ),
    make(
        "reference-dangling",
        "A reference names nothing",
        "error error error error",
        "refuse",
        "faults",
        "A flow, default, lane, boundary event or event refers to an element that is not there.",
        "The target of a flow was deleted with a text editor.",
    ),
    make(
        "start-missing",
        "A process has no start event",
        "error error error error",
        "refuse",
        "faults",
        "The engine begins at start events; without one there is nothing to run.",
        "The process was drawn for discussion and begins with a task.",
    ),
    make(
        "node-unreachable",
        "No path leads to a node",
        "warn warn info warn",
        "behaviour",
        "faults",
        "The node cannot be reached from any start, so it never runs.",
        "The flow to `Archive` was deleted and the task left standing.",
    ),
    make(
        "gateway-no-exit",
        "A gateway may have no way out",
        "warn warn info warn",
        "behaviour",
        "faults gateways",
        (
            "Every flow that leaves the exclusive or inclusive gateway has a condition and none is the default. "
            "Where no condition holds the instance stops."
        ),
        "`total > 100` and `total < 100`: a total of exactly 100 stops the instance.",
        future="The instance stops here where no condition holds.",
    ),
    make(
        "unexplained-engine-change",
        "The engine sees a difference the model does not show",
        "error error error error",
        "refuse",
        "faults engine",
        (
            "The executable forms of two versions differ in something that no change of the models explains. That "
            "is a gap in this program; until it is closed, no instance is moved across it."
        ),
        "An engine module adds a setting of its own to every task.",
        active="Nobody can say what the difference means for the task, so the instance is not moved.",
        completed="Nobody can say what the difference means, so the instance is not moved.",
        future="Nobody can say what the difference means, so the instance is not moved.",
    ),
    make(
        "node-added-after-token",
        "A new node lies ahead",
        "info info info info",
        "behaviour",
        "instances",
        "A node is new on a path the instance has not taken yet.",
        "`Check credit` was inserted behind the open task.",
        active="It runs when the instance comes there.",
        future="It runs when the instance comes there.",
    ),
    make(
        "node-added-before-token",
        "A new node will be skipped",
        "info warn warn info",
        "behaviour",
        "instances",
        "A node is new on a path the instance has already passed, so it does not run for it.",
        "`Check credit` was inserted in front of the open task.",
        active="It does not run for this instance.",
        completed="It does not run for this instance.",
        future="It runs when the instance comes there.",
    ),
)
