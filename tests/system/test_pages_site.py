"""Pages beside a repository's runs, as a browser without scripts reads them from a real serve: the
queue, a runner, hygiene, audit, the schedule, a commit, the badge; who sees which; and what every
route says to what it cannot answer."""
import contextlib
import json
import re
import sqlite3

import driver
import pages_world
import pytest
from pages_world import Claimed, browse, job_named
from test_pages_login import Browser, token_of
from test_pages_read import page

PLAIN = "on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}\n"


@pytest.fixture
def users(coordinator):
    coordinator.admin("user", "add", "ada", "--site-admin")
    coordinator.admin("user", "add", "eve")
    for name in ("ada", "eve"):
        coordinator.admin("user", "password", name, stdin=f"{name}'s password".encode())


@pytest.fixture
def populated(coordinator, repository, users):
    return pages_world.populate(coordinator, repository)


def as_admin(coordinator):
    return token_of(coordinator, "ada", "admin,repo:read")


def test_queue_says_why_each_job_waits(coordinator, populated):
    queue = page(coordinator, "/queue")
    assert "1 job can start as soon as a runner takes it." in queue.text
    assert "linux, windows-latest" in queue.text and "0 runners online" in queue.text
    assert "Waiting for runner with labels: linux, windows-latest (no runner offers all of them)" in queue.text
    job = job_named(coordinator, populated, "deploy")
    assert f"/demo/claims/runs/{populated}/jobs/{job}" in queue.links
    coordinator.admin("run", "cancel", str(populated))
    assert "Nothing waits." in page(coordinator, "/queue").text


def test_queue_is_read_a_page_at_a_time(coordinator, repository):
    repo = repository("demo/many")
    for number in range(25):
        repo.commit({".shithub/workflows/ci.yml": PLAIN}, f"Change {number}")
        repo.push()
    first = page(coordinator, "/queue")
    more = next(link for link in first.links if "after=" in link)
    second = page(coordinator, more)
    shown = [{link for link in got.links if re.fullmatch(r"/demo/many/runs/\d+", link)}
             for got in (first, second)]
    assert [len(one) for one in shown] == [20, 5] and not shown[0] & shown[1]
    assert not [link for link in second.links if "after=" in link] and "/queue" in second.links


def test_queue_of_many_jobs_of_one_run(coordinator, repository):
    legs = ", ".join(map(str, range(40)))
    repo = repository("demo/legs")
    repo.commit({".shithub/workflows/ci.yml":
                 f"on: push\njobs:\n  a:\n    runs-on: linux\n    strategy: {{matrix: {{n: [{legs}]}}}}\n"
                 "    steps: [{run: x}]\n"})
    repo.push()
    queue = page(coordinator, "/queue")
    assert "40 jobs can start" in queue.text and "35 more of this run" in queue.text


def test_queue_hides_what_is_private(coordinator, repository, users):
    hidden = repository("demo/hidden", private=True)
    hidden.commit({".shithub/workflows/ci.yml": PLAIN.replace("linux", "sesame")}, "Keep this to us")
    hidden.push()
    for who in (None, token_of(coordinator, "eve", "repo:read")):
        queue = page(coordinator, "/queue", headers=who)
        assert "sesame" not in queue.text and "hidden" not in queue.text and "Keep" not in queue.text
        assert "No job waits for a runner." in queue.text
    queue = page(coordinator, "/queue", headers=as_admin(coordinator))
    assert "sesame" in queue.text and "Keep this to us" in queue.text


