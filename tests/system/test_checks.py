"""What the outside learns of runs: annotations, commit statuses, check runs, badge, webhooks."""
import contextlib
import hashlib
import hmac
import http.server
import json
import re
import sqlite3
import ssl
import threading

import byhand
import driver
import pytest
from conftest import newest_run, once

HOSTILE = r"\033]0;title\007\377<script>alert(1)</script>"
ANNOTATE = f"""
name: Checks
on: push
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - name: Say it
        env:
          TOKEN: ${{{{ secrets.TOKEN }}}}
        run: |
          echo "::error file=/workspace/src/a.c,line=3,endLine=4,title=Style::bad indent%0Asecond"
          echo "::warning file=../../etc/passwd,line=1::token $TOKEN"
          printf '::notice file=b.c,line=2,col=5::{HOSTILE}\\n'
          echo "::stop-commands::stop-it"
          echo "::error::not an annotation"
          echo "::stop-it::"
          for i in $(seq 15); do echo "::warning::number $i"; done
          printf '::error::no line end'
      - run: exit 3
"""


@pytest.fixture
def annotated(coordinator, repository, joined):
    repo = repository("demo/checks")
    coordinator.admin("secret", "set", "--repo", "demo/checks", "--name", "TOKEN",
                      stdin=b"s3cr3t-value\n")
    repo.commit({".shithub/workflows/ci.yml": ANNOTATE})
    repo.push()
    joined().once()
    return coordinator.show(newest_run(coordinator))


@once
def test_annotations_of_a_job(coordinator, annotated, pat):
    job = annotated["jobs"][0]
    assert b"not an annotation" in coordinator.step_log(job["id"], 0), annotated
    assert annotated["annotation_counts"] == {"notice": 1, "warning": 10, "failure": 2,
                                              "dropped": 6}
    assert job["annotation_counts"] == annotated["annotation_counts"]
    first, token, hostile = job["annotations"][:3]
    assert (first["annotation_level"], first["title"]) == ("failure", "Style")
    assert first["message"] == "bad indent\nsecond"
    assert (first["path"], first["start_line"], first["end_line"]) == ("src/a.c", 3, 4)
    assert (first["job_name"], first["step_name"]) == ("lint", "Say it")
    assert token["message"] == "token ***" and token["path"] is None
    assert token["start_line"] is None
    assert hostile["message"] == "\x1b]0;title\x07�<script>alert(1)</script>"
    assert (hostile["start_line"], hostile["start_column"]) == (2, 5)
    assert job["annotations"][-1]["message"] == "no line end"
    assert "not an annotation" not in str(job["annotations"])

    page = f"/api/v1/runs/{annotated['id']}/annotations"
    got = coordinator.request("GET", f"{page}?per_page=10", token=pat)
    assert got.headers["Link"] == (f'<{coordinator.base}{page}?after={job["annotations"][9]["id"]}'
                                   '&per_page=10>; rel="next"')
    got = coordinator.request("GET", f"{page}?per_page=10&after={job['annotations'][9]['id']}",
                              token=pat)
    assert got.json()["total_count"] == 13 and "Link" not in got.headers
    assert got.json()["annotations"] == job["annotations"][10:]
    assert coordinator.request("GET", f"{page}?job={job['id']}&per_page=100",
                               token=pat).json()["annotations"] == job["annotations"]
    assert coordinator.request("GET", f"{page}?job=99", token=pat).json()["total_count"] == 0
    assert coordinator.request("GET", page).status == 401
    for bad in ("per_page=101", "page=1", "after=x", "after=0", "job=-1"):
        assert coordinator.request("GET", f"{page}?{bad}", token=pat).status == 400
    shown = coordinator.admin("run", "show", "--id", str(annotated["id"])).stdout
    assert b"failure src/a.c:3: Style: bad indent" in shown and b"\x1b" not in shown


# ---- a commit's statuses and check runs ----

TWO_JOBS = """\
name: CI
on: push
jobs:
  work: {runs-on: linux, steps: [{run: echo hi}]}
  after: {runs-on: linux, needs: work, steps: [{run: echo more}]}
"""


@pytest.fixture
def pushed(coordinator, repository):
    """A repository with one queued run, its commit, and a registration token."""
    repo = repository("demo/two")
    head = repo.commit({".shithub/workflows/ci.yml": TWO_JOBS})
    repo.push()
    driver.wait_for(coordinator.runs, what="a run")
    return head, coordinator.register_runner("hand", labels="linux")["token"]


