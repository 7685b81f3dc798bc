"""A serve whose database somebody works at, or whom somebody sends bytes that are no text."""
import socket

import byhand
import database
import driver
import pytest

JOB = "on: push\njobs:\n  one:\n    runs-on: [linux]\n    steps:\n      - run: echo\n"


@pytest.fixture
def coordinator(user, coordinators):
    return coordinators("--store", user.address).start()


@pytest.fixture
def token(coordinator):
    return coordinator.register_runner("r1", labels="linux")["token"]


@pytest.mark.parametrize("harm, mend", [
    ("REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA {0} FROM {0}",
     "GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA {0} TO {0}"),
    ("ALTER SCHEMA {0} RENAME TO {0}_away", "ALTER SCHEMA {0}_away RENAME TO {0}"),
    ("ALTER ROLE {0} SET default_transaction_read_only = on",
     "ALTER ROLE {0} RESET default_transaction_read_only"),
], ids=["right", "schema", "read-only"])
def test_a_runner_loses_nothing_meanwhile(coordinator, user, token, repository, harm, mend):
    made = repository()
    made.commit({".shithub/workflows/a.yml": JOB})
    made.push()
    claimed = byhand.claim(coordinator, token)
    claimed.step(0, "running")
    claimed.logs(b"before\n")
    database.psql(harm.format(user.name))
    user.end_connections()
    for answer in (claimed.log(b"meanwhile\n"), byhand.heartbeat(coordinator, token)):
        assert answer.status == 503 and "Retry-After" in answer.headers, (answer.status, answer.body)
    database.psql(mend.format(user.name))
    user.end_connections()
    driver.wait_for(lambda: claimed.log(b"meanwhile\n").status == 202, what="the log to be taken")
    claimed.end_step()
    claimed.end()
    assert coordinator.show(claimed.run_id)["conclusion"] == "success"


def raw(coordinator, *lines, body=b""):
    """The status of a request whose bytes are these."""
    host, port = coordinator.base.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as one:
        one.sendall(b"\r\n".join([*lines, b"Host: x", b"Connection: close", b"", body]))
        return int(one.makefile("rb").readline().split()[1])


def test_bytes_that_are_no_text_lead_nowhere(coordinator, token):
    sha = b"0123456789012345678901234567890123456789"
    assert raw(coordinator, b"GET /caf\xe9/a/badge.svg HTTP/1.1") == 404
    assert raw(coordinator, b"GET /api/v1/repos/caf\xe9/a/commits/" + sha + b"/status HTTP/1.1") == 404
    assert raw(coordinator, b"GET /caf\xe9/a/runs/1 HTTP/1.1", b"Accept: text/html") == 404
    assert raw(coordinator, b"GET / HTTP/1.1", b"Idempotency-Key: caf\xe9") == 400
    assert byhand.heartbeat(coordinator, token).status == 204
    assert "store" not in "".join(line for line in coordinator.program.log().splitlines(True)
                                  if " error " in line)


def test_a_browser_with_an_odd_name_signs_in(coordinator, user):
    coordinator.admin("user", "add", "ada")
    coordinator.admin("user", "password", "ada", stdin=b"ada's password\n")
    body = b"login=ada&password=ada%27s+password&next=/"
    assert raw(coordinator, b"POST /login HTTP/1.1", b"User-Agent: caf\xe9", b"Accept: text/html",
               b"Content-Type: application/x-www-form-urlencoded",
               b"Content-Length: %d" % len(body), body=body) == 303
    assert database.psql(f"SELECT agent FROM {user.name}.sessions") == ""


def test_a_serve_that_is_refused_leaves_the_note_as_it_was(coordinator, build):
    note = coordinator.data / "store"
    was = note.read_text()
    coordinator.stop()
    for address in ("postgres://u:hunter2@127.0.0.1:1/d", "postgres://u@127.0.0.1:1/d",
                    f"sqlite:{coordinator.data}/missing"):
        done = driver.run([build / "shithubd", "serve", "--data", coordinator.data, "--listen",
                           "127.0.0.1:0", "--store", address], check=False)
        assert done.returncode != 0, address
        assert note.read_text() == was, address
    assert coordinator.admin_json("run", "list") == []


def test_a_serve_that_is_refused_at_first_leaves_no_note(build, folder):
    done = driver.run([build / "shithubd", "serve", "--data", folder / "data", "--listen", "127.0.0.1:0",
                       "--store", "postgres://u:hunter2@127.0.0.1:1/d"], check=False)
    assert done.returncode == 2 and b"add password_file=FILE" in done.stderr, done.stderr
    assert not (folder / "data/store").exists()
