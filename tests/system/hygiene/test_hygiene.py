"""`shithubd-runner hygiene`: report, plan, apply, history, schedule.

Most tests stand on an engine's answers as they were written down from a host with a past (WORLD);
what can be had for real is: both engines for looking, and engines of our own with real build
cache, images without names and volumes for changing. Nothing here changes the machine's engines.
"""
import contextlib
import copy
import fcntl
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tarfile
import threading
import time
import urllib.parse
import uuid

import pytest

import driver
from engine_proxy import EngineProxy, UnixConnection

pytestmark = pytest.mark.xdist_group("hygiene")  # one list of calls, one pair of engines
KEY = "runner-host-hygiene/test"
STATE = "buildx_buildkit_old0_state"
WARM = "builders/app:warm"
TOKEN = "0123456789abcdef" * 4
LOOKS = {"/_ping", "/system/df", "/images/json", "/containers/json?all=1", "/volumes", "/info"}
FORBIDDEN = re.compile(r"/(volumes|containers|networks|system)/prune|/images/prune(?!\?filters=%7B"
                       r"%22dangling%22%3A%5B%22true%22%5D%7D$)|/build/prune(?!\?keep-storage=)")
CALLS = []  # of all proxies of this file: nothing forbidden is ever among them

WORLD = {
    "images": [
        {"Id": "sha256:aa", "RepoTags": [WARM], "Size": 1000, "SharedSize": 0, "Containers": 0,
         "Created": 1700000000},
        {"Id": "sha256:bb", "RepoTags": ["shop/web:1", "shop/web:2"], "Size": 5000,
         "SharedSize": 0, "Containers": 1, "Created": 1700000001},
        {"Id": "sha256:cc", "RepoTags": ["<none>:<none>"], "Size": 70, "SharedSize": 0,
         "Containers": 0, "Created": 1700000002}],
    "containers": [
        {"Id": "c1", "Names": ["/web"], "Image": "shop/web:1", "ImageID": "sha256:bb",
         "State": "running", "Labels": {}, "SizeRw": 11},
        {"Id": "c2", "Names": ["/buildx_buildkit_gone0"], "Image": "moby/buildkit:buildx-stable-1",
         "ImageID": "sha256:dd", "State": "exited", "Labels": {}, "SizeRw": 300}],
    "volumes": [
        {"Name": STATE, "Driver": "local", "Labels": None,
         "Mountpoint": f"/srv/engine/volumes/{STATE}/_data",
         "UsageData": {"RefCount": 0, "Size": 2000}},
        {"Name": "buildx_buildkit_used0_state", "Driver": "local", "Labels": {"owner": "secret-1"},
         "Mountpoint": "/srv/engine/volumes/used/_data",
         "UsageData": {"RefCount": 1, "Size": 4000}},
        {"Name": "database", "Driver": "local", "Labels": {}, "Mountpoint": "/mnt/db",
         "UsageData": {"RefCount": 0, "Size": 90}}],
    "cache": [
        {"ID": "k1", "InUse": False, "Shared": False, "Size": 100000},
        {"ID": "k2", "InUse": False, "Shared": True, "Size": 7},
        {"ID": "k3", "InUse": False, "Shared": False, "Size": 50000}],
}


def answers(world):
    """The answers of an engine in that state; they follow it when it changes."""
    def df(*_):
        layers = sum(image["Size"] for image in world["images"] if image["Size"] > 0)
        return 200, {"LayersSize": layers, "Images": world["images"],
                     "Containers": world["containers"], "Volumes": world["volumes"],
                     "BuildCache": world["cache"], "BuilderSize": 0}

    def prune(*_):
        gone, world["cache"] = world["cache"], []
        return 200, {"CachesDeleted": [record["ID"] for record in gone],
                     "SpaceReclaimed": sum(record["Size"] for record in gone)}

    # one of its own: the lock of an engine is the whole machine's, and tests run at the same time
    name = world.setdefault("id", str(uuid.uuid4()))
    return {"/_ping": (200, b"OK"), "/system/df": df, "/build/prune": prune,
            "/images/json": lambda *_: (200, world["images"]),
            "/containers/json": lambda *_: (200, world["containers"]),
            "/volumes": lambda *_: (200, {"Volumes": world["volumes"], "Warnings": None}),
            "/info": (200, {"ID": name, "DockerRootDir": "/srv/engine"})}


