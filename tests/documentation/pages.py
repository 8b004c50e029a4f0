# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages of the documentation and their blocks of code."""
import pathlib
import re
from dataclasses import dataclass

FENCE = "```"
# <!-- not run: REASON -->, on the line above a block.
NOT_RUN = re.compile(r"<!-- not run: (.+) -->$")


@dataclass
class Block:
    page: pathlib.Path
    line: int  # Of its first line of code.
    language: str  # "" for commands of a shell.
    reason: str  # Why it is not run; "" where it is.
    text: str

    @property
    def place(self):
        return f"{self.page.parent.name}/{self.page.name}:{self.line}"


def pages(project):
    """README and others at the top, docs/, the cards of models, and those of the examples."""
    folders = [project, project / "docs", project / "models/pretrained"]
    folders += [project / "examples", *(p for p in (project / "examples").iterdir() if p.is_dir())]
    return sorted(page for folder in folders for page in folder.glob("*.md"))


def blocks(page):
    found, inside, previous = [], None, ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith(FENCE):
            if inside is None:
                reason = NOT_RUN.search(previous)
                inside = Block(page, number + 1, line[len(FENCE):].strip(),
                               reason.group(1) if reason else "", "")
            else:
                found.append(inside)
                inside = None
        elif inside is not None:
            inside.text += line + "\n"
        previous = line
    return found


def commands(block):
    """Yields (place, command) with continued lines joined, without comments and empty lines."""
    number, command, first = block.line, "", block.line
    for line in block.text.splitlines():
        if not command:
            first = number
        number += 1
        if line.endswith("\\"):
            command += line[:-1] + " "
            continue
        command = re.sub(r"\s{2,}# .*$", "", command + line).strip()
        if command and not command.startswith("#"):
            yield f"{block.page.parent.name}/{block.page.name}:{first}", re.sub(r"\s{2,}", " ", command)
        command = ""
