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
    "sandbox": BASE | {"config", "workflow", "sandbox"},
    "hygiene": BASE | {"config", "workflow", "engine", "checkout", "sandbox", "hygiene"},
    "runner": BASE | {"config", "workflow", "engine", "checkout", "sandbox", "hygiene", "runner"},
    "coordinator": BASE | {"config", "workflow", "coordinator"},
}
# The gate is its own program: it may see nothing of ours but its wire format.
GATE = {"engine/gate"}


def main():
    bad = 0
    for folder, allowed in ALLOWED.items():
        for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
            gate = str(path.parent) == "engine/gate"
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if not found:
                    continue
                target = found.group(1)
                top = target.split("/")[0] if "/" in target else str(path.parent).split("/")[0]
                fine = target.startswith("engine/gate/") if gate else top in allowed
                if not fine:
                    print(f"{path}:{number}: {folder} must not include {target}")
                    bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
