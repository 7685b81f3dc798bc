"""Malicious repositories, served by the real coordinator: a checkout writes nothing outside its
workspace, runs nothing on the host, and says what it did not like."""
import hashlib
import os
import subprocess
import zlib

import pytest

import attack
from conftest import Job, newest_run, offline, once, workflow

pytestmark = offline

class Evil:
    """Objects that git itself would not make, put straight into the coordinator's repository."""

    def __init__(self, coordinator, repo):
        found = [path for path in coordinator.data.rglob("*.git") if path.is_dir()]
        assert len(found) == 1, found
        self.git_dir, self.repo = found[0], repo

    def git(self, *words, stdin=None):
        done = subprocess.run(["git", "--git-dir", self.git_dir, *words], input=stdin, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.repo.env)
        return done.stdout.decode().strip()

    def put(self, kind, content):
        raw = b"%s %d\0" % (kind, len(content)) + content
        oid = hashlib.sha1(raw).hexdigest()
        path = self.git_dir / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(raw, 1))
        return oid

    def blob(self, content):
        return self.put(b"blob", content)

    def tree(self, *entries):
        """entries: (mode, name, id), in this order, unchecked."""
        return self.put(b"tree", b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid)
                                          for mode, name, oid in entries))

    def branch(self, name, tree):
        commit = self.git("commit-tree", tree, "-m", "Evil")
        self.git("update-ref", f"refs/heads/{name}", commit)


def hidden(name):
    """A folder that some file system takes for .git, with a hook and a configuration in it."""
    def make(evil, mark):
        script = evil.blob(f"#!/bin/sh\ntouch {mark}\n".encode())
        config = evil.blob(f"[core]\n\tfsmonitor = touch {mark}\n\thooksPath = hooks\n".encode())
        hooks = evil.tree(("100755", b"post-checkout", script))
        return evil.tree(("40000", name, evil.tree(("100644", b"config", config),
                                                   ("40000", b"hooks", hooks))))
    return make


def entry(name, mode="100644"):
    def make(evil, _mark):
        return evil.tree((mode, name, evil.blob(b"evil\n")))
    return make


def through_link(evil, mark):
    """A link to the outside and, under the same name, a folder with a file in it."""
    target = evil.blob(str(mark.parent).encode())
    inner = evil.tree(("100644", mark.name.encode(), evil.blob(b"evil\n")))
    return evil.tree(("120000", b"a", target), ("40000", b"a", inner))


def deep(evil, _mark):
    tree = evil.tree(("100644", b"f", evil.blob(b"x\n")))
    for _ in range(5000):
        tree = evil.tree(("40000", b"d", tree))
    return tree


def modules(url, path="sub"):
    def make(evil, mark):
        text = f'[submodule "m"]\n\tpath = {path}\n\turl = {url.replace("MARK", str(mark))}\n'
        return evil.tree(("100644", b".gitmodules", evil.blob(text.encode())),
                         ("160000", path.encode(), "12" * 20))
    return make


def wide(evil, _mark):
    """A tree of few objects that has 10^9 files."""
    tree = evil.tree(("100644", b"f", evil.blob(b"x\n")))
    for _ in range(9):
        tree = evil.tree(*[("40000", b"%d" % n, tree) for n in range(10)])
    return tree


