"""Authors who want their text to become markup or a script, in Chromium: each field that an author, a
runner or a user controls, on each page that shows it. No script of theirs runs, nothing is refused
only by the policy, and no element of theirs is in the page."""
import json

import driver
import pages_world
import pytest
from pages_world import Claimed, browse
from selenium.webdriver.common.by import By
from test_pages_login import Browser

pytest_plugins = ("person",)
pytestmark = pytest.mark.xdist_group("browser")


class Attack:
    """Payloads, each with a number of its own, so that a hit says which field it was."""

    def __init__(self):
        self.fields = []

    def text(self, field, most=None):
        number = len(self.fields)
        self.fields.append(field)
        text = (f"<img src=x onerror=hit({number})>\"' onfocus=hit({number}) autofocus x='<script>hit({number})"
                f"</script><svg onload=hit({number})>{{{{7*7}}}}-->]]>&lt;b&gt;\u202e")
        return text if most is None else text[:most]

    def plain(self, field):
        """Of characters that a ref may have."""
        number = len(self.fields)
        self.fields.append(field)
        return f"<img/src=x/onerror=hit({number})>\"'<script>hit({number})</script>"

    def url(self, field):
        number = len(self.fields)
        self.fields.append(field)
        return f"javascript:hit({number})"


SUMMARY = """\
# {0}

[a]({1}) ![b]({1}) <a href="{1}">c</a> [d](data:text/html,<script>hit(0)</script>) {0}
[e]( {1} ) <{1}> [f]: {1}

| {0} |
|-----|
| {0} |

```{0}
{0}
```

- [x] {0}
> {0}

![i](http://other.example/i.png) <iframe srcdoc="{0}"></iframe> <style>@import "//other.example"</style>
<form action="{1}"><button autofocus>x</button></form> <base href="//other.example"> <meta http-equiv="refresh" content="0;{1}">
"""

# What stands in the page's document, whoever wrote it.
INSPECT = """
const ours = new Set(arguments[0]);
const bad = [];
for (const e of document.querySelectorAll('*')) {
  if (!ours.has(e.localName)) bad.push('element ' + e.outerHTML.slice(0, 200));
  for (const a of e.attributes) {
    if (a.name.startsWith('on') || a.name === 'style' || a.name === 'srcdoc' || a.name === 'autofocus')
      bad.push('attribute ' + e.outerHTML.slice(0, 200));
    if (['href', 'src', 'action', 'formaction'].includes(a.name) && a.value !== '#' &&
        !/^https?:$/.test(new URL(a.value, location).protocol)) bad.push('URL ' + a.value);
  }
}
for (const e of document.querySelectorAll('img, script, link, form'))
  for (const name of ['src', 'href', 'action'])
    if (e.getAttribute(name) && new URL(e.getAttribute(name), location).host !== location.host)
      bad.push('other host ' + e.outerHTML.slice(0, 200));
return {bad: bad, hits: window.hits || [], text: document.body.innerText.length};
"""
OURS = ("html head meta title link body a header nav svg path circle rect div main h1 h2 h3 h4 p b span code time "
        "form input button label select option ul ol li dl dt dd section aside article details summary pre "
        "blockquote table thead tbody tr th td hr br em strong del img script").split()


def workflow(attack):
    text = attack.text
    return json.dumps({
        "name": text("workflow name"), "run-name": text("run name"), "on": ["push", "workflow_dispatch"],
        "concurrency": {"group": text("concurrency group")[:200], "cancel-in-progress": False},
        "jobs": {
            "a": {"name": text("job name"), "runs-on": "linux",
                  "environment": {"name": text("environment")[:200], "url": attack.url("environment url")},
                  "steps": [{"name": text("step name"), "run": text("script")}, {"run": text("step without name")}]},
            "m": {"runs-on": "linux", "strategy": {"matrix": {"v": [text("matrix value")]}},
                  "steps": [{"run": "x"}]},
            "w": {"runs-on": ["linux", "sesame"], "name": text("waiting job"), "steps": [{"run": "x"}]}}})


