"""The confinement of a step, seen from inside, with both transports."""
import json
import re

import pytest

import driver
from conftest import everyday, few

CGROUP = r"""
v1=/sys/fs/cgroup
first() { for f in "$@"; do [ -r "$f" ] && { cat "$f"; return; }; done; echo none; }
echo "pids=$(first $v1/pids/pids.max $v1/pids.max)"
echo "memory=$(first $v1/memory/memory.limit_in_bytes $v1/memory.max)"
echo "cpu=$(first $v1/cpu/cpu.cfs_quota_us $v1/cpu.max)"
"""
LOOK = r"""
set +e +o pipefail
id -u; id -g
grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp|Groups):' /proc/self/status
echo "nofile=$(ulimit -n) core=$(ulimit -c)"
echo "pwd=$PWD pid1=$(tr '\0' ' ' </proc/1/cmdline)"
touch /root-is-writable /var/root-is-writable 2>&1
touch /tmp/fine "$PWD/fine" && echo writable
find / -xdev -type s 2>/dev/null | sed 's/^/socket /'
ls -d /var/run/docker.sock /run/docker.sock /run/podman 2>/dev/null | sed 's/^/engine /'
find / -xdev -perm /6000 -type f -newer /etc/passwd 2>/dev/null | sed 's/^/setuid /'
ls -ld /dev/kmsg /dev/mem /dev/sda /dev/vda 2>/dev/null | sed 's/^/device /'
"""


def yaml(script, indent=0):
    pad = " " * indent
    body = "\n".join(pad + "    " + line for line in script.strip("\n").splitlines())
    return f"{pad}- run: |\n{body}\n"


@everyday
def test_confinement(job):
    done = job(yaml(LOOK + CGROUP))
    text = done.text(0)
    assert done.conclusion == "success", text
    lines = text.splitlines()
    assert lines[:2] == ["65534", "65534"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{name}:\t0000000000000000" in lines, f"{name} is not empty"
    assert "NoNewPrivs:\t1" in lines
    assert "Seccomp:\t2" in lines
    assert "nofile=4096 core=0" in lines
    assert text.count("Read-only file system") == 2, text
    assert "writable" in lines
    assert "pids=512" in lines
    assert f"memory={2 << 30}" in lines
    assert "cpu=200000" in lines or "cpu=200000 100000" in lines
    assert "pwd=/workspace" in text
    for found in ("socket ", "engine ", "setuid ", "device "):
        assert not [line for line in lines if line.startswith(found)], text


@few
def test_limits_bite(job):
    """That of memory is test_images.py::test_out_of_memory's."""
    many = job(yaml("""
        python3 - <<'END'
        import os, time
        children = 0
        try:
            while children < 1000:
                if os.fork() == 0:
                    time.sleep(300)
                    os._exit(0)
                children += 1
        except OSError as error:
            print(f"{children} children, then {error.strerror}")
        END
    """))
    assert many.conclusion == "success", "a fork storm ends with its step"
    told = re.search(r"^(\d+) children, then Resource temporarily unavailable$", many.text(0), re.M)
    assert told and 400 < int(told.group(1)) < 512, many.text(0)


@few
def test_denied_calls(job):
    done = job(yaml(r"""
        unshare -U true 2>&1 || echo "unshare denied"
        mount -t tmpfs none /mnt 2>&1 || echo "mount denied"
        python3 - <<'END'
        import socket
        for family in (40, 38, 17):
            try:
                socket.socket(family, socket.SOCK_DGRAM if family != 17 else socket.SOCK_RAW)
                print("opened", family)
            except OSError as error:
                print("closed", family)
        socket.socket(socket.AF_UNIX)
        END
        python3 -c 'import threading; t = threading.Thread(target=print, args=("thread",)); t.start()'
    """))
    text = done.text(0)
    assert done.conclusion == "success", text
    assert "unshare denied" in text and "mount denied" in text
    assert "opened" not in text and text.count("closed") == 3
    assert "thread" in text


def test_what_the_next_step_finds(job, isolation, transport):
    done = job(yaml("echo x >/tmp/mark; echo x >mark; (sleep 300 >/dev/null 2>&1 &)")
               + yaml("ls /tmp /workspace; ps -e -o comm="))
    assert done.conclusion == "success"
    text = done.text(1)
    assert "mark" in text.split("/workspace")[1], "the workspace stays"
    # attach has a fresh one for each step of a job too
    shared = isolation == "job" and transport == "gate"
    assert ("mark" in text.split("/workspace")[0]) == shared, "/tmp does not"
    assert ("sleep" in text) == shared, "nor do processes"


@few
def test_network(job, engine):
    closed = job(yaml("cat /proc/net/dev"), network="none")
    names = re.findall(r"^ *(\w+):", closed.text(0), re.M)
    assert names == ["lo"]
    bridged = job(yaml("cat /proc/net/dev; cat /etc/resolv.conf; cat /proc/net/route"),
                  name="demo/bridged")
    assert "eth0" in bridged.text(0)
    # Docker's embedded resolver asks ours, Podman names ours
    resolvers = {"docker": ["127.0.0.11"], "podman": [engine.dns]}[engine.name]
    assert re.findall(r"^nameserver (\S+)$", bridged.text(0), re.M) == resolvers


@pytest.mark.flavors("docker-gate-step", "podman-gate-job")
def test_engine_sees_no_script(coordinator, repository, joined, engine):
    """What the engine stores of a container holds neither script nor environment (gate)."""
    repo = repository()
    repo.commit({"README.md": "x\n", ".shithub/workflows/ci.yml": """
name: CI
on: push
env:
  PLAIN_VALUE: value-of-the-environment
jobs:
  main:
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo word-of-the-script "$PLAIN_VALUE" >started
          until [ -e go ]; do sleep 0.05; done
"""})
    repo.push()
    runner = joined(step_io="gate")
    program = runner.start("--once")
    started = driver.wait_for(lambda: next(runner.in_workspaces("*/*/workspace/started"), None), 60,
                              "the step")
    label = f"sh.shithub.runner={runner.instance_ids()[0]}"
    shown = [engine.api("GET", f"/containers/{one['Id']}/json")
             for one in engine.containers(label)]
    (started.parent / "go").touch()
    assert program.wait(60) == 0, program.log()
    text = json.dumps(shown)
    assert shown, "the containers carry the instance label"
    assert "word-of-the-script" not in text and "value-of-the-environment" not in text
    for one in shown:
        assert one["HostConfig"]["LogConfig"]["Type"] == "none"
        assert one["HostConfig"]["ReadonlyRootfs"] is True
        assert not [mount for mount in one["Mounts"] if "docker.sock" in mount["Source"]]
