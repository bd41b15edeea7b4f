"""Rules about sequence flows, gateways and the order of things."""

from __future__ import annotations

from spiffcli.diff.catalogue.making import make

RULES = (
    make(
        "flow-added",
        "A sequence flow is new",
        "info info info info",
        "behaviour",
        "flows",
        "There is a path that was not there.",
        "`Check stock` can now lead back to `Enter order`.",
        active="The task can leave by the new path.",
        completed="The instance has left by another path.",
        opposite="flow-removed",
    ),
    make(
        "flow-removed",
        "A sequence flow is gone",
        "warn warn info info",
        "behaviour",
        "flows",
        "There was a path that is no longer there.",
        "The way from `Check stock` to `Back order` was deleted.",
        active="The task cannot leave by the old path; a join behind it may wait for a token that never comes.",
        completed="The instance used the path or another one; that stays.",
        opposite="flow-added",
    ),
    make(
        "flow-id-changed",
        "A sequence flow has another id",
        "info info info info",
        "cosmetic",
        "flows",
        "The flow still connects the same nodes. Nothing but drawings and listeners find flows by id.",
        "`Flow_17ohe7r` becomes `yes`.",
    ),
    make(
        "flow-retargeted",
        "A sequence flow begins or ends elsewhere",
        "warn warn info info",
        "behaviour",
        "flows",
        "The flow is the same and connects other nodes, as when a task is inserted into it.",
        "The flow behind `Enter order` leads to `Check credit` instead of `Ship`.",
        active="When the task is completed, the instance goes to the new target.",
        completed="The instance went to the old target.",
        future="The instance goes to the new target.",
    ),
    make(
        "flow-condition-changed",
        "The condition of a flow changed",
        "warn warn info info",
        "behaviour",
        "flows gateways",
        "Another expression decides whether the path is taken.",
        "`total > 1000` becomes `total > 500`.",
        active="The gateway decides by the new condition.",
        completed="The decision was made by the old condition and stays.",
        future="The gateway decides by the new condition.",
    ),
    make(
        "flow-name-changed",
        "The name of a flow changed",
        "info info info info",
        "cosmetic",
        "flows texts",
        "The text people see on the arrow.",
        "`Y` becomes `yes`.",
    ),
    make(
        "default-flow-changed",
        "Another flow is the default",
        "warn warn info info",
        "behaviour",
        "flows gateways",
        (
            "The default flow is taken when no condition holds. Without one, a gateway at which no condition "
            "holds stops the instance."
        ),
        "The default of `In stock?` was removed; an order with no stock value stops there.",
        active=(
            "The gateway leaves by the new default when no condition holds, and stops the instance where there is none."
        ),
        completed="The decision was made and stays.",
    ),
    make(
        "outgoing-order-changed",
        "Flows leave a node in another order",
        "info info info info",
        "behaviour",
        "flows gateways",
        (
            "Exclusive gateways take the first flow whose condition holds, so the order decides where two hold. "
            "At other nodes it decides which branch is begun first."
        ),
        "`total > 100` is now tried before `customer == 'gold'`.",
        active="The gateway tries its flows in the new order.",
        completed="The decision was made and stays.",
    ),
    make(
        "join-incoming-count-changed",
        "A join waits for another number of branches",
        "warn error info info",
        "behaviour",
        "flows gateways",
        (
            "A parallel join continues when every incoming flow has brought a token. With one more branch it "
            "waits for one more, with one less it does not wait for a token that may be on its way."
        ),
        "A third branch leads to the join behind `Pack` and `Invoice`.",
        active="A join that already holds tokens may wait for a branch that never started, or continue too early.",
        completed="The join was passed.",
        future="The join waits for the new number of branches.",
    ),
)
