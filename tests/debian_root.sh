# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Debian roots to build and test in, for the scripts that source this. Only root can make and enter
# them. DEBIAN_MIRROR names another mirror.
declare -A debian_suites=([12]=bookworm [13]=trixie)

# Prints the suite of release $1 for the command $2, or ends the program.
debian_suite() {
  local suite=${debian_suites[${1:-none}]:-}
  if [[ -z $suite ]]; then
    echo "$2: '$1' is no release that the project supports; give 12 or 13" >&2
    exit 2
  fi
  echo "$suite"
}

# Makes root $2 of suite $1, unless it is there, for the command $3.
make_debian_root() {
  local suite=$1 root=$2 command=$3
  if [[ $(id -u) != 0 ]]; then
    echo "$command: only root can make a Debian and enter it; run it by sudo" >&2
    exit 1
  fi
  if [[ ! -e $root/etc/debian_version ]]; then
    if ! command -v debootstrap > /dev/null; then
      echo "$command: debootstrap is missing; apt-get install debootstrap" >&2
      exit 1
    fi
    echo "Making a Debian $suite in $root"
    mkdir -p "$(dirname "$root")"
    rm -rf "$root.partial"  # Of a run that was interrupted.
    debootstrap --variant=minbase "$suite" "$root.partial" \
      "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" > "$root.log" ||
      { tail -n 20 "$root.log" >&2; exit 1; }
    mv -T "$root.partial" "$root"
  fi
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
}

# Runs a command in root $1 with the system's folders mounted, and with each PATH of the arguments
# before "--" mounted at PLACE where it is given as PATH:PLACE. All mounts are in a namespace of
# their own and end with it.
in_debian_root() {
  # shellcheck disable=SC2016 # The inner shell expands these.
  unshare --mount --propagation private bash -ec '
    root=$1
    shift
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    while [[ $1 != -- ]]; do
      mkdir -p "$root${1#*:}"
      mount --bind "${1%%:*}" "$root${1#*:}"
      shift
    done
    shift
    exec chroot "$root" /usr/bin/env -u LD_LIBRARY_PATH -u GST_PLUGIN_PATH -u GST_REGISTRY \
      -u HEPAR_MODEL_PATH HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/tmp \
      DEBIAN_FRONTEND=noninteractive "$@"
  ' _ "$@"
}
