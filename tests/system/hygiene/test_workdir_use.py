"""Who uses a workspace, and for whom it is judged: containers, two hosts of one name, wrong owners."""
import contextlib
import ctypes
import json
import os
import pathlib
import stat
import subprocess

import pytest

import driver
from conftest import few, newest_run, once, workflow
import test_workdir
from test_workdir import STRANGER, U, codes, make, put, records

hosts, own = test_workdir.hosts, test_workdir.own  # its fixtures


@contextlib.contextmanager
def made_container(engine, image, binds, cwd="/", init=False):
    made = engine.api("POST", "/containers/create", {
        "Image": image, "Cmd": ["sleep", "600"], "WorkingDir": cwd, "User": str(U),
        "HostConfig": {"Binds": binds, "NetworkMode": "none", "Init": init}})
    assert "Id" in made, made
    try:
        yield made
    finally:
        engine.api("DELETE", f"/containers/{made['Id']}?force=1")


@contextlib.contextmanager
def container(engine, image, binds, cwd):
    """A step of somebody else's runner: it sees the folder under a name of its own."""
    with made_container(engine, image, binds, cwd, init=True) as made:
        engine.api("POST", f"/containers/{made['Id']}/start")
        state = engine.api("GET", f"/containers/{made['Id']}/json")["State"]
        assert state["Running"], state
        yield state["Pid"]


@few
@pytest.mark.parametrize("bind", ["{work}/app:/workspace", "{work}:/__w"])
def test_a_container_that_did_not_start_yet_is_a_user(hosts, engine, image, bind):  # noqa: F811
    """No process has the folder yet; a moment later its job begins there."""
    top = hosts.locked_repo()
    with made_container(engine, image, ["/:/host:ro"]), \
            made_container(engine, image, [bind.format(work=hosts.work())]):
        refused = hosts.apply(code=3)
        assert "a container that was made and did not start yet mounts it" in refused["verdict"]
        assert top.exists()
    with made_container(engine, image, ["/:/host:ro"]):
        hosts.apply()
    assert not top.exists()


@once
@pytest.mark.parametrize("bind,cwd", [("{work}/app:/workspace", "/workspace/app"),
                                      ("{work}/app:/workspace", "/"),
                                      ("{work}:/__w", "/__w/app/app"),
                                      ("{work}:/__w", "/")])
def test_a_container_job_is_seen(hosts, engine, image, bind, cwd):  # noqa: F811
    top = hosts.locked_repo()
    with container(engine, image, [bind.format(work=hosts.work())], cwd):
        assert hosts.audit()["app"]["status"] == "busy"
        refused = hosts.apply(code=3)
        assert "in use" in refused["verdict"] and (top / "app/pkg/LICENSE").exists()
        assert hosts.run("reconcile", "--apply", "--confirm-drained").returncode == 0
        assert top.exists(), "busy is not contaminated, so nothing is a candidate"
    hosts.apply()
    assert not top.exists()


@once
def test_a_container_in_another_workspace_refuses_reconcile(hosts, engine, image):  # noqa: F811
    top, other = hosts.locked_repo(), hosts.repo("other")
    with container(engine, image, [f"{other}:/workspace"], "/"):
        done = hosts.run("reconcile", "--apply", "--confirm-drained")
        assert done.returncode == 3 and "not drained" in done.stdout and top.exists()


@once
def test_a_container_that_watches_the_host_is_no_user(hosts, engine, image):  # noqa: F811
    top = hosts.locked_repo()
    with container(engine, image, ["/:/host:ro"], "/"):
        hosts.apply()
    assert not top.exists()


def test_a_file_that_no_path_leads_to_any_more(hosts):  # noqa: F811
    """Its mount is gone (lazily unmounted), the process still works in it."""
    hosts.repo()
    place = make(hosts.folder / "elsewhere")
    script = (f"mount --bind {hosts.work()}/app/app/pkg {place}; cd {place}; umount -l {place}; "
              "echo ready; exec sleep 600")
    with subprocess.Popen(["unshare", "-m", "sh", "-ec", script],
                          stdout=subprocess.PIPE) as worker:
        assert worker.stdout.readline() == b"ready\n"
        try:
            found = hosts.audit()["app"]
            assert found["status"] == "busy" and str(worker.pid) in found["busy"]
        finally:
            worker.kill()


class Opened:
    """Tells when somebody opens a folder."""

    IN_OPEN = 0x20

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC)
        assert self.fd >= 0
        assert libc.inotify_add_watch(self.fd, os.fsencode(path), self.IN_OPEN) >= 0

    def wait(self):
        os.read(self.fd, 4096)
        os.close(self.fd)


