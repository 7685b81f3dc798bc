"""Which engine's socket is taken; one that refuses is told in one line with the remedy."""
import os
import pwd

import pytest

import driver
from conftest import few, once, workflow

HERE = {name: value for name, value in os.environ.items()
        if name not in ("DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR")}


@pytest.fixture
def said(build, folder, image):
    """said(words, env, user): what exec of a workflow says of the engine, with those flags."""
    root = folder / "repo"
    (root / ".shithub/workflows").mkdir(parents=True)
    (root / ".shithub/workflows/ci.yml").write_text(workflow("- run: echo ran"))
    driver.run(["git", "init", "-q", root])

    def make(*words, env=None, user=None):
        state = folder / f"state-{user}"
        state.mkdir(exist_ok=True)
        argv = [build / "shithubd-runner", "exec", "--state-dir", state, "--image", image,
                "--workspace-root", state / "work", "--network", "none", *words]
        if user:
            who = pwd.getpwnam(user)
            for path in (state, root, *root.rglob("*")):
                os.chown(path, who.pw_uid, who.pw_gid)
            argv = ["setpriv", "--reuid", user, "--clear-groups", "--regid", str(who.pw_gid), *argv]
        done = driver.run(argv, env={**HERE, "HOME": str(folder), **(env or {})}, cwd=root,
                          check=False)
        return done.returncode, (done.stdout + done.stderr).decode()
    return make


def refused(answer, *wanted):
    code, text = answer
    assert code == 1, text
    line = [line for line in text.splitlines() if "socket" in line or "HOST" in line]
    assert len(line) == 1, text
    for words in wanted:
        assert words in line[0]


@once
def test_refusals(said, folder, engine):
    path = folder / "engine.sock"
    refused(said("--engine-socket", path), str(path), "No such file", "systemctl start docker")
    refused(said("--engine-socket", path, "--engine", "podman"), "podman.socket")
    path.write_text("")
    refused(said("--engine-socket", path), "non-socket", "set engine.socket")
    refused(said("--engine-socket", engine.socket, "--engine", "podman"),
            "Docker answers, expected Podman")
    refused(said(env={"DOCKER_HOST": "tcp://127.0.0.1:2375"}),
            "DOCKER_HOST=tcp://127.0.0.1:2375: expected unix:///PATH")


@few
def test_no_permission(said, folder, engine):
    """A user who may not open the socket reads which group or whose socket would do."""
    path = folder / f"{engine.name}.sock"
    path.symlink_to(engine.socket)
    folder.chmod(0o755)
    remedy = {"docker": "usermod -aG docker nobody", "podman": "systemctl --user enable --now"}
    refused(said("--engine-socket", path, "--user", "auto", user="nobody"), str(path),
            "Permission denied", remedy[engine.name])


@few
def test_variables_choose(said, engine):
    variables = {"docker": ("DOCKER_HOST",), "podman": ("DOCKER_HOST", "CONTAINER_HOST")}
    for name in variables[engine.name]:
        code, text = said("--engine", engine.name, env={name: "unix://" + engine.socket})
        assert code == 0 and "\nran\n" in text, text