def attacked_run(coordinator, repo, attack, token):
    repo.commit({".shithub/workflows/ci.yml": workflow(attack)}, attack.text("commit message"))
    repo.git("push", "-q", "origin", f"HEAD:refs/heads/{attack.plain('branch')}")
    run = driver.wait_for(coordinator.runs, what="a run")[0]["id"]
    answer = coordinator.request("POST", "/api/v1/runners/heartbeat", {
        "host_name": attack.text("host name"), "version": attack.text("version", 100)}, token)
    assert answer.status == 200, answer.body
    claimed = pages_world.byhand.Claimed(coordinator, answer.json())
    claimed.must("status", {"status": "running"})
    claimed.step(0, "running")
    hostile = attack.text("log")
    claimed.logs((f"{hostile}\n::error title={attack.text('annotation title')},file=<b>'x\"/"
                  f"{attack.plain('annotation file')},line=1::{attack.text('annotation message')}\n"
                  f"::group::{attack.text('group')}\n::warning::{attack.text('warning')}\n::endgroup::\n"
                  f"\x1b]8;;{attack.url('terminal link')}\x07x\x1b]8;;\x07\x1b[31m{hostile}\x1b[0m\n").encode()
                 + b"\xff\xfe\x00\xc3<script>hit(0)</script>\n")
    summary = SUMMARY.format(attack.text("summary"), attack.url("summary link"))
    claimed.logs(f"::group::Step summary\n{summary}::endgroup::\n".encode())
    claimed.step(0, "completed", conclusion="failure")
    claimed.end("failure")
    return run, claimed


@pytest.fixture
def attack():
    return Attack()


@pytest.fixture
def attacked(coordinator, repository, attack):
    """The addresses of every page that shows something of an attacker."""
    coordinator.admin("user", "add", "ada", "--site-admin")
    coordinator.admin("user", "password", "ada", stdin=b"ada's password")
    token = coordinator.register_runner("r", labels="linux", capacity=9)["token"]
    repo = repository("demo/attacked")
    run, claimed = attacked_run(coordinator, repo, attack, token)
    schedule = json.dumps({"on": {"schedule": [{"cron": "1 2 3 4 *"}]}, "name": attack.text("scheduled workflow"),
                           "jobs": {"a": {"runs-on": "linux", "steps": [{"run": "x"}]}}})
    repo.commit({f".shithub/workflows/{attack.plain('file').replace('/', '')}.yml": schedule,
                 ".shithub/workflows/broken.yml": "on: push\njobs: {'" + attack.text("job key").replace("'", "")
                 + "': 1}\n"})
    repo.push()
    broken = driver.wait_for(lambda: [r["id"] for r in coordinator.runs() if r["id"] > run + 1 or
                                      r["workflow_file"].endswith("broken.yml")], what="the broken run")[0]
    coordinator.admin("runner", "drain", "1", "--reason", attack.text("drain reason"))
    ailing = coordinator.register_runner("ailing", labels="linux,sesame")["token"]
    said = coordinator.request("POST", "/api/v1/runners/trouble", {
        "kind": "disk", "text": attack.text("trouble"), "seconds": 9}, ailing)
    assert said.status == 204, said.body
    pages_world.evidence(coordinator, token, "planned", documents={attack.text("document"): attack.text("evidence")})
    base = f"/demo/attacked/runs/{run}"
    sha = coordinator.show(run)["head_sha"]
    query = "%22%3E%3Cscript%3Ehit(0)%3C/script%3E%3Cimg%20src=x%20onerror=hit(0)%3E"
    return ["/", "/queue", "/runners", "/runners/1", "/runners/2", "/hygiene", "/audit", "/sessions",
            "/demo/attacked",
            "/demo/attacked/schedule", f"/demo/attacked/commits/{sha}", base, f"{base}/jobs/{claimed.id}",
            *(f"{base}/jobs/{job['id']}" for job in coordinator.show(run)["jobs"]),
            f"/demo/attacked/runs/{broken}",
            f"/demo/attacked?branch={query}&actor={query}&event={query}", f"/demo/attacked?state={query}",
            f"/hygiene?host={query}&action={query}", f"/hygiene?status={query}", f"/audit?target={query}:{query}",
            f"/login?next={query}", f"/?after={query}", f"/{query}/{query}", f"/{query}"]


def inspect(person, path, attack):
    person.open(path)
    found = person.driver.execute_script(INSPECT, OURS)
    hits = [attack.fields[number] for number in found["hits"]]
    assert not found["bad"] and not hits, (path, hits, found["bad"][:3])
    assert found["text"] > 20, path


