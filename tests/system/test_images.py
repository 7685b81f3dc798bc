"""Images: pulls from a real registry, credentials, what may be named, out of memory."""
import json
import os
import re
import signal

import pytest

import driver
from conftest import once, workflow as steps
from registry import PASSWORD, USER, Door, Registry, auth_entry
from test_exec import Local

ONE_STEP = steps("- name: Look\n  run: test -s /extra && echo in the image\n  shell: sh\n")


@pytest.fixture
def local(build, folder, image, engine, flavor):
    made = Local(build, folder, image, engine, flavor, network=None)
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE"):
        made.env.pop(name, None)
    made.env["HOME"] = str(folder)  # no credentials of whoever runs the tests
    made.workflow(ONE_STEP)
    yield made
    made.close()


@pytest.fixture
def registry(folder, engine):
    made = Registry(folder / "registry", engine)
    yield made
    made.close()


@pytest.fixture
def locked(folder, engine):
    made = Registry(folder / "locked", engine, passwords=True)
    yield made
    made.close()


@pytest.fixture
def door(registry):
    made = Door(registry)
    yield made
    made.close()


def own_lines(text):
    return [line for line in text.splitlines() if line.startswith("[shithub] ")]


def through(door, registry, reference):
    """The same image, asked for through the door."""
    other = reference.replace(registry.host, door.host)
    registry.made.append(other)
    return other


@once
def test_pull_policies(local, registry):
    name, digest = registry.push()
    never = local.run(image=name, pull="never")
    assert never.returncode == 1 and "not on this machine" in never.errors + never.text
    assert not registry.has(name)
    first = local.run(image=name)
    assert first.returncode == 0, first.text + first.errors
    lines = own_lines(first.text)
    assert lines[0] == f"[shithub] pulling {name}"
    assert re.fullmatch(rf"\[shithub\] image {name}@{digest} \(\d+ MB\) in \d+\.\d s", lines[-1])
    assert "\nin the image\n" in first.text
    again = local.run(image=name)
    assert own_lines(again.text) == [f"[shithub] image {name} ({digest})"]
    by_digest = local.run(image=f"{name.rsplit(':', 1)[0]}@{digest}")
    assert by_digest.returncode == 0, by_digest.text
    other, newer = registry.push(words="second")
    assert other == name and newer != digest
    always = local.run(image=name, pull="always")
    assert always.returncode == 0 and f"image {name}@{newer} (" in always.text, always.text
    local.clean()


@once
def test_refusals(local, registry):
    """One clear line each; only trouble of the connection is tried again."""
    name, _ = registry.push()
    wrong = local.run(image=name + "x")
    assert wrong.returncode == 1
    (error,) = [line for line in own_lines(wrong.text) if "error" in line]
    assert f"registry {registry.host} has no such image" in error and "check name" in error
    assert "try 2" not in wrong.text
    registry.stop()
    down = local.run(image=name)
    assert down.returncode == 1
    assert "; try 2 of 3 in " in down.text and "; try 3 of 3 in " in down.text, down.text
    assert own_lines(down.text)[-1].startswith(
        f"[shithub] error: image {name}: registry {registry.host} did not serve it: ")
    assert f"check that the engine's host reaches {registry.host}, or load" in down.text
    assert "in the image" not in down.text
    local.clean()


