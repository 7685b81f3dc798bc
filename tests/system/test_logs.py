"""The log path from a step's write to the coordinator: latency, coalescing, limit, faults, memory.

What depends on how the bytes leave the container runs in both ways, gate and attach.
"""
import hashlib
import json
import re
import time

import pytest

import driver
from conftest import few
from timed import JOB, STEP, TimedCoordinator, assert_bounded, job_pid, workspace_file

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
        assert faulty.wait_final(job, 180) == final, program.log()
        assert program.wait(60) == 0
        assert job.replays == 0
        return job
    return make


def numbers(count):
    return "".join(f"line {n:07d} of the log\n" for n in range(1, count + 1)).encode()


def spools(one):
    return sorted(one.state.rglob("step-*.log"))


def test_first_byte_arrives_within_250_ms(ended, faulty):
    job = ended(["sleep 1; date +%s%N; sleep 2; echo end"])
    written = int(job.log(STEP).split()[0]) / 1e9
    when, data = faulty.chunks()[0]
    assert b"end" not in data
    assert when - written < 0.25, f"{(when - written) * 1000:.0f} ms"


def test_slow_lines_are_coalesced(ended, faulty):
    job = ended(["for i in $(seq 500); do echo $i; sleep 0.01; done"])
    assert job.log(STEP) == "".join(f"{n}\n" for n in range(1, 501)).encode()
    taken = faulty.chunks()[-1][0] - faulty.chunks()[0][0]
    assert taken > 4
    assert len(faulty.chunks()) <= taken + 3, [len(data) for _, data in faulty.chunks()]


