"""The operator's view of the pool, with the names that scripts for the hosted service use."""
import json
import os
import pwd
import re

import byhand
import driver
import pytest

WORKFLOW = """\
on: push
jobs:
  one: {runs-on: linux, steps: [{run: echo hi}]}
  two: {runs-on: linux, steps: [{run: echo hi}]}
  waits: {runs-on: [gpu, linux], steps: [{run: echo hi}]}
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def pool(coordinator, repository):
    """A run with three jobs and a runner with room for two; heartbeat(**body) as that runner."""
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    driver.wait_for(coordinator.runs, what="a run")
    made = coordinator.register_runner("r1", labels="linux", capacity=2)

    def heartbeat(**body):
        answer = byhand.heartbeat(coordinator, made["token"], **body)
        return answer.json() if answer.status == 200 else answer.status
    heartbeat.id = made["id"]
    return heartbeat


def test_lists_have_the_names_of_the_hosted_service(coordinator, pool):
    made = coordinator.admin_json("runner", "register", "--name", "plain")
    assert made["labels"] == ["self-hosted", "linux", "ubuntu-latest", "x64"]
    assert made["capacity"] == 1 and len(made["token"]) == 64 and made["token_expires_at"] is None
    assert coordinator.admin_json("runner", "rotate-token", "--id", str(made["id"]),
                                  "--expires-in", "24h")["token_expires_at"]
    pool(version="0.1.0", host_name="h1")
    first, second = coordinator.admin_json("runner", "list")
    assert (first["status"], first["active_job_count"], first["online"]) == ("busy", 1, True)
    assert first["last_heartbeat_age_seconds"] < 60 and first["host_name"] == "h1"
    assert (second["status"], second["last_heartbeat_age_seconds"]) == ("offline", None)
    coordinator.admin("runner", "drain", "--id", str(first["id"]), "--reason", "x" * 1000)
    coordinator.admin("runner", "revoke", "--id", str(second["id"]), "--reason", "gone")
    first, second = coordinator.admin_json("actions", "runner", "list")
    assert first["draining_at"] and first["drain_reason"] == "x" * 1000
    assert second["revoked_at"] and second["revoked_reason"] == "gone"
    rows = {row["runs_on"]: row for row in coordinator.admin_json("runner", "queue")}
    assert rows["gpu,linux"]["matching_runner_count"] == 0
    assert rows["linux"]["queued_jobs"] == 1 and rows["linux"]["oldest_queued_seconds"] < 60
    stale = coordinator.admin_json("runner", "cleanup-stale", "--older-than", "1ms")
    assert [row["name"] for row in stale] == ["r1"] and stale[0]["status"] == "offline"
    assert coordinator.admin_json("runner", "cleanup-stale", "--older-than", "1ms") == []


def preflight(coordinator, *words):
    done = coordinator.admin("runner", "preflight", "--output", "json", *words, check=False)
    answer = json.loads(done.stdout)
    assert answer["ok"] is (done.returncode == 0), done.stderr
    return answer


def test_preflight(coordinator, pool):
    ours = ("--labels", "linux")
    assert preflight(coordinator)["checked_count"] == 0, "nobody has ubuntu-latest"
    found = preflight(coordinator, *ours)
    assert (found["ok"], found["offline_count"]) == (False, 1)
    pool()
    assert preflight(coordinator, *ours)["ready_count"] == 1
    found = preflight(coordinator, *ours, "--expected-commit", COMMIT)
    assert (found["ok"], found["missing_version_count"]) == (False, 1)
    for version, commit in ((f"0.1.0+{COMMIT}", COMMIT), (f"0.1.0+{COMMIT}", COMMIT[:12]),
                            (f"0.1.0+{COMMIT[:12]}", COMMIT)):
        pool(version=version)
        assert preflight(coordinator, *ours, "--expected-commit", commit)["ok"], version
    found = preflight(coordinator, *ours, "--expected-commit", "f" * 40)
    assert (found["ok"], found["version_drift_count"]) == (False, 1)
    assert f"runner {pool.id} (r1): it runs another version, 0.1.0+" in found["reasons"][0]
    found = preflight(coordinator, *ours, "--min-runners", "2")
    assert "1 runners with labels linux are ready, expected 2" in found["reasons"][-1]
    assert preflight(coordinator, *ours, "--max-heartbeat-age", "1ms")["stale_count"] == 1
    coordinator.admin("runner", "drain", "--id", str(pool.id))
    assert preflight(coordinator, *ours)["draining_count"] == 1
    done = coordinator.admin("runner", "preflight", "--expected-commit", "abc", check=False)
    assert done.returncode == 2 and b"--expected-commit" in done.stderr


def test_jobs_and_their_recovery(coordinator, pool):
    one, two = (pool()["job"]["id"] for _ in range(2))
    rows = coordinator.admin_json("runner", "jobs", "--id", str(pool.id))
    assert [(row["runner_id"], row["job_id"]) for row in rows] == [(pool.id, one), (pool.id, two)]
    assert len(coordinator.admin_json("runner", "jobs", "--limit", "1")) == 1
    assert coordinator.admin("runner", "jobs", "--id", "77", check=False).returncode != 0
    words = ("runner", "recover-stale-jobs", "--id", str(pool.id), "--active-job-id", str(two))
    assert coordinator.admin(*words, check=False).returncode == 2, "--dry-run or --confirm"
    seen = coordinator.admin_json(*words, "--dry-run")
    assert (seen["stale_job_count"], seen["recovered_job_count"]) == (1, 0)
    assert [row["job_id"] for row in seen["jobs"]] == [one]
    assert len(coordinator.admin_json("runner", "jobs")) == 2, "nothing was changed"
    assert coordinator.admin_json(*words, "--confirm")["recovered_job_count"] == 1
    assert coordinator.admin_json(*words, "--confirm")["recovered_job_count"] == 0
    assert [row["job_id"] for row in coordinator.admin_json("runner", "jobs")] == [two]
    [run] = coordinator.runs()
    ended = {job["id"]: job["conclusion"] for job in coordinator.show(run["id"])["jobs"]}
    assert ended[one] == "cancelled" and ended[two] is None
    assert b"has this job no longer" in coordinator.step_log(one)


def test_cleanup_as_the_runbook_writes_it(coordinator, build):
    assert set(coordinator.admin_json("run-job", "workflow:cleanup")) == {
        "chunks", "blobs", "runs", "jwt_used", "evidence"}
    plain = driver.run([build / "shithubd", "run-job", "workflow:cleanup", "--data",
                        coordinator.data])
    assert b"log chunks archived" in plain.stdout


@pytest.mark.parametrize("program", ["shithubd", "shithubd-runner"])
def test_version_names_the_commit(build, program):
    seen = json.loads(driver.run([build / program, "version", "--output", "json"]).stdout)
    assert seen["program"] == program and seen["version"] and "libgit2" in seen["libraries"]
    text = driver.run([build / program, "version"]).stdout.decode()
    assert f"{program} {seen['version']} (commit {seen['commit']}, {seen['build_date']})" in text
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", seen["commit"])


def test_what_operators_do_to_the_pool_is_recorded(coordinator, pool):
    """Who, when, what and why, newest first; a verb that was refused leaves no entry."""
    runner = str(pool.id)
    coordinator.admin("runner", "drain", "--id", runner, "--reason", "new kernel")
    coordinator.admin("runner", "undrain", "--id", runner)
    coordinator.admin("runner", "rotate-token", "--id", runner)
    coordinator.admin("runner", "revoke", "--id", runner, "--reason", "host is gone")
    assert coordinator.admin("runner", "drain", "--id", runner, check=False).returncode == 3
    entries = coordinator.admin_json("audit", "--target", f"runner:{runner}")
    assert [(entry["verb"], entry["reason"]) for entry in entries] == [
        ("runner.revoke", "host is gone"), ("runner.rotate-token", None),
        ("runner.undrain", None), ("runner.drain", "new kernel"), ("runner.register", None)]
    me = pwd.getpwuid(os.getuid()).pw_name
    assert {(entry["actor"]["kind"], entry["outcome"]) for entry in entries} == {
        ("operator", "done")}
    assert {entry["actor"]["name"] for entry in entries} <= {me, os.environ.get("SUDO_USER", me)}
    assert len(coordinator.admin_json("audit", "--limit", "2")) == 2
    assert coordinator.admin_json("audit", "--target", f"runner:{runner}",
                                  "--until", entries[-1]["at"]) == []
    assert len(coordinator.admin_json("audit", "--since", "1h", "--target", "runner")) == 5
    table = coordinator.admin("audit", "--limit", "2").stdout.decode().splitlines()
    assert table[0].split() == ["ID", "AT", "WHO", "FROM", "VERB", "TARGET", "OUTCOME", "REASON"]
    assert len(table) == 3 and f"runner:{runner}" in table[1]
    assert coordinator.admin_json("audit", "--limit", "2", "--after",
                                  str(entries[1]["id"]))[0]["id"] == entries[2]["id"]
    for flags in (("--since", "soon"), ("--target", ":3"), ("--target", "runner:")):
        assert coordinator.admin("audit", *flags, check=False).returncode == 2, flags