def status_of(coordinator, head, **options):
    got = coordinator.request("GET", f"/api/v1/repos/demo/two/commits/{head}/status", **options)
    assert got.status == 200, got.body
    return got.json()


def checks_of(coordinator, head, query=""):
    page = f"/api/v1/repos/demo/two/commits/{head}/check-runs{query}"
    return coordinator.request("GET", page).json()


def by_context(status):
    return {one["context"]: one["state"] for one in status["statuses"]}


def test_statuses_follow_the_run(coordinator, pushed, pat):
    head, runner = pushed
    status = status_of(coordinator, head)
    assert (status["state"], status["total_count"], status["sha"]) == ("pending", 2, head)
    assert status["repository"]["full_name"] == "demo/two"
    assert by_context(status) == {"CI / work (push)": "pending", "CI / after (push)": "pending"}
    assert [one["description"] for one in status["statuses"]] == ["waits for a runner",
                                                                  "waits for other jobs"]
    work = byhand.claim(coordinator, runner)
    running = checks_of(coordinator, head)
    assert running["total_count"] == 2
    first = running["check_runs"][0]
    assert (first["name"], first["status"], first["conclusion"]) == ("work", "in_progress", None)
    assert first["started_at"] and first["completed_at"] is None and first["head_sha"] == head
    work.logs(b"::error::broken\n")
    work.end()
    first = checks_of(coordinator, head)["check_runs"][0]
    assert (first["status"], first["conclusion"]) == ("completed", "success")
    assert first["output"]["annotations_count"] == 1
    listed = coordinator.request("GET", first["output"]["annotations_url"]
                                 .removeprefix(coordinator.base), token=pat).json()
    assert listed["annotations"][0]["message"] == "broken"
    assert status_of(coordinator, head)["state"] == "pending"
    byhand.claim(coordinator, runner).end("failure")
    status = status_of(coordinator, head)
    assert status["state"] == "failure"
    assert by_context(status) == {"CI / work (push)": "success", "CI / after (push)": "failure"}
    shown = coordinator.show(first["check_suite"]["id"])
    assert [(one["id"], one["conclusion"]) for one in shown["jobs"]] == [
        (one["id"], one["conclusion"]) for one in checks_of(coordinator, head)["check_runs"]]
    assert [one["name"] for one in checks_of(coordinator, head, "?check_name=after")
            ["check_runs"]] == ["after"]
    assert checks_of(coordinator, head, "?status=queued")["total_count"] == 0
    # A re-run takes the place of the run, and a cancel ends it.
    again = coordinator.request("POST", f"/api/v1/runs/{shown['id']}/rerun", token=pat).json()
    assert status_of(coordinator, head)["state"] == "pending"
    assert status_of(coordinator, head)["total_count"] == 2
    coordinator.admin("run", "cancel", str(again["run_id"]))
    status = status_of(coordinator, head)
    assert (status["state"], set(by_context(status).values())) == ("failure", {"failure"})
    assert {one["conclusion"] for one in checks_of(coordinator, head)["check_runs"]} == {
        "cancelled"}


def test_which_commit(coordinator, pushed):
    head, _ = pushed
    assert status_of(coordinator, head[:7])["sha"] == head
    assert status_of(coordinator, head.upper())["sha"] == head
    nothing = status_of(coordinator, "0" * 40)
    assert (nothing["state"], nothing["total_count"], nothing["statuses"]) == ("pending", 0, [])
    page = status_of(coordinator, head)
    second = coordinator.request(
        "GET", f"/api/v1/repos/demo/two/commits/{head}/status?per_page=1&page=2").json()
    assert second["statuses"] == page["statuses"][1:] and second["total_count"] == 2
    for sha, code in (("0" * 7, 404), (head[:6], 400), ("trunk", 400), (head + "0", 400)):
        got = coordinator.request("GET", f"/api/v1/repos/demo/two/commits/{sha}/status")
        assert (got.status, "error" in got.json()) == (code, True), sha
    assert coordinator.request("GET", f"/api/v1/repos/demo/none/commits/{head}/status"
                               ).status == 404


