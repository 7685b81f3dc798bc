"""`shithubd-runner workdir triage`: whose failure is it, from local logs and from real runs."""
import json
import os
import sqlite3
import subprocess

import pytest

from conftest import newest_run, once, workflow

T = "2026-04-16T10:11:12.1234567Z "
CHECKOUT = T + "##[group]Run actions/checkout@v6\n"
DENIED = T + "##[error]EACCES: permission denied, unlink '{}'\n"
LICENSE = "/srv/am-runners/{}/_work/acuity/acuity/pkg/LICENSE"
POST = T + "##[group]Run rm -rf build\n"


def triage(build, source, *args, stdin=None):
    """(exit code, report); the text form must agree."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("SHITHUB_RUNNER_")}
    argv = [build / "shithubd-runner", "workdir", "triage", source, *map(str, args)]
    done = subprocess.run([*argv, "--output=json"], input=stdin, capture_output=True, text=True,
                          env=env, timeout=60, check=False)
    if not done.stdout:
        return done.returncode, done.stderr
    report = json.loads(done.stdout)
    text = subprocess.run(argv, input=stdin, capture_output=True, text=True, env=env, check=False)
    assert text.returncode == done.returncode
    assert text.stdout.startswith(f'{report["class"]}: {report["reason"]}\n')
    return done.returncode, report


def pairs(report):
    return [(pair["host"], pair["repo"]) for pair in report["pairs"]]


@pytest.fixture
def log(build, folder):
    def run(text, *args):
        (folder / "job.log").write_text(text)
        return triage(build, folder / "job.log", *(args or ("--instances=/srv/am-runners",)))
    return run


def test_triage_finds_two_hosts_of_one_repository(log, build):
    story = "".join(CHECKOUT + T + "Deleting the contents of '/srv'\n"
                    + DENIED.format(LICENSE.format(host)) * 3 + T + "Post job cleanup.\n"
                    for host in ("honey-am-2", "honey-am-1", "honey-am-2"))
    code, report = log(story)
    assert code == 1 and report["class"] == "platform_checkout"
    assert pairs(report) == [("honey-am-1", "acuity"), ("honey-am-2", "acuity")]
    assert report["pairs"][0]["command"] == (
        "shithubd-runner workdir remediate honey-am-1 acuity --instances '/srv/am-runners'")
    code, report = log(story, "--instance=/srv/am-runners/honey-am-2")
    assert code == 1 and pairs(report) == [("honey-am-2", "acuity")]
    assert triage(build, "-", "--instances=/srv/am-runners", stdin=story)[0] == 1


@pytest.mark.parametrize("text", [
    CHECKOUT + POST + DENIED.format(LICENSE.format("honey-am-1")),
    CHECKOUT + T + "warning: Permission denied: '" + LICENSE.format("h") + "'\n" + POST,
    "green\tcheckout\t" + CHECKOUT + "green\tbuild\t" + POST + "green\tbuild\t"
    + DENIED.format(LICENSE.format("h")),
])
def test_triage_blames_the_repository_after_the_checkout(log, text):
    code, report = log(text)
    assert code == 0 and report["class"] == "downstream" and report["pairs"] == []


@pytest.mark.parametrize("text", ["", "nothing to see\n", CHECKOUT + T + "##[error]no such ref\n",
                                  POST + DENIED.format(LICENSE.format("h"))])
def test_triage_says_inconclusive(log, text):
    code, report = log(text)
    assert code == (0 if report["class"] == "downstream" else 5)
    assert report["class"] == "inconclusive" and report["pairs"] == []


@pytest.mark.parametrize("path", [
    "/etc/passwd", "/srv/am-runners", "/srv/am-runners/h/_work", "/srv/am-runners/h/_work/",
    "/srv/am-runners/h/_work/../../etc/x", "/srv/am-runners/h/other/x", "/__w/acuity/x",
    "/srv/am-runners-evil/h/_work/x/y", "/srv/am-runners/h/_work/_temp/x",
    "/srv/am-runners/h/_work/$(reboot)/x", "/srv/am-runners/-h/_work/x/y",
    "/srv/am-runners/h/_work/a;b/c", "relative/_work/x"])
def test_triage_proposes_nothing_for_paths_outside_the_root(log, path):
    code, report = log(CHECKOUT + DENIED.format(path))
    assert code == 5 and report["class"] == "inconclusive" and report["pairs"] == []


def test_triage_bounds_hostile_logs(log):
    many = CHECKOUT + "".join(DENIED.format(LICENSE.format(f"h{n}")) for n in range(2000))
    code, report = log(many + "x" * 5_000_000 + "\n" + "\x00\x1b[31m" * 1000)
    assert code == 1 and len(report["pairs"]) == 256


def test_usage(build, folder):
    for args in (["no-such-file"], ["https://elsewhere.example/o/r/actions/runs/7"],
                 ["7"], [folder / "x", "--instances", "relative"]):
        code, text = triage(build, *args)
        assert code == (5 if args == ["no-such-file"] else 2) and len(text.splitlines()) == 1, text


def asked(build, coordinator, one, pat, folder, source, *args):
    (folder / "pat").write_text(pat + "\n")
    return triage(build, source, "--server-url", coordinator.base, "--token-file", folder / "pat",
                  "--workspace-root", one.workspaces, *args)


@once
def test_triage_of_a_real_run(build, coordinator, repository, joined, pat, folder):
    one, repo = joined(), repository()
    steps = "- uses: actions/checkout@v4\n- run: rm /etc/hostname; exit 1"
    repo.commit({"a": "b", ".shithub/workflows/ci.yml": workflow(steps)})
    repo.push()
    one.once()
    number = newest_run(coordinator)
    code, report = asked(build, coordinator, one, pat, folder, str(number))
    assert code == 0 and report["class"] == "downstream"
    # a run whose workspace cannot be made, and that has been handed back as often as a job may be
    repo.commit({"a": "c"})
    repo.push()
    number = newest_run(coordinator)
    with sqlite3.connect(coordinator.folder / "data/shithubd.db", timeout=20) as store:
        store.execute("UPDATE workflow_jobs SET hand_backs = 10 WHERE run_id = ?", (number,))
    place = one.workspaces / str(number)
    place.mkdir()
    subprocess.run(["chattr", "+i", place], check=True)
    try:
        one.once()
    finally:
        subprocess.run(["chattr", "-i", place], check=True)
    job = coordinator.show(number)["jobs"][0]
    url = f"{coordinator.base}/demo/sample/actions/runs/{number}"
    code, report = asked(build, coordinator, one, pat, folder, url, "--repo", "demo/sample")
    assert code == 1, (report, coordinator.step_log(job["id"], 0))
    assert pairs(report) == [("runner-1", f"{number}-{job['id']}")]
    assert report["pairs"][0]["command"].endswith(f"remediate localhost {number}-{job['id']}")
    code, text = asked(build, coordinator, one, pat, folder, url, "--repo", "demo/other")
    assert code == 2 and "demo/sample" in text
    assert asked(build, coordinator, one, "0" * 64, folder, url)[0] == 5
