"""What the rows share: engines, runners that stay up for many jobs, and what they are compared with."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "deploy/local"), str(HERE.parent / "system")]

import driver  # noqa: E402
from faulty import TOKEN  # noqa: E402
from null import NullCoordinator  # noqa: E402

STAMP = "date +%s%N"


def walls(network):
    """The confinement of a step as `docker run` spells it."""
    return ["--network", network, "--user", "65534:65534", "--read-only",
            "--tmpfs", "/tmp:rw,exec,nosuid,nodev,size=1g", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--pids-limit", "512", "--memory", "2g",
            "--memory-swap", "2g", "--cpus", "2", "--ulimit", "nofile=4096:4096",
            "--log-driver", "none"]


class Bed:
    """A null coordinator and a runner that runs while the context lasts."""

    def __init__(self, world, env=(), **flags):
        self.null = NullCoordinator()
        self.runner = driver.Runner(world.build, world.place("runner"), self.null.base, TOKEN,
                                    world.image, **flags)
        self.runner.env.update(env)
        self.program = None

    def __enter__(self):
        self.null.__enter__()
        self.program = self.runner.start()
        driver.wait_for(lambda: self.null.beats or not self.program.alive(), 60, "the first heartbeat")
        if not self.program.alive():
            raise RuntimeError(self.program.log())
        return self

    def __exit__(self, *_):
        self.runner.stop()
        self.null.__exit__()

    def job(self, scripts, **changes):
        """One job to its end: its Job, and of each step what it printed."""
        job = self.null.finished(self.null.offer([{"run": script} for script in scripts], **changes))
        number = max(self.null.jobs)
        return job, [job.text(number * 100 + index).decode(errors="replace") for index in range(len(scripts))]

    def jobs(self, count, scripts):
        """That many jobs at once, to the end of the last one."""
        offered = [self.null.offer([{"run": script} for script in scripts]) for _ in range(count)]
        return [self.null.finished(job) for job in offered]

    def cpu(self):
        """Seconds of the runner and of its children that have ended."""
        return cpu_seconds(self.program.process.pid)

    def settle(self):
        """Until its children have been waited for: their time is the runner's then."""
        driver.wait_for(lambda: not children(self.program.process.pid), 30, "the end of the job's processes")


class World:
    """Everything it starts ends with it. The engines are at DOCKER_HOST and, if set, CONTAINER_HOST."""

    def __init__(self, build, folder, image):
        self.build, self.folder, self.image = pathlib.Path(build), pathlib.Path(folder), image
        self.engine = os.environ["DOCKER_HOST"].removeprefix("unix://")
        self.podman = os.environ.get("CONTAINER_HOST", "").removeprefix("unix://")
        self.numbers = iter(range(1, 1 << 30))

    def place(self, name):
        made = self.folder / f"{name}{os.getpid()}-{next(self.numbers)}"
        made.mkdir(mode=0o711)
        return made

    def coordinator(self, *flags):
        """A `shithubd serve` of its own, as a context."""
        return driver.Coordinator(self.build, self.place("coordinator"), *flags)

    def bed(self, env=(), **flags):
        return Bed(self, env, **flags)

    def bed_podman(self, **flags):
        return Bed(self, engine_socket=self.podman, engine="podman", **flags)

    def docker_run(self, script=":", network="shithub-actions"):
        """Milliseconds of one `docker run` with a step's confinement."""
        return took(["docker", "run", "--rm", *walls(network), "--entrypoint", "bash", self.image, "-c", script])

    def podman_run(self):
        return took(["podman", "--remote", "--url", f"unix://{self.podman}", "run", "--rm",
                     *walls("shithub-actions"), "--ulimit", "nproc=1024:1024", "--entrypoint", "bash",
                     self.image, "-c", ":"])

    @contextlib.contextmanager
    def holder(self, network="shithub-actions"):
        """The id of a container that waits, confined as a step's."""
        made = driver.run(["docker", "run", "-d", "--rm", *walls(network), "--entrypoint", "sleep",
                           self.image, "3600"]).stdout.decode().strip()
        try:
            yield made
        finally:
            driver.run(["docker", "rm", "-f", made])


class Engine(http.client.HTTPConnection):
    """One kept connection to the engine at a socket."""

    def __init__(self, path):
        super().__init__("engine", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def call(self, method, path, body=None):
        self.request(method, path, json.dumps(body) if body is not None else None,
                     {"Content-Type": "application/json"})
        with self.getresponse() as answer:
            said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {said!r}")
        return said

    def run(self, image, holder):
        """Milliseconds of a container with nothing but what it takes, in the holder's network."""
        start = time.monotonic_ns()
        made = json.loads(self.call("POST", "/containers/create", {
            "Image": image, "Cmd": ["bash", "-c", ":"], "User": "65534:65534",
            "HostConfig": {"NetworkMode": f"container:{holder}", "LogConfig": {"Type": "none"}}}))["Id"]
        self.call("POST", f"/containers/{made}/start")
        self.call("POST", f"/containers/{made}/wait")
        spent = (time.monotonic_ns() - start) / 1e6
        self.call("DELETE", f"/containers/{made}?force=1")
        return spent


def took(argv, **options):
    """Milliseconds that a program takes."""
    start = time.monotonic_ns()
    driver.run(argv, **options)
    return (time.monotonic_ns() - start) / 1e6


def stamps(texts):
    """(start, end) of each step in ms, from the two stamps that it printed."""
    found = [re.findall(r"^\d{19}$", text, re.M) for text in texts]
    return [(int(one[0]) / 1e6, int(one[-1]) / 1e6) for one in found]


def gaps(times):
    """From the end of each script to the beginning of the next."""
    return [after[0] - before[1] for before, after in zip(times, times[1:])]


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(one) for one in listed.stdout.split()]


def cpu_seconds(pid):
    """User and system time of a process and of its children that ended and were waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
