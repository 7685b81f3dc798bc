"""The supervisor as root, as an ordinary user with ambient capabilities, and with none: each runs
a job with a checkout, and says what confinement that costs."""
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

import attack
import driver
from conftest import Job, few, newest_run, workflow

RUNNER_UID = 4242
NO_CAPABILITIES = ["--inh-caps", "-all", "--bounding-set", "-all"]
AMBIENT = "+chown,+fowner,+dac_override,+setuid,+setgid"
STEPS = "- uses: actions/checkout@v4\n" + attack.script(
    "id -u; stat -c '%u %a' /workspace README.md; touch mine; mkdir closed; touch closed/file\n"
    "chmod 0 closed; echo A=1 >>\"$SHITHUB_ENV\"") + attack.script('test "$A" = 1')
ONE_EACH = pytest.mark.flavors("docker-gate-step", "docker-attach-job")


@pytest.fixture
def as_user(build, folder, engine, joined, repository, coordinator):
    """as_user(capabilities, user, steps): runs them by a runner that is RUNNER_UID; the Job."""
    def run(capabilities, user, steps=STEPS):
        programs = folder / "bin"
        programs.mkdir()
        for name in ("shithubd-runner", "shithub-gate"):
            shutil.copy(build / name, programs / name)
        programs.chmod(0o755)
        runner = joined(user=user)
        for path in (runner.folder, runner.workspaces):
            os.chown(path, RUNNER_UID, RUNNER_UID)
            path.chmod(0o711)
        group = os.stat(engine.socket).st_gid
        assert group != 0 or stat.S_IMODE(os.stat(engine.socket).st_mode) & 0o002 or \
            reachable(engine.socket), "the engine's socket has a group of its own"
        runner.binary = programs / "shithubd-runner"
        before = ["setpriv", "--reuid", str(RUNNER_UID), "--regid", str(RUNNER_UID),
                  "--groups", str(group)] + capabilities
        own = runner.argv
        runner.argv = lambda *words: before + own(*words)
        repo = repository()
        repo.commit({"README.md": "x\n", ".shithub/workflows/ci.yml": workflow(steps)})
        repo.push()
        program = runner.once()
        return Job(coordinator, coordinator.show(newest_run(coordinator)), program, runner)
    return run


