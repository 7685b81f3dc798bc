"""The egress firewall on a host of its own with a small internet around it (internet.py)."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

import driver
import internet
from conftest import BUILD, early, sleeping, workflow

pytestmark = [early, pytest.mark.xdist_group("network")]
RUNNER = BUILD / "shithubd-runner"
ALLOWED = ("allowed.test", "alias.test", "*.wild.test", "private.test", "carrier.test",
           "metadata.test", "outer.test")
EVENT = re.compile(r'"(egress_firewall_(up|down|foreign)|network_open)"')
TABLE = "egress_shithub_actions"
CHECKS = {"firewall", "allowed name", "other name", "direct address", "other resolver",
          "DNS over TCP",
         "metadata", "private range", "host port", "neighbour", "IPv6"}


@pytest.fixture(scope="module")
def world(request):
    yield from internet.lived(request, "network")


class Firewall:
    """The verbs of `network` on the world's host, with one configuration."""

    def __init__(self, world, folder):
        self.world, self.folder, self.state = world, folder, folder / "state"
        self.dir = folder / "firewall/shithub-actions"
        self.config = folder / "config.toml"
        self.configure()

    def configure(self, names=ALLOWED, image="empty:1", network="", engine="", socket=None):
        upstream = "" if "upstream_dns" in network else 'upstream_dns = ["25.18.0.53"]'
        self.config.write_text(f"""
[runner]
state_dir = "{self.state}"
workspace_root = "{self.folder}/workspaces"
network_allowlist = {json.dumps(list(names))}
[engine]
socket = "{socket or self.world.socket}"
default_image = "{image}"
{engine}
[network]
dir = "{self.folder}/firewall"
{upstream}
{network}
""")

    def run(self, verb, *words, code=0):
        done = self.world.host.run(RUNNER, "network", verb, "--config", self.config, *words,
                                   check=False)
        said = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == code, said
        return said

    def up(self, *words, code=0):
        return self.run("up", *words, code=code)

    def check(self, *words, code=0):
        """The rows of the report; what they say is printed for the caller's failure."""
        report = json.loads(self.run("check", "--output", "json", *words, code=code))
        print(json.dumps(report, indent=1))
        return report["rows"]

    def nft(self, *words, check=True):
        return self.world.host.run("nft", *words, check=check).stdout.decode()

    def pid(self):
        return int((self.dir / "dnsmasq.pid").read_text())

    def networks(self):
        out = driver.run(["docker", "-H", f"unix://{self.world.socket}", "network", "ls",
                          "--format", "{{.Name}}"]).stdout.decode()
        return set(out.split())

    def probe(self, *probes):
        """What a container on the network sees: [("open" or "closed", detail)]."""
        said = self.docker("run", "--rm", "--network", "shithub-actions", "--dns", "172.30.0.1",
                           "-v", f"{BUILD}/shithub-probe:/probe:ro", "empty:1", "/probe", *probes)
        lines = sorted(said.stdout.decode().splitlines(), key=lambda line: int(line.split()[0]))
        assert len(lines) == len(probes)
        return [tuple(line.split(" ", 2)[1:]) for line in lines]

    def docker(self, *words, check=True):
        return driver.run(["docker", "-H", f"unix://{self.world.socket}", *words], check=check)


@pytest.fixture
def firewall(world, folder):
    made = Firewall(world, folder)
    yield made
    made.configure()
    made.up()  # a stopped resolver or a changed table is no reason for down to fail
    made.run("down")
    assert TABLE not in made.nft("list", "tables")
    assert "shithub-actions" not in made.networks()


def verdicts(rows, check):
    return {row["verdict"] for row in rows if row["check"] == check}


def test_up_and_down_leave_the_rest_alone(firewall):
    before = firewall.nft("--stateless", "list", "ruleset"), firewall.networks()
    assert firewall.up().count("changed") == 3
    ruleset, pid = firewall.nft("--stateless", "list", "ruleset"), firewall.pid()
    assert f"table inet {TABLE}" in ruleset and "shithub-actions" in firewall.networks()
    assert firewall.up().count("kept") == 3, "a second time changes nothing"
    assert firewall.nft("--stateless", "list", "ruleset") == ruleset and firewall.pid() == pid
    owner = driver.run(["ps", "-o", "user=", "-p", str(pid)]).stdout.decode().strip()
    assert owner == "dnsmasq", "the resolver keeps no root"
    assert firewall.run("down").count("changed") == 3
    assert (firewall.nft("--stateless", "list", "ruleset"), firewall.networks()) == before
    assert not is_resolver(firewall, pid)
    assert [path.name for path in firewall.dir.iterdir()] == ["lock"]
    assert firewall.run("down").count("absent") == 3


