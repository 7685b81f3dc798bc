"""Pull requests: whose code runs, what it gets, who lets it, and what a stranger may try."""
import json
import uuid

import byhand
import driver
import pytest
from conftest import once

WORKFLOW = """\
name: CI
on: [push, pull_request]
permissions: write-all
jobs:
  main:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: echo "key is [${{ secrets.SMOKE_KEY }}] level is [${{ vars.LEVEL }}]"
"""
SECRET = "s41j-value-of-the-secret"
LABELS = {"labels": driver.LABELS.split(",")}


class Host:
    """A repository together with the host that owns its pull requests."""

    def __init__(self, coordinator, repo, token):
        self.coordinator, self.repo, self.token = coordinator, repo, token
        self.name = repo.name
        self.runner = coordinator.register_runner("host", capacity=50)["token"]

    def propose(self, number, files, message="Propose", start="trunk"):
        """A commit of a fork, at refs/pull/N/head."""
        self.repo.git("checkout", "-q", "-B", f"pull-{number}", start)
        sha = self.repo.commit(files, message)
        self.repo.git("push", "-q", "-f", "origin", f"HEAD:refs/pull/{number}/head")
        return sha

    def body(self, sha, action="opened", **more):
        made = {"action": action, "title": "A title", "author": "eve",
                "head": {"sha": sha, "ref": "topic", "repo": "eve/fork"},
                "base": {"ref": "trunk"}, **more}
        return {key: value for key, value in made.items() if value is not None}

    def send(self, number, body, key=None, token=None):
        head = {"Idempotency-Key": key or str(uuid.uuid4())}
        return self.coordinator.request("POST", f"/api/v1/repos/{self.name}/pulls/{number}/events",
                                        body, token or self.token, head)

    def event(self, number, sha, action="opened", **more):
        answer = self.send(number, self.body(sha, action, **more))
        assert answer.status == 201, answer.body
        return answer.json()

    def approve(self, run_id, body=None):
        answer = self.coordinator.request("POST", f"/api/v1/runs/{run_id}/approve", body,
                                          self.token)
        assert answer.status == 200, answer.body
        return answer.json()

    def claim(self):
        """The job that a runner gets, None without one."""
        answer = byhand.heartbeat(self.coordinator, self.runner, **LABELS)
        return answer.json()["job"] if answer.status == 200 else None

    def status(self, run_id):
        row = self.coordinator.show(run_id)
        [listed] = [run for run in self.coordinator.runs() if run["id"] == run_id]
        assert (listed["status"], listed["conclusion"]) == (row["status"], row["conclusion"])
        found = self.coordinator.admin_json("run", "list", "--status", row["status"])
        assert run_id in [run["id"] for run in found]
        by_api = self.coordinator.request("GET", f"/api/v1/runs/{run_id}", token=self.token).json()
        assert by_api["status"] == row["status"]
        text = self.coordinator.admin("run", "show", "--id", str(run_id)).stdout.decode()
        assert text.splitlines()[0].rstrip().split("  ")[1].split("/")[0] == row["status"]
        return row["status"]


@pytest.fixture
def host(coordinator, repository, pat):
    repo = repository("demo/pulls")
    coordinator.admin("secret", "set", "--repo", "demo/pulls", "--name", "SMOKE_KEY",
                      stdin=SECRET.encode())
    coordinator.admin("variable", "set", "--repo", "demo/pulls", "--name", "LEVEL",
                      stdin=b"level-of-the-repository")
    repo.commit({"README.md": "base\n"})
    repo.push()
    return Host(coordinator, repo, pat)


def files(text=WORKFLOW, name="ci"):
    return {f".shithub/workflows/{name}.yml": text}


