"""Callers that want to keep everybody else from the coordinator: connections and bodies."""
import json
import socket
import time

import driver
import pytest

QUICK = 2.0  # seconds for an answer that nobody may delay


def connect(coordinator):
    host, port = coordinator.base.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def head(path, token, *more, length=2):
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}",
             f"Content-Length: {length}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def heartbeat(coordinator, token):
    began = time.monotonic()
    answer = coordinator.request("POST", "/api/v1/runners/heartbeat", {}, token, timeout=10)
    return answer.status, time.monotonic() - began


@pytest.fixture
def token(coordinator):
    return coordinator.register_runner("calm", labels="linux")["token"]


def closed(one):
    """Whether the other end has hung up by now."""
    one.settimeout(0)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_half_sent_requests_shut_nobody_out(coordinator, token):
    flood = []
    for number in range(1200):
        one = connect(coordinator)
        one.sendall(b"POST /api/v1/runners/heartbeat HTTP/1.1\r\nHost:")
        flood.append(one)
        if number % 100 == 99:
            status, took = heartbeat(coordinator, token)
            assert status == 204 and took < QUICK, (number, status, took)
    # the oldest made room, and the rest is ended though a byte comes now and then
    assert closed(flood[0])
    driver.wait_for(lambda: drip_all(flood), 20, "the end of all of them")


def drip_all(flood):
    for one in flood:
        try:
            one.settimeout(0)
            one.send(b"x")
        except OSError:
            pass
    return all(closed(one) for one in flood)


def test_held_heartbeats_count_against_nobody(coordinator, token):
    held = []
    for name in range(20):
        other = coordinator.register_runner(f"r{name}", labels="none")["token"]
        for _ in range(55):
            one = connect(coordinator)
            one.sendall(head("/api/v1/runners/heartbeat", other, "Prefer: wait=60") + b"{}")
            held.append(one)
    status, took = heartbeat(coordinator, token)
    assert status == 204 and took < QUICK, (status, took)
    assert not any(closed(one) for one in held)


def test_bodies_of_strangers_take_no_room(coordinator, token):
    """All but the last byte of 140 MiB: more than what is kept of bodies at one time."""
    size, flood = 1 << 20, []
    for _ in range(140):
        one = connect(coordinator)
        one.sendall(head("/api/v1/runners/evidence", "0" * 64, length=size) + b" " * (size - 1))
        flood.append(one)
    record = {"key": "k", "host": "h", "action": "prune_docker_cache", "status": "planned",
              "documents": {"text": "x" * 900_000}}
    answer = coordinator.request("POST", "/api/v1/runners/evidence", record, token,
                                 {"Idempotency-Key": "k:planned"})
    assert answer.status == 201, json.dumps(answer.json())
    flood[0].sendall(b" ")
    assert b" 401 " in flood[0].recv(100)
    polite = connect(coordinator)
    polite.sendall(head("/api/v1/runners/evidence", "0" * 64, "Expect: 100-continue", length=size))
    assert b" 401 " in polite.recv(100)
