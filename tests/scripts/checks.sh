# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the tests of scripts: a folder $work that goes when the test ends, and check, which goes on after
# a failure. The test ends with `exit "$failed"`.
# shellcheck disable=SC2034  # The tests read it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

check() {  # check WHAT COMMAND...
  local what=$1
  shift
  if ! "$@"; then
    echo "failed: $what" >&2
    failed=1
  fi
}
