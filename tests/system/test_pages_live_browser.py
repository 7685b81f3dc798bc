"""A job's log in a real browser (headless Chromium): as it comes, with the script that shows it, and
without any script; a million lines of it; by mouse and by keyboard."""
import re

import pytest
from pages_world import HOSTILE, running_job
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytest_plugins = ("person",)
pytestmark = pytest.mark.xdist_group("browser")
LOG = "const log = document.querySelector('.log.live');"


@pytest.fixture
def job(coordinator, repository):
    return running_job(coordinator, repository)


def until(person, script, *values, what=None):
    """What the script returns, as soon as it is true."""
    return person.wait(lambda d: d.execute_script(script, *values), what or script)


def line(person, name):
    """Waits until that line can be seen inside of its log and of the window."""
    return until(person, """const p = document.getElementById(arguments[0]), log = p && p.closest('.log.live');
        if (!log || !p.checkVisibility()) return null;
        const a = p.getBoundingClientRect(), b = log.getBoundingClientRect();
        return a.top >= b.top - 1 && a.bottom <= Math.min(b.bottom, innerHeight) + 1 ? p.textContent : null""",
                 name, what=f"{name} in sight")


def said(person, text):
    until(person, "return document.querySelector('.count').textContent === arguments[0]", text, what=text)


def say(job, step, first, last):
    job.say(step, "".join(f"line {n}\n" for n in range(first, last + 1)))


def test_a_person_watches_a_job(person, job):
    person.open(job.url)
    job.say(0, "the first line\n")
    assert line(person, "L1-1") == "1the first line"
    say(job, 0, 2, 300)
    line(person, "L1-300")
    # who scrolls up stays there
    person.driver.execute_script(LOG + "log.scrollTop = 0")
    person.wait(lambda d: d.find_element(By.CSS_SELECTOR, ".tail").is_displayed(), "a way back")
    say(job, 0, 301, 400)
    until(person, LOG + "return log.scrollHeight > 390 * 20")
    assert person.driver.execute_script(LOG + "return log.scrollTop") == 0
    person.press("Follow")
    line(person, "L1-400")
    say(job, 0, 401, 402)
    line(person, "L1-402")
    assert not person.driver.find_element(By.CSS_SELECTOR, ".tail").is_displayed()
    # the next step opens by itself, the states change
    job.say(0, "no end")
    job.step(0, "completed", conclusion="success")
    job.step(1, "running")
    job.say(1, "hello from the second\n")
    line(person, "L2-1")
    until(person, "return document.querySelector('#step-1 .mark').getAttribute('aria-label') === 'success'")
    until(person, "return document.querySelector('#step-2 .mark').getAttribute('aria-label') === 'running'")
    job.step(1, "completed", conclusion="failure")
    job.end("failure")
    person.see("failure", (By.CSS_SELECTOR, "header.lead .state"))
    took = person.read(By.CSS_SELECTOR, "#step-1 .took")
    assert re.fullmatch(r"\d+s|< 1s|\d+m \d\ds", took), took
    until(person, "return document.querySelector('#L1-403') && document.querySelector('#L1-403').textContent")


def test_a_browser_that_lost_the_coordinator(person, job, coordinator):
    person.open(job.url)
    say(job, 0, 1, 50)
    line(person, "L1-50")
    address = coordinator.base.removeprefix("http://")
    coordinator.stop()
    coordinator.start(address)
    say(job, 0, 51, 60)
    line(person, "L1-60")
    shown = person.driver.execute_script("return [...document.querySelectorAll('.log p')].map(p => p.id)")
    assert shown == [f"L1-{n}" for n in range(1, 61)]
    person.driver.get_log("browser")  # what Chromium says of the connection that ended


def test_a_stream_that_ends_by_its_time(person, job, coordinator, monkeypatch):
    """The browser comes again by itself, and no line is there twice or missing."""
    monkeypatch.setenv("SHITHUBD_SERVER__LIVE_LOG_TIME", "1s")
    address = coordinator.base.removeprefix("http://")
    coordinator.stop()
    coordinator.start(address)
    person.open(job.url)
    opened = "return performance.getEntriesByType('resource').filter(e => e.name.includes('/events')).length"
    for count in range(1, 4):
        say(job, 0, count * 10 - 9, count * 10)
        line(person, f"L1-{count * 10}")
        until(person, opened + f" >= {count}", what="another stream")
    shown = person.driver.execute_script("return [...document.querySelectorAll('.log p')].map(p => p.id)")
    assert shown == [f"L1-{n}" for n in range(1, 31)]
    person.driver.get_log("browser")  # what Chromium says of the restart


def test_search(person, job):
    job.say(0, "".join(f"{'Needle' if n % 1000 == 7 else 'hay'} {n}\n" for n in range(1, 20001)))
    job.step(0, "completed", conclusion="success")
    job.step(1, "running")
    job.say(1, "::group::Folded\na needle in it\n::endgroup::\n")
    person.open(job.url)
    line(person, "L2-1")
    person.driver.find_element(By.TAG_NAME, "body").send_keys("/")
    field = person.driver.switch_to.active_element
    field.send_keys("needle", Keys.ENTER)
    said(person, "1 of 21")
    line(person, "L1-7")
    field.send_keys(Keys.ENTER)
    said(person, "2 of 21")
    line(person, "L1-1007")
    field.send_keys(Keys.SHIFT, Keys.ENTER, Keys.NULL)
    said(person, "1 of 21")
    field.send_keys(Keys.SHIFT, Keys.ENTER, Keys.NULL)
    said(person, "21 of 21")
    assert "a needle in it" in line(person, "L2-2")
    assert "cur" in person.driver.find_element(By.ID, "L2-2").get_attribute("class")
    job.say(1, "one more NEEDLE\n")
    said(person, "21 of 22")
    person.click(By.CSS_SELECTOR, "[aria-label='Next line']")
    said(person, "22 of 22")
    line(person, "L2-4")
    field.send_keys(Keys.ESCAPE)
    said(person, "")
    field.send_keys("nothing like it", Keys.ENTER)
    said(person, "No line has it")


