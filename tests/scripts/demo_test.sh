#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The demo on still pictures: demo_test.sh DEMO GRADE_VIDEO, in an environment with the plugin.
set -uo pipefail
demo=$1
export GRADE_VIDEO=$2
# shellcheck source=tests/scripts/checks.sh
source "$(dirname "$0")/checks.sh"

# grade NAME: the demo on $work/picture writes 2 seconds of 25 frames, each with a grade or a reason
# why there is none.
grade() {
  rm -rf "$work/out"
  if ! "$demo" "$work/picture" --out "$work/out" > "$work/text" 2>&1; then
    echo "failed: $1: the demo ends with an error" >&2
    failed=1
  fi
  frames=$(sed -n 's/^Frames: //p' "$work/text" | grep -o '[0-9]\+$')
  if [[ ${frames:-0} -ne 50 ]] || grep -q "not graded" "$work/text"; then
    echo "failed: $1: 50 frames of one result expected" >&2
    failed=1
  fi
  for file in overlay.png overlay.mkv; do
    if [[ ! -s $work/out/$file ]]; then
      echo "failed: $1: no $file" >&2
      failed=1
    fi
  done
  if ((failed)); then cat "$work/text" >&2; fi
}

# dicom FRAMES LENGTH: a DICOM file of so many 640x480 pictures, whose bytes are the standard input;
# LENGTH is their number as four escaped bytes.
dicom() {
  head -c 128 /dev/zero
  printf 'DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00'
  printf '\x18\x00\x63\x10DS\x02\x0040\x28\x00\x02\x00US\x02\x00\x01\x00'
  printf '\x28\x00\x04\x00CS\x0c\x00MONOCHROME2 \x28\x00\x08\x00IS\x02\x00%2d' "$1"
  printf '\x28\x00\x10\x00US\x02\x00\xe0\x01\x28\x00\x11\x00US\x02\x00\x80\x02'
  printf '\x28\x00\x00\x01US\x02\x00\x08\x00\x28\x00\x01\x01US\x02\x00\x08\x00'
  printf '\x28\x00\x02\x01US\x02\x00\x07\x00\x28\x00\x03\x01US\x02\x00\x00\x00'
  # shellcheck disable=SC2059  # The escapes are those of the length.
  printf "\xe0\x7f\x10\x00OB\x00\x00$2"
  cat
}

for encoder in "pngenc snapshot=true" jpegenc; do
  # No extension: what a file is, its content says.
  # shellcheck disable=SC2086  # An element and its properties.
  gst-launch-1.0 -q heparsimsrc num-buffers=1 severity=severe ! videoconvert ! $encoder \
    ! filesink location="$work/picture" || exit 1
  grade "$encoder"
done

# DICOM, where the plugin was built for it.
if gst-inspect-1.0 hepardicomdec > /dev/null 2>&1; then
  for frames in 50 1; do
    gst-launch-1.0 -q heparsimsrc num-buffers=$frames severity=severe ! filesink location="$work/raw" ||
      exit 1
    length='\x00\x60\xea\x00'
    if ((frames == 1)); then length='\x00\xb0\x04\x00'; fi
    dicom "$frames" "$length" < "$work/raw" > "$work/picture"
    grade "DICOM of $frames"
  done
fi
exit "$failed"
