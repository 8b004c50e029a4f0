#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# All tests in a Debian of another release than this machine's:
#
#   debian.sh BUILD RELEASE [--root DIR] [NAME...]
#
# The first time it makes that Debian with debootstrap, in DIR or BUILD/debian-RELEASE/root; there,
# `./run test NAME...` installs the packages, builds in BUILD/debian-RELEASE/build and runs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
readonly here
# shellcheck source=tests/debian_root.sh
source "$here/debian_root.sh"
readonly build=$1 release=${2:-}
shift $(($# < 2 ? $# : 2))

suite=$(debian_suite "$release" "test --debian")
place=$build/debian-$release
root=$place/root
if [[ ${1:-} == --root ]]; then
  root=${2:?--root needs a folder}
  shift 2
fi
make_debian_root "$suite" "$root" "test --debian"
mkdir -p "$place/build"

# Real scans and weights are seen where they are given; the chroot knows other paths for them.
data=$(realpath -q "${HEPAR_DATA_DIR:-}") || data=
weights=$(realpath -q "${HEPAR_WEIGHTS_DIR:-}") || weights=
mounts=("$(dirname "$here"):/source" "$place/build:/build")
if [[ -n $data ]]; then mounts+=("$data:/data"); fi
if [[ -n $weights ]]; then mounts+=("$weights:/weights"); fi
export HEPAR_DATA_DIR=${data:+/data} HEPAR_WEIGHTS_DIR=${weights:+/weights} HEPAR_BUILD_DIR=/build
in_debian_root "$root" "${mounts[@]}" -- /source/run test "$@"
