"""The pages as a browser without scripts reads them, over HTTP from a real serve: what stands on each
of them, who may see it, and that nothing that an author wrote becomes markup."""
import html.parser
import pathlib
import re
import subprocess

import pages_world
import pytest
from conftest import ROOT
from pages_world import HOSTILE, Claimed, browse, job_named

VOID = {"meta", "link", "input", "img", "br", "hr"}
OURS = {"html", "head", "body", "title", "script", "main", "header", "nav", "section", "aside", "h1", "h2", "h3",
        "p", "a", "b", "ul", "ol", "li", "dl", "dt", "dd", "div", "span", "code", "time", "form", "label",
        "select", "option", "button", "details", "summary", "pre", "img", "article", "h4",
        "table", "thead", "tbody", "tr", "th", "td", "blockquote", "em", "strong", "del", "svg", "path", "circle", "rect", *VOID}


class Page(html.parser.HTMLParser):
    """Checks markup while it reads: tags of ours alone, closed in order, nothing that could run."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.links, self.ids, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attrs):
        assert tag in OURS, tag
        if tag == "img":
            assert "/badge.svg" in dict(attrs)["src"], attrs
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), attrs
        for name, value in attrs:
            assert not name.startswith("on") and name != "style", attrs
            if name in ("href", "src", "action"):
                assert re.match(r"(/(?!/)|#|\?|https?://)", value) or value == "#", value
                self.links.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in OURS - {"img"}, tag

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


def page(coordinator, path, status=200, **options):
    """status None: any; it stands in the page."""
    answer = browse(coordinator, path, **options)
    assert status in (None, answer.status), (path, answer.status, answer.body)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    made = Page(answer.body.decode())
    made.status = answer.status
    return made


@pytest.fixture
def populated(coordinator, repository):
    return pages_world.populate(coordinator, repository)


def test_from_the_first_page_to_the_failing_line(coordinator, populated):
    home = page(coordinator, "/")
    assert "demo/claims" in home.text and "No runs yet" in home.text
    runs = page(coordinator, "/demo/claims")
    assert "Count jobs that were handed back" in runs.text and "More." not in runs.text
    run_url = f"/demo/claims/runs/{populated}"
    assert run_url in runs.links
    run = page(coordinator, run_url)
    assert "Triggered via push on refs/heads/trunk by driver" in run.text
    assert "needs build, docs" not in run.text and "needs docs" in run.text
    assert "Waiting for runner with labels: linux, windows-latest" in run.text
    assert "3 of 4 over" in run.text and "tests/test_claim.c:77" in run.text
    assert "Larger than on trunk by 1.2 %" in run.text and "<b>lib.so</b>" in run.text
    assert "https://example.org/chart" in run.links and "stripped" in run.text
    assert "from the first job's wait to the last one's end" in run.text and "took < 1s" in run.text
    job_url = f"{run_url}/jobs/{job_named(coordinator, populated, 'build (clang, O2')}"
    assert job_url in run.links
    job = page(coordinator, job_url)
    # an annotation leads to its line
    assert f"{job_url}?step=3&line=1#L3-8" in run.links and f"{job_url}?step=3&line=1#L3-15" in run.links
    lines = browse(coordinator, f"{job_url}?step=3&line=1").body.decode()
    assert re.search(r'id="L3-15">.*?expected 3, got 4', lines)
    assert "L3-8" in job.ids or 'id="L3-8"' in lines
    error = next(link for link in job.links if link.endswith("#first-error"))
    failing = page(coordinator, error.split("#")[0])
    assert "first-error" in failing.ids and "L3-12" in failing.ids
    assert "FAIL test_claim" in failing.text
    assert "100% done" in failing.text and "50%" not in failing.text


def test_raw_log_is_what_is_stored(coordinator, populated):
    job_id = job_named(coordinator, populated, "build (clang, O2")
    base = f"/demo/claims/runs/{populated}/jobs/{job_id}"
    whole = browse(coordinator, base + "/log")
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert whole.body == coordinator.step_log(job_id)
    assert browse(coordinator, base + "/steps/3/log").body == pages_world.LOG.encode()
    page(coordinator, base + "/steps/9/log", 404)


def test_artifact(coordinator, repository):
    repo = repository("demo/art")
    repo.commit({".shithub/workflows/ci.yml": "on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}"})
    repo.push()
    claimed = Claimed(coordinator, coordinator.register_runner("r", labels="linux")["token"])
    claimed.start()
    packed = claimed.artifact("out", {"x": b"y" * 5000})
    run = page(coordinator, f"/demo/art/runs/{claimed.job['run_id']}")
    link = next(link for link in run.links if "/artifacts/" in link)
    got = browse(coordinator, link)
    assert got.body == packed
    assert got.headers["Content-Disposition"] == 'attachment; filename="out.tar.gz"'
    page(coordinator, f"/demo/art/runs/{claimed.job['run_id']}/artifacts/99", 404)


def test_filters_and_pages(coordinator, populated):
    assert populated
    page(coordinator, "/demo/letters?state=red", 400)
    page(coordinator, "/demo/letters?before=x", 400)
    page(coordinator, "/demo/letters?branch=" + "x" * 301, 400)
    assert browse(coordinator, "/demo/letters?branch=%zz").status == 400
    for query, found in (("", 4), ("?state=failure", 1), ("?branch=topic%2F2", 1), ("?branch=trunk", 2),
                         ("?event=schedule", 0), ("?actor=DRIVER", 4), ("?actor=eve", 0),
                         ("?branch=&event=&state=&actor=", 4), ("?before=3", 2)):
        got = page(coordinator, "/demo/letters" + query)
        assert len({link for link in got.links if "/runs/" in link}) == found, query


def test_what_is_private_stays_so(coordinator, repository, pat):
    repo = repository("demo/hidden", private=True)
    repo.commit({".shithub/workflows/ci.yml": "on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}"},
                "Keep this to us")
    repo.push()
    coordinator.register_runner("ours", labels="linux", capacity=1)
    run = coordinator.runs()[0]["id"]
    job = coordinator.show(run)["jobs"][0]["id"]
    assert "hidden" not in page(coordinator, "/").text
    paths = ("", f"/runs/{run}", f"/runs/{run}/jobs/{job}", f"/runs/{run}/jobs/{job}/log")
    for path in paths:
        absent = browse(coordinator, "/demo/absent" + path)
        hidden = browse(coordinator, "/demo/hidden" + path)
        assert (hidden.status, hidden.body) == (absent.status, absent.body) == (404, absent.body)
        known = browse(coordinator, "/demo/hidden" + path, {"Authorization": f"Bearer {pat}"})
        assert known.status == 200, path
    # a run is shown below its own repository alone
    repository("demo/open")
    page(coordinator, f"/demo/open/runs/{run}", 404, headers={"Authorization": f"Bearer {pat}"})
    page(coordinator, "/", 401, headers={"Authorization": "Bearer shithub_pat_no"})


def test_nothing_of_an_author_becomes_markup(coordinator, repository, pat):
    repo = repository("demo/xss")
    name = HOSTILE.replace('"', '\\"').replace("\u202e", "\\u202e").replace("\u202c", "\\u202c")
    repo.commit({".shithub/workflows/ci.yml": f'name: "{name}"\nrun-name: "{name}"\non: push\njobs:\n'
                 f'  a:\n    name: "{name}"\n    runs-on: linux\n    environment:\n'
                 f'      {{name: e, url: "javascript:alert(3)"}}\n'
                 f'    steps: [{{name: "{name}", run: x}}]\n'}, HOSTILE)
    repo.git("push", "-q", "origin", "HEAD:refs/heads/<b>'onclick=x")
    token = coordinator.register_runner("r", labels="linux")["token"]
    claimed = Claimed(coordinator, token)
    claimed.start()
    claimed.step(0, "running")
    claimed.say(0, f"{HOSTILE}\n::error title={HOSTILE},file=<b>/a,line=1::{HOSTILE}\n::group::{HOSTILE}\n"
                   f"\x1b]8;;javascript:alert(4)\x07x\x1b[31m{HOSTILE}\n".encode() + b"\xff\x00\xc3<\n")
    claimed.step(0, "completed", conclusion="failure")
    claimed.end("failure")
    run, job = claimed.job["run_id"], claimed.job["id"]
    for path in ("/", "/demo/xss", f"/demo/xss/runs/{run}", f"/demo/xss/runs/{run}/jobs/{job}",
                 "/demo/xss?branch=%3Cscript%3E&actor=%22%3E%3Cscript%3E"):
        got = page(coordinator, path)
        raw = browse(coordinator, path).body.decode()
        assert raw.count("<script") == raw.count('<script src="/static/') == 1
        assert "<img src=x" not in raw and "javascript:" not in "".join(got.links)
        assert "\u202e" not in raw and "\x1b" not in raw and "\x00" not in raw, path
    shown = page(coordinator, f"/demo/xss/runs/{run}/jobs/{job}").text
    assert shown.count(HOSTILE.replace("\u202e", "\\u202e").replace("\u202c", "\\u202c")) >= 4


def test_paths_that_lead_nowhere(coordinator):
    for path in ("/nobody", "/a/b/c", "/demo/none/runs/1", "/favicon.ico", "/%3Cscript%3E"):
        assert "There is nothing here" in page(coordinator, path, 404).text
    # programs hear what they always heard
    for path, accept in (("/nobody", "*/*"), ("/api/v1/nothing", "text/html")):
        got = browse(coordinator, path, {"Accept": accept})
        assert (got.status, got.json()) == (404, {"error": "there is nothing at this path"})
    assert browse(coordinator, "/api/v1/runs/1").status == 401


def test_assets(coordinator):
    style = next(link for link in page(coordinator, "/").links if link.endswith(".css"))
    got = browse(coordinator, style)
    assert got.status == 200 and "immutable" in got.headers["Cache-Control"]
    assert got.body == (ROOT / "coordinator/pages/style.css").read_bytes()
    again = browse(coordinator, style, {"If-None-Match": got.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert browse(coordinator, "/static/0123456789abcdef.style.css").status == 404
    assert b"url(" not in got.body and b"@import" not in got.body
    script = re.search(rb'<script src="([^"]+)" defer></script>', browse(coordinator, "/").body)[1].decode()
    got = browse(coordinator, script)
    assert got.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert got.body == (ROOT / "coordinator/pages/script.js").read_bytes() and len(got.body) < 20000
    assert not re.search(rb"eval|Function\(|https?:|document\.write", got.body)


def test_off(coordinators):
    made = coordinators("--pages", "off").start()
    for path in ("/", "/runners", "/demo/x"):
        got = browse(made, path)
        assert (got.status, got.json()) == (404, {"error": "there is nothing at this path"})


def test_long_logs(coordinator, repository):
    """A log of 200,000 lines: a page shows a window of it, and links lead through all of it."""
    repo = repository("demo/long")
    repo.commit({".shithub/workflows/ci.yml": "on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}"})
    repo.push()
    claimed = Claimed(coordinator, coordinator.register_runner("r", labels="linux")["token"])
    claimed.start()
    claimed.step(0, "running")
    lines = [f"line {number}" for number in range(1, 200001)]
    lines[149999] = "a.c:1: error: here"
    text = "\n".join(lines) + "\n"
    for start in range(0, len(text), 400000):
        claimed.say(0, text[start:start + 400000])
    claimed.step(0, "completed", conclusion="failure")
    claimed.end("failure")
    base = f"/demo/long/runs/{claimed.job['run_id']}/jobs/{claimed.job['id']}"
    error = page(coordinator, base)
    assert "first-error" in error.ids and "L1-150000" in error.ids
    assert len([i for i in error.ids if i.startswith("L1-")]) == 2000
    later = next(link for link in error.links if "line=151800" in link)
    assert "L1-151800" in page(coordinator, later.split("#")[0]).ids
    first = page(coordinator, base + "?step=1&line=1")
    assert first.ids.count("L1-1") == 1 and "L1-2000" in first.ids and "L1-2001" not in first.ids
    assert len(browse(coordinator, base).body) < 400000


# ---- the templates' compiler refuses what could let a text become markup ----

@pytest.mark.parametrize("part, word", [
    ("<a href=\"/x/{name}\">x</a>", "one value"),
    ("<a href=\"{name}?x\">x</a>", "one value"),
    ("<p {name}>x</p>", "quoted attribute"),
    ("<p class={name}>x</p>", "quoted attribute"),
    ("<p style=\"color:red\">x</p>", "files of their own"),
    ("<p onclick=\"{name}\">x</p>", "files of their own"),
    ("<script>{name}</script>", "files of their own"),
    ("<script data-x=\"{name}\">x</script>", "files of their own"),
    ("<img src=\"{name}\"><script>x</script>", "files of their own"),
    ("<style>p{name}</style>", "files of their own"),
    ("<p>{name:raw}</p>", "kind"),
    ("<p>{?name}x</p>", "ends inside"),
    ("<p title=\"{name}>x</p>", "ends inside"),
    ("<p>{name}{name:int}</p>", "two kinds"),
    ("<p title=\"{name:time}\"></p>", "attribute"),
])
def test_templates(tmp_path, part, word):
    file = pathlib.Path(tmp_path, "x.html")
    file.write_text("@@ x\n" + part + "\n")
    done = subprocess.run(["awk", "-v", "want=c", "-f", ROOT / "coordinator/pages/html/parts.awk", file],
                          capture_output=True, text=True)
    assert done.returncode != 0 and word in done.stderr, (done.returncode, done.stderr)
