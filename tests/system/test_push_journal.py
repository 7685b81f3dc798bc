"""A crash of the coordinator between the move of a ref and the run it starts."""
import concurrent.futures
import contextlib
import sqlite3

import driver
import pytest

WORKFLOW = """\
on: push
jobs:
  nope: {runs-on: nobody, steps: [{run: "true"}]}
"""


@pytest.mark.parametrize("name, runs", [
    ("post-receive", 1),  # the ref has moved
    ("pre-receive", 0),   # it has not
])
def test_crash_during_a_push(monkeypatch, coordinators, folder, name, runs):
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / name).write_text("#!/bin/sh\n: >reached\nsleep 60\n")
    (hooks / name).chmod(0o755)
    monkeypatch.setenv("SHITHUBD_GIT__HOOKS_PATH", str(hooks))
    coordinator = coordinators().start()
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        push = pool.submit(repo.push)
        reached = coordinator.data / "repos/demo/sample.git/reached"
        driver.wait_for(reached.exists, what="the hook")
        coordinator.program.signal(9)
        with pytest.raises(driver.CommandFailed):
            push.result()
    assert coordinator.program.wait() == -9
    assert coordinator.runs() == []

    monkeypatch.delenv("SHITHUBD_GIT__HOOKS_PATH")
    for _ in range(2):
        coordinator.start()
        assert len(coordinator.runs()) == runs
        assert coordinator.stop() == 0
    if runs:
        assert coordinator.runs()[0]["head_sha"] == repo.git("rev-parse", "HEAD")
        assert coordinator.runs()[0]["actor"] == "driver"
    said = coordinator.program.log()
    assert said.count("push_unfinished") == 1, said


def test_a_push_does_not_wait_long_for_its_runs(monkeypatch, coordinators, folder):
    """Another process has the store's lock when the runs shall be made."""
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "post-receive").write_text(
        "#!/bin/sh\n: >reached\nwhile ! [ -e go-on ]; do sleep 0.1; done\n")
    (hooks / "post-receive").chmod(0o755)
    monkeypatch.setenv("SHITHUBD_GIT__HOOKS_PATH", str(hooks))
    coordinator = coordinators().start()
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    bare = coordinator.data / "repos/demo/sample.git"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        push = pool.submit(repo.push)
        driver.wait_for((bare / "reached").exists, what="the hook")
        with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db",
                                                isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            (bare / "go-on").touch()
            assert push.result(120) == ["the runs of this push are still being made"]
            other.execute("ROLLBACK")
    driver.wait_for(lambda: len(coordinator.runs()) == 1, what="the run")
    assert "push_unfinished" not in coordinator.program.log()


def test_journal_stays_empty(coordinator, repository):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    driver.wait_for(lambda: coordinator.runs(), what="a run")
    assert coordinator.stop() == 0
    coordinator.start()
    assert "push_unfinished" not in coordinator.program.log()
    assert len(coordinator.runs()) == 1
