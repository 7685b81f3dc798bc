"""The claim loop and the token chain against a coordinator that misbehaves on purpose."""
import json
import re
import signal

import pytest

import driver
from conftest import few, offline, once, others
from faulty import FaultyCoordinator

pytestmark = offline

JOB = 5
WAITING = [{"run": "touch started\nuntil [ -e go ]; do sleep 0.05; done\necho done"}]


@pytest.fixture
def polling(faulty, runner):
    """A runner with flags that polls the faulty coordinator; also its started Program."""
    def make(*words, **flags):
        one = runner(faulty.base, faulty.token, **{"poll_interval": "100ms", **flags})
        return one, one.start(*words)
    return make


def heartbeats(faulty, number, timeout=30):
    faulty.wait(lambda: len(faulty.heartbeats) >= number, timeout, f"{number} heartbeats")
    return [when for when, _, _ in faulty.heartbeats]


def waiting_step(runner, number=JOB):
    return driver.wait_for(lambda: next(runner.in_workspaces(f"*/{number}/workspace/started"), None), 60,
                           "the step")


@once
def test_heartbeat_body_and_poll_interval(faulty, polling):
    faulty.holds = False
    polling(capacity="3")
    number = 21
    times = heartbeats(faulty, number)[:number]
    _, headers, body = faulty.heartbeats[0]
    assert set(body) == {"labels", "capacity", "host_name", "version", "active_job_ids"}, \
        "unknown keys are a 400"
    assert body["labels"] == ["self-hosted", "linux", "ubuntu-latest", "x64"]
    assert body["capacity"] == 3
    assert re.search(r"wait=\d+", headers["Prefer"])
    assert times[-1] - times[0] > (number - 1) * 0.08, f"polls faster than its interval: {times}"


def naming(faulty):
    """What each heartbeat said about the runner's jobs; None: nothing."""
    with faulty.lock:
        return [body.get("active_job_ids") for _, _, body in faulty.heartbeats]


