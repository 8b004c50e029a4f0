#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The engine against other ways to run the same network, and the cost of whole pipelines, by
# `./run bench`. Variants run in turns; medians; read ratios, since other work on the machine shows
# in absolute times. Writes RESULTS.md beside this file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=${BENCH_MODEL:-$here/../models/pretrained/steatosis-sim-live.hepar}
readonly short=10 long=${BENCH_FRAMES:-110} repetitions=${BENCH_REPETITIONS:-5}
readonly seconds=${BENCH_SECONDS:-60}
export OMP_NUM_THREADS=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
# Field $1 of the element message $2 that is the last on standard input, with its type cut off.
count() { grep -o "$2.*" | tail -1 | grep -oE "$1=\([a-z0-9]+\)[0-9.]+" | grep -oE '[0-9.]+$'; }

# ---- The cost of a frame, offline -------------------------------------------------------------

variants=(
  "source alone|identity"
  "color space|heparcolorspace model=$model"
  "graded, sync, fp32|heparclassify mode=sync model=$model"
  "graded and drawn (heparbin), sync|heparbin mode=sync model=$model"
  "graded and drawn with its saliency map, sync|heparbin mode=sync view=saliency model=$model"
)
has_bf16() { grep -qm1 avx512_bf16 /proc/cpuinfo; }
if has_bf16; then
  variants+=("graded, sync, bf16|heparclassify mode=sync precision=bf16 model=$model")
fi

milliseconds() { # of a run with $1 frames through element $2
  local start end
  start=$(date +%s%N)
  # shellcheck disable=SC2086 # The element is several words of a launch line.
  gst-launch-1.0 -q heparsimsrc num-buffers="$1" ! $2 ! fakesink > /dev/null
  end=$(date +%s%N)
  awk -v ns="$((end - start))" 'BEGIN {print ns / 1e6}'
}

measure_frames() {
  for ((i = 0; i < repetitions; ++i)); do
    for index in "${!variants[@]}"; do
      local element=${variants[index]#*|} quick slow
      quick=$(milliseconds "$short" "$element")
      slow=$(milliseconds "$long" "$element")
      # The difference of a short and a long run leaves out start-up.
      awk -v a="$slow" -v b="$quick" -v n="$((long - short))" 'BEGIN { print (a - b) / n }' \
        >> "$work/frames.$index"
    done
  done
}

print_frames() {
  echo "## Cost of a frame"
  echo
  echo "640x480 frames of the simulated scanner, $((long - short)) frames each, $repetitions rounds in"
  echo "turns, one thread, \`$(basename "$model")\`. The source renders every frame and is in all lines."
  echo
  echo "| pipeline | ms per frame, median | of source alone |"
  echo "|---|---|---|"
  local base
  base=$(median < "$work/frames.0")
  for index in "${!variants[@]}"; do
    median < "$work/frames.$index" | awk -v name="${variants[index]%%|*}" -v base="$base" \
      '{printf "| %s | %.2f | %.1f |\n", name, $1, $1 / base}'
  done
}

# ---- Live: processor time, frames lost, latency added ------------------------------------------

# Percentile $1 (0..100) of the times in ms, by the latency tracer, that element $2 held frames.
held() {
  grep "element-latency.*element=(string)$2" "$work/trace" | grep -oE 'time=\(guint64\)[0-9]+' |
    grep -oE '[0-9]+$' | sort -n |
    awk -v p="$1" '{v[NR] = $1} END {i = int(NR * p / 100); print v[i < 1 ? 1 : i] / 1e6}'
}

print_live() { # in precision $1
  local precision=$1 frames=$((30 * seconds)) out TIMEFORMAT='%U %S'
  out=$({ time GST_TRACERS='latency(flags=element)' GST_DEBUG=GST_TRACER:7 \
    GST_DEBUG_FILE="$work/trace" GST_DEBUG_NO_COLOR=1 gst-launch-1.0 -m heparsimsrc is-live=true \
    num-buffers="$frames" ! video/x-raw,width=640,height=480,framerate=30/1 \
    ! heparclassify name=grade precision="$precision" model="$model" \
    ! fakesink sync=true; } 2> "$work/time")
  echo "\`heparsimsrc is-live=true ! heparclassify precision=$precision ! fakesink sync=true\`:" \
    "$(count frames hepar-summary <<< "$out") of $frames frames arrived," \
    "$(count graded hepar-summary <<< "$out") graded;" \
    "the whole process, source and tracer too, took" \
    "$(tail -1 "$work/time" | awk -v s="$seconds" '{printf "%.0f", 100 * ($1 + $2) / s}') %" \
    "of one core; \`heparclassify\` held frames for $(held 50 grade) ms (median), $(held 99 grade) ms" \
    "(99th percentile)."
}

# ---- A source that is faster than the model ----------------------------------------------------

print_newest() {
  local out passed graded alone side slow=$work/slow.hepar frames=1000
  # A model of random weights that manages 40 to 80 pictures a second here: what the engine does
  # alone, without a source, is the model's own time for a frame.
  for side in 64 80 96 112 128 160 192 224; do
    alone=$(hepar bench --size paper --input-size "$side" --save "$slow" --engine-only --repeat 40 \
      --json - 2> /dev/null |
      python3 -c 'import json,sys; print(1000 / json.load(sys.stdin)["engine_fp32_ms"])')
    if awk -v a="$alone" 'BEGIN {exit !(a < 80)}'; then break; fi
  done
  out=$(gst-launch-1.0 -m heparsimsrc num-buffers=1 ! imagefreeze is-live=true num-buffers=$frames \
    ! video/x-raw,framerate=100/1 ! heparclassify mode=newest model="$slow" ! fakesink sync=true)
  passed=$(count frames hepar-summary <<< "$out")
  graded=$(count graded hepar-summary <<< "$out")
  echo "## A 100 fps source, \`mode=newest\`"
  echo
  echo "With decouplers of size \`paper\` at $side pixels, so that the model is slower than the source."
  awk -v p="$passed" -v g="$graded" -v n="$frames" -v a="$alone" 'BEGIN {
    s = n / 100
    most = a < 100 ? a : 100
    printf "The picture went on at %.0f fps; %.1f frames a second were graded, %.0f %% of the %.1f that the engine alone could of this source.\n",
      p / s, g / s, 100 * g / s / most, most }'
}

