"""A runner that cannot work says why, and people see it where they ask: on the runner's page, in the
lists, and where a job waits. It is forgotten when the runner asks for work again."""
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess

import byhand
import driver
import pages_world
from conftest import newest_run, once, workflow
from test_pages_login import token_of
from test_pages_read import page

MIB = 1 << 20


@contextlib.contextmanager
def small_disk(path):
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0711", "trouble", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def fill(disk):
    (disk / "ballast").write_bytes(os.urandom(4096) * ((15 * MIB + MIB // 2) // 4096))


def push(repository):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": workflow("- run: echo done")})
    repo.push()


def row(coordinator):
    return coordinator.admin_json("runner", "list")[0]


def trouble(coordinator, kind, what):
    return driver.wait_for(lambda: (row(coordinator)["trouble"] or {}).get("kind") == kind
                           and row(coordinator), 60, what)


def explained(coordinator, run):
    return coordinator.admin("run", "explain", str(run)).stdout.decode()


def as_admin(coordinator):
    coordinator.admin("user", "add", "ada", "--site-admin")
    return token_of(coordinator, "ada", "admin,repo:read")


@once
def test_a_full_disk(coordinator, repository, joined, folder):
    with small_disk(folder / "disk") as disk:
        one = joined(poll_interval="200ms", min_free="5")
        one.flags.update({"state-dir": disk / "state", "workspace-root": disk / "ws"})
        one.state, one.workspaces = disk / "state", disk / "ws"
        fill(disk)
        push(repository)
        program = one.start()
        said = trouble(coordinator, "disk", "the runner's word")
        assert said["online"] is False and said["status"] == "offline"
        assert str(disk) in said["trouble"]["text"] and "97% used" in said["trouble"]["text"]
        run = newest_run(coordinator)
        words = explained(coordinator, run)
        assert re.search(r"Waiting for runner with labels: ubuntu-latest \(in trouble: runner-1, "
                         r"whose disk has been full for \d+s\)", words), words
        shown = page(coordinator, f"/runners/{said['id']}")
        assert "Its disk is full" in shown.text and "It takes no jobs until that is over" in shown.text
        assert str(disk) not in shown.text, "paths of a host are for those who may see the host"
        assert "in trouble" in shown.text and "Offline" not in shown.text
        known = page(coordinator, f"/runners/{said['id']}", headers=as_admin(coordinator))
        assert str(disk) in known.text
        pool = page(coordinator, "/runners")
        assert "in trouble" in pool.text and "Its disk is full" in pool.text
        queue = page(coordinator, "/queue")
        assert "1 in trouble" in queue.text and "whose disk has been full for " in queue.text
        for verb, word in ((("runner", "list", "--status", "troubled"), "disk"),
                           (("runner", "show", str(said["id"])), "97% used"),
                           (("runner", "queue"), "TROUBLED")):
            assert word in coordinator.admin(*verb).stdout.decode(), verb
        ready = json.loads(coordinator.admin("runner", "preflight", "--labels", "ubuntu-latest", "--output", "json",
                                             check=False).stdout)
        assert ready["troubled_count"] == 1 and "97% used" in " ".join(ready["reasons"])
        assert "heartbeat_failed" not in program.log() and "trouble_not" not in program.log()
        (disk / "ballast").unlink()
        driver.wait_for(lambda: coordinator.show(run)["status"] == "completed", 60, "the job")
        assert coordinator.show(run)["conclusion"] == "success"
        assert row(coordinator)["trouble"] is None and row(coordinator)["online"]
        well = page(coordinator, f"/runners/{said['id']}")
        assert "disk" not in well.text and "in trouble" not in well.text
        program.stop()


@once
def test_an_engine_that_went_away(coordinator, repository, joined, engine, folder):
    link = folder / "engine.sock"
    link.symlink_to(engine.socket)
    one = joined(engine_socket=link)
    program = one.start()
    driver.wait_for(lambda: row(coordinator)["online"], 30, "a heartbeat")
    link.unlink()
    program.signal(signal.SIGHUP)  # has it look at once
    said = trouble(coordinator, "engine", "the runner's word")
    assert str(link) in said["trouble"]["text"]
    push(repository)
    run = newest_run(coordinator)
    assert "whose container engine has not answered for " in explained(coordinator, run)
    assert "Its container engine does not answer" in page(coordinator, f"/runners/{said['id']}").text
    link.symlink_to(engine.socket)
    program.signal(signal.SIGHUP)
    driver.wait_for(lambda: coordinator.show(run)["status"] == "completed", 60, "the job")
    assert row(coordinator)["trouble"] is None


@once
def test_a_machine_that_never_could(coordinator, joined):
    one = joined(network="no-such-network")
    one.start()
    said = trouble(coordinator, "machine", "the runner's word")
    assert "no-such-network" in said["trouble"]["text"]
    assert said["last_heartbeat_at"] is None, "no job can come with what it says"
    assert "Never heard of" not in page(coordinator, f"/runners/{said['id']}").text


@once
def test_a_coordinator_that_does_not_know_this(faulty, runner):
    """It answers 404 once and is left alone; the runner works when it can."""
    one = runner(faulty.base, faulty.token, engine_socket="/nowhere/engine.sock")
    program = one.start()
    driver.wait_for(lambda: "trouble_unknown" in program.log(), 30, "its answer")
    assert faulty.strangers == ["/api/v1/runners/trouble"] and faulty.heartbeats == []
    assert program.log().count("trouble_unknown") == 1 and "trouble_not_reported" not in program.log()


def said_by_hand(coordinator, token, **body):
    answer = coordinator.request("POST", "/api/v1/runners/trouble",
                                 {"kind": "disk", "text": "full", "seconds": 60, **body}, token)
    assert answer.status == 204, answer.body


def test_what_a_runner_says_steers_nothing(coordinator):
    made = coordinator.register_runner("alder", labels="linux")
    hostile = pages_world.HOSTILE + "\x1b[2Jx" + "y" * 600
    said_by_hand(coordinator, made["token"], text=hostile)
    known = page(coordinator, f"/runners/{made['id']}", headers=as_admin(coordinator))
    assert "<script>alert" in known.text and "\x1b" not in known.text and "\u202e" not in known.text
    for verb in (("runner", "show", str(made["id"])), ("runner", "list")):
        text = coordinator.admin(*verb).stdout.decode()
        assert "\x1b" not in text and "\u202e" not in text, verb
    kept = row(coordinator)["trouble"]["text"]
    assert kept == hostile.encode()[:500].decode()


def test_words_of_a_runner_that_fell_silent(coordinator):
    """Its last word is shown, as its last word."""
    made = coordinator.register_runner("alder", labels="linux")
    said_by_hand(coordinator, made["token"])
    coordinator.stop()
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db")) as db, db:
        db.execute("UPDATE runners SET trouble_at = trouble_at - 300000000")
    coordinator.start()
    shown = page(coordinator, f"/runners/{made['id']}")
    assert "Offline" in shown.text and "That is what it said before it fell silent" in shown.text
    assert row(coordinator)["trouble"]["kind"] == "disk" and "in trouble" not in page(coordinator, "/runners").text
    assert byhand.heartbeat(coordinator, made["token"]).status == 204
    assert "fell silent" not in page(coordinator, f"/runners/{made['id']}").text
