"""nginx and Caddy in front of the coordinator, with the files of deploy/proxy: a push, a job, its log
while it runs, and for whom requests count."""
import json

import pytest

import driver
import site_of
from conftest import TREE

NAME = "ci.example.org"
BASE = f"https://{NAME}"
SERVER, CALLER, STRANGER, LIAR = "10.99.1.1", "10.99.1.2", "10.99.1.3", "10.99.1.4"
KEY = "/root/tls/key.pem"
CERTIFICATE = "/root/tls/cert.pem"
FAILURES = 20  # of one address in a minute, docs/COORDINATOR.md


@pytest.fixture(scope="module")
def machine(root, build, step_image):
    driver.run(["make", "-C", TREE, "-o", "all", f"B={build}", f"DESTDIR={root.path}", "install"])
    root.start_engine(step_image)
    root.boot()
    for address in (SERVER, CALLER, STRANGER, LIAR):
        root.run("ip", "address", "add", f"{address}/32", "dev", "lo")
    root.write("/etc/hosts", f"127.0.0.1 localhost\n{SERVER} {NAME}\n")
    root.run("mkdir", "-p", "/root/tls")
    root.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-days", "2",
             "-keyout", KEY, "-out", CERTIFICATE)
    root.run("cp", CERTIFICATE, "/usr/local/share/ca-certificates/test.crt")
    root.run("update-ca-certificates")
    root.run("rm", "/etc/nginx/sites-enabled/default")
    root.run("systemctl", "unmask", "nginx", "caddy")
    return root


def changed(name, *pairs):
    """A file of deploy/proxy, changed as its own comments say."""
    text = (TREE / "deploy/proxy" / name).read_text()
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def configure_nginx(root):
    root.write("/etc/nginx/sites-enabled/shithub", changed(
        "nginx.conf", ("/etc/ssl/certs/ci.example.org.pem", CERTIFICATE),
        ("/etc/ssl/private/ci.example.org.key", KEY)))
    root.run("nginx", "-t")


def configure_caddy(root):
    root.run("install", "-o", "caddy", "-m", "0600", KEY, "/etc/caddy/ci.example.org.key")
    root.run("install", "-o", "caddy", "-m", "0600", CERTIFICATE, "/etc/caddy/ci.example.org.pem")
    root.write("/etc/caddy/Caddyfile", changed("Caddyfile", ("# tls /etc", "tls /etc")))
    root.run("caddy", "validate", "--config", "/etc/caddy/Caddyfile")


@pytest.fixture(scope="module")
def site(machine):
    return site_of.Site(machine, BASE, 'trusted_proxies = ["127.0.0.1"]\n')


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(machine, request):
    {"nginx": configure_nginx, "caddy": configure_caddy}[request.param](machine)
    machine.run("systemctl", "start", request.param)
    yield request.param
    machine.run("systemctl", "stop", request.param)


@pytest.fixture
def runner(proxy, site):
    site.configure_runner()
    site.root.run("systemctl", "start", "shithubd-runner")
    yield site.root
    site.root.run("systemctl", "stop", "shithubd-runner")


def call(site, path, *words, token=None, check=True):
    """(status, body) of a call through the proxy."""
    said = site.root.run("curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}", "-H",
                         f"Authorization: Bearer {token or site.pat}", *words, BASE + path, check=check).stdout
    body, _, status = said.decode().rpartition("\n")
    return int(status), body


STEPS = """\
      - uses: actions/checkout@v4
      - run: |
          echo begun
          until [ -e go ]; do sleep 0.1; done
          cksum <large
      - uses: shithub/upload-artifact@v1
        with: {name: large, path: large}
"""


def test_a_job_and_its_log_through_the_proxy(proxy, site, runner, report):
    site.root.run("dd", "if=/dev/urandom", "of=/root/hello/large", "bs=1M", "count=8")
    run = site.push_steps(STEPS)
    job = site.job(run)["id"]
    driver.wait_for(lambda: "begun\n" in call(site, f"/api/v1/jobs/{job}/log")[1], 60, "the log of a running step")
    assert site.job(run)["status"] == "running"
    (site.workspace(run) / "go").touch()
    assert site.conclusion(run) == "success", site.log(run)
    expected = site.root.text("sh", "-c", "cksum </root/hello/large")
    assert f"begun\n{expected}" in call(site, f"/api/v1/jobs/{job}/log")[1]
    said = site.root.journal("shithubd-runner")
    assert "heartbeat_failed" not in said and "call_failed" not in said, said
    site.root.run("rm", "-rf", "/root/clone")
    site.root.run("env", "GIT_CURL_VERBOSE=1", "timeout", "60", "git", "clone", "-q", f"{BASE}/demo/hello.git",
                  "/root/clone")
    site.root.run("cmp", "/root/hello/large", "/root/clone/large")
    report("proxy", f"{proxy}: push and clone of 8 MB, checkout, artifact, and a log while its step ran")


def test_a_body_that_is_too_large_is_refused_by_the_coordinator(proxy, site):
    site.root.run("sh", "-c", "head -c 3000000 /dev/zero >/root/zeros")
    status, body = call(site, "/api/v1/admin/verbs", "--data-binary", "@/root/zeros")
    assert status == 413 and "body is larger than" in json.loads(body)["error"]


def audited(site):
    """From where the last admin verb over the API came, as the audit table says."""
    rows = json.loads(site.admin("audit", "--target", "verb", "--output", "json"))
    return rows[0]["actor"]["address"]


def test_the_audit_table_names_the_caller(proxy, site):
    argv = json.dumps({"argv": ["repo", "list"]})
    for words in ([], ["-H", "X-Forwarded-For: 9.9.9.9"], ["-H", "X-Forwarded-For: 127.0.0.1, 127.0.0.1"],
                  ["-H", "X-Forwarded-For: " + "9.9.9.9, " * 300 + "x"]):
        status, body = call(site, "/api/v1/admin/verbs", "--interface", CALLER, "-d", argv, *words)
        assert status == 200, body
        assert audited(site) == CALLER, words


def test_failures_count_for_the_caller_and_not_for_the_proxy(proxy, site):
    site.root.run("systemctl", "restart", "shithubd")  # nobody has failed yet
    for n in range(FAILURES + 1):
        status, _ = call(site, "/api/v1/admin/verbs", "--interface", LIAR, "-d", "{}", "-H",
                         f"X-Forwarded-For: 192.0.2.{n}", token="shithub_pat_made_up")
        assert status == (401 if n < FAILURES else 429), n
    status, _ = call(site, "/api/v1/admin/verbs", "--interface", STRANGER, "-d", "{}", token="shithub_pat_made_up")
    assert status == 401
