#!/usr/bin/env python3
"""bench_pool.py BUILD [RUNNERS JOBS [FAULTS [COORDINATORS]]]: two coordinators on one PostgreSQL, with runners that wait and
jobs with needs and matrices: each job ends once, and each log has the bytes that were acknowledged.

FAULTS (kill,restart,objects, the default; none) happen meanwhile: one of the two coordinators is killed with
SIGKILL every few seconds, the other next time; the database server is restarted in the middle; the object store
is away for a minute. Run it below deploy/local/postgres.sh (FSYNC=on for figures). Sizes by default: 1000 runners,
10000 jobs. `sqlite` for FAULTS measures one coordinator with its file instead.
"""
import asyncio
import concurrent.futures
import contextlib
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy/local"), str(ROOT / "tests/system")]

import driver  # noqa: E402
from bucket import Bucket  # noqa: E402
from pool_load import Load  # noqa: E402

KILL_EVERY, AWAY, LIMIT = 5.0, 60.0, 3000.0
LEGS, RUNS = 15, 16  # of each of the two matrices; a run has 2 * LEGS + 2 jobs
PER_RUN = 2 * LEGS + 2
WORKFLOW = f"""on: push
jobs:
  first: {{runs-on: linux, steps: [{{run: echo first}}]}}
  build:
    needs: first
    strategy: {{matrix: {{leg: {list(range(LEGS))}}}}}
    runs-on: linux
    steps: [{{run: echo build}}, {{run: echo check}}]
  test:
    needs: build
    strategy: {{matrix: {{leg: {list(range(LEGS))}}}}}
    runs-on: linux
    steps: [{{run: echo test}}]
  last: {{needs: [build, test], runs-on: linux, steps: [{{run: echo last}}]}}
"""


# ---- the parts of the pool ----

def bucket_process(pipe):
    """A store of its own process: away and back on order."""
    bucket = Bucket()
    pipe.send((bucket.where(), bucket.credentials))
    while pipe.recv() == "away":
        with bucket.away():
            pipe.send("away")
            pipe.recv()
        pipe.send("back")
    bucket.stop()


class Objects:
    def __init__(self):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=bucket_process, args=(theirs,), daemon=True)
        self.process.start()
        self.where, self.credentials = self.pipe.recv()

    def away(self, seconds, over):
        self.pipe.send("away")
        self.pipe.recv()
        over.wait(seconds)
        self.pipe.send("back")
        self.pipe.recv()

    def stop(self):
        self.pipe.send("end")
        self.process.join()


