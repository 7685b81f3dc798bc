"""`shithubd-runner doctor`: a machine where all is well, then one thing broken at a time.

The network wall it looks at stands in test_network.py.
"""
import contextlib
import email.utils
import fcntl
import hashlib
import http.server
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

import driver
from conftest import BUILD, few, once, workflow

RUNNER = BUILD / "shithubd-runner"
ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdef" * 4
OURS = {"id": 7, "name": "r7", "labels": driver.LABELS.split(","), "capacity": 1, "active_jobs": 0,
        "status": "online", "draining": False, "revoked": False, "queued_matching": [],
        "queued_matching_total": 0, "oldest_matching_at": None, "deaf": False}


class Report:
    def __init__(self, done):
        self.code, self.said = done.returncode, done.stdout.decode() + done.stderr.decode()
        self.all = json.loads(done.stdout)
        self.rows = {row["name"]: row for row in self.all["checks"]}

    def __getitem__(self, name):
        return self.rows[name]["verdict"]

    def but_pass(self):
        return {name: row["verdict"] for name, row in self.rows.items()
                if row["verdict"] not in ("pass", "skip")}


class Doctor:
    """One runner's configuration and the verdicts about it."""

    def __init__(self, folder, runner, token):
        self.runner, self.folder, self.prefix = runner, folder, []
        self.token_file = folder / "token"
        self.write_token(token)
        runner.flags.pop("token")
        runner.flags["token-file"] = self.token_file

    def write_token(self, token, mode=0o600):
        self.token_file.write_text(token)
        self.token_file.chmod(mode)

    def argv(self, *words):
        flags = [part for key, value in self.runner.flags.items() if value is not None
                 for part in (f"--{key}", value)]
        return [*self.prefix, RUNNER, "doctor", *flags, "--output", "json", *words]

    def look(self, *words):
        done = driver.run(self.argv(*words), env=self.runner.env, check=False)
        assert self.token_file.read_text() not in done.stdout.decode() + done.stderr.decode()
        assert done.stdout, done.stderr.decode()
        report = Report(done)
        print(json.dumps(report.all, indent=1))
        assert report.code == (1 if report.all["fail"] else 5 if report.all["unproved"] else 0)
        return report


@pytest.fixture
def doctor(folder, coordinator, runner):
    """A registered runner that ran once, so its folders are there."""
    token = coordinator.register_runner("r")["token"]
    made = Doctor(folder, runner(coordinator.base, token), token)
    with running(made.runner):
        pass
    return made


@contextlib.contextmanager
def running(runner):
    program = runner.start()
    driver.wait_for((runner.state / "control.sock").exists, 30, "the runner's control socket")
    yield program
    program.stop()


@few
def test_all_is_well(doctor, engine):
    with running(doctor.runner):
        driver.wait_for(lambda: doctor.look("--offline")["runner"] == "pass", 30, "the runner")
        report = doctor.look()
    # what this machine, not the runner, lacks
    assert set(report.but_pass()) <= {"egress-firewall", "landlock", "cgroup", "engine-confinement"}, report
    assert report.code == 0
    for name in ("token-accepted", "deaf", "container", "container-user", "container-files",
                 "container-limits", "state", "orphans"):
        assert report[name] == "pass", report.rows[name]
    pid = doctor.runner.programs[-1].process.pid
    assert f"of process {pid};" in report.rows["limits"]["detail"]
    assert not (doctor.runner.state / "doctor").exists()


# ---- one thing broken at a time ----

def wide_token(d):
    d.token_file.chmod(0o644)


def wrong_token(d):
    d.write_token("f" * 64)


def stopped_coordinator(d):
    d.runner.flags["server-url"] = "http://127.0.0.1:1"


def no_engine(d):
    d.runner.flags["engine-socket"] = "/nonexistent/docker.sock"


def no_image(d):
    d.runner.flags["image"] = "shithub/no-such-image:1"


def no_image_no_pull(d):
    no_image(d)
    d.runner.flags["pull"] = "never"


