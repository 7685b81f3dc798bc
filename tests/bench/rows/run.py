"""From a clone to the end of two jobs: `make run` where the packages and the image's files are, nothing compiled yet."""
import os
import pathlib
import resource
import time

from world import driver

ROOT = pathlib.Path(__file__).resolve().parents[3]


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(world, table):
    clone = world.place("run") / "clone"
    driver.run(["git", "-c", "safe.directory=*", "clone", "-q", "--depth", "1", f"file://{ROOT}", clone])
    words = ["make", "-s", f"-j{len(os.sched_getaffinity(0))}"]
    env = {**os.environ, "CCACHE_DISABLE": "1"}
    before, start = children(), time.monotonic()
    driver.run([*words, "all"], cwd=clone, env=env, timeout=900)
    built = time.monotonic()
    driver.run([*words, "run"], cwd=clone, env=env, timeout=300)
    done = time.monotonic()
    table.figure("make run, from a clone", done - start, "s", target=15)
    table.figure("of this, its compilation", built - start, "s")
    table.figure("once it is compiled", done - built, "s")
    table.figure("processor time of all of it", children() - before, "s")