def test_dry_run_changes_nothing(firewall):
    before = firewall.nft("list", "ruleset"), firewall.networks()
    text = firewall.up("--dry-run")
    for part in ("POST /networks/create", f"delete table inet {TABLE}", "server=/allowed.test/",
                  "local=/*.allowed.test/", "server=/wild.test/25.18.0.53",
                  "--keep-in-foreground"):
        assert part in text, part
    firewall.run("down", "--dry-run")
    assert (firewall.nft("list", "ruleset"), firewall.networks()) == before
    assert not firewall.dir.exists()


def test_check_proves_each_rule(firewall):
    firewall.up()
    rows = firewall.check()
    assert {row["check"] for row in rows} == CHECKS
    assert {row["verdict"] for row in rows} == {"stands"}
    hosts = {row["what"].rsplit(":", 1)[0] for row in rows if row["check"] == "host port"}
    assert hosts >= {"25.18.0.1", "192.168.55.1", "172.30.0.1", "172.17.0.1", "[fd77::1]"}
    assert firewall.docker("ps", "-aq").stdout == b""
    assert {path.name for path in firewall.dir.iterdir()} == {
        "lock", "check.lock", "dnsmasq.conf", "dnsmasq.log", "dnsmasq.pid", "table.nft"}


def test_check_sees_holes(firewall):
    firewall.up()
    for hole in ("from_jobs ip daddr 1.1.1.1 accept", "from_jobs udp dport 53 accept",
                 "from_jobs tcp dport 53 accept", "from_jobs ip daddr 169.254.169.254 accept",
                 "host_in accept"):
        firewall.nft("insert", "rule", "inet", TABLE, *hole.split())
    rows = firewall.check(code=1)
    assert {row["check"] for row in rows if row["verdict"] == "fails"} == {
        "firewall", "direct address", "other resolver", "DNS over TCP", "metadata", "host port"}
    assert verdicts(rows, "private range") == verdicts(rows, "neighbour") == {"stands"}
    assert "changed" in firewall.up(), "up repairs it"
    assert {row["verdict"] for row in firewall.check()} == {"stands"}


def test_doctor_checks_the_firewall(firewall):
    def row():
        said = firewall.world.host.run(RUNNER, "doctor", "--config", firewall.config,
                                       "--output", "json", check=False).stdout
        return {row["name"]: row for row in json.loads(said)["checks"]}["egress-firewall"]

    firewall.up()
    assert row()["verdict"] == "pass"
    firewall.nft("insert", "rule", "inet", TABLE, "host_in", "accept")
    found = row()
    assert found["verdict"] == "fail" and "first firewall" in found["detail"]


def test_flush_by_others(firewall):
    """What a configuration of nftables that begins with "flush ruleset" does to a host."""
    firewall.up()
    firewall.nft("flush", "ruleset")
    firewall.world.restart_engine()  # its own rules went too
    assert "changed" in firewall.up()
    firewall.world.host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    rows = firewall.check(code=1)
    assert verdicts(rows, "neighbour") == {"fails"}
    assert "containers can reach each other" in rows[0]["detail"]
    firewall.up()
    assert {row["verdict"] for row in firewall.check()} == {"stands"}


def test_only_allowed_names_resolve(firewall):
    firewall.up()
    said = firewall.probe(*(f"name,{name},443" for name in (
        "allowed.test", "ALLOWED.test", "alias.test", "wild.test", "a.wild.test",
        "b.a.wild.test")))
    assert [word for word, _ in said] == ["open"] * 6, said
    others = ("other.test", "below.allowed.test", "nowild.test", "example.com",
              "allowed.test.other.test")
    said = firewall.probe(*(f"resolve,{name}" for name in others))
    assert said == [("closed", "no such name")] * len(others)
    asked = firewall.world.upstream_log()
    for name in others:
        assert f" {name} " not in asked, "it is not even asked for"


