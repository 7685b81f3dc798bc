"""`shithubd-runner exec`: workflows on this machine, without a coordinator."""
import json
import os
import pty
import re
import signal
import stat
import subprocess
import urllib.parse

import pytest

import driver
from conftest import everyday, few, once, workflow as steps


class Local:
    """A repository with workflows, and exec in it with a state folder of its own."""

    def __init__(self, build, folder, image, engine, flavor, network="none"):
        """network: of a run that names none, as most need none; None: the program's default."""
        self.binary, self.image, self.engine = build / "shithubd-runner", image, engine
        self.network = network
        self.flavor = flavor
        self.root = folder / "repo"
        self.state = folder / "state"
        self.log = folder / "exec.log"
        self.children = []
        self.root.mkdir()
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith("SHITHUB_RUNNER_")}
        self.env |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
                     "XDG_STATE_HOME": str(folder / "xdg")}
        for who in ("AUTHOR", "COMMITTER"):
            self.env[f"GIT_{who}_NAME"] = "Sample Author"
            self.env[f"GIT_{who}_EMAIL"] = "author@example.test"
        self.git("init", "-q", "-b", "trunk")

    def git(self, *words):
        return driver.run(["git", *words], env=self.env, cwd=self.root).stdout.decode().strip()

    def write(self, files):
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)

    def commit(self, files):
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "Change files")
        return self.git("rev-parse", "HEAD")

    def workflow(self, text, name="ci.yml"):
        return self.commit({f".shithub/workflows/{name}": text})

    def argv(self, *words, **flags):
        given = {"state-dir": self.state, "workspace-root": self.state / "workspaces",
                 "engine-socket": self.engine.socket, "dns-servers": self.engine.dns,
                 "step-io": self.flavor.step_io, "isolation": self.flavor.isolation,
                 "image": self.image, "network": self.network}
        given |= {key.replace("_", "-"): value for key, value in flags.items()}
        return [str(part) for part in (self.binary, "exec", *words)] + [
            f"--{key}={value}" for key, value in given.items() if value is not None]

    def run(self, *words, env=None, cwd=None, **flags):
        done = subprocess.run(self.argv(*words, **flags), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180,
                              env={**self.env, **(env or {})}, cwd=cwd or self.root)
        done.text, done.errors = done.stdout.decode(), done.stderr.decode()
        with open(self.log, "a") as log:
            log.write(done.text + done.errors)
        return done

    def start(self, *words, stdout=None, **flags):
        """exec in the background, its output in self.log."""
        with open(self.log, "ab") as out:
            self.children.append(subprocess.Popen(self.argv(*words, **flags), stdin=subprocess.DEVNULL,
                                                  stdout=stdout or out, stderr=out, env=self.env,
                                                  cwd=self.root))
        return self.children[-1]

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def clean(self):
        left = [str(path) for path in (self.state / "workspaces").glob("*/*")]
        assert left == [], "workspaces left behind"
        name = (self.state / "instance_id").read_text().strip()
        assert self.engine.containers(f"sh.shithub.runner={name}") == [], "containers left behind"


    def close(self):
        """Ends the runs that a failed test left, and removes their containers."""
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        for path in (self.state / "instance_id", *self.state.parent.glob("xdg/*/exec/*/instance_id")):
            if path.exists():
                for left in self.engine.containers(f"sh.shithub.runner={path.read_text().strip()}"):
                    self.engine.api("DELETE", f"/containers/{left['Id']}?force=1")


@pytest.fixture
def local(build, folder, image, engine, flavor):
    made = Local(build, folder, image, engine, flavor)
    yield made
    made.close()


@once
def test_step_names_are_rendered_and_masked(local):
    local.workflow(steps("""
        - name: Build ${{ env.WHAT }} with ${{ secrets.KEY }}
          run: true
        - name: Wrong ${{ fromJSON('{') }}
          if: always()
          run: true
        """, head="env:\n  WHAT: library\n"))
    done = local.run("--secret", "KEY=the-key-itself")
    names = [line for line in done.text.splitlines() if line.startswith("▶")]
    assert names == ["▶ Build library with ***", "▶ Wrong ${{ fromJSON('{') }}"], done.text


