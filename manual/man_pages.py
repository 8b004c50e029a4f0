#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes hepar.1 and a manual page for each verb, of the option tables of the program."""
import argparse
import pathlib
import sys

from describe import describe

# Characters of a choice that fit on a line behind its option; a longer one is told in the text.
LONGEST_CHOICE = 50

ENVIRONMENT = [
    ("HEPAR_MODEL_PATH", "Folders, separated by colons, in which models are looked for by name, "
     "before those of the installation and gst-hepar/models of the XDG data folders."),
    ("HEPAR_LOG", "info or debug: messages about devices, backends and kernels on standard error."),
]


def roff(text):
    """Escapes text for a line of its own."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    return "\\&" + text if text.startswith(".") else text


def header(name, summary, version):
    return [
        f'.TH {name.upper()} 1 "" "gst\\-hepar {version}" "gst\\-hepar"',
        ".SH NAME", f"{roff(name)} \\- {roff(summary)}",
    ]


def option_lines(option):
    flag = f"\\fB\\-\\-{roff(option['name'])}\\fR"
    if option["name"] == "help":
        flag = "\\fB\\-h\\fR, " + flag
    placeholder = option["placeholder"]
    text = option["help"] + ("." if not option["help"].endswith(".") else "")
    if "|" in placeholder and len(placeholder) > LONGEST_CHOICE:
        text += f" One of {', '.join(placeholder.split('|'))}."
        placeholder = "NAME"
    if placeholder:
        flag += f" \\fI{roff(placeholder)}\\fR"
    if option["required"]:
        text += " Required."
    if option["default"]:
        text += f" Default: {option['default']}."
    if option["former_name"]:
        text += f" Formerly --{option['former_name']}."
    return [".TP", flag, roff(text)]


def exit_status(whole):
    return [".SH EXIT STATUS", roff(" ".join(whole["exit_codes"].split()))]


def see_also(names):
    return [".SH SEE ALSO", ",\n".join(f".BR {roff(name)} (1)" for name in names).replace(
        ",\n", " ,\n")]


def verb_page(verb, whole, version):
    name = "hepar-" + verb["name"]
    lines = header(name, verb["summary"], version)
    lines += [".SH SYNOPSIS", f".B hepar {roff(verb['name'])}", roff(verb["synopsis"])]
    lines += [".SH DESCRIPTION", roff(verb["description"])]
    heading = None
    for option in verb["options"]:
        if option["heading"] != heading:
            heading = option["heading"]
            title = "OPTIONS" if heading == "Options" else heading.upper() + " OPTIONS"
            lines.append(f".SH {roff(title)}")
        lines += option_lines(option)
    lines += exit_status(whole) + see_also(["hepar", "gst-inspect-1.0"])
    return "\n".join(lines) + "\n"


def main_page(whole, version):
    lines = header("hepar", "grade fatty liver on ultrasound, and train models that do", version)
    lines += [
        ".SH SYNOPSIS", ".B hepar", "[\\fB\\-\\-verbose\\fR] \\fIVERB\\fR [\\fIOPTION\\fR...]",
        ".SH DESCRIPTION",
        "Trains and measures models that grade fatty liver on ultrasound, and grades files with "
        "them. GStreamer elements of the plugin \\fBhepar\\fR use the same models on live video.",
        ".PP", "For research use only: no medical device, not for diagnosis.",
        ".SH VERBS",
    ]
    for verb in whole["verbs"]:
        lines += [".TP", f"\\fB{roff(verb['name'])}\\fR", roff(verb["summary"][0].upper() +
                                                              verb["summary"][1:] + ".")]
    lines += [
        ".SH OPTIONS", ".TP", "\\fB\\-\\-verbose\\fR",
        "Print on standard error on which device and backend a model runs, and why.",
        ".TP", "\\fB\\-h\\fR, \\fB\\-\\-help\\fR", "List the verbs.",
        ".TP", "\\fB\\-\\-version\\fR", "Show the version.",
        ".TP", "\\fB\\-\\-describe\\fR", "Show the verbs as JSON.", ".SH ENVIRONMENT",
    ]
    for name, text in ENVIRONMENT:
        lines += [".TP", f"\\fB{name}\\fR", roff(text)]
    lines += exit_status(whole)
    lines += see_also(["hepar-" + verb["name"] for verb in whole["verbs"]])
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("verbs", nargs="+", help="the verbs that the build expects")
    options = parser.parse_args()

    whole = describe(options.program)
    there = [verb["name"] for verb in whole["verbs"]]
    if sorted(there) != sorted(options.verbs):
        sys.exit(f"manual/meson.build lists {sorted(options.verbs)}, the program has "
                 f"{sorted(there)}: correct the list")
    (options.out / "hepar.1").write_text(main_page(whole, options.version), encoding="utf-8")
    for verb in whole["verbs"]:
        page = verb_page(verb, whole, options.version)
        (options.out / f"hepar-{verb['name']}.1").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
