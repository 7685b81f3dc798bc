#!/usr/bin/env python3
"""bench_live.py BUILD [STREAMS LINES SECONDS]: live logs: STREAMS (500) readers of the log of one job that
writes LINES (1000) lines a second, for SECONDS (20).

Each line says when it was sent; a reader takes the time of the first and the last line of what it
receives. Readers come from many loopback addresses, as there is a limit for one, and run in two
processes of their own that yield. Meanwhile other runners ask for jobs ten times a second. Prints how long lines
took, how long heartbeats took (and did before anybody read), what serve took of a processor and of
memory, and how long its threads were away from their loops.
"""
import asyncio
import base64
import json
import multiprocessing
import os
import pathlib
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy/local"), str(ROOT / "tests/system")]

import byhand  # noqa: E402
import driver  # noqa: E402

WORKFLOW = "on: push\njobs: {work: {runs-on: linux, steps: [{run: make}]}}\n"
OF_ADDRESS, PARTS, CHUNKS = 60, 2, 10  # streams of one address; processes that read; chunks a second
RUNNERS = 20  # that ask for jobs, each not too often
MARK = b"sent@"


class Reader(asyncio.Protocol):
    """Counts events and notes when lines came; what it does not need it does not read."""

    def __init__(self, request, now, seen):
        self.request, self.now, self.seen = request, now, seen
        self.lines = self.bytes = 0
        self.ended = False

    def connection_made(self, transport):
        transport.write(self.request)

    def data_received(self, data):
        now = time.monotonic()
        self.bytes += len(data)
        self.lines += data.count(b"<p ")
        for at in {data.find(MARK), data.rfind(MARK)} - {-1}:
            stamp = data[at + len(MARK):at + len(MARK) + 16]
            if len(stamp) == 16:
                self.seen.append(now - float(stamp))

    def connection_lost(self, exc):
        self.ended = True


async def read_all(address, path, numbers, ready, stop):
    loop, seen = asyncio.get_running_loop(), []
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    readers = [(await loop.create_connection(
        lambda: Reader(request, time.monotonic, seen), *address,
        local_addr=(f"127.0.0.{2 + number // OF_ADDRESS}", 0)))[1] for number in numbers]
    await asyncio.sleep(1)
    ready.set()
    while not stop.is_set():
        await asyncio.sleep(0.5)
    return seen, readers


def part(address, path, numbers, ready, stop, results):
    os.nice(10)  # readers are elsewhere in the world
    seen, readers = asyncio.run(read_all(address, path, numbers, ready, stop))
    results.put((seen, [reader.lines for reader in readers], sum(reader.bytes for reader in readers),
                 sum(reader.ended for reader in readers)))


def write(claimed, lines, seconds):
    """The job: LINES a second in CHUNKS; how many there were."""
    began, sent = time.monotonic(), 0
    while (now := time.monotonic()) < began + seconds:
        due = int((now - began) * lines)
        text = "".join(f"sent@{time.monotonic():016.6f} cc -O2 -c src/module_{n}.c -o build/module_{n}.o -Wall\n"
                       for n in range(sent, due))
        if text:
            claimed.must("logs", {"seq": claimed.seq.get(0, 0), "step_id": claimed.steps[0],
                                  "chunk": base64.b64encode(text.encode()).decode()})
            claimed.seq[0] = claimed.seq.get(0, 0) + 1
            sent = due
        time.sleep(1 / CHUNKS)
    return sent


def heartbeats(coordinator, tokens, stop, took):
    while not stop.is_set():
        token = tokens[len(took) % len(tokens)]
        began = time.monotonic()
        answer = byhand.heartbeat(coordinator, token)
        assert answer.status == 204, answer.body
        took.append(time.monotonic() - began)
        time.sleep(0.1)


def share(values, part_of):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part_of))] * 1e3


def usage(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    rss = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    return (int(fields[11]) + int(fields[12])) / 100, rss


def while_beating(coordinator, tokens, work):
    """What work returns, and how long heartbeats took meanwhile."""
    stop, took = threading.Event(), []
    thread = threading.Thread(target=heartbeats, args=(coordinator, tokens, stop, took))
    thread.start()
    try:
        return work(), took
    finally:
        stop.set()
        thread.join()


def prepared(coordinator):
    repo = coordinator.repository("demo/live", coordinator.create_token())
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    claimed = byhand.claim(coordinator, coordinator.register_runner("busy", "linux")["token"])
    claimed.must("status", {"status": "running"})
    claimed.step(0, "running")
    return claimed, [coordinator.register_runner(f"idle-{number}", "other")["token"] for number in range(RUNNERS)]


def measure(coordinator, streams, lines, seconds):
    claimed, tokens = prepared(coordinator)
    pid = coordinator.program.process.pid
    host, port = coordinator.base.removeprefix("http://").split(":")
    path = f"/demo/live/runs/{claimed.run_id}/jobs/{claimed.id}/events?at=now"
    _, alone = while_beating(coordinator, tokens, lambda: write(claimed, lines, seconds / 4))
    before = usage(pid)
    make, results, stop = multiprocessing.get_context("fork"), multiprocessing.Queue(), multiprocessing.Event()
    ready = [make.Event() for _ in range(PARTS)]
    parts = [make.Process(target=part, args=((host, int(port)), path, range(number, streams, PARTS),
                                             ready[number], stop, results)) for number in range(PARTS)]
    for one in parts:
        one.start()
    for event in ready:
        event.wait()
    coordinator.request("GET", "/metrics")
    start, began = usage(pid), time.monotonic()
    sent, beats = while_beating(coordinator, tokens, lambda: write(claimed, lines, seconds))
    took, end = time.monotonic() - began, usage(pid)
    page = coordinator.request("GET", "/metrics").body.decode()
    time.sleep(2)
    stop.set()
    got = [results.get() for _ in parts]
    for one in parts:
        one.join()
    seen = [value for some, *_ in got for value in some]
    counts = [count for _, some, *_ in got for count in some]
    assert sum(ended for *_, ended in got) == 0, "streams ended"
    assert set(counts) == {sent}, f"{sent} lines were sent, readers have {min(counts)} to {max(counts)}"
    print(f"{streams} streams, {sent / took:.0f} lines a second: each reader has all {sent} lines")
    print(f"line until read: median {share(seen, .5):.0f} ms, 99 % {share(seen, .99):.0f} ms, all {share(seen, 1):.0f} ms")
    for name, values in (("nobody reads", alone), ("all read", beats)):
        print(f"heartbeat while {name}: median {share(values, .5):.1f} ms, 99 % {share(values, .99):.1f} ms")
    print(f"serve: {(end[0] - start[0]) / took:.2f} of a processor, {(end[1] - before[1]) / streams / 1024:.0f} KiB of memory a "
          f"stream, sent {sum(some for _, _, some, _ in got) / took / 1e6:.0f} MB a second")
    print(*(line.removeprefix("shithub_actions_") for line in page.splitlines()
            if line.startswith("shithub_actions_loop_")), sep="; ")


def main(build, streams="500", lines="1000", seconds="20"):
    with tempfile.TemporaryDirectory() as folder, driver.Coordinator(build, folder) as coordinator:
        measure(coordinator, int(streams), int(lines), float(seconds))
        log = json.dumps([line for line in coordinator.program.log().splitlines() if " error " in line])
        print(f"errors in its log: {log}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
