"""Signing in at the pages and what one may do then: forms as a browser without scripts sends them,
against a real serve."""
import http.client
import re
import socket
import time
import urllib.parse

import pytest
from pages_world import Claimed, finish

WORKFLOW = "name: CI\non: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}\n"


class Browser:
    """Keeps cookies, follows nothing by itself."""

    def __init__(self, coordinator, address="127.0.0.1"):
        self.host = coordinator.base.split("://")[1]
        self.address = address
        self.cookies = {}

    def ask(self, method, path, form=None, headers=None):
        connection = http.client.HTTPConnection(self.host, timeout=60, source_address=(self.address, 0))
        head = {"Accept": "text/html", "User-Agent": "Test <b>browser</b>", **(headers or {})}
        if self.cookies:
            head["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            head["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, head)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        answer.set_cookie = answer.getheader("Set-Cookie")
        for cookie in answer.headers.get_all("Set-Cookie", ()):
            name, value = cookie.split(";")[0].split("=", 1)
            self.cookies[name] = value
            if "Max-Age=0" in cookie:
                del self.cookies[name]
        connection.close()
        return answer

    def get(self, path):
        return self.ask("GET", path)

    def sign_in(self, login, password, **more):
        return self.ask("POST", "/login", {"login": login, "password": password, "next": "/", **more})

    def token(self, path):
        return re.search(r'name="token" value="([0-9a-f]{64})"', self.get(path).text).group(1)

    def send(self, page, action, **fields):
        """The form with that action on that page."""
        assert f'action="{action}"' in self.get(page).text, (page, action)
        return self.ask("POST", action, {"token": self.token(page), **fields})


def token_of(coordinator, user, scopes):
    """The header of a personal access token."""
    made = coordinator.admin_json("token", "create", "--user", user, "--name", scopes, "--scopes", scopes)
    return {"Authorization": f"Bearer {made['token']}"}


@pytest.fixture
def browser(coordinator):
    return Browser(coordinator)


@pytest.fixture
def users(coordinator):
    """ada may write to demo/x, rita may read it, eve may nothing; all have passwords."""
    for name in ("ada", "rita", "eve"):
        coordinator.admin("user", "add", name)
        coordinator.admin("user", "password", name, stdin=f"{name}'s password\n".encode())


@pytest.fixture
def failed(coordinator, repository, users):
    """A private repository with a run that failed; its id."""
    repo = repository("demo/x", private=True)
    coordinator.admin("repo", "grant", "demo/x", "ada", "--role", "write")
    coordinator.admin("repo", "grant", "demo/x", "rita", "--role", "read")
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    claimed = Claimed(coordinator, coordinator.register_runner("r", labels="linux")["token"])
    finish(claimed, "failure", "no\n")
    return claimed.job["run_id"]


def test_in_and_out(coordinator, browser, failed):
    page = f"/demo/x/runs/{failed}"
    stranger = browser.get(page)
    assert stranger.status == 404 and stranger.text.count("Sign in") == 2
    got = browser.sign_in("ada", "ada's password", next=page)
    assert (got.status, got.getheader("Location")) == (303, page)
    assert "HttpOnly" in got.set_cookie and "SameSite=Lax" in got.set_cookie
    assert re.fullmatch(r"shithub_session=[0-9a-f]{64}", got.set_cookie.split(";")[0])
    assert browser.get(page).status == 200
    assert "demo" in browser.get("/").text
    lost = browser.get(page + "9")
    assert lost.status == 404 and "Sign out" in lost.text and "Sign in" not in lost.text
    # only the token's digest is stored
    cookie = browser.cookies["shithub_session"]
    assert cookie.encode() not in (coordinator.data / "shithubd.db").read_bytes()
    assert cookie not in coordinator.program.log()
    got = browser.send("/", "/logout")
    assert (got.status, got.getheader("Location")) == (303, "/")
    browser.cookies = {"shithub_session": cookie}
    assert browser.get(page).status == 404