def test_a_newcomer_waits_and_gets_nothing(host):
    sha = host.propose(7, files())
    made = host.event(7, sha, title="Fix `id`; $(reboot)", labels=["bug"])
    assert (made["trust"], made["waits_for_approval"]) == ("untrusted", True)
    [run] = made["runs"]
    assert host.status(run) == "waiting"
    assert host.claim() is None, "nothing of it is handed out before it is approved"
    why = host.coordinator.admin("run", "explain", "--id", str(run)).stdout.decode()
    assert f"Waiting for approval of commit {sha} of pull request 7" in why

    assert host.approve(run, {"reason": "read it"}) == {"run_id": run, "secrets": False,
                                                        "started": 1}
    assert host.status(run) == "queued"
    job = host.claim()
    assert job["run_id"] == run and job["trust"] == "untrusted"
    assert (job["secrets"], job["vars"], job["mask_values"]) == ({}, {}, [])
    assert set(job["permissions"].values()) <= {"read", "none"}
    assert SECRET not in json.dumps(job) and "level-of-the" not in json.dumps(job)
    pull = job["event_payload"]["pull_request"]
    assert pull["title"] == "Fix `id`; $(reboot)" and pull["user"]["login"] == "eve"
    assert pull["head"] == {"ref": "topic", "sha": sha,
                            "repo": {"full_name": "eve/fork", "fork": True}}
    assert pull["base"]["ref"] == "trunk" and pull["labels"] == [{"name": "bug"}]
    assert (job["head_ref"], job["head_sha"]) == ("refs/pull/7/head", sha)

    shown = host.coordinator.show(run)["pull_request"]
    assert (shown["approved_by"], shown["approve_reason"]) == ("driver", "read it")
    assert (shown["number"], shown["trust"]) == (7, "untrusted")
    audit = host.coordinator.admin("audit").stdout.decode()
    assert "run.approve" in audit and "read it" in audit


def test_who_approved_is_a_user(host):
    """By the API and by --url: the user's id, login and address, not the token's or serve's."""
    admin, user = host.coordinator.admin_json, host.coordinator.admin_json("user", "show", "driver")
    [run] = host.event(7, host.propose(7, files()))["runs"]
    [other] = host.event(8, host.propose(8, files()))["runs"]
    made = admin("token", "create", "--user", "driver", "--name", "second", "--scopes",
                 "repo:write,admin")
    assert made["id"] != user["id"]
    got = host.coordinator.request("POST", f"/api/v1/runs/{run}/approve", {}, made["token"])
    assert got.status == 200, got.body
    got = host.coordinator.request("POST", "/api/v1/admin/verbs",
                                   {"argv": ["run", "approve", str(other)]}, made["token"])
    assert got.json()["exit_code"] == 0, got.body
    rows = [row for row in admin("audit", "--target", "run") if row["verb"] == "run.approve"]
    assert [row["actor"] for row in rows] == [
        {"kind": "user", "id": user["id"], "name": "driver", "address": "127.0.0.1"}] * 2
    assert host.coordinator.show(other)["pull_request"]["approved_by"] == "driver"


def test_an_approval_is_of_one_commit(host):
    first = host.propose(7, files())
    [run] = host.event(7, first)["runs"]
    done = host.coordinator.admin_json("run", "approve", "--id", str(run), "--with-secrets")
    assert done == {"run_id": run, "secrets": True, "started": 1}
    job = host.claim()
    assert job["trust"] == "approved" and job["secrets"] == {"SMOKE_KEY": SECRET}
    assert job["vars"] == {"LEVEL": "level-of-the-repository"}

    again = host.event(7, first, "labeled", label="bug")
    assert (again["trust"], again["waits_for_approval"]) == ("approved", False)
    second = host.propose(7, {"more": "x"}, start="pull-7")
    made = host.event(7, second, "synchronize")
    assert (made["trust"], made["waits_for_approval"]) == ("untrusted", True)
    assert host.status(made["runs"][0]) == "waiting" and host.claim() is None
    assert host.coordinator.show(run)["status"] == "running", "a new head cancels nothing"
    # another pull request of the same commit is another matter
    made = host.event(8, first)
    assert (made["trust"], made["waits_for_approval"]) == ("untrusted", True)


