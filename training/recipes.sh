# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# How the models and tables of the docs are made: what `./run train-*` and `./run ablate-*` do. run
# sources it, sets root (the sources) and build (the build folder) and puts hepar on the PATH.
# shellcheck disable=SC2154

imagenet_weights() {
  local file=${HEPAR_WEIGHTS_DIR:-}/squeezenet1_0_imagenet.pt
  if [[ ! -r $file ]]; then
    echo "HEPAR_WEIGHTS_DIR must name the folder of squeezenet1_0_imagenet.pt" >&2
    exit 1
  fi
  echo "$file"
}

train_simulated() {
  local weights work=$build/train
  weights=$(imagenet_weights)
  mkdir -p "$work"
  if [[ ! -e $work/scans ]]; then
    hepar simulate --out "$work/scans" --patients-per-grade 130 --frames 1 --seed 5000
  fi
  hepar train --config models/pretrained/steatosis-sim-live.ini --weights "$weights" --resume \
    --data "$work/scans/manifest.csv" --out "$work/steatosis-sim-live.hepar"
}

# Five folds first, then the model that ships, trained on all patients the same way. How sure it may
# be of its answers is fitted to what the models of the folds said of patients that they did not see.
train_byra() {
  local data=$1 weights work=$build/train fold models=()
  weights=$(imagenet_weights)
  mkdir -p "$work"
  local train=(hepar train --config "$root/models/pretrained/steatosis-byra-live.ini"
    --weights "$weights" --data "$data/labels.csv" --extra-data "$work/scanners/manifest.csv")
  [[ -e $work/scanners/manifest.csv ]] ||
    hepar simulate --out "$work/scanners" --patients-per-grade 250 --frames 1 --seed 100003 \
      --scanners random --scanner-seed 1003 --scanner-breadth 1.3
  for fold in 0 1 2 3 4; do
    [[ -f $work/fold$fold.hepar ]] ||
      "${train[@]}" --resume --folds "$data/folds.csv" --fold "$fold" --name "byra-fold$fold" \
        --out "$work/fold$fold.hepar"
    models+=(--model "$work/fold$fold.hepar")
  done
  hepar evaluate "${models[@]}" --data "$data/labels.csv" --folds "$data/folds.csv" \
    --csv "$work/unseen.csv"
  [[ -f $work/all.hepar ]] ||
    "${train[@]}" --resume --name steatosis-byra-live --out "$work/all.hepar"
  # Scans of other livers and of other organs beside the set, where there are any, set the limits.
  local others=()
  [[ -d $data/../other-livers ]] && others+=(--other-livers "$data/../other-livers")
  [[ -d $data/../other-views ]] && others+=(--other-views "$data/../other-views")
  hepar trust --model "$work/all.hepar" --data "$data/labels.csv" "${others[@]}" \
    --predictions "$work/unseen.csv" --out "$work/steatosis-byra-live.hepar"
}

# Small scans of the simulated scanner in folder $1: $2 patients of each grade, by seed $3.
simulate_small() {
  [[ -e $1/manifest.csv ]] ||
    hepar simulate --out "$1" --patients-per-grade "$2" --frames 1 --width 320 --height 240 --seed "$3"
}

# The scans that both models are attacked on are of other patients than those they learn from.
train_robust() {
  local work=$build/train-robust model
  local config=$root/examples/train-adversarial.ini
  mkdir -p "$work"
  simulate_small "$work/scans" 300 11
  simulate_small "$work/test" 60 99
  [[ -f $work/clean.hepar ]] ||
    hepar train --config "$config" --preset clean --resume --epochs 25 --batch 32 --lr 0.002 \
      --ema 0 --lambda2 1 --data "$work/scans/manifest.csv" --out "$work/clean.hepar"
  [[ -f $work/robust.hepar ]] ||
    hepar train --config "$config" --init "$work/clean.hepar" --freeze-normalization --resume \
      --data "$work/scans/manifest.csv" --out "$work/robust.hepar"
  for model in clean robust; do
    hepar attack --model "$work/$model.hepar" --data "$work/test/manifest.csv" \
      --attacks "noise fgsm pgd:steps=20" --epsilon 1/255,2/255,4/255,8/255 \
      --rows separate
  done
  echo "report: $work/robust.hepar.work/report.html"
}

ablate_simulated() {
  local work=$build/ablate-sim plan
  mkdir -p "$work"
  simulate_small "$work/scans" 120 11
  simulate_small "$work/test" 60 99
  for plan in ablation-simulated ablation-simulated-vit; do
    hepar ablate "examples/$plan.ini" --data "$work/scans/manifest.csv" \
      --test "$work/test/manifest.csv" --out "$work/runs" --jobs "${1:-1}" \
      --markdown "$work/$plan.md" --json "$work/$plan.json"
  done
}

ablate_byra() {
  imagenet_weights > /dev/null
  local work=$build/ablate-byra plan
  mkdir -p "$work"
  for plan in ablation-byra ablation-byra-depth; do
    hepar ablate "examples/$plan.ini" --data "$1/labels.csv" --folds "$1/folds.csv" \
      --out "$work/runs" --jobs "${2:-1}" --markdown "$work/$plan.md" --json "$work/$plan.json"
  done
}
