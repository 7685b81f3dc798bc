"""Row 5: a checkout against git's commands for the same tree: time, requests, processor time of the client.

The checkout is a step of a job; its time is what the runner reports. Its processor time is the runner's
with all its children, less that of a job whose only step does nothing. A second coordinator is 50 ms away.
"""
import re
import resource
import shutil
import time

from distance import Distance
from rounds import Rounds
from world import children, cpu_seconds, driver

WORKFLOW = """name: CI
on: push
jobs:
  main:
    runs-on: ubuntu-latest
    steps:
"""
CHECKOUT, NOTHING = "      - uses: actions/checkout@v4\n", "      - run: ':'\n"


def files(count, size=40):
    return {f"dir{n % 97}/file{n}.txt": f"line {n}\n" * (size + n % 60) for n in range(count)}


TREES = {"1 file": lambda: {"README.md": "one\n"}, "1,000 files": lambda: files(1000),
         "20,000 files": lambda: files(20000, 10), "one of 16 MB": lambda: {"big": big(16 << 20)},
         "long history": lambda: files(1000)}
FAR, FAR_TREES = 0.05, ("1 file", "1,000 files")


def big(size):
    return (b"".join(b"%d\n" % (n * 2654435761 % (1 << 32)) for n in range(200_000)) * 10)[:size]


