#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What `./run` does before and after it builds: run_test.sh RUN
set -uo pipefail
run=$1
# shellcheck source=tests/scripts/checks.sh
source "$(dirname "$0")/checks.sh"

# Stand-ins for what builds, so that neither packages nor the real build are touched.
mkdir "$work/bin" "$work/build"
touch "$work/build/build.ninja"
printf '#!/bin/sh\necho "install ok installed"\n' > "$work/bin/dpkg-query"
printf '#!/bin/sh\necho "a line of the build"\n' > "$work/bin/ninja"
printf '#!/bin/sh\necho "a line of meson"\n' > "$work/bin/meson"
chmod +x "$work"/bin/*
export PATH=$work/bin:$PATH HEPAR_BUILD_DIR=$work/build MESON_ARGS=-Dtests=disabled

"$run" exec echo "the command" > "$work/out" 2> "$work/err"
check "exec runs the command" test $? -eq 0
check "standard output is the command's" test "$(cat "$work/out")" = "the command"
check "the build is heard on standard error" grep -q "a line of the build" "$work/err"

"$run" exec sh -c 'exit 7' > /dev/null 2>&1
check "exec ends as the command does" test $? -eq 7

"$run" exec > "$work/out" 2> "$work/err"
check "exec without a command is wrong use" test $? -eq 2
check "it says how to use it" grep -q "^Usage: ./run exec CMD" "$work/err"
check "it builds nothing" test "$(wc -l < "$work/err")" -eq 1
check "it prints nothing else" test ! -s "$work/out"

# As a user who is not root.
printf '#!/bin/sh\necho 1000\n' > "$work/bin/id"
chmod +x "$work/bin/id"
"$run" test --debian 13 > "$work/out" 2> "$work/err"
check "another Debian needs root" test $? -eq 1
check "it says so" grep -q "only root.*sudo" "$work/err"
check "nothing was made" test ! -e "$work/build/debian-13"
"$run" test --debian 11 2> "$work/err"
check "an unknown release is wrong use" test $? -eq 2
check "it lists the releases" grep -q "'11'.*give 12 or 13" "$work/err"
"$run" test --debian 2> "$work/err"
check "no release is wrong use" test $? -eq 2

"$run" package --debian 12 > "$work/out" 2> "$work/err"
check "packages need root" grep -q "^package --debian: only root.*sudo" "$work/err"
check "no package folder was made" test ! -e "$work/build/package-12"
"$run" package 12 > /dev/null 2> "$work/err"
check "packages of no release are wrong use" test $? -eq 2
check "it says how to use it" grep -q "^Usage: ./run package --debian 12|13" "$work/err"

"$run" check-libtorch > /dev/null 2> "$work/err"
check "no LibTorch to check against is wrong use" test $? -eq 2
check "it says how to use it" grep -q "^Usage: ./run check-libtorch" "$work/err"
mkdir -p "$work/prefix/include/torch/csrc/api/include/torch"
printf '#define TORCH_VERSION_%s %s\n' MAJOR 9 MINOR 8 PATCH 7 \
  > "$work/prefix/include/torch/csrc/api/include/torch/version.h"
echo '[]' > "$work/build/compile_commands.json"
"$run" check-libtorch "$work/prefix" > "$work/out" 2> "$work/err"
check "headers that do not compile are a failure" test $? -eq 1
check "its row names release, language and log" \
  grep -q "| 9.8.7 | c++17 | the precompiled header fails: $work/build/.*torch_pch.txt |" "$work/out"
exit "$failed"
