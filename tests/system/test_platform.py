"""A machine that cannot run jobs claims none: the queue stays whole and the operator is told."""
import contextlib
import json
import re
import subprocess
import urllib.error
import urllib.request

import pytest

import driver
from conftest import newest_run, once, workflow


@contextlib.contextmanager
def read_only(path):
    """The folder, as a mount of its own that nobody may write to."""
    path.mkdir(exist_ok=True)
    driver.run(["mount", "--bind", path, path])
    try:
        driver.run(["mount", "-o", "remount,bind,ro", path])
        yield
    finally:
        driver.run(["umount", path])


@contextlib.contextmanager
def nothing():
    yield


def health(one):
    where = re.search(r"metrics listen=(\S+)", one.programs[-1].log()).group(1)
    try:
        with urllib.request.urlopen(f"http://{where}/healthz") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def metric(one, name):
    where = re.search(r"metrics listen=(\S+)", one.programs[-1].log()).group(1)
    with urllib.request.urlopen(f"http://{where}/metrics") as answer:
        return float(re.search(rf"^shithub_runner_{name} (\S+)$", answer.read().decode(), re.M)[1])


def status(one):
    return json.loads(driver.run([one.binary, "status", "--output=json", "--state-dir",
                                  one.state]).stdout)


def push(repo, coordinator, number):
    repo.commit({".shithub/workflows/ci.yml": workflow(f"- run: echo job {number}")})
    repo.push()
    return newest_run(coordinator)


def jobs(coordinator, runs):
    return [coordinator.show(run)["jobs"][0] for run in runs]


BREAKS = {
    "read_only_root": ({}, "Read-only file system"),
    "image": ({"image": "nowhere.invalid/none:1", "pull": "never"}, "nowhere.invalid/none:1"),
    "network": ({"network": "no-such-network"}, "no-such-network"),
    "engine": ({"engine_socket": "/nowhere/engine.sock"}, "/nowhere/engine.sock"),
}


@once
@pytest.mark.parametrize("what", BREAKS)
def test_no_job_is_claimed(what, coordinator, repository, joined):
    repo = repository()
    runs = [push(repo, coordinator, number) for number in range(3)]
    flags, reason = BREAKS[what]
    one = joined(capacity=2, metrics_listen="127.0.0.1:0", **flags)
    broken = read_only(one.workspaces) if what == "read_only_root" else nothing()
    with broken:
        program = one.start()
        driver.wait_for(lambda: "platform_broken" in program.log(), 30, "the report")
        driver.wait_for(lambda: metric(one, "platform_failures_total") >= 2, 30, "a second probe")
        assert program.log().count("platform_broken") == 1, "one line for one reason"
        code, text = health(one)
        assert code == 503 and reason in text, text
        assert metric(one, "platform_ok") == 0
        seen = status(one)
        assert seen["state"] == "broken" and reason in seen["platform"]["error"]
        assert [job["status"] for job in jobs(coordinator, runs)] == ["queued"] * 3
    if what == "read_only_root":
        driver.wait_for(lambda: all(job["status"] == "completed"
                                    for job in jobs(coordinator, runs)), 60, "the jobs")
        assert [job["conclusion"] for job in jobs(coordinator, runs)] == ["success"] * 3
        assert "platform_restored" in program.log() and health(one)[0] == 200


@once
def test_a_job_that_meets_a_broken_machine_runs_on_another(coordinator, repository, joined):
    repo = repository()
    bad = joined()
    bad.workspaces.mkdir(exist_ok=True)
    program = bad.start()
    driver.wait_for(lambda: "engine server=" in program.log(), 30, "the start")
    driver.wait_for(lambda: status(bad)["heartbeat"]["in_flight"], 30, "a held heartbeat")
    with read_only(bad.workspaces):
        run = push(repo, coordinator, 1)
        driver.wait_for(lambda: "platform_broken" in program.log(), 30, "the report")
        driver.wait_for(lambda: jobs(coordinator, [run])[0]["status"] == "queued", 30,
                        "the job's return")
        others = [push(repo, coordinator, number) for number in (2, 3)]
        good = joined()
        good.start()
        driver.wait_for(lambda: all(job["status"] == "completed"
                                    for job in jobs(coordinator, [run, *others])), 60, "the jobs")
        assert [job["conclusion"] for job in jobs(coordinator, [run, *others])] == ["success"] * 3
        claimed = re.findall(r"job_claimed job=(\d+)", program.log())
        assert claimed == [str(jobs(coordinator, [run])[0]["id"])], "one job paid for the discovery"


@once
def test_doctor_names_the_state(coordinator, joined):
    one = joined(network="no-such-network")
    program = one.start()
    driver.wait_for(lambda: "platform_broken" in program.log(), 30, "the report")
    argv = [str(word) for word in one.argv()]
    done = subprocess.run([argv[0], "doctor", "--offline", "--output=json", *argv[2:]],
                          capture_output=True, env=one.env)
    rows = {row["name"]: row for row in json.loads(done.stdout)["checks"]}
    assert rows["runner"]["verdict"] in ("warn", "fail")
    assert "no-such-network" in rows["runner"]["detail"]


# A filter as systemd's RestrictSUIDSGID= sets it: openat2, whose mode it cannot read, gives ENOSYS.
WITHOUT_OPENAT2 = """
import ctypes, os, struct, sys
OPENAT2, ENOSYS, ALLOW, ERRNO = 437, 38, 0x7fff0000, 0x50000
lines = [(0x20, 0, 0, 0), (0x15, 0, 1, OPENAT2), (6, 0, 0, ERRNO | ENOSYS), (6, 0, 0, ALLOW)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@once
def test_a_unit_that_forbids_openat2_claims_no_job(coordinator, repository, joined):
    run = push(repository(), coordinator, 1)
    one = joined()
    program = driver.Program(["/usr/bin/python3", "-c", WITHOUT_OPENAT2, *one.argv()],
                             one.folder / "filtered.log", env=one.env, cwd=one.folder)
    one.programs.append(program)
    driver.wait_for(lambda: "platform_broken" in program.log(), 30, "the report")
    assert "unset RestrictSUIDSGID=" in program.log() and "job_claimed" not in program.log()
    assert jobs(coordinator, [run])[0]["status"] == "queued"
