"""Users, roles and tokens with real git, and the admin verbs from elsewhere (--url)."""
import json
import os

import pytest

import byhand
import driver
from test_admin_manners import MAKERS, NEEDED

SMOKE = """
on: {push: {}}
jobs: {a: {runs-on: ubuntu-latest, steps: [{run: echo}]}}
"""


@pytest.fixture
def boss(coordinator):
    """The first user's token: a site admin's."""
    return coordinator.create_token("boss")


@pytest.fixture
def closed(coordinator, boss):
    repo = coordinator.repository("acme/closed", boss, private=True)
    repo.commit({".shithub/workflows/ci.yml": SMOKE})
    repo.push()
    return repo


def user(coordinator, login, **options):
    """A user and a token of it."""
    coordinator.admin("user", "add", login)
    words = [part for key, value in options.items() for part in (f"--{key}", value)]
    return coordinator.admin_json("token", "create", "--user", login, "--name", "laptop", "--scopes",
                                  "repo:read,repo:write", *words)


def git(repo, token, *words):
    """git as the holder of that token: the CompletedProcess."""
    env = {**repo.env, "GIT_CONFIG_COUNT": "0"}
    url = repo.url.replace("http://", f"http://x:{token}@") if token else repo.url
    return driver.run(["git", *(url if word == "URL" else word for word in words)], env=env,
                      cwd=repo.clone, check=False)


def may(repo, token):
    """(reads, writes) by trying."""
    repo.commit({}, "one more")
    return (git(repo, token, "ls-remote", "URL").returncode == 0,
            git(repo, token, "push", "URL", "HEAD:refs/heads/tried").returncode == 0)


def test_the_first_user_needs_no_setting_up(coordinator):
    """The commands of README: a repository, a token, a push."""
    coordinator.admin("repo", "add", "demo/hello")
    done = coordinator.admin("token", "create", "--name", "me", "--scopes", "repo:read,repo:write",
                             "--output", "json")
    assert b"user me made: the first one, a site admin" in done.stderr
    repo = driver.Repository(coordinator, "demo/hello", json.loads(done.stdout)["token"])
    repo.commit({".shithub/workflows/ci.yml": SMOKE})
    repo.push()
    assert coordinator.runs()[0]["actor"] == "me"
    assert git(repo, None, "ls-remote", "URL").returncode != 0, "private unless --public"
    assert coordinator.admin_json("repo", "list")[0]["private"]
    # the second one may nothing yet
    done = coordinator.admin("token", "create", "--name", "other", "--output", "json")
    assert b"repo grant" in done.stderr
    assert may(repo, json.loads(done.stdout)["token"]) == (False, False)


def test_roles(coordinator, closed):
    ann, bob = user(coordinator, "ann")["token"], user(coordinator, "bob")["token"]
    assert may(closed, ann) == may(closed, bob) == (False, False)
    coordinator.admin("repo", "grant", "acme/closed", "ann", "--role", "read")
    assert may(closed, ann) == (True, False)
    coordinator.admin("repo", "grant", "acme/closed", "ann", "--role", "write")
    assert may(closed, ann) == (True, True)
    assert coordinator.runs()[0]["actor"] == "ann", "the user, not the token's name"
    coordinator.admin("owner", "member", "set", "acme", "bob", "--role", "write")
    assert may(closed, bob) == (True, True)
    listed = coordinator.admin_json("repo", "access", "acme/closed")
    assert {(row["login"], row["role"], row["through"]) for row in listed} == {
        ("ann", "write", "collaborator"), ("bob", "write", "member"),
        ("boss", "admin", "site admin")}
    coordinator.admin("repo", "revoke", "acme/closed", "ann")
    coordinator.admin("owner", "member", "remove", "acme", "bob")
    assert may(closed, ann) == may(closed, bob) == (False, False)
    coordinator.admin("repo", "set", "acme/closed", "--visibility", "public")
    assert may(closed, ann) == (True, False)
    assert may(closed, None) == (True, False)


def test_tokens_end(coordinator, closed):
    made = user(coordinator, "ann")
    coordinator.admin("repo", "grant", "acme/closed", "ann", "--role", "write")
    token = made["token"]
    [row] = coordinator.admin_json("token", "list", "--user", "ann")
    assert row["status"] == "active" and row["last_used_at"] is None and "token" not in row
    assert may(closed, token) == (True, True)
    [row] = coordinator.admin_json("token", "list", "--user", "ann")
    assert row["last_used_at"] is not None
    coordinator.admin("user", "disable", "ann")
    assert may(closed, token) == (False, False)
    coordinator.admin("user", "enable", "ann")
    assert may(closed, token) == (True, True)
    coordinator.admin("token", "revoke", "--id", str(made["id"]))
    assert may(closed, token) == (False, False)
    assert coordinator.admin_json("user", "show", "ann")["tokens"][0]["status"] == "revoked"
    done = coordinator.admin("token", "revoke", "--id", str(made["id"]), check=False)
    assert done.returncode == 3 and b"revoked already" in done.stderr


