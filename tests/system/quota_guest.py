"""Runs as root on a kernel with project quotas: the janitor's workspaces, a process in the step's
place, and the watcher.

quota_guest.py --modules FOLDER
quota_guest.py BUILD FOLDER DEVICE TYPE    prints "TYPE held" last, or a traceback
"""
import errno
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time

if sys.argv[1] == "--modules":  # no modprobe is needed for two files
    import ctypes
    for name in ("quota_tree", "quota_v2"):
        module = os.open(f"{sys.argv[2]}/{name}.ko", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).syscall(313, module, b"", 0) < 0:
            raise OSError(ctypes.get_errno(), name)
    sys.exit()
BUILD, FOLDER, DEVICE, TYPE = sys.argv[1:]
MIB, LIMIT, STEP = 1 << 20, 16 << 20, 65534
RUNNER = f"{BUILD}/shithubd-runner"
MOUNT = pathlib.Path(FOLDER)
ROOT = MOUNT / "workspaces"
CONFIG = MOUNT / "runner.toml"
FULL = {errno.EDQUOT, errno.ENOSPC}


def run(*argv, check=True, **more):
    return subprocess.run([str(arg) for arg in argv], check=check, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **more).stdout


def make(job, project=300000):
    told = run(RUNNER, "janitor", "make", f"--root={ROOT}", "--run=1", f"--job={job}",
               f"--uid={STEP}", f"--gid={STEP}", f"--project={project}", f"--limit={LIMIT}")
    return ROOT / "1" / str(job) / "workspace", told


def as_step(work):
    """What a step's process does; its exit status."""
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(STEP, STEP, STEP)
        os.setresuid(STEP, STEP, STEP)
        os._exit(work() or 0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def write(file, mib):
    """How many bytes the file took; a quota stops it."""
    done = 0
    try:
        while done < mib * MIB:
            done += file.write(bytes(MIB))
        os.fsync(file.fileno())
    except OSError as error:
        assert error.errno in FULL, error
    return done


class Watch:
    def __init__(self, workspace):
        files = MOUNT / "files"
        files.mkdir(exist_ok=True)
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(60)
        self.process = subprocess.Popen(
            [RUNNER, "watch", f"--workspace={workspace.parent}", f"--files={files}",
             f"--limit={LIMIT}"],
            pass_fds=[3], preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()

    def message(self):
        return struct.unpack("IIQ", self.sock.recv(64))

    def stop(self):
        self.sock.close()
        assert self.process.wait(20) in (0, 1)


def fill(path, mib):
    def work():
        with open(path, "wb", 0) as file:
            write(file, mib)
    return work


def check_limits():
    """Limits are root's to set, and hold for bytes and for entries."""
    told = run(RUNNER, "disk", "quota", f"--config={CONFIG}")
    assert "projects 300000-300003: 16m each" in told, told
    workspace, told = make(1)
    assert told == "", told
    watch = Watch(workspace)
    assert as_step(fill(workspace / "big", 40)) == 0
    assert (workspace / "big").stat().st_blocks * 512 <= LIMIT
    assert watch.message()[0] == 0, "WATCH_EXCEEDED, without a pause"
    watch.stop()


def check_entries():
    workspace, told = make(2, 300001)
    watch = Watch(workspace)

    def work():
        try:
            for number in range(LIMIT // 4096 + 10):
                open(workspace / str(number), "w").close()
        except OSError as error:
            return 3 if error.errno in FULL else 4
    assert as_step(work) == 3
    assert watch.message()[0] == 0
    watch.stop()


def check_deleted_but_open():
    """A file that was deleted while open takes part: no walk sees it."""
    workspace, told = make(3, 300002)
    watch = Watch(workspace)
    told, go = os.pipe(), os.pipe()

    def work():
        with open(workspace / "gone", "wb", 0) as file:
            os.unlink(workspace / "gone")
            done = write(file, 40)
            os.write(told[1], struct.pack("q", done))
            os.read(go[0], 1)
    pid = os.fork()
    if pid == 0:
        os._exit(as_step(work))
    assert struct.unpack("q", os.read(told[0], 8))[0] < LIMIT + MIB
    assert os.listdir(workspace) == []
    assert watch.message()[0] == 0
    os.write(go[1], b"x")
    os.waitpid(pid, 0)
    watch.stop()


def check_older_tree():
    """The first check's tree still fills its project: a next job would take the blame."""
    workspace, told = make(4)
    assert "an older tree still has" in told and "a watcher measures the workspace" in told, told
    assert as_step(fill(workspace / "file", 1)) == 0
    assert (workspace / "file").stat().st_blocks * 512 >= MIB, "not of the full project"
    run(RUNNER, "janitor", "remove", f"--root={ROOT}", "--run=1", "--job=1")
    workspace, told = make(5)
    assert told == "", told


def check_without_root():
    """With the capabilities of the unit the janitor gives a project, but nobody sets a limit."""
    for path in (ROOT, MOUNT / "state"):
        os.chown(path, 4242, 4242)
    user = ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", "--inh-caps=-all," +
            ",".join(f"+{cap}" for cap in ("chown", "fowner", "dac_override")),
            "--ambient-caps=-all,+chown,+fowner,+dac_override"]
    told = run(*user, RUNNER, "disk", "quota", f"--config={CONFIG}", check=False)
    assert "Operation not permitted" in told, told
    told = run(*user, RUNNER, "janitor", "make", f"--root={ROOT}", "--run=7", "--job=7",
               f"--uid={STEP}", f"--gid={STEP}", "--project=300003", f"--limit={LIMIT}")
    assert told == "", told
    assert as_step(fill(ROOT / "7/7/workspace/big", 40)) == 0
    assert (ROOT / "7/7/workspace/big").stat().st_blocks * 512 <= LIMIT
    for path in (ROOT, MOUNT / "state"):
        os.chown(path, 0, 0)


def row():
    told = run(RUNNER, "doctor", "--offline", f"--config={CONFIG}", check=False)
    return next(line for line in told.splitlines() if " workspace-limit " in line)


def check_doctor():
    assert "enforced by quotas of the projects 300000-300003" in row(), row()
    CONFIG.write_text(CONFIG.read_text().replace("16m", "8m"))
    assert "no quota holds" in row() and "disk quota" in row(), row()
    run(RUNNER, "disk", "quota", f"--config={CONFIG}")
    assert "8m, enforced by quotas" in row(), row()


def main():
    run("mount", "-t", TYPE, "-o", "prjquota", DEVICE, MOUNT)
    for path in (ROOT, MOUNT / "state"):
        path.mkdir()
    MOUNT.chmod(0o755)
    ROOT.chmod(0o711)
    CONFIG.write_text(f"""[server]
base_url = "http://127.0.0.1:1"
[runner]
token = "{'0' * 64}"
labels = ["x"]
capacity = 4
workspace_root = "{ROOT}"
state_dir = "{MOUNT}/state"
workspace_limit = "16m"
project_ids = "300000-300003"
""")
    CONFIG.chmod(0o600)
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            begin = time.monotonic()
            check()
            print(f"{TYPE} {name} {time.monotonic() - begin:.1f} s", flush=True)
    print(f"{TYPE} held", flush=True)


main()