def test_names_that_lead_inside(firewall):
    """Allowed names whose owner points them at private addresses or at this host."""
    names = ("private.test", "carrier.test", "metadata.test", "outer.test")
    firewall.up()
    said = firewall.probe(*(f"name,{name},443" for name in names))
    assert [word for word, _ in said] == ["closed"] * 4, said
    firewall.configure(network='allow_private = ["10.99.0.5", "100.64.0.0/24", "10.99.0.0/24"]')
    firewall.up()
    said = firewall.probe(*(f"name,{name},443" for name in names))
    assert [word for word, _ in said] == ["open", "open", "closed", "closed"], said
    assert {row["verdict"] for row in firewall.check()} == {"stands"}
    # an address of the host itself is opened by naming it alone
    firewall.configure(network='allow_private = ["25.18.0.0/24"]\nports = ["8080"]')
    firewall.up()
    with firewall.world.host_listener(8080):
        assert firewall.probe("name,outer.test,8080")[0][0] == "closed"
        firewall.configure(network='allow_private = ["25.18.0.1"]\nports = ["8080"]')
        firewall.up()
        assert firewall.probe("name,outer.test,8080") == [("open", "25.18.0.1")]


def test_an_address_is_open_only_while_handed_out(firewall):
    firewall.up()
    address = "connect,25.18.1.10,443"
    assert firewall.probe(address)[0][0] == "closed"
    assert firewall.probe("resolve,allowed.test") == [("open", "25.18.1.10")]
    said = firewall.probe(address, "connect,25.18.1.10,8080", "connect,25.18.1.20,443",
                      "datagram,25.18.1.10,443")
    assert [word for word, _ in said] == ["open", "closed", "closed", "closed"], said
    assert "25.18.1.10" in firewall.nft("list", "set", "inet", TABLE, "handed_out")


