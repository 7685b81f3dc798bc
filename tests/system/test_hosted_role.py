"""Files and firewall of a host that ran the hosted service's own runner, with ours in its place.

The files are what its role renders (tests/hosted-role, in our own words), the user is in the engine's
group and has no capability, and the firewall is another program's, with names of its own.
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import threading

import pytest

import driver
import internet
from conftest import BUILD, ROOT, early
from faulty import FaultyCoordinator

pytestmark = [early, pytest.mark.xdist_group("network")]
RUNNER = BUILD / "shithubd-runner"
ROLE = ROOT / "tests/hosted-role"
USER = 992
CLONE_NEWNET = 0x40000000
TRY = """
import socket
socket.create_connection(("allowed.test", 80), 5)
socket.create_connection(("wild.test", 80), 5)
for closed in ("other.test", "25.18.1.20", "172.30.0.1"):
    try:
        socket.create_connection((closed, 80), 5)
    except OSError:
        continue
    raise SystemExit(f"{closed} is open")
print("confined")
"""
RULES = """
table inet jobwall {
  set led_to { type ipv4_addr; flags timeout; timeout 1h; }
  chain out {
    type filter hook forward priority -10; policy accept;
    iifname "shact0" meta nfproto ipv6 reject
    iifname "shact0" ct state established,related accept
    iifname "shact0" ip daddr @led_to tcp dport { 80, 443 } accept
    iifname "shact0" reject
  }
  chain host {
    type filter hook input priority -10; policy accept;
    iifname "shact0" ct state established,related accept
    iifname "shact0" ip daddr 172.30.0.1 meta l4proto { tcp, udp } th dport 53 accept
    iifname "shact0" reject
  }
}
"""
RESOLVER = """
interface=shact0
bind-dynamic
except-interface=lo
no-resolv
no-hosts
user=root
pid-file=
log-facility=-
address=/#/
server=/allowed.test/25.18.0.53
server=/wild.test/25.18.0.53
nftset=/allowed.test/wild.test/4#inet#jobwall#led_to
"""


class Wall:
    """A firewall around the bridge shact0 that knows nothing of ours."""

    def __init__(self, world):
        self.world = world
        self.docker("network", "create", "--subnet", "172.30.0.0/24", "--gateway", "172.30.0.1",
                    "-o", "com.docker.network.bridge.name=shact0", "shithub-actions")
        self.nft("-f", "-", stdin=RULES.encode())
        world.host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")
        conf = world.folder / "jobwall.conf"
        conf.write_text(RESOLVER)
        log = world.folder / "jobwall.log"
        self.resolver = world.host.start("dnsmasq", "--keep-in-foreground",
                                         f"--conf-file={conf}", log=log)
        driver.wait_for(lambda: "started" in log.read_text(), 20, "the resolver")

    def docker(self, *words):
        return driver.run(["docker", "-H", f"unix://{self.world.socket}", *words])

    def nft(self, *words, stdin=None):
        return self.world.host.run("nft", *words, stdin=stdin)

    def hole(self, rule):
        self.nft("insert", "rule", "inet", "jobwall", *rule.split())

    def repair(self):
        self.nft("-f", "-", stdin=b"delete table inet jobwall" + RULES.encode())

    def stop(self):
        self.resolver.stop()
        self.nft("delete", "table", "inet", "jobwall")
        self.docker("network", "rm", "shithub-actions")


@pytest.fixture(scope="module")
def world(request):
    yield from internet.lived(request, "hosted-role")


@pytest.fixture
def wall(world):
    made = Wall(world)
    yield made
    made.stop()


def inside(namespace, make):
    """What make() returns, its sockets and threads being of the namespace's network."""
    made = []

    def enter():
        with open(f"/proc/{namespace.holder.pid}/ns/net") as net:
            assert ctypes.CDLL(None, use_errno=True).setns(net.fileno(), CLONE_NEWNET) == 0
        made.append(make())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return made[0]


@pytest.fixture
def coordinator(world):
    made = inside(world.host, FaultyCoordinator)
    yield made
    made.stop()


