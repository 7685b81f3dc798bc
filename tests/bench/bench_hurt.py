#!/usr/bin/env python3
"""bench_hurt.py FOLDER BUILD [BEFORE]: what callers who want to hurt a coordinator take from others.

Each attack is made against a fresh `shithubd serve` of each build, the builds taking turns, on data folders
below FOLDER, which should lie on the disk that is meant. All callers share the machine and the address.
What the others get is measured while the attack goes on:

    half     1,200 connections that send half of a request, a byte a second, and come back when they are
             ended. 20 runners send a heartbeat each: how many are answered within five seconds.
    held     1,100 heartbeats that the coordinator may hold, of 22 runners. Likewise.
    git      70 requests of nobody's to fetch, without a body. How long a push takes, and a fetch with a token.
    bodies   140 bodies of 1 MiB without their last byte, with a token that is none. How long a runner's own
             record of 900 KB takes.
    jobs     one push whose workflow files ask for 76,800 jobs. How many it makes, how long runners that send
             one heartbeat after the other wait at most for an answer, and what the store takes afterwards.

Medians of three rounds. "none": refused, or no answer within 60 seconds (of heartbeats: five).
"""
import concurrent.futures
import contextlib
import pathlib
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy/local"))

import driver  # noqa: E402

ROUNDS, RUNNERS, PATIENCE, LIMIT = 3, 20, 5.0, 60.0
HALF, HELD, FETCHES, BODIES, BODY = 1200, 1100, 70, 140, 1 << 20
FILES, BRANCHES = 100, 3
LEGS = list(range(16))
WORKFLOW = f"""\
on: push
jobs:
  many:
    runs-on: nobody
    strategy: {{matrix: {{a: {LEGS}, b: {LEGS}}}}}
    steps: [{{run: "true"}}]
"""


# ---- a coordinator of either build ----

def add_repository(coordinator, name, token):
    """Repositories were public until --public came."""
    said = driver.run([coordinator.binary, "admin", "repo", "add", "--help"]).stdout
    coordinator.admin("repo", "add", name, *(["--public"] if b"--public" in said else []))
    return driver.Repository(coordinator, name, token)


def register(coordinator, count, capacity=1):
    return [coordinator.register_runner(f"r{number}", "linux", capacity)["token"]
            for number in range(count)]


def connect(coordinator):
    host, port = coordinator.base.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def head(path, *more, token=None, length=2):
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *more]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


# ---- what the others get ----

def heartbeat(coordinator, token, limit=PATIENCE):
    """Seconds to the answer of a new connection, None without one."""
    began = time.monotonic()
    try:
        answer = coordinator.request("POST", "/api/v1/runners/heartbeat", {}, token, timeout=limit)
    except (OSError, urllib.error.URLError):
        return None
    return time.monotonic() - began if answer.status in (200, 204) else None


def answered(coordinator, tokens):
    with concurrent.futures.ThreadPoolExecutor(len(tokens)) as pool:
        took = list(pool.map(lambda token: heartbeat(coordinator, token), tokens))
    got = [one for one in took if one is not None]
    return {"runners answered": len(got), "heartbeat, s": statistics.median(got) if got else None}


def seconds(act):
    began = time.monotonic()
    try:
        act()
    except (driver.CommandFailed, subprocess.TimeoutExpired, OSError):
        return None
    return time.monotonic() - began


# ---- the attacks ----

class Flood:
    """Connections that are opened again when they are ended, and send what keeps them alive."""

    def __init__(self, coordinator, opening, drip, count):
        self.coordinator, self.opening, self.drip, self.count = coordinator, opening, drip, count
        self.ended, self.open = threading.Event(), []
        self.fill()
        self.thread = threading.Thread(target=self.live)
        self.thread.start()

    def fill(self):
        while len(self.open) < self.count and not self.ended.is_set():
            try:
                one = connect(self.coordinator)
                one.sendall(self.opening(len(self.open)))
            except OSError:
                return
            one.settimeout(0)
            self.open.append(one)

    def lives(self, one):
        try:
            if self.drip:
                one.send(self.drip)
            return one.recv(1) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def live(self):
        while not self.ended.wait(1):
            living = [one for one in self.open if self.lives(one)]
            for one in set(self.open) - set(living):
                one.close()
            self.open = living
            self.fill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        for one in self.open:
            one.close()


def half(coordinator):
    tokens = register(coordinator, RUNNERS)
    with Flood(coordinator, lambda _: b"POST /api/v1/runners/heartbeat HTTP/1.1\r\nHost:", b"x", HALF):
        return answered(coordinator, tokens)


