"""Who may run what: labels and scopes of runners, policies, caps, emergency stop, revocation, against
a real serve. Runners that only ask are plain HTTP; what happens to containers is tested with one."""
import concurrent.futures
import json

import byhand
import driver
import pytest
from conftest import once
from conftest import workflow as steps

ONE = "on: [push, workflow_dispatch]\njobs:\n  one: {runs-on: linux, steps: [{run: echo hi}]}\n"


def workflow(jobs, label="linux"):
    lines = [f"  j{n}: {{runs-on: {label}, steps: [{{run: echo hi}}]}}" for n in range(jobs)]
    return "on: [push, workflow_dispatch]\njobs:\n" + "\n".join(lines) + "\n"


class Asking:
    """A registered runner that is a few HTTP calls."""

    def __init__(self, coordinator, name, *flags, labels="linux", capacity=64):
        self.coordinator, self.name = coordinator, name
        made = coordinator.admin_json("runner", "register", "--name", name, "--labels", labels,
                                      "--capacity", str(capacity), *flags)
        self.id, self.token, self.scope = made["id"], made["token"], made["scope"]

    def beat(self, wait=0, **body):
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        return byhand.heartbeat(self.coordinator, self.token, headers, **body)

    def claim(self, wait=0, **body):
        """The claim, or None."""
        answer = self.beat(wait, **body)
        assert answer.status in (200, 204), answer.body
        return answer.json() if answer.status == 200 else None

    def finish(self, claim, conclusion="success"):
        byhand.Claimed(self.coordinator, claim).end(conclusion)

    def row(self):
        return next(row for row in self.coordinator.admin_json("runner", "list")
                    if row["id"] == self.id)


@pytest.fixture
def pushed(coordinator, repository):
    """pushed("owner/name", jobs): a repository with a run of that many jobs."""
    def make(name="acme/app", jobs=1, label="linux"):
        before = len(coordinator.runs())
        repo = repository(name)
        repo.commit({".shithub/workflows/ci.yml": workflow(jobs, label)})
        repo.push()
        driver.wait_for(lambda: len(coordinator.runs()) > before, what="a run")
        return repo
    return make


def restart(coordinator):
    listen = coordinator.base.removeprefix("http://")
    assert coordinator.stop() == 0
    coordinator.start(listen)


# ---- labels ----

def test_labels_are_the_operators_to_give(coordinator, pushed):
    pushed(label="gpu")
    runner = Asking(coordinator, "r1", labels="linux,x64")
    answer = runner.beat(labels=["linux", "gpu"])
    assert (answer.status, answer.headers["Shithub-Labels-Refused"]) == (204, "gpu")
    runner.beat(labels=["linux", "gpu"])
    row = runner.row()
    assert (row["labels"], row["allowed_labels"], row["refused_labels"]) == (
        ["linux"], ["linux", "x64"], ["gpu"])
    assert coordinator.program.log().count("labels_refused") == 1, "said once"
    assert coordinator.admin("runner", "list").stdout.split()[-2:] == [b"gpu", b"-"], "and no trouble"
    answer = runner.beat(labels=["gpu"])
    assert answer.status == 403
    assert all(text in answer.json()["error"] for text in ("gpu", "linux,x64", "set-labels --id"))
    shown = coordinator.admin_json("runner", "set-labels", "--id", str(runner.id), "--labels",
                                   "linux,gpu", "--reason", "new card")
    assert shown["labels"] == ["linux", "gpu"]
    assert runner.claim(labels=["gpu"])["job"]["id"]
    assert runner.row()["refused_labels"] == []
    assert coordinator.admin_json("audit", "--limit", "1")[0]["verb"] == "runner.set-labels"


# ---- scopes ----

def test_a_runner_has_one_scope(coordinator, pushed):
    """S16: both at once cannot be registered, and nothing is."""
    pushed()
    for flags, code in ((("--owner", "acme", "--repo", "acme/app"), 2),
                        (("--repo", "acme"), 2), (("--owner", "acme/app"), 2),
                        (("--repo", "acme/none"), 1), (("--owner", ""), 2)):
        done = coordinator.admin("runner", "register", "--name", "r", *flags, check=False)
        assert done.returncode == code, (flags, done.stderr)
    assert coordinator.admin_json("runner", "list") == []
    scopes = {"a": (), "b": ("--owner", "acme"), "c": ("--repo", "acme/app")}
    runners = [Asking(coordinator, name, *flags) for name, flags in scopes.items()]
    assert [runner.scope["kind"] for runner in runners] == ["site", "owner", "repo"]
    row = runners[2].row()
    assert row["scope"] == {"kind": "repo", "owner": None, "repository": "acme/app"}


