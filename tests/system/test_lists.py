"""Lists in pages, of every admin verb and API call that has one: whoever goes on behind the last row
that they saw sees each row once, whatever is added or taken away meanwhile."""
import json
import re

import byhand
import driver
import pytest

SIZE = 5  # rows of each list, at least
WORKFLOW = """\
on: [push, workflow_dispatch]
jobs:
""" + "".join(f"  j{n}: {{runs-on: label-{n % 5}, steps: [{{run: 'echo hi'}}]}}\n" for n in range(10))
NAMES = ("a", "B", "c", "D", "e")

LISTS = {
    ("run", "list"): "id",
    ("runner", "list"): "id",
    ("runner", "queue"): "label",
    ("runner", "jobs"): "job_id",
    ("repo", "list"): "full_name",
    ("repo", "access", "o/one"): ("login", "through"),
    ("user", "list"): "login",
    ("owner", "list"): "login",
    ("owner", "member", "list", "o"): "login",
    ("token", "list"): "id",
    ("secret", "list", "--repo", "o/one"): "name",
    ("variable", "list", "--repo", "o/one"): "name",
    ("environment", "list", "--repo", "o/one"): "name",
    ("webhook", "list"): "id",
    ("webhook", "deliveries", "1"): "id",
    ("hygiene", "history"): "id",
    ("audit",): "id",
}


def fill_rights(coordinator):
    for name in NAMES:
        coordinator.admin("user", "add", f"u{name}")
        coordinator.admin("owner", "member", "set", "o", f"u{name}", "--role", "read")
        coordinator.admin("repo", "grant", "o/one", f"u{name}", "--role", "write")
        coordinator.admin("token", "create", "--user", f"u{name}", "--name", "t")
        coordinator.admin("secret", "set", "--repo", "o/one", "--name", f"S{name}", stdin=b"x")
        coordinator.admin("variable", "set", "--repo", "o/one", "--name", f"V{name}", stdin=b"x")
        coordinator.admin("environment", "set", "--repo", "o/one", "--name", f"env {name}")
        coordinator.admin("webhook", "set", "--repo", "o/one", "--to", f"http://127.0.0.1:1/{name}",
                          stdin=b"a secret")
        coordinator.admin("webhook", "test", "1", check=False)


def fill_runners(coordinator):
    for number in range(SIZE):
        made = coordinator.register_runner(f"r{number}", labels="label-0")
        byhand.claim(coordinator, made["token"])
        record = {"key": f"k{number}", "host": "h", "action": "prune_docker_cache",
                  "status": "planned", "documents": {}}
        coordinator.request("POST", "/api/v1/runners/evidence", record, made["token"],
                            {"Idempotency-Key": f"k{number}"})


@pytest.fixture
def filled(coordinator):
    """At least SIZE rows in each list."""
    # in the order of owners first, not as the texts stand: "-" is before "/"
    for name in ("o-p/a", "o/one", "o/two", "O-q/b", "p/c"):
        coordinator.admin("repo", "add", name)
    repo = coordinator.repository("z/last", coordinator.create_token(
        scopes="repo:read,repo:write,repo:admin"))
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    for _ in range(SIZE):
        coordinator.admin("run", "dispatch", "z/last", "ci.yml")
    fill_rights(coordinator)
    fill_runners(coordinator)
    return coordinator


def page(coordinator, words, *more):
    """The rows, and the cursor of the next page."""
    done = coordinator.admin(*words, "--output", "json", *more)
    said = done.stderr.decode()
    behind = re.search(r"--after (?:'([^']*)'|(\S+))\n", said)
    assert bool(behind) == ("…" in said)
    return json.loads(done.stdout), behind and (behind.group(1) or behind.group(2))


def keys_of(rows, key):
    return [tuple(row[one] for one in ((key,) if isinstance(key, str) else key)) for row in rows]


def walk(coordinator, words, size, between=lambda: None):
    rows, cursor = page(coordinator, words, "--limit", str(size))
    while cursor:
        between()
        more, cursor = page(coordinator, words, "--limit", str(size), "--after", cursor)
        rows += more
    return rows


def leaves(coordinator, *words):
    """Every verb below these words, and what its help says."""
    said = driver.run([coordinator.binary, "admin", *words, "--help"]).stdout.decode()
    below = re.search(r"^verbs:\n((?:  .*\n)+)", said, re.M)
    if not below:
        yield words, said
        return
    for line in below.group(1).splitlines():
        if not line.startswith("   "):  # else it is the rest of the line above
            yield from leaves(coordinator, *words, line.split()[0])


