"""Fixtures of the system tests: real engines, real coordinator, real git, real runner.

SHITHUB_BUILD names the build folder (default build), SHITHUB_TEST_LOGS where logs of failures go.
A missing prerequisite fails the test that needs it; nothing is skipped.

Flavors: a test of the runner (fixtures `engine`, `runner` and what stands on them) runs once per
flavor (engine, step_io, isolation) that it could tell apart:

    once     what the runner decides without looking at its engine: one flavor
    few      what each engine and each transport has to do, but not each pair of them: two flavors
    others   likewise, in the two that are left: tests of one mechanism take turns, so that together
             they meet each pair
    default  what depends on how a step's container is made, fed, watched and ended: four flavors,
             in which every engine meets every value of the others
    @pytest.mark.flavors("docker-gate-step", ...) or flavors(step_io="gate") choose themselves

SHITHUB_TEST_FLAVORS=all runs `few`, `others` and `default` in all eight, a name or several
("podman-gate-job,...") in just those.

`offline` jobs have no network, which halves the containers of a job with one step. Every flavor
meets the network in test_smoke.py, what becomes of its container in test_recovery.py and faults/.

Other marks: `early` starts first, because it waits long; `everyday` belongs to make check;
timeout(seconds) stands at what is heavy by nature, for a machine three times slower than one on
which it takes half a minute or more; xdist_group keeps tests with an expensive fixture in one process.
"""
import collections
import contextlib
import fcntl
import functools
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/local"))

import database  # noqa: E402
import driver  # noqa: E402
import rootless  # noqa: E402
from faulty import FaultyCoordinator  # noqa: E402

BUILD = pathlib.Path(os.environ.get("SHITHUB_BUILD", ROOT / "build")).resolve()
LOGS = pathlib.Path(os.environ.get("SHITHUB_TEST_LOGS", ROOT / "build/test/system")).resolve()
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")
TRANSPORTS = ("gate", "attach")
# What holds on the one kind of machine is not what holds on the other; both are asserted.
collect_ignore = ["test_rootless_refused.py" if rootless.possible() else "test_rootless.py"]

Flavor = collections.namedtuple("Flavor", "engine step_io isolation")
FLAVORS = {"-".join(words): Flavor(*words) for words in itertools.product(
    ("docker", "podman"), TRANSPORTS, ("step", "job"))}
PAIRWISE = ("docker-gate-step", "docker-attach-job", "podman-gate-job", "podman-attach-step")
CHOSEN = {"": PAIRWISE, "all": tuple(FLAVORS)}
once = pytest.mark.flavors("docker-gate-step")
few = pytest.mark.flavors(some="few")
others = pytest.mark.flavors(some="others")
early = pytest.mark.early
offline = pytest.mark.offline
everyday = pytest.mark.everyday
SOME = {"few": ("docker-gate-step", "podman-attach-step"),
        "others": ("docker-attach-job", "podman-gate-job")}


def flavors_of(marks):
    """The names of the flavors that a test with these marks runs in."""
    chosen = os.environ.get("SHITHUB_TEST_FLAVORS", "")
    names = CHOSEN.get(chosen) or tuple(chosen.split(","))
    for mark in marks:
        axes = dict(mark.kwargs)
        assert set(mark.args) <= set(FLAVORS) and set(axes) <= {*Flavor._fields, "some"}, mark
        some = axes.pop("some", None)
        if some and not chosen:
            names = SOME[some]
        if mark.args:
            names = [name for name in mark.args if chosen in ("", "all") or name in names]
        names = [name for name in names if all(
            getattr(FLAVORS[name], field) == value for field, value in axes.items())]
    return names


def pytest_configure(config):
    config.addinivalue_line("markers", "flavors(*names, **axes): what a test can tell apart")
    config.addinivalue_line("markers", "offline: the steps need no network, so their jobs have none")
    config.addinivalue_line("markers", "early: starts first, because it waits long")
    config.addinivalue_line("markers", "everyday: belongs to make check")


