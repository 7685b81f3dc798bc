"""A coordinator that notes when calls arrive and can be told to hang; finds the job process."""
import base64
import contextlib
import pathlib
import re
import threading
import time

import driver
from faulty import FaultyCoordinator

JOB = 3
STEP = JOB * 100


class TimedCoordinator(FaultyCoordinator):
    def __init__(self):
        super().__init__()
        self.arrivals = []  # (time of day in s, what, step id or None, body) of calls that counted
        self.hangs = []     # [pattern, event, how many more calls will hang]
        self.reached = 0    # calls that hang or hung

    def job_call(self, number, what, step, headers, body):
        now = time.time()
        with self.lock:
            before = len(self.jobs[number].calls) if number in self.jobs else 0
            answer = super().job_call(number, what, step, headers, body)
            if number in self.jobs and len(self.jobs[number].calls) > before:
                told = {"told": self.jobs[number].cancelled} if what == "cancel-check" else body
                self.arrivals.append((now, what, step or body.get("step_id"), told))
                self.lock.notify_all()
        return answer

    def hang(self, pattern, times=1):
        """Calls to such a path get no answer until release(), then they take effect."""
        entry = [re.compile(pattern), threading.Event(), times]
        with self.lock:
            self.hangs.append(entry)
        return entry[1]

    def refusal(self, path):
        with self.lock:
            mine = next((one for one in self.hangs if one[2] > 0 and one[0].search(path)), None)
            if mine:
                mine[2] -= 1
                self.reached += 1
                self.lock.notify_all()
        if mine:
            mine[1].wait(300)
        return super().refusal(path)

    def hung(self):
        """How many calls hang or hung."""
        return self.reached

    def stop(self):
        for _, event, _ in self.hangs:
            event.set()
        super().stop()

    def chunks(self, step=STEP):
        """(arrival, bytes) of each log call of a step that counted."""
        return [(when, base64.b64decode(body["chunk"]))
                for when, what, where, body in self.arrivals if what == "logs" and where == step]

    def first(self, what, step=None, **body):
        """When the first such call arrived; None: not yet."""
        return next((when for when, kind, where, sent in self.arrivals
                     if kind == what and where == step and body.items() <= sent.items()), None)


def job_pid(program):
    """The job process of a runner that runs one job."""
    task = pathlib.Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")

    def find():
        for pid in task.read_text().split():
            with contextlib.suppress(OSError):
                if b"job" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:3]:
                    return int(pid)
        return None
    return driver.wait_for(find, 30, "the job process")


def peak_mib(pid):
    """The most memory a process ever had resident."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M).group(1)) / 1024


def sanitized(build):
    """Is this a build with AddressSanitizer or ThreadSanitizer?"""
    code = (build / "shithubd-runner").read_bytes()
    return b"__asan_init" in code or b"__tsan_init" in code


def assert_bounded(pid, build, most=32):
    """The job process stays small; a sanitizer's shadow and quarantine have their own size."""
    peak, most = peak_mib(pid), 640 if sanitized(build) else most
    assert peak < most, f"{peak:.1f} MiB"


def workspace_file(runner, name, job=JOB, timeout=60):
    """Waits for a file that the step makes in its workspace."""
    return driver.wait_for(lambda: next(runner.in_workspaces(f"*/{job}/workspace/{name}"), None), timeout,
                           f"the step's file {name}")
