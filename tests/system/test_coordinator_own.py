"""What shithubd does beyond the protocol: lost runners, reading runs, evidence, deaf runners."""
import json

import byhand
import driver
import pytest

WORKFLOW = """\
on: push
jobs:
  work: {runs-on: linux, steps: [{run: echo hi}, {run: echo more}]}
  after: {runs-on: linux, needs: work, steps: [{run: echo never}]}
"""


@pytest.fixture
def queued(coordinator, repository):
    """A run whose first job waits; gives a registration token for it."""
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    driver.wait_for(coordinator.runs, what="a run")
    return coordinator.register_runner("silent", labels="linux")["token"]


def test_runner_that_vanishes(monkeypatch, coordinators):
    monkeypatch.setenv("SHITHUBD_JOBS__EXPIRY", "1s")
    coordinator = coordinators().start()
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    token = coordinator.register_runner("silent", labels="linux")["token"]
    driver.wait_for(coordinator.runs, what="a run")
    job = byhand.claim(coordinator, token)
    job.step(0, "completed", conclusion="success")
    run = coordinator.ended(job.run_id, 60)
    assert run["conclusion"] == "failure"
    jobs = run["jobs"]
    assert [one["conclusion"] for one in jobs] == ["failure", "skipped"]
    assert [step["conclusion"] for step in jobs[0]["steps"]] == ["success", "skipped"]
    assert b"Runner lost: silent has sent nothing" in coordinator.step_log(job.id, 0)
    assert coordinator.metric("jobs_lost_total") == 1


@pytest.mark.parametrize("text", ["0s", "soon", "400d"])
def test_bad_expiry_is_refused(build, folder, text):
    argv = [build / "shithubd", "serve", "--data", folder / "data", "--job-expiry", text]
    done = driver.run(argv, check=False)
    assert done.returncode == 2 and b"--job-expiry" in done.stderr, done.stderr


def own_address():
    """An address of this machine that is no loopback one."""
    lines = driver.run(["ip", "-4", "-o", "address", "show", "scope", "global"]).stdout.decode()
    return lines.split(" inet ")[1].split("/")[0]


def status_of_metrics(coordinator, address="127.0.0.1", token=None, headers=None):
    port = coordinator.base.rsplit(":", 1)[1]
    return driver.request("GET", f"http://{address}:{port}/metrics", token=token, headers=headers).status


def test_who_may_read_metrics(coordinators, folder):
    """Without a token this machine alone, by address; with one whoever shows it, from everywhere."""
    coordinator = coordinators().start("0.0.0.0:0")
    assert status_of_metrics(coordinator) == 200
    assert status_of_metrics(coordinator, own_address()) == 403
    assert driver.request("GET", coordinator.base.replace("0.0.0.0", own_address()) + "/healthz").status == 200
    assert coordinator.stop() == 0
    file = folder / "metrics-token"
    file.write_text("a-token-of-twenty-six-bytes\n")
    file.chmod(0o640)
    config = folder / "config.toml"
    config.write_text('[server]\nmetrics_token_file = "metrics-token"\n')
    coordinator = coordinators("--config", config).start("0.0.0.0:0")
    for address in ("127.0.0.1", own_address()):
        assert status_of_metrics(coordinator, address) == 401
        assert status_of_metrics(coordinator, address, "a-token-of-twenty-six-byteS") == 401
        assert status_of_metrics(coordinator, address, "a-token-of-twenty-six-bytes") == 200


@pytest.mark.parametrize("url, status", [
    ("https://ci.example.org", 403), ("http://127.0.0.1.example.org", 403), ("http://localhost.org", 403),
    ("http://localhost:8080/x", 200), ("http://127.0.0.1:1", 200), ("https://[::1]:8443", 200)])
def test_a_proxy_makes_everybody_local(coordinators, url, status):
    """So nobody may read the page without a token when another host's URL is the public one."""
    coordinator = coordinators("--public-url", url).start()
    assert status_of_metrics(coordinator) == status


@pytest.mark.parametrize("text, mode, said", [
    ("short\n", 0o600, b"16 to 256 printable"), ("a token of several words\n", 0o600, b"without blanks"),
    ("x" * 300, 0o600, b"16 to 256"), ("x" * 400, 0o600, b"metrics_token_file"),
    ("x" * 20, 0o644, b"lets others at the token, expected 0600 or 0640"), (None, 0, b"No such file")],
    ids=["short", "words", "long", "longer-than-read", "open-to-all", "missing"])
def test_a_bad_metrics_token_is_refused(build, folder, text, mode, said):
    file = folder / "token"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)
    config = folder / "config.toml"
    config.write_text(f'[server]\nmetrics_token_file = "{file}"\n')
    done = driver.run([build / "shithubd", "serve", "--data", folder / "data", "--listen", "127.0.0.1:0",
                       "--config", config], check=False)
    assert done.returncode != 0 and said in done.stderr and b"metrics_token_file" in done.stderr, done.stderr


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "0.0.0.0/0", "10.0.0.0/8,::1/64", "10.0.0.0/33"])
def test_bad_proxies_are_refused(monkeypatch, build, folder, text):
    monkeypatch.setenv("SHITHUBD_SERVER__TRUSTED_PROXIES", text)
    done = driver.run([build / "shithubd", "serve", "--data", folder / "data"], check=False)
    assert done.returncode == 2 and b"server.trusted_proxies" in done.stderr and b"expected" in done.stderr, done.stderr
    assert not (folder / "data").exists()


@pytest.mark.parametrize("proxies, callers", [
    ("127.0.0.1", {"203.0.113.7"}), ("10.0.0.0/8", {"127.0.0.1"}), ("", {"127.0.0.1"})])
