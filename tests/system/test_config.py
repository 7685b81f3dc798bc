"""Configuration: defaults < file < environment < flags, each value with its origin; errors name
file, line and key."""
import json
import os
import subprocess

import pytest

TOKEN = "ab" * 32


@pytest.fixture
def check(build, folder):
    """check(toml, env, *flags): exit code and JSON of `config check`."""
    def make(toml, *flags, env=None, output="json"):
        path = folder / "config.toml"
        path.write_text(toml)
        path.chmod(0o600)
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith("SHITHUB_RUNNER_")}
        done = subprocess.run(
            [build / "shithubd-runner", "config", "check", "--config", path, "--output", output,
             *flags], env={**clean, **(env or {})}, capture_output=True, timeout=30)
        text = done.stdout.decode()
        return done.returncode, (json.loads(text) if output == "json" else text), path
    return make


FULL = f"""
[server]
base_url = "https://shithub.example"
[runner]
token = "{TOKEN}"
labels = ["self-hosted", "linux", "ubuntu-latest", "x64"]
capacity = 3
poll_interval = "7s"
workspace_root = "/var/lib/shithubd-runner/workspaces"
workspace_ttl = "24h"
network_allowlist = [
  "api.github.com",
  "*.githubusercontent.com",
]
[engine]
kind = "docker"
default_image = "ghcr.io/shithub/runner-nix:1.0"
network = "shithub-actions"
memory = "2g"
cpus = "2"
user = "65534:65534"
pids_limit = 512
dns_servers = ["172.30.0.1"]
"""


def value(answer, key):
    return next(row for row in answer["values"] if row["key"] == key)


def test_runbook_file_and_precedence(check):
    code, answer, path = check(FULL)
    assert code == 0 and answer["valid"] is True
    capacity = value(answer, "runner.capacity")
    assert (capacity["value"], capacity["origin"]) == (3, "file")
    line = FULL.splitlines().index("capacity = 3") + 1
    assert capacity["source"] == f"{path}:{line}"
    assert value(answer, "runner.stop_grace")["origin"] == "default"

    env = {"SHITHUB_RUNNER_CAPACITY": "4", "SHITHUB_RUNNER_ENGINE__MEMORY": "1g"}
    _, answer, _ = check(FULL, env=env)
    assert (value(answer, "runner.capacity")["value"],
            value(answer, "runner.capacity")["origin"]) == (4, "env")
    assert value(answer, "engine.memory")["source"].endswith("SHITHUB_RUNNER_ENGINE__MEMORY")

    _, answer, _ = check(FULL, "--capacity", "5", env=env)
    assert (value(answer, "runner.capacity")["value"],
            value(answer, "runner.capacity")["origin"]) == (5, "flag")


def test_secrets_are_redacted(check):
    for output in ("json", "text"):
        code, answer, _ = check(FULL, output=output)
        assert code == 0
        assert TOKEN not in json.dumps(answer)


@pytest.mark.parametrize("line,key", [
    ("capacity = 65", "runner.capacity"),
    ("capacity = 0", "runner.capacity"),
    ('capacity = "two"', "runner.capacity"),
    ('labels = ["a+b"]', "runner.labels"),
    ('labels = ["a", "a"]', "runner.labels"),
    ('poll_interval = "5 parsecs"', "runner.poll_interval"),
    ('poll_intervall = "5s"', "runner.poll_intervall"),
    ('token = "short"', "runner.token"),
    ('workspace_root = "a/../b"', "runner.workspace_root"),
])
def test_errors_name_file_line_key(check, line, key):
    toml = f"[server]\nbase_url = \"https://shithub.example\"\n\n[runner]\n{line}\n"
    code, answer, path = check(toml)
    assert code == 2 and answer["valid"] is False
    found = [row for row in answer["errors"] if row["key"] == key]
    assert len(found) == 1, answer
    assert (found[0]["file"], found[0]["line"]) == (str(path), 5)
    assert found[0]["message"]