@pytest.mark.parametrize("words, code, said", [
    (["user", "add", "Boss"], 3, b"exists already"),
    (["user", "add", "a/b"], 2, b"bad owner"),
    (["user", "add"], 2, b"expected LOGIN"),
    (["user", "show", "acme"], 2, b"is an organisation, expected a user"),
    (["user", "set-admin", "boss", "maybe"], 2, b"expected on or off"),
    (["owner", "add", "boss"], 3, b"share their names"),
    (["owner", "member", "set", "boss", "boss"], 2, b"is a user, expected an organisation"),
    (["owner", "member", "set", "acme", "boss", "--role", "king"], 2, b"expected read, write or admin"),
    (["repo", "grant", "acme/closed", "nobody", "--role", "read"], 1, b"no user"),
    (["repo", "grant", "acme/none", "boss", "--role", "read"], 1, b"does not exist"),
    (["repo", "revoke", "acme/closed", "boss"], 1, b"not a collaborator"),
    (["repo", "set", "acme/closed", "--visibility", "half"], 2, b"expected private or public"),
    (["repo", "add", "acme/b", "--public", "--private"], 2, b"expected one of them"),
    (["token", "create", "--user", "nobody", "--name", "x"], 1, b"no user"),
    (["token", "create", "--name", "not a login"], 2, b"bad owner"),
    (["token", "create", "--name", "x", "--scopes", "all"], 2, b"expected repo:read, repo:write, repo:admin or admin"),
    (["token", "create", "--name", "second", "--scopes", "admin"], 3, b"no site admin"),
    (["token", "revoke", "--id", "999"], 1, b"does not exist"),
])
def test_refusals(coordinator, closed, words, code, said):
    done = coordinator.admin(*words, check=False)
    assert done.returncode == code and said in done.stderr, done.stderr
    assert not done.stdout and len(done.stderr.splitlines()) == 1, done.stderr


def test_what_changes_rights_is_recorded(coordinator, boss):
    coordinator.admin("repo", "add", "acme/app", "--public")
    coordinator.admin("repo", "badge-token", "--repo", "acme/app")
    coordinator.admin("repo", "badge-token", "--repo", "acme/app", "--revoke")
    made = coordinator.admin_json("webhook", "set", "--repo", "acme/app", "--to",
                                  "http://192.0.2.1/hook?key=t0ken", stdin=b"long enough\n")
    coordinator.admin("webhook", "delete", str(made["id"]))
    rows = coordinator.admin_json("audit", "--target", "repository:acme/app")
    assert [(row["verb"], row["reason"]) for row in reversed(rows)] == [
        ("repo.add", "public"), ("repo.badge-token", None), ("repo.badge-token-revoke", None),
        ("webhook.set", "http://192.0.2.1/hook"), ("webhook.delete", "http://192.0.2.1/hook")]
    first = coordinator.admin_json("audit", "--target", "user:boss")
    assert [row["verb"] for row in first] == ["user.add-admin"], "by token create"
    # nothing is recorded of what was refused
    coordinator.admin("repo", "add", "acme/app", check=False)
    assert len(coordinator.admin_json("audit", "--target", "repository:acme/app")) == len(rows)


# ---- from elsewhere ----

class Elsewhere:
    """`shithubd admin … --url` with a token in a file, without a data folder of its own."""

    def __init__(self, coordinator, folder, token):
        self.coordinator = coordinator
        self.file = folder / f"token-{token[-8:]}"
        self.file.write_text(token + "\n")

    def run(self, *words, stdin=None, check=False):
        return driver.run([self.coordinator.binary, "admin", *words, "--url", self.coordinator.base,
                           f"--token-file={self.file}"], stdin=stdin, check=check)

    def json(self, *words, stdin=None):
        return json.loads(self.run(*words, "--output", "json", stdin=stdin, check=True).stdout)


@pytest.fixture
def elsewhere(coordinator, folder, boss):
    made = coordinator.admin_json("token", "create", "--user", "boss", "--name", "ops", "--scopes", "admin")
    return Elsewhere(coordinator, folder, made["token"])


