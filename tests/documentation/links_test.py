#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links between pages lead somewhere, docs/index.md leads to every page, and the messages that
docs/troubleshooting.md explains are those of the sources."""
import pathlib
import re
import sys

from pages import pages

LINK = re.compile(r"\]\(([^)\s]+)\)")
LITERALS = re.compile(r'"\s*(?:\+\s*)?"')  # Where one literal goes on in the next line.


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """GitHub's names of the headings of a page."""
    names = set()
    for title in re.findall(r"^#+ (.+)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE):
        names.add(re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-"))
    return names


def broken_links(project):
    for page in pages(project):
        for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists():
                yield f"{page.name}: {link}: there is no such file"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{page.name}: {link}: there is no such heading"


def unreachable(project):
    index = (project / "docs/index.md").read_text(encoding="utf-8")
    linked = {link.partition("#")[0] for link in LINK.findall(index)}
    for page in sorted((project / "docs").glob("*.md")):
        if page.name not in linked and page.name not in ("index.md", "plan-scanner-generalization.md"):
            yield f"docs/index.md does not lead to {page.name}"


def unknown_messages(project):
    text = ""
    for folder in ("elements", "models", "training"):
        for source in sorted((project / folder).rglob("*.cpp")):
            text += source.read_text(encoding="utf-8")
    text = LITERALS.sub("", text.replace('" TORCH_VERSION\n', '"'))
    page = (project / "docs/troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    if len(messages) < 10:
        yield "docs/troubleshooting.md explains fewer than ten messages"
    for message in messages:
        for part in (part.strip("., ") for part in message.split("...")):
            if part not in text:
                yield f"docs/troubleshooting.md: no source has the message '{part}'"


def main():
    project = pathlib.Path(sys.argv[1])
    faults = [*broken_links(project), *unreachable(project), *unknown_messages(project)]
    print("\n".join(faults) or f"{len(pages(project))} pages, no fault")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
