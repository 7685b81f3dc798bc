"""Runners that are a few lines of asyncio each, for a pool of coordinators of which any may be away.

A runner sends what it has to say until it is answered, to one coordinator after the other, always under the
same Idempotency-Key. What was acknowledged is noted: it must be there at the end.
"""
import asyncio
import base64
import collections
import itertools
import json
import re
import time
import uuid

HELD, PATIENCE, PAUSE = 20, 120.0, 0.1
AWAY = (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError)


class Tally:
    """What the coordinators have acknowledged, all runners together."""

    def __init__(self):
        self.ended = collections.Counter()   # job: acknowledged ends
        self.heard = collections.Counter()   # job: answers that brought it
        self.lost = collections.Counter()    # job: executions that were refused with 401 or 404
        self.logs = {}                       # job: the bytes of its last execution
        self.later = collections.Counter()   # why a call was sent once more
        self.calls = 0
        self.longest = 0.0


class Caller:
    """One kept connection to one of the coordinators; to the next one when it breaks."""

    def __init__(self, bases, tally, first):
        self.bases, self.tally = itertools.cycle(bases[first % len(bases):] + bases[:first % len(bases)]), tally
        self.reader = self.writer = None

    def drop(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def once(self, request):
        if not self.writer:
            host, port = next(self.bases).removeprefix("http://").split(":")
            self.reader, self.writer = await asyncio.open_connection(host, int(port))
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await self.reader.readexactly(int(length.group(1))) if length else b""
        if re.search(rb"(?i)\r\nconnection: *close", head):
            self.drop()
        return int(head.split(b" ", 2)[1]), body

    async def call(self, path, token, body, prefer=""):
        """The first answer that is none of "come back later"."""
        text = json.dumps(body).encode()
        request = (f"POST /api/v1{path} HTTP/1.1\r\nHost: pool\r\nAuthorization: Bearer {token}\r\n{prefer}"
                   f"Idempotency-Key: {uuid.uuid4()}\r\nContent-Length: {len(text)}\r\n\r\n").encode() + text
        began = time.monotonic()
        while True:
            try:
                status, said = await asyncio.wait_for(self.once(request), HELD + 10)
            except AWAY as why:
                self.drop()
                status, said = 0, repr(why).encode()
            if status and status not in (429, 502, 503, 504):
                self.tally.calls += 1
                return status, json.loads(said) if said else {}
            self.tally.later[status or said.decode().partition("(")[0]] += 1
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"{path}: {status} {said[:200]!r} for {PATIENCE:g} s")
            await asyncio.sleep(PAUSE)


class Refused(Exception):
    pass


class Job:
    """One execution: the chain of its tokens, and what of its log was acknowledged."""

    def __init__(self, caller, claim):
        self.caller, self.id, self.token = caller, claim["job"]["id"], claim["token"]
        self.steps = [step["id"] for step in claim["job"]["steps"]]
        self.text = bytearray()

    async def must(self, path, **body):
        began = time.monotonic()
        status, said = await self.caller.call(f"/jobs/{self.id}/{path}", self.token, body)
        self.caller.tally.longest = max(self.caller.tally.longest, time.monotonic() - began)
        if status in (401, 404):
            raise Refused(f"job {self.id}: {path}: {status} {said}")
        if status >= 300:
            raise RuntimeError(f"job {self.id}: {path}: {status} {said}")
        self.token = said.get("next_token")

    async def run(self, chunks):
        await self.must("status", status="running")
        for step in self.steps:
            await self.must(f"steps/{step}/status", status="running")
            for seq in range(chunks):
                piece = "".join(f"job {self.id} step {step} chunk {seq} line {n} {'é' * (n % 7)}\n" for n in range(40))
                await self.must("logs", seq=seq, step_id=step, chunk=base64.b64encode(piece.encode()).decode())
                self.text += piece.encode()
            await self.must(f"steps/{step}/status", status="completed", conclusion="success")
        await self.must("status", status="completed", conclusion="success")


class Load:
    """RUNNERS that ask for jobs until as many have ended as there are."""

    def __init__(self, bases, tokens, jobs, chunks=2):
        self.bases, self.tokens, self.jobs, self.chunks = bases, tokens, jobs, chunks
        self.tally, self.over = Tally(), asyncio.Event()

    async def execute(self, caller, claim):
        job = Job(caller, claim)
        self.tally.heard[job.id] += 1
        try:
            await job.run(self.chunks)
        except Refused:
            self.tally.lost[job.id] += 1
            return
        self.tally.logs[job.id] = bytes(job.text)
        self.tally.ended[job.id] += 1
        if len(self.tally.ended) >= self.jobs:
            self.over.set()

    async def runner(self, number, token):
        caller = Caller(self.bases, self.tally, number)
        while not self.over.is_set():
            status, claim = await caller.call("/runners/heartbeat", token, {}, f"Prefer: wait={HELD}\r\n")
            if status == 200:
                await self.execute(caller, claim)
            elif status != 204:
                raise RuntimeError(f"heartbeat: {status} {claim}")
        caller.drop()

    async def run(self, limit):
        """Until all have ended."""
        runners = [asyncio.create_task(self.runner(n, token)) for n, token in enumerate(self.tokens)]
        over = asyncio.create_task(self.over.wait())
        done, _ = await asyncio.wait([over, *runners], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        for task in (over, *runners):
            task.cancel()
        ended = await asyncio.gather(*runners, return_exceptions=True)
        failed = [why for why in ended if isinstance(why, Exception) and not isinstance(why, asyncio.CancelledError)]
        if failed:
            raise failed[0]
        if over not in done:
            raise TimeoutError(f"{len(self.tally.ended)} of {self.jobs} jobs in {limit:g} s")
        return self.tally
