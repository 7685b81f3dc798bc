"""Backup while the coordinator works, restore, and what both refuse."""
import concurrent.futures
import fcntl
import hashlib
import json
import os
import sqlite3
import stat
import threading

import byhand
import driver
import pytest


def manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def backup(coordinator, folder, *words, check=True):
    return driver.run([coordinator.binary, "backup", folder, "--data", coordinator.data,
                       "--output", "json", *words], check=check)


def restore(coordinator, folder, data, *words, check=True, env=None):
    return driver.run([coordinator.binary, "restore", folder, "--data", data, "--output", "json",
                       *words], check=check, env=env)


@pytest.fixture
def restored(coordinators):
    """restored(folder): a coordinator that serves what was restored there."""
    def make(data):
        made = coordinators()
        made.data = data
        return made.start()
    return make


class Worker(threading.Thread):
    """Plays a runner: takes jobs, writes logs, uploads artifacts, ends every second one."""

    def __init__(self, coordinator, name):
        super().__init__(daemon=True)
        self.coordinator = coordinator
        self.token = coordinator.register_runner(name, capacity=64)["token"]
        self.done, self.stop, self.failure = {}, threading.Event(), None

    def run(self):
        try:
            while not self.stop.is_set():
                answer = byhand.heartbeat(self.coordinator, self.token, {"Prefer": "wait=1"})
                if answer.status == 429:
                    self.stop.wait(0.2)  # one heartbeat a second is what the service allows
                elif answer.status == 200:
                    self.work(byhand.Claimed(self.coordinator, answer.json()))
        except Exception as error:  # handed to the test
            self.failure = error

    def work(self, job):
        job.must("status", {"status": "running"})
        log = f"log of job {job.id}\n".encode() * 2000
        job.logs(log)
        content = os.urandom(200_000)
        place = job.must("artifacts/upload", {"name": f"a{job.id}", "size_bytes": len(content)})
        put = driver.request("PUT", place["upload_url"], content)
        assert put.status == 200
        if len(self.done) % 2 == 0:
            job.end()
        self.done[job.id] = (log, content)