@once
def test_artifacts_pass_from_job_to_job(local, folder):
    local.workflow("""
        on: push
        jobs:
          build:
            runs-on: ubuntu-latest
            steps:
              - run: mkdir -p out/deep && echo built > out/deep/file && echo second > second
              - id: up
                uses: shithub/upload-artifact@v1
                with: {name: result, path: out, if-no-files-found: error}
              - run: test -n "${{ steps.up.outputs.artifact-digest }}"
              - uses: shithub/upload-artifact@v1
                with: {name: result, path: second}
                continue-on-error: true
              - uses: shithub/upload-artifact@v1
                with: {name: other, path: second}
          use:
            needs: build
            runs-on: ubuntu-latest
            steps:
              - uses: shithub/download-artifact@v1
                with: {name: result, path: got}
              - run: cat got/deep/file
              - uses: shithub/download-artifact@v1
                with: {path: all}
              - run: cat all/result/deep/file all/other/second
              - uses: shithub/download-artifact@v1
                with: {name: missing}
        """)
    kept = folder / "kept"
    done = local.run("--artifact-dir", kept)
    assert done.returncode == 1
    lines = done.text.splitlines()
    assert lines.count("built") == 2 and lines.count("second") == 1, done.text
    assert any("has an artifact of this name already" in line for line in lines)
    assert any('the run has no artifact "missing"' in line for line in lines)
    assert sorted(path.name for path in kept.iterdir()) == ["other.tar.gz", "result.tar.gz"]
    listed = driver.run(["tar", "-tzf", kept / "result.tar.gz"]).stdout.decode().split()
    assert "deep/file" in listed
    assert not (local.state / "artifacts").exists()
    again = local.run("--job", "build")
    assert again.returncode == 0, again.text  # names are free again, nothing was kept
    local.clean()


@few
def test_work_tree_is_copied(local):
    """Uncommitted and untracked files are in, ignored ones and deleted ones are not; links stay
    links, the x bit stays; what a step writes never reaches the repository."""
    local.commit({"kept.txt": "committed\n", "gone.txt": "x\n", ".gitignore": "*.ign\n",
                  "tool.sh": "#!/bin/sh\necho tool ran\n"})
    local.workflow(steps("""
      - uses: actions/checkout@v4
      - name: Look
        run: |
          cat kept.txt new/deep.txt; ./tool.sh; readlink link out
          test ! -e gone.txt; test ! -e secret.ign; test -d .git
          stat -c '%u %a %n' kept.txt tool.sh new
          echo broken > kept.txt; echo more > made.txt; rm tool.sh
    """))
    local.write({"kept.txt": "changed\n", "new/deep.txt": "untracked\n", "secret.ign": "x\n"})
    (local.root / "gone.txt").unlink()
    (local.root / "tool.sh").chmod(0o755)
    (local.root / "link").symlink_to("kept.txt")
    (local.root / "out").symlink_to("/etc/passwd")
    done = local.run(network=None)
    assert done.returncode == 0, done.text + done.errors
    for line in ("changed", "untracked", "tool ran", "kept.txt", "/etc/passwd",
                 "65534 644 kept.txt", "65534 755 tool.sh", "65534 755 new"):
        assert line in done.text.splitlines(), line
    assert f"holds a copy of {local.root} (work tree on trunk at " in done.text
    assert (local.root / "kept.txt").read_text() == "changed\n"
    assert not (local.root / "made.txt").exists()
    assert stat.S_IMODE((local.root / "tool.sh").stat().st_mode) == 0o755
    local.clean()


@once
def test_checkout_with_path(local):
    local.workflow(steps("""
      - uses: actions/checkout@v4
        with: {path: sub/tree}
      - run: test "$(cat sub/tree/.shithub/workflows/ci.yml)" = "$(cat .shithub/workflows/ci.yml)" && echo same
    """))
    done = local.run()
    assert done.returncode == 0, done.text + done.errors
    assert "to sub/tree: 1 file," in done.text
    assert "\nsame\n" in done.text


@once
def test_checkout_of_another_ref_is_refused(local):
    local.workflow(steps("""
      - uses: actions/checkout@v4
        with: {ref: trunk}
      - uses: actions/checkout@v4
        with: {ref: "${{ github.ref }}"}
      - uses: actions/checkout@v4
        with: {ref: "${{ github.sha }}"}
      - uses: actions/checkout@v4
        with: {ref: gh-pages, path: pages}
    """))
    done = local.run()
    assert done.returncode == 1 and done.text.count("nothing is fetched") == 3, done.text
    assert 'ref: "gh-pages" cannot be checked out in a local run' in done.text
    assert "expected trunk, its commit, or nothing" in done.text


