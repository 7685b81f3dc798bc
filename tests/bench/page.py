#!/usr/bin/env python3
"""page.py ROOT: the measured parts of docs/PERFORMANCE.md, between its markers, and the plots beside it, from
bench/results.json."""
import json
import pathlib
import sys

import plot

MARK = "<!-- measured: {} -->"
END = "<!-- end -->"
TITLES = {"step": "A step", "job": "A job", "log": "A log's way", "mask": "The masker", "checkout": "A checkout",
          "coordinator": "The coordinator", "memory": "Memory and sizes", "growth": "Growth", "tree": "Trees of files",
          "run": "From a clone"}
PLOTTED = {"step": "ms", "log": "MB/s", "mask": "MB/s", "checkout": "ms"}


def value(row, key="median"):
    return f"{row[key]:g}"


def spread(row):
    return f"{row['min']:g} to {row['max']:g}" if "min" in row else ""


def goals(row):
    words = []
    for key, limit in row["targets"].items():
        sign = "≥" if key == "median" and row["more_is_better"] else "≤"
        what = "ratio " if key == "ratio" else ""
        words.append(f"{what}{sign} {limit:g}: {'met' if row['met'][key] else '**missed**'}")
    return ", ".join(words)


def line(row):
    other = row.get("against")
    theirs = f"{other['name']}: {value(other)}" if other else ""
    ratio = f"{row['ratio']:g}" if other else ""
    doubt = f"±{row['doubt']:.0%}" + ("" if row["stable"] else ", not stable") if row["rounds"] > 1 else ""
    theirs = theirs.replace("|", "to")
    return (f"| {row['name']} | {value(row)} {row['unit']} | {spread(row)} | {theirs} | {ratio} | {doubt} | "
            f"{goals(row)} |")


def table(found):
    head = ["| | median | min to max | against | ratio | doubt | target |", "|---|---|---|---|---|---|---|"]
    loads = f"Measured {found['when']}, load {found['load'][0][0]} before and {found['load'][1][0]} after."
    notes = [f"- {note}" for note in found["notes"]]
    return "\n".join(head + [line(row) for row in found["rows"]] + [""] + notes + ([""] if notes else []) + [loads])


def targets(families):
    head = ["| target | | measured |", "|---|---|---|"]
    rows = [f"| {TITLES[family]}: {row['name']} | {goals(row)} | {value(row)} {row['unit']}"
            + (f", ratio {row['ratio']:g}" if "ratio" in row else "") + " |"
            for family in TITLES for row in families.get(family, {"rows": []})["rows"] if row["targets"]]
    return "\n".join(head + rows)


def facts(known):
    return "\n".join(f"- {name}: {text}" for name, text in known.items() if text)


def fill(text, name, content):
    begin, end = MARK.format(name), END
    if begin not in text:
        return text
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end, 1)[1]}"


def draw(folder, family, found):
    groups = [(row["name"], row["median"], row.get("against", {}).get("name"), row.get("against", {}).get("median"),
               row["targets"].get("median")) for row in found["rows"]
              if row["unit"] == PLOTTED[family] and row["median"] > 0]
    if groups:
        (folder / f"performance-{family}.svg").write_text(plot.bars(f"{TITLES[family]}, {PLOTTED[family]}", groups))


def main(root):
    root = pathlib.Path(root)
    known = json.loads((root / "bench/results.json").read_text())
    page = root / "docs/PERFORMANCE.md"
    text = page.read_text()
    text = fill(text, "machine", facts(known["machine"]))
    text = fill(text, "targets", targets(known["families"]))
    for family, found in known["families"].items():
        text = fill(text, family, table(found))
        if family in PLOTTED:
            draw(root / "docs", family, found)
    page.write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
