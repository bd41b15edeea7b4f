"""Rules about DMN decisions."""

from __future__ import annotations

from spiffcli.diff.catalogue.making import make

_ASKED = "What was decided stays decided."

RULES = (
    make(
        "decision-added",
        "A decision is new",
        "info info info info",
        "behaviour",
        "decisions",
        "The new files define a decision that the old ones do not.",
        "`shipping_costs.dmn` joins the folder.",
        opposite="decision-removed",
    ),
    make(
        "decision-removed",
        "A decision is gone",
        "error error info warn",
        "contract",
        "decisions contracts",
        "The old files define a decision that the new ones do not. A task that asks it will find nothing.",
        "The decision `discount` was deleted while a task still asks it.",
        completed=_ASKED,
        future="A task that still asks it fails, unless it is bound to an older version.",
        opposite="decision-added",
    ),
    make(
        "decision-logic-changed",
        "A decision is made in another way",
        "warn warn info info",
        "behaviour",
        "decisions",
        "A table became an expression, or the text of an expression changed.",
        "`if total > 100 then 5 else 0` becomes `total / 20`.",
        completed=_ASKED,
    ),
    make(
        "decision-hit-policy-changed",
        "A table picks its rows in another way",
        "warn warn info info",
        "behaviour",
        "decisions",
        (
            "The hit policy says what happens where several rows match; with another one the same rows give "
            "another answer."
        ),
        "`UNIQUE` becomes `FIRST`.",
        completed=_ASKED,
    ),
    make(
        "decision-inputs-changed",
        "The inputs of a table changed",
        "error error info warn",
        "contract",
        "decisions contracts",
        "A column that reads a value is new, gone, or reads another one. Whoever asks must provide it.",
        "The table also reads `customer.country`.",
        completed=_ASKED,
        future="The task fails where the data lack the new input.",
    ),
    make(
        "decision-outputs-changed",
        "The outputs of a table changed",
        "error error info warn",
        "contract",
        "decisions contracts",
        (
            "A column that gives a value, or the variable that takes the answer, is new, gone, or has another "
            "name or type. Whatever reads the answer depends on it."
        ),
        "The output `cost` becomes `shipping_cost`.",
        completed=_ASKED,
        future="What reads the old name after the decision fails.",
    ),
    make(
        "decision-column-id-changed",
        "A column has another id",
        "info info info info",
        "cosmetic",
        "decisions",
        "The column still reads or gives the same.",
        "`Input_1` becomes `Input_0x4k2d1`.",
    ),
    make(
        "decision-rule-added",
        "A table has another row",
        "warn warn info info",
        "behaviour",
        "decisions",
        "A row that the old table does not have.",
        "A row for orders above 1,000 was added.",
        completed=_ASKED,
        opposite="decision-rule-removed",
    ),
    make(
        "decision-rule-removed",
        "A row of a table is gone",
        "warn warn info info",
        "behaviour",
        "decisions",
        "A row that the new table does not have. Cases it answered may get no answer.",
        "The row for express orders was deleted.",
        completed=_ASKED,
        opposite="decision-rule-added",
    ),
    make(
        "decision-rule-changed",
        "A row of a table changed",
        "warn warn info info",
        "behaviour",
        "decisions",
        "A cell of a row: what it matches or what it answers.",
        "`< 100` becomes `< 50`.",
        completed=_ASKED,
    ),
    make(
        "decision-rule-id-changed",
        "A row has another id",
        "info info info info",
        "cosmetic",
        "decisions",
        "The row matches and answers the same.",
        "An editor numbered the rows anew.",
    ),
    make(
        "decision-rule-order-changed",
        "Rows are in another order",
        "warn warn info info",
        "behaviour",
        "decisions",
        (
            "With the policies FIRST and RULE ORDER the order of the rows decides the answer; with the others it "
            "does not."
        ),
        "The row for gold customers was moved to the top.",
        completed=_ASKED,
    ),
    make(
        "decision-requirements-changed",
        "A decision depends on other things",
        "warn warn info info",
        "behaviour",
        "decisions",
        "Decisions, inputs or knowledge that a decision requires.",
        "`price` now requires `discount`.",
        completed=_ASKED,
    ),
)