def test_all_errors_at_once(check):
    code, answer, _ = check("[runner]\ncapacity = 0\nlabels = 3\n[engine]\nuser = \"0:0\"\n")
    assert code == 2
    assert {row["key"] for row in answer["errors"]} >= {"runner.capacity", "runner.labels",
                                                        "engine.user"}


def test_broken_toml_and_unknown_variable(check):
    code, answer, path = check("[runner]\ncapacity = = 3\n")
    assert code == 2 and answer["errors"][0]["line"] == 2
    code, answer, _ = check(FULL, env={"SHITHUB_RUNNER_CAPACTIY": "3"})
    assert code == 2 and "SHITHUB_RUNNER_CAPACTIY" in json.dumps(answer)


def test_run_refuses_a_bad_file(build, folder):
    path = folder / "config.toml"
    path.write_text("[runner]\ncapacity = 99\n")
    done = subprocess.run([build / "shithubd-runner", "run", "--config", path, "--once"],
                          capture_output=True, timeout=30)
    assert done.returncode == 2
    assert f"{path}:2" in done.stderr.decode() and "runner.capacity" in done.stderr.decode()


def read_only_srv(argv):
    return ["unshare", "-m", "sh", "-c",
            'mount --bind /srv /srv && mount -o remount,bind,ro /srv && exec "$@"', "sh", *argv]


BAD_STARTS = {
    "no token": ((), {}, 2, "not set: runner.token (--token-file FILE, or LoadCredential=token:"),
    "unknown engine": (("--token", TOKEN, "--engine", "lxc"), {}, 2,
                       "expected one of auto, docker, podman"),
    "unit without its credential": (
        ("--token-file", "/run/credentials/shithubd-runner.service/token"), {}, 2,
        "add LoadCredential=token:/etc/shithubd-runner/token"),
    "workspace outside the writable path": (
        ("--token", TOKEN, "--workspace-root", "/srv/nowhere/workspaces"), {}, 3,
        "add ReadWritePaths=/srv/nowhere/workspaces to the unit"),
    "the same, though it is there": (
        ("--token", TOKEN, "--workspace-root", "/srv"), {"NOTIFY_SOCKET": "/nowhere"}, 3,
        "add ReadWritePaths=/srv to the unit"),
}


@pytest.mark.parametrize("what", BAD_STARTS)
def test_bad_start_changes_nothing(build, folder, what):
    """Refused at once, with the remedy, and nothing is made; relative paths begin here."""
    flags, env, code, remedy = BAD_STARTS[what]
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith("SHITHUB_RUNNER_")}
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        read_only_srv([build / "shithubd-runner", "run", "--config", "/dev/null", "--state-dir",
                       "../state", *flags]), cwd=work, env={**clean, **env}, capture_output=True,
        timeout=30)
    said = done.stderr.decode()
    assert done.returncode == code and remedy in said, said
    assert [path.name for path in folder.iterdir()] == ["work"] and not list(work.iterdir())


def test_verbs_that_send_no_token_read_none(build, folder):
    """An ordinary user may ask for the status although the token is the runner's alone."""
    token, config = folder / "token", folder / "config.toml"
    token.write_text(TOKEN)
    token.chmod(0o600)
    config.write_text(f'[runner]\ntoken_file = "{token}"\nstate_dir = "{folder}/state"\n')
    config.chmod(0o644)
    runner = build / "shithubd-runner"
    ordinary = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", runner)
    done = subprocess.run([*ordinary, "status", "--config", config], capture_output=True, timeout=30)
    assert done.returncode == 3 and b"token" not in done.stderr, done.stderr
    config.write_text('[runner]\ntoken = "bad"\n')
    for words in (("network", "up", "--dry-run"), ("network", "down", "--dry-run")):
        done = subprocess.run([runner, *words, "--config", config, "--engine-socket", "/none"],
                              env={**os.environ, "SHITHUB_RUNNER_NETWORK__UPSTREAM_DNS": "9.9.9.9"},
                              capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
    done = subprocess.run([runner, "config", "check", "--config", config], capture_output=True,
                          timeout=30)
    assert done.returncode == 2, "who sends it still refuses it"
