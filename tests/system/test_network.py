"""The network wall on a host of its own with a small internet around it (internet.py)."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

import driver
import internet
from conftest import BUILD, keep_logs, workflow

pytestmark = pytest.mark.xdist_group("network")
RUNNER = BUILD / "shithubd-runner"
ALLOWED = ("allowed.test", "alias.test", "*.wild.test", "private.test", "carrier.test",
           "metadata.test", "outer.test")
TABLE = "wall_shithub_actions"
WALLS = {"wall", "allowed name", "other name", "direct address", "other resolver", "DNS over TCP",
         "metadata", "private range", "host port", "neighbour", "IPv6"}


@pytest.fixture(scope="module")
def world(request):
    made = internet.World()
    made.empty_image()
    failed = request.session.testsfailed
    yield made
    if request.session.testsfailed > failed:
        keep_logs("network", sorted(made.folder.glob("*.log")))
    made.stop()


class Wall:
    """The verbs of `network` on the world's host, with one configuration."""

    def __init__(self, world, folder):
        self.world, self.folder, self.state = world, folder, folder / "state"
        self.dir = folder / "wall/shithub-actions"
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
dir = "{self.folder}/wall"
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
        """{(wall, what): verdict}; details are in the assertion of the caller's failure."""
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
def wall(world, folder):
    made = Wall(world, folder)
    yield made
    made.configure()
    made.up()  # a stopped resolver or a changed table is no reason for down to fail
    made.run("down")
    assert TABLE not in made.nft("list", "tables")
    assert "shithub-actions" not in made.networks()


def verdicts(rows, wall):
    return {row["verdict"] for row in rows if row["wall"] == wall}


def test_up_and_down_leave_the_rest_alone(wall):
    before = wall.nft("--stateless", "list", "ruleset"), wall.networks()
    assert wall.up().count("changed") == 3
    ruleset, pid = wall.nft("--stateless", "list", "ruleset"), wall.pid()
    assert f"table inet {TABLE}" in ruleset and "shithub-actions" in wall.networks()
    assert wall.up().count("kept") == 3, "a second time changes nothing"
    assert wall.nft("--stateless", "list", "ruleset") == ruleset and wall.pid() == pid
    owner = driver.run(["ps", "-o", "user=", "-p", str(pid)]).stdout.decode().strip()
    assert owner == "dnsmasq", "the resolver keeps no root"
    assert wall.run("down").count("changed") == 3
    assert (wall.nft("--stateless", "list", "ruleset"), wall.networks()) == before
    assert not is_resolver(wall, pid)
    assert [path.name for path in wall.dir.iterdir()] == ["lock"]
    assert wall.run("down").count("absent") == 3


def test_dry_run_changes_nothing(wall):
    before = wall.nft("list", "ruleset"), wall.networks()
    text = wall.up("--dry-run")
    for part in ("POST /networks/create", f"delete table inet {TABLE}", "server=/allowed.test/",
                  "local=/*.allowed.test/", "server=/*.wild.test/25.18.0.53",
                  "--keep-in-foreground"):
        assert part in text, part
    wall.run("down", "--dry-run")
    assert (wall.nft("list", "ruleset"), wall.networks()) == before
    assert not wall.dir.exists()


def test_check_proves_every_wall(wall):
    wall.up()
    rows = wall.check()
    assert {row["wall"] for row in rows} == WALLS
    assert {row["verdict"] for row in rows} == {"stands"}
    hosts = {row["what"].rsplit(":", 1)[0] for row in rows if row["wall"] == "host port"}
    assert hosts >= {"25.18.0.1", "192.168.55.1", "172.30.0.1", "172.17.0.1", "[fd77::1]"}
    assert wall.docker("ps", "-aq").stdout == b""
    assert {path.name for path in wall.dir.iterdir()} == {
        "lock", "check.lock", "dnsmasq.conf", "dnsmasq.log", "dnsmasq.pid", "table.nft"}


def test_check_sees_holes(wall):
    wall.up()
    for hole in ("from_jobs ip daddr 1.1.1.1 accept", "from_jobs udp dport 53 accept",
                 "from_jobs tcp dport 53 accept", "from_jobs ip daddr 169.254.169.254 accept",
                 "host_in accept"):
        wall.nft("insert", "rule", "inet", TABLE, *hole.split())
    rows = wall.check(code=1)
    assert {row["wall"] for row in rows if row["verdict"] == "fails"} == {
        "wall", "direct address", "other resolver", "DNS over TCP", "metadata", "host port"}
    assert verdicts(rows, "private range") == verdicts(rows, "neighbour") == {"stands"}
    assert "changed" in wall.up(), "up repairs it"
    assert {row["verdict"] for row in wall.check()} == {"stands"}


def test_doctor_asks_the_wall(wall):
    def row():
        said = wall.world.host.run(RUNNER, "doctor", "--config", wall.config, "--output", "json",
                                   check=False).stdout
        return {row["name"]: row for row in json.loads(said)["checks"]}["network-wall"]

    wall.up()
    assert row()["verdict"] == "pass"
    wall.nft("insert", "rule", "inet", TABLE, "host_in", "accept")
    found = row()
    assert found["verdict"] == "fail" and "first wall" in found["detail"]


