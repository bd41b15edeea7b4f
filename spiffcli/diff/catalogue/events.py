"""Rules about events: what is waited for and what is thrown."""

from __future__ import annotations

from spiffcli.diff.catalogue.making import make

RULES = (
    make(
        "event-definition-type-changed",
        "An event waits for, or throws, another kind of thing",
        "error error info info",
        "refuse",
        "events",
        "A timer became a message, a signal an error, a plain event something: what was armed no longer fits.",
        "The timer that cancels an order became a message.",
        active="The event is armed for something the model no longer waits for.",
        completed="It happened as what it was then.",
    ),
    make(
        "timer-changed",
        "A timer has another time",
        "warn warn info info",
        "behaviour",
        "events timers",
        "Duration, date or cycle of a timer, or the expression for it.",
        "`PT48H` becomes `PT24H`.",
        active="The running timer keeps the time it was set to, unless timers are restarted.",
        completed="It has fired.",
        future="The timer is set by the new expression.",
    ),
    make(
        "message-name-changed",
        "A message has another name",
        "error error info warn",
        "contract",
        "events messages contracts",
        (
            "Senders and receivers find each other by the name of the message. A sender that was not told keeps "
            "sending the old one."
        ),
        "`order paid` becomes `payment received`.",
        active=(
            "The instance waits for the old name, unless events are updated; a sender that already uses the new "
            "one does not reach it."
        ),
        completed="The message was received or sent.",
        future="The instance waits for the new name.",
    ),
    make(
        "signal-name-changed",
        "A signal has another name",
        "error error info warn",
        "contract",
        "events signals contracts",
        "Signals are broadcast by name; whoever listens under another name hears nothing.",
        "`stop all` becomes `emergency stop`.",
        active="The instance listens under the old name, unless events are updated.",
        completed="The signal was caught or thrown.",
    ),
    make(
        "error-code-changed",
        "An error or escalation has another code or name",
        "error error info warn",
        "contract",
        "events errors contracts",
        (
            "An error is caught by its code. With another code it passes the event that was meant for it and ends "
            "the process."
        ),
        "`OUT_OF_STOCK` becomes `NO_STOCK`, thrown by a called process that still says the old one.",
        active="An error thrown with the old code is no longer caught here.",
        completed="It was caught or thrown.",
    ),
    make(
        "correlation-changed",
        "A message finds its instance in another way",
        "error error warn warn",
        "contract",
        "events messages contracts",
        (
            "Correlation compares values in the message with values in the instance. With other expressions a "
            "message reaches another instance, or none."
        ),
        "`order.id` becomes `order.number`.",
        active="The waiting instance was registered with the old values.",
        completed="Conversations that were begun go on with the values they were begun with.",
        future="Messages are matched by the new expressions.",
    ),
    make(
        "payload-changed",
        "The payload of an event changed",
        "warn warn info info",
        "contract",
        "events messages",
        "The expression that makes what is sent, its type, or the variable that takes what is received.",
        "The message carries `order` instead of `order.id`.",
        active="What arrives is put into the new variable.",
    ),
    make(
        "event-condition-changed",
        "The condition of an event changed",
        "warn warn info info",
        "behaviour",
        "events",
        "A conditional event happens when its expression becomes true.",
        "`temperature > 80` becomes `temperature > 70`.",
        active="The event is judged by the new condition.",
    ),
    make(
        "link-name-changed",
        "A link has another name",
        "warn warn info info",
        "behaviour",
        "events",
        "Throwing and catching link events belong together by name.",
        "`A` becomes `continue`.",
    ),
    make(
        "compensation-changed",
        "Compensation undoes another activity",
        "warn warn info info",
        "behaviour",
        "events",
        "The activity a compensation event refers to.",
        "Compensation undoes `Book hotel` instead of everything.",
    ),
    make(
        "event-setting-changed",
        "A setting of an event changed",
        "info warn info info",
        "behaviour",
        "events extensions",
        "Variables for codes and messages of errors, filters, and other settings of one engine.",
        "The variable that takes the error code is now `code`.",
    ),
)
