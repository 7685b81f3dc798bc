"""The roles of deploy/ansible, run by the real ansible-playbook over SSH in a machine of their own.

The machine is coordinator and runner at once. The tests go from a fresh machine to one from which the
runner was removed; each stands on the one before.
"""
import json
import os
import re
import subprocess

import pytest

import driver
import site_of
from conftest import TREE

ANSIBLE = TREE / "deploy/ansible"
VERSION = "0.1.0"
OTHER = "0.1.9"
BROKEN = "0.1.8"
BASE = "http://127.0.0.1:8080"
ENTER = "nsenter --target {} --mount --uts --ipc --net --pid --cgroup --root --wd"
RUNNER = "shithubd-runner.service"


def make_dist(build, folder):
    driver.run(["make", "-C", TREE, "-o", "all", f"B={build}", f"DESTDIR={folder}", "install"])
    return folder


def make_other_version(dist, version):
    """The same programs, but they say that they are another version."""
    folder = dist.with_name(version)
    driver.run(["cp", "-a", dist, folder])
    program = folder / "usr/local/bin/shithubd-runner"
    old = program.read_bytes()
    assert VERSION.encode() + b"\0" in old
    program.write_bytes(old.replace(VERSION.encode() + b"\0", version.encode() + b"\0"))
    return folder


def make_broken_version(dist):
    """It says its version, but its unit cannot start."""
    folder = make_other_version(dist, BROKEN)
    unit = folder / "usr/local/lib/systemd/system" / RUNNER
    unit.write_text(unit.read_text().replace("ExecStart=", "ExecStart=/nonexistent"))
    return folder


class Controller:
    """Who runs the playbooks: an inventory, a key, and the machine behind one ProxyCommand."""

    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        key = folder / "key"
        driver.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
        root.write("/root/.ssh/authorized_keys", (folder / "key.pub").read_text(), 0o600)
        root.run("ssh-keygen", "-A")
        root.run("mkdir", "-p", "/run/sshd")
        self.variables = {
            "ansible_user": "root", "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": str(key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={folder}/known -o StrictHostKeyChecking=no"
                                       f" -o ProxyCommand='{ENTER.format(root.leader)} /usr/sbin/sshd -i'"}

    def close(self):
        """Ends the connections that ssh keeps open: the machine would wait for them when it powers off."""
        for socket in (self.folder / "cp").iterdir():
            driver.run(["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "machine"])

    def playbook(self, name, *words, hosts=("machine",), check=True, **variables):
        """Runs a playbook; (output, {host: its counts})."""
        group = {host: variables.get(host, {}) for host in hosts}
        inventory = {"all": {"vars": self.variables | {
            key: value for key, value in variables.items() if key not in hosts},
            "children": {"actions_runners": {"hosts": group},
                         "shithub_coordinator": {"hosts": {hosts[0]: {}}}}}}
        path = self.folder / "inventory.json"
        path.write_text(json.dumps(inventory))
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
                       "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"), "HOME": str(self.folder),
                       "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp")}
        done = subprocess.run(["ansible-playbook", "-i", path, ANSIBLE / name, *words], env=environment,
                              cwd=ANSIBLE, capture_output=True, text=True, timeout=170)
        said = done.stdout + done.stderr
        (self.folder / "last.log").write_text(said)
        if check:
            assert done.returncode == 0, said
        counts = {host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}
                  for host, line in re.findall(r"^(\w+) +: (ok=.*)$", said, re.M)}
        return said, counts


