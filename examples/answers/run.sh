#!/bin/sh
# Runs tutorial models from the answers files beside it. The store is $RUNNER_STORE, or .runner in this folder.
set -eu
cd "$(dirname "$0")"
models=../../bpmn/tutorial
prices="$models/product_prices.dmn"
costs="$models/shipping_costs.dmn"

runner init

runner add -p order_product -b "$models/task_types.bpmn" -d "$prices"
runner run -s order_product --answers task_types.json

runner add -p order_product -b "$models/gateway_types.bpmn" -d "$prices" "$costs"
runner run -s order_product --answers gateway_types.json

runner add -p order_product -b "$models/top_level.bpmn" "$models/call_activity.bpmn" -d "$prices" "$costs"
runner run -s order_product --answers top_level.json

runner add -p handle_return -b "$models/lanes.bpmn"
runner run -s handle_return --answers lanes.json

runner add -p pack_large_order -b "$models/multi_instance.bpmn"
runner run -s pack_large_order --answers multi_instance.json

runner add -p mix_glaze -b "$models/data_objects.bpmn"
runner run -s mix_glaze --answers data_objects.json

runner add -p book_course -b "$models/transaction.bpmn"
runner run -s book_course --answers transaction.json

runner list_instances
