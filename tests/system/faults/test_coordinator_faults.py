"""What the network and the coordinator may do to a runner: nothing of a job is lost, nothing is
told twice, what cannot be healed is given up once, and no fault makes the runner loop.

Scaled: an outage lasts SHITHUB_TEST_OUTAGE seconds, 15 when that is not set (pauses between tries
have grown long by then). 600 was run by hand.
"""
import os
import re
import subprocess

import pytest

import driver
from conftest import early, newest_run, once, workflow
from proxy import Proxy

JOB = 5
STEP = JOB * 100
OUTAGE = float(os.environ.get("SHITHUB_TEST_OUTAGE", "15"))
WAIT = "touch started\nuntil [ -e go ]; do sleep 0.05; done\n"
KINDS = {"job status": r"/jobs/\d+/status$", "step status": r"/jobs/\d+/steps/\d+/status$",
         "log": r"/jobs/\d+/logs$", "cancel check": r"/jobs/\d+/cancel-check$"}


@pytest.fixture
def proxied():
    """proxied(upstream, ...): a Proxy that is stopped at the end."""
    made = []

    def make(*words, **more):
        made.append(Proxy(*words, **more))
        return made[-1]
    yield make
    for one in made:
        one.stop()


@pytest.fixture
def between(proxied, faulty, runner):
    """A runner and a faulty coordinator with a proxy between."""
    def make(**flags):
        faulty.holds = False  # a held heartbeat would swallow the claim of an answer thrown away
        proxy = proxied(faulty.base)
        one = runner(proxy.base, faulty.token, **{"poll_interval": "100ms", **flags})
        return proxy, one, one.start()
    return make


def marked(one, name="started", number=JOB):
    return driver.wait_for(lambda: next(one.in_workspaces(f"*/{number}/workspace/{name}"), None), 60, name)


def go(one, number=JOB):
    (marked(one, number=number).parent / "go").touch()


def count(program, event):
    return len(re.findall(rf"\b{event}\b", program.log()))


def empty(one, engine):
    label = f"sh.shithub.runner={one.instance_ids()[0]}"
    return not list((one.state / "jobs").iterdir()) and not one.left_over() and \
        engine.containers(label) == []


@once
def test_answers_lost_after_commit(proxied, coordinator, repository, runner):
    """Each kind of call once, of the real coordinator: it answers the same again. A claim whose
    answer was lost is handed out again when the heartbeat is repeated."""
    proxy = proxied(coordinator.base)
    rules = {kind: proxy.rule(path, "drop_after") for kind, path in KINDS.items()}
    rules["artifact"] = proxy.rule(r"/jobs/\d+/artifacts/", "drop_after")
    rules["claim"] = proxy.rule(r"/runners/heartbeat$", "drop_after", status=200)
    repo = repository()
    repo.commit({"README.md": "x\n", ".shithub/workflows/ci.yml": workflow(f"""
        - run: |
            {WAIT.replace(chr(10), chr(10) + '            ')}
            seq 1000 | tee file.txt
        - uses: shithub/upload-artifact@v1
          with: {{name: numbers, path: file.txt}}
        """)})
    repo.push()
    token = coordinator.register_runner("lossy")["token"]
    one = runner(proxy.base, token)
    program = one.start("--once")
    started = driver.wait_for(lambda: next(one.in_workspaces("*/*/workspace/started"), None), 60, "step")
    proxy.wait_done(rules["cancel check"])
    (started.parent / "go").touch()
    assert program.wait(60) == 0
    assert {kind: rule.done for kind, rule in rules.items()} == dict.fromkeys(rules, 1)
    row = coordinator.show(newest_run(coordinator))["jobs"][0]
    assert row["conclusion"] == "success"
    assert coordinator.step_log(row["id"], 0) == "".join(f"{n}\n" for n in range(1, 1001)).encode()
    assert count(program, "token_chain_lost") == 0 and count(program, "job_claimed") == 1
    assert count(program, "call_failed") == len(rules) - 1  # a line for each, none for a repeat
    for path in [rule.pattern.pattern for rule in rules.values()]:
        lost, again = [passed.key for passed in proxy.passed(path)][:2]
        if "heartbeat" not in path:
            assert lost == again, f"{path}: repeated with another key"


