"""The systemd units, as `make install` writes them, looked at by systemd's own tools."""
import subprocess

import pytest

import driver
from conftest import ROOT

UNITS = sorted(path.name for path in (ROOT / "deploy/systemd").glob("*.service"))
MOST_EXPOSED = 35  # of 100; an unconfined service has 96


@pytest.fixture
def installed(build, folder):
    """The folder of the installed units."""
    prefix = folder / "usr"
    driver.run(["make", "-C", ROOT, "-o", "all", f"B={build}", f"PREFIX={prefix}", "install"])
    return prefix / "lib/systemd/system"


def test_units_are_valid(installed):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no",
                           *(installed / name for name in UNITS)], capture_output=True)
    said = (done.stdout + done.stderr).decode()
    about_us = [line for line in said.splitlines() if "shithub" in line]
    assert done.returncode == 0 and about_us == [], said


@pytest.mark.parametrize("name", UNITS)
def test_units_expose_little(installed, name):
    done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=yes",
                           f"--threshold={MOST_EXPOSED}", installed / name], capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-3000:]


def test_the_runner_unit_gives_what_the_runner_asks_for(installed):
    text = (installed / "shithubd-runner.service").read_text()
    wanted = "CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_SETUID CAP_SETGID CAP_NET_ADMIN"
    assert f"\nAmbientCapabilities={wanted}\n" in text
    assert f"\nCapabilityBoundingSet={wanted}\n" in text
    assert f"\nExecStart={installed.parents[2]}/bin/shithubd-runner run\n" in text
