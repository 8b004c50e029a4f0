#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What `meson install` installs is found:
#   install_test.sh MESON BUILD PREFIX LIBDIR DATADIR INCLUDEDIR MANDIR NOTE
# shellcheck disable=SC2016  # The shells inside expand.
set -uo pipefail
meson=$1 build=$2 prefix=$3 libdir=$4 datadir=$5 includedir=$6 mandir=$7 note=$8
# shellcheck source=tests/scripts/checks.sh
source "$(dirname "$0")/checks.sh"

"$meson" install -C "$build" --no-rebuild --quiet --destdir "$work" > "$work/log" 2>&1 ||
  { cat "$work/log" >&2; exit 1; }
installed=$work$prefix
for file in bin/hepar "$libdir/gstreamer-1.0/libgsthepar.so" "$datadir/doc/gst-hepar/LICENSE" \
  "$datadir/gst-hepar/models/steatosis-byra-live.hepar" \
  "$libdir/pkgconfig/gst-hepar-1.0.pc" "$includedir/gst-hepar-1.0/hepar/severity.h" \
  "$mandir/man1/hepar.1" "$mandir/man1/hepar-grade.1" \
  "$datadir/bash-completion/completions/hepar" "$datadir/zsh/site-functions/_hepar"; do
  check "$file is installed" test -s "$installed/$file"
done

# By the name of an installed model, as from a prefix among the data folders of the system.
unset HEPAR_MODEL_PATH
export XDG_DATA_DIRS=$installed/$datadir GST_PLUGIN_PATH=$installed/$libdir/gstreamer-1.0 \
  GST_REGISTRY=$work/registry
cd "$work" || exit 1
check "hepar finds a model by its name" \
  bash -c '"$0" inspect steatosis-byra-live | grep -q "^name  *steatosis-byra-live"' \
  "$installed/bin/hepar"
check "the element finds a model by its name" gst-launch-1.0 -q heparsimsrc num-buffers=2 \
  ! heparclassify model=steatosis-sim-live device=cpu mode=sync ! fakesink

# A C program finds header and flags by pkg-config, and needs nothing else of this project.
cat > "$work/user.c" <<'C'
#include <hepar/severity.h>

int main(int argc, char** argv) {
  HeparSeverity severity;
  gst_init(&argc, &argv);
  GstBuffer* buffer = gst_buffer_new();
  const gboolean found = hepar_severity_from_buffer(buffer, &severity);
  gst_buffer_unref(buffer);
  return found;
}
C
sed "s|^prefix=.*|prefix=$installed|" "$installed/$libdir/pkgconfig/gst-hepar-1.0.pc" \
  > "$work/gst-hepar-1.0.pc"
flags() { PKG_CONFIG_PATH=$work pkg-config --cflags --libs gst-hepar-1.0; }
for compiler in "cc -std=c99" "c++ -std=c++17 -x c++"; do
  # shellcheck disable=SC2046,SC2086  # Several words.
  check "$compiler compiles what pkg-config names" \
    $compiler -Wall -Wextra -Werror "$work/user.c" -o "$work/user" $(flags)
  check "$compiler: a buffer without a severity has none" "$work/user"
done

check "the note says the line that makes the plugin found" \
  bash -c '"$0" /opt/lib/gst /usr/lib/gst | grep -q "^  export GST_PLUGIN_PATH=/opt/lib/gst"' "$note"
check "the note is silent where there is nothing to do" \
  test -z "$("$note" /usr/lib/gst /usr/lib/gst)"
check "the note is silent in a package" test -z "$(DESTDIR=/tmp/x "$note" /a /b)"
exit "$failed"