def pytest_collection_modifyitems(items):
    """Early ones first, of these the heaviest, which have the longest time limits of their own."""
    def rank(item):
        limit = item.get_closest_marker("timeout")
        return item.get_closest_marker("early") is None, -(limit.args[0] if limit else 0)
    items.sort(key=rank)


def pytest_generate_tests(metafunc):
    if "flavor" in metafunc.fixturenames:
        names = flavors_of(metafunc.definition.iter_markers("flavors"))
        metafunc.parametrize("flavor", [FLAVORS[name] for name in names], ids=names, indirect=True)


@pytest.fixture(scope="module", autouse=True)
def the_hosts_bridge():
    """An engine of a test must not take another engine's bridge away."""
    bridge = pathlib.Path("/sys/class/net/docker0")
    before = bridge.exists()
    yield
    assert bridge.exists() or not before, "docker0 of this machine is gone"


@pytest.fixture
def flavor(request):
    return request.param


@pytest.fixture
def transport(flavor):
    """How the bytes of a step travel: "gate" or "attach"."""
    return flavor.step_io


@pytest.fixture
def isolation(flavor):
    return flavor.isolation


class Engine:
    """The engine's socket, asked with curl: the tests must not trust the runner's own client."""

    def __init__(self, name, socket):
        self.name, self.socket = name, socket

    @functools.cached_property
    def dns(self):
        """The gateway of the job network: where its resolver is."""
        return self.api("GET", "/networks/shithub-actions")["IPAM"]["Config"][0]["Gateway"]

    def api(self, method, path, body=None):
        argv = ["curl", "-sS", "--unix-socket", self.socket, "-X", method,
                "-H", "Content-Type: application/json", "http://engine" + path]
        if body is not None:
            argv += ["-d", json.dumps(body)]
        out = driver.run(argv).stdout
        return json.loads(out) if out.strip() else None

    def containers(self, label):
        wanted = urllib.parse.quote(json.dumps({"label": [label]}))
        return self.api("GET", f"/containers/json?all=1&filters={wanted}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())


@pytest.fixture(scope="session")
def build():
    for name in ("shithubd-runner", "shithubd", "shithub-gate"):
        assert (BUILD / name).is_file(), f"{BUILD / name} is missing: make all"
    return BUILD


class Engines:
    """The machine's engines, or some of our own that are stopped at the end, each on first use."""

    FOLDERS = {"docker": ("SHITHUB_ENGINE_DIR", "/var/lib/shithub-local/engine"),
               "podman": ("SHITHUB_PODMAN_DIR", "/var/lib/shithub-local/podman")}
    SCRIPT = ROOT / "deploy/local/engine.sh"

    def __init__(self):
        self.users, self.borrowed, self.known, self.images = [], [], {}, set()

    def script(self, name, verb, check=True):
        return driver.run([self.SCRIPT, verb], env={**os.environ, "ENGINE": name}, check=check)

    def __getitem__(self, name):
        if name not in self.known:
            variable, usual = self.FOLDERS[name]
            folder = pathlib.Path(os.environ.get(variable, usual))
            folder.mkdir(parents=True, exist_ok=True)
            users = open(folder / "users", "a")
            fcntl.flock(users, fcntl.LOCK_SH)  # nobody else's stop ends it meanwhile
            self.users.append(users)
            had = self.script(name, "status", check=False).returncode == 0
            socket = self.script(name, "start").stdout.decode().strip()
            if not had:
                (folder / "borrowed").touch()
            self.borrowed.append((name, folder / "borrowed"))
            self.known[name] = Engine(name, socket)
        return self.known[name]

    def image(self, name):
        """The test image, built by one of several processes at a time."""
        tag = "shithub/runner-test:1"
        if name not in self.images:
            with open(f"/tmp/shithub-test-image-{name}.lock", "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                driver.run([ROOT / "tests/image/build.sh", "--full"], timeout=600,
                           env={"SHITHUB_IMAGE_CACHE": str(BUILD / "image"), **os.environ,
                                "DOCKER_HOST": "unix://" + self[name].socket})
            self.images.add(name)
        return tag

    def stop(self):
        for users in self.users:
            users.close()
        for name, mark in self.borrowed:
            if mark.exists():
                self.script(name, "stop")  # only the last one out succeeds


@pytest.fixture(scope="session")
def engines():
    made = Engines()
    yield made
    made.stop()


@pytest.fixture
def engine(engines, flavor, monkeypatch):
    made = engines[flavor.engine]
    monkeypatch.setenv("DOCKER_HOST", "unix://" + made.socket)
    return made


@pytest.fixture
def image(engines, engine):
    return engines.image(engine.name)


def has_failed(request):
    reports = [getattr(request.node, "report_" + when, None) for when in ("setup", "call")]
    return any(report and report.failed for report in reports)


@pytest.fixture
def folder(request):
    """A short path (unix sockets live below) that the step user may pass through."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="sht-"))
    made.chmod(0o711)
    yield made
    left = end_programs(made)
    logs = sorted(made.rglob("*.log"))
    dirty = [log for log in logs if SANITIZER.search(log.read_text(errors="replace"))]
    if dirty or has_failed(request):
        keep_logs(request.node.name, logs)
    shutil.rmtree(made, ignore_errors=True)
    assert not dirty, f"sanitizer reports in {[log.name for log in dirty]}, kept in {LOGS}"
    assert has_failed(request) or not left, f"still running after the test: {left}"


def end_programs(folder):
    """Ends what still runs with its log in that folder; the command lines."""
    mine = [one for one in driver.Program.started if one.log_path.is_relative_to(folder)]
    driver.Program.started = [one for one in driver.Program.started if one not in mine]
    left = [one for one in mine if one.alive()]
    for one in left:
        one.stop()
    return [one.argv for one in left]


def keep_logs(name, logs):
    kept = LOGS / re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    kept.mkdir(parents=True, exist_ok=True)
    for log in logs:
        shutil.copy(log, kept / f"{log.parent.name}-{log.name}")
        tail = log.read_text(errors="replace").splitlines()[-60:]
        print(f"---- {log.name} (kept in {kept})", *tail, sep="\n")


@pytest.fixture
def coordinators(build, folder):
    """coordinators(*flags, **options): one that does not serve yet. Whatever becomes of the test,
    none of them serves after it."""
    made = []

    def make(*flags, **options):
        name = f"coordinator-{len(made)}" if made else "coordinator"
        made.append(driver.Coordinator(build, folder / name, *flags, **options))
        ends.callback(made[-1].stop)
        return made[-1]

    with contextlib.ExitStack() as ends:
        yield make
    codes = [one.program.process.returncode for one in made if one.program]
    assert not any(codes), f"shithubd serve must end with 0 on SIGTERM: {codes}"


@pytest.fixture
def user():
    """Whose schema in PostgreSQL is a store, at user.address."""
    assert database.SERVER, "there is no PostgreSQL server; run this below deploy/local/postgres.sh"
    made = database.User()
    yield made
    made.end_connections()
    made.drop()


@pytest.fixture
def coordinator(coordinators):
    return coordinators().start()


@pytest.fixture
def pat(coordinator):
    return coordinator.create_token()


@pytest.fixture
def repository(coordinator, pat):
    """repository("owner/name", private=False) adds one and gives a clone to push from."""
    return lambda name="demo/sample", private=False: coordinator.repository(name, pat, private)


@pytest.fixture
def faulty():
    made = FaultyCoordinator()
    yield made
    made.stop()


@pytest.fixture
def runner(request, build, folder, image, engine, flavor):
    """runner(base, token, **flags): a runner of this flavor with its own state; checks that it
    leaves nothing."""
    made = []
    network = [("network", "none")] if request.node.get_closest_marker("offline") else []

    def make(base, token, **flags):
        for flag, value in (("engine_socket", engine.socket), ("dns_servers", engine.dns),
                            ("step_io", flavor.step_io), ("isolation", flavor.isolation),
                            *network):
            flags.setdefault(flag, value)
        one = driver.Runner(build, folder / f"runner-{len(made)}", base, token,
                            flags.pop("image", image), **flags)
        made.append(one)
        return one

    yield make
    end_runners(made, engine, has_failed(request))


def end_runners(runners, engine, failed):
    """Stops them. After a failure their steps could go on without end, so those are ended too,
    and nothing else is asserted."""
    for one in runners:
        if failed:
            for program in one.programs:
                kill(program)
        one.stop()
    for one in runners:
        for name in one.instance_ids():
            left = engine.containers(f"sh.shithub.runner={name}")
            for container in left if failed else ():
                engine.api("DELETE", f"/containers/{container['Id']}?force=1")
            assert failed or left == [], "containers left behind"
        assert failed or one.left_over() == [], "workspaces left behind"


def kill(program):
    """The first signal drains, the second cancels, the third kills."""
    for patience in (1, 10, 5):
        if program.alive():
            program.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(patience)


@contextlib.contextmanager
def sleeping(**options):
    """A process that does nothing, and ends with the block."""
    with subprocess.Popen(["sleep", "infinity"], **options) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def joined(coordinator, runner):
    """joined(**flags): a runner registered with the coordinator."""
    numbers = itertools.count(1)

    def make(capacity=1, **flags):
        name = f"runner-{next(numbers)}"
        token = coordinator.register_runner(name, capacity=capacity)["token"]
        return runner(coordinator.base, token, capacity=str(capacity), **flags)
    return make


@pytest.fixture
def job(repository, coordinator, joined):
    """job(steps_yaml, **flags): runs one workflow with that job; the ended Job."""
    def make(steps, name="demo/sample", head="", files=None, secrets=None, message="Change files",
             **flags):
        repo = repository(name)
        for key, value in (secrets or {}).items():
            coordinator.admin("secret", "set", "--repo", name, "--name", key, stdin=value)
        text = workflow(steps, head)
        repo.commit({"README.md": "# sample\n", ".shithub/workflows/ci.yml": text, **(files or {})},
                    message)
        repo.push()
        one = joined(**flags)
        program = one.once()
        return Job(coordinator, coordinator.show(newest_run(coordinator)), program, one)
    return make


def workflow(steps, head=""):
    """A workflow with one job `main`; steps is the YAML of its steps, at any indentation."""
    lines = [line for line in steps.strip("\n").splitlines()]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    body = "\n".join("      " + line[margin:] for line in lines)
    return (f"name: CI\non:\n  push:\n    branches: [trunk]\n{head}jobs:\n  main:\n"
            f"    runs-on: ubuntu-latest\n    steps:\n{body}\n")


def figure(text):
    """Lines that tests/run.sh shows at its end, whether the test passes or fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / "figures.txt", "a") as figures:
        figures.write(text.rstrip("\n") + "\n")


def newest_run(coordinator):
    return max(run["id"] for run in coordinator.runs())


class Job:
    """The one job of a run, as the coordinator shows it."""

    def __init__(self, coordinator, run, program, runner):
        self.coordinator, self.run, self.program, self.runner = coordinator, run, program, runner
        self.row = run["jobs"][0]
        self.steps = self.row["steps"]

    @property
    def conclusion(self):
        return self.row["conclusion"]

    def log(self, index):
        return self.coordinator.step_log(self.row["id"], index)

    def text(self, index):
        return self.log(index).decode(errors="replace")

    def conclusions(self):
        return [step["conclusion"] for step in self.steps]