class Host:
    """One host: a state directory, workspaces, an engine behind a recording proxy."""

    def __init__(self, build, folder):
        self.program = folder / "shithubd-runner"  # where every user may reach it
        shutil.copy(build / "shithubd-runner", self.program)
        self.program.chmod(0o755)
        self.folder, self.state, self.work = folder, folder / "state", folder / "workspaces"
        self.state.mkdir(mode=0o700)
        self.work.mkdir()
        self.world = copy.deepcopy(WORLD)
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self.set(idle_window="20ms", warm_builders=WARM)
        self.proxies, self.proxy, self.children = [], None, []

    def behind(self, socket=None):
        """The engine from now on: that socket, or the world."""
        path = self.folder / f"engine-{len(self.proxies)}.sock"
        self.proxy = EngineProxy(path, socket, None if socket else answers(self.world))
        self.proxies.append(self.proxy)
        return self.proxy

    def set(self, **options):
        self.env.update({f"SHITHUB_RUNNER_HYGIENE__{key.upper()}": str(value)
                         for key, value in options.items()})

    def argv(self, *args, before=()):
        # a process tree of its own: what others on this machine build is not this test's business
        return ["unshare", "-pf", "--mount-proc", "--kill-child", *before, str(self.program),
                "hygiene", *map(str, args), f"--state-dir={self.state}",
                f"--workspace-root={self.work}", f"--engine-socket={self.proxy.path}"]

    def run(self, *args, code=0, stdin=None, before=()):
        done = subprocess.run(self.argv(*args, before=before), input=stdin, capture_output=True,
                              text=True, env=self.env, timeout=120, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"exit {done.returncode}\n{said}\n{self.proxy.calls}"
        assert "Sanitizer" not in said and "runtime error" not in said, said
        return done

    def json(self, *args, **how):
        return json.loads(self.run(*args, "--output=json", **how).stdout)

    def start(self, *args):
        self.children.append(subprocess.Popen(self.argv(*args), env=self.env,
                                              stdout=subprocess.DEVNULL,
                                              stderr=subprocess.STDOUT))
        return self.children[-1]

    def forget_lock(self):
        """The lock of an engine stays for ever; this engine does not."""
        link = UnixConnection(str(self.proxy.path))
        link.request("GET", "/info")
        got = link.getresponse()
        info = json.loads(got.read())
        who = "podman:" if got.getheader("Libpod-Api-Version") else f"docker:{info['ID']}"
        name = hashlib.sha256(f"{who}:{info['DockerRootDir']}".encode()).hexdigest()[:32]
        pathlib.Path(f"/dev/shm/shithubd-hygiene-{name}.lock").unlink(missing_ok=True)

    def close(self):
        with contextlib.suppress(OSError, ValueError, KeyError):  # an engine that a test broke
            self.forget_lock()
        for child in self.children:
            if child.poll() is None:
                kill(child)
        for proxy in self.proxies:
            proxy.stop()
            CALLS.extend(proxy.calls)

    def report(self, **how):
        return self.json("report", **how)

    def apply(self, *args, key=KEY, action="prune_docker_cache", mutate=True, retain=(WARM,),
              **how):
        words = [f"--retain={name}" for name in retain] + (["--mutate"] if mutate else [])
        return self.json("apply", f"--action={action}", f"--audit-key={key}", *words, *args, **how)

    def records(self):
        return {record["key"]: record for record in self.json("history", "--limit=100")}

    def files(self):
        return sorted((self.state / "hygiene").rglob("*.json"))


@pytest.fixture
def host(build, folder):
    made = Host(build, folder)
    made.behind()
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def nothing_forbidden():
    yield
    assert CALLS, "no call was recorded"
    assert [call for call in CALLS if FORBIDDEN.search(call)] == []


# A network of its own: with --bridge=none dockerd removes docker0, perhaps another engine's.
OWN = {"docker": ["unshare", "--net", "dockerd", "--bridge=none", "--iptables=false",
                  "--storage-driver=vfs", "--data-root={0}/root", "--exec-root={0}/exec",
                  "--pidfile={0}/pid", "--host=unix://{0}/s"],
       "podman": ["podman", "--root={0}/root", "--runroot={0}/run", "--tmpdir={0}/tmp",
                  "--storage-driver=vfs", "system", "service", "--time=0", "unix://{0}/s"]}


@contextlib.contextmanager
def own_engine(name):
    """An engine of this file: nobody else's images, no network, no containers run in it."""
    folder = pathlib.Path("/tmp") / f"hyg-{name}-{os.getpid()}"
    folder.mkdir()
    with open(folder / "log", "wb") as log:
        # with CONTAINER_HOST podman would be the client of that engine
        env = {key: value for key, value in os.environ.items() if not key.endswith("_HOST")}
        daemon = subprocess.Popen([word.format(folder) for word in OWN[name]], env=env,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        driver.wait_for(lambda: answers_ping(folder / "s") or daemon.poll() is not None, 60, name)
        assert daemon.poll() is None, (folder / "log").read_text()
        yield str(folder / "s")
    finally:
        daemon.terminate()
        daemon.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def own_dockerd():
    with own_engine("docker") as socket:
        yield socket


@pytest.fixture(scope="module")
def own_podman():
    with own_engine("podman") as socket:
        yield socket


@pytest.fixture(params=OWN)
def own(request):
    return request.getfixturevalue("own_dockerd" if request.param == "docker" else "own_podman")


def answers_ping(socket):
    with contextlib.suppress(OSError):
        return ask(socket, "GET", "/_ping")[0] == 200
    return False


def ask(socket, method, path, body=b"", kind="application/json"):
    link = UnixConnection(str(socket))
    with contextlib.closing(link):
        link.request(method, path, body, {"Content-Type": kind})
        got = link.getresponse()
        return got.status, got.read()


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def offline(host, tmp, observation, policy=None, *args, code=0):
    """A report (or its exit) from files alone: no engine, no programs."""
    seen, rules = tmp / "observation.json", tmp / "policy.json"
    seen.write_text(json.dumps(observation))
    rules.write_text(json.dumps(policy or {"approved_host": observation["host_name"]}))
    argv = [str(host.program), "hygiene", "report", f"--observation={seen}", f"--policy={rules}",
            "--output=json", *args]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False,
                          env={"PATH": "", "SHITHUB_RUNNER_STATE_DIR": "/nonexistent/state",
                               "DOCKER_HOST": "unix:///nonexistent/engine"})
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


# --- looking --------------------------------------------------------------------------------------


def test_report_changes_nothing(host, own):
    host.behind(own)
    host.set(warm_builders="")
    got = host.report()
    assert got["mode"] == "report-only"
    assert set(got) >= {"observation", "policy", "report"}
    assert {call.split(" ", 1)[1] for call in host.proxy.calls} - LOOKS == set()
    assert host.proxy.changes == []
    seen = got["observation"]
    name = "docker" if "docker" in own else "podman"
    assert seen["engine"] == name and seen["free_disk_bytes"] > 0
    assert isinstance(seen["docker_reclaimable_bytes"], int)
    cache = seen["docker_reclaimable"]["build_cache"]
    assert cache["availability"] == ("available" if name == "docker" else "unavailable")
    if name == "podman":  # not zero: nobody knows of any
        assert cache["bytes"] is None and cache["reason"]
        blocked = host.apply(mutate=True, retain=(), code=3)
        assert blocked["blockers"] == ["build_cache_unavailable"]
        assert host.proxy.changes == []


def test_report_lists_a_typed_inventory(host):
    seen = host.report()["observation"]
    measured = {key: row["bytes"] for key, row in seen["docker_reclaimable"].items()}
    assert measured == {"images": 1070, "containers": 300, "local_volumes": 2090,
                        "build_cache": 150000}
    assert seen["docker_reclaimable_bytes"] == sum(measured.values())
    images = {(row["repository"], row["tag"]): row for row in seen["image_inventory"]["rows"]}
    assert images["builders/app", "warm"]["is_warm_builder"]
    assert images["shop/web", "2"]["in_use"] and not images["shop/web", "2"]["is_warm_builder"]
    assert images["<none>", "<none>"]["dangling"]
    volumes = {row["name"]: row for row in seen["volume_inventory"]["rows"]}
    assert volumes["database"]["mountpoint"] == "elsewhere"
    assert volumes[STATE]["mountpoint"] == f"engine:/volumes/{STATE}/_data"
    assert volumes["buildx_buildkit_used0_state"]["referenced_by_containers"] == 1
    assert seen["orphan_buildkit_containers"]["rows"] == ["buildx_buildkit_gone0"]
    assert seen["orphan_buildkit_volumes"]["rows"] == [STATE]


def test_warm_builder_is_no_orphan(host):
    host.set(warm_builders="old,gone,Builders/App:warm")
    seen = host.report()["observation"]
    assert seen["orphan_buildkit_volumes"]["rows"] == []
    assert seen["orphan_buildkit_containers"]["rows"] == []
    assert all(row["present"] for row in seen["warm_builders"])


def test_report_from_a_file(host, tmp_path):
    online = host.report()
    asked = len(host.proxy.calls)
    again = offline(host, tmp_path, online["observation"], online["policy"])
    assert again["report"] == online["report"]
    assert again["observation"] == online["observation"] and again["calls"] == []
    assert len(host.proxy.calls) == asked
    wrong = {**online["observation"], "surprise": 1}
    assert "surprise" in offline(host, tmp_path, wrong, code=2)


LIMITS = [
    ("free_disk_below_minimum", "minimum_free_disk_bytes", "free_disk_bytes", -1),
    ("docker_reclaimable_above_limit", "maximum_docker_reclaimable_bytes",
     "docker_reclaimable_bytes", 1),
    ("runner_workdir_above_limit", "maximum_runner_workdir_bytes",
     "runner_workdir_allocated_bytes", 1)]


@pytest.mark.parametrize("code, limit, value, bad", LIMITS)
def test_limits_are_strict(host, tmp_path, code, limit, value, bad):
    seen = host.report()["observation"]
    policy = {"approved_host": seen["host_name"], "allow_orphan_buildkit": True, limit: 5000}
    for step in (-1, 0, 1):
        got = offline(host, tmp_path, {**seen, value: 5000 + step}, policy)["report"]
        assert [row["code"] for row in got["findings"]] == ([code] if step == bad else [])
    unknown = offline(host, tmp_path, {**seen, value: None}, policy)["report"]
    assert [row["code"] for row in unknown["findings"]][0].endswith("_measurement_partial")


def test_missing_builders_and_orphans_are_findings(host):
    found = {row["code"] for row in host.report()["report"]["findings"]}
    assert found == {"orphan_buildkit_present"}
    host.set(warm_builders=WARM + ",nowhere/is:this", allow_orphan_buildkit="true")
    got = host.report()["report"]["findings"]
    assert [row["code"] for row in got] == ["required_warm_builder_missing"]
    assert got[0]["detail"] == "nowhere/is:this"


def test_healthy_means_no_findings(host):
    host.set(minimum_free="1000000g", warm_builders="nowhere/is:this")
    got = host.report()["report"]
    codes = [row["code"] for row in got["findings"]]
    assert got["status"] == "attention" and codes == sorted(codes) and len(codes) == 3
    assert len(got["next_steps"]) == 3
    host.run("report", "--fail-on-attention", code=1)
    host.set(minimum_free="0", warm_builders=WARM, allow_orphan_buildkit="true")
    got = host.report()["report"]
    assert got["status"] == "healthy" and got["findings"] == []
    host.run("report", "--fail-on-attention")


SIZES = {"0B": 0, "1.5kB": 1500, "148.52GB (88%)": 148520000000, "148.52GB": 148520000000,
         "2GiB": 2 << 30, "512KiB": 512 << 10, "7MB (0%)": 7000000, "N/A": None,
         "": 2, "12": 2, "GB": 2, "1.2.3MB": 2, "5 GB": 2, "5GB (x%)": 2, "-5GB": 2, "5XB": 2}


def test_sizes_in_docker_notation(host, tmp_path):
    seen = host.report()["observation"]
    for text, size in SIZES.items():
        bad = size == 2
        got = offline(host, tmp_path, {**seen, "docker_reclaimable_bytes": text},
                      code=2 if bad else 0)
        if bad:
            assert "docker_reclaimable_bytes" in got, text
        else:
            assert got["report"]["docker_reclaimable_bytes"] == size, text


@pytest.mark.parametrize("path", ["/system/df", "/images/json", "/containers/json", "/volumes"])
@pytest.mark.parametrize("answer", [(200, b""), (500, {"message": "no"}), (200, b'{"Ima'),
                                    (200, {}), (200, {"Volumes": 7, "Images": 7})])
def test_missing_evidence_is_not_zero(host, path, answer):
    host.proxy.answers[path] = answer
    done = host.run("report", "--output=json", code=5)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    host.run("apply", "--action=prune_docker_cache", f"--audit-key={KEY}", "--mutate", code=5)
    assert host.proxy.changes == []
    assert host.records()[KEY]["status"] == "failed"


def test_unknown_sizes_are_null_and_long_lists_are_cut(host):
    host.world["images"] += [
        {"Id": f"sha256:{i:04}", "RepoTags": [f"many/image:{i:04}"], "Size": -1, "SharedSize": -1,
         "Containers": 0, "Created": 0} for i in range(200)]
    host.world["volumes"][2]["UsageData"]["Size"] = -1
    seen = host.report()["observation"]
    assert seen["image_inventory"]["total"] == 204 and seen["image_inventory"]["truncated"]
    assert len(seen["image_inventory"]["rows"]) == 128
    sizes = {row["tag"]: row["size"] for row in seen["image_inventory"]["rows"]}
    assert sizes["0001"] is None and sizes["warm"] == 1000
    volumes = seen["volume_inventory"]
    assert not volumes["truncated"] and volumes["total"] == 3
    assert {row["name"]: row["size"] for row in volumes["rows"]}["database"] is None
    for kind in ("images", "local_volumes"):
        assert seen["docker_reclaimable"][kind]["availability"] == "partial"


def test_timeout_is_recorded_as_data(host):
    host.set(timeout="1s")
    host.proxy.hold("/build/prune", partial=b'{"CachesDeleted":["k1",')
    got = host.apply(code=1)
    record = got["record"]
    assert record["status"] == "failed" and "timed out after 1 seconds" in record["message"]
    call = [row for row in record["documents"]["calls"] if row["call"].startswith("POST")]
    assert [row["returncode"] for row in call] == [124]
    assert call[0]["output"] == '{"CachesDeleted":["k1",'
    assert "post" in record["documents"]
    host.proxy.release()
    host.proxy.hold("/system/df")
    done = host.run("report", code=5)
    assert "GET /system/df: timed out after 1 seconds" in done.stderr


def test_report_counts_workspace_bytes(host):
    with open(host.work / "sparse", "wb") as sparse:
        sparse.truncate(64 << 20)
    (host.work / "full").write_bytes(b"x" * (1 << 20))
    os.link(host.work / "full", host.work / "again")
    seen = host.report()["observation"]
    assert 65 << 20 <= seen["runner_workdir_bytes"] < 66 << 20
    assert 1 << 20 <= seen["runner_workdir_allocated_bytes"] < 2 << 20
    place = [row for row in seen["places"] if row["key"] == "workspaces"][0]
    assert place["bytes"] == seen["runner_workdir_bytes"] and place["unseen"] == 0
    shutil.rmtree(host.work)
    assert "runner.workspace_root" in host.run("report", code=5).stderr


# --- planning -------------------------------------------------------------------------------------

def test_plan_lists_every_blocker(host, tmp_path):
    host.set(warm_builders="nowhere/is:this")
    got = host.json("plan", "--action=prune_docker_cache", code=1)
    assert got["plan"]["status"] == "blocked"
    assert got["plan"]["blockers"] == ["audit_record_required", "host_needs_attention",
                                       "mutate_not_requested", "warm_builder_not_retained"]
    assert host.proxy.changes == [] and host.files() == []
    seen = tmp_path / "seen.json"
    seen.write_text(host.run("report", "--output=json").stdout)
    asked = len(host.proxy.calls)
    assert host.json("plan", "--action=prune_docker_cache", f"--observation={seen}",
                     code=1)["plan"] == got["plan"]
    assert len(host.proxy.calls) == asked


def test_apply_without_mutate_records_a_plan(host):
    got = host.apply(mutate=False)
    assert got["blockers"] == ["mutate_not_requested"]
    assert got["record"]["status"] == "planned" and not got["record"]["ready"]
    assert host.proxy.changes == []
    assert [path.parent.name for path in host.files()] == ["audit", "outbox"]
    host.apply(mutate=False, retain=(), key=KEY + "-2", code=1)


FACTORS = {
    "approved_host_mismatch report_host_mismatch": {"words": ["--host=elsewhere"]},
    "action_not_enabled": {"action": "prune_dangling_images"},
    "action_not_enabled ": {"action": "prune_runner_workdir"},
    "action_not_enabled  ": {"action": "restart_runner_service"},
    "mutate_not_requested": {"mutate": False},
    "warm_builder_not_retained": {"retain": ()},
    "retained_warm_builder_missing_from_report": {"retain": (WARM, "nobody")},
}


@pytest.mark.parametrize("blockers", FACTORS)
def test_each_gate_blocks_alone(host, blockers):
    how = dict(FACTORS[blockers])
    words = how.pop("words", [])
    got = host.apply(*words, code=0 if "mutate" in how else 3, **how)
    assert got["blockers"] == blockers.split()
    assert host.proxy.changes == []


def test_names_match_in_any_case(host):
    name = host.report()["observation"]["host_name"]
    got = host.apply(f"--host=  {name.upper()} ", action=" PRUNE_docker_cache ",
                     retain=(f" {WARM.upper()} ",))
    assert got["record"]["status"] == "completed"
    host.run("apply", "--action=prune_docker_cache", "--mutate", f"--retain={WARM}", code=3)
    host.run("apply", "--action=prune_docker_cache", "--audit-key=mine", "--mutate", code=2)
    host.run("apply", "--action=system_prune", f"--audit-key={KEY}", "--mutate", code=2)


def test_lost_retained_builder_fails_the_action(host):
    host.world["images"].pop(0)
    got = host.apply(code=3)
    assert got["blockers"] == ["host_needs_attention", "retained_warm_builder_missing_from_report"]
    assert host.proxy.changes == []
    host.world["images"] = copy.deepcopy(WORLD["images"])

    def prune(*_):
        host.world["images"].pop(0)
        return 200, {"CachesDeleted": [], "SpaceReclaimed": 0}
    host.proxy.answers["/build/prune"] = prune
    got = host.apply(key=KEY + "-2", code=1)
    assert got["record"]["status"] == "failed" and WARM in got["record"]["message"]


# --- doing ----------------------------------------------------------------------------------------

def query(call):
    path, _, text = call.partition("?")
    return path, dict(urllib.parse.parse_qsl(text))


def test_prune_call_is_bounded(host):
    got = host.apply()
    assert got["record"]["status"] == "completed" and got["exit_code"] == 0
    assert [query(call) for call in host.proxy.changes] == [
        ("POST /build/prune", {"keep-storage": str(8 << 30), "filters": '{"until":["168h"]}'})]
    documents = got["record"]["documents"]
    assert documents["pre"]["docker_reclaimable_bytes"] == 153460
    assert documents["post"]["docker_reclaimable_bytes"] == 3460
    host.set(cache_age="400h", cache_keep="20g", actions="bound_docker_cache,prune_docker_cache")
    host.apply(key=KEY + "-2")
    host.apply(key=KEY + "-3", action="bound_docker_cache")
    assert [query(call)[1] for call in host.proxy.changes[1:]] == [
        {"keep-storage": str(20 << 30), "filters": '{"until":["400h"]}'},
        {"keep-storage": str(20 << 30)}]
    for wrong in ({"cache_age": "167h"}, {"cache_age": "168h", "cache_keep": "7g"}):
        host.set(**wrong)
        host.run("apply", "--action=prune_docker_cache", f"--audit-key={KEY}-4", "--mutate",
                 code=2)
    assert len(host.proxy.changes) == 3


def test_real_build_cache_is_pruned(host, own_dockerd):
    context = archive({"Dockerfile": b"FROM scratch\nCOPY big /big\n", "big": os.urandom(3 << 20)})
    status, said = ask(own_dockerd, "POST", "/v1.41/build?version=2&t=shop/api:1", context,
                       "application/x-tar")
    assert status == 200 and b"errorDetail" not in said, said
    host.behind(own_dockerd)
    host.set(warm_builders="shop/api:1", actions="prune_docker_cache,prune_dangling_images")
    # young cache stays, whatever there is of it
    first = host.apply(retain=("shop/api:1",))["record"]["documents"]
    assert first["pre"]["docker_reclaimable"]["build_cache"]["bytes"] > 3 << 20
    assert first["post"]["docker_reclaimable"]["build_cache"] == \
        first["pre"]["docker_reclaimable"]["build_cache"]
    # the same in small: what is "old" and "too much" for this engine
    host.proxy.rewrite = lambda path: path.replace("168h", "1ms").replace(str(8 << 30), "1")
    got = host.apply(key=KEY + "-2", retain=("shop/api:1",))["record"]
    assert got["status"] == "completed"
    assert got["documents"]["post"]["docker_reclaimable"]["build_cache"]["bytes"] == 0
    assert got["documents"]["post"]["warm_builders"] == [{"name": "shop/api:1", "present": True}]


def test_real_dangling_images_are_pruned(host, own):
    for number in (b"1", b"2"):  # the second takes the first one's name
        status, said = ask(own, "POST", "/v1.41/images/create?fromSrc=-&repo=shop/db&tag=1",
                           archive({"number": number}), "application/x-tar")
        assert status == 200, said
    host.behind(own)
    host.set(warm_builders="", actions="prune_dangling_images")
    got = host.apply(action="prune_dangling_images", retain=())["record"]["documents"]
    before, after = ([(row["repository"], row["dangling"]) for row in
                      got[when]["image_inventory"]["rows"]] for when in ("pre", "post"))
    assert ("<none>", True) in before and ("<none>", True) not in after
    assert (before[-1][0], False) in after and before[-1][0].endswith("shop/db")


def test_program_holds_no_forbidden_call(build):
    text = (build / "shithubd-runner").read_bytes()
    for words in (b"/volumes/prune", b"/containers/prune", b"/networks/prune", b"/system/prune",
                  b"system prune", b"image prune", b"volume prune"):
        assert words not in text, words
    assert text.count(b"/images/prune") == 1 and text.count(b"/build/prune") == 1
    assert b'dangling":["false' not in text


REFUSALS = {
    "target_volume_required": None,
    "target_volume_missing": "buildx_buildkit_other0_state",
    "target_volume_not_allowlisted": "buildx_buildkit_free0_state",
    "target_volume_in_use": "buildx_buildkit_used0_state",
    "target_volume_links_unknown": "buildx_buildkit_odd0_state",
    "target_volume_is_warm_builder": "buildx_buildkit_warm0_state",
    "target_volume_not_allowlisted target_volume_not_buildkit_state": "database",
}


@pytest.mark.parametrize("blockers", REFUSALS)
def test_volumes_that_are_refused(host, blockers):
    for name, links in (("free", 0), ("odd", -1), ("warm", 0)):
        host.world["volumes"].append({"Name": f"buildx_buildkit_{name}0_state", "Driver": "local",
                                      "UsageData": {"RefCount": links, "Size": 1}})
    allowed = [f"buildx_buildkit_{name}0_state" for name in ("old", "other", "used", "odd", "warm")]
    host.set(actions="remove_buildkit_state_volumes", state_volumes=",".join(allowed),
             warm_builders="warm")
    words = [f"--volume={REFUSALS[blockers]}"] if REFUSALS[blockers] else []
    got = host.apply(*words, action="remove_buildkit_state_volumes", retain=("warm",), code=3)
    assert got["blockers"] == blockers.split()
    assert host.proxy.changes == []


def test_one_real_volume_is_removed(host, own):
    used = "buildx_buildkit_inuse0_state"
    for name in (STATE, used, "database"):
        assert ask(own, "POST", "/v1.41/volumes/create",
                   json.dumps({"Name": name}).encode())[0] == 201
    status, said = ask(own, "POST", "/v1.41/images/create?fromSrc=-&repo=any&tag=1",
                       archive({"x": b"x"}), "application/x-tar")
    assert status == 200, said
    image = json.loads(said.splitlines()[-1])["status"]
    body = {"Image": image, "Cmd": ["x"], "HostConfig": {"Binds": [f"{used}:/v"]}}
    assert ask(own, "POST", "/v1.41/containers/create",
               json.dumps(body).encode())[0] == 201
    host.behind(own)
    host.set(actions="remove_buildkit_state_volumes", state_volumes=f"{STATE},{used}",
             warm_builders="")
    how = {"action": "remove_buildkit_state_volumes", "retain": ()}
    got = host.apply(f"--volume={used}", code=3, **how)
    assert got["blockers"] == ["target_volume_in_use"]
    got = host.apply(f"--volume={STATE}", key=KEY + "-2", **how)
    assert got["record"]["status"] == "completed" and got["record"]["volume"] == STATE
    assert host.proxy.changes == [f"DELETE /volumes/{STATE}"]
    left = {row["name"] for row in
            got["record"]["documents"]["post"]["volume_inventory"]["rows"]}
    assert left == {used, "database"}


def test_second_apply_is_refused(host):
    host.apply(mutate=False, key=KEY + "-0")
    with open(host.state / "hygiene/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = len(host.proxy.calls)
        got = host.apply(code=3)
        assert got["blockers"] == ["host_lock_held"]
        assert {call for call in host.proxy.calls[before:]} == {"GET /_ping"}
    assert host.records()[KEY]["status"] == "planned"
    host.apply(key=KEY + "-2")


@pytest.fixture
def other(build, folder, host):
    """Another runner's state directory, in front of the same engine by a socket of its own."""
    place = folder / "other"
    place.mkdir()
    one = Host(build, place)
    one.world = host.world
    one.behind()
    yield one
    one.close()


@pytest.mark.parametrize("before", [(), ("unshare", "-n"), ("setpriv", "--bounding-set=-all")],
                         ids=["", "another network", "without capabilities"])
def test_two_runners_never_change_one_engine_at_once(host, other, before):
    """The lock is the engine's: state directories and sockets differ, users and namespaces may."""
    entered, go_on = threading.Event(), threading.Event()
    prune = host.proxy.answers["/build/prune"]

    def slow_prune(*args):
        entered.set()
        assert go_on.wait(30)
        return prune(*args)

    host.proxy.answers["/build/prune"] = slow_prune
    first = threading.Thread(target=lambda: host.apply(key=KEY + "-1"))
    first.start()
    try:
        assert entered.wait(30)
        got = other.apply(key=KEY + "-2", code=3, before=before)
        assert got["blockers"] == ["host_lock_held"] and other.proxy.changes == []
    finally:
        go_on.set()
        first.join()
    other.apply(key=KEY + "-3")


def test_held_lease_counts_as_work(host):
    leases = host.state / "leases"
    leases.mkdir(mode=0o700)
    (leases / "7-9").touch(mode=0o600)
    with open(leases / "7-9") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        got = host.apply(code=3)
    assert got["blockers"] == ["idle_evidence_active"] and host.proxy.changes == []
    record = got["record"]
    assert record["status"] == "failed" and "lease 7-9 is held" in record["message"]
    first, second = record["documents"]["idle"]["samples"]
    assert first["held_leases"] == second["held_leases"] == 1 and second["at"] > first["at"]
    host.apply(key=KEY + "-2")  # nobody holds it: it proves nothing


def beside(command):
    """Runs what follows beside a process with that command line, which only waits."""
    script = ("import os, sys\n"
              "if os.fork() == 0:\n"
              "    null = os.open('/dev/null', os.O_RDWR)\n"
              "    os.dup2(null, 1); os.dup2(null, 2)\n"
              "    os.execv('/usr/bin/tail', sys.argv[1].split('|'))\n"
              "os.execvp(sys.argv[2], sys.argv[2:])")
    return ["/usr/bin/python3", "-c", script, command.replace(" ", "|") + "|-f|/dev/null"]


@pytest.mark.parametrize("role", ["job", "recover", "janitor"])
def test_another_runners_job_counts_as_work(host, role):
    """Whoever its state directory belongs to, and before it has a container."""
    got = host.apply(code=3, before=beside(f"shithubd-runner {role}"))
    assert got["blockers"] == ["idle_evidence_active"]
    assert "works for a job" in got["record"]["message"]


@pytest.mark.parametrize("command, busy", [("docker build .", True), ("docker buildx bake", True),
                                           ("/usr/bin/buildctl debug", True),
                                           ("docker ps", False), ("vim docker build", False)])
def test_build_processes_count_as_work(host, command, busy):
    got = host.apply(code=3 if busy else 0, before=beside(command))
    if busy:
        assert got["blockers"] == ["idle_evidence_active"]
        assert [row["builds"] for row in got["record"]["documents"]["idle"]["samples"]] == [1, 1]


def test_ancestors_of_the_tool_do_not_count_as_work(host):
    build = ["bash", "-c", """exec -a docker bash -c '"$@"; exit $?' build "$@" """, "x"]
    got = host.apply(before=build)
    assert [row["builds"] for row in got["record"]["documents"]["idle"]["samples"]] == [0, 0]


def test_hidden_processes_are_not_idle(host):
    os.chown(host.state, 65534, 65534)
    os.chmod(host.proxy.path, 0o777)
    hidden = ["sh", "-ec", "mount -o remount,hidepid=2 /proc; setpriv --reuid=65534 "
              '--regid=65534 --clear-groups "$@" || exit $?', "sh"]
    got = host.apply(code=3, before=hidden)
    assert got["blockers"] == ["idle_evidence_incomplete"] and host.proxy.changes == []
    assert got["record"]["documents"]["idle"]["samples"][0]["builds"] is None


def test_engine_steps_and_builds_count_as_work(host):
    host.world["containers"].append({"Id": "c3", "Names": ["/s"], "Image": "x", "ImageID": "y",
                                     "State": "running", "Labels": {"sh.shithub.runner": "other"}})
    assert host.apply(code=3)["blockers"] == ["idle_evidence_active"]
    host.world["containers"].pop()
    host.world["cache"][0]["InUse"] = True
    assert host.apply(key=KEY + "-2", code=3)["blockers"] == ["idle_evidence_conflicting"]
    assert host.proxy.changes == []


def wait_status(host, status):
    """Until a record of that status is on the disk."""
    def there():
        return any(json.loads(path.read_text())["status"] == status for path in host.files()
                   if path.parent.name == "audit")
    driver.wait_for(there, 60, f"a record that is {status}")


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait(60)


@pytest.mark.parametrize("moment", ["planned", "before", "after"])
def test_record_survives_a_kill(host, moment):
    if moment == "planned":
        host.set(idle_window="60s")
    elif moment == "before":
        host.proxy.hold("/build/prune")
    else:
        def prune(*_):
            host.proxy.hold("/system/df")
            return 200, {"CachesDeleted": [], "SpaceReclaimed": 0}
        host.proxy.answers["/build/prune"] = prune
    process = host.start("apply", "--action=prune_docker_cache", f"--audit-key={KEY}",
                         f"--retain={WARM}", "--mutate")
    status = "planned" if moment == "planned" else "action_started"
    wait_status(host, status)
    if moment != "planned":
        assert host.proxy.reached.wait(60)
    kill(process)
    host.set(idle_window="20ms")
    host.proxy.release()
    host.proxy.answers.update(answers(host.world))
    done = len(host.proxy.changes)
    record = host.records()[KEY]
    assert record["status"] == status and record["documents"]["pre"]
    for path in host.files():
        assert path.stat().st_mode & 0o777 == 0o600
    assert (host.state / "hygiene/audit").stat().st_mode & 0o777 == 0o700
    assert host.apply(key=KEY + "-2", code=3)["blockers"] == ["audit_unresolved"]
    host.run("apply", "--action=prune_docker_cache", f"--audit-key={KEY}", f"--retain={WARM}",
             "--mutate", code=3)
    assert host.json("apply", "--resolve")["resolved"] == 1
    record = host.records()[KEY]
    assert record["status"] == "failed" and status in record["message"]
    assert record["documents"]["post"]["host_name"] == record["host"]
    assert len(host.proxy.changes) == done, "what died is not repeated"
    host.apply(key=KEY + "-3")
    assert host.json("apply", "--resolve")["resolved"] == 0


def test_audit_key_stands_for_one_intent(host):
    first = host.apply()
    again = host.apply()
    assert again["replayed"] and again["record"] == first["record"]
    assert len(host.proxy.changes) == 1
    host.run("apply", "--action=prune_docker_cache", f"--audit-key={KEY}", f"--retain={WARM}",
             code=3)
    host.run("apply", "--action=bound_docker_cache", f"--audit-key={KEY}", f"--retain={WARM}",
             "--mutate", code=3)
    assert host.records()[KEY] == first["record"]


class Listener:
    """A coordinator that answers evidence with the statuses it was given, then with 201."""

    def __init__(self):
        self.statuses, self.got = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, self.headers["Idempotency-Key"],
                                  self.headers["Authorization"], body))
                status = outer.statuses.pop(0) if outer.statuses else 201
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def listener(host):
    made = Listener()
    host.env.update({"SHITHUB_RUNNER_SERVER__BASE_URL": made.base, "SHITHUB_RUNNER_TOKEN": TOKEN})
    yield made
    made.stop()