@once
@everyday
def test_log_format(local):
    """Headers, marks, durations. No colour without a terminal. A missing newline does no harm."""
    local.workflow(steps("""
      - name: First
        run: printf 'no newline'
      - run: |
          echo second
          exit 3
      - name: Never
        run: echo never
      - name: After all
        if: always()
        run: echo cleaned
    """))
    done = local.run()
    assert done.returncode == 1
    lines = done.text.splitlines()
    assert "\x1b" not in done.text
    assert lines[0] == "━━ main"
    assert lines[1].startswith("[shithub] image "), "what the job runs in"
    del lines[1]
    assert lines[1:3] == ["▶ First", "no newline"]
    assert lines[3].startswith("✓ First  ") and lines[3].endswith(" s")
    assert lines[4] == "▶ Run echo second …"
    assert lines[5] == "second"
    assert "exit code 3" in lines[6]
    assert lines[7].startswith("✗ Run echo second …  failure  ")
    assert lines[8] == "○ Never  skipped"
    assert lines[9:11] == ["▶ After all", "cleaned"]
    assert lines[12].startswith("✗ main  failure  ")
    local.clean()


def on_terminal(local, env=None):
    leader, follower = pty.openpty()
    child = subprocess.Popen(local.argv(), stdin=subprocess.DEVNULL, stdout=follower,
                             stderr=subprocess.DEVNULL, cwd=local.root,
                             env={**local.env, "TERM": "xterm", **(env or {})})
    os.close(follower)
    said = b""
    while True:
        try:
            block = os.read(leader, 65536)
        except OSError:  # the last writer is gone
            break
        if not block:
            break
        said += block
    os.close(leader)
    assert child.wait(30) == 0
    return said


@once
def test_colour_on_a_terminal(local):
    local.workflow(steps("- run: \"printf '\\\\033[35mmagenta'\""))
    said = on_terminal(local)
    assert b"\x1b[1;36m" in said and b"\x1b[32m" in said
    assert b"\x1b[35mmagenta\x1b[0m\r\n" in said, "a colour that a step left on ends with it"
    assert said.count(b"\x1b[0m") >= 3
    said = on_terminal(local, {"NO_COLOR": "1"})
    assert b"\x1b[32m" not in said and b"\x1b[35mmagenta" in said


MATRIX = """
on: push
jobs:
  last:
    runs-on: x
    needs: [test, lint]
    if: ${{ always() && needs.test.result == 'failure' }}
    steps: [{run: "echo last after ${{ needs.test.result }} and ${{ needs.lint.result }}"}]
  test:
    runs-on: x
    needs: build
    strategy:
      FAILFAST
      matrix:
        os: [linux, mac]
        v: [1, 2]
        exclude: [{os: mac, v: 1}]
        include: [{os: linux, v: 2, extra: more}]
    steps:
      - run: |
          echo "leg ${{ matrix.os }}-${{ matrix.v }}-${{ matrix.extra }}"
          test "${{ matrix.v }}" = 2
  build:
    runs-on: x
    steps: [{run: echo built}]
  lint:
    runs-on: x
    needs: test
    steps: [{run: echo linted}]
  side:
    name: On the side
    runs-on: x
    steps: [{run: echo side}]
"""


def results(done):
    """The summary at the end: name → result."""
    block = done.text.rstrip().split("\n\n")[-1]
    return dict(line[2:].split("  ")[:2] for line in block.splitlines())


@once
def test_needs_and_matrix(local):
    local.workflow(MATRIX.replace("FAILFAST", "fail-fast: false"))
    done = local.run()
    assert done.returncode == 1, done.text + done.errors
    assert results(done) == {
        "build": "success", "test (linux, 1)": "failure", "test (linux, 2, more)": "success",
        "test (mac, 2)": "success", "lint": "skipped", "last": "success",
        "On the side": "success"}
    assert "leg linux-2-more\n" in done.text
    assert "last after failure and skipped\n" in done.text
    assert "lint  skipped: a job it needs did not succeed" in done.text
    local.clean()


HISTORY = steps("""
- uses: actions/checkout@v4
  with: {path: second}
- run: |
    git log --format=%s; git describe --tags; git status --short; git rev-parse --abbrev-ref HEAD
    git -C second log -1 --format=%s
    echo "secrets $(grep -rlE 'token|/repo|hook' .git | wc -l) $(git config --list | grep -c origin)"
""")


