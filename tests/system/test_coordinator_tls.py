"""The coordinator over TLS, with certificates that change while it works."""
import json
import shutil
import signal
import socket
import ssl
import subprocess

import driver
import pytest
from certificates import Authority
from conftest import newest_run, once, workflow

WAITING = "touch started\nuntil [ -e go ]; do sleep 0.05; done\necho done"


@pytest.fixture
def authority(folder):
    return Authority(folder / "pki")


class Served:
    """A coordinator whose certificate stands in two files that a test may exchange."""

    def __init__(self, coordinators, folder, authority):
        self.authority = authority
        self.cert, self.key = folder / "server.pem", folder / "server.key"
        self.install(*authority.issue("first"))
        self.coordinator = coordinators("--tls-cert-file", self.cert, "--tls-key-file", self.key,
                                        ca=authority.file)

    def install(self, cert, key):
        for source, target in ((cert, self.cert), (key, self.key)):
            shutil.copy(source, target)

    def log(self):
        return self.coordinator.program.log()

    def reload(self, expect):
        before = self.log().count(expect)
        self.coordinator.program.signal(signal.SIGHUP)
        driver.wait_for(lambda: self.log().count(expect) > before, 20, expect)
        return [line for line in self.log().splitlines() if expect in line][-1]

    def connect(self, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
        context = ssl.create_default_context(cafile=self.authority.file)
        context.minimum_version, context.maximum_version = versions
        host, port = self.coordinator.base.removeprefix("https://").split(":")
        plain = socket.create_connection((host, int(port)), timeout=20)
        return context.wrap_socket(plain, server_hostname=host)

    def shown(self):
        """The name on the certificate that a new connection gets."""
        with self.connect() as one:
            return dict(part[0] for part in one.getpeercert()["subject"])["commonName"]


@pytest.fixture
def served(coordinators, folder, authority):
    made = Served(coordinators, folder, authority)
    made.coordinator.start()
    return made


def heartbeat(token, *more):
    lines = ["POST /api/v1/runners/heartbeat HTTP/1.1", "Host: x",
             f"Authorization: Bearer {token}", "Content-Length: 2", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n{}"


def push_job(coordinator, steps):
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    repo.commit({"README.md": "# sample\n", ".shithub/workflows/ci.yml": workflow(steps)})
    repo.push()
    return repo


@once
def test_a_job_over_tls_while_certificates_change(served, runner):
    """Renewed while a heartbeat is held and while a step runs: nobody is disconnected."""
    coordinator = served.coordinator
    token = coordinator.register_runner("r1")["token"]
    one = runner(coordinator.base, token)
    one.env["SHITHUB_RUNNER_SERVER__CA_FILE"] = str(coordinator.ca)
    program = one.start()
    host = [f"Authorization: Bearer {token}"]
    driver.wait_for(lambda: coordinator.request(
        "GET", "/api/v1/runners/self", token=token).json()["last_heartbeat_at"], 30, host)

    served.install(*served.authority.issue("second"))
    served.reload("certificate_reloaded")
    assert served.shown() == "second"
    push_job(coordinator, f"""
        - uses: actions/checkout@v4
        - run: |
            {WAITING.replace(chr(10), chr(10) + ' ' * 12)}
        - run: head -c 3000000 /dev/urandom > big
        - uses: shithub/upload-artifact@v1
          with: {{name: big, path: big}}
        """)
    run = newest_run(coordinator)

    def begun():
        shown = coordinator.show(run)
        assert shown["status"] != "completed", coordinator.step_log(shown["jobs"][0]["id"])
        return next(one.in_workspaces("*/*/workspace/started"), None)

    mark = driver.wait_for(begun, 60, "the step")
    served.install(*served.authority.issue("third"))
    served.reload("certificate_reloaded")
    assert served.shown() == "third"
    (mark.parent / "go").touch()
    shown = coordinator.ended(run, 90)
    assert shown["conclusion"] == "success", json.dumps(shown)
    assert b"done" in coordinator.step_log(shown["jobs"][0]["id"], 1)
    assert "heartbeat_failed" not in program.log() and "call_failed" not in program.log()


def test_what_is_broken_is_refused_and_the_old_one_stays(served, authority):
    good = authority.issue("good")
    other = authority.issue("other")
    expired = authority.issue("expired", days=-1)
    garbage = authority.folder / "garbage"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    for (cert, key), mode, reason in (
            ((garbage, good[1]), 0o600, "no certificate chain in PEM"),
            ((good[0], other[1]), 0o600, "is the key of another certificate"),
            ((good[0], garbage), 0o600, "no private key in PEM"),
            (good, 0o644, "mode 0644 lets others at the private key"),
            (expired, 0o600, "expired at")):
        served.install(cert, key)
        served.key.chmod(mode)
        line = served.reload("certificate_refused")
        assert reason in line and "the one that was in use stays" in line
        assert served.shown() == "first"
    served.key.chmod(0o600)
    served.cert.unlink()
    assert "No such file" in served.reload("certificate_refused")
    served.install(*good)
    served.reload("certificate_reloaded")
    assert served.shown() == "good"


def test_a_broken_certificate_ends_the_start(build, folder, authority):
    cert, key = authority.issue("one")
    _, other = authority.issue("two")
    argv = [build / "shithubd", "serve", "--data", folder / "data", "--listen", "127.0.0.1:0"]
    done = driver.run([*argv, "--tls-cert-file", cert], check=False)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "shithubd: --tls-cert-file: server.tls_cert_file: server.tls_key_file is missing, "
        "expected both files or none"]
    done = driver.run([*argv, "--tls-cert-file", cert, "--tls-key-file", other], check=False)
    assert done.returncode == 2  # a restart would not help
    assert len(done.stderr.decode().splitlines()) == 1
    assert f"TLS: {other}: is the key of another certificate" in done.stderr.decode()


def test_sighup_without_tls_ends_nothing(coordinator):
    coordinator.program.signal(signal.SIGHUP)
    driver.wait_for(lambda: "nothing_to_reload" in coordinator.program.log(), 20, "the line")
    assert coordinator.request("GET", "/healthz").status == 200


def test_versions(served):
    v = ssl.TLSVersion
    for version, name in ((v.TLSv1_2, "TLSv1.2"), (v.TLSv1_3, "TLSv1.3")):
        with served.connect((version, version)) as one:
            assert one.version() == name
    # Python's own OpenSSL may refuse to offer less: the tool is told to
    host = served.coordinator.base.removeprefix("https://")
    done = subprocess.run(["openssl", "s_client", "-connect", host, "-tls1_1",
                           "-cipher", "ALL:@SECLEVEL=0"], input=b"", capture_output=True, timeout=60)
    assert done.returncode != 0 and b"Cipher is (NONE)" in done.stdout
    # and whoever speaks no TLS gets nothing
    plain = socket.create_connection(tuple(host.split(":")), timeout=20)
    plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200" not in plain.recv(200)


def test_a_client_that_goes_is_seen(served):
    """Its held heartbeat must not be given a job: it ends TLS in order, which leaves bytes."""
    coordinator = served.coordinator
    gone, stays = (coordinator.register_runner(name)["token"] for name in ("gone", "stays"))
    for number, unwrap in enumerate((True, False), 1):
        one = served.connect()
        one.sendall(heartbeat(gone, "Prefer: wait=60"))
        driver.wait_for(lambda: coordinator.metric("runner_heartbeats_total") == number, 20,
                        "the held heartbeat")
        if unwrap:
            one.settimeout(0)
            with pytest.raises((ssl.SSLWantReadError, BlockingIOError)):
                one.unwrap()
        one.close()
    push_job(coordinator, "- run: 'true'\n")
    last = served.connect()
    last.sendall(heartbeat(stays))
    assert last.recv(100).startswith(b"HTTP/1.1 200")
    assert coordinator.metric("claims_total") == 1
    assert coordinator.metric("claims_returned_total") == 0


def test_half_a_handshake_is_ended(served):
    """1,200 connections that say nothing, or the beginning of a handshake."""
    host, port = served.coordinator.base.removeprefix("https://").split(":")
    flood = []
    for number in range(1200):
        one = socket.create_connection((host, int(port)), timeout=10)
        if number % 2:
            one.sendall(b"\x16\x03\x01\x02\x00\x01")
        flood.append(one)
    assert served.coordinator.request("GET", "/healthz", timeout=5).status == 200
    driver.wait_for(lambda: all(ended(one) for one in flood), 25, "the end of all of them")


def ended(one):
    one.settimeout(0)
    try:
        return one.recv(64) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