class World(site_of.Site):
    """What the tests hand on: machine, controller, coordinator, and the token in force."""

    def __init__(self, root, folder, dist, other):
        self.root, self.dist, self.other = root, dist, other
        self.controller = Controller(root, folder)
        self.token = ""

    def coordinate(self):
        """Makes the machine its own coordinator, with a registered runner."""
        counts = self.controller.playbook(
            "coordinator.yml", shithub_coordinator_enabled=True, shithub_coordinator_dist=str(self.dist),
            shithub_coordinator_version=VERSION, shithub_coordinator_public_url=BASE)[1]
        super().__init__(self.root)
        self.token = self.register("machine")
        return counts

    def register(self, name):
        return json.loads(self.admin("runner", "register", "--name", name, "--capacity", "2", "--labels",
                                     driver.LABELS + "," + name, "--output", "json"))["token"]

    def play(self, name="actions-runners.yml", *words, **variables):
        """With the inventory of a small host: no egress firewall, since its steps have no network."""
        base = {"shithub_runner_enabled": True, "shithub_runner_token": self.token,
                "shithub_runner_server_url": BASE,
                "shithub_runner_dist": str(self.dist), "shithub_runner_version": VERSION,
                "shithub_runner_default_image": self.root.image, "shithub_runner_network": "none",
                "shithub_runner_network_allowlist": [], "shithub_runner_dns_servers": [],
                "shithub_runner_poll_interval": "200ms", "shithub_runner_capacity": 2,
                "shithub_runner_coordinator_host": "machine",
                "shithub_runner_settings": {"disk": {"min_free": 0}}}
        return self.controller.playbook(name, *words, **base | variables)

    def files(self):
        """Everything on the machine that the role might touch, with owner, mode and time of change."""
        return self.root.text("find", "/etc", "/usr/local", "/var/lib", "-xdev", "-path", "/var/lib/systemd",
                              "-prune", "-o", "-path", "/var/lib/docker", "-prune", "-o", "-path",
                              "/var/lib/shithubd", "-prune", "-o", "-path", "/var/lib/shithubd-runner",
                              "-printf", "%p\\n", "-prune", "-o", "-printf", "%p %u:%g %m %l %T@\n")

    def status(self):
        return json.loads(self.root.text("shithubd-runner", "status", "--output", "json"))

    def main_pid(self):
        return self.root.property(RUNNER, "MainPID")

    def runner(self, name="machine"):
        listed = json.loads(self.admin("runner", "list", "--output", "json"))
        return next(one for one in listed if one["name"] == name)


