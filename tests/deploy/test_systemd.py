"""The shipped units under a real systemd: installed with `make install`, booted, used, stopped."""
import contextlib
import json
import re

import pytest

import driver
import site_of
from conftest import TREE

UNIT = "shithubd-runner.service"


@pytest.fixture(scope="module")
def machine(root, build, step_image, report):
    driver.run(["make", "-C", TREE, "-o", "all", f"B={build}", f"DESTDIR={root.path}", "install"])
    root.start_engine(step_image)
    root.boot()
    return root


@pytest.fixture(scope="module")
def site(machine):
    return site_of.Site(machine)


@pytest.fixture
def runner(site):
    """The unit as docs/DEPLOY.md says: token as root's file, then started; stopped at the end."""
    site.configure_runner()
    site.root.run("systemctl", "start", UNIT)
    yield site.root
    site.root.run("systemctl", "stop", UNIT)


@contextlib.contextmanager
def drop_in(root, unit, text):
    """As an administrator changes a unit; gone with the block."""
    path = f"/etc/systemd/system/{unit}.d/test.conf"
    root.write(path, text)
    root.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        root.run("rm", path)
        root.run("systemctl", "daemon-reload")


def status(root, *flags):
    return json.loads(root.text("shithubd-runner", "status", "--output", "json", *flags))


def test_the_unit_runs_a_job_with_its_credential(site, runner, report):
    assert site.conclusion(site.push("echo hello")) == "success"
    assert (runner.path / "etc/shithubd-runner/token").stat().st_mode & 0o777 == 0o600
    assert runner.property(UNIT, "NRestarts") == "0"
    report("systemd", "booted, unit started with a credential, job claimed and completed")


def test_the_units_leave_landlock_to_their_programs(site, runner):
    said = site.root.journal("shithubd")
    assert " git_confined landlock=" in said and "git_not_confined" not in said, said
    said = runner.journal(UNIT)
    assert "landlock stands" in said and "landlock missing" not in said, said


def test_reload_takes_a_new_configuration(site, runner):
    assert status(runner)["capacity"] == 1
    site.configure_runner(more="capacity = 3", token=None)
    runner.run("systemctl", "reload", UNIT)
    driver.wait_for(lambda: status(runner)["capacity"] == 3, what="the new capacity")
    assert runner.property(UNIT, "NRestarts") == "0"


def test_stop_waits_for_the_job_beyond_the_time_limit(site, runner, report):
    """The runner asks systemd for more time; the limit bounds only one that hangs."""
    with drop_in(runner, UNIT, "[Service]\nTimeoutStopSec=2s\n"):
        run = site.push("sleep 6")
        site.wait_running(run)
        runner.run("systemctl", "stop", UNIT)
        assert site.conclusion(run) == "success"
    assert runner.property(UNIT, "Result") == "success"
    report("systemd", "stopped while a job ran: it ended as success, after TimeoutStopSec=")


def test_stop_cancels_with_grace_after_drain_timeout(site, runner):
    site.configure_runner(more='drain_timeout = "1s"', token=None)
    runner.run("systemctl", "reload", UNIT)
    run = site.push("trap 'echo grace; exit 1' TERM; sleep infinity & wait")
    site.wait_running(run)
    runner.run("systemctl", "stop", UNIT)
    assert site.conclusion(run) == "cancelled"
    assert runner.property(UNIT, "Result") == "success"
    assert "grace" in site.log(run)


def test_the_watchdog_restarts_a_runner_that_hangs(site, runner, report):
    """SIGSTOP: the process cannot even take the watchdog's SIGABRT."""
    with drop_in(runner, UNIT, "[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\nRestartSec=0\n"):
        runner.run("systemctl", "restart", UNIT)
        hung = runner.property(UNIT, "MainPID")
        runner.run("kill", "-STOP", hung)
        driver.wait_for(lambda: runner.property(UNIT, "NRestarts") == "1", 30, "the restart")
        driver.wait_for(lambda: runner.property(UNIT, "ActiveState") == "active", 30, "the start")
        assert runner.property(UNIT, "MainPID") != hung
        assert site.conclusion(site.push("echo hello")) == "success"
    report("systemd", "hung runner (SIGSTOP) restarted by the watchdog, took a job again")


def test_a_hung_runner_is_not_waited_for():
    """SIGABRT does not end a stopped process; without a limit of its own SIGKILL followed only after
    TimeoutStopSec=."""
    for name in (UNIT, "shithubd-runner@.service", "shithubd.service"):
        assert "\nTimeoutAbortSec=10s\n" in (TREE / "deploy/systemd" / name).read_text()


def test_without_a_credential_it_stops_and_says_what_is_missing(site):
    site.configure_runner(token=None)
    site.root.run("rm", "-f", "/etc/shithubd-runner/token")
    done = site.root.run("systemctl", "start", UNIT, check=False)
    assert done.returncode != 0
    assert site.root.property(UNIT, "ExecMainStatus") == "2"
    assert site.root.property(UNIT, "NRestarts") == "0"
    assert "LoadCredential=token:" in site.root.journal(UNIT)
    site.root.run("systemctl", "reset-failed", UNIT)


def test_the_environment_file_may_bring_the_token(site):
    token = site.configure_runner(token=None)["token"]
    site.root.run("rm", "-f", "/etc/shithubd-runner/token")
    site.root.write("/etc/shithubd-runner/runner.env", f"SHITHUB_RUNNER_TOKEN={token}\n", 0o600)
    site.root.run("systemctl", "start", UNIT)
    assert site.root.property(UNIT, "ActiveState") == "active"
    site.root.run("systemctl", "stop", UNIT)
    site.root.run("rm", "/etc/shithubd-runner/runner.env")


