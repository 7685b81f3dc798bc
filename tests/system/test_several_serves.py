"""Two real coordinators on one database: words between them, and what becomes of what one had in hand
when it is killed, stopped, or cut off."""
import collections
import concurrent.futures
import http.server
import json
import signal
import socket
import subprocess
import threading
import time

import byhand
import driver
import pytest
from conftest import figure
from database import SERVER, psql

LEASE = 4  # seconds
# Shorter than a serve's own look at the queue, which comes every five seconds.
AT_ONCE = 1.5


def workflow(jobs, label="linux", on="push"):
    lines = [f"  j{n}: {{runs-on: {label}, steps: [{{run: echo hi}}]}}" for n in range(jobs)]
    return f"on: {on}\njobs:\n" + "\n".join(lines) + "\n"


@pytest.fixture
def serves(user, coordinators, folder, monkeypatch):
    """Two, with one folder of repositories and one of objects."""
    monkeypatch.setenv("SHITHUBD_LEASE", f"{LEASE}s")
    shared = folder / "shared"
    (shared / "repos").mkdir(parents=True)
    flags = ["--store", user.address, "--objects", shared / "objects"]
    first, second = coordinators(*flags), coordinators(*flags)
    for one in (first, second):
        one.data.mkdir(mode=0o700)
        (one.data / "repos").symlink_to(shared / "repos")
    first.start()
    (second.data / "root.key").write_bytes((first.data / "root.key").read_bytes())
    (second.data / "root.key").chmod(0o600)
    second.start()
    return first, second


@pytest.fixture
def rows(user):
    """rows("SELECT ..."): of the store's tables, a list of lines."""
    def ask(text):
        return psql(f"SET search_path = {user.name}; {text}").splitlines()[1:]
    return ask


def pushed(coordinator, files, name="demo/sample"):
    repo = coordinator.repository(name, coordinator.create_token())
    repo.commit(files)
    repo.push()
    return repo


def leader(serves, rows):
    """(the one that leads, the other)"""
    def found():
        names = rows("SELECT i.name FROM leader l JOIN instances i ON i.id = l.instance, clock c"
                     " WHERE l.until > c.us")
        return [one for one in serves if one.program.alive()
                and names and names[0].endswith(f":{one.program.process.pid}")]
    one = driver.wait_for(found, what="a leader")[0]
    return one, next(other for other in serves if other is not one)


def kill(coordinator):
    coordinator.program.signal(signal.SIGKILL)
    coordinator.program.wait()


def register(coordinator, name="r1", capacity=1):
    return coordinator.register_runner(name, labels="linux", capacity=capacity)["token"]


class Held:
    """A heartbeat that waits at a coordinator."""

    def __init__(self, coordinator, token, wait=25, key=None):
        self.answer = self.at = None
        headers = {"Prefer": f"wait={wait}", **({"Idempotency-Key": key} if key else {})}
        self.thread = threading.Thread(target=self.wait, args=(coordinator, token, headers))
        self.thread.start()

    def wait(self, coordinator, token, headers):
        self.answer = byhand.heartbeat(coordinator, token, headers)
        self.at = time.monotonic()

    def result(self):
        self.thread.join(40)
        assert self.answer, "the heartbeat was not answered"
        return self.answer


def is_held(rows):
    return bool(rows("SELECT 1 FROM runners WHERE last_heartbeat_at IS NOT NULL"))


def test_a_job_pushed_through_one_goes_to_a_heartbeat_at_the_other(serves, rows):
    first, second = serves
    token = register(first)
    for n in range(3):  # none of them by the look that comes every five seconds
        held = Held(first, token)
        driver.wait_for(lambda: is_held(rows), what="the heartbeat")
        began = time.monotonic()
        pushed(second, {".shithub/workflows/ci.yml": workflow(1)}, f"demo/r{n}")
        answer = held.result()
        made = int(rows("SELECT max(created_at) FROM workflow_jobs")[0])
        claimed = int(rows("SELECT max(claimed_at) FROM workflow_jobs")[0])
        assert answer.status == 200, (answer.status, time.monotonic() - began)
        assert claimed - made < AT_ONCE * 1e6, claimed - made
        byhand.Claimed(second, answer.json()).end()
        rows("UPDATE runners SET last_heartbeat_at = NULL")


def test_a_runner_that_stops_is_answered_wherever_it_is_held(serves, rows):
    first, second = serves
    token = register(first)
    held = Held(first, token)
    driver.wait_for(lambda: is_held(rows), what="the heartbeat")
    began = time.monotonic()
    assert second.request("POST", "/api/v1/runners/heartbeat/release", {}, token).status == 204
    assert held.result().status == 204
    assert held.at - began < AT_ONCE * 4


