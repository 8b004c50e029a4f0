#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs the fuzz targets of build folder $1 one after another for $2 seconds in all, those named after
# that or all. Closes with a table of executions and crashes; the inputs of crashes are kept in
# $1/fuzz/crashes/TARGET. Ends with 1 when there was a crash.
set -euo pipefail
build=$1 seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$build/fuzz
mkdir -p "$work"
"$here/corpus.py" "$work/seeds"

if (($#)); then
  targets=("$@")
else
  mapfile -t targets < <(cd "$build/tests/fuzz" && find . -maxdepth 1 -name 'fuzz_*' -type f -executable |
    sed 's|^./fuzz_||' | sort)
fi
((${#targets[@]})) || { echo "no fuzz targets in $build" >&2; exit 1; }
share=$((seconds / ${#targets[@]}))
((share)) || share=1

HEPAR_FUZZ_TMP=$(mktemp -d)
export HEPAR_FUZZ_TMP OPENCV_LOG_LEVEL=OFF
# For the elements, whose plugin GST_PLUGIN_PATH names.
export G_DEBUG=fatal-criticals OMP_NUM_THREADS=1
trap 'rm -rf "$HEPAR_FUZZ_TMP"' EXIT
# What libraries lose on the way out of a damaged file is bounded by the file; leaks of our own are
# looked for by the tests.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=0:detect_container_overflow=0
export UBSAN_OPTIONS=print_stacktrace=1

total=0
table=
for target in "${targets[@]}"; do
  corpus=$work/corpus/$target crashes=$work/crashes/$target
  mkdir -p "$corpus" "$crashes" "$work/seeds/$target"
  executions=0 found=0
  end=$((SECONDS + share))
  # libFuzzer ends with the first crash; the rest of the time is for what else there is.
  while ((SECONDS < end && found < 20)); do
    log=$work/$target.log
    status=0
    nice -n 15 "$build/tests/fuzz/fuzz_$target" "$corpus" "$work/seeds/$target" \
      -max_total_time=$((end - SECONDS)) -artifact_prefix="$crashes/" -max_len=65536 \
      -rss_limit_mb=2048 -timeout=30 -print_final_stats=1 -close_fd_mask=3 \
      > "$log" 2>&1 || status=$?
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    executions=$((executions + ${count:-0}))
    ((status)) || break
    found=$((found + 1))
    cp "$log" "$crashes/$found.log"
  done
  total=$((total + found))
  printf -v row '%-12s %12d executions %4d crashes\n' "$target" "$executions" "$found"
  printf '%s' "$row"
  table+=$row
done
printf '%s' "$table" > "$work/table.txt"
((total == 0))