def test_wrong_names_and_passwords(coordinator, browser, users):
    coordinator.admin("user", "add", "nopass")
    answers = {browser.sign_in(*pair).text.replace(pair[0], "NAME") for pair in (
        ("ada", "rita's password"), ("nobody", "ada's password"), ("nopass", "x"), ("ada", "Ada's password"))}
    assert len(answers) == 1 and "Name or password is wrong" in answers.pop()
    assert not browser.cookies
    assert browser.sign_in("ada", "").status == 400
    assert browser.sign_in("ada", "x" * 1025).status == 400
    assert browser.ask("POST", "/login", {}).status == 400
    for leads in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x",
                  "/\t/evil.example", "/\n/evil.example", "/\x01/evil.example", "/\x7f", "/ x", "/\u00e9"):
        assert browser.sign_in("ada", "ada's password", next=leads).getheader("Location") == "/"
        # signed in already
        assert browser.get("/login?" + urllib.parse.urlencode({"next": leads})).getheader("Location") == "/"


def test_too_many_tries(browser, users):
    for _ in range(20):
        assert browser.sign_in("ada", "wrong password").status == 401
    for password in ("wrong password", "ada's password"):
        got = browser.sign_in("ada", password)
        assert got.status == 429 and "Too many tries" in got.text


class Parked:
    """A try to sign in whose headers were let in, and whose body is to come."""

    def __init__(self, coordinator, login, password):
        host, port = coordinator.base.split("://")[1].split(":")
        self.body = urllib.parse.urlencode({"login": login, "password": password, "next": "/"}).encode()
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                            b"Content-Type: application/x-www-form-urlencoded\r\n"
                            b"Content-Length: %d\r\n\r\n" % len(self.body))
        assert self.file.readline().split()[1] == b"100" and self.file.readline() == b"\r\n"

    def send(self):
        self.socket.sendall(self.body)

    def status(self):
        status = int(self.file.readline().split()[1])
        self.file.close()
        self.socket.close()
        return status


def test_too_many_tries_at_a_time(coordinator, users):
    """Those that were let in before the limit was reached, and those whose password is being checked."""
    tries = [Parked(coordinator, f"user{number}", "wrong password") for number in range(26)]
    for one in tries[:18]:
        one.send()
        assert one.status() == 401
    for one in tries[18:22]:
        one.send()
    assert sorted(one.status() for one in tries[18:22]) == [401, 401, 429, 429]
    for one in tries[22:]:
        one.send()
        assert one.status() == 429


def test_too_many_tries_for_a_name(coordinator, browser, users):
    """From as many addresses as there are tries. Who is signed in stays so, others can sign in."""
    assert browser.sign_in("ada", "ada's password").status == 303
    for name in ("ada", "nobody"):
        for number in range(20):
            assert Browser(coordinator, f"127.0.0.{number + 2}").sign_in(name, "wrong password").status == 401
    other = Browser(coordinator, "127.0.0.100")
    for name in ("ada", "ADA", "nobody"):
        got = other.sign_in(name, "ada's password")
        assert got.status == 429 and "Too many tries" in got.text and not other.cookies
    assert "Sign out" in browser.get("/").text
    assert other.sign_in("eve", "eve's password").status == 303
    # who succeeds often is not stopped
    for _ in range(21):
        assert other.sign_in("eve", "eve's password").status == 303


def test_refusals_in_the_log(coordinator, browser, users):
    """A password that was typed as a name is not in it, and nobody fills it."""
    assert browser.sign_in("ada", "wrong password").status == 401
    assert browser.sign_in("My-Secret-Password", "x").status == 401
    log = coordinator.program.log()
    assert "login_refused login=ada address=127.0.0.1" in log
    assert "login_refused login=- address=127.0.0.1" in log and "My-Secret" not in log
    began = time.monotonic()
    for number in range(70):
        other = Browser(coordinator, f"127.0.0.{number // 10 + 2}")
        assert other.sign_in(f"user{number}", "wrong password").status == 401
    minutes = 1 + (time.monotonic() - began) // 60  # 60 lines in each
    assert 10 < coordinator.program.log().count("login_refused") <= 60 * minutes