HOLD = """
import select, socket, sys, time
address, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
poll, waiting, made = select.poll(), {}, []
for _ in range(n):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex((address, port))
    waiting[one.fileno()] = one
    poll.register(one, select.POLLOUT)
end = time.monotonic() + 10
while waiting and time.monotonic() < end:
    for fd, _ in poll.poll(200):
        poll.unregister(fd)
        one = waiting.pop(fd)
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            made.append(one)
print(len(made), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def holding(firewall, address, port, n):
    """A container whose network holds up to n connections; how many of them were made."""
    name = firewall.docker("run", "-d", "--rm", "--network", "shithub-actions", "-v",
                           f"{BUILD}/shithub-probe:/probe:ro", "empty:1", "/probe",
                           "listen,9999").stdout.decode().strip()
    try:
        pid = firewall.docker("inspect", "-f", "{{.State.Pid}}", name).stdout.decode().strip()
        held = subprocess.Popen(["prlimit", "--nofile=8192:8192", "nsenter", "-t", pid, "-n", sys.executable,
                                 "-c", HOLD, address, str(port), str(n)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            yield int(held.stdout.readline())
        finally:
            held.stdin.close()
            held.wait(10)
    finally:
        firewall.docker("kill", name)


def test_idle_connections_to_the_resolver_stop_nobody_else(firewall):
    firewall.up()
    with holding(firewall, "172.30.0.1", 53, 40) as made:
        assert made <= 4
        said = firewall.probe("resolve,allowed.test", "dns,tcp,172.30.0.1,allowed.test")
        assert [word for word, _ in said] == ["open", "open"], said
    assert firewall.probe("dns,tcp,172.30.0.1,allowed.test")[0][0] == "open"


def test_jobs_together_leave_a_neighbour_its_resolver(firewall):
    """Each within its share, they would have taken all connections that dnsmasq serves by default."""
    firewall.up()
    with contextlib.ExitStack() as jobs:
        for _ in range(6):
            assert jobs.enter_context(holding(firewall, "172.30.0.1", 53, 40)) == 4
        assert firewall.probe("dns,tcp,172.30.0.1,allowed.test")[0][0] == "open"


def test_one_job_has_a_share_of_the_connections(firewall):
    firewall.up()
    assert firewall.probe("resolve,allowed.test") == [("open", "25.18.1.10")]
    with holding(firewall, "25.18.1.10", 443, 1500):
        counted = firewall.nft("list", "counter", "inet", TABLE, "refused_limit")
        assert int(re.search(r"packets (\d+)", counted).group(1)) >= 1500 - 1024
        assert firewall.probe("connect,25.18.1.10,443")[0][0] == "open", "a neighbour is not concerned"


def test_unproved_without_upstream(firewall):
    firewall.configure(network='upstream_dns = ["25.18.0.99"]')
    firewall.up()
    rows = firewall.check(code=5)
    assert verdicts(rows, "allowed name") == {"unproved"}
    assert {row["check"] for row in rows if row["verdict"] != "stands"} == {"allowed name"}


def test_survives_an_engine_restart(firewall):
    firewall.up()
    firewall.world.restart_engine()
    assert {row["verdict"] for row in firewall.check()} == {"stands"}
    assert firewall.up().count("kept") == 3


def test_refuses_a_network_it_cannot_guard(firewall):
    firewall.docker("network", "create", "--subnet", "172.29.0.0/24", "shithub-actions")
    try:
        said = firewall.up(code=3)
        assert "network shithub-actions exists and its bridge is unnamed" in said
        assert TABLE not in firewall.nft("list", "tables"), "nothing was made"
        firewall.run("down")
        assert "shithub-actions" in firewall.networks(), "it is not ours to remove"
    finally:
        firewall.docker("network", "rm", "shithub-actions")


def test_uses_but_keeps_a_network_of_others(firewall):
    firewall.docker("network", "create", "--subnet", "172.30.0.0/24", "--gateway", "172.30.0.1",
                    "-o",
                "com.docker.network.bridge.name=shithub-actions", "shithub-actions")
    try:
        assert "foreign" in firewall.up()
        assert {row["verdict"] for row in firewall.check()} == {"stands"}, "whatever its icc says"
        assert "foreign" in firewall.run("down")
        assert "shithub-actions" in firewall.networks()
    finally:
        firewall.docker("network", "rm", "shithub-actions")


def test_down_waits_for_containers(firewall):
    firewall.up()
    firewall.docker("run", "-d", "--name", "guest", "--network", "shithub-actions", "-v",
                f"{BUILD}/shithub-probe:/probe:ro", "empty:1", "/probe", "listen,80")
    try:
        assert "1 containers use network" in firewall.run("down", code=3)
        assert TABLE in firewall.nft("list", "tables")
    finally:
        firewall.docker("rm", "-f", "guest")


def test_a_pid_file_is_no_identity(firewall):
    """The resolver died and another process has its number. That process is left alone."""
    firewall.up()
    os.kill(firewall.pid(), signal.SIGKILL)
    driver.wait_for(lambda: not resolver_lives(firewall), 10, "the resolver's end")
    with sleeping() as victim:
        (firewall.dir / "dnsmasq.pid").write_text(f"{victim.pid}\n")
        assert "resolver  172.30.0.1                      changed" in firewall.up()
        firewall.run("down")
        assert victim.poll() is None


def is_resolver(firewall, pid):
    """Whether the process is this resolver; a zombie has no command line."""
    try:
        return str(firewall.dir) in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def resolver_lives(firewall):
    try:
        return is_resolver(firewall, firewall.pid())
    except (FileNotFoundError, ValueError):
        return False


def test_a_supervised_resolver(firewall):
    """What a service does: up --no-resolver, then the command line that it prints."""
    said = json.loads(firewall.up("--no-resolver", "--output", "json"))
    service = firewall.world.host.start(*said["resolver"]["command"],
                                           log=firewall.folder / "service.log")
    driver.wait_for(lambda: resolver_lives(firewall), 10, "the resolver")
    assert firewall.up().count("kept") == 3
    firewall.configure(names=["allowed.test"])
    assert "restart it" in firewall.up(code=3)
    assert "stop that first" in firewall.run("down", code=3)
    service.stop()
    firewall.up("--no-resolver")
    service = firewall.world.host.start(*said["resolver"]["command"],
                                           log=firewall.folder / "service.log")
    driver.wait_for(lambda: resolver_lives(firewall), 10, "the resolver")
    assert {row["verdict"] for row in firewall.check()} == {"stands"}
    service.stop()


def test_podman(firewall):
    """The same firewall around a bridge of Podman. Podman's own resolver stays off."""
    with firewall.world.podman() as socket:
        firewall.configure(image="docker.io/library/empty:latest", socket=socket,
                       engine='network = "walled"', network='subnet = "172.28.5.0/24"')
        assert firewall.up().count("changed") == 3
        assert firewall.up().count("kept") == 3
        rows = firewall.check()
        assert {row["verdict"] for row in rows} == {"stands"}
        assert {row["check"] for row in rows} == CHECKS
        assert any(row["what"].startswith("172.28.5.1:") for row in rows)
        assert firewall.run("down").count("changed") == 3


