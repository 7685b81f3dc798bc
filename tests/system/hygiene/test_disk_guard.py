"""`shithubd-runner disk guard`: real trees, real leases, small file systems of their own."""
import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import socket
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

import driver
from conftest import newest_run, once, workflow

MIB, DAY = 1 << 20, 86400
INSTANCE = "11111111-2222-4333-8444-%012d"
HOLD = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); " \
       "print('held', flush=True); sys.stdin.read()"


def percent(path):
    """As df prints it."""
    done = subprocess.run(["df", "--output=pcent", path], capture_output=True, text=True,
                          check=True)
    return int(done.stdout.split()[-1].rstrip("%"))


def fill(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(4096) * (size // 4096))


def age(top, seconds):
    """All of a tree as if untouched since then."""
    when = time.time() - seconds
    for path in [*sorted(top.rglob("*"), reverse=True), top]:
        os.utime(path, (when, when), follow_symlinks=False)


def listing(top):
    return {str(path.relative_to(top)): (path.lstat().st_mode, path.lstat().st_mtime_ns,
                                         path.read_bytes() if path.is_file() else None)
            for path in sorted(top.rglob("*"))}


@contextlib.contextmanager
def mounted(path, size):
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "guard", path],
                   check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


class Instance:
    """One runner's folders, and the guard called on them."""

    numbers = iter(range(1, 10**9))

    def __init__(self, build, root, state):
        self.binary, self.root, self.state = build / "shithubd-runner", root, state
        for path in (root, state / "leases", state / "jobs"):
            path.mkdir(parents=True, exist_ok=True)
        (state / "instance_id").write_text(INSTANCE % next(self.numbers))

    def workspace(self, name, size=64 << 10, old=0, leaf="repo/src/deep/file"):
        top = self.root / name
        fill(top / leaf, size)
        age(top, old)
        return top

    def left(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob("*/*"))

    def call(self, *args, env=None, before=()):
        given = {key: value for key, value in os.environ.items()
                 if not key.startswith("SHITHUB_RUNNER_")}
        return subprocess.run(
            [*before, self.binary, "disk", "guard", "--workspace-root", self.root, "--state-dir",
             self.state, *map(str, args)], capture_output=True, text=True, timeout=120,
            env={**given, **(env or {})}, check=False)

    def guard(self, *args, code=0, **how):
        done = self.call("--output", "json", "--strict", *args, **how)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def decisions(self, *args, **how):
        """{workspace: (decision, reason)}, the last word on each."""
        told = self.guard(*args, **how)["decisions"]
        return {os.path.relpath(row["path"], self.root): (row["decision"], row["reason"])
                for row in told}

    def journal(self):
        path = self.state / "hygiene/disk_guard.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] \
            if path.exists() else []

    @contextlib.contextmanager
    def held(self, lease):
        """Held by another process, which is handed over to be killed."""
        process = subprocess.Popen([sys.executable, "-c", HOLD, self.state / "leases" / lease],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


@pytest.fixture
def one(build, folder):
    return Instance(build, folder / "ws", folder / "state")


@pytest.fixture
def small(build, folder):
    """Workspaces on 16 MB of their own."""
    with mounted(folder / "small", "16m"):
        yield Instance(build, folder / "small/ws", folder / "state")


def test_guard_takes_each_word_of_output(one):
    """The role that does the work has the words of the verb, the default and the old one too."""
    said = [one.call(*words) for words in ([], ["--output", "table"], ["--output", "text"])]
    assert [done.returncode for done in said] == [0, 0, 0], said[0].stderr
    assert all(f"{one.root}: " in done.stdout and "enough" in done.stdout for done in said)


def test_guard_deletes_nothing_below_the_threshold(one):
    one.workspace("7/41", old=90 * DAY)
    before = listing(one.root)
    done = one.call("--high-water", "100", "--low-water", "99")
    assert done.returncode == 0 and done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert re.search(r": \d+% used, .* high water 100%: enough$", line)
    assert listing(one.root) == before and one.journal() == []
    assert one.call("--high-water", "101").returncode == 2


def test_percent_equals_df(one, folder):
    image, where = folder / "image", folder / "disk"
    where.mkdir()
    with open(image, "wb") as made:
        made.truncate(32 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m", "20", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, where], check=True)
    try:
        one.root = where / "ws"
        one.workspace("7/41", 6 * MIB)
        driver.run(["sync", "-f", where])  # not os.sync(): other tests write gigabytes
        now, st = percent(where), os.statvfs(where)
        naive = 100 * (st.f_blocks - st.f_bfree) // st.f_blocks
        assert now > naive + 3, "reserved blocks make the difference"
        assert one.decisions("--high-water", now + 1, "--dry-run") == {}
        (fs,) = [fs for fs in one.guard("--high-water", now)["filesystems"] if fs["pressed"]]
        assert fs["before"]["percent"] == now and fs["root"] == str(one.root)
        assert one.left() == []
    finally:
        subprocess.run(["umount", "-l", where], check=True)


def test_guard_measures_each_file_system_once(small):
    small.workspace("7/41", 15 * MIB)
    told = small.guard()
    assert [(fs["root"], fs["pressed"]) for fs in told["filesystems"]] == \
        [(str(small.root), True), (str(small.state), False)]
    assert small.left() == []
    small.state = small.root.parent / "state"
    Instance(small.binary.parent, small.root, small.state)
    (small.root / ".owner").unlink()
    assert len(small.guard()["filesystems"]) == 1, "the same one is measured once"


def test_flag_beats_environment_beats_file(one, folder):
    config = folder / "config.toml"
    config.write_text("[disk]\nhigh_water = 80\nlow_water = 40\n")
    env = {"SHITHUB_RUNNER_DISK__HIGH_WATER": "90"}
    assert (one.guard()["high_water"], one.guard()["low_water"]) == (85, 75)
    assert one.guard("--config", config)["high_water"] == 80
    assert one.guard("--config", config, env=env)["high_water"] == 90
    told = one.guard("--config", config, "--high-water", 95, env=env)
    assert (told["high_water"], told["low_water"]) == (95, 40)
    for bad in ("0", "101", "-1", "85%", "many", ""):
        done = one.call("--high-water", bad)
        assert done.returncode == 2 and "from 1 to 100" in done.stderr, bad
    done = one.call("--high-water", "50", "--low-water", "50")
    assert done.returncode == 2 and "expected less than disk.high_water" in done.stderr
    assert one.call("--mode", "sometimes").returncode == 2
    assert one.call("--stale", "soon").returncode == 2


def test_guard_never_touches_siblings(build, folder):
    all_of_them = [Instance(build, folder / f"runner-{i}/ws", folder / f"runner-{i}/state")
                   for i in (1, 2, 10)]
    for each in all_of_them:
        each.workspace("7/41", old=90 * DAY)
    before = [listing(each.root) for each in all_of_them[1:]]
    all_of_them[0].guard("--high-water", 1)
    assert all_of_them[0].left() == []
    assert [listing(each.root) for each in all_of_them[1:]] == before
    all_of_them[1].guard("--high-water", 1, "--dry-run")
    all_of_them[1].root, mine = all_of_them[0].root, all_of_them[1].root
    done = all_of_them[1].call("--high-water", "1", "--strict")
    assert done.returncode == 3 and "belongs to another runner" in done.stderr
    assert (mine / "7/41").exists()


def test_leased_workspace_is_skipped_and_named(one):
    one.workspace("7/41"), one.workspace("7/42")
    with one.held("7-41"):
        told = one.guard("--high-water", 1)["decisions"]
        assert one.left() == ["7/41"]
    (skip,) = [row for row in told if row["path"].endswith("7/41")]
    assert (skip["decision"], skip["reason"], skip["detail"]) == ("keep", "leased", "7-41")
    (skip,) = [row for row in one.journal() if row["path"].endswith("7/41")]
    assert (skip["decision"], skip["reason"]) == ("keep", "leased")


def test_claimed_job_counts_as_live_before_it_starts(one):
    one.workspace("7/41", old=90 * DAY)
    with one.held("7-41"):
        (one.state / "leases/7-41").write_text('{"state":"claimed"}')
        for mode in ("pre-job", "nightly"):
            assert one.decisions("--high-water", 1, "--mode", mode) == {
                "7/41": ("keep", "leased")}
    (one.state / "jobs/41").mkdir()
    assert one.decisions("--high-water", 1)["7/41"] == ("keep", "job_folder"), \
        "its job is still to be recovered"


class Writer(threading.Thread):
    """A job after another: lease, workspace made, filled, checked, left."""

    def __init__(self, one, number, over):
        super().__init__(daemon=True)
        self.one, self.number, self.over = one, number, over
        self.rounds, self.refused, self.errors = 0, 0, []

    def take(self, path):
        """As the runner does: a lock on a file that still has its name."""
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            lease = open(path, "a")
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lease.fileno()).st_ino == os.stat(path).st_ino:
                return lease
        self.refused += 1
        return None

    def job(self, run, job):
        lease = self.take(self.one.state / f"leases/{run}-{job}")
        if not lease:
            return
        with lease:
            made = subprocess.run(
                [self.one.binary, "janitor", "make", "--root", self.one.root, "--run", str(run),
                 "--job", str(job), "--uid", "0", "--gid", "0"], capture_output=True, text=True,
                check=False)
            assert made.returncode == 0, made.stderr
            self.fill_and_check(self.one.root / str(run) / str(job))
        self.rounds += 1

    def fill_and_check(self, top):
        written = {}
        for number in range(40):
            path = top / f"target/{number % 7}/debug/{number}.o"
            path.parent.mkdir(parents=True, exist_ok=True)
            written[path] = os.urandom(2048)
            path.write_bytes(written[path])
            time.sleep(0.002)
        for path, text in written.items():
            assert path.read_bytes() == text

    def run(self):
        choose = random.Random(self.number)
        while not self.over.is_set():
            try:
                self.job(choose.randrange(1, 4), self.number * 10 + choose.randrange(3))
            except (OSError, AssertionError) as error:
                self.errors.append(repr(error))
                return


def test_four_guards_never_hurt_four_writers(one):
    """Until each side has done SHITHUB_RACE_ROUNDS, 100 when that is not set."""
    wanted = int(os.environ.get("SHITHUB_RACE_ROUNDS", "100"))
    over = threading.Event()
    writers = [Writer(one, number, over) for number in range(1, 5)]
    removed, failures = [], []

    def guards():
        while not over.is_set():
            done = one.call("--high-water", "1", "--output", "json", "--strict")
            told = json.loads(done.stdout)
            if told["refused"] != "guard_already_running":
                removed.append(told["removed"])
                failures.extend(row for row in told["decisions"] if row["decision"] == "failed")
            over.wait(0.05)

    def errors():
        return failures + [error for writer in writers for error in writer.errors]

    def rounds():
        return sum(writer.rounds for writer in writers)

    threads = writers + [threading.Thread(target=guards, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        driver.wait_for(lambda: errors() or min(rounds(), sum(removed)) >= wanted, 120, "the race")
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    print(f"{rounds()} jobs, {len(removed)} guards removed {sum(removed)} workspaces, "
          f"{sum(writer.refused for writer in writers)} leases refused")
    assert errors() == []
    one.guard("--high-water", 1)
    assert one.left() == [] and os.listdir(one.state / "leases") == []


def test_lease_of_a_killed_owner_is_free(one):
    one.workspace("7/41")
    with one.held("7-41") as owner:
        assert one.decisions("--high-water", 1)["7/41"] == ("keep", "leased")
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert one.decisions("--high-water", 1)["7/41"] == ("removed", "high_water")
    assert one.left() == [] and not (one.root / "7").exists()


def test_idle_means_the_whole_tree(one):
    for name in ("7/41", "7/42", "7/43"):
        one.workspace(name, old=8 * DAY, leaf="a/b/c/d/leaf")
    leaf = one.root / "7/42/a/b/c/d/leaf"
    os.utime(leaf)
    os.utime(one.root / "7/43/a/b/c/d")
    assert one.decisions("--mode", "nightly") == {
        "7/41": ("removed", "stale"), "7/42": ("keep", "recent"), "7/43": ("keep", "recent")}
    assert one.left() == ["7/42", "7/43"]


def test_age_boundary_and_future_times(one):
    """To the second in tests/unit/hygiene/test_guard.c, where the clock stands still."""
    one.workspace("7/41", old=7 * DAY - 60)
    one.workspace("7/42", old=7 * DAY)
    one.workspace("7/43", old=7 * DAY + 1)
    one.workspace("7/44", old=-DAY)
    one.workspace("7/45", old=30 * DAY)
    os.utime(one.root / "7/45/repo", (4e9, 4e9))
    assert one.decisions("--mode", "nightly") == {
        "7/41": ("keep", "recent"), "7/42": ("removed", "stale"), "7/43": ("removed", "stale"),
        "7/44": ("keep", "recent"), "7/45": ("keep", "recent")}
    assert one.decisions("--mode", "nightly", "--stale", "1m")["7/41"] == ("removed", "stale")


def test_guard_never_takes_protected_or_foreign_paths(one, folder):
    for name in ("7/41", "7/42", "8/43", "9/44", "main/45", "_tool/node", "7/cache"):
        one.workspace(name, old=90 * DAY)
    fill(one.root / "config.toml", 4096)
    fill(one.state / "token", 4096)
    fill(one.state / "jobs/77/journal", 4096)
    fill(one.root / "44/.git/objects/pack", 4096)
    config = folder / "config.toml"
    config.write_text('[disk]\nprotected = ["7/42", "8", "44", "main"]\n')
    before = {**listing(one.state), **listing(one.root)}
    told = one.decisions("--config", config, "--high-water", 1)
    assert {name: told[name] for name in ("7/41", "7/42", "8/43", "9/44", "7/cache")} == {
        "7/41": ("removed", "high_water"), "7/42": ("keep", "protected"),
        "8/43": ("keep", "protected"), "9/44": ("keep", "protected"),
        "7/cache": ("keep", "no_lease")}
    assert (one.state / "jobs/77/journal").exists(), "a job to be recovered"
    after = {**listing(one.state), **listing(one.root)}
    gone = {name for name in before if name not in after}
    assert gone and all(name.startswith("7/41") for name in gone)
    assert {name: after[name][2] for name in after if name in before} == {
        name: before[name][2] for name in before if name not in gone}


def test_guard_follows_neither_links_nor_mounts(one, folder):
    sentinel = folder / "sentinel"
    fill(sentinel / "kept", 4096)
    one.workspace("7/41")
    (one.root / "7/41/repo/link").symlink_to(sentinel)
    (one.root / "7/43").symlink_to(sentinel)
    one.workspace("7/42")
    with mounted(one.root / "7/42/repo/mnt", "1m") as inside:
        fill(inside / "kept", 4096)
        assert one.decisions("--high-water", 1) == {
            "7/41": ("removed", "high_water"), "7/42": ("keep", "mount_inside"),
            "7/43": ("keep", "not_a_folder")}
        assert (inside / "kept").exists() and (one.root / "7/42/repo/src/deep/file").exists()
    assert (sentinel / "kept").exists() and (one.root / "7/43").is_symlink()


def test_oldest_go_first_until_low_water(small):
    small.workspace("7/41", 4 * MIB, old=3 * DAY)
    small.workspace("7/42", 4 * MIB, old=9 * DAY)
    small.workspace("7/43", 4 * MIB, old=1 * DAY)
    now = percent(small.root)
    told = small.decisions("--high-water", now, "--low-water", now - 10)
    assert told == {"7/42": ("removed", "high_water"), "7/41": ("keep", "low_water"),
                    "7/43": ("keep", "low_water")}
    assert small.left() == ["7/41", "7/43"] and percent(small.root) <= now - 10


def test_freed_bytes_are_the_deleted_blocks(small):
    one = small.workspace("7/41", 6 * MIB)
    os.link(one / "repo/src/deep/file", one / "second-name")
    with open(one / "hole", "wb") as hole:
        hole.truncate(1 << 30)
    stop = threading.Event()

    def grow():
        noise = os.open(small.root.parent / "noise", os.O_WRONLY | os.O_CREAT)
        while not stop.wait(0.0005):
            with contextlib.suppress(OSError):
                os.write(noise, b"x" * 8192)
        os.close(noise)
    writer = threading.Thread(target=grow)
    writer.start()
    try:
        driver.wait_for(lambda: percent(small.root) >= 90, 30, "the noise")
        told = small.guard("--min-free", 0)
    finally:
        stop.set()
        writer.join()
    assert 6 * MIB <= told["freed_bytes"] < 6.1 * MIB, "blocks, each file once"
    (fs,) = [fs for fs in told["filesystems"] if fs["pressed"]]
    assert all(fs[when][key] >= 0 for when in ("before", "after")
               for key in ("used_bytes", "free_bytes", "percent"))


def immutable(*paths):
    return subprocess.run(["chattr", "+i", *paths], check=True)


def test_guard_failure_never_fails_the_job(one):
    top = one.workspace("7/41")
    immutable(top / "repo/src/deep/file")
    try:
        done = one.call("--high-water", "1")
        assert done.returncode == 0 and "failed" in done.stdout and "deep/file" in done.stdout
        told = one.guard("--high-water", 1, code=1)
        assert told["failed"] == 1 and told["decisions"][-1]["reason"] == "not_deletable"
        (left,) = one.left()
        assert left.startswith("7/.stale-41-"), "it stands in no job's way"
        shutil.rmtree(one.state / "leases")
        assert one.call("--high-water", "1").returncode == 0
        assert one.call("--high-water", "1", "--strict").returncode == 3
    finally:
        subprocess.run(["chattr", "-R", "-i", one.root], check=True)


@once
def test_full_disk_stops_claims(build, folder, faulty, runner, engine):
    with mounted(folder / "disk", "16m") as disk:
        one = runner(faulty.base, faulty.token, poll_interval="200ms", min_free="5",
                     log_format="json", metrics_listen=str(folder / "metrics"))
        one.flags.update({"state-dir": disk / "state", "workspace-root": disk / "ws"})
        one.state = disk / "state"
        fill(disk / "ballast", 15 * MIB + MIB // 2)
        recorded = faulty.offer_job(501)
        program = one.start()
        driver.wait_for(lambda: "disk_pressure" in program.log(), 30, "the refusal")
        told = subprocess.run([build / "shithubd-runner", "status", "--state-dir", one.state,
                               "--output", "json"], capture_output=True, check=True)
        status = json.loads(told.stdout)
        assert status["state"] == "disk_pressure" and status["disk"]["pressure"]
        page = subprocess.run(["curl", "-sS", "--unix-socket", folder / "metrics",
                               "http://runner/metrics"], capture_output=True, text=True, check=True)
        assert "\nshithub_runner_disk_pressure 1\n" in page.stdout
        health = subprocess.run(["curl", "-sS", "--unix-socket", folder / "metrics",
                                 "http://runner/healthz"], capture_output=True, text=True,
                                check=True)
        assert health.stdout.startswith("disk pressure: 97% used at"), health.stdout
        assert faulty.heartbeats == [] and recorded.calls == []
        (disk / "ballast").unlink()
        driver.wait_for(lambda: recorded.final, 120, "the job after there was room")
        assert recorded.final == ("completed", "success"), program.log()
        assert program.log().count('"disk_pressure"') == 1
        assert program.log().count('"disk_pressure_over"') == 1
        # a heartbeat that is held while the disk fills is asked back
        driver.wait_for(lambda: "job_over" in program.log(), 30, "the end of the job")
        before = len(faulty.heartbeats)
        driver.wait_for(lambda: any("Prefer" in headers for _, headers, _ in
                                    faulty.heartbeats[before:]), 30, "a heartbeat to be held")
        fill(disk / "ballast", 15 * MIB + MIB // 2)
        driver.wait_for(lambda: faulty.releases >= 1, 60, "its release")
        driver.wait_for(lambda: program.log().count('"disk_pressure"') == 2, 30, "the log line")
        (disk / "ballast").unlink()
        program.stop()


@once
def test_runner_prunes_before_it_claims(folder, faulty, runner):
    with mounted(folder / "disk", "16m") as disk:
        one = runner(faulty.base, faulty.token, poll_interval="200ms", min_free="5",
                     log_format="json")
        one.flags.update({"state-dir": disk / "state", "workspace-root": disk / "ws"})
        one.state, one.workspaces = disk / "state", disk / "ws"
        one.workspaces.mkdir()  # a sweep that is faster than the first probe would find no root
        faulty.holds = False
        program = one.start()
        driver.wait_for(lambda: (disk / "ws/.owner").exists() and faulty.heartbeats, 30,
                        "the sweep at the start")
        for job, old in ((41, 3), (42, 9), (43, 1)):
            fill(disk / f"ws/7/{job}/target", 5 * MIB - MIB // 8)
            age(disk / f"ws/7/{job}", old * 3600)
        driver.wait_for(lambda: "guard_prunes" in program.log(), 30, "the guard")
        recorded = faulty.offer_job(502)
        driver.wait_for(lambda: recorded.final, 120, "the job")
        lines = [json.loads(line) for line in program.log().splitlines()]
        removed = [line["path"] for line in lines if line["event"] == "guard_removed"]
        assert removed == [str(disk / "ws/7/42")], "the oldest one was enough"
        events = [line["event"] for line in lines]
        assert events.index("guard_done") < events.index("job_claimed")
        assert "disk_pressure" not in events
        program.stop()
        shutil.rmtree(disk / "ws/7")


def test_dry_run_decides_the_same(small):
    for number, old in ((41, 3), (42, 9), (43, 1)):
        small.workspace(f"7/{number}", 5 * MIB - MIB // 8, old * DAY)
    before = listing(small.root)
    with small.held("7-42"):
        told = small.guard("--dry-run", code=4 if percent(small.root) > 95 else 0)["decisions"]
        assert listing(small.root) == before and small.journal() == []
        done = small.guard()["decisions"]
    plan = [(row["path"], row["decision"], row["reason"]) for row in told]
    real = [(row["path"], row["decision"], row["reason"]) for row in done
            if row["decision"] != "removed"]
    assert plan == real and small.left() == ["7/42", "7/43"]


def test_each_decision_is_recorded(one):
    top = one.workspace("7/41", 64 << 10, old=3600)
    one.workspace("7/42")
    with one.held("7-42"):
        one.guard("--high-water", 1)
    story = [row for row in one.journal() if row["path"] == str(top)]
    assert [(row["decision"], row["reason"], row["mode"]) for row in story] == [
        ("remove", "high_water", "pre-job"), ("removed", "high_water", "pre-job")]
    for row in story:
        assert row["bytes"] >= 64 << 10 and row["age_seconds"] >= 3600 and row["free_bytes"] > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["at"])
    st = (one.state / "hygiene/disk_guard.jsonl").stat()
    assert stat.S_IMODE(st.st_mode) == 0o600
    one.workspace("7/43")
    trace = one.state.parent / "trace"
    one.call("--high-water", "1", before=["strace", "-f", "-y", "-s", "300", "-o", trace, "-e",
                                          "trace=write,fsync,renameat,unlinkat"])
    calls = trace.read_text()
    written, synced = calls.index('decision'), re.search(r"fsync\(\d+<[^>]*disk_guard", calls)
    moved = calls.index(".stale-43-")
    assert written < synced.start() < moved, "on the disk before anything happens"


def test_full_disk_records_decisions_later(build, folder):
    with mounted(folder / "small", "16m") as disk:
        one = Instance(build, disk / "ws", disk / "state")
        one.workspace("7/41", 4 * MIB)
        (one.state / "hygiene").mkdir()
        with pytest.raises(OSError):
            fill(disk / "ballast", 20 * MIB)
        assert os.statvfs(disk).f_bavail == 0
        told = one.guard("--min-free", 0)
        assert told["removed"] == 1 and told["unrecorded"] is None
        assert [row["decision"] for row in one.journal()] == ["remove", "removed"]


def test_second_guard_leaves_at_once(one):
    one.workspace("7/41")
    lock = os.open(one.state, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert one.guard("--high-water", 1, code=3)["refused"] == "guard_already_running"
        done = one.call("--high-water", "1")
        assert done.returncode == 0 and "guard_already_running" in done.stderr
        assert one.left() == ["7/41"]
    finally:
        os.close(lock)
    assert one.guard("--high-water", 1)["removed"] == 1


def test_host_sweep_needs_every_lock(build, folder):
    runners = []
    for number in (1, 2):
        each = Instance(build, folder / f"r{number}/ws", folder / f"r{number}/state")
        each.workspace("7/41")
        each.config = folder / f"r{number}.toml"
        each.config.write_text(f'[runner]\nworkspace_root = "{each.root}"\n'
                               f'state_dir = "{each.state}"\n')
        os.chown(each.state, 4242 + number, 4242 + number)
        for path in each.state.rglob("*"):
            os.chown(path, 4242 + number, 4242 + number)
        os.chown(each.root, 4242 + number, 4242 + number)
        runners.append(each)

    def host(*args):
        done = subprocess.run(
            [build / "shithubd-runner", "disk", "guard", "--host", "--high-water", "1", "--output",
             "json", *[f"--instance={each.config}" for each in runners], *args],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "SHITHUB_RUNNER_STATE_DIR": "/nowhere"})
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    lock = os.open(runners[1].state, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    code, told, said = host()
    assert (code, told) == (3, []) and "nothing was touched" in said
    assert [each.left() for each in runners] == [["7/41"]] * 2
    os.close(lock)
    with runners[1].held("7-41"):
        code, told, said = host()
    assert code == 0 and [row["removed"] for row in told] == [1, 0], said
    assert [each.left() for each in runners] == [[], ["7/41"]]
    for number, each in enumerate(runners, 4243):
        for path in each.state.rglob("*.jsonl"):
            assert path.stat().st_uid == number, "the records stay the runner's own"


def test_guard_removes_job_remains_of_the_state_folder(one):
    fill(one.state / "jobs/41/step-1.log", 4096)
    fill(one.state / "jobs/42/step-1.log", 4096)
    fill(one.state / "jobs/43/journal", 4096)
    fill(one.state / "jobs/.stale-44-0a0b0c0d/x", 4096)
    for name in ("7-41", "7-43"):
        (one.state / "leases" / name).touch()
    told = {os.path.basename(row["path"]): (row["decision"], row["reason"])
            for row in one.guard("--high-water", 1)["decisions"]}
    assert told == {"41": ("removed", "high_water"), "42": ("keep", "no_lease"),
                    "43": ("keep", "job_folder"), ".stale-44-0a0b0c0d": ("removed", "high_water")}
    assert sorted(os.listdir(one.state / "jobs")) == ["42", "43"]


@once
def test_disk_fills_during_a_step(coordinator, repository, joined, folder):
    """The step goes on, its log says where it was cut, the job is reported, nothing is corrupt."""
    with mounted(folder / "disk", "16m") as disk:
        one, repo = joined(log_format="json", min_free="5"), repository()
        one.flags["state-dir"] = one.state = disk / "state"
        program = one.start()
        repo.commit({".shithub/workflows/ci.yml": workflow("""
            - run: |
                echo the beginning; touch started; until test -e go; do sleep 0.1; done
                head -c 3000000 /dev/zero | tr '\\0' x; echo; touch done
            - run: |
                test -e done; echo the next one"""), "README.md": "x"})
        repo.push()
        started = driver.wait_for(lambda: next(one.in_workspaces("*/*/workspace/started"), None), 60,
                                  "the step")
        with pytest.raises(OSError):
            fill(disk / "ballast", 20 * MIB)
        os.truncate(disk / "ballast", (disk / "ballast").stat().st_size - MIB // 4096 * 4096)
        (started.parent / "go").touch()
        (job,) = coordinator.ended()["jobs"]
        text = coordinator.step_log(job["id"], 0).decode()
        assert job["conclusion"] == "success", program.log() + text[-2000:]
        assert text.startswith("the beginning\n") or "\nthe beginning\n" in text
        marker = re.search(r"\n\[shithub\] log truncated: .*No space left on device.*\n", text)
        assert marker and 600_000 < marker.start() < 1_200_000, (len(text), text[-500:])
        assert "the next one" in coordinator.step_log(job["id"], 1).decode()
        lines = [json.loads(line) for line in program.log().splitlines()]
        assert [line["effect"] for line in lines if line["event"] == "log_write_failed"]
        (disk / "ballast").unlink()
        program.stop()
        program = one.start()
        driver.wait_for(lambda: "engine" in program.log(), 30, "the next start")
        assert "journal_damaged" not in program.log() and "job_found" not in program.log()
        program.stop()


class BeforeStart(threading.Thread):
    """Connects to the engine; calls `act` between making and starting a step's container."""

    def __init__(self, engine, path, act):
        super().__init__(daemon=True)
        self.engine, self.act, self.seen = engine, act, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.engine)
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if re.match(rb"POST \S*/start HTTP", data):
                    self.seen.append(data.split()[1])
                    if len(self.seen) == 2:  # the first is the network's holder
                        self.act()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


# Podman with attached steps mounts when it attaches, before the start: there nothing can get lost.
@pytest.mark.flavors("docker-gate-step", "docker-attach-job", "podman-gate-job")
def test_missing_workspace_fails_the_job_and_is_not_made(folder, faulty, runner, engine):
    one = runner(faulty.base, faulty.token)

    def lose():
        shutil.rmtree(one.workspaces / "1504", ignore_errors=True)

    proxy = BeforeStart(engine.socket, folder / "engine.sock", lose)
    one.flags["engine-socket"] = folder / "engine.sock"
    try:
        recorded = faulty.offer_job(504, steps=[{"run": "echo alive"}])
        program = one.once()
        assert len(proxy.seen) > 1 and recorded.final == ("completed", "failure"), program.log()
        text = recorded.log().decode()
        (line,) = re.findall(r"^\[shithub\] error: .*start container: .*", text, re.M)
        assert "/1504/504" in line and re.search("does not exist|no such file", line)
        assert "\nalive" not in text
        assert not (one.workspaces / "1504").exists(), "nobody made it again"
    finally:
        proxy.stop()


@once
def test_crash_on_a_full_disk_is_recovered(coordinator, repository, joined, folder):
    with mounted(folder / "disk", "16m") as disk:
        one, repo = joined(log_format="json", min_free="5"), repository()
        one.flags["state-dir"] = one.state = disk / "state"
        program = one.start()
        repo.commit({".shithub/workflows/ci.yml": workflow(
            "- run: echo a step that ended, so the job is not started again\n"
            "- run: echo the beginning; touch started; sleep 600"), "README.md": "x"})
        repo.push()
        driver.wait_for(lambda: next(one.in_workspaces("*/*/workspace/started"), None), 60, "the step")
        lost = newest_run(coordinator)
        driver.wait_for(lambda: coordinator.show(lost)["jobs"][0]["steps"][0]["status"] == "completed",
                        60, "the report of the first step")
        with pytest.raises(OSError):
            fill(disk / "ballast", 20 * MIB)
        assert os.statvfs(disk).f_bavail == 0
        program.signal(signal.SIGKILL)
        program.wait(10)
        program = one.start()
        run = coordinator.ended(timeout=60)
        assert run["conclusion"] == "failure", program.log()
        (job,) = run["jobs"]
        assert "the beginning" in coordinator.step_log(job["id"], 1).decode()
        driver.wait_for(lambda: one.left_over() == [] and not os.listdir(one.state / "jobs"), 60,
                        "its remains to go")
        driver.wait_for(lambda: '"disk_pressure"' in program.log(), 60, "no claims")
        assert "journal_damaged" not in program.log()
        (disk / "ballast").unlink()
        repo.commit({".shithub/workflows/ci.yml": workflow("- run: echo fine")})
        repo.push()
        assert coordinator.ended(timeout=60)["conclusion"] == "success", program.log()
        program.stop()


@once
def test_claim_on_a_disk_that_just_filled_goes_back(coordinator, repository, joined, folder):
    """Not even one job more than it should: what is left is for the jobs that run."""
    with mounted(folder / "disk", "16m") as disk:
        one = joined(min_free="5", high_water="100", low_water="99")
        one.flags["state-dir"] = one.state = disk / "state"
        repo = repository()
        program = one.start()
        driver.wait_for(lambda: "supervisor started" in program.log(), 30, "the start")
        driver.wait_for(lambda: json.loads(driver.run(
            [one.binary, "status", "--output=json", "--state-dir", one.state]).stdout)
            ["heartbeat"]["in_flight"], 30, "a held heartbeat")
        repo.commit({".shithub/workflows/ci.yml": workflow("- run: echo ran")})
        fill(disk / "ballast", 15 * MIB + MIB // 2)
        repo.push()
        run = newest_run(coordinator)
        driver.wait_for(lambda: "claim_returned" in program.log(), 30, "the return")
        driver.wait_for(lambda: coordinator.show(run)["jobs"][0]["status"] == "queued", 30,
                        "the job in the queue")
        assert "disk_pressure" in program.log() and one.left_over() == []
        joined().start()
        assert coordinator.ended(run, 60)["conclusion"] == "success"
        assert program.log().count("job_claimed") == 1
        program.stop()


@once
def test_claim_on_a_full_disk_is_reported(folder, faulty, runner):
    """The disk filled while a heartbeat was held. The runner has to report its job as failed."""
    with mounted(folder / "disk", "16m") as disk:
        one = runner(faulty.base, faulty.token, poll_interval="200ms", min_free="5",
                     log_format="json")
        one.flags["state-dir"] = one.state = disk / "state"
        program = one.start()
        driver.wait_for(lambda: any("Prefer" in headers for _, headers, _ in faulty.heartbeats),
                        30, "a heartbeat to be held")
        with pytest.raises(OSError):
            fill(disk / "ballast", 20 * MIB)
        recorded = faulty.offer_job(505)
        driver.wait_for(lambda: recorded.final, 60, "its end")
        assert recorded.final == ("completed", "failure"), program.log()
        assert re.search(rb"state directory: .*No space left on device", recorded.log())
        driver.wait_for(lambda: '"disk_pressure"' in program.log(), 60, "no claims any more")
        program.stop()
