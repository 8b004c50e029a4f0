#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# `hepar doctor` on installations that are whole and broken: doctor_test.sh HEPAR PLUGIN MODELS
set -uo pipefail
hepar=$1 plugin=$2 models=$3
# shellcheck source=tests/scripts/checks.sh
source "$(dirname "$0")/checks.sh"

# Runs it with VARIABLE=VALUE...; the text goes to $work/text, the exit code to $code.
examine() {
  env GST_REGISTRY="$work/registry" HOME="$work" XDG_DATA_DIRS="$work" "$@" \
    "$hepar" doctor --json "$work/json" > "$work/text" 2>&1
  code=$?
}
# shellcheck disable=SC2317  # By check.
says() { grep -q -- "$1" "$work/text"; }

unset OMP_NUM_THREADS GST_REGISTRY_1_0
examine GST_PLUGIN_PATH="$(dirname "$plugin")" HEPAR_MODEL_PATH="$models"
check "a whole installation: exit code 0" test "$code" -eq 0
check "the plugin is found" says "^good *plugin .*libgsthepar.so, version"
check "LibTorch has a version" says "^good *LibTorch *version [0-9]"
check "there is a device" says "^[a-z]* *devices *cpu"
check "the models are opened" says "^good *models *steatosis-byra-live: "
check "processors are counted" says "^good *threads *[1-9]"
check "the JSON has every finding" test \
  "$(grep -c '"subject"' "$work/json")" -eq "$(grep -cE '^(good|limited|broken) ' "$work/text")"

# The real tool, on a plugin that cannot be loaded.
mkdir "$work/damaged" "$work/nothing"
echo "no library" > "$work/damaged/libgsthepar.so"
examine GST_PLUGIN_PATH="$work/damaged" GST_PLUGIN_SYSTEM_PATH="$work/nothing" \
  GST_REGISTRY="$work/damaged/registry" HEPAR_MODEL_PATH="$work/nothing"
check "a plugin that cannot be loaded: exit code 1" test "$code" -eq 1
check "it is on the blacklist" says "^broken *plugin .*blacklist"
check "the registry is to be removed" says "rm $work/damaged/registry"
check "codecs that are missing are named with their packages" \
  says "apt install gstreamer1.0-plugins-base"
check "no models: what to do" says "HEPAR_MODEL_PATH"

# Stand-ins: a gst-inspect-1.0 that finds nothing, and an ldd that misses a library.
mkdir "$work/tools"
printf '#!/bin/sh\nexit 1\n' > "$work/tools/gst-inspect-1.0"
chmod +x "$work/tools/gst-inspect-1.0"
examine GST_PLUGIN_PATH="$work/damaged" PATH="$work/tools:$PATH"
check "a plugin that is not found: exit code 1" test "$code" -eq 1
check "the line that makes it found" says "export GST_PLUGIN_PATH=$work/damaged"
printf '#!/bin/sh\nprintf "\\tlibtorch.so.9 => not found\\n"\n' > "$work/tools/ldd"
chmod +x "$work/tools/ldd"
examine GST_PLUGIN_PATH="$work/damaged" PATH="$work/tools:$PATH"
check "libraries that are missing are named" says "needs libraries that are not there: libtorch.so.9"

printf '#!/bin/sh\nprintf "  Version    0.0.1\\n  Filename   /x/libgsthepar.so\\n"\n' \
  > "$work/tools/gst-inspect-1.0"
examine PATH="$work/tools:$PATH"
check "another version of the plugin is seen" says "^limited *plugin .*/x/libgsthepar.so has version 0.0.1"

examine PATH="$work/nothing" GST_PLUGIN_PATH="$work/nothing"
check "without GStreamer's tools: the package" says "apt install gstreamer1.0-tools"

mkdir "$work/models"
echo "no bundle" > "$work/models/broken.hepar"
examine PATH="$work/tools:$PATH" HEPAR_MODEL_PATH="$work/models" OMP_NUM_THREADS=4096
check "a damaged model is seen" says "^limited *models .*broken.hepar"
check "too many threads are seen" says "^limited *threads .*OMP_NUM_THREADS=4096"

if ((failed)); then cat "$work/text" >&2; fi
exit "$failed"
