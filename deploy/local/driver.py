"""Drives a local shithubd and shithubd-runner: what make run and the system tests share.

Every object owns a folder for its data and logs, starts real programs and stops only what it
started. Nothing here sleeps a fixed time: wait_for polls a condition until it holds.
"""
import base64
import contextlib
import glob
import json
import os
import pathlib
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request

LABELS = "self-hosted,linux,ubuntu-latest,x64"


class CommandFailed(Exception):
    pass


def wait_for(condition, timeout=60.0, what="condition"):
    """The first true value of condition(); TimeoutError with its name after timeout seconds."""
    deadline = time.monotonic() + timeout
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def run(argv, stdin=None, env=None, cwd=None, timeout=120, check=True):
    """Runs a program to its end; the CompletedProcess, or CommandFailed with all it said."""
    done = subprocess.run([str(a) for a in argv], input=stdin, env=env, cwd=cwd, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if check and done.returncode != 0:
        raise CommandFailed(f"{' '.join(map(str, argv))}: exit {done.returncode}\n"
                            f"{done.stdout.decode(errors='replace')}"
                            f"{done.stderr.decode(errors='replace')}")
    return done


class Program:
    """A long-running program with its output in a log file."""

    started = []  # all of them, for tests that make sure that none is left

    def __init__(self, argv, log, env=None, cwd=None):
        self.log_path = pathlib.Path(log)
        self.argv = [str(a) for a in argv]
        with open(self.log_path, "ab") as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, env=env, cwd=cwd)
        self.started.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def alive(self):
        return self.process.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait(self, timeout=120):
        return self.process.wait(timeout)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=30):
        """SIGTERM, then SIGKILL; the exit code."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait(10)


class Answer:
    """One HTTP answer; errors are answers too."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def request(method, url, body=None, token=None, headers=None, timeout=60, ca=None):
    head = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        head.setdefault("Content-Type", "application/json")
    if token:
        head["Authorization"] = f"Bearer {token}"
    asked = urllib.request.Request(url, data=body, method=method, headers=head)
    trust = [urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca))] if ca else []
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *trust)
    try:
        with opener.open(asked, timeout=timeout) as got:
            return Answer(got.status, got.headers, got.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class Coordinator:
    """`shithubd serve` on a free loopback port with its own data folder. ca: file of the authority
    that its certificate is from, if it has one. As a context it serves, and has ended afterwards."""

    def __init__(self, build, folder, *flags, ca=None):
        self.flags, self.ca = flags, ca
        self.binary = pathlib.Path(build) / "shithubd"
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.ready = self.folder / "ready"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program = None
        self.base = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self, listen="127.0.0.1:0"):
        assert not (self.program and self.program.alive()), "it serves already"
        self.ready.unlink(missing_ok=True)
        self.program = Program([self.binary, "serve", "--data", self.data, "--listen", listen,
                                "--ready-file", self.ready, *self.flags], self.folder / "shithubd.log")
        try:
            wait_for(lambda: self.ready.exists() or not self.program.alive(), 30,
                     f"{self.ready} (log: {self.program.log_path})")
        except BaseException:  # a time limit of the caller's too
            self.program.stop()
            raise
        if not self.program.alive():
            raise CommandFailed(f"shithubd serve ended: {self.program.log()}")
        self.base = self.ready.read_text().strip()
        return self

    def stop(self):
        return self.program.stop() if self.program else 0

    def admin(self, *words, stdin=None, check=True):
        """The CompletedProcess of one admin verb on this data folder."""
        return run([self.binary, "admin", *words, "--data", self.data], stdin=stdin, check=check)

    def admin_json(self, *words, stdin=None):
        return json.loads(self.admin(*words, "--output", "json", stdin=stdin).stdout)

    def request(self, method, path, body=None, token=None, headers=None, timeout=60):
        return request(method, self.base + path, body, token, headers, timeout, self.ca)

    def register_runner(self, name, labels=LABELS, capacity=1):
        return self.admin_json("runner", "register", "--name", name, "--labels", labels,
                               "--capacity", str(capacity))

    def create_token(self, name="driver", scopes="repo:read,repo:write"):
        return self.admin_json("token", "create", "--name", name, "--scopes", scopes)["token"]

    def runs(self):
        return self.admin_json("run", "list")

    def show(self, run_id):
        return self.admin_json("run", "show", "--id", str(run_id))

    def ended(self, run_id=None, timeout=120):
        """Waits for the end of a run, the newest one if none is named; the run. One process waits:
        asking ten times a second would cost as much as a small job."""
        if run_id is None:
            run_id = max(run["id"] for run in self.runs())
        argv = [self.binary, "admin", "run", "watch", str(run_id), "--data", self.data]
        try:
            done = run(argv, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as late:
            told = (late.stdout or b"").decode(errors="replace")
            raise TimeoutError(f"waited {timeout:g} s for the end of run {run_id}:\n{told}") from None
        shown = self.show(run_id)
        assert shown["status"] in ("completed", "cancelled"), (shown, done.stderr)
        return shown

    def metric(self, name):
        """A sample without labels of its metrics page."""
        for line in self.request("GET", "/metrics").body.decode().splitlines():
            if line.startswith(f"shithub_actions_{name} "):
                return int(line.split()[1])
        raise KeyError(name)

    def step_log(self, job_id, index=None):
        words = ["run", "log", "--job", str(job_id)]
        return self.admin(*words, *([] if index is None else ["--step", str(index)])).stdout

    def repository(self, full_name, pat, private=False):
        self.admin_json("repo", "add", full_name, *([] if private else ["--public"]))
        return Repository(self, full_name, pat)


class Repository:
    """A repository of the coordinator and a clone of it to commit and push from."""

    def __init__(self, coordinator, full_name, pat):
        self.name = full_name
        self.url = f"{coordinator.base}/{full_name}.git"
        self.clone = coordinator.folder / "clones" / full_name
        self.clone.mkdir(parents=True)
        # The credential travels in the environment: an argument would show in ps.
        basic = base64.b64encode(f"driver:{pat}".encode()).decode()
        self.env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "http.extraHeader",
                    "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}"}
        if coordinator.ca:
            self.env["GIT_SSL_CAINFO"] = str(coordinator.ca)
        for who in ("AUTHOR", "COMMITTER"):
            self.env[f"GIT_{who}_NAME"] = "Sample Author"
            self.env[f"GIT_{who}_EMAIL"] = "author@example.test"
        self.git("init", "-q", "-b", "trunk")
        self.git("remote", "add", "origin", self.url)

    def git(self, *words, check=True):
        done = run(["git", *words], env=self.env, cwd=self.clone, check=check)
        return done.stdout.decode(errors="replace").strip()

    def commit(self, files, message="Change files"):
        """Writes {path: text or bytes} and commits; the commit id."""
        for path, content in files.items():
            target = self.clone / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, branch="trunk"):
        """What the coordinator said to it, a line each."""
        done = run(["git", "push", "-q", "origin", f"HEAD:refs/heads/{branch}"], env=self.env,
                   cwd=self.clone)
        said = done.stderr.decode(errors="replace").splitlines()
        return [line.removeprefix("remote: ").rstrip() for line in said
                if line.startswith("remote: ")]