def test_no_runner_gets_a_job_of_somebody_else(coordinator, pushed):
    """Whatever it says, before and after a restart; held heartbeats too."""
    pushed("acme/app", jobs=3)
    pushed("other/app", jobs=3)
    mine = Asking(coordinator, "mine", "--repo", "other/app")
    owners = Asking(coordinator, "owners", "--owner", "ACME")
    ids = {repo["full_name"]: {job["id"] for run in coordinator.runs()
                               if run["repo_id"] == repo["id"]
                               for job in coordinator.show(run["id"])["jobs"]}
           for repo in coordinator.admin_json("repo", "list")}
    got = [mine.claim(labels=["linux"])["job"]["id"], owners.claim()["job"]["id"]]
    assert got[0] in ids["other/app"] and got[1] in ids["acme/app"]
    restart(coordinator)
    rest = [claim["job"]["id"] for claim in iter(lambda: mine.claim(wait=1), None)]
    assert {got[0], *rest} == ids["other/app"], "its own three, and none of the six others"
    assert mine.beat(capacity=64, scope="site", owner="acme").status == 400
    assert {got[1], *(claim["job"]["id"] for claim in iter(lambda: owners.claim(), None))} == \
        ids["acme/app"]


@pytest.mark.parametrize("flags", [(), ("--owner", "acme"), ("--repo", "acme/app")])
def test_an_idle_runner_of_each_scope_still_gets_the_next_job(coordinator, pushed, flags):
    """S17 and S18: after many heartbeats that found nothing, the next job is claimed by the one that
    is held, or by the next one; no restart, no hint that could go stale."""
    repo = pushed()
    runner = Asking(coordinator, "r1", *flags)
    assert runner.claim()
    for _ in range(20):
        assert runner.claim() is None
    with concurrent.futures.ThreadPoolExecutor() as pool:
        held = pool.submit(driver.wait_for, lambda: runner.claim(wait=30), 120, "a claim")
        repo.commit({"x": "y"})
        repo.push()
        assert held.result()["job"]["id"]
    assert runner.row()["deaf"] is False


# ---- policies ----

def policy(coordinator, *words):
    return coordinator.admin_json("policy", *words)


def waiting(coordinator):
    return sum(row["queued_jobs"] for row in coordinator.admin_json("runner", "queue"))


@pytest.mark.parametrize("place", [(), ("--owner", "acme"), ("--repo", "acme/app")])
def test_disabled_actions_leave_queued_jobs_untouched(coordinator, pushed, place):
    """Claims stop, others' go on, a new push still queues, and enabling goes on where it stopped."""
    repo = pushed("acme/app", jobs=2)
    pushed("other/app", jobs=1)
    runner = Asking(coordinator, "r1")
    first = runner.claim()
    shown = policy(coordinator, "set", "actions_enabled=false", *place, "--reason", "abuse")
    assert shown["actions_enabled"]["value"] is False
    assert shown["actions_enabled"]["reason"] == "abuse"
    restart(coordinator)
    got = list(iter(runner.claim, None))
    assert len(got) == (1 if place else 0), "only the other owner's job"
    before = waiting(coordinator)
    repo.commit({"x": "y"})
    repo.push()
    driver.wait_for(lambda: waiting(coordinator) == before + 2, what="the queue")
    runner.finish(first)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        held = pool.submit(driver.wait_for, lambda: runner.claim(wait=30), 120, "a claim")
        policy(coordinator, "unset", "actions_enabled", *place)
        assert held.result()["job"]["id"] == first["job"]["id"] + 1, "the same job, woken at once"
    entry = coordinator.admin_json("audit")[1]
    assert (entry["verb"], entry["reason"], entry["outcome"]) == (
        "policy.set", "abuse", "actions_enabled=false")


