"""Cancel and timeout: SIGTERM to the whole container, the grace period, the engine's kill, and what
is reported, whatever the step or the coordinator do meanwhile.

No test measures how fast something is. A step that has to end before its grace gets a grace that no
test would wait for; the other bound of a time is the test's own deadline.
"""
import signal
import time

import pytest

import driver
from conftest import TRANSPORTS, early, everyday, few, offline, once, others
from timed import JOB, STEP, TimedCoordinator, assert_bounded, job_pid, workspace_file

pytestmark = offline

CANCELLED = ("cancelled", "cancelled")
BY = "[shithub] cancelled by the coordinator"
POLL = 5  # seconds between cancel checks
ENDLESS = "5m"  # a grace that is longer than any deadline here


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
        """Waits for the job's last status; the seconds from the cancel to the step's end."""
        assert self.faulty.wait_final(self.job, timeout) == final, self.program.log()
        assert self.program.wait(60) == 0
        assert self.job.replays == 0
        return self.faulty.first("step", STEP, status="cancelled") - self.told()


@pytest.fixture
def running(faulty, runner):
    """running(script, grace): a job whose step made the file `ready`. Unless another grace is
    given, only a SIGTERM that the step obeys ends it within the deadline."""
    def make(script, grace=ENDLESS, steps=(), flags=None, env=None):
        one = runner(faulty.base, faulty.token, poll_interval="100ms",
                     **(flags or {}))
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
    """The log without bash's line about a sleep that got the signal too."""
    return [line for line in case.job.log(STEP).decode().splitlines() if line != "Terminated"]


@few
@everyday
def test_polite_step_ends_before_the_grace(running):
    case = running("trap 'echo got TERM; exit 0' TERM; touch ready; "
                   "while :; do sleep 0.05; done", steps=[{"run": "echo not reached"}])
    case.cancel()
    case.ends()
    reported(case)
    assert said(case) == ["got TERM", BY]
    assert case.job.statuses(STEP + 1) == [("skipped", "skipped")]


def test_every_process_of_the_container_gets_the_signal(running):
    """Children, grandchildren, processes of another session and orphans."""
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
    case.ends()
    reported(case)
    assert sorted(said(case)) == [BY] + [f"{who} got TERM" for who in ("child", "grandchild", "orphan",
                                                                      "script", "stranger")]


STUBBORN = "trap '' TERM; touch ready; while :; do sleep 0.05; done"


@others
def test_a_step_that_ignores_the_signal_is_killed_after_the_grace(running):
    case = running(STUBBORN, grace="2s")
    case.cancel()
    assert case.ends() >= 2
    reported(case)


@few
def test_no_grace_kills_at_once(running):
    case = running("trap 'echo got TERM' TERM; touch ready; while :; do sleep 0.05; done",
                   grace="0s")
    case.cancel()
    case.ends()
    reported(case)
    assert said(case) == [BY], "no signal but the kill"


@once
def test_a_polite_step_that_floods_its_output(running, build):
    flood(running, build, polite=True)


@few
def test_a_step_that_floods_its_output(running, build):
    flood(running, build, polite=False)


def flood(running, build, polite):
    trap = "" if polite else "trap '' TERM; "
    case = running(f"{trap}touch ready; yes 'a line of the flood' & "
                   "while :; do yes 'another line of it'; done", grace=ENDLESS if polite else "2s")
    pid = job_pid(case.program)
    case.cancel()
    if not polite:  # else it may be gone already
        assert_bounded(pid, build)
    case.ends()
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


@once
def test_a_thousand_polite_children(running):
    thousand(running, stubborn=False)


@few
def test_a_thousand_children(running):
    thousand(running, stubborn=True)


def thousand(running, stubborn):
    case = running(FORKS.format(stubborn=stubborn), grace="2s" if stubborn else ENDLESS,
                   env={"SHITHUB_RUNNER_ENGINE__PIDS_LIMIT": "2048"})
    case.cancel()
    case.ends()
    reported(case)


@few
def test_while_the_coordinator_hangs_on_a_log(running, faulty, engine):
    """The runner knows of the cancel and no log call is answered. The step is killed anyway."""
    case = running("trap '' TERM; touch ready; while :; do echo line; sleep 0.05; done",
                   grace="2s")
    case.cancel()
    logs = faulty.hang("/logs$", times=100)
    faulty.wait(faulty.hung, 30, "a hanging call")
    driver.wait_for(lambda: not stepping(case, engine), 60, "the step's container to end")
    assert not case.job.final
    logs.set()
    case.ends()
    reported(case)


def stepping(case, engine):
    """The step containers of a runner that still run."""
    mine = engine.containers(f"sh.shithub.runner={case.one.instance_ids()[0]}")
    return [one for one in mine if "sh.shithub.step" in one["Labels"] and one["State"] == "running"]


@early
@few
def test_a_hanging_log_delays_the_cancel_check_only(running, faulty):
    """Calls go one at a time. The runner hangs up on the silent one, repeats it, and asks."""
    case = running("trap 'exit 0' TERM; touch ready; while :; do echo line; sleep 0.05; done")
    logs = faulty.hang("/logs$")
    faulty.wait(lambda: faulty.hung() == 1, 30, "the hanging call")
    case.ask()
    case.ends()
    assert not logs.is_set()
    reported(case)