class Subject:
    """A repository with a tree of files, and both ways to check it out."""

    def __init__(self, world, coordinator, pat, runner, name, base=None):
        self.world, self.coordinator, self.runner = world, coordinator, runner
        self.name = name
        self.repo = coordinator.repository("bench/" + re.sub(r"\W", "", name), pat)
        self.url = self.repo.url.replace(coordinator.base, base or coordinator.base)
        self.repo.commit({**TREES[name](), ".shithub/workflows/ci.yml": WORKFLOW + CHECKOUT})
        if name == "long history":
            for number in range(60):
                self.repo.commit({f"dir1/more{number}.txt": f"{number}\n" * 100})
        self.number = 0

    def run(self):
        self.number += 1
        self.repo.commit({"NUMBER": f"{self.number}\n"})
        before = self.runner.cpu()
        job = ended_run(self.coordinator, self.repo)["jobs"][0]
        if job["conclusion"] != "success":
            raise RuntimeError(f"{self.name}: {job}")
        self.runner.settle()
        return job["steps"][0], self.runner.cpu() - before

    def ours(self):
        step, spent = self.run()
        return {f"{self.name}: ours": [(when(step["completed_at"]) - when(step["started_at"])) * 1e3],
                f"{self.name}: our cpu": [max(spent - self.runner.nothing, 0.001) * 1e3]}

    def git(self, clone=False):
        """(ms, ms of processor)"""
        target = self.world.place("clone") / "tree"
        url = self.url
        head = self.repo.git("rev-parse", "HEAD")
        words = ([["clone", "-q", "--depth", "1", url, target]] if clone else
                 [["init", "-q", target], ["-C", target, "fetch", "-q", "--depth=1", url, head],
                  ["-C", target, "checkout", "-q", "FETCH_HEAD"]])
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic_ns()
        for one in words:
            driver.run(["git", *one], env=self.repo.env)
        spent = (time.monotonic_ns() - start) / 1e6
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        shutil.rmtree(target)
        return spent, (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3

    def theirs(self):
        (spent, cpu), (clone, _) = self.git(), self.git(clone=True)
        return {f"{self.name}: git": [spent], f"{self.name}: git cpu": [cpu], f"{self.name}: clone": [clone]}


def ended_run(coordinator, repo):
    """Pushes; the run of that push when it has ended."""
    known = len(coordinator.runs())
    repo.push()
    driver.wait_for(lambda: len(coordinator.runs()) > known, 30, "a run of the push")
    return coordinator.ended()


def when(text):
    whole, fraction = re.fullmatch(r"(.*?)(\.\d+)?Z", text).groups()
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(fraction or 0)


class Hands:
    """The runner of a real coordinator, and what its processes took of a processor."""

    def __init__(self, world, coordinator, base=None):
        token = coordinator.register_runner(f"r{next(world.numbers)}")["token"]
        self.runner = driver.Runner(world.build, world.place("runner"), base or coordinator.base, token,
                                    world.image)
        self.program = self.runner.start()
        self.nothing = 0.0

    def cpu(self):
        return cpu_seconds(self.program.process.pid)

    def settle(self):
        """Until its children have been waited for: their time is the runner's then."""
        driver.wait_for(lambda: not children(self.program.process.pid), 30, "the end of the job's processes")

    def stop(self):
        self.runner.stop()


def nothing(world, coordinator, pat, hands):
    """Processor time of a job whose only step does nothing, of which three are asked."""
    repo = coordinator.repository("bench/nothing", pat)
    spent = []
    for number in range(3):
        repo.commit({".shithub/workflows/ci.yml": WORKFLOW + NOTHING, "NUMBER": f"{number}\n"})
        before = hands.cpu()
        ended_run(coordinator, repo)
        hands.settle()
        spent.append(hands.cpu() - before)
    return sorted(spent)[1]


def gather(world, coordinator, names, base=None, **limits):
    """What Rounds found of these trees; the subjects."""
    pat = coordinator.create_token()
    hands = Hands(world, coordinator, base)
    try:
        hands.nothing = nothing(world, coordinator, pat, hands)
        subjects = [Subject(world, coordinator, pat, hands, name, base) for name in names]
        return Rounds(**limits).gather(
            [act for subject in subjects for act in (subject.ours, subject.theirs)],
            [(f"{name}: ours", f"{name}: git") for name in names if "000" in name]), subjects
    finally:
        hands.stop()


def near(world, table):
    with world.coordinator() as coordinator:
        found, _ = gather(world, coordinator, TREES, least=3, most=6, seconds=50)
    row = table.of(found, "ms")
    ratios = {"1,000 files": 0.8, "20,000 files": 0.6}
    for name in TREES:
        row(f"checkout of {name}", f"{name}: ours", f"{name}: git", against="git init, fetch, checkout",
            ratio=ratios.get(name))
    for name in TREES:
        row(f"checkout of {name}, again", f"{name}: ours", f"{name}: clone", against="git clone --depth 1")
    # found holds "our cpu" too, but a fifth of what the wall time makes likely: some process is not counted
    table.note("The client's processor time is not shown, as not all of our processes are counted yet.")


def counted(distance, act):
    """Requests while act() runs: of git, and others than heartbeats."""
    distance.requests.clear()
    act()
    paths = distance.requests
    return (sum(count for path, count in paths.items() if ".git/" in path),
            sum(count for path, count in paths.items() if "/jobs/" in path))


def far(world, table):
    with Distance(FAR) as distance:
        with world.coordinator("--public-url", distance.base) as coordinator:
            host, port = coordinator.base.removeprefix("http://").split(":")
            distance.target = (host, int(port))
            found, subjects = gather(world, coordinator, FAR_TREES, distance.base, least=3, most=4, seconds=20)
            ours = counted(distance, lambda: again(world, coordinator, distance.base, subjects[-1]))
            theirs = counted(distance, subjects[-1].git)
    row = table.of(found, "ms")
    for name in FAR_TREES:
        row(f"checkout of {name}, {FAR * 1e3:g} ms away", f"{name}: ours", f"{name}: git",
            against="git init, fetch, checkout")
    table.figure("requests of a checkout", ours[0], "")
    table.figure("requests of git init, fetch, checkout", theirs[0], "")
    table.figure("requests of a job with a checkout alone", ours[1], "")


def again(world, coordinator, base, subject):
    """One more job, by a runner of its own."""
    subject.runner = Hands(world, coordinator, base)
    try:
        subject.run()
    finally:
        subject.runner.stop()


def measure(world, table):
    near(world, table)
    far(world, table)