def test_rerun_and_cancel_keep_the_trust(host):
    sha = host.propose(7, files())
    [run] = host.event(7, sha)["runs"]
    host.coordinator.admin("run", "cancel", "--id", str(run))
    assert host.status(run) == "cancelled"
    rerun = host.coordinator.request("POST", f"/api/v1/runs/{run}/rerun", token=host.token).json()
    assert host.status(rerun["run_id"]) == "waiting" and host.claim() is None
    host.approve(rerun["run_id"])
    job = host.claim()
    assert job["run_id"] == rerun["run_id"] and job["secrets"] == {} and job["vars"] == {}
    host.coordinator.admin("run", "cancel", "--id", str(rerun["run_id"]))
    answer = host.coordinator.request("POST", f"/api/v1/runs/{run}/rerun", token=host.token)
    third = answer.json()["run_id"]
    job = host.claim()
    assert job["run_id"] == third, "the commit is approved"
    assert job["secrets"] == {} and job["vars"] == {}, "but not for secrets"
    assert host.approve(third, {"secrets": True})["started"] == 0
    fourth = host.coordinator.request("POST", f"/api/v1/runs/{run}/rerun", token=host.token).json()
    job = host.claim()
    assert job["run_id"] == fourth["run_id"] and job["secrets"] == {"SMOKE_KEY": SECRET}


def test_who_is_trusted(host):
    """Own: on a branch of the repository, by somebody with write. What the host says is no proof."""
    host.repo.git("checkout", "-q", "-b", "topic")
    own = host.repo.commit(files())
    host.repo.push("topic")
    assert host.claim()["event"] == "push"
    fork = host.propose(9, {"x": "y"}, start="topic")
    rows = [
        (1, own, {"author": "driver", "head": {"sha": own, "ref": "topic"}}, "trusted", False),
        (2, own, {"author": "DRIVER", "head": {"sha": own, "ref": "topic", "repo": "Demo/Pulls"}},
         "trusted", False),
        # somebody without write, whatever the host calls them
        (3, own, {"author": "eve", "author_association": "OWNER",
                  "head": {"sha": own, "ref": "topic"}}, "untrusted", True),
        # said to be of the repository, but on no branch of it
        (4, fork, {"author": "driver", "head": {"sha": fork, "ref": "topic"}}, "untrusted", False),
        (5, fork, {"author": "driver", "head": {"sha": fork, "ref": "absent"}},
         "untrusted", False),
        # of somebody with write, but a fork
        (6, own, {"author": "driver"}, "untrusted", False),
    ]
    for number, sha, more, trust, waits in rows:
        made = host.event(number, sha, **more)
        assert (made["trust"], made["waits_for_approval"]) == (trust, waits), number
    job = host.claim()
    assert job["secrets"] == {"SMOKE_KEY": SECRET} and job["trust"] == "trusted"
    assert job["permissions"]["contents"] == "write"


def test_an_author_is_known_by_a_merge(host):
    first = host.propose(7, files())
    [run] = host.event(7, first)["runs"]
    host.approve(run)
    second = host.propose(8, {"x": "1"}, start="pull-7")
    assert host.event(8, second)["waits_for_approval"], "an approval says nothing of the author"
    host.event(7, first, "closed", merged=True)
    third = host.propose(9, {"x": "2"}, start="pull-7")
    made = host.event(9, third)
    assert (made["trust"], made["waits_for_approval"]) == ("untrusted", False)
    made = host.event(10, third, author_association="FIRST_TIMER")
    assert made["waits_for_approval"], "that somebody is new is believed"
    assert host.event(11, third, author="mallory")["waits_for_approval"]


