"""The systemd units, as `make install` writes them, looked at by systemd's own tools."""
import subprocess

import pytest

import driver
from conftest import ROOT

UNITS = sorted(path.name for path in (ROOT / "deploy/systemd").glob("*.service"))
TIMERS = sorted(path.name for path in (ROOT / "deploy/systemd").glob("*.timer"))
# Of 100; an unconfined service has 96. The runner's file says what keeps it above the others.
MOST_EXPOSED = {"shithubd-runner.service": 28, "shithubd-runner@.service": 28,
                "shithubd-runner-hygiene.service": 20, "shithubd.service": 15,
                "shithubd-cron.service": 12, "shithubd-backup.service": 10}
OTHERS = 17
TEMPLATES = [name for name in UNITS if "@" in name]


@pytest.fixture(scope="module")
def installed(build, tmp_path_factory):
    """The folder of the installed units."""
    prefix = tmp_path_factory.mktemp("installed") / "usr"
    driver.run(["make", "-C", ROOT, "-o", "all", f"B={build}", f"PREFIX={prefix}", "install"])
    return prefix / "lib/systemd/system"


def test_units_are_valid(installed):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no",
                           *(installed / name for name in UNITS + TIMERS)], capture_output=True)
    said = (done.stdout + done.stderr).decode()
    about_us = [line for line in said.splitlines() if "shithub" in line]
    assert done.returncode == 0 and about_us == [], said


@pytest.mark.parametrize("name", UNITS)
def test_units_expose_little(installed, name):
    done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=yes",
                           f"--threshold={MOST_EXPOSED.get(name, OTHERS)}", installed / name], capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-3000:]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_the_plain_unit_with_other_names(name):
    """What differs names the instance (or, in the plain one, what stands for it), or is a comment."""
    folder = ROOT / "deploy/systemd"
    plain = (folder / name.replace("@", "")).read_text().splitlines()
    template = (folder / name).read_text().splitlines()
    only = [line for line in template if line not in plain and not line.startswith("#")]
    assert only and all("%i" in line for line in only), only
    keys = {line.partition("=")[0] for line in only}
    missing = [line for line in plain if line not in template and not line.startswith("#")]
    assert all(line.partition("=")[0] in keys for line in missing), missing


@pytest.mark.parametrize("name", UNITS)
def test_open_items_have_their_reason(installed, name):
    """Each unit says why `systemd-analyze security` still finds something in it."""
    text = (installed / name).read_text()
    assert "\n# What `systemd-analyze security` still finds, and why it stays:\n" in text


@pytest.mark.parametrize("name", [name for name in UNITS if "resolver" not in name])
def test_units_leave_openat2_usable(installed, name):
    """RestrictSUIDSGID= makes openat2 fail with ENOSYS: no job got a workspace."""
    assert "\nRestrictSUIDSGID=" not in (installed / name).read_text()


def test_the_runner_sees_the_resolver(installed):
    """It reads its command line; hidden, each job was refused as without a firewall."""
    assert "\nProtectProc=" not in (installed / "shithubd-runner.service").read_text()


@pytest.mark.parametrize("name", UNITS)
def test_units_start_on_a_machine_that_just_booted(installed, name):
    """/run is empty then, and a path that is missing fails the unit before ExecStartPre."""
    text = (installed / name).read_text()
    paths = [path for line in text.splitlines() if line.startswith("ReadWritePaths=")
             for path in line.partition("=")[2].split()]
    assert all(path.startswith("-") for path in paths if "/run/" in path), paths


def test_the_runner_unit_gives_what_the_runner_asks_for(installed):
    text = (installed / "shithubd-runner.service").read_text()
    wanted = "CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_SETUID CAP_SETGID CAP_NET_ADMIN"
    assert f"\nAmbientCapabilities={wanted}\n" in text
    assert f"\nCapabilityBoundingSet={wanted}\n" in text
    program = installed.parents[2] / "bin/shithubd-runner"
    assert f"\nExecStart={program} run\n" in text
    for when in ("ExecStartPre", "ExecReload"):
        assert f"\n{when}=-+{program} disk quota\n" in text, "only root may set the limits"
