"""The coordinator's rows in PostgreSQL, a user and a schema of its own for each test."""
import base64
import json
import os
import subprocess

import driver
import pytest
from database import psql


@pytest.fixture
def coordinator(user, coordinators):
    return coordinators("--store", user.address).start()


def test_a_push_becomes_a_success(coordinator, user, job):
    done = job("- run: echo hello from the step\n- run: echo line >> $GITHUB_STEP_SUMMARY")
    assert done.conclusion == "success"
    assert "hello from the step" in done.text(0)
    assert not (coordinator.data / "shithubd.db").exists()
    assert psql(f"SELECT count(*) FROM {user.name}.workflow_jobs WHERE conclusion = 'success'") == "1"
    # the verbs find it by the note, and see what serve sees
    assert [run["conclusion"] for run in coordinator.admin_json("run", "list")] == ["success"]


def admin(coordinator, *words, env=None, check=True, stdin=None):
    """Without a data folder of its own."""
    return driver.run([coordinator.binary, "admin", *words, "--data", coordinator.folder / "nothing"], check=check,
                      env={**os.environ, **(env or {})}, stdin=stdin)


def test_every_verb_takes_the_store(coordinator, user):
    coordinator.register_runner("r1")
    listed = admin(coordinator, "runner", "list", "--store", user.address, "--output", "json")
    assert [one["name"] for one in json.loads(listed.stdout)] == ["r1"]
    listed = admin(coordinator, "runner", "list", "--output", "json", env={"SHITHUBD_STORE": user.address})
    assert [one["name"] for one in json.loads(listed.stdout)] == ["r1"]
    # what the verb is told wins over what serve noted
    (coordinator.folder / "rows").mkdir()
    driver.run([coordinator.binary, "admin", "user", "add", "mona", "--store", f"sqlite:{coordinator.folder}/rows",
                "--data", coordinator.data])
    assert coordinator.admin_json("user", "list") == []
    refused = admin(coordinator, "runner", "list", "--store", "mysql://x", check=False)
    assert refused.returncode == 2 and b"--store: not the address of a store" in refused.stderr
    for verb in (["migrate", "--dry-run"], ["doctor", "--offline"]):
        done = driver.run([coordinator.binary, *verb, "--data", coordinator.folder / "nothing",
                           "--store", user.address], check=False)
        assert b"nothing to do" in done.stdout or b"schema" in done.stdout, done


def test_a_verb_for_a_file_alone_says_so(coordinator, user):
    words = ("runner", "scope-doctor", "--name", "r", "--owner-id", "1", "--repo-id", "1")
    for place in (["--data", coordinator.data], ["--store", user.address]):
        done = driver.run([coordinator.binary, "admin", *words, *place], check=False)
        assert done.returncode == 3 and b"works on an SQLite file alone" in done.stderr, done


def test_a_verb_elsewhere_seals_with_no_other_key(coordinator, user, repository):
    repository()
    words = ("secret", "set", "--repo", "demo/sample", "--name", "WORD", "--store", user.address)
    missing = admin(coordinator, *words, stdin=b"x", check=False)
    assert missing.returncode == 3 and b"root.key is missing, and the store has a root key" in missing.stderr
    key = base64.b64encode(bytes(32)).decode()
    other = admin(coordinator, *words, stdin=b"x", check=False, env={"SHITHUB_TOTP_KEY": key})
    assert other.returncode == 3 and b"is not the store's" in other.stderr, other.stderr
    assert psql(f"SELECT count(*) FROM {user.name}.scoped_values") == "0"


def test_doctor_asks_no_file(coordinator):
    done = driver.run([coordinator.binary, "doctor", "--data", coordinator.data, "--output", "json"],
                      check=False)
    rows = {row["name"]: row["verdict"] for row in json.loads(done.stdout)["checks"]}
    assert rows["schema"] == "pass" and rows["store"] == "skip" and rows["references"] == "skip", rows


def test_a_database_that_is_away_is_waited_for(coordinator, user):
    token = coordinator.register_runner("r1")["token"]

    def heartbeat():
        return coordinator.request("POST", "/api/v1/runners/heartbeat", {}, token).status

    assert heartbeat() == 204
    assert user.end_connections() >= 3
    driver.wait_for(lambda: heartbeat() == 204, what="a new connection")
    psql(f"ALTER ROLE {user.name} NOLOGIN")
    user.end_connections()
    assert heartbeat() == 503
    assert coordinator.request("GET", "/healthz").status == 200
    psql(f"ALTER ROLE {user.name} LOGIN")
    driver.wait_for(lambda: heartbeat() == 204, what="the database to be there again")
    assert "request_unserved" in coordinator.program.log()


def second_serve(build, folder, store):
    """What it says: one line."""
    done = subprocess.run([build / "shithubd", "serve", "--data", folder / "other", "--listen",
                           "127.0.0.1:0", "--store", store], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if " info " not in line]
    assert done.returncode != 0 and len(lines) == 1, done.stderr
    return lines[0]


def test_a_second_serve_on_a_file_is_refused(coordinators, build, folder):
    (folder / "rows").mkdir()
    coordinators("--store", f"sqlite:{folder}/rows").start()
    assert "held by another process" in second_serve(build, folder, f"sqlite:{folder}/rows")


@pytest.mark.parametrize("address, said", [
    ("postgres://u:hunter2@127.0.0.1:1/d", "add password_file=FILE to the address"),
    ("postgres://u@127.0.0.1:1/d", "is the server running, and does it listen there?"),
    ("mysql://u@127.0.0.1/d", "expected sqlite:/FOLDER or postgres://USER@HOST/DATABASE"),
])
def test_an_address_that_leads_nowhere_is_one_line(build, folder, address, said):
    done = subprocess.run([build / "shithubd", "serve", "--data", folder / "data", "--listen",
                           "127.0.0.1:0", "--store", address], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if " info " not in line]
    assert done.returncode != 0 and len(lines) == 1 and said in lines[0], done.stderr
    assert "hunter2" not in done.stderr
