#!/bin/sh
# Runs targets under libFuzzer one after the other: run.sh PROGRAM FOLDER SECONDS TARGET...
# New inputs go to FOLDER/corpus, inputs that break a promise to FOLDER/found, logs to FOLDER.
set -eu
program=$1 folder=$2 seconds=$3
shift 3
kept=$(dirname "$0")/corpus
broken=
for target in "$@"; do
    mkdir -p "$folder/corpus/$target" "$folder/found"
    echo "== $target for $seconds s (log: $folder/$target.log)"
    SLUICE_FUZZ_TARGET=$target "$program" "$folder/corpus/$target" "$kept/$target" \
        -max_total_time="$seconds" -max_len=4096 -timeout=30 -rss_limit_mb=2048 -use_value_profile=1 \
        -print_final_stats=1 -artifact_prefix="$folder/found/$target-" \
        >"$folder/$target.log" 2>&1 || broken="$broken $target"
    grep -E 'DONE|SUMMARY' "$folder/$target.log" || true
done
test -z "$broken" || { echo "broken:$broken (inputs are in $folder/found)" >&2; exit 1; }
