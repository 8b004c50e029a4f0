#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finds every command in the documentation and runs it, or says why it does not.

Commands run page by page, in a folder of their own with a few simulated scans. What is not run has
a reason: in a comment above its block, <!-- not run: REASON -->, or by a rule of RULES. The options
of every line of `hepar` are compared with those of the program, whether it runs or not.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from pages import blocks, commands, pages

SECONDS = 120  # For one command.
NO_PYTHON = "Python has no GStreamer here (python3-gi)"
OPTIONAL = {"jq"}  # Programs of which a page shows the use, and that the tests do not install.

# Reasons that hold for every command of a kind; the first that matches counts.
RULES = [
    (r"^(MESON_ARGS=\S.* )?\./run ", "builds the project and installs packages"),
    (r"^hepar (train|adapt|trust|probe|average|attack|ablate)\b",
     "takes minutes or needs labeled scans; the tests of the program do the like, and options are "
     "checked"),
    (r"^hepar simulate .*--patients-per-grade \d{3}", "takes minutes; options are checked"),
    (r"^hepar evaluate .*(fold0|manifest\.csv|/tmp/)",
     "needs models that were trained before; options are checked"),
    (r"\bcine\.dcm\b", "needs a DICOM file; options are checked"),
    (r"^(for rank in|RANK=|done; wait)", "starts several processes; distributed_test does"),
    (r"^gst-launch-1\.0 .*(SOURCE|autovideosink)", "needs a source or a screen; parsed by "
     "documentation_test"),
    (r"^socat ", "waits for another program to connect"),
    (r"^gst-launch-1\.0 .*model=M\b", "names no model; parsed by documentation_test"),
    (r"^(hepar|gst-launch-1\.0) .*(\bDIR\b|\.\.\. )", "a form, not a command"),
]


