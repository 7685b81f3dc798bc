"""Inspecting and stopping a runner: status, drain, the three stop signals, systemd."""
import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import driver
import faulty as faulty_module
from conftest import few, offline, once, workflow
from faulty import FaultyCoordinator
from timed import TimedCoordinator

pytestmark = offline

JOB = 5
WAITING = "touch started\nuntil [ -e go ]; do sleep 0.05; done\necho done"
DEAF = "trap '' TERM INT\n" + WAITING


def call(one, *words, check=True):
    """A verb about this runner; the CompletedProcess."""
    verb, *flags = words
    return driver.run([one.binary, verb, "--state-dir", one.state, *flags], env=one.env,
                      check=check)


def status(one):
    return json.loads(call(one, "status", "--output", "json").stdout)


def started(one, number=JOB):
    return driver.wait_for(lambda: next(one.in_workspaces(f"*/{number}/workspace/started"), None), 60,
                           "the step")


def until(one, condition, what):
    return driver.wait_for(lambda: (lambda now: condition(now) and now)(status(one)), 60, what)


@pytest.fixture
def polling(faulty, runner):
    def make(*words, env=None, **flags):
        one = runner(faulty.base, faulty.token, **{"poll_interval": "100ms", **flags})
        one.env.update(env or {})
        program = one.start(*words)
        faulty.wait(lambda: faulty.heartbeats, 30, "a heartbeat")
        return one, program
    return make


# ---- status

