"""Row 3: how fast a step's output reaches a coordinator that reads and forgets, and what that costs."""
import random
import string

from rounds import Rounds
from world import took

BLOCK, BLOCKS = 16 << 20, 24
BYTES = BLOCK * BLOCKS
ENV = {"SHITHUB_RUNNER_STEP_LOG_LIMIT": "1g"}
TEXTS = {
    "log lines": "yes '2026-01-01T12:00:00Z info compiler built target=//src/base:buffer seconds=0.42 cached=no'",
    "short lines": "yes ok",
    "one endless line": "yes | tr '\\n' y",
    "binary": "head -c 16777216 /dev/urandom",
}


def secrets(count):
    dice = random.Random(1)
    return {f"SECRET_{n}": "".join(dice.choices(string.ascii_letters + string.digits, k=8 + 3 * (n % 20)))
            for n in range(count)}


def step(text, blocks=BLOCKS):
    return f"""{TEXTS[text]} | head -c {BLOCK} >/tmp/block
a=$(date +%s%N)
for i in $(seq {blocks}); do cat /tmp/block; done
b=$(date +%s%N)
echo
echo took $((b - a))
"""


def path(bed, name, text, count):
    def measure():
        before = bed.cpu()
        job, texts = bed.job([step(text)], secrets=secrets(count), timeout_minutes=10)
        bed.settle()
        spent = bed.cpu() - before
        if job.log_bytes < BYTES * 4 / 3:
            raise RuntimeError(f"{job.log_bytes} bytes arrived")
        own = float(texts[0].rsplit("took ", 1)[1].split()[0])
        return {f"{name}: step": [BYTES * 1e3 / own],
                f"{name}: arrived": [BYTES * 1e3 / (job.last_log - job.first_log)],
                f"{name}: cpu": [spent / (BYTES / 1e9)]}
    return measure


def plain(world, name, argv, size):
    return lambda: {name: [size / 1e3 / took(["sh", "-c", argv])]}


def measure(world, table):
    small = f"head -c {BLOCK} /dev/zero | tr '\\\\0' 'y'"
    run = f"docker run --rm --network none --entrypoint sh {world.image} -c"
    with world.bed(isolation="step", env=ENV) as bed:
        found = Rounds(least=3, most=4, seconds=70, sure=0.08).gather([
            path(bed, "20 secrets", "log lines", 20), path(bed, "no secret", "log lines", 0),
            path(bed, "500 secrets", "log lines", 500), path(bed, "short lines", "short lines", 20),
            path(bed, "endless line", "one endless line", 20), path(bed, "binary", "binary", 20),
            plain(world, "docker run", f"{run} 'for i in 1 2 3 4; do {small}; done' | cat >/dev/null", 4 * BLOCK),
            plain(world, "docker logs", f"docker run --name bench-logs --network none --entrypoint sh {world.image} "
                  f"-c '{small}' >/dev/null; docker logs bench-logs | cat >/dev/null; docker rm bench-logs >/dev/null",
                  BLOCK),
        ], [("20 secrets: arrived", "docker run")])
    row = table.of(found, "MB/s")
    row("to a null coordinator, 20 secrets", "20 secrets: arrived", "docker run", against="docker run | cat",
        more=True, value=500)
    row("as the step sees it, 20 secrets", "20 secrets: step", "docker run", against="docker run | cat", more=True)
    row("as the step sees it, 20 secrets, again", "20 secrets: step", "docker logs", against="docker run, docker logs",
        more=True)
    for name in ("no secret", "500 secrets", "short lines", "endless line", "binary"):
        row(f"to a null coordinator, {name}", f"{name}: arrived", more=True)
    cost = table.of(found, "s/GB")
    for name in ("20 secrets", "no secret", "500 secrets", "short lines", "endless line", "binary"):
        cost(f"processor of the runner, {name}", f"{name}: cpu", value=2 if name == "20 secrets" else None)
