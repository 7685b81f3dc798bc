"""Row 4: the masker alone, with 20 secrets, against what a byte costs at least, and against sed."""
import random
import resource
import string
import subprocess

from rounds import Rounds

ROWS = ("mask log lines", "mask JSON", "mask quoted JSON", "mask base64", "mask near-matches", "memchr", "memcpy")
SIZE = 16 << 20
TARGETS = {"mask log lines": 5000, "mask JSON": 500, "mask quoted JSON": 500, "mask base64": 500,
           "mask near-matches": 500}


def alone(program, name):
    return lambda: {name: [float(subprocess.run([program, "--rate", name], capture_output=True, check=True).stdout)]}


def sed(folder):
    dice = random.Random(1)
    line = b"2026-01-01T12:00:00Z info compiler built target=//src/base:buffer seconds=0.42 cached=no\n"
    text = folder / "text"
    text.write_bytes((line * (SIZE // len(line) + 1))[:SIZE])
    rules = ";".join("s/{}/***/g".format("".join(dice.choices(string.ascii_letters, k=8 + 3 * n)))
                     for n in range(20))

    def measure():
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run(["sed", rules, text], stdout=subprocess.DEVNULL, check=True)
        return {"sed": [SIZE / 1e6 / (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)]}
    return measure


def measure(world, table):
    program = world.build / "bench/hot"
    found = Rounds(least=5, most=9, seconds=40).gather(
        [alone(program, name) for name in ROWS] + [sed(world.place("mask"))],
        [(name, None) for name in ROWS])
    row = table.of(found, "MB/s")
    row("memchr for a byte that is not there", "memchr", more=True)
    row("memcpy", "memcpy", more=True)
    for name, target in TARGETS.items():
        row(name, name, "memchr", more=True, value=target)
    row("mask log lines, again", "mask log lines", "sed", more=True)
