"""Kills at every phase of a job: what the next start, or the same runner, makes of it.

After each: every step and the job have ended exactly once, the log holds all that the step wrote,
nothing of the job is left in engine, workspace root or state directory, and the next job runs.
"""
import contextlib
import fcntl
import http.server
import os
import pathlib
import random
import re
import signal
import socket
import threading

import pytest

import driver
from conftest import early, everyday, few, figure, newest_run, offline, once, workflow
from timed import job_pid

JOB = 5
STEP = JOB * 100
LINES = "".join(f"line {number}\n" for number in range(200))
TALK = "seq -f 'line %g' 0 199\ntouch started\nuntil [ -e go ]; do sleep 0.05; done\necho done"
RESTARTED = b"[shithub] runner restarted while this step ran\n"
ENDED = {("completed", "failure"), ("completed", "success"), ("skipped", "skipped")}
RECOVERY_DEADLINE = 30.0


def has_read(runner, step):
    """The runner has read what that step wrote before its mark. What is still in the pipe when the
    runner is killed is lost."""
    def written():
        log = next(runner.state.glob(f"jobs/*/step-{step}.log"), None)
        return log and log.stat().st_size >= len(LINES)
    driver.wait_for(written, 30, f"the output of step {step}")


class Killed:
    """A runner of the faulty coordinator, and ways to kill it."""

    def __init__(self, faulty, runner, engine, **flags):
        self.faulty, self.engine = faulty, engine
        # dies as it would without a sanitizer, whose own handler would report instead
        self.one = runner(faulty.base, faulty.token, **{"poll_interval": "100ms", **flags})
        self.one.env["ASAN_OPTIONS"] = "handle_segv=0"
        self.program = self.one.start()

    def path(self, *parts):
        return self.one.state.joinpath(*parts)

    def marked(self, name="started", number=JOB):
        return driver.wait_for(lambda: next(self.one.in_workspaces(f"*/{number}/workspace/{name}"), None),
                               60, f"{name} of job {number}")

    def read(self, step):
        has_read(self.one, step)

    def go(self, number=JOB):
        (self.marked(number=number).parent / "go").touch()

    def roles(self, name):
        """Process ids of a role of this runner's."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = re.search(r"PPid:\s+(\d+)", (entry / "status").read_text())
                if words[1:2] == [name.encode()] and \
                        int(parent.group(1)) == self.program.process.pid:
                    found.append(int(entry.name))
        return found

    def kill(self):
        self.program.signal(signal.SIGKILL)
        self.program.wait(10)

    def restart(self):
        self.program = self.one.start()

    def clean(self):
        """Nothing is left of any job."""
        label = f"sh.shithub.runner={self.one.instance_ids()[0]}"
        driver.wait_for(lambda: not list(self.path("jobs").iterdir())
                        and not list(self.path("leases").iterdir()) and not self.one.left_over()
                        and self.engine.containers(label) == [], 30, "everything to go")

    def next_job(self, number=JOB + 1):
        following = self.faulty.offer_job(number)
        assert self.faulty.wait_final(following) == ("completed", "success")
        self.clean()

    def recovered(self, job, final=("completed", "failure")):
        assert self.faulty.wait_final(job, RECOVERY_DEADLINE) == final
        self.check(job)

    def check(self, job):
        self.clean()
        self.tell(job)
        assert job.replays == 0
        assert [status for status in job.statuses() if status in ENDED or status[0] == "cancelled"
                ] == [job.final]
        for step in {where for what, where, _ in job.calls if what == "step"}:
            ends = [status for status in job.statuses(step) if status[0] != "running"]
            assert len(ends) == 1, f"step {step}: {ends}"
        self.next_job()


    def tell(self, job):
        """A line of the table of kills: which test, and what it found."""
        ends = [body.get("conclusion") or body["status"] for what, _, body in job.calls
                if what == "step" and body["status"] != "running"]
        figure(f"kill: {self.name}: job {' '.join(job.final)}, steps {', '.join(ends) or 'none'}, "
               f"{len(job.log(STEP))} log bytes of the first; no container, workspace, journal or "
               "lease left, next job done")


@pytest.fixture
def killed(request, faulty, runner, engine):
    def make(**flags):
        one = Killed(faulty, runner, engine, **flags)
        one.name = re.sub(r"^test_|\[.*", "", request.node.name).replace("_", " ")
        return one
    return make


@everyday
@few
def test_killed_while_a_step_runs(killed, faulty):
    """The coordinator took no logs until the restart, so some bytes were never sent."""
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": "echo first"}, {"run": TALK}, {"run": "echo no"}])
    driver.wait_for(lambda: job.statuses(STEP + 1) or one.path("jobs").is_dir(), 30, "the job")
    faulty.refuse(r"/jobs/5/logs$", 503, times=10**6)
    one.marked()
    one.read(1)
    one.kill()
    faulty.refusals.clear()
    one.restart()
    one.recovered(job)
    assert job.log(STEP) == b"first\n"
    assert job.log(STEP + 1) == LINES.encode() + RESTARTED
    assert job.statuses(STEP)[-1] == ("completed", "success")
    assert job.statuses(STEP + 1) == [("running", None), ("completed", "failure")]
    assert job.statuses(STEP + 2) == [("skipped", "skipped")]


@once
def test_job_process_dies_with_its_supervisor(killed, faulty):
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    jobs = one.roles("job")
    assert len(jobs) == 1
    one.kill()
    driver.wait_for(lambda: not pathlib.Path(f"/proc/{jobs[0]}").exists(), 10, "its end")
    one.restart()
    one.recovered(job)


@once
def test_recovery_waits_for_a_lease(killed, faulty):
    """The dead process or a cleaner may still hold it. Recovery waits, and does not give up."""
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    jobs = one.roles("job")
    one.kill()
    driver.wait_for(lambda: not pathlib.Path(f"/proc/{jobs[0]}").exists(), 10, "its end")
    (lease,) = one.path("leases").iterdir()
    with lease.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        one.restart()
        driver.wait_for(lambda: "job_not_recovered" in one.program.log(), 30, "the try")
        other = faulty.offer_job(JOB + 2)
        assert faulty.wait_final(other) == ("completed", "success"), "it keeps nobody waiting"
        assert job.final is None
    one.recovered(job)
    assert one.program.log().count("job_not_recovered") == 1


@once
@pytest.mark.parametrize("phase", ["journal", "workspace", "checkout"])
def test_killed_before_the_first_step(killed, faulty, phase):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/demo/sample.git"
        one = killed(checkout_origins=address)
        job = faulty.offer_job(JOB, checkout_url=address,
                               steps=[{"run": "", "uses": "actions/checkout@v4"}, {"run": "true"}])
        if phase == "journal":
            driver.wait_for(lambda: one.path("jobs", str(JOB), "journal").exists(), 30, phase)
        elif phase == "workspace":
            driver.wait_for(lambda: one.one.left_over(), 30, phase)
        else:
            silent.accept()[0].close()
        one.kill()
    one.restart()
    one.recovered(job)
    # the checkout dies with the supervisor too, and the job process may have seen that first
    assert re.search(rb"\[shithub\] (runner restarted|error: )", job.log(STEP))
    assert job.statuses(STEP)[-1] == ("completed", "failure")


@once
def test_killed_with_the_final_status_in_flight(killed, faulty):
    """It was committed and its answer lost. The same call gets the same answer again."""
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    faulty.drop(r"/jobs/5/status$")
    one.go()
    faulty.wait(lambda: job.final, 30, "the final status")
    one.kill()
    one.restart()
    one.recovered(job, final=("completed", "success"))
    assert job.log(STEP) == LINES.encode() + b"done\n"


@once
def test_answer_lost_by_a_coordinator_without_keys(killed, faulty):
    """The chain is lost. The runner says so once and tries nothing again."""
    faulty.idempotent = False
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    faulty.drop(r"/jobs/5/")
    faulty.wait(lambda: not faulty.drops, 60, "a call to be dropped")
    one.kill()
    one.restart()
    driver.wait_for(lambda: "job_over" in one.program.log(), 30, "the end of the job")
    one.clean()
    assert one.program.log().count("token_chain_lost") == 1
    assert job.replays == 1 and job.final is None
    one.next_job()


@once
def test_answer_lost_while_running(killed, faulty):
    """The same with a runner that lives. With keys nothing is lost, without them the job is."""
    one = killed()
    for number, keys in ((JOB, True), (JOB + 1, False)):
        faulty.idempotent = keys
        job = faulty.offer_job(number, steps=[{"run": TALK}])
        one.marked(number=number)
        faulty.drop(rf"/jobs/{number}/")
        faulty.wait(lambda: not faulty.drops, 60, "a call to be dropped")
        if keys:
            one.go(number)
            assert faulty.wait_final(job) == ("completed", "success")
            assert job.replays == 0
        one.clean()
    assert one.program.log().count("token_chain_lost") == 1
    assert job.replays == 1
    one.next_job(JOB + 2)


@few
def test_job_process_crashes(killed, faulty):
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}, {"run": "echo no"}])
    one.marked()
    one.read(0)
    os.kill(one.roles("job")[0], signal.SIGSEGV)
    one.recovered(job)
    assert one.program.alive()
    assert job.log(STEP) == (LINES.encode() +
                             b"[shithub] the job process ended unexpectedly (signal 11)\n")
    assert job.statuses(STEP + 1) == [("skipped", "skipped")]


@once
def test_both_killed_while_cancelled(killed, faulty):
    """The journal holds the cause, so a job that was being cancelled ends as cancelled."""
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": "trap '' TERM\n" + TALK}])
    one.marked()
    one.read(0)
    job.cancelled = True
    driver.wait_for(lambda: "ending cause=cancelled" in re.sub(r" job=\d+", "", one.program.log()),
                    30, "the cancel")
    jobs = one.roles("job")
    one.kill()
    for pid in jobs:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    one.restart()
    one.recovered(job, final=("cancelled", "cancelled"))
    assert job.log(STEP).startswith(LINES.encode())


@once
def test_coordinator_down_during_recovery(killed, faulty):
    """Recovery goes on trying; meanwhile the runner claims as always."""
    faulty.holds = False  # else the dead runner's open heartbeat gets the next job
    one = killed(capacity="2")
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    one.kill()
    faulty.refuse(r"/jobs/5/", 502, times=10**6)
    one.restart()
    following = faulty.offer_job(JOB + 2)
    assert faulty.wait_final(following) == ("completed", "success")
    assert job.final is None and one.roles("recover")
    faulty.refusals.clear()
    assert faulty.wait_final(job) == ("completed", "failure")
    one.check(job)


@once
def test_second_stop_signal_leaves_the_recovery_to_the_next_start(killed, faulty):
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    one.kill()
    faulty.refuse(r"/jobs/5/", 502, times=10**6)
    one.restart()
    driver.wait_for(lambda: "call_failed" in one.program.log(), 30, "a failed call")
    for _ in range(2):
        one.program.signal(signal.SIGTERM)
        driver.wait_for(lambda: not one.program.alive() or "draining" in one.program.log(), 30,
                        "the signal to be seen")
    assert one.program.wait(30) == 0
    faulty.refusals.clear()
    one.restart()
    one.recovered(job)


@early
@once
def test_reports_that_a_stop_could_not_deliver(killed, faulty):
    """The runner tries for twenty seconds, then leaves the reports to the next start."""
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    faulty.refuse(r"/jobs/5/", 502, times=10**6)
    for state in ("draining", "cancelling"):
        one.program.signal(signal.SIGTERM)
        driver.wait_for(lambda: state in one.program.log(), 30, state)
    assert one.program.wait(60) == 0
    assert "undelivered" in one.program.log() and not one.one.left_over()
    faulty.refusals.clear()
    one.restart()
    one.recovered(job, final=("cancelled", "cancelled"))
    assert job.log(STEP).startswith(LINES.encode()) and b"restarted" not in job.log(STEP)
    assert job.statuses(STEP)[-1] == ("cancelled", "cancelled")


@pytest.mark.flavors("docker-attach-job")
def test_engine_down_at_start(killed, faulty, engine, folder):
    """Containers that outlive the runner are removed once the engine is back."""
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    one.kill()
    label = f"sh.shithub.runner={one.one.instance_ids()[0]}"
    assert engine.containers(label), "attached containers do not end with us"
    away = folder / "engine.sock"
    one.one.flags["engine-socket"] = away
    one.restart()
    assert faulty.wait_final(job) == ("completed", "failure")
    driver.wait_for(lambda: "orphans_kept" in one.program.log(), 30, "the warning")
    assert engine.containers(label)
    away.symlink_to(engine.socket)
    one.clean()
    one.next_job()


@once
def test_damaged_journals_are_set_aside(killed, faulty):
    faulty.holds = False
    one = killed()
    driver.wait_for(lambda: faulty.heartbeats, 30, "the runner")
    one.kill()
    for number, text in ((77, b"\0garbage"), (78, b"{}"), (79, None)):
        one.path("jobs", str(number)).mkdir()
        if text is not None:
            one.path("jobs", str(number), "journal").write_bytes(text)
    one.path("leases", "1-99").touch()  # its supervisor died before it had a folder
    one.restart()
    one.next_job()
    log = one.program.log()
    assert log.count("journal_damaged") == 2
    assert sorted(path.name for path in one.path("damaged").iterdir()) == ["77", "78"]
    one.program.stop()
    one.restart()
    one.next_job(JOB + 3)
    assert "journal_damaged" not in one.program.log()


@once
def test_a_recover_process_that_dies_is_started_again(killed, faulty):
    """Nothing of the job is given up while its token lives, and its place is free meanwhile."""
    faulty.holds = False
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    faulty.refuse(r"/jobs/5/", 502, times=10**6)
    for role in ("job", "recover", "recover", "recover"):
        pid = driver.wait_for(lambda: one.roles(role), 30, f"the {role} process")[0]
        os.kill(pid, signal.SIGKILL)
        driver.wait_for(lambda: pid not in one.roles(role), 30, "its end")
    following = faulty.offer_job(JOB + 2)
    assert faulty.wait_final(following) == ("completed", "success")
    assert job.final is None
    faulty.refusals.clear()
    assert faulty.wait_final(job) == ("completed", "failure")
    one.check(job)


@once
def test_a_job_process_that_hangs_is_recovered(killed, faulty):
    one = killed()
    job = faulty.offer_job(JOB, steps=[{"run": TALK}])
    one.marked()
    faulty.wait(lambda: LINES.encode() in job.log(STEP), 30, "its output")
    os.kill(one.roles("job")[0], signal.SIGSTOP)
    assert faulty.wait_final(job, 90) == ("completed", "failure")
    assert job.log(STEP).endswith(
        b"[shithub] the job process ended unexpectedly (no sign of life for 1m)\n")
    one.clean()
    one.next_job()


@once
def test_a_killed_janitor_leaves_nothing(killed, faulty):
    """While it makes a workspace and while it removes one: the sweep that follows takes the rest."""
    one = killed()
    many = "for i in $(seq 200); do mkdir d$i; (cd d$i; seq 100 | xargs touch); done\n"
    job = faulty.offer_job(JOB, steps=[{"run": many + TALK}])
    one.go()
    victim = driver.wait_for(lambda: next(iter(one.roles("janitor")), None), 30, "the janitor")
    os.kill(victim, signal.SIGKILL)
    assert faulty.wait_final(job) == ("completed", "success")
    one.clean()
    log = one.program.log()
    assert "workspace_kept job=5" in log and "workspaces_swept removed=1" in log
    assert sorted(path.name for path in one.one.workspaces.iterdir()) == [".owner"]
    one.next_job()


@once
def test_descriptors_for_the_capacity(runner, faulty):
    one = runner(faulty.base, faulty.token, capacity="64")
    program = driver.Program(["prlimit", "--nofile=256", *one.argv()], one.folder / "few.log",
                             env=one.env)
    one.programs.append(program)
    assert program.wait(30) == 3
    assert "runner.capacity = 64 needs" in program.log() and "LimitNOFILE" in program.log()
    assert not faulty.heartbeats


@once
def test_a_claim_is_not_lost_between_answer_and_journal(joined, repository, coordinator):
    """The supervisor dies with the answer unread: the next one asks for the same claim."""
    repo = repository()
    one = joined()
    program = one.start()
    driver.wait_for(lambda: coordinator.admin_json("runner", "list")[0]["online"], 30,
                    "the runner")
    program.signal(signal.SIGSTOP)
    repo.commit({".shithub/workflows/ci.yml": workflow("- run: echo ran")})
    repo.push()
    driver.wait_for(lambda: coordinator.show(newest_run(coordinator))["jobs"][0]["status"]
                    == "running", 30, "the claim")
    program.signal(signal.SIGKILL)
    program.wait(10)
    program = one.start()
    [job] = coordinator.ended(timeout=60)["jobs"]
    assert job["conclusion"] == "success", program.log()
    assert coordinator.step_log(job["id"], 0) == b"ran\n"
    assert "heartbeats_repeated keys=1" in program.log()


@once
def test_a_job_folder_without_a_journal_is_reported(killed, faulty):
    faulty.holds = False
    one = killed()
    driver.wait_for(lambda: faulty.heartbeats, 30, "the runner")
    one.kill()
    one.path("jobs", "79").mkdir()
    one.restart()
    one.next_job()
    assert one.program.log().count("job_without_journal job=79") == 1


@once
def test_second_runner_of_one_state_directory_is_refused(killed, faulty):
    one = killed()
    driver.wait_for(lambda: faulty.heartbeats, 30, "the first")
    second = one.one.start()
    assert second.wait(30) == 3
    assert "is in use by another shithubd-runner" in second.log()
    assert one.program.alive()


@once
def test_state_directory_without_room(killed, faulty, folder):
    """A job that cannot be journalled is reported as failed."""
    state = folder / "small"
    state.mkdir()
    driver.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", state])
    try:
        one = killed(state_dir=state)
        one.one.state = state
        driver.wait_for(lambda: faulty.heartbeats, 30, "the runner")
        with contextlib.suppress(OSError), open(state / "filler", "wb", buffering=0) as filler:
            while filler.write(b"x" * 512):
                pass
        job = faulty.offer_job(JOB)
        assert faulty.wait_final(job) == ("completed", "failure")
        assert b"No space left" in job.log(STEP)
        (state / "filler").unlink()
        one.clean()
        one.program.stop()
    finally:
        driver.run(["umount", "-l", state])


@once
def test_kills_at_any_moment(killed, faulty):
    """Kills at random moments. Each prints a line that says what was found."""
    one = killed()
    chance = random.Random(os.environ.get("SHITHUB_TEST_SEED", "recovery"))
    for number in range(100, 112):
        job = faulty.offer_job(number, steps=[{"run": f"seq 5; echo {step}"} for step in range(4)])
        faulty.wait(lambda: job.calls, 30, "the first call")
        seen = chance.randrange(1, 14)
        faulty.wait(lambda: len(job.calls) >= seen or job.final, 30, "some calls")
        one.kill()
        before, final = len(job.calls), job.final
        one.restart()
        assert faulty.wait_final(job)[0] == "completed"
        driver.wait_for(lambda: not list(one.path("jobs").iterdir()), 30, "its end")
        ends = [job.statuses(number * 100 + step)[-1:] for step in range(4)]
        logs = [job.log(number * 100 + step) for step in range(4)]
        print(f"killed after {before:2} calls, final {final}: {job.final[1]}, steps "
              f"{[end[0][1] for end in ends]}")
        assert job.replays == 0
        assert all(end and end[0] in ENDED for end in ends)
        for step, (end, log) in enumerate(zip(ends, logs)):
            whole = f"1\n2\n3\n4\n5\n{step}\n".encode()
            if end[0][1] == "success":
                assert log == whole
            elif end[0][1] == "failure":
                assert b"[shithub] runner restarted" in log
                assert whole.startswith(log.split(b"[shithub]")[0].rstrip(b"\n"))
            else:
                assert log == b""
        assert len([status for status in job.statuses() if status[0] == "completed"]) == 1
        assert sum(end[0][1] == "failure" for end in ends) == (job.final[1] == "failure")
    one.next_job(200)


class Lossy(http.server.BaseHTTPRequestHandler):
    """A proxy that passes on the first call of each kind and drops the answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    target, dropped = None, None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {name: value for name, value in self.headers.items()
                if name.lower() not in ("host", "content-length", "connection")}
        answer = driver.request("POST", self.target + self.path, body, headers=kept)
        kind = re.sub(r"\d+", "N", self.path.removeprefix("/api/v1"))
        if "/jobs/" in kind and kind not in self.dropped:
            self.dropped.append(kind)
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_):
        pass


