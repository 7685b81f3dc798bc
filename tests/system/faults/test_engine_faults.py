"""What may happen to the engine while steps run: restarted with and without live-restore, its
socket gone, its answers broken, containers removed behind our back. A step that runs on goes on;
one that was lost is an infrastructure failure that says so; none is ever begun a second time.

Scaled: a socket is gone for SHITHUB_TEST_SOCKET_GONE seconds, 5 when that is not set.
"""
import contextlib
import io
import os
import pathlib
import re
import shutil
import signal
import tarfile
import tempfile

import pytest

import driver
from conftest import Engine, few, once
from proxy import Proxy
from registry import needs_of
from timed import job_pid

JOB = 5
STEP = JOB * 100
GONE = float(os.environ.get("SHITHUB_TEST_SOCKET_GONE", "5"))
INFRASTRUCTURE = b"[shithub] error: infrastructure: step container"
BROKE_OFF = b"[shithub] the engine's output stream broke off"
TALK = ("echo begun\nn=0\ntouch started\n"
        "until [ -e go ]; do n=$((n + 1)); echo line $n; sleep 0.02; done\necho end $n\n")


def whole(log):
    """Whether a log of TALK has every line, in order."""
    lines = log.decode().splitlines()
    last = int(lines[-1].split()[1])
    return lines == ["begun", *(f"line {n}" for n in range(1, last + 1)), f"end {last}"]


def in_order(log):
    """Lines may be missing in one place, none comes twice; the numbers that were seen."""
    numbers = [int(found) for found in re.findall(rb"^line (\d+)$", log, re.M)]
    assert numbers == sorted(set(numbers)) and log.count(b"begun\n") == 1
    return numbers


def marked(one, number=JOB, name="started"):
    return driver.wait_for(lambda: next(one.in_workspaces(f"*/{number}/workspace/{name}"), None), 60, name)


def go(one, number=JOB):
    (marked(one, number).parent / "go").touch()


def talks(one, number=JOB):
    """Some of the step's output stands in its spool or was sent already."""
    marked(one, number)
    spool = one.state / "jobs" / str(number) / "step-0.log"
    driver.wait_for(lambda: spool.stat().st_size > 200, 30, "some output")