def helper(folder, answer):
    """A credential helper in a PATH of its own that notes what it was asked."""
    folder.mkdir()
    program = folder / "docker-credential-sample"
    program.write_text(f"#!/bin/sh\ncat >'{folder}/asked'\n{answer}\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@once
def test_credentials(local, locked, folder):
    name, _ = locked.push()
    trace = {"SHITHUB_TRACE": "all"}

    def run(**env):
        locked.forget(name)
        return local.run("--log-level=debug", image=name, env={**trace, **env})

    none = run()
    assert none.returncode == 1 and "docker login" in none.text, none.text
    wrong = run(DOCKER_CONFIG=str(locked.config("wrong", "incorrect horse")))
    assert wrong.returncode == 1
    assert f"registry {locked.host} refused" in own_lines(wrong.text)[-1]
    right = locked.config("right")
    asked = json.dumps({"ServerURL": locked.host, "Username": USER, "Secret": PASSWORD})
    path = helper(folder / "helper", f"printf '%s' '{asked}'")
    (folder / "by-helper.json").write_text(json.dumps(
        {"auths": {locked.host: {}}, "credHelpers": {locked.host: "sample"}}))
    good = [run(DOCKER_CONFIG=str(right)),
            run(REGISTRY_AUTH_FILE=str(right / "config.json")),
            run(SHITHUB_RUNNER_ENGINE__REGISTRY_AUTH_FILE=str(right / "config.json")),
            run(REGISTRY_AUTH_FILE=str(folder / "by-helper.json"), PATH=path)]
    for done in good:
        assert done.returncode == 0, done.text + done.errors
        assert "in the image" in done.text
    assert (folder / "helper/asked").read_text() == locked.host
    encoded = auth_entry(USER, PASSWORD)["auth"]
    for done in (none, wrong, *good):
        for secret in (PASSWORD, "incorrect horse", encoded, "X-Registry-Auth"):
            assert secret not in done.text + done.errors
    absent = run(REGISTRY_AUTH_FILE="/nowhere/auth.json")
    assert absent.returncode == 1 and "/nowhere/auth.json" in absent.text
    local.clean()


@once
def test_allowed_images(local, build):
    flags = {"SHITHUB_RUNNER_ENGINE__ALLOWED_IMAGES": "ghcr.io/shithub/*,shithub/runner-test:1"}
    fine = local.run("-n", env=flags)
    assert fine.returncode == 0, fine.errors
    refused = local.run(image="evil.example/shithub/runner-test:1", env=flags)
    assert refused.returncode == 2
    assert ("engine.default_image: image evil.example/shithub/runner-test:1 is not allowed, "
            "expected one of ghcr.io/shithub/*, shithub/runner-test:1") in refused.errors


@once
def test_interrupted_and_late(local, registry, door):
    """Ctrl-C and engine.pull_timeout end a pull from a registry that does not answer."""
    name = through(door, registry, registry.push()[0])
    child = local.start(image=name)
    driver.wait_for(lambda: door.asked, what="the layer to be asked for")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 1
    assert "cancelled" in local.said() and "in the image" not in local.said()
    late = local.run(image=name, pull_timeout="1s")
    assert late.returncode == 1
    assert re.search(r"error: image \S+: not here within 1s \(engine\.pull_timeout\)", late.text)
    door.opened.set()
    assert local.run(image=name).returncode == 0
    local.clean()


@once
def test_one_pull_for_all_jobs(coordinator, repository, joined, registry, door):
    """Two jobs want a missing image at once. It is pulled once, and both logs name it."""
    name, digest = registry.push()
    name = through(door, registry, name)
    repo = repository()
    jobs = "".join(f"""
  {job}:
    runs-on: ubuntu-latest
    steps:
      - run: echo {job}
        shell: sh
""" for job in ("one", "two"))
    repo.commit({".shithub/workflows/ci.yml": f"name: CI\non: push\njobs:{jobs}"})
    repo.push()
    program = joined(capacity=2, image=name).start()
    run = driver.wait_for(coordinator.runs, what="the run")[0]["id"]

    def shown():
        return coordinator.show(run)["jobs"]

    def logs():
        return [coordinator.step_log(job["id"], 0).decode() for job in shown()]

    driver.wait_for(lambda: door.asked and any("another job is pulling" in log for log in logs()),
                    what="one job to wait for the other")
    door.opened.set()
    driver.wait_for(lambda: all(job["status"] == "completed" for job in shown()), 60, "both jobs")
    assert all(f"[shithub] image {name}@{digest} (" in log for log in logs()), logs()
    assert sum(log.count("[shithub] pulling ") for log in logs()) == 1
    assert len(door.asked) == len(set(door.asked)), "no layer is asked for twice"
    program.stop()


@once
def test_digest_in_log(job):
    """The first action's log names the image; what a script wrote stays as it is."""
    done = job("- uses: actions/checkout@v4\n- run: echo plain")
    first = done.text(0).splitlines()[0]
    assert re.fullmatch(r"\[shithub\] image shithub/runner-test:1 \(sha256:[0-9a-f]{64}\)", first)
    assert done.log(1) == b"plain\n"
    scripts = job("- run: echo plain", name="demo/scripts")
    assert scripts.log(0) == b"plain\n"
    assert re.search(r'image .*shithub/runner-test:1.*sha256:', scripts.program.log())


def test_out_of_memory(job):
    done = job("- run: python3 -c 'bytearray(1 << 30)'\n"
               "- if: always()\n  run: echo next", memory="64m")
    lines = done.text(0).splitlines()
    assert lines[-1] == "[shithub] killed: out of memory, limit 64m", lines
    assert done.conclusions() == ["failure", "success"]
    assert done.log(1) == b"next\n", "the loss is its own step's"
