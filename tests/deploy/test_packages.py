"""The Debian packages: clean, reproducible, and what installing, upgrading and removing them does to a
machine whose runner is at work."""
import datetime
import json
import os
import re
import shutil
import subprocess
import tempfile

import pytest

import driver
import site_of
from conftest import TREE

RUNNER, COORDINATOR = UNITS = ("shithubd-runner.service", "shithubd.service")
NAMES = ("shithubd-runner", "shithubd")


def make_packages(tree, build, version, out, **environment):
    made = driver.run([tree / "deploy/debian/build.sh", build, version, out], timeout=600,
                      env={**os.environ, **environment}).stdout.decode().split()
    return {name: next(path for path in made if f"/{name}_" in path) for name in NAMES}


@pytest.fixture(scope="module")
def source(build):
    """The commit and the time that the programs were built from, as the build takes them."""
    told = json.loads(driver.run([build / "shithubd-runner", "version", "--output", "json"]).stdout)
    moment = datetime.datetime.fromisoformat(told["build_date"].replace("Z", "+00:00"))
    return {"COMMIT": told["commit"], "SOURCE_DATE_EPOCH": str(int(moment.timestamp()))}


@pytest.fixture(scope="module")
def packages(build, source):
    return make_packages(TREE, build, "0.1.0", build / "deb", **source)


@pytest.fixture(scope="module")
def newer(packages, build, tmp_path_factory):
    """The same packages as a later version."""
    made = {}
    for name, path in packages.items():
        folder = tmp_path_factory.mktemp(name) / "unpacked"
        driver.run(["dpkg-deb", "--raw-extract", path, folder])
        control = folder / "DEBIAN/control"
        control.write_text(control.read_text().replace("Version: 0.1.0\n", "Version: 0.1.1\n"))
        made[name] = build / f"deb/{name}_0.1.1.deb"
        driver.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", folder, made[name]])
    return made


# ---- the files ----

def test_lintian_has_nothing_to_say(packages):
    done = driver.run(["lintian", "--allow-root", "--fail-on=error,warning",
                       *packages.values()], check=False, timeout=170)
    assert (done.returncode, done.stdout) == (0, b""), done.stdout.decode()


@pytest.fixture
def copy(tmp_path):
    """The tree in another place."""
    listed = driver.run(["git", "-C", TREE, "ls-files", "-co", "--exclude-standard", "-z"]).stdout
    for name in listed.decode().rstrip("\0").split("\0"):
        if (TREE / name).exists():  # else removed and not committed yet
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TREE / name, tmp_path / name, follow_symlinks=False)
    return tmp_path


@pytest.mark.timeout(900)
def test_two_builds_give_the_same_bytes(packages, source, copy, report):
    """Another folder, another umask, another time zone, another language."""
    other = {**source, "TZ": "Pacific/Chatham", "LC_ALL": "C.UTF-8", "LANG": "tr_TR.UTF-8"}
    driver.run(["sh", "-c", "umask 077; exec make -s -j2 all"], cwd=copy, timeout=800,
               env={**os.environ, **other})
    again = make_packages(copy, copy / "build", "0.1.0", copy / "deb", **other)
    for name in NAMES:
        with open(packages[name], "rb") as one, open(again[name], "rb") as two:
            assert one.read() == two.read(), name
    report("packages", "built twice in different places: identical bytes; lintian has nothing to say")


def content(package, path):
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as tar:
        return driver.run(["tar", "-xO", f"./{path}"], stdin=tar.stdout.read()).stdout


def test_the_bill_of_materials_names_every_library(packages, build):
    """SPDX; checked against what the loader says."""
    for name in NAMES:
        bill = json.loads(content(packages[name], f"usr/share/doc/{name}/sbom.spdx.json"))
        assert bill["spdxVersion"] == "SPDX-2.3"
        listed = {package["name"]: package["versionInfo"] for package in bill["packages"]}
        loaded = driver.run(["ldd", build / name]).stdout.decode()
        for library, package in (("libyaml-0.so.2", "libyaml-0-2"), ("libc.so.6", "libc6"),
                                 ("libcrypto.so.3", "libssl3")):
            assert library in loaded and listed[package], name
        for library, package in (("libcurl.so.4", "libcurl4"), ("libgit2.so.1.5", "libgit2-1.5"),
                                 ("libnghttp2.so.14", "libnghttp2-14")):  # at their first call
            assert library not in loaded and listed[package], name
        ends = {one["relatedSpdxElement"] for one in bill["relationships"]}
        ends |= {one["spdxElementId"] for one in bill["relationships"]}
        assert ends >= {package["SPDXID"] for package in bill["packages"]}
    assert "musl-dev" in {one["name"] for one in json.loads(content(
        packages["shithubd-runner"], "usr/share/doc/shithubd-runner/sbom.spdx.json"))["packages"]}