def test_the_header_counts_for_trusted_proxies_alone(monkeypatch, build, folder, proxies, callers):
    monkeypatch.setenv("SHITHUBD_SERVER__TRUSTED_PROXIES", proxies)
    coordinator = driver.Coordinator(build, folder / "coordinator").start()
    try:
        token = coordinator.create_token("boss", "admin")
        done = coordinator.request("POST", "/api/v1/admin/verbs", {"argv": ["repo", "add", "acme/x"]}, token,
                                   {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})
        assert done.json()["exit_code"] == 0
        audit = coordinator.admin_json("audit")
        assert {row["actor"]["address"] for row in audit if row["actor"]["kind"] == "user"} == callers
        assert coordinator.request("POST", "/api/v1/admin/verbs", {}, "wrong",
                                   {"X-Forwarded-For": "203.0.113.7"}).status == 401
        (caller,) = callers
        assert f"address={caller}" in coordinator.program.log()
    finally:
        assert coordinator.stop() == 0


def test_runs_are_readable(coordinator, queued, pat):
    job = byhand.claim(coordinator, queued).job
    got = coordinator.request("GET", f"/api/v1/runs/{job['run_id']}", token=pat).json()
    assert got == coordinator.show(job["run_id"])
    assert got["jobs"][0]["runner"]["name"] == "silent"
    log = coordinator.request("GET", f"/api/v1/jobs/{job['id']}/log", token=pat)
    assert (log.status, log.body) == (200, b"")
    assert coordinator.request("GET", f"/api/v1/runs/{job['run_id']}").status == 401


def test_hygiene_history(coordinator, queued):
    def tell(host, key, status):
        record = {"key": key, "host": host, "action": "prune_docker_cache", "status": status,
                  "documents": {"message": f"{key} {status}"}}
        return coordinator.request("POST", "/api/v1/runners/evidence", record, queued,
                                   {"Idempotency-Key": f"{key}:{status}"}).status

    for number in range(30):
        assert tell("h%d" % (number % 2), f"k{number}", "planned") == 201
    assert tell("h0", "k0", "planned") == 200 and tell("h1", "k0", "failed") == 409
    listed = coordinator.admin_json("hygiene", "history")
    assert [row["key"] for row in listed] == [f"k{n}" for n in range(29, 4, -1)]
    assert listed[0]["documents"] == {"message": "k29 planned"}
    assert listed[0]["runner"]["name"] == "silent"
    words = ("hygiene", "history", "--host", "h1", "--limit", "100")
    assert len(coordinator.admin_json(*words)) == 15
    lines = coordinator.admin(*words).stdout.decode().splitlines()
    assert len(lines) == 16 and lines[1].split()[2:] == [
        "h1", "prune_docker_cache", "planned", "silent", "k29"]
    tenth = coordinator.admin_json(*words)[9]["id"]
    older = coordinator.admin_json(*words, "--after", str(tenth), "--status", "planned")
    assert [row["key"] for row in older] == ["k9", "k7", "k5", "k3", "k1"]
    for limit in ("0", "101"):
        assert coordinator.admin("hygiene", "history", "--limit", limit,
                                 check=False).returncode == 2


def test_waiting_jobs_show_at_the_runner(coordinator, queued):
    me = coordinator.request("GET", "/api/v1/runners/self", token=queued).json()
    assert me["name"] == "silent" and me["active_jobs"] == 0 and not me["deaf"]
    assert [sorted(job) for job in me["queued_matching"]] == [["job_id", "queued_at"]]
    row = json.loads(coordinator.admin("runner", "list", "--output", "json").stdout)[0]
    assert row["queued_matching_total"] == 1 and row["deaf"] is False
    titles, line = coordinator.admin("runner", "list").stdout.decode().splitlines()
    assert line[:titles.index("WAITING") + len("WAITING")].endswith(" 1")
    assert coordinator.metric("runners_deaf") == 0


def test_cleanup_keeps_logs_readable(coordinator, queued, pat):
    job = byhand.claim(coordinator, queued)
    job.must("logs", {"seq": 0, "chunk": "aGVsbG8K"})
    words = ["run-job", "workflow:cleanup", "--keep-chunks-days", "0", "--data", coordinator.data]
    argv = [coordinator.binary, *words, "--output", "json"]
    assert json.loads(driver.run(argv).stdout)["chunks"] == 0  # it runs
    job.end()
    assert json.loads(driver.run(argv).stdout) == {"chunks": 1, "blobs": 0, "runs": 0,
                                                   "jwt_used": 0, "evidence": 0}
    path = f"/api/v1/jobs/{job.id}/log"
    assert coordinator.request("GET", path, token=pat).body == b"hello\n"
    assert coordinator.step_log(job.id) == b"hello\n"
    done = driver.run([coordinator.binary, "run-job", "nope"], check=False)
    assert done.returncode == 2 and b"expected workflow:cleanup" in done.stderr


def test_a_repeated_key_brings_the_same_job(coordinator, queued):
    """The runner died with the answer in its hands, and serve was restarted meanwhile."""
    def heartbeat(key):
        return byhand.heartbeat(coordinator, queued, {"Idempotency-Key": key})

    def cancel_check(claim):
        return byhand.Claimed(coordinator, claim).call("cancel-check", {}).status

    first = heartbeat("key-1").json()
    coordinator.stop()
    coordinator.start()
    assert heartbeat("key-2").status == 204, "another key: nothing says that the claim was lost"
    again = heartbeat("key-1").json()
    assert again["job"]["id"] == first["job"]["id"] and again["token"] != first["token"]
    assert cancel_check(first) == 401, "the answer that was lost is worth nothing"
    assert cancel_check(again) == 200
    assert heartbeat("key-1").status == 204, "its token was used: it arrived"