def reachable(socket):
    """True when members of the socket's group can pass the folders above it."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in pathlib.Path(socket).parents)


def check(job, uid):
    assert job.conclusion == "success", ([job.text(i) for i in range(3)], job.program.log())
    assert job.text(1).splitlines() == [str(uid), f"{uid} 700", f"{uid} 644"]
    assert job.runner.left_over() == []


@ONE_EACH
def test_as_root(job):
    done = job(STEPS)
    check(done, 65534)
    log = done.program.log()
    assert "capabilities stands, user stands" in log and "name=capabilities" not in log


@ONE_EACH
def test_with_ambient_capabilities(as_user):
    done = as_user(["--inh-caps", AMBIENT, "--ambient-caps", AMBIENT], "65534:65534")
    check(done, 65534)
    assert "capabilities stands, user stands" in done.program.log()


@ONE_EACH
def test_without_capabilities(as_user):
    done = as_user(NO_CAPABILITIES, "auto")
    check(done, RUNNER_UID)
    log = done.program.log()
    assert "capabilities lower, user lower" in log
    assert "steps run as the runner's own user" in log


@ONE_EACH
def test_command_folders_of_ones_own_user(as_user, folder):
    """The step user owns the folder of the command files then: it puts links in the place of what
    the runner makes next."""
    victim = folder / "victim"
    victim.mkdir()
    os.chown(victim, RUNNER_UID, RUNNER_UID)
    victim.chmod(0o700)
    done = as_user(NO_CAPABILITIES, "auto", attack.script(
        f"cd /shithub/files && rm -rf 0/* && ln -s {victim} 1 && ln -s {victim} 2\n"
        f"mkfifo 0/env 0/output && ln -s {victim} 0/path") + attack.script("echo never")
        + attack.script("echo never", if_="always()"))
    assert done.conclusions() == ["failure", "skipped", "failure"], done.program.log()
    assert "[shithub] error: " in done.text(0) and "[shithub] error: " in done.text(2)
    assert os.listdir(victim) == [] and stat.S_IMODE(victim.stat().st_mode) == 0o700
    assert done.runner.left_over() == []


@ONE_EACH
def test_tools_of_ones_own_user(as_user, folder):
    """What setup-python makes for later steps stands where no step can write, whoever owns it: links
    that a step puts in its way lead the runner nowhere, and a step cannot change it afterwards."""
    victim = folder / "victim"
    victim.mkdir()
    os.chown(victim, RUNNER_UID, RUNNER_UID)
    victim.chmod(0o700)
    done = as_user(NO_CAPABILITIES, "auto", attack.script(
        "version=$(python3 -c 'import platform; print(platform.python_version())')\n"
        "for root in /shithub/files /shithub/tools /shithub/tools/1; do\n"
        "    mkdir -p $root/python/$version || continue\n"
        f"    ln -s {victim} $root/python/$version/bin\n"
        "done\n"
        f"ln -s {victim} /shithub/tools/1 || true")
        + "- uses: actions/setup-python@v5\n"
        + attack.script('cd "$pythonLocation/bin"\n'
                        "ls -l >&2; rm -f python; ln -s /bin/false python3.99; echo x >pip; : changed",
                        **{"continue-on-error": "true"})
        + attack.script('python -c "print(6 * 7)"; ls "$pythonLocation/bin" | grep -c 3.99'
                        ' || echo unchanged'))
    assert os.listdir(victim) == [] and stat.S_IMODE(victim.stat().st_mode) == 0o700
    assert done.conclusion == "success", [done.text(i) for i in range(4)]
    assert done.text(3).splitlines()[-2:] == ["0", "unchanged"], done.text(3)
    assert "42" in done.text(3)
    assert done.runner.left_over() == []


@ONE_EACH
def test_links_in_a_workspace_of_ones_own_user(as_user, folder):
    """The runner's children are the step's user then: what a step puts in the way of checkout and
    artifacts leads them out of the workspace as little as ever."""
    victim = folder / "victim"
    victim.mkdir()
    (victim / "kept").write_text("kept\n")
    for path in (victim, victim / "kept"):
        os.chown(path, RUNNER_UID, RUNNER_UID)
    victim.chmod(0o700)
    done = as_user(NO_CAPABILITIES, "auto", attack.script(
        f"mkdir a b c; ln -s {victim} .git; ln -s {victim} a/.git; ln -s {victim} b/README.md\n"
        f"ln -s {victim}/kept c/README.md; ln -s {victim} d")
        + "".join(f"- uses: actions/checkout@v4\n  continue-on-error: true\n  with: {{{given}}}\n"
                  for given in ("path: a", "path: b", "'clean': 'false', path: c", "path: d",
                                "path: ."))
        + "- uses: shithub/upload-artifact@v1\n  with: {name: box, path: README.md}\n"
        + attack.script(f"mkdir out; ln -s {victim}/kept out/README.md; ln -s {victim} out/box")
        + "- uses: shithub/download-artifact@v1\n  continue-on-error: true\n"
        "  with: {name: box, path: out}\n"
        "- uses: shithub/download-artifact@v1\n  continue-on-error: true\n"
        "  with: {name: box, path: out/box}\n"
        + attack.script("test ! -L out/README.md && cat out/README.md"))
    assert sorted(os.listdir(victim)) == ["kept"], done.program.log()
    assert (victim / "kept").read_text() == "kept\n"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o700
    assert done.text(10) == "x\n", [done.text(i) for i in range(11)]
    assert "[shithub] error: " in done.text(9), "a link in the place of a folder"
    assert done.runner.left_over() == []


def refused(build, folder, *flags, before=()):
    done = subprocess.run([*before, build / "shithubd-runner", "run", "--server-url",
                           "http://127.0.0.1:1", "--token", "ab" * 32, "--labels", "a",
                           "--state-dir", folder / "state", "--workspace-root", folder / "w",
                           *flags], capture_output=True, timeout=30)
    return done.returncode, done.stderr.decode()


def test_refuses_what_cannot_work(build, folder):
    """The steps want another user, and the runner lacks the capabilities for that."""
    code, said = refused(build, folder, before=["setpriv", "--reuid", str(RUNNER_UID), "--regid",
                                                str(RUNNER_UID), "--clear-groups", "--inh-caps",
                                                "-all"])
    if "Permission denied" in said:  # the build folder is not open to that user
        pytest.fail(said)
    assert code == 3 and "steps as user 65534:65534 need CAP_CHOWN" in said, said


def test_refuses_a_profile_that_does_not_verify(build, folder):
    profile = folder / "profile.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],'
                       ' "syscalls": []}')
    code, said = refused(build, folder, "--seccomp-profile", profile)
    assert code == 3 and "\"defaultAction\" allows" in said, said
    verify = subprocess.run([build / "shithubd-runner", "seccomp", "verify", profile],
                            capture_output=True, timeout=30)
    assert verify.returncode == 1
    assert b"profile: \"defaultAction\" allows, it must deny, expected SCMP_ACT" in verify.stdout


@few
def test_unverified_profile_is_told(job, build, folder):
    """The built-in profile with one more call, taken only when the operator says so."""
    text = driver.run([build / "shithubd-runner", "seccomp", "print"]).stdout.decode()
    profile = folder / "profile.json"
    profile.write_text(text.replace('"syscalls":[', '"syscalls":[{"name":"kcmp","action":'
                                                    '"SCMP_ACT_ALLOW"},', 1))
    config = folder / "config.toml"
    config.write_text("[engine]\nseccomp_unverified = true\n"
                      f'seccomp_profile = "{profile}"\n')
    done = job(attack.script("grep Seccomp: /proc/self/status"), config=config)
    assert done.conclusion == "success" and "Seccomp:\t2" in done.text(0)
    assert "seccomp missing" in done.program.log() and "NOT verified" in done.program.log()
