"""A machine of its own for a test of deployment: the minimal root of root.sh below an overlay.

A Root can be changed as a folder (`write`, `chroot`), gets an engine (`start_engine`) and is really
booted (`boot`): systemd-nspawn with systemd as PID 1, its own network, and the engine's socket at the
usual place. The engine is the root's own dockerd in a chroot of the same overlay, so that paths mean
the same to the runner and to the engine. Everything ends with `close`.
"""
import contextlib
import json
import os
import pathlib
import shutil
import tempfile

import driver

LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[1]
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
SOCKET = "var/lib/engine/docker.sock"
STATES = (b"running", b"degraded")
GROUPS = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
ENGINE = f"""mount --make-rprivate / && ip link set lo up && cd "$0" &&
for d in proc sys dev; do mount --rbind /$d $d || exit; done &&
mount -t tmpfs tmpfs run && mount -t tmpfs tmpfs tmp &&
mkdir -p var/lib/docker var/lib/engine && mount --bind "$1" var/lib/docker &&
exec chroot . dockerd -H unix:///{SOCKET} -p /run/docker.pid --exec-root /run/docker"""
# Without a systemd that makes a scope, two machines would share one control group.
OWN_GROUP = f"""[ -d /run/systemd/system ] || for top in {" ".join(GROUPS)}; do
    [ ! -e $top/cgroup.procs ] || {{ mkdir -p $top/$0 && echo $$ >$top/$0/cgroup.procs; }}
done
exec "$@" """


class Root:
    def __init__(self, base, folder):
        """base: the folder that root.sh printed; folder: ours, on a file system overlayfs takes."""
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "root"
        self.ends = contextlib.ExitStack()
        self.leader = None
        for name in ("root", "upper", "work", "engine"):
            (self.folder / name).mkdir(parents=True)
        self.network = f"/run/netns/{self.folder.name}"  # of machine and engine
        driver.run(["ip", "netns", "add", self.folder.name])
        self.ends.callback(driver.run, ["ip", "netns", "delete", self.folder.name])
        driver.run(["mount", "-t", "overlay", "overlay", "-o",
                    f"lowerdir={base},upperdir={self.folder}/upper,workdir={self.folder}/work",
                    self.path])
        self.ends.callback(driver.run, ["umount", "-l", self.path])

    def close(self):
        self.ends.close()
        shutil.rmtree(self.folder)

    # ---- as a folder ----

    def write(self, path, text, mode=0o644):
        file = self.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def read(self, path):
        return (self.path / path.lstrip("/")).read_text()

    def exists(self, path):
        return os.path.lexists(self.path / path.lstrip("/"))

    def chroot(self, *argv, **options):
        """Runs a program in the root without booting it."""
        return driver.run(["chroot", self.path, *argv], env=ENVIRONMENT, **options)

    # ---- as a machine ----

    def start_engine(self, image):
        """Starts dockerd; image(socket) imports the image of steps, self.image is its name."""
        program = driver.Program(
            ["nsenter", f"--net={self.network}", "unshare", "-m", "sh", "-c", ENGINE, self.path,
             self.folder / "engine"], self.folder / "engine.log")
        self.ends.callback(self.stop_engine, program)
        socket = self.path / SOCKET

        def answers():
            assert program.alive(), program.log()
            asked = ["curl", "-fsS", "--unix-socket", socket, "http://engine/_ping"]
            return driver.run(asked, check=False).returncode == 0
        driver.wait_for(answers, 60, "dockerd")
        self.image = image(socket)

    def containers(self):
        """Ids of all containers of our engine."""
        asked = ["curl", "-fsS", "--unix-socket", self.path / SOCKET,
                 "http://engine/containers/json?all=1"]
        return [one["Id"] for one in json.loads(driver.run(asked).stdout)]

    def stop_engine(self, program):
        for one in self.containers():  # else dockerd waits 10 s for each
            driver.run(["curl", "-fsS", "--unix-socket", self.path / SOCKET, "-X", "DELETE",
                        f"http://engine/containers/{one}?force=1"])
        assert program.stop() == 0, program.log()

    def boot(self):
        """Boots systemd and waits until every unit had its turn."""
        argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", OWN_GROUP, self.folder.name,
                "systemd-nspawn", "-q", "--register=no", "--console=pipe", "--boot",
                # a machine has Landlock; nspawn's own filter would hide it from the units
                f"--system-call-filter={LANDLOCK}",
                "--capability=CAP_NET_ADMIN", f"--network-namespace-path={self.network}",
                "-D", self.path]
        if not os.path.isdir("/run/systemd/system"):
            argv.append("--keep-unit")  # nobody here could make a scope
        if (self.path / SOCKET).exists():
            argv.append(f"--bind={self.path}/{SOCKET}:/run/docker.sock")
        self.nspawn = driver.Program(argv, self.folder / "boot.log")
        self.ends.callback(self.power_off)
        self.leader = driver.wait_for(self.find_leader, 30, "PID 1 of the machine")
        driver.wait_for(self.has_booted, 60, "the boot")

    def find_leader(self):
        assert self.nspawn.alive(), self.nspawn.log()
        children = pathlib.Path(f"/proc/{self.nspawn.process.pid}/task/{self.nspawn.process.pid}/children")
        for pid in children.read_text().split():
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                    return pid
        return None

    def has_booted(self):
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in STATES

    def run(self, *argv, **options):
        """Runs a program in the booted machine."""
        enter = ["nsenter", "--target", self.leader, "--mount", "--uts", "--ipc", "--net", "--pid",
                 "--cgroup", "--root", "--wd"]
        return driver.run([*enter, *argv], env=ENVIRONMENT, **options)

    def text(self, *argv, **options):
        return self.run(*argv, **options).stdout.decode()

    def property(self, unit, name):
        return self.text("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def journal(self, unit):
        return self.text("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def power_off(self):
        try:
            if self.leader:  # else it never came up
                self.run("systemctl", "poweroff", "--force", check=False)
                self.nspawn.wait(60)
        finally:
            self.nspawn.stop()
            self.leader = None
            sweep_groups(self.folder.name)


def sweep_groups(name):
    """nspawn leaves the control groups of a machine that is gone."""
    for top in GROUPS:
        for folder, _, _ in os.walk(f"{top}/{name}", topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


@contextlib.contextmanager
def made(build):
    """A Root on the base of this build; logs are shown by the caller."""
    base = driver.run([HERE / "root.sh", build], timeout=900).stdout.decode().strip()
    root = Root(base, tempfile.mkdtemp(prefix="root-", dir=pathlib.Path(base).parent))
    try:
        yield root
    finally:
        root.close()