def test_policies_are_inherited_and_the_strictest_wins(coordinator, repository):
    repository("acme/app")
    policy(coordinator, "set", "max_repo_concurrent_jobs=5", "max_owner_concurrent_jobs=9")
    policy(coordinator, "set", "--owner", "Acme", "max_repo_concurrent_jobs=7",
           "allowed_runners=owner,repo")
    shown = policy(coordinator, "set", "--repo", "acme/app", "max_repo_concurrent_jobs=3",
                   "allowed_runners=r1")
    assert shown["max_repo_concurrent_jobs"] == {"value": 3, "source": "repository"}
    assert shown["max_owner_concurrent_jobs"] == {"value": 9, "source": "site"}
    assert shown["max_repo_queued_runs"] is None
    assert shown["actions_enabled"] == {"value": True, "source": "default"}
    assert shown["allowed_runners"] == [{"value": ["owner", "repo"], "source": "owner"},
                                        {"value": ["r1"], "source": "repository"}]
    shown = policy(coordinator, "unset", "--repo", "acme/app", "max_repo_concurrent_jobs")
    assert shown["max_repo_concurrent_jobs"] == {"value": 5, "source": "site"}
    for bad in (("max_repo_concurrent_jobs=0",), ("max_jobs=3",), ("actions_enabled=no",), (),
                ("max_repo_concurrent_jobs",), ("--repo", "acme/app",
                                                "max_owner_concurrent_jobs=3"),
                ("--owner", "acme", "--repo", "acme/app", "max_repo_queued_runs=1"),
                ("allowed_runners=",)):
        done = coordinator.admin("policy", "set", *bad, check=False)
        assert done.returncode == 2, (bad, done.stderr)
    assert policy(coordinator, "show")["max_repo_concurrent_jobs"]["value"] == 5


@pytest.mark.parametrize("cap, place", [
    ("max_repo_concurrent_jobs", ("--repo", "acme/app")),
    ("max_owner_concurrent_jobs", ("--owner", "acme"))])
def test_a_cap_holds_while_eight_runners_claim_at_once(coordinator, pushed, cap, place):
    """Never more than three run, and all twelve get their turn; a cap is no deafness."""
    pushed("acme/app", jobs=12)
    policy(coordinator, "set", f"{cap}=3", *place)
    runners = [Asking(coordinator, f"r{n}", capacity=1) for n in range(8)]
    done = []
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        while len(done) < 12:
            claims = list(pool.map(lambda one: (one, one.claim()), runners))
            got = [(one, claim) for one, claim in claims if claim]
            running = [job for run in coordinator.runs()
                       for job in coordinator.show(run["id"])["jobs"]
                       if job["status"] == "running"]
            assert len(running) == len(got) == 3
            for one, claim in got:
                one.finish(claim)
                done.append(claim["job"]["id"])
    assert len(set(done)) == 12


def test_what_a_policy_refuses_is_said_where_its_author_looks(coordinator, pushed):
    repo = pushed()
    policy(coordinator, "set", "max_repo_queued_runs=1", "--repo", "acme/app")
    repo.commit({"x": "y"})
    said = repo.push()
    assert said[0] == "run 2 failed before it started:"
    assert "the repository's policy allows 1 (max_repo_queued_runs)" in said[1]
    run = driver.wait_for(lambda: next((run for run in coordinator.runs()
                                        if run["status"] == "completed"), None), what="a run")
    assert run["conclusion"] == "failure"
    text = json.dumps(coordinator.show(run["id"]))
    assert "the repository's policy allows 1 (max_repo_queued_runs)" in text
    done = coordinator.admin("run", "dispatch", "--repo", "acme/app", "--workflow", "ci.yml",
                             check=False)
    assert done.returncode != 0 and b"max_repo_queued_runs" in done.stderr
    assert len(coordinator.runs()) == 2
    policy(coordinator, "set", "actor_trigger_limit_per_hour=1", "max_repo_queued_runs=9",
           "--repo", "acme/app")
    repo.commit({"x": "z"})
    assert "driver started 1 runs in the last hour" in repo.push()[1]
    driver.wait_for(lambda: len(coordinator.runs()) == 3, what="a run")
    newest = coordinator.runs()[0]
    assert "driver started 1 runs in the last hour" in json.dumps(coordinator.show(newest["id"]))


def test_a_push_hears_that_its_jobs_wait(coordinator, pushed):
    repo = pushed()
    policy(coordinator, "set", "--repo", "acme/app", "actions_enabled=false", "--reason", "dig")
    repo.commit({"x": "y"})
    assert repo.push() == ["jobs wait until actions are enabled again for the repository: dig"]
    policy(coordinator, "set", "--repo", "acme/app", "actions_enabled=true")
    repo.commit({"x": "z"})
    assert repo.push() == []
    assert [run["status"] for run in coordinator.runs()] == ["queued"] * 3


def test_a_push_hears_of_the_caps_of_pushes_and_runs(coordinator, repository):
    """Five workflows of 256 jobs each are more than a push may start."""
    repo = repository("acme/app")
    legs = [list(range(16))] * 2
    many = f"""\
on: push
jobs:
  many:
    runs-on: linux
    strategy: {{matrix: {{a: {legs[0]}, b: {legs[1]}}}}}
    steps: [{{run: "true"}}]
"""
    repo.commit({f".shithub/workflows/{name}.yml": many for name in "abcde"})
    said = repo.push()
    assert len(said) == 2 and said[0] == "run 5 failed before it started:"
    assert "the other workflows of this push started 1024: at most 1024 in one push" in said[1]
    repo.commit({".shithub/workflows/a.yml": many.replace("b: [", "b: [16, "),
                 **{f".shithub/workflows/{name}.yml": "on: pull_request\n" + many.split("\n", 1)[1]
                    for name in "bcde"}})
    assert "more than 256 combinations of the axes" in repo.push()[1]


