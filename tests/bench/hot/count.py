#!/usr/bin/env python3
"""count.py BUILD [--write]: instructions of the hot loops (hot.c), compared with baseline.json.

A count is the same on each run of one build, however noisy the machine and whatever its processor can do
beyond SSE2 (libc is kept from using that), so a few percent more mean that code has become slower; how much
slower, `make bench` tells. Exit 1 when a row needs more than its baseline and TOLERANCE. --write takes what was counted as the new baseline: with a change that makes a row
dearer for a reason, or cheaper, so that it stays so.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BASELINE = HERE / "baseline.json"
TOLERANCE = 0.03  # another version of libc or of the compiler
SSE2_ALONE = "glibc.cpu.hwcaps=" + ",".join("-" + name for name in (
    "AVX2", "AVX", "BMI2", "ERMS", "FSRM", "AVX_Fast_Unaligned_Load", "SSE4_2", "SSE4_1", "SSSE3"))


def count(program, row):
    """Instructions for a unit, and the unit."""
    ran = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=hot_measured", "--callgrind-out-file=/dev/null",
         program, row], capture_output=True, text=True, check=True,
        env={**os.environ, "GLIBC_TUNABLES": SSE2_ALONE})
    units, unit = ran.stdout.split()
    instructions = int(re.search(r"Collected : (\d+)", ran.stderr)[1])
    return instructions / int(units), unit


def judge(now, before):
    if before is None:
        return "new: count.py --write"
    if now > before * (1 + TOLERANCE):
        return "MORE"
    return "less: count.py --write" if now < before * (1 - TOLERANCE) else "ok"


def main():
    program = pathlib.Path(sys.argv[1]) / "bench/hot"
    rows = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    counted, worse = {}, 0
    print(f"{'instructions':<26} {'now':>10} {'baseline':>10}")
    for row in rows:
        now, unit = count(program, row)
        before, counted[row] = known.get(row), float(f"{now:.5g}")
        says = judge(now, before)
        worse += says == "MORE" or before is None
        print(f"{row:<26} {now:10.5g} {before or 0:10.5g} for each {unit:<10} {says}", flush=True)
    for row in known.keys() - counted.keys():
        print(f"{row}: in baseline.json, but hot.c has no such row")
        worse += 1
    if "--write" in sys.argv[2:]:
        BASELINE.write_text(json.dumps(counted, indent=1) + "\n")
        return 0
    return worse > 0


if __name__ == "__main__":
    sys.exit(main())