def test_a_runner(coordinator, populated):
    by_name = {r["name"]: r["id"] for r in coordinator.admin_json("runner", "list")}
    assert f"/runners/{by_name['alder']}" in page(coordinator, "/runners").links
    at_work = page(coordinator, f"/runners/{by_name['alder']}")
    assert "Jobs at work" in at_work.text and "build (gcc, O0)" in at_work.text
    assert "build-host-1" not in at_work.text and "0.1.0" in at_work.text
    drained = page(coordinator, f"/runners/{by_name['birch']}")
    assert "Drained: it gets no more jobs" in drained.text and "new disk on Tuesday" in drained.text
    assert "Never heard of" in drained.text
    known = page(coordinator, f"/runners/{by_name['alder']}", headers=as_admin(coordinator))
    assert "build-host-1" in known.text and "/hygiene?host=build-host-1" in known.links
    coordinator.admin("runner", "revoke", str(by_name["cedar"]), "--reason", "sold")
    assert "Revoked" in page(coordinator, f"/runners/{by_name['cedar']}").text


def test_a_runner_at_a_job_that_one_may_not_see(coordinator, repository, users):
    hidden = repository("demo/hidden", private=True)
    hidden.commit({".shithub/workflows/ci.yml": PLAIN.replace("a:", "sesame:")})
    hidden.push()
    made = coordinator.register_runner("shared", labels="linux")
    claimed = Claimed(coordinator, made["token"])
    claimed.start()
    shown = page(coordinator, f"/runners/{made['id']}")
    assert "A job of a repository that you cannot see." in shown.text and "sesame" not in shown.text
    assert "sesame" in page(coordinator, f"/runners/{made['id']}", headers=as_admin(coordinator)).text


def test_a_runner_of_one_repository(coordinator, repository, users):
    repository("demo/hidden", private=True)
    made = coordinator.admin_json("runner", "register", "ours", "--labels", "linux", "--repo", "demo/hidden")
    page(coordinator, f"/runners/{made['id']}", 404)
    page(coordinator, f"/runners/{made['id']}", 404, headers=token_of(coordinator, "eve", "repo:read"))
    assert "demo/hidden" in page(coordinator, f"/runners/{made['id']}", headers=as_admin(coordinator)).text


def test_hygiene(coordinator, populated):
    admin = as_admin(coordinator)
    records = page(coordinator, "/hygiene", headers=admin)
    assert "prune_images" in records.text and "free_after" in records.text
    assert records.text.index("completed") and "deploy-7" in records.text
    for query, found in (("?status=planned", 1), ("?host=build-host-1", 2), ("?host=other", 0),
                         ("?action=prune_images", 2), ("?before=1", 0)):
        got = page(coordinator, "/hygiene" + query, headers=admin)
        assert got.text.count("Evidence of") == found, query
    page(coordinator, "/hygiene?status=green", 400, headers=admin)


def test_audit(coordinator, populated):
    admin = as_admin(coordinator)
    entries = page(coordinator, "/audit", headers=admin)
    assert "runner.drain" in entries.text and "new disk on Tuesday" in entries.text
    link = next(link for link in entries.links if link.startswith("/audit?target=runner%3A"))
    one = page(coordinator, link, headers=admin)
    assert "runner.drain" in one.text and "token.create" not in one.text
    assert "No entry fits." in page(coordinator, "/audit?target=nothing", headers=admin).text
    for _ in range(51):
        coordinator.admin("runner", "undrain", link.rsplit("%3A", 1)[1])
    first = page(coordinator, link, headers=admin)
    older = next(address for address in first.links if "before=" in address)
    rest = page(coordinator, older, headers=admin).text
    coordinator.admin("runner", "undrain", link.rsplit("%3A", 1)[1])
    assert page(coordinator, older, headers=admin).text == rest and rest.count("runner.") >= 2


