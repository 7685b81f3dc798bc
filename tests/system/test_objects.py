"""Artifacts and archived logs in a bucket of an S3 store: a strict stand-in (bucket.py) that fails on
order, and Swift, a store of others."""
import contextlib
import hashlib
import itertools
import json
import os
import socket
import sqlite3
import threading
import time
import urllib.parse

import pytest

import byhand
import driver
import test_artifacts
from bucket import Bucket, Held, signature
from certificates import Authority
from conftest import newest_run, offline, once
from swift import Swift
from test_artifacts import LIST, TREE, download, job_text, script, upload

pytestmark = offline
two = test_artifacts.two  # a fixture
numbers = itertools.count(1)

WORKFLOW = "name: CI\non: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: 'true'\n"


def configured(coordinators, folder, store, ca=None, **options):
    """A coordinator that does not serve yet, with its objects in the store."""
    key, secret = store.credentials
    keys = folder / "bucket.keys"
    keys.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key={secret}\n")
    keys.chmod(0o600)
    config = folder / "coordinator.toml"
    config.write_text(f"[server]\nobjects = \"{store.where(**options)}\"\n[objects]\n"
                      f"credentials_file = \"{keys}\"\n" + (f"ca_file = \"{ca}\"\n" if ca else ""))
    return coordinators("--config", config)


@pytest.fixture
def bucket():
    made = Bucket()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def swift_alone(tmp_path_factory):
    made = Swift(tmp_path_factory.mktemp("swift"))
    yield made
    made.stop()


@pytest.fixture
def swift(swift_alone):
    swift_alone.make_bucket(f"artifacts-{next(numbers)}")
    return swift_alone


@pytest.fixture
def store(request):
    return request.getfixturevalue(request.param)


both = pytest.mark.parametrize("store", [
    "bucket", pytest.param("swift", marks=pytest.mark.xdist_group("swift"))], indirect=True)
stand_in = pytest.mark.parametrize("store", ["bucket"], indirect=True)


@pytest.fixture
def coordinator(coordinators, folder, store):
    return configured(coordinators, folder, store).start()


def claimed(coordinator, repository, name="demo/sample"):
    repo = repository(name)
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    token = coordinator.register_runner(name.replace("/", "-"))["token"]
    job = byhand.claim(coordinator, token)
    job.must("status", {"status": "running"})
    return job


def rows(coordinator, question, *values):
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=20)) as db:
        found = db.execute(question, values).fetchall()
        db.commit()
        return found


def sent(job, coordinator, name, content):
    """By a runner that knows nothing of buckets."""
    place = job.must("artifacts/upload", {"name": name, "size_bytes": len(content)})
    assert place["upload_url"].startswith(coordinator.base)
    assert "upload_headers" not in place and "complete" not in place
    return driver.request("PUT", place["upload_url"], content), place


def reserve(job, name, content, digest=None):
    """By one that does; the answer."""
    digest = digest or "sha256:" + hashlib.sha256(content).hexdigest()
    answer = job.coordinator.request(
        "POST", f"/api/v1/jobs/{job.id}/artifacts/upload",
        {"name": name, "size_bytes": len(content)}, job.token, {"Shithub-Artifact-Digest": digest})
    assert answer.status == 201, answer.body
    job.token = answer.json()["next_token"]
    return answer.json(), digest


def put(place, content):
    return driver.request("PUT", place["upload_url"], content, None,
                          dict(line.split(": ") for line in place["upload_headers"]))


def cleaned(coordinator, *words, check=True):
    return driver.run([coordinator.binary, "admin", "run-job", "workflow:cleanup", "--data",
                       coordinator.data, *words], check=check)


def ended_with_log(job, log):
    for at in range(0, len(log), 400_000):
        job.logs(log[at:at + 400_000])
    job.end_step()
    job.end()


def archived(coordinator, repository):
    """A job whose log is in the store."""
    job = claimed(coordinator, repository)
    ended_with_log(job, b"hello\n")
    cleaned(coordinator, "--keep-chunks-days", "0")
    return job


# ---- the stand-in itself ----