def no_network(d):
    d.runner.flags["network"] = "shithub-no-such-network"


def bad_profile(d):
    profile = d.folder / "profile.json"
    profile.write_text("{}")
    d.runner.flags["seccomp-profile"] = profile


def no_gate(d):
    d.runner.env["SHITHUB_RUNNER_ENGINE__GATE_PATH"] = "/nonexistent/gate"


def wide_state(d):
    d.runner.state.chmod(0o755)


def left_job(d):
    (d.runner.state / "jobs" / "42").mkdir()


def damaged_journal(d):
    (d.runner.state / "damaged").mkdir()
    (d.runner.state / "damaged" / "42").write_text("?")


def other_root(d):
    (d.runner.workspaces / ".owner").write_text("x" * 36)


def wide_root(d):
    d.runner.workspaces.chmod(0o777)


def other_labels(d):
    d.runner.flags["labels"] = driver.LABELS + ",gpu"


def token_in_sight(d):
    d.runner.flags["token"] = d.token_file.read_text()
    d.runner.flags["token-file"] = None


def soft_unit(d):
    text = (ROOT / "deploy/systemd/shithubd-runner.service").read_text()
    (d.folder / "soft.service").write_text(text.replace("NoNewPrivileges=yes", ""))
    d.runner.flags["unit"] = d.folder / "soft.service"


def few_files(d):
    d.prefix = ["prlimit", "--nofile=256"]


# The others are found without a word to the coordinator, and without a container.
ONLINE = {wide_token, wrong_token, stopped_coordinator, bad_profile, other_labels}


@once
@pytest.mark.parametrize("broken, expected, words", [
    (wide_token, {"configuration": "fail", "token-kept": "fail", "token-accepted": "fail"},
     "mode 0644"),
    (wrong_token, {"token-accepted": "fail"}, "refused: HTTP 401: runner token"),
    (stopped_coordinator, {"server": "fail"}, "127.0.0.1:1"),
    (no_engine, {"engine": "fail"}, "/nonexistent/docker.sock"),
    (no_image, {"image": "warn"}, "no-such-image"),
    (no_image_no_pull, {"image": "fail"}, "no-such-image"),
    (no_network, {"network": "fail"}, "does not exist"),
    (bad_profile, {"seccomp": "fail", "container": "fail"}, "defaultAction"),
    (no_gate, {"gate": "fail"}, "/nonexistent/gate"),
    (wide_state, {"state": "fail"}, "0755"),
    (left_job, {"left-over-jobs": "warn"}, "1 jobs"),
    (damaged_journal, {"left-over-jobs": "warn"}, "1 journals"),
    (other_root, {"workspace": "fail"}, "belongs to another runner"),
    (wide_root, {"workspace": "fail"}, "others may write"),
    (other_labels, {"registration": "warn"}, "gpu"),
    (token_in_sight, {"configuration": "warn", "token-kept": "warn"}, "command line"),
    (soft_unit, {"unit": "warn"}, "NoNewPrivileges is not set"),
    (few_files, {"limits": "warn"}, "256"),
], ids=lambda value: value.__name__ if callable(value) else None)
def test_doctor_finds_each_fault(doctor, broken, expected, words):
    broken(doctor)
    report = doctor.look(*([] if broken in ONLINE else ["--offline"]))
    found = report.but_pass()
    for machine in {"egress-firewall", "landlock", "cgroup", "engine-confinement"} - set(expected):
        found.pop(machine, None)
    assert found == expected
    assert any(words in report.rows[name]["detail"] for name in expected)
    for name in expected:
        assert report.rows[name]["remedy"] and "\n" not in report.rows[name]["remedy"]


@contextlib.contextmanager
def mounted(path, options):
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@once
def test_doctor_finds_a_full_disk(doctor):
    doctor.runner.flags["min-free"] = "5"
    with mounted(doctor.runner.workspaces, "size=1m,mode=755") as path:
        assert doctor.look("--offline")["disk"] == "pass"
        (path / "fill").write_bytes(b"x" * (900 << 10))
        assert doctor.look("--offline")["disk"] == "warn"
        (path / "fill").write_bytes(b"x" * (1020 << 10))
        report = doctor.look("--offline")
    assert report.but_pass() == {"disk": "fail"} and report.code == 1


