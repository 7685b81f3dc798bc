#!/usr/bin/env python3
"""bench_mask.py BUILD FOLDER: processor time of the masker with 20 secrets, in MB/s (10^6).

Each text holds no secret: log lines without a byte that an escape could begin with, JSON full of
them, and wrapped base64. Medians of the time that `shithubd-runner mask` takes for itself.
"""
import json
import os
import pathlib
import random
import resource
import statistics
import string
import subprocess
import sys
import tempfile

ROUNDS, SIZE = 5, 64 << 20
LETTERS = string.ascii_letters + string.digits


def plain(dice):
    return (f"2026-01-01T12:00:00Z info compiler built target=//src/base:buffer seconds=0.42 "
            f"cached=no {dice.randrange(1000)}\n")


def as_json(dice):
    words = ["".join(dice.choices(string.ascii_lowercase, k=dice.randint(2, 9)))
             for _ in range(8)]
    return json.dumps({"level": "info", "msg": " ".join(words[:6]) + "\n",
                       "path": "C:\\" + words[6],
                       "url": f"https://h/%20a?b=c&d={words[7]}"}) + "\n"


def base64_line(dice):
    return "".join(dice.choices(LETTERS + "+/", k=76)) + "\n"


TEXTS = (("log lines", plain, 1000), ("JSON of quotes and escapes", as_json, 200),
         ("wrapped base64", base64_line, 200))


def seconds(program, values, text):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with text.open("rb") as source:
        subprocess.run([program, "mask", "--values-file", values], stdin=source,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main():
    program = pathlib.Path(sys.argv[1]) / "shithubd-runner"
    dice = random.Random(1)
    memory = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else sys.argv[2]) as place:
        values, text = pathlib.Path(place) / "values", pathlib.Path(place) / "text"
        values.write_text("\0".join("".join(dice.choices(LETTERS, k=8 + 3 * n))
                                    for n in range(20)))
        for name, line, target in TEXTS:
            block = "".join(line(dice) for _ in range(20000)).encode()
            text.write_bytes((block * (SIZE // len(block) + 1))[:SIZE])
            rate = SIZE / 1e6 / statistics.median(
                seconds(program, values, text) for _ in range(ROUNDS))
            mark = "ok" if rate >= target else "MISSED"
            print(f"{'masking: ' + name:<44} {rate:9.0f} {'':>9} {'MB/s':<3} {'':>11}  "
                  f"target {target:<5} {mark}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main()
