"""Cancel and timeout: SIGTERM to the whole container, the grace period, the engine's kill, and what
is reported, whatever the step or the coordinator do meanwhile. In both ways, gate and attach."""
import re
import signal
import time

import pytest

import driver
from conftest import BOTH_WAYS, few
from timed import JOB, STEP, TimedCoordinator, assert_bounded, job_pid, workspace_file

CANCELLED = ("cancelled", "cancelled")
POLL = 5  # seconds between cancel checks


@pytest.fixture
def faulty():
    made = TimedCoordinator()
    yield made
    made.stop()


class Case:
    """A job whose first step runs."""

    def __init__(self, faulty, one, program, job):
        self.faulty, self.one, self.program, self.job = faulty, one, program, job

    def ask(self):
        with self.faulty.lock:
            self.job.cancelled = True

    def told(self):
        """When the runner learned of the cancel; None: not yet."""
        return self.faulty.first("cancel-check", told=True)

    def cancel(self):
        """Asks for it; returns when the runner has learned of it."""
        self.ask()
        self.faulty.wait(self.told, POLL + 40, "a cancel check")

    def ends(self, final=CANCELLED, timeout=60):
        """Waits for the job's last status; seconds from the cancel to the step's end."""
        assert self.faulty.wait_final(self.job, timeout) == final, self.program.log()
        assert self.program.wait(60) == 0
        assert self.job.replays == 0
        return self.faulty.first("step", STEP, status="cancelled") - self.told()


@pytest.fixture
def running(faulty, runner):
    """running(script, grace): a job whose step made the file `ready`."""
    def make(script, grace=None, steps=(), flags=None, env=None):
        one = runner(faulty.base, faulty.token, poll_interval="100ms",
                     **(flags or {}))
        if grace is not None:
            one.env["SHITHUB_RUNNER_STOP_GRACE"] = grace
        one.env.update(env or {})
        job = faulty.offer_job(JOB, steps=[{"run": script}, *steps])
        program = one.start("--once")
        workspace_file(one, "ready")
        return Case(faulty, one, program, job)
    return make


def reported(case):
    """The step's status and that of those after it."""
    assert case.job.statuses(STEP) == [("running", None), CANCELLED]
    assert case.job.statuses()[-1] == CANCELLED


def said(case):
    """The log without the word of bash about a sleep that got the signal too."""
    return [line for line in case.job.log(STEP).decode().splitlines() if line != "Terminated"]


def test_a_polite_step_ends_at_once(running):
    case = running("trap 'echo got TERM; exit 0' TERM; touch ready; "
                   "while :; do sleep 0.05; done", steps=[{"run": "echo not reached"}])
    case.cancel()
    assert case.ends() < 2
    reported(case)
    assert said(case) == ["got TERM"]
    assert case.job.statuses(STEP + 1) == [("skipped", "skipped")]


def test_every_process_of_the_container_gets_the_signal(running):
    """Children, grandchildren, those of another session and those that lost their parent."""
    case = running("""
        cat >say <<'END'
        trap "echo $1 got TERM; exit 0" TERM
        touch $1
        while :; do sleep 0.05; done
        END
        bash say child &
        bash -c 'bash say grandchild & wait' &
        setsid bash say stranger &
        (setsid bash say orphan &)
        until [ -e child -a -e grandchild -a -e stranger -a -e orphan ]; do sleep 0.02; done
        trap 'sleep 0.5; echo script got TERM; exit 0' TERM
        touch ready
        while :; do sleep 0.05; done""".replace("\n        ", "\n"))
    case.cancel()
    assert case.ends() < 5
    reported(case)
    assert sorted(said(case)) == [f"{who} got TERM" for who in
                                  ("child", "grandchild", "orphan", "script", "stranger")]


STUBBORN = "trap '' TERM; touch ready; while :; do sleep 0.05; done"


def test_a_step_that_ignores_the_signal_is_killed_after_the_grace(running):
    case = running(STUBBORN, grace="2s")
    case.cancel()
    assert 1.8 < case.ends() < 4.5
    reported(case)