def test_a_verb_beside_one_wakes_the_other(serves, rows):
    first, second = serves
    pushed(first, {".shithub/workflows/ci.yml": workflow(1, on="workflow_dispatch")})
    token = register(first)
    held = Held(first, token)
    driver.wait_for(lambda: is_held(rows), what="the heartbeat")
    second.admin("run", "dispatch", "--repo", "demo/sample", "--workflow", "ci.yml")
    assert held.result().status == 200
    waited = rows("SELECT claimed_at - created_at FROM workflow_jobs")
    assert int(waited[0]) < AT_ONCE * 1e6, waited


def unread_claim(coordinator, token):
    """A socket that a claim is sent to which does not fit into it."""
    host, port = coordinator.base.removeprefix("http://").split(":")
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    peer.connect((host, int(port)))
    peer.sendall(f"POST /api/v1/runners/heartbeat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                 "Content-Length: 2\r\n\r\n{}".encode())
    return peer


def test_a_claim_whose_answer_died_with_its_serve_comes_back(serves, rows):
    first, second = serves
    pushed(first, {".shithub/workflows/ci.yml": workflow(1)})
    for n in range(120):  # an answer of some megabytes
        second.admin("variable", "set", "--repo", "demo/sample", "--name", f"BIG{n}", stdin=b"x" * 40000)
    token = register(first)
    peer = unread_claim(first, token)
    driver.wait_for(lambda: rows("SELECT 1 FROM workflow_jobs WHERE claim_jti IS NOT NULL"),
                    what="a claim on its way")
    assert byhand.heartbeat(second, token).status == 204
    kill(first)
    driver.wait_for(lambda: rows("SELECT status FROM workflow_jobs") == ["queued"], LEASE * 10,
                    "the claim to come back")
    peer.close()
    claimed = byhand.claim(second, token)
    assert byhand.heartbeat(second, token).status == 204
    claimed.end()
    assert rows("SELECT conclusion FROM workflow_jobs") == ["success"]
    first.start()


def test_a_repeated_heartbeat_at_the_other_gets_the_job_once(serves, rows):
    first, second = serves
    token = register(first)
    held = Held(first, token, key="one")
    driver.wait_for(lambda: is_held(rows), what="the heartbeat")
    again = Held(second, token, key="one")
    driver.wait_for(lambda: rows("SELECT 1 FROM runners r JOIN instances i ON i.id = r.heartbeat_instance"
                                 f" WHERE i.name LIKE '%:{second.program.process.pid}'"),
                    what="the repeated heartbeat")
    pushed(first, {".shithub/workflows/ci.yml": workflow(1)})
    answer = again.result()
    assert answer.status == 200  # the one who was asked last
    byhand.Claimed(first, answer.json()).end()
    first.request("POST", "/api/v1/runners/heartbeat/release", {}, token)
    assert held.result().status == 204


def test_a_claim_made_at_one_is_found_by_the_repeat_at_the_other(serves, rows):
    first, second = serves
    pushed(first, {".shithub/workflows/ci.yml": workflow(1)})
    token = register(first)
    key = {"Idempotency-Key": "one"}
    lost = byhand.heartbeat(first, token, key)
    assert lost.status == 200
    got = byhand.heartbeat(second, token, key)
    assert got.status == 200 and got.json()["job"]["id"] == lost.json()["job"]["id"]
    assert byhand.Claimed(first, lost.json()).call("status", {"status": "running"}).status == 401
    byhand.Claimed(first, got.json()).end()
    assert rows("SELECT conclusion FROM workflow_jobs") == ["success"]


class WriteLock:
    """Held by a session of its own: whoever is to change a row waits."""

    def __init__(self, user):
        self.key = psql(f"SELECT hashtextextended('shithubd {user.name}', 0)")
        self.session = subprocess.Popen(["psql", SERVER, "-XAt"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        self.session.stdin.write(f"SELECT 'held' FROM pg_advisory_lock({self.key});\n")
        self.session.stdin.flush()
        assert self.session.stdout.readline() == "held\n"
        return self

    def __exit__(self, *_):
        self.session.stdin.close()
        self.session.wait(30)

    def waiting(self):
        return int(psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                        f" AND (classid::bigint << 32 | objid::bigint) = {self.key}"))


def test_the_same_call_at_both_is_answered_alike(serves, user):
    """A runner repeats a call elsewhere while the first is still at it."""
    pushed(serves[0], {".shithub/workflows/ci.yml": workflow(1)})
    claimed = byhand.claim(serves[0], register(serves[0]))
    path, key = f"/api/v1/jobs/{claimed.id}/status", {"Idempotency-Key": "once"}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        with WriteLock(user) as lock:
            calls = [pool.submit(at.request, "POST", path, {"status": "running"}, claimed.token, key)
                     for at in serves]
            driver.wait_for(lambda: lock.waiting() >= 2, what="both to wait for the lock")
        answers = [call.result() for call in calls]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body


def test_the_runs_of_a_push_are_made_by_another_serve(serves, rows, folder, monkeypatch):
    first, second = serves
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "post-receive").write_text("#!/bin/sh\n: >reached\nsleep 60\n")  # the ref has moved
    (hooks / "post-receive").chmod(0o755)
    first.stop()
    monkeypatch.setenv("SHITHUBD_GIT__HOOKS_PATH", str(hooks))
    first.start()
    repo = first.repository("demo/sample", first.create_token())
    repo.commit({".shithub/workflows/ci.yml": workflow(1)})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        push = pool.submit(repo.push)
        driver.wait_for(lambda: list((folder / "shared" / "repos").rglob("reached")), what="the hook")
        assert rows("SELECT count(*) FROM push_journal WHERE instance IS NOT NULL") == ["1"]
        kill(first)
        driver.wait_for(lambda: second.runs(), LEASE * 10, "the run")
        assert push.exception()
    assert len(second.runs()) == 1 and rows("SELECT count(*) FROM push_journal WHERE filed_at IS NULL") == ["0"]
    monkeypatch.delenv("SHITHUBD_GIT__HOOKS_PATH")
    first.start()
    assert len(first.runs()) == 1


def test_schedules_and_lost_jobs_go_on_without_the_leader(serves, rows):
    one, other = leader(serves, rows)
    pushed(one, {".shithub/workflows/ci.yml": workflow(1),
                 ".shithub/workflows/cron.yml": workflow(1, "other", "{schedule: [{cron: '* * * * *'}]}")})
    token = register(one)
    assert byhand.heartbeat(one, token).status == 200
    kill(one)
    rows("UPDATE workflow_jobs SET claimed_at = claimed_at - 3600000000 WHERE status = 'running'")
    rows("UPDATE runners SET last_heartbeat_at = last_heartbeat_at - 3600000000")
    rows("UPDATE schedules SET next_at = next_at - 60000000")
    driver.wait_for(lambda: rows("SELECT 1 FROM workflow_jobs WHERE retries = 1"), 60, "the lost job")
    driver.wait_for(lambda: rows("SELECT 1 FROM workflow_runs WHERE event = 'schedule'"), 60, "the run")
    assert leader(serves, rows)[0] is other
    one.start()


class Receiver:
    """Takes webhooks, and keeps the number of each delivery."""

    def __init__(self):
        self.numbers = collections.Counter()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                self.rfile.read(int(self.headers["Content-Length"]))
                receiver.numbers[self.headers["X-Shithub-Delivery"]] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_each_webhook_comes_once(serves, rows):
    first, second = serves
    with Receiver() as receiver:
        first.admin("webhook", "set", "--to", receiver.url, "--site", "--events", "workflow_run,workflow_job",
                    stdin=b"secret-of-the-hook\n")
        pushed(first, {".shithub/workflows/ci.yml": workflow(20)})
        pushed(second, {".shithub/workflows/ci.yml": workflow(20)}, "demo/other")
        token = register(first, capacity=40)
        for n in range(40):
            at = serves[n % 2]
            byhand.Claimed(serves[(n + 1) % 2], byhand.heartbeat(at, token).json()).end()
        # a graceful end of the leader, in the middle: it waits for nothing, and the other goes on
        one, _ = leader(serves, rows)
        one.stop()
        driver.wait_for(lambda: rows("SELECT count(*) FROM webhook_deliveries WHERE done_at IS NULL") == ["0"],
                        60, "all deliveries")
        sent = int(rows("SELECT count(*) FROM webhook_deliveries WHERE outcome = 'delivered'")[0])
        one.start()
    assert sent == len(receiver.numbers) > 80, sent
    assert set(receiver.numbers.values()) <= {1, 2}
    assert sum(count - 1 for count in receiver.numbers.values()) <= 1, receiver.numbers


def test_one_that_is_stopped_for_longer_than_its_lease(serves, rows):
    one, other = leader(serves, rows)
    token = register(one)
    held = Held(one, token)
    driver.wait_for(lambda: is_held(rows), what="the heartbeat")
    before = rows("SELECT id FROM instances")
    one.program.signal(signal.SIGSTOP)
    try:
        driver.wait_for(lambda: rows("SELECT 1 FROM leader l JOIN instances i ON i.id = l.instance"
                                     f" WHERE i.name LIKE '%:{other.program.process.pid}'"), LEASE * 5,
                        "another leader")
        pushed(other, {".shithub/workflows/ci.yml": workflow(1)})
        driver.wait_for(lambda: len(rows("SELECT id FROM live_instances")) == 1, LEASE * 5, "its lease to end")
    finally:
        one.program.signal(signal.SIGCONT)
    driver.wait_for(lambda: len(rows("SELECT id FROM live_instances")) == 2, LEASE * 5, "it to come back")
    assert "lease_was_over" in one.program.log()
    assert len(rows("SELECT id FROM instances")) > len(before)
    # nothing in its old name: 503 when it tried to claim before it knew that its lease was over
    assert held.result().status in (204, 503)
    answer = byhand.heartbeat(one, token)  # the runner asks again, and gets the job from the one that slept
    assert answer.status == 200, answer.status
    byhand.Claimed(other, answer.json()).end()
    assert rows("SELECT conclusion FROM workflow_jobs") == ["success"]


class Loop:
    """A runner that takes jobs from whichever coordinator answers, until there are none left."""

    def __init__(self, serves, token, seen, lock, done):
        self.serves, self.token, self.seen, self.lock, self.done = serves, token, seen, lock, done
        self.turn = 0

    def ask(self, call):
        """Of one after the other, as behind a proxy: a call that was not answered is repeated."""
        while not self.done.is_set():
            self.turn += 1
            try:
                answer = call(self.serves[self.turn % len(self.serves)])
            except OSError:
                continue
            if answer.status != 503:
                return answer
        return None

    def work(self):
        number = 0
        while not self.done.is_set():
            number += 1
            key = {"Prefer": "wait=2", "Idempotency-Key": f"{self.token[:20]}-{number}"}
            answer = self.ask(lambda at, key=key: at.request(
                "POST", "/api/v1/runners/heartbeat", {"active_job_ids": []}, self.token, key, timeout=10))
            if answer and answer.status == 200:
                self.run(answer.json())

    def run(self, claim):
        job, token = claim["job"]["id"], claim["token"]
        for number, status in enumerate(("running", "completed")):
            body = {"status": status, **({"conclusion": "success"} if status == "completed" else {})}
            key = {"Idempotency-Key": f"{job}-{number}-{token[-12:]}"}
            answer = self.ask(lambda at, body=body, token=token, key=key: at.request(
                "POST", f"/api/v1/jobs/{job}/status", body, token, key, timeout=10))
            if not answer:
                return
            with self.lock:
                self.seen.append((job, status, answer.status))
            if answer.status != 200:
                return
            token = answer.json().get("next_token")


@pytest.mark.timeout(400)
def test_jobs_are_done_once_while_serves_are_killed(serves, rows):
    jobs, runners, seen, lock, done = 200, 20, [], threading.Lock(), threading.Event()
    tokens = [register(serves[0], f"r{n}") for n in range(runners)]
    repo = pushed(serves[0], {".shithub/workflows/a.yml": workflow(100), ".shithub/workflows/b.yml": workflow(100)})
    assert repo and rows("SELECT count(*) FROM workflow_jobs") == [str(jobs)]
    began, kills = time.monotonic(), 0

    def ended():
        with lock:
            return collections.Counter(job for job, status, code in seen
                                       if status == "completed" and code == 200)

    with concurrent.futures.ThreadPoolExecutor(runners) as pool:
        loops = [pool.submit(Loop(serves, token, seen, lock, done).work) for token in tokens]
        try:
            while len(ended()) < jobs:
                one = serves[kills % 2]
                enough = len(seen) + 25
                kill(one)
                kills += 1
                one.start(one.base.removeprefix("http://"))
                driver.wait_for(lambda: len(seen) >= enough or len(ended()) == jobs, 60, "jobs that end")
        finally:
            done.set()
    for loop in loops:
        loop.result()
    assert rows("SELECT DISTINCT conclusion FROM workflow_jobs") == ["success"]
    assert not rows("SELECT id FROM workflow_jobs WHERE retries > 0")
    assert set(ended().values()) == {1}, ended()
    lost = [(job, status, code) for job, status, code in seen if code not in (200, 401, 404)]
    assert not lost, lost
    figure(f"{jobs} jobs by {runners} runners, {kills} kills, {time.monotonic() - began:.1f} s:"
          f" {json.dumps(collections.Counter(code for _, _, code in seen))}")