@once
def test_answers_lost_of_the_real_coordinator(coordinator, repository, runner):
    handler = type("Handler", (Lossy,), {"target": coordinator.base, "dropped": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        repo = repository()
        repo.commit({"README.md": "x\n", ".shithub/workflows/ci.yml": workflow("- run: seq 1000")})
        repo.push()
        token = coordinator.register_runner("lossy")["token"]
        one = runner(f"http://127.0.0.1:{server.server_port}", token)
        program = one.once()
    finally:
        server.shutdown()
        server.server_close()
    row = coordinator.show(newest_run(coordinator))["jobs"][0]
    assert row["conclusion"] == "success"
    assert coordinator.step_log(row["id"], 0) == "".join(f"{n}\n" for n in range(1, 1001)).encode()
    assert set(handler.dropped) >= {"/jobs/N/status", "/jobs/N/logs", "/jobs/N/steps/N/status"}
    assert "token_chain_lost" not in program.log()


@once
def test_killed_against_the_real_coordinator(coordinator, repository, joined, engine):
    repo = repository()
    repo.commit({"README.md": "x\n", ".shithub/workflows/ci.yml": workflow(
        "- run: echo first\n- run: |\n    " + TALK.replace("\n", "\n    ") + "\n- run: echo no")})
    repo.push()
    one = joined()
    program = one.start()
    driver.wait_for(lambda: next(one.in_workspaces("*/*/workspace/started"), None), 60, "the step")
    has_read(one, 1)
    program.signal(signal.SIGKILL)
    program.wait(10)
    repo.commit({".shithub/workflows/ci.yml": workflow("- run: echo next")}, "next")
    repo.push()
    one.start()
    newest = newest_run(coordinator)
    run = coordinator.ended(newest - 1, 60)
    row = run["jobs"][0]
    assert row["conclusion"] == "failure"
    assert [step["conclusion"] for step in row["steps"]] == ["success", "failure", "skipped"]
    assert coordinator.step_log(row["id"], 1) == LINES.encode() + RESTARTED
    assert coordinator.ended(newest, 60)["conclusion"] == "success"


@once
@offline
def test_a_job_lost_before_its_first_step_ended_starts_again_once(coordinator, repository, joined,
                                                                  engine):
    """As it does when the whole runner is lost. Its next loss is its end, and says why."""
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": workflow(
        "- run: |\n    " + TALK.replace("\n", "\n    ") + "\n- run: echo no")})
    repo.push()
    programs = {one: one.start() for one in (joined(), joined())}
    for _ in range(2):
        one = driver.wait_for(lambda: next((one for one in programs if list(
            one.in_workspaces("*/*/workspace/started"))), None), 60, "the step")
        os.kill(job_pid(programs.pop(one)), signal.SIGKILL)
    [job] = coordinator.ended(timeout=60)["jobs"]
    assert job["conclusion"] == "failure"
    assert re.fullmatch(r"runner-\d lost it: the job process ended unexpectedly \(signal 9\)\. "
                        r"It was started again once already\.", job["reason"]), job["reason"]
    first, rest = coordinator.step_log(job["id"], 0).split(b"\n", 1)
    assert re.fullmatch(rb"Started again: runner-\d lost it before its first step ended: the job "
                        rb"process ended unexpectedly \(signal 9\)\.", first)
    assert rest.endswith(b"[shithub] the job process ended unexpectedly (signal 9)\n")
    assert [step["conclusion"] for step in job["steps"]] == ["failure", "skipped"]