def test_evidence_is_delivered_after_an_outage(host, listener):
    listener.statuses = [503, 503, 503]
    got = host.apply(code=5)  # done, but nobody was told
    assert got["record"]["status"] == "completed"
    assert got["delivery"]["pending"] == 3 and "503" in got["delivery"]["why"]
    assert host.apply(key=KEY + "-2", code=3)["blockers"] == ["audit_undelivered"]
    assert len(host.proxy.changes) == 1
    assert {row[1] for row in listener.got} == {f"runner-host-hygiene:{KEY}:planned"}
    got = host.apply()  # the same key: only tells
    assert got["replayed"] and got["delivery"]["pending"] == 0
    told = [json.loads(row[3]) for row in listener.got]
    first = [row for row in listener.got if row[1].endswith(f":{KEY}:planned")]
    assert len({row[3] for row in first}) == 1, "the same key stands for the same bytes"
    assert [row["status"] for row in told if row["key"] == KEY][-3:] == [
        "planned", "action_started", "completed"]
    assert all(row[0] == "/api/v1/runners/evidence" and row[2] == f"Bearer {TOKEN}"
               for row in listener.got)
    host.apply(key=KEY + "-3")
    assert len(host.proxy.changes) == 2


def test_refused_evidence_needs_an_operator(host, listener):
    listener.statuses = [409]
    got = host.apply(code=5)
    assert got["delivery"]["refused"] == 1
    assert host.apply(key=KEY + "-2", code=3)["blockers"] == ["audit_undelivered"]
    host.json("apply", "--resolve")
    host.apply(key=KEY + "-3")
    listener.statuses = [404, 404, 404]  # one that takes no evidence: ours is all there is
    assert host.apply(key=KEY + "-4")["delivery"]["not_supported"] == 3