def test_no_grace_kills_at_once(running):
    case = running("trap 'echo got TERM' TERM; touch ready; while :; do sleep 0.05; done",
                   grace="0s")
    case.cancel()
    assert case.ends() < 1.5
    reported(case)
    assert case.job.log(STEP) == b"", "no signal but the kill"


@pytest.mark.parametrize("polite", (True, False))
def test_a_step_that_floods_its_output(running, build, polite):
    trap = "" if polite else "trap '' TERM; "
    case = running(f"{trap}touch ready; yes 'a line of the flood' & "
                   "while :; do yes 'another line of it'; done", grace="2s")
    pid = job_pid(case.program)
    case.cancel()
    if not polite:  # else it may be gone already
        assert_bounded(pid, build)
    assert case.ends() < 6
    reported(case)
    assert case.job.log(STEP).count(b"log truncated") == 1
    assert len(case.job.log(STEP)) < (10 << 20) + 4096


FORKS = """
python3 - <<'END'
import os, signal, time
if {stubborn}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(1000):
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
open("ready", "w").close()
time.sleep(600)
END
"""


@pytest.mark.parametrize("stubborn", (False, True))
def test_a_thousand_children(running, stubborn):
    case = running(FORKS.format(stubborn=stubborn), grace="2s",
                   env={"SHITHUB_RUNNER_ENGINE__PIDS_LIMIT": "2048"})
    case.cancel()
    assert case.ends() < 8
    reported(case)


def test_while_the_coordinator_hangs_on_a_log(running, faulty, engine):
    """The cancel is known, the next log call is not answered: the step is killed all the same."""
    case = running("trap '' TERM; touch ready; while :; do echo line; sleep 0.05; done",
                   grace="2s")
    case.cancel()
    logs = faulty.hang("/logs$")
    faulty.wait(lambda: faulty.hung() == 1, 30, "the hanging call")
    driver.wait_for(lambda: not stepping(case, engine), 8, "the step's container to end")
    assert not case.job.final
    logs.set()
    case.ends()
    reported(case)


def stepping(case, engine):
    """The step containers of a runner that still run."""
    mine = engine.containers(f"sh.shithub.runner={case.one.instance_ids()[0]}")
    return [one for one in mine if "sh.shithub.step" in one["Labels"] and one["State"] == "running"]


@few
def test_a_hanging_log_delays_the_cancel_check_only(running, faulty):
    """One call at a time: the runner hangs up on the silent one, says it again and asks."""
    case = running("trap 'exit 0' TERM; touch ready; while :; do echo line; sleep 0.05; done")
    logs = faulty.hang("/logs$")
    faulty.wait(lambda: faulty.hung() == 1, 30, "the hanging call")
    case.ask()
    assert case.ends(timeout=60) < 3
    reported(case)
    logs.set()


def test_cancel_arrives_while_logs_are_unavailable(running, faulty):
    """The log store is down for good, the rest of the coordinator is not."""
    faulty.refuse("/logs$", 503, times=10 ** 6)
    case = running("trap 'exit 0' TERM; touch ready; while :; do echo line; sleep 0.05; done")
    case.ask()
    faulty.wait(case.told, 30, "a cancel check in spite of the logs")
    with faulty.lock:
        faulty.refusals.clear()
    assert case.ends() < 40
    reported(case)
    assert b"line" in case.job.log(STEP)


def test_a_cancelled_job_of_one_container_runs_its_always_steps(running):
    case = running(STUBBORN, grace="1s", flags={"isolation": "job"},
                   steps=[{"run": "echo not reached"}, {"if": "always()", "run": "echo cleaning"}])
    case.cancel()
    case.ends()
    reported(case)
    assert case.job.statuses(STEP + 1) == [("skipped", "skipped")]
    assert case.job.statuses(STEP + 2) == [("running", None), ("completed", "success")]
    assert case.job.log(STEP + 2) == b"cleaning\n"