class Dockerd:
    """A dockerd of our own without any network, and a shell's image in it."""

    TOOLS = ("/bin/sh", "/bin/bash", "/bin/sleep", "/bin/touch")

    def __init__(self, folder, live_restore):
        self.folder, self.live_restore, self.program = folder, live_restore, None
        self.engine = Engine("docker", str(folder / "s"))
        self.start()
        self.curl("-X", "POST", "-H", "Content-Type: application/x-tar", "--data-binary", "@-",
                  "http://engine/images/create?fromSrc=-&repo=shithub/tiny&tag=1",
                  stdin=self.root())

    def root(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for path in {path for tool in self.TOOLS for path in needs_of(tool)}:
                tar.add(os.path.realpath(path), path.lstrip("/"))
            for name in ("workspace", "shithub", "tmp", "proc", "sys", "dev"):
                made = tarfile.TarInfo(name)
                made.type, made.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
                tar.addfile(made)
        return out.getvalue()

    def curl(self, *words, stdin=None):
        return driver.run(["curl", "-sSf", "--unix-socket", self.engine.socket, *words],
                          stdin=stdin).stdout

    def argv(self):
        # a network of its own: with --bridge=none dockerd removes docker0, perhaps another engine's
        daemon = ["unshare", "--net", "dockerd", "--data-root", self.folder / "root",
                  "--exec-root", self.folder / "exec", "-p", self.folder / "pid", "-H",
                  f"unix://{self.engine.socket}", "--bridge=none", "--iptables=false",
                  "--ip-forward=false", *(["--live-restore"] if self.live_restore else [])]
        mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        if any(line.split()[4] == "/" for line in mounts):
            return daemon
        top = self.folder / "top"  # runc's pivot_root needs a mount point
        top.mkdir(exist_ok=True)
        return ["unshare", "-m", "--propagation", "unchanged", "sh", "-c",
                'mount --rbind / "$0" && cd "$0" && exec chroot . "$@"', top, *daemon]

    def answers(self):
        assert self.program.alive(), self.program.log()[-2000:]
        return driver.run(["curl", "-sf", "--unix-socket", self.engine.socket,
                           "http://engine/_ping"], check=False).returncode == 0

    def start(self):
        stale = self.folder / "exec/containerd/containerd.pid"  # a zombie's would be believed
        if stale.exists() and not self.containerd():
            stale.unlink()
        self.program = driver.Program(self.argv(), self.folder / "dockerd.log")
        driver.wait_for(self.answers, 60, "dockerd")

    def end(self, number):
        self.program.signal(number)
        self.program.wait(60)
        if number == signal.SIGKILL:  # its containerd is killed with it; the next must not believe it
            driver.wait_for(lambda: not self.containerd(), 20, "containerd's end")

    def stop(self):
        for made in self.engine.api("GET", "/containers/json?all=1"):
            self.engine.api("DELETE", f"/containers/{made['Id']}?force=1")
        self.end(signal.SIGTERM)
        if self.containerd():  # with live-restore it may outlive dockerd
            os.kill(self.containerd(), signal.SIGTERM)
            driver.wait_for(lambda: not self.containerd(), 20, "containerd's end")

    def containerd(self):
        """Its process id, when it runs and is ours."""
        with contextlib.suppress(OSError):
            pid = int((self.folder / "exec/containerd/containerd.pid").read_text())
            if str(self.folder).encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None


def kill_all(folder):
    """What a dockerd that failed left running: its shims and what they hold."""
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{folder}/".encode() in (entry / "cmdline").read_bytes():
                held = (entry / "task" / entry.name / "children").read_text().split()
                for pid in [*held, entry.name]:
                    os.kill(int(pid), signal.SIGKILL)


@pytest.fixture
def dockerd():
    made, folders = [], []

    def make(live_restore):
        folders.append(pathlib.Path(tempfile.mkdtemp(prefix="shd-")))
        folders[-1].chmod(0o711)
        made.append(Dockerd(folders[-1], live_restore))
        return made[-1]
    yield make
    for one in made:
        if one.program.alive():
            one.stop()
    for folder in folders:
        kill_all(folder)
        driver.run(["sh", "-c", "grep -o \" $0/[^ ]*\" /proc/self/mounts | sort -r | "
                    "xargs -r umount -l", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def clean(one, engine):
    label = f"sh.shithub.runner={one.instance_ids()[0]}"
    driver.wait_for(lambda: not list((one.state / "jobs").iterdir()) and not one.left_over()
                    and engine.containers(label) == [], 60, "everything to go")


@pytest.mark.flavors("docker-gate-step", "docker-attach-job")
@pytest.mark.parametrize("live,number", [(True, signal.SIGTERM), (True, signal.SIGKILL),
                                         (False, signal.SIGTERM)],
                         ids=["live-restore", "live-restore-killed", "no-live-restore"])
def test_engine_restarted_while_a_step_runs(dockerd, faulty, runner, transport, live, number):
    own = dockerd(live)
    faulty.holds = False
    one = runner(faulty.base, faulty.token, poll_interval="100ms", network="none",
                 image="shithub/tiny:1", engine_socket=own.engine.socket)
    program = one.start()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}, {"run": "echo second"}])
    talks(one)
    own.end(number)
    own.start()
    if live:
        go(one)
    final = faulty.wait_final(job)
    log = job.log(STEP)
    print(f"{transport}, live-restore {live}, {number.name}: {final[1]}, {len(log)} bytes, "
          f"{log.splitlines()[-1].decode()}")
    assert log.count(b"begun\n") == 1, "begun twice"
    if live:
        assert final == ("completed", "success"), log[-300:]
        assert job.log(STEP + 1) == b"second\n"
        if transport == "gate":
            assert whole(log)
        else:
            assert in_order(log) and (BROKE_OFF in log or whole(log))
    else:
        assert final == ("completed", "failure")
        # dockerd asks containers to end before it kills them
        assert INFRASTRUCTURE in log or re.search(rb"signal 15|exit code 143", log), log[-200:]
        assert job.statuses(STEP + 1) == [("skipped", "skipped")]
    clean(one, own.engine)
    following = faulty.offer_job(JOB + 1)
    assert faulty.wait_final(following) == ("completed", "success")
    assert program.alive()


