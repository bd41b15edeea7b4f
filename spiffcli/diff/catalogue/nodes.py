"""Rules about flow nodes coming, going, moving and becoming something else."""

from __future__ import annotations

from spiffcli.diff.catalogue.making import make

RULES = (
    make(
        "node-added",
        "A node is new",
        "info info info info",
        "behaviour",
        "nodes",
        (
            "An event, activity or gateway that the old model does not have. What that means for an instance "
            "depends on whether it still comes by there."
        ),
        "`Check credit` was inserted between `Enter order` and `Ship`.",
        active=(
            "A node is new where the instance stands; whether it runs depends on which side of the token it is on."
        ),
        completed="The instance has passed the place; the node does not run.",
        future="The node runs when the instance comes there.",
        opposite="node-removed",
    ),
    make(
        "node-removed",
        "A node is gone",
        "warn error info info",
        "behaviour",
        "nodes",
        (
            "An event, activity or gateway of the old model that the new one does not have, and that was not "
            "recognized under another id."
        ),
        "`Print label` was deleted.",
        active="The task stands on a node that no longer exists; say with a mapping where it continues.",
        completed="What it did stays in the history; it does not exist in the new model.",
        future="It will not run.",
        opposite="node-added",
    ),
    make(
        "node-id-changed",
        "A node has another id",
        "warn warn info info",
        "behaviour",
        "nodes",
        (
            "The node was recognized by its type and by its name, content or neighbours. Instances, service "
            "wirings, forms and reports find nodes by id, so a task that stands there needs a mapping, which is "
            "proposed."
        ),
        "`Activity_0rilo47` becomes `collect_address`; name, type and neighbours are the same.",
        active="The task continues under the new id once the proposed mapping is confirmed.",
        completed="The history keeps the old id.",
        future="Whatever is wired to the old id no longer finds the node.",
    ),
    make(
        "node-type-changed",
        "A node is of another type",
        "error error info info",
        "refuse",
        "nodes",
        (
            "The id stayed but what stands there is another kind of thing: what a person did, a script does now, "
            "or an event waits where a task worked. A task half done in one kind cannot be finished in the other."
        ),
        "The user task `approve` became a script task.",
        active=(
            "The task was begun as another kind of node and cannot be finished as this one; complete it first, or "
            "map it to a node of its own kind."
        ),
        completed="It was done as what it was then.",
        future="The instance does what the new kind does.",
    ),
    make(
        "gateway-type-changed",
        "A gateway is of another type",
        "error error info info",
        "refuse",
        "nodes gateways",
        (
            "Exclusive, inclusive, parallel and event-based gateways split and join differently. Tokens that "
            "entered under one rule may never leave under the other."
        ),
        "The exclusive gateway before shipping became a parallel one: both branches run now.",
        active=(
            "A join that has collected some of its tokens counts differently now; the instance could wait for "
            "ever or continue twice."
        ),
        future="Paths split or join by the new rule.",
    ),
    make(
        "node-moved-scope",
        "A node moved into or out of a sub-process or pool",
        "error error warn info",
        "refuse",
        "nodes sub-processes",
        (
            "Sub-processes have data, boundary events and an end of their own. A node that moves across such a "
            "border runs under other rules, and a task that stands on it gets into a child that does not exist yet, "
            "or out of one that no longer does."
        ),
        "`Enter address` moved into the new sub-process `Collect data`.",
        active=(
            "The task gets into another scope, or out of its own, if a mapping says so and the sub-process does "
            "nothing but hold its nodes; otherwise complete it first."
        ),
        completed="It was done in its old scope; data it left there stay there.",
    ),
    make(
        "subprocess-added",
        "A sub-process is new",
        "info info info info",
        "behaviour",
        "nodes sub-processes",
        "An embedded sub-process that the old model does not have.",
        "Three tasks were wrapped into `Collect data`.",
        active="A sub-process is new where the instance stands; it is entered only by tokens that still come there.",
        completed="The instance has passed the place; the sub-process does not run.",
        opposite="subprocess-removed",
    ),
    make(
        "subprocess-removed",
        "A sub-process is gone",
        "error error info info",
        "refuse",
        "nodes sub-processes",
        (
            "An embedded sub-process of the old model that the new one does not have. Whatever runs inside has no "
            "place in the new model."
        ),
        "The sub-process `Collect data` was dissolved and its tasks put into the process.",
        active=(
            "A child of the instance runs in a sub-process that no longer exists; map the tasks inside to nodes "
            "outside, or complete it first."
        ),
        completed="What it did stays in the history.",
        opposite="subprocess-added",
    ),
    make(
        "subprocess-id-changed",
        "A sub-process has another id",
        "error error info info",
        "behaviour",
        "nodes sub-processes",
        (
            "The sub-process was recognized by what is in it and around it. Children of an instance are found by "
            "the id of their sub-process, so a running one needs a mapping, which is proposed."
        ),
        "`Activity_1ds7clb` becomes `collect_data`; the tasks inside are the same.",
        active="The running child continues under the new id once the proposed mapping is confirmed.",
    ),
    make(
        "event-subprocess-changed",
        "A sub-process became, or is no longer, an event sub-process",
        "error error info info",
        "refuse",
        "nodes sub-processes",
        "An event sub-process starts when its event happens; a plain one when a token reaches it.",
        "`Cancel order` was set to be triggered by its start event.",
        active="The running child was started in a way the model no longer knows.",
    ),
    make(
        "boundary-added",
        "A boundary event is new",
        "info warn info info",
        "behaviour",
        "nodes boundary-events",
        "An activity can now be interrupted or accompanied by an event it did not know.",
        "A timer of two days was attached to `Approve order`.",
        active="The event must be armed on a task that is already running; its time counts from then.",
        completed="The activity is done; the event does not concern the instance.",
        future="The event is armed when the activity begins.",
        opposite="boundary-removed",
    ),
    make(
        "boundary-removed",
        "A boundary event is gone",
        "warn warn info info",
        "behaviour",
        "nodes boundary-events",
        (
            "An event that could interrupt or accompany an activity no longer exists, and neither does the path "
            "behind it."
        ),
        "The escalation timer of `Approve order` was deleted.",
        active="The event is disarmed; the activity can only be completed.",
        completed="The activity is done; the event does not concern the instance.",
        opposite="boundary-added",
    ),
    make(
        "boundary-reattached",
        "A boundary event sits on another activity",
        "warn error info info",
        "refuse",
        "nodes boundary-events",
        "The event now watches another activity than before.",
        "The timer moved from `Approve order` to the sub-process around it.",
        active="The event is armed on an activity it no longer belongs to.",
        completed="The activity is done; the event does not concern the instance.",
    ),
    make(
        "boundary-interrupting-changed",
        "An event interrupts now, or no longer does",
        "warn error info info",
        "behaviour",
        "nodes boundary-events",
        "Whether the event ends the activity (or the scope, for event sub-processes) or runs beside it.",
        "The reminder timer was set to interrupt the task.",
        active="An event that has not happened yet follows the new rule; one that has holds the open activity back.",
        completed="The activity is done; the event does not concern the instance.",
    ),
    make(
        "lane-changed",
        "A node is in another lane",
        "warn warn info info",
        "behaviour",
        "nodes lanes",
        "Lanes say who does a task. An open task keeps the people it was offered to until it is offered again.",
        "`Approve order` moved from `Sales` to `Accounting`.",
        active="The open task is offered to the new lane; who has it open keeps it until it is saved.",
        completed="It was done by the old lane.",
    ),
)
