#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The examples on simulated scans: examples_test.sh EXAMPLES SEVERITY, in an environment with the
# plugin, the models and, where it is built, `hepar`. What is missing here is said.
set -uo pipefail
examples=$(realpath "$1")
severity=$(realpath "$2")
# shellcheck source=tests/scripts/checks.sh
source "$(dirname "$0")/../scripts/checks.sh"
cd "$work" || exit 1
export MPLCONFIGDIR=$work

have_python() {  # have_python NAMESPACE...: whether PyGObject has these.
  local script="import gi, sys; [gi.require_version(n, '1.0') for n in sys.argv[1:]]"
  /usr/bin/python3 -c "$script" "$@" 2> /dev/null
}

frames_of() {  # frames_of FILE: how many frames of a video decode.
  gst-launch-1.0 -q filesrc location="$1" ! decodebin ! videoconvert ! pngenc compression-level=0 \
    ! multifilesink location="frame-%d.png" > /dev/null
  find . -name 'frame-*.png' | wc -l
}

gst-launch-1.0 -q heparsimsrc num-buffers=20 severity=severe ! video/x-raw,framerate=10/1 \
  ! videoconvert ! jpegenc ! qtmux ! filesink location="$work/scan.mp4" || exit 1

# C.
"$severity" steatosis-sim-live filesrc location=scan.mp4 ! decodebin > out 2> err
check "severity: ends well" test $? -eq 0
check "severity: changes" grep -qE '^0\.0 s: [a-z]+, [a-z-]+, [0-9]+ %$' out
check "severity: summary" test "$(grep -cE '^  (normal|mild|moderate|severe) [0-9.]+ %$' out)" -eq 4
# GStreamer 1.26 takes the full range of JPEG in MP4 for video range, and heparclassify says so.
check "severity: silent" test -z "$(grep -v 'caps say that black is 16' err)"
"$severity" no-such-model filesrc location=scan.mp4 ! decodebin > out 2> err
check "severity: a wrong model" test $? -eq 1
check "severity: names it" grep -q "^error: .*no-such-model" err
"$severity" steatosis-sim-live nosuchelement > out 2> err
check "severity: a wrong element" test $? -eq 1
check "severity: names it" grep -q "nosuchelement" err
"$severity" 2> err
check "severity: wrong use" test $? -eq 2

# Python.
if have_python Gst; then
  "$examples/severity.py" --model steatosis-sim-live scan.mp4 > out.csv 2> err
  check "severity.py: ends well" test $? -eq 0
  check "severity.py: header" test "$(head -n 1 out.csv)" = \
    "seconds,label,state,trust,p_normal,p_mild,p_moderate,p_severe"
  check "severity.py: a row a frame" test "$(wc -l < out.csv)" -eq 21
  check "severity.py: times" test "$(sed -n '$p' out.csv | cut -d, -f1)" = 1.900
  # shellcheck disable=SC2016  # A program of awk.
  check "severity.py: probabilities" awk -F, 'NR > 1 && ($5 + $6 + $7 + $8 < 0.999 ||
    $5 + $6 + $7 + $8 > 1.001) { exit 1 }' out.csv
  check "severity.py: summary" grep -q "^at the end: " err
  "$examples/severity.py" --model steatosis-sim-live --interval 5 scan.mp4 > out.csv 2> err
  check "severity.py: every fifth frame" test "$(wc -l < out.csv)" -eq 5
  "$examples/severity.py" --model no-such-model scan.mp4 > out.csv 2> err
  check "severity.py: a wrong model" test $? -eq 1
  check "severity.py: names it" grep -q "^error: .*no-such-model" err
  "$examples/severity.py" 2> err
  check "severity.py: wrong use" test $? -eq 2
else
  echo "not tested: severity.py; there is no PyGObject here (python3-gi)"
fi

# Recording.
if gst-inspect-1.0 --exists x264enc || gst-inspect-1.0 --exists openh264enc; then
  "$examples/record.sh" graded.mp4 steatosis-sim-live heparsimsrc num-buffers=10 > out 2>&1
  check "record.sh: ends well" test $? -eq 0
  check "record.sh: all frames" test "$(frames_of graded.mp4)" -eq 10
else
  echo "not tested: record.sh; there is no encoder of H.264 here"
fi
"$examples/record.sh" 2> err
check "record.sh: wrong use" test $? -eq 2

