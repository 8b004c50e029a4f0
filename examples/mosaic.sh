#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Several feeds, graded by one engine and shown side by side: mosaic.sh [--out FILE.png] [URI...]
#
# Without URIs, four simulated patients, one of each grade. With --out, the picture after five
# seconds goes to a file, else all of it to a window. MODEL chooses the model.
set -euo pipefail
readonly width=480 height=360 frames=125
out=
if [[ ${1:-} == --out ]]; then
  out=${2:?--out needs a file}
  shift 2
fi

sources=()
if (($#)); then
  model=${MODEL:-steatosis-byra-live}
  for uri in "$@"; do sources+=("uridecodebin uri=$uri"); done
else
  model=${MODEL:-steatosis-sim-live}
  seed=0
  for severity in normal mild moderate severe; do
    sources+=("heparsimsrc is-live=true severity=$severity seed=$((++seed))")
  done
fi

# The smallest square grid that holds them.
columns=1
while ((columns * columns < ${#sources[@]})); do ((++columns)); done

pipeline="compositor name=mosaic background=black"
for i in "${!sources[@]}"; do
  row=$((i / columns))
  pipeline+=" sink_$i::xpos=$((i % columns * width)) sink_$i::ypos=$((row * height))"
  # A feed that has ended keeps its last picture until all have.
  pipeline+=" sink_$i::repeat-after-eos=true"
done
if [[ -n $out ]]; then
  # Each picture replaces the one before. The rate is fixed, or videorate would slow the mosaic down.
  pipeline+=" ! video/x-raw,framerate=25/1 ! identity eos-after=$frames ! videoconvert ! videorate drop-only=true max-rate=1"
  pipeline+=" ! pngenc ! multifilesink location=$out"
else
  pipeline+=" ! videoconvert ! autovideosink"
fi
# batch shares the worker threads among the streams; stream-id tells their messages apart.
for i in "${!sources[@]}"; do
  pipeline+=" ${sources[i]} ! videoconvert ! videoscale ! videorate"
  # I420, since the panel of a gray feed would be gray.
  pipeline+=" ! video/x-raw,format=I420,width=$width,height=$height,framerate=25/1"
  pipeline+=" ! heparbin model=$model batch=${#sources[@]} threads=1 stream-id=feed-$i"
  pipeline+=" ! queue ! mosaic.sink_$i"
done
# shellcheck disable=SC2086  # The words of the pipeline; no location in it may hold a space.
exec gst-launch-1.0 -q -e $pipeline