# ---- emergency ----

def test_emergency_stop(coordinator, pushed):
    """No claim of anybody, across a restart; what runs goes on; resume goes on with the same job."""
    pushed(jobs=3)
    runner = Asking(coordinator, "r1")
    first = runner.claim()
    assert coordinator.admin("emergency-stop", check=False).returncode == 2, "a reason is needed"
    assert b"1 jobs run on" in coordinator.admin("emergency-stop", "--reason", "breach").stdout
    assert runner.claim() is None
    restart(coordinator)
    assert runner.claim() is None
    assert waiting(coordinator) == 2
    runner.finish(first)
    assert policy(coordinator, "show", "--repo", "acme/app")["actions_enabled"] == {
        "value": False, "source": "site", "reason": "breach",
        "since": policy(coordinator, "show")["actions_enabled"]["since"]}
    assert coordinator.admin_json("resume", "--reason", "over")["actions_enabled"]["value"]
    assert runner.claim()["job"]["id"] == first["job"]["id"] + 1
    entries = coordinator.admin_json("audit", "--target", "site")
    assert [(entry["verb"], entry["reason"]) for entry in entries] == [
        ("site.resume", "over"), ("site.emergency-stop", "breach")]


def test_drain_all_and_back(coordinator, pushed):
    pushed(jobs=2)
    runners = [Asking(coordinator, f"r{n}") for n in range(3)]
    coordinator.admin("runner", "revoke", "--id", str(runners[2].id))
    drained = coordinator.admin_json("runner", "drain", "--all", "--reason", "outage")
    assert [(row["name"], row["draining"]) for row in drained] == [("r0", True), ("r1", True)]
    assert [runner.claim() for runner in runners[:2]] == [None, None]
    assert len(coordinator.admin_json("runner", "undrain", "--all")) == 2
    assert runners[0].claim()
    assert len(coordinator.admin_json("runner", "revoke", "--all", "--reason", "fence")) == 2
    assert all(row["revoked"] for row in coordinator.admin_json("runner", "list"))
    for flags in ((), ("--id", "1", "--all")):
        assert coordinator.admin("runner", "drain", *flags, check=False).returncode == 2


def test_revocation_ends_jobs_and_refuses_tokens(coordinator, pushed):
    pushed(jobs=1)
    runner = Asking(coordinator, "r1")
    claim = runner.claim()
    coordinator.admin("runner", "revoke", "--id", str(runner.id), "--reason", "host stolen")
    run = coordinator.show(coordinator.runs()[0]["id"])
    assert (run["status"], run["conclusion"]) == ("completed", "failure")
    assert run["jobs"][0]["reason"] == "its runner r1 was revoked: host stolen"
    assert b"Failed: its runner r1 was revoked: host stolen." in \
        coordinator.step_log(claim["job"]["id"], 0)
    assert runner.beat().status == 401
    answer = coordinator.request("POST", f"/api/v1/jobs/{claim['job']['id']}/status",
                                 {"status": "completed", "conclusion": "success"}, claim["token"])
    assert answer.status == 401
    assert coordinator.show(run["id"])["conclusion"] == "failure"


@once
def test_revocation_ends_the_containers(coordinator, repository, joined):
    """With a real runner: its step ends at its next call, and nothing is left."""
    repo = repository("acme/app")
    repo.commit({".shithub/workflows/ci.yml": steps("- run: |\n    echo begun\n"
                                                    "    while :; do echo more; sleep 0.2; done")})
    one = joined(poll_interval="200ms")
    one.start()
    made = driver.wait_for(lambda: next((row for row in coordinator.admin_json("runner", "list")
                                         if row["last_heartbeat_at"]), None), 60, "a heartbeat")
    repo.push()
    run = driver.wait_for(lambda: next((run for run in coordinator.runs()
                                        if run["status"] == "running"), None), 60, "a running run")
    job = coordinator.show(run["id"])["jobs"][0]
    log = driver.wait_for(lambda: coordinator.step_log(job["id"]), 60, "its output")
    assert log.startswith(b"begun"), log
    coordinator.admin("runner", "revoke", "--id", str(made["id"]), "--reason", "stolen")
    assert coordinator.show(run["id"])["conclusion"] == "failure"
    driver.wait_for(lambda: not one.left_over(), 60, "the end of the job on the runner")