def program_of(name):
    """Whose a file is by its name, None for those of gate and probe and the like."""
    found = re.match(r"_?(shithubd(?:-runner)?)(?![a-z])", name)
    return found and found[1]


def test_each_file_is_in_the_package_of_its_program(packages):
    """The manual page of `shithubd backup` was in the runner's package."""
    for package in NAMES:
        lines = driver.run(["dpkg-deb", "--contents", packages[package]]).stdout.decode().splitlines()
        names = [line.split()[5].rsplit("/", 1)[1] for line in lines if not line.endswith("/")]
        assert f"{package}.toml.5.gz" in names
        assert {program_of(name) for name in names} <= {package, None}


# ---- on a machine: the tests below follow one another ----

@pytest.fixture(scope="module")
def machine(root, packages, step_image):
    root.start_engine(step_image)
    root.boot()
    install(root, packages)
    return root


@pytest.fixture(scope="module")
def site(machine):
    made = site_of.Site(machine)
    made.configure_runner()
    machine.run("systemctl", "enable", "--now", RUNNER)
    return made


def install(root, packages):
    with tempfile.TemporaryDirectory(dir=root.path / "root") as folder:
        for path in packages.values():
            shutil.copy(path, folder)
        root.run("sh", "-c", f"dpkg --install /root/{os.path.basename(folder)}/*.deb")


def states(root):
    return [root.property(unit, "ActiveState") for unit in UNITS]


def test_installing_starts_nothing(machine):
    assert states(machine) == ["inactive", "inactive"]
    for unit in UNITS:
        assert machine.property(unit, "UnitFileState") == "disabled"
    for name, group in (("shithubd-runner", "shithub-runner"), ("shithubd", "shithubd")):
        assert machine.text("stat", "-c", "%a %U %G", f"/etc/{name}") == f"750 root {group}\n"


def test_an_upgrade_lets_the_running_job_finish(site, newer, report):
    run = site.push("until [ -e go ]; do sleep 0.1; done", "echo after")
    site.wait_running(run)
    before = site.root.property(RUNNER, "MainPID")
    install(site.root, newer)
    assert site.job(run)["status"] == "running"
    (site.workspace(run) / "go").touch()
    assert site.conclusion(run) == "success"
    driver.wait_for(lambda: site.root.property(RUNNER, "MainPID") not in ("0", before), 30, "the restart")
    driver.wait_for(lambda: states(site.root) == ["active", "active"], 30, "both units")
    assert site.conclusion(site.push("echo hello")) == "success"
    assert "0.1.1" in site.root.text("dpkg-query", "-W", "shithubd-runner")
    report("packages", "installed, upgraded while a job ran: it ended as success, then the new program ran")


def test_an_upgrade_leaves_what_is_stopped_alone(site, packages):
    site.root.run("systemctl", "stop", *UNITS)
    install(site.root, packages)
    assert states(site.root) == ["inactive", "inactive"]


def test_removing_stops_and_keeps_what_is_the_administrators(site, report):
    root = site.root
    root.run("systemctl", "start", *UNITS)
    root.run("dpkg", "--remove", *NAMES)
    for unit in UNITS:
        assert root.property(unit, "ActiveState") == "inactive"
    assert not list((root.path / "etc/systemd/system").glob("*.wants/shithub*"))
    assert root.exists("/etc/shithubd-runner/token") and root.exists("/var/lib/shithubd/shithubd.db")
    root.run("dpkg", "--purge", *NAMES)
    left = root.text("find", "/etc", "/usr", "/var/lib", "-xdev", "-name", "shithub*",
                     "-not", "-path", "/var/lib/docker/*", "-not", "-path", "/var/lib/systemd/*")
    assert left == ""
    report("packages", "removed (stopped, configuration kept) and purged (nothing left)")