def test_coordinator_lists_the_evidence(host, coordinator):
    token = coordinator.register_runner("host-1")["token"]
    host.env.update({"SHITHUB_RUNNER_SERVER__BASE_URL": coordinator.base,
                     "SHITHUB_RUNNER_TOKEN": token})
    got = host.apply()
    assert got["delivery"]["delivered"] == 3
    rows = coordinator.admin_json("hygiene", "history")
    assert [row["status"] for row in rows] == ["completed", "action_started", "planned"]
    assert {row["key"] for row in rows} == {KEY} and rows[0]["runner"]["name"] == "host-1"
    post = rows[0]["documents"]["documents"]["post"]
    assert post == got["record"]["documents"]["post"]


def test_evidence_holds_no_secrets(host, listener):
    host.proxy.answers["/build/prune"] = (500, {"message": "cannot prune"})
    host.apply(code=1)
    told = [path.read_bytes() for path in host.files()] + [row[3] for row in listener.got]
    assert len(told) > 4
    for text in told:
        for secret in (TOKEN.encode(), str(host.work).encode(), b"secret-1", b"/mnt/db"):
            assert secret not in text
    assert any(b'"workspaces"' in text or b'\\"workspaces\\"' in text for text in told)


def test_only_the_configured_user_may_apply(host):
    host.apply(mutate=False)
    host.state.chmod(0o711)
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for verb in (("apply", "--action=prune_docker_cache", f"--audit-key={KEY}"), ("schedule",),
                 ("history",)):
        done = host.run(*verb, before=other, code=3)
        assert "expected uid 0" in done.stderr
    host.set(user="daemon")
    assert "hygiene.user" in host.run("schedule", code=3).stderr
    host.set(user="root")
    host.apply(mutate=False, key=KEY + "-2")