def test_queries_are_decoded(coordinator, repository):
    """Names with blanks, slashes and letters beyond ASCII, as clients send them."""
    repo = repository("demo/two")
    head = repo.commit({".shithub/workflows/ci.yml": "name: My CI\non: push\njobs:\n  a: {name: Käse/one, "
                        "runs-on: linux, steps: [{run: echo}]}\n"})
    repo.push("feature/x")
    driver.wait_for(coordinator.runs, what="a run")

    def names(query):
        return [one["name"] for one in checks_of(coordinator, head, query)["check_runs"]]

    assert names("?check_name=K%C3%A4se%2Fone") == names("?check%5Fname=K%C3%A4se/one") == ["Käse/one"]
    assert names("?check_name=K%C3%A4se%252Fone") == []
    for query in ("branch=feature%2Fx", "branch=refs%2Fheads%2Ffeature%2Fx&workflow=My%20CI",
                  "branch=feature/x&workflow=My+CI"):
        body = coordinator.request("GET", f"/demo/two/badge.svg?{query}").body.decode()
        assert "pending</title>" in body, query
    for query in ("branch=%", "branch=%2", "branch=%zz", "branch=%00", "branch=%ff", "%zz"):
        got = coordinator.request("GET", f"/demo/two/badge.svg?{query}")
        assert got.status == 400 and "query" in got.json()["error"], query
    page = f"/api/v1/repos/demo/two/commits/{head}/check-runs?status=in%5Fprogress"
    assert coordinator.request("GET", page).json()["total_count"] == 0


def test_broken_workflow_is_an_error(coordinator, repository):
    repo = repository("demo/two")
    head = repo.commit({".shithub/workflows/ci.yml": "name: CI\non: push\njobs: 3\n"})
    repo.push()
    driver.wait_for(coordinator.runs, what="a run")
    status = status_of(coordinator, head)
    assert (status["state"], status["total_count"]) == ("failure", 1)
    assert status["statuses"][0]["state"] == "error"
    check = checks_of(coordinator, head)["check_runs"][0]
    assert (check["status"], check["conclusion"]) == ("completed", "failure")
    assert check["output"]["text"]


def test_private_repository_is_not_there(coordinator, repository, pat):
    repo = repository("demo/secret", private=True)
    head = repo.commit({".shithub/workflows/ci.yml": TWO_JOBS})
    repo.push()
    page = f"/api/v1/repos/demo/secret/commits/{head}/status"
    assert coordinator.request("GET", page).status == 404
    assert coordinator.request("GET", "/demo/secret/badge.svg").status == 404
    assert coordinator.request("GET", page, token="shithub_pat_" + "0" * 64).status == 401
    assert coordinator.request("GET", page, token=pat).json()["total_count"] == 2
    token = coordinator.admin_json("repo", "badge-token", "--repo", "demo/secret")["token"]
    badge = f"/demo/secret/badge.svg?token={token}"
    got = coordinator.request("GET", badge)
    assert got.status == 200 and got.headers["Cache-Control"] == "private, no-cache"
    assert coordinator.request("GET", page, token=token).status == 401
    coordinator.admin("repo", "badge-token", "--repo", "demo/secret", "--revoke")
    assert coordinator.request("GET", badge).status == 404


def test_badge(coordinator, pushed):
    _, runner = pushed

    def badge(query="", **headers):
        got = coordinator.request("GET", "/demo/two/badge.svg" + query, headers=headers)
        return got.status, got.body.decode(), got.headers

    status, body, headers = badge()
    assert status == 200 and headers["Content-Type"].startswith("image/svg+xml")
    assert "<title>two: pending</title>" in body and 'role="img"' in body
    assert "<title>ci.yml: pending</title>" in badge("?workflow=ci.yml")[1]
    for query in ("?workflow=none.yml", "?branch=other", "?event=schedule"):
        assert "no runs" in badge(query)[1], query
    code, hostile, _ = badge("?workflow=%3Cscript%3E%22%26%1b" + "x" * 5000)
    assert code == 200 and "&lt;script&gt;&quot;&amp;" in hostile
    assert "<script" not in hostile and "\x1b" not in hostile and len(hostile) < 4096
    byhand.claim(coordinator, runner).end()
    byhand.claim(coordinator, runner).end()
    status, body, headers = badge("?branch=refs/heads/trunk&event=push")
    assert "<title>two: passing</title>" in body
    assert badge(**{"If-None-Match": headers["ETag"]})[:2] == (304, "")
    assert badge(**{"If-None-Match": '"old"'})[0] == 200
    assert coordinator.request("GET", "/demo/none/badge.svg").status == 404


