"""Project quotas of workspaces, on ext4 and XFS. Few kernels that tests run on have them, so this
one is a process (user-mode-linux) whose root is the machine's own."""
import os
import pathlib
import subprocess

import pytest

import driver
import timed
from conftest import ROOT, early

KERNEL = 600  # seconds for both file systems; an ordinary machine needs a tenth
HERE = pathlib.Path(__file__).resolve().parent
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F", "-O", "quota,project", "-E", "quotatype=prjquota"],
        "xfs": ["mkfs.xfs", "-q", "-f"]}
INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs none /mnt
mkdir /mnt/ext4 /mnt/xfs
python3 {here}/quota_guest.py --modules /usr/lib/uml/modules/$(uname -r)/kernel/fs/quota
python3 {here}/quota_guest.py {build} /mnt/ext4 /dev/ubda ext4 2>&1
python3 {here}/quota_guest.py {build} /mnt/xfs /dev/ubdb xfs 2>&1
echo o >/proc/sysrq-trigger
sleep 60
"""


@pytest.fixture
def disks(folder):
    made = {}
    for kind, command in MAKE.items():
        made[kind] = folder / kind
        driver.run(["truncate", "-s", "400M", made[kind]])
        driver.run([*command, made[kind]])
    return made


@pytest.fixture
def plain(build, folder):
    """A build without sanitizers: their shadow memory does not fit into such a kernel."""
    if not timed.sanitized(build):
        return build
    made = folder / "plain"
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    driver.run(["make", "-j2", "-C", ROOT, "SAN=", f"B={made}", f"{made}/shithubd-runner"],
               env=env, timeout=400)
    return made


@pytest.fixture
def environment(folder):
    """Of the kernel: what it needs on a processor that has more registers than it knows."""
    made = folder / "uml_state.so"
    driver.run(["gcc", "-D_GNU_SOURCE", "-Wall", "-Werror", "-O2", "-shared", "-fPIC", "-o", made,
                HERE / "uml_state.c"])
    return {**os.environ, "LD_PRELOAD": str(made)}


@early
@pytest.mark.timeout(KERNEL + 420)  # and a build, if this one has sanitizers
def test_project_quotas_bound_a_workspace(plain, folder, disks, environment):
    """Bytes, entries and files deleted while open; who may set limits; what is said without one."""
    init = folder / "init"
    init.write_text(INIT.format(here=HERE, build=plain))
    init.chmod(0o755)
    kernel = ["linux.uml", "mem=512M", "root=/dev/root", "rootfstype=hostfs", "hostfs=/", "rw",
              f"init={init}", f"ubda={disks['ext4']}", f"ubdb={disks['xfs']}", f"uml_dir={folder}",
              "con=null", "con0=fd:0,fd:1", "quiet", "loglevel=0"]
    done = subprocess.run(kernel, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=KERNEL, text=True,
                          env=environment)
    for kind in MAKE:
        assert f"{kind} held" in done.stdout, done.stdout
