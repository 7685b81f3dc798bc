"""The watcher of a workspace's size, with the test in the job's place: what a walk does not see."""
import os
import socket
import struct
import subprocess

import pytest

import driver

EXCEEDED, PAUSE, RESUME = range(3)
MIB = 1 << 20


class Watch:
    """The role, and our end of its socket."""

    def __init__(self, build, folder, limit):
        self.workspace, self.outside = folder / "workspace", folder / "outside"
        for path in (self.workspace, self.outside, folder / "files"):
            path.mkdir(exist_ok=True)
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(20)
        argv = [build / "shithubd-runner", "watch", f"--workspace={self.workspace}",
                f"--files={folder / 'files'}", f"--limit={limit}"]
        self.process = subprocess.Popen(
            argv, pass_fds=[3], preexec_fn=lambda: os.dup2(theirs.fileno(), 3),
            stderr=subprocess.PIPE)
        theirs.close()

    def message(self):
        got = self.sock.recv(64)
        assert len(got) == 16, (got, self.process.poll())
        kind, _, used = struct.unpack("IIQ", got)
        return kind, used

    def stop(self):
        self.sock.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def disk(folder):
    """A file system on which nobody else writes or deletes."""
    made = folder / "disk"
    made.mkdir()
    driver.run(["mount", "-t", "tmpfs", "none", made])
    yield made
    driver.run(["umount", made])


@pytest.fixture
def watch(build, disk):
    made = Watch(build, disk, 64 * MIB)
    yield made
    made.stop()


def fill(path, mib):
    with open(path, "wb") as out:
        os.posix_fallocate(out.fileno(), 0, mib * MIB)


def test_what_was_moved_past_a_walk_is_found_in_a_pause(watch):
    """The big folder is never where a walk is, until everything stands still."""
    (watch.outside / "big").mkdir()
    fill(watch.outside / "big/file", 200)
    assert watch.message()[0] == PAUSE
    os.rename(watch.outside / "big", watch.workspace / "big")
    watch.sock.send(b"\1")
    kind, used = watch.message()
    assert kind == RESUME, "also when it found what it looked for"
    kind, used = watch.message()
    assert kind == EXCEEDED and used > 64 * MIB


def test_growth_is_kept_until_it_is_explained(watch):
    """A job that cannot be paused now is asked again: one walk that saw little proves nothing."""
    fill(watch.outside / "others", 200)
    for _ in range(2):
        assert watch.message()[0] == PAUSE
        watch.sock.send(b"\0")
        assert watch.message()[0] == RESUME
    assert watch.message()[0] == PAUSE
    os.rename(watch.outside / "others", watch.workspace / "mine")
    watch.sock.send(b"\1")
    assert watch.message()[0] == RESUME and watch.message()[0] == EXCEEDED


def test_what_a_pause_does_not_find_is_somebody_elses(watch):
    fill(watch.outside / "others", 200)
    assert watch.message()[0] == PAUSE
    watch.sock.send(b"\1")
    assert watch.message()[0] == RESUME
    fill(watch.workspace / "mine", 100)
    assert watch.message()[0] == EXCEEDED, "seen by an ordinary walk, without another pause"


def test_growth_that_deletions_hide_is_found_in_time(build, disk):
    """Somebody deletes as much as the job writes, at the same moment: the disk never grows."""
    (disk / "outside/big").mkdir(parents=True)
    fill(disk / "outside/big/file", 200)
    watch = Watch(build, disk, 64 * MIB)
    try:
        assert watch.message()[0] == PAUSE, "for no other reason than time"
        os.rename(watch.outside / "big", watch.workspace / "big")
        watch.sock.send(b"\1")
        assert watch.message()[0] == RESUME and watch.message()[0] == EXCEEDED
    finally:
        watch.stop()


def test_a_workspace_without_its_quota_is_made_and_told(build, disk):
    """tmpfs keeps no project quotas: the job runs, and a watcher measures."""
    argv = [build / "shithubd-runner", "janitor", "make", f"--root={disk}/root", "--run=1",
            "--job=2", f"--uid={os.getuid()}", f"--gid={os.getgid()}", "--project=300000",
            "--limit=65536"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0 and (disk / "root/1/2").is_dir(), done.stderr
    assert done.stderr.startswith("no quota of project 300000: "), done.stderr
    assert done.stderr.endswith("; a watcher measures the workspace\n"), done.stderr