def test_run_one_job_again(coordinator, browser, repository, users):
    repo = repository("demo/two")
    coordinator.admin("repo", "grant", "demo/two", "ada", "--role", "write")
    repo.commit({".shithub/workflows/ci.yml":
                 "on: push\njobs:\n  a: {runs-on: linux, steps: [{run: x}]}\n"
                 "  b: {runs-on: linux, steps: [{run: x}]}\n"})
    repo.push()
    token = coordinator.register_runner("r", labels="linux", capacity=2)["token"]
    for _ in range(2):
        claimed = Claimed(coordinator, token)
        finish(claimed)
    page = f"/demo/two/runs/{claimed.run_id}"
    browser.sign_in("ada", "ada's password")
    text = browser.get(page).text
    assert text.count("<option ") == 2 and f'value="{claimed.id}"' in text
    got = browser.send(page, page + "/rerun-job", job=claimed.id)
    assert got.status == 303, got.text
    jobs = coordinator.show(got.getheader("Location").split("/")[-1])["jobs"]
    assert sorted(job["status"] for job in jobs) == ["completed", "queued"]
    assert next(job["name"] for job in jobs if job["status"] == "queued") == claimed.job["job_name"]
    form = {"token": browser.token("/")}
    for wrong in ("", "0", "x", "999999", str(next(job["id"] for job in jobs)), "9" * 30):
        got = browser.ask("POST", page + "/rerun-job", {**form, "job": wrong})
        assert got.status == 400 and "job: expected" in got.text, wrong
    assert browser.ask("POST", page + "/rerun-job", {"job": str(claimed.id)}).status == 403
    browser.cookies = {}
    assert browser.ask("POST", page + "/rerun-job", {**form, "job": str(claimed.id)}).status == 401


def test_run_again_and_cancel(coordinator, browser, failed):
    page = f"/demo/x/runs/{failed}"
    browser.sign_in("ada", "ada's password")
    got = browser.send(page, page + "/rerun-failed-jobs")
    assert got.status == 303
    again = got.getheader("Location")
    assert coordinator.show(again.split("/")[-1])["actor"] == "ada"
    got = browser.send(again, again + "/cancel")
    assert (got.status, got.getheader("Location")) == (303, again)
    assert "cancelled by ada" in browser.get(again).text
    got = browser.send(page, page + "/rerun")
    assert got.status == 303
    # what is not possible says so
    token = browser.token("/")
    assert browser.ask("POST", page + "/cancel", {"token": token}).status == 409


def test_who_may_not(coordinator, browser, failed):
    page = f"/demo/x/runs/{failed}"
    before = len(coordinator.runs())
    assert browser.ask("POST", page + "/rerun", {}).status == 401
    browser.sign_in("rita", "rita's password")
    assert "Re-run" not in browser.get(page).text
    got = browser.ask("POST", page + "/rerun", {"token": browser.token("/")})
    assert got.status == 403 and "your role on this repository is read" in got.text
    browser.sign_in("eve", "eve's password")
    assert browser.ask("POST", page + "/rerun", {"token": browser.token("/")}).status == 404
    assert len(coordinator.runs()) == before


def test_forms_of_other_sites(coordinator, browser, failed):
    page = f"/demo/x/runs/{failed}"
    before = len(coordinator.runs())
    other = Browser(coordinator)
    other.sign_in("ada", "ada's password")
    browser.sign_in("ada", "ada's password")
    good = {"token": browser.token("/")}
    for form, headers in (({}, {}), ({"token": ""}, {}), ({"token": "0" * 64}, {}),
                          ({"token": other.token("/")}, {}),
                          (good, {"Sec-Fetch-Site": "cross-site"}), (good, {"Sec-Fetch-Site": "same-site"}),
                          (good, {"Origin": "https://evil.example"}), (good, {"Origin": "null"})):
        assert browser.ask("POST", page + "/rerun", form, headers).status == 403, (form, headers)
    assert browser.ask("POST", "/logout", {}).status == 403
    foreign = Browser(coordinator)
    assert foreign.ask("POST", "/login", {"login": "ada", "password": "ada's password"},
                       {"Sec-Fetch-Site": "cross-site"}).status == 403 and not foreign.cookies
    assert len(coordinator.runs()) == before
    assert browser.ask("POST", page + "/rerun", good, {"Origin": coordinator.base}).status == 303


