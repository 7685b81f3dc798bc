"""A newer program on a store of an older one: what migrate says, and what an older serve does."""
import json
import sqlite3

import driver
import pytest
from database import psql


def migrate(build, *words, check=True):
    done = driver.run([build / "shithubd", "migrate", *words, "--output", "json"], check=check)
    return json.loads(done.stdout) if check else done


class File:
    def __init__(self, folder):
        self.path = folder / "coordinator/data/shithubd.db"
        self.flags, self.store = (), ["--data", self.path.parent]

    def version(self, change=0):
        db = sqlite3.connect(self.path, isolation_level=None)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if change:
            db.execute(f"PRAGMA user_version = {version + change}")
        db.close()
        return version


class Database:
    def __init__(self, user):
        self.flags, self.store = ("--store", user.address), ["--store", user.address]
        self.table = f"{user.name}.schema_version"

    def version(self, change=0):
        return int(psql(f"UPDATE {self.table} SET version = version + {change} RETURNING version - {change}").split()[0])


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, folder, user):
    return File(folder) if request.param == "sqlite" else Database(user)


def test_an_older_serve_ends_and_its_unit_starts_the_newer(coordinators, place, folder):
    coordinator = coordinators(*place.flags).start()
    assert coordinator.runs() == []
    place.version(+1)
    driver.wait_for(lambda: not coordinator.program.alive(), timeout=30, what="the end of the older serve")
    assert coordinator.program.wait() == 3
    said = [line for line in coordinator.program.log().splitlines() if " error " in line]
    assert len(said) == 1 and "schema_newer" in said[0] and "or a newer one" in said[0], said
    # and does not come back as what it is, but for the newer one's sake may be started again and again
    again = driver.run([coordinator.binary, "serve", "--data", coordinator.data, "--listen", "127.0.0.1:0",
                        *place.flags], check=False)
    assert again.returncode == 3 and b"is newer than this program's" in again.stderr
    place.version(-1)
    coordinator.start()


def test_a_dry_run_shows_each_step(coordinators, place, build):
    coordinators(*place.flags).start().stop()
    newest = place.version()
    assert migrate(build, "--dry-run", *place.store) == {
        "from_schema": newest, "to_schema": newest, "steps": 0, "dry_run": True, "texts": []}
    place.version(-2)
    planned = migrate(build, "--dry-run", *place.store)
    assert (planned["from_schema"], planned["steps"]) == (newest - 2, 2)
    assert [text.splitlines()[0] for text in planned["texts"]] == [f"-- step {newest - 1}", f"-- step {newest}"]
    assert "CREATE TABLE store_copy" in "".join(planned["texts"])
    assert place.version(+2) == newest - 2, "a dry run changes nothing"
    place.version(+1)
    refused = migrate(build, "--dry-run", *place.store, check=False)
    assert refused.returncode == 3 and b"is newer than this program's" in refused.stderr


def test_an_empty_database_gets_postgresqls_own_steps(build, user):
    planned = migrate(build, "--dry-run", "--store", user.address)
    assert planned["from_schema"] == 0 and len(planned["texts"]) == planned["steps"] == planned["to_schema"] - 43
    assert migrate(build, "--store", user.address)["steps"] == planned["steps"]
    assert migrate(build, "--store", user.address)["steps"] == 0
