#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The live pipeline on a video or picture, or on the simulated scanner: demo.sh [FILE] [--out DIR]
# Runs in the environment that `./run demo` makes; GRADE_VIDEO is the program built.
set -euo pipefail
models=$(cd "$(dirname "$0")/.." && pwd)/models/pretrained
out=
file=
while (($#)); do
  case $1 in
    --out) out=${2:?--out needs a folder}; shift ;;
    -*) echo "demo: unknown option $1; usage: demo [FILE] [--out DIR]" >&2; exit 2 ;;
    *) file=$1 ;;
  esac
  shift
done
if [[ -n $file && ! -r $file ]]; then
  echo "demo: $file cannot be read" >&2
  exit 1
fi
if [[ -z $out && -z ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]]; then out=out; fi

model=$models/steatosis-sim-live.hepar
if [[ -n $file ]]; then model=$models/steatosis-byra-live.hepar; fi
arguments=(--model "$model")
if [[ -n $out ]]; then
  mkdir -p "$out"
  arguments+=(--out "$out")
fi
echo "Model $(basename "$model"), source ${file:-simulated scanner, one grade after the other}"
"$GRADE_VIDEO" "${arguments[@]}" ${file:+"$file"}
if [[ -n $out ]]; then
  ls -l "$out/overlay.mkv" "$out/overlay.png"
fi
