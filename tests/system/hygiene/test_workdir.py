"""`shithubd-runner workdir`: contaminated workspaces, on real trees of root, 65534 and strangers."""
import fcntl
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import time

import pytest

from conftest import sleeping

U, STRANGER = 65534, 4242
CODES = ["wrong_owner", "root_owned", "dir_not_writable", "file_read_only", "sticky_foreign",
         "immutable", "mount_inside", "symlink_root", "unreadable", "stale"]


def snapshot(top):
    """Everything a listing can show of a tree but the access times."""
    found = {}
    for path in [top, *sorted(top.rglob("*"))]:
        st = path.lstat()
        found[str(path)] = (st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns,
                            st.st_ctime_ns, st.st_ino)
    return found


def put(path, text="x", mode=0o644, uid=U):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.chown(path, uid, uid)
    path.chmod(mode)
    return path


def make(path, mode=0o755, uid=U):
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, uid, uid)
    path.chmod(mode)
    return path


class Hosts:
    """Runner instances in the classic form, and the program that audits them."""

    def __init__(self, build, folder):
        self.folder = folder
        self.program = folder / "shithubd-runner"
        shutil.copy(build / "shithubd-runner", self.program)
        self.program.chmod(0o755)
        self.state = make(folder / "state", 0o700, 0)

    def work(self, name="honey-1"):
        make(self.folder / name)
        return make(self.folder / name / "_work")

    def repo(self, name="app", host="honey-1"):
        """A healthy checkout, one level below its workspace."""
        top = make(self.work(host) / name)
        make(top / name)
        make(top / name / "pkg")
        put(top / name / "pkg" / "LICENSE")
        return top

    def locked_repo(self, name="app", host="honey-1"):
        top = self.repo(name, host)
        (top / name / "pkg").chmod(0o555)
        return top

    def argv(self, *args, hosts=("honey-1",), state=None):
        argv = [str(self.program), "workdir", *map(str, args),
                "--state-dir", str(state or self.state)]
        return argv + [f"--instance={self.folder / host}" for host in hosts]

    def run(self, *args, hosts=("honey-1",), uid=None, state=None, before=()):
        argv = [*before, *self.argv(*args, hosts=hosts, state=state)]
        if uid is not None:
            argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv]
        env = {key: value for key, value in os.environ.items()
               if not key.startswith("SHITHUB_RUNNER_")}
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, env=env,
                              check=False)

    def audit(self, *args, code=0, **how):
        done = self.run("audit", "--output", "json", *args, **how)
        assert done.returncode == code, done.stdout + done.stderr
        return {dir["repo"]: dir["audit"] for dir in json.loads(done.stdout)["workdirs"]}

    def apply(self, repo="app", *args, host="honey-1", code=0, confirmed=True, **how):
        done = self.run("remediate", host, repo, "--apply", "--output", "json", *args,
                        *(["--confirm-drained"] if confirmed else []), **how)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def hosts(build, folder):
    return Hosts(build, folder)


def codes(audit):
    return {finding["code"]: finding["severity"] for finding in audit["findings"]}


def in_own_mounts(script):
    """Runs the program in a mount namespace that script changed first."""
    return ["unshare", "-m", "sh", "-ec", script + '; exec "$@"', "sh"]


def test_audit_changes_nothing(hosts):
    hosts.locked_repo()
    put(hosts.repo("other") / "ro", mode=0o444)
    before = snapshot(hosts.folder)
    hosts.audit(code=1)
    assert snapshot(hosts.folder) == before
    work = hosts.folder / "honey-1"
    read_only = in_own_mounts(f"mount --bind {work} {work}; mount -o remount,bind,ro {work}")
    assert hosts.audit(code=1, before=read_only)["app"]["status"] == "contaminated"
    assert snapshot(hosts.folder) == before