def test_flush_by_others(wall):
    """What a configuration of nftables that begins with "flush ruleset" does to a host."""
    wall.up()
    wall.nft("flush", "ruleset")
    wall.world.restart_engine()  # its own rules went too
    assert "changed" in wall.up()
    wall.world.host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    rows = wall.check(code=1)
    assert verdicts(rows, "neighbour") == {"fails"}
    assert "containers can reach each other" in rows[0]["detail"]
    wall.up()
    assert {row["verdict"] for row in wall.check()} == {"stands"}


def test_names(wall):
    wall.up()
    said = wall.probe(*(f"name,{name},443" for name in (
        "allowed.test", "ALLOWED.test", "alias.test", "a.wild.test", "b.a.wild.test")))
    assert [word for word, _ in said] == ["open"] * 5, said
    others = ("other.test", "below.allowed.test", "wild.test", "nowild.test", "example.com",
              "allowed.test.other.test")
    said = wall.probe(*(f"resolve,{name}" for name in others))
    assert said == [("closed", "no such name")] * len(others)
    asked = wall.world.upstream_log()
    for name in others:
        assert f" {name} " not in asked, "it is not even asked for"


def test_names_that_lead_inside(wall):
    """Allowed names whose owner points them at private addresses or at this very host."""
    names = ("private.test", "carrier.test", "metadata.test", "outer.test")
    wall.up()
    said = wall.probe(*(f"name,{name},443" for name in names))
    assert [word for word, _ in said] == ["closed"] * 4, said
    wall.configure(network='allow_private = ["10.99.0.5", "100.64.0.0/24", "10.99.0.0/24"]')
    wall.up()
    said = wall.probe(*(f"name,{name},443" for name in names))
    assert [word for word, _ in said] == ["open", "open", "closed", "closed"], said
    assert {row["verdict"] for row in wall.check()} == {"stands"}
    # an address of the host itself is opened by naming it alone
    wall.configure(network='allow_private = ["25.18.0.0/24"]\nports = ["8080"]')
    wall.up()
    with wall.world.host_listener(8080):
        assert wall.probe("name,outer.test,8080")[0][0] == "closed"
        wall.configure(network='allow_private = ["25.18.0.1"]\nports = ["8080"]')
        wall.up()
        assert wall.probe("name,outer.test,8080") == [("open", "25.18.0.1")]


def test_an_address_is_open_only_while_handed_out(wall):
    wall.up()
    address = "connect,25.18.1.10,443"
    assert wall.probe(address)[0][0] == "closed"
    assert wall.probe("resolve,allowed.test") == [("open", "25.18.1.10")]
    said = wall.probe(address, "connect,25.18.1.10,8080", "connect,25.18.1.20,443",
                      "datagram,25.18.1.10,443")
    assert [word for word, _ in said] == ["open", "closed", "closed", "closed"], said
    assert "25.18.1.10" in wall.nft("list", "set", "inet", TABLE, "handed_out")


def test_unproved_without_upstream(wall):
    wall.configure(network='upstream_dns = ["25.18.0.99"]')
    wall.up()
    rows = wall.check(code=5)
    assert verdicts(rows, "allowed name") == {"unproved"}
    assert {row["wall"] for row in rows if row["verdict"] != "stands"} == {"allowed name"}


def test_survives_an_engine_restart(wall):
    wall.up()
    wall.world.restart_engine()
    assert {row["verdict"] for row in wall.check()} == {"stands"}
    assert wall.up().count("kept") == 3


def test_refuses_a_network_it_cannot_guard(wall):
    wall.docker("network", "create", "--subnet", "172.29.0.0/24", "shithub-actions")
    try:
        said = wall.up(code=3)
        assert "network shithub-actions exists and its bridge is unnamed" in said
        assert TABLE not in wall.nft("list", "tables"), "nothing was made"
        wall.run("down")
        assert "shithub-actions" in wall.networks(), "it is not ours to remove"
    finally:
        wall.docker("network", "rm", "shithub-actions")


def test_uses_but_keeps_a_network_of_others(wall):
    wall.docker("network", "create", "--subnet", "172.30.0.0/24", "--gateway", "172.30.0.1", "-o",
                "com.docker.network.bridge.name=shithub-actions", "shithub-actions")
    try:
        assert "foreign" in wall.up()
        assert {row["verdict"] for row in wall.check()} == {"stands"}, "whatever its icc says"
        assert "foreign" in wall.run("down")
        assert "shithub-actions" in wall.networks()
    finally:
        wall.docker("network", "rm", "shithub-actions")


def test_down_waits_for_containers(wall):
    wall.up()
    wall.docker("run", "-d", "--name", "guest", "--network", "shithub-actions", "-v",
                f"{BUILD}/shithub-probe:/probe:ro", "empty:1", "/probe", "listen,80")
    try:
        assert "1 containers use network" in wall.run("down", code=3)
        assert TABLE in wall.nft("list", "tables")
    finally:
        wall.docker("rm", "-f", "guest")


