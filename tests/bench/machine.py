"""What a figure depends on besides the code: facts of this machine."""
import os
import pathlib
import platform
import re
import subprocess


def line(*argv):
    """The first line that a program says; empty when it is not here."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.*)", text, re.M)
    return found.group(1) if found else platform.machine()


def facts():
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {"kernel": platform.release(), "processor": processor(), "processors": len(os.sched_getaffinity(0)),
            "memory_mib": int(memory.group(1)) // 1024, "docker": line("dockerd", "--version"),
            "podman": line("podman", "--version"), "git": line("git", "--version"),
            "compiler": line("gcc", "--version")}


def load():
    return [round(one, 2) for one in os.getloadavg()]