def test_sessions_end(coordinator, browser, users):
    other = Browser(coordinator)
    for one in (browser, other):
        one.sign_in("ada", "ada's password")
    page = browser.get("/sessions").text
    assert page.count("Test &lt;b&gt;browser&lt;/b&gt;") == 2 and page.count("this one") == 1
    eve = Browser(coordinator)
    eve.sign_in("eve", "eve's password")
    ends = re.findall(r'action="(/sessions/\d+/end)"', page)
    for end in (*ends, "/sessions/0/end", "/sessions/abc/end"):
        assert eve.ask("POST", end, {"token": eve.token("/")}).status == 404
    first = ends[0]  # the newest: other's
    assert browser.send("/sessions", first).status == 303
    assert "Sign in" in other.get("/").text and "Sign out" in browser.get("/").text
    # a new password, and a disabled user
    coordinator.admin("user", "password", "ada", stdin=b"another password")
    assert "Sign in" in browser.get("/").text
    assert browser.sign_in("ada", "ada's password").status == 401
    assert browser.sign_in("ada", "another password").status == 303
    coordinator.admin("user", "disable", "ada")
    assert "Sign in" in browser.get("/").text
    assert browser.sign_in("ada", "another password").status == 401
    coordinator.admin("user", "enable", "ada")
    assert "Sign in" in browser.get("/").text


def test_sessions_are_for_browsers(coordinator, browser, users):
    browser.sign_in("ada", "ada's password")
    end = re.search(r'action="(/sessions/\d+/end)"', browser.get("/sessions").text).group(1)
    program = Browser(coordinator)
    token = token_of(coordinator, "ada", "repo:write")
    assert program.ask("GET", "/sessions", headers=token).status == 401
    assert program.ask("POST", end, {}, token).status == 401
    assert browser.get("/sessions").status == 200


def test_lists_of_a_token(coordinator, browser, repository, users):
    """A token that may read no repository lists what nobody in particular may."""
    repository("demo/x", private=True)
    coordinator.admin("user", "set-admin", "ada", "on")
    coordinator.admin("runner", "register", "--name", "hidden-runner", "--labels", "linux", "--repo", "demo/x")
    for scopes, seen in (("repo:read", True), ("admin", False)):
        token = token_of(coordinator, "ada", scopes)
        for page, word in (("/", "demo/x"), ("/runners", "hidden-runner")):
            assert (word in browser.ask("GET", page, headers=token).text) == seen, (scopes, page)


def test_password_verb(coordinator):
    coordinator.admin("user", "add", "ada")
    for bad in (b"short", b"", b"x" * 2000, b"a\0bcdefghij"):
        assert coordinator.admin("user", "password", "ada", stdin=bad, check=False).returncode == 2
    assert coordinator.admin("user", "password", "nobody", stdin=b"long enough",
                             check=False).returncode == 1
    coordinator.admin("user", "password", "ada", stdin=b"long enough")
    coordinator.admin("user", "password", "ada", "--remove")
    assert Browser(coordinator).sign_in("ada", "long enough").status == 401
    assert b"user.password" in coordinator.admin("audit").stdout


def test_approve(coordinator, browser, repository, pat, users):
    repo = repository("demo/pull")
    coordinator.admin("repo", "grant", "demo/pull", "ada", "--role", "write")
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW.replace("on: push", "on: pull_request")})
    repo.push()
    repo.commit({"a": "b"})
    repo.git("push", "-q", "origin", "HEAD:refs/pull/1/head")
    run = coordinator.runs()[0]["id"]
    page = f"/demo/pull/runs/{run}"
    assert "Waiting for approval" in browser.get(page).text
    browser.sign_in("ada", "ada's password")
    got = browser.send(page, page + "/approve", reason="read it <b>")
    assert got.status == 303
    text = browser.get(page).text
    assert "Approved by" in text and "read it &lt;b&gt;" in text
    assert coordinator.show(run)["pull_request"]["approved_by"] == "ada"