class Role:
    """The rendered files, and the runner as its unit starts it."""

    def __init__(self, world, folder, coordinator, image):
        self.world = world
        self.etc, self.state = folder / "etc", folder / "state"
        values = {"server_url": coordinator.base, "token": coordinator.token, "image": image,
                  "state": str(self.state), "etc": str(self.etc)}
        for path in (self.etc, self.state):
            path.mkdir()
        for name, mode in (("config.toml", 0o640), ("runner.env", 0o600), ("seccomp.json", 0o640)):
            text = (ROLE / name).read_text()
            for key, value in values.items():
                text = text.replace("{{ %s }}" % key, value)
            (self.etc / name).write_text(text)
            (self.etc / name).chmod(mode)
        shutil.chown(self.etc / "config.toml", "root", USER)
        shutil.chown(self.etc / "seccomp.json", "root", USER)
        shutil.chown(self.etc / "runner.env", USER, USER)
        shutil.chown(self.state, USER, USER)
        shutil.chown(world.socket, "root", USER)
        self.env = {"PATH": os.environ["PATH"], "SHITHUB_RUNNER_RUNNER__STATE_DIR": str(self.state)}
        for line in (self.etc / "runner.env").read_text().splitlines():
            if line and not line.startswith("#"):
                key, value = line.split("=", 1)
                self.env[key] = value
        self.log = folder / "runner.log"

    def argv(self, *words):
        return ["setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={USER}",
                "--inh-caps=-all", "--bounding-set=-all", RUNNER, *words,
                "--engine-socket", self.world.socket]

    def start(self):
        return self.world.host.start(
            *self.argv("run", "--config", self.etc / "config.toml"), log=self.log, env=self.env)

    def status(self):
        said = self.world.host.run(RUNNER, "status", "--state-dir", self.state, "--output", "json")
        return json.loads(said.stdout)


def wait_for_log(program, word, times=1):
    driver.wait_for(lambda: program.log().count(word) >= times or not program.alive(), 60, word)
    assert program.alive(), program.log()


def test_the_role_of_the_hosted_service(world, wall, coordinator, folder, engines):
    world.copy_image(engines.image("docker"), engines["docker"].socket)
    role = Role(world, folder, coordinator, "shithub/runner-test:1")
    program = role.start()
    job = coordinator.offer_job(7, steps=[{"run": TRY, "shell": "python"}])
    assert coordinator.wait_final(job) == ("completed", "success"), program.log()
    assert b"confined" in job.log()
    said = program.log()
    assert "egress_firewall_foreign" in said and said.count("egress_firewall_proved") == 1
    weak = [line for line in said.splitlines() if "confinement_weak name=seccomp" in line]
    assert len(weak) == 1 and "ptrace" in weak[0] and "egress_firewall_down" not in said

    wall.hole("out ip daddr 1.1.1.1 accept")
    program.signal(signal.SIGHUP)  # tests at once, as it does every few minutes
    wait_for_log(program, "platform_broken")
    assert "direct address (1.1.1.1:443)" in program.log()
    assert role.status()["state"] == "broken"
    following = coordinator.offer_job(8, steps=[{"run": TRY, "shell": "python"}])
    asked = len(coordinator.heartbeats)
    wall.repair()
    program.signal(signal.SIGHUP)
    assert coordinator.wait_final(following) == ("completed", "success"), program.log()
    assert coordinator.claims[-1] > asked, "nothing was claimed through the hole"
    assert program.log().count("egress_firewall_proved") == 2
    assert program.stop() == 0
    assert pathlib.Path(role.state / "workspaces").exists()


def check(world, folder, code):
    done = world.host.run(RUNNER, "network", "check", "--output", "json", "--engine-socket",
                          world.socket, "--image", "empty:1", "--network-allowlist",
                          "allowed.test", "--state-dir", folder / "state", check=False)
    assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
    report = json.loads(done.stdout)
    failed = {row["check"] for row in report["rows"] if row["verdict"] == "fails"}
    return report["verdict"], report["rows"][0]["detail"], failed


def test_check_judges_a_firewall_of_others(world, wall, folder):
    assert check(world, folder, code=0) == (
        "stands", "not ours (nftables has no table egress_shithub_actions), and proved by what it "
                  "lets through", set())
    for hole in ("out udp dport 53 accept", "out ip daddr 169.254.169.254 accept",
                 "host tcp dport >= 1024 accept", 'out oifname "shact0" accept'):
        wall.hole(hole)
    verdict, why, failed = check(world, folder, code=1)
    assert verdict == "fails" and "no other firewall has proved itself" in why
    assert failed == {"firewall", "other resolver", "metadata", "host port", "neighbour"}
    wall.nft("flush", "table", "inet", "jobwall")
    assert "direct address" in check(world, folder, code=1)[2]
    wall.repair()
