"""Registrations with two scopes, in the databases that can hold them: a forge's SQLite file and a
store of ours without its CHECK. Nothing is written without --apply, and then one value of one row."""
import contextlib
import hashlib
import os
import sqlite3
import subprocess

import driver
import pytest

SECRET = "planted-token-hash"
NAME = "rs2000-deploy-host"
# id, name, owner_id, repo_id, deleted: the two registrations of the known case
STALE = (4, NAME, 0, 35, 1778752131)
COMBINED = (5, NAME, 1, 35, None)
THREE_LINES = """\
id=4 rs2000-deploy-host owner_id=0 repo_id=35 deleted=1778752131
id=5 rs2000-deploy-host owner_id=1 repo_id=35 deleted=NULL
REPAIRABLE active deploy runner has owner_id=1; expected 0
"""


def forge(path, *rows, wal=False):
    """A forge's database with these registrations, and one of somebody else."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
        db.execute("CREATE TABLE action_runner (id INTEGER PRIMARY KEY, uuid TEXT, name TEXT,"
                   " owner_id INTEGER, repo_id INTEGER, token_hash TEXT, deleted INTEGER)")
        db.execute("CREATE TABLE action_tasks_version (id INTEGER PRIMARY KEY, owner_id INTEGER,"
                   " repo_id INTEGER, version INTEGER)")
        db.execute("INSERT INTO action_tasks_version VALUES (1, 0, 35, 7)")
        for number, name, owner, repo, deleted in (*rows, (9, "other", 1, 35, None)):
            db.execute("INSERT INTO action_runner VALUES (?, ?, ?, ?, ?, ?, ?)",
                       (number, f"u{number}", name, owner, repo, SECRET, deleted))
        db.commit()
    return path


def dump(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return list(db.iterdump())


@pytest.fixture
def doctor(build):
    """doctor(db, *words): the CompletedProcess; no secret is ever printed."""
    def run(db, *words, **options):
        argv = [build / "shithubd", "admin", "runner", "scope-doctor", "--db", db, "--name", NAME,
                "--owner-id", "1", "--repo-id", "35", *words]
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                              timeout=60, **options)
        assert SECRET not in done.stdout + done.stderr
        return done
    return run


def backups(folder):
    return sorted(path for path in folder.iterdir() if ".scope-" in path.name)


@pytest.mark.parametrize("wal", [False, True])
def test_check_says_the_known_lines_and_writes_nothing(doctor, tmp_path, wal):
    db = forge(tmp_path / "forge.db", STALE, COMBINED, wal=wal)
    before = hashlib.sha256(db.read_bytes()).digest()
    for words in ((), ("--check",)):
        done = doctor(db, *words)
        assert done.returncode == 1
        assert done.stdout.startswith(THREE_LINES)
        assert done.stdout.splitlines()[3:] == [
            "rerun with --apply after operator approval to repair"]
    assert hashlib.sha256(db.read_bytes()).digest() == before
    assert backups(tmp_path) == []


def test_check_works_on_a_file_that_cannot_be_written(doctor, tmp_path):
    folder = tmp_path / "ro"
    folder.mkdir()
    db = forge(folder / "forge.db", STALE, COMBINED, wal=True)
    db.chmod(0o444)
    folder.chmod(0o555)
    try:
        drop = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        parent = tmp_path
        while os.getuid() == 0 and parent != parent.parent:
            parent.chmod(parent.stat().st_mode | 0o055)
            parent = parent.parent
        done = doctor(db, **drop)
        assert (done.returncode, done.stdout[:len(THREE_LINES)]) == (1, THREE_LINES), done.stderr
        assert doctor(db, "--apply", **drop).returncode == 5
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("rows, verdict, code", [
    ([(5, NAME, 0, 35, None)], "OK", 0),
    ([STALE, (5, NAME, 0, 35, None)], "OK", 0),
    ([STALE, COMBINED], "REPAIRABLE", 1),
    ([], "MISSING", 3),
    ([STALE], "MISSING", 3),
    ([COMBINED, (6, NAME, 0, 35, None)], "AMBIGUOUS", 3),
    ([(5, NAME, 0, 0, None)], "UNKNOWN", 3),
    ([(5, NAME, 1, 0, None)], "UNKNOWN", 3),
    ([(5, NAME, 2, 35, None)], "UNKNOWN", 3),
    ([(5, NAME, 1, 36, None)], "UNKNOWN", 3),
])
def test_each_shape_has_its_verdict_and_only_one_is_repaired(doctor, tmp_path, rows, verdict, code):
    db = forge(tmp_path / "forge.db", *rows)
    before = dump(db)
    done = doctor(db)
    assert (done.returncode, verdict in done.stdout) == (code, True), done.stdout
    done = doctor(db, "--apply")
    if verdict == "REPAIRABLE":
        assert done.returncode == 0 and "REPAIRED" in done.stdout
        return
    assert done.returncode == code
    assert dump(db) == before and backups(tmp_path) == []


def test_apply_backs_up_and_changes_one_value(doctor, tmp_path):
    db = forge(tmp_path / "forge.db", STALE, COMBINED)
    before = dump(db)
    done = doctor(db, "--apply", preexec_fn=lambda: os.umask(0))
    assert done.returncode == 0, done.stderr
    after = dump(db)
    changed = [(old, new) for old, new in zip(before, after) if old != new]
    assert len(before) == len(after) and len(changed) == 1
    assert changed[0][0].replace(f"'{NAME}',1,35", f"'{NAME}',0,35") == changed[0][1]
    backup, = backups(tmp_path)
    assert f"backup {backup}" in done.stdout
    assert backup.stat().st_mode & 0o777 == 0o600
    assert dump(backup) == before, "it restores what was there"
    again = doctor(db, "--apply")
    assert again.returncode == 0 and "OK" in again.stdout
    assert dump(db) == after and backups(tmp_path) == [backup]
    assert doctor(db).returncode == 0


def test_without_a_backup_nothing_is_changed(doctor, tmp_path):
    db = forge(tmp_path / "forge.db", COMBINED)
    before = dump(db)
    done = doctor(db, "--apply", "--backup-dir", tmp_path / "none")
    assert done.returncode == 5 and "nothing was changed" in done.stderr
    assert dump(db) == before


def test_a_row_that_changes_meanwhile_is_left_alone(build, doctor, tmp_path):
    """Another writer holds the lock while the doctor waits for it, and changes the row."""
    db = forge(tmp_path / "forge.db", COMBINED)
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        argv = [build / "shithubd", "admin", "runner", "scope-doctor", "--db", db, "--name", NAME,
                "--owner-id", "1", "--repo-id", "35", "--apply"]
        with subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE) as waits:
            driver.wait_for(lambda: os.path.samefile(f"/proc/{waits.pid}/exe", argv[0]) and any(
                os.path.realpath(f"/proc/{waits.pid}/fd/{fd}") == str(db)
                for fd in os.listdir(f"/proc/{waits.pid}/fd")), what="the doctor at the lock")
            writer.execute("UPDATE action_runner SET owner_id = 2 WHERE id = 5")
            writer.execute("COMMIT")
            assert waits.wait(60) == 3
    assert backups(tmp_path) == []
    with contextlib.closing(sqlite3.connect(db)) as after:
        assert after.execute("SELECT owner_id FROM action_runner WHERE id = 5").fetchone() == (2,)


@pytest.mark.parametrize("trigger", [
    "CREATE TRIGGER t BEFORE UPDATE ON action_runner BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER t AFTER UPDATE ON action_runner WHEN NEW.id = 5 BEGIN"
    " UPDATE action_runner SET owner_id = 0 WHERE id = 9; END"])
def test_none_or_several_changed_rows_are_rolled_back(doctor, tmp_path, trigger):
    db = forge(tmp_path / "forge.db", COMBINED)
    with contextlib.closing(sqlite3.connect(db)) as made:
        made.execute(trigger)
        made.commit()
    before = dump(db)
    done = doctor(db, "--apply")
    assert done.returncode == 3 and "CHANGED" in done.stdout and "rolled back" in done.stdout
    assert dump(db) == before


def test_what_cannot_be_read_and_bad_words(doctor, build, tmp_path):
    assert doctor(tmp_path / "none.db").returncode == 5
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("no database at all, but a text of some length" * 100)
    assert doctor(tmp_path / "text.db").returncode == 5
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE x (y)").connection.close()
    done = doctor(tmp_path / "empty.db")
    assert done.returncode == 5 and "action_runner" in done.stderr
    db = forge(tmp_path / "forge.db", COMBINED)
    for words in (("--check", "--apply"), ("--repo-id", "0"), ("--owner-id", ""), ("surplus",)):
        assert doctor(db, *words).returncode == 2, words


def test_our_own_store_without_its_check(coordinator, repository):
    """The CHECK keeps a combined scope out; a store that was edited past it is repaired, while serve
    runs, and the runner then gets the repository's jobs alone. S12: serve goes on as it was."""
    repository("acme/app")
    made = coordinator.admin_json("runner", "register", "--name", NAME, "--repo", "acme/app")
    words = ("runner", "scope-doctor", "--name", NAME, "--owner-id", "acme", "--repo-id", "1")
    assert coordinator.admin(*words).stdout.splitlines()[-1].startswith(b"OK ")
    store = coordinator.data / "shithubd.db"
    with contextlib.closing(sqlite3.connect(store)) as db:
        update = "UPDATE runners SET scope_owner = 'acme' WHERE id = ?"
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(update, (made["id"],))
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute(update, (made["id"],))
        db.commit()
    pid = coordinator.program.process.pid
    assert coordinator.admin(*words, check=False).returncode == 1
    done = coordinator.admin_json(*words, "--apply", "--reason", "issue 260")
    assert done["verdict"] == "REPAIRED" and done["rows"][0]["owner_id"] == "acme"
    entry = coordinator.admin_json("audit")[0]
    assert (entry["verb"], entry["target"]["id"], entry["reason"]) == (
        "runner.scope-doctor", NAME, "issue 260")
    row, = coordinator.admin_json("runner", "list")
    assert row["scope"] == {"kind": "repo", "owner": None, "repository": "acme/app"}
    assert coordinator.program.process.pid == pid and coordinator.program.alive()


def own_doctor(coordinator):
    return driver.run([coordinator.binary, "admin", "runner", "scope-doctor", "--data", coordinator.data,
                       "--name", NAME, "--owner-id", "1", "--repo-id", "35"], check=False)


def test_the_own_store_is_found_where_serve_has_it(coordinators, folder):
    (folder / "rows").mkdir()
    coordinator = coordinators("--store", f"sqlite:{folder}/rows").start()
    done = own_doctor(coordinator)
    assert done.returncode == 3 and b"MISSING" in done.stdout, done


def test_an_own_store_in_postgresql_is_refused_by_name(coordinators, user):
    done = own_doctor(coordinators("--store", user.address).start())
    assert done.returncode == 3, done
    assert b"the store is in PostgreSQL, where no registration can have two scopes" in done.stderr
