#!/usr/bin/env bash
# A repository with a model, a harmless change and one that could break something; what the hook and the job say to it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
models=$here/../../bpmn/tutorial
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org
say() { printf '\n# %s\n' "$1"; }
run() { printf '$ %s\n' "$*"; "$@"; }

git init -q -b main .
mkdir models
cp "$models"/top_level.bpmn "$models"/call_activity.bpmn models
git add models
git commit -q -m "Order a product"
cp "$here/pre-commit" .git/hooks/pre-commit
git checkout -q -b next

say "A commit that only rewords something passes the hook"
sed -i.before 's/Choosing and customizing/Choosing and fitting/' models/top_level.bpmn && rm models/*.before
run git commit -q -a -m "Reword the documentation"

say "A commit that turns a task into one of another kind is stopped"
cp "$models/top_level_script.bpmn" models/top_level.bpmn
if run git commit -q -a -m "Look the shipping cost up by a script"; then
  echo "the hook should have stopped this" >&2
  exit 1
fi

say "... under another name, too"
git mv models/top_level.bpmn models/order.bpmn
if run git commit -q -a -m "Rename the model"; then
  echo "the hook should have stopped this" >&2
  exit 1
fi
git mv models/order.bpmn models/top_level.bpmn

say "With a reason in .runner-ignore it passes"
cat > .runner-ignore <<'IGNORE'
# RULE             ELEMENT                UNTIL       REASON
node-type-changed  look_up_shipping_cost  2999-12-31  no instance waits there: it runs by itself
IGNORE
git add .runner-ignore
run git commit -q -a -m "Look the shipping cost up by a script"

say "What a job says about the pull request: to the log, ..."
run runner diff_spec -o main:models/ -n models/ --format github

say "... to whoever reviews it, ..."
run runner diff_spec -o main:models/ -n models/ --format markdown

say "... and with its exit code"
run runner diff_spec -o main:models/ -n models/ --stat --fail-on error
code=0
run runner diff_spec -o main:models/ -n models/ --stat --fail-on error --no-ignore || code=$?
echo "exit code $code"
test "$code" -eq 1
