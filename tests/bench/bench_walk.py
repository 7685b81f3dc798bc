#!/usr/bin/env python3
"""bench_walk.py BUILD FOLDER IMAGE: a tree of a million files: audit against find piped to awk, and
removal against rm -rf, in turns. In memory where there is room: what is measured is the walk."""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 3
DIRECTORIES, FILES = 50_000, 20
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


def took(argv):
    start = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return time.monotonic() - start, done.stdout


def row(name, ours, theirs, target):
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    mark = "ok" if ours / theirs <= target else "MISSED"
    print(f"{name:<44} {ours * 1000:9.2f} {theirs * 1000:9.2f} ms  ratio {ours / theirs:6.3f}  "
          f"target {target:<5} {mark}", flush=True)


def measure(program, place):
    work = place / "instance" / "_work"
    make(work / "big")
    audit = [program, "workdir", "audit", "--instance", place / "instance"]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        seconds, text = took(audit)
        assert f"{DIRECTORIES * FILES + DIRECTORIES + 1011} entries" in text, text
        ours.append(seconds)
        theirs.append(took(["sh", "-c", FIND, "sh", work / "big"])[0])
    row("audit of 1,000,000 files / find | awk", ours, theirs, 0.333)
    ours, theirs = [], []
    for number in range(ROUNDS):
        run = place / "root" / "7"
        run.mkdir(parents=True, exist_ok=True)
        if number:
            make(work / "big")
        (work / "big").rename(run / "42")
        ours.append(took([program, "janitor", "remove", "--root", place / "root", "--run", "7",
                          "--job", "42"])[0])
        assert not run.exists()
        make(work / "big")
        theirs.append(took(["rm", "-rf", work / "big"])[0])
    row("removal of 1,000,000 files / rm -rf", ours, theirs, 1.0)


def main():
    build, folder = map(pathlib.Path, sys.argv[1:3])
    memory = pathlib.Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    with tempfile.TemporaryDirectory(dir=memory if roomy else folder) as place:
        measure(build / "shithubd-runner", pathlib.Path(place))


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main()