def test_a_pid_file_is_no_identity(wall):
    """The resolver died and its number is somebody else's: that one is left alone."""
    wall.up()
    os.kill(wall.pid(), signal.SIGKILL)
    driver.wait_for(lambda: not resolver_lives(wall), 10, "the resolver's end")
    with subprocess.Popen(["sleep", "1000"]) as victim:
        (wall.dir / "dnsmasq.pid").write_text(f"{victim.pid}\n")
        assert "resolver  172.30.0.1                      changed" in wall.up()
        wall.run("down")
        assert victim.poll() is None
        victim.kill()


def is_resolver(wall, pid):
    """A zombie has no command line any more."""
    try:
        return str(wall.dir) in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def resolver_lives(wall):
    try:
        return is_resolver(wall, wall.pid())
    except (FileNotFoundError, ValueError):
        return False


def test_a_supervised_resolver(wall):
    """As a service does it: up --no-resolver, then the command line that it names."""
    said = json.loads(wall.up("--no-resolver", "--output", "json"))
    service = wall.world.host.start(*said["resolver"]["command"], log=wall.folder / "service.log")
    driver.wait_for(lambda: resolver_lives(wall), 10, "the resolver")
    assert wall.up().count("kept") == 3
    wall.configure(names=["allowed.test"])
    assert "restart that" in wall.up(code=3)
    assert "stop that first" in wall.run("down", code=3)
    service.stop()
    wall.up("--no-resolver")
    service = wall.world.host.start(*said["resolver"]["command"], log=wall.folder / "service.log")
    driver.wait_for(lambda: resolver_lives(wall), 10, "the resolver")
    assert {row["verdict"] for row in wall.check()} == {"stands"}
    service.stop()


def test_podman(wall):
    """The same wall around a bridge of Podman's; its own resolver stays off."""
    with wall.world.podman() as socket:
        wall.configure(image="docker.io/library/empty:latest", socket=socket,
                       engine='network = "walled"', network='subnet = "172.28.5.0/24"')
        assert wall.up().count("changed") == 3
        assert wall.up().count("kept") == 3
        rows = wall.check()
        assert {row["verdict"] for row in rows} == {"stands"}
        assert {row["wall"] for row in rows} == WALLS
        assert any(row["what"].startswith("172.28.5.1:") for row in rows)
        assert wall.run("down").count("changed") == 3


def test_needs_root(wall):
    done = wall.world.host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               RUNNER, "network", "up", "--state-dir", "/tmp/nobody", check=False)
    assert done.returncode == 3 and b"need root" in done.stderr


# ---- jobs ----

@pytest.fixture
def local(wall, engines):
    """local(steps): runs them with `exec` on the world's host; the CompletedProcess."""
    wall.world.copy_image(engines.image("docker"), engines["docker"].socket)
    wall.configure(image="shithub/runner-test:1")
    root = wall.folder / "repo"
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def make(steps):
        file = root / ".shithub/workflows/ci.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(workflow(steps))
        driver.run(["git", "init", "-q", root], env=env)
        return driver.run(wall.world.host.enter(RUNNER, "exec", "--config", wall.config,
                                                "--engine-socket", wall.world.socket, cwd=root),
                          env=env, check=False)
    return make


def test_jobs_fail_closed(wall, local):
    wall.up()
    wall.nft("delete", "table", "inet", TABLE)
    closed = local("- run: echo the step ran")
    text = closed.stdout.decode() + closed.stderr.decode()
    assert closed.returncode == 1 and "the step ran" not in text.replace("echo the step ran", "")
    assert (f"[shithub] error: network wall is down: nftables has no table {TABLE}; "
            "run `shithubd-runner network up`") in text
    wall.up()
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
    assert "secret-way-out" not in text and "other.test" not in wall.world.upstream_log()


def test_run_says_what_steps_reach(wall):
    def started(*words):
        log = wall.folder / f"run-{time.monotonic()}.log"
        program = wall.world.host.start(
            RUNNER, "run", "--config", wall.config, "--server-url", "http://127.0.0.1:9",
            "--token", "0" * 64, "--labels", "a", "--log-format", "json", *words, log=log)
        driver.wait_for(lambda: "network_" in program.log(), 30, "the word about the network")
        program.stop()
        lines = [json.loads(line) for line in program.log().splitlines() if '"network_' in line]
        return lines[0]

    line = started()
    assert (line["event"], line["level"]) == ("network_wall_down", "error")
    assert "network up" in line["remedy"]
    wall.configure(names=[])
    assert started()["event"] == "network_open"
    wall.configure()
    wall.up()
    assert started()["event"] == "network_wall_stands"
    os.kill(wall.pid(), signal.SIGKILL)
    driver.wait_for(lambda: not resolver_lives(wall), 10, "the resolver's end")
    assert "the resolver on 172.30.0.1 does not run" in started()["error"]
    wall.configure(names=["allowed.test"])
    assert "another configuration" in started()["error"]
