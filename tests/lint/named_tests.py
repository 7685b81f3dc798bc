#!/usr/bin/env python3
"""The pages of docs/ that say which tests prove what: each test that they name exists, each row names
one, and no number of the page of requirements is missing or stands twice."""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path.cwd()
REQUIREMENTS, SECURITY = "docs/REQUIREMENTS.md", "docs/SECURITY.md"
LAST = {"": 93, "S": 19, "W": 20, "G": 21, "H": 24}  # claims of the runbook and of hygiene


def exists(path, function):
    shape = rf"^def {function}\(" if path.endswith(".py") else rf"\b{function}\(void \*\*"
    file = ROOT / path
    return file.is_file() and re.search(shape, file.read_text(), re.M)


def numbers(cell):
    """("S", 1), ("S", 3) of "S1, S3"; each of "15–19"."""
    for part in cell.split(", "):
        kind, first, last = re.fullmatch(r"([A-Z]*)(\d+)(?:–[A-Z]*(\d+))?", part).groups()
        for number in range(int(first), int(last or first) + 1):
            yield kind, number


def rows(text):
    """(cell of numbers, cell of tests) of every row of a table of requirements."""
    for line in text.splitlines():
        if re.match(r"\| [A-Z]*\d", line):
            cells = line.strip().strip("|").split(" | ")
            yield cells[0].strip(), cells[-1]


def named(page):
    for path, function in re.findall(r"`(tests/[\w/.]+)::(\w+)`", page):
        yield path, function


def named_in_sections(page):
    """Tests without a file stand in the section's own."""
    for section in page.split("\n## ")[1:]:
        path = re.search(r"without a file stands in `(\S+)`", section)
        for function in re.findall(r"`(test_\w+)`", section):
            yield path and path.group(1), function


def problems():
    requirements = (ROOT / REQUIREMENTS).read_text()
    security = ROOT / SECURITY
    for page, text in ((REQUIREMENTS, requirements),
                       (SECURITY, security.read_text() if security.exists() else "")):
        for path, function in named(text):
            if not exists(path, function):
                yield f"{page}: {path} has no {function}"
    for path, function in named_in_sections(requirements):
        if not path or not exists(path, function):
            yield f"{REQUIREMENTS}: {path or 'a section without a file'} has no {function}"
    seen = collections.Counter()
    for cell, tests in rows(requirements):
        seen.update(numbers(cell))
        if not re.search(r"`(tests/\S+|test_\w+)`", tests):
            yield f"{REQUIREMENTS}: {cell} names no test"
    for kind, last in LAST.items():
        for number in range(1, last + 1):
            if seen[kind, number] != 1:
                yield f"{REQUIREMENTS}: {kind}{number} stands {seen[kind, number]} times, expected once"


found = list(problems())
for line in found:
    print(line)
sys.exit(bool(found))
