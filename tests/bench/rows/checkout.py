"""Row 5: a checkout against git's commands for the same tree: time, requests, processor time of the client.

The checkout is a step of a job; its time is what the runner reports. Its processor time is the runner's
with all its children, less that of a job whose only step does nothing. Slow: through a proxy of our own that
keeps each direction of each connection 25 ms behind.
"""
import asyncio
import re
import resource
import shutil
import threading
import time

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


class Proxy:
    """A TCP proxy that delays; counts connections and requests."""

    def __init__(self, base, delay):
        self.target = base.removeprefix("http://").split(":")
        self.delay, self.requests, self.loop = delay, 0, asyncio.new_event_loop()
        self.ready, self.port = threading.Event(), None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        self.ready.wait()

    def serve(self):
        asyncio.set_event_loop(self.loop)

        async def begin():
            server = await asyncio.start_server(self.client, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self.ready.set()
        self.loop.run_until_complete(begin())
        self.loop.run_forever()

    async def client(self, reader, writer):
        there, back = await asyncio.open_connection(*self.target)
        await asyncio.gather(self.pipe(reader, back, True), self.pipe(there, writer, False))

    async def pipe(self, reader, writer, asks):
        queue = asyncio.Queue()
        sender = asyncio.ensure_future(self.send(queue, writer))
        while data := await reader.read(1 << 18):
            if asks:
                self.requests += len(re.findall(rb"(?:^|\r\n)(?:GET|POST) /", data))
            queue.put_nowait((self.loop.time() + self.delay, data))
        queue.put_nowait((self.loop.time() + self.delay, b""))
        await sender

    async def send(self, queue, writer):
        while True:
            due, data = await queue.get()
            if (left := due - self.loop.time()) > 0:
                await asyncio.sleep(left)
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


def files(count, size=40):
    return {f"dir{n % 97}/file{n}.txt": f"line {n}\n" * (size + n % 60) for n in range(count)}


TREES = {"1 file": lambda: {"README.md": "one\n"}, "1,000 files": lambda: files(1000),
         "20,000 files": lambda: files(20000, 10), "one of 64 MB": lambda: {"big": big(64 << 20)},
         "long history": lambda: files(1000)}


def big(size):
    return (b"".join(b"%d\n" % (n * 2654435761 % (1 << 32)) for n in range(200_000)) * 40)[:size]


class Subject:
    """A repository with a tree of files, and both ways to check it out."""

    def __init__(self, world, coordinator, pat, runner, name):
        self.world, self.coordinator, self.runner = world, coordinator, runner
        self.name = name
        self.repo = coordinator.repository("bench/" + re.sub(r"\W", "", name), pat)
        self.repo.commit({**TREES[name](), ".shithub/workflows/ci.yml": WORKFLOW + CHECKOUT})
        if name == "long history":
            for number in range(60):
                self.repo.commit({f"dir1/more{number}.txt": f"{number}\n" * 100})
        self.number = 0

    def run(self):
        self.number += 1
        self.repo.commit({"NUMBER": f"{self.number}\n"})
        before = self.runner.cpu()
        self.repo.push()
        job = self.coordinator.ended()["jobs"][0]
        if job["conclusion"] != "success":
            raise RuntimeError(f"{self.name}: {job}")
        self.runner.settle()
        return job["steps"][0], self.runner.cpu() - before

    def ours(self):
        step, spent = self.run()
        return {f"{self.name}: ours": [(when(step["completed_at"]) - when(step["started_at"])) * 1e3],
                f"{self.name}: our cpu": [max(spent - self.runner.nothing, 0.001) * 1e3]}

    def git(self, base=None, clone=False):
        """(ms, ms of processor)"""
        target = self.world.place("clone") / "tree"
        url = self.repo.url.replace(self.coordinator.base, base) if base else self.repo.url
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


def when(text):
    whole, fraction = re.fullmatch(r"(.*?)(\.\d+)?Z", text).groups()
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(fraction or 0)


class Hands:
    """The runner of a real coordinator, and what its processes took of a processor."""

    def __init__(self, world, coordinator, base=None):
        token = coordinator.register_runner(f"r{next(world.numbers)}")["token"]
        self.runner = driver.Runner(world.build, world.place("runner"), base or coordinator.base, token, world.image)
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
        repo.push()
        coordinator.ended()
        hands.settle()
        spent.append(hands.cpu() - before)
    return sorted(spent)[1]


def slow(world, coordinator, pat, table):
    proxy = Proxy(coordinator.base, 0.025)
    base = f"http://127.0.0.1:{proxy.port}"
    hands = Hands(world, coordinator)
    try:
        subject = Subject(world, coordinator, pat, hands, "1,000 files")
    finally:
        hands.stop()
    hands = Hands(world, coordinator, base)
    try:
        subject.runner = hands
        found = Rounds(least=3, most=4, seconds=20).gather(
            [lambda: {"slow: ours": subject.ours()["1,000 files: ours"]},
             lambda: {"slow: git": [subject.git(base)[0]]}], [("slow: ours", "slow: git")])
        before = proxy.requests
        subject.git(base)
        table.of(found, "ms")("1,000 files, 50 ms away", "slow: ours", "slow: git", against="git, the same way")
        table.note(f"requests of git's fetch: {proxy.requests - before}")
    finally:
        hands.stop()
        proxy.stop()


def measure(world, table):
    with world.coordinator() as coordinator:
        pat = coordinator.create_token()
        hands = Hands(world, coordinator)
        try:
            hands.nothing = nothing(world, coordinator, pat, hands)
            subjects = [Subject(world, coordinator, pat, hands, name) for name in TREES]
            found = Rounds(least=3, most=7, seconds=80).gather(
                [act for subject in subjects for act in (subject.ours, subject.theirs)],
                [(f"{name}: ours", f"{name}: git") for name in ("1,000 files", "20,000 files")])
        finally:
            hands.stop()
    row = table.of(found, "ms")
    ratios = {"1,000 files": 0.8, "20,000 files": 0.6}
    for name in TREES:
        row(f"checkout of {name}", f"{name}: ours", f"{name}: git", against="git init, fetch, checkout",
            ratio=ratios.get(name))
    for name in TREES:
        row(f"checkout of {name}, again", f"{name}: ours", f"{name}: clone", against="git clone --depth 1")
    for name in ("1,000 files", "20,000 files"):
        row(f"processor of the client, {name}", f"{name}: our cpu", f"{name}: git cpu", against="git's", ratio=0.7)