def test_fast_output_goes_in_large_chunks(ended, faulty):
    count = (8 << 20) // 24
    job = ended([NUMBERS.format(count=count)])
    assert job.log(STEP) == numbers(count)
    sizes = [len(data) for _, data in faulty.chunks()]
    assert max(sizes) == CHUNK
    assert len(sizes) <= (8 << 20) // CHUNK + 6, sizes
    assert sum(size < CHUNK // 8 for size in sizes) <= 3, sizes


def test_limit_has_one_marker_and_keeps_the_runners_own_lines(ended):
    job = ended([NUMBERS.format(count=100000) + "; exit 7",
                 {"if": "always()", "run": "echo after"}],
                final=("completed", "failure"), limit=LIMIT)
    text = job.log(STEP)
    head = numbers(100000)[:LIMIT]
    assert text.startswith(head)
    assert text[LIMIT:].lstrip(b"\n") == MARKER % LIMIT + b"[shithub] exit code 7\n"
    assert job.log(STEP + 1) == b"after\n", "the limit is each step's own"


@few
def test_secrets_after_the_limit_cannot_appear_in_own_lines(ended):
    job = ended([NUMBERS.format(count=10000) + "; echo '::set-env name=hidden-value::x'; echo "
                 "'::add-mask::second-hidden'; echo '::stop-commands::echo second-hidden'; exit 7"],
                final=("completed", "failure"), limit=LIMIT, mask_values=["hidden-value"])
    rest = job.log(STEP)[LIMIT:]
    assert b"hidden" not in rest
    assert rest.count(b"log truncated") == 1
    assert rest.endswith(b"[shithub] exit code 7\n")


def test_limit_never_slows_the_step(started, faulty):
    """Also not when the coordinator takes no log at all while the step runs."""
    logs = faulty.hang("/logs$")
    one, program, job = started(
        ["echo begin; sleep 0.5; a=$(date +%s%N); head -c 256M /dev/zero | tr '\\0' x; "
         f"b=$(date +%s%N); echo $(((b - a) / 1000000)) > took; {HOLD}"], limit=1 << 20)
    done = workspace_file(one, "done")
    took = int((done.parent / "took").read_text())
    assert faulty.hung() == 1 and not job.log(), "no log arrived meanwhile"
    logs.set()
    (done.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert took < 8000, f"256 MiB took {took} ms"
    assert len(job.log(STEP)) < (1 << 20) + 200
    assert job.log(STEP).endswith(MARKER % (1 << 20))


@few
@pytest.mark.parametrize("shift", range(4))
def test_no_character_is_split_at_the_limit(ended, shift):
    script = (f"printf '%{shift}s' ''; "
              "head -c 200000 /dev/zero | sed 's/\\x0/\\xf0\\x9f\\x98\\x80/g'")
    text = ended([script], limit=LIMIT).log(STEP).decode()
    kept, marker = text.split("\n", 1)
    assert marker == (MARKER % LIMIT).decode()
    assert set(kept.lstrip()) == {"\U0001f600"}
    assert LIMIT - 3 <= len(kept.encode()) <= LIMIT


BINARY = """
import random, sys
random.seed(11)
data = bytes(range(256)) * 16 + random.randbytes(1 << 20) + b"\\r\\n\\r\\0\\x1b[31m\\xff\\xfe"
sys.stdout.buffer.write(data)
"""


def test_binary_output_is_byte_identical(ended):
    job = ended([{"run": BINARY, "shell": "python"}])
    made = driver.run(["/usr/bin/python3", "-"], stdin=BINARY.encode()).stdout
    assert hashlib.sha256(job.log(STEP)).digest() == hashlib.sha256(made).digest()


def test_both_streams_keep_their_order(ended):
    job = ended(["for i in $(seq 2000); do echo out $i; echo err $i >&2; done"])
    assert job.log(STEP) == "".join(f"out {n}\nerr {n}\n" for n in range(1, 2001)).encode()


SIZES = {"gate": "2G", "attach": "512M"}


def test_one_endless_line_costs_bounded_memory_and_spool(started, faulty, build, way):
    one, program, job = started(
        [f"head -c {SIZES[way]} /dev/zero | tr '\\0' x; {HOLD}"],
        secrets={f"S{n}": f"secret-value-{n:02d}" * 3 for n in range(20)})
    pid = job_pid(program)
    largest = 0

    def done():
        nonlocal largest
        largest = max([largest, *(spool.stat().st_size for spool in spools(one))])
        return list(one.workspaces.glob(f"*/{JOB}/done"))
    done = driver.wait_for(done, 120, "the step's output")[0]
    assert_bounded(pid, build)
    (done.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert 10 << 20 <= largest < (10 << 20) + 4096
    assert len(job.log(STEP)) == (10 << 20) + 1 + len(MARKER % (10 << 20))


def test_delivered_logs_leave_the_state_folder(started, faulty):
    """A job of many steps holds neither the files nor the descriptors of logs that arrived."""
    count = 12
    steps = [f"echo {n}" for n in range(count)] + [HOLD]
    one, program, job = started(steps, flags={"isolation": "job"})
    done = workspace_file(one, "done")
    driver.wait_for(lambda: len(spools(one)) <= 2, 20, "delivered logs to leave")
    (done.parent / "go").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert job.log() == "".join(f"{n}\n" for n in range(count)).encode()


@few
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


def refusals_only(faulty, status):
    faulty.refuse("/logs$", status, times=10 ** 6)


@few
def test_a_coordinator_that_takes_no_logs_still_gets_the_result(ended, faulty):
    refusals_only(faulty, 413)
    job = ended([NUMBERS.format(count=100000), "exit 3"], final=("completed", "failure"))
    assert job.log() == b""
    assert job.statuses(STEP) == [("running", None), ("completed", "success")]


COUNT = 150000  # 3.6 MB


@few
@pytest.mark.parametrize("fault", ("503", "429", "dropped", "mixed"))
def test_faults_in_the_middle_leave_the_log_whole(started, faulty, fault):
    one, program, job = started(
        [f"touch wrote; until [ -e next ]; do sleep 0.02; done; {NUMBERS.format(count=COUNT)}",
         "echo fine"])
    wrote = workspace_file(one, "wrote")
    if fault in ("503", "mixed"):
        faulty.refuse("/logs$", 503, times=3)
    if fault in ("429", "mixed"):
        faulty.refuse("/logs$", 429, {"Retry-After": "1"})
    if fault in ("dropped", "mixed"):
        faulty.drop("/logs$")
        faulty.drop("/logs$")
    (wrote.parent / "next").touch()
    assert faulty.wait_final(job) == ("completed", "success")
    assert job.log(STEP) == numbers(COUNT)
    assert job.log(STEP + 1) == b"fine\n"
    assert job.replays == 0


@few
def test_a_hanging_coordinator_leaves_the_log_whole(started, faulty):
    """It takes a chunk and is silent: the runner hangs up and says the same again."""
    one, program, job = started([NUMBERS.format(count=COUNT), "echo fine"])
    release = faulty.hang("/logs$")
    faulty.wait(lambda: faulty.hung() == 1, 60, "the hanging call")
    begin = time.monotonic()
    assert faulty.wait_final(job) == ("completed", "success")
    assert 10 < time.monotonic() - begin < 40
    release.set()
    assert job.log(STEP) == numbers(COUNT)
    assert job.log(STEP + 1) == b"fine\n"
    assert job.replays == 0


def test_background_process_ends_after_a_bounded_drain(ended, faulty, way):
    job = ended(["(for i in $(seq 600); do sleep 0.1; echo late; done) & echo begun"])
    begin = faulty.first("step", STEP, status="running")
    end = faulty.first("step", STEP, status="completed")
    assert 1.5 < end - begin < 8
    text = job.log(STEP)
    assert text.startswith(b"begun\n")
    assert b"late" in text, "what comes within the drain is kept"
    assert text.count(b"late") < 40
    if way == "gate":
        assert text.count(b"[shithub] a background process still held the output open") == 1


def test_silent_background_process_that_holds_the_output(ended, faulty):
    ended(["sleep 600 & echo begun", "echo next"])
    begin = faulty.first("step", STEP, status="running")
    end = faulty.first("step", STEP, status="completed")
    assert end - begin < 8


def test_process_substitution_is_waited_for(ended):
    job = ended(["exec > >(sed 's/^/tee: /'); echo one; sleep 0.3; echo two"])
    assert job.log(STEP) == b"tee: one\ntee: two\n"


def test_the_real_coordinator_keeps_every_byte(job):
    done = job("- run: " + NUMBERS.format(count=200000) + "\n- run: printf 'no newline'")
    assert done.conclusion == "success"
    assert done.log(0) == numbers(200000)
    assert done.log(1) == b"no newline"


def test_limit_is_a_setting_with_a_range(build, folder):
    """Values outside of it are told before anything starts."""
    config = folder / "config.toml"
    config.write_text('[runner]\nstep_log_limit = "1k"\n')
    done = driver.run([build / "shithubd-runner", "config", "check", "--config", config,
                       "--output", "json"], check=False)
    assert done.returncode != 0
    told = json.loads(done.stdout or "{}")
    text = json.dumps(told) + done.stderr.decode()
    assert re.search(r"config\.toml.*2.*step_log_limit", text, re.S), text