@once
def test_history_is_there_without_credentials(local, folder):
    local.workflow(HISTORY)
    local.git("tag", "v1")
    for number in range(60):
        local.git("commit", "-q", "--allow-empty", "-m", f"Change {number}")
    local.git("remote", "add", "origin", "https://me:token@git.example.test/team/app.git")
    local.git("config", "http.extraheader", "Authorization: token")
    (local.root / ".git/hooks/post-checkout").write_text("hook")
    (local.root / "new").touch()
    local.git("tag", "v2", "HEAD~3")
    linked = folder / "linked"
    local.git("worktree", "add", "-q", "-b", "side/branch", linked)
    said = {}
    for name, cwd in (("main", local.root), ("linked", linked)):
        # a hook of git runs exec with variables that name the repository
        env = {"GIT_INDEX_FILE": str(folder / "no-index")} if name == "linked" else {}
        done = local.run(cwd=cwd, env=env)
        assert done.returncode == 0, done.text + done.errors
        said[name] = done.text.split("▶")[-1].splitlines()[1:]
    newest = [f"Change {number}" for number in range(59, 9, -1)]
    assert said["main"][:50] == newest
    assert said["main"][50][:5] == "v2-3-", said["main"]
    assert said["main"][51:55] == ["?? new", "?? second/", "trunk", "Change 59"]
    assert said["main"][55] == "secrets 0 2"
    assert said["linked"][51:54] == ["?? second/", "side/branch", "Change 59"]
    local.git("checkout", "-q", "--detach", "HEAD~1")
    done = local.run()
    assert "\nHEAD\nChange 58\n" in done.text, done.text
    assert not (local.state / "history").exists()
    local.clean()