def test_lines_and_ranges_have_addresses(person, job):
    say(job, 0, 1, 3000)
    person.open(job.url + "#L1-1500-L1-1502")
    line(person, "L1-1500")
    chosen = "return [...document.querySelectorAll('.sel')].map(p => p.id)"
    until(person, chosen + ".join() === 'L1-1500,L1-1501,L1-1502'")
    number = "//p[@id='L1-{}']/a[@class='n']"
    person.driver.find_element(By.XPATH, number.format(1504)).click()
    assert person.driver.current_url.endswith("#L1-1504")
    ActionChains(person.driver).key_down(Keys.SHIFT).click(
        person.driver.find_element(By.XPATH, number.format(1501))).key_up(Keys.SHIFT).perform()
    assert person.driver.current_url.endswith("#L1-1501-L1-1504")
    assert person.driver.execute_script(chosen) == [f"L1-{n}" for n in range(1501, 1505)]
    person.driver.execute_script("location.hash = '#L1-2990'")
    line(person, "L1-2990")


def test_groups_and_wrapping(person, job):
    job.say(0, "::group::A group\n" + "inside\n" * 2000 + "::endgroup::\nbehind " + "long " * 200 + "\n")
    person.open(job.url)
    line(person, "L1-2003")
    line(person, "L1-1")
    # 2000 lines that nobody sees are not in the page
    assert person.driver.execute_script("return document.querySelectorAll('.log p').length") < 1100
    assert not person.driver.execute_script("return [...document.querySelectorAll('.log p')].some(p => "
                                            "p.textContent.includes('inside') && p.checkVisibility())")
    person.driver.find_element(By.CSS_SELECTOR, "#L1-1 > span").send_keys(Keys.ENTER)
    line(person, "L1-2")
    assert person.driver.execute_script(LOG + "return log.scrollHeight") > 2000 * 20
    person.driver.find_element(By.CSS_SELECTOR, "#L1-1 > span").click()
    line(person, "L1-2003")
    tall = person.driver.execute_script("return document.getElementById('L1-2003').offsetHeight")
    person.follow("Do not wrap lines")
    until(person, "return document.getElementById('L1-2003').offsetHeight === 20")
    assert tall > 20
    person.follow("Wrap long lines")
    until(person, "return document.getElementById('L1-2003').offsetHeight > 20")


def test_times_of_lines(person, job):
    job.say(0, "one\ntwo\n")
    person.open(job.url)
    line(person, "L1-2")
    assert person.driver.find_elements(By.CSS_SELECTOR, ".log .t") == []
    person.follow("Show times")
    assert re.fullmatch(r"2\d+:\d\d:\d\d( [AP]M)?two", line(person, "L1-2").replace("\u202f", " "))
    job.say(0, "three\n")
    assert re.fullmatch(r"3\d+:\d\d:\d\d( [AP]M)?three", line(person, "L1-3").replace("\u202f", " "))
    person.follow("Hide times")
    assert not any(t.is_displayed() for t in person.driver.find_elements(By.CSS_SELECTOR, ".log .t"))


def test_a_million_lines(person, job):
    """Only what is seen is in the page; any line is there at once."""
    for first in range(1, 1000001, 40000):
        say(job, 0, first, first + 39999)
    job.step(0, "completed", conclusion="success")
    job.step(1, "running")
    person.open(job.url + "?step=1")
    line(person, "L1-1")
    for number in (765432, 12, 1000000, 500000):
        person.driver.execute_script("location.hash = '#L1-' + arguments[0]", number)
        assert line(person, f"L1-{number}") == f"{number}line {number}"
        found = person.driver.execute_script("return document.querySelectorAll('.log p').length")
        assert found < 5000, (number, found)
    person.driver.execute_script(LOG + "log.scrollTop = log.scrollHeight")
    line(person, "L1-1000000")
    # by a drag of the scroll bar over all of it
    person.driver.execute_script(LOG + "for (let i = 0; i < 200; i++) log.scrollTop = i * log.scrollHeight / 400")
    until(person, LOG + "const b = log.getBoundingClientRect(); const p = document.elementFromPoint("
          "b.left + 200, b.top + 100).closest('p'); return p && p.id")
    assert person.driver.execute_script("return document.querySelectorAll('.log *').length") < 20000


def test_hostile_bytes_as_they_come(person, job):
    person.open(job.url)
    person.see("Build")
    job.say(0, f"{HOSTILE}\n::error title={HOSTILE}::{HOSTILE}\n::group::{HOSTILE}\n".encode() + b"\xff\x00</p>\n")
    assert "<script>alert(1)</script>" in line(person, "L1-1")
    line(person, "L1-3")
    assert person.driver.execute_script("return document.querySelectorAll('.log script, .log img').length") == 0


def test_without_scripts_a_reload_shows_more(person, job):
    person.scripts(on=False)
    say(job, 0, 1, 3)
    person.open(job.url)
    person.see("line 3")
    say(job, 0, 4, 2500)
    person.driver.refresh()
    person.see("From line 2001 on")
    person.follow("From line 2001 on")
    person.see("line 2500")
    person.type("q", "LINE 1234")
    person.press("Search")
    person.see("1 line.")
    person.follow("Step 1, line 1234")
    person.wait(lambda d: d.current_url.endswith("#L1-1234"), "the line's address")
    person.see("line 1234", (By.ID, "L1-1234"))
    person.follow("Do not wrap lines")
    person.see("Wrap long lines")
