"""What the attacks share: programs built on the host, scripts as steps, a job and its neighbour."""
import functools
import pathlib
import subprocess
import tempfile

import driver

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wno-missing-field-initializers",
         "-Werror", "-Os", "-static", "-s"]


@functools.lru_cache(maxsize=None)
def program(name, *arguments):
    """The bytes of attacks/<name>.c as a static program that runs in any image; given arguments,
    what it says to them on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / name
        subprocess.run(["musl-gcc", *FLAGS, "-o", out, HERE / f"{name}.c"], check=True)
        if not arguments:
            return out.read_bytes()
        return subprocess.run([out, *arguments], stdout=subprocess.PIPE, check=True).stdout.decode()


def script(text, **more):
    """One step of a workflow: its shell script and other keys (if_, shell, …)."""
    lines = [line for line in text.strip("\n").splitlines()]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    keys = "".join(f"  {key.rstrip('_')}: {value}\n" for key, value in more.items())
    return "- run: |\n" + "".join(f"    {line[margin:]}\n" for line in lines) + keys


class Neighbours:
    """A runner with two slots on the faulty coordinator: an attacker, a victim that runs beside it
    until the test lets it go, and a job that comes after both."""

    def __init__(self, faulty, runner, **flags):
        self.faulty, self.number = faulty, 100
        self.victim = self.offer(["echo begun; until [ -e go ]; do sleep 0.05; done; echo fine"])
        self.runner = runner(faulty.base, faulty.token, poll_interval="100ms", capacity="2",
                             **flags)
        self.program = self.runner.start()
        faulty.wait(lambda: b"begun" in self.victim.log(), 60, "the victim's step")

    def offer(self, scripts):
        self.number += 1
        return self.faulty.offer_job(self.number, steps=[{"run": text} for text in scripts])

    def attack(self, *scripts, timeout=120):
        """The attacker's job, ended; as recorded."""
        job = self.offer(scripts)
        self.faulty.wait_final(job, timeout)
        return job

    def unharmed(self):
        """The victim ends well, and so does a job that comes now."""
        after = self.offer(["echo still here"])
        assert self.faulty.wait_final(after, 120) == ("completed", "success"), self.program.log()
        where = driver.wait_for(lambda: next(self.runner.in_workspaces("*/101/workspace"), None), 30,
                                "the victim's workspace")
        (where / "go").touch()
        assert self.faulty.wait_final(self.victim, 120) == ("completed", "success")
        assert b"fine" in self.victim.log()
        assert self.program.alive(), self.program.log()