def broken(hosts, code):
    """A workspace with exactly one thing wrong, and how to audit it."""
    top = hosts.repo()
    inner = top / "app"
    if code == "wrong_owner":
        put(make(inner / "theirs", uid=STRANGER) / "f", uid=STRANGER)
        return "blocking", {}
    if code == "root_owned":
        put(make(inner / "roots", uid=0) / "f", uid=0)
        return "blocking", {}
    if code == "dir_not_writable":
        (inner / "pkg").chmod(0o555)
        return "curable", {}
    if code == "file_read_only":
        (inner / "pkg" / "LICENSE").chmod(0o444)
        return "cosmetic", {}
    if code == "sticky_foreign":
        put(make(inner / "tmp", 0o1777, STRANGER) / "f", uid=STRANGER)
        return "blocking", {"args": ["--expect-uid", f"{U},{STRANGER}"]}
    if code == "immutable":
        subprocess.run(["chattr", "+i", inner / "pkg" / "LICENSE"], check=True)
        return "blocking", {}
    if code == "mount_inside":
        return "blocking", {"before": in_own_mounts(f"mount -t tmpfs none {inner / 'pkg'}")}
    if code == "symlink_root":
        shutil.rmtree(top)
        top.symlink_to("/etc")
        return "blocking", {}
    if code == "unreadable":
        put(make(inner / "closed", 0o700, 0) / "f", uid=0)
        return "unknown", {"args": ["--expect-uid", f"{U},0"], "uid": U}
    for path in [top, *top.rglob("*")]:
        os.utime(path, (1, 1))
    return "cosmetic", {"args": ["--stale-after", "1h"]}


STATUS = {"file_read_only": ("clean", 0), "unreadable": ("unknown", 5), "stale": ("stale", 1)}


@pytest.mark.parametrize("code", CODES)
def test_audit_finds_each_code_alone(hosts, code):
    severity, how = broken(hosts, code)
    status, exit_code = STATUS.get(code, ("contaminated", 1))
    try:
        found = hosts.audit(*how.pop("args", []), code=exit_code, **how)["app"]
    finally:
        subprocess.run(["chattr", "-R", "-i", hosts.folder / "honey-1"], check=False,
                       capture_output=True)
    assert codes(found) == {code: severity}
    assert found["status"] == status
    (finding,) = found["findings"]
    assert 1 <= len(finding["samples"]) <= finding["count"]


def test_audit_tells_busy_workspaces(hosts):
    top = hosts.repo()
    with sleeping(cwd=top / "app") as worker:
        found = hosts.audit()["app"]
    assert found["status"] == "busy" and str(worker.pid) in found["busy"]


def test_folder_mode_contaminates_file_mode_does_not(hosts):
    (hosts.repo("cosmetic") / "cosmetic" / "pkg" / "LICENSE").chmod(0o444)
    hosts.locked_repo("locked")
    make(hosts.repo("empty") / "ro", 0o555)
    found = hosts.audit(code=1)
    assert found["cosmetic"]["status"] == "clean"
    assert found["locked"]["status"] == "contaminated"
    assert found["empty"]["status"] == "clean", "an empty directory hinders nobody"
    # a foreign file or an empty foreign directory in an own one can be deleted
    put(hosts.repo("foreign") / "f", uid=0)
    make(hosts.repo("foreign") / "d", uid=0)
    foreign = hosts.audit(code=1)["foreign"]
    assert foreign["status"] == "clean" and codes(foreign) == {"root_owned": "cosmetic"}


def test_same_tree_gives_the_same_json(hosts):
    for host in ("honey-2", "honey-1"):
        for repo in ("b", "a", "c"):
            hosts.locked_repo(repo, host)
    for number in range(50):
        make(hosts.work() / "a" / "a" / f"d{number}", uid=STRANGER)
        put(hosts.work() / "a" / "a" / f"d{number}" / "f", uid=STRANGER)
    seen = []
    for _ in range(3):
        done = hosts.run("audit", "--output=json", hosts=("honey-2", "honey-1"))
        assert done.returncode == 1
        seen.append(re.sub(r'"observed_at": "[^"]*"', "", done.stdout))
        report = json.loads(done.stdout)
    assert seen[0] == seen[1] == seen[2]
    assert [(dir["host"], dir["repo"]) for dir in report["workdirs"]] == [
        (host, repo) for host in ("honey-1", "honey-2") for repo in "abc"]
    totals = report["totals"]
    assert totals["hosts"] == 2 and totals["workdirs"] == 6 and totals["contaminated"] == 6
    assert totals["entries"] == sum(dir["audit"]["entries"] for dir in report["workdirs"])
    text = hosts.run("audit", hosts=("honey-2", "honey-1")).stdout
    assert "honey-1/a: contaminated" in text and "6 workspaces on 2 hosts" in text


def test_audit_counts_apparent_and_allocated_bytes(hosts):
    top = hosts.repo()
    with open(top / "sparse", "wb") as sparse:
        sparse.truncate(1 << 30)
    put(top / "big", "x" * 100000)
    for number in range(5):
        os.link(top / "big", top / f"again{number}")
    found = hosts.audit()["app"]
    du = int(subprocess.run(["du", "-sB1", top], capture_output=True, text=True,
                            check=True).stdout.split()[0])
    assert found["allocated_bytes"] == du
    assert (1 << 30) + 100000 < found["apparent_bytes"] < (1 << 30) + 200000