# ---- webhooks ----

SECRET = "it is a secret"


class Receiver:
    """An HTTP server that notes what it is sent and answers as `mode` says."""

    def __init__(self):
        self.got, self.asked, self.mode, self.gate = [], [], "ok", threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, dict(self.headers), body))
                with contextlib.suppress(OSError):
                    receiver.answer(self)

            def do_GET(self):
                receiver.asked.append((self.path, self.headers["Authorization"]))
                receiver.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler):
        if self.mode == "slow":
            self.gate.wait(60)
        code = {"500": 500, "redirect": 302}.get(self.mode, 204)
        handler.send_response(200 if self.mode == "endless" else code)
        if self.mode == "redirect":
            handler.send_header("Location", self.url + "/elsewhere")
        handler.end_headers()
        while self.mode == "endless":
            handler.wfile.write(b"x" * 65536)

    def bodies(self, event="workflow_job"):
        return [json.loads(body) for _, headers, body in self.got
                if headers["X-Shithub-Event"] == event]

    def states(self):
        return [(one["workflow_job"]["name"], one["action"]) for one in self.bodies()]

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receivers():
    made = []

    def make():
        made.append(Receiver())
        return made[-1]

    yield make
    for one in made:
        one.stop()


def hook(coordinator, url, *words, secret=SECRET):
    return coordinator.admin_json("webhook", "set", "--to", url, *(words or ["--site"]),
                                  stdin=secret.encode() + b"\n")["id"]


def deliveries(coordinator, hook_id):
    return coordinator.admin_json("webhook", "deliveries", str(hook_id), "--limit", "1000")


def retry_now(coordinator):
    """What time would do."""
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=10)) as db:
        db.execute("UPDATE webhooks SET next_at = 0")
        db.commit()


EVERY_CHANGE = [("work", "queued"), ("after", "queued"), ("work", "in_progress"),
                ("work", "completed"), ("after", "in_progress"), ("after", "completed")]


def run_both(coordinator, repository, runner="hand"):
    repo = repository("demo/two")
    head = repo.commit({".shithub/workflows/ci.yml": TWO_JOBS})
    repo.push()
    driver.wait_for(coordinator.runs, what="a run")
    token = coordinator.register_runner(runner, labels="linux")["token"]
    byhand.claim(coordinator, token).end()
    byhand.claim(coordinator, token).end("failure")
    return head


def test_every_change_in_order_and_signed(coordinator, repository, receivers):
    receiver = receivers()
    hook_id = hook(coordinator, receiver.url)
    head = run_both(coordinator, repository)
    driver.wait_for(lambda: len(receiver.got) >= 9, what="every change")
    assert receiver.states() == EVERY_CHANGE
    runs = receiver.bodies("workflow_run")
    assert [one["action"] for one in runs] == ["requested", "in_progress", "completed"]
    assert runs[-1]["workflow_run"]["conclusion"] == "failure"
    assert runs[0]["workflow_run"]["conclusion"] is None
    job = receiver.bodies()[2]
    assert job["workflow_job"]["head_sha"] == head and job["sender"]["login"] == "driver"
    assert job["workflow_job"]["completed_at"] is None
    assert (job["workflow_job"]["runner_name"], job["repository"]["full_name"]) == (
        "hand", "demo/two")
    for path, headers, body in receiver.got:
        signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-Hub-Signature-256"] == f"sha256={signed}" and path == "/hook"
    assert len({headers["X-Shithub-Delivery"] for _, headers, _ in receiver.got}) == 9
    driver.wait_for(lambda: all(one["outcome"] == "delivered"
                                for one in deliveries(coordinator, hook_id)), what="the notes")
    data = (coordinator.data / "shithubd.db").read_bytes()
    assert SECRET.encode() not in data