class Database:
    """The server of deploy/local/postgres.sh, with a user and a schema of this run's own."""

    def __init__(self):
        self.server = os.environ.get("SHITHUB_TEST_POSTGRES") or sys.exit("run this below deploy/local/postgres.sh")
        self.name = f"pool_{os.getpid()}"
        self.address = self.server.replace("//shithub@", f"//{self.name}@")
        self.psql(f"CREATE ROLE {self.name} LOGIN; CREATE SCHEMA AUTHORIZATION {self.name}")

    def psql(self, text):
        return driver.run(["psql", self.server, "-XAt", "-c", text]).stdout.decode().strip()

    def restart(self):
        """As after a crash: nobody is asked."""
        host = urllib.parse.parse_qs(urllib.parse.urlsplit(self.server).query)["host"][0]
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))[-1]
        user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.getuid() == 0 else []
        subprocess.run([*user, found, "-D", f"{host}/data", "-l", f"{host}/data/server.log", "-m", "immediate", "-w",
                        "restart"], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=host)

    def drop(self):
        self.psql(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{self.name}'")
        self.psql(f"DROP SCHEMA {self.name} CASCADE; DROP ROLE {self.name}")


def config_of(folder, objects, place):
    keys = folder / f"{place}.keys"
    keys.write_text("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n".format(*objects.credentials))
    keys.chmod(0o600)
    path = folder / f"{place}.toml"
    path.write_text(f"[server]\nobjects = \"{objects.where}\"\nmax_connections_per_peer = 5000\n"
                    f"[objects]\ncredentials_file = \"{keys}\"\n")
    return path


def pool(build, folder, stores, objects):
    """Coordinators that serve: one root key, a data folder each. A store of None is the default, a file."""
    made = []
    for number, store in enumerate(stores):
        place = f"c{number}"
        one = driver.Coordinator(build, folder / place, *(["--store", store] if store else []),
                                 "--config", config_of(folder, objects, place))
        if made:
            one.data.mkdir(mode=0o700)
            shutil.copy(made[0].data / "root.key", one.data)
        made.append(one.start())
    return made


# ---- what happens meanwhile ----

def again(coordinator):
    """Killed, then started at the same address, once more while the database is away: as by its unit."""
    address = coordinator.base.removeprefix("http://")
    coordinator.program.process.kill()
    coordinator.program.wait()
    driver.wait_for(lambda: starts(coordinator, address), 60, "a coordinator that starts")


def starts(coordinator, address):
    try:
        return coordinator.start(listen=address)
    except driver.CommandFailed:
        return None


class Faults:
    def __init__(self, names, coordinators, database, objects):
        self.names, self.coordinators, self.database, self.objects = names, coordinators, database, objects
        self.over, self.kills, self.trouble = threading.Event(), 0, []
        works = {"kill": self.kill, "restart": self.restart, "objects": self.take_objects}
        self.threads = [threading.Thread(target=self.watch, args=(works[name],)) for name in names]

    def watch(self, work):
        try:
            work()
        except Exception as why:  # pylint: disable=broad-except
            self.trouble.append(why)

    def kill(self):
        while not self.over.wait(KILL_EVERY):
            again(self.coordinators[self.kills % len(self.coordinators)])
            self.kills += 1

    def restart(self):
        if not self.over.wait(30):
            self.database.restart()

    def take_objects(self):
        if not self.over.wait(10):
            self.objects.away(AWAY, self.over)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
        if self.trouble:
            raise self.trouble[0]


# ---- the load, and what must be true behind it ----

def queue(coordinator, runs):
    """A push each time of at most RUNS workflows, to a repository of its own."""
    token = coordinator.create_token(scopes="repo:read,repo:write")
    for first in range(0, runs, RUNS):
        repo = coordinator.repository(f"bench/pool{first}", token)
        repo.commit({f".shithub/workflows/{n}.yml": WORKFLOW for n in range(first, min(first + RUNS, runs))})
        repo.push()
    driver.wait_for(lambda: len(runs_of(coordinator)) >= runs, 300, "all runs")


def runs_of(coordinator):
    return coordinator.admin_json("run", "list", "--limit", "1000")


def register(coordinator, count):
    with concurrent.futures.ThreadPoolExecutor(4) as some:
        return list(some.map(lambda n: coordinator.register_runner(f"r{n}", "linux")["token"], range(count)))


def check_log(coordinator, token, job, expected):
    got = coordinator.request("GET", f"/api/v1/jobs/{job}/log", token=token)
    return got.status == 200 and got.body == expected


def check(coordinator, tally, jobs):
    twice = [job for job, count in tally.ended.items() if count != 1]
    assert not twice and len(tally.ended) == jobs, f"{len(tally.ended)} of {jobs} jobs, ended twice: {twice[:5]}"
    odd = [job for job, count in tally.heard.items() if count != 1 + tally.lost[job]]
    assert not odd, f"jobs whose claims do not add up: {odd[:5]}"
    token = coordinator.create_token("reader")
    with concurrent.futures.ThreadPoolExecutor(8) as some:
        same = list(some.map(lambda job: check_log(coordinator, token, job, tally.logs[job]), tally.logs))
    assert all(same), f"{same.count(False)} of {len(same)} logs have other bytes"
    states = {run["conclusion"] for run in runs_of(coordinator)}
    assert states == {"success"}, states


def measure(coordinators, faults, runners, jobs):
    tokens = register(coordinators[0], runners)
    load = Load([one.base for one in coordinators], tokens, jobs)
    began = time.monotonic()
    with faults:
        tally = asyncio.run(load.run(LIMIT))
    took = time.monotonic() - began
    check(coordinators[0], tally, jobs)
    print(f"{runners} runners, {jobs} jobs in {took:.0f} s: each ended once, {len(tally.logs)} logs byte for byte; "
          f"{jobs / took:.0f} claims/s, {tally.calls / took:.0f} calls/s, longest job call {tally.longest:.1f} s")
    print(f"{faults.kills} coordinators killed, {sum(tally.lost.values())} executions taken back, "
          f"calls sent once more: {dict(tally.later) or 'none'}", flush=True)


@contextlib.contextmanager
def world(build, folder, names, count):
    database = None if names == ["sqlite"] else Database()
    objects = Objects()
    stores = [database.address] * count if database else [None]
    coordinators = []
    try:
        coordinators += pool(build, folder, stores, objects)
        chosen = [name for name in names if name not in ("none", "sqlite")]
        yield coordinators, Faults(chosen, coordinators, database, objects)
    finally:
        for one in coordinators:
            one.stop()
        objects.stop()
        if database:
            database.drop()


def main(build, runners="1000", jobs="10000", faults="kill,restart,objects", coordinators="2"):
    runs = -(-int(jobs) // PER_RUN)
    with tempfile.TemporaryDirectory() as folder, world(
            build, pathlib.Path(folder), faults.split(","), int(coordinators)) as (pool_of, meanwhile):
        queue(pool_of[0], runs)
        measure(pool_of, meanwhile, int(runners), runs * PER_RUN)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4, 5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
