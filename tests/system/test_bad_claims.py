"""Malformed claims and broken surroundings: the job is reported as failed with the reason in its
log, the runner lives on and the next job runs."""
import json
import shutil
import subprocess

import pytest

import driver
from conftest import few, offline, once
from faulty import claim, first_token

pytestmark = offline

JOB = 7
CHECKOUT = [{"run": "", "uses": "actions/checkout@v4"}]


def changed(*replaced, **changes):
    """What makes the claim of a job of a given number; replaced: bytes and what stands for them."""
    def make(number):
        text = json.dumps(claim(number, **changes)).encode()
        return text.replace(*replaced, 1) if replaced else text
    return make


def without(key):
    def make(number):
        made = claim(number)
        del made["job"][key]
        return json.dumps(made).encode()
    return make


def payload(text):
    """The event payload replaced by raw JSON text."""
    return changed(b'"@"', text, event_payload="@")


# name: (claim, a word that the reason must hold)
REPORTED = {
    "steps-missing": (without("steps"), "steps"),
    "steps-empty": (changed(steps=[]), "step"),
    "steps-wrong-type": (changed(b'"steps": []', b'"steps": "x"', steps=[]), "steps"),
    "run-id-wrong-type": (changed(run_id="ten"), "run_id"),
    "run-id-negative": (changed(run_id=-4), "run_id"),
    "timeout-wrong-type": (changed(timeout_minutes="5"), "timeout_minutes"),
    "timeout-too-long": (changed(timeout_minutes=4321), "timeout_minutes"),
    "env-wrong-type": (changed(env=["A=1"]), "env"),
    "run-and-uses": (changed(steps=[{"run": "true", "uses": "actions/checkout@v4"}]), "run"),
    "neither-run-nor-uses": (changed(steps=[{"run": ""}]), "run"),
    "unknown-action": (changed(steps=[{"run": "", "uses": "evil/action@v1"}]), "evil/action@v1"),
    "duplicate-key": (changed(b'"run_id"', b'"run_id": 1, "run_id"'), "run_id"),
    "deep": (payload(b"[" * 10000 + b"]" * 10000), "deep"),
    "large": (payload(b'"' + b"x" * (50 << 20) + b'"'), "large"),
    "cut": (lambda number: changed()(number)[:-20], ""),
    "embedded-nul": (changed(job_name="a\0b"), "NUL"),
    "directory-escapes": (changed(steps=[{"working_directory": "a/../../b"}]),
                          "working_directory"),
    "url-credentials": (changed(steps=CHECKOUT, checkout_url="https://u:p@example.test/a/b.git"),
                        "checkout URL"),
    "url-file": (changed(steps=CHECKOUT, checkout_url="file:///etc"), "checkout URL"),
    "url-ssh": (changed(steps=CHECKOUT, checkout_url="ssh://git@example.test/a.git"),
                "checkout URL"),
    "url-option": (changed(steps=CHECKOUT, checkout_url="--upload-pack=x"), "checkout URL"),
    "sha-name": (changed(steps=CHECKOUT, head_sha="HEAD"), "head_sha"),
    "sha-short": (changed(steps=CHECKOUT, head_sha="a" * 39), "head_sha"),
    "sha-option": (changed(steps=CHECKOUT, head_sha="--" + "a" * 38), "head_sha"),
}
UNREPORTED = {
    "no-job-id": without("id"),
    "job-id-text": changed(id="seven"),
    "no-token": changed(b'"token"', b'"tokens"'),
    "no-json": lambda _: b"<html>hello</html>",
    "array": lambda _: b"[]",
    "empty": lambda _: b"",
}


@pytest.fixture
def started(faulty, runner):
    """A runner that polls the faulty coordinator."""
    def make(**flags):
        program = runner(faulty.base, faulty.token, poll_interval="100ms", **flags).start()
        faulty.wait(lambda: faulty.heartbeats, 30, "the first heartbeat")
        return program
    return make


def next_job_runs(faulty, program, number=JOB + 1):
    assert program.alive(), program.log()
    following = faulty.offer_job(number)
    assert faulty.wait_final(following) == ("completed", "success")
    assert following.log() == b"fine\n"
    assert following.replays == 0


@once
def test_reported(faulty, started):
    """One runner meets them all, one after the other, and has a job of its own after them."""
    program = started()
    for number, (name, (bad, word)) in enumerate(REPORTED.items(), JOB):
        job = faulty.expect(number)
        faulty.offer(bad(number))
        assert faulty.wait_final(job) == ("completed", "failure"), name
        text = job.log().decode(errors="replace")
        assert text.strip(), f"{name}: the reason stands in the job's log"
        assert word in text, (name, text)
        assert "p@example" not in text, "no credential in the log"
        assert program.alive(), (name, program.log())
    next_job_runs(faulty, program, JOB + len(REPORTED))
    assert program.stop() == 0


@once
def test_unreported(faulty, started):
    faulty.holds = False
    program = started()
    for number, (name, bad) in enumerate(UNREPORTED.items(), JOB):
        with faulty.lock:
            before = len(faulty.claims)
        faulty.offer(bad(number))
        faulty.wait(lambda: len(faulty.claims) > before, 60, f"a heartbeat that gets {name}")
    next_job_runs(faulty, program, JOB + len(UNREPORTED))
    # one names a job and no token; the others are no claim at all, which is asked for again
    assert program.log().count("claim_unusable") == 1, program.log()
    assert program.log().count("HTTP 200 without a claim") >= 1, program.log()
    for number in range(JOB, JOB + len(UNREPORTED)):
        assert first_token(number) not in program.log(), "tokens stay out of the log"
    assert program.stop() == 0


@few
def test_image_missing(faulty, started, engine, image):
    name, tag = "shithub/late", "missing"
    subprocess.run(["curl", "-s", "--unix-socket", engine.socket, "-X", "DELETE",
                    f"http://engine/images/{name}:{tag}"], stdout=subprocess.DEVNULL)
    program = started(image=f"{name}:{tag}")
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "failure")
    assert f"{name}:{tag}" in job.log().decode()
    engine.api("POST", f"/images/{image}/tag?repo={name}&tag={tag}")
    try:
        next_job_runs(faulty, program)
    finally:
        engine.api("DELETE", f"/images/{name}:{tag}")


@few
def test_engine_socket_absent(faulty, started, engine, folder):
    socket = folder / "engine.sock"
    socket.symlink_to(engine.socket)
    program = started(engine_socket=socket)
    socket.unlink()
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "failure")
    assert str(socket) in job.log().decode()
    socket.symlink_to(engine.socket)
    next_job_runs(faulty, program)


@once
def test_workspace_root_is_a_file(faulty, started, folder):
    root = folder / "work"
    root.mkdir()
    program = started(workspace_root=root)
    shutil.rmtree(root)
    root.write_text("not a folder\n")
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "failure")
    assert str(root) in job.log().decode()
    root.unlink()
    root.mkdir()
    next_job_runs(faulty, program)


@once
def test_workspace_root_read_only(faulty, started, folder):
    root = folder / "work"
    root.mkdir()
    program = started(workspace_root=root)
    driver.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", root])
    try:
        job = faulty.offer_job(JOB)
        assert faulty.wait_final(job) == ("completed", "failure")
        assert str(root) in job.log().decode()
    finally:
        driver.run(["umount", root])
    next_job_runs(faulty, program)
