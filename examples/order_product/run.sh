#!/usr/bin/env bash
# The whole story in an empty folder: four versions of one process, two instances, what changed, and moving one of them.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ln -s "$project/bpmn" bpmn

say() { printf '\n# %s\n' "$1"; }
run() { printf '$ %s\n' "runner $*"; runner "$@"; }

say "Four versions of the product order"
run add -p order_product -b bpmn/tutorial/task_types.bpmn -d bpmn/tutorial/product_prices.dmn
run add -p order_product -b bpmn/tutorial/gateway_types.bpmn \
  -d bpmn/tutorial/{product_prices,shipping_costs}.dmn
run add -p order_product -b bpmn/tutorial/{top_level,call_activity}.bpmn \
  -d bpmn/tutorial/{shipping_costs,product_prices}.dmn
run add -p order_product -b bpmn/tutorial/{top_level_script,call_activity_script}.bpmn \
  -d bpmn/tutorial/shipping_costs.dmn
run list_specs

say "One instance that waits at its first task, and one that went on to the review"
run run -s order_product@1 -a
run run -s order_product@1 -a --data '{}' --answers "$project/examples/order_product/half_way.json"
run list_instances

say "What changed between the first two versions?"
run diff_spec -o order_product@1 -n order_product@2

say "And between the two that call another process?"
run diff_spec -d -o order_product@3 -n order_product@4

say "Which instances does the second version touch, and can they move?"
run diff_workflow -s order_product@2 --from order_product@1

say "Move the one that can; the other is refused with the reason"
run migrate -s order_product@2 --from order_product@1 || test $? -eq 1
run list_instances
run store check
