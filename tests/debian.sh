#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# All tests in a Debian of another release than this machine's:
#
#   debian.sh BUILD RELEASE [--root DIR] [NAME...]
#
# The first time it makes that Debian with debootstrap, in DIR or BUILD/debian-RELEASE/root; there,
# `./run test NAME...` installs the packages, builds in BUILD/debian-RELEASE/build and runs. All
# mounts are in a namespace of their own and end with it. DEBIAN_MIRROR names another mirror.
set -euo pipefail
readonly build=$1 release=${2:-}
shift $(($# < 2 ? $# : 2))
source=$(cd "$(dirname "$0")/.." && pwd)
readonly source

declare -A suites=([12]=bookworm [13]=trixie)
suite=${suites[${release:-none}]:-}
if [[ -z $suite ]]; then
  echo "test --debian: '$release' is no release that the project supports; give 12 or 13" >&2
  exit 2
fi
place=$build/debian-$release
root=$place/root
if [[ ${1:-} == --root ]]; then
  root=${2:?--root needs a folder}
  shift 2
fi
if [[ $(id -u) != 0 ]]; then
  echo "test --debian: only root can make a Debian $release and enter it; run it by sudo" >&2
  exit 1
fi
if ! command -v debootstrap > /dev/null && [[ ! -e $root/etc/debian_version ]]; then
  echo "test --debian: debootstrap is missing; apt-get install debootstrap" >&2
  exit 1
fi

if [[ ! -e $root/etc/debian_version ]]; then
  echo "Making Debian $release in $root"
  mkdir -p "$(dirname "$root")"
  rm -rf "$root.partial"  # Of a run that was interrupted.
  debootstrap --variant=minbase "$suite" "$root.partial" \
    "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" > "$root.log" ||
    { tail -n 20 "$root.log" >&2; exit 1; }
  mv -T "$root.partial" "$root"
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/source" "$root/build" "$root/data" "$root/weights" "$place/build"

# Real scans and weights are seen where they are given; the chroot knows other paths for them.
data=$(realpath -q "${HEPAR_DATA_DIR:-}") || data=
weights=$(realpath -q "${HEPAR_WEIGHTS_DIR:-}") || weights=
export HEPAR_DATA_DIR=${data:+/data} HEPAR_WEIGHTS_DIR=${weights:+/weights}

# shellcheck disable=SC2016 # The inner shell expands these.
exec unshare --mount --propagation private bash -ec '
  root=$1 source=$2 build=$3 data=$4 weights=$5
  shift 5
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
  mount --bind "$source" "$root/source"
  mount --bind "$build" "$root/build"
  if [[ -n $data ]]; then mount --bind "$data" "$root/data"; fi
  if [[ -n $weights ]]; then mount --bind "$weights" "$root/weights"; fi
  exec chroot "$root" /usr/bin/env -u LD_LIBRARY_PATH -u GST_PLUGIN_PATH HOME=/root \
    LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/tmp HEPAR_BUILD_DIR=/build \
    /source/run test "$@"
' _ "$root" "$source" "$place/build" "$data" "$weights" "$@"
