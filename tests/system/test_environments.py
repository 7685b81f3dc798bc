"""Secrets and variables of each scope, and environments with rules, against a real serve."""
import sqlite3

import byhand
import driver
import pytest
from conftest import once

WORKFLOW = """\
on: {workflow_dispatch: {inputs: {where: {type: string, default: production}}}, push: {}}
jobs:
  plain: {runs-on: linux, steps: [{run: echo plain}]}
  deploy:
    runs-on: big
    environment: ${{ inputs.where || 'production' }}
    steps: [{run: echo deploy}]
"""
REPO = ("--repo", "demo/sample")
PRODUCTION = (*REPO, "--environment", "production")


class Site:
    def __init__(self, coordinator, repository):
        self.coordinator = coordinator
        self.repo = repository()
        self.repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
        self.tokens = {labels: coordinator.register_runner(labels, labels=labels)["token"]
                       for labels in ("linux", "big")}
        self.repo.push()
        for login in ("bob", "carol"):
            coordinator.admin("user", "add", login)
        first = driver.wait_for(coordinator.runs, what="the run of the push")[0]
        coordinator.admin("run", "cancel", str(first["id"]))

    def set(self, what, name, value, *scope):
        self.coordinator.admin(what, "set", *scope, "--name", name, stdin=value.encode())

    def names(self, what, *scope):
        return [one["name"] for one in self.coordinator.admin_json(what, "list", *scope)]

    def rules(self, *words, name="production"):
        self.coordinator.admin("environment", "set", *REPO, "--name", name, *words)

    def dispatch(self, ref="trunk", where="production"):
        words = ("run", "dispatch", *REPO, "--workflow", "ci.yml", "--ref", ref, "--input",
                 f"where={where}", "--output", "json")
        self.coordinator.admin(*words)
        return max(run["id"] for run in self.coordinator.runs())

    def job(self, run, key="deploy"):
        return next(job for job in self.coordinator.show(run)["jobs"] if job["key"] == key)

    def heartbeat(self, labels="big"):
        return byhand.heartbeat(self.coordinator, self.tokens[labels])

    def claim(self, labels="big"):
        return byhand.claim(self.coordinator, self.tokens[labels])


@pytest.fixture
def site(coordinator, repository):
    return Site(coordinator, repository)


def test_the_narrower_scope_shadows(site):
    site.rules()
    scopes = [("--site",), ("--owner", "demo"), REPO, PRODUCTION]
    for depth, scope in enumerate(scopes):
        for name in ("ABCD"[depth:]):
            site.set("secret", name, f"secret-{name}-{depth}", *scope)
            site.set("variable", name, f"value-{name}-{depth}", *scope)
    site.set("secret", "A", "of another owner", "--owner", "other")
    site.dispatch()
    plain, deploy = site.claim("linux"), site.claim("big")
    for wire, depths in ((plain, "0122"), (deploy, "0123")):
        want = {name: depth for name, depth in zip("ABCD", depths)}
        assert wire.job["secrets"] == {name: f"secret-{name}-{depth}"
                                       for name, depth in want.items()}
        assert wire.job["vars"] == {name: f"value-{name}-{depth}" for name, depth in want.items()}
        assert set(wire.job["mask_values"]) == set(wire.job["secrets"].values())


def test_set_list_delete(site):
    for scope in (("--site",), ("--owner", "Demo"), REPO):
        site.set("secret", "TOKEN", "hunter2-hunter2", *scope)
        assert site.names("secret", *scope) == ["TOKEN"]
        text = site.coordinator.admin("secret", "list", *scope).stdout
        assert b"TOKEN" in text and b"hunter2" not in text
    site.set("secret", "token", "another-secret", *REPO)
    assert site.names("secret", *REPO) == ["token"], "one name, whatever its case"
    site.set("variable", "LEVEL", "high", *REPO)
    assert site.coordinator.admin_json("variable", "list", *REPO)[0]["value"] == "high"
    site.coordinator.admin("secret", "delete", *REPO, "--name", "TOKEN")
    assert site.names("secret", *REPO) == []
    gone = site.coordinator.admin("secret", "delete", *REPO, "--name", "TOKEN", check=False)
    assert gone.returncode == 1 and b"there is no secret TOKEN" in gone.stderr
    site.dispatch()
    assert site.claim("linux").job["secrets"] == {"TOKEN": "hunter2-hunter2"}, "the owner's"
    entries = site.coordinator.admin_json("audit")
    assert [one["verb"] for one in entries if one["verb"].startswith("secret")][0] == \
        "secret.delete"
    assert "hunter2" not in str(entries)


