"""Backup and restore of a coordinator whose rows are in PostgreSQL."""
import json
import sqlite3
import threading

import byhand
import driver
import pytest
from database import User, psql

WORKFLOW = "name: CI\non: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}\n"


@pytest.fixture
def second():
    made = User()
    yield made
    made.end_connections()
    made.drop()


@pytest.fixture
def filled(coordinators, user):
    coordinator = coordinators("--store", user.address).start()
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    coordinator.admin("secret", "set", "--repo", "demo/sample", "--name", "WORD", stdin=b"sealed")
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    driver.wait_for(coordinator.runs, what="the run of the push")
    coordinator.runner_token = coordinator.register_runner("r1", labels="linux")["token"]
    return coordinator


def verb(coordinator, *words, check=True):
    done = driver.run([coordinator.binary, *words, "--output", "json"], check=check)
    return json.loads(done.stdout) if check else done


def serves(coordinators, data, *flags):
    made = coordinators(*flags)
    made.data = data
    return made.start()


class Writer(threading.Thread):
    """Changes rows of a table that is copied early and of one that is copied late, in one transaction."""

    def __init__(self, user):
        super().__init__(daemon=True)
        self.user, self.stop, self.times = user, threading.Event(), 0

    def run(self):
        while not self.stop.is_set():
            psql(f"SET search_path = {self.user.name}; UPDATE counters SET value = value + 1;"
                 " INSERT INTO audit_log (at, actor_kind, verb, target_kind, outcome)"
                 " VALUES (1, 'operator', 'x', 'y', 'z'); UPDATE workflow_steps SET log_lines = log_lines + 1")
            self.times += 1


@pytest.mark.parametrize("into", ["file", "database"])
def test_what_is_restored_goes_on(filled, coordinators, folder, user, second, into):
    writer = Writer(user)
    writer.start()
    driver.wait_for(lambda: writer.times, what="the first change")
    before = writer.times
    done = verb(filled, "backup", folder / "backup", "--data", filled.data)
    assert writer.is_alive() and writer.times > before, "nothing was written meanwhile"
    writer.stop.set()
    writer.join()
    assert done["objects_missing"] == 0
    names = {path.name for path in (folder / "backup").iterdir()}
    assert names == {"manifest.jsonl", "shithubd.db", "repos", "objects", "root.key", "key.id"}, names
    copy = sqlite3.connect(folder / "backup/shithubd.db")
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    changes, = copy.execute("SELECT count(*) FROM audit_log WHERE verb = 'x'").fetchone()
    assert copy.execute("SELECT max(log_lines) FROM workflow_steps").fetchone() == (changes,), "not one instant"
    copy.close()
    filled.stop()

    store = ["--store", second.address] if into == "database" else []
    verb(filled, "restore", folder / "backup", "--data", folder / "new", *store)
    assert (folder / "new/shithubd.db").exists() == (into == "file")
    assert not (folder / "new/serve.lock").exists()
    made = serves(coordinators, folder / "new", *store)
    assert [run["status"] for run in made.runs()] == ["queued"]
    assert [one["name"] for one in made.admin_json("secret", "list", "--repo", "demo/sample")] == ["WORD"]
    claimed = byhand.claim(made, filled.runner_token)
    assert claimed, "the job that waited is handed out"


def test_a_database_with_rows_is_not_overwritten(filled, folder, second):
    verb(filled, "backup", folder / "backup", "--data", filled.data)
    driver.run([filled.binary, "admin", "user", "add", "mona", "--data", folder / "other", "--store", second.address])
    done = verb(filled, "restore", folder / "backup", "--data", folder / "new", "--store", second.address, check=False)
    assert done.returncode == 3 and b"it has rows of its own" in done.stderr, done.stderr
    assert not (folder / "new").exists()
    assert psql(f"SELECT count(*) FROM {second.name}.workflow_runs") == "0"


def test_a_series_and_a_store_elsewhere(filled, folder, user):
    (folder / "all").mkdir()
    for _ in range(2):
        verb(filled, "backup", "--in", folder / "all", "--keep", "1", "--data", filled.data, "--store", user.address)
    assert len(list((folder / "all").glob("*/manifest.jsonl"))) == 1


def test_a_restore_into_another_place_is_refused(filled, folder):
    done = verb(filled, "restore", folder / "backup", "--data", folder / "new", "--store", f"sqlite:{folder}/x", check=False)
    assert done.returncode == 2 and b"--store: expected postgres://" in done.stderr