@once
def test_coordinator_ignores_keys(between, faulty, engine):
    """The chain is lost once for each job, whatever call it was; the next job is claimed."""
    faulty.idempotent = False
    proxy, one, program = between()
    for number, (kind, path) in enumerate(KINDS.items(), JOB):
        job = faulty.offer_job(number, steps=[{"run": "echo fine\n" + WAIT}])
        rule = proxy.rule(path.replace(r"\d+", str(number), 1), "drop_after",
                          skip=1 if kind == "step status" else 0)
        marked(one, number=number) if kind in ("log", "cancel check") else None
        if kind == "step status":
            go(one, number)
        proxy.wait_done(rule)
        driver.wait_for(lambda: count(program, "job_over") == number - JOB + 1, 30, "its end")
        driver.wait_for(lambda: empty(one, engine), 30, "everything to go")
        assert count(program, "token_chain_lost") == number - JOB + 1, kind
        assert job.replays == 1, f"{kind}: tried {job.replays} times"
    following = faulty.offer_job(20)
    assert faulty.wait_final(following) == ("completed", "success")


@early
@once
def test_coordinator_down_while_a_step_chats(proxied, coordinator, repository, runner):
    proxy = proxied(coordinator.base)
    repo = repository()
    repo.commit({"README.md": "x\n", ".shithub/workflows/ci.yml": workflow("""
        - run: |
            n=0
            until [ -e go ]; do n=$((n + 1)); echo "line $n $((n * 7919 % 65521))"; sleep 0.01; done
            echo "end $n"
            touch ended
            until [ -e leave ]; do sleep 0.05; done
        - run: echo second
        """)})
    repo.push()
    one = runner(proxy.base, coordinator.register_runner("cut")["token"])
    program = one.start("--once")
    proxy.wait(lambda: len(proxy.passed(r"/logs$")) >= 2, 60, "the first of the log")
    proxy.gone()
    driver.wait_for(lambda: "call_failed" in program.log(), 30, "the outage to be noticed")
    folder = next(one.in_workspaces("*/*/workspace"))
    with pytest.raises(TimeoutError):  # how long it is down
        driver.wait_for(lambda: not program.alive(), OUTAGE, "the outage")
    (folder / "go").touch()
    driver.wait_for((folder / "ended").exists, 30, "the step, which nothing blocks")
    (folder / "leave").touch()
    spool = next(one.state.glob("jobs/*/step-0.log"))
    driver.wait_for(lambda: b"\nend " in spool.read_bytes(), 10, "the spool")
    assert program.alive()
    proxy.back()
    assert program.wait(90) == 0
    row = coordinator.show(newest_run(coordinator))["jobs"][0]
    assert [step["conclusion"] for step in row["steps"]] == ["success", "success"]
    assert row["conclusion"] == "success"
    log = coordinator.step_log(row["id"], 0)
    last = int(log.splitlines()[-1].split()[1])
    assert last > OUTAGE * 10
    assert log == "".join(f"line {n} {n * 7919 % 65521}\n"
                          for n in range(1, last + 1)).encode() + b"end %d\n" % last
    print(f"down for {OUTAGE:g} s: {last} lines, {len(log)} bytes, all there, in order")
    assert count(program, "call_failed") == 1 and count(program, "token_chain_lost") == 0


