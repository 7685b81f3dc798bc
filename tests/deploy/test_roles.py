"""The files of deploy/ansible, read: lint, and that what they say of their variables is complete."""
import os

import pytest
import yaml

import driver
from conftest import TREE

ANSIBLE = TREE / "deploy/ansible"
# Names and defaults that inventories of the hosted service's own role rely on.
KNOWN = {
    "enabled": False, "token": "", "labels": ["self-hosted", "linux", "ubuntu-latest", "x64"], "capacity": 1,
    "poll_interval": "5s", "workspace_root": "/var/lib/shithubd-runner/workspaces", "workspace_ttl": "24h",
    "engine": "docker", "default_image": "ghcr.io/tenseleyflow/shithub/runner-nix:1.1",
    "network": "shithub-actions", "network_bridge": "shact0", "network_subnet": "172.30.0.0/24",
    "network_gateway": "172.30.0.1", "dnsmasq_upstream": "1.1.1.1", "memory": "2g", "cpus": "2",
    "pids_limit": 512, "container_user": "auto", "seccomp_profile": "/etc/shithubd-runner/seccomp.json",
    "log_level": "info", "log_format": "text"}


def read(path):
    return yaml.safe_load((ANSIBLE / "roles" / path).read_text())


def test_lint_finds_nothing(tmp_path, report):
    env = {**os.environ, "HOME": str(tmp_path)}
    driver.run(["yamllint", "--strict", "."], cwd=ANSIBLE, env=env)
    driver.run(["ansible-lint", "--offline", "--strict", "--profile", "production"], cwd=ANSIBLE, env=env,
               timeout=170)
    report("Ansible", "ansible-lint (production) and yamllint find nothing")


@pytest.mark.parametrize("role", ["shithubd-runner", "shithubd"])
def test_every_default_is_explained(role):
    told = read(f"{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = read(f"{role}/defaults/main.yml")
    assert all(option["description"] for option in told.values())
    optional = {f"shithub_runner_smoke_{name}" for name in ("repo", "workflow", "ref")}
    assert told.keys() - defaults.keys() <= optional and defaults.keys() <= told.keys()


def test_inventories_of_the_hosted_service_keep_their_meaning():
    defaults = read("shithubd-runner/defaults/main.yml")
    assert {name: defaults[f"shithub_runner_{name}"] for name in KNOWN} == KNOWN
    assert len(defaults["shithub_runner_network_allowlist"]) == 8