def test_reconcile_asks_again_before_it_acts(hosts):  # noqa: F811
    """The process begins when its host was audited already and a large tree of another one is."""
    top = hosts.locked_repo("app", "honey-1")
    big = hosts.repo("big", "honey-2")
    for number in range(400):
        make(big / f"d{number}")
        for name in range(100):
            (big / f"d{number}" / str(name)).touch()
    opened = Opened(big)
    process = subprocess.Popen(
        hosts.argv("reconcile", "--apply", "--confirm-drained", hosts=("honey-1", "honey-2")),
        stdout=subprocess.PIPE, text=True)
    opened.wait()
    with subprocess.Popen(["sleep", "600"], cwd=top / "app") as worker:
        out = process.communicate(timeout=60)[0]
        worker.kill()
    assert process.returncode == 3 and "not drained" in out, out
    assert (top / "app/pkg/LICENSE").exists()


# ---- two instances of one name ----

def test_a_host_name_that_is_not_unique_is_refused(hosts):  # noqa: F811
    for place in ("left", "right"):
        make(hosts.folder / place)
        hosts.locked_repo("app", f"{place}/honey")
    both = ("left/honey", "right/honey")
    done = hosts.run("remediate", "honey", "app", "--apply", "--confirm-drained", hosts=both)
    assert done.returncode == 2
    for place in ("left", "right"):
        assert f"{place}/honey" in done.stderr
        assert (hosts.folder / place / "honey/_work/app/app/pkg/LICENSE").exists()
    done = hosts.run("remediate", "honey", "app", "--apply", "--confirm-drained",
                     hosts=("right/honey",))
    assert done.returncode == 0 and not (hosts.folder / "right/honey/_work/app").exists()
    assert (hosts.folder / "left/honey/_work/app").exists()
    # what was put right on the one is no recurrence on the other
    assert hosts.run("reconcile", hosts=("left/honey",)).returncode == 1


def test_a_namesake_that_cannot_be_opened_is_one_too(hosts):  # noqa: F811
    hosts.locked_repo("app", "honey")
    done = hosts.run("remediate", "honey", "app", "--apply", "--confirm-drained",
                     hosts=("honey", "gone/honey"))
    assert done.returncode == 2 and "gone/honey" in done.stderr
    assert (hosts.folder / "honey/_work/app").exists()


# ---- a false "clean" ----

def test_a_work_root_made_as_root(hosts):  # noqa: F811
    hosts.repo()
    os.chown(hosts.work().parent, U, U)
    os.chown(hosts.folder / "honey-1/_work", 0, 0)
    found = hosts.audit(code=1)["app"]
    assert found["status"] == "contaminated" and codes(found)["root_owned"] == "blocking"


def test_a_work_root_without_write_permission(hosts):  # noqa: F811
    top = hosts.repo()
    hosts.work().chmod(0o555)
    found = hosts.audit(code=1)["app"]
    assert found["status"] == "contaminated" and codes(found) == {"dir_not_writable": "curable"}
    (hosts.folder / "honey-1/_work").chmod(0o555)
    report = hosts.apply("app", "--mode=unlock")
    assert report["changes"]["directories"] == 1
    assert stat.S_IMODE((hosts.folder / "honey-1/_work").stat().st_mode) == 0o755
    (hosts.folder / "honey-1/_work").chmod(0o555)
    hosts.apply()
    assert not top.exists()


def test_an_immutable_work_root(hosts):  # noqa: F811
    hosts.repo()
    work = hosts.work()
    subprocess.run(["chattr", "+i", work], check=True)
    try:
        found = hosts.audit(code=1)["app"]
        assert codes(found)["immutable"] == "blocking"
    finally:
        subprocess.run(["chattr", "-i", work], check=True)


def test_our_own_layout_without_capabilities(own):  # noqa: F811
    """An ordinary user's runner cannot delete what another user's steps closed."""
    top = own.workspace(7, 42)
    for path in (own.root, own.root / "7"):
        os.chown(path, STRANGER, STRANGER)
    state = make(own.hosts.folder / "own-state", 0o700, STRANGER)
    make(state / "leases", 0o700, STRANGER)
    put(top / "plain" / "f")
    os.chown(top / "plain", U, U)
    top.chmod(0o755)
    done = own.hosts.run("audit", "--output=json", "--workspace-root", own.root, hosts=(),
                         uid=STRANGER, state=state)
    (found,) = json.loads(done.stdout)["workdirs"]
    assert found["audit"]["status"] == "contaminated" and done.returncode == 1, found
    assert codes(found["audit"])["wrong_owner"] == "blocking"