def test_needs_root(firewall):
    done = firewall.world.host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               RUNNER, "network", "up", "--state-dir", "/tmp/nobody", check=False)
    assert done.returncode == 3 and b"need root" in done.stderr


# ---- jobs ----

@pytest.fixture
def local(firewall, engines):
    """local(steps): runs them with `exec` on the world's host; the CompletedProcess."""
    firewall.world.copy_image(engines.image("docker"), engines["docker"].socket)
    firewall.configure(image="shithub/runner-test:1")
    root = firewall.folder / "repo"
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def make(steps):
        file = root / ".shithub/workflows/ci.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(workflow(steps))
        driver.run(["git", "init", "-q", root], env=env)
        return driver.run(firewall.world.host.enter(RUNNER, "exec", "--config", firewall.config,
                                                "--engine-socket", firewall.world.socket, cwd=root),
                          env=env, check=False)
    return make


def test_jobs_fail_closed(firewall, local):
    firewall.up()
    firewall.nft("delete", "table", "inet", TABLE)
    closed = local("- run: echo the step ran")
    text = closed.stdout.decode() + closed.stderr.decode()
    assert closed.returncode == 1 and "the step ran" not in text.replace("echo the step ran", "")
    assert (f"[shithub] error: egress firewall is down: nftables has no table {TABLE}, and no "
            "other firewall has proved itself; run `shithubd-runner network up`") in text
    firewall.up()
    opened = local("""
        - shell: python
          run: |
            import socket
            import struct
            socket.create_connection(("allowed.test", 80), 5)
            for closed in ("other.test", "below.allowed.test", "25.18.1.20"):
                try:
                    socket.create_connection((closed, 80), 5)
                except OSError:
                    continue
                raise SystemExit(f"{closed} is open")
            def ask(name, kind):
                question = struct.pack(">6H", 7, 256, 1, 0, 0, 0)
                question += b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
                asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                asker.settimeout(5)
                asker.sendto(question + struct.pack(">BHH", 0, kind, 1), ("172.30.0.1", 53))
                return asker.recv(512)
            for kind in (1, 12, 15, 16, 28, 33, 65, 255):
                answer = ask("other.test", kind)
                assert struct.unpack(">H", answer[6:8]) == (0,) and answer[3] & 15 != 0, kind
    """)
    text = opened.stdout.decode() + opened.stderr.decode()
    assert opened.returncode == 0, text
    assert "secret-way-out" not in text and "other.test" not in firewall.world.upstream_log()


def test_run_says_what_steps_reach(firewall):
    def started(*words):
        log = firewall.folder / f"run-{time.monotonic()}.log"
        program = firewall.world.host.start(
            RUNNER, "run", "--config", firewall.config, "--server-url", "http://127.0.0.1:9",
            "--token", "0" * 64, "--labels", "a", "--log-format", "json", *words, log=log)
        driver.wait_for(lambda: EVENT.search(program.log()), 30, "the event about the network")
        program.stop()
        return next(json.loads(line) for line in program.log().splitlines() if EVENT.search(line))

    line = started()
    assert (line["event"], line["level"]) == ("egress_firewall_foreign", "warn")
    assert "no job is claimed until" in line["effect"] and "network up" in line["remedy"]
    firewall.configure(names=[])
    assert started()["event"] == "network_open"
    firewall.configure()
    firewall.up()
    assert started()["event"] == "egress_firewall_up"
    os.kill(firewall.pid(), signal.SIGKILL)
    driver.wait_for(lambda: not resolver_lives(firewall), 10, "the resolver's end")
    assert "the resolver on 172.30.0.1 does not run" in started()["error"]
    firewall.configure(names=["allowed.test"])
    assert "another configuration" in started()["error"]