@pytest.mark.parametrize("mode", ["500", "redirect", "endless", "slow"])
def test_bad_receivers(coordinator, repository, receivers, mode):
    bad, good = receivers(), receivers()
    bad.mode = mode
    bad_id = hook(coordinator, bad.url)
    repo = repository("demo/two")
    good_id = hook(coordinator, good.url, "--repo", "demo/two", "--events", "workflow_job")
    repo.commit({".shithub/workflows/ci.yml": TWO_JOBS})
    repo.push()
    driver.wait_for(lambda: len(good.got) >= 2, what="the good one")
    assert {one["outcome"] for one in driver.wait_for(
        lambda: [one for one in deliveries(coordinator, good_id) if one["outcome"] != "waiting"]
    )} == {"delivered"}
    if mode == "endless":  # it took them, whatever it goes on to say
        driver.wait_for(lambda: len(bad.got) >= 3, what="all changes")
        assert len({headers["X-Shithub-Delivery"] for _, headers, _ in bad.got}) == 3
        return
    first = driver.wait_for(lambda: [one for one in deliveries(coordinator, bad_id)
                                     if one["problem"]], 30, "a failure")[0]
    problem = {"500": "HTTP 500", "redirect": "HTTP 302: redirects are not followed",
               "slow": r"Operation timed out after \d+ milliseconds with 0 bytes received"}[mode]
    assert re.fullmatch(problem, first["problem"]) and first["outcome"] == "waiting", first
    assert all(path == "/hook" for path, _, _ in bad.got)
    bad.mode = "ok"
    bad.gate.set()
    before = len(bad.got)
    retry_now(coordinator)
    driver.wait_for(lambda: len(bad.got) >= before + 3, what="the rest")
    again = [headers["X-Shithub-Delivery"] for _, headers, _ in bad.got]
    assert again[0] == again[before], "the first change is sent again first"


def test_certificates_are_verified(coordinator, receivers, folder):
    receiver = receivers()
    driver.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", folder / "key", "-out", folder / "cert"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "cert", folder / "key")
    receiver.server.socket = tls.wrap_socket(receiver.server.socket, server_side=True)
    hook_id = hook(coordinator, receiver.url.replace("http:", "https:"))
    done = coordinator.admin("webhook", "test", str(hook_id), check=False)
    assert done.returncode == 1 and b"certificate" in done.stdout, done.stdout
    assert receiver.got == []


def test_poison_is_given_up(coordinator, repository, receivers):
    receiver = receivers()
    receiver.mode = "500"
    hook_id = hook(coordinator, receiver.url)
    repository("demo/two")
    done = coordinator.admin("webhook", "test", str(hook_id), check=False)
    assert done.returncode == 1 and b"not delivered: HTTP 500" in done.stdout
    dead = deliveries(coordinator, hook_id)[0]
    while dead["outcome"] == "waiting":  # its own clock may bring a try as well
        before = dead["attempts"]
        retry_now(coordinator)
        dead = driver.wait_for(lambda: next((one for one in deliveries(coordinator, hook_id)
                                             if one["attempts"] > before), None), what="a try")
    assert (dead["outcome"], dead["attempts"], dead["answer"]) == ("dead", 12, 500)
    assert len(receiver.got) == 12, "each try was one request"
    assert coordinator.admin_json("webhook", "list")[0]["dead"] == 1
    receiver.mode = "ok"
    assert coordinator.admin("webhook", "test", str(hook_id)).stdout == b"delivered\n"
    coordinator.admin("webhook", "delete", str(hook_id))
    assert coordinator.admin_json("webhook", "list") == []


def test_old_changes_are_given_up(coordinator, receivers):
    receiver = receivers()
    hook_id = hook(coordinator, receiver.url)
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=10)) as db:
        db.execute("INSERT INTO webhook_deliveries (hook_id, guid, event, changed_at)"
                   " VALUES (?, 'old', 'ping', 1)", (hook_id,))
        db.commit()
    driver.wait_for(lambda: deliveries(coordinator, hook_id)[0]["outcome"] == "dead")
    assert "given up after a day" in deliveries(coordinator, hook_id)[0]["problem"]
    assert receiver.got == []


