#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Checks that the sources of models/ and training/ that include LibTorch compile with the headers of
# other releases, without building or installing anything:
#   tests/libtorch_versions.sh BUILD [--cuda ROOT] [--jobs N] [--only PATTERN] WHAT...
# BUILD is a configured build folder, whose commands are taken. WHAT is
#   PREFIX   the folder of a LibTorch: PREFIX/include, as of an unpacked archive or a PyTorch wheel;
#   FILE.deb a package libtorch-dev, which is unpacked into BUILD;
#   SUITE    a Debian suite such as trixie or sid, whose libtorch-dev is downloaded and unpacked.
# --cuda ROOT adds what only a CUDA build compiles; ROOT/include has the toolkit's headers.
# --only PATTERN, an extended regular expression, takes the files whose path matches.
# Prints a table; the log of each file that fails is in BUILD/libtorch-versions.
set -euo pipefail

build=$(realpath "$1")
shift
source=$(realpath "$(dirname "$0")/..")
work=$build/libtorch-versions
cuda=
jobs=1
only=.

# Prints the package file of libtorch-dev in Debian suite $1. Apt keeps its lists in a folder of its
# own, so that the machine's package sources stay as they are.
download() {
  local state=$work/apt-$1
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "http://deb.debian.org/debian $1 main" > "$state/sources.list"
  local options=(-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$state/lists" -o Dir::Cache="$state" -o Acquire::Languages=none
    -o APT::Sandbox::User= -qq)
  apt-get "${options[@]}" update >&2
  (cd "$state" && apt-get "${options[@]}" download libtorch-dev >&2)
  find "$state" -maxdepth 1 -name 'libtorch-dev_*.deb' -printf '%T@ %p\n' | sort -rn |
    head -n 1 | cut -d' ' -f2
}

# Prints the folder that holds torch/, ATen/ and c10/ of $1 alone: other headers of a Debian root
# would hide those of this machine.
headers_of() {
  local from=$1 own
  own=$work/headers-$(basename "$1" .deb)
  if [[ $1 != *.deb && ! -d $1/include/torch ]]; then from=$(download "$1"); fi
  rm -rf "$own"
  mkdir -p "$own"
  if [[ $from == *.deb ]]; then
    dpkg-deb -x "$from" "$own/package"
    from=$own/package/usr
  fi
  local folder
  for folder in torch ATen c10 caffe2 torchgen; do
    if [[ -d $from/include/$folder ]]; then ln -s "$(realpath "$from/include/$folder")" "$own/"; fi
  done
  echo "$own"
}

version_of() {
  local file=$1/torch/headeronly/version.h
  [[ -f $file ]] || file=$1/torch/version.h
  [[ -f $file ]] || file=$1/torch/csrc/api/include/torch/version.h
  sed -n 's/^#define TORCH_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' "$file" | paste -sd.
}

# The files to check, one a line: those that the build compiles with LibTorch's precompiled header.
sources() {
  python3 - "$build/compile_commands.json" "$source" << 'PYTHON'
import json, os, sys
for entry in json.load(open(sys.argv[1])):
    path = os.path.relpath(os.path.join(entry['directory'], entry['file']), sys.argv[2])
    if 'torch_pch.h' in entry['command'] and path.split('/')[0] in ('models', 'training'):
        print(path)
PYTHON
}

# check_version WHAT: a row of the table; false where a file failed.
check_version() {
  local headers version standard=c++17 log
  headers=$(headers_of "$1")
  version=$(version_of "$headers")
  # Its headers refuse an older language.
  if grep -qs 'C++20 or later' "$headers/torch/csrc/api/include/torch/all.h"; then standard=c++20; fi
  log=$work/log-$version
  rm -rf "$log"
  mkdir -p "$log"
  local flags=(-std="$standard" -DNDEBUG -fPIC -pthread -fvisibility=hidden -w -I"$source"
    -isystem "$headers/torch/csrc/api/include" -isystem "$headers" -isystem /usr/include/opencv4)
  local files
  mapfile -t files < <(sources)
  if [[ -n $cuda ]]; then
    # A package without CUDA lacks this one, which LibTorch's build makes.
    mkdir -p "$work/made/c10/cuda/impl"
    echo '#define C10_CUDA_BUILD_SHARED_LIBS' > "$work/made/c10/cuda/impl/cuda_cmake_macros.h"
    flags+=(-isystem "$cuda/include" -isystem "$work/made")
    files+=(models/engine/captured_pass_cuda.cpp)
    if [[ -f $cuda/include/nccl.h ]]; then flags+=(-DUSE_C10D_NCCL); fi
  fi
  mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -E "$only")
  # One precompiled header for all files: LibTorch's headers take longer than most of them.
  if ! g++ "${flags[@]}" -x c++-header "$source/models/pch/torch_pch.h" -o "$log/torch_pch.h.gch" \
    2> "$log/torch_pch.txt"; then
    echo "| $version | $standard | the precompiled header fails: $log/torch_pch.txt |"
    return 1
  fi
  export log flags_text="${flags[*]}" source
  # shellcheck disable=SC2016 # The inner shell expands.
  printf '%s\n' "${files[@]}" | xargs -P "$jobs" -I FILE bash -c '
    out=$log/$(tr / _ <<< "$1").txt
    # shellcheck disable=SC2086
    if g++ $flags_text -I"$log" -include torch_pch.h -fsyntax-only "$source/$1" 2> "$out"; then
      rm "$out"
    fi' _ FILE
  rm "$log/torch_pch.h.gch" "$log/torch_pch.txt"
  local failed
  failed=$(find "$log" -name '*.txt' | wc -l)
  echo "| $version | $standard | $((${#files[@]} - failed)) of ${#files[@]} |"
  if ((failed)); then
    grep -m 1 -h 'error:' "$log"/*.txt >&2 || true
    return 1
  fi
}

status=0
targets=()
while (($#)); do
  case $1 in
    --cuda)
      cuda=$2
      shift
      ;;
    --only)
      only=$2
      shift
      ;;
    --jobs)
      jobs=$2
      shift
      ;;
    *) targets+=("$1") ;;
  esac
  shift
done
if ((!${#targets[@]})); then
  echo "Usage: ./run check-libtorch [--cuda ROOT] [--jobs N] [--only PATTERN] PREFIX|FILE.deb|SUITE..." >&2
  exit 2
fi
mkdir -p "$work"
echo "| LibTorch | language | files that compile |"
echo "|---|---|---|"
for target in "${targets[@]}"; do check_version "$target" || status=1; done
exit "$status"