def test_pages_of_site_admins(coordinator, populated):
    absent = browse(coordinator, "/nothing")
    user = Browser(coordinator)
    user.sign_in("eve", "eve's password")
    for path in ("/audit", "/hygiene", "/audit?target=x", "/hygiene?before=no"):
        for who in (None, token_of(coordinator, "eve", "repo:read"), token_of(coordinator, "ada", "repo:read")):
            got = browse(coordinator, path, who)
            assert (got.status, got.body) == (404, absent.body), (path, who)
        assert user.get(path).status == 404
        assert "/audit" not in user.get("/").text
    admin = Browser(coordinator)
    admin.sign_in("ada", "ada's password")
    home = admin.get("/").text
    assert 'href="/audit"' in home and 'href="/hygiene"' in home
    assert admin.get("/audit").status == admin.get("/hygiene").status == 200
    page(coordinator, "/audit?before=0", 400, headers=as_admin(coordinator))
    page(coordinator, "/audit?before=1000001", 400, headers=as_admin(coordinator))


def test_schedule(coordinator, populated):
    lines = page(coordinator, "/demo/letters/schedule")
    assert "30 4 * * 1-5" in lines.text and "0 0 1 * *" in lines.text and "Has not run yet" in lines.text
    assert ".shithub/workflows/nightly.yml" in lines.text and "next in " in lines.text
    assert "No workflow of the default branch" in page(coordinator, "/demo/claims/schedule").text
    coordinator.admin("policy", "set", "actions_enabled=false", "--repo", "demo/letters",
                      "--reason", "moving house")
    assert "Actions are disabled for the repository: moving house." in page(
        coordinator, "/demo/letters/schedule").text
    assert populated


def test_schedule_names_its_last_run(coordinator, repository):
    repo = repository("demo/clock")
    repo.commit({".shithub/workflows/often.yml":
                 "on: {schedule: [{cron: '* * * * *'}]}\njobs: {a: {runs-on: linux, steps: [{run: x}]}}\n"})
    repo.push()
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=60)) as store, store:
        store.execute("UPDATE schedules SET next_at = 1")
    run = driver.wait_for(coordinator.runs, timeout=60, what="the run of the schedule")[0]["id"]
    lines = page(coordinator, "/demo/clock/schedule")
    assert f"/demo/clock/runs/{run}" in lines.links and "Last run: #1, queued" in lines.text


def test_schedule_says_why_a_line_starts_no_more(coordinator, repository, users):
    repo = repository("demo/clock")
    cron = "on: {schedule: [{cron: '* * * * *'}]}\njobs: {a: {runs-on: linux, steps: [{run: x}]}}\n"
    repo.commit({".shithub/workflows/often.yml": cron})
    repo.push()
    bare = next(coordinator.data.glob("repos/**/HEAD")).parent
    driver.run(["git", "-C", bare, "update-ref", "-d", "refs/heads/trunk"])
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=60)) as store, store:
        store.execute("UPDATE schedules SET next_at = 1")
    driver.wait_for(lambda: "schedule_dropped" in coordinator.program.log(), 60, "the end of the line")
    shown = page(coordinator, "/demo/clock/schedule")
    assert "It starts no more runs: " in shown.text and "stopped " in shown.text and "next " not in shown.text
    entry = page(coordinator, "/audit?target=repository:demo/clock", headers=as_admin(coordinator))
    assert "schedule.drop" in entry.text and ".shithub/workflows/often.yml, * * * * *: " in entry.text
    repo.commit({"x": "1"})
    repo.push()
    driver.wait_for(lambda: "stopped" not in page(coordinator, "/demo/clock/schedule").text, what="the line, back")
    assert "next " in page(coordinator, "/demo/clock/schedule").text


def test_a_commit(coordinator, populated):
    sha = coordinator.show(populated)["head_sha"]
    assert f"/demo/claims/commits/{sha}" in page(coordinator, f"/demo/claims/runs/{populated}").links
    for name in (sha, sha[:7]):
        checks = page(coordinator, f"/demo/claims/commits/{name}")
        assert "Some checks failed" in checks.text
        assert "CI / build (clang, O2) (push)" in checks.text and "errors: 1 · warnings: 1" in checks.text
    statuses = coordinator.request("GET", f"/api/v1/repos/demo/claims/commits/{sha}/status").json()
    for status in statuses["statuses"]:
        assert status["context"] in checks.text, status
        address = status["target_url"].removeprefix(coordinator.base)
        assert address in checks.links and page(coordinator, address)
    runs = coordinator.request("GET", f"/api/v1/repos/demo/claims/commits/{sha}/check-runs").json()
    assert {run["html_url"] for run in runs["check_runs"]} == {
        status["target_url"] for status in statuses["statuses"]}
    page(coordinator, f"/demo/claims/commits/{'0' * 40}", 404)
    page(coordinator, "/demo/claims/commits/abcdef1", 404)
    page(coordinator, "/demo/claims/commits/trunk", 400)