def test_a_repeated_event_starts_nothing(host):
    sha = host.propose(7, files())
    body = host.body(sha)
    first = host.send(7, body, "delivery-1")
    again = host.send(7, body, "delivery-1")
    assert (first.status, first.body) == (again.status, again.body)
    count = len(host.coordinator.runs())
    other = host.send(7, host.body(sha, title="Other"), "delivery-1")
    assert other.status == 409 and "Idempotency-Key" in other.json()["error"]
    assert len(host.coordinator.runs()) == count


BAD = [
    ({"action": "exploded"}, 400, 'field "action": expected one of: assigned'),
    ({"action": 1}, 400, 'field "action"'),
    ({"surprise": 1}, 400, '"surprise"'),
    ({"number": 8}, 400, 'field "number": expected 7'),
    ({"title": None}, 400, 'field "title"'),
    ({"title": "x" * 1025}, 413, 'field "title": expected at most 1024'),
    ({"author": "eve; id"}, 400, 'field "author": expected 1 to 100'),
    ({"author": "$(id)"}, 400, 'field "author"'),
    ({"sender": "../x"}, 400, 'field "sender"'),
    ({"author_association": "KING"}, 400, 'field "author_association": expected OWNER'),
    ({"labels": ["x"] * 101}, 400, 'field "labels"'),
    ({"labels": [1]}, 400, 'field "labels"'),
    ({"draft": "yes"}, 400, 'field "draft"'),
    ({"head": None}, 400, 'field "head"'),
    ({"head": {"sha": "x", "ref": "topic"}}, 400, 'field "head": field "sha": expected 40'),
    ({"head": {"sha": "0" * 40, "ref": "topic"}}, 409, "refs/pull/7/head before the event"),
    ({"head": {"sha": "HEAD", "ref": "a..b"}}, 400, 'field "head": field "ref"'),
    ({"head": {"sha": "HEAD", "ref": "topic", "repo": "nope"}}, 400, "expected OWNER/NAME"),
    ({"head": {"sha": "HEAD", "ref": "topic", "x": 1}}, 400, 'field "head"'),
    ({"base": {"ref": "absent"}}, 400, 'field "base": field "ref": no branch "absent"'),
    ({"base": {"ref": "trunk", "sha": "1" * 40}}, 400, 'field "base": field "sha": no commit'),
    ({"base": {}}, 400, 'field "base": field "ref"'),
    ({"merge_commit_sha": "BASE"}, 409, "has the head as a parent"),
]


def filled(value, words):
    if isinstance(value, dict):
        return {key: filled(item, words) for key, item in value.items()}
    return words.get(value, value) if isinstance(value, str) else value


def test_bad_events_change_nothing(host, coordinator):
    base = host.repo.git("rev-parse", "HEAD")
    sha = host.propose(7, files())
    host.event(1, sha, "edited")  # from now on a push alone starts nothing
    before = coordinator.runs()
    for change, status, words in BAD:
        body = {**host.body(sha), **filled(change, {"HEAD": sha, "BASE": base})}
        answer = host.send(7, {k: v for k, v in body.items() if v is not None})
        assert answer.status == status and words in answer.json()["error"], (change, answer.body)
    path = "/api/v1/repos/demo/pulls/pulls/7/events"
    good, key = host.body(sha), {"Idempotency-Key": "k"}
    reader = coordinator.create_token("reader", "repo:read")
    for status, token, body, headers, where in [
            (401, None, good, key, path), (401, "shithub_pat_" + "0" * 64, good, key, path),
            (403, reader, good, key, path), (400, host.token, good, {}, path),
            (400, host.token, good, {"Idempotency-Key": "a b"}, path),
            (400, host.token, good, {"Idempotency-Key": "k" * 257}, path),
            (400, host.token, b"{", key, path), (400, host.token, b"[]", key, path),
            (413, host.token, b" " * (512 * 1024 + 1), key, path),
            (404, host.token, good, key, path.replace("demo/pulls/", "demo/none/", 1)),
            (404, host.token, good, key, path.replace("/7/", "/0/"))]:
        answer = coordinator.request("POST", where, body, token, headers)
        assert answer.status == status and answer.json()["error"], (status, answer.body)
    assert coordinator.runs() == before


