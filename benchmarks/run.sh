#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Cost of a frame in whole pipelines, by `./run bench`. Each variant runs short and long in turns
# with the others; the difference of the two leaves out start-up. Medians; read ratios, since other
# work on the machine shows in absolute times. Writes RESULTS.md beside this file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$here/../models/pretrained/steatosis-sim-live.hepar
readonly short=10 long=${BENCH_FRAMES:-110} repetitions=${BENCH_REPETITIONS:-5}
export OMP_NUM_THREADS=1

variants=(
  "source alone|identity"
  "colour space|heparcolorspace model=$model"
  "graded, sync, fp32|heparclassify mode=sync model=$model"
  "graded, sync, bf16|heparclassify mode=sync precision=bf16 model=$model"
  "graded and drawn (heparbin), sync|heparbin mode=sync model=$model"
)

milliseconds() { # of a run with $1 frames through element $2
  local start end
  start=$(date +%s%N)
  # shellcheck disable=SC2086 # The element is several words of a launch line.
  gst-launch-1.0 -q heparsimsrc num-buffers="$1" ! $2 ! fakesink > /dev/null
  end=$(date +%s%N)
  echo $(((end - start) / 1000)) | awk '{print $1 / 1000}'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for ((i = 0; i < repetitions; ++i)); do
  for index in "${!variants[@]}"; do
    element=${variants[index]#*|}
    quick=$(milliseconds "$short" "$element")
    slow=$(milliseconds "$long" "$element")
    awk -v a="$slow" -v b="$quick" -v n="$((long - short))" 'BEGIN { print (a - b) / n }' \
      >> "$work/$index"
  done
done

# A live 30 fps source for ten seconds: what of it is graded while the picture never waits.
live=$(gst-launch-1.0 -m heparsimsrc is-live=true num-buffers=300 ! video/x-raw,framerate=30/1 \
  ! heparclassify model="$model" ! fakesink sync=true | grep -o 'hepar-summary.*' | tail -1)
count() { grep -oE "$1=\(guint64\)[0-9]+" <<< "$live" | grep -oE '[0-9]+$'; }

{
  echo "# Cost of a frame"
  echo
  echo "\`./run bench\`: 640x480 frames of the simulated scanner, $repetitions repetitions in turns,"
  echo "$((long - short)) frames each, one thread per operator, model \`$(basename "$model")\`,"
  echo "$(nproc --all) cores ($(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs)),"
  echo "$(gst-launch-1.0 --version | sed -n 2p). The source renders every frame and is in all lines."
  echo
  echo "| pipeline | ms per frame, median | of source alone |"
  echo "|---|---|---|"
  base=$(sort -n "$work/0" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}')
  for index in "${!variants[@]}"; do
    sort -n "$work/$index" | awk -v name="${variants[index]%%|*}" -v base="$base" \
      '{v[NR] = $1} END {m = v[int((NR + 1) / 2)]; printf "| %s | %.2f | %.1f |\n", name, m, m / base}'
  done
  echo
  echo "Live at 30 fps for 10 s, \`mode=auto\` (newest): $(count frames) frames passed," \
    "$(count graded) graded, $(count skipped) skipped."
} | tee "$here/RESULTS.md"
