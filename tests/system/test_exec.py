"""`shithubd-runner exec`: workflows on this machine, without a coordinator."""
import json
import os
import pty
import signal
import stat
import subprocess

import pytest

import driver
from conftest import once, workflow as steps


class Local:
    """A repository with workflows, and exec in it with a state folder of its own."""

    def __init__(self, build, folder, image, engine, flavor):
        self.binary, self.image, self.engine = build / "shithubd-runner", image, engine
        self.flavor = flavor
        self.root = folder / "repo"
        self.state = folder / "state"
        self.log = folder / "exec.log"
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
                 "image": self.image}
        given |= {key.replace("_", "-"): value for key, value in flags.items()}
        return [str(part) for part in (self.binary, "exec", *words)] + [
            f"--{key}={value}" for key, value in given.items()]

    def run(self, *words, env=None, cwd=None, **flags):
        done = subprocess.run(self.argv(*words, **flags), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180,
                              env={**self.env, **(env or {})}, cwd=cwd or self.root)
        done.text, done.errors = done.stdout.decode(), done.stderr.decode()
        with open(self.log, "a") as log:
            log.write(done.text + done.errors)
        return done

    def clean(self):
        left = [str(path) for path in (self.state / "workspaces").glob("*/*")]
        assert left == [], "workspaces left behind"
        name = (self.state / "instance_id").read_text().strip()
        assert self.engine.containers(f"sh.shithub.runner={name}") == [], "containers left behind"


@pytest.fixture
def local(build, folder, image, engine, flavor):
    return Local(build, folder, image, engine, flavor)


def test_step_names_are_rendered_and_masked(local):
    local.workflow(steps("""
        - name: Build ${{ env.WHAT }} with ${{ secrets.KEY }}
          run: true
        - name: Wrong ${{ nonsense( }}
          if: always()
          run: true
        """, head="env:\n  WHAT: library\n"))
    done = local.run("--secret", "KEY=the-key-itself")
    names = [line for line in done.text.splitlines() if line.startswith("▶")]
    assert names == ["▶ Build library with ***", "▶ Wrong ${{ nonsense( }}"], done.text


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
          test ! -e gone.txt; test ! -e secret.ign; test ! -e .git
          stat -c '%u %a %n' kept.txt tool.sh new
          echo broken > kept.txt; echo more > made.txt; rm tool.sh
    """))
    local.write({"kept.txt": "changed\n", "new/deep.txt": "untracked\n", "secret.ign": "x\n"})
    (local.root / "gone.txt").unlink()
    (local.root / "tool.sh").chmod(0o755)
    (local.root / "link").symlink_to("kept.txt")
    (local.root / "out").symlink_to("/etc/passwd")
    done = local.run()
    assert done.returncode == 0, done.text + done.errors
    for line in ("changed", "untracked", "tool ran", "kept.txt", "/etc/passwd",
                 "65534 644 kept.txt", "65534 755 tool.sh", "65534 755 new"):
        assert line in done.text.splitlines(), line
    assert f"holds a copy of {local.root} (work tree on trunk at " in done.text
    assert (local.root / "kept.txt").read_text() == "changed\n"
    assert not (local.root / "made.txt").exists()
    assert stat.S_IMODE((local.root / "tool.sh").stat().st_mode) == 0o755
    local.clean()


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


def test_log_format(local):
    """Headers, marks and durations; no colour without a terminal; no newline is no problem."""
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


def test_fail_fast(local):
    local.workflow(MATRIX.replace("FAILFAST", "fail-fast: true"))
    done = local.run()
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
    done = local.run("-n")
    assert done.returncode == 2 and "expected one of: a.yaml b.yml" in done.errors


@once
def test_plan_without_git(local, folder):
    """A file is enough for a plan; a run wants a repository."""
    alone = folder / "alone"
    alone.mkdir()
    (alone / "w.yml").write_text(steps("- run: echo hi"))
    done = local.run("-n", "w.yml", cwd=alone)
    assert done.returncode == 0 and "Run echo hi" in done.text
    done = local.run("w.yml", cwd=alone)
    assert done.returncode == 1 and "not a git repository" in done.errors


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
""")
    for words in ((), ("-n",), ("--list",)):
        done = local.run(*words)
        assert done.returncode == 2
        for line in (":6:5: jobs.a: unknown key \"color\"", ":7:28: jobs.a.strategy.matrix.v: empty",
                     ":8:13: jobs.a.steps[0]: both run and uses",
                     ":12:13: jobs.b.steps[0]: neither run nor uses"):
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
    (["--output=xml"], "expected text or json"),
])
def test_bad_flags(local, words, wanted):
    local.workflow(INPUTS)
    done = local.run(*words)
    assert done.returncode == 2, done.text
    assert wanted in done.errors
    assert len(done.errors.splitlines()) == 1


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


