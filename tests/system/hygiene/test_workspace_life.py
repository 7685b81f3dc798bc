"""Workspaces over the runner's own life: poison of earlier jobs, crashes, the sweep."""
import fcntl
import json
import os
import signal
import subprocess

import pytest

import driver
from conftest import newest_run, once, workflow

STEPS = "- run: touch started; test -e released || sleep 600"


def push(repo, steps="- run: echo fine"):
    repo.commit({"README.md": steps, ".shithub/workflows/ci.yml": workflow(steps)})
    repo.push()


def write(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def poison(top, kind):
    """What an earlier job could have left where the next one's workspace goes."""
    write(top / "repo" / "pkg" / "LICENSE")
    if kind == "locked":
        for path in [top, *top.rglob("*")]:
            os.chown(path, 65534, 65534)
        (top / "repo" / "pkg").chmod(0o555)
        (top / "repo").chmod(0)
    if kind == "immutable":
        subprocess.run(["chattr", "+i", top / "repo/pkg/LICENSE"], check=True)


@once
@pytest.mark.parametrize("kind", ["locked", "root_owned", "immutable"])
def test_W19_a_job_starts_over_poison(coordinator, repository, joined, kind):
    one, repo = joined(), repository()
    push(repo)
    run = coordinator.show(newest_run(coordinator))
    place = one.workspaces / str(run["id"]) / str(run["jobs"][0]["id"])
    poison(place, kind)
    try:
        program = one.once()
        left = list(place.parent.glob(".stale-*")) if place.parent.exists() else []
    finally:
        subprocess.run(["chattr", "-R", "-i", one.workspaces], capture_output=True, check=False)
    run = coordinator.show(run["id"])
    assert run["conclusion"] == "success", program.log()
    assert not place.exists(), "the job's own workspace went with it"
    lines = [line for line in program.log().splitlines() if "old workspace" in line]
    assert len(lines) == 1 and f'job={run["jobs"][0]["id"]}' in lines[0]
    assert len(left) == (1 if kind == "immutable" else 0)
    if left:
        # the cause is gone: the next start's sweep takes what was set aside, whatever its age
        program = one.start()
        driver.wait_for(lambda: not left[0].exists(), 60, "the sweep")
        program.stop()


@once
def test_W20_killed_in_a_job_the_next_one_succeeds(coordinator, repository, joined):
    one, repo = joined(), repository()
    program = one.start()
    push(repo, STEPS)
    driver.wait_for(lambda: next(one.workspaces.glob("*/*/started"), None), 60, "the step")
    program.signal(signal.SIGKILL)
    program.wait(10)
    push(repo)
    following = newest_run(coordinator)
    program = one.start()
    driver.wait_for(lambda: coordinator.show(following)["status"] == "completed", 120, "a job")
    assert coordinator.show(following)["conclusion"] == "success", program.log()
    driver.wait_for(lambda: one.left_over() == [], 60, "the killed job's workspace to go")


class Sweep:
    """The janitor's sweep, called as the supervisor calls it."""

    def __init__(self, build, folder):
        self.build, self.root, self.state = build, folder / "ws", folder / "state"
        for path in (self.root, self.state / "leases", self.state / "jobs"):
            path.mkdir(parents=True)
        (self.state / "instance_id").write_text("11111111-2222-4333-8444-555555555555")

    def left(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob("*/*"))

    def run(self, ttl="1h"):
        done = subprocess.run(
            [self.build / "shithubd-runner", "janitor", "sweep", "--root", self.root,
             "--state-dir", self.state, "--ttl", ttl, "--log-format", "json"],
            capture_output=True, text=True, timeout=60, check=False)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        return done.returncode, lines

    def until_old(self):
        """Sweeps with the shortest life until something happened."""
        return driver.wait_for(lambda: self.run("1ms")[1], 30, "the sweep to find something")


@pytest.fixture
def sweep(build, folder):
    return Sweep(build, folder)


def test_sweep_takes_what_nobody_uses(sweep):
    for job in ("7/41", "7/42", "8/43", "8/.stale-40-0a0b0c0d", "9/44"):
        poison(sweep.root / job, "locked")
    (sweep.root / "strange" / "thing").mkdir(parents=True)
    (sweep.state / "jobs" / "44").mkdir()
    with open(sweep.state / "leases" / "7-42", "w") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        code, lines = sweep.run()
        assert code == 0 and [line["removed"] for line in lines] == [1]
        assert sweep.left() == ["7/41", "7/42", "8/43", "9/44", "strange/thing"], \
            "young ones stay, what was set aside does not"
        (line,) = sweep.until_old()
        assert (line["event"], line["removed"]) == ("workspaces_swept", 2)
        assert sweep.left() == ["7/42", "9/44", "strange/thing"]
    (line,) = sweep.until_old()
    assert sweep.left() == ["9/44", "strange/thing"], "the lease is free now"
    assert not (sweep.root / "7").exists() and os.listdir(sweep.state / "leases") == []


def test_sweep_ages_by_what_no_step_can_set(sweep):
    poison(sweep.root / "7/41", "locked")
    for path in sweep.root.rglob("*"):
        os.utime(path, (4e9, 4e9), follow_symlinks=False)
    sweep.until_old()
    assert sweep.left() == []


def test_sweep_sets_aside_what_resists(sweep):
    poison(sweep.root / "7/41", "immutable")
    try:
        (line,) = sweep.until_old()
        assert line["event"] == "workspaces_kept" and "7/41" in line["reason"]
        (aside,) = sweep.left()
        assert aside.startswith("7/.stale-41-")
        (line,) = sweep.run()[1]
        assert line["kept"] == 1 and sweep.left() == [aside], "no second name"
    finally:
        subprocess.run(["chattr", "-R", "-i", sweep.root], check=True)
    sweep.run()
    assert sweep.left() == []


def test_sweep_refuses_the_root_of_another_runner(sweep):
    poison(sweep.root / "7/41", "locked")
    assert sweep.run() == (0, [])
    (sweep.state / "instance_id").write_text("99999999-2222-4333-8444-555555555555")
    code, (line,) = sweep.run("1ms")
    assert code == 1 and "belongs to another runner" in line["error"]
    assert sweep.left() == ["7/41"]


def test_sweep_without_leases_proves_nothing(sweep):
    poison(sweep.root / "7/41", "locked")
    (sweep.state / "leases").rmdir()
    code, (line,) = sweep.run("1ms")
    assert code == 1 and "no leases" in line["error"] and sweep.left() == ["7/41"]


def test_janitor_keeps_out_of_the_root_of_another_runner(sweep):
    """Two coordinators give the same numbers: what stands there may be the other one's work."""
    def janitor(action):
        return subprocess.run(
            [sweep.build / "shithubd-runner", "janitor", action, "--root", sweep.root,
             "--state-dir", sweep.state, "--run", "7", "--job", "41", "--uid", "65534",
             "--gid", "65534"], capture_output=True, text=True, timeout=60, check=False)
    assert janitor("make").returncode == 0
    assert (sweep.root / ".owner").read_text() == (sweep.state / "instance_id").read_text()
    write(sweep.root / "7/41/work")
    (sweep.state / "instance_id").write_text("99999999-2222-4333-8444-555555555555")
    for action in ("make", "remove"):
        done = janitor(action)
        assert done.returncode == 1 and "belongs to another runner" in done.stderr
    assert (sweep.root / "7/41/work").exists() and sweep.left() == ["7/41"]


@once
def test_second_runner_in_one_workspace_root_is_refused(joined):
    first = joined()
    program = first.start()
    driver.wait_for(lambda: (first.workspaces / ".owner").exists(), 30, "the mark")
    second = joined(workspace_root=first.workspaces).start()
    assert second.wait(30) == 3 and "belongs to another runner" in second.log()
    assert program.alive()


@pytest.mark.parametrize("how", ["mode", "owner"])
def test_janitor_works_in_no_root_of_others(sweep, how):
    """Who can exchange the folder of a run would choose what becomes whose."""
    if how == "mode":
        sweep.root.chmod(0o777)
    else:
        os.chown(sweep.root, 65534, 65534)
    done = subprocess.run(
        [sweep.build / "shithubd-runner", "janitor", "make", "--root", sweep.root, "--run", "7",
         "--job", "41", "--uid", "0", "--gid", "0"],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and f"workspace root: {sweep.root}" in done.stderr
    assert sweep.left() == []