class Runner:
    """shithubd-runner with its own state, workspaces, logs and temporary folder."""

    def __init__(self, build, folder, base, token, image, **flags):
        self.binary = pathlib.Path(build) / "shithubd-runner"
        self.folder = pathlib.Path(folder)
        self.workspaces = self.folder / "workspaces"
        self.state = self.folder / "state"
        for made in (self.folder, self.workspaces):
            made.mkdir(parents=True, exist_ok=True)
        self.flags = {"server-url": base, "token": token, "labels": LABELS,
                      "workspace-root": self.workspaces, "state-dir": self.state,
                      "network": "shithub-actions", "dns-servers": "172.30.0.1", "image": image,
                      "min-free": "0"}  # this machine may be nearly full
        self.flags.update({key.replace("_", "-"): value for key, value in flags.items()})
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith("SHITHUB_RUNNER_")}
        self.programs = []

    def argv(self, *words):
        flags = [part for key, value in self.flags.items() if value is not None
                 for part in (f"--{key}", value)]
        return [self.binary, "run", *flags, *words]

    def start(self, *words):
        log = self.folder / f"runner-{len(self.programs)}.log"
        program = Program(self.argv(*words), log, env=self.env, cwd=self.folder)
        self.programs.append(program)
        return program

    def once(self, timeout=180):
        """One job; the ended Program."""
        program = self.start("--once")
        try:
            program.wait(timeout)
        except subprocess.TimeoutExpired:
            program.stop()
            raise TimeoutError(f"run --once took over {timeout} s:\n{program.log()}") from None
        return program

    def stop(self):
        for program in self.programs:
            program.stop()

    def instance_ids(self):
        """The label value on everything this runner makes in the engine; empty before it ran."""
        with contextlib.suppress(FileNotFoundError):
            return [(self.state / "instance_id").read_text().strip()]
        return []

    def in_workspaces(self, pattern):
        """Paths of that form below the workspace root. pathlib's glob would fail when a folder goes
        away meanwhile, as folders of a working runner do."""
        found = glob.glob(pattern, root_dir=self.workspaces, include_hidden=True)
        return iter(sorted(self.workspaces / path for path in found))

    def left_over(self):
        """What a finished runner must not leave behind: workspaces of jobs."""
        return [str(path) for path in self.in_workspaces("*/*")]
