"""What can speak against moving an instance, beyond the changes of the models themselves."""

from __future__ import annotations

from spiffcli.diff.catalogue.making import make

RULES = (
    make(
        "join-never-satisfied",
        "A join would wait for ever",
        "error error info info",
        "refuse",
        "instances joins",
        (
            "In the new version a parallel join waits for a flow that no token of the instance can take any more. "
            "Allowing it starts the branch that is missing."
        ),
        "A third branch was added to a fork that the instance has passed; its join would wait for the third token.",
        active="The instance would be stuck at the join, so it is not moved unless the missing branch is started.",
        completed="The join has let the instance pass already.",
        future="All branches begin together, so the join can be satisfied.",
    ),
    make(
        "no-way-to-an-end",
        "From a task no path leads to an end",
        "error error info info",
        "refuse",
        "instances",
        "In the new version the instance could go on, but never finish.",
        "The flow from `Ship` to the end event was deleted by mistake.",
        active="The instance would be stuck, so it is not moved.",
        completed="It is done and is not done again.",
        future="The instance is moved only if some path leads to an end.",
    ),
    make(
        "node-repeated",
        "Work that is done lies ahead again",
        "warn warn warn info",
        "behaviour",
        "instances",
        "A node that has run for the instance stands ahead of its tokens in the new version, and would run twice.",
        "`Charge card` was moved behind `Pack`; the instance has charged the card and is packing.",
        active="It is being done, and would be done once more.",
        completed="It would be done a second time, so the instance is not moved unless that is allowed.",
        future="It runs when the instance comes there.",
    ),
    make(
        "data-object-lost",
        "The value of a data object has no place in the new version",
        "info warn info info",
        "behaviour",
        "instances data",
        (
            "A data object that holds a value is gone, or has another id, and something ahead reads a data object of "
            "the new version that would be empty."
        ),
        "`order` is called `purchase` in the new version; `Ship` reads it and would find nothing.",
        active="The value would be lost, so that must be allowed.",
        completed="It is done and reads nothing any more.",
        future="It would find nothing.",
    ),
    make(
        "entry-not-repeated",
        "A task was entered another way than the new version enters it",
        "info warn info info",
        "behaviour",
        "instances scripts",
        (
            "What is done on the way into a task (pre-script, data inputs) changed, while the task is open. It is "
            "never done a second time."
        ),
        "The pre-script of `Approve` now also looks up the limit; the task is open and has no limit.",
        active="What the new version does on the way in will not be done, so that must be allowed.",
        completed="It is done and is not done again.",
        future="The task is entered as the new version says.",
    ),
    make(
        "event-not-armed",
        "A new event cannot be waited for",
        "error error info info",
        "refuse",
        "instances events",
        "An event that the new version puts on a live task, or a branch it adds, fails when it is prepared.",
        "The expression of a new boundary timer reads a name that the data of the instance do not have.",
        active="The event could never happen, so the instance is not moved.",
        completed="It is done and is not done again.",
        future="The event is prepared when the instance comes there, with the data it has then.",
    ),
    make(
        "reset-not-possible",
        "A task cannot be entered again",
        "error error info info",
        "refuse",
        "instances",
        "`--reset` names no open task of the instance, or one that cannot begin anew without losing what belongs to "
        "others.",
        "The task is done already, or is one of several items of a multi-instance activity.",
        active="It goes on as it is; leave the task out of --reset.",
        completed="It is done and is not done again.",
        future="There is nothing to enter again.",
    ),
    make(
        "script-failed",
        "A script failed during the move",
        "error error info info",
        "refuse",
        "instances scripts",
        (
            "The script given with `--data`, or an expression the new version evaluates at once, failed; or `--data` "
            "was given for an instance whose state is in an aggregate, where nothing would read it."
        ),
        "`--data total.py` divides by a quantity that is 0 in this instance.",
        active="The instance stays as it was.",
        completed="The instance stays as it was.",
        future="The instance stays as it was.",
    ),
    make(
        "service-missing",
        "No service covers a task of the new version",
        "warn error info error",
        "behaviour",
        "instances services",
        (
            "The new version has a task that only a method could do, and no method of the services given is wired to "
            "it; or no service is for the version at all. Nothing runs before that is mended, whatever is allowed here."
        ),
        "Version 2 of the approval adds `Inform works council`, and the service has no method for it yet.",
        active="It could not be done, so the instance is not moved unless that is allowed.",
        completed="It is done and is not done again.",
        future="The instance would stop there, so it is not moved unless that is allowed.",
    ),
    make(
        "mapping-invalid",
        "A mapping names what is not there",
        "error error error error",
        "refuse",
        "instances mappings",
        "`--map` names a node that the old or the new version does not have, or maps two nodes to one.",
        "`--map approve=aprove`: the new version has no node `aprove`.",
        active="The instance is not moved before the option is mended.",
        completed="The instance is not moved before the option is mended.",
        future="The instance is not moved before the option is mended.",
    ),
    make(
        "check-failed",
        "The move failed its own check",
        "error error error error",
        "refuse",
        "instances engine",
        (
            "After a move on a copy, a task was gone or finished work was changed. That is a fault of this program; "
            "nothing was stored."
        ),
        "A task that was open before the move is not open after it.",
        active="The task would be lost, so the instance is not moved.",
        completed="The record of what was done would change, so the instance is not moved.",
        future="The instance is not moved.",
    ),
)
