#!/usr/bin/env bash
# Versions in one story: three deployments, calls bound to a deployment and to the latest version, a tenant that falls back.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r "$project/examples/order_process/." "$folder"
cd "$folder"

say() { printf '\n# %s\n' "$1"; }
run() { printf '$ %s\n' "runner $*"; runner "$@"; }
# A command that is meant to be refused.
refused() {
  printf '$ %s\n' "runner $*"
  ! runner "$@"
}

say "Three deployments of orderProcess make versions 1, 2 and 3; what did not change keeps its version"
run add -p orderProcess -b release_1/*.bpmn --name "release 1"
run run -s orderProcess --id order-1 -a
run add -p orderProcess -b release_2/*.bpmn --name "release 2"
run add -p orderProcess -b release_3/*.bpmn --name "release 3"
run list_specs
run list_deployments
run why orderProcess@2

say "A new instance starts on the latest version; the one that runs stays on its own"
run run -s orderProcess --id order-2 -a
run list_instances

say "Both called processes are mended and deployed alone"
run add -b hotfix/*.bpmn --name "hotfix"

say "Packing is bound to the deployment: every version keeps its own. Shipping is bound to the latest: it is mended for all"
run complete -w order-1 -t check_stock
run complete -w order-2 -t check_stock
run history -w order-1

say "A version that is still needed is not deleted"
run run -s orderProcess@2 --id order-3 -a
refused delete_spec orderProcess@2 --yes
run list_specs orderProcess --outdated

say "Back to the first model, as version 4, bound to what it was bound to then"
run add --from orderProcess@1
run run -s orderProcess --id order-4 -a
run complete -w order-4 -t check_stock

say "A branch office has an order process of its own; what it lacks is taken from the default tenant"
refused --tenant branch --no-fallback-default-tenant add -b branch_office/order_process.bpmn
run --tenant branch add -b branch_office/order_process.bpmn
run --tenant branch run -s orderProcess --id order-1
run --tenant branch history -w order-1

say "Once it has a van of its own, it uses that one"
run --tenant branch add -b branch_office/ship_order.bpmn
run --tenant branch run -s orderProcess --id order-2

say "Nobody sees what belongs to somebody else"
run --tenant branch list_specs
run --tenant branch list_instances
run store check