@once
def test_somebody_elses_repository(local):
    """git's own rule; what the user trusts is trusted to its end."""
    local.workflow(steps("      - run: git log --oneline | wc -l\n"))
    for path in (local.root, local.root / ".git"):
        os.chown(path, 12345, 12345)
    done = local.run()
    assert done.returncode == 2 and "dubious ownership" in done.errors, done.errors
    assert "call: git config --global --add safe.directory" in done.errors
    done = local.run(env={"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                          "GIT_CONFIG_VALUE_0": "*"})
    assert done.returncode == 0 and "\n1\n" in done.text, done.text + done.errors


@once
def test_repositories_in_the_repository_are_named(local):
    local.workflow(steps("- run: ls"))
    local.git("init", "-q", "vendor/li\x1bb")
    local.git("init", "-q", "sub")
    local.git("-C", "sub", "commit", "-q", "--allow-empty", "-m", "one")
    local.git("add", "sub")
    done = local.run()
    assert done.returncode == 0, done.text + done.errors
    assert done.text.splitlines()[0] == ("[shithub] repositories in the repository are left out: "
                                         "sub, vendor/li?b")


SIDE_BY_SIDE = """
on: push
jobs:
  first:
    runs-on: x
    outputs: {word: "${{ steps.s.outputs.word }}", none: "${{ steps.s.outputs.none }}"}
    steps:
      - id: s
        run: |
          echo "word=from first" >>"$GITHUB_OUTPUT"
          printf 'no end\\nof line'
  legs:
    runs-on: x
    strategy: {matrix: {v: [1, 2]}}
    outputs: {leg: "${{ matrix.v }}"}
    steps: [{run: "for i in 1 2 3; do echo line $i; sleep 0.1; done"}]
  last:
    needs: [first, legs]
    if: needs.first.outputs.word == 'from first'
    runs-on: x
    steps: [{run: 'echo "$WORD $LEG"', env: {WORD: "${{ needs.first.outputs.word }}",
                                             LEG: "${{ needs.legs.outputs.leg }}"}}]
"""


@once
def test_jobs_side_by_side(local):
    local.workflow(SIDE_BY_SIDE)
    done = local.run(jobs=3)
    assert done.returncode == 0, done.text + done.errors
    lines = done.text.splitlines()
    for job, said in (("first", ["no end", "of line"]), ("legs (1)", ["line 1", "line 2", "line 3"]),
                      ("legs (2)", ["line 1", "line 2", "line 3"]), ("last", ["from first 2"])):
        own = [line.split(" | ", 1)[1] for line in lines if line.startswith(job + " | ")]
        assert [line for line in own if line[0] not in "[▶✓"] == said, done.text
    began = [lines.index(f"━━ {job}") for job in ("first", "legs (1)", "legs (2)")]
    ended = [number for number, line in enumerate(lines) if line.startswith("✓ legs")]
    assert max(began) < min(ended), done.text
    assert results(done) == {"first": "success", "legs (1)": "success", "legs (2)": "success",
                             "last": "success"}
    whole = local.run()
    assert whole.returncode == 0, whole.text + whole.errors
    for job, said in (("legs (1)", "line 1\nline 2\nline 3\n"), ("last", "from first 2\n")):
        block = whole.text.split(f"━━ {job}\n")[1].split("━━ ")[0]
        assert said in block and f"✓ {job}" in block, "each job's output stands together"
    assert " | " not in whole.text
    chain = local.run("--job=last", "--matrix=v=1", jobs=1)
    assert "\nline 1\nline 2\n" in chain.text, "alone, output is as the step wrote it"
    local.clean()


@once
def test_fail_fast_ends_running_legs(local):
    local.workflow("""
        on: push
        jobs:
          legs:
            runs-on: x
            strategy: {matrix: {v: [bad, long, never]}}
            steps:
              - run: test ${{ matrix.v }} = long && sleep 600 || exit 1
        """)
    done = local.run(jobs=2)
    assert done.returncode == 1
    assert results(done) == {"legs (bad)": "failure", "legs (long)": "cancelled",
                             "legs (never)": "cancelled"}, done.text
    local.clean()


DYNAMIC = """\
on: push
jobs:
  make:
    runs-on: linux
    outputs: {list: "${{ steps.s.outputs.list }}"}
    steps:
      - id: s
        run: |
          echo 'list=[1, {"k": "a; touch /tmp/pwned"}]' >>"$SHITHUB_OUTPUT"
  test:
    name: "leg ${{ strategy.job-index }} after ${{ needs.make.result }}"
    runs-on: linux
    needs: make
    strategy: {matrix: {v: "${{ fromJSON(needs.make.outputs.list) }}"}}
    steps:
      - run: |
          echo "v=<${{ matrix.v }}> k=<${{ matrix.v.k }}> of ${{ strategy.job-total }}"
          test ! -e /tmp/pwned
  last:
    runs-on: linux
    needs: test
    steps: [{run: "echo test=${{ needs.test.result }}"}]
"""


@once
def test_matrix_of_an_output(local):
    local.workflow(DYNAMIC)
    planned = local.run("-n", "--output", "json")
    assert [(job["name"], job.get("waits_for_needs")) for job in json.loads(planned.text)["jobs"]] == [
        ("make", None), ("test", True), ("last", None)]
    done = local.run("--jobs", "1")
    assert done.returncode == 0, done.text + done.errors
    assert results(done) == {"make": "success", "leg 0 after success": "success",
                             "leg 1 after success": "success", "last": "success"}
    assert "v=<1> k=<> of 2\n" in done.text
    assert "v=<Object> k=<a; touch /tmp/pwned> of 2\n" in done.text
    assert "test=success\n" in done.text
    local.clean()


@once
def test_limits_from_expressions(local):
    local.workflow("""on: push
jobs:
  a:
    runs-on: x
    continue-on-error: ${{ github.ref_name == 'trunk' }}
    env: {SOFT: true}
    steps:
      - {id: soft, run: exit 1, continue-on-error: "${{ env.SOFT }}"}
      - run: echo "soft ${{ steps.soft.outcome }} ${{ steps.soft.conclusion }}"
      - {id: bad, run: echo never, timeout-minutes: "${{ env.SOFT }}"}
  b:
    runs-on: x
    needs: a
    steps: [{run: "echo after ${{ needs.a.result }}"}]
""")
    done = local.run()
    assert done.returncode == 0, done.text + done.errors
    assert results(done) == {"a": "failure", "b": "success"}
    assert "soft failure success\n" in done.text and "after success\n" in done.text
    assert ("timeout-minutes: \"${{ env.SOFT }}\" gives \"true\", expected a whole number"
            in done.text), done.text
    assert "\nnever" not in done.text
    local.clean()


@once
def test_fail_fast(local):
    local.workflow(MATRIX.replace("FAILFAST", "fail-fast: true"))
    done = local.run(jobs=1)
    assert done.returncode == 1
    assert results(done)["test (linux, 1)"] == "failure"
    assert results(done)["test (mac, 2)"] == "cancelled"
    assert "leg mac-2" not in done.text
    local.clean()


@once
def test_choices(local):
    local.workflow(MATRIX.replace("FAILFAST", "fail-fast: false"))
    done = local.run("--job=test", "--matrix=v=2", "--matrix=os=mac")
    assert done.returncode == 0, done.text + done.errors
    assert results(done) == {"build": "success", "test (mac, 2)": "success"}
    assert local.run("--job=side").returncode == 0
    for words, wanted in ((("--job=nothing",), "expected one of: last test build lint side"),
                          (("--matrix=v=7",), "no job has that value"),
                          (("--matrix=v",), "expected name=value")):
        done = local.run(*words)
        assert done.returncode == 2 and wanted in done.errors, done.errors
        assert done.text == ""


@once
def test_plan(local):
    local.workflow(MATRIX.replace("FAILFAST", "max-parallel: 1"))
    done = local.run("-n")
    assert done.returncode == 0, done.errors
    assert [line.split(". ")[1] for line in done.text.splitlines() if line[:2].strip().isdigit()
            ] == ["build", "test (linux, 1)  needs build", "test (linux, 2, more)  needs build",
                  "test (mac, 2)  needs build", "lint  needs test", "last  needs test, lint",
                  "On the side"]
    assert "matrix: os=linux v=2 extra=more" in done.text
    assert not local.state.exists(), "a plan touches nothing"
    plan = json.loads(local.run("-n", "--output=json").stdout)
    assert [job["key"] for job in plan["jobs"]] == ["build", "test", "test", "test", "lint",
                                                    "last", "side"]
    assert plan["jobs"][2]["matrix"] == {"os": "linux", "v": 2, "extra": "more"}
    assert plan["event"] == "push"
    assert plan["jobs"][0]["steps"] == [{"name": "Run echo built", "run": "echo built"}]


@once
def test_list(local):
    local.workflow(MATRIX.replace("FAILFAST", ""), "b.yml")
    local.workflow(steps("- run: x"), "a.yaml")
    done = local.run("--list")
    assert done.returncode == 0, done.errors
    assert done.text.startswith(".shithub/workflows/a.yaml: CI (on push)\n")
    assert "test                 1 step, 3 combinations, needs build" in done.text
    assert "side                 On the side, 1 step" in done.text
    listed = json.loads(local.run("--list", "--output", "json", "b").stdout)
    assert [job["key"] for job in listed[0]["jobs"]] == ["last", "test", "build", "lint", "side"]
    assert listed[0]["jobs"][1]["combinations"] == 3
    for word in ("table", "text"):  # the old word stands for the new one, as in every verb
        assert local.run("--list", "--output", word).text == done.text
    done = local.run("-n")
    assert done.returncode == 2 and "expected one of: a.yaml b.yml" in done.errors


@once
def test_plan_without_git(local, folder):
    """A plan needs only a file, a run needs a repository."""
    alone = folder / "alone"
    alone.mkdir()
    (alone / "w.yml").write_text(steps("- run: echo hi"))
    done = local.run("-n", "w.yml", cwd=alone)
    assert done.returncode == 0 and "Run echo hi" in done.text
    done = local.run("w.yml", cwd=alone)
    assert done.returncode == 2 and "not a git repository" in done.errors


@once
def test_bad_workflow(local):
    local.workflow("""on: push
jobs:
  a:
    runs-on: x
    needs: b
    color: blue
    strategy: {matrix: {v: []}}
    steps: [{run: x, uses: actions/checkout@v4}]
  b:
    runs-on: x
    needs: a
    steps: [{}]
  c:
    runs-on: x
    steps: [{run: "echo ${{ stesp.x }} ${{ needs.a.result }}"}]
""")
    for words in ((), ("-n",), ("--list",)):
        done = local.run(*words)
        assert done.returncode == 2
        for line in (":6:5: jobs.a: unknown key \"color\"", ":7:28: jobs.a.strategy.matrix.v: empty",
                     ":8:13: jobs.a.steps[0]: both run and uses",
                     ":12:13: jobs.b.steps[0]: neither run nor uses",
                     ":15:29: jobs.c.steps[0].run: unknown context `stesp`",
                     ":15:50: jobs.c.steps[0].run: this job does not need a job \"a\""):
            assert ".shithub/workflows/ci.yml" + line in done.errors, done.errors


INPUTS = """
on:
  push: {branches: [trunk]}
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [low, high], default: low}
      dry: {type: boolean}
      name: {required: true}
jobs:
  a:
    runs-on: x
    env: {FROM: file}
    steps:
      - run: |
          echo "event ${{ github.event_name }} on ${{ github.ref_name }} of ${{ github.repository }}"
          echo "inputs ${{ inputs.level }} ${{ inputs.dry }} ${{ inputs.name }}"
          echo "vars ${{ vars.COLOR }} env $FROM"
          echo "payload ${{ github.event.extra.deep }} sha $GITHUB_SHA"
          printf '%s\\n' "secret ${{ secrets.S }} ${{ secrets.T }} ${{ secrets.U }}"
          printf '%s' "${{ secrets.U }}" | wc -l
"""


@once
def test_event_inputs_and_secrets(local, folder):
    head = local.workflow(INPUTS)
    local.git("remote", "add", "origin", "git@git.example.test:team/app.git")
    payload, secrets = folder / "event.json", folder / "secrets.env"
    payload.write_text(json.dumps({"extra": {"deep": "value"}, "inputs": {"level": "high"}}))
    secrets.write_text("# comment\n\nT=from-the-file\nU=\"two\\nlines-here\"\n")
    done = local.run("--event=workflow_dispatch", f"--event-payload={payload}", "--input",
                     "name=me", "--secret=S=on-the-line=x", f"--secret-file={secrets}",
                     "--var=COLOR=blue", "--env=FROM=flag")
    assert done.returncode == 0, done.text + done.errors
    for line in ("event workflow_dispatch on trunk of team/app", "inputs high false me",
                 "vars blue env flag", f"payload value sha {head}", "1"):
        assert line in done.text.splitlines(), line
    for value in ("on-the-line=x", "from-the-file", "lines-here"):
        assert value not in done.text
    assert "secret *** *** ***" in done.text
    done = local.run("--secret=S", "--secret=T=2", "--secret=U=3", env={"S": "from-the-variable"})
    assert done.returncode == 0 and "from-the-variable" not in done.text
    assert "event push on trunk" in done.text


@once
@pytest.mark.parametrize("words, wanted", [
    (["--event=workflow_dispatch"], "input name is required, expected --input name=VALUE"),
    (["--event=workflow_dispatch", "--input=name=x", "--input=level=mid"], "--input level:"),
    (["--event=workflow_dispatch", "--input=name=x", "--input=other=1"], "--input other: unknown"),
    (["--input=name=x"], "the event push has none"),
    (["--event=pull_request"], "expected one of: push workflow_dispatch"),
    (["--secret=NOT_IN_THE_ENVIRONMENT"], "no environment variable of that name"),
    (["--env=A B=1"], "expected NAME=VALUE"),
    (["--event-payload=/nonexistent"], "/nonexistent"),
    (["--secret-file=.shithub/workflows/ci.yml"], "line 2: expected NAME=VALUE"),
    (["nothing.yml"], "nothing.yml: no such file"),
    (["--output=xml"], "expected table or json"),
])
def test_bad_flags(local, words, wanted):
    local.workflow(INPUTS)
    done = local.run(*words)
    assert done.returncode == 2, done.text
    assert wanted in done.errors
    assert len(done.errors.splitlines()) == 1


@few
def test_missing_engine_image_and_network(local):
    local.workflow(steps("- run: echo hi"))
    done = local.run(engine_socket="/nonexistent/engine.sock")
    assert done.returncode == 1 and "/nonexistent/engine.sock" in done.errors
    done = local.run(image="shithub/not-there:1", pull="never")
    assert done.returncode == 1
    assert "shithub/not-there:1" in done.errors and "--image" in done.errors
    done = local.run(network="not-there")
    assert done.returncode == 1
    assert "not-there" in done.errors and "--network" in done.errors
    assert done.text == ""


@few
def test_interrupt_has_grace(local):
    local.workflow(steps("""
      - run: |
          trap 'echo got the signal; exit 0' TERM
          echo waiting
          while :; do sleep 0.1; done
      - run: echo never
      - if: cancelled()
        run: echo cleaned up
    """))
    child = local.start()
    driver.wait_for(lambda: "\nwaiting\n" in local.said(), 60, "the step")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 1
    assert "got the signal\n[shithub] cancelled by a signal (Ctrl-C)\n" in local.said()
    assert "\ncleaned up\n" in local.said()
    assert "\nnever\n" not in local.said()
    assert "⊘ main  cancelled" in local.said()
    local.clean()


@few
def test_second_interrupt_kills(local, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[runner]\nstop_grace = \"300s\"\n")
    local.workflow(steps("""
      - run: |
          trap 'echo ignored' TERM
          echo waiting
          while :; do sleep 0.1; done
    """))
    child = local.start(f"--config={config}")
    driver.wait_for(lambda: "\nwaiting\n" in local.said(), 60, "the step")
    child.send_signal(signal.SIGINT)
    driver.wait_for(lambda: "\nignored\n" in local.said(), 30, "the trap")
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 1
    assert "⊘ main  cancelled" in local.said()
    local.clean()


@few
def test_leftovers_of_a_killed_run(local):
    """The next run removes what a killed run left."""
    local.workflow(steps("- run: |\n    echo waiting\n    test -z \"$HANG\" || sleep infinity"))
    child = local.start("--env=HANG=1")
    driver.wait_for(lambda: "\nwaiting\n" in local.said(), 60, "the step")
    child.kill()
    child.wait(10)
    name = (local.state / "instance_id").read_text().strip()
    assert local.engine.containers(f"sh.shithub.runner={name}"), "the killed run leaves its boxes"
    assert local.run().returncode == 0
    assert local.engine.containers(f"sh.shithub.runner={name}") == []


@few
def test_run_ends_when_its_reader_goes_away(local):
    local.workflow(steps("- run: |\n    yes | head -c 3000000\n    sleep infinity"))
    child = local.start(stdout=subprocess.PIPE)
    assert child.stdout.read(10)
    child.stdout.close()
    assert child.wait(60) == 1
    local.clean()


@once
def test_two_runs_use_separate_folders(local):
    """Runs without a state folder get separate folders."""
    local.workflow(steps("- run: |\n    echo waiting\n    test -z \"$HANG\" || sleep infinity"))
    own = {"state_dir": None, "workspace_root": None}
    first = local.start("--env=HANG=1", **own)
    driver.wait_for(lambda: "\nwaiting\n" in local.said(), 60, "the first")
    assert "waiting" in local.run(**own).text
    places = local.state.parent / "xdg/shithubd-runner/exec"
    assert sorted(path.name for path in places.iterdir()) == ["0", "1"]
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 1


@pytest.fixture
def with_volume(engine, image, request):
    """The test image with a VOLUME, given its path; the images go with the test."""
    made = []

    def build(path):
        container = engine.api("POST", "/containers/create", {"Image": image})["Id"]
        try:
            change = urllib.parse.quote(f"VOLUME {path}")
            answer = engine.api("POST", f"/commit?container={container}&repo=shithub/volume-test"
                                f"&tag={os.getpid()}&changes={change}", {})
            made.append(answer["Id"])
        finally:
            engine.api("DELETE", f"/containers/{container}?force=1&v=1")
        return made[-1]

    yield build
    for image_id in made:
        engine.api("DELETE", f"/images/{image_id}?force=1")


@few
def test_a_volume_of_an_image_is_bounded_memory(local, with_volume, engine):
    """VOLUME would be an anonymous volume: disk of the host without a limit, devices and set-uid files."""
    image = with_volume("/data")
    (local.root.parent / "runner.toml").write_text('[engine]\ntmp_size = "16m"\n')
    before = {volume["Name"] for volume in engine.api("GET", "/volumes")["Volumes"] or []}
    local.workflow(steps("""
        - run: |
            while read -r _ place type options _; do
              [ "$place" = /data ] && echo "MOUNT $type $options"
            done </proc/mounts
            echo x >/data/file && echo "WRITABLE"
            head -c 64M /dev/zero >/data/big 2>/dev/null || echo "FULL $(stat -c %s /data/big)"
        """))
    done = local.run(image=image, config=local.root.parent / "runner.toml")
    assert done.returncode == 0, done.text + done.errors
    mount = re.search(r"MOUNT (\S+) (\S+)", done.text)
    assert mount and mount.group(1) == "tmpfs", done.text
    assert {"nosuid", "nodev"} <= set(mount.group(2).split(",")), done.text
    assert "WRITABLE" in done.text
    full = re.search(r"FULL (\d+)", done.text)
    assert full and int(full.group(1)) <= 16 << 20, done.text
    after = {volume["Name"] for volume in engine.api("GET", "/volumes")["Volumes"] or []}
    assert after - before == set()
    local.clean()


@once
def test_a_volume_in_the_workspace_is_refused(local, with_volume):
    local.workflow(steps("- run: echo ran-$((6 * 7))\n"))
    done = local.run(image=with_volume("/workspace/cache"))
    assert done.returncode != 0 and "ran-42" not in done.text
    assert 'VOLUME "/workspace/cache": the runner or the kernel owns that place' in done.text + done.errors
