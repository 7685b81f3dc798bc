"""Trees of many files: audit against find piped to awk, removal against rm -rf. In memory where there is room:
what is measured is the walk."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from rounds import Rounds

DIRECTORIES, FILES = 10_000, 20
FIND = r"""find "$1" -printf '%U %m %s %T@ %p\n' | awk '{ n++; bytes += $3; owners[$1]++ }
END { print n, bytes; for (uid in owners) print uid, owners[uid] }'"""


def make(top):
    for number in range(DIRECTORIES):
        folder = f"{top}/{number % 10}/{number // 10 % 100}/package{number}"
        os.makedirs(folder)
        at = os.open(folder, os.O_RDONLY)
        for name in range(FILES):
            os.close(os.open(f"file-{name}.txt", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=at))
        os.close(at)


def spent(argv):
    start = time.monotonic_ns()
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return (time.monotonic_ns() - start) / 1e6, done.stdout


def removal(program, place, work):
    def measure():
        run = place / "root" / "7"
        run.mkdir(parents=True, exist_ok=True)
        make(run / "42")
        ours = spent([program, "janitor", "remove", "--root", place / "root", "--run", "7", "--job", "42"])[0]
        if run.exists():
            raise RuntimeError(f"{run} is still there")
        make(work / "gone")
        return {"remove": [ours], "rm": [spent(["rm", "-rf", work / "gone"])[0]]}
    return measure


def measure_in(program, place, table):
    work = place / "instance" / "_work"
    make(work / "big")

    def audit():
        taken, text = spent([program, "workdir", "audit", "--instance", place / "instance"])
        if f"{DIRECTORIES * FILES + DIRECTORIES + 1011} entries" not in text:
            raise RuntimeError(text)
        return {"audit": [taken]}
    found = Rounds(least=3, most=5, seconds=25).gather(
        [audit, lambda: {"find": [spent(["sh", "-c", FIND, "sh", work / "big"])[0]]}, removal(program, place, work)],
        [("audit", "find"), ("remove", "rm")])
    row = table.of(found, "ms")
    row("audit of 200,000 files", "audit", "find", against="find | awk", ratio=0.333)
    row("removal of 200,000 files", "remove", "rm", against="rm -rf", ratio=1.0)


def measure(world, table):
    memory = pathlib.Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
    with tempfile.TemporaryDirectory(dir=memory if roomy else world.folder) as place:
        measure_in(world.build / "shithubd-runner", pathlib.Path(place), table)