@pytest.fixture(scope="module")
def world(root, build, step_image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ansible")
    dist = make_dist(build, folder / "dist")
    other = make_other_version(dist, OTHER)
    root.start_engine(step_image)
    root.boot()
    root.run("touch", "/var/lib/apt/lists")  # this machine has no network to ask for newer ones
    made = World(root, folder, dist, other)
    made.coordinate()
    yield made
    made.controller.close()


def changed(counts):
    return counts["machine"]["changed"]


BAD = {
    "no_token": ({"shithub_runner_token": ""}, "No valid registration token"),
    "placeholder": ({"shithub_runner_token": "REPLACE_WITH_RUNNER_TOKEN_A"}, "No valid registration token"),
    "engine": ({"shithub_runner_engine": "lxc"}, "Set it to docker:"),
    "workspace": ({"shithub_runner_workspace_root": "/srv/work"}, "may write only below /var/lib/shithubd-runner"),
    "escape": ({"shithub_runner_workspace_root": "/var/lib/shithubd-runner/../x"}, "may write only below"),
    "bridge": ({"shithub_runner_network_bridge": "a-very-long-bridge"}, "at most 15"),
    "gateway": ({"shithub_runner_network_gateway": "172.30.0.9"}, "first address"),
    "version": ({"shithub_runner_version": ""}, "Set it to the version"),
    "dist": ({"shithub_runner_dist": "/nonexistent"}, "make install DESTDIR=/nonexistent"),
    "foreign": ({"shithub_runner_ipset_name": "mine"}, "brings its own firewall"),
    "twice": ({"shithub_runner_instances": [{"name": "a", "token": "0" * 64}, {"name": "b", "token": "0" * 64}]},
              "have the same token"),
    "names": ({"shithub_runner_instances": [{"name": "A b", "token": "0" * 64}]}, "needs a name"),
}


def test_bad_input_is_refused_before_anything_is_changed(world):
    before = world.files()
    said, counts = world.play(hosts=list(BAD), check=False, **{host: bad for host, (bad, _) in BAD.items()})
    assert world.files() == before
    for host, (_, reason) in BAD.items():
        failure = re.search(rf"^(?:fatal|failed): \[{host}\].* => (.*)$", said, re.M)
        assert failure and reason in failure[1] and counts[host]["changed"] == 0, (host, failure and failure[1])
    assert world.token not in said


def test_another_distribution_is_refused(world):
    release = world.root.read("/etc/os-release")
    world.root.run("cp", "--remove-destination", "/dev/stdin", "/etc/os-release",
                   stdin=release.replace("Debian", "Slackware").replace("=debian", "=slackware").encode())
    try:
        said, _ = world.play(check=False)
    finally:
        world.root.run("ln", "-sf", "../usr/lib/os-release", "/etc/os-release")
    assert "is not supported" in said and "use Debian 12 or Ubuntu 24.04 or later" in said, said


def test_check_mode_of_a_fresh_machine_changes_nothing(world):
    before = world.files()
    _, counts = world.play("actions-runners.yml", "--check", "--diff")
    assert changed(counts) > 0
    assert world.files() == before


def test_the_first_run_makes_a_runner_that_claims(world):
    world.play()
    assert world.root.property(RUNNER, "ActiveState") == "active"
    driver.wait_for(lambda: world.runner()["status"] != "offline", 30, "the first heartbeat")
    assert world.root.text("stat", "-c", "%a %U", "/etc/shithubd-runner/token") == "600 shithub-runner\n"


def test_the_second_run_changes_nothing(world, report):
    pid, before = world.main_pid(), world.files()
    said, counts = world.play()
    assert changed(counts) == 0, said
    said, counts = world.play("actions-runners.yml", "--check", "--diff")
    assert changed(counts) == 0, said
    assert world.files() == before and world.main_pid() == pid
    report("Ansible", "ansible-playbook over SSH in a booted machine: coordinator and runner, second run 0 changed")


def test_verify_proves_that_jobs_run(world, report):
    pushed = world.push("echo hello")
    assert world.conclusion(pushed) == "success"
    _, counts = world.play("verify.yml", shithub_runner_smoke_repo="demo/hello",
                           shithub_runner_smoke_workflow="ci.yml")
    assert changed(counts) == 0
    newest = world.runs()[0]
    assert newest["id"] > pushed and newest["event"] == "workflow_dispatch", newest
    report("Ansible", "verify.yml: doctor, a smoke job of its own, and one that the coordinator dispatched")


def test_a_new_token_is_taken_over_without_a_restart(world):
    pid = world.main_pid()
    world.token = json.loads(world.admin("runner", "rotate-token", "--id", str(world.runner()["id"]),
                                         "--output", "json"))["token"]
    said, _ = world.play("actions-runners.yml", "--tags", "token", "--diff")
    assert world.token not in said
    driver.wait_for(lambda: world.status()["state"] == "claiming", 30, "a claiming runner")
    assert world.main_pid() == pid


def test_another_capacity_is_a_reload(world):
    pid = world.main_pid()
    world.play(shithub_runner_capacity=1)
    driver.wait_for(lambda: world.status()["capacity"] == 1, 30, "the new capacity")
    assert world.main_pid() == pid


def test_another_server_is_a_restart_after_the_jobs(world):
    pid = world.main_pid()
    run = world.push("sleep 5")
    world.wait_running(run)
    world.play(shithub_runner_server_url="http://localhost:8080")
    assert world.main_pid() != pid and world.status()["server"] == "http://localhost:8080"
    assert world.job(run)["conclusion"] == "success"


def test_upgrades_go_forth_and_back_by_themselves(world, report):
    said, _ = world.play("upgrade.yml", shithub_runner_version=BROKEN, check=False,
                         shithub_runner_dist=str(make_broken_version(world.dist)))
    assert f"Version {BROKEN} does not work here; {VERSION} runs again" in said, said
    assert world.status()["version"] == VERSION
    world.play("upgrade.yml", shithub_runner_version=OTHER, shithub_runner_dist=str(world.other))
    assert world.status()["version"] == OTHER
    assert world.runner()["draining_at"] is None
    report("Ansible", "upgrade.yml: to another version, and back from one that does not work")


def test_a_kept_version_needs_no_copy(world):
    world.play(shithub_runner_dist="/nonexistent")
    assert world.status()["version"] == VERSION


def test_absent_removes_everything_and_the_registration(world, report):
    before = world.files()
    world.play("actions-runners.yml", "--check", shithub_runner_state="absent")
    assert world.files() == before and world.root.property(RUNNER, "ActiveState") == "active"
    world.play(shithub_runner_state="absent")
    assert world.runner()["revoked"]
    left = world.root.text("find", "/etc", "/usr/local", "/var/lib", "-xdev", "-name", "*shithub*").split()
    assert [path for path in left if "shithubd-runner" in path and "/var/lib/docker" not in path] == []
    assert world.root.run("getent", "passwd", "shithub-runner", check=False).returncode == 2
    assert world.root.property("shithubd.service", "ActiveState") == "active"
    report("Ansible", "state absent: drained, revoked, removed")


def test_several_runners_behind_the_egress_firewall(world, report):
    names = ("one", "two")
    tokens = {name: world.register(f"machine-{name}") for name in names}
    world.play(shithub_runner_network="shithub-actions", shithub_runner_network_allowlist=["known.example"],
               shithub_runner_dns_servers=["172.30.0.1"], shithub_runner_token="",
               shithub_runner_instances=[{"name": name, "token": tokens[name], "labels": f"linux,machine-{name}"}
                                         for name in names])
    for name in names:
        run = world.push("echo hello", runs_on=f"machine-{name}")
        assert world.conclusion(run) == "success", world.log(run)
    assert world.root.property("shithubd-runner-resolver@shithub-actions", "ActiveState") == "active"
    report("Ansible", "two runners of one host behind the egress firewall, a job in each")
