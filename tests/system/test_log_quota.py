"""A job that writes more than the coordinator keeps: cut with the reason in its log, and no failure."""
import driver
import pytest
from conftest import once

WORKFLOW = """\
on: push
jobs:
  talk:
    runs-on: [self-hosted]
    steps:
      - run: seq -f 'line %06g' 10000
      - run: echo short
      - run: seq -f 'line %06g' 10000
"""
LINES = b"".join(b"line %06d\n" % n for n in range(1, 10001))  # 120 kB


@pytest.fixture
def coordinator(monkeypatch, build, folder):
    monkeypatch.setenv("SHITHUBD_LOGS__MAX_STEP_SIZE", "64k")
    monkeypatch.setenv("SHITHUBD_LOGS__MAX_JOB_SIZE", "100k")
    made = driver.Coordinator(build, folder / "coordinator")
    yield made.start()
    assert made.stop() == 0


def reason(scope, size):
    return (f"[shithub] the log of this {scope} has reached {size}, the most that the coordinator "
            f"keeps (logs.max_{scope}_size); what this step writes from here on is dropped\n").encode()


@once
def test_a_job_that_talks(coordinator, runner, repository):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    runner(coordinator.base, coordinator.register_runner("r1")["token"]).once()
    run = coordinator.runs()[0]
    assert (run["status"], run["conclusion"]) == ("completed", "success")
    job = coordinator.show(run["id"])["jobs"][0]
    assert [step["conclusion"] for step in job["steps"]] == ["success"] * 3
    first, short, third = (coordinator.step_log(job["id"], index) for index in range(3))
    step_end, job_end = reason("step", "64k"), reason("job", "100k")
    assert short == b"short\n"
    for log, end in ((first, step_end), (third, job_end)):
        assert log.endswith(end) and LINES.startswith(log[:-len(end)]), log[-300:]
    assert 65536 - len(b"line 000001\n") < len(first) - len(step_end) <= 65536
    assert len(first) + len(short) + len(third) <= 100 * 1024 + len(job_end)
    page = coordinator.request("GET", "/metrics").body
    assert b"shithub_actions_logs_full_total 2\n" in page
