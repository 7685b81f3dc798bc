#!/usr/bin/env python3
"""bench.py BUILD FOLDER IMAGE: what a step, a job and a checkout cost, as ratios.

Each pair is measured in turns on the same machine, so that noise hits both; medians are printed.
The steps print the host's clock themselves: the gap from the end of one script to the start of the
next is everything a step costs besides its script.
"""
import os
import pathlib
import re
import shutil
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "deploy/local"), str(HERE.parent / "system")]

from driver import Coordinator, Runner, run, wait_for  # noqa: E402
from faulty import FaultyCoordinator  # noqa: E402

ROUNDS = 5
STAMP = "date +%s%N"


def flags(network):
    """The walls of a step as `docker run` spells them."""
    return ["--network", network, "--user", "65534:65534", "--read-only",
            "--tmpfs", "/tmp:rw,exec,nosuid,nodev,size=1g", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--pids-limit", "512", "--memory", "2g",
            "--memory-swap", "2g", "--cpus", "2", "--ulimit", "nofile=4096:4096",
            "--log-driver", "none"]


class Bench:
    def __init__(self, build, folder, image):
        self.build, self.folder, self.image = pathlib.Path(build), pathlib.Path(folder), image
        self.coordinator = Coordinator(build, self.folder / "coordinator").start()
        self.pat = self.coordinator.create_token()
        self.runners = {}
        for isolation in ("step", "job"):
            token = self.coordinator.register_runner(isolation)["token"]
            self.runners[isolation] = Runner(build, self.folder / isolation, self.coordinator.base,
                                             token, image, isolation=isolation)
        self.repositories = 0

    def stop(self):
        self.coordinator.stop()

    def job(self, isolation, scripts):
        """Runs one job of these scripts; their logs as text, and the job's row."""
        self.repositories += 1
        repo = self.coordinator.repository(f"bench/r{self.repositories}", self.pat)
        steps = "".join(f"      - run: {script}\n" for script in scripts)
        repo.commit({".shithub/workflows/ci.yml": "name: CI\non: push\njobs:\n  main:\n"
                     f"    runs-on: ubuntu-latest\n    steps:\n{steps}"})
        repo.push()
        return self.finish(self.runners[isolation], len(scripts))

    def finish(self, runner, steps):
        program = runner.once()
        shown = self.coordinator.show(max(one["id"] for one in self.coordinator.runs()))
        job = shown["jobs"][0]
        assert job["conclusion"] == "success", program.log()
        return [self.coordinator.step_log(job["id"], index).decode() for index in range(steps)]

    def docker(self, script):
        start = time.time_ns()
        run(["docker", "run", "--rm", *flags("shithub-actions"), "--entrypoint", "bash",
             self.image, "-c", script])
        return (time.time_ns() - start) / 1e6


def stamps(texts):
    """(start, end) of each step in ms, from the two stamps it printed."""
    found = [re.findall(r"^\d{19}$", text, re.M) for text in texts]
    return [(int(first) / 1e6, int(last) / 1e6) for first, last in found]


def gaps(times):
    return [after[0] - before[1] for before, after in zip(times, times[1:])]


def median(values):
    return statistics.median(values)


def row(name, ours, theirs, unit, target):
    ratio = ours / theirs
    mark = "ok" if ratio <= target else "MISSED"
    print(f"{name:<44} {ours:9.2f} {theirs:9.2f} {unit:<3} ratio {ratio:6.3f}  "
          f"target {target:<5} {mark}", flush=True)


def plain(name, value, unit, target):
    mark = "ok" if value <= target else "MISSED"
    print(f"{name:<44} {value:9.2f} {'':>9} {unit:<3} {'':>12}  target {target:<5} {mark}",
          flush=True)


def warm_step(bench):
    """Steps long enough for the next container to be ready when they end."""
    script = f"{STAMP}; sleep 0.6; {STAMP}"
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours += gaps(stamps(bench.job("step", [script] * 5)))
        theirs += [bench.docker(":") for _ in range(4)]
    row("warm step overhead / docker run", median(ours), median(theirs), "ms", 0.02)


def ten_steps(bench):
    script = f"{STAMP}; {STAMP}"
    ours, theirs = {"step": [], "job": []}, []
    for _ in range(ROUNDS):
        for isolation, times in ours.items():
            taken = stamps(bench.job(isolation, [script] * 10))
            # ten scripts have nine gaps between them; the tenth is reckoned like the others
            times.append((taken[-1][1] - taken[0][0]) * 10 / 9)
        theirs.append(sum(bench.docker(":") for _ in range(10)))
    for isolation, target in (("step", 0.2), ("job", 0.1)):
        row(f"10-step job, a container per {isolation} / 10 docker run", median(ours[isolation]),
            median(theirs), "ms", target)


def when(text):
    whole, fraction = re.fullmatch(r"(.*?)(\.\d+)?Z", text).groups()
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(fraction or 0)


def checkout(bench):
    repo = bench.coordinator.repository("bench/tree", bench.pat)
    files = {f"dir{n % 40}/file{n}.txt": (f"line {n}\n" * (40 + n % 300)) for n in range(1600)}
    files[".shithub/workflows/ci.yml"] = (
        "name: CI\non: push\njobs:\n  main:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v4\n")
    repo.commit(files)
    runner, ours, theirs = bench.runners["step"], [], []
    for number in range(ROUNDS):
        repo.commit({"README.md": f"{number}\n"})
        repo.push()
        bench.finish(runner, 1)
        shown = bench.coordinator.show(max(one["id"] for one in bench.coordinator.runs()))
        step = shown["jobs"][0]["steps"][0]
        ours.append((when(step["completed_at"]) - when(step["started_at"])) * 1000)
        theirs.append(git_clone(bench, repo, bench.folder / f"clone{number}"))
    row("checkout / git init, fetch --depth=1, checkout", median(ours), median(theirs), "ms", 0.8)


def git_clone(bench, repo, target):
    head = repo.git("rev-parse", "HEAD")
    start = time.monotonic()
    for words in (["init", "-q", target], ["-C", target, "fetch", "-q", "--depth=1", repo.url, head],
                  ["-C", target, "checkout", "-q", "FETCH_HEAD"]):
        run(["git", *words], env=repo.env)
    taken = (time.monotonic() - start) * 1000
    shutil.rmtree(target)
    return taken


def idle_and_start(bench):
    starts, sizes = [], []
    for number in range(ROUNDS):
        faulty = FaultyCoordinator()
        runner = Runner(bench.build, bench.folder / f"idle{number}", faulty.base, faulty.token,
                        bench.image)
        try:
            start = time.monotonic()
            program = runner.start()
            faulty.wait(lambda: faulty.heartbeats, 30, "the first heartbeat")
            starts.append((faulty.heartbeats[0][0] - start) * 1000)
            wait_for(lambda: sleeping(program.process.pid), 10, "an idle runner")
            sizes.append(pss_kib(program.process.pid) / 1024)
        finally:
            runner.stop()
            faulty.stop()
    plain("start of the process to its first heartbeat", median(starts), "ms", 30)
    plain("idle supervisor memory (PSS)", median(sizes), "MiB", 6)


def sleeping(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return stat.rsplit(")", 1)[1].split()[0] == "S"


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))


def main():
    bench = Bench(*sys.argv[1:4])
    try:
        print(f"{'measured in turns, medians of ' + str(ROUNDS) + ' rounds':<44} {'ours':>9} "
              f"{'theirs':>9}", flush=True)
        for measure in (warm_step, ten_steps, checkout, idle_and_start):
            measure(bench)
    finally:
        bench.stop()


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main()
