"""Rules about data objects, stores and the arrows to them."""

from __future__ import annotations

from spiffcli.diff.catalogue.making import make

RULES = (
    make(
        "data-object-added",
        "A data object or store is new",
        "info info info info",
        "behaviour",
        "data",
        "A data object, a reference to one, a data store or a property that the old model does not have.",
        "The data object `order` joins the process.",
        active="A running instance has no value for it until something writes one.",
        completed="A running instance has no value for it until something writes one.",
        future="A running instance has no value for it until something writes one.",
        opposite="data-object-removed",
    ),
    make(
        "data-object-removed",
        "A data object or store is gone",
        "warn error info warn",
        "behaviour",
        "data",
        (
            "A data object, a reference to one, a data store or a property that the new model does not have. What "
            "still reads it fails."
        ),
        "The data object `order` was deleted.",
        active="Its value stays in the data of the instance, where the new model does not look.",
        future="A node that still reads it fails.",
        opposite="data-object-added",
    ),
    make(
        "data-object-changed",
        "A data object or store changed",
        "info info info info",
        "behaviour",
        "data",
        "Type, category or state of data, whether it is a list, or what a reference stands for.",
        "`orders` is a collection now.",
    ),
    make(
        "data-id-changed",
        "A data object or store has another id",
        "warn warn info warn",
        "behaviour",
        "data",
        (
            "It was recognized by type and name. The engine keeps values under the id of the data object, so a "
            "running instance has its value under the old one."
        ),
        "`DataObject_1` becomes `order`.",
        active="The value is still under the old id, where the new model does not look.",
    ),
    make(
        "data-moved-scope",
        "Data moved into or out of a sub-process",
        "warn warn info warn",
        "behaviour",
        "data sub-processes",
        "Data of a sub-process exist only while it runs and only inside it.",
        "`address` moved into the sub-process `Collect data`.",
    ),
    make(
        "data-association-added",
        "Data flow into or out of another node",
        "info info info info",
        "behaviour",
        "data",
        "A node now reads from, or writes to, a data object or store.",
        "`Ship` reads `address`.",
        active="What is read when the task begins has been read; what is written when it ends is written.",
        opposite="data-association-removed",
    ),
    make(
        "data-association-removed",
        "Data no longer flow into or out of a node",
        "warn warn info warn",
        "behaviour",
        "data",
        "A node no longer reads from, or writes to, a data object or store.",
        "`Enter order` no longer writes `order`.",
        active="What was read stays read; what was to be written is not written.",
        opposite="data-association-added",
    ),
    make(
        "data-association-changed",
        "Other data flow into or out of a node",
        "warn warn info warn",
        "behaviour",
        "data",
        "Source, target or transformation of a data association.",
        "`Ship` reads `delivery_address` instead of `address`.",
        active=(
            "What is read when the task begins has been read; what is written when it ends goes to the new target."
        ),
    ),
    make(
        "data-association-id-changed",
        "A data association has another id",
        "info info info info",
        "cosmetic",
        "data",
        "It still connects the same data with the same node.",
        "`DataInputAssociation_1` becomes `DataInputAssociation_7`.",
    ),
)