def test_history_is_newest_first(host):
    for number in range(30):
        host.apply(mutate=False, key=f"{KEY}-{number}")
    keys = [row["key"] for row in host.json("history")]
    assert keys == [f"{KEY}-{number}" for number in range(29, 4, -1)]
    assert len(host.json("history", "--limit=100")) == 30
    listed = host.run("history", "--limit=2")
    titles, *rows = listed.stdout.splitlines()
    assert titles.split() == ["UPDATED", "HOST", "ACTION", "STATUS", "DRY", "KEY", "MESSAGE"]
    assert [key in row.split() for key, row in zip(keys[:2], rows, strict=True)] == [True] * 2, rows
    assert "… 2 of" in listed.stderr
    host.run("history", "--limit=101", code=2)
    damaged = host.files()[0]
    damaged.write_text("{")
    said = host.run("history", code=5).stderr
    assert damaged.name in said and "--move-damaged" in said


def test_a_damaged_record_is_moved_aside_on_request(host):
    for number in range(3):
        host.apply(mutate=False, key=f"{KEY}-{number}")
    host.files()[0].write_text("{")
    said = host.run("apply", "--action=prune_docker_cache", f"--audit-key={KEY}-9", "--mutate",
                    f"--retain={WARM}", code=5).stderr
    assert "--move-damaged" in said and host.proxy.changes == []
    done = host.run("apply", "--resolve", "--move-damaged")
    assert "moved to hygiene/damaged: 1" in done.stdout
    assert len(list((host.state / "hygiene/damaged").iterdir())) == 1
    assert len(host.json("history")) == 2
    host.apply(key=KEY + "-9")
    host.run("apply", "--move-damaged", code=2)