def test_a_backup_under_load_restores_whole(folder, coordinator, restored):
    pat = coordinator.create_token()
    repo = coordinator.repository("demo/sample", pat)
    jobs = "".join(f"  j{n}:\n    runs-on: ubuntu-latest\n    steps:\n      - run: 'true'\n"
                   for n in range(20))
    text = f"name: CI\non:\n  push:\n    branches: [trunk]\njobs:\n{jobs}"
    workers = [Worker(coordinator, f"w{n}") for n in range(3)]
    for one in workers:
        one.start()
    commits = []

    def push():
        commits.append(repo.commit({".shithub/workflows/ci.yml": text, "n": str(len(commits))}))
        repo.push()

    push()
    driver.wait_for(lambda: sum(len(one.done) for one in workers) >= 6, 60, "some jobs")
    target = folder / "backup"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pushing = pool.submit(lambda: [push() for _ in range(3)])
        said = json.loads(backup(coordinator, target).stdout)
        pushing.result(120)
    for one in workers:
        one.stop.set()
    for one in workers:
        one.join(60)
        assert one.failure is None, one.failure
    assert said["objects_missing"] == 0 and said["linked"] > 0

    # the manifest is what is there, and nothing else is open to others
    entries = manifest(target)
    for entry in entries[1:-1]:
        path = target / entry["path"]
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0 or "objects/" in entry["path"], (entry, oct(mode))
        if "sha256" in entry:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"], entry
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert entries[-1]["files"] == said["files"] == sum("sha256" in one for one in entries)

    data = folder / "new"
    answer = json.loads(restore(coordinator, target, data).stdout)
    assert answer["ids_skipped"] >= 1_000_000
    other = restored(data)
    check_restored(other, workers, answer)
    url = f"http://x:{pat}@{other.base.removeprefix('http://')}/demo/sample.git"
    driver.run(["git", "clone", "-q", url, folder / "clone"],
               env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"})
    driver.run(["git", "fsck", "--full", "--strict"], cwd=data / "repos/demo/sample.git")
    heads = {run["head_sha"] for run in other.runs()}
    assert heads and heads <= set(commits)
    for head in heads:
        driver.run(["git", "cat-file", "-e", head], cwd=data / "repos/demo/sample.git")


def check_restored(other, workers, answer):
    """Each job of the restored store has all that its row says; none is left running."""
    store = sqlite3.connect(f"file:{other.data}/shithubd.db?mode=ro", uri=True)
    known = {job: done for one in workers for job, done in one.done.items()}
    rows = store.execute("SELECT id, status, conclusion FROM workflow_jobs").fetchall()
    assert all(status != "running" for _, status, _ in rows)
    lost = [job for job, status, conclusion in rows if conclusion == "failure"]
    assert len(lost) == answer["jobs_lost"] > 0
    for job in lost:
        assert b"Runner lost: the coordinator was restored from a backup" in other.step_log(job)
    whole = [job for job, status, conclusion in rows if conclusion == "success"]
    assert whole
    for job in whole:
        assert other.step_log(job) == known[job][0]
    named = store.execute("SELECT run_id, job_id, name, digest FROM artifacts"
                          " WHERE digest IS NOT NULL").fetchall()
    assert named
    for run, job, name, digest in named:
        content = (other.data / f"objects/actions/runs/{run}/artifacts/{name}").read_bytes()
        assert "sha256:" + hashlib.sha256(content).hexdigest() == digest
        assert content == known[job][1], name
    store.close()


def test_archived_logs_and_secrets_come_along(folder, coordinator, restored):
    coordinator.repository("demo/sample", coordinator.create_token())
    coordinator.admin("secret", "set", "--repo", "demo/sample", "--name", "KEY", stdin=b"value")
    target = folder / "b"
    backup(coordinator, target)
    assert (target / "root.key").read_bytes() == (coordinator.data / "root.key").read_bytes()
    data = folder / "new"
    restore(coordinator, target, data)
    for name in ("root.key", "shithubd.db", "key.id"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    listed = restored(data).admin_json("secret", "list", "--repo", "demo/sample")
    assert [one["name"] for one in listed] == ["KEY"]


def test_a_backup_that_cannot_be_noted_is_one(folder, coordinator):
    """The note for doctor is no part of it."""
    coordinator.repository("demo/sample", coordinator.create_token())
    (coordinator.data / "last-backup").mkdir()
    target = folder / "b"
    done = backup(coordinator, target)
    assert json.loads(done.stdout)["files"] and b"not_noted" in done.stderr
    restore(coordinator, target, folder / "new")


def test_the_key_may_be_kept_elsewhere(folder, coordinator):
    target = folder / "b"
    backup(coordinator, target, "--without-key")
    assert not (target / "root.key").exists()
    data = folder / "new"
    done = restore(coordinator, target, data, check=False)
    assert done.returncode == 3 and b"the root key is not in this backup" in done.stderr
    other = folder / "other.key"
    other.write_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
    other.chmod(0o600)
    done = restore(coordinator, target, data, "--root-key", other, check=False)
    assert done.returncode == 3 and b"made with another root key" in done.stderr
    assert not data.exists() and list(folder.glob("new*")) == []
    restore(coordinator, target, data, "--root-key", coordinator.data / "root.key")
    assert (data / "root.key").exists()


def test_what_is_refused(folder, coordinator):
    coordinator.repository("demo/sample", coordinator.create_token())
    target = folder / "b"
    backup(coordinator, target)
    done = backup(coordinator, target, check=False)
    assert done.returncode == 3 and b"is not empty: a backup overwrites nothing" in done.stderr
    data = folder / "new"
    data.mkdir()
    (data / "mine").touch()
    done = restore(coordinator, target, data, check=False)
    assert done.returncode == 3 and b"a restore overwrites nothing" in done.stderr
    (data / "mine").unlink()

    lines = (target / "manifest.jsonl").read_text().splitlines(keepends=True)

    def refused(change, code, words):
        change()
        done = restore(coordinator, target, data, check=False)
        assert done.returncode == code and words in done.stderr.decode(), done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert list(folder.glob("new.*")) == []
        (target / "manifest.jsonl").write_text("".join(lines))

    put = (target / "manifest.jsonl").write_text
    head = json.loads(lines[0])
    refused(lambda: put("".join(lines[:-1])), 2, "it ends before its last line")
    refused(lambda: put("".join(lines[:-2] + lines[-1:])), 2, "its last line says")
    refused(lambda: put(json.dumps({**head, "schema": 9999}) + "\n" + "".join(lines[1:])), 3,
            "schema 9999 is newer than this program's")
    refused(lambda: put(json.dumps({**head, "format": 2}) + "\n" + "".join(lines[1:])), 3,
            "format 2 of a backup")
    evil = json.dumps({"path": "../evil", "size": 1, "sha256": "0" * 64}) + "\n"
    refused(lambda: put("".join(lines[:-1]) + evil + lines[-1]), 2, "is no file of a backup")
    victim = target / "repos/demo/sample.git/HEAD"
    whole = victim.read_bytes()
    refused(lambda: victim.write_bytes(whole[:-1] + b"x"), 3, "this backup is damaged")
    victim.write_bytes(whole)
    (target / "manifest.jsonl").rename(target / "manifest.partial")
    done = restore(coordinator, target, data, check=False)
    assert done.returncode == 3 and b"this backup is not complete" in done.stderr
    (target / "manifest.partial").rename(target / "manifest.jsonl")
    restore(coordinator, target, data)


def test_a_backup_that_failed_is_none(folder, coordinator):
    stuck = coordinator.data / "objects/actions/stuck"
    stuck.parent.mkdir(parents=True, exist_ok=True)
    stuck.symlink_to("/dev/null")
    target = folder / "b"
    done = backup(coordinator, target, check=False)
    assert done.returncode == 3 and b"is neither file nor folder" in done.stderr
    assert (target / "manifest.partial").exists() and not (target / "manifest.jsonl").exists()
    done = restore(coordinator, target, folder / "new", check=False)
    assert done.returncode == 3 and b"this backup is not complete" in done.stderr


def test_migrate(build, folder, coordinator):
    argv = [build / "shithubd", "migrate", "--data", coordinator.data]
    assert b"nothing to do" in driver.run(argv).stdout
    coordinator.stop()
    db = coordinator.data / "shithubd.db"
    store = sqlite3.connect(db)
    newest = store.execute("PRAGMA user_version").fetchone()[0]
    store.close()
    db.unlink()
    sqlite3.connect(db).execute("PRAGMA journal_mode=WAL")  # older than the first step
    done = driver.run([*argv, "--dry-run", "--output", "json"])
    said = json.loads(done.stdout)
    assert len(said.pop("texts")) == newest
    assert said == {"from_schema": 0, "to_schema": newest, "steps": newest, "dry_run": True}
    assert b"take a backup first" in driver.run([*argv, "--dry-run"]).stdout
    assert f"schema 0 to {newest}, {newest} steps done" in driver.run(argv).stdout.decode()
    assert b"nothing to do" in driver.run(argv).stdout
    store = sqlite3.connect(db)
    store.execute("PRAGMA user_version = 9999")
    store.commit()
    store.close()
    for words in (argv, [build / "shithubd", "serve", "--data", coordinator.data, "--listen",
                         "127.0.0.1:0"]):
        done = driver.run(words, check=False)
        assert done.returncode == 3 and len(done.stderr.splitlines()) == 1
        assert b"schema 9999 is newer than this program's" in done.stderr


def series(coordinator, place, *words, check=True):
    return driver.run([coordinator.binary, "backup", "--in", place, "--data", coordinator.data,
                       "--output", "json", *words], check=check)


def names(place):
    return sorted(path.name for path in place.iterdir() if path.name != ".lock")


def test_a_series_keeps_the_newest(folder, coordinator):
    place = folder / "series"
    place.mkdir()
    made = []
    for removed in (0, 0, 1, 1):
        said = json.loads(series(coordinator, place, "--keep", "2").stdout)
        assert said["backups_removed"] == removed and said["files"] > 0
        made.append(names(place)[-1])
    assert len(set(made)) == 4 and names(place) == made[-2:]
    for name in names(place):
        restore(coordinator, place / name, folder / f"new-{name}")

    # what is no backup of the series stays, what was left undone goes
    others = ["2026-01-31", "2026-01-31T03-17-00.000Zx", "notes"]
    for name in others:
        (place / name).mkdir()
        (place / name / "manifest.partial").touch()
    undone = place / "2026-01-31T03-17-00.000Z"
    (undone / "repos").mkdir(parents=True)
    (undone / "manifest.partial").touch()
    outside = folder / "outside"
    outside.mkdir()
    (outside / "mine").touch()
    (undone / "link").symlink_to(outside)
    series(coordinator, place)
    assert set(names(place)) >= {*others, *made[-2:]} and not undone.exists()
    assert len(names(place)) == 3 + 3 and (outside / "mine").exists()

    # one that a wrong clock put into the future does not push the new one out
    (place / made[-1]).rename(place / "2999-01-01T00-00-00.000Z")
    said = json.loads(series(coordinator, place, "--keep", "1").stdout)
    assert said["backups_removed"] == 3
    (newest,) = set(names(place)) - set(others)
    assert newest > made[-1] and newest < "2999"


def test_a_series_deletes_nothing_while_an_object_is_missing(folder, coordinator):
    place = folder / "series"
    place.mkdir()
    series(coordinator, place, "--keep", "1")
    (first,) = names(place)
    with sqlite3.connect(coordinator.data / "shithubd.db") as store:
        store.execute("PRAGMA foreign_keys=OFF")
        store.execute("INSERT INTO artifacts (run_id, job_id, name, size_bytes, digest, created_at,"
                      " upload_until, expires_at) VALUES (1, 1, 'a', 1000, ?, 1, 1, ?)",
                      ("sha256:" + "0" * 64, 1 << 60))
    done = series(coordinator, place, "--keep", "1", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["objects_missing"] == 1
    assert first in names(place) and len(names(place)) == 2


def test_a_series_is_made_by_one_at_a_time(folder, coordinator):
    place = folder / "series"
    place.mkdir()
    with open(place / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = series(coordinator, place, check=False)
        assert done.returncode == 3 and b"held by another process" in done.stderr
    assert names(place) == []
    assert series(coordinator, folder / "none", check=False).returncode == 1
    for words in (["--keep", "2", folder / "b"], ["--in", place, folder / "b"], [],
                  ["--in", place, "--keep", "0"]):
        done = driver.run([coordinator.binary, "backup", "--data", coordinator.data, *words], check=False)
        assert done.returncode == 2, (words, done.stderr)
    assert names(place) == [] and not (folder / "b").exists()
