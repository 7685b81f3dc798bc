"""actions/checkout through the real coordinator, real git and the real engine."""
import http.server
import subprocess
import threading

import pytest

import driver
from conftest import Job, newest_run, offline, once, workflow

pytestmark = offline


def run_job(coordinator, repo, joined, steps, **flags):
    repo.commit({".shithub/workflows/ci.yml": workflow(steps)})
    repo.push()
    program = joined(**flags).once()
    return Job(coordinator, coordinator.show(newest_run(coordinator)), program, None)


@once
def test_refs_depth_tags_and_path(coordinator, repository, joined):
    repo = repository()
    first = repo.commit({"file": "one\n"})
    repo.push("side")
    repo.git("tag", "light")
    second = repo.commit({"file": "two\n"})
    repo.git("tag", "-am", "note", "heavy")
    repo.git("push", "-q", "origin", "light", "heavy")
    job = run_job(coordinator, repo, joined, f"""
    - uses: actions/checkout@v4
      id: own
      with: {{fetch-tags: true, show-progress: false, set-safe-directory: yes}}
    - uses: actions/checkout@v4
      with: {{ref: side, path: by/branch}}
    - uses: actions/checkout@v4
      with: {{ref: heavy, path: by/tag, token: "${{{{ secrets.GITHUB_TOKEN }}}}"}}
    - uses: actions/checkout@v4
      with: {{ref: refs/tags/light, path: by/ref, fetch-depth: 0}}
    - uses: actions/checkout@v4
      with: {{ref: {second}, path: by/id, repository: demo/sample, token: "${{{{ github.token }}}}"}}
    - run: |
        git tag | tr '\\n' ' '; git log --oneline | wc -l
        for d in branch tag ref id; do git -C by/$d rev-parse HEAD; cat by/$d/file; done
        git -C by/ref branch -r | tr -d '\\n'; git -C by/ref rev-parse --is-shallow-repository
    """)
    assert job.conclusions() == ["success"] * 6, [job.text(i) for i in range(6)]
    assert job.text(5).splitlines() == [
        "heavy light 1", first, "one", second, "two", first, "one", second, "two",
        "  origin/side  origin/trunkfalse"]
    assert f"HEAD is now at {second}" in job.text(2)


REFUSED = {
    "repository: demo/other": "expected the job's own: demo/sample",
    "ref: nowhere": "no such branch, tag or ref",
    "ref: -x": "checkout ref",
    "path: ../out": "expected a relative path inside the workspace",
    "path: a/.git": ".git is not a target",
    "fetch-depth: few": "fetch-depth: \"few\", expected a whole number from 0 to 100000",
    "clean: maybe": "\"maybe\" is not a boolean, expected true or false",
    "lfs: true": "Git LFS objects are not fetched",
    "persist-credentials: true": "the token is kept out of the workspace",
    "submodules: all": "expected true, false or recursive",
    "sparse-checkout: src": "sparse-checkout is not supported",
    "depth: 1": "input \"depth\" is not supported, expected one of repository, ref, path",
}


@once
def test_refused_inputs(job):
    steps = "".join(f"- uses: actions/checkout@v4\n  continue-on-error: true\n  with: {{{given}}}\n"
                    for given in REFUSED)
    done = job(steps + "- run: ls -A | grep -vx .git || true\n")
    assert done.conclusion == "success"
    for index, (given, said) in enumerate(REFUSED.items()):
        lines = done.text(index).splitlines()
        assert lines[-1].startswith("[shithub] error: ") and said in lines[-1], (given, lines)
        assert sum(line.startswith("[shithub] error") for line in lines) == 1
    assert done.text(len(REFUSED)) == "", "nothing was written"


@once
def test_clean(job):
    done = job("""
    - uses: actions/checkout@v4
    - run: |
        echo mine >mine; mkdir made; echo more >>README.md
    - uses: actions/checkout@v4
      with: {clean: false}
    - run: cat mine; git status --porcelain | sort; cat README.md
    - uses: actions/checkout@v4
    - run: ls -A
    """)
    assert done.conclusions() == ["success"] * 6
    assert done.text(3) == "mine\n?? mine\n# sample\n"
    assert done.text(5).split() == [".git", ".shithub", "README.md"]


def module(repo, path, url, name="mod"):
    """Makes a submodule entry without any git command that would fetch."""
    (repo.clone / ".gitmodules").write_text(
        f'[submodule "{name}"]\n\tpath = {path}\n\turl = {url}\n\tupdate = none\n')
    repo.git("add", ".gitmodules")


def link(repo, path, commit):
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    repo.git("commit", "-q", "-m", "Link")


