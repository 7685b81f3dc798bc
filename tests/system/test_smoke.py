"""The runbook's smoke on two repositories that share one pool, end to end."""
import os

import driver
from conftest import ROOT, everyday, few, newest_run, once
from database import psql

SMOKE = (ROOT / "deploy/local/smoke.yml").read_text()


@everyday
def test_two_repositories(coordinator, repository, joined):
    runner = joined()
    for name in ("demo/scratch", "demo/second"):
        repo = repository(name)
        head = repo.commit({"README.md": f"# {name}\n", ".shithub/workflows/smoke.yml": SMOKE})
        repo.push()
        program = runner.once()
        assert program.process.returncode == 0, program.log()

        run = coordinator.show(newest_run(coordinator))
        assert (run["status"], run["conclusion"]) == ("completed", "success")
        assert (run["event"], run["head_ref"]) == ("push", "refs/heads/trunk")
        assert run["head_sha"] == head
        job = run["jobs"][0]
        assert (job["key"], job["status"], job["conclusion"]) == ("green", "completed", "success")
        assert [step["conclusion"] for step in job["steps"]] == ["success"] * 3
        assert all(step["started_at"] and step["completed_at"] for step in job["steps"])

        checkout = coordinator.step_log(job["id"], 0).decode()
        assert f"{coordinator.base}/{name}" in checkout, "the checkout names the scoped URL"
        assert head in checkout
        assert coordinator.step_log(job["id"], 2) == b"shithub actions smoke passed\n"
        assert runner.left_over() == []


@once
def test_the_demo_on_postgresql(build, folder, image, engine, user):
    """What `STORE=postgres make run` runs once server, engine and image are there."""
    done = driver.run(["/usr/bin/python3", ROOT / "deploy/local/demo.py", build, folder, image], check=False,
                      env={**os.environ, "DEMO_STORE": user.address, "DOCKER_HOST": f"unix://{engine.socket}"})
    assert done.returncode == 0 and b"store         PostgreSQL" in done.stdout, (done.stdout, done.stderr)
    assert psql(f"SELECT count(*) FROM {user.name}.workflow_runs WHERE conclusion = 'success'") == "2"


@once
def test_the_demo_knows_two_stores(build):
    done = driver.run([ROOT / "deploy/local/demo.sh", build], check=False, env={**os.environ, "STORE": "mysql"})
    assert done.returncode == 2 and b"STORE=mysql: expected sqlite or postgres" in done.stderr


@few
def test_private_repository_and_failing_step(coordinator, repository, joined):
    repo = repository("demo/private", private=True)
    repo.commit({"README.md": "# private\n", ".shithub/workflows/ci.yml": """
name: CI
on: push
jobs:
  main:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: cat README.md; exit 7
      - run: echo never
"""})
    repo.push()
    joined().once()
    run = coordinator.show(newest_run(coordinator))
    job = run["jobs"][0]
    assert (run["status"], run["conclusion"]) == ("completed", "failure")
    assert [step["conclusion"] for step in job["steps"]] == ["success", "failure", "skipped"]
    assert b"# private\n" in coordinator.step_log(job["id"], 1)
    assert b"7" in coordinator.step_log(job["id"], 1).splitlines()[-1], "the exit code is said"


@few
def test_runner_may_be_there_first(coordinator, repository, joined):
    """A long-running runner takes the jobs of several pushes, one after the other."""
    program = joined().start()
    repo = repository()
    for number in range(3):
        repo.commit({"README.md": f"{number}\n", ".shithub/workflows/smoke.yml": SMOKE})
        repo.push()
        driver.wait_for(lambda: sum(run["status"] == "completed" for run in coordinator.runs())
                        == number + 1, 60, f"run {number}")
    assert {run["conclusion"] for run in coordinator.runs()} == {"success"}
    assert program.stop() == 0


@once
def test_branch_filter_and_label(coordinator, repository, joined):
    repo = repository()
    repo.commit({"README.md": "x\n", ".shithub/workflows/smoke.yml": SMOKE})
    repo.push("side")
    assert coordinator.runs() == [], "a branch that the filter leaves out starts nothing"
    repo.commit({".shithub/workflows/smoke.yml": SMOKE.replace("ubuntu-latest", "windows-latest")})
    repo.push()
    program = joined(poll_interval="100ms").start()
    run = coordinator.runs()[0]
    driver.wait_for(lambda: coordinator.admin_json("runner", "list")[0].get("last_heartbeat_at"),
                    20, "a heartbeat")
    assert coordinator.show(run["id"])["status"] == "queued", "no runner has that label"
    assert program.stop() == 0
