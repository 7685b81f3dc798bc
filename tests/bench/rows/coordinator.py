"""Row 6: what a coordinator with many runners and jobs gets done, and how long its threads are away.

Callers share the two processors with it; they are one process that keeps its connections. A job's calls go
one after the other, each used token giving the next, as a runner sends them.
"""
import asyncio
import base64
import json
import pathlib
import re
import time

from rounds import Rounds
from world import driver

FILES, LEGS, RUNNERS, CALLERS, SECONDS = 40, 16, 1000, 64, 3.0
WORKFLOW = f"""on: push
jobs:
  work:
    strategy: {{matrix: {{a: {list(range(LEGS))}, b: {list(range(LEGS))}}}}}
    runs-on: linux
    steps: [{{run: echo hi}}]
"""
CHUNK = base64.b64encode(b"a line of a log, as programs write them\n" * 200).decode()


class Caller:
    """One kept connection."""

    async def connect(self, coordinator):
        host, port = coordinator.base.removeprefix("http://").split(":")
        self.reader, self.writer = await asyncio.open_connection(host, int(port))
        return self

    async def call(self, path, token, body=b"{}", prefer=""):
        self.writer.write(f"POST /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{prefer}"
                          f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        said = await self.reader.readexactly(int(length.group(1))) if length else b""
        return int(head.split(b" ", 2)[1]), said


class Load:
    """A coordinator with jobs and runners."""

    def __init__(self, coordinator, files):
        self.coordinator, self.claimed = coordinator, []
        repo = coordinator.repository("bench/many", coordinator.create_token())
        repo.commit({f".shithub/workflows/{number}.yml": WORKFLOW for number in range(files)})
        repo.push()
        driver.wait_for(lambda: len(coordinator.runs()) >= files or None, 120, "all runs")

    def register(self, count):
        return [self.coordinator.register_runner(f"r{n}", "linux", CALLERS)["token"] for n in range(count)]

    async def claim(self, token, count):
        """Until the runner has that many; how many a second."""
        caller, start = await Caller().connect(self.coordinator), time.monotonic()
        for _ in range(count):
            status, said = await caller.call("/runners/heartbeat", token)
            if status != 200:
                raise RuntimeError(f"a heartbeat: {status} {said!r}")
            claim = json.loads(said)
            self.claimed.append([claim["job"]["id"], claim["token"], claim["job"]["steps"][0]["id"]])
        return count / (time.monotonic() - start)

    async def one(self, job, what, end):
        caller, number = await Caller().connect(self.coordinator), 0
        while time.monotonic() < end:
            body = b"{}" if what == "cancel-check" else json.dumps(
                {"seq": job[3], "chunk": CHUNK, "step_id": job[2]}).encode()
            status, said = await caller.call(f"/jobs/{job[0]}/{what}", job[1], body)
            if status not in (200, 202):
                raise RuntimeError(f"{what}: {status} {said!r}")
            job[1] = json.loads(said)["next_token"]
            job[3] += what == "logs"
            number += 1
        return number

    def calls(self, what):
        """Calls a second of all claimed jobs at once."""
        async def everybody():
            end = time.monotonic() + SECONDS
            return sum(await asyncio.gather(*(self.one(job, what, end) for job in self.claimed)))
        return asyncio.run(everybody()) / SECONDS

    def longest(self):
        """Milliseconds that a thread of serve was away from its loop since the last time this was asked."""
        page = self.coordinator.request("GET", "/metrics").body.decode()
        found = re.findall(r"^shithub_actions_loop_longest_seconds\S* (\S+)", page, re.M)
        return max(map(float, found)) * 1e3


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def held(coordinator, table):
    """Memory of heartbeats that wait: one a runner, which no job fits."""
    pid = coordinator.program.process.pid
    idle = [coordinator.register_runner(f"idle{n}", "other")["token"] for n in range(200)]

    async def hold():
        before = rss_kib(pid)
        callers = [await Caller().connect(coordinator) for _ in idle]
        waiting = [asyncio.ensure_future(caller.call("/runners/heartbeat", token, prefer="Prefer: wait=20\r\n"))
                   for caller, token in zip(callers, idle)]
        await asyncio.sleep(1.5)
        grown = rss_kib(pid) - before
        open_yet = sum(not one.done() for one in waiting)
        for one in waiting:
            one.cancel()
        return grown, open_yet
    grown, count = asyncio.run(hold())
    table.figure("memory for a held runner", grown / max(count, 1), "KiB")


def push(world):
    with world.coordinator() as coordinator:
        repo = coordinator.repository("bench/refs", coordinator.create_token())
        repo.commit({"README.md": "x\n"})
        repo.push()
        head = repo.git("rev-parse", "HEAD")
        names = "".join(f"create refs/heads/b{n} {head}\n" for n in range(1000))
        driver.run(["git", "update-ref", "--stdin"], stdin=names.encode(), env=repo.env, cwd=repo.clone)
        start = time.monotonic_ns()
        repo.git("push", "-q", "origin", "refs/heads/b*:refs/heads/b*")
        return (time.monotonic_ns() - start) / 1e6


def measure(world, table):
    with world.coordinator() as coordinator:
        load = Load(coordinator, FILES)
        tokens = load.register(RUNNERS)
        load.longest()
        rates = [asyncio.run(load.claim(token, CALLERS // 4)) for token in tokens[:4]]
        for job in load.claimed:
            job.append(0)

        def calls():
            rate = load.calls("cancel-check")
            return {"calls": [rate], "stall": [load.longest()]}
        found = Rounds(least=3, most=5, seconds=25).gather(
            [calls, lambda: {"logs": [load.calls("logs")]}], [("calls", None)])
        found["claims"] = type(found["calls"])()
        for rate in rates:
            found["claims"].add([rate])
        row = table.of(found, "a second")
        row(f"claims, {FILES * LEGS * LEGS} jobs wait", "claims", more=True)
        row(f"job calls, {CALLERS} jobs run", "calls", more=True, value=3000)
        row("log chunks of 8 KB", "logs", more=True)
        table.of(found, "ms")(f"longest stall of a thread, {RUNNERS} runners", "stall", value=20)
    with world.coordinator() as coordinator:
        held(coordinator, table)
    table.figure("push of 1,000 references", push(world), "ms")
