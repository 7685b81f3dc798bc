"""The log path from a step's write to the coordinator: latency, coalescing, limit, faults, memory.

What depends on how the bytes leave the container runs with both transports, gate and attach.
"""
import hashlib
import json
import re

import pytest

import driver
from conftest import early, few, offline, once, others
from timed import JOB, STEP, TimedCoordinator, assert_bounded, job_pid, workspace_file

pytestmark = offline

CHUNK = 512 << 10
LIMIT = 64 << 10
MARKER = b"[shithub] log truncated: this step wrote more than %d bytes, the rest is dropped\n"
HOLD = "touch done; until [ -e go ]; do sleep 0.02; done"
NUMBERS = "seq -f 'line %07.0f of the log' {count}"


@pytest.fixture
def faulty():
    made = TimedCoordinator()
    yield made
    made.stop()


@pytest.fixture
def started(faulty, runner):
    """started(steps, limit): the runner, its program and what is recorded of the job."""
    def make(steps, limit=None, **changes):
        one = runner(faulty.base, faulty.token, poll_interval="100ms",
                     **changes.pop("flags", {}))
        if limit:
            one.env["SHITHUB_RUNNER_STEP_LOG_LIMIT"] = str(limit)
        steps = [given if isinstance(given, dict) else {"run": given} for given in steps]
        job = faulty.offer_job(JOB, steps=steps, **changes)
        return one, one.start("--once"), job
    return make


@pytest.fixture
def ended(started, faulty):
    """Like started, once the job's last status arrived; what is recorded of the job."""
    def make(steps, final=("completed", "success"), **more):
        _, program, job = started(steps, **more)
        assert faulty.wait_final(job) == final, program.log()
        assert program.wait(60) == 0
        assert job.replays == 0
        return job
    return make


def numbers(count):
    return "".join(f"line {n:07d} of the log\n" for n in range(1, count + 1)).encode()


def spools(one):
    return sorted(one.state.rglob("step-*.log"))


@few
def test_first_bytes_arrive_while_the_step_waits(started, faulty):
    """Several rounds, because a busy machine can delay some. The best takes less than 250 ms."""
    rounds = 6
    one, program, job = started([
        f"touch begun; for i in $(seq {rounds}); do date +%s%N; "
        "until [ -e go-$i ]; do sleep 0.02; done; done"])
    begun = workspace_file(one, "begun")
    took = []
    for number in range(1, rounds + 1):
        faulty.wait(lambda: job.log(STEP).count(b"\n") == number, 30, "what the step wrote")
        written = int(job.log(STEP).split()[-1]) / 1e9
        took.append(faulty.chunks()[-1][0] - written)
        (begun.parent / f"go-{number}").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert min(took) < 0.25, took


@few
def test_slow_lines_are_coalesced(ended, faulty):
    job = ended(["for i in $(seq 500); do echo $i; sleep 0.01; done"])
    assert job.log(STEP) == "".join(f"{n}\n" for n in range(1, 501)).encode()
    taken = faulty.chunks()[-1][0] - faulty.chunks()[0][0]
    assert taken > 4
    assert len(faulty.chunks()) <= taken + 3, [len(data) for _, data in faulty.chunks()]