def leaves(verbs, path=()):
    for verb in verbs:
        if verb["runs"]:
            yield (*path, verb["name"])
        yield from leaves(verb["verbs"] or [], (*path, verb["name"]))


def test_every_verb_works_from_elsewhere(coordinator, elsewhere, closed):
    """Same words, same exit code, same output; what cannot work is refused by name."""
    top = json.loads(driver.run([coordinator.binary, "admin", "--help=json"]).stdout)
    paths = list(leaves(top["verbs"]))
    assert len(paths) > 30
    local_only = []
    for path in paths:
        flags = json.loads(driver.run(
            [coordinator.binary, "admin", *path, "--help=json"]).stdout)["flags"]
        names = {flag["name"] for flag in flags}
        assert len(names) == len(flags), (path, "two flags of one name")
        body = {"argv": [*path, "--help"]}
        got = coordinator.request("POST", "/api/v1/admin/verbs", body, elsewhere.file.read_text().strip())
        assert got.status == 200, path
        if {"url", "token-file"} <= names:
            assert got.json()["exit_code"] == 0 and "usage: shithubd admin" in got.json()["stdout"], path
        else:
            local_only.append(path)
            assert got.json()["exit_code"] == 3, path
            assert f"admin {' '.join(path)}: works at the coordinator's machine only" in got.json()["stderr"]
    assert ("actions", "parse") in local_only
    for words in (["repo", "list"], ["user", "list"], ["run", "list"], ["runner", "list"],
                  ["run", "show", "--id", "1"], ["token", "list", "--output", "json"],
                  ["run", "show", "--id", "999"], ["repo", "grant", "x", "--role", "read"]):
        here, there = coordinator.admin(*words, check=False), elsewhere.run(*words)
        assert (here.returncode, here.stdout) == (there.returncode, there.stdout), words
        assert here.stderr == there.stderr or here.returncode == 2, words


def test_changes_from_elsewhere(coordinator, elsewhere, closed):
    made = elsewhere.json("runner", "register", "--name", "far", "--labels", "ubuntu-latest")
    assert len(made["token"]) == 64
    assert coordinator.request("GET", "/api/v1/runners/self", token=made["token"]).status == 200
    elsewhere.run("secret", "set", "--repo", "acme/closed", "--name", "KEY", stdin=b"s3cret value\n", check=True)
    claim = byhand.claim(coordinator, made["token"], labels=["ubuntu-latest"], capacity=1)
    assert claim.job["secrets"] == {"KEY": "s3cret value"}
    # a flag of the verb has no name of the frame: this one's is --to, --url is the coordinator
    made_hook = elsewhere.json("webhook", "set", "--repo", "acme/closed", "--to",
                               "http://192.0.2.1/hook", stdin=b"hook s3cret\n")
    [listed] = coordinator.admin_json("webhook", "list")
    assert (listed["id"], listed["url"]) == (made_hook["id"], "http://192.0.2.1/hook")
    coordinator.admin("webhook", "delete", str(listed["id"]))
    # the caller is the actor
    elsewhere.run("run", "cancel", "--id", str(claim.run_id), check=True)
    asked = claim.must("cancel-check", {})
    assert asked["cancelled"] and asked["reason"] == "cancelled by boss"
    ann = elsewhere.json("token", "create", "--name", "ann", "--scopes", "repo:read")["token"]
    assert may(closed, ann) == (False, False)
    elsewhere.run("repo", "grant", "acme/closed", "ann", "--role", "read", check=True)
    assert may(closed, ann) == (True, False)
    # who did what is recorded, reading too; nothing secret with it, nor in serve's log
    elsewhere.run("repo", "list", check=True)
    audit = coordinator.admin_json("audit")
    done = {(row["actor"]["kind"], row["actor"]["name"], row["verb"], row["target"]["id"]) for row in audit}
    assert {("user", "boss", "admin.call", "secret set"), ("user", "boss", "admin.call", "repo list"),
            ("user", "boss", "repo.grant", "acme/closed"), ("user", "boss", "token.create", "3"),
            ("user", "boss", "runner.register", "1")} <= done, done
    assert elsewhere.run("repo", "grant", "acme/closed", "ann", "--role", "king").returncode == 2
    assert elsewhere.run("run", "show", "999").returncode == 1
    calls = [(row["target"]["id"], row["outcome"]) for row in coordinator.admin_json("audit", "--target", "verb")]
    assert calls[:2] == [("run show 999", "exit code 1"), ("repo grant acme/closed ann", "exit code 2")]
    assert {outcome for _, outcome in calls[2:]} == {"done"}, calls
    assert {(row["actor"]["kind"], row["actor"]["address"]) for row in audit} == {
        ("user", "127.0.0.1"), ("operator", None)}
    said = coordinator.program.log() + json.dumps(audit)
    assert "s3cret" not in said and ann not in said and made["token"] not in said