def start(local, *words, **flags):
    """exec in the background with its output in a file."""
    out = open(local.log, "ab")
    child = subprocess.Popen(local.argv(*words, **flags), stdin=subprocess.DEVNULL, stdout=out,
                             stderr=out, env=local.env, cwd=local.root)
    out.close()
    return child


def said(local):
    return local.log.read_text(errors="replace") if local.log.exists() else ""


def test_interrupt_has_grace(local):
    local.workflow(steps("""
      - run: |
          trap 'echo got the signal; exit 0' TERM
          echo waiting
          while :; do sleep 0.1; done
      - run: echo never
    """))
    child = start(local)
    driver.wait_for(lambda: "\nwaiting\n" in said(local), 60, "the step")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 1
    assert "got the signal" in said(local)
    assert "\nnever\n" not in said(local)
    assert "⊘ main  cancelled" in said(local)
    local.clean()


def test_second_interrupt_kills(local, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[runner]\nstop_grace = \"300s\"\n")
    local.workflow(steps("""
      - run: |
          trap 'echo ignored' TERM
          echo waiting
          while :; do sleep 0.1; done
    """))
    child = start(local, f"--config={config}")
    driver.wait_for(lambda: "\nwaiting\n" in said(local), 60, "the step")
    child.send_signal(signal.SIGINT)
    driver.wait_for(lambda: "\nignored\n" in said(local), 30, "the trap")
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 1
    assert "⊘ main  cancelled" in said(local)
    local.clean()


def test_leftovers_of_a_killed_run(local):
    """What a run leaves that was killed itself is removed by the next one."""
    local.workflow(steps("- run: |\n    echo waiting\n    test -z \"$HANG\" || sleep 300"))
    child = start(local, "--env=HANG=1")
    driver.wait_for(lambda: "\nwaiting\n" in said(local), 60, "the step")
    child.kill()
    child.wait(10)
    name = (local.state / "instance_id").read_text().strip()
    assert local.engine.containers(f"sh.shithub.runner={name}"), "the killed run leaves its boxes"
    assert local.run().returncode == 0
    assert local.engine.containers(f"sh.shithub.runner={name}") == []


def test_reader_goes_away(local):
    local.workflow(steps("- run: |\n    yes | head -c 3000000\n    sleep 300"))
    child = subprocess.Popen(local.argv(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, env=local.env, cwd=local.root)
    assert child.stdout.read(10)
    child.stdout.close()
    assert child.wait(60) == 1
    local.clean()


def test_two_at_a_time(local):
    """Without a state folder of their own, runs find places beside each other."""
    local.workflow(steps("- run: |\n    echo waiting\n    test -z \"$HANG\" || sleep 300"))
    argv = [part for part in local.argv() if not part.startswith(("--state-dir", "--workspace"))]
    with open(local.log, "ab") as out:
        first = subprocess.Popen([*argv, "--env=HANG=1"], stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out, env=local.env, cwd=local.root)
    driver.wait_for(lambda: "\nwaiting\n" in said(local), 60, "the first")
    second = driver.run(argv, env=local.env, cwd=local.root)
    assert b"waiting" in second.stdout
    places = local.state.parent / "xdg/shithubd-runner/exec"
    assert sorted(path.name for path in places.iterdir()) == ["0", "1"]
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 1