@once
def test_status_of_a_job(faulty, polling):
    one, program = polling(capacity="2")
    idle = until(one, lambda now: now["engine"]["state"] == "up", "a look at the engine")
    assert (idle["state"], idle["busy"], idle["capacity"]) == ("claiming", 0, 2)
    assert idle["instance"] == one.instance_ids()[0]
    assert idle["pid"] == program.process.pid
    assert idle["heartbeat"]["in_flight"] and idle["jobs"] == []
    job = faulty.offer_job(JOB, steps=[{}, {"run": WAITING, "name": "wait\u20ac for it"}])
    mark = started(one)
    # a job tells where it stands four times a second at most (runner/ipc/progress.h)
    busy = until(one, lambda now: now["jobs"] and (now["jobs"][0]["step"] or {}).get("index") == 1,
                 "the second step")
    assert busy["busy"] == 1
    shown = busy["jobs"][0]
    assert (shown["id"], shown["run"], shown["state"]) == (JOB, JOB + 1000, "running")
    assert (shown["step"]["index"], shown["step"]["of"]) == (1, 2)
    assert shown["step"]["name"] == "wait\u20ac for it"
    assert 0 <= shown["step"]["age_seconds"] <= shown["age_seconds"] < 60
    assert busy["heartbeat"]["result"] in ("claim", "nothing")
    text = call(one, "status").stdout.decode()
    assert f"job {JOB} (run {JOB + 1000}): running" in text
    assert 'step 2 of 2 "wait\u20ac for it"' in text
    (mark.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    done = until(one, lambda now: now["busy"] == 0, "the end of the slot")
    assert done["jobs_done"] == 1


@once
def test_status_shows_what_waits_for_the_coordinator(faulty, polling):
    one, _ = polling()
    faulty.refuse("logs$", 503, times=10 ** 6)
    job = faulty.offer_job(JOB, steps=[{"run": "head -c 100000 /dev/zero\n" + WAITING}])
    mark = started(one)
    now = until(one, lambda now: now["upload_queue_bytes"] >= 100000, "a queue")
    assert now["jobs"][0]["upload_queue_bytes"] == now["upload_queue_bytes"]
    with faulty.lock:
        faulty.refusals.clear()
    until(one, lambda now: now["upload_queue_bytes"] == 0, "an empty queue")
    (mark.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")


@once
def test_status_shows_failing_heartbeats(faulty, polling):
    one, _ = polling()
    faulty.refuse("heartbeat$", 500, times=10 ** 6)
    faulty.release()
    now = until(one, lambda now: now["heartbeat"]["error"], "a failure")
    assert now["heartbeat"]["result"] == "failed"
    assert now["heartbeat"]["failures"] >= 1
    assert "500" in now["heartbeat"]["error"]


@once
@pytest.mark.parametrize("verb", ("status", "drain"))
def test_verbs_say_that_no_runner_runs(runner, faulty, verb):
    one = runner(faulty.base, faulty.token)
    done = call(one, verb, check=False)
    assert done.returncode == 3
    assert done.stdout == b""
    assert done.stderr.decode() == ("shithubd-runner: no runner runs with the state directory "
                                    f"{one.state}\n")


@once
def test_socket_of_a_killed_runner_is_replaced(polling):
    one, program = polling()
    assert (one.state / "control.sock").stat().st_mode & 0o777 == 0o600
    program.signal(signal.SIGKILL)
    program.wait(10)
    assert (one.state / "control.sock").exists()
    assert call(one, "status", check=False).returncode == 3
    one.start()
    driver.wait_for(lambda: call(one, "status", check=False).returncode == 0, 30, "an answer")


@once
def test_other_users_are_refused(polling):
    one, _ = polling()
    for path in (one.state, one.state / "control.sock"):
        path.chmod(0o777)  # the file's mode is not all that protects it
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", one.binary, "drain",
             "--state-dir", one.state]
    done = driver.run(words, env=one.env, check=False)
    assert done.returncode != 0
    one.state.chmod(0o700)
    done = driver.run(words, env=one.env, check=False)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert status(one)["state"] == "claiming"


# ---- drain

@once
def test_drain_waits_for_jobs_and_can_be_undone(faulty, polling):
    one, program = polling()
    job = faulty.offer_job(JOB, steps=[{"run": WAITING}])
    mark = started(one)
    waiting = subprocess.Popen([one.binary, "drain", "--wait", "--state-dir", one.state],
                               env=one.env)
    until(one, lambda now: now["state"] == "draining", "the drain")
    assert waiting.poll() is None
    (mark.parent / "go").touch()
    assert waiting.wait(60) == 0
    assert job.final == ("completed", "success")
    assert status(one)["state"] == "drained"
    heartbeats = len(faulty.heartbeats)
    following = faulty.offer_job(JOB + 1)
    assert call(one, "drain", "--wait").returncode == 0
    assert len(faulty.heartbeats) == heartbeats and not following.calls
    call(one, "drain", "--undo")
    assert faulty.wait_final(following) == ("completed", "success")
    assert program.alive()
    assert program.stop() == 0


@once
def test_drain_cancel(faulty, polling):
    one, program = polling()
    job = faulty.offer_job(JOB, steps=[{"run": WAITING}])
    started(one)
    assert call(one, "drain", "--cancel", "--wait").returncode == 0
    assert job.final == ("cancelled", "cancelled")
    assert program.alive()


@once
def test_undo_ends_a_waiting_drain_and_is_refused_when_stopping(faulty, polling):
    one, program = polling()
    faulty.offer_job(JOB, steps=[{"run": WAITING}])
    mark = started(one)
    waiting = subprocess.Popen([one.binary, "drain", "--wait", "--state-dir", one.state],
                               env=one.env, stderr=subprocess.PIPE)
    until(one, lambda now: now["state"] == "draining", "the drain")
    call(one, "drain", "--undo")
    assert waiting.wait(30) == 3
    assert b"undone" in waiting.stderr.read()
    program.signal(signal.SIGTERM)
    until(one, lambda now: now["state"] == "stopping", "the stop")
    done = call(one, "drain", "--undo", check=False)
    assert done.returncode == 3 and b"stopping" in done.stderr
    (mark.parent / "go").touch()
    assert program.wait(60) == 0


# ---- signals

@once
def test_drain_timeout_cancels(faulty, polling):
    one, program = polling(env={"SHITHUB_RUNNER_DRAIN_TIMEOUT": "300ms"})
    job = faulty.offer_job(JOB, steps=[{"run": WAITING}])
    started(one)
    program.signal(signal.SIGTERM)
    assert program.wait(60) == 0
    assert job.final == ("cancelled", "cancelled")
    assert "runner.drain_timeout" in program.log()


@few
def test_third_signal_kills(faulty, polling, engine):
    one, program = polling(env={"SHITHUB_RUNNER_STOP_GRACE": "5m"})
    faulty.offer_job(JOB, steps=[{"run": DEAF}])
    started(one)
    for state in ("stopping", "cancelling"):
        program.signal(signal.SIGTERM)
        until(one, lambda now: now["state"] == state, state)
    program.signal(signal.SIGTERM)
    assert program.wait(30) == 1
    one.start()
    label = f"sh.shithub.runner={one.instance_ids()[0]}"
    driver.wait_for(lambda: engine.containers(label) == [] and not one.left_over(), 60,
                    "containers and workspace to go")


class LateCoordinator(FaultyCoordinator):
    """Has just claimed a job for the held heartbeat when the runner asks for the answer."""

    late = None

    def release(self):
        if self.late is None:
            self.late = self.offer_job(JOB)
        return super().release()


@once
def test_a_claim_on_its_way_is_not_lost(runner):
    coordinator = LateCoordinator()
    try:
        one = runner(coordinator.base, coordinator.token)
        program = one.start()
        coordinator.wait(lambda: coordinator.heartbeats, 30, "a heartbeat")
        program.signal(signal.SIGTERM)
        assert program.wait(60) == 0
        assert coordinator.late.final == ("completed", "success")
    finally:
        coordinator.stop()


@once
def test_a_coordinator_that_cannot_release_is_waited_for(faulty, polling, monkeypatch):
    monkeypatch.setattr(faulty_module, "HOLD_MOST", 3.0)
    faulty.refuse("release$", 404, times=10 ** 6)
    one, program = polling()
    program.signal(signal.SIGTERM)
    until(one, lambda now: now["state"] == "stopping", "the stop")
    job = faulty.offer_job(JOB)
    assert program.wait(60) == 0
    assert job.final == ("completed", "success")


@once
def test_an_idle_runner_stops_at_once(coordinator, joined):
    """The coordinator answers a held heartbeat on request. Otherwise this would take 25 s."""
    one = joined()
    program = one.start()
    driver.wait_for(lambda: status_or_none(one), 30, "the runner")
    program.signal(signal.SIGTERM)
    assert program.wait(15) == 0
    assert "given_up" not in program.log()


@once
def test_no_claim_is_lost_by_stopping(coordinator, repository, joined):
    """Pushes and stops at the same moment. Each job runs to its end or stays in the queue."""
    repo = repository()
    for number in range(5):
        one = joined()
        program = one.start()
        driver.wait_for(lambda: status_or_none(one), 30, "the runner")
        repo.commit({"README.md": f"{number}\n",
                     ".shithub/workflows/ci.yml": workflow("- run: echo $SHITHUB_RUN_ID")})
        pushing = threading.Thread(target=repo.push)
        pushing.start()
        if number % 2:
            driver.wait_for(lambda: len(coordinator.runs()) > number, 30, "the push")
        program.signal(signal.SIGTERM)
        assert program.wait(60) == 0
        pushing.join()
    states = [coordinator.show(run["id"])["jobs"][0]["status"] for run in coordinator.runs()]
    assert set(states) <= {"queued", "completed"}, states
    assert len(states) == 5


def status_or_none(one):
    done = call(one, "status", "--output", "json", check=False)
    return done.returncode == 0 and json.loads(done.stdout)["heartbeat"]["in_flight"]


# ---- systemd

@once
def test_systemd_gets_ready_watchdog_reload_and_stop(faulty, runner, folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(folder / "notify"))
        listening.settimeout(30)
        one = runner(faulty.base, faulty.token)
        one.env.update(NOTIFY_SOCKET=str(folder / "notify"), WATCHDOG_USEC="400000")
        program = one.start()
        seen = []

        def hear(wanted):
            while not any(wanted in text for text in seen):
                seen.append(listening.recv(4096).decode())
            del seen[:next(i for i, text in enumerate(seen) if wanted in text)]
            return seen.pop(0)

        hear("READY=1")
        for _ in range(3):
            hear("WATCHDOG=1")
        program.signal(signal.SIGHUP)
        told = hear("RELOADING=1")
        when = int(re.search(r"^MONOTONIC_USEC=(\d+)$", told, re.M).group(1))
        assert abs(when / 1e6 - time.monotonic()) < 30
        hear("READY=1")
        program.signal(signal.SIGTERM)
        assert "\nEXTEND_TIMEOUT_USEC=60000000" in hear("STOPPING=1")
        assert "STATUS=draining, 0 of 1 slots busy, 0 jobs done" in hear("STATUS=draining")
        assert program.wait(30) == 0


# ---- jobs beside each other

@few
def test_log_flood_does_not_delay_another_jobs_cancel(runner):
    """The flood's log calls hang, so its queue stays full while the other job is cancelled."""
    coordinator = TimedCoordinator()
    try:
        one = runner(coordinator.base, coordinator.token, poll_interval="100ms", capacity="2")
        one.env["SHITHUB_RUNNER_STEP_LOG_LIMIT"] = "64m"
        program = one.start()
        logs = coordinator.hang(rf"/jobs/{JOB}/logs$", times=1000)
        flood = coordinator.offer_job(JOB, steps=[
            {"run": "touch started\nyes 'a line of the flood'"}])
        calm = coordinator.offer_job(JOB + 1, steps=[
            {"run": "trap 'exit 0' TERM\ntouch started\nwhile :; do sleep 0.05; done"}])
        for number in (JOB, JOB + 1):
            started(one, number)
        until(one, queue_is_long, "a queue that grows")
        calm.cancelled = True
        assert coordinator.wait_final(calm) == ("cancelled", "cancelled")
        assert queue_is_long(status(one)) and not flood.final
        logs.set()
        flood.cancelled = True
        assert coordinator.wait_final(flood) == ("cancelled", "cancelled")
        assert program.stop() == 0
    finally:
        coordinator.stop()


def queue_is_long(now):
    return any(job["upload_queue_bytes"] > 1 << 20 for job in now["jobs"])
