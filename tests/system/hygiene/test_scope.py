"""Runners that go deaf: a runner has one scope (the site, an owner or a repository) and asks for work
itself.

Nothing can disagree, and these tests hold that: no two scopes can be given, a job is claimed whatever
happened before, no hint can keep a runner from asking, no watchdog restarts it. Databases that do
hold two scopes are the matter of test_scope_doctor.py, registrations that ask for two that of
test_pool.py::test_a_runner_has_one_scope.
"""
import re

import driver
from conftest import ROOT, offline, once, workflow

pytestmark = offline

POLL = 0.2
IDLE_POLLS = 12


def push(repository, name):
    repo = repository(name)
    repo.commit({"README.md": "x\n", ".shithub/workflows/ci.yml": workflow("- run: echo hi")})
    repo.push()


@once
def test_idle_runner_claims_at_once(coordinator, repository, joined):
    """The same idle process claims jobs of the first repository and of later ones."""
    program = joined(poll_interval=f"{int(POLL * 1000)}ms").start()
    driver.wait_for(lambda: coordinator.admin_json("runner", "list")[0]["last_heartbeat_at"], 30,
                    "a heartbeat")
    for name in ("demo/sample", "demo/second", "other/third"):
        known = {run["id"] for run in coordinator.runs()}
        push(repository, name)
        (new,) = [run for run in coordinator.runs() if run["id"] not in known]
        assert coordinator.ended(new["id"], 60)["conclusion"] == "success", name
    assert program.log().count("job_claimed") == 3
    assert program.log().count("started") == 1


@once
def test_constant_version_hint_changes_nothing(faulty, runner):
    """The version never changes. The runner asks for jobs all the same."""
    faulty.holds = False
    for _ in range(IDLE_POLLS):
        faulty.offer(b"", 204, {"ETag": '"1"', "X-Tasks-Version": "1",
                                "Cache-Control": "max-age=600"})
    runner(faulty.base, faulty.token, poll_interval=f"{int(POLL * 1000)}ms").start()
    faulty.wait(lambda: len(faulty.heartbeats) > IDLE_POLLS, 120, "idle polls")
    with faulty.lock:
        before = len(faulty.heartbeats)
        job = faulty.offer_job(7)
    faulty.wait(lambda: job.calls, 30, "a call about the job")
    assert faulty.claims == [before + 1], "the next poll took it"
    assert not any("If-None-Match" in headers for _, headers, _ in faulty.heartbeats)
    assert faulty.wait_final(job) == ("completed", "success")


def test_nothing_restarts_a_runner_on_suspicion():
    """Only systemd does, when the process ended or its event loop stands still."""
    wanted = {"Restart=always", "WatchdogSec=2min"}
    for path in sorted((ROOT / "deploy/systemd").glob("*.service")):
        lines = path.read_text().splitlines()
        assert not [line for line in lines if re.match(r"(RuntimeMaxSec|OnFailure)=", line)]
        if path.name == "shithubd-runner.service":
            assert wanted <= set(lines)
