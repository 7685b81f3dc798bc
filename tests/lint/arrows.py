#!/usr/bin/env python3
"""Arrows between folders run one way: fails on any #include that points against them."""
import pathlib
import re
import sys

BASE = {"base"}
ALLOWED = {
    "base": BASE,
    "config": BASE | {"config"},
    "workflow": BASE | {"workflow"},
    "engine": BASE | {"config", "workflow", "engine"},
    "checkout": BASE | {"config", "workflow", "sandbox", "checkout"},
    "artifact": BASE | {"config", "sandbox", "artifact"},
    "sandbox": BASE | {"config", "workflow", "sandbox"},
    "state": BASE | {"config", "state"},
    "network": BASE | {"config", "engine", "sandbox", "network"},
    "hygiene": BASE | {"config", "workflow", "engine", "sandbox", "state", "network", "hygiene"},
    "runner": BASE | {"config", "workflow", "engine", "checkout", "artifact", "sandbox", "state",
                      "network", "hygiene", "runner"},
    "coordinator": BASE | {"config", "workflow", "coordinator"},
}
# The gate is its own program: it may see nothing of ours but its own folder.
GATE = "engine/gate"


def allowed(path, target):
    folder = path.parent.as_posix()
    if "/" not in target:
        return True  # beside the including file
    if folder == GATE:
        return target.startswith(GATE + "/")
    return target.split("/")[0] in ALLOWED[folder.split("/")[0]]


def findings(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if found and not allowed(path, found.group(1)):
            yield f"{path}:{number}: {path.parent} must not include {found.group(1)}"


def main():
    bad = [finding for folder in ALLOWED for path in sorted(pathlib.Path(folder).rglob("*.[ch]"))
           for finding in findings(path)]
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