def test_empty_foreign_folders_go_as_with_rm(hosts):  # noqa: F811
    top = hosts.repo()
    make(top / "theirs", 0o700, STRANGER)
    make(top / "app" / "roots", 0o700, 0)
    hosts.apply()
    assert not top.exists()


def test_only_what_was_put_right_is_a_recurrence(hosts):  # noqa: F811
    top = hosts.locked_repo()
    hosts.apply("app", "--mode=unlock")
    (top / "app" / "pkg").chmod(0o555)
    assert hosts.run("reconcile").returncode == 1, "an unlock puts nothing right"
    subprocess.run(["chattr", "+i", top / "app/pkg/LICENSE"], check=True)
    hosts.apply(code=4)
    subprocess.run(["chattr", "-i", top / "app/pkg/LICENSE"], check=True)
    assert records(hosts.state)[-1]["exit"] == 4
    (top / "app" / "pkg").chmod(0o555)
    assert hosts.run("reconcile").returncode == 1, "a removal that failed put nothing right"


def test_one_bad_instance_hides_no_other(hosts):  # noqa: F811
    hosts.locked_repo()
    (make(hosts.folder / "sly") / "_work").symlink_to("/etc")
    done = hosts.run("audit", "--output=json", hosts=("sly", "honey-1", "nowhere"))
    report = json.loads(done.stdout)
    assert done.returncode == 5
    assert [(dir["host"], dir["audit"]["status"]) for dir in report["workdirs"]] == [
        ("honey-1", "contaminated")]
    assert [os.path.basename(row["path"]) for row in report["failures"]] == ["sly", "nowhere"]
    text = hosts.run("audit", hosts=("nowhere", "honey-1"))
    assert "honey-1/app: contaminated" in text.stdout and "nowhere" in text.stdout
    done = hosts.run("reconcile", "--apply", "--confirm-drained", hosts=("honey-1", "nowhere"))
    assert done.returncode == 5 and not (hosts.folder / "honey-1/_work/app").exists()


# ---- words ----

def test_a_refusal_is_no_preview(hosts):  # noqa: F811
    top = hosts.locked_repo()
    done = hosts.run("remediate", "honey-1", "app")
    assert done.returncode == 3 and "--apply would be refused" in done.stdout
    assert done.stdout.startswith("preview, nothing was changed")
    done = hosts.run("remediate", "honey-1", "app", "--apply")
    assert done.returncode == 3 and "preview" not in done.stdout
    assert done.stdout.startswith("refused, nothing was changed: remove honey-1/app")
    with subprocess.Popen(["sleep", "600"], cwd=top) as worker:
        done = hosts.run("remediate", "honey-1", "app", "--confirm-drained")
        worker.kill()
    assert done.returncode == 3 and "would be refused" in done.stdout


def test_what_cannot_be_read_is_unknown(hosts):  # noqa: F811
    put(make(hosts.repo() / "closed", 0o700, 0) / "f", uid=0)
    done = hosts.run("audit", "--expect-uid", f"{U},0", uid=U)
    assert done.returncode == 5 and "unreadable (unknown)" in done.stdout


def test_a_lease_that_nobody_holds_is_not_called_held(own):  # noqa: F811
    """A young one counts as in use, as a runner may be taking it: that is what is said."""
    own.workspace(7, 42)
    (own.leases / "7-42").touch()
    done = own.run("remediate", own.host, "7-42", "--apply")
    assert done.returncode == 3 and "changed hands" in done.stdout, done.stdout
    assert "is held" not in done.stdout


# ---- a cleaner at work never fails a job ----

@once
def test_a_job_waits_for_a_cleaner_that_has_its_lease(coordinator, repository, joined):
    one, repo = joined(), repository()
    steps = "- run: echo fine"
    repo.commit({"README.md": "x", ".shithub/workflows/ci.yml": workflow(steps)})
    repo.push()
    run = coordinator.show(newest_run(coordinator))
    leases = pathlib.Path(one.state) / "leases"
    leases.mkdir(mode=0o700, parents=True, exist_ok=True)
    leases.parent.chmod(0o700)
    name = leases / f"{run['id']}-{run['jobs'][0]['id']}"
    cleaner = subprocess.Popen(["flock", "-x", name, "sh", "-c", "echo held; read line"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert cleaner.stdout.readline() == b"held\n"
    program = one.start()
    driver.wait_for(lambda: "lease_awaited" in program.log() or "workspace" in str(
        coordinator.show(run["id"])["conclusion"]), 60, "the slot to meet the lease")
    cleaner.communicate(b"go on\n", timeout=10)
    over = coordinator.ended(run["id"], 60)
    program.stop()
    assert over["conclusion"] == "success", program.log()
