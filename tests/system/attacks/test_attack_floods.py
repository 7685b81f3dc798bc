"""Exhausting the machine from a step: its step or job ends, neighbours do not notice."""
import pytest

import attack
import driver

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
    "one file": "head -c 300M /dev/zero >big; sleep 60",
    "many files": "for d in $(seq 27); do mkdir $d; (cd $d; seq 1000 | xargs touch); done\n"
                  "sleep 60",
    "a closed folder": "mkdir d; head -c 300M /dev/zero >d/big; chmod 0 d; sleep 60",
    "command files": 'head -c 300M /dev/zero >>"$SHITHUB_OUTPUT"; sleep 60',
    "after always": "trap '' TERM; head -c 300M /dev/zero >big; sleep 60",
}


@ONE_EACH
def test_workspace_limit(neighbours, limited):
    both = neighbours(config=limited("100m"))
    for name, text in FILLS.items():
        job = both.attack(text, "echo a later step")
        assert job.final == ("completed", "failure"), (name, job.log())
        assert b"[shithub] error: workspace limit 100m exceeded (" in job.log(), (name, job.log())
        assert b"a later step" not in job.log()
    both.unharmed()


@ONE_EACH
def test_within_the_workspace_limit(neighbours, limited):
    """A file with many names counts once, a hole not at all, what was removed no more."""
    both = neighbours(config=limited("100m"))
    job = both.attack("""
        head -c 60M /dev/zero >file; for i in $(seq 50); do ln file name$i; done
        truncate -s 100G sparse; sleep 3
        rm file name*; head -c 60M /dev/zero >other; sleep 3; echo fine
    """)
    assert job.final == ("completed", "success"), job.log()
    both.unharmed()


@ONE_EACH
def test_daemons_do_not_survive_their_job(neighbours, engine):
    """Whatever a step leaves running ends with its box, at the latest with the job."""
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
    driver.wait_for(lambda: not list(both.runner.workspaces.glob("*/102")), 60, "its clean-up")
    mine = f"sh.shithub.runner={both.runner.instance_ids()[0]}"
    labels = [one["Labels"]["sh.shithub.job"] for one in engine.containers(mine)]
    assert "102" not in labels and "101" in labels
    both.unharmed()