def test_the_stand_in_signs_as_aws_publishes():
    query = [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Date", "20130524T000000Z"),
             ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"),
             ("X-Amz-Expires", "86400"), ("X-Amz-SignedHeaders", "host")]
    scope, secret = "20130524/us-east-1/s3/aws4_request", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    host = ("host", "examplebucket.s3.amazonaws.com")
    assert signature("GET", "/test.txt", query, [host], "UNSIGNED-PAYLOAD", "20130524T000000Z", scope,
                     secret) == "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    empty = hashlib.sha256(b"").hexdigest()
    headers = [host, ("range", "bytes=0-9"), ("x-amz-content-sha256", empty),
               ("x-amz-date", "20130524T000000Z")]
    assert signature("GET", "/test.txt", [], headers, empty, "20130524T000000Z", scope,
                     secret) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


# ---- artifacts ----

@both
@once
def test_artifacts_go_from_job_to_job(two, coordinator, store):
    jobs = two(script(TREE) + upload("out") + script(LIST.format("out")),
               download(name="box", path="got") + script(LIST.format("got")))
    a, b = jobs["a"], jobs["b"]
    assert (a.conclusion, b.conclusion) == ("success", "success"), a.text(1) + b.text(0)
    assert len(a.text(2).splitlines()) > 12 and a.text(2) == b.text(1)
    (name, digest, number, run), = rows(coordinator, "SELECT name, digest, id, run_id FROM artifacts")
    key = f"ci/actions/runs/{run}/artifacts/{name}/{number}-{digest.removeprefix('sha256:')}"
    assert "sha256:" + hashlib.sha256(store.objects[key]).hexdigest() == digest
    assert not (coordinator.data / "objects").exists()
    log = coordinator.program.log()
    for secret in (store.credentials[1], "X-Amz-Signature"):
        assert secret not in log + a.text(1) + b.text(0)
    if isinstance(store, Bucket):
        assert [r for r in store.asked("PUT .*X-Amz-Signature")] and store.asked("GET .*X-Amz-Signature")