def test_killed_and_started_again(coordinator, repository, receivers):
    receiver = receivers()
    receiver.mode = "slow"
    hook_id = hook(coordinator, receiver.url, "--site", "--events", "workflow_job")
    run_both(coordinator, repository)
    driver.wait_for(lambda: receiver.got, what="the first request")
    coordinator.program.process.kill()
    coordinator.program.process.wait()
    # Changes that other processes make meanwhile are in the outbox as well.
    run_id = coordinator.runs()[0]["id"]
    coordinator.admin("run", "pin", str(run_id))
    receiver.mode = "ok"
    receiver.gate.set()
    coordinator.start()
    driver.wait_for(lambda: len(receiver.got) >= 7, what="every change")
    assert receiver.states()[1:] == EVERY_CHANGE
    first, again = [headers["X-Shithub-Delivery"] for _, headers, _ in receiver.got[:2]]
    assert first == again, "the same again"
    assert coordinator.admin_json("webhook", "list")[0]["id"] == hook_id


def test_statuses_for_a_forge(coordinator, repository, receivers):
    receiver = receivers()
    repo = repository("demo/two")
    url = receiver.url.replace("/hook", "/api/v1/repos/outer/two")
    hook(coordinator, url, "--repo", "demo/two", "--forge", secret="forge-token")
    head = repo.commit({".shithub/workflows/ci.yml": TWO_JOBS})
    repo.push()
    driver.wait_for(lambda: len(receiver.got) >= 2, what="two statuses")
    path, headers, body = receiver.got[0]
    assert path == f"/api/v1/repos/outer/two/statuses/{head}"
    assert headers["Authorization"] == "Bearer forge-token"
    assert "X-Hub-Signature-256" not in headers
    status = json.loads(body)
    assert set(status) == {"state", "context", "description", "target_url"}
    assert (status["state"], status["context"]) == ("pending", "CI / work (push)")
    # somebody who follows it comes to a page, here without a token
    shown = driver.request("GET", status["target_url"], headers={"Accept": "text/html"})
    assert shown.status == 200 and b"<h1>work</h1>" in shown.body, status


def test_a_test_of_a_forge_asks_it(coordinator, receivers, repository):
    """Delivered means that the forge answered, with this token and for this repository."""
    receiver = receivers()
    repository("demo/two")
    url = receiver.url.replace("/hook", "/api/v1/repos/outer/two")
    hook_id = hook(coordinator, url, "--repo", "demo/two", "--forge", secret="forge-token")
    receiver.mode = "500"
    done = coordinator.admin("webhook", "test", str(hook_id), check=False)
    assert done.returncode == 1 and done.stdout == b"not delivered: HTTP 500\n"
    receiver.mode = "ok"
    assert coordinator.admin("webhook", "test", str(hook_id)).stdout == b"delivered\n"
    assert set(receiver.asked) == {("/api/v1/repos/outer/two", "Bearer forge-token")}
    assert receiver.got == []


def test_what_cannot_be_sent_yet_waits_like_the_rest(coordinator, receivers):
    """A secret that does not open: one try and then a pause, not a hundred at once."""
    hook_id = hook(coordinator, receivers().url)
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=10)) as db:
        db.execute("UPDATE webhooks SET sealed = zeroblob(64)")
        db.commit()
    done = coordinator.admin("webhook", "test", str(hook_id), check=False)
    assert done.returncode == 1 and b"not delivered: sealed value does not open" in done.stdout
    [row] = coordinator.admin_json("webhook", "list")
    assert 1 <= row["failures"] < 10 and row["waiting"] == 1 and row["dead"] == 0
    assert 1 <= coordinator.program.log().count("sealed value does not open") < 10


@pytest.mark.parametrize("words", [
    ("--site", "--repo", "demo/two", "--to", "http://a/"), ("--to", "http://a/"),
    ("--site", "--to", "ftp://a/"), ("--site", "--to", "http:///a"),
    ("--site", "--to", "http://user:word@a/"), ("--site", "--to", "http://a/\n"),
    ("--site", "--to", "http://a/", "--events", "push"), ("--site", "--forge", "--to", "http://a/")])
def test_bad_hooks_are_refused(coordinator, words):
    done = coordinator.admin("webhook", "set", *words, stdin=b"long enough\n", check=False)
    assert done.returncode != 0 and done.stderr.count(b"\n") == 1, done.stderr
    assert coordinator.admin_json("webhook", "list") == []


def test_short_secret_is_refused(coordinator):
    for secret in (b"short\n", b"with a \x07 bell\n", b"x" * 2000):
        done = coordinator.admin("webhook", "set", "--site", "--to", "http://a/", stdin=secret,
                                 check=False)
        assert done.returncode != 0 and b"8 to 1024 printable" in done.stderr
