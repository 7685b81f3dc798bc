"""A job's log as its page and its script read it, over HTTP from a real serve: windows of lines, what is
known of a log, searches; with raw bytes, hostile bytes and large logs."""
import html
import http.client
import json
import re
import time

import pytest
from pages_world import HOSTILE, browse, running_job
from test_pages_read import page


@pytest.fixture
def job(coordinator, repository):
    return running_job(coordinator, repository)


def lines_of(coordinator, job, step, first, last):
    """{number: markup} of a window."""
    answer = browse(coordinator, f"{job.url}/steps/{step}/lines?from={first}&to={last}")
    assert answer.status == 200, answer.body
    found = re.findall(rf'<p[^>]* id="L{step}-(\d+)">.*?</p>', answer.body.decode(), re.S)
    return [int(number) for number in found], answer.body.decode()


def known(coordinator, job, step):
    return browse(coordinator, f"{job.url}/steps/{step}/index").json()


def find(coordinator, job, query, status=200):
    answer = browse(coordinator, f"{job.url}/find?{query}")
    assert answer.status == status, answer.body
    return json.loads(answer.body) if status == 200 else answer.body.decode()


def test_windows_of_a_large_log(coordinator, job):
    text = "".join(f"line {n} \x1b[3{n % 8}mof\x1b[0m many\n" if n != 150000 else "a.c:1: error: here\n"
                   for n in range(1, 200001))
    for start in range(0, len(text), 400000):
        job.say(0, text[start:start + 400000])
    told = known(coordinator, job, 1)
    assert told == {"lines": 200000, "error": 150000, "whole": False, "groups": []}
    for first, last, got in ((1, 3, [1, 2, 3]), (123456, 123458, [123456, 123457, 123458]),
                             (199999, 200500, [199999, 200000]), (200001, 200002, [])):
        numbers, markup = lines_of(coordinator, job, 1, first, last)
        assert numbers == got, (first, last)
    assert len(lines_of(coordinator, job, 1, 5000, 9999)[0]) == 1000
    numbers, markup = lines_of(coordinator, job, 1, 150000, 150000)
    assert re.search('<p class="e"[^>]* id="L1-150000"><a id="first-error"></a>', markup)
    # the page that seeks shows what one that read everything shows
    job.step(0, "completed", conclusion="failure")
    shown = page(coordinator, job.url + "?step=1&line=150001")
    assert "L1-150001" in shown.ids and "first-error" not in shown.ids
    error = page(coordinator, job.url + "?step=1")
    assert "first-error" in error.ids and "L1-149801" in error.ids and "L1-149800" not in error.ids


def test_windows_keep_what_lines_before_switched_on(coordinator, job):
    job.say(0, "\x1b[31m" + "x" * 70000 + "\nstill red\n::stop-commands::t\n" + "y" * 70000 + "\n::error::text\n"
            "::t::\n::error::real\n::group::G\nin\n::endgroup::\n")
    assert known(coordinator, job, 1) == {"lines": 10, "error": 7, "whole": False, "groups": [8, 10]}
    assert '<span class="f1 ">still red</span>' in lines_of(coordinator, job, 1, 2, 2)[1]
    assert '<span class="f1 ">::error::text</span>' in lines_of(coordinator, job, 1, 5, 5)[1]
    numbers, markup = lines_of(coordinator, job, 1, 7, 10)
    assert numbers == [7, 8, 9, 10] and "<b>Error</b>" in markup
    assert '<p class="g" id="L1-8">' in markup and '<p class="x" hidden id="L1-10"></p>' in markup


def test_hostile_bytes_of_windows(coordinator, job):
    job.say(0, (HOSTILE + "\n").encode() + b"\xff\x00</p><script>\x1b]8;;x\x07\r\n")
    markup = lines_of(coordinator, job, 1, 1, 9)[1]
    assert "<script" not in markup and "\x1b" not in markup and "\x00" not in markup and "\u202e" not in markup
    assert html.escape("<script>") in markup


def test_windows_and_searches_that_cannot_be(coordinator, job):
    job.say(0, "x\n")
    for path, status in (("/steps/3/lines?from=1&to=2", 404), ("/steps/1/lines?from=3&to=2", 400),
                         ("/steps/1/lines", 400), ("/steps/1/lines?from=-1&to=2", 400), ("/steps/0/index", 404),
                         ("/find", 400), ("/find?q=" + "x" * 201, 400), ("/find?q=x&step=3", 400),
                         ("/find?q=x&after=3-1", 400), ("/find?q=x&after=1", 400), ("?wrap=perhaps", 400),
                         ("?q=" + "x" * 201, 400)):
        page(coordinator, job.url + path, status)


