"""Signing in by an OpenID Connect provider: the way of a browser through both, and every way in which the
provider, a network or another site may not be what it should."""
import html
import http.client
import json
import re
import socket
import time
import urllib.parse

import driver
import pytest
from certificates import Authority
from provider import CALLBACK, Provider
from test_pages_login import Browser


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.stop()
    assert not made.refused, made.refused


def configure(folder, provider, **more):
    """Flags of a serve that uses it."""
    secret = folder / "secret"
    secret.write_text(provider.secret + "\n")
    secret.chmod(0o600)
    keys = {"issuer": provider.issuer, "name": "Example & Co", "client_id": provider.client_id,
            "client_secret_file": str(secret), **more}
    config = folder / "serve.toml"
    config.write_text("[oidc]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
    return "--config", config


@pytest.fixture
def serve(folder, provider, coordinators):
    """serve(**options of [oidc]): a coordinator that the provider knows, with the user ada."""
    def make(**more):
        one = coordinators(*configure(folder, provider, **more)).start()
        provider.redirect_uris = {one.base + CALLBACK}
        one.admin("user", "add", "ada")
        return one
    return make


def visit(location, base):
    """What a browser does at the provider: the path at the coordinator where it is sent back to."""
    parts = urllib.parse.urlsplit(location)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 302, body
    back = answer.getheader("Location")
    assert back.startswith(base + CALLBACK + "?")
    return back.removeprefix(base)


class Visitor(Browser):
    def begin(self, next_page="/queue"):
        """To the provider and back, but for the last step: the path of that."""
        got = self.get("/login/oidc?" + urllib.parse.urlencode({"next": next_page}))
        assert got.status == 303, got.text
        return visit(got.getheader("Location"), f"http://{self.host}")

    def come(self, **where):
        return self.get(self.begin(**where))


def who(browser):
    found = re.search(r'<a href="/sessions">([^<]*)</a>', browser.get("/").text)
    return found and found.group(1)


def refusals(coordinator, word):
    return coordinator.program.log().count(f"oidc_refused why={word} ")


def test_in_and_out(serve, provider):
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    browser = Visitor(coordinator)
    page = browser.get("/login?next=/queue").text
    assert "Sign in with Example &amp; Co" in page and 'href="/login/oidc?next=/queue"' in page
    assert 'name="password"' in page
    back = browser.begin()
    cookie = browser.cookies["shithub_oidc"]
    got = browser.get(back)
    assert (got.status, got.getheader("Location")) == (303, "/queue"), got.text
    assert "HttpOnly" in got.set_cookie and "SameSite=Lax" in got.set_cookie
    assert list(browser.cookies) == ["shithub_session"] and who(browser) == "ada"
    # a name at the provider means nothing any more
    provider.person["preferred_username"] = "someone-else"
    other = Visitor(coordinator)
    assert other.come().status == 303 and who(other) == "ada"
    # who is signed in is not sent there again
    assert other.get("/login/oidc?next=/queue").getheader("Location") == "/queue"
    assert other.send("/", "/logout").status == 303 and not who(other)
    # nothing that opens anything is in the log
    code, state = (urllib.parse.parse_qs(back.partition("?")[2])[name][0] for name in ("code", "state"))
    log = coordinator.program.log()
    assert not any(text in log for text in (code, state, cookie, provider.secret))
    shown = coordinator.admin_json("user", "show", "ada")["identities"]
    assert [(one["issuer"], one["subject"]) for one in shown] == [(provider.issuer, "248289761001")]
    assert shown[0]["last_used_at"]
    # document and keys were read once
    assert provider.asked.count("/.well-known/openid-configuration") == provider.asked.count("/keys") == 1


def test_other_providers(folder, coordinators):
    """ES256, the client's secret in the form, claims apart, and TLS with an authority of one's own."""
    authority = Authority(folder / "ca")
    provider = Provider(authority.issue("provider"), "ES256")
    provider.wrong, provider.claims_apart = {"form secret"}, True
    try:
        flags = configure(folder, provider, ca_file=str(authority.file), users="create", groups=["all"])
        coordinator = coordinators(*flags).start()
        provider.redirect_uris = {coordinator.base + CALLBACK}
        browser = Visitor(coordinator)
        got = browser.get("/login/oidc")
        location = got.getheader("Location")
        assert location.startswith(provider.issuer + "/authorize?")
        parts = urllib.parse.urlsplit(location)
        connection = http.client.HTTPSConnection(parts.netloc, timeout=60, context=driver.ssl._create_unverified_context())
        connection.request("GET", f"{parts.path}?{parts.query}")
        back = connection.getresponse().getheader("Location").removeprefix(coordinator.base)
        got = browser.get(back)
        assert got.status == 303 and who(browser) == "ada", got.text
        # without the authority nothing is believed
        flags = configure(folder, provider)
        other = coordinators(*flags).start()
        got = Visitor(other).get("/login/oidc")
        assert got.status == 503 and "cannot be reached" in got.text and refusals(other, "unreachable") == 1
    finally:
        provider.stop()
    assert not provider.refused


def test_who_is_not_linked(serve, provider):
    coordinator = serve()
    browser = Visitor(coordinator)
    provider.person["sub"] = "auth0|7"
    got = browser.come()
    assert got.status == 403 and "no user of this coordinator yet" in got.text and not browser.cookies
    command = html.unescape(re.search(r"<code>(.*?)</code>", got.text).group(1))
    assert command == "shithubd admin user link NAME --subject 'auth0|7'"
    assert "why=not_linked subject=auth0|7" in coordinator.program.log()
    # a subject that a shell would not take as a word is shown to nobody
    provider.person["sub"] = "x'; rm -rf ~"
    assert "rm -rf" not in browser.come().text
    # what is linked is that subject, not the name
    coordinator.admin("user", "add", "rita")
    coordinator.admin("user", "link", "rita", "--subject", "auth0|7")
    provider.person["sub"] = "auth0|7"
    assert browser.come().status == 303 and who(browser) == "rita"


def test_invitation(serve, provider):
    """The first one of that name is linked, and nobody else of that name later."""
    coordinator = serve()
    coordinator.admin("user", "link", "ada")
    assert b"invited" in coordinator.admin("user", "show", "ada").stdout
    provider.person["preferred_username"] = "eve"
    assert Visitor(coordinator).come().status == 403
    provider.person["preferred_username"] = "Ada"
    browser = Visitor(coordinator)
    assert browser.come().status == 303 and who(browser) == "ada"
    provider.person["sub"] = "another"
    assert Visitor(coordinator).come().status == 403
    told = audit(coordinator)
    assert ("user.invite", "ada", None) in told
    assert ("user.link", "Ada", f"subject 248289761001 at {provider.issuer} signed in") in told


def audit(coordinator):
    return [(one["verb"], one["target"]["id"], one["reason"]) for one in coordinator.admin_json("audit")]


def test_links_end(serve, provider):
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    browser = Visitor(coordinator)
    assert browser.come().status == 303 and who(browser) == "ada"
    coordinator.admin("user", "disable", "ada")
    assert not who(browser)
    got = browser.come()
    assert got.status == 403 and "Your user is disabled" in got.text and not who(browser)
    coordinator.admin("user", "enable", "ada")
    assert browser.come().status == 303 and who(browser) == "ada"
    coordinator.admin("user", "unlink", "ada")
    assert not who(browser) and browser.come().status == 403
    done = coordinator.admin("user", "unlink", "ada", check=False)
    assert done.returncode == 1 and b"not linked" in done.stderr
    # a subject is one user's alone
    coordinator.admin("user", "add", "eve")
    coordinator.admin("user", "link", "ada", "--subject", "1")
    done = coordinator.admin("user", "link", "eve", "--subject", "1", check=False)
    assert done.returncode == 3 and b"linked to another user" in done.stderr


def test_new_users(serve, provider):
    coordinator = serve(users="create", email_domains=["example.org"], groups=["builders"])
    browser = Visitor(coordinator)
    # ada was there before: a name is not enough
    got = browser.come()
    assert got.status == 403 and "name is taken" in got.text
    provider.person["preferred_username"] = "grace"
    provider.person["site_admin"] = True
    assert browser.come().status == 303 and who(browser) == "grace"
    shown = coordinator.admin_json("user", "show", "grace")
    assert not shown["site_admin"] and shown["identities"][0]["subject"] == provider.person["sub"]
    assert ("user.add", "grace", f"subject 248289761001 at {provider.issuer} signed in") in audit(coordinator)
    for change, words in (({"email": "ada@evil.example"}, "no verified e-mail"),
                          ({"email": "ada@sub.example.org"}, "no verified e-mail"),
                          ({"email": "ada@evil.example@example.org.evil"}, "no verified e-mail"),
                          ({"email_verified": False}, "no verified e-mail"),
                          ({"email_verified": "true"}, "no verified e-mail"),
                          ({"groups": ["all"]}, "in no group"), ({"groups": None}, "does not say in which groups you are")):
        before, provider.person = provider.person, {**provider.person, **change}
        other = Visitor(coordinator)
        got = other.come()
        assert got.status == 403 and words in got.text and not other.cookies, change
        provider.person = before
    for name in ("", "not a name", "static", "../x", "a" * 40, None):
        provider.person.update(sub=f"s{name}", preferred_username=name)
        got = Visitor(coordinator).come()
        assert got.status == 403 and "no name that can be one" in got.text, name
    names = [one["login"] for one in coordinator.admin_json("user", "list")]
    assert names == ["ada", "grace"]


@pytest.mark.parametrize("wrong", [
    "nonce", "aud", "azp", "no azp", "iss", "no exp", "no sub", "alg none", "hs256", "unknown key", "other key",
    "own key", "rs512", "crit", "signature", "no iss", "other iss", "huge token", "expired", "future"])
def test_wrong_proofs(serve, provider, wrong):
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    provider.wrong = {wrong}
    browser = Visitor(coordinator)
    got = browser.come()
    clock = wrong in ("expired", "future")
    assert got.status == 502 and not browser.cookies and not who(browser)
    assert ("Two clocks differ" if clock else "proves nothing") in got.text
    assert refusals(coordinator, "clock" if clock else "token_refused") == 1
    provider.wrong = set()
    assert browser.come().status == 303 and who(browser) == "ada"


def test_a_short_key(serve, provider):
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    provider.wrong = {"short_key"}
    provider.rotate()
    assert Visitor(coordinator).come().status == 502
    assert "has less than 2048 bits" in coordinator.program.log()


def test_new_keys(serve, provider):
    """Read again for a key that is not there, but not for each of them."""
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    assert Visitor(coordinator).come().status == 303
    provider.rotate()
    assert Visitor(coordinator).come().status == 303 and provider.asked.count("/keys") == 2
    provider.wrong = {"unknown key"}
    for _ in range(3):
        assert Visitor(coordinator).come().status == 502
    assert provider.asked.count("/keys") == 2


@pytest.mark.parametrize("wrong, status, word", [
    ("redirect /.well-known/openid-configuration", 502, "broken_answer"),
    ("huge /.well-known/openid-configuration", 503, "unreachable"),
    ("broken /.well-known/openid-configuration", 502, "broken_answer"),
    ("discovery issuer", 502, "broken_answer"), ("plain endpoint", 502, "broken_answer"),
    ("redirect /token", 502, "broken_answer"), ("broken /token", 503, "unreachable"),
    ("huge /keys", 503, "unreachable"), ("broken /keys", 502, "broken_answer"), ("redirect /keys", 502, "broken_answer"),
    ("redirect /userinfo", 502, "broken_answer"), ("userinfo sub", 502, "broken_answer")])
def test_wrong_answers(serve, provider, wrong, status, word):
    coordinator = serve()
    provider.claims_apart = True
    provider.wrong = {wrong}
    browser = Visitor(coordinator)
    got = browser.get("/login/oidc")
    if got.status == 303:
        got = browser.get(visit(got.getheader("Location"), coordinator.base))
    assert got.status == status and refusals(coordinator, word) == 1, (got.status, coordinator.program.log())
    assert "Sign in again" in got.text and "/elsewhere" not in provider.asked and not browser.cookies


def test_slow_answers(serve, provider):
    """Nobody else waits for them, and serve ends at once all the same."""
    coordinator = serve()
    coordinator.admin("user", "password", "ada", stdin=b"ada's password")
    provider.wrong = {"slow /token"}
    waiting, begun = [], [(one, one.begin()) for one in (Visitor(coordinator) for _ in range(9 + 20))]
    for browser, back in begun[:9]:
        one = socket.create_connection(tuple(browser.host.split(":")), timeout=60)
        one.sendall(f"GET {back} HTTP/1.1\r\nHost: x\r\nCookie: shithub_oidc={browser.cookies['shithub_oidc']}\r\n\r\n".encode())
        waiting.append(one)
        driver.wait_for(lambda: provider.asked.count("/token") == min(len(waiting), 8), 30, "the code at the provider")
    head = waiting[8].recv(100)
    assert b" 503 " in head and refusals(coordinator, "busy") == 1
    # a password takes no part in that, and who found no place has not failed: this address may still try
    assert [browser.get(back).status for browser, back in begun[9:]] == [503] * 20
    assert Browser(coordinator).sign_in("ada", "ada's password").status == 303
    waiting.pop(0).close()  # a client that goes away
    began = time.monotonic()
    assert coordinator.stop() == 0 and time.monotonic() - began < 5
    for one in waiting:
        one.close()


def test_provider_that_is_away(serve, provider, coordinators, folder):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        provider_url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        coordinator = coordinators(*configure(folder, provider, issuer=provider_url)).start()
        for _ in range(3):  # it is not asked each time
            got = Visitor(coordinator).get("/login/oidc")
            assert got.status == 503 and "cannot be reached" in got.text and got.getheader("Retry-After")


def test_wrong_secret(serve, provider):
    coordinator = serve()
    provider.secret = "another secret"
    browser = Visitor(coordinator)
    got = browser.come()
    assert got.status == 502 and "does not know this coordinator" in got.text
    assert refusals(coordinator, "client_refused") == 1
    assert provider.refused.pop() == "client authentication" and not provider.refused


@pytest.mark.parametrize("wrong, status", [("broken /token", 503), ("expired", 502)])
def test_faults_of_the_provider_count_against_nobody(serve, provider, wrong, status):
    """However many come back while it is away, their address still signs in with passwords."""
    coordinator = serve()
    coordinator.admin("user", "password", "ada", stdin=b"ada's password")
    provider.wrong = {wrong}
    for _ in range(20):
        assert Visitor(coordinator).come().status == status
    assert Browser(coordinator).sign_in("ada", "ada's password").status == 303


def test_refused_requests_are_named(serve, provider):
    """The word of the provider is in the log, what cannot be a word is not."""
    coordinator = serve()
    for word in ("unsupported_grant_type", "<b>secret"):
        provider.wrong = {"token error " + word}
        assert Visitor(coordinator).come().status == 502
    log = coordinator.program.log()
    assert "token endpoint: HTTP 400 unsupported_grant_type" in log and "HTTP 400 and an unreadable error" in log
    assert "<b>secret" not in log
    provider.refused.clear()


def test_an_error_uses_nothing_up(serve, provider):
    """Only a code is good once: answers without one must not push those that were used out of the list."""
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    browser = Visitor(coordinator)
    location = browser.get("/login/oidc").getheader("Location")
    kept = dict(browser.cookies)
    provider.wrong = {"error server_error"}
    assert browser.get(visit(location, coordinator.base)).status == 502
    browser.cookies, provider.wrong = kept, set()
    assert browser.get(visit(location, coordinator.base)).status == 303 and who(browser) == "ada"


@pytest.mark.parametrize("error, status", [("access_denied", 403), ("server_error", 502), ("<b>x", 502)])
def test_errors_of_the_provider(serve, provider, error, status):
    coordinator = serve()
    provider.wrong = {"error " + error}
    browser = Visitor(coordinator)
    got = browser.come()
    assert got.status == status and not browser.cookies
    assert "SECRET" not in got.text + coordinator.program.log() and "<b>x" not in got.text + coordinator.program.log()
    assert "/token" not in provider.asked


def test_answers_of_others(serve, provider):
    """A link that somebody else made, a state of another browser, the same answer twice: nobody is signed in."""
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    attacker, victim = Visitor(coordinator), Visitor(coordinator)
    back = attacker.begin()
    for cookies in ({}, {"shithub_oidc": "x"}, {"shithub_oidc": "1.2.3"}, {"shithub_oidc": "." * 900}):
        victim.cookies = dict(cookies)
        got = victim.get(back)
        assert got.status == 400 and "This sign-in is over" in got.text and "shithub_session" not in victim.cookies
    mine = victim.begin()
    assert victim.get(back).status == 400 and list(victim.cookies) == ["shithub_oidc"]
    assert "/token" not in provider.asked
    # and a link that somebody else made ends no sign-in that is under way
    assert victim.get(mine).status == 303 and who(victim) == "ada"
    # the cookie of the one who began, but not quite
    mine = attacker.cookies["shithub_oidc"]
    seconds, random, page = mine.split(".")
    for changed in (f"{int(seconds) + 1}.{random}.{page}", f"{seconds}.{random[::-1]}.{page}", f"{seconds}.{random}.Lw"):
        attacker.cookies = {"shithub_oidc": changed}
        assert attacker.get(back).status == 400
    attacker.cookies = {"shithub_oidc": mine}
    assert attacker.get(back).status == 303 and who(attacker) == "ada"
    # once, even when the provider would take the code again
    provider.wrong = {"codes live"}
    again = Visitor(coordinator)
    back = again.begin()
    kept = dict(again.cookies)
    assert again.get(back).status == 303
    again.cookies = kept
    assert again.get(back).status == 400 and not who(again)
    assert provider.asked.count("/token") == 3


def test_sessions_are_new(serve, provider):
    """A session that was there before is not the one that somebody gets."""
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    browser = Visitor(coordinator)
    browser.cookies = {"shithub_session": "0" * 64}
    assert browser.come().status == 303 and who(browser) == "ada"
    assert browser.cookies["shithub_session"] != "0" * 64


def test_where_it_leads(serve, provider):
    """On this host, whatever the address says."""
    coordinator = serve()
    coordinator.admin("user", "link", "ada", "--subject", provider.person["sub"])
    for leads in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/\t/evil.example", ""):
        assert Visitor(coordinator).come(next_page=leads).getheader("Location") == "/", leads
    assert Visitor(coordinator).get("/login/oidc?next=/" + "x" * 500).status == 400
    # a page of another site does not begin one
    browser = Visitor(coordinator)
    got = browser.ask("GET", "/login/oidc?next=/queue", headers={"Sec-Fetch-Site": "cross-site"})
    assert (got.status, got.getheader("Location")) == (303, "/login") and not browser.cookies


def test_too_many_tries(serve, provider):
    coordinator = serve()
    for _ in range(20):
        assert Visitor(coordinator).come().status == 403
    got = Visitor(coordinator).get("/login/oidc")
    assert got.status == 429 and "Wait a minute" in got.text


def test_secure_cookies(serve, provider, folder, coordinators):
    """Behind a proxy with TLS."""
    coordinator = coordinators(*configure(folder, provider), "--public-url", "https://ci.example.org").start()
    got = Visitor(coordinator).get("/login/oidc")
    assert got.set_cookie.startswith("__Host-shithub_oidc=") and "; Secure" in got.set_cookie
    assert "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax" in got.set_cookie
    query = urllib.parse.parse_qs(got.getheader("Location").partition("?")[2])
    assert query["redirect_uri"] == ["https://ci.example.org" + CALLBACK]
    assert query["code_challenge_method"] == ["S256"] and query["response_type"] == ["code"]


def test_configuration(build, folder, provider):
    def problem(*flags, **more):
        done = driver.run([build / "shithubd", "serve", "--data", folder / "data", "--listen", "127.0.0.1:0",
                           *configure(folder, provider, **more), *flags], check=False)
        return done.returncode, done.stderr.decode()

    for more, words in (({"issuer": "http://example.org"}, "not encrypted"), ({"issuer": "example.org"}, "https://HOST"),
                        ({"issuer": "https://a@b"}, "credentials"), ({"issuer": "https://a/?x"}, "a query"),
                        ({"scopes": "profile"}, "openid"), ({"users": "create"}, "everybody whom the provider knows"),
                        ({"client_id": ""}, "oidc.client_id is missing"), ({"users": "all"}, "linked"),
                        ({"client_secret_file": ""}, "oidc.client_secret_file is missing"),
                        ({"groups_claim": "roles"}, "oidc.groups_claim: does nothing without oidc.groups"),
                        ({"issuer": ""}, "oidc.client_secret_file: does nothing without oidc.issuer")):
        code, text = problem(**more)
        assert code == 2 and words in text and "serve.toml" in text, (more, text)
    code, text = problem("--pages", "off")
    assert code == 2 and 'oidc.issuer: server.pages is "off"' in text
    code, text = problem("--public-url", "http://ci.example.org")
    assert code == 2 and "server.public_url is http://ci.example.org" in text
    configure(folder, provider)
    (folder / "secret").chmod(0o644)
    done = driver.run([build / "shithubd", "serve", "--data", folder / "data", "--config", folder / "serve.toml"],
                      check=False)
    assert done.returncode == 2 and b"oidc.client_secret_file" in done.stderr and b"chmod" in done.stderr
    (folder / "secret").unlink()
    done = driver.run([build / "shithubd", "serve", "--data", folder / "data", "--config", folder / "serve.toml"],
                      check=False)
    assert done.returncode == 2 and b"expected a file with the client's secret" in done.stderr


def test_without_a_provider(coordinator):
    assert "Sign in with" not in Browser(coordinator).get("/login").text
    for path in ("/login/oidc", CALLBACK):
        assert Browser(coordinator).get(path).status == 404
    coordinator.admin("user", "add", "ada")
    done = coordinator.admin("user", "link", "ada", check=False)
    assert done.returncode == 1 and b"oidc.issuer" in done.stderr


def test_doctor(build, serve, provider, folder):
    coordinator = serve()

    def row(*words):
        done = driver.run([build / "shithubd", "doctor", "--data", coordinator.data, "--config", folder / "serve.toml",
                           "--output", "json", *words], check=False)
        return next(one for one in json.loads(done.stdout)["checks"] if one["name"] == "sign-in")
    assert row()["verdict"] == "pass" and "with 1 keys" in row()["detail"]
    assert "not asked" in row("--offline")["detail"]
    provider.wrong = {"broken /keys"}
    assert row()["verdict"] == "fail" and "/keys" in row()["detail"]
    (folder / "secret").chmod(0o644)
    assert row()["verdict"] == "fail" and "secret" in row()["detail"]
    (folder / "secret").chmod(0o600)
    provider.wrong = set()
    with (folder / "serve.toml").open("a") as config:
        config.write('[server]\npublic_url = "http://ci.example.org"\n')
    assert row()["verdict"] == "fail" and "server.public_url is http://ci.example.org" in row()["detail"]
