#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plants the faults of faults.toml, one at a time, and says which test catches each.

  run.py BUILD [N...]             all of them, or those with these numbers
  run.py BUILD --targets [N...]   print what must be built before
  run.py BUILD --check            only look whether each fault still has its place, and its tests

A fault is planted in a temporary copy of its source. That is compiled as Meson compiles the source,
and the test programs are linked with it in front of the library that has the sound object. Neither
the sources nor the build folder are changed. Exit code 1: a fault was not caught.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLUGIN = 'plugins/libgsthepar.so'
PROGRAM = 'training/hepar'


class Build:
    """A configured build folder of Meson."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        info = self.folder / 'meson-info'
        self.tests = {test['name']: test for test in json.loads((info / 'intro-tests.json').read_text())}
        self.compiled = json.loads((self.folder / 'compile_commands.json').read_text())
        self._links = {}

    def target_of(self, test):
        """The program of a test, relative to the build folder."""
        return os.path.relpath(self.tests[test]['cmd'][0], self.folder)

    def link(self, target):
        """The command that links a target, as words."""
        if target not in self._links:
            commands = subprocess.run(['ninja', '-t', 'commands', target], cwd=self.folder, check=True,
                                      capture_output=True, text=True).stdout
            self._links[target] = shlex.split(commands.strip().splitlines()[-1])
        return self._links[target]

    def compile(self, source, copy, objects):
        """Compiles the copy of a source as the source is, once for each library that has it. Returns
        the objects and those libraries."""
        results, libraries = [], set()
        for entry in self.compiled:
            path = (pathlib.Path(entry['directory']) / entry['file']).resolve()
            if path != (ROOT / source).resolve():
                continue
            words = shlex.split(entry['command'])
            output = words[words.index('-o') + 1]
            result = objects / f'{len(results)}.o'
            for option in ('-MF', '-MQ'):
                at = words.index(option)
                del words[at:at + 2]
            words.remove('-MD')
            words[words.index('-o') + 1] = str(result)
            words[words.index('-c') + 1] = str(copy)
            subprocess.run(words, cwd=entry['directory'], check=True)
            results.append(str(result))
            libraries.add(output.split('.p/')[0])
        if not results:
            sys.exit(f'{source} is not compiled in {self.folder}')
        return results, libraries

    def relink(self, target, objects, libraries, folder):
        """Links a target with the objects into `folder`, or returns None where it has none of the
        libraries."""
        words = list(self.link(target))
        if not libraries.intersection(words):
            return None
        output = words.index('-o') + 1
        words[output] = str(folder / os.path.basename(target))
        words[output + 1:output + 1] = objects
        subprocess.run(words, cwd=self.folder, check=True)
        return words[output]


def with_fault(fault):
    """The text of the source with the fault."""
    text = (ROOT / fault['file']).read_text()
    if text.count(fault['old']) != 1:
        sys.exit(f"{fault['file']}: the text of fault {fault['number']} is there "
                 f"{text.count(fault['old'])} times, expected once; bring faults.toml up to date")
    return text.replace(fault['old'], fault['new'])


def plant(fault, folder):
    """A copy of the source with the fault."""
    copy = folder / os.path.basename(fault['file'])
    copy.write_text(with_fault(fault))
    return copy


def check(build, faults):
    """Ends the program where a fault has lost its place or a test."""
    for fault in faults:
        with_fault(fault)
        for line in fault['tests']:
            if line.split()[0] not in build.tests:
                sys.exit(f"fault {fault['number']}: there is no test {line.split()[0]}")
    print(f'{len(faults)} faults have their place')


def with_plugin(program, plugin, folder):
    """A copy of a program that loads the plugin in `folder`: tests name theirs by its path."""
    content = pathlib.Path(program).read_bytes()
    path, other = os.fsencode(plugin), os.fsencode(folder / plugin.name)
    if path not in content:
        return program
    if len(other) > len(path):
        sys.exit(f'{folder} is too long a name to stand for {plugin.parent}; set TMPDIR')
    copy = folder / f'{pathlib.Path(program).name}-with-plugin'
    copy.write_bytes(content.replace(path + b'\0', other.ljust(len(path), b'\0') + b'\0'))
    copy.chmod(0o755)
    return copy


def run(build, test, program, arguments, folder):
    """Runs a program of a test, with what else was linked into `folder`. Returns whether it failed,
    and what it printed."""
    described = build.tests[test]
    environment = dict(os.environ)
    for name, value in described['env'].items():
        for target in (PLUGIN, PROGRAM):
            original = build.folder / target
            if (folder / original.name).exists():
                value = value.replace(str(original), str(folder / original.name))
                if value == str(original.parent):
                    value = str(folder)
        environment[name] = value
    if (folder / os.path.basename(PLUGIN)).exists():
        program = with_plugin(program, build.folder / PLUGIN, folder)
    try:
        done = subprocess.run([program, *described['cmd'][1:], *arguments], env=environment, check=False,
                              cwd=described['workdir'] or build.folder, timeout=described['timeout'],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired as expired:
        return True, (expired.stdout or b'').decode(errors='replace')
    return done.returncode != 0, done.stdout.decode(errors='replace')


def name_of_failure(output):
    """The first test that failed, or the one that a crash or a time-out ended."""
    failed = re.search(r'^\[  FAILED  \] ([^\s,]+)', output, re.MULTILINE)
    if failed:
        return failed.group(1)
    begun = re.findall(r'^\[ RUN      \] (\S+)', output, re.MULTILINE)
    return begun[-1] if begun else None


def catch(build, fault):
    """The test that catches a fault, or None."""
    with tempfile.TemporaryDirectory(prefix='pf-') as name:
        folder = pathlib.Path(name)
        objects, libraries = build.compile(fault['file'], plant(fault, folder), folder)
        for line in fault['tests']:
            test, *arguments = line.split()
            sound = str(build.folder / build.target_of(test))
            program = build.relink(build.target_of(test), objects, libraries, folder)
            needed = [part for value in build.tests[test]['env'].values() for part in value.split(':')]
            for target in (PLUGIN, PROGRAM):
                original = build.folder / target
                if str(original) in needed or str(original.parent) in needed:
                    build.relink(target, objects, libraries, folder)
            failed, output = run(build, test, program or sound, arguments, folder)
            if not failed:
                continue
            case = name_of_failure(output)
            if case is None:
                sys.exit(f"fault {fault['number']}: {test} ended before its first test:\n{output}")
            with tempfile.TemporaryDirectory() as empty:
                broken, output = run(build, test, sound, [f'--gtest_filter={case}'],
                                     pathlib.Path(empty))
            if broken:
                sys.exit(f'{test}: {case} fails without a fault, too:\n{output}')
            return f'{test}: {case}'
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build')
    parser.add_argument('numbers', nargs='*', type=int)
    parser.add_argument('--targets', action='store_true', help='print what must be built before')
    parser.add_argument('--check', action='store_true',
                        help='only look whether each fault still has its place, and its tests')
    arguments = parser.parse_args()

    faults = tomllib.loads((pathlib.Path(__file__).parent / 'faults.toml').read_text())['fault']
    for number, fault in enumerate(faults, 1):
        fault['number'] = number
    unknown = [n for n in arguments.numbers if not 1 <= n <= len(faults)]
    if unknown:
        parser.error(f'there is no fault {unknown[0]}; they are 1 to {len(faults)}')
    chosen = [f for f in faults if not arguments.numbers or f['number'] in arguments.numbers]

    build = Build(arguments.build)
    if arguments.check:
        check(build, chosen)
        return 0
    if arguments.targets:
        programs = {build.target_of(line.split()[0]) for fault in chosen for line in fault['tests']}
        print(' '.join(sorted(programs | {PLUGIN})))
        return 0

    print('| | fault | file | caught by |\n|---|---|---|---|')
    missed = 0
    for fault in chosen:
        begin = time.monotonic()
        caught = catch(build, fault)
        missed += caught is None
        print(f"| {fault['number']} | {fault['what']} | `{fault['file']}` | "
              f"{'**nothing**' if caught is None else f'`{caught}`'} |", flush=True)
        print(f'fault {fault["number"]}: {time.monotonic() - begin:.0f} s', file=sys.stderr)
    print(f'\n{len(chosen) - missed} of {len(chosen)} faults caught', file=sys.stderr)
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
