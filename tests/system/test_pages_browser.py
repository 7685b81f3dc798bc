"""The pages in a real browser (headless Chromium), as people use them: from a push to the failing line
and to another try, by mouse, by keyboard alone and without scripts; on a desk and on a phone.

Screenshots of every page in both themes stay in build/test/pages, to be looked at."""
import pages_world
import pytest
from conftest import LOGS
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytest_plugins = ("person",)
pytestmark = pytest.mark.xdist_group("browser")
SHOTS = LOGS.parent / "pages"


@pytest.fixture
def failed(coordinator, repository):
    coordinator.admin("user", "add", "ada", "--site-admin")
    coordinator.admin("user", "password", "ada", stdin=b"ada's password")
    return pages_world.populate(coordinator, repository)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_from_a_push_to_another_try(person, coordinator, failed, scripts):
    coordinator.admin("run", "cancel", str(failed))
    coordinator.admin("runner", "recover-stale-jobs", "1", "--confirm")
    person.scripts(on=scripts)
    person.open("/")
    person.follow("demo/claims")
    person.follow("Count jobs that were handed back")
    person.see("Triggered via push on refs/heads/trunk by driver")
    person.follow("build (clang, O2)")
    person.see("FAIL  test_claim")
    person.follow("Go to the first error")
    person.wait(lambda d: d.current_url.endswith("?step=3#first-error"), "the address of the error")
    person.see("FAIL", (By.ID, "L3-12"))
    person.follow("Sign in")
    person.type("login", "ada")
    person.type("password", "ada's password")
    person.press("Sign in")
    person.see("Sign out")
    person.open(f"/demo/claims/runs/{failed}")
    person.press("Re-run failed jobs")
    person.see("Attempt")
    again = int(person.driver.current_url.rsplit("/", 1)[1])
    assert again > failed and coordinator.show(again)["actor"] == "ada"
    person.press("Cancel run")
    person.see("cancelled")
    person.press("Sign out")
    person.see("Sign in")


def test_a_step_unfolds_and_lines_are_linked(person, coordinator, failed):
    job = pages_world.job_named(coordinator, failed, "build (clang, O2")
    person.open(f"/demo/claims/runs/{failed}/jobs/{job}")
    assert not person.shows("L2-1") and person.shows("L3-5") and not person.shows("L3-2")
    person.click(By.CSS_SELECTOR, "#step-2 summary")
    assert person.shows("L2-1")
    # a link into a folded group opens it
    person.open(f"/demo/claims/runs/{failed}/jobs/{job}?step=3#L3-2")
    person.wait(lambda _: person.shows("L3-2"), "the group opens")


@pytest.mark.usefixtures("failed")
def test_with_the_keyboard_alone(person):
    person.open("/")
    first = person.tab_to("Skip to content")
    first.send_keys(Keys.ENTER)
    person.tab_to("demo/claims").send_keys(Keys.ENTER)
    person.see("Count jobs")
    person.tab_to("Count jobs").send_keys(Keys.ENTER)
    person.see("Triggered via push")
    person.tab_to("build (clang, O2)").send_keys(Keys.ENTER)
    person.see("Go to the first error")
    person.tab_to("Compile").send_keys(Keys.ENTER)
    assert person.shows("L2-1")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_why_a_job_waits(person, coordinator, failed, scripts):
    person.scripts(on=scripts)
    person.open("/")
    person.follow("Queue")
    person.see("Waiting for runner with labels: linux, windows-latest (no runner offers all of them)")
    person.follow("deploy")
    person.see("Why it waits")
    person.follow("Runners")
    person.follow("birch")
    person.see("new disk on Tuesday")
    coordinator.register_runner("both", labels="linux,windows-latest")
    person.open("/queue")
    person.see("(offline: both)")
    assert failed


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_to_approve_a_pull_request(person, coordinator, repository, scripts):
    coordinator.admin("user", "add", "ada", "--site-admin")
    coordinator.admin("user", "password", "ada", stdin=b"ada's password")
    repo = repository("demo/pull")
    repo.commit({".shithub/workflows/ci.yml":
                 "name: CI\non: pull_request\njobs: {a: {runs-on: linux, steps: [{run: x}]}}\n"})
    repo.push()
    repo.commit({"a": "b"}, "Propose")
    repo.git("push", "-q", "origin", "HEAD:refs/pull/1/head")
    run = coordinator.runs()[0]["id"]
    person.scripts(on=scripts)
    person.open(f"/demo/pull/runs/{run}")
    person.see("Waiting for approval")
    person.follow("Sign in")
    person.type("login", "ada")
    person.type("password", "ada's password")
    person.press("Sign in")
    person.see("Sign out")
    person.open("/queue")
    person.see("of pull request 1")
    person.open(f"/demo/pull/runs/{run}")
    person.type("reason", "read all of it")
    person.press("Approve this commit")
    person.see("read all of it")
    assert coordinator.show(run)["pull_request"]["approved_by"] == "ada"
    person.open("/audit")
    person.see("run.approve")