@pytest.fixture
def proxied(faulty, runner, engine, folder):
    """A runner with a proxy before the engine."""
    proxy = Proxy(engine.socket, str(folder / "e.sock"))
    faulty.holds = False
    one = runner(faulty.base, faulty.token, poll_interval="100ms", engine_socket=proxy.path)
    yield proxy, one, one.start()
    one.stop()
    proxy.stop()


@pytest.mark.flavors("docker-gate-step", "docker-attach-job", "podman-attach-step")
def test_engine_socket_gone_for_a_while(proxied, faulty, transport):
    """The step ends meanwhile; the following steps' boxes are made when the engine is back."""
    proxy, one, program = proxied
    job = faulty.offer_job(JOB, steps=[{"run": TALK}, *({"run": f"echo {n}"} for n in range(6))])
    talks(one)
    proxy.gone()
    go(one)
    with pytest.raises(TimeoutError):
        driver.wait_for(lambda: job.final, GONE, "what must not come")
    proxy.back()
    assert faulty.wait_final(job, 120) == ("completed", "success")
    log = job.log(STEP)
    if transport == "gate":
        assert whole(log)
    else:
        assert in_order(log) and BROKE_OFF in log
    assert [job.log(STEP + 1 + n) for n in range(6)] == [b"%d\n" % n for n in range(6)]
    assert program.log().count(" engine_away ") == program.log().count(" engine_back ") == 1


@few
def test_container_removed_behind_our_back(proxied, faulty, engine, runner):
    proxy, one, program = proxied
    job = faulty.offer_job(JOB, steps=[{"run": TALK}, {"run": "echo second"}])
    talks(one)
    label = f"sh.shithub.step={STEP}"
    mine = [made["Id"] for made in engine.containers(label)
            if made["Labels"]["sh.shithub.runner"] == one.instance_ids()[0]]
    for made in mine:
        engine.api("DELETE", f"/containers/{made}?force=1")
    assert mine and faulty.wait_final(job) == ("completed", "failure")
    log = job.log(STEP)
    print(log.splitlines()[-1].decode())
    assert INFRASTRUCTURE in log and in_order(log)
    assert job.statuses(STEP) == [("running", None), ("completed", "failure")]
    assert job.statuses(STEP + 1) == [("skipped", "skipped")]
    clean(one, engine)
    following = faulty.offer_job(JOB + 1)
    assert faulty.wait_final(following) == ("completed", "success")
    assert program.alive()


@once
def test_a_container_made_after_its_job_process_died(proxied, faulty, engine):
    """The engine comes to it when the job's containers were removed and even the sweep after the
    crash is over. The next one does not wait for its usual turn. (Podman makes none so late.)"""
    proxy, one, program = proxied
    create = proxy.rule("/containers/create", "belated")
    job = faulty.offer_job(JOB)
    driver.wait_for(lambda: create.done, 60, "the job's first container")
    os.kill(job_pid(program), signal.SIGKILL)
    assert faulty.wait_final(job) == ("completed", "failure")
    clean(one, engine)

    def sweeps():
        return sum(passed.method == "GET" and "/containers/json" in passed.path
                   for passed in list(proxy.journal))
    before = sweeps()
    driver.wait_for(lambda: sweeps() > before, 60, "the sweep after a crash")
    mine = f"sh.shithub.runner={one.instance_ids()[0]}"
    assert engine.containers(mine) == []
    proxy.release(create)
    driver.wait_for(lambda: engine.containers(mine), 30, "the late container")
    driver.wait_for(lambda: engine.containers(mine) == [], 60, "its removal")


