"""shithubd doctor: all well, then one thing broken at a time."""
import hashlib
import json
import os
import shutil
import sqlite3
import time

import driver
import pytest
from certificates import Authority


def doctor(build, data, *words, env=None):
    done = driver.run([build / "shithubd", "doctor", "--data", data, "--output", "json", *words],
                      check=False, env=env)
    assert done.stdout, done.stderr
    return done.returncode, {row["name"]: row for row in json.loads(done.stdout)["checks"]}


@pytest.fixture
def well(build, folder, coordinator):
    """A coordinator in whose data folder everything is as it should be."""
    coordinator.repository("demo/sample", coordinator.create_token())
    coordinator.register_runner("r1")
    driver.run([build / "shithubd", "backup", folder / "b", "--data", coordinator.data])
    return coordinator


def test_all_is_well(build, well):
    code, rows = doctor(build, well.data)
    bad = {name: row for name, row in rows.items() if row["verdict"] == "fail"}
    assert code == 0 and not bad, bad
    for name in ("data folder", "root key", "owners", "schema", "store", "references", "objects",
                 "serve", "git", "runners", "pushes", "backup"):
        assert rows[name]["verdict"] == "pass", rows[name]
        assert rows[name]["remedy"] is None
    assert rows["certificate"]["verdict"] == rows["sign-in"]["verdict"] == "skip"
    text = driver.run([build / "shithubd", "doctor", "--data", well.data]).stdout.decode()
    assert text.startswith("PASS  data folder") and "19 checks" in text


def open_folder(data):
    data.chmod(0o755)


def open_key(data):
    (data / "root.key").chmod(0o644)


def other_key(data):
    (data / "root.key").write_text("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n")


def no_key(data):
    (data / "root.key").unlink()


def foreign_owner(data):
    os.chown(data / "shithubd.db", 1234, 1234)


def change_store(sql):
    def change(data):
        with sqlite3.connect(data / "shithubd.db") as store:
            store.execute("PRAGMA foreign_keys=OFF")
            store.execute(sql)
        store.close()
    return change


def old_backup(data):
    os.utime(data / "last-backup", (time.time() - 3 * 86400,) * 2)


def orphan(data):
    path = data / "objects/actions/runs/9/artifacts/x"
    path.parent.mkdir(parents=True)
    path.touch()


RUN = ("INSERT INTO workflow_runs (id, repo_id, run_index, workflow_file, workflow_name, event,"
       " event_payload, head_sha, head_ref, status, created_at) VALUES (1, 77, 1, 'f', 'n', 'push',"
       " '{}', 'x', 'y', 'completed', 1)")
SILENT = "UPDATE runners SET last_heartbeat_at = 1000000"


@pytest.mark.parametrize("change, name, verdict, words", [
    (open_folder, "data folder", "fail", "others may enter it"),
    (open_key, "root key", "fail", "mode 0644, expected 0600"),
    (other_key, "root key", "fail", "not the one serve uses"),
    (no_key, "root key", "fail", "No such file"),
    (foreign_owner, "owners", "fail", "shithubd.db belongs to user 1234"),
    (change_store("PRAGMA user_version = 9999"), "schema", "fail", "9999 is newer than"),
    (change_store("PRAGMA user_version = 3"), "schema", "warn", "3, this program's is"),
    (change_store(RUN), "references", "fail", "1 rows refer to nothing, the first in workflow_runs"),
    (change_store(SILENT), "runners", "warn", "r1 has sent no heartbeat for"),
    (old_backup, "backup", "warn", "the last one was 3d"),
    (orphan, "objects", "warn", "1 objects that no row names"),
])
def test_one_thing_is_broken(build, well, change, name, verdict, words):
    change(well.data)
    code, rows = doctor(build, well.data)
    assert rows[name]["verdict"] == verdict and words in rows[name]["detail"], rows[name]
    assert rows[name]["remedy"]
    assert code == (1 if verdict == "fail" else 0)
    assert [row["name"] for row in rows.values() if row["verdict"] == "fail"] == (
        [name] if verdict == "fail" else [])