def test_approve_refuses(host, coordinator):
    sha = host.propose(7, files())
    [run] = host.event(7, sha)["runs"]
    reader = coordinator.create_token("reader", "repo:read")
    for status, token, body, number in [
            (401, None, None, run), (403, reader, None, run), (404, host.token, None, 9999),
            (413, host.token, {"reason": "x" * 501}, run), (400, host.token, {"all": True}, run),
            (400, host.token, {"secrets": "yes"}, run)]:
        answer = coordinator.request("POST", f"/api/v1/runs/{number}/approve", body, token)
        assert answer.status == status and answer.json()["error"], (status, answer.body)
    assert host.status(run) == "waiting"
    host.approve(run)
    answer = coordinator.request("POST", f"/api/v1/runs/{run}/approve", None, host.token)
    assert answer.status == 409 and "does not wait" in answer.json()["error"]
    host.repo.git("checkout", "-q", "trunk")
    host.repo.commit(files())
    host.repo.push()
    pushed = max(row["id"] for row in coordinator.runs())
    done = coordinator.admin("run", "approve", "--id", str(pushed), check=False)
    assert done.returncode == 3 and b"needs no approval" in done.stderr


ON = """\
name: {name}
on:
  pull_request: {on}
jobs: {{a: {{runs-on: ubuntu-latest, steps: [{{run: x}}]}}}}
"""


@pytest.mark.parametrize("on, action, starts", [
    ("", "opened", True), ("", "synchronize", True), ("", "reopened", True),
    ("", "labeled", False), ("", "closed", False),
    ("{types: [labeled, closed]}", "labeled", True), ("{types: [labeled]}", "opened", False),
    ("{branches: [trunk]}", "opened", True), ("{branches: [rel/**]}", "opened", False),
    ("{branches-ignore: [trunk]}", "opened", False),
    ("{paths: [docs/**]}", "opened", True), ("{paths: [src/**]}", "opened", False),
    ("{paths: [later]}", "opened", False),  # came to the base after the head left it
    ("{paths-ignore: ['**']}", "opened", False),
])
def test_filters(host, on, action, starts):
    sha = host.propose(7, {**files(ON.format(name="F", on=on)), "docs/x": "1"})
    host.repo.git("checkout", "-q", "trunk")
    host.repo.commit({"later": "1"})
    host.repo.push()
    assert len(host.event(7, sha, action)["runs"]) == starts


def test_what_the_base_requires_is_visible(host):
    two = WORKFLOW + "  second: {runs-on: ubuntu-latest, steps: [{run: x}]}\n"
    host.repo.git("checkout", "-q", "trunk")
    host.repo.commit({**files(two), **files(ON.format(name="Lint", on=""), "lint"),
                      **files(ON.format(name="Other", on=""), "other"),
                      **files(ON.format(name="Rest", on="{branches: [rel]}"), "rest")})
    host.repo.push()
    (host.repo.clone / ".shithub/workflows/lint.yml").unlink()
    sha = host.propose(7, {**files(), **files(ON.format(name="Other", on="{paths: [no]}"),
                                              "other")})
    runs = [host.coordinator.show(run) for run in host.event(7, sha)["runs"]]
    found = {run["workflow_name"]: run for run in runs}
    assert set(found) == {"CI", "CI (required by trunk)", "Lint (required by trunk)",
                          "Other (required by trunk)"}
    for name, words in [("CI", "jobs.second: the base branch trunk requires this job"),
                        ("Lint", "lint.yml: the base branch trunk requires this workflow, it is "
                                 "missing in the head"),
                        ("Other", "the head's does not run for this event")]:
        run = found[f"{name} (required by trunk)"]
        assert (run["status"], run["conclusion"]) == ("completed", "failure")
        assert words in run["problems"], run["problems"]
        assert run["head_sha"] == sha
    assert found["CI"]["status"] == "waiting"


