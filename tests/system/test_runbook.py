"""The runner runbook from its first command to its last, in its order, with its words.

Default folders on both sides, the binaries found by PATH. What the document writes as `7`, `<id>`
and `<printed-token>` is filled in as an operator would; nothing else of a command is changed. The
hosts of the document's droplets are recorded in tests/deploy/test_doctl.py, its timers booted in
tests/deploy/test_systemd.py, and its token smoke with curl is test_curl_smoke.py's.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil

import pytest

import driver
from conftest import ROOT, early, end_runners, has_failed, newest_run, once

RUNNER_HOME = pathlib.Path("/var/lib/shithubd-runner")
COORDINATOR_HOME = pathlib.Path("/var/lib/shithubd")
SMOKE = (ROOT / "deploy/local/smoke.yml").read_text()
REGISTER = """
shithubd admin runner register \\
--name runner-1 \\
--labels self-hosted,linux,ubuntu-latest,x64 \\
--capacity 1 \\
--output json
"""
RUN = """
exec shithubd-runner run \\
--server-url "$BASE" \\
--token "$RUNNER_TOKEN" \\
--labels self-hosted,linux,ubuntu-latest,x64 \\
--workspace-root /var/lib/shithubd-runner/workspaces \\
--network shithub-actions \\
--dns-servers 172.30.0.1
"""
LIST = "shithubd admin runner list --output json"
QUEUE = "shithubd admin runner queue --output json"
DRAIN = "shithubd admin runner drain --id 7 --reason 'kernel update'"
UNDRAIN = "shithubd admin runner undrain --id 7"
ROTATE = "shithubd admin runner rotate-token --id 7 --expires-in 24h --output json"
STALE = "shithubd admin runner cleanup-stale --older-than 2m"
REVOKE = "shithubd admin runner revoke --id 7 --reason 'host compromise'"
CANCEL = """
curl -fsS "$BASE/api/v1/jobs/$JOB_ID/cancel" \\
-H "Authorization: Bearer $PAT_WITH_REPO_WRITE" \\
-X POST
"""
RERUN = """
curl -fsS "$BASE/api/v1/runs/$RUN_ID/rerun" \\
-H "Authorization: Bearer $PAT_WITH_REPO_WRITE" \\
-X POST
"""
CLEANUP = "shithubd admin run-job workflow:cleanup"
UNSUPPORTED = """\
name: Unsupported runner label
on:
  workflow_dispatch:
jobs:
  nope:
    runs-on: windows-latest
    steps:
      - run: echo should-not-run
"""
TIMEOUT = """\
name: Timeout
on: workflow_dispatch
jobs:
  timeout_probe:
    runs-on: ubuntu-latest
    timeout-minutes: 1
    steps:
      - run: sleep 600
"""
SECRET = "s41j-a-non-production-value"
UNTRUSTED = """\
name: Untrusted
on: pull_request
jobs:
  probe:
    runs-on: ubuntu-latest
    steps:
      - run: echo "secret present is ${{ secrets.S41J_SECRET_SMOKE != '' }}"
      - run: echo "[$VALUE]"
        env: {VALUE: "${{ secrets.S41J_SECRET_SMOKE }}"}
