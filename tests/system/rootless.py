"""A rootless Podman: an ordinary user with subordinate ids, its own engine, a runner as that user.

The user `shithub-rootless` is made when it is missing and stays, like an installed package. What it
owns stands below /var/lib/shithub-local/rootless (Podman takes only short paths).
"""
import fcntl
import os
import pathlib
import pwd
import shutil
import subprocess

import driver

NAME = "shithub-rootless"
HOME = pathlib.Path("/var/lib/shithub-local/rootless")
IDS = "400000-465535"
ENGINE_SH = pathlib.Path(__file__).resolve().parents[2] / "deploy/local/engine.sh"
SCRIPT = HOME / "engine.sh"


def possible():
    """Whether this machine gives user namespaces to ordinary users; a chroot does not."""
    return subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "unshare", "-U", "true"],
                          stderr=subprocess.DEVNULL).returncode == 0


def user():
    """The user's passwd entry; made by one of several processes."""
    HOME.parent.mkdir(parents=True, exist_ok=True)
    with open(HOME.parent / "rootless.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if subprocess.run(["id", NAME], capture_output=True).returncode != 0:
            driver.run(["useradd", "-r", "-U", "-M", "-d", HOME, "-s", "/usr/sbin/nologin", NAME])
        if NAME not in pathlib.Path("/etc/subuid").read_text():
            driver.run(["usermod", "--add-subuids", IDS, "--add-subgids", IDS, NAME])
        who = pwd.getpwnam(NAME)
        HOME.mkdir(exist_ok=True)
        os.chown(HOME, who.pw_uid, who.pw_gid)
        copy_open(ENGINE_SH, SCRIPT)
    return who


def copy_open(program, to):
    """A copy that the user can run: the checkout may stand where only root can go."""
    part = to.with_name(to.name + ".part")
    shutil.copy(program, part)
    part.chmod(0o755)
    part.rename(to)


def become(who):
    return ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]


def environment():
    return {"PATH": os.environ["PATH"], "HOME": str(HOME), "LANG": "C.UTF-8", "ENGINE": "podman",
            "SHITHUB_PODMAN_DIR": str(HOME / "e"),
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}


class Service:
    """The user's Podman service, kept for the others while this one holds it."""

    def __init__(self):
        self.who = user()
        folder = HOME / "e"
        folder.mkdir(exist_ok=True)
        os.chown(folder, self.who.pw_uid, self.who.pw_gid)
        self.users = open(folder / "users", "a")
        os.chown(folder / "users", self.who.pw_uid, self.who.pw_gid)
        fcntl.flock(self.users, fcntl.LOCK_SH)
        had = self.script("status", check=False).returncode == 0
        self.socket = self.script("start").stdout.decode().strip()
        if not had:
            (folder / "borrowed").touch()

    def script(self, verb, check=True):
        return driver.run([*become(self.who), SCRIPT, verb], env=environment(), cwd="/",
                          check=check)

    def stop(self):
        self.users.close()
        if (HOME / "e/borrowed").exists():
            self.script("stop")  # the last one out


class Runner(driver.Runner):
    """A runner that is that user from its first instruction on."""

    def __init__(self, service, build, folder, *words, **flags):
        programs = pathlib.Path(folder) / "bin"
        programs.mkdir(parents=True)
        for name in ("shithubd-runner", "shithub-gate", "shithub-probe"):
            copy_open(build / name, programs / name)
        super().__init__(programs, folder, *words, **flags)
        self.service = service
        self.env = {**self.env, **environment()}
        for made in (self.folder, self.workspaces):
            os.chown(made, service.who.pw_uid, service.who.pw_gid)

    def argv(self, *words):
        return [*become(self.service.who), *super().argv(*words)]
