"""A runner without any path in its configuration: as root, as the unit's user, as an ordinary one.

The default is a real folder of this machine, since the engine mounts what stands there.
"""
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import driver
from conftest import ROOT, newest_run, once, workflow

DEFAULT = pathlib.Path("/var/lib/shithubd-runner")
UNIT = (ROOT / "deploy/systemd/shithubd-runner.service").read_text()
USER = 991

STEPS = workflow("""
- uses: actions/checkout@v4
- run: cat README.md
- uses: actions/checkout@v4
  with: {path: again}
- run: echo made >again/result
- uses: shithub/upload-artifact@v1
  with: {name: result, path: again/result}
""")


@pytest.fixture
def default_folder():
    with open("/tmp/shithub-default-folder.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not DEFAULT.exists(), f"{DEFAULT} is in use on this machine"
        yield DEFAULT
        shutil.rmtree(DEFAULT, ignore_errors=True)


@pytest.fixture
def bare(coordinator, repository, runner, engine):
    """bare(*prefix, **flags): one job by a runner without a path; the run as it ended."""
    def make(*prefix, env=None, **flags):
        repo = repository()
        repo.commit({"README.md": "# sample\n", ".shithub/workflows/ci.yml": STEPS})
        repo.push()
        token = coordinator.register_runner("bare", capacity=1)["token"]
        one = runner(coordinator.base, token, workspace_root=None, state_dir=None, **flags)
        one.env.update(env or {})
        program = driver.Program([*prefix, *one.argv("--once")], one.folder / "bare.log",
                                 env=one.env, cwd="/")
        one.programs.append(program)
        program.wait(90)
        run = coordinator.show(newest_run(coordinator))
        return run["jobs"][0], program
    return make


def assert_worked(coordinator, job, program):
    assert [step["conclusion"] for step in job["steps"]] == ["success"] * 5, (
        program.log(), [coordinator.step_log(job["id"], i) for i in range(5)])
    assert coordinator.step_log(job["id"], 1) == b"# sample\n"
    assert "workspace_unreachable" not in program.log()


def assert_private(folder):
    """Others may pass the folder and the workspace root, and do nothing else there."""
    open_to_others = {str(path.relative_to(folder)): f"{path.lstat().st_mode & 0o077:o}"
                      for path in (folder, *folder.rglob("*"))
                      if path.lstat().st_mode & 0o077 and not path.is_symlink()}
    assert open_to_others == {".": "11", "workspaces": "11"}


@once
def test_root(default_folder, bare, coordinator):
    job, program = bare()
    assert_worked(coordinator, job, program)
    assert_private(default_folder)


@once
def test_an_old_state_directory_is_opened(default_folder, bare, coordinator):
    default_folder.mkdir(mode=0o700)
    job, program = bare()
    assert_worked(coordinator, job, program)
    assert_private(default_folder)


@once
def test_the_units_user(default_folder, bare, coordinator, engine):
    """As systemd starts it: folder, umask and capabilities of the unit."""
    mode = int(re.search(r"^StateDirectoryMode=(\d+)$", UNIT, re.M)[1], 8)
    caps = re.search(r"^AmbientCapabilities=(.+)$", UNIT, re.M)[1].replace("CAP_", "+").lower()
    caps = ",".join(caps.split())
    default_folder.mkdir()
    default_folder.chmod(mode)
    os.chown(default_folder, USER, USER)
    group = os.stat(engine.socket).st_gid
    job, program = bare("setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={group}",
                        f"--inh-caps=-all,{caps}", f"--ambient-caps=-all,{caps}",
                        f"--bounding-set=-all,{caps}", "--no-new-privs",
                        "sh", "-c", 'umask 0077; exec "$@"', "sh")
    assert_worked(coordinator, job, program)
    assert_private(default_folder)


@once
def test_an_ordinary_user(default_folder, bare, coordinator, engine):
    """Nobody made a folder in /var/lib for them, so the state stands at home."""
    home = pathlib.Path("/tmp") / f"sht-home-{os.getpid()}"
    home.mkdir(mode=0o700)
    os.chown(home, USER, USER)
    group = os.stat(engine.socket).st_gid
    try:
        job, program = bare("setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={group}",
                            "--inh-caps=-all", "--bounding-set=-all", user="auto",
                            env={"HOME": str(home), "XDG_STATE_HOME": ""})
        assert_worked(coordinator, job, program)
        assert (home / ".local/state/shithubd-runner/instance_id").exists()
        assert not default_folder.exists()
    finally:
        shutil.rmtree(home)


@once
def test_an_unreachable_root_is_reported(folder, joined):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    one = joined(workspace_root=closed / "workspaces")
    program = one.start()
    said = f"the step user 65534 cannot pass {closed} (mode 0700)"
    driver.wait_for(lambda: said in program.log(), what="the report")
    argv = [str(word) for word in one.argv()]
    done = subprocess.run([argv[0], "doctor", "--offline", "--output=json", *argv[2:]],
                          capture_output=True, env=one.env)
    rows = {row["name"]: row for row in json.loads(done.stdout)["checks"]}
    assert rows["workspace"]["verdict"] == "fail" and said in rows["workspace"]["detail"]
    program.stop()