@once
@pytest.mark.parametrize("options, verdict", [("noexec", "warn"), ("ro", "fail")])
def test_doctor_finds_wrong_mount_options(doctor, options, verdict):
    with mounted(doctor.runner.workspaces, f"size=1m,mode=755,{options}"):
        assert doctor.look("--offline")["workspace"] == verdict


@once
def test_doctor_removes_what_a_killed_one_left(doctor, engine):
    """What a doctor that was killed left is taken away by the next, and two do not mix."""
    label = "doctor-" + hashlib.sha256(str(doctor.runner.state).encode()).hexdigest()[:16]

    def boxes():
        return {box["Id"] for box in engine.containers(f"sh.shithub.runner={label}")}

    with open(doctor.runner.state / "doctor.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        report = doctor.look()
        assert report["container"] == "skip" and report.code == 5
        assert "another doctor" in report.rows["container"]["detail"]
    killed = subprocess.Popen([str(one) for one in doctor.argv()], env=doctor.runner.env,
                              stdout=subprocess.DEVNULL)
    driver.wait_for(boxes, 30, "its container")
    killed.kill()
    killed.wait()
    assert boxes()
    assert doctor.look()["container"] == "pass"
    assert not boxes() and not (doctor.runner.state / "doctor").exists()


@once
def test_root_doctor_leaves_files_to_the_runner(doctor):
    """Root looks first, then the runner's own user does."""
    for path in (doctor.runner.folder, *doctor.runner.folder.rglob("*"), doctor.token_file):
        os.chown(path, 990, 990)
    assert doctor.look()["container"] == "pass"
    assert {path.stat().st_uid for path in doctor.runner.state.rglob("*")} == {990}
    assert not (doctor.runner.state / "doctor.lock").exists()
    doctor.prefix = ["setpriv", "--reuid=990", "--regid=990", "--groups",
                     str(os.stat(os.environ["DOCKER_HOST"].removeprefix("unix://")).st_gid)]
    assert doctor.look("--user", "auto")["container"] == "pass"


@once
def test_orphan_and_live_containers(doctor, engine, image):
    mine = doctor.runner.instance_ids()[0]
    body = {"Image": image, "Cmd": ["true"],
            "Labels": {"sh.shithub.runner": mine, "sh.shithub.job": "42"}}
    box = engine.api("POST", "/containers/create", body)["Id"]
    try:
        lease = doctor.runner.state / "leases" / "4-42"
        lease.write_text("{}")
        os.utime(lease, (1, 1))
        with open(lease) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert doctor.look("--offline")["orphans"] == "pass"
        report = doctor.look("--offline")
        assert report["orphans"] == "warn" and box[:12] in report.rows["orphans"]["detail"]
    finally:
        engine.api("DELETE", f"/containers/{box}?force=1")


@once
def test_lock_without_a_runner(doctor):
    with open(doctor.runner.state / "lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        report = doctor.look("--offline")
    assert report["runner"] == "fail"
    assert f"process {os.getpid()}" in report.rows["runner"]["detail"]
    assert doctor.look("--offline")["runner"] == "skip"


@once
def test_without_capabilities(doctor):
    doctor.runner.state.chmod(0o755)
    doctor.prefix = ["setpriv", "--reuid=990", "--regid=990", "--clear-groups", "--bounding-set",
                     "-all", "--inh-caps", "-all"]
    os.chown(doctor.token_file, 990, 990)
    report = doctor.look("--offline")
    assert report["capabilities"] == "fail" and report["state"] == "fail"
    assert "CAP_CHOWN" in report.rows["capabilities"]["detail"]


# ---- coordinators that are not as they should be ----

class Peer(http.server.BaseHTTPRequestHandler):
    """Answers as the test says and writes down what it was asked."""

    def answer(self):
        self.server.asked.append((self.command, self.path))
        status, body = self.server.answer
        self.send_response_only(status)
        if self.server.skew is not None:
            self.send_header("Date", email.utils.formatdate(time.time() + self.server.skew,
                                                            usegmt=True))
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_POST = do_HEAD = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def peer():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    made.asked, made.answer, made.skew = [], (200, OURS), 0
    made.base = f"http://127.0.0.1:{made.server_address[1]}"
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def patient(folder, peer, runner):
    """A doctor with that coordinator, and no engine: quick."""
    made = Doctor(folder, runner(peer.base, TOKEN, engine_socket="/nonexistent"), TOKEN)
    return made


def asked_for(rows, **more):
    now = time.time()
    stamp = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - ago)) for ago in (rows, 0)]
    return {**OURS, "queued_matching": [{"job_id": 4242, "queued_at": stamp[0]}],
            "queued_matching_total": 1, "oldest_matching_at": stamp[0], "now": stamp[1], **more}