@few
def test_waiting_output_goes_in_large_chunks(started, faulty):
    """All output was written while the first call hung, so only its size decides."""
    count = (8 << 20) // 24
    logs = faulty.hang("/logs$")
    one, program, job = started([f"echo first; {NUMBERS.format(count=count)}; {HOLD}"])
    done = workspace_file(one, "done")
    driver.wait_for(lambda: spools(one)[0].stat().st_size == 6 + 24 * count, 30, "the spool")
    logs.set()
    faulty.wait(lambda: len(job.log(STEP)) == 6 + 24 * count, 60, "the whole log")
    (done.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert job.log(STEP) == b"first\n" + numbers(count)
    sizes = [len(data) for _, data in faulty.chunks()]
    assert set(sizes[1:-1]) == {CHUNK}, sizes


@few
def test_limit_has_one_marker_and_keeps_the_runners_own_lines(ended):
    job = ended([NUMBERS.format(count=100000) + "; exit 7",
                 {"if": "always()", "run": "echo after"}],
                final=("completed", "failure"), limit=LIMIT)
    text = job.log(STEP)
    head = numbers(100000)[:LIMIT]
    assert text.startswith(head)
    assert text[LIMIT:].lstrip(b"\n") == MARKER % LIMIT + b"[shithub] exit code 7\n"
    assert job.log(STEP + 1) == b"after\n", "the limit is each step's own"


@once
def test_secrets_after_the_limit_cannot_appear_in_own_lines(ended):
    job = ended([NUMBERS.format(count=10000) + "; echo '::set-env name=hidden-value::x'; echo "
                 "'::add-mask::second-hidden'; echo '::stop-commands::echo second-hidden'; exit 7"],
                final=("completed", "failure"), limit=LIMIT, mask_values=["hidden-value"])
    rest = job.log(STEP)[LIMIT:]
    assert b"hidden" not in rest
    assert rest.count(b"log truncated") == 1
    assert rest.endswith(b"[shithub] exit code 7\n")


GREEDY = """
python3 - <<'END'
import random
print("::add-mask::" + "too-long" * 8200)
for number in range(400):
    print("::add-mask::" + "".join(chr(random.randrange(33, 127)) for _ in range(8000)).replace("%", "&"))
    print("number", number)
END
"""


@few
def test_masks_of_a_step_cost_bounded_memory(started, faulty, build):
    one, program, job = started([GREEDY + HOLD])
    pid = job_pid(program)
    done = workspace_file(one, "done", timeout=120)
    faulty.wait(lambda: b"number 399" in job.log(STEP), 60, "the log")
    assert_bounded(pid, build, 96)
    (done.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    text = job.log(STEP).decode()
    refused = "[shithub] add-mask: secret of 65600 bytes, expected at most 65536"
    assert "too-long" not in text and text.splitlines()[0].startswith(refused), text[:300]
    assert text.splitlines()[1:3] == ["::add-mask::***", "number 0"]
    assert {line for line in text.splitlines() if line.startswith("::add-mask::")} == {
        "::add-mask::***"}, "a refused one is not shown"
    assert 1 <= text.count("too many secrets to mask") <= 20
    assert [line for line in text.splitlines() if line.startswith("number ")] == [
        f"number {number}" for number in range(400)], "and nothing else is missing"


UNMASKABLE = {
    "one that is too long": {"S": "long-secret-" * 6000},
    "more than fit in": {f"S{n:02d}": f"{n:02d}-secret&" * 4800 for n in range(20)},
}


@once
@pytest.mark.parametrize("given", UNMASKABLE)
def test_a_secret_that_cannot_be_masked_fails_the_job(ended, given):
    secrets = UNMASKABLE[given]
    name = sorted(secrets)[-1]
    job = ended([{"run": 'echo "begin $LAST" | cut -c 1-200',
                  "env": {"LAST": "${{ secrets.%s }}" % name}}],
                final=("completed", "failure"), secrets=secrets)
    text = job.log(STEP).decode()
    assert re.fullmatch(r"\[shithub\] error: secret S\d* cannot be masked: .*\n", text), text[:300]
    assert "secret-" not in text and "secret&" not in text


@few
def test_log_limit_never_blocks_the_step(started, faulty):
    """The coordinator takes no log at all while the step writes far more than the limit."""
    logs = faulty.hang("/logs$", times=100)
    one, program, job = started(
        [f"echo begin; head -c 64M /dev/zero | tr '\\0' x; {HOLD}"], limit=1 << 20)
    done = workspace_file(one, "done")
    assert faulty.hung() and not job.log(), "no log arrived meanwhile"
    logs.set()
    (done.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert len(job.log(STEP)) < (1 << 20) + 200
    assert job.log(STEP).endswith(MARKER % (1 << 20))


@once
def test_no_character_is_split_at_the_limit(ended):
    """Four steps, because the limit is each one's own: each byte of a character meets it."""
    job = ended([f"printf '%{shift}s' ''; "
                 "head -c 200000 /dev/zero | sed 's/\\x0/\\xf0\\x9f\\x98\\x80/g'"
                 for shift in range(4)], limit=LIMIT)
    for shift in range(4):
        kept, marker = job.log(STEP + shift).decode().split("\n", 1)
        assert marker == (MARKER % LIMIT).decode()
        assert set(kept.lstrip()) == {"\U0001f600"}
        assert LIMIT - 3 <= len(kept.encode()) <= LIMIT


BINARY = """
import random, sys
random.seed(11)
data = bytes(range(256)) * 16 + random.randbytes(1 << 20) + b"\\r\\n\\r\\0\\x1b[31m\\xff\\xfe"
sys.stdout.buffer.write(data)
"""


def test_output_is_byte_identical_and_in_order(ended):
    """Binary data in one step, both streams in the next."""
    job = ended([{"run": BINARY, "shell": "python"},
                 "for i in $(seq 2000); do echo out $i; echo err $i >&2; done"])
    made = driver.run(["/usr/bin/python3", "-"], stdin=BINARY.encode()).stdout
    assert hashlib.sha256(job.log(STEP)).digest() == hashlib.sha256(made).digest()
    assert job.log(STEP + 1) == "".join(f"out {n}\nerr {n}\n" for n in range(1, 2001)).encode()


SIZES = {"gate": "2G", "attach": "64M"}  # past what 31 bits count, and past all buffers


@few
def test_one_endless_line_costs_bounded_memory_and_spool(started, faulty, build, transport):
    one, program, job = started(
        [f"head -c {SIZES[transport]} /dev/zero | tr '\\0' x; {HOLD}"],
        secrets={f"S{n}": f"secret-value-{n:02d}" * 3 for n in range(20)})
    pid = job_pid(program)
    largest = 0

    def done():
        nonlocal largest
        largest = max([largest, *(spool.stat().st_size for spool in spools(one))])
        return list(one.in_workspaces(f"*/{JOB}/workspace/done"))
    done = driver.wait_for(done, 120, "the step's output")[0]
    assert_bounded(pid, build)
    (done.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert 10 << 20 <= largest < (10 << 20) + 4096
    assert len(job.log(STEP)) == (10 << 20) + 1 + len(MARKER % (10 << 20))


@once
def test_delivered_logs_leave_the_state_folder(started, faulty):
    """Files and descriptors of logs that arrived are given up while the job goes on."""
    count = 12
    steps = [f"echo {n}" for n in range(count)] + [HOLD]
    one, program, job = started(steps, flags={"isolation": "job"})
    done = workspace_file(one, "done")
    driver.wait_for(lambda: len(spools(one)) <= 2, 20, "delivered logs to leave")
    (done.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert job.log() == "".join(f"{n}\n" for n in range(count)).encode()


@once
@pytest.mark.parametrize("status", (400, 413))
def test_refused_chunk_is_dropped_with_one_notice(started, faulty, status):
    faulty.refuse("/logs$", status)
    script = "".join(f"echo {word}; touch {word}; until [ -e go-{word} ]; do sleep 0.02; done\n"
                     for word in ("first", "second", "third"))
    one, program, job = started([script, "echo fine"])
    mark = workspace_file(one, "first")
    driver.wait_for(lambda: program.log().count("log_chunk_refused") == 1, 20, "the notice")
    faulty.wait(lambda: b"refused part" in job.log(STEP), 20, "the notice in the log")
    faulty.refuse("/logs$", status)
    (mark.parent / "go-first").touch()
    workspace_file(one, "second")
    faulty.wait(lambda: faulty.refusals[-1][3] == 0, 20, "the second refusal")
    for word in ("second", "third"):
        (mark.parent / f"go-{word}").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert program.log().count("log_chunk_refused") == 1
    notice, rest = job.log(STEP).split(b"\n", 1)
    assert notice.startswith(b"[shithub] the coordinator refused part of this log, 6 bytes")
    assert f"HTTP {status}".encode() in notice
    assert rest == b"third\n"
    assert job.log(STEP + 1) == b"fine\n"


@once
def test_a_coordinator_that_takes_no_logs_still_gets_the_result(ended, faulty):
    faulty.refuse("/logs$", 413, times=10 ** 6)
    job = ended([NUMBERS.format(count=100000), "exit 3"], final=("completed", "failure"))
    assert job.log() == b""
    assert job.statuses(STEP) == [("running", None), ("completed", "success")]


COUNT = 150000  # 3.6 MB


FAULTS = ("503", "429", "dropped", "mixed")


@once
def test_faults_in_the_middle_leave_the_log_whole(started, faulty):
    """A step for each fault, and one after them."""
    one, program, job = started([
        f"touch wrote-{name}; until [ -e next-{name} ]; do sleep 0.02; done; "
        f"{NUMBERS.format(count=COUNT)}" for name in FAULTS] + ["echo fine"])
    for index, fault in enumerate(FAULTS):
        wrote = workspace_file(one, f"wrote-{fault}")
        # comes after the whole log of the step before, which must not take this one's faults
        faulty.wait(lambda: job.statuses(STEP + index), 60, "the step")
        if fault in ("503", "mixed"):
            faulty.refuse("/logs$", 503, times=3)
        if fault in ("429", "mixed"):
            faulty.refuse("/logs$", 429, {"Retry-After": "1"})
        if fault in ("dropped", "mixed"):
            faulty.drop("/logs$")
            faulty.drop("/logs$")
        (wrote.parent / f"next-{fault}").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    for index in range(len(FAULTS)):
        assert job.log(STEP + index) == numbers(COUNT)
    assert job.log(STEP + len(FAULTS)) == b"fine\n"
    assert not faulty.drops and not any(left for *_, left in faulty.refusals), "each came"
    assert job.replays == 0


@early
@once
def test_a_hanging_coordinator_leaves_the_log_whole(started, faulty):
    """It takes a chunk and does not answer. The runner hangs up and sends the same again."""
    one, program, job = started([NUMBERS.format(count=COUNT), "echo fine"])
    release = faulty.hang("/logs$")
    faulty.wait(lambda: faulty.hung() == 1, 60, "the hanging call")
    assert faulty.wait_final(job) == ("completed", "success")
    assert not release.is_set()
    assert job.log(STEP) == numbers(COUNT)
    assert job.log(STEP + 1) == b"fine\n"
    assert job.replays == 0


@others
def test_background_process_ends_after_a_bounded_drain(ended, transport):
    job = ended(["(while :; do sleep 0.1; echo late; done) & echo begun"])
    text = job.log(STEP)
    assert text.startswith(b"begun\n")
    assert b"late" in text, "what comes within the drain is kept"
    if transport == "gate":
        assert text.count(b"[shithub] a background process still held the output open") == 1


@few
def test_silent_processes_that_hold_the_output(ended):
    """One that nobody waits for is not waited for long, a process substitution to its end."""
    job = ended(["sleep infinity & echo begun", "echo next",
                 "exec > >(sed 's/^/tee: /'); echo one; sleep 0.3; echo two"])
    assert job.log(STEP).startswith(b"begun\n") and job.log(STEP + 1) == b"next\n"
    assert job.log(STEP + 2) == b"tee: one\ntee: two\n"


@few
def test_the_real_coordinator_keeps_every_byte(job):
    done = job("- run: " + NUMBERS.format(count=200000) + "\n- run: printf 'no newline'")
    assert done.conclusion == "success"
    assert done.log(0) == numbers(200000)
    assert done.log(1) == b"no newline"


def test_limit_is_a_setting_with_a_range(build, folder):
    """A value outside of it is refused before anything starts."""
    config = folder / "config.toml"
    config.write_text('[runner]\nstep_log_limit = "1k"\n')
    done = driver.run([build / "shithubd-runner", "config", "check", "--config", config,
                       "--output", "json"], check=False)
    assert done.returncode != 0
    told = json.loads(done.stdout or "{}")
    text = json.dumps(told) + done.stderr.decode()
    assert re.search(r"config\.toml.*2.*step_log_limit", text, re.S), text