TREES = {
    "dot git": hidden(b".git"),
    "DOT GIT": hidden(b".GIT"),
    "mixed case": hidden(b".gIt"),
    "short name": hidden(b"git~1"),
    "ignorable character": hidden(b".g\xe2\x80\x8cit"),
    "another ignorable": hidden(b".git\xe2\x80\x8d"),
    "stream name": hidden(b".git::$INDEX_ALLOCATION"),
    "trailing blanks": hidden(b".git . . "),
    "parent": entry(b".."),
    "path upwards": entry(b"../../escaped"),
    "absolute": entry(b"/tmp/escaped"),
    "path in a name": entry(b"a/b"),
    "empty name": entry(b""),
    "set-id mode": entry(b"setuid", "104755"),
    "device mode": entry(b"device", "60644"),
    "fifo mode": entry(b"fifo", "10644"),
    "through a link": through_link,
    "5000 levels": deep,
    "a thousand million files": wide,
}
MODULES = {
    "option as url": "--upload-pack=touch MARK",
    "ext transport": "ext::sh -c touch% MARK",
    "local file": "file:///etc",
    "local path": "/etc",
    "option in ssh host": "ssh://-oProxyCommand=touch%20MARK/x",
    "upwards": "../../../../etc",
}


@pytest.fixture
def check_out(coordinator, repository, joined, folder):
    """check_out({name: make}, inputs): one job that checks each tree out, then lists everything;
    nothing outside the workspace changed."""
    def run(makers, inputs=""):
        mark = folder / "mark" / "escaped"
        mark.parent.mkdir()
        mark.parent.chmod(0o777)
        steps = "".join(f"- uses: actions/checkout@v4\n  continue-on-error: true\n"
                        f"  with: {{path: out/{number}, ref: evil-{number}{inputs}}}\n"
                        for number in range(len(makers)))
        steps += attack.script("find . -type l -printf '%p -> %l\\n' -o -print | sort | cat -v\n"
                               "find . -perm /6000\n"
                               "cat out/*/host/host-secret out/*/passwd 2>/dev/null | sort -u || :")
        repo = repository()
        repo.commit({".shithub/workflows/ci.yml": workflow(steps)})
        repo.push()
        evil = Evil(coordinator, repo)
        for number, make in enumerate(makers.values()):
            evil.branch(f"evil-{number}", make(evil, mark))
        runner = joined()
        program = runner.once()
        job = Job(coordinator, coordinator.show(newest_run(coordinator)), program, runner)
        assert os.listdir(mark.parent) == [], "written or run on the host"
        assert not os.path.exists("/tmp/escaped")
        assert job.steps[-1]["conclusion"] == "success", job.text(len(makers))
        return job
    return run


@once
def test_evil_trees(check_out):
    job = check_out(TREES)
    for index, name in enumerate(TREES):
        assert "[shithub] error: " in job.text(index), (name, job.text(index))
    inside = job.text(len(TREES))
    for word in ("escaped", "post-checkout", "setuid", "device", "fifo"):
        assert word not in inside, inside


@once
def test_evil_submodules(check_out):
    trees = {name: modules(url) for name, url in MODULES.items()}
    trees["parent as path"] = modules("../sub.git", "../out-of-it")
    trees["git folder as path"] = modules("../sub.git", ".git/hooks")
    job = check_out(trees, ", submodules: true")
    for index, name in enumerate(trees):
        assert "[shithub] error: " in job.text(index), (name, job.text(index))
    assert "root:" not in job.text(len(trees))


def links(evil, mark):
    return evil.tree(("120000", b"host", evil.blob(str(mark.parent).encode())),
                     ("120000", b"passwd", evil.blob(b"/etc/passwd")),
                     ("120000", b"up", evil.blob(b"../../../../..")))


@once
def test_links_and_odd_names_stay_inside(check_out):
    """What Linux takes for an ordinary name is one; a link is written as a link, and who follows
    it does so in the container."""
    job = check_out({"links": links, "backslash": hidden(b"a\\..\\.git"),
                     "control characters": entry(b"a\x1b[31m\n")})
    inside = job.text(3)
    assert "./out/2/a^[[31m\n" in inside, (job.text(2), inside)
    assert "\x1b[31m" not in job.text(2)
    assert "./out/0/up -> ../../../../.." in inside, (job.text(0), inside)
    assert "./out/1/a\\..\\.git/config" in inside or "./out/1/a\\\\..\\\\.git/config" in inside
    assert "nobody:" in inside, "the container's own passwd"
