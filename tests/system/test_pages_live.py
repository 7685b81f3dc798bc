"""A job's log as it comes, over Server-Sent Events from a real serve: every line once and in order,
whatever becomes of the connection, the coordinator and the log; who may read it, and how many."""
import json
import resource
import time

import byhand
import driver
import pytest
import timed
from event_stream import EventStream, numbers
from pages_world import HOSTILE, Claimed, running_job


@pytest.fixture
def job(coordinator, repository):
    return running_job(coordinator, repository)


@pytest.fixture
def stream(coordinator):
    opened = []

    def make(claimed, last_id=None, at=None, **options):
        path = f"{claimed.url}/events" + (f"?at={at}" if at else "")
        opened.append(EventStream(coordinator.base, path, last_id, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def say(claimed, step, first, last):
    claimed.say(step, "".join(f"line {n}\n" for n in range(first, last + 1)))


def lines(step, first, last):
    return [(step, n) for n in range(first, last + 1)]


def test_a_log_as_it_comes(job, stream):
    say(job, 0, 1, 3)
    live = stream(job)
    assert live.status == 200
    assert live.answer.headers["Content-Type"] == "text/event-stream"
    assert "default-src 'none'" in live.answer.headers["Content-Security-Policy"]
    events = live.until_line(1, 3)
    assert [event.name for event in events] == ["job", "step", "step", "lines"]
    assert json.loads(events[0].data)["state"] == "running" and not json.loads(events[0].data)["over"]
    assert json.loads(events[1].data)["state"] == "running"
    job.say(0, "half a ")
    job.say(0, "line\n")
    events = live.until_line(1, 4)
    assert "<span>half a line</span>" in events[-1].data and numbers(events) == [(1, 4)]
    job.say(0, "no end")
    job.step(0, "completed", conclusion="success")
    job.step(1, "running")
    say(job, 1, 1, 2)
    events = live.until_line(2, 2)
    assert numbers(events) == [(1, 5), (2, 1), (2, 2)]
    told = [json.loads(event.data) for event in events if event.name == "step"]
    assert (told[0]["step"], told[0]["state"], told[0]["over"]) == (1, "success", True)
    assert 'aria-label="success"' in told[0]["mark"]
    job.step(1, "completed", conclusion="failure")
    job.end("failure")
    events = live.until(lambda event: event.name == "end")
    assert [json.loads(event.data)["state"] for event in events if event.name == "job"] == ["failure"]
    assert list(live) == []
    assert stream(job, live.last_id).status == 204


def test_from_now_on(job, stream):
    say(job, 0, 1, 500)
    live = stream(job, at="now")
    live.until(lambda event: event.name == "step")
    job.say(0, "::group::new\n")
    events = live.until_line(1, 501)
    assert numbers(events) == [(1, 501)]


def test_it_goes_on_where_it_was(job, stream, coordinator):
    """Cut after each event and opened again, also by another serve: every line once."""
    got, last_id = [], None
    for first in range(1, 4001, 500):
        say(job, first > 2000, first % 2000, (first + 499 - 1) % 2000 + 1)
        if first == 1501:
            job.step(0, "completed", conclusion="success")
            job.step(1, "running")
        if first in (1001, 2501):
            address = coordinator.base
            coordinator.stop()
            coordinator.start(address.removeprefix("http://"))
        with stream(job, last_id) as live:
            events = live.until(lambda event: event.name == "lines")
            got += numbers(events)
            last_id = live.last_id
    with stream(job, last_id) as live:
        got += numbers(live.until_line(2, 2000)) if got[-1] != (2, 2000) else []
        last_id = live.last_id
    assert got == lines(1, 1, 2000) + lines(2, 1, 2000)
    assert last_id.endswith("-2-2000")


def test_a_large_log_and_its_archive(job, stream, coordinator):
    for first in range(1, 100001, 20000):
        say(job, 0, first, first + 19999)
    with stream(job) as live:
        assert numbers(live.until_line(1, 100000)) == lines(1, 1, 100000)
    with stream(job) as live:
        live.until_line(1, 40000)
        last_id = live.last_id
    job.step(0, "completed", conclusion="success")
    job.end()
    coordinator.admin("run-job", "workflow:cleanup", "--keep-chunks-days", "0")
    line = int(last_id.rsplit("-", 1)[1])
    with stream(job, last_id) as live:
        events = live.until(lambda event: event.name == "end")
        assert numbers(events) == lines(1, line + 1, 100000)
    with stream(job) as live:
        assert numbers(live.until(lambda event: event.name == "end")) == lines(1, 1, 100000)


def test_a_job_that_comes_back_to_the_queue(job, stream, coordinator):
    say(job, 0, 1, 10)
    live = stream(job)
    live.until_line(1, 10)
    answer = job.coordinator.request(
        "POST", f"/api/v1/jobs/{job.id}/status", {"status": "completed", "conclusion": "failure"}, job.token,
        {"Shithub-Job-Return": "true"})
    assert answer.status == 200
    live.until(lambda event: event.name == "reset")
    token = coordinator.register_runner("other", labels="linux")["token"]
    again = Claimed(coordinator, token)
    again.url = job.url
    again.start()
    again.step(0, "running")
    say(again, 0, 1, 2)
    assert numbers(live.until_line(1, 2)) == lines(1, 1, 2)
    # a place in the log that is gone
    old = "0-1-10" if not live.last_id.startswith("0-") else "1-1-10"
    events = stream(again, old).until_line(1, 2)
    assert "reset" in [event.name for event in events] and numbers(events) == lines(1, 1, 2)


def test_silence_is_broken(job, stream):
    """So that no proxy takes the connection for dead."""
    live = stream(job)
    live.until(lambda event: event.name == "step")
    live.until_comment()
    say(job, 0, 1, 1)
    live.until_line(1, 1)


def test_places_that_cannot_be(job, stream):
    say(job, 0, 1, 2)
    assert stream(job, at="x").status == 400
    assert stream(job, "1-2").status == 400
    assert stream(job, at="-1-2-3").status == 400
    with stream(job) as live:
        live.until_line(1, 2)
        returns = live.last_id.split("-")[0]
    for place in ("1-99", "99-1", "0-0", "2147483647-9223372036854775806"):
        with stream(job, f"{returns}-{place}") as live:
            events = live.until_line(1, 2)
            assert "reset" in [event.name for event in events], place
            assert numbers(events) == lines(1, 1, 2)


def test_hostile_bytes_are_no_events(job, stream):
    job.say(0, (f"{HOSTILE}\n\nevent: end\ndata: x\nid: 9\n\r\rretry: 1\r\n"
                f"::error title=a%0A%0Aevent: end%0A::b%0D%0A%0Aevent: end\n").encode() + b"\xff\x00\xe2\x80\xa8\n")
    live = stream(job)
    events = live.until_line(1, 8)
    assert {event.name for event in events} == {"job", "step", "lines"}
    text = "".join(event.data for event in events)
    assert "<script" not in text and "<img" not in text and "\u202e" not in text and "\u2028" not in text
    assert live.others == ["retry: 2000"]


def test_secrets_are_masked_before_they_are_sent(coordinator, repository, stream):
    repo = repository("demo/live")
    repo.commit({".shithub/workflows/ci.yml": "on: push\njobs: {a: {runs-on: linux, steps: "
                 "[{run: x, env: {T: '${{ secrets.TOKEN }}'}}]}}"})
    coordinator.admin("secret", "set", "--repo", "demo/live", "--name", "TOKEN", stdin=b"hunter2-abcab")
    repo.push()
    claimed = Claimed(coordinator, coordinator.register_runner("r", labels="linux")["token"])
    claimed.url = f"/demo/live/runs/{claimed.run_id}/jobs/{claimed.id}"
    claimed.start()
    claimed.step(0, "running")
    live = stream(claimed)
    live.until(lambda event: event.name == "step")
    claimed.say(0, "it is hunter2-")
    claimed.say(0, "abcab!\nnext\n")
    events = live.until_line(1, 2)
    text = "".join(event.data for event in events)
    assert "it is ***!" in text and "hunter2" not in text and "abcab" not in text


def test_who_may_read(coordinator, repository, pat, stream):
    repo = repository("demo/hidden", private=True)
    repo.commit({".shithub/workflows/ci.yml": "on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}"})
    repo.push()
    claimed = Claimed(coordinator, coordinator.register_runner("r", labels="linux")["token"])
    claimed.url = f"/demo/hidden/runs/{claimed.run_id}/jobs/{claimed.id}"
    claimed.start()
    refused = stream(claimed)
    absent = EventStream(coordinator.base, claimed.url.replace("hidden", "absent") + "/events")
    assert (refused.status, refused.answer.read()) == (absent.status, absent.answer.read())
    assert refused.status == 404
    absent.close()
    known = stream(claimed, headers={"Authorization": f"Bearer {pat}"})
    assert known.status == 200 and next(known).name == "job"


@pytest.fixture
def short(coordinators, monkeypatch):
    """A coordinator whose live logs end after a second."""
    monkeypatch.setenv("SHITHUBD_SERVER__LIVE_LOG_TIME", "1s")
    return coordinators().start()


def test_a_stream_ends_and_goes_on(short):
    """Its end is no end of the log: who comes again has every line once, if it still may read them."""
    pat = short.create_token()
    claimed = running_job(short, lambda name: short.repository(name, pat))
    path, last_id, got, ends = f"{claimed.url}/events", None, [], 0
    for first in range(1, 2001, 500):
        say(claimed, 0, first, first + 499)
        began = time.monotonic()
        with EventStream(short.base, path, last_id) as live:
            events = list(live)  # until the coordinator ends it
            assert time.monotonic() - began >= 1
        assert "end" not in [event.name for event in events] and "reset" not in [event.name for event in events]
        got += numbers(events)
        last_id, ends = live.last_id, ends + 1
    assert got == lines(1, 1, 2000) and ends == 4
    short.admin("repo", "set", "demo/live", "--visibility", "private")
    with EventStream(short.base, path, last_id) as live:
        assert live.status == 404, "its rights are asked again"


def test_streams_are_counted(job, stream, coordinator):
    """64 of one address; runners and other addresses do not notice."""
    held = [stream(job) for _ in range(64)]
    assert {one.status for one in held} == {200}
    refused = stream(job)
    assert refused.status == 503 and refused.answer.headers["Retry-After"]
    assert stream(job, source="127.0.0.2").status == 200
    assert byhand.heartbeat(coordinator, coordinator.register_runner("s", labels="other")["token"]).status == 204
    held[0].close()
    # the place is free as soon as the server has seen the end
    driver.wait_for(lambda: stream(job).status == 200, what="a place for a stream")
    say(job, 0, 1, 1)
    for one in held[1:]:
        one.until_line(1, 1)


def test_a_quarter_of_the_connections(coordinators, monkeypatch):
    """What a small server holds for streams leaves runners their places."""
    monkeypatch.setenv("SHITHUBD_SERVER__MAX_CONNECTIONS", "64")
    made = coordinators().start()
    pat = made.create_token()
    repo = made.repository("demo/live", pat)
    repo.commit({".shithub/workflows/ci.yml": "on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}"})
    repo.push()
    claimed = Claimed(made, made.register_runner("r", labels="linux")["token"])
    path = f"/demo/live/runs/{claimed.run_id}/jobs/{claimed.id}/events"
    held = [EventStream(made.base, path, source=f"127.0.0.{n % 4 + 2}") for n in range(16)]
    assert {one.status for one in held} == {200}
    with EventStream(made.base, path, source="127.0.0.9") as refused:
        assert refused.status == 503
    for one in held:
        one.close()


def rss(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_a_slow_reader_gets_everything_and_takes_no_memory(job, stream, coordinator, build):
    """It reads nothing while 20 MB come; then it gets every line, and the server had kept none of them."""
    live = stream(job)
    live.until(lambda event: event.name == "step")
    fast = stream(job, at="now", source="127.0.0.3")
    fast.until(lambda event: event.name == "step")
    before = rss(coordinator.program.process.pid)
    for first in range(1, 200001, 4000):
        job.say(0, "".join(f"line {n} {'x' * 90}\n" for n in range(first, first + 4000)))
        if first % 20000 == 1:
            fast.until_line(1, first + 3999)
    grown = rss(coordinator.program.process.pid) - before
    # a sanitizer keeps what was freed
    assert grown < (400 if timed.sanitized(build) else 60) << 20, grown
    assert numbers(live.until_line(1, 200000)) == lines(1, 1, 200000)