# Mosaic: four feeds in a square of 960x720, and none of them black.
"$examples/mosaic.sh" --out mosaic.png > out 2>&1
check "mosaic.sh: ends well" test $? -eq 0
for left in 0 480; do
  for top in 0 360; do
    crop="left=$left right=$((480 - left)) top=$top bottom=$((360 - top))"
    # shellcheck disable=SC2086  # The properties of an element.
    gst-launch-1.0 -q filesrc location=mosaic.png ! pngdec ! videocrop $crop ! videoconvert \
      ! video/x-raw,format=GRAY8,width=480,height=360 ! filesink location=quarter
    check "mosaic.sh: feed at $left,$top" test "$(tr -d '\000-\077' < quarter | wc -c)" -gt 20000
  done
done

# A camera, graded and served again.
if have_python Gst GstRtspServer && gst-inspect-1.0 --exists rtspsrc; then
  "$examples/rtsp.py" --no-grading --port 0 --path scan > camera 2> err &
  servers=$!
  trap 'kill $servers 2> /dev/null; rm -rf "$work"' EXIT
  for _ in {1..100}; do test -s camera && break; sleep 0.1; done
  camera=$(grep -o 'rtsp://[^;]*' camera)
  "$examples/rtsp.py" "$camera" --model steatosis-sim-live --port 0 > graded 2>> err &
  servers+=" $!"
  for _ in {1..100}; do test -s graded && break; sleep 0.1; done
  for stream in camera graded; do
    timeout 60 gst-launch-1.0 -q rtspsrc protocols=tcp \
      location="$(grep -o 'rtsp://[^;]*' "$stream")" ! rtpjpegdepay ! jpegdec ! videoconvert \
      ! video/x-raw,format=GRAY8 ! identity eos-after=10 ! multifilesink location="$stream.raw"
    check "rtsp.py: $stream is served" test -s "$stream.raw"
  done
  # The panel covers the upper left corner of the graded picture with a dark rectangle.
  check "rtsp.py: the overlay is drawn" test "$(cmp -l camera.raw graded.raw | wc -l)" -gt 5000
  # shellcheck disable=SC2086  # Two processes.
  kill $servers
  # shellcheck disable=SC2086
  wait $servers
  check "rtsp.py: ends on SIGTERM" test $? -eq 0
  check "rtsp.py: silent" test ! -s err
else
  echo "not tested: rtsp.py; there is no RTSP server for Python here (gir1.2-gst-rtsp-server-1.0)"
fi

# Batches and plots.
if command -v hepar > /dev/null; then
  hepar simulate --out scans --patients-per-grade 2 --frames 1 --width 320 --height 240 > /dev/null
  rm scans/manifest.csv
  mkdir "batch"
  cp scans/*/*/*.png batch
  mv "$(find batch -name '*.png' | head -n 1)" "batch/a, b.png"
  "$examples/batch.sh" batch grades.csv steatosis-sim-live > out 2> err
  check "batch.sh: ends well" test $? -eq 0
  check "batch.sh: a row a file" test "$(wc -l < grades.csv)" -eq 9
  check "batch.sh: counts" test "$(awk '{ n += $1 } END { print n }' out)" -eq 8
  check "batch.sh: names" test -z "$(grep -vE '^ +[0-9]+  (graded|uncertain|unfamiliar)' out)"
  echo "no picture" > batch/broken.png
  "$examples/batch.sh" batch grades.csv steatosis-sim-live > out 2> err
  check "batch.sh: a broken file" test $? -eq 3
  check "batch.sh: is counted" grep -q "^ *1  error$" out

  if /usr/bin/python3 -c "import matplotlib" 2> /dev/null; then
    hepar evaluate --model steatosis-sim-live --data scans --bootstrap 20 --json evaluation.json \
      > /dev/null
    "$examples/plot_results.py" plots.png --evaluation evaluation.json --grades grades.csv 2> err
    check "plot_results.py: ends well" test $? -eq 0
    check "plot_results.py: a picture" test "$(head -c 4 plots.png | tail -c 3)" = PNG
    check "plot_results.py: silent" test ! -s err
  else
    echo "not tested: plot_results.py; there is no Matplotlib here (python3-matplotlib)"
  fi
else
  echo "not tested: batch.sh and plot_results.py; hepar is not built"
fi
if ((failed)); then cat out err >&2; fi
exit "$failed"
