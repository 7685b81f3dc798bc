"""Fixtures of the tests of deployment: each installs and boots a machine of its own (roots.py).

SHITHUB_BUILD names the build folder (default build). They need root, debootstrap and systemd-nspawn,
which `make test-deploy` installs; a missing prerequisite fails the test, nothing is skipped. What a
test really ran goes to `report(...)`: tests/deploy/run.sh prints these lines at its end.
"""
import os
import pathlib
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "deploy/local"))

import driver  # noqa: E402
import roots  # noqa: E402

BUILD = pathlib.Path(os.environ.get("SHITHUB_BUILD", TREE / "build")).resolve()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the machine of a failed test wrote last stands in its report."""
    report = (yield).get_result()
    machine = getattr(item, "funcargs", {}).get("root")
    if report.failed and machine is not None and machine.leader:
        report.sections.append(("journal of the machine", machine.text(
            "journalctl", "--no-pager", "--lines=80", "--output=short-iso")))


@pytest.fixture(scope="session")
def build():
    for name in ("shithubd-runner", "shithubd", "shithub-gate"):
        assert (BUILD / name).is_file(), f"{BUILD / name} is missing: make all"
    return BUILD


@pytest.fixture(scope="module")
def root(build):
    """A fresh machine, not booted yet; the tests of one module share it, from top to bottom."""
    with roots.made(build) as made:
        yield made


@pytest.fixture(scope="session")
def step_image(build):
    """step_image(socket): gives the engine there the image of the steps."""
    environment = {"SHITHUB_IMAGE_CACHE": str(build / "image"), **os.environ}

    def give(socket):
        driver.run([TREE / "tests/image/build.sh", "--full"], timeout=300,
                   env={**environment, "DOCKER_HOST": f"unix://{socket}"})
        return "shithub/runner-test:1"
    return give


@pytest.fixture(scope="session")
def report():
    """report(way, what): one line for the summary of the run."""
    def say(way, what):
        with open(BUILD / "deploy/report.txt", "a") as lines:
            lines.write(f"{way}: {what}\n")
    return say
