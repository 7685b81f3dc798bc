"""A crash of the coordinator between the move of a ref and the run it starts."""
import driver
import pytest

WORKFLOW = """\
on: push
jobs:
  nope: {runs-on: nobody, steps: [{run: "true"}]}
"""


def hook(coordinator, name, text):
    """Lets git run a hook in the coordinator's repository, as an operator could."""
    folder = coordinator.folder / "hooks"
    folder.mkdir()
    (folder / name).write_text("#!/bin/sh\n" + text)
    (folder / name).chmod(0o755)
    repo = coordinator.data / "repos/demo/sample.git"
    driver.run(["git", "-C", repo, "config", "core.hooksPath", folder])
    return repo


@pytest.mark.parametrize("name, runs", [
    ("post-receive", 1),  # the ref has moved
    ("pre-receive", 0),   # it has not
])
def test_crash_during_a_push(build, folder, name, runs):
    coordinator = driver.Coordinator(build, folder / "coordinator").start()
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    bare = hook(coordinator, name, f"kill -9 {coordinator.program.process.pid}\nsleep 60\n")
    with pytest.raises(driver.CommandFailed):
        repo.push()
    assert coordinator.program.wait() == -9
    assert coordinator.runs() == []

    driver.run(["git", "-C", bare, "config", "core.hooksPath", "/dev/null"])
    for _ in range(2):
        coordinator.start()
        assert len(coordinator.runs()) == runs
        assert coordinator.stop() == 0
    if runs:
        assert coordinator.runs()[0]["head_sha"] == repo.git("rev-parse", "HEAD")
        assert coordinator.runs()[0]["actor"] == "driver"
    said = coordinator.program.log()
    assert said.count("push_unfinished") == 1, said


def test_journal_stays_empty(coordinator, repository):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    driver.wait_for(lambda: coordinator.runs(), what="a run")
    assert coordinator.stop() == 0
    coordinator.start()
    assert "push_unfinished" not in coordinator.program.log()
    assert len(coordinator.runs()) == 1