@pytest.mark.parametrize("words, line", [
    (("--name", "GITHUB_TOKEN"), b"begins with GITHUB_"),
    (("--name", "shithub_x"), b"begins with SHITHUB_"),
    (("--name", "1ST"), b"begins with a digit"),
    (("--name", "A-B"), b"letters, digits and _ only"),
    (("--name", "A" * 201), b"201 bytes, expected 1 to 200"),
    (("--name", "X", "--owner", "demo"), b"expected one of --repo, --owner and --site"),
    (("--name", "X", "--environment", "nowhere"), b"there is no environment \"nowhere\"")])
def test_what_is_refused(coordinator, repository, words, line):
    repository()
    for what in ("secret", "variable"):
        done = coordinator.admin(what, "set", *REPO, *words, stdin=b"v", check=False)
        assert done.returncode != 0 and line in done.stderr, done.stderr
    assert coordinator.admin_json("secret", "list", *REPO) == []


def test_a_job_waits_for_its_reviewers(site, coordinator):
    site.rules("--reviewer", "bob", "--reviewer", "carol")
    site.set("secret", "KEY", "only-for-production", *PRODUCTION)
    run = site.dispatch()
    assert "KEY" not in site.claim("linux").job["secrets"]
    assert site.heartbeat().status == 204
    job = site.job(run)
    assert job["status"] == "queued"
    assert job["reason"] == ("waits until the environment \"production\" is approved by one of "
                             "\"bob\", \"carol\"")
    assert b"production" in coordinator.admin("run", "explain", str(run)).stdout
    mallory, bob = coordinator.create_token("mallory"), coordinator.create_token("Bob")
    path = f"/api/v1/runs/{run}/pending_deployments"
    assert [one["job_id"] for one in
            coordinator.request("GET", path, token=mallory).json()] == [job["id"]]
    yes = {"environment": "production", "state": "approved", "comment": "fine"}
    assert coordinator.request("POST", path, yes, mallory).status == 403
    narrow = coordinator.create_token("bob", scopes="repo:read")
    assert coordinator.request("POST", path, yes, narrow).status == 403
    assert coordinator.request("POST", path, yes).status == 401
    assert coordinator.request("POST", path, {**yes, "state": "maybe"}, bob).status == 400
    assert coordinator.request("POST", path, {**yes, "environment": "other"}, bob).status == 404
    assert site.heartbeat().status == 204
    assert coordinator.request("POST", path, yes, bob).json()["jobs"] == 1
    assert coordinator.request("POST", path, yes, bob).status == 404, "nothing waits any more"
    wire = site.claim()
    assert wire.job["secrets"]["KEY"] == "only-for-production"
    assert [one["actor"]["name"] for one in coordinator.admin_json("audit")
            if one["verb"] == "environment.approve"] == ["bob"]


def test_reviewers_are_users_who_may_read(site, coordinator):
    words = ("environment", "set", "--name", "production", "--reviewer")
    nobody = coordinator.admin(*words, "nobody", *REPO, check=False)
    assert nobody.returncode != 0 and b"--reviewer \"nobody\": there is no" in nobody.stderr
    coordinator.admin("repo", "add", "demo/hidden")
    hidden = (*words, "bob", "--repo", "demo/hidden")
    refused = coordinator.admin(*hidden, check=False)
    assert refused.returncode != 0 and b"\"bob\": may not read demo/hidden" in refused.stderr
    assert coordinator.admin_json("environment", "list", "--repo", "demo/hidden") == []
    coordinator.admin("repo", "grant", "demo/hidden", "bob", "--role", "read")
    coordinator.admin(*hidden)


def test_a_rejected_job_fails_with_the_reason(site, coordinator):
    site.rules("--reviewer", "bob")
    run = site.dispatch()
    coordinator.admin("environment", "reject", str(run), "--name", "Production", "--comment",
                      "not today")
    job = site.job(run)
    assert (job["status"], job["conclusion"]) == ("completed", "failure")
    assert job["reason"] == "environment \"production\" was refused by an operator: not today"
    assert b"The job was not started: environment \"production\" was refused" in \
        coordinator.step_log(job["id"], 0)
    assert site.heartbeat().status == 204