def test_the_token_is_no_argument(coordinator, elsewhere):
    env = {**os.environ, "SHITHUB_ADMIN_TOKEN": elsewhere.file.read_text()}
    argv = [coordinator.binary, "admin", "repo", "list", "--url", coordinator.base + "/"]
    assert driver.run(argv, env=env).returncode == 0
    del env["SHITHUB_ADMIN_TOKEN"]
    done = driver.run(argv, env=env, check=False)
    assert done.returncode == 2 and b"SHITHUB_ADMIN_TOKEN" in done.stderr
    done = driver.run([*argv, "--token", "x"], env=env, check=False)
    assert done.returncode == 2 and b"unknown flag --token" in done.stderr


def test_who_may_call_from_elsewhere(coordinator, folder, elsewhere, boss):
    """Scope and site admin, both; and neither once the user or the token is gone."""
    coordinator.admin("user", "add", "ann", "--site-admin")
    made = coordinator.admin_json("token", "create", "--user", "ann", "--name", "ops", "--scopes", "admin")
    ann = Elsewhere(coordinator, folder, made["token"])
    assert ann.run("repo", "list").returncode == 0

    def refused(said):
        done = ann.run("user", "set-admin", "boss", "off")
        assert done.returncode == 3 and said in done.stderr, done.stderr
        assert not done.stdout

    coordinator.admin("user", "set-admin", "ann", "off")
    refused(b"user ann is no site admin")
    coordinator.admin("user", "set-admin", "ann", "on")
    coordinator.admin("user", "disable", "ann")
    refused(b"unknown, expired or revoked")
    coordinator.admin("user", "enable", "ann")
    assert ann.run("repo", "list").returncode == 0
    coordinator.admin("token", "revoke", "--id", str(made["id"]))
    refused(b"unknown, expired or revoked")
    done = Elsewhere(coordinator, folder, boss).run("repo", "list")
    assert done.returncode == 3 and b"lacks the scope admin" in done.stderr
    assert coordinator.admin_json("user", "show", "boss")["site_admin"]


def test_bad_calls_from_elsewhere(coordinator, elsewhere, folder):
    token = elsewhere.file.read_text().strip()

    def ask(body, who=token, method="POST"):
        return coordinator.request(method, "/api/v1/admin/verbs", body, who)

    for body in ({}, {"argv": []}, {"argv": "repo list"}, {"argv": [1]}, {"argv": ["repo"], "x": 1},
                 [], b"{", b"\xff"):
        got = ask(body)
        assert got.status == 400 and got.json()["error"], body
    for body in ({"argv": ["x" * 1100000]}, {"argv": ["a"] * 200}, {"argv": ["a" * 40000]}):
        assert ask(body).status == 413
    assert ask(None, method="GET").status == 405
    aside = folder / "aside"
    for words in (["repo", "list", "--data", str(aside)], ["repo", "list", f"--data={aside}"],
                  ["repo", "list", "--url", "http://127.0.0.1:9"],
                  ["actions", "parse", "/etc/passwd"]):
        got = ask({"argv": words}).json()
        assert got["exit_code"] == 3 and not got["stdout"], got
    assert not aside.exists()
    for words in (["serve"], ["../serve"], ["git-child"], [""], ["--version"], ["-h", "x"]):
        got = ask({"argv": words}).json()
        assert "listening" not in got["stdout"], got
        assert got["exit_code"] != 0 or words[0] == "-h", got
    # who guesses is slowed down, who has a token is not
    codes = [ask({"argv": ["repo", "list"]}, "shithub_pat_" + "0" * 64).status for _ in range(100)]
    assert set(codes[:15]) == {401} and codes[-1] == 429, codes
    said = coordinator.program.log().count("admin refused")
    assert 15 <= said <= 60, "a flood does not fill the log"
    assert ask({"argv": ["repo", "list"]}).status == 200


# ---- the admin of one repository ----

OWN = "acme/closed"