@both
def test_any_runner_may_send_to_us(coordinator, repository, store):
    job = claimed(coordinator, repository)
    content = os.urandom(300_000)
    answer, place = sent(job, coordinator, "box", content)
    assert answer.status == 200, answer.body
    before = dict(store.objects)
    again = driver.request("PUT", place["upload_url"], content)
    assert again.status == 200 and again.headers["Shithub-Digest"] == answer.headers["Shithub-Digest"]
    other = driver.request("PUT", place["upload_url"], bytes(len(content)))
    assert other.status == 409, "what is there is not written over"
    assert dict(store.objects) == before
    listed = job.must("artifacts/list", {})["artifacts"][0]
    assert driver.request("GET", listed["download_url"]).body == content
    assert listed["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()


@both
def test_an_artifact_is_there_when_the_store_has_it(coordinator, repository, store):
    job = claimed(coordinator, repository)
    content = os.urandom(100_000)
    place, digest = reserve(job, "box", content)
    end = {"artifact_id": place["artifact_id"], "digest": digest}
    missing = job.call("artifacts/complete", end)
    assert missing.status == 404, missing.body
    assert job.must("artifacts/list", {})["artifacts"] == []
    assert put(place, content).status == 200
    assert job.must("artifacts/list", {})["artifacts"] == []
    assert job.must("artifacts/complete", end)["artifact_id"] == place["artifact_id"]
    assert job.must("artifacts/complete", end)["artifact_id"] == place["artifact_id"]
    assert [a["name"] for a in job.must("artifacts/list", {})["artifacts"]] == ["box"]
    other = job.call("artifacts/complete", {**end, "digest": "sha256:" + "0" * 64})
    assert other.status == 409, other.body


@stand_in
def test_a_signed_url_is_good_for_its_bytes_alone(coordinator, repository, store):
    job = claimed(coordinator, repository)
    place, digest = reserve(job, "box", b"these")
    assert put(place, b"those").status == 400, "BadDigest"
    assert driver.request("PUT", place["upload_url"], b"those").status == 403, "the header is signed"
    other = dict(place, upload_url=place["upload_url"].replace("/box/", "/bax/"))
    assert put(other, b"these").status == 403
    assert put(place, b"these").status == 200
    for body, word in (({"artifact_id": place["artifact_id"]}, "digest"),
                       ({"artifact_id": place["artifact_id"], "digest": "md5:1"}, "sha256:"),
                       ({"artifact_id": place["artifact_id"], "digest": "sha256:" + "0" * 64},
                        "SHA-256")):
        answer = job.call("artifacts/complete", body)
        assert answer.status in (400, 404) and word in answer.body.decode(), answer.body
    job.must("artifacts/complete", {"artifact_id": place["artifact_id"], "digest": digest})


@stand_in
def test_nobody_else_can_complete_it(coordinator, repository, store):
    job = claimed(coordinator, repository)
    place, digest = reserve(job, "box", b"these")
    put(place, b"these")
    other = claimed(coordinator, repository, "demo/other")
    answer = other.call("artifacts/complete", {"artifact_id": place["artifact_id"], "digest": digest})
    assert answer.status == 404, answer.body


@stand_in
def test_an_old_url_writes_over_nothing(coordinator, repository, store):
    """The artifact is replaced, then the first upload ends at last: the second stays, and what the
    first left goes with the next cleanup."""
    job = claimed(coordinator, repository)
    late, _ = reserve(job, "box", b"first")
    place, digest = reserve(job, "box", b"second")
    assert put(place, b"second").status == 200
    job.must("artifacts/complete", {"artifact_id": place["artifact_id"], "digest": digest})
    assert put(late, b"first").status == 200
    listed, = job.must("artifacts/list", {})["artifacts"]
    assert driver.request("GET", listed["download_url"]).body == b"second"
    assert len(store.objects) == 2
    cleaned(coordinator)
    assert list(store.objects.values()) == [b"second"]


def left_at_once(url, method, content=b""):
    """Sends a request whole and does not wait for its answer."""
    parts = urllib.parse.urlsplit(url)
    gone = socket.create_connection((parts.hostname, parts.port))
    gone.sendall(f"{method} {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                 f"Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return gone


@stand_in
def test_bytes_that_came_whole_are_there_although_their_sender_left(coordinator, repository, store):
    job = claimed(coordinator, repository)
    content = os.urandom(100_000)
    place = job.must("artifacts/upload", {"name": "box", "size_bytes": len(content)})
    held = Held()
    with store.fault("PUT", held):
        gone = left_at_once(place["upload_url"], "PUT", content)
        held.must_come()
        gone.close()
        held.go.set()
    driver.wait_for(lambda: rows(coordinator, "SELECT digest FROM artifacts") != [(None,)], 20, "a digest")
    assert driver.request("PUT", place["upload_url"], content).status == 200
    assert len(store.asked("PUT")) == 1


@stand_in
def test_two_uploads_of_one_artifact_do_not_mix(coordinator, repository, store):
    """As two coordinators would send them: the first that its row names stays."""
    job = claimed(coordinator, repository)
    slow, fast = os.urandom(100_000), os.urandom(100_000)
    place = job.must("artifacts/upload", {"name": "box", "size_bytes": len(slow)})
    held, answers = Held(), []
    with store.fault("PUT", held):
        sender = threading.Thread(
            target=lambda: answers.append(driver.request("PUT", place["upload_url"], slow)))
        sender.start()
        held.must_come()
        assert driver.request("PUT", place["upload_url"], fast).status == 200
        held.go.set()
        sender.join(60)
    assert answers[0].status == 409, answers[0].body
    listed, = job.must("artifacts/list", {})["artifacts"]
    assert driver.request("GET", listed["download_url"]).body == fast
    cleaned(coordinator)
    assert list(store.objects.values()) == [fast]


@stand_in
def test_a_store_that_stalls_is_named_before_the_sender_gives_up(coordinator, repository, store):
    job, held = claimed(coordinator, repository), Held()
    with store.fault("PUT", held, 1 << 30):
        began = time.monotonic()
        answer, _ = sent(job, coordinator, "box", b"content")
        took = time.monotonic() - began
        held.go.set()
    assert answer.status == 503 and "object store does not answer" in answer.body.decode(), answer.body
    assert "objects upload_failed" in coordinator.program.log()
    assert took < 55, "runners wait for a minute"


# ---- logs ----

@stand_in
def test_readers_do_not_wait_for_uploads(coordinator, repository, store):
    job = archived(coordinator, repository)
    other, held = claimed(coordinator, repository, "demo/other"), Held()
    places = [other.must("artifacts/upload", {"name": f"box{n}", "size_bytes": 1}) for n in range(8)]
    token = coordinator.create_token("reader")
    with store.fault("PUT", held, 1 << 30):
        senders = [threading.Thread(target=driver.request, args=("PUT", p["upload_url"], b"x"))
                   for p in places]
        for sender in senders:
            sender.start()
        held.must_come(len(places))
        got = coordinator.request("GET", f"/api/v1/jobs/{job.id}/log", None, token)
        assert all(sender.is_alive() for sender in senders)
        held.go.set()
        for sender in senders:
            sender.join(60)
    assert got.status == 200 and got.body == b"hello\n"


@stand_in
def test_nothing_is_fetched_for_readers_who_left(coordinator, repository, store):
    job = archived(coordinator, repository)
    page = f"/demo/sample/runs/{job.run_id}/jobs/{job.id}/log"
    held = Held()
    with store.fault("GET .*[.]log", held, 1 << 30):
        gone = [left_at_once(coordinator.base + page, "GET") for _ in range(8)]
        held.must_come(4)
        for one in gone:
            one.close()
    began = time.monotonic()
    got = coordinator.request("GET", page)
    took = time.monotonic() - began
    held.go.set()
    assert got.status == 200 and got.body == b"hello\n"
    assert took < 15, "a request that stalls is given up after 20 s"


@stand_in
def test_more_than_the_row_says_is_not_fetched(coordinator, repository, store):
    job = archived(coordinator, repository)
    (key, content), = store.objects.items()
    store.objects[key] = content * 1000
    token = coordinator.create_token("reader")
    assert coordinator.request("GET", f"/api/v1/jobs/{job.id}/log", None, token).status == 500
    assert "its size is not that of its row" in coordinator.program.log()
    assert not [p for p in (coordinator.data / "object-cache").rglob("*") if p.is_file()]


@both
def test_archived_logs_are_the_same(coordinator, repository, store):
    job = claimed(coordinator, repository)
    log = b"".join(b"line %d of a log \xc3\xa4\n" % n for n in range(1_000_000))
    assert len(log) > 20 << 20  # more than one part
    ended_with_log(job, log)
    cleaned(coordinator, "--keep-chunks-days", "0")
    assert rows(coordinator, "SELECT count(*) FROM log_chunks") == [(0,)]
    assert list(store.objects.values()) == [log]
    token = coordinator.create_token("reader")
    for _ in range(2):  # fetched, and from the cache
        got = coordinator.request("GET", f"/api/v1/jobs/{job.id}/log", None, token)
        assert got.status == 200 and got.body == log
    assert coordinator.step_log(job.id) == log
    for page in (f"/demo/sample/runs/{job.run_id}/jobs/{job.id}/log",
                 f"/demo/sample/runs/{job.run_id}/jobs/{job.id}"):
        assert coordinator.request("GET", page).status == 200, page
    assert coordinator.request("GET", f"/demo/sample/runs/{job.run_id}/jobs/{job.id}/log").body == log


@stand_in
def test_a_log_that_is_gone_or_changed_is_told(coordinator, repository, store):
    job = archived(coordinator, repository)
    (key, content), = store.objects.items()
    token = coordinator.create_token("reader")
    path = f"/api/v1/jobs/{job.id}/log"
    del store.objects[key]
    assert coordinator.request("GET", path, None, token).status == 404
    store.objects[key] = b"jello\n"
    assert coordinator.request("GET", path, None, token).status == 500
    assert "its SHA-256 is not the stored one" in coordinator.program.log()


# ---- retention ----

@both
def test_objects_go_before_their_rows(coordinator, repository, store):
    job = claimed(coordinator, repository)
    answer, _ = sent(job, coordinator, "box", b"content")
    assert answer.status == 200 and len(store.objects) == 1
    with contextlib.ExitStack() as until:
        if isinstance(store, Bucket):
            refused = until.enter_context(store.fault("DELETE", (403, "AccessDenied"), 1 << 30))
            rows(coordinator, "UPDATE artifacts SET expires_at = 1")
            driver.wait_for(lambda: refused() < 1 << 30, 20, "a delete that is refused")
            driver.wait_for(lambda: "not_deleted" in coordinator.program.log(), 10, "a line")
            assert rows(coordinator, "SELECT count(*) FROM artifacts") == [(1,)]
        else:
            rows(coordinator, "UPDATE artifacts SET expires_at = 1")
    driver.wait_for(lambda: rows(coordinator, "SELECT count(*) FROM artifacts") == [(0,)], 30, "no row")
    assert not store.objects


@stand_in
@pytest.mark.parametrize("asked", ["GET .*list-type=2.*artifacts", "DELETE"])
def test_another_one_removes_the_same(coordinator, repository, store, asked):
    """As a second coordinator on the same rows would: what is gone counts as removed."""
    job = claimed(coordinator, repository)
    for name in ("one", "two"):
        assert sent(job, coordinator, name, b"content")[0].status == 200
    held = Held(late=True)
    with store.fault(asked, held):
        rows(coordinator, "UPDATE artifacts SET expires_at = 1")
        held.must_come()
        store.objects.clear()
        rows(coordinator, "DELETE FROM artifacts")
        held.go.set()
        assert sent(job, coordinator, "one", b"again")[0].status == 200
    cleaned(coordinator)
    listed, = job.must("artifacts/list", {})["artifacts"]
    assert driver.request("GET", listed["download_url"]).body == b"again"
    assert "deleted" not in coordinator.program.log()


@both
def test_a_run_goes_with_all_it_has(coordinator, repository, store):
    job = claimed(coordinator, repository)
    for n in range(5):  # more than one page of the stand-in's lists
        assert sent(job, coordinator, f"box{n}", b"content")[0].status == 200
    ended_with_log(job, b"hello\n")
    cleaned(coordinator, "--keep-chunks-days", "0")
    assert len(store.objects) == 6
    rows(coordinator, "UPDATE workflow_runs SET completed_at = 1, created_at = 1")
    cleaned(coordinator)
    assert not store.objects and not coordinator.runs()


@stand_in
def test_no_key_of_a_list_leads_elsewhere(coordinator, repository, store):
    """Whoever may write to the bucket names objects as they like: what is removed is neither a file of
    ours nor an object of others."""
    job = archived(coordinator, repository)
    token = coordinator.create_token("reader")  # brings the run's folder into the cache
    assert coordinator.request("GET", f"/api/v1/jobs/{job.id}/log", None, token).status == 200
    run = f"actions/runs/{job.run_id}"
    assert (coordinator.data / "object-cache" / run).is_dir()
    root_key = (coordinator.data / "root.key").read_bytes()
    kept = {f"ci/{run}/../../../../root.key": b"x", f"ci/{run}/./../x": b"x", f"ci/{run}//x": b"x",
            "ci/root.key": b"x", "root.key": b"x", "ci/actions/runs/x": b"x"}
    store.objects.update(kept)
    store.uploads["odd"] = {"key": f"ci/{run}/../../../x", "parts": {},
                            "began": "2020-01-02T03:04:05.000Z"}
    rows(coordinator, "UPDATE workflow_runs SET completed_at = 1, created_at = 1")
    done = cleaned(coordinator)
    assert (coordinator.data / "root.key").read_bytes() == root_key
    assert store.objects == kept and "odd" in store.uploads and not coordinator.runs()
    assert b"is no key of ours" in done.stderr


@stand_in
def test_parts_without_an_end_are_aborted(coordinator, repository, store):
    job = claimed(coordinator, repository)
    ended_with_log(job, os.urandom(20 << 20).replace(b"\n", b"x") + b"\n")
    with store.fault("PUT .*partNumber=2", (403, "AccessDenied")):
        failed = cleaned(coordinator, "--keep-chunks-days", "0", check=False)
    assert failed.returncode != 0 and b"AccessDenied" in failed.stderr
    assert not store.uploads and not store.objects
    store.uploads["old"] = {"key": "ci/actions/x", "parts": {}, "began": "2020-01-02T03:04:05.000Z"}
    store.uploads["young"] = {"key": "ci/actions/x", "parts": {}, "began": "2099-01-02T03:04:05.000Z"}
    store.uploads["foreign"] = {"key": "other/x", "parts": {}, "began": "2020-01-02T03:04:05.000Z"}
    store.uploads["beside"] = {"key": "ci/mine/x", "parts": {}, "began": "2020-01-02T03:04:05.000Z"}
    cleaned(coordinator, "--keep-chunks-days", "0")
    assert set(store.uploads) == {"young", "foreign", "beside"} and len(store.objects) == 1


# ---- bad days ----

@stand_in
@pytest.mark.parametrize("way_on, words", [
    (lambda token: None, "not how to ask"), (lambda token: "", "not how to ask"),
    (lambda token: "ci/", "leads back to itself")])
def test_a_list_without_an_end_is_refused(coordinator, repository, store, way_on, words):
    job = claimed(coordinator, repository)
    for n in range(5):  # more than one page
        assert sent(job, coordinator, f"box{n}", b"content")[0].status == 200
    store.way_on = way_on
    done = cleaned(coordinator, check=False)
    assert done.returncode != 0 and words in done.stderr.decode(), done.stderr
    assert len(store.objects) == 5


@stand_in
def test_what_a_store_does_on_bad_days(coordinator, repository, store):
    """503, half an upload, half an answer, bytes that changed: tried again, nothing is lost."""
    job = claimed(coordinator, repository)
    content = os.urandom(200_000)
    with store.fault("PUT ", (503, "SlowDown"), 2) as slow, store.fault("PUT ", "cut") as cut, \
            store.fault("PUT ", (400, "XAmzContentSHA256Mismatch")) as changed:
        assert sent(job, coordinator, "box", content)[0].status == 200
        assert (slow(), cut(), changed()) == (0, 0, 0)
    log = os.urandom(20 << 20)
    ended_with_log(job, log)
    with store.fault("PUT .*partNumber=2", "cut", 2) as cut, \
            store.fault("POST .*uploadId", "cut-answer") as lost:
        cleaned(coordinator, "--keep-chunks-days", "0")
        assert (cut(), lost()) == (0, 0)
    token = coordinator.create_token("reader")
    with store.fault("GET .*log", "cut-answer") as cut, \
            store.fault("GET .*log", (500, "InternalError")) as broken:
        got = coordinator.request("GET", f"/api/v1/jobs/{job.id}/log", None, token)
        assert got.status == 200 and got.body == log and (cut(), broken()) == (0, 0)


@stand_in
@once
def test_a_job_waits_for_a_store_that_is_away(repository, coordinator, joined, store):
    """A minute, scaled to the seconds that the old four tries did not last."""
    repo = repository()
    steps = script("echo bytes > f") + upload("f")
    repo.commit({".shithub/workflows/ci.yml":
                 "name: CI\non: push\njobs:\n" + job_text("a", steps)})
    repo.push()
    with store.away():
        program = joined(poll_interval="100ms").start()
        run = newest_run(coordinator)
        driver.wait_for(lambda: coordinator.show(run)["jobs"], 20, "a job")
        number = coordinator.show(run)["jobs"][0]["id"]
        driver.wait_for(lambda: b"; try 5 in" in coordinator.step_log(number), 60, "a fifth try")
        assert coordinator.request("GET", "/healthz").status == 200
        assert coordinator.request("GET", "/").status in (200, 303)
    ended = coordinator.ended(run)
    assert ended["conclusion"] == "success" and program.alive()
    assert rows(coordinator, "SELECT count(*) FROM artifacts WHERE digest IS NOT NULL") == [(1,)]
    assert len(store.objects) == 1


@stand_in
def test_calls_go_on_while_the_store_is_away(coordinator, repository, store):
    job = archived(coordinator, repository)
    token = coordinator.create_token("reader")
    got = []
    with store.away():
        reader = threading.Thread(target=lambda: got.append(
            coordinator.request("GET", f"/api/v1/jobs/{job.id}/log", None, token)))
        reader.start()
        other = claimed(coordinator, repository, "demo/other")
        other.logs(b"a line\n")
        assert other.must("artifacts/list", {})["artifacts"] == []
    reader.join(60)
    assert got[0].status == 200 and got[0].body == b"hello\n"


# ---- what is refused ----

def refused(coordinators, folder, store, **options):
    made = configured(coordinators, folder, store, **options)
    with pytest.raises(driver.CommandFailed) as why:
        made.start()
    made.program = None
    line = str(why.value).strip().splitlines()[-1]
    assert store.credentials[1] not in str(why.value)
    return line


def test_what_serve_refuses_at_its_start(coordinators, folder, bucket):
    bucket.name, other = "elsewhere", bucket.where
    bucket.where = lambda **options: other(**options).replace("elsewhere", "artifacts")
    line = refused(coordinators, folder, bucket)
    assert "there is no bucket \"artifacts\"" in line and "make it" in line
    bucket.name, bucket.where = "artifacts", other
    bucket.powerless.add("AKIDCI")
    assert "AccessDenied" in refused(coordinators, folder, bucket)
    bucket.powerless.clear()
    bucket.ahead = 3600
    line = refused(coordinators, folder, bucket)
    assert "RequestTimeTooSkewed" in line and "clock says" in line and "GMT" in line
    bucket.ahead = 0
    line = refused(coordinators, folder, bucket, region="us-east-1")
    assert "region us-east-1" in line and "but in eu-test-1" in line
    bucket.keys = {"AKIDCI": "right"}
    good, bucket_type = bucket.credentials, type("Wrong", (), {})
    bucket_type.credentials, bucket_type.where = (good[0], "wrong"), staticmethod(bucket.where)
    assert "SignatureDoesNotMatch" in refused(coordinators, folder, bucket_type)
    bucket_type.credentials = ("AKIDUNKNOWN", "wrong")
    assert "does not know the access key ID" in refused(coordinators, folder, bucket_type)
    with bucket.fault("GET", (301, "PermanentRedirect", "<Endpoint>there.example</Endpoint>")):
        assert "there.example" in refused(coordinators, folder, bucket)


def test_a_store_that_is_away_is_waited_for(coordinators, folder, bucket):
    with bucket.away():
        made = configured(coordinators, folder, bucket).start()
        assert "objects_away" in made.program.log() and "does not answer" in made.program.log()
    assert made.request("GET", "/healthz").status == 200


def test_a_store_that_stalls_is_not_waited_for_at_the_start(coordinators, folder, bucket):
    held = Held()
    with bucket.fault("GET", held):
        began = time.monotonic()
        made = configured(coordinators, folder, bucket).start()
        took = time.monotonic() - began
        held.go.set()
    assert "objects_away" in made.program.log() and took < 15, took


def test_one_coordinator_uses_a_folder_of_objects(coordinators, folder):
    """With its rows in a file: two would remove what is the other's."""
    first = coordinators("--objects", folder / "shared").start()
    second = coordinators("--objects", folder / "shared")
    with pytest.raises(driver.CommandFailed) as why:
        second.start()
    second.program = None
    assert "objects: a folder for this serve alone" in str(why.value)
    first.stop()
    second.start()


BAD_PLACES = [
    ("s3://", "bucket \"\": expected 3 to 63"), ("s3://ab", "bucket \"ab\": expected 3 to 63"),
    ("s3://bucket?endpoint=ftp://x", "endpoint \"ftp://x\": expected http://"),
    ("s3://bucket?key=secret", "\"key=secret\" in it, expected endpoint="),
    ("relative/folder", "relative path"),
]


@pytest.mark.parametrize("place, words", BAD_PLACES)
def test_bad_places_are_refused(build, folder, place, words):
    done = driver.run([build / "shithubd", "serve", "--data", folder / "data", "--objects", place],
                      check=False)
    assert done.returncode == 2 and words in done.stderr.decode(), done.stderr
    assert len(done.stderr.decode().strip().splitlines()) == 1


def test_keys_that_are_missing_or_open_to_all(build, folder, bucket):
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    words = [build / "shithubd", "serve", "--data", folder / "data", "--objects", bucket.where()]
    done = driver.run(words, check=False, env=env)
    assert done.returncode and b"objects.credentials_file" in done.stderr
    keys = folder / "keys"
    keys.write_text("aws_access_key_id = A\naws_secret_access_key = B\n")
    keys.chmod(0o644)
    env["SHITHUBD_OBJECTS__CREDENTIALS_FILE"] = str(keys)
    done = driver.run(words, check=False, env=env)
    assert done.returncode and str(keys).encode() in done.stderr


def test_over_tls_and_with_keys_of_the_environment(coordinators, folder, monkeypatch):
    authority = Authority(folder / "ca")
    bucket = Bucket(tls=authority.issue("bucket"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.credentials[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.credentials[1])
    config = folder / "tls.toml"
    config.write_text(f"[server]\nobjects = \"{bucket.where()}\"\n")
    made = coordinators("--config", config).start()
    assert "objects.ca_file" in made.program.log(), "it does not know the authority"
    made.stop()
    config.write_text(config.read_text() + f"[objects]\nca_file = \"{authority.file}\"\n")
    made.start()
    log = made.program.log()
    assert log.count("objects_away") == 1, log
    bucket.stop()


# ---- doctor, backup ----

def doctor(coordinator, folder, *words):
    done = driver.run([coordinator.binary, "doctor", "--config", folder / "coordinator.toml", "--data",
                       coordinator.data, "--output", "json", *words], check=False)
    return {row["name"]: row for row in json.loads(done.stdout)["checks"]}


@stand_in
def test_doctor_asks_the_store(coordinator, folder, repository, store):
    job = claimed(coordinator, repository)
    assert sent(job, coordinator, "box", b"content")[0].status == 200
    row = doctor(coordinator, folder)["objects"]
    assert row["verdict"] == "pass" and "1 objects" in json.dumps(row), row
    (key, content), = store.objects.items()
    store.objects[key + "0"] = b"stray"
    assert "no row names" in json.dumps(doctor(coordinator, folder)["objects"])
    store.objects.pop(key + "0")
    store.objects[key] = b"other"
    assert doctor(coordinator, folder)["objects"]["verdict"] == "fail"
    store.powerless.add("AKIDCI")
    assert "AccessDenied" in json.dumps(doctor(coordinator, folder)["object store"])


@stand_in
def test_doctor_offline_asks_no_store(coordinator, folder, repository, store):
    job = claimed(coordinator, repository)
    assert sent(job, coordinator, "box", b"content")[0].status == 200
    asked = len(store.requests)
    found = doctor(coordinator, folder, "--offline", "--verify-objects")
    assert {found[name]["verdict"] for name in ("objects", "object store")} == {"skip"}, found
    assert len(store.requests) == asked


@stand_in
def test_doctor_leaves_no_file_of_what_it_reads(coordinator, folder, repository, store):
    """It may be root, whose files serve could not read or remove."""
    job = claimed(coordinator, repository)
    assert sent(job, coordinator, "box", b"content")[0].status == 200
    before = set(coordinator.data.rglob("*"))
    row = doctor(coordinator, folder, "--verify-objects")["objects"]
    assert row["verdict"] == "pass" and "all of them read" in json.dumps(row)
    assert set(coordinator.data.rglob("*")) == before


@stand_in
def test_doctor_looks_while_objects_come_and_go(coordinator, folder, repository, store):
    job = claimed(coordinator, repository)
    for name in ("goes", "stays"):
        assert sent(job, coordinator, name, b"content")[0].status == 200
    held, found = Held(late=True), []
    with store.fault("GET .*list-type=2&prefix=", held):
        looking = threading.Thread(target=lambda: found.append(doctor(coordinator, folder)["objects"]))
        looking.start()
        held.must_come()  # the list was made, the rows were not read
        assert sent(job, coordinator, "comes", b"content")[0].status == 200
        key, = (k for k in store.objects if "/goes/" in k)
        del store.objects[key]
        rows(coordinator, "DELETE FROM artifacts WHERE name = 'goes'")
        reserved = job.must("artifacts/upload", {"name": "on-its-way", "size_bytes": 1})
        store.objects[f"ci/actions/runs/{job.run_id}/artifacts/on-its-way/"
                      f"{reserved['artifact_id']}-{'0' * 64}"] = b"x"
        held.go.set()
        looking.join(60)
    assert found[0]["verdict"] == "pass", found


@stand_in
def test_a_backup_leaves_the_bucket_alone(coordinator, folder, repository, store):
    job = claimed(coordinator, repository)
    assert sent(job, coordinator, "box", b"content")[0].status == 200
    asked = len(store.requests)
    (folder / "bucket.keys").unlink()  # it needs none
    done = json.loads(driver.run([coordinator.binary, "backup", folder / "kept", "--data",
                                  coordinator.data, "--output", "json"]).stdout)
    assert done["files"] and len(store.requests) == asked
    assert not (folder / "kept/objects").exists() and not (folder / "kept/object-cache").exists()
