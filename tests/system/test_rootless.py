"""Steps of an ordinary user's Podman, and what it cannot enforce (docs/ENGINES.md)."""
import json
import re

import pytest

import driver
import rootless
from conftest import (TRANSPORTS, Engine, Job, early, end_runners, has_failed, newest_run,
                      workflow)

pytestmark = [early, pytest.mark.xdist_group("rootless")]
EACH_TRANSPORT = pytest.mark.parametrize("step_io", TRANSPORTS)


@pytest.fixture(scope="session")
def service():
    made = rootless.Service()
    yield made
    made.stop()


@pytest.fixture
def joined(request, service, engines, build, folder, coordinator):
    """joined(**flags): a registered rootless runner; checks that it leaves nothing."""
    made = []
    engine = engines.known.setdefault("rootless", Engine("podman", service.socket))
    image = engines.image("rootless")

    def make(**flags):
        token = coordinator.register_runner(f"rootless-{len(made)}")["token"]
        flags = {"network": None, "user": "auto", **flags}
        one = rootless.Runner(service, build, folder / f"runner-{len(made)}", coordinator.base,
                              token, image, engine_socket=service.socket, **flags)
        made.append(one)
        return one
    yield make
    end_runners(made, engine, has_failed(request))


@pytest.fixture
def job(repository, coordinator, joined):
    def make(steps, pids=None, **flags):
        repo = repository()
        repo.commit({"README.md": "# sample\n", "tool.sh": "#!/bin/sh\necho tool ran\n",
                     ".shithub/workflows/ci.yml": workflow(steps)})
        repo.push()
        one = joined(**flags)
        if pids:
            one.env["SHITHUB_RUNNER_ENGINE__PIDS_LIMIT"] = str(pids)
        program = one.once()
        return Job(coordinator, coordinator.show(newest_run(coordinator)), program, one)
    return make


@EACH_TRANSPORT
@pytest.mark.parametrize("isolation", ("step", "job"))
def test_steps(job, service, step_io, isolation):
    done = job("""
        - uses: actions/checkout@v4
        - id: a
          run: |
            id -u; id -g; sh tool.sh; touch made; git status --porcelain
            echo "out=put" >> "$GITHUB_OUTPUT"; echo "NAME=value" >> "$GITHUB_ENV"
        - run: echo "${{ steps.a.outputs.out }} $NAME"; stat -c %u made; exit 3
        - if: failure()
          uses: shithub/upload-artifact@v1
          with: {name: all, path: made}
        """, step_io=step_io, isolation=isolation)
    assert done.conclusions() == ["success", "success", "failure", "success"], [
        done.text(i) for i in range(4)] + [done.program.log()]
    own = str(service.who.pw_uid)
    assert done.text(1).splitlines() == [own, str(service.who.pw_gid), "tool ran", "?? made"]
    assert done.text(2).splitlines() == ["put value", own, "[shithub] exit code 3"]


def test_doctor(joined):
    """It judges a rootless engine by what such an engine can enforce, and names the rest."""
    one = joined()
    argv = one.argv("--output", "json")
    done = driver.run(["doctor" if word == "run" else word for word in argv], env=one.env,
                      check=False)
    rows = {row["name"]: row for row in json.loads(done.stdout)["checks"]}
    found = {name: row["verdict"] for name, row in rows.items()}
    assert done.returncode == 0, rows
    assert "(rootless)" in rows["engine"]["detail"]
    for name in ("container", "container-user", "container-files", "network", "egress-firewall",
                 "token-accepted"):
        assert found[name] == "pass", rows[name]
    assert found["step-user"] == found["capabilities"] == "warn"
    assert rows["network"]["detail"] == "steps have none"


LOOK = """
- run: |
    set +e
    grep -E '^(Cap(Prm|Eff|Bnd)|NoNewPrivs|Seccomp):' /proc/self/status
    cat /proc/self/uid_map
    grep -c : /proc/net/dev
    touch /usr/here 2>&1; touch /tmp/fine && echo writable
    unshare -U true 2>&1 || echo unshare denied
    stat -f -c 'tmp %b %S' /tmp
    [ -e /etc/resolv.conf ] || echo no resolver
"""


@EACH_TRANSPORT
def test_confinement(job, service, step_io):
    """Capabilities, seccomp, read-only root and sizes are as with root's Podman."""
    done = job(LOOK, step_io=step_io)
    lines = done.text(0).splitlines()
    for line in ("CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
                 "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "writable",
                 "unshare denied", "1"):
        assert line in lines, done.text(0)
    assert "Read-only file system" in done.text(0)
    maps = [line.split() for line in lines if re.fullmatch(r"\s*\d+\s+\d+\s+\d+", line)]
    first, start, _ = next(one for one in maps if int(one[0]) == service.who.pw_uid)
    assert (first, start) != ("0", "0"), "root of the container is not root of the host"
    blocks, size = map(int, re.search(r"^tmp (\d+) (\d+)$", done.text(0), re.M).groups())
    assert blocks * size == 1 << 30
    assert "no resolver" in lines


FORKS = """
- run: |
    python3 - <<'END'
    import os, time
    n = 0
    try:
        while n < 100:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            n += 1
    except OSError:
        pass
    print("children", n)
    END
"""


def test_limits_as_far_as_delegated(job, service):
    """The pids limit holds only where the user has a delegated control group."""
    info = Engine("podman", service.socket).api("GET", "/info")
    done = job(FORKS, pids=64)
    assert done.conclusion == "success", done.text(0)
    children = int(re.search(r"^children (\d+)$", done.text(0), re.M).group(1))
    delegated = info["CgroupVersion"] == "2" and info["PidsLimit"]
    assert (children < 64) == bool(delegated)


def test_network_is_none(job):
    done = job("- run: cut -d ':' -f 1 /proc/net/dev | tail -n +3")
    assert [line.strip() for line in done.text(0).splitlines()] == ["lo"]


@EACH_TRANSPORT
def test_cancel(repository, coordinator, joined, pat, step_io):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": workflow("""
        - run: trap '' TERM; touch ready; while :; do sleep 0.05; done
        - if: always()
          run: echo after
        """)})
    repo.push()
    one = joined(step_io=step_io)
    one.env["SHITHUB_RUNNER_STOP_GRACE"] = "500ms"
    program = one.start("--once")
    driver.wait_for(lambda: any(one.in_workspaces("*/*/workspace/ready")), 60, "the step")
    run = newest_run(coordinator)
    coordinator.admin("run", "cancel", "--id", str(run))
    assert program.wait(60) == 0
    assert coordinator.show(run)["jobs"][0]["conclusion"] == "cancelled"


def test_another_user_is_refused(joined):
    program = joined(user="65534:65534").once()
    assert program.process.returncode not in (0, None)
    assert 'set engine.user = "auto"' in program.log()
