"""What a scraper sees: counters against what really happened, health, and hostile clients."""
import re
import signal
import socket

import pytest

import driver
from conftest import offline, once

pytestmark = offline

JOB = 5
WAITING = "touch started\nuntil [ -e go ]; do sleep 0.05; done"
LISTENS = re.compile(r" metrics listen=(\S+)")


class Scraped:
    def __init__(self, one, program):
        self.one, self.program = one, program
        found = driver.wait_for(lambda: LISTENS.search(program.log()), 30, "the address")
        self.host, port = found.group(1).rsplit(":", 1)
        self.port = int(port)

    def get(self, path, method="GET"):
        return driver.request(method, f"http://{self.host}:{self.port}{path}")

    def values(self):
        """{sample: value} of the whole page."""
        lines = self.get("/metrics").body.decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        assert len({name for name, _ in pairs}) == len(pairs), "a sample stands twice"
        return {name.removeprefix("shithub_runner_"): float(value) for name, value in pairs}

    def value(self, name):
        return self.values().get(name)

    def until(self, name, wanted, timeout=30):
        driver.wait_for(lambda: wanted(self.value(name)), timeout, name)

    def raw(self, data, end=False):
        """What comes back for these bytes, until the runner hangs up."""
        with socket.create_connection((self.host, self.port), 30) as peer:
            peer.sendall(data)
            if end:
                peer.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: peer.recv(65536), b""))


@pytest.fixture
def scraped(runner):
    def make(base, token, **flags):
        one = runner(base, token, **{"poll_interval": "100ms", "metrics_listen": "127.0.0.1:0",
                                     **flags})
        return Scraped(one, one.start())
    return make


@once
def test_counts_what_happened(faulty, scraped):
    seen = scraped(faulty.base, faulty.token, capacity="2")
    before = seen.values()
    assert before['jobs_total{conclusion="success"}'] == 0
    assert before["slots_capacity"] == 2 and before["slots_busy"] == 0
    job = faulty.offer_job(JOB, secrets={"S": "a secret value"}, mask_values=["a secret value"],
                           steps=[{"run": "echo a secret value; echo a secret value"},
                                  {"run": "exit 3"}, {"run": "echo skipped"}])
    assert faulty.wait_final(job) == ("completed", "failure")
    seen.until('jobs_total{conclusion="failure"}', lambda n: n == 1)
    after = seen.values()
    assert after["masked_replacements_total"] == 2
    assert after["step_seconds_count"] == 2, "a skipped step did not run"
    assert after["claim_latency_seconds_count"] == 1
    assert 0 < after["claim_latency_seconds_sum"] < 60
    assert after["slots_busy"] == 0 and after["upload_queue_bytes"] == 0
    assert after['workspace_bytes{state="free"}'] > 0
    assert after["heartbeats_total"] >= 1
    assert after['heartbeat_failures_total{reason="failed"}'] == 0


@once
def test_a_running_job_shows(faulty, scraped):
    seen = scraped(faulty.base, faulty.token)
    faulty.refuse("logs$", 503, times=10 ** 6)
    job = faulty.offer_job(JOB, steps=[{"run": "head -c 50000 /dev/zero\n" + WAITING}])
    seen.until("upload_queue_bytes", lambda n: n >= 50000)
    assert seen.value("slots_busy") == 1
    with faulty.lock:
        faulty.refusals.clear()
    seen.until("upload_queue_bytes", lambda n: n == 0)
    next(seen.one.in_workspaces("*/*/workspace/started")).with_name("go").touch()
    assert faulty.wait_final(job) == ("completed", "success")


@once
def test_health_follows_heartbeats_and_engine(faulty, scraped, engine, folder):
    link = folder / "engine.sock"
    link.symlink_to(engine.socket)
    seen = scraped(faulty.base, faulty.token, engine_socket=link)
    seen.until("engine_up", lambda n: n == 1)
    seen.until("platform_ok", lambda n: n == 1)
    assert seen.get("/healthz").status == 200
    link.unlink()
    answer = driver.wait_for(lambda: bad(seen.get("/healthz")), 60, "503")
    assert answer.startswith("the container engine does not answer") and answer.count("\n") == 1
    assert seen.value("engine_errors_total") >= 1
    link.symlink_to(engine.socket)
    seen.program.signal(signal.SIGHUP)  # has it look again at once
    driver.wait_for(lambda: seen.get("/healthz").status == 200, 60, "200")
    faulty.refuse("heartbeat$", 500, times=10 ** 6)
    faulty.release()
    answer = driver.wait_for(lambda: bad(seen.get("/healthz")), 60, "503")
    assert answer.startswith("heartbeats fail") and "500" in answer
    seen.until('heartbeat_failures_total{reason="failed"}', lambda n: n >= 1)


def bad(answer):
    return answer.body.decode() if answer.status == 503 else None


@once
def test_reloads_are_counted(faulty, scraped):
    seen = scraped(faulty.base, faulty.token)
    seen.program.signal(signal.SIGHUP)
    seen.until('reloads_total{result="done"}', lambda n: n == 1)
    assert seen.value('reloads_total{result="refused"}') == 0


@once
def test_answers_of_http(faulty, scraped):
    seen = scraped(faulty.base, faulty.token)
    assert seen.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for path, method, status in (("/", "GET", 404), ("/metrics", "POST", 405),
                                 ("/metrics?x=y", "GET", 200), ("/healthz", "GET", 200)):
        assert seen.get(path, method).status == status, path
    head = seen.raw(b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert b"200 OK" in head and head.endswith(b"\r\n\r\n")
    assert b" 400 " in seen.raw(b"nonsense\r\n\r\n")
    assert b" 431 " in seen.raw(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000)
    assert seen.raw(b"GET /metr", end=True) == b""


@once
def test_silent_and_many_clients_change_nothing(faulty, scraped):
    """More silent connections than it serves at once. Jobs go on, and it serves again when
    their time is over."""
    seen = scraped(faulty.base, faulty.token)
    peers = [socket.create_connection((seen.host, seen.port), 30) for _ in range(12)]
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    assert seen.value('jobs_total{conclusion="success"}') is not None
    for peer in peers:
        peer.close()


@once
def test_a_unix_socket(faulty, runner, folder):
    path = folder / "metrics.sock"
    for _ in range(2):
        one = runner(faulty.base, faulty.token, metrics_listen=path)
        program = one.start()
        driver.wait_for(lambda: LISTENS.search(program.log()), 30, "the address")
        out = driver.run(["curl", "-sS", "--unix-socket", path, "http://runner/healthz"]).stdout
        assert out.startswith(b"ok, ")
        program.signal(signal.SIGKILL)  # a dead one's socket is in nobody's way
        program.wait(10)


@once
def test_an_address_that_is_taken(faulty, runner):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        program = runner(faulty.base, faulty.token, metrics_listen=where).start()
        assert program.wait(30) == 1
        assert f"metrics.listen: listen at {where}: Address already in use" in program.log()
