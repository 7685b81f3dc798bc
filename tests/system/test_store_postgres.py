"""The coordinator's rows in PostgreSQL, a user and a schema of its own for each test."""
import json
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


def test_a_second_serve_is_refused(coordinator, user, build, folder):
    assert "another serve uses it; stop that one" in second_serve(build, folder, user.address)
    token = coordinator.register_runner("r1")["token"]
    assert coordinator.request("POST", "/api/v1/runners/heartbeat", {}, token).status == 204


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
