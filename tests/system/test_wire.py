"""Both sides of the wire against the protocol's letter: strict services refuse one unknown key."""
import base64
import re

import byhand
import driver
from conftest import few, offline

pytestmark = offline

TIMES = {"started_at", "completed_at"}
MAY = {"status": {"status", "conclusion"} | TIMES, "step": {"status", "conclusion"} | TIMES,
       "logs": {"seq", "chunk", "step_id"}, "cancel-check": set()}
MUST = {"status": {"status"}, "step": {"status"}, "logs": {"seq", "chunk"}, "cancel-check": set()}
STATUSES = {"status": {"running", "completed", "cancelled"},
            "step": {"running", "completed", "cancelled", "skipped"}}
CONCLUSIONS = {"success", "failure", "neutral", "cancelled", "skipped", "timed_out",
               "action_required"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NEXT = {"next_token", "next_token_expires_at"}


def check_body(what, body):
    assert MUST[what] <= set(body) <= MAY[what], (what, body)
    for key in TIMES & set(body):
        assert RFC3339.fullmatch(body[key]), body
    if what == "logs":
        assert 1 <= len(base64.b64decode(body["chunk"], validate=True)) <= 524288
    if what in STATUSES:
        assert body["status"] in STATUSES[what]
        ended = body["status"] != "running"
        assert (body.get("conclusion") in CONCLUSIONS) if ended else "conclusion" not in body, body


def check_job(job):
    """Bodies, one use of each token, and each step's end after all of its log."""
    assert job.replays == 0
    assert len(job.calls) == len(job.tokens), "one token for each call, none after the last"
    assert len(set(job.keys)) == len(job.keys)
    open_steps = set()
    for what, step, body in job.calls:
        check_body(what, body)
        if what == "logs":
            assert body["step_id"] in open_steps, "log outside of its step"
        elif what == "step" and body["status"] == "running":
            open_steps.add(step)
        elif what == "step":
            open_steps.discard(step)
    assert not open_steps
    first, last = job.calls[0], job.calls[-1]
    assert first[0] == last[0] == "status" and first[2]["status"] == "running"
    assert last[2]["status"] != "running"


@few
def test_what_the_runner_sends(faulty, runner):
    many = faulty.offer_job(7, steps=[
        {"run": "echo one; exit 1", "continue_on_error": True}, {"run": "seq 300000"},
        {"run": "true", "if": "failure()"}, {"run": "exit 3"}, {"run": "echo never"},
        {"run": "echo always", "if": "always()"}])
    stopped = faulty.offer_job(8, steps=[{"run": "sleep 300"}, {"run": "echo never"}])
    runner(faulty.base, faulty.token, capacity="2").start()
    faulty.wait(lambda: stopped.statuses(800), 60, "the step that will be cancelled")
    stopped.cancelled = True
    assert faulty.wait_final(many) == ("completed", "failure")
    assert faulty.wait_final(stopped) == ("cancelled", "cancelled")
    for job in (many, stopped):
        check_job(job)
    ends = [many.statuses(700 + index)[-1] for index in range(6)]
    assert ends == [("completed", "success"), ("completed", "success"), ("skipped", "skipped"),
                    ("completed", "failure"), ("skipped", "skipped"), ("completed", "success")]
    assert stopped.statuses(801) == [("skipped", "skipped")]
    for _, headers, body in faulty.heartbeats:
        assert set(body) - {"active_job_ids"} == {"labels", "capacity", "host_name", "version"}
        assert headers["Authorization"] == f"Bearer {faulty.token}"


def claimed(coordinator, repository):
    repo = repository()
    repo.commit({"README.md": "x\n", ".shithub/workflows/ci.yml":
                 "name: CI\non: push\njobs:\n  main:\n    runs-on: ubuntu-latest\n    steps:\n"
                 "      - run: echo fine\n"})
    repo.push()
    token = coordinator.register_runner("wire")["token"]
    beat = {"labels": driver.LABELS.split(","), "capacity": 1, "host_name": "h", "version": "0"}
    assert byhand.heartbeat(coordinator, token, extra=1, **beat).status == 400
    return byhand.claim(coordinator, token, **beat)


def test_what_the_coordinator_answers(coordinator, repository):
    chain = claimed(coordinator, repository)
    claim = chain.claim
    assert set(claim) == {"token", "expires_at", "job"}
    assert RFC3339.fullmatch(claim["expires_at"])
    step = chain.steps[0]

    def call(what, body):
        answer = chain.call(what, body)
        return answer.status, answer.json()

    running = {"status": "running"}
    ended = {"status": "completed", "conclusion": "success"}
    log = {"seq": 0, "chunk": base64.b64encode(b"fine\n").decode(), "step_id": step}
    for what, body in (("status", running), ("logs", log), ("cancel-check", {}),
                       (f"steps/{step}/status", running)):
        status, got = call(what, {**body, "extra": 1})
        assert (status, set(got)) == (400, {"error"}), what
    for what, body in (("status", {"status": "completed"}), ("status", {"status": "skipped"}),
                       ("status", {"status": "running", "conclusion": "success"}),
                       ("logs", {**log, "seq": -1}), ("logs", {**log, "chunk": ""})):
        assert call(what, body)[0] == 400, body
    states = {"status", "conclusion", "run_status", "run_conclusion"}
    for what, body, code, keys in (
            ("status", running, 200, states | NEXT), ("logs", log, 202, {"accepted"} | NEXT),
            ("logs", log, 202, {"accepted"} | NEXT),
            ("cancel-check", {}, 200, {"cancelled", "force"} | NEXT),
            (f"steps/{step}/status", running, 200, {"status", "conclusion"} | NEXT),
            (f"steps/{step}/status", ended, 200, {"status", "conclusion"} | NEXT),
            (f"steps/{step}/status", ended, 200, {"status", "conclusion"} | NEXT)):
        status, got = call(what, body)
        assert (status, set(got)) == (code, keys), what
        assert RFC3339.fullmatch(got["next_token_expires_at"])
    used = chain.token
    status, got = call("status", ended)
    assert (status, set(got)) == (200, states), "no token after the end"
    assert (got["run_status"], got["run_conclusion"]) == ("completed", "success")
    chain.token = used
    assert call("cancel-check", {})[0] == 401, "a used token"