def test_badge(coordinator, repository, populated):
    runs = page(coordinator, "/demo/letters?branch=topic%2F2")
    image = next(link for link in runs.links if "badge.svg" in link)
    assert b"failing" in browse(coordinator, image).body
    raw = browse(coordinator, "/demo/letters").body.decode()
    base = re.escape(coordinator.base)
    assert re.search(rf'value="\[!\[letters\]\({base}/demo/letters/badge.svg\)\]\({base}/demo/letters\)"', raw)
    repository("demo/hidden", private=True)
    hidden = browse(coordinator, "/demo/hidden", as_admin(coordinator)).body.decode()
    assert "admin repo badge-token demo/hidden" in hidden and "<img" not in hidden
    assert populated


def test_an_archived_log_reads_the_same(coordinator, populated):
    coordinator.admin("run", "cancel", str(populated))
    job = job_named(coordinator, populated, "build (clang, O2")
    path = f"/demo/claims/runs/{populated}/jobs/{job}?step=3"
    before = page(coordinator, path).text
    done = driver.run([coordinator.binary, "run-job", "workflow:cleanup", "--keep-chunks-days", "0",
                       "--data", coordinator.data, "--output", "json"])
    assert json.loads(done.stdout)["chunks"] > 5
    assert "FAIL test_claim" in before
    after = page(coordinator, path).text
    assert before.split("Steps")[1] == after.split("Steps")[1]
    assert "Larger than on trunk" in page(coordinator, f"/demo/claims/runs/{populated}").text


# ---- what cannot be answered ----

def routes(run, job, artifact, runner):
    """Every page, as what may be put in place of its parts."""
    return ["/{owner}/{repo}", "/{owner}/{repo}/schedule", "/{owner}/{repo}/commits/{sha}",
            "/{owner}/{repo}/runs/{run}", "/{owner}/{repo}/runs/{run}/jobs/{job}",
            "/{owner}/{repo}/runs/{run}/jobs/{job}/log",
            "/{owner}/{repo}/runs/{run}/jobs/{job}/steps/{step}/log",
            "/{owner}/{repo}/runs/{run}/artifacts/{artifact}", "/runners/{runner}"], {
                "owner": "demo", "repo": "claims", "run": run, "job": job, "artifact": artifact,
                "runner": runner, "step": 3}


WRONG_IDS = ("0", "-1", "01", "1x", "999999", "9223372036854775807", "9223372036854775808", "%00", "%2e%2e",
             "x" * 3000, "%3Cscript%3E")


def test_unknown_parts_of_every_address(coordinator, populated):
    job = job_named(coordinator, populated, "build (clang, O2")
    found = page(coordinator, f"/demo/claims/runs/{populated}")
    artifact = next(link for link in found.links if "/artifacts/" in link).rsplit("/", 1)[1]
    patterns, right = routes(populated, job, artifact, 1)
    right["sha"] = coordinator.show(populated)["head_sha"]
    for pattern in patterns:
        assert browse(coordinator, pattern.format(**right)).status == 200, pattern
        for part in re.findall(r"{(\w+)}", pattern):
            for wrong in WRONG_IDS:
                if (part, wrong) == ("step", "01"):
                    continue
                got = page(coordinator, pattern.format(**{**right, part: wrong}), None)
                allowed = (400, 404) if part == "sha" else (404,)
                assert got.status in allowed, (pattern, part, wrong, got.status)
                assert "/" in got.links and "/login" in got.links, (pattern, part, wrong)


