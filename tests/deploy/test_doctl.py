"""The scripts of deploy/doctl against an account in a file (bin/doctl) and a real coordinator."""
import json
import os
import subprocess

import pytest
import yaml

import driver
from conftest import TREE

SCRIPTS = TREE / "deploy/doctl"
GOOD = ("--ssh-key", "ops", "--ssh-from", "203.0.113.7/32,2001:db8:1::/48")
WRITES = ("create", "update", "delete")


class Account:
    def __init__(self, folder):
        self.path = folder / "account.json"
        self.write(keys=[{"id": 7, "name": "ops"}], projects=[{"id": "p-1", "name": "shithub-prod"}],
                   firewalls=[], droplets=[], tags=[], calls=[])

    def write(self, **data):
        self.path.write_text(json.dumps(data))

    def __getitem__(self, key):
        return json.loads(self.path.read_text())[key]

    def change(self, **data):
        self.write(**json.loads(self.path.read_text()) | data)

    def writes(self):
        return [one["command"] for one in self["calls"] if one["command"].split()[-1] in WRITES]

    def run(self, script, *words, **environment):
        env = {**os.environ, "PATH": f"{TREE}/tests/deploy/bin:{os.environ['PATH']}",
               "DOCTL_ACCOUNT": str(self.path), "POLL_SECONDS": "0.05", **environment}
        return subprocess.run([SCRIPTS / script, *words], env=env, capture_output=True, text=True, timeout=60)

    def json(self, script, *words):
        done = self.run(script, *words, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def account(tmp_path):
    return Account(tmp_path)


def test_provision_makes_what_is_missing_behind_a_firewall(account):
    said = account.json("provision.sh", *GOOD, "--count", "2")
    assert [one["name"] for one in said["droplets"]] == ["shithub-runner-shared-linux-1",
                                                         "shithub-runner-shared-linux-2"]
    assert said["tags"] == ["shithub-actions-runner", "shithub-actions-shared-linux"]
    assert account["firewalls"][0]["inbound"] == ["protocol:tcp,ports:22,address:203.0.113.7/32",
                                                  "protocol:tcp,ports:22,address:2001:db8:1::/48"]
    assert account.writes().index("compute firewall create") < account.writes().index("compute droplet create")
    before = [one["id"] for one in account["droplets"]]
    again = account.json("provision.sh", *GOOD, "--count", "3")
    assert again["created"] == ["shithub-runner-shared-linux-3"]
    assert [one["id"] for one in account["droplets"]][:2] == before
    assert len(account["firewalls"]) == 1


def test_a_dry_run_changes_nothing_and_names_the_calls(account):
    done = account.run("provision.sh", *GOOD, "--dry-run", "--output", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["dry_run"] is True
    assert "would run: doctl compute droplet create shithub-runner-shared-linux-1" in done.stderr
    assert account.writes() == []


@pytest.mark.parametrize("words, reason", [
    (["--ssh-from", "0.0.0.0/0"], "opens SSH to the world"),
    (["--ssh-from", "0/0"], "0/0"),
    (["--ssh-from", "203.0.113.7/32,::/0"], "opens SSH to the world"),
    (["--ssh-from", "0.0.0.0/1,128.0.0.0/1"], "opens SSH to the world"),
    (["--ssh-from", "203.0.113.7"], "write 203.0.113.7/32"),
    (["--ssh-from", ""], "--ssh-from is missing"),
    (["--ssh-key", "nobody"], "no SSH key 'nobody'"),
    (["--project", "other"], "no project 'other'"),
    (["--count", "0"], "expected 1 to 99"),
    (["--pool", "Not A Name"], "--pool"),
    (["--sizes", "x"], "unknown flag --sizes"),
    (["--size"], "--size needs a value"),
    (["--user-data-file", "/nonexistent"], "does not exist"),
    (["extra"], "unexpected word 'extra'"),
])
def test_bad_input_is_refused_before_anything_is_made(account, words, reason):
    done = account.run("provision.sh", *GOOD, *words)
    assert done.returncode == 2 and reason in done.stderr, done.stderr
    assert account.writes() == []


@pytest.mark.parametrize("secret", ["SHITHUB_RUNNER_TOKEN=abc", "0123456789abcdef" * 4,
                                    "-----BEGIN OPENSSH PRIVATE KEY-----"])
def test_user_data_with_a_secret_is_refused(account, tmp_path, secret):
    file = tmp_path / "cloud-init.yaml"
    file.write_text(f"#cloud-config\nwrite_files: [{{content: '{secret}'}}]\n")
    done = account.run("provision.sh", *GOOD, "--user-data-file", file)
    assert done.returncode == 2 and "has a secret" in done.stderr
    assert account.writes() == []


def test_a_failing_call_fails_the_script(account):
    account.change(broken="compute droplet create")
    done = account.run("provision.sh", *GOOD)
    assert done.returncode == 1 and "compute droplet create" in done.stderr


def test_the_inventory_is_one_that_ansible_reads(account):
    account.json("provision.sh", *GOOD, "--count", "2")
    text = account.run("inventory.sh").stdout
    file = account.path.parent / "hosts.ini"
    file.write_text(text)
    read = json.loads(driver.run(["ansible-inventory", "-i", file, "--list"]).stdout)
    hosts = read["_meta"]["hostvars"]
    one = hosts["shithub-runner-shared-linux-1"]
    assert sorted(read["actions_runners"]["hosts"]) == sorted(hosts) and len(hosts) == 2
    assert one["ansible_host"].startswith("198.51.100.") and one["do_private_ipv4"].startswith("10.")
    assert one["shithub_runner_token"] == "REPLACE_WITH_RUNNER_TOKEN_SHITHUB_RUNNER_SHARED_LINUX_1"
    assert [one["name"] for one in account.json("inventory.sh")] == sorted(hosts)
    assert account.run("inventory.sh", "--pool", "empty").returncode == 2


class Pool:
    """A pool of two droplets whose runners are registered at a real coordinator."""

    def __init__(self, account, coordinator):
        self.account, self.coordinator = account, coordinator
        self.names = [one["name"] for one in account.json("provision.sh", *GOOD, "--count", "2")["droplets"]]
        self.runners = {name: coordinator.register_runner(name) for name in self.names}
        self.admin = account.path.parent / "admin"
        self.admin.write_text(f'#!/bin/sh\nexec {coordinator.binary} admin "$@" --data {coordinator.data}\n')
        self.admin.chmod(0o755)

    def listed(self, name):
        return next(one for one in self.coordinator.admin_json("runner", "list") if one["name"] == name)


@pytest.fixture
def pool(account, build, tmp_path):
    with driver.Coordinator(build, tmp_path / "coordinator") as coordinator:
        yield Pool(account, coordinator)


def test_destroy_revokes_the_runner_and_leaves_the_others(pool, account, report):
    first, second = pool.names
    said = account.json("destroy.sh", first, "--admin", str(pool.admin), "--yes")
    assert said["revoked"] == [first] and said["deleted"] == [first] and not said["firewall_deleted"]
    assert pool.listed(first)["revoked"] and not pool.listed(second)["revoked"]
    assert [one["name"] for one in account["droplets"]] == [second]
    said = account.json("destroy.sh", "--all", "--admin", str(pool.admin), "--yes")
    assert said["firewall_deleted"] and account["firewalls"] == [] and account["droplets"] == []
    report("droplets", "provision, inventory and destroy against a recorded account and a real coordinator")


def test_destroy_waits_for_jobs_and_gives_up_without_harm(pool, account):
    first = pool.names[0]
    pat = pool.coordinator.create_token()
    repository = pool.coordinator.repository("demo/app", pat)
    repository.commit({".shithub/workflows/ci.yml":
                       "on: push\njobs:\n  a:\n    runs-on: x64\n    steps:\n      - run: 'true'\n"})
    repository.push()
    claimed = pool.coordinator.request("POST", "/api/v1/runners/heartbeat", token=pool.runners[first]["token"],
                                       body={"labels": driver.LABELS.split(","), "capacity": 1})
    assert claimed.status == 200, claimed.body
    done = account.run("destroy.sh", first, "--admin", str(pool.admin), "--yes", "--drain-timeout", "0")
    assert done.returncode == 1 and f"still running jobs after 0 s: {first}" in done.stderr, done.stderr
    assert not pool.listed(first)["revoked"] and not pool.listed(first)["draining"]
    assert len(account["droplets"]) == 2


@pytest.mark.parametrize("words, reason", [
    ([], "name the droplets, or say --all"),
    (["shithub-runner-shared-linux-1"], "say --yes"),
    (["shithub-runner-shared-linux-1", "--yes"], "--admin is missing"),
    (["shithub-runner-other-1", "--yes", "--no-coordinator"], "has no droplet 'shithub-runner-other-1'"),
])
def test_destroy_refuses_what_is_not_said_clearly(account, words, reason):
    account.json("provision.sh", *GOOD)
    done = account.run("destroy.sh", *words)
    assert done.returncode == 2 and reason in done.stderr, done.stderr
    assert len(account["droplets"]) == 1


def test_destroy_deletes_nothing_when_the_coordinator_does_not_answer(account):
    account.json("provision.sh", *GOOD)
    done = account.run("destroy.sh", "--all", "--admin", "false", "--yes")
    assert done.returncode == 1 and len(account["droplets"]) == 1, done.stderr
    done = account.run("destroy.sh", "--all", "--no-coordinator", "--dry-run")
    assert done.returncode == 0 and "would run: doctl compute droplet delete" in done.stderr
    assert len(account["droplets"]) == 1


# A droplet, its metadata address behind it and a container before it: three network namespaces. `at` is a
# shell in one of them; each line of the output says who could reach the address.
METADATA = """
set -e
ip link set lo up
ip link add job type veth peer name eth0
ip link add far type veth peer name eth1
unshare -n sleep 60 & job=$!
unshare -n sleep 60 & far=$!
trap 'kill $job $far' EXIT
at() { nsenter -t $1 -n sh -ec "$2"; }
until [ "$(readlink /proc/$job/ns/net)" != "$(readlink /proc/self/ns/net)" ] &&
	[ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link set eth0 netns $job && ip link set eth1 netns $far
ip addr add 172.20.0.1/24 dev job && ip link set job up
ip addr add 169.254.0.1/16 dev far && ip link set far up
sysctl -qw net.ipv4.ip_forward=1
at $job 'ip link set lo up; ip addr add 172.20.0.2/24 dev eth0; ip link set eth0 up; ip route add default via 172.20.0.1'
at $far 'ip link set lo up; ip addr add 169.254.169.254/16 dev eth1; ip link set eth1 up; ip route add default via 169.254.0.1'
cd "$(mktemp -d)"
nsenter -t $far -n python3 -m http.server 80 --bind 169.254.169.254 >/dev/null 2>&1 & server=$!
trap 'kill $job $far $server; rmdir "$PWD"' EXIT
curl=(curl -s -o /dev/null --noproxy '*' --connect-timeout 5 http://169.254.169.254)
until nsenter -t $far -n "${curl[@]}"; do :; done
ask() {
	nsenter -t $job -n "${curl[@]}" && echo "$1 job yes" || echo "$1 job no"
	"${curl[@]}" && echo "$1 root yes" || echo "$1 root no"
	setpriv --reuid 65534 --regid 65534 --clear-groups "${curl[@]}" && echo "$1 user yes" || echo "$1 user no"
}
ask before
nft -f "$0"
nft -f "$0"
ask after
"""


def test_the_metadata_address_is_closed_to_jobs(tmp_path, report):
    cloud = yaml.safe_load((SCRIPTS / "cloud-init.yaml").read_text())
    files = {one["path"]: one["content"] for one in cloud["write_files"]}
    rules = tmp_path / "metadata.nft"
    rules.write_text(files["/etc/shithub/metadata.nft"])
    said = driver.run(["unshare", "-n", "bash", "-c", METADATA, rules], timeout=60).stdout.decode()
    assert said.split("\n")[:-1] == ["before job yes", "before root yes", "before user yes",
                                     "after job no", "after root yes", "after user no"]
    unit = tmp_path / "shithub-metadata.service"
    unit.write_text(files["/etc/systemd/system/shithub-metadata.service"])
    report("droplets", "metadata address closed to containers and users, in network namespaces")
    checked = driver.run(["systemd-analyze", "verify", "--man=no", unit])
    assert "shithub-metadata" not in (checked.stdout + checked.stderr).decode()
