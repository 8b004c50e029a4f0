#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The reference of the elements is what the plugin says: element_reference_test.sh PROGRAM PLUGIN PAGE
set -uo pipefail
program=$1 plugin=$2 page=$3
if ! diff -u "$page" <("$program" "$plugin"); then
  echo "$page differs from the plugin; write it anew: $program $plugin > $page" >&2
  exit 1
fi
elements=$(grep -c '^## hepar' "$page")
echo "$elements elements"
test "$elements" -ge 6  # An empty plugin has an empty page.