@pytest.mark.flavors(step_io="attach")
def test_cancel_before_the_engine_answered_the_start(proxied, faulty):
    """The step wrote something, so it runs, whatever the engine has said so far. It gets SIGTERM
    and its grace."""
    proxy, one, program = proxied
    start = proxy.rule(r"/containers/[^/]+/start$", "late", method="POST", skip=1)
    job = faulty.offer_job(JOB, steps=[{"run": "trap 'echo got TERM; exit 0' TERM; echo begun\n"
                                               "while :; do sleep 0.05; done"}])
    faulty.wait(lambda: b"begun" in job.log(STEP), 60, "the first output")
    assert start.done == 1
    job.cancelled = True
    faulty.wait(lambda: b"got TERM" in job.log(STEP), 60, "the step's answer to SIGTERM")
    proxy.release(start)
    assert faulty.wait_final(job) == ("cancelled", "cancelled")


@pytest.mark.flavors(step_io="attach")
@pytest.mark.parametrize("code", [0, 7])
def test_stream_and_inspect_fail(proxied, faulty, code):
    """The stream breaks, the engine's answers do too: asked again until it says how it ended."""
    proxy, one, program = proxied
    cut = proxy.rule(r"/attach\?", "cut", method="POST")
    job = faulty.offer_job(JOB, steps=[{"run": TALK + f"exit {code}"}])
    talks(one)
    path = r"/containers/[^/]+/json$"
    for action, amount in (("status", 500), ("truncate", None), ("reset_after", None),
                           ("garbage", None), ("drop_before", None)):
        proxy.rule(path, action, amount, method="GET")
    proxy.release(cut)
    proxy.wait(lambda: len([seen for seen in proxy.journal if re.search(path, seen.path)]) > 6, 60,
               "the end to be asked for")
    go(one)
    assert faulty.wait_final(job) == ("completed", "failure" if code else "success")
    log = job.log(STEP)
    assert in_order(log) and BROKE_OFF in log
    assert (b"[shithub] exit code 7" in log) == bool(code)
    assert program.log().count("engine_away") == 1


@once
def test_nothing_is_claimed_without_an_engine(proxied, faulty):
    """A runner whose engine is gone would fail one job after the other."""
    proxy, one, program = proxied
    first = faulty.offer_job(JOB)
    assert faulty.wait_final(first) == ("completed", "success")
    clean(one, Engine("docker", proxy.upstream))
    proxy.gone()
    driver.wait_for(lambda: "engine_down" in program.log(), 30, "the engine to be missed")
    number = len(faulty.heartbeats)
    job = faulty.offer_job(JOB + 1)
    with pytest.raises(TimeoutError):
        driver.wait_for(lambda: job.calls, 2, "what must not come")
    assert len(faulty.heartbeats) <= number + 1 and not job.calls
    proxy.back()
    assert faulty.wait_final(job) == ("completed", "success")


@once
def test_creation_through_a_bad_engine(proxied, faulty):
    """Creations and starts that were lost on the way are made up for, and leave no twin."""
    proxy, one, program = proxied
    for path, action in ((r"/containers/create", "reset_before"), (r"/containers/create",
                         "drop_after"), (r"/containers/[^/]+/start", "drop_before"),
                         (r"/containers/[^/]+/start", "reset_after")):
        proxy.rule(path, action, method="POST")
    job = faulty.offer_job(JOB, steps=[{"run": "echo one"}, {"run": "echo two"}])
    assert faulty.wait_final(job) == ("completed", "success")
    assert [job.log(STEP), job.log(STEP + 1)] == [b"one\n", b"two\n"]
