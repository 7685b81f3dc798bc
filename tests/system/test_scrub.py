"""The coordinator masks what runners send, whatever they send: these send secrets in clear."""
import base64
import signal
import sqlite3

import byhand
import driver
import pytest

SECRET = b"hunter2-abcab"  # its end is its beginning's like
PEM = b"-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\nq0vGvLjGmFx3Zt3kQ9\n-----END KEY-----"
WORKFLOW = """\
on: workflow_dispatch
jobs:
  leak:
    runs-on: linux
    outputs: {plain: fine, clear: a, coded: b}
    steps: [{run: echo one}, {run: echo two}, {run: echo three}]
  after: {runs-on: linux, needs: leak, steps: [{run: echo on}]}
"""


class Leak:
    def __init__(self, coordinator, repository, pat):
        self.coordinator, self.pat = coordinator, pat
        self.registration = coordinator.register_runner("leaky", labels="linux")["token"]
        repo = repository()
        repo.commit({".shithub/workflows/leak.yml": WORKFLOW})
        repo.push()
        self.set("TOKEN", SECRET)
        self.set("PEM", PEM)

    def set(self, name, value):
        self.coordinator.admin("secret", "set", "--repo", "demo/sample", "--name", name,
                               stdin=value)

    def claim(self):
        self.coordinator.admin("run", "dispatch", "--repo", "demo/sample", "--workflow",
                               "leak.yml")
        return byhand.claim(self.coordinator, self.registration)

    def read(self, wire, step=0):
        path = f"/api/v1/jobs/{wire.job['id']}/steps/{wire.steps[step]}/log"
        return self.coordinator.request("GET", path, token=self.pat).body

    def stored(self):
        """Everything that lies on the disk, deleted pages included."""
        return b"".join(path.read_bytes() for path in sorted(self.coordinator.data.rglob("*"))
                        if path.is_file())


@pytest.fixture
def leak(coordinator, repository, pat):
    return Leak(coordinator, repository, pat)


def test_every_cut_in_two(leak, coordinator):
    """While it is undecided nobody reads even its first byte; at the end nothing is missing."""
    wire, shown = leak.claim(), b""
    for cut in range(len(SECRET) + 1):
        wire.logs(b"<" + SECRET[:cut])
        assert leak.read(wire) == shown + (b"<***" if cut == len(SECRET) else b"<"), cut
        wire.logs(SECRET[cut:] + b">\n")
        shown += b"<***>\n"
        assert leak.read(wire) == shown, cut
    assert coordinator.metric("log_scrubs_total") == len(SECRET) + 1
    assert SECRET not in leak.stored()


def test_every_cut_in_three(leak):
    wire, shown = leak.claim(), b""
    for first in range(len(SECRET)):
        for second in range(first + 1, len(SECRET)):
            wire.logs(b"<" + SECRET[:first], SECRET[first:second])
            wire.logs(SECRET[second:] + b">")
            shown += b"<***>"
        assert leak.read(wire) == shown, first
    wire.logs(SECRET[:7])
    assert leak.read(wire) == shown
    wire.end_step()
    assert leak.read(wire) == shown + SECRET[:7], "what turned out to be none is not lost"


@pytest.mark.parametrize("text", [
    PEM, base64.b64encode(SECRET + b"x"), base64.b64encode(b"x" + SECRET + b"yz"),
    SECRET.hex().encode(), PEM.replace(b"\n", b"\r\n"), PEM.replace(b"\n", b"\\n"),
    b"".join(b"\\u%04x" % byte for byte in SECRET)], ids=range(7))
