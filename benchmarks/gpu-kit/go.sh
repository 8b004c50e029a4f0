#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the models against a LibTorch, runs the checks on its device and packs the report:
#   ./go.sh [PREFIX]
# PREFIX is the folder of a LibTorch; without it, that of the PyTorch that python3 imports.
# CUDA_HOME names the toolkit where it is elsewhere than in /usr/local/cuda and PyTorch's packages.
# DEVICE (auto) and MODEL choose what is checked. Whatever happens, report.tar.gz has what was made.
set -euo pipefail
cd "$(dirname "$0")"
kit=$PWD
started=$SECONDS
export kit
mkdir -p report
: > report/log.txt

say() { echo "[$((SECONDS - started)) s] $*" | tee -a report/log.txt; }
finish() {
  local status=$?
  say "ends with status $status"
  tar -czf report.tar.gz report
  echo "The report is $kit/report.tar.gz"
}
trap finish EXIT
fail() {
  say "$*"
  exit 1
}

prefix=${1:-}
site=
if [[ -z $prefix ]]; then
  command -v python3 > /dev/null || fail "python3 is missing; give the folder of a LibTorch"
  prefix=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))') ||
    fail "python3 has no torch; give the folder of a LibTorch"
  abi=$(python3 -c 'import torch; print(int(torch._C._GLIBCXX_USE_CXX11_ABI))')
  if [[ $abi != 1 ]]; then
    fail "this PyTorch was built with the old C++ ABI; take a wheel of 2.6 or later"
  fi
  site=$(dirname "$prefix")
fi
[[ -d $prefix/include/torch ]] || fail "$prefix has no include/torch"

# has_file FOLDERS... NAME: the first of the folders that has it.
folder_of() {
  local name=${*: -1} folder
  for folder in "${@:1:$#-1}"; do
    # shellcheck disable=SC2086 # The name may be a pattern.
    if compgen -G "$folder/$name" > /dev/null; then
      echo "$folder"
      return 0
    fi
  done
  return 1
}

flags=(-std=c++17 -w -Wno-psabi -pthread -DNDEBUG -I"$kit/source" -I"$kit/source/models/pch"
  -isystem "$kit/deps/include"
  -isystem "$prefix/include/torch/csrc/api/include" -isystem "$prefix/include")
if grep -qs 'C++20 or later' "$prefix/include/torch/csrc/api/include/torch/all.h"; then
  flags+=(-std=c++20)
fi
links=(-L"$prefix/lib" "-Wl,-rpath,$prefix/lib" -ltorch -ltorch_cpu -lc10)
pass=captured_pass_none.cpp
if compgen -G "$prefix/lib/libtorch_cuda.so" > /dev/null; then
  homes=("${CUDA_HOME:-/usr/local/cuda}" /usr/local/cuda "$site"/nvidia/cu1* "$site/nvidia/cuda_runtime")
  include=$(folder_of "${homes[@]/%//include}" cuda_runtime_api.h) ||
    fail "cuda_runtime_api.h is missing; set CUDA_HOME"
  runtime=$(folder_of "${homes[@]/%//lib64}" "${homes[@]/%//lib}" 'libcudart.so*') ||
    fail "libcudart is missing; set CUDA_HOME"
  library=$(basename "$(compgen -G "$runtime/libcudart.so*" | head -n 1)")
  flags+=(-isystem "$include")
  links+=("-Wl,--no-as-needed" -ltorch_cuda -lc10_cuda "-Wl,--as-needed" -L"$runtime" "-l:$library"
    "-Wl,-rpath,$runtime")
  pass=captured_pass_cuda.cpp
  say "CUDA: headers in $include, runtime in $runtime"
else
  say "$prefix has no CUDA: the checks run on the CPU"
fi

tar -xzf deps.tar.gz
say "builds against $prefix with $(nproc) cores"
export flags_text="${flags[*]@Q}"
# Objects of other flags stay apart, and a second run goes on where the first ended.
objects=$kit/objects-$(cksum <<< "$flags_text" | cut -d" " -f1)
mkdir -p "$objects"
export objects
# The precompiled header saves half the time. Objects must have its flags.
common=(-O2 -fPIC -D_FILE_OFFSET_BITS=64 -fvisibility=hidden)
g++ "${flags[@]}" "${common[@]}" -x c++-header source/models/pch/torch_pch.h \
  -o "$objects/torch_pch.h.gch" > report/build.txt 2>&1 || fail "LibTorch's headers do not compile"

# Compiles a line of objects.txt, unless an earlier run did.
compile() {
  local line=$1 object path kind own
  object=$objects/$(cksum <<< "$line" | tr ' ' -).o
  if [[ -f $object ]]; then return 0; fi
  IFS=$'\t' read -r path kind own <<< "$line"
  local header=()
  if [[ $kind == torch ]]; then header=(-I"$objects" -include torch_pch.h); fi
  eval "local words=($flags_text $own)"
  # shellcheck disable=SC2154 # eval sets it.
  g++ "${words[@]}" "${header[@]}" -c "source/$path" -o "$object.part"
  mv "$object.part" "$object"
}
export -f compile
# shellcheck disable=SC2016 # The inner shell expands.
{
  cat objects.txt
  printf 'models/engine/%s\ttorch\t%s\n' "$pass" "${common[*]}"
} | tr '\n' '\0' |
  xargs -0 -P "$(nproc)" -I LINE bash -ec 'compile "$1"' _ LINE >> report/build.txt 2>&1 ||
  fail "a source does not compile; see report/build.txt"
g++ -pthread -o gpu_check "$objects"/*.o -L"$kit/deps/lib" -Wl,-rpath,"$kit/deps/lib" \
  -Wl,-rpath-link,"$kit/deps/lib" -Wl,--allow-shlib-undefined -lopencv_imgproc -lopencv_core -lzip -lnettle -lcrypto "${links[@]}" \
  >> report/build.txt 2>&1 || fail "the program does not link; see report/build.txt"
say "built"

card=none
if command -v nvidia-smi > /dev/null; then
  card=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | head -n 1)
fi
say "card: $card"
status=0
HEPAR_LOG=info OMP_NUM_THREADS=1 timeout 400 ./gpu_check \
  --model "${MODEL:-source/models/pretrained/steatosis-sim-live.hepar}" --device "${DEVICE:-auto}" \
  --card "$card" --json report/gpu-check.json --report report/gpu-check.md 2>&1 |
  tee report/gpu-check.txt || status=$?
if ((status == 124)); then fail "stopped after 400 seconds; report/gpu-check.txt has what was done"; fi
if ((status)); then fail "a check failed; see report/gpu-check.txt"; fi
say "all checks passed"
