"""Another process holds the write lock of the store: who waits, for how long, and who does not."""
import concurrent.futures
import contextlib
import pathlib
import sqlite3
import time

import driver
import pytest

WORKFLOW = """\
on: push
jobs:
  nope: {runs-on: nobody, steps: [{run: "true"}]}
"""
CALLERS = 12
PATIENCE = 5.0  # seconds of a call that needs the store
QUICK = PATIENCE / 2  # what is not behind the lock takes less, on a slow machine too


@contextlib.contextmanager
def locked(coordinator):
    """The lock, as a process has it that was stopped at a bad time."""
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db",
                                            isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class Health:
    """Asks, and holds how long each answer took."""

    def __init__(self, coordinator):
        self.coordinator, self.took = coordinator, []

    def __call__(self):
        began = time.monotonic()
        answer = self.coordinator.request("GET", "/healthz", timeout=5)
        self.took.append(time.monotonic() - began)
        return answer

    def check(self):
        assert max(self.took) < QUICK, self.took


@pytest.fixture
def health(coordinator):
    asked = Health(coordinator)
    yield asked
    asked.check()


def heartbeat(coordinator, token):
    began = time.monotonic()
    answer = coordinator.request("POST", "/api/v1/runners/heartbeat", {}, token, timeout=30)
    return answer, time.monotonic() - began


@pytest.fixture
def tokens(coordinator):
    return [coordinator.register_runner(f"r{number}", labels="linux")["token"]
            for number in range(CALLERS)]


def test_calls_go_on_when_the_lock_is_gone(coordinator, tokens, health):
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        with locked(coordinator):
            calls = [pool.submit(heartbeat, coordinator, token) for token in tokens]
            driver.wait_for(lambda: b"lock" in health().body, 4, "the reason")
            assert not any(call.done() for call in calls)
        assert [call.result()[0].status for call in calls] == [204] * CALLERS
    driver.wait_for(lambda: health().body == b"ok\n", 10, "health")


def test_callers_hear_503_when_it_stays(coordinator, tokens, health):
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        with locked(coordinator):
            calls = [pool.submit(heartbeat, coordinator, token) for token in tokens]
            while concurrent.futures.wait(calls, 0.05).not_done:
                health()
            # all of them at once, not one after the other
            for answer, took in (call.result() for call in calls):
                assert answer.status == 503 and answer.headers["Retry-After"] == "2"
                assert PATIENCE - 1 < took < CALLERS / 3 * PATIENCE, took
            refused = health()
            assert refused.status == 503 and b"another process" in refused.body
        answer, took = heartbeat(coordinator, tokens[0])
        assert answer.status == 204 and took < QUICK
    driver.wait_for(lambda: health().status == 200, 10, "health")


def test_how_long_threads_are_away_is_measured(coordinator, tokens):
    with locked(coordinator):
        assert heartbeat(coordinator, tokens[0])[0].status == 503

    def read():
        page = coordinator.request("GET", "/metrics").body.decode()
        lines = [line.rsplit(" ", 1) for line in page.splitlines() if "_loop_" in line]
        return {name: float(value) for name, value in lines if name[0] != "#"}

    longest, slow = "shithub_actions_loop_longest_seconds", "shithub_actions_loop_slow_total"
    first = read()
    assert first[longest + '{thread="app"}'] > PATIENCE - 1
    assert first[longest + '{thread="connections"}'] < QUICK
    assert first[slow + '{thread="app"}'] >= 1
    assert read()[longest + '{thread="app"}'] < PATIENCE - 1


@contextlib.contextmanager
def git_done(monkeypatch, coordinators, hooks):
    """A push whose git has moved its refs while the lock is held elsewhere: the coordinator, the
    push, and the token of a runner."""
    hooks.mkdir()
    (hooks / "post-receive").write_text(
        "#!/bin/sh\n: >reached\nwhile [ ! -e go ]; do sleep 0.05; done\n")
    (hooks / "post-receive").chmod(0o755)
    monkeypatch.setenv("SHITHUBD_GIT__HOOKS_PATH", str(hooks))
    coordinator = coordinators().start()
    token = coordinator.register_runner("calm", labels="linux")["token"]
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    place = coordinator.data / "repos/demo/sample.git"
    pid = coordinator.program.process.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        push = pool.submit(repo.push)
        try:
            driver.wait_for((place / "reached").exists, what="the hook")
            with locked(coordinator):
                (place / "go").touch()
                driver.wait_for(lambda: not children.read_text().strip(), what="the end of git")
                yield coordinator, push, token
        finally:
            (place / "go").touch()  # the hook ends, whatever became of the test
        if coordinator.program.alive():
            push.result()


def test_runs_of_a_push_are_made_beside_the_calls(monkeypatch, coordinators, folder):
    with git_done(monkeypatch, coordinators, folder / "hooks") as (coordinator, push, token):
        began = time.monotonic()
        # reads only: it needs no lock, but the application's thread
        assert coordinator.request("GET", "/api/v1/runners/self", token=token).status == 200
        assert time.monotonic() - began < QUICK
        assert not push.done()
    assert len(coordinator.runs()) == 1


def test_runs_of_a_push_wait_for_the_lock(monkeypatch, coordinators, folder):
    """However long: it is no fault of the push, and nobody restarts serve for it."""
    with git_done(monkeypatch, coordinators, folder / "hooks") as (coordinator, *_):
        driver.wait_for(lambda: "push_waits" in coordinator.program.log(), 60, "the planner's patience")
        assert coordinator.runs() == []
    driver.wait_for(coordinator.runs, what="the run")
    assert len(coordinator.runs()) == 1


def test_stopping_waits_for_no_lock(monkeypatch, coordinators, folder):
    """The application's thread waits for it with a call, the planner with a run."""
    with git_done(monkeypatch, coordinators, folder / "hooks") as (coordinator, _, token):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            call = pool.submit(heartbeat, coordinator, token)
            driver.wait_for(lambda: b"lock" in coordinator.request("GET", "/healthz").body, 4, "the lock")
            began = time.monotonic()
            assert coordinator.stop() == 0
            took = time.monotonic() - began
            assert call.exception() or call.result()[0].status == 503
        assert took < QUICK, took


@pytest.fixture
def small_disk(folder):
    made = folder / "small"
    made.mkdir()
    driver.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", made])
    yield made
    driver.run(["umount", "-l", made])


def test_a_disk_that_was_full(build, small_disk):
    """Answers are 503 and nothing is told that was not stored; health comes back by itself."""
    coordinator = driver.Coordinator(build, small_disk / "coordinator").start()
    try:
        token = coordinator.register_runner("r1", labels="linux")["token"]
        filler = small_disk / "filler"
        with open(filler, "wb", buffering=0) as out, contextlib.suppress(OSError):
            while out.write(b"x" * 4096):
                pass
        driver.wait_for(lambda: heartbeat(coordinator, token)[0].status == 503, 30, "no room")
        refused = coordinator.request("GET", "/healthz")
        assert refused.status == 503 and b"could not write" in refused.body
        filler.unlink()
        driver.wait_for(lambda: coordinator.request("GET", "/healthz").status == 200, 30, "health")
        assert heartbeat(coordinator, token)[0].status == 204
    finally:
        code = coordinator.stop()
    assert code == 0, coordinator.program.log()
