"""Exhausting the machine from a step: its step or job ends, neighbours do not notice."""
import threading

import pytest

import attack
import driver
from conftest import early, offline, once

pytestmark = offline

ONE_EACH = pytest.mark.flavors("docker-gate-step", "podman-gate-job")


@pytest.fixture
def neighbours(faulty, runner):
    return lambda **flags: attack.Neighbours(faulty, runner, **flags)


@pytest.fixture
def limited(folder):
    """limited("100m"): a configuration file with that workspace limit."""
    def make(limit):
        path = folder / "limited.toml"
        path.write_text(f'[runner]\nworkspace_limit = "{limit}"\n')
        return path
    return make


FORKS = """
import os, time
made = 0
try:
    while made < 5000:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        made += 1
except OSError as error:
    print("stopped after", made, error.errno)
"""
BOMBS = {
    "forks": f"python3 - <<'END'{FORKS}END\n",
    "forks that fork": "b() { b | b & }; b; sleep 3; true",
    "memory": "python3 -c 'b = bytearray(1 << 40)' 2>/dev/null || echo refused\n"
              "python3 -c 'b = [bytearray(b\"x\" * (1 << 26)) for _ in range(64)]' || echo killed",
    "descriptors": "python3 -c '\nimport os\ntry:\n  while True: os.open(\"/\", 0)\n"
                   "except OSError as e: print(\"stopped\", e.errno)'",
    "tmp": "head -c 4G /dev/zero >/tmp/fill || echo full",
    "tmp inodes": "python3 -c '\ntry:\n"
                  "  for n in range(3000000): open(f\"/tmp/{n}\", \"w\").close()\n"
                  "except OSError as e: print(\"stopped\", e.errno)' || echo killed",
    "shared memory": "head -c 4G /dev/zero >/dev/shm/fill || echo full",
    "threads": "python3 -c '\nimport threading, time\ntry:\n  for n in range(5000): "
               "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
               "except RuntimeError: print(\"stopped\", flush=True)\nimport os; os._exit(0)'",
    "log": "head -c 100M /dev/zero | tr '\\0' x; yes | head -c 50M",
}


@early
@pytest.mark.timeout(600)
@ONE_EACH
def test_bombs(neighbours):
    both = neighbours(memory="128m")
    jobs = {name: both.attack(text) for name, text in BOMBS.items()}
    both.unharmed()
    for name, job in jobs.items():
        assert job.final[0] == "completed", (name, job.log()[-300:])
    for name in ("forks", "descriptors", "threads"):
        assert b"stopped" in jobs[name].log(), (name, jobs[name].log()[-300:])
    for name in ("tmp", "shared memory"):
        assert b"full" in jobs[name].log() or jobs[name].final[1] == "failure", name
    assert b"killed" in jobs["memory"].log() or jobs["memory"].final[1] == "failure"
    log = jobs["log"].log()
    assert len(log) < 11 << 20 and b"[shithub] log truncated" in log


FILLS = {
    "one file": "head -c 120M /dev/zero >big; sleep 60",
    "many files": "for d in $(seq 11); do mkdir $d; (cd $d; seq 1000 | xargs touch); done\n"
                  "sleep 60",
    "a closed folder": "mkdir d; head -c 120M /dev/zero >d/big; chmod 0 d; sleep 60",
    "command files": 'head -c 120M /dev/zero >>"$SHITHUB_OUTPUT"; sleep 60',
    "after always": "trap '' TERM; head -c 120M /dev/zero >big; sleep 60",
}


@early
@pytest.mark.timeout(420)
@ONE_EACH
def test_workspace_limit(neighbours, limited):
    both = neighbours(config=limited("40m"))
    for name, text in FILLS.items():
        job = both.attack(text, "echo a later step")
        assert job.final == ("completed", "failure"), (name, job.log())
        assert b"[shithub] error: workspace limit 40m exceeded (" in job.log(), (name, job.log())
        assert b"a later step" not in job.log()
    both.unharmed()


PAST_THE_WALKER = """
import ctypes, os, select, time
libc = ctypes.CDLL(None)
for number in range(8000):
    os.mkdir(f"d{number}")
names = [entry.name for entry in os.scandir(".") if entry.is_dir()]
first, last = names[0], names[-1]  # a walk comes to the last one after all others
os.mkdir(last + "/big")
watch = libc.inotify_init()
libc.inotify_add_watch(watch, first.encode(), 0x20)
if os.fork() == 0:
    while True:
        os.read(watch, 65536)
        os.rename(last + "/big", first + "/big")
        while select.select([watch], [], [], 0.3)[0]:
            os.read(watch, 65536)
        os.rename(first + "/big", last + "/big")
with open(last + "/big/file", "wb") as file, open("written", "wb", 0) as written:
    for number in range(60):
        written.write(b"x")
        file.write(b"x" * (5 << 20))
        file.flush()
        time.sleep(0.1)
    time.sleep(30)
"""