@once
def test_submodules(coordinator, repository, joined):
    leaf, lib, top = (repository(f"demo/{name}") for name in ("leaf", "lib", "top"))
    leaf_id = leaf.commit({"leaf.txt": "leaf\n"})
    leaf.push()
    lib.commit({"lib.txt": "lib\n"})
    module(lib, "deep/leaf", leaf.url)
    link(lib, "deep/leaf", leaf_id)
    lib.push()
    top.commit({".shithub/workflows/ci.yml": workflow("""
    - uses: actions/checkout@v4
    - run: ls -A libs/lib
    - uses: actions/checkout@v4
      with: {submodules: true}
    - run: ls -A libs/lib libs/lib/deep/leaf
    - uses: actions/checkout@v4
      with: {submodules: recursive, path: again}
    - run: |
        cd again; cat libs/lib/lib.txt libs/lib/deep/leaf/leaf.txt; git status --porcelain
        git submodule status --recursive | cut -c1
    """)})
    module(top, "libs/lib", "../lib.git")
    link(top, "libs/lib", lib.git("rev-parse", "HEAD"))
    top.push()
    program = joined().once()
    job = Job(coordinator, coordinator.show(newest_run(coordinator)), program, None)
    assert job.conclusions() == ["success"] * 6, [job.text(i) for i in range(6)]
    assert job.text(1) == ""
    assert job.text(3).split() == ["libs/lib:", ".git", ".gitmodules", "deep", "lib.txt",
                                   "libs/lib/deep/leaf:"]
    assert job.text(5) == "lib\nleaf\n \n \n", "initialised, at the commits of the tree"


@pytest.mark.parametrize("url, said", [
    ("../hidden.git", "the job's token is valid only for its own repository"),
    ("https://elsewhere.example/x.git", "only repositories of the same server can be fetched"),
    ("../../../../x", "leaves the server"),
])
@once
def test_refused_submodules(coordinator, repository, joined, url, said):
    hidden, top = repository("demo/hidden", private=True), repository("demo/top")
    target = hidden.commit({"secret": "x\n"})
    hidden.push()
    top.commit({".shithub/workflows/ci.yml": workflow("""
    - uses: actions/checkout@v4
      with: {submodules: true}
    """)})
    module(top, "sub", url)
    link(top, "sub", target)
    top.push()
    program = joined().once()
    job = Job(coordinator, coordinator.show(newest_run(coordinator)), program, None)
    assert job.conclusions() == ["failure"]
    assert said in job.text(0).splitlines()[-1] and "submodule \"sub\"" in job.text(0)


class ShakyGit:
    """Serves one repository with real git, after some answers that are worth another try."""

    def __init__(self, path, failures, cut=False):
        shaky = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shaky.requests += 1
                if shaky.requests <= failures and not cut:
                    self.send_response(503)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                done = subprocess.run(["git", "upload-pack", "--stateless-rpc", path], input=body,
                                      stdout=subprocess.PIPE, check=False)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-git-upload-pack-result")
                self.send_header("Content-Length", str(len(done.stdout)))
                self.end_headers()
                if shaky.requests <= failures:
                    self.wfile.write(done.stdout[:-30])
                    self.close_connection = True
                    return
                self.wfile.write(done.stdout)

            def log_message(self, *_):
                pass

        self.requests = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/demo/sample.git"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def source(tmp_path):
    """A folder with one commit, and that commit."""
    env = ["-c", "user.name=A", "-c", "user.email=a@b"]
    driver.run(["git", "init", "-q", "-b", "trunk", tmp_path])
    (tmp_path / "file").write_text("content\n")
    driver.run(["git", "-C", tmp_path, "add", "."])
    driver.run(["git", "-C", tmp_path, *env, "commit", "-qm", "one"])
    head = driver.run(["git", "-C", tmp_path, "rev-parse", "HEAD"]).stdout.decode().strip()
    return tmp_path, head


@once
@pytest.mark.parametrize("failures, cut, conclusion", [(4, False, "success"), (2, True, "success"),
                                                       (3, True, "failure")])
def test_tries_again(faulty, runner, source, failures, cut, conclusion):
    """Without end while the server gives nothing; three times when it breaks off."""
    path, head = source
    shaky = ShakyGit(path, failures, cut)
    try:
        done = faulty.offer_job(7, checkout_url=shaky.url, head_sha=head, steps=[
            {"run": "", "uses": "actions/checkout@v4"}, {"run": "cat file"}])
        runner(faulty.base, faulty.token, checkout_origins=shaky.url).once()
        faulty.wait_final(done)
        assert done.final == ("completed", conclusion)
        log = done.log(700).decode()
        made = failures + (conclusion == "success")
        assert shaky.requests == made
        assert [f"; try {number} in " in log for number in range(2, made + 2)] == [
            *[True] * (made - 1), False], log
        assert done.log(701) == (b"content\n" if conclusion == "success" else b"")
    finally:
        shaky.stop()


@once
@pytest.mark.parametrize("origins, asked", [(None, False), ("http://127.0.0.1:1", False), ("", True)])
def test_checkout_stays_with_the_coordinator(faulty, runner, source, origins, asked):
    """The claim names the server; a coordinator that was taken over must not choose it."""
    path, head = source
    inside = ShakyGit(path, 0)
    flags = {} if origins is None else {"checkout_origins": origins or inside.url}
    try:
        done = faulty.offer_job(7, checkout_url=inside.url, head_sha=head, steps=[
            {"run": "", "uses": "actions/checkout@v4"}])
        runner(faulty.base, faulty.token, **flags).once()
        faulty.wait_final(done)
        log = done.log(700).decode()
        assert (inside.requests > 0) == asked, log
        assert done.final == ("completed", "success" if asked else "failure"), log
        assert asked or "neither that of server.base_url nor one of server.checkout_origins" in log
    finally:
        inside.stop()
