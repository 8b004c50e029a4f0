#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Manual pages and completion hold every verb and option: manual_test.sh HEPAR FOLDER
# shellcheck disable=SC2016  # The shells inside expand.
set -uo pipefail
hepar=$1 folder=$2
# shellcheck source=tests/scripts/checks.sh
source "$(dirname "$0")/checks.sh"

verbs=$("$hepar" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
check "the program has verbs" test "$(wc -w <<< "$verbs")" -ge 14

# What completion offers after the words "$@", the last of which is begun.
complete_bash() {
  bash --norc -c 'compopt() { :; }
    source "$0"
    COMP_WORDS=(hepar "$@") COMP_CWORD=$#
    _hepar
    printf "%s\n" "${COMPREPLY[@]}"' "$folder/hepar" "$@"
}

options=0
for verb in $verbs; do
  page=$folder/hepar-$verb.1
  flags=$("$hepar" "$verb" --help | sed -n 's/^  \(-h, \)\?--\([a-z0-9-]*\).*/\2/p')
  # In the page and for zsh, letter by letter; for bash, as a user gets it.
  sed 's/\\-/-/g' "$page" > "$work/page"
  complete_bash "$verb" -- > "$work/bash"
  for flag in $flags; do
    options=$((options + 1))
    check "$page has --$flag" grep -q -- "^\(\\\\fB-h.*\)\?\\\\fB--$flag\\\\fR" "$work/page"
    check "bash completes hepar $verb --$flag" grep -qx -- "--$flag" "$work/bash"
    check "zsh completes hepar $verb --$flag" grep -q -- "--$flag\[" "$folder/_hepar"
  done
  check "hepar.1 has $verb" grep -q "^\\\\fB$verb\\\\fR" "$folder/hepar.1"
  check "bash completes $verb" grep -qx "$verb" <(complete_bash "${verb:0:3}")
done
echo "$options options of $(wc -w <<< "$verbs") verbs"
check "there are options" test "$options" -ge 150

check "bash completes values" \
  test "$(complete_bash grade --precision '' | tr '\n' ' ')" = "fp32 bf16 fp16 "
check "bash completes one value" test "$(complete_bash grade --precision b)" = bf16
mkdir "$work/models"
touch "$work/models/of-mine.hepar"
check "bash completes the names of models" \
  test "$(HEPAR_MODEL_PATH=$work/models complete_bash inspect --model of-m)" = of-mine
cd "$work" || exit 1
touch "scan one.png"
check "bash completes files" test "$(complete_bash grade sc)" = "scan one.png"

if command -v zsh > /dev/null; then
  check "zsh reads its completion" zsh -n "$folder/_hepar"
  # With stand-ins for the functions of zsh that take the table.
  zsh -f -c '_arguments() { [[ $1 == -C ]] && { state=argument; words=(grade); return }
      print -l -- "$@" }
    source "$0"' "$folder/_hepar" > "$work/zsh"
  check "zsh gets the values of --precision" \
    grep -q -- '^--precision\[.*:(fp32 bf16 fp16)$' "$work/zsh"
  check "zsh gets the files of --csv" grep -q -- '^--csv\[.*:_files$' "$work/zsh"
else
  echo "zsh is not installed: its completion was not run"
fi

if command -v man > /dev/null && command -v groff > /dev/null; then
  for page in "$folder"/*.1; do
    man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2> "$work/warnings" > /dev/null
    check "$page is formatted without a warning" test ! -s "$work/warnings"
  done
fi
exit "$failed"