@pytest.fixture
def ann(coordinator, folder, closed):
    """Admin of acme/closed and of nothing else, elsewhere."""
    coordinator.repository("acme/other", "unused", private=True)
    coordinator.admin("user", "add", "ann")
    coordinator.admin("repo", "grant", OWN, "ann", "--role", "admin")
    made = coordinator.admin_json("token", "create", "--user", "ann", "--name", "ops", "--scopes", "repo:admin")
    [row] = coordinator.admin_json("token", "list", "--user", "ann")
    assert row["scopes"] == "repo:admin"
    return Elsewhere(coordinator, folder, made["token"])


def about(repo):
    """Every verb that the admin of a repository may call, and what it reads from standard input."""
    scope = ("--repo", repo)
    return [
        (("secret", "set", *scope, "--name", "KEY"), b"a value"), (("secret", "list", *scope), None),
        (("secret", "delete", *scope, "--name", "KEY"), None),
        (("variable", "set", *scope, "--name", "LEVEL"), b"high"), (("variable", "list", *scope), None),
        (("variable", "delete", *scope, "--name", "LEVEL"), None),
        (("environment", "set", *scope, "--name", "live", "--reviewer", "boss"), None),
        (("environment", "list", *scope), None),
        (("secret", "set", *scope, "--environment", "live", "--name", "KEY"), b"a value"),
        (("environment", "delete", *scope, "--name", "live"), None),
        (("repo", "show", repo), None), (("repo", "set", repo, "--visibility", "private"), None),
        (("repo", "grant", repo, "boss", "--role", "read"), None), (("repo", "access", repo), None),
        (("repo", "revoke", repo, "boss"), None), (("repo", "badge-token", *scope), None),
        (("runner", "register", "--name", "of-" + repo.replace("/", "-"), *scope), None),
        (("policy", "show", *scope), None),
        (("webhook", "set", *scope, "--to", "http://192.0.2.1/hook"), b"long enough"),
        (("webhook", "list", *scope), None),
    ]


def test_an_admin_of_a_repository_manages_it(coordinator, ann, closed):
    for words, stdin in about(OWN):
        done = ann.run(*words, stdin=stdin)
        assert done.returncode == 0, (words, done.stderr)
    [hook] = ann.json("webhook", "list", "--repo", OWN)
    [runner] = coordinator.admin_json("runner", "list")
    assert runner["scope"]["repository"] == OWN
    for words in (("runner", "show"), ("runner", "drain"), ("runner", "undrain"), ("runner", "rotate-token"),
                  ("runner", "set-labels", "--labels", "a"), ("runner", "revoke")):
        done = ann.run(*words, str(runner["id"]))
        assert done.returncode == 0, (words, done.stderr)
    assert ann.run("webhook", "deliveries", str(hook["id"])).returncode == 0
    assert ann.run("webhook", "delete", str(hook["id"])).returncode == 0
    entries = coordinator.admin_json("audit", "--target", f"repository:{OWN}")
    assert {("ann", "secret.set"), ("ann", "webhook.set"), ("ann", "repo.set-private"), ("ann", "repo.revoke")} <= {
        (row["actor"]["name"], row["verb"]) for row in entries}