def test_a_strangers_group_is_its_own(host, coordinator):
    """It neither cancels nor blocks what the repository runs, and waits in no group of it."""
    group = "concurrency: {group: deploy, cancel-in-progress: true}\n"
    host.repo.git("checkout", "-q", "trunk")
    host.repo.commit(files(group + WORKFLOW.replace("[push, pull_request]", "push")))
    host.repo.push()
    trusted = host.claim()["run_id"]
    sha = host.propose(7, files(group + WORKFLOW.replace("[push, pull_request]", "pull_request")))
    [run] = host.event(7, sha)["runs"]
    assert coordinator.show(run)["concurrency_group"] == "refs/pull/7/deploy"
    host.approve(run)
    assert coordinator.show(trusted)["status"] == "running"
    assert host.claim()["run_id"] == run
    # one that waits for approval is in nobody's way, and nobody starts it by leaving
    second = host.propose(7, {"x": "1"}, start="pull-7")
    [waiting] = host.event(7, second, "synchronize")["runs"]
    assert coordinator.show(run)["jobs"][0]["cancel_requested"] is False
    coordinator.admin("run", "cancel", "--id", str(run))
    assert host.status(waiting) == "waiting" and host.claim() is None


def test_a_host_that_only_pushes(host, coordinator):
    first = host.propose(7, files())
    [run] = coordinator.runs()
    assert (run["status"], run["event"], run["head_sha"]) == ("waiting", "pull_request", first)
    assert run["pull_request"]["trust"] == "untrusted"
    host.approve(run["id"])
    payload = host.claim()["event_payload"]
    assert payload["action"] == "opened" and payload["pull_request"]["user"] is None
    assert payload["pull_request"]["base"]["ref"] == "trunk"
    assert payload["sender"] == {"login": "driver"}
    second = host.propose(7, {"x": "1"}, start="pull-7")
    newest = coordinator.runs()[0]
    assert (newest["status"], newest["head_sha"]) == ("waiting", second)
    # the host's first event takes the place of what its push began
    made = host.event(7, second, "synchronize")
    assert host.status(newest["id"]) == "cancelled"
    assert "host's event took its place" in coordinator.show(newest["id"])["reason"]
    assert host.status(made["runs"][0]) == "waiting"
    count = len(coordinator.runs())
    host.propose(8, {"y": "1"}, start="pull-7")
    assert len(coordinator.runs()) == count, "from now on the host says what happens"


def test_runs_of_a_pull_request_are_capped(host, coordinator):
    sha = host.propose(7, files())
    for _ in range(50):
        host.event(7, sha, "reopened")
    answer = host.send(7, host.body(sha, "reopened"))
    assert answer.status == 409 and "at most 50" in answer.json()["error"]
    newer = host.propose(7, {"x": "1"}, start="pull-7")
    assert len(host.event(7, newer, "synchronize")["runs"]) == 1, "old waiting ones make room"
    reasons = {run["reason"] for run in coordinator.runs() if run["status"] == "cancelled"}
    assert "cancelled: the pull request has a newer head" in reasons


def test_a_merge_commit_runs_if_the_host_names_one(host):
    sha = host.propose(7, files())
    host.repo.git("checkout", "-q", "trunk")
    host.repo.commit({"later": "1"})
    host.repo.push()
    host.repo.git("merge", "-q", "--no-ff", "-m", "Merge", sha)
    merge = host.repo.git("rev-parse", "HEAD")
    host.repo.git("push", "-q", "origin", "HEAD:refs/pull/7/merge")
    [run] = host.event(7, sha, merge_commit_sha=merge)["runs"]
    host.approve(run)
    job = host.claim()
    assert (job["head_sha"], job["head_ref"]) == (merge, "refs/pull/7/merge")
    assert job["event_payload"]["pull_request"]["merge_commit_sha"] == merge
    path = f"/api/v1/repos/{host.repo.name}/commits/{{}}/check-runs"
    seen = {at: host.coordinator.request("GET", path.format(at), token=host.token).json()
            for at in (sha, merge)}
    assert [one["head_sha"] for one in seen[sha]["check_runs"]] == [sha]
    assert seen[merge]["total_count"] == 0


