#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One step of adversarial training (`live`, 224 x 224, batch 16, 10 attack steps, one thread) by
# `hepar`'s code and by plain eager PyTorch, in turns, by `./run bench-train [DEVICE]`. Prints the
# medians of each round, their ratio over all rounds, and where the time goes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$1
device=${2:-cpu}
readonly rounds=${BENCH_REPETITIONS:-3}
export OMP_NUM_THREADS=1

python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import torch' 2> /dev/null; then python=$candidate && break; fi
done
if [[ -z $python ]]; then
  echo "no python3 has torch (Debian: python3-torch)" >&2
  exit 1
fi

# On the CPU processor time, which does not count what other programs on the machine take.
kind=cpu
time=processor
if [[ $device != cpu ]]; then
  kind=median
  time=wall
fi
milliseconds() { sed -n "s/.*$kind \([0-9.]*\) ms.*/\1/p"; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

for scope in image end2end; do
  ours=() bf16=() eager=()
  for ((round = 0; round < rounds; ++round)); do
    ours+=("$("$program" --device "$device" --scope "$scope" --repeat 1 | milliseconds)")
    bf16+=("$("$program" --device "$device" --scope "$scope" --repeat 1 --precision bf16 | milliseconds)")
    eager+=("$("$python" "$here/adversarial_step.py" --device "$device" --scope "$scope" --repeat 1 | milliseconds)")
  done
  a=$(printf '%s\n' "${ours[@]}" | median)
  b=$(printf '%s\n' "${bf16[@]}" | median)
  c=$(printf '%s\n' "${eager[@]}" | median)
  awk -v t="$time" -v s="$scope" -v a="$a" -v b="$b" -v c="$c" 'BEGIN {
    printf "scope %s: hepar %.0f ms, with bf16 attack %.0f ms, eager %.0f ms of %s time a step: %.2f and %.2f times as fast\n",
      s, a, b, c, t, c / a, c / b }'
  "$program" --device "$device" --scope "$scope" --repeat 1 --profile yes | tail -n +2
done