@pytest.fixture
def hide(folder):
    """hide(runner) deletes as much as a job says that it wrote: the disk never grows."""
    ballast = [folder / f"ballast{number}" for number in range(60)]
    for one in ballast:
        driver.run(["fallocate", "-l", "5M", one])
    over, threads = threading.Event(), []

    def delete(runner):
        while ballast and not over.wait(0.02):
            for written in runner.in_workspaces("*/*/workspace/written"):
                while ballast and written.stat().st_size > 60 - len(ballast):
                    ballast.pop().unlink()

    def start(runner):
        threads.append(threading.Thread(target=delete, args=[runner]))
        threads[0].start()
    yield start
    over.set()
    for thread in threads:
        thread.join()


@once
def test_workspace_limit_past_the_walker(neighbours, limited, hide):
    """A step that sees the walker and moves its big folder to where that was already, while others
    on the disk delete what would give it away."""
    both = neighbours(config=limited("100m"))
    hide(both.runner)
    job = both.attack(f"cat >dodge.py <<'END'{PAST_THE_WALKER}END\npython3 dodge.py\necho over")
    log = job.log()
    assert job.final == ("completed", "failure"), (job.final, log)
    assert b"[shithub] error: workspace limit 100m exceeded (" in log, log
    both.unharmed()


@ONE_EACH
def test_growth_of_others_ends_no_step(neighbours, limited, folder):
    """The step is paused for a walk and goes on; what others write on the disk is not its own."""
    both = neighbours(config=limited("40m"))
    write = threading.Thread(target=lambda: driver.run(
        ["dd", "if=/dev/zero", f"of={folder}/others", "bs=1M", "count=160"]))
    write.start()
    job = both.attack("for i in $(seq 60); do echo $i >>file; sleep 0.1; done; echo fine")
    write.join()
    assert job.final == ("completed", "success") and b"fine" in job.log(), job.log()
    both.unharmed()


@early
@ONE_EACH
def test_a_step_is_paused_now_and_then(neighbours, limited, engine):
    """Either engine pauses it for a walk, for no other reason than time, and it goes on."""
    both = neighbours(config=limited("1g"))
    job = both.offer(["mkdir d; (cd d; seq 30000 | xargs touch); touch made\n"
                      "until [ -e go ]; do sleep 0.05; done; echo fine"])
    driver.wait_for(lambda: list(both.runner.in_workspaces("*/102/workspace/made")), 60, "files")
    mine = f"sh.shithub.runner={both.runner.instance_ids()[0]}"
    driver.wait_for(lambda: any(one["State"] == "paused" and one["Labels"]["sh.shithub.job"] == "102"
                                for one in engine.containers(mine)), 120, "a paused step")
    next(both.runner.in_workspaces("*/102/workspace")).joinpath("go").touch()
    assert both.faulty.wait_final(job, 120) == ("completed", "success"), job.log()
    assert b"fine" in job.log()
    both.unharmed()


@ONE_EACH
def test_within_the_workspace_limit(neighbours, limited):
    """A file with many names counts once. Holes and removed files do not count."""
    both = neighbours(config=limited("40m"))
    job = both.attack("""
        head -c 25M /dev/zero >file; for i in $(seq 50); do ln file name$i; done
        truncate -s 100G sparse; sleep 3
        rm file name*; head -c 25M /dev/zero >other; sleep 3; echo fine
    """)
    assert job.final == ("completed", "success"), job.log()
    both.unharmed()


@ONE_EACH
def test_daemons_do_not_survive_their_job(neighbours, engine):
    """What a step leaves running ends with its box, and at the latest with the job."""
    both = neighbours()
    job = both.attack("""
        for i in 1 2 3; do
            setsid bash -c 'trap "" TERM HUP INT
                while :; do echo x >>/workspace/alive; sleep 0.05; done' \\
                >/dev/null 2>&1 </dev/null &
        done
        until [ -s /workspace/alive ]; do sleep 0.05; done
    """)
    assert job.final == ("completed", "success"), job.log()
    driver.wait_for(lambda: not list(both.runner.in_workspaces("*/102")), 60, "its clean-up")
    mine = f"sh.shithub.runner={both.runner.instance_ids()[0]}"
    labels = [one["Labels"]["sh.shithub.job"] for one in engine.containers(mine)]
    assert "102" not in labels and "101" in labels
    both.unharmed()