def test_history_makes_no_state_directory(host):
    shutil.rmtree(host.state)
    assert host.json("history") == [] and not host.state.exists()


def test_each_blocker_names_its_remedy(host):
    said = host.run("plan", "--action=prune_docker_cache", code=1).stdout
    blockers = [line for line in said.splitlines() if line.startswith("blocker ")]
    assert len(blockers) >= 3 and all(": " in line for line in blockers), said


def test_schedule_changes_on_its_day(host):
    host.set(actions="prune_docker_cache,bound_docker_cache,remove_buildkit_state_volumes",
             state_volumes=f"{STATE},buildx_buildkit_not0_state", mutate_on="never")
    got = host.json("schedule")
    assert [row["record"]["action"] for row in got] == [
        "prune_docker_cache", "bound_docker_cache", "remove_buildkit_state_volumes"]
    assert host.proxy.changes == []
    host.proxy.answers["/build/prune"] = (500, {"message": "no"})
    host.proxy.answers[f"/volumes/{STATE}"] = (204, b"")
    host.set(mutate_on="daily")
    got = host.json("schedule", code=1)  # all attempted, the gravest told
    assert [row["record"]["status"] for row in got] == ["failed", "failed", "completed"]
    keys = {row["record"]["key"] for row in got}
    assert len(keys) == 3 and all(key.startswith("runner-host-hygiene/scheduled-") for key in keys)
    today = time.strftime("%A").lower()
    host.set(mutate_on=today)
    assert len(host.json("schedule", code=1)) == 3
    host.set(mutate_on="monday" if today != "monday" else "tuesday")
    before = len(host.proxy.changes)
    host.json("schedule")
    assert len(host.proxy.changes) == before