@few
def test_stopping_the_runner_while_the_coordinator_hangs(running, faulty):
    """A host that shuts down does not wait for a coordinator that does not answer."""
    case = running("touch ready; while :; do sleep 0.05; done")
    hangs = [faulty.hang(path, times=100) for path in ("/status$", "/logs$", "/cancel-check$")]
    case.program.signal(signal.SIGTERM)
    driver.wait_for(lambda: "drain" in case.program.log(), 20, "the runner to drain")
    begin = time.monotonic()
    case.program.signal(signal.SIGTERM)
    case.program.wait(60)
    assert time.monotonic() - begin < 45
    for event in hangs:
        event.set()


TIMEOUTS = """
name: CI
on:
  push:
    branches: [trunk]
jobs:
  {way}-job:
    runs-on: {way}
    timeout-minutes: 1
    steps:
      - run: sleep 600
      - run: echo not reached
      - if: always()
        run: echo not reached either
  {way}-step:
    runs-on: {way}
    steps:
      - timeout-minutes: 1
        run: |
          trap '' TERM
          while :; do echo flood; done
      - run: echo not reached
      - if: failure()
        run: echo after
"""


def counted(coordinator, name):
    text = coordinator.request("GET", "/metrics").body.decode()
    return int(re.search(rf"^{name} (\d+)$", text, re.M).group(1))


@pytest.mark.flavors("docker-gate-step", "podman-gate-job")
def test_timeouts_of_step_and_job(repository, coordinator, runner):
    """One minute for all four: both ways run at the same time."""
    before = counted(coordinator, "shithub_actions_step_timeouts_total")
    programs = []
    for way in BOTH_WAYS:
        token = coordinator.register_runner(way, labels=way, capacity=2)["token"]
        one = runner(coordinator.base, token, step_io=way, labels=way, capacity="2",
                     poll_interval="200ms")
        programs.append(one.start())
    repo = repository("demo/sample")
    repo.commit({f".shithub/workflows/{way}.yml": TIMEOUTS.format(way=way) for way in BOTH_WAYS})
    repo.push()

    def jobs():
        rows = [job for run in coordinator.runs()
                for job in coordinator.show(run["id"])["jobs"]]
        over = len(rows) == 4 and all(row["status"] == "completed" for row in rows)
        return rows if over else None
    begin = time.monotonic()
    rows = {row["key"]: row for row in driver.wait_for(jobs, 110, "four timeouts")}
    assert time.monotonic() - begin > 50
    for way in BOTH_WAYS:
        whole, part = rows[f"{way}-job"], rows[f"{way}-step"]
        assert whole["conclusion"] == "timed_out"
        assert [step["conclusion"] for step in whole["steps"]][:2] == ["timed_out", "skipped"]
        assert part["conclusion"] == "failure"
        assert [step["conclusion"] for step in part["steps"]] == ["timed_out", "skipped", "success"]
        assert coordinator.step_log(part["id"], 2) == b"after\n"
        assert coordinator.step_log(part["id"], 0).startswith(b"flood\nflood\n")
    assert counted(coordinator, "shithub_actions_step_timeouts_total") == before + 4


@few
def test_stopping_while_the_last_reports_hang(running, faulty):
    """A stop signal shortens the patience for reports that is already running."""
    case = running("touch ready; until [ -e go ]; do sleep 0.05; done; echo x")
    hangs = [faulty.hang(path, times=100) for path in ("/status$", "/logs$", "/cancel-check$")]
    (next(case.one.workspaces.glob("*/*/ready")).parent / "go").touch()
    faulty.wait(lambda: any(one[2] < 100 for one in faulty.hangs), 30, "hang")
    begin = time.monotonic()
    case.program.signal(signal.SIGTERM)
    driver.wait_for(lambda: "drain" in case.program.log(), 20, "the runner to drain")
    case.program.signal(signal.SIGTERM)
    try:
        case.program.wait(100)
    finally:
        for one in hangs:
            one.set()
    assert time.monotonic() - begin < 45