@once
def test_storms_are_waited_out(between, faulty):
    """Bounded, jittered, logged once: 5xx, hang-ups, resets, garbage, cut answers."""
    proxy, one, program = between()
    faults = [("status", 500), ("status", 502), ("truncate", None), ("garbage", None)]
    others = [("status", 503), ("noise", None), ("reset_after", None), ("drop_before", None)]
    job = faulty.offer_job(JOB, steps=[{"run": WAIT + "seq 500"}])
    marked(one)
    for path, storm in ((r"/logs$", faults), (r"/jobs/5/status$", others)):
        for action, amount in storm:
            proxy.rule(path, action, amount)
    go(one)
    assert faulty.wait_final(job) == ("completed", "success")
    driver.wait_for(lambda: "job_over" in program.log(), 30, "its end")
    assert job.log(STEP) == "".join(f"{n}\n" for n in range(1, 501)).encode()
    assert job.replays == 0 and len([one for one in job.statuses() if one == job.final]) == 1
    assert count(program, "call_failed") == 2, "one line a storm"
    for path in (r"/logs$", r"/jobs/5/status$"):
        tries = [one for one in proxy.passed(path) if one.method == "POST"][-5:]
        gaps = [after.when - before.when for before, after in zip(tries, tries[1:])]
        print(path, [f"{gap:.2f}" for gap in gaps])
        assert len({one.key for one in tries}) == 1, "the same call"
        wholes = [0.5 * 2 ** number for number in range(len(gaps))]
        assert sum(gaps) > 0.45 * sum(wholes) and gaps[0] < gaps[-1], "pauses that grow"
        assert any(abs(gap - whole) > 0.02 for gap, whole in zip(gaps, wholes)), "jitter"


@once
def test_heartbeats_through_a_storm(between, faulty):
    proxy, one, program = between()
    for action, amount in (("status", 500), ("garbage", None), ("reset_before", None)):
        proxy.rule(r"/heartbeat$", action, amount)
    driver.wait_for(lambda: "heartbeat_restored" in program.log(), 60, "the storm's end")
    assert count(program, "heartbeat_failed") == 1
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    first = proxy.journal[0].when
    assert len([one for one in proxy.passed(r"/heartbeat$") if one.when < first + 1]) <= 5


@early
@once
def test_stalls_and_half_open_connections(between, faulty):
    """A coordinator that is silent for 20 seconds hangs, and is asked again."""
    proxy, one, program = between(capacity="2")
    calls = {JOB: ("stall", r"/jobs/5/logs$"), JOB + 1: ("silent", r"/jobs/6/logs$")}
    rules = {number: proxy.rule(path, action) for number, (action, path) in calls.items()}
    jobs = {number: faulty.offer_job(number, steps=[{"run": "seq 500"}]) for number in calls}
    for number, job in jobs.items():
        assert faulty.wait_final(job) == ("completed", "success")
        assert job.log(number * 100) == "".join(f"{n}\n" for n in range(1, 501)).encode()
        first, second = proxy.passed(calls[number][1])[:2]
        print(f"{rules[number].action}: repeated after {second.when - first.when:.1f} s")
        assert first.key == second.key and second.when - first.when > 15
        assert job.replays == 0
    assert count(program, "call_failed") == 2


def certificate(folder, name):
    path = folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key",
                    "-out", path], check=True, capture_output=True)
    both = folder / f"{name}-both.pem"
    both.write_bytes(path.read_bytes() + (folder / f"{name}.key").read_bytes())
    return path, both


@once
def test_tls_errors(proxied, faulty, runner, folder):
    """Nothing was sent when the handshake fails, so everything is tried again."""
    faulty.holds = False
    trusted, both = certificate(folder, "coordinator")
    _, other = certificate(folder, "stranger")
    proxy = proxied(faulty.base, tls=both, other_tls=other)
    assert proxy.base.startswith("https://")
    one = runner(proxy.base, faulty.token, poll_interval="100ms")
    one.env["SHITHUB_RUNNER_SERVER__CA_FILE"] = str(trusted)
    program = one.start()
    job = faulty.offer_job(JOB, steps=[{"run": "echo fine\n" + WAIT}])
    marked(one)
    rules = [proxy.rule("", action) for action in ("tls_plain", "tls_close", "tls_untrusted")]
    for rule in rules:
        proxy.wait_done(rule)
    go(one)
    assert faulty.wait_final(job) == ("completed", "success")
    assert job.log(STEP) == b"fine\n" and job.replays == 0
    assert count(program, "call_failed") + count(program, "heartbeat_failed") <= len(rules)
    assert faulty.token not in program.log()