@once
@pytest.mark.parametrize("skew, verdict", [
    (0, "pass"), (3, "pass"), (-30, "warn"), (30, "warn"), (-3600, "fail"), (3600, "fail"),
    (None, "skip")])
def test_doctor_compares_clocks(patient, peer, skew, verdict):
    peer.skew = skew
    report = patient.look()
    assert report["clock"] == verdict
    assert report.rows["clock"]["unproved"] == (skew is None)
    if skew in (-3600, 3600):
        assert ("ahead of" if skew < 0 else "behind") in report.rows["clock"]["detail"]


@once
@pytest.mark.parametrize("said, verdict", [
    (asked_for(900), "fail"), (asked_for(30), "pass"), (asked_for(900, active_jobs=1), "pass"),
    (asked_for(900, draining=True), "pass"), (asked_for(900, status="offline"), "warn"),
    (OURS, "pass")], ids=["idle", "young", "busy", "drained", "offline", "nothing"])
def test_doctor_finds_a_deaf_runner(patient, peer, said, verdict):
    peer.answer = (200, said)
    report = patient.look()
    assert report["deaf"] == verdict
    if verdict == "fail":
        assert "runner 7" in report.rows["deaf"]["detail"]
        assert "job 4242" in report.rows["deaf"]["detail"]


@once
def test_locally_drained_runner_is_not_deaf(doctor, repository):
    """The coordinator does not know that this runner was drained by its own operator."""
    with running(doctor.runner):
        driver.run([RUNNER, "drain", "--wait", "--state-dir", doctor.runner.state])
        repo = repository()
        repo.commit({".shithub/workflows/ci.yml": workflow("- run: 'true'")})
        repo.push()
        row = doctor.look("--offline").rows["runner"]
        assert row["verdict"] == "warn" and row["detail"].startswith("drained by hand"), row
        report = doctor.look()
    assert report["deaf"] == "pass" and "on purpose" in report.rows["deaf"]["detail"]


@once
def test_no_job_is_ever_claimed(doctor, coordinator, repository):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": workflow("- run: 'true'")})
    repo.push()
    assert doctor.look()["token-accepted"] == "pass"
    run = coordinator.show(coordinator.runs()[0]["id"])
    assert run["jobs"][0]["status"] == "queued"


@once
def test_a_coordinator_that_is_not_ours(patient, peer):
    """Nothing but a heartbeat would prove the token there, and that could claim a job."""
    peer.answer = (404, {"error": "not found"})
    patient.runner.flags["engine-socket"] = os.environ["DOCKER_HOST"].removeprefix("unix://")
    report = patient.look()
    assert report["token-accepted"] == "skip" and report.rows["token-accepted"]["unproved"]
    assert report["server"] == "pass" and report.code == 5
    assert peer.asked == [("GET", "/api/v1/runners/self")]


