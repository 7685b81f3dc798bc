"""Many jobs at capacity 8 while supervisors, job processes, containers and the coordinator are
killed by chance. At the end every job has ended once, each log is what its step wrote, cut only
where it was killed, and nothing is left anywhere.

SHITHUB_SOAK_JOBS says how many (default 500), SHITHUB_TEST_SEED replays the choices; what they hit
depends on time. Four runners, because the protocol allows each sixty heartbeats a minute.
"""
import collections
import contextlib
import os
import pathlib
import random
import re
import signal
import time

import pytest

import driver
from conftest import early, figure, once

JOBS = int(os.environ.get("SHITHUB_SOAK_JOBS", "500"))
LEGS = 250  # of a run, which takes 256 jobs
RUNNERS, CAPACITY = 4, 8
HALF = 50
BUDGET = 300.0 + 4 * JOBS  # seconds
PAUSE = 0.5  # between two kills on average, seconds
TEXT = """name: Soak
on: push
jobs:
  leg:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        leg: [{legs}]
    env:
      LEG: ${{{{ matrix.leg }}}}
    steps:
      - run: |
          seq -f "leg $LEG line %g" 1 {half}
          sleep 0.2
          seq -f "leg $LEG line %g" {next} {last}
"""


def expected(leg):
    return "".join(f"leg {leg} line {n}\n" for n in range(1, 2 * HALF + 1)).encode()


def children(program, role):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = re.search(r"PPid:\s+(\d+)", (entry / "status").read_text()).group(1)
            if int(parent) == program.process.pid and \
                    (entry / "cmdline").read_bytes().split(b"\0")[1:2] == [role]:
                found.append(int(entry.name))
    return found


def descriptors(program):
    return len(os.listdir(f"/proc/{program.process.pid}/fd"))


class Soak:
    def __init__(self, coordinator, engine, runners, chance):
        self.coordinator, self.engine, self.chance = coordinator, engine, chance
        self.port = coordinator.base.rsplit(":", 1)[1]
        self.runners = runners
        self.programs = [one.start() for one in runners]
        self.done = collections.Counter()

    def label(self, number):
        return f"sh.shithub.runner={self.runners[number].instance_ids()[0]}"

    def supervisor(self, number):
        self.programs[number].signal(signal.SIGKILL)
        self.programs[number].wait(10)
        self.programs[number] = self.runners[number].start()
        return True

    def job(self, number, how):
        mine = children(self.programs[number], b"job")
        if mine:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chance.choice(mine), how)
        return bool(mine)

    def container(self, number):
        mine = self.engine.containers(self.label(number))
        if mine:
            self.engine.api("DELETE", f"/containers/{self.chance.choice(mine)['Id']}?force=1")
        return bool(mine)

    def serve(self, how):
        self.coordinator.program.signal(how)
        self.coordinator.program.wait(30)
        self.coordinator.start(f"127.0.0.1:{self.port}")
        return True

    def strike(self):
        acts = {"supervisor -9": self.supervisor,
                "job process -9": lambda number: self.job(number, signal.SIGKILL),
                "job process -SEGV": lambda number: self.job(number, signal.SIGSEGV),
                "container removed": self.container,
                "coordinator -9": lambda _: self.serve(signal.SIGKILL),
                "coordinator restarted": lambda _: self.serve(signal.SIGTERM)}
        name = self.chance.choice(sorted(acts))
        self.done[name] += acts[name](self.chance.randrange(RUNNERS))

    def jobs(self):
        return [job for run in self.coordinator.runs()
                for job in self.coordinator.show(run["id"])["jobs"]]

    def over(self):
        return all(run["status"] == "completed" for run in self.coordinator.runs())

    def idle(self):
        return all(program.alive() and not list((one.state / "jobs").iterdir())
                   and not list((one.state / "leases").iterdir())
                   for program, one in zip(self.programs, self.runners))