"""


@pytest.fixture
def homes():
    with open("/tmp/shithub-default-folder.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for home in (RUNNER_HOME, COORDINATOR_HOME):
            assert not home.exists(), f"{home} is in use on this machine"
        yield
        for home in (RUNNER_HOME, COORDINATOR_HOME):
            shutil.rmtree(home, ignore_errors=True)


class Operator:
    """Somebody with a shell on the coordinator's host and on a runner's."""

    def __init__(self, coordinator, build, folder, image):
        self.coordinator = coordinator
        self.folder, self.programs = folder, []
        self.env = {**os.environ, "PATH": f"{build}:{os.environ['PATH']}",
                    "BASE": self.coordinator.base, "no_proxy": "*",
                    # what the host's config.toml says besides
                    "SHITHUB_RUNNER_ENGINE__DEFAULT_IMAGE": image,
                    "SHITHUB_RUNNER_DISK__MIN_FREE": "0"}

    def sh(self, text, stdin=None, **variables):
        env = {**self.env, **{key: str(value) for key, value in variables.items()}}
        return driver.run(["bash", "-ec", text], env=env, cwd="/", stdin=stdin).stdout.decode()

    def json(self, text, **variables):
        return json.loads(self.sh(text, **variables))

    @property
    def program(self):
        """The runner that was started last."""
        return self.programs[-1]

    def start_runner(self):
        log = self.folder / f"runner-{len(self.programs)}.log"
        self.programs.append(driver.Program(["bash", "-c", RUN], log, env=self.env, cwd="/"))

    def runner(self):
        return next(row for row in self.json(LIST) if row["name"] == "runner-1")

    # what conftest.end_runners asks of a runner

    def stop(self):
        for program in self.programs:
            program.stop()

    def instance_ids(self):
        with contextlib.suppress(FileNotFoundError):
            return [(RUNNER_HOME / "instance_id").read_text().strip()]
        return []

    def left_over(self):
        return [str(path) for path in RUNNER_HOME.glob("workspaces/[0-9]*/*")]


@pytest.fixture
def operator(request, coordinators, build, folder, image, engine, homes):
    coordinator = coordinators()
    coordinator.data = COORDINATOR_HOME
    made = Operator(coordinator.start(), build, folder, image)
    yield made
    end_runners([made], engine, has_failed(request))


def one_of(pairs, **wanted):
    """The only row with these values."""
    [found] = [row for row in pairs if all(row[key] == value for key, value in wanted.items())]
    return found


@early
@once
@pytest.mark.timeout(900)  # a minute of it is the document's own time limit
def test_the_runbook(operator):
    coordinator = operator.coordinator
    pat = operator.env["PAT_WITH_REPO_WRITE"] = coordinator.create_token()

    # Register a runner. (It is the seventh droplet; the first six are gone.)
    for number in range(1, 7):
        coordinator.register_runner(f"droplet-{number}")
        coordinator.admin("runner", "revoke", "--id", str(number), "--reason", "destroyed")
    registered = operator.json(REGISTER)
    assert registered["id"] == 7
    operator.env["RUNNER_TOKEN"] = registered["token"]

    # Run the binary.
    operator.start_runner()
    driver.wait_for(lambda: operator.runner()["last_heartbeat_at"], 60, "a heartbeat")

    # Pool operations: `list` includes …, `queue` groups queued jobs by label.
    row = operator.runner()
    assert row["labels"] == ["self-hosted", "linux", "ubuntu-latest", "x64"]
    assert (row["capacity"], row["active_job_count"], row["online"]) == (1, 0, True)
    assert row["host_name"] and row["version"]
    assert row["drained_at"] is None and row["revoked_at"] is None
    assert operator.json(QUEUE) == []

    arbitrary_repository_smoke(operator, pat)
    unsupported_label(operator)
    untrusted_pull_request(operator, pat)
    runner_outage(operator)
    timeout_smoke(operator)
    rerun_smoke(operator)
    pool_operations(operator)
    emergency_controls(operator)
    retention_sweep(operator)


def arbitrary_repository_smoke(operator, pat):
    coordinator = operator.coordinator
    operator.repos = {}
    for name, private in (("mfwolffe/scratch", False), ("demo/second", False),
                          ("demo/private", True)):
        repo = operator.repos[name] = coordinator.repository(name, pat, private)
        head = repo.commit({"README.md": f"# {name}\n", ".shithub/workflows/smoke.yml": SMOKE})
        repo.push()
        run = coordinator.ended(newest_run(coordinator))
        # the Actions run page shows `Triggered via push` on refs/heads/trunk
        text = coordinator.admin("run", "show", str(run["id"])).stdout.decode()
        assert "Triggered via push on refs/heads/trunk" in text
        job = run["jobs"][0]
        assert (job["key"], job["status"], job["conclusion"]) == ("green", "completed", "success")
        # the checkout step logs the scoped repository URL, the smoke step its line
        assert f"{coordinator.base}/{name}" in coordinator.step_log(job["id"], 0).decode()
        assert coordinator.step_log(job["id"], 2) == b"shithub actions smoke passed\n"
        # the check run attached to the commit agrees with the run; the repository is green
        checks = coordinator.request("GET", f"/api/v1/repos/{name}/commits/{head}/check-runs",
                                     token=pat).json()
        assert [(one["status"], one["conclusion"]) for one in checks["check_runs"]] == [
            ("completed", "success")]
        state = coordinator.request("GET", f"/api/v1/repos/{name}/commits/{head}/status",
                                    token=pat).json()
        assert state["state"] == "success" and state["sha"] == head
        # the downloaded step log matches the one that is shown
        raw = coordinator.request(
            "GET", f"/api/v1/jobs/{job['id']}/steps/{job['steps'][2]['id']}/log", token=pat)
        assert raw.body == coordinator.step_log(job["id"], 2)
    # Confirm the pool is shared: one runner with the same labels served all.
    assert {one["jobs"][0]["runner"]["name"] for one in map(coordinator.show, (
        run["id"] for run in coordinator.runs()))} == {"runner-1"}
    assert operator.json(QUEUE) == []


def unsupported_label(operator):
    coordinator, repo = operator.coordinator, operator.repos["demo/second"]
    repo.commit({".shithub/workflows/unsupported.yml": UNSUPPORTED,
                 ".shithub/workflows/timeout.yml": TIMEOUT})
    repo.push()
    coordinator.ended(newest_run(coordinator))  # the smoke of this push
    made = coordinator.admin_json("run", "dispatch", "--repo", "demo/second",
                                  "--workflow", "unsupported.yml")["run_id"]
    run = coordinator.show(made)
    assert run["status"] == "queued"
    text = coordinator.admin("run", "show", str(made)).stdout.decode()
    assert "Waiting for runner with labels: windows-latest" in text
    row = one_of(operator.json(QUEUE), label="windows-latest")
    assert (row["queued_jobs"], row["matching_runner_count"]) == (1, 0)
    # Cancel the run after confirming the diagnostic.
    operator.sh(CANCEL, JOB_ID=run["jobs"][0]["id"])
    assert coordinator.ended(made)["conclusion"] == "cancelled"


def untrusted_pull_request(operator, pat):
    coordinator, repo = operator.coordinator, operator.repos["demo/second"]
    coordinator.admin("secret", "set", "--repo", "demo/second", "--name", "S41J_SECRET_SMOKE",
                      stdin=SECRET.encode())
    repo.git("checkout", "-q", "-B", "topic")
    sha = repo.commit({".shithub/workflows/untrusted.yml": UNTRUSTED})
    repo.git("push", "-q", "origin", "HEAD:refs/pull/1/head")

    def opened():
        made = coordinator.request(
            "POST", "/api/v1/repos/demo/second/pulls/1/events",
            {"action": "opened", "title": "Print a secret", "author": "stranger",
             "head": {"sha": sha, "ref": "topic", "repo": "stranger/second"},
             "base": {"ref": "trunk"}}, pat, {"Idempotency-Key": "delivery-1"})
        assert made.status == 201, made.body
        return made.json()["runs"][0]

    def logs(run):
        [job] = run["jobs"]
        return [coordinator.step_log(job["id"], index).decode() for index in (0, 1)]

    # Before approval nothing is claimed; approved without secrets, the job has none.
    run = opened()
    assert coordinator.show(run)["status"] == "waiting"
    coordinator.admin("run", "approve", str(run), "--reason", "harmless")
    plain = coordinator.ended(run)
    assert logs(plain) == ["secret present is false\n", "[]\n"], logs(plain)
    # Only explicit approval lets the run through the trusted secret path; its log masks the value.
    again = coordinator.admin_json("run", "rerun", str(run))["run_id"]
    assert logs(coordinator.ended(again)) == ["secret present is false\n", "[]\n"]
    coordinator.admin("run", "approve", str(run), "--with-secrets", "--reason", "read every line")
    trusted = coordinator.admin_json("run", "rerun", str(run))["run_id"]
    said = logs(coordinator.ended(trusted))
    assert said[0] == "secret present is true\n" and SECRET not in said[1], said
    repo.git("checkout", "-q", "trunk")


def runner_outage(operator):
    coordinator, repo = operator.coordinator, operator.repos["mfwolffe/scratch"]
    for row in operator.json(LIST):
        if not row["revoked_at"]:
            operator.sh("shithubd admin runner drain --id $ID", ID=row["id"])
    repo.commit({"README.md": "# during the outage\n"})
    repo.push()
    run = newest_run(coordinator)
    assert one_of(operator.json(QUEUE), label="ubuntu-latest")["queued_jobs"] == 1
    heartbeat = operator.runner()["last_heartbeat_at"]
    driver.wait_for(lambda: operator.runner()["last_heartbeat_at"] > heartbeat, 30,
                    "a heartbeat of the drained runner")
    assert coordinator.show(run)["status"] == "queued"
    [job] = coordinator.show(run)["jobs"]
    operator.sh(UNDRAIN)
    ended = coordinator.ended(run)
    assert ended["conclusion"] == "success" and ended["jobs"][0]["id"] == job["id"]


def timeout_smoke(operator):
    coordinator = operator.coordinator

    before = coordinator.metric("step_timeouts_total")
    made = coordinator.admin_json("run", "dispatch", "--repo", "demo/second",
                                  "--workflow", "timeout.yml")["run_id"]
    run = coordinator.ended(made, 240)
    job, [step] = run["jobs"][0], run["jobs"][0]["steps"]
    assert (step["status"], step["conclusion"]) == ("completed", "timed_out")
    assert (job["status"], job["conclusion"]) == ("completed", "timed_out")
    assert 60_000 <= job["duration_ms"] < 90_000, job["duration_ms"]
    assert coordinator.metric("step_timeouts_total") == before + 1


def rerun_smoke(operator):
    coordinator = operator.coordinator
    source = next(run for run in coordinator.runs() if run["workflow_name"] == "Smoke")
    answer = operator.json(RERUN, RUN_ID=source["id"])
    assert answer["parent_run_id"] == source["id"] and answer["run_index"] > source["run_index"]
    assert coordinator.ended(answer["run_id"])["head_sha"] == source["head_sha"]


def pool_operations(operator):
    coordinator, repo = operator.coordinator, operator.repos["mfwolffe/scratch"]
    # Drain before maintenance: it keeps heartbeating, gets nothing, and goes on when undrained.
    operator.sh(DRAIN)
    assert operator.runner()["drain_reason"] == "kernel update"
    operator.sh(UNDRAIN)
    assert operator.runner()["drained_at"] is None
    # Rotate, update the host, restart, verify heartbeats.
    rotated = operator.json(ROTATE)
    assert rotated["token"] != operator.env["RUNNER_TOKEN"]
    operator.env["RUNNER_TOKEN"] = rotated["token"]
    operator.program.stop()
    seen = operator.runner()["last_heartbeat_at"]
    operator.start_runner()
    driver.wait_for(lambda: operator.runner()["last_heartbeat_at"] > seen, 60, "its heartbeats")
    operator.sh(STALE)
    assert operator.runner()["online"], "it is not stale"
    repo.commit({"README.md": "# rotated\n"})
    repo.push()
    assert coordinator.ended(newest_run(coordinator))["conclusion"] == "success"


def emergency_controls(operator):
    coordinator, repo = operator.coordinator, operator.repos["mfwolffe/scratch"]
    # Stop all new claims at site level; pause one repository: its queued jobs stay untouched.
    for off, on in ((["emergency-stop", "--reason", "incident 4711"], ["resume"]),
                    (["policy", "set", "actions_enabled=false", "--repo", "mfwolffe/scratch"],
                     ["policy", "unset", "actions_enabled", "--repo", "mfwolffe/scratch"])):
        coordinator.admin(*off)
        repo.commit({"README.md": f"# {off[0]}\n"})
        repo.push()
        run = newest_run(coordinator)
        heartbeat = operator.runner()["last_heartbeat_at"]
        # one that was under way before is held for half a minute
        driver.wait_for(lambda: operator.runner()["last_heartbeat_at"] > heartbeat, 60,
                        "a heartbeat that brings nothing")
        assert coordinator.show(run)["status"] == "queued", off
        coordinator.admin(*on)
        assert coordinator.ended(run)["conclusion"] == "success", off
    assert "incident 4711" in coordinator.admin("audit").stdout.decode()
    # Hard-revoke a compromised runner.
    operator.sh(REVOKE)
    row = operator.runner()
    assert row["revoked_at"] and row["revoke_reason"] == "host compromise" and not row["online"]
    driver.wait_for(lambda: "token_refused" in operator.program.log(), 60,
                    "the runner to say that its token is refused")
    refused = coordinator.request("POST", "/api/v1/runners/heartbeat", {},
                                  operator.env["RUNNER_TOKEN"])
    assert refused.status == 401
    # Revoke all runner tokens: over every non-revoked runner.
    assert [row["id"] for row in operator.json(LIST) if not row["revoked_at"]] == []


def retention_sweep(operator):
    operator.sh(CLEANUP)
    page = operator.coordinator.request("GET", "/metrics").body.decode()
    for kind in ("chunks", "blobs", "runs", "jwt_used"):
        assert f'shithub_actions_runs_pruned_total{{kind="{kind}"}}' in page
    for name in ("runner_registrations", "runner_heartbeats", "runner_jwt_issued",
                 "job_cancellations", "log_scrub", "step_timeouts", "queue_depth",
                 "claim_latency", "runners_online", "runners_stale", "runners_draining",
                 "runner_revocations"):
        assert f"shithub_actions_{name}" in page, name