@pytest.mark.parametrize("path, names, wrong", [
    ("/", ["after"], ["x", "x" * 201]),
    ("/queue", ["after"], ["x", "-1", "0", "1.5", "9223372036854775808"]),
    ("/demo/claims", ["before"], ["x", "-1", "0", "1e3", "9223372036854775808"]),
    ("/demo/claims", ["state"], ["red", "x" * 301]),
    ("/demo/claims", ["branch", "event", "actor"], ["x" * 301]),
    ("/hygiene", ["before"], ["x", "0", "-1"]),
    ("/hygiene", ["host", "action"], ["x" * 301]),
    ("/hygiene", ["status"], ["red"]),
    ("/audit", ["before"], ["x", "0", "1000001"]),
    ("/audit", ["target"], ["x" * 301]),
    ("/login", ["next"], ["x" * 501]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_malformed_queries(coordinator, repository, users, path, names, wrong):
    repository("demo/claims")
    admin = as_admin(coordinator)
    assert browse(coordinator, path, admin).status == 200
    for name in names:
        for value in wrong:
            got = page(coordinator, f"{path}?{name}={value}", 400, headers=admin)
            assert name in got.text and "/" in got.links, (path, name, value, got.text)
    for query in ("%zz", "branch=%ff", "a=%00", "=", "&&&", "?" * 50):
        got = browse(coordinator, f"{path}?{query}", admin)
        assert got.status in (200, 400), (path, query, got.status)


def test_a_failure_of_ours(coordinator, populated):
    """The page helps and tells nothing of the inside; its reference leads to the line in the log."""
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=60)) as store, store:
        store.execute("ALTER TABLE annotations RENAME TO gone")
    got = page(coordinator, f"/demo/claims/runs/{populated}", 500)
    assert "Something is wrong on our side" in got.text and "/" in got.links
    assert "annotations" not in got.text and "SQL" not in got.text
    reference = re.search(r"reference: ([0-9a-f]{8}), just now", got.text).group(1)
    line = next(line for line in coordinator.program.log().splitlines() if f"reference={reference}" in line)
    assert "page_failed" in line and "annotations" in line
    assert browse(coordinator, "/demo/letters").status == 200


def test_methods_that_a_page_has_not(coordinator, populated):
    for path in ("/", "/queue", "/runners", "/runners/1", "/demo/claims", f"/demo/claims/runs/{populated}"):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert browse(coordinator, path, method=method, body=b"").status in (404, 405), (method, path)
        got = browse(coordinator, path, method="HEAD")
        assert got.status == 200 and not got.body


def test_all_pages_are_off_together(coordinators):
    """And nothing leads to one."""
    made = coordinators("--pages", "off").start()
    repo = made.repository("demo/off", made.create_token())
    sha = repo.commit({".shithub/workflows/ci.yml": PLAIN})
    repo.push()
    run = driver.wait_for(made.runs, what="a run")[0]["id"]
    status = made.request("GET", f"/api/v1/repos/demo/off/commits/{sha}/status").json()["statuses"][0]
    assert status["target_url"] == f"{made.base}/api/v1/runs/{run}"
    for path in ("/", "/queue", "/runners", "/runners/1", "/hygiene", "/audit", "/login", "/sessions",
                 "/demo/x", "/demo/x/schedule", "/demo/x/commits/abcdef1", "/demo/x/runs/1"):
        got = browse(made, path)
        assert (got.status, got.json()) == (404, {"error": "there is nothing at this path"}), path


def test_words_of_the_site_are_no_owners(coordinator):
    for name in ("runners", "api", "static"):
        refused = coordinator.admin("repo", "add", f"{name}/x", check=False)
        assert refused.returncode and b"owner" in refused.stderr.lower(), refused
