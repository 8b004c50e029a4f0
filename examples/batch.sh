#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Grades all stills, DICOM files and videos of a folder and counts the results:
# batch.sh FOLDER OUT.csv [MODEL]
#
# OUT.csv has a row for each file (docs/grading.md). Exit code 3: some files could not be read; the
# column `error` says why.
set -uo pipefail
if (($# < 2)); then
  echo "Usage: batch.sh FOLDER OUT.csv [MODEL]" >&2
  exit 2
fi
hepar grade --model "${3:-steatosis-byra-live}" "$1" --csv "$2" > /dev/null
status=$?
if ((status != 0 && status != 3)); then exit "$status"; fi

# State and grade come before any field that may hold a comma, but for the path. A path with a comma
# is quoted, and is taken off first.
sed -E '1d; s/^("([^"]|"")*"|[^,]*),//' "$2" |
  awk -F, '{ ++files[$1 ($2 == "" ? "" : ", " $2)] }
           END { for (kind in files) printf "%6d  %s\n", files[kind], kind }' | sort -k2
exit "$status"
