#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs the Meson tests of build folder $1 and closes with one line counted from the real results:
# N passed, N failed, N skipped.
set -uo pipefail
build=$1
shift

# Real scans and weights beside the project are used when they are there.
top=$(cd "$(dirname "$0")/.." && pwd)
if [[ -z ${HEPAR_DATA_DIR:-} && -d $top/../shared/data ]]; then
  HEPAR_DATA_DIR=$(cd "$top/../shared/data" && pwd)
  export HEPAR_DATA_DIR
fi
if [[ -z ${HEPAR_WEIGHTS_DIR:-} && -d $top/../shared/weights ]]; then
  HEPAR_WEIGHTS_DIR=$(cd "$top/../shared/weights" && pwd)
  export HEPAR_WEIGHTS_DIR
fi

# Two programs run side by side, each with a pool of OpenMP threads. Threads that wait for work would
# spin, and take the processor from the other program.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

rm -f "$build"/meson-logs/testlog*.xml
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes 2 \
  --timeout-multiplier "${HEPAR_TIMEOUT_FACTOR:-1}" "$@"
status=$?

python3 - "$build/meson-logs/testlog.junit.xml" "$status" <<'PYTHON'
import re
import sys
import xml.etree.ElementTree as tree

passed = failed = skipped = 0
reasons = []
try:
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        # The output of a test may hold what XML does not allow, such as colors.
        text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "?", file.read())
    for case in tree.fromstring(text.encode()).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
            reasons.append(f"{case.get('classname')}: {case.get('name')}")
        else:
            passed += 1
except (OSError, tree.ParseError) as error:
    print(f"no test results: {error}", file=sys.stderr)
    failed += 1
# A program that died before it wrote its cases failed all the same.
if int(sys.argv[2]) != 0 and failed == 0:
    failed = 1
for reason in reasons:
    print(f"skipped {reason}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed else 0)
PYTHON
