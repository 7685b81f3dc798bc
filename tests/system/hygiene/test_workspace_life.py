"""Workspaces over the runner's life: contaminated ones, crashes, the sweep."""
import contextlib
import fcntl
import json
import os
import pathlib
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
    """Makes what an earlier job may have left in the next one's place."""
    write(top / "repo" / "pkg" / "LICENSE")
    if kind == "locked":
        for path in [top, *top.rglob("*")]:
            os.chown(path, 65534, 65534)
        (top / "repo" / "pkg").chmod(0o555)
        (top / "repo").chmod(0)
    if kind == "immutable":
        subprocess.run(["chattr", "+i", top / "repo/pkg/LICENSE"], check=True)


def janitors(program):
    """The janitors that a runner has running now."""
    pid = program.process.pid
    found = []
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if b"janitor" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


@once
@pytest.mark.parametrize("kind", ["locked", "root_owned", "immutable"])
def test_job_starts_over_a_contaminated_workspace(coordinator, repository, joined, kind):
    one, repo = joined(), repository()
    program = one.start()
    driver.wait_for(lambda: (one.workspaces / ".owner").exists() and not janitors(program), 30,
                    "the sweep at the start")
    place = one.workspaces / "1/1"
    poison(place, kind)
    try:
        push(repo)
        run = coordinator.ended(timeout=60)
        driver.wait_for(lambda: not place.exists(), 60, "the clean-up")
        left = list(place.parent.glob(".stale-*")) if place.parent.exists() else []
    finally:
        program.stop()
        subprocess.run(["chattr", "-R", "-i", one.workspaces], capture_output=True, check=False)
    assert (run["id"], run["jobs"][0]["id"]) == (1, 1)
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
def test_next_job_succeeds_after_a_kill_in_a_job(coordinator, repository, joined):
    one, repo = joined(), repository()
    program = one.start()
    push(repo, STEPS)
    driver.wait_for(lambda: next(one.in_workspaces("*/*/workspace/started"), None), 60, "the step")
    program.signal(signal.SIGKILL)
    program.wait(10)
    push(repo)
    following = newest_run(coordinator)
    program = one.start()
    assert coordinator.ended(following)["conclusion"] == "success", program.log()
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

    def argv(self):
        return [self.build / "shithubd-runner", "janitor", "sweep", "--root", self.root,
                "--state-dir", self.state, "--log-format", "json"]

    def run(self):
        done = subprocess.run(self.argv(), capture_output=True, text=True, timeout=60, check=False)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        return done.returncode, lines


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
        code, (line,) = sweep.run()
        assert code == 0 and (line["event"], line["removed"]) == ("workspaces_swept", 3)
        assert sweep.left() == ["7/42", "9/44", "strange/thing"]
    (line,) = sweep.run()[1]
    assert sweep.left() == ["9/44", "strange/thing"], "the lease is free now"
    assert not (sweep.root / "7").exists() and os.listdir(sweep.state / "leases") == []


def is_free(lease):
    """Whether a job could take it now."""
    try:
        with open(lease, "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_sweep_holds_a_lease_for_one_rename(sweep):
    """While it still deletes what it renamed, the job of that name may begin."""
    tree = sweep.root / "7/42"
    tree.mkdir(parents=True)
    subprocess.run("seq 30000 | xargs touch", shell=True, check=True, cwd=tree)
    at_work = subprocess.Popen(sweep.argv(), stderr=subprocess.DEVNULL)
    try:
        aside = driver.wait_for(lambda: next(sweep.root.glob("7/.stale-*"), None), 30, "the rename")

        def free_while_it_deletes():
            at_work.send_signal(signal.SIGSTOP)
            if is_free(sweep.state / "leases/7-42"):
                return True
            at_work.send_signal(signal.SIGCONT)
            return False
        driver.wait_for(free_while_it_deletes, 30, "the lease")
        assert aside.exists() and at_work.poll() is None
    finally:
        at_work.send_signal(signal.SIGCONT)
    assert at_work.wait(60) == 0 and sweep.left() == []


def test_sweep_takes_empty_folders(sweep):
    """What a killed janitor or probe leaves; a probe that works just now keeps its folder."""
    for name in ("7", ".probe-0a0b0c0d", "strange"):
        (sweep.root / name).mkdir()
    assert sweep.run() == (0, [])
    assert sorted(os.listdir(sweep.root)) == [".owner", ".probe-0a0b0c0d", "strange"]


def test_sweep_sets_aside_what_resists(sweep):
    poison(sweep.root / "7/41", "immutable")
    try:
        (line,) = sweep.run()[1]
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
    assert sweep.run() == (0, []), "it claims the root"
    poison(sweep.root / "7/41", "locked")
    (sweep.state / "instance_id").write_text("99999999-2222-4333-8444-555555555555")
    code, (line,) = sweep.run()
    assert code == 1 and "belongs to another runner" in line["error"]
    assert sweep.left() == ["7/41"]


def test_sweep_without_leases_proves_nothing(sweep):
    poison(sweep.root / "7/41", "locked")
    (sweep.state / "leases").rmdir()
    code, (line,) = sweep.run()
    assert code == 1 and "no leases" in line["error"] and sweep.left() == ["7/41"]


def test_janitor_keeps_out_of_the_root_of_another_runner(sweep):
    """Two coordinators give the same numbers, so the folder may be the other one's work."""
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
    """A user who can exchange a run's folder could choose which files the janitor gives away."""
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
