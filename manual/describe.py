# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks the program `hepar` for its verbs and their options (hepar [VERB] --describe)."""
import json
import subprocess


def ask(program, *arguments):
    answer = subprocess.run(
        [program, *arguments, "--describe"], check=True, stdout=subprocess.PIPE
    )
    return json.loads(answer.stdout)


def describe(program):
    """Returns {"verbs": [{"name", "summary", "synopsis", "options", ...}], "exit_codes": TEXT}."""
    whole = ask(program)
    for verb in whole["verbs"]:
        verb.update(ask(program, verb["name"]))
        verb["options"] += [
            option("config", "FILE", f"INI file with the same options as keys in a group "
                   f"[{verb['name']}]; flags win", "file"),
            option("help", "", "Show the options", "none"),
            option("version", "", "Show the version", "none"),
            option("describe", "", "Show the options as JSON", "none"),
        ]
    return whole


def option(name, placeholder, help_text, value):
    return {
        "heading": "General", "name": name, "placeholder": placeholder, "help": help_text,
        "default": "", "required": False, "former_name": "", "value": value, "choices": [],
    }