def test_search(coordinator, job):
    job.say(0, "Alpha\n\x1b[1mal\x1b[0mpha\nbeta\n" + "alpha\n" * 1500)
    job.step(0, "completed", conclusion="success")
    job.step(1, "running")
    job.say(1, "no\nALPHA no line end yet")
    first = find(coordinator, job, "q=alpha")
    assert first["more"] and len(first["hits"]) == 1000 and first["hits"][:3] == [[1, 1], [1, 2], [1, 4]]
    step, line = first["hits"][-1]
    rest = find(coordinator, job, f"q=alpha&after={step}-{line}")
    assert not rest["more"] and len(rest["hits"]) == 502 and rest["hits"][0] == [1, line + 1]
    assert find(coordinator, job, "q=beta") == {"hits": [[1, 3]], "more": False}
    assert find(coordinator, job, "q=no&step=2") == {"hits": [[2, 1]], "more": False}
    job.step(1, "completed", conclusion="success")
    assert find(coordinator, job, "q=no&step=2") == {"hits": [[2, 1], [2, 2]], "more": False}
    # without a script
    shown = page(coordinator, job.url + "?q=beta")
    assert "Lines with “beta”" in shown.text and "1 line." in shown.text
    assert any(link.endswith("?step=1&line=1#L1-3") for link in shown.links), shown.links
    assert "200 lines; the search ended here" in page(coordinator, job.url + "?q=alpha").text
    raw = browse(coordinator, job.url + "?q=%3Cscript%3E").body.decode()
    assert "<script>" not in raw and "0 lines." in raw


def test_times_of_lines(coordinator, job):
    began = time.time()
    job.say(0, "one\ntwo\nthr")
    job.say(0, "ee\n::group::g\n")
    job.step(0, "completed", conclusion="success")
    job.step(1, "completed", conclusion="success")
    job.end()
    stamps = re.findall(r'<p[^>]*?(?: data-t="(\d+)")? id="L1-(\d)">', lines_of(coordinator, job, 1, 1, 9)[1])
    assert [number for _, number in stamps] == ["1", "2", "3", "4"]
    times = [int(stamp) for stamp, _ in stamps if stamp]
    assert len(times) == 2 and stamps[0][0] and stamps[2][0] and times[0] < times[1]
    assert began - 1 < times[0] / 1000 < time.time() + 1
    url = job.url + "?step=1&"
    assert '<time class="t"' not in browse(coordinator, url).body.decode()
    raw = browse(coordinator, url + "times=on").body.decode()
    clocks = re.findall(r'<time class="t" datetime="[^"]+T([0-9:]+)\.[^"]+" title="[^"]+">([0-9:]+)</time>', raw)
    assert len(clocks) == 4 and all(one == other for one, other in clocks)
    # each switch leaves the other as it is, on a job of which no log is open, too
    for query, step in (("", False), ("step=1&", True)):
        shown = page(coordinator, job.url + f"?{query}times=on&wrap=off")
        for name, value in (("times=off", "wrap=off"), ("wrap=on", "times=on")):
            link = next(link for link in shown.links if f"?{name}&{value}" in link)
            assert ("&step=1#step-1" in link) == step, link
            page(coordinator, link.split("#")[0])
    page(coordinator, job.url + "?times=perhaps", 400)


def asked_at_once(coordinator, path, sources):
    """The statuses of so many searches that were on their way before the first was answered."""
    links = [http.client.HTTPConnection(coordinator.base.removeprefix("http://"), timeout=60,
                                        source_address=(source, 0)) for source in sources]
    for link in links:
        link.connect()
    for link in links:
        link.request("GET", path)
    answers = [link.getresponse() for link in links]
    found = [answer.status for answer in answers]
    for answer, link in zip(answers, links):
        answer.read()
        link.close()
    return found


def test_searches_are_counted(coordinator, job):
    """Four of one address, eight in all, and then there is a place again."""
    for _ in range(30):
        job.say(0, "x" * 99 + "\n" + ("y" * 99 + "\n") * 5000)
    path = job.url + "/find?q=nowhere"
    found = asked_at_once(coordinator, path, ["127.0.0.2"] * 12)
    assert sorted(found) == [200] * 4 + [503] * 8
    found = asked_at_once(coordinator, path, [f"127.0.0.{2 + n % 3}" for n in range(12)])
    assert sorted(found) == [200] * 8 + [503] * 4
    assert find(coordinator, job, "q=nowhere") == {"hits": [], "more": False}


def test_wrapping_is_asked_for_by_the_address(coordinator, job):
    job.say(0, "x\n")
    assert 'class="steps"' in browse(coordinator, job.url).body.decode()
    off = page(coordinator, job.url + "?wrap=off")
    assert 'class="steps nowrap"' in browse(coordinator, job.url + "?wrap=off").body.decode()
    assert any("wrap=on" in link for link in off.links)


def test_raw_bytes_are_the_archived_ones(coordinator, job):
    log = HOSTILE.encode() + b"\n\x00\xff\r\n::group::x\nno end"
    job.say(0, log)
    job.step(0, "completed", conclusion="success")
    job.end()
    before = (lines_of(coordinator, job, 1, 1, 9), known(coordinator, job, 1), find(coordinator, job, "q=alert"))
    coordinator.admin("run-job", "workflow:cleanup", "--keep-chunks-days", "0")
    assert browse(coordinator, job.url + "/steps/1/log").body == log
    after = (lines_of(coordinator, job, 1, 1, 9), known(coordinator, job, 1), find(coordinator, job, "q=alert"))
    assert "data-t=" in before[0][1] and after == before, "with the times of its lines"
