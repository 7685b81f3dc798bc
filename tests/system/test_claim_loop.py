"""The claim loop and the token chain against a coordinator that misbehaves on purpose."""
import re
import signal

import pytest

import driver
from conftest import few, once
from faulty import FaultyCoordinator

JOB = 5
WAITING = [{"run": "touch started\nuntil [ -e go ]; do sleep 0.05; done\necho done"}]


@pytest.fixture
def polling(faulty, runner):
    """A runner with flags that polls the faulty coordinator; also its started Program."""
    def make(*words, **flags):
        one = runner(faulty.base, faulty.token, **{"poll_interval": "100ms", **flags})
        return one, one.start(*words)
    return make


def beats(faulty, number, timeout=30):
    faulty.wait(lambda: len(faulty.heartbeats) >= number, timeout, f"{number} heartbeats")
    return [when for when, _, _ in faulty.heartbeats]


def waiting_step(runner, number=JOB):
    return driver.wait_for(lambda: next(runner.workspaces.glob(f"*/{number}/started"), None), 60,
                           "the step")


@once
def test_heartbeat_body_and_poll_interval(faulty, polling):
    faulty.holds = False
    polling(capacity="3")
    times = beats(faulty, 6)
    _, headers, body = faulty.heartbeats[0]
    assert set(body) == {"labels", "capacity", "host_name", "version"}, "unknown keys are a 400"
    assert body["labels"] == ["self-hosted", "linux", "ubuntu-latest", "x64"]
    assert body["capacity"] == 3
    assert re.search(r"wait=\d+", headers["Prefer"])
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert min(gaps) > 0.08, f"polls at its interval, not faster: {gaps}"


def test_held_heartbeat_claims_at_once(faulty, polling):
    polling()
    beats(faulty, 1)
    job = faulty.offer_job(JOB)
    faulty.wait(lambda: job.calls, 20, "a call about the job")
    assert faulty.wait_final(job) == ("completed", "success")
    assert job.log() == b"fine\n"
    assert job.statuses()[0] == ("running", None)
    assert job.statuses(JOB * 100) == [("running", None), ("completed", "success")]
    assert job.replays == 0


@once
def test_refused_token_stops_with_a_clear_message(faulty, runner):
    program = runner(faulty.base, "0" * 64).start()
    assert program.wait(30) == 3
    assert "token" in program.log() and "register" in program.log()
    assert len(faulty.heartbeats) == 1, "a refused token is not tried again"
    assert "0" * 64 not in program.log()


