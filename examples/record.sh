#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Records a feed with the overlay drawn into it: record.sh OUT.mp4 [MODEL [SOURCE...]]
#
#   record.sh graded.mp4                                                the simulated scanner, 10 s
#   record.sh graded.mp4 steatosis-byra-live v4l2src                    until Ctrl+C
#   record.sh graded.mp4 steatosis-byra-live filesrc location=scan.mp4 ! decodebin
set -euo pipefail
if (($# < 1)); then
  echo "Usage: record.sh OUT.mp4 [MODEL [SOURCE...]]" >&2
  exit 2
fi
out=$1
model=${2:-steatosis-sim-live}
source=("${@:3}")
if ((!${#source[@]})); then
  source=(heparsimsrc is-live=true num-buffers=250 ! "video/x-raw,framerate=25/1")
fi

# The encoder of H.264 that is installed.
encoder=
for element in x264enc openh264enc; do
  if gst-inspect-1.0 --exists "$element"; then
    encoder=$element
    break
  fi
done
if [[ -z $encoder ]]; then
  echo "record: no encoder of H.264: install gstreamer1.0-plugins-ugly or -bad" >&2
  exit 1
fi

# I420: a gray or RGB feed would become High 4:4:4, which few players decode. -e ends the file
# properly on Ctrl+C.
exec gst-launch-1.0 -e "${source[@]}" ! videoconvert ! heparbin model="$model" \
  ! videoconvert ! video/x-raw,format=I420 ! "$encoder" ! h264parse ! mp4mux \
  ! filesink location="$out"
