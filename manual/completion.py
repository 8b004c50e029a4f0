#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes completion of `hepar` for bash (hepar) and zsh (_hepar), of its option tables."""
import argparse
import pathlib

from describe import describe

BASH = r"""# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of hepar for bash; made by manual/completion.py of the option tables.

# Models by the names under which they are found.
_hepar_models() {
  local folder file
  local IFS=:
  for folder in ${HEPAR_MODEL_PATH-} '@MODELS@'; do
    for file in "$folder"/*.hepar; do
      if [[ -e $file ]]; then
        file=${file##*/}
        printf '%s\n' "${file%.hepar}"
      fi
    done
  done
}

_hepar() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local verb='' word options='' words=''
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word != -* ]]; then
      verb=$word
      break
    fi
  done
  if [[ -z $verb ]]; then
    mapfile -t COMPREPLY < <(compgen -W '@VERBS@ --verbose --help --version' -- "$current")
    return
  fi
  case "$verb $previous" in
@VALUES@
    *) ;;
  esac
  case $words in
    MODELS)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$current"; compgen -W "$(_hepar_models)" -- "$current")
      return ;;
    FILES)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    TEXT) return ;;
    ?*)
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
      return ;;
  esac
  case $verb in
@OPTIONS@
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  else
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _hepar hepar
"""

ZSH = r"""#compdef hepar
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of hepar for zsh; made by manual/completion.py of the option tables.

# Files, and models by the names under which they are found.
_hepar_models() {
  local -a names
  names=(${^${(s.:.)HEPAR_MODEL_PATH}}/*.hepar(N:t:r) @MODELS@/*.hepar(N:t:r))
  _alternative 'models:model:compadd -a names' 'files:file:_files'
}

_hepar() {
  local context state state_descr line
  typeset -A opt_args
  local -a verbs
  verbs=(
@VERBS@
  )
  _arguments -C '--verbose[print on which device a model runs]' '--help[list the verbs]' \
    '--version[show the version]' '1:verb:->verb' '*::argument:->argument'
  case $state in
    verb) _describe verb verbs ;;
    argument)
      case $words[1] in
@CASES@
      esac ;;
  esac
}

_hepar "$@"
"""


def takes_model(option):
    return option["value"] == "file" and "model" in option["name"].split("-")


def bash(whole, models):
    values, options = [], []
    for verb in whole["verbs"]:
        for option in verb["options"]:
            if option["value"] == "none":
                continue
            if takes_model(option):
                words = "MODELS"
            elif option["value"] == "file":
                words = "FILES"
            else:
                words = " ".join(option["choices"]) or "TEXT"
            values.append(f"    '{verb['name']} --{option['name']}') words='{words}' ;;")
        flags = " ".join("--" + option["name"] for option in verb["options"])
        options.append(f"    {verb['name']}) options='{flags}' ;;")
    return (
        BASH.replace("@VERBS@", " ".join(verb["name"] for verb in whole["verbs"]))
        .replace("@VALUES@", "\n".join(values))
        .replace("@OPTIONS@", "\n".join(options))
        .replace("@MODELS@", models)
    )


def zsh_text(text):
    """Escapes text that stands between brackets, and between single quotes."""
    for character in "\\[]:":
        text = text.replace(character, "\\" + character)
    return text.replace("'", "'\\''")


def zsh_option(option):
    text = f"--{option['name']}[{zsh_text(option['help'])}]"
    if option["value"] == "none":
        return f"'{text}'"
    if takes_model(option):
        action = "_hepar_models"
    elif option["value"] == "file":
        action = "_files"
    else:
        action = "(" + " ".join(option["choices"]) + ")" if option["choices"] else " "
    repeatable = "*" if "repeatable" in option["help"] else ""
    message = zsh_text(option["placeholder"].replace("|", " or "))
    return f"'{repeatable}{text}:{message}:{action}'"


def zsh(whole, models):
    verbs, cases = [], []
    for verb in whole["verbs"]:
        verbs.append(f"    '{verb['name']}:{zsh_text(verb['summary'])}'")
        arguments = [zsh_option(option) for option in verb["options"]]
        if verb["arguments"]:
            arguments.append("'*:file:_files'")
        lines = " \\\n            ".join(arguments)
        cases.append(f"        {verb['name']})\n          _arguments {lines} ;;")
    return (
        ZSH.replace("@VERBS@", "\n".join(verbs))
        .replace("@CASES@", "\n".join(cases))
        .replace("@MODELS@", models)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, help="folder of the installed models")
    options = parser.parse_args()
    whole = describe(options.program)
    (options.out / "hepar").write_text(bash(whole, options.models), encoding="utf-8")
    (options.out / "_hepar").write_text(zsh(whole, options.models), encoding="utf-8")


if __name__ == "__main__":
    main()