def test_without_a_configuration_nothing_is_started(site):
    site.root.run("rm", "-f", "/etc/shithubd-runner/config.toml")
    site.root.run("systemctl", "start", UNIT)
    assert site.root.property(UNIT, "ConditionResult") == "no"
    assert site.root.property(UNIT, "ActiveState") == "inactive"


@pytest.mark.parametrize("change, code, words", [
    ({"more": 'colour = "red"'}, "2", ["config.toml:6:", "colour"]),
    ({"more": 'workspace_root = "/srv/workspaces"'}, "3", ["/srv/workspaces"]),
    ({"last": 'kind = "warp"'}, "2", ["config.toml:", "engine.kind", "docker"]),
], ids=["unknown key", "workspaces elsewhere", "unknown engine"])
def test_what_cannot_work_is_refused_before_anything_is_changed(site, change, code, words):
    site.configure_runner(**change)
    since = site.root.text("date", "+%s").strip()
    assert site.root.run("systemctl", "start", UNIT, check=False).returncode != 0
    assert site.root.property(UNIT, "ExecMainStatus") == code
    said = site.root.text("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}",
                          f"--since=@{since}")
    assert all(word in said for word in words), said
    assert not site.root.exists("/srv/workspaces")
    site.root.run("systemctl", "reset-failed", UNIT)


RESTORE = """set -e
systemctl stop shithubd
shithubd restore /var/backups/shithubd/2* --data /var/lib/shithubd.new
chown -R shithubd:shithubd /var/lib/shithubd.new
mv /var/lib/shithubd /var/lib/shithubd.old
mv /var/lib/shithubd.new /var/lib/shithubd
systemctl start shithubd
"""


def test_a_backup_brings_the_coordinator_back(site, runner, report):
    """The unit's backup, restored as docs/DEPLOY.md says: repositories, tokens and runs are there again."""
    run = site.push("echo hello")
    assert site.conclusion(run) == "success"
    site.root.run("systemctl", "start", "shithubd-backup")
    (made,) = site.root.text("sh", "-c", "ls -d /var/backups/shithubd/2*").split()
    assert site.root.text("stat", "-c", "%a %U", made) == "700 shithubd\n"
    said = site.root.journal("shithubd-backup")
    assert re.search(r"\b[1-9]\d* of them links", said), said  # else each night costs all bytes again
    assert site.conclusion(site.push("echo later")) == "success"
    site.root.run("sh", "-c", RESTORE)
    assert site.log(run) == "hello\n"
    assert [one["id"] for one in site.runs()][0] == run
    site.git("push", "-q", "origin", "trunk")
    assert site.conclusion(site.push("echo hello")) == "success"
    report("systemd", "backup by its unit, data folder lost, restored: its runner goes on")


def test_several_runners_of_one_host(site, runner, report):
    names = ("blue", "green")
    for name in names:
        site.configure_runner(name, f"/var/lib/shithubd-runner-{name}", token=f"{name}.token",
                              labels=(name,))
        site.root.run("systemctl", "start", f"shithubd-runner@{name}")
    for name in names:
        assert site.conclusion(site.push("echo hello", runs_on=name)) == "success"
        place = f"/var/lib/shithubd-runner-{name}"
        driver.wait_for(lambda: status(runner, "--state-dir", place)["jobs_done"] == 1, 30,
                        f"the job of {name}")
    for name in names:
        site.root.run("systemctl", "stop", f"shithubd-runner@{name}")
    report("systemd", "two instances beside the plain unit, a job in each")


@pytest.fixture
def upstream(site):
    """A DNS server in the machine that knows one name; its address."""
    address = "10.99.0.53"
    site.root.run("ip", "address", "add", f"{address}/32", "dev", "lo")
    site.root.run("systemd-run", "--unit=upstream", "--service-type=forking", "/usr/sbin/dnsmasq",
                  "--conf-file=/dev/null", "--no-resolv", "--bind-interfaces", "--pid-file",
                  f"--listen-address={address}", "--address=/known.example/93.184.215.14")
    yield address
    site.root.run("systemctl", "stop", "upstream")


def test_the_resolver_unit_guards_the_network_of_jobs(site, upstream, report):
    """dnsmasq as its own user still binds port 53 and fills the firewall's set."""
    site.configure_runner(network="shithub-actions", more='network_allowlist = ["known.example"]',
                          last=f'[network]\nupstream_dns = ["{upstream}"]')
    site.root.run("systemctl", "start", "shithubd-runner-resolver", UNIT)
    run = site.push("""python3 -c 'import socket; print(socket.gethostbyname("known.example"))'""")
    assert site.conclusion(run) == "success", site.log(run)
    assert site.log(run) == "93.184.215.14\n"
    handed_out = site.root.text("nft", "list", "set", "inet", "egress_shithub_actions", "handed_out")
    assert "93.184.215.14" in handed_out
    pid = site.root.property("shithubd-runner-resolver", "MainPID")
    assert site.root.text("ps", "-o", "user=", "-p", pid).strip() == "dnsmasq"
    site.root.run("systemctl", "stop", UNIT, "shithubd-runner-resolver")
    report("systemd", "egress firewall and resolver as a unit, a job on their network")


@pytest.mark.parametrize("name", ["shithubd-runner-hygiene", "shithubd-runner-disk-guard",
                                  "shithubd-cron", "shithubd-backup"])
def test_what_the_timers_start_succeeds(site, runner, name):
    site.root.run("systemctl", "start", f"{name}.service")
    assert site.root.property(f"{name}.service", "Result") == "success"
    site.root.run("systemctl", "start", f"{name}.timer")
    assert site.root.property(f"{name}.timer", "ActiveState") == "active"
