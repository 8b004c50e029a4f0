#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the Debian packages in a clean Debian, and tries them in another:
#
#   debian_package.sh BUILD RELEASE [--keep]
#
# 1. A fresh Debian of that release, in BUILD/package-RELEASE, installs what debian/control asks for
#    and runs dpkg-buildpackage and lintian on what git has of the sources. With --keep it goes on in
#    the folder of the last run.
# 2. Another fresh Debian installs the packages, finds the plugin, opens a manual page and runs a
#    pipeline that names an installed model, runs the tests of debian/tests, and purges all again.
#    Nothing may be left.
# The packages are then in BUILD/package-RELEASE/packages, and the words of lintian beside them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
readonly here
# shellcheck source=tests/debian_root.sh
source "$here/debian_root.sh"
readonly build=$1 release=${2:-} keep=${3:-}
readonly what="package --debian"
suite=$(debian_suite "$release" "$what")
place=$build/package-$release
packages=$place/packages
sources=$place/builder/root/gst-hepar
say() { printf '\n== %s (%s)\n' "$1" "$(date -u +%H:%M:%S)"; }

make_debian_root "$suite" "$place/minimal" "$what"
mkdir -p "$packages"
if [[ $keep != --keep || ! -e $sources ]]; then
  rm -rf "$place/builder"
  cp -a "$place/minimal" "$place/builder"
  mkdir -p "$sources"
  git -C "$here/.." archive HEAD | tar -x -C "$sources"
fi

say "build dependencies"
in_debian_root "$place/builder" -- sh -ec '
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends build-essential lintian
  cd /root/gst-hepar
  apt-get build-dep -y -qq --no-install-recommends ./' > "$place/dependencies.log" 2>&1 ||
  { tail -n 20 "$place/dependencies.log" >&2; exit 1; }
say "dpkg-buildpackage"
clean=()
if [[ $keep == --keep ]]; then clean=(--no-pre-clean); fi
in_debian_root "$place/builder" -- sh -ec '
  cd /root/gst-hepar
  exec dpkg-buildpackage -us -uc "$@"' _ "${clean[@]}" > "$place/build.log" 2>&1 ||
  { tail -n 40 "$place/build.log" >&2; exit 1; }
find "$packages" -mindepth 1 -delete
find "$place/builder/root" -maxdepth 1 -type f -name '*hepar*_*' -exec cp {} "$packages" \;
ls -l "$packages"
say "lintian"
in_debian_root "$place/builder" -- sh -c '
  cd /root && exec lintian --allow-root --fail-on error --display-info --tag-display-limit 0 \
    ./*.changes' | tee "$packages/lintian.txt"

say "installation"
rm -rf "$place/user"
cp -a "$place/minimal" "$place/user"
files_of() { (cd "$1" && find etc usr opt srv -xdev | LC_ALL=C sort); }
in_debian_root "$place/user" "$packages:/packages" -- sh -ec '
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends gstreamer1.0-tools gstreamer1.0-plugins-base \
    gstreamer1.0-plugins-good libopenblas0-pthread man-db gcc libc6-dev pkgconf
  apt-get install -y -qq --no-install-recommends /packages/*.deb' > "$place/install.log" 2>&1 ||
  { tail -n 20 "$place/install.log" >&2; exit 1; }
say "use"
# shellcheck disable=SC2016 # The inner shell expands these.
in_debian_root "$place/user" "$sources/debian/tests:/tests" -- sh -ec '
  gst-inspect-1.0 hepar
  gst-launch-1.0 -q heparsimsrc num-buffers=5 ! heparbin model=steatosis-byra-live ! fakesink
  man hepar-train | head -n 5
  for test in plugin tools development; do
    mkdir "/tmp/$test"
    AUTOPKGTEST_TMP=/tmp/$test "/tests/$test"
    echo "debian/tests/$test passed"
  done'
say "purge"
in_debian_root "$place/user" -- apt-get purge -y -qq gstreamer1.0-hepar hepar-tools hepar-models \
  libhepar-dev > "$place/purge.log" 2>&1 || { tail -n 20 "$place/purge.log" >&2; exit 1; }
if files_of "$place/user" | grep -i hepar; then
  echo "$what: these files were left behind" >&2
  exit 1
fi
say "done"
