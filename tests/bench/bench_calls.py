#!/usr/bin/env python3
"""bench_calls.py FOLDER BUILD [BEFORE]: calls of running jobs a second, and their ratio to BEFORE's.

64 jobs send one call after the other, each used token giving the next, as a runner does for its logs.
The builds take turns, each on a data folder of its own below FOLDER, which should lie on the disk that
is meant. Medians of the rounds; also the longest call, what an admin verb took meanwhile, and for how
long a thread of serve was away from its loop (a build that says so).
"""
import asyncio
import json
import pathlib
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy/local"))

import driver  # noqa: E402

ROUNDS, SECONDS, JOBS, RUNNERS = 3, 6, 64, 4
WORKFLOW = """\
on: push
jobs:
  work:
    strategy: {matrix: {n: [%s]}}
    runs-on: linux
    steps: [{run: echo hi}]
""" % ", ".join(str(n) for n in range(JOBS))


def claims(coordinator):
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    driver.wait_for(coordinator.runs, what="a run")
    for number in range(RUNNERS):
        token = coordinator.register_runner(f"r{number}", "linux", JOBS // RUNNERS)["token"]
        for _ in range(JOBS // RUNNERS):
            yield coordinator.request("POST", "/api/v1/runners/heartbeat", {}, token).json()


async def call(reader, writer, job, token):
    writer.write(f"POST /api/v1/jobs/{job}/cancel-check HTTP/1.1\r\nHost: x\r\nAuthorization: "
                 f"Bearer {token}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(head + body)
    return json.loads(body)["next_token"]


async def one_job(address, claim, end, took):
    reader, writer = await asyncio.open_connection(*address)
    token = claim["token"]
    while time.monotonic() < end:
        began = time.monotonic()
        token = await call(reader, writer, claim["job"]["id"], token)
        took.append(time.monotonic() - began)
    writer.close()


async def all_jobs(address, claimed, took):
    end = time.monotonic() + SECONDS
    await asyncio.gather(*(one_job(address, claim, end, took) for claim in claimed))


def verbs(coordinator, stop, took):
    """What writes takes the lock that serve has most of the time."""
    number = 0
    while not stop.is_set():
        number += 1
        began = time.monotonic()
        coordinator.admin("repo", "add", f"demo/r{number}")
        took.append(time.monotonic() - began)


def print_loops(coordinator):
    page = coordinator.request("GET", "/metrics").body.decode()
    print(*(line.removeprefix("shithub_actions_") for line in page.splitlines()
            if line.startswith("shithub_actions_loop_")), sep="; ")


def measure(build, folder):
    coordinator = driver.Coordinator(build, folder).start()
    host, port = coordinator.base.removeprefix("http://").split(":")
    claimed, took, other, stop = list(claims(coordinator)), [], [], threading.Event()
    thread = threading.Thread(target=verbs, args=(coordinator, stop, other))
    thread.start()
    asyncio.run(all_jobs((host, int(port)), claimed, took))
    stop.set()
    thread.join()
    print_loops(coordinator)
    coordinator.stop()
    return len(took) / SECONDS, max(took) * 1e3, statistics.median(other) * 1e3


def main(folder, *builds):
    seen = {build: [] for build in builds}
    for number in range(ROUNDS):
        for build in builds:
            with tempfile.TemporaryDirectory(dir=folder) as data:
                seen[build].append(measure(build, pathlib.Path(data) / f"c{number}"))
                print(f"{build}: %.0f calls/s, longest %.0f ms, admin verb %.0f ms"
                      % seen[build][-1], flush=True)
    rates = [statistics.median(rate for rate, *_ in seen[build]) for build in builds]
    print(" ".join(f"{rate:.0f} calls/s" for rate in rates))
    if len(rates) > 1:
        print(f"ratio {rates[0] / rates[1]:.2f}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