def test_and_nothing_else(coordinator, ann, closed):
    """Every verb: those about another repository, about none and about all are refused alike, and so
    is a repository that does not exist."""
    site_hook = coordinator.admin_json("webhook", "set", "--site", "--to", "http://192.0.2.1/", stdin=b"long enough")
    runner = coordinator.register_runner("all")
    before = coordinator.admin_json("repo", "access", "acme/other")
    tried = [words for repo in ("acme/other", "acme/none") for words, _ in about(repo)]
    tried += [("webhook", verb, str(site_hook["id"])) for verb in ("deliveries", "test", "delete")]
    tried += [("runner", verb, str(runner["id"])) for verb in ("show", "drain", "undrain", "rotate-token", "revoke")]
    tried += [("runner", verb, "--all") for verb in ("drain", "undrain", "revoke")]
    tried += [("runner", "show", "99"), ("webhook", "test", "99")]
    told = {}
    for words in tried:
        done = ann.run(*words, stdin=b"long enough")
        assert done.returncode == 3 and not done.stdout, (words, done.stdout, done.stderr)
        told.setdefault(done.stderr.decode(), []).append(words)
    assert len(told) == 1, told
    assert "user ann is no admin of one repository that this is about" in next(iter(told))
    assert coordinator.admin_json("repo", "access", "acme/other") == before
    assert coordinator.admin_json("webhook", "list")[0]["id"] == site_hook["id"]

    # the rest of the verbs, as --help lists them
    mine = {tuple(word for word in words if not word.startswith("-"))[:2] for words, _ in about(OWN)}
    mine |= {("webhook", "deliveries"), ("webhook", "test"), ("webhook", "delete"), ("runner", "show"),
             ("runner", "drain"), ("runner", "undrain"), ("runner", "rotate-token"), ("runner", "set-labels"),
             ("runner", "revoke")}
    top = json.loads(driver.run([coordinator.binary, "admin", "--help=json"]).stdout)
    others = [path for path in leaves(top["verbs"]) if path[:2] not in mine and path[0] != "actions"]
    assert len(others) > 30
    for path in others:
        words = NEEDED.get(" ".join(path), MAKERS.get(" ".join(path), "")).split()
        body = {"argv": [*path, *words], "stdin": "long enough"}
        got = coordinator.request("POST", "/api/v1/admin/verbs", body, ann.file.read_text().strip()).json()
        assert got["exit_code"] == 3 and not got["stdout"], (path, got)
        assert "is no site admin" in got["stderr"] or "machine only" in got["stderr"], (path, got)
    # of another level than the repository's
    for words in (("secret", "list", "--site"), ("secret", "list", "--owner", "acme"), ("policy", "show"),
                  ("policy", "show", "--owner", "acme"), ("runner", "register", "--name", "x"),
                  ("runner", "register", "--name", "x", "--owner", "acme"), ("webhook", "list"),
                  ("webhook", "set", "--site", "--to", "http://192.0.2.1/")):
        assert ann.run(*words, stdin=b"long enough").returncode == 3, words


def test_role_and_scope_both(coordinator, folder, ann, closed):
    """The role is that of now; the token must say repo:admin; and write is less."""
    listing = ("secret", "list", "--repo", OWN)
    for role, code in (("write", 3), ("admin", 0), ("read", 3)):
        coordinator.admin("repo", "grant", OWN, "ann", "--role", role)
        assert ann.run(*listing).returncode == code, role
    coordinator.admin("repo", "revoke", OWN, "ann")
    assert ann.run(*listing).returncode == 3
    coordinator.admin("owner", "member", "set", "acme", "ann", "--role", "admin")
    assert ann.run(*listing).returncode == 0, "of all repositories of the organisation"
    token = coordinator.admin_json("token", "create", "--user", "ann", "--name", "less", "--scopes",
                                   "repo:write")["token"]
    done = Elsewhere(coordinator, folder, token).run(*listing)
    assert done.returncode == 3 and b"lacks the scope admin or repo:admin" in done.stderr
    assert may(closed, token) == (True, True)
    assert may(closed, ann.file.read_text().strip()) == (True, True), "repo:admin may push, too"
    coordinator.admin("user", "disable", "ann")
    done = ann.run(*listing)
    assert done.returncode == 3 and b"unknown, expired or revoked" in done.stderr


def test_a_webhook_of_a_repository_admin_leads_to_public_addresses(coordinator, ann, boss):
    """Only site admins may let requests go into the coordinator's own network."""
    made = ann.json("webhook", "set", "--repo", OWN, "--to", "http://127.0.0.1:9/hook", stdin=b"long enough")
    assert coordinator.admin_json("webhook", "list")[0]["public_only"] is True
    done = ann.run("webhook", "test", str(made["id"]))
    assert done.returncode == 1 and b"which this request may not reach" in done.stdout, done
    assert ann.json("webhook", "deliveries", str(made["id"]))[0]["outcome"] == "dead", "another try is in vain"
    again = coordinator.admin_json("webhook", "set", "--repo", OWN, "--to", "http://127.0.0.1:9/hook",
                                   stdin=b"long enough")
    assert again["id"] == made["id"]
    assert coordinator.admin_json("webhook", "list")[0]["public_only"] is False


def test_the_data_folder_gives_no_token_and_no_secret_away(coordinator, closed):
    """A copy of it without the root key opens nothing."""
    secret = b"hunter2-and-more-of-it"
    coordinator.admin("secret", "set", "--repo", "acme/closed", "--name", "KEY", stdin=secret)
    hidden = [secret, coordinator.create_token("another").encode(),
              coordinator.register_runner("r1")["token"].encode()]
    files = [path for path in coordinator.data.rglob("*") if path.is_file()]
    assert "shithubd.db" in {path.name for path in files}
    stored = b"".join(path.read_bytes() for path in files)
    assert [text for text in hidden if text in stored] == []
    assert coordinator.data.stat().st_mode & 0o777 == 0o700
