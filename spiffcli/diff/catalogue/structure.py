"""Rules about processes as a whole."""

from __future__ import annotations

from spiffcli.diff.catalogue.making import make

RULES = (
    make(
        "process-added",
        "A process is new",
        "info info info info",
        "behaviour",
        "processes",
        (
            "The new files define a process that the old ones do not. Nothing that runs is affected until "
            "something calls or starts it."
        ),
        "A file `refund.bpmn` with the process `refund` joins the folder.",
        opposite="process-removed",
    ),
    make(
        "process-removed",
        "A process is gone",
        "error error error error",
        "refuse",
        "processes",
        (
            "The old files define a process that the new ones do not. Whatever calls it will find nothing, and "
            "its running instances have no new version to move to."
        ),
        "The process `refund` was deleted while `order` still calls it.",
        active="There is no process to move the instance to; it stays on its version.",
        completed="The instance keeps the version it ran on.",
        future="The instance fails when it calls the process, unless it is bound to an older version.",
        opposite="process-added",
    ),
    make(
        "process-id-changed",
        "The process has another id",
        "error error warn warn",
        "contract",
        "processes",
        (
            "The id of a process is its key: versions are counted by it, call activities name it, instances are "
            "found by it. With another id it is another process that starts again at version 1."
        ),
        "`order` becomes `order_product`; call activities that name `order` find nothing new.",
        active="Instances can be moved on request, but from then on belong to another key.",
        completed="Reports that group by key count it under the old one.",
        future="Callers that name the old key do not find the new process.",
    ),
    make(
        "definition-id-changed",
        "Two definitions with other keys were compared",
        "warn info info warn",
        "contract",
        "decisions forms pools",
        "A decision, form or collaboration is found by its key; one of another key is another definition.",
        "`discount` was compared with `discount_2024`.",
    ),
    make(
        "process-not-executable",
        "The process can no longer be run",
        "error error error error",
        "refuse",
        "processes",
        (
            'The model says `isExecutable="false"` or nothing, so an engine must not run it. Modelers drop the '
            "attribute when a pool is redrawn."
        ),
        "`isExecutable` was `true` and is `false` now.",
        active="The instance cannot continue on a process that may not be run.",
        future="The process cannot be started or called.",
        opposite="process-made-executable",
    ),
    make(
        "process-made-executable",
        "The process can be run now",
        "info info info info",
        "behaviour",
        "processes",
        'The model now says `isExecutable="true"`: the process becomes a definition that can be started.',
        "`isExecutable` was missing and is `true` now.",
        opposite="process-not-executable",
    ),
    make(
        "io-spec-changed",
        "Inputs or outputs of the process changed",
        "error error info warn",
        "contract",
        "processes data contracts",
        (
            "The data inputs and outputs of a process are its contract with the call activities that use it. A "
            "caller that does not pass a new input, or reads an output that is gone, fails when it gets there."
        ),
        "The process `quote` gains the input `currency`; its callers do not pass it.",
        active="The call was made with the old inputs; the result is handed back under the new outputs.",
        future="A caller that was not adapted fails when the process is called.",
    ),
    make(
        "process-setting-changed",
        "A setting of the process changed",
        "info info info info",
        "behaviour",
        "processes",
        "Version tags, times to live, starters and other settings for an engine, or listeners of the process.",
        "The history time to live goes from 30 to 180 days.",
    ),
    make(
        "name-changed",
        "The name changed",
        "info info info info",
        "cosmetic",
        "texts",
        (
            "The text people see on a node, process, pool or field. Nothing depends on it, except the message or "
            "signal of an event that refers to none, and that has a rule of its own."
        ),
        "`Aprove order` becomes `Approve order`.",
    ),
    make(
        "documentation-changed",
        "The documentation changed",
        "info info info info",
        "cosmetic",
        "texts",
        "Text for readers of the model; whitespace around it does not count.",
        "A paragraph on the four-eyes principle was added to `Approve order`.",
    ),
    make(
        "property-changed",
        "An extension property changed",
        "info warn info info",
        "behaviour",
        "extensions",
        (
            "Properties are names and values for whoever runs or reads the model. The engine hands them on; what "
            "they do depends on who reads them."
        ),
        "The property `priority` of a task goes from `low` to `high`.",
        active="Whoever reads the property sees the new value from now on.",
    ),
    make(
        "setting-changed",
        "An engine setting changed",
        "info info info info",
        "behaviour",
        "extensions",
        (
            "Attributes that only tell one engine how to run an element: asynchronous continuation, job priority, "
            "guests, metadata."
        ),
        "`camunda:asyncBefore` was added to a service task.",
    ),
    make(
        "attribute-changed",
        "Another attribute changed",
        "info info info info",
        "cosmetic",
        "attributes",
        "Something BPMN or DMN defines that no other rule is about and that the engine does not use.",
        "The `gatewayDirection` of a gateway goes from `Diverging` to `Mixed`.",
    ),
    make(
        "extension-changed",
        "Content of an unknown namespace changed",
        "info warn info info",
        "cosmetic",
        "extensions",
        (
            "Elements or attributes of a namespace that this program does not know. They count, because "
            "somebody's engine may read them, but they are only listed on request."
        ),
        "A modeler writes its own metadata into `extensionElements`.",
        active="An engine that knows the namespace may treat the task differently.",
    ),
    make(
        "layout-changed",
        "The drawing changed",
        "none none none none",
        "cosmetic",
        "layout",
        (
            "Position, size, way points, label position, or whether a sub-process is drawn open. It never changes "
            "what a process does."
        ),
        "A task was moved 40 units to the right.",
        active="Nothing changes for the instance.",
    ),
    make(
        "colour-changed",
        "Colours changed",
        "none none none none",
        "cosmetic",
        "layout",
        "Fill or line colour of a shape.",
        "A task was painted orange.",
        active="Nothing changes for the instance.",
    ),
    make(
        "definition-added",
        "An unused definition is new",
        "info info info info",
        "cosmetic",
        "definitions",
        (
            "A message, signal, error, data store or item definition that nothing refers to. What events use is "
            "compared at the events."
        ),
        "A message `Message_2` is defined and no event refers to it yet.",
        opposite="definition-removed",
    ),
    make(
        "definition-removed",
        "An unused definition is gone",
        "info info info info",
        "cosmetic",
        "definitions",
        "A message, signal, error, data store or item definition that nothing referred to.",
        "The modeler cleaned up messages no event uses.",
        opposite="definition-added",
    ),
    make(
        "definition-changed",
        "An unused definition changed",
        "info info info info",
        "cosmetic",
        "definitions",
        "Name or content of a message, signal, error or the like that nothing refers to.",
        "The structure of an item definition changed.",
    ),
    make(
        "part-added",
        "A part of what is new as a whole",
        "info info info info",
        "cosmetic",
        "decisions forms",
        (
            "A column or row of a decision, or a field of a form, that came with the whole of it. How much that "
            "matters is said once, by `decision-added` or `form-added`."
        ),
        "`shipping_costs.dmn` joins the folder with three rows.",
        opposite="part-removed",
    ),
    make(
        "part-removed",
        "A part of what is gone as a whole",
        "info info info info",
        "cosmetic",
        "decisions forms",
        (
            "A column or row of a decision, or a field of a form, that went with the whole of it. How much that "
            "matters is said once, by `decision-removed` or `form-removed`."
        ),
        "The decision `discount` was deleted, with its rows.",
        opposite="part-added",
    ),
)
