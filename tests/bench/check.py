#!/usr/bin/env python3
"""check.py BASELINE NOW [FAMILY...]: fails when a figure of NOW is worse than the baseline's, or is not there.

Compared is what does not depend on the machine: ratios, and of rows without one what is counted and not timed.
A ratio may be worse by its own doubt, by the baseline's and by TOLERANCE. A doubt counts up to DOUBT_MAX: what was
never measured well must not let anything pass. With families only these are compared.
"""
import json
import pathlib
import sys

TOLERANCE = 0.15
DOUBT_MAX = 0.5
COUNTED = ("MiB", "KiB", "")


def rows(path):
    known = json.loads(pathlib.Path(path).read_text())
    return {(family, row["name"]): row for family, found in known.get("families", {}).items()
            for row in found["rows"]}


def figure(row):
    if "ratio" in row:
        return row["ratio"]
    return row["median"] if row["unit"] in COUNTED else None


def limit(before, now):
    """What the figure may be at most, or at least where more is better."""
    part = 1 + TOLERANCE + sum(min(row["doubt"], DOUBT_MAX) for row in (before, now))
    return figure(before) / part if now["more_is_better"] else figure(before) * part


def is_worse(before, now):
    if figure(before) is None or figure(now) is None:
        return False
    return figure(now) < limit(before, now) if now["more_is_better"] else figure(now) > limit(before, now)


def main(baseline, results, *families):
    known = {key: row for key, row in rows(baseline).items() if not families or key[0] in families}
    found, worse = rows(results), 0
    for key in sorted(known.keys() - found.keys()):
        worse += 1
        print(f"{': '.join(key)}: GONE, it is in the baseline")
    for key, now in found.items():
        before = known.get(key)
        if before is None:
            print(f"{': '.join(key)}: new, not in the baseline")
        elif is_worse(before, now):
            worse += 1
            print(f"{': '.join(key)}: WORSE: {figure(now):g}, was {figure(before):g}, "
                  f"tolerated {limit(before, now):.4g}")
    print(f"{worse} worse than {baseline}")
    return worse > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