def test_graph_of_jobs_at_phone_width(person, coordinator, failed):
    """Cards stand below each other: none lies over another, none is wider than the screen; each says in
    words what it needs, and it is a list to who does not see it."""
    for width in (1280, 390):
        person.sized(width, "light")
        person.open(f"/demo/claims/runs/{failed}")
        boxes = person.driver.execute_script(
            "return [...document.querySelectorAll('.graph .card')].map(c => { const b = c.getBoundingClientRect();"
            " return [b.left, b.top, b.right, b.bottom] })")
        assert len(boxes) == 4
        for i, one in enumerate(boxes):
            assert one[0] >= 0 and one[2] <= width, (width, one)
            for other in boxes[i + 1:]:
                assert (one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]), (
                    width, one, other)
    columns = {box[0] for box in boxes}
    assert len(columns) == 1
    assert coordinator


# ---- how they look ----

CONTRAST = """
const lum = c => { const v = c.map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4 });
  return .2126 * v[0] + .7152 * v[1] + .0722 * v[2] };
const rgb = s => (s.match(/[\\d.]+/g) || []).map(Number);
const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
  if (c.length === 3 || c[3] > 0) return c.slice(0, 3) } return rgb(getComputedStyle(document.body).backgroundColor) };
const bad = [];
for (const e of document.querySelectorAll('body *')) {
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
  const a = lum(rgb(getComputedStyle(e).color).slice(0, 3)), b = lum(behind(e));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) bad.push([e.outerHTML.slice(0, 120), ratio.toFixed(2)]);
}
const unnamed = [...document.querySelectorAll('a, button, input, select')].filter(e => e.type !== 'hidden' && e.id !==
  'first-error' && !(e.textContent.trim() || e.labels && e.labels.length || e.getAttribute('aria-label')));
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
return {contrast: bad, unnamed: unnamed.map(e => e.outerHTML), twice: ids.filter((id, i) => ids.indexOf(id) !== i),
  wide: document.documentElement.scrollWidth - innerWidth, h1: document.querySelectorAll('h1').length,
  hosts: performance.getEntriesByType('resource').map(r => new URL(r.name).host)
    .filter(host => host !== location.host)};
"""


MOVES = """return [...document.querySelectorAll('*')].filter(e => e.getAnimations().length ||
  getComputedStyle(e).scrollBehavior !== 'auto' || getComputedStyle(e).transitionDuration !== '0s')
  .map(e => e.outerHTML.slice(0, 100))"""


def test_nothing_moves_for_who_wants_no_motion(person, coordinator, failed):
    """A running job's sign turns; for readers who asked for less motion nothing does."""
    job = pages_world.job_named(coordinator, failed, "build (gcc, O0")
    run = f"/demo/claims/runs/{failed}"

    def motion(value):
        person.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-reduced-motion", "value": value}]})

    try:
        motion("no-preference")
        person.open(f"{run}/jobs/{job}")
        assert all('class="mark running"' in one for one in person.driver.execute_script(MOVES))
        assert person.driver.execute_script(MOVES), "the sign of a job that runs turns"
        motion("reduce")
        for path in ("/", "/demo/claims", run, f"{run}/jobs/{job}", "/queue", "/runners", "/runners/1"):
            person.open(path)
            assert person.driver.execute_script(MOVES) == [], path
    finally:
        motion("")


CLEAN = {"contrast": [], "unnamed": [], "twice": [], "wide": 0, "h1": 1, "hosts": [], "axe": []}


def test_every_page_in_both_themes(person, coordinator, failed):
    job = pages_world.job_named(coordinator, failed, "build (clang, O2")
    waiting = pages_world.job_named(coordinator, failed, "deploy")
    run = f"/demo/claims/runs/{failed}"
    sha = coordinator.show(failed)["head_sha"]
    pages = {"repositories": "/", "runs": "/demo/letters", "run": run, "job": f"{run}/jobs/{job}",
             "waiting": f"{run}/jobs/{waiting}", "queue": "/queue", "runners": "/runners",
             "runner": "/runners/1", "drained": "/runners/2", "troubled": "/runners/3", "schedule": "/demo/letters/schedule",
             "commit": f"/demo/claims/commits/{sha}", "login": "/login", "lost": "/nobody/x",
             "signed-in": run, "sessions": "/sessions", "hygiene": "/hygiene", "audit": "/audit",
             "over": run}
    SHOTS.mkdir(parents=True, exist_ok=True)
    findings = []
    for name, path in pages.items():
        if name == "signed-in":
            person.sized(1280, "light")
            person.open("/login")
            person.type("login", "ada")
            person.type("password", "ada's password")
            person.press("Sign in")
            person.see("Sign out")
        if name == "over":
            coordinator.admin("run", "cancel", str(failed))
            coordinator.admin("runner", "recover-stale-jobs", "1", "--confirm")
        for theme in ("light", "dark"):
            for width in (1280, 390):
                person.sized(width, theme)
                person.open(path)
                person.driver.execute_script(
                    "document.querySelectorAll('details.timeline').forEach(one => { one.open = true })")
                found = {**person.driver.execute_script(CONTRAST), "axe": person.axe()}
                person.shoot(SHOTS / f"{name}-{theme}-{width}.png")
                if found != CLEAN:
                    findings.append((name, theme, width, found))
    assert not findings