@once
@pytest.mark.parametrize("status", [401, 500, 200])
def test_doctor_prints_no_secret(patient, peer, status):
    peer.answer = (status, {**OURS, "name": f"<{TOKEN}>", "error": f"token {TOKEN} is bad",
                            "labels": [TOKEN]})
    for words in ((), ("--output", "text")):
        done = driver.run(patient.argv(*words), env=patient.runner.env, check=False)
        said = done.stdout + done.stderr
        assert TOKEN.encode() not in said and b"***" in said


@once
@pytest.mark.parametrize("days, trusted, expected", [
    (90, True, ("server", "pass", "tls", "pass")), (10, True, ("server", "pass", "tls", "warn")),
    (2, True, ("server", "pass", "tls", "fail")), (90, False, ("server", "fail", "tls", "skip"))])
def test_doctor_checks_the_certificate(patient, peer, folder, days, trusted, expected):
    key, certificate = folder / "key.pem", folder / "cert.pem"
    driver.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
                "-addext", "subjectAltName=IP:127.0.0.1", "-days", str(days), "-keyout", key,
                "-out", certificate])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    peer.socket = context.wrap_socket(peer.socket, server_side=True)
    patient.runner.flags["server-url"] = peer.base.replace("http:", "https:")
    if trusted:
        patient.runner.env["SHITHUB_RUNNER_SERVER__CA_FILE"] = str(certificate)
    report = patient.look()
    assert (report["server"], report["tls"]) == expected[1::2], report.rows["tls"]
    if expected[3] in ("pass", "warn"):
        assert f"in {days - 1} days" in report.rows["tls"]["detail"]


@once
def test_offline_doctor_skips_the_network(patient, peer):
    report = patient.look("--offline")
    assert peer.asked == []
    for name in ("server", "token-accepted", "clock", "container", "egress-firewall"):
        assert report[name] == "skip" and not report.rows[name]["unproved"]


# ---- engines that leave out a part of the confinement ----

class Weakener(threading.Thread):
    """Between the runner and the engine: changes what is asked for in each create."""

    def __init__(self, path, engine, change):
        super().__init__(daemon=True)
        self.engine, self.change = engine, change
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                upstream = socket.socket(socket.AF_UNIX)
                upstream.connect(self.engine)
                for one, other, rewrite in ((client, upstream, True), (upstream, client, False)):
                    threading.Thread(target=self.copy, args=(one, other, rewrite),
                                     daemon=True).start()

    def copy(self, source, target, rewrite):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if rewrite and b"/containers/create" in data.split(b"\r\n", 1)[0]:
                    data = self.weaken(source, data)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def weaken(self, source, data):
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        size = next(int(line.split(b":")[1]) for line in lines
                    if line.lower().startswith(b"content-length:"))
        while len(body) < size:
            body += source.recv(1 << 16)
        wanted = json.loads(body)
        self.change(wanted["HostConfig"], wanted)
        body = json.dumps(wanted).encode()
        lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def without_seccomp(host, _):
    host["SecurityOpt"] = ["no-new-privileges", "seccomp=unconfined"]


def with_privileges(host, _):
    host["SecurityOpt"] = [one for one in host["SecurityOpt"] if one.startswith("seccomp")]


def with_capabilities(host, _):
    host["CapDrop"] = []


def as_root(_, wanted):
    wanted["User"] = "0:0"


def writable_root(host, _):
    host["ReadonlyRootfs"] = False


def unmasked(host, _):
    host["MaskedPaths"], host["ReadonlyPaths"] = [], []


def suid_tmp(host, _):
    host["Tmpfs"] = {"/tmp": "rw,exec,suid,size=64m,mode=1777"}


def with_socket(host, _):
    host["Mounts"] = [*(host.get("Mounts") or []), {
        "Type": "bind", "Source": os.environ["DOCKER_HOST"].removeprefix("unix://"),
        "Target": "/run/podman/podman.sock"}]


def many_pids(host, _):
    host["PidsLimit"] = 100000


def more_memory(host, _):
    host["Memory"] = host["MemorySwap"] = 8 << 30


