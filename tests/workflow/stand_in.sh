#!/usr/bin/env bash
# Stands in for the stages' interpreter: makes the files that a stage would make, without content.
set -euo pipefail
stage=${2##*.}
shift 2
make() { mkdir -p "$(dirname "$1")" && echo "$stage" >"$1"; }
while (($#)); do
	case $1 in
	--finished) make "$2" ;;
	--summary) [[ $stage != select ]] || make "$2" ;; # others read one
	--output) while (($# > 1)) && [[ $2 != --* ]]; do
		made=$2
		[[ $stage == tables ]] || make "$made"
		shift
	done ;;
	esac
	shift
done
case $stage in
pretrain) for name in model.safetensors reading.csv; do make "$(dirname "$made")/$name"; done ;;
baseline) make "${made%.parquet}.json" ;;
sft) make "$(dirname "$made")/sft.json" ;;
tables)
	for name in evaluation curves suff_fail summary comparisons selection selected_regret calibration reading learning_curves cells; do
		make "$made/$name.csv"
	done
	for name in experiment.json SHA256SUMS; do make "$made/$name"; done
	;;
esac
