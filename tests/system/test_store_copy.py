"""`shithubd store copy`: all rows from SQLite to PostgreSQL and back."""
import json
import os
import random
import re
import signal
import sqlite3
import subprocess

import driver
import pytest
import store_rows
from conftest import once
from database import SERVER, psql
from test_pages_login import Browser

WORKFLOW = """\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: test "$WORD" = "a sealed word" && echo it opened
        env: {WORD: "${{ secrets.WORD }}"}
"""


class World:
    def __init__(self, build, folder, user):
        self.binary, self.folder, self.user = build / "shithubd", folder, user
        self.first = folder / "first"

    def start(self, *flags, source=None, to=None, **options):
        source, to = source or f"sqlite:{self.first}", to or self.user.address
        return subprocess.Popen([self.binary, "store", "copy", "--from", source, "--to", to, "--output", "json",
                                 *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def copy(self, *flags, code=0, **sides):
        """What it says: JSON, or its line when it fails."""
        program = self.start(*flags, **sides)
        out, told = program.communicate(timeout=200)
        assert program.returncode == code, (program.returncode, told)
        return json.loads(out) if code == 0 else told.strip().splitlines()[-1]

    def make(self, rows):
        """A store in which each table has so many rows."""
        driver.run([self.binary, "admin", "user", "add", "first", "--data", self.first])
        filler = store_rows.Filler(self.first / "shithubd.db")
        filler.fill(rows)
        filler.gone("audit_log")
        filler.db.close()
        return filler

    def back(self, name, *flags):
        return self.copy(*flags, source=self.user.address, to=f"sqlite:{self.folder}/{name}")

    def bookmark(self):
        """(table, rows) of a copy that is not finished."""
        if psql(f"SELECT to_regclass('{self.user.name}.store_copy') IS NULL") == "t":
            return None
        found = psql(f"SELECT at_table, rows FROM {self.user.name}.store_copy")
        return tuple(found.split("|")) if found else None


class Brake:
    """Holds a copy into a database before each of its pages: its row of store_copy cannot be written."""

    def __init__(self, world):
        driver.run([world.binary, "migrate", "--store", world.user.address, "--data", world.folder / "none"])
        self.user, self.table = world.user.name, f"{world.user.name}.store_copy"
        self.psql = subprocess.Popen(["psql", SERVER, "-XAtq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, text):
        """The last line of what the last statement gives."""
        self.psql.stdin.write(f"{text}; SELECT 'said';\n")
        self.psql.stdin.flush()
        lines = list(iter(lambda: self.psql.stdout.readline().strip(), "said"))
        return lines[-1] if lines else ""

    def hold(self):
        self.ask(f"BEGIN; LOCK TABLE {self.table} IN SHARE MODE")

    def waits(self):
        return self.ask("SELECT count(*) FROM pg_locks WHERE NOT granted"
                        f" AND relation = '{self.table}'::regclass") == "1"

    def pages(self, program, count):
        """Lets that many go, and holds the copy before the next one."""
        for _ in range(count):
            driver.wait_for(self.waits, what="a copy that wants to write a page")
            self.ask("COMMIT")
            self.hold()
        driver.wait_for(self.waits, what="a copy that wants to write a page")
        assert program.poll() is None

    def kill(self, program):
        """In the middle of a page; the server finds out when it goes on."""
        program.send_signal(signal.SIGKILL)
        program.communicate()
        self.ask("COMMIT")
        driver.wait_for(lambda: self.ask("SELECT count(*) FROM pg_stat_activity"
                                         f" WHERE usename = '{self.user}'") == "0", what="the end of its session")

    def stop(self):
        self.psql.communicate()


@pytest.fixture
def brake(world):
    made = Brake(world)
    yield made
    made.stop()


@pytest.fixture
def world(build, folder, user):
    return World(build, folder, user)


def tables_of(report):
    return {table["name"]: (table["rows"], table["sha256"]) for table in report["tables"]}


def test_there_and_back_is_the_same(world):
    world.make(40)
    there = world.copy("--page-rows", "17")
    back = world.back("second")
    assert tables_of(there) == tables_of(back)
    # every table of the schema, each with rows; told by SQLite, not by the program
    before, after = (store_rows.dump(world.folder / name / "shithubd.db") for name in ("first", "second"))
    assert set(tables_of(there)) == {name for name in before if not re.match("sqlite_|store_copy", name)}
    assert all(len(before[name]) >= 39 for name in tables_of(there)), {n: len(r) for n, r in before.items()}
    assert before == after
    rows = {name: int(psql(f"SELECT count(*) FROM {world.user.name}.{name}")) for name in before
            if not name.startswith("sqlite_")}
    assert rows == {name: len(before[name]) for name in rows}


def test_numbers_go_on_behind_the_highest(world):
    world.make(5)
    rows = store_rows.dump(world.first / "shithubd.db")
    last, filler_rows = dict(rows["sqlite_sequence"]), {name: len(found) for name, found in rows.items()}
    assert (last["audit_log"], filler_rows["audit_log"]) == (5, 4), "the newest row is gone, its number is not"
    world.copy()
    for table, number in last.items():
        assert int(psql(f"SELECT nextval(pg_get_serial_sequence('{world.user.name}.{table}', 'id'))")) == number + 1


def test_triggers_work_again(world):
    world.make(3)
    world.copy()
    off = psql("SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal"
               f" AND t.tgenabled <> 'O' AND c.relnamespace = '{world.user.name}'::regnamespace")
    made = psql("SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal"
                f" AND c.relnamespace = '{world.user.name}'::regnamespace")
    assert (off, int(made) > 5) == ("0", True)


def killed(world, brake, pages):
    """How far it came: somewhere behind that many pages of a row each."""
    brake.hold()
    program = world.start("--page-rows", "1")
    brake.pages(program, pages)
    brake.kill(program)
    return world.bookmark()


def test_a_copy_that_is_killed_goes_on(world, brake):
    world.make(60)
    dice = random.Random(7)
    places = [killed(world, brake, dice.randint(1, 50)) for _ in range(5)]
    assert len({table for table, _ in places}) > 1, places
    # nobody serves a part
    verb = driver.run([world.binary, "admin", "run", "list", "--data", world.folder / "other"], check=False,
                      env={**os.environ, "SHITHUBD_STORE": world.user.address})
    assert verb.returncode == 3 and b"a copy of rows into it is not finished" in verb.stderr, verb.stderr
    done = world.copy("--page-rows", "100")
    assert done["resumed"] and world.bookmark() is None
    assert tables_of(world.back("second")) == tables_of(done)
    assert store_rows.dump(world.first / "shithubd.db") == store_rows.dump(world.folder / "second/shithubd.db")


def test_what_changed_meanwhile_is_not_mixed(world, brake):
    world.make(40)
    killed(world, brake, 45)
    psql(f"UPDATE {world.user.name}.audit_log SET verb = 'other' WHERE id = 3")
    said = world.copy(code=3)
    assert "table audit_log: what an earlier copy left" in said and "begin again" in said


def test_another_source_does_not_go_on(world, brake):
    world.make(40)
    killed(world, brake, 45)
    (world.folder / "third").mkdir()
    (world.folder / "third/shithubd.db").write_bytes((world.first / "shithubd.db").read_bytes())
    said = world.copy(code=3, source=f"sqlite:{world.folder}/third")
    assert f"a copy from sqlite:{world.first} into it is not finished" in said


def test_rows_of_its_own_are_refused(world):
    world.make(2)
    driver.run([world.binary, "admin", "policy", "set", "max_repo_queued_runs=5", "--data", world.folder / "other"],
               env={**os.environ, "SHITHUBD_STORE": world.user.address})
    assert "it has rows of its own (table audit_log)" in world.copy(code=3)
    psql(f"DELETE FROM {world.user.name}.audit_log; DELETE FROM {world.user.name}.counters")
    assert "it has rows of its own (table policies)" in world.copy(code=3)


def test_a_source_that_is_served_is_refused(world, coordinator):
    said = world.copy(code=3, source=f"sqlite:{coordinator.data}")
    assert "a serve uses it" in said


def test_a_database_that_is_served_is_refused(world, coordinators, user):
    coordinators("--store", user.address).start()
    said = world.copy(code=1, source=user.address, to=f"sqlite:{world.folder}/second")
    assert "a serve or another copy uses it" in said


@pytest.mark.parametrize("step, said", [
    (-1, "is older than this program's"), (1, "is newer than this program's")])
def test_another_schema_is_refused(world, step, said):
    world.make(1)
    db = sqlite3.connect(world.first / "shithubd.db")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute(f"PRAGMA user_version = {version + step}")
    db.close()
    line = world.copy(code=3)
    assert said in line and ("shithubd migrate" in line) == (step < 0), line
    assert not int(psql(f"SELECT count(*) FROM pg_class WHERE relnamespace = '{world.user.name}'::regnamespace"))


@pytest.mark.parametrize("text, why", [(b"a\x00b", "NUL byte"), (b"a\xff", "not UTF-8")])
def test_a_text_that_postgresql_cannot_hold_is_named(world, text, why):
    world.make(3)
    db = sqlite3.connect(world.first / "shithubd.db", isolation_level=None)
    db.execute("UPDATE workflow_runs SET actor = CAST(? AS TEXT) WHERE id = 2", (text,))
    db.close()
    line = world.copy(code=2)
    assert "table workflow_runs, row id 2, column actor: a text" in line and why in line, line


def test_two_of_one_engine_are_refused(world):
    assert "shithubd backup" in world.copy(code=2, to=f"sqlite:{world.folder}/x")
    assert "pg_dump" in world.copy(code=2, source=world.user.address)


@once
def test_a_serve_goes_on_with_what_was_copied(world, coordinator, repository, runner, user):
    world.first = coordinator.data
    coordinator.admin("user", "add", "mona")
    coordinator.admin("user", "password", "mona", stdin=b"correct horse battery")
    repo = repository()
    coordinator.admin("secret", "set", "--repo", "demo/sample", "--name", "WORD", stdin=b"a sealed word")
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    token = coordinator.register_runner("r1")["token"]
    driver.wait_for(coordinator.runs, what="the run of the push")
    assert coordinator.stop() == 0
    world.copy()
    coordinator.flags = ("--store", user.address)
    coordinator.start()
    repo.git("remote", "set-url", "origin", f"{coordinator.base}/demo/sample.git")
    runner(coordinator.base, token).start()
    ended = coordinator.ended(1)
    assert ended["conclusion"] == "success", ended
    assert b"it opened" in coordinator.step_log(ended["jobs"][0]["id"])
    assert Browser(coordinator).sign_in("mona", "correct horse battery").status == 303
    # numbers go on, and so does what triggers count
    repo.commit({"more": "more"})
    repo.push()
    driver.wait_for(lambda: len(coordinator.runs()) == 2, what="a second run")
    assert coordinator.ended(2)["conclusion"] == "success"
    assert psql(f"SELECT sum(n) FROM {user.name}.job_counts WHERE status = 'completed'") == "2"
