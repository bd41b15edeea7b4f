#!/bin/sh
# Runs an order whose scripts look things up in shop.py. The store is $RUNNER_STORE, or .runner in this folder.
set -eu
cd "$(dirname "$0")"
models=../../bpmn/tutorial

runner init
runner -e shop_engine add -p order_product -b "$models/top_level_script.bpmn" "$models/call_activity_script.bpmn"
runner -e shop_engine run -s order_product --answers answers.json
runner list_instances