def test_other_spellings_over_chunks(leak, text):
    wire = leak.claim()
    size = max(1, len(text) // 5)
    wire.logs(b"[", *(text[at:at + size] for at in range(0, len(text), size)), b"]\n")
    wire.end_step()
    log = leak.read(wire)
    assert log.startswith(b"[") and log.endswith(b"]\n") and b"***" in log, log
    assert len(log) < 16 and text[2:-6] not in log, log


def test_killed_between_the_halves(leak, coordinator):
    wire = leak.claim()
    wire.logs(b"before " + SECRET[:5])
    coordinator.program.signal(signal.SIGKILL)
    coordinator.program.wait()
    assert SECRET[:5] not in leak.stored(), "it is held back sealed"
    coordinator.start(coordinator.base.removeprefix("http://"))
    assert leak.read(wire) == b"before "
    wire.logs(SECRET[5:] + b" after " + SECRET[:3])
    coordinator.program.signal(signal.SIGKILL)
    coordinator.program.wait()
    coordinator.start(coordinator.base.removeprefix("http://"))
    wire.end_step()
    wire.end()
    assert leak.read(wire) == b"before *** after " + SECRET[:3]


def test_a_secret_that_changes_meanwhile(leak):
    wire = leak.claim()
    leak.set("TOKEN", b"another-value")
    wire.logs(b"old " + SECRET + b", new another-value\n")
    wire.end()
    assert leak.read(wire) == b"old ***, new another-value\n", "what this job never had is no secret"
    leak.coordinator.admin("run", "cancel", "--id", str(wire.job["run_id"]))
    later = leak.claim()
    later.logs(b"new another-", b"value\n")
    later.end()
    assert leak.read(later) == b"new ***\n"


def test_steps_are_streams_of_their_own(leak):
    """Half of it in one step and half in the next is no secret; a repeated chunk adds nothing."""
    wire = leak.claim()
    wire.logs(b"1" + SECRET[:6])
    wire.logs(SECRET[6:] + b"\n", step=1)
    wire.logs(SECRET[6:] + b"!", step=0)
    assert wire.log(SECRET[6:] + b"!", step=0, seq=1).status == 202
    assert wire.log(SECRET[:6], step=2, seq=5).status == 202
    assert wire.log(SECRET[6:], step=2, seq=3).status == 202, "one of before, as far as we know"
    wire.end()
    assert leak.read(wire, 0) == b"1***!"
    assert leak.read(wire, 1) == SECRET[6:] + b"\n"
    assert leak.read(wire, 2) == SECRET[:6]


def test_runner_that_vanishes_with_half_of_it(leak, coordinator):
    """What is held back is decided although no step's end was ever reported."""
    wire = leak.claim()
    wire.logs(b"half: " + SECRET[:6])
    byhand.heartbeat(coordinator, leak.registration, active_job_ids=[])
    log = leak.read(wire)
    assert log.startswith(b"half: " + SECRET[:6] + b"\nCancelled: the runner says"), log


def test_nothing_is_kept_of_a_job_that_is_over(leak, coordinator):
    wire = leak.claim()
    wire.logs(SECRET[:4])

    def rows(what):
        with sqlite3.connect(f"file:{coordinator.data}/shithubd.db?mode=ro", uri=True) as store:
            return store.execute(f"SELECT count(*) FROM {what}").fetchone()[0]

    assert rows("job_masks") == 1
    assert rows("workflow_steps WHERE log_held IS NOT NULL") == 1
    wire.end()
    assert rows("workflow_steps WHERE log_held IS NOT NULL") == 0
    driver.wait_for(lambda: rows("job_masks") == 0, what="the values dropped")


def test_archived_logs_are_the_masked_ones(leak, coordinator):
    wire = leak.claim()
    wire.logs(b"a " + SECRET[:9], SECRET[9:] + b"\n")
    wire.end_step()
    wire.end()
    driver.run([coordinator.binary, "run-job", "workflow:cleanup", "--keep-chunks-days", "0",
                "--data", coordinator.data])
    assert leak.read(wire) == b"a ***\n"
    archived = list(coordinator.data.rglob("*.log"))
    assert [path.read_bytes() for path in archived if "steps" in str(path)] == [b"a ***\n"]


def test_outputs_hold_no_secret(leak, coordinator):
    wire = leak.claim()
    wire.logs(b"hello\n")
    outputs = {"plain": "fine", "clear": "is " + SECRET.decode(),
               "coded": base64.b64encode(SECRET + b"x").decode()}
    assert wire.call("outputs", {"outputs": {"nope": "x", **outputs}}).status == 400
    assert wire.call("outputs", {"outputs": outputs}).status == 200
    wire.end()
    assert leak.read(wire) == (b"hello\nThe output \"clear\" is not kept: it holds a secret.\n"
                               b"The output \"coded\" is not kept: it holds a secret.\n")
    after = byhand.claim(coordinator, leak.registration)
    assert after.job["needs_context"]["leak"]["outputs"] == {"plain": "fine"}
    assert coordinator.metric("outputs_scrubbed_total") == 2
    assert SECRET not in leak.stored()


def test_jobs_without_secrets_are_stored_as_they_come(coordinator, repository, pat):
    repo = repository()
    repo.commit({".shithub/workflows/leak.yml": WORKFLOW})
    repo.push()
    coordinator.admin("run", "dispatch", "--repo", "demo/sample", "--workflow", "leak.yml")
    wire = byhand.claim(coordinator, coordinator.register_runner("leaky", labels="linux")["token"])
    wire.logs(b"\0\xff" + SECRET, SECRET[:3])
    assert coordinator.step_log(wire.job["id"], 0) == b"\0\xff" + SECRET + SECRET[:3]
