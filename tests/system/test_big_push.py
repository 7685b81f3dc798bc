"""A push that starts many runs: calls go on meanwhile, and a crash in the middle neither loses nor
doubles one."""
import collections
import concurrent.futures
import contextlib
import itertools
import sqlite3
import time

import driver
import pytest

BRANCHES, FILES = 100, 12
RUNS, JOBS_OF_A_PUSH = BRANCHES * FILES, 1024  # what is beyond is refused, in a run of its own
WORKFLOW = """\
on: push
jobs:
  nope: {runs-on: nobody, steps: [{run: "true"}]}
"""


@pytest.fixture
def big(coordinators):
    """A coordinator, and what pushes all branches at once."""
    coordinator = coordinators().start()
    token = coordinator.create_token()
    repo = coordinator.repository("demo/sample", token)
    repo.commit({f".shithub/workflows/{number}.yml": WORKFLOW for number in range(FILES)})
    for number in range(BRANCHES):
        repo.git("branch", f"b{number}")
    return coordinator, token, lambda: repo.git("push", "-q", "origin", "refs/heads/b*:refs/heads/b*")


def stored(coordinator):
    """(ref, file, refused) of each run."""
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db")) as db:
        return db.execute("SELECT r.head_ref, r.workflow_file, r.refused FROM workflow_runs r"
                          " JOIN repositories p ON p.id = r.repo_id WHERE p.name = 'sample'").fetchall()


def check_runs(coordinator):
    runs = stored(coordinator)
    assert len(runs) == RUNS
    assert set(collections.Counter(run[:2] for run in runs).values()) == {1}
    assert sum(not refused for *_, refused in runs) == JOBS_OF_A_PUSH


@pytest.fixture
def call(big):
    """Sends one call of a running job, its token out of the answer to the one before; seconds."""
    coordinator, owner, _ = big
    repo = coordinator.repository("demo/calm", owner)
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW.replace("nobody", "linux")})
    repo.push()
    runner = coordinator.register_runner("calm", labels="linux")["token"]
    claim = coordinator.request("POST", "/api/v1/runners/heartbeat", {}, runner).json()
    token = claim["token"]

    def send():
        nonlocal token
        began = time.monotonic()
        answer = coordinator.request("POST", f"/api/v1/jobs/{claim['job']['id']}/cancel-check", {}, token)
        assert answer.status == 200, answer.body
        token = answer.json()["next_token"]
        return time.monotonic() - began
    return send


def test_calls_are_answered_while_runs_are_made(big, call):
    coordinator, _, push = big
    took, seen = [], [0]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        began = time.monotonic()
        pushed = pool.submit(push)
        # git ends before its runs are made where that takes long
        while seen[-1] < RUNS and not (pushed.done() and pushed.exception()):
            took.append(call())
            seen.append(len(stored(coordinator)))
        whole = time.monotonic() - began
        pushed.result()
    page = coordinator.request("GET", "/metrics").body.decode()
    loops = [line for line in page.splitlines() if line.startswith("shithub_actions_loop")]
    print(f"push {whole:.2f} s, {len(took)} calls, longest {max(took):.3f} s", *loops, sep="; ")
    # no call waited for most of the runs, however slow the disk is to which it goes
    assert max(b - a for a, b in itertools.pairwise(seen)) < RUNS / 2, seen
    check_runs(coordinator)


def test_crashes_in_the_middle(big):
    """While it serves, and while it makes up for that at its next start."""
    coordinator, _, push = big
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for part, work in ((4, push), (2, coordinator.start)):
            done = pool.submit(work)
            driver.wait_for(lambda: len(stored(coordinator)) > RUNS / part, 60, "some runs")
            coordinator.program.signal(9)
            assert coordinator.program.wait() == -9
            assert len(stored(coordinator)) < RUNS
            with pytest.raises(driver.CommandFailed):
                done.result()
    coordinator.start()
    check_runs(coordinator)
    assert coordinator.program.log().count("push_unfinished") == 2
