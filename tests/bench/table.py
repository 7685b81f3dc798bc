#!/usr/bin/env python3
"""table.py BUILD FOLDER IMAGE RESULTS [ROW...]: measures rows of the table (rows/*.py), prints them and writes
them into RESULTS, where rows that are not measured now stay as they are.

Figures of one family come from rounds in which all of it takes turns (rounds.py). "doubt" is how far a median
may be off; a row whose doubt is above a tenth says so.
"""
import importlib
import json
import os
import pathlib
import sys
import time

import machine
from rounds import doubt, quantile, ratios
from world import World

FAMILIES = ("step", "job", "log", "mask", "checkout", "coordinator", "memory", "growth", "tree", "run")
UNSTABLE = 0.1


class Table:
    """The rows of one family."""

    def __init__(self, family):
        self.family, self.rows, self.notes = family, [], []

    def note(self, text):
        self.notes.append(text)
        print(f"    {text}", flush=True)

    def of(self, found, unit):
        """row(name, ours, theirs=None, against=, ratio=, value=, more=) over what Rounds.gather found."""
        def row(name, ours, theirs=None, against=None, ratio=None, value=None, more=False):
            one, other = found[ours], found[theirs] if theirs else None
            made = {"name": name, "unit": unit, "more_is_better": more, **summary(one), "rounds": len(one.rounds),
                    "doubt": round(min(doubt(one, other), 9.99), 3)}
            if other:
                made["against"] = {"name": against or theirs, **summary(other)}
                made["ratio"] = significant(one.median / other.median)
                made["ratios"] = [significant(each) for each in ratios(one, other)]
            made["targets"] = {key: limit for key, limit in (("ratio", ratio), ("median", value)) if limit is not None}
            self.add(made)
        return row

    def figure(self, name, value, unit, target=None):
        """What is the same each time."""
        self.add({"name": name, "unit": unit, "more_is_better": False, "median": significant(value), "rounds": 1,
                  "doubt": 0, "targets": {} if target is None else {"median": target}})

    def add(self, row):
        row["met"] = {key: row[key] >= limit if key == "median" and row["more_is_better"]
                      else row[key] <= limit for key, limit in row["targets"].items()}
        row["stable"] = row["doubt"] <= UNSTABLE
        self.rows.append(row)
        print(said(row), flush=True)


def significant(value):
    return float(f"{value:.4g}")


def summary(series):
    values = series.values
    return {"min": significant(min(values)), "median": significant(quantile(values, 0.5)),
            "max": significant(max(values))}


def said(row):
    text = f"{row['name']:<48} {row['median']:>9.4g} {row['unit']:<8}"
    if "against" in row:
        text += f" {row['against']['name']:<26} {row['against']['median']:>9.4g}  ratio {row['ratio']:7.4f}"
    marks = [f"target {key} {limit:g} {'met' if row['met'][key] else 'MISSED'}"
             for key, limit in row["targets"].items()]
    if not row["stable"]:
        marks.append(f"not stable (±{row['doubt']:.0%})")
    return "  ".join([text, *marks]).rstrip()


def measure(world, family):
    table = Table(family)
    start, before = time.monotonic(), machine.load()
    print(f"---- {family} ----", flush=True)
    importlib.import_module(f"rows.{family}").measure(world, table)
    return {"rows": table.rows, "notes": table.notes, "seconds": round(time.monotonic() - start, 1),
            "load": [before, machine.load()], "when": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime())}


def write(path, known):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


def main(build, folder, image, results, *families):
    path = pathlib.Path(results)
    known = json.loads(path.read_text()) if path.exists() else {}
    known["machine"] = machine.facts()
    world = World(build, folder, image)
    for family in families or FAMILIES:
        known.setdefault("families", {})[family] = measure(world, family)
        write(path, known)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    if len(sys.argv) < 5 or set(sys.argv[5:]) - set(FAMILIES):
        sys.exit(f"{__doc__}\nROW: {', '.join(FAMILIES)}")
    main(*sys.argv[1:])