def test_audit_exit_codes(hosts):
    hosts.repo()
    hosts.audit(code=0)
    hosts.locked_repo("locked")
    hosts.audit(code=1)
    assert hosts.run("audit", "--output", "xml").returncode == 2
    assert hosts.run("audit", "--no-such-flag").returncode == 2
    assert hosts.run("audit", "--layout", "shithub").returncode == 2
    assert hosts.run("remediate", "honey-1", "app", "--apply").returncode == 3
    hosts.locked_repo("second")
    assert hosts.run("reconcile").returncode == 4
    make(hosts.repo("closed") / "d", 0o700, 0)
    hosts.audit("--expect-uid", f"{U},0", code=5, uid=U)
    missing = hosts.run("audit", hosts=("honey-1", "nowhere"))
    assert missing.returncode == 5 and "nowhere" in missing.stderr
    report = json.loads(hosts.run("audit", "--output=json", hosts=("honey-1", "nowhere")).stdout)
    assert len(report["workdirs"]) == 4 and len(report["failures"]) == 1


def test_links_are_never_followed(hosts):
    precious = make(hosts.folder / "precious")
    put(precious / "keep")
    (hosts.work() / "link").symlink_to(precious)
    (hosts.repo() / "inside").symlink_to(precious)
    before = snapshot(precious)
    assert codes(hosts.audit(code=1)["link"]) == {"symlink_root": "blocking"}
    assert "symbolic link" in hosts.apply("link", code=3)["verdict"]
    assert (hosts.work() / "link").is_symlink()
    hosts.apply("app", "--mode=unlock")
    hosts.apply("app")
    assert snapshot(precious) == before
    # a work root that is a link is refused as a whole
    work = make(hosts.folder / "sly")
    (work / "_work").symlink_to(precious)
    assert hosts.run("audit", hosts=("sly",)).returncode == 3


NAMES = [b"with space", b"new\nline", b"-rf", b"caf\xc3\xa9", b"\xff\xfe", b"tab\tesc\x1b[31m",
         b"back\\slash", b'quote"', b"$(reboot)", b"rtl\xe2\x80\xae"]