def check(log, leg, conclusion):
    """All of it, or its beginning and why it ended there."""
    whole = expected(leg)
    if log.startswith(b"Started again: "):  # what an earlier attempt wrote is gone
        log = log.split(b"\n", 1)[1]
    if conclusion == "success":
        assert log == whole, f"leg {leg}: {log[-300:]}"
        return "whole"
    wrote, mark, _ = log.partition(b"[shithub]")
    assert mark, f"leg {leg}: {conclusion} without a reason: {log[-300:]}"
    # a line that the kill cut gets an end, so that the reason has a line of its own
    assert whole.startswith(wrote) or whole.startswith(wrote.removesuffix(b"\n")), \
        f"leg {leg}: {log[-300:]}"
    return "cut"


@early
@once
@pytest.mark.timeout(BUDGET + 300)
def test_soak(coordinator, repository, runner, engine):
    seed = os.environ.get("SHITHUB_TEST_SEED") or str(random.SystemRandom().randrange(10**9))
    print(f"SHITHUB_TEST_SEED={seed}")
    runners = []
    for number in range(RUNNERS):
        token = coordinator.register_runner(f"soak-{number}", capacity=CAPACITY)["token"]
        runners.append(runner(coordinator.base, token, capacity=str(CAPACITY), network="none"))
        runners[-1].env["ASAN_OPTIONS"] = "handle_segv=0"
    soak = Soak(coordinator, engine, runners, random.Random(seed))
    # what a runner keeps open is open once it has asked for a job
    driver.wait_for(lambda: all(one["last_heartbeat_at"] for one in coordinator.admin_json("runner", "list")),
                    60, "the runners")
    before = [descriptors(program) for program in soak.programs]
    repo = repository()
    for first in range(0, JOBS, LEGS):
        legs = range(first, min(first + LEGS, JOBS))
        repo.commit({"README.md": f"{first}\n", ".shithub/workflows/ci.yml": TEXT.format(
            legs=", ".join(map(str, legs)), half=HALF, next=HALF + 1, last=2 * HALF)})
        repo.push()
    began = time.monotonic()
    while not soak.over():
        assert time.monotonic() - began < BUDGET, [
            job for job in soak.jobs() if job["status"] != "completed"][:5]
        soak.strike()
        with contextlib.suppress(TimeoutError):
            driver.wait_for(soak.over, soak.chance.uniform(0, 2 * PAUSE), "the next kill")
    driver.wait_for(soak.idle, 120, "the runners to be done")
    took = time.monotonic() - began
    for number in range(RUNNERS):  # what an engine did not remove at once goes at the next start
        if engine.containers(soak.label(number)):
            soak.programs[number].stop()
            soak.programs[number] = runners[number].start()
    driver.wait_for(lambda: not any(engine.containers(soak.label(number))
                                    for number in range(RUNNERS)), 60, "containers to go")
    found = collections.Counter()
    jobs = soak.jobs()
    for job in jobs:
        assert job["status"] == "completed" and len(job["steps"]) == 1
        leg = int(re.search(r"\((\d+)\)", job["name"]).group(1))
        found[job["conclusion"], check(coordinator.step_log(job["id"], 0), leg,
                                       job["conclusion"])] += 1
    logs = "".join(program.log() for one in runners for program in one.programs)
    lost = logs.count("token_chain_lost")
    after = [descriptors(program) for program in soak.programs]
    networks = [made for made in engine.api("GET", "/networks")
                if "sh.shithub.runner" in (made["Labels"] or {})]
    ends = {" ".join(key): number for key, number in found.items()}
    figure(f"soak: {len(jobs)} jobs in {took:.0f} s at {RUNNERS} x {CAPACITY}\n"
           f"soak: kills: {dict(soak.done)}\nsoak: ends: {ends}; chains lost: {lost}\n"
           f"soak: left: containers 0, networks {len(networks)}, workspaces "
           f"{sum(len(one.left_over()) for one in runners)}, jobs and leases 0, descriptors "
           f"{before} before, {after} after")
    assert len(jobs) == JOBS and sum(found.values()) == JOBS and not networks
    assert not any(one.left_over() for one in runners)
    assert max(after) <= max(before) + 2, "descriptors leak"
    assert "Sanitizer" not in logs