def test_no_text_of_an_attacker_runs(person, attacked, attack):
    person.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
        "source": "window.hits = []; window.hit = number => window.hits.push(number);"})
    person.driver.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": attack.text("browser")})
    for path in attacked:
        if path not in ("/hygiene", "/audit", "/sessions"):
            inspect(person, path, attack)
    person.open("/login")
    person.type("login", "ada")
    person.type("password", "ada's password")
    person.press("Sign in")
    person.see("Sign out")
    for path in attacked:
        inspect(person, path, attack)
    # the pages that are asked for as missing or wrong say so in the console, and nothing else does
    said = [entry["message"] for entry in person.driver.get_log("browser")
            if "the server responded with a status of 40" not in entry["message"]]
    assert not said, said


def test_a_summary_is_for_people(person, coordinator, attacked, attack):
    """What Markdown may be is shown, and what it says of HTML is text."""
    run = next(path for path in attacked if path.count("/") == 4 and "/runs/" in path)
    person.open(run)
    shown = person.driver.find_element(By.CSS_SELECTOR, ".md")
    assert "<iframe srcdoc=" in shown.text and "<style>@import" in shown.text
    assert shown.find_elements(By.TAG_NAME, "table") and shown.find_elements(By.TAG_NAME, "blockquote")
    links = [link.get_attribute("href") for link in shown.find_elements(By.TAG_NAME, "a")]
    assert links and all(link.startswith("http://other.example") for link in links), links
    assert all(link.get_attribute("rel") == "nofollow noopener noreferrer"
               for link in shown.find_elements(By.TAG_NAME, "a"))
    assert not person.axe()
    assert coordinator and attack


def test_what_cannot_be_named_so(coordinator, repository, attack):
    """Where markup has no place a name that holds some is refused."""
    for verb in (("user", "add", attack.text("user")), ("repo", "add", f"demo/{attack.text('repository')}"),
                 ("owner", "add", attack.text("owner")),
                 ("runner", "register", "x", "--labels", attack.text("label"))):
        assert coordinator.admin(*verb, check=False).returncode in (1, 2), verb
    repo = repository("demo/labels")
    repo.commit({".shithub/workflows/ci.yml": json.dumps({
        "on": "push", "jobs": {"a": {"runs-on": [attack.text("runs-on")], "steps": [{"run": "x"}]}}})})
    repo.push()
    assert coordinator.show(driver.wait_for(coordinator.runs, what="a run")[0]["id"])["problems"]
    repo.commit({".shithub/workflows/ci.yml": "on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}\n"})
    repo.push()
    claimed = Claimed(coordinator, coordinator.register_runner("r", labels="linux")["token"])
    claimed.start()
    for name in (attack.text("artifact"), "../x", "a/b", ""):
        assert claimed.call("artifacts/upload", {"name": name, "size_bytes": 1}).status == 400, name


HEADERS = {"Content-Security-Policy": None, "X-Content-Type-Options": "nosniff",
           "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
           "Cache-Control": "private, no-cache"}


def test_headers_of_every_page(coordinator, repository):
    """Of answers of every kind: pages, errors, redirections, files, the log."""
    coordinator.admin("user", "add", "ada", "--site-admin")
    coordinator.admin("user", "password", "ada", stdin=b"ada's password")
    run = pages_world.populate(coordinator, repository)
    job = pages_world.job_named(coordinator, run, "build (clang, O2")
    base = f"/demo/claims/runs/{run}"
    user = Browser(coordinator)
    answers = {"sign in": user.sign_in("ada", "ada's password")}
    for path in ("/", "/queue", "/runners", "/runners/1", "/hygiene", "/audit", "/sessions", "/demo/claims",
                 "/demo/claims/schedule", base, f"{base}/jobs/{job}", "/nothing", "/audit?page=x",
                 f"/demo/claims/commits/{coordinator.show(run)['head_sha']}"):
        answers[path] = user.get(path)
    answers["form"] = user.ask("POST", f"{base}/cancel", {"token": "x"})
    for name, answer in answers.items():
        for header, value in HEADERS.items():
            got = answer.headers[header]
            assert got and value in (None, got), (name, header, got)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy, (name, policy)
        assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy, name
    run_page = browse(coordinator, base).body.decode()
    artifact = run_page.split('/artifacts/')[1].split('"')[0]
    for path in (f"{base}/jobs/{job}/log", f"{base}/jobs/{job}/steps/3/log", f"{base}/artifacts/{artifact}"):
        answer = browse(coordinator, path)
        assert answer.status == 200 and answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