def simple_commands(line):
    """The words of each command of a line: "a b | c" has two."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    words.whitespace_split = True
    command = []
    for word in words:
        if set(word) <= set("|&;"):
            if command:
                yield command
            command = []
        else:
            command.append(word)
    if command:
        yield command


class Reference:
    """The verbs and options of the program."""

    def __init__(self, hepar):
        self.verbs = {}
        for verb in self.ask(hepar)["verbs"]:
            options = self.ask(hepar, verb["name"])["options"]
            names = {option["name"] for option in options} | {option["former_name"]
                                                              for option in options}
            self.verbs[verb["name"]] = names | {"config", "help", "version", "describe"}

    @staticmethod
    def ask(*command):
        answer = subprocess.run([*command, "--describe"], check=True, stdout=subprocess.PIPE)
        return json.loads(answer.stdout)

    def faults(self, command):
        """What a line says of `hepar` that is not so."""
        for words in simple_commands(command):
            if "hepar" not in words or words.index("hepar") + 1 == len(words):
                continue
            words = words[words.index("hepar") + 1:]
            while words and words[0] == "--verbose":
                words = words[1:]
            if not words or words[0].startswith("--"):
                continue
            if words[0] not in self.verbs:
                if re.fullmatch(r"[a-z]+", words[0]):
                    yield f"hepar has no verb {words[0]}"
                continue
            for word in words[1:]:
                name = word[2:].split("=")[0]
                if word.startswith("--") and name and name not in self.verbs[words[0]]:
                    yield f"hepar {words[0]} has no option --{name}"


def environment(options, folder):
    variables = dict(os.environ)
    variables.update(
        GST_PLUGIN_PATH=str(options.plugin.parent), GST_REGISTRY=str(folder / "registry"),
        HEPAR_MODEL_PATH=str(options.project / "models/pretrained"), HOME=str(folder),
        PATH=f"{folder / 'bin'}:{options.hepar.parent}:{variables['PATH']}")
    for name in ("OMP_NUM_THREADS", "GST_REGISTRY_1_0", "DISPLAY"):
        variables.pop(name, None)
    return variables


def scans(folder, variables, options):
    """What pages take for granted: a picture, a video, a folder of both, and a model."""
    source = "heparsimsrc severity=moderate ! video/x-raw,width=320,height=240 ! "
    for line in [f"{source.replace(' ! ', ' num-buffers=1 ! ', 1)} pngenc ! filesink location=scan.png",
                 f"{source.replace(' ! ', ' num-buffers=8 ! ', 1)} videoconvert ! jpegenc ! qtmux ! "
                 "filesink location=clip.mp4"]:
        subprocess.run(["gst-launch-1.0", "-q", *shlex.split(line)], cwd=folder, env=variables,
                       check=True, timeout=SECONDS)
    shutil.copy(folder / "clip.mp4", folder / "scan.mp4")
    (folder / "folder").mkdir()
    shutil.copy(folder / "scan.png", folder / "folder")
    shutil.copy(folder / "clip.mp4", folder / "folder")
    shutil.copy(options.project / "models/pretrained/steatosis-sim-live.hepar",
                folder / "liver.hepar")
    (folder / "examples").symlink_to(options.project / "examples")


def reason_for(command, block, variables, python):
    if block.reason:
        return block.reason
    if re.search(r"\.py\b", command) and python is None:
        return NO_PYTHON
    for pattern, reason in RULES:
        if re.search(pattern, command):
            return reason
    for program, *_ in simple_commands(command):
        if program in OPTIONAL and not shutil.which(program, path=variables["PATH"]):
            return f"{program} is not installed"
    for element in re.findall(r"(?:^|! )([a-z0-9]+)(?= |$)", command.partition(" ")[2]
                              if command.startswith("gst-launch") else ""):
        # Any version: by default it wants GStreamer's own.
        inspect = ["gst-inspect-1.0", "--exists", "--atleast-version=0.0", element]
        if not element.startswith("hepar") and subprocess.run(inspect, env=variables).returncode:
            return f"there is no element {element} here"
    return ""


def python_with_gstreamer():
    for python in (sys.executable, "/usr/bin/python3"):
        test = [python, "-c", "import gi; gi.require_version('Gst', '1.0'); "
                "from gi.repository import Gst"]
        if os.path.exists(python) and subprocess.run(test, stderr=subprocess.DEVNULL).returncode == 0:
            return python
    return None


class Run:
    def __init__(self, options):
        self.options = options
        self.reference = Reference(options.hepar)
        self.python = python_with_gstreamer()
        self.ran, self.found, self.failed = 0, 0, 0
        self.reasons = collections.defaultdict(list)

    def fail(self, place, command, why):
        self.failed += 1
        print(f"FAILED {place}: {command}\n  {why}")

    def execute(self, place, command, argv, folder, variables):
        try:
            result = subprocess.run(argv, cwd=folder, env=variables, timeout=SECONDS, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            self.fail(place, command, f"does not end within {SECONDS} s")
            return
        self.ran += 1
        if result.returncode != 0:
            self.fail(place, command, f"exit code {result.returncode}: {result.stdout[-2000:]}")

    def shell(self, block, folder, variables):
        for place, command in commands(block):
            self.found += 1
            command = re.sub(r"^\./run exec ", "", command)  # The same, in this environment.
            for fault in self.reference.faults(command):
                self.fail(place, command, fault)
            reason = reason_for(command, block, variables, self.python)
            if reason:
                self.reasons[reason].append(place)
                continue
            print(f"run {place}: {command}", flush=True)
            self.execute(place, command, ["bash", "-o", "pipefail", "-ec", command], folder, variables)

    def program(self, block, folder, variables):
        """Compiles a block of C, C++ or Python, and runs it where it is a whole program."""
        self.found += 1
        text = block.text
        if block.language == "python":
            compile(text, block.place, "exec")
            if "Gst.init" not in text:
                self.reasons["a part of a Python program; compiled"].append(block.place)
                return
            if self.python is None:
                self.reasons[NO_PYTHON].append(block.place)
                return
            self.execute(block.place, "Python", [self.python, "-c", text], folder, variables)
            return
        source, program = folder / f"program.{block.language}", folder / "program"
        source.write_text(text)
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gstreamer-1.0"], check=True,
                               stdout=subprocess.PIPE, text=True).stdout.split()
        whole = "int main" in text
        compiler = ["cc", "-std=c99"] if block.language == "c" else ["c++", "-std=c++17"]
        argv = [*compiler, "-Wall", "-Werror", *([] if whole else ["-c"]), str(source), "-o",
                str(program), f"-I{self.options.project / 'include'}", *flags]
        self.execute(block.place, " ".join(compiler), argv, folder, variables)
        if whole:
            self.execute(block.place, "the program", [str(program)], folder, variables)

    def page(self, page, here):
        folder = here / "-".join(page.relative_to(self.options.project).with_suffix("").parts)
        folder.mkdir(parents=True)
        variables = environment(self.options, here)
        prepared = False
        for block in blocks(page):
            if block.language in ("", "sh", "c", "cpp", "python"):
                if not prepared:
                    scans(folder, variables, self.options)
                    prepared = True
                method = self.program if block.language in ("c", "cpp", "python") else self.shell
                method(block, folder, variables)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("project", "hepar", "plugin"):
        parser.add_argument(f"--{name}", required=True,
                            type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--only", default="", help="pages whose path contains this text")
    run = Run(parser.parse_args())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "bin").mkdir()
        if run.python is not None:  # It need not be the first of the path.
            (folder / "bin/python3").symlink_to(run.python)
        for page in pages(run.options.project):
            if run.options.only in str(page):
                run.page(page, folder)
    print(f"\n{run.found} commands and programs found, {run.ran} runs, "
          f"{sum(map(len, run.reasons.values()))} not run, {run.failed} failed; not run:")
    for reason, places in sorted(run.reasons.items()):
        print(f"{len(places):4d} {reason}: {', '.join(places)}")
    if run.ran < 20 and not run.options.only:
        print("too few commands were run: are there pages?")
        run.failed += 1
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