@once
def test_heartbeats_name_the_jobs_that_run(faulty, polling):
    """Never while a claim may be on its way, as the coordinator would end the very job."""
    faulty.holds = False
    one, _ = polling(capacity="2")
    faulty.wait(lambda: [] in naming(faulty), 30, "an idle heartbeat")
    faulty.drop("/heartbeat$")
    faulty.wait(lambda: not faulty.drops, 30, "a lost answer")
    heartbeats(faulty, len(faulty.heartbeats) + 1)
    lost = next(key for key, again in zip(keys(faulty), keys(faulty)[1:]) if key == again)
    assert naming(faulty)[keys(faulty).index(lost) + 1] is None, "its repetition names none"
    job = faulty.offer_job(JOB, steps=WAITING)
    mark = waiting_step(one)
    faulty.wait(lambda: [JOB] in naming(faulty), 30, "a heartbeat that names the job")
    claimed = faulty.claims[0]
    assert all(said in (None, [JOB]) for said in naming(faulty)[claimed:])
    (mark.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    faulty.wait(lambda: naming(faulty)[-1] == [], 30, "an idle heartbeat")


def keys(faulty):
    with faulty.lock:
        return [headers["Idempotency-Key"] for _, headers, _ in faulty.heartbeats]


@once
def test_older_coordinator_is_not_told_of_jobs(faulty, polling):
    faulty.holds = faulty.names_active = False
    _, program = polling()
    heartbeats(faulty, 8)
    said = naming(faulty)
    assert [one for one in said if one is not None] == [[]], "it is asked once"
    at = said.index([])
    assert keys(faulty)[at] == keys(faulty)[at + 1], "the same heartbeat, without it"
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    assert program.log().count("active_jobs_unknown") == 1
    assert "heartbeat_failed" not in program.log()


@once
def test_held_heartbeat_claims_at_once(faulty, polling):
    polling()
    heartbeats(faulty, 1)
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


@once
def refuse(faulty, program):
    faulty.revoked = True
    with faulty.lock:
        faulty.lock.notify_all()
    driver.wait_for(lambda: "token_refused" in program.log(), 30, "the refusal")


def state_of(one):
    done = driver.run([one.binary, "status", "--output=json", "--state-dir", one.state])
    return json.loads(done.stdout)["state"]


@once
def test_once_tells_a_job_from_a_machine_that_cannot_run_it(faulty, runner):
    """0: the job ran, however it ended; 1: this machine could not run it."""
    job = faulty.offer_job(JOB, steps=[{"run": "exit 7"}])
    assert runner(faulty.base, faulty.token).start("--once").wait(60) == 0
    assert job.final == ("completed", "failure")
    unfit = faulty.offer_job(JOB + 1)
    program = runner(faulty.base, faulty.token, image="127.0.0.1:9/none:1").start("--once")
    assert program.wait(60) == 1, program.log()
    assert unfit.final == ("completed", "failure") and b"reaches 127.0.0.1:9" in unfit.log()


@once
def test_refused_later_lets_the_job_finish_and_waits(faulty, polling):
    """A coordinator that was wrong for a while finds the runner still there."""
    one, program = polling(capacity="2")
    job = faulty.offer_job(JOB, steps=WAITING)
    mark = waiting_step(one)
    refuse(faulty, program)
    assert state_of(one) == "refused"
    asked = len(faulty.heartbeats)
    (mark.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert program.alive() and len(faulty.heartbeats) == asked
    pause = int(re.search(r"token_refused.* retry_ms=(\d+)", program.log()).group(1))
    assert 60000 <= pause <= 61000, "one heartbeat a minute"
    faulty.revoked = False
    assert len(faulty.heartbeats) == asked
    following = faulty.offer_job(JOB + 1)
    assert faulty.wait_final(following, 120) == ("completed", "success")
    assert program.log().count("token_refused") == 1 and state_of(one) == "claiming"


@once
def test_exit_on_refusal(faulty, polling):
    one, program = polling("--exit-on-refusal", capacity="2")
    job = faulty.offer_job(JOB, steps=WAITING)
    mark = waiting_step(one)
    refuse(faulty, program)
    (mark.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert program.wait(30) == 3


@once
def test_too_many_requests(faulty, polling):
    faulty.refuse("heartbeat", 429, {"Retry-After": "2"})
    polling()
    times = heartbeats(faulty, 1)
    assert faulty.refusals[0][3] == 0
    assert times, "the heartbeat after the refusal came through"
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")


@once
def test_retry_after_is_kept(faulty, runner):
    """The refused heartbeat is not recorded, so its time is taken from the runner's log."""
    faulty.refuse("heartbeat", 429, {"Retry-After": "2"})
    program = runner(faulty.base, faulty.token, poll_interval="100ms", log_format="json").start()
    heartbeats(faulty, 1)
    limited = [line for line in program.log().splitlines() if "heartbeat_limited" in line]
    assert len(limited) == 1
    wait_ms = int(re.search(r'retry_ms"?[:=]\s*(\d+)', limited[0]).group(1))
    assert 2000 <= wait_ms <= 4000


@once
def test_server_errors_back_off(faulty, runner):
    faulty.refuse("heartbeat", 503, times=2)
    program = runner(faulty.base, faulty.token, poll_interval="100ms").start()
    heartbeats(faulty, 1)
    failed = next(line for line in program.log().splitlines() if "heartbeat_failed" in line)
    assert "remedy=" in failed and "shithubd-runner doctor" in failed, failed
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    assert "heartbeat_restored" in program.log()


@once
def test_a_proxys_answer_is_no_claim(faulty, polling):
    """Nobody knows whether the heartbeat claimed a job: it goes out again with its key."""
    answers = (b"<html>Please log in</html>", b"", b"{}")
    for body in answers:
        faulty.offer(body)
    job = faulty.offer_job(JOB)
    _, program = polling()
    assert faulty.wait_final(job) == ("completed", "success")
    assert len(set(keys(faulty)[:len(answers) + 1])) == 1
    assert "HTTP 200 without a claim" in program.log() and "claim_unusable" not in program.log()


@once
def test_unreachable_then_back(runner):
    gone = FaultyCoordinator()
    gone.stop()
    program = runner(gone.base, gone.token, poll_interval="100ms").start()
    driver.wait_for(lambda: "heartbeat_failed" in program.log(), 30, "the failure")
    assert program.alive()
    assert program.stop() == 0


CALLS = ("logs", r"jobs/\d+/status", "steps")  # a job for each, one after the other


@once
def test_server_error_on_a_job_call_is_retried(faulty, polling):
    polling()
    for number, path in enumerate(CALLS, JOB):
        faulty.refuse(path, 503, times=2)
        job = faulty.offer_job(number)
        assert faulty.wait_final(job) == ("completed", "success"), path
        assert faulty.refusals[-1][3] == 0, "both came"
        assert job.log() == b"fine\n"
        assert job.replays == 0


@once
def test_lost_answer_is_repeated_with_its_key(faulty, polling):
    polling()
    for number, path in enumerate(CALLS, JOB):
        faulty.drop(path)
        job = faulty.offer_job(number)
        assert faulty.wait_final(job) == ("completed", "success"), path
        assert faulty.drops == [], "it came"
        assert job.log() == b"fine\n"
        assert all(job.keys) and len(set(job.keys)) == len(job.keys)
        assert job.replays == 0


@few
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


@once
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


@once
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


@others
def test_second_signal_cancels(faulty, polling):
    one, program = polling()
    job = faulty.offer_job(JOB, steps=WAITING)
    waiting_step(one)
    program.signal(signal.SIGTERM)
    driver.wait_for(lambda: "draining" in program.log(), 30, "draining")
    program.signal(signal.SIGTERM)
    assert program.wait(60) == 0
    assert job.final and job.final[1] in ("cancelled", None)


@few
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


@once
def test_once_takes_one_job(faulty, runner):
    one = runner(faulty.base, faulty.token, poll_interval="100ms")
    job, second = faulty.offer_job(JOB), faulty.offer_job(JOB + 1)
    assert one.once().process.returncode == 0
    assert job.final == ("completed", "success")
    assert second.calls == []