def test_a_branch_that_does_not_match(site, coordinator):
    site.rules("--branches", "trunk", "--branches", "release/*")
    site.repo.git("checkout", "-q", "-b", "feature")
    site.repo.git("tag", "release/1")
    site.repo.git("push", "-q", "origin", "feature", "release/1")
    for ref, full in (("feature", "refs/heads/feature"), ("refs/tags/release/1", None)):
        run = site.dispatch(ref)
        job = site.job(run)
        assert job["conclusion"] == "failure", job
        want = ("environment \"production\" takes only the branches \"trunk\", \"release/*\", "
                f"this run is of {full or ref}")
        assert job["reason"] == want
        assert want.encode() in coordinator.step_log(job["id"], 0)
    assert site.heartbeat().status == 204
    site.dispatch("trunk")
    assert site.heartbeat().status == 200


def test_a_decision_from_elsewhere_names_the_caller(site, coordinator):
    site.rules("--reviewer", "bob")
    run = site.dispatch()
    token = coordinator.admin_json("token", "create", "--user", "driver", "--name", "ops",
                                   "--scopes", "admin")["token"]
    got = coordinator.request("POST", "/api/v1/admin/verbs", {"argv": [
        "environment", "reject", str(run), "--name", "production", "--comment", "not today"]}, token)
    assert got.json()["exit_code"] == 0, got.body
    assert site.job(run)["reason"] == (
        'environment "production" was refused by driver: not today')


def test_rules_that_come_after_the_job_was_ready(site, coordinator):
    """Checked again at the claim: no window between the change and the hand-out."""
    run = site.dispatch()
    assert site.job(run)["reason"] is None
    site.rules("--reviewer", "bob")
    assert site.heartbeat().status == 204
    assert "approved by one of" in site.job(run)["reason"]
    site.rules()
    assert site.heartbeat().status == 200, "the rule is gone again"


def test_a_name_that_an_expression_gives(site, coordinator):
    site.rules("--reviewer", "bob", name="Staging")
    run = site.dispatch(where="staging")
    assert site.heartbeat().status == 204
    assert "\"Staging\" is approved" in site.job(run)["reason"]
    site.dispatch(where="new one")
    assert site.heartbeat().status == 200
    names = [one["name"] for one in coordinator.admin_json("environment", "list", *REPO)]
    assert names == ["new one", "production", "Staging"], "made on first use, without rules"
    bad = site.dispatch(where="two\nlines")
    assert site.job(bad)["conclusion"] == "failure"
    assert "without control characters" in site.job(bad)["reason"]


def test_a_job_waits_for_its_time(site, coordinator):
    site.rules("--wait-minutes", "30")
    run = site.dispatch()
    assert site.heartbeat().status == 204
    assert site.job(run)["reason"].startswith("waits until 2")
    with sqlite3.connect(coordinator.data / "shithubd.db") as store:
        store.execute("UPDATE job_gates SET since = since - 31 * 60 * 1000000,"
                      " wait_until = wait_until - 31 * 60 * 1000000")
    driver.wait_for(lambda: site.heartbeat().status == 200, what="its time")


@once
def test_approval_end_to_end(coordinator, repository, runner):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": """\
on: push
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: test "$KEY" = only-for-production && echo right
        env: {KEY: "${{ secrets.KEY }}"}
"""})
    bob = coordinator.create_token("bob")
    coordinator.admin("environment", "set", *REPO, "--name", "production", "--reviewer", "bob")
    coordinator.admin("secret", "set", *PRODUCTION, "--name", "KEY", stdin=b"only-for-production")
    runner(coordinator.base, coordinator.register_runner("real")["token"]).start()
    repo.push()
    run = driver.wait_for(coordinator.runs, what="a run")[0]["id"]
    path = f"/api/v1/runs/{run}/pending_deployments"
    driver.wait_for(lambda: coordinator.request("GET", path, token=bob).json(), what="it waits")
    assert coordinator.show(run)["jobs"][0]["status"] == "queued"
    coordinator.request("POST", path, {"environment": "production", "state": "approved"}, bob)
    done = coordinator.ended(run)
    log = coordinator.step_log(coordinator.show(run)["jobs"][0]["id"])
    assert done["conclusion"] == "success" and b"right\n" in log, log
