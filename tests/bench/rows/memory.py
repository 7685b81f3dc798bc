"""Row 7: memory, descriptors, sizes, and how soon a runner asks for its first job."""
import os
import pathlib
import shutil
import subprocess
import time

from rounds import Rounds
from world import children, driver, pss_kib


def sleeping(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return stat.rsplit(")", 1)[1].split()[0] == "S"


def idle(world):
    def measure():
        start = time.monotonic_ns()
        with world.bed() as bed:
            ready = bed.null.first_beat
            pid = bed.program.process.pid
            driver.wait_for(lambda: sleeping(pid), 10, "an idle runner")
            time.sleep(2)  # a runner's own pause before it gives memory back, and some
            return {"heartbeat": [(ready - start) / 1e6], "idle": [pss_kib(pid) / 1024],
                    "descriptors": [len(os.listdir(f"/proc/{pid}/fd"))]}
    return measure


def working(world):
    """A job that waits for a file in its workspace: what it holds meanwhile."""
    def measure():
        with world.bed(isolation="step") as bed:
            job = bed.null.offer([{"run": "echo here; sleep 2"}, {"run": ":"}])
            bed.null.wait(lambda: job.log_bytes, 60, "the first step's output")
            pids = children(bed.program.process.pid)
            held = sum(pss_kib(pid) for pid in pids) / 1024
            bed.null.finished(job)
            return {"job": [held], "processes": [len(pids)]}
    return measure


def parent(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rsplit(")", 1)[1].split()[1])


def containers(bed):
    """First processes of the runner's containers that are up."""
    label = f"label=sh.shithub.runner={bed.runner.instance_ids()[0]}"
    names = driver.run(["docker", "ps", "-q", "--filter", label]).stdout.decode().split()
    found = driver.run(["docker", "inspect", "-f", "{{.State.Pid}}", *names], check=False) if names else None
    return [int(pid) for pid in found.stdout.split() if pid != b"0"] if found else []


def prepared(world):
    """What two boxes that wait for their steps hold, the one of a step that waits, and the network's holder."""
    def measure():
        with world.bed(isolation="step") as bed:
            job = bed.null.offer([{"run": "touch here; until [ -e go ]; do sleep 0.1; done"}] + [{"run": ":"}] * 3)
            here = driver.wait_for(lambda: next(bed.runner.in_workspaces("*/*/workspace/here"), None), 60, "a step")
            pids = driver.wait_for(lambda: len(found := containers(bed)) == 4 and found, 30, "four containers")
            own = [pss_kib(pid) / 1024 for pid in pids]
            shims = [pss_kib(parent(pid)) / 1024 for pid in pids]
            (here.parent / "go").touch()
            bed.null.finished(job)
            return {"gate": [sorted(own)[1]], "shim": [sorted(shims)[1]]}
    return measure


def buildbot(world, table):
    program = shutil.which("buildbot-worker")
    if not program:
        table.note("buildbot-worker is not installed (deploy/local/deps.sh bench): not measured")
        return None
    folder = world.place("buildbot") / "worker"
    subprocess.run([program, "create-worker", folder, "127.0.0.1:9", "name", "password"], check=True,
                   stdout=subprocess.DEVNULL)

    def measure():
        worker = subprocess.Popen([program, "start", "--nodaemon", folder], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            log = folder / "twistd.log"
            driver.wait_for(lambda: log.exists() and b"Scheduling retry" in log.read_bytes(), 30,
                            "a worker that found nobody")
            return {"buildbot": [pss_kib(worker.pid) / 1024]}
        finally:
            worker.terminate()
            worker.wait()
            (folder / "twistd.log").unlink(missing_ok=True)
    return measure


def measure(world, table):
    theirs = buildbot(world, table)
    measures = [idle(world), working(world), prepared(world)] + ([theirs] if theirs else [])
    found = Rounds(least=3, most=5, seconds=35).gather(measures, [("idle", None)])
    size = table.of(found, "MiB")
    size("idle runner (PSS)", "idle", "buildbot" if theirs else None, against="buildbot-worker", value=4.5)
    size("processes of a job besides it (PSS)", "job")
    size("process in a prepared box (PSS)", "gate")
    size("the engine's process for a prepared box (PSS)", "shim")
    table.of(found, "")("processes of a job", "processes")
    table.of(found, "")("descriptors of an idle runner", "descriptors")
    table.of(found, "ms")("start of the process to its first heartbeat", "heartbeat", value=30)
    for name in ("shithubd-runner", "shithubd", "shithub-gate"):
        table.figure(f"size of {name}, stripped", stripped(world, name) / 1024, "KiB")


def stripped(world, name):
    copy = world.place("size") / name
    subprocess.run(["strip", "-o", copy, world.build / name], check=True)
    return copy.stat().st_size