def test_target_is_refused_by_name(coordinator, folder):
    text = "on:\n  pull_request_target:\njobs: {a: {runs-on: x, steps: [{run: y}]}}\n"
    wf = folder / "wf.yml"
    for text, at in [(text, ":2:3:"), (text.replace("\n  pull_request_target:\n",
                                                    " [push, pull_request_target]\n"), ":1:12:")]:
        wf.write_text(text)
        done = driver.run([coordinator.binary, "admin", "actions", "parse", wf], check=False)
        said = done.stderr.decode()
        assert done.returncode == 1 and at in said and "pull_request_target" in said, said
        assert "expected pull_request" in said


def test_the_checkout_token_only_reads_this_repository(host, coordinator, repository):
    other = repository("demo/other", private=True)
    other.commit({"x": "y"})
    other.push()
    sha = host.propose(7, files())
    host.approve(host.event(7, sha)["runs"][0])
    token = host.claim()["checkout_token"]
    own = coordinator.base.replace("://", f"://x:{token}@") + "/demo/pulls.git"
    bare = {**host.repo.env, "GIT_CONFIG_COUNT": "0"}

    def git(*words):
        return driver.run(["git", *words], env=bare, cwd=host.repo.clone, check=False)
    assert sha in git("ls-remote", own, "refs/pull/7/head").stdout.decode()
    assert git("fetch", "-q", own, "refs/pull/7/head").returncode == 0
    for ref in ("refs/heads/owned", "refs/heads/trunk", "refs/pull/7/head", "refs/pull/8/head"):
        done = git("push", "-f", own, f"HEAD~:{ref}" if ref.endswith("7/head") else f"HEAD:{ref}")
        assert done.returncode and b"403" in done.stderr, done.stderr
    assert git("ls-remote", own.replace("/pulls.git", "/other.git")).returncode
    for path in ("/api/v1/repos/demo/pulls/pulls/7/events", "/api/v1/runs/1/approve",
                 "/api/v1/runs/1/rerun"):
        assert coordinator.request("POST", path, {}, token).status == 401, path


# ---- a real runner, and what an attacker would try ----

ATTACK = """\
name: Attack
on: pull_request
permissions: write-all
jobs:
  main:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - uses: actions/checkout@v4
      - run: |
          echo "key [${{ secrets.SMOKE_KEY }}] level [${{ vars.LEVEL }}]"
          echo "source ${{ github.secret_source }} base $GITHUB_BASE_REF"
          echo "title ${{ github.event.pull_request.title }}"
          echo "head ${{ github.head_ref }} by ${{ github.actor }}"
          env | sort
          cat readme
"""


@once
def test_a_stranger_gets_nothing_from_a_real_runner(host, joined):
    sha = host.propose(7, {**files(ATTACK, "attack"), "readme": "of the head\n"})
    [run] = host.event(7, sha, title='x"; touch /tmp/owned; echo "$(id)`id`',
                       head={"sha": sha, "ref": "a$(id)b", "repo": "eve/fork"})["runs"]
    host.approve(run)
    joined().once()
    row = host.coordinator.show(run)
    job = row["jobs"][0]
    log = host.coordinator.step_log(job["id"]).decode()
    assert row["conclusion"] == "success", log
    assert SECRET not in log and "level-of-the-repository" not in log
    assert "key [] level []" in log and "source None base trunk" in log
    assert 'title x"; touch /tmp/owned; echo "$(id)`id`' in log, "the title stays a text"
    assert "head a$(id)b by eve" in log and "of the head" in log