def test_any_file_name_works(hosts):
    work = os.fsencode(hosts.work())
    for name in NAMES:
        top = os.path.join(work, name)
        os.makedirs(os.path.join(top, name))
        open(os.path.join(top, name, name), "wb").close()
        for path in (top, os.path.join(top, name), os.path.join(top, name, name)):
            os.chown(path, U, U)
        os.chmod(os.path.join(top, name), 0o555)
    found = hosts.audit(code=1)
    assert len(found) == len(NAMES)
    assert {"new\\nline", "\\xff\\xfe", "tab\\tesc\\x1b[31m", "back\\\\slash", "café",
            "rtl\\xe2\\x80\\xae"} < set(found)
    assert found["\\xff\\xfe"]["findings"][0]["samples"] == ["\\xff\\xfe"]
    text = hosts.run("audit").stdout
    assert len(text.splitlines()) == 2 * len(NAMES) + 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    for name in NAMES:
        if name == b"-rf":
            continue
        done = subprocess.run([*map(os.fsencode, hosts.argv(
            "remediate", "honey-1", "--apply", "--confirm-drained")), name],
            capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    assert os.listdir(work) == [b"-rf"]


@pytest.mark.parametrize("mode", ["unlock", "remove"])
def test_remediate_previews_by_default(hosts, mode):
    hosts.locked_repo()
    before = snapshot(hosts.folder)
    done = hosts.run("remediate", "honey-1", "app", "--mode", mode, "--confirm-drained")
    assert done.returncode == 0
    assert done.stdout.startswith(f"preview, nothing was changed: {mode} honey-1/app")
    assert ("would remove 4 entries" if mode == "remove" else
            "would change 1 directories and 0 files") in done.stdout
    report = json.loads(hosts.run("remediate", "honey-1", "app", "--mode", mode,
                                  "--output=json").stdout)
    assert report["applied"] is False and report["after"] is None
    assert snapshot(hosts.folder) == before


@pytest.mark.parametrize("name", ["", ".", "..", "/", "/etc", "a/b", "../honey-1", "_work",
                                  "_temp", "app/", "x" * 300, "missing"])
def test_remediate_refuses_names_that_are_no_workspace(hosts, name):
    hosts.repo()
    make(hosts.work() / "_temp")
    before = snapshot(hosts.folder)
    for args in (["--apply", "--confirm-drained"], []):
        done = hosts.run("remediate", "honey-1", name, *args)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert snapshot(hosts.folder) == before
    assert hosts.run("remediate", "honey-9", "app").returncode == 2


class Own:
    """Workspaces of our own runner, with leases."""

    def __init__(self, hosts):
        self.hosts, self.host = hosts, socket.gethostname()
        self.root = make(hosts.folder / "workspaces", 0o711, 0)
        self.leases = make(hosts.state / "leases", 0o700, 0)

    def workspace(self, run, job):
        make(self.root / str(run), 0o711, 0)
        top = make(self.root / str(run) / str(job), 0o700)
        put(make(top / "ro", 0o755) / "f")
        (top / "ro").chmod(0o555)
        return top

    def run(self, *args):
        return self.hosts.run(*args, "--workspace-root", self.root, hosts=())


@pytest.fixture
def own(hosts):
    return Own(hosts)


def test_held_lease_beats_every_flag(own):
    top = own.workspace(7, 42)
    with open(own.leases / "7-42", "w") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        os.utime(own.leases / "7-42", (1, 1))  # a young one counts as held without a look
        for flags in (["--apply"], ["--apply", "--confirm-drained"]):
            done = own.run("remediate", own.host, "7-42", *flags)
            assert done.returncode == 3 and "lease 7-42" in done.stdout, done.stdout
        assert json.loads(own.run("audit", "--output=json").stdout)["totals"]["busy"] == 1
        assert top.is_dir()
    # nobody holds it, the runner's state is there: that proves it, no flag is needed
    done = own.run("remediate", own.host, "7-42", "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not top.exists() and not top.parent.exists() and not (own.leases / "7-42").exists()


def test_drain_without_proof_needs_confirmation(hosts, own):
    top = own.workspace(7, 42)
    own.leases.rmdir()
    assert own.run("remediate", own.host, "7-42", "--apply").returncode == 3
    assert top.is_dir()
    assert own.run("remediate", own.host, "7-42", "--apply",
                   "--confirm-drained").returncode == 0
    assert not top.exists()
    hosts.repo()
    assert "--confirm-drained" in hosts.apply(code=3, confirmed=False)["verdict"]


def test_process_in_the_workspace_beats_every_flag(hosts):
    top = hosts.repo()
    with sleeping(cwd=top / "app"):
        assert "in use" in hosts.apply(code=3)["verdict"]
    assert (top / "app/pkg/LICENSE").exists()
    with open(top / "app/pkg/LICENSE"):
        assert f"process {os.getpid()}" in hosts.apply(code=3)["verdict"]
    hosts.apply()
    assert not top.exists()


def modes(top):
    return {str(path.relative_to(top)): stat.S_IMODE(path.lstat().st_mode)
            for path in top.rglob("*")}


def test_unlock_is_idempotent(hosts):
    top = hosts.repo()
    put(make(top / "ro") / "f", mode=0o444)
    (top / "ro").chmod(0o555)
    put(make(top / "shut") / "deep", mode=0o000)
    (top / "shut").chmod(0o000)
    put(top / "script", mode=0o4555)
    put(top / "theirs", mode=0o444, uid=STRANGER)
    make(top / "their_dir", 0o555, STRANGER)
    outside = put(hosts.folder / "outside", mode=0o444)
    os.link(outside, top / "linked")
    before, sibling = modes(top), snapshot(hosts.repo("sibling"))
    report = hosts.apply("app", "--mode=unlock")
    assert report["changes"]["directories"] == 2 and report["changes"]["files"] == 3
    assert report["changes"]["shared_left_alone"] == 1
    after = modes(top)
    assert after == {**before, "ro": 0o755, "ro/f": 0o644, "shut": 0o700, "shut/deep": 0o600,
                     "script": 0o4755}
    assert (top / "theirs").stat().st_uid == STRANGER
    assert "wrong_owner" in codes(report["after"])
    assert stat.S_IMODE(outside.stat().st_mode) == 0o444
    again = hosts.apply("app", "--mode=unlock")["changes"]
    assert again["directories"] == again["files"] == 0
    assert modes(top) == after and snapshot(hosts.work() / "sibling") == sibling


def test_remove_takes_exactly_one(hosts):
    top = hosts.locked_repo()
    put(make(top / "shut") / "f")
    (top / "shut").chmod(0)
    sibling = snapshot(hosts.locked_repo("sibling"))
    work = hosts.work().stat()
    report = hosts.apply()
    assert not top.exists() and report["after"] is None
    assert report["before"]["entries"] == 6 or "unreadable" in codes(report["before"])
    assert snapshot(hosts.work() / "sibling") == sibling
    assert hosts.work().stat().st_mode == work.st_mode
    assert {path.name for path in hosts.work().iterdir()} == {"sibling"}


@pytest.mark.parametrize("uid", [U, None])
def test_ownership_drift_escalates(hosts, uid):
    """Called by the owner or by root. Root too acts with the owner's rights only."""
    top = hosts.locked_repo()
    put(make(top / "roots", uid=0) / "f", uid=0)
    state = make(hosts.folder / "own-state", 0o700, 0 if uid is None else uid)
    report = hosts.apply("app", "--mode=unlock", code=4, uid=uid, state=state)
    assert "replace the runner" in report["verdict"]
    assert report["changes"]["directories"] == 1
    report = hosts.apply("app", code=4, uid=uid, state=state)
    assert report["changes"]["left"] == 3 and "roots/f" in report["changes"]["reason"]
    assert codes(report["after"])["root_owned"] == "blocking"
    assert (top / "roots" / "f").exists() and not (top / "app").exists()


def test_two_contaminated_workspaces_escalate(hosts):
    hosts.locked_repo("one")
    hosts.locked_repo("two")
    healthy = hosts.locked_repo("one", "honey-2")
    before = snapshot(hosts.folder / "honey-1")
    done = hosts.run("reconcile", "--apply", "--confirm-drained", "--output=json",
                     hosts=("honey-1", "honey-2"))
    assert done.returncode == 4
    first, second = json.loads(done.stdout)["hosts"]
    assert first["candidate"] is None and first["exit"] == 4
    assert snapshot(hosts.folder / "honey-1") == before
    assert second["exit"] == 0 and not healthy.exists(), "the other host is a case of its own"
    # one that its owner cannot cure escalates alone
    drift = hosts.repo("drift", "honey-3")
    put(make(drift / "roots", uid=0) / "f", uid=0)
    done = hosts.run("reconcile", "--apply", "--confirm-drained", hosts=("honey-3",))
    assert done.returncode == 4 and drift.exists()


def test_reconcile_plans_by_default(hosts):
    top = hosts.locked_repo()
    before = snapshot(hosts.folder)
    done = hosts.run("reconcile")
    assert done.returncode == 1 and "plan: remove app" in done.stdout
    assert hosts.run("reconcile", "--confirm-drained").returncode == 1
    assert hosts.run("reconcile", "--apply").returncode == 3
    assert snapshot(hosts.folder) == before
    with sleeping(cwd=top):
        busy = hosts.run("reconcile", "--apply", "--confirm-drained")
    assert busy.returncode == 0 and "nothing to do" in busy.stdout, "busy is not contaminated"
    other = hosts.repo("other")
    with sleeping(cwd=other):
        busy = hosts.run("reconcile", "--apply", "--confirm-drained")
    assert busy.returncode == 3 and "not drained" in busy.stdout and top.exists()
    assert hosts.run("reconcile", "--apply", "--confirm-drained").returncode == 0
    assert not top.exists()
    assert hosts.run("reconcile").returncode == 0


def records(state):
    return [json.loads(line) for line in (state / "hygiene/remediations.jsonl").open()]


def test_recurrence_escalates(hosts):
    hosts.locked_repo()
    hosts.apply()
    journal = hosts.state / "hygiene/remediations.jsonl"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.parent.stat().st_mode) == 0o700
    planned, done = records(hosts.state)
    assert planned["phase"] == "planned" and done["phase"] == "done"
    assert done["host"] == "honey-1" and done["repo"] == "app" and done["exit"] == 0
    assert hosts.run("reconcile").returncode == 0
    top = hosts.locked_repo()
    again = hosts.run("reconcile", "--apply", "--confirm-drained")
    assert again.returncode == 4 and "again" in again.stdout and top.exists()
    hosts.locked_repo("app", "honey-2")
    assert hosts.run("reconcile", hosts=("honey-2",)).returncode == 1, "another host"
    deadline = time.monotonic() + 30
    while hosts.run("reconcile", "--recurrence", "1s").returncode == 4:
        assert time.monotonic() < deadline
    assert hosts.run("reconcile", "--recurrence", "1s").returncode == 1


def test_nothing_changes_without_a_record(hosts):
    top = hosts.locked_repo()
    (hosts.state / "hygiene").write_text("in the way")
    before = snapshot(top)
    assert "no record" in hosts.apply(code=5)["verdict"]
    assert snapshot(top) == before


def test_help_names_the_exit_codes(hosts):
    for verb in ("audit", "reconcile", "remediate"):
        text = subprocess.run([hosts.program, "workdir", verb, "--help"], capture_output=True,
                              text=True, check=True).stdout
        assert "Exit codes: 0" in text