def test_another_key_in_the_configuration(build, well, folder):
    """The key of the configuration is compared with the one that serve used."""
    key = (well.data / "root.key").read_text().strip()
    for text, verdict, words in (
            (key, "pass", "from the configuration"),
            ("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", "fail", "not the one serve uses"),
            ("QUJD", "fail", "root key has 3 bytes")):
        config = folder / "config.toml"
        config.write_text(f'[auth]\ntotp_key_b64 = "{text}"\n')
        config.chmod(0o600)
        code, rows = doctor(build, well.data, "--config", config)
        row = rows["root key"]
        assert (code, row["verdict"]) == (verdict == "fail", verdict), row
        assert words in row["detail"], row


def test_a_damaged_store(build, well):
    well.stop()
    db = well.data / "shithubd.db"
    with open(db, "r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 4096)
    code, rows = doctor(build, well.data, "--offline")
    assert code == 1 and rows["store"]["verdict"] == "fail", rows["store"]
    db.unlink()
    code, rows = doctor(build, well.data, "--offline")
    assert code == 1 and "No such file" in rows["store"]["detail"]
    well.stop = lambda: 0


def test_objects_by_digest(build, well):
    """Artifacts that the store names: missing, of another size, other bytes of the same size."""
    content = b"x" * 1000
    path = well.data / "objects/actions/runs/1/artifacts/a"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    with sqlite3.connect(well.data / "shithubd.db") as store:
        store.execute("PRAGMA foreign_keys=OFF")
        store.execute("INSERT INTO artifacts (run_id, job_id, name, size_bytes, digest, created_at,"
                      " upload_until, expires_at) VALUES (1, 1, 'a', 1000, ?, 1, 1, ?)",
                      (digest, 1 << 60))
    assert doctor(build, well.data, "--verify-objects")[1]["objects"]["verdict"] == "pass"
    path.write_bytes(b"y" * 1000)
    assert doctor(build, well.data)[1]["objects"]["verdict"] == "pass"
    row = doctor(build, well.data, "--verify-objects")[1]["objects"]
    assert row["verdict"] == "fail" and "SHA-256 is not the stored one" in row["detail"]
    path.write_bytes(b"y" * 999)
    assert "its size is not that of its row" in doctor(build, well.data)[1]["objects"]["detail"]
    path.unlink()
    assert "there is no such object" in doctor(build, well.data)[1]["objects"]["detail"]


def test_serve_and_its_certificate(build, folder, coordinator):
    authority = Authority(folder / "pki")
    for name, days, verdict in (("long", 90, "pass"), ("short", 5, "warn"), ("old", -1, "fail")):
        cert, key = authority.issue(name, days)
        config = folder / f"{name}.toml"
        config.write_text(f'[server]\ntls_cert_file = "{cert}"\ntls_key_file = "{key}"\n')
        row = doctor(build, coordinator.data, "--config", config)[1]["certificate"]
        assert row["verdict"] == verdict, row
    (coordinator.data / "public_url").write_text("http://127.0.0.1:9\n")
    code, rows = doctor(build, coordinator.data)
    assert code == 1 and rows["serve"]["verdict"] == "fail"
    assert doctor(build, coordinator.data, "--offline")[1]["serve"]["verdict"] == "pass"
    copy = folder / "copy"
    shutil.copytree(coordinator.data, copy, ignore=shutil.ignore_patterns("wake.sock"))
    row = doctor(build, copy)[1]["serve"]
    assert row["verdict"] == "fail" and "no serve uses this data folder" in row["detail"]


def test_no_git(build, coordinator, folder):
    env = {**os.environ, "PATH": str(folder)}
    row = doctor(build, coordinator.data, env=env)[1]["git"]
    assert row["verdict"] == "fail"