# (change, check, what the check says of it)
WEAK = [
    (without_seccomp, "container-user", "Seccomp 0, expected 2"),
    (with_privileges, "container-user", "NoNewPrivs 0, expected 1"),
    (with_capabilities, "container-user", r"CapBnd [0-9a-f]*[1-9a-f][0-9a-f]*, expected 0000000000000000"),
    (as_root, "container-user", r"Uid 0, expected \d+"),
    (writable_root, "container-files", "the root file system is writable"),
    (unmasked, "container-files", "/proc/keys is not masked"),
    (suid_tmp, "container-files", "/tmp is not a writable tmpfs with nosuid"),
    (with_socket, "container-files",
     "the container can see the engine's socket /run/podman/podman.sock"),
    (many_pids, "container-limits", "pids is 100000, expected at most 512"),
    (more_memory, "container-limits", "memory is 8589934592, expected at most 2147483648"),
]


@once
def test_a_container_without_a_wall(doctor, engine, folder):
    """Each of them alone fails its check, which has a sentence for each: one container shows all."""
    def weaken(host, wanted):
        for change, _, _ in WEAK:
            change(host, wanted)
        host["SecurityOpt"] = ["seccomp=unconfined"]  # what the first two make of it together

    weakener = Weakener(folder / "weak.sock", engine.socket, weaken)
    doctor.runner.flags["engine-socket"] = folder / "weak.sock"
    try:
        report = doctor.look()
    finally:
        weakener.listener.close()
    assert report["container"] == "pass"
    for change, check, said in WEAK:
        assert report[check] == "fail", report.rows[check]
        sentences = report.rows[check]["detail"].split("; ")
        assert any(re.fullmatch(said, one) for one in sentences), (change.__name__, sentences)


# ---- the rest ----

def test_usage(folder):
    for words, expected in ((["--output", "xml"], 2), (["--nonsense"], 2), (["extra"], 2),
                            (["--help"], 0)):
        assert driver.run([RUNNER, "doctor", *words], check=False).returncode == expected
    broken = folder / "config.toml"
    broken.write_text("[runner]\ncapacity = 0\n")
    done = driver.run([RUNNER, "doctor", "--config", broken, "--output", "json"], check=False)
    report = Report(done)
    assert report.code == 1 and report["configuration"] == "fail"
    assert f"{broken}:2" in report.rows["configuration"]["detail"]


def test_the_unit_that_comes_with_it():
    done = driver.run([RUNNER, "doctor", "--offline", "--output", "json", "--unit",
                       ROOT / "deploy/systemd/shithubd-runner.service"], check=False)
    assert Report(done)["unit"] == "pass"


SHOWN = """User=shithub-runner
LoadState=loaded
NoNewPrivileges=yes
AmbientCapabilities=cap_chown cap_dac_override cap_fowner cap_setgid cap_setuid
CapabilityBoundingSet=cap_chown cap_dac_override cap_fowner cap_setgid cap_setuid
ProtectSystem=%s
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictNamespaces=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
SystemCallFilter=accept bind chmod
"""


@pytest.mark.parametrize("answer, verdict, unproved", [
    (SHOWN % "strict", "pass", False), (SHOWN % "no", "warn", False),
    ("LoadState=not-found\n", "skip", False), (None, "skip", True)],
    ids=["hard", "soft", "absent", "mute"])
def test_unit_as_systemd_tells(folder, answer, verdict, unproved):
    """No systemd runs where the tests do: one is pretended, in a mount namespace of its own."""
    tool = folder / "systemctl"
    tool.write_text("#!/bin/sh\n" + (f"cat <<'END'\n{answer}END\n" if answer else "exit 1\n"))
    tool.chmod(0o755)
    done = driver.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /run && "
                       "mkdir -p /run/systemd/system && exec \"$@\"", "sh", RUNNER, "doctor",
                       "--offline", "--output", "json"], check=False,
                      env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
    row = Report(done).rows["unit"]
    assert (row["verdict"], row["unproved"]) == (verdict, unproved), row