def held(coordinator):
    tokens = register(coordinator, RUNNERS + 22)
    with Flood(coordinator, lambda number: head(
            "/api/v1/runners/heartbeat", "Prefer: wait=60", token=tokens[RUNNERS + number % 22]) + b"{}",
            None, HELD):
        return answered(coordinator, tokens[:RUNNERS])


def git(coordinator):
    repo = add_repository(coordinator, "demo/sample", coordinator.create_token())
    repo.commit({"README.md": "x\n"})
    repo.push()
    repo.commit({"README.md": "y\n"})
    path = "/demo/sample.git/git-upload-pack"
    words = ("Content-Type: application/x-git-upload-pack-request",)
    with Flood(coordinator, lambda _: head(path, *words, length=1000), None, FETCHES):
        return {"push, s": seconds(lambda: limited(repo, "push", "-q", "origin", "HEAD:trunk")),
                "fetch, s": seconds(lambda: limited(repo, "fetch", "-q", "origin", "trunk"))}


def limited(repo, *words):
    driver.run(["git", *words], env=repo.env, cwd=repo.clone, timeout=LIMIT)


def bodies(coordinator):
    (token,) = register(coordinator, 1)
    record = {"key": "k", "host": "h", "action": "prune_docker_cache", "status": "planned",
              "documents": {"text": "x" * 900_000}}

    def tell():
        answer = coordinator.request("POST", "/api/v1/runners/evidence", record, token,
                                     {"Idempotency-Key": "k:planned"}, timeout=LIMIT)
        if answer.status != 201:
            raise OSError(answer.status)

    with Flood(coordinator, lambda _: head("/api/v1/runners/evidence", token="0" * 64, length=BODY)
               + b" " * (BODY - 1), None, BODIES):
        return {"record, s": seconds(tell), "heartbeat, s": heartbeat(coordinator, token)}


def jobs(coordinator):
    repo = add_repository(coordinator, "demo/sample", coordinator.create_token())
    tokens = register(coordinator, 8)
    files = {f".shithub/workflows/{number}.yml": WORKFLOW for number in range(FILES)}
    for branch in range(BRANCHES):
        repo.commit(files, f"branch {branch}")
        repo.git("branch", f"b{branch}")
    ended, waits = threading.Event(), []

    def beat():
        number = 0
        while not ended.is_set():
            number += 1
            waits.append(heartbeat(coordinator, tokens[number % len(tokens)], LIMIT) or LIMIT)
            ended.wait(0.2)  # a runner is heard 60 times a minute

    thread = threading.Thread(target=beat)
    thread.start()
    took = seconds(lambda: limited(repo, "push", "-q", "origin", "refs/heads/b*:refs/heads/b*"))
    ended.wait(1)
    ended.set()
    thread.join()
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db")) as store:
        ((made,),) = store.execute("SELECT count(*) FROM workflow_jobs")
    size = sum(path.stat().st_size for path in coordinator.data.glob("shithubd.db*"))
    return {"jobs made": made, "push, s": took, "longest heartbeat, s": max(waits),
            "store, MB": size / 1e6}


ATTACKS = (half, held, git, bodies, jobs)


# ---- the table ----

def measure(attack, build, folder):
    coordinator = driver.Coordinator(build, folder)
    coordinator.start()
    try:
        return attack(coordinator)
    finally:
        coordinator.program.stop()


def median(values):
    """A round in which nothing came counts as the longest."""
    ranked = sorted(values, key=lambda value: float("inf") if value is None else value)
    return ranked[len(ranked) // 2]


def shown(value):
    return "none" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def compare(attack, builds, folder):
    seen = {build: [] for build in builds}
    for number in range(ROUNDS):
        for build in builds:
            with tempfile.TemporaryDirectory(dir=folder) as data:
                seen[build].append(measure(attack, build, pathlib.Path(data) / "c"))
    for name in seen[builds[0]][0]:
        values = [shown(median([one[name] for one in seen[build]])) for build in reversed(builds)]
        print(f"| {attack.__name__} | {name} | " + " | ".join(values) + " |", flush=True)


def main(folder, *builds):
    print("| attack | what others get | " + " | ".join(("before", "after")[-len(builds):]) + " |")
    print("|---|---|" + "---|" * len(builds), flush=True)
    for attack in ATTACKS:
        compare(attack, builds, folder)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
