#!/bin/sh
# Vacation requests, with business code in vacation.py. The store is $RUNNER_STORE, or .runner in this folder.
set -eu
cd "$(dirname "$0")"
export RUNNER_SERVICES=vacation

say() { printf '\n# %s\n' "$1"; }
run() { printf '$ %s\n' "runner $*"; runner "$@"; }

say "Software first: the class gives the process its id"
run init
run add -b software_first.bpmn
run check
run wiring approvalOfVacationRequests
run run -s approvalOfVacationRequests -a --data '{"request_id": "V-1", "employee": "Ada", "number_of_days": 3}'
run complete -w V-1 -t decide --data '{"approved": true}'
run show -w V-1

say "BPMN first: two versions, served side by side"
run add -b version_1.bpmn
run run -s Process_ApprovalOfVacation -a --data '{"request_id": "V-2", "employee": "Bob", "number_of_days": 9}'
run add -b version_2.bpmn
run check
run diff_workflow -s Process_ApprovalOfVacation@2 -w V-2
run migrate -s Process_ApprovalOfVacation@2 -w V-2
run complete -w V-2 -t Activity_Decide --data '{"approved": true}'
run show -w V-2