@few
def test_cancel_arrives_while_logs_are_unavailable(running, faulty):
    """The log store is down, the rest of the coordinator works."""
    faulty.refuse("/logs$", 503, times=10 ** 6)
    case = running("trap 'exit 0' TERM; touch ready; while :; do echo line; sleep 0.05; done")
    case.ask()
    faulty.wait(case.told, 30, "a cancel check in spite of the logs")
    with faulty.lock:
        faulty.refusals.clear()
    case.ends()
    reported(case)
    assert b"line" in case.job.log(STEP)


@few
def test_a_cancelled_job_of_one_container_runs_its_always_steps(running):
    case = running(STUBBORN, grace="1s", flags={"isolation": "job"},
                   steps=[{"run": "echo not reached"}, {"if": "always()", "run": "echo cleaning"}])
    case.cancel()
    case.ends()
    reported(case)
    assert case.job.statuses(STEP + 1) == [("skipped", "skipped")]
    assert case.job.statuses(STEP + 2) == [("running", None), ("completed", "success")]
    assert case.job.log(STEP + 2) == b"cleaning\n"


@early
@few
def test_stop_does_not_wait_for_a_hanging_coordinator(running, faulty):
    """A host that shuts down does not wait for a coordinator that does not answer."""
    case = running("touch ready; while :; do sleep 0.05; done")
    for path in ("/status$", "/logs$", "/cancel-check$"):
        faulty.hang(path, times=100)
    case.program.signal(signal.SIGTERM)
    driver.wait_for(lambda: "drain" in case.program.log(), 20, "the runner to drain")
    case.program.signal(signal.SIGTERM)
    case.program.wait(90)


TIMEOUTS = """
name: CI
on:
  push:
    branches: [trunk]
jobs:
  {0}-job:
    runs-on: {0}
    timeout-minutes: 1
    steps:
      - run: sleep 600
      - run: echo not reached
      - if: always()
        run: echo not reached either
  {0}-stubborn:
    runs-on: {0}
    steps:
      - timeout-minutes: 1
        run: |
          trap '' TERM
          while :; do
              echo flood
              [ $SECONDS -ge 50 ] || sleep 0.5
          done
      - run: echo not reached
      - if: failure()
        run: echo after
  {0}-polite:
    runs-on: {0}
    steps:
      - timeout-minutes: 1
        run: |
          trap 'echo terminated; exit 0' TERM
          while :; do sleep 0.1; done
      - if: always()
        run: echo after
"""


@early
@pytest.mark.flavors("docker-gate-step", "podman-gate-job")
def test_timeouts_of_step_and_job(repository, coordinator, runner):
    """One minute for all six: both transports run at the same time."""
    before = coordinator.metric("step_timeouts_total")
    for transport in TRANSPORTS:
        token = coordinator.register_runner(transport, labels=transport, capacity=3)["token"]
        runner(coordinator.base, token, step_io=transport, labels=transport, capacity="3",
               poll_interval="200ms").start()
    repo = repository("demo/sample")
    repo.commit({f".shithub/workflows/{transport}.yml": TIMEOUTS.format(transport)
                 for transport in TRANSPORTS})
    repo.push()

    begin = time.monotonic()
    rows = {job["key"]: job for run in coordinator.runs()
            for job in coordinator.ended(run["id"], 150)["jobs"]}
    assert len(rows) == 6 and time.monotonic() - begin > 50
    for transport in TRANSPORTS:
        whole, stubborn, polite = (rows[f"{transport}-{kind}"]
                                   for kind in ("job", "stubborn", "polite"))
        assert whole["conclusion"] == "timed_out"
        assert [step["conclusion"] for step in whole["steps"]][:2] == ["timed_out", "skipped"]
        assert stubborn["conclusion"] == polite["conclusion"] == "failure"
        assert [step["conclusion"] for step in stubborn["steps"]] == [
            "timed_out", "skipped", "success"]
        assert coordinator.step_log(stubborn["id"], 2) == b"after\n"
        assert coordinator.step_log(stubborn["id"], 0).startswith(b"flood\nflood\n")
        # not only the slow lines of the first fifty seconds
        assert len(coordinator.step_log(stubborn["id"], 0)) > 100 * len(b"flood\n") + 10000
        assert [step["conclusion"] for step in polite["steps"]] == ["timed_out", "success"]
        assert (b"terminated\n[shithub] timed out after 1 minute, the timeout-minutes of the step\n"
                in coordinator.step_log(polite["id"], 0))
        assert (coordinator.step_log(whole["id"], 0)
                == b"[shithub] timed out after 1 minute, the timeout-minutes of the job\n")
    assert coordinator.metric("step_timeouts_total") == before + 6


@early
@few
def test_stop_cuts_the_wait_for_last_reports(running, faulty):
    """A stop signal shortens a wait for reports that has already begun."""
    case = running("touch ready; until [ -e go ]; do sleep 0.05; done; echo x")
    for path in ("/status$", "/logs$", "/cancel-check$"):
        faulty.hang(path, times=100)
    (next(case.one.in_workspaces("*/*/workspace/ready")).parent / "go").touch()
    faulty.wait(faulty.hung, 30, "a hanging call")
    case.program.signal(signal.SIGTERM)
    driver.wait_for(lambda: "drain" in case.program.log(), 20, "the runner to drain")
    case.program.signal(signal.SIGTERM)
    case.program.wait(90)
