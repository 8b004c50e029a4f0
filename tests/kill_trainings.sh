#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Kills $2 tiny trainings of the program $1 by SIGKILL, each at a random moment, resumes them, and
# compares their models with that of a training that nobody disturbed. Every fourth is adversarial. $3
# seeds the moments (1). Fails unless all are the same and nothing is left behind.
set -euo pipefail
hepar=$1 count=$2
RANDOM=${3:-1}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMP_NUM_THREADS=1

# $1 is the name of the model, $2 its preset.
train() {
  local more=()
  if [[ $2 == paper ]]; then
    more=(--attack-steps 2 --check-steps 1 --begin 1 --ramp 2)
  fi
  exec "$hepar" train --data "$folder/scans/manifest.csv" --out "$folder/$1.hepar" --size nano \
    --batch 4 --input-size 32 --epochs 4 --device cpu --validation-fraction 0.5 --preset "$2" \
    "${more[@]}" --resume > "$folder/log" 2>&1
}
id_of() { "$hepar" inspect "$1" --json - 2> /dev/null | sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p'; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

"$hepar" simulate --out "$folder/scans" --patients-per-grade 2 --frames 2 --width 160 \
  --height 120 > /dev/null
declare -A duration expected
for preset in clean paper; do
  begin=$(milliseconds)
  (train "$preset" "$preset") || { cat "$folder/log"; exit 1; }
  duration[$preset]=$(($(milliseconds) - begin))
  expected[$preset]=$(id_of "$folder/$preset.hepar")
  [[ -n ${expected[$preset]} ]] || { echo "the undisturbed model has no id" >&2; exit 1; }
done

same=0 resumed=0
for ((i = 1; i <= count; ++i)); do
  preset=clean
  if ((i % 4 == 0)); then preset=paper; fi
  out=$folder/killed-$i.hepar
  killed=0
  while ((!killed)); do
    rm -rf "$out" "$out.work"  # One that ended before its moment came begins again.
    delay=$((RANDOM * ${duration[$preset]} / 32768))
    (train "killed-$i" "$preset") &
    job=$!
    sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
    kill -KILL "$job" 2> /dev/null || true
    status=0
    wait "$job" 2> /dev/null || status=$?
    if ((status == 128 + 9)); then killed=1; fi
  done
  if [[ -f $out.work/last.ckpt ]]; then ((++resumed)); fi
  # What is there of a model is whole.
  if [[ -f $out && $(id_of "$out") != "${expected[$preset]}" ]]; then
    echo "training $i left a broken model"
    exit 1
  fi
  (train "killed-$i" "$preset") || { cat "$folder/log"; echo "training $i does not resume"; exit 1; }
  left=$(find "$folder" -name '*.tmp' | wc -l)
  if [[ $(id_of "$out") == "${expected[$preset]}" && $left == 0 ]]; then
    ((++same))
  else
    echo "training $i ($preset): id $(id_of "$out"), expected ${expected[$preset]};" \
      "$left temporary files left"
  fi
  rm -rf "$out" "$out.work"
  if ((i % 10 == 0 && i < count)); then echo "$same of $i are the same"; fi
done
echo "$same of $count killed trainings ended with the model id of the undisturbed one" \
  "(clean ${expected[clean]:0:12}, adversarial ${expected[paper]:0:12}); $resumed had a checkpoint to" \
  "resume from, the others began again"
((same == count))