def test_every_list_has_pages(coordinator):
    """`actions runner` is `runner` again."""
    found = {words: said for words, said in leaves(coordinator)
             if "--limit N" in said and words[0] != "actions"}
    assert all("--after" in said for said in found.values())
    arguments = ("--repo", "o/one", "o", "1")
    assert set(found) == {tuple(word for word in words if word not in arguments) for words in LISTS}


def test_pages_of_every_list_of_the_command_line(filled):
    for words, key in LISTS.items():
        whole, _ = page(filled, words, "--limit", "100")
        keys = keys_of(whole, key)
        assert len(set(keys)) == len(keys) >= SIZE, words
        for size in (len(whole) // 3, len(whole)):
            assert keys_of(walk(filled, words, size), key) == keys, (words, size)


def test_rows_that_come_between_pages_move_nothing(filled):
    """Newest first: what is new was not asked for. Oldest first: it comes at the end."""
    before, _ = page(filled, ("run", "list"), "--limit", "100")
    seen = walk(filled, ("run", "list"), 2,
                lambda: filled.admin("run", "dispatch", "z/last", "ci.yml"))
    assert [row["id"] for row in seen] == [row["id"] for row in before]

    names = iter("xyz")
    before, _ = page(filled, ("runner", "list"), "--limit", "100")
    seen = walk(filled, ("runner", "list"), 2,
                lambda: filled.register_runner(f"new-{next(names)}"))
    assert [row["name"] for row in seen] == [row["name"] for row in before] + [
        "new-x", "new-y", "new-z"]

    # a row that is gone, the cursor's own included
    rows, cursor = page(filled, ("secret", "list", "--repo", "o/one"), "--limit", "2")
    filled.admin("secret", "delete", "--repo", "o/one", "--name", rows[-1]["name"])
    more, _ = page(filled, ("secret", "list", "--repo", "o/one"), "--after", cursor)
    assert [row["name"].lower() for row in rows + more] == [f"s{name}" for name in "abcde"]


@pytest.mark.parametrize("words, bad", [
    (("run", "list"), "x"), (("run", "list"), "0"), (("run", "list"), "-3"), (("run", "list"), ""),
    (("audit",), "99999999999999999999"), (("repo", "list"), ""), (("repo", "list"), "x" * 401)])
def test_bad_cursors_of_the_command_line(coordinator, words, bad):
    done = coordinator.admin(*words, f"--after={bad}", check=False)
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b"")
    assert said.count("\n") == 1 and "--after" in said and "expected the" in said, said


def test_a_cursor_that_no_audit_entry_has(coordinator):
    coordinator.register_runner("r1")
    done = coordinator.admin("audit", "--after", "77", check=False)
    assert done.returncode != 0 and b"there is no audit entry 77" in done.stderr


# ---- over HTTP ----

def follow(coordinator, path, token, entries):
    """All entries, page by page along the Link header."""
    found, pages = [], 0
    while path:
        answer = coordinator.request("GET", path, token=token)
        assert answer.status == 200, answer.body
        found += entries(answer.json())
        pages += 1
        link = answer.headers.get("Link")
        found_next = link and re.fullmatch(r'<([^>]*)>; rel="next"', link)
        assert not link or found_next, link
        path = found_next and found_next.group(1).removeprefix(coordinator.base)
    return found, pages


def test_pages_of_checks(filled, pat):
    head = filled.runs()[0]["head_sha"]
    base = f"/api/v1/repos/z/last/commits/{head}"
    for kind, name in (("status", "statuses"), ("check-runs", "check_runs")):
        whole = filled.request("GET", f"{base}/{kind}?per_page=100", token=pat).json()
        assert len(whole[name]) == whole["total_count"] == 20  # of a push and of a dispatch
        got, pages = follow(filled, f"{base}/{kind}?per_page=7", pat, lambda page: page[name])
        assert (got, pages) == (whole[name], 3)
        # as GitHub counts
        second = filled.request("GET", f"{base}/{kind}?per_page=7&page=2", token=pat)
        assert second.json()[name] == whole[name][7:14]
    queued, _ = follow(filled, f"{base}/check-runs?per_page=3&status=queued", pat,
                       lambda page: page["check_runs"])
    assert queued == [one for one in filled.request(
        "GET", f"{base}/check-runs?per_page=100", token=pat).json()["check_runs"]
        if one["status"] == "queued"]
    for kind in ("status", "check-runs"):
        for bad in ("after=x", "after=0", "after=77777", "after=", "page=1&after=1"):
            answer = filled.request("GET", f"{base}/{kind}?{bad}", token=pat)
            assert answer.status == 400 and "expected" in answer.json()["error"], bad