# ---- Many streams ---------------------------------------------------------------------------

print_streams() {
  local cores streams out branch length=300
  cores=$(nproc --all)
  echo "## Streams on $cores cores"
  echo
  echo "Live at 30 fps each for $((length / 30)) s, one process, \`heparclassify batch=N threads=$cores\`"
  echo "(N streams share $cores threads) and, beside it, a thread for each stream (\`batch=1\`)."
  echo
  echo "| streams | graded a second and stream, shared | a thread each | fps of the picture, shared |"
  echo "|---|---|---|---|"
  for streams in 1 2 4 8 16; do
    local row="| $streams"
    local picture=
    for batch in $((streams > 1 ? streams : 2)) 1; do
      local line=() i
      for ((i = 0; i < streams; ++i)); do
        branch="heparsimsrc seed=$((i + 1)) num-buffers=1 ! imagefreeze is-live=true num-buffers=$length \
          ! video/x-raw,framerate=30/1 ! heparclassify mode=newest model=$model batch=$batch \
          threads=$((batch > 1 ? cores : 1)) ! fakesink sync=true"
        # shellcheck disable=SC2206 # Words of a launch line.
        line+=($branch)
      done
      out=$(gst-launch-1.0 -m "${line[@]}")
      row+=" | $(grep -o 'hepar-summary.*' <<< "$out" | grep -oE ' graded=\(guint64\)[0-9]+' |
        grep -oE '[0-9]+$' | awk -v s="$length" '{t += $1} END {printf "%.1f", t / NR / (s / 30)}')"
      picture=${picture:-$(grep -o 'hepar-summary.*' <<< "$out" |
        grep -oE ' frames=\(guint64\)[0-9]+' | grep -oE '[0-9]+$' |
        awk -v s="$length" '{t += $1} END {printf "%.1f", t / NR / (s / 30)}')}
    done
    echo "$row | $picture |"
  done
}

# ---- Cold start -----------------------------------------------------------------------------

print_start() {
  local i start end
  for ((i = 0; i < repetitions; ++i)); do
    start=$(date +%s%N)
    gst-launch-1.0 -q heparsimsrc num-buffers=1 ! heparclassify mode=sync model="$model" ! fakesink
    end=$(date +%s%N)
    awk -v ns="$((end - start))" 'BEGIN {print ns / 1e9}' >> "$work/start"
  done
  echo "## Cold start"
  echo
  echo "A new process until the first frame is graded and the pipeline is down again:" \
    "$(median < "$work/start") s (median of $repetitions)."
}

measure_frames
{
  echo "# Measured speed"
  echo
  echo "By \`./run bench\` on $(nproc --all) cores" \
    "($(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs)), $(gst-launch-1.0 --version |
      sed -n 2p), oneDNN as Debian has it. Other work on the machine shows in the absolute times."
  for size in live paper; do
    echo
    echo "## Engine, \`$size\`, 224x224, one thread, one picture"
    echo
    echo '```'
    hepar bench --size "$size"
    echo '```'
  done
  echo
  print_frames
  echo
  echo "## Live, 640x480 at 30 fps for $seconds s"
  echo
  print_live fp32
  if has_bf16; then
    echo
    print_live bf16
  fi
  echo
  print_newest
  echo
  print_streams
  echo
  print_start
} | tee "$here/RESULTS.md"
