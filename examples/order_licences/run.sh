#!/bin/sh
# An order whose items need licences, with business code in orders.py. The store is $RUNNER_STORE, or .runner here.
set -eu
cd "$(dirname "$0")"
export RUNNER_SERVICES=orders

run() { printf '$ %s\n' "runner $*"; runner "$@"; }

run init
run add -p order -b order.bpmn
run wiring
run run -s order -a --data '{"order_id": "7", "items": [{"product": "office", "quantity": 2}]}'
run show -w 7
run complete -w 7 -t Ship
RUNNER_SERVICES= run stubs order.bpmn