def test_revoked_later_lets_the_job_finish(faulty, polling):
    one, program = polling(capacity="2")
    job = faulty.offer_job(JOB, steps=WAITING)
    mark = waiting_step(one)
    faulty.revoked = True
    with faulty.lock:
        faulty.lock.notify_all()
    driver.wait_for(lambda: "token_refused" in program.log(), 30, "the refusal")
    (mark.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert program.wait(30) == 3


@once
def test_too_many_requests(faulty, polling):
    faulty.refuse("heartbeat", 429, {"Retry-After": "2"})
    polling()
    times = beats(faulty, 1)
    assert faulty.refusals[0][3] == 0
    assert times, "the heartbeat after the refusal came through"
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")


@once
def test_retry_after_is_kept(faulty, runner):
    """The refused heartbeat is not recorded, so its time is taken from the runner's log."""
    faulty.refuse("heartbeat", 429, {"Retry-After": "2"})
    program = runner(faulty.base, faulty.token, poll_interval="100ms", log_format="json").start()
    beats(faulty, 1)
    limited = [line for line in program.log().splitlines() if "heartbeat_limited" in line]
    assert len(limited) == 1
    wait_ms = int(re.search(r'retry_ms"?[:=]\s*(\d+)', limited[0]).group(1))
    assert 2000 <= wait_ms <= 4000


@once
def test_server_errors_back_off(faulty, runner):
    faulty.refuse("heartbeat", 503, times=2)
    program = runner(faulty.base, faulty.token, poll_interval="100ms").start()
    beats(faulty, 1)
    assert "heartbeat_failed" in program.log()
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    assert "heartbeat_restored" in program.log()


@once
def test_unreachable_then_back(runner):
    gone = FaultyCoordinator()
    gone.stop()
    program = runner(gone.base, gone.token, poll_interval="100ms").start()
    driver.wait_for(lambda: "heartbeat_failed" in program.log(), 30, "the failure")
    assert program.alive()
    assert program.stop() == 0


@few
@pytest.mark.parametrize("path", ["logs", "jobs/5/status", "steps"])
def test_server_error_on_a_job_call_is_retried(faulty, polling, path):
    polling()
    faulty.refuse(path, 503, times=2)
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    assert job.log() == b"fine\n"
    assert job.replays == 0


@few
@pytest.mark.parametrize("path", ["logs", "jobs/5/status", "steps"])
def test_lost_answer_is_repeated_with_its_key(faulty, polling, path):
    polling()
    faulty.drop(path)
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    assert job.log() == b"fine\n"
    assert all(job.keys) and len(set(job.keys)) == len(job.keys)
    assert job.replays == 0


def test_lost_chain_ends_the_job_and_nothing_else(faulty, polling, engine):
    """Without the extension a repeated token is a 401: kill, clean up, say so, go on."""
    faulty.idempotent = False
    one, program = polling()
    job = faulty.offer_job(JOB, steps=WAITING)
    waiting_step(one)
    faulty.refuse("jobs/5/cancel-check", 401)
    driver.wait_for(lambda: one.left_over() == [], 60, "the workspace to go")
    label = f"sh.shithub.runner={one.instance_ids()[0]}"
    driver.wait_for(lambda: engine.containers(label) == [], 30, "the containers to go")
    assert job.final is None
    following = faulty.offer_job(JOB + 1)
    assert faulty.wait_final(following) == ("completed", "success")
    assert program.alive()


def test_cancel_ends_the_step(faulty, polling):
    one, program = polling()
    job = faulty.offer_job(JOB, steps=WAITING + [{}])
    waiting_step(one)
    job.cancelled = True
    final = faulty.wait_final(job)
    assert final[0] == "cancelled" or final == ("completed", "cancelled")
    assert b"done" not in job.log()
    following = faulty.offer_job(JOB + 1)
    assert faulty.wait_final(following) == ("completed", "success")
    assert program.alive()


def test_drain_finishes_the_job(faulty, polling):
    one, program = polling()
    job = faulty.offer_job(JOB, steps=WAITING)
    mark = waiting_step(one)
    program.signal(signal.SIGTERM)
    driver.wait_for(lambda: "draining" in program.log(), 30, "draining")
    assert program.alive()
    (mark.parent / "go").touch()
    assert program.wait(60) == 0
    assert job.final == ("completed", "success")


def test_second_signal_cancels(faulty, polling):
    one, program = polling()
    job = faulty.offer_job(JOB, steps=WAITING)
    waiting_step(one)
    program.signal(signal.SIGTERM)
    driver.wait_for(lambda: "draining" in program.log(), 30, "draining")
    program.signal(signal.SIGTERM)
    assert program.wait(60) == 0
    assert job.final and job.final[1] in ("cancelled", None)


def test_killed_runner_leaves_nothing_after_a_restart(faulty, polling, engine):
    one, program = polling()
    faulty.offer_job(JOB, steps=WAITING)
    waiting_step(one)
    label = f"sh.shithub.runner={one.instance_ids()[0]}"
    assert engine.containers(label)
    program.signal(signal.SIGKILL)
    program.wait(10)
    one.start()
    driver.wait_for(lambda: engine.containers(label) == [], 60, "the containers to go")
    following = faulty.offer_job(JOB + 1)
    assert faulty.wait_final(following) == ("completed", "success")
    driver.wait_for(lambda: one.left_over() == [], 30, "the workspaces to go")


def test_once_takes_one_job(faulty, runner):
    one = runner(faulty.base, faulty.token, poll_interval="100ms")
    job, second = faulty.offer_job(JOB), faulty.offer_job(JOB + 1)
    assert one.once().process.returncode == 0
    assert job.final == ("completed", "success")
    assert second.calls == []
