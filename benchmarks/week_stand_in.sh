#!/usr/bin/env bash
# Stands in for the stages' interpreter in a simulated week: sleeps as long as sleeps.tsv says of the stage's output, going
# on where it was if it is started again, and makes the files without content.
set -euo pipefail
previous=
for word in "$@"; do [[ $previous == --output ]] && output=$word; previous=$word; done
seconds=$(awk -F'\t' -v output="${output:-}" '$1 == output { print $2 }' sleeps.tsv)
slept=.slept/${output//\//+}
mkdir -p .slept
while (($(cat "$slept" 2>/dev/null || echo 0) < ${seconds:-0})); do
    sleep 1
    echo $(($(cat "$slept" 2>/dev/null || echo 0) + 1)) >"$slept.new"
    mv "$slept.new" "$slept"
done
exec bash stand_in.sh "$@"
