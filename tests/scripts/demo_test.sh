#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The demo on still pictures: demo_test.sh DEMO GRADE_VIDEO, in an environment with the plugin.
set -uo pipefail
demo=$1
export GRADE_VIDEO=$2
# shellcheck source=tests/scripts/checks.sh
source "$(dirname "$0")/checks.sh"

for encoder in "pngenc snapshot=true" jpegenc; do
  # No extension: what a file is, its content says.
  # shellcheck disable=SC2086  # An element and its properties.
  gst-launch-1.0 -q heparsimsrc num-buffers=1 severity=severe ! videoconvert ! $encoder \
    ! filesink location="$work/picture" || exit 1
  rm -rf "$work/out"
  if ! "$demo" "$work/picture" --out "$work/out" > "$work/text" 2>&1; then
    echo "failed: $encoder: the demo ends with an error" >&2
    failed=1
  fi
  # 2 seconds of 25 frames, each with a grade or a reason why there is none.
  frames=$(sed -n 's/^Frames: //p' "$work/text" | grep -o '[0-9]\+$')
  if [[ ${frames:-0} -ne 50 ]] || grep -q "not graded" "$work/text"; then
    echo "failed: $encoder: 50 frames of one result expected" >&2
    failed=1
  fi
  for file in overlay.png overlay.mkv; do
    if [[ ! -s $work/out/$file ]]; then
      echo "failed: $encoder: no $file" >&2
      failed=1
    fi
  done
  if ((failed)); then cat "$work/text" >&2; fi
done
exit "$failed"
